"""Agreement as JSON and as lines for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inspector.agreement.figure import Figure
from inspector.agreement.measure import RelationFigures, TierFigures

if TYPE_CHECKING:
    from collections.abc import Iterator

    from inspector.agreement.measure import Agreement, NamedLag

UNIT_FIGURES = (
    ("f1", "matched spans, F1", 2),
    ("tiou", "temporal IoU of those", 2),
    ("boundary_ms", "boundary error, ms", 0),
    ("alpha", "alpha of their labels", 2),
    ("u_alpha", "unitizing alpha", 2),
)
"""Field, words, digits."""
RELATION_FIGURES = (
    ("units_x", "γ of {0}", 2),
    ("units_y", "γ of {1}", 2),
    ("alpha_rel", "α_rel, given the units", 2),
    ("f1_rel", "F1 of what is joined", 2),
    ("gamma_rel", "γ_rel", 2),
    ("lag_ms", "difference in lag, ms", 0),
    ("gap", "relation gap", 2),
)


def to_json(path: str, agreement: Agreement) -> dict[str, Any]:
    """The one document of `inspector agree --json`."""
    return {
        "path": path,
        "authors": {
            name: {"records": records, "labels": labels}
            for name, (records, labels) in agreement.authors.items()
        },
        "pairs": [
            {
                "authors": [pair.a, pair.b],
                "records": pair.records,
                "tiers": [_tier(each) for each in pair.tiers],
                "relations": [_relation(each) for each in pair.relations],
                "lags": [_lag(each) for each in pair.lags],
            }
            for pair in agreement.pairs
        ],
        "disagreements": [row.to_json() for row in agreement.rows],
        "disagreements_in_all": agreement.rows_in_all,
    }


def _tier(tier: TierFigures) -> dict[str, Any]:
    told: dict[str, Any] = {
        "tier": tier.tier,
        "units": [tier.n_a, tier.n_b],
        "matched": tier.matched,
        "boundary_median_ms": tier.boundary_median_ms,
        "earlier_u_alpha": tier.earlier_u_alpha,
    }
    return told | {name: getattr(tier, name).to_json() for name, *_ in UNIT_FIGURES}


def _relation(relation: RelationFigures) -> dict[str, Any]:
    told: dict[str, Any] = {
        "tier": relation.tier,
        "between": list(relation.sides),
        "links": [relation.links_a, relation.links_b],
        "candidates": relation.candidates,
    }
    return told | {name: getattr(relation, name).to_json() for name, *_ in RELATION_FIGURES}


def _lag(lag: NamedLag) -> dict[str, Any]:
    return {
        "record_id": lag.record_id,
        "lag_ms": lag.lag_ms,
        "spread_ms": lag.spread_ms,
        "n": lag.n,
        "message": lag.message,
    }


def figures(entry: TierFigures | RelationFigures, to: str = " to ") -> Iterator[tuple[str, str]]:
    """Each figure of a tier or a relation: what it is, and what it came to."""
    sides = entry.sides if isinstance(entry, RelationFigures) else ("", "")
    for name, words, digits in RELATION_FIGURES if isinstance(entry, RelationFigures) else UNIT_FIGURES:
        figure = getattr(entry, name)
        assert isinstance(figure, Figure)
        yield words.format(*sides), figure.text(digits, to)


def head(entry: TierFigures | RelationFigures) -> str:
    """What a tier or a relation is called, and how much there is of it."""
    if isinstance(entry, RelationFigures):
        return f"{entry.tier}, {' to '.join(entry.sides)}: {entry.links_a} and {entry.links_b} links"
    return f"{entry.tier}: {entry.n_a} and {entry.n_b} spans, {entry.matched} of them the same"


def lines(agreement: Agreement, most: int = 20) -> Iterator[str]:
    """What `inspector agree` prints for people."""
    if not agreement.pairs:
        known = ", ".join(agreement.authors) or "nobody"
        yield f"No two authors labelled one tier of a record; there are labels by {known}"
        return
    for pair in agreement.pairs:
        yield f"{pair.a} and {pair.b}, {pair.records} records"
        entries: list[TierFigures | RelationFigures] = [*pair.tiers, *pair.relations]
        for entry in entries:
            yield f"  {head(entry)}"
            for words, value in figures(entry):
                yield f"    {words:24} {value}"
        for lag in pair.lags:
            yield f"  {'all records' if lag.record_id is None else lag.record_id}: {lag.message}"
    yield f"Disagreements ({agreement.rows_in_all}):"
    for row in agreement.rows[:most]:
        yield f"  {row.record_id} {row.start_ns / 1e9:.3f} s, {row.tier}: {row.message}"
    if agreement.rows_in_all > most:
        yield f"  … and {agreement.rows_in_all - most} more; --json has all"
