"""The left column: the records, and under them what they are worked through with, findings and facets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt, QTimer
from PySide6.QtWidgets import QSplitter, QWidget

from inspector.ui import theme
from inspector.ui.panels.records import RecordsPanel

if TYPE_CHECKING:
    from PySide6.QtGui import QAction, QResizeEvent

LEAST_RECORDS = 46 * theme.STEP
"""Px that the records keep: their filter, a few rows and what is reviewed."""
SHARES = (0.0, 0.62, 0.8)
"""How much of the height the tasks take, by how many of them are shown."""


class LeftColumn(QSplitter):
    """A task takes its part of the height when shown; where there is no room for two, the newest stays."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(Qt.Orientation.Vertical, parent)
        self.records = RecordsPanel(self)
        self.addWidget(self.records)
        self.setCollapsible(0, False)
        self.setHandleWidth(1)
        self._tasks: list[tuple[QWidget, QAction, int]] = []
        """Panels with the actions that show them and the px that each needs, the newest last."""

    def show_task(self, panel: QWidget, action: QAction, least: int) -> None:
        """Show a panel under the records, which needs so many px of height; `action` is unchecked when it is
        closed to make room."""
        if self.indexOf(panel) < 0:
            self.addWidget(panel)
            self.setCollapsible(self.indexOf(panel), False)
        self._tasks = [each for each in self._tasks if each[0] is not panel]
        self._tasks.append((panel, action, least))
        panel.show()
        self.show()
        QTimer.singleShot(0, self, self.fit)  # once the splitter has taken it in

    def _shown(self) -> list[tuple[QWidget, QAction, int]]:
        return [each for each in self._tasks if not each[0].isHidden()]

    def fit(self) -> None:
        """Share the height; close what has no room beside what was shown after it."""
        self._close_crowded()
        shown, height = self._shown(), self.height()
        if not shown:
            return
        lower = min(round(height * SHARES[len(shown)]), height - LEAST_RECORDS)
        needed = sum(least for _, _, least in shown)
        sizes = [0] * self.count()
        sizes[self.indexOf(self.records)] = height - lower
        for panel, _, least in shown:
            sizes[self.indexOf(panel)] = lower * least // needed
        self.setSizes(sizes)

    def _close_crowded(self) -> None:
        shown = self._shown()
        while len(shown) > 1 and self.height() < LEAST_RECORDS + sum(least for _, _, least in shown):
            panel, action, _ = shown.pop(0)
            action.setChecked(False)
            panel.hide()

    def minimumSizeHint(self) -> QSize:
        """As wide as the widest; as high as the records and one task."""
        hints = [each[0].minimumSizeHint() for each in self._shown()]
        wide = max([self.records.minimumSizeHint().width(), *(each.width() for each in hints)])
        return QSize(wide, LEAST_RECORDS + max((each.height() for each in hints), default=0))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Close what has no room any more."""
        super().resizeEvent(event)
        self._close_crowded()
