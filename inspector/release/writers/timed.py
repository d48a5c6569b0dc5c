"""What the writers share: labels on the reference timeline, lanes without overlap, and counted losses."""

from __future__ import annotations

from collections import Counter
from heapq import heappop, heappush
from typing import TYPE_CHECKING, TypeVar

from inspector.core.model import Modality
from inspector.core.timemap import IDENTITY, map_span

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from inspector.core.model import Annotation, Cue, Record, Span, Stream

Row = TypeVar("Row")


class Losses:
    """What a format could not carry, counted: one sentence a kind, not one a label."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def add(self, what: str, count: int = 1) -> None:
        """Note losses of a kind, told by a sentence without its stop; their number is put behind it."""
        self._counts[what] += count

    def sentences(self) -> tuple[str, ...]:
        """The sentences in the order of their first appearance, each with its number."""
        return tuple(f"{what} ({count})" for what, count in self._counts.items())


def reference_span(label: Annotation, maps: Mapping[str, Stream]) -> Span | None:
    """Where the label's first anchor with a span lies on the reference timeline, None for one without."""
    for anchor in label.anchors:
        if anchor.span is not None:
            stream = maps.get(anchor.stream_id or "")
            return map_span(IDENTITY if stream is None else stream.timemap, anchor.span)
    return None


def cues_on_reference(stream: Stream, cues: Sequence[Cue]) -> list[tuple[Span, Cue]]:
    """The stream's cues with their spans on the reference timeline, ordered by start."""
    placed = [(map_span(stream.timemap, (cue.start_ns, cue.end_ns)), cue) for cue in cues]
    return sorted(placed, key=lambda row: row[0])


def lanes(spans: Iterable[Span]) -> list[int]:
    """For each span the first lane in which nothing overlaps it; touching is no overlap.

    Spans are given places by start, as ties come; an empty span takes the room of a moment.
    """
    listed = list(spans)
    order = sorted(range(len(listed)), key=lambda row: listed[row])
    found = [0] * len(listed)
    busy: list[tuple[int, int]] = []  # end and lane
    free: list[int] = []
    used = 0
    for row in order:
        start, end = listed[row]
        while busy and busy[0][0] <= start:
            heappush(free, heappop(busy)[1])
        if free:
            lane = heappop(free)
        else:
            lane, used = used, used + 1
        found[row] = lane
        heappush(busy, (max(end, start + 1), lane))
    return found


def in_lanes(rows: Sequence[Row], span_of: Callable[[Row], Span]) -> list[list[Row]]:
    """The rows parted into lanes, in their order."""
    found: list[list[Row]] = []
    for row, lane in zip(rows, lanes(span_of(row) for row in rows), strict=True):
        while len(found) <= lane:
            found.append([])
        found[lane].append(row)
    return found


def media_of(record: Record) -> list[Stream]:
    """One stream for each film, sound or picture file, the reference's file first."""
    found: dict[str, Stream] = {}
    streams = [each for each in record.streams if each.modality in (Modality.VIDEO, Modality.AUDIO)]
    for stream in sorted(streams, key=lambda each: (each.id != record.reference, each.modality != "video")):
        found.setdefault(str(stream.source.path), stream)
    return list(found.values())
