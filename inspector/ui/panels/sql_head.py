"""The row above the result: how much there is, the way through it, and out of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QBoxLayout,
    QDoubleSpinBox,
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QMenu,
    QPlainTextEdit,
    QToolButton,
    QWidget,
)

from inspector.core.times import NS
from inspector.ui import theme
from inspector.ui.panels.common import ElidedLabel, IconButton
from inspector.ui.panels.sql_export import FORMATS

if TYPE_CHECKING:
    from collections.abc import Callable

    from PySide6.QtGui import QResizeEvent

LEAD_IN_S = 0.5
WIDE = 560


class ResultHead(QWidget):
    """Count, lead-in, previous and next moment, filter, save."""

    step = Signal(int)
    filtered = Signal(bool)
    save = Signal(str)
    """The ending of the format that was chosen."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.count = ElidedLabel("", "text")
        self.lead_in = QDoubleSpinBox()
        self.lead_in.setRange(0, 60)
        self.lead_in.setDecimals(1)
        self.lead_in.setSingleStep(0.5)
        self.lead_in.setValue(LEAD_IN_S)
        self.lead_in.setPrefix("lead-in ")
        self.lead_in.setSuffix(" s")
        self.lead_in.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.lead_in.setFont(theme.text_font(12))
        self.lead_in.setToolTip("How long before a moment the playhead is put")
        self.lead_in.setAccessibleName("Lead-in")
        self.lead_in.setFixedWidth(27 * theme.STEP)
        self.previous = IconButton("chevron-up", "Previous moment (Shift+F8)", lambda: self.step.emit(-1))
        self.next = IconButton("chevron-down", "Next moment (F8)", lambda: self.step.emit(1))
        self.filter = IconButton("filter", "Show only these records in the list of records")
        self.filter.setCheckable(True)
        self.filter.toggled.connect(self._filter_toggled)
        self.save_button = IconButton("export", "Save the result")
        self.save_button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.save_button.setStyleSheet("QToolButton::menu-indicator { image: none; width: 0; }")
        menu = QMenu(self.save_button)
        for ending, name in FORMATS.items():
            action = menu.addAction(f"Save as {name}…")
            action.triggered.connect(lambda _=False, ending=ending: self.save.emit(ending))
        self.save_button.setMenu(menu)
        self.tools = QWidget()
        row = QHBoxLayout(self.tools)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self.lead_in)
        row.addSpacing(theme.STEP)
        row.addWidget(self.previous)
        row.addWidget(self.next)
        row.addStretch(1)
        row.addWidget(self.filter)
        row.addWidget(self.save_button)
        self._box = QBoxLayout(QBoxLayout.Direction.TopToBottom, self)
        self._box.setContentsMargins(theme.MARGIN, theme.STEP, 2 * theme.STEP, theme.STEP)
        self._box.setSpacing(theme.STEP)
        self._box.addWidget(self.count)
        self._box.addWidget(self.tools)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """The tools go below the count where the room is narrow: the count is what matters."""
        wide = self.width() >= WIDE
        down, across = QBoxLayout.Direction.TopToBottom, QBoxLayout.Direction.LeftToRight
        self._box.setDirection(across if wide else down)
        self._box.setStretchFactor(self.count, int(wide))
        super().resizeEvent(event)

    @property
    def lead_in_ns(self) -> int:
        """How long before a moment the playhead is put."""
        return round(self.lead_in.value() * NS)

    def show_count(self, text: str, records: bool, times: bool, rows: bool) -> None:
        """Say how much there is, and offer what can be done with it."""
        self.count.setText(text)
        self.lead_in.setVisible(times)
        for button in (self.previous, self.next):
            button.setVisible(records)
            button.setEnabled(rows)
        self.filter.setVisible(records)
        self.save_button.setEnabled(rows)

    def _filter_toggled(self, on: bool) -> None:
        self.filter.setToolTip(
            "Only the records of this result are listed; a click lists all"
            if on
            else "Show only these records in the list of records"
        )
        self.filtered.emit(on)


class PlanView(QPlainTextEdit):
    """How a query would be run, as text to read."""

    def __init__(self) -> None:
        super().__init__()
        self.setReadOnly(True)
        self.setFont(theme.mono_font())
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.setAccessibleName("How the query would be run")


def ask_where(parent: QWidget, ending: str, then: Callable[[str], object]) -> None:
    """Ask for the file of a result, beside the work; `then` is given its path."""
    dialog = QFileDialog(parent, "Save the result", f"result{ending}", f"{FORMATS[ending]} (*{ending})")
    dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
    dialog.setDefaultSuffix(ending[1:])
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.setModal(False)
    dialog.fileSelected.connect(then)
    dialog.show()
