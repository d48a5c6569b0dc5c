"""One record from its files: streams with true spans, labels, what is missing and what is wrong.

Nothing here raises for a bad file: the record opens with what can be read and a line about the rest.
"""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from inspector.core.model import (
    Annotation,
    Clock,
    Coverage,
    Modality,
    Problem,
    Record,
    Source,
    Stream,
    default_reference,
)
from inspector.core.times import NS, clock_text
from inspector.errors import InspectorError
from inspector.media.csvhead import read_head
from inspector.media.cues import is_transcript, load_cues
from inspector.media.opening import still_format
from inspector.media.probe import LATEST_NS
from inspector.media.spans import is_span_list, read_spans, table_roles
from inspector.media.stamps import EPOCH_S
from inspector.media.table import TableInfo, describe, is_parquet
from inspector.media.told import load_json
from inspector.readers.annotators import SHARED_ROLES, authored, is_label_studio, labels_made_on, place
from inspector.readers.layout import ANNOTATIONS, LABEL_ENDINGS, stem_of
from inspector.readers.sniff import AUDIO, CUES, IMAGE, TABLES, VIDEO, extension

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from inspector.media.probe import MediaInfo, Track

log = logging.getLogger(__name__)

REST = "the rest of the record is read"
_WORST = (Coverage.TRUNCATED, Coverage.PRESENT, Coverage.UNREADABLE, Coverage.EMPTY)
"""Of several files of one modality the first of these that any has is what the record's coverage says."""

PERSON_COLUMNS = ("person", "speaker", "participant", "subject")


@dataclass(frozen=True, slots=True)
class Item:
    """One file of a record: its path below the root, the kind that the listing promised, its role."""

    path: str
    kind: str
    role: str = ""


@dataclass(slots=True)
class _Parts:
    """What the files of a record come to."""

    streams: list[Stream] = field(default_factory=list)
    annotations: list[Annotation] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    states: dict[Modality, list[Coverage]] = field(default_factory=dict)
    epochs: list[tuple[Stream, int, int]] = field(default_factory=list)
    """Streams whose stamps count from 1970, with first and last stamp; they become local time together."""
    later: list[tuple[Path, Item, str, str]] = field(default_factory=list)
    """Annotators' files with the name of their labels and their form; read once the media are known."""
    about: dict[str, Any] = field(default_factory=dict)

    def say(self, path: str, message: str, works: str = REST) -> None:
        self.problems.append(Problem(path, message, works))

    def state(self, modality: Modality, coverage: Coverage) -> None:
        self.states.setdefault(modality, []).append(coverage)


def stream_ids(paths: Iterable[str], folder: str) -> dict[str, str]:
    """Paths to stream ids: below the record's folder without extension, with it where two would be equal."""
    listed = list(paths)
    below = {
        path: path[len(folder) + 1 :] if folder and path.startswith(folder + "/") else path for path in listed
    }

    def short(path: str) -> str:
        head, slash, name = below[path].rpartition("/")
        return head + slash + stem_of(name)

    taken = Counter(short(path) for path in listed)
    return {path: short(path) if taken[short(path)] == 1 else below[path] for path in listed}


def assemble(
    record_id: str,
    root: Path,
    folder: str,
    items: Iterable[Item],
    problems: Iterable[Problem] = (),
    meta: Mapping[str, Any] | None = None,
) -> Record:
    """The record of these files. `folder` is what stream ids count from; `problems` are known beforehand."""
    listed = list(items)
    ids = stream_ids([item.path for item in listed if item.kind == ANNOTATIONS], folder)
    ids |= stream_ids([item.path for item in listed if item.kind != ANNOTATIONS], folder)
    parts = _Parts(problems=list(problems))
    for item in listed:
        _read(root / item.path, item, ids[item.path], parts)
    for path, item, name, form in parts.later:
        _guarded(path, item, parts, partial(_annotators, path, item, name, form, parts))
    parts.annotations = authored(parts.annotations, [name for _, _, name, _ in parts.later])
    _settle_epochs(parts)
    _leave_out_far(parts)
    meta = meta or {}
    person = next((str(meta[key]) for key in PERSON_COLUMNS if meta.get(key) not in (None, "")), None)
    device = str(meta["device"]) if meta.get("device") not in (None, "") else None
    roles = {item.path: item.role for item in listed if item.role}
    made = labels_made_on(parts.about)
    streams = tuple(
        replace(
            stream,
            person=person,
            device=device,
            meta={
                **stream.meta,
                **made.get(stream.id, {}),
                **({"role": roles[stream.clock.id]} if stream.clock.id in roles else {}),
            },
        )
        for stream in sorted(parts.streams, key=lambda stream: stream.id)
    )
    return Record(
        id=record_id,
        streams=streams,
        reference=default_reference(streams),
        annotations=tuple(parts.annotations),
        problems=tuple(parts.problems),
        coverage={
            modality: next(state for state in _WORST if state in states)
            for modality, states in parts.states.items()
        },
        meta=dict(meta) | ({"annotators_files": parts.about} if parts.about else {}),
    )


def _read(path: Path, item: Item, name: str, parts: _Parts) -> None:
    """Add one file to the parts; a fault in it becomes a problem line and a coverage."""
    ending = extension(item.path)
    try:
        size = path.stat().st_size
    except OSError:
        parts.say(item.path, "the file is missing")
        return
    if size == 0:
        parts.say(item.path, "the file is empty (0 bytes)")
        if item.kind in Modality.__members__.values():
            parts.state(Modality(item.kind), Coverage.EMPTY)
        return

    def read() -> None:
        if ending in VIDEO or ending in AUDIO:
            _media(path, item, name, parts)
        elif ending in IMAGE:
            _image(path, item, name, parts)
        elif ending in CUES or ending == "txt":
            _text(path, item, name, "cues" if ending in CUES else "plaintext", parts)
        elif ending == "json":
            _json(path, item, name, parts)
        elif ending in TABLES:
            _table(path, item, name, parts)
        elif ending in LABEL_ENDINGS:
            parts.later.append((path, item, name, ending))
        else:
            parts.say(item.path, "no reader for this kind of file")

    _guarded(path, item, parts, read)


def _guarded(path: Path, item: Item, parts: _Parts, read: Callable[[], None]) -> None:
    """Run `read`; what it raises becomes a problem of the file and a coverage."""
    expected = Modality(item.kind) if item.kind in Modality.__members__.values() else None
    try:
        read()
    except InspectorError as error:
        parts.say(item.path, f"{error.title[0].lower()}{error.title[1:]}: {_reason(error, path)}")
        if expected is not None:
            parts.state(expected, Coverage.UNREADABLE)
    except OSError as error:
        parts.say(item.path, f"cannot be read: {error.strerror or error}")
        if expected is not None:
            parts.state(expected, Coverage.UNREADABLE)
    except Exception as error:
        # A fault of ours that this file met: it is told and logged, and the rest of the record opens.
        log.exception("reading %s", path)
        parts.say(
            item.path, f"cannot be read, by a fault of Inspector: {type(error).__name__}: {error}"[:300]
        )
        if expected is not None:
            parts.state(expected, Coverage.UNREADABLE)


def _reason(error: InspectorError, path: Path) -> str:
    """The error's detail without the path, which the problem line names already."""
    detail = error.detail
    for prefix in (str(path), path.name):
        detail = detail.removeprefix(f"{prefix}: ").removeprefix(prefix)
    return detail or error.hint


# --- film and sound --------------------------------------------------------------------------------


def _probe(path: Path) -> MediaInfo:
    from inspector.media.child import probe

    return probe(path)


def _media(path: Path, item: Item, name: str, parts: _Parts) -> None:
    info = _probe(path)
    tracks = [track for track in info.tracks if track.kind in ("video", "audio") and not track.cover]
    counts: Counter[str] = Counter()
    expected = Modality(item.kind)
    if not tracks:
        parts.say(item.path, "holds neither picture nor sound")
        parts.state(expected, Coverage.EMPTY)
        return
    if expected is Modality.VIDEO and all(track.kind == "audio" for track in tracks):
        parts.say(item.path, "holds sound but no picture", "the sound is read")
    for line in info.problems:
        parts.say(item.path, line, "what comes before is read")
    for line in info.notes:
        parts.say(item.path, line, "the other frames are shown")
    subtitles = sum(track.kind == "subtitle" for track in info.tracks)
    for track in tracks:
        counts[track.kind] += 1
        number = counts[track.kind]
        stream_id = name if len(tracks) == 1 else f"{name}#{track.kind}{number if number > 1 else ''}"
        modality = Modality(track.kind)
        if track.span is None or track.span[1] <= track.span[0]:
            parts.say(item.path, f"its {track.kind} track {track.index} holds no packets with a time")
            parts.state(modality, Coverage.EMPTY)
            continue
        # A container that declares one length for all its tracks is whole if any of them reaches it.
        short = track.truncated and not any(
            other.declared_end_ns == track.declared_end_ns and not other.truncated for other in tracks
        )
        cut = short or bool(info.problems)
        if short and track.declared_end_ns is not None:
            parts.say(
                item.path,
                f"cut short: its {track.kind} ends at {clock_text(track.span[1])} "
                f"of a declared {clock_text(track.declared_end_ns)}",
                "what is there plays",
            )
        parts.state(modality, Coverage.TRUNCATED if cut else Coverage.PRESENT)
        meta = _track_meta(info, track, cut)
        if subtitles:
            meta["subtitles"] = subtitles
        parts.streams.append(
            Stream(
                id=stream_id,
                modality=modality,
                source=Source(path, "av", track=track.index),
                clock=Clock(item.path, "container"),
                span=track.span,
                rate=track.rate,
                meta=meta,
            )
        )


def _track_meta(info: MediaInfo, track: Track, cut: bool) -> dict[str, Any]:
    meta: dict[str, Any] = {"codec": track.codec, "container": info.container, "truncated": cut}
    if track.kind == "video":
        meta |= {
            "width": track.width,
            "height": track.height,
            "rotation": track.rotation,
            "frames": track.frames,
        }
    else:
        meta["channels"] = track.channels
    meta |= {key: value for key, value in (("language", track.language), ("title", track.title)) if value}
    return meta


def _image(path: Path, item: Item, name: str, parts: _Parts) -> None:
    with path.open("rb") as file:
        head = file.read(16)
    if still_format(head) is None:
        raise InspectorError("The file is no picture", f"{path.name}: its first bytes are of no known format")
    parts.state(Modality.IMAGE, Coverage.PRESENT)
    parts.streams.append(
        Stream(name, Modality.IMAGE, Source(path, "image"), Clock(item.path, "none"), meta={"still": True})
    )


# --- text ------------------------------------------------------------------------------------------


def _text(path: Path, item: Item, name: str, form: str, parts: _Parts) -> None:
    source = Source(path, form)
    cues, told = load_cues(source)
    for line in told:
        parts.say(item.path, line, "the other cues are read" if form != "plaintext" else REST)
    if not cues:
        parts.say(item.path, "holds no text" if form == "plaintext" else "holds no cue that can be read")
        parts.state(Modality.TEXT, Coverage.EMPTY)
        return
    parts.state(Modality.TEXT, Coverage.PRESENT)
    timed = form != "plaintext"
    meta: dict[str, Any] = {"format": form, "cues": len(cues)}
    words = sum(len(cue.words) for cue in cues)
    if words:
        meta["words"] = words
    speakers = sorted({cue.speaker for cue in cues if cue.speaker})
    if speakers:
        meta["speakers"] = speakers
    parts.streams.append(
        Stream(
            id=name,
            modality=Modality.TEXT,
            source=source,
            clock=Clock(item.path, "relative" if timed else "none"),
            span=(cues[0].start_ns, max(cue.end_ns for cue in cues)) if timed else None,
            meta=meta,
        )
    )


def _json(path: Path, item: Item, name: str, parts: _Parts) -> None:
    plain = load_json(path)
    if is_transcript(plain):
        _text(path, item, name, "whisper", parts)
    elif is_label_studio(plain):
        parts.later.append((path, item, name, "labelstudio"))
    elif is_span_list(plain):
        _annotations(path, item, name, parts)
    else:
        parts.say(item.path, "JSON that is neither a transcript with times nor labels; not read")


# --- tables ----------------------------------------------------------------------------------------


def _annotations(path: Path, item: Item, name: str, parts: _Parts, *table: Any) -> None:
    labels, told = read_spans(path, name, *table)
    for line in told:
        parts.say(item.path, line, "the other labels are read")
    _keep(labels, item, parts)


def _annotators(path: Path, item: Item, name: str, form: str, parts: _Parts) -> None:
    placed = place(path, form, name, parts.streams, item.role if item.role in SHARED_ROLES else "")
    if item.role in SHARED_ROLES and not placed.labels:
        return  # a whole project's export that has nothing on this record
    for line, works in placed.told:
        parts.say(item.path, line, works)
    parts.about[item.path] = placed.about
    _keep(placed.labels, item, parts)


def _keep(labels: tuple[Annotation, ...], item: Item, parts: _Parts) -> None:
    if not labels:
        parts.say(item.path, "holds no labels")
    taken = {label.id for label in parts.annotations}
    if any(label.id in taken for label in labels):
        labels = tuple(replace(label, id=f"{item.path}:{row}") for row, label in enumerate(labels))
    parts.annotations += labels


def _table(path: Path, item: Item, name: str, parts: _Parts) -> None:
    head = None if is_parquet(path) else read_head(path)
    if (roles := table_roles(path, head)) is not None:
        _annotations(path, item, name, parts, head, roles)
        return
    info = describe(path, head)
    for line in info.problems:
        parts.say(item.path, line, "")
    if not info.columns or not info.channels:
        parts.say(item.path, "the table holds no column of numbers; not read")
        parts.state(Modality.SENSOR, Coverage.EMPTY)
        return
    if not info.rows:
        parts.say(item.path, "the table has no rows")
        parts.state(Modality.SENSOR, Coverage.EMPTY)
        return
    parts.state(Modality.SENSOR, Coverage.PRESENT)
    stamps = info.stamps
    if stamps is None or not len(stamps.order):
        parts.say(
            item.path, "no column of times is recognised", "it is listed, but has no place on the timeline"
        )
        parts.streams.append(_sensor(path, item, name, info))
        return
    for line in stamps.problems:
        parts.say(item.path, line, "")
    if stamps.guessed and not stamps.epoch and stamps.unit != "s":
        parts.say(item.path, f"column {stamps.column} names no unit; read as {stamps.unit} by its steps", "")
    times, step = stamps.sorted_ns, stamps.step_ns
    first, last = int(times[0]), int(times[-1]) + step
    stream = replace(
        _sensor(path, item, name, info),
        clock=Clock(item.path, "epoch" if stamps.epoch else "relative"),
        span=(first, last),
        rate=NS / step if step else None,
    )
    stream = replace(
        stream,
        source=replace(stream.source, time_column=stamps.column, time_unit=stamps.unit),
        meta={
            **stream.meta,
            "time_column": stamps.column,
            "time_unit": stamps.unit,
            "time_kind": "epoch" if stamps.epoch else "relative",
        },
    )
    if stamps.epoch:
        parts.epochs.append((stream, first, last))
    else:
        parts.streams.append(stream)


def _sensor(path: Path, item: Item, name: str, info: TableInfo) -> Stream:
    return Stream(
        id=name,
        modality=Modality.SENSOR,
        source=Source(path, "table", columns=info.columns),
        clock=Clock(item.path, "none"),
        channels=info.channels,
        meta={"rows": info.rows},
    )


def _earlier(label: Annotation, by_ns: int) -> Annotation:
    """A label with all its spans moved by as much."""
    anchors = [
        replace(
            anchor, span=None if anchor.span is None else (anchor.span[0] - by_ns, anchor.span[1] - by_ns)
        )
        for anchor in label.anchors
    ]
    return replace(label, anchors=tuple(anchors))


def _leave_out_far(parts: _Parts) -> None:
    """Take out what lies so far from 0 that a timeline with it would show nothing, and overflow."""

    def far(span: tuple[int, int] | None) -> bool:
        return span is not None and max(abs(span[0]), abs(span[1])) > LATEST_NS

    for stream in [stream for stream in parts.streams if far(stream.span)]:
        parts.streams.remove(stream)
        parts.say(stream.clock.id, f"{stream.id} has times more than 73 years from 0, which is past belief")
        parts.state(stream.modality, Coverage.UNREADABLE)
    labels = [label for label in parts.annotations if not any(far(anchor.span) for anchor in label.anchors)]
    if len(labels) < len(parts.annotations):
        count = len(parts.annotations) - len(labels)
        parts.say(
            ".", f"{count} label{'s' * (count > 1)} more than 73 years from 0 left out", "the others are read"
        )
    parts.annotations = labels


def _settle_epochs(parts: _Parts) -> None:
    """Take one epoch off all tables and labels that count from 1970, so that they stay aligned."""
    dated = [label for label in parts.annotations if label.span and label.span[0] >= EPOCH_S[0] * NS]
    starts = [first for _, first, _ in parts.epochs] + [label.span[0] for label in dated if label.span]
    if not starts:
        return
    zero = min(starts)
    if dated:
        late = {label.id: _earlier(label, zero) for label in dated}
        parts.annotations = [late.get(label.id, label) for label in parts.annotations]
    began = datetime.fromtimestamp(zero // NS, UTC).strftime("%Y-%m-%d %H:%M:%S")
    timed = any(stream.clock.kind in ("container", "relative") for stream in parts.streams)
    if dated and timed:
        tiers = ", ".join(sorted({label.tier for label in dated})[:5])
        parts.say(
            ".",
            f"the labels of {tiers} count from 1970; {began} UTC is put at 0",
            "they keep their distances",
        )
    for stream, first, last in parts.epochs:
        source = replace(stream.source, epoch_ns=zero)
        parts.streams.append(replace(stream, source=source, span=(first - zero, last - zero)))
        if timed:
            parts.say(
                stream.clock.id,
                f"its stamps count from 1970 and nothing ties them to the other streams; {began} UTC, the "
                "first such stamp of the record, is put at 0",
                "samples keep their distances",
            )
