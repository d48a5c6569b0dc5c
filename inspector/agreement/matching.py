"""Which span of one person is which of another: overlap, and the best one-to-one assignment."""

from __future__ import annotations

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


def overlaps(a: Sequence[Span], b: Sequence[Span], instant_ns: int = INSTANT_NS) -> NDArray[np.float64]:
    """Temporal IoU of every span of `a` with every one of `b`, shape (len(a), len(b)).

    Two instants overlap by 1 where they are equal, by ½ at `instant_ns`, by 0 at twice that; an instant and a
    span do not overlap.
    """
    if not a or not b:
        return np.zeros((len(a), len(b)))
    one, two = np.array(a, np.float64), np.array(b, np.float64)
    start = np.maximum(one[:, None, 0], two[None, :, 0])
    end = np.minimum(one[:, None, 1], two[None, :, 1])
    shared = np.maximum(end - start, 0.0)
    long_a, long_b = one[:, 1] - one[:, 0], two[:, 1] - two[:, 0]
    union = long_a[:, None] + long_b[None, :] - shared
    found: NDArray[np.float64] = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    instants = (long_a[:, None] == 0) & (long_b[None, :] == 0)
    if instants.any():
        apart = np.abs(one[:, None, 0] - two[None, :, 0])
        found = np.where(instants, np.maximum(1 - apart / (2 * instant_ns), 0.0), found)
    return found


def assigned(weights: NDArray[np.float64]) -> list[tuple[int, int]]:
    """The pairs (row, column) of a one-to-one assignment with the greatest sum of weights.

    Weights of 0 and below are no pair. What cannot meet is assigned apart: spans are local in time, so that
    each group is small; a group is solved by shortest augmenting paths (Kuhn 1955, Munkres 1957).
    """
    pairs: list[tuple[int, int]] = []
    for rows, columns in _groups(weights > 0):
        if len(rows) == 1 or len(columns) == 1:
            part = weights[np.ix_(rows, columns)]
            best = int(np.argmax(part))
            pairs.append((rows[best // len(columns)], columns[best % len(columns)]))
            continue
        part = np.maximum(weights[np.ix_(rows, columns)], 0.0)
        turned = len(rows) > len(columns)
        for row, column in _hungarian(part.T if turned else part):
            if turned:
                row, column = column, row
            if part[row, column] > 0:
                pairs.append((rows[row], columns[column]))
    return sorted(pairs)


def _groups(meet: NDArray[np.bool_]) -> list[tuple[list[int], list[int]]]:
    """Rows and columns that hang together through what meets."""
    found = []
    row_left: NDArray[np.bool_] = np.array(meet.any(axis=1))
    of_row = [np.flatnonzero(row) for row in meet]
    of_column = [np.flatnonzero(column) for column in meet.T]
    column_left = np.ones(meet.shape[1], np.bool_)
    for first in np.flatnonzero(row_left):
        if not row_left[first]:
            continue
        row_left[first] = False
        rows, columns, front = [int(first)], [], [int(first)]
        while front:
            for column in of_row[front.pop()]:
                if not column_left[column]:
                    continue
                column_left[column] = False
                columns.append(int(column))
                for row in of_column[column]:
                    if row_left[row]:
                        row_left[row] = False
                        rows.append(int(row))
                        front.append(int(row))
        found.append((rows, columns))
    return found


def _hungarian(weights: NDArray[np.float64]) -> list[tuple[int, int]]:
    """Each row's column for the greatest sum; no more rows than columns. O(rows² · columns)."""
    cost = weights.max() - weights
    height, wide = cost.shape
    row_price, column_price = np.zeros(height + 1), np.zeros(wide + 1)
    holder = np.zeros(wide + 1, np.int64)
    for row in range(1, height + 1):
        holder[0], here = row, 0
        nearest = np.full(wide + 1, np.inf)
        way = np.zeros(wide + 1, np.int64)
        used = np.zeros(wide + 1, np.bool_)
        while holder[here]:
            used[here] = True
            at = holder[here]
            reach = cost[at - 1] - row_price[at] - column_price[1:]
            nearer = ~used[1:] & (reach < nearest[1:])
            nearest[1:][nearer] = reach[nearer]
            way[1:][nearer] = here
            following = int(np.argmin(np.where(used, np.inf, nearest)))
            step = nearest[following]
            row_price[holder[used]] += step
            column_price[used] -= step
            nearest[~used] -= step
            here = following
        while here:
            holder[here] = holder[way[here]]
            here = int(way[here])
    return [(int(holder[column]) - 1, column - 1) for column in range(1, wide + 1) if holder[column]]


def matched(
    a: Sequence[Span], b: Sequence[Span], least: float = LEAST_OVERLAP, instant_ns: int = INSTANT_NS
) -> list[tuple[int, int, float]]:
    """Spans that are one, one-to-one, with their temporal IoU: (place in `a`, place in `b`, IoU)."""
    shared = overlaps(a, b, instant_ns)
    weights = np.where(shared >= least, shared, 0.0)
    return [(row, column, float(shared[row, column])) for row, column in assigned(weights)]
