"""Rows as moments: which columns of an answer say where in which record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from inspector.core.times import NS

if TYPE_CHECKING:
    from numpy.typing import NDArray

FARTHEST_S = 9e9
"""Nanoseconds are 64 bits; what lies further off is no time of a record."""


class Moments:
    """Record, start and end of each row. A time that is missing is NaN, a record that is missing is -1."""

    def __init__(self, table: pa.Table) -> None:
        rows = table.num_rows
        names = [name.lower() for name in table.column_names]
        self.ids: list[str] = []
        self.codes: NDArray[np.int64] = np.full(rows, -1, np.int64)
        if "record_id" in names:
            self.codes, self.ids = _encoded(table.column(names.index("record_id")))
        start = next((name for name in ("start_s", "t_s") if name in names), None)
        self.start = _seconds(table.column(names.index(start))) if start else np.full(rows, np.nan)
        if start == "start_s" and "t_s" in names:
            # A record's own start_s beside a moment's t_s: where both are there, a range needs its end.
            if "end_s" not in names:
                self.start = _seconds(table.column(names.index("t_s")))
            else:
                t_s = _seconds(table.column(names.index("t_s")))
                self.start = np.where(np.isnan(self.start), t_s, self.start)
        ends = start == "start_s" and "end_s" in names
        self.end = _seconds(table.column(names.index("end_s"))) if ends else np.full(rows, np.nan)

    @property
    def any_record(self) -> bool:
        """Whether rows lead to records at all."""
        return bool(self.ids)

    @property
    def any_time(self) -> bool:
        """Whether some row has a moment in a record."""
        return bool(np.any((self.codes >= 0) & ~np.isnan(self.start)))

    def of(self, row: int) -> tuple[str, int | None, int | None] | None:
        """Record, start and end in ns of a row; None where it leads nowhere."""
        code = int(self.codes[row])
        if code < 0:
            return None
        start, end = _ns(self.start[row]), _ns(self.end[row])
        return self.ids[code], start, end if start is not None else None

    def count(self, rows: NDArray[np.int64]) -> tuple[int, int]:
        """How many of the rows lead somewhere, and to how many records."""
        codes = self.codes[rows]
        good = codes >= 0
        if self.any_time:
            good &= ~np.isnan(self.start[rows])
        return int(good.sum()), len(np.unique(codes[good]))

    def of_record(self, record_id: str, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Start and end in ns of those of the rows that are moments of a record, by start; shape (n, 2).

        A point ends where it starts.
        """
        if record_id not in self.ids:
            return np.zeros((0, 2), np.int64)
        rows = rows[(self.codes[rows] == self.ids.index(record_id)) & ~np.isnan(self.start[rows])]
        start, end = self.start[rows], self.end[rows]
        end = np.where(np.isnan(end), start, np.maximum(start, end))
        spans: NDArray[np.int64] = np.rint(np.stack([start, end], axis=1) * NS).astype(np.int64)
        order = np.argsort(spans[:, 0], kind="stable")
        return np.ascontiguousarray(spans[order])

    def records(self, rows: NDArray[np.int64]) -> list[str]:
        """The records of the rows, each once, in the order of their first row."""
        codes = self.codes[rows]
        codes, first = np.unique(codes[codes >= 0], return_index=True)
        return [self.ids[code] for code in codes[np.argsort(first)].tolist()]


def _ns(seconds: float) -> int | None:
    """In 32 bits a frame's time may fall just before the frame: half of the last bit later it does not.

    What is a whole number of microseconds did not lose anything.
    """
    if np.isnan(seconds):
        return None
    exact = float(seconds)
    if float(np.float32(exact)) == exact and round(exact, 6) != exact:
        exact *= 1 + 2**-24
    return round(exact * NS)


def _encoded(column: Any) -> tuple[NDArray[np.int64], list[str]]:
    """A number for each value of a column (-1 for null), and the values."""
    try:
        strings = column.cast(pa.string())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return np.full(len(column), -1, np.int64), []
    coded = pc.dictionary_encode(strings).combine_chunks()
    if isinstance(coded, pa.ChunkedArray):
        if not coded.num_chunks:
            return np.zeros(0, np.int64), []
        coded = coded.chunk(0)
    codes = pc.fill_null(coded.indices.cast(pa.int64()), -1).to_numpy(zero_copy_only=False)
    return codes, coded.dictionary.to_pylist()


def _seconds(column: Any) -> NDArray[np.float64]:
    """A column of seconds as numbers; NaN for null, for what is no number, and for what is far off."""
    nothing: NDArray[np.float64] = np.full(len(column), np.nan)
    kind = column.type
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        return nothing
    values = pc.cast(column, pa.float64(), safe=False).to_numpy()
    return np.where(np.abs(values) < FARTHEST_S, values, np.nan)
