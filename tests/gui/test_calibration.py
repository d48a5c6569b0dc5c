"""The calibration page: flash and click are together where the latency is right, and nothing stays."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import films
import numpy as np
import pytest
from gui.sound_fakes import Output
from PySide6.QtCore import QEvent, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from inspector.core.settings import settings
from inspector.playback.sound import RATE
from inspector.session import Opening
from inspector.ui import speaker as speakers
from inspector.ui.app import make_app
from inspector.ui.calibration import Calibration
from inspector.ui.main_window import MainWindow
from inspector.ui.player import Player

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytestqt.qtbot import QtBot

MS = 1_000_000
NOMINAL_NS = 60 * MS
BLOCK = RATE // 1000
"""Frames that are pulled at a time: a flash is seen to the ms."""


@pytest.fixture
def output(monkeypatch: pytest.MonkeyPatch) -> Output:
    made = Output("built-in", NOMINAL_NS)
    monkeypatch.setattr(speakers, "make_output", lambda name: made)
    return made


@pytest.fixture
def player(qtbot: QtBot, output: Output) -> Iterator[Player]:
    make_app("dark")
    made = Player(True)
    made.start_sound()
    qtbot.waitUntil(lambda: made.speaker.clock is not None)
    yield made
    made.close()


@pytest.fixture
def page(player: Player, qtbot: QtBot) -> Iterator[Calibration]:
    made = Calibration(player)
    made.show()
    yield made
    made.close()
    made.deleteLater()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def watch(page: Calibration, output: Output, qtbot: QtBot, count: int) -> list[float]:
    """Let it run for so many flashes: how many ms after its click left the mixer each of them came."""
    clicks: list[int] = []
    flashes: list[int] = []

    def run() -> bool:
        for _ in range(20):
            lit = page.flash.lit
            start = output.clock.frames
            loud = np.flatnonzero(np.abs(output.turn(BLOCK)) > 0.02)
            if len(loud) and (not clicks or start - clicks[-1] > RATE // 5):
                clicks.append(start + int(loud[0]))
            page._tick()
            if page.flash.lit and not lit:
                flashes.append(output.clock.frames)
        return len(flashes) >= count

    qtbot.waitUntil(run, timeout=30_000)
    return [1000 * (flash - click) / RATE for flash, click in zip(flashes, clicks, strict=False)]


def folder_of(page: Calibration) -> Path:
    assert page._folder is not None
    return Path(page._folder.name)


def test_click_and_flash_are_as_far_apart_as_the_latency(
    page: Calibration, output: Output, qtbot: QtBot
) -> None:
    """What leaves the mixer is heard that much later: then the flash is there, to the ms it is pulled in."""
    apart = watch(page, output, qtbot, 3)
    assert all(abs(each - 60) <= 1.5 for each in apart), apart


def test_nudged_they_are_apart_otherwise_at_once(page: Calibration, output: Output, qtbot: QtBot) -> None:
    watch(page, output, qtbot, 1)
    for _ in range(3):
        QTest.mouseClick(page._nudges[3], Qt.MouseButton.LeftButton)
    assert output.clock.latency_ns == 90 * MS
    assert page.figure.text() == "90 ms"
    QTest.keyClick(page, Qt.Key.Key_Left)
    QTest.keyClick(page.slider, Qt.Key.Key_Left)
    assert output.clock.latency_ns == 88 * MS
    QTest.keyClick(page, Qt.Key.Key_Right)
    assert output.clock.latency_ns == 89 * MS
    apart = watch(page, output, qtbot, 2)[-1]
    assert abs(apart - 89) <= 1.5


def test_what_is_found_is_kept_with_its_date(page: Calibration, output: Output, qtbot: QtBot) -> None:
    folder = folder_of(page)
    assert (folder / "clicks.wav").exists()
    page.slider.setValue(75)
    QTest.keyClick(page, Qt.Key.Key_Return)
    assert not page.isVisible()
    assert output.clock.latency_ns == 75 * MS
    assert settings().latency["builtin"].ms == 75
    assert "calibrated" in page._player.speaker.latency_text
    assert not folder.exists()


@pytest.mark.parametrize("way", ["escape", "cancel", "close", "hide"])
def test_left_otherwise_all_is_as_before(page: Calibration, output: Output, way: str) -> None:
    folder = folder_of(page)
    page.slider.setValue(200)
    assert output.clock.latency_ns == 200 * MS
    {
        "escape": lambda: QTest.keyClick(page, Qt.Key.Key_Escape),
        "cancel": page.reject,
        "close": page.close,
        "hide": page.hide,
    }[way]()
    assert output.clock.latency_ns == NOMINAL_NS
    assert settings().latency == {}
    assert not folder.exists()
    assert not page._timer.isActive()
    assert not page.flash.lit


def test_it_can_be_opened_again(page: Calibration, output: Output, qtbot: QtBot) -> None:
    page.slider.setValue(80)
    page.accept()
    page.show()
    assert page.slider.value() == 80
    apart = watch(page, output, qtbot, 1)
    assert abs(apart[0] - 80) <= 1.5


def test_another_output_meanwhile_ends_it_and_gets_no_latency(
    page: Calibration, player: Player, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Output("VLC", 110 * MS)
    monkeypatch.setattr(speakers, "make_output", lambda name: other)
    page.slider.setValue(200)
    player.speaker.choose("vlc")
    qtbot.waitUntil(lambda: player.speaker.clock is not None)
    assert not page.isVisible()
    assert other.clock.latency_ns == 110 * MS
    assert settings().latency == {}


def test_a_lost_device_ends_it(page: Calibration, output: Output, qtbot: QtBot) -> None:
    output.told("unplugged")
    qtbot.waitUntil(lambda: not page.isVisible())


def test_without_sound_there_is_nothing_to_nudge(qtbot: QtBot) -> None:
    silent = Player(False)
    page = Calibration(silent)
    page.show()
    assert not page.keep.isEnabled()
    assert not page.slider.isEnabled()
    assert page._folder is None
    page.close()
    silent.close()


@pytest.mark.usefixtures("output")
def test_the_records_own_sounds_come_back(
    qtbot: QtBot, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Also where another record came meanwhile, and where the whole window is closed over it."""
    film = films.reel(tmp_path_factory.getbasetemp()).film("bframes.mp4")
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        shutil.copy(film.path, tmp_path / name / "cam.mp4")
        (tmp_path / name / "talk.vtt").write_text("WEBVTT\n\n00:01.000 --> 00:02.000\nkitchen\n")
    make_app("dark")
    window = MainWindow()
    window.show()
    window.start(Opening(str(tmp_path), None, "a"), None, True)
    player = window.player
    qtbot.waitUntil(lambda: window.record is not None and player.speaker.clock is not None, timeout=15_000)
    mixer = player.speaker.mixer
    assert mixer is not None
    qtbot.waitUntil(lambda: [track.stream.id for track in mixer.tracks] == ["cam#audio"])
    window._preferences()
    box = window._preferences_box
    assert box is not None
    box.calibrate.click()
    assert not player.transport.playing
    assert [track.stream.id for track in mixer.tracks] == ["clicks"]
    window.show_record("b")
    qtbot.waitUntil(lambda: window.record is not None and window.record.id == "b", timeout=15_000)
    player.set_mix("cam#audio", mute=True)
    assert [track.stream.id for track in mixer.tracks] == ["clicks"]
    assert box._calibration is not None
    box._calibration.reject()
    assert [(track.stream.id, track.mute) for track in mixer.tracks] == [("cam#audio", True)]
    assert mixer.tracks[0].stream.source.path == tmp_path / "b" / "cam.mp4"
    box.calibrate.click()
    folder = folder_of(box._calibration)
    window.close()
    assert not folder.exists()
    window.deleteLater()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
