"""Single checks on records of known faults: what was put in is told, once, and mended."""

from __future__ import annotations

import wave
from typing import TYPE_CHECKING

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
