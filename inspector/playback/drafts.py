"""What can be shown at once while the exact picture is decoded: the proxy's, or the key frame before it."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, NamedTuple

from inspector.core.memory import give_back
from inspector.errors import InspectorError
from inspector.media.proxy import ProxyReader
from inspector.media.video import LONG_FRAMES, VideoReader

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from inspector.core.model import Stream
    from inspector.media.frames import FrameIndex
    from inspector.media.video import Picture

KEPT = 16
"""Pictures of the newest wishes."""
REST_S = 5.0
"""After so long without a drag the decoder of a long film is closed: FFmpeg holds a table of its frames."""

log = logging.getLogger(__name__)

Size = tuple[int, int]


class _Wish(NamedTuple):
    number: int
    fit: Size
    key_in: FrameIndex | None


class Drafts:
    """One thread with a one-slot mailbox, started when there is something for it to do. Thread-safe.

    It has a decoder of its own, so that the first picture of a drag waits for nothing that is under way.
    """

    def __init__(
        self, stream: Stream, news: Callable[[], None], keep: Callable[[Picture, Size], None]
    ) -> None:
        """`keep` takes key frames, which are exact pictures of their own time."""
        self._stream = stream
        self._news = news
        self._keep = keep
        self._wake = threading.Condition()
        self._wish: _Wish | None = None
        self._making: _Wish | None = None
        self._kept: dict[int, Picture] = {}
        self._proxy: tuple[Path, FrameIndex, FrameIndex] | None = None
        self._thread: threading.Thread | None = None
        self._closed = False
        self.rested = threading.Event()
        """Set while nothing is wished for or on its way."""
        self.rested.set()

    def use_proxy(self, folder: Path, whole: FrameIndex, shown: FrameIndex) -> None:
        """There is, or will be, a proxy in this folder; `shown` is the part of the film that is asked for."""
        with self._wake:
            self._proxy = (folder, whole, shown)

    @property
    def alive(self) -> bool:
        """Whether its thread runs."""
        return self._thread is not None and self._thread.is_alive()

    def get(self, number: int) -> Picture | None:
        """The small picture of a frame, where it was wished for and has come."""
        return self._kept.get(number)

    def nearer(self, number: int, other: Picture | None) -> Picture | None:
        """The picture whose frame is nearest, of those that have come and another."""
        known = [*self._kept.values(), *([] if other is None else [other])]
        return min(known, key=lambda each: abs(each.number - number), default=None)

    def want(self, number: int, fit: Size, key_in: FrameIndex | None) -> None:
        """The newest wish replaces the one before it. With an index, the key frame will do."""
        if self._proxy is None and key_in is None:
            return
        with self._wake:
            if self._closed or number in self._kept or (self._thread is not None and not self.alive):
                return
            wish = _Wish(number, fit, key_in)
            making = self._making
            if making is not None and making[:2] == wish[:2] and making.key_in is key_in:
                self._wish = None
                return
            self._wish = wish
            self.rested.clear()
            self._wake.notify()
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._work, name=f"inspector-drafts-{self._stream.id}", daemon=True
                )
                self._thread.start()

    def clear(self) -> None:
        """Forget what has come."""
        with self._wake:
            self._kept = {}

    def close(self, wait: bool = True) -> None:
        """End the thread, and let go of whoever keeps what it made."""
        with self._wake:
            self._closed = True
            self._kept = {}
            self._keep = lambda *_: None
            self.rested.set()
            self._wake.notify()
        if wait and self._thread is not None:
            self._thread.join()

    def _work(self) -> None:
        proxy: ProxyReader | None = None
        scout: VideoReader | None = None
        try:
            while True:
                with self._wake:
                    self._making = None
                    while self._wish is None and not self._closed:
                        self.rested.set()
                        long = scout is not None and len(scout.index) > LONG_FRAMES
                        if not self._wake.wait(REST_S if long else None) and scout is not None:
                            scout.close()
                            scout = None
                            give_back()
                    if self._closed or self._wish is None:
                        return
                    wish = self._making = self._wish
                    self._wish = None
                proxy = proxy or self._open_proxy()
                if proxy is not None and self._from_proxy(proxy, wish.number, wish.fit):
                    continue
                if wish.key_in is not None:
                    key = wish.key_in.key_before(wish.number)
                    if proxy is not None and self._from_proxy(proxy, key, wish.fit):
                        continue  # the builder begins with the key frames
                    scout = scout or VideoReader(self._stream.source, index=wish.key_in, alone=True)
                    scout.index = wish.key_in
                    picture = scout.read_key(wish.number, wish.fit)
                    if picture is not None:
                        self._keep(picture, wish.fit)
                        self._news()
        except InspectorError:
            pass  # the feed itself says what is wrong with the film
        except Exception:
            log.exception("drafts of %s", self._stream.source.path)
        finally:
            self.rested.set()
            for reader in (proxy, scout):
                if reader is not None:
                    reader.close()

    def _open_proxy(self) -> ProxyReader | None:
        track = self._stream.source.track
        if self._proxy is None or track is None:
            return None
        try:
            return ProxyReader(self._proxy[0], track, *self._proxy[1:])
        except OSError:
            return None  # not begun yet

    def _from_proxy(self, proxy: ProxyReader, number: int, fit: Size) -> bool:
        rotation = round(float(str(self._stream.meta.get("rotation") or 0))) % 360
        picture = self._kept.get(number) or proxy.read(number, fit, rotation)
        if picture is None:
            return False
        with self._wake:
            kept = {**self._kept, number: picture}
            while len(kept) > KEPT:
                kept.pop(next(iter(kept)))
            self._kept = kept
        self._news()
        return True
