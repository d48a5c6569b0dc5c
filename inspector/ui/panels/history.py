"""The history: every edit by time and author, which leads to its record; and a flag with a note to give."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QAbstractListModel, QEvent, QModelIndex, QPersistentModelIndex, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QPainter
from PySide6.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from inspector.core.curation import FLAGS
from inspector.core.times import clock_text
from inspector.ui import theme
from inspector.ui.panels.common import SMALL, Panel, SectionHeader, Words, number_text, paint_elided
from inspector.ui.panels.lines import LineList, RowList

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inspector.core.model import Problem
    from inspector.core.state import Past

CARD = 11 * theme.STEP
EVERYONE = "Everyone"
MOST_QUESTIONS = 500

AnyIndex = QModelIndex | QPersistentModelIndex


@dataclass(frozen=True, slots=True)
class Row:
    """What the list shows of an edit, whatever its size. `at_ns` is the moment that it is pinned to."""

    id: str
    at: int
    author: str
    title: str
    note: str
    in_force: bool
    records: int
    record_id: str | None
    at_ns: int | None

    @classmethod
    def of(cls, past: Past) -> Row:
        """The first record of the edit is the one that it leads to."""
        edit = past.edit
        notes = [change.after for change in edit.changes if change.path.startswith("notes/")]
        pinned = [note["at_ns"] for note in notes if _is_pinned(note)]
        return cls(
            edit.id,
            edit.at,
            edit.author,
            edit.title,
            edit.note,
            past.in_force,
            len({change.record_id for change in edit.changes}),
            next((change.record_id for change in edit.changes if change.record_id), None),
            pinned[0] if pinned else None,
        )

    def second_line(self) -> str:
        """Who and when, where it leads, and the note."""
        when = datetime.fromtimestamp(self.at // 10**9).astimezone()
        parts = [self.author or "somebody", f"{when:%d %b %Y %H:%M}"]
        if self.record_id is not None:
            place = self.record_id if self.records == 1 else f"{number_text(self.records)} records"
            parts.append(place if self.at_ns is None else f"{place} at {clock_text(self.at_ns, 1)}")
        if not self.in_force:
            parts.append("undone")
        return " · ".join(parts + ([self.note] if self.note else []))


def _is_pinned(value: Any) -> bool:
    return isinstance(value, dict) and type(value.get("at_ns")) is int


class HistoryModel(QAbstractListModel):
    """Rows of edits, newest first, as far as they were read."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[Row] = []

    def set_rows(self, rows: Sequence[Row], add: bool) -> None:
        """Show these, or add them at the end."""
        if add:
            first = len(self.rows)
            self.beginInsertRows(QModelIndex(), first, first + len(rows) - 1)
            self.rows += rows
            self.endInsertRows()
        else:
            self.beginResetModel()
            self.rows = list(rows)
            self.endResetModel()

    def rowCount(self, parent: AnyIndex | None = None) -> int:
        """How many edits are shown."""
        return 0 if parent is not None and parent.isValid() else len(self.rows)

    def data(self, index: AnyIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """The edit in words."""
        if not index.isValid():
            return None
        row = self.rows[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return row.title
        if role in (Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleTextRole):
            return theme.tip(f"{row.title}\n{row.second_line()}\n{row.id}")
        return None


class HistoryDelegate(QStyledItemDelegate):
    """Two lines an edit; one that is undone is faint and struck through."""

    def sizeHint(self, option: QStyleOptionViewItem, index: AnyIndex) -> QSize:
        """Every edit is as high as the next."""
        return QSize(0, CARD)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: AnyIndex) -> None:
        """One edit."""
        model = index.model()
        assert isinstance(model, HistoryModel)
        row, t = model.rows[index.row()], theme.current()
        ground = QStyle.PrimitiveElement.PE_PanelItemViewItem
        option.widget.style().drawPrimitive(ground, option, painter, option.widget)
        area = option.rect.adjusted(theme.MARGIN, theme.STEP, -theme.MARGIN, -theme.STEP)
        upper = area.adjusted(0, 0, 0, -area.height() // 2)
        lower = area.adjusted(0, area.height() // 2, 0, 0)
        color = t.text if row.in_force else t.faint
        wide = paint_elided(painter, upper, row.title, theme.text_font(), color)
        if not row.in_force:
            y = upper.center().y() + 1
            painter.drawLine(upper.left(), y, upper.left() + min(wide, upper.width()), y)
        paint_elided(painter, lower, row.second_line(), theme.text_font(SMALL), t.quiet)


class HistoryPanel(Panel):
    """It shows and asks; what is done and read is the window's."""

    moment = Signal(str, object)
    """A record to go to, and a reference time in ns or None."""
    undo_to = Signal(str)
    """The id of the edit up to which the author's newer ones are to be undone."""
    wanted = Signal(object, int)
    """Rows are wanted: of an author or None, behind the first so many."""
    noted = Signal(str, str, bool)
    """A flag with a note is given, pinned to the playhead or not."""
    asked_record = Signal(str)
    """The record of an open question is to be shown."""
    left = Signal()
    """The keys are to go back to where they were."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.rows = HistoryModel()
        self._more = False
        self.flag = QComboBox()
        self.flag.setEditable(True)
        self.flag.addItems(FLAGS)
        self.flag.setToolTip("One of these, or one short word of your own")
        self.flag.setAccessibleName("Flag")
        self.note = QLineEdit()
        self.note.setPlaceholderText("Why? Enter flags, Esc goes back")
        self.note.setAccessibleName("Note")
        self.note.setMaxLength(4000)
        self.pinned = QCheckBox("at the playhead")
        self.pinned.setToolTip("Pin the note to this moment: the history leads back to it")
        self.give = QPushButton("Flag")
        self.by = QComboBox()
        self.by.addItem(EVERYONE)
        self.by.setAccessibleName("Whose edits")
        self.list = RowList()
        self.list.setModel(self.rows)
        self.list.setItemDelegate(HistoryDelegate(self.list))
        self.list.setUniformItemSizes(True)
        self.list.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setAccessibleName("History")
        self.back = QPushButton("Undo back to here")
        self.back.setToolTip("Undo your own edits that came after the selected one; what others did stays")
        self.header = SectionHeader("History")
        self.empty = Words("Nothing decided yet. V flags a record ok, X rejects it, C adds a note.", "quiet")
        self.questions = SectionHeader("Open questions")
        self.told = LineList(40 * theme.STEP)
        self.told.setAccessibleName("Open questions")
        self.told.activated.connect(self._question_chosen)
        self._build()
        self.set_questions([])
        self.note.installEventFilter(self)
        self.note.returnPressed.connect(self._give)
        self.give.clicked.connect(self._give)
        self.by.activated.connect(lambda _: self.ask())
        self.list.entered_row.connect(self._go)
        self.list.doubleClicked.connect(lambda index: self._go(index.row()))
        self.list.selectionModel().currentChanged.connect(lambda *_: self._current_changed())
        self.list.verticalScrollBar().valueChanged.connect(self._scrolled)
        self.back.clicked.connect(self._back)
        self.set_rows([], False, False, 0)

    def _build(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 2 * theme.STEP)
        column.setSpacing(0)
        inner = QVBoxLayout()
        inner.setContentsMargins(theme.MARGIN, 0, theme.MARGIN, theme.MARGIN)
        inner.setSpacing(2 * theme.STEP)
        first, second = QHBoxLayout(), QHBoxLayout()
        first.addWidget(self.flag, 1)
        first.addWidget(self.give)
        second.addWidget(self.pinned)
        second.addStretch(1)
        inner.addLayout(first)
        inner.addWidget(self.note)
        inner.addLayout(second)
        column.addWidget(SectionHeader("Flag with a note"))
        column.addLayout(inner)
        column.addWidget(self.questions)
        column.addWidget(self.told)
        column.addWidget(self.header)
        around = QVBoxLayout()
        around.setContentsMargins(theme.MARGIN, 0, theme.MARGIN, 2 * theme.STEP)
        around.addWidget(self.by)
        around.addWidget(self.empty)
        column.addLayout(around)
        column.addWidget(self.list, 1)
        column.addStretch(0)
        foot = QHBoxLayout()
        foot.setContentsMargins(theme.MARGIN, theme.STEP, theme.MARGIN, 0)
        foot.addWidget(self.back)
        column.addLayout(foot)

    # -- what the window calls -----------------------------------------------------------------------------

    @property
    def author(self) -> str | None:
        """Whose edits are shown, None for everybody's."""
        found: str | None = self.by.currentData()
        return found

    def ask(self) -> None:
        """Have the newest rows read anew."""
        self.wanted.emit(self.author, 0)

    def set_authors(self, authors: Sequence[str]) -> None:
        """Whose edits there are to choose from."""
        chosen = self.author
        self.by.blockSignals(True)
        self.by.clear()
        self.by.addItem(EVERYONE, None)
        for each in authors:
            self.by.addItem(each or "somebody", each)
        self.by.setCurrentIndex(max(self.by.findData(chosen), 0) if chosen is not None else 0)
        self.by.blockSignals(False)

    def set_rows(self, rows: Sequence[Row], add: bool, more: bool, total: int) -> None:
        """Show rows, or add them below those that are shown; `more` says whether there are further ones."""
        chosen = self._chosen()
        self.rows.set_rows(rows, add)
        self._more = more
        self.header.set_count(number_text(total) if total else "")
        self.empty.setVisible(not self.rows.rows)
        self.list.setVisible(bool(self.rows.rows))
        for number, row in enumerate(self.rows.rows if chosen and not add else ()):
            if row.id == chosen:
                self.list.setCurrentIndex(self.rows.index(number, 0))
        self._current_changed()

    def set_questions(self, lines: Sequence[Problem]) -> None:
        """Conflicts that nobody decided, decisions that are held, and what is wrong with a journal."""
        self.questions.setVisible(bool(lines))
        self.questions.set_count(number_text(len(lines)))
        self.told.set_lines(lines[:MOST_QUESTIONS])

    def start_note(self) -> None:
        """Take the keys for a note."""
        self.note.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.note.selectAll()

    # -- inside --------------------------------------------------------------------------------------------

    def eventFilter(self, watched: object, event: QEvent) -> bool:
        """Esc gives the keys back."""
        is_key = watched is self.note and isinstance(event, QKeyEvent)
        if is_key and event.type() == QEvent.Type.KeyPress and event.key() == Qt.Key.Key_Escape:  # type: ignore[attr-defined]
            self.left.emit()
            return True
        return False

    def _question_chosen(self, index: QModelIndex) -> None:
        line = self.told.lines.line(index.row())
        if not isinstance(line, str):
            self.asked_record.emit(line.path)

    def _give(self) -> None:
        flag = self.flag.currentText().strip()
        if flag:
            self.noted.emit(flag, self.note.text().strip(), self.pinned.isChecked())
            self.note.clear()
            self.left.emit()

    def _go(self, number: int) -> None:
        row = self.rows.rows[number]
        if row.record_id is not None:
            self.moment.emit(row.record_id, row.at_ns)

    def _chosen(self) -> str | None:
        index = self.list.currentIndex()
        return self.rows.rows[index.row()].id if index.isValid() else None

    def _current_changed(self) -> None:
        self.back.setEnabled(self._chosen() is not None)

    def _back(self) -> None:
        if (chosen := self._chosen()) is not None:
            self.undo_to.emit(chosen)

    def _scrolled(self, value: int) -> None:
        if self._more and value >= self.list.verticalScrollBar().maximum() - CARD:
            self._more = False
            self.wanted.emit(self.author, len(self.rows.rows))
