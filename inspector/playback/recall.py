"""A sound that remembers what was just read, so that going back a little needs no seek and no decoder.

A mix that is changed is made anew from the moment that is about to be played, up to some seconds behind what
was read last. For most files a seek would do; for those whose stamps lie, a seek decodes from the start.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from inspector.media.audio import PcmReader

KEPT_S = 4
"""More than the ring holds of a track at four times the speed, with what the stretcher has taken in."""


class Recall:
    """A PcmReader's samples with the last KEPT_S seconds at hand. Not safe to use from two threads."""

    def __init__(self, reader: PcmReader) -> None:
        self._reader = reader
        self.rate = reader.rate
        self._keep = KEPT_S * reader.rate
        self._kept = np.empty((2 * self._keep, reader.channels), np.float32)
        self._start = 0
        """Sample number of the first one kept."""
        self._count = 0

    def read(self, start: int, count: int) -> NDArray[np.float32]:
        """`count` samples from sample number `start` of local time, shape (count, channels), as the reader's.

        Only what goes on behind the kept samples is read; anywhere else everything is forgotten first.
        """
        end = start + count
        known = self._start + self._count
        if not self._start <= start <= known or end - known > self._keep:
            self._start, self._count, known = start, 0, start
        if count > self._keep:
            return self._reader.read(start, count)
        if end > known:
            self._add(self._reader.read(known, end - known))
        return self._kept[start - self._start : end - self._start].copy()

    def close(self) -> None:
        """Let go of the file and the decoder."""
        self._reader.close()

    def _add(self, fresh: NDArray[np.float32]) -> None:
        if self._count + len(fresh) > len(self._kept):
            # Half of the room is freed at once, so that each sample is moved once at most.
            drop = self._count - min(self._count, self._keep)
            self._kept[: self._count - drop] = self._kept[drop : self._count]
            self._start += drop
            self._count -= drop
        self._kept[self._count : self._count + len(fresh)] = fresh
        self._count += len(fresh)
