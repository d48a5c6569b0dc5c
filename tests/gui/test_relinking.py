"""Missing sound re-linked in the window: what is certain is ticked, what is ambiguous is not, one edit."""

from __future__ import annotations

import wave
from typing import TYPE_CHECKING

import pytest
from gui.windows import Windows, press
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog

from inspector.core.model import Modality
from inspector.ui.relinking import Relinking

if TYPE_CHECKING:
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from inspector.ui.main_window import MainWindow


def tone(path: Path, seconds: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(b"\1\0" * 8000 * seconds)


@pytest.fixture
def window(open_window: Windows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MainWindow:
    monkeypatch.setenv("INSPECTOR_CONFIG", str(tmp_path / "config"))
    root, other = tmp_path / "set", tmp_path / "found"
    for number in range(4):  # the third is as long as no sound that there is
        (root / f"rec_{number}").mkdir(parents=True)
        (root / f"rec_{number}" / "hands.csv").write_text(
            "t,x\n" + "".join(f"{n / 10},{n}\n" for n in range(91 if number == 2 else 41))
        )
    tone(root / "rec_3" / "voice.wav", 4)
    tone(other / "rec_0.wav", 4)
    tone(other / "a" / "rec_1.wav", 4)
    tone(other / "b" / "rec_1.wav", 4)
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(other))
    return open_window(root, "rec_0", "cy")


def test_missing_sound_is_relinked_and_the_rest_flagged_in_six_actions(
    window: MainWindow, qtbot: QtBot
) -> None:
    room = next(each for each in window.rooms if isinstance(each, Relinking))
    session = window.session
    assert session is not None
    left = Qt.MouseButton.LeftButton
    press(window, "Ctrl+Shift+A")  # 1
    press(window, "Shift+D")  # 2
    panel = room.panel
    assert panel is not None
    qtbot.waitUntil(lambda: room.lacking == ["rec_0", "rec_1", "rec_2"])
    assert room.modality is Modality.AUDIO
    QTest.mouseClick(panel.look, left)  # 3
    qtbot.waitUntil(lambda: panel.table.rowCount() == 3)
    assert {id_: each.path for id_, each in panel.chosen().items()} == {"rec_0": "rec_0.wav"}
    assert "1 certain, 1 to decide, 1 without any file" in panel.facts.text()
    second = panel.table.item(2, 0)
    assert second is not None
    second.setCheckState(Qt.CheckState.Checked)  # 4
    assert panel.chosen()["rec_1"].path == "b/rec_1.wav"
    assert panel.go.text() == "Re-link 2 records"
    QTest.mouseClick(panel.go, left)  # 5
    qtbot.waitUntil(lambda: room.lacking == ["rec_2"])
    assert len(session.history()) == 1
    qtbot.waitUntil(lambda: window.record is not None and bool(window.record.of(Modality.AUDIO)))
    qtbot.waitUntil(lambda: panel.flag.isEnabled())
    QTest.mouseClick(panel.flag, left)  # 6
    qtbot.waitUntil(lambda: session.curation.flag("rec_2") == "missing_modality")
    assert session.curation.flag("rec_0") is None
    press(window, "Ctrl+Z")
    press(window, "Ctrl+Z")
    qtbot.waitUntil(lambda: not session.record("rec_0").of(Modality.AUDIO))


def test_what_is_not_expected_is_said_once(window: MainWindow, qtbot: QtBot) -> None:
    room = next(each for each in window.rooms if isinstance(each, Relinking))
    session = window.session
    assert session is not None
    press(window, "Shift+D")
    assert room.panel is not None
    qtbot.waitUntil(lambda: room.lacking == ["rec_0"])
    QTest.mouseClick(room.panel.absent, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: session.record("rec_0").meta.get("expected_absent") == ("audio",))


def test_no_edit_goes_to_what_was_counted_before(window: MainWindow, qtbot: QtBot) -> None:
    room = next(each for each in window.rooms if isinstance(each, Relinking))
    session = window.session
    assert session is not None
    press(window, "Shift+D")
    panel = room.panel
    assert panel is not None
    qtbot.waitUntil(lambda: room.lacking == ["rec_0"])
    press(window, "Ctrl+Shift+A")  # others are in hand now, and not counted yet
    assert not any(each.isEnabled() for each in (panel.look, panel.absent, panel.flag))
    room.expect_absent()
    room.flag()
    room.link()
    qtbot.waitUntil(lambda: len(room.lacking) == 3)
    assert session.history() == []
