"""What a plot shows of a stretch of samples: an envelope, and boxes where only bounds are known yet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Value = TypeVar("Value", bound=np.floating)

PER_COLUMN = 2
"""At least so many buckets a column are looked at, so that none shows half a column of its neighbour."""

SHORT = 12
"""Where no more than so many follow each other, they are taken place by place."""


@dataclass(frozen=True, slots=True)
class Boxes:
    """Stretches (m,) of which no more is known than between which values they lie: `low`, `high` (m, c).

    Each is true: every sample of the stretch lies in its box. NaN where not even that is known.
    """

    start_ns: NDArray[np.int64]
    end_ns: NDArray[np.int64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]

    def of(self, start_ns: int, end_ns: int, channels: NDArray[np.int64]) -> Boxes:
        """Those that touch a span, and these channels of them."""
        seen = np.flatnonzero((self.end_ns >= start_ns) & (self.start_ns <= end_ns))
        rows = np.ix_(seen, channels)
        return Boxes(self.start_ns[seen], self.end_ns[seen], self.low[rows], self.high[rows])


@dataclass(frozen=True, slots=True)
class Look:
    """Times (m,) and the least and greatest values there (m, c), of the channels asked for.

    Between rows a line may be drawn, but for rows of NaN. `boxes` stand where there are no rows yet.
    """

    t_ns: NDArray[np.int64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    boxes: Boxes | None = None


def no_look(channels: int) -> Look:
    """Nothing."""
    none = np.zeros((0, channels))
    return Look(np.zeros(0, np.int64), none, none)


def in_a_row(channels: NDArray[np.int64]) -> NDArray[np.int64] | slice:
    """The same channels as a slice where they are neighbours: that is a view, and a list of them a copy."""
    if len(channels) and (np.diff(channels) == 1).all():
        return slice(int(channels[0]), int(channels[-1]) + 1)
    return channels


def in_pairs(
    starts: NDArray[np.int64], ends: NDArray[np.int64], low: NDArray[np.floating], high: NDArray[np.floating]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.floating], NDArray[np.floating]]:
    """Half as many buckets, along the last axis: each with the one behind it. Their number is even."""
    return (
        starts[..., ::2],
        ends[..., 1::2],
        np.fmin(low[..., ::2], low[..., 1::2]),
        np.fmax(high[..., ::2], high[..., 1::2]),
    )


def reduced(pick: np.ufunc, values: NDArray[Value], cuts: NDArray[np.intp]) -> NDArray[Value]:
    """`pick.reduceat(values, cuts, axis=1)` of values (c, m), for cuts that grow.

    Where few lie between two cuts it takes a tenth of the time: one pass a place, over all of them at once.
    """
    last = np.append(cuts[1:], values.shape[1]) - 1
    most = int((last - cuts).max(initial=0))
    if most > SHORT:
        long: NDArray[Value] = pick.reduceat(values, cuts, axis=1)
        return long
    found = np.take(values, cuts, axis=1, mode="clip")
    other = np.empty_like(found)
    for place in range(1, most + 1):
        np.take(values, np.minimum(cuts + place, last), axis=1, out=other, mode="clip")
        pick(found, other, out=found)
    return found


def in_columns(
    starts: NDArray[np.int64],
    ends: NDArray[np.int64],
    low: NDArray[np.floating],
    high: NDArray[np.floating],
    span: tuple[int, int],
    columns: int,
) -> Boxes:
    """Buckets with first and last times (m,) and extremes (c, m), by the columns they begin in.

    At most `columns` + 1 come out. What began before the span goes into the first one.
    """
    if not len(starts):
        none = np.zeros((0, len(low)))
        return Boxes(starts, ends, none, none)
    while len(starts) >= 2 * PER_COLUMN * columns:
        # By pairs first, in long loops: a reduction over the few buckets of a column has short ones.
        half = len(starts) // 2 * 2
        odd = slice(half, None)
        paired = in_pairs(starts[:half], ends[:half], low[:, :half], high[:, :half])
        if half < len(starts):
            rest = starts[odd], ends[odd], low[:, odd], high[:, odd]
            starts, ends, low, high = (
                np.concatenate(each, axis=-1) for each in zip(paired, rest, strict=True)
            )
        else:
            starts, ends, low, high = paired
    edges = span[0] + (np.arange(columns) * ((span[1] - span[0]) / columns)).astype(np.int64)
    cuts = np.searchsorted(starts, edges, "left")
    cuts = cuts[(np.diff(cuts, prepend=-1) > 0) & (cuts < len(starts))]
    if not len(cuts) or cuts[0] != 0:
        cuts = np.concatenate([[0], cuts])
    last = np.append(cuts[1:], len(starts)) - 1
    return Boxes(
        starts[cuts],
        ends[last],
        reduced(np.fmin, low, cuts).T.astype(np.float64),
        reduced(np.fmax, high, cuts).T.astype(np.float64),
    )


def as_line(boxes: Boxes, gap_ns: int, more: Boxes | None = None) -> Look:
    """Boxes no wider than a column as a line, broken by a row of NaN in every gap."""
    t_ns, last_ns, low, high = boxes.start_ns, boxes.end_ns, boxes.low, boxes.high
    gaps = np.flatnonzero(t_ns[1:] - last_ns[:-1] > gap_ns)
    if len(gaps):
        middle = last_ns[gaps] + (t_ns[gaps + 1] - last_ns[gaps]) // 2
        t_ns = np.insert(t_ns, gaps + 1, middle)
        low = np.insert(low, gaps + 1, np.nan, axis=0)
        high = np.insert(high, gaps + 1, np.nan, axis=0)
    return Look(t_ns, low, high, more)
