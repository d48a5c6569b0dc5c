"""A question of the command line: asked, and its answer written while it comes in."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING, Any

from inspector.errors import Cancelled
from inspector.query.formats import SINKS, write_file

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

    from inspector.query.engine import Engine
    from inspector.query.formats import Sink
    from inspector.query.question import Question


def write(engine: Engine, sql: str, form: str, target: Path | None, timeout_s: float) -> tuple[str, ...]:
    """Ask, and write the answer to a file or to standard output; what is to be said besides is given back.

    A file is there whole or not at all. Raises InspectorError for what is refused or wrong.
    """
    asked: list[Question] = []

    def rows(sink: Sink) -> pa.Schema:
        asked.append(_ask(engine, sql, sink, timeout_s))
        assert asked[0].answer is not None
        return asked[0].answer.table.schema

    if target is None:
        buffer: Any = getattr(sys.stdout, "buffer", None) or io.BytesIO()
        sink = SINKS[form](buffer)
        sink.end(rows(sink))
        buffer.flush()
    else:
        sink = write_file(target, form, rows)
    answer = asked[0].answer
    assert answer is not None
    more = sink.left_out
    said = (f"{more} more rows; --format csv, json or parquet gives all",) if more else ()
    return (*answer.notes, *said)


def _ask(engine: Engine, sql: str, sink: Sink, timeout_s: float) -> Question:
    """Give all rows to a sink; the question that was answered."""
    broken: list[BaseException] = []

    def take(batch: pa.RecordBatch) -> None:
        try:
            sink.write(batch)
        except BaseException as error:
            broken.append(error)
            raise

    question = engine.ask(sql, None, None, timeout_s, take)
    while not question.wait(0.2):  # in steps, so that Ctrl+C is heard
        if sys.stderr.isatty() and question.total and question.doing != "asking":
            sys.stderr.write(f"\r\x1b[K{question.doing}: {question.done} of {question.total}")
            sys.stderr.flush()
    if sys.stderr.isatty():
        sys.stderr.write("\r\x1b[K")
    if broken:
        raise broken[0]
    if question.answer is None:
        raise question.error or Cancelled(sql)
    for batch in question.answer.table.to_batches():  # a plan does not come in batches
        sink.write(batch)
    return question
