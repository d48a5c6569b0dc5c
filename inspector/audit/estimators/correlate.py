"""How late one sound is against another: GCC-PHAT, in windows its drift, and again after warping.

R = X·Y* / |X·Y*| (Knapp and Carter 1976), its peak refined by a parabola. The ratio of the peak to the best
elsewhere tells a match (5 and more) from chance (2.7 at most; alignment.md 1). Sounds are (n,) float32 at
`rate` Hz from a common time 0. Offsets are in seconds, positive where `b` is late.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from inspector.audit.estimators.estimate import Estimate, refused
from inspector.core.findings import Status
from inspector.core.times import NS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

GATE = 3.0
"""Peak over the best elsewhere; impostors reached 2.65 (alignment.md 1)."""

EXCLUDE_S = 0.005
WINDOW_S, HOP_S = 6.0, 3.0
REACH_S = 0.5
BLOCK = 1 << 20
"""Samples of `a` that are transformed at once, so that memory does not grow with the sound."""

STRETCHES = (1.0, 44_100 / 48_000, 48_000 / 44_100, 32_000 / 48_000, 48_000 / 32_000, 0.5, 2.0)
"""What a wrong label of the sample rate makes of a sound's length."""

DRIFTS_PPM = (0.0, 350.0, -350.0, 1000.0, -1000.0)
"""Tried where nothing is found as it is; between them a window of 6 s blurs by 2 ms."""

MOST_MISSING = 16
"""So many windows that are not where the others are get looked for in all of the search range."""

NEAR_S = 0.02
"""Windows nearer than this to a line lie on it; two levels beside a cut are no line between them."""

AGREE_S = 0.002
"""Windows further than this from the line through them do not belong to one offset and one drift."""


def gcc_phat(
    a: NDArray[np.float32], b: NDArray[np.float32], rate: int, search_s: float, around_s: float = 0.0
) -> tuple[float, float]:
    """(how late `b` is, s; peak over the best more than 5 ms away), within `search_s` of `around_s`.

    Cross-spectra of blocks of `a`, each with all of `b` that a lag can bring there, are added before they are
    whitened: no lag wraps around, and a film of hours takes as much memory as one of a minute. (0, 0) where
    one of them is silent or nothing overlaps.
    """
    if not len(a) or not len(b):
        return 0.0, 0.0
    most = round(search_s * rate)
    middle = round(around_s * rate)
    block = min(max(BLOCK, 2 * most), len(a))
    size = fast_size(block + 2 * most)
    total = np.zeros(size // 2 + 1, np.complex128)
    for start in range(0, len(a), block):
        piece = a[start : start + block]
        low = start + middle - most
        other = cut_out(b, low, low + len(piece) + 2 * most)
        if piece.any() and other.any():
            total += np.conj(np.fft.rfft(piece, size)) * np.fft.rfft(other, size)
    size_of = np.abs(total)
    if not size_of.any():
        return 0.0, 0.0
    curve = np.abs(
        np.fft.irfft(total / np.maximum(size_of, 1e-9 * float(size_of.max())), size)[: 2 * most + 1]
    )
    top = int(np.argmax(curve))
    away = curve.copy()
    apart = round(EXCLUDE_S * rate)
    away[max(0, top - apart) : top + apart + 1] = 0
    ratio = float(curve[top] / max(float(away.max()), 1e-12))
    return (middle + top - most + parabola(curve, top)) / rate, ratio


def parabola(curve: NDArray[np.float64], top: int) -> float:
    """By how many places the true peak lies beyond `top`: the vertex through it and its neighbours."""
    if not 0 < top < len(curve) - 1:
        return 0.0
    before, at, after = (float(each) for each in curve[top - 1 : top + 2])
    bend = before - 2 * at + after
    return float(np.clip(0.5 * (before - after) / bend, -0.5, 0.5)) if bend < 0 else 0.0


def fast_size(least: int) -> int:
    """The smallest 2^k, 3·2^k or 5·2^k that is not less: sizes that transform fast."""
    found = 1
    while found < least:
        found *= 2
    for odd, part in ((3, 4), (5, 8)):
        if found * odd // part >= least and found >= part and found * odd // part < found:
            found = found * odd // part
            break
    return found


def cut_out(x: NDArray[np.float32], start: int, end: int) -> NDArray[np.float32]:
    """x[start:end] with silence before its start and beyond its end."""
    out = np.zeros(end - start, np.float32)
    low, high = max(start, 0), min(end, len(x))
    if high > low:
        out[low - start : high - start] = x[low:high]
    return out


def windows(
    a: NDArray[np.float32],
    b: NDArray[np.float32],
    rate: int,
    about_s: float = 0.0,
    drift_ppm: float = 0.0,
    reach_s: float = REACH_S,
    window_s: float = WINDOW_S,
    hop_s: float = HOP_S,
) -> NDArray[np.float64]:
    """(k, 3): middle of a window of `a` (s), how late `b` is there (s), peak ratio, of those at the gate.

    Every window is looked for within `reach_s` of the line `about_s` + t · `drift_ppm`, with `b` stretched by
    that drift first, so that a window is as sharp under 1,000 ppm as under none.
    """
    size, hop, most = round(window_s * rate), round(hop_s * rate), round(reach_s * rate)
    slope = drift_ppm * 1e-6
    found = []
    for start in range(0, len(a) - size + 1, max(hop, 1)):
        middle_s = (start + size / 2) / rate
        expected = about_s + slope * middle_s
        first = start + expected * rate
        # What is read stays within the sound: half a window of silence would match anywhere.
        if first < -0.1 * size or first + size > len(b) + 0.1 * size:
            continue
        other = stretched_part(b, first, size, most, slope)
        late, ratio = gcc_phat(a[start : start + size], other, rate, reach_s, most / rate)
        if ratio >= GATE:
            found.append((middle_s, expected + (late - most / rate) * (1 + slope), ratio))
    return np.array(found, np.float64).reshape(-1, 3)


def stretched_part(
    b: NDArray[np.float32], first: float, size: int, most: int, slope: float
) -> NDArray[np.float32]:
    """`b` around the window of `size` samples from `first` on, `most` more at either end, on a clock that
    runs right where its own is `slope` fast; read between samples along a straight line."""
    middle = first + size / 2
    at = middle + (np.arange(-most, size + most) - size / 2) * (1 + slope)
    low = int(np.floor(at[0]))
    part = cut_out(b, low, int(np.ceil(at[-1])) + 2)
    read: NDArray[np.float32] = np.interp(at - low, np.arange(len(part)), part).astype(np.float32)
    return read


def theil_sen(x: NDArray[np.float64], y: NDArray[np.float64], most: int = 600) -> float:
    """The median slope of y over x (Theil 1950, Sen 1968); of more than `most` points evenly chosen ones."""
    if len(x) > most:
        chosen = np.linspace(0, len(x) - 1, most).astype(np.int64)
        x, y = x[chosen], y[chosen]
    i, j = np.triu_indices(len(x), 1)
    run = x[j] - x[i]
    good = run > 0.05 * float(np.ptp(x)) if len(x) else np.zeros(0, bool)
    return float(np.median((y[j] - y[i])[good] / run[good])) if good.any() else 0.0


def coarse(
    a: NDArray[np.float32], b: NDArray[np.float32], rate: int, search_s: float
) -> tuple[float, float, float]:
    """(offset s, drift ppm, peak ratio) of the whole; where drift or a cut blurs that, of windows that agree.

    Nine windows are looked for over the whole search range under a few drifts, and the line or the level
    that most of them lie on is taken.
    """
    offset, ratio = gcc_phat(a, b, rate, search_s)
    size, most = round(WINDOW_S * rate), round(search_s * rate)
    if ratio >= GATE or size >= len(a):
        return offset, 0.0, ratio
    best = (0, offset, 0.0, ratio)
    starts = np.unique(np.linspace(0, len(a) - size, 9).astype(np.int64)).tolist()
    for guess_ppm in DRIFTS_PPM:
        found = []
        for start in starts:
            other = stretched_part(b, start, size, most, guess_ppm * 1e-6)
            late, own = gcc_phat(a[start : start + size], other, rate, search_s, most / rate)
            if own >= GATE:
                found.append(((start + size / 2) / rate, (late - most / rate) * (1 + guess_ppm * 1e-6), own))
        table = np.array(found).reshape(-1, 3)
        if len(table) < 2:
            continue
        for at_zero, ppm in (line(table)[:2], (_densest(table[:, 1]), 0.0)):
            near = np.abs(table[:, 1] - at_zero - ppm * 1e-6 * table[:, 0]) < NEAR_S
            if near.sum() > max(best[0], 1) and abs(ppm) < 20_000:
                best = (int(near.sum()), at_zero, ppm, float(np.median(table[near, 2])))
    return best[1:]


def _densest(x: NDArray[np.float64]) -> float:
    """The median of those values that lie around the one with most others near it."""
    near = np.abs(x[:, None] - x[None, :]) < REACH_S / 4
    return float(np.median(x[near[int(np.argmax(near.sum(axis=1)))]]))


def line(found: NDArray[np.float64]) -> tuple[float, float, float]:
    """(offset at 0 s, drift ppm, median distance s) of the line through `windows`, or of a level if two."""
    slope = theil_sen(found[:, 0], found[:, 1]) if len(found) >= 3 else 0.0
    rest = found[:, 1] - slope * found[:, 0]
    offset = float(np.median(rest))
    return offset, slope * 1e6, float(np.median(np.abs(rest - offset)))


def sound_offset(
    a: NDArray[np.float32], b: NDArray[np.float32], rate: int, search_s: float = 10.0
) -> Estimate:
    """How late sound `b` is against sound `a`, and how fast its clock runs.

    The whole first, then windows of 6 s and the line through them, then the windows again with `b` warped by
    it, twice. `ok` asks for three windows within 2 ms of the line, three in ten of those that were tried, the
    first and the last of them among these (beyond a cut near an end nothing else would tell of it), halves
    that agree, and no window that is found elsewhere: that may be a cut (see `steps`).
    """
    offset, drift, ratio = coarse(a, b, rate, search_s)
    if ratio < GATE:
        return refused(f"the peak is {ratio:.1f} of the best elsewhere, {GATE:.0f} are needed", ratio)
    short = min(len(a), len(b)) / rate
    window_s = WINDOW_S if short >= 3 * WINDOW_S else max(short / 4, 1.0)
    spread = 0.0
    found = np.zeros((0, 3))
    for reach_s in (REACH_S, 0.1, 0.05):
        told = windows(a, b, rate, offset, drift, reach_s, window_s, window_s / 2)
        if len(told) < 3:
            break
        found = told
        offset, drift, spread = line(found)
    if len(found) < 3:
        told_s = f"{len(found)} windows of {window_s:.0f} s can be told, 3 are needed"
        return Estimate(round(offset * NS), 0.0, 0.0, ratio, 0.0, len(found), None, Status.SUSPECT, told_s)
    rest = found[:, 1] - offset - drift * 1e-6 * found[:, 0]
    half = len(rest) // 2
    halves = abs(float(np.median(rest[:half]) - np.median(rest[half:])))
    starts = possible(a, b, rate, offset, drift, window_s)
    tried = max(1, len(starts))
    missed = elsewhere(a, b, rate, found, search_s, window_s)
    beyond = missed[:, 1] - offset - drift * 1e-6 * missed[:, 0]
    away = np.concatenate([rest[np.abs(rest) > AGREE_S], beyond[np.abs(beyond) > AGREE_S]])
    ends = end_windows(a, b, rate, offset, drift, search_s, window_s)
    there = [np.abs(late - offset - drift * 1e-6 * at_s) <= AGREE_S for at_s, late, _ in ends]
    reason = ""
    if len(away) or halves > AGREE_S:
        reason = f"{len(away)} windows lie off the line of the others, {len(found)} on it: perhaps a cut"
    elif len(found) < 0.3 * tried:
        reason = f"only {len(found)} of {tried} windows can be told"
    elif len(there) < 2 or not all(there):
        reason = "its start or its end cannot be told, and there may be a cut before it"
    status = Status.SUSPECT if reason else Status.OK
    return Estimate(
        round(offset * NS), drift, spread * 1000, ratio, halves * 1000, len(found), None, status, reason
    )


def end_windows(
    a: NDArray[np.float32],
    b: NDArray[np.float32],
    rate: int,
    offset_s: float,
    drift_ppm: float,
    search_s: float,
    window_s: float = WINDOW_S,
) -> NDArray[np.float64]:
    """(0 to 2, 3) as `windows`: the first and the last that both sounds have, in all of the search range.

    Within a narrow reach the rest of a window that was cut in two would match as well as a whole one.
    """
    size, most, slope = round(window_s * rate), round(search_s * rate), drift_ppm * 1e-6
    low = max(0, round(-offset_s / (1 + slope) * rate))
    high = min(len(a), round((len(b) / rate - offset_s) / (1 + slope) * rate)) - size
    told = []
    for start in (low, high):
        middle_s = (start + size / 2) / rate
        expected = offset_s + slope * middle_s
        other = stretched_part(b, start + expected * rate, size, most, slope)
        late, ratio = gcc_phat(a[start : start + size], other, rate, search_s, most / rate)
        if high > low and ratio >= GATE:
            told.append((middle_s, expected + (late - most / rate) * (1 + slope), ratio))
    return np.array(told, np.float64).reshape(-1, 3)


def possible(
    a: NDArray[np.float32],
    b: NDArray[np.float32],
    rate: int,
    offset_s: float,
    drift_ppm: float,
    window_s: float = WINDOW_S,
) -> list[int]:
    """The starts, in samples of `a`, of those windows that `b` covers where that line puts them."""
    size, hop = round(window_s * rate), max(1, round(window_s * rate / 2))
    slope = drift_ppm * 1e-6
    found = []
    for start in range(0, len(a) - size + 1, hop):
        first = start + (offset_s + slope * (start + size / 2) / rate) * rate
        if -0.1 * size <= first <= len(b) - 0.9 * size:
            found.append(start)
    return found


def elsewhere(
    a: NDArray[np.float32],
    b: NDArray[np.float32],
    rate: int,
    found: NDArray[np.float64],
    search_s: float,
    window_s: float = WINDOW_S,
) -> NDArray[np.float64]:
    """(k, 3) as `windows`: those that are not in `found`, looked for in all of the search range.

    Of more than 16 evenly chosen ones. What a cut moved by more than `REACH_S` is only seen here.
    """
    offset, drift, _ = line(found)
    slope = drift * 1e-6
    size, most = round(window_s * rate), round(search_s * rate)
    missing = [
        start
        for start in range(0, len(a) - size + 1, max(1, size // 2))
        if np.abs(found[:, 0] - (start + size / 2) / rate).min() > window_s / 4
    ]
    if len(missing) > MOST_MISSING:
        missing = [missing[k] for k in np.linspace(0, len(missing) - 1, MOST_MISSING).astype(np.int64)]
    told = []
    for start in missing:
        middle_s = (start + size / 2) / rate
        expected = offset + slope * middle_s
        other = stretched_part(b, start + expected * rate, size, most, slope)
        late, ratio = gcc_phat(a[start : start + size], other, rate, search_s, most / rate)
        if ratio >= GATE:
            told.append((middle_s, expected + (late - most / rate) * (1 + slope), ratio))
    return np.array(told, np.float64).reshape(-1, 3)


def stretch(
    a: NDArray[np.float32],
    b: NDArray[np.float32],
    rate: int,
    search_s: float = 10.0,
    candidates: Sequence[float] = STRETCHES,
    longest_s: float = 60.0,
) -> tuple[float, float, float]:
    """(how many times too long `b` plays, peak ratio there, that of 1): a wrong label of the sample rate.

    The first minute of `b` is read that many times faster and compared. 1 unless another candidate passes
    the gate and stands out twice as much as every other.
    """
    size = round(longest_s * rate)
    ratios = []
    for factor in candidates:
        count = min(size, int(len(b) / factor))
        other = np.interp(np.arange(count) * factor, np.arange(len(b)), b).astype(np.float32)
        ratios.append(gcc_phat(a[:size], other, rate, search_s)[1])
    as_it_is = ratios[list(candidates).index(1.0)]
    order = np.argsort(ratios)[::-1]
    best, second = int(order[0]), int(order[1])
    if ratios[best] >= GATE and ratios[best] >= 2 * ratios[second]:
        return float(candidates[best]), ratios[best], as_it_is
    return 1.0, as_it_is, as_it_is
