"""What is said of the whole dataset once all is measured: which pairs chance would explain, and the gates."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from inspector.audit.checks import check, checks
from inspector.audit.estimators.impostor import discoveries
from inspector.audit.gates import gates
from inspector.audit.ladder import ladder
from inspector.audit.store import Result
from inspector.core.findings import Finding, Status

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from inspector.audit.case import Facts
    from inspector.audit.purpose import Purpose
    from inspector.audit.store import Store

RATE = 0.05

held = check(
    "pairing.discoveries",
    "Pairs that chance would explain",
    """Each pair that is told by its impostors has a p-value; over the whole dataset no more than 5 % of
    those that are believed may be false (Benjamini and Hochberg 1995). What does not reach that is
    withdrawn: suspect, and without a fix. `value` is the number of pairs that stand. A dataset in which
    hardly any pair fits needs stronger evidence of each than one in which all do.""",
    "pairs",
)


def withdraw(store: Store) -> tuple[list[Result], Finding | None]:
    """The results of records whose findings rest on a pair that chance explains, put right, and what is told.

    Their keys are empty, so that the next audit measures them again: with other records they may stand.
    """
    rows = [
        row for row in store.table("states").to_pylist() if row["kind"] == "p" and row["figure"] is not None
    ]
    if not rows:
        return [], None
    stand = discoveries(np.array([row["figure"] for row in rows], np.float64), RATE)
    fallen: dict[str, set[str]] = {}
    for row, stands in zip(rows, stand.tolist(), strict=True):
        if not stands:
            fallen.setdefault(row["record_id"], set()).add(row["name"])
    by_record: dict[str, dict[str | None, list[dict[str, Any]]]] = {}

    def rows_of(name: str, record_id: str) -> list[dict[str, Any]]:
        if name not in by_record:
            by_record[name] = {}
            for row in store.table(name).to_pylist():
                by_record[name].setdefault(row["record_id"], []).append(row)
        return by_record[name].get(record_id, [])

    results, withdrawn = [], 0
    for record_id, names in fallen.items():
        known = store.of(record_id, "decode")
        changed = [_without(each) if _rests_on(each, names) else each for each in known]
        if changed != known:
            withdrawn += sum(a is not b for a, b in zip(changed, known, strict=True))
            pairs, states = (rows_of(name, record_id) for name in ("pairs", "states"))
            results.append(Result(record_id, "decode", "", changed, pairs, states))
    told = (
        f"{int(stand.sum())} of {len(rows)} pairs that were held against impostors stand at a "
        f"false-discovery rate of {RATE:.0%}"
    )
    if withdrawn:
        told += f"; {withdrawn} findings that rest on others are withdrawn"
    finding = Finding(held.id, None, value=float(stand.sum()), unit=held.unit, message=told)
    return results, finding


def _rests_on(finding: Finding, names: Collection[str]) -> bool:
    offsets = ("timing.av_offset", "timing.camera_offset", "transcript.", "sensor.offset", "sensor.drift")
    return (
        finding.check.startswith(offsets)
        and finding.status is Status.FAILED
        and bool(finding.streams)
        and finding.streams[0] in names
    )


def _without(finding: Finding) -> Finding:
    told = f"{finding.message}; withdrawn: over the whole dataset chance would explain it"
    return replace(finding, status=Status.SUSPECT, fix=None, message=told, severity=0.3)


def judged(
    purpose: Purpose | None,
    store: Store,
    facts: Facts,
    streams: Mapping[str, Mapping[str, str]],
    people: Mapping[str, Collection[str]],
) -> Iterator[Finding]:
    """The gates of the purpose, where one is set."""
    if purpose is None:
        return
    checks.all()
    rungs = ladder(store.table("pairs").to_pylist(), streams, facts.limits)
    yield from gates(purpose, len(facts.index), store.findings(), rungs, people)
