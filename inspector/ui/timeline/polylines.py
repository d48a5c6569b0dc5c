"""Lines through points, handed to Qt as one array of numbers through pyqtgraph's primitives.

A list of Qt's own objects would take longer to make than to draw. A pen of one px has a quick way of its own
in Qt, where a wider one is outlined and filled: a fifth of the time.
Importing this module imports pyqtgraph (0.2 to 0.4 s): do it when the first line is drawn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyqtgraph as pg
from pyqtgraph.Qt import internals
from PySide6.QtCore import QLineF

from inspector.ui.timeline.curves import WIDTH_PX

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PySide6.QtGui import QColor, QPainter, QPen


class Polylines:
    """Draws lines again and again, with memory of its own."""

    def __init__(self) -> None:
        self._lines = internals.PrimitiveArray(QLineF, 4)
        self._pens: dict[int, QPen] = {}

    def paint(self, painter: QPainter, x: NDArray[np.float64], y: NDArray[np.float64], color: QColor) -> None:
        """Draw a line through points (m,) from left to right, in px; NaN breaks it."""
        pen = self._pens.get(color.rgba())
        if pen is None:
            pen = self._pens[color.rgba()] = pg.mkPen(color, width=WIDTH_PX)
        painter.setPen(pen)
        if len(x) > 1 and np.isfinite(y).all():
            painter.drawPolyline(pg.functions.arrayToQPolygonF(x, y))
            return
        segments = lines_of(x, y)
        self._lines.resize(len(segments))
        self._lines.ndarray()[:] = segments
        painter.drawLines(*self._lines.drawargs())


def lines_of(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Segments (m, 4) between neighbours that are there; a lone point is a short one."""
    known = np.isfinite(y)
    joined = known[:-1] & known[1:]
    segments = np.stack([x[:-1], y[:-1], x[1:], y[1:]], 1)[joined]
    lone = known.copy()
    lone[1:] &= ~joined
    lone[:-1] &= ~joined
    if lone.any():
        half = WIDTH_PX / 2
        points = np.stack([x[lone] - half, y[lone], x[lone] + half, y[lone]], 1)
        segments = np.concatenate([segments, points])
    return segments
