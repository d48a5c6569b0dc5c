"""What a tier may hold: its labels with definitions, and the modalities that each must be anchored in.

Declarations stand in the journal under the dataset itself (`edits.DATASET`), so that they are undone, merged
and signed like every other decision.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from inspector.core.annotate import RECHECK
from inspector.core.model import Modality
from inspector.core.places import part
from inspector.errors import InspectorError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from inspector.core.model import Annotation, Record
    from inspector.core.state import Value

KEYS = "123456789"


@dataclass(frozen=True, slots=True)
class Entry:
    """One label of a vocabulary, and what it means."""

    label: str
    definition: str = ""


@dataclass(frozen=True, slots=True)
class Tier:
    """The first nine entries have the number keys. A label lies in all of `requires`, or is incomplete."""

    name: str
    entries: tuple[Entry, ...] = ()
    requires: tuple[Modality, ...] = ()

    def label_of(self, key: int) -> str | None:
        """The label of a number key, from 1; None where there are fewer."""
        return self.entries[key - 1].label if 0 < key <= min(len(self.entries), len(KEYS)) else None

    def missing(self, record: Record, label: Annotation) -> tuple[Modality, ...]:
        """The modalities that a label must be anchored in and is not: with any it does not count as done."""
        kinds = {stream.id: stream.modality for stream in record.streams}
        met = {kinds.get(anchor.stream_id or "") for anchor in label.anchors}
        return tuple(each for each in self.requires if each not in met)


def lacks(record: Record, label: Annotation) -> tuple[str, ...]:
    """The modalities that a label's tier asks for and it is not anchored in, as the record's meta tell."""
    asked = dict(record.meta.get("requires", {})).get(label.tier, ())
    tier = Tier(label.tier, (), tuple(map(Modality, asked)))
    return tuple(each.value for each in tier.missing(record, label)) if asked else ()


def demanding(record: Record, tiers: Iterable[Tier]) -> Record:
    """A record whose meta tell, under `requires`, what the labels of each tier must be anchored in."""
    asked = {tier.name: [each.value for each in tier.requires] for tier in tiers if tier.requires}
    return replace(record, meta={**record.meta, "requires": asked}) if asked else record


@dataclass(frozen=True, slots=True)
class Progress:
    """How many labels there are, and of them: done, not anchored as their tier asks, to be checked again."""

    labels: int = 0
    done: int = 0
    incomplete: int = 0
    again: int = 0


def tier_path(name: str) -> str:
    """Where the declaration of a tier stands."""
    return f"tiers/{part(name)}"


def tier_value(tier: Tier) -> dict[str, Any]:
    """A declaration in JSON."""
    return {
        "name": tier.name,
        "labels": [[entry.label, entry.definition] for entry in tier.entries],
        "requires": [each.value for each in tier.requires],
    }


def tier_from(value: Any) -> Tier:
    """The tier of such a value. InspectorError where it is none."""
    try:
        entries = tuple(Entry(str(label), str(definition)) for label, definition in value["labels"])
        return Tier(str(value["name"]), entries, tuple(map(Modality, value["requires"])))
    except (KeyError, TypeError, ValueError):
        raise InspectorError("It is no tier", repr(value)[:100]) from None


def tiers_of(values: Mapping[str, Value]) -> dict[str, Tier]:
    """The tiers that are declared, from what stands under the dataset; what is none is left out."""
    found = {}
    for path in sorted(values):
        if path.startswith("tiers/"):
            try:
                tier = tier_from(values[path].value)
            except InspectorError:
                continue
            found[tier.name] = tier
    return found


def known_tier(record: Record, name: str, declared: Mapping[str, Tier]) -> Tier:
    """A tier as declared, else as its file tells of it, else with the labels that it has here."""
    if name in declared:
        return declared[name]
    told: dict[str, str] = {}
    for about in record.meta.get("annotators_files", {}).values():
        told |= about.get("vocabularies", {}).get(name, {})
    if not told:
        told = dict.fromkeys(sorted({each.label for each in record.annotations if each.tier == name}), "")
    return Tier(name, tuple(Entry(label, definition) for label, definition in told.items() if label))


def usual_stream(record: Record, tier: str, default: str | None) -> str | None:
    """The stream that labels of a tier lie on here: what most of them name, else `default`."""
    named = Counter(
        anchor.stream_id
        for label in record.annotations
        if label.tier == tier
        for anchor in label.anchors[:1]
        if anchor.stream_id is not None
    )
    return named.most_common(1)[0][0] if named else default


def progress(record: Record, labels: Iterable[Annotation], declared: Mapping[str, Tier]) -> Progress:
    """Count some of a record's labels."""
    counts = [0, 0, 0, 0]
    for label in labels:
        tier = declared.get(label.tier)
        incomplete = tier is not None and bool(tier.missing(record, label))
        again = RECHECK in label.attrs
        counts[0] += 1
        counts[1] += not (incomplete or again)
        counts[2] += incomplete
        counts[3] += again
    return Progress(*counts)
