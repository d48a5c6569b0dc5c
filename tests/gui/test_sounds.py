"""Mute, solo and gain of each sound: by mouse in the header, by key, by assistive programs, to the mixer."""

from __future__ import annotations

import shutil
import wave
from typing import TYPE_CHECKING

import films
import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QAccessible, QColor
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from inspector.core.times import NS
from inspector.media.spectrum import ROWS, row_of
from inspector.playback.desk import AS_RECORDED, Desk, Mix
from inspector.playback.mixer import Mixer
from inspector.session import Opening
from inspector.ui import theme
from inspector.ui.app import make_app
from inspector.ui.main_window import MainWindow
from inspector.ui.timeline import header
from inspector.ui.timeline.mix_strip import DRAG_TENTHS, MixStrip, gain_text
from inspector.ui.timeline.spectrogram_track import SpectrogramTrack
from inspector.ui.timeline.waveform import WaveformTrack

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytestqt.qtbot import QtBot

LEFT = Qt.MouseButton.LeftButton
FILM, MIC = "cam#audio", "mic"


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two records of a film with sound and a second sound of 6 s, a tone; a third one without sound."""
    root = tmp_path_factory.mktemp("sounds")
    film = films.reel(tmp_path_factory.getbasetemp()).film("bframes.mp4")
    tone = np.sin(np.arange(6 * 16_000) * (2 * np.pi * 440 / 16_000)) * 8000
    for name in ("a", "b"):
        (root / name).mkdir()
        shutil.copy(film.path, root / name / "cam.mp4")
        with wave.open(str(root / name / "mic.wav"), "wb") as file:
            file.setparams((1, 2, 16_000, 0, "NONE", ""))
            file.writeframes(tone.astype("<i2").tobytes())
    (root / "c").mkdir()
    (root / "c" / "talk.vtt").write_text("WEBVTT\n\n00:01.000 --> 00:02.000\nkitchen\n")
    return root


@pytest.fixture
def window(qtbot: QtBot, folder: Path) -> Iterator[MainWindow]:
    make_app("dark")
    made = MainWindow(with_sound=False)
    made.resize(1280, 900)
    made.show()
    made.activateWindow()
    qtbot.waitUntil(made.isActiveWindow)
    made.start(Opening(str(folder), None, "a"), None, False)
    qtbot.waitUntil(lambda: made.record is not None and made.complete, timeout=15_000)
    made.stage.setFocus()
    yield made
    made.close()
    made.deleteLater()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def track(window: MainWindow, stream_id: str) -> WaveformTrack:
    tracks = [each for each in window.timeline.tracks if isinstance(each, WaveformTrack)]
    return next(each for each in tracks if each.stream.id == stream_id)


def strip(window: MainWindow, stream_id: str) -> MixStrip:
    return window.sounds._strips[stream_id]


def brightest(window: MainWindow, stream_id: str) -> int:
    """How green the greenest point of a waveform is on the screen."""
    rect = window.timeline.canvas.content_rect(track(window, stream_id)).toRect()
    image = window.timeline.canvas.grab(rect.adjusted(20, 4, -4, -4)).toImage()
    columns = range(0, image.width(), 2)
    return max(QColor(image.pixel(x, image.height() // 2)).green() for x in columns)


def point(window: MainWindow, pos: QPoint) -> None:
    """Move the pointer to a place of the timeline, by the window: entering and leaving come with it."""
    QTest.mouseMove(window.windowHandle(), window.timeline.mapTo(window, pos))


def turn(window: MainWindow, pos: QPoint, by: int, modifiers: Qt.KeyboardModifier) -> None:
    """Turn the wheel over a place of the window; what the widget there leaves is its parents'."""
    QTest.wheelEvent(window.windowHandle(), QPointF(pos), QPoint(0, by), QPoint(), modifiers)


def drag(widget: MixStrip, by: QPoint, modifiers: Qt.KeyboardModifier) -> None:
    gain, at = widget.gain, widget.gain.rect().center()
    QTest.mousePress(gain, LEFT, modifiers, at)
    for part in (1, 2, 3):
        QTest.mouseMove(gain, at + by * part / 3)
    QTest.mouseRelease(gain, LEFT, modifiers, at + by)


def test_a_click_on_m_mutes_and_dims_and_another_brings_it_back(window: MainWindow, qtbot: QtBot) -> None:
    player = window.player
    bright = brightest(window, FILM)
    assert bright == theme.current().modality[track(window, FILM).modality].green()
    QTest.mouseClick(strip(window, FILM).mute, LEFT)
    assert player.mix(FILM) == Mix(mute=True)
    assert not player.heard(FILM)
    assert player.heard(MIC)
    assert brightest(window, FILM) < bright * 0.6
    assert brightest(window, MIC) == bright
    assert strip(window, FILM).gain.text == "muted"
    assert window.actions_["mute"].isChecked()  # the first sound is the one that M is for
    QTest.mouseClick(strip(window, FILM).mute, LEFT)
    assert player.mix(FILM) == AS_RECORDED
    assert brightest(window, FILM) == bright


def test_solo_dims_the_others(window: MainWindow) -> None:
    bright = brightest(window, FILM)
    QTest.mouseClick(strip(window, MIC).solo, LEFT)
    assert window.player.mix(MIC).solo
    assert brightest(window, FILM) < bright * 0.6
    assert brightest(window, MIC) == bright
    assert strip(window, MIC).solo.isChecked()


def test_gain_by_drag_wheel_and_double_click(window: MainWindow) -> None:
    player, shown = window.player, strip(window, MIC)
    plain = Qt.KeyboardModifier.NoModifier
    drag(shown, QPoint(-12, 0), plain)
    assert player.mix(MIC).gain_db == pytest.approx(-12 * DRAG_TENTHS / 10)
    assert shown.gain.text == gain_text(-6.0) == "\u22126 dB"
    assert not window.player.transport.playing
    drag(shown, QPoint(0, 300), plain)
    assert player.mix(MIC).gain_db == -60
    drag(shown, QPoint(0, -900), plain)
    assert player.mix(MIC).gain_db == 12
    QTest.mouseDClick(shown.gain, LEFT)
    assert player.mix(MIC).gain_db == 0
    scrolled = window.timeline._bar.value()
    center = shown.gain.mapTo(window, shown.gain.rect().center())
    turn(window, center, 240, plain)
    assert player.mix(MIC).gain_db == 2
    assert window.timeline._bar.value() == scrolled
    length = window.timeline.axis.length
    turn(window, center, 120, Qt.KeyboardModifier.ControlModifier)
    assert player.mix(MIC).gain_db == 2
    assert window.timeline.axis.length < length  # Ctrl and wheel zoom, wherever the pointer is
    assert player.mix(FILM) == AS_RECORDED


def test_keys_are_for_the_sound_whose_header_was_clicked(window: MainWindow) -> None:
    def press(key: Qt.Key, modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
        QTest.keyClick(window.stage, key, modifiers)

    player = window.player
    press(Qt.Key.Key_M)
    assert player.mix(FILM).mute
    press(Qt.Key.Key_M)
    assert player.mix(FILM) == AS_RECORDED
    row = window.timeline.canvas.content_rect(track(window, MIC))
    QTest.mouseClick(window.timeline, LEFT, pos=QPoint(60, round(row.top()) + 8))
    assert track(window, MIC).focused
    assert not track(window, FILM).focused
    press(Qt.Key.Key_M, Qt.KeyboardModifier.ShiftModifier)
    assert player.mix(MIC).solo
    assert not player.heard(FILM)
    press(Qt.Key.Key_M, Qt.KeyboardModifier.ControlModifier)
    assert not player.heard(MIC)
    assert window.actions_["mute_all"].isChecked()
    assert strip(window, FILM).gain.text == "muted"
    assert "all sound muted" in window.status._right.text()
    press(Qt.Key.Key_M, Qt.KeyboardModifier.ControlModifier)
    assert player.heard(MIC)
    assert player.mix(MIC).solo  # what each sound was set to is as before
    window.actions_["mix_reset"].trigger()
    assert player.heard(FILM)


def test_what_is_set_stays_for_the_next_record_and_goes_with_the_dataset(
    window: MainWindow, qtbot: QtBot, folder: Path
) -> None:
    player = window.player
    player.set_mix(MIC, mute=True, gain_db=-3)
    for name in ("c", "b"):
        window.show_record(name)
        qtbot.waitUntil(lambda: window.record is not None and window.record.id == name)  # noqa: B023
        qtbot.waitUntil(lambda: window.complete, timeout=10_000)
        if name == "c":
            QTest.keyClick(window.stage, Qt.Key.Key_M)
            assert "no sound" in window.status.text
    assert player.mix(MIC) == Mix(mute=True, gain_db=-3)
    assert strip(window, MIC).mute.isChecked()
    window.open_path(str(folder))
    qtbot.waitUntil(lambda: player.mix(MIC) == AS_RECORDED, timeout=10_000)


def test_a_low_row_shows_its_controls_only_when_used(window: MainWindow, qtbot: QtBot) -> None:
    timeline, shown = window.timeline, strip(window, FILM)
    mine = track(window, FILM)
    assert shown.isVisible()
    row = timeline.canvas.content_rect(mine)
    edge = QPoint(40, round(row.bottom()))
    QTest.mousePress(timeline, LEFT, pos=edge)
    QTest.mouseMove(timeline, edge - QPoint(0, 10))
    QTest.mouseMove(timeline, QPoint(40, round(row.top()) + 34))
    QTest.mouseRelease(timeline, LEFT, pos=QPoint(40, round(row.top()) + 34))
    assert mine.height < header.ROOMY
    top = round(row.top())
    point(window, QPoint(600, top + 10))
    qtbot.waitUntil(lambda: not shown.isVisible())
    assert mine.footer == 0
    point(window, QPoint(60, top + 10))
    qtbot.waitUntil(shown.isVisible)
    assert shown.geometry().bottom() <= top + mine.height
    point(window, shown.geometry().center())  # it stays while the pointer is on it
    assert shown.isVisible()
    point(window, QPoint(600, top + 10))
    qtbot.waitUntil(lambda: not shown.isVisible())
    window.player.set_mix(FILM, mute=True)
    assert shown.isVisible()  # a sound that is not heard says so
    assert shown.mute.isVisible()
    assert not shown.gain.isVisible()
    assert not shown.solo.isVisible()
    assert (mine.footer, mine.side) == (0, shown.marks_px)  # beside its name
    point(window, QPoint(60, top + 10))
    qtbot.waitUntil(shown.gain.isVisible)
    assert mine.side == 0


def test_controls_never_cover_the_ruler(window: MainWindow) -> None:
    window.resize(1280, 420)
    timeline, shown = window.timeline, strip(window, FILM)
    bar = timeline._bar
    assert bar.maximum() > 0
    seen = set()
    for value in range(0, bar.maximum() + 1, 4):
        bar.setValue(value)
        seen.add(shown.isVisible())
        if shown.isVisible():
            row = timeline.canvas.content_rect(track(window, FILM))
            assert shown.geometry().top() >= 24
            assert row.top() <= shown.geometry().top() <= row.bottom()
    assert True in seen


def test_an_assistive_program_finds_reads_and_sets_them(window: MainWindow) -> None:
    shown = strip(window, MIC)
    window.player.set_mix(MIC, solo=True, gain_db=-6)
    states = {}
    for widget in (shown.mute, shown.solo):
        found = QAccessible.queryAccessibleInterface(widget)
        assert found.isValid()
        states[found.text(QAccessible.Text.Name)] = bool(found.state().checked)
    assert states == {"Mute mic": False, "Only mic": True}
    gain = QAccessible.queryAccessibleInterface(shown.gain)
    assert gain.role() == QAccessible.Role.Slider
    assert gain.text(QAccessible.Text.Name) == "Gain of mic"
    assert gain.text(QAccessible.Text.Description) == "\u22126 dB"
    QTest.keyClick(shown.gain, Qt.Key.Key_Up)
    assert window.player.mix(MIC).gain_db == -5
    shown.mute.setFocus()
    QTest.keyClick(shown.mute, Qt.Key.Key_Space)
    assert window.player.mix(MIC).mute
    assert not window.player.transport.playing
    assert "Shift+M" in shown.solo.toolTip()


def test_the_mixer_gets_what_is_set(window: MainWindow) -> None:
    player = window.player
    player.speaker.mixer = Mixer()  # closed by the player
    player.set_mix(FILM, gain_db=-6.0)
    player.set_mix(MIC, mute=True)
    first, second = player.speaker.mixer.tracks
    assert first.gain == pytest.approx(0.5012, abs=1e-4)
    assert (first.mute, second.mute) == (False, True)
    player.silence(on=True)
    assert all(each.mute for each in player.speaker.mixer.tracks)


def test_a_gain_that_cuts_is_shown_in_red(window: MainWindow) -> None:
    player = window.player
    player.speaker.mixer = Mixer()
    player.set_mix(MIC, gain_db=12)
    player.speaker.mixer.play(NS)
    player.speaker.mixer.clips += 1
    player.moved.emit(NS)
    assert strip(window, MIC).gain.clipped
    assert not strip(window, FILM).gain.clipped
    window.sounds._clipped_at -= 10
    player.moved.emit(NS)
    assert not strip(window, MIC).gain.clipped


def test_a_desk_clamps_and_says_whether_anything_changed() -> None:
    desk = Desk()
    assert desk.set("x", gain_db=99)
    assert desk.mix("x").gain_db == 12
    assert not desk.set("x", gain_db=50)
    assert desk.set("x", gain_db=-99)
    assert desk.mix("x").gain == pytest.approx(1e-3)
    assert desk.set("y", solo=True)
    assert not desk.heard("x", ["x", "y"])
    assert desk.heard("x", ["x", "z"])  # a solo of a sound that this record has not


def spectrograms(window: MainWindow) -> list[SpectrogramTrack]:
    return [each for each in window.timeline.tracks if isinstance(each, SpectrogramTrack)]


def test_a_spectrogram_is_opened_computed_and_kept_for_the_next_record(
    window: MainWindow, qtbot: QtBot
) -> None:
    rows = len(window.timeline.tracks)
    QTest.mouseClick(strip(window, MIC).spectrogram, LEFT)
    (shown,) = spectrograms(window)
    tracks = window.timeline.tracks
    assert tracks.index(shown) == tracks.index(track(window, MIC)) + 1
    window.timeline._bar.setValue(window.timeline._bar.maximum())

    def said(hz: float) -> str:
        rect = window.timeline.canvas.content_rect(shown)
        y = rect.bottom() - row_of(hz, 16_000) / ROWS * rect.height()
        return shown.tooltip_at(QPointF(rect.center().x(), y), rect, window.timeline.axis)

    qtbot.waitUntil(lambda: said(440).endswith("dBFS"), timeout=10_000)
    assert float(said(440).split()[-2]) > -25  # the tone
    assert float(said(4000).split()[-2]) < -80
    window.show_record("b")
    qtbot.waitUntil(lambda: window.record is not None and window.record.id == "b")
    qtbot.waitUntil(lambda: window.complete and len(spectrograms(window)) == 1, timeout=10_000)
    assert strip(window, MIC).spectrogram.isChecked()
    QTest.mouseClick(strip(window, MIC).spectrogram, LEFT)
    assert not spectrograms(window)
    assert len(window.timeline.tracks) == rows


def test_its_key_is_for_the_sound_in_focus(window: MainWindow) -> None:
    action = window.actions_["spectrogram"]
    QTest.keyClick(window.stage, Qt.Key.Key_S, Qt.KeyboardModifier.ShiftModifier)
    assert [each.stream.id for each in spectrograms(window)] == [FILM]
    assert action.isChecked()
    row = window.timeline.canvas.content_rect(track(window, MIC))
    QTest.mouseClick(window.timeline, LEFT, pos=QPoint(60, round(row.top()) + 8))
    assert not action.isChecked()
    QTest.keyClick(window.stage, Qt.Key.Key_S, Qt.KeyboardModifier.ShiftModifier)
    assert [each.stream.id for each in spectrograms(window)] == [FILM, MIC]
