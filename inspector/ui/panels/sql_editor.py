"""Where a query is written: coloured, completed while it is typed, and underlined where it is wrong."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QAbstractListModel, QEvent, QModelIndex, QPersistentModelIndex, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QFontMetrics,
    QKeyEvent,
    QPainter,
    QSyntaxHighlighter,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
)
from PySide6.QtWidgets import (
    QFrame,
    QListView,
    QPlainTextEdit,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTextEdit,
    QWidget,
)

from inspector.core.model import Modality
from inspector.ui import theme
from inspector.ui.panels.common import SMALL, paint_elided
from inspector.ui.panels.sql_words import Kind, Place, Proposal, Vocabulary

if TYPE_CHECKING:
    from collections.abc import Sequence

FONT_PX = 13
POPUP_ROWS = 8
POPUP_WIDTH = 320
POPUP_ROW = 6 * theme.STEP
FROM_LETTERS = 2
"""The list comes by itself once so many letters are typed."""

AnyIndex = QModelIndex | QPersistentModelIndex
_ENTER = (Qt.Key.Key_Return, Qt.Key.Key_Enter)


def color_of(kind: Kind) -> QColor:
    """The colour that a kind of word is written in."""
    t = theme.current()
    return {
        "keyword": t.modality[Modality.VIDEO],
        "table": t.modality[Modality.AUDIO],
        "column": t.modality[Modality.IMAGE],
        "function": t.modality[Modality.SENSOR],
        "string": t.modality[Modality.TEXT],
        "number": t.modality[Modality.GAZE],
        "comment": t.quiet,
        "other": t.text,
    }[kind]


class SqlHighlighter(QSyntaxHighlighter):
    """Colours one line at a time, in the theme in force."""

    def __init__(self, document: QTextDocument) -> None:
        super().__init__(document)
        self.words = Vocabulary()

    def highlightBlock(self, text: str) -> None:
        """Colour a line; what it leaves open (a comment, a string) goes on in the next."""
        tokens, state = self.words.tokens(text, max(self.previousBlockState(), 0))
        for token in tokens:
            look = QTextCharFormat()
            look.setForeground(color_of(token.kind))
            self.setFormat(token.start, token.end - token.start, look)
        self.setCurrentBlockState(state)


class _ProposalModel(QAbstractListModel):
    def __init__(self) -> None:
        super().__init__()
        self.proposals: list[Proposal] = []

    def show_these(self, proposals: list[Proposal]) -> None:
        self.beginResetModel()
        self.proposals = proposals
        self.endResetModel()

    def rowCount(self, parent: AnyIndex | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self.proposals)

    def data(self, index: AnyIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        return self.proposals[index.row()].word if role == Qt.ItemDataRole.DisplayRole else None


class _ProposalDelegate(QStyledItemDelegate):
    """The word in its colour, and quietly at the right what it is."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: AnyIndex) -> None:
        t = theme.current()
        model = index.model()
        assert isinstance(model, _ProposalModel)
        each = model.proposals[index.row()]
        view = option.widget
        assert isinstance(view, QListView)
        if view.currentIndex() == index:
            painter.fillRect(option.rect, t.tint(t.accent, 0.22))
        area = option.rect.adjusted(2 * theme.STEP, 0, -2 * theme.STEP, 0)
        taken = paint_elided(painter, area, each.word, theme.mono_font(), color_of(each.kind))
        rest = area.adjusted(taken + theme.MARGIN, 0, 0, 0)
        note = each.note or each.kind
        paint_elided(painter, rest, note, theme.text_font(SMALL), t.quiet, Qt.AlignmentFlag.AlignRight)

    def sizeHint(self, option: QStyleOptionViewItem, index: AnyIndex) -> QSize:
        return QSize(0, POPUP_ROW)


class Proposals(QListView):
    """The list under the word that is typed.

    It lies on the window and never has the focus: the keys stay the editor's.
    """

    taken = Signal(str)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.words = _ProposalModel()
        self.setModel(self.words)
        self.setItemDelegate(_ProposalDelegate(self))
        self.setUniformItemSizes(True)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setObjectName("floating")  # so it has a frame
        self.setAccessibleName("Completions")
        self.clicked.connect(lambda _: self.taken.emit(self.word()))
        self.hide()

    def step(self, step: int) -> None:
        """Mark the next or previous word, round and round."""
        rows = self.words.rowCount()
        self.setCurrentIndex(self.words.index((self.currentIndex().row() + step) % rows, 0))

    def word(self) -> str:
        """The marked word, as it is put into the query."""
        row = self.currentIndex().row()
        return self.words.proposals[row].written if row >= 0 else ""


class SqlEditor(QPlainTextEdit):
    """Plain text with colours. Ctrl+Enter asks to `run`, Escape to `cancel`, Alt+Up and Down `walk`."""

    run = Signal()
    cancel = Signal()
    walk = Signal(int)
    """-1 for the query before in the history, 1 for the one after."""
    values_wanted = Signal(str, str)
    """The values of a table's column are not known yet; `set_values` tells them."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFont(theme.mono_font(FONT_PX))
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setTabChangesFocus(True)
        self.setTabStopDistance(4 * QFontMetrics(self.font()).horizontalAdvance(" "))
        self.setPlaceholderText("SELECT …    Ctrl+Enter runs it")
        self.setAccessibleName("Query")
        self.setToolTip("Ctrl+Enter runs · Ctrl+Space completes · Alt+Up and Alt+Down walk the history")
        self.document().setDocumentMargin(2 * theme.STEP)
        self.highlighter = SqlHighlighter(self.document())
        self.proposals = Proposals(self)
        self.proposals.taken.connect(self._complete)
        self._wrong: int | None = None
        self.textChanged.connect(lambda: self.set_error(None) if self._wrong is not None else None)
        self.verticalScrollBar().valueChanged.connect(lambda _: self.proposals.hide())

    # --- what the panel calls -------------------------------------------------------------------------

    def set_words(self, words: Vocabulary) -> None:
        """Colour and propose the tables, columns and functions of another dataset."""
        self.highlighter.words = words
        self.proposals.hide()
        self.highlighter.rehighlight()

    def set_values(self, table: str, column: str, values: Sequence[str]) -> None:
        """Propose these of a column from now on; at once where that is what is being typed."""
        self.highlighter.words.values[table, column] = tuple(values)
        if self.hasFocus():
            self._propose(asked=False)

    def put(self, sql: str) -> None:
        """Show another query in the place of this one; Ctrl+Z brings this one back."""
        cursor = self.textCursor()
        cursor.select(QTextCursor.SelectionType.Document)
        cursor.insertText(sql)
        self.setTextCursor(cursor)
        self.proposals.hide()

    def set_error(self, position: int | None) -> None:
        """Underline the word at a place of the text; None takes the line away."""
        self._wrong = position
        if position is None:
            self.setExtraSelections([])
            return
        text = self.toPlainText()
        # Python counts characters and Qt halves of them, above U+FFFF.
        at = min(max(position, 0), len(text))
        at -= len(re.split(r"\W", text[:at])[-1]) if re.match(r"\w", text[at:]) else 0
        word = re.compile(r"\w+|\S|$").search(text, at)
        start, end = word.span() if word else (0, 0)
        if start == end:  # the end of the text: what is missing is missing after the last word
            start, end = max(len(text.rstrip()) - 1, 0), len(text.rstrip())
        cursor = self.textCursor()
        cursor.setPosition(_units(text[:start]))
        cursor.setPosition(_units(text[:end]), QTextCursor.MoveMode.KeepAnchor)
        mark: Any = QTextEdit.ExtraSelection()
        mark.cursor = cursor
        mark.format.setUnderlineStyle(QTextCharFormat.UnderlineStyle.WaveUnderline)
        mark.format.setUnderlineColor(theme.current().failed)
        mark.format.setBackground(theme.current().tint(theme.current().failed, 0.18))
        self.setExtraSelections([mark])

    # --- keys -----------------------------------------------------------------------------------------

    def event(self, event: QEvent) -> bool:
        """Keep the editor's own keys from the window's shortcuts."""
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent):
            held = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
            mine = {
                Qt.KeyboardModifier.ControlModifier: (*_ENTER, Qt.Key.Key_Space),
                Qt.KeyboardModifier.AltModifier: (Qt.Key.Key_Up, Qt.Key.Key_Down),
                Qt.KeyboardModifier.NoModifier: (*_ENTER, Qt.Key.Key_Escape),
            }
            if event.key() in mine.get(held, ()):
                event.accept()
                return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """The list's keys while it is there, then the editor's own, then plain typing."""
        key, held = event.key(), event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        if held == Qt.KeyboardModifier.ControlModifier and key in _ENTER:
            self.proposals.hide()
            self.run.emit()
        elif held == Qt.KeyboardModifier.ControlModifier and key == Qt.Key.Key_Space:
            self._propose(asked=True)
        elif held == Qt.KeyboardModifier.AltModifier and key in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            self.proposals.hide()
            self.walk.emit(-1 if key == Qt.Key.Key_Up else 1)
        elif self.proposals.isVisible() and not held and self._list_key(key):
            pass
        elif key == Qt.Key.Key_Escape and not held:
            self.cancel.emit()
        else:
            super().keyPressEvent(event)
            typed = event.text()
            shorter = key == Qt.Key.Key_Backspace and self.proposals.isVisible()
            if shorter or (typed and (typed.isalnum() or typed in "_.' -")):
                self._propose(asked=False)
            elif key not in (Qt.Key.Key_Shift, Qt.Key.Key_Control, Qt.Key.Key_Alt):
                self.proposals.hide()
            return
        event.accept()

    def _list_key(self, key: int) -> bool:
        """What the list takes; False for a key that is not its."""
        if key in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            self.proposals.step(-1 if key == Qt.Key.Key_Up else 1)
        elif key in (*_ENTER, Qt.Key.Key_Tab):
            self._complete(self.proposals.word())
        elif key == Qt.Key.Key_Escape:
            self.proposals.hide()
        else:
            return False
        return True

    def focusNextPrevChild(self, forward: bool) -> bool:
        """Tab takes the marked word while the list is there."""
        if self.proposals.isVisible() and forward:
            self._complete(self.proposals.word())
            return True
        return super().focusNextPrevChild(forward)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """The list goes with the focus."""
        self.proposals.hide()
        super().focusOutEvent(event)

    # --- completion -----------------------------------------------------------------------------------

    def _before(self) -> str:
        cursor = self.textCursor()
        line = cursor.block().text()
        # Columns are counted in halves of characters above U+FFFF.
        return line.encode("utf-16-le")[: 2 * cursor.positionInBlock()].decode("utf-16-le", "ignore")

    def _quoted(self, before: str) -> bool:
        """Whether the cursor stands in a string or a comment, where nothing is proposed."""
        block = self.textCursor().block().previous()
        state = max(block.userState(), 0) if block.isValid() else 0
        tokens, after = self.highlighter.words.tokens(before, state)
        return after in (1, 2, 4) or bool(tokens and tokens[-1].kind == "comment")

    def _propose(self, asked: bool) -> None:
        before, words = self._before(), self.highlighter.words
        place = self._value_place(before)
        if place is not None:
            if (place.table, place.column) not in words.values:
                self.values_wanted.emit(place.table, place.column)
            word, found = place.typed, words.values_at(place)
        else:
            typed = re.search(r"(\.?)(\w*)$", before)
            dotted, word = (typed[1], typed[2]) if typed else ("", "")
            enough = asked or (len(word) >= FROM_LETTERS or bool(dotted and not word))
            if not enough or word[:1].isdigit() or self._quoted(before):
                self.proposals.hide()
                return
            found = words.proposals(before, self.toPlainText())
        whole = any(each.word.lower() == word.lower() for each in found)
        if not found or (whole and not asked):
            self.proposals.hide()
            return
        view = self.proposals
        view.words.show_these(found)
        view.setCurrentIndex(view.words.index(0, 0))
        window = self.window()
        if view.parentWidget() is not window:
            view.setParent(window)
        caret = self.cursorRect()
        corner = self.viewport().mapTo(window, caret.bottomLeft())
        left = corner.x() - QFontMetrics(self.font()).horizontalAdvance(word) - 2 * theme.STEP
        height = min(len(found), POPUP_ROWS) * POPUP_ROW + 2
        width = min(POPUP_WIDTH, window.width())
        top = corner.y() + theme.STEP
        if top + height > window.height():
            top = max(0, corner.y() - caret.height() - height - theme.STEP)
        view.setGeometry(max(0, min(left, window.width() - width)), top, width, height)
        view.raise_()
        view.show()

    def _value_place(self, before: str) -> Place | None:
        """Where a value of a column is begun at the cursor, None where something else is typed."""
        block = self.textCursor().block().previous()
        state = max(block.userState(), 0) if block.isValid() else 0
        words = self.highlighter.words
        return words.place(before, self.toPlainText()) if words.tokens(before, state)[1] == 2 else None

    def _complete(self, word: str) -> None:
        self.proposals.hide()
        if not word:
            return
        before, cursor = self._before(), self.textCursor()
        if self._value_place(before) is not None:
            typed = re.search(r"(?:[^']|'')*$", before)
            behind = cursor.block().text()[cursor.positionInBlock() :]
            word = word[:-1] if behind.startswith("'") else word
        else:
            typed = re.search(r"\w*$", before)
        length = _units(typed[0]) if typed else 0
        cursor.movePosition(QTextCursor.MoveOperation.Left, QTextCursor.MoveMode.KeepAnchor, length)
        cursor.insertText(word)
        self.setTextCursor(cursor)

    # --- theme ----------------------------------------------------------------------------------------

    def changeEvent(self, event: QEvent) -> None:
        """Colour everything anew in a new theme."""
        if event.type() == QEvent.Type.PaletteChange and hasattr(self, "highlighter"):
            self.highlighter.rehighlight()
            self.set_error(self._wrong)
        super().changeEvent(event)


def _units(text: str) -> int:
    """How long Qt takes a text for."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
