"""Praat TextGrids in the long text form: exact times, an interval or point tier for each tier and author.

Nothing overlaps on a tier of Praat: what does goes to a further tier (`words@Ann #2`), moments to a
point tier. The form: www.fon.hum.uva.nl/praat/manual/TextGrid_file_formats.html.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from inspector.core.times import NS
from inspector.media.annotators import without_lane
from inspector.release.writers.timed import Losses, cues_on_reference, lanes, reference_span
from inspector.release.writers.written import Written

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from inspector.core.model import Cue, Record, Span

_Rows = list[tuple["Span", str]]


def write(record: Record, cues: Mapping[str, Sequence[Cue]]) -> Written:
    """The record as a TextGrid; its times are those of the reference timeline, to the nanosecond."""
    lost = Losses()
    groups = _groups(record, lost)
    streams = {stream.id: stream for stream in record.streams}
    for stream_id, listed in cues.items():
        if stream_id not in streams:
            continue
        for span, cue in cues_on_reference(streams[stream_id], listed):
            title = _plain(stream_id + (f" {cue.speaker}" if cue.speaker else ""), lost)
            groups.setdefault(title, []).append((span, cue.text))
            for word in cue.words:
                ends = (streams[stream_id].timemap.to_reference(t) for t in (word.start_ns, word.end_ns))
                start, end = sorted(ends)
                groups.setdefault(f"{title} words", []).append(((start, end), word.text))
                if word.confidence is not None:
                    lost.add("confidences of words")
    for rows in groups.values():
        blank = [row for row in rows if not row[1].strip()]
        if blank:
            lost.add("labels without text, which Praat takes for gaps", len(blank))
            rows[:] = [row for row in rows if row[1].strip()]
    spans = [span for rows in groups.values() for span, _ in rows]
    start = min((record.span[0], *(low for low, _ in spans)))
    end = max((record.span[1], start + 1, *(high for _, high in spans)))
    tiers: list[tuple[str, bool, _Rows]] = []
    for title, rows in groups.items():
        for moments in (False, True):
            kept = sorted(row for row in rows if (row[0][0] == row[0][1]) is moments)
            split = lanes(span for span, _ in kept)
            for lane in range(max(split, default=-1) + 1):
                mine = [row for row, own in zip(kept, split, strict=True) if own == lane]
                tiers.append((_apart(title, tiers), moments, mine))
    head = (
        'File type = "ooTextFile"\nObject class = "TextGrid"\n\n'
        f"xmin = {_s(start)}\nxmax = {_s(end)}\ntiers? <exists>\nsize = {len(tiers)}\nitem []:\n"
    )
    body = "".join(
        line for number, tier in enumerate(tiers, 1) for line in _tier(number, *tier, start=start, end=end)
    )
    return Written((head + body).encode("utf-8", "replace"), ".TextGrid", lost.sentences())


def _groups(record: Record, lost: Losses) -> dict[str, _Rows]:
    streams = {stream.id: stream for stream in record.streams}
    groups: dict[str, _Rows] = {}
    names = {label.tier for label in record.annotations}
    for label in record.annotations:
        span = reference_span(label, streams)
        if span is None:
            lost.add("labels without a moment")
            continue
        if len({anchor.stream_id for anchor in label.anchors}) > 1:
            lost.add("links between streams, of which the first end is written")
        elif len(label.anchors) > 1:
            lost.add("labels in several stretches, of which the first is written")
        if any(anchor.region is not None or anchor.text_range is not None for anchor in label.anchors):
            lost.add("boxes, points and text ranges")
        if label.attrs:
            lost.add("labels with further attributes")
        lost.add("ids of labels, which come back by their tier and place")
        tier = _plain(label.tier, lost)
        if without_lane(tier, names) != tier:
            tier = tier.replace(" #", " ＃")  # noqa: RUF001  # else it would be a lane of the other
            lost.add('tier names with a number sign, written "＃"')  # noqa: RUF001
        groups.setdefault(f"{tier}@{label.author}" if label.author else tier, []).append((span, label.label))
    return groups


def _plain(name: str, lost: Losses) -> str:
    """A tier's name without what parts a tier from its author."""
    if "@" in name:
        lost.add('names with an @, written "＠"')  # noqa: RUF001
    return name.replace("@", "＠") or "unnamed"  # noqa: RUF001


def _apart(title: str, tiers: list[tuple[str, bool, _Rows]]) -> str:
    taken = {name for name, *_ in tiers}
    number, name = 1, title
    while name in taken:
        number += 1
        name = f"{title} #{number}"
    return name


def _s(ns: int) -> str:
    """Seconds, exactly: nine decimals without the zeros at the end."""
    whole, rest = divmod(abs(ns), NS)
    return ("-" if ns < 0 else "") + f"{whole}.{rest:09d}".rstrip("0").rstrip(".")


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _tier(number: int, title: str, moments: bool, rows: _Rows, start: int, end: int) -> Iterable[str]:
    kind, items = ("TextTier", "points") if moments else ("IntervalTier", "intervals")
    listed = rows if moments else list(_without_gaps(rows, start, end))
    yield (
        f'    item [{number}]:\n        class = "{kind}"\n        name = {_quoted(title)}\n'
        f"        xmin = {_s(start)}\n        xmax = {_s(end)}\n        {items}: size = {len(listed)}\n"
    )
    for place, ((low, high), text) in enumerate(listed, 1):
        yield f"        {items} [{place}]:\n"
        if moments:
            yield f"            number = {_s(low)}\n            mark = {_quoted(text)}\n"
        else:
            yield f"            xmin = {_s(low)}\n            xmax = {_s(high)}\n"
            yield f"            text = {_quoted(text)}\n"


def _without_gaps(rows: _Rows, start: int, end: int) -> Iterable[tuple[Span, str]]:
    """Intervals that fill the whole domain, as Praat wants them: what is between has no text."""
    at = start
    for span, text in rows:
        if span[0] > at:
            yield (at, span[0]), ""
        yield span, text
        at = span[1]
    if at < end:
        yield (at, end), ""
