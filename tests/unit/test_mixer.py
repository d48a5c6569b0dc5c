"""The mix, the ring and the clock: what a pulled frame is, and which moment is heard with it.

The sounds are ramps: a sample's value says which moment of the track it is, so that a pulled frame can
be compared with the moment that the mixer claims for it.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inspector.core.model import Clock, Modality, Source, Stream
from inspector.core.timemap import IDENTITY, TimeMap
from inspector.errors import InspectorError
from inspector.media import audio
from inspector.media.render import render_pcm
from inspector.playback.mixer import BLEND, FADE, GRAIN, Mixer, Track
from inspector.playback.recall import Recall
from inspector.playback.sound import FRAME_BYTES, RATE, OutputClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

NS = 1_000_000_000
LENGTH = 60 * RATE
"""A ramp goes from 0 to 0.6 over this many samples: a step of 1e-2 a second."""
SLOPE = 0.01


class Ramp:
    """A fake PcmReader: sample i has the value i / RATE × SLOPE, or less that in the file `negative`."""

    rate = RATE
    channels = 2
    gate: threading.Event | None = None

    def __init__(self, source: Source, rate: int = RATE, layout: str = "stereo") -> None:
        if source.path.name == "broken":
            raise InspectorError("The sound cannot be opened", str(source.path))
        self.sign = -1.0 if source.path.name == "negative" else 1.0

    def read(self, start: int, count: int) -> NDArray[np.float32]:
        if Ramp.gate is not None:
            Ramp.gate.wait(10)
        at = np.arange(start, start + count)
        value = np.where((at >= 0) & (at < LENGTH), at * (SLOPE / RATE) * self.sign, 0)
        return np.repeat(value.astype(np.float32)[:, None], 2, axis=1)

    def close(self) -> None:
        pass


def moment(mixer: Mixer, run: int, heard: float) -> int | None:
    """The reference time of a pulled frame, without its stretch."""
    place = mixer.place(run, heard)
    return None if place is None else place[1]


def stream(name: str = "ramp", timemap: TimeMap = IDENTITY) -> Stream:
    source = Source(Path(name), "av", 0)
    return Stream(name, Modality.AUDIO, source, Clock(name, "container"), (0, 60 * NS), timemap)


@pytest.fixture
def mixer(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mixer]:
    monkeypatch.setattr(audio, "PcmReader", Ramp)
    monkeypatch.setattr(Ramp, "gate", None)
    made = Mixer()
    yield made
    if Ramp.gate is not None:
        Ramp.gate.set()
    made.close()


def until(condition: Callable[[], bool], most_s: float = 5.0) -> None:
    deadline = time.monotonic() + most_s
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.001)


def filled(mixer: Mixer, frames: int = 4800) -> None:
    until(lambda: mixer._ring_frames >= frames)


def pull(mixer: Mixer, frames: int) -> NDArray[np.float32]:
    data = mixer.pull(frames)
    assert len(data) == frames * FRAME_BYTES
    pcm = np.frombuffer(data, np.float32).reshape(-1, 2)
    np.testing.assert_array_equal(pcm[:, 0], pcm[:, 1])
    return pcm[:, 0]


def test_nothing_playing_is_silence_of_the_right_length(mixer: Mixer) -> None:
    mixer.set_tracks([Track(stream())])
    for frames in (1, 7, 480, 5000):
        assert not pull(mixer, frames).any()
    assert moment(mixer, 0, 100.0) is None


@pytest.mark.parametrize("at_ns", [0, 7 * NS, 12_345_678_901])
def test_the_moment_of_a_frame_is_the_moment_in_it(mixer: Mixer, at_ns: int) -> None:
    mixer.set_tracks([Track(stream())])
    pull(mixer, 333)
    run = mixer.play(at_ns)
    filled(mixer)
    first = 333
    pcm = np.concatenate([pull(mixer, frames) for frames in (480, 1, 999, 320)])
    for frame in (FADE, 500, 1799):
        at = moment(mixer, run, first + frame)
        assert at is not None
        assert abs(at - (at_ns + frame * NS / RATE)) <= 2
        assert pcm[frame] == pytest.approx(at / NS * SLOPE, abs=2e-6)
    assert moment(mixer, run, first - 1) is None  # before its first frame nothing of the run is heard
    assert (np.diff(pcm[FADE:]) > 0).all()


def test_after_a_seek_the_old_sound_is_gone_and_the_map_is_new(mixer: Mixer) -> None:
    mixer.set_tracks([Track(stream())])
    run = mixer.play(NS)
    filled(mixer)
    pull(mixer, 1000)
    again = mixer.play(30 * NS)
    assert again > run
    filled(mixer)
    pcm = pull(mixer, 2000)
    assert pcm[FADE] == pytest.approx(30 * SLOPE, abs=1e-4)  # nothing of what was in the ring
    at = moment(mixer, again, 1000 + 500)
    assert at is not None
    assert abs(at - (30 * NS + 500 * NS / RATE)) <= 2
    assert moment(mixer, again, 999.0) is None
    # Whoever still asks for the older run is not told of the newer one's moments.
    old = moment(mixer, run, 1000 + 500)
    assert old is not None
    assert old <= NS + 1000 * NS / RATE + 2


def test_a_pause_is_silent_at_once(mixer: Mixer) -> None:
    mixer.set_tracks([Track(stream())])
    mixer.play(5 * NS)
    filled(mixer)
    assert pull(mixer, 500)[-1] > 0
    mixer.pause()
    assert not pull(mixer, 5000).any()


def test_a_stall_stands_still_and_never_leaps(mixer: Mixer) -> None:
    """While the mixer cannot keep up, the moment heard is the last that was; then it goes on from there."""
    mixer.set_tracks([Track(stream())])
    run = mixer.play(10 * NS)
    filled(mixer)
    Ramp.gate = threading.Event()
    pulled = 0
    while pull(mixer, 480)[-1]:
        pulled += 480
        assert pulled < 10 * RATE
    pull(mixer, 4800)  # a hole
    held = moment(mixer, run, pulled + 480 + 4000)
    assert held is not None
    assert held <= 10 * NS + (pulled + 480) * NS / RATE + 2
    Ramp.gate.set()
    filled(mixer)
    before = pulled + 480 + 4800
    pcm = pull(mixer, 480)
    after = moment(mixer, run, before + 100)
    assert after is not None
    assert 0 <= after - held <= 480 * NS / RATE + 100 * NS / RATE + 2
    assert pcm[100] == pytest.approx(after / NS * SLOPE, abs=2e-6)


@pytest.mark.parametrize("speed", [0.25, 0.5, 2.0, 4.0])
def test_other_speeds_run_through_the_timeline_at_that_speed(mixer: Mixer, speed: float) -> None:
    mixer.set_tracks([Track(stream())])
    run = mixer.play(5 * NS, speed)
    moments, values = [], []
    pulled = 0
    for _ in range(40):
        filled(mixer, 960)
        pcm = pull(mixer, 960)
        at = moment(mixer, run, pulled + 480)
        assert at is not None
        moments.append(at)
        values.append(float(np.median(pcm)))
        pulled += 960
    steps = np.diff(moments)
    assert abs(steps - 960 * NS / RATE * speed).max() <= 3  # continuous to the ns
    # What is heard is near the moment claimed; atempo works in windows of some ms.
    heard = np.array(values[4:]) / SLOPE * NS
    assert np.abs(heard - moments[4:]).max() < 8e6 * max(speed, 1)


def test_solo_mute_and_gain(mixer: Mixer) -> None:
    def level(*tracks: Track) -> float:
        mixer.set_tracks(tracks)
        mixer.play(50 * NS)
        filled(mixer)
        return float(pull(mixer, 480)[-1])

    one = 50.01 * SLOPE
    assert level(Track(stream())) == pytest.approx(one, rel=1e-3)
    assert level(Track(stream(), gain=0.5)) == pytest.approx(one / 2, rel=1e-3)
    assert level(Track(stream(), mute=True)) == 0
    assert level(Track(stream()), Track(stream("negative"))) == pytest.approx(0, abs=1e-6)
    assert level(Track(stream()), Track(stream("negative"), solo=True)) == pytest.approx(-one, rel=1e-3)
    assert level(Track(stream(), mute=True, solo=True), Track(stream("negative"))) == 0
    assert (
        level(Track(stream()), Track(stream("other")), Track(stream("third"))) == 1.0
    )  # clipped, not wrapped
    assert level() == 0


def test_a_late_sound_is_heard_earlier_through_its_map(mixer: Mixer) -> None:
    mixer.set_tracks([Track(stream(timemap=TimeMap.offset(320_000_000)))])
    mixer.play(5 * NS)
    filled(mixer)
    assert pull(mixer, 480)[FADE] == pytest.approx((5.32 + FADE / RATE) * SLOPE, abs=2e-6)


def test_a_sound_that_cannot_be_opened_is_told_once_and_leaves_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Silence without a word would be taken for a silent track."""
    monkeypatch.setattr(audio, "PcmReader", Ramp)
    said: list[str] = []
    mixer = Mixer(said.append)
    try:
        mixer.set_tracks([Track(stream("broken")), Track(stream())])
        mixer.play(20 * NS)
        filled(mixer)
        assert pull(mixer, 480)[-1] > 0
        filled(mixer)
    finally:
        mixer.close()
    assert len(said) == 1
    assert "broken is not heard" in said[0]


# --- the output's clock ---------------------------------------------------------------------------


def test_late_readings_do_not_move_the_clock() -> None:
    """A device takes 480 frames every 10 ms; a busy machine notes it late now and then, never early."""
    clock = OutputClock()
    rng = np.random.default_rng(1)
    now, taken = 10 * NS, 0
    for step in range(400):
        late = int(rng.choice([0, 200_000, 30_000_000], p=[0.5, 0.3, 0.2]))
        taken += 480
        clock.taken(taken, 0, now_ns=now + late)
        if step > 40:
            heard = clock.heard(now)
            assert heard is not None
            assert abs(heard - taken) < 1.0
        now += 10_000_000


def test_latency_and_queue_are_taken_off() -> None:
    clock = OutputClock(latency_ns=14_000_000)
    assert clock.heard(0) is None
    clock.taken(4800, 960, now_ns=NS)
    assert clock.heard(NS) == pytest.approx(4800 - 960 - 0.014 * RATE)
    assert clock.heard(NS + 5_000_000) == pytest.approx(4800 - 960 - 0.009 * RATE)


def test_a_device_that_ran_dry_really_lost_time() -> None:
    clock = OutputClock()
    clock.taken(480, 0, now_ns=0)
    clock.taken(960, 0, now_ns=110_000_000)  # late, but not dry: the earlier reading still rules
    assert clock.heard(110_000_000) == pytest.approx(480 + 0.11 * RATE)
    clock.taken(1440, 0, dry=True, now_ns=120_000_000)
    assert clock.heard(120_000_000) == pytest.approx(1440)


def test_a_slower_device_is_followed() -> None:
    """300 ppm slow: within the window's drift of the truth after a while, not drifting off for ever."""
    clock = OutputClock()
    taken = 0
    for step in range(1000):
        now = round(step * 10_000_000 * 1.0003)
        taken += 480
        clock.taken(taken, 0, now_ns=now)
    heard = clock.heard(now)
    assert heard is not None
    assert abs(heard - taken) <= clock.WINDOW_NS / NS * RATE * 0.0003 + 1


# --- rendering ------------------------------------------------------------------------------------


class Line:
    """Sample i is i, exactly: rendering can be checked to a fraction of a sample."""

    rate = RATE

    def read(self, start: int, count: int) -> NDArray[Any]:
        return (np.arange(start, start + count, dtype=np.float64))[:, None].repeat(2, axis=1)


@given(
    st.integers(-(10**10), 10**10),
    st.integers(-(10**9), 10**9),
    st.integers(-1000, 1000),
    st.integers(1, 3000),
)
def test_each_sample_is_the_tracks_at_that_moment(start_ns: int, late_ns: int, ppm: int, count: int) -> None:
    hour = 3600 * NS
    timemap = TimeMap(((late_ns, 0), (late_ns + hour + hour * ppm // 10**6, hour)))
    out = render_pcm(Line(), timemap, start_ns, count)
    assert out.shape == (count, 2)
    reference = start_ns + np.arange(count) * NS / RATE
    meant = (late_ns + reference * (1 + ppm / 10**6)) * RATE / NS
    assert np.abs(out[:, 0] - meant).max() <= 1.01  # a sample: plain shifts are whole ones


def test_a_loop_goes_round_to_the_sample(mixer: Mixer) -> None:
    """At the loop's end the very next frame is its start, with no silence between, round after round."""
    mixer.set_tracks([Track(stream())])
    begin, end = 2 * NS, 2 * NS + 250_000_000  # 12 000 frames
    run = mixer.play(begin, loop=(begin, end))
    heard = []
    for _ in range(70):  # 33 600 frames: nearly three rounds
        filled(mixer)
        heard.append(pull(mixer, 480))
    pcm = np.concatenate(heard)
    expected = (begin / NS + np.arange(len(pcm)) % 12_000 / RATE) * SLOPE
    assert np.abs(pcm[FADE:] - expected[FADE:]).max() < 1e-4
    first, later = mixer.place(run, 100.0), mixer.place(run, 12_100.0)
    assert first is not None
    assert later is not None
    assert later[0] > first[0]
    assert abs(later[1] - first[1]) <= 2


@pytest.mark.parametrize("speed", [0.5, 2.0, 4.0])
def test_a_loop_goes_round_at_any_speed(mixer: Mixer, speed: float) -> None:
    """Without silence, inside the loop, and the moment claimed is the one that is heard."""
    mixer.set_tracks([Track(stream())])
    begin, end = 20 * NS, 20 * NS + 600_000_000
    run = mixer.play(begin, speed, loop=(begin, end))
    heard = []
    for _ in range(round(200 / speed)):
        filled(mixer)
        heard.append(pull(mixer, 480))
    pcm = np.concatenate(heard)[:, 0] if heard[0].ndim == 2 else np.concatenate(heard)
    places = [mixer.place(run, at) for at in np.arange(2000.0, len(pcm), 480)]
    moments = np.array([place[1] for place in places if place is not None])
    assert len(moments) == len(places)
    assert moments.min() >= begin
    assert moments.max() <= end + 1000
    rounds = len({place[0] for place in places if place is not None})
    assert rounds >= 2
    sample = pcm[np.arange(2000, len(pcm), 480)]
    assert (sample > 0).all()
    off_s = np.abs(sample / SLOPE - moments / NS)
    inside = (moments - begin > 60_000_000 * speed) & (end - moments > 60_000_000 * speed)
    assert off_s[inside].max(initial=0) < 0.05 * max(speed, 1)  # atempo overlaps windows of 50 ms or so


def test_a_grain_is_heard_while_nothing_plays_and_the_newest_follows(mixer: Mixer) -> None:
    mixer.set_tracks([Track(stream())])
    until(lambda: not mixer._tracks_changed)
    mixer.grain(30 * NS)
    until(lambda: mixer._ring_frames == GRAIN)
    for second in (31, 32, 33):
        mixer.grain(second * NS)
    first = pull(mixer, GRAIN - 10)
    until(lambda: mixer._ring_frames == GRAIN + 10)
    second_grain = pull(mixer, GRAIN + 10)[10:]
    middle = slice(GRAIN // 3, GRAIN // 2)
    for pcm, at_s in ((first, 30), (second_grain, 33)):
        expected = (at_s + np.arange(GRAIN)[middle] / RATE) * SLOPE
        assert np.abs(np.ravel(pcm[middle]) - expected).max() < 1e-4
        assert np.abs(pcm[0]).max() < 1e-3  # it fades in
    assert np.abs(pull(mixer, 4800)).max() == 0
    mixer.grain(40 * NS)
    mixer.play(0)
    filled(mixer)
    assert np.abs(pull(mixer, 480)).max() < 0.001  # playing is not preceded by a grain


# --- a mix that changes while it plays ------------------------------------------------------------


def remixed(mixer: Mixer) -> None:
    """The ring holds what the tracks in force say, and as much as it can."""

    def done() -> bool:
        with mixer._wake:
            waiting = mixer._settled and not mixer._tracks_changed and not mixer._stale
            return waiting and not mixer._hungry()

    until(done)


def test_a_mute_is_heard_with_the_next_pull_and_does_not_click(mixer: Mixer) -> None:
    """What was ready for a quarter of a second is not played out first, and nothing jumps."""
    mixer.set_tracks([Track(stream())])
    run = mixer.play(30 * NS)
    remixed(mixer)
    before = pull(mixer, 1000)
    assert mixer._ring_frames > 20 * BLEND
    mixer.set_tracks([Track(stream(), mute=True)])
    remixed(mixer)
    after = pull(mixer, 4000)
    assert not after[BLEND:].any()
    steps = np.abs(np.diff(np.concatenate([before[-1:], after])))
    assert steps.max() <= 1.01 * before[-1] / BLEND
    mixer.set_tracks([Track(stream())])
    remixed(mixer)
    again = pull(mixer, 4000)
    assert again[0] <= 1.01 * before[-1] / BLEND
    at = moment(mixer, run, 1000 + 4000 + 2000)
    assert at is not None
    assert at == pytest.approx(30 * NS + 7000 * NS / RATE, abs=2)  # the timeline knows nothing of it
    assert again[2000] == pytest.approx(at / NS * SLOPE, abs=2e-6)


@pytest.mark.parametrize("speed", [0.5, 2.0, 4.0])
def test_a_stretched_run_is_mixed_anew_without_a_seam(mixer: Mixer, speed: float) -> None:
    mixer.set_tracks([Track(stream())])
    run = mixer.play(20 * NS, speed)
    pulled, moments, values = 0, [], []
    for step in range(30):
        if step in (10, 20):
            mixer.set_tracks([Track(stream(), gain=0.5 if step == 10 else 2.0)])
        remixed(mixer)
        pcm = pull(mixer, 960)
        at = moment(mixer, run, pulled + 800)
        assert at is not None
        moments.append(at)
        values.append(float(np.median(pcm[BLEND:])) / (at / NS * SLOPE))
        pulled += 960
    assert abs(np.diff(moments) - 960 * NS / RATE * speed).max() <= 3
    assert values[:10] == pytest.approx([1.0] * 10, rel=5e-3)
    assert values[10:20] == pytest.approx([0.5] * 10, rel=5e-3)
    assert values[20:] == pytest.approx([2.0] * 10, rel=5e-3)


LEVELS = st.sampled_from([0.0, 0.25, 0.5, 1.0, 1.5])


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.integers(1, 3000), LEVELS, st.booleans(), st.booleans()), min_size=3, max_size=12),
    st.booleans(),
)
def test_whatever_is_changed_the_map_stays_right_and_nothing_clicks(
    monkeypatch: pytest.MonkeyPatch, steps: list[tuple[int, float, bool, bool]], looped: bool
) -> None:
    """Random pulls and settings: every frame is the moment claimed for it, at a gain between old and new."""
    monkeypatch.setattr(audio, "PcmReader", Ramp)
    monkeypatch.setattr(Ramp, "gate", None)
    mixer = Mixer()
    begin, frames = 30 * NS, 9600
    loop = (begin, begin + frames * NS // RATE) if looped else None
    try:
        mixer.set_tracks([Track(stream())])
        run = mixer.play(begin, loop=loop)
        remixed(mixer)
        heard = [pull(mixer, 480)]
        gain, gains = 1.0, [np.ones(480)]
        for count, level, mute, wait in steps:
            mixer.set_tracks([Track(stream(), gain=level, mute=mute)])
            if wait:
                remixed(mixer)
            else:
                filled(mixer, 3000)
            heard.append(pull(mixer, count))
            gains.append(np.full(count, np.nan))
            remixed(mixer)
            gain = 0.0 if mute else level
            heard.append(pull(mixer, BLEND + 480))
            gains.append(np.r_[np.full(BLEND, np.nan), np.full(480, gain)])
        pcm, expected = np.concatenate(heard), np.concatenate(gains)
        at = np.arange(len(pcm)) % frames if looped else np.arange(len(pcm))
        for frame in (FADE, len(pcm) // 2, len(pcm) - 1):
            assert moment(mixer, run, frame) == pytest.approx(begin + at[frame] * NS / RATE, abs=NS / RATE)
        sample = (begin / NS + at / RATE) * SLOPE
        known = np.isfinite(expected)
        known[:FADE] = False
        assert pcm[known] == pytest.approx(sample[known] * expected[known], abs=5e-6)
        # The loudest step is the largest change of gain, spread over the blend; a loop's end is one too.
        jumps = np.abs(np.diff(pcm))[FADE:]
        assert jumps.max() <= 1.5 * sample.max() / BLEND + 1.5 * SLOPE * frames / RATE * looped + 1e-5
    finally:
        mixer.close()


def test_while_a_new_mix_is_slow_to_make_the_old_one_is_heard(mixer: Mixer) -> None:
    """An unmuted track on a slow disk: no hole, the sound that was ready is played on."""
    mixer.set_tracks([Track(stream()), Track(stream("negative"), mute=True)])
    mixer.play(10 * NS)
    remixed(mixer)
    Ramp.gate = threading.Event()
    mixer.set_tracks([Track(stream()), Track(stream("negative"))])
    pcm = pull(mixer, 8000)
    assert pcm[FADE:].min() >= 10 * SLOPE
    Ramp.gate.set()
    remixed(mixer)
    assert pull(mixer, 2000)[BLEND:] == pytest.approx(0, abs=1e-6)


def test_another_time_map_is_heard_at_once(mixer: Mixer) -> None:
    mixer.set_tracks([Track(stream())])
    mixer.play(5 * NS)
    remixed(mixer)
    pull(mixer, 480)
    mixer.set_tracks([Track(stream(timemap=TimeMap.offset(320_000_000)))])
    remixed(mixer)
    assert pull(mixer, 960)[959] == pytest.approx((5.32 + (480 + 959) / RATE) * SLOPE, abs=2e-6)


def test_the_next_records_sound_of_the_same_name_is_its_own(mixer: Mixer) -> None:
    """Stream ids are alike from record to record: the file is what tells two sounds apart."""
    mixer.set_tracks([Track(stream())])
    mixer.play(20 * NS)
    remixed(mixer)
    assert pull(mixer, 480)[-1] > 0
    other = Stream("ramp", Modality.AUDIO, stream("negative").source, Clock("c", "container"), (0, 60 * NS))
    mixer.pause()
    mixer.set_tracks([Track(other)])
    mixer.play(20 * NS)
    remixed(mixer)
    assert pull(mixer, 480)[-1] == pytest.approx(-20 * SLOPE, rel=1e-2)


def test_what_is_cut_at_full_scale_is_counted(mixer: Mixer) -> None:
    mixer.set_tracks([Track(stream(), gain=1.5)])
    mixer.play(50 * NS)  # 0.75: loud, and not cut
    remixed(mixer)
    assert mixer.clips == 0
    mixer.set_tracks([Track(stream(), gain=2.5)])
    remixed(mixer)
    assert mixer.clips > 0
    assert pull(mixer, 2000)[BLEND:].max() == 1.0


class Noted(Ramp):
    """A ramp that notes what was read of it."""

    def __init__(self) -> None:
        super().__init__(Source(Path("ramp"), "av", 0))
        self.asked: list[tuple[int, int]] = []

    def read(self, start: int, count: int) -> NDArray[np.float32]:
        self.asked.append((start, count))
        return super().read(start, count)


@given(st.lists(st.tuples(st.integers(-3000, 9000), st.integers(0, 4000)), min_size=1, max_size=60))
def test_recalled_samples_are_the_readers_own(moves: list[tuple[int, int]]) -> None:
    """`moves` are (how far on from the last start, how many): forth and back, near and far."""
    reader = Noted()
    recall = Recall(reader)  # type: ignore[arg-type]
    recall._keep = 5000  # so that the room is turned over often
    recall._kept = np.empty((10_000, 2), np.float32)
    start = 20 * RATE
    for by, count in moves:
        start += by
        np.testing.assert_array_equal(recall.read(start, count), Ramp.read(reader, start, count))


def test_going_back_a_second_reads_nothing() -> None:
    reader = Noted()
    recall = Recall(reader)  # type: ignore[arg-type]
    for block in range(200):
        recall.read(RATE + block * 480, 482)  # as a drifting track is read: two samples more than are used
    assert reader.asked[1:] == [(RATE + block * 480 + 2, 480) for block in range(1, 200)]
    told = len(reader.asked)
    for block in range(100, 200):
        recall.read(RATE + block * 480, 480)
    assert len(reader.asked) == told
