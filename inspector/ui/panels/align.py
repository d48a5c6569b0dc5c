"""The Align panel: which stream moves, by what means, and what becomes of every pair. It shows and asks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QGridLayout,
    QHBoxLayout,
    QListWidget,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from inspector.core.proposal import RELABELS, STEEPEST_PPM
from inspector.core.times import UNIT_NS
from inspector.ui import theme
from inspector.ui.panels.common import (
    MODALITY_WORD,
    Panel,
    SectionHeader,
    Words,
    action_button,
    count_text,
    inset,
    scrolled,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from PySide6.QtGui import QAction, QKeyEvent

    from inspector.core.model import Stream

NUDGES = (
    ("earlier_frame", "−frame"),
    ("earlier_10", "−10"),
    ("earlier_1", "−1"),
    ("later_1", "+1"),
    ("later_10", "+10"),
    ("later_frame", "+frame"),
)
"""The actions behind the row of buttons, and what stands on each."""
AS_LABELLED = "As it is labelled"
LIST_ROWS = 4


@dataclass(frozen=True, slots=True)
class Told:
    """All that the panel says of a proposal."""

    state: str = ""
    """The one number that matters: how late the stream is against the reference, as it was measured."""
    basis: str = ""
    """By what that was measured, and how sure it is."""
    late_ms: float = 0.0
    ppm: float = 0.0
    """What the map that is shown corrects."""
    summary: str = "Nothing is proposed"
    followers: str = ""
    texts: Sequence[str] = ()
    """Transcripts that could go along."""
    hint: str = ""
    ties: Sequence[str] = ()
    pairs: Sequence[str] = ()
    proposed: bool = False
    bendable: bool = False
    others: int = 0
    """Records that are selected beside the one on show."""


class _Ties(QListWidget):
    """The ties; Del takes one away."""

    dropped = Signal(int)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Take the chosen one away with Del or Backspace."""
        if event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace) and self.currentRow() >= 0:
            self.dropped.emit(self.currentRow())
            return
        super().keyPressEvent(event)


class AlignPanel(Panel):
    """Its signals ask; the room answers with `tell`."""

    chosen = Signal(str)
    """Another stream is to be moved."""
    alone_changed = Signal(bool)
    texts_changed = Signal(bool)
    """Whether transcripts that nothing binds to the sound go along with it."""
    bend_changed = Signal(bool)
    typed = Signal(float, float)
    """How late the stream is, ms, and how fast its clock, ppm."""
    relabelled = Signal(int)
    """The place of a relabel in `RELABELS`, −1 for none."""
    column_chosen = Signal(str, str)
    """A column of times and its unit; "" for the one by which the table is read."""
    tie_dropped = Signal(int)
    others_changed = Signal(bool)
    """Whether the selected records get the same."""

    def __init__(self, actions: Mapping[str, QAction], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.stream = QComboBox()
        self.stream.setAccessibleName("Stream to move")
        self.stream.setToolTip("The stream that moves; the others stay")
        self.alone = QCheckBox("This stream alone")
        self.alone.setToolTip("Else streams of one clock, and what is derived from them, go along")
        self.texts = QCheckBox("")
        self.texts.setToolTip("Nothing says that this transcript was made from this sound, but it may be")
        self.followers = Words("", "quiet", 12)
        self.hint = Words("", "quiet", 12)
        self.ties = _Ties()
        self.ties.setAccessibleName("Ties")
        self.ties.setToolTip("Del takes a tie away. Behind each: how far it lies off the straight line")
        self.ties.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.bend = QCheckBox("Bend through every tie")
        self.bend.setToolTip("Off: the straight line that fits them best, for a clock that only drifts")
        self.bend.setChecked(True)
        self.relabel = QComboBox()
        self.relabel.addItems([AS_LABELLED, *(f"Truly {each.title}" for each in RELABELS)])
        self.relabel.setAccessibleName("Rate or unit")
        self.relabel.setToolTip("A sample rate, frame rate or unit that the file tells wrongly")
        self.relabel.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.column_header = SectionHeader("Column of times")
        self.column, self.unit = QComboBox(), QComboBox()
        self.column.setAccessibleName("Column of times")
        self.column.setToolTip("The column of the table that says when each of its rows was")
        self.column.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.unit.setAccessibleName("Unit of the times")
        self.unit.setToolTip("What the column counts in; told from its name and its values")
        self.unit.addItems(list(UNIT_NS))
        self._columns: list[tuple[str, str]] = []
        self.summary = Words("", "text", 13)
        self.weighed = Words("", "quiet", 12)
        self.pairs_header = SectionHeader("What becomes of each pair")
        self.pairs = Words("", "text", 12)
        self.others = QCheckBox("")
        self.state = Words("", "text", 20)
        self.basis = Words("", "quiet", 12)
        self.late = _figure(" ms late", 1, 86_400_000.0, "How late the stream is; negative: early")
        self.fast = _figure(" ppm fast", 1, STEEPEST_PPM, "How much faster its clock runs; negative: slower")
        self.unchanged = Words("The files are not changed: only when they are shown is.", "faint", 11)
        self._buttons = self._nudge_buttons(actions)
        self.mark = action_button(actions["tie"], "Mark event")
        self.before = action_button(actions["before"], "Before")
        self.discard = action_button(actions["discard"], "Discard")
        self.accept = action_button(actions["accept"], "Accept")
        self.accept.setProperty("primary", True)
        self._ids: list[str] = []
        self._figures = (0.0, 0.0)
        self._build()
        self.stream.activated.connect(lambda row: self.chosen.emit(self._ids[row]))
        self.alone.toggled.connect(self.alone_changed)
        self.texts.toggled.connect(self.texts_changed)
        self.bend.toggled.connect(self.bend_changed)
        self.others.toggled.connect(self.others_changed)
        self.late.editingFinished.connect(self._typed)
        self.fast.editingFinished.connect(self._typed)
        self.relabel.activated.connect(lambda row: self.relabelled.emit(row - 1))
        self.column.activated.connect(self._column_taken)
        self.unit.activated.connect(lambda _: self._column_asked())
        self.ties.dropped.connect(self.tie_dropped)
        self.tell(Told())
        self.show_columns((), None)

    def _nudge_buttons(self, actions: Mapping[str, QAction]) -> list[QPushButton]:
        made = []
        for name, text in NUDGES:
            button = action_button(actions[name], text)
            button.setAccessibleName(actions[name].text())
            made.append(button)
        return made

    def _build(self) -> None:
        inside = Panel()
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, 0, theme.MARGIN)
        column.setSpacing(0)
        column.addWidget(SectionHeader("Stream to move"))
        column.addLayout(inset(self.stream, self.state, self.basis, self.alone, self.texts, self.followers))
        column.addWidget(SectionHeader("Correction"))
        figures = QHBoxLayout()
        figures.setContentsMargins(theme.MARGIN, 0, theme.MARGIN, theme.STEP)
        figures.setSpacing(theme.STEP)
        figures.addWidget(self.late, 1)
        figures.addWidget(self.fast, 1)
        column.addLayout(figures)
        row = QGridLayout()
        row.setContentsMargins(theme.MARGIN, 0, theme.MARGIN, theme.STEP)
        row.setSpacing(theme.STEP)
        for place, button in enumerate(self._buttons):
            row.addWidget(button, place // 3, place % 3)
        column.addLayout(row)
        column.addWidget(SectionHeader("Ties"))
        column.addLayout(inset(self.hint, self.mark, self.ties, self.bend))
        column.addWidget(SectionHeader("Rate or unit"))
        column.addLayout(inset(self.relabel))
        column.addWidget(self.column_header)
        self.times = inset()
        self.times.addWidget(self.column)
        self.times.addWidget(self.unit)
        column.addLayout(self.times)
        column.addWidget(self.pairs_header)
        column.addLayout(inset(self.pairs))
        column.addStretch(1)
        area = scrolled(inside)
        foot = QHBoxLayout()
        foot.setSpacing(theme.STEP)
        for each in (self.before, self.discard, self.accept):
            foot.addWidget(each, 1)
        below = inset(self.summary, self.weighed, self.others)
        below.addWidget(self.unchanged)
        below.addLayout(foot)
        below.setContentsMargins(theme.MARGIN, 2 * theme.STEP, theme.MARGIN, theme.MARGIN)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addWidget(area, 1)
        whole.addLayout(below)

    # -- what the room calls -------------------------------------------------------------------------------

    def set_streams(self, streams: Sequence[Stream], chosen: str, reference: str | None) -> None:
        """Which streams there are to move, and which one is."""
        self._ids = [each.id for each in streams]
        self.stream.clear()
        for each in streams:
            word = " · the reference" if each.id == reference else f" · {MODALITY_WORD[each.modality]}"
            self.stream.addItem(f"{each.id}{word}")
        self.stream.setCurrentIndex(self._ids.index(chosen) if chosen in self._ids else -1)
        self.setEnabled(bool(self._ids))

    def tell(self, told: Told) -> None:
        """Say what is proposed."""
        self.state.setText(told.state)
        self.basis.setText(told.basis)
        for box, figure in ((self.late, told.late_ms), (self.fast, told.ppm)):
            if not box.hasFocus() or box.value() != figure:
                box.blockSignals(True)
                box.setValue(figure)
                box.blockSignals(False)
        self._figures = self.late.value(), self.fast.value()
        self.unchanged.setVisible(told.proposed)
        self.summary.setText(told.summary)
        self.summary.set_tone("text" if told.proposed else "quiet")
        self.followers.setText(told.followers)
        self.followers.setVisible(bool(told.followers))
        self.texts.setText(f"Take {', '.join(told.texts)} along")
        self.texts.setVisible(bool(told.texts))
        self.hint.setText(told.hint)
        if [self.ties.item(row).text() for row in range(self.ties.count())] != list(told.ties):
            self.ties.clear()
            self.ties.addItems(list(told.ties))
        self.ties.setVisible(bool(told.ties))
        rows = min(max(len(told.ties), 1), LIST_ROWS)
        self.ties.setFixedHeight(rows * max(self.ties.sizeHintForRow(0), 5 * theme.STEP) + 4)
        self.bend.setVisible(told.bendable)
        self.pairs.setText("\n".join(told.pairs) or "No pair changes")
        self.pairs.set_tone("text" if told.pairs else "quiet")
        self.others.setText(f"The same in {count_text(told.others, 'selected record')} more")
        self.others.setVisible(told.others > 0)

    def _typed(self) -> None:
        figures = self.late.value(), self.fast.value()
        if figures != self._figures:
            self._figures = figures
            self.typed.emit(*figures)

    def set_relabel(self, place: int) -> None:
        """Show which relabel is on, −1 for none."""
        self.relabel.setCurrentIndex(place + 1)

    def show_columns(self, columns: Sequence[tuple[str, str]], now: tuple[str, str] | None) -> None:
        """The columns that could be the table's times, each with its unit, and which it is read by."""
        self._columns = list(columns)
        if now is not None and now[0] not in dict(columns):
            self._columns.insert(0, now)
        self.column.clear()
        self.column.addItems([name for name, _ in self._columns])
        if now is not None:
            self.column.setCurrentText(now[0])
            self.unit.setCurrentText(now[1])
        for each in (self.column_header, self.column, self.unit):
            each.setVisible(bool(self._columns))

    def _column_taken(self, row: int) -> None:
        self.unit.setCurrentText(self._columns[row][1])
        self._column_asked()

    def _column_asked(self) -> None:
        self.column_chosen.emit(self.column.currentText(), self.unit.currentText())

    def changeEvent(self, event: QEvent) -> None:
        """Repaint in a new theme."""
        if event.type() == QEvent.Type.PaletteChange:
            self.update()
        super().changeEvent(event)


def _figure(unit: str, decimals: int, most: float, tip: str) -> QDoubleSpinBox:
    """A number to type, in the face of numbers that change."""
    box = QDoubleSpinBox()
    box.setRange(-most, most)
    box.setDecimals(decimals)
    box.setSuffix(unit)
    box.setFont(theme.mono_font(12))
    box.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)  # else as wide as its limits
    box.setMinimumWidth(10 * theme.STEP)
    box.lineEdit().setTextMargins(theme.STEP, 0, 0, 0)
    box.setToolTip(tip)
    box.setAccessibleName(tip)
    return box
