"""The VLC sound output, and the clock that is disciplined by what VLC says of its time.

VLC tells its time four times a second, in whole ms, and late when the machine is busy. It runs by the
computer's own clock, at the rate of one, until it loses its footing and jumps. So the clock here is an origin
and no rate: where most of the last readings agree, the earliest of these.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from typing import TYPE_CHECKING

from inspector.core.times import NS
from inspector.errors import InspectorError
from inspector.playback.sound import CHANNELS, RATE, OutputClock, SoundFeed

if TYPE_CHECKING:
    from collections.abc import Callable

    from inspector.media.sound_vlc import VlcStream

LATENCY_NS = -11_000_000
"""From VLC's own time to the ear, less what a picture takes to the screen: measured together, at the screen
and the sound server's sink."""
CLOSE_S = 3.0
"""A player that does not end by then is left to itself: the window must close."""

log = logging.getLogger(__name__)


class VlcClock:
    """Which pulled frame is heard now, from VLC's time events. Thread-safe; a `media.sound_vlc.Listener`."""

    WINDOW_NS = 8 * NS
    LEAST = 8
    """Readings without which there is no residual: two seconds of them."""
    TOGETHER_NS = 5_000_000
    """Readings that agree: an event is late by less than this unless the machine is very busy."""
    DRIFTS = 9
    """Of so many readings of the device's drift the middle one counts."""
    DRIFT_LEAST_US = (15_000, 5_000)
    """A drift that is less is none, for the first SETTLED readings and afterwards: sound was put in its place
    to the sample, and what a sound server says of itself wanders by 10 ms for the first 20 s."""
    SETTLED = 15
    JUMP_NS = 15_000_000
    JUMP_RUN = 4
    """So many readings in a row, together and JUMP_NS off, are no late events: VLC's time has jumped."""

    def __init__(self, latency_ns: int = 0) -> None:
        self.latency_ns = latency_ns
        self._lock = threading.Lock()
        self._readings: deque[tuple[int, int]] = deque()  # (when, wall time at which VLC's clock stood at 0)
        self._origin_ns: int | None = None
        self._drifts: deque[int] = deque(maxlen=self.DRIFTS)
        self._drift_us = self._drifts_told = 0
        self._placed: tuple[int, int] | None = None  # (first frame that sounds, VLC's time of it in us)
        self._frames = 0
        self._newest = 0

    # -- what the stream tells -----------------------------------------------------------------------------

    def restarted(self) -> None:
        """VLC's clock begins anew; what was pulled and not yet heard is lost."""
        with self._lock:
            self._readings.clear()
            self._drifts.clear()
            self._drift_us = self._drifts_told = 0
            self._origin_ns = self._placed = None

    def placed(self, frame: int, at_us: int) -> None:
        """From this pulled frame on, VLC presents what was pulled from `at_us` of its clock on."""
        with self._lock:
            self._placed = (frame, at_us)

    def taken(self, frames: int, now_ns: int) -> None:
        """So many frames in all were pulled."""
        with self._lock:
            self._frames = frames
            self._newest = now_ns

    def timed(self, at_us: int, now_ns: int) -> None:
        """VLC's clock was said to stand at `at_us`; saying so takes its time, which only makes it late."""
        with self._lock:
            readings = self._readings
            readings.append((now_ns, now_ns - at_us * 1000))
            while readings[0][0] < now_ns - self.WINDOW_NS:
                readings.popleft()
            self._forget_before_jump()
            origins = sorted(origin for _, origin in readings)
            self._origin_ns = _densest(origins, self.TOGETHER_NS)

    def drifted(self, late_us: int) -> None:
        """The device was said to be so late against VLC's clock, give or take tens of ms now and then."""
        with self._lock:
            self._drifts.append(late_us)
            self._drifts_told += 1
            middle = sorted(self._drifts)[len(self._drifts) // 2]
            if abs(middle - self._drift_us) >= self.DRIFT_LEAST_US[self._drifts_told > self.SETTLED]:
                self._drift_us = middle

    def _forget_before_jump(self) -> None:
        """Leave only the last readings where they agree with each other and not with what was known."""
        if self._origin_ns is None or len(self._readings) <= self.JUMP_RUN:
            return
        last = [self._readings[index] for index in range(-self.JUMP_RUN, 0)]
        origins = [origin for _, origin in last]
        apart = max(origins) - min(origins)
        if apart <= self.TOGETHER_NS and min(abs(o - self._origin_ns) for o in origins) > self.JUMP_NS:
            self._readings.clear()
            self._readings.extend(last)

    # -- what is asked -------------------------------------------------------------------------------------

    @property
    def residual_ms(self) -> float | None:
        """Within what nine tenths of the readings lie: VLC's of its time about the clock, and of the device's
        drift about the middle one, whichever is more; None while there are too few."""
        with self._lock:
            if self._origin_ns is None or len(self._readings) < self.LEAST:
                return None
            told = [abs(origin - self._origin_ns) for _, origin in self._readings]
            device = [abs(drift - self._drift_us) * 1000 for drift in self._drifts]
            return max(_nine_tenths(told), _nine_tenths(device)) / 1e6

    def stalled(self, since_ns: int, now_ns: int) -> bool:
        """Whether VLC took nothing for `OutputClock.STALL_NS`, counted from `since_ns` at the earliest."""
        with self._lock:
            return now_ns - max(self._newest, since_ns) > OutputClock.STALL_NS

    def heard(self, now_ns: int | None = None) -> float | None:
        """The frame number that is heard now, None before VLC told any time or took any sound."""
        now = time.monotonic_ns() if now_ns is None else now_ns
        with self._lock:
            if self._origin_ns is None or self._placed is None:
                return None
            first, from_us = self._placed
            at_us = (now - self._origin_ns - self.latency_ns) / 1000
            return min(first + (at_us - self._drift_us - from_us) * RATE / 1e6, self._frames)


def _nine_tenths(off: list[int]) -> int:
    return sorted(off)[(len(off) - 1) * 9 // 10] if off else 0


def _densest(origins: list[int], width: int) -> int:
    """The smallest of those within `width` of each other, where most of the sorted origins are."""
    best = first = most = 0
    for last, origin in enumerate(origins):
        while origin - origins[first] > width:
            first += 1
        if last - first + 1 > most:
            best, most = first, last - first + 1
    return origins[best]


class VlcSoundOutput:
    """libVLC as a SoundOutput, in a thread of its own."""

    def __init__(self, latency_ns: int = LATENCY_NS) -> None:
        self.name = "VLC"
        self.missing = False
        self.clock = VlcClock(latency_ns)
        self._stream: VlcStream | None = None
        self._closed = False
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    @property
    def residual(self) -> str:
        """How far VLC's time events lie from the clock that is made of them."""
        residual_ms = self.clock.residual_ms
        return "residual: measuring" if residual_ms is None else f"residual {residual_ms:.1f} ms"

    def start(self, feed: SoundFeed, told: Callable[[str], None]) -> None:
        """Load libVLC and begin to pull; `told` is called in the thread, "" once the sound is aligned."""
        self._thread = threading.Thread(
            target=self._work, args=(feed, told), name="inspector-vlc", daemon=True
        )
        self._thread.start()

    def _work(self, feed: SoundFeed, told: Callable[[str], None]) -> None:
        from inspector.media.sound_vlc import VlcMissing, VlcStream, version

        try:
            self.name = f"VLC {version()}"
            stream = VlcStream(feed.pull, self.clock, RATE, CHANNELS)
            with self._lock:
                if self._closed:
                    return
                self._stream = stream
            stream.run(told)
        except InspectorError as error:
            self.missing = isinstance(error, VlcMissing)
            told(str(error))

    def close(self) -> None:
        """End the player, and wait for it as long as a closing window may."""
        with self._lock:
            self._closed = True
            if self._stream is not None:
                self._stream.close()
        if self._thread is not None:
            self._thread.join(CLOSE_S)
            if self._thread.is_alive():
                log.warning("VLC does not end; it is left behind")
            self._thread = None
