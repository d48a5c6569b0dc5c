"""Modalities that a record lacks: expected to be absent, or re-linked to a file found elsewhere.

A file is named by a root, a word that each machine knows a folder for (`settings.roots`), and a path below
it: a journal opens nothing that its reader's machine was not told of, and a folder that moved is told once.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from inspector.core.identity import content_of
from inspector.core.model import Modality
from inspector.core.places import part
from inspector.core.settings import change_settings, settings
from inspector.errors import InspectorError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from inspector.core.curation import Curation


@dataclass(frozen=True, slots=True)
class Linked:
    """Where a re-linked file lies: path below a root, its size and content, what it is for, and why."""

    root: str
    path: str
    bytes: int
    content: str
    modality: Modality
    why: str = ""

    def plain(self) -> dict[str, Any]:
        """For the journal."""
        names = ("root", "path", "bytes", "content", "why")
        return {**{name: getattr(self, name) for name in names}, "modality": self.modality.value}


def absent_path(modality: Modality) -> str:
    """Where it stands that a record is not expected to have a modality."""
    return f"expected/{modality.value}"


def source_path(stream_id: str) -> str:
    """Where it stands which file a stream was re-linked to."""
    return f"streams/{part(stream_id)}/source"


def linked_from(value: Any) -> Linked:
    """The link of such a value. InspectorError where it is none, or its path would leave its root."""
    try:
        path = PurePosixPath(value["path"])
        if path.is_absolute() or ".." in path.parts or "\\" in value["path"] or not path.parts:
            raise ValueError
        texts = [value["root"], value["content"], value.get("why", "")]
        if not all(isinstance(each, str) for each in texts) or type(value["bytes"]) is not int:
            raise TypeError
        modality = Modality(value["modality"])
        return Linked(texts[0], path.as_posix(), value["bytes"], texts[1], modality, texts[2])
    except (KeyError, TypeError, ValueError, AttributeError):
        raise InspectorError("It is no file to link to", repr(value)[:100]) from None


def excused(curation: Curation) -> frozenset[tuple[str, Modality]]:
    """Records with a modality that they need not have, or have from a file elsewhere."""
    found = set()
    for record_id in curation.records():
        for path, value in curation.values(record_id).items():
            if path.startswith("expected/") and value.value is not None:
                found |= {(record_id, each) for each in Modality if path == absent_path(each)}
        found |= {(record_id, link.modality) for _, link in links_of(curation, record_id)}
    return frozenset(found)


def links_of(curation: Curation, record_id: str) -> Iterator[tuple[str, Linked]]:
    """The streams of a record that were re-linked, by id; a value that is no link is passed over."""
    for path, value in curation.values(record_id).items():
        if path.startswith("streams/") and path.endswith("/source"):
            with suppress(InspectorError):
                yield unquote(path.split("/")[1]), linked_from(value.value)


def root_of(folder: Path) -> str:
    """The word for a folder on this machine, made and remembered where there is none yet."""
    folder = folder.resolve()

    def word(known: dict[str, list[str]]) -> str | None:
        return next((name for name, folders in known.items() if str(folder) in folders), None)

    def with_word(known: dict[str, list[str]]) -> dict[str, list[str]]:
        if word(known) is not None:
            return known  # another process gave it one
        name, number = folder.name or "root", 1
        while name in known:
            number += 1
            name = f"{folder.name}~{number}"
        return {**known, name: [str(folder)]}

    found = word(settings().roots) or word(change_settings(roots=with_word).roots)
    assert found is not None
    return found


def moved_root(name: str, folder: Path) -> None:
    """Remember that what lay under a root lies in this folder now; where it lay before is tried behind it."""
    here = str(folder.resolve())

    def moved(known: dict[str, list[str]]) -> dict[str, list[str]]:
        return {**known, name: [here, *(each for each in known.get(name, []) if each != here)]}

    change_settings(roots=moved)


def found_at(link: Linked) -> Path:
    """The file that is meant, on this machine. InspectorError where it is not there, or is another."""
    folders = settings().roots.get(link.root, [])
    other = False
    for folder in folders:
        path = Path(folder) / link.path
        try:
            if not path.resolve().is_relative_to(Path(folder).resolve()) or not path.is_file():
                continue
            if path.stat().st_size == link.bytes and content_of(str(path)) == link.content:
                return path
            other = True
        except OSError:
            continue
    told = "another file lies there now" if other else "it is not where it was"
    if not folders:
        told = f"no folder is known here for {link.root}"
    hint = f"inspector relink PATH --moved {link.root} FOLDER says where it is"
    raise InspectorError("A re-linked file is not there", f"{link.root}/{link.path}: {told}", hint)
