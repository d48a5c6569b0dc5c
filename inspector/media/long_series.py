"""A sensor record too long for memory: its samples and their pyramid in a file of the cache, mapped.

A chunk holds `rows_of(channels)` samples: times, values by channel, and by channel the least and greatest of
each 8, 64, … in a row, with those buckets' first and last times. The coarse levels are held in memory
(RESIDENT bytes at most up to four thousand million points), so that a picture of the whole needs no disk.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from inspector.core.times import NS
from inspector.media.chunks import record_type
from inspector.media.fetch import fetcher
from inspector.media.look import PER_COLUMN, Boxes, Look, as_line, in_a_row, in_columns, in_pairs, no_look
from inspector.media.series import FACTOR, GAP_STEPS
from inspector.media.stamps import median_step_ns

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from inspector.media.chunks import Chunks

RESIDENT = 8 << 20
"""Bytes of the finest level of a record that is held in memory; those above take a seventh of it."""
MOST_BOXES = 250
"""Where only bounds can be shown, so many stretches a picture."""


def rows_of(channels: int) -> int:
    """Samples of a chunk: fewer where a row is wide."""
    return FACTOR**4 if channels <= 512 else FACTOR**3


def record_for(channels: int, kind: str) -> np.dtype[Any]:
    """The dtype of a chunk of so many channels of a kind, f4 or f8. `row` is the table's row after it."""
    rows = rows_of(channels)
    fields: list[tuple[Any, ...]] = [
        ("row", "<i8"), ("count", "<i8"), ("t_ns", "<i8", (rows,)), ("values", f"<{kind}", (channels, rows))
    ]  # fmt: skip
    size = FACTOR
    while size <= rows:
        fields += [
            (f"t{size}", "<i8", (2, rows // size)),
            (f"level{size}", f"<{kind}", (2, channels, rows // size)),
        ]
        size *= FACTOR
    return record_type(fields)


def fill_levels(record: NDArray[Any]) -> None:
    """Work out the levels of a chunk (1,) from its times and values; rows behind `count` are no samples."""
    one = record[0]
    count = int(one["count"])
    one["values"][:, count:] = np.nan
    one["t_ns"][count:] = one["t_ns"][count - 1]
    low = high = one["values"]
    first = last = one["t_ns"]
    size = FACTOR
    while f"level{size}" in (record.dtype.names or ()):
        level, times = one[f"level{size}"], one[f"t{size}"]
        # Every eighth of them at a time: long loops, where a reduction over eight in a row has short ones.
        level[0], level[1] = low[:, ::FACTOR], high[:, ::FACTOR]
        for place in range(1, FACTOR):
            np.fmin(level[0], low[:, place::FACTOR], out=level[0])
            np.fmax(level[1], high[:, place::FACTOR], out=level[1])
        times[0], times[1] = first[::FACTOR], last[FACTOR - 1 :: FACTOR]
        low, high = level
        first, last = times
        size *= FACTOR


@dataclass(frozen=True, slots=True)
class _Level:
    """Buckets of `size` samples: first and last times (2, m), extremes (2, c, m)."""

    size: int
    times: NDArray[np.int64]
    values: NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class _Known:
    """All that is read at one moment: replaced as a whole, so that any thread sees one state."""

    chunks: Any
    rows: int
    levels: tuple[_Level, ...]
    first_ns: NDArray[np.int64]
    """Of each chunk."""
    bounds: Boxes | None
    """Of what is not read yet."""
    whole: bool


class LongSeries:
    """Samples in local time like `Series`, mapped. It grows by `grow` while its file is built.

    With `later` no call here waits for a disk: what is in memory is answered, wider than asked for, and
    `later` is called in another thread when asking again will be better.
    """

    def __init__(
        self, chunks: Chunks, channels: tuple[str, ...], expected: int, bounds: Boxes | None, home: Any
    ) -> None:
        self.channels = channels
        self._chunks, self._home = chunks, home
        self._rows = rows_of(len(channels))
        self._bounds = bounds
        self._lock = threading.Lock()
        self._step_ns = 0
        size = FACTOR
        width = int(chunks.dtype["values"].base.itemsize) * 2 * len(channels) + 16
        while size < self._rows and expected // size * width > RESIDENT:
            size *= FACTOR
        self.top = size
        """Samples a bucket of the finest level in memory."""
        self._parts: list[tuple[NDArray[np.int64], NDArray[np.floating]]] = []
        self._have = 0
        self._known = _Known(None, 0, (), np.zeros(0, np.int64), bounds, False)
        self.grow()

    def grow(self) -> None:
        """Take what is in the file by now. Reads the disk: not for the window's thread."""
        with self._lock:
            mapped = self._chunks.mapped
            records = mapped.records
            if len(records) < self._have:
                self._parts, self._have = [], 0  # another file was begun
            if len(records) == self._have and self._chunks.whole == self._known.whole:
                return
            for record in records[self._have :]:
                self._parts.append((record[f"t{self.top}"].copy(), record[f"level{self.top}"].copy()))
            self._have = len(records)
            rows = int(records["count"].sum()) if len(records) else 0
            levels = self._folded(rows)
            if not self._step_ns and len(records):
                self._step_ns = median_step_ns(records["t_ns"][: max((1 << 18) // self._rows, 1)].reshape(-1))
            bounds = None if self._chunks.whole else self._bounds
            if bounds is not None and rows:
                last = int(levels[0].times[1, -1])
                still = np.flatnonzero(bounds.end_ns > last)
                bounds = Boxes(
                    np.maximum(bounds.start_ns[still], last + 1),
                    bounds.end_ns[still],
                    bounds.low[still],
                    bounds.high[still],
                )
            first = np.array(records["t_ns"][:, 0]) if len(records) else np.zeros(0, np.int64)
            self._known = _Known(mapped, rows, levels, first, bounds, self._chunks.whole)

    def _folded(self, rows: int) -> tuple[_Level, ...]:
        if not self._parts or not rows:
            return ()
        times = np.concatenate([part[0] for part in self._parts], axis=1)
        values = np.concatenate([part[1] for part in self._parts], axis=2)
        self._parts = [(times, values)]
        count = -(-rows // self.top)
        levels = [_Level(self.top, times[:, :count], values[:, :, :count])]
        while levels[-1].values.shape[2] > FACTOR:
            below = levels[-1]
            cuts = np.arange(0, below.values.shape[2], FACTOR)
            last = np.append(cuts[1:], below.values.shape[2]) - 1
            levels.append(
                _Level(
                    below.size * FACTOR,
                    np.stack([below.times[0, cuts], below.times[1, last]]),
                    np.stack(
                        [
                            np.fmin.reduceat(below.values[0], cuts, axis=1),
                            np.fmax.reduceat(below.values[1], cuts, axis=1),
                        ]
                    ),
                )
            )
        return tuple(levels)

    @property
    def rows(self) -> int:
        """Samples that are read."""
        return self._known.rows

    @property
    def t_ns(self) -> NDArray[np.int64]:
        """All times (n,), copied from the file: 8 bytes a sample, and it waits for the disk."""
        known = self._known
        if not known.rows:
            return np.zeros(0, np.int64)
        times: NDArray[np.int64] = known.chunks.records["t_ns"].reshape(-1)[: known.rows].copy()
        return times

    @property
    def step_ns(self) -> int:
        """The median step between samples, 0 where it is not known."""
        return self._step_ns

    @property
    def gap_ns(self) -> int:
        """A longer pause than this is a gap; a second where no step is known."""
        return GAP_STEPS * self._step_ns or NS

    @property
    def unread_ns(self) -> int | None:
        """The time from which on samples are not read yet, None where all are."""
        known = self._known
        if known.whole:
            return None
        return int(known.levels[0].times[1, -1]) + 1 if known.levels else 0

    def extremes(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The least and the greatest value of each channel (c,), as far as is known; NaN where nothing is."""
        known = self._known
        lows = [np.full((1, len(self.channels)), np.nan)]
        highs = list(lows)
        if known.levels:
            # Infinities are in no scale.
            top = np.where(np.isfinite(known.levels[0].values), known.levels[0].values, np.nan)
            lows.append(np.fmin.reduce(top[0], axis=1).astype(np.float64)[None])
            highs.append(np.fmax.reduce(top[1], axis=1).astype(np.float64)[None])
        if known.bounds is not None and len(known.bounds.low):
            lows.append(known.bounds.low)
            highs.append(known.bounds.high)
        return np.fmin.reduce(np.concatenate(lows), 0), np.fmax.reduce(np.concatenate(highs), 0)

    def at(self, t_ns: int, later: Callable[[], None] | None = None) -> NDArray[np.floating] | None:
        """The newest sample (c,) at or before a time; None before the first, in a gap and after the end."""
        known = self._known
        chunk = int(np.searchsorted(known.first_ns, t_ns, "right")) - 1
        if chunk < 0:
            return None
        record = known.chunks.records[chunk]
        following = known.chunks.records[chunk + 1 : chunk + 2]["t_ns"][:, :1]
        both, ranges = slice(chunk, chunk + 2), [known.chunks.place("t_ns"), known.chunks.place("values")]
        if later is not None and not known.chunks.ready(both, ranges):
            fetcher.want((id(self), "at"), lambda: known.chunks.fetch(both, ranges), later)
            return None
        times = record["t_ns"][: int(record["count"])]
        place = int(np.searchsorted(times, t_ns, "right")) - 1
        since = t_ns - int(times[place])
        ahead = int(times[place + 1]) if place + 1 < len(times) else None
        if ahead is None and len(following):
            ahead = int(following[0, 0])
        if since > self.gap_ns or (ahead is None and since > (self.step_ns or NS)):
            return None
        if ahead is not None and ahead - int(times[place]) > self.gap_ns and since > self.step_ns:
            return None
        row: NDArray[np.floating] = record["values"][:, place].copy()
        return row

    def before(self, t_ns: int, later: Callable[[], None] | None = None) -> int | None:
        """The time of the newest sample at or before a time; None where none is, or it is not read yet."""
        known = self._known
        chunk = int(np.searchsorted(known.first_ns, t_ns, "right")) - 1
        if chunk < 0:
            return None
        this, ranges = slice(chunk, chunk + 1), [known.chunks.place("t_ns")]
        if later is not None and not known.chunks.ready(this, ranges):
            fetcher.want((id(self), "before"), lambda: known.chunks.fetch(this, ranges), later)
            return None
        record = known.chunks.records[chunk]
        times = record["t_ns"][: int(record["count"])]
        return int(times[int(np.searchsorted(times, t_ns, "right")) - 1])

    def envelope(
        self, start_ns: int, end_ns: int, columns: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
        """As `Series.envelope`, all channels; it waits for the disk where it must."""
        look = self.look(start_ns, end_ns, columns)
        return look.t_ns, look.low, look.high

    def look(
        self,
        start_ns: int,
        end_ns: int,
        columns: int,
        channels: NDArray[np.int64] | None = None,
        later: Callable[[], None] | None = None,
    ) -> Look:
        """What a plot `columns` pixels wide shows of a span, of some channels.

        The work is bounded by `columns` × PER_COLUMN × FACTOR × channels. Boxes stand where samples are not
        read yet, and with `later` also where they are not in memory.
        """
        known = self._known
        columns = max(columns, 1)
        if channels is None:
            channels = np.arange(len(self.channels))
        bounds = None if known.bounds is None else known.bounds.of(start_ns, end_ns, channels)
        if not known.levels:
            nothing = no_look(len(channels))
            return Look(nothing.t_ns, nothing.low, nothing.high, bounds)
        top = known.levels[0]
        first = max(int(np.searchsorted(top.times[0], start_ns, "right")) - 1, 0)
        past = min(int(np.searchsorted(top.times[0], end_ns, "right")) + 1, top.times.shape[1])
        rows = (past - first) * top.size
        size = 1
        while rows // (size * FACTOR) >= columns * PER_COLUMN:
            size *= FACTOR
        span = (start_ns, end_ns)
        if size >= top.size:
            level = known.levels[min(int(np.log2(size // top.size)) // 3, len(known.levels) - 1)]
            part = slice(first * top.size // level.size, -(-past * top.size // level.size))
            times, values = level.times[:, part], level.values[:, in_a_row(channels), part]
            return as_line(
                in_columns(times[0], times[1], values[0], values[1], span, columns), self.gap_ns, bounds
            )
        chunks = slice(first * top.size // self._rows, -(-past * top.size // self._rows))
        ranges = self._ranges(known, size, channels)
        if later is not None and not known.chunks.ready(chunks, ranges):
            fetcher.want((id(self), channels.tobytes()), lambda: known.chunks.fetch(chunks, ranges), later)
            times, values = top.times[:, first:past], top.values[:, in_a_row(channels), first:past]
            if past - first > columns // 2:
                return as_line(
                    in_columns(times[0], times[1], values[0], values[1], span, columns), self.gap_ns, bounds
                )
            coarse = in_columns(times[0], times[1], values[0], values[1], span, MOST_BOXES)
            return Look(*_nothing(len(channels)), _joined(coarse, bounds))
        return self._fine(known, chunks, size, channels, span, columns, bounds)

    def _fine(
        self,
        known: _Known,
        chunks: slice,
        size: int,
        channels: NDArray[np.int64],
        span: tuple[int, int],
        columns: int,
        bounds: Boxes | None,
    ) -> Look:
        """From the mapped levels, or the samples themselves where there are no more of them than columns."""
        records, each = known.chunks.records[chunks], self._rows // size
        count = min(-(-known.rows // size) - chunks.start * each, len(records) * each)
        first, past = _touched(records["t_ns" if size == 1 else f"t{size}"], count, span)
        halvings = 0
        while past - first >> halvings >= 2 * PER_COLUMN * columns:
            halvings += 1
        skipped = first // each
        records = records[skipped : -(-past // each)]
        first, past = first - skipped * each, past - skipped * each
        part = slice(None)
        if len(records) == 1:  # more than one are needed all over, or nearly
            part = slice(first >> halvings << halvings, -(-past >> halvings) << halvings)
            first, past = first - part.start, past - part.start
        picked = in_a_row(channels)
        if size == 1:
            starts = ends = records["t_ns"][:, part]
            low = high = records["values"][:, picked, part]
        else:
            starts, ends = (records[f"t{size}"][:, side, part] for side in (0, 1))
            low, high = (records[f"level{size}"][:, side, picked, part] for side in (0, 1))
        for _ in range(halvings):  # a chunk holds a power of two: no pair reaches over its end
            starts, ends, low, high = in_pairs(starts, ends, low, high)
        row = slice(first >> halvings, -(-past >> halvings))
        starts, ends = (one.reshape(-1)[row] for one in (starts, ends))
        same = low is high
        low = low.transpose(1, 0, 2).reshape(len(channels), -1)[:, row]
        high = low if same else high.transpose(1, 0, 2).reshape(len(channels), -1)[:, row]
        if size == 1 and past - first <= columns + 2:
            exact = Boxes(starts, starts, *(side.T.astype(np.float64) for side in (low, high)))
            return as_line(exact, self.gap_ns, bounds)
        return as_line(in_columns(starts, ends, low, high, span, columns), self.gap_ns, bounds)

    def _ranges(self, known: _Known, size: int, channels: NDArray[np.int64]) -> list[tuple[int, int]]:
        """The bytes of a chunk that `_fine` reads."""
        low, high = (int(channels.min()), int(channels.max()) + 1) if len(channels) else (0, 0)
        wide = len(self.channels)
        times = known.chunks.place("t_ns" if size == 1 else f"t{size}")
        offset, count = known.chunks.place("values" if size == 1 else f"level{size}")
        if size == 1:
            return [times, (offset + count // wide * low, count // wide * (high - low))]
        half = count // 2
        if half < 1 << 16:
            return [(times[0], times[1] + count)]  # they lie one behind the other
        one = half // wide
        return [times, *((offset + side * half + one * low, one * (high - low)) for side in (0, 1))]


def _touched(times: NDArray[np.int64], count: int, span: tuple[int, int]) -> tuple[int, int]:
    """Which of the first `count` buckets or samples of some chunks a span touches, and one to either side.

    `times` are those of samples (k, m) or the first and last of buckets (k, 2, m).
    """
    starts = (times if times.ndim == 2 else times[:, 0]).reshape(-1)[:count]
    first, past = np.searchsorted(starts, span[0], "left"), np.searchsorted(starts, span[1], "right")
    return max(int(first) - 1, 0), min(int(past) + 1, count)


def _nothing(channels: int) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    none = no_look(channels)
    return none.t_ns, none.low, none.high


def _joined(one: Boxes, other: Boxes | None) -> Boxes:
    if other is None:
        return one
    return Boxes(
        np.concatenate([one.start_ns, other.start_ns]),
        np.concatenate([one.end_ns, other.end_ns]),
        np.concatenate([one.low, other.low]),
        np.concatenate([one.high, other.high]),
    )
