"""What stands under the list of findings: the chosen one in words and pictures, and what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from inspector.core.findings import Status
from inspector.ui import theme
from inspector.ui.panels.common import Panel, Words, scrolled
from inspector.ui.panels.evidence import EvidenceView
from inspector.ui.panels.exhibits import StripView, TraceView
from inspector.ui.panels.findings_model import STATUS_WORD, Item, figure_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inspector.audit.evidence import Evidence
    from inspector.audit.traces import Trace


class FindingDetail(QWidget):
    """Its signals ask. What is being typed is left alone as long as the same finding is chosen."""

    accepted = Signal()
    dismissed = Signal(str)
    """Why; empty: it counts again."""
    tolerance_asked = Signal(str)
    """`LOW:HIGH`."""
    sought = Signal(object)
    """A reference time in ns that was clicked in a picture."""
    left = Signal()
    """The keys go back to the list."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.item: Item | None = None
        self.told = Words("", "text", 12)
        self.figure = Words("", "text", 13, mono=True)
        self.evidence = EvidenceView()
        self.trace = TraceView()
        self.strip = StripView()
        self.more = QCheckBox("What this check does")
        self.help = Words("", "quiet", 12)
        self.help.hide()
        self.unit = Words("", "quiet", 12)
        self.tolerance = QLineEdit()
        self.tolerance.setFont(theme.mono_font(12))
        self.tolerance.setToolTip(
            "What passes, LOW:HIGH, either end empty for none. Kept for this dataset; the check runs anew"
        )
        self.tolerance.setAccessibleName("Tolerance")
        self.accept = QPushButton("Accept fix")
        self.accept.setToolTip("Make the suggested fix. Enter shows and plays it in the Align panel first")
        self.dismiss = QPushButton("Dismiss…")
        self.dismiss.setToolTip("It is no fault, or not to be mended: say why  (Del)")
        self.reason = QLineEdit()
        self.reason.setPlaceholderText("Why? Enter dismisses, Esc goes back")
        self.reason.setMaxLength(2000)
        self.reason.setAccessibleName("Reason")
        self.reason.hide()
        self._limits = ""
        self._build()
        self.more.toggled.connect(self.help.setVisible)
        self.accept.clicked.connect(lambda _=False: self.accepted.emit())
        self.dismiss.clicked.connect(lambda _=False: self.start_dismissing())
        self.reason.returnPressed.connect(self._give_reason)
        self.tolerance.editingFinished.connect(self._typed)
        for picture in (self.trace, self.strip):
            picture.sought.connect(self.sought)
        for line in (self.reason, self.tolerance):
            line.installEventFilter(self)

    def _build(self) -> None:
        inside = Panel()
        column = QVBoxLayout(inside)
        column.setContentsMargins(theme.MARGIN, 2 * theme.STEP, theme.MARGIN, theme.STEP)
        column.setSpacing(theme.STEP)
        for part in (self.figure, self.told, self.evidence, self.trace, self.strip):
            column.addWidget(part)
        self.passes = QWidget()
        limits = QHBoxLayout(self.passes)
        limits.setContentsMargins(0, 0, 0, 0)
        limits.setSpacing(2 * theme.STEP)
        limits.addWidget(Words("Passes", "quiet", 12))
        limits.addWidget(self.tolerance, 1)
        limits.addWidget(self.unit)
        for rest in (self.passes, self.more, self.help):
            column.addWidget(rest)
        column.addStretch(1)
        area = scrolled(inside)
        row = QHBoxLayout()
        row.setContentsMargins(theme.MARGIN, theme.STEP, theme.MARGIN, theme.STEP)
        row.setSpacing(theme.STEP)
        row.addWidget(self.accept, 1)
        row.addWidget(self.dismiss, 1)
        asked = QVBoxLayout()
        asked.setContentsMargins(theme.MARGIN, 0, theme.MARGIN, theme.STEP)
        asked.addWidget(self.reason)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addWidget(area, 1)
        self.setMinimumHeight(24 * theme.STEP)
        whole.addLayout(row)
        whole.addLayout(asked)

    # -- what the panel calls ------------------------------------------------------------------------------

    def show_item(self, item: Item | None, helps: Mapping[str, str], limits: Mapping[str, str]) -> None:
        """Tell of a finding, of what its check does and of what passes it."""
        other = item is None or self.item is None or item.place != self.item.place
        self.item = item
        if other:
            self.reason.clear()
            self.reason.hide()
        if item is None:
            return
        finding = item.finding
        word = STATUS_WORD[finding.status]
        told = finding.message or finding.check
        why = f"{word.capitalize()}: {told}"
        if item.dismissed is not None:
            why = f"Dismissed: {item.dismissed}\n{why}"
        self.told.setText(why)
        figure = figure_text(finding, item.before)
        sure = "" if finding.confidence is None else f"confidence {finding.confidence:.2f}"
        self.figure.setText("   ".join(filter(None, (figure, sure))))
        self.figure.setVisible(bool(figure or sure))
        self.help.setText(helps.get(finding.check, ""))
        self.more.setText(f"What {finding.check} does")
        self.more.setVisible(bool(helps.get(finding.check)))
        self.help.setVisible(self.more.isChecked() and not self.more.isHidden())
        self.unit.setText(finding.unit)
        self._limits = limits.get(finding.check, "")
        self.passes.setVisible(self._limits not in ("", ":"))
        if other or not self.tolerance.hasFocus():
            self.tolerance.setText(self._limits)
        fixable = finding.fix is not None and item.dismissed is None and finding.status is not Status.OK
        self.accept.setEnabled(fixable)
        self.dismiss.setEnabled(finding.record_id is not None)
        self.dismiss.setText("Dismiss…" if item.dismissed is None else "Count it again")

    def show_exhibits(self, curve: Evidence | None, trace: Trace | None) -> None:
        """Show what the figure was read from, as far as there is something to see."""
        finding = None if self.item is None else self.item.finding
        passes = finding.tolerance if finding is not None and finding.unit == "ms" else (None, None)
        self.evidence.show_evidence(curve, passes)
        self.trace.show_trace(trace, None if finding is None else finding.span)
        self.strip.show_times(())

    def start_dismissing(self) -> None:
        """Ask for the reason; a dismissed one counts again at once."""
        item = self.item
        if item is None or item.finding.record_id is None:
            return
        if item.dismissed is not None:
            self.dismissed.emit("")
            return
        self.reason.show()
        self.reason.setFocus()

    # -- inside --------------------------------------------------------------------------------------------

    def _give_reason(self) -> None:
        why = self.reason.text().strip()
        if why:
            self.reason.clear()
            self.reason.hide()
            self.left.emit()
            self.dismissed.emit(why)

    def _typed(self) -> None:
        text = self.tolerance.text().strip()
        if self.item is not None and text != self._limits:
            self.tolerance_asked.emit(text)

    def eventFilter(self, watched: object, event: QEvent) -> bool:
        """Esc in a field takes back what was typed and gives the keys to the list."""
        if not isinstance(event, QKeyEvent) or event.type() != QEvent.Type.KeyPress:
            return False
        if event.key() != Qt.Key.Key_Escape:
            return False
        self.tolerance.setText(self._limits)
        self.reason.hide()
        self.left.emit()
        return True
