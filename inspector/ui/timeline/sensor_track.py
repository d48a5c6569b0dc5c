"""Channels of a sensor as curves, from an envelope of what is visible."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSizeF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QImage, QPainter

from inspector.core.times import clock_text
from inspector.ui import theme
from inspector.ui.timeline.curves import CurvePainter, paint_fields
from inspector.ui.timeline.track import Chip, StreamTrack, paint_unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from inspector.core.model import Stream
    from inspector.media.look import Boxes, Look
    from inspector.ui.timeline.axis import TimeAxis

PAD_Y = 5
APART = 8.0
"""Where one channel swings this many times as far as another, each is drawn to its own scale."""
LABEL_PX = 9
BOX_TINT = 0.22
"""How strongly a stretch is shown of which only bounds are known."""


class SeriesSource(Protocol):
    """What curves are drawn from: `inspector.media.series.Series` or a `LongSeries`, times local.

    With `later` nothing here waits for a disk; it is called, from any thread, when asking again pays.
    """

    @property
    def channels(self) -> Sequence[str]:
        """The columns' names."""
        ...

    @property
    def unread_ns(self) -> int | None:
        """The time from which on nothing is read yet, None where all is."""
        ...

    def extremes(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Each channel's least and greatest value, as far as they are known."""
        ...

    def look(
        self,
        start_ns: int,
        end_ns: int,
        columns: int,
        channels: NDArray[np.int64] | None = None,
        later: Callable[[], None] | None = None,
    ) -> Look:
        """Times and the lowest and highest values of at most `columns` stretches of a span, a row each."""
        ...

    def before(self, t_ns: int, later: Callable[[], None] | None = None) -> int | None:
        """The time of the newest sample at or before a time, None where there is none."""
        ...

    def at(self, t_ns: int, later: Callable[[], None] | None = None) -> NDArray[np.floating[Any]] | None:
        """Each channel's value at a time, None or NaN where there is none."""
        ...


@dataclass(frozen=True, slots=True)
class _Scale:
    """What a channel's values are drawn between."""

    low: float
    high: float

    def y(self, values: NDArray[np.float64], rect: QRectF) -> NDArray[np.float64]:
        room = rect.height() - 2 * PAD_Y
        # In halves, since the distance of two finite numbers need not be one; and near enough for a painter.
        swing = max(self.high / 2 - self.low / 2, sys.float_info.min)
        parts = np.clip((values / 2 - self.low / 2) / swing, -100, 100)
        places: NDArray[np.float64] = rect.bottom() - PAD_Y - parts * room
        return places


class SensorTrack(StreamTrack):
    """One plot of some of a stream's channels.

    The scale is that of the whole record, so that it does not breathe while one pans. Channels share it,
    unless their swings are too far apart to be seen together.
    """

    def __init__(
        self,
        stream: Stream,
        title: str = "",
        subtitle: str = "",
        chip: Chip | None = None,
        channels: Sequence[str] = (),
        part: str = "",
    ) -> None:
        super().__init__(stream, title, subtitle, chip, part)
        self.channels = tuple(channels)
        self._series: SeriesSource | None = None
        self._columns = np.zeros(0, np.int64)
        self._scales: list[_Scale] = []
        self._curves = CurvePainter()
        self._now: int | None = None
        self.later: Callable[[], None] | None = None
        """Called from any thread when what is shown could be finer."""

    def set_series(self, series: SeriesSource | None) -> None:
        """Take the samples, or (None) that they are not read yet. A track with no channels shows all."""
        self._series = series
        if series is not None:
            names = list(series.channels)
            wanted = self.channels or tuple(names)
            self._columns = np.array([names.index(name) for name in wanted if name in names], np.int64)
            self._scales = _scales(*(side[self._columns] for side in series.extremes()))
        self.invalidate()

    def sample_before(self, reference_ns: int) -> int | None:
        """The reference time of the newest sample at or before a time; None where none is known."""
        if self._series is None:
            return None
        local = self._series.before(self.stream.timemap.to_local(reference_ns), self.later)
        return None if local is None else self.stream.timemap.to_reference(local)

    def close(self) -> None:
        """Let go of the samples."""
        super().close()
        self._series = self.later = None

    @property
    def shared_scale(self) -> bool:
        """Whether all channels are drawn to one scale, whose ends then stand at the left."""
        return len(set(self._scales)) == 1

    def colors(self) -> list[QColor]:
        """A shade of the modality's colour for each channel, all readable on the panel."""
        return shades(self.color, max(len(self._columns), 1))

    def render(self, painter: QPainter, rect: QRectF, axis: TimeAxis) -> None:
        """Draw the curves of the visible stretch, and what the scale is."""
        if self._series is None:
            paint_unknown(painter, rect)
            self.paint_outside(painter, rect, axis)
            return
        self.paint_outside(painter, rect, axis)
        if len(self._columns):
            look = self._visible(self._series, rect, axis)
            self._paint_unread(painter, rect, axis, self._series.unread_ns, look.boxes)
            if look.boxes is not None:
                self._paint_boxes(painter, rect, axis, look.boxes)
            x = self._places(look.t_ns, rect, axis)
            low, high = look.low, look.high
            if (x[1:] < x[:-1]).any():  # where the map jumps back, curves go on from left to right
                order = np.argsort(x, kind="stable")
                x, low, high = x[order], low[order], high[order]
            tops, bottoms = _places_of(self._scales, np.stack([high.T, low.T]), rect)
            # The first channel lies on top: it is the one that the eye looks for.
            self._curves.paint(painter, rect, x, tops, bottoms, self.colors(), self.later)
        self._paint_scale(painter, rect)

    def _visible(self, series: SeriesSource, rect: QRectF, axis: TimeAxis) -> Look:
        """What is to be drawn of the visible stretch and a little beyond."""
        start, end = axis.visible
        columns = max(int(rect.width()), 2)
        beyond = axis.length // 50 + self._sample_ns()
        more = math.ceil(beyond / axis.length * columns)
        if more < columns:  # of whole px, so that each of its columns is one of the screen's
            beyond, columns = round(more * axis.length / columns), columns + 2 * more
        edges = np.array([start - beyond, start, end, end + beyond], np.int64)
        local = self.stream.timemap.to_local_array(edges)
        return series.look(int(local.min()), int(local.max()), columns, self._columns, self.later)

    def _places(self, t_ns: NDArray[np.int64], rect: QRectF, axis: TimeAxis) -> NDArray[np.float64]:
        """Local times in px."""
        reference = self.stream.timemap.to_reference_array(t_ns)
        return rect.left() + axis.x_of_array(reference, rect.width())

    def _paint_boxes(self, painter: QPainter, rect: QRectF, axis: TimeAxis, boxes: Boxes) -> None:
        """A pale field for each stretch of which only bounds are known: the curve lies somewhere in it."""
        if not len(boxes.start_ns):
            return
        ends = self._places(np.stack([boxes.start_ns, boxes.end_ns]).reshape(-1), rect, axis).reshape(2, -1)
        tops, bottoms = _places_of(self._scales, np.stack([boxes.high.T, boxes.low.T]), rect)
        tints = [theme.current().tint(color, BOX_TINT) for color in self.colors()]
        paint_fields(painter, rect, ends.min(0), ends.max(0), tops, bottoms, tints)

    def _paint_unread(
        self, painter: QPainter, rect: QRectF, axis: TimeAxis, unread_ns: int | None, boxes: Boxes | None
    ) -> None:
        """The dashed line where nothing is read yet, and not even bounds are known."""
        span = self.stream.span
        if unread_ns is None or (boxes is not None and len(boxes.start_ns)):
            return
        ends = np.array([unread_ns, max(span[1] if span else unread_ns, unread_ns)], np.int64)
        left, right = self._places(ends, rect, axis).tolist() if span else (rect.left(), rect.right())
        left, right = max(left, rect.left()), min(right, rect.right())
        paint_unknown(painter, QRectF(left, rect.top(), right - left, rect.height()))

    def _sample_ns(self) -> int:
        return round(1e9 / self.stream.rate) if self.stream.rate else 0

    def _paint_scale(self, painter: QPainter, rect: QRectF) -> None:
        """The ends of the scale, faint, on a little of the panel so that curves do not run through them."""
        if not self._scales or rect.height() < 30:
            return
        scale = self._scales[0]
        texts = (number_text(scale.high), number_text(scale.low)) if self.shared_scale else ("own scales", "")
        ratio = painter.device().devicePixelRatioF()
        for at_top, text in zip((True, False), texts, strict=True):
            if text:
                label = _label(text, theme.current().name, ratio)
                top = rect.top() + 2 if at_top else rect.bottom() - 2 - label.height() / ratio
                painter.drawImage(QPointF(rect.left() + 3, top), label)

    def set_time(self, ns: int) -> bool:
        """Remember the playhead for the tooltip; nothing here follows it."""
        self._now = ns
        return False

    def header_tooltip(self) -> str:
        """What the track is, and each channel's value under the playhead."""
        names = self._values_text(self._now) if self._now is not None else ""
        return "\n\n".join(part for part in (super().header_tooltip(), names) if part)

    def tooltip_at(self, pos: QPointF, rect: QRectF, axis: TimeAxis) -> str:
        """Each channel's value at the time under the pointer."""
        ns = axis.ns_of(pos.x() - rect.left(), rect.width())
        if self.outside(ns):
            return "No data"
        values = self._values_text(ns)
        return f"{clock_text(ns)}\n{values}" if values else f"{clock_text(ns)}  not read yet"

    def _values_text(self, ns: int | None) -> str:
        if self._series is None or ns is None or self.outside(ns):
            return ""
        values = self._series.at(self.stream.timemap.to_local(ns), self.later)
        if values is None:
            return ""
        row = np.asarray(values, np.float64).ravel()
        names = list(self._series.channels)
        unit = f" {self.stream.unit}" if self.stream.unit else ""
        lines = []
        for column in self._columns.tolist():
            value = f"{row[column]:.4g}{unit}" if np.isfinite(row[column]) else "none"
            lines.append(f"{names[column]}  {value}")
        return "\n".join(lines)


def _places_of(scales: list[_Scale], values: NDArray[np.float64], rect: QRectF) -> NDArray[np.float64]:
    """Values (…, c, m) of as many channels as there are scales, in px."""
    if len(set(scales)) == 1:
        return scales[0].y(values, rect)
    return np.stack([scale.y(values[..., place, :], rect) for place, scale in enumerate(scales)], axis=-2)


@lru_cache(256)
def _label(text: str, _theme: str, ratio: float) -> QImage:
    """A scale's end on a little of the panel, of a theme: with its picture a row takes a tenth less time."""
    t, font = theme.current(), theme.mono_font(LABEL_PX)
    metrics = QFontMetricsF(font)
    size = QSizeF(metrics.horizontalAdvance(text) + 4, metrics.height())
    image = QImage((size * ratio).toSize(), QImage.Format.Format_ARGB32_Premultiplied)
    image.setDevicePixelRatio(ratio)
    image.fill(Qt.GlobalColor.transparent)
    area = QRectF(QPointF(), size)
    painter = QPainter(image)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setFont(font)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(t.tint(t.panel, 0.88))
    painter.drawRoundedRect(area, 2, 2)
    painter.setPen(t.faint)
    painter.drawText(area, int(Qt.AlignmentFlag.AlignCenter), text)
    painter.end()
    return image


def number_text(value: float) -> str:
    """A scale's end in few characters, with a true minus sign."""
    return f"{value:.3g}".replace("-", "−")


def shades(color: QColor, count: int) -> list[QColor]:
    """Distinct shades of one colour: its lightness swings to either side, and its hue a little."""
    return list(_shades(color.rgba(), count, theme.current().panel.lightnessF() < 0.5))


@lru_cache(256)
def _shades(rgba: int, count: int, dark: bool) -> tuple[QColor, ...]:
    color = QColor.fromRgba(rgba)
    hue, saturation, lightness = color.hslHueF(), color.hslSaturationF(), color.lightnessF()
    made = []
    for place in range(count):
        # From the colour itself out, to either side in turn: 0, 1, −1, 2, −2, … of the way.
        step = (place + 1) // 2 * (1 if place % 2 else -1) / max((count + 1) // 2, 1)
        low, high = (0.52, 0.90) if dark else (0.22, 0.58)
        middle = min(max(lightness, low), high)
        light = middle + step * ((high - middle) if step > 0 else (middle - low))
        made.append(QColor.fromHslF((hue + 0.13 * step) % 1.0, saturation, light))
    return tuple(made)


def _scales(lows: NDArray[np.float64], highs: NDArray[np.float64]) -> list[_Scale]:
    """A scale for each channel: the one that holds all, or each its own where their swings are far apart.

    A channel that does not move is drawn at its place on the shared scale, or along the middle of its own.
    """
    ends = [
        (a, b) if np.isfinite(a) and np.isfinite(b) else (0.0, 0.0)
        for a, b in zip(lows.tolist(), highs.tolist(), strict=True)
    ]
    if not ends:
        return []
    low, high = min(a for a, _ in ends), max(b for _, b in ends)
    swings = [b - a for a, b in ends if b > a]
    if not swings or (high - low) <= APART * min(swings):
        return [_widened(low, high)] * len(ends)
    return [_widened(a, b) for a, b in ends]


def _widened(low: float, high: float) -> _Scale:
    """A scale that is never empty; one value lies in its middle."""
    if high > low:
        return _Scale(low, high)
    half = max(abs(low) * 0.1, 1e-9) if low else 1.0
    return _Scale(low - half, high + half)
