"""The state machine of time, under clocks that the test moves."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspector.playback.mixer import Mixer
from inspector.playback.sound import OutputClock
from inspector.playback.transport import SPEEDS, MonotonicClock, SoundClock, Transport

NS = 1_000_000_000
SPAN = (0, 10 * NS)


class Wall:
    """The computer's clock, moved by hand."""

    def __init__(self) -> None:
        self.ns = 77 * NS

    def __call__(self) -> int:
        return self.ns


class Told(Transport):
    """A transport on a wall of its own that counts what it tells."""

    def __init__(self) -> None:
        self.wall = Wall()
        super().__init__(silent=MonotonicClock(self.wall))
        self.told = 0
        self.changed = self._told
        self.set_span(*SPAN)
        self.told = 0

    def _told(self) -> None:
        self.told += 1

    def run(self, seconds: float) -> int:
        self.wall.ns += round(seconds * NS)
        return self.tick()


def test_it_stands_until_it_is_played_and_then_runs() -> None:
    go = Told()
    assert go.run(1) == 0
    go.play()
    assert (go.playing, go.speed) == (True, 1.0)
    assert go.run(1.5) == 1.5 * NS
    go.pause()
    assert go.run(5) == 1.5 * NS
    go.toggle()
    assert go.run(0.5) == 2 * NS
    go.toggle()
    assert not go.playing
    assert go.told == 4


def test_seeks_are_clamped_and_playing_goes_on_from_there() -> None:
    go = Told()
    for at, stands in ((-NS, 0), (99 * NS, 10 * NS), (3 * NS, 3 * NS)):
        go.seek(at)
        assert go.now_ns() == stands
    go.play()
    go.run(1)
    go.seek(7 * NS)
    assert go.playing
    assert go.run(1) == 8 * NS


def test_it_stops_at_the_end_once_and_plays_again_from_the_start() -> None:
    go = Told()
    go.seek(9 * NS)
    go.play()
    told = go.told
    assert go.run(0.9) == 9.9 * NS
    assert go.run(5) == 10 * NS
    assert not go.playing
    assert go.told == told + 1
    assert go.run(5) == 10 * NS
    go.play()
    assert go.now_ns() == 0
    assert go.run(1) == NS


def test_backwards_it_stops_at_the_start() -> None:
    go = Told()
    go.seek(2 * NS)
    go.shuttle(-1)
    assert go.speed == -1.0
    assert go.run(1) == NS
    assert go.run(4) == 0
    assert not go.playing


def test_the_shuttle_grows_faster_and_turns_round() -> None:
    go = Told()
    go.seek(5 * NS)
    speeds = []
    for direction in (1, 1, 1, 1, -1, -1, 1):
        go.shuttle(direction)
        speeds.append(go.speed)
    assert speeds == [1.0, 2.0, 4.0, 4.0, -1.0, -2.0, 1.0]
    assert max(speeds) == SPEEDS[-1]


def test_another_record_stops_it() -> None:
    go = Told()
    go.play()
    go.run(4)
    go.set_span(NS, 3 * NS)
    assert (go.playing, go.now_ns(), go.span) == (False, NS, (NS, 3 * NS))
    go.set_span(0, 3 * NS, at_ns=5 * NS)
    assert go.now_ns() == 3 * NS


def test_an_empty_record_does_not_play() -> None:
    go = Told()
    go.set_span(0, 0)
    go.play()
    assert not go.playing
    assert go.run(3) == 0


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("seek"), st.integers(-(10**11), 10**11)),
            st.tuples(st.just("run"), st.integers(0, 4 * NS)),
            st.tuples(st.just("shuttle"), st.sampled_from((-1, 1))),
            st.tuples(st.sampled_from(("play", "pause", "toggle")), st.just(0)),
        ),
        max_size=30,
    )
)
def test_it_never_leaves_the_record_and_never_runs_against_its_sign(steps: list[tuple[str, int]]) -> None:
    go = Told()
    for name, value in steps:
        before, playing, speed = go.now_ns(), go.playing, go.speed
        if name == "run":
            now = go.run(value / NS)
            assert (now - before) * speed >= 0 if playing else now == before
        elif name in ("seek", "shuttle"):
            getattr(go, name)(value)
        else:
            getattr(go, name)()
        assert SPAN[0] <= go.now_ns() <= SPAN[1]
        assert go.playing or go.run(1) == go.now_ns()


# --- by the sound ---------------------------------------------------------------------------------


class Heard(OutputClock):
    """An output's clock with the test's own time beside it."""

    now = 0


@pytest.mark.parametrize("speed", [0.5, 1.0, 2.0])
def test_the_time_is_that_of_the_sound_that_is_heard(speed: float) -> None:
    """An output takes 480 silent frames every 10 ms and is heard 20 ms later; the picture waits for it."""
    mixer, output = Mixer(), Heard(latency_ns=20_000_000)
    try:
        clock = SoundClock(mixer, output, lambda: output.now)
        taken = 0

        def take(count: int) -> None:
            nonlocal taken
            for _ in range(count):
                output.now += 10_000_000
                mixer.pull(480)
                taken += 480
                output.taken(taken, 480, now_ns=output.now)

        take(5)
        clock.start(3 * NS, speed)
        assert clock.now_ns() == 3 * NS
        _wait_for_frames(mixer)
        take(3)
        # 30 ms of it were taken, but 10 ms wait in the device and 20 ms are on their way.
        assert clock.now_ns() == pytest.approx(3 * NS, abs=2)
        for frames in range(1, 10):
            _wait_for_frames(mixer)
            take(1)
            assert clock.now_ns() == pytest.approx(3 * NS + frames * 10_000_000 * speed, abs=3)
        clock.stop()
        stopped = clock.now_ns()
        take(5)
        assert clock.now_ns() - stopped <= 40_000_000 * speed  # what was on its way, and nothing more
    finally:
        mixer.close()


def _wait_for_frames(mixer: Mixer) -> None:
    deadline = time.monotonic() + 5
    while mixer._ring_frames < 4800:
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_played_out_it_rests_on_the_last_picture_and_begins_again() -> None:
    """A place that counts as the end is not the end itself: playing from there starts over."""
    transport = Transport()
    transport.set_span(0, 10 * NS)
    transport.rest(9_960_000_000)
    assert transport.now_ns() == 9_960_000_000
    transport.play()
    assert transport.now_ns() < NS
    transport.seek(9_960_000_000)
    transport.pause()
    transport.play()
    assert transport.now_ns() >= 9_960_000_000
    transport.pause()


def test_a_device_that_takes_nothing_does_not_stop_the_pictures() -> None:
    """The computer's clock goes on for a stuck device, and the sound starts anew where they are."""
    wall = [10 * NS]
    mixer, output = Mixer(), OutputClock()
    try:
        clock = SoundClock(mixer, output, lambda: wall[0])
        clock.start(3 * NS, 1.0)
        wall[0] += OutputClock.STALL_NS - 1
        assert clock.now_ns() == 3 * NS  # a server that wakes up is waited for
        for _ in range(10):
            wall[0] += NS // 10
            at = clock.now_ns()
        assert at == 4 * NS
        output.taken(480, 0, now_ns=wall[0])
        before = mixer.place(1, 1e9)
        assert clock.now_ns() == at  # a new run, from where the pictures are
        assert before is None or before[1] <= at
        wall[0] += NS // 10
        assert clock.now_ns() == at  # and nothing of it was heard yet
    finally:
        mixer.close()


def test_a_jump_waits_for_the_pictures_but_not_for_ever() -> None:
    wall, there = Wall(), set[int]()
    go = Transport(silent=MonotonicClock(wall), wall_ns=wall)
    go.ready = lambda at: at in there
    go.set_span(*SPAN)

    def after(seconds: float) -> int:
        wall.ns += round(seconds * NS)
        return go.tick()

    there.add(0)
    go.play()
    assert after(1) == NS  # nothing was missing
    go.seek(5 * NS)
    assert [after(0.1) for _ in range(3)] == [5 * NS] * 3
    there.add(5 * NS)
    assert after(0) == 5 * NS
    assert after(0.5) == 5.5 * NS
    go.seek(2 * NS)
    assert after(0.59) == 2 * NS
    after(0.02)
    assert after(0.5) == 2.5 * NS  # 0.6 s are over
    go.seek(3 * NS)
    go.pause()
    assert (go.playing, after(1)) == (False, 3 * NS)
