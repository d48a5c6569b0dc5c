"""The calibration page: a flash and a click each second, and one number that puts them together.

They take the way that a record's film and sound take: the click lies in a sound file that the mixer plays,
the flash is painted when the transport says that its moment is there.
"""

from __future__ import annotations

import math
import tempfile
import wave
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PySide6.QtCore import QEvent, QRectF, Qt, QTimer
from PySide6.QtGui import QKeySequence, QPainter, QShortcut
from PySide6.QtWidgets import QDialog, QHBoxLayout, QLabel, QPushButton, QSlider, QVBoxLayout, QWidget

from inspector.core.model import Clock, Modality, Source, Stream
from inspector.core.times import NS
from inspector.playback.mixer import Track
from inspector.playback.sound import RATE
from inspector.playback.transport import Transport
from inspector.ui import theme

if TYPE_CHECKING:
    from PySide6.QtGui import QPaintEvent

    from inspector.playback.transport import SoundClock
    from inspector.ui.player import Player

MS = 1_000_000
SECONDS = 8
FLASH_NS = 90 * MS
"""A click has its place where the flash begins."""
FIRST_NS = NS // 2
"""The first click of every second's: not at the seam of the loop."""
LOW_MS, HIGH_MS = -200, 1000
TICK_MS = 2


def click_pcm() -> np.ndarray[Any, np.dtype[np.int16]]:
    """SECONDS of mono PCM with a click of 20 ms in every second, sharp at its start."""
    pcm = np.zeros(SECONDS * RATE, np.float64)
    at = np.arange(RATE // 50)
    click = np.sin(2 * math.pi * 1500 * at / RATE) * np.exp(-at / (RATE / 250))
    for second in range(SECONDS):
        start = second * RATE + RATE * FIRST_NS // NS
        pcm[start : start + len(click)] = click
    return (pcm * 28000).astype(np.int16)


class _Flash(QWidget):
    """A field that is lit or not."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.lit = False
        self.setMinimumHeight(180)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setAccessibleName("flash")

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        colors = theme.current()
        painter.fillRect(self.rect(), colors.panel)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(Qt.GlobalColor.white if self.lit else Qt.GlobalColor.black)
        painter.drawRoundedRect(QRectF(self.rect()), theme.RADIUS, theme.RADIUS)
        painter.end()


class Calibration(QDialog):
    """Shown, it takes the mixer over; closed, the record's own sounds come back."""

    def __init__(self, player: Player, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._player = player
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._transport = Transport()
        self._clock: SoundClock | None = None
        self._before_ns = 0
        self.setWindowTitle("Calibrate sound against picture")
        self.setWindowModality(Qt.WindowModality.ApplicationModal)  # the mixer is taken
        self.setMinimumWidth(480)
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 16, 20, 16)
        column.setSpacing(theme.MARGIN)
        text = QLabel("Nudge until the click is heard at the very start of the flash.", self)
        text.setWordWrap(True)
        column.addWidget(text)
        self.flash = _Flash(self)
        column.addWidget(self.flash, 1)
        row = QHBoxLayout()
        self.slider = QSlider(Qt.Orientation.Horizontal, self)
        self.slider.setRange(LOW_MS, HIGH_MS)
        self.slider.setPageStep(10)
        self.slider.setAccessibleName("latency in ms")
        self.slider.valueChanged.connect(self._nudged)
        self.figure = QLabel("", self)
        self.figure.setFont(theme.mono_font(14))
        self.figure.setMinimumWidth(72)
        self.figure.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        steps = (("−10", -10), ("−1", -1), ("+1", 1), ("+10", 10))
        self._nudges = [self._button(text, step) for text, step in steps]
        for button in self._nudges[:2]:
            row.addWidget(button)
        row.addWidget(self.slider, 1)
        for button in self._nudges[2:]:
            row.addWidget(button)
        row.addWidget(self.figure)
        row.setSpacing(8)
        column.addLayout(row)
        self._hint = QLabel("Click too late: more ms. Click too early: fewer. ← and → nudge by 1 ms.", self)
        self._hint.setFont(theme.text_font(12))
        self._hint.setWordWrap(True)
        column.addWidget(self._hint)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        cancel = QPushButton("Cancel", self)
        cancel.clicked.connect(self.reject)
        self.keep = QPushButton("They are together", self)
        self.keep.setDefault(True)
        self.keep.setProperty("primary", True)
        cancel.setAutoDefault(False)
        self.keep.clicked.connect(self.accept)
        buttons.addWidget(cancel)
        buttons.addWidget(self.keep)
        column.addLayout(buttons)
        for key, step in ((Qt.Key.Key_Left, -1), (Qt.Key.Key_Right, 1)):
            QShortcut(QKeySequence(key), self).activated.connect(lambda step=step: self._step(step))
        self._timer = QTimer(self, interval=TICK_MS, timerType=Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._tick)
        player.speaker.changed.connect(self._sound_changed)
        self._restyle()

    def _button(self, text: str, step: int) -> QPushButton:
        button = QPushButton(text, self)
        button.setFixedWidth(52)
        button.setStyleSheet("padding-left: 4px; padding-right: 4px")
        button.setAutoDefault(False)
        button.setAccessibleName(f"{step:+d} ms")
        button.clicked.connect(lambda: self._step(step))
        return button

    def _step(self, ms: int) -> None:
        self.slider.setValue(self.slider.value() + ms)

    def _nudged(self, ms: int) -> None:
        self.figure.setText(f"{ms} ms")
        if self._timer.isActive():
            self._player.speaker.set_latency(ms * MS)

    def showEvent(self, event: Any) -> None:
        """Take over the mixer and begin to flash and click."""
        super().showEvent(event)
        speaker = self._player.speaker
        for each in (self.keep, self.slider, *self._nudges):
            each.setEnabled(speaker.clock is not None)
        if speaker.clock is None or self._timer.isActive() or (mixer := self._player.lend_mixer()) is None:
            return
        self._clock, self._before_ns = speaker.clock, speaker.latency_ns
        self._folder = tempfile.TemporaryDirectory(prefix="inspector-clicks-")
        path = Path(self._folder.name) / "clicks.wav"
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(RATE)
            file.writeframes(click_pcm().tobytes())
        clock = Clock("clicks", "container")
        clicks = Stream("clicks", Modality.AUDIO, Source(path, "av", 0), clock, (0, SECONDS * NS))
        mixer.set_tracks([Track(clicks)])
        now_ms = round(speaker.latency_ns / MS)
        self.slider.setRange(min(LOW_MS, now_ms), max(HIGH_MS, now_ms))
        self.slider.setValue(now_ms)
        self.figure.setText(f"{now_ms} ms")
        self.slider.setFocus()
        self._transport.set_sound(speaker.clock)
        self._transport.set_span(0, SECONDS * NS)
        self._transport.set_loop((0, SECONDS * NS))
        self._transport.seek(0)
        self._transport.play()
        self._timer.start()

    def _sound_changed(self) -> None:
        """What was calibrated is not heard any more: there is nothing to keep."""
        if self._timer.isActive() and self._player.speaker.clock is not self._clock:
            self.reject()

    def _tick(self) -> None:
        now = self._transport.tick()
        lit = 0 <= (now - FIRST_NS) % NS < FLASH_NS
        if lit != self.flash.lit:
            self.flash.lit = lit
            self.flash.repaint()

    def done(self, result: int) -> None:
        """Keep what was found, or go back to what was in force."""
        self._end(result == QDialog.DialogCode.Accepted)
        super().done(result)

    def hideEvent(self, event: Any) -> None:
        """It may also go with the window behind it: then nothing is kept."""
        self._end(False)
        super().hideEvent(event)

    def _end(self, keep: bool) -> None:
        if not self._timer.isActive():
            return
        self._timer.stop()
        self._transport.pause()
        self.flash.lit = False
        speaker = self._player.speaker
        if speaker.clock is self._clock:
            if keep:
                speaker.keep_latency()
            else:
                speaker.set_latency(self._before_ns)
        self._clock = None
        self._player.restore_sounds()
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def changeEvent(self, event: QEvent) -> None:
        """Take the colours of another theme."""
        if event.type() == QEvent.Type.PaletteChange and hasattr(self, "_hint"):
            self._restyle()
        super().changeEvent(event)

    def _restyle(self) -> None:
        theme.tone(self._hint, theme.current().quiet)
