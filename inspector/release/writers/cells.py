"""A record as one row of a table: its media as bytes, its transcripts, samples and labels as nested columns.

    record_id, duration_s, split
    <stream>      a film, a sound or a picture: {bytes, path}
    <transcript>  its cues: [{start_s, end_s, text, speaker, words}]
    <sensor>      its samples: {t_s, channels, values}, one row of values a sample
    annotations   [{annotation_id, tier, label, start_s, end_s, author, streams}]
    streams       what each stream is: its column, modality, origin, clock, and its time map
    mask          what is there of each modality, and when
    files         the files of transcripts and sensors as they are: [{path, bytes}]

and the dataset's own columns. All `_s` are seconds of the record's timeline, time maps applied. Only bytes of
media are in their own time: `streams` holds the pairs of nanoseconds that lead from it to the timeline.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from inspector.core import manifest
from inspector.core.model import Modality
from inspector.core.times import NS
from inspector.errors import InspectorError
from inspector.media.series import load_series
from inspector.release.copying import state_of
from inspector.release.writers.timed import cues_on_reference, reference_span

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from inspector.core.model import Cue, Record, Stream
    from inspector.release.targets import Laid, Piece, Reads

TEXT, NUMBER = pa.string(), pa.float64()
BLOB = pa.struct([("bytes", pa.binary()), ("path", TEXT)])
CUE = pa.struct(
    [
        *(("start_s", NUMBER), ("end_s", NUMBER), ("text", TEXT), ("speaker", TEXT)),
        (
            "words",
            pa.list_(
                pa.struct([("start_s", NUMBER), ("end_s", NUMBER), ("text", TEXT), ("confidence", NUMBER)])
            ),
        ),
    ]
)
SAMPLES = pa.struct(
    [("t_s", pa.list_(NUMBER)), ("channels", pa.list_(TEXT)), ("values", pa.list_(pa.list_(NUMBER)))]
)
LABEL = pa.struct(
    [
        *(("annotation_id", TEXT), ("tier", TEXT), ("label", TEXT), ("start_s", NUMBER), ("end_s", NUMBER)),
        *(("author", TEXT), ("streams", pa.list_(TEXT))),
    ]
)
STREAM = pa.struct(
    [
        *(("stream_id", TEXT), ("column", TEXT), ("file", TEXT), ("modality", TEXT), ("origin", TEXT)),
        *(("derived_from", TEXT), ("person", TEXT), ("device", TEXT), ("clock", TEXT)),
        *(("start_s", NUMBER), ("end_s", NUMBER)),
        ("timemap_ns", pa.list_(pa.list_(pa.int64()))),
    ]
)
MASK = pa.struct([("modality", TEXT), ("start_s", NUMBER), ("end_s", NUMBER), ("state", TEXT)])
FIXED: dict[str, pa.DataType] = {
    "record_id": TEXT,
    "duration_s": NUMBER,
    "split": TEXT,
    "annotations": pa.list_(LABEL),
    "streams": pa.list_(STREAM),
    "mask": pa.list_(MASK),
    "files": pa.list_(BLOB),
}
MEDIA = (Modality.VIDEO, Modality.AUDIO, Modality.IMAGE)
"""What a file is a column of; of several in one file, the first."""
MOST_CELL = 1 << 30
"""Bytes of one film: it is held in memory while it is written and when it is read."""


@dataclass(slots=True)
class Row:
    """What goes into which column. `kinds` names the modality of a column of media."""

    kinds: dict[str, Modality] = field(default_factory=dict)
    blobs: dict[str, Piece] = field(default_factory=dict)
    texts: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    samples: dict[str, Stream] = field(default_factory=dict)
    files: list[Piece] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=dict)


def check_size(laid: Laid, piece: Piece) -> None:
    """InspectorError where a piece is too large for a cell, or its file is gone."""
    if piece.source is not None and state_of(piece.source)[0] > MOST_CELL:
        raise InspectorError(
            "A file is too large for a cell of a table",
            f"{laid.record.id}: {piece.source.name}",
            "Export with --as folder or webdataset, which hold files of any size",
        )


def row_of(laid: Laid, reads: Reads, dots: bool = True) -> Row:
    """The row of a record whose pieces are laid; without `dots` in the names of its columns where asked."""
    record = laid.record

    def plain(name: str) -> str:
        return name if dots else name.replace(".", "_")

    row = Row()
    pieces = {piece.path: piece for piece in laid.pieces}
    names: dict[str, str] = {}
    columns: dict[str, str] = {}
    for stream in record.streams:
        path = laid.paths[stream.source.path]
        piece = pieces[path]
        if path not in columns and stream.modality in MEDIA:
            name = columns[path] = free_name(plain(stream.id.partition("#")[0] or stream.id), names)
            inside = [each.modality for each in record.streams if laid.paths[each.source.path] == path]
            row.kinds[name] = next(each for each in MEDIA if each in inside)
            row.blobs[name] = piece
        elif stream.modality not in MEDIA:
            name = free_name(plain(stream.id), names)
            if stream.modality is Modality.TEXT:
                placed = cues_on_reference(stream, reads.cues(stream))
                row.texts[name] = [_cue(stream, cue) for _, cue in placed]
            elif stream.source.format == "table":
                row.samples[name] = stream
            if piece not in row.files:
                row.files.append(piece)
        names[columns.get(path, name)] = columns.get(path, name)
        columns[stream.id] = columns.get(path, name)
    row.values = {
        "record_id": record.id,
        "duration_s": (record.span[1] - record.span[0]) / NS,
        "split": laid.split,
        "annotations": labels_of(record),
        "streams": [
            _stream(stream, columns[stream.id], laid.paths[stream.source.path]) for stream in record.streams
        ],
        "mask": [{name: each[name] for name in MASK.names} for each in laid.mask],
    }
    return row


def free_name(name: str, taken: Mapping[str, str]) -> str:
    """A column's name that neither a fixed column nor one of `taken` has."""
    found, number = name, 1
    while found in FIXED or found in taken:
        number += 1
        found = f"{name}_{number}"
    return found


def _cue(stream: Stream, cue: Cue) -> dict[str, Any]:
    to = stream.timemap.to_reference
    words = [
        {
            "start_s": to(word.start_ns) / NS,
            "end_s": to(word.end_ns) / NS,
            "text": word.text,
            "confidence": word.confidence,
        }
        for word in cue.words
    ]
    return {
        "start_s": to(cue.start_ns) / NS,
        "end_s": to(cue.end_ns) / NS,
        "text": cue.text,
        "speaker": cue.speaker,
        "words": words,
    }


def labels_of(record: Record) -> list[dict[str, Any]]:
    """The labels of a record as LABEL has them."""
    streams = {stream.id: stream for stream in record.streams}
    found = []
    for label in record.annotations:
        span = reference_span(label, streams)
        start, end = (None, None) if span is None else (span[0] / NS, span[1] / NS)
        touched = [anchor.stream_id for anchor in label.anchors if anchor.stream_id is not None]
        cells = (label.id, label.tier, label.label, start, end, label.author, touched)
        found.append(dict(zip(LABEL.names, cells, strict=True)))
    return found


def _stream(stream: Stream, column: str, path: str) -> dict[str, Any]:
    span = stream.reference_span
    start, end = (None, None) if span is None else (span[0] / NS, span[1] / NS)
    return {
        "stream_id": stream.id,
        "column": column,
        "file": path,
        "modality": stream.modality.value,
        "origin": stream.origin,
        "derived_from": stream.derived_from,
        "person": stream.person,
        "device": stream.device,
        "clock": stream.clock.kind,
        "start_s": start,
        "end_s": end,
        "timemap_ns": [list(pair) for pair in stream.timemap.anchors],
    }


def samples_array(streams: Sequence[Stream | None]) -> pa.StructArray:
    """Samples on the timeline, a SAMPLES a stream; null where there is none, or it cannot be read."""
    names: list[list[str]] = []
    times, values, counts, widths, gone = [], [], [], [], []
    for stream in streams:
        try:
            series = None if stream is None else load_series(stream)
        except InspectorError:
            series = None
        gone.append(series is None)
        if series is None or stream is None:
            counts.append(0)
            names.append([])
            continue
        times.append(stream.timemap.to_reference_array(series.t_ns) / NS)
        names.append(list(series.channels))
        values.append(series.values.astype(np.float64).ravel())
        counts.append(len(series.t_ns))
        widths.append(np.full(len(series.t_ns), series.values.shape[1], np.int64))
    rows = _offsets(np.asarray(counts, np.int64))
    numbers = pa.array(_joined(values, np.float64))
    inner = pa.ListArray.from_arrays(_offsets(_joined(widths, np.int64)), numbers)
    return pa.StructArray.from_arrays(
        [
            pa.ListArray.from_arrays(rows, pa.array(_joined(times, np.float64))),
            pa.array(names, pa.list_(TEXT)),
            pa.ListArray.from_arrays(rows, inner),
        ],
        fields=list(SAMPLES),
        mask=pa.array(gone),
    )


def _joined(parts: list[Any], dtype: Any) -> Any:
    return np.concatenate(parts) if parts else np.zeros(0, dtype)


def _offsets(counts: Any) -> pa.Array:
    ends = np.concatenate([[0], np.cumsum(counts)])
    if ends[-1] >= 1 << 31:
        raise InspectorError(
            "The samples of these records are too many for one table",
            f"{ends[-1]:,} values",
            "Export with --as folder",
        )
    return pa.array(ends.astype(np.int32))


def own_columns(columns: Mapping[str, Any], types: Mapping[str, pa.DataType]) -> dict[str, Any]:
    """The dataset's own values as the types of their columns have them; what none fits becomes JSON."""
    found = {}
    for name, kind in types.items():
        value = columns.get(name)
        if kind == TEXT and value is not None and not isinstance(value, str):
            value = manifest.canonical(manifest.plain_value(value)).decode("utf-8", "replace")
        found[name] = value
    return found
