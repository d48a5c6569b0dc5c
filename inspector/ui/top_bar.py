"""The top row: the menus, where we are, and the switches of the panels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QHBoxLayout, QLabel, QMenuBar, QSizePolicy, QToolButton, QWidget

from inspector.ui import theme

if TYPE_CHECKING:
    from collections.abc import Mapping

    from PySide6.QtGui import QAction, QPaintEvent, QResizeEvent

HEIGHT = 40


class TopBar(QWidget):
    """Menus on the left, the breadcrumb in the middle, panel switches on the right."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFixedHeight(HEIGHT)
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(theme.MARGIN, 0, theme.MARGIN, 0)
        self._row.setSpacing(theme.STEP)
        self._mark = QLabel(self)
        self._row.addWidget(self._mark)
        self.menus = QMenuBar(self)
        self.menus.setNativeMenuBar(False)
        self.menus.setSizePolicy(QSizePolicy.Policy.Minimum, QSizePolicy.Policy.Preferred)
        self._row.addWidget(self.menus, 0, Qt.AlignmentFlag.AlignVCenter)
        self._row.addStretch(1)
        self._crumb = QLabel("", self)
        self._crumb.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._crumb.setTextFormat(Qt.TextFormat.PlainText)
        self._parts = ("", "")
        self._buttons: list[QToolButton] = []
        self.restyle()

    def add_buttons(self, actions: Mapping[str, QAction]) -> None:
        """The switches, made from the window's actions."""
        for name in ("left", "bottom", "right", "theme", "keys"):
            button = QToolButton(self)
            button.setDefaultAction(actions[name])
            button.setIconSize(QSize(16, 16))
            button.setFixedSize(30, 28)
            button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            self._row.addWidget(button)
            self._buttons.append(button)

    def set_place(self, dataset: str, record: str) -> None:
        """The dataset's and the record's name."""
        self._parts = (dataset, record)
        self._place_crumb()

    def restyle(self) -> None:
        """Take the faces and colours of the theme in force."""
        self._mark.setPixmap(theme.icon("inspector").pixmap(20, 20))
        self._crumb.setFont(theme.text_font(13))
        self._crumb.setStyleSheet(f"color: {theme.current().quiet.name()}")
        self.update()

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._place_crumb()

    def _place_crumb(self) -> None:
        text = "  ›  ".join(part for part in self._parts if part)
        left = self.menus.geometry().right() + theme.MARGIN
        right = min((each.geometry().left() for each in self._buttons), default=self.width())
        free = right - theme.MARGIN - left
        metrics = self._crumb.fontMetrics()
        wide = min(metrics.horizontalAdvance(text) + 2, max(free, 0))
        self._crumb.setText(metrics.elidedText(text, Qt.TextElideMode.ElideLeft, wide))
        self._crumb.setToolTip(theme.tip(text))
        # In the middle of the window, or as near to it as menus and buttons let it.
        x = min(max((self.width() - wide) // 2, left), max(left, right - theme.MARGIN - wide))
        self._crumb.setGeometry(x, 0, wide, self.height() - 1)

    def paintEvent(self, event: QPaintEvent) -> None:
        colors = theme.current()
        painter = QPainter(self)
        painter.fillRect(self.rect(), colors.panel)
        painter.fillRect(0, self.height() - 1, self.width(), 1, colors.line)
        painter.end()
