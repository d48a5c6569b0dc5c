"""What a writer gives back: the file's bytes, its extension, and what the format could not carry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from inspector.core.model import Cue, Record


@dataclass(frozen=True, slots=True)
class Written:
    """One file. `suffix` has its dot (`.eaf`); `lost` is a plain sentence for each kind of thing left out."""

    data: bytes
    suffix: str
    lost: tuple[str, ...] = ()


class Writer(Protocol):
    """The one signature of every writer, so that a release can call any of them.

    `record` is the effective record, with its annotations; `cues` are those of its text streams by stream id,
    in the stream's local time. Nothing is read or written on the way. InspectorError where the record holds
    what the format cannot hold in any form.
    """

    def __call__(self, record: Record, cues: Mapping[str, Sequence[Cue]]) -> Written: ...
