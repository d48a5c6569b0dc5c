"""The SQL panel: an answer from a fake, real keys in its table, moments out of it."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from gui.sql_fakes import (
    CONTROL,
    SHIFT,
    FakeAnswer,
    FakeAsked,
    a_panel,
    cells,
    click,
    moments,
    run,
    write,
    wrong,
)
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QSignalSpy, QTest

from inspector.core.assets import resource
from inspector.core.times import NS
from inspector.errors import InspectorError
from inspector.session import Session
from inspector.ui.panels.sql_export import save
from inspector.ui.panels.sql_model import ResultModel, cell_text
from inspector.ui.panels.sql_moments import Moments

if TYPE_CHECKING:
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from inspector.ui.panels.sql import SqlPanel


pytestmark = pytest.mark.usefixtures("dark")


@pytest.fixture
def asked() -> FakeAsked:
    return FakeAsked(reply=FakeAnswer(moments()))


@pytest.fixture
def panel(qtbot: QtBot, asked: FakeAsked) -> SqlPanel:
    return a_panel(qtbot, asked)


# --- asking -----------------------------------------------------------------------------------------


def test_control_enter_runs_what_was_typed_and_shows_its_rows(
    panel: SqlPanel, asked: FakeAsked, qtbot: QtBot
) -> None:
    spy = QSignalSpy(panel.ranges_changed)
    run(panel, qtbot, "select * from annotations")
    assert asked.questions[0].sql == "select * from annotations"
    assert asked.questions[0].limit == 100_000
    assert cells(panel, 0) == ["rec_003", "rec_001", "rec_001", "null", "rec_007"]
    assert panel.head.count.text() == "3 moments in 2 records, 5 rows"
    assert spy.count() >= 1
    assert panel.ranges("rec_003").tolist() == [[7_400_000_000, 8_100_000_000]]
    assert panel.ranges("rec_001").tolist() == [[200_000_000, 900_000_000], [12_500_000_000, 12_500_000_000]]
    assert panel.ranges("rec_007").tolist() == []
    assert panel.ranges("other").tolist() == []


def test_nothing_is_asked_where_nothing_is_written_or_open(panel: SqlPanel, asked: FakeAsked) -> None:
    QTest.keyClick(panel.editor, Qt.Key.Key_Return, CONTROL)
    assert not asked.questions
    panel.set_session(None)
    write(panel, "select 1")
    QTest.keyClick(panel.editor, Qt.Key.Key_Return, CONTROL)
    assert not asked.questions
    assert not panel.bar.run_button.isEnabled()
    assert panel.tables.words.text() == "No dataset is open"


def test_escape_cancels_and_the_button_does(panel: SqlPanel, asked: FakeAsked, qtbot: QtBot) -> None:
    asked.reply = None
    write(panel, "select 1")
    QTest.keyClick(panel.editor, Qt.Key.Key_Return, CONTROL)
    question = asked.questions[-1]
    question.doing, question.done, question.total = "reading records", 3, 28
    qtbot.waitUntil(lambda: "reading records 3 of 28" in panel.hint.text())
    assert panel.bar.run_button.text() == "Cancel"
    QTest.keyClick(panel.editor, Qt.Key.Key_Escape)
    assert question.cancelled
    qtbot.waitUntil(lambda: panel.hint.text().startswith("Cancelled after"))
    assert panel.bar.run_button.text() == "Run"
    click(panel.bar.run_button)
    click(panel.bar.run_button)
    assert asked.questions[-1].cancelled
    qtbot.waitUntil(lambda: panel._question is None)


def test_an_answer_to_a_question_given_up_is_not_shown(
    panel: SqlPanel, asked: FakeAsked, qtbot: QtBot
) -> None:
    asked.reply = None
    write(panel, "select 1")
    panel.run()
    old = asked.questions[-1]
    panel.set_session(asked)
    assert old.cancelled
    old.error = None
    old.end(FakeAnswer(moments()))
    qtbot.wait(20)
    assert panel.table.rows.rowCount() == 0


def test_an_error_is_underlined_and_told_in_one_line_with_what_to_do(
    panel: SqlPanel, asked: FakeAsked, qtbot: QtBot
) -> None:
    sql = "select durations from records"
    asked.reply = wrong(sql.index("durations"))
    run(panel, qtbot, sql)
    assert panel.error.text() == 'The query is not understood: There is no column "durations"'
    assert panel.hint.text() == 'Did you mean "duration_s"?'
    assert panel.error.isVisible()
    assert panel.hint.isVisible()
    marks = panel.editor.extraSelections()
    assert [mark.cursor.selectedText() for mark in marks] == ["durations"]
    write(panel, " ")
    assert not panel.editor.extraSelections()
    assert not panel.error.isVisible()


@pytest.mark.parametrize("position", [-5, 0, 22, 23, 10_000])
def test_any_position_of_an_error_finds_a_word(panel: SqlPanel, position: int) -> None:
    panel.editor.put("select '🙂', bad from x  ")
    panel.editor.set_error(position)
    (mark,) = panel.editor.extraSelections()
    assert mark.cursor.selectedText() in ("select", "x")
    panel.editor.set_error(13)
    (mark,) = panel.editor.extraSelections()
    assert mark.cursor.selectedText() == "bad"


def test_a_long_error_is_cut_and_whole_in_its_tooltip(
    panel: SqlPanel, asked: FakeAsked, qtbot: QtBot
) -> None:
    asked.reply = InspectorError("Binder error", "no such thing\n" * 40)
    run(panel, qtbot)
    assert "\n" not in panel.error.text()
    assert panel.error.toolTip() == panel.error.text()
    assert panel.error.height() < 40


def test_explain_shows_the_plan_as_text(panel: SqlPanel, asked: FakeAsked, qtbot: QtBot) -> None:
    plan = "SEQ_SCAN\nrecords"
    asked.reply = FakeAnswer(pa.table({"explain_key": ["physical_plan"], "explain_value": [plan]}))
    write(panel, "select 1")
    click(panel.bar.explain_button)
    qtbot.waitUntil(lambda: panel.plan.toPlainText() == plan)
    assert asked.questions[-1].sql == "EXPLAIN select 1"
    assert panel.stack.currentWidget() is panel.plan
    asked.reply = wrong(len("EXPLAIN ") + 7)
    panel.explain()
    qtbot.waitUntil(lambda: bool(panel.editor.extraSelections()))
    assert panel.editor.extraSelections()[0].cursor.selectedText() == "1"


def test_what_has_to_be_known_of_an_answer_is_said(panel: SqlPanel, asked: FakeAsked, qtbot: QtBot) -> None:
    note = "durations of 12 records are not read yet"
    asked.reply = FakeAnswer(pa.table({"n": [1, 2]}), truncated=True, notes=(note,))
    run(panel, qtbot)
    assert panel.head.count.text() == "2 rows"
    assert panel.notes.text() == f"Only the first 2 rows are here, there are more · {note}"
    assert panel.notes.isVisible()
    assert not panel.head.next.isVisible()


# --- moments ----------------------------------------------------------------------------------------


def test_enter_goes_to_the_moment_with_its_lead_in(panel: SqlPanel, qtbot: QtBot) -> None:
    run(panel, qtbot)
    qtbot.waitUntil(panel.table.hasFocus)  # the answer's first row is a key away
    spy = QSignalSpy(panel.moment)
    QTest.keyClick(panel.table, Qt.Key.Key_Return)
    QTest.keyClick(panel.table, Qt.Key.Key_Down)
    QTest.keyClick(panel.table, Qt.Key.Key_Return)
    panel.head.lead_in.setValue(2)
    QTest.keyClick(panel.table, Qt.Key.Key_Down)
    QTest.keyClick(panel.table, Qt.Key.Key_Return)
    assert [spy.at(number) for number in range(spy.count())] == [
        ["rec_003", 6_900_000_000],
        ["rec_001", 0],  # no time before the record's start
        ["rec_001", 10_500_000_000],
    ]


def test_a_double_click_goes_to_the_moment(panel: SqlPanel, qtbot: QtBot) -> None:
    run(panel, qtbot)
    spy = QSignalSpy(panel.moment)
    spot = panel.table.visualRect(panel.table.rows.index(1, 3)).center()
    for press in (QTest.mouseClick, QTest.mouseDClick):
        press(panel.table.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, spot)
    assert spy.at(0)[0] == "rec_001"


def test_f8_steps_through_the_moments_and_over_what_has_none(panel: SqlPanel, qtbot: QtBot) -> None:
    run(panel, qtbot)
    spy = QSignalSpy(panel.moment)
    for _ in range(4):
        QTest.keyClick(panel.table, Qt.Key.Key_F8)
    QTest.keyClick(panel.table, Qt.Key.Key_F8, SHIFT)
    assert [spy.at(number)[0] for number in range(spy.count())] == [
        "rec_003",
        "rec_001",
        "rec_001",
        "rec_001",
    ]
    assert panel.table.currentIndex().row() == 1
    assert panel.previous_moment()
    assert not panel.previous_moment()


def test_rows_with_a_record_and_no_time_lead_to_the_record(
    panel: SqlPanel, asked: FakeAsked, qtbot: QtBot
) -> None:
    asked.reply = FakeAnswer(pa.table({"record_id": ["a", "b", "a"], "n": [1, 2, 3]}))
    run(panel, qtbot)
    spy = QSignalSpy(panel.moment)
    assert panel.next_moment()
    assert spy.at(0) == ["a", None]
    assert panel.head.count.text() == "3 rows in 2 records"
    assert not panel.head.lead_in.isVisible()


def test_delete_excludes_and_control_z_brings_back(panel: SqlPanel, qtbot: QtBot) -> None:
    run(panel, qtbot)
    spy = QSignalSpy(panel.ranges_changed)
    QTest.keyClick(panel.table, Qt.Key.Key_Down)
    QTest.keyClick(panel.table, Qt.Key.Key_Delete)
    assert cells(panel, 0) == ["rec_003", "rec_001", "null", "rec_007"]
    assert panel.head.count.text() == "2 moments in 2 records, 4 rows, 1 excluded"
    assert panel.table.currentIndex().row() == 1
    assert spy.count() == 1
    assert panel.ranges("rec_001").tolist() == [[12_500_000_000, 12_500_000_000]]
    QTest.keyClick(panel.table, Qt.Key.Key_A, CONTROL)
    QTest.keyClick(panel.table, Qt.Key.Key_Delete)
    assert panel.table.rows.rowCount() == 0
    assert not panel.next_moment()
    for _ in range(3):
        QTest.keyClick(panel.table, Qt.Key.Key_Z, CONTROL)
    assert cells(panel, 3) == ["half past", r"ten\tto", "null", "stray", "quarter"]
    assert panel.table.currentIndex().row() == 1


def test_after_an_exclusion_the_next_moment_is_the_row_that_moved_up(panel: SqlPanel, qtbot: QtBot) -> None:
    run(panel, qtbot)
    spy = QSignalSpy(panel.moment)
    panel.next_moment()
    QTest.keyClick(panel.table, Qt.Key.Key_Delete)
    panel.next_moment()
    assert spy.at(1) == ["rec_001", 0]


def test_the_records_of_the_result_are_told_while_the_filter_is_on(panel: SqlPanel, qtbot: QtBot) -> None:
    run(panel, qtbot)
    spy = QSignalSpy(panel.chosen)
    click(panel.head.filter)
    QTest.keyClick(panel.table, Qt.Key.Key_Delete)
    click(panel.head.filter)
    assert [spy.at(number)[0] for number in range(spy.count())] == [
        ["rec_003", "rec_001", "rec_007"],
        ["rec_001", "rec_007"],
        None,
    ]


@pytest.mark.parametrize(
    ("columns", "first"),
    [
        ({"record_id": ["a"], "t_s": [1.5]}, ("a", 1_500_000_000, None)),
        ({"RECORD_ID": ["a"], "T_S": [1]}, ("a", NS, None)),
        ({"record_id": [7], "start_s": [1], "end_s": [2]}, ("7", NS, 2 * NS)),
        ({"record_id": ["a"], "start_s": ["soon"]}, ("a", None, None)),
        ({"record_id": ["a"], "t_s": [float("nan")]}, ("a", None, None)),
        ({"record_id": ["a"], "t_s": [1e300]}, ("a", None, None)),
        ({"record_id": ["a"], "end_s": [2.0]}, ("a", None, None)),
        ({"record_id": [None], "t_s": [1.0]}, None),
        ({"t_s": [1.0]}, None),
    ],
)
def test_which_columns_make_a_moment(columns: dict[str, list[Any]], first: Any) -> None:
    assert Moments(pa.table(columns)).of(0) == first


# --- the table --------------------------------------------------------------------------------------


def test_a_click_on_a_header_sorts_and_the_third_gives_the_order_back(panel: SqlPanel, qtbot: QtBot) -> None:
    run(panel, qtbot)
    head = panel.table.horizontalHeader()
    spot = QPoint(head.sectionViewportPosition(4) + 10, head.height() // 2)
    seen = []
    for _ in range(3):
        QTest.mouseClick(head.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, spot)
        seen.append(cells(panel, 4))
    assert seen == [
        ["-320", "5", "12", "40", "null"],
        ["40", "12", "5", "-320", "null"],
        ["-320", "12", "null", "40", "5"],
    ]


def test_exclusion_holds_through_sorting_and_the_mark_stays_on_its_row(panel: SqlPanel, qtbot: QtBot) -> None:
    run(panel, qtbot)
    panel.table.go_to(1)
    QTest.keyClick(panel.table, Qt.Key.Key_Delete)
    panel.table.go_to(2)  # 40
    panel.table.sortByColumn(4, Qt.SortOrder.DescendingOrder)
    assert cells(panel, 4) == ["40", "5", "-320", "null"]
    assert panel.table.currentIndex().row() == 0
    QTest.keyClick(panel.table, Qt.Key.Key_Z, CONTROL)
    assert cells(panel, 4) == ["40", "12", "5", "-320", "null"]


def test_control_c_copies_the_selected_rows_as_tabs(panel: SqlPanel, qtbot: QtBot) -> None:
    run(panel, qtbot)
    QTest.keyClick(panel.table, Qt.Key.Key_Down, SHIFT)
    panel.table.setColumnHidden(2, True)
    QTest.keyClick(panel.table, Qt.Key.Key_C, CONTROL)
    clipboard = QGuiApplication.clipboard()
    assert clipboard.text() == 'rec_003\t7.4\thalf past\t-320\nrec_001\t0.2\t"ten\tto"\t12\n'
    QTest.keyClick(panel.table, Qt.Key.Key_C, CONTROL | SHIFT)
    assert clipboard.text().startswith("record_id\tstart_s\tlabel\toffset_ms\n")


def test_the_header_menu_hides_columns_but_not_the_last(panel: SqlPanel, qtbot: QtBot) -> None:
    run(panel, qtbot)
    for number in range(4):
        panel.table.column_menu().actions()[2 + number].trigger()
    assert [panel.table.isColumnHidden(column) for column in range(5)] == [True] * 4 + [False]
    menu = panel.table.column_menu()
    assert not menu.actions()[6].isEnabled()
    menu.actions()[0].trigger()
    assert not panel.table.isColumnHidden(0)


def test_a_million_rows_stay_arrow(panel: SqlPanel, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    inner = ResultModel.value

    def counted(self: ResultModel, row: int, column: int) -> Any:
        read.append(row)
        return inner(self, row, column)

    monkeypatch.setattr(ResultModel, "value", counted)
    rows = 1_000_000
    table = pa.table({"record_id": pa.array(["a"] * rows), "t_s": np.arange(rows, 0, -1) / 10})
    panel._show(FakeAnswer(table))
    panel.table.sortByColumn(1, Qt.SortOrder.AscendingOrder)
    panel.table.go_to(500_000)
    panel.table.exclude()
    panel.table.undo()
    panel.table.viewport().repaint()
    assert len(read) < 3_000
    assert cells_at(panel, 0) == "0.1"


def cells_at(panel: SqlPanel, row: int) -> str:
    return str(panel.table.rows.index(row, 1).data())


def test_a_cell_of_any_type_is_one_line_of_text() -> None:
    table = pa.table(
        {
            "list": [[1, 2]],
            "nano": pa.array([1_700_000_000_000_000_001], pa.timestamp("ns")),
            "bytes": [b"\x00\xff"],
            "text": ["two\nlines"],
            "third": [1 / 3],
            "sum": [0.1 + 0.2],
            "yes": [True],
        }
    )
    model = ResultModel()
    model.set_table(table)
    texts = [str(model.index(0, column).data()) for column in range(table.num_columns)]
    assert texts[0] == "[1, 2]"
    assert "2023-11-14" in texts[1]
    assert texts[2:] == ["00 ff", r"two\nlines", "0.333333", "0.3", "true"]
    assert cell_text(0.1 + 0.2, exact=True) == "0.30000000000000004"
    model.arrange(0, False)  # a list has no order; it stays
    assert model.rowCount() == 1


# --- saving -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", [".csv", ".json", ".parquet"])
def test_the_shown_rows_are_saved_in_their_order(
    panel: SqlPanel, asked: FakeAsked, qtbot: QtBot, tmp_path: Path, ending: str
) -> None:
    run(panel, qtbot)
    panel.table.sortByColumn(4, Qt.SortOrder.AscendingOrder)
    panel.table.exclude()
    path = tmp_path / f"rows{ending}"
    panel.save_to(path)
    qtbot.waitUntil(lambda: panel.hint.text().startswith("4 rows saved"))
    if ending == ".json":
        table = pa.Table.from_pylist(json.loads(path.read_text("utf-8")))
    else:
        table = pq.read_table(path) if ending == ".parquet" else pyarrow.csv.read_csv(path)
    assert table.column("offset_ms").to_pylist() == [5, 12, 40, None]
    assert os.listdir(tmp_path) == [path.name]


def test_nothing_is_saved_into_the_dataset(panel: SqlPanel, qtbot: QtBot, tmp_path: Path) -> None:
    root = tmp_path / "data"
    root.mkdir()
    panel.set_session(FakeAsked(root, FakeAnswer(moments())))
    run(panel, qtbot)
    link = tmp_path / "link"
    link.symlink_to(root)
    panel.save_to(link / "rows.csv")
    qtbot.waitUntil(panel.error.isVisible)
    assert panel.error.text().startswith("Nothing is written into the dataset")
    assert not list(root.iterdir())
    with pytest.raises(InspectorError, match="names no format"):
        save(moments(), tmp_path / "rows.xls", root)


def test_lists_and_columns_of_one_name_are_saved(tmp_path: Path) -> None:
    columns = [pa.array([[1, 2], None]), pa.array([1.0, float("nan")]), pa.array([3.0, 4.0])]
    table = pa.table(columns, names=["a", "b", "b"])
    for ending in (".csv", ".json", ".parquet"):
        save(table, tmp_path / f"x{ending}", None)
    assert json.loads((tmp_path / "x.json").read_text()) == [
        {"a": [1, 2], "b": 1.0, "b_1": 3.0},
        {"a": None, "b": None, "b_1": 4.0},
    ]
    assert pq.read_table(tmp_path / "x.parquet").column_names == ["a", "b", "b_1"]
    assert (tmp_path / "x.csv").read_text().splitlines()[1] == '"[1, 2]",1,3'


# --- a real dataset ---------------------------------------------------------------------------------


def test_the_demo_is_asked_and_its_channels_are_learnt(qtbot: QtBot) -> None:
    session = Session.open(resource("demo"))
    try:
        panel = a_panel(qtbot, session)
        panel.editor.put("SELECT record_id, start_s, end_s FROM words WHERE text = 'past' ORDER BY ALL")
        spy = QSignalSpy(panel.moment)
        panel.run()
        qtbot.waitUntil(lambda: panel._question is None, timeout=30_000)
        assert panel.error.text() == ""
        assert "moments in" in panel.head.count.text()
        assert panel.next_moment()
        assert spy.at(0)[0] == "rec_001"
        panel.editor.put("SELECT minute_degs FROM samples")
        panel.run()
        qtbot.waitUntil(lambda: panel._question is None, timeout=30_000)
        (mark,) = panel.editor.extraSelections()
        assert mark.cursor.selectedText() == "minute_degs"
        words = panel.editor.highlighter.words
        assert "minute_deg" in [name for name, _ in words.schema["samples"]]
        assert "median" in words.functions
        panel.explain()
        qtbot.waitUntil(lambda: panel._question is None, timeout=30_000)
        panel.set_session(None)
    finally:
        session.close()
