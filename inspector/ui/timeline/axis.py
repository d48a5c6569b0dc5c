"""Which stretch of the reference timeline is on the screen, and the arithmetic between times and pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QObject, Signal

from inspector.core.times import NS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from inspector.core.model import Span

MIN_SPAN_NS = 10_000_000
"""The closest zoom: about 1 ms in 100 px of a window of usual width."""

MARGIN_PARTS = 50
"""Beyond either end of the record one part in this many of its length may be shown (2 %)."""


class TimeAxis(QObject):
    """The total and the visible span in ns, ends exclusive, and the laws that keep the second near the first.

    Times are Python integers: a product of nanoseconds and pixels may pass 64 bits. Only differences from
    the visible start ever become floats.
    """

    changed = Signal()
    """The total or the visible span is another one."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._total: Span = (0, NS)
        self._visible: Span = (0, NS)

    @property
    def total(self) -> Span:
        """The record's span; never empty."""
        return self._total

    @property
    def visible(self) -> Span:
        """What is on the screen."""
        return self._visible

    @property
    def length(self) -> int:
        """How many ns are on the screen."""
        return self._visible[1] - self._visible[0]

    @property
    def limits(self) -> Span:
        """The furthest that can be shown: the total and a margin at either end."""
        start, end = self._total
        margin = (end - start) // MARGIN_PARTS
        return (start - margin, end + margin)

    @property
    def fitted(self) -> bool:
        """Whether the whole record is on the screen, and just it."""
        return self._visible == self._total

    def set_total(self, start_ns: int, end_ns: int) -> None:
        """Take another record's span and show all of it; one shorter than the closest zoom is lengthened."""
        total = (start_ns, max(end_ns, start_ns + MIN_SPAN_NS))
        if (total, total) != (self._total, self._visible):
            self._total = self._visible = total
            self.changed.emit()

    def show(self, start_ns: int, end_ns: int) -> None:
        """Put a stretch on the screen, or what the limits leave of it."""
        low, high = self.limits
        length = min(max(end_ns - start_ns, MIN_SPAN_NS), high - low)
        start = min(max(start_ns, low), high - length)
        if (start, start + length) != self._visible:
            self._visible = (start, start + length)
            self.changed.emit()

    def zoom_at(self, anchor_ns: int, factor: float) -> None:
        """Show `factor` times as fine (less than 1: as coarse), with `anchor_ns` staying where it is."""
        low, high = self.limits
        length = min(max(round(self.length / factor), MIN_SPAN_NS), high - low)
        start = anchor_ns - round((anchor_ns - self._visible[0]) * length / self.length)
        self.show(start, start + length)

    def pan(self, by_ns: int) -> None:
        """Move the screen later by so much, or as far as the limits go."""
        self.show(self._visible[0] + by_ns, self._visible[1] + by_ns)

    def fit(self) -> None:
        """Show the whole record."""
        self.show(*self._total)

    def x_of(self, ns: int, width: float) -> float:
        """Where a time lies on a screen `width` px wide; outside it for a time that is not visible."""
        return (ns - self._visible[0]) * width / self.length

    def x_of_array(self, ns: NDArray[np.int64], width: float) -> NDArray[np.float64]:
        """`x_of` for many times."""
        places: NDArray[np.float64] = (ns - self._visible[0]).astype(np.float64) * (width / self.length)
        return places

    def ns_of(self, x: float, width: float) -> int:
        """The time at a place on a screen `width` px wide."""
        return self._visible[0] + round(x * self.length / max(width, 1))

    def clamp(self, ns: int) -> int:
        """The nearest time inside the record."""
        return min(max(ns, self._total[0]), self._total[1])

    def shows(self, ns: int) -> bool:
        """Whether a time is on the screen."""
        return self._visible[0] <= ns <= self._visible[1]
