"""An answer as a table for people, CSV, JSON or Parquet, written while it comes in."""

from __future__ import annotations

import io
import json
import os
import sys
from contextlib import suppress
from datetime import date, datetime, timedelta
from datetime import time as clock
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol

import pyarrow as pa

from inspector.errors import Cancelled, plain

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from typing import BinaryIO

    from inspector.query.engine import Engine


FORMATS = ("table", "csv", "json", "parquet")
WIDEST = 60
"""Signs of a cell in a table for people."""
SHOWN = 1000
"""Rows of a table for people; the other formats give all."""


class _Sink(Protocol):
    def write(self, batch: pa.RecordBatch) -> None:
        """Take rows."""
        ...

    def end(self, schema: pa.Schema) -> None:
        """All rows were given."""
        ...


def write(engine: Engine, sql: str, form: str, target: Path | None, timeout_s: float) -> tuple[str, ...]:
    """Ask, and write the answer to a file or to standard output; what is to be said besides is given back.

    A file is there whole or not at all. Raises InspectorError for what is refused or wrong.
    """
    if target is None:
        buffer: Any = getattr(sys.stdout, "buffer", None) or io.BytesIO()
        notes = _ask(engine, sql, form, buffer, timeout_s)
        buffer.flush()
        return notes
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            notes = _ask(engine, sql, form, file, timeout_s)
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
    finally:
        with suppress(OSError):
            part.unlink()
    return notes


def _ask(engine: Engine, sql: str, form: str, file: BinaryIO, timeout_s: float) -> tuple[str, ...]:
    sinks: dict[str, Any] = {"table": _Table, "csv": _Csv, "json": _Json, "parquet": _Parquet}
    sink: _Sink = sinks[form](file)
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
    if question.answer.table.num_rows:  # a plan does not come in batches
        for batch in question.answer.table.to_batches():
            sink.write(batch)
    sink.end(question.answer.table.schema)
    more = getattr(sink, "left_out", 0)
    said = (f"{more} more rows; --format csv, json or parquet gives all",) if more else ()
    return (*question.answer.notes, *said)


class _Table:
    """Aligned columns, numbers to the right."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._batches: list[pa.RecordBatch] = []
        self._rows = 0
        self.left_out = 0

    def write(self, batch: pa.RecordBatch) -> None:
        room = max(SHOWN - self._rows, 0)
        if room:
            self._batches.append(batch.slice(0, room))
        self._rows += batch.num_rows
        self.left_out = max(self._rows - SHOWN, 0)

    def end(self, schema: pa.Schema) -> None:
        table = pa.Table.from_batches(self._batches, schema)
        columns = [[_shown(each) for each in column.to_pylist()] for column in table.columns]
        names = [plain(name)[:WIDEST] for name in schema.names]
        widths = [max(map(len, [name, *cells])) for name, cells in zip(names, columns, strict=True)]
        right = [pa.types.is_integer(f.type) or pa.types.is_floating(f.type) for f in schema]

        def line(cells: Iterable[str]) -> str:
            parts = zip(cells, widths, right, strict=True)
            return "  ".join(c.rjust(w) if r else c.ljust(w) for c, w, r in parts).rstrip()

        lines = [line(names), "  ".join("-" * width for width in widths)]
        lines += [line(row) for row in zip(*columns, strict=True)] if columns else []
        encoding = sys.stdout.encoding or "utf-8"
        self._file.write(("\n".join(lines) + "\n").encode(encoding, "backslashreplace"))


class _Csv:
    """Comma-separated, with a header; lists and structures as JSON."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._head = True

    def write(self, batch: pa.RecordBatch) -> None:
        from pyarrow import csv

        columns = [
            pa.array(
                [None if v is None else json.dumps(_plain(v), ensure_ascii=False) for v in each.to_pylist()],
                pa.string(),
            )
            if pa.types.is_nested(each.type)
            else each
            for each in batch.columns
        ]
        flat = pa.RecordBatch.from_arrays(columns, names=batch.schema.names)
        csv.write_csv(flat, self._file, csv.WriteOptions(include_header=self._head))
        self._head = False

    def end(self, schema: pa.Schema) -> None:
        if self._head:
            names = ",".join('"' + name.replace('"', '""') + '"' for name in schema.names)
            self._file.write(f"{names}\n".encode())


class _Json:
    """One array of objects."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._first = True

    def write(self, batch: pa.RecordBatch) -> None:
        for row in batch.to_pylist():
            text = json.dumps({name: _plain(value) for name, value in row.items()}, ensure_ascii=False)
            self._file.write(
                ("[" if self._first else ",\n").encode() + text.encode("utf-8", "backslashreplace")
            )
            self._first = False

    def end(self, schema: pa.Schema) -> None:
        self._file.write(b"[]\n" if self._first else b"]\n")


class _Parquet:
    """With DuckDB's types as Arrow has them."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._writer: Any = None

    def write(self, batch: pa.RecordBatch) -> None:
        self._open(batch.schema).write_batch(batch)

    def end(self, schema: pa.Schema) -> None:
        self._open(schema).close()

    def _open(self, schema: pa.Schema) -> Any:
        import pyarrow.parquet as pq

        if self._writer is None:
            self._writer = pq.ParquetWriter(self._file, schema, compression="zstd")
        return self._writer


def _plain(value: Any) -> Any:
    """A value as JSON has it: what is no finite number is null, times are ISO 8601."""
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else None
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, datetime | date | clock):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, bytes):
        return value.hex()
    return value


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.6g}"
    value = _plain(value)
    text = plain(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
    return text if len(text) <= WIDEST else f"{text[: WIDEST - 1]}…"
