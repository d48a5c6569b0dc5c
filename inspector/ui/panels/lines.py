"""Lists of file names and of problems: virtual, wrapped where that matters, and copied with Ctrl+C."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import (
    QAbstractListModel,
    QEvent,
    QModelIndex,
    QPersistentModelIndex,
    QRect,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QFont, QFontMetrics, QGuiApplication, QKeyEvent, QKeySequence, QPainter
from PySide6.QtWidgets import (
    QAbstractItemView,
    QListView,
    QSizePolicy,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from inspector.ui import theme
from inspector.ui.panels.common import paint_elided

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtGui import QHelpEvent, QResizeEvent

    from inspector.core.model import Problem

LINE_ROW = 6 * theme.STEP
ICON = 16
WRAPPED = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop | Qt.TextFlag.TextWrapAnywhere)

AnyIndex = QModelIndex | QPersistentModelIndex


class LinesModel(QAbstractListModel):
    """A sequence of names or problems, read where it is; nothing is copied."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: Sequence[str | Problem] = ()

    def set_lines(self, lines: Sequence[str | Problem]) -> None:
        """Show other lines."""
        self.beginResetModel()
        self._lines = lines
        self.endResetModel()

    def rowCount(self, parent: AnyIndex | None = None) -> int:
        """How many lines there are."""
        return 0 if parent is not None and parent.isValid() else len(self._lines)

    def line(self, row: int) -> str | Problem:
        """One of them."""
        return self._lines[row]

    def data(self, index: AnyIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """The line as text."""
        if index.isValid() and role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            text = str(self._lines[index.row()])
            return theme.tip(text) if role == Qt.ItemDataRole.ToolTipRole else text
        return None


class LineDelegate(QStyledItemDelegate):
    """A name on one line, cut in the middle; a problem as a file, what is wrong and what still works."""

    def __init__(self, view: LineList) -> None:
        super().__init__(view)
        self._view = view

    def _parts(self, problem: Problem) -> list[tuple[str, QFont, str]]:
        """The three texts of a problem with the face and the theme colour of each."""
        parts = [
            (problem.path, theme.mono_font(), "text"),
            (problem.message, theme.text_font(), "text"),
            (problem.works, theme.text_font(12), "quiet"),
        ]
        return [part for part in parts if part[0]]

    def _room(self) -> int:
        return max(60, self._view.viewport().width() - 2 * theme.MARGIN - ICON - 2 * theme.STEP)

    def _heights(self, problem: Problem) -> list[int]:
        room = QRect(0, 0, self._room(), 10_000)
        flags = WRAPPED & ~int(Qt.TextFlag.TextWrapAnywhere)
        heights = []
        for number, (text, font, _) in enumerate(self._parts(problem)):
            wrap = int(Qt.TextFlag.TextWrapAnywhere if number == 0 else Qt.TextFlag.TextWordWrap)
            heights.append(QFontMetrics(font).boundingRect(room, flags | wrap, text).height() + 2)
        return heights

    def sizeHint(self, option: QStyleOptionViewItem, index: AnyIndex) -> QSize:
        """One line for a name; for a problem as many as its texts wrap to."""
        line = self._view.lines.line(index.row())
        if isinstance(line, str):
            return QSize(0, LINE_ROW)
        return QSize(0, sum(self._heights(line)) + 2 * theme.STEP)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: AnyIndex) -> None:
        """One line."""
        t = theme.current()
        line = self._view.lines.line(index.row())
        area = option.rect
        chosen = QStyle.PrimitiveElement.PE_PanelItemViewItem
        option.widget.style().drawPrimitive(chosen, option, painter, option.widget)
        if isinstance(line, str):
            font = theme.mono_font()
            room = area.adjusted(theme.MARGIN, 0, -theme.MARGIN, 0)
            shown = QFontMetrics(font).elidedText(line, Qt.TextElideMode.ElideMiddle, room.width())
            paint_elided(painter, room, shown, font, t.quiet)
            return
        ratio = painter.device().devicePixelRatioF()
        picture = theme.pixmap("warning", t.suspect.name(), ICON, ratio)
        painter.drawPixmap(area.left() + theme.MARGIN, area.top() + theme.STEP + 1, picture)
        left = area.left() + theme.MARGIN + ICON + 2 * theme.STEP
        top = area.top() + theme.STEP
        flags = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
        parts = zip(self._parts(line), self._heights(line), strict=True)
        for number, ((text, font, tone), height) in enumerate(parts):
            wrap = int(Qt.TextFlag.TextWrapAnywhere if number == 0 else Qt.TextFlag.TextWordWrap)
            painter.setFont(font)
            painter.setPen(getattr(t, tone))
            painter.drawText(QRect(left, top, self._room(), height), flags | wrap, text)
            top += height

    def helpEvent(
        self, event: QHelpEvent, view: QAbstractItemView, option: QStyleOptionViewItem, index: AnyIndex
    ) -> bool:
        """The whole name, only where it is cut."""
        if index.isValid() and isinstance(text := self._view.lines.line(index.row()), str):
            wide = QFontMetrics(theme.mono_font()).horizontalAdvance(text)
            if wide > option.rect.width() - 2 * theme.MARGIN:
                return super().helpEvent(event, view, option, index)
        return super().helpEvent(event, view, option, QModelIndex())


class LineList(QListView):
    """As high as its lines, up to a limit; takes the keys that move through it and Ctrl+C, no others."""

    def __init__(self, limit: int = 60 * theme.STEP, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._limit = limit
        self.lines = LinesModel()
        self.setModel(self.lines)
        self.setItemDelegate(LineDelegate(self))
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setLayoutMode(QListView.LayoutMode.Batched)
        self.setBatchSize(200)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def set_lines(self, lines: Sequence[str | Problem]) -> None:
        """Show other lines; no lines take no room."""
        self.setUniformItemSizes(bool(lines) and isinstance(lines[0], str))
        self.lines.set_lines(lines)
        self._fit()

    def text(self, chosen_only: bool = False) -> str:
        """All lines, or the chosen ones, one under the other."""
        rows = range(self.lines.rowCount())
        if chosen_only:
            rows_chosen = sorted(index.row() for index in self.selectedIndexes())
            return "\n".join(str(self.lines.line(row)) for row in rows_chosen)
        return "\n".join(str(self.lines.line(row)) for row in rows)

    def _fit(self) -> None:
        height = 0
        for row in range(self.lines.rowCount()):
            height += self.sizeHintForIndex(self.lines.index(row, 0)).height()
            if height >= self._limit:
                break
        self.setFixedHeight(min(height, self._limit))
        self.setVisible(height > 0)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Wrap anew, and take the height that this needs."""
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self.scheduleDelayedItemsLayout()
            self._fit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Up, Down, Ctrl+A and Ctrl+C are the list's."""
        if event.matches(QKeySequence.StandardKey.Copy):
            QGuiApplication.clipboard().setText(self.text(chosen_only=self.selectionModel().hasSelection()))
            event.accept()
        elif event.matches(QKeySequence.StandardKey.SelectAll) or (
            event.key() in (Qt.Key.Key_Up, Qt.Key.Key_Down)
        ):
            super().keyPressEvent(event)
        else:
            event.ignore()

    def keyboardSearch(self, search: str) -> None:
        """Letters are the window's keys, not a search."""

    def changeEvent(self, event: QEvent) -> None:
        """Repaint in a new theme."""
        if event.type() == QEvent.Type.PaletteChange:
            self.viewport().update()
        super().changeEvent(event)


class RowList(QListView):
    """Takes the keys that move through it and Enter; leaves all others to the window."""

    entered_row = Signal(int)
    MOVES = frozenset({Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_PageUp, Qt.Key.Key_PageDown})

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Up, Down, Page Up, Page Down and Enter are the list's."""
        held = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and not held:
            if self.currentIndex().isValid():
                self.entered_row.emit(self.currentIndex().row())
            event.accept()
        elif event.key() in self.MOVES and not held:
            super().keyPressEvent(event)
        else:
            event.ignore()

    def keyboardSearch(self, search: str) -> None:
        """Letters are the window's keys, not a search."""
