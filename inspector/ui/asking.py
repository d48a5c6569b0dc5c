"""The pane for questions in SQL: made when it is first opened, under the timeline."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer

from inspector.query.names import quoted
from inspector.ui.rooms import Room, rows_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inspector.core.jobs import Job
    from inspector.core.model import Record
    from inspector.session import Session
    from inspector.ui.actions import Handler
    from inspector.ui.main_window import MainWindow
    from inspector.ui.panels.sql import SqlPanel

SHARE = 0.55
"""How much of the height the pane takes when it is opened."""
MOST_READ = 2000
"""Records of a dataset at most that are read to propose values of what is in them."""
SOME = 200
"""Values of a column that are proposed, the commonest."""


class Asking(Room):
    """Owns the pane and carries what it says to the window: moments to go to, records to show."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._parts = window.parts
        self._opened = window.actions_["sql"]
        self.panel: SqlPanel | None = None
        self._record_id: str | None = None

    def handlers(self) -> Mapping[str, Handler]:
        """What the actions of this room do."""
        return {
            "sql": self.toggle,
            "find_all": self.find,
            "moment_on": self.next_moment,
            "moment_back": self.previous_moment,
        }

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
        super().set_session(session)
        if self.panel is not None:
            self.panel.set_session(session)

    def set_record(self, record: Record | None) -> None:
        """Draw the answer's moments of the record on show on the timeline."""
        self._record_id = None if record is None else record.id
        if self.panel is not None:  # it may be the same one after an edit: columns may hold something else
            self.panel.editor.highlighter.words.values.clear()
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

    def open_with(self, sql: str) -> None:
        """Open the pane where it is not, with this question, and ask it."""
        if not self._opened.isChecked():
            self._opened.trigger()
        if self.panel is not None:
            self.panel.bar.judge.emit(sql)

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
        panel.moment.connect(self.window.show_moment)
        panel.ranges_changed.connect(self._draw)
        panel.chosen.connect(self._parts.records.show_only)
        panel.editor.values_wanted.connect(self._ask_values)
        panel.set_session(self.session)
        return panel

    def _ask_values(self, table: str, column: str) -> None:
        """Ask behind what a column of text holds, so that its values are proposed while one is typed."""
        session, panel = self.session, self.panel
        if session is None or panel is None:
            return
        if column == "record_id":
            table_asked = "records"
        elif table == "samples" or (table != "records" and len(session.index) > MOST_READ):
            return  # every record, or every sample, would be read for it
        else:
            table_asked = table
        panel.editor.highlighter.words.values[table, column] = ()  # asked once
        name = quoted(column)
        sql = f"SELECT {name} FROM {table_asked} WHERE {name} IS NOT NULL"
        sql += f" GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT {SOME}"

        def work(job: Job[list[str]]) -> list[str]:
            return [row[column] for row in rows_of(session, sql, job)]

        def got(found: list[str]) -> None:
            panel.editor.set_values(table, column, found)

        def failed(_: BaseException) -> None:
            panel.editor.highlighter.words.values.pop((table, column), None)

        self.slowly("what a column holds", work, got, failed)
