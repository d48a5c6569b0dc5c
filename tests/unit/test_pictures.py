"""The feed of one camera: what it shows for a time, what it keeps, and that it ends."""

from __future__ import annotations

import gc
import threading
import time
import weakref
from collections import OrderedDict
from functools import partial
from typing import TYPE_CHECKING, Any

import films
import pytest
from films import NS, Reel, picture_number

from inspector.core.model import Clock, Modality, Source, Stream
from inspector.core.timemap import IDENTITY, TimeMap
from inspector.media import frames
from inspector.media.video import Picture, VideoReader
from inspector.playback import pictures
from inspector.playback.pictures import AROUND, BEHIND, PictureFeed
from inspector.playback.proxies import Proxies
from inspector.playback.shown import State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from inspector.media.frames import FrameIndex


@pytest.fixture(scope="session")
def reel(tmp_path_factory: pytest.TempPathFactory) -> Reel:
    return films.reel(tmp_path_factory.getbasetemp())


class Feeds:
    """Makes feeds whose news can be waited for, and closes them."""

    def __init__(self) -> None:
        self.news = threading.Condition()
        self.made: list[PictureFeed] = []

    def __call__(self, path: Path, timemap: TimeMap = IDENTITY, **more: Any) -> PictureFeed:
        stream = Stream("cam", Modality.VIDEO, Source(path, "av", 0), Clock("c", "container"), None, timemap)
        self.made.append(PictureFeed(stream, self._tell, **more))
        return self.made[-1]

    def _tell(self) -> None:
        with self.news:
            self.news.notify_all()

    def until(self, condition: Callable[[], bool]) -> None:
        with self.news:
            assert self.news.wait_for(condition, 10)


@pytest.fixture
def feeds() -> Iterator[Feeds]:
    made = Feeds()
    yield made
    for feed in made.made:
        feed.close()
        assert not feed._thread.is_alive()


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Which frames were decoded on purpose, in order."""
    numbers: list[int] = []
    read = VideoReader.read

    def noted(self: VideoReader, number: int, *arguments: Any, **named: Any) -> Picture | None:
        numbers.append(number)
        return read(self, number, *arguments, **named)

    monkeypatch.setattr(VideoReader, "read", noted)
    return numbers


def exact(feed: PictureFeed, at_ns: int) -> bool:
    return feed.shown(at_ns).state is State.EXACT


def test_a_wish_comes_true_and_nothing_else_is_claimed(reel: Reel, feeds: Feeds) -> None:
    truth = reel.truth("variable.mkv")
    feed = feeds(reel.film("variable.mkv").path)
    assert feed.shown(0).state is State.WAITING
    feeds.until(lambda: feed.index is not None)
    assert feed.size == (320, 240)
    for frame in (50, 3, 51, 80, 50):
        at = truth.starts_ns[frame] + 1000
        feed.want(at)
        feeds.until(lambda at=at: exact(feed, at))  # type: ignore[misc]
        shown = feed.shown(at)
        assert shown.picture is not None
        assert (shown.number, picture_number(shown.picture)) == (frame, frame)


def test_a_wish_from_before_the_film_was_read_is_kept(reel: Reel, feeds: Feeds) -> None:
    feed = feeds(reel.film("bframes.mp4").path)
    feed.want(2 * NS)
    feeds.until(lambda: exact(feed, 2 * NS))


def test_the_newest_wish_wins(
    reel: Reel, feeds: Feeds, reads: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a frame is decoded a hundred wishes come in: only the last of them is served."""
    gate, noted = threading.Event(), VideoReader.read

    def gated(self: VideoReader, *arguments: Any, **named: Any) -> Picture | None:
        picture = noted(self, *arguments, **named)
        gate.wait(10)
        return picture

    monkeypatch.setattr(VideoReader, "read", gated)
    feed = feeds(reel.film("bframes.mp4").path)
    feeds.until(lambda: feed.index is not None)
    feed.want(0)
    until(lambda: len(reads) == 1)
    for frame in range(10, 110):
        feed.want(frame * NS // 25)
    gate.set()
    feeds.until(lambda: exact(feed, 109 * NS // 25))
    assert reads[:2] == [0, 109]


def test_a_wish_that_came_by_meanwhile_is_told(
    reel: Reel, feeds: Feeds, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The frame before the one being decoded is wished for, and kept on the way."""
    gate, reading, read = threading.Event(), threading.Event(), VideoReader.read

    def gated(self: VideoReader, *arguments: Any, **named: Any) -> Picture | None:
        picture = read(self, *arguments, **named)
        reading.set()
        gate.wait(10)
        return picture

    monkeypatch.setattr(VideoReader, "read", gated)
    monkeypatch.setattr(PictureFeed, "_around", lambda *_: None)  # neighbours bring news of their own
    truth = reel.truth("variable.mkv")
    before, told = truth.starts_ns[8], threading.Event()
    feed = feeds(reel.film("variable.mkv").path)
    feeds.until(lambda: feed.index is not None)
    monkeypatch.setattr(feed, "_news", lambda: told.set() if exact(feed, before) else None)
    feed.want(truth.starts_ns[9])
    assert reading.wait(10)
    feed.want(before)
    assert feed.shown(before).state is State.WAITING
    gate.set()
    assert told.wait(10)


def test_while_dragging_the_key_frame_comes_first(reel: Reel, feeds: Feeds, reads: list[int]) -> None:
    feed = feeds(reel.film("bframes.mp4").path)
    feeds.until(lambda: feed.index is not None)
    feed.want(90 * NS // 25, dragging=True)
    feeds.until(lambda: exact(feed, 48 * NS // 25) and exact(feed, 90 * NS // 25))
    assert 90 in reads
    near = feed.shown(70 * NS // 25)
    assert near.state is State.WAITING
    assert near.picture is not None  # the nearest known stands in, and says which it is
    assert picture_number(near.picture) == near.picture.number != 70


def test_steps_both_ways_are_ready_before_they_are_taken(reel: Reel, feeds: Feeds, reads: list[int]) -> None:
    """At rest the neighbours are decoded: backward all of a group in one run of the decoder."""
    feed = feeds(reel.film("bframes.mp4").path)
    feeds.until(lambda: feed.index is not None)
    feed.want(90 * NS // 25)
    feeds.until(lambda: exact(feed, (90 + AROUND) * NS // 25) and exact(feed, (90 - BEHIND) * NS // 25))
    for frame in range(90, 76, -1):
        feed.want(frame * NS // 25)
        feeds.until(lambda at=frame * NS // 25: exact(feed, at))  # type: ignore[misc]
    feeds.until(lambda: exact(feed, (77 - AROUND // 2) * NS // 25))
    del reads[:]
    for frame in range(77, 66, -1):
        feed.want(frame * NS // 25)
        assert exact(feed, frame * NS // 25)
        picture = feed.shown(frame * NS // 25).picture
        assert picture is not None
        assert picture_number(picture) == frame
    feeds.until(lambda: exact(feed, (67 - AROUND // 2) * NS // 25))
    assert len(reads) <= 4  # a group or two, not a seek for each frame


def test_a_large_film_is_shown_before_it_is_read(
    tmp_path: Path, feeds: Feeds, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stretch by stretch while the reading of the whole is held up; then by the whole."""
    path = tmp_path / "keys.mkv"
    options = {"g": "12", "bf": "2", "x264-params": "b-adapt=0:bframes=2:scenecut=0"}
    film = films.make_film(path, films.steady(12, 25), rate=25, options=options)
    gate, build = threading.Event(), frames.build_index
    monkeypatch.setattr(frames, "SMALL", 0)
    monkeypatch.setattr(frames, "_indexes", OrderedDict())
    monkeypatch.setattr(frames, "_kept", lambda *_: None)

    def slow(*arguments: Any) -> FrameIndex:
        gate.wait(10)
        return build(*arguments)

    monkeypatch.setattr(frames, "build_index", slow)
    starts = [round(at * NS) for at in film.pts_s]
    feed = feeds(path)
    for frame in (140, 0, len(starts) - 1, 7, 63):
        at = starts[frame] + 1000
        feed.want(at)
        feeds.until(lambda at=at: exact(feed, at))  # type: ignore[misc]
        picture = feed.shown(at).picture
        assert picture is not None
        assert picture_number(picture) == frame
        assert feed.index is not None
        assert not feed.index.whole
    for frame in range(2, len(starts) - 1):  # played through, over the end of every stretch
        at = starts[frame] + 1000
        feed.want(at, playing=True)
        feeds.until(lambda at=at: exact(feed, at))  # type: ignore[misc]
        picture = feed.shown(at).picture
        assert picture is not None
        assert picture_number(picture) == frame
    gate.set()
    feeds.until(lambda: feed.index is not None and feed.index.whole)
    feed.want(starts[30])
    feeds.until(lambda: exact(feed, starts[30]))
    assert feed.index is not None
    assert feed.index.whole
    assert feed.shown(starts[30]).number == 30
    assert feed.frame_start(starts[30], 1) == starts[31]


def test_a_proxy_gives_the_right_frame_first(
    reel: Reel, feeds: Feeds, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the decoder is held up every frame comes from the proxy, and the exact one replaces it."""
    path = reel.film("long_gop.mp4").path
    proxies = Proxies(lambda: False)
    try:
        feed = feeds(path, proxies=proxies)
        feed.fit(160, 120)
        feeds.until(lambda: feed.index is not None)
        until(lambda: proxies.complete and bool(proxies._films))
        gate, read = threading.Event(), VideoReader.read

        def gated(self: VideoReader, *arguments: Any, **named: Any) -> Picture | None:
            gate.wait(10)
            return read(self, *arguments, **named)

        monkeypatch.setattr(VideoReader, "read", gated)
        for frame in (100, 3, 149, 77):
            at = frame * NS // 30 + 1000
            feed.want(at, dragging=True)
            feeds.until(lambda at=at: feed.shown(at).state is State.DRAFT)  # type: ignore[misc]
            shown = feed.shown(at)
            assert shown.picture is not None
            assert (shown.number, picture_number(shown.picture)) == (frame, frame)
        gate.set()
        feeds.until(lambda: exact(feed, 77 * NS // 30 + 1000))
    finally:
        proxies.close()


def test_playing_reads_ahead_and_no_further(reel: Reel, feeds: Feeds) -> None:
    feed = feeds(reel.film("bframes.mp4").path)
    feeds.until(lambda: feed.index is not None)
    feed.want(NS, playing=True)
    feeds.until(lambda: exact(feed, NS + 360_000_000))
    assert not exact(feed, NS + 800_000_000)


def test_memory_stays_within_its_budget(reel: Reel, feeds: Feeds) -> None:
    one = 320 * 240 * 4
    feed = feeds(reel.film("bframes.mp4").path, budget_bytes=6 * one)
    feeds.until(lambda: feed.index is not None)
    for frame in (10, 60, 100, 140, 20):
        feed.want(frame * NS // 25)
        feeds.until(lambda at=frame * NS // 25: exact(feed, at))  # type: ignore[misc]
        with feed._wake:
            held = sum(picture.nbytes for picture in feed._cache._pictures.values())
            assert held == feed._cache.bytes <= 6 * one


def test_another_size_forgets_the_pictures_of_the_last(reel: Reel, feeds: Feeds) -> None:
    feed = feeds(reel.film("bframes.mp4").path)
    feed.want(NS)
    feeds.until(lambda: exact(feed, NS))
    feed.fit(160, 160)
    assert not exact(feed, NS)
    feed.want(NS)
    feeds.until(lambda: exact(feed, NS))
    picture = feed.shown(NS).picture
    assert picture is not None
    assert (picture.width, picture.height) == (160, 120)
    with feed._wake:
        assert feed._cache.bytes == sum(each.nbytes for each in feed._cache._pictures.values())


def test_outside_the_film_there_is_no_data(reel: Reel, feeds: Feeds) -> None:
    feed = feeds(reel.film("late.mp4").path)
    feeds.until(lambda: feed.index is not None)
    feed.want(2 * NS)
    feeds.until(lambda: exact(feed, 2 * NS))
    for at in (0, 1_499_999_999, 5_500_000_000, 20 * NS, -NS):
        shown = feed.shown(at)
        assert (shown.state, shown.picture, shown.number) == (State.NO_DATA, None, None)
    assert feed.shown(1_500_000_000).state is not State.NO_DATA
    assert feed.shown(5_499_999_999).state is not State.NO_DATA


def test_times_go_through_the_streams_map(reel: Reel, feeds: Feeds) -> None:
    """A film 320 ms late, corrected: at 1 s of the record its frame of 1.32 s is shown."""
    feed = feeds(reel.film("bframes.mp4").path, TimeMap.offset(320_000_000))
    feed.want(NS)
    feeds.until(lambda: exact(feed, NS))
    picture = feed.shown(NS).picture
    assert picture is not None
    assert picture_number(picture) == 33
    assert feed.frame_start(NS, 1) == 34 * 40_000_000 - 320_000_000
    assert feed.shown(-320_000_000).state is not State.NO_DATA
    assert feed.shown(-320_000_001).state is State.NO_DATA


@pytest.mark.parametrize("ppm", [0, 37, -211, 1000])
def test_steps_visit_every_frame_once_under_any_drift(reel: Reel, feeds: Feeds, ppm: int) -> None:
    timemap = TimeMap(((123_456_789, 0), (123_456_789 + NS * 10 + ppm * 10_000, NS * 10)))
    feed = feeds(reel.film("variable.mkv").path, timemap)
    feeds.until(lambda: feed.index is not None)
    index = feed.index
    assert index is not None
    at = timemap.to_reference(0)
    for number in range(1, len(index)):
        step = feed.frame_start(at, 1)
        assert step is not None
        at = step
        assert index.at(timemap.to_local(at)) == number
    for number in range(len(index) - 2, -1, -1):
        step = feed.frame_start(at, -1)
        assert step is not None
        at = step
        assert index.at(timemap.to_local(at)) == number


def test_a_film_that_cannot_be_read_says_why(tmp_path: Path, feeds: Feeds) -> None:
    path = tmp_path / "broken.mp4"
    path.write_bytes(b"\0" * 4000)
    feed = feeds(path)
    feed.want(0)
    feeds.until(lambda: feed.shown(0).state is State.FAILED)
    assert "broken.mp4" in feed.shown(0).message


def test_a_decoder_that_raises_is_told_and_the_thread_ends(
    reel: Reel, feeds: Feeds, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fall(*_: Any, **__: Any) -> None:
        raise ValueError("out of bits")

    monkeypatch.setattr(VideoReader, "read", fall)
    feed = feeds(reel.film("bframes.mp4").path)
    feed.want(0)
    feeds.until(lambda: feed.shown(0).state is State.FAILED)
    assert "out of bits" in feed.shown(0).message


def test_closing_ends_the_thread_while_it_decodes(reel: Reel, feeds: Feeds) -> None:
    feed = feeds(reel.film("long_gop.mp4").path)
    feeds.until(lambda: feed.index is not None)
    feed.want(4 * NS, playing=True)
    feed.close()
    assert not feed._thread.is_alive()


def test_a_closed_feed_and_its_pictures_go_at_once(reel: Reel, feeds: Feeds) -> None:
    """They are many megabytes, of which the search for garbage knows nothing."""

    def used() -> weakref.ref[PictureFeed]:
        feed = feeds(reel.film("long_gop.mp4").path)
        feed.want(4 * NS)
        feeds.until(lambda: exact(feed, 4 * NS))
        feed.want(2 * NS, dragging=True)  # its drafts have something to do too
        feeds.until(lambda: feed.shown(2 * NS).number is not None)
        feed.close()
        assert len(feed._cache) == 0
        return weakref.ref(feeds.made.pop())

    gc.collect()
    gc.disable()
    try:
        assert used()() is None
    finally:
        gc.enable()


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60  # the builder of proxies runs when nothing else wants the processor
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_after_a_drag_the_neighbours_wait_for_the_hand(
    reel: Reel, feeds: Feeds, monkeypatch: pytest.MonkeyPatch
) -> None:
    around: list[int] = []
    monkeypatch.setattr(PictureFeed, "_around", lambda self, reader, number: around.append(number))
    monkeypatch.setattr(pictures, "LET_GO_S", 60.0)
    feed = feeds(reel.film("bframes.mp4").path)
    feeds.until(lambda: feed.index is not None)
    patience = threading.Event()
    for number in (50, 90, 120):
        if number == 120:
            monkeypatch.setattr(pictures, "LET_GO_S", 0.0)
        at_ns = number * NS // 25
        feed.want(at_ns, dragging=True)
        feeds.until(partial(exact, feed, at_ns))
        feed.want(at_ns)
        while feed._dragged:  # until the hand's letting go was served
            assert not patience.wait(0.005)
    while not around and not patience.wait(0.01):
        pass
    assert around == [120]


def test_while_dragging_the_quick_picture_comes_before_the_exact_one_is_begun(
    reel: Reel, feeds: Feeds, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two decoders at a time would both be late."""
    feed = feeds(reel.film("bframes.mp4").path)
    feed.want(0)
    feeds.until(lambda: exact(feed, 0))
    assert feed.index is not None
    target = feed.index.key_before(len(feed.index) - 1) + 3
    assert target > 60  # nothing that was made ready at the start is nearer than the key frame
    at_ns = int(feed.index.start_ns[target])
    order: list[str] = []
    read, read_key = VideoReader.read, VideoReader.read_key

    def slowly(self: VideoReader, *at: Any, **how: Any) -> Any:
        time.sleep(0.02)  # the exact one has every chance to be first
        found = read_key(self, *at, **how)
        order.append("key")
        return found

    def exactly(self: VideoReader, number: int, *at: Any, **how: Any) -> Any:
        if number == target:
            order.append("exact")
        return read(self, number, *at, **how)

    monkeypatch.setattr(VideoReader, "read_key", slowly)
    monkeypatch.setattr(VideoReader, "read", exactly)
    feed.want(at_ns, dragging=True)
    feeds.until(lambda: exact(feed, at_ns))
    assert order == ["key", "exact"]


def test_a_key_frame_that_is_wished_for_again_meanwhile_is_read_once(
    reel: Reel, feeds: Feeds, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The window asks again with each repaint; and a single frame is not handed to a thread of its own."""
    feed = feeds(reel.film("bframes.mp4").path)
    feed.want(0)
    feeds.until(lambda: exact(feed, 0))
    assert feed.index is not None
    target = feed.index.key_before(len(feed.index) - 1) + 3
    at_ns = int(feed.index.start_ns[target])
    reading, go_on, ways = threading.Event(), threading.Event(), []
    read_key = VideoReader.read_key

    def gated(self: VideoReader, *at: Any, **how: Any) -> Any:
        ways.append(self._decoder.context.thread_type.name)
        reading.set()
        go_on.wait(10)
        return read_key(self, *at, **how)

    monkeypatch.setattr(VideoReader, "read_key", gated)
    monkeypatch.setattr("inspector.playback.pictures.DRAFT_FIRST_S", 10.0)
    feed.want(at_ns, dragging=True)
    assert reading.wait(10)
    feed.want(at_ns, dragging=True)
    go_on.set()
    feeds.until(lambda: exact(feed, at_ns))
    assert ways == ["SLICE"]
