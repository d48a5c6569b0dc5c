"""A still picture with the face of a film: one frame that lasts as long as the record."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from inspector.playback.shown import Shown, State

if TYPE_CHECKING:
    from collections.abc import Callable

    from inspector.core.model import Stream


class StillFeed:
    """The picture of one image stream. Asked like a PictureFeed; the time never matters."""

    index = None

    def __init__(self, stream: Stream, news: Callable[[], None]) -> None:
        self.stream = stream
        self.size: tuple[int, int] | None = None
        self._news = news
        self._shown = Shown(State.WAITING)
        self._thread = threading.Thread(target=self._load, name=f"inspector-still-{stream.id}", daemon=True)
        self._thread.start()

    def shown(self, reference_ns: int) -> Shown:
        """The picture, whatever the time; waiting until it was read."""
        return self._shown

    def want(self, reference_ns: int, playing: bool = False, dragging: bool = False) -> None:
        """Nothing to do: it is read once."""

    def fit(self, width: int, height: int) -> None:
        """Nothing to do: the view scales it."""

    def frame_start(self, reference_ns: int, step: int) -> int | None:
        """A still has no frames to step through."""
        return None

    @property
    def ended(self) -> bool:
        """Whether its thread is gone."""
        return not self._thread.is_alive()

    def close(self, wait: bool = True) -> None:
        """Wait for the reading to end."""
        if wait:
            self._thread.join()

    def _load(self) -> None:
        from inspector.media.image import read_image

        try:
            picture = read_image(self.stream.source.path)
            self.size = (picture.width, picture.height)
            self._shown = Shown(State.EXACT, picture, 0)
        except Exception as error:  # noqa: BLE001 - a decoder can raise anything; the view must say so
            self._shown = Shown(State.FAILED, message=f"{self.stream.source.path.name}: {error}")
        self._news()
