"""A curator at one dataset: where the work is kept, what records are known by, what was decided.

Opening is put off until something asks, and creates nothing.
"""

from __future__ import annotations

import secrets
import threading
from functools import cache
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from inspector.core.batches import batches_of
from inspector.core.cache import user_cache
from inspector.core.curation import FLAGS, Curation
from inspector.core.edits import DATASET
from inspector.core.effective import effective
from inspector.core.identity import Identities
from inspector.core.selections import Selections
from inspector.core.settings import author_name
from inspector.core.tiers import demanding, tiers_of
from inspector.core.workspace import Workspace, find_workspace, sampled
from inspector.errors import InspectorError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from inspector.core.edits import Change, Edit
    from inspector.core.identity import Asset
    from inspector.core.model import Dataset, Record

LONGEST_FLAG = 60
FEW = 100
"""Records are looked up in the index one by one as long as there are so few."""


class Desk:
    """Safe to use from any thread. `heard` is told of every change, also of those by others."""

    def __init__(
        self,
        dataset: Dataset,
        workspace: Path | str | None,
        author: str | None,
        inside: bool,
        heard: Callable[[frozenset[str] | None], None],
    ) -> None:
        self._dataset = dataset
        self._named = workspace
        self._inside = inside
        self._heard = heard
        self._lock = threading.RLock()
        self._curation: Curation | None = None
        self._workspace: Workspace | None = None
        self._ids: list[str] | None = None
        self._known: frozenset[str] | None = None
        self._looked_up = 0
        self._identity: dict[str, str] = {}
        self._holders: dict[str | None, str] | None = None
        self._identities: Identities | None = None
        self.author = author.strip() if author and author.strip() else author_name()
        self.changes = 0
        """How many times something changed: what was joined before the last one is old."""
        if workspace is not None:
            self.workspace  # noqa: B018 - what is wrong with it is told at once

    @property
    def identities(self) -> Identities:
        """What the dataset's files hold."""
        if self._identities is None:
            self._identities = Identities(self._dataset.root)
        return self._identities

    @property
    def workspace(self) -> Workspace:
        """Where the work is kept."""
        with self._lock:
            if self._workspace is None:
                self._workspace = find_workspace(
                    self._dataset.root, self._some_ids(), self.present, self._named, self._inside
                )
            return self._workspace

    @property
    def selections(self) -> Selections:
        """Records that were given a name together."""
        workspace = self.workspace
        folders = [each.parent for each in workspace.journals]
        return Selections(folders, workspace.begin, self.author)

    @property
    def curation(self) -> Curation:
        """What was decided."""
        with self._lock:
            if self._curation is None:
                workspace = self.workspace
                self._curation = Curation(
                    workspace.journals,
                    self.author,
                    self.present,
                    user_cache().named(f"journal {workspace.folder}") / "fold.arrow",
                    workspace.begin,
                )
                self._curation.listen(self._changed)
            return self._curation

    def _changed(self, touched: frozenset[str] | None) -> None:
        self.changes += 1
        self._heard(touched)

    def _record_ids(self) -> list[str]:
        if self._ids is None:
            self._ids = self._dataset.index.column("record_id").to_pylist()
        return self._ids

    def _some_ids(self) -> list[str]:
        """Those by which a workspace is known: it looks at some, evenly spaced, and always the same."""
        return [str(each) for each in sampled(self._dataset.index.column("record_id"))]

    def _is_there(self, record_id: str) -> bool:
        """Whether the dataset has a record. A million names as Python objects are 110 MB: not for a few."""
        if self._known is None and self._looked_up < FEW:
            self._looked_up += 1
            column = self._dataset.index.column("record_id")
            return bool(pc.index(column, pa.scalar(record_id, pa.string())).as_py() >= 0)
        if self._known is None:
            self._known = frozenset(self._record_ids())
        return record_id in self._known

    def present(self, record_id: str) -> str | None:
        """A record's content identity as it was when first asked for, None where there is no such record."""
        if record_id == DATASET:
            return "dataset"
        found = self._identity.get(record_id)
        if found is None:
            if not self._is_there(record_id):
                return None
            found = self._identity[record_id] = self.identities.of(record_id, self.assets(record_id))
        return found

    def assets(self, record_id: str) -> Iterable[Asset]:
        """A record's files and which part of each is meant, as its reader names them."""
        assets: Any = getattr(self._dataset, "assets", None)
        if assets is not None:
            found: Iterable[Asset] = assets(record_id)
            return found
        try:
            record = self._dataset.load(record_id)
        except InspectorError:
            return ()
        parts = {(str(s.source.path), f"{s.source.row_start} {s.source.start_ns}") for s in record.streams}
        return sorted(parts)

    def joined(
        self,
        record: Record,
        reread: Callable[[Record, Mapping[str, Any], Mapping[str, Any]], Record] | None = None,
    ) -> Record:
        """A record with what was decided on it, and what the dataset's tiers ask of its labels."""
        found = effective(record, self.curation.values(record.id), reread)
        return demanding(found, tiers_of(self.curation.values(DATASET)).values())

    def holder(self, content: str) -> str | None:
        """The record that has this content now; reads a little of every file the first time."""
        if self._holders is None:
            self._holders = {self.present(each): each for each in reversed(self._record_ids())}
            self.identities.keep()
        return self._holders.get(content)

    def flag(
        self, record_ids: Iterable[str], flag: str | None, note: str = "", at_ns: int | None = None
    ) -> Edit | None:
        """One edit that flags all of them; None where it would change nothing.

        With `at_ns` (reference time) the note is pinned to a moment of the first. InspectorError where a flag
        is no single word or a record is not there.
        """
        if flag is not None:
            flag = checked_flag(flag)
        ids = list(record_ids)
        changes = self.flag_changes(ids, flag)
        word = "Unflag" if flag is None else f"Flag {flag}"
        title = word if len(changes) == 1 else f"{word}: {len(changes)} records"
        if at_ns is not None and ids:
            pin = {"text": note, "at_ns": at_ns, "flag": flag}
            changes.insert(0, self.curation.change(ids[0], f"notes/{secrets.token_hex(8)}", pin))
            title = f"Flag {flag}" if flag else "Note"
        return self.curation.edit(title, changes, note) if changes else None

    def flag_changes(self, record_ids: Iterable[str], flag: str | None) -> list[Change]:
        """What flagging them would change. Another's flag is no verdict of this author's, nor is his own from
        before a batch asked him for one.
        """

        @cache
        def asked() -> dict[str, int]:
            found: dict[str, int] = {}
            for batch in reversed(batches_of(self.curation.values(DATASET))):
                found |= dict.fromkeys(batch.parts.get(self.author, ()), batch.at)
            return found

        changes = self.curation.changes(record_ids, "flag", flag, asked)
        self.identities.keep()
        return changes

    def close(self) -> None:
        """Give the journal back."""
        with self._lock:
            if self._curation is not None:
                self._curation.close()
            if self._identities is not None:
                self._identities.keep()


def checked_flag(flag: str) -> str:
    """The flag in the spelling in which it is kept. InspectorError where it is no short word."""
    word = flag.strip()
    if not word or len(word) > LONGEST_FLAG or not word.replace("_", "a").replace("-", "a").isalnum():
        raise InspectorError("A flag is one short word", repr(flag)[:80], f"Such as {', '.join(FLAGS)}")
    return word
