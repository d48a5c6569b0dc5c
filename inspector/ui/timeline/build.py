"""A record's tracks from top to bottom: films, sounds, texts, sensors, the rest, labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inspector.core.model import Modality
from inspector.ui.timeline.channels import group_channels
from inspector.ui.timeline.filmstrip import FilmStripTrack, Supplier
from inspector.ui.timeline.label_track import LabelTrack
from inspector.ui.timeline.plain_track import PlainTrack
from inspector.ui.timeline.sensor_track import SensorTrack
from inspector.ui.timeline.text_track import TextTrack
from inspector.ui.timeline.track import (
    NOMINAL_CHIP,
    REFERENCE_CHIP,
    UNMEASURED_CHIP,
    Chip,
    StreamTrack,
    Track,
)
from inspector.ui.timeline.waveform import WaveformTrack

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from inspector.core.model import Annotation, Record, Stream

LABEL_CHIP = Chip("n/m", "unmeasured", "Not measured: whether these labels agree with the data or each other")
_REST = (Modality.IMAGE, Modality.POINTS, Modality.MOTION, Modality.GAZE)


def build_tracks(record: Record, supplier: Supplier | None = None) -> list[Track]:
    """The tracks of a record, still without their data: nothing is read here.

    `supplier` gives film strips their pictures. The caller hands on the rest as it arrives, by
    `tracks_of(tracks, stream_id)`: `set_peaks`, `set_cues`, `set_series`. One sensor may be several tracks.
    """
    titles = short_titles(record)
    tracks: list[Track] = []
    for stream in record.of(Modality.VIDEO):
        chip, title = _chip(record, stream), titles[stream.id]
        tracks.append(FilmStripTrack(stream, title, _subtitle(stream, "video"), chip, supplier))
    for stream in record.of(Modality.AUDIO):
        chip, title = _chip(record, stream), titles[stream.id]
        tracks.append(WaveformTrack(stream, title, _subtitle(stream, "audio"), chip))
    for stream in record.of(Modality.TEXT):
        chip, title = _chip(record, stream), titles[stream.id]
        tracks.append(TextTrack(stream, title, "text" if title == "transcript" else "transcript", chip))
    for stream in (*record.of(Modality.SENSOR), *record.of(*_REST)):
        if stream.modality is Modality.SENSOR or stream.channels:
            tracks += _plots(record, stream, titles[stream.id])
        else:
            subtitle = _subtitle(stream, str(stream.modality))
            tracks.append(PlainTrack(stream, titles[stream.id], subtitle, _chip(record, stream)))
    return tracks + label_lanes(record)


def tracks_of(tracks: Iterable[Track], stream_id: str) -> list[StreamTrack]:
    """The tracks that show a stream."""
    return [track for track in tracks if isinstance(track, StreamTrack) and track.stream.id == stream_id]


def short_titles(record: Record) -> dict[str, str]:
    """A name to read for each stream: the last part of its id, longer where two of a kind would be equal.

    `clip#video` is `clip`, `observation.images.cam_high` is `cam_high`; the track says what it is beside it.
    """
    return short_titles_of(record.streams)


def short_titles_of(streams: Sequence[Stream]) -> dict[str, str]:
    """`short_titles` of some streams."""
    titles: dict[str, str] = {}
    for modality in {stream.modality for stream in streams}:
        ids = [stream.id for stream in streams if stream.modality is modality]
        for each in ids:
            shorter = [_shortened(other) for other in ids]
            short = _shortened(each)
            titles[each] = short if shorter.count(short) == 1 else each
    return titles


def _shortened(stream_id: str) -> str:
    base, _, selector = stream_id.partition("#")
    number = "".join(letter for letter in selector if letter.isdigit())
    name = base.rsplit("/", 1)[-1]
    for prefix in ("observation.images.", "observation."):
        name = name.removeprefix(prefix)
    return f"{name} {number}".strip() or stream_id


def _chip(record: Record, stream: Stream) -> Chip:
    if stream.id == record.reference:
        return REFERENCE_CHIP
    return NOMINAL_CHIP if stream.clock.nominal else UNMEASURED_CHIP


def _rate(stream: Stream) -> str:
    rate = stream.rate
    if not rate:
        return ""
    if stream.modality is Modality.VIDEO:
        return f"{round(rate, 2):g} fps"
    return f"{rate / 1000:g} kHz" if rate >= 1000 else f"{round(rate, 2):g} Hz"


def _subtitle(stream: Stream, what: str) -> str:
    return " · ".join(part for part in (what, _rate(stream)) if part)


def _plots(record: Record, stream: Stream, title: str) -> list[Track]:
    """A sensor's plots. Its channels may be unknown until it is read; then there is one that takes all."""
    chip = _chip(record, stream)
    kind = "" if stream.modality is Modality.SENSOR else str(stream.modality)
    groups = group_channels(stream.channels)
    if len(groups) == 1:
        count = f"{len(stream.channels)} ch" if stream.channels else ""
        subtitle = " · ".join(part for part in (kind, _rate(stream), count) if part) or "sensor"
        return [SensorTrack(stream, title, subtitle, chip)]
    return [
        SensorTrack(
            stream,
            group.title,
            " · ".join(part for part in (title, f"{len(group.channels)} ch") if part),
            chip,
            group.channels,
            f"/{place}",
        )
        for place, group in enumerate(groups)
    ]


def label_lanes(record: Record, empty: Iterable[tuple[str, str]] = ()) -> list[LabelTrack]:
    """One lane a tier and author: tiers as they come, the authors of one under each other.

    `empty` are further tiers with their authors that are to have a lane though they hold nothing yet.
    """
    lanes: dict[str, dict[str, list[Annotation]]] = {}
    authors: dict[str, int] = {}
    for annotation in record.annotations:
        authors.setdefault(annotation.author, len(authors))
        lanes.setdefault(annotation.tier, {}).setdefault(annotation.author, []).append(annotation)
    for tier, author in empty:
        authors.setdefault(author, len(authors))
        lanes.setdefault(tier, {}).setdefault(author, [])
    return [
        LabelTrack(record, tier, author, labels, authors[author], LABEL_CHIP)
        for tier, by_author in lanes.items()
        for author, labels in by_author.items()
    ]
