"""What a format makes of a record, and the list of formats. A new one is a file in `writers/`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from inspector.core.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from inspector.core.model import Cue, Record, Stream


@dataclass(frozen=True, slots=True)
class Piece:
    """One file to come, at `path` in the release.

    Its bytes are those of the file `source`; or `make` writes them to the path it is given, and `source` is
    what they are made of.
    `change` says what was done, in a sentence. A `shared` one may come again with other records.
    """

    path: str
    source: Path | None = None
    make: Callable[[Path], object] | None = None
    change: str | None = None
    shared: bool = False


@dataclass(slots=True)
class Laid:
    """A record as it will be in the release: what its streams become, and the files it needs.

    `record` still names source files; `paths` gives each of them its path in the release.
    """

    record: Record
    split: str
    paths: dict[Path, str] = field(default_factory=dict)
    pieces: list[Piece] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    columns: Mapping[str, Any] = field(default_factory=dict)


class Reads(Protocol):
    """What a format may ask of the dataset that is exported."""

    def cues(self, stream: Stream) -> Sequence[Cue]:
        """The cues of a text stream in its local time."""
        ...


class Target(Protocol):
    """A format, made anew for each release; `lay` is called once a record, in the release's order."""

    def lay(self, laid: Laid, reads: Reads) -> None:
        """Say which files the record needs and where (`paths`, `pieces`), and what cannot be carried."""
        ...

    def written(self, laid: Laid, out: Path) -> None:
        """The record's files are there, below `out`."""
        ...

    def finish(self, out: Path) -> Iterable[str]:
        """Write what belongs to all records; the paths of these files."""
        ...


targets: Registry[Callable[[], Target]] = Registry(
    "format", "inspector.targets", ("inspector.release.writers.folder",)
)
"""What `--as` takes."""
