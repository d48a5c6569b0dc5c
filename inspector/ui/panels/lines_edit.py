"""A line to type into that is left with Enter or Esc."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QLineEdit

if TYPE_CHECKING:
    from PySide6.QtGui import QKeyEvent


class Line(QLineEdit):
    """Esc gives up: whoever owns the line puts back what stood there."""

    given_up = Signal()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Give up on Esc."""
        if event.key() == Qt.Key.Key_Escape:
            self.given_up.emit()
            return
        super().keyPressEvent(event)


def line(name: str, tip: str) -> Line:
    """An empty line by its name, which it shows while it is empty."""
    made = Line()
    made.setAccessibleName(name)
    made.setPlaceholderText(name)
    made.setToolTip(tip)
    return made
