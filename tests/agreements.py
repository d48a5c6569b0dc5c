"""Two people's words, gestures and links, made so that it is known how far they agree."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from inspector.agreement.layers import Link, Relation, Unit
from inspector.core.model import Anchor, Annotation, Clock, Modality, Record, Source, Stream
from inspector.core.timemap import TimeMap

MS = 1_000_000
S = 1_000 * MS


def drawn(random: np.random.Generator, n: int = 80) -> Relation:
    """Words and gestures, each word joined with one of the three nearest gestures, by one of three types."""
    sides = []
    for name in "wg":
        starts = np.cumsum(random.uniform(600, 1400, n))
        lengths = random.uniform(300, 600, n)
        sides.append(
            [
                Unit(int(start) * MS, int(start + length) * MS, name, f"{name}{at}")
                for at, (start, length) in enumerate(zip(starts, lengths, strict=True))
            ]
        )
    found = Relation(sides[0], sides[1])
    middles = np.array([unit.middle for unit in found.ys])
    for x, unit in enumerate(found.xs):
        near = np.argsort(np.abs(middles - unit.middle))[:3]
        kind = str(random.choice(["depicts", "beats", "points"]))
        found.links.append(Link(x, int(random.choice(near)), kind, f"l{x}"))
    return found


def jittered(relation: Relation, random: np.random.Generator, ms: float = 60) -> Relation:
    def moved(unit: Unit) -> Unit:
        start, end = (at + int(random.normal(0, ms)) * MS for at in unit.span)
        return replace(unit, start=start, end=max(end, start + 50 * MS))

    return Relation([moved(u) for u in relation.xs], [moved(u) for u in relation.ys], relation.links)


def dropped(relation: Relation, random: np.random.Generator) -> Relation:
    """A fifth of the units, and the links on them."""
    kept = [[at for at in range(len(units)) if random.random() > 0.2] for units in (relation.xs, relation.ys)]
    x, y = ({old: new for new, old in enumerate(each)} for each in kept)
    links = [
        replace(link, x=x[link.x], y=y[link.y]) for link in relation.links if link.x in x and link.y in y
    ]
    return Relation([relation.xs[at] for at in kept[0]], [relation.ys[at] for at in kept[1]], links)


def rewired(relation: Relation, random: np.random.Generator, types: bool = False) -> Relation:
    """Every link to a gesture within reach, drawn at random; its type too, where asked."""
    middles = np.array([unit.middle for unit in relation.ys])
    kinds = random.permutation([link.label for link in relation.links])
    links = []
    for at, link in enumerate(relation.links):
        near = np.flatnonzero(np.abs(middles - relation.xs[link.x].middle) <= 4 * S)
        label = str(kinds[at]) if types else link.label
        links.append(replace(link, y=int(random.choice(near)), label=label))
    return Relation(relation.xs, relation.ys, links)


def stream(name: str, modality: Modality, late_ms: int = 0) -> Stream:
    where = Source(Path(name), "av")
    return Stream(
        name, modality, where, Clock(name, "container"), (0, 100 * S), TimeMap(((0, -late_ms * MS),))
    )


def linked(relations: dict[str, Relation], late_ms: int = 0) -> Record:
    """A record on whose voice and film the authors' units and links lie, the voice being moved by a map."""
    labels = []
    for author, relation in relations.items():
        for tier, name, units in (("words", "voice", relation.xs), ("gestures", "film", relation.ys)):
            late = late_ms * MS if name == "voice" else 0
            for unit in units:
                anchor = Anchor(name, (unit.start + late, unit.end + late))
                labels.append(Annotation(f"{author} {unit.id}", tier, unit.label, (anchor,), author))
        made = {label.id: label for label in labels}
        for link in relation.links:
            names = f"{author} {relation.xs[link.x].id}", f"{author} {relation.ys[link.y].id}"
            ends = tuple(replace(made[name].anchors[0], target=f"label:{name}") for name in names)
            labels.append(Annotation(f"{author} {link.id}", "affiliation", link.label, ends, author))
    streams = (stream("film", Modality.VIDEO), stream("voice", Modality.AUDIO, late_ms))
    return Record("r", streams, reference="film", annotations=tuple(labels))
