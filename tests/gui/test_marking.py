"""Boxes on pictures under real mouse and keys: each gesture is one edit, in whole pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from gui.label_hands import CTRL, NO, dataset, labels, saved, window
from gui.windows import edits, press
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

if TYPE_CHECKING:
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from inspector.ui.main_window import MainWindow

__all__ = ["dataset", "window"]

LEFT = Qt.MouseButton.LeftButton


def test_a_box_is_moved_sized_nudged_and_deleted_in_whole_pixels(
    window: MainWindow, qtbot: QtBot, dataset: Path
) -> None:
    camera = window.stage.cameras[0]
    rect, pixels = camera._frame_rect(), camera.feed.size
    assert pixels is not None
    first = labels(window)[0]
    window.labelling.choose(first.id)
    window.player.transport.seek(sum(first.span or (0, 0)) // 2)
    qtbot.waitUntil(lambda: window.complete)
    press(window, "P")

    def at(x: float, y: float) -> QPoint:
        return QPointF(rect.left() + x * rect.width(), rect.top() + y * rect.height()).toPoint()

    def pull(start: QPoint, end: QPoint, held: Qt.KeyboardModifier = NO) -> None:
        QTest.mousePress(camera, LEFT, held, start)
        for place in (QPointF(start + end) / 2, QPointF(end)):
            move = QEvent.Type.MouseMove
            there = QPointF(camera.mapToGlobal(place.toPoint()))
            QApplication.sendEvent(
                camera, QMouseEvent(move, place, there, Qt.MouseButton.NoButton, LEFT, held)
            )
        QTest.mouseRelease(camera, LEFT, held, end)

    def box(count: int) -> list[float]:
        """The box in pixels once so many edits are there."""
        saved(window, qtbot, dataset, count)
        region = labels(window)[0].anchors[1].region
        assert region is not None
        return [part * pixels[place % 2] for place, part in enumerate(region)]

    pull(at(0.3, 0.3), at(0.5, 0.5))
    drawn = box(1)
    assert drawn == pytest.approx([round(each) for each in drawn], abs=1e-6)
    pull(at(0.4, 0.4), at(0.45, 0.35))
    moved = box(2)
    assert moved == pytest.approx([round(each) for each in moved], abs=1e-6)
    assert moved[2:] == pytest.approx(drawn[2:])
    assert moved[0] - drawn[0] == pytest.approx(0.05 * pixels[0], abs=1.5)
    assert moved[1] - drawn[1] == pytest.approx(-0.05 * pixels[1], abs=1.5)
    low, high = (moved[0] + moved[2]) / pixels[0], (moved[1] + moved[3]) / pixels[1]
    pull(at(low, high), at(0.7, 0.6))
    sized = box(3)
    assert sized[:2] == pytest.approx(moved[:2])
    assert sized[0] + sized[2] == pytest.approx(0.7 * pixels[0], abs=1.5)
    # With Ctrl it lies between pixels; the keys bring it back onto them. Several presses are one edit.
    pull(at(0.5, 0.5), at(0.503, 0.5), CTRL)
    free = box(4)
    camera.setFocus()
    window.activateWindow()
    playhead = window.player.transport.now_ns()
    for key in ("Right", "Right", "Right", "Up", "Shift+Down"):
        press(window, key)
    nudged = box(5)
    assert nudged[:2] == pytest.approx([free[0] + 3, free[1] + 9], abs=0.51)
    assert nudged == pytest.approx([round(each) for each in nudged], abs=1e-6)
    assert window.player.transport.now_ns() == playhead
    # Beyond the picture's edge there is none.
    pull(at(0.5, 0.5), at(0.5, 3.0))
    assert sum(box(6)[1::2]) == pytest.approx(pixels[1])
    press(window, "Del")
    saved(window, qtbot, dataset, 7)
    assert labels(window)[0].anchors[1].region is None
    press(window, "Ctrl+Z")
    assert sum(box(8)[1::2]) == pytest.approx(pixels[1])
    QTest.mouseClick(camera, LEFT, NO, at(0.1, 0.1))
    assert not window.labelling.chosen
    edge = labels(window)[0].anchors[1].region or (0, 0, 0, 0)
    QTest.mouseClick(camera, LEFT, NO, at(edge[0], edge[1] + edge[3] / 2))
    assert window.labelling.chosen == (first.id,)
    assert len(edits(dataset)) == 8
