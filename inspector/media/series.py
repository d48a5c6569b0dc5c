"""The samples of a sensor, and a pyramid of minima and maxima: drawing costs what the screen shows.

Level k of the pyramid holds the least and the greatest value of each 8**k samples in a row, NaN left out. It
is built when first asked for. An envelope starts from the coarsest level with a few buckets a column.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from inspector.core.times import NS
from inspector.errors import InspectorError
from inspector.media import table as tables
from inspector.media.look import Look
from inspector.media.stamps import median_step_ns, stamps_ns

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from inspector.core.model import Source, Stream

FACTOR = 8
GAP_STEPS = 5
"""A pause longer than so many median steps is a gap: the line is broken there."""

Envelope = tuple["NDArray[np.int64]", "NDArray[np.float64]", "NDArray[np.float64]"]


@dataclass(frozen=True, eq=False)
class Series:
    """Samples in local time: `t_ns` (n,) ascending, `values` (n, c) float32 or float64, c `channels`."""

    t_ns: NDArray[np.int64]
    values: NDArray[np.floating]
    channels: tuple[str, ...]
    _levels: list[tuple[NDArray[np.floating], NDArray[np.floating]]] = field(default_factory=list, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or self.values.shape != (len(self.t_ns), len(self.channels)):
            raise ValueError(
                f"{self.values.shape} values for {len(self.t_ns)} stamps, {len(self.channels)} channels"
            )
        object.__setattr__(self, "_step", median_step_ns(self.t_ns))

    @property
    def step_ns(self) -> int:
        """The median step between samples, 0 for fewer than two."""
        step: int = self.__dict__["_step"]
        return step

    @property
    def gap_ns(self) -> int:
        """A longer pause than this is a gap; a second where no step is known."""
        return GAP_STEPS * self.step_ns or NS

    def before(self, t_ns: int, later: Callable[[], None] | None = None) -> int | None:
        """The time of the newest sample at or before a time; None where there is none."""
        place = int(np.searchsorted(self.t_ns, t_ns, "right")) - 1
        return None if place < 0 else int(self.t_ns[place])

    def at(self, t_ns: int, later: Callable[[], None] | None = None) -> NDArray[np.floating] | None:
        """The newest sample (c,) at or before a time; None before the first, in a gap and after the end."""
        place = int(np.searchsorted(self.t_ns, t_ns, "right")) - 1
        if place < 0:
            return None
        since = t_ns - int(self.t_ns[place])
        last = place == len(self.t_ns) - 1
        if since > self.gap_ns or (last and since > (self.step_ns or NS)):
            return None
        if (
            not last
            and int(self.t_ns[place + 1]) - int(self.t_ns[place]) > self.gap_ns
            and since > self.step_ns
        ):
            return None
        row: NDArray[np.floating] = self.values[place]
        return row

    def envelope(self, start_ns: int, end_ns: int, columns: int) -> Envelope:
        """What a plot `columns` pixels wide shows of a span: times (m,), least and greatest values (m, c).

        With fewer samples than columns these are the samples themselves, and the one on either side, so that
        lines reach the edge. A row of NaN stands in every gap. m is at most about twice `columns`.
        """
        columns = max(columns, 1)
        low = int(np.searchsorted(self.t_ns, start_ns, "left"))
        high = int(np.searchsorted(self.t_ns, end_ns, "right"))
        if high - low <= columns:
            low, high = max(low - 1, 0), min(high + 1, len(self.t_ns))
            t_ns, values = self.t_ns[low:high], self.values[low:high].astype(np.float64)
            return self._broken(t_ns, t_ns, values, values)
        level = 0
        while (high - low) // FACTOR ** (level + 1) >= columns * 4:
            level += 1
        size = FACTOR**level
        least, greatest = self._level(level)
        first, past = low // size, -(-high // size)
        starts = self.t_ns[first * size : past * size : size]
        edges = start_ns + (np.arange(columns) * ((end_ns - start_ns) / columns)).astype(np.int64)
        cuts = np.unique(np.searchsorted(starts, edges, "left"))
        cuts = cuts[cuts < len(starts)]
        if not len(cuts) or cuts[0] != 0:
            cuts = np.concatenate([[0], cuts])
        bottom = np.fmin.reduceat(least[first:past], cuts, axis=0).astype(np.float64)
        top = np.fmax.reduceat(greatest[first:past], cuts, axis=0).astype(np.float64)
        ends = np.append(cuts[1:], len(starts))
        last = np.minimum((first + ends) * size, len(self.t_ns)) - 1
        return self._broken(starts[cuts], self.t_ns[last], bottom, top)

    def look(
        self,
        start_ns: int,
        end_ns: int,
        columns: int,
        channels: NDArray[np.int64] | None = None,
        later: Callable[[], None] | None = None,
    ) -> Look:
        """The envelope of some channels (None: all). All of it is in memory: `later` is never called."""
        t_ns, low, high = self.envelope(start_ns, end_ns, columns)
        return Look(t_ns, low, high) if channels is None else Look(t_ns, low[:, channels], high[:, channels])

    def extremes(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The least and the greatest value of each channel (c,), NaN where it has none."""
        if not len(self.t_ns):
            nothing = np.full(len(self.channels), np.nan)
            return nothing, nothing
        # From an envelope: samples may be many.
        _, low, high = self.envelope(int(self.t_ns[0]), int(self.t_ns[-1]) + 1, 256)
        low = np.where(np.isfinite(low), low, np.nan)
        high = np.where(np.isfinite(high), high, np.nan)
        return np.fmin.reduce(low, axis=0), np.fmax.reduce(high, axis=0)

    @property
    def unread_ns(self) -> int | None:
        """None: all of it is read."""
        return None

    def _broken(
        self,
        t_ns: NDArray[np.int64],
        last_ns: NDArray[np.int64],
        low: NDArray[np.float64],
        high: NDArray[np.float64],
    ) -> Envelope:
        """Put a row of NaN where the next stamp is further from the last one than a gap."""
        gaps = np.flatnonzero(t_ns[1:] - last_ns[:-1] > self.gap_ns)
        if not len(gaps):
            return t_ns, low, high
        middle = last_ns[gaps] + (t_ns[gaps + 1] - last_ns[gaps]) // 2
        return (
            np.insert(t_ns, gaps + 1, middle),
            np.insert(low, gaps + 1, np.nan, axis=0),
            np.insert(high, gaps + 1, np.nan, axis=0),
        )

    def _level(self, level: int) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        with self._lock:
            if not self._levels:
                self._levels.append((self.values, self.values))
            while len(self._levels) <= level:
                low, high = self._levels[-1]
                cuts = np.arange(0, len(low), FACTOR)
                self._levels.append(
                    (np.fmin.reduceat(low, cuts, axis=0), np.fmax.reduceat(high, cuts, axis=0))
                )
            return self._levels[level]


def load_series(stream: Stream) -> Series:
    """The samples of a stream whose source is a table, in its local time.

    Without a time column the row number over the stream's rate is the time (seconds where no rate is known).
    Of a Parquet file with a row range only the row groups that hold it are read. Raises InspectorError where
    the file cannot be read or a column is gone.
    """
    source = stream.source
    wanted = [*source.columns, *([source.time_column] if source.time_column else [])]
    try:
        table = _read(source, list(dict.fromkeys(wanted)))
    except OSError as error:
        raise InspectorError(
            "The table cannot be read", f"{source.path}: {error.strerror or error}"
        ) from error
    if source.time_column is not None:
        t_ns, usable = stamps_ns(table.column(source.time_column), source.time_unit)
        t_ns = t_ns - source.epoch_ns
    else:
        rows = np.arange(table.num_rows, dtype=np.float64)
        t_ns = np.rint(rows * (NS / stream.rate if stream.rate else NS)).astype(np.int64)
        usable = np.ones(len(t_ns), np.bool_)
    if source.start_ns is not None:
        t_ns = t_ns - source.start_ns
        usable &= t_ns >= 0
        if source.end_ns is not None:
            usable &= t_ns < source.end_ns - source.start_ns
    order = np.flatnonzero(usable)
    if (np.diff(t_ns[order]) < 0).any():
        order = order[np.argsort(t_ns[order], kind="stable")]
    parts = [column_values(table.column(name)) for name in source.columns]
    dtype = np.float32 if parts and all(part.dtype == np.float32 for part in parts) else np.float64
    values: NDArray[np.floating] = np.zeros((len(t_ns), 0))
    if parts:
        values = np.concatenate(parts, axis=1).astype(dtype, copy=False)
    channels = stream.channels
    if len(channels) != values.shape[1]:
        channels = channel_names(source.columns, [part.shape[1] for part in parts])
    whole = len(order) == len(t_ns) and (
        len(order) == 0 or (order[-1] == len(order) - 1 and (np.diff(order) == 1).all())
    )
    return Series(t_ns, values, channels) if whole else Series(t_ns[order], values[order], channels)


def stamps_as_recorded(source: Source) -> NDArray[np.int64]:
    """The usable stamps of a table in the order of its rows, (n,) local ns: where a clock was set back they
    fall.

    Raises InspectorError where the file cannot be read; (0,) where it has no time column.
    """
    if source.time_column is None:
        return np.zeros(0, np.int64)
    try:
        table = _read(source, [source.time_column])
    except OSError as error:
        raise InspectorError(
            "The table cannot be read", f"{source.path}: {error.strerror or error}"
        ) from error
    t_ns, usable = stamps_ns(table.column(source.time_column), source.time_unit)
    found: NDArray[np.int64] = t_ns[usable] - source.epoch_ns - (source.start_ns or 0)
    return found


def channel_names(columns: tuple[str, ...], widths: list[int]) -> tuple[str, ...]:
    """A name for every value of a row: lists are counted through."""
    return tuple(
        name if width == 1 else f"{name}[{place}]"
        for name, width in zip(columns, widths, strict=True)
        for place in range(width)
    )


def _read(source: Source, columns: list[str]) -> pa.Table:
    if tables.is_parquet(source.path):
        return _read_parquet(source.path, columns, source.row_start, source.row_end)
    text = [source.time_column] if source.time_column else []
    table = tables.read_columns(source.path, columns, text)
    start = source.row_start or 0
    return table.slice(start, None if source.row_end is None else source.row_end - start)


def _read_parquet(path: Path, columns: list[str], start: int | None, end: int | None) -> pa.Table:
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            there = set(file.schema_arrow.names)
            missing = [name for name in columns if name not in there]
            if missing:
                raise InspectorError("A column is gone", f"{path.name}: {', '.join(missing)}")
            low, high = start or 0, file.metadata.num_rows if end is None else end
            groups, before, skipped = [], 0, 0
            for group in range(file.num_row_groups):
                rows = file.metadata.row_group(group).num_rows
                if before + rows <= low:
                    skipped += rows
                elif before < high:
                    groups.append(group)
                before += rows
            tables.check_cells(file, columns, groups)
            table = file.read_row_groups(groups, columns=columns).select(columns)
    except (pa.ArrowException, OSError, ValueError, KeyError, NotImplementedError) as error:
        raise tables.unreadable(path, error) from error
    return table.slice(low - skipped, max(high - low, 0))


def column_values(column: pa.ChunkedArray) -> NDArray[np.floating]:
    """One column as (n, width) floats, null as NaN; lists of numbers are spread over their width."""
    array = column.combine_chunks()
    kind = array.type
    if not tables.is_list(kind):
        return _floats(array)[:, None]
    counts = np.array([len(item) if item.is_valid else 0 for item in array[:1]], np.int64)
    if pa.types.is_fixed_size_list(kind):
        width = int(kind.list_size)
        if array.null_count == 0:
            return _floats(array.flatten()).reshape(len(array), width)
        filled: NDArray[np.floating] = np.full((len(array), width), np.nan)
        filled[array.is_valid().to_numpy(zero_copy_only=False)] = _floats(array.flatten()).reshape(-1, width)
        return filled
    lengths = array.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
    width = int(lengths.max(initial=int(counts[0]) if len(counts) else 0))
    if len(array) * width > tables.MOST_CELLS:
        raise InspectorError("The table is too large", f"{len(array)} rows of up to {width} values each")
    flat = _floats(array.flatten())
    if len(flat) == len(array) * width:
        return flat.reshape(len(array), width)
    ragged: NDArray[np.floating] = np.full((len(array), width), np.nan)
    rows = np.repeat(np.arange(len(array)), lengths)
    starts = np.cumsum(lengths) - lengths
    ragged[rows, np.arange(len(flat)) - np.repeat(starts, lengths)] = flat
    return ragged


def _floats(array: pa.Array) -> NDArray[np.floating]:
    """float32 stays; all else becomes float64, text that holds no number NaN."""
    kind = array.type
    if pa.types.is_float32(kind) or pa.types.is_float16(kind):
        return np.asarray(array.to_numpy(zero_copy_only=False), np.float32)
    if tables.is_number(kind):
        return np.asarray(array.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False), np.float64)
    return np.full(len(array), np.nan)
