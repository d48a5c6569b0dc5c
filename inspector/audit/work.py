"""One record through the checks of one stage: what a thread here and a task of a cluster run alike."""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from inspector.audit import voice
from inspector.audit.checks import Check, Stage, checks
from inspector.audit.coverage import under_damage
from inspector.audit.store import Result
from inspector.core.cache import file_key
from inspector.core.findings import Finding, Status
from inspector.errors import Cancelled, InspectorError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from inspector.audit.case import Case, Facts
    from inspector.core.model import Record, Stream

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Order:
    """What is asked of a record. `told` are all checks of the stage with their versions and tolerances: with
    the record's content, a result's key; `known` is the key that is stored."""

    record_id: str
    stage: Stage
    checks: tuple[str, ...]
    told: list[Any]
    known: str | None = None


@dataclass
class Done:
    """A record's result, and what the whole run needs to know of the record. `kept`: the stored one holds."""

    result: Result
    content: str = ""
    streams: dict[str, str] = field(default_factory=dict)
    people: frozenset[str] = frozenset()
    kept: bool = False


def run_order(order: Order, facts: Facts, case_of: Callable[[str], Case]) -> Done:
    """Do what is asked. A record that cannot be loaded is a finding of the RECORD stage; raises only
    Cancelled."""
    record_id, stage = order.record_id, order.stage
    try:
        case = case_of(record_id)
    except InspectorError as error:
        found = [
            facts.finding(
                "coverage.unreadable", record_id, status=Status.FAILED, severity=1.0, message=str(error)
            )
        ]
        return Done(Result(record_id, stage, "", found if stage is Stage.RECORD else []))
    content = content_of_record(case.record)
    key = digest([content, order.told])
    done = Done(
        Result(record_id, stage, key),
        content,
        {each.id: each.modality.value for each in case.record.streams},
        frozenset(each.person for each in case.record.streams if each.person),
        kept=order.known == key,
    )
    if not done.kept:
        findings: list[Finding] = []
        for each in chosen_checks(order.checks):
            findings += guarded(each, stage, case, record_id)
        if stage is Stage.DECODE:
            findings = under_damage(case, findings)
        done.result = Result(record_id, stage, key, findings, case.pairs, case.states)
    return done


def chosen_checks(names: Iterable[str]) -> list[Check]:
    """The checks of these names, none meaning all. InspectorError for a name that no check has."""
    names = list(names)
    if not names:
        return [entry.value for entry in checks.all()]
    return [checks.get(name) for name in dict.fromkeys(names)]


def told_of_checks(stage: Stage, facts: Facts) -> list[Any]:
    """The checks of a stage with their versions and tolerances, and what else their findings hang on."""
    told: list[Any] = [
        [each.id, each.version, facts.limits(each.id)] for each in chosen_checks(()) if stage in each.stages
    ]
    return [*told, ["vad"]] if stage is Stage.DECODE and voice.installed() else told


def content_of_record(record: Record) -> str:
    """What a record's results are made from: files, time maps, labels and what its reader said."""
    told: list[Any] = [
        [
            stream.id,
            _content(stream),
            [stream.source.track, stream.source.start_ns, stream.source.end_ns],
            [stream.source.row_start, stream.source.row_end],
            *([stream.meta["ingest"]] if "ingest" in stream.meta else []),
            stream.timemap.anchors,
            stream.span,
        ]
        for stream in record.streams
    ]
    told.append([repr(label) for label in record.annotations])
    told += [
        [stream.id, stream.meta["corrections"]] for stream in record.streams if "corrections" in stream.meta
    ]
    told += [[each] for each in record.meta.get("expected_absent", ())]
    told += [["requires", record.meta["requires"]]] if "requires" in record.meta else []
    told.append([str(problem) for problem in record.problems])
    told.append([record.reference, sorted((a.value, b.value) for a, b in record.coverage.items())])
    return digest(told)


def digest(told: Sequence[Any]) -> str:
    """A hash of plain values."""
    text = json.dumps(told, ensure_ascii=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _content(stream: Stream) -> str:
    try:
        return file_key(stream.source.path)
    except OSError:
        return ""


def guarded(one: Check, stage: Stage, what: Any, record_id: str | None) -> list[Finding]:
    """What a check finds; a fault of ours in it is told as not measurable, and the others go on."""
    run: Callable[[Any], Iterable[Finding]] = one.stages[stage]
    try:
        return list(run(what))
    except Cancelled:
        raise
    except InspectorError as error:
        why = str(error)
    except Exception as error:
        log.exception("%s on %s", one.id, record_id)
        why = f"a fault of Inspector, please report it: {type(error).__name__}: {error}"[:400]
    return [Finding(one.id, record_id, status=Status.NOT_MEASURABLE, message=why, unit=one.unit)]
