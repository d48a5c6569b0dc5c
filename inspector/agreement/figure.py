"""A figure with its interval, and the bootstrap by record that gives it.

Every coefficient here is a function of sums over records (`Sums`), so that a resample of the records costs
one product and no second look at a label.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping, Sequence

    from numpy.typing import NDArray

DRAWS = 400
LEAST_RECORDS = 5
"""Fewer records give no interval: a resample of them says little of what others would show."""
MOST_CELLS = 20_000_000
"""Of the table of records by sums; where it would have more, what is not 0 is added up for each draw."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A coefficient; `value` None where it is undefined, and `why` says so. `low, high`: 95 %, by record."""

    value: float | None
    low: float | None = None
    high: float | None = None
    n: int = 0
    why: str = ""

    def to_json(self) -> dict[str, Any]:
        """As `inspector agree --json` prints it."""
        told: dict[str, Any] = {"value": self.value, "low": self.low, "high": self.high, "n": self.n}
        return told | ({"why": self.why} if self.why else {})

    def text(self, digits: int = 2, to: str = " to ") -> str:
        """`0.82 (0.71 to 0.90)`, or why there is no figure."""
        if self.value is None:
            return self.why or "undefined"
        value = f"{self.value:.{digits}f}"
        if self.low is None or self.high is None:
            return value
        return f"{value} ({self.low:.{digits}f}{to}{self.high:.{digits}f})"


@dataclass(frozen=True, slots=True)
class Vectored:
    """A coefficient whose sums are many, one or two a label: `prepare` finds out from their names which is
    which, once, and gives the function of their values in that order, (names,).
    """

    prepare: Callable[[Sequence[Any]], Callable[[NDArray[np.float64]], float | None]]

    def __call__(self, sums: Mapping[Any, float]) -> float | None:
        """Of sums by name."""
        return self.prepare(list(sums))(np.fromiter(sums.values(), np.float64, len(sums)))


class Sums:
    """Named sums of each record, added up as the records come: 16 bytes are kept of each."""

    def __init__(self) -> None:
        self._names: dict[Hashable, int] = {}
        self._places, self._values, self._of_record = array("i"), array("d"), array("i")
        self._records = 0

    def add(self, sums: Mapping[Any, float]) -> None:
        """The sums of one record."""
        place = self._names
        self._places.extend(place.setdefault(name, len(place)) for name in sums)
        self._values.extend(sums.values())
        self._of_record.extend([self._records] * len(sums))
        self._records += 1

    def __len__(self) -> int:
        return self._records

    def _added(self, times: NDArray[np.int64] | None = None) -> NDArray[np.float64]:
        """(names,) the sums over all records, each of them so many times."""
        values = np.array(self._values)
        if times is not None:
            values *= times[np.array(self._of_record)]
        return np.bincount(np.array(self._places), values, len(self._names)).astype(np.float64)

    def total(self) -> defaultdict[Any, float]:
        """Over all records."""
        return defaultdict(float, zip(self._names, self._added().tolist(), strict=True))

    def _table(self) -> NDArray[np.float64] | None:
        """(records, names), None where that has too many cells, most of which are 0."""
        if self._records * len(self._names) > MOST_CELLS:
            return None
        table = np.zeros((self._records, len(self._names)))
        table[np.array(self._of_record), np.array(self._places)] = self._values
        return table

    def figure(
        self, name: str, of: Callable[[Mapping[Any, float]], float | None], n: int, why: str = ""
    ) -> Figure:
        """The coefficient that `of` makes of the sums, with its interval; `why` is said where it is None.

        `name` seeds the resampling, so that the same data gives the same interval.
        """
        value = of(self.total())
        if value is None:
            return Figure(None, n=n, why=why or "undefined")
        if len(self) < LEAST_RECORDS:
            return Figure(value, n=n)
        table, names = self._table(), list(self._names)
        vectored = of.prepare(names) if isinstance(of, Vectored) else None
        random = np.random.default_rng(list(name.encode()))
        share = np.full(len(self), 1 / len(self))
        found = []
        for _ in range(DRAWS):
            times = random.multinomial(len(self), share)
            sums = self._added(times) if table is None else times @ table
            if vectored is not None:
                again = vectored(sums)
            else:
                again = of(defaultdict(float, zip(names, sums.tolist(), strict=True)))
            if again is not None:
                found.append(again)
        if len(found) < DRAWS / 2:
            return Figure(value, n=n)
        low, high = np.percentile(found, [2.5, 97.5])
        return Figure(value, float(low), float(high), n)
