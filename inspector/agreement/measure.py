"""Every pair of authors over a dataset, record by record: what each tier and each relation came to.

Records are added as they are loaded and are not kept; what stays of one is its sums, its lag and its rows.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from inspector.agreement.alpha import (
    EarlierUnitizing,
    coding_alpha,
    coding_sums,
    unitizing_alpha,
    unitizing_sums,
)
from inspector.agreement.disagreements import Disagreement, link_rows, unit_rows
from inspector.agreement.figure import Figure, Sums
from inspector.agreement.lag import LEAST_NS, STEADY, lag_of
from inspector.agreement.layers import NOBODY, TIER, Relation, layers_of
from inspector.agreement.matching import matched
from inspector.agreement.relation import (
    LEAST_LINKS,
    alpha_sums,
    faced,
    gamma,
    gamma_sums,
    lags_ns,
    unit_gamma_sums,
)
from inspector.errors import InspectorError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from inspector.agreement.layers import Layer, Sides, Unit
    from inspector.core.model import Record, Span

MOST_ROWS = 20_000
"""Disagreements that are kept; more are counted."""
ATOM_NS = 1_000_000
FEW_LINKS = f"fewer than {LEAST_LINKS} links: counted, not measured"
NO_EXPECTATION = "undefined: nothing but one value was given"
NOTHING_SHARED = "no span of one is one of the other"
LEAST_LAGGING = 5
"""Records that have to share a lag before it is a habit of a person."""


@dataclass(frozen=True, slots=True)
class TierFigures:
    """What a tier came to. Times in ms; `n_a` and `n_b` count units; `earlier_u_alpha` is that of 2004."""

    tier: str
    n_a: int
    n_b: int
    matched: int
    f1: Figure
    tiou: Figure
    boundary_ms: Figure
    boundary_median_ms: float | None
    alpha: Figure
    u_alpha: Figure
    earlier_u_alpha: float | None


@dataclass(frozen=True, slots=True)
class RelationFigures:
    """What the links of a tier between two sides came to; a vector, never one number."""

    tier: str
    sides: Sides
    links_a: int
    links_b: int
    candidates: int
    units_x: Figure
    units_y: Figure
    alpha_rel: Figure
    f1_rel: Figure
    gamma_rel: Figure
    lag_ms: Figure
    gap: Figure


@dataclass(frozen=True, slots=True)
class NamedLag:
    """One person is later than another by a constant. `record_id` None: in all records alike."""

    record_id: str | None
    a: str
    b: str
    lag_ms: float
    spread_ms: float
    n: int
    """Spans that both have, or records."""
    start_ns: int = 0
    right: str = ""
    """What something else than the two says of who is right."""

    @property
    def message(self) -> str:
        """Who is how much earlier than whom, and that this does not say who is right."""
        first, second = (self.b, self.a) if self.lag_ms < 0 else (self.a, self.b)
        many = "" if self.n == 1 else "s"
        where = f"in {self.n} record{many} alike" if self.record_id is None else f"in {self.n} span{many}"
        told = (
            f"{first} is {abs(self.lag_ms):.0f} ms earlier than {second} {where} "
            f"(spread {self.spread_ms:.0f} ms); "
        )
        return told + (self.right or "a difference between two people, not yet who is right")


@dataclass(frozen=True, slots=True)
class PairFigures:
    """Two authors in the records that both labelled."""

    a: str
    b: str
    records: int
    tiers: tuple[TierFigures, ...]
    relations: tuple[RelationFigures, ...]
    lags: tuple[NamedLag, ...]


@dataclass(frozen=True, slots=True)
class Agreement:
    """Of a whole dataset. `authors` counts records and labels of each."""

    authors: dict[str, tuple[int, int]]
    pairs: tuple[PairFigures, ...]
    rows: tuple[Disagreement, ...]
    rows_in_all: int


@dataclass
class _Tier:
    units: Sums = field(default_factory=Sums)
    coding: Sums = field(default_factory=Sums)
    cutting: Sums = field(default_factory=Sums)
    bounds: Counter[int] = field(default_factory=Counter)
    """How often boundaries lie so many tenths of a millisecond apart: as few cells as there are distances."""
    earlier: EarlierUnitizing = field(default_factory=lambda: EarlierUnitizing(2, ATOM_NS))
    instants: bool = True

    def add(self, a: Sequence[Unit], b: Sequence[Unit], span: Span) -> None:
        pairs = matched([unit.span for unit in a], [unit.span for unit in b])
        bounds = [
            abs(late) / 1e6 for i, j, _ in pairs for late in (b[j].start - a[i].start, b[j].end - a[i].end)
        ]
        self.bounds.update(round(10 * each) for each in bounds)
        self.units.add(
            {
                "a": len(a),
                "b": len(b),
                "both": len(pairs),
                "tiou": sum(shared for *_, shared in pairs),
                "late": sum(bounds),
                "bounds": len(bounds),
            }
        )
        self.coding.add(coding_sums((a[i].label, b[j].label) for i, j, _ in pairs))
        cut = [[(unit.start, unit.end, unit.label) for unit in units] for units in (a, b)]
        self.cutting.add(unitizing_sums(cut, span, ATOM_NS))
        self.earlier.add(cut, span)
        self.instants = self.instants and all(unit.start == unit.end for unit in (*a, *b))

    def figures(self, tier: str) -> TierFigures:
        sums = self.units.total()
        both, n = int(sums["both"]), int(sums["a"] + sums["b"])
        return TierFigures(
            tier,
            int(sums["a"]),
            int(sums["b"]),
            both,
            self.units.figure(f"f1 {tier}", _ratio(2, "both", "a", "b"), n),
            self.units.figure(f"tiou {tier}", _ratio(1, "tiou", "both"), both, NOTHING_SHARED),
            self.units.figure(f"late {tier}", _ratio(1, "late", "bounds"), both, NOTHING_SHARED),
            _median(self.bounds) / 10 if self.bounds else None,
            self.coding.figure(f"alpha {tier}", coding_alpha, both, NO_EXPECTATION),
            Figure(None, n=n, why="instants have no length")
            if self.instants
            else self.cutting.figure(f"u alpha {tier}", unitizing_alpha, n, NO_EXPECTATION),
            None if self.instants else self.earlier.result()[0],
        )


def _median(counts: Counter[int]) -> float:
    """Of values that each occur so often."""
    values = sorted(counts)
    reached = np.cumsum([counts[each] for each in values])
    middle = [values[int(np.searchsorted(reached, place, "right"))] for place in _middles(int(reached[-1]))]
    return sum(middle) / 2


def _middles(n: int) -> tuple[int, int]:
    return (n - 1) // 2, n // 2


def _ratio(factor: float, above: str, *below: str) -> Callable[[Mapping[Any, float]], float | None]:
    def of(sums: Mapping[Any, float]) -> float | None:
        under = sum(sums.get(name, 0.0) for name in below)
        return factor * sums.get(above, 0.0) / under if under else None

    return of


@dataclass
class _Relation:
    links: Sums = field(default_factory=Sums)
    coding: Sums = field(default_factory=Sums)
    xs: Sums = field(default_factory=Sums)
    ys: Sums = field(default_factory=Sums)
    lags: list[list[float]] = field(default_factory=list)

    def add(self, a: Relation, b: Relation, random: np.random.Generator) -> None:
        pair = faced(a, b)
        both = gamma_sums(pair, random)
        xs = unit_gamma_sums(a.xs, b.xs, pair.shared_x, random)
        ys = unit_gamma_sums(a.ys, b.ys, pair.shared_y, random)
        self.xs.add(xs)
        self.ys.add(ys)
        self.coding.add(alpha_sums(pair))
        # The gap is made of all three at once, so that its interval knows that they come from one record.
        joint = {(side, name): value for side, sums in (("x", xs), ("y", ys)) for name, value in sums.items()}
        self.links.add(both | joint)
        self.lags.append(lags_ns(pair))

    def figures(self, tier: str, sides: Sides) -> RelationFigures:
        sums, coded = self.links.total(), self.coding.total()
        a, b = int(sums["links_a"]), int(sums["links_b"])
        name = f"{tier} {sides}"
        few = FEW_LINKS if 0 < min(a, b) < LEAST_LINKS else ""

        def told(which: Sums, kind: str, of: Callable[[Mapping[Any, float]], float | None], n: int) -> Figure:
            if few:
                return Figure(None, n=n, why=few)
            return which.figure(f"{kind} {name}", of, n, NO_EXPECTATION)

        candidates = int(coded["candidates"])
        return RelationFigures(
            tier,
            sides,
            a,
            b,
            candidates,
            told(self.xs, "x", gamma, int(self.xs.total()["links_a"])),
            told(self.ys, "y", gamma, int(self.ys.total()["links_a"])),
            told(self.coding, "alpha", coding_alpha, candidates),
            told(self.coding, "f1", _ratio(2, "both", "joined"), candidates),
            told(self.links, "gamma", gamma, a + b),
            self._lag(few),
            told(self.links, "gap", _gap, a + b),
        )

    def _lag(self, few: str) -> Figure:
        """The median of |Δ| with an interval by record."""
        every = np.abs(np.array([lag for lags in self.lags for lag in lags])) / 1e6
        if few or not len(every):
            return Figure(None, n=len(every), why=few or "no link of one is one of the other")
        return Figure(float(np.median(every)), n=len(every))


def _gap(sums: Mapping[Any, float]) -> float | None:
    """How much better the parts agree than the relation: min(γ_X, γ_Y) − γ_rel."""
    parts = [gamma({key[1]: value for key, value in sums.items() if key[0] == side}) for side in ("x", "y")]
    relation = gamma(sums)
    found = [each for each in parts if each is not None]
    return None if relation is None or not found else min(found) - relation


@dataclass
class _Pair:
    records: int = 0
    tiers: dict[str, _Tier] = field(default_factory=dict)
    relations: dict[tuple[str, Sides], _Relation] = field(default_factory=dict)
    lags: list[NamedLag] = field(default_factory=list)
    every_lag: list[tuple[float, float]] = field(default_factory=list)


class Measuring:
    """Takes records one by one; `result` may be asked at any time. `authors`: these alone, or everybody."""

    def __init__(self, authors: Sequence[str] = (), seed: int = 0) -> None:
        self.authors = tuple(authors)
        self._counts: dict[str, tuple[int, int]] = {}
        self._pairs: dict[tuple[str, str], _Pair] = {}
        self._rows: list[Disagreement] = []
        self._rows_in_all = 0
        self._random = np.random.default_rng(seed)
        self._heard: set[str] = set()

    @property
    def heard(self) -> list[str]:
        """Everybody who labelled a record so far, also those who were not asked for."""
        return sorted(self._heard)

    def add(self, record: Record) -> None:
        """Compare the authors of a record."""
        self._heard |= {label.author or NOBODY for label in record.annotations}
        layers = layers_of(record, self.authors)
        for name, layer in layers.items():
            records, labels = self._counts.get(name, (0, 0))
            links = sum(len(relation.links) for relation in layer.relations.values())
            labels += sum(map(len, layer.tiers.values())) + links
            self._counts[name] = (records + 1, labels)
        for a, b in combinations(sorted(layers), 2):
            if a.startswith(TIER) == b.startswith(TIER):
                self._compare(record, layers[a], layers[b])

    def _compare(self, record: Record, a: Layer, b: Layer) -> None:
        names = a.author, b.author
        pair = self._pairs.setdefault(names, _Pair())
        pair.records += 1
        lag = lag_of(a.tiers, b.tiers)
        away = 0
        rows: list[Disagreement] = []
        if lag is not None:
            pair.every_lag.append((lag.lag_ns, lag.spread_ns))
            if lag.constant:
                away = round(lag.lag_ns)
                start = min(unit.start for units in (*a.tiers.values(), *b.tiers.values()) for unit in units)
                end = max(unit.end for units in (*a.tiers.values(), *b.tiers.values()) for unit in units)
                named = NamedLag(record.id, *names, lag.lag_ns / 1e6, lag.spread_ns / 1e6, lag.units, start)
                pair.lags.append(named)
                tiers = ", ".join(sorted(a.tiers.keys() & b.tiers.keys()))
                rows.append(Disagreement(record.id, start, end, "lag", tiers, *names, named.message))
        for tier in dict.fromkeys((*a.tiers, *b.tiers)):
            mine, theirs = a.tiers.get(tier, []), b.tiers.get(tier, [])
            spans = [record.span, *(unit.span for unit in (*mine, *theirs))]
            whole = min(span[0] for span in spans), max(span[1] for span in spans)
            pair.tiers.setdefault(tier, _Tier()).add(mine, theirs, whole)
            rows += unit_rows(record.id, tier, names, mine, theirs, away)
        for key in dict.fromkeys((*a.relations, *b.relations)):
            one, other = (layer.relations.get(key, Relation()) for layer in (a, b))
            pair.relations.setdefault(key, _Relation()).add(one, other, self._random)
            rows += link_rows(record.id, key[0], names, one, other)
        self._rows_in_all += len(rows)
        self._rows += rows[: MOST_ROWS - len(self._rows)]

    def result(self) -> Agreement:
        """What all records so far came to. A tier that only one of two ever used is not compared."""
        pairs = []
        for (a, b), pair in sorted(self._pairs.items()):
            tiers = [each.figures(tier) for tier, each in sorted(pair.tiers.items())]
            relations = [each.figures(*key) for key, each in sorted(pair.relations.items())]
            tiers = [each for each in tiers if each.n_a and each.n_b]
            if tiers or relations:
                lags = (*_habit(a, b, pair), *pair.lags)
                pairs.append(PairFigures(a, b, pair.records, tuple(tiers), tuple(relations), lags))
        shared = {(pair.a, pair.b, tier.tier) for pair in pairs for tier in pair.tiers}
        rows = [
            row for row in self._rows
            if row.kind == "lag" or row.kind.startswith("link") or (row.a, row.b, row.tier) in shared
        ]  # fmt: skip
        return Agreement(
            dict(sorted(self._counts.items())),
            tuple(pairs),
            tuple(rows),
            self._rows_in_all - len(self._rows) + len(rows),
        )


def _habit(a: str, b: str, pair: _Pair) -> list[NamedLag]:
    """A lag that is the same in all records, where there are enough of them."""
    if len(pair.every_lag) < LEAST_LAGGING:
        return []
    lags = np.array([lag for lag, _ in pair.every_lag])
    lag = float(np.median(lags))
    spread = 1.4826 * float(np.median(np.abs(lags - lag)))
    if abs(lag) < LEAST_NS or abs(lag) < STEADY * spread:
        return []
    return [NamedLag(None, a, b, lag / 1e6, spread / 1e6, len(lags))]


def measured(
    record_ids: Sequence[str],
    load: Callable[[str], Record],
    authors: Sequence[str] = (),
    step: Callable[[int], None] | None = None,
    lost: Callable[[str, InspectorError], None] | None = None,
) -> Measuring:
    """All these records. `step` is told how many are done; `lost` of one that cannot be loaded, and why."""
    measuring = Measuring(authors)
    for done, record_id in enumerate(record_ids):
        if step is not None:
            step(done)
        try:
            measuring.add(load(record_id))
        except InspectorError as error:
            if lost is not None:
                lost(record_id, error)
    return measuring
