"""A figure with its interval, and the bootstrap by record that gives it.

Every coefficient here is a function of sums over records (`Sums`), so that a resample of the records costs
one product and no second look at a label.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping

    from numpy.typing import NDArray

DRAWS = 400
LEAST_RECORDS = 5
"""Fewer records give no interval: a resample of them says little of what others would show."""
MOST_CELLS = 20_000_000
"""Of the table of records by sums; more records are resampled in groups of neighbours."""


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


class Sums:
    """Named sums of each record, added up as the records come."""

    def __init__(self) -> None:
        self._names: dict[Hashable, int] = {}
        self._records: list[dict[int, float]] = []

    def add(self, sums: Mapping[Any, float]) -> None:
        """The sums of one record."""
        place = self._names
        self._records.append({place.setdefault(name, len(place)): value for name, value in sums.items()})

    def __len__(self) -> int:
        return len(self._records)

    def total(self) -> defaultdict[Any, float]:
        """Over all records."""
        found: defaultdict[Any, float] = defaultdict(float)
        names = list(self._names)
        for record in self._records:
            for place, value in record.items():
                found[names[place]] += value
        return found

    def _table(self) -> NDArray[np.float64]:
        wide = max(len(self._names), 1)
        groups = min(len(self._records), max(MOST_CELLS // wide, LEAST_RECORDS))
        table = np.zeros((groups, wide))
        for number, record in enumerate(self._records):
            row = table[number * groups // len(self._records)]
            for place, value in record.items():
                row[place] += value
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
        table = self._table()
        names = list(self._names)
        random = np.random.default_rng(list(name.encode()))
        share = np.full(len(table), 1 / len(table))
        found = []
        for _ in range(DRAWS):
            sums = random.multinomial(len(table), share) @ table
            again = of(defaultdict(float, zip(names, sums.tolist(), strict=True)))
            if again is not None:
                found.append(again)
        if len(found) < DRAWS / 2:
            return Figure(value, n=n)
        low, high = np.percentile(found, [2.5, 97.5])
        return Figure(value, float(low), float(high), n)
