"""What a format makes of a record, and the list of formats. A new one is a file in `writers/`."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

from inspector.core.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from inspector.core.model import Cue, Record, Stream


@dataclass(frozen=True, slots=True)
class Piece:
    """One file to come, at `path` in the release.

    Its bytes are those of the file `source`; or `make` writes them to the path it is given, and `source` is
    what they are made of. A record's pieces are packed into its shard where it has one, save a `shared` one,
    which may come again with other records.
    `change` says what was done, in a sentence.
    """

    path: str
    source: Path | None = None
    make: Callable[[Path], object] | None = None
    change: str | None = None
    shared: bool = False


class Region(NamedTuple):
    """A stretch of a file that holds many records: whose it is, and its CRC-32."""

    offset: int
    bytes: int
    crc32: int
    records: list[str]


class Asset(NamedTuple):
    """A file that is in the release; at `offset` `within` another one, or by itself."""

    path: str
    bytes: int
    sha256: str
    made_from: str | None = None
    change: str | None = None
    within: str | None = None
    offset: int | None = None
    regions: list[Region] | None = None


class Member(NamedTuple):
    """Where a piece's bytes lie in its shard."""

    path: str
    offset: int
    bytes: int
    sha256: str


class Packed(NamedTuple):
    """What a shard holds. Its regions do not overlap; what they leave out belongs to no record."""

    members: list[Member]
    regions: list[Region]


@dataclass(frozen=True, slots=True)
class Shard:
    """A file at `path` in the release that holds many records.

    `pack` writes it, whole, to the path that it is given, and says where each piece's bytes came to lie.
    Records of one `series` (mostly a split) that share a shard come one after the other.
    """

    path: str
    pack: Callable[[Sequence[Laid], Path], Packed]
    series: str


@dataclass(slots=True)
class Laid:
    """A record as it will be in the release: what its streams become, and the files it needs.

    `record` names source files, or staged ones with its fixes in them; `paths` gives each its path in the
    release.
    """

    record: Record
    split: str
    paths: dict[Path, str] = field(default_factory=dict)
    pieces: list[Piece] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    columns: Mapping[str, Any] = field(default_factory=dict)
    mask: list[dict[str, Any]] = field(default_factory=list)
    """Rows of the mask: what is there of each modality, and when (`core.manifest.MASK`)."""
    shard: Shard | None = None
    made_of: str = ""
    """The dataset's record that this one is, or is a moment of."""
    left_out: str | None = None
    """Why the format cannot hold the record at all; it is then not in the release."""


def below(record: Record, out: Path) -> Record:
    """The record with those of its files found that a format made, and named by their path in the release."""
    streams = tuple(
        each
        if each.source.path.is_absolute()
        else replace(each, source=replace(each.source, path=out / each.source.path))
        for each in record.streams
    )
    return replace(record, streams=streams)


class Reads(Protocol):
    """What a format may ask of the dataset that is exported."""

    def cues(self, stream: Stream) -> Sequence[Cue]:
        """The cues of a text stream in its local time."""
        ...


@runtime_checkable
class Follows(Protocol):
    """A format that keeps earlier releases; it is told of them before anything is laid."""

    def follow(self, parent: Path | None, name: str) -> None:
        """The release that this one follows, if any, and what this one is called."""
        ...


@runtime_checkable
class Stops(Protocol):
    """A format that keeps threads or children; it is told when the export is over, however it ended."""

    def stop(self) -> None:
        """End them."""
        ...


@runtime_checkable
class Looks(Protocol):
    """A format that wants all records alike, and looks at some before it takes the first."""

    def look(self, records: Iterable[Record]) -> None:
        """The first records of the plan, as far as they can be read."""
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


_BUILT_IN = ("folder", "huggingface", "webdataset", "annotated", "lerobot", "lance")

targets: Registry[Callable[[], Target]] = Registry(
    "format", "inspector.targets", tuple(f"inspector.release.writers.{name}" for name in _BUILT_IN)
)
"""What `--as` takes."""
