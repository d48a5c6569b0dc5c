"""Transcripts in speech that other sounds drown, with the learned detector of the extra `[vad]` and without.

The cue times are exact. With it no trial may be worse: none that was found may be refused or wrong, nothing
is off by more than the tolerance of 125 ms, and another recording's cues stay refused.
"""

from __future__ import annotations

from collections import Counter, defaultdict

import numpy as np
import pytest
from bench.accuracy import injected
from bench.accuracy.material import RATE, noisy
from bench.accuracy.sources import late, nowhere, spoken, tuning
from bench.accuracy.virtual import Part, Told, Trial, case_of, judged

from inspector.audit import voice
from inspector.audit.checks import checks
from inspector.core.model import Cue, Modality
from inspector.core.times import NS

SECONDS = 48.0
KINDS = ("bangs", "noise", "clean", "another's, bangs")
SEEDS = range(8) if tuning() else range(100, 108)


def bangs(count: int, rng: np.random.Generator) -> np.ndarray:
    """Doors and cups: 90 bursts of noise that die away, as loud as the speech on the whole."""
    out = np.zeros(count, np.float32)
    for at in rng.integers(0, count - 8000, 90).tolist():
        out[at : at + 8000] += rng.normal(0, 1, 8000) * np.exp(-np.arange(8000) / rng.uniform(1500, 5000))
    return out / float(np.std(out))


def trial(seed: int, kind: str) -> Trial:
    """Cues of generated speech, late by up to 8 s."""
    rng = np.random.default_rng([seed, len(kind)])
    said = spoken(seed, SECONDS)
    offset = float(rng.uniform(-8, 8))
    stranger = kind.startswith("another's")
    cued = spoken(seed + (4 if seed % 8 < 4 else -4), SECONDS) if stranger else said
    sound: np.ndarray = said.pcm
    if "bangs" in kind:
        sound = sound + float(np.std(sound)) * bangs(len(sound), rng)
    elif kind == "noise":
        sound = noisy(sound, 0, rng, False)
    cues = tuple(
        Cue(round((a + offset) * NS), round((b + offset) * NS), "words")
        for a, b in zip(cued.starts, cued.ends, strict=True)
        if a + offset >= 0
    )
    parts = (
        Part("voice", Modality.AUDIO, len(sound) / RATE, pcm=np.asarray(sound, np.float32)),
        Part(
            "words",
            Modality.TEXT,
            cues[-1].end_ns / NS,
            cues=cues,
            belongs=nowhere if stranger else late(offset, 0.0),
        ),
    )
    truth = {} if stranger else {"transcript.offset": ("words", offset * 1000)}
    return Trial(kind, case_of(parts, "voice"), parts, truth)


def test_with_the_learned_detector_no_transcript_is_worse(monkeypatch: pytest.MonkeyPatch) -> None:
    if not voice.installed():
        pytest.skip("the extra [vad] is not installed")
    if not injected.NAMES["transcripts"]():
        pytest.skip("espeak-ng is not installed")
    checks.all()
    told: dict[tuple[str, bool], list[Told]] = defaultdict(list)
    for there in (False, True):
        monkeypatch.setattr(voice, "installed", lambda there=there: there)
        for kind in KINDS:
            for seed in SEEDS:
                told[kind, there] += judged(trial(seed, kind), ("transcript.offset",))
    print(
        f"\n{'':20}{'':>9}{'found':>7}{'refused':>8}{'wrong':>6}{'fixes':>6}{'bad':>4}{'median':>8}{'worst':>7}"
    )
    for (kind, there), mine in told.items():
        count = Counter(each.outcome for each in mine)
        size = [abs(each.error) for each in mine if each.error is not None] or [np.nan]
        print(
            f"{kind:20}{'with' if there else 'without':>9}{count['found']:7}"
            f"{count['refused'] + count['quiet']:8}"
            f"{count['wrong'] + count['sign'] + count['alarm']:6}{sum(each.fixes for each in mine):6}"
            f"{sum(each.wrong_fixes for each in mine):4}{np.median(size):8.1f}{max(size):7.1f}"
        )
    for kind in KINDS:
        for before, after in zip(told[kind, False], told[kind, True], strict=True):
            assert not after.wrong_fixes
            assert after.outcome not in ("wrong", "sign", "alarm")
            assert before.outcome != "found" or after.outcome == "found"
            assert abs(after.error or 0.0) <= 125
        assert sum(each.fixes for each in told[kind, True]) >= sum(each.fixes for each in told[kind, False])
