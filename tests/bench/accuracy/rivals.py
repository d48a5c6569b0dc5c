"""Other people's tools on the same cases: ffsubsync, audio-offset-finder and syncstart.

Each is installed into an environment of its own below tests/bench/.rivals, the first time that a bench asks
for it; why one cannot be had is told, never passed over.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import wave
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from bench.accuracy.material import RATE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

FOLDER = Path(__file__).resolve().parents[1] / ".rivals"
PACKAGES = {
    "ffsubsync": ("ffsubsync==0.5.1",),
    "audio-offset-finder": ("audio-offset-finder==0.5.5", "numpy<2"),
    "syncstart": ("syncstart==1.1.1",),
}


@cache
def program(name: str) -> Path | str:
    """The tool's program, installed now if need be, or why there is none."""
    home = FOLDER / name
    found = home / "bin" / name
    if found.exists():
        return found
    if shutil.which("ffmpeg") is None:
        return "ffmpeg is not installed, which it needs"
    steps: list[list[str]] = [
        [sys.executable, "-m", "venv", str(home)],
        [str(home / "bin" / "pip"), "install", "-q", *PACKAGES[name]],
    ]
    for step in steps:
        try:
            done = subprocess.run(step, capture_output=True, timeout=900, check=False, text=True)
        except (OSError, subprocess.TimeoutExpired) as error:
            done = subprocess.CompletedProcess(step, 1, "", str(error))
        if done.returncode or (step is steps[-1] and not found.exists()):
            shutil.rmtree(home, ignore_errors=True)
            lines = [line for line in done.stderr.splitlines() if line.strip()]
            return f"it cannot be installed: {lines[-1] if lines else 'pip gave no reason'}"
    return found


def _said(name: str, arguments: Sequence[str]) -> str:
    """What the tool prints, empty where it fails."""
    there = program(name)
    if isinstance(there, str):
        return ""
    try:
        done = subprocess.run(
            [str(there), *arguments], capture_output=True, timeout=180, check=False, text=True
        )
    except subprocess.TimeoutExpired:
        return ""
    return done.stdout


def write_wave(path: Path, x: NDArray[np.float32]) -> None:
    """x as 16-bit mono."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        scaled = x / max(1.0, float(np.abs(x).max(initial=0.0)) * 1.02)
        file.writeframes((scaled * 32767).astype("<i2").tobytes())


def _stamp(at_s: float) -> str:
    ms = round(at_s * 1000)
    return f"{ms // 3_600_000:02}:{ms // 60_000 % 60:02}:{ms // 1000 % 60:02},{ms % 1000:03}"


def ffsubsync(x: NDArray[np.float32], starts: NDArray[np.float64], ends: NDArray[np.float64]) -> float | None:
    """How late ffsubsync says that the cues are, s; None where it says nothing. Cues start at 0 or later."""
    with tempfile.TemporaryDirectory() as folder:
        sound, before, after = (Path(folder) / name for name in ("a.wav", "a.srt", "b.srt"))
        write_wave(sound, x)
        blocks = (
            f"{k}\n{_stamp(a)} --> {_stamp(b)}\nwords {k}\n"
            for k, (a, b) in enumerate(zip(starts, ends, strict=True), 1)
        )
        before.write_text("\n".join(blocks))
        _said("ffsubsync", [str(sound), "-i", str(before), "-o", str(after), "--no-fix-framerate"])
        if not after.exists():
            return None
        # It drops what would begin before 0: then the last cue tells.
        told = [row for row in after.read_text().splitlines() if "-->" in row]
        if not told:
            return None
        h, m, s = told[-1].split(" --> ")[0].replace(",", ".").split(":")
        return float(starts[-1] - (int(h) * 3600 + int(m) * 60 + float(s)))


def audio_offset_finder(a: NDArray[np.float32], b: NDArray[np.float32]) -> float | None:
    """How late audio-offset-finder says that b is against a, s."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / name for name in ("a.wav", "b.wav")]
        write_wave(paths[0], a)
        write_wave(paths[1], b)
        said = _said(
            "audio-offset-finder", ["--find-offset-of", str(paths[0]), "--within", str(paths[1]), "--json"]
        )
        try:
            return float(json.loads(said)["time_offset"])
        except (ValueError, KeyError, TypeError):
            return None


def syncstart(a: NDArray[np.float32], b: NDArray[np.float32]) -> float | None:
    """How late syncstart says that b is against a, s: the file that it would advance, and by how much."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / name for name in ("a.wav", "b.wav")]
        write_wave(paths[0], a)
        write_wave(paths[1], b)
        take = str(int(max(len(a), len(b)) / RATE) + 1)
        said = _said("syncstart", [str(paths[0]), str(paths[1]), "-t", take, "-s", "-q"])
        name, _, late = said.strip().rpartition(",")
        try:
            return float(late) * (1 if name.endswith("b.wav") else -1)
        except ValueError:
            return None
