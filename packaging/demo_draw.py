"""Drawing the clock: a calm dial on a plain wall, from the front or, by a second camera, from the side."""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import (
    QBrush,
    QColor,
    QImage,
    QLinearGradient,
    QPainter,
    QPen,
    QPolygonF,
    QRadialGradient,
    QTransform,
)

SIZE = 320
SCALE = 2
CENTRE = QPointF(160.0, 158.0)
RADIUS = 124.0


@dataclass(frozen=True, slots=True)
class Palette:
    """The colours of one camera's picture in one session."""

    wall: str
    wall_edge: str
    dial: str
    dial_edge: str
    rim: str
    ink: str
    accent: str


FRONT = (
    Palette("#D6CFC0", "#BDB4A1", "#EBE4D3", "#DDD4BF", "#C3B89E", "#23272E", "#C4512F"),
    Palette("#BAC6B6", "#9AAA98", "#ECE6D6", "#DED6C3", "#8FA08C", "#22302B", "#C0562F"),
    Palette("#B7C2CC", "#94A3B1", "#EAE6DB", "#DAD6CA", "#8797A6", "#1F2A36", "#CB5F35"),
    Palette("#DABFB4", "#BE9C90", "#EFE6D8", "#E0D4C3", "#B08E82", "#33262A", "#9C3B3B"),
    Palette("#596675", "#3B4653", "#E8E1D0", "#D6CEBA", "#2C343E", "#20262E", "#D9703A"),
)
SIDE = (
    Palette("#C3C9CE", "#A4ADB5", "#E6E7E6", "#D3D6D8", "#C9BD9A", "#1E252E", "#A8482F"),
    Palette("#C9C3B4", "#ABA390", "#E7E6DD", "#D6D4C8", "#7E8C7C", "#26302C", "#A94F2C"),
    Palette("#CBC4BC", "#ACA39A", "#E6E4E0", "#D3D0CB", "#77838F", "#222B35", "#B4542F"),
    Palette("#B9BFC9", "#9AA1AE", "#E9E4E1", "#D8D1CE", "#97807A", "#2F282D", "#8A3A3E"),
    Palette("#7A8088", "#585F68", "#E4E1D8", "#D0CCC2", "#3A4049", "#222830", "#C2683A"),
)


class Clock:
    """One camera's view of the clock; wall and dial are drawn once, hands and flash on top of them."""

    def __init__(self, palette: Palette, style: int, from_side: bool) -> None:
        """`style` chooses marks and hands (0 or 1: one for each recorder's room)."""
        self._palette = palette
        self._style = style
        self._view = self._transform(from_side)
        self._still = self._draw_still()
        self._cache: dict[tuple[float, float, float, float], np.ndarray] = {}

    def picture(self, hour_deg: float, minute_deg: float, second_deg: float, flash: float) -> np.ndarray:
        """The picture as (320, 320, 3) uint8 RGB; `flash` from 0 to 1."""
        key = (round(hour_deg, 2), round(minute_deg, 2), round(second_deg, 2), round(flash, 2))
        if key not in self._cache:
            if len(self._cache) > 64:
                self._cache.clear()
            self._cache[key] = self._draw(*key)
        return self._cache[key]

    @staticmethod
    def _transform(from_side: bool) -> QTransform:
        scale = QTransform.fromScale(SCALE, SCALE)
        if not from_side:
            return scale
        flat = QPolygonF([QPointF(36, 34), QPointF(284, 34), QPointF(284, 282), QPointF(36, 282)])
        seen = QPolygonF([QPointF(66, 22), QPointF(262, 52), QPointF(256, 274), QPointF(58, 290)])
        slant = QTransform()
        QTransform.quadToQuad(flat, seen, slant)
        return slant * scale

    def _painter(self, image: QImage) -> QPainter:
        painter = QPainter(image)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setTransform(self._view)
        painter.setPen(Qt.PenStyle.NoPen)
        return painter

    def _draw_still(self) -> QImage:
        colours = self._palette
        image = QImage(SIZE * SCALE, SIZE * SCALE, QImage.Format.Format_RGB32)
        wall = QRadialGradient(QPointF(130.0 * SCALE, 110.0 * SCALE), 260.0 * SCALE)
        wall.setColorAt(0.0, QColor(colours.wall))
        wall.setColorAt(1.0, QColor(colours.wall_edge))
        painter = QPainter(image)
        painter.fillRect(image.rect(), QBrush(wall))
        painter.end()
        painter = self._painter(image)
        self._disc(painter, QPointF(167.0, 170.0), RADIUS * 1.16, self._shadow())
        rim = QLinearGradient(CENTRE - QPointF(90, 110), CENTRE + QPointF(90, 110))
        rim.setColorAt(0.0, QColor(colours.rim).lighter(128))
        rim.setColorAt(1.0, QColor(colours.rim).darker(118))
        self._disc(painter, CENTRE, RADIUS + 6.5, QBrush(rim))
        dial = QRadialGradient(CENTRE - QPointF(24, 30), RADIUS * 1.35)
        dial.setColorAt(0.0, QColor(colours.dial))
        dial.setColorAt(1.0, QColor(colours.dial_edge))
        self._disc(painter, CENTRE, RADIUS, QBrush(dial))
        painter.end()
        return image

    @staticmethod
    def _shadow() -> QBrush:
        shade = QRadialGradient(QPointF(167.0, 170.0), RADIUS * 1.16)
        shade.setColorAt(0.80, QColor(20, 22, 28, 74))
        shade.setColorAt(0.90, QColor(20, 22, 28, 36))
        shade.setColorAt(1.0, QColor(20, 22, 28, 0))
        return QBrush(shade)

    @staticmethod
    def _disc(painter: QPainter, centre: QPointF, radius: float, brush: QBrush) -> None:
        painter.setBrush(brush)
        painter.drawEllipse(centre, radius, radius)

    def _draw(self, hour_deg: float, minute_deg: float, second_deg: float, flash: float) -> np.ndarray:
        image = self._still.copy()
        painter = self._painter(image)
        if flash > 0:
            self._flash(painter, flash)
        self._marks(painter)
        base = self._view
        hands = (
            (hour_deg, self._hour_hand),
            (minute_deg, self._minute_hand),
            (second_deg, self._second_hand),
        )
        for turn, hand in hands:
            for shadow in (True, False):
                shift = QPointF(2.2, 3.0) if shadow else QPointF(0.0, 0.0)
                place = QTransform.fromTranslate(CENTRE.x() + shift.x(), CENTRE.y() + shift.y())
                painter.setTransform(QTransform().rotate(turn) * place * base)
                hand(painter, QColor(30, 28, 24, 34) if shadow else None)
        painter.setTransform(base)
        self._disc(painter, CENTRE, 6.0, QBrush(QColor(self._palette.accent)))
        self._disc(painter, CENTRE, 2.0, QBrush(QColor(self._palette.dial)))
        painter.end()
        small = image.scaled(
            SIZE, SIZE, Qt.AspectRatioMode.IgnoreAspectRatio, Qt.TransformationMode.SmoothTransformation
        ).convertToFormat(QImage.Format.Format_RGB888)
        rows = np.frombuffer(small.constBits(), dtype=np.uint8).reshape(SIZE, small.bytesPerLine())
        return rows[:, : SIZE * 3].reshape(SIZE, SIZE, 3).copy()

    def _flash(self, painter: QPainter, flash: float) -> None:
        """The dial lights up in a warm white and lights the wall around it."""
        glow = QRadialGradient(CENTRE, RADIUS * 1.9)
        glow.setColorAt(0.55, QColor(255, 250, 225, round(190 * flash)))
        glow.setColorAt(0.75, QColor(255, 248, 220, round(110 * flash)))
        glow.setColorAt(1.0, QColor(255, 246, 215, round(35 * flash)))
        painter.fillRect(QRectF(-200.0, -200.0, 720.0, 720.0), QBrush(glow))
        self._disc(painter, CENTRE, RADIUS, QBrush(QColor(255, 252, 232, round(245 * flash))))

    def _marks(self, painter: QPainter) -> None:
        ink = QColor(self._palette.ink)
        faint = QColor(ink)
        faint.setAlpha(120)
        middle = QTransform.fromTranslate(CENTRE.x(), CENTRE.y())
        for minute in range(60):
            painter.setTransform(QTransform().rotate(6.0 * minute) * middle * self._view)
            if minute % 5:
                painter.setPen(QPen(faint, 1.1, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
                painter.drawLine(QLineF(0.0, -112.0, 0.0, -116.0))
                continue
            width = (4.6 if minute % 15 == 0 else 3.0) if self._style else 3.6
            length = 15.0 if minute % 15 == 0 else 10.0
            painter.setPen(QPen(ink, width, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
            painter.drawLine(QLineF(0.0, -114.0, 0.0, -114.0 + length))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setTransform(self._view)

    def _hour_hand(self, painter: QPainter, shade: QColor | None) -> None:
        painter.setBrush(shade or QColor(self._palette.ink))
        if self._style:
            painter.drawRoundedRect(QRectF(-3.6, -68.0, 7.2, 82.0), 3.6, 3.6)
        else:
            painter.drawPolygon(_taper(3.0, 5.0, 14.0, -72.0))

    def _minute_hand(self, painter: QPainter, shade: QColor | None) -> None:
        painter.setBrush(shade or QColor(self._palette.ink))
        if self._style:
            painter.drawRoundedRect(QRectF(-2.5, -100.0, 5.0, 116.0), 2.5, 2.5)
        else:
            painter.drawPolygon(_taper(2.2, 3.8, 18.0, -104.0))

    def _second_hand(self, painter: QPainter, shade: QColor | None) -> None:
        painter.setBrush(shade or QColor(self._palette.accent))
        painter.drawRoundedRect(QRectF(-1.1, -108.0, 2.2, 136.0), 1.1, 1.1)
        painter.drawEllipse(QPointF(0.0, 26.0), 4.4, 4.4)


def _taper(tail: float, waist: float, bottom: float, tip: float) -> QPolygonF:
    """A hand that is widest at the axis and runs to a point; halves of widths, and heights, in pixels."""
    points = [(-tail, bottom), (-waist, -2.0), (0.0, tip), (waist, -2.0), (tail, bottom)]
    return QPolygonF([QPointF(x, y) for x, y in points])
