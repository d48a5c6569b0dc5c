"""ELAN annotation documents: a tier for each tier and author, transcripts as tiers, media by their names.

ELAN counts in milliseconds, knows no moments, and lets nothing overlap on a tier: times are rounded, a moment
is written 1 ms long, and what overlaps goes to a further tier (`gesture@Ann #2`). The exact label, with its
anchors, boxes and attributes, stands beside in the header's properties, which ELAN keeps: `read_eaf` takes it
from there where nothing was changed. Format: www.mpi.nl/tools/elan/EAFv3.0.xsd.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote

from inspector.core.effective import annotation_value
from inspector.media.annotators import as_xml_id
from inspector.media.eaf import MS, PROPERTY
from inspector.release.writers.timed import Losses, cues_on_reference, in_lanes, media_of, reference_span
from inspector.release.writers.written import Written

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from inspector.core.model import Annotation, Cue, Record, Span, Stream

_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ESCAPES = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\r": "&#13;", "\n": "&#10;", "\t": "&#9;"}
)
_MIMES = {
    "wav": "audio/x-wav",
    "mp4": "video/mp4",
    "mpg": "video/mpeg",
    "mpeg": "video/mpeg",
    "mp3": "audio/mpeg",
}
LATEST_MS = 1 << 62

_DAY_ONE = "1970-01-01T00:00:00+00:00"
"""The schema wants a date; the same record gives the same bytes, so it is not today's."""

_CONSTRAINTS = {
    "Included_In": "Time alignable annotations within the parent annotation's time interval, gaps are "
    "allowed",
    "Symbolic_Subdivision": "Symbolic subdivision of a parent annotation. Annotations refering to the same "
    "parent are ordered",
}


def clean(text: str) -> str:
    """The text without what XML cannot hold at all, each such sign as U+FFFD."""
    return _NO_XML.sub("\ufffd", text)


def _text(text: str) -> str:
    return clean(text).translate(_ESCAPES)


@dataclass(slots=True)
class _Row:
    id: str
    span_ms: tuple[int, int]
    text: str
    parent: str = ""
    label: Annotation | None = None


@dataclass(slots=True)
class _Tier:
    id: str
    author: str = ""
    participant: str = ""
    parent: str = ""
    symbolic: bool = False
    rows: list[_Row] = field(default_factory=list)
    vocabulary: Mapping[str, str] = field(default_factory=dict)


def write(record: Record, cues: Mapping[str, Sequence[Cue]]) -> Written:
    """The record as an ELAN document; its times are those of the reference timeline."""
    lost = Losses()
    streams = {stream.id: stream for stream in record.streams}
    tiers = _label_tiers(record, streams, lost) + _cue_tiers(streams, cues, lost)
    _name_apart(tiers)
    _hang(tiers, lost)
    parts = [
        '<?xml version="1.0" encoding="UTF-8"?>\n<ANNOTATION_DOCUMENT AUTHOR="" '
        f'DATE="{_DAY_ONE}" FORMAT="3.0" VERSION="3.0" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
        'xsi:noNamespaceSchemaLocation="http://www.mpi.nl/tools/elan/EAFv3.0.xsd">\n'
        '<HEADER MEDIA_FILE="" TIME_UNITS="milliseconds">\n',
        *(_medium(stream, lost) for stream in media_of(record)),
        *_properties(record, tiers),
        "</HEADER>\n<TIME_ORDER>\n",
    ]
    slots: dict[tuple[int, int, int], int] = {}
    times = sorted(
        (row.span_ms[side], side, place, number)
        for number, tier in enumerate(tiers)
        if not tier.symbolic
        for place, row in enumerate(tier.rows)
        for side in (0, 1)
    )
    for slot, (time, side, place, number) in enumerate(times, 1):
        slots[number, place, side] = slot
        parts.append(f'<TIME_SLOT TIME_SLOT_ID="ts{slot}" TIME_VALUE="{time}"/>\n')
    parts.append("</TIME_ORDER>\n")
    for number, tier in enumerate(tiers):
        parts += _tier(number, tier, slots)
    parts += _types(tiers)
    parts.append("</ANNOTATION_DOCUMENT>\n")
    return Written("".join(parts).encode(), ".eaf", lost.sentences())


def _ms(span: Span) -> tuple[int, int]:
    start = (2 * span[0] + MS) // (2 * MS)
    return start, max((2 * span[1] + MS) // (2 * MS), start + 1)


def _label_tiers(record: Record, streams: Mapping[str, Stream], lost: Losses) -> list[_Tier]:
    groups: dict[tuple[str, str], list[_Row]] = {}
    for label in record.annotations:
        span = reference_span(label, streams)
        if span is None:
            continue  # ELAN has no place for it; it stands in the properties
        span_ms = _ms(span)
        if span_ms[0] < 0:
            lost.add("Labels that begin before 0 are not shown by ELAN")
            continue
        row = _Row(
            as_xml_id(label.id), span_ms, clean(label.label), str(label.attrs.get("parent", "")), label
        )
        groups.setdefault((label.tier, label.author), []).append(row)
    vocabularies: dict[str, Mapping[str, str]] = {}
    for about in dict(record.meta.get("annotators_files", {})).values():
        vocabularies.update(about.get("vocabularies", {}))
    ids = {row.id for rows in groups.values() for row in rows}
    tiers: list[_Tier] = []
    for (name, author), rows in groups.items():
        title = f"{clean(name)}@{clean(author)}" if author else clean(name)
        entries = vocabularies.get(title) or vocabularies.get(name) or {}
        participants = {str(row.label.attrs.get("participant", "")) for row in rows if row.label}
        symbolic = all(row.parent and as_xml_id(row.parent) in ids for row in rows)
        split = [rows] if symbolic else in_lanes(rows, lambda row: row.span_ms)
        for lane, own in enumerate(split, 1):
            tier = _Tier(title + (f" #{lane}" if lane > 1 else ""), author, symbolic=symbolic, rows=own)
            tier.vocabulary = entries
            tier.participant = next(iter(participants)) if len(participants) == 1 else ""
            tiers.append(tier)
    return tiers


def _cue_tiers(streams: Mapping[str, Stream], cues: Mapping[str, Sequence[Cue]], lost: Losses) -> list[_Tier]:
    tiers: list[_Tier] = []
    for stream_id, listed in cues.items():
        if stream_id not in streams:
            continue
        groups: dict[tuple[str, str], list[tuple[Span, str]]] = {}
        for span, cue in cues_on_reference(streams[stream_id], listed):
            speaker = cue.speaker or ""
            groups.setdefault((stream_id, speaker), []).append((span, cue.text))
            for word in cue.words:
                ends = (streams[stream_id].timemap.to_reference(t) for t in (word.start_ns, word.end_ns))
                start, end = sorted(ends)
                groups.setdefault((f"{stream_id} words", speaker), []).append(((start, end), word.text))
                if word.confidence is not None:
                    lost.add("Confidences of words are left out")
        for (title, speaker), found in groups.items():
            listed_ms = [(_ms(span), text) for span, text in found]
            rows = [
                _Row(f"c{len(tiers)}.{place}", span_ms, clean(text))
                for place, (span_ms, text) in enumerate(listed_ms)
                if span_ms[0] >= 0
            ]
            if len(rows) < len(found):
                lost.add("Cues and words that begin before 0 are left out", len(found) - len(rows))
            for lane, own in enumerate(in_lanes(rows, lambda row: row.span_ms), 1):
                name = title + (f" {speaker}" if speaker else "") + (f" #{lane}" if lane > 1 else "")
                tiers.append(_Tier(clean(name), participant=speaker, rows=own))
    return tiers


def _name_apart(tiers: list[_Tier]) -> None:
    taken: set[str] = set()
    for number, tier in enumerate(tiers, 1):
        tier.id = tier.id or f"tier {number}"
        lane, base = 2, tier.id
        while tier.id in taken:
            tier.id, lane = f"{base} #{lane}", lane + 1
        taken.add(tier.id)


def _hang(tiers: list[_Tier], lost: Losses) -> None:
    """Give tiers the parents that they had in the file they came from, where those still hold them."""
    by_id = {row.id: tier for tier in tiers for row in tier.rows}
    names = {tier.id: tier for tier in tiers}
    for tier in tiers:
        if tier.symbolic:
            above = {id(by_id[as_xml_id(row.parent)]): by_id[as_xml_id(row.parent)] for row in tier.rows}
            if len(above) == 1 and _top(next(iter(above.values())), names, tier):
                tier.parent = next(iter(above.values())).id
                continue
            tier.symbolic = False
            lost.add("Tiers with parents on several tiers are written with times of their own")
        wanted = {str(row.label.attrs.get("parent_tier", "")) for row in tier.rows if row.label}
        parent = names.get(wanted.pop()) if len(wanted) == 1 else None
        if parent is None or parent is tier or not _top(parent, names, tier):
            continue
        if _held(tier, parent):
            tier.parent = parent.id
        else:
            lost.add("Tiers are written without their parent, which does not hold all of their labels")


def _top(tier: _Tier, names: Mapping[str, _Tier], below: _Tier) -> bool:
    """Whether going up from `tier` ends, and does not lead to `below`."""
    for _ in range(len(names)):
        if tier is below:
            return False
        if not tier.parent:
            return True
        tier = names[tier.parent]
    return False


def _held(tier: _Tier, parent: _Tier) -> bool:
    """Whether every label lies within one of the parent's, of which none overlap."""
    above = sorted(row.span_ms for row in parent.rows)
    for row in tier.rows:
        place = bisect_right(above, (row.span_ms[0], LATEST_MS)) - 1
        if place < 0 or row.span_ms[1] > above[place][1]:
            return False
    return True


def _medium(stream: Stream, lost: Losses) -> str:
    path = stream.source.path
    name = path.name if path.is_absolute() else path.as_posix()
    mime = _MIMES.get(stream.source.path.suffix[1:].lower(), f"{stream.modality.value}/*")
    origin = (2 * stream.timemap.late_ns + MS) // (2 * MS)
    if len(stream.timemap.anchors) > 1:
        lost.add(f"The drift or jump of {name} is left out: ELAN knows an offset only")
    return (
        f'<MEDIA_DESCRIPTOR MEDIA_URL="{_text(quote(name))}" RELATIVE_MEDIA_URL="{_text(_beside(name))}" '
        f'MIME_TYPE="{mime}"' + (f' TIME_ORIGIN="{origin}"' if origin else "") + "/>\n"
    )


def _beside(name: str) -> str:
    return quote(name) if name.startswith("../") else f"./{quote(name)}"


def _properties(record: Record, tiers: list[_Tier]) -> Iterable[str]:
    """The exact labels, each with what was written of it, to be told from one that was changed."""
    written = {row.id: (tier, row) for tier in tiers for row in tier.rows}
    for label in record.annotations:
        name = as_xml_id(label.id)
        kept: dict[str, object] = {"label": annotation_value(label)}
        if name in written:
            tier, row = written[name]
            kept["as"] = [tier.id, *row.span_ms, row.text]
        text = json.dumps(kept, ensure_ascii=True, default=str, separators=(",", ":"))
        yield f'<PROPERTY NAME="{PROPERTY}{name}">{_text(text)}</PROPERTY>\n'


def _tier(number: int, tier: _Tier, slots: Mapping[tuple[int, int, int], int]) -> Iterable[str]:
    attrs = {
        "LINGUISTIC_TYPE_REF": f"type{number}",
        "TIER_ID": tier.id,
        "ANNOTATOR": tier.author,
        "PARTICIPANT": tier.participant,
        "PARENT_REF": tier.parent,
    }
    yield "<TIER" + "".join(f' {key}="{_text(value)}"' for key, value in attrs.items() if value) + ">\n"
    previous: dict[str, str] = {}
    for place, row in enumerate(tier.rows):
        if tier.symbolic:
            before = previous.get(row.parent)
            yield (
                f'<ANNOTATION><REF_ANNOTATION ANNOTATION_ID="{row.id}" '
                f'ANNOTATION_REF="{as_xml_id(row.parent)}"'
                + (f' PREVIOUS_ANNOTATION="{before}"' if before else "")
                + f"><ANNOTATION_VALUE>{_text(row.text)}</ANNOTATION_VALUE></REF_ANNOTATION></ANNOTATION>\n"
            )
            previous[row.parent] = row.id
            continue
        first, last = slots[number, place, 0], slots[number, place, 1]
        yield (
            f'<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="{row.id}" TIME_SLOT_REF1="ts{first}" '
            f'TIME_SLOT_REF2="ts{last}"><ANNOTATION_VALUE>{_text(row.text)}</ANNOTATION_VALUE>'
            "</ALIGNABLE_ANNOTATION></ANNOTATION>\n"
        )
    yield "</TIER>\n"


def _types(tiers: list[_Tier]) -> Iterable[str]:
    used = set()
    for number, tier in enumerate(tiers):
        kind = "Symbolic_Subdivision" if tier.symbolic else "Included_In" if tier.parent else ""
        used.add(kind)
        yield (
            f'<LINGUISTIC_TYPE LINGUISTIC_TYPE_ID="type{number}" GRAPHIC_REFERENCES="false" '
            f'TIME_ALIGNABLE="{str(not tier.symbolic).lower()}"'
            + (f' CONSTRAINTS="{kind}"' if kind else "")
            + (f' CONTROLLED_VOCABULARY_REF="words{number}"' if tier.vocabulary else "")
            + "/>\n"
        )
    if any(tier.vocabulary for tier in tiers):
        yield '<LANGUAGE LANG_ID="und" LANG_LABEL="undetermined"/>\n'
    for kind, text in _CONSTRAINTS.items():
        if kind in used:
            yield f'<CONSTRAINT STEREOTYPE="{kind}" DESCRIPTION="{_text(text)}"/>\n'
    for number, tier in enumerate(tiers):
        if tier.vocabulary:
            yield f'<CONTROLLED_VOCABULARY CV_ID="words{number}">\n<DESCRIPTION LANG_REF="und"/>\n'
            for entry, (value, told) in enumerate(tier.vocabulary.items()):
                yield (
                    f'<CV_ENTRY_ML CVE_ID="e{number}.{entry}"><CVE_VALUE LANG_REF="und" '
                    f'DESCRIPTION="{_text(str(told))}">{_text(value)}</CVE_VALUE></CV_ENTRY_ML>\n'
                )
            yield "</CONTROLLED_VOCABULARY>\n"
