"""What there is to ask for: the tables, their columns, each of them a click away from the query."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QEvent, QSize, Qt, Signal
from PySide6.QtGui import QFontMetrics, QKeyEvent
from PySide6.QtWidgets import QFrame, QTreeWidget, QTreeWidgetItem, QVBoxLayout, QWidget

from inspector.ui import theme
from inspector.ui.panels.common import SMALL, Words
from inspector.ui.panels.sql_editor import color_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ROW = 6 * theme.STEP
WORD = 40
WIDEST = 140


class TableList(QWidget):
    """A tree of tables and columns. `picked` is a name to insert; a table's has no dot."""

    picked = Signal(str, bool)
    """The name, and whether it is a table's."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.words = Words("", "quiet", 12)
        self.words.setContentsMargins(theme.MARGIN, theme.MARGIN, theme.MARGIN, 2 * theme.STEP)
        self.tree = QTreeWidget()
        self.tree.setColumnCount(2)
        self.tree.setHeaderHidden(True)
        self.tree.setFrameShape(QFrame.Shape.NoFrame)
        self.tree.setExpandsOnDoubleClick(False)
        self.tree.setIndentation(4 * theme.STEP)
        self.tree.setUniformRowHeights(True)
        self.tree.setAccessibleName("Tables")
        self.tree.itemClicked.connect(lambda item, _: self._pick(item))
        self.tree.installEventFilter(self)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        box.addWidget(self.words)
        box.addWidget(self.tree, 1)

    def set_schema(self, schema: Mapping[str, Iterable[tuple[str, str]]] | None) -> None:
        """Show the tables of a dataset; None where none is open."""
        self.tree.clear()
        self.tree.setVisible(bool(schema))
        if schema is None:
            self.words.setText("No dataset is open")
            return
        self.words.setText("These tables can be asked. A click puts a name into the query.")
        for table, columns in schema.items():
            columns = list(columns)
            item = QTreeWidgetItem([table, ", ".join(name for name, _ in columns)])
            item.setSizeHint(0, QSize(0, ROW))
            item.setToolTip(1, theme.tip("\n".join(f"{name}  {kind}" for name, kind in columns)))
            self.tree.addTopLevelItem(item)
            for name, kind in columns:
                item.addChild(QTreeWidgetItem([name, kind.lower()]))
        self._dress()
        mono = QFontMetrics(theme.mono_font())
        names = [
            each for table, columns in schema.items() for each in (table, *(name for name, _ in columns))
        ]
        wide = max((mono.horizontalAdvance(name[:WORD]) for name in names), default=0)
        self.tree.setColumnWidth(0, min(wide, WIDEST) + 2 * self.tree.indentation() + 3 * theme.STEP)

    def _pick(self, item: QTreeWidgetItem) -> None:
        self.picked.emit(item.text(0), item.parent() is None)

    def eventFilter(self, watched: object, event: QEvent) -> bool:
        """Enter takes the name, as a click does."""
        if watched is self.tree and isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            item = self.tree.currentItem()
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and item is not None:
                self._pick(item)
                return True
        return False

    def _dress(self) -> None:
        t = theme.current()
        for number in range(self.tree.topLevelItemCount()):
            table: Any = self.tree.topLevelItem(number)
            for item, kind in [
                (table, "table"),
                *((table.child(row), "column") for row in range(table.childCount())),
            ]:
                item.setFont(0, theme.mono_font())
                item.setForeground(0, color_of("table" if kind == "table" else "column"))
                item.setFont(1, theme.text_font(SMALL))
                item.setForeground(1, t.quiet)

    def changeEvent(self, event: QEvent) -> None:
        """Take the colours of a new theme."""
        if event.type() == QEvent.Type.PaletteChange and hasattr(self, "tree"):
            self._dress()
        super().changeEvent(event)
