"""How much moves, as a curve: in a film the change between frames, in a sensor its channels' speed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

STEP_S = 0.02
EVENT_APART_S = 0.1


def film_motion(
    t_s: NDArray[np.float64], change: NDArray[np.float32], luma: NDArray[np.float32], count: int
) -> NDArray[np.float64]:
    """The root of the change between frames every 20 ms, what a change of light makes taken off.

    The change between two frames belongs between the middles of the times for which they stand.
    """
    jump = np.abs(np.diff(luma.astype(np.float64), prepend=float(luma[0])))
    moved = np.sqrt(np.maximum(change.astype(np.float64) - jump, 0.0))
    half = float(np.median(np.diff(t_s))) / 2 if len(t_s) > 1 else 0.0
    between = np.concatenate([t_s[:1], (t_s[1:] + t_s[:-1]) / 2]) + half
    curve: NDArray[np.float64] = np.interp(np.arange(count) * STEP_S, between, moved, left=0.0, right=0.0)
    return curve


def channel_speed(t_s: NDArray[np.float64], values: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """The root of a channel's speed every 20 ms, 1 being fast for it, its noise taken off."""
    good = np.isfinite(values)
    t_s, values = t_s[good], values[good]
    if len(values) < 4:
        return np.zeros(count)
    edges = np.searchsorted(t_s, np.arange(count + 1) * STEP_S - STEP_S / 2)
    total = np.concatenate([[0.0], np.cumsum(values)])
    number = np.diff(edges)
    mean = (total[edges[1:]] - total[edges[:-1]]) / np.maximum(number, 1)
    if not number.any():
        return np.zeros(count)
    mean = np.interp(np.arange(count), np.flatnonzero(number), mean[number > 0])
    speed = np.abs(np.gradient(np.convolve(np.pad(mean, 1, mode="edge"), np.ones(3) / 3, "valid"), STEP_S))
    speed = np.maximum(speed - 2 * np.percentile(speed, 50), 0.0)
    top = float(np.percentile(speed, 99))
    curve: NDArray[np.float64] = np.sqrt(speed / top) if top > 0 else np.zeros(count)
    return curve


def steps(t_s: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The moments (s) at which a channel steps: centres of short bursts of speed far above its noise."""
    good = np.isfinite(values)
    t_s, values = t_s[good], values[good]
    if len(values) < 50:
        return np.zeros(0)
    rate = (len(t_s) - 1) / max(t_s[-1] - t_s[0], 1e-9)
    reach = max(1, round(0.02 * rate))
    speed = np.abs(values[2 * reach :] - values[: -2 * reach])
    at = t_s[reach : len(t_s) - reach]
    noise = float(np.median(speed))
    high = speed > max(6 * noise, 0.3 * float(np.percentile(speed, 99)))
    # A burst whose edge flickers in the noise is one burst.
    high = np.convolve(high, np.ones(2 * reach + 1), "same") > 0
    edges = np.flatnonzero(np.diff(np.concatenate([[False], high, [False]]).astype(np.int8))).reshape(-1, 2)
    found: list[float] = []
    for first, past in edges:
        if at[past - 1] - at[first] > 2.5 * EVENT_APART_S:
            continue
        centre = float(np.average(at[first:past], weights=speed[first:past] - noise))
        if not found or centre - found[-1] > EVENT_APART_S:
            found.append(centre)
    return np.array(found)
