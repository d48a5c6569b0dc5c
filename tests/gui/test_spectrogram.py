"""The spectrogram's row: what lands on which pixel, what is not there yet, and that paint only blits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QColor, QImage

from inspector.core.model import Modality
from inspector.core.times import NS
from inspector.media.spectrum import ROWS, row_of
from inspector.playback.spectra import Look
from inspector.ui import theme
from inspector.ui.colormap import STOPS, level_colors, oklab
from inspector.ui.timeline.axis import TimeAxis
from inspector.ui.timeline.spectrogram_track import SpectrogramTrack, column_length

if TYPE_CHECKING:
    from collections.abc import Callable

    from PySide6.QtWidgets import QApplication
    from pytestqt.qtbot import QtBot

    from inspector.core.model import Stream

from gui.timeline_fakes import DURATION, WIDTH, at, differs, rendered, shown_view, stream

AT_NS = 4_321_000_000
BAND = round(row_of(1000, 48_000))


class FakeSpectra:
    """Loud at AT_NS in all rows and at 1 kHz always; silent elsewhere; known up to `known_ns`."""

    def __init__(self, known_ns: int = 10 * DURATION, problem: str = "") -> None:
        self.known_ns = known_ns
        self.wishes: list[tuple[int, int, int]] = []
        self.got: Callable[[], None] = lambda: None
        self.said = problem

    def want(self, stream: Stream, column_ns: int, first: int, last: int, got: Callable[[], None]) -> None:
        self.wishes.append((column_ns, first, last))
        self.got = got

    def look(self, stream: Stream, column_ns: int, first: int, last: int) -> Look:
        columns = np.arange(first, last)
        levels = np.zeros((len(columns), ROWS), np.uint8)
        levels[:, BAND - 2 : BAND + 2] = 200
        levels[columns == AT_NS // column_ns] = 255
        known = columns * column_ns < self.known_ns
        return Look(levels, known, known)

    def problem(self, stream: Stream) -> str:
        return self.said


pytestmark = pytest.mark.usefixtures("dark")


def sound(end_ns: int = DURATION) -> Stream:
    return stream("voice#audio", Modality.AUDIO, (0, end_ns), rate=48_000.0)


def whole() -> TimeAxis:
    axis = TimeAxis()
    axis.set_total(0, DURATION)
    return axis


def luminance(image: QImage, x: int, y: int) -> float:
    return QColor(image.pixel(x, y)).lightnessF()


@pytest.mark.parametrize("visible", [(0, DURATION), (4 * NS, 5 * NS), (4_300_000_000, 4_350_000_000)])
def test_an_impulse_is_at_its_pixel(visible: tuple[int, int]) -> None:
    axis = whole()
    axis.show(*visible)
    track = SpectrogramTrack(sound(), "voice", FakeSpectra())
    image = rendered(track, axis)
    y = 8  # the highest rows, where nothing else is
    light = [luminance(image, x, y) for x in range(WIDTH)]
    assert abs(int(np.argmax(light)) - axis.x_of(AT_NS, WIDTH)) <= 1.5
    track.close()


def test_a_tone_is_at_its_height_and_silence_is_dark() -> None:
    track = SpectrogramTrack(sound(), "voice", FakeSpectra())
    image = rendered(track, whole())
    light = [luminance(image, 700, y) for y in range(track.height)]
    y = track.height * (1 - BAND / ROWS)
    assert abs(int(np.argmax(light)) + 0.5 - y) <= 1.5
    assert QColor(image.pixel(700, 8)).name().upper() == STOPS["dark"][0]
    track.close()


def test_what_is_not_computed_is_dashed_asked_for_once_and_said(qtbot: QtBot) -> None:
    spectra = FakeSpectra(known_ns=5 * NS)
    track = SpectrogramTrack(sound(), "voice", spectra)
    axis = whole()
    image = rendered(track, axis)
    assert QColor(image.pixel(700, 30)) == theme.current().panel
    assert any(differs(image, x, track.height // 2) for x in range(600, 620))
    assert any(differs(image, x, 14) for x in range(WIDTH - 90, WIDTH - 8))  # "computing  50 %"
    assert "not computed yet" in track.tooltip_at(QPointF(700, 30), QRectF(0, 0, WIDTH, 96), axis)
    qtbot.waitUntil(lambda: len(spectra.wishes) == 1)
    column_ns, first, last = spectra.wishes[0]
    assert column_ns >= DURATION / WIDTH
    assert (first, last * column_ns >= DURATION) == (0, True)
    assert last - first <= WIDTH  # no more columns than pixels
    revision = track.revision
    spectra.known_ns = DURATION * 10
    spectra.got()
    spectra.got()
    qtbot.waitUntil(lambda: track.revision > revision)
    assert track.revision == revision + 1
    image = rendered(track, axis)
    assert not track.busy
    assert QColor(image.pixel(700, 30)).name().upper() == STOPS["dark"][0]
    assert len(spectra.wishes) == 1
    track.close()


def test_outside_the_span_it_is_hatched() -> None:
    track = SpectrogramTrack(sound(5 * NS), "voice", FakeSpectra())
    image = rendered(track, whole())
    row = {QColor(image.pixel(x, 30)).name() for x in range(600, 640)}
    assert len(row) > 1  # strokes on a ground
    assert QColor(image.pixel(300, 30)).name().upper() == STOPS["dark"][0]
    assert track.tooltip_at(QPointF(700, 30), QRectF(0, 0, WIDTH, 96), whole()) == "No data"
    track.close()


def test_what_is_wrong_is_said_and_nothing_is_asked_for(qtbot: QtBot) -> None:
    spectra = FakeSpectra(known_ns=0, problem="The sound cannot be opened")
    track = SpectrogramTrack(sound(), "voice", spectra)
    image = rendered(track, whole())
    assert any(differs(image, x, 14) for x in range(WIDTH - 120, WIDTH - 8))
    assert not track.busy
    assert spectra.wishes == []
    track.close()


def test_the_tooltip_tells_time_frequency_and_level() -> None:
    track = SpectrogramTrack(sound(), "voice", FakeSpectra())
    rect = QRectF(0, 0, WIDTH, 96)
    y = 96 * (1 - BAND / ROWS)
    text = track.tooltip_at(QPointF(700, y), rect, whole())
    assert text.startswith("0:07.000")
    assert abs(int(text.split()[1]) - 1000) <= 20
    assert "dBFS" in text
    assert "below −100" in track.tooltip_at(QPointF(700, 4), rect, whole()).replace("-", "−")
    track.close()


def test_a_moving_playhead_renders_nothing(qapp: QApplication, qtbot: QtBot) -> None:
    view = shown_view(qapp)
    qtbot.addWidget(view)
    qtbot.waitExposed(view)
    view.set_tracks([SpectrogramTrack(sound(), "voice", FakeSpectra())])
    view.canvas.grab()
    renders = view.canvas.renders
    for ns in range(0, DURATION, DURATION // 50):
        view.set_time(ns)
        view.canvas.repaint()
    assert view.canvas.renders == renders
    assert at(view, 0).x() > 0
    view.set_tracks(())


@pytest.mark.parametrize("length", [10_000_000, NS, 3 * NS // 2, 36_000 * NS])
@pytest.mark.parametrize("width", [300, 1000, 1777])
def test_columns_are_as_wide_as_pixels(length: int, width: int) -> None:
    axis = TimeAxis()
    axis.set_total(0, length)
    column_ns = column_length(axis, width)
    assert 1 <= column_ns / (axis.length / width) <= 1.4143


@pytest.mark.parametrize("name", ["dark", "light"])
def test_equal_steps_of_level_are_equal_steps_of_lightness(name: str) -> None:
    colors = level_colors(name)
    rgb = np.stack([colors >> 16 & 255, colors >> 8 & 255, colors & 255], axis=1) / 255
    lightness = oklab(rgb)[:, 0]
    steps = np.diff(lightness[::15])
    assert (np.sign(steps) == (1 if name == "dark" else -1)).all()
    assert abs(steps).max() < 1.35 * abs(steps).min()
    assert f"#{int(colors[0]) & 0xFFFFFF:06X}" == STOPS[name][0]
