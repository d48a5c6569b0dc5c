"""The Agreement panel: two authors, how far they agree, and each disagreement. It shows and asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from inspector.ui import theme
from inspector.ui.panels.agreement_model import AgreementDelegate, AgreementModel, Row, arranged, names_of
from inspector.ui.panels.common import Panel, SectionHeader, Words, number_text
from inspector.ui.panels.lines import RowList

if TYPE_CHECKING:
    from inspector.agreement.measure import Agreement, PairFigures

NOT_YET = "Not measured yet. Measure reads the labels of every record and compares every two authors."
DECISIONS = {"a": "Take one’s", "b": "Take the other’s", "both": "Both", "neither": "Neither"}
NOBODY = "No two authors labelled one tier of a record, so there is nothing to compare."


class AgreementPanel(Panel):
    """Its signals ask; the room does."""

    measure_asked = Signal()
    cancel_asked = Signal()
    entered = Signal(object)
    """A `Row` whose moment is to be gone to."""
    decided = Signal(object, str, str)
    """What a `Row` tells of is decided: `a`, `b`, `both`, `neither` or `new`, and the new text."""
    gold_asked = Signal()
    """What the two agree on in the record on show is to be gold."""
    layers_changed = Signal()
    """Other authors are to be shown, or by other names."""
    left = Signal()
    """The keys are to go back to where they were."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.model = AgreementModel()
        self._agreement: Agreement | None = None
        self._record_id: str | None = None
        self.done: set[tuple[str, str]] = set()
        """Disagreements that were decided since the measurement."""
        self.header = SectionHeader("Agreement")
        self.pairs = QComboBox()
        self.pairs.setAccessibleName("Two authors")
        self.pairs.setToolTip("The two authors that are compared")
        self.measure = QPushButton("Measure")
        self.measure.setProperty("primary", True)
        self.measure.setToolTip("Read the labels of every record and compare every two authors")
        self.cancel = QPushButton("Cancel")
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(theme.STEP)
        self.doing = Words("", "quiet", 11)
        self.here = QCheckBox("This record only")
        self.filter = QLineEdit()
        self.filter.setPlaceholderText("Filter disagreements")
        self.filter.setAccessibleName("Filter disagreements")
        self.filter.setClearButtonEnabled(True)
        self.list = RowList()
        self.list.setModel(self.model)
        self.list.setItemDelegate(AgreementDelegate(self.list))
        self.list.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.list.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setAccessibleName("Agreement and disagreements")
        self.blind = QCheckBox("Hide who said what")
        self.blind.setToolTip("Authors are called one and the other while you decide, in no fixed order")
        self.layers = QWidget()
        self._shown: dict[str, QCheckBox] = {}
        self.decide = {choice: QPushButton(words) for choice, words in DECISIONS.items()}
        self.text = QLineEdit()
        self.text.setPlaceholderText("A new label; Enter decides for it")
        self.text.setAccessibleName("New label")
        self.gold = QPushButton("Gold from what they agree on")
        self.gold.setToolTip("In the record on show: what both say becomes gold, beside what was decided")
        self.empty = Words(NOT_YET, "quiet")
        self.told = Words("", "text", 12)
        self._build()
        self._connect()
        self.set_progress(None)
        self.show_agreement(None)

    def _build(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 2 * theme.STEP)
        column.setSpacing(0)
        column.addWidget(self.header)
        self.inner = QVBoxLayout()
        self.inner.setContentsMargins(theme.MARGIN, 0, theme.MARGIN, theme.STEP)
        self.inner.setSpacing(theme.STEP)
        row = QHBoxLayout()
        row.setSpacing(theme.STEP)
        row.addWidget(self.measure, 1)
        row.addWidget(self.cancel, 1)
        self.inner.addLayout(row)
        grid_of = QGridLayout(self.layers)
        grid_of.setContentsMargins(0, theme.STEP, 0, theme.STEP)
        grid_of.setSpacing(2 * theme.STEP)
        boxes = (self.pairs, self.layers, self.blind, self.filter, self.here, self.empty)
        for each in (self.bar, self.doing, *boxes):
            self.inner.addWidget(each)
        column.addLayout(self.inner)
        column.addWidget(self.list, 1)
        self.below = QVBoxLayout()
        self.below.setContentsMargins(theme.MARGIN, 2 * theme.STEP, theme.MARGIN, 0)
        self.below.setSpacing(theme.STEP)
        self.below.addWidget(self.told)
        self.deciding = QWidget()
        grid = QGridLayout(self.deciding)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(theme.STEP)
        for place, button in enumerate(self.decide.values()):
            grid.addWidget(button, place // 2, place % 2)
        grid.addWidget(self.text, 2, 0, 1, 2)
        self.below.addWidget(self.deciding)
        self.below.addWidget(self.gold)
        column.addLayout(self.below)
        column.addStretch(0)

    def _connect(self) -> None:
        self.measure.clicked.connect(lambda _=False: self.measure_asked.emit())
        self.cancel.clicked.connect(lambda _=False: self.cancel_asked.emit())
        self.pairs.currentIndexChanged.connect(lambda _: self.arrange())
        self.filter.textChanged.connect(lambda _: self.arrange())
        self.here.toggled.connect(lambda _: self.arrange())
        self.list.entered_row.connect(self._enter)
        self.list.clicked.connect(lambda index: self._enter(index.row()))
        self.list.selectionModel().currentChanged.connect(lambda *_: self._chosen())
        self.blind.toggled.connect(lambda _: self.arrange())
        self.blind.toggled.connect(lambda _: self.layers_changed.emit())
        for choice, button in self.decide.items():
            button.clicked.connect(lambda _=False, choice=choice: self._decide(choice))
        self.text.returnPressed.connect(lambda: self._decide("new"))
        self.gold.clicked.connect(lambda _=False: self.gold_asked.emit())
        for line in (self.filter, self.text):
            line.installEventFilter(self)

    # -- what the room calls -------------------------------------------------------------------------------

    def set_progress(self, told: str | None, share: float = 0.0) -> None:
        """Say how far the measurement is; None: none runs."""
        runs = told is not None
        self.measure.setVisible(not runs)
        self.cancel.setVisible(runs)
        self.bar.setVisible(runs)
        self.doing.setVisible(bool(told))
        self.doing.setText(told or "")
        self.bar.setRange(0, 1000)
        self.bar.setValue(round(1000 * share))

    def say(self, text: str) -> None:
        """Say something about what is shown: that labels have changed since, or what went wrong."""
        self.doing.setText(text)
        self.doing.setVisible(bool(text))

    def show_agreement(self, agreement: Agreement | None) -> None:
        """Show what was measured; None: nothing was yet."""
        self._agreement = agreement
        self.done = set()
        pair = self.pairs.currentText()
        self.pairs.blockSignals(True)
        self.pairs.clear()
        for each in () if agreement is None else agreement.pairs:
            self.pairs.addItem(f"{each.a} and {each.b}, {number_text(each.records)} records")
        self.pairs.setCurrentIndex(max(self.pairs.findText(pair), 0))
        self.pairs.blockSignals(False)
        self.measure.setText("Measure" if agreement is None else "Measure again")
        self.empty.setText(NOT_YET if agreement is None else NOBODY)
        self.header.set_count("" if agreement is None else number_text(agreement.rows_in_all))
        hidden = self.hidden
        for box in self._shown.values():
            box.deleteLater()
        self._shown = {}
        layout = self.layers.layout()
        assert isinstance(layout, QGridLayout)
        for place, author in enumerate(() if agreement is None else agreement.authors):
            box = QCheckBox(author)
            box.setChecked(author not in hidden)
            box.setToolTip("Show these labels on the timeline and the pictures")
            box.toggled.connect(lambda _: self.layers_changed.emit())
            self._shown[author] = box
            layout.addWidget(box, place // 2, place % 2)
        self.arrange()

    @property
    def hidden(self) -> frozenset[str]:
        """The authors whose labels are not to be shown."""
        return frozenset(author for author, box in self._shown.items() if not box.isChecked())

    def called(self, record_id: str) -> dict[str, str]:
        """What the two authors are called in a record, while nobody is to be named."""
        pair = self.pair
        if pair is None or not self.blind.isChecked():
            return {}
        return dict(zip((pair.a, pair.b), names_of(pair, record_id, blind=True), strict=True))

    def set_record(self, record_id: str | None) -> None:
        """Another record is on show."""
        if record_id != self._record_id:
            self._record_id = record_id
            if self.here.isChecked():
                self.arrange()

    @property
    def pair(self) -> PairFigures | None:
        """The two authors that are shown."""
        place = self.pairs.currentIndex()
        found = () if self._agreement is None else self._agreement.pairs
        return found[place] if 0 <= place < len(found) else None

    @property
    def current(self) -> Row | None:
        """The chosen row."""
        return self.model.row(self.list.currentIndex().row())

    def step(self, by: int) -> Row | None:
        """Choose the next or previous row that leads somewhere; None where there is none."""
        place = self.list.currentIndex().row() + by
        while 0 <= place < len(self.model.lines):
            row = self.model.row(place)
            if row is not None and row.record_id is not None:
                self.list.setCurrentIndex(self.model.index(place, 0))
                return row
            place += by
        return None

    def arrange(self) -> None:
        """Lay the lines anew, the chosen row staying where it was."""
        pair, current, place = self.pair, self.current, self.list.currentIndex().row()
        for each in (self.pairs, self.blind, self.filter, self.here, self.list, self.gold):
            each.setVisible(pair is not None)
        self.layers.setVisible(pair is not None and not self.blind.isChecked())
        self.empty.setVisible(pair is None)
        if pair is None or self._agreement is None:
            self.model.set_lines([])
        else:
            here = self._record_id if self.here.isChecked() else None
            self.model.set_lines(
                arranged(self._agreement, pair, self.filter.text(), here, self.done, self.blind.isChecked())
            )
        lines = self.model.lines
        if current is not None:
            place = lines.index(current) if current in lines else min(place, len(lines) - 1)
            self.list.setCurrentIndex(self.model.index(place, 0))
        self._chosen()

    # -- inside --------------------------------------------------------------------------------------------

    def _chosen(self) -> None:
        row = self.current
        self.told.setText("" if row is None else row.message)
        self.told.setVisible(row is not None)
        self.deciding.setVisible(row is not None and row.of is not None)
        pair = self.pair
        if row is not None and row.of is not None and pair is not None:
            names = names_of(pair, row.of.record_id, self.blind.isChecked())
            for choice, name in zip("ab", names, strict=True):
                self.decide[choice].setText(f"Take {name}’s")

    def _decide(self, choice: str) -> None:
        row = self.current
        if row is not None and row.of is not None:
            self.decided.emit(row, choice, self.text.text().strip() if choice == "new" else "")
            self.text.clear()

    def _enter(self, place: int) -> None:
        row = self.model.row(place)
        if row is not None and row.record_id is not None:
            self.entered.emit(row)

    def eventFilter(self, watched: object, event: QEvent) -> bool:
        """Esc in the filter gives the keys back."""
        is_key = isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress
        if is_key and watched in (self.filter, self.text) and event.key() == Qt.Key.Key_Escape:  # type: ignore[attr-defined]
            (self.filter if watched is self.filter else self.text).clear()
            self.left.emit()
            return True
        return False
