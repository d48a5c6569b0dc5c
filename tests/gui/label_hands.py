"""A window on a record of the demo whose labels are edited, and the hands that do it."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest
from gui.windows import Windows, edits, part_of_demo
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from inspector.ui.timeline.label_track import LabelTrack

if TYPE_CHECKING:
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from inspector.core.model import Annotation
    from inspector.ui.main_window import MainWindow
    from inspector.ui.timeline.track import Track

MS = 1_000_000
NO, CTRL = Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ControlModifier


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return part_of_demo(tmp_path_factory.mktemp("label") / "demo", "rec_001")


@pytest.fixture
def window(open_window: Windows, dataset: Path) -> MainWindow:
    shutil.rmtree(dataset / ".inspector", ignore_errors=True)
    return open_window(dataset, author="cy", size=(1500, 950))


def lane(window: MainWindow, author: str = "A") -> LabelTrack:
    found = [each for each in window.timeline.tracks if isinstance(each, LabelTrack)]
    return next(each for each in found if each.author == author)


def spot(window: MainWindow, track: Track, ns: int) -> QPoint:
    canvas = window.timeline.canvas
    row = canvas.content_rect(track)
    return QPoint(round(canvas.x_of(ns)), round(row.center().y()))


def drag(window: MainWindow, start: QPoint, end: QPoint, held: Qt.KeyboardModifier = NO) -> None:
    view, left = window.timeline, Qt.MouseButton.LeftButton
    QTest.mousePress(view, left, NO, start)
    for part in (0.3, 0.7, 1.0):
        place = QPointF(start + (end - start) * part)
        at = QPointF(view.mapToGlobal(place.toPoint()))
        QApplication.sendEvent(
            view, QMouseEvent(QEvent.Type.MouseMove, place, at, Qt.MouseButton.NoButton, left, held)
        )
    QTest.mouseRelease(view, left, held, end)


def labels(window: MainWindow, author: str = "A") -> list[Annotation]:
    assert window.record is not None
    found = [each for each in window.record.annotations if each.author == author]
    return sorted(found, key=lambda each: each.span or (0, 0))


def saved(window: MainWindow, qtbot: QtBot, dataset: Path, count: int) -> dict[str, Any]:
    """Wait until there are so many edits and the window shows the last; that edit."""

    def there() -> bool:
        found = edits(dataset)
        if len(found) != count or window.curating._busy() or window.session is None or window.record is None:
            return False
        return window.record == window.session.record("rec_001")

    qtbot.waitUntil(there, timeout=10_000)
    return max(edits(dataset), key=lambda each: each["at"])


def see(window: MainWindow) -> LabelTrack:
    """Bring the lane of A onto the screen, some seconds wide."""
    track = lane(window)
    bar = window.timeline._bar
    bar.setValue(bar.maximum())
    assert not window.timeline.canvas.content_rect(track).isEmpty()
    return track
