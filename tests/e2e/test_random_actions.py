"""Two thousand random actions leave no wrong frame, no thread, no file, no warning, and no more memory.

`INSPECTOR_RANDOM_ACTIONS` and `INSPECTOR_RANDOM_SEEDS` (comma separated) make it longer or other.
"""

from __future__ import annotations

import ctypes
import gc
import logging
import os
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
from PySide6.QtCore import QEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from random_hands import DAMAGED, Eyes, Hands, PullingOutput, Reel, make_reel

from inspector.core.memory import give_back
from inspector.core.settings import change_settings
from inspector.media import child
from inspector.playback import proxies
from inspector.session import Opening
from inspector.ui import speaker
from inspector.ui.app import make_app
from inspector.ui.main_window import MainWindow
from inspector.ui.views.camera import CameraView

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PySide6.QtGui import QPaintEvent
    from pytestqt.qtbot import QtBot

ACTIONS = int(os.environ.get("INSPECTOR_RANDOM_ACTIONS", "2000"))
SEEDS = [int(seed) for seed in os.environ.get("INSPECTOR_RANDOM_SEEDS", "8").split(",")]
REST_EVERY = 8
CALM_EVERY = 250
PICTURE_MB = 3
"""So little that pictures are let go of all the time."""
WARM = 4
"""Measurements until everything was used once: libraries, fonts, tiles, indexes."""
GROWTH_MB, GROWTH_OBJECTS = 4, 3000
"""What the second half may add to what the first held where the window shows no picture and nothing is under
way: one small picture, and the short histories that are kept."""
SCATTER_MB = 48
"""What it may add to resident memory, in which pieces lie that were given back, more or fewer from run to run
while nothing more is held."""
FILES = 3
"""Event descriptors of Arrow's threads, which are made once and stay."""
LONG_GOP = "c"
CALM_RECORD = "d"
"""A sound and words: no picture is kept."""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="looks at /proc"),
    pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="asks glibc"),
]


@pytest.fixture(scope="session")
def reel(tmp_path_factory: pytest.TempPathFactory) -> Reel:
    return make_reel(tmp_path_factory.mktemp("random") / "set")


class Warnings(logging.Handler):
    """Keeps what was warned of, but for the damaged films."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.kept: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        text = self.format(record)
        if f"/{DAMAGED}/" not in text:
            self.kept.append(text)


@pytest.fixture
def warned() -> Iterator[Warnings]:
    handler = Warnings()
    logging.getLogger("inspector").addHandler(handler)
    yield handler
    logging.getLogger("inspector").removeHandler(handler)


def open_files() -> list[str]:
    """What this process has open, as paths or kinds."""
    found = []
    for name in os.listdir("/proc/self/fd"):
        with suppress(OSError):
            found.append(os.readlink(f"/proc/self/fd/{name}"))
    return sorted(found)


def children() -> list[int]:
    """The pids of the child processes that are left."""
    found: set[int] = set()
    for task in Path("/proc/self/task").iterdir():
        with suppress(OSError):
            found |= {int(pid) for pid in (task / "children").read_text().split()}
    return sorted(found)


class Allocated(ctypes.Structure):
    """What glibc tells of its memory (`mallinfo2`)."""

    _fields_ = tuple(
        (name, ctypes.c_size_t)
        for name in ("arena", "pieces", "_a", "maps", "mapped", "_b", "_c", "used", "free", "_d")
    )


class Held(NamedTuple):
    """What is held, without garbage: MB that the C library has handed out, objects of Python, resident MB."""

    mb: float
    objects: int
    resident_mb: float


def held() -> Held:
    """Measure it."""
    gc.collect()
    give_back()
    library = ctypes.CDLL(None)
    library.mallinfo2.restype = Allocated
    told = library.mallinfo2()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    resident = pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)
    return Held((told.used + told.mapped) / (1 << 20), len(gc.get_objects()), resident)


class Run:
    """One window under random hands, and what was measured of it."""

    def __init__(self, qtbot: QtBot, eyes: Eyes, warned: Warnings, seed: int) -> None:
        self.qtbot = qtbot
        self.eyes = eyes
        self.warned = warned
        self.seed = seed
        self.held: list[Held] = []
        """Each time that nothing was under way and no picture shown."""
        self.window = MainWindow(with_sound=True)
        self.hands = Hands(self.window, seed)

    def go(self) -> None:
        """Open, act, and close; what is wrong is told with the last actions."""
        window, done = self.window, 0
        with self.qtbot.captureExceptions() as raised:
            try:
                self._open()
                while done < ACTIONS:
                    self.hands.act()
                    done += 1
                    QTest.qWait(int(self.hands.rng.integers(0, 10)))  # the pace of a hand
                    if done % REST_EVERY == 0:
                        self._rest()
                    if done % CALM_EVERY == 0:
                        self._calm()
                    assert not self.eyes.wrong
                    assert not raised
                    assert not self.warned.kept
            except BaseException as error:
                told = [*self.hands.log, *self.eyes.wrong, *map(str, raised), *self.warned.kept]
                error.add_note("\n".join([f"seed {self.seed}, action {done}:", *told, self._state()]))
                raise
            finally:
                window.close()
                window.deleteLater()
                QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        assert not raised
        assert not self.warned.kept

    def _open(self) -> None:
        window = self.window
        window.resize(1000, 700)
        window.show()
        window.parts.fit_panels()
        window.activateWindow()
        self.qtbot.waitUntil(window.isActiveWindow)
        window.start(Opening(str(self.eyes.reel.root)), None, False)
        self.qtbot.waitUntil(lambda: window.record is not None and window.complete, timeout=20_000)

    def _rest(self) -> None:
        """Pause, wait for the pictures and look at them."""
        window = self.window
        self.hands.release()
        assert not window.player.dragging, "nobody drags, and the player waits for the hand to let go"
        window.player.transport.pause()
        self.qtbot.waitUntil(lambda: window.stage.all_settled and window._opening is None, timeout=20_000)
        self.eyes.rested(window)

    def _calm(self) -> None:
        """Nothing under way, and no picture shown: what is there now was not let go of."""
        window = self.window
        self._rest()
        if window.isFullScreen():
            self.hands.press("F11")
        window.records.filter.clear()
        window.resize(1000, 700)
        self.qtbot.waitUntil(lambda: window.complete, timeout=20_000)
        self.eyes.rested(window)
        if not self.held:  # builders were ended again and again: from now on there is a proxy
            self._show(LONG_GOP)
            made = window.player.proxies
            self.qtbot.waitUntil(lambda: bool(made._films) and made.complete, timeout=30_000)
        self._show(CALM_RECORD)
        self.eyes.forget()
        self.qtbot.waitUntil(lambda: all(feed.ended for feed in window.player._going), timeout=20_000)
        self.qtbot.waitUntil(lambda: not self._foreign(), timeout=20_000)
        self.held.append(held())

    def _show(self, record_id: str) -> None:
        window = self.window
        window.show_record(record_id)
        self.qtbot.waitUntil(
            lambda: window.record is not None and window.record.id == record_id and window.complete,
            timeout=20_000,
        )

    def _foreign(self) -> list[str]:
        """Files of other records that are open still."""
        root = self.eyes.reel.root
        mine = str(root / CALM_RECORD)
        return [name for name in open_files() if name.startswith(str(root)) and not name.startswith(mine)]

    def _state(self) -> str:
        """Where the window stands, for the message."""
        window = self.window
        transport = window.player.transport
        cameras = [
            (view.feed.stream.id, view.state_text, view._time_ns, view.feed.shown(transport.now_ns()).state)
            for view in window.stage.cameras
        ]
        record = None if window.record is None else window.record.id
        return (
            f"record {record} at {transport.now_ns()}, playing {transport.playing} at {transport.speed}, "
            f"stage at {window.stage._time_ns}: {cameras}, "
            f"open: {self._foreign()}, going: {len(window.player._going)}"
        )


@pytest.mark.parametrize("seed", SEEDS)
def test_random_actions_leave_nothing_and_show_nothing_wrong(
    seed: int,
    reel: Reel,
    qtbot: QtBot,
    warned: Warnings,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("INSPECTOR_CONFIG", str(tmp_path / "config"))
    monkeypatch.setenv("INSPECTOR_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(proxies, "CALM_S", 0.05)
    outputs: list[PullingOutput] = []

    def make_output(name: str) -> PullingOutput:
        outputs.append(PullingOutput(name))
        return outputs[-1]

    monkeypatch.setattr(speaker, "make_output", make_output)
    change_settings(picture_mb=PICTURE_MB)
    eyes = Eyes(reel)
    paint = CameraView.paintEvent

    def watched(view: CameraView, event: QPaintEvent) -> None:
        paint(view, event)
        eyes.painted(view)

    monkeypatch.setattr(CameraView, "paintEvent", watched)
    make_app("dark")
    child.close()
    gc.collect()
    before = (threading.active_count(), len(open_files()), children())
    run = Run(qtbot, eyes, warned, seed)
    run.go()
    make_app("dark")
    memory, loud = run.held, sum(output.loud for output in outputs)
    del run
    eyes.forget()
    child.close()
    gc.collect()
    after = (threading.active_count(), len(open_files()), children())
    told = f"seed {seed}: threads, files, children {before} before, {after} after; when calm "
    told += f"{[tuple(map(round, each)) for each in memory]}; {eyes.paints} paints, {eyes.rests} rests, "
    logging.getLogger("tests").info("%s%s grabs, %s drafts, %s loud", told, eyes.grabs, eyes.drafts, loud)
    assert after[0] == before[0], [thread.name for thread in threading.enumerate()]
    assert after[2] == before[2]
    assert not [name for name in open_files() if str(reel.root) in name or str(tmp_path) in name]
    assert after[1] <= before[1] + FILES, open_files()
    assert eyes.paints > ACTIONS // 2
    assert eyes.grabs > ACTIONS // REST_EVERY // 4
    assert loud > 10 or ACTIONS < 1000, "the mixer never played"
    if len(memory) >= WARM * 2:
        halves = memory[: len(memory) // 2], memory[len(memory) // 2 :]
        first, second = (Held(*map(max, zip(*half, strict=True))) for half in halves)
        assert second.mb - first.mb < GROWTH_MB, memory
        assert second.objects - first.objects < GROWTH_OBJECTS, memory
        assert second.resident_mb - first.resident_mb < SCATTER_MB, memory
