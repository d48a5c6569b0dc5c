"""Many annotators' files at once: whose each is, told by its name and its media, never guessed.

A file is the record's that it was sent of; else of the record whose name its own is, or begins with; else of
the record whose files it says it was made on. Where that leaves several, or name and media tell differently,
it is listed with them and not taken.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from inspector.core.made_on import parts_of
from inspector.errors import InspectorError
from inspector.media.annotators import nowhere
from inspector.media.labelstudio import task_ids
from inspector.media.told import load_json
from inspector.readers.annotators import read_labels
from inspector.release.exchange import Received, Taking, file_name, form_of, sendings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

ENDINGS = (".eaf", ".textgrid", ".json")
PROJECT = "it is an export of several tasks: export each by itself, or name the record with --record"
BEHIND_A_NAME = "_-. @"
"""What parts the record's name from the annotator's in a file's: `s1_ann.eaf`."""


@dataclass(frozen=True, slots=True)
class Match:
    """Whose a file is: its record, and by what that is known.

    With `unsure` they are those that it could be, and why; with none at all it is nobody's here.
    """

    file: Path
    records: tuple[str, ...] = ()
    by: str = ""
    unsure: str = ""

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return {"file": str(self.file), "records": list(self.records), "by": self.by, "why": self.unsure}


@dataclass(frozen=True, slots=True)
class Returned:
    """What several files did: those taken in, each with its record, and those that were left."""

    taken: tuple[tuple[Match, Received], ...]
    left: tuple[Match, ...]
    edit_id: str = ""

    @property
    def counts(self) -> dict[str, int]:
        """How many labels of each fate, over all files."""
        total: dict[str, int] = defaultdict(int)
        for _, received in self.taken:
            for fate, number in received.counts.items():
                total[fate] += number
        return dict(total)

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "files": [{**match.plain(), **received.plain()} for match, received in self.taken],
            "left": [each.plain() for each in self.left],
            **self.counts,
            "edit": self.edit_id or None,
        }


def label_files(paths: Iterable[Path]) -> list[Path]:
    """The files, and those of the folders and of what is in these, that may be annotators'; by name.

    InspectorError for what is not there, and where there are none.
    """
    found: list[Path] = []
    asked = list(paths)
    for path in asked:
        if path.is_dir():
            inside = (each for each in sorted(path.rglob("*")) if each.suffix.lower() in ENDINGS)
            found += [each for each in inside if each.is_file()]
        elif path.is_file():
            found.append(path)
        else:
            raise InspectorError("There is no such file", str(path), "Check the spelling")
    if not found:
        where = ", ".join(map(str, asked))
        raise InspectorError(
            "There are no files of labels", where, "ELAN .eaf, Praat .TextGrid, Label Studio .json"
        )
    return list(dict.fromkeys(found))


class Matching:
    """Tells whose files are. Records' files are listed once, and only where a name does not say it all."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self._ids: list[str] = session.record_ids()
        self._sent: dict[str, list[str]] = defaultdict(list)
        there = set(self._ids)
        for each in sendings(session):
            if each.record_id in there:
                self._sent[each.path.name].append(each.record_id)
        self._named: dict[str, list[str]] = defaultdict(list)
        for each in self._ids:
            for name in dict.fromkeys((file_name(each, ""), each.rpartition("/")[2])):
                self._named[name].append(each)
        self._media: dict[str, list[tuple[str, list[str]]]] | None = None

    def only(self, file: Path) -> str:
        """The one record that a file is about. InspectorError where that is not certain."""
        if len(self._ids) == 1:
            return self._ids[0]
        match = self.match(file)
        if len(match.records) == 1 and not match.unsure:
            return match.records[0]
        some = ", ".join(match.records[:6])
        raise InspectorError(
            "It is not certain whose labels these are",
            f"{file.name}: {match.unsure}" + (f" ({some})" if some else ""),
            "Name the record with --record",
        )

    def match(self, file: Path) -> Match:
        """Whose a file is. What cannot be read is nobody's, and says why."""
        try:
            form = form_of(file)
            if form == "labelstudio" and len(task_ids(load_json(file))) > 1:
                # Media named alike in every record would take each task into all of them.
                return Match(file, unsure=PROJECT)
            sent = tuple(dict.fromkeys(self._sent.get(file.name, ())))
            if sent:
                if len(sent) == 1:
                    return Match(file, sent, "it was sent of it")
                return Match(file, sent, unsure="a file of that name was sent of several records")
            by_name, by_media = self._by_name(file.stem), self._by_media(file, form)
        except InspectorError as error:
            return Match(file, unsure=str(error))
        if len(by_name) == 1 and (not by_media or by_name[0] in by_media):
            return Match(file, by_name, "its name")
        if len(by_name) == 1:
            both = (*by_name, *by_media)
            return Match(file, both, unsure=f"by its name it is {by_name[0]}’s, by its media it is not")
        if by_name:
            both = tuple(each for each in by_name if each in by_media)
            if len(both) == 1:
                return Match(file, both, "its name and its media")
            return Match(file, by_name, unsure="several records have that name")
        if len(by_media) == 1:
            return Match(file, by_media, "its media")
        if by_media:
            return Match(file, by_media, unsure="several records have the media that it names")
        return Match(file, unsure="no record has its name or the media that it names")

    def _by_name(self, stem: str) -> tuple[str, ...]:
        """The records of that name; else of the longest name that the file's begins with."""
        if stem in self._named:
            return tuple(self._named[stem])
        cuts = (at for at in range(len(stem) - 1, 0, -1) if stem[at] in BEHIND_A_NAME)
        return next((tuple(found) for at in cuts if (found := self._named.get(stem[:at]))), ())

    def _by_media(self, file: Path, form: str) -> tuple[str, ...]:
        """The records that have a file's media, those whose paths are most alike."""
        read = read_labels(file, form, file.stem, nowhere)
        scores: dict[str, int] = {}
        for made, _ in read.made:
            for name in filter(None, (made.relative, made.name)):
                wanted = parts_of(name)
                for record_id, own in self._files().get(wanted[-1] if wanted else "", ()):
                    pairs = zip(reversed(own), reversed(wanted), strict=False)
                    alike = next(
                        (at for at, (a, b) in enumerate(pairs) if a != b), min(len(own), len(wanted))
                    )
                    scores[record_id] = max(scores.get(record_id, 0), alike)
        most = max(scores.values(), default=0)
        return tuple(each for each, score in scores.items() if score == most)

    def _files(self) -> Mapping[str, Sequence[tuple[str, list[str]]]]:
        """All records' files by their name in lower case, each with its record and path."""
        if self._media is None:
            self._media = defaultdict(list)
            for record_id in self._ids:
                for path, _ in self._session.desk.assets(record_id):
                    own = parts_of(str(path))
                    if own:
                        self._media[own[-1]].append((record_id, own))
        return self._media


def receive_all(
    session: Any,
    files: Sequence[Path],
    author: str,
    record_id: str | None = None,
    dry_run: bool = False,
    conflicts: str = "check",
    told: Callable[[int], object] | None = None,
) -> Returned:
    """Take several files in as one edit; what is not certain or cannot be read is left and listed.

    `record_id` is whose all of them are. `told` hears how many files were read so far, and may raise to stop.
    """
    taking, matching = Taking(session, author, conflicts), Matching(session)
    taken: list[tuple[Match, Received]] = []
    left: list[Match] = []
    names: set[tuple[str, str]] = set()
    for number, file in enumerate(files, 1):
        match = matching.match(file) if record_id is None else Match(file, (record_id,), "it was named")
        if not match.unsure and any((each, file.name) in names for each in match.records):
            match = Match(file, match.records, unsure="another file of that name is for the same record")
        if match.unsure:
            left.append(match)
        else:
            (owner,) = match.records
            try:
                taken.append((match, taking.add(file, owner)))
                names.add((owner, file.name))
            except InspectorError as error:
                left.append(Match(file, match.records, unsure=str(error)))
        if told is not None:
            told(number)
    done = Returned(tuple(taken), tuple(left))
    if dry_run or not taken:
        return done
    number = len({match.file for match, _ in taken})
    title = f"Labels from {taken[0][0].file.name if number == 1 else f'{number} files'}"
    return Returned(done.taken, done.left, taking.write(title))
