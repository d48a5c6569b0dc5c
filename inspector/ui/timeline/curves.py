"""Curves into a painter, in pixels: where they hardly spread as lines, else as a bar a column.

Bars are made as one picture of which curve is seen at each pixel: that takes a few passes over bytes a curve,
a third of the time in which Qt fills as many rectangles.
"""

from __future__ import annotations

import threading
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtGui import QImage

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray
    from PySide6.QtCore import QRectF
    from PySide6.QtGui import QColor, QPainter

    from inspector.ui.timeline.polylines import Polylines

WIDTH_PX = 1.0
BAND_PX = 1.0
"""A curve none of whose columns spreads further than this is a line through their middles."""
NO_CURVE = 255
"""Where none is seen."""
SHADES = 4
"""How finely a bar's end is softened that covers a part of a pixel."""
SOFT_PX = 4.0
"""Of a curve whose columns spread further than this by and large, nobody sees whether their ends are soft."""
MOST = NO_CURVE // SHADES
"""So many curves fit into one picture."""


class _Loading:
    """The import of what draws lines, 0.3 s in which the window would stand still."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._begun = self._over = False
        self._waiting: list[Callable[[], None]] = []

    def lines(self, later: Callable[[], None] | None) -> Polylines | None:
        """What draws lines; None while it is being imported, at whose end `later` is called."""
        with self._lock:
            if later is not None and not self._over:
                self._waiting.append(later)
                if not self._begun:
                    self._begun = True
                    threading.Thread(target=self._load, name="inspector-lines", daemon=True).start()
                return None
        from inspector.ui.timeline.polylines import Polylines

        return Polylines()

    def _load(self) -> None:
        try:
            import inspector.ui.timeline.polylines  # noqa: F401
        finally:
            with self._lock:
                self._over = True
                waiting, self._waiting = self._waiting, []
            for later in waiting:
                later()


_loading = _Loading()


class CurvePainter:
    """Draws sets of curves again and again, with memory of its own."""

    def __init__(self) -> None:
        self._lines: Polylines | None = None

    def paint(
        self,
        painter: QPainter,
        rect: QRectF,
        x: NDArray[np.float64],
        tops: NDArray[np.float64],
        bottoms: NDArray[np.float64],
        colors: Sequence[QColor],
        later: Callable[[], None] | None = None,
    ) -> None:
        """Draw curves into a rectangle over each other, the last one first.

        `x` (m,) are places from left to right, `tops` and `bottoms` (c, m) the curves there, in px; NaN
        breaks a curve. With `later` it does not wait for what draws lines: until that is called, in another
        thread, lines are drawn as bars.
        """
        if not len(x):
            return
        # NaN compares false.
        spread = np.any(bottoms - tops > BAND_PX, axis=1).tolist()
        if self._lines is None and not all(spread):
            self._lines = _loading.lines(later)
            if self._lines is None:
                spread = [True] * len(spread)
        end = len(tops)
        while end:
            start = end - 1
            if spread[start]:
                while start and spread[start - 1] and end - start < MOST:
                    start -= 1
                self._bars(painter, rect, x, tops[start:end], bottoms[start:end], colors[start:end])
            else:
                assert self._lines is not None
                self._lines.paint(painter, x, (tops[start] + bottoms[start]) / 2, colors[start])
            end = start

    @staticmethod
    def _bars(
        painter: QPainter,
        rect: QRectF,
        x: NDArray[np.float64],
        tops: NDArray[np.float64],
        bottoms: NDArray[np.float64],
        colors: Sequence[QColor],
    ) -> None:
        ratio = painter.device().devicePixelRatioF()
        width, height = round(rect.width() * ratio), round(rect.height() * ratio)
        if width < 1 or height < 1:
            return
        top, bottom = bars_of(
            (x - rect.left()) * ratio, (tops - rect.top()) * ratio, (bottoms - rect.top()) * ratio, width
        )
        seen = seen_of(top, bottom, height)
        image = QImage(seen.data, width, height, width, QImage.Format.Format_Indexed8)
        image.setColorTable(_table(tuple(color.rgba() for color in colors)))
        # Painted in a fifth of the time in which Qt paints the other.
        image = image.convertToFormat(QImage.Format.Format_ARGB32_Premultiplied)
        image.setDevicePixelRatio(ratio)
        painter.drawImage(rect.topLeft(), image)


def bars_of(
    x: NDArray[np.float64], tops: NDArray[np.float64], bottoms: NDArray[np.float64], width: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Top and bottom of each curve in every column of pixels, (c, width) in px; NaN where there is none.

    Each place reaches up to the next one, in height too, so that nothing gapes, but not into a gap.
    """
    known = np.isfinite(tops) & np.isfinite(bottoms)
    # NaN is left out: a column is drawn towards a neighbour that is there.
    high, low = tops.copy(), bottoms.copy()
    np.fmin(tops[:, :-1], bottoms[:, 1:], out=high[:, :-1])
    np.fmax(bottoms[:, :-1], tops[:, 1:], out=low[:, :-1])
    high[~known] = low[~known] = np.nan
    left = np.floor(x)
    first = np.flatnonzero(np.diff(left, prepend=-np.inf) > 0)  # places that share a pixel are one bar
    if len(first) < len(left):
        left, known = left[first], np.logical_or.reduceat(known, first, axis=1)
        high, low = np.fmin.reduceat(high, first, axis=1), np.fmax.reduceat(low, first, axis=1)
    pixels = np.arange(width, dtype=np.float64)
    place = np.searchsorted(left, pixels, "right") - 1
    begins = (place >= 0) & (left[place] == pixels)
    goes_on = np.zeros(known.shape, np.bool_)
    goes_on[:, :-1] = known[:, 1:]
    shown = begins | (goes_on[:, place] & (place >= 0))
    return np.where(shown, high[:, place], np.nan), np.where(shown, low[:, place], np.nan)


def seen_of(tops: NDArray[np.float64], bottoms: NDArray[np.float64], height: int) -> NDArray[np.uint8]:
    """What is seen at each pixel, (height, width), of at most MOST bars in each of `width` columns.

    A number below their count is the first one that covers the pixel, with half a px at either end for the
    pen. Where none does, but some end within it, SHADES - 1 further counts tell how little it is covered by
    the one that covers most; else it is NO_CURVE. Those that spread far end at whole pixels.
    """
    size = np.uint8 if height <= 0xFF else np.uint16  # of a byte each, twice as many at once
    count, width = tops.shape
    known = np.isfinite(tops) & np.isfinite(bottoms)
    high = np.clip(np.where(known, tops - WIDTH_PX / 2, height + 1.0), -1.0, height + 1.0)
    low = np.clip(np.where(known, bottoms + WIDTH_PX / 2, -1.0), -1.0, height + 1.0)
    soft = np.where(known, low - high, 0.0).sum(1) <= SOFT_PX * known.sum(1)
    first = np.where(soft[:, None], np.ceil(high), np.floor(high + 0.5))
    end = np.where(soft[:, None], np.floor(low), np.floor(low + 0.5))
    top = np.clip(first, 0, height)
    tall, top = np.maximum(np.clip(end, 0, height) - top, 0).astype(size), top.astype(size)
    rows = np.arange(height, dtype=size)[:, None]
    seen = np.full((height, width), NO_CURVE, np.uint8)
    below, covers = np.empty(seen.shape, size), np.empty(seen.shape, np.bool_)
    mine = covers.view(np.uint8)
    parts = ((first - 1, first - high), (end, low - end)) if soft.any() else ()
    ends = [_ends(row, part, height) for row, part in parts]
    for curve in range(count):
        # Above its top the difference is negative: without a sign more than what any bar there is tall.
        np.less(np.subtract(rows, top[curve], out=below), tall[curve], out=covers)
        np.subtract(mine, 1, out=mine)  # 0 where it covers, 255 elsewhere
        np.minimum(seen, np.bitwise_or(mine, np.uint8(curve), out=mine), out=seen)
        for row, told in ends if soft[curve] else ():
            np.equal(rows, row[curve].astype(size), out=covers)
            np.subtract(mine, 1, out=mine)
            np.minimum(seen, np.bitwise_or(mine, told[curve], out=mine), out=seen)
    return seen


def _ends(
    row: NDArray[np.float64], part: NDArray[np.float64], height: int
) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
    """For bars (c, m) that cover a part of the pixel in a row: which row, and what is told there."""
    count = len(row)
    shade = SHADES - np.rint(part * SHADES)  # 0 covers all of it, SHADES nothing
    told = np.arange(count)[:, None] + count * shade
    told[(shade >= SHADES) | (row < 0) | (row >= height)] = NO_CURVE
    return np.clip(row, 0, height - 1), told.astype(np.uint8)


@lru_cache(64)
def _table(colors: tuple[int, ...]) -> list[int]:
    """The colours of what `seen_of` tells, of opaque ones in Qt's numbers."""
    table = []
    for shade in range(SHADES):
        alpha = round(0xFF * (SHADES - shade) / SHADES)
        table += [(alpha << 24) | (color & 0xFFFFFF) for color in colors]
    return table + [0] * (NO_CURVE + 1 - len(table))
