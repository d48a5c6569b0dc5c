"""A dataset that answers SQL with what the test gave it, in a thread, as the engine does."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from gui.panel_fakes import shown
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from inspector.errors import Cancelled, InspectorError
from inspector.query.gate import Refused
from inspector.query.rules import Rule
from inspector.ui.panels.sql import SqlPanel

if TYPE_CHECKING:
    from collections.abc import Callable

    from PySide6.QtWidgets import QWidget
    from pytestqt.qtbot import QtBot

    from inspector.ui.panels.sql_asking import Asked

_TABLES = {
    "records": "record_id duration_s axis flag session",
    "streams": "record_id stream_id modality person device clock origin codec rate start_s end_s offset_ms "
    "drift_ppm residual_ms status",
    "pairs": "record_id stream_a stream_b method offset_ms drift_ppm residual_ms confidence status",
    "coverage": "record_id modality state",
    "annotations": "annotation_id record_id tier label start_s end_s author anchors grounding lacks recheck",
    "words": "record_id stream_id start_s end_s text speaker confidence",
    "findings": "check record_id streams start_s end_s value unit tolerance status confidence severity "
    "message fix",
    "flags": "record_id flag author note at",
    "edits": "edit_id at author title note record_id path before after undoes",
    "samples": "record_id stream_id t_s native_t_s channel_1",
}
_NUMBERS = re.compile(r"\w+_(s|ms|ppm)|rate|confidence|value|tolerance|channel_1")
SCHEMA = {
    table: tuple((name, "DOUBLE" if _NUMBERS.fullmatch(name) else "VARCHAR") for name in re.split(" ", names))
    for table, names in _TABLES.items()
}
FUNCTIONS = ("abs", "avg", "count", "floor", "lag", "lead", "max", "median", "min", "string_agg", "sum")


@dataclass(frozen=True)
class FakeAnswer:
    """Rows as the engine gives them."""

    table: pa.Table
    truncated: bool = False
    seconds: float = 0.03
    notes: tuple[str, ...] = ()


@dataclass
class FakeQuestion:
    """Runs until it is ended or cancelled."""

    sql: str
    then: Callable[[Any], None]
    limit: int
    answer: FakeAnswer | None = None
    error: Exception | None = None
    done: int = 0
    total: int = 0
    doing: str = ""
    cancelled: bool = False

    def cancel(self) -> None:
        self.cancelled = True
        if self.answer is None and self.error is None:
            self.end(Cancelled())

    def end(self, what: FakeAnswer | Exception) -> None:
        """End in another thread."""
        if isinstance(what, Exception):
            self.error = what
        else:
            self.answer = what
        thread = threading.Thread(target=self.then, args=(self,))
        thread.start()
        thread.join()


@dataclass
class FakeAsked:
    """Answers every question with `reply`; with None it leaves them running."""

    root: Path = Path("/data/clock-corpus")
    reply: FakeAnswer | Exception | None = None
    questions: list[FakeQuestion] = field(default_factory=list)
    kept: dict[str, Rule] = field(default_factory=dict)

    def ask(self, sql: str, then: Callable[[Any], None], limit: int = 100_000) -> FakeQuestion:
        question = FakeQuestion(sql, then, limit)
        self.questions.append(question)
        if self.reply is not None:
            question.end(self.reply)
        return question

    def sql_schema(self) -> dict[str, tuple[tuple[str, str], ...]]:
        return SCHEMA

    def sql_functions(self) -> tuple[str, ...]:
        return FUNCTIONS

    def rules(self) -> tuple[Rule, ...]:
        return tuple(self.kept.values())

    def make_rule(self, name: str, sql: str) -> Rule:
        if "DROP" in sql:
            raise Refused("DROP is not asked here")
        self.kept[name] = Rule(name, sql, False)
        return self.kept[name]


def wrong(position: int | None, title: str = "The query is not understood") -> InspectorError:
    """An error as the engine makes it."""
    return Refused(title, 'There is no column "durations"', 'Did you mean "duration_s"?', position)


def moments() -> pa.Table:
    """Five rows in three records; one without a time, one without a record, values of every kind."""
    return pa.table(
        {
            "record_id": ["rec_003", "rec_001", "rec_001", None, "rec_007"],
            "start_s": [7.4, 0.2, 12.5, 3.0, None],
            "end_s": [8.1, 0.9, None, 4.0, None],
            "label": ["half past", "ten\tto", None, "stray", "quarter"],
            "offset_ms": pa.array([-320, 12, None, 40, 5], pa.int64()),
        }
    )


# --- a panel and hands ------------------------------------------------------------------------------

CONTROL = Qt.KeyboardModifier.ControlModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier
ALT = Qt.KeyboardModifier.AltModifier


def a_panel(qtbot: QtBot, asked: Asked) -> SqlPanel:
    """A panel on the screen, the focus in its editor."""
    made = SqlPanel()
    made.set_session(asked)
    shown(qtbot, made, 640, 600)
    made.activateWindow()
    made.editor.setFocus()
    qtbot.waitUntil(made.editor.hasFocus)
    return made


def write(panel: SqlPanel, sql: str) -> None:
    """Type a query, without taking any completion."""
    QTest.keyClicks(panel.editor, sql)
    panel.editor.proposals.hide()


def run(panel: SqlPanel, qtbot: QtBot, sql: str = "SELECT 1") -> None:
    """Type a query, press Ctrl+Enter, and wait for the end."""
    panel.editor.put("")
    write(panel, sql)
    QTest.keyClick(panel.editor, Qt.Key.Key_Return, CONTROL)
    qtbot.waitUntil(lambda: panel._question is None)


def click(widget: QWidget) -> None:
    """Press a button."""
    QTest.mouseClick(widget, Qt.MouseButton.LeftButton)


def cells(panel: SqlPanel, column: int) -> list[str]:
    """What a column shows."""
    rows = panel.table.rows
    return [str(rows.index(row, column).data()) for row in range(rows.rowCount())]
