"""The one state machine of time: what is shown now, whether it runs, how fast. Views only follow."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from inspector.playback.mixer import Mixer
    from inspector.playback.sound import HeardClock

SPEEDS = (0.25, 0.5, 1.0, 2.0, 4.0)
"""What J and L step through."""


HOLD_NS = 600_000_000
"""A film that takes longer to get to a place is waited for no longer: the picture follows the sound."""


class PlayClock(Protocol):
    """Where the time comes from while playing."""

    def start(self, at_ns: int, speed: float, loop: tuple[int, int] | None) -> None:
        """Run from a reference time on; a clock that can goes round `loop` by itself."""
        ...

    def stop(self) -> None:
        """Stand still."""
        ...

    def now_ns(self) -> int:
        """The reference time now, after `start`."""
        ...


class MonotonicClock:
    """Time by the computer's own clock, where there is no sound or it runs backwards."""

    def __init__(self, wall_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self._wall_ns = wall_ns
        self._from = (0, 0)
        self._speed = 1.0

    def start(self, at_ns: int, speed: float, loop: tuple[int, int] | None = None) -> None:
        """Run from a reference time on; whoever asks has to turn back at the loop's end."""
        self._from = (self._wall_ns(), at_ns)
        self._speed = speed

    def stop(self) -> None:
        """Stand still."""

    def now_ns(self) -> int:
        """The reference time now."""
        wall, at = self._from
        return at + round((self._wall_ns() - wall) * self._speed)


class SoundClock:
    """Time by what the sound output has played of the mixer's sound.

    While the device takes nothing the computer's clock goes on for it, so that a stuck sound server does not
    stop the pictures; when it takes again the sound starts where the pictures are.
    """

    def __init__(
        self, mixer: Mixer, output: HeardClock, wall_ns: Callable[[], int] = time.monotonic_ns
    ) -> None:
        self._mixer = mixer
        self._output = output
        self._wall_ns = wall_ns
        self._run = 0
        self._at = (-1, 0)
        self._how: tuple[float, tuple[int, int] | None] = (1.0, None)
        self._since = self._asked = 0
        self._alone = False

    def start(self, at_ns: int, speed: float, loop: tuple[int, int] | None = None) -> None:
        """Run from a reference time on, round and round where there is a loop."""
        self._at = (-1, at_ns)
        self._how = (speed, loop)
        self._since = self._asked = self._wall_ns()
        self._alone = False
        self._run = self._mixer.play(at_ns, speed, loop)

    def stop(self) -> None:
        """Stand still, in silence."""
        self._mixer.pause()

    def heard_ns(self) -> int | None:
        """The moment that the output's clock says is heard; None before the first frame of a run."""
        heard = self._output.heard(self._wall_ns())
        moment = None if heard is None else self._mixer.place(self._run, heard)
        return None if moment is None else moment[1]

    def now_ns(self) -> int:
        """The moment that is heard now; where it started until its first frame is."""
        wall = self._wall_ns()
        passed, self._asked = wall - self._asked, wall
        stretch, at = self._at
        if self._output.stalled(self._since, wall):
            self._alone = True
            self._at = (stretch, at + round(passed * self._how[0]))
            return self._at[1]
        if self._alone:
            self.start(at, *self._how)
        heard = self._output.heard(wall)
        moment = None if heard is None else self._mixer.place(self._run, heard)
        if moment is not None:
            # The output's phase is corrected all the time: what was shown must not run back for it,
            # except from one stretch to the next, at the end of a loop.
            self._at = max(self._at, moment)
        return self._at[1]


class Transport:
    """Position, play state and speed on one record's timeline. Used from one thread.

    `changed` is called after every command; while playing, whoever draws asks `now_ns` and calls `tick`.
    `ready` says whether what is to be seen at a time is there: a jump waits for it, so that sound and
    pictures set in together, but never longer than HOLD_NS.
    """

    def __init__(
        self,
        clock: PlayClock | None = None,
        silent: PlayClock | None = None,
        wall_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._silent = silent or MonotonicClock(wall_ns)
        self._wall_ns = wall_ns
        self._held_since: int | None = None
        self.ready: Callable[[int], bool] = lambda _: True
        self._sound = clock
        self._clock: PlayClock = self._silent
        self._span = (0, 0)
        self._at = 0
        self.playing = False
        self.speed = 1.0
        self._rested = False
        self.loop: tuple[int, int] | None = None
        self.changed: Callable[[], None] = lambda: None

    @property
    def span(self) -> tuple[int, int]:
        """The record's reference span, ns."""
        return self._span

    @property
    def sound(self) -> PlayClock | None:
        """The clock of the sound, None where there is none."""
        return self._sound

    def set_sound(self, clock: PlayClock | None) -> None:
        """Take the time from this clock from the next start on; None for the computer's own."""
        self._sound = clock
        if self.playing:
            self._at = self.now_ns()
            self._start()

    def set_span(self, start_ns: int, end_ns: int, at_ns: int | None = None) -> None:
        """Another record: stop, forget the loop, and stand at `at_ns` or the start."""
        self._halt()
        self._rested = False
        self.loop = None
        self._span = (start_ns, max(start_ns, end_ns))
        self._at = self._clamped(start_ns if at_ns is None else at_ns)
        self.changed()

    def set_limits(self, start_ns: int, end_ns: int) -> None:
        """The same record, longer or shorter than it was: the playhead and the loop stay where they can."""
        now = self.now_ns()
        self._span = (start_ns, max(start_ns, end_ns))
        if self.loop is not None:
            first, last = (self._clamped(ns) for ns in self.loop)
            self.loop = (first, last) if first < last else None
        if not self.playing:
            self._at = self._clamped(now)
            self.changed()

    def now_ns(self) -> int:
        """The reference time that is to be shown now, inside the span."""
        running = self.playing and self._held_since is None
        return self._clamped(self._clock.now_ns()) if running else self._at

    def tick(self) -> int:
        """`now_ns`, and the stop at the end of the record when it is reached."""
        if self._held_since is not None:
            waited = self._wall_ns() - self._held_since
            if waited < HOLD_NS and not self.ready(self._at):
                return self._at
            self._run()
        now = self.now_ns()
        if self.playing and self.loop is not None and self._started_in(self.loop):
            past = now >= self.loop[1] if self.speed > 0 else now <= self.loop[0]
            if past:  # a clock that does not go round by itself
                self._at = self.loop[0] if self.speed > 0 else self.loop[1]
                self._start(at_once=True)
                return self._at
        if self.playing and (
            (self.speed > 0 and now >= self._span[1]) or (self.speed < 0 and now <= self._span[0])
        ):
            self._halt()
            self._at = now
            self.changed()
        return now

    def play(self, speed: float = 1.0) -> None:
        """Run at a speed (negative: backwards); from the start again where it stands at the end."""
        self._at = self.now_ns()
        if speed > 0 and (self._rested or self._at >= self._span[1]):
            self._at = self._span[0]
        self._rested = False
        self.speed = speed
        self.playing = self._span[1] > self._span[0]
        if self.playing:
            self._start()
        self.changed()

    def pause(self) -> None:
        """Stand still where it is."""
        if self.playing:
            self._halt()
            self.changed()

    def toggle(self) -> None:
        """Play at normal speed, or pause."""
        if self.playing:
            self.pause()
        else:
            self.play()

    def seek(self, at_ns: int) -> None:
        """Go to a reference time, clamped to the span; playing goes on from there."""
        self._at = self._clamped(at_ns)
        self._rested = False
        if self.playing:
            self._start()
        self.changed()

    def rest(self, at_ns: int) -> None:
        """Stand still at a place that counts as the end: playing begins at the start again."""
        self._halt()
        self._at = self._clamped(at_ns)
        self._rested = True
        self.changed()

    def set_loop(self, loop: tuple[int, int] | None) -> None:
        """Play this stretch over and over, or (None) no more; it may be shorter than a frame, never empty."""
        if loop is not None:
            loop = (self._clamped(loop[0]), self._clamped(loop[1]))
            if loop[1] <= loop[0]:
                loop = None
        self._at = self.now_ns()
        self.loop = loop
        if self.playing:
            self._start()
        self.changed()

    def shuttle(self, direction: int) -> None:
        """L (+1) and J (-1): start at normal speed that way, then faster with each press, or turn round."""
        if not self.playing or self.speed * direction < 0:
            self.play(float(direction))
        else:
            faster = [speed for speed in SPEEDS if speed > abs(self.speed)]
            self.play(direction * (faster[0] if faster else SPEEDS[-1]))

    def _start(self, at_once: bool = False) -> None:
        self._clock.stop()
        self._held_since = None
        if at_once or self.ready(self._at):
            self._run()
        else:
            self._held_since = self._wall_ns()

    def _run(self) -> None:
        self._held_since = None
        forward = self.speed > 0
        self._clock = self._sound if self._sound is not None and forward else self._silent
        loop = self.loop if self.loop is not None and self._started_in(self.loop) else None
        self._clock.start(self._at, self.speed, loop)

    def _started_in(self, loop: tuple[int, int]) -> bool:
        """Whether playing began inside the loop, or before it: from behind it nothing leads in."""
        return self._at < loop[1] if self.speed > 0 else self._at > loop[0]

    def _halt(self) -> None:
        if self.playing:
            self._at = self.now_ns()
            self._clock.stop()
            self._held_since = None
            self.playing = False

    def _clamped(self, at_ns: int) -> int:
        return min(max(at_ns, self._span[0]), self._span[1])
