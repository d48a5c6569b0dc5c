"""An answer's rows as a table for people, CSV, JSON or Parquet: one way out for command line and window."""

from __future__ import annotations

import json
import sys
from datetime import date, datetime, timedelta
from datetime import time as clock
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol

import pyarrow as pa

from inspector.core.files import write_atomic
from inspector.errors import InspectorError, plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path
    from typing import BinaryIO

WIDEST = 60
"""Signs of a cell in a table for people."""
SHOWN = 1000
"""Rows of a table for people; the other formats give all."""
BATCH = 10_000
"""Rows that become Python objects at once."""


class Sink(Protocol):
    """Takes the rows of one answer in their order."""

    left_out: int
    """Rows that were given and are not shown."""

    def write(self, batch: pa.RecordBatch) -> None:
        """Take rows; the schema of all batches is one."""
        ...

    def end(self, schema: pa.Schema) -> None:
        """All rows were given; write what stands behind them, or the head where there were none."""
        ...


def save(table: pa.Table, path: Path, form: str) -> None:
    """Write a table in one of `SINKS`' formats; the file is there whole or as it was.

    Raises InspectorError where the disk will not.
    """

    def rows(sink: Sink) -> pa.Schema:
        named = table.rename_columns(distinct(table.schema).names)
        for batch in named.to_batches(BATCH):
            sink.write(batch)
        return named.schema

    write_file(path, form, rows)


def write_file(path: Path, form: str, rows: Callable[[Sink], pa.Schema]) -> Sink:
    """Let `rows` give a sink all that it has (it returns the schema), and put the file there at once.

    Raises InspectorError where the disk will not, and what `rows` raises.
    """
    kept: list[Sink] = []

    def write(beside: Path) -> None:
        try:
            with beside.open("wb") as file:
                sink = SINKS[form](file)
                sink.end(rows(sink))
                kept.append(sink)
        except (OSError, pa.ArrowException) as error:
            raise InspectorError("The answer was not saved", str(error), "Choose another place") from error

    if not write_atomic(path, write):
        raise InspectorError("The answer was not saved", str(path), "Choose another place")
    return kept[0]


def distinct(schema: pa.Schema) -> pa.Schema:
    """The columns under names that differ: `SELECT a.id, b.id` gives two of one name."""
    taken = set(schema.names)
    seen: set[str] = set()
    fields = []
    for each in schema:
        name, number = each.name, 0
        while name in seen or (number and name in taken):
            number += 1
            name = f"{each.name}_{number}"
        seen.add(name)
        fields.append(each.with_name(name))
    return pa.schema(fields)


def value_of(scalar: Any) -> Any:
    """A value as Python has it, and as text where Python has none like it (nanoseconds, far years)."""
    try:
        return scalar.as_py()
    except (ValueError, OverflowError, ImportError, NotImplementedError):
        pass
    try:
        return scalar.cast(pa.string()).as_py()
    except pa.ArrowException:
        return repr(scalar)


def values_of(column: Any) -> list[Any]:
    """All values of a column (`value_of` of each, but faster where Python has them all)."""
    try:
        return list(column.to_pylist())
    except (ValueError, OverflowError, ImportError, NotImplementedError):
        return [value_of(each) for each in column]


def json_value(value: Any) -> Any:
    """A value as strict JSON has it: what is no finite number is null, times are ISO 8601."""
    if isinstance(value, float):
        return value if value - value == 0 else None
    if isinstance(value, dict):
        return {str(key): json_value(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [json_value(each) for each in value]
    if isinstance(value, datetime | date | clock):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, bytes):
        return value.hex()
    return value if isinstance(value, str | int | None) else str(value)


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
        columns = [[_shown(each) for each in values_of(column)] for column in table.columns]
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

    left_out = 0

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._head = True

    def write(self, batch: pa.RecordBatch) -> None:
        from pyarrow import csv

        flat = pa.RecordBatch.from_arrays(list(map(_flat, batch.columns)), names=batch.schema.names)
        csv.write_csv(flat, self._file, csv.WriteOptions(include_header=self._head))
        self._head = False

    def end(self, schema: pa.Schema) -> None:
        if self._head:
            names = ",".join('"' + name.replace('"', '""') + '"' for name in schema.names)
            self._file.write(f"{names}\n".encode())


class _Json:
    """One array of objects, a row a line."""

    left_out = 0

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._first = True

    def write(self, batch: pa.RecordBatch) -> None:
        columns = [values_of(column) for column in batch.columns]
        for row in zip(*columns, strict=True):
            values = dict(zip(batch.schema.names, map(json_value, row), strict=True))
            text = json.dumps(values, ensure_ascii=False, allow_nan=False)
            self._file.write(
                ("[" if self._first else ",\n").encode() + text.encode("utf-8", "backslashreplace")
            )
            self._first = False

    def end(self, schema: pa.Schema) -> None:
        self._file.write(b"[]\n" if self._first else b"]\n")


class _Parquet:
    """With DuckDB's types as Arrow has them."""

    left_out = 0

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


SINKS: dict[str, Callable[[BinaryIO], Sink]] = {
    "table": _Table,
    "csv": _Csv,
    "json": _Json,
    "parquet": _Parquet,
}
"""Each format by its name on the command line."""


def _flat(column: Any) -> Any:
    """A column as CSV can have it: lists and structures as JSON, what Arrow writes no text of as text."""
    kind = column.type
    if pa.types.is_primitive(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return column
    values = values_of(column)
    if pa.types.is_nested(kind):
        texts = [None if v is None else json.dumps(json_value(v), ensure_ascii=False) for v in values]
    else:
        texts = [None if v is None else str(json_value(v)) for v in values]
    return pa.array(texts, pa.string())


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.6g}"
    value = json_value(value)
    text = plain(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
    return text if len(text) <= WIDEST else f"{text[: WIDEST - 1]}…"
