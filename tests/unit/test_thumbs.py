"""Small pictures for the film strip: all that are asked for come; a long film is not held open for them."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import films

from inspector.core.model import Clock, Modality, Source, Stream
from inspector.media import video
from inspector.playback.thumbs import ThumbFeed

if TYPE_CHECKING:
    import pytest

    from inspector.media.video import Picture


def test_a_long_film_is_closed_when_its_pictures_are_made(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    reel = films.reel(tmp_path_factory.getbasetemp())
    longer, shorter = reel.film("bframes.mp4"), reel.film("variable.mkv")
    counts = [len(reel.truth(name).starts_ns) for name in ("bframes.mp4", "variable.mkv")]
    assert counts[0] > counts[1]
    monkeypatch.setattr(video, "LONG_FRAMES", counts[0] - 1)
    closed: list[str] = []
    close = video.VideoReader.close

    def noted(reader: Any) -> None:
        closed.append(reader._source.path.name)
        close(reader)

    monkeypatch.setattr(video.VideoReader, "close", noted)
    came: list[tuple[int, int]] = []
    told = threading.Condition()

    def got(at_ns: int, picture: Picture) -> None:
        with told:
            came.append((at_ns, picture.number))
            told.notify_all()

    times = [0, films.NS, 2 * films.NS]
    feed = ThumbFeed(lambda: False)
    for film in (longer, shorter):
        source = Source(film.path, "av", track=0)
        stream = Stream(film.path.name, Modality.VIDEO, source, Clock("c", "container"))
        feed.request(stream, times, 40, got)
    with told:
        assert told.wait_for(lambda: len(came) == 2 * len(times) and feed.idle, 20)
    assert closed == ["bframes.mp4"]
    feed.close()
    assert sorted(closed) == ["bframes.mp4", "variable.mkv"]
    assert sorted(at for at, _ in came) == sorted(2 * times)


def test_a_drag_stops_the_picture_that_is_being_made_and_it_comes_after(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    film = films.reel(tmp_path_factory.getbasetemp()).film("bframes.mp4")
    stream = Stream("cam", Modality.VIDEO, Source(film.path, "av", track=0), Clock("c", "container"))
    dragging, stopped, came = threading.Event(), threading.Event(), threading.Event()
    read = video.VideoReader.read
    given: list[int] = []

    def begun(reader: Any, number: int, fit: tuple[int, int], stop: Any) -> Any:
        if not stopped.is_set():
            dragging.set()  # the hand comes while a picture is being made
        found = read(reader, number, fit, stop)
        if found is None:
            stopped.set()
        return found

    def got(at_ns: int, _picture: Picture) -> None:
        assert not dragging.is_set()
        given.append(at_ns)
        came.set()

    monkeypatch.setattr(video.VideoReader, "read", begun)
    feed = ThumbFeed(lambda: False, dragging.is_set)
    feed.request(stream, [3 * films.NS], 40, got)
    assert stopped.wait(20)
    assert not came.is_set()
    dragging.clear()
    assert came.wait(20)
    feed.close()
    assert given == [3 * films.NS]
