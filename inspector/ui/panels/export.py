"""The export dialog: what is to be released and how, what that comes to, and how far the writing is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from inspector.ui import theme
from inspector.ui.panels.common import MODALITY_WORD, Words
from inspector.ui.panels.licences import Licences

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from inspector.core.model import Modality
    from inspector.release.policy import Policy

WIDTH = 620
ASK_AFTER_MS = 350
"""The plan is made anew when nothing was changed for so long."""

KEPT, LISTED, SELECTED, FLAG, WHERE, MOMENTS = "kept", "listed", "selected", "flag", "where", "moments"
_WHICH = (
    (KEPT, "All that are not flagged reject"),
    (LISTED, "Those that the list shows"),
    (SELECTED, "The selected ones"),
    (FLAG, "Those with the flag"),
    (WHERE, "Those for which holds, in SQL"),
    (MOMENTS, "Moments of a list, as clips"),
)
_HINTS = {
    FLAG: "ok",
    WHERE: "duration_s > 5 AND flag = 'ok'",
    MOMENTS: "A CSV, JSON or Parquet file of record_id, start_s, end_s",
}
EVERYBODY = "Everybody’s"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What stands in the dialog. `value` belongs to `which`: a flag, a condition or a file. `policy` is None
    until the one in force was read."""

    which: str
    value: str
    modalities: frozenset[str] | None
    author: str | None
    form: str
    fixes: str
    split: str
    policy: tuple[Policy | None] | None
    strict: bool
    note: str
    out: str


class ExportDialog(QDialog):
    """Not modal: curating goes on beside it. It asks for a plan by itself, and for the writing once told."""

    planned = Signal()
    """What is wanted is another: the plan is to be made anew."""
    exported = Signal()
    stopped = Signal()
    opened = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Export")
        self.setModal(False)
        self.setMinimumWidth(WIDTH)
        self._asking = QTimer(self, singleShot=True, interval=ASK_AFTER_MS)
        self._asking.timeout.connect(self.planned)
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 16, 20, 16)
        column.setSpacing(theme.MARGIN)
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(16)
        self._grid.setVerticalSpacing(8)
        self._grid.setColumnMinimumWidth(0, 90)
        self._grid.setColumnStretch(1, 1)
        column.addLayout(self._grid)
        self._make_choices()
        self._make_place()
        column.addSpacing(theme.STEP)
        self.figures = Words("", "text", 14)
        self.figures.setObjectName("figures")
        column.addWidget(self.figures)
        self.told = Words("", "quiet", 12)
        area = QScrollArea(self)
        area.setWidgetResizable(True)
        area.setFrameShape(QScrollArea.Shape.NoFrame)
        inside = QWidget(area)
        lines = QVBoxLayout(inside)
        lines.setContentsMargins(0, 0, theme.MARGIN, 0)
        lines.addWidget(self.told)
        self.lost = Words("", "suspect", 12)
        lines.addWidget(self.lost)
        lines.addStretch(1)
        area.setWidget(inside)
        area.setMinimumHeight(110)
        column.addWidget(area, 1)
        self.wrong = Words("", "failed", 13)
        self.wrong.hide()
        column.addWidget(self.wrong)
        self.progress = QProgressBar(self)
        self.progress.setTextVisible(False)
        self.progress.setFixedHeight(6)
        column.addWidget(self.progress)
        row = QHBoxLayout()
        row.setSpacing(8)
        self.state = Words("", "quiet", 12)
        row.addWidget(self.state, 1)
        self.open_result = self._button(row, "Open the release", self.opened.emit, "Opens it in this window")
        self.stop = self._button(row, "Cancel", self.stopped.emit, "What is done is kept for the next time")
        self.start = self._button(row, "Export", self.exported.emit, "Writes the release")
        self._button(row, "Close", self.close, "An export that runs goes on")
        column.addLayout(row)
        self.open_result.hide()
        self.set_running(False)

    # -- making --------------------------------------------------------------------------------------------

    def _make_choices(self) -> None:
        self.which = QComboBox(self)
        for name, text in _WHICH:
            self.which.addItem(text, name)
        self.which.activated.connect(self._chose)
        self.value = QLineEdit(self)
        self.value.setAccessibleName("Flag, condition or file")
        self.value.textChanged.connect(self._ask)
        self.pick = QPushButton("Choose…", self)
        self.pick.setToolTip(theme.tip("The list of moments"))
        self.pick.clicked.connect(self._pick_list)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self.value, 1)
        row.addWidget(self.pick)
        self._row("Records", self.which, "Which records are released")
        self._grid.addLayout(row, self._grid.rowCount(), 1)
        self._boxes: dict[str, QCheckBox] = {}
        self._streams = QHBoxLayout()
        self._streams.setSpacing(theme.MARGIN)
        self._streams.addStretch(1)
        self._row("Streams", self._streams, "Streams of these kinds alone")
        self.author = QComboBox(self)
        self.author.addItem(EVERYBODY, None)
        self.author.activated.connect(self._ask)
        self._row("Labels", self.author, "Whose labels go with them: one annotator’s layer, or all of them")
        self.form = QComboBox(self)
        self.form.activated.connect(self._ask)
        self._row("Format", self.form, "What is written")
        self.fixes = QComboBox(self)
        self.fixes.addItem("Written into the files, where these can carry them", "files")
        self.fixes.addItem("In the manifest alone: files stay as they are", "manifest")
        self.fixes.activated.connect(self._ask)
        self._row("Fixes", self.fixes, "Where what was moved is told")
        self.split = QComboBox(self)
        self.split.setEditable(True)
        self.split.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.split.currentTextChanged.connect(self._ask)
        tip = "A column of sides, or shares; groups stay together, and no record ever changes side"
        self._row("Split", self.split, tip)
        self.licences = Licences(self)
        self.licences.setEnabled(False)
        self.licences.changed.connect(self._ask)
        tip = "Records of another licence, or of none, are held back from every release of this dataset"
        self._row("Licences", self.licences, tip)
        self.strict = QCheckBox("Refuse where something cannot be carried", self)
        self.strict.toggled.connect(self._ask)
        self._grid.addWidget(self.strict, self._grid.rowCount(), 1)

    def _make_place(self) -> None:
        self.out = QLineEdit(self)
        self.out.setPlaceholderText("A folder that is not there yet")
        self.out.textChanged.connect(self._show_start)
        browse = QPushButton("Choose…", self)
        browse.setToolTip(theme.tip("The folder in which the release’s folder is made"))
        browse.clicked.connect(self._pick_place)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self.out, 1)
        row.addWidget(browse)
        self._row("To", row, "Where the release is written: it is there whole, or not at all")
        self.note = QLineEdit(self)
        self.note.setPlaceholderText("What is to be known of this release")
        self._row("Note", self.note, "Kept in the release and in the list of releases")

    def _row(self, title: str, content: QWidget | QHBoxLayout, tip: str) -> None:
        at = self._grid.rowCount()
        label = Words(title, "quiet")
        label.setToolTip(theme.tip(tip))
        self._grid.addWidget(label, at, 0)
        if isinstance(content, QWidget):
            content.setToolTip(theme.tip(tip))
            content.setAccessibleName(title)
            self._grid.addWidget(content, at, 1)
        else:
            self._grid.addLayout(content, at, 1)

    def _button(self, row: QHBoxLayout, text: str, then: object, tip: str) -> QPushButton:
        button = QPushButton(text, self)
        button.setAutoDefault(False)
        button.setToolTip(theme.tip(tip))
        button.clicked.connect(then)
        row.addWidget(button)
        return button

    # -- what can be chosen --------------------------------------------------------------------------------

    def set_formats(self, formats: Iterable[tuple[str, str]]) -> None:
        """Names and titles of what can be written."""
        self.form.clear()
        for name, title in formats:
            self.form.addItem(title, name)

    def set_modalities(self, modalities: Sequence[Modality]) -> None:
        """The kinds of stream that the dataset has; all of them are wanted at first."""
        for box in self._boxes.values():
            box.deleteLater()
        self._boxes = {}
        for place, each in enumerate(modalities):
            box = QCheckBox(MODALITY_WORD.get(each, each.value), self)
            box.setChecked(True)
            box.toggled.connect(self._ask)
            self._streams.insertWidget(place, box)
            self._boxes[each.value] = box

    def set_authors(self, authors: Sequence[str]) -> None:
        """Who labelled; what was chosen stays where it still can be."""
        chosen = self.author.currentData()
        self.author.clear()
        self.author.addItem(EVERYBODY, None)
        for each in authors:
            self.author.addItem(f"{each}’s" if each else "Those of nobody", each)
        self.author.setCurrentIndex(max(self.author.findData(chosen), 0))

    def set_splits(self, splits: Sequence[str]) -> None:
        """Ways to split that suit the dataset, the first of them chosen."""
        self.split.blockSignals(True)
        self.split.clear()
        self.split.addItems(list(splits))
        self.split.blockSignals(False)

    def set_policy(self, policy: Policy | None, known: Sequence[str]) -> None:
        """Which licences may leave, and those that the records name."""
        self.licences.show_policy(policy, known)
        self.licences.setEnabled(True)

    def set_counts(self, listed: int, selected: int) -> None:
        """How many records the list shows and how many are selected."""
        for name, count in ((LISTED, listed), (SELECTED, selected)):
            at = self.which.findData(name)
            self.which.setItemText(at, f"{dict(_WHICH)[name]} ({count})")

    def wanted(self) -> Wanted:
        """What stands in the dialog now."""
        chosen = frozenset(name for name, box in self._boxes.items() if box.isChecked())
        return Wanted(
            self.which.currentData(),
            self.value.text().strip(),
            None if len(chosen) == len(self._boxes) else chosen,
            self.author.currentData(),
            self.form.currentData() or "folder",
            self.fixes.currentData(),
            self.split.currentText().strip() or "none",
            (self.licences.policy(),) if self.licences.isEnabled() else None,
            self.strict.isChecked(),
            self.note.text().strip(),
            self.out.text().strip(),
        )

    # -- what is said --------------------------------------------------------------------------------------

    def show_plan(self, figures: str, told: Sequence[str], lost: Sequence[str]) -> None:
        """What the release would hold, and what it cannot carry."""
        self.figures.setText(figures)
        self.told.setText("\n".join(told))
        self.lost.setText("\n".join(lost))
        self.lost.setVisible(bool(lost))
        self.say_wrong("")
        self._ready = True
        self._show_start()

    def say_wrong(self, text: str) -> None:
        """What is wrong with what is wanted, or went wrong; "" for nothing."""
        self.wrong.setText(text)
        self.wrong.setVisible(bool(text))
        if text:
            self._ready = False
            self._show_start()

    def set_progress(self, done: int, total: int) -> None:
        """How far it is; a total of 0 where nobody knows."""
        self.progress.setRange(0, total)
        self.progress.setValue(done)

    def set_running(self, writing: bool, planning: bool = False) -> None:
        """Whether a release is written, or a plan is made."""
        self._writing = writing
        self.stop.setVisible(writing)
        self.progress.setVisible(writing or planning)
        self.state.setText("" if writing or not planning else "Reading the records…")
        if writing:
            self.open_result.hide()
        self._show_start()

    def show_done(self, text: str) -> None:
        """The release is there."""
        self.state.setText(text)
        self.open_result.show()
        self.start.setEnabled(False)

    _ready = False
    _writing = False

    def _show_start(self) -> None:
        self.start.setEnabled(self._ready and not self._writing and bool(self.out.text().strip()))

    def _chose(self) -> None:
        which = self.which.currentData()
        self.value.setVisible(which in _HINTS)
        self.value.setPlaceholderText(_HINTS.get(which, ""))
        self.pick.setVisible(which == MOMENTS)
        self._ask()

    def _ask(self) -> None:
        self._ready = False
        self.wrong.hide()
        self._show_start()
        self._asking.start()

    def refresh(self) -> None:
        """Show what belongs to the choice, and have the plan made."""
        self._chose()

    def _pick_list(self) -> None:
        name, _ = QFileDialog.getOpenFileName(
            self, "The list of moments", "", "Lists (*.csv *.json *.jsonl *.parquet)"
        )
        if name:
            self.value.setText(name)

    def _pick_place(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Where the release is written")
        if folder:
            name = Path(self.out.text()).name or "release"
            self.out.setText(str(Path(folder) / name))
