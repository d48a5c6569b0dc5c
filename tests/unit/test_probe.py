"""What is told of a file before it is played, also of one that kills or hangs its reader; and its peaks."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from fractions import Fraction
from typing import TYPE_CHECKING

import av
import films
import numpy as np
import pytest
from films import NS, RATE, Reel
from hypothesis import given
from hypothesis import strategies as st

from inspector.core.jobs import Job
from inspector.core.model import Source
from inspector.errors import Cancelled, InspectorError
from inspector.media import child, peaks
from inspector.media.peaks import BLOCK, Peaks, load_peaks
from inspector.media.probe import MediaInfo, probe

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def reel(tmp_path_factory: pytest.TempPathFactory) -> Reel:
    return films.reel(tmp_path_factory.getbasetemp())


@pytest.fixture
def children(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No child and no answer from before, and none left behind."""
    child.close()
    monkeypatch.setattr(child, "_known", {})
    yield
    child.close()


@pytest.mark.parametrize("name", films.MAKERS)
def test_spans_are_those_of_the_frames(reel: Reel, name: str) -> None:
    truth = reel.truth(name)
    tracks = probe(reel.film(name).path).tracks
    video = next(track for track in tracks if track.kind == "video")
    assert video.span is not None
    assert abs(video.span[0] - truth.starts_ns[0]) <= 1_000_000
    interval = max(np.diff(truth.starts_ns))
    assert truth.starts_ns[-1] <= video.span[1] <= truth.starts_ns[-1] + interval
    # Matroska declares one length for all tracks: it is whole if any of them is as long.
    assert not all(track.truncated for track in tracks)
    assert video.rate is None or 5 < video.rate < 70


def test_a_track_that_starts_late_says_so(reel: Reel) -> None:
    for name in ("late.mp4", "late.mkv"):
        tracks = {track.kind: track for track in probe(reel.film(name).path).tracks}
        video, audio = tracks["video"].span, tracks["audio"].span
        assert video is not None
        assert audio is not None
        assert abs(video[0] - 1_500_000_000) <= 1_000_000
        assert audio[0] == 0
        assert audio[1] > video[1]


def test_how_a_film_is_turned(reel: Reel) -> None:
    track = probe(reel.film("portrait.mp4").path).tracks[0]
    assert (track.width, track.height, track.rotation) == (320, 240, 270)
    assert probe(reel.film("bframes.mp4").path).tracks[0].rotation == 0


def test_a_film_cut_short_is_told_from_a_whole_one(reel: Reel) -> None:
    cut = next(track for track in probe(reel.film("cut_bframes.mkv").path).tracks if track.kind == "video")
    last = reel.truth("cut_bframes.mkv").starts_ns[-1]
    assert cut.span is not None
    assert abs(cut.span[1] - last) < 100_000_000
    assert cut.truncated


def test_a_recording_without_a_duration_has_its_true_one(reel: Reel) -> None:
    path = reel.film("live.webm").path
    with av.open(str(path)) as box:
        assert box.duration is None, "the film is not what it should be"
    tracks = probe(path).tracks
    assert [track.span and round(track.span[1] / NS) for track in tracks] == [3, 3]


def test_what_is_told_survives_the_pipe(reel: Reel) -> None:
    for name in ("late.mkv", "portrait.mp4", "start.ts"):
        info = probe(reel.film(name).path)
        assert MediaInfo.from_json(info.to_json()) == info


@pytest.mark.usefixtures("children")
def test_a_child_answers_as_this_process_would(reel: Reel, tmp_path: Path) -> None:
    path = reel.film("late.mkv").path
    assert child.probe(path) == probe(path)
    assert child.probe(path) is child.probe(path)  # asked once
    text = tmp_path / "text.mp4"
    text.write_text("no film")
    with pytest.raises(InspectorError) as told:
        child.probe(text)
    with pytest.raises(InspectorError) as here:
        probe(text)
    assert str(told.value) == str(here.value)
    with pytest.raises(InspectorError, match="missing"):
        child.probe(tmp_path / "nothing.mp4")


class Dying(child._Child):
    """A child that is killed by the question, as by a file that crashes the demuxer."""

    def ask(self, path: Path) -> dict[str, object]:
        if path.name == "killer.mp4":
            os.kill(self._process.pid, signal.SIGKILL)
            self._process.wait()
        return super().ask(path)


@pytest.mark.usefixtures("children")
def test_a_file_that_kills_the_child_is_an_error_and_the_next_is_read(
    reel: Reel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child, "_Child", Dying)
    killer = tmp_path / "killer.mp4"
    killer.write_bytes(reel.film("bframes.mp4").path.read_bytes())
    for _ in range(2):  # the second time it is known
        with pytest.raises(InspectorError) as told:
            child.probe(killer)
        assert "crashed" in told.value.title
        assert str(killer) in str(told.value)
    assert child.probe(reel.film("bframes.mp4").path).tracks


@pytest.mark.usefixtures("children")
def test_an_idle_child_that_died_is_replaced(reel: Reel) -> None:
    child.warm()
    idle = child._idle.get_nowait()
    os.kill(idle._process.pid, signal.SIGKILL)
    idle._process.wait()
    child._idle.put(idle)
    assert child.probe(reel.film("bframes.mp4").path).tracks


class Hanging(child._Child):
    """A child that takes the question and never answers."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", "import sys; sys.stdin.read()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )


@pytest.mark.usefixtures("children")
def test_a_file_that_hangs_the_child_is_given_up(
    reel: Reel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "slow.mp4"
    path.write_bytes(b"x")
    with monkeypatch.context() as patch:
        patch.setattr(child, "_Child", Hanging)
        patch.setattr(child, "TIMEOUT_S", 0.3)
        with pytest.raises(InspectorError) as told:
            child.probe(path)
        assert "in time" in told.value.title
    assert child.probe(reel.film("bframes.mp4").path).tracks  # its slot is free again


@pytest.mark.usefixtures("children")
def test_many_ask_at_once(reel: Reel) -> None:
    names = ("bframes.mp4", "late.mkv", "start.ts", "count.avi", "variable.mkv", "long_gop.mp4")
    answers: dict[str, MediaInfo] = {}

    def ask(name: str) -> None:
        answers[name] = child.probe(reel.film(name).path)

    for name in names:
        reel.film(name)
    threads = [threading.Thread(target=ask, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {name: probe(reel.film(name).path) for name in names} == answers


# --- peaks ----------------------------------------------------------------------------------------


@given(
    st.integers(1, 9000),
    st.integers(0, 2**32 - 1),
    st.integers(-2000, 12_000),
    st.integers(1, 12_000),
    st.integers(1, 300),
)
def test_the_envelope_holds_all_that_is_in_its_columns(
    blocks: int, seed: int, start: int, length: int, columns: int
) -> None:
    """Each column's range holds its samples', and nothing from further than a block of its level.

    Blocks stand for samples here: `low` and `high` are given per block; their exact extremes are the truth.
    """
    rng = np.random.default_rng(seed)
    middle = rng.normal(0, 0.3, blocks)
    spread = rng.uniform(0, 0.2, blocks)
    low, high = (middle - spread).astype(np.float32), (middle + spread).astype(np.float32)
    rate = 48_000
    made = Peaks(rate, low, high)
    ns = BLOCK * NS / rate
    got_low, got_high = made.envelope(round(start * ns), round((start + length) * ns), columns)
    edges = start + length * np.arange(columns + 1) / columns
    wide = max(length / columns, 1.0)  # blocks that a column may take in beyond its edges, at most
    for at in range(columns):
        # A block more on either side is the rounding of ns.
        first, last = max(int(np.ceil(edges[at] + 1e-3)), 0), min(int(np.floor(edges[at + 1] - 1e-3)), blocks)
        if first < last:
            assert got_low[at] <= low[first:last].min()
            assert got_high[at] >= high[first:last].max()
        near = slice(max(int(edges[at] - wide - 1), 0), max(int(np.ceil(edges[at + 1] + wide + 1)), 0))
        if len(low[near]) == 0:
            assert np.isnan(got_low[at])
        elif not np.isnan(got_low[at]):
            assert got_low[at] >= low[near].min()
            assert got_high[at] <= high[near].max()


def test_a_waveform_is_that_of_the_samples(tmp_path: Path) -> None:
    path = tmp_path / "clicks.wav"
    films.make_sound(path, "pcm_s16le", 3.0)
    wave = films.click_pcm(3.0, films.clicks_at(3.0))
    told: list[Peaks] = []
    made = load_peaks(Source(path, "av", 0), Job("peaks"), told.append)
    assert made.rate == RATE
    assert abs(made.end_ns - 3 * NS) <= BLOCK * NS / RATE
    low, high = made.envelope(0, 3 * NS, 3 * RATE // BLOCK)
    parts = wave[: len(wave) // BLOCK * BLOCK].reshape(-1, BLOCK)
    np.testing.assert_allclose(low, parts.min(1), atol=1e-4)
    np.testing.assert_allclose(high, parts.max(1), atol=1e-4)
    assert made.loudest == pytest.approx(0.6, abs=1e-3)
    beyond, _ = made.envelope(4 * NS, 5 * NS, 10)
    assert np.isnan(beyond).all()


def test_a_long_waveform_comes_in_parts_and_can_be_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peaks, "TELL_EVERY_S", 1)
    path = tmp_path / "clicks.flac"
    films.make_sound(path, "flac", 5.0)
    told: list[int] = []
    load_peaks(Source(path, "av", 0), Job("peaks"), lambda part: told.append(part.end_ns))
    assert len(told) >= 3
    assert told == sorted(told)
    job: Job[Peaks] = Job("peaks")
    with pytest.raises(Cancelled):
        load_peaks(Source(path, "av", 0), job, lambda _: job.cancel())


def test_a_gap_is_flat_and_what_follows_is_in_its_place(tmp_path: Path) -> None:
    path = tmp_path / "gap.mka"
    with av.open(str(path), "w") as box:
        audio = box.add_stream("pcm_s16le", rate=RATE, layout="mono")
        for start in [*range(0, RATE, 960), *range(3 * RATE, 4 * RATE, 960)]:
            frame = av.AudioFrame.from_ndarray(np.full((1, 960), 8000, np.int16), format="s16", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = RATE, start, Fraction(1, RATE)
            box.mux(audio.encode(frame))
        box.mux(audio.encode())
    made = load_peaks(Source(path, "av", 0), Job("peaks"))
    assert abs(made.end_ns - 4 * NS) < 2 * BLOCK * NS / RATE
    _, high = made.envelope(0, 4 * NS, 400)
    assert high[5:95] == pytest.approx(8000 / 32768, abs=1e-3)
    assert not high[105:295].any()
    assert high[305:395] == pytest.approx(8000 / 32768, abs=1e-3)
