"""What has room: the tasks under the records, the columns beside the stage, the names of the tabs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from gui.windows import Windows, part_of_demo

from inspector.ui.left_column import LEAST_RECORDS

if TYPE_CHECKING:
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from inspector.ui.main_window import MainWindow


@pytest.fixture
def window(open_window: Windows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MainWindow:
    monkeypatch.setenv("INSPECTOR_CONFIG", str(tmp_path / "config"))
    return open_window(part_of_demo(tmp_path / "set", "rec_001"), size=(1400, 1000))


def resize(window: MainWindow, qtbot: QtBot, width: int, height: int) -> None:
    window.resize(width, height)
    qtbot.waitUntil(lambda: (window.width(), window.height()) == (width, height))


def test_in_a_high_window_records_findings_and_facets_all_have_room(window: MainWindow, qtbot: QtBot) -> None:
    window.actions_["findings"].trigger()
    window.actions_["facets"].trigger()
    findings, facets = window.auditing.panel, window.exploring.panel
    assert findings is not None
    assert facets is not None
    panels = (findings, facets)
    qtbot.waitUntil(lambda: all(each.height() >= each.minimumSizeHint().height() for each in panels))
    assert window.records.height() >= LEAST_RECORDS
    assert all(each.isVisible() for each in panels)
    # A window that is made lower keeps the one that was shown last.
    resize(window, qtbot, 1400, 760)
    qtbot.waitUntil(lambda: not findings.isVisible())
    assert facets.isVisible()
    assert not window.actions_["findings"].isChecked()


def test_in_a_low_window_the_task_that_is_shown_takes_the_place_of_the_other(
    window: MainWindow, qtbot: QtBot
) -> None:
    resize(window, qtbot, 1400, 700)
    window.actions_["findings"].trigger()
    window.actions_["facets"].trigger()
    findings, facets = window.auditing.panel, window.exploring.panel
    assert findings is not None
    assert facets is not None
    qtbot.waitUntil(lambda: not findings.isVisible())
    assert not window.actions_["findings"].isChecked()
    assert window.actions_["facets"].isChecked()
    window.actions_["findings"].trigger()
    qtbot.waitUntil(lambda: not facets.isVisible())
    assert findings.isVisible()
    assert not window.actions_["facets"].isChecked()
    assert window.records.height() >= LEAST_RECORDS


def test_a_narrow_window_has_one_column_beside_the_stage_and_a_wide_one_both(
    window: MainWindow, qtbot: QtBot
) -> None:
    left, tabs = window.parts.left, window.tabs
    window.actions_["findings"].trigger()  # the left column is shown before and is what is shown last
    window.labelling.open()
    resize(window, qtbot, 900, 800)
    assert left.isVisible()
    assert tabs.isVisible()
    resize(window, qtbot, 700, 600)
    qtbot.waitUntil(lambda: left.isVisible() != tabs.isVisible())
    hidden, shown = ("left", "right") if tabs.isVisible() else ("right", "left")
    assert not window.actions_[hidden].isChecked()
    assert window.actions_[shown].isChecked()
    window.actions_[hidden].trigger()  # it takes the place of the other
    qtbot.waitUntil(lambda: not window.actions_[shown].isChecked())
    assert left.isVisible() != tabs.isVisible()
    assert window.actions_[hidden].isChecked()
    resize(window, qtbot, 1400, 900)
    qtbot.waitUntil(lambda: left.isVisible() and tabs.isVisible())
    assert window.actions_[shown].isChecked()
    # What a hand has closed stays closed.
    window.actions_["right"].trigger()
    resize(window, qtbot, 700, 600)
    resize(window, qtbot, 1400, 900)
    assert not tabs.isVisible()


def test_the_tab_in_front_has_its_whole_name_in_a_narrow_column(window: MainWindow, qtbot: QtBot) -> None:
    resize(window, qtbot, 900, 800)
    window.labelling.open()
    bar = window.tabs.tabBar()
    for place in range(bar.count()):
        window.tabs.setCurrentIndex(place)
        assert bar.tabRect(place).width() >= bar.tabSizeHint(place).width()
        assert window.tabs.tabToolTip(place) == bar.tabText(place)
    assert bar.tabRect(bar.count() - 1).right() <= bar.width()
