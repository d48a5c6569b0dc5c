"""Preferences: what the user chooses once. Everything takes effect at once; there is nothing to apply."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QEvent, Qt, QTimer, Signal
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from inspector.core.cache import user_cache
from inspector.core.settings import author_name, change_settings, settings
from inspector.ui import theme
from inspector.ui.calibration import Calibration

if TYPE_CHECKING:
    from collections.abc import Callable

    from PySide6.QtGui import QKeyEvent

    from inspector.ui.player import Player

OUTPUTS = (("builtin", "Built-in"), ("vlc", "VLC (needs libVLC)"))
LOOK_MS = 500
WIDTH = 640
NUMBER_PX = 120


class Preferences(QDialog):
    """One small window beside the main one; playing goes on behind it."""

    _measured = Signal(object)
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
        self._quiet: list[QLabel] = []
        self._lines: list[QFrame] = []
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
        self._spin(
            grid,
            "picture_mb",
            "Pictures in memory",
            " MB",
            32,
            16384,
            64,
            "Takes effect with the next record",
        )
        self._section(column, "Curation")
        grid = self._grid(column)
        self.author = QLineEdit(settings().author, self)
        self.author.setPlaceholderText(author_name())
        self.author.setObjectName("author")
        self.author.setMaxLength(100)
        self.author.setAccessibleName("Your name")
        self.author.editingFinished.connect(lambda: self._set("author", self.author.text().strip()))
        self._row(grid, "Your name", self.author, "Signs your edits, from the next dataset on")
        self._section(column, "Disk")
        grid = self._grid(column)
        self._spin(
            grid,
            "cache_gb",
            "Cache at most",
            " GB",
            0,
            100_000,
            1,
            "What was not used for longest goes first",
        )
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
            "The cache holds only what can be worked out again; what you decide is never in it.", self
        )
        note.setWordWrap(True)
        note.setFont(theme.text_font(12))
        self._quiet.append(note)
        column.addWidget(note)
        column.addStretch(1)
        close = QPushButton("Close", self)
        close.clicked.connect(self.close)
        column.addWidget(close, 0, Qt.AlignmentFlag.AlignRight)
        for button in self.findChildren(QPushButton):
            button.setAutoDefault(False)  # Return in a number is about the number
        self._measured.connect(self._show_size)
        self._restyle()
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
        if self._calibration is not None:
            self._calibration.close()
        super().hideEvent(event)

    # -- making --------------------------------------------------------------------------------------------

    def _section(self, column: QVBoxLayout, title: str) -> None:
        label = QLabel(title, self)
        label.setFont(theme.text_font(14, theme.text_font().Weight.DemiBold))
        if column.count():
            line = QFrame(self)
            line.setFixedHeight(1)
            line.setAutoFillBackground(True)
            self._lines.append(line)
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
        self._quiet.append(label)
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
        self, grid: QGridLayout, name: str, title: str, unit: str, low: int, high: int, step: int, tip: str
    ) -> None:
        spin = QSpinBox(self)
        spin.setObjectName(name)
        spin.setRange(low, high)
        spin.setSingleStep(step)
        spin.setSuffix(unit)
        spin.setKeyboardTracking(False)
        spin.setValue(getattr(settings(), name))
        spin.setFixedWidth(NUMBER_PX)
        spin.lineEdit().setTextMargins(6, 0, 0, 0)
        spin.valueChanged.connect(lambda value: self._set(name, value))
        row = QHBoxLayout()
        row.addWidget(spin)
        row.addStretch(1)
        spin.setToolTip(tip)
        spin.setAccessibleName(title)
        self._row(grid, title, row, tip)

    # -- doing ---------------------------------------------------------------------------------------------

    def _set(self, name: str, value: object) -> None:
        change_settings(**{name: value})
        self._player.proxies.look()
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
        self._in_thread(user_cache().clear)

    def _show_used(self) -> None:
        self._in_thread(lambda: None)

    def _in_thread(self, work: Callable[[], None]) -> None:
        """Do it, then say how much the cache takes: thousands of folders on a slow disk take their time."""
        if self._worker is not None and self._worker.is_alive():
            return
        self.clear.setEnabled(False)

        def run() -> None:
            work()
            size = user_cache().size()
            with suppress(RuntimeError):  # the window is gone
                self._measured.emit(size)

        self._worker = threading.Thread(target=run, name="inspector-cache-size", daemon=True)
        self._worker.start()

    _worker: threading.Thread | None = None

    def _show_size(self, size: int) -> None:
        self.used.setText(f"{size / 1e6:,.0f} MB")
        self.clear.setEnabled(True)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Return presses the button that has the focus, and nothing where none has."""
        focus = self.focusWidget()
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            if isinstance(focus, QPushButton):
                focus.click()
            return
        super().keyPressEvent(event)

    def changeEvent(self, event: QEvent) -> None:
        """Take the colours of another theme."""
        if event.type() == QEvent.Type.PaletteChange and hasattr(self, "_quiet"):
            self._restyle()
        super().changeEvent(event)

    def _restyle(self) -> None:
        for label in self._quiet:
            theme.tone(label, theme.current().quiet)
        for line in self._lines:
            palette = line.palette()
            palette.setColor(QPalette.ColorRole.Window, theme.current().line)
            line.setPalette(palette)

    def _show(self) -> None:
        speaker = self._player.speaker
        there = speaker.clock is not None
        self.latency.setText(speaker.latency_text if there else speaker.text)
        self.calibrate.setEnabled(there)
        self.forget.setEnabled(there and speaker.wanted in settings().latency)
        self.output.setCurrentIndex(self.output.findData(speaker.wanted))
        for box in self.findChildren(QCheckBox):  # a key may have changed it
            box.setChecked(getattr(settings(), box.objectName()))
