"""The Preferences: every control does what it says at once, and it is kept."""

from __future__ import annotations

import json
from datetime import date
from typing import TYPE_CHECKING

import pytest
from gui.sound_fakes import Output
from PySide6.QtCore import QEvent, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QCheckBox, QPushButton, QSpinBox

from inspector.core.cache import user_cache
from inspector.core.settings import Latency, author_name, change_settings, settings, settings_path
from inspector.ui import speaker as speakers
from inspector.ui import theme
from inspector.ui.app import make_app
from inspector.ui.player import Player
from inspector.ui.preferences import Preferences

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytestqt.qtbot import QtBot

MS = 1_000_000
CHECKS = ("scrub_sound", "proxies", "hardware_decoding", "sync_overlay")


@pytest.fixture
def outputs(monkeypatch: pytest.MonkeyPatch) -> dict[str, Output]:
    made = {"builtin": Output("built-in", 58 * MS), "vlc": Output("VLC 3.0", 90 * MS)}
    constants = {name: output.clock.latency_ns for name, output in made.items()}

    def make(name: str) -> Output:
        """As from new: with the constant that comes with it."""
        if name in taken:
            return Output(name, constants[name])
        taken.add(name)
        return made[name]

    taken: set[str] = set()
    monkeypatch.setattr(speakers, "make_output", make)
    return made


@pytest.fixture
def box(qtbot: QtBot) -> Iterator[Preferences]:
    """The Preferences of a player whose sound has not begun."""
    make_app("dark")
    player = Player(True)
    made = Preferences(player)
    made.show()
    made.activateWindow()
    qtbot.waitUntil(made.isActiveWindow)
    yield made
    made.close()
    player.close()
    qtbot.waitUntil(lambda: made._worker is None or not made._worker.is_alive())
    made.deleteLater()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    make_app("dark")


def kept() -> dict[str, object]:
    """What the file says, which the next start reads."""
    found: dict[str, object] = json.loads(settings_path().read_text())
    return found


def start(box: Preferences, qtbot: QtBot) -> None:
    box._player.start_sound()
    qtbot.waitUntil(box.calibrate.isEnabled)


@pytest.mark.parametrize("name", CHECKS)
def test_a_check_box_changes_its_setting_and_keeps_it(box: Preferences, qtbot: QtBot, name: str) -> None:
    check = box.findChild(QCheckBox, name)
    assert isinstance(check, QCheckBox)
    before = getattr(settings(), name)
    assert check.isChecked() == before
    with qtbot.waitSignal(box.changed):
        check.click()
    assert getattr(settings(), name) is not before
    assert kept()[name] is not before
    assert getattr(Preferences(box._player).findChild(QCheckBox, name), "isChecked")() is not before  # noqa: B009


@pytest.mark.parametrize(("name", "value"), [("picture_mb", 512), ("cache_gb", 3)])
def test_a_number_is_typed_and_kept(box: Preferences, name: str, value: int) -> None:
    spin = box.findChild(QSpinBox, name)
    assert isinstance(spin, QSpinBox)
    spin.setFocus()
    spin.selectAll()
    QTest.keyClicks(spin, str(value))
    QTest.keyClick(spin, Qt.Key.Key_Return)
    assert box.isVisible()
    assert box._calibration is None
    assert getattr(settings(), name) == value == kept()[name]
    edit = spin.lineEdit()
    assert edit.width() > edit.fontMetrics().horizontalAdvance(spin.text())
    if name == "cache_gb":
        assert user_cache().budget == value << 30


def test_every_setting_has_a_control(box: Preferences) -> None:
    named = {child.objectName() for kind in (QCheckBox, QSpinBox) for child in box.findChildren(kind)}
    named.add(box.author.objectName())
    assert named == set(kept_names()) - {"sound_output", "latency", "workspaces", "roots"}


def test_a_name_is_typed_and_signs_what_comes_next(box: Preferences) -> None:
    box.author.setFocus()
    QTest.keyClicks(box.author, " Ann Lee ")
    QTest.keyClick(box.author, Qt.Key.Key_Return)
    assert box.isVisible()
    assert kept()["author"] == author_name() == "Ann Lee"


def kept_names() -> list[str]:
    change_settings()
    return list(kept())


def test_another_output_is_chosen_and_kept(
    box: Preferences, qtbot: QtBot, outputs: dict[str, Output]
) -> None:
    start(box, qtbot)
    assert box.output.currentData() == "builtin"
    box.output.setFocus()
    QTest.keyClick(box.output, Qt.Key.Key_Down)
    qtbot.waitUntil(lambda: box._player.speaker.name == "VLC 3.0")
    assert outputs["builtin"].closed
    assert not outputs["vlc"].closed
    assert kept()["sound_output"] == "vlc"
    qtbot.waitUntil(lambda: box.latency.text() == "90 ms estimated")
    other = Player(True)
    assert other.speaker.wanted == "vlc"
    other.close()


def test_an_output_that_is_not_there_falls_back_and_says_so(
    box: Preferences, qtbot: QtBot, outputs: dict[str, Output]
) -> None:
    start(box, qtbot)
    outputs["vlc"].missing, outputs["vlc"].tells = True, "libVLC is not installed"
    with qtbot.waitSignal(box._player.speaker.problem) as told:
        QTest.keyClick(box.output, Qt.Key.Key_Down)
    assert told.args is not None
    assert "libVLC is not installed" in told.args[0]
    qtbot.waitUntil(lambda: box.output.currentData() == "builtin")
    qtbot.waitUntil(lambda: box.latency.text() == "58 ms estimated")


@pytest.mark.usefixtures("outputs")
def test_the_latency_says_how_it_is_known_and_is_forgotten(box: Preferences, qtbot: QtBot) -> None:
    start(box, qtbot)
    speaker = box._player.speaker
    assert box.latency.text() == "58 ms estimated"
    assert "latency 58 ms estimated" in speaker.text
    assert not box.forget.isEnabled()
    speaker.set_latency(71 * MS)
    speaker.keep_latency()
    assert box.latency.text() == f"71 ms calibrated {date.today().isoformat()}"
    assert box.latency.width() >= box.latency.fontMetrics().horizontalAdvance(box.latency.text())
    assert settings().latency == {"builtin": Latency(71.0, date.today().isoformat())}
    assert kept()["latency"] == {"builtin": {"ms": 71.0, "on": date.today().isoformat()}}
    box.forget.click()
    assert settings().latency == {}
    assert box.latency.text() == "58 ms estimated"
    assert speaker.latency_ns == 58 * MS
    assert not box.forget.isEnabled()


@pytest.mark.usefixtures("outputs")
def test_a_kept_latency_is_in_force_from_the_start(qtbot: QtBot) -> None:
    change_settings(latency={"builtin": Latency(33.0, "2026-01-02"), "vlc": Latency(1.0, "2026-01-03")})
    player = Player(True)
    player.start_sound()
    qtbot.waitUntil(lambda: "33 ms calibrated 2026-01-02" in player.speaker.text)
    assert player.speaker.latency_ns == 33 * MS
    player.close()


def test_without_sound_there_is_nothing_to_calibrate(box: Preferences) -> None:
    assert not box.calibrate.isEnabled()
    assert not box.forget.isEnabled()
    assert box.latency.text() == "no sound"


def test_a_lost_device_is_said(box: Preferences, qtbot: QtBot, outputs: dict[str, Output]) -> None:
    start(box, qtbot)
    outputs["builtin"].told("unplugged")
    qtbot.waitUntil(lambda: box.latency.text() == "silent")
    assert not box.calibrate.isEnabled()


def test_the_cache_is_measured_and_cleared(box: Preferences, qtbot: QtBot, tmp_path: Path) -> None:
    source, held = tmp_path / "film", tmp_path / "held"
    for path in (source, held):
        path.write_bytes(path.name.encode())
        folder = user_cache().folder(path)
        assert folder is not None
        (folder / "data").write_bytes(b"x" * 3_000_000)
    assert folder is not None
    with user_cache().holding(folder):
        box.hide()
        box.show()
        qtbot.waitUntil(lambda: box.used.text() == "6 MB")
        qtbot.waitUntil(box.clear.isEnabled)
        box.clear.click()
        qtbot.waitUntil(lambda: box.used.text() == "3 MB")
        assert (folder / "data").exists()
    assert source.exists()


def test_the_theme_is_followed_while_it_is_open(box: Preferences) -> None:
    def colors() -> tuple[str, str]:
        quiet, line = box._quiet[0], box._lines[0]
        return quiet.palette().windowText().color().name(), line.palette().window().color().name()

    assert colors() == (theme.DARK.quiet.name(), theme.DARK.line.name())
    app = QApplication.instance()
    assert isinstance(app, QApplication)
    theme.apply(app, light=True)
    QApplication.processEvents()
    assert colors() == (theme.LIGHT.quiet.name(), theme.LIGHT.line.name())
    image = box.grab().toImage()
    assert image.pixelColor(3, 3) == theme.LIGHT.window


def test_return_presses_the_button_with_the_focus_and_escape_closes(box: Preferences) -> None:
    close = next(each for each in box.findChildren(QPushButton) if each.text() == "Close")
    close.setFocus()
    QTest.keyClick(close, Qt.Key.Key_Return)
    assert not box.isVisible()
    box.show()
    QTest.keyClick(box, Qt.Key.Key_Escape)
    assert not box.isVisible()


def test_tab_goes_through_the_controls_from_top_to_bottom(box: Preferences, qtbot: QtBot) -> None:
    box.output.setFocus()
    seen = [box.output.mapTo(box, box.output.rect().topLeft())]
    for _ in range(20):
        QTest.keyClick(QApplication.focusWidget() or box, Qt.Key.Key_Tab)
        focus = QApplication.focusWidget()
        assert focus is not None
        if focus is box.output:
            break
        seen.append(focus.mapTo(box, focus.rect().topLeft()))
    rows = [at.y() for at in seen]
    assert len(seen) >= 9
    assert rows == sorted(rows)


def test_closing_it_ends_the_calibration(box: Preferences, qtbot: QtBot, outputs: dict[str, Output]) -> None:
    start(box, qtbot)
    box.calibrate.click()
    page = box._calibration
    assert page is not None
    assert page.isVisible()
    page._step(5)
    assert outputs["builtin"].clock.latency_ns == 63 * MS
    box.close()
    assert not page.isVisible()
    assert outputs["builtin"].clock.latency_ns == 58 * MS
