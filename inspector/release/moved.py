"""Labels of a record whose streams got other times: each keeps the moment of the data that it means."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from inspector.core.annotate import cue_target, word_target
from inspector.core.model import Coverage, Modality
from inspector.core.timemap import IDENTITY, map_span
from inspector.core.times import clock_text
from inspector.core.transcripts import ADDED_FROM, cue_from, cue_value, numbered
from inspector.media.cues import load_cues
from inspector.media.remux_plan import NotCarried

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from inspector.core.model import Anchor, Annotation, Cue, Record, Span, Stream, Word
    from inspector.core.timemap import TimeMap
    from inspector.media.retime import Times


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
    record: Record, new: Mapping[str, Stream], shift: TimeMap, texts: Mapping[str, Recued]
) -> tuple[Annotation, ...]:
    """The record's labels in the local times of its new streams; anchors on streams that are gone go too."""
    old = {stream.id: stream for stream in record.streams}
    labels = []
    for label in record.annotations:
        anchors = []
        for anchor in label.anchors:
            if anchor.stream_id is None:
                span = None if anchor.span is None else map_span(shift, anchor.span)
                anchors.append(replace(anchor, span=span))
            elif anchor.stream_id in new:
                moved = _moved(anchor, old[anchor.stream_id], new[anchor.stream_id], shift)
                cues = texts.get(anchor.stream_id)
                anchors.append(moved if cues is None else cues.anchor(moved))
        if anchors or not label.anchors:
            labels.append(replace(label, anchors=tuple(anchors)))
    return tuple(labels)


def _moved(anchor: Anchor, old: Stream, new: Stream, shift: TimeMap) -> Anchor:
    if anchor.span is None or new.timemap != IDENTITY:
        return anchor
    return replace(anchor, span=map_span(old.timemap.then(shift), anchor.span))


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


@dataclass(frozen=True, slots=True)
class Recued:
    """A transcript's cues in a file with other times, of which some are left out: what counts them, anew."""

    numbers: Mapping[int, int]
    """The new number of each cue that is kept, both as the files have them."""
    corrections: dict[str, Any]
    words: Mapping[int, int]
    """By old numbers: how many words of a cue are left out before the first that is kept."""
    places: tuple[tuple[int, int, int], ...]
    """Where the text of each cue began, where it ended, and where it begins now, −1 where it is gone."""
    lost: tuple[str, ...] = ()

    def anchor(self, anchor: Anchor) -> Anchor:
        """An anchor with its characters and what it names counted anew; None in place of what is gone."""
        return replace(anchor, text_range=self._range(anchor.text_range), target=self._target(anchor.target))

    def _range(self, place: Span | None) -> Span | None:
        if place is None:
            return None
        for start, end, now in self.places:
            if start <= place[0] <= end:
                return None if now < 0 else (place[0] - start + now, place[1] - start + now)
        return None

    def _target(self, target: str | None) -> str | None:
        match = None if target is None else _TARGET.fullmatch(target)
        if match is None:
            return target
        number = int(match["cue"] or match["of"])
        if number not in self.numbers:
            return None
        if match["word"] is None:
            return cue_target(self.numbers[number])
        word = int(match["word"]) - self.words.get(number, 0)
        return None if word < 0 else word_target(self.numbers[number], word)


_TARGET = re.compile(r"cue:(?P<cue>\d{1,18})|word:(?P<of>\d{1,18})\.(?P<word>\d{1,9})")


def recued(record: Record, stream: Stream, times: Times, path: Path) -> Recued | None:
    """How the cues of a stream are counted in its file with other `times` at `path`; None where nobody asks.

    NotCarried where a correction or an anchor hangs on a cue that is not found there again, InspectorError
    where a file cannot be read.
    """
    corrections = stream.meta.get("corrections") or {}
    anchors = [each for label in record.annotations for each in label.anchors if each.stream_id == stream.id]
    if not corrections and all(each.text_range is None and each.target is None for each in anchors):
        return None
    least = 0 if stream.source.format == "cues" else None
    before, _ = load_cues(stream.source)
    after, _ = load_cues(replace(stream.source, path=path, start_ns=None, end_ns=None))
    kept = [number for number, cue in enumerate(before) if _span(cue, times, least) is not None]
    if [before[number].text for number in kept] != [cue.text for cue in after]:
        raise NotCarried("the corrected cues of a transcript are not found again in it")
    numbers = {old: new for new, old in enumerate(kept)}
    moved, lost = {}, []
    for number, value in corrections.items():
        cue, place = cue_from(value), numbers.get(int(number))
        now = None if cue is None else _moved_cue(cue, times, least)
        if place is not None:
            moved[str(place)] = cue_value(now)
        elif int(number) >= ADDED_FROM and now is not None:  # a line of a curator's keeps its number
            moved[number] = cue_value(now)
            numbers[int(number)] = int(number)
        elif now is not None:
            lost.append("a corrected cue is left out: as it was delivered it lies outside")
        if cue is not None and now is None:
            lost.append("cues that lie outside the times of the record are left out")
    then = dict(numbered(after, moved))
    words = {}
    for number, cue in numbered(before, corrections):
        new = then.get(numbers.get(number, -1))
        if new is not None and len(new.words) != len(cue.words):
            gone = (_span(word, times, least) is None for word in cue.words)
            words[number] = sum(1 for _ in takewhile(bool, gone))
    starts, at = {}, 0
    for new_number, cue in then.items():
        starts[new_number] = at
        at += len(cue.text) + 1
    places, at = [], 0
    for number, cue in numbered(before, corrections):
        places.append((at, at + len(cue.text), starts.get(numbers.get(number, -1), -1)))
        at += len(cue.text) + 1
    there = {old: new for old, new in numbers.items() if new in then}
    return Recued(there, moved, words, tuple(places), tuple(lost))


def _span(part: Cue | Word, times: Times, least: int | None) -> Span | None:
    return times.span(part.start_ns + times.zero_ns, part.end_ns + times.zero_ns, least)


def _moved_cue(cue: Cue, times: Times, least: int | None) -> Cue | None:
    """A corrected cue with other times, its words within it; None where nothing of it is kept."""
    span = _span(cue, times, least)
    if span is None:
        return None

    def within(local_ns: int) -> int:
        return min(max(times.timemap.to_reference(local_ns), span[0]), span[1])

    words = tuple(
        replace(word, start_ns=within(word.start_ns), end_ns=within(word.end_ns)) for word in cue.words
    )
    return replace(cue, start_ns=span[0], end_ns=span[1], words=words)
