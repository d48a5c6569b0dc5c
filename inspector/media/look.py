"""What a plot shows of a stretch of samples: an envelope, and boxes where only bounds are known yet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


PER_COLUMN = 2
"""At least so many buckets a column are looked at, so that none shows half a column of its neighbour."""


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


def in_columns(
    times: NDArray[np.int64], values: NDArray[np.floating], span: tuple[int, int], columns: int
) -> Boxes:
    """Buckets with first and last `times` (2, m) and extremes (2, c, m), by the columns they begin in.

    At most `columns` + 1 come out. What began before the span goes into the first one.
    """
    (starts, ends), (low, high) = times, values
    if not len(starts):
        none = np.zeros((0, len(low)))
        return Boxes(starts, ends, none, none)
    while len(starts) >= 2 * PER_COLUMN * columns:
        # By pairs first, in long loops: a reduction over the few buckets of a column has short ones.
        half = len(starts) // 2 * 2
        odd = [slice(half, None)] if half < len(starts) else []
        starts = np.concatenate([starts[0:half:2], *(starts[each] for each in odd)])
        ends = np.concatenate([ends[1:half:2], *(ends[each] for each in odd)])
        low = np.concatenate(
            [np.fmin(low[:, 0:half:2], low[:, 1:half:2]), *(low[:, each] for each in odd)], axis=1
        )
        high = np.concatenate(
            [np.fmax(high[:, 0:half:2], high[:, 1:half:2]), *(high[:, each] for each in odd)], axis=1
        )
    edges = span[0] + (np.arange(columns) * ((span[1] - span[0]) / columns)).astype(np.int64)
    cuts = np.searchsorted(starts, edges, "left")
    cuts = cuts[(np.diff(cuts, prepend=-1) > 0) & (cuts < len(starts))]
    if not len(cuts) or cuts[0] != 0:
        cuts = np.concatenate([[0], cuts])
    last = np.append(cuts[1:], len(starts)) - 1
    return Boxes(
        starts[cuts],
        ends[last],
        np.fmin.reduceat(low, cuts, axis=1).T.astype(np.float64),
        np.fmax.reduceat(high, cuts, axis=1).T.astype(np.float64),
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
