"""The Agreement panel under real keys and mouse, on the demo: the early annotator is named, rows jump."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from gui.windows import Windows, part_of_demo, press
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QCheckBox

from inspector.core.adjudicate import GOLD
from inspector.core.findings import Finding, Status
from inspector.core.model import Modality
from inspector.core.proposal import nudged
from inspector.core.times import NS
from inspector.ui.agreeing import STALE
from inspector.ui.panels.agreement_model import Head, Row, Value
from inspector.ui.panels.findings_model import Item
from inspector.ui.timeline.label_track import LabelTrack

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from inspector.ui.main_window import MainWindow
    from inspector.ui.panels.agreement import AgreementPanel

EARLY, EXTRA = "rec_011", "rec_025"


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """A record that is right, one with an early annotator, and one where one of the two says more."""
    return part_of_demo(tmp_path / "demo", "rec_001", EARLY, EXTRA)


@pytest.fixture
def opened(open_window: Windows, dataset: Path) -> Callable[[], MainWindow]:
    return lambda: open_window(dataset)


def measured(window: MainWindow, qtbot: QtBot) -> AgreementPanel:
    press(window, "F2")
    panel = window.agreeing.panel
    assert panel is not None
    assert panel.isVisible()
    qtbot.waitUntil(lambda: window.agreeing.agreement is not None, timeout=20_000)
    return panel


def shown(window: MainWindow, record_id: str) -> bool:
    return window.record is not None and window.record.id == record_id and window.complete


def test_the_early_annotator_is_named_and_rows_lead_to_their_moments(
    opened: Callable[[], MainWindow], qtbot: QtBot
) -> None:
    window = opened()
    panel = measured(window, qtbot)
    assert panel.pairs.currentText() == "A and B, 3 records"
    lag = panel.model.lines[0]
    assert isinstance(lag, Row)
    assert lag.message.startswith("B is 400 ms earlier than A")
    assert "not yet who is right" in lag.message
    assert lag.place.startswith(EARLY)
    heads = [line.title for line in panel.model.lines if isinstance(line, Head)]
    assert heads == ["motion", "time", "Disagreements"]
    words = {line.words for line in panel.model.lines if isinstance(line, Value)}
    assert {"unitizing alpha", "boundary error, ms"} <= words
    # By the mouse: a click on the lag opens its record.
    spot = panel.list.visualRect(panel.model.index(0, 0)).center()
    QTest.mouseClick(panel.list.viewport(), Qt.MouseButton.LeftButton, pos=spot)
    qtbot.waitUntil(lambda: shown(window, EARLY), timeout=20_000)
    assert panel.told.text() == lag.message
    # By the keys: the next disagreement is a span of one author alone, in another record.
    press(window, "F9")
    row = panel.current
    assert row is not None
    assert row.message == "“reads 9:40” by A only"
    qtbot.waitUntil(lambda: shown(window, EXTRA), timeout=20_000)
    # It lies behind the record's end, so that the end is where it leads.
    assert row.at_ns > window.player.transport.span[1] == window.player.transport.now_ns()
    press(window, "F9")
    assert panel.current == row
    press(window, "Shift+F9")
    assert panel.current == lag


def test_rows_are_narrowed_and_changed_labels_are_told(
    opened: Callable[[], MainWindow], qtbot: QtBot
) -> None:
    window = opened()
    panel = measured(window, qtbot)
    panel.filter.setFocus()
    QTest.keyClicks(panel.filter, "nothing like it")
    assert [line for line in panel.model.lines if isinstance(line, Row) and not line.loud] == []
    QTest.keyClick(panel.filter, Qt.Key.Key_Escape)
    assert any(isinstance(line, Row) and not line.loud for line in panel.model.lines)
    QTest.mouseClick(panel.here, Qt.MouseButton.LeftButton, pos=QPoint(8, 8))
    assert [line for line in panel.model.lines if isinstance(line, Row)] == []  # of rec_001 there is none
    window.show_record(EARLY)
    qtbot.waitUntil(lambda: any(isinstance(line, Row) for line in panel.model.lines), timeout=20_000)
    window.stage.setFocus()
    press(window, "V")
    qtbot.waitUntil(lambda: panel.doing.text() == STALE, timeout=10_000)
    QTest.mouseClick(panel.measure, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not panel.doing.isVisible() and panel.measure.isVisible(), timeout=20_000)


def test_without_a_second_author_it_says_so(
    qtbot: QtBot, dataset: Path, opened: Callable[[], MainWindow]
) -> None:
    for labels in dataset.glob("*/labels_B.csv"):
        labels.unlink()
    window = opened()
    panel = measured(window, qtbot)
    assert panel.empty.isVisible()
    assert "No two authors" in panel.empty.text()
    assert not panel.list.isVisible()


def gold(window: MainWindow) -> list[str]:
    assert window.record is not None
    return [label.label for label in window.record.annotations if label.author == GOLD]


def test_a_disagreement_is_decided_blind_by_mouse_and_key_and_undone(
    opened: Callable[[], MainWindow], qtbot: QtBot
) -> None:
    window = opened()
    panel = measured(window, qtbot)
    QTest.mouseClick(panel.blind, Qt.MouseButton.LeftButton, pos=QPoint(8, 8))
    press(window, "F9")
    press(window, "F9")
    qtbot.waitUntil(lambda: shown(window, EXTRA), timeout=20_000)
    row = panel.current
    assert row is not None
    assert row.message in ("“reads 9:40” by one only", "“reads 9:40” by the other only")
    words = " ".join(button.text() for button in panel.decide.values())
    lanes = {track.called for track in window.timeline.tracks if isinstance(track, LabelTrack)}
    assert lanes == {"one", "the other"}
    assert "A" not in words.replace("’s", "").split()
    name = row.message.split(" by ")[1].removesuffix(" only")
    button = next(each for each in panel.decide.values() if each.text() == f"Take {name}’s")
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: gold(window) == ["reads 9:40"], timeout=20_000)
    qtbot.waitUntil(lambda: all(line != row for line in panel.model.lines))
    window.stage.setFocus()
    press(window, "Ctrl+Z")
    qtbot.waitUntil(lambda: gold(window) == [] and row in panel.model.lines, timeout=20_000)
    panel.list.setCurrentIndex(panel.model.index(panel.model.lines.index(row), 0))
    panel.text.setFocus()
    QTest.keyClicks(panel.text, "reads 9:45")
    QTest.keyClick(panel.text, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: gold(window) == ["reads 9:45"], timeout=20_000)
    QTest.mouseClick(panel.gold, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: len(gold(window)) > 4, timeout=20_000)


def test_an_authors_layer_is_hidden_and_shown(opened: Callable[[], MainWindow], qtbot: QtBot) -> None:
    window = opened()
    panel = measured(window, qtbot)

    def authors() -> set[str]:
        return {track.author for track in window.timeline.tracks if isinstance(track, LabelTrack)}

    assert authors() == {"A", "B"}
    (a,) = [box for box in panel.layers.findChildren(QCheckBox) if box.text() == "A"]
    QTest.mouseClick(a, Qt.MouseButton.LeftButton, pos=QPoint(8, 8))
    assert authors() == {"B"}
    window.show_record(EARLY)
    qtbot.waitUntil(lambda: shown(window, EARLY), timeout=20_000)
    assert authors() == {"B"}
    QTest.mouseClick(a, Qt.MouseButton.LeftButton, pos=QPoint(8, 8))
    assert authors() == {"A", "B"}


def test_no_author_is_named_anywhere_while_somebody_decides_blind(
    opened: Callable[[], MainWindow], qtbot: QtBot
) -> None:
    window = opened()
    panel = measured(window, qtbot)
    QTest.mouseClick(panel.blind, Qt.MouseButton.LeftButton, pos=QPoint(8, 8))

    def pictured() -> set[str]:
        return {label.author for camera in window.stage.cameras for label in camera.labels}

    def choose(author: str) -> str:
        lane = next(t for t in window.timeline.tracks if isinstance(t, LabelTrack) and t.author == author)
        window.labelling.choose(lane.annotations[0].id)
        assert window.labelling.panel is not None
        return window.labelling.panel.facts.text().splitlines()[0]

    assert pictured() == {"one", "the other"}
    # Another record, before its tracks are there.
    window.show_record(EARLY)
    qtbot.waitUntil(lambda: window.record is not None and window.record.id == EARLY, timeout=20_000)
    assert pictured() == {"one", "the other"}
    qtbot.waitUntil(lambda: shown(window, EARLY), timeout=20_000)
    # After an edit of a label, which is taken over in place.
    window.labelling.open()
    assert {choose("A"), choose("B")} == {"by one", "by the other"}
    window.labelling.relabel("something else")
    qtbot.waitUntil(lambda: "something else" in {each.label for each in window.labelling.labels})
    assert pictured() == {"one", "the other"}
    # And after another measurement, whose news is a lag.
    window.agreeing.measure()
    qtbot.waitUntil(lambda: "ms earlier than" in window.status.text, timeout=20_000)
    assert not {"A", "B"} & set(window.status.text.split())


def test_a_hidden_layer_lasts_through_what_lays_the_tracks_anew(
    opened: Callable[[], MainWindow], qtbot: QtBot
) -> None:
    window = opened()
    panel = measured(window, qtbot)

    def authors() -> set[str]:
        return {track.author for track in window.timeline.tracks if isinstance(track, LabelTrack)}

    (a,) = [box for box in panel.layers.findChildren(QCheckBox) if box.text() == "A"]
    QTest.mouseClick(a, Qt.MouseButton.LeftButton, pos=QPoint(8, 8))
    assert authors() == {"B"}
    record = window.record
    assert record is not None
    # A fault that an audit found, and a sound's spectrogram.
    fault = Finding("av.offset", record.id, (record.reference or "",), status=Status.FAILED)
    window.auditing._draw([Item(fault)])
    (sound,) = (each.id for each in record.of(Modality.AUDIO)[:1])
    window.sounds.show_spectrogram(sound, True)
    window.sounds.show_spectrogram(sound, False)
    assert authors() == {"B"}
    # A map of time is another while the layer is hidden.
    hidden = next(t for t in window.timeline.every if isinstance(t, LabelTrack) and t.author == "A")
    assert window.contents is not None
    later = replace(
        record, streams=tuple(replace(each, timemap=nudged(each.timemap, NS)) for each in record.streams)
    )
    window.contents.retime(later)
    assert hidden.span == later.span != record.span
    QTest.mouseClick(a, Qt.MouseButton.LeftButton, pos=QPoint(8, 8))
    assert authors() == {"A", "B"}
