"""What stands, read off the state as lists: flags in force, decisions that are held, conflicts left open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import numpy as np
import pyarrow as pa

from inspector.core.findings import Finding, Status
from inspector.core.state import value_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from inspector.core.state import State

    Present = Callable[[str], str | None]


def taken_path(path: str) -> str:
    """Where it stands that a decision on old content was made again on new content."""
    return f"{_TAKEN}{quote(path, safe='')}/verdict"


_TAKEN = "findings/intake%20"


@dataclass(frozen=True, slots=True)
class Flag:
    """A flag in force: one a record and author. `at` in ns."""

    record_id: str
    flag: str
    author: str
    at: int
    edit_id: str


@dataclass(frozen=True, slots=True)
class Held:
    """A decision that is not applied, since what it was made on is not what the record now holds."""

    record_id: str
    path: str
    value: Any
    author: str
    at: int
    edit_id: str
    made_on: str
    reason: str


def flags_of(state: State, present: Present) -> list[Flag]:
    """The newest flag in force of each author and record, by record and time."""
    base = state.base
    code = base.paths.code("flag")
    flagged = base.record[base.path == code] if code >= 0 else np.zeros(0, np.int32)
    names = set(base.records.texts.take(pa.array(np.unique(flagged))).to_pylist())
    names |= state.touched("flag")
    found: list[Flag] = []
    for record_id in sorted(names):
        chain = state.chains(record_id).get(("flag", present(record_id) or "-"), ())
        newest: dict[str, Flag] = {}
        for link in chain:
            if not link.own or not state.in_force(link.id):
                continue
            flag = value_of(link.after)
            newest.pop(link.author, None)
            if isinstance(flag, str):
                newest[link.author] = Flag(record_id, flag, link.author, link.at, link.id)
        found += newest.values()
    return found


def held_of(state: State, present: Present, records: Iterable[str]) -> list[Held]:
    """Decisions whose basis is not what the record now holds; those that were taken back are left out."""
    found = []
    for record_id in records:
        now = present(record_id)
        if not state.differs(record_id, now):
            continue
        chains = state.chains(record_id)
        for (path, made), chain in chains.items():
            last = chain[-1]
            if (made and made == now) or last.after == chain[0].before or path.startswith(_TAKEN):
                continue
            taken = chains.get((taken_path(path), made))
            if taken is not None and taken[-1].after != "null" and taken[-1].at > last.at:
                continue
            if not made:
                reason = "it does not say what it was made on"
            elif now is None:
                reason = "the record is gone"
            else:
                reason = "the record's files are not those that it was made on"
            value = value_of(last.after)
            found.append(Held(record_id, path, value, last.author, last.at, last.id, made, reason))
    return found


def conflicts_of(state: State, present: Present) -> list[Finding]:
    """A finding for each place on which edits in force disagree, with all the values."""
    found = []
    for record_id in state.disputed_records():
        conflicts = state.open_conflicts(record_id)
        now = present(record_id) if conflicts else None
        for (path, made), links in conflicts:
            if made == now:
                told = ", ".join(f"{link.author or 'somebody'} says {link.after}" for link in links)
                message = f"{path}: {told}; the newest stands until somebody decides"
                found.append(
                    Finding("conflict", record_id, status=Status.SUSPECT, severity=0.5, message=message)
                )
    return found
