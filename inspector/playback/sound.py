"""What a sound output is, and the clock that is read off one.

An output pulls frames from a feed in a thread of its own, for as long as the window lives; it is never
stopped. How many frames it has taken, and when, is all that is known of what is heard: `OutputClock` makes a
steady clock of it.
"""

from __future__ import annotations

import threading
import time
from typing import Protocol

from inspector.core.times import NS

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


class SoundOutput(Protocol):
    """A device, or something that stands in for one."""

    name: str
    clock: OutputClock

    def start(self, feed: SoundFeed) -> bool:
        """Begin to pull, for good. False where there is no device (why is then in `problem`)."""
        ...

    def close(self) -> None:
        """Stop pulling and end the thread."""
        ...

    problem: str


class OutputClock:
    """Which frame is heard now, from when an output took its frames.

    A device takes frames in lumps as its buffer empties, so `taken / RATE` against the wall clock is a
    staircase. Its phase is followed by a slow loop (time constant `SETTLE_S`) around an exact 48 kHz, which
    is far steadier than any single reading; a step beyond `JUMP_NS` is a stall of the device and is taken
    over at once. What lies between taking and hearing is `latency_ns`, one constant per output.
    """

    SETTLE_S = 1.5
    JUMP_NS = 60_000_000

    def __init__(self, latency_ns: int = 0) -> None:
        self.latency_ns = latency_ns
        self._lock = threading.Lock()
        self._phase: float | None = None  # wall ns at which frame 0 would have been taken
        self._newest = 0
        self._events = 0

    def taken(self, frames: int, queued: int, now_ns: int | None = None) -> None:
        """`frames` in all were taken, of which `queued` still wait in the device's buffer."""
        now = time.monotonic_ns() if now_ns is None else now_ns
        phase = now - (frames - queued) * NS / RATE
        with self._lock:
            elapsed = (now - self._newest) / NS
            self._newest = now
            self._events += 1
            if self._phase is None or abs(phase - self._phase) > self.JUMP_NS:
                self._phase = phase
                self._events = 1
            else:
                # The first readings count fully, then the loop slows down to its time constant.
                weight = max(1 / self._events, min(1.0, elapsed / self.SETTLE_S))
                self._phase += (phase - self._phase) * weight

    def heard(self, now_ns: int | None = None) -> float | None:
        """The frame number that is heard now, None before the device took any."""
        now = time.monotonic_ns() if now_ns is None else now_ns
        with self._lock:
            if self._phase is None:
                return None
            return (now - self._phase - self.latency_ns) * RATE / NS
