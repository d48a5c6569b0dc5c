"""Other people's tools on the same cases, where they are on the path: ffsubsync, audio-offset-finder."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import wave
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from bench.accuracy.material import RATE

if TYPE_CHECKING:
    from numpy.typing import NDArray


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
        command = ["ffsubsync", str(sound), "-i", str(before), "-o", str(after), "--no-fix-framerate"]
        subprocess.run(command, capture_output=True, timeout=120, check=False)
        if not after.exists():
            return None
        for row in after.read_text().splitlines():
            if "-->" in row:
                h, m, s = row.split(" --> ")[0].replace(",", ".").split(":")
                return float(starts[0] - (int(h) * 3600 + int(m) * 60 + float(s)))
    return None


def audio_offset_finder(a: NDArray[np.float32], b: NDArray[np.float32]) -> float | None:
    """How late audio-offset-finder says that b is against a, s."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / name for name in ("a.wav", "b.wav")]
        write_wave(paths[0], a)
        write_wave(paths[1], b)
        command = [
            "audio-offset-finder",
            "--find-offset-of",
            str(paths[0]),
            "--within",
            str(paths[1]),
            "--json",
        ]
        done = subprocess.run(command, capture_output=True, timeout=120, check=False, text=True)
        try:
            return float(json.loads(done.stdout)["time_offset"])
        except (ValueError, KeyError):
            return None


def have(name: str) -> bool:
    """Whether that tool is on the path."""
    return shutil.which(name) is not None
