"""The tabs of the right column: in a narrow one the name of the panel in front is what stays whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QFontMetrics
from PySide6.QtWidgets import QTabBar, QTabWidget, QWidget

from inspector.ui import theme

if TYPE_CHECKING:
    from PySide6.QtGui import QResizeEvent

PAD = 14
"""Px to the sides of a name where all have room; else they stand closer and are smaller."""
LEAST_NAME = 34
"""Px of a name that is cut: its first letters."""


class _Bar(QTabBar):
    def minimumTabSizeHint(self, index: int) -> QSize:
        whole = self.tabSizeHint(index)
        cut = QSize(min(LEAST_NAME, whole.width()), whole.height())
        return whole if index == self.currentIndex() else cut


class SideTabs(QTabWidget):
    """Panels side by side in one place; each tab's tip is its whole name."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        bar = _Bar(self)
        self.setTabBar(bar)
        self.setDocumentMode(True)
        self.setMinimumWidth(256)
        self.setUsesScrollButtons(False)
        self.setElideMode(Qt.TextElideMode.ElideRight)
        bar.setDrawBase(False)
        bar.setFocusPolicy(Qt.FocusPolicy.NoFocus)

    def tabInserted(self, index: int) -> None:
        """The tip of a tab is its name."""
        super().tabInserted(index)
        self.setTabToolTip(index, self.tabText(index))
        self._fit()

    def tabRemoved(self, index: int) -> None:
        """The others may have room now."""
        super().tabRemoved(index)
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """The names may stand as they like to, or not."""
        self._fit()
        super().resizeEvent(event)

    def _fit(self) -> None:
        bar, metrics = self.tabBar(), QFontMetrics(theme.text_font())
        names = (self.tabText(place) for place in range(self.count()))
        narrow = sum(metrics.horizontalAdvance(name) + PAD for name in names) > self.width()
        if bar.property("narrow") != narrow:
            bar.setProperty("narrow", narrow)
            bar.style().unpolish(bar)
            bar.style().polish(bar)
