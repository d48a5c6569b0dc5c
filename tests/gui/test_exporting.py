"""The export dialog: its plan follows what is chosen; what it writes verifies and is opened."""

from __future__ import annotations

from threading import Event
from typing import TYPE_CHECKING, Any

import pytest
from PySide6.QtCore import QEvent, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from inspector.core.effective import timemap_path
from inspector.release.policy import Policy, read_policy
from inspector.release.verify import verify
from inspector.release.write import write
from inspector.session import Opening, Session
from inspector.ui.app import make_app
from inspector.ui.main_window import MainWindow
from inspector.ui.panels.export import ASK_AFTER_MS, MOMENTS, SELECTED, WHERE, ExportDialog
from inspector.ui.panels.licences import ANY, DENIED, NAMED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from inspector.release.plan import Plan


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    root = tmp_path / "data"
    for number in range(1, 7):
        (root / f"r{number}").mkdir(parents=True)
        rows = "\n".join(f"{n / 100:.2f},{n * number % 13}" for n in range(300))
        (root / f"r{number}" / "x.csv").write_text(f"t_s,x\n{rows}\n")
        (root / f"r{number}" / "talk.vtt").write_text("WEBVTT\n\n00:01.000 --> 00:02.000\nkitchen\n")
    with Session.open(root, author="ann") as session:
        session.flag(["r6"], "reject")
        change = session.curation.change
        session.edit("Move", [change("r1", timemap_path("x"), [[0, -100_000_000]])])
    return root


@pytest.fixture
def window(qtbot: QtBot, dataset: Path) -> Iterator[MainWindow]:
    make_app("dark")
    made = MainWindow(with_sound=False)
    made.resize(1280, 800)
    made.show()
    made.start(Opening(str(dataset), None, "r1", None, "ann"), None, False)
    qtbot.waitUntil(lambda: made.record is not None and made.complete, timeout=15_000)
    yield made
    made.close()
    made.deleteLater()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def opened(window: MainWindow, qtbot: QtBot) -> ExportDialog:
    window.actions_["export"].trigger()
    dialog = window.exporting.dialog
    assert dialog is not None
    planned(dialog, qtbot)
    return dialog


def planned(dialog: ExportDialog, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: dialog._ready or dialog.wrong.isVisible(), timeout=10_000)


def choose(dialog: ExportDialog, which: str, value: str, qtbot: QtBot) -> None:
    dialog.which.setCurrentIndex(dialog.which.findData(which))
    dialog.which.activated.emit(0)
    dialog.value.setText(value)
    planned(dialog, qtbot)


def test_the_plan_follows_what_is_chosen(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    dialog = opened(window, qtbot)
    assert dialog.figures.text().startswith("5 records, 10 files")
    assert "1 record left out: flagged reject" in dialog.told.text()
    assert "fixes written into the stamps (1)" in dialog.told.text()
    assert dialog.start.isEnabled()
    dialog._boxes["text"].setChecked(False)
    assert not dialog.start.isEnabled()  # not before there is a plan of it
    planned(dialog, qtbot)
    assert dialog.figures.text().startswith("5 records, 5 files")
    choose(dialog, WHERE, "record_id < 'r3'", qtbot)
    assert dialog.figures.text().startswith("2 records")
    choose(dialog, WHERE, "nonsense(", qtbot)
    assert dialog.wrong.isVisible()
    assert not dialog.start.isEnabled()
    window.records.select_listed()
    choose(dialog, SELECTED, "", qtbot)
    assert dialog.figures.text().startswith("6 records")
    (tmp_path / "m.csv").write_text("record_id,start_s,end_s\nr2,0.5,1.5\nr2,1.5,2\n")
    choose(dialog, MOMENTS, str(tmp_path / "m.csv"), qtbot)
    assert dialog.figures.text().startswith("2 records")


def test_the_licence_policy_is_shown_and_set(window: MainWindow, qtbot: QtBot, dataset: Path) -> None:
    dialog = opened(window, qtbot)
    row = dialog.licences
    qtbot.waitUntil(row.isEnabled, timeout=5_000)
    assert row.way.currentData() == ANY
    assert read_policy(dataset / ".inspector") is None

    def choose_way(way: str) -> None:
        row.way.setCurrentIndex(row.way.findData(way))
        row.way.activated.emit(0)
        planned(dialog, qtbot)

    choose_way(NAMED)
    assert "it has no licence" in dialog.wrong.text()
    choose_way(DENIED)
    QTest.keyClicks(row.names, "CC-BY-4.0, CC0-1.0")
    qtbot.wait(2 * ASK_AFTER_MS)
    assert read_policy(dataset / ".inspector") == Policy()  # not yet: it may be half typed
    QTest.keyClick(row.names, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: read_policy(dataset / ".inspector") == Policy(deny=("CC-BY-4.0", "CC0-1.0")))
    window.exporting.set_session(window.session)  # the dialog is made anew
    again = opened(window, qtbot).licences
    qtbot.waitUntil(again.isEnabled, timeout=5_000)
    assert (again.way.currentData(), again.names.text()) == (DENIED, "CC-BY-4.0, CC0-1.0")
    again.way.setCurrentIndex(again.way.findData(ANY))
    again.way.activated.emit(0)
    qtbot.waitUntil(lambda: read_policy(dataset / ".inspector") is None)


def test_a_release_is_written_and_opened(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    dialog = opened(window, qtbot)
    dialog.split.setCurrentText("train=0.5,test=0.5,near=off")
    planned(dialog, qtbot)
    assert "Split: " in dialog.told.text()
    dialog.out.setText(str(tmp_path / "out"))
    dialog.start.click()
    qtbot.waitUntil(dialog.open_result.isVisible, timeout=15_000)
    assert not dialog.start.isEnabled()
    assert verify(tmp_path / "out").differences == ()
    dialog.open_result.click()
    qtbot.waitUntil(
        lambda: window.session is not None and window.session.dataset.reader == "release", timeout=15_000
    )
    assert window.exporting.dialog is None


def test_what_cannot_be_written_is_told_and_a_cancelled_run_goes_on(
    window: MainWindow, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dialog = opened(window, qtbot)
    dialog.out.setText(str(tmp_path))
    dialog.start.click()
    qtbot.waitUntil(dialog.wrong.isVisible, timeout=15_000)
    assert "There is something at that path" in dialog.wrong.text()
    dialog.note.setText("x")
    dialog.refresh()
    planned(dialog, qtbot)
    dialog.out.setText(str(tmp_path / "out"))
    reached, go = Event(), Event()

    def held(session: Session, plan: Plan, out: Path, told: Callable[[int], None]) -> Any:
        def at_the_third(done: int) -> None:
            if done == 2:
                reached.set()
                go.wait(15)
            told(done)

        return write(session, plan, out, at_the_third)

    with monkeypatch.context() as patch:
        patch.setattr("inspector.release.write.write", held)
        dialog.start.click()
        assert reached.wait(15)
        assert dialog.stop.isVisible()
        dialog.stop.click()
        go.set()
        qtbot.waitUntil(lambda: window.exporting._writing is None, timeout=15_000)
    assert not (tmp_path / "out").exists()
    assert dialog.state.text() == "Cancelled; Export goes on where it was"
    dialog.start.click()
    qtbot.waitUntil(dialog.open_result.isVisible, timeout=15_000)
    assert verify(tmp_path / "out").differences == ()
