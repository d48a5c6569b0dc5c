"""What a room has done behind: long work keeps no record waiting, and ends with its dataset."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, cast

import pytest
from gui.windows import Windows, part_of_demo

from inspector.errors import Cancelled
from inspector.ui.rooms import rows_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from inspector.audit.runner import Run
    from inspector.core.jobs import Job
    from inspector.ui.main_window import MainWindow


@pytest.fixture
def window(open_window: Windows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MainWindow:
    monkeypatch.setenv("INSPECTOR_CONFIG", str(tmp_path / "config"))
    return open_window(part_of_demo(tmp_path / "set", "rec_001", "rec_002"))


class Held:
    """Work that ends when it is let go, or at a step after its cancel."""

    def __init__(self) -> None:
        self.begun, self.go = threading.Event(), threading.Event()

    def __call__(self, job: Job[Any]) -> str:
        self.begun.set()
        while not self.go.wait(0.01):
            job.step()
        return "done"


@pytest.fixture
def held() -> Iterator[Held]:
    work = Held()
    yield work
    work.go.set()


def test_a_record_is_opened_while_something_long_is_done(
    window: MainWindow, qtbot: QtBot, held: Held
) -> None:
    told: list[str] = []
    window.exporting.slowly("something long", held, told.append)
    assert held.begun.wait(10)
    window.show_record("rec_002")
    qtbot.waitUntil(lambda: window.record is not None and window.record.id == "rec_002")
    assert not told
    held.go.set()
    qtbot.waitUntil(lambda: told == ["done"])


def test_another_dataset_waits_neither_for_an_audit_nor_for_what_is_explored(
    window: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    held, begun, over = threading.Event(), [threading.Event(), threading.Event()], []

    def work(number: int) -> None:
        begun[number].set()
        held.wait(20)
        over.append(number)

    window.actions_["facets"].trigger()
    explored = window.exploring.exploration
    assert explored is not None
    qtbot.waitUntil(lambda: not explored.busy, timeout=20_000)
    explored._jobs.start("held", lambda _: work(0))
    window.auditing._watched.start(lambda: cast("Run", work(1)))
    assert all(each.wait(10) for each in begun)
    first = window.session
    window.open_path(str(part_of_demo(tmp_path / "other", "rec_001")))
    try:
        qtbot.waitUntil(lambda: window.session is not first, timeout=20_000)
        assert over == []
        assert not window.auditing.running
    finally:
        held.set()
    qtbot.waitUntil(lambda: len(over) == 2)


def test_a_window_that_closes_waits_for_no_answer(window: MainWindow, qtbot: QtBot) -> None:
    session = window.session
    assert session is not None
    forever = "SELECT count(*) FROM range(1000000000000)"
    begun = threading.Event()

    def asks(job: Job[Any]) -> list[dict[str, Any]]:
        begun.set()
        return rows_of(session, forever, job)

    job = window.exporting.slowly("asking", asks, lambda _: None)
    assert job is not None
    assert begun.wait(10)
    qtbot.waitUntil(lambda: session._engine is not None)
    window.close()
    assert job.future.done()
    assert isinstance(job.future.exception(), Cancelled)


def test_another_dataset_ends_what_is_long_and_is_told_nothing_of_it(
    window: MainWindow, qtbot: QtBot, tmp_path: Path, held: Held
) -> None:
    told: list[object] = []
    job = window.exporting.slowly("something long", held, told.append, told.append)
    assert job is not None
    assert held.begun.wait(10)
    first = window.session
    window.open_path(str(part_of_demo(tmp_path / "other", "rec_001")))
    qtbot.waitUntil(lambda: window.session is not first)
    qtbot.waitUntil(job.future.done)
    assert job.cancelled
    qtbot.waitUntil(lambda: window.complete, timeout=20_000)
    assert not told
