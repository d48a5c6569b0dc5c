"""Labels edited: each gesture becomes the values to put into the journal, with all that hangs on what it did.

What names an edited label, cue or word by its id moves along where the edit says where to; where it does not,
it keeps its place and goes to be checked again (`attrs["recheck"]` says why). Everything here is pure: a
record in, a `Step` out; `changes_of` turns that into changes of the journal.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any

from inspector.core.effective import FIELDS, annotation_path, annotation_value
from inspector.core.model import Anchor, Annotation
from inspector.core.places import DELETED
from inspector.core.timemap import IDENTITY, map_span
from inspector.core.transcripts import cue_path, cue_value
from inspector.errors import InspectorError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from inspector.core.curation import Curation
    from inspector.core.edits import Change
    from inspector.core.model import Cue, Record, Span
    from inspector.core.timemap import TimeMap

RECHECK = "recheck"
"""The attribute that says why a label is to be looked at again."""


@dataclass(frozen=True, slots=True)
class Step:
    """One gesture: what to put where (paths below the record, None takes away), and what hung on it.

    `along` are the labels that moved with it, `again` those that are to be checked again, by id.
    """

    title: str
    puts: tuple[tuple[str, Any], ...]
    along: tuple[str, ...] = ()
    again: tuple[str, ...] = ()

    @property
    def note(self) -> str:
        """What happened to what hung on it, for the edit's note."""
        parts = []
        if self.along:
            parts.append(f"moved along: {', '.join(self.along)}")
        if self.again:
            parts.append(f"to be checked again: {', '.join(self.again)}")
        return "; ".join(parts)


def changes_of(curation: Curation, record_id: str, step: Step) -> list[Change]:
    """A step as changes of a record. A label put whole or deleted takes the place of its fields."""
    standing = curation.values(record_id)
    found = []
    for path, value in step.puts:
        found.append(curation.change(record_id, path, value))
        if path.startswith("annotations/") and path.count("/") == 1:
            found += [
                curation.change(record_id, each, None) for each in standing if each.startswith(path + "/")
            ]
    return found


def label_target(label_id: str) -> str:
    """How an anchor names a label."""
    return f"label:{label_id}"


def word_target(cue: int, word: int) -> str:
    """How an anchor names a word of its stream: both counted as the stream was delivered."""
    return f"word:{cue}.{word}"


def cue_target(cue: int) -> str:
    """How an anchor names a cue of its stream."""
    return f"cue:{cue}"


def end_of(label: Annotation) -> Anchor:
    """A label as one end of a link. InspectorError where it names no moment."""
    for anchor in label.anchors:
        if anchor.span is not None:
            return Anchor(anchor.stream_id, anchor.span, anchor.region, None, label_target(label.id))
    raise InspectorError("A label without a moment cannot be linked", label.label, "Give it a time first")


def timemap_of(record: Record, stream_id: str | None) -> TimeMap:
    """The map of an anchor's stream; the record's own time for none, and for one that is gone."""
    return next((each.timemap for each in record.streams if each.id == stream_id), IDENTITY)


def reference_span(record: Record, anchor: Anchor) -> Span | None:
    """Where an anchor lies on the reference timeline."""
    return None if anchor.span is None else map_span(timemap_of(record, anchor.stream_id), anchor.span)


def dependants(record: Record, target: str, stream_id: str | None = None) -> tuple[Annotation, ...]:
    """The labels that name a label (`label:<id>`), or a cue or word of a stream."""
    return tuple(label for label in record.annotations if _names(label, target, stream_id))


def _names(label: Annotation, target: str, stream_id: str | None) -> bool:
    return any(
        anchor.target == target and (stream_id is None or anchor.stream_id == stream_id)
        for anchor in label.anchors
    )


class _Draft:
    """A record's labels while one gesture is worked out."""

    def __init__(self, record: Record) -> None:
        self.record = record
        self.before = {label.id: label for label in record.annotations}
        self.labels = dict(self.before)
        self.along: dict[str, None] = {}
        self.again: dict[str, None] = {}

    def label(self, label_id: str) -> Annotation:
        if label_id not in self.labels:
            raise InspectorError("The record has no such label", label_id, "It may have been deleted")
        return self.labels[label_id]

    def follow(self, label_id: str, seen: frozenset[str] = frozenset()) -> None:
        """Move what names this label to where it is now, and what names that, and so on."""
        here = next((anchor for anchor in self.labels[label_id].anchors if anchor.span is not None), None)
        if here is None:
            return
        seen |= {label_id}
        for each in [each for each in self.labels.values() if _names(each, label_target(label_id), None)]:
            anchors = tuple(
                replace(anchor, stream_id=here.stream_id, span=here.span, region=here.region)
                if anchor.target == label_target(label_id)
                else anchor
                for anchor in each.anchors
            )
            if anchors != each.anchors and each.id not in seen:
                self.labels[each.id] = replace(each, anchors=anchors)
                self.along[each.id] = None
                self.follow(each.id, seen)

    def doubt(self, target: str, why: str, stream_id: str | None = None, loose: bool = False) -> None:
        """Have what names this checked again; `loose` where it is there no more to be named."""
        for each in [each for each in self.labels.values() if _names(each, target, stream_id)]:
            anchors = tuple(
                replace(anchor, target=None) if loose and anchor.target == target else anchor
                for anchor in each.anchors
            )
            self.labels[each.id] = replace(each, anchors=anchors, attrs={**each.attrs, RECHECK: why})
            self.again[each.id] = None

    def current(self) -> Iterator[Annotation]:
        """Every label as it is when it is come to: one may move with another on the way."""
        for label_id in list(self.labels):
            yield self.labels[label_id]

    def put(self, label: Annotation, anchors: Sequence[Anchor], why: str = "") -> None:
        """Have a label lie elsewhere, with what names it, or be checked again for a reason."""
        if tuple(anchors) != label.anchors:
            self.labels[label.id] = replace(label, anchors=tuple(anchors))
            self.along[label.id] = None
            self.follow(label.id)
        if why:
            label = self.labels[label.id]
            self.labels[label.id] = replace(label, attrs={**label.attrs, RECHECK: why})
            self.again[label.id] = None

    def step(self, title: str, puts: Iterable[tuple[str, Any]] = ()) -> Step:
        """What is another than before, at the finest places there are."""
        found = list(puts)
        for id_ in dict.fromkeys((*self.before, *self.labels)):
            old, new = self.before.get(id_), self.labels.get(id_)
            if old == new:
                continue
            if new is None:
                found.append((annotation_path(id_), dict(DELETED)))
            elif old is None:
                found.append((annotation_path(id_), annotation_value(new)))
            else:
                was, now = annotation_value(old), annotation_value(new)
                found += [
                    (annotation_path(id_, name), now[name]) for name in FIELDS if was[name] != now[name]
                ]
        again = tuple(each for each in self.again if each in self.labels)
        return Step(title, tuple(found), tuple(each for each in self.along if each not in again), again)


def make(record: Record, label: Annotation) -> Step:
    """A new label. InspectorError where the id is taken, or it lies nowhere."""
    draft = _Draft(record)
    if label.id in draft.labels:
        raise InspectorError("There is a label of that id", label.id)
    if not label.anchors:
        raise InspectorError("A label must lie somewhere", label.label, "Give it a stream or a time")
    draft.labels[label.id] = label
    return draft.step(f"Make {_named(label)}")


def link(record: Record, label: Annotation) -> Step:
    """A new link, its text being the relation. InspectorError where it does not join two things."""
    ends = {(anchor.stream_id, anchor.target or anchor.span) for anchor in label.anchors}
    if len(ends) < 2:
        raise InspectorError("A link needs two ends", label.label, "Choose a word or label in another stream")
    return replace(make(record, label), title=f"Link {label.label or 'two ends'}")


def move(record: Record, label_id: str, spans: Mapping[int, Span]) -> Step:
    """Put anchors of a label, by their place, onto other spans of the reference timeline.

    A boundary that stays where it was keeps its exact local time. What named the label moves along; an
    anchor that named something itself no longer does.
    """
    draft = _Draft(record)
    label = draft.label(label_id)
    anchors = list(label.anchors)
    for place, (start, end) in spans.items():
        if end < start:
            raise InspectorError("A label cannot end before it starts", label.label)
        old = anchors[place]
        timemap = timemap_of(record, old.stream_id)
        local = [timemap.to_local(start), timemap.to_local(end)]
        if old.span is not None:
            was = map_span(timemap, old.span)
            local = [
                old.span[at] if was[at] == (start, end)[at] else local[at] for at in (0, 1)
            ]  # to local time and back may be a nanosecond off
        now = (local[0], max(local))
        anchors[place] = replace(old, span=now, target=old.target if now == old.span else None)
    draft.labels[label_id] = replace(label, anchors=tuple(anchors))
    draft.follow(label_id)
    return draft.step(f"Move {_named(label)}")


def split(record: Record, label_id: str, at_ns: int, new_id: str) -> Step:
    """Cut a label in two at a reference time: the first keeps the id. What named it is to be checked again.

    InspectorError where the time is not inside it.
    """
    draft = _Draft(record)
    label = draft.label(label_id)
    first, second = [], []
    inside = False
    for anchor in label.anchors:
        span = reference_span(record, anchor)
        cut = timemap_of(record, anchor.stream_id).to_local(at_ns)
        if span is None or anchor.span is None or not anchor.span[0] < cut < anchor.span[1]:
            first.append(anchor)
            second.append(anchor)
            continue
        inside = True
        first.append(replace(anchor, span=(anchor.span[0], cut), target=None))
        second.append(replace(anchor, span=(cut, anchor.span[1]), target=None))
    if not inside:
        raise InspectorError(
            "The playhead is not inside the label", label.label, "Go to where it is to be cut"
        )
    draft.labels[label_id] = replace(label, anchors=tuple(first))
    draft.labels[new_id] = replace(label, id=new_id, anchors=tuple(second))
    draft.follow(label_id)
    draft.doubt(label_target(label_id), "the label that it names was split")
    return draft.step(f"Split {_named(label)}")


def merge(record: Record, label_ids: Sequence[str], text: str | None = None) -> Step:
    """Make one label of several of a tier, from the first start to the last end, under the first one's id.

    Its text is `text`, else theirs (joined by spaces where they differ). What named one of them names it.
    InspectorError where they lie on other tiers or streams.
    """
    draft = _Draft(record)
    labels = sorted(
        (draft.label(each) for each in dict.fromkeys(label_ids)), key=lambda each: each.span or (0, 0)
    )
    if len(labels) < 2:
        raise InspectorError("There is no other label to merge with", "", "Choose two labels of a tier")
    first, *rest = labels
    kinds = {(label.tier, tuple(anchor.stream_id for anchor in label.anchors)) for label in labels}
    if len(kinds) > 1:
        raise InspectorError("Labels of different tiers or streams cannot be merged", first.label)
    anchors = []
    for several in zip(*(label.anchors for label in labels), strict=True):
        spans = [anchor.span for anchor in several if anchor.span is not None]
        whole = (min(start for start, _ in spans), max(end for _, end in spans)) if spans else None
        anchors.append(replace(several[0], span=whole, target=None))
    texts = list(dict.fromkeys(label.label for label in labels))
    attrs: dict[str, Any] = {}
    for label in reversed(labels):
        attrs |= label.attrs
    draft.labels[first.id] = replace(
        first, label=" ".join(texts) if text is None else text, anchors=tuple(anchors), attrs=attrs
    )
    for gone in rest:
        del draft.labels[gone.id]
        for each in [each for each in draft.labels.values() if _names(each, label_target(gone.id), None)]:
            moved = tuple(
                replace(anchor, target=label_target(first.id))
                if anchor.target == label_target(gone.id)
                else anchor
                for anchor in each.anchors
            )
            draft.labels[each.id] = replace(each, anchors=moved)
    draft.follow(first.id)
    return draft.step(f"Merge {len(labels)} labels into {_named(draft.labels[first.id])}")


def relabel(record: Record, label_ids: Iterable[str], text: str, same_meaning: bool = False) -> Step:
    """Give labels another text. What names them is to be checked again, unless the meaning is the same."""
    draft = _Draft(record)
    ids = list(dict.fromkeys(label_ids))
    for label_id in ids:
        label = draft.label(label_id)
        if label.label == text:
            continue
        draft.labels[label_id] = replace(label, label=text)
        if not same_meaning:
            draft.doubt(
                label_target(label_id), f"the label that it names was {label.label or 'without text'}"
            )
    told = _named(draft.before[ids[0]]) if len(ids) == 1 else f"{len(ids)} labels"
    return draft.step(f"Relabel {told}: {text}")


def retier(record: Record, label_ids: Iterable[str], tier: str) -> Step:
    """Put labels onto another tier. InspectorError where it has no name."""
    if not tier.strip():
        raise InspectorError("A tier needs a name")
    draft = _Draft(record)
    ids = list(label_ids)
    for label_id in ids:
        draft.labels[label_id] = replace(draft.label(label_id), tier=tier.strip())
    return draft.step(f"Move {len(ids)} label{'s' * (len(ids) != 1)} to {tier.strip()}")


def set_attrs(record: Record, label_id: str, attrs: Mapping[str, Any]) -> Step:
    """Give a label other attributes."""
    draft = _Draft(record)
    label = draft.label(label_id)
    draft.labels[label_id] = replace(label, attrs=dict(attrs))
    return draft.step(f"Attributes of {_named(label)}")


def delete(record: Record, label_ids: Iterable[str]) -> Step:
    """Take labels away. What named them keeps its place and is to be checked again."""
    draft = _Draft(record)
    labels = [draft.label(each) for each in dict.fromkeys(label_ids)]
    for label in labels:
        del draft.labels[label.id]
    for label in labels:
        why = f"the label that it named was deleted: {label.label or label.tier}"
        draft.doubt(label_target(label.id), why, loose=True)
    return draft.step(f"Delete {_named(labels[0]) if len(labels) == 1 else f'{len(labels)} labels'}")


def confirm(record: Record, label_ids: Iterable[str]) -> Step:
    """Say that labels were checked again and hold."""
    draft = _Draft(record)
    ids = list(label_ids)
    for label_id in ids:
        label = draft.label(label_id)
        attrs = {key: value for key, value in label.attrs.items() if key != RECHECK}
        draft.labels[label_id] = replace(label, attrs=attrs)
    return draft.step(f"Checked {_named(draft.label(ids[0])) if len(ids) == 1 else f'{len(ids)} labels'}")


def correct_cue(
    record: Record, stream_id: str, cues: Sequence[tuple[int, Cue]], number: int, new: Cue | None
) -> Step:
    """Correct a cue of a transcript, or (None) take it away; `cues` are all of the stream with their numbers.

    What names the cue or a word of it moves along; where its text is another, or it is gone, it is to be
    checked again. Ranges of text behind it are counted anew, and those that touch it are to be checked again.
    """
    draft = _Draft(record)
    old = next((cue for each, cue in cues if each == number), None)
    if old is None:
        raise InspectorError("The transcript has no such cue", f"{stream_id} {number}")
    if new is not None and not all(
        start <= end
        for start, end in ((new.start_ns, new.end_ns), *((w.start_ns, w.end_ns) for w in new.words))
    ):
        raise InspectorError("A word cannot end before it starts", new.text)
    title = f"Correct “{_short(old.text)}”" if new is not None else f"Delete “{_short(old.text)}”"
    _follow_cue(draft, stream_id, number, old, new)
    _follow_words(draft, stream_id, number, old, new)
    _follow_ranges(draft, stream_id, cues, number, "" if new is None else new.text)
    return draft.step(title, [(cue_path(stream_id, number), cue_value(new))])


def _follow_cue(draft: _Draft, stream_id: str, number: int, old: Cue, new: Cue | None) -> None:
    target = cue_target(number)
    if new is None:
        draft.doubt(
            target, f"the words that it named were deleted: {_short(old.text)}", stream_id, loose=True
        )
        return
    for each in draft.current():
        named = [
            replace(anchor, span=(new.start_ns, new.end_ns))
            if anchor.target == target and anchor.stream_id == stream_id
            else anchor
            for anchor in each.anchors
        ]
        draft.put(each, named)
    if new.text != old.text:
        draft.doubt(target, f"the words that it names were “{_short(old.text)}”", stream_id)


def _follow_words(draft: _Draft, stream_id: str, number: int, old: Cue, new: Cue | None) -> None:
    words = () if new is None else new.words
    was, now = ([word.text for word in each] for each in (old.words, words))
    becomes = {at: at for at in range(len(words))} if len(old.words) == len(words) else {}
    if not becomes:
        for low, there, size in SequenceMatcher(None, was, now, autojunk=False).get_matching_blocks():
            becomes |= {low + step: there + step for step in range(size)}
    targets = {word_target(number, at): at for at in range(len(old.words))}
    for each in draft.current():
        anchors, why = list(each.anchors), ""
        for place, anchor in enumerate(anchors):
            at = targets.get(anchor.target or "") if anchor.stream_id == stream_id else None
            if at is None:
                continue
            if at not in becomes:
                anchors[place] = replace(anchor, target=None)
                why = f"the word that it named is gone: {was[at]}"
                continue
            word = words[becomes[at]]
            span, target = (word.start_ns, word.end_ns), word_target(number, becomes[at])
            anchors[place] = replace(anchor, span=span, target=target)
            if word.text != was[at]:
                why = f"the word that it names was {was[at]}"
        draft.put(each, anchors, why)


def _follow_ranges(
    draft: _Draft, stream_id: str, cues: Sequence[tuple[int, Cue]], number: int, text: str
) -> None:
    """Count ranges of characters anew behind a cue whose text became another."""
    start = 0
    for each, cue in cues:
        if each == number:
            break
        start += len(cue.text) + 1
    end = start + len(cue.text)
    by = len(text) - len(cue.text)
    if text == cue.text:
        return
    for label in draft.current():
        anchors, touched = list(label.anchors), False
        for place, anchor in enumerate(anchors):
            if anchor.text_range is None or anchor.stream_id != stream_id or anchor.text_range[1] <= start:
                continue
            low, high = anchor.text_range
            if low < end:
                touched = True
                anchors[place] = replace(
                    anchor, text_range=(min(low, end + by), max(min(low, end + by), high + by))
                )
            else:
                anchors[place] = replace(anchor, text_range=(low + by, high + by))
        why = f"the text that it marks was “{_short(cue.text)}”" if touched else ""
        draft.put(label, anchors, why)


def _named(label: Annotation) -> str:
    return f"“{_short(label.label)}”" if label.label else f"a label of {label.tier}"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 40 else f"{line[:39]}…"
