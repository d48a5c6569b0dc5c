"""The min/max pyramid of a sound: in memory, or its fine levels mapped from a file in the cache.

Level k has a pair (low, high) per BLOCK × FACTOR^k samples, NaN where nothing is known. In a file they lie in
chunks of CHUNK samples with all their levels, so that a file can grow and be taken up again at any chunk; the
levels from TOP on are held in memory too: 8 MiB for a day of sound.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from inspector.core.times import NS
from inspector.media.chunks import record_type
from inspector.media.fetch import fetcher

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from inspector.media.chunks import Mapped

BLOCK = 64
"""Samples a block of the finest level."""
FACTOR = 8
"""Blocks of one level that make one of the next."""
DEPTH = 4
"""The coarsest level in a file: one pair a chunk."""
TOP = 2
"""The finest level that is held in memory of a sound in a file."""
TOPS: int = FACTOR ** (DEPTH - TOP)
"""Pairs of that level in a chunk."""
CHUNK_BLOCKS: int = FACTOR**DEPTH
CHUNK = BLOCK * CHUNK_BLOCKS
"""Samples, 5.5 s at 48 kHz."""

RECORD = record_type(
    [
        *((f"level{level}", "<f4", (FACTOR ** (DEPTH - level), 2)) for level in range(DEPTH + 1)),
        ("mark", "<i8", (3,)),
    ]
)
"""A chunk with its levels, and where the decoder was at its end (`inspector.media.peaks_build.Mark`)."""


def folded(pairs: NDArray[np.float32]) -> NDArray[np.float32]:
    """The next level of pairs (n, 2); NaN is left out."""
    starts = np.arange(0, len(pairs), FACTOR)
    out = np.empty((len(starts), 2), np.float32)
    if len(starts):
        np.fmin.reduceat(pairs[:, 0], starts, out=out[:, 0])
        np.fmax.reduceat(pairs[:, 1], starts, out=out[:, 1])
    return out


class Peaks:
    """A pyramid in memory. `low` and `high` (n,) are the extremes of each `block` samples."""

    def __init__(
        self, rate: int, low: NDArray[np.float32], high: NDArray[np.float32], block: int = BLOCK
    ) -> None:
        self.rate = rate
        self._block = block
        self._blocks = len(low)
        self._levels = [np.stack([low, high], 1)]
        while len(self._levels[-1]) > FACTOR:
            self._levels.append(folded(self._levels[-1]))

    @property
    def end_ns(self) -> int:
        """How far the sound is known, local ns."""
        return self._blocks * self._block * NS // self.rate

    @property
    def loudest(self) -> float:
        """The largest absolute sample, 0 for none."""
        top = np.abs(self._levels[-1])
        return float(np.nanmax(top)) if top.size and not np.isnan(top).all() else 0.0

    def envelope(
        self, start_ns: int, end_ns: int, columns: int, later: Callable[[], None] | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Lowest and highest sample in each of `columns` equal parts of a local span; NaN where unknown.

        Work is bounded by `columns` × FACTOR, not by the length of the sound. With `later` this waits for no
        disk: where what is wanted is not in memory the answer is that of a coarser level (bounds, which hold
        but are wider), and `later` is called, in another thread, when asking again will be better.
        """
        edges = start_ns + (end_ns - start_ns) * np.arange(columns + 1) / max(columns, 1)
        blocks = edges * self.rate / NS / self._block
        per_column = (blocks[-1] - blocks[0]) / max(columns, 1)
        level = 0
        while level + 1 < self._depth and per_column >= FACTOR ** (level + 1):
            level += 1
        level, begin, pairs = self._read(level, float(blocks[0]), float(blocks[-1]), later)
        place = blocks / FACTOR**level
        first = np.floor(place[:-1]).astype(np.int64)
        last = np.maximum(np.ceil(place[1:]).astype(np.int64), first + 1)
        out_low = np.full(columns, np.nan, np.float32)
        out_high = np.full(columns, np.nan, np.float32)
        for shift in range(int((last - first).max(initial=0))):
            at = first + shift
            ok = (at < last) & (at >= begin) & (at < begin + len(pairs))
            found = pairs[at[ok] - begin]
            out_low[ok] = np.fmin(out_low[ok], found[:, 0])
            out_high[ok] = np.fmax(out_high[ok], found[:, 1])
        return out_low, out_high

    @property
    def _depth(self) -> int:
        """How many levels there are."""
        return len(self._levels)

    def _read(
        self, level: int, first: float, past: float, later: Callable[[], None] | None
    ) -> tuple[int, int, NDArray[np.float32]]:
        """Pairs that hold the blocks first to past: of which level, from which place of it on."""
        return level, 0, self._levels[level]


class MappedPeaks(Peaks):
    """A pyramid whose levels below TOP are mapped. `tops` (n, 2) is level TOP, `home` what keeps the file.

    `tops` may reach further than what is mapped.
    """

    def __init__(self, rate: int, mapped: Mapped, tops: NDArray[np.float32], blocks: int, home: Any) -> None:
        super().__init__(rate, tops[:, 0], tops[:, 1])
        self._mapped = mapped
        self._blocks = blocks
        self._home = home

    @property
    def _depth(self) -> int:
        return TOP + len(self._levels)

    def _read(
        self, level: int, first: float, past: float, later: Callable[[], None] | None
    ) -> tuple[int, int, NDArray[np.float32]]:
        if level >= TOP:
            return level, 0, self._levels[level - TOP]
        size = FACTOR ** (DEPTH - level)  # pairs of a chunk
        count = len(self._mapped.records)
        if past > count * CHUNK_BLOCKS and len(self._levels[0]) > count * TOPS:
            return TOP, 0, self._levels[0]
        start = min(max(int(first / FACTOR**level / size), 0), count)
        end = min(max(int(past / FACTOR**level / size) + 1, start), count)
        chunks, ranges = slice(start, end), [self._mapped.place(f"level{level}")]
        if later is not None and not self._mapped.ready(chunks, ranges):
            fetcher.want((id(self), "peaks"), lambda: self._mapped.fetch(chunks, ranges), later)
            return TOP, 0, self._levels[0]
        return level, start * size, self._mapped.records[f"level{level}"][chunks].reshape(-1, 2)
