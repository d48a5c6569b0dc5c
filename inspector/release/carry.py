"""What was decided on a record before it was delivered again: what stays, what moves along, what is stale.

A decision is bound to the content that it was made on, so none holds by itself on what was delivered anew.
Here each is classed by the streams that it speaks of, and what holds is made again on the new content, in one
edit that can be undone. That it was is noted at the old place, so that nothing is ever made again twice.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from inspector.core.edits import Change
from inspector.core.effective import (
    annotation_from,
    annotation_path,
    annotation_value,
    evidence_path,
    timemap_from,
    timemap_path,
    timemap_value,
)
from inspector.core.places import part
from inspector.core.standing import taken_path
from inspector.core.timemap import IDENTITY, TimeMap
from inspector.core.transcripts import cue_from, cue_value
from inspector.errors import InspectorError
from inspector.release.compare import NEAR_NS, WORDS, Kind, inverse, worst
from inspector.release.intake import Fate, RecordChange

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from inspector.core.edits import Edit
    from inspector.core.model import Anchor, Record
    from inspector.core.standing import Held
    from inspector.release.intake import Delivery
    from inspector.release.plan import Opened

KEPT, MOVED, STALE, LOST = "kept", "moved", "stale", "missing"
"""What becomes of a decision: it holds as it is, at other times, is to be looked at, has lost its data."""
CLASSES = (KEPT, MOVED, STALE, LOST)
UNDERWAY = "its files are still being copied"
WORK_FLAG = "needs_review"
"""What records with stale decisions are flagged."""


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision on old content. `kind` is what changed below it, `after` what it would be now, by path.

    `state` is one of CLASSES. A moved one with an empty `after` is done by the delivery itself. `now` is the
    record's present id, "" where it is gone.
    """

    held: Held
    now: str
    kind: Kind
    state: str
    words: str
    after: tuple[tuple[str, Any], ...] = ()


def decisions(session: Opened, delivery: Delivery) -> list[Decision]:
    """Every decision that waits since the data under it was delivered again, in the order of records."""
    changes = {(each.was, each.made_on): each for each in delivery.changes if each.was}
    records: dict[str, Record | None] = {}
    found = []
    for held in session.curation.held():
        change = changes.get((held.record_id, held.made_on))
        if change is None:
            found.append(_elsewhere(session, held))
            continue
        if change.fate is Fate.COPYING:
            found.append(Decision(held, change.now, Kind.UNKNOWN, STALE, UNDERWAY))
            continue
        if change.fate is Fate.VANISHED:
            found.append(Decision(held, "", Kind.MISSING, LOST, "the record is gone"))
            continue
        if change.now not in records:
            try:
                records[change.now] = session.dataset.load(change.now)
            except InspectorError:
                records[change.now] = None
        record = records[change.now]
        if record is None:
            found.append(Decision(held, change.now, Kind.UNKNOWN, STALE, "the record cannot be read"))
        else:
            found.append(_Classing(change, record).of(held))
    return found


def _elsewhere(session: Opened, held: Held) -> Decision:
    """One made on content that was not that of the last delivery: found again, or not."""
    now = session.desk.holder(held.made_on) if held.made_on else None
    if now is not None:
        change = RecordChange(Fate.RENAMED, held.record_id, now, held.made_on)
        try:
            return _Classing(change, session.dataset.load(now)).of(held)
        except InspectorError:
            return Decision(held, now, Kind.UNKNOWN, STALE, "the record cannot be read")
    present = held.record_id if session.desk.present(held.record_id) is not None else ""
    if present:
        return Decision(held, present, Kind.UNKNOWN, STALE, "it was made on an earlier delivery")
    return Decision(held, "", Kind.MISSING, LOST, "the record is gone")


class _Classing:
    """The decisions on one record that changed."""

    def __init__(self, change: RecordChange, record: Record) -> None:
        self._change = change
        self._record = record

    def of(self, held: Held) -> Decision:
        kind, *rest = held.path.split("/")
        try:
            if kind == "streams" and len(rest) == 2:
                return self._stream(held, unquote(rest[0]), rest[1])
            if kind == "streams" and len(rest) == 3 and rest[1] == "cues":
                return self._cue(held, unquote(rest[0]), rest[2])
            if kind == "annotations" and rest:
                return self._label(held, unquote(rest[0]), rest[1:])
            if kind == "notes":
                return self._note(held)
        except (InspectorError, KeyError, TypeError, ValueError) as error:
            return self._told(held, Kind.CONTENT, STALE, f"it cannot be moved along: {error}")
        return self._whole(held)

    def _told(self, held: Held, kind: Kind, state: str, words: str, *after: tuple[str, Any]) -> Decision:
        return Decision(held, self._change.now, kind, state, words, after)

    def _whole(self, held: Held) -> Decision:
        """A decision on the record as a whole, such as a flag."""
        kind = self._change.kind
        if kind in (Kind.SAME, Kind.BYTES) and not self._change.note:
            return self._told(held, kind, KEPT, WORDS[kind], (held.path, held.value))
        words = self._change.words or WORDS[kind]
        return self._told(held, kind if not self._change.note else Kind.CONTENT, STALE, words)

    # -- times ---------------------------------------------------------------------------------------------

    def _place(self, was: str) -> tuple[str, Kind, TimeMap | None, str]:
        """A stream's present id, what became of it, the delta from old to new local times, and words."""
        if not self._change.streams:  # the same files under another name
            stem_was, stem_now = (e.rpartition("/")[2] for e in (self._change.was, self._change.now))
            there = {each.id for each in self._record.streams}
            for name in (was, was.replace(stem_was, stem_now)):
                if self._change.kind is Kind.SAME and name in there:
                    return name, Kind.SAME, IDENTITY, WORDS[Kind.SAME]
            return "", Kind.UNKNOWN, None, "nobody noted its streams"
        change = self._change.stream(was)
        if change is None or not change.now:
            return "", Kind.MISSING, None, f"{was} is gone"
        verdict = change.verdict
        return change.now, verdict.kind, verdict.delta, verdict.words

    def _reference(self) -> TimeMap:
        """How the record's timeline moved. InspectorError where that is not known."""
        was, now = self._change.reference
        if not self._change.streams or not was:
            return IDENTITY
        place, kind, delta, words = self._place(was)
        if place != now:
            raise InspectorError("The record’s timeline is another stream’s now", f"{was}, {now}")
        if delta is None or kind not in (Kind.SAME, Kind.BYTES, Kind.TIMING):
            raise InspectorError("The timeline’s own stream changed", f"{was}: {words}")
        return delta

    def _stream(self, held: Held, was: str, what: str) -> Decision:
        now, kind, delta, words = self._place(was)
        if not now:
            state = LOST if kind is Kind.MISSING else STALE
            return self._told(held, kind, state, words)
        path = f"streams/{part(now)}/{what}"
        value = held.value
        if what not in ("timemap", "evidence"):
            if kind in (Kind.SAME, Kind.BYTES):
                return self._told(held, kind, KEPT, words, (path, value))
            return self._told(held, kind, STALE, words)
        old_reference, _ = self._change.reference
        second = self._place(old_reference) if self._change.streams and old_reference else None
        both = worst((kind, second[1] if second else Kind.SAME))
        if both in (Kind.SAME, Kind.BYTES):
            return self._told(held, both, KEPT, words, (path, value))
        blamed = words if kind is both or second is None else f"{old_reference}: {second[3]}"
        if both is not Kind.TIMING or delta is None:
            return self._told(held, both, STALE, blamed)
        plain = value["timemap"] if what == "evidence" else value
        moved = inverse(delta).then(timemap_from(plain)).then(self._reference())
        if what == "evidence":
            new = {**value, "timemap": timemap_value(moved)}
            if "late_ms" in value:
                new["late_ms"] = moved.late_ns / 1e6
            return self._told(held, both, MOVED, blamed, (evidence_path(now), new))
        raw = self._record.stream(now).timemap
        if near(moved, raw, self._record.stream(now).span):
            return self._told(held, both, MOVED, "the delivery brings what it did: nothing is left to do")
        return self._told(held, both, MOVED, blamed, (timemap_path(now), timemap_value(moved)))

    def _cue(self, held: Held, was: str, number: str) -> Decision:
        """A correction of a cue, which is known by its number: it holds where no cue came or went."""
        now, kind, delta, words = self._place(was)
        change = self._change.stream(was)
        whole = change is None or change.verdict.whole
        path = f"streams/{part(now)}/cues/{number}"
        if not now:
            return self._told(held, kind, LOST if kind is Kind.MISSING else STALE, words)
        if kind in (Kind.SAME, Kind.BYTES):
            return self._told(held, kind, KEPT, words, (path, held.value))
        cue = cue_from(held.value)
        if kind is not Kind.TIMING or delta is None or not whole:
            return self._told(held, kind, STALE, words)
        if cue is None:
            return self._told(held, kind, KEPT, words, (path, held.value))
        to = delta.to_reference
        moved = replace(
            cue,
            start_ns=to(cue.start_ns),
            end_ns=to(cue.end_ns),
            words=tuple(replace(e, start_ns=to(e.start_ns), end_ns=to(e.end_ns)) for e in cue.words),
        )
        return self._told(held, kind, MOVED, words, (path, cue_value(moved)))

    def _note(self, held: Held) -> Decision:
        at = held.value.get("at_ns") if isinstance(held.value, dict) else None
        if not isinstance(at, int):
            return self._whole(held)
        moved = self._reference().to_reference(at)
        if moved == at:
            return self._told(held, Kind.BYTES, KEPT, WORDS[Kind.BYTES], (held.path, held.value))
        after = {**held.value, "at_ns": moved}
        return self._told(held, Kind.TIMING, MOVED, "its moment moved with the timeline", (held.path, after))

    # -- labels --------------------------------------------------------------------------------------------

    def _label(self, held: Held, id_: str, rest: list[str]) -> Decision:
        own = next((each for each in self._record.annotations if each.id == id_), None)
        value = held.value
        if rest and rest[0] != "anchors":  # a word or a tier: it says nothing of times
            if own is None:
                return self._told(held, Kind.MISSING, LOST, "the label that it changes is not there")
            kinds = [self._anchor_kind(each) for each in own.anchors]
            kind = worst(kinds)
            kept = kind in (Kind.SAME, Kind.BYTES, Kind.TIMING)
            return self._told(
                held, kind, KEPT if kept else STALE, WORDS[kind], *([(held.path, value)] if kept else [])
            )
        if isinstance(value, dict) and value.get("deleted") is True:
            if own is None:
                return self._told(held, Kind.MISSING, LOST, "the label that it takes away is not there")
            kind = worst(self._anchor_kind(each) for each in own.anchors)
            if kind in (Kind.SAME, Kind.BYTES, Kind.TIMING) and not self._change.note:
                return self._told(held, kind, KEPT, WORDS[kind], (held.path, value))
            return self._told(held, kind, STALE, self._change.words)
        plain = {"tier": "", "label": "", "anchors": value} if rest else value
        label = annotation_from(id_, plain)
        anchors, kinds, said = [], [], []
        for anchor in label.anchors:
            moved, kind, words = self._anchor(anchor)
            anchors.append(moved)
            kinds.append(kind)
            said.append(words)
        kind = worst(kinds)
        words = said[kinds.index(kind)] if kinds else WORDS[kind]
        if kind in (Kind.CONTENT, Kind.UNKNOWN, Kind.MISSING):
            return self._told(held, kind, LOST if kind is Kind.MISSING else STALE, words)
        new = annotation_value(replace(label, anchors=tuple(each for each in anchors if each is not None)))
        after = (annotation_path(id_, *rest), new["anchors"] if rest else new)
        if rest and own is None:
            return self._told(held, Kind.MISSING, LOST, "the label that it changes is not there")
        if kind is Kind.TIMING:
            return self._told(held, kind, MOVED, words, after)
        return self._told(held, kind, KEPT, words, after)

    def _anchor_kind(self, anchor: Anchor) -> Kind:
        return self._anchor(anchor)[1]

    def _anchor(self, anchor: Anchor) -> tuple[Anchor | None, Kind, str]:
        """An anchor on what is there now, what became of what it touches, and words."""
        if anchor.stream_id is None:
            timeline = self._reference()
            if anchor.span is None or timeline == IDENTITY:
                return anchor, Kind.BYTES, WORDS[Kind.BYTES]
            return _moved(anchor, None, timeline), Kind.TIMING, "it moves with the timeline"
        now, kind, delta, words = self._place(anchor.stream_id)
        if not now:
            return None, kind, words
        if kind in (Kind.SAME, Kind.BYTES):
            return replace(anchor, stream_id=now), kind, words
        change = self._change.stream(anchor.stream_id)
        if anchor.span is None or change is None or delta is None:
            return None, Kind.CONTENT if kind is Kind.TIMING else kind, words
        kept = change.verdict.keeps(anchor.span, min(NEAR_NS, (anchor.span[1] - anchor.span[0]) // 2))
        if not kept:
            cut = kind is Kind.TIMING
            return None, Kind.MISSING if cut else kind, "its moment was cut out" if cut else words
        moved = _moved(anchor, now, delta)
        if anchor.text_range is not None and kind is not Kind.TIMING:
            return None, kind, words
        stays = moved.span == anchor.span
        return moved, Kind.BYTES if stays else Kind.TIMING, "its own stretch is the same" if stays else words


def _moved(anchor: Anchor, stream_id: str | None, delta: TimeMap) -> Anchor:
    assert anchor.span is not None
    start, end = (delta.to_reference(each) for each in anchor.span)
    return replace(anchor, stream_id=stream_id, span=(start, end))


def near(a: TimeMap, b: TimeMap, span: tuple[int, int] | None) -> bool:
    """Whether two maps are within NEAR_NS of each other over a span."""
    start, end = span or (0, 0)
    places = {start, end, *(local for each in (a, b) for local, _ in each.anchors if start <= local <= end)}
    return all(abs(a.to_reference(each) - b.to_reference(each)) <= NEAR_NS for each in places)


# -- taking it in ------------------------------------------------------------------------------------------


def carry(session: Opened, found: Iterable[Decision], rebase: bool = False, note: str = "") -> Edit | None:
    """Make again what holds, in one edit; None where there is nothing to do.

    With `rebase` also what moved along. Records with what is stale are flagged WORK_FLAG. A place that was
    decided anew since keeps what stands there.
    """
    curation = session.curation
    changes: dict[tuple[str, str, str], Change] = {}
    counts: Counter[str] = Counter()
    stale: set[str] = set()
    for each in found:
        held = each.held
        if each.state == STALE and each.now and each.words != UNDERWAY:
            stale.add(each.now)
        if each.state not in ((KEPT, MOVED) if rebase else (KEPT,)):
            continue
        counts[each.state] += 1
        standing = curation.values(each.now)
        for path, after in each.after:
            there = standing.get(path)
            if there is None or there.at < held.at:
                change = curation.change(each.now, path, after)
                changes[each.now, path, change.made_on] = change
        path = taken_path(held.path)
        mark = "carried" if each.after else "done"
        changes[held.record_id, path, held.made_on] = Change(held.record_id, path, None, mark, held.made_on)
    for record_id in sorted(stale):
        change = curation.change(record_id, "flag", WORK_FLAG)
        # Who flagged the new content has looked at it.
        if change.before is None and (record_id, "flag", change.made_on) not in changes:
            changes[record_id, "flag", change.made_on] = change
            counts["to be looked at again"] += 1
    every = [each for each in changes.values() if each.before != each.after]
    if not every:
        return None
    told = ", ".join(f"{count} {word}" for word, count in counts.items() if count)
    return curation.edit(f"Take in a delivery: {told}", every, note)


def dismiss(session: Opened, found: Iterable[Decision]) -> Edit | None:
    """Have decisions told no more: somebody looked, and they hold no longer. None where there are none."""
    helds = [each.held for each in found]
    changes = [Change(e.record_id, taken_path(e.path), None, "dropped", e.made_on) for e in helds]
    word = f"Drop {len(changes)} decision{'s' * (len(changes) != 1)} on old data"
    return session.curation.edit(word, changes) if changes else None


def place_words(path: str) -> str:
    """A place of the journal as a curator calls it."""
    kind, *rest = path.split("/")
    name = unquote(rest[0]) if rest else ""
    if kind == "streams" and len(rest) > 1:
        what = {"timemap": "time map", "cues": "transcript", "source": "file"}.get(rest[1], rest[1])
        return f"{what} of {name}"
    if kind == "annotations":
        return f"{rest[1]} of label {name}" if len(rest) > 1 else f"label {name}"
    return {"notes": "note", "findings": "verdict"}.get(kind, kind)


def tally(found: Sequence[Decision]) -> dict[str, int]:
    """How many decisions of each class."""
    counts = Counter(each.state for each in found)
    return {name: counts[name] for name in CLASSES}


def said(found: Sequence[Decision]) -> list[str]:
    """The decisions in lines, by class."""
    lines = [", ".join(f"{count} {name}" for name, count in tally(found).items()) + " of what was decided"]
    for state in CLASSES:
        for each in found:
            if each.state == state:
                held = each.held
                name = (
                    held.record_id if each.now in ("", held.record_id) else f"{held.record_id} → {each.now}"
                )
                lines.append(f"{state}: {name} {held.path} (by {held.author}): {each.words}")
    return lines
