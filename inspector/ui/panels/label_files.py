"""The part of the Labels panel for annotators' files: what one was made on, what taking it in would do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from inspector.ui import theme
from inspector.ui.panels.common import SectionHeader, Words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from PySide6.QtGui import QAction


SIDES = (
    ("check", "keep mine, check again"),
    ("ours", "keep mine"),
    ("theirs", "take theirs"),
    ("both", "keep both"),
)
"""What becomes of what was changed on both sides (`core.merge.SIDES`)."""
LIST_ROWS = 5
_ID, _SIDE, _TEXT = (int(Qt.ItemDataRole.UserRole) + number for number in range(3))


class FilesPart(QWidget):
    """It shows; its buttons are the window's actions."""

    def __init__(self, actions: Mapping[str, QAction], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.facts = Words("ELAN, Praat and Label Studio files come in and go out again.", "quiet", 12)
        self.differs = Words("", "suspect", 12)
        self.decide = QComboBox()
        self.decide.addItems([f"Both changed: {words}" for _, words in SIDES])
        self.decide.setAccessibleName("Where both sides changed a label")
        self.decide.setToolTip("For the lines that are selected below, else for all of them")
        self.decide.activated.connect(self._decide)
        self.conflicts = QListWidget()
        self.conflicts.setAccessibleName("Labels that both sides changed")
        self.conflicts.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.conflicts.setWordWrap(True)
        self.conflicts.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.take = QPushButton("Take in")
        self.take.setToolTip("As one edit, that Ctrl+Z takes back")
        row = QHBoxLayout()
        row.setSpacing(theme.STEP)
        for name, text in (("label_import", "Import…"), ("label_export", "Export…")):
            button = QPushButton(text)
            button.setToolTip(actions[name].toolTip())
            button.clicked.connect(actions[name].trigger)
            row.addWidget(button, 1)
        inner = QVBoxLayout()
        inner.setContentsMargins(theme.MARGIN, 0, theme.MARGIN, theme.STEP)
        inner.setSpacing(theme.STEP)
        inner.addLayout(row)
        for each in (self.facts, self.differs, self.decide, self.conflicts, self.take):
            inner.addWidget(each)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(SectionHeader("Annotators’ files"))
        column.addLayout(inner)
        self.show_facts((), (), False)

    def show_facts(self, lines: Sequence[str], differs: Sequence[str], takeable: bool) -> None:
        """Say what a file is and does; `differs` is what to mind; whether it can be taken in."""
        if lines:
            self.facts.setText("\n".join(lines))
        self.differs.setText("\n".join(differs))
        self.differs.setVisible(bool(differs))
        self.take.setVisible(takeable)
        self.show_conflicts(())

    def show_conflicts(self, conflicts: Sequence[tuple[str, str]]) -> None:
        """List what both sides changed: the label's id ("" where only all can be decided alike), and how."""
        self.decide.setCurrentIndex(0)
        self.conflicts.clear()
        for label_id, text in conflicts:
            item = QListWidgetItem(self.conflicts)
            item.setData(_ID, label_id)
            item.setData(_TEXT, text)
            item.setToolTip(theme.tip(text))
            if not label_id:
                item.setFlags(item.flags() & ~Qt.ItemFlag.ItemIsSelectable)
        self._decide(0)
        for each in (self.decide, self.conflicts):
            each.setVisible(bool(conflicts))
        self.conflicts.setFixedHeight(min(max(len(conflicts), 1), LIST_ROWS) * 9 * theme.STEP)

    def _decide(self, place: int) -> None:
        side, words = SIDES[place]
        items = [self.conflicts.item(row) for row in range(self.conflicts.count())]
        for item in self.conflicts.selectedItems() or items:
            item.setData(_SIDE, side)
            item.setText(f"{words}: {item.data(_TEXT)}")

    def side(self) -> str:
        """How conflicts are decided in which nothing else was chosen."""
        return SIDES[self.decide.currentIndex()][0]

    def decided(self) -> dict[str, str]:
        """How each is, by its label's id."""
        items = (self.conflicts.item(row) for row in range(self.conflicts.count()))
        return {item.data(_ID): item.data(_SIDE) for item in items if item.data(_ID)}
