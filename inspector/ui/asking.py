"""The pane for questions in SQL: made when it is first opened, under the timeline."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer

if TYPE_CHECKING:
    from collections.abc import Callable

    from PySide6.QtGui import QAction

    from inspector.session import Session
    from inspector.ui.arrangement import Arrangement
    from inspector.ui.panels.sql import SqlPanel

SHARE = 0.55
"""How much of the height the pane takes when it is opened."""


class Asking(QObject):
    """Owns the pane and carries what it says to the window: moments to go to, records to show."""

    def __init__(
        self, parts: Arrangement, opened: QAction, show: Callable[[str, int | None], None], parent: QObject
    ) -> None:
        """`opened` is checked while the pane is open. `show` goes to a record and a time."""
        super().__init__(parent)
        self._parts, self._opened, self._show = parts, opened, show
        self._session: Session | None = None
        self.panel: SqlPanel | None = None
        self._record_id: str | None = None

    def next_moment(self) -> None:
        """Go to the next moment of the answer."""
        if self.panel is not None:
            self.panel.next_moment()

    def previous_moment(self) -> None:
        """Go to the moment before."""
        if self.panel is not None:
            self.panel.previous_moment()

    def set_session(self, session: Session | None) -> None:
        """Ask another dataset; None before one is closed, which cancels what runs."""
        self._session = session
        if self.panel is not None:
            self.panel.set_session(session)

    def set_record(self, record_id: str | None) -> None:
        """Draw the answer's moments of the record on show on the timeline."""
        self._record_id = record_id
        self._draw()

    def _draw(self) -> None:
        if self.panel is not None and self._record_id is not None:
            self._parts.timeline.canvas.set_moments(self.panel.ranges(self._record_id))

    def toggle(self) -> None:
        """Open the pane and go to the query, or close it, as the action is checked."""
        if self.panel is None:
            self.panel = self._made()
        self.panel.setVisible(self._opened.isChecked())
        if self._opened.isChecked():
            QTimer.singleShot(0, self._make_room)  # once the splitter has taken it in
            self.panel.focus_editor()

    def find(self) -> None:
        """Open the pane where it is not, and go to its search field."""
        if not self._opened.isChecked():
            self._opened.trigger()
        if self.panel is not None:
            self.panel.bar.words.setFocus()
            self.panel.bar.words.selectAll()

    def _make_room(self) -> None:
        middle = self._parts.middle
        if self.panel is None or not self.panel.isVisible():
            return
        stage, timeline, *_ = middle.sizes()
        lower = max(round(middle.height() * SHARE), self.panel.minimumSizeHint().height())
        left = max(middle.height() - lower, 2)
        middle.setSizes([*(left * each // max(stage + timeline, 1) for each in (stage, timeline)), lower])

    def _made(self) -> SqlPanel:
        from inspector.ui.panels.sql import SqlPanel

        panel = SqlPanel(self._parts.middle)
        self._parts.middle.addWidget(panel)
        panel.moment.connect(self._show)
        panel.ranges_changed.connect(self._draw)
        panel.chosen.connect(self._parts.records.show_only)
        panel.set_session(self._session)
        return panel
