"""Everything that holds a person: records of the dataset, releases made of it, and what comes after these."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from inspector.core import manifest
from inspector.core.manifest_rows import Rows
from inspector.core.times import NS
from inspector.errors import InspectorError
from inspector.release.history import releases
from inspector.release.policy import consent_of, persons_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from inspector.release.plan import Opened


@dataclass(frozen=True, slots=True)
class Hit:
    """A release that holds the person: its records that do, and what a successor without them would hold."""

    path: str
    name: str
    root: str
    records: tuple[str, ...]
    left: int
    hours: float
    command: str
    """What makes the successor, once the person's consent is noted as taken back; "" where none does."""
    amiss: str = ""
    """Why no command makes it, and what does."""


@dataclass(slots=True)
class Takedown:
    """Where a person is. `records` gives each record with how that is known."""

    person: str
    records: dict[str, str] = field(default_factory=dict)
    releases: list[Hit] = field(default_factory=list)
    looked: list[str] = field(default_factory=list)
    """Every release that was looked into, also those that do not hold the person."""
    problems: list[str] = field(default_factory=list)


def known_releases(session: Opened, also: Iterable[str] = ()) -> list[Path]:
    """Releases that were made of the dataset, that lie beside it, or in the folders `also`."""
    found: dict[Path, None] = {}
    for listed in reversed(releases(session.desk.workspace.folder)):
        found[Path(listed.path)] = None
    for place in (session.root.parent, *(Path(each).expanduser() for each in also)):
        for each in (place, *(sorted(place.iterdir()) if place.is_dir() else ())):
            if each.is_dir() and manifest.is_release(each):
                found[each.resolve()] = None
    return [each for each in found if each.is_dir() and manifest.is_release(each)]


def takedown(session: Any, person: str, also: Iterable[str] = ()) -> Takedown:
    """Every record and release that holds a person. `session` answers SQL too: transcripts name speakers.

    InspectorError where the person is nowhere, with the nearest names.
    """
    made = Takedown(person)
    known = set(session.record_ids())
    people = persons_of(session)
    for each in consent_of(session):
        if each.person == person and each.record in known:
            made.records[each.record] = f"the consent table ({each.state})"
    for record_id, names in people.items():
        if person in names:
            made.records.setdefault(record_id, "a column of the dataset")
    quoted = person.replace("'", "''")
    for table, column, how in (("streams", "person", "a stream"), ("words", "speaker", "a transcript")):
        sql = f"SELECT DISTINCT record_id FROM {table} WHERE {column} = '{quoted}'"
        for record_id in session.query(sql).table.column("record_id").to_pylist():
            made.records.setdefault(record_id, how)
    contents = {session.desk.present(each) for each in made.records}
    for place in known_releases(session, also):
        made.looked.append(str(place))
        try:
            hit = _look(session, place, person, set(made.records), contents)
        except (InspectorError, OSError, pa.ArrowException, KeyError) as error:
            made.problems.append(f"{place}: {error}")
            continue
        if hit is not None:
            made.releases.append(hit)
    if not made.records and not made.releases:
        import difflib

        every = {name for names in people.values() for name in names}
        every |= {each.person for each in consent_of(session)}
        near = difflib.get_close_matches(person, sorted(every), 3, 0.5) or sorted(every)[:3]
        raise InspectorError(
            "Nobody of that name is in there", person, f"There is {', '.join(near)}" if near else ""
        )
    return made


def _look(
    session: Opened, place: Path, person: str, records: set[str], contents: set[str | None]
) -> Hit | None:
    from inspector.readers.assemble import PERSON_COLUMNS

    card = manifest.read_card(place)
    rows = Rows(place)
    made_from = rows.table(["made_from"]).column("made_from").to_pylist()
    index = pq.read_table(manifest.table_path(place, "index"))
    columns = [each for each in PERSON_COLUMNS if each in index.column_names]
    index = index.select(["record_id", *columns])
    listed = {
        row["record_id"] for row in index.to_pylist() if any(str(row[each]) == person for each in columns)
    }
    # Ids say something only of releases that were made of this very dataset.
    own = card.source.get("name") == session.root.name
    holds, left, hours = [], 0, 0.0
    for record_id, content in zip(rows, made_from, strict=True):
        value = rows.value(record_id)
        inside = (
            record_id in listed
            or content in contents
            or (own and _whole(value, record_id) in records)
            or any(stream.get("person") == person for stream in value["streams"])
        )
        if inside:
            holds.append(record_id)
        else:
            left += 1
            start, end = manifest.record_from(value, partial(manifest.inside, place)).span
            hours += (end - start) / NS / 3600
    if not holds:
        return None
    amiss = _not_told(card)
    command = "" if amiss else _command(session.root, place, card)
    return Hit(str(place), card.name, card.root, tuple(holds), left, hours, command, amiss)


def _whole(value: dict[str, Any], record_id: str) -> str:
    """The dataset's record that one of a release is, or is a moment of."""
    moment = value["meta"].get("moment")
    return str(moment.get("record_id")) if isinstance(moment, dict) else record_id


def _not_told(card: manifest.Card) -> str:
    """What of a choice the card only counts or names, so that no command can repeat it; "" for nothing."""
    chosen = card.chosen
    parts = []
    if chosen.get("records") is not None:
        parts.append(f"{chosen['records']} records that were chosen one by one")
    if chosen.get("moments") is not None:
        parts.append(f"the moments of {chosen['moments']}")
    if chosen.get("proven"):
        parts.append("streams that an audit had proven against a core pair")
    if not parts:
        return ""
    return f"no one command makes it: it was made of {' and '.join(parts)}; export these again, with --parent"


def _command(root: Path, place: Path, card: manifest.Card) -> str:
    chosen = card.chosen
    words = ["inspector", "export", str(root), f"{place}-next", "--as", card.writer, "--parent", str(place)]
    words += ["--where", str(chosen["where"])] if chosen.get("where") else []
    for name, option in (("modalities", "--modality"), ("authors", "--labels-of")):
        words += [word for each in chosen.get(name) or () for word in (option, str(each))]
    for name, usual in (("split", "split"), ("seed", 0), ("fixes", "files"), ("hashes", "none")):
        value = chosen.get(name, usual)
        if value != usual:
            words += [f"--{name}", "none" if value is None else str(value)]
    words += ["--strict"] if chosen.get("strict") else []
    return shlex.join(words)


def document(found: Takedown, noted: int | None) -> dict[str, Any]:
    """What `inspector takedown --json` prints."""
    return {
        "person": found.person,
        "records": [{"record_id": each, "known_by": how} for each, how in found.records.items()],
        "releases": [
            {
                "path": each.path,
                "name": each.name,
                "root": each.root,
                "records": list(each.records),
                "successor": {
                    "records": each.left,
                    "hours": round(each.hours, 6),
                    "command": each.command or None,
                    "not_told": each.amiss or None,
                },
            }
            for each in found.releases
        ],
        "looked": found.looked,
        "withdrawn": noted,
    }


def lines(found: Takedown) -> list[str]:
    """For people."""
    told = [f"{len(found.records)} records of the dataset hold {found.person}"]
    told += [f"record: {each}: {how}" for each, how in found.records.items()]
    told.append(f"{len(found.releases)} of {len(found.looked)} releases looked into hold {found.person}")
    for each in found.releases:
        told.append(f"release: {each.path}: {len(each.records)} records: {', '.join(each.records)}")
        told.append(
            f"  its successor holds {each.left} records, {each.hours:.3f} h: {each.command or each.amiss}"
        )
    return told
