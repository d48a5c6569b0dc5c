"""A film that kills its prober is never handed to FFmpeg in this process, whoever asks and however often."""

from __future__ import annotations

import os
import re
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import films
import pytest
from films import Reel

import inspector
from inspector.core.jobs import Job
from inspector.core.model import Clock, Coverage, Modality, Source, Stream
from inspector.errors import InspectorError
from inspector.media import child
from inspector.media.audio import PcmReader
from inspector.media.frames import build_index, frame_index
from inspector.media.opening import open_film, open_track
from inspector.media.peaks import load_peaks
from inspector.media.video import VideoReader
from inspector.playback.mixer import Mixer
from inspector.playback.mixer import Track as MixerTrack
from inspector.playback.pictures import PictureFeed
from inspector.playback.shown import State
from inspector.playback.thumbs import ThumbFeed
from inspector.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DEADLY = b"kills"
"""A file that ends with this kills who probes it."""


class Dying(child._Child):
    """A child that dies of a deadly file, as of one that crashes the demuxer."""

    def ask(self, path: Path) -> dict[str, Any]:
        if path.read_bytes().endswith(DEADLY):
            os.kill(self._process.pid, signal.SIGKILL)
            self._process.wait()
        return super().ask(path)


@pytest.fixture(scope="session")
def reel(tmp_path_factory: pytest.TempPathFactory) -> Reel:
    return films.reel(tmp_path_factory.getbasetemp())


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What this process hands to FFmpeg, while children die of deadly files."""
    names: list[str] = []
    av_open = av.open

    def noted(file: Any, *arguments: Any, **named: Any) -> Any:
        names.append(Path(getattr(file, "name", file)).name)
        return av_open(file, *arguments, **named)

    child.close()
    monkeypatch.setattr(child, "_known", {})
    monkeypatch.setattr(child, "_Child", Dying)
    monkeypatch.setattr(av, "open", noted)
    yield names
    child.close()


@pytest.fixture
def folder(reel: Reel, tmp_path: Path) -> Path:
    """A dataset of a film that plays and of one that kills."""
    data = reel.film("bframes.mp4").path.read_bytes()
    for name, end in (("good", b""), ("killer", DEADLY)):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.mp4").write_bytes(data + end)
    return tmp_path


def streams_of(path: Path) -> tuple[Stream, Stream]:
    """A picture and a sound stream as a reader would have made them."""
    return tuple(  # type: ignore[return-value]
        Stream(f"{kind}", kind, Source(path, "av", track), Clock(path.name, "container"), (0, 6 * films.NS))
        for track, kind in enumerate((Modality.VIDEO, Modality.AUDIO))
    )


def everybody(path: Path) -> dict[str, Callable[[], object]]:
    """All that opens films, by name."""
    video, audio = streams_of(path)
    return {
        "open_film": lambda: open_film(path),
        "open_track": lambda: open_track(video.source, "video"),
        "build_index": lambda: build_index(path, 0),
        "frame_index": lambda: frame_index(path, 0),
        "VideoReader": lambda: VideoReader(video.source),
        "PcmReader": lambda: PcmReader(audio.source),
        "load_peaks": lambda: load_peaks(audio.source, Job("peaks")),
    }


def watch(path: Path) -> None:
    """Hand the film to the picture feed, the thumbnails and the mixer, and wait until each gave up."""
    video, audio = streams_of(path)
    told = threading.Condition()

    def tell(*_: object) -> None:
        with told:
            told.notify_all()

    problems: list[str] = []
    feed, thumbs, mixer = PictureFeed(video, tell), ThumbFeed(lambda: False), Mixer(problems.append)
    try:
        feed.want(0)
        with told:
            assert told.wait_for(lambda: feed.shown(0).state is State.FAILED, 10)
        assert "crashed" in feed.shown(0).message
        thumbs.request(video, [0, films.NS], 40, tell)
        mixer.set_tracks([MixerTrack(audio)])
        mixer.play(0)
        done = threading.Event()
        while not (thumbs.idle and problems):
            assert not done.wait(0.01)
        assert "crashed" in problems[0]
    finally:
        feed.close()
        thumbs.close()
        mixer.close()


def test_the_record_says_so_and_opens_without_it(folder: Path, opened: list[str]) -> None:
    for _ in range(2):  # opened again it is known
        with Session.open(folder) as session:
            killer = session.record("killer")
            assert killer.streams == ()
            assert killer.coverage[Modality.VIDEO] is Coverage.UNREADABLE
            assert ["crashed" in str(line) for line in killer.problems] == [True]
            assert len(session.record("good").streams) == 2
    assert opened == []


def test_nobody_opens_it(folder: Path, opened: list[str]) -> None:
    path = folder / "killer" / "killer.mp4"
    for _ in range(2):
        for ask in everybody(path).values():
            with pytest.raises(InspectorError, match="crashed"):
                ask()
    watch(path)
    assert opened == []
    VideoReader(streams_of(folder / "good" / "good.mp4")[0].source).close()
    assert set(opened) == {"good.mp4"}  # what was watched is what opens films


def test_a_film_that_became_deadly_after_it_was_listed_is_not_opened_either(
    folder: Path, opened: list[str]
) -> None:
    path = folder / "good" / "good.mp4"
    with Session.open(folder) as session:
        assert len(session.record("good").streams) == 2
        VideoReader(streams_of(path)[0].source).close()
        assert opened
        opened.clear()
        with path.open("ab") as file:
            file.write(DEADLY)
        for ask in everybody(path).values():
            with pytest.raises(InspectorError, match="crashed"):
                ask()
        watch(path)
    assert opened == []


def test_only_the_probe_opens_a_film_unasked() -> None:
    root = Path(inspector.__file__).parent
    users = {
        path.relative_to(root).as_posix()
        for path in root.rglob("*.py")
        if re.search(r"\bopen_unprobed\b|\bav\.open\(", path.read_text())
    }
    # A trial of a graphics processor, and what writes a file anew, run in children, after the probe.
    assert users == {
        "media/opening.py",
        "media/probe.py",
        "media/hardware.py",
        "media/remux.py",
        "media/resound.py",
    }
    probers = {
        path.relative_to(root).as_posix()
        for path in root.rglob("*.py")
        if re.search(r"from inspector\.media\.probe import [^\n]*\bprobe\b", path.read_text())
    }
    assert probers == {"media/child.py", "media/remux.py"}
