"""Coverage as a strip of small squares, one a modality: shape tells the state, colour the modality."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPainterPath, QPen

from inspector.core.model import Coverage
from inspector.ui import theme
from inspector.ui.panels.common import COVERAGE_WORD, MODALITY_WORD, paint_hatch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtGui import QColor

    from inspector.core.model import Modality

SQUARE = 9
PITCH = SQUARE + theme.STEP


def strip_width(modalities: int) -> int:
    """How wide a strip of so many squares is."""
    return max(0, modalities * PITCH - theme.STEP)


def coverage_words(modalities: Sequence[Modality], states: Sequence[Coverage]) -> str:
    """The strip in words: `film present · sound absent`."""
    pairs = zip(modalities, states, strict=True)
    return " · ".join(f"{MODALITY_WORD[modality]} {COVERAGE_WORD[state]}" for modality, state in pairs)


def paint_strip(
    painter: QPainter,
    x: float,
    middle: float,
    modalities: Sequence[Modality],
    states: Sequence[Coverage],
    dim: bool = False,
) -> None:
    """Squares from `x` on, centred on `middle`; dim where the index only promises what nobody looked at."""
    t = theme.current()
    top = round(middle - SQUARE / 2)
    for number, (modality, state) in enumerate(zip(modalities, states, strict=True)):
        area = QRectF(round(x) + number * PITCH, top, SQUARE, SQUARE)
        color = t.modality[modality]
        paint_square(painter, area, t.tint(color, 0.5) if dim else color, state)


def paint_square(painter: QPainter, area: QRectF, color: QColor, state: Coverage) -> None:
    """One modality's state: filled, half, hatched, or hollow with a stroke, a cross or a dot."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    path = QPainterPath()
    path.addRoundedRect(area, 2, 2)
    line = area.adjusted(0.5, 0.5, -0.5, -0.5)
    painter.setPen(QPen(color, 1))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    if state is Coverage.PRESENT:
        painter.fillPath(path, color)
    elif state is Coverage.UNKNOWN:
        painter.fillPath(path, theme.current().tint(color, color.alphaF() * 0.35))
        painter.setPen(QPen(theme.current().tint(color, color.alphaF() * 0.7), 1))
        painter.drawRoundedRect(line, 1.5, 1.5)
    else:
        painter.drawRoundedRect(line, 1.5, 1.5)
        painter.setClipPath(path)
        if state is Coverage.TRUNCATED:
            painter.fillRect(QRectF(area.left(), area.top(), SQUARE / 2, SQUARE), color)
        elif state in (Coverage.SILENT, Coverage.FROZEN):
            paint_hatch(painter, area, color, gap=3.5, width=1.3)
        elif state is Coverage.EMPTY:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(color)
            painter.drawEllipse(QPointF(area.center()), 1.5, 1.5)
        else:
            inner = area.adjusted(1.5, 1.5, -1.5, -1.5)
            painter.setPen(QPen(color, 1.2))
            strokes = [QLineF(inner.bottomLeft(), inner.topRight())]
            if state is Coverage.UNREADABLE:
                strokes.append(QLineF(inner.topLeft(), inner.bottomRight()))
            painter.drawLines(strokes)
    painter.restore()
