"""Every single thing on which two people differ, as a row that names its moment."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from inspector.agreement.layers import layers_of
from inspector.agreement.matching import matched
from inspector.agreement.relation import faced, pairings
from inspector.core.times import s_from_ns

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from inspector.agreement.layers import Link, Relation, Unit
    from inspector.core.model import Record

BOUNDARY_NS = 100_000_000
"""A boundary of the same span that lies farther apart is a disagreement (ours)."""

FIRST, SECOND = "\x01", "\x02"
"""What stands for the two authors in what is told of a disagreement, so that it can be told without names."""


@dataclass(frozen=True, slots=True)
class Disagreement:
    """One difference between two authors. `ids` are the labels that it is about, of either of them.

    `kind`: lag (a constant one), label (another), only_a, only_b (a span that one has), boundary, link_type,
    link_target (another one), link_only_a, link_only_b (a link that one has).
    """

    record_id: str
    start_ns: int
    end_ns: int
    kind: str
    tier: str
    a: str
    b: str
    told: str
    ids: tuple[str, ...] = ()

    @property
    def message(self) -> str:
        """What they differ in, with their names."""
        return self.words(self.a, self.b)

    def words(self, a: str, b: str) -> str:
        """The same with the two called so."""
        return self.told.replace(FIRST, a).replace(SECOND, b)

    def to_json(self) -> dict[str, Any]:
        """As `inspector agree --json` prints it."""
        return {
            "record_id": self.record_id,
            "start_s": s_from_ns(self.start_ns),
            "end_s": s_from_ns(self.end_ns),
            "kind": self.kind,
            "tier": self.tier,
            "authors": [self.a, self.b],
            "message": self.message,
            "annotations": list(self.ids),
        }


def unit_rows(
    record_id: str, tier: str, names: tuple[str, str], a: Sequence[Unit], b: Sequence[Unit], lag_ns: int = 0
) -> Iterator[Disagreement]:
    """Where the units of a tier differ, after a constant lag of the second person was taken away."""
    moved = [replace(unit, start=unit.start - lag_ns, end=unit.end - lag_ns) for unit in b]
    pairs = matched([unit.span for unit in a], [unit.span for unit in moved])
    for i, j, _ in pairs:
        one, other = a[i], moved[j]
        start, end = min(one.start, other.start), max(one.end, other.end)
        ids = one.id, other.id
        if one.label != other.label:
            told = f"“{one.label}” by {FIRST}, “{other.label}” by {SECOND}"
            yield Disagreement(record_id, start, end, "label", tier, *names, told, ids)
        late = other.start - one.start, other.end - one.end
        if max(map(abs, late)) > BOUNDARY_NS:
            parts = [
                f"{word} {abs(ns) / 1e6:.0f} ms {'later' if ns > 0 else 'earlier'}"
                for word, ns in zip(("starts", "ends"), late, strict=True)
                if abs(ns) > BOUNDARY_NS
            ]
            told = f"“{one.label}” {' and '.join(parts)} by {SECOND}"
            yield Disagreement(record_id, start, end, "boundary", tier, *names, told, ids)
    for kind, units, held, name in (
        ("only_a", a, {i for i, *_ in pairs}, FIRST),
        ("only_b", b, {j for _, j, _ in pairs}, SECOND),
    ):
        for place, unit in enumerate(units):
            if place not in held:
                told = f"“{unit.label}” by {name} only"
                yield Disagreement(record_id, *unit.span, kind, tier, *names, told, (unit.id,))


def link_rows(
    record_id: str, tier: str, names: tuple[str, str], a: Relation, b: Relation
) -> Iterator[Disagreement]:
    """Where two people's links differ: another type, another target of the same source, or only one's."""
    xs, ys = (dict(each) for each in pairings(faced(a, b)))
    theirs: dict[tuple[int, int], list[Link]] = {}
    of_x: dict[int, list[Link]] = {}
    for link in b.links:
        theirs.setdefault((link.x, link.y), []).append(link)
        of_x.setdefault(link.x, []).append(link)
    met: set[str] = set()
    for link in a.links:
        span = _span(a, link)
        same = theirs.get((xs.get(link.x, -1), ys.get(link.y, -1)), [])
        if any(each.label == link.label for each in same):
            met |= {each.id for each in same if each.label == link.label}
        elif same:
            met |= {each.id for each in same}
            told = f"joined as “{link.label}” by {FIRST}, as “{same[0].label}” by {SECOND}"
            yield Disagreement(record_id, *span, "link_type", tier, *names, told, (link.id, same[0].id))
        elif others := [each for each in of_x.get(xs.get(link.x, -1), []) if each.id not in met]:
            met.add(others[0].id)
            told = f"“{link.label}” goes to another place by {SECOND}"
            yield Disagreement(record_id, *span, "link_target", tier, *names, told, (link.id, others[0].id))
        else:
            told = f"joined as “{link.label}” by {FIRST} only"
            yield Disagreement(record_id, *span, "link_only_a", tier, *names, told, (link.id,))
    for link in b.links:
        if link.id not in met:
            told = f"joined as “{link.label}” by {SECOND} only"
            yield Disagreement(record_id, *_span(b, link), "link_only_b", tier, *names, told, (link.id,))


def _span(relation: Relation, link: Link) -> tuple[int, int]:
    one, other = relation.xs[link.x], relation.ys[link.y]
    return min(one.start, other.start), max(one.end, other.end)


def agreed_pairs(record: Record, authors: tuple[str, str]) -> list[tuple[str, str]]:
    """The labels of two authors that are one and the same within what counts as no disagreement, by id."""
    layers = layers_of(record, authors)
    if len(layers) < 2:
        return []
    found = []
    for tier, units in layers[authors[0]].tiers.items():
        others = layers[authors[1]].tiers.get(tier, [])
        for i, j, _ in matched([unit.span for unit in units], [unit.span for unit in others]):
            one, other = units[i], others[j]
            late = max(abs(other.start - one.start), abs(other.end - one.end))
            if one.label == other.label and late <= BOUNDARY_NS:
                found.append((one.id, other.id))
    return found
