"""One thread a camera keeps the right pictures ready: newest wish wins, neighbours are kept, ahead is read.

A view asks `shown(time)`, which only looks up the index and the cache, and paints what it gets. What is
missing is wished for with `want`; when it has come, `news` is called from the thread.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from inspector.errors import Cancelled, InspectorError
from inspector.media.video import VideoReader

if TYPE_CHECKING:
    from collections.abc import Callable

    from inspector.core.model import Stream
    from inspector.media.frames import FrameIndex
    from inspector.media.video import Picture

AHEAD_NS = 400_000_000
"""How much is decoded ahead of the playhead while playing."""

log = logging.getLogger(__name__)


class State(Enum):
    """What a view can show for a time."""

    EXACT = "exact"
    WAITING = "waiting"
    NO_DATA = "no data"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Shown:
    """The answer to "what belongs on screen at this time": for WAITING `picture` is the nearest one known."""

    state: State
    picture: Picture | None = None
    number: int | None = None
    message: str = ""


@dataclass(frozen=True, slots=True)
class _Wish:
    number: int
    playing: bool
    dragging: bool


class PictureFeed:
    """The pictures of one video stream, scaled to one size. Thread-safe; `close` it."""

    def __init__(self, stream: Stream, news: Callable[[], None], budget_bytes: int = 96 << 20) -> None:
        self.stream = stream
        self._news = news
        self._budget = budget_bytes
        self._wake = threading.Condition()
        self._cache: dict[int, Picture] = {}
        self._bytes = 0
        self._center = 0
        self._index: FrameIndex | None = None
        self._failure = ""
        self._gone: set[int] = set()  # frames that the file would not give
        self._wish: _Wish | None = None
        self._fit = (640, 360)
        self._size: tuple[int, int] | None = None
        self._closed = False
        self._thread = threading.Thread(
            target=self._work, name=f"inspector-pictures-{stream.id}", daemon=True
        )
        self._thread.start()

    # -- asked by the view ---------------------------------------------------------------------------------

    @property
    def index(self) -> FrameIndex | None:
        """The film's frames, None until it was read."""
        return self._index

    @property
    def size(self) -> tuple[int, int] | None:
        """The film's own width and height as displayed, before rotation; None until it was opened."""
        return self._size

    def shown(self, reference_ns: int) -> Shown:
        """What belongs on screen at a reference time, from what is in memory. Never waits."""
        with self._wake:
            if self._failure:
                return Shown(State.FAILED, message=self._failure)
            index = self._index
            if index is None:
                return Shown(State.WAITING)
            number = index.at(self.stream.timemap.to_local(reference_ns))
            if number is None:
                return Shown(State.NO_DATA)
            picture = self._cache.get(number)
            if picture is not None and picture.damaged:
                return Shown(State.FAILED, picture, number, "this frame is damaged")
            if picture is not None:
                return Shown(State.EXACT, picture, number)
            near = min(self._cache, key=lambda each: abs(each - number), default=None)
            stand_in = None if near is None else self._cache[near]
            if number in self._gone:
                return Shown(State.FAILED, stand_in, number, "this frame cannot be decoded")
            return Shown(State.WAITING, stand_in, number)

    def want(self, reference_ns: int, playing: bool = False, dragging: bool = False) -> None:
        """The newest wish replaces the one before it; the frame being decoded is finished first."""
        with self._wake:
            if self._index is None:
                self._early = (reference_ns, playing, dragging)
                return
            number = self._index.at(self.stream.timemap.to_local(reference_ns))
            if number is None:
                # Before the film begins its first frames are what will be needed.
                number = 0 if self.stream.timemap.to_local(reference_ns) < 0 and len(self._index) else None
            self._wish = None if number is None else _Wish(number, playing, dragging)
            self._wake.notify()

    _early: tuple[int, bool, bool] | None = None
    """A wish from before the index was there."""

    def fit(self, width: int, height: int) -> None:
        """Pictures are made to fit this many px from now on."""
        with self._wake:
            if (width, height) != self._fit and width > 1 and height > 1:
                self._fit = (width, height)
                self._cache.clear()
                self._bytes = 0

    def frame_start(self, reference_ns: int, step: int) -> int | None:
        """When the frame `step` away from the one at a reference time starts; None if unknown."""
        index = self._index
        if index is None or not len(index):
            return None
        local = self.stream.timemap.to_local(reference_ns)
        number = index.at(local)
        if number is None:
            number = len(index) if local >= index.end_ns else -1
        number = min(max(number + step, 0), len(index) - 1)
        # A map that stretches may round a nanosecond into the frame before: step over it.
        at = self.stream.timemap.to_reference(int(index.start_ns[number]))
        return at if self.stream.timemap.to_local(at) >= index.start_ns[number] else at + 1

    @property
    def ended(self) -> bool:
        """Whether its thread is gone, after `close`."""
        return not self._thread.is_alive()

    def close(self, wait: bool = True) -> None:
        """Stop after the frame that is being decoded."""
        with self._wake:
            self._closed = True
            self._wake.notify()
        if wait:
            self._thread.join()

    # -- the thread ----------------------------------------------------------------------------------------

    def _work(self) -> None:
        reader: VideoReader | None = None
        try:
            reader = VideoReader(self.stream.source, self._stop)
        except Cancelled:
            return
        except InspectorError as error:
            self._fail(str(error))
        except Exception as error:
            log.exception("opening %s", self.stream.source.path)
            self._fail(f"{self.stream.source.path.name}: {error}")
        if reader is None:
            return
        with self._wake:
            self._index = reader.index
            self._size = reader.size
            if not len(reader.index):
                self._failure = f"{self.stream.source.path.name} holds no pictures"
            early = self._early
        if early is not None:
            self.want(*early)
        self._news()
        try:
            while True:
                with self._wake:
                    while not self._closed and self._wish is None:
                        self._wake.wait()
                    if self._closed:
                        return
                    wish, self._wish = self._wish, None
                    assert wish is not None
                    self._center = wish.number
                self._serve(reader, wish)
        except Exception as error:
            log.exception("decoding %s", self.stream.source.path)
            self._fail(f"{self.stream.source.path.name}: {error}")
        finally:
            reader.close()

    def _fail(self, message: str) -> None:
        with self._wake:
            self._failure = message
        self._news()

    def _stop(self) -> bool:
        return self._closed

    def _serve(self, reader: VideoReader, wish: _Wish) -> None:
        if wish.number not in self._cache and wish.number not in self._gone:
            if wish.dragging:
                key = reader.index.key_before(wish.number)
                nearest = min((abs(each - wish.number) for each in self._cache), default=1 << 30)
                if key != wish.number and wish.number - key < nearest and key not in self._cache:
                    self._decode(reader, key)
                    if self._wish is not None:
                        return
            self._decode(reader, wish.number)
        if wish.playing:
            self._ahead(reader, wish.number)

    def _ahead(self, reader: VideoReader, number: int) -> None:
        """Fill the cache in front of the playhead until a new wish says where it is now."""
        assert self._index is not None
        until = int(self._index.start_ns[number]) + AHEAD_NS
        for each in range(number + 1, len(self._index)):
            with self._wake:
                # A wish inside what is ready only moves the target; it need not stop the reading.
                newer = self._wish
                if self._closed or (newer is not None and newer.number not in self._cache):
                    return
                if newer is not None:
                    self._center = newer.number
                    until = int(self._index.start_ns[newer.number]) + AHEAD_NS
                full = self._bytes > self._budget * 3 // 4 and each - self._center > 2
                done = int(self._index.start_ns[each]) > until or full
                if not done and each in self._cache:
                    continue
            if done:
                return
            if each not in self._gone:
                self._decode(reader, each)

    def _decode(self, reader: VideoReader, number: int) -> None:
        fit = self._fit
        picture = reader.read(number, fit, keep=lambda passed: self._keep(passed, fit), stop=self._stop)
        if self._closed:
            return
        if picture is None or picture.number != number:
            self._gone.add(number)
        if picture is not None:
            self._keep(picture, fit)
        self._news()

    def _keep(self, picture: Picture, fit: tuple[int, int]) -> None:
        with self._wake:
            if fit != self._fit or picture.number in self._cache:
                return
            self._cache[picture.number] = picture
            self._bytes += picture.nbytes
            while self._bytes > self._budget and len(self._cache) > 2:
                farthest = max(self._cache, key=lambda each: abs(each - self._center))
                self._bytes -= self._cache.pop(farthest).nbytes
