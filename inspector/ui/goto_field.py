"""Where a time is typed: it lies over the time in the transport bar and goes away by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QApplication, QLineEdit, QWidget

from inspector.core.times import parse_clock
from inspector.ui import theme

if TYPE_CHECKING:
    from PySide6.QtGui import QFocusEvent, QKeyEvent


class GotoField(QLineEdit):
    """Enter goes there, Esc or a click elsewhere does not."""

    asked = Signal(object)
    """A reference time in ns."""
    refused = Signal(str)

    def __init__(self, over: QWidget) -> None:
        assert over.parentWidget() is not None
        super().__init__(over.parentWidget())
        self._over = over
        self.setPlaceholderText("7.4 or 1:07.4")
        self.setAccessibleName("go to time")
        self.hide()
        self.returnPressed.connect(self._typed)

    _before: QWidget | None = None
    """Who had the keys, and gets them back."""

    def ask(self) -> None:
        """Come up, empty and with the keys."""
        self._before = QApplication.focusWidget()
        label = self._over
        parent = self.parentWidget()
        assert parent is not None
        self.setFont(theme.mono_font(13))
        self.setGeometry(label.x() - 8, 6, max(label.width() + 16, 132), parent.height() - 12)
        self.clear()
        self.show()
        self.raise_()
        self.setFocus()

    def _typed(self) -> None:
        at_ns = parse_clock(self.text())
        if at_ns is None:
            self.refused.emit(f"{self.text()!r} is no time: type 7.4 or 1:07.4")
            self.selectAll()
            return
        self._leave()
        self.asked.emit(at_ns)

    def _leave(self) -> None:
        """Give the keys back first: a hidden widget's keys go to whatever comes next."""
        if self._before is not None:
            self._before.setFocus()
        self.hide()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self._leave()
        else:
            super().keyPressEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.hide()
