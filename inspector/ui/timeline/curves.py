"""Curves into a painter, in pixels: where they hardly spread as lines, else as a bar a column.

Both go to Qt as one array of numbers, through pyqtgraph's primitives: a list of Qt's own objects would take
longer to make than to draw, and an antialiased line up and down every column four times as long as bars.
Importing this module imports pyqtgraph (0.4 s): do it when the first sensor is drawn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyqtgraph as pg
from pyqtgraph.Qt import internals
from PySide6.QtCore import QLineF, QRectF, Qt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from PySide6.QtGui import QColor, QPainter

WIDTH_PX = 1.2
BAND_PX = 1.0
"""A curve none of whose columns spreads further than this is a line through their middles."""

Curve = tuple["NDArray[np.float64]", "NDArray[np.float64]", "NDArray[np.float64]"]
"""Places from left to right, and the top and the bottom there, in px; NaN breaks the curve."""


class CurvePainter:
    """Draws sets of curves again and again, with memory of its own."""

    def __init__(self) -> None:
        self._lines = internals.PrimitiveArray(QLineF, 4)
        self._bars = internals.PrimitiveArray(QRectF, 4)

    def paint(self, painter: QPainter, curves: Sequence[Curve], colors: Sequence[QColor]) -> None:
        """Draw curves over each other, the first one first."""
        for (x, top, bottom), color in zip(curves, colors, strict=True):
            if len(x) and np.nanmax(bottom - top, initial=0.0) > BAND_PX:
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(color)
                bars = bars_of(x, top, bottom)
                self._fill(self._bars, bars)
                painter.drawRects(*self._bars.drawargs())
            elif len(x):
                painter.setPen(pg.mkPen(color, width=WIDTH_PX))
                lines = lines_of(x, (top + bottom) / 2)
                self._fill(self._lines, lines)
                painter.drawLines(*self._lines.drawargs())

    @staticmethod
    def _fill(room: internals.PrimitiveArray, numbers: NDArray[np.float64]) -> None:
        room.resize(len(numbers))
        room.ndarray()[:] = numbers


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


def bars_of(
    x: NDArray[np.float64], top: NDArray[np.float64], bottom: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Left, top, width and height (m, 4) of a bar a column, each up to the next one, so that none gapes."""
    top, bottom = top.copy(), bottom.copy()
    # NaN compares false: a column is drawn towards a neighbour that is there.
    falls = top[1:] > bottom[:-1]
    rises = bottom[1:] < top[:-1]
    bottom[:-1][falls] = top[1:][falls]
    top[:-1][rises] = bottom[1:][rises]
    half = WIDTH_PX / 2  # as far beyond as a line drawn along it would reach
    left = np.floor(x)
    width = np.maximum(np.diff(left, append=left[-1:] + 1), 1)
    known = np.isfinite(top) & np.isfinite(bottom)
    broken = np.zeros(len(x), np.bool_)
    broken[:-1] = ~known[1:]
    width[broken] = 1.0  # a bar before a gap does not reach into it
    return np.stack([left, top - half, width, bottom - top + 2 * half], 1)[known]
