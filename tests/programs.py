"""The program run as a subprocess, as a user runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
Run = subprocess.CompletedProcess[str]


def run(*words: str | Path, **more: str) -> Run:
    """The program with these words, with no display and no terminal."""
    environment = dict(os.environ, PYTHONPATH=str(ROOT), **more)
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        environment.pop(name, None)
    return subprocess.run(
        [sys.executable, "-m", "inspector", *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,  # of one that hangs; a machine may stall for a minute
        env=environment,
        stdin=subprocess.DEVNULL,
    )
