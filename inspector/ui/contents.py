"""What fills the tracks and the transcript of one record, read behind and delivered as it comes."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QTimer
from PySide6.QtGui import QImage

from inspector.core.model import Modality
from inspector.errors import Cancelled
from inspector.ui.timeline.build import build_tracks, label_lanes, tracks_of
from inspector.ui.timeline.filmstrip import FilmStripTrack
from inspector.ui.timeline.label_track import LabelTrack
from inspector.ui.timeline.sensor_track import SensorTrack
from inspector.ui.timeline.shared_series import SharedSeries
from inspector.ui.timeline.text_track import TextTrack
from inspector.ui.timeline.track import StreamTrack
from inspector.ui.timeline.waveform import WaveformTrack

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from inspector.core.jobs import Job
    from inspector.core.model import Cue, Record, Stream
    from inspector.media.long_series import LongSeries
    from inspector.media.series import Series
    from inspector.media.video import Picture
    from inspector.playback.thumbs import ThumbFeed
    from inspector.session import Session
    from inspector.ui.panels.transcript import TranscriptPanel
    from inspector.ui.relay import Relay
    from inspector.ui.timeline.track import Track
    from inspector.ui.timeline.view import TimelineView

SAMPLED = (Modality.SENSOR, Modality.GAZE, Modality.MOTION)
TEXTS_MS = 100
"""A transcript that is moved along is laid anew no more often."""


class Contents:
    """The loading of one record into the timeline and the transcript. Made anew for every record."""

    def __init__(
        self,
        session: Session,
        record: Record,
        relay: Relay,
        timeline: TimelineView,
        transcript: TranscriptPanel,
        thumbs: ThumbFeed | None,
        failed: Callable[[str], None],
        busy: Callable[[], bool],
    ) -> None:
        """`busy` says, in any thread, whether the player needs the machine more than what is read here."""
        self._session = session
        self._record = record
        self._relay = relay
        self._timeline = timeline
        self._transcript = transcript
        self._thumbs = thumbs
        self._failed = failed
        self._busy = busy
        self._jobs: list[Job[Any]] = []
        self._texts: dict[str, tuple[Cue, ...]] = {}
        self._shared: dict[str, SharedSeries] = {}
        """By stream what its rows show, of the series that it was last read as."""
        self._numbered: dict[str, list[tuple[int, Cue]]] = {}
        self._open = True
        self._settled = QTimer(timeline, singleShot=True, interval=TEXTS_MS)
        self._settled.timeout.connect(self._show_texts)

    def start(self) -> None:
        """Build the tracks, and begin to read what they show."""
        tracks = build_tracks(self._record)
        self._timeline.set_tracks(tracks)
        for track in tracks:
            if isinstance(track, FilmStripTrack):
                track.set_supplier(self._supply)
            elif isinstance(track, WaveformTrack):
                track.later = partial(self._redraw, track)
                self._read_peaks(track)
            elif isinstance(track, SensorTrack):
                track.later = partial(self._redraw, track)
        for stream in self._record.of(Modality.TEXT):
            self._read(f"text of {stream.id}", partial(self._cues, stream), self._got_cues(stream))
        for stream in self._record.of(*SAMPLED):
            self._read_series(stream)

    def retime(self, record: Record) -> None:
        """The same record with other time maps: tracks and transcript follow.

        The transcript soon, and only where its own map is another: a hand that drags asks this at every move.
        Nothing is read anew but a table that is read by another column of times.
        """
        before, self._record = self._record, record
        known = {stream.id: stream.source for stream in before.streams}
        for stream in record.of(*SAMPLED):
            if known.get(stream.id, stream.source) != stream.source:
                self._read_series(stream)
        for track in self._timeline.every:
            if isinstance(track, StreamTrack):
                track.set_stream(record.stream(track.stream.id))
            elif isinstance(track, LabelTrack):
                track.retime(record)
        if record.of(Modality.TEXT) != before.of(Modality.TEXT) and not self._settled.isActive():
            self._settled.start()

    def _show_texts(self) -> None:
        """The transcript, once all of its texts are there."""
        texts = self._record.of(Modality.TEXT)
        if self._open and texts and len(self._texts) == len(texts):
            self._transcript.set_record(self._record, [(each, self._texts[each.id]) for each in texts])

    @property
    def texts(self) -> dict[str, tuple[Cue, ...]]:
        """The cues of each transcript that was read, in local time."""
        return self._texts

    def numbered(self, stream_id: str) -> list[tuple[int, Cue]]:
        """Those of one transcript, each with its number as it was delivered."""
        return self._numbered.get(stream_id, [])

    def relabel(self, record: Record, empty: Sequence[tuple[str, str]] = ()) -> None:
        """The same record with other labels or corrected words: only what is another is laid or read anew.

        `empty` are lanes that are shown though they hold nothing.
        """
        before, self._record = self._record, record
        known = {track.id: track for track in self._timeline.every if isinstance(track, LabelTrack)}
        tracks: list[Track] = [each for each in self._timeline.every if not isinstance(each, LabelTrack)]
        for lane in label_lanes(record, empty):
            old = known.get(lane.id)
            if old is not None:
                old.take(lane, record)
            tracks.append(old or lane)
        self._timeline.set_tracks(tracks)
        for stream in record.of(Modality.TEXT):
            if stream != before.stream(stream.id):
                for track in tracks_of(self._timeline.tracks, stream.id):
                    track.set_stream(stream)
                self._read(f"text of {stream.id}", partial(self._cues, stream), self._got_cues(stream))

    def _cues(self, stream: Stream, _job: Job[Any]) -> list[tuple[int, Cue]]:
        return self._session.numbered_cues(stream)

    def _redraw(self, track: Track) -> None:
        """From any thread: what a track could not show at once is in memory now."""
        self._relay.post(lambda: track.invalidate() if self._open else None)

    @property
    def busy(self) -> bool:
        """Whether something is still being read."""
        return any(not job.future.done() for job in self._jobs) or self._pending > 0

    _pending = 0
    """Results that were read but not yet delivered to the window's thread."""

    def close(self) -> None:
        """Stop reading; what is still under way is thrown away."""
        self._open = False
        self._settled.stop()
        self._settled.deleteLater()
        for job in self._jobs:
            job.cancel()

    def _read(self, title: str, work: Callable[[Job[Any]], Any], got: Callable[[Any], None]) -> None:
        def deliver(job: Job[Any]) -> None:
            error = job.future.exception()
            self._relay.post(lambda: arrive(job, error))

        def arrive(job: Job[Any], error: BaseException | None) -> None:
            self._pending -= 1
            if not self._open:
                return
            if error is None:
                got(job.future.result())
            elif not isinstance(error, Cancelled):
                self._failed(f"{title}: {error}")

        self._pending += 1
        self._jobs.append(self._session.jobs.start(title, work, deliver))

    def _read_peaks(self, track: WaveformTrack) -> None:
        def partial(peaks: Any) -> None:
            self._relay.post(lambda: track.set_peaks(peaks) if self._open else None)

        self._read(
            f"waveform of {track.stream.id}",
            lambda job: self._session.peaks(track.stream, job, partial, self._busy),
            track.set_peaks,
        )

    def _read_series(self, stream: Stream) -> None:
        got = self._got_series(stream)

        def partial(series: Series | LongSeries) -> None:
            self._relay.post(lambda: got(series) if self._open else None)

        def read(job: Job[Any]) -> Series | LongSeries:
            series = self._session.series(stream, job, partial)
            # The pyramid of a short one is built by its first use: here, not while the window paints.
            series.extremes()
            return series

        self._read(f"samples of {stream.id}", read, got)

    def _got_cues(self, stream: Stream) -> Callable[[list[tuple[int, Cue]]], None]:
        def got(found: list[tuple[int, Cue]]) -> None:
            cues = tuple(cue for _, cue in found)
            self._numbered[stream.id] = found
            for track in tracks_of(self._timeline.tracks, stream.id):
                if isinstance(track, TextTrack):
                    track.set_cues(cues)
            self._texts[stream.id] = cues
            self._show_texts()

        return got

    def _got_series(self, stream: Stream) -> Callable[[Series | LongSeries], None]:
        def got(series: Series | LongSeries) -> None:
            if self._record.stream(stream.id).source != stream.source:
                return  # it is read by another column of times by now
            shared = self._shared.get(stream.id)
            if shared is None or shared.series is not series:
                shared = self._shared[stream.id] = SharedSeries(series)
            shared.changed()
            for track in tracks_of(self._timeline.tracks, stream.id):
                if isinstance(track, SensorTrack):
                    track.set_series(shared)

        return got

    def _supply(
        self, stream: Stream, times: list[int], height: int, callback: Callable[[int, QImage], None]
    ) -> None:
        def got(at_ns: int, picture: Picture) -> None:
            image = QImage(
                picture.data, picture.width, picture.height, picture.stride, QImage.Format.Format_RGB32
            )
            callback(at_ns, image.copy())

        if self._thumbs is not None:
            self._thumbs.request(stream, times, height, got)
