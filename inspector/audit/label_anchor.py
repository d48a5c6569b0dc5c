"""Checks of labels that name no moment, or one at which their stream has nothing; anchors for the former."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from inspector.audit.checks import Stage, check
from inspector.audit.gaps import gaps_of
from inspector.audit.label import frame_ns, label_span, source_of
from inspector.core.annotate import timemap_of
from inspector.core.effective import annotation_path, annotation_value
from inspector.core.findings import Fix, Status
from inspector.core.model import Anchor, Modality
from inspector.core.timemap import map_span
from inspector.core.times import clock_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from inspector.audit.case import Case
    from inspector.core.findings import Finding
    from inspector.core.model import Annotation, Cue, Record, Span, Stream

floating = check(
    "label.floating",
    "A label names no moment",
    """A label without a time proves nothing of when. Two kinds can be anchored without a guess, each by a fix
    of its own: one whose words stand in exactly one cue of the record's transcript belongs to that cue; the
    only label of its tier and annotator in a record speaks of all of it, and is anchored to the whole
    reference stream. Only suspect, so that `fix` takes them only where this check is named:
    `--check label.floating` anchors all of them as one edit. The others need a time from whoever gave
    them.""",
)
in_gap = check(
    "label.in_gap",
    "A label lies where its stream has nothing",
    """Frames or samples that are missing from a stream leave nothing to speak of. `value` is how much of
    the label lies in gaps of the streams that it is anchored to, or of the reference camera where it is
    anchored to none. Tolerance: one frame of the reference camera, at least 50 ms (ours). Only suspect where
    a part of the label lies in data that is there.""",
    "ms",
    (None, 50.0),
)

LEAST_LETTERS = 8
"""A shorter text stands in a cue by chance."""


def plain(text: str) -> str:
    """Words in lower case with single spaces between them: how texts are compared."""
    return " ".join(re.findall(r"\w+", text.casefold()))


@floating.at(Stage.RECORD)
def _floating(case: Case) -> Iterator[Finding]:
    record = case.record
    if record.axis != "time":
        return
    loose = [label for label in record.annotations if label_span(record, label) is None]
    if not loose:
        return
    said = [
        (stream, cue, f" {plain(cue.text)} ")
        for stream in record.of(Modality.TEXT)
        for cue in case.cues(stream)
    ]
    of_tier = Counter((label.tier, label.author) for label in record.annotations)
    for label in loose:
        found = _in_cue(label, said) or _whole(record, of_tier[label.tier, label.author])
        told = f"“{label.label}” of {label.tier} names no moment"
        fix, why = None, "; nothing tells which, ask whoever gave it"
        if found is not None:
            anchor, why = found
            before = annotation_value(label)["anchors"]
            after = annotation_value(replace(label, anchors=_placed(record, label, anchor)))["anchors"]
            fix = Fix(change=(annotation_path(label.id, "anchors"), before, after), method=why)
            why = f"; {why}"
        yield case.finding(
            "label.floating",
            streams=(label.id,),
            status=Status.SUSPECT,
            severity=0.3,
            message=told + why,
            fix=fix,
        )


def _placed(record: Record, label: Annotation, found: Anchor) -> tuple[Anchor, ...]:
    """The label's own anchors with a moment: the one on that stream has it, else all of them, for an anchor
    more would make a link of it. What else they say (a region, a range of text) stays.
    """
    anchors = [each for each in label.anchors if each != Anchor(None, None)]
    if not anchors:
        return (found,)
    assert found.span is not None
    there = map_span(timemap_of(record, found.stream_id), found.span)
    own = any(each.stream_id == found.stream_id for each in anchors)

    def placed(anchor: Anchor) -> Anchor:
        if anchor.stream_id == found.stream_id:
            return replace(anchor, span=found.span)
        timemap = timemap_of(record, anchor.stream_id)
        span = timemap.to_local(there[0]), timemap.to_local(there[1])
        return anchor if own else replace(anchor, span=span)

    return tuple(placed(each) for each in anchors)


def _in_cue(label: Annotation, said: Iterable[tuple[Stream, Cue, str]]) -> tuple[Anchor, str] | None:
    """The only cue that has the label's own words, or those of one of its columns."""
    texts = [label.label, *(each for each in label.attrs.values() if isinstance(each, str))]
    for text in map(plain, texts):
        if len(text) < LEAST_LETTERS:
            continue
        found = [(stream, cue) for stream, cue, words in said if f" {text} " in words]
        if len(found) == 1:
            stream, cue = found[0]
            span = (cue.start_ns, cue.end_ns)
            return Anchor(stream.id, span), f"its words stand in one cue, at {clock_text(cue.start_ns)}"
    return None


def _whole(record: Record, number: int) -> tuple[Anchor, str] | None:
    """All of the reference stream, for the only label of its tier and annotator."""
    if number != 1 or record.reference is None:
        return None
    stream = record.stream(record.reference)
    if stream.span is None:
        return None
    return Anchor(stream.id, stream.span), "the only one of its tier here, it speaks of the whole record"


@in_gap.at(Stage.DECODE)
def _in_gap(case: Case) -> Iterator[Finding]:
    record = case.record
    if record.axis != "time" or not record.annotations:
        return
    low, high = case.facts.limits("label.in_gap")
    allowed = max(frame_ns(record), round((high or 0.0) * 1e6))
    streams = {stream.id: stream for stream in record.streams}
    worst: dict[str, list[tuple[int, bool, Span, Annotation, str]]] = defaultdict(list)
    for label in record.annotations:
        span = label_span(record, label)
        named = [each.stream_id for each in label.anchors] or [None]
        if span is None:
            continue
        for name in (each or record.reference for each in named):
            if name not in streams or name is None:
                continue
            gaps = gaps_of(case, streams[name])
            inside = sum(max(0, min(span[1], b) - max(span[0], a)) for a, b in gaps)
            point = span[0] == span[1] and any(a < span[0] < b for a, b in gaps)
            if inside > allowed or point:
                all_of_it = point or inside >= span[1] - span[0]
                worst[source_of(label)].append((inside, all_of_it, span, label, name))
    for source, found in worst.items():
        inside, whole, span, label, name = max(found, key=lambda each: (each[1], each[0]))
        more = f" and {len(found) - 1} more of {source}" if len(found) > 1 else ""
        yield case.finding(
            "label.in_gap",
            streams=(source, name),
            span=span,
            value=inside / 1e6,
            tolerance=(low, allowed / 1e6),
            status=Status.FAILED if whole else Status.SUSPECT,
            severity=0.6 if whole else 0.35,
            message=f"{'all' if whole else f'{inside / 1e6:.0f} ms'} of “{label.label}” at "
            f"{clock_text(span[0])} lies where {name} has nothing{more}",
        )
