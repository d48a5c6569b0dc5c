"""Checks of what is there: modalities that are missing, cut short, empty or unreadable."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from inspector.audit.checks import Stage, check
from inspector.audit.label import source_of
from inspector.core.findings import Finding, Status
from inspector.core.identity import content_of
from inspector.core.model import Coverage, Modality
from inspector.core.times import NS, clock_text

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from inspector.audit.case import Case, Facts, Gathered
    from inspector.core.model import Problem, Stream

IN_FILMS = (Modality.AUDIO, Modality.TEXT)
"""Modalities that may lie inside a film's container, where no index sees them."""

missing = check(
    "coverage.missing",
    "A modality that the record should have is not there",
    """Every record is expected to have what the dataset's own table promises and what at least half of the
    records have. A sound may lie inside a film: such a record is opened before anything is said of it.
    Source: the dataset's schema; the share is ours. There is no repair: find the file or flag the record.""",
)

truncated = check(
    "coverage.truncated",
    "A film, sound or other stream ends before the record does",
    """The container declares a longer track than it holds, its packets end in a torn one, or the stream ends
    earlier than the streams beside it. Two ways of counting a length (N/fps and (N-1)/fps) differ by one
    frame, which is no fault: the tolerance is one frame or 0.1 % of the length, whichever is more (ours), for
    what is declared, and 5 % for what only its neighbours tell. `value` is what is wanting, the finding's
    span where.""",
    "s",
)

unreadable = check(
    "coverage.unreadable",
    "A file of the record is empty, torn or of another kind than its name says",
    """The reader met a file that it cannot read as what it is listed for; or a film or sound opened, but
    killed, hung or failed the decoder, which runs in a process of its own for that reason.""",
)


partial = check(
    "coverage.partial",
    "A file was read only in part",
    """The reader met cues, rows, labels or stamps that it could not read, and went on without them. What cuts
    a stream short or keeps it from being read at all is told by the other checks of this family. Only
    suspect: whether what is lost matters, the curator knows.""",
)


duplicate = check(
    "coverage.duplicate",
    "Two records share a film or a sound",
    """Files of equal content (size, head, tail and blocks between) that two records hold as their own film,
    sound or sensor. Only suspect: one film may be cut into several records, which is no fault and is left
    out. In training data a record that is there twice weighs twice, and leaks from one split into
    another.""",
)


@duplicate.at(Stage.DATASET)
def _twice(gathered: Gathered) -> Iterator[Finding]:
    first: dict[str, tuple[str, str]] = {}
    for case in gathered.cases():
        told = set()
        for stream in case.record.of(Modality.VIDEO, Modality.AUDIO, Modality.SENSOR):
            source = stream.source
            if source.start_ns is not None or source.row_start is not None or source.path in told:
                continue  # a part of a longer file, or its second track
            told.add(source.path)
            try:
                content = content_of(str(source.path))
            except OSError:
                continue
            other = first.setdefault(content, (case.record.id, stream.id))
            if other[0] != case.record.id and gathered.asked(case.record.id):
                yield gathered.facts.finding(
                    "coverage.duplicate",
                    case.record.id,
                    streams=(stream.id,),
                    status=Status.SUSPECT,
                    severity=0.6,
                    message=f"the same content as {other[1]} of {other[0]}",
                )


@partial.at(Stage.RECORD)
def _partial(case: Case) -> Iterator[Finding]:
    for path, told in _by_file(case).items():
        streams = [stream for stream in case.record.streams if stream.clock.id == path]
        if any(stream.meta.get("truncated") for stream in streams) or _unread_file(case, path):
            continue  # coverage.truncated or coverage.unreadable tells it
        yield case.finding(
            "coverage.partial",
            streams=tuple(stream.id for stream in streams) or (_stem(path),),
            status=Status.SUSPECT,
            severity=0.35,
            message=_in_one(told),
        )


def _by_file(case: Case) -> dict[str, list[Problem]]:
    """What the reader said of each file: one file, one cause."""
    found: dict[str, list[Problem]] = {}
    for problem in case.record.problems:
        if not problem.message.startswith("no reader for"):
            found.setdefault(problem.path, []).append(problem)
    return found


def _unread_file(case: Case, path: str) -> bool:
    """Whether nothing at all came of a file: no stream and no label."""
    record = case.record
    if any(stream.clock.nominal or stream.clock.id == path for stream in record.streams):
        return False  # with nominal clocks no stream names its file
    return not any(source_of(label) == _stem(path) for label in record.annotations)


def _stem(path: str) -> str:
    return path.rsplit("/", 1)[-1].rsplit(".", 1)[0]


def _in_one(told: list[Problem]) -> str:
    more = f" (and {len(told) - 1} more of this file)" if len(told) > 1 else ""
    return f"{told[0]}{more}"


@missing.at(Stage.INDEX)
def _missing_in_index(facts: Facts) -> Iterator[Finding]:
    for modality in facts.expected:
        if _hides(facts, modality):
            continue
        for record_id in facts.without(modality):
            if (record_id, modality) in facts.excused:
                continue
            yield _gone(facts, record_id, modality)


def _hides(facts: Facts, modality: Modality) -> bool:
    return modality in IN_FILMS[:1] and Modality.VIDEO in facts.shares


def _candidates(facts: Facts) -> Collection[str]:
    return {
        record_id
        for modality in facts.expected
        if _hides(facts, modality)
        for record_id in facts.without(modality)
    }


missing.among = _candidates


@missing.at(Stage.RECORD)
def _missing_in_record(case: Case) -> Iterator[Finding]:
    for modality in case.facts.expected:
        if (case.record.id, modality) in case.facts.excused:
            continue
        if _hides(case.facts, modality) and case.coverage.get(modality) is Coverage.ABSENT:
            yield _gone(case.facts, case.record.id, modality)


def _gone(facts: Facts, record_id: str, modality: Modality) -> Finding:
    share = facts.shares.get(modality, 0.0)
    return facts.finding(
        "coverage.missing",
        record_id,
        streams=(modality.value,),
        status=Status.FAILED,
        severity=0.8,
        message=f"no {modality.value}; {share:.0%} of the records have one",
    )


@truncated.at(Stage.RECORD)
def _cut_short(case: Case) -> Iterator[Finding]:
    """A stream whose container says that it is torn, else one that ends well before its neighbours."""
    record = case.record
    ends = {
        stream.id: span[1]
        for stream in record.of(Modality.VIDEO, Modality.AUDIO, Modality.SENSOR)
        if (span := stream.reference_span) is not None
    }
    done: set[str] = set()
    for stream in record.of(Modality.VIDEO, Modality.AUDIO, Modality.SENSOR):
        if stream.id not in ends or stream.clock.id in done or stream.clock.nominal:
            continue
        torn = [each for each in record.streams if each.clock.id == stream.clock.id and each.id in ends]
        torn = [each for each in torn if each.meta.get("truncated")] or [stream]
        shortest = min(torn, key=lambda each: ends[each.id])
        end = ends[shortest.id]
        named = (shortest.id, *(each.id for each in torn if each is not shortest))
        others = sorted(value for name, value in ends.items() if name not in named)
        told = next((each.message for each in record.problems if each.path == stream.clock.id), "")
        if stream.meta.get("truncated"):
            done.add(stream.clock.id)  # the tracks of one file that is torn are one finding
            yield _ends(case, named, end, max([end, *others]), told or "its last packets are torn", 0.9)
        elif len(others) >= 2 and (typical := others[len(others) // 2]) - end > max(0.05 * typical, NS):
            why = f"ends at {clock_text(end)}, the other streams at {clock_text(typical)}"
            yield _ends(case, (stream.id,), end, typical, why, 0.7)


def _ends(case: Case, streams: tuple[str, ...], end: int, should: int, why: str, weight: float) -> Finding:
    return case.finding(
        "coverage.truncated",
        streams=streams,
        span=(end, max(end, should)),
        value=max(should - end, 0) / NS,
        status=Status.FAILED,
        severity=weight,
        message=why,
    )


@unreadable.at(Stage.RECORD)
def _unread(case: Case) -> Iterator[Finding]:
    unread = {path: told for path, told in _by_file(case).items() if _unread_file(case, path)}
    for path, told in unread.items():
        yield case.finding(
            "coverage.unreadable",
            streams=(_stem(path),),
            status=Status.FAILED,
            severity=0.85,
            message=_in_one(told),
        )
    for modality, state in case.record.coverage.items():
        if unread or state not in (Coverage.EMPTY, Coverage.UNREADABLE):
            continue
        lines = [str(problem) for problem in case.record.problems][:3]
        yield case.finding(
            "coverage.unreadable",
            streams=(modality.value,),
            status=Status.FAILED,
            severity=0.85,
            message=f"{modality.value} {state.value}: {'; '.join(lines) or 'no stream in it can be read'}",
        )


@unreadable.at(Stage.DECODE)
def _undecodable(case: Case) -> Iterator[Finding]:
    for stream in case.record.of(Modality.VIDEO, Modality.AUDIO):
        if stream.modality is Modality.VIDEO:
            case.film(stream)
        else:
            case.sound(stream)
    for stream in case.record.of(Modality.SENSOR):
        case.series(stream)
    for stream_id, why in case.broken.items():
        yield case.finding(
            "coverage.unreadable",
            streams=(stream_id,),
            status=Status.FAILED,
            severity=0.95,
            message=why,
        )


FOLLOW = ("coverage.unreadable", "coverage.frame_count", "timing.frames", "content.")


def under_damage(case: Case, found: list[Finding]) -> list[Finding]:
    """One cause, one finding: what decoding shows of a file that is told to be damaged follows from that, and
    is only suspect."""
    failed = [each for each in found if each.status is Status.FAILED and each.check.startswith(FOLLOW)]
    if not failed:
        return found
    told = {stream.clock.id for each in _cut_short(case) for stream in _named(case, each)}
    told |= {stream.clock.id for each in _partial(case) for stream in _named(case, each)}
    clocks = {stream.id: stream.clock.id for stream in case.record.streams}

    def follows(each: Finding) -> bool:
        return each in failed and bool(each.streams) and clocks.get(each.streams[0]) in told

    return [
        replace(
            each,
            status=Status.SUSPECT,
            severity=each.severity / 2,
            message=f"{each.message}; this follows from the damage to its file that is told",
        )
        if follows(each)
        else each
        for each in found
    ]


def _named(case: Case, finding: Finding) -> Iterator[Stream]:
    return (stream for stream in case.record.streams if stream.id in finding.streams)
