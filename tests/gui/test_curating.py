"""Curation under real keys: flags, notes, undo across a restart, what is left, history, other curators."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from gui.windows import Windows, edits, press
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest

from inspector.core.edits import Change
from inspector.core.journal import Writer
from inspector.core.times import NS
from inspector.session import Session
from inspector.ui.main_window import MainWindow
from inspector.ui.panels.records_model import FLAG, RECORD

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytestqt.qtbot import QtBot

Opened = tuple[MainWindow, "Callable[[], MainWindow]"]


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Five records of a sensor and a transcript each."""
    root = tmp_path / "data"
    for number in range(1, 6):
        (root / f"r{number}").mkdir(parents=True)
        rows = "\n".join(f"{n / 100:.2f},{n * number % 13}" for n in range(600))
        (root / f"r{number}" / "x.csv").write_text(f"t_s,x\n{rows}\n")
        (root / f"r{number}" / "talk.vtt").write_text("WEBVTT\n\n00:01.000 --> 00:02.000\nkitchen\n")
    return root


@pytest.fixture
def windows(open_window: Windows, dataset: Path) -> Callable[..., MainWindow]:
    """A window on the dataset; each further call closes the one before, as a restart would."""

    def show(record: str = "r1", author: str = "ann") -> MainWindow:
        return open_window(dataset, record, author, (1280, 800))

    return show


def flags(window: MainWindow) -> dict[str, str]:
    model = window.records.model
    shown = {model.record_id(row): model.flag(row) for row in range(model.rowCount())}
    return {record: flag for record, flag in shown.items() if flag}


def titles(window: MainWindow) -> list[tuple[str, bool]]:
    return [(row.title, row.in_force) for row in window.parts.history.rows.rows]


def test_a_key_flags_and_undo_goes_on_after_a_restart(
    windows: Callable[..., MainWindow], qtbot: QtBot, dataset: Path
) -> None:
    window = windows()
    assert "nothing decided yet" in window.status.text
    assert not (dataset / ".inspector").exists()
    keys = {
        "V": "ok",
        "A": "misaligned",
        "D": "missing_modality",
        "X": "reject",
        "R": "needs_review",
    }
    for key, flag in keys.items():
        press(window, key)
        qtbot.waitUntil(lambda flag=flag: flags(window) == {"r1": flag})  # type: ignore[misc]
        assert edits(dataset)[-1]["changes"][0][1:4:2] == ["flag", flag]  # on the disk before it is seen
    press(window, "U")
    qtbot.waitUntil(lambda: flags(window) == {})
    qtbot.waitUntil(lambda: len(titles(window)) == 6)
    window.status._notice.stop()
    window.status.restyle()
    qtbot.waitUntil(lambda: "all work saved in .inspector" in window.status.text)
    window = windows()
    for expected in ({"r1": "needs_review"}, {"r1": "reject"}):
        press(window, "Ctrl+Z")
        qtbot.waitUntil(lambda expected=expected: flags(window) == expected)  # type: ignore[misc]
    window = windows()
    press(window, "Ctrl+Shift+Z")
    qtbot.waitUntil(lambda: flags(window) == {"r1": "needs_review"})
    press(window, "Ctrl+Shift+Z")
    qtbot.waitUntil(lambda: flags(window) == {})


def test_a_key_flags_what_is_shown_though_the_list_has_nothing_selected(
    windows: Callable[..., MainWindow], qtbot: QtBot, dataset: Path
) -> None:
    window = windows()
    window.records.table.clearSelection()
    assert window.records.selected_ids() == []
    press(window, "V")
    qtbot.waitUntil(lambda: flags(window) == {"r1": "ok"})


def test_a_selection_and_everything_listed_are_one_edit(
    windows: Callable[..., MainWindow], qtbot: QtBot, dataset: Path
) -> None:
    window = windows("r2")
    table = window.records.table
    table.setFocus()
    press(window, "Shift+Down")
    press(window, "Shift+Down")
    press(window, "X")
    qtbot.waitUntil(lambda: flags(window) == dict.fromkeys(("r2", "r3", "r4"), "reject"))
    assert len(edits(dataset)) == 1
    qtbot.waitUntil(lambda: window.record is not None and window.record.id == "r4")
    window.stage.setFocus()
    press(window, "Ctrl+Shift+A")
    press(window, "V")
    qtbot.waitUntil(lambda: flags(window) == {f"r{n}": "ok" for n in range(1, 6)})
    assert len(edits(dataset)) == 2
    assert window.records.progress.text() == "5 reviewed · 0 flagged · 0 left"
    press(window, "Ctrl+Z")
    qtbot.waitUntil(lambda: len(flags(window)) == 3)
    assert window.records.progress.text() == "3 reviewed · 3 flagged · 2 left"
    # Only what the filter leaves.
    window.records.filter.setText("r5")
    qtbot.waitUntil(lambda: window.records.model.rowCount() == 1)
    press(window, "Ctrl+Shift+A")
    press(window, "R")
    window.records.filter.setText("")
    qtbot.waitUntil(lambda: flags(window).get("r5") == "needs_review")
    assert [change[0] for change in edits(dataset)[-1]["changes"]] == ["r5"]


def test_the_next_one_that_is_left(windows: Callable[..., MainWindow], qtbot: QtBot) -> None:
    window = windows("r1")

    def at(name: str) -> Callable[[], bool]:
        return lambda: window.record is not None and window.record.id == name

    press(window, "V")
    qtbot.waitUntil(lambda: flags(window) == {"r1": "ok"})
    press(window, "N")
    qtbot.waitUntil(at("r2"))
    press(window, "Shift+N")  # from here on a good record is one key
    for number in (2, 3, 4):
        press(window, "V")
        qtbot.waitUntil(at(f"r{number + 1}"))
    window.records.select("r2")
    window.show_record("r2")
    qtbot.waitUntil(at("r2"))
    press(window, "N")
    qtbot.waitUntil(at("r5"))
    press(window, "X")
    qtbot.waitUntil(lambda: len(flags(window)) == 5)
    press(window, "N")
    qtbot.waitUntil(lambda: "Every listed record has a flag" in window.status.text)


def test_a_note_pinned_to_a_moment_and_the_history_that_leads_back(
    windows: Callable[..., MainWindow], qtbot: QtBot, dataset: Path
) -> None:
    window = windows("r1")
    panel = window.parts.history
    window.player.transport.seek(2 * NS)
    press(window, "C")
    assert panel.isVisible()
    assert panel.note.hasFocus()
    panel.flag.setCurrentText("pilot")
    panel.pinned.setChecked(True)
    QTest.keyClicks(panel.note, "kettle out of view")
    press(window, "Return")
    qtbot.waitUntil(lambda: flags(window) == {"r1": "pilot"})
    assert not panel.note.hasFocus()
    assert edits(dataset)[-1]["note"] == "kettle out of view"
    window.show_record("r3")
    qtbot.waitUntil(lambda: window.record is not None and window.record.id == "r3")
    # The dataset's own flag has a key from now on, and its name in the menu.
    assert window.actions_["flag_own_1"].text() == "Flag pilot"
    press(window, "Alt+2")
    qtbot.waitUntil(lambda: "no flag 2 of its own" in window.status.text)
    press(window, "Alt+1")
    qtbot.waitUntil(lambda: flags(window) == {"r1": "pilot", "r3": "pilot"})
    press(window, "Ctrl+Z")
    qtbot.waitUntil(lambda: flags(window) == {"r1": "pilot"})
    press(window, "X")
    press(window, "A")
    qtbot.waitUntil(lambda: [each for each, _ in titles(window)][:2] == ["Flag misaligned", "Flag reject"])
    press(window, "Ctrl+H")
    panel.list.setFocus()
    panel.list.setCurrentIndex(panel.rows.index(4, 0))
    press(window, "Return")
    qtbot.waitUntil(lambda: window.record is not None and window.record.id == "r1")
    assert window.player.transport.now_ns() == 2 * NS
    qtbot.waitUntil(lambda: panel.back.isEnabled())
    QTest.mouseClick(panel.back, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: flags(window) == {"r1": "pilot"})
    in_force = [True, True, False, False, True, False, True]
    qtbot.waitUntil(lambda: [force for _, force in titles(window)] == in_force)
    # A flag of two words is none, and is told.
    press(window, "C")
    panel.flag.setCurrentText("two words")
    press(window, "Return")
    qtbot.waitUntil(lambda: "one short word" in window.status.text)
    assert flags(window) == {"r1": "pilot"}


def test_what_others_decide_appears_and_a_time_map_is_shown_at_once(
    windows: Callable[..., MainWindow], qtbot: QtBot, dataset: Path
) -> None:
    window = windows("r2")
    window.player.transport.seek(NS)
    with Session.open(dataset, author="bob") as other:
        other.flag(["r1", "r2"], "reject", "mine")
        other.edit("moved", [Change("r2", "streams/x/timemap", None, [[0, -320_000_000]])])
    qtbot.waitUntil(lambda: flags(window) == {"r1": "reject", "r2": "reject"}, timeout=10_000)
    qtbot.waitUntil(
        lambda: window.record is not None and window.record.stream("x").timemap.late_ns == 320_000_000
    )
    assert window.player.transport.now_ns() == NS
    panel = window.parts.history
    qtbot.waitUntil(lambda: panel.by.count() == 2)
    press(window, "V")
    qtbot.waitUntil(lambda: flags(window)["r2"] == "ok")
    qtbot.waitUntil(lambda: panel.by.count() == 3)
    press(window, "Ctrl+H")
    panel.by.setCurrentIndex(panel.by.findData("bob"))
    panel.by.activated.emit(panel.by.currentIndex())
    qtbot.waitUntil(lambda: [title for title, _ in titles(window)] == ["moved", "Flag reject: 2 records"])
    press(window, "Ctrl+Z")  # mine, not bob's
    qtbot.waitUntil(lambda: flags(window)["r2"] == "reject")


def test_an_edit_that_cannot_be_saved_says_so_and_is_not_shown(
    windows: Callable[..., MainWindow], qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = windows()

    def full(self: Writer, part: bytes) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Writer, "_write", full)
        press(window, "X")
        qtbot.waitUntil(lambda: "not saved" in window.status.text)
        assert flags(window) == {}
        assert "NOT SAVED" in window.curating.said
    press(window, "X")
    qtbot.waitUntil(lambda: flags(window) == {"r1": "reject"})
    assert "NOT SAVED" not in window.curating.said


def test_a_flag_given_just_before_the_window_closes_is_kept(
    windows: Callable[..., MainWindow], dataset: Path
) -> None:
    window = windows()
    for key in "VXA":
        press(window, key)
    window.close()
    assert [each["title"] for each in edits(dataset)] == ["Flag ok", "Flag reject", "Flag misaligned"]


def test_flags_are_seen_told_and_sorted(windows: Callable[..., MainWindow], qtbot: QtBot) -> None:
    window = windows("r3")
    press(window, "X")
    qtbot.waitUntil(lambda: flags(window) == {"r3": "reject"})
    model, table = window.records.model, window.records.table
    assert model.words(2, FLAG) == "Reject"
    assert model.words(0, FLAG) == "No flag yet"
    place = table.visualRect(model.index(2, FLAG)).center()
    picture = table.viewport().grab().toImage()
    ratio = picture.devicePixelRatio()
    at = QPoint(round(place.x() * ratio), round(place.y() * ratio))
    near = [picture.pixelColor(at.x() + dx, at.y() + dy) for dx in range(-5, 6) for dy in range(-5, 6)]
    assert any(each.red() > 150 and each.green() < 140 for each in near)
    table.horizontalHeader().setSortIndicator(FLAG, Qt.SortOrder.AscendingOrder)
    qtbot.waitUntil(lambda: model.index(0, RECORD).data() == "r3")


def test_conflicts_and_what_is_held_are_listed_and_lead_to_their_record(
    windows: Callable[..., MainWindow], qtbot: QtBot, dataset: Path, tmp_path: Path
) -> None:
    theirs = tmp_path / "theirs"
    shutil.copytree(dataset, theirs)
    with Session.open(dataset, author="ann") as session:
        session.flag(["r2"], "ok")
        session.flag(["r4"], "ok")
    with Session.open(theirs, author="bob") as session:
        session.flag(["r2"], "reject")
    shutil.copy(theirs / ".inspector" / "journal" / "bob.1.jsonl", dataset / ".inspector" / "journal")
    (dataset / "r4" / "talk.vtt").write_text("WEBVTT\n\n00:01.000 --> 00:02.000\nkettle\n")
    window = windows("r1")
    panel = window.parts.history
    press(window, "Ctrl+H")
    qtbot.waitUntil(lambda: panel.told.lines.rowCount() == 2, timeout=10_000)
    conflict, held = (str(panel.told.lines.line(row)) for row in range(2))
    assert conflict.startswith('r2: in conflict: flag: ann says "ok", bob says "reject"')
    assert held.startswith("r4: held: flag by ann")
    assert flags(window) == {"r2": "reject"}
    panel.told.setFocus()
    panel.told.setCurrentIndex(panel.told.lines.index(0, 0))
    panel.told.activated.emit(panel.told.currentIndex())
    qtbot.waitUntil(lambda: window.record is not None and window.record.id == "r2")
    press(window, "V")  # which decides it
    qtbot.waitUntil(lambda: panel.told.lines.rowCount() == 1, timeout=10_000)
