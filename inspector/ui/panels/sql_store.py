"""The queries that a user saved and ran on a dataset, in the user's data folder and never in the dataset."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import platformdirs

from inspector.core.files import write_atomic

if TYPE_CHECKING:
    from collections.abc import Callable

HISTORY = 200
SAVED = 500
LONGEST_SQL = 100_000
"""Letters; a longer query is not kept."""


def queries_path(root: Path) -> Path | None:
    """The file for the dataset at `root`; None where it would lie inside the dataset.

    Below `$INSPECTOR_DATA`, else below the system's place for a user's data.
    """
    place = os.environ.get("INSPECTOR_DATA") or platformdirs.user_data_dir("inspector", False)
    folder = Path(place) / "queries"
    # Also a link into the dataset is inside it.
    if folder.resolve().is_relative_to(root.resolve()):
        return None
    key = hashlib.blake2b(os.fsencode(root.resolve()), digest_size=16).hexdigest()
    return folder / f"{key}.json"


class QueryStore:
    """Saved queries by name, and the history, the newest last.

    A change is made to what the file holds now, since a second window may have written it. What cannot be
    written is kept for as long as the window is open.
    """

    def __init__(self, root: Path | None) -> None:
        self._path = None if root is None else queries_path(root)
        self._root = "" if root is None else os.fspath(root)
        self.saved: dict[str, str] = {}
        self.history: list[str] = []
        self._load()

    def remember(self, sql: str) -> None:
        """Note a query as the newest that was run; one that was run before moves up."""
        sql = sql.strip()
        if sql and len(sql) <= LONGEST_SQL:
            self._change(lambda: self._note(sql))

    def _note(self, sql: str) -> None:
        others = [each for each in self.history if each != sql]
        self.history = [*others[1 - HISTORY :], sql]

    def save(self, name: str, sql: str) -> bool:
        """Keep a query under a name, in the place of one of that name; False where there are too many."""
        if (name not in self.saved and len(self.saved) >= SAVED) or len(sql) > LONGEST_SQL:
            return False
        self._change(lambda: self.saved.__setitem__(name, sql))
        return True

    def rename(self, name: str, new: str) -> bool:
        """Call a query something else; False where that name is taken."""
        if new != name and (new in self.saved or name not in self.saved):
            return False
        self._change(
            lambda: setattr(
                self, "saved", {new if each == name else each: sql for each, sql in self.saved.items()}
            )
        )
        return True

    def delete(self, name: str) -> None:
        """Forget a saved query."""
        self._change(lambda: self.saved.pop(name, None))

    def _change(self, change: Callable[[], object]) -> None:
        self._load()
        change()
        if self._path is None:
            return
        plain = {"root": self._root, "saved": self.saved, "history": self.history}
        text = json.dumps(plain, indent=1)
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
        except OSError:
            return
        write_atomic(self._path, lambda beside: beside.write_text(text, "utf-8"))

    def _load(self) -> None:
        """Take what the file holds; where there is none or it is broken, what is known stays."""
        if self._path is None:
            return
        try:
            plain: Any = json.loads(self._path.read_text("utf-8"))
        except (OSError, ValueError, RecursionError):
            return
        if not isinstance(plain, dict):
            return
        saved, history = plain.get("saved"), plain.get("history")
        if isinstance(saved, dict):
            pairs = [(name, sql) for name, sql in saved.items() if isinstance(sql, str)]
            self.saved = dict(pairs[:SAVED])
        if isinstance(history, list):
            self.history = [each for each in history if isinstance(each, str)][-HISTORY:]
