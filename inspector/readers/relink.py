"""Files found elsewhere for modalities that records lack: which file is whose, and their streams.

A match is sure where exactly one file has the name or stem (or, of several, the content or length) of what is
missing, and no other record claims it; everything else is shown and never chosen by itself.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inspector.core.identity import content_of
from inspector.core.model import Modality, Problem, Stream, default_reference
from inspector.core.sources import Linked, absent_path, found_at, linked_from, links_of, root_of, source_path
from inspector.core.times import NS, clock_text
from inspector.errors import InspectorError
from inspector.readers.assemble import Item, assemble
from inspector.readers.sniff import extension, kind_by_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from inspector.core.edits import Edit
    from inspector.core.model import Record

MOST_FILES = 200_000
MOST_PROBED = 2_000
NEAR_NS = NS // 2
"""By how much the length of a file may differ from the record's for that to speak for it."""
FAR_SHARE = 0.2
"""A file whose length differs by more than this share of the record's is no match by its name alone."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A file below the folder, and what speaks for it: name, stem, content, duration."""

    path: str
    why: tuple[str, ...]
    duration_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Match:
    """What was found for one record. `sure` may be chosen by itself; None where nothing is certain."""

    record_id: str
    candidates: tuple[Candidate, ...]
    sure: Candidate | None
    reason: str


def listing(folder: Path, modality: Modality) -> list[str]:
    """The files of a modality below a folder, links not followed. InspectorError for no folder."""
    if not folder.is_dir():
        raise InspectorError("There is no such folder", str(folder), "Check the spelling")
    films = modality is Modality.AUDIO  # a film has sound too
    found = []
    for home, folders, names in os.walk(folder):  # what may not be looked into is passed over
        folders.sort()
        for name in sorted(names):
            each = Path(home, name)
            path = each.relative_to(folder).as_posix()
            kind = kind_by_name(path)
            if kind and (kind == modality.value or (films and kind == "video")) and not each.is_symlink():
                with suppress(OSError):
                    found += [path] if each.is_file() else []
                if len(found) >= MOST_FILES:
                    return sorted(found)
    return sorted(found)


def matches(
    records: Iterable[Record],
    folder: Path,
    modality: Modality,
    contents: Mapping[str, str] | None = None,
    step: Callable[[], None] = lambda: None,
) -> list[Match]:
    """What is in a folder for each record without the modality; `contents` are known ones by record.

    A record is looked for by the names of files that it misses, by its id, and by its other files' stems.
    """
    files = listing(folder, modality)
    by_stem: dict[str, list[str]] = defaultdict(list)
    by_name: dict[str, list[str]] = defaultdict(list)
    for path in files:
        name = path.rpartition("/")[2]
        by_name[name.lower()].append(path)
        by_stem[_stem(name)].append(path)
    by_content: dict[str, list[str]] = defaultdict(list)
    if contents:
        for path in files:
            with suppress(OSError):  # it may still be found by its name
                by_content[content_of(str(folder / path))].append(path)
    lengths: dict[str, int | None] = {}
    found = []
    for record in records:
        step()
        why: dict[str, dict[str, None]] = defaultdict(dict)
        for path in by_content.get((contents or {}).get(record.id, ""), ()):
            why[path]["content"] = None
        for name in _missing_names(record):
            for path in by_name.get(name.lower(), ()):
                why[path]["name"] = None
        for stem in _stems(record):
            for path in by_stem.get(stem, ()):
                why[path]["stem"] = None
        if not why and len(files) <= MOST_PROBED:
            why = {path: {} for path in files}
        length = record.span[1] - record.span[0]
        rows = [_candidate(folder, path, reasons, length, modality, lengths) for path, reasons in why.items()]
        found.append(_match(record.id, [each for each in rows if each.why], length))
    return _claimed_once(found)


def _stem(name: str) -> str:
    return name.removesuffix(f".{extension(name)}").lower() if extension(name) else name.lower()


def _missing_names(record: Record) -> set[str]:
    told = (problem for problem in record.problems if "missing" in problem.message)
    return {problem.path.rpartition("/")[2] for problem in told}


def _stems(record: Record) -> set[str]:
    own = {record.id.lower(), record.id.rpartition("/")[2].lower()}
    shared = {_stem(stream.source.path.name) for stream in record.streams}
    return own | {stem for stem in shared if any(name in stem for name in own)}


def _candidate(
    folder: Path,
    path: str,
    reasons: Mapping[str, None],
    length: int,
    modality: Modality,
    lengths: dict[str, int | None],
) -> Candidate:
    if path not in lengths:
        lengths[path] = None if len(lengths) >= MOST_PROBED else _length(folder, path, modality)
    duration = lengths[path]
    near = duration is not None and length > 0 and abs(duration - length) <= NEAR_NS
    return Candidate(path, (*reasons, *(["duration"] if near else [])), duration)


def _length(folder: Path, path: str, modality: Modality) -> int | None:
    streams = _read(folder, path, modality, "x").streams
    spans = [stream.span for stream in streams if stream.span is not None]
    return max((end for _, end in spans), default=None)


def _match(record_id: str, rows: Sequence[Candidate], length: int) -> Match:
    """The one that most speaks for; a length alone, or one far from the record's, is no proof."""
    order = sorted(
        rows, key=lambda each: ("content" not in each.why, "name" not in each.why, -len(each.why), each.path)
    )
    if not order:
        return Match(record_id, (), None, "nothing found")
    best = order[0]
    rank = ("content" in best.why, "name" in best.why, len(best.why))
    same = [each for each in order if ("content" in each.why, "name" in each.why, len(each.why)) == rank]
    if len(same) > 1:
        return Match(record_id, tuple(order), None, f"ambiguous: {len(same)} files fit alike")
    if best.why == ("duration",):
        return Match(record_id, tuple(order), None, "only its length fits")
    off = best.duration_ns is not None and length > 0 and abs(best.duration_ns - length) > FAR_SHARE * length
    if off and "content" not in best.why and best.duration_ns is not None:
        told = f"it lasts {clock_text(best.duration_ns)}, the record {clock_text(length)}"
        return Match(record_id, tuple(order), None, told)
    return Match(record_id, tuple(order), best, ", ".join(best.why))


def _claimed_once(found: list[Match]) -> list[Match]:
    claims = Counter(each.sure.path for each in found if each.sure is not None)
    return [
        replace(each, sure=None, reason="ambiguous: another record claims it too")
        if each.sure is not None and claims[each.sure.path] > 1
        else each
        for each in found
    ]


def link_to(folder: Path, candidate: Candidate, modality: Modality) -> Linked:
    """The file as the journal names it, its folder remembered. InspectorError where it cannot be read."""
    path = folder / candidate.path
    try:
        size, content = path.stat().st_size, content_of(str(path))
    except OSError as error:
        raise InspectorError("The file cannot be read", f"{path}: {error.strerror}") from error
    return Linked(root_of(folder), candidate.path, size, content, modality, ", ".join(candidate.why))


def stream_id_for(record: Record, path: str) -> str:
    """An id for a re-linked stream that is not taken: the file's stem, with a number where it is."""
    stem = path.rpartition("/")[2].rpartition(".")[0] or path
    taken = {stream.id.partition("#")[0] for stream in record.streams}
    name, number = stem, 1
    while name in taken:
        number += 1
        name = f"{stem} {number}"
    return name


def _read(folder: Path, path: str, modality: Modality, stream_id: str) -> Record:
    """A file's streams of a modality, under an id."""
    record = assemble(stream_id, folder, path.rpartition("/")[0], [Item(path, kind_by_name(path))])
    kept = [stream for stream in record.streams if stream.modality is modality]
    renamed = []
    for stream in kept:
        _, mark, rest = stream.id.partition("#")
        renamed.append(replace(stream, id=f"{stream_id}{mark}{rest}" if len(kept) > 1 else stream_id))
    return replace(record, streams=tuple(renamed))


def with_linked(record: Record, wanted: Mapping[str, Any]) -> Record:
    """The record with streams from files elsewhere; one that is not there becomes a problem of it."""
    streams: list[Stream] = list(record.streams)
    problems: list[Problem] = []
    for stream_id, value in sorted(wanted.items()):
        try:
            link = linked_from(value)
            path = found_at(link)
        except InspectorError as error:
            problems.append(Problem(stream_id, str(error), "the rest of the record is shown"))
            continue
        taken = {stream.id for stream in streams}
        root = Path(str(path)[: -len(link.path)])
        read = _read(root, link.path, link.modality, stream_id)
        problems += read.problems
        clock_and = {"relinked": f"{link.root}/{link.path}"}
        streams += [
            replace(each, meta={**each.meta, **clock_and}) for each in read.streams if each.id not in taken
        ]
    coverage = {
        modality: state
        for modality, state in record.coverage.items()
        if not any(stream.modality is modality for stream in streams[len(record.streams) :])
    }
    return replace(
        record,
        streams=tuple(streams),
        coverage=coverage,
        problems=(*record.problems, *problems),
        reference=record.reference or default_reference(streams),
    )


# --- on a session ---------------------------------------------------------------------------------


def lacking(session: Any, ids: Iterable[str], modality: Modality) -> list[str]:
    """Those of the records that have no stream of a modality."""
    return [each for each in ids if not session.record(each).of(modality)]


def find_files(
    session: Any,
    ids: Iterable[str],
    folder: Path,
    modality: Modality,
    step: Callable[[], None] = lambda: None,
) -> list[Match]:
    """What a folder has for records without a modality; a file that was linked before is known by content."""
    listed, contents = list(ids), {}
    for record_id in listed:
        for _, link in links_of(session.curation, record_id):
            if link.modality is modality:
                contents[record_id] = link.content
    return matches((session.record(each) for each in listed), folder, modality, contents, step)


def link_files(
    session: Any, chosen: Mapping[str, Candidate], folder: Path, modality: Modality
) -> Edit | None:
    """Link each record to its candidate, all in one edit; None where there is none."""
    changes = []
    for record_id, candidate in chosen.items():
        link = link_to(folder, candidate, modality)
        gone = [
            stream_id
            for stream_id, each in links_of(session.curation, record_id)
            if each.modality is modality
        ]
        stream_id = gone[0] if gone else stream_id_for(session.record(record_id), candidate.path)
        changes.append(session.curation.change(record_id, source_path(stream_id), link.plain()))
    if not changes:
        return None
    many = f" of {len(changes)} records" if len(changes) > 1 else ""
    edit: Edit = session.edit(f"Re-link {modality.value}{many} from {folder.name}", changes)
    return edit


def expect_absent(session: Any, ids: Iterable[str], modality: Modality, absent: bool = True) -> Edit | None:
    """Say in one edit that records need not have a modality (or take that back); None where it stands so."""
    changes = session.curation.changes(ids, absent_path(modality), True if absent else None)
    if not changes:
        return None
    word = "is not expected" if absent else "is expected again"
    edit: Edit = session.edit(f"{modality.value} {word}: {len(changes)} records", changes)
    return edit
