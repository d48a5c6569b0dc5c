"""How late one sound is against another: GCC-PHAT, and in windows its drift and its jumps.

R = X·Y*/|X·Y*| (Knapp and Carter 1976), the peak refined by a parabola. The ratio of the peak to the best
elsewhere tells a true match (5 and more) from chance (2.7 at most; alignment.md 1).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from inspector.audit.estimators.events import theil_sen

if TYPE_CHECKING:
    from numpy.typing import NDArray

GATE = 3.0
WINDOW_S, HOP_S = 6.0, 3.0


def gcc_phat(
    a: NDArray[np.float32], b: NDArray[np.float32], rate: int, search_s: float
) -> tuple[float, float]:
    """(how late b is, s; peak over the best peak more than 5 ms away). (0, 0) where one is silent."""
    if len(a) < 64 or len(b) < 64 or not a.any() or not b.any():
        return 0.0, 0.0
    most = min(round(search_s * rate), max(len(a), len(b)) - 1)
    size = 1 << int(np.ceil(np.log2(len(a) + len(b))))
    cross = np.conj(np.fft.rfft(a, size)) * np.fft.rfft(b, size)
    whole = np.fft.irfft(cross / np.maximum(np.abs(cross), 1e-12), size)
    curve = np.abs(np.concatenate([whole[size - most :], whole[: most + 1]]))
    top = int(np.argmax(curve))
    away = curve.copy()
    away[max(0, top - round(0.005 * rate)) : top + round(0.005 * rate) + 1] = 0
    shift = 0.0
    if 0 < top < len(curve) - 1:
        y0, y1, y2 = curve[top - 1 : top + 2]
        bend = y0 - 2 * y1 + y2
        shift = float(0.5 * (y0 - y2) / bend) if bend < 0 else 0.0
    return (top - most + shift) / rate, float(curve[top] / max(away.max(), 1e-12))


def windows(
    a: NDArray[np.float32], b: NDArray[np.float32], rate: int, about_s: float, reach_s: float = 0.5
) -> NDArray[np.float64]:
    """(k, 3): time, lateness and peak ratio of each window of 6 s that can be told, around `about_s`."""
    size, hop = round(WINDOW_S * rate), round(HOP_S * rate)
    found = []
    for start in range(0, len(a) - size + 1, hop):
        first = start + round(about_s * rate)
        if first < 0 or first + size > len(b):
            continue
        late, ratio = gcc_phat(a[start : start + size], b[first : first + size], rate, reach_s)
        if ratio >= GATE:
            found.append(((start + size / 2) / rate, late + (first - start) / rate, ratio))
    return np.array(found).reshape(-1, 3)


def drift(found: NDArray[np.float64]) -> tuple[float, float, float]:
    """(offset at time 0 s, drift ppm, median distance from that line s) of such windows, three or more."""
    slope = theil_sen(found[:, 0], found[:, 1])
    rest = found[:, 1] - slope * found[:, 0]
    offset = float(np.median(rest))
    return offset, slope * 1e6, float(np.median(np.abs(rest - offset)))


def jump(found: NDArray[np.float64]) -> tuple[float, float] | None:
    """(time s, size s) of the one place where the lateness steps by over 20 ms and stays, if there is one."""
    if len(found) < 4:
        return None
    late = found[:, 1]
    best, place = 0.0, 0
    for cut in range(2, len(late) - 1):
        size = abs(float(np.median(late[cut:]) - np.median(late[:cut])))
        rest = np.concatenate([late[:cut] - np.median(late[:cut]), late[cut:] - np.median(late[cut:])])
        if size > 0.02 and size > 6 * float(np.median(np.abs(rest))) + 0.005 and size > best:
            best, place = size, cut
    if not place:
        return None
    before, after = float(np.median(late[:place])), float(np.median(late[place:]))
    return (found[place - 1, 0] + found[place, 0]) / 2, after - before
