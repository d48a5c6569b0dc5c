"""Samples by their place into the chunks of a pyramid, reduced natively, many frames at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from inspector.media.peak_levels import BLOCK, CHUNK, DEPTH, RECORD, folded

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

MOST_BLOCKS = 1 << 26
"""A day at 48 kHz, half a gigabyte: what lies behind is not drawn. A broken stamp can claim a century."""

FULL_SCALE = {"f4": 1.0, "i2": 1 / 32768, "i4": 1 / 2147483648}

ROOM = 512 * BLOCK
"""Samples that are reduced at once: many frames, and few enough to stay in the processor's cache."""

EDGES = np.arange(0, ROOM, BLOCK)
"""Where the blocks of a room begin."""


class Mark(NamedTuple):
    """A frame by which a decoder that starts elsewhere finds its place again.

    `pos` is its packet's byte in the file, `pts` its stamp, `at` the sample where it was laid.
    """

    pos: int
    pts: int
    at: int


NO_MARK = Mark(-1, -1, -1)


class Layer:
    """Takes samples by their place, in order, and gives `emit` a record (1,) a chunk.

    What comes twice is dropped; a gap is silence, not a shift of what follows.
    """

    def __init__(self, emit: Callable[[NDArray[Any]], None], start: int = 0) -> None:
        self._emit = emit
        self._start = start
        """The first sample of the chunk being filled."""
        self._fill = 0
        """Samples of it that are there, those that wait in the room too."""
        self._begin = 0
        """Where in the chunk the room's first sample belongs."""
        self._kind, self._width, self._size = "f4", 1, 4
        self._room = np.zeros((1, ROOM), "f4")
        self._views = [row.data.cast("B") for row in self._room]
        self._form: Any = None
        self._record = self._blank()
        self.full = False
        """Whether so much was laid that no more is taken."""

    @staticmethod
    def _blank() -> NDArray[Any]:
        record = np.zeros(1, RECORD)
        record["level0"] = np.nan
        return record

    def lay(self, at: int, count: int, planes: list[Any], form: tuple[str, int, int], mark: Mark) -> None:
        """Take `count` samples from place `at` on: `planes` of bytes, of a form (type, planes, width).

        `mark` is the frame that they are of.
        """
        if at + count > MOST_BLOCKS * BLOCK:
            self.full = True
            return
        if form != self._form:
            self._take_form(form)
        skip = self._start + self._fill - at
        if skip < 0:
            self._silence(-skip, mark)
            skip = 0
        if self._mixed:
            planes = self._as_extremes(planes, form, count)
        size = self._size
        while skip < count:
            place = self._fill - self._begin
            take = min(count - skip, ROOM - place)
            if take == ROOM:  # a roomful is reduced where it lies
                items = ROOM * self._width
                lines = [np.frombuffer(plane, self._kind, items, skip * size) for plane in planes]
                self._took(take, mark, lines)
            else:
                for view, plane in zip(self._views, planes, strict=True):
                    view[place * size : (place + take) * size] = plane[skip * size : (skip + take) * size]
                self._took(take, mark, self._room)
            skip += take

    def _took(self, count: int, mark: Mark, lines: Sequence[NDArray[Any]] | NDArray[Any]) -> None:
        """So many more samples are there: in `lines`, a line a plane, which hold all that is not reduced."""
        self._fill += count
        if self._fill - self._begin == ROOM:
            self._reduce(lines)
            if self._fill == CHUNK:
                self._done(mark)

    _mixed = False
    """Whether the form changed on the way: then two planes of floats hold each sample's extremes."""

    def _take_form(self, form: tuple[str, int, int]) -> None:
        kind, planes, width = form
        first, self._form = self._form is None, form
        if first:
            self._kind, self._width = kind, width
            self._room = np.zeros((planes, ROOM * width), kind)
        elif not self._mixed:
            low, high = self._extremes(self._room, self._kind, self._width)
            self._room = np.stack([low, high])
            self._kind, self._width, self._mixed = "f4", 1, True
        self._size = np.dtype(self._kind).itemsize * self._width
        self._views = [row.data.cast("B") for row in self._room]

    @staticmethod
    def _extremes(
        room: NDArray[Any], kind: str, width: int
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The least and the greatest channel of every sample."""
        each = room.reshape(len(room), -1, width)
        scale = np.float32(FULL_SCALE[kind])
        return (
            each.min((0, 2)).astype(np.float32) * scale,
            each.max((0, 2)).astype(np.float32) * scale,
        )

    def _as_extremes(self, planes: list[Any], form: tuple[str, int, int], count: int) -> list[Any]:
        kind, _, width = form
        room = np.stack([np.frombuffer(plane, kind, count * width) for plane in planes])
        return [row.data.cast("B") for row in self._extremes(room, kind, width)]

    def _silence(self, count: int, mark: Mark) -> None:
        while count:
            place = self._fill - self._begin
            take = min(count, ROOM - place)
            self._room[:, place * self._width : (place + take) * self._width] = 0
            count -= take
            self._took(take, mark, self._room)

    def _reduce(self, lines: Sequence[NDArray[Any]] | NDArray[Any]) -> None:
        """Put the extremes of what is not reduced yet, which `lines` begin with, into the record."""
        count = self._fill - self._begin
        first, blocks = self._begin // BLOCK, -(-count // BLOCK)
        pairs = self._record["level0"][0, first : first + blocks]
        scale = np.float32(FULL_SCALE[self._kind])
        lines = [line[: count * self._width] for line in lines]
        edges = EDGES[:blocks] * self._width
        for side, reduce in ((0, np.minimum), (1, np.maximum)):
            # Across planes first: that runs at the speed of memory, and halves what is left.
            line = lines[0] if len(lines) == 1 else reduce(lines[0], lines[1])
            # By edges: numpy needs half the time it takes along the axis of an array that is BLOCK wide.
            pairs[:, side] = reduce.reduceat(line, edges) * scale
        self._begin = self._fill

    def _done(self, mark: Mark) -> None:
        """Hand on the chunk."""
        record, self._record = self._record, self._blank()
        record["mark"][0] = mark
        pairs = record["level0"][0]
        for level in range(1, DEPTH + 1):
            pairs = record[f"level{level}"][0][:] = folded(pairs)
        self._start += self._fill
        self._fill = self._begin = 0
        self._emit(record)

    def finish(self) -> int:
        """Hand on what is left, padded with NaN; how many blocks there are in all."""
        blocks: int = self._start // BLOCK + -(-self._fill // BLOCK)
        if self._fill:
            if self._fill > self._begin:
                self._reduce(self._room)
            self._done(NO_MARK)
        return blocks
