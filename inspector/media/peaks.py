"""Minimum and maximum of a sound per stretch of time, in levels, for a waveform at any zoom."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from inspector.core.times import NS
from inspector.media.audio import RATES, PcmReader

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from inspector.core.jobs import Job
    from inspector.core.model import Source

BLOCK = 64
"""Samples a block of the finest level."""
FACTOR = 8
"""Blocks of one level that make one of the next."""
TELL_EVERY_S = 30
"""A partial waveform is handed on after each stretch of this much sound."""
MOST_BLOCKS = 1 << 26
"""A day at 48 kHz, half a gigabyte: what lies behind is not drawn. A broken stamp can claim a century."""


class Peaks:
    """A min/max pyramid: level k has a pair (low, high) per BLOCK × FACTOR^k samples, NaN where unknown."""

    def __init__(self, rate: int, low: NDArray[np.float32], high: NDArray[np.float32]) -> None:
        self.rate = rate
        self._levels = [(low, high)]
        while len(self._levels[-1][0]) > FACTOR:
            low, high = self._levels[-1]
            pad = -len(low) % FACTOR
            low = np.pad(low, (0, pad), constant_values=np.nan).reshape(-1, FACTOR)
            high = np.pad(high, (0, pad), constant_values=np.nan).reshape(-1, FACTOR)
            self._levels.append((np.fmin.reduce(low, axis=1), np.fmax.reduce(high, axis=1)))

    @property
    def end_ns(self) -> int:
        """How far the sound is known, local ns."""
        return len(self._levels[0][0]) * BLOCK * NS // self.rate

    @property
    def loudest(self) -> float:
        """The largest absolute sample, 0 for none."""
        low, high = self._levels[-1]
        both = np.concatenate([np.abs(low), np.abs(high)])
        return float(np.nanmax(both)) if len(both) and not np.isnan(both).all() else 0.0

    def envelope(
        self, start_ns: int, end_ns: int, columns: int
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Lowest and highest sample in each of `columns` equal parts of a local span; NaN where unknown.

        Work is bounded by `columns` × FACTOR, not by the length of the sound.
        """
        edges = start_ns + (end_ns - start_ns) * np.arange(columns + 1) / max(columns, 1)
        blocks = edges * self.rate / NS / BLOCK
        per_column = (blocks[-1] - blocks[0]) / max(columns, 1)
        level = 0
        while level + 1 < len(self._levels) and per_column >= FACTOR ** (level + 1):
            level += 1
        low, high = self._levels[level]
        place = blocks / FACTOR**level
        first = np.floor(place[:-1]).astype(np.int64)
        last = np.maximum(np.ceil(place[1:]).astype(np.int64), first + 1)
        out_low = np.full(columns, np.nan, np.float32)
        out_high = np.full(columns, np.nan, np.float32)
        for shift in range(int((last - first).max(initial=0))):
            at = first + shift
            ok = (at < last) & (at >= 0) & (at < len(low))
            out_low[ok] = np.fmin(out_low[ok], low[at[ok]])
            out_high[ok] = np.fmax(out_high[ok], high[at[ok]])
        return out_low, out_high


def load_peaks(source: Source, job: Job[Peaks], partial: Callable[[Peaks], None] | None = None) -> Peaks:
    """Decode a track once at its own rate. `partial` gets what is known after each TELL_EVERY_S of sound.

    Raises InspectorError for an unreadable file and Cancelled when the job is.
    """
    rate = _native_rate(source)
    reader = PcmReader(source, rate)
    lows: list[NDArray[np.float32]] = []
    highs: list[NDArray[np.float32]] = []
    rest = np.empty((0, 2), np.float32)
    at = told = 0  # samples laid down so far, in whole blocks; blocks told of

    def lay(pcm: NDArray[np.float32]) -> None:
        nonlocal at
        blocks = pcm.reshape(-1, BLOCK * pcm.shape[1])
        lows.append(blocks.min(1))
        highs.append(blocks.max(1))
        at += len(pcm)

    try:
        for start, pcm in reader.blocks():
            job.step(done=start // rate)
            begin = at + len(rest)
            if start + len(pcm) > MOST_BLOCKS * BLOCK:
                break
            if start < begin:
                pcm = pcm[begin - start :]
            elif start > begin:  # a gap in the data is silence, not a shift of what follows
                ahead = min(-len(rest) % BLOCK, start - begin)
                rest = np.pad(rest, ((0, ahead), (0, 0)))
                if len(rest) == BLOCK:
                    lay(rest)
                    rest = rest[:0]
                silent = (start - at) // BLOCK if not len(rest) else 0
                lows.append(np.zeros(silent, np.float32))
                highs.append(np.zeros(silent, np.float32))
                at += silent * BLOCK
                pcm = np.pad(pcm, ((start - at - len(rest), 0), (0, 0)))
            pcm = np.concatenate([rest, pcm])
            whole = len(pcm) // BLOCK * BLOCK
            rest = pcm[whole:]
            if whole:
                lay(pcm[:whole])
            if partial is not None and at - told > TELL_EVERY_S * rate:
                told = at
                partial(_joined(rate, lows, highs))
        if len(rest):
            lay(np.pad(rest, ((0, BLOCK - len(rest)), (0, 0)), mode="edge"))
    finally:
        reader.close()
    return _joined(rate, lows, highs)


def _joined(rate: int, lows: list[NDArray[np.float32]], highs: list[NDArray[np.float32]]) -> Peaks:
    lows[:] = [np.concatenate(lows)] if lows else [np.empty(0, np.float32)]
    highs[:] = [np.concatenate(highs)] if highs else [np.empty(0, np.float32)]
    return Peaks(rate, lows[0], highs[0])


def _native_rate(source: Source) -> int:
    from inspector.media.child import probe

    for track in probe(source.path).tracks:
        if track.index == source.track and track.rate:
            return min(max(round(track.rate), RATES[0]), RATES[1])
    return 48_000
