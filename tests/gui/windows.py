"""A window on a dataset for tests with real keys: opened, pressed, and what the journal holds afterwards."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QEvent, QKeyCombination
from PySide6.QtGui import QKeySequence
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from inspector.core.assets import resource
from inspector.session import Opening
from inspector.ui.app import make_app
from inspector.ui.main_window import MainWindow

if TYPE_CHECKING:
    from pathlib import Path

    from pytestqt.qtbot import QtBot


class Windows:
    """Opens one window at a time: each further call closes the one before, as a restart would."""

    def __init__(self, qtbot: QtBot) -> None:
        self._qtbot = qtbot
        self._window: MainWindow | None = None

    def __call__(
        self,
        root: Path,
        record: str = "rec_001",
        author: str = "ann",
        size: tuple[int, int] = (1400, 900),
    ) -> MainWindow:
        """A window that shows a record, whole, with the keys at the stage."""
        self.close()
        make_app("dark")
        self._window = window = MainWindow(with_sound=False)
        window.resize(*size)
        window.show()
        window.activateWindow()
        self._qtbot.waitUntil(window.isActiveWindow)
        window.start(Opening(str(root), None, record, None, author), None, False)
        self._qtbot.waitUntil(lambda: window.record is not None and window.complete, timeout=20_000)
        window.stage.setFocus()
        return window

    def close(self) -> None:
        """Close the window that is open."""
        if self._window is not None:
            self._window.close()
            self._window.deleteLater()
            self._window = None
            QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def press(window: MainWindow, keys: str) -> None:
    """Press keys where the focus is."""
    combination: QKeyCombination = QKeySequence(keys)[0]  # type: ignore[index]
    QTest.keyClick(QApplication.focusWidget() or window, combination.key(), combination.keyboardModifiers())


def edits(dataset: Path) -> list[dict[str, Any]]:
    """The lines of all journals of a dataset, by their time."""
    files = (dataset / ".inspector" / "journal").glob("*.jsonl")
    found = [json.loads(line) for path in files for line in path.read_text().splitlines()]
    return sorted(found, key=lambda each: int(each["at"]))


def part_of_demo(root: Path, *records: str) -> Path:
    """A dataset of some records of the demo; its root."""
    root.mkdir()
    shutil.copy(resource("demo") / "metadata.csv", root)
    for name in dict.fromkeys(records):
        shutil.copytree(resource("demo") / name, root / name)
    return root
