"""A fix is audited again with windows that it was not made from, where the record goes on for long enough."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from bench.accuracy.material import RATE
from bench.accuracy.virtual import Part, case_of

from inspector.audit import sound_pairs
from inspector.audit.checks import Stage, checks
from inspector.core.effective import timemap_value
from inspector.core.model import Modality
from inspector.core.timemap import TimeMap
from inspector.core.times import NS

if TYPE_CHECKING:
    import pytest

    from inspector.core.findings import Finding

LATE_S = 0.5
COMPARED_S = 40.0


def audited(monkeypatch: pytest.MonkeyPatch, seconds: float, more_s: float = 0.0) -> Finding:
    """The second sound was accepted to be half a second late; beyond what was compared it is later still."""
    checks.all()
    monkeypatch.setattr(sound_pairs, "LONGEST_S", COMPARED_S)
    rng = np.random.default_rng(4)
    said = rng.normal(0, 0.1, round((seconds + 2) * RATE)).astype(np.float32)
    late = round(LATE_S * RATE)
    heard = np.concatenate([np.zeros(late, np.float32), said])
    cut, gap = round((COMPARED_S + LATE_S) * RATE), round(more_s * RATE)
    heard = np.concatenate([heard[:cut], np.zeros(gap, np.float32), heard[cut:]])[: round(seconds * RATE)]
    parts = (
        Part("a", Modality.AUDIO, seconds, pcm=said[: round(seconds * RATE)]),
        Part("b", Modality.AUDIO, seconds, pcm=heard),
    )
    case = case_of(parts, "a")
    timemap = TimeMap.offset(round(LATE_S * NS))
    told = {"method": sound_pairs.GCC, "late_ms": 500.0, "drift_ppm": 0.0, "timemap": timemap_value(timemap)}
    moved = replace(case.record.stream("b"), timemap=timemap, meta={"evidence": told})
    case = replace(case, record=replace(case.record, streams=(case.record.stream("a"), moved)))
    found = list(checks.get("timing.av_offset").stages[Stage.DECODE](case))
    return next(each for each in found if each.streams == ("b",))


def test_a_fix_is_proven_by_what_lies_behind_what_it_was_made_from(monkeypatch: pytest.MonkeyPatch) -> None:
    found = audited(monkeypatch, 110.0)
    assert "500 ms late (the fix was measured by GCC-PHAT; GCC-PHAT behind" in found.message
    assert "leaves 0 ms" in found.message


def test_and_contradicted_by_it(monkeypatch: pytest.MonkeyPatch) -> None:
    found = audited(monkeypatch, 110.0, 0.03)
    assert "leaves 30 ms" in found.message


def test_where_too_little_lies_behind_it_is_the_same_evidence(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "same evidence" in audited(monkeypatch, 80.0).message
