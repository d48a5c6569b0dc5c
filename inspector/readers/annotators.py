"""Annotators' files in a record: on which streams their labels lie, and whether those are the media meant.

They are read after the record's media, since what they say can only be placed and judged beside those.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from inspector.core.made_on import MadeOn, differences, same_medium
from inspector.media.eaf import read_eaf
from inspector.media.labelstudio import is_label_studio, read_labelstudio
from inspector.media.textgrid import read_textgrid

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from inspector.core.model import Annotation, Stream
    from inspector.media.annotators import LabelFile

ENDINGS = frozenset(("eaf", "textgrid"))
"""Extensions that are nothing but annotators' files; a Label Studio export is told by its content."""

_READERS: Mapping[str, Callable[..., LabelFile]] = {"eaf": read_eaf, "textgrid": read_textgrid}

__all__ = ["ENDINGS", "Placed", "is_label_studio", "place"]


@dataclass(frozen=True, slots=True)
class Placed:
    """A file's labels on a record's streams.

    `about` is JSON for the record's meta: the media as the file tells of them, the stream that each was found
    to be (None: none), and the vocabularies of its tiers.
    """

    labels: tuple[Annotation, ...]
    told: tuple[str, ...]
    differs: tuple[str, ...]
    about: dict[str, Any]


def place(path: Path, form: str, name: str, streams: Sequence[Stream]) -> Placed:
    """Read a file of the form `eaf`, `textgrid` or `labelstudio` for a record of these streams.

    Labels whose medium is here lie in its local time and move with its TimeMap; others lie on the record's
    timeline, and that is told. Raises InspectorError where the file cannot be read at all.
    """

    def find(made: MadeOn, by_name: bool = False) -> Stream | None:
        return same_medium(made, streams, by_name)

    read = _READERS.get(form, read_labelstudio)(path, name, find)
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
    return Placed(read.labels, read.told, tuple(dict.fromkeys(differs)), about)
