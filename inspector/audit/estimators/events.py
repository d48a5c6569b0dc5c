"""Moments that stand out in a stream, and how late one train of moments is against another.

Flashes in a film are jumps of its luma; onsets in a sound are jumps of its level within milliseconds. Two
trains are compared by the offset that brings most of them together; how easily chance would do as well is
measured on trains of the same gaps in other orders: the impostor null.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from inspector.audit.estimators.correlate import theil_sen

if TYPE_CHECKING:
    from numpy.typing import NDArray

IMPOSTORS = 199
FLASH_LEAST = 2.0
"""Steps of 255 by which a flash lifts the whole picture, at least."""
ONSET_FRAME_S = 0.002
ONSET_LEAST_DB = 12.0
ONSET_APART_S = 0.06


@dataclass(frozen=True, slots=True)
class Lag:
    """How late b is against a: `offset_s` at a's time 0, and `drift_ppm` where that can be told.

    `p` is the share of impostors that fit as well; `ratio` the best fit over the best elsewhere;
    `spread_s` the median distance of the `count` matched moments from the fit; `halves_s` how far its two
    halves disagree.
    """

    offset_s: float
    drift_ppm: float | None
    p: float
    ratio: float
    spread_s: float
    count: int
    halves_s: float


def flashes(t_s: NDArray[np.float64], luma: NDArray[np.float32]) -> NDArray[np.float64]:
    """Start times of frames that are suddenly brighter, and fall again within half a second."""
    if len(t_s) < 3:
        return np.zeros(0)
    rise = np.diff(luma.astype(np.float64), prepend=float(luma[0]))
    noise = 1.4826 * float(np.median(np.abs(rise)))
    high = np.flatnonzero(rise > max(FLASH_LEAST, 10 * noise))
    found: list[float] = []
    for place in high:
        within = (t_s > t_s[place]) & (t_s <= t_s[place] + 0.5)
        fell = bool((luma[within] < luma[place] - 0.6 * rise[place]).any())
        if fell and (not found or t_s[place] - found[-1] > 0.08):
            found.append(float(t_s[place]))
    return np.array(found)


def onsets(pcm: NDArray[np.int16], rate: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Times (s) of sudden sounds and their level (0 to 1): frames that rise over the 30 ms before them.

    The time is that of the first sample beyond a quarter of the sound's top, so that it is good to a
    fraction of a millisecond.
    """
    size = max(1, round(rate * ONSET_FRAME_S))
    x = np.diff(pcm.astype(np.float32), prepend=np.float32(0)) / 32768
    count = len(x) // size
    if count < 20:
        return np.zeros(0), np.zeros(0)
    top = np.abs(x[: count * size]).reshape(count, size).max(axis=1)
    before = np.lib.stride_tricks.sliding_window_view(np.concatenate([np.zeros(16, top.dtype), top]), 15)
    floor = np.maximum(before[:count].max(axis=1), 1e-4)
    sharp = 20 * np.log10(np.maximum(top, 1e-6) / floor) > ONSET_LEAST_DB
    found: list[tuple[float, float]] = []
    apart = round(ONSET_APART_S / ONSET_FRAME_S)
    last = -apart
    for place in np.flatnonzero(sharp):
        if place - last < apart:
            continue
        last = int(place)
        part = np.abs(x[place * size : (place + 4) * size])
        level = float(part.max())
        first = place * size + int(np.argmax(part > 0.25 * level))
        found.append((first / rate, level))
    if not found:
        return np.zeros(0), np.zeros(0)
    table = np.array(found)
    return table[:, 0], table[:, 1]


def trains(
    a: NDArray[np.float64],
    b: NDArray[np.float64],
    weights: NDArray[np.float64] | None = None,
    search_s: float = 5.0,
    within_s: float = 0.03,
    seed: int = 0,
) -> Lag | None:
    """How late train b is against train a (s), each of a's moments expected in b. None for fewer than 4.

    `weights` of b's moments (the louder, the likelier a partner) default to 1.
    """
    if len(a) < 4 or not len(b):
        return None
    w = np.ones(len(b)) if weights is None else np.sqrt(weights / weights.max())
    score, offset, second = _best(a, b, w, search_s, within_s)
    rng = np.random.default_rng(seed)
    gaps = np.diff(a)
    beaten = 0
    for _ in range(IMPOSTORS):
        # Other gaps of the same lengths, a little changed: a train of few gaps is never shuffled onto itself.
        other = a[0] + np.concatenate(
            [[0.0], np.cumsum(rng.permutation(gaps) * rng.uniform(0.9, 1.1, len(gaps)))]
        )
        other += rng.uniform(-0.5, 0.5)
        beaten += _best(other, b, w, search_s, within_s)[0] >= score
    pairs = matched(a, b, offset, 0.0, within_s)
    if len(pairs) < 3:
        return None
    late = b[pairs[:, 1]] - a[pairs[:, 0]]
    middle = len(late) // 2
    return Lag(
        float(np.mean(late)),
        None,
        (1 + beaten) / (IMPOSTORS + 1),
        score / max(second, 1e-9),
        float(np.median(np.abs(late - np.median(late)))),
        len(pairs),
        abs(float(np.mean(late[:middle]) - np.mean(late[middle:]))),
    )


def _best(
    a: NDArray[np.float64], b: NDArray[np.float64], w: NDArray[np.float64], search_s: float, within_s: float
) -> tuple[float, float, float]:
    """(score, offset, best score elsewhere): the offset under which most of a has a partner in b."""
    apart = b[None, :] - a[:, None]
    near = np.abs(apart) <= search_s
    at, of, weight = apart[near], np.nonzero(near)[0], np.broadcast_to(w, apart.shape)[near]
    if not len(at):
        return 0.0, 0.0, 0.0
    order = np.argsort(at)
    at, of, weight = at[order], of[order], weight[order]
    candidates = at
    low = np.searchsorted(at, candidates - within_s / 2, "left")
    high = np.searchsorted(at, candidates + within_s / 2, "right")
    if len(b) < 2 or float(np.diff(b).min()) > within_s:
        # No moment of a has two partners within one window: what lies in it counts as it stands.
        total = np.concatenate([[0.0], np.cumsum(weight)])
        scores = total[high] - total[low]
    else:
        scores = _best_of_each(of, weight, low, high)
    top = int(np.argmax(scores))
    elsewhere = np.abs(candidates - candidates[top]) > 2 * within_s
    inside = (at >= candidates[top] - within_s / 2) & (at <= candidates[top] + within_s / 2)
    return (
        float(scores[top]),
        float(np.average(at[inside], weights=weight[inside])),
        float(scores[elsewhere].max(initial=0.0)),
    )


def _best_of_each(
    of: NDArray[np.intp], weight: NDArray[np.float64], low: NDArray[np.intp], high: NDArray[np.intp]
) -> NDArray[np.float64]:
    """For each stretch of pairs the sum over the moments of a in it, each with its heaviest partner."""
    scores = np.empty(len(low))
    for place, (first, past) in enumerate(zip(low.tolist(), high.tolist(), strict=True)):
        best: dict[int, float] = {}
        for one, heavy in zip(of[first:past].tolist(), weight[first:past].tolist(), strict=True):
            if heavy > best.get(one, 0.0):
                best[one] = heavy
        scores[place] = sum(best.values())
    return scores


def matched(
    a: NDArray[np.float64], b: NDArray[np.float64], offset_s: float, drift_ppm: float, within_s: float
) -> NDArray[np.int64]:
    """(k, 2): each moment of a with the nearest of b to where it is expected, where that is near enough."""
    if not len(a) or not len(b):
        return np.zeros((0, 2), np.int64)
    wanted = offset_s + a * (1 + drift_ppm * 1e-6)
    place = np.clip(np.searchsorted(b, wanted), 1, max(len(b) - 1, 1))
    left = np.clip(place - 1, 0, len(b) - 1)
    right = np.clip(place, 0, len(b) - 1)
    nearest = np.where(np.abs(b[left] - wanted) <= np.abs(b[right] - wanted), left, right)
    good = np.abs(b[nearest] - wanted) <= within_s
    return np.stack([np.flatnonzero(good), nearest[good]], axis=1)


def line(
    a: NDArray[np.float64],
    b: NDArray[np.float64],
    offset_s: float,
    drift_ppm: float,
    within_s: float = 0.2,
) -> tuple[float, float, float, int] | None:
    """Fit b = offset + a (1 + drift) to two trains from a first guess: (offset s, drift ppm, spread s,
    count).

    Matched within a reach that shrinks to five times the spread; the slope is the median of all slopes of
    pairs (Theil and Sen). None where fewer than 10 moments match.
    """
    for _ in range(8):
        pairs = matched(a, b, offset_s, drift_ppm, within_s)
        if len(pairs) < 10:
            return None
        x, y = a[pairs[:, 0]], b[pairs[:, 1]]
        late = y - x
        drift_ppm = theil_sen(x, late) * 1e6
        rest = late - x * drift_ppm * 1e-6
        offset_s = float(np.median(rest))
        spread = float(np.median(np.abs(rest - offset_s)))
        within_s = min(within_s, max(5 * 1.4826 * spread, 0.004))
    return offset_s, drift_ppm, spread, len(pairs)
