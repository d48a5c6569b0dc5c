"""Where a sound was cut: steps in how late its windows are, and the map in pieces that follows.

Optimal partitioning of the windows' lateness with one common slope (Jackson et al. 2005), the squared error
bounded for each window so that a wild one makes no piece of its own.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from inspector.audit.estimators.correlate import cut_out, theil_sen

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEAST_S = 0.02
"""Smaller steps are no cut (alignment.md, A13)."""

CERTAIN = 3.0
LEAST_WINDOWS = 2
MOST_WINDOWS = 1500


@dataclass(frozen=True, slots=True)
class Piece:
    """From `start_s` to `end_s` of the first sound the second is `offset_s` + `drift_ppm` · t late.

    `loose_s` is how long the stretch is that the cut at its end may lie in.
    """

    start_s: float
    end_s: float
    offset_s: float
    drift_ppm: float
    windows: int
    loose_s: float = 0.0


def pieces(found: NDArray[np.float64], least_s: float = LEAST_S) -> list[Piece]:
    """The pieces of windows (k, ≥ 2: time s, lateness s) between which the lateness steps by `least_s`.

    One piece means no cut, or none that can be told: a piece has two windows at least, and they agree. The
    places are halfway between windows; `place` finds them in the sounds.
    """
    if len(found) > MOST_WINDOWS:
        found = found[np.linspace(0, len(found) - 1, MOST_WINDOWS).astype(np.int64)]
    if not len(found):
        return []
    t, late = found[:, 0], found[:, 1]
    # Neighbours differ by the slope alone except at a cut: their median does not see it.
    slope = float(np.median(np.diff(late) / np.diff(t))) if len(t) >= 3 else 0.0
    bounds = [0, len(t)]
    for _ in range(3):
        bounds = _partition(late - slope * t, least_s)
        inner = [theil_sen(t[a:b], late[a:b]) for a, b in itertools.pairwise(bounds) if b - a >= 3]
        weight = [b - a for a, b in itertools.pairwise(bounds) if b - a >= 3]
        if not inner or sum(weight) < 6:
            break
        slope = float(np.average(inner, weights=np.array(weight, np.float64) ** 3))
    rest = late - slope * t
    # One window before a cut and one beyond it are no piece, and their middle is where nothing lies.
    if any(_spread(rest[a:b]) > least_s / 4 for a, b in itertools.pairwise(bounds)):
        bounds = [0, len(t)]
    edges = [float(t[0]), *(float(t[b - 1] + t[b]) / 2 for b in bounds[1:-1]), float(t[-1])]
    return [
        Piece(edges[k], edges[k + 1], float(np.median(rest[a:b])), slope * 1e6, b - a)
        for k, (a, b) in enumerate(itertools.pairwise(bounds))
    ]


def _spread(x: NDArray[np.float64]) -> float:
    return float(np.median(np.abs(x - np.median(x))))


def _partition(x: NDArray[np.float64], least_s: float) -> list[int]:
    """Bounds [0, …, n] of the pieces of x with the least squared error plus a price a piece.

    The price is what a step of `least_s` with two windows beside it saves, halved, at least nine times the
    variance of the noise for each doubling of the length.
    """
    n = len(x)
    if n < 2 * LEAST_WINDOWS:
        return [0, n]
    noise = 1.4826 * float(np.median(np.abs(np.diff(x)))) / np.sqrt(2)
    price = max(0.5 * LEAST_WINDOWS * least_s**2, 9 * noise**2 * np.log2(n + 1))
    x = _tamed(x, least_s)
    x = x - x.mean()
    total = np.concatenate([[0.0], np.cumsum(x)])
    square = np.concatenate([[0.0], np.cumsum(x * x)])
    cost = np.full(n + 1, np.inf)
    cost[0] = -price
    last = np.zeros(n + 1, np.int64)
    for end in range(LEAST_WINDOWS, n + 1):
        starts = np.arange(0, end - LEAST_WINDOWS + 1)
        run = end - starts
        error = square[end] - square[starts] - (total[end] - total[starts]) ** 2 / run
        whole = cost[starts] + error + price
        last[end] = int(starts[int(np.argmin(whole))])
        cost[end] = float(whole.min())
    bounds = [n]
    while bounds[-1] > 0:
        bounds.append(int(last[bounds[-1]]))
    bounds.reverse()
    kept = [0]
    for k in range(1, len(bounds) - 1):
        left, right = x[kept[-1] : bounds[k]], x[bounds[k] : bounds[k + 1]]
        if abs(float(np.median(right) - np.median(left))) >= least_s:
            kept.append(bounds[k])
    return [*kept, n]


def _tamed(x: NDArray[np.float64], least_s: float) -> NDArray[np.float64]:
    """x with every value that stands alone between two that agree put to their mean."""
    out = x.copy()
    before, at, after = x[:-2], x[1:-1], x[2:]
    alone = (np.abs(before - after) < least_s / 2) & (np.abs(at - (before + after) / 2) > least_s / 2)
    out[1:-1][alone] = ((before + after) / 2)[alone]
    return out


def place(
    a: NDArray[np.float32],
    b: NDArray[np.float32],
    rate: int,
    before: Piece,
    after: Piece,
    reach_s: float = 6.0,
    block_s: float = 0.02,
) -> tuple[float, float]:
    """Where between two pieces the cut lies, s of `a`, and how long the stretch is that it may lie in: `b`
    fits by the first offset, then the second.

    Each 20 ms block of `a` around the halfway point is multiplied with `b` under both; the cut is where the
    first has won most before it and the second most after it. In a pause neither wins: the stretch reaches on
    either side to where the evidence is three times what as many blocks give by chance.
    """
    middle = before.end_s
    size = round(block_s * rate)
    start = max(0, round(max(middle - reach_s, before.start_s) * rate))
    end = min(len(a), round(min(middle + reach_s, after.end_s) * rate))  # not beyond the next cut
    count = max(0, (end - start) // size)
    if count < 2:
        return middle, 2 * reach_s
    whole = np.diff(a[start : start + count * size], prepend=np.float32(0))
    scores = []
    for piece in (before, after):
        lag = round((piece.offset_s + piece.drift_ppm * 1e-6 * middle) * rate)
        other = np.diff(cut_out(b, start + lag, start + lag + count * size), prepend=np.float32(0))
        product = (whole * other).reshape(count, size).sum(axis=1)
        power = (whole**2).reshape(count, size).sum(axis=1) + (other**2).reshape(count, size).sum(axis=1)
        scores.append(2 * product / (power + 1e-3 * float(power.mean()) + 1e-20))
    # What was cut out of `b` is so long in `a`: there neither can win.
    gone = min(max(0, round((before.offset_s - after.offset_s) / block_s)), count - 1)
    first, second = (np.concatenate([[0.0], np.cumsum(each)]) for each in scores)
    won = first[: count + 1 - gone] + second[-1] - second[gone:]
    top = int(np.argmax(won))
    if top in (0, len(won) - 1):  # it lies beyond what was looked at
        return middle, 2 * reach_s
    step = np.diff(won)
    chance = CERTAIN * 1.4826 * float(np.median(np.abs(step - np.median(step))))
    apart = np.abs(np.arange(len(won)) - top)
    told = np.flatnonzero(won[top] - won > chance * np.sqrt(apart))
    low = told[told < top].max(initial=0)
    high = told[told > top].min(initial=len(won) - 1)
    return (start + top * size) / rate, float(high - low) * block_s
