"""The coverage matrix as a facet: a bar a modality, a part a state, each clicked to pick its records."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFontMetrics, QHelpEvent, QMouseEvent, QPainter, QPen
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from inspector.core.model import Coverage as State
from inspector.core.model import Modality
from inspector.query.explore import Shown, coverage_keys
from inspector.query.facets import Coverage, Pick
from inspector.ui import theme
from inspector.ui.panels.common import (
    COVERAGE_WORD,
    MODALITY_WORD,
    SMALL,
    number_text,
    paint_elided,
    paint_hatch,
)

if TYPE_CHECKING:
    from PySide6.QtGui import QPaintEvent

TITLE = 6 * theme.STEP
LINE = 6 * theme.STEP
ORDER = tuple(State)


def paint_state(painter: QPainter, area: QRectF, modality: Modality, state: State) -> None:
    """A part of a bar or a cell: shape tells the state, colour the modality, as in the strip of a record."""
    t = theme.current()
    color = t.modality[modality]
    painter.save()
    painter.setClipRect(area)
    if state is State.PRESENT:
        painter.fillRect(area, t.tint(color, 0.75))
    elif state is State.ABSENT:
        painter.fillRect(area, t.raised)
        painter.setPen(QPen(t.faint, 1))
        painter.drawRect(area.adjusted(0.5, 0.5, -0.5, -0.5))
    elif state is State.UNKNOWN:
        painter.fillRect(area, t.tint(color, 0.25))
    else:
        bad = t.failed if state in (State.UNREADABLE, State.EMPTY) else t.suspect
        painter.fillRect(area, t.tint(bad, 0.3))
        paint_hatch(painter, area, bad, gap=5, width=1.2)
    painter.restore()


def cell_words(modality: str, state: str, number: int) -> str:
    """A cell in words: `transcript absent: 500 records`."""
    what, how = MODALITY_WORD[Modality(modality)], COVERAGE_WORD[State(state)]
    return f"{what} {how}: {number_text(number)} records"


class CoverageFacet(QWidget):
    """The matrix in the room of a facet. `picked` carries the modality's key and the pick."""

    picked = Signal(object, object)
    asked = Signal()
    read_all = Signal()
    """Every record is to be read for it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._shown: Shown | None = None
        self._keys: list[Coverage] = []
        self._sql: dict[Coverage, str] = {}
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Facet coverage")

    def set_shown(self, shown: Shown, sql: dict[Coverage, str]) -> None:
        """Show these counts, and the SQL of what is picked by modality."""
        self._shown, self._keys, self._sql = shown, coverage_keys(shown), sql
        words = [cell_words(key.modality, state, n) for key in self._keys for state, n, _ in self._parts(key)]
        self.setAccessibleDescription(" · ".join([*words, *sql.values()]))
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        """A line a modality, and one for the SQL of each that is picked."""
        lines = max(len(self._keys), 1)
        return QSize(200, TITLE + lines * LINE + len(self._sql) * 4 * theme.STEP + 2 * theme.STEP)

    def minimumSizeHint(self) -> QSize:
        """Any width will do."""
        return QSize(60, self.sizeHint().height())

    def _parts(self, key: Coverage) -> list[tuple[str, int, int]]:
        """The states of a modality in their order: name, records, records of all."""
        shown = self._shown
        if shown is None:
            return []
        facet, counts, every = shown.facets[key], shown.counts[key], shown.everything[key]
        found = zip(facet.values, counts.by.tolist(), every.by.tolist(), strict=True)
        return sorted(found, key=lambda part: ORDER.index(State(part[0])))

    def cells(self) -> list[tuple[Coverage, str, int, QRectF]]:
        """What is clicked: modality, state, records, and where it is."""
        area = self.rect().adjusted(theme.MARGIN, 0, -theme.MARGIN, 0)
        metrics = QFontMetrics(theme.text_font(12))
        words = [MODALITY_WORD[Modality(key.modality)] for key in self._keys]
        label = max(map(metrics.horizontalAdvance, words), default=0) + 2 * theme.STEP
        found = []
        for row, key in enumerate(self._keys):
            parts = self._parts(key)
            total = max(sum(n for _, n, _ in parts), 1)
            # A state of few records stays wide enough to be hit.
            least = 6.0
            wide = area.width() - label - least * len(parts)
            x = float(area.left() + label)
            for state, n, _ in parts:
                part = least + wide * n / total
                found.append((key, state, n, QRectF(x, TITLE + row * LINE + 4, part - 1, LINE - 8)))
                x += part
        return found

    def paintEvent(self, event: QPaintEvent) -> None:
        """The bars, what is picked framed, and its SQL."""
        t, painter = theme.current(), QPainter(self)
        area = self.rect().adjusted(theme.MARGIN, 0, -theme.MARGIN, 0)
        title = QRect(area.left(), 0, area.width(), TITLE)
        paint_elided(painter, title, "coverage", theme.text_font(12), t.text)
        right = Qt.AlignmentFlag.AlignRight
        if not self._keys:
            covered = self._shown is not None and self._shown.covered
            words = "no record has any modality" if covered else "read every record to see it"
            line = title.translated(0, TITLE)
            paint_elided(painter, line, words, theme.text_font(12), t.faint if covered else t.accent)
            painter.end()
            return
        paint_elided(painter, title, "SQL", theme.text_font(SMALL), t.faint, right)
        for row, key in enumerate(self._keys):
            line = QRect(area.left(), TITLE + row * LINE, area.width(), LINE)
            paint_elided(painter, line, MODALITY_WORD[Modality(key.modality)], theme.text_font(12), t.text)
        for key, state, n, cell in self.cells():
            pick = self._shown.picked.get(key) if self._shown is not None else None
            if not n:
                painter.setOpacity(0.35)
            paint_state(painter, cell, Modality(key.modality), State(state))
            painter.setOpacity(1)
            if pick is not None and state in pick.values:
                painter.setPen(QPen(t.text, 2))
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.drawRect(cell.adjusted(-1, -2, 1, 2))
        for number, sql in enumerate(self._sql.values()):
            y = TITLE + len(self._keys) * LINE + number * 4 * theme.STEP
            line = QRect(area.left(), y, area.width(), 4 * theme.STEP)
            paint_elided(painter, line, sql, theme.mono_font(SMALL), t.text)
        painter.end()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """A part is toggled; without any, all records are asked to be read."""
        if event.button() != Qt.MouseButton.LeftButton or self._shown is None:
            return
        place = event.position()
        if not self._keys:
            if not self._shown.covered:
                self.read_all.emit()
        elif place.y() < TITLE:
            if place.x() > self.width() - theme.MARGIN - 7 * theme.STEP:
                self.asked.emit()
        elif (found := self._at(place)) is not None:
            key, state, _ = found
            self.picked.emit(key, self._shown.picked.get(key, Pick()).toggled(state))

    def _at(self, place: QPointF) -> tuple[Coverage, str, int] | None:
        for key, state, n, cell in self.cells():
            if cell.adjusted(-1, -4, 1, 4).contains(place):
                return key, state, n
        return None

    def event(self, event: QEvent) -> bool:
        """The cell under the pointer in words."""
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            found = self._at(QPointF(event.pos()))
            words = (
                "" if found is None else f"{cell_words(found[0].modality, found[1], found[2])}\nClick to pick"
            )
            QToolTip.showText(event.globalPos(), words, self)
            return True
        return super().event(event)

    def changeEvent(self, event: QEvent) -> None:
        """Repaint in a new theme."""
        if event.type() == QEvent.Type.PaletteChange:
            self.update()
        super().changeEvent(event)
