"""The transcript: the word that is spoken, the click that goes there, and what is painted for it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from gui.costs import least_s
from gui.panel_fakes import (
    MS,
    SPOKEN_NS,
    Painted,
    a_transcript,
    plain_record,
    rich_record,
    shown,
    texts,
)
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from inspector.core.model import Cue
from inspector.core.timemap import TimeMap
from inspector.core.times import NS
from inspector.ui.panels.transcript import TranscriptPanel
from inspector.ui.panels.transcript_list import HOLD_S, CueList
from inspector.ui.panels.transcript_track import TranscriptTrack

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot


pytestmark = pytest.mark.usefixtures("dark")


# --- transcript -----------------------------------------------------------------------------------


@pytest.fixture
def transcript(qtbot: QtBot) -> TranscriptPanel:
    """A transcript of 10 000 cues, shown."""
    panel = TranscriptPanel()
    panel.set_record(rich_record(), [a_transcript(10_000)])
    shown(qtbot, panel, 320, 480)
    return panel


def test_the_spoken_word_is_marked_and_only_its_cue_is_painted(
    transcript: TranscriptPanel, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    transcript.set_time(1_100 * MS)
    assert transcript.list.spoken() == (0, 0)
    transcript.list.viewport().repaint()
    painted = Painted(monkeypatch, CueList, "paint_cue")
    asked = Painted(monkeypatch, TranscriptTrack, "spoken")
    for step in range(30):  # half a second at 60 Hz, over the end of a word
        transcript.set_time(1_100 * MS + step * 16_667_000)
    QApplication.processEvents()
    assert transcript.list.spoken() == (0, 1)
    assert set(painted.calls) == {0}
    assert len(asked.calls) <= 2
    painted.calls.clear()
    transcript.set_time(4_100 * MS)
    QApplication.processEvents()
    assert transcript.list.spoken() == (1, 0)
    assert set(painted.calls) == {0, 1}
    transcript.set_time(3_700 * MS)  # between two cues
    assert transcript.list.spoken() == (-1, -1)


def test_set_time_costs_the_same_in_ten_thousand_cues() -> None:
    track, short = TranscriptTrack(*a_transcript(10_000)), TranscriptTrack(*a_transcript(100))
    assert track.spoken(0)[:2] == (-1, -1)

    def all_through(of: TranscriptTrack, step: int) -> None:
        for number in range(0, 100 * step, step):
            assert of.spoken((1 + 3 * number) * NS + MS).cue == number

    assert least_s(lambda: all_through(track, 99)) < 10 * least_s(lambda: all_through(short, 1))


def test_cues_that_overlap_give_the_one_that_began_last() -> None:
    stream, _ = a_transcript(1)
    spans = [(0, 100), (10, 20), (12, 14), (30, 40)]
    track = TranscriptTrack(stream, [Cue(a * MS, b * MS, "x") for a, b in spans])
    found = [track.spoken(at * MS).cue for at in (5, 11, 13, 15, 25, 35, 50, 100)]
    assert found == [0, 1, 2, 1, 0, 3, 0, -1]


@pytest.mark.parametrize("width", [300, 420])
def test_a_click_on_a_word_goes_there(qtbot: QtBot, width: int) -> None:
    panel = TranscriptPanel()
    stream, cues = a_transcript()
    late = replace(stream, timemap=TimeMap.offset(320 * MS))
    panel.set_record(rich_record(), [(late, cues)])
    shown(qtbot, panel, width, 560)
    asked: list[int] = []
    panel.seek.connect(asked.append)
    track = panel.list._track
    assert track is not None
    for cue, number in ((0, 3), (3, 2), (3, 17)):
        word = track.words(cue)[number]
        (place, *_) = panel.list.text_rects(cue, word.start, word.end)
        QTest.mouseClick(panel.list.viewport(), Qt.MouseButton.LeftButton, pos=place.center().toPoint())
        assert asked[-1] == cues[cue].words[number].start_ns - 320 * MS
        panel.set_time(asked[-1])
        assert panel.list.spoken() == (cue, number)
    beside = QPoint(4, panel.list.cue_rect(4).bottom() - 4)
    QTest.mouseClick(panel.list.viewport(), Qt.MouseButton.LeftButton, pos=beside)
    assert asked[-1] == cues[4].start_ns - 320 * MS


def test_it_follows_unless_the_curator_scrolled_away(transcript: TranscriptPanel, qtbot: QtBot) -> None:
    now = [100.0]
    transcript.list.clock = lambda: now[0]
    transcript.set_time(3 * 5000 * NS + 1_100 * MS)
    area = transcript.list.viewport().rect()
    assert area.contains(transcript.list.cue_rect(5000))
    there = transcript.list.verticalScrollBar().value()
    QTest.keyClick(transcript.list, Qt.Key.Key_PageUp)
    away = transcript.list.verticalScrollBar().value()
    assert away < there
    transcript.set_time(3 * 5001 * NS + 1_100 * MS)
    assert transcript.list.verticalScrollBar().value() == away
    now[0] += HOLD_S + 0.1
    transcript.set_time(3 * 5002 * NS + 1_100 * MS)
    qtbot.waitUntil(lambda: area.contains(transcript.list.cue_rect(5002)))


def test_a_resize_keeps_the_topmost_cue(transcript: TranscriptPanel) -> None:
    transcript.set_time(3 * 5000 * NS + 1_100 * MS)
    before = transcript.list.first_shown()
    transcript.resize(420, 480)
    assert abs(transcript.list.first_shown() - before) <= 1


def test_search_steps_through_what_it_finds(transcript: TranscriptPanel, qtbot: QtBot) -> None:
    transcript.focus_search()
    QTest.keyClicks(transcript.search, "TWENTY to")
    assert transcript.found.text() == "1/2\u2009000"
    with qtbot.waitSignal(transcript.seek):  # the first Enter goes to the match that is shown
        QTest.keyClick(transcript.search, Qt.Key.Key_Return)
    assert transcript.found.text() == "1/2\u2009000"
    QTest.keyClick(transcript.search, Qt.Key.Key_Return)
    QTest.keyClick(transcript.search, Qt.Key.Key_Return)
    assert transcript.found.text() == "3/2\u2009000"
    place = transcript.list.viewport().rect()
    qtbot.waitUntil(lambda: place.contains(transcript.list.cue_rect(14)))
    QTest.keyClick(transcript.search, Qt.Key.Key_Return, Qt.KeyboardModifier.ShiftModifier)
    assert transcript.found.text() == "2/2\u2009000"
    QTest.keyClick(transcript.search, Qt.Key.Key_Escape)
    assert transcript.found.text() == ""


def test_text_without_times_says_so_and_several_can_be_chosen(qtbot: QtBot) -> None:
    panel = TranscriptPanel()
    shown(qtbot, panel)
    assert panel.list.empty_text == "No record is open"
    panel.set_record(plain_record())
    assert panel.list.empty_text == "No text in this record"
    panel.set_record(rich_record(), texts(rich_record()))
    assert panel.selector.isVisible()
    assert panel.header.text() == "Transcript 12 cues"
    panel.set_time(SPOKEN_NS)
    panel.selector.setCurrentIndex(1)
    assert panel.header.text() == "Transcript 10 lines no times in this file"
    assert panel.list.moment_at(panel.list.cue_rect(0).center()) is None
    panel.set_record(rich_record(), texts(rich_record()))  # more was read of the same record
    assert panel.selector.currentIndex() == 1
    panel.selector.setCurrentIndex(0)
    assert panel.list.spoken() == (2, 0)
