"""The vocabulary of a tier: labels with their keys and definitions, and what each must be anchored in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QHeaderView,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from inspector.core.tiers import KEYS, Entry, Tier
from inspector.ui import theme
from inspector.ui.panels.common import MODALITY_WORD, Words

if TYPE_CHECKING:
    from inspector.core.model import Modality, Record

ROWS = 6
HINT = "Type below the last row for a further label. Rows 1 to 9 have the number keys."


class VocabularyPart(QWidget):
    """It shows and asks; nothing is written before Keep, and nothing merged before its preview was seen."""

    kept = Signal(object)
    """The tier as it is to be declared."""
    merge_asked = Signal(str, str)
    """One label is to become another: first what that would change."""
    merge_done = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tier = Tier("")
        self.table = QTableWidget(0, 3)
        self.table.setHorizontalHeaderLabels(["", "label", "definition"])
        self.table.setAccessibleName("Vocabulary of the tier")
        self.table.setToolTip(HINT)
        self.table.verticalHeader().hide()
        self.table.setShowGrid(False)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        head = self.table.horizontalHeader()
        head.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        head.setSectionResizeMode(0, QHeaderView.ResizeMode.ResizeToContents)
        head.setSectionResizeMode(2, QHeaderView.ResizeMode.Stretch)
        self.table.setFixedHeight(ROWS * theme.ROW)
        self.requires: dict[Modality, QCheckBox] = {}
        self._boxes = QGridLayout()
        self._boxes.setSpacing(theme.STEP)
        self.keep = QPushButton("Keep")
        self.keep.setToolTip("Declare this vocabulary for the tier in the whole dataset, as one edit")
        self.become = QComboBox()
        self.become.setAccessibleName("What the chosen label becomes")
        self.merge = QPushButton("Merge into…")
        self.merge.setToolTip("The chosen label becomes another in every record; first it is shown where")
        self.preview = Words("", "text", 12)
        self.go = QPushButton("Merge now")
        row = QHBoxLayout()
        row.setSpacing(theme.STEP)
        for each in (self.merge, self.become):
            row.addWidget(each, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.STEP)
        column.addWidget(self.table)
        column.addWidget(Words("Each label must be anchored in:", "quiet", 12))
        column.addLayout(self._boxes)
        column.addWidget(self.keep)
        column.addLayout(row)
        column.addWidget(self.preview)
        column.addWidget(self.go)
        self.keep.clicked.connect(lambda _=False: self.kept.emit(self.tier()))
        self.merge.clicked.connect(self._ask)
        self.go.clicked.connect(lambda _=False: self.merge_done.emit())
        self.table.itemChanged.connect(self._typed)
        self.show_preview("")

    def show_tier(self, tier: Tier, declared: bool, record: Record | None) -> None:
        """Show a tier as it stands; what was typed and not kept stays while the tier is the same."""
        if tier == self._tier and self.table.rowCount() > 0:
            return
        self._tier = tier
        self.setEnabled(bool(tier.name))
        self.keep.setText("Keep" if declared else "Declare this vocabulary")
        self.table.blockSignals(True)
        self.table.setRowCount(0)
        for entry in (*tier.entries, Entry("")):
            self._add(entry)
        self.table.blockSignals(False)
        self.become.clear()
        self.become.addItems([entry.label for entry in tier.entries])
        while (item := self._boxes.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.deleteLater()
        kinds = () if record is None else dict.fromkeys(stream.modality for stream in record.streams)
        self.requires = {}
        for place, kind in enumerate(dict.fromkeys((*kinds, *tier.requires))):
            box = QCheckBox(MODALITY_WORD[kind])
            box.setChecked(kind in tier.requires)
            box.setToolTip("Labels without it are incomplete, and never count as done")
            self.requires[kind] = box
            self._boxes.addWidget(box, place // 2, place % 2)
        self.show_preview("")

    def tier(self) -> Tier:
        """The tier as it is typed here."""
        rows = [(self._cell(row, 1), self._cell(row, 2)) for row in range(self.table.rowCount())]
        entries = {label: Entry(label, definition) for label, definition in rows if label}
        requires = tuple(kind for kind, box in self.requires.items() if box.isChecked())
        return Tier(self._tier.name, tuple(entries.values()), requires)

    def show_preview(self, text: str) -> None:
        """Say what a merge would change; it can be done then."""
        self.preview.setText(text)
        self.preview.setVisible(bool(text))
        self.go.setVisible(bool(text))

    def _ask(self) -> None:
        row = self.table.currentRow()
        label = self._cell(row, 1) if row >= 0 else ""
        if label and self.become.currentText() and label != self.become.currentText():
            self.merge_asked.emit(label, self.become.currentText())
        else:
            self.preview.setText("Choose a row, and beside the button what its label becomes")
            self.preview.show()

    def _cell(self, row: int, column: int) -> str:
        item = self.table.item(row, column)
        return "" if item is None else item.text().strip()

    def _add(self, entry: Entry) -> None:
        row = self.table.rowCount()
        self.table.insertRow(row)
        key = QTableWidgetItem(KEYS[row] if row < len(KEYS) else "")
        key.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable)
        for column, item in enumerate(
            (key, QTableWidgetItem(entry.label), QTableWidgetItem(entry.definition))
        ):
            self.table.setItem(row, column, item)

    def _typed(self, item: QTableWidgetItem) -> None:
        if item.row() == self.table.rowCount() - 1 and item.text().strip():
            self.table.blockSignals(True)
            self._add(Entry(""))
            self.table.blockSignals(False)
