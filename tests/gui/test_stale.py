"""What was asked for one record or dataset is never shown, proposed or played in another."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from gui.windows import Windows, part_of_demo

from inspector.core.annotate import Step
from inspector.core.proposal import nudged
from inspector.core.times import NS
from inspector.ui.label_files import LabelFiles

if TYPE_CHECKING:
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from inspector.core.model import Record
    from inspector.ui.main_window import MainWindow

HERE, ASKED, ELSEWHERE = "rec_001", "rec_002", "rec_003"


@pytest.fixture
def window(open_window: Windows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MainWindow:
    monkeypatch.setenv("INSPECTOR_CONFIG", str(tmp_path / "config"))
    return open_window(part_of_demo(tmp_path / "set", HERE, ASKED, ELSEWHERE), HERE)


def go(window: MainWindow, qtbot: QtBot, record_id: str) -> None:
    window.show_record(record_id)
    qtbot.waitUntil(
        lambda: window.record is not None and window.record.id == record_id and window.complete,
        timeout=20_000,
    )


def other(window: MainWindow, qtbot: QtBot, root: Path) -> None:
    """Open another dataset, whose record has the name of one of the first."""
    first = window.session
    window.open_path(str(root))
    qtbot.waitUntil(
        lambda: window.session is not first and window.record is not None and window.complete, timeout=20_000
    )


def propose(window: MainWindow) -> None:
    assert window.session is not None
    stream = window.session.record(ASKED).streams[-1]
    window.aligning.propose(ASKED, stream.id, nudged(stream.timemap, NS))


def test_a_proposal_for_a_record_that_was_passed_over_is_not_made_later(
    window: MainWindow, qtbot: QtBot
) -> None:
    propose(window)
    go(window, qtbot, ELSEWHERE)
    go(window, qtbot, ASKED)
    assert window.aligning.proposal is None
    propose(window)  # there: at once
    assert window.aligning.proposal is not None


def test_nothing_is_proposed_in_another_dataset(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    root = part_of_demo(tmp_path / "other", ASKED)
    (root / "metadata.csv").unlink()
    held = threading.Event()
    window.aligning.behind("before the record", lambda _: held.wait(20), lambda _: None)
    try:
        propose(window)  # on its way for longer than the other dataset
        other(window, qtbot, root)
    finally:
        held.set()
    assert window.record is not None
    assert window.record.id == ASKED
    assert window.aligning.proposal is None


def test_a_record_that_was_passed_over_is_not_played_later(window: MainWindow, qtbot: QtBot) -> None:
    window.show_record(ASKED)
    window.auditing.play_in(ASKED)
    go(window, qtbot, ELSEWHERE)
    assert window.auditing._to_play == ""
    window.show_record(ASKED)
    window.auditing.play_in(ASKED)
    qtbot.waitUntil(lambda: window.player.transport.playing, timeout=20_000)


def test_an_edit_of_the_record_on_show_does_not_keep_the_next_from_coming(
    window: MainWindow, qtbot: QtBot
) -> None:
    assert window.record is not None
    window.show_record(ASKED)
    window.show_again(window.record)
    qtbot.waitUntil(lambda: window.record is not None and window.record.id == ASKED, timeout=20_000)


def test_a_file_that_was_looked_at_for_the_record_before_is_not_offered(
    window: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    room = next(each for each in window.rooms if isinstance(each, LabelFiles))
    file = tmp_path / "labels.TextGrid"
    room.write(file, "textgrid")
    qtbot.waitUntil(file.exists)
    read: list[str] = []
    window.show_record(ASKED)  # on its way, and behind it the file is read for the record that is still there
    room.look_at(file)
    room.behind("after it", lambda _: "read", read.append)
    qtbot.waitUntil(lambda: bool(read) and window.record is not None and window.record.id == ASKED)
    assert room.waiting is None


def test_files_that_were_looked_at_are_not_taken_into_another_dataset(
    window: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    room = next(each for each in window.rooms if isinstance(each, LabelFiles))
    file = tmp_path / f"{HERE}.TextGrid"
    room.write(file, "textgrid")
    qtbot.waitUntil(file.exists)
    room.look_at_all([file])
    qtbot.waitUntil(lambda: room.waiting is not None)
    other(window, qtbot, part_of_demo(tmp_path / "other", HERE))
    assert room.waiting is None
    assert room.part is not None
    assert not room.part.take.isVisible()


def test_what_follows_an_edit_is_told_only_while_its_record_is_on_show(
    window: MainWindow, qtbot: QtBot
) -> None:
    told: list[Step] = []
    edit = Step("Nothing much", ((f"annotations/{'0' * 16}", {"tier": "own", "label": "x", "anchors": []}),))
    held = threading.Event()

    def make(_: Record) -> Step:
        held.wait(20)
        return edit

    window.labelling.edit(make, told.append)
    go(window, qtbot, ELSEWHERE)
    held.set()
    qtbot.waitUntil(lambda: not window.curating._busy())
    assert told == []
    window.labelling.edit(lambda _: edit, told.append)
    qtbot.waitUntil(lambda: told == [edit])


def test_what_was_compared_for_a_dataset_that_is_closed_leaves_the_panel_free(
    window: MainWindow, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = threading.Event()

    def never(*_: Any) -> None:
        held.wait(20)

    monkeypatch.setattr("inspector.release.diff.diff", never)
    try:
        window.delivering.show_compare()
        panel = window.delivering.compare
        assert panel is not None
        panel.asked.emit("a", "b")
        assert not panel.go.isEnabled()
        other(window, qtbot, part_of_demo(tmp_path / "other", ASKED))
        assert panel.go.isEnabled()
        assert panel.progress.isHidden()
    finally:
        held.set()
