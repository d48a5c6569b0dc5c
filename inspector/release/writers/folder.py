"""Folders as Hugging Face's AudioFolder and VideoFolder read them: a folder and a table a split.

    train/metadata.parquet   one row a record: `file_name` of its main film or sound, a column of paths for
                             each further stream, its text, its duration, and the dataset's own columns
    train/annotations.parquet  one row a label, in seconds of the record's timeline
    train/<record>/…         the files
    README.md                which of them a loader takes

Convention: huggingface.co/docs/datasets/video_dataset, "VideoFolder"; columns that end in `file_name` are
opened as media by it, so those of other kinds end in `_path`.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from inspector.core.model import Modality
from inspector.core.times import NS
from inspector.release.names import Names
from inspector.release.tables import Rows
from inspector.release.targets import Piece, targets
from inspector.release.writers.card import flow, plain_split
from inspector.release.writers.timed import reference_span

if TYPE_CHECKING:
    from collections.abc import Iterable

    from inspector.core.model import Record, Stream
    from inspector.release.targets import Laid, Reads

LABELS = pa.schema(
    [
        ("record_id", pa.string()),
        ("annotation_id", pa.string()),
        ("tier", pa.string()),
        ("label", pa.string()),
        ("start_s", pa.float64()),
        ("end_s", pa.float64()),
        ("author", pa.string()),
        ("streams", pa.list_(pa.string())),
    ]
)
SHARED = "shared"
"""Where files lie that several records have a part of."""


def main_stream(record: Record) -> Stream | None:
    """What a loader opens first: the reference where it is film or sound, else the first of either."""
    for stream in record.streams:
        if stream.id == record.reference and stream.modality in (Modality.VIDEO, Modality.AUDIO):
            return stream
    for modality in (Modality.VIDEO, Modality.AUDIO, Modality.IMAGE):
        found = record.of(modality)
        if found:
            return found[0]
    return None


@targets.register("folder", title="Folders with a table of metadata")
class Folder:
    """One release as folders."""

    def __init__(self) -> None:
        self._names = Names()
        self._shared: dict[Path, str] = {}
        self._rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self._labels: dict[str, Rows] = defaultdict(lambda: Rows(LABELS))
        for name in ("manifest", "release.json", "release.sha256", "README.md"):
            self._names.take("", name)

    def lay(self, laid: Laid, reads: Reads) -> None:
        """Each file of the record into a folder of its own; one that other records share a part of, once."""
        record, names = laid.record, self._names
        home = ""
        for stream in record.streams:
            path = stream.source.path
            if path in laid.paths:
                continue
            shared = stream.source.start_ns is not None or stream.source.row_start is not None
            if shared:
                if path not in self._shared:
                    self._shared[path] = names.take(SHARED, path.name)
                laid.paths[path] = self._shared[path]
                laid.lost.append(f"{path.name} is there whole, with what it holds of other records")
            else:
                home = home or names.take(laid.split, record.id)
                laid.paths[path] = names.take(home, path.name)
            laid.pieces.append(Piece(laid.paths[path], path, shared=shared))
        self._rows[laid.split].append(self._row(laid, reads))
        streams = {stream.id: stream for stream in record.streams}
        for label in record.annotations:
            span = reference_span(label, streams)
            start, end = (None, None) if span is None else (span[0] / NS, span[1] / NS)
            touched = [anchor.stream_id for anchor in label.anchors if anchor.stream_id is not None]
            cells = (record.id, label.id, label.tier, label.label, start, end, label.author, touched)
            self._labels[laid.split].add(dict(zip(LABELS.names, cells, strict=True)))

    def home_of(self, laid: Laid) -> str:
        """The folder of a record that was laid; a new one where all its files are shared."""
        own = [piece.path for piece in laid.pieces if not piece.shared]
        return own[0].rpartition("/")[0] if own else self._names.take(laid.split, laid.record.id)

    def _row(self, laid: Laid, reads: Reads) -> dict[str, Any]:
        record, cut = laid.record, len(laid.split) + 1
        main = main_stream(record)
        row: dict[str, Any] = {}
        if main is not None:
            row["file_name"] = self._below(laid.paths[main.source.path], cut)
        row["record_id"] = record.id
        start, end = record.span
        row["duration_s"] = (end - start) / NS
        for stream in record.streams:
            if main is not None and stream.source.path == main.source.path:
                continue
            kind = "file_name" if main is not None and stream.modality is main.modality else "path"
            row[f"{stream.id}_{kind}"] = self._below(laid.paths[stream.source.path], cut)
        texts = [cue.text for stream in record.of(Modality.TEXT) for cue in reads.cues(stream)]
        if texts:
            row["text"] = "\n".join(texts)
        taken = {*row, "split"}
        row |= {name: value for name, value in laid.columns.items() if name not in taken}
        return row

    @staticmethod
    def _below(path: str, cut: int) -> str:
        return f"../{path}" if path.startswith(f"{SHARED}/") else path[cut:]

    def written(self, laid: Laid, out: Path) -> None:
        """Nothing is to be done a record."""

    def finish(self, out: Path) -> Iterable[str]:
        """The tables of each split, all with the same columns: a loader refuses others."""
        every = [row for rows in self._rows.values() for row in rows]
        names = list(dict.fromkeys(name for row in every for name in row))
        kinds = {name: _kind([row.get(name) for row in every]) for name in names}
        for split, rows in self._rows.items():
            (out / split).mkdir(parents=True, exist_ok=True)
            columns = {name: _column([row.get(name) for row in rows], kinds[name]) for name in names}
            pq.write_table(pa.table(columns), out / split / "metadata.parquet")
            yield f"{split}/metadata.parquet"
            if split in self._labels:
                pq.write_table(self._labels[split].take(), out / split / "annotations.parquet")
                yield f"{split}/annotations.parquet"
        (out / "README.md").write_text(self._card(), encoding="utf-8")
        yield "README.md"

    def _card(self) -> str:
        configs = []
        for split, rows in self._rows.items():
            endings = sorted({Path(row["file_name"]).suffix for row in rows if "file_name" in row})
            paths = [f"{split}/metadata.parquet", *(f"{split}/**/*{ending}" for ending in endings)]
            configs.append({"split": plain_split(split), "path": paths})
        return f"---\nconfigs: {flow([{'config_name': 'default', 'data_files': configs}])}\n---\n{CARD}"


CARD = """
# A release made with Inspector

A folder a record, and a table a split: `metadata.parquet` names each record's files, `annotations.parquet`
its labels in seconds of the record's timeline. `datasets.load_dataset` opens the first film or sound of each.
How the files' own time leads to the timeline stands in `manifest/records.parquet`, what each stream is
(recorded, made by a person or by a model) in `manifest/streams.parquet`, what is there of each modality, and
when, in `manifest/coverage.parquet`.

`inspector verify` reads all of it again and names what is not as it was; `release.json` says what the release
was made of.
"""


def _kind(values: list[Any]) -> pa.DataType:
    """The Arrow type that all values have; text where they are of mixed kinds, or all missing."""
    try:
        kind = pa.array(values).type
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.string()
    return pa.string() if pa.types.is_null(kind) else kind


def _column(values: list[Any], kind: pa.DataType) -> pa.Array:
    if pa.types.is_string(kind):
        values = [None if value is None else str(value) for value in values]
    return pa.array(values, kind)
