"""Labels of a record whose streams got other times: each keeps the moment of the data that it means."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from inspector.core.model import Coverage, Modality
from inspector.core.timemap import IDENTITY, map_span
from inspector.core.times import clock_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from inspector.core.model import Anchor, Annotation, Cue, Record, Span, Stream
    from inspector.core.timemap import TimeMap
    from inspector.release.targets import Reads


def moved_in_words(maps: Sequence[TimeMap], streams: Sequence[Stream], moment: Span | None) -> str:
    """What was done to the times of a file, as `voice 320.0 ms earlier`."""
    told = []
    if moment is not None:
        told.append(f"cut to {clock_text(moment[0])} to {clock_text(moment[1])}")
        maps = [stream.timemap for stream in streams]
    for stream, timemap in zip(streams, maps, strict=True):
        late, ppm = timemap.late_ns, timemap.drift_ppm
        parts = []
        if late:
            parts.append(f"{abs(late) / 1e6:.3f} ms {'earlier' if late > 0 else 'later'}")
        if ppm:
            parts.append(f"{abs(ppm):.2f} ppm {'slower' if ppm > 0 else 'faster'}")
        if len(timemap.anchors) > 2:
            parts.append(f"by {len(timemap.anchors)} anchors")
        if parts:
            told.append(f"{stream.id} {' and '.join(parts)}")
    return ", ".join(told)


def moved_labels(
    record: Record, new: Mapping[str, Stream], shift: TimeMap, reads: Reads, window: Span | None
) -> tuple[Annotation, ...]:
    """The record's labels in the local times of its new streams; anchors on streams that are gone go too."""
    old = {stream.id: stream for stream in record.streams}
    texts = _Texts(reads, old, new, shift, window)
    labels = []
    for label in record.annotations:
        anchors = []
        for anchor in label.anchors:
            if anchor.stream_id is None:
                span = None if anchor.span is None else map_span(shift, anchor.span)
                anchors.append(replace(anchor, span=span))
            elif anchor.stream_id in new:
                anchors.append(_moved(anchor, old[anchor.stream_id], new[anchor.stream_id], shift, texts))
        if anchors or not label.anchors:
            labels.append(replace(label, anchors=tuple(anchors)))
    return tuple(labels)


def _moved(anchor: Anchor, old: Stream, new: Stream, shift: TimeMap, texts: _Texts) -> Anchor:
    span = anchor.span
    if span is not None and new.timemap == IDENTITY:
        span = map_span(old.timemap.then(shift), span)
    place = anchor.text_range
    if place is not None and new.source.path != old.source.path:
        place = texts.moved(old.id, place)
    return replace(anchor, span=span, text_range=place)


def cut_labels(record: Record, window: Span) -> Record:
    """The record with the labels that touch the window, as far as they do; those of no moment stay."""
    streams = {stream.id: stream for stream in record.streams}
    labels = []
    for label in record.annotations:
        anchors, timed = [], False
        for anchor in label.anchors:
            stream = None if anchor.stream_id is None else streams[anchor.stream_id]
            if anchor.span is None:
                anchors.append(anchor)
                continue
            timed = True
            start, end = map_span(IDENTITY if stream is None else stream.timemap, anchor.span)
            if start >= window[1] or end < window[0] or (end == window[0] and start < end):
                continue
            if stream is None or stream.timemap == IDENTITY:
                anchor = replace(anchor, span=(max(start, window[0]), min(end, window[1])))
            anchors.append(anchor)
        if not timed or any(anchor.span is not None for anchor in anchors):
            labels.append(replace(label, anchors=tuple(anchors)))
    left = {stream.modality for stream in record.streams}
    coverage = {
        each: state if each in left or state is not Coverage.PRESENT else Coverage.ABSENT
        for each, state in record.coverage.items()
        if isinstance(each, Modality)
    }
    return replace(record, annotations=tuple(labels), coverage=coverage)


class _Texts:
    """Where characters of a transcript come to stand when cues before them are left out."""

    def __init__(
        self,
        reads: Reads,
        old: Mapping[str, Stream],
        new: Mapping[str, Stream],
        shift: TimeMap,
        window: Span | None,
    ) -> None:
        self._reads, self._old, self._new, self._shift, self._window = reads, old, new, shift, window
        self._places: dict[str, list[tuple[int, int, int]]] = {}

    def moved(self, stream_id: str, place: Span) -> Span | None:
        """The new range of characters; None where its cue is gone."""
        if stream_id not in self._places:
            self._places[stream_id] = self._of(self._old[stream_id])
        for start, end, now in self._places[stream_id]:
            if start <= place[0] <= end:
                return None if now < 0 else (place[0] - start + now, place[1] - start + now)
        return None

    def _of(self, stream: Stream) -> list[tuple[int, int, int]]:
        """For each cue where its text began, where it ended, and where it begins now, −1 where it is gone."""
        timemap = stream.timemap.then(self._shift)
        least = 0 if self._window is not None or stream.source.format == "cues" else None
        most = None if self._window is None else self._window[1]
        found, at, now = [], 0, 0
        for cue in self._reads.cues(stream):
            kept = _kept(map_span(timemap, (cue.start_ns, cue.end_ns)), cue, least, most)
            found.append((at, at + len(cue.text), now if kept else -1))
            at += len(cue.text) + 1
            now += (len(cue.text) + 1) * kept
        return found


def _kept(span: Span, cue: Cue, least: int | None, most: int | None) -> bool:
    start, end = span
    early = least is not None and (end < least or (end == least and cue.start_ns < cue.end_ns))
    return not early and (most is None or start < most)
