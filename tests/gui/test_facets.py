"""Facets under real hands: values clicked, ranges dragged, SQL opened, samples drawn, selections kept."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from inspector.query.facets import Kind, Pick
from inspector.session import Opening
from inspector.ui import theme
from inspector.ui.app import make_app
from inspector.ui.main_window import MainWindow

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytestqt.qtbot import QtBot

    from inspector.ui.panels.facet_view import FacetView
    from inspector.ui.panels.facets import FacetsPanel

RECORDS = 40


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty records with a device, a cost, and a transcript in three of four."""
    root = tmp_path_factory.mktemp("facets") / "set"
    rows: list[dict[str, Any]] = []
    for number in range(RECORDS):
        name = f"r{number:02d}"
        (root / name).mkdir(parents=True)
        (root / name / "x.csv").write_text("t_s,x\n0,1\n1,2\n")
        if number % 4:
            (root / name / "talk.vtt").write_text("WEBVTT\n\n00:00.000 --> 00:01.000\nhi\n")
        rows.append(
            {
                "sensor_file_name": f"{name}/x.csv",
                "text_file_name": f"{name}/talk.vtt" if number % 4 else None,
                "device": "abc"[number % 3],
                "cost": number,
            }
        )
    pq.write_table(pa.Table.from_pylist(rows), root / "metadata.parquet")
    return root


@pytest.fixture
def root(made: Path, tmp_path: Path) -> Path:
    """A copy that may be curated."""
    return Path(shutil.copytree(made, tmp_path / "set"))


@pytest.fixture
def window(qtbot: QtBot, root: Path) -> Iterator[MainWindow]:
    make_app("dark")
    window = MainWindow(with_sound=False)
    window.resize(1280, 1000)
    window.show()
    window.start(Opening(str(root)), None, False)
    qtbot.waitUntil(lambda: window.record is not None and window.complete, timeout=15_000)
    window.actions_["facets"].trigger()
    settled(window, qtbot)
    yield window
    window.close()
    window.deleteLater()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def settled(window: MainWindow, qtbot: QtBot) -> None:
    def there() -> bool:
        exploring = window.exploring
        explored, shown = exploring.exploration, exploring.shown
        if explored is None or shown is None or explored.busy or not shown.complete:
            return False
        return shown.picked == explored.picks.picked

    qtbot.waitUntil(there, timeout=20_000)


def panel(window: MainWindow) -> FacetsPanel:
    assert window.exploring.panel is not None
    return window.exploring.panel


def listed(window: MainWindow) -> list[str]:
    model = window.records.model
    return [model.record_id(row) for row in range(model.rowCount())]


def click(view: Any, x: float, y: float) -> None:
    QTest.mouseClick(view, Qt.MouseButton.LeftButton, pos=QPoint(round(x), round(y)))


def drag(view: FacetView, first: int, last: int) -> None:
    chart, bins = view._chart(), view.facet.bins
    assert bins is not None
    xs = [chart.left() + round((bar + 0.5) * chart.width() / bins.count) for bar in (first, last)]
    y = chart.center().y()
    QTest.mousePress(view, Qt.MouseButton.LeftButton, pos=QPoint(xs[0], y))
    QTest.mouseMove(view, QPoint(sum(xs) // 2, y))
    QTest.mouseMove(view, QPoint(xs[1], y))
    QTest.mouseRelease(view, Qt.MouseButton.LeftButton, pos=QPoint(xs[1], y))


def values_and_ranges(window: MainWindow, qtbot: QtBot) -> None:
    views = panel(window).views
    assert {"device", "cost", "record_id", "duration_s", "flag"} <= set(views)
    device, cost = views["device"], views["cost"]
    value = device.rows()[1]
    click(device, 60, device._top() + 1.5 * 20)
    settled(window, qtbot)
    assert device.sql == f"device = '{value[1]}'"
    assert len(listed(window)) == value[2]
    drag(cost, 2, 8)
    settled(window, qtbot)
    bins = cost.facet.bins
    assert bins is not None
    low, high = int(bins.edge(2)), int(bins.edge(9))
    assert cost.sql == f"cost >= {low} AND cost < {high}"
    expected = [f"r{n:02d}" for n in range(low, high) if "abc"[n % 3] == value[1]]
    assert [each.split("/")[-1] for each in listed(window)] == listed(window)
    assert len(listed(window)) == len(expected)
    assert window.records.header.text().endswith(f"{len(expected)} shown by filter")
    assert f"{len(expected)} of {RECORDS} left" in panel(window).state.text()
    # The cross lets one go; the button lets all go.
    cross = device._cross_room().center()
    click(device, cross.x(), cross.y())
    settled(window, qtbot)
    assert len(listed(window)) == high - low
    panel(window).clear_button.click()
    settled(window, qtbot)
    assert len(listed(window)) == RECORDS


def keys(window: MainWindow, qtbot: QtBot) -> None:
    device = panel(window).views["device"]
    device.setFocus()
    QTest.keyClick(device, Qt.Key.Key_Down)
    QTest.keyClick(device, Qt.Key.Key_Return)
    settled(window, qtbot)
    assert device.pick == Pick(values=(device.facet.values[0],))
    QTest.keyClick(device, Qt.Key.Key_Delete)
    settled(window, qtbot)
    assert not device.pick
    cost = panel(window).views["cost"]
    QTest.keyClick(cost, Qt.Key.Key_Down)
    settled(window, qtbot)
    QTest.keyClick(cost, Qt.Key.Key_Down, Qt.KeyboardModifier.ShiftModifier)
    settled(window, qtbot)
    assert cost.pick.low == 0
    assert len(listed(window)) == cost.pick.high


def coverage_and_sql(window: MainWindow, qtbot: QtBot) -> None:
    coverage = panel(window).coverage
    cell = next(
        cell for key, state, _, cell in coverage.cells() if (key.modality, state) == ("text", "absent")
    )
    click(coverage, cell.center().x(), cell.center().y())
    settled(window, qtbot)
    assert len(listed(window)) == RECORDS // 4
    device = panel(window).views["device"]
    place = device._sql_room().center()
    click(device, place.x(), place.y())
    sql = window.asking.panel
    assert sql is not None
    qtbot.waitUntil(lambda: not sql.asking and sql.table.rows.rowCount() == 3, timeout=10_000)
    assert "state IN ('absent')" in sql.editor.toPlainText()
    panel(window).sql_button.click()
    qtbot.waitUntil(lambda: not sql.asking and sql.table.rows.rowCount() == RECORDS // 4, timeout=10_000)


def a_condition(window: MainWindow, qtbot: QtBot) -> None:
    line = window.records.filter
    line.setText("where cost < 7 AND device <> 'a'")
    QTest.keyClick(line, Qt.Key.Key_Return)
    settled(window, qtbot)
    assert len(listed(window)) == 4
    line.setText("where nonsense = 1")
    QTest.keyClick(line, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: "nonsense" in window.status.text, timeout=10_000)
    settled(window, qtbot)
    line.clear()
    qtbot.waitUntil(lambda: len(listed(window)) == RECORDS, timeout=10_000)


def a_sample(window: MainWindow, qtbot: QtBot) -> None:
    window.actions_["sample"].trigger()
    form = panel(window).sample
    assert form.isVisible()
    form.count.setValue(6)
    form.seed.setValue(11)
    form.by.setCurrentText("device")
    form.button.click()
    qtbot.waitUntil(lambda: len(listed(window)) == 6, timeout=10_000)
    settled(window, qtbot)
    drawn = listed(window)
    assert not form.isVisible()
    line = panel(window).selections
    name = "sample-6-by-device-seed-11"
    qtbot.waitUntil(lambda: line.list.currentText() == name)
    assert [each.name for each in window.session.desk.selections.all()] == [name]  # type: ignore[union-attr]
    panel(window).clear_button.click()
    settled(window, qtbot)
    assert len(listed(window)) == RECORDS
    assert line.list.currentIndex() == 0
    line.list.setCurrentIndex(1)
    line.list.activated.emit(1)
    settled(window, qtbot)
    assert listed(window) == drawn
    line.remove.click()
    qtbot.waitUntil(lambda: len(listed(window)) == RECORDS and line.list.count() == 1, timeout=10_000)


def what_is_left(window: MainWindow, qtbot: QtBot) -> None:
    window.exploring.pick("cost", Pick(0, 5))
    settled(window, qtbot)
    line = panel(window).selections
    line.keep.click()
    line.name.setText("the cheap ones")
    QTest.keyClick(line.name, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: line.list.currentText() == "the_cheap_ones", timeout=10_000)
    settled(window, qtbot)
    assert len(listed(window)) == 5


def a_flag(window: MainWindow, qtbot: QtBot) -> None:
    assert window.session is not None
    assert panel(window).views["flag"].facet.kind is Kind.EMPTY
    window.session.flag(listed(window)[:3], "reject")
    qtbot.waitUntil(
        lambda: panel(window).views["flag"].rows()[:1] == [("reject", "reject", 3, 3)], timeout=10_000
    )


def both_themes(window: MainWindow, qtbot: QtBot) -> None:
    window.exploring.pick("cost", Pick(3, 9))
    settled(window, qtbot)
    pictures = []
    for light in (False, True):
        theme.apply(QApplication.instance(), light)  # type: ignore[arg-type]
        pictures.append(panel(window).grab().toImage().convertToFormat(QImage.Format.Format_RGB32))
    assert pictures[0] != pictures[1]
    view = panel(window).views["cost"]
    view.resize(120, view.height())
    assert not view.grab().isNull()
    assert "cost >= 3 AND cost < 9" in view.text()
    assert view.tip_at(60, view._chart().center().y()).endswith("Drag over a range")
    theme.apply(QApplication.instance(), False)  # type: ignore[arg-type]


def test_what_is_picked_filters_the_table(window: MainWindow, qtbot: QtBot) -> None:
    # One window for all of it: opening one costs more than what is looked at.
    for part in (values_and_ranges, keys, both_themes, coverage_and_sql, a_condition):
        part(window, qtbot)
        panel(window).clear_button.click()
        settled(window, qtbot)


def test_samples_selections_and_flags(window: MainWindow, qtbot: QtBot) -> None:
    for part in (a_sample, what_is_left, a_flag):
        part(window, qtbot)
        panel(window).clear_button.click()
        settled(window, qtbot)


def test_plots_pick_and_lead_to_records(window: MainWindow, qtbot: QtBot) -> None:
    window.actions_["plots"].trigger()
    plots = window.exploring.plots
    assert plots is not None
    qtbot.waitUntil(lambda: plots.view.plot is not None, timeout=10_000)
    plots.across.setCurrentText("cost")
    plots.upwards.setCurrentIndex(0)
    plots.ask()
    settled(window, qtbot)
    qtbot.waitUntil(lambda: plots.view.plot is not None and plots.view.plot.x.facet.column == "cost")
    plot = plots.view.plot
    assert plot is not None
    assert int(plot.cells.sum()) == RECORDS
    plots.view.picked.emit({"cost": Pick(0, 10)})
    settled(window, qtbot)
    assert len(listed(window)) == 10
    plots.upwards.setCurrentText("duration_s")
    plots.ask()
    qtbot.waitUntil(
        lambda: plots.view.plot is not None and plots.view.plot.points is not None, timeout=10_000
    )
    plot = plots.view.plot
    assert plot is not None
    assert plot.points is not None
    # All but what is picked in its own columns: the picked range is seen among the others.
    assert len(plot.points[0]) == RECORDS
    room = plots.view.room()
    x, y = (float(each[RECORDS - 1]) for each in plot.points[:2])
    click(plots.view, room.left() + x * room.width(), room.bottom() + 1 - y * room.height())
    name = window.records.model.index_table.column("record_id")[RECORDS - 1].as_py()
    qtbot.waitUntil(lambda: window.record is not None and window.record.id == name, timeout=10_000)
    plots.across.setCurrentIndex(0)
    plots.ask()
    cells = {(key.modality, state.value): area for key, state, _, area in plots.matrix.cells()}
    area = cells["text", "absent"].center()
    panel(window).clear_button.click()
    click(plots.matrix, area.x(), area.y())
    settled(window, qtbot)
    assert len(listed(window)) == RECORDS // 4
    for light in (True, False):
        theme.apply(QApplication.instance(), light)  # type: ignore[arg-type]
        assert not plots.grab().isNull()
