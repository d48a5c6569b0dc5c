"""What a dataset held when it was last seen: each record's files, and what was in those with decisions.

    <workspace>/seen/assets.parquet   one row a record's file: ASSETS
    <workspace>/seen/streams.parquet  one row a stream of a record that was looked into: STREAMS
    <workspace>/seen/prints/*.parquet what tracks held, by the content of their file: PRINTS

When the data is delivered again this is all that is left of the old files: by their contents records are
known again under other names, and by the prints it is told what changed in a file. A record that nobody
decided anything on is known by its files alone; the others are read once, packets and stamps, not decoded.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from inspector.core.files import write_atomic
from inspector.core.prints import CODED, Print
from inspector.errors import InspectorError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from inspector.core.desk import Desk
    from inspector.core.model import Record, Stream
    from inspector.media.prints import Printer
    from inspector.release.plan import Opened

FOLDER = "seen"
BATCH = 128
"""Prints that are kept before they are written."""

ASSETS = pa.schema(
    [
        ("record_id", pa.string()),
        ("identity", pa.string()),
        ("path", pa.string()),  # relative to the dataset where it lies in it
        ("part", pa.string()),
        ("bytes", pa.int64()),
        ("mtime_ns", pa.int64()),
        ("content", pa.string()),
    ]
)
STREAMS = pa.schema(
    [
        ("record_id", pa.string()),
        ("identity", pa.string()),
        ("stream_id", pa.string()),
        ("modality", pa.string()),
        ("content", pa.string()),
        ("selector", pa.string()),
        ("reference", pa.bool_()),
    ]
)
PRINTS = pa.schema(
    [
        ("content", pa.string()),
        ("selector", pa.string()),
        ("level", pa.string()),
        ("shape", pa.string()),
        ("digest", pa.string()),
        ("times", pa.string()),
        ("count", pa.int64()),
        ("end_ns", pa.int64()),
        ("marks", pa.binary()),
        ("sums", pa.binary()),
        ("starts_ns", pa.binary()),
    ]
)


@dataclass(frozen=True, slots=True)
class Asset:
    """One file of a record: its path relative to the dataset, which part is meant, and what is in it."""

    path: str
    part: str
    content: str
    bytes: int = 0
    mtime_ns: int = 0


@dataclass(frozen=True, slots=True)
class Track:
    """One stream of a record: what is in its file, and which part of the file it is."""

    stream_id: str
    modality: str
    content: str
    selector: str
    reference: bool = False


class Before(Protocol):
    """An earlier state of a dataset."""

    name: str
    whole: bool
    """Whether it knows every file of a record: a release holds no files of labels."""

    def identities(self) -> dict[str, str]:
        """Every record's content identity."""
        ...

    def assets(self, record_id: str) -> Sequence[Asset]:
        """A record's files."""
        ...

    def tracks(self, record_id: str) -> Sequence[Track]:
        """Its streams, as far as it was looked into."""
        ...

    def print_of(self, track: Track, level: str) -> Print | None:
        """What a track held; None where nobody noted it."""
        ...


def selector_of(stream: Stream) -> str:
    """Which part of its file a stream is, as a short text without the file's path."""
    plain = {name: value for name, value in asdict(stream.source).items() if value not in (None, (), "")}
    plain.pop("path")
    if stream.source.format != "table":
        for name in ("columns", "time_column", "time_unit", "epoch_ns"):
            plain.pop(name, None)
    return f"{stream.modality.value} {json.dumps(plain, sort_keys=True, separators=(',', ':'))}"


def relative(path: str | Path, root: Path) -> str:
    """A file's path as it is kept: below the dataset where it lies there, with `/`."""
    text, base = os.fspath(path), os.fspath(root)
    return (text[len(base) + 1 :] if text.startswith(base + os.sep) else text).replace(os.sep, "/")


def assets_of(desk: Desk, root: Path, record_id: str) -> list[Asset]:
    """A record's files as they are now."""
    found = []
    for path, part in desk.assets(record_id):
        try:
            stat = os.stat(path)
            size, mtime = stat.st_size, stat.st_mtime_ns
        except OSError:
            size = mtime = 0
        found.append(Asset(relative(path, root), part, desk.identities.content(path), size, mtime))
    return found


def tracks_of(desk: Desk, record: Record) -> list[Track]:
    """A loaded record's streams."""
    return [track_of(desk, stream, stream.id == record.reference) for stream in record.streams]


def track_of(desk: Desk, stream: Stream, reference: bool = False) -> Track:
    """What a stream's file holds now, and which part of it the stream is."""
    content = desk.identities.content(str(stream.source.path))
    return Track(stream.id, stream.modality.value, content, selector_of(stream), reference)


class Seen:
    """The state that lies in a workspace. Safe to use from one thread at a time. Satisfies Before."""

    def __init__(self, workspace: Path) -> None:
        self.folder = workspace / FOLDER
        self.name = "last seen"
        self.whole = True
        self._rows: dict[str, list[Asset]] = {}
        self._identities: dict[str, str] = {}
        self._tracks: dict[tuple[str, str], list[Track]] = {}
        self._prints: dict[tuple[str, str, str], tuple[str, int]] = {}
        self._fresh: dict[tuple[str, str, str], Print] = {}
        self._part: tuple[str, pa.Table] | None = None
        self.exists = self._read()

    def _read(self) -> bool:
        assets = _table(self.folder / "assets.parquet", ASSETS)
        if assets is None:
            return False
        for batch in assets.to_batches(65_536):
            for row in batch.to_pylist():
                record_id, identity = row.pop("record_id"), row.pop("identity")
                self._identities[record_id] = identity
                if row["path"] is not None:
                    self._rows.setdefault(record_id, []).append(Asset(**row))
        for row in _rows(_table(self.folder / "streams.parquet", STREAMS)):
            key = (row.pop("record_id"), row.pop("identity"))
            self._tracks.setdefault(key, []).append(Track(**row))
        for place in sorted((self.folder / "prints").glob("*.parquet")):
            keys = _table(place, PRINTS, ["content", "selector", "level"])
            for number, row in enumerate(_rows(keys)):
                self._prints[row["content"], row["selector"], row["level"]] = (place.name, number)
        return True

    def __len__(self) -> int:
        """How many records were seen."""
        return len(self._identities)

    def identities(self) -> dict[str, str]:
        """Every record's content identity."""
        return self._identities

    def assets(self, record_id: str) -> Sequence[Asset]:
        """A record's files as they were."""
        return self._rows.get(record_id, ())

    def tracks(self, record_id: str) -> Sequence[Track]:
        """Its streams as they were, where it was looked into."""
        return self._tracks.get((record_id, self._identities.get(record_id, "")), ())

    def print_of(self, track: Track, level: str = CODED) -> Print | None:
        """What a track held; None where nobody noted it, or its note cannot be read."""
        fresh = self._fresh.get((track.content, track.selector, level))
        if fresh is not None:
            return fresh
        found = self._prints.get((track.content, track.selector, level))
        if found is None:
            return None
        name, row = found
        if self._part is None or self._part[0] != name:
            table = _table(self.folder / "prints" / name, PRINTS)
            if table is None:
                return None
            self._part = (name, table)
        plain = self._part[1].slice(row, 1).to_pylist()[0]
        values: dict[str, Any] = {each: plain[each] for each in PRINTS.names[2:8]}
        try:
            values |= {each: np.frombuffer(plain[each], np.uint64) for each in ("marks", "sums")}
            values["starts_ns"] = np.cumsum(np.frombuffer(plain["starts_ns"], np.int64))
        except (ValueError, TypeError):  # what a folder brings along is not believed
            return None
        lengths = {len(values[each]) for each in ("marks", "sums", "starts_ns")}
        return None if any(each is None for each in values.values()) or len(lengths) != 1 else Print(**values)

    # -- noting --------------------------------------------------------------------------------------------

    def knows(self, track: Track, level: str) -> bool:
        """Whether what a track holds was noted."""
        return (track.content, track.selector, level) in self._prints

    def note(
        self,
        session: Opened,
        deep: Iterable[str] = (),
        levels: Sequence[str] = (CODED,),
        told: Callable[[int], None] | None = None,
    ) -> list[str]:
        """Take what the dataset holds now as last seen; the records `deep` are looked into, at each level.

        `told` hears of each record looked into, and may raise to stop: what is noted by then is kept. What
        could not be read comes back, a line each. Raises InspectorError where it cannot be written.
        """
        desk, root = session.desk, session.root
        problems: list[str] = []
        from inspector.media.prints import Printer

        try:
            with Printer() as printer:
                for number, record_id in enumerate(deep):
                    if told is not None:
                        told(number)
                    problems += self._look_into(session, record_id, levels, printer)
        finally:
            self.flush()
        rows: list[dict[str, Any]] = []
        here: dict[str, str] = {}
        for record_id in session.record_ids():
            identity = desk.present(record_id)
            here[record_id] = identity or ""
            head = {"record_id": record_id, "identity": identity}
            found = [{**head, **asdict(each)} for each in assets_of(desk, root, record_id)]
            rows += found or [{**head, **dict.fromkeys(ASSETS.names[2:])}]
        self._identities = here
        streams = [
            {"record_id": record_id, "identity": identity, **asdict(track)}
            for (record_id, identity), tracks in self._tracks.items()
            if here.get(record_id) == identity
            for track in tracks
        ]
        self._write("streams.parquet", pa.Table.from_pylist(streams, STREAMS))
        self._write("assets.parquet", pa.Table.from_pylist(rows, ASSETS))
        self._drop_prints({(each["content"], each["selector"]) for each in streams})
        desk.identities.keep()
        self.exists = True
        return problems

    def _look_into(
        self, session: Opened, record_id: str, levels: Sequence[str], printer: Printer
    ) -> Iterator[str]:
        try:
            record = session.dataset.load(record_id)
        except InspectorError as error:
            yield f"{record_id}: {error}"
            return
        tracks = tracks_of(session.desk, record)
        self._tracks[record_id, session.desk.present(record_id) or ""] = tracks
        for track, stream in zip(tracks, record.streams, strict=True):
            try:
                for level in levels:
                    if not self.knows(track, level):
                        self.made(track, stream, level, printer)
            except InspectorError as error:
                yield f"{record_id}: {stream.id}: {error}"

    def made(self, track: Track, stream: Stream, level: str, printer: Printer) -> Print:
        """What a track holds that is there now: as noted, else made. InspectorError if it is broken."""
        known = self.print_of(track, level)
        if known is None:
            key = (track.content, track.selector, level)
            known = self._fresh[key] = printer.make(stream, level)
            self._prints[key] = ("", -1)
            if len(self._fresh) >= BATCH:
                self.flush()
        return known

    def flush(self) -> None:
        """Write down what was made. InspectorError where it cannot be written."""
        if not self._fresh:
            return
        rows = [
            {
                "content": content,
                "selector": selector,
                **{name: getattr(each, name) for name in PRINTS.names[2:8]},
                "marks": each.marks.tobytes(),
                "sums": each.sums.tobytes(),
                "starts_ns": np.diff(each.starts_ns, prepend=np.int64(0)).tobytes(),
            }
            for (content, selector, _), each in self._fresh.items()
        ]
        name = f"{os.urandom(6).hex()}.parquet"
        self._write(f"prints/{name}", pa.Table.from_pylist(rows, PRINTS))
        for row, key in enumerate(self._fresh):
            self._prints[key] = (name, row)
        self._fresh.clear()

    def _drop_prints(self, wanted: set[tuple[str, str]]) -> None:
        """Take away the files of prints that nobody asks for any more: their tracks are no longer seen.

        One of which little is left is written anew. Another process that knows the old one notes it again.
        """
        rows: dict[str, dict[int, tuple[str, str, str]]] = {}
        for key, (name, row) in self._prints.items():
            rows.setdefault(name, {})[row] = key
        self._part = None
        for name, keys in rows.items():
            kept = [row for row, key in sorted(keys.items()) if key[:2] in wanted]
            place = self.folder / "prints" / name
            if 2 * len(kept) >= len(keys):
                continue
            table = _table(place, PRINTS) if kept else None
            if kept and table is None:
                continue
            new = f"{os.urandom(6).hex()}.parquet"
            if table is not None:
                self._write(f"prints/{new}", table.take(pa.array(kept)))
            for key in keys.values():
                del self._prints[key]
            self._prints |= {keys[row]: (new, number) for number, row in enumerate(kept)}
            with suppress(OSError):
                place.unlink()

    def _write(self, name: str, table: pa.Table) -> None:
        place = self.folder / name
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InspectorError(
                "What was seen cannot be noted",
                f"{place}: {error.strerror}",
                "Name a folder that can be written with --workspace",
            ) from error
        if not write_atomic(place, lambda beside: pq.write_table(table, beside, compression="zstd")):
            raise InspectorError("What was seen cannot be noted", str(place), "Make room on the disk")


def _table(place: Path, schema: pa.Schema, columns: list[str] | None = None) -> pa.Table | None:
    """A table of this state; None where there is none that can be read."""
    try:
        table = pq.read_table(place, columns=columns)
    except (OSError, pa.ArrowException):
        return None
    wanted = columns or schema.names
    return table.select(wanted) if set(wanted) <= set(table.column_names) else None


def _rows(table: pa.Table | None) -> list[dict[str, Any]]:
    return [] if table is None else table.to_pylist()
