"""Transcripts by a learned detector: asked where the bands cannot tell, believed by the same gate."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from bench.accuracy.material import RATE
from bench.accuracy.virtual import Part, case_of

from inspector.audit import voice
from inspector.audit.alignment import HEARD, solved
from inspector.audit.checks import Stage, checks
from inspector.audit.estimators.vad import raster
from inspector.core.model import Cue, Modality
from inspector.core.times import NS

if TYPE_CHECKING:
    from inspector.audit.pair import Pair

LENGTH_S = 48.0


def spoken(seed: int = 1) -> np.ndarray:
    """(2, k) when somebody speaks, s."""
    rng = np.random.default_rng(seed)
    steps = np.cumsum(rng.uniform(0.5, 2.2, 32))
    starts, ends = steps[0:-1:2], steps[1::2]
    keep = ends < LENGTH_S - 1
    return np.stack([starts[keep], ends[keep]])


def measured(late_s: float, bands: bool = False) -> Pair:
    """The pair of a transcript with a sound of bangs, or one that is loud where is spoken."""
    rng = np.random.default_rng(3)
    starts, ends = spoken()
    pcm = rng.normal(0, 0.1, round(LENGTH_S * RATE)).astype(np.float32)
    if bands:
        loud = np.interp(np.arange(len(pcm)) * 100 / RATE, np.arange(4800), raster(starts, ends, 4800))
        pcm *= (0.03 + loud).astype(np.float32)
    else:
        for at in rng.integers(0, len(pcm) - RATE, 60).tolist():
            pcm[at : at + RATE] += rng.normal(0, 3, RATE) * np.exp(-np.arange(RATE) / 3000)
        pcm /= np.abs(pcm).max()
    cues = tuple(
        Cue(round((a + late_s) * NS), round((b + late_s) * NS), "words")
        for a, b in zip(starts, ends, strict=True)
        if a + late_s >= 0
    )
    parts = (
        Part("voice", Modality.AUDIO, LENGTH_S, pcm=pcm),
        Part("words", Modality.TEXT, cues[-1].end_ns / NS, cues=cues),
    )
    return solved(case_of(parts, "voice")).pairs[0]


def hears(monkeypatch: pytest.MonkeyPatch, seed: int | None) -> list[int]:
    """A detector that hears this speech, late by what it always is; None: it is not installed."""
    asked: list[int] = []

    def curve(pcm: np.ndarray) -> np.ndarray:
        asked.append(len(pcm))
        starts, ends = spoken(seed or 0)
        return raster(starts - voice.LATENCY_S, ends - voice.LATENCY_S, round(LENGTH_S * 100) + 1)

    monkeypatch.setattr(voice, "installed", lambda: seed is not None)
    monkeypatch.setattr(voice, "voice_curve", curve)
    return asked


def test_it_is_asked_where_the_bands_cannot_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = hears(monkeypatch, 1)
    pair = measured(1.5)
    assert (pair.method, pair.sure) == (HEARD, True)
    assert pair.offset_s == pytest.approx(1.5, abs=0.02)
    assert len(asked) == 1
    assert measured(1.5, bands=True).method != HEARD
    assert len(asked) == 1  # the bands are finer: where they tell, nobody else is asked


def test_another_recordings_words_are_refused_by_it_too(monkeypatch: pytest.MonkeyPatch) -> None:
    hears(monkeypatch, 9)
    assert not measured(1.5).good


def test_without_it_the_finding_says_how_to_have_it(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = hears(monkeypatch, None)
    pair = measured(1.5)
    assert not pair.good
    assert pair.why.endswith(voice.INSTALL)
    assert asked == []


def test_what_is_kept_of_an_audit_is_made_anew_once_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    from inspector.audit.work import told_of_checks

    checks.all()
    facts = case_of((Part("voice", Modality.AUDIO, 1.0, pcm=np.zeros(RATE, np.float32)),), "voice").facts
    told = []
    for there in (False, True):
        monkeypatch.setattr(voice, "installed", lambda there=there: there)
        told.append(told_of_checks(Stage.DECODE, facts))
    assert told[0] != told[1]


def test_noise_is_no_speech_to_the_model_itself() -> None:
    assert voice.installed(), "the extra [vad] belongs to dev"
    noise = np.random.default_rng(1).normal(0, 1000, 16_000 * 3).astype(np.int16)
    curve = voice.voice_curve(noise)
    assert len(curve) == 301
    assert float(curve.max()) < 0.5
    assert len(voice.voice_curve(np.zeros(100, np.int16))) == 2
