"""The coverage matrix as a picture: modalities down, states across, each cell its number of records."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QMouseEvent, QPainter, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from inspector.core.model import Coverage as State
from inspector.core.model import Modality
from inspector.query.explore import Shown, coverage_keys
from inspector.query.facets import Coverage, Pick
from inspector.ui import theme
from inspector.ui.panels.common import COVERAGE_WORD, MODALITY_WORD, SMALL, number_text, paint_elided
from inspector.ui.panels.facet_coverage import paint_state

if TYPE_CHECKING:
    from PySide6.QtGui import QPaintEvent

HEAD, SIDE = 7 * theme.STEP, 19 * theme.STEP


class MatrixView(QWidget):
    """Click a cell to pick its records. `picked` carries the modality's key and the pick."""

    picked = Signal(object, object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._shown: Shown | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(120, 120)
        self.setAccessibleName("Coverage matrix")

    def set_shown(self, shown: Shown | None) -> None:
        """Show these counts."""
        self._shown = shown
        self.update()

    def sizeHint(self) -> QSize:
        """A row a modality."""
        return QSize(300, 240)

    def cells(self) -> list[tuple[Coverage, State, int, QRectF]]:
        """Modality, state, records and place of every cell; states that no record has take no column."""
        shown = self._shown
        if shown is None:
            return []
        keys = coverage_keys(shown)
        found = {state for key in keys for state in shown.facets[key].values}
        states = [state for state in State if state.value in found]
        room = self.rect().adjusted(SIDE, HEAD, -theme.MARGIN, -theme.MARGIN)
        wide = room.width() / max(len(states), 1)
        high = min(room.height() / max(len(keys), 1), 14 * theme.STEP)
        cells = []
        for row, key in enumerate(keys):
            counts = dict(zip(shown.facets[key].values, shown.counts[key].by.tolist(), strict=True))
            for column, state in enumerate(states):
                area = QRectF(room.left() + column * wide, room.top() + row * high, wide - 2, high - 2)
                cells.append((key, state, int(counts.get(state.value, 0)), area))
        return cells

    def paintEvent(self, event: QPaintEvent) -> None:
        """The cells, as strong as their share, with their numbers."""
        t, painter, cells = theme.current(), QPainter(self), self.cells()
        if self._shown is None or not cells:
            painter.setPen(t.faint)
            painter.setFont(theme.text_font())
            words = "Read every record in the facet “coverage” to see the matrix"
            flags = int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap)
            painter.drawText(self.rect().adjusted(12, 12, -12, -12), flags, words)
            painter.end()
            return
        most = max(n for _, _, n, _ in cells) or 1
        top, left = cells[0][3].top(), cells[0][3].left()
        for key, state, n, area in cells:
            if n:
                painter.setOpacity(0.35 + 0.65 * n / most)
                paint_state(painter, area, Modality(key.modality), state)
                painter.setOpacity(1)
            else:
                painter.fillRect(area, t.stage)
            pick = self._shown.picked.get(key)
            if pick is not None and state.value in pick.values:
                painter.setPen(QPen(t.text, 2))
                painter.drawRect(area.adjusted(1, 1, -1, -1))
            mono, centre = theme.mono_font(12), Qt.AlignmentFlag.AlignHCenter
            paint_elided(painter, area.toRect(), number_text(n), mono, t.text if n else t.faint, centre)
            if area.top() == top:
                head = QRect(round(area.left()), 0, round(area.width()), HEAD)
                words = COVERAGE_WORD[state]
                paint_elided(painter, head, words, theme.text_font(SMALL), t.quiet, centre)
            if area.left() == left:
                side = QRect(theme.MARGIN, round(area.top()), SIDE - theme.MARGIN - 4, round(area.height()))
                paint_elided(
                    painter, side, MODALITY_WORD[Modality(key.modality)], theme.text_font(12), t.text
                )
        painter.end()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """A cell is toggled."""
        if event.button() != Qt.MouseButton.LeftButton or self._shown is None:
            return
        for key, state, _, area in self.cells():
            if area.contains(event.position()):
                self.picked.emit(key, self._shown.picked.get(key, Pick()).toggled(state.value))
                return

    def changeEvent(self, event: QEvent) -> None:
        """Repaint in a new theme."""
        if event.type() == QEvent.Type.PaletteChange:
            self.update()
        super().changeEvent(event)
