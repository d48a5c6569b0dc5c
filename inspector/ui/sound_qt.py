"""The built-in sound output: one QAudioSink that lives in a thread of its own and never stops."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QIODevice, QObject, QThread, Signal
from PySide6.QtMultimedia import QAudioFormat, QAudioSink, QMediaDevices

from inspector.playback.sound import CHANNELS, FRAME_BYTES, RATE, OutputClock, SoundFeed

if TYPE_CHECKING:
    from collections.abc import Callable

LATENCY_NS = 65_000_000
"""From leaving Qt's buffer to the ear, less what a picture takes to the screen: measured together, at the
screen and the sound server's sink, with PULSE_LATENCY_MS in force."""

BUFFER_S = 0.08
"""Where Qt heeds it; with PulseAudio it does not, and PULSE_LATENCY_MS says how much is queued."""
PULSE_LATENCY_MS = 100
"""Else 8 to 16 ms wait at the sound server whatever the buffer is, and a busy machine tears holes in it."""


class _Device(QIODevice):
    """What the sink reads from: it only copies from the feed and notes the time."""

    def __init__(self, feed: SoundFeed, taken: Callable[[int, int], None]) -> None:
        super().__init__()
        self._feed = feed
        self._taken = taken

    def readData(self, limit: int) -> bytes:
        now_ns = time.monotonic_ns()
        frames = limit // FRAME_BYTES
        if frames <= 0:
            return b""
        self._taken(frames, now_ns)
        return self._feed.pull(frames)

    def writeData(self, data: Any, limit: int) -> int:
        return -1

    def bytesAvailable(self) -> int:
        return 1 << 20

    def isSequential(self) -> bool:
        return True


class _Worker(QObject):
    """Lives in the sound thread: makes the sink there, so that readData is called there."""

    ready = Signal(str)
    close_asked = Signal()

    def __init__(self, feed: SoundFeed, clock: OutputClock) -> None:
        super().__init__()
        self._feed = feed
        self._clock = clock
        self._sink: QAudioSink | None = None
        self._device: _Device | None = None
        self._frames = 0
        self.close_asked.connect(self.stop)

    def run(self) -> None:
        """Open the default device; the signal carries an empty text, or why there is none."""
        os.environ.setdefault("PULSE_LATENCY_MSEC", str(PULSE_LATENCY_MS))
        device = QMediaDevices.defaultAudioOutput()
        if device.isNull():
            self.ready.emit("there is no sound device")
            return
        wanted = QAudioFormat()
        wanted.setSampleRate(RATE)
        wanted.setChannelCount(CHANNELS)
        wanted.setSampleFormat(QAudioFormat.SampleFormat.Float)
        if not device.isFormatSupported(wanted):
            self.ready.emit(f"{device.description()} takes no 48 kHz float stereo")
            return
        self._sink = QAudioSink(device, wanted)
        self._sink.setBufferSize(int(BUFFER_S * RATE) * FRAME_BYTES)
        self._device = _Device(self._feed, self._taken)
        # Unbuffered: else QIODevice asks for 16 KiB at a time, and the clock moves in steps of 43 ms.
        self._device.open(QIODevice.OpenModeFlag.ReadOnly | QIODevice.OpenModeFlag.Unbuffered)
        self._sink.start(self._device)
        self._sink.stateChanged.connect(self._state_changed)
        # By name: Qt moved this enum between 6.9 and 6.11, and the two do not compare equal.
        failed = self._sink.error().name not in ("NoError", "UnderrunError")
        self.ready.emit(f"{device.description()} could not be opened" if failed else "")

    def _state_changed(self) -> None:
        """A device that goes away stops the sink; nothing else does while the window lives."""
        if self._sink is not None and self._sink.state().name == "StoppedState":
            self.ready.emit("the sound device went away")

    def _taken(self, frames: int, now_ns: int) -> None:
        assert self._sink is not None
        free = self._sink.bytesFree()
        queued = (self._sink.bufferSize() - free) // FRAME_BYTES
        self._frames += frames
        dry = free >= self._sink.bufferSize()
        self._clock.taken(self._frames, frames + queued, dry, now_ns)

    def stop(self) -> None:
        """End the sink in its own thread."""
        sink, self._sink = self._sink, None  # first: what stops now was not lost
        if sink is not None:
            sink.stop()
            sink.deleteLater()
        if self._device is not None:
            self._device.close()
        self.thread().quit()


class QtSoundOutput:
    """QAudioSink as a SoundOutput. Make and close it on the GUI thread."""

    name = "built-in"
    missing = False
    residual = ""

    def __init__(self, latency_ns: int = LATENCY_NS) -> None:
        self.clock = OutputClock(latency_ns)
        self._thread = QThread()
        self._thread.setObjectName("sound")
        self._worker: _Worker | None = None

    def start(self, feed: SoundFeed, told: Callable[[str], None]) -> None:
        """Begin to pull. The device opens in the thread; `told` is called there, "" or what is wrong."""
        self._worker = _Worker(feed, self.clock)
        self._worker.moveToThread(self._thread)
        self._thread.started.connect(self._worker.run)
        self._worker.ready.connect(told)
        self._thread.start(QThread.Priority.TimeCriticalPriority)

    def close(self) -> None:
        """Stop the sink and wait for the thread."""
        if self._worker is not None:
            self._worker.close_asked.emit()
            self._thread.wait(3000)
            self._worker = None
