"""A sound as bars about the middle, from a min/max envelope of the visible stretch."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar, Protocol

import numpy as np
from PySide6.QtCore import QRectF, Qt

from inspector.core.times import clock_text
from inspector.ui import theme
from inspector.ui.timeline.track import Chip, StreamTrack, paint_unknown

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from PySide6.QtCore import QPointF
    from PySide6.QtGui import QPainter

    from inspector.core.model import Stream
    from inspector.ui.timeline.axis import TimeAxis

PITCH = 3
BAR = 2
OVERSAMPLE = 4
DIMMED = 0.3
"""How much is left of the colour of a sound that is not in the mix."""


class PeakSource(Protocol):
    """What a waveform is drawn from: `inspector.media.peaks.Peaks`."""

    @property
    def loudest(self) -> float:
        """The largest absolute sample known."""
        ...

    def envelope(
        self, start_ns: int, end_ns: int, columns: int, later: Callable[[], None] | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Lowest and highest sample in each of `columns` equal parts of a local span; NaN where unknown.

        It waits for no disk; `later` is called, from any thread, when asking again will be better.
        """
        ...


class WaveformTrack(StreamTrack):
    """Bars of the loudest excursion, mirrored about the middle; dashed where nothing is decoded yet."""

    default_height: ClassVar[int] = 64
    """Room for the name and the controls of the mix."""

    def __init__(self, stream: Stream, title: str = "", subtitle: str = "", chip: Chip | None = None) -> None:
        super().__init__(stream, title, subtitle, chip)
        self._peaks: PeakSource | None = None
        self._gain = 1.0
        self._heard = True
        self.later: Callable[[], None] | None = None
        """Called from any thread when what is shown could be finer."""

    def close(self) -> None:
        """Let go of the peaks, and of whoever waits for finer ones."""
        super().close()
        self._peaks = self.later = None

    def set_heard(self, heard: bool) -> None:
        """Whether the sound is in the mix; one that is not is drawn dimmed."""
        if heard != self._heard:
            self._heard = heard
            self.invalidate()

    def set_peaks(self, peaks: PeakSource | None) -> None:
        """Take what is known of the sound so far, or (None) that nothing is.

        The loudest moment fills the row; the gain goes in steps of 1.5 dB so that it seldom jumps while more
        arrives, and stops at 32 (30 dB) so that a silent track looks silent.
        """
        self._peaks = peaks
        loudest = peaks.loudest if peaks is not None else 0.0
        self._gain = 2.0 ** min(math.floor(-4 * math.log2(loudest)) / 4, 5) if loudest > 0 else 1.0
        self.invalidate()

    def amplitudes(self, rect: QRectF, axis: TimeAxis) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """The left edge in px and the largest absolute sample of each bar; NaN where it is not known.

        Bars stand on a grid of the timeline, not of the screen: they move with it and do not shimmer.
        """
        width = max(rect.width(), 1)
        pitch_ns = max(PITCH * axis.length / width, 1.0)
        first = math.floor(axis.visible[0] / pitch_ns)
        count = math.ceil(axis.visible[1] / pitch_ns) - first
        edges = np.rint((first + np.arange(count + 1)) * pitch_ns).astype(np.int64)
        lefts = rect.left() + axis.x_of_array(edges[:-1], width)
        if self._peaks is None:
            return lefts, np.full(count, np.nan, np.float32)
        local = self.stream.timemap.to_local_array(edges)
        return lefts, _largest(self._peaks, local, self.later)

    def render(self, painter: QPainter, rect: QRectF, axis: TimeAxis) -> None:
        """Paint the bars of the visible stretch."""
        lefts, loud = self.amplitudes(rect, axis)
        span = self.span
        if span is not None:
            inside = [
                rect.left() + axis.x_of(span[0], rect.width()),
                rect.left() + axis.x_of(span[1], rect.width()),
            ]
            loud[(lefts + BAR < inside[0]) | (lefts > inside[1])] = np.nan
        else:
            inside = [rect.left(), rect.right()]
        self._paint_gaps(
            painter, rect, lefts, loud, max(inside[0], rect.left()), min(inside[1], rect.right())
        )
        known = np.isfinite(loud)
        half = rect.height() / 2 - 5
        tall = np.clip(loud[known] * self._gain, 0, 1) * half
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self.color if self._heard else theme.current().tint(self.color, DIMMED))
        painter.setRenderHint(painter.RenderHint.Antialiasing, True)
        middle = rect.center().y()
        heights = np.maximum(tall, 0.75)
        painter.drawRects(
            [
                QRectF(x, middle - h, BAR, 2 * h)
                for x, h in zip(np.rint(lefts[known]).tolist(), heights.tolist(), strict=True)
            ]
        )
        self.paint_outside(painter, rect, axis)

    def _paint_gaps(
        self,
        painter: QPainter,
        rect: QRectF,
        lefts: NDArray[np.float64],
        loud: NDArray[np.float32],
        start: float,
        end: float,
    ) -> None:
        """Draw the dashed line through each run of unknown bars between `start` and `end`."""
        unknown = np.concatenate([[False], np.isnan(loud), [False]])
        turns = np.flatnonzero(unknown[1:] != unknown[:-1]).reshape(-1, 2)
        for a, b in turns.tolist():
            left = max(float(lefts[a]), start)
            right = min(float(lefts[b - 1]) + PITCH, end)
            if right - left > PITCH:  # less is the rounding of an end
                paint_unknown(painter, QRectF(left, rect.top(), right - left, rect.height()))

    def tooltip_at(self, pos: QPointF, rect: QRectF, axis: TimeAxis) -> str:
        """The time and the level under the pointer."""
        ns = axis.ns_of(pos.x() - rect.left(), rect.width())
        if self.outside(ns):
            return "No data"
        lefts, loud = self.amplitudes(rect, axis)
        place = int(np.clip(np.searchsorted(lefts, pos.x(), "right") - 1, 0, len(loud) - 1))
        level = float(loud[place])
        if math.isnan(level):
            return f"{clock_text(ns)}  not decoded yet"
        text = f"{20 * math.log10(level):.0f} dBFS" if level > 0 else "silence"
        return f"{clock_text(ns)}  {text}"


def _largest(
    peaks: PeakSource, local: NDArray[np.int64], later: Callable[[], None] | None
) -> NDArray[np.float32]:
    """The largest absolute sample between neighbours of `local`, bar edges in local time.

    One question where the edges are evenly spaced, as under an offset or drift; where the map has a corner
    or a jump, a finer envelope is asked for and gathered by bar.
    """
    count = len(local) - 1
    start, end = int(local[0]), int(local[-1])
    if end > start:
        even = start + (end - start) * (np.arange(count + 1) / count)
        if np.abs(local - even).max() <= (end - start) / count / 2:
            return _absolute(*peaks.envelope(start, end, count, later))
    low, high = int(local.min()), int(local.max())
    if high <= low:
        return np.full(count, np.nan, np.float32)
    columns = count * OVERSAMPLE
    fine = _absolute(*peaks.envelope(low, high, columns, later))
    place = np.clip(((local - low) / (high - low) * columns).astype(np.int64), 0, columns - 1)
    starts = np.minimum(place[:-1], place[1:])
    lengths = np.maximum(np.abs(place[1:] - place[:-1]), 1)
    found = np.full(count, np.nan, np.float32)
    for shift in range(min(int(lengths.max()), 8 * OVERSAMPLE)):
        ok = shift < lengths
        found[ok] = np.fmax(found[ok], fine[np.minimum(starts[ok] + shift, columns - 1)])
    return found


def _absolute(low: NDArray[np.float32], high: NDArray[np.float32]) -> NDArray[np.float32]:
    larger: NDArray[np.float32] = np.fmax(np.abs(low), np.abs(high))
    return larger
