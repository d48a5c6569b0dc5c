"""Plots of the dataset: a distribution, or two columns against each other, of the records that are left.

Nothing is sampled. So many points as can be told apart are drawn as points; of more the plane is cut into
cells and each record is counted in one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from inspector.query.facets import Bins, Facet, Kind

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from inspector.query.tally import Column

MOST_POINTS = 3000
CELLS = (64, 48)
"""About so many bars, and cells upwards."""
VALUES = 24
"""Of a column of values the commonest have a place; the others are counted in the caption."""
PLOTTED = (Kind.NUMBER, Kind.TIME, Kind.VALUES)


@dataclass(frozen=True, slots=True)
class Axis:
    """A column along a side: bars between edges, or a place for each of its commonest values."""

    facet: Facet
    bins: Bins | None
    values: tuple[Any, ...] = ()

    @property
    def count(self) -> int:
        """How many places there are."""
        return self.bins.count if self.bins is not None else len(self.values)

    def place(self, given: NDArray[np.float64]) -> NDArray[np.int64]:
        """The place of each value, as `values_of` tells them; -1 outside."""
        if self.bins is None:
            found = given.astype(np.int64)
            return np.where(found < len(self.values), found, -1)
        edges = np.array([self.bins.edge(n) for n in range(self.bins.count + 1)])
        places = np.searchsorted(edges, given, "right") - 1
        inside = np.isfinite(given) & (places >= 0) & (places < self.bins.count)
        return np.where(inside, places, -1)


def axis_of(facet: Facet, cells: int) -> Axis | None:
    """The axis of a column; None for one that cannot be drawn along a side."""
    if facet.kind is Kind.VALUES:
        return Axis(facet, None, facet.values[:VALUES])
    if facet.bins is None:
        return None
    low, high = facet.bins.edge(0), facet.bins.edge(facet.bins.count)
    whole = facet.bins.per == 1 and facet.bins.step >= 1
    return Axis(facet, Bins.over(low, np.nextafter(high, low), whole, cells))


@dataclass(frozen=True)
class Plot:
    """What is drawn. `cells` counts records by place, shape (x,) or (x, y)."""

    x: Axis
    y: Axis | None
    cells: NDArray[np.int64]
    records: int
    """So many were looked at; those that no place holds have no value, or a rare one."""
    points: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]] | None = None
    """Where each record lies, as shares of both sides, and its place in the index; None for too many."""

    @property
    def outside(self) -> int:
        """Records that are in no cell."""
        return self.records - int(self.cells.sum())


def values_of(column: Column, raw: NDArray[np.float64] | None, rows: NDArray[np.int64] | None) -> Any:
    """Values along an axis: the numbers themselves, or the place of a value among the column's."""
    if raw is None:
        codes = column.codes if rows is None else column.codes.take(rows)
        # 0 has no value and 1 a rare one; both lie outside.
        return np.where(codes < 2, 2**31, codes.astype(np.int64) - 2)
    return raw if rows is None else raw.take(rows)


def plot(
    x: tuple[Axis, NDArray[Any]], y: tuple[Axis, NDArray[Any]] | None, rows: NDArray[np.int64] | None
) -> Plot:
    """Count the records by cell; `rows` are their places in the index, None for all of it in order."""
    across, xs = x
    px = across.place(xs)
    if y is None:
        return Plot(across, None, np.bincount(px[px >= 0], minlength=across.count), len(xs))
    up, ys = y
    py = up.place(ys)
    inside = (px >= 0) & (py >= 0)
    flat = np.bincount(px[inside] * up.count + py[inside], minlength=across.count * up.count)
    cells = flat.reshape(across.count, up.count)
    points = None
    if inside.sum() <= MOST_POINTS and across.bins is not None and up.bins is not None:
        at = np.flatnonzero(inside)
        index = at if rows is None else rows[at]
        points = (_share(across.bins, xs[at]), _share(up.bins, ys[at]), index)
    return Plot(across, up, cells, len(xs), points)


def _share(bins: Bins, values: NDArray[np.float64]) -> NDArray[np.float64]:
    low, high = bins.edge(0), bins.edge(bins.count)
    return (values - low) / (high - low)
