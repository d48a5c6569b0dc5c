"""What is to be released: which records and streams, on which side of the split, and what is left out."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

from inspector.core.times import NS, s_from_ns
from inspector.errors import InspectorError
from inspector.media.annotators import exact_ns
from inspector.release.listed import read_list
from inspector.release.policy import held_back
from inspector.release.sides import Sketches, read_sides
from inspector.release.splits import Assigned, assign

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import pyarrow as pa

    from inspector.core.curation import Curation
    from inspector.core.desk import Desk
    from inspector.core.model import Coverage, Cue, Dataset, Modality, Record, Span, Stream

KEEPS = "flag IS DISTINCT FROM 'reject'"
"""Which records are released where no condition is named."""


class Opened(Protocol):
    """What a release needs of a session."""

    dataset: Dataset
    desk: Desk

    @property
    def root(self) -> Path:
        """Where the dataset lies."""
        ...

    @property
    def index(self) -> pa.Table:
        """One row a record."""
        ...

    @property
    def curation(self) -> Curation:
        """What was decided."""
        ...

    @property
    def modalities(self) -> tuple[Modality, ...]:
        """Of the dataset."""
        ...

    def record(self, record_id: str, load: Callable[[str], Record] | None = None) -> Record:
        """The effective record; `load` in place of the dataset's own."""
        ...

    def record_ids(self) -> list[str]:
        """In the order of the dataset."""
        ...

    def row_of(self, record_id: str) -> int:
        """A row of the index."""
        ...

    def where(self, condition: str, timeout_s: float | None = None) -> list[str]:
        """Records that a condition holds for."""
        ...

    def cues(self, stream: Stream) -> tuple[Cue, ...]:
        """Of a text stream, in local time."""
        ...

    def coverage(self, record: Record) -> dict[Modality, Coverage]:
        """What is there of each modality."""
        ...


@dataclass(frozen=True, slots=True)
class Choice:
    """What somebody asked for. `records` goes before `where`; None means all that are not rejected."""

    where: str | None = None
    records: tuple[str, ...] | None = None
    form: str = "folder"
    moments: Path | None = None
    """A list of record_id, start_s, end_s: clips of these in place of whole records."""
    modalities: frozenset[str] | None = None
    """Streams of these alone; None for all."""
    proven: Mapping[str, frozenset[str]] | None = None
    """Of each record these streams alone (what an audit proved), and no record without any; None for all."""
    authors: frozenset[str] | None = None
    """Labels of these alone; None for all."""
    split: str | None = "split"
    """How sides are given (release.splits), or the column whose value is one; None: no sides."""
    seed: int = 0
    """Of the sides."""
    fixes: str = "files"
    """Where fixes go: into the `files` as far as these can carry them, or into the `manifest` alone."""
    hashes: str = "none"
    """Hashes of what is in the tracks, besides those of the files: none, coded or decoded."""
    strict: bool = False
    name: str = ""
    note: str = ""
    parent: Path | None = None
    """The release that this one follows: its records stay on their sides."""

    def chosen(self) -> dict[str, Any]:
        """As the card tells it."""
        listed = None if self.records is None else len(self.records)
        names = ("where", "modalities", "authors", "split", "seed", "fixes", "hashes", "strict")
        told = {each: getattr(self, each) for each in names}
        sets = {each: sorted(told[each]) for each in ("modalities", "authors") if told[each] is not None}
        moments = None if self.moments is None else self.moments.name
        return {**told, **sets, "records": listed, "moments": moments, "proven": self.proven is not None}


@dataclass(frozen=True, slots=True)
class Plan:
    """Records to release in the dataset's order, each with its split; how many were left out by reason.

    Of moments `ids` are new ones, `sources` the records that they are of, and `spans` where (reference ns).
    """

    choice: Choice
    ids: tuple[str, ...]
    splits: tuple[str, ...]
    left_out: dict[str, int] = field(default_factory=dict)
    told: tuple[str, ...] = ()
    """What is to be said of it."""
    assigned: Assigned | None = None
    """The sides, to be remembered once the release is there."""
    sketches: Sketches = field(default_factory=dict)
    sources: tuple[str, ...] | None = None
    spans: tuple[Span, ...] | None = None
    held_back: dict[str, str] = field(default_factory=dict)
    """Records that were chosen and may not leave, each with the reason (`release.policy`)."""

    def source(self, number: int) -> str:
        """The dataset's record that one of the plan's is, or is a moment of."""
        return self.ids[number] if self.sources is None else self.sources[number]

    def span(self, number: int) -> Span | None:
        """The moment that one of the plan's records is; None for a whole record."""
        return None if self.spans is None else self.spans[number]


def make_plan(session: Opened, choice: Choice, told: Callable[[int], None] | None = None) -> Plan:
    """The plan of a choice. InspectorError where the condition is none, or holds for nothing.

    `told` hears how many records were looked into for what they share, and may raise Cancelled.
    """
    everything = session.record_ids()
    left: Counter[str] = Counter()
    moments = None if choice.moments is None else read_moments(session, choice.moments)
    if choice.records is not None:
        for each in choice.records:
            session.row_of(each)
        wanted = set(choice.records)
    elif choice.where is not None:
        wanted = set(session.where(choice.where))
    else:
        wanted = set(session.where(KEEPS))
    reason = "flagged reject" if choice.records is None and choice.where is None else "not chosen"
    held = {each: why for each, why in held_back(session).items() if each in wanted}
    wanted -= held.keys()
    left.update(held.values())
    if held and not wanted:
        some = "; ".join(f"{each}: {why}" for each, why in list(held.items())[:3])
        raise InspectorError(
            "Every record is held back", some, "`inspector policy` and the consent table say what may leave"
        )
    if moments is not None:
        left["no moment of them is in the list"] = len(wanted - moments.keys())
        wanted &= moments.keys()
    ids = tuple(each for each in everything if each in wanted)
    left[reason] = len(everything) - len(ids) - left.total()
    if choice.proven is not None:
        proven = tuple(each for each in ids if choice.proven.get(each))
        left["nothing of them is proven against the core pair"] = len(ids) - len(proven)
        ids = proven
    if not ids:
        raise InspectorError(
            "There is nothing to export",
            choice.where or "; ".join(f"{count} records: {why}" for why, count in left.items() if count),
            "Name other records with --where",
        )
    before = read_sides(session.desk.workspace.folder, choice.parent)
    assigned = assign(session, ids, choice.split, choice.seed, before, told)
    kept = [(each, split) for each, split in zip(ids, assigned.splits, strict=True) if split is not None]
    if not kept:
        raise InspectorError(
            "There is nothing to export", "; ".join(assigned.left_out), "Name one more side for new records"
        )
    plan = Plan(
        choice,
        tuple(each for each, _ in kept),
        tuple(split for _, split in kept),
        dict(+left + assigned.left_out),
        tuple(assigned.told),
        assigned,
        before.sketches,
        held_back=held,
    )
    return plan if moments is None else _of_moments(plan, moments)


def _of_moments(plan: Plan, moments: Mapping[str, Sequence[Span]]) -> Plan:
    """The plan with every moment in place of its record, by time."""
    rows = [
        (each, split, span)
        for each, split in zip(plan.ids, plan.splits, strict=True)
        for span in moments[each]
    ]
    return replace(
        plan,
        ids=_moment_ids([(each, span) for each, _, span in rows]),
        splits=tuple(split for _, split, _ in rows),
        sources=tuple(each for each, _, _ in rows),
        spans=tuple(span for _, _, span in rows),
    )


def _moment_ids(moments: Sequence[tuple[str, Span]]) -> tuple[str, ...]:
    """An id for each: its record and seconds to the ms, or to the ns where two would be one."""

    def text(ns: int, digits: int) -> str:
        if digits == 3:
            return f"{s_from_ns(ns):.3f}"
        return f"{'-' if ns < 0 else ''}{abs(ns) // NS}.{abs(ns) % NS:09d}"

    def named(each: str, span: Span, digits: int) -> str:
        return f"{each} {text(span[0], digits)}-{text(span[1], digits)}"

    ids = [named(*moment, 3) for moment in moments]
    counts = Counter(ids)
    return tuple(
        id_ if counts[id_] == 1 else named(*moment, 9) for id_, moment in zip(ids, moments, strict=True)
    )


def read_moments(session: Opened, path: Path) -> dict[str, list[Span]]:
    """The moments of each record in a list, by time, each once. InspectorError for a row that is none."""
    found: dict[str, set[Span]] = {}
    for number, row in enumerate(read_list(path, ("record_id", "start_s", "end_s")), 1):
        record_id = str(row["record_id"])
        session.row_of(record_id)
        start, end = exact_ns(row["start_s"]), exact_ns(row["end_s"])
        if start is None or end is None or not 0 <= start < end:
            raise InspectorError(
                "A moment starts before it ends, at 0 or later",
                f"{path}, row {number}: {record_id}, {row['start_s']!r} to {row['end_s']!r}",
            )
        found.setdefault(record_id, set()).add((start, end))
    return {record_id: sorted(spans) for record_id, spans in found.items()}


def chosen_part(record: Record, choice: Choice) -> Record:
    """The record with the chosen streams and labels alone; anchors on other streams go with them."""
    if choice.proven is not None:
        only = choice.proven.get(record.id, frozenset())
        record = replace(record, streams=tuple(each for each in record.streams if each.id in only))
    if choice.modalities is not None:
        streams = tuple(each for each in record.streams if each.modality.value in choice.modalities)
        record = replace(record, streams=streams)
    there = {each.id for each in record.streams}
    labels = []
    for label in record.annotations:
        if choice.authors is not None and label.author not in choice.authors:
            continue
        anchors = tuple(each for each in label.anchors if each.stream_id is None or each.stream_id in there)
        if anchors or not label.anchors:
            labels.append(replace(label, anchors=anchors))
    reference = record.reference if record.reference in there else None
    return replace(record, annotations=tuple(labels), reference=reference)
