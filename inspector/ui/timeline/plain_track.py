"""Streams that have no drawing of their own on the timeline: where they have data, and no more."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QPen

from inspector.core.model import Modality
from inspector.core.times import clock_text
from inspector.ui import theme
from inspector.ui.timeline.track import StreamTrack, paint_unknown

if TYPE_CHECKING:
    from PySide6.QtCore import QPointF
    from PySide6.QtGui import QPainter

    from inspector.ui.timeline.axis import TimeAxis


class PlainTrack(StreamTrack):
    """A bar over the stream's span (image, points, motion, gaze), hatched where it has none."""

    default_height: ClassVar[int] = 32

    def render(self, painter: QPainter, rect: QRectF, axis: TimeAxis) -> None:
        """Draw the bar, or a dashed line where the span is not known."""
        span = self.span
        if span is None:
            paint_unknown(painter, rect)
            return
        t = theme.current()
        left, right = (rect.left() + axis.x_of(ns, rect.width()) for ns in span)
        bar = QRectF(left, rect.center().y() - 5, max(right - left, 3), 10)
        if self.modality is not Modality.IMAGE:  # a still picture misses nothing before and after it
            self.paint_outside(painter, rect, axis)
        painter.setPen(QPen(t.tint(self.color, 0.8), 1))
        painter.setBrush(t.tint(self.color, 0.25))
        painter.setRenderHint(painter.RenderHint.Antialiasing)
        painter.drawRoundedRect(bar.adjusted(0.5, 0.5, -0.5, -0.5), theme.STEP, theme.STEP)
        painter.setPen(Qt.PenStyle.NoPen)

    def tooltip_at(self, pos: QPointF, rect: QRectF, axis: TimeAxis) -> str:
        """The time under the pointer, or that there is no data; nothing beside a still picture."""
        ns = axis.ns_of(pos.x() - rect.left(), rect.width())
        if self.outside(ns):
            return "" if self.modality is Modality.IMAGE else "No data"
        return clock_text(ns)
