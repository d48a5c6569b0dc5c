"""Over a thousand known faults before the audit's own checks, and other tools on the same cases.

A row of the table is a check on one kind of trial. `found` are faults that failed with the right stream and
a value near the truth; `refused` is right, a wrong fix is a defect: one of those fails the bench.
Of the findings with a confidence of 0.95 and more at least 95 % have to be right. INSPECTOR_CASES scales the
number of trials, INSPECTOR_SPLIT=tuned measures on what was tuned on instead.
"""

from __future__ import annotations

import os
import time
from collections import Counter, defaultdict
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import TYPE_CHECKING

import numpy as np
import pytest
from bench.accuracy import injected
from bench.accuracy.virtual import Told, judged

from inspector.audit.checks import checks

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SCALE = float(os.environ.get("INSPECTOR_CASES", "1"))
NUMBERS = {"sounds": 360, "transcripts": 324, "demo": 240, "frames": 96, "stamps": 64, "long": 36}
NUMBERS["turns"] = 72
LEAST_TRIALS = 1000
SURE = 0.95

PUBLISHED = {
    "timing.av_offset": "0.04 ms at 0 dB (alignment.md 1); BBC tool 10 ms",
    "timing.drift": "within 5 ppm at 100 ppm over 48 s (alignment.md 1)",
    "timing.jump": "333.0 ms of 333 (alignment.md 1)",
    "timing.sample_rate": "the right one of the stretches",
    "transcript.offset": "alass: 50 % of lines within 50 ms, 90 % within 400 ms",
    "transcript.rate": "alass: 27 of 27 right, 3 of 91 false alarms",
    "timing.camera_offset": "half a frame; RocSync 1.34 ms with a clock of LEDs",
    "sensor.offset": "SyncWISE 90 % within 700 ms; BMAR median 33 ms",
    "sensor.drift": "50 ppm to 5 ppm on shared events (goal)",
    "timing.frames": "exact",
    "content.frozen": "one frame",
    "content.black": "one frame",
    "sensor.gaps": "exact",
    "sensor.reset": "exact",
}
"""What others reached, or what alignment.md asks for where nobody published a figure."""


def run_batch(family: str, names: Sequence[str], numbers: Sequence[int]) -> list[Told]:
    """Some trials of one family, in a process of the pool."""
    checks.all()
    told: list[Told] = []
    for number in numbers:
        trial = injected.FAMILIES[family](names[number % len(names)], number)
        told += judged(trial, injected.CHECKS[family])
    return told


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[list[Told], int]]:
    """What the checks made of all trials, and how many there were."""
    os.environ["INSPECTOR_BENCH_WORK"] = str(tmp_path_factory.mktemp("work"))
    found: list[Told] = []
    trials = 0
    start = time.monotonic()
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        futures = []
        for family, most in NUMBERS.items():
            names, number = injected.NAMES[family](), max(1, round(most * SCALE))
            if not names:
                print(f"{family}: nothing to measure on (no samples, or espeak-ng is not installed)")
                continue
            trials += number
            # A process keeps the sources that it has read, so that it gets all trials of some of them.
            parts: dict[int, list[int]] = defaultdict(list)
            for each in range(number):
                parts[each % len(names)].append(each)
            futures += [pool.submit(run_batch, family, names, part) for part in parts.values()]
        for future in futures:
            found += future.result()
    print(f"\n{trials} trials in {time.monotonic() - start:.0f} s")
    yield found, trials
    del os.environ["INSPECTOR_BENCH_WORK"]


def test_known_faults(told: tuple[list[Told], int]) -> None:
    found, trials = told
    print(f"measured on {'what was tuned on' if injected.tuning() else 'recordings nothing was tuned on'}")
    print_table(found)
    wrong = [each for each in found if each.wrong_fixes]
    for each in [*wrong, *(each for each in found if each.outcome in ("sign", "wrong", "alarm", "missed"))]:
        print(f"  {each.outcome} {each.row}, {each.check}: {each.message[:160]}, off by {each.error}")
    sure = [each for each in found if (each.confidence or 0) >= SURE and each.error is not None]
    right = sum(each.right for each in sure) / max(len(sure), 1)
    fixes = sum(each.fixes for each in found)
    print(f"{fixes} fixes passed their gate, {sum(each.wrong_fixes for each in found)} of them wrong")
    print(f"of {len(sure)} findings with a confidence of {SURE} and more {right:.1%} are right")
    assert not wrong
    assert not [each for each in found if each.outcome == "sign"]
    assert right >= 0.95
    if SCALE >= 1 and all(each() for each in injected.NAMES.values()):
        assert trials >= LEAST_TRIALS


def print_table(found: Sequence[Told]) -> None:
    """A row a check and kind of trial."""
    rows: dict[tuple[str, str], list[Told]] = defaultdict(list)
    for each in found:
        rows[each.check, each.row].append(each)
    print(
        f"{'check':22}{'trials':32}{'n':>5}{'median':>10}{'p95':>9}{'worst':>9}{'found':>7}{'refused':>8}"
        f"{'missed':>7}{'wrong':>6}{'sign':>5}{'alarms':>7}{'fixes':>6}{'bad':>4}"
    )
    last = ""
    for (check, row), mine in sorted(rows.items()):
        count = Counter(each.outcome for each in mine)
        errors = [abs(each.error) for each in mine if each.error is not None]
        if not errors and not count["refused"] and not count["alarm"]:
            continue  # neither asked nor answered
        size = np.array(errors) if errors else np.array([np.nan])
        unit = checks.get(check).unit
        print(
            f"{check if check != last else '':22}{row:32}{len(mine):5}"
            f"{np.median(size):10.3f}{np.quantile(size, 0.95):9.3f}{size.max():9.3f}"
            f"{count['found']:7}{count['refused']:8}{count['missed']:7}{count['wrong']:6}{count['sign']:5}"
            f"{count['alarm']:7}{sum(e.fixes for e in mine):6}{sum(e.wrong_fixes for e in mine):4}"
            + (f"  {unit}; published: {PUBLISHED.get(check, 'nothing')}" if check != last else "")
        )
        last = check
