"""Speech as a curve, and a transcript as a raster: how late a transcript is against its sound.

The curve is the level of 300 to 3000 Hz in steps of 10 ms, between the quiet and the loud of the
recording, without what is shorter than a syllable. LATENCY_S is what this detector is late by on
recordings whose word times are known exactly (generated speech); a dataset's own median is no truth: it
would hide a whole rig that is late.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

STEP_S = 0.01
BAND_HZ = (300.0, 3000.0)
SYLLABLE = 9
"""Steps of the median filter: a click of 40 ms is no speech."""
LATENCY_S = 0.007


def speech_curve(pcm: NDArray[np.int16], rate: int) -> NDArray[np.float64]:
    """0 (quiet) to 1 (loud) every 10 ms, the value at index i being that around i × 10 ms."""
    hop = round(rate * STEP_S)
    size = 2 * hop
    x = np.concatenate([np.zeros(hop, np.float32), pcm.astype(np.float32) / 32768, np.zeros(hop, np.float32)])
    frequency = np.fft.rfftfreq(size, 1 / rate)
    band = (frequency >= BAND_HZ[0]) & (frequency <= BAND_HZ[1])
    window = np.hanning(size).astype(np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(x, size)[::hop]
    level = np.empty(len(frames))
    for start in range(0, len(frames), 4096):
        power = np.abs(np.fft.rfft(frames[start : start + 4096] * window, axis=1)[:, band]) ** 2
        level[start : start + 4096] = 10 * np.log10(power.sum(axis=1) + 1e-9)
    level = median_filter(level, SYLLABLE)
    quiet, loud = np.percentile(level, [15, 95])
    if loud - quiet < 6:
        return np.zeros(len(level))
    curve: NDArray[np.float64] = np.clip((level - quiet - 3) / max(loud - quiet - 9, 3), 0, 1)
    return curve


def median_filter(x: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """The median of `size` values around each."""
    half = size // 2
    padded = np.pad(x, half, mode="edge")
    out: NDArray[np.float64] = np.median(np.lib.stride_tricks.sliding_window_view(padded, size), axis=1)
    return out


def raster(spans_s: Iterable[tuple[float, float]], length: int) -> NDArray[np.float64]:
    """1 where a word is spoken, 0 elsewhere, every 10 ms."""
    out = np.zeros(length)
    for start, end in spans_s:
        out[max(0, round(start / STEP_S)) : max(0, round(end / STEP_S))] = 1.0
    return out
