"""What is heard: the mixer, the sound output that was chosen, and how late it is."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, Signal

from inspector.core.settings import Latency, change_settings, settings
from inspector.playback.mixer import Mixer
from inspector.playback.transport import SoundClock

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inspector.playback.mixer import Track
    from inspector.playback.sound import SoundOutput

MS = 1_000_000


class Speaker(QObject):
    """One mixer for the life of the window, and the output that pulls from it; another may take its place."""

    changed = Signal()
    """There is another clock, or none, or its latency is another."""
    problem = Signal(str)
    _opened = Signal(object, str)

    def __init__(self, wanted: str | None = None, parent: QObject | None = None) -> None:
        """`wanted` names the output, builtin or vlc; else what the settings say."""
        super().__init__(parent)
        self.mixer: Mixer | None = None
        self.output: SoundOutput | None = None
        self.clock: SoundClock | None = None
        """None while there is no sound: then the computer's own clock is the master."""
        self.wanted = wanted or settings().sound_output
        self._state = "no sound"
        self._opened.connect(self._take, Qt.ConnectionType.QueuedConnection)

    def start(self, tracks: Sequence[Track]) -> None:
        """Make the mixer and open the output, in a thread of its own. A second call does nothing."""
        if self.mixer is None:
            self.mixer = Mixer(self.problem.emit)
            self.mixer.set_tracks(tracks)
            self._open()

    def choose(self, name: str) -> None:
        """Use another output from now on."""
        if name == self.wanted and self.clock is not None:
            return
        self.wanted = name
        if self.mixer is not None:
            self._close_output()
            self._open()

    def close(self) -> None:
        """End the output and the mixer."""
        self._close_output()
        if self.mixer is not None:
            self.mixer.close()
            self.mixer = None

    @property
    def name(self) -> str:
        """The output in use, in words; empty for none."""
        return "" if self.output is None else self.output.name

    @property
    def latency_ns(self) -> int:
        """How much later a sound is heard than a picture that was painted at its moment is seen."""
        return 0 if self.output is None else self.output.clock.latency_ns

    def set_latency(self, latency_ns: int) -> None:
        """Try another latency; nothing is kept."""
        if self.output is not None:
            self.output.clock.latency_ns = latency_ns
            self.changed.emit()

    def keep_latency(self) -> None:
        """What is in force was measured by whoever sits here: keep it, with today's date."""
        found = Latency(self.latency_ns / MS, date.today().isoformat())
        change_settings(latency=lambda known: {**known, self.wanted: found})
        self.changed.emit()

    def forget_latency(self) -> None:
        """Back to the constant that comes with the output."""
        wanted = self.wanted
        change_settings(latency=lambda known: {each: known[each] for each in known if each != wanted})
        if self.output is not None:
            self.output.clock.latency_ns = make_output(self.wanted).clock.latency_ns
        self.changed.emit()

    @property
    def latency_text(self) -> str:
        """`58 ms estimated`, or `61 ms, calibrated 2026-11-22`."""
        kept = settings().latency.get(self.wanted)
        how = "estimated" if kept is None else f"calibrated {kept.on}"
        return f"{self.latency_ns / MS:.0f} ms {how}"

    @property
    def text(self) -> str:
        """The output, how late it is, and how far its clock's readings lie apart."""
        if self.output is None or self.clock is None:
            return self._state
        parts = [f"{self.output.name} sound", f"latency {self.latency_text}", self.output.residual]
        return " · ".join(part for part in parts if part)

    def _open(self) -> None:
        assert self.mixer is not None
        output = self.output = make_output(self.wanted)
        self._state = f"{output.name} sound starts"
        kept = settings().latency.get(self.wanted)
        if kept is not None:
            output.clock.latency_ns = round(kept.ms * MS)
        output.start(self.mixer, lambda problem: self._opened.emit(output, problem))

    def _close_output(self) -> None:
        output, self.output, self.clock = self.output, None, None
        self._state = "no sound"
        if output is not None:
            self.changed.emit()
            output.close()

    def _take(self, output: SoundOutput, problem: str) -> None:
        """The output opened, or (later, too) could not go on."""
        if output is not self.output or self.mixer is None:
            return
        if problem and output.missing and self.wanted != "builtin":
            self.problem.emit(f"{problem}. The built-in sound output is used.")
            self.choose("builtin")
            return
        if problem:
            self._state, self.clock = "silent", None
            self.problem.emit(f"No sound: {problem}. Playing silently by the computer's clock.")
        else:
            self.clock = SoundClock(self.mixer, output.clock)
        self.changed.emit()


def make_output(sound: str) -> SoundOutput:
    """The sound output of that name, "vlc" or else the built-in one; it opens nothing before `start`."""
    if sound == "vlc":
        from inspector.playback.sound_vlc import VlcSoundOutput

        return VlcSoundOutput()
    from inspector.ui.sound_qt import QtSoundOutput

    return QtSoundOutput()
