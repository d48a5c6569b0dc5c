"""Lines that lead to records: a name and a chip above, what there is to say below, under heads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, QRect, QSize, Qt, Signal
from PySide6.QtGui import QGuiApplication, QKeyEvent, QKeySequence, QPainter
from PySide6.QtWidgets import QAbstractItemView, QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem

from inspector.ui import theme
from inspector.ui.panels.common import (
    CHIP_HEIGHT,
    SMALL,
    chip_size,
    number_text,
    paint_chip,
    paint_elided,
)
from inspector.ui.panels.lines import RowList

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inspector.ui.panels.common import ChipKind

CARD = 11 * theme.STEP
HEAD = 7 * theme.STEP

AnyIndex = QModelIndex | QPersistentModelIndex


@dataclass(frozen=True, slots=True)
class Line:
    """One thing told of a record; `record_id` "" leads nowhere."""

    title: str
    words: str
    chip: str
    kind: ChipKind
    record_id: str = ""


@dataclass(frozen=True, slots=True)
class Heading:
    """Above the lines of one kind."""

    title: str
    count: int


class ToldModel(QAbstractListModel):
    """Headings and lines."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: Sequence[Line | Heading] = ()

    def set_lines(self, lines: Sequence[Line | Heading]) -> None:
        """Show these."""
        self.beginResetModel()
        self.lines = lines
        self.endResetModel()

    def rowCount(self, parent: AnyIndex | None = None) -> int:
        """How many there are."""
        return 0 if parent is not None and parent.isValid() else len(self.lines)

    def flags(self, index: AnyIndex) -> Qt.ItemFlag:
        """A heading cannot be chosen."""
        if index.isValid() and isinstance(self.lines[index.row()], Heading):
            return Qt.ItemFlag.NoItemFlags
        return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable

    def data(self, index: AnyIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """The line in words."""
        if not index.isValid():
            return None
        line = self.lines[index.row()]
        if isinstance(line, Heading):
            return f"{line.title} {line.count}" if role == Qt.ItemDataRole.DisplayRole else None
        text = f"{line.title}\n{line.chip}\n{line.words}"
        if role == Qt.ItemDataRole.DisplayRole:
            return text
        if role in (Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleTextRole):
            return theme.tip(text)
        return None


class _Delegate(QStyledItemDelegate):
    """Two lines a thing, with its chip at the right; a heading in capitals."""

    def sizeHint(self, option: QStyleOptionViewItem, index: AnyIndex) -> QSize:
        """Headings are lower."""
        model = index.model()
        assert isinstance(model, ToldModel)
        return QSize(0, HEAD if isinstance(model.lines[index.row()], Heading) else CARD)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: AnyIndex) -> None:
        """One of them."""
        model, t = index.model(), theme.current()
        assert isinstance(model, ToldModel)
        line = model.lines[index.row()]
        area = option.rect.adjusted(theme.MARGIN, theme.STEP, -theme.MARGIN, -theme.STEP)
        if isinstance(line, Heading):
            right = Qt.AlignmentFlag.AlignRight
            count = number_text(line.count)
            taken = paint_elided(painter, area, count, theme.mono_font(SMALL), t.quiet, right)
            area.setRight(area.right() - taken - theme.STEP)
            paint_elided(painter, area, line.title, theme.text_font(SMALL), t.quiet)
            return
        ground = QStyle.PrimitiveElement.PE_PanelItemViewItem
        option.widget.style().drawPrimitive(ground, option, painter, option.widget)
        upper = area.adjusted(0, 0, 0, -area.height() // 2)
        lower = area.adjusted(0, area.height() // 2, 0, 0)
        wide = min(chip_size(line.chip).width(), upper.width() // 2)
        chip = QRect(upper.right() - wide, upper.center().y() - CHIP_HEIGHT // 2, wide, CHIP_HEIGHT)
        if line.chip:
            paint_chip(painter, chip, line.chip, line.kind)
            upper.setRight(chip.left() - theme.STEP)
        paint_elided(painter, upper, line.title, theme.text_font(), t.text)
        paint_elided(painter, lower, line.words, theme.text_font(SMALL), t.quiet)


class ToldList(RowList):
    """Takes the keys that move through it, Enter and Ctrl+C; leaves all others to the window."""

    chosen = Signal(str)
    """A record is to be shown."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.rows = ToldModel()
        self.setModel(self.rows)
        self.setItemDelegate(_Delegate(self))
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setLayoutMode(QListView.LayoutMode.Batched)
        self.setBatchSize(500)
        self.setAccessibleName(name)
        self.setToolTip("Enter or a double click leads to the record")
        self.entered_row.connect(self._go)
        self.doubleClicked.connect(lambda index: self._go(index.row()))

    def _go(self, row: int) -> None:
        line = self.rows.lines[row]
        if isinstance(line, Line) and line.record_id:
            self.chosen.emit(line.record_id)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Ctrl+C is the list's, too."""
        current = self.currentIndex()
        if event.matches(QKeySequence.StandardKey.Copy) and current.isValid():
            QGuiApplication.clipboard().setText(str(current.data()))
            event.accept()
        else:
            super().keyPressEvent(event)
