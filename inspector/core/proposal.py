"""A new time map for a stream, before anybody accepts it: nudged, tied, relabelled, and what it moves.

A proposal is tried on the record as it is shown (`retimed`), which is a record like any other, so that every
view and the mixer follow it. Accepting writes the time maps of what moved as one edit.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations, pairwise
from typing import TYPE_CHECKING

import numpy as np

from inspector.core.effective import moved_together
from inspector.core.timemap import FAR_NS, TimeMap
from inspector.errors import InspectorError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inspector.core.model import Record, Stream

LEAST_APART_NS = 1_000_000
"""Two ties nearer than this say nothing about drift."""
STEEPEST_PPM = 500_000
"""A line through ties that is steeper was marked on two different events."""


@dataclass(frozen=True, slots=True)
class Relabel:
    """A rate or unit that a stream was labelled with in place of its true one."""

    title: str
    true: int
    labelled: int
    """Times on the label's clock last `labelled / true` times as long as they say."""


RELABELS = (
    Relabel("48 kHz, was labelled 44.1 kHz", 48_000, 44_100),
    Relabel("44.1 kHz, was labelled 48 kHz", 44_100, 48_000),
    Relabel("16 kHz, was labelled 44.1 kHz", 16_000, 44_100),
    Relabel("29.97 fps, was labelled 30", 30_000, 30_030),
    Relabel("30 fps, was labelled 29.97", 30_030, 30_000),
    Relabel("23.976 fps, was labelled 24", 24_000, 24_024),
    Relabel("24 fps, was labelled 23.976", 24_024, 24_000),
    Relabel("25 fps, was labelled 24", 25, 24),
    Relabel("24 fps, was labelled 25", 24, 25),
    Relabel("milliseconds, were read as seconds", 1000, 1),
    Relabel("seconds, were read as milliseconds", 1, 1000),
    Relabel("microseconds, were read as milliseconds", 1000, 1),
)


@dataclass(frozen=True, slots=True)
class Tie:
    """The same event, on the stream's own clock and on the reference timeline, both ns."""

    local_ns: int
    reference_ns: int


@dataclass(frozen=True, slots=True)
class PairChange:
    """What a proposal does to two streams: `stream_b` comes so much later against `stream_a`, ns, at a time.

    `ppm` is how much faster the clock of `stream_b` is made to run against that of `stream_a`.
    """

    stream_a: str
    stream_b: str
    later_ns: int
    ppm: float


def nudged(timemap: TimeMap, later_ns: int) -> TimeMap:
    """The map that shows the stream so much later on the reference timeline; negative: earlier."""
    return TimeMap(tuple((local, reference + later_ns) for local, reference in timemap.anchors))


def tied(timemap: TimeMap, ties: Sequence[Tie], bend: bool = True) -> TimeMap:
    """The map through ties: one moves `timemap` by an offset, two make offset and drift, more a bent line.

    Without `bend` more than two make the straight line of least squares. InspectorError where ties contradict
    each other: out of order, too near to each other, or steeper than any clock.
    """
    marks = sorted(set(ties), key=lambda each: (each.local_ns, each.reference_ns))
    if not marks:
        return timemap
    if len(marks) == 1:
        only = marks[0]
        return nudged(timemap, only.reference_ns - timemap.to_reference(only.local_ns))
    if not bend and len(marks) > 2:
        return straight(marks)
    for a, b in pairwise(marks):
        local, reference = b.local_ns - a.local_ns, b.reference_ns - a.reference_ns
        if local < LEAST_APART_NS or reference < LEAST_APART_NS:
            raise InspectorError(
                "These ties contradict each other",
                f"{local / 1e6:.1f} ms apart on the stream, {reference / 1e6:.1f} ms on the timeline",
                "Mark two events that lie further apart, in the same order",
            )
        if abs(reference - local) * 1_000_000 > STEEPEST_PPM * local:
            raise InspectorError(
                "These ties contradict each other",
                f"{local / 1e9:.3f} s on the stream would last {reference / 1e9:.3f} s",
                "Take away the tie that marks another event",
            )
    return TimeMap(tuple((each.local_ns, each.reference_ns) for each in marks))


def straight(ties: Sequence[Tie]) -> TimeMap:
    """The straight line of least squares through two ties or more. InspectorError where there is none."""
    local = np.array([each.local_ns for each in ties], np.int64)
    reference = np.array([each.reference_ns for each in ties], np.int64)
    x, y = (local - local[0]).astype(float), (reference - reference[0]).astype(float)
    spread = float(((x - x.mean()) ** 2).sum())
    if len(ties) < 2 or spread < LEAST_APART_NS**2:
        raise InspectorError("Two ties that lie apart are needed", "", "Mark a second event further on")
    excess = float(((x - x.mean()) * (y - x - (y - x).mean())).sum()) / spread
    if abs(excess) * 1_000_000 > STEEPEST_PPM:
        raise InspectorError(
            "These ties contradict each other",
            f"the straight line through them is off by {abs(excess):.0%}",
            "Take away the tie that marks another event",
        )
    at = int(local[0]) + round(float(x.mean()))
    there = int(reference[0]) + round(float(y.mean()))
    length = int(local.max() - local.min())
    return TimeMap(((at, there), (at + length, there + length + round(length * excess))))


def residuals_ns(ties: Sequence[Tie]) -> list[int]:
    """How far each tie lies after the straight line of least squares; zeros below three ties."""
    if len(ties) < 3:
        return [0] * len(ties)
    line = straight(ties)
    return [each.reference_ns - line.to_reference(each.local_ns) for each in ties]


def from_figures(late_ms: float, ppm: float) -> TimeMap:
    """The map that corrects a stream which is so late at reference time 0, with so much faster a clock."""
    late = round(late_ms * 1e6)
    if not ppm:
        return TimeMap.offset(late)
    return TimeMap(((late, 0), (late + FAR_NS + round(FAR_NS * ppm / 1e6), FAR_NS)))


def relabelled(timemap: TimeMap, relabel: Relabel, about_local_ns: int) -> TimeMap:
    """The map of a stream whose times last `labelled / true` times as long; `about_local_ns` stays."""
    fixed = timemap.to_reference(about_local_ns)

    def place(reference: int) -> int:
        return fixed + (reference - fixed) * relabel.labelled // relabel.true

    anchors = timemap.anchors
    if len(anchors) == 1:
        hour = about_local_ns + 3600 * 1_000_000_000
        anchors = ((about_local_ns, fixed), (hour, timemap.to_reference(hour)))
    return TimeMap(tuple((local, place(reference)) for local, reference in anchors))


def moved_by(old: TimeMap, new: TimeMap) -> TimeMap:
    """Reference time as `old` has it to reference time as `new` does: what a stream is moved by.

    A jump of either is a ramp of one nanosecond in it. `old` must be monotone.
    """
    if len(old.anchors) == len(new.anchors) == 1:
        local = old.anchors[0][0]
        return TimeMap(((old.to_reference(local), new.to_reference(local)),))
    jumps = {a for (a, _), (b, _) in pairwise(new.anchors) if a == b}
    locals_ = {local for local, _ in (*old.anchors, *new.anchors)} | {local - 1 for local in jumps}
    locals_ |= {min(locals_) - FAR_NS, max(locals_) + FAR_NS}  # beyond a ramp its slope does not go on
    return TimeMap(tuple((old.to_reference(local), new.to_reference(local)) for local in sorted(locals_)))


def along(moved: Stream, new: TimeMap, follower: Stream) -> TimeMap:
    """The map of a stream that goes with another one, by as much as that one moves to its new map."""
    return follower.timemap.then(moved_by(moved.timemap, new))


def retimed(
    record: Record, stream_id: str, timemap: TimeMap, alone: bool = False, also: Sequence[str] = ()
) -> Record:
    """The record with a stream under another map, and all that moves together with it unless `alone`.

    `also` names further streams that go along, where there are such. KeyError where there is no `stream_id`.
    """
    stream = record.stream(stream_id)
    known = {each.id for each in record.streams}
    names = (stream_id,) if alone else moved_together(record, stream_id)
    names += tuple(each for each in also if each in known and each not in names)
    maps = {stream_id: timemap}
    for name in names:
        if name != stream_id:
            maps[name] = along(stream, timemap, record.stream(name))
    streams = tuple(
        replace(each, timemap=maps[each.id]) if each.id in maps else each for each in record.streams
    )
    return replace(record, streams=streams)


def pair_changes(before: Record, after: Record, at_ns: int) -> list[PairChange]:
    """What becomes of every pair of which one stream moved otherwise than the other, at a reference time."""
    found = []
    timed = [each for each in before.streams if each.span is not None or each.timemap.anchors != ((0, 0),)]
    for a, b in combinations(timed, 2):
        moves = []
        for each in (a, b):
            new = after.stream(each.id).timemap
            local = each.timemap.to_local(at_ns)
            moves.append((new.to_reference(local) - at_ns, each.timemap.drift_ppm - new.drift_ppm))
        later, ppm = moves[1][0] - moves[0][0], moves[1][1] - moves[0][1]
        if abs(later) >= 1000 or abs(ppm) >= 0.01:
            found.append(PairChange(a.id, b.id, later, ppm))
    return found


def moves_said(old: TimeMap, new: TimeMap) -> str:
    """What taking a new map does to a stream, for people: `moves 320 ms earlier`."""
    by_ms = (new.late_ns - old.late_ns) / 1e6
    ppm = new.drift_ppm - old.drift_ppm
    parts = []
    if abs(by_ms) >= 0.5 or not ppm:
        parts.append(f"moves {abs(by_ms):.0f} ms {'earlier' if by_ms > 0 else 'later'}")
    if abs(ppm) >= 0.05:
        parts.append(f"its clock is slowed by {ppm:.0f} ppm" if ppm > 0 else f"is sped up by {-ppm:.0f} ppm")
    return " and ".join(parts)


def shift_said(later_ns: int) -> str:
    """A shift on the timeline, for people: `12.0 ms later`, `0.5 ms earlier`."""
    return f"{abs(later_ns) / 1e6:.1f} ms {'later' if later_ns >= 0 else 'earlier'}"
