"""A review batch in the window: made in the form, worked through with keys, told in its sentence."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QEvent, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialogButtonBox

from inspector.core.assets import resource
from inspector.session import Opening
from inspector.ui.app import make_app
from inspector.ui.batching import NO_BATCH, BatchForm
from inspector.ui.main_window import MainWindow

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytestqt.qtbot import QtBot


@pytest.fixture
def window(qtbot: QtBot, tmp_path: Path) -> Iterator[MainWindow]:
    for name in ("rec_001", "rec_002", "rec_011"):
        shutil.copytree(resource("demo") / name, tmp_path / name)
    make_app("dark")
    made = MainWindow(with_sound=False)
    made.show()
    made.activateWindow()
    qtbot.waitUntil(made.isActiveWindow)
    made.start(Opening(str(tmp_path), None, "rec_001", None, "ann"), None, False)
    qtbot.waitUntil(lambda: made.record is not None and made.complete, timeout=20_000)
    yield made
    made.close()
    made.deleteLater()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def test_a_form_that_was_closed_is_gone(window: MainWindow) -> None:
    for _ in range(3):
        window.batching.ask()
        assert window.batching.form is not None
        window.batching.form.reject()
    assert window.batching.form is None
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    assert window.findChildren(BatchForm) == []


def test_a_batch_is_made_worked_through_and_told(
    window: MainWindow, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(window, "notice", said.append)
    window.actions_["batch"].trigger()
    qtbot.waitUntil(lambda: said == [NO_BATCH])
    assert not window.actions_["batch"].isChecked()
    window.actions_["batch_new"].trigger()
    form = window.batching.form
    assert form is not None
    assert "3 records" in form.windowTitle()
    assert form.authors.text() == "ann"
    form.sample.setValue(2)
    box = form.findChild(QDialogButtonBox)
    assert isinstance(box, QDialogButtonBox)
    QTest.mouseClick(box.button(QDialogButtonBox.StandardButton.Ok), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: said[-1] == "review: none of 2 reviewed yet; 2 of yours left", timeout=10_000)
    assert window.actions_["batch"].isChecked()
    rows = window.records.model
    qtbot.waitUntil(lambda: rows.rowCount() == 2)
    window.actions_["select_listed"].trigger()
    window.actions_["flag_ok"].trigger()
    qtbot.waitUntil(lambda: len(window.curating.flags) == 2, timeout=10_000)
    window.actions_["batch"].trigger()
    qtbot.waitUntil(lambda: rows.rowCount() == 3)
    window.actions_["batch"].trigger()
    sentence = "review: 0 of 2 faulty: at most 77.6 % at 95 %; 0 of yours left"
    qtbot.waitUntil(lambda: said[-1] == sentence, timeout=10_000)
