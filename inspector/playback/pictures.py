"""One thread a camera keeps the right pictures ready: newest wish wins, neighbours are kept, ahead is read.

A view asks `shown(time)`, which only looks up the index and the cache, and paints what it gets. What is
missing is wished for with `want`; when it has come, `news` is called from the thread. Where the film has a
proxy, a second thread gives its small picture of the same frame first.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

from inspector.errors import Cancelled, InspectorError
from inspector.media.frames import EMPTY, frame_index, quick_index
from inspector.media.video import VideoReader
from inspector.playback.drafts import Drafts
from inspector.playback.picture_cache import PictureCache
from inspector.playback.shown import Shown, State

if TYPE_CHECKING:
    from collections.abc import Callable

    from inspector.core.model import Stream
    from inspector.media.frames import FrameIndex
    from inspector.media.video import Picture
    from inspector.playback.proxies import Proxies

AHEAD_NS = 400_000_000
"""How much is decoded ahead of the playhead while playing."""
DRAFT_FIRST_S = 0.15
"""While dragging the exact picture waits so long for the quick one."""
LET_GO_S = 0.25
"""So long after a drag its neighbours wait: a hand that takes hold again needs the machine for itself."""
AROUND, BEHIND = 24, 8
"""Frames kept ready on the side to which the curator steps, and on the other, when nothing else is to do."""
MOST_PICTURES = 64
"""Of the size that is shown: with more the cache would only hold what nobody comes back to."""
NEIGHBOURS_SHARE = 0.6
"""Of the budget; the rest holds what was shown before."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Wish:
    number: int
    playing: bool
    dragging: bool
    missed: bool
    """Whether the frame was not there when it was wished for: whoever wished waits for news of it."""


class PictureFeed:
    """The pictures of one video stream, scaled to one size. Thread-safe; `close` it."""

    def __init__(
        self,
        stream: Stream,
        news: Callable[[], None],
        budget_bytes: int = 96 << 20,
        proxies: Proxies | None = None,
    ) -> None:
        self.stream = stream
        self._news = news
        self._budget = self._room = budget_bytes
        self._wake = threading.Condition()
        self._known: tuple[FrameIndex | None, PictureCache] = (None, PictureCache(budget_bytes))
        """The film's frames and the pictures that are numbered by them, always replaced as a pair."""
        self._failure = ""
        self._gone: set[int] = set()  # frames that the file would not give
        self._wish: _Wish | None = None
        self._place_ns: int | None = None  # a wish outside the stretch of the film that is known
        self._moved = 1  # which way the last wish went: +1 or -1
        self._served, self._dragged = 0, False
        self._fit = (640, 360)
        self._size: tuple[int, int] | None = None
        self._closed = False
        self._proxies = proxies
        self._drafts = Drafts(stream, news, self._keep)
        self._helper: threading.Thread | None = None
        self._thread = threading.Thread(
            target=self._work, name=f"inspector-pictures-{stream.id}", daemon=True
        )
        self._thread.start()

    # -- asked by the view ---------------------------------------------------------------------------------

    @property
    def index(self) -> FrameIndex | None:
        """The film's frames, None until something of it was read; of a large film first a stretch of it."""
        return self._known[0]

    _index = index

    @property
    def _cache(self) -> PictureCache:
        return self._known[1]

    @property
    def size(self) -> tuple[int, int] | None:
        """The film's own width and height as displayed, before rotation; None until it was opened."""
        return self._size

    def shown(self, reference_ns: int) -> Shown:
        """What belongs on screen at a reference time, from what is in memory. Never waits, not for a lock."""
        if self._failure:
            return Shown(State.FAILED, message=self._failure)
        index, cache = self._known
        if index is None:
            return Shown(State.WAITING)
        local_ns = self.stream.timemap.to_local(reference_ns)
        if not index.holds(local_ns):
            span = self.stream.span
            if span is not None and not span[0] <= local_ns < span[1]:
                return Shown(State.NO_DATA)
            return Shown(State.WAITING)
        number = index.at(local_ns)
        if number is None:
            return Shown(State.NO_DATA)
        picture = cache.get(number)
        if picture is not None and picture.damaged:
            return Shown(State.FAILED, picture, number, "this frame is damaged")
        if picture is not None:
            return Shown(State.EXACT, picture, number)
        draft = self._drafts.get(number)
        if draft is not None:
            return Shown(State.DRAFT, draft, number)
        stand_in = self._drafts.nearer(number, cache.nearest(number))
        if number in self._gone:
            return Shown(State.FAILED, stand_in, number, "this frame cannot be decoded")
        return Shown(State.WAITING, stand_in, number)

    def want(self, reference_ns: int, playing: bool = False, dragging: bool = False) -> None:
        """The newest wish replaces the one before it; the frame being decoded is finished first."""
        if playing and self._look_ahead(reference_ns):
            return
        with self._wake:
            self._asked = (reference_ns, playing, dragging)
            if self._index is None:
                return
            local_ns = self.stream.timemap.to_local(reference_ns)
            if not self._index.holds(local_ns):
                self._place_ns = local_ns
                self._wake.notify()
                return
            self._place_ns = None
            number = self._index.at(local_ns)
            if number is None:
                # Before the film begins its first frames are what will be needed.
                number = 0 if local_ns < 0 and len(self._index) else None
            missed = number is not None and number not in self._cache and number not in self._gone
            if number is not None:
                self._cache.center = number
                if missed:
                    self._want_draft(number, dragging)
            self._wish = None if number is None else _Wish(number, playing, dragging, missed)
            self._wake.notify()

    def _look_ahead(self, reference_ns: int) -> bool:
        """Where the picture is there, only say that the playhead went on, and wait for no lock: a decoder may
        hold it that waits for a processor. A word that is lost for that is said again with the next tick."""
        index, cache = self._known
        local_ns = self.stream.timemap.to_local(reference_ns)
        number = index.at(local_ns) if index is not None and index.holds(local_ns) else None
        if number is None or number not in cache:
            return False
        if number == self._served and self._idle:
            return True  # all that is ahead of this very frame is there
        self._asked = (reference_ns, True, False)
        self._place_ns = None
        cache.center = number
        self._wish = _Wish(number, True, False, missed=False)
        if self._wake.acquire(blocking=False):
            try:
                self._wake.notify()
            finally:
                self._wake.release()
        return True

    def _want_draft(self, number: int, dragging: bool) -> None:
        """What can be had before the exact picture: the proxy's, or (dragging) a nearer key frame's."""
        assert self._index is not None
        if self._proxies is not None:
            self._proxies.focus(self.stream.source.path, int(self._index.pts[number]))
        key = self._index.key_before(number)
        near = self._cache.nearest(number)
        nearer = near is None or number - key < abs(near.number - number)
        self._drafts.want(number, self._fit, self._index if dragging and nearer and key != number else None)

    _asked: tuple[int, bool, bool] | None = None
    """The newest wish as it was made: another index finds another frame for it."""

    def fit(self, width: int, height: int) -> None:
        """Pictures are made to fit this many px from now on."""
        with self._wake:
            if (width, height) != self._fit and width > 1 and height > 1:
                self._fit = (width, height)
                self._cache.clear()
                self._room = self._cache.budget = min(self._budget, MOST_PICTURES * width * height * 4)
                self._drafts.clear()

    def frame_start(self, reference_ns: int, step: int) -> int | None:
        """When the frame `step` away from the one at a reference time starts; None if unknown."""
        index = self._index
        if index is None or not len(index):
            return None
        local = self.stream.timemap.to_local(reference_ns)
        number = index.at(local)
        if number is None:
            number = len(index) if local >= index.end_ns else -1
        if not index.whole and not 0 <= number + step < len(index):
            return None
        number = min(max(number + step, 0), len(index) - 1)
        # A map that stretches may round a nanosecond into the frame before: step over it.
        at = self.stream.timemap.to_reference(int(index.start_ns[number]))
        return at if self.stream.timemap.to_local(at) >= index.start_ns[number] else at + 1

    @property
    def idle(self) -> bool:
        """Whether all that was wished for, and its neighbours, are there."""
        with self._wake:
            return self._idle and self._wish is None

    _idle = False

    @property
    def ended(self) -> bool:
        """Whether its threads are gone, after `close`."""
        helper = self._helper
        return not (self._thread.is_alive() or self._drafts.alive or (helper and helper.is_alive()))

    def close(self, wait: bool = True) -> None:
        """Stop after the frame that is being decoded. The pictures go at once, not with the next garbage."""
        with self._wake:
            self._closed = True
            self._cache.clear()
            self._wake.notify()
        self._drafts.close(wait)
        if wait:
            self._thread.join()
            if self._helper is not None:
                self._helper.join()

    # -- the thread ----------------------------------------------------------------------------------------

    def _work(self) -> None:
        reader: VideoReader | None = None
        try:
            reader = self._opened()
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
            self._size = reader.size
        self._know(reader, reader.index)
        try:
            while True:
                with self._wake:
                    while not (self._closed or self._wish or self._place_ns is not None or self._whole):
                        self._idle = True
                        self._wake.wait()
                    self._idle = False
                    if self._closed:
                        return
                    place_ns, self._place_ns = self._place_ns, None
                    wish, self._wish = self._wish, None
                    whole, self._whole = self._whole, None
                if whole is not None:
                    self._know(reader, whole)  # from now on all counts by the whole film's index
                elif place_ns is not None:
                    self._know(reader, self._region(reader, place_ns))
                elif wish is not None:
                    self._serve(reader, wish)
        except Exception as error:
            log.exception("decoding %s", self.stream.source.path)
            self._fail(f"{self.stream.source.path.name}: {error}")
        finally:
            reader.close()

    def _opened(self) -> VideoReader:
        """The reader, with the film's index where that is quickly had, else with a stretch's."""
        source = self.stream.source
        assert source.track is not None
        index = quick_index(source.path, source.track, self._stop)
        if index is not None:
            return VideoReader(source, self._stop, index.of(source))
        reader = VideoReader(source, self._stop, EMPTY)
        asked = self._asked
        start = self.stream.timemap.to_local(asked[0]) if asked is not None else 0
        reader.index = self._region(reader, start)
        self._helper = threading.Thread(
            target=self._read_whole, name=f"inspector-index-{self.stream.id}", daemon=True
        )
        self._helper.start()
        return reader

    def _region(self, reader: VideoReader, local_ns: int) -> FrameIndex:
        span = self.stream.span
        if span is not None:
            local_ns = min(max(local_ns, span[0]), span[1] - 1)
        return reader.region(local_ns)

    _whole: FrameIndex | None = None
    """The index of the whole film, when its packets have been read behind."""

    def _read_whole(self) -> None:
        source = self.stream.source
        assert source.track is not None
        try:
            whole = frame_index(source.path, source.track, self._stop)
        except (Cancelled, InspectorError):
            return  # what can be shown is shown by stretches
        with self._wake:
            self._whole = whole.of(source)
            self._wake.notify()

    def _know(self, reader: VideoReader, index: FrameIndex) -> None:
        """Take another index; pictures that it knows too are kept."""
        with self._wake:
            old, cache = self._known
            reader.index = index
            if old is not None:
                cache = cache.renumbered(
                    lambda number: index.number_of(int(old.pts[number])), index.frame_span
                )
            self._known = index, cache
            self._gone.clear()
            self._wish = None
            if not len(index):
                self._failure = f"{self.stream.source.path.name} holds no pictures"
            asked = self._asked
        self._seek_proxy(index)
        if asked is not None:
            self.want(*asked)
        self._news()

    def _seek_proxy(self, index: FrameIndex) -> None:
        source = self.stream.source
        if self._proxies is not None and index.whole and source.track is not None:
            whole = frame_index(source.path, source.track, self._stop)
            folder = self._proxies.film(source.path, source.track, whole)
            if folder is not None:
                self._drafts.use_proxy(folder, whole, index)

    def _fail(self, message: str) -> None:
        with self._wake:
            self._failure = message
        self._news()

    def _stop(self) -> bool:
        return self._closed

    def _served_else(self) -> bool:
        """Whether a wish came in that what is ready does not fulfil."""
        newer = self._wish
        return (
            self._closed
            or self._place_ns is not None
            or (newer is not None and newer.number not in self._cache)
        )

    def _serve(self, reader: VideoReader, wish: _Wish) -> None:
        let_go, self._dragged = self._dragged and not wish.dragging, wish.dragging
        if wish.number != self._served:
            self._moved = 1 if wish.number > self._served else -1
            self._served = wish.number
        self._cache.budget = self._room // 2 if wish.playing else self._room
        if wish.dragging and wish.missed:
            # The hand wants something at once: two decoders at a time would both be late.
            self._drafts.rested.wait(DRAFT_FIRST_S)
            if self._closed or self._wish is not None:
                return
        if wish.number not in self._cache and wish.number not in self._gone:
            self._decode(reader, wish.number)
        elif wish.missed:
            self._news()  # it came by on the way to another, between the wish and now
        if wish.playing:
            self._ahead(reader, wish.number)
        elif not wish.dragging:
            with self._wake:
                again = let_go and self._wake.wait_for(
                    lambda: self._closed or self._wish is not None or self._place_ns is not None, LET_GO_S
                )
            if not again:
                self._around(reader, wish.number)

    def _ahead(self, reader: VideoReader, number: int) -> None:
        """Fill the cache in front of the playhead until a new wish says where it is now."""
        until = int(reader.index.start_ns[number]) + AHEAD_NS
        for each in count(number + 1):
            with self._wake:
                # A wish inside what is ready only moves the target; it need not stop the reading.
                if self._served_else():
                    return
                if self._wish is not None:
                    until = int(reader.index.start_ns[self._wish.number]) + AHEAD_NS
                full = self._cache.bytes > self._cache.budget * 3 // 4 and each - self._cache.center > 2
                known = each < len(reader.index)
                if full or (known and int(reader.index.start_ns[each]) > until):
                    return
                if each in self._cache or each in self._gone:
                    continue
            if known:
                self._decode(reader, each)
            elif reader.index.whole or not self._read_on(reader):
                return

    def _read_on(self, reader: VideoReader) -> bool:
        """One frame more than the stretch holds that is known; False at the film's end."""
        fit = self._fit
        picture = reader.read_on(fit)
        if picture is None:
            return False
        with self._wake:
            self._known = reader.index, self._cache
        self._keep(picture, fit)
        return True

    def _around(self, reader: VideoReader, number: int) -> None:
        """Make the neighbours ready, first on the side to which the curator moves, until something is wished.

        Backward a whole group is decoded once for many frames, so that stepping back is as quick as forward.
        """
        shown = self._cache.get(number)
        if shown is None:
            return
        room = self._cache.room(shown.nbytes, NEIGHBOURS_SHARE)
        sides = {self._moved: min(AROUND, room * 3 // 4), -self._moved: min(BEHIND, room // 4)}
        for side, most in sides.items():
            ready = self._cache.run(number, side)
            if ready > most // 2:
                continue
            if side > 0:
                for each in range(number + ready + 1, min(number + most + 1, len(reader.index))):
                    if self._wish is not None or self._closed:
                        return
                    if each not in self._gone:
                        self._decode(reader, each)
            else:
                last, first = number - ready - 1, max(number - most, 0)
                while last >= first and last not in self._gone:
                    from_ = max(first, reader.index.key_before(last))
                    if not self._fill(reader, from_, last):
                        return
                    last = from_ - 1

    def _fill(self, reader: VideoReader, first: int, last: int) -> bool:
        """Decode and keep frames `first` to `last`, in one run; False where a wish came between."""
        fit = self._fit
        return reader.read_run(
            first,
            last,
            fit,
            keep=lambda passed: self._keep(passed, fit),
            stop=lambda: self._closed or self._wish is not None,
        )

    def _decode(self, reader: VideoReader, number: int) -> None:
        fit = self._fit
        picture = reader.read(number, fit, stop=self._stop)
        if self._closed:
            return
        if picture is None or picture.number != number:
            self._gone.add(number)
        if picture is not None:
            self._keep(picture, fit)
        self._news()
        for passed in reader.passed(fit):
            self._keep(passed, fit)
            if self._wish is not None or self._closed:
                return  # what was wished for comes first

    def _keep(self, picture: Picture, fit: tuple[int, int]) -> None:
        with self._wake:
            if fit == self._fit and not self._closed:
                self._cache.add(picture)
