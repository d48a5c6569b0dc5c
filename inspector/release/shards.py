"""Files that hold many records: each is one piece of work, written whole, and is taken up again as one.

Records come in the plan's order. Those of a series that share a shard are gathered until one comes that does
not; then the shard is written while the next one is gathered.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from inspector.core import manifest
from inspector.release.copying import changed, hash_file, state_of
from inspector.release.targets import Asset, Member, Packed, Region

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Future
    from pathlib import Path

    from inspector.release.targets import Laid, Piece, Shard

MOST_RECORDS = 1000
MOST_BYTES = 500 << 20
"""A shard is closed before the record that would take it over either."""


class Filling:
    """Gives each record of a split its shard's number."""

    def __init__(self, most_records: int = MOST_RECORDS, most_bytes: int = MOST_BYTES) -> None:
        self._most = (most_records, most_bytes)
        self._now: dict[str, tuple[int, int, int]] = {}

    def take(self, split: str, size: int) -> int:
        """The number of the shard that a record of so many bytes goes into."""
        number, records, total = self._now.get(split, (0, 0, 0))
        if records and (records >= self._most[0] or total + size > self._most[1]):
            number, records, total = number + 1, 0, 0
        self._now[split] = (number, records + 1, total + size)
        return number


def size_of(laid: Laid) -> int:
    """Bytes that a record's pieces take, as far as that is known before they are made."""
    packed = [piece.source for piece in laid.pieces if piece.source is not None and not piece.shared]
    return sum(state_of(source)[0] for source in packed)


@dataclass(slots=True)
class Batch:
    """Records that are written together; `packed` gives their shard and, by path, what lies in it."""

    shard: Shard | None
    laids: list[Laid] = field(default_factory=list)
    packed: Future[tuple[Asset, dict[str, Asset]]] | None = None


class Batches:
    """Gathers records; `start` has a full batch written."""

    def __init__(self, start: Callable[[Batch], Future[tuple[Asset, dict[str, Asset]]]]) -> None:
        self._start = start
        self._open: dict[str, Batch] = {}

    def take(self, laid: Laid) -> Iterator[Batch]:
        """The batches that are full now that this record is there."""
        if laid.shard is None:
            yield Batch(None, [laid])
            return
        series = laid.shard.series
        batch = self._open.get(series)
        if batch is None or batch.shard is None or batch.shard.path != laid.shard.path:
            if batch is not None:
                yield self._closed(batch)
            batch = self._open[series] = Batch(laid.shard)
        batch.laids.append(laid)

    def rest(self) -> Iterator[Batch]:
        """Those that are left at the end; all of them are begun before the first is given."""
        yield from [self._closed(batch) for batch in self._open.values()]

    def _closed(self, batch: Batch) -> Batch:
        batch.packed = self._start(batch)
        return batch


def pack(
    batch: Batch,
    to: Path,
    kept: list[Any] | None,
    states: dict[Path, tuple[int, int]],
    named: Callable[[Path], str],
    done: Callable[[str], object],
) -> tuple[Asset, dict[str, Asset]]:
    """Write a batch's shard to `to`, unless `kept` is the line of `done` that was written for this very one.

    The shard, and what lies in it by path. `states` is told what each source was; `named` gives a source's
    path as it is told. InspectorError where a source changes or is gone.
    """
    shard = batch.shard
    assert shard is not None
    pieces = [piece for laid in batch.laids for piece in laid.pieces if not piece.shared]
    before = {piece.source: state_of(piece.source) for piece in pieces if piece.source is not None}
    states.update(before)
    mark = _mark(batch, pieces, before)
    size, digest, held = 0, "", None
    if kept is not None and kept[0] == mark:
        with suppress(OSError):
            size, digest = hash_file(to)
            if [size, digest] == kept[1:3]:
                held = Packed([Member(*each) for each in kept[3][0]], [Region(*each) for each in kept[3][1]])
    if held is None:
        held = shard.pack(batch.laids, to)
        for source, state in before.items():
            if state_of(source) != state:
                raise changed(source)
        size, digest = hash_file(to)
        done(json.dumps([shard.path, mark, size, digest, held]) + "\n")
    by_path = {piece.path: piece for piece in pieces}
    assets = {}
    for each in held.members:
        piece = by_path[each.path]
        made_from = None if piece.source is None else named(piece.source)
        assets[each.path] = Asset(
            each.path, each.bytes, each.sha256, made_from, piece.change, shard.path, each.offset
        )
    return Asset(shard.path, size, digest, regions=held.regions), assets


def _mark(batch: Batch, pieces: list[Piece], before: dict[Path, tuple[int, int]]) -> str:
    """What a shard is made of, as a hash: the records, and the files with their size and time of change."""
    digest = hashlib.sha256()
    for laid in batch.laids:
        columns = manifest.plain_value(dict(laid.columns))
        digest.update(
            manifest.canonical([manifest.record_value(laid.record, laid.paths), columns, laid.mask])
        )
    for piece in pieces:
        state = None if piece.source is None else before[piece.source]
        digest.update(manifest.canonical([piece.path, state, piece.change]))
    return digest.hexdigest()


@contextmanager
def brought(piece: Piece, beside: Path) -> Iterator[Path]:
    """The file with a piece's bytes; what must be made is made beside `beside`, and goes again."""
    if piece.make is None:
        assert piece.source is not None
        yield piece.source
        return
    made = beside.with_name(f"{beside.name}.piece")
    try:
        piece.make(made)
        yield made
    finally:
        with suppress(OSError):
            made.unlink()
