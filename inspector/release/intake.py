"""A dataset that was delivered again, against what it was: which records are new, replaced, gone, renamed.

Records are known by what is in their files (release.matching). Of a replaced one each stream is compared with
what it was.
"""

from __future__ import annotations

import os
import time
from collections import Counter, defaultdict
from contextlib import suppress
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from inspector.core.prints import LEVELS
from inspector.errors import InspectorError
from inspector.release.compare import GONE, UNCHANGED, WORDS, Kind, Verdict, compare, unknown, worst
from inspector.release.matching import is_young, matched, underway, unfinished
from inspector.release.seen import Seen, assets_of, relative, track_of, tracks_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from inspector.core.model import Record, Stream
    from inspector.core.prints import Print
    from inspector.media.prints import Printer
    from inspector.release.plan import Opened
    from inspector.release.seen import Asset, Before, Track

NOT_NOTED = "nobody noted what it held"


class Fate(StrEnum):
    """What became of a record."""

    SAME = "unchanged"
    ADDED = "added"
    REPLACED = "replaced"
    RENAMED = "renamed"
    VANISHED = "vanished"
    COPYING = "still being copied"


@dataclass(frozen=True, slots=True)
class FileChange:
    """A file of a record: its paths now and before ("" where there is none), and whether it is the same."""

    path: str
    was: str
    same: bool


@dataclass(frozen=True, slots=True)
class StreamChange:
    """A stream by its ids before and now ("" where there is none), and what became of it."""

    was: str
    now: str
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class RecordChange:
    """A record that is not what it was. `was` and `now` are its ids, "" where there is none.

    `made_on` is the content identity that it had. `streams` are told for records that were compared.
    """

    fate: Fate
    was: str
    now: str
    made_on: str = ""
    files: tuple[FileChange, ...] = ()
    streams: tuple[StreamChange, ...] = ()
    reference: tuple[str, str] = ("", "")
    """The reference stream's id before and now."""
    note: str = ""

    @property
    def kind(self) -> Kind:
        """The worst of its streams and of its files that are no stream."""
        if self.fate is Fate.VANISHED:
            return Kind.MISSING
        if not self.streams:
            same = all(each.same for each in self.files)
            return Kind.SAME if same else Kind.UNKNOWN
        return worst(each.verdict.kind for each in self.streams)

    def stream(self, was: str) -> StreamChange | None:
        """What became of a stream; None where it is not known."""
        return next((each for each in self.streams if each.was == was), None)

    @property
    def words(self) -> str:
        """What changed in it, for the curator."""
        if self.fate in (Fate.ADDED, Fate.VANISHED, Fate.COPYING):
            return self.note
        told = [
            f"{each.was or each.now}: {each.verdict.words}"
            for each in self.streams
            if each.verdict.kind is not Kind.SAME
        ]
        told += [
            each.path or f"{each.was} is gone" for each in self.files if not each.same and not self.streams
        ]
        parts = [f"was {self.was}"] if self.now != self.was else []
        return "; ".join([*parts, *told, *([self.note] if self.note else [])])


@dataclass(slots=True)
class Delivery:
    """What a delivery changed, record by record. `against` says what it was held against."""

    against: str
    records: int
    before: int
    changes: tuple[RecordChange, ...] = ()
    copying: tuple[str, ...] = ()
    """Files that somebody is still writing."""
    problems: list[str] = field(default_factory=list)

    def counts(self) -> dict[str, int]:
        """How many records of each fate, also of those that stayed."""
        found = Counter(each.fate.value for each in self.changes)
        kept = self.records - sum(
            found[each] for each in (Fate.ADDED, Fate.REPLACED, Fate.RENAMED, Fate.COPYING)
        )
        return {Fate.SAME.value: kept, **{each.value: found[each] for each in list(Fate)[1:]}}

    def of(self, *fates: Fate) -> list[RecordChange]:
        """Changes of these fates."""
        return [each for each in self.changes if each.fate in fates]


def intake(
    session: Opened, before: Before, told: Callable[[int], None] | None = None, deep: bool = True
) -> Delivery:
    """Hold a dataset against an earlier state of it. Without `deep` no file is compared, only found again.

    `told` hears how many records were gone through, and may raise to stop.
    """
    from inspector.media.prints import Printer

    started = time.time()
    desk, root = session.desk, session.root
    old = before.identities()
    ids = session.record_ids()
    new: dict[str, str] = {}
    for number, record_id in enumerate(ids):
        if told is not None and number % 64 == 0:
            told(number)
        new[record_id] = desk.present(record_id) or ""
    desk.identities.keep()
    pairs = matched(old, new, before.assets, lambda each: assets_of(desk, root, each))
    done = Delivery(before.name, len(ids), len(old))
    writing = underway(session, pairs, old, new, started)
    done.copying = tuple(sorted({path for paths in writing.values() for path in paths} | unfinished(session)))
    changes: list[RecordChange] = []
    with Printer() as printer:
        looking = _Looking(session, before, printer, done, deep)
        for now in ids:
            was = pairs.get(now)
            if now in writing:
                note = ", ".join(writing[now])
                changes.append(RecordChange(Fate.COPYING, was or "", now, old.get(was or "", ""), note=note))
            elif was is None:
                changes.append(RecordChange(Fate.ADDED, "", now))
            elif old[was] != new[now]:
                if told is not None:
                    told(len(ids))
                changes.append(looking.replaced(was, now))
            elif was != now:
                changes.append(looking.renamed(was, now))
    if isinstance(before, Seen) and before.exists:
        with suppress(InspectorError):  # it is made again next time
            before.flush()
    known = set(pairs.values())
    changes += [RecordChange(Fate.VANISHED, each, "", old[each]) for each in old if each not in known]
    done.changes = tuple(changes)
    return done


# -- what is in it -----------------------------------------------------------------------------------------


def _files(before: Before, was: str, now_assets: Sequence[Asset]) -> tuple[FileChange, ...]:
    old = list(before.assets(was))
    contents: dict[tuple[str, str], list[Asset]] = defaultdict(list)
    for each in old:
        contents[each.content, each.part].append(each)
    found: list[FileChange] = []
    rest: list[Asset] = []
    for asset in now_assets:
        same = contents.get((asset.content, asset.part))
        if same:
            found.append(FileChange(asset.path, same.pop(0).path, True))
        else:
            rest.append(asset)
    left = {os.path.splitext(each.path)[0]: each for some in contents.values() for each in some}
    for asset in rest:
        match = left.pop(os.path.splitext(asset.path)[0], None)
        found.append(FileChange(asset.path, match.path if match else "", False))
    found += [FileChange("", each.path, False) for each in left.values()]
    return tuple(found)


def _places(old: Sequence[Track], new: Sequence[Track], was: str, now: str) -> list[str]:
    """The new id of each old stream, "" where it is gone: by content, by id, by the record's name in it."""
    free = {each.stream_id: each for each in new}
    found: list[str] = [""] * len(old)

    def take(test: Callable[[Track, Track], bool]) -> None:
        for number, track in enumerate(old):
            if not found[number]:
                some = [each.stream_id for each in free.values() if test(track, each)]
                if some:
                    found[number] = some[0]
                    del free[some[0]]

    stem_was, stem_now = (each.rpartition("/")[2] for each in (was, now))
    counts = Counter(each.modality for each in new)
    take(lambda a, b: (a.content, a.selector, a.stream_id) == (b.content, b.selector, b.stream_id))
    take(lambda a, b: (a.content, a.selector) == (b.content, b.selector))
    take(lambda a, b: a.stream_id == b.stream_id and a.modality == b.modality)
    take(lambda a, b: a.stream_id.replace(stem_was, stem_now) == b.stream_id and a.modality == b.modality)
    take(lambda a, b: a.modality == b.modality and counts[a.modality] == 1)
    return found


class _Looking:
    """Looks into the records that changed."""

    def __init__(self, session: Opened, before: Before, printer: Printer, done: Delivery, deep: bool) -> None:
        self._session = session
        self._before = before
        self._printer = printer
        self._done = done
        self._deep = deep

    def _files(self, was: str, now: str) -> tuple[FileChange, ...]:
        return _files(self._before, was, assets_of(self._session.desk, self._session.root, now))

    def _loaded(self, record_id: str) -> Record | None:
        try:
            return self._session.dataset.load(record_id)
        except InspectorError as error:
            self._done.problems.append(f"{record_id}: {error}")
            return None

    def renamed(self, was: str, now: str) -> RecordChange:
        """The same contents under another name: each stream is found again by its file."""
        change = RecordChange(Fate.RENAMED, was, now, self._before.identities()[was], self._files(was, now))
        tracks = self._before.tracks(was)
        record = self._loaded(now) if tracks else None
        if record is None:
            return change
        places = _places(tracks, tracks_of(self._session.desk, record), was, now)
        streams = tuple(
            StreamChange(track.stream_id, place, UNCHANGED if place else GONE)
            for track, place in zip(tracks, places, strict=True)
        )
        return replace(change, streams=streams, reference=_reference(tracks, record))

    def replaced(self, was: str, now: str) -> RecordChange:
        """Other contents: each stream is compared with what it was."""
        files = self._files(was, now)
        change = RecordChange(Fate.REPLACED, was, now, self._before.identities()[was], files)
        record = self._loaded(now) if self._deep else None
        if record is None:
            return replace(change, note="it cannot be read") if self._deep else change
        broken = sorted({each.path for each in record.problems} & {e.path for e in files if not e.same})
        if broken and any(is_young(self._session.root / each) for each in broken):
            self._done.copying = tuple(sorted({*self._done.copying, *broken}))
            return replace(change, fate=Fate.COPYING, note=", ".join(broken))
        known = files if self._before.whole else [each for each in files if each.was]
        labels = _labels_changed(record, known, self._session.root)
        note = f"its labels’ file was changed: {', '.join(labels)}" if labels else ""
        tracks = self._before.tracks(was)
        if tracks:
            by_id = {stream.id: stream for stream in record.streams}
            places = _places(tracks, tracks_of(self._session.desk, record), was, now)
            streams = tuple(
                StreamChange(track.stream_id, place, self._verdict(track, by_id[place]) if place else GONE)
                for track, place in zip(tracks, places, strict=True)
            )
            return replace(change, streams=streams, reference=_reference(tracks, record), note=note)
        # Nobody looked into it: what lies in an unchanged file is unchanged, of the rest nothing is known.
        same = {each.path for each in files if each.same}
        streams = tuple(
            StreamChange(
                stream.id,
                stream.id,
                UNCHANGED if relative(stream.source.path, self._session.root) in same else unknown(NOT_NOTED),
            )
            for stream in record.streams
        )
        reference = record.reference or ""
        return replace(change, streams=streams, reference=(reference, reference), note=note)

    def _verdict(self, old: Track, stream: Stream) -> Verdict:
        """What became of one stream: by its packets, and where they say that it is other content, decoded."""
        new = track_of(self._session.desk, stream)
        if (new.content, new.selector) == (old.content, old.selector):
            return UNCHANGED
        found: Verdict | None = None
        for level in LEVELS:
            before = self._before.print_of(old, level)
            if before is None:
                continue
            try:
                verdict = compare(before, self._print(new, stream, level))
            except InspectorError as error:
                self._done.problems.append(f"{stream.id}: {error}")
                return unknown("it cannot be read now")
            if found is None or list(Kind).index(verdict.kind) < list(Kind).index(found.kind):
                found = verdict
            if found.kind not in (Kind.CONTENT, Kind.UNKNOWN):
                break
        return found or unknown(NOT_NOTED)

    def _print(self, track: Track, stream: Stream, level: str) -> Print:
        if isinstance(self._before, Seen):
            return self._before.made(track, stream, level, self._printer)
        return self._printer.make(stream, level)


def _reference(tracks: Iterable[Track], record: Record) -> tuple[str, str]:
    """The reference stream's id before and now."""
    return next((each.stream_id for each in tracks if each.reference), ""), record.reference or ""


def _labels_changed(record: Record, files: Iterable[FileChange], root: Path) -> list[str]:
    """Files of the record that no stream lies in and that are not what they were."""
    streams = {str(stream.source.path) for stream in record.streams}
    return [
        each.path for each in files if each.path and not each.same and str(root / each.path) not in streams
    ]


def said(delivery: Delivery) -> list[str]:
    """The delivery in lines: the counts, then each record that changed, by its fate."""
    counts = delivery.counts()
    parts = [f"{count} {fate}" for fate, count in counts.items() if count]
    lines = [f"against {delivery.against}: {', '.join(parts) or 'nothing'}"]
    for fate in (Fate.REPLACED, Fate.RENAMED, Fate.ADDED, Fate.VANISHED, Fate.COPYING):
        for each in delivery.of(fate):
            name = each.now or each.was
            kind = f" ({WORDS[each.kind]})" if fate is Fate.REPLACED else ""
            lines.append(f"{fate.value}: {name}{kind}" + (f": {each.words}" if each.words else ""))
    return lines
