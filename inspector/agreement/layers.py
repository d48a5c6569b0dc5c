"""A record's labels as its authors' layers: the units of each tier, and the links between modalities.

Everything lies on the record's reference timeline, by the time maps in force: who labelled one stream can be
held against who labelled another.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import combinations
from typing import TYPE_CHECKING

from inspector.core.annotate import label_target, reference_span

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inspector.core.model import Anchor, Annotation, Record, Span

TIER = "tier:"
"""What an author's name begins with where a tier is one: `tier:gestures bo`."""
NOBODY = "no author"
Sides = tuple[str, str]
"""What a link joins, by name: two modalities, or two streams of one."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A labelled span (an instant where start and end are equal)."""

    start: int
    end: int
    label: str
    id: str

    @property
    def span(self) -> Span:
        """Its start and end, ns of the reference timeline."""
        return self.start, self.end

    @property
    def middle(self) -> float:
        """Halfway, ns."""
        return (self.start + self.end) / 2


@dataclass(frozen=True, slots=True)
class Link:
    """A statement that two units belong together; `x` and `y` are places in the relation's units."""

    x: int
    y: int
    label: str
    id: str


@dataclass
class Relation:
    """One author's links of a tier between two sides, and the units that they could have joined."""

    xs: list[Unit] = field(default_factory=list)
    ys: list[Unit] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    places: dict[tuple[int, str], int] = field(default_factory=dict)
    """Where the unit of a side (0 for x, 1 for y) and name lies."""

    def place(self, side: int, unit: Unit) -> int:
        """The place of a unit on a side, added where no unit of its name is there."""
        units = self.ys if side else self.xs
        found = self.places.setdefault((side, unit.id), len(units))
        if found == len(units):
            units.append(unit)
        return found


@dataclass
class Layer:
    """What one author said of a record."""

    author: str
    tiers: dict[str, list[Unit]] = field(default_factory=dict)
    relations: dict[tuple[str, Sides], Relation] = field(default_factory=dict)


def layers_of(record: Record, authors: Sequence[str] = ()) -> dict[str, Layer]:
    """The layers of a record by author; of `authors` alone where some are named.

    A label without author is of “no author”. `tier:NAME` makes a layer of a tier, whoever made it; two such
    layers are compared with each other though their tiers have other names.
    """
    tiers = [name.removeprefix(TIER) for name in authors if name.startswith(TIER)]
    by_author: dict[str, list[Annotation]] = {}
    for label in record.annotations:
        if label.tier in tiers:
            by_author.setdefault(TIER + label.tier, []).append(label)
        name = label.author or NOBODY
        if not authors or name in authors:
            by_author.setdefault(name, []).append(label)
    return {name: _layer(record, name, labels) for name, labels in by_author.items()}


def _layer(record: Record, author: str, labels: Sequence[Annotation]) -> Layer:
    layer = Layer(author)
    mine = {label.id: label for label in labels}
    everybody = {label.id: label for label in record.annotations}
    for label in labels:
        tier = "the chosen tiers" if author.startswith(TIER) else label.tier
        ends = [anchor for anchor in label.anchors if anchor.span is not None]
        streams = {anchor.stream_id for anchor in label.anchors}
        if len(streams) > 1:
            for one, other in combinations(ends, 2):
                if one.stream_id != other.stream_id:
                    _add_link(layer, record, tier, label, one, other, everybody)
        elif ends and (span := reference_span(record, ends[0])) is not None:
            layer.tiers.setdefault(tier, []).append(Unit(*span, label.label, label.id))
    for relation in layer.relations.values():
        _add_rest(relation, mine, record)
    for units in layer.tiers.values():
        units.sort(key=lambda unit: (unit.start, unit.end))
    return layer


def _side(record: Record, anchor: Anchor) -> str:
    found = next((each for each in record.streams if each.id == anchor.stream_id), None)
    return "record" if found is None else found.modality.value


def _add_link(
    layer: Layer,
    record: Record,
    tier: str,
    label: Annotation,
    one: Anchor,
    other: Anchor,
    labels: dict[str, Annotation],
) -> None:
    sides = _side(record, one), _side(record, other)
    if sides[0] == sides[1]:
        sides = str(one.stream_id), str(other.stream_id)
    if sides[0] > sides[1]:
        one, other, sides = other, one, (sides[1], sides[0])
    relation = layer.relations.setdefault((tier, sides), Relation())
    x, y = (relation.place(side, _end(record, end, labels)) for side, end in enumerate((one, other)))
    relation.links.append(Link(x, y, label.label, label.id))


def _end(record: Record, anchor: Anchor, labels: dict[str, Annotation]) -> Unit:
    """An end of a link as a unit: known by what it names, else by where it lies."""
    span = reference_span(record, anchor)
    assert span is not None
    named = labels.get((anchor.target or "").removeprefix("label:"))
    name = anchor.target or f"{anchor.stream_id} {span}"
    return Unit(*span, "" if named is None else named.label, name)


def _add_rest(relation: Relation, mine: dict[str, Annotation], record: Record) -> None:
    """The author's labels of the same tiers that no link names could have been joined as well."""
    for side, units in enumerate((relation.xs, relation.ys)):
        named = (unit.id.removeprefix("label:") for unit in units)
        tiers = {mine[name].tier for name in named if name in mine}
        for label in mine.values():
            if label.tier not in tiers or len(label.anchors) != 1:
                continue
            if (span := reference_span(record, label.anchors[0])) is not None:
                relation.place(side, Unit(*span, label.label, label_target(label.id)))
