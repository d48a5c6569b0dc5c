"""The picture of a plot: bars, points, or cells of a density; what is dragged or clicked is picked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from PySide6.QtCore import QEvent, QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetrics, QHelpEvent, QImage, QMouseEvent, QPainter, QPen
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from inspector.query.facets import Pick
from inspector.ui import theme
from inspector.ui.panels.common import SMALL, number_text, paint_elided
from inspector.ui.panels.facet_view import number_words, value_words

if TYPE_CHECKING:
    from PySide6.QtGui import QPaintEvent

    from inspector.query.plots import Axis, Plot

LEFT, BELOW, TOP = 13 * theme.STEP, 11 * theme.STEP, 2 * theme.STEP
NEAR = 7
"""px within which a click hits a point."""


def place_words(axis: Axis, place: int) -> str:
    """A bar's edges or a value, as a person reads it."""
    if axis.bins is None:
        return value_words(axis.values[place])
    low, high = (number_words(axis.bins.edge(each), axis.facet.kind) for each in (place, place + 1))
    return f"{low} to below {high}"


def pick_of(axis: Axis, first: int, last: int) -> Pick:
    """What picking these places means."""
    if axis.bins is None:
        return Pick(values=tuple(axis.values[first : last + 1]))
    return Pick(axis.bins.edge(first), axis.bins.edge(last + 1))


class PlotView(QWidget):
    """One plot. `picked` carries a pick for each of its columns; `pointed` the index row of a point."""

    picked = Signal(object)
    pointed = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.plot: Plot | None = None
        self.words = "Open a dataset to plot its columns"
        self._picks: dict[Any, Pick] = {}
        self._drag: tuple[QPointF, QPointF] | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(120, 120)
        self.setAccessibleName("Plot")

    def show_plot(self, plot: Plot | None, picks: dict[Any, Pick], words: str = "") -> None:
        """Show a plot and what is picked in its columns; None shows the words alone."""
        self.plot, self._picks, self.words = plot, picks, words
        if plot is not None:
            names = [axis.facet.column for axis in (plot.x, plot.y) if axis is not None]
            words = f"{' against '.join(reversed(names))}, {number_text(plot.records)} records"
        self.setAccessibleDescription(words)
        self.update()

    def sizeHint(self) -> QSize:
        """Nearly square."""
        return QSize(300, 280)

    def room(self) -> QRect:
        """Where the data are drawn."""
        left = LEFT if self.plot is not None and self.plot.y is not None else theme.MARGIN
        return self.rect().adjusted(left, TOP, -theme.MARGIN, -BELOW)

    def _at(self, place: QPointF) -> tuple[int, int]:
        """The cell under a place, that at the edge outside."""
        plot, room = self.plot, self.room()
        assert plot is not None
        x = int((place.x() - room.left()) * plot.x.count / max(room.width(), 1))
        many = plot.y.count if plot.y is not None else 1
        y = int((room.bottom() + 1 - place.y()) * many / max(room.height(), 1))
        return min(max(x, 0), plot.x.count - 1), min(max(y, 0), many - 1)

    # --- painting -------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        """The data, both axes, and what is picked or being dragged over."""
        t, painter, plot = theme.current(), QPainter(self), self.plot
        if plot is None or not plot.x.count or (plot.y is not None and not plot.y.count):
            painter.setPen(t.faint)
            painter.setFont(theme.text_font())
            flags = int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap)
            painter.drawText(self.rect().adjusted(12, 12, -12, -12), flags, self.words)
            painter.end()
            return
        room = self.room()
        painter.fillRect(room, t.stage)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if plot.y is None:
            self._bars(painter, room, plot)
        elif plot.points is not None:
            self._points(painter, room, plot)
        else:
            self._density(painter, room, plot)
        self._axes(painter, room, plot)
        self._chosen(painter, room, plot)
        painter.end()

    @staticmethod
    def _bars(painter: QPainter, room: QRect, plot: Plot) -> None:
        t, most, pitch = theme.current(), max(int(plot.cells.max()), 1), room.width() / plot.x.count
        gap = 1 if pitch > 4 else 0
        for place, n in enumerate(plot.cells.tolist()):
            if n:
                high = max(room.height() * n / most, 1.5)
                left = room.left() + place * pitch
                painter.fillRect(QRectF(left, room.bottom() + 1 - high, max(pitch - gap, 1), high), t.accent)

    @staticmethod
    def _points(painter: QPainter, room: QRect, plot: Plot) -> None:
        t = theme.current()
        assert plot.points is not None
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(t.tint(t.accent, 0.7))
        for x, y in zip(plot.points[0].tolist(), plot.points[1].tolist(), strict=True):
            centre = QPointF(room.left() + x * room.width(), room.bottom() + 1 - y * room.height())
            painter.drawEllipse(centre, 2.5, 2.5)

    @staticmethod
    def _density(painter: QPainter, room: QRect, plot: Plot) -> None:
        """One record is to be seen beside a cell of many: the scale is that of the logarithm."""
        t, cells = theme.current(), plot.cells
        share = np.log1p(cells) / max(float(np.log1p(cells.max())), 1e-9)
        shade = np.where(cells > 0, 0.15 + 0.85 * share, 0)[:, ::-1].T
        ground, ink = t.stage, t.accent if t.name == "light" else QColor("#8FB8FF")
        levels = []
        for low, high in (
            (ground.blue(), ink.blue()),
            (ground.green(), ink.green()),
            (ground.red(), ink.red()),
        ):
            levels.append(low + (high - low) * shade)
        pixels = np.dstack([*levels, np.full(shade.shape, 255.0)]).astype(np.uint8)
        pixels = np.ascontiguousarray(pixels)
        high, wide = shade.shape
        image = QImage(pixels.data, wide, high, 4 * wide, QImage.Format.Format_RGB32)
        painter.drawImage(QRectF(room), image)

    def _axes(self, painter: QPainter, room: QRect, plot: Plot) -> None:
        t, mono = theme.current(), theme.mono_font(SMALL)
        painter.setPen(QPen(t.line, 1))
        painter.drawRect(QRectF(room).adjusted(-0.5, -0.5, 0.5, 0.5))
        line = QRect(room.left(), room.bottom() + 3, room.width(), 4 * theme.STEP)
        self._labels(painter, plot.x, line)
        name = line.translated(0, 4 * theme.STEP + 2)
        centre = Qt.AlignmentFlag.AlignHCenter
        paint_elided(painter, name, plot.x.facet.column, theme.text_font(12), t.text, centre)
        if plot.y is None:
            return
        right = Qt.AlignmentFlag.AlignRight
        pitch = room.height() / plot.y.count
        column = QRect(theme.STEP, 0, LEFT - 2 * theme.STEP, 4 * theme.STEP)
        if plot.y.bins is not None:
            for place, y in ((0, room.bottom() - 3 * theme.STEP), (plot.y.count, room.top())):
                words = number_words(plot.y.bins.edge(place), plot.y.facet.kind)
                paint_elided(painter, column.translated(0, y), words, mono, t.quiet, right)
        else:
            every = max(int(np.ceil(4 * theme.STEP / pitch)), 1)
            for place in range(0, plot.y.count, every):
                y = round(room.bottom() + 1 - (place + 0.5) * pitch - 2 * theme.STEP)
                words = value_words(plot.y.values[place])
                paint_elided(painter, column.translated(0, y), words, theme.text_font(SMALL), t.quiet, right)
        painter.save()
        painter.translate(theme.STEP, room.center().y() + room.height() / 4)
        painter.rotate(-90)
        wide = QRect(0, 0, room.height() // 2, 4 * theme.STEP)
        if plot.y.bins is not None:
            paint_elided(painter, wide, plot.y.facet.column, theme.text_font(12), t.text, centre)
        painter.restore()

    @staticmethod
    def _labels(painter: QPainter, axis: Axis, line: QRect) -> None:
        t, mono = theme.current(), theme.mono_font(SMALL)
        if axis.bins is not None:
            low, high = (number_words(axis.bins.edge(each), axis.facet.kind) for each in (0, axis.count))
            paint_elided(painter, line, low, mono, t.quiet)
            paint_elided(painter, line, high, mono, t.quiet, Qt.AlignmentFlag.AlignRight)
            return
        pitch, metrics = line.width() / axis.count, QFontMetrics(theme.text_font(SMALL))
        every = max(int(np.ceil(metrics.horizontalAdvance("mmmm") / pitch)), 1)
        for place in range(0, axis.count, every):
            part = QRect(
                round(line.left() + place * pitch), line.top(), round(pitch * every) - 4, line.height()
            )
            words = value_words(axis.values[place])
            paint_elided(painter, part, words, theme.text_font(SMALL), t.quiet)

    def _span(self, axis: Axis) -> tuple[int, int] | None:
        """The places that are picked in a column, where they are neighbours."""
        pick = self._picks.get(axis.facet.column)
        if pick is None:
            return None
        if axis.bins is None:
            found = [place for place, value in enumerate(axis.values) if value in pick.values]
            return (min(found), max(found)) if found else None
        if pick.low is None or pick.high is None:
            return None
        last = axis.bins.place(pick.high)
        return axis.bins.place(pick.low), last - 1 if axis.bins.edge(last) >= pick.high else last

    def _chosen(self, painter: QPainter, room: QRect, plot: Plot) -> None:
        t = theme.current()
        if self._drag is not None:
            area = QRectF(*self._drag).normalized().intersected(QRectF(room))
            if plot.y is None:
                area.setTop(room.top())
                area.setBottom(room.bottom() + 1)
        else:
            spans = [self._span(plot.x), None if plot.y is None else self._span(plot.y)]
            if spans == [None, None]:
                return
            x0, x1 = spans[0] or (0, plot.x.count - 1)
            many = plot.y.count if plot.y is not None else 1
            y0, y1 = spans[1] or (0, many - 1)
            wide, high = room.width() / plot.x.count, room.height() / many
            top = room.bottom() + 1 - (y1 + 1) * high
            area = QRectF(room.left() + x0 * wide, top, (x1 - x0 + 1) * wide, (y1 - y0 + 1) * high)
        painter.setPen(QPen(t.text, 1, Qt.PenStyle.DashLine))
        painter.setBrush(t.tint(t.text, 0.06))
        painter.drawRect(area)

    # --- hands ----------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """A selection begins."""
        if event.button() == Qt.MouseButton.LeftButton and self.plot is not None:
            self._drag = (event.position(), event.position())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """It grows with the hand."""
        if self._drag is not None:
            self._drag = (self._drag[0], event.position())
            self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """What was dragged over is picked; a click goes to the point under it, else picks the cell."""
        drag, self._drag = self._drag, None
        if drag is None or self.plot is None:
            return
        moved = (event.position() - drag[0]).manhattanLength() > 4
        row = None if moved else self._point_at(event.position())
        if row is not None:
            self.pointed.emit(row)
        elif moved or self.plot.points is None:
            self.picked.emit(self._picks_between(drag[0], event.position()))
        self.update()

    def _picks_between(self, first: QPointF, last: QPointF) -> dict[str, Pick]:
        assert self.plot is not None
        (x0, y0), (x1, y1) = self._at(first), self._at(last)
        x, y = self.plot.x, self.plot.y
        found = {x.facet.column: pick_of(x, min(x0, x1), max(x0, x1))}
        if y is not None:
            found[y.facet.column] = pick_of(y, min(y0, y1), max(y0, y1))
        same = all(self._picks.get(name) == pick for name, pick in found.items())
        return dict.fromkeys(found, Pick()) if same else found

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """What is picked in these columns is let go."""
        if self.plot is not None:
            axes = [axis for axis in (self.plot.x, self.plot.y) if axis is not None]
            self.picked.emit({axis.facet.column: Pick() for axis in axes})

    def _point_at(self, place: QPointF) -> int | None:
        plot, room = self.plot, self.room()
        if plot is None or plot.points is None or not len(plot.points[0]):
            return None
        xs = room.left() + plot.points[0] * room.width() - place.x()
        ys = room.bottom() + 1 - plot.points[1] * room.height() - place.y()
        far = np.hypot(xs, ys)
        nearest = int(np.argmin(far))
        return int(plot.points[2][nearest]) if far[nearest] <= NEAR else None

    def event(self, event: QEvent) -> bool:
        """The cell under the pointer in words."""
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            words = theme.tip(self.tip_at(QPointF(event.pos())))
            QToolTip.showText(event.globalPos(), words, self)
            return True
        return super().event(event)

    def tip_at(self, place: QPointF) -> str:
        """What lies at a place, and how many records."""
        plot = self.plot
        if plot is None or not self.room().contains(place.toPoint()):
            return ""
        x, y = self._at(place)
        parts = [f"{plot.x.facet.column}: {place_words(plot.x, x)}"]
        n = int(plot.cells[x]) if plot.y is None else int(plot.cells[x, y])
        if plot.y is not None:
            parts.append(f"{plot.y.facet.column}: {place_words(plot.y, y)}")
        return "\n".join([*parts, f"{number_text(n)} records", "Drag to pick, double click to let go"])

    def changeEvent(self, event: QEvent) -> None:
        """Repaint in a new theme."""
        if event.type() == QEvent.Type.PaletteChange:
            self.update()
        super().changeEvent(event)
