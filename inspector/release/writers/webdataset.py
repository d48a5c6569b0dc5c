"""WebDataset: tars that are read in order, a sample a record (github.com/webdataset/webdataset).

    <split>-000000.tar     at most 500 MB or 1000 records; of each record, one after the other
        <key>.json             what it is: duration, transcripts, labels, streams, mask, the dataset's columns
        <key>.<file name>      each of its files as it is: a sample's `cam.mp4`, `voice.wav`, `imu.csv`
    shared/…               files that several records have a part of

A key is the record's id without the signs that tars, loaders or file systems take for something else; what
is behind its first dot is the name in the sample, in small letters since the loader makes them small. Times
in the JSON are seconds of the record's timeline, time maps applied; the files are in their own time, and
`streams` holds the pairs of nanoseconds that lead from it to the timeline.
"""

from __future__ import annotations

import json
import tarfile
import zlib
from typing import TYPE_CHECKING, Any

from inspector.core import manifest
from inspector.release.copying import pour
from inspector.release.names import Names, safe
from inspector.release.shards import Filling, brought, size_of
from inspector.release.targets import Member, Packed, Piece, Region, Shard, targets
from inspector.release.writers import cells
from inspector.release.writers.huggingface import place_pieces

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path
    from typing import BinaryIO

    from inspector.release.targets import Laid, Reads

BLOCK = 512
LONGEST_KEY = 60
"""Bytes of a key: with a file's name behind it, most stay below the 100 that a plain header holds."""


@targets.register("webdataset", title="WebDataset tar shards")
class WebDataset:
    """One release as tars."""

    def __init__(self) -> None:
        self._names = Names()
        self._keys = Names()
        for name in (manifest.FOLDER, "README.md"):
            self._names.take("", name)
        self._shared: dict[Path, str] = {}
        self._filling = Filling()
        self._key: dict[str, str] = {}

    def lay(self, laid: Laid, reads: Reads) -> None:
        """A sample in the split's shard."""
        place_pieces(laid, self._names, self._shared)
        row = cells.row_of(laid, reads)
        key = safe(laid.record.id).replace(".", "_").encode()[:LONGEST_KEY].decode("utf-8", "ignore")
        self._key[laid.record.id] = self._keys.take("", key)
        told = _told(laid, row)
        packed = [piece.path for piece in laid.pieces if not piece.shared]
        home = packed[0].rpartition("/")[0] if packed else self._names.take(laid.split, laid.record.id)
        path = self._names.take(home, "record.json")
        piece = Piece(path, make=lambda to: to.write_text(told, encoding="utf-8"))
        laid.pieces.insert(0, piece)
        number = self._filling.take(laid.split, size_of(laid))
        laid.shard = Shard(f"{safe(laid.split)}-{number:06}.tar", self._pack, laid.split)

    def _pack(self, laids: Sequence[Laid], to: Path) -> Packed:
        packed = Packed([], [])
        with to.open("wb") as file:
            for laid in laids:
                tar = _Summed(file)
                start = file.tell()
                key = self._key.pop(laid.record.id)
                for number, piece in enumerate(each for each in laid.pieces if not each.shared):
                    name = "json" if number == 0 else _in_sample(piece.path)
                    with brought(piece, to) as source:
                        packed.members.append(_add(tar, f"{key}.{name}", source, piece.path))
                packed.regions.append(Region(start, file.tell() - start, tar.crc32, [laid.record.id]))
            file.write(bytes(2 * BLOCK))
        return packed

    def written(self, laid: Laid, out: Path) -> None:
        """A shard that was there already was not packed again."""
        self._key.pop(laid.record.id, None)

    def finish(self, out: Path) -> Iterable[str]:
        """What somebody reads who finds the tars."""
        (out / "README.md").write_text(README, encoding="utf-8")
        yield "README.md"


README = """# A release made with Inspector

The tars are WebDataset shards: `webdataset.WebDataset("train-{000000..000001}.tar", shardshuffle=False)`
gives a sample a record, with `json` and each file under its own name. Times in `json` are seconds of the
record's timeline; files are in their own time, and `streams` says how it leads to the timeline (`timemap_ns`:
pairs of nanoseconds, own and timeline) and what each stream is (recorded, made by a person or by a model).
`mask` says what is there of each modality, and when: leave out of a loss what is not.

`inspector verify` reads all of it again and names what is not as it was; `release.json` says what the release
was made of, and what this format could not carry.
"""


def _told(laid: Laid, row: cells.Row) -> str:
    """The sample's JSON. A stream's `file` is its name in the sample, or the path of a shared file."""
    shared = {piece.path for piece in laid.pieces if piece.shared}
    streams: list[dict[str, Any]] = []
    for stream, cell in zip(laid.record.streams, row.values["streams"], strict=True):
        path = laid.paths[stream.source.path]
        rest = {name: value for name, value in cell.items() if name != "column"}
        streams.append({**rest, "file": path if path in shared else _in_sample(path)})
    value = {
        **row.values,
        "streams": streams,
        "transcripts": row.texts,
        "columns": dict(laid.columns),
    }
    return json.dumps(manifest.plain_value(value), ensure_ascii=True, allow_nan=False)


def _in_sample(path: str) -> str:
    return path.rpartition("/")[2].lower()


class _Summed:
    """A file that knows the CRC-32 of what was written through it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.crc32 = 0

    def write(self, data: bytes) -> int:
        """As a file's."""
        self.crc32 = zlib.crc32(data, self.crc32)
        return self._file.write(data)

    def tell(self) -> int:
        """As a file's."""
        return self._file.tell()


def _add(tar: _Summed, name: str, source: Path, path: str) -> Member:
    """One member, as any tar program writes it, with nothing in its header that differs from run to run."""
    info = tarfile.TarInfo(name)
    info.size = source.stat().st_size
    tar.write(info.tobuf(tarfile.GNU_FORMAT, "utf-8"))
    offset = tar.tell()
    size, digest = pour(source, tar)
    tar.write(bytes(-size % BLOCK))
    return Member(path, offset, size, digest)
