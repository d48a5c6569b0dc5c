"""Lance: a table that keeps its earlier versions, media as blobs (lance.org/guide/blob).

    records.lance/         one row a record (writers/cells.py); `take_blobs` reads a film without its row
    <split>/<record>/…     the files of transcripts and sensors as they are; the table has what is in them
    shared/…               files that several records have a part of

Each release is a version of the table with its name as tag. One that follows another (`--parent`) has that
one's versions too: its files are copied, by clones where the file system can, and nothing of the parent is
touched. Columns are those of the first shard: what a later record has besides lies in its folder alone.

Needs `pylance`, which the extra `lance` installs.
"""

from __future__ import annotations

import json
import mmap
import re
import shutil
import zlib
from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from inspector.core import manifest
from inspector.core.model import Modality
from inspector.errors import InspectorError
from inspector.release.copying import BLOCK, copy_hashed
from inspector.release.names import Names
from inspector.release.shards import Filling, brought, size_of
from inspector.release.targets import Member, Packed, Region, Shard, targets
from inspector.release.writers import cells
from inspector.release.writers.huggingface import own_types, place_pieces

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from inspector.release.targets import Laid, Reads

TABLE = "records.lance"
STORAGE = "2.1"
"""The format of the data files: the newest that is stable."""
_BLOB = {"lance-encoding:blob": "true"}
_HEAD = 4096
"""Bytes by which a blob is looked for; the rest is compared by its hash."""


def _lance() -> Any:
    try:
        import lance
    except ImportError as error:
        raise InspectorError(
            "Lance is not installed", str(error), 'Install it with: pip install "dataset-inspector[lance]"'
        ) from None
    return lance


@targets.register("lance", title="Lance, each release a version")
class Lance:
    """One release as a version of a table."""

    def __init__(self) -> None:
        self._lance = _lance()
        self._names = Names()
        for name in (TABLE, "README.md"):
            self._names.take("", name)
        self._shared: dict[Path, str] = {}
        self._filling = Filling()
        self._rows: dict[str, cells.Row] = {}
        self._kinds: dict[str, pa.DataType | Modality] = {}
        self._own: dict[str, pa.DataType] = {}
        self._fixed = False
        self._parts: dict[str, int] = {}
        """The data files, with how many rows each has."""
        self._parent: Path | None = None
        self._tag = "release"
        self._mark = "0" * 8

    def follow(self, parent: Path | None, name: str) -> None:
        """The release that this one follows, and what it is called. InspectorError where that is no Lance."""
        self._tag = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.") or "release"
        if parent is not None and manifest.read_card(parent).writer == "lance":
            self._parent = parent
            self._mark = _free_mark(parent)

    def lay(self, laid: Laid, reads: Reads) -> None:
        """A row; media go into it, other files beside."""
        place_pieces(laid, self._names, self._shared)
        row = cells.row_of(laid, reads, dots=False)
        number = self._filling.take("", size_of(laid))
        self._fixed = self._fixed or number > 0
        self._take_columns(laid, row)
        packed = {piece.path for piece in row.blobs.values() if not piece.shared}
        for piece in laid.pieces:
            if piece.path in packed:
                cells.check_size(laid, piece)
        laid.pieces = [
            piece if piece.path in packed else replace(piece, shared=True) for piece in laid.pieces
        ]
        self._rows[laid.record.id] = row
        part = f"{TABLE}/data/part-{self._mark}-{number:05}.lance"
        self._parts[part] = self._parts.get(part, 0) + 1
        laid.shard = Shard(part, self._pack, "")

    def _take_columns(self, laid: Laid, row: cells.Row) -> None:
        """The columns of the table, which the first shard's records make; another's go without."""
        wanted: dict[str, pa.DataType | Modality] = {
            **row.kinds,
            **dict.fromkeys(row.texts, pa.list_(cells.CUE)),
            **dict.fromkeys(row.samples, cells.SAMPLES),
        }
        for name, kind in wanted.items():
            if name not in self._kinds and not self._fixed:
                self._kinds[name] = kind
            if self._kinds.get(name) != kind:
                row.kinds.pop(name, None)
                row.blobs.pop(name, None)
                row.texts.pop(name, None)
                row.samples.pop(name, None)
                laid.lost.append(f"{name} is no column of the first records: it lies beside the table")
        if not self._fixed:
            own_types([_plain(laid)], (), self._own)
        own = own_types([_plain(laid)], ())
        for name, kind in own.items():
            numbers = {kind, self._own.get(name)} <= {pa.int64(), pa.float64()}
            if self._own.get(name) not in (kind, cells.TEXT) and not (self._fixed and numbers):
                laid.lost.append(f"a value of {name} is not of the first records' kind: it is left out")

    # -- data files ----------------------------------------------------------------------------------------

    def _schema(self) -> pa.Schema:
        fields = [pa.field("record_id", cells.TEXT)]
        for name, kind in self._kinds.items():
            blob = isinstance(kind, Modality)
            fields.append(pa.field(name, pa.large_binary(), metadata=_BLOB) if blob else pa.field(name, kind))
        fields += [
            pa.field(name, kind) for name, kind in cells.FIXED.items() if name not in ("record_id", "files")
        ]
        taken = {each.name for each in fields}
        return pa.schema([*fields, *(pa.field(*each) for each in self._own.items() if each[0] not in taken)])

    def _pack(self, laids: Sequence[Laid], to: Path) -> Packed:
        self._fixed = True
        schema = self._schema()
        found: list[tuple[str, int, str, bytes]] = []
        self._write(schema, self._batches(laids, schema, to, found), to)
        records = [laid.record.id for laid in laids]
        with to.open("rb") as read, mmap.mmap(read.fileno(), 0, access=mmap.ACCESS_READ) as whole:
            members = [_place(whole, *each) for each in found]
            region = Region(0, len(whole), _crc(whole), records)
        return Packed(members, [region])

    def _write(self, schema: pa.Schema, batches: Iterator[pa.RecordBatch], to: Path) -> dict[str, Any]:
        """A data file; what it is to a table, as Lance tells it in JSON."""
        home = to.with_name(f"{to.name}.part")
        shutil.rmtree(home, ignore_errors=True)
        try:
            (fragment,) = self._lance.fragment.write_fragments(
                pa.RecordBatchReader.from_batches(schema, batches),
                str(home),
                schema=schema,
                mode="create",
                data_storage_version=STORAGE,
                max_rows_per_file=1 << 30,
                max_bytes_per_file=1 << 60,
            )
            told: dict[str, Any] = fragment.to_json()
            (home / "data" / told["files"][0]["path"]).replace(to)
        finally:
            shutil.rmtree(home, ignore_errors=True)
        return told

    def _fragments(self, out: Path) -> Iterator[Any]:
        """The data files as parts of the table: all are laid out like one that holds nothing."""
        schema = self._schema()
        nothing = pa.RecordBatch.from_arrays([pa.nulls(1, each.type) for each in schema], schema=schema)
        place = out / TABLE / "nothing"
        like = self._write(schema, iter([nothing]), place)
        place.unlink()
        for number, (part, rows) in enumerate(self._parts.items()):
            path = out / part
            file = {**like["files"][0], "path": path.name, "file_size_bytes": path.stat().st_size}
            told = {**like, "id": number, "files": [file], "physical_rows": rows}
            yield self._lance.fragment.FragmentMetadata.from_json(json.dumps(told))

    def _batches(
        self, laids: Sequence[Laid], schema: pa.Schema, to: Path, found: list[tuple[str, int, str, bytes]]
    ) -> Iterator[pa.RecordBatch]:
        for laid in laids:
            row = self._rows[laid.record.id]
            own = cells.own_columns(_plain(laid).columns, self._own)
            arrays = []
            for each in schema:
                kind = self._kinds.get(each.name)
                if isinstance(kind, Modality):
                    value = None
                    piece = row.blobs.get(each.name)
                    if piece is not None and not piece.shared:
                        with brought(piece, to) as source:
                            value = source.read_bytes()
                        found.append((piece.path, len(value), sha256(value).hexdigest(), value[:_HEAD]))
                    arrays.append(pa.array([value], pa.large_binary()))
                elif kind == cells.SAMPLES:
                    arrays.append(cells.samples_array([row.samples.get(each.name)]))
                elif kind is not None:
                    arrays.append(pa.array([row.texts.get(each.name)], kind))
                elif each.name in cells.FIXED:
                    arrays.append(pa.array([row.values[each.name]], each.type))
                else:
                    arrays.append(_scalar(own.get(each.name), each.type))
            yield pa.RecordBatch.from_arrays(arrays, schema=schema)

    # -- the table -----------------------------------------------------------------------------------------

    def written(self, laid: Laid, out: Path) -> None:
        """Its row is not needed any more."""
        self._rows.pop(laid.record.id, None)

    def finish(self, out: Path) -> Iterable[str]:
        """The table's new version and its tag; all its files but the new data files."""
        lance, table = self._lance, out / TABLE
        for name in ("_versions", "_transactions", "_refs", "_latest.manifest"):
            shutil.rmtree(table / name, ignore_errors=True)  # of an interrupted run
        version = self._copy_parent(table)
        fragments = list(self._fragments(out))
        operation = lance.LanceOperation.Overwrite(self._schema(), fragments)
        dataset = lance.LanceDataset.commit(str(table), operation, read_version=version)
        tag, number = self._tag, 1
        while tag in dataset.tags.list():
            number += 1
            tag = f"{self._tag}-{number}"
        dataset.tags.create(tag, dataset.version)
        (out / "README.md").write_text(README.format(tag=tag), encoding="utf-8")
        yield "README.md"
        for path in sorted(each for each in table.rglob("*") if each.is_file()):
            name = path.relative_to(out).as_posix()
            if name not in self._parts:
                yield name

    def _copy_parent(self, table: Path) -> int | None:
        """The parent's versions; the newest of them. InspectorError where a file of it cannot be read."""
        if self._parent is None:
            return None
        home = self._parent / TABLE
        for path in sorted(each for each in home.rglob("*") if each.is_file() and not each.is_symlink()):
            to = table / path.relative_to(home)
            to.parent.mkdir(parents=True, exist_ok=True)
            copy_hashed(path, to)
        version: int = self._lance.dataset(str(table)).version
        return version


README = """# A release made with Inspector

`lance.dataset("records.lance", version="{tag}")` is the table as it was released; earlier releases have
their own tags. Each row is one record; media are blobs (`dataset.take_blobs("cam", indices=[0])`),
transcripts, samples and labels are in seconds of one timeline. `streams` says what each stream is (recorded,
made by a person or by a model), and how its own time leads to the timeline: `timemap_ns` are pairs of
nanoseconds (own, timeline). `mask` says what is there of each modality, and when: leave out of a loss what is
not.

`inspector verify` reads all of it again and names what is not as it was; `release.json` says what the release
was made of, and what this format could not carry.
"""


def _free_mark(parent: Path) -> str:
    """What the new data files are called by, so that none has the name of one that the parent brings along.

    The parent's root is not enough: a release that holds what its own parent held has the same one.
    """
    root, number = manifest.read_card(parent).root, 0
    mark = root[:8]
    while any((parent / TABLE / "data").glob(f"part-{mark}-*")):
        number += 1
        mark = sha256(f"{root} {number}".encode()).hexdigest()[:8]
    return mark


def _plain(laid: Laid) -> Laid:
    """The record with its own columns under names that Lance takes: a dot is the way into a struct there."""
    return replace(laid, columns={name.replace(".", "_"): value for name, value in laid.columns.items()})


def _scalar(value: Any, kind: pa.DataType) -> pa.Array:
    try:
        return pa.array([value], kind)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.nulls(1, kind)


def _place(whole: mmap.mmap, path: str, size: int, digest: str, head: bytes) -> Member:
    """Where a blob stands in a data file. Raises ValueError where it does not stand there as it is."""
    at = whole.find(head)
    while at >= 0:
        if at + size <= len(whole) and _digest(whole, at, size) == digest:
            return Member(path, at, size, digest)
        at = whole.find(head, at + 1)
    raise ValueError(f"Lance does not hold {path} as it is")


def _digest(whole: mmap.mmap, at: int, size: int) -> str:
    digest = sha256()
    for start in range(at, at + size, BLOCK):
        digest.update(whole[start : min(start + BLOCK, at + size)])
    return digest.hexdigest()


def _crc(whole: mmap.mmap) -> int:
    found = 0
    for start in range(0, len(whole), BLOCK):
        found = zlib.crc32(whole[start : start + BLOCK], found)
    return found
