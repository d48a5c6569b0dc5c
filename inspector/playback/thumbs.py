"""Small pictures for the film strip, made one after the other behind everything else."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

from inspector.errors import Cancelled, InspectorError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from inspector.core.model import Stream
    from inspector.media.video import Picture, VideoReader

DRIP_S = 0.25
"""While the player needs the machine there is one thumbnail in this time."""

log = logging.getLogger(__name__)


class ThumbFeed:
    """Thumbnails of the video streams of one record. A new request for a stream replaces its older one."""

    def __init__(self, pause: Callable[[], bool], held: Callable[[], bool] = lambda: False) -> None:
        """`pause`: whether the player needs the machine more just now; `held`: all of it."""
        self._pause = pause
        self._held = held
        self._wake = threading.Condition()
        self._asked: dict[str, tuple[Stream, list[int], int, Callable[[int, Picture], None]]] = {}
        self._closed = False
        self._making = False
        self._made = 0.0
        self._thread: threading.Thread | None = None

    def request(
        self, stream: Stream, at_ns: Sequence[int], height: int, got: Callable[[int, Picture], None]
    ) -> None:
        """Pictures at these reference times, `height` px high; `got` is called in the thread."""
        with self._wake:
            self._asked[stream.id] = (stream, sorted(at_ns), height, got)
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(target=self._work, name="inspector-thumbs", daemon=True)
                self._thread.start()
            self._wake.notify()

    @property
    def idle(self) -> bool:
        """Whether all that was asked for has been given."""
        with self._wake:
            return not self._asked and not self._making

    @property
    def ended(self) -> bool:
        """Whether its thread is gone, after `close`."""
        return self._thread is None or not self._thread.is_alive()

    @property
    def _more(self) -> bool:
        """Whether there is a picture to be made yet."""
        with self._wake:
            return any(times for _, times, _, _ in self._asked.values())

    def close(self, wait: bool = True) -> None:
        """Drop what was asked for and end the thread after the picture it is making."""
        with self._wake:
            self._closed = True
            self._asked.clear()
            self._wake.notify()
        if wait and self._thread is not None:
            self._thread.join()

    def _next(self) -> tuple[Stream, int, int, Callable[[int, Picture], None]] | None:
        with self._wake:
            self._making = False
            while not self._closed:
                for stream_id, (stream, times, height, got) in list(self._asked.items()):
                    if times:
                        if self._held() or (self._pause() and time.monotonic() - self._made < DRIP_S):
                            self._wake.wait(DRIP_S)
                            break
                        self._made = time.monotonic()
                        self._making = True
                        return stream, times.pop(0), height, got
                    del self._asked[stream_id]
                else:
                    self._wake.wait()
        return None

    def _stop(self) -> bool:
        return self._closed or self._held()

    def _put_back(self, stream_id: str, at_ns: int) -> None:
        """It was begun when the player came to need the machine: it comes first when that is over."""
        with self._wake:
            if stream_id in self._asked and at_ns not in (times := self._asked[stream_id][1]):
                times.insert(0, at_ns)

    def _work(self) -> None:
        from inspector.core.memory import give_back
        from inspector.media.video import LONG_FRAMES, VideoReader

        readers: dict[str, VideoReader | None] = {}
        while (job := self._next()) is not None:
            stream, at_ns, height, got = job
            if stream.id not in readers:
                for other, held in list(readers.items()):
                    if held is not None and len(held.index) > LONG_FRAMES:
                        held.close()
                        del readers[other]
                try:
                    readers[stream.id] = VideoReader(stream.source, lambda: self._closed)
                except (Cancelled, InspectorError):
                    readers[stream.id] = None  # the stage says what is wrong with it
            reader = readers[stream.id]
            if reader is None:
                continue
            number = reader.index.at(stream.timemap.to_local(at_ns))
            if number is None:
                continue
            try:
                picture = reader.read(number, (height * 4, height), self._stop)
            except Exception:
                log.exception("thumbnail of %s", stream.source.path)
                readers[stream.id] = None
                continue
            if picture is not None:
                got(at_ns, picture)
            elif self._stop():
                self._put_back(stream.id, at_ns)
            if len(reader.index) > LONG_FRAMES and not self._more:
                reader.close()
                del readers[stream.id], reader
                give_back()
        for reader in readers.values():
            if reader is not None:
                reader.close()
