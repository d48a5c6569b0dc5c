"""How long from the command to the first picture on a real screen, ours beside mpv's on the same film.

usage: python tests/bench/bench_start.py [--runs 5]
Needs Xvfb and mpv (Debian packages xvfb, mpv). Prints one JSON object; times are seconds of wall clock.
"""

from __future__ import annotations

import argparse
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
BRIGHT = 150
"""Neither window is bright anywhere before its picture is there: both have dark grounds."""


def first_picture(command: list[str], env: dict[str, str]) -> float:
    """Seconds until a fifteenth of the screen's middle is bright; raises TimeoutError after 30 s."""
    with mss.MSS() as grabber:
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


def main() -> None:
    """Run both players in turn and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    read, write = os.pipe()
    screen = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write), "-screen", "0", "1280x800x24", "-nolisten", "tcp", "-noreset"],
        pass_fds=(write,),
        stderr=subprocess.DEVNULL,
    )
    os.close(write)
    env = {**os.environ, "DISPLAY": ":" + os.read(read, 16).decode().strip()}
    env.pop("QT_QPA_PLATFORM", None)
    os.environ["DISPLAY"] = env["DISPLAY"]
    film = next(DEMO.glob("*/front.mp4"))
    players = {
        "inspector": [sys.executable, "-m", "inspector", "demo"],
        "mpv": ["mpv", "--vo=x11", "--ao=null", "--geometry=1280x800", "--loop", str(film)],
    }
    times: dict[str, list[float]] = {name: [] for name in players}
    try:
        for command in players.values():
            first_picture(command, env)  # warms the disk; not counted
        for _ in range(runs):
            for name, command in players.items():
                times[name].append(round(first_picture(command, env), 3))
    finally:
        screen.terminate()
    figures = {
        name: {"median_s": statistics.median(each), "max_s": max(each), "all_s": each} for name, each in times.items()
    }
    print(json.dumps({"first_picture": figures, "cores": os.cpu_count()}))


if __name__ == "__main__":
    main()
