"""Annotators' files in a record: on which streams their labels lie, and whether those are the media meant.

They are read after the record's media, since what they say can only be placed and judged beside those.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from inspector.core.made_on import BY_FOLDER, MadeOn, differences, likeness, same_medium
from inspector.core.times import clock_text, ns_from_s
from inspector.errors import InspectorError
from inspector.media.eaf import read_eaf
from inspector.media.labelstudio import is_label_studio, read_labelstudio, task_ids
from inspector.media.textgrid import read_textgrid
from inspector.media.told import load_json
from inspector.readers.layout import ANNOTATIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from inspector.core.model import Annotation, Stream
    from inspector.media.annotators import Find, LabelFile

SHARED = "shared labels"
"""The role of a file whose labels are on several records: each takes those on its own media."""

SHARED_BY_FOLDER = "shared labels, by folder"
"""The same where media of one name lie in several folders: a task has to name the folder too."""

SHARED_ROLES = (SHARED, SHARED_BY_FOLDER)

MOST_SHARED = 20
"""So many exports are looked into for whether they are of a whole project."""

_READERS: Mapping[str, Callable[..., LabelFile]] = {"eaf": read_eaf, "textgrid": read_textgrid}

__all__ = [
    "SHARED",
    "SHARED_BY_FOLDER",
    "SHARED_ROLES",
    "Placed",
    "authored",
    "is_label_studio",
    "place",
    "read_labels",
    "shared_exports",
]


@dataclass(frozen=True, slots=True)
class Placed:
    """A file's labels on a record's streams.

    `about` is JSON for the record's meta: the media as the file tells of them, the stream that each was found
    to be (None: none), and the vocabularies of its tiers.
    """

    labels: tuple[Annotation, ...]
    told: tuple[tuple[str, str], ...]
    """What is wrong, and what still holds."""
    about: dict[str, Any]


def authored(labels: Sequence[Annotation], names: Sequence[str]) -> list[Annotation]:
    """Labels of nobody's on a tier that several files have, as those of each file: files are authors too.

    `names` are what the ids of a file's labels begin with. The author is what is left of the file's name
    behind what they all have in common: `ann` and `bo` of `s1_ann` and `s1_bo`.
    """
    if len(names) < 2:
        return list(labels)
    by_length = sorted(names, key=len, reverse=True)
    file_of = {
        label.id: next((name for name in by_length if label.id.startswith(f"{name}:")), None)
        for label in labels
        if not label.author
    }
    files: dict[str, set[str]] = {}
    for label in labels:
        if (name := file_of.get(label.id)) is not None:
            files.setdefault(label.tier, set()).add(name)
    stems = {name: name.rpartition("/")[2] for name in names}
    low, high = min(stems.values()), max(stems.values())
    alike = next((at for at, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), len(low))
    cut = max(low.rfind(sign, 0, alike) for sign in "_-. ") + 1
    return [
        replace(label, author=stems[name][cut:])
        if (name := file_of.get(label.id)) is not None and len(files[label.tier]) > 1
        else label
        for label in labels
    ]


def labels_made_on(about: Mapping[str, Any]) -> dict[str, dict[str, tuple[str, ...]]]:
    """For each stream what files of labels say of it, for its meta: `a.eaf: film.mp4, 25 a second`."""
    found: dict[str, list[str]] = {}
    for path, told in about.items():
        for each in told["media"]:
            if each["stream"] is None:
                continue
            facts = [each.get("name", "")[-80:].replace("\\", "/").rpartition("/")[2]]
            facts += [f"{each['rate']:g} a second"] if "rate" in each else []
            facts += [f"{each['frames']} frames"] if "frames" in each else []
            facts += [f"{clock_text(ns_from_s(each['duration_s']))} long"] if "duration_s" in each else []
            facts += [f"from {clock_text(ns_from_s(each['start_s']))}"] if "start_s" in each else []
            facts += [f"entered at {clock_text(ns_from_s(each['origin_s']))}"] if "origin_s" in each else []
            found.setdefault(each["stream"], []).append(f"{path}: {', '.join(filter(None, facts))}")
    return {stream: {"labels_made_on": tuple(dict.fromkeys(lines))} for stream, lines in found.items()}


def shared_exports(root: Path, paths: Sequence[str], kinds: Sequence[str]) -> list[int]:
    """Which of a listing's files are Label Studio exports of several tasks: labels on several records.

    Where a folder holds more than a few label files in JSON each is one record's, and none is looked into.
    """
    if not any(kind not in ("", ANNOTATIONS) for kind in kinds):
        return []
    found = [
        row for row, path in enumerate(paths) if kinds[row] == ANNOTATIONS and path.lower().endswith(".json")
    ]
    if len(found) > MOST_SHARED:
        return []
    shared = []
    for row in found:
        with suppress(InspectorError):  # its record says what is wrong with it
            if is_label_studio(plain := load_json(root / paths[row])) and len(task_ids(plain)) > 1:
                shared.append(row)
    return shared


def read_labels(path: Path, form: str, name: str, find: Find, shared: bool = False) -> LabelFile:
    """A file of the form `eaf`, `textgrid` or `labelstudio`, on the streams that `find` gives.

    InspectorError where it cannot be read.
    """
    if form in _READERS:
        return _READERS[form](path, name, find)
    return read_labelstudio(path, name, find, shared=shared)


def place(path: Path, form: str, name: str, streams: Sequence[Stream], role: str = "") -> Placed:
    """Read a file of the form `eaf`, `textgrid` or `labelstudio` for a record of these streams.

    Labels whose medium is here lie in its local time and move with its TimeMap; others lie on the record's
    timeline, and that is told. In the `role` of a shared file it is no fault that it has labels on other
    records' media. Raises InspectorError where the file cannot be read at all.
    """

    def find(made: MadeOn, by_name: bool = False) -> Stream | None:
        stream = same_medium(made, streams, by_name)
        if by_name and role == SHARED_BY_FOLDER and stream and likeness(made.name, stream) < BY_FOLDER:
            return None
        return stream

    read = read_labels(path, form, name, find, bool(role))
    differs: list[str] = []
    by_stream: dict[str, list[Annotation]] = {}
    for label in read.labels:
        for anchor in {anchor.stream_id for anchor in label.anchors if anchor.stream_id is not None}:
            by_stream.setdefault(anchor, []).append(label)
    judged: set[str] = set()
    for made, stream in read.made:
        if stream is not None:
            labels = [] if stream.id in judged else by_stream.get(stream.id, [])
            judged.add(stream.id)
            differs += differences(made, stream, labels)
        elif made.name and form != "textgrid":
            differs.append(f"made on {made.name[-200:]}, which this record does not have")
    about: dict[str, Any] = {
        "media": [
            {**made.plain(), "stream": None if stream is None else stream.id} for made, stream in read.made
        ]
    }
    if read.vocabularies:
        about["vocabularies"] = {tier: dict(entries) for tier, entries in read.vocabularies.items()}
    told = [(line, "the other labels are read") for line in read.told]
    told += [(line, "its labels stand at the times that they were given") for line in dict.fromkeys(differs)]
    return Placed(read.labels, tuple(told), about)
