"""How late a transcript is against its sound: where speech is heard against where words are written.

Speech is a curve every 10 ms: how far bands of the sound stand above their own quiet, so that steady noise
counts for nothing and no model is needed. The transcript is a raster of +1 where a cue is, −1 between
cues (as
ffsubsync's strings), and both are correlated under a few ratios of frame rates. Impostors are the same cues
and pauses in other orders.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from inspector.audit.estimators.correlate import fast_size, parabola
from inspector.audit.estimators.estimate import Estimate, refused
from inspector.audit.estimators.impostor import LEAST, p_value
from inspector.core.findings import Status
from inspector.core.times import NS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

STEP_S = 0.01
WINDOW_S = 0.025
BANDS = 20
BAND_HZ = (150.0, 6000.0)
FLOOR_PART = 0.2
"""The quiet of a band is this quantile of its level."""

CHUNK_S = 60.0
CEILING_DB = 20.0
MARGIN_DB = 3.0

LATENCY_S = 0.003
"""By how much a true transcript comes out late, on generated speech whose cue times are exact."""

RATIOS = (1.0, 24 / 23.976, 23.976 / 24, 25 / 23.976, 23.976 / 25, 25 / 24, 24 / 25, 30 / 29.97, 29.97 / 30)
EXCLUDE_S = 1.0
LEAST_CUES, LEAST_S = 10, 25.0
STANDS_OUT = 3.0
"""The peak over the best elsewhere: cues of other recordings reached 2.6, true ones at 5 dB 3.8 and more."""

EDGE_S, REACH_S = 0.2, 0.5
"""A rise is told over so long on either side, and looked for so far from where a cue begins."""

HELD_S = 0.15
"""Cues that last longer than this beyond what is heard are late by half of it or more."""

TELLS_S = 0.5
"""A ratio is asked for only where it moves the last cue against the first by so much."""


def speech_curve(pcm: NDArray[np.float32], rate: int) -> NDArray[np.float64]:
    """0 (quiet) to 1 (speech) for a sound (n,), the value at index i being that around i · 10 ms.

    Windows of 25 ms in 20 bands from 150 to 6,000 Hz; a band counts by how far it lies over its own 20 %
    quantile, followed from minute to minute, from 3 to 23 dB. All 0 where nothing stands out.
    """
    hop, size = round(rate * STEP_S), round(rate * WINDOW_S)
    count = len(pcm) // hop + 1
    padded = np.concatenate([np.zeros(size // 2, np.float32), pcm, np.zeros(size + hop, np.float32)])
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop][:count]
    window = np.hanning(size).astype(np.float32)
    edges = np.geomspace(BAND_HZ[0], min(BAND_HZ[1], 0.45 * rate), BANDS + 1)
    length = fast_size(2 * size)
    cuts = np.maximum.accumulate(np.round(edges * length / rate).astype(np.int64) + np.arange(BANDS + 1) * 0)
    level = np.empty((count, BANDS))
    for start in range(0, count, 4096):
        power = np.abs(np.fft.rfft(frames[start : start + 4096] * window, length, axis=1)) ** 2
        level[start : start + 4096] = np.add.reduceat(power, cuts[:-1], axis=1)
    level = 10 * np.log10(level + 1e-7)
    chunk = round(CHUNK_S / STEP_S)
    number = max(1, round(count / chunk))
    parts = np.array_split(level, number)
    middles = np.cumsum([len(part) for part in parts]) - np.array([len(part) / 2 for part in parts])
    floors = np.stack([np.quantile(part, FLOOR_PART, axis=0) for part in parts])
    floor = np.stack([np.interp(np.arange(count), middles, floors[:, k]) for k in range(BANDS)], axis=1)
    over = np.clip(level - floor - MARGIN_DB, 0, CEILING_DB).mean(axis=1)
    over = np.convolve(over, np.array([0.25, 0.5, 0.25]), "same")
    top = float(np.quantile(over, 0.95)) if count else 0.0
    if top < 0.5:
        return np.zeros(count)
    curve: NDArray[np.float64] = np.sqrt(np.clip(over / top, 0, 1))
    return curve


def raster(starts_s: NDArray[np.float64], ends_s: NDArray[np.float64], length: int) -> NDArray[np.float64]:
    """(length,) how much of each 10 ms around i · 10 ms is within a cue, 0 to 1."""
    place = np.concatenate([starts_s, ends_s]) / STEP_S + 0.5
    sign = np.repeat([1.0, -1.0], len(starts_s))
    place = np.clip(place, 0, length)
    whole = np.floor(place).astype(np.int64)
    part = place - whole
    step = np.zeros(length + 2)
    np.add.at(step, whole, sign * (1 - part))
    np.add.at(step, whole + 1, sign * part)
    inside: NDArray[np.float64] = np.clip(np.cumsum(step)[:length], 0, 1)
    return inside


def transcript_offset(
    curve: NDArray[np.float64],
    starts_s: NDArray[np.float64],
    ends_s: NDArray[np.float64],
    search_s: float = 60.0,
    ratios: Sequence[float] = RATIOS,
    seed: int = 0,
) -> tuple[Estimate, float]:
    """How late cues (k,) are against `speech_curve`, and by which of `ratios` their times are too long.

    The offset is that at the sound's time 0, so that a cue's time is ratio · t + offset. `ok` asks for
    10 cues over 25 s, p ≤ 0.02, a peak three times the next, halves of the cues within 60 ms, and cues that
    last no longer than what is heard.
    """
    order = np.argsort(starts_s, kind="stable")
    starts, ends = np.asarray(starts_s, np.float64)[order], np.asarray(ends_s, np.float64)[order]
    if len(starts) < 4 or not curve.any():
        return refused("fewer than 4 cues" if curve.any() else "no speech is heard"), 1.0
    heard = np.where(curve.any(), curve - curve.mean(), 0.0)
    extent = float(ends.max() - starts[0])
    asked = [each for each in ratios if each == 1.0 or abs(each - 1) * extent >= TELLS_S]
    best: tuple[float, NDArray[np.float64], int, float] | None = None
    for each in asked:
        scores, first = _scores(heard, starts / each, ends / each, search_s)
        top = float(scores.max())
        if best is None or top > best[0] * (1.1 if best[3] == 1.0 else 1.0):
            best = top, scores, first, each
    assert best is not None
    top, scores, first, ratio = best
    place = int(np.argmax(scores))
    lag = (first + place + parabola(scores, place)) * STEP_S
    away = np.abs(np.arange(len(scores)) - place) * STEP_S > EXCLUDE_S
    peak = top / max(float(scores[away].max(initial=0.0)), 1e-9)
    rng = np.random.default_rng(seed)
    null = np.empty(LEAST)
    for number in range(LEAST):
        other = _reordered(starts / ratio, ends / ratio, rng)
        null[number] = _scores(heard, *other, search_s)[0].max()
    p = p_value(top, null)
    late = [
        _near(heard, starts[part] / ratio, ends[part] / ratio, lag)
        for part in (
            slice(0, len(starts) // 2),
            slice(len(starts) // 2, None),
            slice(0, None, 2),
            slice(1, None, 2),
        )
    ]
    halves = max(abs(late[0] - late[1]), abs(late[2] - late[3]))
    offset = (lag - LATENCY_S) * ratio
    spread = float(np.median(np.abs(np.array(late) - lag)))
    reason = ""
    if p > 0.05 or peak < 1.02:
        told = f"cues in other orders fit as well in {p:.0%} of cases, the peak is {peak:.2f} of the next"
        return refused(told, peak, len(starts), p), ratio
    if len(starts) < LEAST_CUES or extent < LEAST_S:
        reason = (
            f"{len(starts)} cues over {extent:.0f} s; {LEAST_CUES} over {LEAST_S:.0f} s are needed to be sure"
        )
    elif p > 0.02 or peak < STANDS_OUT:
        reason = f"the peak is {peak:.2f} of the next, and {p:.0%} of impostors fit as well"
    elif halves > 0.06:
        reason = f"its halves are {halves * 1000:.0f} ms apart"
    elif (held := held_s(curve, starts / ratio, ends / ratio, lag)) > HELD_S:
        reason = f"its cues are {held * 1000:.0f} ms longer than what is heard: where they start is not told"
    status = Status.SUSPECT if reason else Status.OK
    drift = (ratio - 1) * 1e6
    return Estimate(
        round(offset * NS), drift, spread * 1000, peak, halves * 1000, len(starts), p, status, reason
    ), ratio


def held_s(
    curve: NDArray[np.float64], starts_s: NDArray[np.float64], ends_s: NDArray[np.float64], lag_s: float
) -> float:
    """By how much cues (k,) last longer than what is heard, s: how late their ends are against falls of the
    curve, less how late their starts are against its rises.

    Subtitles stand longer than is spoken; a whole cue then fits where its middle does, which is late by half
    of that. Words and cues that follow each other within 0.2 s are one stretch.
    """
    order = np.argsort(starts_s, kind="stable")
    starts_s, ends_s = starts_s[order], np.maximum.accumulate(ends_s[order])
    apart = starts_s[1:] - ends_s[:-1] > EDGE_S
    starts_s, ends_s = starts_s[np.append(True, apart)], ends_s[np.append(apart, True)]
    size = round(EDGE_S / STEP_S)
    padded = np.concatenate([np.zeros(size), curve, np.zeros(size)])
    total = np.concatenate([[0.0], np.cumsum(padded)])
    mean = (total[size:] - total[:-size]) / size  # mean[i] is of padded[i : i + size]
    rise = mean[size:] - mean[:-size]  # what follows a place less what is before it
    reach = np.arange(-round(REACH_S / STEP_S), round(REACH_S / STEP_S) + 1)
    late = []
    for edges, sign in ((starts_s, 1.0), (ends_s, -1.0)):
        place = np.round((edges - lag_s) / STEP_S).astype(np.int64)
        at = np.clip(place[:, None] - reach[None, :], 0, len(rise) - 1)
        late.append(float(reach[int(np.argmax((sign * rise[at]).sum(axis=0)))]) * STEP_S)
    return late[1] - late[0]


def best_fit(
    curve: NDArray[np.float64], starts_s: NDArray[np.float64], ends_s: NDArray[np.float64], search_s: float
) -> float:
    """The best correlation of cues (k,) with a `speech_curve`, at any lateness within `search_s`."""
    return float(_scores(curve - curve.mean(), starts_s, ends_s, search_s)[0].max())


def impostor_fits(
    curve: NDArray[np.float64],
    starts_s: NDArray[np.float64],
    ends_s: NDArray[np.float64],
    search_s: float,
    seed: int = 0,
) -> NDArray[np.float64]:
    """(99,) `best_fit` of the same cues and pauses in other orders."""
    rng = np.random.default_rng(seed)
    return np.array([best_fit(curve, *_reordered(starts_s, ends_s, rng), search_s) for _ in range(LEAST)])


def _scores(
    heard: NDArray[np.float64], starts: NDArray[np.float64], ends: NDArray[np.float64], search_s: float
) -> tuple[NDArray[np.float64], int]:
    """Correlation of the sound with the cues for each number of steps that they may be late; the first
    number."""
    base = min(0.0, float(starts.min())) - 1.0
    base = np.floor(base / STEP_S) * STEP_S
    length = int((float(ends.max()) - base + 1.0) / STEP_S) + 1
    marks = raster(starts - base, ends - base, length)
    low = max(0, int((float(starts.min()) - base - 1.0) / STEP_S))
    marks = 2 * marks - 1
    marks[:low] = 0
    marks[low:] -= marks[low:].mean()
    shift = round(base / STEP_S)
    most = round(search_s / STEP_S)
    size = fast_size(len(heard) + length + most)
    product = np.conj(np.fft.rfft(heard, size)) * np.fft.rfft(marks, size)
    # At place k the cues, begun at `base`, are k steps of their own grid later than the sound's.
    curve = np.fft.irfft(product, size)
    wanted = np.arange(-most, most + 1) - shift
    scale = float(np.sqrt((heard**2).sum() * (marks**2).sum())) or 1.0
    return curve[wanted % size] / scale, -most


def _near(
    heard: NDArray[np.float64], starts: NDArray[np.float64], ends: NDArray[np.float64], lag_s: float
) -> float:
    """How late these cues are within a second of `lag_s`, s."""
    moved_s = np.round(lag_s / STEP_S) * STEP_S
    scores, first = _scores(heard, starts - moved_s, ends - moved_s, 1.0)
    place = int(np.argmax(scores))
    return float(moved_s + (first + place + parabola(scores, place)) * STEP_S)


def _reordered(
    starts: NDArray[np.float64], ends: NDArray[np.float64], rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The same cues and pauses in another order, each a little longer or shorter."""
    spoken = np.maximum(ends - starts, 0.0)
    pauses = np.maximum(starts[1:] - ends[:-1], 0.0)
    spoken = rng.permutation(spoken) * rng.uniform(0.85, 1.15, len(spoken))
    pauses = rng.permutation(pauses) * rng.uniform(0.85, 1.15, len(pauses))
    begin = starts[0] + np.concatenate([[0.0], np.cumsum(spoken[:-1] + pauses)])
    return begin, begin + spoken
