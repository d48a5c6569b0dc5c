"""Sound made on the reference timeline: decode, map, mix, stretch, and a ring that an output pulls from.

One thread fills the ring; `pull` only copies. Each frame that was pulled is remembered as a stretch of the
timeline or as silence, so that "which frame is heard" answers "which moment is heard", after seeks too.

What is in the ring is already mixed. When a track is muted, another gain is set or a time map is another one,
the ring's content is made anew for the very moments that it holds and put in its place at once, faded over
from the old: it is heard with the next pull, the timeline knows nothing of it, and no hole can come of it.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from inspector.core.times import NS
from inspector.errors import InspectorError
from inspector.media.render import render_pcm
from inspector.playback.recall import Recall
from inspector.playback.sound import CHANNELS, FRAME_BYTES, RATE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from inspector.core.model import Source, Stream
    from inspector.media.stretch import Stretcher

BLOCK = 480
"""Frames made at a time after a jump: 10 ms."""
LONG_BLOCK = 16 * BLOCK
"""Frames made at a time at most: a quarter of what is ready. Each block costs a dozen turns at Python's lock,
however long it is; while others compute a turn is milliseconds, and the output's pulls wait for it too."""
RING_FRAMES = RATE * 3 // 4
"""How far the mixer works ahead of the output: longer than a window is blocked in the worst of days."""
GRAIN = RATE * 7 // 100
"""Frames of what is heard of a place that is dragged over: 70 ms, long enough to tell a vowel."""
GRAIN_FADE = RATE // 125
FADE = 96
"""Frames over which sound comes in after a jump, so that it does not click."""
BLEND = 480
"""Frames over which a changed mix takes over from the one before, linearly: 10 ms."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Track:
    """One sound in the mix. Gain is linear; a solo anywhere mutes all tracks without one."""

    stream: Stream
    gain: float = 1.0
    mute: bool = False
    solo: bool = False


@dataclass(slots=True)
class _Stretch:
    """Consecutive pulled frames: of one run of the timeline, or silence where `start_ns` is None."""

    first: int
    count: int
    run: int
    start_ns: int | None
    speed: float


@dataclass(slots=True)
class _Block:
    """Mixed frames in the ring: float32 stereo bytes, of which `used` frames were pulled already."""

    start_ns: int
    pcm: bytes
    used: int = 0

    @property
    def left(self) -> int:
        return len(self.pcm) // FRAME_BYTES - self.used

    def now_ns(self, speed: float) -> int:
        """The reference time of the next frame."""
        return self.start_ns + round(self.used * NS * speed / RATE)


class Mixer:
    """The feed of a sound output, and the map from pulled frames to the timeline. Thread-safe."""

    def __init__(self, told: Callable[[str], None] | None = None) -> None:
        """`told` hears, in the mixer's thread, of a sound that cannot be opened."""
        self._told = told
        self._wake = threading.Condition()
        self._tracks: list[Track] = []
        self._tracks_changed = False
        self._stale = False  # what is in the ring was made for other tracks than there are now
        self._run = 0  # grows with every play, pause and seek; what belongs to an older run is dropped
        self._playing = False
        self._speed = 1.0
        self._cursor_ns = 0
        self._loop: tuple[int, int] | None = None
        self._ring: deque[_Block] = deque()
        self._ring_frames = 0
        self._pulled = 0
        self._history: deque[_Stretch] = deque(maxlen=4096)
        self._settled = False  # the thread waits: all that was asked for is in the ring
        self._grain: int | None = None
        self._closed = False
        self.clips = 0
        """Grows with every stretch of sound that was louder than full scale and was cut."""
        self._readers: dict[Source, Recall | None] = {}
        self._thread = threading.Thread(target=self._work, name="inspector-mixer", daemon=True)
        self._thread.start()

    # -- commands, from any thread -------------------------------------------------------------------------

    def set_tracks(self, tracks: Sequence[Track]) -> None:
        """Other sounds, or the same ones otherwise, heard with one of the next pulls also while playing.

        Readers of tracks that went are closed.
        """
        with self._wake:
            self._tracks = list(tracks)
            self._tracks_changed = True
            self._stale = self._playing
            self._wake.notify()

    @property
    def tracks(self) -> tuple[Track, ...]:
        """The tracks in the mix."""
        return tuple(self._tracks)

    def play(self, at_ns: int, speed: float = 1.0, loop: tuple[int, int] | None = None) -> int:
        """Sound from reference time `at_ns` on; the number of this run.

        At the end of `loop` it goes on at the loop's start, to the sample.
        """
        with self._wake:
            self._drop()
            self._loop = loop
            self._playing = True
            self._speed = speed
            self._cursor_ns = at_ns
            self._wake.notify()
            return self._run

    def grain(self, at_ns: int) -> None:
        """A short piece of the sound at a reference time, while nothing plays: what a dragging hand hears.

        One that is heard is played out; of those asked for meanwhile the newest follows it.
        """
        with self._wake:
            if not self._playing:
                self._grain = at_ns
                self._wake.notify()

    def pause(self) -> None:
        """Silence from the next pull on."""
        with self._wake:
            self._drop()
            self._playing = False

    def close(self) -> None:
        """End the thread and close the readers."""
        with self._wake:
            self._closed = True
            self._wake.notify()
        self._thread.join()

    def _drop(self) -> None:
        self._run += 1
        self._grain = None
        self._ring.clear()
        self._ring_frames = 0
        self._stale = False

    # -- the output's side ---------------------------------------------------------------------------------

    def pull(self, frames: int) -> bytes:
        """Exactly `frames` frames from the ring, silence for what it does not hold."""
        parts: list[bytes] = []
        need = frames
        with self._wake:
            while need and self._ring:
                block = self._ring[0]
                have = block.left
                count = min(need, have)
                parts.append(block.pcm[block.used * FRAME_BYTES : (block.used + count) * FRAME_BYTES])
                self._note(count, block.now_ns(self._speed))
                if count == have:
                    self._ring.popleft()
                else:
                    block.used += count
                need -= count
                self._ring_frames -= count
            if need:
                parts.append(bytes(need * FRAME_BYTES))
                self._note(need, None)
            if self._hungry():
                self._wake.notify()
        return b"".join(parts)

    def _note(self, count: int, start_ns: int | None) -> None:
        last = self._history[-1] if self._history else None
        if last is not None and last.run == self._run and last.speed == self._speed:
            if last.start_ns is None and start_ns is None:
                last.count += count
                self._pulled += count
                return
            if last.start_ns is not None and start_ns is not None:
                expected = last.start_ns + last.count * NS * self._speed / RATE
                if abs(expected - start_ns) < NS / RATE:
                    last.count += count
                    self._pulled += count
                    return
        self._history.append(_Stretch(self._pulled, count, self._run, start_ns, self._speed))
        self._pulled += count

    def place(self, run: int, heard: float) -> tuple[int, int] | None:
        """(stretch, reference time) of output frame `heard`; None before the run's first frame.

        A stretch is a number that grows: within one, time never runs back.

        While the mixer cannot keep up (a hole in the run) the moment stands still: a stall never leaps.
        """
        found: tuple[int, int] | None = None
        with self._wake:
            for stretch in reversed(self._history):
                if stretch.run < run:
                    break
                if stretch.run > run or stretch.start_ns is None or stretch.first > heard:
                    continue
                into = min(heard - stretch.first, stretch.count)
                found = stretch.first, stretch.start_ns + round(into * NS * stretch.speed / RATE)
                break
        return found

    # -- the filling thread --------------------------------------------------------------------------------

    def _work(self) -> None:
        stretcher: Stretcher | None = None
        made_for = -1
        while True:
            with self._wake:
                while not (self._closed or self._tracks_changed or self._stale or self._hungry()):
                    self._settled = True
                    self._wake.wait()
                self._settled = False
                if self._closed:
                    break
                if self._tracks_changed:
                    self._tracks_changed = False
                    self._close_readers({track.stream.source for track in self._tracks})
                    continue
                grain, self._grain = self._grain, None
                run, cursor, speed, tracks = self._run, self._cursor_ns, self._speed, self._audible()
                loop = self._loop
                block = min(max(self._ring_frames // 4, BLOCK), LONG_BLOCK)
                stale, self._stale = self._stale, False
                ring = [(block.now_ns(speed), block.left) for block in self._ring] if stale else []
            if grain is not None:
                self._add_grain(tracks, grain, run)
                continue
            if ring:
                stretcher = self._remix(tracks, ring, run, speed, stretcher, loop)
                continue
            if run != made_for:
                stretcher = _stretcher(speed)
            if stretcher is None:
                count = block
                if loop is not None and cursor < loop[1]:
                    count = max(1, min(block, (loop[1] - cursor) * RATE // NS))
                pcm = self._mix(tracks, cursor, count)
                advance_ns = count * NS // RATE
            else:
                taken, pcm = stretcher.make(partial(self._mix_round, tracks, loop), cursor, block)
                advance_ns = taken * NS // RATE
            if run != made_for:
                made_for = run
                ramp = min(FADE, len(pcm))
                pcm[:ramp] *= np.linspace(0, 1, ramp, dtype=np.float32)[:, None]
            with self._wake:
                if run == self._run and self._playing:
                    if len(pcm):
                        self._ring += _blocks(self._ring_start(cursor, speed), pcm, speed, loop)
                        self._ring_frames += len(pcm)
                    self._cursor_ns = _round(cursor + advance_ns, loop)
                    if loop is not None and cursor < loop[1] <= self._cursor_ns + NS // RATE:
                        self._cursor_ns = loop[0]
        self._close_readers(set())

    def _ring_start(self, cursor: int, speed: float) -> int:
        """Where a block goes: right behind the one before it, so that a stretched run has no seams."""
        if speed == 1.0 or not self._ring:
            last = self._history[-1] if self._history else None
            if speed != 1.0 and last is not None and last.run == self._run and last.start_ns is not None:
                return last.start_ns + round(last.count * NS * speed / RATE)
            return cursor
        block = self._ring[-1]
        return block.start_ns + round(len(block.pcm) // FRAME_BYTES * NS * speed / RATE)

    def _remix(
        self,
        tracks: list[Track],
        ring: list[tuple[int, int]],
        run: int,
        speed: float,
        stretcher: Stretcher | None,
        loop: tuple[int, int] | None,
    ) -> Stretcher | None:
        """Make the ring's content anew for the moments it holds, `ring` being (reference ns, frames) of each
        block; the stretcher to go on with.

        The old content goes on being pulled meanwhile, and what was pulled is left out.
        """
        held = sum(count for _, count in ring)
        at_ns, cursor = ring[0][0], None
        if speed == 1.0:
            pcm = np.concatenate([self._mix(tracks, *block) for block in ring])
        else:
            fresh = _stretcher(speed)
            assert fresh is not None
            taken, pcm = fresh.make(partial(self._mix_round, tracks, loop), at_ns, held)
            cursor = _round(at_ns + taken * NS // RATE, loop)
        with self._wake:
            if run != self._run:
                return stretcher
            gone = held - self._ring_frames
            old = b"".join(block.pcm[block.used * FRAME_BYTES :] for block in self._ring)
            pcm = pcm[gone:]
            _blend(np.frombuffer(old, np.float32).reshape(-1, CHANNELS), pcm)
            if cursor is None:
                for block in self._ring:
                    count, start_ns = block.left, block.now_ns(speed)
                    block.pcm, block.start_ns, block.used = pcm[:count].tobytes(), start_ns, 0
                    pcm = pcm[count:]
                return stretcher
            self._ring.clear()
            self._ring_frames = len(pcm)
            if len(pcm):
                self._ring += _blocks(at_ns + round(gone * NS * speed / RATE), pcm, speed, loop)
            self._cursor_ns = cursor
        return fresh

    def _add_grain(self, tracks: list[Track], at_ns: int, run: int) -> None:
        pcm = self._mix(tracks, at_ns, GRAIN)
        ramp = np.linspace(0, 1, GRAIN_FADE, dtype=np.float32)[:, None]
        pcm[:GRAIN_FADE] *= ramp
        pcm[-GRAIN_FADE:] *= ramp[::-1]
        with self._wake:
            if run == self._run and not self._playing:
                self._ring.append(_Block(at_ns, pcm.tobytes()))
                self._ring_frames += len(pcm)

    def _hungry(self) -> bool:
        if self._grain is not None:
            return self._ring_frames < GRAIN_FADE
        return self._playing and self._ring_frames + LONG_BLOCK <= RING_FRAMES

    def _mix_round(
        self, tracks: list[Track], loop: tuple[int, int] | None, at_ns: int, count: int
    ) -> NDArray[np.float32]:
        """`_mix` that goes on at the start of the loop where it comes to its end."""
        parts = []
        while count > 0:
            at_ns, part = _round(at_ns, loop), count
            if loop is not None and at_ns < loop[1]:
                part = max(1, min(count, (loop[1] - at_ns) * RATE // NS))
            parts.append(self._mix(tracks, at_ns, part))
            at_ns += part * NS // RATE + 1
            count -= part
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _audible(self) -> list[Track]:
        soloed = [track for track in self._tracks if track.solo]
        return [track for track in soloed or self._tracks if not track.mute and track.gain > 0]

    def _mix(self, tracks: list[Track], at_ns: int, count: int) -> NDArray[np.float32]:
        out = np.zeros((count, CHANNELS), np.float32)
        for track in tracks:
            reader = self._reader(track.stream)
            if reader is not None:
                out += render_pcm(reader, track.stream.timemap, at_ns, count) * np.float32(track.gain)
        if count and np.abs(out).max() > 1.0:
            self.clips += 1
        return np.clip(out, -1.0, 1.0, out=out)

    def _reader(self, stream: Stream) -> Recall | None:
        if stream.source not in self._readers:
            from inspector.media.audio import PcmReader

            try:
                self._readers[stream.source] = Recall(PcmReader(stream.source, RATE))
            except InspectorError as error:
                log.warning("%s", error)
                if self._told is not None:
                    self._told(f"{stream.id} is not heard: {error}")
                self._readers[stream.source] = None
        return self._readers[stream.source]

    def _close_readers(self, keep: set[Source]) -> None:
        for source in [each for each in self._readers if each not in keep]:
            reader = self._readers.pop(source)
            if reader is not None:
                reader.close()


def _round(at_ns: int, loop: tuple[int, int] | None) -> int:
    """A time that ran over the end of a loop, back inside it."""
    if loop is None or at_ns < loop[1]:
        return at_ns
    return loop[0] + (at_ns - loop[0]) % max(loop[1] - loop[0], 1)


def _blocks(
    start_ns: int, pcm: NDArray[np.float32], speed: float, loop: tuple[int, int] | None
) -> list[_Block]:
    """PCM that begins at a time, cut where it comes to the end of the loop."""
    made = []
    while len(pcm):
        start_ns, count = _round(start_ns, loop), len(pcm)
        if loop is not None and start_ns < loop[1]:
            count = max(1, min(count, round((loop[1] - start_ns) * RATE / NS / speed)))
        made.append(_Block(start_ns, pcm[:count].tobytes()))
        start_ns += round(count * NS * speed / RATE) + 1  # the end itself belongs to the start
        pcm = pcm[count:]
    return made


def _blend(old: NDArray[np.float32], new: NDArray[np.float32]) -> None:
    """Let `new` take over from `old`, linearly over the first BLEND frames, as far as there is an old one."""
    count = min(BLEND, len(old), len(new))
    part = (np.arange(1, count + 1, dtype=np.float32) / np.float32(count + 1))[:, None]
    new[:count] = old[:count] * (1 - part) + new[:count] * part


def _stretcher(speed: float) -> Stretcher | None:
    if speed == 1.0:
        return None
    from inspector.media.stretch import Stretcher

    return Stretcher(speed)
