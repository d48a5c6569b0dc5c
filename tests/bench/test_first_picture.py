"""How long from the command to the first picture on a real screen, ours beside mpv's on the same film.

Needs Xvfb and mpv (Debian packages xvfb, mpv). Prints one JSON object; times are seconds of wall clock.
"""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

import mss
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "resources" / "demo"
RUNS = 5
BRIGHT = 150
"""Neither window is bright anywhere before its picture is there: both have dark grounds."""


def _first_picture(grabber: mss.MSS, command: list[str], env: dict[str, str]) -> float:
    """Seconds until a fifteenth of the screen's middle is bright; raises TimeoutError after 30 s."""
    middle = {"left": 400, "top": 60, "width": 480, "height": 340}
    start = time.perf_counter()
    process = subprocess.Popen(
        command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        while time.perf_counter() - start < 30:
            shot = grabber.grab(middle)
            green = np.frombuffer(shot.raw, np.uint8).reshape(shot.height, shot.width, 4)[..., 1]
            if (green > BRIGHT).mean() > 1 / 15:
                return time.perf_counter() - start
            time.sleep(0.005)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    raise TimeoutError(command)


def _grabber(display: str) -> mss.MSS:
    """The screen; its server may name its display a moment before it answers."""
    for _ in range(50):
        try:
            return mss.MSS(display=display)
        except Exception:  # noqa: BLE001 - mss names its errors by backend
            time.sleep(0.1)
    return mss.MSS(display=display)


def test_first_picture() -> None:
    """Both players in turn, after one run each that warms the disk."""
    read, write = os.pipe()
    screen = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write), "-screen", "0", "1280x800x24", "-nolisten", "tcp", "-noreset"],
        pass_fds=(write,),
        stderr=subprocess.DEVNULL,
    )
    os.close(write)
    with os.fdopen(read) as told:  # up to the line's end: a server that cannot write it all goes away
        display = ":" + told.readline().strip()
    env = {key: value for key, value in os.environ.items() if key != "QT_QPA_PLATFORM"} | {"DISPLAY": display}
    film = min(DEMO.glob("*/front.mp4"))
    players = {
        "inspector": [sys.executable, "-m", "inspector", "demo"],
        "mpv": ["mpv", "--vo=x11", "--ao=null", "--geometry=1280x800", "--loop", str(film)],
    }
    times: dict[str, list[float]] = {name: [] for name in players}
    try:
        with _grabber(display) as grabber:
            for run in range(RUNS + 1):
                for name, command in players.items():
                    took = round(_first_picture(grabber, command, env), 3)
                    if run:
                        times[name].append(took)
    finally:
        screen.terminate()
        screen.wait()
    figures = {name: {"median_s": statistics.median(each), "all_s": each} for name, each in times.items()}
    print("\n" + json.dumps({"first_picture": figures, "cores": os.cpu_count()}))
