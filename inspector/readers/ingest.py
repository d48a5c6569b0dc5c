"""A table read by another column of times, or in another unit, than its reader told: a curator's decision.

It stands at `streams/<id>/ingest` as `{"time_column": name, "time_unit": s|ms|us|ns}`. The samples stay as
they are; where each lies, the stream's span, rate and clock are told anew from that column.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from inspector.core.model import Clock, Problem, default_reference
from inspector.core.times import NS, UNIT_NS
from inspector.errors import InspectorError
from inspector.media.csvhead import read_head
from inspector.media.probe import LATEST_NS
from inspector.media.stamps import EPOCH_S, find_stamps, median_step_ns, stamps_ns, time_columns
from inspector.media.table import is_parquet, read_columns, schema_of, unreadable
from inspector.readers.relink import with_linked

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inspector.core.model import Record, Stream


def with_decided(record: Record, sources: Mapping[str, Any], ingests: Mapping[str, Any]) -> Record:
    """The record with streams re-linked to files elsewhere (by id), and tables by other columns of times."""
    if sources:
        record = with_linked(record, sources)
    return with_ingested(record, ingests) if ingests else record


def with_ingested(record: Record, wanted: Mapping[str, Any]) -> Record:
    """The record with tables by the columns that were decided; what cannot be read so is a problem of it."""
    zero = max((each.source.epoch_ns for each in record.streams), default=0)
    streams, problems = [], []
    for stream in record.streams:
        if stream.id in wanted:
            try:
                stream = restamped(stream, wanted[stream.id], zero)
            except InspectorError as error:
                problems.append(
                    Problem(stream.id, f"what was decided on its times: {error}", "as it was read")
                )
        streams.append(stream)
    reference = record.reference or default_reference(streams)
    return replace(
        record, streams=tuple(streams), reference=reference, problems=(*record.problems, *problems)
    )


def restamped(stream: Stream, value: Any, zero_ns: int = 0) -> Stream:
    """A table's stream by the column and unit of a decision.

    `zero_ns` is what the record's other tables take off stamps that count from 1970; without it (0) the first
    such stamp is put at 0. InspectorError where the file has no such column, or that has no times.
    """
    if stream.source.format != "table":
        raise InspectorError("Only a table has a column of times", stream.id)
    try:
        column, unit = str(value["time_column"]), str(value["time_unit"])
        scale = UNIT_NS[unit]
    except (KeyError, TypeError):
        raise InspectorError("It names no column and unit of times", repr(value)[:100]) from None
    ns, usable = stamps_ns(_column(stream, column).column(column), unit)
    found = np.sort(ns[usable])
    if not len(found):
        raise InspectorError(f"The column has no times in {unit}", f"{stream.source.path.name}: {column}")
    step = median_step_ns(found)
    epoch = EPOCH_S[0] <= float(np.median(found)) / NS < EPOCH_S[1]
    zero = (zero_ns or int(found[0])) if epoch else 0
    first, last = int(found[0]) - zero, int(found[-1]) + (step or scale) - zero
    if max(abs(first), abs(last)) > LATEST_NS:
        raise InspectorError("The times are past belief", f"{column} in {unit}", "Is it another unit?")
    kept = [name for name in stream.source.columns if name != column]
    if not kept:
        raise InspectorError("The table has no other column of numbers", column)
    kind = "epoch" if epoch else "relative"
    return replace(
        stream,
        source=replace(stream.source, columns=tuple(kept), time_column=column, time_unit=unit, epoch_ns=zero),
        channels=tuple(name for name in stream.channels if name != column),
        clock=Clock(stream.clock.id, kind),
        span=(first, last),
        rate=NS / step if step else None,
        meta={
            **stream.meta,
            "time_column": column,
            "time_unit": unit,
            "time_kind": kind,
            "ingest": {"time_column": column, "time_unit": unit},
        },
    )


def time_choices(stream: Stream) -> tuple[tuple[str, str], ...]:
    """The columns of a stream's table that could be its times, each with the unit that its values tell.

    Those that are named like times come first; empty for what is no table. InspectorError where it cannot be
    read.
    """
    if stream.source.format != "table":
        return ()
    names = _names(stream)
    likely = time_columns(names)
    order = [*likely, *(name for name in names if name not in likely)][:MOST_CHOICES]
    table = _first_rows(stream, order)
    found = []
    for name in order:
        stamps = find_stamps(table, name)
        if stamps is not None and (name in likely or _rises(stamps.ns)):
            found.append((name, stamps.unit))
    return tuple(found)


MOST_CHOICES = 256
"""So many columns of a table are looked at for whether they could be its times."""
LOOKED_AT = 4096
"""And so many of their rows."""


def _rises(ns: np.ndarray[Any, np.dtype[np.int64]]) -> bool:
    """Whether values nowhere fall, and rise somewhere: else they are no times."""
    steps = np.diff(ns)
    return bool(len(steps)) and bool((steps >= 0).all()) and bool((steps > 0).any())


def _names(stream: Stream) -> list[str]:
    path = stream.source.path
    return list(schema_of(path).names) if is_parquet(path) else list(read_head(path).names)


def _first_rows(stream: Stream, names: list[str]) -> pa.Table:
    path = stream.source.path
    if not is_parquet(path):
        return read_columns(path, names, as_text=time_columns(names)).slice(0, LOOKED_AT)
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            batches = file.iter_batches(batch_size=LOOKED_AT, columns=names)
            return pa.Table.from_batches([next(batches)])
    except (pa.ArrowException, OSError, ValueError, StopIteration, NotImplementedError) as error:
        raise unreadable(path, error) from error


def _column(stream: Stream, name: str) -> pa.Table:
    """One column of the stream's rows. InspectorError where the file has none of that name."""
    source = stream.source
    if name not in _names(stream):
        raise InspectorError("The table has no such column", f"{source.path.name}: {name}")
    table = read_columns(source.path, [name], as_text=[name])
    start = source.row_start or 0
    return table.slice(start, (table.num_rows if source.row_end is None else source.row_end) - start)
