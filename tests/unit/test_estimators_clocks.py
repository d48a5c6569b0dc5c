"""Stamps, frames, loudness and transcripts: what was injected is what is told."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inspector.audit.estimators import clocks, frames, loudness, vad
from inspector.core.findings import Status
from inspector.core.times import NS

if TYPE_CHECKING:
    from pathlib import Path

RATE = 16_000


@given(st.integers(700, 2500), st.floats(50, 400), st.integers(0, 500), st.booleans(), st.integers(0, 1000))
@settings(max_examples=50, deadline=None)
def test_gaps_and_resets_of_stamps_are_found_to_the_sample(
    n: int, rate: float, jitter_us: int, reset: bool, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    at = np.arange(n) * NS / rate + rng.uniform(-1, 1, n) * jitter_us * 1000
    t = np.rint(at).astype(np.int64)
    gap, back = sorted(rng.choice(np.arange(50, n - 50), 2, replace=False).tolist())
    if back - gap < 50:
        return
    lost_ns = round((1.5 + 500 / rate) * NS)
    t[gap:] += lost_ns
    if reset:
        t[back:] -= t[back] - 5
    found = clocks.stamps(t)
    assert found is not None
    assert [each.before for each in found.gaps] == [gap - 1]
    assert abs(found.gaps[0].length_ns - lost_ns) < 2 * jitter_us * 1000 + NS / rate * 0.2
    assert found.resets == ((back,) if reset else ())
    assert abs(found.rate_hz / rate - 1) < 0.002


@given(st.sampled_from([5.0, 12.0, 23.976, 25.0, 29.97, 60.0]), st.integers(0, 7), st.integers(0, 1000))
@settings(max_examples=50, deadline=None)
def test_every_dropped_frame_is_found(fps: float, drops: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    # Containers of milliseconds round every stamp.
    t = np.rint(np.arange(400) * 1000 / fps).astype(np.int64) * 1_000_000
    lost = np.sort(rng.choice(np.arange(5, 395), drops, replace=False))
    found = frames.frame_stamps(np.delete(t, lost))
    assert found is not None
    assert not found.variable
    assert found.missing == drops
    assert found.period_ns == pytest.approx(NS / fps, rel=0.01)


def test_a_variable_rate_misses_nothing() -> None:
    t = np.cumsum(np.random.default_rng(0).uniform(20, 90, 300) * 1e6).astype(np.int64)
    found = frames.frame_stamps(t)
    assert found is not None
    assert found.variable
    assert found.missing == 0


@pytest.mark.parametrize("rate", [16_000, 44_100, 48_000])
def test_loudness_is_what_the_standard_says_of_a_tone(rate: int) -> None:
    tone = np.sin(2 * np.pi * 997 * np.arange(5 * rate) / rate).astype(np.float32)
    # BS.1770-4: a 997 Hz sine at 0 dBFS in one channel reads -3.01 LKFS.
    assert loudness.loudness_lufs(tone, rate) == pytest.approx(-3.01, abs=0.05)
    # EBU Tech 3341, case 1: both channels at -23 dBFS read -23 LUFS.
    quiet = np.stack([tone, tone], 1) * np.float32(10 ** (-23 / 20))
    assert loudness.loudness_lufs(quiet, rate) == pytest.approx(-23.0, abs=0.1)
    # Case 3: what is 10 LU and more below the rest does not count.
    gated = np.concatenate([quiet * np.float32(10 ** (-13 / 20)), quiet, quiet, quiet])
    assert loudness.loudness_lufs(gated, rate) == pytest.approx(-23.0, abs=0.1)


def test_silence_has_no_loudness() -> None:
    assert loudness.loudness_lufs(np.zeros(RATE, np.float32), RATE) is None
    assert loudness.loudness_lufs(np.zeros(10, np.float32), RATE) is None


def test_loudness_agrees_with_ffmpeg(tmp_path: Path) -> None:
    if shutil.which("ffmpeg") is None:
        pytest.skip("ffmpeg is not installed")
    rng = np.random.default_rng(4)
    level = np.repeat(10 ** rng.uniform(-3, -0.7, 30), RATE // 2)
    x = (np.convolve(rng.normal(size=len(level)), np.ones(6) / 6, "same") * level).astype("<f4")
    (tmp_path / "x.raw").write_bytes(np.clip(x, -1, 1).astype("<f4").tobytes())
    command = ["ffmpeg", "-f", "f32le", "-ar", str(RATE), "-ac", "1", "-i", str(tmp_path / "x.raw")]
    done = subprocess.run(
        [*command, "-af", "ebur128", "-f", "null", "-"], capture_output=True, text=True, check=True
    )
    theirs = float(done.stderr.rsplit("I:", 1)[1].split("LUFS")[0])
    assert loudness.loudness_lufs(np.clip(x, -1, 1), RATE) == pytest.approx(theirs, abs=0.15)


def talk(seed: int, snr_db: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sentences of buzzing syllables in pink noise, and where they start and end, s."""
    rng = np.random.default_rng(seed)
    starts = np.cumsum(rng.uniform(1.6, 3.4, 20))
    ends = starts + rng.uniform(0.7, 1.3, 20)
    t = np.arange(round((ends[-1] + 2) * RATE)) / RATE
    buzz = sum(np.sin(2 * np.pi * 140 * k * t + k) / k for k in range(2, 25))
    inside = np.zeros(len(t))
    for a, b in zip(starts, ends, strict=True):
        inside[round(a * RATE) : round(b * RATE)] = 1
    x = buzz * inside * (0.6 + 0.4 * np.sin(2 * np.pi * 4.3 * t)) * 0.1
    spectrum = np.fft.rfft(rng.normal(size=len(t)))
    spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum)))
    noise = np.fft.irfft(spectrum, len(t))
    noise *= np.sqrt((x[inside > 0] ** 2).mean()) / noise.std() * 10 ** (-snr_db / 20)
    return (x + noise).astype(np.float32), starts, ends


@pytest.mark.parametrize("snr_db", [20, 5])
@pytest.mark.parametrize("offset_s", [-9.3, 0.0, 4.17])
def test_a_late_transcript_is_found_in_noise(snr_db: float, offset_s: float) -> None:
    x, starts, ends = talk(1, snr_db)
    curve = vad.speech_curve(x, RATE)
    found, ratio = vad.transcript_offset(curve, starts + offset_s, ends + offset_s)
    assert found.status is Status.OK
    assert ratio == 1.0
    assert abs(found.offset_ns / NS - offset_s) < 0.02


@pytest.mark.parametrize("ratio", [25 / 24, 23.976 / 25])
def test_a_transcript_made_for_another_frame_rate_is_told(ratio: float) -> None:
    x, starts, ends = talk(2, 10)
    found, told = vad.transcript_offset(vad.speech_curve(x, RATE), starts * ratio + 1, ends * ratio + 1)
    assert found.status is Status.OK
    assert told == pytest.approx(ratio, rel=0.0011)
    assert abs(found.offset_ns / NS - 1) < 0.08


def test_another_recording_s_transcript_is_never_ok() -> None:
    x, _, _ = talk(3, 10)
    curve = vad.speech_curve(x, RATE)
    for seed in range(4, 14):
        _, starts, ends = talk(seed, 10)
        assert vad.transcript_offset(curve, starts, ends)[0].status is not Status.OK


def test_cues_that_stand_longer_than_is_spoken_are_never_ok() -> None:
    x, starts, ends = talk(5, 20)
    curve = vad.speech_curve(x, RATE)
    assert abs(vad.held_s(curve, starts, ends, 0.0)) < vad.HELD_S
    longer = np.minimum(ends + 0.5, np.append(starts[1:] - 0.3, np.inf))
    assert vad.held_s(curve, starts, longer, 0.0) > vad.HELD_S
    found, _ = vad.transcript_offset(curve, starts + 2.0, longer + 2.0)
    assert found.status is not Status.OK


def test_silence_and_few_cues_are_refused() -> None:
    nothing = vad.speech_curve(np.zeros(RATE * 30, np.float32), RATE)
    few = np.arange(12.0)
    assert vad.transcript_offset(nothing, few, few + 0.5)[0].status is Status.NOT_MEASURABLE
    x, starts, ends = talk(1, 20)
    curve = vad.speech_curve(x, RATE)
    assert vad.transcript_offset(curve, starts[:3], ends[:3])[0].status is Status.NOT_MEASURABLE
    assert vad.transcript_offset(curve, starts[:8], ends[:8])[0].status is not Status.OK
