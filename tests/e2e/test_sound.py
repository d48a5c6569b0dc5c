"""What is heard at a sound server and seen on an X screen, of the real program in a process of its own."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import films
import numpy as np
import pytest
from desks import QUIET, Ear, need, onsets, sound_server
from films import RATE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

pytestmark = [pytest.mark.xvfb, pytest.mark.slow]

ROOT = Path(__file__).resolve().parent.parent.parent
EVERY_S = 0.5
"""Between a flash and the next."""
LIT_S = 0.066
HOLE_MS = 5
TRIES = 3
STARVED_S = 0.03
"""Where even an idle thread waited so long for a processor, a hole says nothing of the program: once more."""
SYNC_MS = 40.0
"""Loose, for a shared machine: the exact figures come from tools/av_sync_rig.py by hand."""


@dataclass
class Desk:
    """A private screen and a private loudspeaker that can be listened to."""

    env: dict[str, str]
    display: str


@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    need("Xvfb", "pulseaudio", "parec", "xdotool")
    told, tell = os.pipe()
    screen = subprocess.Popen(
        ["Xvfb", "-displayfd", str(tell), "-screen", "0", "1000x700x24", "-nolisten", "tcp"],
        pass_fds=(tell,),
        **QUIET,
    )
    os.close(tell)
    try:
        assert select.select([told], [], [], 20)[0], "Xvfb did not start"
        display = f":{os.read(told, 16).decode().strip()}"
        with sound_server() as led:
            env = dict(os.environ, DISPLAY=display, **led)
            env["PYTHONPATH"] = str(ROOT)  # a checkout that is not installed will do
            env.pop("WAYLAND_DISPLAY", None)
            env.pop("QT_QPA_PLATFORM", None)
            yield Desk(env, display)
    finally:
        os.close(told)
        screen.terminate()
        screen.wait(10)


@pytest.fixture(scope="module")
def tone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a film under one long tone of 1 kHz."""
    folder = tmp_path_factory.mktemp("tone")
    pcm = (0.5 * np.sin(2 * np.pi * 1000 * np.arange(10 * RATE) / RATE)).astype(np.float32)
    films.make_film(folder / "tone.mkv", films.steady(10, 25), rate=25, sound="pcm_s16le", pcm=pcm)
    return folder


@pytest.fixture(scope="module")
def flashes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a film that flashes and beeps at once, every EVERY_S from the first on."""
    folder = tmp_path_factory.mktemp("flashes")
    rate, seconds = 30, 14
    at = np.arange(seconds * RATE) / RATE
    on = (at >= EVERY_S) & ((at + 1e-9) % EVERY_S < LIT_S)
    pcm = (on * 0.8 * np.sin(2 * np.pi * 1000 * at)).astype(np.float32)
    dark, white = (np.full((240, 320, 3), level, np.uint8) for level in (16, 255))

    def draw(number: int) -> NDArray[np.uint8]:
        period = round(EVERY_S * rate)
        return white if number >= period and number % period < 2 else dark

    times = films.steady(seconds, rate)
    films.make_film(folder / "flash.mkv", times, sound="pcm_s16le", pcm=pcm, draw=draw, options={"g": "30"})
    return folder


def holes_ms(pcm: NDArray[np.float32], least: float) -> list[tuple[int, int]]:
    """Stretches of ms in which it is quieter than `least`, as (first ms, how many)."""
    ms = RATE // 1000
    rms = np.sqrt((pcm[: len(pcm) // ms * ms].reshape(-1, ms) ** 2).mean(1))
    quiet = np.concatenate([[False], rms < least, [False]])
    edges = np.flatnonzero(quiet[1:] != quiet[:-1])
    return [(int(a), int(b - a)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


@contextmanager
def starved_s() -> Iterator[Callable[[], float]]:
    """How long an idle thread waited for a processor at most: what the machine does to anybody."""
    worst = 0.0
    over = threading.Event()

    def watch() -> None:
        nonlocal worst
        last = time.monotonic()
        while not over.wait(0.002):
            now = time.monotonic()
            worst, last = max(worst, now - last), now

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield lambda: worst
    finally:
        over.set()
        thread.join()


def test_a_blocked_window_makes_no_hole_in_the_sound(desk: Desk, tone: Path) -> None:
    for _ in range(TRIES):
        with starved_s() as starved:
            found = holes_while_blocked(desk, tone)
        if not found or starved() < STARVED_S:
            break
    assert not found


def holes_while_blocked(desk: Desk, tone: Path) -> list[str]:
    """What was wrong with the sound while the window was blocked in each of three ways."""
    wrong = []
    script = str(Path(__file__).with_name("blocked_window.py"))
    with Ear(desk.env) as ear:
        done = subprocess.run(
            [sys.executable, script, str(tone)],
            env=desk.env,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    *blocks, last = done.stdout.split("\n")[:-1]
    assert last == "done"
    pcm, when = ear.sound()
    for line in blocks:
        name, start, end = line.split()
        assert float(end) - float(start) >= 0.49
        # From before the block to well after it: a buffer that ran low is heard late.
        low, high = np.searchsorted(when, [float(start) - 0.3, float(end) + 0.4])
        part = pcm[low:high]
        assert len(part) > 1.1 * RATE
        assert np.abs(part).max() > 0.4, "the tone was not heard at all"
        found = [hole for hole in holes_ms(part, 0.05) if hole[1] > HOLE_MS]
        if found:
            wrong.append(f"while the window was blocked by {name}: holes (ms, ms long) {found}")
    assert [line.split()[0] for line in blocks] == ["sleep", "busy", "sort"]
    return wrong


def test_sound_and_picture_come_together(desk: Desk, flashes: Path) -> None:
    """At the screen and at the loudspeaker, while playing and after seeks by keys."""
    mss = pytest.importorskip("mss")
    command = [sys.executable, "-m", "inspector", "open", str(flashes), "--play", "--size", "1000x700"]
    levels: list[tuple[float, float]] = []
    pressed: list[float] = []
    with Ear(desk.env) as ear, mss.MSS(display=desk.display) as screen:
        program = subprocess.Popen(
            command, env=desk.env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        try:
            spot = find_flashing(screen, time.monotonic() + 20)
            seen_from = time.monotonic()
            keys = [(4.0, "Right"), (6.0, "Left")]
            while (now := time.monotonic()) < seen_from + 8.0 and program.poll() is None:
                shot = screen.grab(spot)
                levels.append((time.monotonic(), float(np.frombuffer(shot.raw, np.uint8)[1::4].mean())))
                if keys and now > seen_from + keys[0][0]:
                    subprocess.run(["xdotool", "key", keys.pop(0)[1]], env=desk.env, check=True)
                    pressed.append(time.monotonic())
            assert program.poll() is None, program.stderr and program.stderr.read()
        finally:
            program.terminate()
            program.communicate(timeout=10)
    times, gray = np.array(levels).T
    flash_s = onsets(gray, times, 128, 0.2)
    pcm, when = ear.sound()
    beep_s = onsets(np.abs(pcm), when, 0.2, 0.2)
    steady: list[float] = []
    fresh: list[float] = []
    for flash in flash_s:
        near = min(beep_s, key=lambda beep: abs(beep - flash), default=float("inf"))
        if abs(near - flash) > EVERY_S / 2 or any(0 <= flash - key < 0.25 for key in pressed):
            continue  # none, or what was under way when the key came
        after_seek = any(0 <= flash - key < 1.5 for key in pressed)
        (fresh if after_seek else steady).append((near - flash) * 1e3)
    assert len(steady) >= 6, (flash_s, beep_s)
    assert len(fresh) >= 2, (flash_s, beep_s, pressed)
    assert abs(float(np.median(steady))) <= SYNC_MS, steady
    assert abs(float(np.median(fresh))) <= SYNC_MS, fresh


def find_flashing(screen: Any, deadline: float) -> dict[str, int]:
    """A spot of the screen in the middle of what swings between dark and white."""
    rises: NDArray[np.uint8] | None = None
    dark: NDArray[np.bool_] | None = None
    while time.monotonic() < deadline:
        shot = screen.grab(screen.monitors[0])
        gray = np.frombuffer(shot.raw, np.uint8).reshape(shot.height, shot.width, 4)[::8, ::8, 1]
        if rises is None or dark is None:
            rises, dark = np.zeros(gray.shape, np.uint8), gray < 60
        lit = dark & (gray > 200)
        rises += lit
        dark = (dark & ~lit) | (gray < 60)
        if (rises >= 2).sum() > 400:  # two flashes: a window that opens is none
            rows, columns = np.nonzero(rises >= 2)
            top, left = int(np.median(rows)) * 8, int(np.median(columns)) * 8
            return {"left": left - 12, "top": top - 12, "width": 24, "height": 24}
    pytest.fail("no flash was seen on the screen")
