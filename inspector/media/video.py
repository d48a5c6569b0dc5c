"""Pictures of a film by presentation timestamp: exact seeks, scaling to what is shown.

A frame is never found by time × fps. The index (media.frames) holds every packet's pts; a time belongs to the
last frame that starts at or before it, and the decoder is run until exactly that pts comes out.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from inspector.media.decoding import FrameDecoder
from inspector.media.frames import FrameIndex, frame_index, read_region

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from inspector.core.model import Source
    from inspector.media.decoding import Decoded

SKIP_UNTIL_FRAMES = 8
"""Non-reference frames are skipped until this many frames before the target (facts.md, seeking)."""
LONG_FRAMES = 200_000
"""Whoever needs a film of more only now and then closes it in between: FFmpeg holds a table of them all."""
MOST_LOOSE = 4
"""Where the strict decoder starts at none of so many key frames it is not asked any more."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One decoded frame, scaled: BGRX rows of `stride` bytes. `number` and `span` are the index's.

    `exact` is False where the file would not give the frame itself: a neighbour, of another `number`, stands
    in, or what can be seen of it, which is `damaged`.
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
    damaged: bool = False

    @property
    def nbytes(self) -> int:
        """What it takes in memory."""
        return self.stride * self.height


class _StoppedError(Exception):
    """Nobody waits for the frame any more."""


class VideoReader:
    """One open film track. Not safe to use from two threads; `close` it."""

    def __init__(
        self,
        source: Source,
        stop: Callable[[], bool] | None = None,
        index: FrameIndex | None = None,
        alone: bool = False,
    ) -> None:
        """Open the decoder, and read the index where none is given. `alone`: for `read_key`.

        Raises InspectorError, and Cancelled where `stop` says yes.
        """
        from av.video.reformatter import VideoReformatter

        assert source.track is not None
        self._source = source
        self._decoder = FrameDecoder(source, alone=alone)  # before the index: it tells what is no film at all
        try:
            self._index = frame_index(source.path, source.track, stop).of(source) if index is None else index
        except BaseException:
            self._decoder.close()
            raise
        self._lenient: FrameDecoder | None = None
        context = self._decoder.context
        self._aspect = self._decoder.stream.sample_aspect_ratio or 1
        self.size = (max(1, round(context.width * self._aspect)), context.height)
        self._scaler = VideoReformatter()
        self._passed: list[Decoded] = []
        self._gone: set[int] = set()
        self._loose: set[int] = set()
        """Key frames at which the strict decoder does not start: what the lenient one gives is taken."""
        self._hopeless: set[tuple[bool, int]] = set()
        """Key frames, per decoder, behind which a frame is missing that no earlier start gave either."""

    @property
    def index(self) -> FrameIndex:
        """The frames, by which all numbers count."""
        return self._index

    @index.setter
    def index(self, index: FrameIndex) -> None:
        self._index = index
        for noted in (self._gone, self._loose, self._hopeless):
            noted.clear()

    def close(self) -> None:
        """Let go of the file and the decoders."""
        self._passed.clear()
        self._decoder.close()
        if self._lenient is not None:
            self._lenient.close()

    def read(
        self,
        number: int,
        fit: tuple[int, int],
        stop: Callable[[], bool] | None = None,
    ) -> Picture | None:
        """Decode frame `number` of the index, scaled to fit inside `fit` (width, height) px.

        The last few frames before it that were decoded on the way can be had from `passed` afterwards. `stop`
        is asked between frames; where it says yes the result is None. None too where the file gives no
        picture any more. What is damaged is given as far as it can be seen, and is not `exact`.
        """
        self._passed.clear()
        if number in self._gone:
            return None
        passed = self._passed.append
        place = self._key_place(int(self.index.pts[number]))
        behind: Decoded | None = None
        try:
            found, strict = None, place not in self._loose and len(self._loose) < MOST_LOOSE
            if strict:
                found, behind = self._find(self._decoder, number, passed, stop)
                if self._decoder.will_not_start:
                    self._loose.add(place)
                    strict = False
            whole = found is not None and found.whole
            if not whole:
                rough, before = self._find(self._rough(), number, None if strict else passed, stop)
                found = rough or found
                if not strict:
                    whole = found is not None and found.whole
                    behind = behind or before
        except _StoppedError:
            return None
        if found is not None:
            return self._picture(found, fit, number, damaged=not whole)
        self._gone.add(number)
        return self._picture(behind, fit, number) if behind is not None else None

    def passed(self, fit: tuple[int, int]) -> Iterator[Picture]:
        """The frames that the last `read` came by, the nearest first: scaling takes longer than decoding."""
        while self._passed:
            each = self._passed.pop()
            number = None if each.pts is None else self.index.number_of(each.pts)
            if number is not None and each.whole:
                yield self._picture(each, fit, number)

    def read_run(
        self,
        first: int,
        last: int,
        fit: tuple[int, int],
        keep: Callable[[Picture], None],
        stop: Callable[[], bool],
    ) -> bool:
        """Decode frames `first` to `last` in one go, whole ones told to `keep`; False where it stopped."""
        self._passed.clear()
        window, target = int(self.index.pts[first]), int(self.index.pts[last])
        decoder = self._trusted(window)
        self._position(decoder, window)
        while (each := decoder.pull(window)) is not None and not stop():
            if each.pts is not None and each.pts > target:
                decoder.put_back(each)
                return True
            number = None if each.pts is None else self.index.number_of(each.pts)
            if number is not None and number >= first and each.whole:
                keep(self._picture(each, fit, number))
            if number == last:
                return True
        return False

    def read_key(self, number: int, fit: tuple[int, int]) -> Picture | None:
        """The key frame from which `number` is decoded, alone and at once. The next read has to seek."""
        place = self._key_place(int(self.index.pts[number]))
        alone = self._decoder.key_alone(int(self.index.key_seek[place])) if place >= 0 else None
        at = None if alone is None or alone.pts is None else self.index.number_of(alone.pts)
        return None if alone is None or at is None or not alone.whole else self._picture(alone, fit, at)

    def read_on(self, fit: tuple[int, int]) -> Picture | None:
        """The frame behind the last one of a stretch's index, which grows by it; None at the film's end."""
        last = int(self.index.pts[-1])
        decoder = self._trusted(last)
        if decoder.at != last or decoder.waiting:
            self._position(decoder, last)
            while (each := decoder.pull(last)) is not None and (each.pts is None or each.pts < last):
                pass
        each = decoder.pull(last)
        if each is None or each.pts is None or each.pts <= last:
            return None
        self._index = self._index.grown(each.pts, Fraction(decoder.stream.time_base))
        return self._picture(each, fit, len(self._index) - 1, damaged=not each.whole)

    def region(self, local_ns: int) -> FrameIndex:
        """The index of the stretch of film about a time, read from there while the whole is not known."""
        found = read_region(self._decoder.box, self._decoder.stream, self._source, local_ns)
        self._decoder.forget()  # the packets went by
        return found

    def _trusted(self, pts: int) -> FrameDecoder:
        """The strict decoder, or the lenient one where that one does not start."""
        loose = self._key_place(pts) in self._loose or len(self._loose) >= MOST_LOOSE
        return self._rough() if loose else self._decoder

    def _rough(self) -> FrameDecoder:
        if self._lenient is None:
            self._lenient = FrameDecoder(self._source, strict=False)
        return self._lenient

    def _find(
        self,
        decoder: FrameDecoder,
        number: int,
        passed: Callable[[Decoded], None] | None,
        stop: Callable[[], bool] | None,
    ) -> tuple[Decoded | None, Decoded | None]:
        """The frame, None where the decoder does not give it, and the one that it gave before it."""
        target = int(self.index.pts[number])
        window = int(self.index.pts[max(0, number - SKIP_UNTIL_FRAMES)])
        place, fresh = self._position(decoder, target)
        found, behind = self._run(decoder, target, window, passed, stop)
        if found is None and (decoder.strict, place) not in self._hopeless:
            # A picture that is mended over several frames needs the key before, and so do stamps that run
            # backwards, where the nearest key is not the one that the frame was made from.
            for further in (1,) if fresh else (0, 1):
                self._position(decoder, target, further)
                found, before = self._run(decoder, target, window, passed, stop)
                behind = behind or before
                if found is not None:
                    break
            else:
                self._hopeless.add((decoder.strict, place))
        return found, behind

    def _run(
        self,
        decoder: FrameDecoder,
        target: int,
        window: int,
        passed: Callable[[Decoded], None] | None,
        stop: Callable[[], bool] | None,
    ) -> tuple[Decoded | None, Decoded | None]:
        behind: Decoded | None = None
        while (each := decoder.pull(window)) is not None:
            if each.pts == target:
                return each, behind
            if each.pts is not None and each.pts > target:
                after = decoder.pull(window)
                if after is None or after.pts is None or after.pts >= each.pts:
                    decoder.put_back(*([each] if after is None else [each, after]))
                    return None, behind  # the decoder skipped the target
                decoder.put_back(after)  # one wild stamp between others: it is not here that it belongs
                continue
            if stop is not None and stop():
                raise _StoppedError
            if passed is not None and each.pts is not None and each.pts >= window:
                passed(each)
            if each.whole and each.pts is not None:
                behind = each
        return None, behind

    def _key_place(self, target: int) -> int:
        """The place among the key frames of the one that a pts is decoded from, -1 for none."""
        return int(np.searchsorted(self.index.key_pts, target, "right")) - 1

    def _position(self, decoder: FrameDecoder, target: int, further: int | None = None) -> tuple[int, bool]:
        """Leave the decoder where running on reaches `target`, seeking only where that is shorter.

        The place of the key frame before it among all, -1 for none, and whether it sought. `further` seeks
        in any case, and to so many key frames before that one.
        """
        keys = self.index.key_pts
        nearest = self._key_place(target)
        runs = further is None and decoder.reaches(target)
        if runs and (nearest < 0 or decoder.at is None or keys[nearest] <= decoder.at):
            return nearest, False
        place = max(nearest - (further or 0), min(nearest, 0))
        while True:
            decoder.seek(int(self.index.key_seek[place]) if place >= 0 else target)
            first = decoder.pull(int(keys[place]) if place >= 0 else target)
            if first is None or first.pts is None or first.pts <= target or place < 0:
                if first is not None:
                    decoder.put_back(first)
                    decoder.at = None if first.pts is None else first.pts - 1
                return nearest, True
            place -= 1  # the demuxer landed past the target: go one key frame further back

    def _picture(self, decoded: Decoded, fit: tuple[int, int], number: int, damaged: bool = False) -> Picture:
        frame = decoded.frame
        rotation = round(getattr(frame, "rotation", 0) or 0) % 360
        # The size may change within a film: the shape is that of the frame.
        width, height = max(1, round(frame.width * self._aspect)), frame.height
        box = fit if rotation % 180 == 0 else (fit[1], fit[0])
        factor = min(box[0] / width, box[1] / height, 1.0)
        width, height = max(2, round(width * factor)), max(2, round(height * factor))
        small = self._scaler.reformat(frame, width, height, "bgra", interpolation="AREA", threads=2)
        plane = small.planes[0]
        at = None if decoded.pts is None else self.index.number_of(decoded.pts)
        exact = at == number and not damaged
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
            damaged,
        )
