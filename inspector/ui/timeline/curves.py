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

from inspector.media.look import reduced

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray
    from PySide6.QtCore import QRectF
    from PySide6.QtGui import QColor, QPainter

    from inspector.ui.timeline.polylines import Polylines

WIDTH_PX = 1.0
BAND_PX = 1.0
"""A curve none of whose columns spreads further than this is a line through their middles."""
DENSE = 0.9
"""Where so many places come on a px, bars look like lines: curves beside one that spreads are bars too."""
NO_CURVE = 255
"""Where none is seen."""
SHADES = 4
"""How finely a bar's end is softened that covers a part of a pixel."""
FINE = 16
"""Parts of a px to which ends are told."""
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
        if any(spread) and len(x) >= DENSE * rect.width():
            spread = [True] * len(spread)  # one picture of all takes less time than lines between pictures
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
        ratio, width, height = _pixels_of(painter, rect)
        if width < 1 or height < 1:
            return
        top, bottom = bars_of(
            (x - rect.left()) * ratio, (tops - rect.top()) * ratio, (bottoms - rect.top()) * ratio, width
        )
        _show(painter, rect, top, bottom, height, colors)


def paint_fields(
    painter: QPainter,
    rect: QRectF,
    left: NDArray[np.float64],
    right: NDArray[np.float64],
    tops: NDArray[np.float64],
    bottoms: NDArray[np.float64],
    colors: Sequence[QColor],
) -> None:
    """Fill boxes between places `left` and `right` (m,) with `tops` and `bottoms` (c, m), all in px.

    Where several lie over each other, the first is seen. NaN leaves one out. Colours may be pale.
    """
    ratio, width, height = _pixels_of(painter, rect)
    if width < 1 or height < 1 or not len(left):
        return
    order = np.argsort(left, kind="stable")
    left, right = ((each[order] - rect.left()) * ratio for each in (left, right))
    pixels = np.arange(width, dtype=np.float64)
    place = np.searchsorted(np.floor(left), pixels, "right") - 1
    there = (place >= 0) & (pixels < np.maximum(right, left + 1)[place])
    order = order[place]
    top, bottom = (np.where(there, (each[:, order] - rect.top()) * ratio, np.nan) for each in (tops, bottoms))
    for start in reversed(range(0, len(top), MOST)):
        part = slice(start, start + MOST)
        _show(painter, rect, top[part], bottom[part], height, colors[part])


def _pixels_of(painter: QPainter, rect: QRectF) -> tuple[float, int, int]:
    """The screen's pixels a px, and how many of them a rectangle is wide and high."""
    ratio = painter.device().devicePixelRatioF()
    return ratio, round(rect.width() * ratio), round(rect.height() * ratio)


def _show(
    painter: QPainter,
    rect: QRectF,
    tops: NDArray[np.float64],
    bottoms: NDArray[np.float64],
    height: int,
    colors: Sequence[QColor],
) -> None:
    """Paint what is seen of bars, in pixels of the screen, into a rectangle."""
    seen = seen_of(tops, bottoms, height)
    width = seen.shape[1]
    image = QImage(seen.data, width, height, width, QImage.Format.Format_Indexed8)
    image.setColorTable(_table(tuple(color.rgba() for color in colors)))
    # Painted in a fifth of the time in which Qt paints the other.
    image = image.convertToFormat(QImage.Format.Format_ARGB32_Premultiplied)
    image.setDevicePixelRatio(painter.device().devicePixelRatioF())
    painter.drawImage(rect.topLeft(), image)


def bars_of(
    x: NDArray[np.float64], tops: NDArray[np.float64], bottoms: NDArray[np.float64], width: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Top and bottom of each curve in every column of pixels, (c, width) in px; NaN where there is none.

    Each place reaches up to the next one, in height too, so that nothing gapes, but not into a gap.
    """
    known = ~np.isnan(tops + bottoms)
    whole = bool(known.all())
    # NaN is left out: a column is drawn towards a neighbour that is there.
    high, low = tops.copy(), bottoms.copy()
    np.fmin(tops[:, :-1], bottoms[:, 1:], out=high[:, :-1])
    np.fmax(bottoms[:, :-1], tops[:, 1:], out=low[:, :-1])
    if not whole:
        high[~known] = low[~known] = np.nan
    first, place, begins, follows = _columns(x.tobytes(), width)
    if len(first) < len(x):  # places that share a pixel are one bar
        high, low = reduced(np.fmin, high, first), reduced(np.fmax, low, first)
    shown = begins | follows
    if not whole:
        goes_on = np.zeros(high.shape, np.bool_)
        goes_on[:, :-1] = ~np.isnan(high[:, 1:])
        shown = begins | (goes_on.take(place, axis=1) & follows)
    high, low = high.take(place, axis=1), low.take(place, axis=1)
    if not shown.all():
        high, low = np.where(shown, high, np.nan), np.where(shown, low, np.nan)
    return high, low


@lru_cache(4)
def _columns(
    x: bytes, width: int
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.bool_], NDArray[np.bool_]]:
    """Of places in px, which all rows of a sensor have alike: the first of each pixel.

    And for each of `width` pixels the last one at or before it, whether it begins there, and whether another
    follows.
    """
    left = np.floor(np.frombuffer(x))
    first = np.flatnonzero(np.diff(left, prepend=-np.inf) > 0)
    left = left[first]
    pixels = np.arange(width, dtype=np.float64)
    place = np.searchsorted(left, pixels, "right") - 1
    there = place >= 0
    return first, np.maximum(place, 0), there & (left[place] == pixels), there & (place < len(first) - 1)


def seen_of(tops: NDArray[np.float64], bottoms: NDArray[np.float64], height: int) -> NDArray[np.uint8]:
    """What is seen at each pixel, (height, width), of at most MOST bars in each of `width` columns.

    A number below their count is the first one that covers the pixel, with half a px at either end for the
    pen. Where none does, but some end within it, SHADES - 1 further counts tell how little it is covered by
    the one that covers most; else it is NO_CURVE. Those that spread far end at whole pixels. Ends are told to
    a part in FINE of a px.
    """
    count, width = tops.shape
    high, low, soft = _ends(tops, bottoms, height)
    # Up and down to whole pixels, and to the nearest of those that are not softened.
    up, down = (np.where(soft, part, FINE // 2)[:, None].astype(high.dtype) for part in (FINE - 1, 0))
    first, end = (high + up) // FINE, (low + down) // FINE
    size = np.uint8 if height <= 0xFF else np.uint16  # of a byte each, twice as many at once
    top, bottom = (np.minimum(np.maximum(each, 0), height) for each in (first, end))
    tall, top = np.maximum(bottom - top, 0).astype(size), top.astype(size)
    rows = np.arange(height, dtype=size)[:, None]
    padded = np.full((height + 2, width), NO_CURVE, np.uint8)  # a row at either side for ends beyond
    seen = padded[1:-1]
    below, covers = np.empty(seen.shape, size), np.empty(seen.shape, np.bool_)
    mine = covers.view(np.uint8)
    for curve in range(count):
        # Above its top the difference is negative: without a sign more than what any bar there is tall.
        np.less(np.subtract(rows, top[curve], out=below), tall[curve], out=covers)
        np.subtract(mine, 1, out=mine)  # 0 where it covers, 255 elsewhere
        np.minimum(seen, np.bitwise_or(mine, np.uint8(curve), out=mine), out=seen)
    if soft.any():
        flat, columns, told = padded.reshape(-1), np.arange(width), _told(count)
        bases = np.arange(0, count * FINE, FINE)[:, None]
        for row, part in ((first, first * FINE - high), (end + 1, low - end * FINE)):
            places = np.minimum(np.maximum(row, 0), height + 1).astype(np.intp) * width + columns
            tells = told.take(part + bases, mode="clip")
            for curve in np.flatnonzero(soft).tolist():
                # One end a column: no place is there twice.
                place = places[curve]
                flat[place] = np.minimum(flat[place], tells[curve])
    return seen


def _ends(
    tops: NDArray[np.float64], bottoms: NDArray[np.float64], height: int
) -> tuple[NDArray[np.signedinteger], NDArray[np.signedinteger], NDArray[np.bool_]]:
    """Where bars (c, m) begin and end, in parts of a px; a gap ends before it begins.

    And which of them spread so little that their ends are softened.
    """
    ends = np.stack([tops, bottoms])
    ends[0] -= WIDTH_PX / 2
    ends[1] += WIDTH_PX / 2
    np.minimum(np.maximum(ends, -1.0, out=ends), height + 1.0, out=ends)
    spread = ends[1] - ends[0]
    unknown = np.isnan(spread)
    known = np.full(len(tops), tops.shape[1])
    if unknown.any():
        ends[0][unknown], ends[1][unknown], spread[unknown] = height + 1.0, -1.0, 0.0
        known -= unknown.sum(axis=1)
    soft = spread.sum(axis=1) <= SOFT_PX * known
    ends *= FINE
    high, low = np.rint(ends, out=ends).astype(np.int16 if height < 0x7FFF // FINE - 2 else np.int32)
    return high, low, soft


@lru_cache(64)
def _told(count: int) -> NDArray[np.uint8]:
    """What is told of an end, (count × FINE,), by the curve and the part of the pixel that it covers."""
    # 0 covers all of it, SHADES nothing.
    shade = SHADES - np.rint(np.arange(FINE) * SHADES / FINE).astype(int)
    told = np.arange(count)[:, None] + count * shade
    told[:, shade >= SHADES] = NO_CURVE
    flat: NDArray[np.uint8] = told.astype(np.uint8).ravel()
    return flat


@lru_cache(64)
def _table(colors: tuple[int, ...]) -> list[int]:
    """The colours of what `seen_of` tells, in Qt's numbers."""
    table = []
    for shade in range(SHADES):
        part = (SHADES - shade) / SHADES
        table += [(round((color >> 24) * part) << 24) | (color & 0xFFFFFF) for color in colors]
    return table + [0] * (NO_CURVE + 1 - len(table))
