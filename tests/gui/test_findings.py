"""The worklist under real keys on the demo: run, find, hear, accept, dismiss, and after a restart."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from gui.windows import Windows, edits, part_of_demo, press
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from inspector.audit.evidence import correlated
from inspector.core.assets import resource
from inspector.core.findings import Finding, Status
from inspector.ui.panels.findings_model import FindingsModel, Head, Item, arranged
from inspector.ui.panels.records_model import FOUND
from inspector.ui.timeline.findings_track import FindingsTrack
from inspector.ui.worklist import Known

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytestqt.qtbot import QtBot

    from inspector.ui.main_window import MainWindow

TRUTH = json.loads((Path(__file__).parents[2] / "packaging" / "demo_truth.json").read_text())
CAMERA = next(each for each in TRUTH["faults"] if each["fault"] == "camera_late")
LATE = next(each for each in TRUTH["faults"] if each["fault"] == "sound_late")


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """The record of the demo whose sound is late, and one that is right."""
    return part_of_demo(tmp_path / "demo", "rec_001", LATE["record_id"])


@pytest.fixture
def opened(open_window: Windows, dataset: Path) -> Callable[[], MainWindow]:
    return lambda: open_window(dataset)


def choose(window: MainWindow, check: str, record_id: str) -> Item:
    """Step down to a finding with the arrow key."""
    panel = window.auditing.panel
    assert panel is not None
    panel.list.setFocus()
    panel.list.setCurrentIndex(panel.model.index(1, 0))
    for _ in range(len(panel.model.lines)):
        item = panel.current
        if item is not None and (item.finding.check, item.finding.record_id) == (check, record_id):
            return item
        QTest.keyClick(panel.list, Qt.Key.Key_Down)
    raise AssertionError(f"{check} of {record_id} is not in the list")


def ended(window: MainWindow) -> bool:
    return window.auditing.panel is not None and not window.auditing.running


def lane(window: MainWindow) -> FindingsTrack | None:
    return next((each for each in window.timeline.tracks if isinstance(each, FindingsTrack)), None)


def test_late_sound_from_the_worklist_to_a_fix_that_holds(
    opened: Callable[[], MainWindow], qtbot: QtBot, dataset: Path
) -> None:
    window, record_id = opened(), LATE["record_id"]
    window.actions_["audition"].setChecked(True)
    press(window, "F3")
    panel = window.auditing.panel
    assert panel is not None
    assert panel.isVisible()
    assert "Not audited yet" in panel.empty.text()
    press(window, "F4")
    assert panel.cancel.isVisible()
    assert panel.list.hasFocus()  # also while it is empty: letters stay the window's keys
    qtbot.waitUntil(lambda: ended(window), timeout=120_000)
    qtbot.waitUntil(lambda: bool(panel.model.lines))
    assert edits(dataset) == []
    item = choose(window, "timing.av_offset", record_id)
    assert item.finding.status is Status.FAILED
    qtbot.waitUntil(lambda: panel.evidence.isVisible() and panel.evidence.at_ms is not None, timeout=20_000)
    assert panel.evidence.at_ms == pytest.approx(LATE["value"], abs=15)
    records = window.records.model
    assert records.words(records.row_of(record_id) or 0, FOUND) == "The audit: 1 failed, 0 suspect"
    assert not window.records.table.isColumnHidden(FOUND)
    assert records.words(records.row_of(record_id) or 0, 0).startswith("The audit: 1 failed")

    press(window, "Return")  # one: it jumps, and the fix is proposed and heard
    qtbot.waitUntil(lambda: window.record is not None and window.record.id == record_id, timeout=20_000)
    qtbot.waitUntil(lambda: window.player.transport.playing, timeout=20_000)
    assert window.aligning.proposal is not None
    assert window.player.record is not None
    assert abs(window.player.record.stream("voice").timemap.late_ns / 1e6 - LATE["value"]) < 15
    press(window, "Return")  # a second Enter accepts nothing
    assert edits(dataset) == []
    press(window, "B")  # two: as it was
    assert window.player.record.stream("voice").timemap.late_ns == 0
    press(window, "Ctrl+Return")  # three
    qtbot.waitUntil(lambda: len(edits(dataset)) == 1)
    moved = {change[1] for change in edits(dataset)[0]["changes"]}
    assert {"streams/voice/timemap", "streams/words/timemap"} <= moved

    key = item.finding.key

    def shown_again() -> Item | None:
        return panel.model.item(panel.model.row_of(key))

    def mended() -> bool:
        again = shown_again()
        return again is not None and again.finding.status is Status.OK

    qtbot.waitUntil(mended, timeout=120_000)  # it is audited again by itself
    again = shown_again()
    assert again is not None
    assert again.before == item.finding
    assert abs(again.finding.value or 0) < 15
    assert not panel.fixable()
    qtbot.waitUntil(lambda: ended(window), timeout=120_000)


def test_dismissed_with_a_reason_also_after_a_restart(
    opened: Callable[[], MainWindow], qtbot: QtBot, dataset: Path
) -> None:
    window = opened()
    press(window, "F4")
    panel = window.auditing.panel
    assert panel is not None
    qtbot.waitUntil(lambda: ended(window), timeout=120_000)
    item = choose(window, "timing.av_offset", LATE["record_id"])
    QTest.mouseClick(panel.detail.dismiss, Qt.MouseButton.LeftButton)
    assert panel.detail.reason.hasFocus()
    QTest.keyClicks(panel.detail.reason, "the room echoes")
    QTest.keyClick(panel.detail.reason, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: panel.model.row_of(item.finding.key) < 0)
    assert edits(dataset)[0]["note"] == "the room echoes"

    window = opened()
    press(window, "F3")
    shown = window.auditing.panel
    assert shown is not None
    qtbot.waitUntil(lambda: bool(shown.model.lines), timeout=10_000)
    assert shown.model.row_of(item.finding.key) < 0
    QTest.mouseClick(shown.put_away, Qt.MouseButton.LeftButton)
    put_away = shown.model.item(shown.model.row_of(item.finding.key))
    assert put_away is not None
    assert put_away.dismissed == "the room echoes"
    window.stage.setFocus()
    press(window, "Ctrl+Z")
    qtbot.waitUntil(lambda: "1 dismissed" not in shown.put_away.text(), timeout=10_000)
    qtbot.waitUntil(lambda: shown.model.row_of(item.finding.key) >= 0, timeout=10_000)

    assert [each.finding.check for each in shown.fixable()] == ["timing.av_offset"]


def test_all_certain_fixes_are_one_edit_and_its_undo_is_audited_again(
    opened: Callable[[], MainWindow], qtbot: QtBot, dataset: Path
) -> None:
    shutil.copytree(resource("demo") / CAMERA["record_id"], dataset / CAMERA["record_id"])
    window = opened()
    press(window, "F4")
    panel = window.auditing.panel
    assert panel is not None
    qtbot.waitUntil(lambda: ended(window) and len(panel.fixable()) == 2, timeout=120_000)
    fixed = {str(item.finding.record_id): item.place for item in panel.fixable()}
    assert set(fixed) == {LATE["record_id"], CAMERA["record_id"]}
    window.show_record(CAMERA["record_id"])
    qtbot.waitUntil(lambda: lane(window) is not None, timeout=20_000)
    shown = lane(window)
    assert shown is not None
    assert [mark.fix for mark in shown.marks] == [True]
    choose(window, "timing.camera_offset", CAMERA["record_id"])
    QTest.keyClick(panel.list, Qt.Key.Key_Delete)
    QTest.keyClicks(panel.detail.reason, "half a reas")  # what comes meanwhile must not take it away

    panel.all.click()
    qtbot.waitUntil(lambda: len(edits(dataset)) == 1)

    def status(record_id: str) -> Status | None:
        item = panel.model.item(panel.model.row_of(*fixed[record_id]))
        return None if item is None else item.finding.status

    def all_are(wanted: Status) -> bool:
        return ended(window) and all(status(each) is wanted for each in fixed)

    qtbot.waitUntil(lambda: all_are(Status.OK), timeout=120_000)
    assert panel.detail.reason.hasFocus()
    assert panel.detail.reason.text() == "half a reas"
    QTest.keyClick(panel.detail.reason, Qt.Key.Key_Escape)
    assert panel.list.hasFocus()
    qtbot.waitUntil(lambda: lane(window) is None)
    assert window.records.model._findings.get(CAMERA["record_id"], (0, 0)) == (0, 0)
    window.stage.setFocus()
    press(window, "Ctrl+Z")
    qtbot.waitUntil(lambda: all_are(Status.FAILED), timeout=120_000)
    assert [len(edit["changes"]) > 1 for edit in edits(dataset)] == [True, True]
    qtbot.waitUntil(lambda: lane(window) is not None)

    choose(window, "timing.camera_offset", CAMERA["record_id"])
    panel.detail.tolerance.setFocus()
    panel.detail.tolerance.setText("-400:400")
    QTest.keyClick(panel.detail.tolerance, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: ended(window) and status(CAMERA["record_id"]) is None, timeout=120_000)
    assert status(LATE["record_id"]) is Status.FAILED


def test_two_stretches_of_one_stream_are_two_findings() -> None:
    first, second = (
        Finding("content.frozen", "r", ("cam",), (start, start + 1), status=Status.FAILED)
        for start in (5, 50)
    )
    known = Known().with_fresh([first, second], {})
    assert len(known.items) == 2
    assert known.worst == {"r": (2, 0)}
    again = known.with_fresh([replace(second, status=Status.OK)], {second.key: "meant so"})
    assert again.counts[Status.FAILED] == 1
    assert again.counts[Status.OK] == 1
    assert [item.dismissed for item in again.items if item.finding.span == (50, 51)] == ["meant so"]
    lines = arranged(known.items, {Status.FAILED}, False, "", {})
    model = FindingsModel()
    model.set_lines(lines)
    assert {model.row_of(first.key, first.span), model.row_of(first.key, second.span)} == {1, 2}


def test_the_worst_come_first_and_what_is_filtered_is_gone() -> None:
    def item(check: str, record: str, status: Status, severity: float, sure: float | None = None) -> Item:
        return Item(
            Finding(check, record, ("s",), status=status, severity=severity, confidence=sure, message="m")
        )

    items = [
        item("b", "r1", Status.SUSPECT, 0.9),
        item("a", "r2", Status.FAILED, 0.9, 0.5),
        item("a", "r3", Status.FAILED, 0.6, 1.0),
        item("c", "r4", Status.FAILED, 0.7),
        item("c", "r5", Status.OK, 0.0),
    ]
    shown = {Status.FAILED, Status.SUSPECT}
    lines = arranged(items, shown, False, "", {"a": "About a"})
    told = [line.check if isinstance(line, Head) else line.finding.record_id for line in lines]
    assert told == ["c", "r4", "a", "r3", "r2", "b", "r1"]
    assert isinstance(lines[2], Head)
    assert lines[2].title == "About a"
    assert len(arranged(items, shown, False, "R2", {})) == 2
    away = [Item(items[0].finding, "no fault")]
    assert arranged(away, shown, False, "", {}) == []
    assert len(arranged(away, shown, True, "", {})) == 2


@pytest.mark.parametrize("late", [-40, 0, 25])
def test_the_evidence_curve_peaks_where_the_second_is_late_by(late: int) -> None:
    rng = np.random.default_rng(5)
    a = rng.normal(size=2000)
    lags, fit = correlated(a, np.roll(a, late), 0.005, 1.0)
    assert lags[int(np.argmax(fit))] == pytest.approx(late * 0.005)
    assert fit.max() > 0.9
