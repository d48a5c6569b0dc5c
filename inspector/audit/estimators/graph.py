"""Pairs of a record solved together: one lateness a stream, and which of the pairs do not close.

Weighted least squares over the graph of pairs with the reference at 0; around a circle offsets add up to
nothing, and what is left is an edge's closure error. A pair that is wrong shows as the one without which the
rest closes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

CLOSES = 4.0
"""An edge closes within so many of its own standard errors (or `least_s`)."""


@dataclass(frozen=True, slots=True)
class Edge:
    """Stream `b` was measured to be `offset_s` late against stream `a`, good to `sigma_s` (> 0)."""

    a: str
    b: str
    offset_s: float
    sigma_s: float


@dataclass(frozen=True, slots=True)
class Solution:
    """`late_s` of each stream that edges join to the reference, without the `bad` edges.

    `closure_s` is one number an edge: measured minus solved. `open` are edges that do not close and cannot
    be blamed on one of them.
    """

    late_s: dict[str, float]
    closure_s: tuple[float, ...]
    bad: tuple[int, ...] = ()
    open: tuple[int, ...] = ()


def solve(
    edges: Sequence[Edge],
    reference: str,
    least_s: float = 0.005,
) -> Solution:
    """The streams' lateness from all edges.

    An edge is bad where the rest closes without it and with it does not, and no other edge will do as well:
    in a triangle no edge can be told from another, so they stay `open`. ValueError for a sigma that is not
    positive.
    """
    if any(edge.sigma_s <= 0 or not np.isfinite(edge.sigma_s) for edge in edges):
        raise ValueError("every edge needs a positive sigma_s")
    kept = list(range(len(edges)))
    bad: list[int] = []
    while True:
        late = _least_squares([edges[each] for each in kept], reference)
        off = [each for each in kept if not _closes(edges[each], late, least_s)]
        if not off:
            break
        rivals = []
        for each in kept:
            rest = [edges[other] for other in kept if other != each]
            solved = _least_squares(rest, reference)
            if len(solved) == len(late) and all(_closes(edge, solved, least_s) for edge in rest):
                rivals.append(each)
        if len(rivals) != 1:
            bad += _worst(edges, kept, reference, least_s) if not rivals and len(kept) > 3 else []
            if rivals or not bad or bad[-1] not in kept:
                break
            kept.remove(bad[-1])
            continue
        bad.append(rivals[0])
        kept.remove(rivals[0])
    late = _least_squares([edges[each] for each in kept], reference)
    closure = tuple(
        edge.offset_s - (late[edge.b] - late[edge.a]) if edge.a in late and edge.b in late else float("nan")
        for edge in edges
    )
    still = tuple(each for each in kept if not _closes(edges[each], late, least_s))
    return Solution(late, closure, tuple(sorted(bad)), still)


def _least_squares(edges: Sequence[Edge], reference: str) -> dict[str, float]:
    """Lateness of the streams that edges join to the reference."""
    reached = {reference}
    grew = True
    while grew:
        grew = False
        for edge in edges:
            if (edge.a in reached) != (edge.b in reached):
                reached |= {edge.a, edge.b}
                grew = True
    names = [reference, *sorted(reached - {reference})]
    place = {name: k for k, name in enumerate(names)}
    inside = [edge for edge in edges if edge.a in reached and edge.b in reached]
    matrix = np.zeros((len(inside), len(names)))
    target = np.zeros(len(inside))
    for row, edge in enumerate(inside):
        matrix[row, place[edge.b]] += 1 / edge.sigma_s
        matrix[row, place[edge.a]] -= 1 / edge.sigma_s
        target[row] = edge.offset_s / edge.sigma_s
    if len(names) == 1:
        return {reference: 0.0}
    values, *_ = np.linalg.lstsq(matrix[:, 1:], target, rcond=None)
    return {reference: 0.0, **{name: float(values[k]) for k, name in enumerate(names[1:])}}


def _closes(edge: Edge, late: Mapping[str, float], least_s: float) -> bool:
    if edge.a not in late or edge.b not in late:
        return True
    off = edge.offset_s - (late[edge.b] - late[edge.a])
    return abs(off) <= max(least_s, CLOSES * edge.sigma_s)


def _worst(edges: Sequence[Edge], kept: Sequence[int], reference: str, least_s: float) -> list[int]:
    """The edge without which the fewest do not close, where it is one alone and it does help."""
    with_all = sum(
        not _closes(edges[e], _least_squares([edges[k] for k in kept], reference), least_s) for e in kept
    )
    counts = []
    for each in kept:
        rest = [edges[other] for other in kept if other != each]
        solved = _least_squares(rest, reference)
        counts.append(sum(not _closes(edge, solved, least_s) for edge in rest))
    least = min(counts)
    best = [each for each, count in zip(kept, counts, strict=True) if count == least]
    return best if len(best) == 1 and least < with_all - 1 else []
