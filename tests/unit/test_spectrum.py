"""Spectrograms: a tone is at its row and time, an impulse at its column, the work bounded by the view."""

from __future__ import annotations

import threading
import time
import wave
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspector.core.model import Clock, Modality, Source, Stream
from inspector.core.timemap import IDENTITY, TimeMap
from inspector.core.times import NS
from inspector.media import audio
from inspector.media.spectrum import (
    FLOOR_DB,
    ROWS,
    TOP_DB,
    WINDOW_S,
    Analyser,
    db_of_byte,
    frequency_of,
    level_bytes,
    row_of,
    window_samples,
)
from inspector.playback import spectra
from inspector.playback.spectra import COARSE, DENSE_NS, SpectrumFeed, analysis_rate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

RATE = 48_000
COLUMNS_NS = [20_000, 1_000_000, 5_000_000, 20_000_000, 100_000_000, 5 * NS]


def tone(hz: float, count: int, rate: int = RATE, amplitude: float = 1.0) -> NDArray[np.float32]:
    wave_ = amplitude * np.sin(2 * np.pi * hz * np.arange(count) / rate)
    return np.repeat(wave_.astype(np.float32)[:, None], 2, axis=1)


# --- the signal processing ------------------------------------------------------------------------


@given(st.floats(1, 24_000))
def test_rows_and_frequencies_are_each_others_inverse(hz: float) -> None:
    row = row_of(hz, RATE)
    assert 0 <= row <= ROWS
    assert frequency_of(row, RATE) == pytest.approx(hz, rel=1e-6)


@pytest.mark.parametrize("column_ns", COLUMNS_NS)
@pytest.mark.parametrize("rate", [8000, 44_100, 48_000])
def test_a_window_is_a_power_of_two_within_bounds_and_work_is_bounded(column_ns: int, rate: int) -> None:
    window = window_samples(column_ns, rate)
    assert window & (window - 1) == 0
    assert WINDOW_S[0] / 1.5 <= window / rate <= WINDOW_S[1] * 1.5
    assert Analyser(column_ns, rate).piece <= 4.5 * window


@pytest.mark.parametrize("hz", [250.0, 1000.0, 3456.0, 12_000.0])
@pytest.mark.parametrize("column_ns", COLUMNS_NS)
def test_a_tone_is_at_its_row_with_its_level_at_any_zoom(hz: float, column_ns: int) -> None:
    analyser = Analyser(column_ns, RATE)
    for amplitude, db in ((1.0, 0.0), (0.01, -40.0)):
        (levels,) = analyser.columns(tone(hz, analyser.piece, amplitude=amplitude)[None])
        row = int(levels.argmax())
        bin_rows = row_of(hz + RATE / analyser.window, RATE) - row_of(hz, RATE)
        assert abs(row + 0.5 - row_of(hz, RATE)) <= 0.5 + bin_rows / 2 + 0.01
        assert db - 1.5 <= levels.max() <= db + 0.1  # a Hann window loses 1.4 dB between two bins
        middles = np.array([frequency_of(each + 0.5, RATE) for each in range(ROWS)])
        far = np.abs(middles - hz) > 10 * RATE / analyser.window
        assert levels[far].max(initial=-999) < db - 60


def test_silence_is_a_finite_level_and_dark() -> None:
    analyser = Analyser(NS // 100, RATE)
    levels = analyser.columns(np.zeros((3, analyser.piece, 2), np.float32))
    assert np.isfinite(levels).all()
    assert levels.max() < FLOOR_DB
    assert not level_bytes(levels).any()


def test_samples_that_are_no_numbers_give_levels_all_the_same() -> None:
    analyser = Analyser(NS // 100, RATE)
    pcm = np.zeros((1, analyser.piece, 2), np.float32)
    pcm[0, 10], pcm[0, 20], pcm[0, 30] = np.nan, np.inf, -3e38
    assert np.isfinite(analyser.columns(pcm)).all()


def test_opposite_channels_do_not_cancel_each_other() -> None:
    analyser = Analyser(NS // 100, RATE)
    pcm = tone(1000, analyser.piece)
    pcm[:, 1] *= -1
    assert analyser.columns(pcm[None]).max() > -1.5


@given(st.floats(-200, 100))
def test_bytes_stand_for_decibels(db: float) -> None:
    (level,) = level_bytes(np.array([db], np.float32)).tolist()
    assert db_of_byte(level) == pytest.approx(min(max(db, FLOOR_DB), TOP_DB), abs=0.2)


# --- computed for what is visible -----------------------------------------------------------------


class Made:
    """A fake PcmReader: `sound` makes the samples of any place; what is read is noted."""

    channels = 2
    sound: Callable[[NDArray[np.int64]], NDArray[Any]] = staticmethod(np.zeros_like)
    gate: threading.Event | None = None
    reads: list[tuple[int, int]]

    def __init__(self, source: Source, rate: int = RATE, layout: str = "stereo") -> None:
        self.rate = rate

    def read(self, start: int, count: int) -> NDArray[np.float32]:
        if Made.gate is not None:
            assert Made.gate.wait(10)
        Made.reads.append((start, count))
        at = np.arange(start, start + count)
        value = np.where(at >= 0, Made.sound(at), 0)
        return np.repeat(value.astype(np.float32)[:, None], 2, axis=1)

    def close(self) -> None:
        pass


def stream(length_ns: int = 60 * NS, timemap: TimeMap = IDENTITY, path: str = "made") -> Stream:
    source = Source(Path(path), "av", 0)
    clock = Clock("c", "container")
    return Stream("s", Modality.AUDIO, source, clock, (0, length_ns), timemap, rate=float(RATE))


@pytest.fixture
def feed(monkeypatch: pytest.MonkeyPatch) -> Iterator[SpectrumFeed]:
    monkeypatch.setattr(audio, "PcmReader", Made)
    Made.gate, Made.reads = None, []
    made = SpectrumFeed()
    yield made
    if Made.gate is not None:
        Made.gate.set()
    made.close()
    assert made.ended


def until(condition: Callable[[], bool], most_s: float = 10.0) -> None:
    deadline = time.monotonic() + most_s
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.001)


def computed(feed: SpectrumFeed, which: Stream, column_ns: int, first: int, last: int) -> NDArray[np.uint8]:
    feed.want(which, column_ns, first, last, lambda: None)
    until(lambda: feed.idle)
    look = feed.look(which, column_ns, first, last)
    assert look.exact.all()
    return look.levels


@pytest.mark.parametrize("column_ns", [1_000_000, 5_656_855, 20_000_000])
def test_an_impulse_is_at_its_column(feed: SpectrumFeed, column_ns: int) -> None:
    at_ns = 3_217_000_000
    Made.sound = staticmethod(lambda at: np.where(at == round(at_ns * RATE / NS), 0.9, 0))
    first = at_ns // column_ns - 100
    levels = computed(feed, stream(), column_ns, first, first + 220).astype(int).sum(axis=1)
    brightest = np.flatnonzero(levels == levels.max())
    assert abs(brightest.mean() + first + 0.5 - at_ns / column_ns) <= 1
    assert not levels[:80].any()


def test_a_tone_begins_and_ends_in_time_through_the_time_map(feed: SpectrumFeed) -> None:
    """1 kHz from 2 to 3 s of a sound that is 0.5 s late and drifts: at 1.5 s of the reference timeline."""
    Made.sound = staticmethod(
        lambda at: np.where((at >= 2 * RATE) & (at < 3 * RATE), np.sin(2 * np.pi * 1000 * at / RATE), 0)
    )
    timemap = TimeMap(((NS // 2, 0), (NS // 2 + 100 * NS + 50_000_000, 100 * NS)))
    column_ns = 10_000_000
    levels = computed(feed, stream(timemap=timemap), column_ns, 0, 400)
    row = int(row_of(1000, RATE))
    loud = np.flatnonzero(levels[:, row] > 200)
    start, end = (timemap.to_reference(at) / column_ns for at in (2 * NS, 3 * NS))
    assert abs(loud[0] - start) <= 2
    assert abs(loud[-1] + 1 - end) <= 2
    middle = levels[int((start + end) / 2)]
    assert abs(int(np.flatnonzero(middle == middle.max()).mean()) - row) <= 2


def test_the_ridge_follows_a_chirp(feed: SpectrumFeed) -> None:
    """200 Hz to 8 kHz in 10 s, linearly."""

    def chirp(at: NDArray[np.int64]) -> NDArray[Any]:
        t = at / RATE
        return 0.05 * np.sin(2 * np.pi * (200 * t + 390 * t * t))

    Made.sound = staticmethod(chirp)
    column_ns = 10_000_000
    levels = computed(feed, stream(), column_ns, 0, 1000).astype(int)
    wrong = 0
    for column in range(20, 980, 10):
        hz = 200 + 780 * (column + 0.5) * column_ns / NS
        ridge = np.flatnonzero(levels[column] == levels[column].max()).mean() + 0.5
        wrong += abs(ridge - row_of(hz, RATE)) > 2.5
    assert wrong == 0


def test_panning_computes_only_what_is_new(feed: SpectrumFeed) -> None:
    Made.sound = staticmethod(lambda at: np.sin(at / 10))
    column_ns = 5_000_000
    computed(feed, stream(), column_ns, 100, 900)
    assert feed.computed == 800
    before = computed(feed, stream(), column_ns, 150, 950)
    assert feed.computed == 850
    again = computed(feed, stream(), column_ns, 100, 900)
    assert feed.computed == 850
    np.testing.assert_array_equal(before[:750], again[50:])
    computed(feed, stream(timemap=TimeMap.offset(NS)), column_ns, 100, 900)  # moved: another picture
    assert feed.computed == 1650


def test_ten_hours_read_no_more_than_the_view_needs(feed: SpectrumFeed) -> None:
    """900 columns of 40 s: short pieces, coarse ones first; each looks right before the next finer pass."""
    hours = 36_000 * NS
    Made.sound = staticmethod(lambda at: 0.1 * np.sin(2 * np.pi * 1000 * at / RATE))
    column_ns = hours // 900
    piece = Analyser(column_ns, RATE).piece
    order: list[float] = []

    def got() -> None:
        look = feed.look(stream(hours), column_ns, 0, 900)
        order.append(look.exact.sum())
        if look.exact.sum() == 64:  # the first four batches, all of them coarse
            assert look.shown.all()

    feed.want(stream(hours), column_ns, 0, 900, got)
    until(lambda: feed.idle)
    assert feed.computed == 900
    assert sum(count for _, count in Made.reads) == 900 * piece
    assert 900 * piece < 0.01 * 36_000 * RATE
    starts = [start for start, _ in Made.reads[: 900 // COARSE[0]]]
    assert np.diff(starts).min() > (COARSE[0] - 1) * column_ns / NS * RATE
    assert order == sorted(order)


def test_dense_columns_read_each_sample_once(feed: SpectrumFeed) -> None:
    column_ns = 1_000_000
    Made.sound = staticmethod(lambda at: np.sin(at / 10))
    computed(feed, stream(), column_ns, 0, 2000)
    assert 2000 * column_ns < DENSE_NS
    read = sum(count for _, count in Made.reads)
    assert read <= 2 * RATE + 2 * window_samples(column_ns, RATE)


def test_the_newest_wish_wins(feed: SpectrumFeed) -> None:
    Made.gate = threading.Event()
    feed.want(stream(), 5_000_000, 0, 2000, lambda: None)
    until(lambda: feed._thread is not None)
    feed.want(stream(), 5_000_000, 8000, 8100, lambda: None)
    Made.gate.set()
    until(lambda: feed.idle)
    assert feed.look(stream(), 5_000_000, 8000, 8100).exact.all()
    assert feed.computed <= 100 + spectra.BATCH


def test_another_zoom_shows_what_the_last_one_knew(feed: SpectrumFeed) -> None:
    Made.sound = staticmethod(lambda at: np.where(at < 2 * RATE, np.sin(2 * np.pi * 1000 * at / RATE), 0))
    computed(feed, stream(), 10_000_000, 0, 400)
    look = feed.look(stream(), 5_000_000, 0, 800)
    assert look.shown.all()
    assert not look.exact.any()
    row = int(row_of(1000, RATE))
    assert look.levels[:390, row].min() > 200
    assert look.levels[410:, row].max() == 0
    assert not feed.look(stream(), 5_000_000, 5000, 5100).shown.any()


def test_memory_is_bounded(feed: SpectrumFeed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spectra, "KEPT_TILES", 8)
    for place in range(10):
        computed(feed, stream(600 * NS), 5_000_000, place * 500, place * 500 + 500)
        assert feed.kept_bytes <= 8 * spectra.TILE * (ROWS + 1)


def test_outside_the_span_nothing_is_read(feed: SpectrumFeed) -> None:
    Made.sound = staticmethod(lambda at: np.sin(at / 10))
    levels = computed(feed, stream(5 * NS), 10_000_000, -100, 1000)
    assert not levels[:98].any()
    assert not levels[603:].any()
    assert levels[110:590].max(axis=1).min() > 100
    assert max(start + count for start, count in Made.reads) < 5.2 * RATE


def test_a_busy_player_makes_it_slower_not_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audio, "PcmReader", Made)
    Made.gate, Made.reads = None, []
    busy = SpectrumFeed(lambda: True)
    try:
        computed(busy, stream(), 10_000_000, 0, 64)
    finally:
        busy.close()


def test_a_file_that_is_no_sound_is_a_problem_told(tmp_path: Path) -> None:
    bad = tmp_path / "bad.wav"
    bad.write_bytes(b"RIFF\x00\x00")
    feed = SpectrumFeed()
    told = threading.Event()
    try:
        feed.want(stream(path=str(bad)), 10_000_000, 0, 100, told.set)
        assert told.wait(10)
        assert feed.problem(stream(path=str(bad)))
        until(lambda: feed.idle)
    finally:
        feed.close()


def test_a_real_file_at_its_own_rate(tmp_path: Path) -> None:
    """16 kHz, mono: half a second of silence, then 1 kHz at half of full scale."""
    path = tmp_path / "tone.wav"
    at = np.arange(16_000)
    sound = np.where(at < 8000, 0, 0.5 * np.sin(2 * np.pi * 1000 * at / 16_000))
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes((sound * 32767).astype("<i2").tobytes())
    source = Source(path, "av", 0)
    which = Stream("s", Modality.AUDIO, source, Clock("c", "container"), (0, NS), rate=16_000.0)
    assert analysis_rate(which) == 16_000
    feed = SpectrumFeed()
    try:
        levels = computed(feed, which, 5_000_000, 0, 200)
    finally:
        feed.close()
    row = int(row_of(1000, 16_000))
    assert levels[:90].max() == 0
    assert abs(int(levels[150].argmax()) - row) <= 2
    assert levels[150].max() == 255
