"""A delivery and two releases in the window: told on opening, taken in, compared."""

from __future__ import annotations

import shutil
from threading import Event
from typing import TYPE_CHECKING, Any

import pytest
from deliveries import small_record, sound
from PySide6.QtCore import QEvent, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from inspector.release import matching
from inspector.release.plan import Choice, make_plan
from inspector.release.seen import Seen
from inspector.release.write import write
from inspector.session import Opening, Session
from inspector.ui.app import make_app
from inspector.ui.main_window import MainWindow
from inspector.ui.panels.told import Heading, Line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from pytestqt.qtbot import QtBot


@pytest.fixture
def dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Five small records, seen once; four of them flagged, and looked into."""
    monkeypatch.setattr(matching, "AGAIN_S", 0.01)
    root = tmp_path / "data"
    for number in range(5):
        small_record(root, f"r{number}", number)
    with Session.open(root, author="ann") as session:
        flagged = ["r0", "r1", "r2", "r3"]
        session.flag(flagged, "ok")
        Seen(session.desk.workspace.folder).note(session, flagged)
    return root


@pytest.fixture
def window(qtbot: QtBot) -> Iterator[Callable[[Path], MainWindow]]:
    """Opens a dataset; the look on opening is begun by hand."""
    made: list[MainWindow] = []

    def show(root: Path) -> MainWindow:
        make_app("dark")
        shown = MainWindow(with_sound=False)
        made.append(shown)
        shown.resize(1280, 800)
        shown.show()
        shown.start(Opening(str(root), author="bob"), None, False)
        qtbot.waitUntil(lambda: shown.session is not None and shown.record is not None, timeout=20_000)
        return shown

    yield show
    for each in made:
        each.close()
        each.deleteLater()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def titles(lines: Sequence[Line | Heading]) -> list[tuple[str, Any]]:
    return [(each.title, each.count if isinstance(each, Heading) else each.chip) for each in lines]


def test_a_delivery_is_told_on_opening_and_taken_in_by_hand(
    dataset: Path, window: Callable[[Path], MainWindow], qtbot: QtBot
) -> None:
    sound(dataset / "r1" / "voice.wav", 99)
    (dataset / "r2").rename(dataset / "r7")
    shutil.rmtree(dataset / "r3")
    small_record(dataset, "r9", 9)
    shown = window(dataset)
    room = shown.delivering
    room._look_on_opening()
    qtbot.waitUntil(lambda: room.panel is not None and room.delivery is not None, timeout=20_000)
    panel = room.panel
    assert panel is not None
    assert shown.tabs.currentWidget() is panel
    assert "1 replaced" in panel.told.text()
    assert ("Replaced", 1) in titles(panel.list.rows.lines)
    shown.actions_["intake"].trigger()
    qtbot.waitUntil(lambda: bool(room.decisions) and not room.busy, timeout=20_000)
    heads = [each for each in titles(panel.list.rows.lines) if isinstance(each[1], int)]
    assert heads == [("Stale: look again", 1), ("Nothing left of their data", 1), ("Kept as they are", 1)]
    panel.which.setCurrentIndex(1)
    panel.which.activated.emit(1)
    assert ("r1", "content") in titles(panel.list.rows.lines)
    assert room.session is not None
    assert room.session.curation.flag("r7") is None
    QTest.mouseClick(panel.rebase, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(
        lambda: not room.busy and room.delivery is not None and not room.delivery.changes, timeout=20_000
    )
    assert room.session.curation.flag("r7") == "ok"
    assert room.session.curation.flag("r1") == "needs_review"
    qtbot.waitUntil(lambda: titles(panel.list.rows.lines)[:1] == [("Stale: look again", 1)], timeout=20_000)
    row = next(n for n, each in enumerate(panel.list.rows.lines) if isinstance(each, Line) and each.record_id)
    panel.list.setCurrentIndex(panel.list.rows.index(row, 0))
    QTest.keyClick(panel.list, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: shown.record is not None and shown.record.id == "r1", timeout=20_000)
    QTest.mouseClick(panel.drop, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not room.busy and not room.decisions, timeout=20_000)
    assert not panel.list.isVisible()


def test_nothing_is_said_where_nothing_changed(
    dataset: Path, window: Callable[[Path], MainWindow], qtbot: QtBot
) -> None:
    shown = window(dataset)
    room = shown.delivering
    room._look_on_opening()
    qtbot.waitUntil(lambda: room._clean, timeout=20_000)
    assert room.panel is None
    # What is decided now is noted behind.
    assert shown.session is not None
    folder = shown.session.desk.workspace.folder
    assert len(Seen(folder).tracks("r0")) == 3
    assert not Seen(folder).tracks("r4")
    room._noting.stop()
    shown.session.flag(["r4"], "ok")
    qtbot.waitUntil(room._noting.isActive)  # it is heard of by itself, and waits for the hand to rest
    room._note()
    qtbot.waitUntil(lambda: len(Seen(folder).tracks("r4")) == 3, timeout=20_000)


def test_a_delivery_is_taken_in_after_what_was_decided_before(
    dataset: Path, window: Callable[[Path], MainWindow], qtbot: QtBot
) -> None:
    (dataset / "r2").rename(dataset / "r7")
    shown = window(dataset)
    room = shown.delivering
    shown.actions_["intake"].trigger()
    qtbot.waitUntil(lambda: bool(room.decisions) and not room.busy, timeout=20_000)
    held, session = Event(), shown.session
    assert session is not None
    before = len(session.history())
    shown.curating.save(lambda _: held.wait(20))
    try:
        room.take_in(True)
        assert shown.curating.said == "saving…"
        qtbot.waitUntil(lambda: not room.busy, timeout=20_000)
        assert len(session.history()) == before
    finally:
        held.set()
    qtbot.waitUntil(lambda: session.curation.flag("r7") == "ok", timeout=20_000)


def test_two_releases_are_compared_and_the_page_is_written(
    dataset: Path, window: Callable[[Path], MainWindow], qtbot: QtBot, tmp_path: Path
) -> None:
    with Session.open(dataset, author="ann") as session:
        write(session, make_plan(session, Choice()), tmp_path / "v1")
    sound(dataset / "r1" / "voice.wav", 99)
    with Session.open(dataset, author="ann") as session:
        session.flag(["r4"], "reject")
        write(session, make_plan(session, Choice()), tmp_path / "v2")
    shown = window(dataset)
    room = shown.delivering
    shown.actions_["diff"].trigger()
    panel = room.compare
    assert panel is not None
    QTest.mouseClick(panel.go, Qt.MouseButton.LeftButton)
    assert "Name two releases" in panel.told.text()
    panel.set_place(0, str(tmp_path / "v1"))
    panel.set_place(1, str(tmp_path / "nothing"))
    QTest.mouseClick(panel.go, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "no release" in panel.told.text(), timeout=20_000)
    panel.set_place(1, str(tmp_path / "v2"))
    QTest.keyClick(panel.places[1], Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: panel.found is not None, timeout=20_000)
    assert titles(panel.list.rows.lines) == [
        ("Gone", 1),
        ("r4", "gone"),
        ("Changed: other content", 1),
        ("r1", "content"),
    ]
    room.save_page(str(dataset / "page.html"))
    qtbot.waitUntil(lambda: "into the dataset" in shown.status.text, timeout=20_000)
    assert not (dataset / "page.html").exists()
    room.save_page(str(tmp_path / "page.html"))
    qtbot.waitUntil(lambda: "Written" in shown.status.text, timeout=20_000)
    assert "flagged reject by ann" in (tmp_path / "page.html").read_text("utf-8")
