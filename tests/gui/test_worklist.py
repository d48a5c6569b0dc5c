"""What the worklist reads and when: not again for a flag, not in the window's thread."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from inspector.audit.purpose import chosen
from inspector.core.findings import Finding, Status
from inspector.session import Session
from inspector.ui import verdicts, worklist
from inspector.ui.panels.findings_model import Item, figure_text
from inspector.ui.worklist import MOST, Known, edits_since

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from gui.windows import Windows
    from pytestqt.qtbot import QtBot

    from inspector.ui.main_window import MainWindow


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("INSPECTOR_CONFIG", str(tmp_path / "config"))
    for name in ("a", "b"):
        (tmp_path / "set" / name).mkdir(parents=True)
        rows = "".join(f"{n / 10},{n}\n" for n in range(41))
        for stream in ("hands", "feet"):
            (tmp_path / "set" / name / f"{stream}.csv").write_text(f"t,x\n{rows}")
    return tmp_path / "set"


class Counted:
    """A function, how often it was called, and in which threads."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self.threads: list[int] = []

    def __call__(self, *told: Any) -> Any:
        self.threads.append(threading.get_ident())
        return self._function(*told)


def settled(window: MainWindow, qtbot: QtBot) -> None:
    """Until everything is looked at that an edit has set going."""
    room = window.auditing

    def nothing_left() -> bool:
        return not (room.waiting or (room._jobs is not None and room._jobs.live()) or window.curating._busy())

    qtbot.waitUntil(nothing_left)


def test_a_flag_reads_no_findings_and_a_decision_on_one_does(
    open_window: Windows, root: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, looked = Counted(worklist.read), Counted(worklist.edits_since)
    monkeypatch.setattr("inspector.ui.auditing.read", read)
    monkeypatch.setattr("inspector.ui.auditing.edits_since", looked)
    window = open_window(root, "a")
    room = window.auditing
    assert window.session is not None
    settled(window, qtbot)
    before = len(read.threads)
    window.curating.flag("ok")
    qtbot.waitUntil(lambda: bool(looked.threads))
    settled(window, qtbot)
    assert len(read.threads) == before
    finding = Finding("media.unreadable", "a", status=Status.FAILED)
    room._dismiss(Item(finding), "it can be read")
    qtbot.waitUntil(lambda: len(read.threads) == before + 1)
    assert threading.get_ident() not in read.threads


def test_tolerances_are_read_and_kept_behind(
    open_window: Windows, root: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    said, kept = Counted(verdicts.limits_said), Counted(verdicts.set_limits)
    monkeypatch.setattr("inspector.ui.auditing.limits_said", said)
    monkeypatch.setattr("inspector.ui.auditing.set_limits", kept)
    window = open_window(root, "a")
    room, session = window.auditing, window.session
    assert session is not None
    settled(window, qtbot)
    room.open()
    room.read()
    settled(window, qtbot)
    count = len(said.threads)
    for _ in range(10):  # as a run does, a few times a second
        room._show()
    assert len(said.threads) == count
    assert room.panel is not None
    room._set_tolerance("timing.av_offset", "-50:70")
    qtbot.waitUntil(lambda: room.panel is not None and room.panel._limits["timing.av_offset"] == "-50:70")
    assert chosen(session.audited.folder).limits()["timing.av_offset"] == (-50, 70)
    room._set_tolerance("timing.av_offset", "nonsense")
    qtbot.waitUntil(lambda: "nonsense" in window.status.text)
    assert threading.get_ident() not in {*said.threads, *kept.threads}
    qtbot.waitUntil(lambda: not room.running, timeout=20_000)


def test_a_tolerance_that_is_set_during_a_run_is_judged_by_after_it(
    open_window: Windows, root: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = open_window(root, "a")
    room = window.auditing
    settled(window, qtbot)
    begun: list[str] = []
    runs = [True]
    monkeypatch.setattr(type(room), "running", property(lambda _: runs[0]))
    monkeypatch.setattr(room, "_start", lambda *_, check="": begun.append(check))
    room._set_tolerance("timing.drift", "-10:10")
    room._set_tolerance("timing.av_offset", "-50:70")
    qtbot.waitUntil(lambda: len(room._rejudged) == 2)
    assert begun == []
    runs[0] = False
    room._ended(None)
    room._ended(None)
    assert begun == ["timing.drift", "timing.av_offset"]


def test_badges_last_beyond_what_is_listed() -> None:
    found = [Finding("media.unreadable", f"r{number}", status=Status.FAILED) for number in range(MOST + 20)]
    known = Known().with_fresh(found[:-10], {})
    assert (len(known.worst), known.left_out) == (MOST + 10, 10)
    more = known.with_fresh(found[-10:], {})
    assert (len(more.items), len(more.worst), more.left_out) == (MOST, MOST + 20, 20)
    mended = more.with_fresh([replace(more.items[0].finding, status=Status.OK)], {})
    assert len(mended.worst) == MOST + 19


def test_small_figures_are_nought_only_where_that_is_rounding() -> None:
    def told(value: float, unit: str) -> str:
        return figure_text(Finding("content.silent", "a", status=Status.FAILED, value=value, unit=unit))

    assert (told(0.04, "s"), told(0.02, "share"), told(0.04, "ms")) == ("+0.04 s", "+0.02 share", "0 ms")


def test_however_many_edits_came_since_none_is_passed_over(root: Path) -> None:
    with Session.open(root, author="ann") as session:
        session.flag(["a"], "ok")
        since = session.history(limit=1)[0].edit.at
        record = session.record("b")
        stream = record.streams[0].id
        change = session.curation.change("b", f"streams/{stream}/timemap", [[0, 5]])
        session.edit("Align", [change])
        for number in range(101):
            session.flag(["a"], ("ok", "reject")[number % 2])
        found = edits_since(session, since)
        assert found.moved == {"b"}
        assert not found.decided
        assert found.newest_ns == session.history(limit=1)[0].edit.at
        assert edits_since(session, found.newest_ns).moved == frozenset()
