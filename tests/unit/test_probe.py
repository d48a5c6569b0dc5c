"""What is told of a file before it is played, also of one that kills or hangs its reader."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import av
import films
import numpy as np
import pytest
from films import NS, Reel

from inspector.errors import InspectorError
from inspector.media import child
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


def test_a_pool_serves_many_threads_and_outlives_a_child_that_dies(reel: Reel) -> None:
    path = str(reel.film("bframes.mp4").path)
    with child.Pool("inspector.media.child") as pool:
        with ThreadPoolExecutor(4) as threads:
            found = list(threads.map(lambda _: pool.answer(path, 60), range(8)))
        assert all("info" in each for each in found)
        assert 1 <= pool._idle.qsize() <= 4
        one = pool._idle.get_nowait()
        pool._idle.put(one)
        one._process.kill()
        one._process.wait()
        assert "info" in pool.answer(path, 60)
        with pytest.raises(TimeoutError):
            pool.answer(path, 0)
        assert "info" in pool.answer(path, 60)
        left = list(pool._idle.queue)
    assert left
    assert not any(each.alive for each in left)
    assert "info" in pool.answer(path, 60)
    assert pool._idle.qsize() == 0
