"""Agreement on the relation itself: which unit of one modality belongs to which of another, and how.

Two people may agree on every word and every gesture and not at all on which gesture goes with which word, so
the relation is told by figures of its own, never by one number: α on the pairs that both could have joined, γ
with the chance level that links drawn at random between the same units have, and the lag.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from inspector.agreement.alpha import coding_sums
from inspector.agreement.matching import Shares, assigned, joined, overlaps

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from inspector.agreement.layers import Relation, Unit

WINDOW_NS = 4_000_000_000
"""Units whose middles lie farther apart were no candidates for a link (W)."""
ORPHAN = 0.5
"""The cost of a link that the other does not have (η)."""
DRAWS = 60
"""Of links at random, for the chance level."""
LEAST_LINKS = 20
"""Fewer are counted and not measured."""
NONE = "none"
"""The value of a pair that somebody could have joined and did not."""


@dataclass(frozen=True, slots=True)
class Faced:
    """Two authors' relations in one record, with what is needed of them more than once.

    `shared_x` and `shared_y` are the temporal IoU of every unit of the first with every one of the second.
    """

    a: Relation
    b: Relation
    shared_x: Shares
    shared_y: Shares


def faced(a: Relation, b: Relation) -> Faced:
    """Hold two relations against each other."""
    return Faced(
        a,
        b,
        overlaps([unit.span for unit in a.xs], [unit.span for unit in b.xs]),
        overlaps([unit.span for unit in a.ys], [unit.span for unit in b.ys]),
    )


def pairings(pair: Faced, least: float = 0.5) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Which units are one on either side, one-to-one."""
    return assigned(pair.shared_x.at_least(least)), assigned(pair.shared_y.at_least(least))


def _values(relation: Relation) -> dict[tuple[int, int], str]:
    """The type of each pair of units that is linked; several types of one are a type of their own."""
    found: defaultdict[tuple[int, int], set[str]] = defaultdict(set)
    for link in relation.links:
        found[link.x, link.y].add(link.label)
    return {place: " + ".join(sorted(labels)) for place, labels in found.items()}


def candidates(pair: Faced, window_ns: int = WINDOW_NS) -> Iterator[tuple[str, str]]:
    """What each of the two said of every pair of units that both have and either could have joined."""
    xs, ys = pairings(pair)
    mine, theirs = _values(pair.a), _values(pair.b)
    order = sorted((_middle(pair.a.ys[i], pair.b.ys[j]), i, j) for i, j in ys)
    middles = np.array([each[0] for each in order])
    for i, j in xs:
        middle = _middle(pair.a.xs[i], pair.b.xs[j])
        first = int(np.searchsorted(middles, middle - window_ns, "left"))
        last = int(np.searchsorted(middles, middle + window_ns, "right"))
        for _, k, m in order[first:last]:
            yield mine.get((i, k), NONE), theirs.get((j, m), NONE)


def _middle(a: Unit, b: Unit) -> float:
    return (a.middle + b.middle) / 2


def alpha_sums(pair: Faced) -> dict[Any, float]:
    """The sums of α_rel: Krippendorff's nominal alpha over the candidates, *none* being a value; and what the
    F1 of positive agreement (on pairs that somebody joined) is made of.
    """
    said = list(candidates(pair))
    sums: dict[Any, float] = coding_sums(said)
    sums["both"] = sum(one == other != NONE for one, other in said)
    sums["joined"] = sum((one != NONE) + (other != NONE) for one, other in said)
    sums["candidates"] = len(said)
    return sums


def _weights(pair: Faced, a: NDArray[np.int64], b: NDArray[np.int64]) -> Shares:
    """What is saved by taking a link of the first for one of the second: 2η − cost, 0 where inadmissible.

    cost = ½ · mean over both ends of (1 − tIoU) + ½ · [types differ]; an end without overlap rules it out.
    """
    rows, columns, place = joined(pair.shared_x, a[:, 0], b[:, 0])
    x, y = pair.shared_x.share[place], pair.shared_y.at(a[rows, 1], b[columns, 1])
    cost = 0.5 * (1 - (x + y) / 2) + 0.5 * (a[rows, 2] != b[columns, 2])
    return Shares.of(rows, columns, np.where(y > 0, 2 * ORPHAN - cost, 0.0))


def _saved(weights: Shares) -> float:
    """The sum of the best assignment."""
    pairs = np.array(assigned(weights), np.int64).reshape(-1, 2)
    return float(weights.at(pairs[:, 0], pairs[:, 1]).sum())


def _cost(pair: Faced, a: NDArray[np.int64], b: NDArray[np.int64]) -> float:
    return ORPHAN * (len(a) + len(b)) - _saved(_weights(pair, a, b))


def _table(relation: Relation, types: dict[str, int]) -> NDArray[np.int64]:
    rows = [(link.x, link.y, types.setdefault(link.label, len(types))) for link in relation.links]
    return np.array(rows, np.int64).reshape(-1, 3)


def _redrawn(
    relation: Relation, table: NDArray[np.int64], random: np.random.Generator, window_ns: int
) -> NDArray[np.int64]:
    """Links at random: their sources as they are, each target one of the author's own within reach, the types
    dealt out anew. How often a type was given does not change.
    """
    if not len(table):
        return table
    x = np.array([unit.middle for unit in relation.xs])[table[:, 0]]
    y = np.array([unit.middle for unit in relation.ys])
    order = np.argsort(y)
    first = np.searchsorted(y[order], x - window_ns, "left")
    last = np.searchsorted(y[order], x + window_ns, "right")
    drawn = table.copy()
    some = last > first
    picked = first + (random.random(len(table)) * (last - first)).astype(np.int64)
    drawn[some, 1] = order[np.minimum(picked, len(order) - 1)][some]
    drawn[:, 2] = random.permutation(drawn[:, 2])
    return drawn


def gamma_sums(pair: Faced, random: np.random.Generator, window_ns: int = WINDOW_NS) -> dict[Any, float]:
    """The sums of γ_rel: what the best assignment of links costs, and what it costs on average by chance."""
    types: dict[str, int] = {}
    a, b = _table(pair.a, types), _table(pair.b, types)
    sums = {"links_a": float(len(a)), "links_b": float(len(b)), "cost": _cost(pair, a, b)}
    by_chance = [
        _cost(pair, _redrawn(pair.a, a, random, window_ns), _redrawn(pair.b, b, random, window_ns))
        for _ in range(DRAWS if len(a) and len(b) else 0)
    ]
    sums["chance"] = float(np.mean(by_chance)) if by_chance else sums["cost"]
    return sums


def gamma(sums: Any) -> float | None:
    """1 − D_o / D̄_e; 0 where one of the two has no link, None where neither has."""
    if not sums["links_a"] and not sums["links_b"]:
        return None
    if not sums["links_a"] or not sums["links_b"]:
        return 0.0
    return 1 - sums["cost"] / sums["chance"] if sums["chance"] > 0 else None


def unit_gamma_sums(
    a: Sequence[Unit], b: Sequence[Unit], shared: Shares, random: np.random.Generator
) -> dict[Any, float]:
    """The sums of γ on the units of one side: cost ½(1 − tIoU) + ½[labels differ], η = ½, and chance by
    turning one person's units round the record. Where nobody labelled them, the overlap alone costs.

    After Mathet, Widlöcher, Métivier (2015), The unified and holistic method gamma, Computational Linguistics
    41: 437–479.
    """
    sums = {"links_a": float(len(a)), "links_b": float(len(b))}
    labelled = any(unit.label for unit in (*a, *b))
    names: dict[str, int] = {}
    one = np.array([names.setdefault(unit.label, len(names)) for unit in a], np.int64)
    two = np.array([names.setdefault(unit.label, len(names)) for unit in b], np.int64)

    def cost(overlap: Shares) -> float:
        rows, columns, share = overlap.rows, overlap.columns, overlap.share
        costs = 0.5 * (1 - share) + 0.5 * (one[rows] != two[columns]) if labelled else 1 - share
        return ORPHAN * (len(a) + len(b)) - _saved(Shares.of(rows, columns, 2 * ORPHAN - costs))

    sums["cost"] = cost(shared)
    if not len(a) or not len(b):
        return sums | {"chance": sums["cost"]}
    start = min(unit.start for unit in (*a, *b))
    length = max(unit.end for unit in (*a, *b)) - start + 1
    by_chance = []
    for _ in range(DRAWS // 2):
        turn = int(random.random() * length)
        turned = []
        for unit in b:
            first = start + (unit.start - start + turn) % length
            turned.append((first, first + unit.end - unit.start))
        by_chance.append(cost(overlaps([unit.span for unit in a], turned)))
    return sums | {"chance": float(np.mean(by_chance))}


def lags_ns(pair: Faced) -> list[float]:
    """For every link that both have: how much longer the second lets pass from its x to its y."""
    types: dict[str, int] = {}
    a, b = _table(pair.a, types), _table(pair.b, types)
    if not len(a) or not len(b):
        return []
    found = []
    for row, column in assigned(_weights(pair, a, b)):
        one, other = pair.a.links[row], pair.b.links[column]
        mine = pair.a.ys[one.y].middle - pair.a.xs[one.x].middle
        found.append(pair.b.ys[other.y].middle - pair.b.xs[other.x].middle - mine)
    return found
