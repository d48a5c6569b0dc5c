"""Curves through pyqtgraph into any painter, with no view and no widget.

`PlotCurveItem`s in a bare graphics scene are given what the screen can show, in pixels, and the scene is
rendered once into the caller's painter. Importing this module imports pyqtgraph (0.4 s): do it when the first
sensor is drawn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyqtgraph as pg
from PySide6.QtWidgets import QGraphicsScene

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PySide6.QtCore import QRectF
    from PySide6.QtGui import QColor, QPainter

WIDTH_PX = 1.2


class CurvePainter:
    """A set of curves that is filled and rendered again and again."""

    def __init__(self) -> None:
        self._scene = QGraphicsScene()
        # No index: the items are redrawn as a whole, and an index would wait for an event loop.
        self._scene.setItemIndexMethod(QGraphicsScene.ItemIndexMethod.NoIndex)
        self._items: list[pg.PlotCurveItem] = []

    def paint(
        self,
        painter: QPainter,
        rect: QRectF,
        curves: list[tuple[NDArray[np.float64], NDArray[np.float64]]],
        colors: list[QColor],
    ) -> None:
        """Draw curves of (x px, y px) into `rect`; NaN breaks a curve. The first one is drawn first."""
        while len(self._items) < len(curves):
            item = pg.PlotCurveItem(antialias=True)
            # Single segments: a path of a noisy curve takes Qt's stroker ten times as long.
            item.setSegmentedLineMode("on")
            item.setZValue(len(self._items))
            self._scene.addItem(item)
            self._items.append(item)
        for place, item in enumerate(self._items):
            if place < len(curves):
                item.setPen(pg.mkPen(colors[place], width=WIDTH_PX))
                item.setData(*curves[place], connect="finite")
            item.setVisible(place < len(curves))
        self._scene.setSceneRect(rect)
        self._scene.render(painter, rect, rect)

    def clear(self) -> None:
        """Let go of the items."""
        self._scene.clear()
        self._items.clear()
