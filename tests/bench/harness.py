"""What every bench stands on: a screen and a sound sink of its own, figures and peers, the machine's load.

A figure is never judged by the test: `verdict` says what it reached, and the test fails only where nothing
was measured or a wrong frame was shown.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mss
import numpy as np
from films import AREA, COLUMNS, ROWS, bits_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import TracebackType

ROOT = Path(__file__).resolve().parents[2]
SCREEN = (2200, 1400)
"""Room for the window at the left and another player's at its right: neither may cover the other."""


# --- figures --------------------------------------------------------------------------------------


@dataclass
class Figure:
    """One line of the table: ours, the peer's on the same files in the same run, and what issue 3 asks."""

    row: str
    what: str
    unit: str
    p50: float
    p95: float
    n: int
    peer: str = ""
    peer_p50: float | None = None
    peer_p95: float | None = None
    target: str = ""
    reached: bool | None = None
    load: dict[str, float] = field(default_factory=dict)
    more: dict[str, Any] = field(default_factory=dict)

    @property
    def ratio(self) -> float | None:
        """Ours over the peer's, by p95."""
        return round(self.p95 / self.peer_p95, 3) if self.peer_p95 else None

    @property
    def verdict(self) -> str:
        """In one word."""
        return {True: "meets", False: "MISSES", None: "-"}[self.reached]

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self) | {"ratio": self.ratio, "verdict": self.verdict}


class Book:
    """All figures of a run, in the order in which they were taken."""

    def __init__(self) -> None:
        self.figures: list[Figure] = []
        self.skipped: list[str] = []

    def add(self, figure: Figure) -> None:
        """Note a figure and print it at once: a run that is stopped has shown what it had."""
        self.figures.append(figure)
        print("\n" + "  ".join(_cells(figure)))

    def took(
        self,
        row: str,
        what: str,
        ours: Sequence[float],
        *,
        load: Load,
        unit: str = "ms",
        peer: str = "",
        theirs: Sequence[float] = (),
        target: str = "",
        reached: bool | None = None,
        n: int | None = None,
        **more: Any,
    ) -> None:
        """Add a figure from all its values and its peer's; one without values was not measured."""
        assert len(ours), what
        self.add(
            Figure(
                row,
                what,
                unit,
                p(ours, 50),
                p(ours, 95),
                len(ours) if n is None else n,
                peer if len(theirs) else "",
                p(theirs, 50) if len(theirs) else None,
                p(theirs, 95) if len(theirs) else None,
                target,
                reached,
                load.found,
                more,
            )
        )

    def table(self) -> list[str]:
        """Lines of text, the columns aligned."""
        head = [
            "row",
            "what",
            "p50",
            "p95",
            "n",
            "peer p50/p95",
            "ratio",
            "target",
            "verdict",
            "steal/busy/load",
        ]
        rows = [head, *map(_cells, self.figures)]
        widths = [max(len(row[place]) for row in rows) for place in range(len(head))]
        return [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in rows
        ]


def _cells(figure: Figure) -> list[str]:
    def text(value: float | None) -> str:
        return "-" if value is None else f"{value:.4g}"

    peer = f"{figure.peer} {text(figure.peer_p50)}/{text(figure.peer_p95)}" if figure.peer else "-"
    load = figure.load
    return [
        figure.row,
        figure.what,
        f"{text(figure.p50)} {figure.unit}",
        f"{text(figure.p95)} {figure.unit}",
        str(figure.n),
        peer,
        text(figure.ratio),
        figure.target or "-",
        figure.verdict,
        f"{load.get('steal_pct', 0):.0f}%/{load.get('busy_pct', 0):.0f}%/{load.get('load_1m', 0):.1f}",
    ]


BOOK = Book()


def p(values: Sequence[float], percent: float) -> float:
    """A percentile, rounded for people."""
    return round(float(np.percentile(np.asarray(values, np.float64), percent)), 3)


class Load:
    """What the machine did while a figure was taken: stolen by the host, busy in all, the load average."""

    def __init__(self) -> None:
        self.found: dict[str, float] = {}

    def __enter__(self) -> Load:
        self._before = _jiffies()
        return self

    def __exit__(self, *_: object) -> None:
        spent = _jiffies() - self._before
        total = max(float(spent.sum()), 1.0)
        self.found = {
            "steal_pct": round(100 * float(spent[7]) / total, 1),
            "busy_pct": round(100 * float(total - spent[3] - spent[4]) / total, 1),
            "load_1m": round(os.getloadavg()[0], 2),
        }


def _jiffies() -> Any:
    """user, nice, system, idle, iowait, irq, softirq, steal of all processors."""
    first = Path("/proc/stat").read_text().splitlines()[0]
    return np.array([int(each) for each in first.split()[1:9]], np.int64)


def memory_mb(pid: int) -> dict[str, float]:
    """What a process holds: `rss`, of it `anon` (its own) and `file` (mapped), and the `peak` of rss."""
    names = {"VmRSS": "rss", "RssAnon": "anon", "RssFile": "file", "VmHWM": "peak"}
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    pairs = (line.split(":", 1) for line in lines if ":" in line)
    return {names[name]: round(int(rest.split()[0]) / 1024, 1) for name, rest in pairs if name in names}


# --- the place ------------------------------------------------------------------------------------


class Stand:
    """An X server and, where PulseAudio is installed, a sound sink, both private."""

    def __init__(self) -> None:
        read, write = os.pipe()
        size = f"{SCREEN[0]}x{SCREEN[1]}x24"
        self._screen = subprocess.Popen(
            ["Xvfb", "-displayfd", str(write), "-screen", "0", size, "-nolisten", "tcp", "-noreset"],
            pass_fds=(write,),
            stderr=subprocess.DEVNULL,
        )
        os.close(write)
        with os.fdopen(read) as told:  # up to the line's end: a server that cannot write it all goes away
            self.display = ":" + told.readline().strip()
        self._runtime = tempfile.TemporaryDirectory(prefix="bench-run")
        self._pulse: subprocess.Popen[bytes] | None = None
        kept = {key: value for key, value in os.environ.items() if key != "QT_QPA_PLATFORM"}
        self.env = kept | {"DISPLAY": self.display, "XDG_RUNTIME_DIR": self._runtime.name}
        self.env |= {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")])}
        self.env.pop("WAYLAND_DISPLAY", None)
        self.has_sound = self._start_sound()

    def _start_sound(self) -> bool:
        socket = f"{self._runtime.name}/pulse.sock"
        try:
            self._pulse = subprocess.Popen(
                [
                    *("pulseaudio", "-n", "--exit-idle-time=-1", "--daemonize=no", "--use-pid-file=no"),
                    *("-L", f"module-native-protocol-unix socket={socket} auth-anonymous=1"),
                    *("-L", "module-null-sink sink_name=bench rate=48000"),
                ],
                env=self.env,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        except FileNotFoundError:
            return False
        self.env |= {"PULSE_SERVER": f"unix:{socket}"}
        return wait_until(lambda: Path(socket).exists(), 10)

    def close(self) -> None:
        """End both."""
        for process in (self._pulse, self._screen):
            if process is not None:
                process.terminate()
                process.wait()
        self._runtime.cleanup()

    def __enter__(self) -> Stand:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def environment(stand: Stand) -> dict[str, str]:
    """For a program on the stand: also the cache and configuration that this test was given."""
    now = {
        key: value for key, value in os.environ.items() if key.startswith("XDG_") and key != "XDG_RUNTIME_DIR"
    }
    return stand.env | now


def wait_until(condition: Any, timeout_s: float, every_s: float = 0.01) -> bool:
    """Whether the condition came true in time."""
    end = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(every_s)
    return True


class Watcher:
    """Reads the number of the picture that stands on the screen, the same way for every player.

    Four strips two px high are fetched, one through each row of blocks: a look costs the X server little.
    """

    def __init__(self, stand: Stand) -> None:
        for _ in range(50):
            try:
                self._grabber = mss.MSS(display=stand.display)
                break
            except Exception:  # noqa: BLE001 - mss names its errors by backend
                time.sleep(0.1)

    def close(self) -> None:
        """Let go of the display."""
        self._grabber.close()

    def number(self, box: Sequence[int]) -> int | None:
        """The number shown in a picture that fills `box` (left, top, width, height), None if unreadable."""
        left, top, width, height = box
        across = (AREA[2] - AREA[0]) * width / COLUMNS
        lefts = AREA[0] * width + np.arange(COLUMNS) * across
        edges = np.stack([lefts + across / 4, lefts + across * 3 / 4], 1).round().astype(np.int64)
        bits: list[int] = []
        for row in range(ROWS):
            y = AREA[1] + (row + 0.5) * (AREA[3] - AREA[1]) / ROWS
            strip = {"left": left, "top": top + round(y * height), "width": width, "height": 2}
            shot = self._grabber.grab(strip)
            green = np.frombuffer(shot.raw, np.uint8).reshape(shot.height, shot.width, 4)[..., 1]
            sums = np.add.reduceat(green.sum(0, dtype=np.int64), edges.ravel())[::2]
            levels = sums / (2 * np.diff(edges, axis=1)[:, 0])
            if ((levels > 90) & (levels < 160)).any():
                return None
            bits.extend((levels > 125).astype(int).tolist())
        number = int("".join(map(str, bits[2:14])), 2)
        return number if bits == bits_of(number) else None

    def wait(self, box: Sequence[int], wanted: set[int], timeout_s: float) -> tuple[float, int]:
        """When (monotonic s) one of these numbers was first seen, and which; TimeoutError if none was."""
        end = time.monotonic() + timeout_s
        seen: int | None = None
        while True:
            seen = self.number(box)
            now = time.monotonic()
            if seen in wanted and seen is not None:
                return now, seen
            if now > end:
                raise TimeoutError(f"{sorted(wanted)[:5]} not seen within {timeout_s} s, but {seen}")
            time.sleep(0.0015)

    def wait_other(self, box: Sequence[int], before: int, timeout_s: float) -> tuple[float, int]:
        """When a picture other than `before` was first seen, and its number."""
        return self.wait(box, set(range(4096)) - {before}, timeout_s)


def shuffled(count: int, seed: int) -> Iterator[int]:
    """0 … count − 1 in random order."""
    yield from (int(each) for each in np.random.default_rng(seed).permutation(count))
