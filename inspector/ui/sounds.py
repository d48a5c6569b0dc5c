"""The sounds of the record in the window: their controls in the headers, their keys, their spectrograms."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from inspector.core.model import Modality
from inspector.ui.timeline.mix_strip import MixStrip
from inspector.ui.timeline.spectrogram_track import SpectrogramTrack
from inspector.ui.timeline.waveform import WaveformTrack

if TYPE_CHECKING:
    from collections.abc import Mapping

    from PySide6.QtGui import QAction

    from inspector.ui.actions import Handler
    from inspector.ui.player import Player
    from inspector.ui.timeline.track import Track
    from inspector.ui.timeline.view import TimelineView

CLIP_S = 1.0
"""A gain is shown in red for so long after its sound was cut at full scale."""


class Sounds(QObject):
    """Wires the player's mixing desk to the timeline and the menu; the player keeps what is set."""

    said = Signal(str)
    """Something that the curator should know."""
    rows_changed = Signal()
    """The timeline has another number of rows."""

    def __init__(self, player: Player, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._player = player
        self._timeline: TimelineView | None = None
        self._actions: Mapping[str, QAction] = {}
        self._strips: dict[str, MixStrip] = {}
        self._spectra: set[str] = set()
        """Ids of the sounds whose spectrogram is wanted, in every record."""
        self._focus = ""
        self._clips = 0
        self._clipped_at = -CLIP_S
        player.mix_changed.connect(self.refresh)
        player.moved.connect(self._watch_clips)

    def handlers(self) -> dict[str, Handler]:
        """What the rows of the table for sounds do."""
        return {
            "mute": lambda: self._toggle("mute"),
            "solo": lambda: self._toggle("solo"),
            "mute_all": lambda: self._player.silence(not self._player.desk.silenced),
            "mix_reset": self._reset,
            "spectrogram": lambda: self._toggle("spectrogram"),
        }

    def build(self, timeline: TimelineView, actions: Mapping[str, QAction]) -> None:
        """Take the timeline whose headers get the controls, and the actions that show the state."""
        self._timeline = timeline
        self._actions = actions
        timeline.header_pressed.connect(self._pressed)

    def attach(self) -> None:
        """The record's tracks are new: give each sound its controls."""
        assert self._timeline is not None
        self._place_spectra()
        self._strips = {track.id: self._strip(track) for track in self._waveforms()}
        self._timeline.set_controls(self._strips)
        self.refresh()

    def refresh(self) -> None:
        """Show what the desk says, everywhere."""
        desk, focus = self._player.desk, self.focus
        clipped = time.monotonic() - self._clipped_at < CLIP_S
        waveforms = self._waveforms()
        for track in waveforms:
            mix = desk.mix(track.stream.id)
            track.set_heard(self._player.heard(track.stream.id))
            focused = len(waveforms) > 1 and track.stream.id == focus
            if focused != track.focused:
                track.focused = focused
                self._repaint_headers()
            if track.id in self._strips:
                open_ = track.stream.id in self._spectra
                self._strips[track.id].show_state(mix, open_, clipped and mix.gain_db > 0, desk.silenced)
        states = {
            "mute": desk.mix(focus).mute,
            "solo": desk.mix(focus).solo,
            "mute_all": desk.silenced,
            "spectrogram": focus in self._spectra,
        }
        for name, on in states.items():
            if name in self._actions:
                self._actions[name].setChecked(on)

    def show_spectrogram(self, stream_id: str, on: bool) -> None:
        """Put a sound's spectrogram under its waveform, or take it away; so in the next records."""
        if on:
            self._spectra.add(stream_id)
        else:
            self._spectra.discard(stream_id)
        self._place_spectra()
        self.refresh()

    @property
    def busy(self) -> bool:
        """Whether a spectrogram that is shown is still being computed."""
        feed = self._player.spectra
        tracks = self._timeline.tracks if self._timeline is not None else ()
        waiting = any(isinstance(track, SpectrogramTrack) and track.busy for track in tracks)
        return waiting or (feed is not None and not feed.idle)

    @property
    def focus(self) -> str:
        """The id of the sound that the keys are for: whose header was clicked last, else the first; or ""."""
        record = self._player.record
        ids = [stream.id for stream in record.of(Modality.AUDIO)] if record is not None else []
        return self._focus if self._focus in ids else ids[0] if ids else ""

    def _place_spectra(self) -> None:
        """Lay the rows anew: each sound's spectrogram under its waveform, where it is wanted."""
        feed = self._player.spectra
        if self._timeline is None or feed is None:
            return
        open_ = {each.stream.id: each for each in self._timeline.tracks if isinstance(each, SpectrogramTrack)}
        rows: list[Track] = []
        for track in self._timeline.every:
            if isinstance(track, SpectrogramTrack):
                continue
            rows.append(track)
            if isinstance(track, WaveformTrack) and track.stream.id in self._spectra:
                stream = track.stream
                rows.append(open_.get(stream.id) or SpectrogramTrack(stream, track.title, feed))
        if tuple(rows) != self._timeline.every:
            self._timeline.set_tracks(rows)
            self.rows_changed.emit()

    def _waveforms(self) -> list[WaveformTrack]:
        tracks = self._timeline.tracks if self._timeline is not None else ()
        return [track for track in tracks if isinstance(track, WaveformTrack)]

    def _strip(self, track: WaveformTrack) -> MixStrip:
        strip = MixStrip(track.title)
        player, stream_id = self._player, track.stream.id
        strip.mute_asked.connect(lambda on: player.set_mix(stream_id, mute=on))
        strip.solo_asked.connect(lambda on: player.set_mix(stream_id, solo=on))
        strip.spectrogram_asked.connect(lambda on: self.show_spectrogram(stream_id, on))
        strip.gain_asked.connect(lambda gain_db: player.set_mix(stream_id, gain_db=gain_db))
        return strip

    def _toggle(self, what: str) -> None:
        focus = self.focus
        if not focus:
            self.said.emit("This record has no sound")
            self.refresh()
            return
        mix = self._player.mix(focus)
        if what == "spectrogram":
            self.show_spectrogram(focus, focus not in self._spectra)
        elif what == "mute":
            self._player.set_mix(focus, mute=not mix.mute)
        else:
            self._player.set_mix(focus, solo=not mix.solo)

    def _reset(self) -> None:
        self._player.desk.silenced = False
        self._player.reset_mix()

    def _pressed(self, track: Track) -> None:
        if isinstance(track, WaveformTrack):
            self._focus = track.stream.id
            self.refresh()

    def _repaint_headers(self) -> None:
        if self._timeline is not None:
            self._timeline.canvas.update()

    def _watch_clips(self, _at_ns: int) -> None:
        """Show for a while that a raised gain was too much."""
        mixer = self._player.speaker.mixer
        clips = mixer.clips if mixer is not None else 0
        now = time.monotonic()
        was = now - self._clipped_at < CLIP_S
        if clips != self._clips:
            self._clips = clips
            self._clipped_at = now
            if not was:
                self.refresh()
        elif self._clipped_at > 0 and not was:
            self._clipped_at = -CLIP_S
            self.refresh()
