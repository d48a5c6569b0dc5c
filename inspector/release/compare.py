"""What changed between two states of a track: its bytes only, its times, its content, or it is gone.

Content is compared piece by piece (core.prints). Pieces that occur once on either side are paired in order,
and what lies between two pairs that agree is paired with them; the pairs' times give the delta, a time map
from the old local time to the new one, through which what was decided on the old track can be moved.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from inspector.core.timemap import IDENTITY, TimeMap
from inspector.core.times import clock_text
from inspector.errors import InspectorError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from inspector.core.model import Span
    from inspector.core.prints import Print

NEAR_NS = 2_000_000
"""Times that differ by no more are the same: containers of milliseconds round by half of one."""
EDGE_PIECES = 4
"""So many pieces at either end may be new where a track was cut: a decoder needs a few to start."""
MOST_ANCHORS = 2048
"""Of a delta. Times that need more are told as they are at the anchors, and in a line between."""


class Kind(StrEnum):
    """What changed. In order: each is worse than the one before it."""

    SAME = "same"
    BYTES = "bytes"
    TIMING = "timing"
    CONTENT = "content"
    UNKNOWN = "unknown"
    MISSING = "missing"


WORDS = {
    Kind.SAME: "unchanged",
    Kind.BYTES: "bytes only",
    Kind.TIMING: "other times, same content",
    Kind.CONTENT: "other content",
    Kind.UNKNOWN: "not known what it was",
    Kind.MISSING: "gone",
}


def worst(kinds: Iterable[Kind]) -> Kind:
    """The worst of some kinds, SAME of none."""
    order = list(Kind)
    return max(kinds, key=order.index, default=Kind.SAME)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a track. `delta` takes old local times to new ones, where content was found again.

    `kept` are the old spans whose content is in the new track, in order; `words` say it to the curator.
    """

    kind: Kind
    words: str
    delta: TimeMap | None = None
    kept: tuple[Span, ...] = ()
    whole: bool = True
    """Whether nothing of the old content is missing, and nothing was added."""

    def keeps(self, span: Span, slack_ns: int = 0) -> bool:
        """Whether all of an old span was found again, but for `slack_ns` at its ends."""
        if self.kind in (Kind.SAME, Kind.BYTES):
            return True
        start, end = span[0] + slack_ns, max(span[1] - slack_ns, span[0] + slack_ns)
        return any(low <= start and end <= high for low, high in self.kept)


UNCHANGED = Verdict(Kind.SAME, WORDS[Kind.SAME], IDENTITY)
GONE = Verdict(Kind.MISSING, WORDS[Kind.MISSING])


def unknown(why: str) -> Verdict:
    """The verdict on a track whose old content nobody noted, or whose new one cannot be read."""
    return Verdict(Kind.UNKNOWN, why)


def inverse(timemap: TimeMap) -> TimeMap:
    """The map the other way. InspectorError where it has a jump."""
    if not timemap.monotone:
        raise InspectorError("Only a time map without jumps can be turned round")
    return TimeMap(tuple((reference, local) for local, reference in timemap.anchors))


def compare(old: Print, new: Print) -> Verdict:
    """What became of a track. Both prints are of one level."""
    if old.level != new.level:
        return unknown(f"the old one was noted {old.level}, the new one {new.level}")
    if _size(old.shape) != _size(new.shape):
        return Verdict(Kind.CONTENT, f"{old.shape} became {new.shape}")
    if old.digest == new.digest and old.count == new.count:
        if old.times == new.times:
            return Verdict(Kind.BYTES, WORDS[Kind.BYTES], IDENTITY, ((old.start_ns, old.end_ns),))
        first, second = _alike(old, new)
        return _timed(old, first.starts_ns, second.starts_ns)
    if not len(old.marks) or not len(new.marks):
        return Verdict(Kind.CONTENT, "nothing was in it" if not len(old.marks) else "nothing is in it")
    first, second = _alike(old, new)
    here, there = _pairs(first.sums, second.sums)
    if len(here) == 0:
        return Verdict(Kind.CONTENT, "none of the old content is in it")
    delta = _delta(first.starts_ns[here], second.starts_ns[there])
    kept = _kept(first, here, there)
    lost = len(first.sums) - len(here)
    fresh = len(second.sums) - len(here)
    share = f"{100 * len(here) / len(first.sums):.3g} % of the old content is in it"
    # What is new stands within the old content, or is more than a decoder needs at a cut.
    few = fresh <= 2 * EDGE_PIECES and fresh <= len(here)
    if fresh and (_inner(there) or (lost and not few)):
        return Verdict(Kind.CONTENT, share, delta, kept, whole=False)
    cut = old.end_ns - old.start_ns - sum(end - start for start, end in kept)
    more = f", {clock_text(cut)} of it cut" if lost and cut > 0 else ", and more was added" if fresh else ""
    return Verdict(Kind.TIMING, f"{_moved(delta)}{more}", delta, kept, not (lost or fresh))


def _size(shape: str) -> str:
    """A shape without its codec: a remux may name it otherwise."""
    return shape.partition(" ")[2]


def _alike(old: Print, new: Print) -> tuple[Print, Print]:
    """Both thinned as much as the one that was thinned more."""
    bits = max(old.bits, new.bits)
    return (old, new) if bits == 0 else (old.thinned(bits), new.thinned(bits))


def _timed(old: Print, before: NDArray[np.int64], after: NDArray[np.int64]) -> Verdict:
    """The same pieces at other times."""
    whole = ((old.start_ns, old.end_ns),)
    if len(before) != len(after):
        return Verdict(Kind.CONTENT, "its pieces come in another order")
    if not len(before) or int(np.abs(after - before).max()) <= NEAR_NS:
        return Verdict(Kind.BYTES, "the same within 2 ms", IDENTITY, whole)
    delta = _delta(before, after)
    return Verdict(Kind.TIMING, _moved(delta), delta, whole)


def _moved(delta: TimeMap) -> str:
    local, reference = delta.anchors[0]
    by = reference - local
    if len(delta.anchors) == 1:
        return f"{abs(by) / 1e6:,.1f} ms {'later' if by > 0 else 'earlier'}" if by else "at the same times"
    if len(delta.anchors) == 2:
        return f"{-delta.drift_ppm:+,.0f} ppm slower, {by / 1e6:+,.1f} ms at {clock_text(local)}"
    return f"moved in {len(delta.anchors) - 1} parts, {by / 1e6:+,.1f} ms at {clock_text(local)}"


# -- pairs -------------------------------------------------------------------------------------------------


def _pairs(old: NDArray[np.uint64], new: NDArray[np.uint64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Places of the same content, as two ascending arrays of one length."""
    if len(old) == len(new) and np.array_equal(old, new):
        every = np.arange(len(old))
        return every, every
    once_old, at_old = _once(old)
    once_new, at_new = _once(new)
    _, in_old, in_new = np.intersect1d(once_old, once_new, assume_unique=True, return_indices=True)
    here, there = at_old[in_old], at_new[in_new]
    order = np.argsort(here)
    here, there = here[order], there[order]
    rising = _rising(there.tolist())
    return _filled(old, new, here[rising].tolist(), there[rising].tolist())


def _once(values: NDArray[np.uint64]) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """The values that occur once, with their places."""
    found, places, counts = np.unique(values, return_index=True, return_counts=True)
    return found[counts == 1], places[counts == 1]


def _rising(values: list[int]) -> list[int]:
    """Places of a longest rising run of a list of different numbers (patience sorting)."""
    tops: list[int] = []
    at: list[int] = []
    before: list[int] = []
    for place, value in enumerate(values):
        pile = bisect_left(tops, value)
        if pile == len(tops):
            tops.append(value)
            at.append(place)
        else:
            tops[pile], at[pile] = value, place
        before.append(at[pile - 1] if pile else -1)
    found = []
    place = at[-1] if at else -1
    while place >= 0:
        found.append(place)
        place = before[place]
    return found[::-1]


def _filled(
    old: NDArray[np.uint64], new: NDArray[np.uint64], here: list[int], there: list[int]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs with what goes on from them on either side, as far as both sides agree."""
    first: list[NDArray[np.int64]] = []
    second: list[NDArray[np.int64]] = []
    done_old = done_new = 0  # up to here all is settled
    for place, other in zip(here, there, strict=True):
        if place < done_old:
            continue
        room = min(place - done_old, other - done_new)
        back = _agreeing(old[place - room : place][::-1], new[other - room : other][::-1])
        ahead = _agreeing(old[place:], new[other:], 4096)
        first.append(np.arange(place - back, place + ahead))
        second.append(np.arange(other - back, other + ahead))
        done_old, done_new = place + ahead, other + ahead
    if not first:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    return np.concatenate(first), np.concatenate(second)


def _agreeing(a: NDArray[np.uint64], b: NDArray[np.uint64], step: int = 1 << 20) -> int:
    """How many of the first values are the same."""
    length, at = min(len(a), len(b)), 0
    while at < length:
        unlike = np.flatnonzero(a[at : min(at + step, length)] != b[at : min(at + step, length)])
        if len(unlike):
            return at + int(unlike[0])
        at += step
    return length


def _inner(there: NDArray[np.int64]) -> bool:
    """Whether something new stands between pieces of the old content."""
    return bool(int(there[-1] - there[0]) + 1 != len(there))


# -- times -------------------------------------------------------------------------------------------------


def _kept(old: Print, here: NDArray[np.int64], there: NDArray[np.int64]) -> tuple[Span, ...]:
    """Spans of the old track that lie in the new one in one piece."""
    edges = np.append(old.starts_ns, max(old.end_ns, int(old.starts_ns[-1])))
    breaks = np.flatnonzero((np.diff(here) != 1) | (np.diff(there) != 1)) + 1
    runs = np.split(here, breaks)
    return tuple((int(edges[run[0]]), int(edges[run[-1] + 1])) for run in runs)


def _delta(before: NDArray[np.int64], after: NDArray[np.int64]) -> TimeMap:
    """The time map through pairs of times, with as few anchors as keep to them within NEAR_NS."""
    moved = after - before
    middle = int(np.median(moved))
    if int(np.abs(moved - middle).max()) <= NEAR_NS:
        return TimeMap(((0, middle),))
    rising = np.concatenate([[True], (np.diff(before) > 0) & (np.diff(after) > 0)])
    before, after = before[rising], after[rising]
    places = [0, len(before) - 1]
    waiting = [(0, len(before) - 1)]
    while waiting and len(places) < MOST_ANCHORS:
        low, high = waiting.pop(0)
        if high - low < 2:
            continue
        slope = (after[high] - after[low]) / (before[high] - before[low])
        line = after[low] + (before[low:high] - before[low]) * slope
        off = np.abs(after[low:high] - line)
        worst_at = low + int(off.argmax())
        if off.max() > NEAR_NS:
            places.append(worst_at)
            waiting += [(low, worst_at), (worst_at, high)]
    anchors = [(int(before[place]), int(after[place])) for place in sorted(set(places))]
    return TimeMap(tuple(anchors))
