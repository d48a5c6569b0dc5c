"""What every test stands on: no screen, no home of the user's, and nothing left running afterwards."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import sys
import tempfile
import threading
import time
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# Before Qt loads, which pytest-qt does at its start-up: tests on a real X server set it themselves.
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

ROOT = Path(__file__).resolve().parent.parent

settings.register_profile("house", deadline=None)  # two shared cores: a slow example proves nothing
settings.register_profile("ci", settings.get_profile("house"), derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "house")

HOME_VARIABLES = ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME")
GRACE_S = 3.0  # for a thread that was told to stop and is on its last lines


def _point_home_at(folder: Path, setenv: Callable[[str, str], None]) -> None:
    for variable in HOME_VARIABLES:
        place = folder / variable.removeprefix("XDG_").removesuffix("_HOME").lower()
        place.mkdir(parents=True, exist_ok=True)
        setenv(variable, str(place))


def pytest_configure(config: pytest.Config) -> None:
    """Also what is read at import, or by a fixture wider than one test, is not the user's."""
    folder = tempfile.mkdtemp(prefix="inspector-tests-")
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
    _point_home_at(Path(folder), os.environ.__setitem__)
    _watch_starts()


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, configuration and data folder, this test's own."""
    folder = tmp_path_factory.mktemp("home")
    _point_home_at(folder, monkeypatch.setenv)
    return folder


@pytest.fixture(scope="session")
def samples() -> Path:
    """The folder of real-world samples; they are not part of the repository."""
    folder = Path(os.environ.get("INSPECTOR_SAMPLES") or ROOT.parent / "shared" / "samples")
    if not folder.is_dir():
        pytest.skip(f"no samples at {folder}; INSPECTOR_SAMPLES names the folder")
    return folder


# --- nothing left running -------------------------------------------------------------------------

_started_at: weakref.WeakKeyDictionary[Any, str] = weakref.WeakKeyDictionary()
_q_threads: weakref.WeakSet[Any] = weakref.WeakSet()


def _watch_starts() -> None:
    """Remember each QThread, since Qt lists none, and for the message the line that starts a thread."""

    def watch(kind: Any, remember: Callable[[Any], None]) -> None:
        start = kind.start

        def watched(self: Any, *args: Any, **kwargs: Any) -> Any:
            frame = sys._getframe(1)
            _started_at[self] = f"{frame.f_code.co_filename}:{frame.f_lineno}"
            remember(self)
            return start(self, *args, **kwargs)

        kind.start = watched

    watch(threading.Thread, lambda _: None)
    try:
        from PySide6.QtCore import QThread
    except ImportError:
        return
    watch(QThread, _q_threads.add)


def _running_threads() -> set[Any]:
    return {thread for thread in threading.enumerate() if not isinstance(thread, threading._DummyThread)}


def _running_q_threads() -> set[Any]:
    if not _q_threads:
        return set()
    import shiboken6

    return {thread for thread in _q_threads if shiboken6.isValid(thread) and thread.isRunning()}


def _visible_widgets() -> set[Any]:
    widgets = sys.modules.get("PySide6.QtWidgets")
    if widgets is None or not isinstance(widgets.QApplication.instance(), widgets.QApplication):
        return set()
    return {widget for widget in widgets.QApplication.topLevelWidgets() if widget.isVisible()}


def _running() -> set[Any]:
    children = set(multiprocessing.active_children())
    return _running_threads() | _running_q_threads() | _visible_widgets() | children


def _name(thing: Any) -> str:
    label = getattr(thing, "name", None)
    if not isinstance(label, str):
        label = thing.objectName()
    where = f", started at {_started_at[thing]}" if thing in _started_at else ""
    return f"{type(thing).__module__}.{type(thing).__qualname__} {label!r}{where}"


@pytest.fixture(autouse=True)
def _nothing_left_running() -> Iterator[None]:
    """Fail a test that leaves a thread, a process, a QThread or a window behind, and name it.

    What was there before the test (started by a fixture of wider scope) is that fixture's affair.
    """
    before = _running()
    yield
    deadline = time.monotonic() + GRACE_S
    while left := _running() - before:
        if time.monotonic() > deadline:
            pytest.fail("left running: " + "; ".join(sorted(map(_name, left))), pytrace=False)
        time.sleep(0.01)
