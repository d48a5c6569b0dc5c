"""Everything that plays one record: feeds, mixer and transport, made, ticked and let go together."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, QTimer, Signal

from inspector.core.model import Modality
from inspector.core.settings import settings
from inspector.core.timemap import map_span
from inspector.core.times import NS
from inspector.playback.desk import Desk, Mix
from inspector.playback.pictures import PictureFeed
from inspector.playback.proxies import Proxies
from inspector.playback.shown import State
from inspector.playback.spectra import SpectrumFeed
from inspector.playback.stills import StillFeed
from inspector.playback.thumbs import ThumbFeed
from inspector.playback.transport import Transport
from inspector.ui.speaker import Speaker

if TYPE_CHECKING:
    from inspector.core.model import Record, Span
    from inspector.playback.mixer import Mixer, Track

MS = 1_000_000
USUAL_FRAME_NS = 40 * MS
TICK_MS = 16
"""The playhead moves this often while playing; a new frame's start is waited for to the millisecond."""


FIRST_NS = NS // 2
"""A film that begins no later than this after its record is opened at its first picture."""


def _first_picture(record: Record) -> int | None:
    """Where a record is opened: a remuxed film may begin some ms late, and black is no welcome."""
    starts = [span[0] for stream in record.of(Modality.VIDEO) if (span := stream.reference_span) is not None]
    first = min(starts, default=record.span[0])
    return first if record.span[0] < first <= record.span[0] + FIRST_NS else None


class Player(QObject):
    """The transport with its machinery. Signals carry reference ns as Python ints."""

    moved = Signal(object)
    """The playhead is somewhere else (or ticked there by itself)."""
    state_changed = Signal()
    """Started, stopped, or another speed."""
    news = Signal()
    """A picture that was missing has come."""
    mix_changed = Signal()
    """A sound is muted, solo or at another gain."""

    def __init__(self, with_sound: bool, parent: QObject | None = None, sound: str | None = None) -> None:
        super().__init__(parent)
        self.transport = Transport()
        self.transport.changed = self._changed
        self.transport.ready = self._pictures_ready
        self.speaker = Speaker(sound, self)
        self.speaker.changed.connect(self._sound_changed)
        self.desk = Desk()
        self.feeds: list[PictureFeed | StillFeed] = []
        self.thumbs: ThumbFeed | None = None
        self.proxies = Proxies(self._busy)
        self.spectra: SpectrumFeed | None = None
        self._going: list[PictureFeed | StillFeed | ThumbFeed | SpectrumFeed] = []
        self.record: Record | None = None
        self.dragging = False
        self._resume = False
        self._lent = False
        self._timer = QTimer(self, singleShot=True, timerType=Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._tick)
        self._with_sound = with_sound

    def start_sound(self) -> None:
        """Open the sound device, in its own thread. Called once, when the first picture is there."""
        if self._with_sound:
            self.speaker.start(self._tracks())

    def load(self, record: Record | None, at_ns: int | None = None) -> None:
        """Another record: the threads of the one before end as soon as their frame is done."""
        self.transport.pause()
        self.dragging = self._resume = False  # the timeline forgets a drag when its record goes
        self.release()
        self.record = record
        if record is None:
            self.transport.set_span(0, 0)
            return
        videos = record.of(Modality.VIDEO)
        budget = (settings().picture_mb << 20) // max(1, len(videos))
        self.feeds = [PictureFeed(stream, self.news.emit, budget, self.proxies) for stream in videos]
        self.feeds += [StillFeed(stream, self.news.emit) for stream in record.of(Modality.IMAGE)]
        self.thumbs = ThumbFeed(self._busy, lambda: self.dragging)
        self.spectra = SpectrumFeed(self._busy)
        self._set_mix()
        self.transport.set_span(*record.span, _first_picture(record) if at_ns is None else at_ns)

    def retime(self, record: Record) -> None:
        """The same record with other time maps: pictures and sound follow at once, also while playing."""
        self.record = record
        for feed in self.feeds:
            feed.stream = record.stream(feed.stream.id)
        self._set_mix()
        self.moved.emit(self.transport.now_ns())

    def release(self) -> None:
        """Close the feeds of the record. Nobody waits here: a slow disk must not hold up the next record."""
        going = [*self.feeds, *(feed for feed in (self.thumbs, self.spectra) if feed is not None)]
        for feed in going:
            feed.close(wait=False)
        self._going = [feed for feed in self._going + going if not feed.ended]
        self.feeds = []
        self.thumbs = None
        self.proxies.release()
        self.spectra = None

    def close(self) -> None:
        """End every thread. The player is of no use afterwards."""
        self._timer.stop()
        self.transport.changed = lambda: None
        self.transport.pause()
        self.release()
        for feed in self._going:
            feed.close()
        self.proxies.close()
        self.speaker.close()

    # -- commands that are more than the transport's own --------------------------------------------------

    def step(self, frames: int) -> None:
        """Pause, and go to the next or previous frame of the reference film (25 a second without one)."""
        self.transport.pause()
        now = self.transport.now_ns()
        feed = self.reference_feed()
        at = feed.frame_start(now, frames) if feed is not None else None
        if at is not None and frames > 0 and at <= now:
            at = None  # behind the film's last frame: go on in the sound and the sensors
        self.transport.seek(now + frames * USUAL_FRAME_NS if at is None else at)

    def go_end(self) -> None:
        """To the last frame of the reference film where that ends the record, else to the record's end."""
        feed = self.reference_feed()
        end = self.transport.span[1]
        last = feed.frame_start(end, 0) if feed is not None else None
        self.transport.rest(last if last is not None and end - last < NS // 2 else end)

    def go_typed(self, at_ns: int) -> None:
        """To a typed time. Times are shown cut to ms: a frame that begins within that ms is meant."""
        feed = self.reference_feed()
        start = feed.frame_start(at_ns, 1) if feed is not None else None
        self.transport.seek(start if start is not None and 0 < start - at_ns < MS else at_ns)

    def frame_at(self, at_ns: int) -> Span | None:
        """The reference film's frame at a time, on the reference timeline; None where none is known there."""
        feed = self.reference_feed()
        index = None if feed is None else feed.index
        if feed is None or index is None:
            return None
        timemap = feed.stream.timemap
        number = index.at(timemap.to_local(at_ns))
        return None if number is None else map_span(timemap, index.frame_span(number))

    def frame_ns(self, at_ns: int) -> int:
        """How long that frame lasts; where none is known by the film's rate, without a film 40 ms."""
        if (frame := self.frame_at(at_ns)) is not None:
            return frame[1] - frame[0]
        feed = self.reference_feed()
        rate = None if feed is None else feed.stream.rate
        return round(NS / rate) if rate else USUAL_FRAME_NS

    def reference_feed(self) -> PictureFeed | None:
        """The feed of the reference film, or of the first film."""
        films = [feed for feed in self.feeds if isinstance(feed, PictureFeed)]
        for feed in films:
            if self.record is not None and feed.stream.id == self.record.reference:
                return feed
        return films[0] if films else None

    def mark(self, start: bool) -> None:
        """Put the start or the end of the loop at the playhead; the other end stays, or is the record's."""
        transport = self.transport
        now = transport.now_ns()
        first, last = transport.loop or transport.span
        transport.set_loop((now, last if last > now else transport.span[1]) if start else (first, now))

    def begin_drag(self) -> None:
        """The hand is on the scrub bar: stand still until it lets go."""
        self._resume = self.transport.playing
        self.dragging = True
        self.proxies.look()
        self.transport.pause()

    def end_drag(self, at_ns: int) -> None:
        """The hand let go there; playing goes on where it was on before."""
        self.dragging = False
        self.transport.seek(at_ns)
        if self._resume:
            self.transport.play(self.transport.speed)

    # -- the mix -------------------------------------------------------------------------------------------

    def mix(self, stream_id: str) -> Mix:
        """How a sound is set: mute, solo and gain."""
        return self.desk.mix(stream_id)

    def set_mix(
        self,
        stream_id: str,
        *,
        mute: bool | None = None,
        solo: bool | None = None,
        gain_db: float | None = None,
    ) -> None:
        """Set what is given of a sound's mix, heard at once; it stays for the next record's of that id."""
        if self.desk.set(stream_id, mute=mute, solo=solo, gain_db=gain_db):
            self._set_mix()

    def silence(self, on: bool) -> None:
        """Mute everything, or go back to what each sound is set to."""
        self.desk.silenced = on
        self._set_mix()
        self.state_changed.emit()

    @property
    def sound_said(self) -> str:
        """What the bottom bar says of the sound."""
        return "all sound muted (Ctrl+M)" if self.desk.silenced else self.speaker.text

    def lend_mixer(self) -> Mixer | None:
        """Pause and hand the mixer over, for other sounds than the record's; None where there is none."""
        self.transport.pause()
        self._lent = self.speaker.mixer is not None
        return self.speaker.mixer

    def restore_sounds(self) -> None:
        """The mixer plays the record's sounds again, after somebody else had it."""
        self._lent = False
        self._set_mix()

    def reset_mix(self) -> None:
        """Every sound as it was recorded."""
        self.desk.reset()
        self._set_mix()

    def heard(self, stream_id: str) -> bool:
        """Whether a sound of the record is in the mix: not muted, nor shut out by another's solo."""
        streams = self.record.of(Modality.AUDIO) if self.record is not None else ()
        return self.desk.heard(stream_id, [stream.id for stream in streams])

    # -- inside --------------------------------------------------------------------------------------------

    def _pictures_ready(self, at_ns: int) -> bool:
        ready = True
        for feed in self.feeds:
            if feed.shown(at_ns).state in (State.WAITING, State.DRAFT):
                feed.want(at_ns, playing=True)
                ready = False
        return ready

    def _busy(self) -> bool:
        return self.transport.playing or self.dragging

    def _tracks(self) -> list[Track]:
        return self.desk.tracks(self.record.of(Modality.AUDIO) if self.record is not None else ())

    def _set_mix(self) -> None:
        if self.speaker.mixer is not None and not self._lent:
            self.speaker.mixer.set_tracks(self._tracks())
        self.mix_changed.emit()

    def _sound_changed(self) -> None:
        if self.transport.sound is not self.speaker.clock:
            self.transport.set_sound(self.speaker.clock)
        self.state_changed.emit()

    def _changed(self) -> None:
        if self.transport.playing and not self._timer.isActive():
            self.proxies.look()
            self._timer.start(0)
        elif not self.transport.playing:
            self._timer.stop()
        self.state_changed.emit()
        scrubs = self.dragging and settings().scrub_sound and not self.desk.silenced
        if scrubs and self.speaker.mixer is not None:
            self.speaker.mixer.grain(self.transport.now_ns())
        self.moved.emit(self.transport.now_ns())

    def _tick(self) -> None:
        now = self.transport.tick()
        if not self.transport.playing and self.transport.speed > 0 and now >= self.transport.span[1]:
            self.go_end()  # played out: the last picture stays
            return
        self.moved.emit(now)
        if self.transport.playing:
            self._timer.start(self._until_next(self.transport.now_ns()))

    def _until_next(self, now: int) -> int:
        """Milliseconds until something is to be drawn: the next frame of any film, or TICK_MS."""
        wait = TICK_MS * 1e6
        if self.transport.speed > 0:
            for feed in self.feeds:
                at = feed.frame_start(now, 1)
                if at is not None and at > now:
                    wait = min(wait, (at - now) / self.transport.speed)
        return max(1, ceil(wait / 1e6))
