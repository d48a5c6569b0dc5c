"""The ladder: which modalities are proven to share their moments, in pairs first, then in threes and fours.

A pair of streams is proven where it was measured, by a method that measures (the stamps of one container
prove nothing), and lies within its tolerance. Modalities are proven together in a record where proven pairs
join a stream of each. So that depth comes before breadth: four modalities that nothing joins are no
multimodal record.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from inspector.audit.case import outside
from inspector.audit.pair import CONTAINER
from inspector.core.model import Modality

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from inspector.audit.checks import Limits

DEEPEST = 4
OF = {Modality.VIDEO: "timing.camera_offset", Modality.AUDIO: "timing.av_offset"}
OF |= {Modality.TEXT: "transcript.offset", Modality.SENSOR: "sensor.offset"}


@dataclass(frozen=True, slots=True)
class Rung:
    """These modalities are all in `records` records, joined by measured pairs in `measured` of them, and
    within tolerance in `proven`."""

    modalities: tuple[str, ...]
    records: int
    measured: int
    proven: int

    @property
    def share(self) -> float:
        """Proven records of those that have all of these."""
        return self.proven / self.records if self.records else 0.0


def check_of(modality: str) -> str:
    """The check whose tolerance holds for a stream of this modality."""
    return OF.get(Modality(modality), "sensor.offset")


def ladder(
    pairs: Iterable[Mapping[str, Any]],
    streams: Mapping[str, Mapping[str, str]],
    limits: Callable[[str], Limits],
) -> list[Rung]:
    """The rungs, pairs first. `pairs` are rows of the SQL table, `streams` the modality of each stream by
    record, `limits` the tolerance of a check."""
    edges = _edges(pairs, streams, limits)
    counted: dict[tuple[str, ...], list[int]] = defaultdict(lambda: [0, 0, 0])
    order = [each.value for each in Modality]
    for record_id, known in streams.items():
        there = sorted(set(known.values()), key=order.index)
        told = [_joined(known, edges.get(record_id, ()), only_right) for only_right in (False, True)]
        for size in range(2, min(len(there), DEEPEST) + 1):
            for group in itertools.combinations(there, size):
                count = counted[group]
                count[0] += 1
                for place, parts in enumerate(told, 1):
                    count[place] += any(set(group) <= part for part in parts)
    return [
        Rung(group, *count)
        for group, count in sorted(counted.items(), key=lambda each: (len(each[0]), -each[1][0], each[0]))
    ]


def proven(
    pairs: Iterable[Mapping[str, Any]],
    streams: Mapping[str, Mapping[str, str]],
    limits: Callable[[str], Limits],
    core: tuple[str, str],
) -> dict[str, frozenset[str]]:
    """Of each record the streams that proven pairs join to both modalities of `core`; none: it has no such.

    Where several sets of streams hold both, the one with most streams counts, ties by name.
    """
    edges = _edges(pairs, streams, limits)
    found = {}
    for record_id, known in streams.items():
        sets = _sets(known, edges.get(record_id, ()), True)
        whole = [names for names in sets if set(core) <= {known[name] for name in names}]
        best = max(sorted(whole, key=sorted), key=len, default=set())
        found[record_id] = frozenset(best)
    return found


def _edges(
    pairs: Iterable[Mapping[str, Any]],
    streams: Mapping[str, Mapping[str, str]],
    limits: Callable[[str], Limits],
) -> dict[str, list[tuple[str, str, bool]]]:
    """By record the measured pairs of streams that are there, and whether each lies within its tolerance."""
    edges: dict[str, list[tuple[str, str, bool]]] = defaultdict(list)
    for row in pairs:
        known = streams.get(row["record_id"], {})
        offset, a, b = row["offset_ms"], row["stream_a"], row["stream_b"]
        if row["status"] != "ok" or row["method"] == CONTAINER or offset is None:
            continue
        if a in known and b in known:
            right = not outside(offset, limits(check_of(known[b])))
            edges[row["record_id"]].append((a, b, right))
    return edges


def _joined(
    known: Mapping[str, str], edges: Iterable[tuple[str, str, bool]], only_right: bool
) -> list[set[str]]:
    """The modalities of each set of streams that edges join."""
    return [{known[name] for name in names} for names in _sets(known, edges, only_right)]


def _sets(
    known: Mapping[str, str], edges: Iterable[tuple[str, str, bool]], only_right: bool
) -> list[set[str]]:
    """The sets of streams that edges join."""
    group = {name: name for name in known}

    def root(name: str) -> str:
        while group[name] != name:
            name = group[name]
        return name

    for a, b, right in edges:
        if right or not only_right:
            group[root(a)] = root(b)
    parts: dict[str, set[str]] = defaultdict(set)
    for name in known:
        parts[root(name)].add(name)
    return list(parts.values())
