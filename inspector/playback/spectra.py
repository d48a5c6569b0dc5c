"""Spectrograms of the sounds of one record, computed behind for what is visible, kept in tiles.

Columns lie on a grid of the reference timeline, so that panning finds them again. Each is one short piece of
the sound; far out, where the pieces lie apart, only they are decoded, coarse columns first. The work for a
view is bounded by its columns, not by the sound's length.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from inspector.core.times import NS
from inspector.errors import InspectorError
from inspector.media.spectrum import RATES, ROWS, Analyser, level_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from inspector.core.model import Source, Stream
    from inspector.core.timemap import TimeMap
    from inspector.playback.recall import Recall

TILE = 128
"""Columns a tile."""
KEPT_TILES = 1024
"""Tiles kept in all: 25 MB."""
BATCH = 16
"""Columns computed between two looks at what is wanted now."""
COARSE = (16, 4, 1)
"""Every so many-th column first, where the view is longer than DENSE_NS."""
DENSE_NS = 30 * NS
GENTLE_S = 0.02
"""A rest after each batch while the player needs the machine."""
NEAR = 8
"""A view that is not there yet is filled from tiles of columns up to so many times as long or short."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Tile:
    levels: NDArray[np.uint8] = field(default_factory=lambda: np.zeros((TILE, ROWS), np.uint8))
    known: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(TILE, np.bool_))


@dataclass(frozen=True, slots=True)
class Look:
    """What there is to show: levels (n, ROWS) as bytes; which columns are `shown`, and which are exact.

    A column that is shown but not exact stands for its neighbours or comes from another zoom.
    """

    levels: NDArray[np.uint8]
    shown: NDArray[np.bool_]
    exact: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class _Wish:
    stream: Stream
    column_ns: int
    first: int
    last: int
    got: Callable[[], None]


_Key = tuple["Source", "TimeMap", int]


def analysis_rate(stream: Stream) -> int:
    """The rate at which a sound is analysed: its own, within RATES."""
    return min(max(round(stream.rate or 48_000), RATES[0]), RATES[1])


class SpectrumFeed:
    """The spectrograms of one record's sounds. A new wish for a stream replaces its older one."""

    def __init__(self, pause: Callable[[], bool] = lambda: False) -> None:
        """`pause` says whether the player needs the machine more just now."""
        self._pause = pause
        self._wake = threading.Condition()
        self._wishes: dict[str, _Wish] = {}
        self._tiles: OrderedDict[tuple[_Key, int], _Tile] = OrderedDict()
        self._problems: dict[str, str] = {}
        self._closed = False
        self._thread: threading.Thread | None = None
        self.computed = 0
        """Columns computed so far."""

    # -- the window's side ---------------------------------------------------------------------------------

    def want(self, stream: Stream, column_ns: int, first: int, last: int, got: Callable[[], None]) -> None:
        """Compute columns `first` to `last` (excluded) of length `column_ns`: column i begins at i × length.

        `got` is called in the thread whenever there are more, and when it is known that there will be none.
        """
        with self._wake:
            if self._closed:
                return
            self._wishes[stream.id] = _Wish(stream, column_ns, first, last, got)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="inspector-spectra", daemon=True)
                self._thread.start()
            self._wake.notify()

    def look(self, stream: Stream, column_ns: int, first: int, last: int) -> Look:
        """What is known of these columns, the missing ones made up from what lies near them. Never waits."""
        count = max(last - first, 0)
        columns = np.arange(first, first + count)
        with self._wake:
            levels, exact = self._gather(stream, column_ns, columns)
            shown = exact.copy()
            if not exact.all() and count * column_ns > DENSE_NS:
                self._spread(levels, shown)
            for other_ns in self._others(stream, column_ns) if not shown.all() else ():
                middles = columns * column_ns + column_ns // 2
                found, known = self._gather(stream, other_ns, middles // other_ns)
                take = known & ~shown
                levels[take] = found[take]
                shown |= take
        return Look(levels, shown, exact)

    def problem(self, stream: Stream) -> str:
        """Why there is no spectrogram of a sound; empty where nothing is wrong."""
        return self._problems.get(stream.id, "")

    @property
    def idle(self) -> bool:
        """Whether all that was asked for is there."""
        with self._wake:
            return not self._wishes

    @property
    def ended(self) -> bool:
        """Whether its thread is gone, after `close`."""
        return self._thread is None or not self._thread.is_alive()

    @property
    def kept_bytes(self) -> int:
        """What the tiles take."""
        return len(self._tiles) * TILE * (ROWS + 1)

    def close(self, wait: bool = True) -> None:
        """Drop what was asked for and end the thread after the batch it is at."""
        with self._wake:
            self._closed = True
            self._wishes.clear()
            self._wake.notify()
        if wait and self._thread is not None:
            self._thread.join()

    def _gather(
        self, stream: Stream, column_ns: int, columns: NDArray[np.int64]
    ) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        levels = np.zeros((len(columns), ROWS), np.uint8)
        known = np.zeros(len(columns), np.bool_)
        places = columns // TILE
        for number in np.unique(places).tolist():
            tile = self._tiles.get((_key(stream, column_ns), number))
            if tile is not None:
                self._tiles.move_to_end((_key(stream, column_ns), number))
                mine = places == number
                levels[mine] = tile.levels[columns[mine] - number * TILE]
                known[mine] = tile.known[columns[mine] - number * TILE]
        return levels, known

    def _others(self, stream: Stream, column_ns: int) -> list[int]:
        lengths = {key[2] for key, _ in self._tiles if key[:2] == (stream.source, stream.timemap)}
        near = [each for each in lengths - {column_ns} if column_ns / NEAR <= each <= column_ns * NEAR]
        return sorted(near, key=lambda each: max(each, column_ns) / min(each, column_ns))

    def _spread(self, levels: NDArray[np.uint8], shown: NDArray[np.bool_]) -> None:
        """A coarse column stands for those that follow until the next one is there."""
        place = np.arange(len(shown))
        last = np.maximum.accumulate(np.where(shown, place, -COARSE[0]))
        near = (place - last < COARSE[0]) & (last >= 0)
        levels[near] = levels[last[near]]
        shown |= near

    # -- the thread ----------------------------------------------------------------------------------------

    def _next(self) -> _Wish | None:
        with self._wake:
            while not self._closed and not self._wishes:
                self._wake.wait()
            return None if self._closed else next(iter(self._wishes.values()))

    def _wanted(self, wish: _Wish) -> bool:
        with self._wake:
            return self._wishes.get(wish.stream.id) is wish

    def _work(self) -> None:
        readers: dict[Source, Recall | None] = {}
        while (wish := self._next()) is not None:
            try:
                self._fulfil(wish, readers)
            except Exception:
                log.exception("spectrum of %s", wish.stream.source.path)
                self._problems[wish.stream.id] = "The spectrogram could not be computed"
            with self._wake:
                if self._wishes.get(wish.stream.id) is wish:
                    del self._wishes[wish.stream.id]
            wish.got()
        for reader in readers.values():
            if reader is not None:
                reader.close()

    def _fulfil(self, wish: _Wish, readers: dict[Source, Recall | None]) -> None:
        stream = wish.stream
        reader = self._reader(stream, readers)
        if reader is None:
            return
        analyser = Analyser(wish.column_ns, reader.rate)
        for batch in _batches(wish):
            if not self._wanted(wish):
                return
            with self._wake:
                _, known = self._gather(stream, wish.column_ns, batch)
            missing = batch[~known]
            if not len(missing):
                continue
            levels = self._columns(stream, wish.column_ns, missing, reader, analyser)
            with self._wake:
                self._keep(_key(stream, wish.column_ns), missing, levels)
            wish.got()
            if self._pause():
                with self._wake:
                    self._wake.wait(GENTLE_S)

    def _columns(
        self,
        stream: Stream,
        column_ns: int,
        columns: NDArray[np.int64],
        reader: Recall,
        analyser: Analyser,
    ) -> NDArray[np.uint8]:
        """Levels (n, ROWS) of these columns; nothing is read for those outside the sound's span."""
        levels = np.zeros((len(columns), ROWS), np.uint8)
        middles = columns * column_ns + column_ns // 2
        start, end = stream.reference_span or (0, 1 << 62)
        inside = np.flatnonzero((middles + column_ns > start) & (middles - column_ns < end))
        if len(inside):
            local = stream.timemap.to_local_array(middles[inside])
            starts = np.rint(local * (reader.rate / NS)).astype(np.int64) - analyser.piece // 2
            pieces = np.stack([reader.read(at, analyser.piece) for at in starts.tolist()])
            levels[inside] = level_bytes(analyser.columns(pieces))
            self.computed += len(inside)
        return levels

    def _keep(self, key: _Key, columns: NDArray[np.int64], levels: NDArray[np.uint8]) -> None:
        places = columns // TILE
        for number in np.unique(places).tolist():
            mine = places == number
            tile = self._tiles.setdefault((key, number), _Tile())
            tile.levels[columns[mine] - number * TILE] = levels[mine]
            tile.known[columns[mine] - number * TILE] = True
            self._tiles.move_to_end((key, number))
        while len(self._tiles) > KEPT_TILES:
            self._tiles.popitem(last=False)

    def _reader(self, stream: Stream, readers: dict[Source, Recall | None]) -> Recall | None:
        if stream.source not in readers:
            from inspector.media.audio import PcmReader
            from inspector.playback.recall import Recall

            try:
                readers[stream.source] = Recall(PcmReader(stream.source, analysis_rate(stream)))
            except InspectorError as error:
                self._problems[stream.id] = str(error)
                readers[stream.source] = None
        return readers[stream.source]


def _key(stream: Stream, column_ns: int) -> _Key:
    return stream.source, stream.timemap, column_ns


def _batches(wish: _Wish) -> Iterator[NDArray[np.int64]]:
    """The wish's columns in the order in which they are computed, a few at a time."""
    dense = (wish.last - wish.first) * wish.column_ns <= DENSE_NS
    for stride in (1,) if dense else COARSE:
        # On a grid of the timeline: what was coarse before a pan is coarse after it.
        columns = np.arange(-(-wish.first // stride) * stride, wish.last, stride)
        for at in range(0, len(columns), BATCH):
            yield columns[at : at + BATCH]
