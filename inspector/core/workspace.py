"""Where a curator's work on a dataset lies, and how a dataset that moved is known again.

In `<dataset>/.inspector` where that can be written; else in the folder that was named or is remembered for
this dataset, else in the user's data folder. A dataset is known by an id that its workspace keeps, and found
again by the content of some of its records: a path is only where it was seen last. Nothing is created before
the first edit.
"""

from __future__ import annotations

import hashlib
import json
import os
import uuid
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

from inspector.core.files import write_atomic
from inspector.core.settings import change_settings, settings
from inspector.errors import InspectorError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

INSIDE = ".inspector"
CARD = "workspace.json"
SAMPLES = 16
"""Records whose content tells a dataset from another."""


@dataclass(frozen=True, slots=True)
class Card:
    """What a workspace knows of its dataset: id, where it was last, contents and names of some records."""

    id: str
    root: str
    contents: tuple[str, ...]
    names: tuple[str, ...]

    def same(self, other: Card) -> bool:
        """Whether both tell of one dataset: some content in common, or the same place and half the names."""
        if set(self.contents) & set(other.contents):
            return True
        names = set(self.names) & set(other.names)
        return self.root == other.root and 2 * len(names) >= max(len(self.names), len(other.names))


def sampled(record_ids: Sequence[str]) -> list[str]:
    """Some records, evenly spaced, the same ones each time."""
    step = max(len(record_ids) / SAMPLES, 1)
    return [record_ids[int(n * step)] for n in range(min(SAMPLES, len(record_ids)))]


@dataclass
class Workspace:
    """A folder for one dataset's curation work. `also` are folders of others, which are read."""

    folder: Path
    make_card: Callable[[], Card]
    also: tuple[Path, ...] = ()
    remembered: bool = False
    """Whether it was named, now or before: then it is a folder that somebody else may have to make."""
    _begun: bool = field(default=False, repr=False)

    @property
    def journals(self) -> tuple[Path, ...]:
        """The folders of journal files, the one that is written to first."""
        return tuple(each / "journal" for each in (self.folder, *self.also))

    def begin(self) -> None:
        """Make the folder and its card before the first line. InspectorError where that cannot be."""
        if self._begun:
            return
        card = self.make_card()
        if self.remembered and _card_in(_data_folder() / card.id) is not None and not self.folder.is_dir():
            # A share that is not there now: its mount point must not get a journal of its own.
            raise InspectorError(
                "The workspace of this dataset is not there",
                str(self.folder),
                "Connect it, or name another with --workspace; nothing that was saved is lost",
            )
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InspectorError(
                "The edit was not saved",
                f"{self.folder}: {error.strerror}",
                "Name a folder that can be written with --workspace",
            ) from error
        if self.remembered:
            own = _data_folder() / card.id
            with suppress(OSError):
                own.mkdir(parents=True, exist_ok=True)
                _write_card(own, card)
        known = _card_in(self.folder)
        if known is None or (known.root, known.contents) != (card.root, card.contents):
            _write_card(self.folder, card if known is None else _named(card, known.id))
        self._begun = True


def find_workspace(
    root: Path,
    record_ids: Sequence[str],
    identity: Callable[[str], str | None],
    named: Path | str | None = None,
    inside: bool = True,
) -> Workspace:
    """The workspace of the dataset at `root`; `named` is what --workspace says, and is remembered.

    Without `inside` none is kept in the dataset. InspectorError where the named folder is another dataset's.
    Creates nothing in the dataset.
    """
    own = root / INSIDE
    if named is None and inside and _is_writable(own, root):
        return Workspace(own, lambda: _card_of(root, record_ids, identity))
    card = _card_of(root, record_ids, identity)
    also = (own,) if inside and own.is_dir() and not own.is_symlink() else ()
    if named is not None:
        folder = Path(named).expanduser().resolve()
        known = _card_in(folder)
        if known is not None and not known.same(card):
            raise InspectorError(
                "That workspace is another dataset's", f"{folder} (of {known.root})", "Name another folder"
            )
        if folder.exists() and not folder.is_dir():
            raise InspectorError("A workspace is a folder", str(folder), "Name a folder")
        card = _named(card, known.id if known is not None else _remembered_id(card) or card.id)
        remember(card.id, folder)
        return Workspace(folder, lambda: card, tuple(each for each in also if each != folder), True)
    for id_, folder_name in settings().workspaces.items():
        folder = Path(folder_name)
        known = _card_in(folder)
        if known is not None and known.same(card):
            return Workspace(folder, partial(_named, card, id_), also, True)
    known = _in_data_folder(card)
    card = card if known is None else _named(card, known.id)
    if (elsewhere := settings().workspaces.get(card.id)) is not None:
        return Workspace(Path(elsewhere), lambda: card, also, True)
    return Workspace(_data_folder() / card.id, lambda: card, also)


def remember(id_: str, folder: Path) -> None:
    """Use the folder for the dataset of that id from now on."""
    if settings().workspaces.get(id_) != str(folder):
        change_settings(workspaces=lambda known: {**known, id_: str(folder)})


def _remembered_id(card: Card) -> str | None:
    found = _in_data_folder(card)
    return None if found is None else found.id


def _data_folder() -> Path:
    return Path(platformdirs.user_data_dir("inspector", False)) / "workspaces"


def _in_data_folder(card: Card) -> Card | None:
    try:
        names = sorted(os.listdir(_data_folder()))
    except OSError:
        return None
    for name in names:
        known = _card_in(_data_folder() / name)
        if known is not None and known.id == name and known.same(card):
            return known
    return None


def _is_writable(inside: Path, root: Path) -> bool:
    """Whether work can be kept in the dataset itself. A link that leads elsewhere is not followed."""
    if not root.is_dir() or inside.is_symlink():
        return False
    journal = inside / "journal"
    if journal.is_symlink():
        return False
    there = next(each for each in (journal, inside, root) if each.is_dir())
    return os.access(there, os.W_OK | os.X_OK)


def _card_of(root: Path, record_ids: Sequence[str], identity: Callable[[str], str | None]) -> Card:
    names = sampled(record_ids)
    contents = tuple(found for each in names if (found := identity(each)) is not None)
    return Card(
        uuid.uuid4().hex,
        str(root),
        contents,
        tuple(hashlib.blake2b(n.encode("utf-8", "replace"), digest_size=6).hexdigest() for n in names),
    )


def _named(card: Card, id_: str) -> Card:
    return Card(id_, card.root, card.contents, card.names)


def _card_in(folder: Path) -> Card | None:
    try:
        plain = json.loads((folder / CARD).read_text("utf-8"))
        id_ = uuid.UUID(plain["id"]).hex
        lists = [tuple(str(each) for each in plain[name]) for name in ("contents", "names")]
        return Card(id_, str(plain["root"]), *lists)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _write_card(folder: Path, card: Card) -> None:
    text = json.dumps(
        {"id": card.id, "root": card.root, "contents": card.contents, "names": card.names}, indent=1
    )
    write_atomic(folder / CARD, lambda beside: beside.write_text(text, "utf-8"))
