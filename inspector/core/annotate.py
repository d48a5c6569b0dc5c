"""Labels edited: each gesture becomes the values to put into the journal, with all that hangs on what it did.

What names an edited label, cue or word by its id moves along where the edit says where to; where it does not,
it keeps its place and goes to be checked again (`attrs["recheck"]` says why). Everything here is pure: a
record in, a `Step` out; `changes_of` turns that into changes of the journal.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from inspector.core.effective import FIELDS, annotation_path, annotation_value
from inspector.core.model import Anchor, Annotation
from inspector.core.places import DELETED
from inspector.core.timemap import IDENTITY, map_span
from inspector.errors import InspectorError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from inspector.core.curation import Curation
    from inspector.core.edits import Change
    from inspector.core.model import Record, Span
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


class Draft:
    """A record's labels while one gesture is worked out; `step` says what became of them."""

    def __init__(self, record: Record) -> None:
        self.record = record
        self.before = {label.id: label for label in record.annotations}
        self.labels = dict(self.before)
        self.along: dict[str, None] = {}
        self.again: dict[str, None] = {}

    def label(self, label_id: str) -> Annotation:
        """A label as it is by now. InspectorError where there is none of that id."""
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
    draft = Draft(record)
    if label.id in draft.labels:
        raise InspectorError("There is a label of that id", label.id)
    if not label.anchors:
        raise InspectorError("A label must lie somewhere", label.label, "Give it a stream or a time")
    draft.labels[label.id] = label
    return draft.step(f"Make {named(label)}")


def link(record: Record, label: Annotation) -> Step:
    """A new link, its text being the relation. InspectorError where it does not join two things."""
    ends = {(anchor.stream_id, anchor.target or anchor.span) for anchor in label.anchors}
    if len(ends) < 2:
        raise InspectorError("A link needs two ends", label.label, "Choose a word or label in another stream")
    return replace(make(record, label), title=f"Link {label.label or 'two ends'}")


def add_end(record: Record, label_id: str, end: Anchor) -> Step:
    """Give a link a further end. InspectorError where it has it."""
    draft = Draft(record)
    label = draft.label(label_id)
    if end in label.anchors:
        raise InspectorError("The link has that end", label.label)
    draft.labels[label_id] = replace(label, anchors=(*label.anchors, end))
    return draft.step(f"One end more for {named(label)}")


def move(record: Record, label_id: str, spans: Mapping[int, Span]) -> Step:
    """Put anchors of a label, by their place, onto other spans of the reference timeline.

    A boundary that stays where it was keeps its exact local time. What named the label moves along; an
    anchor that named something itself no longer does.
    """
    draft = Draft(record)
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
    return draft.step(f"Move {named(label)}")


def mark(record: Record, label_id: str, where: Anchor) -> Step:
    """Give a label a box, point or range of text on a stream: its anchor there, else one more, has it."""
    draft = Draft(record)
    label = draft.label(label_id)
    places = [at for at, each in enumerate(label.anchors) if each.stream_id == where.stream_id]
    anchors = list(label.anchors)
    if places:
        old = anchors[places[0]]
        anchors[places[0]] = replace(
            old, region=where.region or old.region, text_range=where.text_range or old.text_range
        )
    else:
        anchors.append(where)
    draft.labels[label_id] = replace(label, anchors=tuple(anchors))
    draft.follow(label_id)
    return draft.step(f"Mark {named(label)} on {where.stream_id}")


def reshape(
    record: Record, label_id: str, place: int, region: tuple[float, float, float, float] | None
) -> Step:
    """Give a label's box or point another place or size, at one of its anchors; None takes it away.

    A label that was nothing but that goes as a whole. InspectorError where there is no such box any more.
    """
    draft = Draft(record)
    label = draft.label(label_id)
    anchor = label.anchors[place] if place < len(label.anchors) else None
    if anchor is None or anchor.region is None:
        raise InspectorError("The label has no such box any more", label.label)
    if region is None and len(label.anchors) == 1:
        return delete(record, [label_id])
    kind = "box" if anchor.region[2] or anchor.region[3] else "point"
    anchors = list(label.anchors)
    anchors[place] = replace(anchor, region=region)
    draft.labels[label_id] = replace(label, anchors=tuple(anchors))
    draft.follow(label_id)
    return draft.step(f"{'Delete' if region is None else 'Move'} the {kind} of {named(label)}")


def split(record: Record, label_id: str, at_ns: int, new_id: str) -> Step:
    """Cut a label in two at a reference time: the first keeps the id. What named it is to be checked again.

    InspectorError where the time is not inside it.
    """
    draft = Draft(record)
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
    return draft.step(f"Split {named(label)}")


def merge(record: Record, label_ids: Sequence[str], text: str | None = None) -> Step:
    """Make one label of several of a tier, from the first start to the last end, under the first one's id.

    Its text is `text`, else theirs (joined by spaces where they differ). What named one of them names it.
    InspectorError where they lie on other tiers or streams.
    """
    draft = Draft(record)
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
    return draft.step(f"Merge {len(labels)} labels into {named(draft.labels[first.id])}")


def relabel(record: Record, label_ids: Iterable[str], text: str, same_meaning: bool = False) -> Step:
    """Give labels another text. What names them is to be checked again, unless the meaning is the same."""
    draft = Draft(record)
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
    told = named(draft.before[ids[0]]) if len(ids) == 1 else f"{len(ids)} labels"
    return draft.step(f"Relabel {told}: {text}")


def retier(record: Record, label_ids: Iterable[str], tier: str) -> Step:
    """Put labels onto another tier. InspectorError where it has no name."""
    if not tier.strip():
        raise InspectorError("A tier needs a name")
    draft = Draft(record)
    ids = list(label_ids)
    for label_id in ids:
        draft.labels[label_id] = replace(draft.label(label_id), tier=tier.strip())
    return draft.step(f"Move {len(ids)} label{'s' * (len(ids) != 1)} to {tier.strip()}")


def set_attribute(record: Record, label_ids: Iterable[str], name: str, value: Any) -> Step:
    """Give labels an attribute; None takes it away."""
    draft = Draft(record)
    ids = list(label_ids)
    for label_id in ids:
        label = draft.label(label_id)
        attrs = {key: each for key, each in label.attrs.items() if key != name}
        draft.labels[label_id] = replace(label, attrs=attrs if value is None else {**attrs, name: value})
    told = named(draft.label(ids[0])) if len(ids) == 1 else f"{len(ids)} labels"
    return draft.step(f"{name} of {told}: {value if value is not None else 'taken away'}")


def delete(record: Record, label_ids: Iterable[str]) -> Step:
    """Take labels away. What named them keeps its place and is to be checked again."""
    draft = Draft(record)
    labels = [draft.label(each) for each in dict.fromkeys(label_ids)]
    for label in labels:
        del draft.labels[label.id]
    for label in labels:
        why = f"the label that it named was deleted: {label.label or label.tier}"
        draft.doubt(label_target(label.id), why, loose=True)
    return draft.step(f"Delete {named(labels[0]) if len(labels) == 1 else f'{len(labels)} labels'}")


def take_over(record: Record, now: Mapping[str, Annotation | None], title: str) -> Step:
    """Have labels become others (None: be taken away), as after a merge; what names them follows as usual."""
    draft = Draft(record)
    for label_id, label in now.items():
        old = draft.labels.get(label_id)
        if label is not None:
            draft.labels[label_id] = label
            draft.follow(label_id)
            if old is not None and old.label != label.label:
                draft.doubt(
                    label_target(label_id), f"the label that it names was {old.label or 'without text'}"
                )
        elif old is not None:
            del draft.labels[label_id]
            why = f"the label that it named was deleted: {old.label or old.tier}"
            draft.doubt(label_target(label_id), why, loose=True)
    return draft.step(title)


def confirm(record: Record, label_ids: Iterable[str]) -> Step:
    """Say that labels were checked again and hold."""
    draft = Draft(record)
    ids = list(label_ids)
    for label_id in ids:
        label = draft.label(label_id)
        attrs = {key: value for key, value in label.attrs.items() if key != RECHECK}
        draft.labels[label_id] = replace(label, attrs=attrs)
    return draft.step(f"Checked {named(draft.label(ids[0])) if len(ids) == 1 else f'{len(ids)} labels'}")


def named(label: Annotation) -> str:
    """A label as the title of an edit names it."""
    return f"“{short(label.label)}”" if label.label else f"a label of {label.tier}"


def short(text: str) -> str:
    """One line of at most 40 signs."""
    line = " ".join(text.split())
    return line if len(line) <= 40 else f"{line[:39]}…"
