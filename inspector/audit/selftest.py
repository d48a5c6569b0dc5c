"""The ruler tested on the dataset's own records: hidden faults in copies, and what the checks make of them.

A copy is the record with one stream's TimeMap changed, or its transcript taken from another record; nothing
is decoded again and nothing is written. The truth of a copy is what was measured of the record before, and
what was put in: this tests how a check follows a change, not its bias.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from inspector.audit.case import outside
from inspector.audit.checks import Stage, checks
from inspector.core.findings import Finding, Status
from inspector.core.model import Modality
from inspector.core.timemap import TimeMap
from inspector.core.times import NS
from inspector.errors import InspectorError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from inspector.audit.case import Case, Facts
    from inspector.core.model import Record, Stream

CHECK = "audit.self_test"
OF = {
    Modality.AUDIO: "timing.av_offset",
    Modality.VIDEO: "timing.camera_offset",
    Modality.TEXT: "transcript.offset",
    Modality.SENSOR: "sensor.offset",
}
SHIFTS_MS = (20.0, 3000.0)
DRIFTS_PPM = (100.0, 8000.0)
NEAR = 0.5
"""A figure this share of the tolerance's half width off the truth is right."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One hidden fault: what was put in, and what the check said."""

    check: str
    kind: str
    true: float
    found: float | None
    status: Status
    confidence: float
    fixed: bool
    near: float

    @property
    def right(self) -> bool:
        """Whether the figure is near the truth."""
        return self.found is not None and abs(self.found - self.true) <= self.near


def run_trials(
    facts: Facts,
    ids: Sequence[str],
    case_of: Callable[[str], Case],
    number: int,
    step: Callable[[], None],
    seed: int = 0,
) -> list[Trial]:
    """Put in `number` faults, one at a time, in records and streams chosen at random (the same each time)."""
    rng = np.random.default_rng(seed)
    trials: list[Trial] = []
    tried = 0
    while len(trials) < number and tried < 4 * number and len(ids):
        step()
        tried += 1
        try:
            case = case_of(ids[int(rng.integers(len(ids)))])
            trial = _trial(facts, case, ids, case_of, rng)
        except InspectorError:
            continue
        if trial is not None:
            trials.append(trial)
    return trials


def _trial(
    facts: Facts, case: Case, ids: Sequence[str], case_of: Callable[[str], Case], rng: np.random.Generator
) -> Trial | None:
    record = case.record
    streams = [each for each in record.streams if each.modality in OF and each.id != record.reference]
    if not streams:
        return None
    stream = streams[int(rng.integers(len(streams)))]
    name = OF[stream.modality]
    before = _said(case, name, stream.id)
    if before is None or before.value is None:
        return None  # what cannot be measured as it is tells nothing of the ruler
    long = stream.span is not None and stream.span[1] - stream.span[0] > 70 * NS
    kinds = ["shift", "shift", "shift", "none"]
    if stream.modality is Modality.TEXT:
        kinds.append("swap")
    if long and stream.modality is Modality.SENSOR:
        kinds += ["drift", "drift"]
    kind = kinds[int(rng.integers(len(kinds)))]
    sign = 1 if rng.random() < 0.5 else -1
    true, put = before.value, TimeMap()
    if kind == "shift":
        size = float(np.exp(rng.uniform(*np.log(SHIFTS_MS))))
        put = TimeMap.offset(-round(sign * size * 1e6))
        true += sign * size
    elif kind == "drift":
        name = "sensor.drift"
        at = _said(case, name, stream.id)
        if at is None or at.value is None:
            return None
        true = at.value + sign * float(np.exp(rng.uniform(*np.log(DRIFTS_PPM))))
        span = 1000 * NS
        put = TimeMap(((0, 0), (span, span + round(span * (true - at.value) * 1e-6))))
    copy = replace(stream, timemap=stream.timemap.then(put))
    if kind == "swap":
        other = case_of(ids[int(rng.integers(len(ids)))])
        texts = [each for each in other.record.of(Modality.TEXT) if each.span is not None]
        if other.record.id == record.id or not texts:
            return None
        copy = replace(stream, source=texts[0].source, span=texts[0].span)
    said = _said(_with(case, record, copy), name, stream.id)
    low, high = facts.limits(name)
    near = NEAR * ((high or 0.0) - (low or 0.0)) / 2
    if said is None:
        return Trial(name, kind, true, None, Status.NOT_MEASURABLE, 0.0, False, near)
    return Trial(
        name, kind, true, said.value, said.status, said.confidence or 0.0, said.fix is not None, near
    )


def _with(case: Case, record: Record, copy: Stream) -> Case:
    """The case of a record with one stream changed; what was decoded is kept."""
    streams = tuple(copy if each.id == copy.id else each for each in record.streams)
    kept = {
        name: value
        for name, value in case.decoded().items()
        if name != copy.id or copy.source == record.stream(copy.id).source
    }
    return replace(case, record=replace(record, streams=streams), pairs=[], states=[], _known=kept)


def _said(case: Case, name: str, stream_id: str) -> Finding | None:
    """What a check says of a stream; None where it says nothing."""
    run = checks.get(name).stages[Stage.DECODE]
    said = [each for each in run(case) if stream_id in each.streams]
    return said[0] if said else None


def summed_up(facts: Facts, trials: Sequence[Trial]) -> Iterator[Finding]:
    """A finding a check: misses, false alarms, detection limit, error and calibration."""
    for name in sorted({trial.check for trial in trials}):
        mine = [trial for trial in trials if trial.check == name]
        limits, unit = facts.limits(name), checks.get(name).unit
        put = [trial for trial in mine if trial.kind in ("shift", "drift")]
        beyond = [trial for trial in put if outside(trial.true, limits)]
        found = [trial for trial in beyond if trial.status is Status.FAILED and trial.right]
        missed = [trial for trial in beyond if trial.status is Status.OK]
        wrong = [trial for trial in put if trial.status is Status.FAILED and not trial.right]
        quiet = [trial for trial in mine if trial.kind == "none" and not outside(trial.true, limits)]
        alarms = [trial for trial in quiet if trial.status is Status.FAILED]
        swaps = [trial for trial in mine if trial.kind == "swap"]
        passed = [trial for trial in swaps if trial.status is Status.OK]
        fixes = [trial for trial in mine if trial.fixed]
        bad = [trial for trial in fixes if trial.kind == "swap" or not trial.right]
        sure = [trial for trial in put if trial.confidence >= 0.95 and trial.found is not None]
        errors = [abs((trial.found or 0.0) - trial.true) for trial in put if trial.right]
        parts = [f"{len(beyond)} faults beyond the tolerance: {len(found)} found"]
        if errors:
            high = np.percentile(errors, 95)
            parts[0] += f", median error {np.median(errors):.3g} {unit}, 95 % {high:.3g} {unit}"
        refused = len(beyond) - len(found) - len(missed) - sum(trial in wrong for trial in beyond)
        parts.append(f"{len(missed)} missed, {refused} refused, {len(wrong)} wrong")
        parts.append(f"{len(alarms)} false alarms of {len(quiet)}")
        if swaps:
            parts.append(f"{len(swaps)} swapped: {len(passed)} passed as right")
        parts.append(f"{len(bad)} wrong fixes of {len(fixes)}")
        if found:
            parts.append(f"least that was found {min(abs(trial.true) for trial in found):.3g} {unit}")
        if sure:
            parts.append(f"of confidence 0.95 and more {sum(t.right for t in sure) / len(sure):.0%} right")
        failed = bool(bad or missed or alarms or len(wrong) > 0.05 * max(len(put), 1))
        yield Finding(
            CHECK,
            None,
            streams=(name,),
            value=float(np.median(errors)) if errors else None,
            unit=unit,
            status=Status.FAILED if failed else Status.OK if put else Status.NOT_MEASURABLE,
            severity=0.9 if failed else 0.0,
            message=f"{name}: {'; '.join(parts)}",
        )
