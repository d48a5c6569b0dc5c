"""Where everything stands: records left, stage over timeline in the middle, details right."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, QSize, Qt, QTimer
from PySide6.QtWidgets import QSplitter, QVBoxLayout, QWidget

from inspector.ui.left_column import LeftColumn
from inspector.ui.panels.dataset import DatasetPanel
from inspector.ui.panels.history import HistoryPanel
from inspector.ui.panels.streams import StreamsPanel
from inspector.ui.panels.transcript import TranscriptPanel
from inspector.ui.side_tabs import SideTabs
from inspector.ui.stage import Stage
from inspector.ui.timeline import ruler
from inspector.ui.timeline.view import TimelineView
from inspector.ui.transport_bar import TransportBar

if TYPE_CHECKING:
    from collections.abc import Mapping

    from PySide6.QtGui import QAction, QResizeEvent

TIMELINE_SHARE = 0.5
"""How much of the height the tracks may take from the pictures by themselves."""
BARE_SHARE = 0.8
"""The same where a record has no pictures."""


class Arrangement(QSplitter):
    """The window's middle. The timeline is as high as its tracks until somebody drags its edge."""

    def __init__(self, actions: Mapping[str, QAction], parent: QWidget) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self.left = LeftColumn(self)
        self.records = self.left.records
        self.stage = Stage(self)
        self.timeline = TimelineView(self)
        self.transport_bar = TransportBar(actions, self)
        self.streams = StreamsPanel(self)
        self.transcript = TranscriptPanel(self)
        self.dataset = DatasetPanel(self)
        self.history = HistoryPanel(self)
        self.tabs = self._make_tabs()
        self.middle = QSplitter(Qt.Orientation.Vertical, self)
        self._dragged = False
        self._task: QWidget | None = None
        self._sides = {self.left: actions["left"], self.tabs: actions["right"]}
        """The columns beside the stage with the actions that show them; the last is the one shown last."""
        self._put_away: QWidget | None = None
        """The column that was closed because the window is narrow."""
        for side in self._sides:
            side.installEventFilter(self)
        self.middle.addWidget(self.stage)
        self.middle.addWidget(self.timeline)
        self.middle.setStretchFactor(0, 1)
        self.middle.setStretchFactor(1, 0)
        self.middle.setCollapsible(0, False)
        self.middle.splitterMoved.connect(self._edge_dragged)
        centre = QWidget(self)
        column = QVBoxLayout(centre)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.middle, 1)
        column.addWidget(self.transport_bar)
        for widget in (self.left, centre, self.tabs):
            self.addWidget(widget)
        for widget, stretch in ((self.left, 0), (centre, 1), (self.tabs, 0)):
            self.setStretchFactor(self.indexOf(widget), stretch)
        self.setCollapsible(1, False)
        for splitter in (self, self.middle):
            splitter.setHandleWidth(1)
        self.stage.setFocusPolicy(Qt.FocusPolicy.ClickFocus)

    def _make_tabs(self) -> SideTabs:
        tabs = SideTabs(self)
        tabs.addTab(self.streams, "Streams")
        tabs.addTab(self.transcript, "Transcript")
        tabs.addTab(self.dataset, "Dataset")
        tabs.addTab(self.history, "History")
        return tabs

    def show_tab(self, panel: QWidget) -> None:
        """Bring a panel of the right column to the front."""
        self._sides[self.tabs].setChecked(True)
        self.tabs.show()
        self.tabs.setCurrentWidget(panel)

    def show_task(self, panel: QWidget, title: str) -> None:
        """Show the one thing that is being done, in a tab that the next takes the place of; both live on."""
        if self._task is not panel:
            if self._task is not None:
                self.tabs.removeTab(self.tabs.indexOf(self._task))
            self._task = panel
            self.tabs.addTab(panel, title)
        self.show_tab(panel)

    def fit_panels(self) -> None:
        """Share the width as the drawing does."""
        width = self.width()
        left = min(max(round(width * 0.19), 236), 372)
        right = min(max(round(width * 0.2), 264), 344)
        self.setSizes([left, width - left - right, right])
        self.fit_timeline()

    def fit_timeline(self) -> None:
        """As high as its tracks, within what the stage can spare."""
        if self._dragged:
            return
        height = self.middle.height()
        most = round(height * (TIMELINE_SHARE if self.stage.cameras else BARE_SHARE))
        lower = min(ruler.HEIGHT + self.timeline.canvas.total_height + 8, most)
        below = self.middle.sizes()[2:]
        height -= sum(below)
        lower = min(lower, height)
        self.middle.setSizes([height - lower, lower, *below])

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit_sides()
        self.fit_timeline()

    def minimumSizeHint(self) -> QSize:
        """As wide as the stage with one column: the other is closed where there is no room for both."""
        whole, (left, right) = super().minimumSizeHint(), map(self._least, self._sides)
        if self.left.isHidden() or self.tabs.isHidden():
            return whole
        return QSize(whole.width() - min(left, right) - self.handleWidth(), whole.height())

    @staticmethod
    def _least(column: QWidget) -> int:
        return max(column.minimumSizeHint().width(), column.minimumWidth())

    def _fit_sides(self) -> None:
        """Close the column that was shown first where both have no room, and show it again where they do."""
        first, last = self._sides
        room = self.width() >= super().minimumSizeHint().width()
        if not room and not first.isHidden() and not last.isHidden():
            self._put_away = first
            self._set_shown(first, False)
        elif self._put_away is not None and self._put_away.isHidden():
            needed = super().minimumSizeHint().width() + self._least(self._put_away) + self.handleWidth()
            if self.width() >= needed:
                self._set_shown(self._put_away, True)

    def _set_shown(self, column: QWidget, on: bool) -> None:
        self._sides[column].setChecked(on)
        column.setVisible(on)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """A column that is shown may take the place of the other."""
        if event.type() == QEvent.Type.Show and watched in self._sides:
            column = watched
            self._sides[column] = self._sides.pop(column)
            if column is self._put_away:
                self._put_away = None
            QTimer.singleShot(0, self, self._fit_sides)  # once the splitter has taken it in
        return False

    def _edge_dragged(self) -> None:
        self._dragged = True
