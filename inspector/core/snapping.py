"""Where the boundary of a label is drawn to: words, cues and other labels first, else the nearest frame."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, NamedTuple

from inspector.core.timemap import map_span

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from inspector.core.model import Cue, Record, Span


class Snap(NamedTuple):
    """A time, and what it was drawn to ("" for nothing)."""

    ns: int
    what: str = ""


class Magnets:
    """Times that attract. `frame` gives the reference span of the frame at a time, None for none."""

    def __init__(
        self,
        places: Iterable[tuple[int, str]] = (),
        frame: Callable[[int], Span | None] = lambda _: None,
    ) -> None:
        self._places = sorted(places)
        self._times = [ns for ns, _ in self._places]
        self._frame = frame

    def snap(self, ns: int, reach_ns: int) -> Snap:
        """The nearest place within reach; where there is none the nearest edge of a frame; else the time."""
        at = bisect_left(self._times, ns)
        near = [each for each in self._places[max(at - 1, 0) : at + 1] if abs(each[0] - ns) <= reach_ns]
        if near:
            return Snap(*min(near, key=lambda each: abs(each[0] - ns)))
        edges = [each for each in self._frame(ns) or () if abs(each - ns) <= reach_ns]
        return Snap(min(edges, key=lambda each: abs(each - ns)), "frame") if edges else Snap(ns)


def places_of(
    record: Record, texts: Mapping[str, Sequence[Cue]], but: Iterable[str] = ()
) -> list[tuple[int, str]]:
    """Every start and end of a word, a cue and a label on the reference timeline, but of the labels named."""
    found: list[tuple[int, str]] = []
    maps = {stream.id: stream.timemap for stream in record.streams}

    def add(span: Span, stream_id: str | None, what: str) -> None:
        timemap = maps.get(stream_id or "")
        start, end = span if timemap is None else map_span(timemap, span)
        found.append((start, f"start of {what}"))
        if end > start:
            found.append((end, f"end of {what}"))

    for stream_id, cues in texts.items():
        for cue in cues:
            for word in cue.words:
                add((word.start_ns, word.end_ns), stream_id, f"“{word.text.strip()[:30]}”")
            if not cue.words:
                add((cue.start_ns, cue.end_ns), stream_id, f"“{cue.text.strip()[:30]}”")
    left_out = set(but)
    for label in record.annotations:
        if label.id not in left_out:
            for anchor in label.anchors:
                if anchor.span is not None:
                    add(anchor.span, anchor.stream_id, (label.label or label.tier)[:30])
    return found
