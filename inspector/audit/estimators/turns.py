"""How late a gyroscope is against the film of the camera that it is fixed to: turning shifts the picture.

The picture's shift from frame to frame is told by its brightness summed over rows and over columns; the rates
of that are fitted by the gyroscope's channels at every lag (multiple regression, so that no mounting needs to
be known), and the lag of the greatest R² is taken. Stabilised films do not turn with their camera: then
nothing fits, and nothing is said (R² of .45 at best on two such clips; alignment.md 4). Gyroflow's bounds: no
figure near the end of the search range, and none where hardly anything turns.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from inspector.audit.estimators.correlate import parabola
from inspector.audit.estimators.impostor import LEAST, p_value

if TYPE_CHECKING:
    from numpy.typing import NDArray

STEP_S = 0.01
FIELDS = 64
"""Rows and columns that a picture's brightness is summed into."""
MOST_FIELDS = FIELDS // 4
LEAST_TURN = 0.05
"""Fields a frame, root mean square: less is not told from noise."""
LEAST_S = 8.0
EXCLUDE_S = 0.3
_CHUNK = 2048


@dataclass(frozen=True, slots=True)
class Turn:
    """The gyroscope is `offset_s` late. `r2` is how much of the picture's shift it explains there, `ratio`
    over the best beyond 0.3 s of it, `p` the share of impostors that do as well, `halves_s` how far the
    halves disagree; `why` says why it may not be believed, empty where it may."""

    offset_s: float
    r2: float
    ratio: float
    p: float
    halves_s: float
    why: str = ""


def shifts(profiles: NDArray[np.floating]) -> NDArray[np.float64]:
    """(n,) by how many fields each of n profiles (n, FIELDS) is shifted against the one before; the first 0.

    The peak of the half-whitened cross-correlation of the profiles' slopes, refined by a parabola.
    """
    n, k = profiles.shape
    out = np.zeros(n)
    window = np.hanning(k - 1)
    lags = np.arange(-MOST_FIELDS, MOST_FIELDS + 1)
    for start in range(0, n - 1, _CHUNK):
        part = profiles[start : start + _CHUNK + 1].astype(np.float64)
        slope = np.diff(part, axis=1)
        spectrum = np.fft.rfft((slope - slope.mean(axis=1, keepdims=True)) * window, 2 * k, axis=1)
        cross = np.conj(spectrum[:-1]) * spectrum[1:]
        curve = np.fft.irfft(cross / np.sqrt(np.abs(cross) + 1e-9), 2 * k, axis=1)[:, lags % (2 * k)]
        top = np.clip(np.argmax(curve, axis=1), 1, len(lags) - 2)
        row = np.arange(len(top))
        y0, y1, y2 = (curve[row, top + each] for each in (-1, 0, 1))
        bend = np.minimum(y0 - 2 * y1 + y2, -1e-12)
        out[start + 1 : start + 1 + len(top)] = lags[top] + np.clip(0.5 * (y0 - y2) / bend, -0.5, 0.5)
    return out


def turn_fit(
    t_s: NDArray[np.float64],
    shift: NDArray[np.float64],
    gyro_s: NDArray[np.float64],
    gyro: NDArray[np.float64],
    search_s: float = 3.0,
    seed: int = 0,
) -> Turn | None:
    """How late gyroscope rates (m, c) at `gyro_s` are against shifts (n, 2) of the frames at `t_s`.

    None where the film, or what both have of it, is shorter than 8 s.
    """
    frame = float(np.median(np.diff(t_s))) if len(t_s) > 2 else 0.0
    first, last = float(t_s[0]), float(t_s[-1])
    count = int((last - first) / STEP_S)
    if frame <= 0 or count * STEP_S < LEAST_S or len(gyro_s) < 50:
        return None
    middle = (t_s[1:] + t_s[:-1]) / 2
    grid = first + np.arange(count) * STEP_S
    seen = np.stack([np.interp(grid, middle, shift[1:, axis] / np.diff(t_s)) for axis in (0, 1)], axis=1)
    most = round(search_s / STEP_S)
    wide = first + np.arange(-most, count + most) * STEP_S
    rates = np.stack([np.interp(wide, gyro_s, each) for each in gyro.T], axis=1)
    size = max(1, round(frame / STEP_S))  # a frame's shift is the mean over a frame
    kernel = np.ones(size) / size
    rates = np.stack([np.convolve(each, kernel, "same") for each in rates.T], axis=1)
    good = (wide >= gyro_s[0]) & (wide <= gyro_s[-1])
    lags = [lag for lag in range(-most, most + 1) if good[most + lag : most + lag + count].mean() > 0.8]
    if len(lags) < 20:
        return None
    scores = np.array([_r2(seen, rates[most + lag : most + lag + count]) for lag in lags])
    top = int(np.argmax(scores))
    offset = (lags[top] + parabola(scores, top)) * STEP_S
    away = np.abs(np.arange(len(scores)) - top) * STEP_S > EXCLUDE_S
    ratio = float(scores[top] / max(float(scores[away].max(initial=0.0)), 1e-6))
    rng = np.random.default_rng(seed)
    here = rates[most : most + count]
    null = np.empty(LEAST)
    for number in range(LEAST):
        turned = np.roll(here, int(rng.integers(most, max(most + 1, count - most))), axis=0)
        turned = turned[::-1] if number % 2 else turned
        null[number] = max(_r2(seen, np.roll(turned, each, axis=0)) for each in (-10, -5, 0, 5, 10))
    p = p_value(float(scores[top]), null)
    half = count // 2
    parts = []
    for part in (slice(0, half), slice(half, count)):
        near = [lag for lag in lags if abs(lag - lags[top]) <= 30]
        own = [_r2(seen[part], rates[most + lag : most + lag + count][part]) for lag in near]
        best = int(np.argmax(own))
        parts.append((near[best] + parabola(np.array(own), best)) * STEP_S)
    halves = abs(parts[0] - parts[1])
    speed = float(np.sqrt((shift[1:] ** 2).sum(axis=1).mean()))
    why = ""
    if speed < LEAST_TURN:
        why = "the picture hardly turns"
    elif top < 0.05 * len(scores) or top > 0.95 * len(scores):
        why = "the best fit lies at the end of the search range"
    elif scores[top] < 0.6 or ratio < 1.3 or p > 0.02:
        why = f"the gyroscope explains {scores[top]:.0%} of how the picture turns, elsewhere nearly as much"
        if scores[top] < 0.6:
            why = f"the gyroscope explains {scores[top]:.0%} of how the picture turns: perhaps stabilised"
    elif halves > frame:
        why = f"its halves are {halves * 1000:.0f} ms apart"
    return Turn(offset, float(scores[top]), ratio, p, halves, why)


def _r2(seen: NDArray[np.float64], rates: NDArray[np.float64]) -> float:
    """How much of `seen` (n, 2) a linear map of `rates` (n, c) explains."""
    x = rates - rates.mean(axis=0)
    y = seen - seen.mean(axis=0)
    total = float((y * y).sum())
    if total <= 0:
        return 0.0
    gram = x.T @ x + 1e-9 * np.eye(x.shape[1]) * max(float((x * x).sum()), 1e-12)
    both = x.T @ y
    return float((both * np.linalg.solve(gram, both)).sum() / total)
