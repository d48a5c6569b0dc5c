"""Pictures of a film by presentation timestamp: a demux-only index, exact seeks, scaling to what is shown.

A frame is never found by time × fps. The index holds every packet's pts; a time belongs to the last frame
that starts at or before it, and the decoder is run until exactly that pts comes out.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from fractions import Fraction
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from inspector.core.times import NS
from inspector.errors import Cancelled, InspectorError
from inspector.media.opening import open_film, open_track, reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from inspector.core.model import Source

SKIP_UNTIL_FRAMES = 8
"""Non-reference frames are skipped until this many frames before the target (facts.md, seeking)."""


@dataclass(frozen=True, slots=True)
class FrameIndex:
    """Every frame of one video track in presentation order.

    `pts` (n,) in the track's time base; `start_ns` (n,) the same in the file's local time (container zero
    taken off); `end_ns` where the last frame ends; `key_pts` the key frames' pts, and `key_seek` what to ask
    the demuxer for to land on each: MPEG-TS and PS look for a dts, and a pts would land behind the key.
    """

    pts: NDArray[np.int64]
    start_ns: NDArray[np.int64]
    end_ns: int
    key_pts: NDArray[np.int64]
    key_seek: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.pts)

    def at(self, local_ns: int) -> int | None:
        """The number of the frame shown at a local time, None before the first and from the end on."""
        if not len(self.pts) or local_ns >= self.end_ns:
            return None
        number = int(np.searchsorted(self.start_ns, local_ns, "right")) - 1
        return number if number >= 0 else None

    def frame_span(self, number: int) -> tuple[int, int]:
        """When the frame is on, local ns: until the next one starts."""
        last = number + 1 >= len(self.start_ns)
        return int(self.start_ns[number]), self.end_ns if last else int(self.start_ns[number + 1])

    def cut(self, start_ns: int, end_ns: int | None) -> FrameIndex:
        """The frames that start in `[start_ns, end_ns)`, with local time 0 at `start_ns`."""
        # Times cut out of a longer film come as floats of frame counts: forgive a microsecond.
        end = self.end_ns if end_ns is None else min(end_ns, self.end_ns)
        chosen = (self.start_ns >= start_ns - 1000) & (self.start_ns < end - 1000)
        return FrameIndex(
            self.pts[chosen], self.start_ns[chosen] - start_ns, end - start_ns, self.key_pts, self.key_seek
        )


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


def build_index(path: Path, track: int, stop: Callable[[], bool] | None = None) -> FrameIndex:
    """Read a track's packets without decoding. Broken packets end it; InspectorError if unreadable."""
    import av

    from inspector.media.probe import LATEST_NS, PTS_ZERO, container_zero_ns

    pts: list[int] = []
    keys: list[int] = []
    seeks: list[int] = []
    last_duration = 0
    try:
        with open_film(path) as box:
            stream = box.streams[track]
            base = Fraction(stream.time_base or Fraction(1, NS))
            latest = int(LATEST_NS / (base * NS))
            zero = container_zero_ns(box)
            by_pts = bool(PTS_ZERO & set(box.format.name.split(",")))
            rate = stream.average_rate or stream.guessed_rate
            try:
                for packet in box.demux(stream):
                    if stop is not None and stop():
                        raise Cancelled(str(path))
                    stamp = packet.pts if packet.pts is not None else packet.dts
                    if stamp is None or packet.size == 0 or abs(stamp) > latest:
                        continue
                    pts.append(stamp)
                    if packet.is_keyframe:
                        keys.append(stamp)
                        seeks.append(stamp if by_pts or packet.dts is None else packet.dts)
                    last_duration = packet.duration or last_duration
            except av.FFmpegError:
                pass  # cut short: what came before it can be shown
    except (av.FFmpegError, OSError, IndexError, ValueError) as error:
        raise InspectorError("The film cannot be read", f"{path}: {reason(error)}") from error
    # An edit list hides frames by negative pts; they are decoded on the way but never shown.
    order = np.unique(np.array(pts, np.int64))
    key_pts, place = np.unique(np.array(keys, np.int64), return_index=True)
    key_seek = np.array(seeks, np.int64)[place]
    start_ns = _scale(order, base) - zero
    shown = start_ns >= 0 if len(order) and (start_ns >= 0).any() else np.ones(len(order), bool)
    order, start_ns = order[shown], start_ns[shown]
    typical = round(NS / rate) if rate else NS // 25
    if len(order) > 1:
        typical = int(np.median(np.diff(start_ns)))
    last = int(_scale(np.array([last_duration], np.int64), base)[0]) if last_duration else typical
    end_ns = int(start_ns[-1]) + (last if 0 < last <= 4 * typical else typical) if len(order) else 0
    return FrameIndex(order, start_ns, end_ns, key_pts, key_seek)


def _scale(pts: NDArray[np.int64], base: Fraction) -> NDArray[np.int64]:
    """pts × base in ns, rounded; exact as long as the seconds and the rest are taken apart."""
    per_second = base.denominator // np.gcd(base.numerator, base.denominator)
    scaled = pts * base.numerator
    whole, rest = np.divmod(scaled, per_second)
    result: NDArray[np.int64] = whole * NS + (rest * NS + per_second // 2) // per_second
    return result


_indexes: OrderedDict[tuple[str, int, int, int], FrameIndex] = OrderedDict()
_indexes_lock = Lock()


def frame_index(path: Path, track: int, stop: Callable[[], bool] | None = None) -> FrameIndex:
    """`build_index`, kept for the last 64 tracks: the episodes of one long film share its index."""
    try:
        stat = path.stat()
    except OSError as error:
        raise InspectorError(
            "The film is gone", f"{path}: {reason(error)}", "Restore it or correct its name"
        ) from error
    key = (str(path), track, stat.st_size, stat.st_mtime_ns)
    with _indexes_lock:
        known = _indexes.get(key)
    if known is None:
        known = build_index(path, track, stop)
    with _indexes_lock:
        _indexes[key] = known
        _indexes.move_to_end(key)
        while len(_indexes) > 64:
            _indexes.popitem(last=False)
    return known


class VideoReader:
    """One open film track. Not safe to use from two threads; `close` it."""

    def __init__(self, source: Source, stop: Callable[[], bool] | None = None) -> None:
        """Read the index and open the decoder; raises InspectorError, and Cancelled where `stop` says yes."""
        import av

        self._av = av
        assert source.track is not None
        whole = frame_index(source.path, source.track, stop)
        cut = source.start_ns is not None or source.end_ns is not None
        self.index = whole.cut(source.start_ns or 0, source.end_ns) if cut else whole
        self._source = source
        self._open()
        aspect = self._stream.sample_aspect_ratio or 1
        self.size = (max(1, round(self._context.width * aspect)), self._context.height)
        self._frames: Iterator[Any] | None = None
        self._next: Any = None
        self._skip_before = 0

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
        keep: Callable[[Picture], None] | None = None,
        stop: Callable[[], bool] | None = None,
    ) -> Picture | None:
        """Decode frame `number` of the index, scaled to fit inside `fit` (width, height) px.

        `keep` is offered the last few frames before it that were decoded on the way. `stop` is asked between
        frames; where it says yes the result is None. None too where the file gives no picture any more.
        """
        target = int(self.index.pts[number])
        self._position(target)
        window = int(self.index.pts[max(0, number - SKIP_UNTIL_FRAMES)])
        behind: Any = None
        while True:
            frame = self._pull(window)
            if frame is None:
                return self._picture(behind, fit, number) if behind is not None else None
            if frame.pts is None or frame.pts < target:
                if stop is not None and stop():
                    return None
                if keep is not None and frame.pts is not None and frame.pts >= window:
                    passed = self._number(frame.pts)
                    if passed is not None:
                        keep(self._picture(frame, fit, passed))
                behind = frame
                continue
            if frame.pts == target:
                return self._picture(frame, fit, number)
            self._next = frame  # the decoder skipped the target: show what stands before it, and say so
            return self._picture(behind if behind is not None else frame, fit, number)

    def key_before(self, number: int) -> int:
        """The number of the key frame from which `number` is decoded: the quickest picture near it."""
        keys = self.index.key_pts
        place = int(np.searchsorted(keys, self.index.pts[number], "right")) - 1
        if place < 0:
            return number
        at = int(np.searchsorted(self.index.pts, keys[place]))
        return min(at, number)

    def _number(self, pts: int) -> int | None:
        at = int(np.searchsorted(self.index.pts, pts))
        return at if at < len(self.index) and self.index.pts[at] == pts else None

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
        small = frame.reformat(width=width, height=height, format="bgra", interpolation="AREA")
        plane = small.planes[0]
        at = number if frame.pts == self.index.pts[number] else self._number(frame.pts)
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
