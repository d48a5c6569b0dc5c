"""Annotators' files out and in again: a record's labels as one file, and what came back merged three ways.

What goes out is kept in the workspace beside the labels it was made of, so that of a file that comes back
only what its annotator changed counts: what the format rounds or drops changes nothing.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from inspector.core.annotate import RECHECK, changes_of, reference_span, take_over, timemap_of
from inspector.core.effective import annotation_from, annotation_value, effective, label_file_path
from inspector.core.files import write_atomic
from inspector.core.merge import carry, counts, identify, merge, settle
from inspector.core.model import Anchor, Modality
from inspector.core.state import Value
from inspector.core.tiers import usual_stream
from inspector.errors import InspectorError
from inspector.media.told import load_json
from inspector.readers.annotators import Placed, is_label_studio, place
from inspector.release.names import safe
from inspector.release.writers import eaf, labelstudio, textgrid, webvtt

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from inspector.core.edits import Change, Edit
    from inspector.core.merge import Conflict, Merge
    from inspector.core.model import Annotation, Record
    from inspector.release.writers.written import Writer

FORMS: Final[Mapping[str, Writer]] = {
    "eaf": eaf.write,
    "textgrid": textgrid.write,
    "labelstudio": labelstudio.write,
    "webvtt": webvtt.write,
}
"""What labels are written as."""
ROUNDING_NS: Final = {"eaf": 1_000_000, "textgrid": 1000, "labelstudio": 1000}
"""By how much a boundary that nobody touched may differ in a file that comes back: ELAN counts in ms."""
ON_REFERENCE: Final = ("eaf", "textgrid")
"""Files whose times are those of the reference timeline when we wrote them."""
SUFFIXES: Final = {"eaf": ".eaf", "textgrid": ".TextGrid", "labelstudio": ".json", "webvtt": ".vtt"}
FOLDER = "sent"


@dataclass(frozen=True, slots=True)
class Sent:
    """A file that went out, or came in: the labels that it was made of."""

    record_id: str
    form: str
    path: Path
    labels: tuple[Annotation, ...]


@dataclass(frozen=True, slots=True)
class Received:
    """What a file did to a record: the media it was made on, where they differ from those here, the merge."""

    record_id: str
    form: str
    since: str
    """What its changes were counted from, in words; "" where every label of it is new."""
    media: tuple[str, ...]
    differs: tuple[str, ...]
    told: tuple[str, ...]
    """What is wrong in the file itself."""
    counts: Mapping[str, int]
    conflicts: tuple[str, ...] = ()
    edit_id: str = ""
    labels: tuple[Annotation, ...] = field(default=(), repr=False)
    disputed: tuple[Conflict, ...] = field(default=(), repr=False)

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "record_id": self.record_id,
            "format": self.form,
            "since": self.since,
            "media": list(self.media),
            "differs": list(self.differs),
            "problems": list(self.told),
            **self.counts,
            "disputed": list(self.conflicts),
            "edit": self.edit_id or None,
        }


def file_name(record_id: str, suffix: str) -> str:
    """What a record's file is called: its id, as far as any system takes it."""
    return safe(record_id + suffix)


def send(
    session: Any, record_id: str, form: str, out: Path, authors: frozenset[str] | None = None
) -> tuple[str, ...]:
    """Write a record's labels (of some authors, else all) and transcripts to a file; what it cannot carry.

    InspectorError for a format that there is none of, and where the file cannot be written.
    """
    if form not in FORMS:
        raise InspectorError("Labels are not written as that", form, f"There is {', '.join(FORMS)}")
    record: Record = session.record(record_id)
    if authors is not None:
        record = replace(
            record, annotations=tuple(each for each in record.annotations if each.author in authors)
        )
    cues = {stream.id: session.cues(stream) for stream in record.of(Modality.TEXT)}
    written = FORMS[form](record, cues)
    if not write_atomic(out, lambda beside: beside.write_bytes(written.data)):
        raise InspectorError("The file was not written", str(out), "Is the disk full?")
    kept = () if form == "webvtt" else _keep(session, Sent(record_id, form, out, record.annotations))
    return (*written.lost, *kept)


def _keep(session: Any, sent: Sent) -> tuple[str, ...]:
    """Keep what went out for when it comes back; a sentence where that cannot be."""
    try:
        session.desk.workspace.begin()
        folder = session.desk.workspace.folder / FOLDER / str(time.time_ns())
        folder.mkdir(parents=True)
        (folder / sent.path.name).write_bytes(sent.path.read_bytes())
        plain = {
            "record": sent.record_id,
            "form": sent.form,
            "file": sent.path.name,
            "labels": {label.id: annotation_value(label) for label in sent.labels},
        }
        (folder / "sent.json").write_text(json.dumps(plain, ensure_ascii=False), "utf-8")
    except (OSError, InspectorError) as error:
        return (f"It is not remembered what was sent, so that it cannot be merged when it returns: {error}",)
    return ()


def sendings(session: Any) -> list[Sent]:
    """What went out or came in so far, the newest first; what cannot be read is left out."""
    folder = session.desk.workspace.folder / FOLDER
    found = []
    for each in sorted(folder.glob("*/sent.json"), key=lambda path: path.parent.name, reverse=True):
        try:
            plain = load_json(each)
            file = each.parent / str(plain["file"]).replace("\\", "/").rpartition("/")[2]
            labels = tuple(annotation_from(id_, value) for id_, value in plain["labels"].items())
            found.append(Sent(str(plain["record"]), str(plain["form"]), file, labels))
        except (OSError, KeyError, TypeError, AttributeError, InspectorError):
            continue
    return found


def form_of(file: Path) -> str:
    """Which annotator's format a file has. InspectorError for one that is none."""
    ending = file.suffix.lower()
    if ending in (".eaf", ".textgrid"):
        return ending[1:]
    if ending == ".json" and is_label_studio(load_json(file)):
        return "labelstudio"
    raise InspectorError(
        "This is no file of labels", file.name, "ELAN .eaf, Praat .TextGrid, Label Studio .json"
    )


@dataclass(slots=True)
class Taking:
    """Labels that are about to be taken in: what each record becomes, nothing being written yet.

    A further file for a record meets it as the files before it made it.
    """

    session: Any
    author: str
    conflicts: str = "check"
    """How conflicts are decided, one of `merge.SIDES`."""
    decided: Mapping[str, str] = field(default_factory=dict)
    """How single ones are, by their labels' ids."""
    _records: dict[str, tuple[Record, Record]] = field(default_factory=dict)
    """Each record as it is, and as it becomes."""
    _now: dict[str, dict[str, Annotation | None]] = field(default_factory=dict)
    _abouts: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    _kept: list[Sent] = field(default_factory=list)
    _known: list[Sent] | None = None

    def add(self, file: Path, record_id: str) -> Received:
        """Merge a file into a record. InspectorError where it cannot be read, or there is no such record."""
        form = form_of(file)
        if self._known is None:
            self._known = sendings(self.session)
        if record_id not in self._records:
            record = self.session.record(record_id)
            self._records[record_id] = record, record
        first, record = self._records[record_id]
        placed = place(file, form, file.stem, record.streams)
        known = [each for each in self._known if each.form == form]
        base, theirs, since = _theirs(self.session, record, file, form, placed, known)
        author = self.author
        theirs = tuple(
            replace(each, author=author) if not each.author and each.id not in base else each
            for each in theirs
        )
        merged = merge(base.values(), record.annotations, theirs)
        now = self._becomes(record, merged)
        step = take_over(record, now, "")
        values = {path: Value(value, author, 0, "") for path, value in step.puts}
        self._records[record_id] = first, effective(record, values)
        self._now.setdefault(record_id, {}).update(now)
        differs = tuple(line for line, works in placed.told if "stand at the times" in works)
        told = tuple(line for line, works in placed.told if "stand at the times" not in works)
        about = {**placed.about, "name": file.name, "form": form, "author": author, "differs": list(differs)}
        self._abouts.append((record_id, file.name, about))
        self._kept.append(Sent(record_id, form, file, theirs))
        media = tuple(_medium_said(each) for each in placed.about["media"])
        return Received(
            record_id, form, since, media, differs, told, counts(merged),
            tuple(_conflict_said(each) for each in merged.conflicts), "", theirs, merged.conflicts,
        )  # fmt: skip

    def _becomes(self, record: Record, merged: Merge) -> dict[str, Annotation | None]:
        """What becomes of each label that the merge touches; None: it is taken away."""
        now: dict[str, Annotation | None] = {label.id: label for label in merged.added}
        now |= {label.id: after for label, after in merged.changed}
        now |= {label.id: None for label in merged.removed}
        taken = {label.id for label in record.annotations} | set(now)
        for each in merged.conflicts:
            side = self.decided.get(each.id, self.conflicts)
            decided = settle(each, side, taken)
            ours = decided.get(each.id)
            if side == "check" and ours is not None:
                why = f"{self.author or 'the file'} has it otherwise: {_conflict_said(each)}"
                decided[each.id] = replace(ours, attrs={**ours.attrs, RECHECK: why})
            now |= decided
            taken |= set(decided)
        return now

    def write(self, title: str) -> str:
        """Take it all in as one edit, whose id is given; nothing was written before."""
        curation = self.session.curation
        changes: list[Change] = []
        for record_id, now in self._now.items():
            step = take_over(self._records[record_id][0], now, title)
            abouts = [(label_file_path(name), about) for of, name, about in self._abouts if of == record_id]
            changes += changes_of(curation, record_id, replace(step, puts=(*step.puts, *abouts)))
        edit: Edit = self.session.edit(title, changes)
        for each in self._kept:
            _keep(self.session, each)
        return edit.id


def receive(
    session: Any,
    file: Path,
    author: str,
    record_id: str | None = None,
    dry_run: bool = False,
    conflicts: str = "check",
    decided: Mapping[str, str] | None = None,
) -> Received:
    """Take a file of labels in, as one edit: new ones are `author`'s where the file names nobody.

    What was changed both there and here becomes what `conflicts` says (`merge.SIDES`), single ones what
    `decided` says of their ids. InspectorError where the file cannot be read, or it is not told whose it is.
    """
    from inspector.release.returned import Matching

    if not file.is_file():
        raise InspectorError("There is no such file", str(file), "Check the spelling")
    taking = Taking(session, author, conflicts, decided or {})
    if record_id is None:
        record_id = Matching(session).only(file)
    received = taking.add(file, record_id)
    return received if dry_run else replace(received, edit_id=taking.write(f"Labels from {file.name}"))


def _theirs(
    session: Any,
    record: Record,
    file: Path,
    form: str,
    placed: Placed,
    known: Sequence[Sent],
) -> tuple[dict[str, Annotation], tuple[Annotation, ...], str]:
    """What the file was made from, its labels as they came back, and in words what they are compared with."""
    sent = next((each for each in known if each.record_id == record.id and each.path.name == file.name), None)
    sent = sent or next((each for each in known if each.record_id == record.id), None)
    if sent is None:
        raw: Record = session.dataset.load(record.id)
        before = tuple(each for each in raw.annotations if each.id.startswith(f"{file.stem}:"))
        came = identify(before, placed.labels) if form == "textgrid" and before else placed.labels
        since = "the file of that name in the dataset" if before else ""
        return {each.id: each for each in before}, carry(before, before, came), since
    streams = () if form in ON_REFERENCE else record.streams
    went, came = (place(path, form, sent.path.stem, streams).labels for path in (sent.path, file))
    if form == "textgrid":
        went = identify((_on_reference(record, each) for each in sent.labels), went)
        came = identify(went, came)
    if streams == ():
        came = _bound(record, sent.labels, went, came)
    theirs = carry(sent.labels, went, came, ROUNDING_NS[form])
    return {each.id: each for each in sent.labels}, theirs, f"{sent.path.name} as it was sent"


def _on_reference(record: Record, label: Annotation) -> Annotation:
    """A label with its spans on the reference timeline, as a file that knows no streams has it."""
    anchors = tuple(Anchor(None, reference_span(record, anchor)) for anchor in label.anchors)
    return replace(label, anchors=anchors)


def _bound(
    record: Record, base: Sequence[Annotation], went: Sequence[Annotation], came: Sequence[Annotation]
) -> tuple[Annotation, ...]:
    """Labels whose times are the reference's, on the streams of those that they were, or of their tier."""
    own = {label.id: label for label in base}
    read = {label.id: label for label in went}
    found = []
    for label in came:
        if label == read.get(label.id) or len(label.anchors) != 1 or label.anchors[0].stream_id is not None:
            found.append(label)
            continue
        before = read.get(label.id)
        if before is not None and before.anchors[:1] and before.anchors[0].stream_id is None:
            found.append(label)  # both in reference time: what moved is told by their difference
            continue
        known = own.get(label.id)
        stream_id = (
            known.anchors[0].stream_id if known is not None else usual_stream(record, label.tier, None)
        )
        found.append(replace(label, anchors=(_on(record, label.anchors[0], stream_id),)))
    return tuple(found)


def _on(record: Record, anchor: Anchor, stream_id: str | None) -> Anchor:
    if anchor.span is None or stream_id is None:
        return anchor
    timemap = timemap_of(record, stream_id)
    start, end = timemap.to_local(anchor.span[0]), timemap.to_local(anchor.span[1])
    return replace(anchor, stream_id=stream_id, span=(start, max(start, end)))


def _conflict_said(each: Conflict) -> str:
    if each.theirs is None:
        return f"{each.id} was deleted there and changed here"
    if each.ours is None:
        return f"{each.id} was changed there and deleted here"
    parts = [
        f"{name} {_value(each.theirs, name)} there, {_value(each.ours, name)} here" for name in each.fields
    ]
    return f"{each.id}: {'; '.join(parts) or 'made twice'}"


def _value(label: Annotation, name: str) -> str:
    if name.startswith("attrs."):
        return repr(label.attrs.get(name.removeprefix("attrs.")))
    if name == "anchors":
        span = label.span
        return "nowhere" if span is None else f"{span[0] / 1e9:.3f}–{span[1] / 1e9:.3f} s"
    return repr(getattr(label, name))


def _medium_said(about: Mapping[str, Any]) -> str:
    facts = [str(about.get("name", ""))[-120:], str(about.get("kind", ""))]
    facts += [f"{about['rate']:g} a second"] if about.get("rate") else []
    facts += [f"{about['frames']} frames"] if about.get("frames") else []
    facts += [f"{about['duration_s']:.3f} s long"] if about.get("duration_s") is not None else []
    facts += [f"from {about['start_s']:.3f} s"] if about.get("start_s") is not None else []
    return f"{', '.join(filter(None, facts))} → {about['stream'] or 'not in this record'}"
