"""A record as it is with what was decided: a pure join of the raw record and the values in force."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from inspector.core.model import Anchor, Annotation, Problem, Record
from inspector.core.places import DELETED, FARTHEST_NS, part
from inspector.core.timemap import TimeMap
from inspector.core.transcripts import MOST_DIGITS, cue_from
from inspector.errors import InspectorError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from inspector.core.model import Stream
    from inspector.core.state import Value

MOST_ANCHORS = 100_000
FIELDS = ("tier", "label", "author", "anchors", "attrs")


def timemap_path(stream_id: str) -> str:
    """Where a stream's TimeMap stands."""
    return f"streams/{part(stream_id)}/timemap"


def evidence_path(stream_id: str) -> str:
    """Where it stands what a stream's accepted fix was measured by: `{method, late_ms, timemap}`."""
    return f"streams/{part(stream_id)}/evidence"


def annotation_path(annotation_id: str, field: str = "") -> str:
    """Where a label, or one field of it, stands."""
    return f"annotations/{part(annotation_id)}" + (f"/{field}" if field else "")


def label_file_path(name: str) -> str:
    """Where it stands what a file of labels that was taken in was made on: as `annotators_files` of the meta
    have it, with `differs`, a sentence for each difference from the media here."""
    return f"label_files/{part(name)}"


def timemap_value(timemap: TimeMap) -> list[list[int]]:
    """A TimeMap in JSON: `[[local_ns, reference_ns], …]`."""
    return [[local, reference] for local, reference in timemap.anchors]


def timemap_from(value: Any) -> TimeMap:
    """The TimeMap of such a value. InspectorError where it is none."""
    if not isinstance(value, list) or not 0 < len(value) <= MOST_ANCHORS:
        raise InspectorError("It is no time map", repr(value)[:100])
    for each in value:
        if (
            not isinstance(each, list)
            or len(each) != 2
            or not all(type(ns) is int and abs(ns) < FARTHEST_NS for ns in each)
        ):
            raise InspectorError("It is no time map", repr(each)[:100])
    return TimeMap(tuple((local, reference) for local, reference in value))


def annotation_value(label: Annotation) -> dict[str, Any]:
    """A label in JSON."""
    return {
        "tier": label.tier,
        "label": label.label,
        "author": label.author,
        "attrs": dict(label.attrs),
        "anchors": [anchor_value(anchor) for anchor in label.anchors],
    }


def anchor_value(anchor: Anchor) -> dict[str, Any]:
    """An anchor in JSON; `target` only where it names something."""
    value: dict[str, Any] = {
        "stream": anchor.stream_id,
        "span": None if anchor.span is None else list(anchor.span),
        "region": None if anchor.region is None else list(anchor.region),
        "text_range": None if anchor.text_range is None else list(anchor.text_range),
    }
    return value if anchor.target is None else value | {"target": anchor.target}


def annotation_from(id_: str, value: Any) -> Annotation:
    """The label of such a value. InspectorError where it is none."""
    try:
        texts = [value[name] for name in ("tier", "label")]
        author, attrs = value.get("author", ""), value.get("attrs", {})
        if not all(isinstance(each, str) for each in (*texts, author)) or not isinstance(attrs, dict):
            raise TypeError
        anchors = tuple(map(_anchor, value["anchors"]))
    except (KeyError, TypeError, AttributeError, ValueError):
        raise InspectorError("It is no label", repr(value)[:100]) from None
    return Annotation(id_, texts[0], texts[1], anchors, author, attrs)


def _anchor(plain: Any) -> Anchor:
    stream, target = plain.get("stream"), plain.get("target")
    if not all(each is None or isinstance(each, str) for each in (stream, target)):
        raise TypeError
    region = plain.get("region")
    box: tuple[float, float, float, float] | None = None
    if region is not None:
        left, top, width, height = (float(each) for each in region)
        box = (left, top, width, height)
    return Anchor(stream, _pair(plain.get("span")), box, _pair(plain.get("text_range")), target)


def _pair(value: Any) -> tuple[int, int] | None:
    if value is None:
        return None
    start, end = value
    if type(start) is not int or type(end) is not int or not -FARTHEST_NS < start <= end < FARTHEST_NS:
        raise ValueError
    return start, end


def ingest_path(stream_id: str) -> str:
    """Where it stands by which column of times, and in which unit, a table is read (`readers.ingest`)."""
    return f"streams/{part(stream_id)}/ingest"


def _at_streams(values: Mapping[str, Value], what: str) -> dict[str, Any]:
    """What stands of a kind at each stream."""
    found = (path.split("/") for path in values if path.startswith("streams/") and path.count("/") == 2)
    return {unquote(id_): values[f"streams/{id_}/{kind}"].value for _, id_, kind in found if kind == what}


def effective(
    record: Record,
    values: Mapping[str, Value],
    reread: Callable[[Record, Mapping[str, Any], Mapping[str, Any]], Record] | None = None,
) -> Record:
    """The record with the time maps and labels that stand; what cannot be joined becomes a problem of it.

    `reread` is given what stands at `streams/<id>/source` and `streams/<id>/ingest`, by stream: it adds what
    was re-linked to files elsewhere and reads tables by other columns of times, before anything is said of
    them.
    """
    if not values:
        return record
    sources, ingests = (_at_streams(values, what) for what in ("source", "ingest"))
    if (sources or ingests) and reread is not None:
        record = reread(record, sources, ingests)
    streams = {stream.id: stream for stream in record.streams}
    labels = {label.id: label for label in record.annotations}
    problems: list[Problem] = []
    files: dict[str, Any] = {}
    absent: list[str] = []
    for path in sorted(values, key=lambda each: (each.count("/"), each)):  # a label before its fields
        value = values[path].value
        kind, *rest = path.split("/")
        try:
            if kind == "streams" and len(rest) == 2 and rest[1] == "timemap":
                stream = streams.get(unquote(rest[0]))
                if stream is None:
                    raise InspectorError("The record has no such stream", unquote(rest[0]))
                streams[stream.id] = replace(stream, timemap=timemap_from(value))
            elif kind == "streams" and len(rest) == 2 and rest[1] == "evidence":
                stream = streams.get(unquote(rest[0]))
                if stream is not None and isinstance(value, dict):
                    streams[stream.id] = replace(stream, meta={**stream.meta, "evidence": value})
            elif kind == "streams" and len(rest) == 3 and rest[1] == "cues":
                _join_cue(streams, unquote(rest[0]), rest[2], value)
            elif kind == "expected" and len(rest) == 1 and value is not None:
                absent.append(rest[0])
            elif kind == "label_files" and len(rest) == 1 and isinstance(value, dict):
                name = unquote(rest[0])
                files[name] = value
                works = "its labels stand at the times that they were given"
                problems += [Problem(name, str(line), works) for line in value.get("differs", ())]
            elif kind == "annotations" and rest:
                _join_label(labels, unquote(rest[0]), rest[1:], value)
        except InspectorError as error:
            problems.append(Problem(path, f"what was decided cannot be joined: {error}", "the rest is"))
    return replace(
        record,
        streams=tuple(streams.values()),
        annotations=tuple(labels.values()),
        meta={
            **record.meta,
            **({"annotators_files": {**record.meta.get("annotators_files", {}), **files}} if files else {}),
            **({"expected_absent": tuple(absent)} if absent else {}),
        },
        problems=(*record.problems, *problems),
    )


def _join_label(labels: dict[str, Annotation], id_: str, rest: list[str], value: Any) -> None:
    if not rest:
        if value == DELETED:
            labels.pop(id_, None)
        else:
            labels[id_] = annotation_from(id_, value)
        return
    label = labels.get(id_)
    if label is None:
        raise InspectorError("The record has no such label", id_)
    if len(rest) != 1 or rest[0] not in FIELDS:
        raise InspectorError("A label has no such field", "/".join(rest))
    labels[id_] = annotation_from(id_, annotation_value(label) | {rest[0]: value})


def _join_cue(streams: dict[str, Stream], id_: str, number: str, value: Any) -> None:
    """Keep a correction with its stream: the cues themselves are read when somebody asks for them."""
    if id_ not in streams or not number.isdecimal() or len(number) > MOST_DIGITS:
        raise InspectorError("The record has no such cue", f"{id_} {number}")
    cue_from(value)
    kept = {**streams[id_].meta.get("corrections", {}), number: value}
    streams[id_] = replace(streams[id_], meta={**streams[id_].meta, "corrections": kept})


def moved_together(record: Record, stream_id: str) -> tuple[str, ...]:
    """The streams that a new time map of one belongs to as well: those of its clock, and what is derived.

    What counts frames or has no stamps shares no clock with anything.
    """
    stream = record.stream(stream_id)
    found: list[str] = [stream_id]
    for each in record.streams:
        if each.clock.id == stream.clock.id and each.clock.kind == "container" and each.id not in found:
            found.append(each.id)
    grown = True
    while grown:
        more = _derived(record.streams, found)
        grown = bool(more)
        found += more
    return tuple(found)


def _derived(streams: Iterable[Any], found: list[str]) -> list[str]:
    return [each.id for each in streams if each.derived_from in found and each.id not in found]
