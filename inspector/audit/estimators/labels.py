"""How well labels explain how something moves: the share of a curve's variance between classes of labels.

The correlation ratio η² (Pearson 1905) asks only that what is labelled alike moves alike; it needs no rule of
which label means which motion. Over lags it tells how late the labels are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

STEP_S = 0.02
LEAST = 50
"""Steps that have to be labelled."""


@dataclass(frozen=True, slots=True)
class Fit:
    """η² at its best lag, and within the tolerance; `late_s` is how late the labels are at the best lag."""

    late_s: float
    best: float
    near: float


def explained(codes: NDArray[np.int64], curve: NDArray[np.float64]) -> float:
    """η² of a curve by the classes in `codes`; 0 is no class and left out."""
    inside = codes > 0
    if inside.sum() < LEAST:
        return 0.0
    x, k = curve[inside], codes[inside]
    count = np.bincount(k)
    mean = np.bincount(k, x) / np.maximum(count, 1)
    total = float(((x - x.mean()) ** 2).sum())
    if total < 1e-9 or (count > 0).sum() < 2:
        return 0.0
    return float((count * (mean - x.mean()) ** 2).sum() / total)


def fit(codes: NDArray[np.int64], curve: NDArray[np.float64], search_s: float, near_s: float) -> Fit:
    """How late the labels are against a curve, both every 20 ms from reference time 0."""
    most, near = round(search_s / STEP_S), round(near_s / STEP_S)
    size = max(len(codes), len(curve)) + 2 * most
    wide = np.zeros(size, np.int64)
    wide[most : most + len(codes)] = codes
    n = len(curve)
    scores = np.array([explained(wide[most + lag : most + lag + n], curve) for lag in range(-most, most + 1)])
    top = int(np.argmax(scores))
    shift = 0.0
    if 0 < top < len(scores) - 1:
        y0, y1, y2 = scores[top - 1 : top + 2]
        bend = y0 - 2 * y1 + y2
        shift = float(0.5 * (y0 - y2) / bend) if bend < 0 else 0.0
    within = scores[most - near : most + near + 1]
    return Fit((top - most + shift) * STEP_S, float(scores[top]), float(within.max()))
