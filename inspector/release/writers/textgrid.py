"""Praat TextGrids in the long text form: exact times, an interval or point tier for each tier and author.

Nothing overlaps on a tier of Praat: what does goes to a further tier (`words@Ann #2`), moments to a
point tier. The form: www.fon.hum.uva.nl/praat/manual/TextGrid_file_formats.html.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from inspector.core.times import NS
from inspector.media.annotators import without_lane
from inspector.release.writers.timed import Losses, cues_on_reference, in_lanes, reference_span
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
                    lost.add("Confidences of words are left out")
    for rows in groups.values():
        blank = [row for row in rows if not row[1].strip()]
        if blank:
            lost.add("Labels without text are left out, for Praat takes them for gaps", len(blank))
            rows[:] = [row for row in rows if row[1].strip()]
    spans = [span for rows in groups.values() for span, _ in rows]
    start = min((record.span[0], *(low for low, _ in spans)))
    end = max((record.span[1], start + 1, *(high for _, high in spans)))
    tiers: list[tuple[str, bool, _Rows]] = []
    taken: set[str] = set()
    numbers: dict[str, int] = {}
    for title, rows in groups.items():
        for moments in (False, True):
            kept = sorted(row for row in rows if (row[0][0] == row[0][1]) is moments)
            for mine in in_lanes(kept, lambda row: row[0]):
                tiers.append((_apart(title, taken, numbers), moments, mine))
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
            lost.add("Labels without a moment are left out")
            continue
        if len({anchor.stream_id for anchor in label.anchors}) > 1:
            lost.add("Of links between streams the first end alone is written")
        elif len(label.anchors) > 1:
            lost.add("Of labels in several stretches the first alone is written")
        if any(anchor.region is not None or anchor.text_range is not None for anchor in label.anchors):
            lost.add("Boxes, points and text ranges are left out")
        if label.attrs:
            lost.add("Further attributes of labels are left out")
        lost.add("Ids of labels are left out; they come back by tier and place")
        tier = _plain(label.tier, lost)
        if without_lane(tier, names) != tier:
            tier = tier.replace(" #", " ＃")  # noqa: RUF001  # else it would be a lane of the other
            lost.add('Number signs in names of tiers are written "＃"')  # noqa: RUF001
        groups.setdefault(f"{tier}@{label.author}" if label.author else tier, []).append((span, label.label))
    return groups


def _plain(name: str, lost: Losses) -> str:
    """A tier's name without what parts a tier from its author."""
    if "@" in name:
        lost.add('Names with an @ are written with "＠"')  # noqa: RUF001
    return name.replace("@", "＠") or "unnamed"  # noqa: RUF001


def _apart(title: str, taken: set[str], numbers: dict[str, int]) -> str:
    """The title, with a number where it is taken; kept among `taken`."""
    name = title
    while name in taken:
        numbers[title] = numbers.get(title, 1) + 1
        name = f"{title} #{numbers[title]}"
    taken.add(name)
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
