"""A dataset that answers SQL with what the test gave it, in a thread, as the engine does."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from inspector.errors import Cancelled, InspectorError

if TYPE_CHECKING:
    from collections.abc import Callable

_TABLES = {
    "records": "record_id duration_s axis flag session",
    "streams": "record_id stream_id modality person device clock origin codec rate start_s end_s offset_ms "
    "drift_ppm residual_ms status",
    "pairs": "record_id stream_a stream_b method offset_ms drift_ppm residual_ms confidence status",
    "coverage": "record_id modality state",
    "annotations": "annotation_id record_id tier label start_s end_s author anchors grounding",
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


def wrong(position: int | None, title: str = "The query is not understood") -> InspectorError:
    """An error as the engine makes it."""
    error = InspectorError(title, 'There is no column "durations"', 'Did you mean "duration_s"?')
    error.position = position  # type: ignore[attr-defined]
    return error


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
