"""The SQL panel's editor and the queries that are kept: real keys, completions, history, templates."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
from gui.panel_fakes import shown
from gui.sql_fakes import ALT, CONTROL, SCHEMA, FakeAnswer, FakeAsked, a_panel, moments, run, write
from gui.windows import part_of_demo
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QMainWindow, QMenu

from inspector.query import gate
from inspector.ui.panels.sql import SqlPanel
from inspector.ui.panels.sql_bar import templates
from inspector.ui.panels.sql_store import HISTORY, QueryStore, queries_path
from inspector.ui.panels.sql_words import Vocabulary

if TYPE_CHECKING:
    from gui.windows import Windows
    from pytestqt.qtbot import QtBot


pytestmark = pytest.mark.usefixtures("dark")


@pytest.fixture
def asked() -> FakeAsked:
    return FakeAsked(reply=FakeAnswer(moments()))


@pytest.fixture
def panel(qtbot: QtBot, asked: FakeAsked) -> SqlPanel:
    return a_panel(qtbot, asked)


# --- the editor -------------------------------------------------------------------------------------


def test_words_are_proposed_while_typing_and_tab_takes_one(panel: SqlPanel) -> None:
    editor = panel.editor
    QTest.keyClicks(editor, "select duration_s from r")
    assert not editor.proposals.isVisible()
    QTest.keyClicks(editor, "e")
    assert editor.proposals.isVisible()
    assert editor.proposals.word() == "records"
    QTest.keyClick(editor, Qt.Key.Key_Tab)
    assert editor.toPlainText() == "select duration_s from records"
    assert not editor.proposals.isVisible()
    QTest.keyClicks(editor, " where fl")
    assert editor.proposals.word() == "flag"
    QTest.keyClick(editor, Qt.Key.Key_Down)
    QTest.keyClick(editor, Qt.Key.Key_Escape)
    assert not editor.proposals.isVisible()
    assert editor.toPlainText().endswith("where fl")


def test_control_space_proposes_and_a_point_the_columns_of_its_table(panel: SqlPanel) -> None:
    editor = panel.editor
    QTest.keyClick(editor, Qt.Key.Key_Space, CONTROL)
    assert editor.proposals.isVisible()
    QTest.keyClick(editor, Qt.Key.Key_Escape)
    editor.put("select  from pairs as p")
    cursor = editor.textCursor()
    cursor.setPosition(7)
    editor.setTextCursor(cursor)
    QTest.keyClicks(editor, "p.")
    words = [each.word for each in editor.proposals.words.proposals]
    assert words == [name for name, _ in SCHEMA["pairs"]]
    QTest.keyClick(editor, Qt.Key.Key_Return)
    assert editor.toPlainText() == "select p.record_id from pairs as p"


def test_the_list_of_words_lies_on_the_window_and_goes_with_it(qtbot: QtBot, asked: FakeAsked) -> None:
    window = QMainWindow()
    panel = SqlPanel()
    panel.set_session(asked)
    window.setCentralWidget(panel)
    shown(qtbot, window, 400, 300)
    panel.editor.setFocus()
    QTest.keyClicks(panel.editor, "select re")
    words = panel.editor.proposals
    assert words.isVisible()
    assert words.parent() is window
    assert window.rect().contains(words.geometry())
    panel.hide()
    assert not words.isVisible()


def test_a_name_that_is_a_reserved_word_is_quoted(panel: SqlPanel) -> None:
    editor = panel.editor
    QTest.keyClicks(editor, "select flags.")
    editor.proposals.setCurrentIndex(editor.proposals.words.index(4, 0))
    QTest.keyClick(editor, Qt.Key.Key_Tab)
    assert editor.toPlainText() == 'select flags."at"'


def test_values_are_proposed_behind_the_quote_and_asked_for_once(panel: SqlPanel) -> None:
    editor, wanted = panel.editor, []
    editor.values_wanted.connect(lambda *place: wanted.append(place))
    QTest.keyClicks(editor, "select * from records where record_id = '")
    assert wanted == [("records", "record_id")]
    assert not editor.proposals.isVisible()
    editor.set_values("records", "record_id", ["left arm", "the left", "d'Or"])
    assert [each.word for each in editor.proposals.words.proposals] == ["left arm", "the left", "d'Or"]
    QTest.keyClicks(editor, "le")
    assert [each.word for each in editor.proposals.words.proposals] == ["left arm", "the left"]
    QTest.keyClick(editor, Qt.Key.Key_Tab)
    assert editor.toPlainText().endswith("= 'left arm'")
    assert not editor.proposals.isVisible()
    QTest.keyClicks(editor, " or record_id in ('x', 'd")
    QTest.keyClick(editor, Qt.Key.Key_Tab)
    assert editor.toPlainText().endswith("in ('x', 'd''Or'")
    assert wanted == [("records", "record_id")]


def test_the_window_asks_what_a_column_holds(open_window: Windows, qtbot: QtBot, tmp_path: Path) -> None:
    window = open_window(part_of_demo(tmp_path / "set", "rec_001", "rec_002"))
    window.actions_["sql"].trigger()
    panel = window.asking.panel
    assert panel is not None
    qtbot.waitUntil(panel.editor.hasFocus)
    qtbot.waitUntil(lambda: "records" in panel.editor.highlighter.words.schema)
    QTest.keyClicks(panel.editor, "select * from records where record_id = 'rec_")
    qtbot.waitUntil(panel.editor.proposals.isVisible, timeout=20_000)
    assert [each.word for each in panel.editor.proposals.words.proposals] == ["rec_001", "rec_002"]


@pytest.mark.parametrize(
    ("before", "column"),
    [
        ("select * from records r where r.record_id like '%a", "record_id"),
        ("select * from records where \"record_id\" NOT IN ('it''s', 'b", "record_id"),
        ("select * from records where record_id != '", "record_id"),
        ("select * from records where duration_s = '", None),  # no text
        ("select 'record_id = ", None),
        ("select * from flags where nothing = '", None),
    ],
)
def test_where_a_value_is_begun(before: str, column: str | None) -> None:
    place = Vocabulary(SCHEMA).place(before, before)
    assert (None if place is None else place.column) == column


def test_nothing_is_proposed_in_a_string_or_a_comment(panel: SqlPanel) -> None:
    QTest.keyClicks(panel.editor, "select 're")
    assert not panel.editor.proposals.isVisible()
    QTest.keyClicks(panel.editor, "' -- re")
    assert not panel.editor.proposals.isVisible()


def test_a_line_is_cut_into_words() -> None:
    words = Vocabulary(SCHEMA, ("count",))
    line = "SELECT count(record_id), 'it''s', 1.5e-3 FROM words -- all"
    tokens, state = words.tokens(line, 0)
    assert state == 0
    assert [(line[each.start : each.end], each.kind) for each in tokens] == [
        ("SELECT", "keyword"),
        ("count", "function"),
        ("record_id", "column"),
        ("'it'", "string"),
        ("'s'", "string"),
        ("1.5e-3", "number"),
        ("FROM", "keyword"),
        ("words", "table"),
        ("-- all", "comment"),
    ]
    assert words.tokens("a /* b", 0)[1] == 1
    assert [each.kind for each in words.tokens("select */ 1", 1)[0]] == ["comment", "number"]
    assert words.tokens("'", 0) == ([(0, 1, "string")], 2)


# --- queries that are kept --------------------------------------------------------------------------


def test_alt_up_walks_the_history_which_is_kept(panel: SqlPanel, asked: FakeAsked, qtbot: QtBot) -> None:
    for number in range(3):
        run(panel, qtbot, f"select {number}")
        panel.editor.setFocus()
    panel.editor.put("")
    write(panel, "draft")
    seen = []
    for key in (Qt.Key.Key_Up, Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_Down):
        QTest.keyClick(panel.editor, key, ALT)
        seen.append(panel.editor.toPlainText())
    assert seen == ["select 2", "select 1", "select 2", "draft"]
    run(panel, qtbot, "select 2")
    panel.editor.setFocus()
    QTest.keyClick(panel.editor, Qt.Key.Key_Up, ALT)
    assert panel.editor.toPlainText() == "select 1"  # not the one that is on show
    again = SqlPanel()
    qtbot.addWidget(again)
    again.set_session(asked)
    assert again.bar.store.history == ["select 0", "select 1", "select 2"]
    again.set_session(FakeAsked(Path("/data/other")))
    assert again.bar.store.history == []


def test_the_history_is_bounded_and_a_query_run_again_moves_up(tmp_path: Path) -> None:
    store = QueryStore(tmp_path)
    for number in range(HISTORY + 20):
        store.remember(f"select {number}")
    store.remember("select 100")
    store.remember("x" * 1_000_000)
    again = QueryStore(tmp_path)
    assert len(again.history) == HISTORY
    assert again.history[-1] == "select 100"
    assert again.history.count("select 100") == 1


def test_queries_lie_in_the_users_folder_and_never_in_the_dataset(home: Path, tmp_path: Path) -> None:
    path = queries_path(tmp_path)
    assert path is not None
    assert path.is_relative_to(home)
    assert queries_path(home) is None
    store = QueryStore(home)
    store.save("one", "select 1")
    assert not list(home.rglob("*.json"))
    assert store.saved == {"one": "select 1"}


@pytest.mark.parametrize("text", ["", "[]", '{"saved": 3, "history": [1, "select 1"]}', "{"])
def test_a_broken_file_of_queries_is_no_obstacle(tmp_path: Path, text: str) -> None:
    path = queries_path(tmp_path)
    assert path is not None
    path.parent.mkdir(parents=True)
    path.write_text(text, "utf-8")
    store = QueryStore(tmp_path)
    store.save("a", "select 2")
    assert QueryStore(tmp_path).saved == {"a": "select 2"}


def menu_action(menu: QMenu, text: str) -> Any:
    return next(action for action in menu.actions() if action.text() == text)


def test_a_query_is_saved_renamed_and_deleted(panel: SqlPanel, qtbot: QtBot, asked: FakeAsked) -> None:
    bar = panel.bar
    menu = bar.queries_button.menu()
    write(panel, "select 1")
    bar.fill_queries()
    menu_action(menu, "Save as…").trigger()
    qtbot.waitUntil(bar.name.hasFocus)
    QTest.keyClicks(bar.name, "mine")
    QTest.keyClick(bar.name, Qt.Key.Key_Return)
    assert not bar.name.isVisible()
    assert QueryStore(asked.root).saved == {"mine": "select 1"}
    bar.store.save("other", "select 2")
    bar.fill_queries()
    menu_action(menu_action(menu, "Rename").menu(), "mine").trigger()
    QTest.keyClicks(bar.name, "other")
    QTest.keyClick(bar.name, Qt.Key.Key_Return)
    assert panel.error.text() == "There is a query of that name: other"
    QTest.keyClick(bar.name, Qt.Key.Key_Escape)
    assert not bar.name.isVisible()
    bar.fill_queries()
    menu_action(menu, "other").trigger()
    assert panel.editor.toPlainText() == "select 2"
    menu_action(menu_action(menu, "Delete").menu(), "mine").trigger()
    assert QueryStore(asked.root).saved == {"other": "select 2"}
    bar.fill_queries()
    menu_action(menu_action(menu, "History").menu(), "select 1").trigger()
    assert panel.editor.toPlainText() == "select 1"


def test_a_sql_file_is_imported_and_what_is_none_is_refused(panel: SqlPanel, tmp_path: Path) -> None:
    path = tmp_path / "late sound.sql"
    path.write_text("select 3", "utf-8")
    panel.bar.import_file(path)
    assert panel.editor.toPlainText() == "select 3"
    path.write_text("select 4", "utf-8")
    panel.bar.import_file(path)
    assert panel.bar.store.saved == {"late sound": "select 3", "late sound 2": "select 4"}
    path.write_bytes(b"\xff\xfe\x00")
    panel.bar.import_file(path)
    assert panel.error.text().startswith("The file is not text")
    panel.bar.import_file(tmp_path / "gone.sql")
    assert panel.error.text().startswith("The file cannot be read")


def test_every_template_has_a_title_and_fits_the_tables(panel: SqlPanel) -> None:
    found = templates()
    assert len(found) >= 10
    with duckdb.connect() as database:
        for table, columns in SCHEMA.items():
            described = ", ".join(f'"{name}" {kind}' for name, kind in columns)
            database.execute(f'CREATE TABLE "{table}" ({described})')
        for title, sql in found:
            assert sql.startswith(f"-- {title}\n")
            names = {each[0] for each in database.execute(sql).description or ()}
            assert "record_id" in names, title
    panel.bar.fill_templates()
    menu = panel.bar.templates_button.menu()
    menu_action(menu, "Missing sound").trigger()
    assert panel.editor.toPlainText() == dict(found)["Missing sound"]
    panel.editor.undo()
    assert panel.editor.toPlainText() == ""


def test_a_click_on_a_table_writes_the_query(panel: SqlPanel) -> None:
    tree = panel.tables.tree
    assert panel.stack.currentWidget() is panel.tables
    assert tree.topLevelItemCount() == len(SCHEMA)
    item: Any = tree.topLevelItem(0)
    spot = tree.visualItemRect(item).center()
    QTest.mouseClick(tree.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, spot)
    assert panel.editor.toPlainText() == "SELECT * FROM records"
    write(panel, " where")
    panel.tables.picked.emit("flag", False)
    assert panel.editor.toPlainText() == "SELECT * FROM records where flag"


def test_a_saved_query_becomes_a_rule_that_runs(panel: SqlPanel, asked: FakeAsked, qtbot: QtBot) -> None:
    panel.bar.store.save("hands", "SELECT record_id FROM records")
    panel.bar.store.save("bad", "DROP TABLE records")
    panel.bar.fill_queries()
    menus = {menu.title(): menu for menu in panel.bar.queries_button.menu().findChildren(QMenu)}
    assert not menus["Run a rule"].isEnabled()
    {each.text(): each for each in menus["Make a rule of"].actions()}["hands"].trigger()
    assert "hands is a rule now" in panel.hint.text()
    panel.bar.fill_queries()
    (menu,) = (
        m
        for m in panel.bar.queries_button.menu().findChildren(QMenu)
        if m.title() == "Run a rule" and m.isEnabled()
    )
    menu.actions()[0].trigger()
    qtbot.waitUntil(lambda: panel._question is None)
    assert asked.questions[-1].sql == "SELECT record_id FROM records"
    assert "moments in" in panel.head.count.text()  # its rows lead to frames like any
    panel.bar.make_rule("bad")
    assert "DROP is not asked here" in panel.error.text()


def test_words_are_looked_for_as_a_question(panel: SqlPanel, asked: FakeAsked, qtbot: QtBot) -> None:
    QTest.keyClicks(panel.bar.words, 'o\'clock "half past" quart*')
    QTest.keyClick(panel.bar.words, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: panel._question is None)
    sql = asked.questions[-1].sql
    assert sql == panel.editor.toPlainText()
    assert gate.examine(sql, SCHEMA).searches == ('o\'clock "half past" quart*',)
    assert panel.next_moment()
