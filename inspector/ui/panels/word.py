"""The part of the Labels panel in which a word or a line of the transcript is corrected, cut and added."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from inspector.core.times import clock_text, parse_clock
from inspector.ui import theme
from inspector.ui.panels.common import SectionHeader, Words, action_button
from inspector.ui.panels.lines_edit import Line, line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from PySide6.QtGui import QAction

    from inspector.core.model import Span

NO_WORD = "Go to a word and press Shift+E, to a line and Alt+E"
BUTTONS = (
    ("word_split", "Split at caret"),
    ("word_merge", "Merge with next"),
    ("word_add", "Add word"),
    ("line_add", "Add line"),
    ("word_delete", "Delete"),
)


class WordPart(QWidget):
    """It shows and asks; the room does."""

    corrected = Signal(str, object, object)
    """Text, start and end in reference ns."""
    left = Signal()

    def __init__(self, actions: Mapping[str, QAction], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.head = SectionHeader("Word or line")
        self.text = line("Word", "Enter keeps it, Esc does not")
        self.start = line("Start of the word", "Such as 7.4 or 1:07.400; Enter keeps it")
        self.end = line("End of the word", "Such as 7.4 or 1:07.400; Enter keeps it")
        self.facts = Words(NO_WORD, "quiet", 12)
        self._shown: tuple[str, Span, str, Sequence[str]] | None = None
        times = QHBoxLayout()
        times.setSpacing(theme.STEP)
        for each in (self.start, self.end):
            each.setFont(theme.mono_font(13))
            times.addWidget(each, 1)
        inner = QVBoxLayout()
        inner.setContentsMargins(theme.MARGIN, 0, theme.MARGIN, theme.STEP)
        inner.setSpacing(theme.STEP)
        inner.addWidget(self.text)
        inner.addLayout(times)
        inner.addWidget(self.facts)
        grid = QGridLayout()
        grid.setSpacing(theme.STEP)
        for place, (name, text) in enumerate(BUTTONS):
            grid.addWidget(action_button(actions[name], text, keys=False), place // 2, place % 2)
        inner.addLayout(grid)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.head)
        column.addLayout(inner)
        for each in self._lines():
            each.returnPressed.connect(self._typed)
            each.given_up.connect(self._give_up)
        self.show_word(None)

    def _lines(self) -> tuple[Line, Line, Line]:
        return self.text, self.start, self.end

    def show_word(self, word: tuple[str, Span, str, Sequence[str]] | None, kind: str = "Word") -> None:
        """Show a word or line: its text, reference span, stream, and what hangs on it; None for none."""
        self._shown = word
        self.head.set_count("" if word is None else kind.lower())
        self.text.setPlaceholderText(kind)
        texts = ("", "", "") if word is None else (word[0], *(clock_text(ns) for ns in word[1]))
        for each, text in zip(self._lines(), texts, strict=True):
            each.setEnabled(word is not None)
            each.setText(text)
        if word is None:
            self.facts.setText(NO_WORD)
            return
        hung = [f"{each} hangs on it" for each in word[3][:8]]
        self.facts.setText("\n".join([f"of {word[2]}", *hung]))

    def focus_text(self) -> None:
        """Give the word's text the keys."""
        if self.text.isEnabled():
            self.text.setFocus()
            self.text.selectAll()
            above = self.parentWidget()
            while above is not None and not isinstance(above, QScrollArea):
                above = above.parentWidget()
            if above is not None:
                above.ensureWidgetVisible(self)

    def caret(self) -> int | None:
        """The place of the caret in the text where it has the keys and nothing of it is selected."""
        free = self.text.hasFocus() and not self.text.hasSelectedText()
        return self.text.cursorPosition() if free else None

    def _typed(self) -> None:
        start, end = parse_clock(self.start.text()), parse_clock(self.end.text())
        text = self.text.text().strip()
        if self._shown is None or start is None or end is None or end < start or not text:
            self._give_up()
            return
        before = self._shown
        # A time that nobody touched is shown to the millisecond, and known to the nanosecond.
        times = [
            ns if clock_text(ns) == each.text() else typed
            for ns, each, typed in zip(before[1], (self.start, self.end), (start, end), strict=True)
        ]
        if (text, tuple(times)) != (before[0], before[1]):
            self.corrected.emit(text, *times)
        self.left.emit()

    def _give_up(self) -> None:
        self.show_word(self._shown)
        self.left.emit()
