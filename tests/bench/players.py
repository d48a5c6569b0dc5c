"""The players that are raced, each a program of its own: the window, driven by lines of JSON, and mpv."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.harness import environment, wait_until

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from bench.harness import Stand

LIMIT_S = 120.0


class Window:
    """The real window in a process of its own (`window_driver.py`). Times are of CLOCK_MONOTONIC, in s."""

    def __init__(self, stand: Stand, sound: bool = False, size: tuple[int, int] = (1280, 800)) -> None:
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the window
        self._process = subprocess.Popen(
            [
                sys.executable,
                str(Path(__file__).with_name("window_driver.py")),
                *map(str, size),
                str(int(sound)),
            ],
            env=environment(stand),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            bufsize=1,
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    def __call__(self, do: str, **more: Any) -> Any:
        """Have one thing done, and its answer; RuntimeError with the window's log where it failed."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps({"do": do, **more}) + "\n")
            line = self._process.stdout.readline()
            answer = json.loads(line)
        except (OSError, ValueError) as error:
            raise RuntimeError(f"{do}: the window is gone\n{self.log()}") from error
        if "error" in answer:
            raise RuntimeError(f"{do}: {answer['error']}\n{self.log()}")
        return answer["is"]

    def log(self) -> str:
        """The end of what the window wrote to stderr."""
        self._log.seek(0)
        return self._log.read().decode(errors="replace")[-3000:]

    def open(self, folder: Path, record: str | None = None) -> list[list[int]]:
        """Open a dataset, wait until all is there, and say where each camera's picture lies on the screen."""
        self("open", path=str(folder), record=record)
        boxes: list[list[int]] = self("boxes")
        return boxes

    def close(self) -> None:
        """Close the window; one that hangs is killed."""
        try:
            if self._process.poll() is None:
                self("quit")
                self._process.wait(20)
        except (RuntimeError, subprocess.TimeoutExpired):
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        finally:
            for pipe in (self._process.stdin, self._process.stdout, self._log):
                if pipe is not None:
                    pipe.close()

    def __enter__(self) -> Window:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Mpv:
    """mpv with exact seeks, driven over its socket, its picture filling `box` on the screen."""

    def __init__(
        self,
        stand: Stand,
        film: Path | None,
        box: Sequence[int],
        *options: str,
        sound: bool = False,
        pause: bool = True,
    ) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="bench-mpv")
        path = f"{self._folder.name}/socket"
        left, top, width, height = box
        self.started = time.monotonic()
        self._process = subprocess.Popen(
            [
                *("mpv", "--no-config", "--vo=x11", "--hr-seek=yes", "--no-border", "--keepaspect-window=no"),
                *("--no-osc", "--osd-level=0", "--no-osd-bar", "--keep-open=yes", "--cursor-autohide=no"),
                *("--ao=pulse",) * sound,
                *("--no-audio",) * (not sound),
                *("--pause",) * pause,
                f"--geometry={width}x{height}+{left}+{top}",
                f"--input-ipc-server={path}",
                *options,
                *([str(film)] if film is not None else []),
            ],
            env=environment(stand),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._socket = socket.socket(socket.AF_UNIX)
        self._lines = b""
        self._asked = 0
        if not wait_until(lambda: self._connected(path), 20):
            self.close()
            raise RuntimeError("mpv did not start")

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    def _connected(self, path: str) -> bool:
        try:
            self._socket.connect(path)
        except OSError:
            return False
        return True

    def send(self, *command: Any) -> float:
        """Send a command; when (monotonic seconds) it went out."""
        self._asked += 1
        line = json.dumps({"command": command, "request_id": self._asked}) + "\n"
        at = time.monotonic()
        self._socket.sendall(line.encode())
        return at

    def ask(self, *command: Any) -> Any:
        """The data that a command answers with."""
        self.send(*command)
        return self._until(lambda line: line.get("request_id") == self._asked)[1].get("data")

    def wait_event(self, name: str) -> float:
        """When (monotonic seconds) the next event of that name came."""
        return self._until(lambda line: line.get("event") == name)[0]

    def forget_events(self) -> None:
        """Drop what has come so far."""
        self.ask("get_property", "pid")

    def _until(self, wanted: Any) -> tuple[float, dict[str, Any]]:
        self._socket.settimeout(LIMIT_S)
        while True:
            while b"\n" in self._lines:
                line, _, self._lines = self._lines.partition(b"\n")
                found = json.loads(line)
                if wanted(found):
                    return time.monotonic(), found
            more = self._socket.recv(65536)
            if not more:
                raise RuntimeError("mpv is gone")
            self._lines += more

    def close(self) -> None:
        """End it."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGTERM)
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()
        self._socket.close()
        self._folder.cleanup()

    def __enter__(self) -> Mpv:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
