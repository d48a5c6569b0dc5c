"""Tables of samples with a time map in their stamps: one column is written anew, all others stay.

A table without stamps gets a column of them. Rows that are not of the record, or not of a clip, are left out.
"""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from inspector.core.times import NS, UNIT_NS
from inspector.errors import InspectorError
from inspector.media.csvhead import read_head
from inspector.media.retime import Retimed, Times
from inspector.media.stamps import stamps_ns
from inspector.media.table import encoding_of, is_parquet, unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from inspector.core.model import Source

AT_ONCE = 1 << 16
"""Rows that are read at a time."""
NEW_COLUMN = "t_s"
_DECIMALS = {"s": 6, "ms": 3, "us": 0, "ns": 0}
_MOST_DECIMALS = {"s": 9, "ms": 6, "us": 3, "ns": 0}


def retime_table(source: Source, rate: float | None, times: Times, to: Path) -> Retimed:
    """Write a table to `to` with other stamps. `rate` (Hz) tells those of a table without any.

    InspectorError where it cannot be read, or has no place for stamps; OSError where it cannot be written.
    """
    done = Retimed(time_column=source.time_column, time_unit=source.time_unit)
    if source.time_column is None:
        done.time_column, done.time_unit = NEW_COLUMN, "s"
    if is_parquet(source.path):
        _parquet(source, rate, times, to, done)
    else:
        _text(source, rate, times, to, done)
    if not done.rows:
        raise InspectorError("nothing of it is left", str(source.path))
    return done


def _new(
    file_ns: NDArray[np.int64], usable: NDArray[np.bool_], times: Times, keep_unusable: bool
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """New times of moments of the file, and which of them are kept."""
    new = times.timemap.to_reference_array(file_ns - times.zero_ns)
    kept = np.ones(len(new), np.bool_)
    if times.zero_ns:
        kept &= file_ns >= times.zero_ns
    if times.until_ns is not None:
        kept &= file_ns < times.until_ns
    low, high = times.window
    if low is not None:
        kept &= new >= low
    if high is not None:
        kept &= new < high
    return new, np.where(usable, kept, keep_unusable)


def _counted(first: int, count: int, rate: float | None) -> NDArray[np.int64]:
    rows = np.arange(first, first + count, dtype=np.float64)
    return np.rint(rows * (NS / rate if rate else NS)).astype(np.int64)


# -- Parquet -----------------------------------------------------------------------------------------------


def _parquet(source: Source, rate: float | None, times: Times, to: Path, done: Retimed) -> None:
    import pyarrow.parquet as pq

    low = source.row_start or 0
    at = 0
    whole = times.window == (None, None)
    try:
        with pq.ParquetFile(source.path) as file:
            high = file.metadata.num_rows if source.row_end is None else source.row_end
            schema = file.schema_arrow
            name = done.time_column or NEW_COLUMN
            if source.time_column is None and name in schema.names:
                raise InspectorError(f"a column {name} is there already", str(source.path))
            kind = _kind(schema.field(name).type) if source.time_column else pa.float64()
            field = pa.field(name, kind)
            place = schema.names.index(name) if source.time_column else -1
            schema = schema.append(field) if place < 0 else schema.set(place, field)
            with pq.ParquetWriter(to, schema, compression="zstd") as writer:
                for batch in file.iter_batches(AT_ONCE):
                    start, at = at, at + batch.num_rows
                    if at <= low or start >= high:
                        continue
                    first, last = max(low - start, 0), min(high, at) - start
                    part = pa.Table.from_batches([batch.slice(first, last - first)])
                    column = part.column(name) if source.time_column else None
                    if column is None:
                        ns = _counted(start + first - low, part.num_rows, rate)
                        usable = np.ones(len(ns), np.bool_)
                    else:
                        ns, usable = stamps_ns(column, source.time_unit)
                    new, kept = _new(ns - source.epoch_ns, usable, times, whole)
                    stamps = _column(new + source.epoch_ns, usable, kind, done.time_unit)
                    part = (
                        part.append_column(field, stamps)
                        if place < 0
                        else part.set_column(place, field, stamps)
                    )
                    if not kept.all():
                        part = part.filter(pa.array(kept))
                    done.rows += part.num_rows
                    writer.write_table(part)
    except (pa.ArrowException, ValueError, KeyError, NotImplementedError) as error:
        raise unreadable(source.path, error) from error


def _kind(kind: pa.DataType) -> pa.DataType:
    """What the new stamps are kept as: whole numbers stay such, all else that counts becomes a double."""
    if pa.types.is_timestamp(kind) or pa.types.is_duration(kind) or pa.types.is_integer(kind):
        return pa.int64() if pa.types.is_integer(kind) else kind
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return kind
    return pa.float64()


def _column(ns: NDArray[np.int64], usable: NDArray[np.bool_], kind: pa.DataType, unit: str) -> pa.Array:
    if pa.types.is_timestamp(kind) or pa.types.is_duration(kind):
        scale = UNIT_NS[kind.unit]
        return pa.array(_whole(ns, scale), pa.int64(), mask=~usable).cast(kind)
    scale = UNIT_NS[unit]
    if pa.types.is_integer(kind):
        return pa.array(_whole(ns, scale), kind, mask=~usable)
    if pa.types.is_floating(kind):
        return pa.array(ns / scale, kind, mask=~usable)
    texts = [_number(each, unit, 0) if good else None for each, good in zip(ns.tolist(), usable, strict=True)]
    return pa.array(texts, kind)


def _whole(ns: NDArray[np.int64], scale: int) -> NDArray[np.int64]:
    whole: NDArray[np.int64] = (ns + scale // 2) // scale
    return whole


# -- text --------------------------------------------------------------------------------------------------


def _text(source: Source, rate: float | None, times: Times, to: Path, done: Retimed) -> None:
    head = read_head(source.path)
    name = source.time_column
    if name is None and head.header and NEW_COLUMN in head.names:
        raise InspectorError(f"a column {NEW_COLUMN} is there already", str(source.path))
    if name is not None and name not in head.names:
        raise InspectorError("A column is gone", f"{source.path.name}: {name}")
    place = len(head.names) if name is None else head.names.index(name)
    if name is None and not head.header:
        done.time_column = f"column_{place + 1}"
    encoding = encoding_of(source.path, head.encoding)
    whole = times.window == (None, None)
    low, high = source.row_start or 0, source.row_end
    with (
        source.path.open(encoding=encoding, errors="replace", newline="") as file,
        to.open("w", encoding="utf-8", newline="") as out,
    ):
        for number in range(head.skip):
            line = file.readline().lstrip("\ufeff")
            if name is None and head.header and number == head.skip - 1:
                if line.lstrip()[:1] in ("#", "%"):
                    raise InspectorError(
                        "its header is a comment, which has no place for a column", source.path.name
                    )
                line = line.rstrip("\r\n") + head.delimiter + NEW_COLUMN + "\n"
            out.write(line)
        at = 0
        for rows in _batches(file, head.delimiter):
            good = [row for row in rows if len(row) == len(head.names)]
            first = at
            at += len(good)
            if first < low or (high is not None and at > high):
                good = good[max(low - first, 0) : None if high is None else max(high - first, 0)]
                first = max(first, low)
            if not good:
                continue
            if name is None:
                ns, usable = _counted(first - low, len(good), rate), np.ones(len(good), np.bool_)
            else:
                cells = pa.array([row[place] for row in good], pa.string())
                ns, usable = stamps_ns(cells, source.time_unit)
            new, kept = _new(ns - source.epoch_ns, usable, times, whole)
            new = new + source.epoch_ns
            for row, stamp, known, keep in zip(
                good, new.tolist(), usable.tolist(), kept.tolist(), strict=True
            ):
                if not keep:
                    continue
                if name is None:
                    row.append(_number(stamp, "s", 0))
                elif known:
                    row[place] = _like(row[place], stamp, source.time_unit)
                out.write(_line(row, head.delimiter))
                done.rows += 1


def _batches(file: Any, delimiter: str) -> Iterator[list[list[str]]]:
    rows: list[list[str]] = []
    for row in csv.reader(file, delimiter=delimiter):
        if row:
            rows.append(row)
        if len(rows) >= AT_ONCE:
            yield rows
            rows = []
    yield rows


def _line(row: list[str], delimiter: str) -> str:
    if not any('"' in cell or delimiter in cell or "\n" in cell or "\r" in cell for cell in row):
        return delimiter.join(row) + "\n"
    line = io.StringIO()
    csv.writer(line, delimiter=delimiter, lineterminator="\n").writerow(row)
    return line.getvalue()


def _like(cell: str, ns: int, unit: str) -> str:
    """A time as it was written before: with as many decimals or more, or as a date."""
    text = cell.strip()
    if ":" in text:
        date = datetime.fromisoformat(text)
        moved = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=(ns + 500) // 1000)
        new = moved.astimezone(date.tzinfo) if date.tzinfo else moved.replace(tzinfo=None)
        return new.isoformat("T" if "T" in text else " ", "microseconds")
    comma = "," in text and "." not in text
    decimals = len(text.replace(",", ".").partition(".")[2]) if "e" not in text.lower() else 0
    number = _number(ns, unit, decimals)
    return number.replace(".", ",") if comma else number


def _number(ns: int, unit: str, decimals: int) -> str:
    """A time in a unit, exact to a microsecond or to as many decimals, and no more zeros than that."""
    most = min(max(decimals, _DECIMALS[unit]), _MOST_DECIMALS[unit])
    scale = UNIT_NS[unit]
    steps = 10**most
    ticks = (abs(ns) * steps * 2 + scale) // (2 * scale)
    whole, rest = divmod(ticks, steps)
    fraction = f"{rest:0{most}d}".rstrip("0").ljust(min(decimals, most), "0") if most else ""
    sign = "-" if ns < 0 and ticks else ""
    return f"{sign}{whole}{'.' * bool(fraction)}{fraction}"
