"""Fixes written into files: each stream's time map applied to a copy of its file, which then needs none.

A record goes in with the dataset's files and comes out with files of its own in a staging folder, whose times
are those of the reference timeline; a format lays these like any others. What cannot be written so keeps its
time map in the manifest and is told. Nothing is made twice: a staged file is known by its source and by what
was asked of it.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import threading
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from inspector.core.effective import timemap_value
from inspector.core.files import write_atomic
from inspector.core.model import Modality, Source
from inspector.core.timemap import IDENTITY, TimeMap, map_span
from inspector.errors import InspectorError
from inspector.media import child, remux
from inspector.media.remux_plan import NotCarried, Order, form_of
from inspector.media.retime import Times, retime_text
from inspector.media.retime_table import retime_table
from inspector.release.copying import changed, state_of
from inspector.release.moved import Recued, cut_labels, moved_in_words, moved_labels, recued

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from inspector.core.model import Cue, Record, Span, Stream
    from inspector.release.targets import Reads

VERSION = 1
"""Of how files are written; those that an interrupted run staged with another are made again."""
PATIENCE_S = 120.0
SLOWEST = 4 << 20
"""Bytes a second; a child that is slower hangs."""
UNTIMED = ("plaintext", "image")


@dataclass(slots=True)
class Baked:
    """A record as its own files tell it; what was done to them and what could not be, a sentence each."""

    record: Record
    changes: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    done: dict[Path, str] = field(default_factory=dict)
    """What was done to each staged file."""


@dataclass(slots=True)
class _Made:
    """A staged file. `tracks` gives each old track its new number and span; `column` is a table's stamps."""

    path: Path
    change: str
    lost: list[str]
    tracks: dict[int, tuple[int, Span]] = field(default_factory=dict)
    column: tuple[str | None, str] = (None, "s")


@dataclass(frozen=True, slots=True)
class _Wish:
    """The streams of one file, each with the map that it is to have, and what is kept of the timeline."""

    path: Path
    streams: tuple[Stream, ...]
    maps: tuple[TimeMap, ...]
    window: Span | None

    @property
    def source(self) -> Source:
        return self.streams[0].source


def still(timemap: TimeMap) -> bool:
    """Whether a map changes nothing."""
    return all(local == reference for local, reference in timemap.anchors)


class Baker:
    """Bakes the records of one export, in any thread. Without a `staging` folder it only foresees.

    `states` notes each source's size and time of change; `origin` where each staged file comes from.
    """

    def __init__(self, staging: Path | None) -> None:
        self.staging = staging
        self.states: dict[Path, tuple[int, int]] = {}
        self.origin: dict[Path, Path] = {}
        self._making: dict[str, threading.Lock] = {}
        """By what is asked of a file: records that share one ask the same, and it is made once."""
        self._children = child.Pool(remux.MODULE)

    def close(self) -> None:
        """End the children."""
        self._children.close()

    def clear(self) -> None:
        """Take away what was staged: all of it is in the release now."""
        if self.staging is not None:
            shutil.rmtree(self.staging, ignore_errors=True)

    @staticmethod
    def needed(record: Record, moment: Span | None = None) -> bool:
        """Whether anything is to be done."""
        return moment is not None or any(not still(stream.timemap) for stream in record.streams)

    def bake(self, record: Record, moment: Span | None = None) -> Baked:
        """The record with every time map in its files; only a `moment` of it (reference ns), from its start.

        InspectorError where a source file changes or is gone; OSError where nothing can be written.
        """
        baked = Baked(record)
        shift = IDENTITY if moment is None else TimeMap.offset(moment[0])
        window = None if moment is None else (0, moment[1] - moment[0])
        new: dict[str, Stream] = {}
        texts: dict[str, Recued] = {}
        for path, streams in _by_file(record, moment).items():
            maps = tuple(each.timemap if moment is None else each.timemap.then(shift) for each in streams)
            wish = _Wish(path, streams, maps, window)
            whole = [replace(each, timemap=timemap) for each, timemap in zip(streams, maps, strict=True)]
            if streams[0].source.format in UNTIMED:
                new |= {each.id: replace(each, timemap=IDENTITY) for each in streams}
                continue
            if window is None and all(map(still, maps)):
                new |= {each.id: each for each in streams}
                continue
            try:
                made = self._made(wish)
                found = self._recued(record, wish, made)
            except NotCarried as error:
                baked.lost.append(
                    f"a fix stays in the manifest alone: {error.title}"
                    if window is None
                    else f"a file stays whole in a moment: {error.title}"
                )
                new |= {each.id: each for each in whole}
                continue
            baked.lost += made.lost
            baked.changes.append(_KINDS[_kind(wish)] if window is None else "cut to the moment")
            baked.done[made.path] = f"{moved_in_words(maps, streams, moment)}; {made.change}"
            baked.lost += [sentence for each in found.values() for sentence in each.lost]
            texts |= found
            new |= {each.id: _after(each, made, window, found.get(each.id)) for each in whole}
        baked.record = replace(
            record,
            streams=tuple(new[each.id] for each in record.streams if each.id in new),
            reference=record.reference if record.reference in new else None,
            annotations=moved_labels(record, new, shift, texts),
        )
        if window is not None:
            baked.record = cut_labels(baked.record, window)
        return baked

    # -- one file ------------------------------------------------------------------------------------------

    def _made(self, wish: _Wish) -> _Made:
        state = state_of(wish.path)
        self.states.setdefault(wish.path, state)
        kind = _kind(wish)
        if kind != "av":
            _alike(wish)
        order, ending = _order(wish) if kind == "av" else (None, "")
        if self.staging is None:
            tracks = {} if order is None else _foreseen(wish, order)
            return _Made(wish.path, "", [], tracks, (wish.source.time_column, wish.source.time_unit))
        asked = [
            VERSION,
            str(wish.path),
            state,
            [
                [stream.id, _spot(stream.source), list(each.anchors)]
                for stream, each in zip(wish.streams, wish.maps, strict=True)
            ],
            wish.window,
        ]
        digest = hashlib.blake2b(json.dumps(asked).encode("utf-8", "replace"), digest_size=12).hexdigest()
        home = self.staging / digest[:2] / digest
        to = home / f"{wish.path.stem}{ending or wish.path.suffix}"
        note = home / "made.json"
        self.origin[to] = wish.path
        with self._making.setdefault(digest, threading.Lock()):
            with suppress(OSError, ValueError, KeyError, TypeError):
                return _from_note(to, json.loads(note.read_text("utf-8")))
            shutil.rmtree(home, ignore_errors=True)
            home.mkdir(parents=True)
            try:
                if order is not None:
                    told = self._ask(wish.path, to, order)
                elif kind == "table":
                    told = _table(wish, to)
                else:
                    told = _text(wish, to)
            except NotCarried:
                shutil.rmtree(home, ignore_errors=True)
                raise
            if state_of(wish.path) != state:
                raise changed(wish.path)
            made = _from_note(to, told)
            write_atomic(note, lambda beside: beside.write_text(json.dumps(told), "utf-8"))
            return made

    def _recued(self, record: Record, wish: _Wish, made: _Made) -> dict[str, Recued]:
        """How the cues of a transcript that was staged are counted now."""
        if self.staging is None or _kind(wish) != "text":
            return {}
        try:
            found = {each.id: recued(record, each, _times(wish), made.path) for each in wish.streams}
        except NotCarried:
            raise
        except InspectorError as error:
            raise NotCarried(f"a transcript cannot be read ({error.title})") from error
        return {name: each for name, each in found.items() if each is not None}

    def _ask(self, source: Path, to: Path, order: Order) -> dict[str, Any]:
        limit = PATIENCE_S + os.path.getsize(source) / SLOWEST
        try:
            answer = self._children.answer({"source": str(source), "to": str(to), **order.to_json()}, limit)
        except (EOFError, TimeoutError):
            raise NotCarried("the file ends or hangs the program that writes it") from None
        if "cannot" in answer:
            raise NotCarried(answer["cannot"])
        if "error" in answer:
            raise NotCarried(f"{answer['error'][0]}")
        change = "; ".join(answer["changes"])
        return {"change": change, "tracks": answer["tracks"], "lost": answer["lost"]}


_KINDS = {
    "av": "film and sound: fixes written into the stamps",
    "table": "samples: fixes written into the stamps",
    "text": "transcripts: fixes written into the stamps",
}


def _kind(wish: _Wish) -> str:
    form = wish.source.format
    kind = {"av": "av", "table": "table", "cues": "text", "whisper": "text"}.get(form)
    if kind is None:
        raise NotCarried(f"times of {form} are not written anew")
    return kind


def _by_file(record: Record, moment: Span | None) -> dict[Path, tuple[Stream, ...]]:
    """The streams of each file; of a moment those that have anything in it, or no times at all."""
    found: dict[Path, list[Stream]] = {}
    for stream in record.streams:
        span = stream.reference_span
        if moment is not None and span is not None and (span[0] >= moment[1] or span[1] <= moment[0]):
            continue
        found.setdefault(stream.source.path, []).append(stream)
    return {path: tuple(streams) for path, streams in found.items()}


def _spot(source: Source) -> list[Any]:
    names = ("format", "track", "columns", "time_column", "time_unit", "epoch_ns", "start_ns", "end_ns")
    return [getattr(source, name) for name in (*names, "row_start", "row_end")]


def _alike(wish: _Wish) -> None:
    """NotCarried where the streams of a file want it written in more than one way."""
    first = wish.streams[0].source
    for stream, timemap in zip(wish.streams, wish.maps, strict=True):
        if replace(stream.source, columns=first.columns) != first or timemap != wish.maps[0]:
            raise NotCarried("the streams of one file want different times")


def _times(wish: _Wish) -> Times:
    source = wish.source
    return Times(wish.maps[0], source.start_ns or 0, source.end_ns, wish.window or (None, None))


def _text(wish: _Wish, to: Path) -> dict[str, Any]:
    try:
        done = retime_text(wish.source, _times(wish), to)
    except InspectorError as error:
        raise NotCarried(f"a transcript cannot be written anew ({error.title})") from error
    return {"change": "stamps written anew", "lost": done.lost}


def _table(wish: _Wish, to: Path) -> dict[str, Any]:
    try:
        done = retime_table(wish.source, wish.streams[0].rate, _times(wish), to)
    except InspectorError as error:
        raise NotCarried(f"a table cannot be written anew ({error.title})") from error
    added = wish.source.time_column is None
    change = f"a column {done.time_column} with its times was added" if added else "stamps written anew"
    return {"change": change, "lost": done.lost, "column": [done.time_column, done.time_unit]}


def _order(wish: _Wish) -> tuple[Order, str]:
    """What is asked of a film or a sound, and the ending of its file. Its other tracks go with the first."""
    info = child.probe(wish.path)
    maps: dict[int, TimeMap] = {}
    start, end = 0, None if wish.window is None else wish.window[1]
    for stream, timemap in zip(wish.streams, wish.maps, strict=True):
        source = stream.source
        kind = "audio" if stream.modality is Modality.AUDIO else "video"
        track = source.track
        if track is None:
            track = next((each.index for each in info.tracks if each.kind == kind), None)
        if track is None:
            raise NotCarried("a track is gone")
        if source.start_ns is not None:
            start = max(start, timemap.to_reference(0))
            if source.end_ns is not None:
                last = timemap.to_reference(source.end_ns - source.start_ns)
                end = last if end is None else min(end, last)
            timemap = TimeMap.offset(source.start_ns).then(timemap)
        maps[track] = timemap
    for each in info.tracks:
        if each.kind in ("video", "audio") and not each.cover and each.span is not None:
            maps.setdefault(each.index, next(iter(maps.values())))
    order = Order(maps, start, end)
    return order, form_of(info, order).ending


def _foreseen(wish: _Wish, order: Order) -> dict[int, tuple[int, Span]]:
    found: dict[int, tuple[int, Span]] = {}
    for stream in wish.streams:
        if stream.source.track is not None and stream.span is not None:
            start, end = map_span(order.maps[stream.source.track], stream.span)
            last = end if order.end_ns is None else min(end, order.end_ns)
            found[stream.source.track] = (stream.source.track, (max(start, order.start_ns), last))
    return found


def _from_note(to: Path, told: dict[str, Any]) -> _Made:
    if not to.is_file():
        raise FileNotFoundError(to)
    tracks = {old: (new, (span[0], span[1])) for old, new, span in told.get("tracks", ())}
    column = told.get("column", (None, "s"))
    return _Made(to, told["change"], list(told["lost"]), tracks, (column[0], column[1]))


def _after(stream: Stream, made: _Made, window: Span | None, cues: Recued | None) -> Stream:
    """The stream as it lies in its staged file; `stream` has the map that was asked for."""
    source = replace(stream.source, path=made.path, start_ns=None, end_ns=None, row_start=None, row_end=None)
    span = stream.reference_span
    if source.format == "av":
        number = next(iter(made.tracks)) if source.track is None and made.tracks else source.track
        if number in made.tracks:
            source = replace(source, track=made.tracks[number][0])
            span = made.tracks[number][1]
    elif source.format == "table":
        source = replace(source, time_column=made.column[0], time_unit=made.column[1])
        # The zero of an epoch is that of the stamps: they were moved, it was not.
    if span is not None and source.format != "av":
        low = 0 if window is not None or source.format == "cues" else span[0]
        span = (max(span[0], low), span[1] if window is None else min(span[1], window[1]))
        span = (min(span), max(span))
    # What was asked of its times: by that the old ones are found again when the data is delivered anew.
    meta = {**stream.meta, "baked": timemap_value(stream.timemap)}
    if cues is not None:
        meta = {**meta, "corrections": cues.corrections}
        if not cues.corrections:
            del meta["corrections"]
    evidence = meta.get("evidence")
    if isinstance(evidence, dict) and "timemap" in evidence:
        meta = {**meta, "evidence": {**evidence, "timemap": [[0, 0]]}}
    return replace(stream, source=source, span=span, timemap=IDENTITY, meta=meta)


class Foreseen:
    """What a format reads of records that were only foreseen: their files still have the old times."""

    def __init__(self, reads: Reads, record: Record) -> None:
        self._reads = reads
        self._maps = {stream.source: stream.timemap for stream in record.streams}

    def cues(self, stream: Stream) -> Sequence[Cue]:
        """The cues with their times to come."""
        timemap = self._maps.get(stream.source, IDENTITY)
        found = []
        for cue in self._reads.cues(stream):
            start, end = map_span(timemap, (cue.start_ns, cue.end_ns))
            words = tuple(
                replace(
                    word,
                    start_ns=timemap.to_reference(word.start_ns),
                    end_ns=timemap.to_reference(word.end_ns),
                )
                for word in cue.words
            )
            found.append(replace(cue, start_ns=start, end_ns=end, words=words))
        return found
