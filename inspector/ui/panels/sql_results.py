"""The rows of an answer: walked through, sorted, thinned out, copied."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QItemSelectionModel, QModelIndex, QPersistentModelIndex, QPoint, Qt, Signal
from PySide6.QtGui import QFontMetrics, QGuiApplication, QKeyEvent, QKeySequence, QPainter
from PySide6.QtWidgets import (
    QAbstractItemView,
    QMenu,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)

from inspector.ui import theme
from inspector.ui.panels.common import dress_table, paint_elided
from inspector.ui.panels.sql_model import NULL, ResultModel

if TYPE_CHECKING:
    from PySide6.QtGui import QHelpEvent, QPaintEvent

PAD = 2 * theme.STEP
WIDEST = 240
NARROWEST = 40
SAMPLED = 200

AnyIndex = QModelIndex | QPersistentModelIndex


class ResultDelegate(QStyledItemDelegate):
    """A number in the monospaced face at the right, words at the left, null faint."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: AnyIndex) -> None:
        """One cell, without the frame around the current one."""
        t = theme.current()
        model = index.model()
        assert isinstance(model, ResultModel)
        right = model.right(index.column())
        null = not model.table.column(index.column())[int(model.rows[index.row()])].is_valid
        there = bool(option.state & QStyle.StateFlag.State_Enabled)
        color = t.text if there and not null else t.faint
        font = theme.mono_font() if right and not null else theme.text_font()
        room = option.rect.adjusted(PAD, 0, -PAD, 0)
        side = Qt.AlignmentFlag.AlignRight if right else Qt.AlignmentFlag.AlignLeft
        paint_elided(painter, room, NULL if null else str(index.data()), font, color, side)

    def helpEvent(
        self, event: QHelpEvent, view: QAbstractItemView, option: QStyleOptionViewItem, index: AnyIndex
    ) -> bool:
        """The whole text, only where it is cut or rounded."""
        text = str(index.data()) if index.isValid() else ""
        wide = QFontMetrics(theme.mono_font()).horizontalAdvance(text[: theme.LONGEST])
        whole = index.data(Qt.ItemDataRole.ToolTipRole) if index.isValid() else text
        if wide > option.rect.width() - 2 * PAD or whole != text:
            return super().helpEvent(event, view, option, index)
        return super().helpEvent(event, view, option, QModelIndex())


class ResultTable(QTableView):
    """Takes the keys that move, and Enter, Delete, Ctrl+Z, Ctrl+C and Ctrl+A; the rest is the window's."""

    entered_row = Signal(int)
    MOVES = (Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_PageUp, Qt.Key.Key_PageDown)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.rows = ResultModel()
        self.setModel(self.rows)
        self.setItemDelegate(ResultDelegate(self))
        self.setAccessibleName("Result")
        dress_table(self)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        head = self.horizontalHeader()
        head.setSectionsMovable(True)
        head.setMinimumSectionSize(NARROWEST)
        head.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        head.customContextMenuRequested.connect(self._show_column_menu)
        head.sortIndicatorChanged.connect(self._arrange)
        self.doubleClicked.connect(lambda index: self.entered_row.emit(index.row()))

    def show_rows(self, first: bool = True) -> None:
        """Take up a new answer of the model: all columns, unsorted, the first row marked."""
        head = self.horizontalHeader()
        head.blockSignals(True)
        head.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        head.blockSignals(False)
        self._show_columns()
        for column in range(self.rows.columnCount()):
            place = head.visualIndex(column)
            if place != column:
                head.moveSection(place, column)
        self._size_columns()
        if first and self.rows.rowCount():
            self.go_to(0)

    def go_to(self, row: int) -> None:
        """Mark a row and no other, and show it; the view does not move sideways."""
        across = self.horizontalScrollBar().value()
        columns = range(self.rows.columnCount())
        shown = next((column for column in columns if not self.isColumnHidden(column)), 0)
        index = self.rows.index(row, shown)
        flags = QItemSelectionModel.SelectionFlag.ClearAndSelect | QItemSelectionModel.SelectionFlag.Rows
        self.selectionModel().setCurrentIndex(index, flags)
        self.scrollTo(index)
        self.horizontalScrollBar().setValue(across)

    def selected_rows(self) -> list[int]:
        """The selected rows from above; asked by stretches, since a million may be selected."""
        stretches = {(each.top(), each.bottom()) for each in self.selectionModel().selection().toList()}
        return sorted({row for top, bottom in stretches for row in range(top, bottom + 1)})

    # --- keys -----------------------------------------------------------------------------------------

    def _mine(self, event: QKeyEvent) -> bool:
        """Whether a key is the table's and not the window's."""
        held = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        if event.matches(QKeySequence.StandardKey.Undo) or event.matches(QKeySequence.StandardKey.Copy):
            return True
        if held == Qt.KeyboardModifier.ControlModifier:
            return event.key() in (Qt.Key.Key_A, Qt.Key.Key_Home, Qt.Key.Key_End)
        if held == Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier:
            return event.key() == Qt.Key.Key_C
        if held == Qt.KeyboardModifier.ShiftModifier:
            return event.key() in self.MOVES
        one = (*self.MOVES, Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Delete)
        return not held and event.key() in one

    def event(self, event: QEvent) -> bool:
        """Keep the table's own keys from the window's shortcuts."""
        override = event.type() == QEvent.Type.ShortcutOverride
        if override and isinstance(event, QKeyEvent) and self._mine(event):
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """The table's own keys."""
        if not self._mine(event):
            event.ignore()
            return
        key, control = event.key(), bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            if self.currentIndex().isValid():
                self.entered_row.emit(self.currentIndex().row())
        elif key == Qt.Key.Key_Delete:
            self.exclude()
        elif key == Qt.Key.Key_Z:
            self.undo()
        elif key == Qt.Key.Key_C and control:
            self.copy(head=bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier))
        elif control and key in (Qt.Key.Key_Home, Qt.Key.Key_End):
            if self.rows.rowCount():
                self.go_to(0 if key == Qt.Key.Key_Home else self.rows.rowCount() - 1)
        else:
            super().keyPressEvent(event)
        event.accept()

    def keyboardSearch(self, search: str) -> None:
        """Letters are the window's keys, not a search."""

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the rows, or say why there are none."""
        super().paintEvent(event)
        if self.rows.rowCount():
            return
        back = "All rows are excluded · Ctrl+Z brings them back"
        painter = QPainter(self.viewport())
        painter.setFont(theme.text_font())
        painter.setPen(theme.current().faint)
        area = self.viewport().rect().adjusted(theme.MARGIN, 2 * theme.MARGIN, -theme.MARGIN, 0)
        top = Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop
        text = back if self.rows.excluded else "No row answers this query"
        painter.drawText(area, int(top | Qt.TextFlag.TextWordWrap), text)
        painter.end()

    def exclude(self) -> None:
        """Take the selected rows out, and mark the one that comes after them."""
        chosen = self.selected_rows()
        if chosen:
            self.rows.exclude(chosen)
            if self.rows.rowCount():
                self.go_to(min(chosen[0], self.rows.rowCount() - 1))

    def undo(self) -> None:
        """Bring back what was excluded last, and mark it."""
        row = self.rows.undo()
        if row is not None:
            self.go_to(row)

    def copy(self, head: bool = False) -> None:
        """The selected rows, their shown columns as they stand, to the clipboard."""
        order = self.horizontalHeader()
        columns = [order.logicalIndex(place) for place in range(self.rows.columnCount())]
        columns = [column for column in columns if not self.isColumnHidden(column)]
        rows = self.selected_rows()
        if rows:
            QGuiApplication.clipboard().setText(self.rows.as_text(rows, columns, head))

    # --- columns --------------------------------------------------------------------------------------

    def _arrange(self, column: int, order: Qt.SortOrder) -> None:
        self.rows.arrange(column, order == Qt.SortOrder.DescendingOrder)
        if self.currentIndex().isValid():
            self.scrollTo(self.currentIndex())

    def column_menu(self) -> QMenu:
        """Each column with a tick where it is shown; the last one that is shown stays."""
        menu = QMenu(self)
        columns = range(self.rows.columnCount())
        shown = [column for column in columns if not self.isColumnHidden(column)]
        everything = menu.addAction("Show all columns")
        everything.setEnabled(len(shown) < len(columns))
        everything.triggered.connect(self._show_columns)
        menu.addSeparator()
        for column in columns:
            name = str(self.rows.headerData(column, Qt.Orientation.Horizontal))
            action = menu.addAction(name.replace("&", "&&"))
            action.setCheckable(True)
            action.setChecked(column in shown)
            action.setEnabled(shown != [column])
            action.toggled.connect(lambda on, column=column: self.setColumnHidden(column, not on))
        return menu

    def _show_columns(self) -> None:
        for column in range(self.rows.columnCount()):
            self.setColumnHidden(column, False)

    def _show_column_menu(self, spot: QPoint) -> None:
        menu = self.column_menu()
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(self.horizontalHeader().mapToGlobal(spot))

    def _size_columns(self) -> None:
        """Widths from the header and a few rows spread over the answer."""
        model = self.rows
        rows = range(0, model.rowCount(), max(1, model.rowCount() // SAMPLED))
        head = QFontMetrics(self.horizontalHeader().font())
        for column in range(model.columnCount()):
            cells = QFontMetrics(theme.mono_font() if model.right(column) else theme.text_font())
            name = str(model.headerData(column, Qt.Orientation.Horizontal))
            wide = max(
                [head.horizontalAdvance(name) + 4 * theme.STEP]
                + [cells.horizontalAdvance(str(model.index(row, column).data())[:100]) for row in rows]
            )
            self.setColumnWidth(column, min(max(wide + 2 * PAD + theme.STEP, NARROWEST), WIDEST))

    def changeEvent(self, event: QEvent) -> None:
        """Repaint in a new theme."""
        if event.type() == QEvent.Type.PaletteChange:
            self.viewport().update()
        super().changeEvent(event)
