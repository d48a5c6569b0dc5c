"""The bottom row: where the data is and what runs; now and then something that must be said."""

from __future__ import annotations

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QLabel, QStatusBar, QWidget

from inspector.ui import theme

NOTICE_MS = 8000


class StatusLine(QStatusBar):
    """Quiet text left and right; a notice takes the left side for a while and never stops the work."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._left = QLabel("", self)
        self._right = QLabel("", self)
        for label in (self._left, self._right):
            label.setTextFormat(Qt.TextFormat.PlainText)
        self._quiet = ""
        self.setSizeGripEnabled(False)
        self.addWidget(self._left, 1)
        self.addPermanentWidget(self._right)
        self._notice = QTimer(self, singleShot=True, interval=NOTICE_MS)
        self._notice.timeout.connect(self.restyle)
        self.restyle()

    @property
    def text(self) -> str:
        """What stands on the left now."""
        return self._left.text()

    def notice(self, text: str) -> None:
        """Say something for a while."""
        self._left.setText(text)
        self._left.setToolTip(theme.tip(text))
        self._left.setStyleSheet(f"color: {theme.current().suspect.name()}; padding: 4px 12px")
        self._notice.start()

    def say(self, left: str, right: str) -> None:
        """The quiet text of both sides."""
        self._quiet = left
        self._right.setText(right)
        if not self._notice.isActive():
            self._left.setText(left)

    def restyle(self) -> None:
        """Take the colours of the theme in force, and go back to the quiet text."""
        for label in (self._left, self._right):
            label.setFont(theme.text_font(12))
            label.setStyleSheet(f"color: {theme.current().quiet.name()}; padding: 4px 12px")
        self._left.setText(self._quiet)
        self._left.setToolTip("")


def memory_mb() -> int:
    """What the program takes in memory, MB; 0 where the system does not tell."""
    try:
        with open("/proc/self/statm") as statm:
            return int(statm.read().split()[1]) * 4096 >> 20
    except OSError:
        return 0
