"""A sound output that tests turn by hand: it pulls when it is told to, and hears what it pulled."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from inspector.playback.sound import CHANNELS, RATE

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from inspector.playback.sound import SoundFeed

NS = 1_000_000_000


class PulledClock:
    """What is heard is what was pulled, less the latency. Time has no part in it."""

    def __init__(self, latency_ns: int) -> None:
        self.latency_ns = latency_ns
        self.frames = 0

    def heard(self, now_ns: int | None = None) -> float | None:
        return self.frames - self.latency_ns * RATE / NS

    def stalled(self, since_ns: int, now_ns: int) -> bool:
        return False


class Output:
    """Opens at once, and tells `tells`."""

    def __init__(self, name: str, latency_ns: int) -> None:
        self.name = name
        self.missing = False
        self.tells = ""
        self.residual = ""
        self.clock = PulledClock(latency_ns)
        self.closed = False
        self.told: Callable[[str], None] = lambda text: None
        self.feed: SoundFeed | None = None

    def start(self, feed: SoundFeed, told: Callable[[str], None]) -> None:
        self.feed, self.told = feed, told
        told(self.tells)

    def close(self) -> None:
        self.closed = True

    def turn(self, frames: int) -> NDArray[np.float32]:
        """Pull so many frames; (frames,) the left channel."""
        assert self.feed is not None
        pcm = np.frombuffer(self.feed.pull(frames), np.float32).reshape(-1, CHANNELS)
        self.clock.frames += frames
        return pcm[:, 0]
