"""What a sound output is, and the clock that is read off one.

An output pulls frames from a feed in a thread of its own, for as long as the window lives; it is never
stopped. How many frames it has taken, and when, is all that is known of what is heard: `OutputClock` makes a
steady clock of it.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Protocol

from inspector.core.times import NS

if TYPE_CHECKING:
    from collections.abc import Callable

RATE = 48_000
"""Frames per second of everything between mixer and output."""
CHANNELS = 2
FRAME_BYTES = 4 * CHANNELS
"""float32, interleaved."""


class SoundFeed(Protocol):
    """Where an output gets its frames; called in the output's thread, must not block."""

    def pull(self, frames: int) -> bytes:
        """Exactly `frames` frames: sound, or silence where there is none."""
        ...


class HeardClock(Protocol):
    """What an output knows of the frames that it pulled."""

    latency_ns: int
    """What lies between the clock's own idea and the ear, less what a picture takes to the eye."""

    def heard(self, now_ns: int | None = None) -> float | None:
        """The frame number that is heard now; None while that is not known at all."""
        ...

    def stalled(self, since_ns: int, now_ns: int) -> bool:
        """Whether the device took nothing for too long, counted from `since_ns` at the earliest."""
        ...


class SoundOutput(Protocol):
    """A device that plays what it pulls. Its clock says which frame is heard."""

    name: str
    missing: bool
    """Whether what it stands on is not installed; known once `told` is called."""

    @property
    def clock(self) -> HeardClock:
        """The same one for the output's whole life."""
        ...

    @property
    def residual(self) -> str:
        """How far its clock's readings lie apart, in words; empty where they are not estimated."""
        ...

    def start(self, feed: SoundFeed, told: Callable[[str], None]) -> None:
        """Open the device in a thread and pull for good; `told` is called there, "" or what is wrong."""
        ...

    def close(self) -> None:
        """Stop pulling and end the thread."""
        ...


class OutputClock:
    """Which frame is heard now, from when an output took its frames.

    Each time a device takes frames, `now - consumed / RATE` is a reading of the wall time at which frame 0
    was consumed. A busy machine makes readings late, never early, so the smallest of the last `WINDOW_NS` is
    the truth; when the device ran dry, its time really moved, and older readings are forgotten. What lies
    between consuming and hearing is `latency_ns`, one constant per output.
    """

    WINDOW_NS = 400_000_000
    """Long enough to hold a prompt reading on a busy machine; a device that slips is followed within it."""

    STALL_NS = 2_500_000_000
    """A sound server that wakes up takes over a second before it pulls; one that is stuck takes for ever."""

    def __init__(self, latency_ns: int = 0) -> None:
        self.latency_ns = latency_ns
        self._lock = threading.Lock()
        self._readings: deque[tuple[int, float]] = deque()  # (when, phase), phases growing: a sliding minimum
        self._newest = 0

    def taken(self, frames: int, queued: int, dry: bool = False, now_ns: int | None = None) -> None:
        """`frames` in all were taken, `queued` of them wait in the device; `dry`: it had run empty."""
        now = time.monotonic_ns() if now_ns is None else now_ns
        phase = now - (frames - queued) * NS / RATE
        with self._lock:
            self._newest = now
            readings = self._readings
            if dry:
                readings.clear()
            while readings and readings[-1][1] >= phase:
                readings.pop()
            readings.append((now, phase))
            while readings[0][0] < now - self.WINDOW_NS:
                readings.popleft()

    def stalled(self, since_ns: int, now_ns: int) -> bool:
        """Whether the device took nothing for STALL_NS, counted from `since_ns` at the earliest."""
        with self._lock:
            return now_ns - max(self._newest, since_ns) > self.STALL_NS

    def heard(self, now_ns: int | None = None) -> float | None:
        """The frame number that is heard now, None before the device took any."""
        now = time.monotonic_ns() if now_ns is None else now_ns
        with self._lock:
            if not self._readings:
                return None
            return (now - self._readings[0][1] - self.latency_ns) * RATE / NS
