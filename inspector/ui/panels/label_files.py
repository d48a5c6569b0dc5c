"""The part of the Labels panel for annotators' files: what one was made on, what taking it in would do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from inspector.ui import theme
from inspector.ui.panels.common import SectionHeader, Words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from PySide6.QtGui import QAction


class FilesPart(QWidget):
    """It shows; its buttons are the window's actions."""

    def __init__(self, actions: Mapping[str, QAction], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.facts = Words("ELAN, Praat and Label Studio files come in and go out again.", "quiet", 12)
        self.differs = Words("", "suspect", 12)
        self.take = QPushButton("Take in")
        self.take.setToolTip("As one edit; what was changed on both sides stays, and is to be checked again")
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
        for each in (self.facts, self.differs, self.take):
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
