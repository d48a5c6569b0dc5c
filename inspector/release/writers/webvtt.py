"""WebVTT: the cues of all transcripts on the reference timeline, with voices and word times.

Where a record has no cues its labels are written as such. Format: www.w3.org/TR/webvtt1.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from inspector.core.model import Cue
from inspector.release.writers.timed import Losses, cues_on_reference, reference_span
from inspector.release.writers.written import Written

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from inspector.core.model import Record, Span, Stream

MS = 1_000_000
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def write(record: Record, cues: Mapping[str, Sequence[Cue]]) -> Written:
    """The transcripts as one file; where there are none, the labels, each tier and author as its voice."""
    lost = Losses()
    streams = {stream.id: stream for stream in record.streams}
    rows: list[tuple[Span, str, Cue, Stream | None]] = []
    for stream_id, listed in cues.items():
        stream = streams.get(stream_id)
        if stream is not None:
            for number, (span, cue) in enumerate(cues_on_reference(stream, listed), 1):
                rows.append((span, f"{stream_id}.{number}", cue, stream))
    if rows:
        if record.annotations:
            lost.add("Labels are left out, for the file holds the transcripts", len(record.annotations))
    else:
        rows = _labels(record, streams, lost)
    rows.sort(key=lambda row: row[:2])
    blocks = ["WEBVTT\n"]
    for span, name, cue, stream in rows:
        start, end = _ms(span[0]), max(_ms(span[1]), _ms(span[0]) + 1)
        if end <= 0:
            lost.add("Cues that end before 0 are left out")
            continue
        if start < 0:
            lost.add("Cues that begin before 0 are written from 0")
            start = 0
        text = _words(cue, stream, (start, end), lost)
        voice = f"<v {_line(cue.speaker)}>" if cue.speaker else ""
        blocks.append(
            f"{_line(name).replace('-->', '->')}\n{_stamp(start)} --> {_stamp(end)}\n{voice}{text}\n"
        )
    return Written("\n".join(blocks).encode("utf-8", "replace"), ".vtt", lost.sentences())


def _labels(
    record: Record, streams: Mapping[str, Stream], lost: Losses
) -> list[tuple[Span, str, Cue, Stream | None]]:
    rows: list[tuple[Span, str, Cue, Stream | None]] = []
    for label in record.annotations:
        span = reference_span(label, streams)
        if span is None:
            lost.add("Labels without a moment are left out")
            continue
        if len(label.anchors) > 1:
            lost.add("Of links and labels in several stretches the first is written")
        if label.attrs or any(anchor.region or anchor.text_range for anchor in label.anchors):
            lost.add("Boxes, text ranges and further attributes of labels are left out")
        voice = label.tier + (f" @{label.author}" if label.author else "")
        rows.append((span, label.id, Cue(*span, label.label, speaker=voice), None))
    return rows


def _ms(ns: int) -> int:
    return (2 * ns + MS) // (2 * MS)


def _stamp(ms: int) -> str:
    minutes, rest = divmod(ms, 60_000)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{rest // 1000:02d}.{rest % 1000:03d}"


def _line(text: str) -> str:
    """One line for a cue's name or a voice."""
    return " ".join(text.split()).translate(_ESCAPES)


def _words(cue: Cue, stream: Stream | None, span_ms: tuple[int, int], lost: Losses) -> str:
    """The cue's text, with the starts of its words where they go in order and make up the text."""
    plain = re.sub(r"[\r\n]+\s*", "\n", cue.text.strip()).translate(_ESCAPES)
    if not cue.words or stream is None:
        return plain
    starts = [_ms(stream.timemap.to_reference(word.start_ns)) for word in cue.words]
    said = " ".join(word.text.strip() for word in cue.words)
    inside = all(span_ms[0] <= start < span_ms[1] for start in starts)
    if said.split() != cue.text.split() or sorted(set(starts)) != starts or not inside:
        lost.add("Word times that do not follow their cue are left out")
        return plain
    lost.add("Ends and confidences of words are left out", len(cue.words))
    stamped = [
        ("" if start == span_ms[0] else f"<{_stamp(start)}>") + _line(word.text)
        for start, word in zip(starts, cue.words, strict=True)
    ]
    return " ".join(stamped)
