"""Pictures of a film by presentation timestamp: exact seeks, scaling to what is shown.

A frame is never found by time × fps. The index (media.frames) holds every packet's pts; a time belongs to the
last frame that starts at or before it, and the decoder is run until exactly that pts comes out.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from inspector.media.frames import FrameIndex, frame_index, read_region
from inspector.media.opening import open_track

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from inspector.core.model import Source

SKIP_UNTIL_FRAMES = 8
"""Non-reference frames are skipped until this many frames before the target (facts.md, seeking)."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One decoded frame, scaled: BGRX rows of `stride` bytes. `number` and `span` are the index's.

    `pts_exact` is False where the file would not give the frame itself and a neighbour stands in.
    """

    number: int
    span: tuple[int, int]
    width: int
    height: int
    stride: int
    data: memoryview
    rotation: int = 0
    exact: bool = True
    owner: Any = None

    @property
    def nbytes(self) -> int:
        """What it takes in memory."""
        return self.stride * self.height


class VideoReader:
    """One open film track. Not safe to use from two threads; `close` it."""

    def __init__(
        self, source: Source, stop: Callable[[], bool] | None = None, index: FrameIndex | None = None
    ) -> None:
        """Open the decoder, and read the index where none is given.

        Raises InspectorError, and Cancelled where `stop` says yes.
        """
        import av
        from av.video.reformatter import VideoReformatter

        self._av = av
        assert source.track is not None
        self.index = frame_index(source.path, source.track, stop).of(source) if index is None else index
        self._source = source
        self._open()
        aspect = self._stream.sample_aspect_ratio or 1
        self.size = (max(1, round(self._context.width * aspect)), self._context.height)
        self._frames: Iterator[Any] | None = None
        self._next: Any = None
        self._skip_before = 0
        self._passed: list[Any] = []
        self._scaler = VideoReformatter()

    def _open(self) -> None:
        self._box, stream = open_track(self._source, "video")
        self._stream: Any = stream
        self._context = stream.codec_context
        self._context.thread_type = "AUTO"

    def close(self) -> None:
        """Let go of the file and the decoder."""
        self._frames = None
        self._next = None
        self._box.close()

    def read(
        self,
        number: int,
        fit: tuple[int, int],
        stop: Callable[[], bool] | None = None,
    ) -> Picture | None:
        """Decode frame `number` of the index, scaled to fit inside `fit` (width, height) px.

        The last few frames before it that were decoded on the way can be had from `passed` afterwards. `stop`
        is asked between frames; where it says yes the result is None. None too where the file gives no
        picture any more.
        """
        self._passed.clear()
        window = int(self.index.pts[max(0, number - SKIP_UNTIL_FRAMES)])
        target = int(self.index.pts[number])
        self._position(target)
        return self._until(number, window, fit, self._passed.append, stop)

    def read_run(
        self,
        first: int,
        last: int,
        fit: tuple[int, int],
        keep: Callable[[Picture], None],
        stop: Callable[[], bool],
    ) -> bool:
        """Decode frames `first` to `last` in one go, each told to `keep`; False where it was stopped."""
        self._passed.clear()
        window = int(self.index.pts[first])
        self._position(window)

        def passed(frame: Any) -> None:
            number = self.index.number_of(frame.pts)
            if number is not None:
                keep(self._picture(frame, fit, number))

        picture = self._until(last, window, fit, passed, stop)
        if picture is not None:
            keep(picture)
        return picture is not None and picture.exact

    def passed(self, fit: tuple[int, int]) -> Iterator[Picture]:
        """The frames that the last `read` came by, the nearest first: scaling takes longer than decoding."""
        while self._passed:
            frame = self._passed.pop()
            number = self.index.number_of(frame.pts)
            if number is not None:
                yield self._picture(frame, fit, number)

    def read_key(self, number: int, fit: tuple[int, int]) -> Picture | None:
        """The key frame from which `number` is decoded, alone and at once. The next read has to seek."""
        place = int(np.searchsorted(self.index.key_pts, self.index.pts[number], "right")) - 1
        if place < 0:
            return None
        self._seek(int(self.index.key_seek[place]))
        try:
            packet = next(packet for packet in self._box.demux(self._stream) if packet.is_keyframe)
            frames: list[Any] = [*packet.decode(), *self._context.decode(None)]
        except (StopIteration, self._av.FFmpegError):
            return None
        for frame in frames:
            stamp = frame.pts if frame.pts is not None else frame.dts
            at = None if stamp is None else self.index.number_of(stamp)
            if at is not None:
                return self._picture(frame, fit, at)
        return None

    def _until(
        self,
        number: int,
        window: int,
        fit: tuple[int, int],
        passed: Callable[[Any], None],
        stop: Callable[[], bool] | None,
    ) -> Picture | None:
        target = int(self.index.pts[number])
        behind: Any = None
        while True:
            frame = self._pull(window)
            if frame is None:
                return self._picture(behind, fit, number) if behind is not None else None
            if frame.pts is None or frame.pts < target:
                if stop is not None and stop():
                    return None
                if frame.pts is not None and frame.pts >= window:
                    passed(frame)
                behind = frame
                continue
            if frame.pts == target:
                return self._picture(frame, fit, number)
            self._next = frame  # the decoder skipped the target: show what stands before it, and say so
            return self._picture(behind if behind is not None else frame, fit, number)

    def region(self, local_ns: int) -> FrameIndex:
        """The index of the stretch of film about a time, read from there while the whole is not known."""
        found = read_region(self._box, self._stream, self._source, local_ns)
        self._frames = self._next = self._at = None  # the packets went by: the decoder has to seek again
        return found

    def read_on(self, fit: tuple[int, int]) -> Picture | None:
        """The frame behind the last one of a stretch's index, which grows by it; None at the film's end."""
        last = int(self.index.pts[-1])
        if self._next is not None or self._at != last:
            self.read(len(self.index) - 1, fit)
        frame = self._pull(last)
        if frame is None or frame.pts is None or frame.pts <= last:
            return None
        self.index = self.index.grown(frame.pts, Fraction(self._stream.time_base))
        return self._picture(frame, fit, len(self.index) - 1)

    def _position(self, target: int) -> None:
        """Leave the decoder where running on reaches `target`, seeking only where that is shorter."""
        keys = self.index.key_pts
        place = int(np.searchsorted(keys, target, "right")) - 1
        ahead = self._at is not None and self._at < target
        if self._next is not None and self._next.pts is not None and self._next.pts <= target:
            ahead = True
        if ahead and (place < 0 or self._at is None or keys[place] <= self._at):
            return
        while True:
            start = int(keys[place]) if place >= 0 else target
            self._seek(int(self.index.key_seek[place]) if place >= 0 else target)
            first = self._pull(start)
            if first is None or first.pts is None or first.pts <= target or place < 0:
                self._next = first
                self._at = None if first is None else (first.pts or 0) - 1
                return
            place -= 1  # the demuxer landed past the target: go one key frame further back

    _at: int | None = None
    """pts of the newest frame that came out of the decoder since the last seek."""

    def _seek(self, pts: int) -> None:
        self._frames = None
        self._next = None
        self._at = None
        self._passed.clear()
        try:
            self._box.seek(pts, stream=self._stream, backward=True)
        except (self._av.FFmpegError, OSError, OverflowError):
            self._box.close()
            self._open()  # some raw streams cannot be sought at all: read them from the start

    def _pull(self, window: int) -> Any:
        """The next frame out of the decoder; those before `window` may be skipped if nothing needs them."""
        self._skip_before = window
        if self._next is not None:
            frame, self._next = self._next, None
        else:
            if self._frames is None:
                self._frames = self._decode()
            frame = next(self._frames, None)
        if frame is not None and frame.pts is not None:
            self._at = frame.pts
        return frame

    def _decode(self) -> Iterator[Any]:
        context = self._context
        packets = self._box.demux(self._stream)
        while True:
            try:
                packet = next(packets)
            except (StopIteration, self._av.FFmpegError):
                return
            stamp = packet.pts if packet.pts is not None else packet.dts
            far = stamp is not None and stamp < self._skip_before and not packet.is_keyframe
            context.skip_frame = "NONREF" if far else "DEFAULT"
            try:
                frames: list[Any] = packet.decode()
            except self._av.FFmpegError:
                continue  # a broken packet: the next key frame mends the picture
            for frame in frames:
                if frame.pts is None:
                    frame.pts = frame.dts
                yield frame

    def _picture(self, frame: Any, fit: tuple[int, int], number: int) -> Picture:
        rotation = round(getattr(frame, "rotation", 0) or 0) % 360
        width, height = self.size if frame.height == self.size[1] else (frame.width, frame.height)
        box = fit if rotation % 180 == 0 else (fit[1], fit[0])
        factor = min(box[0] / width, box[1] / height, 1.0)
        width, height = max(2, round(width * factor)), max(2, round(height * factor))
        small = self._scaler.reformat(frame, width, height, "bgra", interpolation="AREA", threads=2)
        plane = small.planes[0]
        at = number if frame.pts == self.index.pts[number] else self.index.number_of(frame.pts)
        exact = at == number
        span = self.index.frame_span(number if at is None else at)
        return Picture(
            number if at is None else at,
            span,
            width,
            height,
            plane.line_size,
            memoryview(plane),
            rotation,
            exact,
            small,
        )
