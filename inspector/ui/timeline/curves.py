"""Curves into a painter, in pixels: where they hardly spread as lines, else as a bar a column.

Both go to Qt as one array of numbers, through pyqtgraph's primitives: a list of Qt's own objects would take
longer to make than to draw, and an antialiased line up and down every column four times as long as bars. A
pen of one px has a quick way of its own in Qt, where a wider one is outlined and filled: a fifth of the time.
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
    from PySide6.QtGui import QColor, QPainter, QPen

WIDTH_PX = 1.0
BAND_PX = 1.0
"""A curve none of whose columns spreads further than this is a line through their middles."""


class CurvePainter:
    """Draws sets of curves again and again, with memory of its own."""

    def __init__(self) -> None:
        self._lines = internals.PrimitiveArray(QLineF, 4)
        self._bars = internals.PrimitiveArray(QRectF, 4)
        self._pens: dict[int, QPen] = {}

    def paint(
        self,
        painter: QPainter,
        x: NDArray[np.float64],
        tops: NDArray[np.float64],
        bottoms: NDArray[np.float64],
        colors: Sequence[QColor],
    ) -> None:
        """Draw curves over each other, the last one first.

        `x` (m,) are places from left to right, `tops` and `bottoms` (c, m) the curves there, in px; NaN
        breaks a curve.
        """
        if not len(x):
            return
        # NaN compares false.
        spread: NDArray[np.bool_] = np.any(bottoms - tops > BAND_PX, axis=1)
        places = np.cumsum(spread) - 1
        bars, known = bars_of(x, tops[spread], bottoms[spread])
        for curve in range(len(tops) - 1, -1, -1):
            if spread[curve]:
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(colors[curve])
                place = places[curve]
                self._fill(self._bars, bars[place] if known[place].all() else bars[place, known[place]])
                painter.drawRects(*self._bars.drawargs())
            else:
                painter.setPen(self._pen(colors[curve]))
                middle = (tops[curve] + bottoms[curve]) / 2
                if len(x) > 1 and np.isfinite(middle).all():
                    painter.drawPolyline(pg.functions.arrayToQPolygonF(x, middle))
                    continue
                self._fill(self._lines, lines_of(x, middle))
                painter.drawLines(*self._lines.drawargs())

    def _pen(self, color: QColor) -> QPen:
        pen = self._pens.get(color.rgba())
        if pen is None:
            pen = self._pens[color.rgba()] = pg.mkPen(color, width=WIDTH_PX)
        return pen

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
    x: NDArray[np.float64], tops: NDArray[np.float64], bottoms: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Left, top, width and height (c, m, 4) of a bar a column, and which of them are there (c, m).

    Each reaches up to the next one, so that none gapes.
    """
    known = np.isfinite(tops) & np.isfinite(bottoms)
    bars = np.empty((*tops.shape, 4))
    # NaN is left out: a column is drawn towards a neighbour that is there.
    top, bottom = bars[..., 1], bottoms.copy()
    top[:, -1:] = tops[:, -1:]
    np.fmin(tops[:, :-1], bottoms[:, 1:], out=top[:, :-1])
    np.fmax(bottoms[:, :-1], tops[:, 1:], out=bottom[:, :-1])
    half = WIDTH_PX / 2  # as far beyond as a line drawn along it would reach
    top -= half
    np.subtract(bottom, top, out=bars[..., 3])
    bars[..., 3] += half
    left = np.floor(x)
    bars[..., 0] = left
    bars[..., 2] = np.maximum(np.diff(left, append=left[-1:] + 1), 1)
    bars[:, :-1, 2][~known[:, 1:]] = 1.0  # a bar before a gap does not reach into it
    return bars, known
