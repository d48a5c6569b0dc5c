"""The releases of a dataset: what was made of it, when, from which one, with notes and tags.

    <workspace>/releases/<id>.json   one a release, written when it is there; never by two at once

Each is opened like any dataset, by its path, and is read-only like any dataset. One that was moved or deleted
stays in the list and is told as gone.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inspector.core import manifest
from inspector.core.files import write_atomic
from inspector.errors import InspectorError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from inspector.core.manifest import Card

FOLDER = "releases"
LONGEST_TAG = 60


@dataclass(frozen=True, slots=True)
class Listed:
    """One release. `id` is short and given once; `parent` is the root of the one that it follows."""

    id: str
    name: str
    root: str
    path: str
    made: str
    writer: str
    records: int
    files: int
    bytes: int
    splits: Mapping[str, int] = field(default_factory=dict)
    parent: str | None = None
    note: str = ""
    tags: tuple[str, ...] = ()

    @property
    def there(self) -> bool:
        """Whether the release of this root still lies at its path."""
        try:
            return manifest.read_card(Path(self.path)).root == self.root
        except InspectorError:
            return False

    def to_json(self) -> dict[str, Any]:
        """What `inspector releases --json` prints of it."""
        return {**asdict(self), "tags": list(self.tags), "there": self.there}


def list_release(workspace: Path, path: Path, card: Card, splits: Mapping[str, int]) -> Listed:
    """Note a release that was just made. InspectorError where it cannot be kept."""
    folder = workspace / FOLDER
    number = 1 + max((int(each.stem) for each in folder.glob("*.json") if each.stem.isdecimal()), default=0)
    made = Listed(
        "",
        card.name,
        card.root,
        str(path),
        card.made,
        card.writer,
        card.records,
        card.files,
        card.bytes,
        dict(splits),
        card.parent,
        card.note,
    )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        while True:
            made = replace(made, id=str(number))
            try:
                with (folder / f"{number}.json").open("x", encoding="utf-8") as file:
                    file.write(_text(made))
                return made
            except FileExistsError:  # another export ended now
                number += 1
    except OSError as error:
        raise InspectorError(
            "The release could not be listed",
            f"{folder}: {error.strerror}",
            "It is there: open it by its path",
        ) from error


def releases(workspace: Path) -> list[Listed]:
    """All that are listed, newest first; what cannot be read is left out."""
    found = []
    for path in (workspace / FOLDER).glob("*.json"):
        try:
            plain = json.loads(path.read_text("utf-8"))
            listed = Listed(**{name: plain[name] for name in Listed.__slots__ if name in plain})
            found.append(replace(listed, id=path.stem, tags=tuple(map(str, listed.tags))))
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return sorted(found, key=lambda each: (each.made, len(each.id), each.id), reverse=True)


def find(workspace: Path, name: str) -> Listed:
    """The release of an id, a tag, a name or the beginning of a root, the newest of several.

    InspectorError where there is none.
    """
    every = releases(workspace)
    for test in (_is_id, _has_tag, _is_name, _has_root):
        for each in every:
            if test(each, name):
                return each
    known = ", ".join(f"{each.id} ({each.name})" for each in every[:5])
    raise InspectorError("There is no such release", name, f"There is {known}" if known else "Export one")


def _is_id(each: Listed, name: str) -> bool:
    return each.id == name


def _has_tag(each: Listed, name: str) -> bool:
    return name in each.tags


def _is_name(each: Listed, name: str) -> bool:
    return each.name == name


def _has_root(each: Listed, name: str) -> bool:
    return len(name) >= 6 and each.root.startswith(name)


def mark(
    workspace: Path,
    name: str,
    tags: Iterable[str] = (),
    untag: Iterable[str] = (),
    note: str | None = None,
) -> Listed:
    """Give a release tags, take some away, or give it another note. A tag is of one release at a time.

    InspectorError where there is no such release, a tag is none, or it cannot be kept.
    """
    wanted = [each.strip() for each in tags]
    for tag in wanted:
        if not tag or len(tag) > LONGEST_TAG or any(sign.isspace() or sign in ",/\\" for sign in tag):
            raise InspectorError("A tag is one short word", repr(tag)[:80], "Such as v1 or paper")
    found = find(workspace, name)
    for other in releases(workspace):
        if other.id != found.id and set(other.tags) & set(wanted):
            _keep(workspace, replace(other, tags=tuple(each for each in other.tags if each not in wanted)))
    away = set(untag)
    kept = tuple(dict.fromkeys([*(each for each in found.tags if each not in away), *wanted]))
    found = replace(found, tags=kept, note=found.note if note is None else note)
    _keep(workspace, found)
    return found


def _keep(workspace: Path, listed: Listed) -> None:
    path = workspace / FOLDER / f"{listed.id}.json"
    if not write_atomic(path, lambda beside: beside.write_text(_text(listed), "utf-8")):
        raise InspectorError("The list of releases cannot be kept", str(path), "Make room")


def _text(listed: Listed) -> str:
    return json.dumps({**asdict(listed), "tags": list(listed.tags)}, ensure_ascii=False, indent=1) + "\n"
