"""The Align panel under real keys and mouse, on the demo: late sound, a fast sensor, and back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from gui.windows import Windows, edits, part_of_demo, press
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest

from inspector.core.times import NS
from inspector.ui.panels.transcript_track import TranscriptTrack
from inspector.ui.timeline.sensor_track import SensorTrack
from inspector.ui.timeline.track import StreamTrack

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytestqt.qtbot import QtBot

    from inspector.core.model import Cue, Stream
    from inspector.ui.main_window import MainWindow

MS = 1_000_000
TRUTH = json.loads((Path(__file__).parents[2] / "packaging" / "demo_truth.json").read_text())


def planted(fault: str) -> tuple[str, str, float]:
    """Record, stream and value of a fault of the demo."""
    found = next(each for each in TRUTH["faults"] if each["fault"] == fault)
    return found["record_id"], found["streams"][0], found["value"]


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Two records of the demo each with a fault of its own, and one that is right."""
    return part_of_demo(tmp_path / "demo", "rec_001", planted("sound_late")[0], planted("sensor_fast")[0])


@pytest.fixture
def opened(open_window: Windows, dataset: Path) -> Callable[[str], MainWindow]:
    return lambda record: open_window(dataset, record)


def late_ms(window: MainWindow, stream: str) -> float:
    assert window.record is not None
    return window.record.stream(stream).timemap.late_ns / 1e6


def go(window: MainWindow, seconds: float) -> None:
    """Type a time, as a curator would who has found an event there."""
    press(window, "G")
    QTest.keyClicks(window.goto, f"{seconds:.3f}")
    press(window, "Return")
    window.stage.setFocus()


def test_late_sound_is_brought_home_with_a_two_point_tie(
    opened: Callable[[str], MainWindow], qtbot: QtBot, dataset: Path
) -> None:
    record, stream, value = planted("sound_late")
    window = opened(record)
    ticks = next(each for each in TRUTH["records"] if each["record_id"] == record)["ticks_s"]
    press(window, "Shift+A")
    panel = window.aligning.panel
    assert panel is not None
    assert panel.isVisible()
    assert panel.stream.currentText().startswith(stream)
    window.stage.setFocus()
    along = panel.texts
    assert along.text() == "Take words along"
    QTest.mouseClick(along, Qt.MouseButton.LeftButton, pos=QPoint(8, along.height() // 2))
    window.stage.setFocus()
    for seen in (ticks[1], ticks[-3]):
        # Where the second hand jumps is seen in the film; its tick is an upright in the waveform.
        heard = seen + (value / 1000 if window.aligning.proposal is None else 0.0)
        go(window, heard)
        press(window, "T")
        go(window, seen)
        press(window, "T")
    assert edits(dataset) == []
    assert window.aligning.proposal is not None
    assert "320 ms earlier" in panel.summary.text() or "319 ms" in panel.summary.text()
    assert any("earlier" in line for line in panel.pairs.text().splitlines())
    press(window, "Return")
    assert edits(dataset) == []
    # What was tied by eye and ear is measured by another witness before it is accepted.
    qtbot.waitUntil(
        lambda: bool(window.aligning.proposal and window.aligning.proposal.weighed), timeout=30_000
    )
    assert "confidence 0." in panel.weighed.text()
    press(window, "Ctrl+Return")
    qtbot.waitUntil(lambda: len(edits(dataset)) == 1)
    qtbot.waitUntil(lambda: late_ms(window, stream) != 0)
    told = next(value for _, path, _, value, _ in edits(dataset)[0]["changes"] if path.endswith("/evidence"))
    assert told["weighed"]["holds"]
    assert told["confidence"] == pytest.approx(told["weighed"]["confidence"], abs=1e-3)
    assert "confidence 0." in edits(dataset)[0]["note"]
    assert abs(late_ms(window, stream) - value) <= 10
    assert abs(late_ms(window, "words") - value) <= 10, "its transcript was true to it, and goes along"
    assert window.aligning.proposal is None
    assert "ties" in edits(dataset)[0]["note"]
    press(window, "Ctrl+Z")
    qtbot.waitUntil(lambda: late_ms(window, stream) == 0)
    press(window, "Ctrl+Shift+Z")
    qtbot.waitUntil(lambda: abs(late_ms(window, stream) - value) <= 10)


def test_a_fast_sensor_is_slowed_by_two_ties(
    opened: Callable[[str], MainWindow], qtbot: QtBot, dataset: Path
) -> None:
    record, stream, ppm = planted("sensor_fast")
    window = opened(record)
    press(window, "Shift+A")
    panel = window.aligning.panel
    assert panel is not None
    row = next(n for n in range(panel.stream.count()) if panel.stream.itemText(n).startswith(f"{stream} "))
    panel.stream.setFocus()
    while panel.stream.currentIndex() != row:
        QTest.keyClick(panel.stream, Qt.Key.Key_Down if panel.stream.currentIndex() < row else Qt.Key.Key_Up)
    panel.stream.activated.emit(row)
    window.stage.setFocus()
    assert window.record is not None
    end = window.record.stream("front").span
    assert end is not None
    for seen in (2.0, end[1] / NS - 3):
        # The same moment on a clock that runs fast by so much.
        shown = seen * (1 + ppm / 1e6) if window.aligning.proposal is None else None
        if shown is None:
            first = window.aligning.proposal
            assert first is not None
            shown = first.timemap.to_reference(round(seen * (1 + ppm / 1e6) * NS)) / NS
        go(window, shown)
        press(window, "T")
        go(window, seen)
        press(window, "T")
    press(window, "Ctrl+Return")
    qtbot.waitUntil(lambda: window.record is not None and window.record.stream(stream).timemap.drift_ppm != 0)
    assert abs(window.record.stream(stream).timemap.drift_ppm - ppm) <= 400


def test_a_track_is_dragged_and_seen_at_once_and_thrown_away(
    opened: Callable[[str], MainWindow], qtbot: QtBot, dataset: Path
) -> None:
    record, stream, _ = planted("sound_late")
    window = opened(record)
    timeline = window.timeline
    track, row = next(
        (track, row)
        for track, row in timeline.canvas.rows()
        if isinstance(track, StreamTrack) and track.stream.id == stream
    )
    at = QPoint(700, int(row.center().y()))
    left, shift = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ShiftModifier
    px_ms = timeline.axis.length / timeline.canvas.content_width / 1e6
    before = window.player.transport.now_ns()
    QTest.mousePress(timeline, left, shift, at)
    QTest.mouseMove(timeline, at + QPoint(-10, 0))
    QTest.mouseMove(timeline, at + QPoint(-20, -int(row.height())))
    proposal = window.aligning.proposal
    assert proposal is not None
    assert proposal.timemap.late_ns / 1e6 == pytest.approx(20 * px_ms, abs=1)
    assert track.stream.timemap.late_ns == proposal.timemap.late_ns, "the track follows the hand"
    QTest.mouseRelease(timeline, left, shift, at + QPoint(-20, 0))
    assert window.player.transport.now_ns() == before
    assert window.player.record is not None
    assert window.player.record.stream(stream).timemap.late_ns > 0, "what is played follows"
    press(window, "B")
    assert track.stream.timemap.late_ns == 0
    assert window.aligning.proposal is not None
    press(window, "B")
    assert track.stream.timemap.late_ns > 0
    press(window, "Alt+Right")
    assert window.aligning.proposal.timemap.late_ns / 1e6 == pytest.approx(20 * px_ms - 10, abs=1)
    press(window, "Esc")
    assert window.aligning.proposal is None
    assert track.stream.timemap.late_ns == 0
    assert edits(dataset) == []


def test_a_drag_lays_the_transcript_anew_only_where_it_goes_along_and_not_at_every_move(
    opened: Callable[[str], MainWindow], qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []

    class Counted(TranscriptTrack):
        def __init__(self, stream: Stream, cues: Sequence[Cue]) -> None:
            made.append(stream.id)
            super().__init__(stream, cues)

    record, sound, _ = planted("sound_late")
    window = opened(record)
    monkeypatch.setattr("inspector.ui.panels.transcript.TranscriptTrack", Counted)
    window.aligning.open()

    def moved(stream: str) -> None:
        window.aligning._choose(stream)
        for _ in range(50):
            window.aligning.nudge(MS)

    transcript = window.transcript
    before = transcript._track()
    moved("hands")
    assert window.contents is not None
    assert not window.contents._settled.isActive()
    window.aligning.discard()
    window.aligning._set_texts_along(True)
    moved(sound)
    assert made == []
    qtbot.waitUntil(lambda: made == ["words"])
    now = transcript._track()
    assert before is not None
    assert now is not None
    assert now.starts[0] - before.starts[0] == 50 * MS


def test_the_same_goes_to_every_selected_record(
    opened: Callable[[str], MainWindow], qtbot: QtBot, dataset: Path
) -> None:
    window = opened("rec_001")
    press(window, "Ctrl+Shift+A")
    press(window, "Shift+A")
    window.stage.setFocus()
    press(window, "Alt+Left")
    panel = window.aligning.panel
    assert panel is not None
    assert panel.others.isVisible()
    assert "2" in panel.others.text()
    QTest.mouseClick(panel.others, Qt.MouseButton.LeftButton, pos=QPoint(8, panel.others.height() // 2))
    press(window, "Ctrl+Return")
    qtbot.waitUntil(lambda: len(edits(dataset)) == 1)
    moved = {change[0] for change in edits(dataset)[0]["changes"]}
    assert moved == {path.name for path in dataset.iterdir() if path.name.startswith("rec_")}


def test_a_typed_lateness_is_proposed(opened: Callable[[str], MainWindow], dataset: Path) -> None:
    window = opened("rec_001")
    press(window, "Shift+A")
    panel = window.aligning.panel
    assert panel is not None
    assert panel.state.text() == "not measured"
    for box, figure in ((panel.late, "120"), (panel.fast, "40")):
        box.setFocus()
        box.selectAll()
        QTest.keyClicks(box, figure)
        QTest.keyClick(box, Qt.Key.Key_Return)
    proposal = window.aligning.proposal
    assert proposal is not None
    assert proposal.timemap.late_ns == 120 * MS
    assert proposal.timemap.drift_ppm == pytest.approx(40)
    assert "moves 120 ms earlier" in panel.summary.text()
    assert edits(dataset) == []


def test_ties_that_contradict_are_said_and_change_nothing(
    opened: Callable[[str], MainWindow], qtbot: QtBot, dataset: Path
) -> None:
    window = opened("rec_001")
    press(window, "T")
    go(window, 2)
    press(window, "T")
    first = window.aligning.proposal
    assert first is not None
    go(window, 5)
    press(window, "T")
    go(window, 1)
    press(window, "T")
    assert window.aligning.proposal == first
    assert "contradict" in window.status.text
    panel = window.aligning.panel
    assert panel is not None
    assert panel.ties.count() == 1
    panel.ties.setFocus()
    panel.ties.setCurrentRow(0)
    QTest.keyClick(panel.ties, Qt.Key.Key_Delete)
    assert window.aligning.proposal is None


def test_another_column_of_times_is_proposed_seen_and_accepted(
    opened: Callable[[str], MainWindow], qtbot: QtBot, dataset: Path
) -> None:
    table = dataset / "rec_001" / "hands.csv"
    head, *rows = table.read_text().splitlines()
    column = head.split(",")[0]
    lines = [f"{head},frame_time_ms", *(f"{row},{place * 20}" for place, row in enumerate(rows))]
    table.write_text("\n".join(lines) + "\n")
    window = opened("rec_001")
    press(window, "Shift+A")
    panel = window.aligning.panel
    assert panel is not None
    assert not panel.column.isVisible()  # the sound is no table
    panel.stream.setCurrentText(
        next(
            panel.stream.itemText(n)
            for n in range(panel.stream.count())
            if panel.stream.itemText(n).startswith("hands ")
        )
    )
    panel.stream.activated.emit(panel.stream.currentIndex())
    qtbot.waitUntil(lambda: panel.column.count() == 2)
    assert panel.column.currentText() == column

    def span() -> tuple[int, int]:
        """Where the sensor's track lies."""
        tracks = [each for each in window.timeline.tracks if isinstance(each, SensorTrack)]
        return tracks[0].stream.span or (0, 0)

    def drawn() -> int:
        """The last moment of the samples that the track shows."""
        tracks = [each for each in window.timeline.tracks if isinstance(each, SensorTrack)]
        series = tracks[0]._series
        return 0 if series is None else series.before(1 << 62) or 0

    before, last = span(), drawn()
    panel.column.setFocus()
    press(window, "Down")
    qtbot.waitUntil(lambda: window.aligning.proposal is not None)
    assert panel.unit.currentText() == "ms"
    assert panel.summary.text() == "Read hands by frame_time_ms in ms"
    assert "then: frame_time_ms" in panel.pairs.text()
    assert span() == (0, len(rows) * 20 * MS)
    qtbot.waitUntil(lambda: drawn() == (len(rows) - 1) * 20 * MS)
    assert edits(dataset) == []
    window.stage.setFocus()
    press(window, "B")
    qtbot.waitUntil(lambda: drawn() == last)
    assert span() == before
    press(window, "B")
    press(window, "Esc")
    assert window.aligning.proposal is None
    assert panel.column.currentText() == column
    panel.column.setFocus()
    press(window, "Down")
    qtbot.waitUntil(lambda: window.aligning.proposal is not None)
    panel.unit.setFocus()
    press(window, "Down")
    qtbot.waitUntil(lambda: "in us" in panel.summary.text())
    press(window, "Up")
    qtbot.waitUntil(lambda: "in ms" in panel.summary.text())
    window.stage.setFocus()
    press(window, "Ctrl+Return")
    qtbot.waitUntil(lambda: len(edits(dataset)) == 1)
    (change,) = edits(dataset)[0]["changes"]
    assert change[1] == "streams/hands/ingest"
    assert change[3] == {"time_column": "frame_time_ms", "time_unit": "ms"}
    qtbot.waitUntil(lambda: window.aligning.proposal is None)
    qtbot.waitUntil(lambda: window.complete and drawn() == (len(rows) - 1) * 20 * MS, timeout=20_000)
    press(window, "Ctrl+Z")
    qtbot.waitUntil(lambda: len(edits(dataset)) == 2)
    qtbot.waitUntil(lambda: window.complete and drawn() == last, timeout=20_000)
