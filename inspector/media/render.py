"""PCM on the reference timeline: a track through its TimeMap, for mixer, audit and release alike."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Protocol

import numpy as np

from inspector.core.times import NS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from inspector.core.timemap import TimeMap


class Pcm(Protocol):
    """Anything that gives samples by local sample number (`media.audio.PcmReader` does)."""

    rate: int

    def read(self, start: int, count: int) -> NDArray[np.float32]:
        """`count` samples from `start`, shape (count, channels), silence where there are none."""
        ...


def render_pcm(pcm: Pcm, timemap: TimeMap, start_ns: int, count: int) -> NDArray[np.float32]:
    """`count` samples at `pcm.rate` from reference time `start_ns`, shape (count, channels).

    Where the map is a plain shift the samples are copied; where it stretches, they are read between their
    neighbours linearly (the error at 1,000 ppm is far below what can be heard).
    """
    rate = pcm.rate
    times = np.array([start_ns, start_ns + count * NS // rate], np.int64)
    first, last = (int(x) for x in timemap.to_local_array(times))
    stretched = abs((last - first) - (int(times[1]) - start_ns)) * rate > NS // 2
    if not stretched:
        return pcm.read(round(first * rate / NS), count)
    reference = start_ns + np.arange(count, dtype=np.int64) * NS // rate
    place = timemap.to_local_array(reference) * (rate / NS)
    low = int(np.floor(place.min()))
    data = pcm.read(low, int(np.ceil(place.max())) - low + 2)
    whole = np.floor(place - low).astype(np.int64)
    part = (place - low - whole)[:, None].astype(np.float32)
    mixed: NDArray[np.float32] = data[whole] * (1 - part) + data[whole + 1] * part
    return mixed


TAPS = 32
"""Samples that each new one is made of."""
_PHASES = 1024
_KAISER = 8.6
"""Beta of the window, for some 85 dB of stopband (Kaiser and Schafer 1980)."""


@lru_cache(maxsize=1)
def _kernel() -> NDArray[np.float32]:
    """A windowed sinc at each of `_PHASES` places between two samples, (_PHASES + 1, TAPS)."""
    at = np.arange(TAPS) - (TAPS // 2 - 1) - np.linspace(0, 1, _PHASES + 1)[:, None]
    inside = np.clip(1 - (at / (TAPS / 2)) ** 2, 0, 1)
    kernel = np.sinc(at) * np.i0(_KAISER * np.sqrt(inside)) / np.i0(_KAISER)
    made: NDArray[np.float32] = (kernel / kernel.sum(axis=1, keepdims=True)).astype(np.float32)
    return made


def resample_pcm(pcm: Pcm, timemap: TimeMap, first: int, count: int) -> NDArray[np.float32]:
    """`count` samples from sample number `first` of the reference timeline, shape (count, channels).

    For what is written down: between the samples stands a windowed sinc, not a straight line. Drifts are too
    small for the band to be narrowed.
    """
    rate = pcm.rate
    # In doubles of samples an hour at 48 kHz is known to 1e-7 of a sample.
    reference = (np.arange(first, first + count, dtype=np.int64) * NS + rate // 2) // rate
    place = timemap.to_local_array(reference) * (rate / NS)
    whole = np.floor(place).astype(np.int64)
    low = int(whole.min()) - (TAPS // 2 - 1)
    data = pcm.read(low, int(whole.max()) - low + TAPS // 2 + 1)
    phase = (place - whole) * _PHASES
    step = phase.astype(np.int64)
    part = (phase - step)[:, None].astype(np.float32)
    kernel = _kernel()
    weights = kernel[step] * (1 - part) + kernel[step + 1] * part
    taps = data[(whole - low - (TAPS // 2 - 1))[:, None] + np.arange(TAPS)]
    mixed: NDArray[np.float32] = np.einsum("nt,ntc->nc", weights, taps)
    return mixed
