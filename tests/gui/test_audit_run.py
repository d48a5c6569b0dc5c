"""An audit beside the window: made behind, cancelled before it is there; evidence without a run."""

from __future__ import annotations

import threading
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from PySide6.QtCore import QObject

from inspector.core.findings import Finding
from inspector.errors import Cancelled
from inspector.session import Session
from inspector.ui.audit_run import AuditRun
from inspector.ui.exhibiting import Exhibitor
from inspector.ui.relay import Relay

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from inspector.audit.runner import Run
    from inspector.ui.panels.findings import FindingsPanel

FOUND = Finding("media.unreadable", "r")


class Running:
    """A run that finds one thing, once it may."""

    def __init__(self) -> None:
        self.progress = SimpleNamespace(stage="index", done=0, total=0)
        self.go = threading.Event()
        self.cancelled = False

    def pause(self) -> None:
        pass

    def resume(self) -> None:
        pass

    def cancel(self) -> None:
        self.cancelled = True
        self.go.set()

    def findings(self) -> Iterator[Finding]:
        self.go.wait(20)
        yield FOUND  # what was in hand
        if self.cancelled:
            raise Cancelled("the audit")


@pytest.fixture
def watched(qapp: Any) -> Iterator[AuditRun]:
    owner = QObject()
    made = AuditRun(lambda: False, owner)
    yield made
    made.close(True)


def test_a_run_is_made_behind_and_what_was_let_go_tells_nothing(watched: AuditRun, qtbot: QtBot) -> None:
    made_in: list[int] = []
    found: list[Finding] = []
    first, second = Running(), Running()
    watched.found.connect(found.extend)

    def make(run: Running) -> Run:
        made_in.append(threading.get_ident())
        return cast("Run", run)

    watched.start(lambda: make(first))
    qtbot.waitUntil(lambda: bool(made_in))
    assert threading.get_ident() not in made_in
    begun = watched._begun
    qtbot.waitUntil(lambda: begun.run is not None)
    watched.close(False)
    assert first.cancelled
    watched.start(lambda: make(second))
    first.go.set()
    qtbot.waitUntil(lambda: bool(begun.fresh))
    watched.look()
    assert found == []
    with qtbot.waitSignal(watched.ended):
        second.go.set()
    assert found == [FOUND]


def test_a_run_is_cancelled_before_it_is_there(watched: AuditRun, qtbot: QtBot) -> None:
    making, go = threading.Event(), threading.Event()
    ends: list[BaseException | None] = []
    watched.ended.connect(ends.append)

    def make() -> Run:
        making.set()
        go.wait(20)
        return cast("Run", Running())

    watched.start(make)
    assert making.wait(10)
    assert watched.said == "audit"
    watched.cancel()
    go.set()
    qtbot.waitUntil(lambda: bool(ends))
    assert isinstance(ends[0], Cancelled)


def test_evidence_is_worked_out_behind_without_a_run_of_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot
) -> None:
    (tmp_path / "hands.csv").write_text("t,x\n0,1\n1,2\n")
    asked: list[tuple[Any, ...]] = []
    shown: list[tuple[Any, Any]] = []

    def exhibits(*told: Any) -> tuple[str, str]:
        asked.append((threading.get_ident(), told[2]))
        return "curve", "trace"

    monkeypatch.setattr("inspector.audit.evidence.exhibits", exhibits)
    monkeypatch.setattr(Session, "audit", lambda *_: pytest.fail("a run of everything"))
    owner = QObject()
    panel = SimpleNamespace(
        show_exhibits=lambda *told: shown.append(told), evidence=SimpleNamespace(show_words=lambda _: None)
    )
    with Session.open(tmp_path) as session:
        finding = replace(FOUND, record_id=session.record_ids()[0])
        exhibitor = Exhibitor(Relay(owner), lambda: False, owner)
        exhibitor.set_session(session)
        exhibitor.show(cast("FindingsPanel", panel), finding)
        qtbot.waitUntil(lambda: ("curve", "trace") in shown)
        exhibitor.set_session(None)
    assert asked[0][1] == finding
    assert asked[0][0] != threading.get_ident()
