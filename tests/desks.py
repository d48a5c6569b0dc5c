"""A private sound server, and an ear at its loudspeaker, for tests that listen."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from films import RATE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

QUIET: Any = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


def need(*programs: str) -> None:
    """Skip the test where one of these programs is not installed."""
    missing = [name for name in programs if shutil.which(name) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")


@contextlib.contextmanager
def sound_server() -> Iterator[dict[str, str]]:
    """PulseAudio with a loudspeaker `desk` that nobody hears; yields the environment that leads to it."""
    runtime = tempfile.mkdtemp(prefix="inspector-desk-")
    Path(runtime).chmod(0o700)
    socket = f"{runtime}/pulse.sock"
    pulse = subprocess.Popen(
        [
            *("pulseaudio", "-n", "--exit-idle-time=-1", "--daemonize=no", "--use-pid-file=no"),
            *("-L", f"module-native-protocol-unix socket={socket} auth-anonymous=1"),
            *("-L", f"module-null-sink sink_name=desk rate={RATE}"),
        ],
        env=dict(os.environ, XDG_RUNTIME_DIR=runtime),
        **QUIET,
    )
    try:
        led = {"XDG_RUNTIME_DIR": runtime, "PULSE_SERVER": f"unix:{socket}"}
        deadline = time.monotonic() + 20
        ready = ["pactl", "info"] if shutil.which("pactl") else ["test", "-S", socket]
        while subprocess.run(ready, env=os.environ | led, check=False, **QUIET).returncode:
            assert time.monotonic() < deadline, "pulseaudio did not start"
        yield led
    finally:
        pulse.terminate()
        pulse.wait(10)
        shutil.rmtree(runtime, ignore_errors=True)


class Ear:
    """Records the loudspeaker from `with` on; `sound` says when each sample came out."""

    def __init__(self, env: dict[str, str]) -> None:
        self._command = ["parec", "-d", "desk.monitor", "--format=s16le", f"--rate={RATE}", "--channels=1"]
        self._env = env
        self._parts: list[tuple[float, bytes]] = []

    def __enter__(self) -> Ear:
        self._parec = subprocess.Popen(
            [*self._command, "--latency-msec=4"],
            env=self._env,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self._thread = threading.Thread(target=self._listen, name="ear")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._parec.terminate()
        self._thread.join()
        assert self._parec.stdout is not None
        self._parec.stdout.close()
        self._parec.wait(10)

    def _listen(self) -> None:
        assert self._parec.stdout is not None
        while data := os.read(self._parec.stdout.fileno(), 1 << 16):
            self._parts.append((time.monotonic(), data))

    def sound(self) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        """All that was heard and, for each sample, when: arrivals can be late, so the earliest rule."""
        parts = list(self._parts)
        pcm = np.frombuffer(b"".join(data for _, data in parts), np.int16).astype(np.float32)
        pcm /= np.float32(32768)
        counts = np.cumsum([len(data) // 2 for _, data in parts])
        lag = np.array([at for at, _ in parts]) - counts / RATE
        floor = np.minimum.accumulate(lag[::-1])[::-1]  # the smallest of what came from there on
        return pcm, np.arange(len(pcm)) / RATE + np.interp(np.arange(len(pcm)), counts, floor)


def onsets(level: NDArray[Any], when: NDArray[np.float64], threshold: float, apart_s: float) -> list[float]:
    """When a level rises above a threshold, the first of each burst."""
    rises = when[1:][(level[1:] > threshold) & (level[:-1] <= threshold)]
    kept: list[float] = []
    for at in rises.tolist():
        if not kept or at - kept[-1] > apart_s:
            kept.append(at)
    return kept
