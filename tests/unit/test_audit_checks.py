"""Single checks on records of known faults: what was put in is told, once, and mended."""

from __future__ import annotations

import wave
from fractions import Fraction
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest

from inspector.audit.runner import Options
from inspector.core.findings import Finding, Status
from inspector.session import Session

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

RATE = 16_000


def speechlike(seconds: float, seed: int) -> NDArray[np.float64]:
    """Bursts of coloured noise with pauses, as syllables are."""
    rng = np.random.default_rng(seed)
    n = round(seconds * RATE)
    noise = np.convolve(rng.normal(size=n), np.array([1, 0.9, 0.7, 0.4, 0.2]), "same")
    level = np.repeat(rng.random(n // 1600 + 1) ** 2, 1600)[:n]
    sound: NDArray[np.float64] = noise * level * 0.1
    return sound


def write(path: Path, pcm: NDArray[np.float64], rate: int = RATE) -> None:
    """A sound as 16-bit mono."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((np.clip(pcm, -1, 1) * 32767).astype("<i2").tobytes())


def audited(root: Path, *checks: str) -> list[Finding]:
    """All findings of those checks."""
    with Session.open(root) as session:
        return list(session.audit(Options(checks=checks)).findings())


def failed(found: list[Finding]) -> list[Finding]:
    """Those that failed."""
    return [each for each in found if each.status is Status.FAILED]


def test_a_cut_is_one_finding_and_its_fix_moves_each_piece(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    x = speechlike(60, 1)
    late = np.concatenate([np.zeros(round(0.1 * RATE)), x])
    cut = np.concatenate([late[: 30 * RATE], late[30 * RATE + round(0.7 * RATE) :]])
    write(tmp_path / "data" / "one" / "mic_a.wav", x)
    write(tmp_path / "data" / "one" / "mic_b.wav", cut + rng.normal(0, 0.005, len(cut)))
    write(tmp_path / "data" / "two" / "mic_a.wav", x[: 5 * RATE])
    checks = ("timing.av_offset", "timing.jump", "timing.drift")
    (jump,) = failed(audited(tmp_path / "data", *checks))
    assert (jump.check, jump.streams) == ("timing.jump", ("mic_b",))
    assert jump.value == pytest.approx(-700, abs=1)
    assert jump.span is not None
    assert abs((jump.span[0] + jump.span[1]) / 2e9 - 29.9) < 1
    assert jump.fix is not None
    assert jump.fix.timemap is not None
    assert jump.fix.timemap.to_reference(round(10.1e9)) == pytest.approx(10e9, abs=2e6)
    assert jump.fix.timemap.to_reference(round(39.4e9)) == pytest.approx(40e9, abs=2e6)
    with Session.open(tmp_path / "data", author="tester") as session:
        session.accept([jump])
    assert not failed(audited(tmp_path / "data", *checks))


def test_a_clock_that_was_set_back_is_told_with_its_jitter(tmp_path: Path) -> None:
    t = np.arange(600) * 0.01
    t[400:] -= 2.5
    rows = "\n".join(f"{at:.4f},{np.sin(at):.4f}" for at in t)
    (tmp_path / "data" / "one").mkdir(parents=True)
    (tmp_path / "data" / "one" / "imu.csv").write_text(f"t,x\n{rows}\n")
    (reset,) = failed(audited(tmp_path / "data", "sensor.reset"))
    assert reset.value == 1
    assert "0:03.990" in reset.message


def film_and_sound(path: Path, start_ms: int) -> None:
    """A film whose sound begins so many ms after (before) the picture, by its stamps."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as box:
        video = box.add_stream("mpeg4", 25)
        video.width = video.height = 64
        sound = box.add_stream("pcm_s16le", 48_000, layout="mono")
        for number in range(50):
            frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), number * 4, np.uint8), "rgb24")
            frame.pts, frame.time_base = number + 25, Fraction(1, 25)
            box.mux(video.encode(frame))
        box.mux(video.encode(None))
        block = av.AudioFrame.from_ndarray(np.zeros((1, 48_000), np.int16), "s16", "mono")
        block.sample_rate, block.pts, block.time_base = 48_000, 48_000 + start_ms * 48, Fraction(1, 48_000)
        box.mux(sound.encode(block))
        box.mux(sound.encode(None))


@pytest.mark.parametrize(("start_ms", "status"), [(0, "ok"), (-46, "suspect"), (844, "suspect"), (30, "ok")])
def test_tracks_that_begin_apart_are_told_to_the_millisecond(
    tmp_path: Path, start_ms: int, status: str
) -> None:
    film_and_sound(tmp_path / "data" / "one" / "cam.mkv", start_ms)
    write(tmp_path / "data" / "two" / "mic.wav", speechlike(1, 1))
    (found,) = audited(tmp_path / "data", "timing.container_start")
    assert found.value == pytest.approx(start_ms, abs=1)
    assert found.status.value == status


def test_raw_aac_is_late_by_its_priming(tmp_path: Path) -> None:
    (tmp_path / "data" / "one").mkdir(parents=True)
    with av.open(str(tmp_path / "data" / "one" / "mic.aac"), "w", format="adts") as box:
        sound = box.add_stream("aac", 48_000, layout="mono")
        block = av.AudioFrame.from_ndarray(np.zeros((1, 48_000), np.float32), "fltp", "mono")
        block.sample_rate, block.pts = 48_000, 0
        box.mux(sound.encode(block))
        box.mux(sound.encode(None))
    write(tmp_path / "data" / "two" / "mic.wav", speechlike(1, 1))
    (found,) = audited(tmp_path / "data", "timing.priming")
    assert found.status is Status.SUSPECT
    assert found.value == pytest.approx(21.33, abs=0.01)


def test_a_wrong_label_of_the_sample_rate_is_one_finding_that_is_mended(tmp_path: Path) -> None:
    x = speechlike(40, 7)
    factor = 48_000 / 44_100
    n = int(len(x) * factor)
    long = np.interp(np.arange(n) / factor, np.arange(len(x)), x)
    write(tmp_path / "data" / "one" / "mic_a.wav", np.concatenate([x, np.zeros(6 * RATE)]))
    write(tmp_path / "data" / "one" / "mic_b.wav", np.concatenate([np.zeros(round(0.2 * RATE)), long]))
    write(tmp_path / "data" / "two" / "mic_a.wav", x[: 5 * RATE])
    checks = ("timing.sample_rate", "timing.av_offset", "timing.drift")
    (found,) = failed(audited(tmp_path / "data", *checks))
    assert (found.check, found.streams) == ("timing.sample_rate", ("mic_b",))
    assert found.value == pytest.approx(8.844, abs=0.01)
    assert found.fix is not None
    with Session.open(tmp_path / "data", author="tester") as session:
        session.accept([found])
    assert not failed(audited(tmp_path / "data", *checks))


def talk(root: Path, cues: slice, ratio: float = 1.0, late_s: float = 0.0) -> None:
    """Two records of sentences of buzzing syllables with their cues, those of the first changed."""
    for name, seed in (("one", 1), ("two", 2)):
        rng = np.random.default_rng(seed)
        starts = np.cumsum(rng.uniform(1.6, 3.4, 20))
        ends = starts + rng.uniform(0.7, 1.3, 20)
        t = np.arange(round((ends[-1] + 2) * RATE)) / RATE
        buzz = sum(np.sin(2 * np.pi * 140 * k * t + k) / k for k in range(2, 25))
        inside = np.zeros(len(t))
        for a, b in zip(starts, ends, strict=True):
            inside[round(a * RATE) : round(b * RATE)] = 1
        pcm = buzz * inside * (0.6 + 0.4 * np.sin(2 * np.pi * 4.3 * t)) * 0.1 + rng.normal(0, 1e-3, len(t))
        write(root / name / "voice.wav", pcm)
        if name == "one":
            starts, ends = (x[cues] * ratio + late_s for x in (starts, ends))
        lines = [f"{stamp(a)} --> {stamp(b)}\nwords\n" for a, b in zip(starts, ends, strict=True)]
        (root / name / "words.vtt").write_text("WEBVTT\n\n" + "\n".join(lines))


def stamp(at_s: float) -> str:
    """A time as WebVTT has it."""
    return f"{int(at_s // 60):02}:{at_s % 60:06.3f}"


def test_a_transcript_for_another_frame_rate_is_one_finding_that_is_mended(tmp_path: Path) -> None:
    talk(tmp_path / "data", slice(None), 25 / 24, 1.0)
    checks = ("transcript.rate", "transcript.offset")
    (found,) = failed(audited(tmp_path / "data", *checks))
    assert (found.check, found.record_id) == ("transcript.rate", "one")
    assert found.value == pytest.approx(100 / 24, abs=0.11)
    with Session.open(tmp_path / "data", author="tester") as session:
        session.accept([found])
    assert not failed(audited(tmp_path / "data", *checks))


def test_speech_without_a_cue_is_suspect_and_full_cover_is_not(tmp_path: Path) -> None:
    talk(tmp_path / "data", slice(0, 17))
    found = {each.record_id: each for each in audited(tmp_path / "data", "transcript.uncovered")}
    assert found["one"].status is Status.SUSPECT
    assert found["one"].value == pytest.approx(15, abs=4)
    assert found["two"].status is Status.OK


def test_loudness_is_told_and_a_whisper_is_suspect(tmp_path: Path) -> None:
    write(tmp_path / "data" / "one" / "mic.wav", speechlike(5, 1))
    write(tmp_path / "data" / "two" / "mic.wav", speechlike(5, 1) * 0.01)
    found = audited(tmp_path / "data", "content.loudness")
    quiet, loud = sorted(found, key=lambda each: each.value or 0.0)
    assert (quiet.status, loud.status) == (Status.SUSPECT, Status.OK)
    assert loud.value is not None
    assert quiet.value == pytest.approx(loud.value - 40, abs=1)
