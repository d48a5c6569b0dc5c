"""Which span of one person is which of another: overlap, and the best one-to-one assignment.

Spans are local in time, so that most of two people's never meet: only what overlaps is ever held.
"""

from __future__ import annotations

from dataclasses import dataclass
from heapq import heappop, heappush
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from inspector.core.model import Span

INSTANT_NS = 100_000_000
"""Two instants so far apart at most are one (ours)."""
LEAST_OVERLAP = 0.5
"""The temporal IoU from which on two spans are one."""


@dataclass(frozen=True, slots=True)
class Shares:
    """The cells of a table that are not 0, by row and column: `share[k]` stands at `rows[k], columns[k]`."""

    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    share: NDArray[np.float64]
    wide: int
    """How many columns the table has."""

    @classmethod
    def of(cls, rows: NDArray[np.int64], columns: NDArray[np.int64], share: NDArray[np.float64]) -> Shares:
        """Those of these cells, each given once, that are above 0, in order."""
        some = np.flatnonzero(share > 0)
        some = some[np.lexsort((columns[some], rows[some]))]
        wide = int(columns.max(initial=-1)) + 1
        return cls(rows[some], columns[some], share[some], wide)

    def at_least(self, least: float) -> Shares:
        """Without what is below."""
        return Shares.of(self.rows, self.columns, np.where(self.share >= least, self.share, 0.0))

    def at(self, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> NDArray[np.float64]:
        """What stands in these cells, 0 for most."""
        found = np.zeros(len(rows))
        if not len(self.rows):
            return found
        keys, asked = self.rows * self.wide + self.columns, rows * self.wide + columns
        place = np.minimum(np.searchsorted(keys, asked), len(keys) - 1)
        held = (keys[place] == asked) & (columns < self.wide)
        found[held] = self.share[place[held]]
        return found


def overlaps(a: Sequence[Span], b: Sequence[Span], instant_ns: int = INSTANT_NS) -> Shares:
    """Temporal IoU of every span of `a` (rows) with every one of `b` (columns).

    Two instants overlap by 1 where they are equal, by ½ at `instant_ns`, by 0 at twice that; an instant and a
    span do not overlap.
    """
    one, two = (np.array(each, np.int64).reshape(-1, 2) for each in (a, b))
    long_a, long_b = one[:, 1] - one[:, 0], two[:, 1] - two[:, 0]
    rows, columns = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    instants = np.flatnonzero(long_a == 0)
    reach = 2 * instant_ns
    classes = [(np.flatnonzero(long_b == 0), instants, reach, reach)]
    spans = np.flatnonzero(long_a > 0)
    # Spans of about one length begin near each other where they overlap: a long one hides no short ones.
    size = np.where(long_b > 0, np.frexp(long_b.astype(np.float64))[1], -1)
    classes += [
        (np.flatnonzero(size == each), spans, 1 << int(each), 0) for each in np.unique(size[size >= 0])
    ]
    for places, mine, before, after in classes:
        places = places[np.argsort(two[places, 0], kind="stable")]
        starts = two[places, 0]
        low = np.searchsorted(starts, one[mine, 0] - before, "right")
        high = np.searchsorted(starts, one[mine, 1] + after, "left")
        which, inside = _runs(np.maximum(high - low, 0))
        rows.append(mine[which])
        columns.append(places[low[which] + inside])
    row, column = np.concatenate(rows), np.concatenate(columns)
    shared = np.minimum(one[row, 1], two[column, 1]) - np.maximum(one[row, 0], two[column, 0])
    union = long_a[row] + long_b[column] - shared
    share = np.maximum(shared, 0) / np.maximum(union, 1)
    apart = np.abs(one[row, 0] - two[column, 0])
    share = np.where(long_a[row] == 0, 1 - apart / reach, share)
    return Shares.of(row, column, share)


def _runs(counts: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """`counts[k]` times k, and 0, 1, 2 … within each k."""
    which = np.repeat(np.arange(len(counts)), counts)
    return which, np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts, counts)


def joined(shares: Shares, a: NDArray[np.int64], b: NDArray[np.int64]) -> tuple[NDArray[np.int64], ...]:
    """Places in `a` (rows) and `b` (columns) of all pairs that share anything; where `shares` has it."""
    order_a, order_b = np.argsort(a, kind="stable"), np.argsort(b, kind="stable")
    first_a = np.searchsorted(a[order_a], shares.rows, "left")
    first_b = np.searchsorted(b[order_b], shares.columns, "left")
    many_a = np.searchsorted(a[order_a], shares.rows, "right") - first_a
    many_b = np.searchsorted(b[order_b], shares.columns, "right") - first_b
    which, inside = _runs(many_a * many_b)
    of_a, of_b = inside // np.maximum(many_b[which], 1), inside % np.maximum(many_b[which], 1)
    return order_a[first_a[which] + of_a], order_b[first_b[which] + of_b], which


def assigned(weights: Shares) -> list[tuple[int, int]]:
    """The pairs (row, column) of a one-to-one assignment with the greatest sum of weights.

    By shortest augmenting paths (Kuhn 1955, Munkres 1957; with prices and a heap after Edmonds and Karp 1972)
    over the cells that are there. A row may stay alone, which costs its weight, so that a search ends near to
    where it began: n spans of which each meets few take about n steps.
    """
    bounds = np.flatnonzero(np.diff(weights.rows, prepend=-1, append=-1))
    edges = {
        int(weights.rows[low]): list(
            zip(weights.columns[low:high].tolist(), (-weights.share[low:high]).tolist(), strict=True)
        )
        for low, high in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True)
    }
    price = {row: min(cost for _, cost in each) for row, each in edges.items()}
    column_price: dict[int, float] = {}
    holder: dict[int, int] = {}
    mate: dict[int, int] = {}
    for row in edges:
        _augment(row, edges, price, column_price, holder, mate)
    return [(row, mate[row]) for row in edges if mate[row] >= 0]


def _augment(
    start: int,
    edges: dict[int, list[tuple[int, float]]],
    price: dict[int, float],
    column_price: dict[int, float],
    holder: dict[int, int],
    mate: dict[int, int],
) -> None:
    """Give a row the column at the end of the cheapest way; −1 − row is that of its staying alone."""
    reach: dict[int, float] = {}
    way: dict[int, int] = {}
    done: dict[int, float] = {}
    heap: list[tuple[float, int]] = []
    row, gone = start, 0.0
    while True:
        for column, cost in (*edges[row], (-1 - row, 0.0)):
            far = gone + cost - price[row] - column_price.get(column, 0.0)
            if column not in done and far < reach.get(column, np.inf):
                reach[column], way[column] = far, row
                heappush(heap, (far, column))
        while True:
            gone, column = heappop(heap)
            if column not in done:
                break
        if column not in holder:
            break
        done[column] = gone
        row = holder[column]
    for each, far in done.items():
        column_price[each] = column_price.get(each, 0.0) + far - gone
        price[holder[each]] += gone - far
    price[start] += gone
    while True:
        row = way[column]
        before = mate.get(row)
        holder[column], mate[row] = row, column
        if before is None:
            return
        column = before


def matched(
    a: Sequence[Span], b: Sequence[Span], least: float = LEAST_OVERLAP, instant_ns: int = INSTANT_NS
) -> list[tuple[int, int, float]]:
    """Spans that are one, one-to-one, with their temporal IoU: (place in `a`, place in `b`, IoU)."""
    shared = overlaps(a, b, instant_ns).at_least(least)
    pairs = np.array(assigned(shared), np.int64).reshape(-1, 2)
    share = shared.at(pairs[:, 0], pairs[:, 1])
    return [(row, column, each) for (row, column), each in zip(pairs.tolist(), share.tolist(), strict=True)]
