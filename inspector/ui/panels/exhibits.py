"""What a finding was read from, as pictures over time: a trace of its figure, and a strip of frames about it.

A click goes to the moment under the pointer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QEvent, QLineF, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QPainter, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from inspector.core.times import NS, clock_text
from inspector.ui import theme
from inspector.ui.panels.common import paint_elided

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtGui import QImage, QMouseEvent, QPaintEvent

    from inspector.audit.traces import Trace
    from inspector.core.model import Span

TRACE_HEIGHT = 21 * theme.STEP
STRIP_HEIGHT = 16 * theme.STEP
FRAMES = 6
"""Frames of a strip: one before, one after, the others within."""
LABEL_PX = 9
SPARE = 0.15
"""Share of the height that a trace leaves free above and below."""


class _Exhibit(QWidget):
    """A fixed height, repainted with the theme, hidden until there is something to show."""

    sought = Signal(object)
    """A reference time in ns that was clicked."""

    def __init__(self, height: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFixedHeight(height)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.hide()

    def changeEvent(self, event: QEvent) -> None:
        """Repaint in a new theme."""
        if event.type() == QEvent.Type.PaletteChange:
            self.update()
        super().changeEvent(event)


class TraceView(_Exhibit):
    """Draws a `Trace`: dots or a curve, what passes tinted, the finding's span shaded."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(TRACE_HEIGHT, parent)
        self._trace: Trace | None = None
        self._span: Span | None = None

    @property
    def trace(self) -> Trace | None:
        """What is drawn."""
        return self._trace

    def show_trace(self, trace: Trace | None, span: Span | None = None) -> None:
        """Draw a trace and the span of its finding, ns; None hides the picture."""
        self._trace, self._span = trace, span
        self.setVisible(trace is not None)
        if trace is not None:
            low, high = float(trace.value.min()), float(trace.value.max())
            told = f"{trace.title}: {low:.4g} to {high:.4g} {trace.unit}".replace("-", "−")
            self.setToolTip(theme.tip(f"{told}\nA click goes to the moment"))
            self.setAccessibleName(told)
        self.update()

    def _plot(self) -> QRectF:
        return QRectF(self.rect()).adjusted(8, 20, -8, -15)

    def _ends(self) -> tuple[float, float]:
        assert self._trace is not None
        first, last = float(self._trace.t_s[0]), float(self._trace.t_s[-1])
        return min(first, 0.0), max(last, first + 1e-3)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Go to the moment under the pointer."""
        if self._trace is None or event.button() is not Qt.MouseButton.LeftButton:
            return
        first, last = self._ends()
        plot = self._plot()
        share = min(max((event.position().x() - plot.left()) / max(plot.width(), 1), 0.0), 1.0)
        self.sought.emit(round((first + share * (last - first)) * NS))

    def paintEvent(self, event: QPaintEvent) -> None:
        """The figure over the record's time."""
        t, trace = theme.current(), self._trace
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(t.stage)
        painter.drawRoundedRect(QRectF(self.rect()), theme.RADIUS, theme.RADIUS)
        if trace is None:
            painter.end()
            return
        plot = self._plot()
        first, last = self._ends()
        low, high = _range(trace)

        def x_of(s: float) -> float:
            return plot.left() + (s - first) / (last - first) * plot.width()

        def y_of(value: float) -> float:
            return plot.bottom() - (value - low) / (high - low) * plot.height()

        if self._span is not None:
            left, right = (min(max(x_of(ns / NS), plot.left()), plot.right()) for ns in self._span)
            area = QRectF(left, plot.top(), max(right - left, 2.0), plot.height())
            painter.fillRect(area, t.tint(t.failed, 0.16))
        if trace.bounds != (None, None):
            under, over = trace.bounds
            top = plot.top() if over is None else max(y_of(over), plot.top())
            bottom = plot.bottom() if under is None else min(y_of(under), plot.bottom())
            if bottom > top:
                painter.fillRect(QRectF(plot.left(), top, plot.width(), bottom - top), t.tint(t.good, 0.14))
        if low < 0 < high:
            painter.setPen(QPen(t.line, 1))
            painter.drawLine(QLineF(plot.left(), y_of(0), plot.right(), y_of(0)))
        points = [
            QPointF(x_of(s), y_of(value))
            for s, value in zip(trace.t_s.tolist(), trace.value.tolist(), strict=True)
        ]
        if trace.dots:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(t.accent)
            for point in points:
                painter.drawEllipse(point, 2, 2)
        else:
            painter.setPen(QPen(t.accent, 1.2))
            painter.drawPolyline(QPolygonF(points))
        self._label(painter, trace, first, last)
        painter.end()

    def _label(self, painter: QPainter, trace: Trace, first: float, last: float) -> None:
        t, right = theme.current(), Qt.AlignmentFlag.AlignRight
        low, high = float(trace.value.min()), float(trace.value.max())
        span = f"{low:.4g}…{high:.4g}" if f"{low:.3g}" != f"{high:.3g}" else f"{low:.4g}"
        head = self.rect().adjusted(8, 2, -8, 20 - self.height())
        figure = f"{span} {trace.unit}".replace("-", "−")
        taken = paint_elided(painter, head, figure, theme.mono_font(11), t.text, right)
        paint_elided(painter, head.adjusted(0, 0, -taken - 8, 0), trace.title, theme.text_font(11), t.quiet)
        foot = self.rect().adjusted(8, self.height() - 14, -8, -1)
        small = theme.mono_font(LABEL_PX)
        paint_elided(painter, foot, clock_text(round(first * NS), 1), small, t.faint)
        paint_elided(painter, foot, clock_text(round(last * NS), 1), small, t.faint, right)


def _range(trace: Trace) -> tuple[float, float]:
    """What the height stands for: all values, with the bounds that are near them."""
    low, high = float(trace.value.min()), float(trace.value.max())
    reach = max(high - low, 0.25 * max(abs(low), abs(high)), 1e-6)
    for bound in trace.bounds:
        if bound is not None and low - 2 * reach <= bound <= high + 2 * reach:
            low, high = min(low, bound), max(high, bound)
    spare = SPARE * max(high - low, 0.1 * reach)
    return low - spare, high + spare


def strip_times(span: Span, whole: Span) -> list[int]:
    """When the frames of a strip are: one before the span, some in it, one after, within the record, ns."""
    start, end = span
    beside = min(max((end - start) // 4, NS // 5), 2 * NS)
    times = np.linspace(start - beside, end + beside, FRAMES)
    times = np.clip(times, whole[0], max(whole[1] - 1, whole[0]))
    return sorted({int(each) for each in times})


class StripView(_Exhibit):
    """Frames side by side, those of the finding's span underlined in red."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(STRIP_HEIGHT, parent)
        self._times: list[int] = []
        self._span: Span | None = None
        self.pictures: dict[int, QImage] = {}

    @property
    def picture_height(self) -> int:
        """Px that a frame is drawn high."""
        return self.height() - 14

    def show_times(self, times: Sequence[int], span: Span | None = None) -> None:
        """Make room for frames at these times, which come later; none hide the strip."""
        self._times, self._span, self.pictures = list(times), span, {}
        self.setVisible(bool(times))
        self.setToolTip("Frames before, in and after what was found. A click goes to the moment")
        self.update()

    def set_picture(self, at_ns: int, image: QImage) -> None:
        """A frame has come."""
        if at_ns in self._times:
            self.pictures[at_ns] = image
            self.update()

    def _cell(self, place: int) -> QRectF:
        wide = self.width() / max(len(self._times), 1)
        return QRectF(place * wide, 0, wide - 2, self.picture_height)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Go to the frame under the pointer."""
        for place, at_ns in enumerate(self._times):
            if self._cell(place).contains(event.position()):
                self.sought.emit(at_ns)

    def paintEvent(self, event: QPaintEvent) -> None:
        """The frames as far as they have come, and when each is."""
        t = theme.current()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        for place, at_ns in enumerate(self._times):
            cell = self._cell(place)
            painter.fillRect(cell, t.stage)
            image = self.pictures.get(at_ns)
            if image is not None and not image.isNull():
                shown = image.size().scaled(cell.size().toSize(), Qt.AspectRatioMode.KeepAspectRatio)
                area = QRectF(0, 0, shown.width(), shown.height())
                area.moveCenter(cell.center())
                painter.drawImage(area, image)
            inside = self._span is not None and self._span[0] <= at_ns < self._span[1]
            if inside:
                painter.fillRect(QRectF(cell.left(), cell.bottom() - 2, cell.width(), 2), t.failed)
            foot = cell.toRect().adjusted(0, self.picture_height, 0, 14)
            color = t.failed if inside else t.faint
            paint_elided(
                painter,
                foot,
                clock_text(at_ns, 1),
                theme.mono_font(LABEL_PX),
                color,
                Qt.AlignmentFlag.AlignHCenter,
            )
        painter.end()
