"""The Findings panel: what the audit found, the worst first, and what to do about it. It shows and asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QListView,
    QProgressBar,
    QPushButton,
    QSplitter,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from inspector.core.findings import Status
from inspector.ui import theme
from inspector.ui.panels.common import Panel, SectionHeader, Words, inset, number_text
from inspector.ui.panels.findings_detail import FindingDetail
from inspector.ui.panels.findings_model import (
    STATUS_WORD,
    FindingsDelegate,
    FindingsModel,
    Item,
    arranged,
    status_color,
)
from inspector.ui.panels.lines import RowList

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from PySide6.QtGui import QAction

    from inspector.audit.evidence import Evidence
    from inspector.audit.traces import Trace
    from inspector.ui.panels.evidence import EvidenceView
    from inspector.ui.panels.exhibits import StripView

DEBOUNCE_MS = 120
DETAIL = 75 * theme.STEP
NEVER = "Not audited yet. Run measures every record: what is missing, misaligned or broken."
NOTHING = "Nothing to do: no finding of the kinds that are shown."
SHOWN_FIRST = (Status.FAILED, Status.SUSPECT)


class FindingsList(RowList):
    """Steps past the heads; Del dismisses."""

    dismissed = Signal()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Del, Up and Down are the list's, too."""
        key, held = event.key(), event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        if key == Qt.Key.Key_Delete and not held:
            self.dismissed.emit()
        elif key in (Qt.Key.Key_Up, Qt.Key.Key_Down) and not held:
            self.step(1 if key == Qt.Key.Key_Down else -1)
            event.accept()
        else:
            super().keyPressEvent(event)
            if key in self.MOVES and not held:
                self.step(0)

    def step(self, by: int) -> bool:
        """Choose the next or previous finding, past the heads (0: the nearest); False where there is none."""
        model = self.model()
        assert isinstance(model, FindingsModel)
        row, on = self.currentIndex().row() + by, -1 if by < 0 else 1
        while 0 <= row < len(model.lines) and model.item(row) is None:
            row += on
        if not 0 <= row < len(model.lines):
            return False
        self.setCurrentIndex(model.index(row, 0))
        if row == 1:
            self.scrollToTop()  # with the head above it
        return True


class FindingsPanel(Panel):
    """Its signals ask; the room does."""

    run_asked = Signal()
    pause_asked = Signal(bool)
    cancel_asked = Signal()
    entered = Signal(object)
    """An `Item` whose moment is to be gone to."""
    current_changed = Signal(object)
    """Another `Item` is chosen, or None."""
    accepted = Signal(object)
    """The fix of an `Item` is to be made."""
    all_accepted = Signal(object)
    """The fixes of these `Item`s are to be made in one edit."""
    dismissed = Signal(object, str)
    """An `Item`, and why; empty: it counts again."""
    tolerance_asked = Signal(str, str)
    """A check, and `LOW:HIGH`."""
    sought = Signal(object, object)
    """An `Item`, and a moment of its record in ns that was clicked in its evidence."""
    shown_changed = Signal()
    """Other kinds are to be shown."""

    def __init__(self, actions: Mapping[str, QAction], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.model = FindingsModel()
        self._items: Sequence[Item] = ()
        self._told: Item | None = None
        self._titles: Mapping[str, str] = {}
        self._helps: Mapping[str, str] = {}
        self._limits: Mapping[str, str] = {}
        self.header = SectionHeader("Findings")
        self.run = QPushButton("Run audit")
        self.run.setProperty("primary", True)
        self.run.setToolTip("Measure every record; what is known and has not changed is not measured again")
        self.pause = QPushButton("Pause")
        self.pause.setCheckable(True)
        self.cancel = QPushButton("Cancel")
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(theme.STEP)
        self.doing = Words("", "quiet", 11)
        self.chips = {status: self._chip(status) for status in STATUS_WORD}
        self.put_away = QToolButton()
        self.put_away.setCheckable(True)
        self.put_away.setFont(theme.mono_font(11))
        self.put_away.setToolTip("Show what was dismissed, too")
        self.filter = QLineEdit()
        self.filter.setPlaceholderText("Filter by record, check or words")
        self.filter.setAccessibleName("Filter findings")
        self.filter.setClearButtonEnabled(True)
        self.list = FindingsList()
        self.list.setModel(self.model)
        self.list.setItemDelegate(FindingsDelegate(self.list))
        self.list.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.list.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setAccessibleName("Findings")
        self.list.setLayoutMode(QListView.LayoutMode.Batched)
        self.list.setBatchSize(200)
        self.empty = Words(NEVER, "quiet")
        self.detail = FindingDetail()
        self.left_out = Words("", "quiet", 11)
        self.left_out.hide()
        self.all = QPushButton("")
        self.all.setToolTip("Every fix in the list whose gate passed, as one edit that Ctrl+Z takes back")
        self._typing = QTimer(self, singleShot=True, interval=DEBOUNCE_MS)
        self._typing.timeout.connect(self._arrange)
        self._build(actions)
        self._connect()
        self.set_progress(None)
        self.show_items((), {})

    def _chip(self, status: Status) -> QToolButton:
        chip = QToolButton()
        chip.setCheckable(True)
        chip.setChecked(status in SHOWN_FIRST)
        chip.setFont(theme.mono_font(11))
        chip.setToolTip(f"Show what is {STATUS_WORD[status]}")
        chip.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        return chip

    def _build(self, actions: Mapping[str, QAction]) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 2 * theme.STEP)
        column.setSpacing(0)
        column.addWidget(self.header)
        self.bars = QWidget()
        run = QHBoxLayout(self.bars)
        run.setContentsMargins(theme.MARGIN, 0, theme.MARGIN, theme.STEP)
        run.setSpacing(theme.STEP)
        for each in (self.run, self.pause, self.cancel, self.all):
            each.setMinimumWidth(1)
            each.setProperty("tight", True)
            run.addWidget(each, 3 if each is self.all else 2)
        column.addWidget(self.bars)
        column.addLayout(inset(self.bar, self.doing, gap=1))
        chips = QGridLayout()
        chips.setContentsMargins(2 * theme.STEP, 0, theme.MARGIN, theme.STEP)
        chips.setSpacing(theme.STEP)
        places = {Status.FAILED: (0, 0), Status.SUSPECT: (0, 1), Status.OK: (1, 0)}
        for status, (row, place) in places.items():
            chips.addWidget(self.chips[status], row, place, Qt.AlignmentFlag.AlignLeft)
        chips.addWidget(self.put_away, 0, 2, Qt.AlignmentFlag.AlignLeft)
        chips.addWidget(self.chips[Status.NOT_MEASURABLE], 1, 1, 1, 2, Qt.AlignmentFlag.AlignLeft)
        chips.setColumnStretch(2, 1)
        column.addLayout(chips)
        column.addLayout(inset(self.filter, self.empty, gap=1))
        self.parts = QSplitter(Qt.Orientation.Vertical)
        self.parts.setHandleWidth(1)
        self.parts.addWidget(self.list)
        self.parts.addWidget(self.detail)
        self.parts.setStretchFactor(0, 1)
        self.parts.setStretchFactor(1, 1)
        self.parts.setCollapsible(0, False)
        self.parts.setSizes([DETAIL, DETAIL])
        column.addWidget(self.parts, 1)
        column.addLayout(inset(self.left_out, gap=1))

    def _connect(self) -> None:
        self.run.clicked.connect(lambda _=False: self.run_asked.emit())
        self.pause.toggled.connect(self._paused)
        self.cancel.clicked.connect(lambda _=False: self.cancel_asked.emit())
        for chip in (*self.chips.values(), self.put_away):
            chip.toggled.connect(lambda _: self.shown_changed.emit())
            chip.toggled.connect(lambda _: self._arrange())
        self.filter.textChanged.connect(lambda _: self._typing.start())
        self.list.entered_row.connect(self._enter)
        self.list.doubleClicked.connect(lambda index: self._enter(index.row()))
        self.list.selectionModel().currentChanged.connect(lambda *_: self._chosen())
        self.list.dismissed.connect(self.detail.start_dismissing)
        self.detail.accepted.connect(lambda: self._with_current(self.accepted.emit))
        self.detail.dismissed.connect(lambda why: self._with_current(lambda it: self.dismissed.emit(it, why)))
        self.detail.tolerance_asked.connect(self._ask_tolerance)
        self.detail.sought.connect(self._seek)
        self.detail.left.connect(self.list.setFocus)
        self.all.clicked.connect(lambda _=False: self.all_accepted.emit(self.fixable()))
        self.filter.installEventFilter(self)

    # -- what the room calls -------------------------------------------------------------------------------

    def set_checks(self, titles: Mapping[str, str], helps: Mapping[str, str]) -> None:
        """What each check is called, and what it says of itself."""
        self._titles, self._helps = titles, helps

    def set_limits(self, limits: Mapping[str, str]) -> None:
        """What passes each check, as `LOW:HIGH`."""
        self._limits = limits

    def show_items(self, items: Sequence[Item], counts: Mapping[Status, int], left_out: int = 0) -> None:
        """Show findings, how many there are of each status, and how many are not listed."""
        self._items = items
        total = sum(counts.values())
        self.left_out.setText(f"{number_text(left_out)} milder ones are not listed: ask for them in SQL")
        self.left_out.setVisible(left_out > 0)
        for status, chip in self.chips.items():
            chip.setText(f"{number_text(counts.get(status, 0))} {STATUS_WORD[status]}")
            color = f"color: {status_color(status).name()};" if chip.isChecked() else ""
            chip.setStyleSheet(f"QToolButton {{ {color} padding: 4px 5px; }}")
        gone = sum(item.dismissed is not None for item in items)
        self.put_away.setText(f"{number_text(gone)} dismissed")
        self.put_away.setVisible(gone > 0)
        words = NOTHING if total else NEVER
        if total and not counts.get(Status.FAILED) and not counts.get(Status.SUSPECT):
            unknown = counts.get(Status.NOT_MEASURABLE, 0)
            rest = f" {number_text(unknown)} could not be measured: their button says why." if unknown else ""
            words = f"Nothing failed.{rest}"
        self.empty.setText(words)
        self.header.set_count(number_text(total) if total else "")
        self._arrange()

    def set_progress(self, told: str | None, share: float = 0.0) -> None:
        """Say how far the audit is; None: none runs."""
        runs = told is not None
        self.run.setVisible(not runs)
        self.pause.setVisible(runs)
        self.cancel.setVisible(runs)
        self.bar.setVisible(runs)
        self.doing.setVisible(bool(told))
        self.doing.setText(told or "")
        self.bar.setRange(0, 1000)
        self.bar.setValue(round(1000 * share))
        if not runs:
            self.pause.blockSignals(True)
            self.pause.setChecked(False)
            self.pause.setText("Pause")
            self.pause.blockSignals(False)

    def show_only(self, words: str) -> None:
        """Filter by these words, whatever the status."""
        for chip in self.chips.values():
            chip.setChecked(True)
        self.filter.setText(words)

    @property
    def current(self) -> Item | None:
        """The chosen finding."""
        return self.model.item(self.list.currentIndex().row())

    @property
    def shown(self) -> frozenset[Status]:
        """Which kinds are to be listed."""
        return frozenset(status for status, chip in self.chips.items() if chip.isChecked())

    def fixable(self) -> list[Item]:
        """The findings of the list that have a fix whose gate passed, and are not dismissed."""
        return [
            each
            for each in self.model.lines
            if isinstance(each, Item)
            and each.finding.fix is not None
            and each.finding.status is Status.FAILED
            and each.dismissed is None
        ]

    @property
    def evidence(self) -> EvidenceView:
        """The curve over lags."""
        return self.detail.evidence

    @property
    def strip(self) -> StripView:
        """The frames."""
        return self.detail.strip

    def show_exhibits(self, curve: Evidence | None, trace: Trace | None) -> None:
        """Show what the chosen finding's figure was read from."""
        self.detail.show_exhibits(curve, trace)

    # -- inside --------------------------------------------------------------------------------------------

    def _arrange(self) -> None:
        current = self.current
        lines = arranged(self._items, self.shown, self.put_away.isChecked(), self.filter.text(), self._titles)
        self.model.set_lines(lines)
        row = -1 if current is None else self.model.row_of(*current.place)
        if row < 0 and lines:
            row = 1
        if row >= 0 and row != self.list.currentIndex().row():
            self.list.setCurrentIndex(self.model.index(row, 0))
        self.empty.setVisible(not lines)
        many = len(self.fixable())
        self.all.setText(f"Accept {number_text(many)} fixes")
        self.all.setVisible(many > 1)
        self._chosen()

    def _chosen(self) -> None:
        item = self.current
        self.detail.setVisible(item is not None)
        other = item is None or self._told is None or item.finding != self._told.finding
        self._told = item
        self.detail.show_item(item, self._helps, self._limits)
        if other:
            self.current_changed.emit(item)

    def _paused(self, on: bool) -> None:
        self.pause.setText("Go on" if on else "Pause")
        self.pause_asked.emit(on)

    def _enter(self, row: int) -> None:
        item = self.model.item(row)
        if item is not None:
            self.entered.emit(item)

    def _with_current(self, then: Callable[[Item], object]) -> None:
        if self.current is not None:
            then(self.current)

    def _ask_tolerance(self, text: str) -> None:
        self._with_current(lambda item: self.tolerance_asked.emit(item.finding.check, text))

    def _seek(self, at_ns: int) -> None:
        self._with_current(lambda item: self.sought.emit(item, at_ns))

    def eventFilter(self, watched: object, event: QEvent) -> bool:
        """Esc empties the filter and goes back to the list, as Down does."""
        if watched is self.filter and isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            if event.key() == Qt.Key.Key_Escape:
                self.filter.clear()
            if event.key() in (Qt.Key.Key_Escape, Qt.Key.Key_Down):
                self.list.setFocus()
                return True
        return False

    def minimumSizeHint(self) -> QSize:
        """Narrow enough to stand beside the stage and another column in a small window."""
        return QSize(56 * theme.STEP, super().minimumSizeHint().height())

    def changeEvent(self, event: QEvent) -> None:
        """Repaint in a new theme."""
        if event.type() == QEvent.Type.PaletteChange:
            self.list.viewport().update()
        super().changeEvent(event)
