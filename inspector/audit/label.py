"""Checks of labels against the time and the streams that they speak of."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from inspector.audit.case import Case, severity
from inspector.audit.checks import Stage, check
from inspector.core.findings import Finding, Status
from inspector.core.model import Modality
from inspector.core.times import NS, clock_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from inspector.core.model import Annotation, Record, Span

out_of_range = check(
    "label.out_of_range",
    "A label lies outside the record",
    """A label that begins before the record does, or ends after all its streams have ended, speaks of data
    that is not there. `value` is the gap between the
    record and the label where it lies wholly outside, else how far it reaches over. Tolerance: one frame of
    the reference camera, at least 50 ms (ours).""",
    "ms",
    (None, 50.0),
)


def source_of(label: Annotation) -> str:
    """The file that a label came from, as its id tells it: `labels_A:3` is of labels_A."""
    name, _, row = label.id.rpartition(":")
    return name if name and row.isdigit() else label.tier


def label_span(record: Record, label: Annotation) -> Span | None:
    """A label's span on the reference timeline, None where it names no moment."""
    for anchor in label.anchors:
        if anchor.span is None:
            continue
        if anchor.stream_id is None:
            return anchor.span
        stream = next((each for each in record.streams if each.id == anchor.stream_id), None)
        if stream is None:
            return anchor.span
        to_reference = stream.timemap.to_reference
        return to_reference(anchor.span[0]), to_reference(anchor.span[1])
    return None


def frame_ns(record: Record) -> int:
    """One frame of the reference camera, 0 where there is none."""
    films = record.of(Modality.VIDEO)
    rate = next((film.rate for film in films if film.id == record.reference), None)
    return round(NS / rate) if rate else 0


@out_of_range.at(Stage.RECORD)
def _outside(case: Case) -> Iterator[Finding]:
    record = case.record
    if record.axis != "time" or not any(stream.span for stream in record.streams):
        return
    start, end = record.span
    low, high = case.facts.limits("label.out_of_range")
    allowed = max(frame_ns(record), round((high or 0.0) * 1e6))
    by_source: dict[str, list[tuple[int, Span, Annotation]]] = defaultdict(list)
    for label in record.annotations:
        span = label_span(record, label)
        if span is None:
            continue
        beyond = _beyond(span, (start, end))
        if beyond > allowed:
            by_source[source_of(label)].append((beyond, span, label))
    for source, found in by_source.items():
        beyond, span, label = max(found, key=lambda each: each[0])
        more = f" and {len(found) - 1} more of {source}" if len(found) > 1 else ""
        after = "after" if span[1] > end else "before"
        yield case.finding(
            "label.out_of_range",
            streams=(source,),
            span=span,
            value=beyond / 1e6,
            tolerance=(low, allowed / 1e6),
            status=Status.FAILED,
            severity=severity(beyond / 1e6, (None, allowed / 1e6)),
            message=f"“{label.label}” by {label.author or source} lies {beyond / 1e6:.0f} ms {after} the "
            f"record, which is {clock_text(end - start)} long{more}",
        )


def _beyond(span: Span, within: Span) -> int:
    """How far a label is outside: the gap where it lies wholly outside, else how far it reaches over."""
    before = within[0] - (span[1] if span[1] <= within[0] else span[0])
    after = (span[0] if span[0] >= within[1] else span[1]) - within[1]
    return max(before, after, 0)
