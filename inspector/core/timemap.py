"""A stream's own clock on the record's reference timeline, by anchors.

One anchor is an offset; two are offset and drift; more are piecewise linear; two with one local time are a
jump. Scalars are Python integers throughout: a product of two nanosecond times needs more than 64 bits.
Arrays are computed as `r0 + d + rint(d * (slope - 1))` on differences `d` from an anchor, so that float64
only ever carries the small correction.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from inspector.errors import InspectorError

if TYPE_CHECKING:
    from numpy.typing import NDArray


FAR_NS = 10**16
"""Some hundred days: at this distance a rounding of 1 ns is no slope."""


def _round_div(num: int, den: int) -> int:
    """`num / den` to the nearest integer, halves up; `den` > 0."""
    return (2 * num + den) // (2 * den)


@dataclass(frozen=True, slots=True)
class TimeMap:
    """Ordered `(local_ns, reference_ns)` anchors; local times never decrease.

    Beyond the outer anchors the nearest segment's slope goes on (slope 1 for a single anchor).
    """

    anchors: tuple[tuple[int, int], ...] = ((0, 0),)

    def __post_init__(self) -> None:
        if not self.anchors:
            raise InspectorError("A time map needs at least one anchor")
        for (a, _), (b, _) in zip(self.anchors, self.anchors[1:], strict=False):
            if b < a:
                raise InspectorError("The anchors of a time map are out of order", f"{b} ns follows {a} ns")

    @classmethod
    def offset(cls, late_ns: int) -> TimeMap:
        """The map that corrects a stream which is `late_ns` late: it moves the stream earlier by as much."""
        return cls(((0, -late_ns),))

    @property
    def monotone(self) -> bool:
        """Whether reference time strictly grows with local time, so that the map can be inverted."""
        pairs = zip(self.anchors, self.anchors[1:], strict=False)
        return all(b[0] > a[0] and b[1] > a[1] for a, b in pairs)

    @property
    def late_ns(self) -> int:
        """How late the stream's own clock is at reference time 0: the local time that belongs there."""
        return self.to_local(0)

    @property
    def drift_ppm(self) -> float:
        """How much faster the stream's clock runs than the reference's in all, jumps left out, in 1e-6."""
        pairs = zip(self.anchors, self.anchors[1:], strict=False)
        steps = [(b[0] - a[0], b[1] - a[1]) for a, b in pairs if b[0] > a[0]]
        local, reference = sum(step for step, _ in steps), sum(step for _, step in steps)
        return 0.0 if reference == 0 else (local - reference) / reference * 1e6

    def to_reference(self, local_ns: int) -> int:
        """Local to reference time. At a jump the later side holds."""
        return self._scalar(local_ns, 0)

    def to_local(self, reference_ns: int) -> int:
        """Reference to local time. Inside a jump (no local time belongs there) the local time of the jump."""
        return self._scalar(reference_ns, 1)

    def to_reference_array(self, local_ns: NDArray[np.int64]) -> NDArray[np.int64]:
        """`to_reference` for int64 arrays of any shape, within 1 ns of it."""
        return self._array(local_ns, 0)

    def to_local_array(self, reference_ns: NDArray[np.int64]) -> NDArray[np.int64]:
        """`to_local` for int64 arrays of any shape, within 1 ns of it."""
        return self._array(reference_ns, 1)

    def then(self, outer: TimeMap) -> TimeMap:
        """This map followed by `outer`, within 1 ns of mapping twice.

        Anchors of either become anchors of the result. Where both have a slope, one far out on either side
        carries it: anchors are rounded, and two that lie close together would tell a wrong one. Jumps are
        allowed where the other map is an offset; InspectorError otherwise.
        """
        if len(outer.anchors) == 1:
            late = outer.anchors[0][0] - outer.anchors[0][1]
            return TimeMap(tuple((local, middle - late) for local, middle in self.anchors))
        if len(self.anchors) == 1:
            late = self.anchors[0][0] - self.anchors[0][1]
            return TimeMap(tuple((middle + late, reference) for middle, reference in outer.anchors))
        if not (self.monotone and outer.monotone):
            raise InspectorError("Only time maps without jumps can be chained")
        locals_ = {local for local, _ in self.anchors} | {
            self.to_local(middle) for middle, _ in outer.anchors
        }
        locals_ |= {min(locals_) - FAR_NS, max(locals_) + FAR_NS}
        anchors: list[tuple[int, int]] = []
        for local in sorted(locals_):
            reference = outer.to_reference(self.to_reference(local))
            if not anchors or reference > anchors[-1][1]:  # anchors a nanosecond apart can be rounded to one
                anchors.append((local, reference))
        return TimeMap(tuple(anchors))

    def _scalar(self, value: int, side: int) -> int:
        if len(self.anchors) == 1:
            return value - self.anchors[0][side] + self.anchors[0][1 - side]
        chosen = None
        for line in _pieces(self.anchors, side):
            if chosen is None or value >= line[0]:
                chosen = line
        assert chosen is not None
        x0, y0, dx, dy = chosen
        return y0 + _round_div((value - x0) * dy, dx)

    def _array(self, values: NDArray[np.int64], side: int) -> NDArray[np.int64]:
        values = np.asarray(values, np.int64)
        if len(self.anchors) == 1:
            return values - self.anchors[0][side] + self.anchors[0][1 - side]
        lines = _pieces(self.anchors, side)
        starts = np.array([x0 for x0, *_ in lines], np.int64)
        # The last line that starts at or before a value, also where a jump back leaves the starts unsorted.
        starts = np.minimum.accumulate(starts[::-1])[::-1]
        index = np.searchsorted(starts, values, "right") - 1
        index = np.clip(index, 0, None)
        x0 = np.array([line[0] for line in lines], np.int64)[index]
        y0 = np.array([line[1] for line in lines], np.int64)[index]
        excess = np.array([(dy - dx) / dx for _, _, dx, dy in lines])[index]
        d = values - x0
        mapped: NDArray[np.int64] = y0 + d + np.rint(d * excess).astype(np.int64)
        return mapped


@lru_cache(maxsize=1024)
def _pieces(anchors: tuple[tuple[int, int], ...], side: int) -> tuple[tuple[int, int, int, int], ...]:
    """Lines `(x0, y0, dx, dy)`, each serving values from its x0 on; side 0 is local to reference.

    The first and the last one carry the outermost proper slopes beyond the anchors.
    """
    other = 1 - side
    pairs = list(pairwise(anchors))
    lines = [
        (a[side], a[other], b[side] - a[side], b[other] - a[other]) for a, b in pairs if b[side] > a[side]
    ]
    slopes = [(dx, dy) for _, _, dx, dy in lines if dy != 0] or [(1, 1)]
    first, last = anchors[0], anchors[-1]
    before = (first[side], first[other], *slopes[0])
    if lines[:1] != [before]:
        lines.insert(0, before)
    lines.append((last[side], last[other], *slopes[-1]))
    return tuple(lines)


IDENTITY = TimeMap()
"""A stream on the reference clock itself."""


def map_span(timemap: TimeMap, span: tuple[int, int]) -> tuple[int, int]:
    """A local `(start_ns, end_ns)` on the reference timeline, in order even where the map runs backwards."""
    a, b = timemap.to_reference(span[0]), timemap.to_reference(span[1])
    return (a, b) if a <= b else (b, a)
