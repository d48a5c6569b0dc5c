"""The VLC output without a sound device: the clock made of time events, the alignment, what is missing."""

from __future__ import annotations

import importlib
import sys
import threading
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspector.media import sound_vlc as media
from inspector.media.sound_vlc import Alignment
from inspector.playback.sound import RATE
from inspector.playback.sound_vlc import VlcClock, VlcSoundOutput

if TYPE_CHECKING:
    from collections.abc import Callable

NS = 1_000_000_000
MS = 1_000_000
START = 77 * NS
EVERY = NS // 4


def tell(clock: VlcClock, seconds: float, zero_ns: int = START, late: Callable[[], int] = lambda: 0) -> int:
    """Time events of a VLC whose clock stood at 0 at `zero_ns`, four a second; when the last came."""
    now = zero_ns
    for number in range(1, round(seconds * 4) + 1):
        said_us = (number * EVERY + number * 137_000) // MS * 1000  # not always at the same part of a ms
        now = zero_ns + number * EVERY + number * 137_000 + late()
        clock.timed(said_us, now)
    return now


def heard(clock: VlcClock, now_ns: int) -> float:
    frame = clock.heard(now_ns)
    assert frame is not None
    return frame


def playing(latency_ns: int = 0) -> VlcClock:
    """A clock whose frame 0 is presented at 1 s of VLC's time, with plenty pulled."""
    clock = VlcClock(latency_ns)
    clock.placed(0, 1_000_000)
    clock.taken(3600 * RATE, START)
    return clock


def test_nothing_is_heard_before_vlc_told_its_time_and_took_sound() -> None:
    clock = VlcClock()
    assert clock.heard(START) is None
    clock.timed(250_000, START)
    assert clock.heard(START) is None
    clock.placed(0, 1_000_000)
    assert heard(clock, START) < 0


@given(st.randoms(use_true_random=False), st.floats(0, 0.5))
def test_the_clock_holds_to_a_ms_whatever_is_late(random: Random, often: float) -> None:
    """Of all events fewer than half are late by up to 200 ms, the others by under a ms."""

    def late() -> int:
        return random.randint(5 * MS, 200 * MS) if random.random() < often * 0.8 else random.randint(0, MS)

    clock = playing()
    now = tell(clock, 8, late=late)
    wanted = (now - START - NS) * RATE / NS
    assert abs(heard(clock, now) - wanted) <= 0.0061 * RATE  # together within 5 ms, cut to one, late by one


def test_on_a_calm_machine_it_holds_to_a_fifth_of_a_ms() -> None:
    clock = playing()
    now = tell(clock, 8)
    assert abs(heard(clock, now) - (now - START - NS) * RATE / NS) < 0.0002 * RATE


def test_wild_events_at_the_start_are_forgotten() -> None:
    """The first second of a sound has been seen 400 ms off, both ways."""
    clock = playing()
    for number, wild in enumerate((-400, 400, -180, 90)):
        clock.timed((number + 1) * 250_000 + wild * 1000, START + (number + 1) * EVERY)
    zero = START + 4 * EVERY
    now = tell(clock, 4, zero)
    assert abs(heard(clock, now) - (now - zero - NS) * RATE / NS) < 0.0002 * RATE


@pytest.mark.parametrize("jump_ms", [-300, -20, 20, 300])
def test_a_jump_of_vlcs_time_is_followed_within_a_second(jump_ms: int) -> None:
    clock = playing()
    tell(clock, 8)
    zero = START + 8 * NS + jump_ms * MS
    now = tell(clock, 1.25, zero)
    assert abs(heard(clock, now) - (now - zero - NS) * RATE / NS) < 0.001 * RATE


def test_the_residual_is_measured_and_says_so_until_then() -> None:
    output = VlcSoundOutput()
    clock = output.clock
    tell(clock, (clock.LEAST - 1) / 4)
    assert clock.residual_ms is None
    assert output.residual == "residual: measuring"
    tell(clock, clock.LEAST / 4)
    assert clock.residual_ms is not None
    assert clock.residual_ms < 1.0
    assert output.residual == f"residual {clock.residual_ms:.1f} ms"

    shaky = VlcClock()
    random = Random(3)
    tell(shaky, 8, late=lambda: random.randint(0, 60 * MS))
    assert shaky.residual_ms is not None
    assert shaky.residual_ms > 20
    shaky.restarted()
    assert shaky.residual_ms is None
    assert shaky.heard(START + 9 * NS) is None


def test_latency_and_the_devices_drift_move_what_is_heard() -> None:
    plain, late = playing(), playing(latency_ns=30 * MS)
    now = tell(plain, 8)
    tell(late, 8)
    assert heard(plain, now) - heard(late, now) == pytest.approx(0.03 * RATE)
    before = heard(plain, now)
    for reading in (300, -2_000, 4_000, 9_000, 900):  # a sound server's estimates wander
        plain.drifted(reading)
    assert heard(plain, now) == before
    for reading in (40_500, 41_000, 190_000, 39_000, 40_000, 41_500, 40_200):
        plain.drifted(reading)
    assert before - heard(plain, now) == pytest.approx(0.04 * RATE, abs=0.002 * RATE)


def test_no_more_is_heard_than_was_pulled_and_a_device_that_takes_nothing_stalls() -> None:
    clock = VlcClock()
    clock.placed(480, 1_000_000)
    clock.taken(960, START)
    now = tell(clock, 4)
    assert heard(clock, now) == 960
    assert not clock.stalled(0, START + 2 * NS)
    assert clock.stalled(0, START + 3 * NS)
    assert not clock.stalled(START + 2 * NS, START + 3 * NS)


def test_a_small_drift_is_followed_once_the_readings_have_settled() -> None:
    clock = playing()
    now = tell(clock, 8)
    before = heard(clock, now)
    for _ in range(clock.SETTLED):
        clock.drifted(7_000)
    assert heard(clock, now) == before
    clock.drifted(7_000)
    assert before - heard(clock, now) == pytest.approx(0.007 * RATE)


# --- the alignment --------------------------------------------------------------------------------


def sounding(alignment: Alignment, at: int) -> bool:
    return alignment.step(at)[0]


def test_sound_waits_until_vlc_is_calm_and_is_then_presented_later() -> None:
    alignment = Alignment(0)
    first = alignment.step(0)
    assert first == (False, media.EARLY_US + media.STEP_US, False)
    alignment.hear(b"playback way too late (%ld): flushing buffers", NS // 2)
    alignment.hear(b"underflow", NS)  # there is nothing to run dry of yet
    assert not sounding(alignment, media.CALM_NS + NS // 4)
    assert alignment.step(media.CALM_NS + NS // 2) == (True, media.EARLY_US, False)
    assert not alignment.slipped


def test_probes_come_and_what_they_provoke_is_no_slip() -> None:
    alignment = Alignment(0)
    at = media.CALM_NS
    assert sounding(alignment, at)
    probes = 0
    while not alignment.ready:
        at += NS // 100
        probe = alignment.step(at)[2]
        if probe:
            probes += 1
            alignment.hear(b"playback too late (%ld): up-sampling", at)
        assert at < media.CALM_NS + 5 * NS
    assert probes == media.PROBES + 1
    assert not alignment.slipped
    alignment.hear(b"playback too late (%ld): up-sampling", at)  # and this one nobody provoked
    assert alignment.slipped


@pytest.mark.parametrize(
    ("message", "spoilt"),
    [
        (b"underflow", True),
        (b"playback way too late (%ld): flushing buffers", True),
        (b"playback too early (%ld): down-sampling", True),
        (b"ES_OUT_SET_(GROUP_)PCR  is called too late (pts_delay increased to %d ms)", True),
        (b"playback way too early (%ld): playing silence", False),
        (b"resampling stopped (drift: %ld us)", False),
        (b"Buffering %d%%", False),
    ],
)
def test_what_spoils_a_start(message: bytes, spoilt: bool) -> None:
    alignment = Alignment(0)
    assert sounding(alignment, media.CALM_NS)
    alignment.hear(message, media.CALM_NS + media.GRACE_NS + 1)
    assert alignment.slipped is spoilt


def test_a_late_start_is_made_again_until_there_is_nothing_to_give() -> None:
    late = b"ES_OUT_SET_(GROUP_)PCR  is called too late (pts_delay increased to %d ms)"
    for early_us, again in ((media.EARLY_US, True), (0, False)):
        alignment = Alignment(0, early_us)
        alignment.hear(late, 5)
        assert sounding(alignment, media.CALM_NS + 5)
        assert alignment.slipped is again


# --- without libVLC -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "named"),
    [
        (ModuleNotFoundError("No module named 'vlc'"), "python-vlc"),
        (OSError("libvlc.so.5: cannot open shared object file"), "libVLC"),
        (NotImplementedError("Cannot find libvlc lib"), "libVLC"),
        (SystemExit(1), "libVLC"),
    ],
)
def test_a_missing_libvlc_is_told_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, fault: BaseException, named: str
) -> None:
    class Broken:
        def find_spec(self, name: str, *_: Any) -> None:
            if name == "vlc":
                raise fault

    monkeypatch.delitem(sys.modules, "vlc", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Broken(), *sys.meta_path])
    importlib.invalidate_caches()
    output = VlcSoundOutput()
    told: list[str] = []
    done = threading.Event()

    class Feed:
        def pull(self, frames: int) -> bytes:
            raise AssertionError("nobody is there to pull")

    def tell_me(text: str) -> None:
        told.append(text)
        done.set()

    output.start(Feed(), tell_me)
    assert done.wait(10)
    output.close()
    assert output.missing
    assert len(told) == 1
    assert named in told[0]
    assert "apt install libvlc5 vlc-plugin-base" in told[0]
