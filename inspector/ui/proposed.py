"""What is proposed for a stream, and what accepting it writes."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from inspector.core.effective import (
    evidence_path,
    ingest_path,
    moved_together,
    timemap_path,
    timemap_value,
)
from inspector.core.model import Modality
from inspector.core.proposal import Tie, moved_by, moves_said, residuals_ns, retimed
from inspector.core.times import clock_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from inspector.core.edits import Change
    from inspector.core.model import Record, Stream
    from inspector.core.proposal import PairChange
    from inspector.core.timemap import TimeMap
    from inspector.session import Session


@dataclass(slots=True)
class Proposal:
    """What is proposed for a stream of the record on show."""

    stream_id: str
    timemap: TimeMap
    title: str = ""
    method: str = ""
    confidence: float | None = None
    also: tuple[str, ...] = ()
    """Streams that go along which neither share its clock nor are derived from it."""
    ties: list[Tie] = field(default_factory=list)
    weighed: Mapping[str, Any] = field(default_factory=dict)
    """How it fits, as the audit's methods measured it (`audit.after`); empty where they did not."""
    reread: Stream | None = None
    """The stream by another column of times, where one is proposed (`readers.ingest`)."""


def to_move(record: Record) -> str:
    """The stream that is offered first: the first sound, else any but the reference."""
    order = sorted(record.streams, key=lambda each: (each.id == record.reference, each.modality != "audio"))
    return order[0].id if order else ""


def tried(record: Record, proposal: Proposal, alone: bool) -> Record:
    """The record as a proposal would make it. KeyError where there is no such stream."""
    if proposal.reread is not None:
        streams = (
            replace(proposal.reread, timemap=each.timemap) if each.id == proposal.stream_id else each
            for each in record.streams
        )
        record = replace(record, streams=tuple(streams))
    return retimed(record, proposal.stream_id, proposal.timemap, alone, proposal.also)


def reread_said(record: Record, proposal: Proposal) -> list[str]:
    """What another column of times makes of a stream, a line before and a line after; nothing without one."""
    if proposal.reread is None:
        return []
    return [
        f"{when}: {each.source.time_column or 'no column of times'}, {_lies(each)}"
        for when, each in (("now", record.stream(proposal.stream_id)), ("then", proposal.reread))
    ]


def proposed_said(proposal: Proposal, stream: Stream) -> str:
    """What a proposal does to the stream, in one line."""
    moves = f"{stream.id} {moves_said(stream.timemap, proposal.timemap)}"
    if proposal.reread is None:
        return moves
    return proposal.title if proposal.timemap == stream.timemap else f"{moves}, by another column of times"


def _lies(stream: Stream) -> str:
    if stream.span is None:
        return "nowhere on the timeline"
    start, end = map(clock_text, stream.span)
    return f"{start} to {end}" + (f", {stream.rate:.4g} a second" if stream.rate else "")


def loose_texts(record: Record, stream_id: str) -> list[str]:
    """The transcripts that nothing binds to a sound, where it is a sound that moves."""
    bound = moved_together(record, stream_id)
    texts = [each.id for each in record.of(Modality.TEXT) if each.id not in bound]
    return texts if record.stream(stream_id).modality is Modality.AUDIO else []


def only_maps(shown: Record, record: Record) -> bool:
    """Whether two states of a record differ in nothing but the maps of their streams."""
    if len(shown.streams) != len(record.streams):
        return False
    plain = tuple(
        replace(new, timemap=old.timemap, meta=old.meta)
        for old, new in zip(shown.streams, record.streams, strict=True)
    )
    return replace(record, streams=plain) == shown


def note_of(proposal: Proposal) -> str:
    """How it was found and how sure that is, for the edit's note."""
    parts = [proposal.method] if proposal.method else []
    if proposal.ties:
        parts.append(f"{len(proposal.ties)} ties")
    if len(proposal.ties) > 2:
        worst = max(abs(each) for each in residuals_ns(proposal.ties)) / 1e6
        parts.append(f"residual at most {worst:.1f} ms")
    told = proposal.weighed
    if told:
        still = "" if told["holds"] else "still "
        parts.append(f"measured with it by {told['method']}: {still}{told['late_ms']:.0f} ms late")
    parts.append(
        "confidence not measured" if proposal.confidence is None else f"confidence {proposal.confidence:.2f}"
    )
    return ", ".join(parts)


def changes_of(
    session: Session, ids: Sequence[str], proposal: Proposal, alone: bool
) -> tuple[list[Change], int]:
    """The changes that take the proposal over in these records, the first being the one it was made on; and
    how many of them have no such stream."""
    changes: list[Change] = []
    left = 0
    first = session.record(ids[0]).stream(proposal.stream_id).timemap
    by = moved_by(first, proposal.timemap)
    for place, record_id in enumerate(ids):
        record = session.record(record_id)
        stream = next((each for each in record.streams if each.id == proposal.stream_id), None)
        if stream is None:
            left += 1
            continue
        timemap = proposal.timemap if place == 0 else stream.timemap.then(by)
        after = retimed(record, stream.id, timemap, alone, proposal.also)
        for old, new in zip(record.streams, after.streams, strict=True):
            if old.timemap != new.timemap:
                value = timemap_value(new.timemap)
                changes.append(session.curation.change(record_id, timemap_path(new.id), value))
        if proposal.reread is not None:
            value = proposal.reread.meta["ingest"]
            changes.append(session.curation.change(record_id, ingest_path(stream.id), value))
            if timemap == stream.timemap:
                continue
        told = {
            "method": proposal.method or "by hand",
            "late_ms": round((timemap.late_ns - stream.timemap.late_ns) / 1e6, 3),
            "timemap": timemap_value(timemap),
            "confidence": None if place and proposal.weighed else proposal.confidence,
            "ties": [[each.local_ns, each.reference_ns] for each in proposal.ties] if place == 0 else [],
        }
        if proposal.weighed and place == 0:
            told["weighed"] = dict(proposal.weighed)
        changes.append(session.curation.change(record_id, evidence_path(stream.id), told))
    return changes, left


def state_said(record: Record, stream: Stream, measured: Sequence[Mapping[str, Any]]) -> tuple[str, str]:
    """How late the stream is measured to be against the reference, and by what: from the rows of `pairs`."""
    if stream.id == record.reference:
        return "The reference", "Every other stream is placed against its clock"
    for row in measured:
        late = row["offset_ms"]
        pair = (row["stream_a"], row["stream_b"])
        if late is None or set(pair) != {record.reference, stream.id}:
            continue
        late = late if pair[1] == stream.id else -late
        sure = "" if row["confidence"] is None else f", confidence {row['confidence']:.2f}"
        words = "on time" if abs(late) < 0.5 else f"{abs(late):.0f} ms {'late' if late > 0 else 'early'}"
        drift = row["drift_ppm"] if pair[1] == stream.id else -(row["drift_ppm"] or 0.0)
        if drift and abs(drift) >= 0.5:
            words += f", {abs(drift):.0f} ppm {'fast' if drift > 0 else 'slow'}"
        return words, f"{stream.id} against {record.reference}, {row['method']}{sure}"
    return "not measured", f"{stream.id} against {record.reference or 'the others'}: no audit measured it"


def measured_said(change: PairChange, measured: Sequence[Mapping[str, Any]]) -> str:
    """What the two streams of a pair were measured to be apart, and what they are then."""
    for row in measured:
        late, pair = row["offset_ms"], (row["stream_a"], row["stream_b"])
        if late is None or set(pair) != {change.stream_a, change.stream_b}:
            continue
        late = late if pair == (change.stream_a, change.stream_b) else -late
        after = late + change.later_ns / 1e6
        return f"\n    {row['method']}: {late:+.0f} → {after:+.0f} ms".replace("-", "−")
    return " (not measured)"
