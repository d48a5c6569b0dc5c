"""libVLC as a player of one endless PCM stream, and what it says about its own clock.

VLC's `imem` input asks for blocks one by one and takes a decoding and a presentation time with each. So
nothing is read ahead by a stream layer, and how early a block is asked for is ours to say: VLC keeps 300 ms,
and 100 more that it takes ahead, whatever its caching options say, but that is counted in decoding times;
presenting `early` before decoding takes as much off what lies between asking and hearing.

VLC 3 starts a sound somewhere within 120 ms of where it should, and then bends its pitch for a minute to get
there. Only sound that comes far too early is put right at once, to the sample, by silence. So every start is
made twice: first with silence that is presented `STEP_US` too soon, until VLC has been calm for a while; then
later by as much. Where VLC loses its place later on, it is started again.

How far off the device is then, VLC knows but only says when it is worth bending the pitch. So now and then
one block is presented `PROBE_US` too soon: VLC finds it late and begins to bend, and with the next block
stops and says how late the device is. Nothing moves, and that figure is a reading of the device's drift.
"""

from __future__ import annotations

import ctypes
import re
import sys
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any, Protocol

from inspector.errors import InspectorError

if TYPE_CHECKING:
    from collections.abc import Callable

BLOCK_S = 0.01
ORIGIN_US = 1_000_000
"""The decoding time of the first block: a presentation time must not be negative."""
EARLY_US = 150_000
"""Of the 400 ms between asking and hearing, this much is taken off."""
STEP_US = 240_000
"""Above the 120 ms beyond which VLC puts early sound right at once, also where it started 90 ms late."""
GIVE_US = 75_000
"""After every slip this much less is taken off, down to nothing."""
CALM_NS = 1_000_000_000
GRACE_NS = 300_000_000
"""Until then a device may still say that it ran dry before it sounded."""
PROBE_US = 100_000
"""Above the 60 ms from which VLC says that sound is late, below the 180 ms from which it tears it off."""
PROBES = 5
"""So many come first, before the sound counts as aligned."""
PROBE_FIRST_NS = 100_000_000
PROBE_NS = 2_000_000_000
BENT = (b"playback too early", LATE_SAID := b"playback too late")
"""What VLC says when it begins to bend the pitch; without a probe, its sound is far from its place."""
DRIFT_SAID = b"resampling stopped"
ERRORS = 5
"""So many errors within ERRORS_NS are no accident: VLC tries a device that is gone again with every block."""
ERRORS_NS = 1_000_000_000
ERROR_LEVEL = 4
"""LIBVLC_ERROR"""
TORN = (b"flushing", b"suspended", b"starting late", b"restart", LATE := b"called too late")
"""What VLC's messages say when its sound was torn off; LATE: when it asks earlier from now on, for good."""
DRY = (b"underflow", b"underrun")
"""What they say when there was a hole; while aligning there may be."""
NO_DEVICE = b"failed to create audio output"
OPTIONS = (
    *("--quiet", "--intf=dummy", "--no-video", "--no-spu", "--no-osd", "--no-stats"),
    *("--no-audio-time-stretch", "--no-volume-save", "--no-metadata-network-access"),
)
HINT = "Install VLC (Debian: apt install libvlc5 vlc-plugin-base)"

_GET = ctypes.CFUNCTYPE(
    ctypes.c_int,
    ctypes.c_void_p,
    ctypes.c_char_p,
    ctypes.POINTER(ctypes.c_int64),
    ctypes.POINTER(ctypes.c_int64),
    ctypes.POINTER(ctypes.c_uint),
    ctypes.POINTER(ctypes.c_size_t),
    ctypes.POINTER(ctypes.c_void_p),
)
_RELEASE = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_void_p)


class VlcMissing(InspectorError):
    """python-vlc or libVLC is not installed, or does not start."""


def load() -> Any:
    """The module `vlc`; VlcMissing where it or libVLC is not there. Takes 0.2 s the first time."""
    try:
        import vlc
    except (
        Exception,
        SystemExit,
    ) as error:  # it looks for libVLC there, and fails in many ways
        missing = "python-vlc" if isinstance(error, ModuleNotFoundError) else "libVLC"
        raise VlcMissing(f"{missing} is not installed", "", HINT) from error
    return vlc


def version() -> str:
    """libVLC's version, as "3.0.24"; VlcMissing without it."""
    return str(load().libvlc_get_version().decode(errors="replace")).split(" ")[0]


class Listener(Protocol):
    """What is told of the stream, in VLC's threads; `restarted` while none of them runs."""

    def restarted(self) -> None:
        """VLC's clock begins anew; what was pulled and not yet heard is lost."""
        ...

    def placed(self, frame: int, at_us: int) -> None:
        """From `frame` on, what is pulled is presented from `at_us` of VLC's clock on."""
        ...

    def taken(self, frames: int, now_ns: int) -> None:
        """So many frames in all were pulled."""
        ...

    def timed(self, at_us: int, now_ns: int) -> None:
        """VLC's clock was said to stand at `at_us`, in ms cut short, some time before `now_ns`."""
        ...

    def drifted(self, late_us: int) -> None:
        """The device was said to be so late against VLC's clock; one reading can be off by tens of ms."""
        ...


class Alignment:
    """One start: when to give sound instead of silence, and how early; see above. Thread-safe."""

    def __init__(self, now_ns: int, early_us: int = EARLY_US) -> None:
        self._lock = threading.Lock()
        self._quiet_since = self._sounding_since = now_ns
        self._early_us = early_us
        self._sounding = self._late = self._provoked = False
        self._probed = 0
        self._probe_at = 0
        self.slipped = False
        """Whether this start is spoilt: only another will do."""

    def step(self, now_ns: int) -> tuple[bool, int, bool]:
        """Of the next block: whether it sounds, is presented how many us before its decoding, is a probe."""
        with self._lock:
            if not self._sounding and now_ns - self._quiet_since >= CALM_NS:
                self._sounding = True
                self._sounding_since = now_ns
                self._probe_at = now_ns + GRACE_NS
                self.slipped = self._late and self._early_us > 0
            probe = self._sounding and now_ns >= self._probe_at
            if probe:
                self._probed += 1
                self._provoked = True
                self._probe_at = now_ns + (PROBE_FIRST_NS if self._probed <= PROBES else PROBE_NS)
            return self._sounding, self._early_us + (0 if self._sounding else STEP_US), probe

    @property
    def ready(self) -> bool:
        """Whether it sounds, and the first probes are through."""
        with self._lock:
            return self._probed > PROBES

    def hear(self, message: bytes, now_ns: int) -> None:
        """One of VLC's messages, as the format string it is made from."""
        torn = any(words in message for words in TORN)
        dry = any(words in message for words in DRY)
        bent = any(words in message for words in BENT)
        with self._lock:
            if LATE_SAID in message and self._provoked:
                self._provoked = bent = False
            if self._sounding:
                dry &= now_ns - self._sounding_since > GRACE_NS
                self.slipped |= torn or dry or bent
            elif torn:
                self._quiet_since = now_ns
                self._late |= LATE in message


class VlcStream:
    """One endless stream of interleaved float32. `run` blocks; `close` may come from anywhere."""

    def __init__(self, pull: Callable[[int], bytes], listener: Listener, rate: int, channels: int) -> None:
        """`pull(frames)` must give exactly so many, and not block; it is called in VLC's thread."""
        self._pull = pull
        self._listener = listener
        self._rate = rate
        self._channels = channels
        self._block = round(rate * BLOCK_S)
        self._silence = bytes(self._block * channels * 4)
        self._buffer = ctypes.create_string_buffer(len(self._silence))
        self._given = 0  # frames that VLC got since it started, silence too
        self._frames = 0  # frames that were pulled
        self._was_sounding = False
        self._early_us = EARLY_US
        self._alignment = Alignment(time.monotonic_ns())
        self._errors: deque[int] = deque(maxlen=ERRORS)
        self._news = threading.Condition()
        self._closed = False
        self._reason = ""
        self._callbacks = (_GET(self._get), _RELEASE(self._release))

    def run(self, told: Callable[[str], None]) -> None:
        """Play until `close`, or until it fails.

        `told` is called here: "" when it sounds aligned, else what is wrong; a slip it gets over by itself.
        Raises VlcMissing where libVLC is not there or does not start.
        """
        vlc = load()
        instance = vlc.Instance(list(OPTIONS))
        if instance is None:
            raise VlcMissing("libVLC does not start", "", HINT)
        logged = vlc.CallbackDecorators.LogCb(self._logged)
        instance.log_set(logged, None)
        try:
            instance.set_user_agent("Inspector", "Inspector")
            while not self._closed:
                reason = self._play(vlc, instance, told)
                if reason:
                    told(reason)
                    return
        finally:
            instance.log_unset()
            instance.release()

    def close(self) -> None:
        """Let `run` return."""
        with self._news:
            self._closed = True
            self._news.notify()

    # -- in the thread of `run` ----------------------------------------------------------------------------

    def _play(self, vlc: Any, instance: Any, told: Callable[[str], None]) -> str:
        """One player from start to slip or close, "", or to failure, and why."""
        get, release = (ctypes.cast(each, ctypes.c_void_p).value for each in self._callbacks)
        media = instance.media_new("imem://")
        for option in (
            *(f"imem-get={get}", f"imem-release={release}", "imem-data=0", "imem-cat=1"),
            f"imem-codec=f32{'l' if sys.byteorder == 'little' else 'b'}",
            *(f"imem-samplerate={self._rate}", f"imem-channels={self._channels}"),
        ):
            media.add_option(f":{option}")
        player = instance.media_player_new()
        events = player.event_manager()
        ends = (vlc.EventType.MediaPlayerEncounteredError, vlc.EventType.MediaPlayerEndReached)
        self._given = 0
        self._was_sounding = False
        self._alignment = Alignment(time.monotonic_ns(), self._early_us)
        self._listener.restarted()
        try:
            player.set_media(media)
            events.event_attach(vlc.EventType.MediaPlayerTimeChanged, self._timed)
            for kind in ends:
                events.event_attach(kind, self._ended)
            if player.play() != 0:
                return f"VLC cannot play. {HINT}"
            return self._wait(told)
        finally:
            player.stop()
            for kind in (vlc.EventType.MediaPlayerTimeChanged, *ends):
                events.event_detach(kind)
            player.release()
            media.release()

    def _wait(self, told: Callable[[str], None]) -> str:
        def over() -> bool:
            return self._closed or bool(self._reason) or self._alignment.slipped

        with self._news:
            self._news.wait_for(lambda: over() or self._alignment.ready)
        sounded = not over()
        if sounded:
            told("")
            with self._news:
                self._news.wait_for(over)
        if self._closed or self._reason:
            return "" if self._closed else self._reason
        if sounded:
            told("VLC lost its footing and starts again")
        self._early_us = max(0, self._early_us - GIVE_US)
        return ""

    # -- in VLC's threads: nothing may be raised -----------------------------------------------------------

    def _get(
        self, _data: Any, _cookie: Any, decoded: Any, presented: Any, _flags: Any, size: Any, out: Any
    ) -> int:
        try:
            now = time.monotonic_ns()
            sounding, early_us, probe = self._alignment.step(now)
            at_us = ORIGIN_US + self._given * 1_000_000 // self._rate
            if sounding and not self._was_sounding:
                self._listener.placed(self._frames, at_us - early_us)
                self._was_sounding = True
            if probe and self._alignment.ready:
                self._wake()
            pcm = self._pull(self._block) if sounding else self._silence
            ctypes.memmove(self._buffer, pcm, len(self._silence))
            if sounding:
                self._frames += self._block
                self._listener.taken(self._frames, now)
            self._given += self._block
            decoded[0], presented[0] = at_us, at_us - early_us - (PROBE_US if probe else 0)
            size[0] = len(self._silence)
            out[0] = ctypes.addressof(self._buffer)
        except Exception as error:  # noqa: BLE001 - nothing may be raised into C: it would be lost
            self._fail(f"the sound could not be made: {error}")
            return 1
        return 0

    def _release(self, *_: Any) -> None:
        """VLC has copied the block."""

    def _timed(self, event: Any) -> None:
        now = time.monotonic_ns()
        try:
            self._listener.timed(int(event.u.new_time) * 1000, now)
        except Exception as error:  # noqa: BLE001 - as above
            self._fail(f"VLC's clock cannot be read: {error}")

    def _ended(self, _event: Any) -> None:
        self._fail(f"VLC ended the sound. {HINT}")

    def _logged(self, _data: Any, level: int, _context: Any, text: bytes | None, arguments: Any) -> None:
        try:
            now = time.monotonic_ns()
            text = text or b""
            self._alignment.hear(text, now)
            if DRIFT_SAID in text and self._was_sounding:
                self._listener.drifted(_figure(text, arguments))
            if self._alignment.slipped:
                self._wake()
            if level == ERROR_LEVEL:
                self._errors.append(now)
            many = len(self._errors) == ERRORS and now - self._errors[0] < ERRORS_NS
            if many or NO_DEVICE in text:
                self._fail("VLC has no sound device, or lost it")
        except Exception as error:  # noqa: BLE001 - as above
            self._fail(f"VLC's messages cannot be read: {error}")

    def _wake(self) -> None:
        with self._news:
            self._news.notify()

    def _fail(self, reason: str) -> None:
        with self._news:
            self._reason = self._reason or reason
            self._news.notify()


def _figure(text: bytes, arguments: Any) -> int:
    """The first whole number in one of VLC's messages; `arguments` is C's va_list."""
    said = ctypes.create_string_buffer(200)
    ctypes.pythonapi.PyOS_vsnprintf(said, ctypes.c_size_t(len(said)), text, ctypes.c_void_p(arguments))
    found = re.search(rb"-?[0-9]+", said.value)
    return int(found.group()) if found else 0
