"""A curator's work on one dataset: what stands where, edits, undo and redo, and what others wrote meanwhile.

The state is the fold of every journal file there is. An edit is on the disk before anybody is told of it, and
it is taken in by being read back, so that what is shown is what is kept.
"""

from __future__ import annotations

import gc
import logging
import secrets
import threading
import time
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from inspector.core import fold_store
from inspector.core.edits import Change, Edit
from inspector.core.fold import Columns, fold
from inspector.core.journal import Reader, Writer
from inspector.core.journal_lines import LATEST_NS, decode, encode, read_lines, value_text
from inspector.core.standing import Flag, Held, conflicts_of, flags_of, held_of
from inspector.core.state import Link, Past, State, Value, paths_of, settling_path, value_of
from inspector.errors import InspectorError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from inspector.core.findings import Finding
    from inspector.core.model import Problem

FLAGS = ("ok", "misaligned", "missing_modality", "reject", "needs_review")
"""Those that every dataset has; a dataset's own are any other word."""
CHUNK = 500
"""Edits or records that are gone through before others may go on."""
RECENT = 64
"""Changes of a place among which an edit looks for what it decides."""
REFOLD = 8 << 20
"""Bytes of fresh lines from which on all is folded anew in place of line by line."""
WORTH_KEEPING = 2000
"""Lines read besides the snapshot from which on a new one is written."""

log = logging.getLogger(__name__)


class Curation:
    """Safe to use from any thread. `present` tells a record's content identity, None where it is gone.

    `folders` are read (the first is written to, `begin` being called before its first line); `snapshot` is
    where the fold is kept for the next time, if anywhere.
    """

    def __init__(
        self,
        folders: Sequence[Path],
        author: str,
        present: Callable[[str], str | None],
        snapshot: Path | None = None,
        begin: Callable[[], None] | None = None,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self.author = author
        self.snapshot = snapshot
        self._present = present
        self._begin = begin
        self._now_ns = now_ns
        self._lock = threading.RLock()
        self._heard: list[Callable[[frozenset[str] | None], None]] = []
        self._writer = Writer(folders[0], author)
        self._folders = tuple(folders)
        self._reader = Reader(self._folders)
        self._state = State()
        self._open()

    @property
    def folder(self) -> Path:
        """Where this process's edits go."""
        return self._writer.folder

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What is wrong with the journal's files; the rest of them counts."""
        with self._lock:
            torn = (self._writer.torn,) if self._writer.torn else ()
            return (*torn, *self._reader.problems.values())

    def __len__(self) -> int:
        """How many edits there are, in force or not."""
        with self._lock:
            return len(self._state.base.at) + len(self._state.recent)

    # -- reading -------------------------------------------------------------------------------------------

    def _open(self) -> None:
        """Fold everything, from the snapshot where it still holds."""
        self._reader = Reader(self._folders)
        columns = Columns()
        kept = fold_store.load(self.snapshot) if self.snapshot is not None else None
        if kept is not None:
            folded, marks = kept
            here = {str(each) for each in self._folders}
            if all(mark.folder in here and fold_store.still_holds(mark) for mark in marks):
                self._reader.marks = {(mark.folder, mark.name): mark for mark in marks}
                self._state = State(folded, paths_of(marks))
                if self._pending() <= REFOLD and self._take_in() is not None:
                    return
                self._reader = Reader(self._folders)
        with _lean():
            for fresh in self._reader.fresh():
                lines = read_lines(fresh.block)
                for offset, why in lines.bad:
                    self._reader.bad_line(fresh.number, fresh.offset + offset, why)
                columns.add(lines, fresh.number, fresh.offset)
            gained = columns.rows
            folded = fold(columns)
        self._state = State(folded, paths_of(self._reader.marks.values()))
        if self.snapshot is not None and gained >= WORTH_KEEPING:
            fold_store.save(self.snapshot, folded, list(self._reader.marks.values()))

    def _pending(self) -> int:
        """Bytes that are not read yet."""
        marks = self._reader.marks
        return sum(
            found.st_size - (marks[key].end if key in marks else 0)
            for key, found in self._reader.look().items()
        )

    def _take_in(self) -> set[str] | None:
        """Read on and take in line by line; None where all must be folded anew."""
        touched: set[str] = set()
        for fresh in self._reader.fresh():
            offset = fresh.offset
            for line in fresh.block.split(b"\n"):
                if line:
                    try:
                        edit = decode(line)
                    except ValueError as error:
                        self._reader.bad_line(fresh.number, offset, str(error)[:200])
                    else:
                        if self._state.add(edit) is None:
                            return None
                        touched |= {change.record_id for change in edit.changes}
                offset += len(line) + 1
        self._state.files = paths_of(self._reader.marks.values())
        return touched

    def refresh(self) -> frozenset[str] | None:
        """Read what others wrote. The records it changed, None for all; listeners are told of them."""
        with self._lock:
            touched = self._refresh()
        if touched is None or touched:
            self._tell(touched)
        return touched

    def _refresh(self) -> frozenset[str] | None:
        changed = self._reader.changed()
        if changed is False:
            return frozenset()
        touched = self._take_in() if changed and self._pending() <= REFOLD else None
        if touched is None:
            self._open()
            return None
        return frozenset(touched)

    def listen(self, heard: Callable[[frozenset[str] | None], None]) -> None:
        """Have the records that change told (None: any), in whichever thread changed them."""
        self._heard.append(heard)

    def _tell(self, touched: frozenset[str] | None) -> None:
        for heard in tuple(self._heard):
            try:
                heard(touched)
            except Exception:
                log.exception("after an edit")

    # -- what stands ---------------------------------------------------------------------------------------

    def values(self, record_id: str) -> dict[str, Value]:
        """What stands at each place of a record, decided on the content that it has now; null is nothing."""
        with self._lock:
            chains = self._state.chains(record_id)
            present = self._present(record_id) if chains else None
            return {
                path: _value(chain)
                for (path, made), chain in chains.items()
                if made and made == present and chain[-1].after != "null"
            }

    def value(self, record_id: str, path: str) -> Any:
        """What stands at one place, None for nothing."""
        found = self.values(record_id).get(path)
        return None if found is None else found.value

    def flag(self, record_id: str) -> str | None:
        """The record's flag: the newest, whoever gave it."""
        found = self.value(record_id, "flag")
        return found if isinstance(found, str) else None

    def records(self) -> list[str]:
        """Every record that an edit names, also those that are gone."""
        with self._lock:
            return self._state.records()

    def flags(self) -> list[Flag]:
        """Every flag in force, the newest of each author and record, by record and time."""
        with self._lock:
            return flags_of(self._state, self._present)

    def note_of(self, edit_id: str) -> str:
        """What was written with an edit."""
        with self._lock:
            edit = self._state.edit(edit_id)
            return edit.note if edit is not None else ""

    def held(
        self,
        where: Callable[[str], str | None] | None = None,
        step: Callable[[], None] | None = None,
    ) -> list[Held]:
        """Decisions that are kept and not applied, each with its reason.

        `where` names the record that has a content now, if any: the same clip under another name. Edits go
        on meanwhile; `step` is called between some records, and may raise to stop.
        """
        records, found = iter(self.records()), list[Held]()
        while some := list(islice(records, CHUNK)):
            if step is not None:
                step()
            with self._lock:
                found += held_of(self._state, self._present, some)
        for number, each in enumerate(found if where is not None else ()):
            if where is not None and each.made_on and (now := where(each.made_on)) is not None:
                reason = f"the content that it was made on is now {now}"
                found[number] = replace(each, reason=reason)
        return found

    def findings(self) -> list[Finding]:
        """Conflicts that nobody has decided, each with both values: the newest stands until then."""
        with self._lock:
            return conflicts_of(self._state, self._present)

    # -- editing -------------------------------------------------------------------------------------------

    def change(self, record_id: str, path: str, after: Any) -> Change:
        """The change that puts a value there in place of what stands there now. None takes it away.

        InspectorError where there is no such record.
        """
        with self._lock:
            present = self._there(record_id)
            chain = self._state.chains(record_id).get((path, present))
            return Change(record_id, path, value_of(chain[-1].after) if chain else None, after, present)

    def changes(
        self,
        record_ids: Iterable[str],
        path: str,
        after: Any,
        asked: Callable[[], Mapping[str, int]] | None = None,
    ) -> list[Change]:
        """The same for many records; those where it stands already are left out.

        With `asked` everybody speaks for himself: they are left out only where this author has put it there,
        after the time (ns) at which it tells that he was asked about the record.
        """
        ids = list(dict.fromkeys(record_ids))
        text = value_text(after)
        found = []
        with self._lock:
            codes = self._state.base.records.codes(ids).tolist()
            for record_id, code in zip(ids, codes, strict=True):
                present = self._there(record_id)
                chain = self._state.chains(record_id, code).get((path, present))
                before = chain[-1].after if chain else "null"
                anew = asked is not None and not self._said(chain or (), text, record_id, asked)
                if before != text or anew:
                    found.append(Change(record_id, path, value_of(before), after, present))
        return found

    def _said(
        self, chain: Sequence[Link], text: str, record_id: str, asked: Callable[[], Mapping[str, int]]
    ) -> bool:
        """Whether this author's own word on a place is this one, and newer than what he was asked."""
        for link in reversed(chain):
            if link.own and link.author == self.author and self._state.in_force(link.id):
                return link.after == text and (text == "null" or link.at > asked().get(record_id, -1))
        return text == "null"

    def _there(self, record_id: str) -> str:
        present = self._present(record_id)
        if present is None:
            raise InspectorError("There is no such record", record_id, "It may have been taken away")
        return present

    def edit(self, title: str, changes: Sequence[Change], note: str = "") -> Edit:
        """Make an edit: it is durable when this returns. InspectorError where it could not be written.

        Changes without `made_on` get the record's present identity. Where a place is in conflict the edit
        also decides it.
        """
        if not changes:
            raise InspectorError("There is nothing to change", title)
        with self._lock:
            self._refresh_before()
            full = [
                change if change.made_on else replace(change, made_on=self._there(change.record_id))
                for change in changes
            ]
            return self._append(title, (*full, *self._decisions(full)), note, None)

    def undo(self) -> Edit:
        """Take back this author's newest edit in force. InspectorError where there is none."""
        with self._lock:
            self._refresh_before()
            if (found := self._to_undo()) is None:
                raise InspectorError("There is nothing to undo", f"by {self.author}")
            return self._reverse(found, "Undo")

    def redo(self) -> Edit:
        """Bring back what this author's newest undo took away, unless an edit was made since."""
        with self._lock:
            self._refresh_before()
            if (found := self._to_redo()) is None:
                raise InspectorError("There is nothing to redo", f"by {self.author}")
            return self._reverse(found, "Redo")

    def undo_to(self, edit_id: str) -> list[Edit]:
        """Undo this author's edits in force that came after one, the newest first; what others did stays."""
        with self._lock:
            self._refresh_before()
            if (target := self._state.edit(edit_id)) is None:
                raise InspectorError("There is no such edit", edit_id)
            made = []
            while (found := self._to_undo()) is not None:
                edit = self._state.edit(found)
                assert edit is not None
                if (edit.at, edit.id) <= (target.at, target.id):
                    break
                made.append(self._reverse(found, "Undo"))
            return made

    def undo_title(self) -> str | None:
        """What `undo` would take back, None where there is nothing."""
        with self._lock:
            found = self._to_undo()
            edit = None if found is None else self._state.edit(found)
            return None if edit is None else edit.title

    def redo_title(self) -> str | None:
        """What `redo` would bring back, None where there is nothing."""
        with self._lock:
            found = self._to_redo()
            edit = None if found is None else self._state.edit(found)
            return None if edit is None else edit.title.removeprefix("Undo: ")

    def _to_undo(self) -> str | None:
        state = self._state
        for _, id_ in state.newest_first(self.author):
            if state.depth(id_) == 0 and state.in_force(id_):
                return id_
        return None

    def _to_redo(self) -> str | None:
        state = self._state
        for _, id_ in state.newest_first(self.author):
            deep = state.depth(id_)
            if deep == 0:
                return None  # something new was done since
            if deep == 1 and state.in_force(id_):
                return id_
        return None

    def _reverse(self, id_: str, word: str) -> Edit:
        """Undo an edit, or redo by undoing an undo: every place gets what would stand there now."""
        state = self._state
        target = state.edit(id_)
        assert target is not None
        root = target
        if word == "Redo":
            assert target.undoes is not None
            found = state.edit(target.undoes)
            assert found is not None
            root = found
        without, also = ("", root.id) if word == "Redo" else (root.id, "")
        changes = []
        places: dict[str, dict[tuple[str, str], None]] = defaultdict(dict)
        for change in root.changes:
            places[change.record_id][change.path, change.made_on] = None
        for record_id, keys in places.items():
            chains = state.chains(record_id)
            for path, made in keys:
                chain = chains[path, made]
                now, then = chain[-1].after, state.intended(chain, without, also)
                if now != then:
                    changes.append(Change(record_id, path, value_of(now), value_of(then), made))
        return self._append(f"{word}: {root.title}", tuple(changes), "", id_)

    def _decisions(self, changes: Sequence[Change]) -> list[Change]:
        """Whoever edits a place in conflict has decided it."""
        found: list[Change] = []
        places: dict[str, set[tuple[str, str]]] = defaultdict(set)
        for change in changes:
            places[change.record_id].add((change.path, change.made_on))
        codes = self._state.base.records.codes(list(places)).tolist()
        for (record_id, wanted), code in zip(places.items(), codes, strict=True):
            for (path, made), links in self._state.open_conflicts(record_id, code, wanted, RECENT):
                found += [
                    Change(record_id, settling_path(path, link.id), None, "decided", made) for link in links
                ]
        return found

    def _refresh_before(self) -> None:
        """See what others wrote first: an edit comes after everything that could be seen."""
        touched = self._refresh()
        if touched is None or touched:
            self._tell(touched)

    def _append(self, title: str, changes: tuple[Change, ...], note: str, undoes: str | None) -> Edit:
        at = max(self._now_ns(), self._state.newest + 1)
        if at >= LATEST_NS:
            raise InspectorError("The clock is beyond every time that can be kept", str(at), "Set it right")
        edit = Edit(secrets.token_hex(8), at, self.author, title, note, changes, undoes)
        line = encode(edit)
        if self._begin is not None:
            self._begin()
        self._writer.append(line)
        touched = self._refresh()
        if self._state.edit(edit.id) is None:
            raise InspectorError(
                "The edit was written but cannot be read back", str(self._writer.path), "Look at the disk"
            )
        self._tell(None if touched is None else touched | {change.record_id for change in changes})
        return edit

    # -- history -------------------------------------------------------------------------------------------

    def history(self, author: str | None = None, skip: int = 0, limit: int | None = 100) -> list[Past]:
        """Edits, newest first, of one author or of all: `limit` of them behind the first `skip`."""
        with self._lock:
            stop = None if limit is None else skip + limit
            ids = [id_ for _, id_ in islice(self._state.newest_first(author), skip, stop)]
            return [
                Past(edit, self._state.in_force(id_))
                for id_ in ids
                if (edit := self._state.edit(id_)) is not None
            ]

    def past(self, author: str | None = None) -> Iterator[Past]:
        """The same, all of them one after the other: as many as there are cost no more memory than a few."""
        with self._lock:
            state = self._state
            ids = state.newest_first(author)
        while True:
            with self._lock:
                some = [(state.edit(id_), state.in_force(id_)) for _, id_ in islice(ids, CHUNK)]
            yield from (Past(edit, in_force) for edit, in_force in some if edit is not None)
            if not some:
                return

    def authors(self) -> list[str]:
        """Everyone who made an edit."""
        with self._lock:
            return self._state.authors()

    def close(self) -> None:
        """Give the journal file back."""
        with self._lock:
            self._writer.close()


def _value(chain: Sequence[Link]) -> Value:
    link = chain[-1]
    return Value(value_of(link.after), link.author, link.at, link.id, chain[0].at)


@contextmanager
def _lean() -> Iterator[None]:
    """No collector and no hoarding of freed memory while millions of small things are made."""
    pool, collecting = pa.default_memory_pool(), gc.isenabled()
    pa.set_memory_pool(pa.system_memory_pool())
    gc.disable()
    try:
        yield
    finally:
        pa.set_memory_pool(pool)
        if collecting:
            gc.enable()
