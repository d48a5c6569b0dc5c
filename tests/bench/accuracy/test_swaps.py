"""A tenth of the transcripts and of the second sounds are exchanged between records: who is told?"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest
from bench.accuracy.material import RATE, have_espeak, noisy, room
from bench.accuracy.sources import spoken
from bench.accuracy.virtual import FACTS, Part, case_of

from inspector.audit.case import Case, Gathered
from inspector.audit.checks import Stage, checks
from inspector.core.findings import Status
from inspector.core.model import Cue, Modality
from inspector.core.times import NS

if TYPE_CHECKING:
    from numpy.typing import NDArray

SCALE = float(os.environ.get("INSPECTOR_CASES", "1"))
RECORDS = 40
ROUNDS = max(1, round(3 * SCALE))
SHARE = 0.1


def exchanged(rng: np.random.Generator) -> list[int]:
    """By record whose part it has: a tenth of them have another's."""
    order = list(range(RECORDS))
    chosen = rng.permutation(RECORDS)[: round(SHARE * RECORDS)].tolist()
    for place, each in enumerate(chosen):
        order[each] = chosen[(place + 1) % len(chosen)]
    return order


@pytest.mark.skipif(not have_espeak(), reason="espeak-ng is not installed")
def test_swapped_parts_are_told_and_no_others() -> None:
    counted = {"pairing.swapped_words": [0, 0, 0], "pairing.swapped_sound": [0, 0, 0]}
    for number in range(ROUNDS):
        rng = np.random.default_rng(number)
        words, second = exchanged(rng), exchanged(rng)
        heard: list[NDArray[np.float32]] = [noisy(spoken(200 + k, 40.0).pcm, 15, rng) for k in range(RECORDS)]
        cases: dict[str, Case] = {}
        for k in range(RECORDS):
            said = spoken(200 + words[k], 40.0)
            cues = tuple(
                Cue(round(a * NS), round(b * NS), text)
                for a, b, text in zip(said.starts, said.ends, said.texts, strict=True)
            )
            late = np.zeros(round(rng.uniform(0, 2) * RATE), np.float32)
            other = noisy(room(spoken(200 + second[k], 40.0).pcm, rng), 10, rng)
            parts = (
                Part("a", Modality.AUDIO, len(heard[k]) / RATE, pcm=heard[k]),
                Part("b", Modality.AUDIO, len(other) / RATE, pcm=np.concatenate([late, other])),
                Part("words", Modality.TEXT, float(said.ends[-1]), cues=cues),
            )
            cases[f"r{k:02}"] = case_of(parts, "a", f"r{k:02}")
        told = told_of(cases)
        for name, order in (("pairing.swapped_words", words), ("pairing.swapped_sound", second)):
            wrong = {f"r{k:02}" for k in range(RECORDS) if order[k] != k}
            counted[name][0] += len(told[name] & wrong)
            counted[name][1] += len(wrong)
            counted[name][2] += len(told[name] - wrong)
    print()
    for name, (found, of, alarms) in counted.items():
        right = ROUNDS * RECORDS - of
        print(
            f"{name}: {found} of {of} found ({found / of:.0%}; asked: over 95 %), {alarms} false alarms of "
            f"{right} ({alarms / right:.1%}; asked: 1 % at most)"
        )
        assert found / of > 0.95
        assert alarms / right <= 0.01


def told_of(cases: dict[str, Case]) -> dict[str, set[str]]:
    """The records that each check says have another's part, the pairs being measured first."""
    checks.all()
    for case in cases.values():
        list(checks.get("timing.av_offset").stages[Stage.DECODE](case))
    ids = sorted(cases)
    index = pa.table({"record_id": ids, "modalities": [["audio", "text"]] * len(ids)})
    facts = type(FACTS)(FACTS.root, index)
    rows = [row for case in cases.values() for row in case.pairs]
    gathered = Gathered(facts, ids, cases.__getitem__, pairs=lambda: rows)
    found: dict[str, set[str]] = {}
    for name in ("pairing.swapped_words", "pairing.swapped_sound"):
        told = checks.get(name).stages[Stage.DATASET](gathered)
        found[name] = {each.record_id or "" for each in told if each.status is Status.FAILED}
    return found
