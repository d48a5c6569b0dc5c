"""The Findings panel: what the audit found, the worst first, and what to do about it. It shows and asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtWidgets import (
    QAbstractItemView,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from inspector.core.findings import Status
from inspector.ui import theme
from inspector.ui.panels.common import Panel, SectionHeader, Words, number_text
from inspector.ui.panels.evidence import EvidenceView
from inspector.ui.panels.findings_model import (
    STATUS_WORD,
    FindingsDelegate,
    FindingsModel,
    Item,
    arranged,
    figure_text,
    status_color,
)
from inspector.ui.panels.lines import RowList

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from PySide6.QtGui import QAction

NEVER = "Not audited yet. Run measures every record: what is missing, misaligned or broken."
NOTHING = "Nothing to do: no finding of the kinds that are shown."
SHOWN_FIRST = (Status.FAILED, Status.SUSPECT)


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
    shown_changed = Signal()
    """Other kinds are to be shown."""

    def __init__(self, actions: Mapping[str, QAction], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.model = FindingsModel()
        self._items: Sequence[Item] = ()
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
        self.put_away.setToolTip("Show what was dismissed, too")
        self.filter = QLineEdit()
        self.filter.setPlaceholderText("Filter by record, check or words")
        self.filter.setAccessibleName("Filter findings")
        self.filter.setClearButtonEnabled(True)
        self.list = RowList()
        self.list.setModel(self.model)
        self.list.setItemDelegate(FindingsDelegate(self.list))
        self.list.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.list.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setAccessibleName("Findings")
        self.empty = Words(NEVER, "quiet")
        self.rest = QWidget()  # takes the height that the list leaves where it has nothing to show
        self.told = Words("", "text", 12)
        self.unit = Words("", "quiet", 12)
        self.evidence = EvidenceView()
        self.tolerance = QLineEdit()
        self.tolerance.setFont(theme.mono_font(12))
        self.tolerance.setToolTip("What passes, LOW:HIGH, either end empty for none. Kept for this dataset")
        self.tolerance.setAccessibleName("Tolerance")
        self.accept = QPushButton("Accept fix")
        self.accept.setToolTip("Make the suggested fix. Enter shows it in the Align panel first")
        self.dismiss = QPushButton("Dismiss…")
        self.dismiss.setToolTip("It is no fault, or not to be mended: say why  (Del)")
        self.reason = QLineEdit()
        self.reason.setPlaceholderText("Why? Enter dismisses, Esc goes back")
        self.reason.setMaxLength(2000)
        self.reason.setAccessibleName("Reason")
        self.all = QPushButton("")
        self.all.setToolTip("Every fix in the list whose gate passed, as one edit that Ctrl+Z takes back")
        self._build(actions)
        self._connect()
        self.set_progress(None)
        self.show_items((), {}, 0)

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
        for each in (self.run, self.pause, self.cancel):
            run.addWidget(each, 1)
        column.addWidget(self.bars)
        column.addLayout(_inset(self.bar, self.doing))
        chips = QGridLayout()
        chips.setContentsMargins(2 * theme.STEP, 0, theme.MARGIN, theme.STEP)
        chips.setSpacing(0)
        for place, chip in enumerate((*self.chips.values(), self.put_away)):
            chips.addWidget(chip, place // 4, place % 4, Qt.AlignmentFlag.AlignLeft)
        column.addLayout(chips)
        column.addLayout(_inset(self.filter, self.empty))
        column.addWidget(self.list, 1)
        column.addWidget(self.rest, 1)
        self.detail = QWidget()
        below = QVBoxLayout(self.detail)
        below.setContentsMargins(theme.MARGIN, 2 * theme.STEP, theme.MARGIN, 0)
        below.setSpacing(theme.STEP)
        below.addWidget(self.told)
        below.addWidget(self.evidence)
        self.passes = QWidget()
        limits = QHBoxLayout(self.passes)
        limits.setContentsMargins(0, 0, 0, 0)
        limits.setSpacing(2 * theme.STEP)
        limits.addWidget(Words("Passes", "quiet", 12))
        limits.addWidget(self.tolerance, 1)
        limits.addWidget(self.unit)
        below.addWidget(self.passes)
        row = QHBoxLayout()
        row.setSpacing(theme.STEP)
        row.addWidget(self.accept, 1)
        row.addWidget(self.dismiss, 1)
        below.addLayout(row)
        below.addWidget(self.reason)
        column.addWidget(self.detail)
        column.addLayout(_inset(self.all))

    def _connect(self) -> None:
        self.run.clicked.connect(lambda _=False: self.run_asked.emit())
        self.pause.toggled.connect(self._paused)
        self.cancel.clicked.connect(lambda _=False: self.cancel_asked.emit())
        for chip in (*self.chips.values(), self.put_away):
            chip.toggled.connect(lambda _: self.shown_changed.emit())
            chip.toggled.connect(lambda _: self._arrange())
        self.filter.textChanged.connect(lambda _: self._arrange())
        self.list.entered_row.connect(self._enter)
        self.list.doubleClicked.connect(lambda index: self._enter(index.row()))
        self.list.selectionModel().currentChanged.connect(lambda *_: self._chosen())
        self.accept.clicked.connect(lambda _=False: self._with_current(self.accepted.emit))
        self.dismiss.clicked.connect(lambda _=False: self.start_dismissing())
        self.reason.returnPressed.connect(self._give_reason)
        self.tolerance.editingFinished.connect(self._tolerance_typed)
        self.all.clicked.connect(lambda _=False: self.all_accepted.emit(self.fixable()))
        for line in (self.reason, self.filter, self.tolerance):
            line.installEventFilter(self)

    # -- what the room calls -------------------------------------------------------------------------------

    def set_checks(
        self, titles: Mapping[str, str], helps: Mapping[str, str], limits: Mapping[str, str]
    ) -> None:
        """What each check is called, what it says of itself, and what passes it, as `LOW:HIGH`."""
        self._titles, self._helps, self._limits = titles, helps, limits

    def show_items(self, items: Sequence[Item], counts: Mapping[Status, int], total: int) -> None:
        """Show findings, how many there are of each status, and of how many records."""
        self._items = items
        for status, chip in self.chips.items():
            word = "n/m" if status is Status.NOT_MEASURABLE else STATUS_WORD[status]
            chip.setText(f"{number_text(counts.get(status, 0))} {word}")
            color = f"color: {status_color(status).name()};" if chip.isChecked() else ""
            chip.setStyleSheet(f"QToolButton {{ {color} padding: 4px 5px; }}")
        gone = sum(item.dismissed is not None for item in items)
        self.put_away.setText(f"{number_text(gone)} dismissed")
        self.put_away.setVisible(gone > 0)
        words = NOTHING if sum(counts.values()) else NEVER
        if words is NOTHING and not counts.get(Status.FAILED) and not counts.get(Status.SUSPECT):
            unknown = counts.get(Status.NOT_MEASURABLE, 0)
            rest = f" {unknown} could not be measured: n/m says why." if unknown else ""
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
        lines = self.model.lines
        return [
            each
            for each in lines
            if isinstance(each, Item)
            and each.finding.fix is not None
            and each.finding.status is Status.FAILED
            and each.dismissed is None
        ]

    def step(self, by: int) -> None:
        """Choose the next or previous finding, past the heads."""
        row = self.list.currentIndex().row() + by
        while 0 <= row < len(self.model.lines) and self.model.item(row) is None:
            row += by
        if 0 <= row < len(self.model.lines):
            self.list.setCurrentIndex(self.model.index(row, 0))

    def start_dismissing(self) -> None:
        """Ask for the reason; a dismissed one counts again at once."""
        item = self.current
        if item is None or item.finding.record_id is None:
            return
        if item.dismissed is not None:
            self.dismissed.emit(item, "")
            return
        self.reason.show()
        self.reason.setFocus()

    # -- inside --------------------------------------------------------------------------------------------

    def _arrange(self) -> None:
        current = self.current
        lines = arranged(self._items, self.shown, self.put_away.isChecked(), self.filter.text(), self._titles)
        self.model.set_lines(lines)
        row = -1 if current is None else self.model.row_of(current.finding.key)
        if row < 0 and lines:
            row = 1
        if row >= 0 and row != self.list.currentIndex().row():
            self.list.setCurrentIndex(self.model.index(row, 0))
        self.list.setVisible(bool(lines))
        self.rest.setVisible(not lines)
        self.empty.setVisible(not lines)
        many = len(self.fixable())
        self.all.setText(f"Accept all {number_text(many)} certain fixes")
        self.all.setVisible(many > 1)
        self._chosen()

    def _chosen(self) -> None:
        item = self.current
        self.detail.setVisible(item is not None)
        self.reason.hide()
        self.current_changed.emit(item)
        if item is None:
            return
        finding = item.finding
        words = f"{STATUS_WORD[finding.status]}: {finding.message}"
        figure = figure_text(finding, item.before)
        sure = "" if finding.confidence is None else f"confidence {finding.confidence:.2f}"
        self.told.setText("\n".join(filter(None, (words, ", ".join(filter(None, (figure, sure)))))))
        self.told.setToolTip(theme.tip(f"{finding.check}\n\n{self._helps.get(finding.check, '')}"))
        self.unit.setText(finding.unit)
        limits = self._limits.get(finding.check)
        self.passes.setVisible(limits is not None and limits != ":")
        self.tolerance.setText(limits or "")
        self.accept.setEnabled(finding.fix is not None and item.dismissed is None)
        self.dismiss.setEnabled(finding.record_id is not None)
        self.dismiss.setText("Dismiss…" if item.dismissed is None else "Count it again")

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

    def _give_reason(self) -> None:
        item, why = self.current, self.reason.text().strip()
        if item is not None and why:
            self.reason.clear()
            self.reason.hide()
            self.list.setFocus()
            self.dismissed.emit(item, why)

    def _tolerance_typed(self) -> None:
        item = self.current
        if item is None:
            return
        text = self.tolerance.text().strip()
        if text != self._limits.get(item.finding.check):
            self.tolerance_asked.emit(item.finding.check, text)

    def eventFilter(self, watched: object, event: QEvent) -> bool:
        """Esc in a field goes back to the list."""
        key = event.key() if event.type() == QEvent.Type.KeyPress else None  # type: ignore[attr-defined]
        if key == Qt.Key.Key_Escape:
            if watched is self.reason:
                self.reason.hide()
            elif watched is self.filter:
                self.filter.clear()
            self.list.setFocus()
            return True
        return super().eventFilter(watched, event)  # type: ignore[arg-type]

    def changeEvent(self, event: QEvent) -> None:
        """Repaint in a new theme."""
        if event.type() == QEvent.Type.PaletteChange:
            self.list.viewport().update()
        super().changeEvent(event)


def _inset(*widgets: QWidget) -> QVBoxLayout:
    box = QVBoxLayout()
    box.setContentsMargins(theme.MARGIN, 0, theme.MARGIN, theme.STEP)
    box.setSpacing(theme.STEP)
    for each in widgets:
        box.addWidget(each)
    return box
