"""The gates of a dataset's purpose: what it has to reach, by what was measured, and whether it does."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from inspector.audit.checks import check
from inspector.audit.purpose import Purpose
from inspector.core.findings import Finding, Status

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from inspector.audit.ladder import Rung

GATE = "purpose.gate"

gate = check(
    GATE,
    "The dataset does not reach what its purpose asks",
    """Asked only where a purpose is set. Training: 98 % of the records have all that is expected, no two
    records share a film or sound, and no person makes up more than half. Domain: nine in ten of the records
    are measured for every pair of modalities, and 95 % of those lie within tolerance. Benchmark: every pair
    of modalities is proven in every record that has both, and 95 % of the labels are grounded. All figures
    ours.""",
    "%",
)

COVERED, ONE_PERSON = 98.0, 50.0
MEASURED, PRECISE = 90.0, 95.0
PROVEN, GROUNDED = 100.0, 95.0


def gates(
    purpose: Purpose,
    records: int,
    findings: Sequence[Finding],
    rungs: Iterable[Rung],
    people: Mapping[str, Collection[str]],
) -> Iterator[Finding]:
    """One finding a gate. `people` are the persons of each record, as far as they are named."""
    pairs = [each for each in rungs if len(each.modalities) == 2]
    if purpose is Purpose.TRAINING:
        bad = {
            each.record_id
            for each in findings
            if each.check in ("coverage.missing", "coverage.unreadable", "coverage.truncated")
            and each.status is Status.FAILED
            and each.record_id is not None
        }
        share = 100 * (1 - len(bad) / max(records, 1))
        yield _gate("coverage", share, COVERED, f"{records - len(bad)} of {records} records are whole")
        twice = {each.record_id for each in findings if each.check == "coverage.duplicate" and _off(each)}
        share = 100 * (1 - len(twice) / max(records, 1))
        yield _gate("duplicates", share, 100.0, f"{len(twice)} records share a film or a sound with another")
        counted = Counter(person for names in people.values() for person in set(names))
        if not counted:
            yield _unknown("diversity", "no reader names the persons of this dataset")
        else:
            name, most = counted.most_common(1)[0]
            share = 100 * most / max(len(people), 1)
            told = f"{len(counted)} persons, {name} in {share:.0f} % of the records"
            yield _gate("diversity", share, ONE_PERSON, told, at_most=True)
    if purpose is Purpose.DOMAIN:
        for rung in pairs:
            name = "–".join(rung.modalities)
            share = 100 * rung.measured / max(rung.records, 1)
            yield _gate(f"measured {name}", share, MEASURED, f"{rung.measured} of {rung.records} records")
            if rung.measured:
                share = 100 * rung.proven / rung.measured
                told = f"{rung.proven} of {rung.measured} measured records lie within tolerance"
                yield _gate(f"precision {name}", share, PRECISE, told)
    if purpose is Purpose.BENCHMARK:
        for rung in pairs:
            name = "–".join(rung.modalities)
            told = f"{rung.proven} of {rung.records} records"
            yield _gate(f"evidence {name}", 100 * rung.share, PROVEN, told)
        whole = next(
            (each for each in findings if each.check == "label.grounding" and not each.streams), None
        )
        if whole is not None and whole.value is not None:
            yield _gate("grounding", whole.value, GROUNDED, whole.message)


def _off(finding: Finding) -> bool:
    return finding.status in (Status.FAILED, Status.SUSPECT)


def _gate(name: str, value: float, bound: float, told: str, at_most: bool = False) -> Finding:
    passed = value <= bound if at_most else value >= bound
    limits: tuple[Any, Any] = (None, bound) if at_most else (bound, None)
    return Finding(
        GATE, None, (name,), None, value, "%", limits, Status.OK if passed else Status.FAILED,
        None, 0.0 if passed else 0.9, f"{name}: {told}",
    )  # fmt: skip


def _unknown(name: str, why: str) -> Finding:
    return Finding(GATE, None, (name,), unit="%", status=Status.NOT_MEASURABLE, message=f"{name}: {why}")
