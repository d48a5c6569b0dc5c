"""Label Studio tasks with annotations: a task a record, an annotation an author, labels on their own media.

Sound is written in seconds, film in frames from 1, boxes in per cent, text in characters of the cues joined
by line ends. The exact label stands beside in each region's `meta`, which Label Studio keeps; the
reader takes it from there where the region was not changed. Format: labelstud.io/guide/task_format.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from inspector.core.effective import annotation_value
from inspector.core.model import Modality
from inspector.core.times import NS
from inspector.media.labelstudio import OWN
from inspector.media.labelstudio_values import DEFAULT_RATE
from inspector.release.writers.timed import Losses, media_of
from inspector.release.writers.written import Written

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from inspector.core.model import Anchor, Annotation, Cue, Record, Span, Stream


def write(record: Record, cues: Mapping[str, Sequence[Cue]]) -> Written:
    """The record as a list of one task, as Label Studio imports and exports it."""
    lost = Losses()
    task = _Task(record, cues, lost)
    by_author: dict[str, list[dict[str, Any]]] = {}
    for label in record.annotations:
        by_author.setdefault(label.author, []).extend(task.results(label))
    plain = {
        "id": 1,
        "data": {**task.data, "record": record.id},
        "annotations": [
            {
                "id": number,
                **_completed_by(author),
                "was_cancelled": False,
                "ground_truth": False,
                "result": results,
            }
            for number, (author, results) in enumerate(by_author.items(), 1)
        ],
    }
    if any(cues.values()):
        lost.add("Times of cues and words are left out: a text of Label Studio has no clock")
    data = json.dumps([plain], ensure_ascii=False, indent=1, default=str, allow_nan=False)
    return Written(data.encode("utf-8", "replace"), ".json", lost.sentences())


def _completed_by(author: str) -> dict[str, Any]:
    """Label Studio knows people by their address alone, and takes no file that names another."""
    return {"completed_by": {"email": author}} if "@" in author else {}


def _address(path: Path) -> str:
    """The file's name; of a path in a release how Label Studio's local storage serves it from there.

    labelstud.io/guide/storage, "Local storage".
    """
    return path.name if path.is_absolute() else f"/data/local-files/?d={quote(path.as_posix())}"


class _Task:
    """The media of one record under the names that its controls work on."""

    def __init__(self, record: Record, cues: Mapping[str, Sequence[Cue]], lost: Losses) -> None:
        self.data: dict[str, str] = {}
        self._names: dict[str, str] = {}
        self._streams = {stream.id: stream for stream in record.streams}
        self._lost = lost
        by_path: dict[str, str] = {}
        for stream in media_of(record):
            name = self._free(stream.modality.value)
            self.data[name] = _address(stream.source.path)
            by_path[str(stream.source.path)] = name
        for stream in record.streams:
            if str(stream.source.path) in by_path and stream.modality in (Modality.VIDEO, Modality.AUDIO):
                self._names[stream.id] = by_path[str(stream.source.path)]
            elif stream.modality is Modality.IMAGE:
                self._names[stream.id] = name = self._free("image")
                self.data[name] = _address(stream.source.path)
        for stream_id, listed in cues.items():
            self._names[stream_id] = name = self._free("text")
            self.data[name] = "\n".join(cue.text for cue in listed)
        reference = self._streams.get(record.reference or "")
        sounds = [each for each in record.streams if each.modality is Modality.AUDIO]
        # A label on the record's timeline goes where times are exact: to a sound on the reference's clock.
        same = [each for each in sounds if reference is not None and each.timemap == reference.timemap]
        self._home = same[0] if same else reference if reference is not None else next(iter(sounds), None)

    def _free(self, name: str) -> str:
        number, free = 1, name
        while free in self.data:
            number += 1
            free = f"{name}{number}"
        return free

    def results(self, label: Annotation) -> list[dict[str, Any]]:
        """The regions of one label, and the relation between them where it is a link."""
        kept = annotation_value(label)
        if len({anchor.stream_id for anchor in label.anchors}) < 2:
            return [self._region(label.id, label, label.anchors, {"id": label.id, "label": kept})]
        ends = []
        for number, anchor in enumerate(label.anchors, 1):
            part = f"{label.id}/{number}"
            ends.append(self._region(part, label, (anchor,), {"id": part, "part_of": label.id}))
        if len(ends) > 2:
            self._lost.add("Links between more than two streams are shown from their first end")
        relations = [
            {
                "type": "relation",
                "from_id": ends[0]["id"],
                "to_id": end["id"],
                "direction": str(label.attrs.get("direction", "right")),
                "labels": [label.label],
                "meta": {OWN: {"id": label.id, "label": kept}},
            }
            for end in ends[1:]
        ]
        return [*ends, *relations]

    def _region(
        self, region_id: str, label: Annotation, anchors: Sequence[Anchor], own: dict[str, Any]
    ) -> dict[str, Any]:
        control, target, value = self._value(label, anchors)
        return {
            "id": region_id,
            "from_name": label.tier or "label",
            "to_name": target,
            "type": control,
            "origin": "manual",
            "value": value,
            "meta": {OWN: {**own, "value": value}},
        }

    def _value(self, label: Annotation, anchors: Sequence[Anchor]) -> tuple[str, str, dict[str, Any]]:
        """The kind of control, what it works on, and the value; a choice where there is no place."""
        anchor = anchors[0] if anchors else None
        stream = None if anchor is None else self._streams.get(anchor.stream_id or "")
        stream = self._home if stream is None or stream.id not in self._names else stream
        target = "" if stream is None else self._names.get(stream.id, "")
        said = [label.label]
        if anchor is not None and target and stream is not None:
            if anchor.text_range is not None and stream.modality is Modality.TEXT:
                start, end = anchor.text_range
                text = self.data[target][max(0, start) : max(0, end)]
                return "labels", target, {"start": start, "end": end, "text": text, "labels": said}
            spans = [span for each in anchors if (span := self._local(each, stream)) is not None]
            if anchor.region is not None and stream.modality is Modality.IMAGE:
                return "rectanglelabels", target, {**_box(anchor), "rotation": 0, "rectanglelabels": said}
            if spans and stream.modality is Modality.VIDEO:
                if all(each.region is not None and each.span is not None for each in anchors):
                    return "videorectangle", target, self._boxes(anchors, spans, stream, said)
                ranges = [self._frames(span, stream) for span in spans]
                return "timelinelabels", target, {"ranges": ranges, "timelinelabels": said}
            if spans and stream.modality is Modality.AUDIO:
                if len(spans) > 1:
                    self._lost.add("Of labels in several stretches Label Studio shows the first")
                start_s, end_s = (ns / NS for ns in spans[0])
                return "labels", target, {"start": start_s, "end": end_s, "channel": 0, "labels": said}
        if anchor is not None and (anchor.span or anchor.region or anchor.text_range):
            self._lost.add(
                "Labels on what Label Studio cannot show are written as choices for the whole clip"
            )
        return "choices", target or next(iter(self.data), "record"), {"choices": said}

    def _local(self, anchor: Anchor, stream: Stream) -> Span | None:
        """The anchor's span in the stream's own time."""
        if anchor.span is None or anchor.stream_id == stream.id:
            return anchor.span
        other = self._streams.get(anchor.stream_id or "")
        ends = [ns if other is None else other.timemap.to_reference(ns) for ns in anchor.span]
        low, high = sorted(stream.timemap.to_local(ns) for ns in ends)
        return low, high

    def _frames(self, span: Span, stream: Stream) -> dict[str, int]:
        """A span as the frames that it touches, counted from 1, both ends inside."""
        rate = self._rate(stream)
        first = math.floor(span[0] * rate / NS + 1e-6) + 1
        last = max(first, math.ceil(span[1] * rate / NS - 1e-6))
        if first < 1:
            self._lost.add("Labels that begin before the first frame are shown from it")
        return {"start": max(first, 1), "end": max(last, 1)}

    def _rate(self, stream: Stream) -> float:
        if not stream.rate:
            self._lost.add("A film without a known frame rate is counted at 25 frames a second")
        return stream.rate or DEFAULT_RATE

    def _boxes(
        self, anchors: Sequence[Anchor], spans: Sequence[Span], stream: Stream, said: list[str]
    ) -> dict[str, Any]:
        sequence: list[dict[str, Any]] = []
        rate = self._rate(stream)
        for anchor, span in zip(anchors, spans, strict=True):
            frames = self._frames(span, stream)
            if sequence and sequence[-1]["frame"] >= frames["start"]:
                sequence.pop()  # the stretch before it reaches into this one's first frame
            for frame, enabled in ((frames["start"], True), (frames["end"], False)):
                sequence.append({"frame": frame, "enabled": enabled, "rotation": 0, **_box(anchor)})
                sequence[-1]["time"] = frame / rate
        value: dict[str, Any] = {"sequence": sequence, "labels": said}
        if stream.span is not None:
            value["duration"] = (stream.span[1] - stream.span[0]) / NS
        frames_count = stream.meta.get("frames")
        if isinstance(frames_count, int):
            value["framesCount"] = frames_count
        return value


def _box(anchor: Anchor) -> dict[str, float]:
    x, y, width, height = anchor.region or (0.0, 0.0, 0.0, 0.0)
    return {"x": 100 * x, "y": 100 * y, "width": 100 * width, "height": 100 * height}
