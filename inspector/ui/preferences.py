"""Preferences: what the user chooses once. Everything takes effect at once; there is nothing to apply."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from inspector.core.cache import user_cache
from inspector.core.settings import change_settings, settings
from inspector.ui import theme
from inspector.ui.calibration import Calibration

if TYPE_CHECKING:
    from inspector.ui.player import Player

OUTPUTS = (("builtin", "Built-in"), ("vlc", "VLC (needs libVLC)"))
LOOK_MS = 500
WIDTH = 560


class Preferences(QDialog):
    """One small window beside the main one; playing goes on behind it."""

    changed = Signal()
    """Something that other views show was switched on or off."""

    def __init__(self, player: Player, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._player = player
        self._calibration: Calibration | None = None
        self.setWindowTitle("Preferences")
        self.setModal(False)
        self.setMinimumWidth(WIDTH)
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 16, 20, 16)
        column.setSpacing(theme.MARGIN)
        now = settings()
        self._section(column, "Sound")
        grid = self._grid(column)
        self.output = QComboBox(self)
        for name, text in OUTPUTS:
            self.output.addItem(text, name)
        self.output.setCurrentIndex(self.output.findData(player.speaker.wanted))
        self.output.activated.connect(self._choose_output)
        self._row(grid, "Output", self.output, "Which program part plays the sound")
        self.latency = QLabel("", self)
        self.calibrate = QPushButton("Calibrate…", self)
        self.calibrate.setToolTip(theme.tip("See a flash and hear a click, and nudge them together"))
        self.calibrate.clicked.connect(self._calibrate)
        self.forget = QPushButton("Use the estimate", self)
        self.forget.clicked.connect(player.speaker.forget_latency)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self.latency, 1)
        row.addWidget(self.calibrate)
        row.addWidget(self.forget)
        self._row(grid, "Latency", row, "How much later a sound is heard than a picture is seen")
        self._check(grid, "scrub_sound", "Hear short grains of the sound while dragging the playhead")
        self._section(column, "Pictures")
        grid = self._grid(column)
        self._check(
            grid, "proxies", "Build small copies of films that are slow to seek in, in the cache on disk"
        )
        self._check(grid, "hardware_decoding", "Decode on the graphics processor where that is faster")
        self._check(grid, "sync_overlay", "Show over the pictures how far each stream is from the playhead")
        self._spin(grid, "picture_mb", "Pictures in memory", " MB", 32, 16384, 64)
        self._section(column, "Disk")
        grid = self._grid(column)
        self._spin(grid, "cache_gb", "Cache at most", " GB", 0, 100_000, 1)
        self.used = QLabel("", self)
        self.clear = QPushButton("Clear", self)
        self.clear.setToolTip(theme.tip("Remove the kept indexes, waveforms and small copies not in use now"))
        self.clear.clicked.connect(self._clear)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self.used, 1)
        row.addWidget(self.clear)
        self._row(grid, "In use", row, str(user_cache().root))
        note = QLabel(
            "The cache holds only what can be worked out again. Datasets are never written to.", self
        )
        note.setWordWrap(True)
        note.setFont(theme.text_font(12))
        note.setStyleSheet(f"color: {theme.current().quiet.name()}")
        column.addWidget(note)
        column.addStretch(1)
        close = QPushButton("Close", self)
        close.clicked.connect(self.close)
        column.addWidget(close, 0, Qt.AlignmentFlag.AlignRight)
        self._now = now
        player.speaker.changed.connect(self._show)
        self._look = QTimer(self, interval=LOOK_MS)
        self._look.timeout.connect(self._show)
        self._show_used()
        self._show()

    def showEvent(self, event: Any) -> None:
        """Follow what changes by itself while it is open."""
        self._look.start()
        self._show_used()
        super().showEvent(event)

    def hideEvent(self, event: Any) -> None:
        """Rest."""
        self._look.stop()
        super().hideEvent(event)

    # -- making --------------------------------------------------------------------------------------------

    def _section(self, column: QVBoxLayout, title: str) -> None:
        label = QLabel(title, self)
        label.setFont(theme.text_font(14, theme.text_font().Weight.DemiBold))
        if column.count():
            line = QFrame(self)
            line.setFixedHeight(1)
            line.setStyleSheet(f"background: {theme.current().line.name()}")
            column.addWidget(line)
        column.addWidget(label)

    def _grid(self, column: QVBoxLayout) -> QGridLayout:
        grid = QGridLayout()
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(8)
        grid.setColumnMinimumWidth(0, 130)
        grid.setColumnStretch(1, 1)
        column.addLayout(grid)
        return grid

    def _row(self, grid: QGridLayout, title: str, content: QWidget | QHBoxLayout, tip: str) -> None:
        label = QLabel(title, self)
        label.setStyleSheet(f"color: {theme.current().quiet.name()}")
        label.setToolTip(theme.tip(tip))
        at = grid.rowCount()
        grid.addWidget(label, at, 0)
        if isinstance(content, QWidget):
            content.setToolTip(theme.tip(tip))
            grid.addWidget(content, at, 1)
        else:
            grid.addLayout(content, at, 1)

    def _check(self, grid: QGridLayout, name: str, text: str) -> None:
        box = QCheckBox(text, self)
        box.setObjectName(name)
        box.setChecked(getattr(settings(), name))
        box.toggled.connect(lambda on: self._set(name, on))
        grid.addWidget(box, grid.rowCount(), 0, 1, 2)

    def _spin(
        self, grid: QGridLayout, name: str, title: str, unit: str, low: int, high: int, step: int
    ) -> None:
        spin = QSpinBox(self)
        spin.setObjectName(name)
        spin.setRange(low, high)
        spin.setSingleStep(step)
        spin.setSuffix(unit)
        spin.setKeyboardTracking(False)
        spin.setButtonSymbols(QSpinBox.ButtonSymbols.NoButtons)  # keys and wheel do
        spin.setValue(getattr(settings(), name))
        spin.valueChanged.connect(lambda value: self._set(name, value))
        self._row(grid, title, spin, "Takes effect with the next record")

    # -- doing ---------------------------------------------------------------------------------------------

    def _set(self, name: str, value: object) -> None:
        change_settings(**{name: value})
        self.changed.emit()

    def _choose_output(self) -> None:
        name = self.output.currentData()
        change_settings(sound_output=name)
        self._player.speaker.choose(name)

    def _calibrate(self) -> None:
        if self._calibration is None:
            self._calibration = Calibration(self._player, self)
        self._calibration.show()
        self._calibration.raise_()

    def _clear(self) -> None:
        user_cache().clear()
        self._show_used()

    def _show_used(self) -> None:
        self.used.setText(f"{user_cache().size() / 1e6:,.0f} MB")

    def _show(self) -> None:
        speaker = self._player.speaker
        there = speaker.clock is not None
        self.latency.setText(speaker.latency_text if there else speaker.text)
        self.calibrate.setEnabled(there)
        self.forget.setEnabled(there and speaker.wanted in settings().latency)
        self.output.setCurrentIndex(self.output.findData(speaker.wanted))
