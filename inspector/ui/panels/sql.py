"""Questions in SQL: write one, see its rows, and step through the moments that it found."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from PySide6.QtCore import QSize, Qt, QTimer, Signal
from PySide6.QtGui import QFontMetrics, QHideEvent, QKeyEvent, QResizeEvent, QTextCursor
from PySide6.QtWidgets import (
    QSplitter,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from inspector.errors import Cancelled, InspectorError, plain
from inspector.query.formats import value_of
from inspector.query.names import quoted
from inspector.ui import theme
from inspector.ui.panels.common import ElidedLabel, Panel, SectionHeader, count_text, number_text
from inspector.ui.panels.sql_bar import QueryBar
from inspector.ui.panels.sql_editor import SqlEditor
from inspector.ui.panels.sql_export import save
from inspector.ui.panels.sql_head import PlanView, ResultHead, ask_where
from inspector.ui.panels.sql_model import cell_text
from inspector.ui.panels.sql_moments import Moments
from inspector.ui.panels.sql_results import ResultTable
from inspector.ui.panels.sql_store import QueryStore
from inspector.ui.panels.sql_tables import TableList
from inspector.ui.panels.sql_words import Vocabulary
from inspector.ui.relay import call_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from inspector.ui.panels.sql_asking import Answer, Asked, Question

LIMIT = 100_000
"""So many rows at most; that there are more is said."""
TICK_MS = 100
EXPLAIN = "EXPLAIN "


class SqlPanel(Panel):
    """A query above, its rows below."""

    moment = Signal(str, object)
    """A row was gone to: record and start in reference ns (None where the row has none). The lead-in is taken
    off the start already."""
    ranges_changed = Signal()
    """Other rows are shown than before; `ranges` says where those of a record lie."""
    chosen = Signal(object)
    """The records of the result, for the list of records; None where it shall show all."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session: Asked | None = None
        self._question: Question | None = None
        self._explaining = False
        self._asked = ""
        self._began = 0.0
        self._moments = Moments(pa.table({}))
        self._at: int | None = None
        self._walked = 0
        self._draft = ""
        self._dragged = False
        self._words = Vocabulary()
        self.header = SectionHeader("SQL")
        self.editor = SqlEditor()
        self.bar = QueryBar(self.editor.toPlainText)
        self.error = ElidedLabel("", "failed")
        self.hint = ElidedLabel("", "quiet")
        self.head = ResultHead()
        self.notes = ElidedLabel("", "suspect")
        self.table = ResultTable()
        self.plan = PlanView()
        self.tables = TableList()
        self._lay_out()
        self._ticking = QTimer(self)
        self._ticking.setInterval(TICK_MS)
        self._ticking.timeout.connect(self._tick)
        self.bar.run.connect(self.run_or_cancel)
        self.bar.explain.connect(self.explain)
        self.bar.put.connect(self._put)
        self.bar.told.connect(self._tell)
        self.bar.said.connect(self._say)
        self.bar.judge.connect(self._judge)
        self.editor.run.connect(self.run)
        self.editor.cancel.connect(self.cancel)
        self.editor.walk.connect(self._walk)
        self.editor.textChanged.connect(self._edited)
        self.tables.picked.connect(self._insert)
        self.table.entered_row.connect(self.go_to)
        self.table.rows.changed.connect(self._thinned)
        self.head.step.connect(self._step)
        self.head.filtered.connect(self._filter)
        self.head.save.connect(self._ask_where)
        self.set_session(None)

    def _lay_out(self) -> None:
        for line in (self.error, self.hint, self.notes):
            line.hide()
        top = QWidget()
        above = QVBoxLayout(top)
        above.setContentsMargins(0, 0, 0, 0)
        above.setSpacing(0)
        above.addWidget(self.editor, 1)
        lines = QVBoxLayout()
        lines.setContentsMargins(theme.MARGIN, theme.STEP, theme.MARGIN, theme.STEP)
        lines.setSpacing(0)
        lines.addWidget(self.error)
        lines.addWidget(self.hint)
        above.addLayout(lines)
        result = QWidget()
        below = QVBoxLayout(result)
        below.setContentsMargins(0, 0, 0, 0)
        below.setSpacing(0)
        below.addWidget(self.head)
        note = QVBoxLayout()
        note.setContentsMargins(theme.MARGIN, 0, theme.MARGIN, 0)
        note.addWidget(self.notes)
        below.addLayout(note)
        below.addWidget(self.table, 1)
        self._result = result
        self.stack = QStackedWidget()
        for page in (self.tables, result, self.plan):
            self.stack.addWidget(page)
        split = self._split = QSplitter(Qt.Orientation.Vertical)
        split.setHandleWidth(1)
        split.setChildrenCollapsible(False)
        split.addWidget(top)
        split.addWidget(self.stack)
        split.setStretchFactor(1, 1)
        split.splitterMoved.connect(self._edge_dragged)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        box.addWidget(self.header)
        box.addWidget(self.bar)
        box.addWidget(split, 1)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Seven lines for the query where that leaves three quarters for its rows, else fewer."""
        super().resizeEvent(event)
        if not self._dragged:
            line, high = QFontMetrics(self.editor.font()).height(), self._split.height()
            upper = max(min(7 * line, high // 4), 3 * line)
            self._split.setSizes([upper, high - upper])

    def _edge_dragged(self) -> None:
        self._dragged = True

    # --- what the window calls ------------------------------------------------------------------------

    def set_session(self, session: Asked | None) -> None:
        """Ask another dataset; None takes the last one away. The query that is written stays."""
        if self._question is not None:
            self._question.cancel()
        self._question = None
        self._ticking.stop()
        self._session = session
        self._walked = 0
        self._clear_lines()
        self._words = Vocabulary()
        self._learn()
        self.bar.set_store(QueryStore(None if session is None else session.root))
        self.bar.set_asked(session)
        self.bar.set_running(False)
        self._show_table(pa.table({}))
        self.stack.setCurrentWidget(self.tables)
        self.header.set_count("")
        self.head.filter.setChecked(False)
        self.ranges_changed.emit()

    def focus_editor(self) -> None:
        """Go to the query."""
        self.editor.setFocus(Qt.FocusReason.ShortcutFocusReason)

    @property
    def asking(self) -> bool:
        """Whether a question is on its way."""
        return self._question is not None

    def next_moment(self) -> bool:
        """Go to the next row that leads somewhere; False where there is none."""
        return self._step(1)

    def previous_moment(self) -> bool:
        """Go to the row before that leads somewhere; False where there is none."""
        return self._step(-1)

    def ranges(self, record_id: str) -> NDArray[np.int64]:
        """The moments of a record among the rows that are shown, ns, shape (n, 2)."""
        return self._moments.of_record(record_id, self.table.rows.rows)

    # --- asking ---------------------------------------------------------------------------------------

    def run_or_cancel(self) -> None:
        """What the button does."""
        if self._question is None:
            self.run()
        else:
            self.cancel()

    def run(self) -> None:
        """Ask what is written. What still runs is given up for it."""
        self._ask("")

    def explain(self) -> None:
        """Ask how the query would be run."""
        self._ask(EXPLAIN)

    def _ask(self, before: str) -> None:
        sql = self.editor.toPlainText()
        if self._session is None or not sql.strip():
            return
        if self._question is not None:
            self._question.cancel()
        self._clear_lines()
        self._explaining = bool(before)
        self._asked = sql
        self._began = time.monotonic()
        self._walked = 0
        self.bar.store.remember(sql)
        try:
            self._question = self._session.ask(before + sql, call_of(self._ended), LIMIT)
        except InspectorError as error:
            self._question = None
            self._tell(error)
        self._show_running()

    def cancel(self) -> None:
        """Ask what runs to stop."""
        if self._question is not None:
            self._question.cancel()

    def _learn(self) -> None:
        """Take up the tables and functions; channels are known only once samples have been read."""
        session = self._session
        if session is None:
            self.tables.set_schema(None)
            self.editor.set_words(self._words)
            return
        words = Vocabulary(session.sql_schema(), session.sql_functions())
        if (words.schema, words.functions) != (self._words.schema, self._words.functions):
            self._words = words
            self.editor.set_words(words)
            self.tables.set_schema(words.schema)

    def _show_running(self) -> None:
        running = self._question is not None
        self.bar.set_running(running)
        self.table.setEnabled(not running)
        if running:
            self._ticking.start()
            self._tick()
        else:
            self._ticking.stop()

    def _tick(self) -> None:
        """Say how far it is. For the first moment nothing, so that nothing flickers."""
        question, passed = self._question, time.monotonic() - self._began
        if question is None or passed < TICK_MS / 1000:
            return
        words = plain(question.doing) or "asking"
        if question.total > 0:
            words += f" {number_text(question.done)} of {number_text(question.total)}"
        self._say(f"{words} · {passed:.0f} s · Esc cancels")

    def _ended(self, question: Question) -> None:
        if question is not self._question:
            return
        self._question = None
        self._show_running()
        self._clear_lines()
        self._learn()
        if isinstance(question.error, Cancelled):
            self._say(f"Cancelled after {time.monotonic() - self._began:.1f} s")
        elif question.error is not None:
            self._tell(question.error)
        elif question.answer is not None:
            self._show(question.answer)

    # --- what came back -------------------------------------------------------------------------------

    def _clear_lines(self) -> None:
        self.editor.set_error(None)
        self.error.hide()
        self.hint.hide()

    def _say(self, text: str) -> None:
        self.hint.setText(text)
        self.hint.show()

    def _tell(self, error: Exception) -> None:
        """An error in one line, what to do in another, and a line under the word that it is about."""
        title, detail, hint = str(error), "", ""
        if isinstance(error, InspectorError):
            title, detail, hint = error.title, error.detail, error.hint
        self.error.setText(plain(": ".join(part for part in (title, " ".join(detail.split())) if part)))
        self.error.show()
        self.hint.setText(plain(hint))
        self.hint.setVisible(bool(hint))
        position = getattr(error, "position", None)
        if position is not None and self._explaining:
            position -= len(EXPLAIN)
        if position is not None and position >= 0 and self._asked == self.editor.toPlainText():
            self.editor.set_error(position)

    def _edited(self) -> None:
        if self._question is None and self.editor.toPlainText() != self._asked:
            self.error.hide()
            self.hint.hide()

    def _show(self, answer: Answer) -> None:
        names = answer.table.column_names
        if self._explaining or self._asked.lstrip()[: len(EXPLAIN)].upper().strip() == EXPLAIN.strip():
            column = answer.table.column(names[-1]) if names else ()
            self.plan.setPlainText("\n".join(cell_text(value_of(cell)) for cell in column))
            self.stack.setCurrentWidget(self.plan)
            return
        self._show_table(answer.table)
        first = f"Only the first {count_text(answer.table.num_rows, 'row')} are here, there are more"
        notes = (first, *answer.notes) if answer.truncated else answer.notes
        self.notes.setText(plain(" · ".join(notes)))
        self.notes.setVisible(bool(notes))
        self.header.set_count(f"{answer.seconds:.2f} s")
        self.stack.setCurrentWidget(self._result)
        self._tell_others()
        # Not from under the hands of someone who types on.
        same = self.editor.toPlainText() == self._asked
        if self.editor.hasFocus() and same and answer.table.num_rows and self._moments.any_record:
            self.table.setFocus()

    def _show_table(self, table: pa.Table) -> None:
        self._at = None
        self._moments = Moments(table)
        self.table.rows.set_table(table)
        self.table.show_rows()
        self._count()

    def _count(self) -> None:
        rows, found = self.table.rows, self._moments
        shown = rows.rowCount()
        count, records = found.count(rows.rows)
        parts = []
        if found.any_time:
            parts.append(f"{count_text(count, 'moment')} in {count_text(records, 'record')}")
        elif found.any_record:
            parts.append(f"{count_text(shown, 'row')} in {count_text(records, 'record')}")
        else:
            parts.append(count_text(shown, "row"))
        if found.any_time and count != shown:
            parts.append(f"{number_text(shown)} rows")
        if rows.excluded:
            parts.append(f"{number_text(rows.excluded)} excluded")
        self.head.show_count(", ".join(parts), found.any_record, found.any_time, shown > 0)

    def _thinned(self) -> None:
        self._count()
        self._tell_others()

    def _tell_others(self) -> None:
        self.ranges_changed.emit()
        if self.head.filter.isChecked():
            self._filter(True)

    def _filter(self, on: bool) -> None:
        self.chosen.emit(self._moments.records(self.table.rows.rows) if on else None)

    # --- moments --------------------------------------------------------------------------------------

    def go_to(self, row: int) -> bool:
        """Go to the moment of a row, its lead-in before it; False where the row leads nowhere."""
        found = self._moments.of(int(self.table.rows.rows[row]))
        if found is None:
            return False
        record, start, _ = found
        self._at = int(self.table.rows.rows[row])
        if start is not None:
            # What begins before the record's start stays there.
            start = min(start, max(0, start - self.head.lead_in_ns))
        self.moment.emit(record, start)
        return True

    def _step(self, step: int) -> bool:
        """From the row that was gone to, to the next; a row that was only marked is gone to itself."""
        rows = self.table.rows
        row = self.table.currentIndex().row()
        if self._question is not None or not 0 <= row < rows.rowCount():
            return False
        if int(rows.rows[row]) == self._at:
            row += step
        ahead = rows.rows[row:] if step > 0 else rows.rows[: row + 1][::-1] if row >= 0 else rows.rows[:0]
        good = self._moments.codes[ahead] >= 0
        if self._moments.any_time:
            good &= ~np.isnan(self._moments.start[ahead])
        if not good.any():
            return False
        row += step * int(np.argmax(good))
        self.table.go_to(row)
        return self.go_to(row)

    # --- history, templates, names --------------------------------------------------------------------

    def _walk(self, step: int) -> None:
        """Show the query before or after in the history; below the newest is what was being written."""
        history = self.bar.store.history
        if self._walked == 0:
            self._draft = self.editor.toPlainText()
            if history and history[-1] == self._draft.strip() and step < 0:
                self._walked = 1  # the one before this, not this one again
        to = min(max(self._walked - step, 0), len(history))
        if to != self._walked:
            self._walked = to
            self.editor.put(history[-to] if to else self._draft)

    def _put(self, sql: str) -> None:
        self._walked = 0
        self.editor.put(sql)
        self.editor.moveCursor(QTextCursor.MoveOperation.Start)
        self.editor.setFocus()

    def _judge(self, sql: str) -> None:
        """Run a rule or a search: what it finds are rows like any."""
        self._put(sql)
        self.run()

    def _insert(self, name: str, table: bool) -> None:
        """A name at the cursor; a table's into an empty editor as a query that is ready to run."""
        word = quoted(name)
        if table and not self.editor.toPlainText().strip():
            self.editor.put(f"SELECT * FROM {word}")
        else:
            before = self.editor.textCursor().block().text()[: self.editor.textCursor().positionInBlock()]
            space = " " if before and not before[-1].isspace() and before[-1] not in "(.," else ""
            self.editor.insertPlainText(space + word)
        self.editor.setFocus()

    # --- saving ---------------------------------------------------------------------------------------

    def _ask_where(self, ending: str) -> None:
        ask_where(self, ending, lambda name: self.save_to(Path(name)))

    def save_to(self, path: Path) -> None:
        """Write the rows that are shown, in their order, with all columns; behind, and say so when done."""
        table = self.table.rows.shown_table()
        root = None if self._session is None else self._session.root
        done = call_of(self._saved)

        def work() -> None:
            error: InspectorError | None = None
            try:
                save(table, path, root)
            except InspectorError as failed:
                error = failed
            done(path, table.num_rows, error)

        threading.Thread(target=work, name="inspector-save-result", daemon=True).start()

    def _saved(self, path: Path, rows: int, error: InspectorError | None) -> None:
        if error is not None:
            self._explaining = False
            self._tell(error)
            return
        self.error.hide()
        self._say(f"{count_text(rows, 'row')} saved to {path}")

    # --- keys and looks -------------------------------------------------------------------------------

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """F8 and Shift+F8, where the window has no action for them; Esc cancels, or goes to the query."""
        key = event.key()
        if key == Qt.Key.Key_F8:
            self._step(-1 if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else 1)
        elif key == Qt.Key.Key_Escape and not event.modifiers():
            if self._question is not None:
                self.cancel()
            else:
                self.editor.setFocus()
        else:
            super().keyPressEvent(event)

    def hideEvent(self, event: QHideEvent) -> None:
        """The list of words lies on the window, and goes with the panel."""
        with suppress(RuntimeError):  # the window may be gone before
            self.editor.proposals.hide()
        super().hideEvent(event)

    def minimumSizeHint(self) -> QSize:
        """Narrow enough for a side panel."""
        return QSize(320, 240)
