"""The Rig panel: what a device's clock did in all its records, and who does not fit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from inspector.ui import theme
from inspector.ui.panels.common import Panel, SectionHeader, Words, count_text, inset

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inspector.audit.rig import ClockModel, Measured

EMPTY = (
    "No device is late or fast alike in its records, by the newest audit. Three records at least must agree; "
    "F4 runs the audit."
)
MOST = 2000
"""Records that are listed of each kind."""


class RigPanel(Panel):
    """Its signals ask; the room does."""

    chosen = Signal(int)
    record_asked = Signal(str)
    """A record to be shown, with the model proposed in it."""
    random_asked = Signal()
    """One of those that agree is to be played, another one each time."""
    accepted = Signal()
    """The model is to be put in force in all its records."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.models: Sequence[ClockModel] = ()
        self.header = SectionHeader("Device and session")
        self.device = QComboBox()
        self.device.setAccessibleName("Device and session")
        self.device.setToolTip("Devices whose records agree on a clock, by the newest audit")
        self.state = Words("", "text", 20)
        self.basis = Words("", "quiet", 12)
        self.empty = Words(EMPTY, "quiet")
        self.fits = SectionHeader("Measured and predicted, ms")
        self.list = QListWidget()
        self.list.setFont(theme.mono_font(12))
        self.list.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.list.setAccessibleName("Records of this device")
        self.list.setToolTip("Enter plays one with the model proposed. Those left out come first")
        self.random = QPushButton("Play one at random")
        self.random.setToolTip("One of those that agree, with the model proposed: seen and heard, B compares")
        self.played = Words("", "quiet", 12)
        self.accept = QPushButton("Accept")
        self.accept.setProperty("primary", True)
        self.accept.setToolTip("One edit that Ctrl+Z takes back; records that were left out stay as they are")
        self._build()
        self.device.activated.connect(self._choose)
        self.list.itemActivated.connect(lambda item: self.record_asked.emit(item.data(256)))
        self.random.clicked.connect(lambda _=False: self.random_asked.emit())
        self.accept.clicked.connect(lambda _=False: self.accepted.emit())
        self.set_models(())

    def _build(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, theme.MARGIN)
        column.setSpacing(0)
        column.addWidget(self.header)
        column.addLayout(inset(self.device, self.state, self.basis, self.empty))
        column.addWidget(self.fits)
        column.addWidget(self.list, 1)
        self.rest = QWidget()
        column.addWidget(self.rest, 1)
        foot = QHBoxLayout()
        foot.setSpacing(theme.STEP)
        foot.addWidget(self.random, 1)
        foot.addWidget(self.accept, 1)
        below = inset(self.played)
        below.addLayout(foot)
        below.setContentsMargins(theme.MARGIN, 2 * theme.STEP, theme.MARGIN, 0)
        column.addLayout(below)

    @property
    def model(self) -> ClockModel | None:
        """The chosen device's model."""
        row = self.device.currentIndex()
        return self.models[row] if 0 <= row < len(self.models) else None

    def set_models(self, models: Sequence[ClockModel]) -> None:
        """Show devices; the one that was chosen stays."""
        before = self.device.currentText()
        self.models = models
        self.device.clear()
        self.device.addItems([each.name for each in models])
        self.device.setCurrentIndex(max(self.device.findText(before), 0) if models else -1)
        self._show()

    def set_played(self, words: str) -> None:
        """Say which was played, and how many of them."""
        self.played.setText(words)
        self.played.setVisible(bool(words))

    def _choose(self, row: int) -> None:
        self._show()
        self.chosen.emit(row)

    def _show(self) -> None:
        model = self.model
        for each in (self.device, self.state, self.basis, self.fits, self.list, self.random, self.accept):
            each.setVisible(model is not None)
        self.empty.setVisible(model is None)
        self.rest.setVisible(model is None)
        self.set_played("")
        self.list.clear()
        if model is None:
            return
        late = f"{abs(model.offset_ms):.0f} ms {'late' if model.offset_ms >= 0 else 'early'}"
        drift = f", {abs(model.drift_ppm):.0f} ppm {'fast' if model.drift_ppm > 0 else 'slow'}"
        self.state.setText(late + (drift if model.drift_ppm else ""))
        words = [f"{count_text(len(model.agree), 'record')} agree within {model.spread_ms:.1f} ms"]
        if model.outliers:
            words.append(f"{len(model.outliers)} left out")
        if model.unmeasured:
            words.append(f"{len(model.unmeasured)} not measured by themselves would be moved too")
        self.basis.setText("; ".join(words))
        for kind, parts in (
            ("left out", model.outliers),
            ("", model.agree),
            ("not measured", model.unmeasured),
        ):
            for part in parts[:MOST]:
                self.list.addItem(_line(part, kind))
        moved = len(model.agree) + len(model.unmeasured)
        self.accept.setText(f"Move {count_text(moved, 'record')}")


def _line(part: Measured, kind: str) -> QListWidgetItem:
    """`rec_004  +118.2  −0.3` for one that agrees; why it is listed for the others."""
    if part.late_ms is None:
        text = f"{part.record_id}  {kind}"
    else:
        off = part.late_ms - part.predicted_ms
        text = f"{part.record_id}  {part.late_ms:+.1f}  off by {off:+.1f}  {kind}".replace("-", "−")
    item = QListWidgetItem(text.rstrip())
    item.setData(256, part.record_id)
    item.setToolTip(f"{part.stream_id} of {part.record_id}: predicted {part.predicted_ms:+.1f} ms")
    if kind:
        item.setForeground(theme.current().suspect if kind == "left out" else theme.current().quiet)
    return item
