"""Reading a long table into the file behind a `LongSeries`, a batch at a time, from where it was broken off.

What can be told of a Parquet file before reading it comes from its footer: the least and greatest value of
each column of each row group.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from inspector.core.jobs import Job
from inspector.core.times import NS
from inspector.errors import InspectorError
from inspector.media import table as tables
from inspector.media.chunks import Chunks, Home, writing
from inspector.media.long_series import LongSeries, fill_levels, record_for, rows_of
from inspector.media.look import Boxes
from inspector.media.series import Series, channel_names, column_values, load_series
from inspector.media.stamps import stamps_ns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from inspector.core.model import Source, Stream

LONG_CELLS = 1 << 22
"""Tables of more values than this are not read into memory: 16 to 32 MiB."""
LONG_CSV_BYTES = 64 << 20
"""The same for text, whose values are not counted before it is read."""
BATCH_ROWS = 1 << 15
BATCH_CELLS = 1 << 21
MOST_STATISTICS = 1 << 15
"""So many row groups times columns are asked for their bounds; a file of more has none."""
TELL_S = 0.25
"""What is read is told of so often."""

log = logging.getLogger(__name__)


class UnsuitedError(Exception):
    """The table cannot be read in order, a batch at a time: it is read whole."""


def read_series(
    stream: Stream,
    job: Job[Any] | None = None,
    partial: Callable[[Series | LongSeries], None] | None = None,
) -> Series | LongSeries:
    """The samples of a stream: in memory where there are few, else mapped.

    `partial` gets a long series as soon as anything true can be shown of it, and each time more is. Raises
    InspectorError as `load_series` does, and Cancelled when the job is.
    """
    job = job or Job("samples")
    try:
        if not _is_long(stream.source):
            return load_series(stream)
        return _Reading(stream, job, partial).run()
    except UnsuitedError as error:
        log.info("%s: read whole: %s", stream.source.path, error)
    except OSError as error:
        log.warning("%s: read into memory: %s", stream.source.path, error)
    return load_series(stream)


def _is_long(source: Source) -> bool:
    if not tables.is_parquet(source.path):
        try:
            return source.path.stat().st_size > LONG_CSV_BYTES
        except OSError:
            return False
    try:
        with _footer(source.path) as file:
            groups = _groups(file, source)
            return tables.cells_of(file, source.columns, [group for group, _ in groups]) > LONG_CELLS
    except (pa.ArrowException, OSError, ValueError, KeyError, NotImplementedError):
        return False  # `load_series` says what is wrong with it


_footers: dict[tuple[str, int, int], Any] = {}
"""The footer that was read last, by path, size and time of change: parsing a large one takes a while."""


def _footer(path: Path, **options: Any) -> Any:
    """A Parquet file, to be closed; its footer is parsed once."""
    import pyarrow.parquet as pq

    stat = path.stat()
    key = (str(path), stat.st_size, stat.st_mtime_ns)
    file = pq.ParquetFile(path, metadata=_footers.get(key), **options)
    _footers.clear()
    _footers[key] = file.metadata
    return file


def _groups(file: Any, source: Source) -> list[tuple[int, int]]:
    """The row groups that hold the source's rows, each with its first row."""
    low = source.row_start or 0
    high = file.metadata.num_rows if source.row_end is None else source.row_end
    found, before = [], 0
    for group in range(file.num_row_groups):
        rows = file.metadata.row_group(group).num_rows
        if before + rows > low and before < high:
            found.append((group, before))
        before += rows
    return found


class _Reading:
    """One long table on its way into its file."""

    def __init__(
        self, stream: Stream, job: Job[Any], partial: Callable[[Series | LongSeries], None] | None
    ) -> None:
        self._stream, self._source = stream, stream.source
        self._job, self._partial = job, partial
        self._told = 0.0

    def run(self) -> LongSeries:
        source = self._source
        widths, kind, rows = self._shape()
        channels = self._stream.channels
        if len(channels) != sum(widths):
            channels = channel_names(source.columns, widths)
        if not channels:
            raise UnsuitedError("it has no values")
        self._widths, self._dtype = widths, record_for(len(channels), kind)
        self._what = {
            "columns": source.columns, "time": source.time_column, "unit": source.time_unit,
            "epoch": source.epoch_ns, "start": source.start_ns, "end": source.end_ns,
            "rows": [source.row_start, source.row_end], "rate": self._stream.rate, "widths": widths,
        }  # fmt: skip
        need = (rows // rows_of(len(channels)) + 2) * self._dtype.itemsize
        home = Home(source.path, f"series-{_short(self._what)}.chunks", need)
        with home.held():
            chunks = Chunks(home.path, self._what, self._dtype)
            chunks.refresh()
            bounds = None if chunks.whole else self._bounds(channels)
            series = LongSeries(chunks, channels, rows, bounds, home)
            self._job.step(done=series.rows, total=rows)
            self._tell(series, always=not chunks.whole)
            while not chunks.whole:
                if not self._build(home.path, chunks, series):
                    # Another process builds the same: it is followed, and taken over from when it dies.
                    threading.Event().wait(TELL_S)
                self._grow(chunks, series)
        return series

    def _grow(self, chunks: Chunks, series: LongSeries) -> None:
        self._job.step(done=series.rows)
        # The first samples are told of at once: until then there is no curve.
        if chunks.whole or not series.rows or time.monotonic() - self._told > TELL_S:
            chunks.refresh()
            series.grow()
            self._tell(series, always=False)

    def _tell(self, series: LongSeries, always: bool) -> None:
        if self._partial is not None and (always or series.unread_ns is not None):
            self._partial(series)
        self._told = time.monotonic()

    # --- what is known before it is read ----------------------------------------------------------

    def _shape(self) -> tuple[list[int], str, int]:
        """The width of each column, the kind of the values, and how many rows there will be at most."""
        columns = self._source.columns
        if tables.is_parquet(self._source.path):
            with _footer(self._source.path) as file:
                groups = _groups(file, self._source)
                rows = sum(file.metadata.row_group(group).num_rows for group, _ in groups)
                schema = file.schema_arrow
            kinds = {schema.field(name).type for name in columns if name in schema.names}
            if rows and kinds == {pa.float32()} and all(name in schema.names for name in columns):
                return [1] * len(columns), "f4", rows
        else:
            rows = -1
        first = next(self._batches(0), None)
        if first is None:
            raise UnsuitedError("it has no rows")
        parts = [column_values(first[1].column(name)) for name in columns]
        widths = [part.shape[1] for part in parts]
        kind = "f4" if all(part.dtype == np.float32 for part in parts) else "f8"
        if rows < 0:
            rows = self._source.path.stat().st_size // max(2 * sum(widths), 1)
        return widths, kind, rows

    def _bounds(self, channels: tuple[str, ...]) -> Boxes | None:
        """What the footer says of each row group; None where it says nothing of the times."""
        source = self._source
        if not tables.is_parquet(source.path) or sum(self._widths) != len(source.columns):
            return None
        try:
            with _footer(source.path) as file:
                groups = _groups(file, source)
                if len(groups) * (len(channels) + 1) > MOST_STATISTICS:
                    return None
                return self._from_footer(file, groups)
        except (pa.ArrowException, OSError, ValueError, KeyError, NotImplementedError):
            return None

    def _from_footer(self, file: Any, groups: list[tuple[int, int]]) -> Boxes | None:
        source, meta = self._source, file.metadata
        places = {file.schema.column(place).path: place for place in range(meta.num_columns)}
        low = np.full((len(groups), len(source.columns)), np.nan)
        high = low.copy()
        spans: list[tuple[int, int]] = []
        edges: list[Any] = []
        for row, (group, before) in enumerate(groups):
            one = meta.row_group(group)
            if source.time_column is None:
                step = NS / self._stream.rate if self._stream.rate else NS
                begin = max(before - (source.row_start or 0), 0)
                spans.append((round(begin * step), round((before + one.num_rows) * step)))
            else:
                stats = one.column(places[source.time_column]).statistics
                if stats is None or not stats.has_min_max:
                    return None
                edges += [stats.min, stats.max]
            for place, name in enumerate(source.columns):
                stats = one.column(places[name]).statistics
                if stats is not None and stats.has_min_max:
                    try:
                        low[row, place], high[row, place] = float(stats.min), float(stats.max)
                    except (TypeError, ValueError):
                        continue
        if source.time_column is not None:
            kind = file.schema_arrow.field(source.time_column).type
            ns, usable = stamps_ns(pa.array(edges, kind), source.time_unit)
            if not usable.all():
                return None
            ns = ns - source.epoch_ns - (source.start_ns or 0)
            spans = [(int(a), int(b)) for a, b in ns.reshape(-1, 2)]
        starts, ends = np.array(spans, np.int64).reshape(-1, 2).T
        return Boxes(starts, ends, low, high)

    # --- reading ----------------------------------------------------------------------------------

    def _build(self, path: Path, chunks: Chunks, series: LongSeries) -> bool:
        """Make the file whole, from where it stands; False where somebody else is at it."""
        with writing(path, self._what, self._dtype) as writer:
            if writer is None:
                return False
            chunks.refresh()
            row, last = 0, None
            if writer.last is not None:
                row, last = int(writer.last["row"][0]), int(writer.last["t_ns"][0, -1])
                if int(writer.last["count"][0]) < rows_of(len(series.channels)):
                    writer.finish({})  # broken off before its header
                    chunks.refresh()
                    return True
            record = np.zeros(1, self._dtype)
            filled = 0

            def emit(count: int, row: int) -> None:
                record["count"], record["row"] = count, row
                fill_levels(record)
                writer.append(record)
                self._grow(chunks, series)

            whole = rows_of(len(series.channels))
            for begin, batch in self._batches(row):
                rows, t_ns, values = self._samples(begin, batch)
                if len(t_ns) and ((np.diff(t_ns) < 0).any() or (last is not None and t_ns[0] < last)):
                    raise UnsuitedError("its times run backwards")
                last = int(t_ns[-1]) if len(t_ns) else last
                at = 0
                while at < len(t_ns):
                    take = min(whole - filled, len(t_ns) - at)
                    record["t_ns"][0, filled : filled + take] = t_ns[at : at + take]
                    record["values"][0, :, filled : filled + take] = values[at : at + take].T
                    filled, at = filled + take, at + take
                    if filled == whole:
                        emit(whole, int(rows[at - 1]) + 1)
                        filled = 0
            if filled:
                emit(filled, -1)
            writer.finish({})
        chunks.refresh()
        return True

    def _samples(
        self, begin: int, batch: pa.Table
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.floating]]:
        """The usable rows of a batch: their numbers in the source, local times, and values (n, c)."""
        source = self._source
        rows = np.arange(begin, begin + batch.num_rows)
        if source.time_column is not None:
            t_ns, usable = stamps_ns(batch.column(source.time_column), source.time_unit)
            t_ns = t_ns - source.epoch_ns
        else:
            t_ns = np.rint(rows * (NS / self._stream.rate if self._stream.rate else NS)).astype(np.int64)
            usable = np.ones(len(t_ns), np.bool_)
        if source.start_ns is not None:
            t_ns = t_ns - source.start_ns
            usable &= t_ns >= 0
            if source.end_ns is not None:
                usable &= t_ns < source.end_ns - source.start_ns
        parts = []
        for name, width in zip(source.columns, self._widths, strict=True):
            part = column_values(batch.column(name))
            if part.shape[1] > width:
                raise UnsuitedError(f"{name} grows wider on the way")
            if part.shape[1] < width:
                part = np.pad(part, ((0, 0), (0, width - part.shape[1])), constant_values=np.nan)
            parts.append(part)
        values = np.concatenate(parts, axis=1)
        if usable.all():
            return rows, t_ns, values
        return rows[usable], t_ns[usable], values[usable]

    def _batches(self, start: int) -> Iterator[tuple[int, pa.Table]]:
        """Stretches of the table from a row of the source on, in order, each with its first row."""
        source = self._source
        wanted = list(dict.fromkeys([*source.columns, *([source.time_column] if source.time_column else [])]))
        batches = self._parquet(wanted, start) if tables.is_parquet(source.path) else self._csv(wanted)
        first, past = source.row_start or 0, source.row_end
        try:
            for begin, batch in batches:
                skip = max(first + start - begin, 0)
                keep = batch.num_rows if past is None else min(past - begin, batch.num_rows)
                if skip < keep:
                    yield begin + skip - first, batch.slice(skip, keep - skip)
                if past is not None and begin + batch.num_rows >= past:
                    return
        except (pa.ArrowException, ValueError, KeyError, NotImplementedError) as error:
            raise tables.unreadable(source.path, error) from error

    def _parquet(self, columns: list[str], start: int) -> Iterator[tuple[int, pa.Table]]:
        # Read through a buffer a column: a row group may be as long as the file.
        with _footer(self._source.path, buffer_size=1 << 18, pre_buffer=False) as file:
            missing = [name for name in columns if name not in file.schema_arrow.names]
            if missing:
                raise InspectorError("A column is gone", f"{self._source.path.name}: {', '.join(missing)}")
            first = (self._source.row_start or 0) + start
            groups = [
                (group, before)
                for group, before in _groups(file, self._source)
                if before + file.metadata.row_group(group).num_rows > first
            ]
            if not groups:
                return
            row = groups[0][1]
            size = max(min(BATCH_ROWS, BATCH_CELLS // len(columns)), 256)
            ahead = min(size, rows_of(len(columns)))  # so much of it at first: one chunk, to be shown at once
            for batch in file.iter_batches(
                size, [group for group, _ in groups], columns=columns, use_threads=False
            ):
                table = pa.Table.from_batches([batch])
                if ahead:
                    yield row, table.slice(0, ahead)
                if ahead < len(table):
                    yield row + ahead, table.slice(ahead)
                row, ahead = row + len(table), 0

    def _csv(self, columns: list[str]) -> Iterator[tuple[int, pa.Table]]:
        text = [self._source.time_column] if self._source.time_column else []
        row = 0
        try:
            for batch in tables.csv_batches(self._source.path, columns, text):
                yield row, pa.Table.from_batches([batch])
                row += batch.num_rows
        except (pa.ArrowException, ValueError, LookupError) as error:
            # Odd cells or rows: what to make of them is told from the whole.
            raise UnsuitedError(str(error).splitlines()[0] if str(error) else "odd rows") from error


def _short(what: dict[str, Any]) -> str:
    """A few letters for a file's name: what is in it is checked by its header."""
    import json
    import zlib

    return f"{zlib.crc32(json.dumps(what, sort_keys=True).encode()):08x}"
