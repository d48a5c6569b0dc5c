"""What the stamps of a film say: its period, which frames are missing, which are there twice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Frames:
    """A film's stamps: `missing` frames in `gaps` (index of the frame before, how many are missing).

    `repeated` are frames at the time of the one before. `variable` is true where the gaps vary
    throughout, and then
    nothing is called missing.
    """

    period_ns: float
    missing: int
    gaps: tuple[tuple[int, int], ...]
    repeated: tuple[int, ...]
    variable: bool


def frame_stamps(t_ns: NDArray[np.int64], bound: float = 1.5, varies: float = 0.1) -> Frames | None:
    """What is missing from a film whose frames are at `t_ns` (n,), sorted. None for fewer than 10 frames.

    A gap of over `bound` periods (alignment.md A05) that is a whole number of them, to a fifth, misses
    frames. Where
    more than `varies` of the gaps are off the period by a tenth, the rate is variable. avg_frame_rate
    is never asked.
    """
    if len(t_ns) < 10:
        return None
    step = np.diff(t_ns)
    repeated = tuple(int(each) + 1 for each in np.flatnonzero(step == 0))
    ahead = step[step > 0]
    if not len(ahead):
        return None
    period = float(np.median(ahead))
    near = np.abs(ahead / period - 1) <= 0.1
    period = float(ahead[near].mean()) if near.any() else period
    if float((~near).mean()) > varies:
        return Frames(period, 0, (), repeated, True)
    count = step / period
    wide = (count > bound) & (np.abs(count - np.rint(count)) <= 0.2)
    gaps = tuple((int(at), int(np.rint(count[at])) - 1) for at in np.flatnonzero(wide))
    return Frames(period, sum(number for _, number in gaps), gaps, repeated, False)
