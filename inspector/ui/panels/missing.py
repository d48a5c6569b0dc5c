"""The Missing panel: what records lack, files found elsewhere for it, and which of them are certain."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QHBoxLayout,
    QHeaderView,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from inspector.core.model import Modality
from inspector.ui import theme
from inspector.ui.panels.common import MODALITY_WORD, Panel, SectionHeader, Words, count_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inspector.readers.relink import Candidate, Match

ROWS = 12
HINT = "Select records, choose what they lack, and look in a folder: by name, stem, length and content."


class MissingPanel(Panel):
    """It shows and asks; the room does. Rows that are ticked are linked; only what is certain is at first."""

    modality_chosen = Signal(str)
    folder_asked = Signal()
    linked = Signal()
    absent_asked = Signal()
    flag_asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows: list[tuple[str, Candidate]] = []
        self.modality = QComboBox()
        self.modality.setAccessibleName("What the records lack")
        for each in Modality:
            self.modality.addItem(MODALITY_WORD[each], each.value)
        self.scope = Words(HINT, "text", 13)
        self.look = QPushButton("Look in a folder…")
        self.look.setToolTip("Nothing is copied: a file stays where it is, and is known by its content")
        self.absent = QPushButton("Not expected")
        self.absent.setToolTip("These records need not have it: it is no finding any more")
        self.flag = QPushButton("Flag missing")
        self.flag.setToolTip("Flag those of the records for which nothing is ticked, in one edit")
        self.facts = Words("", "quiet", 12)
        self.table = QTableWidget(0, 3)
        self.table.setAccessibleName("Files found")
        self.table.setHorizontalHeaderLabels(["record", "file", "why"])
        self.table.verticalHeader().hide()
        self.table.setShowGrid(False)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.horizontalHeader().setSectionResizeMode(1, QHeaderView.ResizeMode.Stretch)
        self.table.setMinimumHeight(ROWS * theme.ROW)
        self.go = QPushButton("Re-link")
        self.go.setProperty("primary", True)
        self._build()
        self.modality.activated.connect(lambda row: self.modality_chosen.emit(self.modality.itemData(row)))
        self.look.clicked.connect(lambda _=False: self.folder_asked.emit())
        self.absent.clicked.connect(lambda _=False: self.absent_asked.emit())
        self.flag.clicked.connect(lambda _=False: self.flag_asked.emit())
        self.go.clicked.connect(lambda _=False: self.linked.emit())
        self.table.itemChanged.connect(self._ticked)
        self.show_matches([])

    def _build(self) -> None:
        row = QHBoxLayout()
        row.setSpacing(theme.STEP)
        for each in (self.absent, self.flag):
            row.addWidget(each, 1)
        inner = QVBoxLayout()
        inner.setContentsMargins(theme.MARGIN, 0, theme.MARGIN, theme.MARGIN)
        inner.setSpacing(theme.STEP)
        inner.addWidget(self.modality)
        inner.addWidget(self.scope)
        inner.addWidget(self.look)
        inner.addLayout(row)
        inner.addWidget(self.facts)
        inner.addWidget(self.table, 1)
        inner.addWidget(self.go)
        inner.addStretch(0)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(SectionHeader("Missing modality"))
        column.addLayout(inner)

    def show_counting(self) -> None:
        """It is not known yet which of the records lack it: there is nothing to do for them."""
        for each in (self.look, self.absent, self.flag):
            each.setEnabled(False)

    def show_scope(self, modality: Modality, lacking: int, of: int) -> None:
        """Say how many of the records lack it."""
        self.modality.setCurrentIndex(self.modality.findData(modality.value))
        verb = "has" if 1 in (lacking, of) else "have"
        told = f"{lacking} of {count_text(of, 'record')} in hand {verb} no {MODALITY_WORD[modality]}"
        self.scope.setText(told)
        for each in (self.look, self.absent, self.flag):
            each.setEnabled(lacking > 0)

    def say(self, text: str) -> None:
        """What is going on."""
        self.facts.setText(text)

    def show_matches(self, matches: Sequence[Match]) -> None:
        """Show what was found; what is certain is ticked."""
        self._rows = [(each.record_id, one) for each in matches for one in each.candidates[:8]]
        reasons = {each.record_id: each for each in matches}
        self.table.blockSignals(True)
        self.table.setRowCount(len(self._rows))
        for row, (record_id, candidate) in enumerate(self._rows):
            match = reasons[record_id]
            tick = QTableWidgetItem(record_id)
            sure = match.sure == candidate
            tick.setCheckState(Qt.CheckState.Checked if sure else Qt.CheckState.Unchecked)
            why = ", ".join(candidate.why) if sure else match.reason
            for column, item in enumerate((tick, QTableWidgetItem(candidate.path), QTableWidgetItem(why))):
                item.setToolTip(theme.tip(f"{candidate.path}\n{', '.join(candidate.why)}"))
                self.table.setItem(row, column, item)
        self.table.blockSignals(False)
        self.table.resizeColumnToContents(0)
        self.table.setVisible(bool(self._rows))
        if matches:
            sure_ones = sum(each.sure is not None for each in matches)
            without = sum(not each.candidates for each in matches)
            parts = [f"{sure_ones} certain", f"{len(matches) - sure_ones - without} to decide"]
            self.facts.setText(", ".join([*parts, f"{without} without any file"]))
        self._count()

    def chosen(self) -> dict[str, Candidate]:
        """The file that is ticked for each record."""
        return {
            record_id: candidate
            for row, (record_id, candidate) in enumerate(self._rows)
            if (item := self.table.item(row, 0)) is not None and item.checkState() is Qt.CheckState.Checked
        }

    def _ticked(self, item: QTableWidgetItem) -> None:
        """One file a record: another tick of it goes."""
        if item.column() != 0:
            return
        if item.checkState() is Qt.CheckState.Checked:
            own = self._rows[item.row()][0]
            self.table.blockSignals(True)
            for row, (record_id, _) in enumerate(self._rows):
                other = self.table.item(row, 0)
                if record_id == own and row != item.row() and other is not None:
                    other.setCheckState(Qt.CheckState.Unchecked)
            self.table.blockSignals(False)
        self._count()

    def _count(self) -> None:
        number = len(self.chosen())
        self.go.setText(f"Re-link {count_text(number, 'record')}")
        self.go.setEnabled(number > 0)
        self.go.setVisible(bool(self._rows))
