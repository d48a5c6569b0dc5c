"""What was opened, how it was understood, and what is wrong in the files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow.compute as pc
from PySide6.QtCore import QEvent, QRectF, QSize, Qt
from PySide6.QtGui import QGuiApplication, QPainter
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from inspector.core.model import Coverage, Modality
from inspector.ui import theme
from inspector.ui.panels.common import (
    MODALITY_WORD,
    ElidedLabel,
    Panel,
    SectionHeader,
    Words,
    count_text,
    number_text,
    paint_elided,
)
from inspector.ui.panels.coverage import SQUARE, paint_square
from inspector.ui.panels.lines import LineList

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa
    from PySide6.QtGui import QKeyEvent, QPaintEvent

    from inspector.core.model import Problem, Record
    from inspector.session import Session

COUNT_ROW = 6 * theme.STEP


def promised_counts(index: pa.Table) -> dict[Modality, int]:
    """How many records have each modality, by what the index promises."""
    if "modalities" not in index.column_names:
        return {}
    counted = pc.value_counts(pc.list_flatten(index.column("modalities")))
    found = {str(pair["values"]): int(pair["counts"]) for pair in counted.to_pylist()}
    return {modality: found[modality.value] for modality in Modality if modality.value in found}


class Counts(QWidget):
    """A line a modality: its square, its name, and in how many of the records it is."""

    def __init__(self) -> None:
        super().__init__()
        self._rows: list[tuple[Modality, int]] = []
        self._total = 0
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setToolTip("How many records have each modality, as the file names promise")

    def set_counts(self, counts: dict[Modality, int], total: int) -> None:
        """Show other counts."""
        self._rows, self._total = list(counts.items()), total
        self.setFixedHeight(COUNT_ROW * len(self._rows))
        self.setVisible(bool(self._rows))
        self.setAccessibleName("; ".join(self.lines()))
        self.update()

    def lines(self) -> list[str]:
        """The lines in words: `film 28 of 28`."""
        return [
            f"{MODALITY_WORD[modality]} {number_text(count)} of {number_text(self._total)}"
            for modality, count in self._rows
        ]

    def sizeHint(self) -> QSize:
        """All lines under each other."""
        return QSize(200, COUNT_ROW * len(self._rows))

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the lines."""
        t = theme.current()
        painter = QPainter(self)
        for number, (modality, count) in enumerate(self._rows):
            area = self.rect().adjusted(theme.MARGIN, 0, -theme.MARGIN, 0)
            area.setTop(number * COUNT_ROW)
            area.setHeight(COUNT_ROW)
            top = area.top() + (COUNT_ROW - SQUARE) // 2
            square = QRectF(area.left(), top, SQUARE, SQUARE)
            paint_square(painter, square, t.modality[modality], Coverage.PRESENT)
            name = area.adjusted(SQUARE + 2 * theme.STEP, 0, 0, 0)
            paint_elided(painter, name, MODALITY_WORD[modality], theme.text_font(), t.text)
            figure = f"{number_text(count)} of {number_text(self._total)}"
            tone = t.quiet if count == self._total else t.text
            paint_elided(painter, area, figure, theme.mono_font(), tone, Qt.AlignmentFlag.AlignRight)
        painter.end()


class Section(QWidget):
    """A header over lines that can be copied; where there are none, a sentence says so."""

    def __init__(self, title: str, copy: str = "") -> None:
        super().__init__()
        self.header = SectionHeader(title)
        self.none = Words("", "faint", 12)
        self.none.setContentsMargins(theme.MARGIN, 0, theme.MARGIN, theme.STEP)
        self.list = LineList()
        self.list.setAccessibleName(title)
        self.copy = QToolButton()
        self.copy.setIcon(theme.icon("copy"))
        self.copy.setToolTip(copy)
        self.copy.setAccessibleName(copy)
        self.copy.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(self.list.text()))
        top = QHBoxLayout()
        top.setContentsMargins(0, 0, theme.STEP, 0)
        top.setSpacing(0)
        top.addWidget(self.header, 1)
        top.addWidget(self.copy)
        self.header.setMinimumWidth(1)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, theme.STEP)
        box.setSpacing(0)
        box.addLayout(top)
        box.addWidget(self.none)
        box.addWidget(self.list)

    def set_lines(self, lines: Sequence[str | Problem], none: str) -> None:
        """Show lines, or say why there are none."""
        self.header.set_count(number_text(len(lines)) if lines else "")
        self.none.setText(none)
        self.none.setVisible(not lines)
        self.copy.setVisible(bool(lines))
        self.list.set_lines(lines)

    def changeEvent(self, event: QEvent) -> None:
        """Take the icon of a new theme."""
        if event.type() == QEvent.Type.PaletteChange and hasattr(self, "copy"):
            self.copy.setIcon(theme.icon("copy"))
        super().changeEvent(event)


class Rule(QWidget):
    """A line between sections."""

    def __init__(self) -> None:
        super().__init__()
        self.setFixedHeight(1)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw it."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), theme.current().line)
        painter.end()


class _Area(QScrollArea):
    """Scrolls down and up; takes the page keys, and leaves all others to the window."""

    def __init__(self) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Page Up and Page Down."""
        if event.key() in (Qt.Key.Key_PageUp, Qt.Key.Key_PageDown):
            super().keyPressEvent(event)
        else:
            event.ignore()


class DatasetPanel(Panel):
    """The dataset as it was understood, and what is wrong in the files of the current record."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session: Session | None = None
        self.header = SectionHeader("Dataset")
        self.path = ElidedLabel("", "text", Qt.TextElideMode.ElideMiddle)
        self.format = Words("", "quiet", 12)
        self.layout_words = Words("", "quiet", 12)
        self.counts = Counts()
        self.record = Section("This record", "Copy this record's problems")
        self.ambiguous = _Sentences("Could be read otherwise")
        self.problems = Section("Problems in the files", "Copy all problems")
        self.leftover = Section("Left over", "Copy the names of all files left over")
        facts = QVBoxLayout()
        facts.setContentsMargins(theme.MARGIN, 0, theme.MARGIN, 2 * theme.STEP)
        facts.setSpacing(theme.STEP)
        for widget in (self.path, self.format, self.layout_words):
            facts.addWidget(widget)
        inner = Panel()
        box = QVBoxLayout(inner)
        box.setContentsMargins(0, 0, 0, theme.MARGIN)
        box.setSpacing(0)
        box.addWidget(self.header)
        box.addLayout(facts)
        box.addWidget(self.counts)
        box.addSpacing(2 * theme.STEP)
        self._rules = []
        for section in (self.record, self.ambiguous, self.problems, self.leftover):
            rule = Rule()
            self._rules.append(rule)
            box.addWidget(rule)
            box.addWidget(section)
        box.addStretch(1)
        self.area = _Area()
        self.area.setWidget(inner)
        inner.setAutoFillBackground(False)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(self.area)
        self.set_session(None)

    def set_session(self, session: Session | None) -> None:
        """Show how a dataset was understood; None where none is open."""
        self._session = session
        for widget in (*self._rules, self.record, self.ambiguous, self.problems, self.leftover):
            widget.setVisible(session is not None)
        self.path.setVisible(session is not None)
        self.layout_words.setVisible(session is not None)
        if session is None:
            self.header.set_count("")
            self.format.setText("No dataset is open")
            self.counts.set_counts({}, 0)
            return
        dataset = session.dataset
        total = session.index.num_rows
        self.header.set_count(count_text(total, "record"))
        self.path.setText(str(session.root))
        self.format.setText(f"Format: {dataset.reader}")
        self.layout_words.setText(dataset.layout)
        self.layout_words.setVisible(bool(dataset.layout))
        self.counts.set_counts(promised_counts(session.index), total)
        self.ambiguous.set_sentences(dataset.ambiguous, "Nothing: the files can be read in one way only")
        told = "None in how the files are laid out; the records are still being read"
        self.problems.set_lines(dataset.problems, told)
        self.leftover.set_lines(dataset.leftover, "Nothing left over: every file belongs to a record")
        self.set_record(None)

    def set_found(self, counts: dict[Modality, int], troubled: int) -> None:
        """In how many records each modality is, and how many have problems, once all have been read."""
        if self._session is not None:
            lines: list[str | Problem] = list(self._session.dataset.problems)
            if troubled:
                said = f"{count_text(troubled, 'record')} of {number_text(self._session.index.num_rows)}"
                lines.append(f"{said}: problems in their own files (amber and red dots in the list)")
            self.problems.set_lines(lines, "No problem found in any file")
            self.counts.set_counts(counts, self._session.index.num_rows)
            self.counts.setToolTip("How many records have each modality")

    def set_record(self, record: Record | None) -> None:
        """Show what is wrong in a record's files; None where no record is open."""
        if record is None:
            self.record.set_lines((), "No record is open")
        else:
            self.record.set_lines(record.problems, f"No problem found in the files of {record.id}")


class _Sentences(QWidget):
    """A header over a few whole sentences."""

    SHOWN = 12

    def __init__(self, title: str) -> None:
        super().__init__()
        self.header = SectionHeader(title)
        self.words = Words("", "text", 12)
        self.words.setContentsMargins(theme.MARGIN, 0, theme.MARGIN, 0)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 2 * theme.STEP)
        box.setSpacing(0)
        box.addWidget(self.header)
        box.addWidget(self.words)

    def set_sentences(self, sentences: Sequence[str], none: str) -> None:
        """Show the sentences, the first dozen in full; where there are none, say so."""
        self.header.set_count(number_text(len(sentences)) if sentences else "")
        shown = list(sentences[: self.SHOWN])
        if len(sentences) > self.SHOWN:
            shown.append(f"… and {number_text(len(sentences) - self.SHOWN)} more like these")
        self.words.setText("\n".join(shown) if shown else none)
        self.words.set_tone("text" if shown else "faint")
