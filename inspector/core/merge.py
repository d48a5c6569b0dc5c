"""A file that comes back from an annotator, merged three ways by id with what was changed here meanwhile.

    returned = identify(sent, read(file))       # only for formats without ids (TextGrid)
    theirs = carry(base, sent, returned)        # what the annotator did, on labels as they were when sent
    merged = merge(base, ours, theirs)          # what to do to ours, and what a person has to decide

`base` are the labels at the time of sending, `sent` the sent file read back: a format that rounds times or
drops attributes then changes nothing by itself, for only what differs between `sent` and `returned` counts.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass, replace
from itertools import count
from typing import TYPE_CHECKING, Any

from inspector.errors import InspectorError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from inspector.core.model import Anchor, Annotation, Span

FIELDS = ("tier", "label", "author", "anchors")
"""What is merged as a whole; attributes are merged key by key."""

LEAST_OVERLAP = 0.5
"""Of the time that two spans cover together: with less a label of another text is another label."""

NEAR = 64
"""So many labels that begin before and after a label are looked at for it: work stays linear in any file."""

SIDES = ("check", "ours", "theirs", "both")
"""What becomes of a conflict: ours to be checked again, ours, theirs, or theirs as one label more."""

_MISSING = object()


@dataclass(frozen=True, slots=True)
class Conflict:
    """One label that both sides changed, and differently. None stands for a label that is not there.

    `fields` are those in conflict (`attrs.<key>` for an attribute; () where one side removed what the other
    changed, or both added the id). `merged` is ours with all of theirs that is in no conflict.
    """

    id: str
    base: Annotation | None
    ours: Annotation | None
    theirs: Annotation | None
    fields: tuple[str, ...] = ()
    merged: Annotation | None = None


@dataclass(frozen=True, slots=True)
class Merge:
    """What taking theirs in does to ours: nothing of `conflicts` is in the other three.

    `changed` pairs a label of ours with what it becomes.
    """

    added: tuple[Annotation, ...] = ()
    changed: tuple[tuple[Annotation, Annotation], ...] = ()
    removed: tuple[Annotation, ...] = ()
    conflicts: tuple[Conflict, ...] = ()

    def applied(self, ours: Iterable[Annotation]) -> tuple[Annotation, ...]:
        """Ours in their order with the changes made, then what was added; conflicts stay as ours has them."""
        gone = {label.id for label in self.removed}
        new = {after.id: after for _, after in self.changed}
        return (*(new.get(label.id, label) for label in ours if label.id not in gone), *self.added)


def by_id(labels: Iterable[Annotation]) -> dict[str, Annotation]:
    """Labels by their ids, in order. InspectorError where an id is there twice."""
    found: dict[str, Annotation] = {}
    for label in labels:
        if label.id in found:
            raise InspectorError("Two labels have one id", label.id, "Labels are merged by id; rename one")
        found[label.id] = label
    return found


def merge(base: Iterable[Annotation], ours: Iterable[Annotation], theirs: Iterable[Annotation]) -> Merge:
    """Three ways by id: what theirs changed since base and ours did not is taken, the rest is in conflict.

    Both having done the same is no conflict. InspectorError where an id is there twice on one side.
    """
    before, here, there = by_id(base), by_id(ours), by_id(theirs)
    added: list[Annotation] = []
    changed: list[tuple[Annotation, Annotation]] = []
    removed: list[Annotation] = []
    conflicts: list[Conflict] = []
    for id_ in dict.fromkeys((*before, *here, *there)):
        b, o, t = before.get(id_), here.get(id_), there.get(id_)
        if t in (b, o):
            continue
        if o == b:
            if t is None and o is not None:
                removed.append(o)
            elif o is None and t is not None:
                added.append(t)
            elif o is not None and t is not None:
                changed.append((o, t))
        elif b is None or o is None or t is None:
            conflicts.append(Conflict(id_, b, o, t))
        else:
            merged, fields = _merged(b, o, t)
            if fields:
                conflicts.append(Conflict(id_, b, o, t, fields, merged))
            elif merged != o:
                changed.append((o, merged))
    return Merge(tuple(added), tuple(changed), tuple(removed), tuple(conflicts))


def settle(conflict: Conflict, side: str, taken: Iterable[str]) -> dict[str, Annotation | None]:
    """What becomes of the labels of a conflict (None: deleted) where it is decided for a side of `SIDES`.

    What is in no conflict is taken from both sides, whichever is chosen; of a label that one side deleted
    "both" keeps the other's. Theirs as one label more gets an id that is not `taken`. InspectorError where
    there is no such side.
    """
    if side not in SIDES:
        raise InspectorError("A conflict is not decided like that", side, f"There is {', '.join(SIDES)}")
    ours, theirs = conflict.merged or conflict.ours, conflict.theirs
    if conflict.base is not None and conflict.ours is not None and theirs is not None:
        theirs, _ = _merged(conflict.base, theirs, conflict.ours)
    if side == "theirs" or (side == "both" and ours is None):
        return {conflict.id: theirs}
    if side != "both" or theirs is None or ours is None:
        return {} if ours is None else {conflict.id: ours}
    known = set(taken)
    free = next(name for number in count(1) if (name := f"{conflict.id}~{number}") not in known)
    return {conflict.id: ours, free: replace(theirs, id=free)}


def _merged(base: Annotation, ours: Annotation, theirs: Annotation) -> tuple[Annotation, tuple[str, ...]]:
    """Ours with what theirs changed alone, and the fields that both changed differently."""
    fields: list[str] = []
    taken: dict[str, Any] = {}
    for name in FIELDS:
        b, o, t = (getattr(each, name) for each in (base, ours, theirs))
        if t in (b, o):
            continue
        if o == b:
            taken[name] = t
        else:
            fields.append(name)
    attrs = dict(ours.attrs)
    for key in sorted({*base.attrs, *ours.attrs, *theirs.attrs}):
        b, o, t = (each.attrs.get(key, _MISSING) for each in (base, ours, theirs))
        if t in (b, o):
            continue
        if o == b:
            _set(attrs, key, t)
        else:
            fields.append(f"attrs.{key}")
    return replace(ours, attrs=attrs, **taken), tuple(fields)


def _set(attrs: dict[str, Any], key: str, value: object) -> None:
    if value is _MISSING:
        attrs.pop(key, None)
    else:
        attrs[key] = value


def carry(
    base: Iterable[Annotation],
    sent: Iterable[Annotation],
    returned: Iterable[Annotation],
    tolerance_ns: int = 0,
) -> tuple[Annotation, ...]:
    """The labels of `base` with what an annotator did to the file that was made of them.

    `sent` and `returned` are the file as it went and as it came, read alike. What is equal in both keeps the
    exactness of `base`; a moved boundary moves by as much as in the file; a label that the file could not
    hold stays; what was added comes last. A boundary that moved by `tolerance_ns` or less did not move: some
    tools round what nobody touched. InspectorError where an id is there twice.
    """
    went, came = by_id(sent), by_id(returned)
    found: list[Annotation] = []
    known: set[str] = set()
    for label in by_id(base).values():
        known.add(label.id)
        before, after = went.get(label.id), came.get(label.id)
        if before is None:
            found.append(label if after is None else after)
        elif after is not None:
            found.append(_carried(label, before, after, tolerance_ns))
    found += [after for id_, after in came.items() if id_ not in known and after != went.get(id_)]
    return tuple(found)


def _carried(base: Annotation, before: Annotation, after: Annotation, tolerance_ns: int) -> Annotation:
    taken: dict[str, Any] = {
        name: getattr(after, name)
        for name in ("tier", "label", "author")
        if getattr(after, name) != getattr(before, name)
    }
    if after.anchors != before.anchors:
        taken["anchors"] = _moved(base.anchors, before.anchors, after.anchors, tolerance_ns)
    attrs = dict(base.attrs)
    for key in {*before.attrs, *after.attrs}:
        value = after.attrs.get(key, _MISSING)
        if value != before.attrs.get(key, _MISSING):
            _set(attrs, key, value)
    return replace(base, attrs=attrs, **taken)


def _moved(
    base: Sequence[Anchor], before: Sequence[Anchor], after: Sequence[Anchor], tolerance_ns: int
) -> tuple[Anchor, ...]:
    """Anchors of `base` moved as those of the file were; the file's own where they are no longer the same."""
    held = [place for place, anchor in enumerate(base) if len(base) == len(before) or anchor.span is not None]
    if len(before) != len(after) or len(held) < len(before):
        return tuple(after)
    found = list(base)
    for place, was, now in zip(held, before, after, strict=False):
        if was == now:
            continue
        own = base[place]
        if own.span is None or was.span is None or now.span is None or was.stream_id != now.stream_id:
            found[place] = now
            continue
        steps = [b - a if abs(b - a) > tolerance_ns else 0 for a, b in zip(was.span, now.span, strict=True)]
        start, end = own.span[0] + steps[0], own.span[1] + steps[1]
        found[place] = replace(
            own,
            span=(start, max(start, end)),
            region=own.region if was.region == now.region else now.region,
            text_range=own.text_range if was.text_range == now.text_range else now.text_range,
        )
    return tuple(found)


def identify(sent: Iterable[Annotation], returned: Iterable[Annotation]) -> tuple[Annotation, ...]:
    """The returned labels under the ids that they were sent with, for a format that knows no ids.

    Within a tier and author, in this order: same text and time; same text, the time most alike; another text,
    where the spans share at least half of what they cover. What is left is new, with an id that was not sent.
    """
    went = list(sent)
    taken = {label.id for label in went}
    came = list(returned)
    ids: dict[int, str] = {}
    groups: dict[tuple[str, str], tuple[list[Annotation], list[int]]] = defaultdict(lambda: ([], []))
    for label in went:
        groups[label.tier, label.author][0].append(label)
    for row, label in enumerate(came):
        groups[label.tier, label.author][1].append(row)
    for before, rows in groups.values():
        left = _exact(before, rows, came, ids)
        for same_text in (True, False):
            left, rows = _alike(left, [row for row in rows if row not in ids], came, ids, same_text)
    numbers = count(1)
    found = []
    for row, label in enumerate(came):
        id_ = ids.get(row, label.id)
        while row not in ids and id_ in taken:
            id_ = f"{label.id}~{next(numbers)}"
        taken.add(id_)
        found.append(replace(label, id=id_))
    return tuple(found)


def _exact(
    before: Sequence[Annotation], rows: Sequence[int], came: Sequence[Annotation], ids: dict[int, str]
) -> list[Annotation]:
    waiting: dict[tuple[str, Span | None], list[int]] = defaultdict(list)
    for row in reversed(rows):
        waiting[came[row].label, came[row].span].append(row)
    left = []
    for label in before:
        same = waiting.get((label.label, label.span))
        if same:
            ids[same.pop()] = label.id
        else:
            left.append(label)
    return left


def _alike(
    before: Sequence[Annotation],
    rows: Sequence[int],
    came: Sequence[Annotation],
    ids: dict[int, str],
    same_text: bool,
) -> tuple[list[Annotation], list[int]]:
    """Pair what overlaps, the most alike first; gives what is left on both sides."""
    timed = sorted((span, row) for row in rows if (span := came[row].span) is not None)
    starts = [span[0] for span, _ in timed]
    pairs: list[tuple[float, int, int]] = []
    for place, label in enumerate(before):
        span = label.span
        if span is None:
            continue
        near = bisect_left(starts, span[0])
        for other, row in timed[max(0, near - NEAR) : near + NEAR]:
            share = _share(span, other)
            if share > 0 and (came[row].label == label.label if same_text else share >= LEAST_OVERLAP):
                pairs.append((-share, place, row))
    met: set[int] = set()
    for _, place, row in sorted(pairs):
        if place not in met and row not in ids:
            met.add(place)
            ids[row] = before[place].id
    return (
        [label for place, label in enumerate(before) if place not in met],
        [row for row in rows if row not in ids],
    )


def _share(a: Span, b: Span) -> float:
    """Of the time that two spans cover together, how much both do; 1 for two moments that are one."""
    covered = max(a[1], b[1]) - min(a[0], b[0])
    if covered == 0:
        return 1.0
    return max(0, min(a[1], b[1]) - max(a[0], b[0])) / covered


def counts(merged: Merge) -> Mapping[str, int]:
    """How many labels of each fate, for a line to a person and for JSON."""
    return {name: len(getattr(merged, name)) for name in ("added", "changed", "removed", "conflicts")}
