"""What stamps say of a stream's clock: rate, jitter, gaps and resets.

Breaks, resets and the robust fit use the defaults of pyxdf 1.17 (a gap over 1 s and over 500 samples; a
reset over 5 s or backwards; Huber's loss). Stamps are (n,) int64 nanoseconds in order of arrival.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from inspector.core.times import NS

if TYPE_CHECKING:
    from numpy.typing import NDArray

GAP_S, GAP_SAMPLES = 1.0, 500
RESET_S = 5.0
HUBER = 1.345
"""In units of the spread: 95 % as good as least squares where nothing is wrong (Huber 1964)."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Nothing between sample `before` and the next: `length_ns` longer than one period."""

    before: int
    length_ns: int


@dataclass(frozen=True, slots=True)
class Stamps:
    """A clock as its stamps tell it.

    `rate_hz` is the samples a second within the segments; `effective_hz` over all of the time. `jitter_ns` is
    the median distance of stamps from even steps, `resets` the samples at which the clock was set anew,
    `backwards` how many stamps are earlier than the one before, `repeated` how many are the same.
    """

    rate_hz: float
    effective_hz: float
    jitter_ns: float
    gaps: tuple[Gap, ...]
    resets: tuple[int, ...]
    backwards: int
    repeated: int


def stamps(t_ns: NDArray[np.int64], gap_s: float = GAP_S, gap_samples: int = GAP_SAMPLES) -> Stamps | None:
    """What stamps tell. None for fewer than 10, or where all are the same.

    A gap is longer than `gap_s` and than `gap_samples` periods, as pyxdf has it; with `gap_samples` 0 every
    gap of more than `gap_s`. A step backwards by over 1 s or on by over 5 s and 500 samples begins a segment
    of its own where it goes backwards; what goes on is a gap.
    """
    if len(t_ns) < 10:
        return None
    step = np.diff(t_ns)
    ahead = step[step > 0]
    if not len(ahead):
        return None
    period = float(np.median(ahead))
    resets = np.flatnonzero(step < -GAP_S * NS) + 1
    wide = np.flatnonzero(step > max(gap_s * NS, gap_samples * period))
    gaps = tuple(Gap(int(at), int(step[at] - round(period))) for at in wide)
    bounds = np.unique(np.concatenate([[0], resets, wide + 1, [len(t_ns)]])).astype(np.int64)
    rates, weights, off = [], [], []
    for first, past in itertools.pairwise(bounds):
        if past - first < 3:
            continue
        number = np.arange(past - first, dtype=np.float64)
        at = (t_ns[first:past] - t_ns[first]).astype(np.float64)
        fitted = huber_line(number, at)
        rates.append(fitted[1])
        weights.append(float(past - first))
        off.append(np.abs(at - fitted[0] - fitted[1] * number))
    if not rates:
        return None
    slope = float(np.average(rates, weights=weights))
    forward = np.concatenate([[0], np.where(step < -GAP_S * NS, round(period), step)])
    span = float(forward.sum())
    return Stamps(
        NS / slope if slope > 0 else 0.0,
        (len(t_ns) - 1) * NS / span if span > 0 else 0.0,
        float(np.median(np.concatenate(off))),
        gaps,
        tuple(int(each) for each in resets),
        int((step < 0).sum()),
        int((step == 0).sum()),
    )


def steady(t_ns: NDArray[np.int64], share: float = 0.95) -> bool:
    """Whether so many of the steps are within a half of the usual one: else few periods tell no gap."""
    step = np.diff(t_ns)
    usual = float(np.median(step)) if len(step) else 0.0
    return usual > 0 and float(np.mean(np.abs(step / usual - 1) < 0.5)) >= share


def huber_line(
    x: NDArray[np.float64], y: NDArray[np.float64], least: float = 0.0, rounds: int = 30
) -> tuple[float, float, float]:
    """(a, b, spread) of y = a + b·x under Huber's loss, by least squares weighted anew each round.

    Points further than 1.345 times the spread (the median distance, scaled; `least` at the smallest)
    weigh less
    by their distance, so that a few wild ones do not decide.
    """
    x0, y0 = float(x.mean()), float(y.mean())
    dx, dy = x - x0, y - y0
    weight = np.ones(len(x))
    a, b, spread = 0.0, 0.0, 0.0
    for _ in range(rounds):
        total = float(weight.sum())
        mx, my = float((weight * dx).sum()) / total, float((weight * dy).sum()) / total
        power = float((weight * (dx - mx) ** 2).sum())
        new = float((weight * (dx - mx) * (dy - my)).sum()) / power if power > 0 else 0.0
        done = abs(new - b) <= 1e-13 * max(abs(new), 1e-300)
        b, a = new, my - new * mx
        rest = np.abs(dy - a - b * dx)
        spread = 1.4826 * float(np.median(rest))
        if done:
            break
        bound = HUBER * max(spread, least, 1e-12 * max(float(np.abs(dy).max()), 1e-300))
        weight = np.minimum(1.0, bound / np.maximum(rest, 1e-300))
    return y0 + a - b * x0, b, spread
