"""The row above the query: run it, take one from the shelf, keep one under a name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QLineEdit,
    QMenu,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from inspector.core.assets import resource
from inspector.errors import InspectorError, plain
from inspector.ui import theme
from inspector.ui.panels.sql_store import LONGEST_SQL, QueryStore
from inspector.ui.panels.sql_words import title_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from PySide6.QtGui import QResizeEvent

    from inspector.ui.panels.sql_asking import Asked

LISTED = 25
"""So many queries of the history are in the menu; Alt+Up reaches the others."""
LETTERS = 60
NARROW, WIDEST, MOST = 480, 260, 16_777_215
"""Px below which the words to look for have a line of their own, and how wide they are beside the buttons and
there (without a bound)."""


def templates() -> list[tuple[str, str]]:
    """Title and text of each query that comes with the program, in the order of the files' names."""
    texts = [path.read_text("utf-8") for path in sorted(resource("sql").glob("*.sql"))]
    return [(title_of(text), text) for text in texts]


def menu_text(sql: str) -> str:
    """A query as a line of a menu: its title, or its words on one line."""
    words = sql if not sql.lstrip().startswith("--") else title_of(sql)
    line = plain(" ".join(words.split()))
    line = line if len(line) <= LETTERS else line[: LETTERS - 1] + "…"
    return line.replace("&", "&&")


class QueryBar(QWidget):
    """Buttons and menus. It asks; the panel does."""

    run = Signal()
    """Run, or cancel where something runs."""
    explain = Signal()
    put = Signal(str)
    """Show this query in the editor."""
    judge = Signal(str)
    """Show this in the editor and run it: a rule, or a search."""
    said = Signal(str)
    """Something was done, in words."""
    told = Signal(object)
    """An InspectorError to show."""

    def __init__(self, text: Callable[[], str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._text = text
        self._renaming: str | None = None
        self.store = QueryStore(None)
        self._asked: Asked | None = None
        self.run_button = QPushButton("Run")
        self.run_button.setProperty("primary", True)
        self.run_button.setToolTip("Run the query (Ctrl+Enter)")
        self.run_button.setMinimumWidth(64)
        self.run_button.clicked.connect(self.run)
        self.templates_button = self._menu_button("Templates", "Queries to start from")
        self.queries_button = self._menu_button("Queries", "Saved queries, and those run before (Alt+Up)")
        self.explain_button = QToolButton()
        self.explain_button.setText("Explain")
        self.explain_button.setToolTip("How the database would go about the query; it is not run")
        self.explain_button.clicked.connect(self.explain)
        self.templates_button.menu().aboutToShow.connect(self.fill_templates)
        self.queries_button.menu().aboutToShow.connect(self.fill_queries)
        self.words = QLineEdit()
        self.words.setPlaceholderText("Find words in all texts")
        self.words.setToolTip('Words, beginnings* and "phrases" in every transcript (Ctrl+Shift+F)')
        self.words.setAccessibleName("Find words in all texts")
        self.words.setMinimumWidth(96)
        self.words.setMaximumWidth(WIDEST)
        self.words.returnPressed.connect(self._find)
        self.name = QLineEdit()
        self.name.setPlaceholderText("Name of the query; Enter keeps it, Esc does not")
        self.name.setAccessibleName("Name of the query")
        self.name.setMaxLength(80)
        self.name.returnPressed.connect(self._named)
        self.name.installEventFilter(self)
        self.name.hide()
        self._row = row = QHBoxLayout()
        row.setSpacing(theme.STEP)
        row.addWidget(self.run_button)
        row.addSpacing(theme.STEP)
        for button in (self.templates_button, self.queries_button, self.explain_button):
            row.addWidget(button)
        row.addStretch(1)
        row.addWidget(self.words, 1)
        self._box = box = QVBoxLayout(self)
        box.setContentsMargins(theme.MARGIN, 0, theme.MARGIN, 2 * theme.STEP)
        box.setSpacing(2 * theme.STEP)
        box.addLayout(row)
        box.addWidget(self.name)

    def _menu_button(self, text: str, tip: str) -> QToolButton:
        button = QToolButton()
        button.setText(text)
        button.setToolTip(tip)
        button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        button.setIcon(theme.icon("chevron-down"))
        button.setIconSize(QSize(12, 12))
        button.setLayoutDirection(Qt.LayoutDirection.RightToLeft)  # the arrow after the word
        # Qt's own arrow lies on the text where a style sheet sets the padding.
        button.setStyleSheet("QToolButton::menu-indicator { image: none; width: 0; }")
        menu = QMenu(button)
        menu.setLayoutDirection(Qt.LayoutDirection.LeftToRight)
        menu.setToolTipsVisible(True)
        button.setMenu(menu)
        return button

    def resizeEvent(self, event: QResizeEvent) -> None:
        """In a narrow pane words are looked for in a line of their own."""
        super().resizeEvent(event)
        below = self._row.indexOf(self.words) < 0
        if (self.width() < NARROW) == below:
            return
        if below:
            self._row.addWidget(self.words, 1)
        else:
            self._box.insertWidget(1, self.words)
        self.words.setMaximumWidth(WIDEST if below else MOST)

    # --- what the panel calls -------------------------------------------------------------------------

    def set_store(self, store: QueryStore) -> None:
        """The saved queries and the history of another dataset."""
        self.store = store
        self._close_name()

    def set_running(self, running: bool) -> None:
        """The button runs, or cancels what runs."""
        self.run_button.setText("Cancel" if running else "Run")
        self.run_button.setToolTip("Stop it (Esc)" if running else "Run the query (Ctrl+Enter)")
        self.run_button.setProperty("primary", not running)
        self.run_button.style().unpolish(self.run_button)
        self.run_button.style().polish(self.run_button)
        self.explain_button.setEnabled(not running and self.run_button.isEnabled())

    def set_asked(self, asked: Asked | None) -> None:
        """The dataset that is asked, if any."""
        self._asked = asked
        there = asked is not None
        self.run_button.setEnabled(there)
        self.explain_button.setEnabled(there)

    # --- menus ----------------------------------------------------------------------------------------

    def fill_templates(self) -> None:
        """Read the templates anew."""
        menu = self.templates_button.menu()
        menu.clear()
        try:
            found = templates()
        except InspectorError as error:
            self.told.emit(error)
            return
        for title, sql in found:
            self._offer(menu, title.replace("&", "&&"), sql)

    def fill_queries(self) -> None:
        """Saved queries, what can be done with them, and the history."""
        menu = self.queries_button.menu()
        menu.clear()
        for submenu in menu.findChildren(QMenu):
            submenu.deleteLater()
        saved = self.store.saved
        for name, sql in saved.items():
            self._offer(menu, name.replace("&", "&&"), sql)
        if not saved:
            menu.addAction("No query is saved yet").setEnabled(False)
        menu.addSeparator()
        keep = menu.addAction("Save as…")
        keep.setEnabled(bool(self._text().strip()))
        keep.triggered.connect(self.save_as)
        for text, then in (("Rename", self.rename), ("Delete", self.delete)):
            names = menu.addMenu(text)
            names.setEnabled(bool(saved))
            for name in saved:
                action = names.addAction(name.replace("&", "&&"))
                action.triggered.connect(lambda _=False, then=then, name=name: then(name))
        menu.addAction("Import from a .sql file…").triggered.connect(self._ask_file)
        menu.addSeparator()
        self._fill_rules(menu)
        before = menu.addMenu("History")
        before.setEnabled(bool(self.store.history))
        before.setToolTipsVisible(True)
        for sql in reversed(self.store.history[-LISTED:]):
            self._offer(before, menu_text(sql), sql)

    def _fill_rules(self, menu: QMenu) -> None:
        """The dataset's rules, which run when they are chosen, and queries that can become one."""
        if self._asked is None:
            return
        rules = menu.addMenu("Run a rule")
        rules.setToolTipsVisible(True)
        for rule in self._asked.rules():
            action = rules.addAction(rule.name.replace("&", "&&"))
            action.setToolTip(theme.tip(rule.sql[:2000]))
            action.triggered.connect(lambda _=False, sql=rule.sql: self.judge.emit(sql))
        rules.setEnabled(not rules.isEmpty())
        made = menu.addMenu("Make a rule of")
        made.setEnabled(bool(self.store.saved))
        for name in self.store.saved:
            action = made.addAction(name.replace("&", "&&"))
            action.triggered.connect(lambda _=False, name=name: self.make_rule(name))
        menu.addSeparator()

    def make_rule(self, name: str) -> None:
        """Keep a saved query as a rule of the dataset, which runs with the audit."""
        if self._asked is None:
            return
        try:
            rule = self._asked.make_rule(name, self.store.saved[name])
        except InspectorError as error:
            self.told.emit(error)
        else:
            self.said.emit(f"{rule.name} is a rule now: Queries › Run a rule")

    def _find(self) -> None:
        """The places as the rows of a question, which can be written further."""
        if self.words.text().strip():
            words = self.words.text().strip().replace("'", "''")
            columns = "record_id, start_s, end_s, text, speaker, stream_id"
            self.judge.emit(f"SELECT {columns}\nFROM search('{words}')")

    def _offer(self, menu: QMenu, text: str, sql: str) -> None:
        action = menu.addAction(text)
        action.setToolTip(theme.tip(sql[:2000]))
        action.triggered.connect(lambda _=False: self.put.emit(sql))

    # --- saved queries --------------------------------------------------------------------------------

    def save_as(self) -> None:
        """Ask for a name in the row below."""
        self._ask_name(None, title_of(self._text()) if self._text().lstrip().startswith("--") else "")

    def rename(self, name: str) -> None:
        """Ask for another name."""
        self._ask_name(name, name)

    def delete(self, name: str) -> None:
        """Forget a saved query. It goes to the history, from where it can be taken again."""
        self.store.remember(self.store.saved.get(name, ""))
        self.store.delete(name)

    def import_file(self, path: Path) -> None:
        """Show the query in a file, and keep it under the file's name."""
        try:
            if path.stat().st_size > 4 * LONGEST_SQL:
                raise InspectorError("The file is too long for a query", str(path))
            sql = path.read_text("utf-8-sig")
        except UnicodeDecodeError:
            self.told.emit(InspectorError("The file is not text", str(path), "It has to be UTF-8"))
        except OSError as error:
            self.told.emit(InspectorError("The file cannot be read", str(error)))
        except InspectorError as error:
            self.told.emit(error)
        else:
            name, number = path.stem[:80], 2
            while self.store.saved.get(name, sql) != sql:
                name, number = f"{path.stem[:76]} {number}", number + 1
            self.store.save(name, sql)
            self.put.emit(sql)

    def _ask_file(self) -> None:
        dialog = QFileDialog(self, "Import a query", "", "SQL (*.sql);;All files (*)")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setModal(False)
        dialog.fileSelected.connect(lambda name: self.import_file(Path(name)))
        dialog.show()

    def _ask_name(self, renaming: str | None, name: str) -> None:
        self._renaming = renaming
        self.name.setText(name)
        self.name.show()
        self.name.setFocus()
        self.name.selectAll()

    def _named(self) -> None:
        name = self.name.text().strip()
        if not name:
            return
        if self._renaming is None:
            done = self.store.save(name, self._text())
            why = InspectorError("The query is not saved", "It is too long, or too many are saved")
        else:
            done = self.store.rename(self._renaming, name)
            why = InspectorError("There is a query of that name", name, "Choose another name")
        if done:
            self._close_name()
        else:
            self.told.emit(why)

    def _close_name(self) -> None:
        self._renaming = None
        self.name.hide()

    def eventFilter(self, watched: object, event: QEvent) -> bool:
        """Esc leaves the name as it was."""
        if watched is self.name and isinstance(event, QKeyEvent) and event.key() == Qt.Key.Key_Escape:
            if event.type() == QEvent.Type.KeyPress:
                self._close_name()
            return True
        return False

    def changeEvent(self, event: QEvent) -> None:
        """Draw the arrows in a new theme."""
        if event.type() == QEvent.Type.PaletteChange and hasattr(self, "queries_button"):
            for button in (self.templates_button, self.queries_button):
                button.setIcon(theme.icon("chevron-down"))
        super().changeEvent(event)
