"""How far what each stream shows, or sounds, lies from the playhead: read from the views, not from a plan."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from inspector.core.model import Modality
from inspector.ui.timeline.sensor_track import SensorTrack

if TYPE_CHECKING:
    from inspector.core.model import Record, Stream
    from inspector.ui.player import Player
    from inspector.ui.stage import Stage
    from inspector.ui.timeline.view import TimelineView

MS = 1_000_000
LATE_MS = 100.0
"""What is further from the playhead says so."""


class Figure(NamedTuple):
    """One stream's difference from the playhead, negative where it is behind.

    `ms` is None where nothing is shown or heard; `frames` counts in frames of the stream where it is a film,
    else of the record's reference film, None where there is none; `note` says why there is no figure.
    """

    stream: Stream
    ms: float | None
    frames: float | None
    note: str = ""


class Readout:
    """Figures of all streams of a record, as often as they are asked for."""

    def __init__(self, player: Player, stage: Stage, timeline: TimelineView) -> None:
        self._player = player
        self._stage = stage
        self._timeline = timeline

    def figures(self, record: Record, at_ns: int) -> list[Figure]:
        """One for each stream, in the record's order."""
        cameras = {camera.feed.stream.id: camera for camera in self._stage.cameras}
        film = self._player.reference_feed()
        rate = film.stream.rate if film is not None else None
        shown = []
        for stream in record.streams:
            camera = cameras.get(stream.id)
            if camera is not None:
                lag = camera.lag()
                note = "" if lag is not None else camera.state_text
                shown.append(Figure(stream, lag[0] if lag else None, lag[1] if lag else None, note))
            elif stream.modality is Modality.AUDIO:
                shown.append(self._sound(stream, at_ns, rate))
            elif not _covers(stream, at_ns):
                shown.append(Figure(stream, None, None, "no data"))
            else:
                shown.append(self._drawn(stream, at_ns, rate))
        return shown

    def _sound(self, stream: Stream, at_ns: int, rate: float | None) -> Figure:
        player = self._player
        if not _covers(stream, at_ns):
            return Figure(stream, None, None, "no data")
        if not player.heard(stream.id):
            return Figure(stream, None, None, "muted")
        clock = player.speaker.clock
        if clock is None:
            return Figure(stream, None, None, "silent")
        if not player.transport.playing:
            return Figure(stream, None, None, "paused")
        if player.transport.speed < 0:
            return Figure(stream, None, None, "silent backwards")
        heard_ns = clock.heard_ns()
        if heard_ns is None:
            return Figure(stream, None, None, "not heard yet")
        ms = (heard_ns - player.transport.now_ns()) / MS
        return Figure(stream, ms, ms / 1e3 * rate if rate else None)

    def _drawn(self, stream: Stream, at_ns: int, rate: float | None) -> Figure:
        """What stands under the playhead in the timeline: a sensor's newest sample, else its cursor."""
        drawn_ns = self._timeline.canvas.now
        for track in self._timeline.tracks:
            if isinstance(track, SensorTrack) and track.stream.id == stream.id:
                sample_ns = track.sample_before(drawn_ns)
                if sample_ns is None:
                    return Figure(stream, None, None, "no sample")
                drawn_ns = sample_ns
                break
        ms = (drawn_ns - at_ns) / MS
        return Figure(stream, ms, ms / 1e3 * rate if rate else None)


def _covers(stream: Stream, at_ns: int) -> bool:
    span = stream.reference_span
    return span is None or span[0] <= at_ns < max(span[1], span[0] + 1)
