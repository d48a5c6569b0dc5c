"""Parquet as Hugging Face's `datasets` loads it, with its features, and a dataset card.

    README.md                     the card: splits, features, licence, what was left out
    data/<split>-00000.parquet    one row a record (writers/cells.py), at most 500 MB or 1000 of them
    shared/…                      files that several records have a part of

The tables of the manifest are configurations of their own: `load_dataset(path, "mask")`, `"streams"`.
Features: huggingface.co/docs/datasets/about_dataset_features; the card's header:
huggingface.co/docs/hub/datasets-manual-configuration. A shard has the columns of its own records; the card
has those of all, and the loader fills what a shard has not with nulls.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from inspector.core import manifest
from inspector.core.model import Modality
from inspector.release.names import Names
from inspector.release.shards import Filling, brought, size_of
from inspector.release.tables import licence_of
from inspector.release.targets import Piece, Shard, targets
from inspector.release.writers import cells
from inspector.release.writers.card import flow, plain_split
from inspector.release.writers.folder import SHARED
from inspector.release.writers.parquet_shard import ParquetShard

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from pathlib import Path

    from inspector.release.targets import Laid, Packed, Reads

GROUP_RECORDS = 100
GROUP_BYTES = 64 << 20
"""A row group is closed at either: a loader reads it whole."""
_FEATURE = {Modality.VIDEO: "Video", Modality.AUDIO: "Audio", Modality.IMAGE: "Image"}


def place_pieces(laid: Laid, names: Names, shared: dict[Path, str]) -> None:
    """Give each file of a record its path and piece; one that others share a part of lies beside, whole."""
    home = ""
    for stream in laid.record.streams:
        path = stream.source.path
        if path in laid.paths:
            continue
        part = stream.source.start_ns is not None or stream.source.row_start is not None
        if part:
            if path not in shared:
                shared[path] = names.take(SHARED, path.name)
            laid.paths[path] = shared[path]
            laid.lost.append(f"{path.name} is there whole, with what it holds of other records")
        else:
            home = home or names.take(laid.split, laid.record.id)
            laid.paths[path] = names.take(home, path.name)
        laid.pieces.append(Piece(laid.paths[path], path, shared=part))


@targets.register("huggingface", title="Hugging Face Parquet with a dataset card")
class HuggingFace:
    """One release as Parquet shards."""

    def __init__(self) -> None:
        self._names = Names()
        for name in ("data", "manifest", "README.md"):
            self._names.take("", name)
        self._shared: dict[Path, str] = {}
        self._filling = Filling()
        self._rows: dict[str, cells.Row] = {}
        self._kinds: dict[str, pa.DataType | Modality] = {}
        self._own: dict[str, pa.DataType] = {}
        self._renamed: dict[str, str] = {}
        self._splits: Counter[str] = Counter()
        self._licences: set[str] = set()

    def lay(self, laid: Laid, reads: Reads) -> None:
        """A row in the split's shard."""
        place_pieces(laid, self._names, self._shared)
        row = self._rows[laid.record.id] = cells.row_of(laid, reads)
        for piece in laid.pieces:
            if not piece.shared:
                cells.check_size(laid, piece)
        for name, modality in row.kinds.items():
            self._know(laid, name, modality)
        for name in row.texts:
            self._know(laid, name, pa.list_(cells.CUE))
        for name in row.samples:
            self._know(laid, name, cells.SAMPLES)
        self._splits[laid.split] += 1
        number = self._filling.take(laid.split, size_of(laid))
        laid.shard = Shard(f"data/{plain_split(laid.split)}-{number:05}.parquet", self._pack, laid.split)
        own_types([laid], (), self._own)

    def _know(self, laid: Laid, name: str, kind: pa.DataType | Modality) -> None:
        """A column; what another record has under this name as another kind stays in `files` alone."""
        known = self._kinds.setdefault(name, kind)
        if known == kind:
            return
        row = self._rows[laid.record.id]
        if name in row.blobs:
            row.files.append(row.blobs.pop(name))
            row.kinds.pop(name)
        row.texts.pop(name, None)
        row.samples.pop(name, None)
        laid.lost.append(f"{name} is another kind of stream elsewhere: it is in the column `files` alone")

    # -- shards --------------------------------------------------------------------------------------------

    def _pack(self, laids: Sequence[Laid], to: Path) -> Packed:
        rows = [self._rows[laid.record.id] for laid in laids]
        names = {name for row in rows for name in (*row.blobs, *row.texts, *row.samples)}
        kinds = {name: kind for name, kind in dict(self._kinds).items() if name in names}
        own = own_types(laids, names)
        schema = _schema(kinds, own)
        with ParquetShard(to, schema) as shard:
            first = size = 0
            for place, laid in enumerate(laids):
                size += size_of(laid)
                last = place == len(laids) - 1
                if last or size >= GROUP_BYTES or place + 1 - first >= GROUP_RECORDS:
                    self._group(shard, schema, kinds, own, laids[first : place + 1], to)
                    first, size = place + 1, 0
        return shard.packed

    def _group(
        self,
        shard: ParquetShard,
        schema: pa.Schema,
        kinds: dict[str, pa.DataType | Modality],
        own: dict[str, pa.DataType],
        laids: Sequence[Laid],
        to: Path,
    ) -> None:
        rows = [self._rows.pop(laid.record.id) for laid in laids]
        written: list[tuple[str, list[tuple[str, bytes]]]] = []
        columns: dict[str, pa.Array] = {}

        def blob(piece: Piece, into: list[tuple[str, bytes]]) -> dict[str, Any]:
            if piece.shared:
                return {"bytes": None, "path": piece.path}
            with brought(piece, to) as file:
                into.append((piece.path, file.read_bytes()))
            return {"bytes": into[-1][1], "path": piece.path.rpartition("/")[2]}

        for name, kind in kinds.items():
            if isinstance(kind, Modality):
                held: list[tuple[str, bytes]] = []
                found = [blob(row.blobs[name], held) if name in row.blobs else None for row in rows]
                columns[name] = pa.array(found, cells.BLOB)
                written.append((name, held))
            elif kind == cells.SAMPLES:
                columns[name] = cells.samples_array([row.samples.get(name) for row in rows])
            else:
                columns[name] = pa.array([row.texts.get(name) for row in rows], kind)
        held = []
        files = [[blob(piece, held) for piece in row.files] for row in rows]
        written.append(("files", held))
        for name, kind in cells.FIXED.items():
            values = files if name == "files" else [row.values[name] for row in rows]
            columns[name] = pa.array(values, kind)
        table = [cells.own_columns(laid.columns, own) for laid in laids]
        for name, kind in own.items():
            columns[name] = pa.array([each[name] for each in table], kind)
        made = pa.table([columns[name] for name in schema.names], schema=schema)
        shard.write(made, written, [laid.record.id for laid in laids])

    def written(self, laid: Laid, out: Path) -> None:
        """A shard that was there already was not packed again: its rows are not needed."""
        self._rows.pop(laid.record.id, None)
        self._licences.add(licence_of(laid.columns) or "")

    def finish(self, out: Path) -> Iterable[str]:
        """The card."""
        (out / "README.md").write_text(self._card(), encoding="utf-8")
        yield "README.md"

    def _card(self) -> str:
        own = {name: kind for name, kind in self._own.items() if name not in self._kinds}
        names = [plain_split(split) for split in self._splits]
        splits = [{"split": name, "path": f"data/{name}-*.parquet"} for name in names]
        tables = ("streams", "coverage", "records", "assets")
        header = {
            "license": _licence(self._licences),
            "configs": [
                {"config_name": "default", "data_files": splits, "default": True},
                *(
                    {
                        "config_name": {"coverage": "mask"}.get(table, table),
                        "data_files": [{"split": "rows", "path": f"{manifest.FOLDER}/{table}.parquet"}],
                    }
                    for table in tables
                ),
            ],
            "dataset_info": [{"config_name": "default", "features": _listed(features(self._kinds, own))}],
        }
        lines = [f"{name}: {flow(value)}" for name, value in header.items()]
        counted = "".join(f"| {plain_split(split)} | {count} |\n" for split, count in self._splits.items())
        return "\n".join(["---", *lines, "---", ""]) + CARD.format(counted=counted)


CARD = """
# A release made with Inspector

| split | records |
|---|---|
{counted}
Each row is one record: its films, sounds and pictures as they are, its transcripts, samples and labels
in seconds of one timeline. What was decided on the record is in it. `streams` says what each stream is
(recorded, made by a person or by a model), and how its own time leads to the timeline: `timemap_ns` are
pairs of nanoseconds (own, timeline). `mask` says what is there of each modality, and when: leave out of a
loss what is not. `load_dataset(path, "mask")` and `load_dataset(path, "streams")` give both as tables.

`inspector verify` reads all of it again and names what is not as it was; `release.json` says what the
release was made of, and what this format could not carry.
"""


def _licence(found: set[str]) -> str:
    """The card's licence where all records have the same one; the hub knows others as `other`."""
    return found.pop().lower() if len(found) == 1 and "" not in found else "other"


def own_types(
    laids: Sequence[Laid], taken: Collection[str], found: dict[str, pa.DataType] | None = None
) -> dict[str, pa.DataType]:
    """The types of the dataset's own columns, by their values; `found` is what is known of them already.

    Names of fixed columns and those in `taken` are left out. Numbers and texts in one column are texts.
    """
    found = {} if found is None else found
    for laid in laids:
        for name, value in laid.columns.items():
            if value is None or name in taken or name in cells.FIXED:
                continue
            kind = _own_type(value)
            known = found.setdefault(name, kind)
            if known != kind:
                numbers = {known, kind} == {pa.int64(), pa.float64()}
                found[name] = pa.float64() if numbers else cells.TEXT
    return found


def _own_type(value: Any) -> pa.DataType:
    if isinstance(value, bool):
        return pa.bool_()
    if isinstance(value, int) and -(1 << 63) <= value < 1 << 63:
        return pa.int64()
    return pa.float64() if isinstance(value, float) else cells.TEXT


def _schema(kinds: dict[str, pa.DataType | Modality], own: dict[str, pa.DataType]) -> pa.Schema:
    fields = [("record_id", cells.TEXT)]
    fields += [(name, cells.BLOB if isinstance(kind, Modality) else kind) for name, kind in kinds.items()]
    fields += [(name, kind) for name, kind in cells.FIXED.items() if name not in ("record_id", "files")]
    fields += [*own.items(), ("files", cells.FIXED["files"])]
    info = {"info": {"features": features(kinds, own)}}
    return pa.schema(fields, metadata={"huggingface": json.dumps(info)})


def features(kinds: dict[str, pa.DataType | Modality], own: dict[str, pa.DataType]) -> dict[str, Any]:
    """The features of a table as `datasets` writes them: https://huggingface.co/docs/datasets/about_dataset_features."""
    found: dict[str, Any] = {"record_id": _feature(cells.TEXT)}
    for name, kind in kinds.items():
        found[name] = {"_type": _FEATURE[kind]} if isinstance(kind, Modality) else _feature(kind)
    fixed = {name: kind for name, kind in cells.FIXED.items() if name not in ("record_id", "files")}
    found |= {name: _feature(kind) for name, kind in fixed.items()}
    found |= {name: _feature(kind) for name, kind in own.items()}
    return {**found, "files": _feature(cells.FIXED["files"])}


def _feature(kind: pa.DataType) -> dict[str, Any]:
    if pa.types.is_list(kind):
        return {"feature": _feature(kind.value_type), "_type": "List"}
    if pa.types.is_struct(kind):
        return {each.name: _feature(each.type) for each in kind}
    names = {pa.bool_(): "bool", pa.float64(): "float64", pa.string(): "string"}
    return {"dtype": names.get(kind, str(kind)), "_type": "Value"}


def _listed(found: dict[str, Any]) -> list[dict[str, Any]]:
    """Features as a card has them."""

    def told(feature: Any) -> Any:
        kind = feature.get("_type")
        if kind == "List":
            inner = told(feature["feature"])
            return {"list": inner["dtype"] if set(inner) == {"dtype"} else inner.get("struct", inner)}
        if kind == "Value":
            return {"dtype": feature["dtype"]}
        if isinstance(kind, str):
            return {"dtype": kind.lower()}
        return {"struct": [{"name": name, **told(each)} for name, each in feature.items()]}

    return [{"name": name, **told(each)} for name, each in found.items()]
