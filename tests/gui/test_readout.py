"""The sync readout: every stream has its figure or says why not, in the panel and over the pictures."""

from __future__ import annotations

import shutil
import wave
from typing import TYPE_CHECKING

import films
import numpy as np
import pytest
from gui.sound_fakes import Output
from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QCheckBox, QWidget

from inspector.core.model import Clock, Modality, Source, Stream
from inspector.core.settings import change_settings, settings
from inspector.core.times import NS
from inspector.session import Opening
from inspector.ui import speaker as speakers
from inspector.ui.app import make_app
from inspector.ui.main_window import MainWindow
from inspector.ui.overlay import LATE, LINE, MOST, PAD, SyncOverlay
from inspector.ui.readout import LATE_MS, Figure

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from PySide6.QtGui import QImage
    from pytestqt.qtbot import QtBot

    from inspector.ui.panels.streams import Places

MS = 1_000_000
FILM, SOUND, MIC, TABLE, WORDS = "cam#video", "cam#audio", "mic", "hand", "talk"


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film with sound, a shorter sound, a table of 10 Hz from 1 s on, and a transcript."""
    root = tmp_path_factory.mktemp("readout")
    film = films.reel(tmp_path_factory.getbasetemp()).film("bframes.mp4")
    (root / "a").mkdir()
    shutil.copy(film.path, root / "a" / "cam.mp4")
    with wave.open(str(root / "a" / "mic.wav"), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes((np.sin(np.arange(48_000) / 20) * 8000).astype("<i2").tobytes())
    rows = "".join(f"{1 + row / 10:.1f},{row}\n" for row in range(40))
    (root / "a" / "hand.csv").write_text("time_s,x\n" + rows)
    (root / "a" / "talk.vtt").write_text("WEBVTT\n\n00:01.000 --> 00:04.000\nkitchen\n")
    return root


@pytest.fixture
def output(monkeypatch: pytest.MonkeyPatch) -> Output:
    made = Output("built-in", 50 * MS)
    monkeypatch.setattr(speakers, "make_output", lambda name: made)
    return made


@pytest.fixture
def window(qtbot: QtBot, folder: Path, request: pytest.FixtureRequest) -> Iterator[MainWindow]:
    make_app("dark")
    with_sound = "output" in request.fixturenames
    if with_sound:
        request.getfixturevalue("output")  # before the window takes a real one
    made = MainWindow(with_sound)
    made.resize(1280, 800)
    made.show()
    made.activateWindow()
    qtbot.waitUntil(made.isActiveWindow)
    made.start(Opening(str(folder), None, "a"), 2 * NS, False)
    qtbot.waitUntil(lambda: made.record is not None and made.complete, timeout=15_000)
    made.stage.setFocus()
    yield made
    made.close()
    made.deleteLater()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def figures(window: MainWindow) -> dict[str, Figure]:
    assert window.record is not None
    at_ns = window.player.transport.now_ns()
    return {each.stream.id: each for each in window.follower.readout.figures(window.record, at_ns)}


def go(window: MainWindow, qtbot: QtBot, at_ns: int) -> dict[str, Figure]:
    window.player.transport.seek(at_ns)
    qtbot.waitUntil(lambda: window.complete, timeout=5000)
    return figures(window)


def test_every_stream_has_a_figure_or_says_why_not(window: MainWindow, qtbot: QtBot) -> None:
    assert window.record is not None
    for at_ns in (0, 2 * NS + 13 * MS, 6 * NS):
        found = go(window, qtbot, at_ns)
        assert list(found) == [stream.id for stream in window.record.streams]
        assert all((each.ms is None) == bool(each.note) for each in found.values()), found


def test_figures_are_what_is_shown_minus_the_playhead(window: MainWindow, qtbot: QtBot) -> None:
    found = go(window, qtbot, 2 * NS + 13 * MS)
    assert found[FILM].ms == pytest.approx(-13)
    assert found[FILM].frames == pytest.approx(-13 / 40)
    assert found[TABLE].ms == pytest.approx(-13, abs=0.01)
    assert found[TABLE].frames == pytest.approx(-13 / 40, abs=0.01)
    assert found[WORDS].ms == 0
    found = go(window, qtbot, 2 * NS + 190 * MS)
    assert found[TABLE].ms == pytest.approx(-90, abs=0.01)


def test_where_there_is_nothing_it_says_no_data(window: MainWindow, qtbot: QtBot) -> None:
    assert go(window, qtbot, NS // 2)[TABLE].note == "no data"
    assert go(window, qtbot, 4 * NS)[MIC].note == "no data"


def test_without_a_device_sounds_are_silent(window: MainWindow) -> None:
    assert figures(window)[SOUND].note == "silent"
    window.player.set_mix(MIC, solo=True)
    assert figures(window)[SOUND].note == "muted"
    assert figures(window)[MIC].note == "silent"


def test_a_sounds_figure_is_what_is_heard(window: MainWindow, output: Output, qtbot: QtBot) -> None:
    player = window.player
    qtbot.waitUntil(lambda: player.speaker.clock is not None)
    assert figures(window)[SOUND].note == "paused"
    player.silence(True)
    assert figures(window)[SOUND].note == "muted"
    player.silence(False)
    player.transport.play(-1.0)
    qtbot.waitUntil(lambda: figures(window)[SOUND].note == "silent backwards")
    player.transport.pause()
    go(window, qtbot, 2 * NS)
    player.transport.play()
    qtbot.waitUntil(lambda: figures(window)[SOUND].note == "not heard yet")

    def turned() -> bool:
        output.turn(480)
        return player.transport.now_ns() > 2 * NS + 200 * MS

    qtbot.waitUntil(turned, timeout=10_000)
    found = figures(window)[SOUND]
    assert found.ms is not None
    assert abs(found.ms) < 40
    assert found.frames == pytest.approx(found.ms / 40)
    player.transport.pause()


# --- the overlay ------------------------------------------------------------------------------------------


def overlay(window: MainWindow) -> SyncOverlay:
    return window.follower.overlay


def press(window: MainWindow, keys: str) -> None:
    combination = QKeySequence(keys)[0]  # type: ignore[index]
    QTest.keyClick(QApplication.focusWidget() or window, combination.key(), combination.keyboardModifiers())


def test_y_shows_it_and_that_is_kept(window: MainWindow, qtbot: QtBot) -> None:
    assert window.record is not None
    assert not overlay(window).isVisible()
    press(window, "Y")
    assert overlay(window).isVisible()
    assert settings().sync_overlay
    assert len(overlay(window).lines()) == len(window.record.streams)
    other = MainWindow(with_sound=False)
    assert other.actions_["sync"].isChecked()
    assert other.follower.overlay.isVisibleTo(other.stage)
    other.close()
    press(window, "Y")
    assert not overlay(window).isVisible()
    assert not settings().sync_overlay


def test_preferences_and_the_menu_show_the_same(window: MainWindow, qtbot: QtBot) -> None:
    window._preferences()
    box = window._preferences_box
    assert box is not None
    check = box.findChild(QCheckBox, "sync_overlay")
    assert isinstance(check, QCheckBox)
    check.click()
    assert overlay(window).isVisible()
    assert window.actions_["sync"].isChecked()
    window.actions_["sync"].trigger()
    assert not overlay(window).isVisible()
    qtbot.waitUntil(lambda: not check.isChecked())


def test_it_is_told_of_a_mute_while_paused(window: MainWindow) -> None:
    press(window, "Y")
    window.player.set_mix(SOUND, mute=True)
    notes = {line[0]: line[2] for line in overlay(window).lines()}
    assert (notes["cam audio"], notes["mic"]) == ("muted", "silent")
    assert "cam video" in notes
    window.player.silence(True)
    assert [line[2] for line in overlay(window).lines()].count("muted") == 2


def test_it_stays_inside_the_stage_and_lets_clicks_through(window: MainWindow, qtbot: QtBot) -> None:
    press(window, "Y")
    for width, height in ((800, 600), (1920, 1080), (1280, 800)):
        window.resize(width, height)
        qtbot.waitUntil(lambda: window.stage.rect().contains(overlay(window).geometry()))
        assert overlay(window).y() >= 40  # under the first camera's name
    assert overlay(window).testAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
    spot = overlay(window).geometry().center()
    assert window.stage.childAt(spot) is not overlay(window)


def _stream(number: int, modality: Modality = Modality.SENSOR) -> Stream:
    return Stream(f"s{number}", modality, Source(None, "table"), Clock("c", "relative"), (0, NS))  # type: ignore[arg-type]


@pytest.fixture
def plate(qtbot: QtBot) -> SyncOverlay:
    make_app("dark")
    stage = QWidget()
    qtbot.addWidget(stage)
    stage.resize(600, 600)
    made = SyncOverlay(stage)
    stage.show()
    made.show()
    return made


def amber(plate: SyncOverlay, row: int) -> bool:
    """Whether a row is written in the colour of what is late."""
    image: QImage = plate.grab().toImage()
    rows = range(PAD + row * LINE, PAD + (row + 1) * LINE)
    return any(
        abs(image.pixelColor(x, y).red() - LATE.red()) < 12
        and abs(image.pixelColor(x, y).green() - LATE.green()) < 12
        and abs(image.pixelColor(x, y).blue() - LATE.blue()) < 40
        for y in rows
        for x in range(image.width())
    )


def test_what_is_late_is_amber(plate: SyncOverlay) -> None:
    values = (-LATE_MS, -LATE_MS - 0.1, 3000.0, 0.04)
    plate.show_figures([Figure(_stream(n), ms, ms / 40) for n, ms in enumerate(values)])
    assert [line[3] for line in plate.lines()] == [False, True, True, False]
    assert [line[1] for line in plate.lines()] == ["−100.0 ms", "−100.1 ms", "+3000 ms", "0.0 ms"]
    assert [amber(plate, row) for row in range(4)] == [False, True, True, False]


def test_many_streams_end_in_a_count(plate: SyncOverlay, qtbot: QtBot) -> None:
    many = [Figure(_stream(n), 1.0, None) for n in range(80)]
    plate.show_figures(many)
    shown = plate._rows()
    assert 1 < shown <= MOST
    before = plate.grab().toImage()
    plate.show_figures(many[:shown])
    assert plate.height() == before.height()
    assert plate.grab().toImage() != before  # the last line was a count
    for height in (120, 300, 1200):
        plate._stage.resize(400, height)
        plate.show_figures(many)
        assert plate.y() + plate.height() <= max(height, PAD * 2 + LINE + plate.y())
    plate.show_figures([])
    assert plate.height() <= 1


def test_long_names_and_notes_keep_apart(plate: SyncOverlay) -> None:
    """On the narrowest stage too nothing is written over anything: name and figure end where the other is."""
    stream = _stream(1)
    plate.show_figures([Figure(stream, None, None, "a frame that cannot be decoded")])
    wide = plate.width()
    assert wide > 250
    plate._stage.resize(240, 160)
    plate.show_figures([Figure(stream, -12.5, -0.4)])
    assert plate.width() <= 240
    assert plate.geometry().right() < 240


def test_a_streams_name_gives_way_to_its_figure(window: MainWindow, qtbot: QtBot) -> None:
    """In the panel the figure stands between the name and the chip, and nothing overlaps."""
    go(window, qtbot, 2 * NS + 13 * MS)
    model, view = window.streams.model, window.streams.view
    assert FILM not in model.lags  # the record opened with its transcript in front: nobody saw them
    window.parts.tabs.setCurrentWidget(window.streams)
    assert model.lags[FILM][0] == pytest.approx(-13)
    for row in range(model.rowCount()):
        index = model.index(row, 0)
        places: Places = view.itemDelegate().places(view.visualRect(index), index)  # type: ignore[attr-defined]
        assert places.lag.right() < places.chip.left()


# --- grains while dragging --------------------------------------------------------------------------------


@pytest.mark.parametrize(("how", "heard"), [("", True), ("off", False), ("muted", False)])
def test_dragging_asks_for_grains(
    window: MainWindow, output: Output, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, how: str, heard: bool
) -> None:
    player = window.player
    qtbot.waitUntil(lambda: player.speaker.clock is not None)
    mixer = player.speaker.mixer
    assert mixer is not None
    asked: list[int] = []
    monkeypatch.setattr(mixer, "grain", asked.append)
    change_settings(scrub_sound=how != "off")
    player.silence(how == "muted")
    player.transport.seek(NS)
    assert asked == []  # a jump is no drag
    ruler, y = window.timeline, 8
    QTest.mousePress(ruler, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, QPoint(300, y))
    assert player.dragging
    QTest.mouseMove(ruler, QPoint(340, y))
    QTest.mouseMove(ruler, QPoint(380, y))
    at_ns = player.transport.now_ns()
    QTest.mouseRelease(ruler, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, QPoint(380, y))
    assert not player.dragging
    assert (at_ns in asked) is heard
    assert bool(asked) is heard
