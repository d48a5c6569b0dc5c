"""One series for all rows that show it: what they show of a stretch is looked up once for all of them.

A look at eight channels costs not much less than one at all of them.
"""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from inspector.media.look import Boxes, Look, in_a_row

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from inspector.ui.timeline.sensor_track import SeriesSource


PATIENCE = 8
"""Lookups after which the channels of a row that did not ask for any of them are left out."""


class SharedSeries:
    """A `SeriesSource` over another, for the window's thread.

    The first row that asks for a stretch has it looked up for every row that asked of late. A row that asks a
    second time for the same wants to see what has changed since.
    """

    def __init__(self, series: SeriesSource) -> None:
        self.series = series
        """What is looked up."""
        self._asked: tuple[int, int, int] | None = None
        self._look: Look | None = None
        self._rows: dict[bytes, tuple[NDArray[np.int64], int]] = {}
        """The channels of each row, and the lookup of which it was last served."""
        self._places: dict[bytes, slice | NDArray[np.intp]] = {}
        """Where each row's channels are among those that were looked up."""
        self._lock = threading.Lock()
        self._turn, self._told = 0, -1
        """The lookup that is served from, and the newest one of which it is known that it could be better."""
        self._waiting: list[Callable[[], None]] = []

    def changed(self) -> None:
        """There is more in the series: what was looked up is served no more."""
        self._look = None

    @property
    def channels(self) -> Sequence[str]:
        """The columns' names."""
        return self.series.channels

    @property
    def unread_ns(self) -> int | None:
        """The time from which on nothing is read yet, None where all is."""
        return self.series.unread_ns

    def extremes(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Each channel's least and greatest value, as far as they are known."""
        return self.series.extremes()

    def before(self, t_ns: int, later: Callable[[], None] | None = None) -> int | None:
        """The time of the newest sample at or before a time, None where there is none."""
        return self.series.before(t_ns, later)

    def at(self, t_ns: int, later: Callable[[], None] | None = None) -> NDArray[np.floating[Any]] | None:
        """Each channel's value at a time, None or NaN where there is none."""
        return self.series.at(t_ns, later)

    def look(
        self,
        start_ns: int,
        end_ns: int,
        columns: int,
        channels: NDArray[np.int64] | None = None,
        later: Callable[[], None] | None = None,
    ) -> Look:
        """As the series underneath. Where it could be better later, all rows that were served are told."""
        if channels is None:
            channels = np.arange(len(self.channels))
        row, asked = channels.tobytes(), (start_ns, end_ns, columns)
        last = self._rows.get(row, (channels, -1))[1]
        fresh = self._look is None or self._asked != asked or last == self._turn
        if fresh:
            with self._lock:
                self._turn += 1
                self._waiting = []
        self._rows[row] = (channels, self._turn)
        if fresh:
            self._asked = asked
            tell = None if later is None else partial(self._tell, self._turn)
            self._look = self.series.look(*asked, self._known(), tell)
        elif row not in self._places:
            return self.series.look(*asked, channels, later)
        if later is not None:
            self._wait(later)
        assert self._look is not None
        return _some(self._look, self._places[row])

    def _known(self) -> NDArray[np.int64]:
        """The channels of all rows that asked of late."""
        self._rows = {row: each for row, each in self._rows.items() if self._turn - each[1] <= PATIENCE}
        known = np.unique(np.concatenate([channels for channels, _ in self._rows.values()]))
        self._places = {
            row: in_a_row(np.searchsorted(known, channels)) for row, (channels, _) in self._rows.items()
        }
        return known

    def _wait(self, later: Callable[[], None]) -> None:
        with self._lock:
            if self._told != self._turn:
                self._waiting.append(later)
                return
        later()

    def _tell(self, turn: int) -> None:
        with self._lock:
            if turn != self._turn:
                return
            self._told = turn
            waiting, self._waiting = self._waiting, []
        for later in waiting:
            later()


def _some(look: Look, picked: slice | NDArray[np.intp]) -> Look:
    """Some channels of a look, without a copy where they are neighbours."""
    boxes = look.boxes
    if boxes is not None:
        boxes = Boxes(boxes.start_ns, boxes.end_ns, boxes.low[:, picked], boxes.high[:, picked])
    return Look(look.t_ns, look.low[:, picked], look.high[:, picked], boxes)
