"""The state that a journal folds to: a fold of what was read at first, and the edits that came since.

What came since is folded in record by record when it is asked for, so that an edit costs what it touches and
not what the journal holds.
"""

from __future__ import annotations

import heapq
import json
import os
from bisect import insort
from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import numpy as np

from inspector.core.fold import Columns, Fold, fold
from inspector.core.journal_lines import decode, value_text
from inspector.errors import InspectorError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from inspector.core.edits import Edit
    from inspector.core.journal import Mark

MOST_CHAINS = 20_000
Place = tuple[str, str]
"""Path and `made_on`, within one record."""


@dataclass(frozen=True, slots=True)
class Link:
    """One change in the chain of its place; `before` and `after` are JSON texts in one spelling."""

    at: int
    id: str
    author: str
    before: str
    after: str
    own: bool
    """Whether its edit is no undo and no redo."""


@dataclass(frozen=True, slots=True)
class Value:
    """What stands at a place, and the edit that put it there. `first_at`: when anything first did."""

    value: Any
    author: str
    at: int
    edit_id: str
    first_at: int = 0


@dataclass(frozen=True, slots=True)
class Past:
    """An edit of the history, and whether it is in force."""

    edit: Edit
    in_force: bool


def settling_path(path: str, edit_id: str) -> str:
    """Where a decision on the conflict that an edit made at a path is kept."""
    return f"findings/{quote(f'conflict {path} {edit_id}', safe='')}/verdict"


class State:
    """Not safe by itself: `Curation` lets in one thread at a time."""

    def __init__(self, base: Fold | None = None, files: dict[int, Path] | None = None) -> None:
        self.base = base or fold(Columns())
        self.files = files or {}
        self.recent: dict[str, Edit] = {}
        self.newest = int(self.base.at[-1]) if len(self.base.at) else 0
        self._changes: dict[str, list[tuple[Edit, int]]] = defaultdict(list)
        self._undoers: dict[str, list[str]] = defaultdict(list)
        self._rows: dict[str, int] = {}
        self._order: list[tuple[int, str]] = []
        self._chains: dict[str, dict[Place, list[Link]]] = {}
        """Of records that were edited since the base was read, as far as they were asked for."""
        self._shaken: set[str] = set()
        """Edits whose being in force may no longer be what the base says."""
        self._disputed: Any = None

    def add(self, edit: Edit) -> bool | None:
        """Take in one more edit. False where it is known; None where all must be folded anew for it."""
        known = self.recent.get(edit.id)
        if known is not None:
            return False if known == edit else None
        row = self.row_of(edit.id)
        if row >= 0:
            return False if edit == self._read(row) else None
        if self.base.lost.code(edit.id) >= 0:
            return None  # the base has an undo of it
        self.recent[edit.id] = edit
        self.newest = max(self.newest, edit.at)
        self._rows.clear()
        insort(self._order, (edit.at, edit.id))
        if edit.id in self._undoers:
            self._chains.clear()  # what undoes it came first, and was taken for an edit of its own
        if edit.undoes is not None:
            self._undoers[edit.undoes].append(edit.id)
            self._shake(edit.undoes)
        for number, change in enumerate(edit.changes):
            self._changes[change.record_id].append((edit, number))
            if (chains := self._chains.get(change.record_id)) is not None:
                chain = chains.setdefault((change.path, change.made_on), [])
                if chain and (chain[-1].at, chain[-1].id) > (edit.at, edit.id):
                    del self._chains[change.record_id]
                else:
                    chain.append(self._fresh_link(edit, number))
        return True

    def _shake(self, id_: str | None) -> None:
        while id_ is not None and id_ not in self._shaken:
            self._shaken.add(id_)
            if (edit := self.recent.get(id_)) is not None:
                id_ = edit.undoes
            else:
                row = self.row_of(id_)
                above = int(self.base.target[row]) if row >= 0 else -1
                id_ = self.base.ids[above].as_py() if above >= 0 else None

    # -- edits ---------------------------------------------------------------------------------------------

    def row_of(self, id_: str) -> int:
        """The edit's row in the base, -1 where it is not in it."""
        found = self._rows.get(id_)
        return self._remember(id_, self.base.row_of(id_)) if found is None else found

    def _remember(self, id_: str, row: int) -> int:
        self._rows[id_] = row
        if len(self._rows) > 4096:
            self._rows.pop(next(iter(self._rows)))
        return row

    def edit(self, id_: str) -> Edit | None:
        """The edit of that id."""
        if (found := self.recent.get(id_)) is not None:
            return found
        row = self.row_of(id_)
        return self._read(row) if row >= 0 else None

    def _read(self, row: int) -> Edit:
        path = self.files.get(int(self.base.file[row]))
        try:
            if path is None:
                raise OSError("it is not there any more")
            with path.open("rb", buffering=0) as file:
                file.seek(int(self.base.offset[row]))
                line = b""
                while len(line) < self.base.size[row] and (
                    part := file.read(int(self.base.size[row]) - len(line))
                ):
                    line += part
            edit = decode(line)
            if edit.id != self.base.ids[row].as_py():
                raise ValueError("another edit stands there")
        except (OSError, ValueError) as error:
            raise InspectorError(
                "A journal was changed while it is open", f"{path}: {error}", "Open the dataset again"
            ) from None
        return edit

    def depth(self, id_: str) -> int:
        """0 for an edit of its own, 1 for an undo, 2 for a redo, and so on."""
        deep = 0
        edit = self.recent.get(id_)
        while edit is not None and edit.undoes is not None and self._comes_before(edit.undoes, edit):
            deep, id_ = deep + 1, edit.undoes
            edit = self.recent.get(id_)
        row = -1 if edit is not None else self.row_of(id_)
        return deep + (int(self.base.depth[row]) if row >= 0 else 0)

    def _comes_before(self, id_: str, edit: Edit) -> bool:
        if (other := self.recent.get(id_)) is not None:
            return (other.at, other.id) < (edit.at, edit.id)
        row = self.row_of(id_)
        return row >= 0 and (int(self.base.at[row]), id_) < (edit.at, edit.id)

    def in_force(self, id_: str) -> bool:
        """Whether no edit in force undoes this one."""
        if id_ not in self.recent and id_ not in self._shaken:
            row = self.row_of(id_)
            return row < 0 or not self.base.undone[row]
        known: dict[str, bool] = {}
        waiting = [id_]
        while waiting:
            undoers = self._undone_by(waiting[-1])
            open_ = [each for each in undoers if each not in known]
            if open_ and not any(known.get(each) for each in undoers):
                waiting.append(open_[0])
            else:
                known[waiting.pop()] = not any(known.get(each) for each in undoers)
        return known[id_]

    def _undone_by(self, id_: str) -> list[str]:
        found = [each for each in self._undoers.get(id_, ()) if self._comes_before(id_, self.recent[each])]
        row = self.row_of(id_)
        if row >= 0:
            rows = np.flatnonzero(self.base.target == row).tolist()
            found += [self.base.ids[each].as_py() for each in rows]
        return found

    def newest_first(self, author: str | None = None) -> Iterator[tuple[int, str]]:
        """(at, id) of every edit, of one author or of all."""
        recent = (
            each for each in reversed(self._order) if author is None or self.recent[each[1]].author == author
        )
        return heapq.merge(recent, self._base_newest_first(author), reverse=True)

    def _base_newest_first(self, author: str | None) -> Iterator[tuple[int, str]]:
        base = self.base
        if author is None:
            rows: Iterable[int] = range(len(base.at) - 1, -1, -1)
        else:
            code = base.authors.code(author)
            rows = np.flatnonzero(base.author == code)[::-1].tolist() if code >= 0 else ()
        for row in rows:
            id_ = base.ids[row].as_py()
            self._remember(id_, row)
            yield int(base.at[row]), id_

    def authors(self) -> list[str]:
        """Everyone who made an edit, by name."""
        found = {edit.author for edit in self.recent.values()}
        return sorted(found | {self.base.authors[code] for code in range(len(self.base.authors))})

    # -- places --------------------------------------------------------------------------------------------

    def records(self) -> list[str]:
        """Every record that an edit names."""
        base: list[str] = self.base.records.texts.to_pylist()
        known = set(base)
        return base + [each for each in self._changes if each not in known]

    def touched(self, path: str) -> set[str]:
        """Records whose place of that path was edited since the base was read."""
        return {
            record_id
            for record_id, fresh in self._changes.items()
            if any(edit.changes[number].path == path for edit, number in fresh)
        }

    def differs(self, record_id: str, present: str | None) -> bool:
        """Whether anything was decided on other content than the record has now."""
        base = self.base
        mades = {int(base.made[place]) for place in base.places_of(base.records.code(record_id))}
        if any(base.mades[each] != present or not present for each in mades):
            return True
        fresh = self._changes.get(record_id, ())
        return any(edit.changes[number].made_on != present or not present for edit, number in fresh)

    def chains(self, record_id: str, code: int | None = None) -> dict[Place, list[Link]]:
        """The changes of each place of one record, oldest first; `code` is the record's where it is known.

        To be read only.
        """
        if (known := self._chains.get(record_id)) is not None:
            return known
        base = self.base
        found: dict[Place, list[Link]] = {}
        for place in base.places_of(base.records.code(record_id) if code is None else code):
            key = (base.paths[int(base.path[place])], base.mades[int(base.made[place])])
            found[key] = [self._link(row) for row in range(*base.starts[place : place + 2].tolist())]
        fresh = self._changes.get(record_id, ())
        for edit, number in fresh:
            change = edit.changes[number]
            found.setdefault((change.path, change.made_on), []).append(self._fresh_link(edit, number))
        if fresh:
            for chain in found.values():
                chain.sort(key=lambda link: (link.at, link.id))
            if len(self._chains) >= MOST_CHAINS:
                self._chains.clear()
            self._chains[record_id] = found
        return found

    def _fresh_link(self, edit: Edit, number: int) -> Link:
        change = edit.changes[number]
        before, after = value_text(change.before), value_text(change.after)
        return Link(edit.at, edit.id, edit.author, before, after, self.depth(edit.id) == 0)

    def _link(self, row: int) -> Link:
        base = self.base
        edit = int(base.edit[row])
        return Link(
            int(base.at[edit]),
            base.ids[edit].as_py(),
            base.authors[int(base.author[edit])],
            base.values[int(base.before[row])],
            base.values[int(base.after[row])],
            not base.depth[edit],
        )

    def intended(self, chain: list[Link], without: str = "", also: str = "") -> str:
        """What would stand at a place if one edit were undone, or another were in force again."""
        for link in reversed(chain):
            if link.own and link.id != without and (link.id == also or self.in_force(link.id)):
                return link.after
        return chain[0].before

    # -- conflicts -----------------------------------------------------------------------------------------

    def disputed_records(self) -> list[str]:
        """Records where once a `before` did not hold, or that were edited since the base was read."""
        base = self.base
        codes = np.unique(base.record[self._base_disputed()])
        return sorted({base.records[code] for code in codes.tolist()} | self._changes.keys())

    def _base_disputed(self) -> Any:
        """Places of the base where a `before` did not hold."""
        if self._disputed is None:
            self._disputed = np.unique(self.base.place_of_row(self.base.conflicted()))
        return self._disputed

    def open_conflicts(
        self,
        record_id: str,
        code: int | None = None,
        only: Collection[Place] | None = None,
        last: int | None = None,
    ) -> list[tuple[Place, list[Link]]]:
        """Places of a record on which edits in force disagree and nobody has decided, with the edits' links.

        `code` is the record's in the base, where it is known; `only` these places are looked at, and of each
        the `last` changes.
        """
        if record_id not in self._changes:
            places = self.base.places_of(self.base.records.code(record_id) if code is None else code)
            low, high = np.searchsorted(self._base_disputed(), [places.start, places.stop])
            if low == high:
                return []
        chains = self.chains(record_id, code)
        found = []
        for key in sorted(chains if only is None else chains.keys() & set(only)):
            chain = chains[key] if last is None else chains[key][-last:]
            rivals: list[Link] = []
            for place, (before, link) in enumerate(pairwise(chain), 1):
                if link.before == before.after or not link.own or not self.in_force(link.id):
                    continue
                settled = chains.get((settling_path(key[0], link.id), key[1]))
                if settled and settled[-1].after != "null":
                    continue
                other = next((e for e in reversed(chain[:place]) if e.own and self.in_force(e.id)), None)
                if other is not None and other.after != link.after:
                    rivals += [each for each in (other, link) if each not in rivals]
            if rivals:
                found.append((key, rivals))
        return found


def value_of(text: str) -> Any:
    """The value that a JSON text of the fold stands for."""
    return json.loads(text)


def paths_of(marks: Iterable[Mark]) -> dict[int, Path]:
    """Where the file of each number lies."""
    return {mark.number: Path(os.path.join(mark.folder, mark.name)) for mark in marks}
