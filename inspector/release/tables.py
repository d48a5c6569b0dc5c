"""The manifest's tables while they grow, and the rows of the mask."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from inspector.core.manifest import MASK
from inspector.core.model import Coverage
from inspector.core.times import NS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from inspector.core.model import Record, Span

ROWS = 2000
"""Rows of a table that are kept before they are written."""
LOOSE = 200
"""Rows that are kept as Python's objects, which take ten times the room that they take in Arrow."""


class Rows:
    """Rows of one schema, in little memory."""

    def __init__(self, schema: pa.Schema) -> None:
        self._schema = schema
        self._loose: list[dict[str, Any]] = []
        self._packed: list[pa.RecordBatch] = []
        self.count = 0

    def add(self, row: dict[str, Any]) -> None:
        """One more row."""
        self.count += 1
        self._loose.append(row)
        if len(self._loose) >= LOOSE:
            self._pack()

    def _pack(self) -> None:
        self._packed.append(pa.RecordBatch.from_pylist(self._loose, self._schema))
        self._loose.clear()

    def take(self) -> pa.Table:
        """All rows so far; there are none afterwards."""
        if self._loose:
            self._pack()
        table = pa.Table.from_batches(self._packed, self._schema).combine_chunks()
        self._packed, self.count = [], 0
        return table


class Table:
    """A Parquet file that grows by rows, with a few of them in memory."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._writer = pq.ParquetWriter(path, schema, compression="zstd")
        self._rows = Rows(schema)

    def add(self, row: dict[str, Any]) -> None:
        """One more row."""
        self._rows.add(row)
        if self._rows.count >= ROWS:
            self._writer.write_table(self._rows.take())

    def close(self) -> None:
        """Write what is left; a second time does nothing."""
        if self._rows.count:
            self._writer.write_table(self._rows.take())
        self._writer.close()


def is_licence(name: str, column: str = "") -> bool:
    """Whether a column of this name holds licences; `column` names the one that does, where one was named."""
    return name.lower() in ("licence", "license") if not column else column in (name, name.lower())


def licence_of(columns: Mapping[str, Any], column: str = "") -> str | None:
    """The licence that a record's columns name; of several the first that is not empty."""
    return next(
        (
            str(value)
            for name, value in columns.items()
            if is_licence(name, column) and value not in (None, "")
        ),
        None,
    )


def absent_row(record_id: str, modality: str, span: Span) -> dict[str, Any]:
    """The row of a mask for a modality of which a record has nothing."""
    cells = (record_id, modality, span[0] / NS, span[1] / NS, Coverage.ABSENT.value)
    return dict(zip(MASK.names, cells, strict=True))


def mask_rows(record: Record, coverage: dict[Any, Coverage]) -> Iterator[dict[str, Any]]:
    """The mask of a record: for each modality when it is there, and when it is not.

    A modality that is there whole as far as was told gets its state where its streams lie; the rest of the
    record is absent.
    """
    start, end = record.span
    for modality, state in coverage.items():
        spans = sorted(span for stream in record.of(modality) if (span := stream.reference_span) is not None)
        here: list[tuple[int, int, Coverage]] = []
        at = start
        for low, high in spans:
            low, high = max(low, at), min(high, end)
            if high <= low:
                continue
            if low > at:
                here.append((at, low, Coverage.ABSENT))
            here.append((low, high, state))
            at = high
        if not spans:
            here.append((start, end, state))
        elif at < end:
            here.append((at, end, Coverage.ABSENT))
        for low, high, what in here:
            yield {
                "record_id": record.id,
                "modality": modality.value,
                "start_s": low / NS,
                "end_s": high / NS,
                "state": what.value,
            }
