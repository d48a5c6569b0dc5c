"""Boxes and points on a picture: drawn where labels have them, and marked by dragging or clicking."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPen

from inspector.ui import theme

if TYPE_CHECKING:
    from collections.abc import Iterable

    from PySide6.QtGui import QPainter

    from inspector.core.model import Annotation, Stream

Region = tuple[float, float, float, float]
"""x, y, width and height as fractions of the picture as it is seen; a point has no width and height."""

SLOP_PX = 4
"""A smaller drag is a point."""
POINT_PX = 5.0
GRIP = 3.5
"""Half the width of the square at a corner."""
_LINE, _GROUND = QColor("#E9B44C"), QColor(15, 17, 21, 160)


def shown_now(
    labels: Iterable[Annotation], stream: Stream, reference_ns: int, frame: tuple[int, int] | None
) -> list[tuple[Annotation, dict[int, Region]]]:
    """The labels that hold at a time, with their boxes by the place of the anchor.

    `frame` is the local span of what is shown. A label that names the stream holds in the stream's own time,
    another in reference time; a moment holds while its frame is shown.
    """
    found = []
    for label in labels:
        on = False
        regions: dict[int, Region] = {}
        for place, anchor in enumerate(label.anchors):
            own = anchor.stream_id == stream.id
            if anchor.span is None or not (own or anchor.stream_id is None):
                continue
            at = stream.timemap.to_local(reference_ns) if own else reference_ns
            start, end = anchor.span
            moment = start == end and frame is not None and own and frame[0] <= start < frame[1]
            if start <= at < end or moment:
                on = True
                if own and anchor.region is not None:
                    regions[place] = anchor.region
        if on:
            found.append((label, regions))
    return found


def paint_region(painter: QPainter, rect: QRectF, region: Region, text: str = "", held: bool = False) -> None:
    """Draw one box or point, with its label above it; `held`: with grips at its corners."""
    area = QRectF(
        rect.left() + region[0] * rect.width(),
        rect.top() + region[1] * rect.height(),
        region[2] * rect.width(),
        region[3] * rect.height(),
    )
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for color, width in ((_GROUND, 4.0), (_LINE, 1.8)):
        painter.setPen(QPen(color, width))
        if region[2] == 0 and region[3] == 0:
            painter.drawEllipse(area.topLeft(), POINT_PX, POINT_PX)
        else:
            painter.drawRect(area)
    if held:
        painter.setPen(QPen(_GROUND, 1.0))
        painter.setBrush(_LINE)
        corners = (area.topLeft(), area.topRight(), area.bottomLeft(), area.bottomRight())
        for corner in corners if region[2] or region[3] else corners[:1]:
            painter.drawRect(QRectF(corner.x() - GRIP, corner.y() - GRIP, 2 * GRIP, 2 * GRIP))
    if not text:
        return
    painter.setFont(theme.text_font(11))
    words = text[: theme.LONGEST]
    wide = min(painter.fontMetrics().horizontalAdvance(words) + 10.0, rect.width())
    top = area.top() - 20 if area.top() - 20 > rect.top() else area.bottom() + 4
    plate = QRectF(min(area.left(), rect.right() - wide), top, wide, 16)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(_GROUND)
    painter.drawRoundedRect(plate, 3, 3)
    painter.setPen(_LINE)
    painter.drawText(plate, int(Qt.AlignmentFlag.AlignCenter), words)


def region_between(rect: QRectF, start: QPointF, end: QPointF) -> Region | None:
    """The region that was dragged over on a picture that fills `rect`; None where it missed the picture."""
    if rect.isEmpty():
        return None
    if (end - start).manhattanLength() <= SLOP_PX:
        if not rect.contains(start):
            return None
        return (
            (start.x() - rect.left()) / rect.width(),
            (start.y() - rect.top()) / rect.height(),
            0.0,
            0.0,
        )
    area = QRectF(start, end).normalized().intersected(rect)
    if area.isEmpty():
        return None
    return (
        (area.left() - rect.left()) / rect.width(),
        (area.top() - rect.top()) / rect.height(),
        area.width() / rect.width(),
        area.height() / rect.height(),
    )
