"""The table of the list of records: what its cells look like, and the keys that are its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPointF, QRect, QSize, Qt, Signal
from PySide6.QtGui import QFontMetrics, QGuiApplication, QKeyEvent, QKeySequence, QPainter, QPen
from PySide6.QtWidgets import QAbstractItemView, QStyledItemDelegate, QStyleOptionViewItem, QTableView

from inspector.ui import theme
from inspector.ui.panels.common import chip_size, dress_table, paint_chip, paint_elided
from inspector.ui.panels.coverage import paint_strip
from inspector.ui.panels.flags import paint_flag
from inspector.ui.panels.records_model import (
    BROKEN,
    COVERAGE,
    FIRST_OWN,
    FLAG,
    FOUND,
    RECORD,
    STATE,
    WARNED,
    RecordsModel,
)

if TYPE_CHECKING:
    from PySide6.QtGui import QHelpEvent, QPaintEvent

DOT = 8
PAD = 2 * theme.STEP
"""Room at both sides of a cell, as in the header above it."""

AnyIndex = QModelIndex | QPersistentModelIndex


class CellDelegate(QStyledItemDelegate):
    """Draws the state dot and the coverage strip; shows a tooltip for words only where they are cut."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: AnyIndex) -> None:
        """One cell, without the frame around the current one."""
        model = index.model()
        column = index.column()
        assert isinstance(model, RecordsModel)
        if column not in (STATE, FLAG, FOUND, COVERAGE):
            room = option.rect.adjusted(PAD, 0, -PAD, 0)
            font, color = model.face(column)
            side, name = model.side(column), column == RECORD
            paint_elided(painter, room, str(index.data()), font, color, side, name)
            return
        middle = option.rect.center().y() + 0.5
        if column == STATE:
            self._dot(
                painter,
                QPointF(option.rect.left() + theme.MARGIN + DOT / 2, middle),
                model.state(index.row()),
            )
            return
        if column == FLAG:
            centre = QPointF(option.rect.center().x() + 0.5, middle)
            paint_flag(painter, centre, model.flag(index.row()))
            return
        if column == FOUND:
            self._found(painter, option.rect, *model.found(index.row()))
            return
        states, known = model.coverage(index.row())
        paint_strip(painter, option.rect.left() + PAD, middle, model.modalities, states, dim=not known)

    @staticmethod
    def _found(painter: QPainter, area: QRect, failed: int, suspect: int) -> None:
        if not failed and not suspect:
            return
        text = str(failed or suspect) if max(failed, suspect) < 100 else "99+"
        size = chip_size(text)
        chip = QRect(0, 0, min(size.width(), area.width() - 2), size.height())
        chip.moveCenter(area.center())
        paint_chip(painter, chip, text, "failed" if failed else "suspect")

    @staticmethod
    def _dot(painter: QPainter, centre: QPointF, state: int) -> None:
        t = theme.current()
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if state in (WARNED, BROKEN):
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(t.failed if state == BROKEN else t.suspect)
            painter.drawEllipse(centre, DOT / 2, DOT / 2)
        else:
            painter.setPen(QPen(t.tint(t.faint, 0.7), 1))
            painter.drawEllipse(centre, DOT / 2 - 0.5, DOT / 2 - 0.5)
        painter.restore()

    def sizeHint(self, option: QStyleOptionViewItem, index: AnyIndex) -> QSize:
        """Every row is as high as the next."""
        return QSize(super().sizeHint(option, index).width(), theme.ROW)

    def helpEvent(
        self, event: QHelpEvent, view: QAbstractItemView, option: QStyleOptionViewItem, index: AnyIndex
    ) -> bool:
        """Say in words what is drawn, and in full what is cut; nothing where all can be read."""
        if (index.isValid() and index.column() in (RECORD,)) or index.column() >= FIRST_OWN:
            text = str(index.data() or "")
            if QFontMetrics(theme.text_font()).horizontalAdvance(text) + 2 * PAD <= option.rect.width():
                return super().helpEvent(event, view, option, QModelIndex())
        return super().helpEvent(event, view, option, index)


class RecordTable(QTableView):
    """A table that takes the keys that move through it, and leaves all others to the window."""

    entered_row = Signal(int)
    MOVES = frozenset({Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_PageUp, Qt.Key.Key_PageDown})

    def __init__(self) -> None:
        super().__init__()
        self.empty_text = "No records"
        self.setItemDelegate(CellDelegate(self))
        dress_table(self)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        head = self.horizontalHeader()
        head.setMinimumSectionSize(5 * theme.STEP)
        head.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Up, Down, Page Up, Page Down, Ctrl+Home, Ctrl+End and Enter are the table's; the rest is not."""
        key, held = event.key(), event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        no = Qt.KeyboardModifier.NoModifier
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and not held:
            if self.currentIndex().isValid():
                self.entered_row.emit(self.currentIndex().row())
            event.accept()
        elif key in self.MOVES and held in (no, Qt.KeyboardModifier.ShiftModifier):
            super().keyPressEvent(event)
        elif event.matches(QKeySequence.StandardKey.SelectAll):
            self.selectAll()
            event.accept()
        elif key in (Qt.Key.Key_Home, Qt.Key.Key_End) and held == Qt.KeyboardModifier.ControlModifier:
            last = self.model().rowCount() - 1
            self.setCurrentIndex(self.model().index(0 if key == Qt.Key.Key_Home else last, RECORD))
            event.accept()
        elif event.matches(QKeySequence.StandardKey.Copy) and self.currentIndex().isValid():
            cell = self.model().index(self.currentIndex().row(), RECORD)
            QGuiApplication.clipboard().setText(str(cell.data()))
            event.accept()
        else:
            event.ignore()

    def keyboardSearch(self, search: str) -> None:
        """Letters are the window's keys, not a search."""

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the rows, or say why there are none."""
        super().paintEvent(event)
        model = self.model()
        if model is None or model.rowCount() > 0:
            return
        painter = QPainter(self.viewport())
        painter.setFont(theme.text_font())
        painter.setPen(theme.current().faint)
        area = self.viewport().rect().adjusted(theme.MARGIN, 2 * theme.MARGIN, -theme.MARGIN, 0)
        top = Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop
        painter.drawText(area, int(top | Qt.TextFlag.TextWordWrap), self.empty_text)
        painter.end()

    def shown_rows(self) -> range:
        """The rows that are on screen, in part at least."""
        first = self.rowAt(0)
        last = self.rowAt(self.viewport().height() - 1)
        if first < 0:
            return range(0)
        return range(first, (self.model().rowCount() - 1 if last < 0 else last) + 1)
