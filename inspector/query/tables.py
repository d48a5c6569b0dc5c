"""The tables that a question may name (fixed in design.md), and their rows as records tell them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from inspector.core.annotate import RECHECK
from inspector.core.model import coverage_of
from inspector.core.tiers import lacks
from inspector.core.times import s_from_ns

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from inspector.core.model import Coverage, Cue, Modality, Record, Stream

T, F = pa.string(), pa.float64()
MOMENT = [("start_s", F), ("end_s", F)]

SCHEMAS: dict[str, pa.Schema] = {
    "streams": pa.schema(
        [
            *(
                (name, T)
                for name in ("record_id", "stream_id", "modality", "person", "device", "clock", "origin")
            ),
            ("codec", T),
            ("rate", F),
            *MOMENT,
            *((name, F) for name in ("offset_ms", "drift_ppm", "residual_ms")),
            ("status", T),
            ("native_start_s", F),
            ("native_end_s", F),
            ("clock_kind", T),
            ("path", T),
            ("frames", pa.int64()),
            ("width", pa.int32()),
            ("height", pa.int32()),
        ]
    ),
    "pairs": pa.schema(
        [
            *((name, T) for name in ("record_id", "stream_a", "stream_b", "method")),
            *((name, F) for name in ("offset_ms", "drift_ppm", "residual_ms", "confidence")),
            ("status", T),
        ]
    ),
    "coverage": pa.schema([("record_id", T), ("modality", T), ("state", T)]),
    "annotations": pa.schema(
        [
            *((name, T) for name in ("annotation_id", "record_id", "tier", "label")),
            *MOMENT,
            ("author", T),
            (
                "anchors",
                pa.list_(pa.struct([("stream_id", T), *MOMENT])),
            ),
            *(("grounding", T), ("lacks", pa.list_(T)), ("recheck", T)),
        ]
    ),
    "words": pa.schema(
        [
            *(("record_id", T), ("stream_id", T), *MOMENT, ("text", T), ("speaker", T)),
            *(("confidence", F), ("native_start_s", F), ("native_end_s", F)),
        ]
    ),
    "findings": pa.schema(
        [
            *(("check", T), ("record_id", T), ("streams", pa.list_(T)), *MOMENT, ("value", F), ("unit", T)),
            *(("tolerance", pa.list_(F)), ("status", T), ("confidence", F), ("severity", F)),
            *(("message", T), ("fix", T)),
        ]
    ),
    "flags": pa.schema(
        [("record_id", T), ("flag", T), ("author", T), ("note", T), ("at", pa.timestamp("ns", "UTC"))]
    ),
    "edits": pa.schema(
        [
            *(("edit_id", T), ("at", pa.timestamp("ns", "UTC"))),
            *((name, T) for name in ("author", "title", "note", "record_id", "path")),
            *((name, T) for name in ("before", "after", "undoes")),
        ]
    ),
    "selections": pa.schema([("name", T), ("record_id", T)]),
}
"""All but `records` and `samples`, whose columns are the dataset's."""

TABLES = ("records", *SCHEMAS, "samples")
OF_RECORDS = frozenset({"streams", "coverage", "annotations", "samples"})
"""What is known only after every record was read; `words` are read apart, from the transcripts."""


def stream_rows(record: Record, root: str) -> Iterator[dict[str, Any]]:
    """A row for each stream. `offset_ms` and `drift_ppm` are the lateness that its TimeMap corrects."""
    for stream in record.streams:
        start, end = stream.reference_span or (None, None)
        own = stream.span or (None, None)
        path = str(stream.source.path)
        yield {
            "record_id": record.id,
            "stream_id": stream.id,
            "modality": stream.modality.value,
            "person": stream.person,
            "device": stream.device,
            "clock": stream.clock.id,
            "origin": stream.origin,
            "codec": _text(stream.meta.get("codec")),
            "rate": stream.rate,
            "start_s": _s(start),
            "end_s": _s(end),
            "offset_ms": stream.timemap.late_ns / 1e6,
            "drift_ppm": stream.timemap.drift_ppm,
            "residual_ms": None,
            "status": None,
            "native_start_s": _s(own[0]),
            "native_end_s": _s(own[1]),
            "clock_kind": stream.clock.kind,
            "path": path.removeprefix(root).lstrip("/"),
            "frames": _whole(stream.meta.get("frames")),
            "width": _whole(stream.meta.get("width")),
            "height": _whole(stream.meta.get("height")),
        }


def coverage_rows(
    record_id: str,
    coverage: Mapping[Modality, Coverage],
    found: Collection[Modality],
    modalities: Sequence[Modality],
) -> Iterator[dict[str, Any]]:
    """A row for each of the dataset's modalities."""
    for modality, state in coverage_of(coverage, found, modalities).items():
        yield {"record_id": record_id, "modality": modality.value, "state": state.value}


def annotation_rows(record: Record) -> Iterator[dict[str, Any]]:
    """A row for each label; its times are those of its first anchor, on the reference timeline.

    `grounding` is null before an audit, but for a label that names no moment, which floats. `lacks` are the
    modalities that its tier asks for and it is not anchored in, `recheck` is why it is to be looked at again.
    """
    maps = {stream.id: stream.timemap for stream in record.streams}
    for label in record.annotations:
        anchors = []
        for anchor in label.anchors:
            start, end = anchor.span or (None, None)
            timemap = maps.get(anchor.stream_id or "")
            if timemap is not None and start is not None and end is not None:
                start, end = timemap.to_reference(start), timemap.to_reference(end)
            anchors.append({"stream_id": anchor.stream_id, "start_s": _s(start), "end_s": _s(end)})
        first = next((each for each in anchors if each["start_s"] is not None), None)
        yield {
            "annotation_id": label.id,
            "record_id": record.id,
            "tier": label.tier,
            "label": label.label,
            "start_s": first and first["start_s"],
            "end_s": first and first["end_s"],
            "author": label.author or None,
            "anchors": anchors,
            "grounding": None if first else "floating",
            "lacks": list(lacks(record, label)),
            "recheck": label.attrs.get(RECHECK),
        }


def word_rows(record: Record, stream: Stream, cues: Sequence[Cue]) -> Iterator[dict[str, Any]]:
    """A row for each word, or for each cue where its words carry no times of their own."""
    to_reference = stream.timemap.to_reference
    for cue in cues:
        parts = [(each.start_ns, each.end_ns, each.text, each.confidence) for each in cue.words]
        for start, end, text, confidence in parts or [(cue.start_ns, cue.end_ns, cue.text, None)]:
            yield {
                "record_id": record.id,
                "stream_id": stream.id,
                "start_s": _s(to_reference(start)),
                "end_s": _s(to_reference(end)),
                "text": text,
                "speaker": cue.speaker or stream.person,
                "confidence": confidence,
                "native_start_s": _s(start),
                "native_end_s": _s(end),
            }


_SQL_NAMES = (
    (pa.types.is_boolean, "BOOLEAN"),
    (pa.types.is_int64, "BIGINT"),
    (pa.types.is_int32, "INTEGER"),
    (pa.types.is_int16, "SMALLINT"),
    (pa.types.is_int8, "TINYINT"),
    (pa.types.is_float64, "DOUBLE"),
    (pa.types.is_float32, "FLOAT"),
    (pa.types.is_string, "VARCHAR"),
    (pa.types.is_large_string, "VARCHAR"),
    (pa.types.is_date32, "DATE"),
    (pa.types.is_null, "INTEGER"),
)


def sql_type(kind: pa.DataType) -> str:
    """What DuckDB calls an Arrow type; its own name in capitals where that is not known before."""
    for is_one, name in _SQL_NAMES:
        if is_one(kind):
            return name
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return f"{sql_type(kind.value_type)}[]"
    if pa.types.is_struct(kind):
        return f"STRUCT({', '.join(f'{each.name} {sql_type(each.type)}' for each in kind)})"
    if pa.types.is_timestamp(kind):
        name = "TIMESTAMP" if kind.tz is None else "TIMESTAMPTZ"
        if kind.unit == "ns":
            return f"{name}_NS"
        return name if kind.tz is None else "TIMESTAMP WITH TIME ZONE"
    return str(kind).upper()


def index_columns(index: pa.Table) -> list[tuple[str, str]]:
    """The dataset's own columns and the names under which `records` has them.

    What shares its name with one of ours, however it is spelled, gets an underscore behind it.
    """
    taken = {"record_id", "duration_s", "axis", "flag", "modalities"}
    names = []
    for name in index.column_names:
        if name == "record_id":
            continue
        own = name
        while own.lower() in taken and name != "modalities":
            own += "_"
        taken.add(own.lower())
        names.append((name, own))
    return names


def _s(ns: int | None) -> float | None:
    return None if ns is None else s_from_ns(ns)


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _whole(value: object) -> int | None:
    return int(value) if isinstance(value, int | float) and abs(value) < 2**31 else None
