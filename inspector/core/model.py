"""What a dataset is made of. Everything here is frozen: an edit makes a new value, never changes one."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

from inspector.core.timemap import IDENTITY, TimeMap, map_span

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from pathlib import Path

    import pyarrow as pa


class Modality(StrEnum):
    """The kinds of stream, spelled as in SQL and JSON."""

    VIDEO = "video"
    AUDIO = "audio"
    TEXT = "text"
    SENSOR = "sensor"
    IMAGE = "image"
    POINTS = "points"
    MOTION = "motion"
    GAZE = "gaze"


class Coverage(StrEnum):
    """What is there of one modality in one record."""

    PRESENT = "present"
    ABSENT = "absent"
    TRUNCATED = "truncated"
    EMPTY = "empty"
    FROZEN = "frozen"
    SILENT = "silent"
    UNREADABLE = "unreadable"
    UNKNOWN = "unknown"


Span = tuple[int, int]
"""Start and end in ns; the end is exclusive."""


@dataclass(frozen=True, slots=True)
class Clock:
    """Whose time a stream's native stamps are. Streams of one clock id move together.

    `kind` is `container` (pts), `relative` or `epoch` (stamps in the data), `nominal` (made from a frame
    count: it proves nothing) or `none` (no stamps at all, as in plain text).
    """

    id: str
    kind: str

    @property
    def nominal(self) -> bool:
        """Whether the stamps were counted, not measured."""
        return self.kind == "nominal"


@dataclass(frozen=True, slots=True)
class Source:
    """Where a stream's data lies, enough to open it in another process.

    `format` names the loader: `av` (film or sound), `cues`, `whisper`, `plaintext`, `table`, `image`.
    `track` is the container's stream index; `columns` are the table's channel columns; `time_column` is the
    column of stamps (None: row number over the stream's rate) in `time_unit` (a key of UNIT_NS), from which
    `epoch_ns` is subtracted to give local time; `start_ns, end_ns` cut a part out of a longer file, in the
    file's time, so that local time 0 is `start_ns`; `row_start, row_end` do so for a table's rows.
    """

    path: Path
    format: str
    track: int | None = None
    columns: tuple[str, ...] = ()
    time_column: str | None = None
    time_unit: str = "s"
    epoch_ns: int = 0
    start_ns: int | None = None
    end_ns: int | None = None
    row_start: int | None = None
    row_end: int | None = None


@dataclass(frozen=True, slots=True)
class Stream:
    """One modality of a record with its own clock. `span` is local time, None until it is known."""

    id: str
    modality: Modality
    source: Source
    clock: Clock
    span: Span | None = None
    timemap: TimeMap = IDENTITY
    person: str | None = None
    device: str | None = None
    origin: str | None = None
    derived_from: str | None = None
    channels: tuple[str, ...] = ()
    rate: float | None = None
    unit: str | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)

    @property
    def reference_span(self) -> Span | None:
        """The span on the record's reference timeline, None until it is known."""
        return None if self.span is None else map_span(self.timemap, self.span)


@dataclass(frozen=True, slots=True)
class Anchor:
    """Where an annotation touches the data: a span in the local time of a stream, or (None) of the record.

    `region` is x, y, width and height as fractions of the picture; `text_range` counts characters of the
    stream's cues joined by line ends, its end exclusive. `target` names what is meant where it has an id: a
    label (`label:<id>`), a cue of the stream (`cue:3`) or a word of one (`word:3.0`), counted as the stream
    was delivered. The span is then where that was when the anchor was made or last moved along.
    """

    stream_id: str | None
    span: Span | None
    region: tuple[float, float, float, float] | None = None
    text_range: tuple[int, int] | None = None
    target: str | None = None


@dataclass(frozen=True, slots=True)
class Annotation:
    """A label that somebody gave. Two or more anchors on different streams make it a link."""

    id: str
    tier: str
    label: str
    anchors: tuple[Anchor, ...]
    author: str = ""
    attrs: Mapping[str, Any] = field(default_factory=dict)

    @property
    def span(self) -> Span | None:
        """The first anchor's span, None for a label that names no moment."""
        return next((anchor.span for anchor in self.anchors if anchor.span is not None), None)


@dataclass(frozen=True, slots=True)
class Word:
    """One spoken word in its stream's local time."""

    start_ns: int
    end_ns: int
    text: str
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class Cue:
    """A stretch of text in its stream's local time, with word times where the source has them."""

    start_ns: int
    end_ns: int
    text: str
    words: tuple[Word, ...] = ()
    speaker: str | None = None


MOST_SIGNS = 4096
"""Of a path or a message in a problem; the longest path that a system knows."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong with a file, told to the curator: which file, what is wrong, and what still works."""

    path: str
    message: str
    works: str = ""

    def __post_init__(self) -> None:
        for name in ("path", "message"):  # both may quote the data, which holds cells of megabytes
            text: str = getattr(self, name)
            if len(text) > MOST_SIGNS:
                object.__setattr__(self, name, f"{text[:MOST_SIGNS]}…")

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" + (f"; {self.works}" if self.works else "")


@dataclass(frozen=True, slots=True)
class Record:
    """Streams that are supposed to describe the same moments, and the labels on them.

    `axis` is `time`, or `position` for a document. `reference` is the id of the stream whose clock the
    timeline is. `coverage` says of each modality of the dataset what is there of it here.
    """

    id: str
    streams: tuple[Stream, ...]
    axis: str = "time"
    reference: str | None = None
    annotations: tuple[Annotation, ...] = ()
    problems: tuple[Problem, ...] = ()
    coverage: Mapping[Modality, Coverage] = field(default_factory=dict)
    meta: Mapping[str, Any] = field(default_factory=dict)

    def stream(self, stream_id: str) -> Stream:
        """The stream of that id; KeyError where there is none."""
        for stream in self.streams:
            if stream.id == stream_id:
                return stream
        raise KeyError(stream_id)

    def of(self, *modalities: Modality) -> tuple[Stream, ...]:
        """The streams of these modalities, in the record's order."""
        return tuple(stream for stream in self.streams if stream.modality in modalities)

    @property
    def span(self) -> Span:
        """From 0, or the earliest start before it, to the end of the last stream on the reference timeline.

        Labels do not stretch a record: one outside it stays outside. (0, 0) where nothing has a known span.
        """
        spans = [span for stream in self.streams if (span := stream.reference_span) is not None]
        if not spans:
            labels = [span for label in self.annotations if (span := label.span) is not None]
            return (0, max((end for _, end in labels), default=0))
        return (min(0, *(start for start, _ in spans)), max(0, *(end for _, end in spans)))


def coverage_of(
    told: Mapping[Modality, Coverage], found: Collection[Modality], modalities: Iterable[Modality]
) -> dict[Modality, Coverage]:
    """What is there of each of a dataset's modalities in a record: what its reader told, else whether a
    stream of it was found.
    """
    return {
        each: told.get(each, Coverage.PRESENT if each in found else Coverage.ABSENT) for each in modalities
    }


def default_reference(streams: Iterable[Stream]) -> str | None:
    """The first video by name, else the longest sound, else the longest of all; ties by name."""
    streams = sorted(streams, key=lambda stream: stream.id)
    videos = [stream for stream in streams if stream.modality is Modality.VIDEO]
    if videos:
        return videos[0].id
    sounds = [stream for stream in streams if stream.modality is Modality.AUDIO]

    def length(stream: Stream) -> int:
        return 0 if stream.span is None else stream.span[1] - stream.span[0]

    longest = max(sounds or streams, key=length, default=None)
    return None if longest is None else longest.id


class Dataset(Protocol):
    """What a reader opens. The index is an Arrow table, one row a record, sorted as the curator sees them.

    Columns of the index: `record_id` (string), `modalities` (list of strings: what the layout promises; what
    is in the dataset's list but not in a row's is absent there), then the dataset's own columns.
    """

    root: Path
    reader: str
    index: pa.Table
    layout: str
    """How the files were told apart, in one sentence for the curator."""
    problems: tuple[Problem, ...]
    leftover: tuple[str, ...]
    """Files that no record took, relative to the root."""
    ambiguous: tuple[str, ...]
    """What could have been read otherwise, one sentence each."""

    def load(self, record_id: str) -> Record:
        """The record with its streams' spans known, labels read and problems listed.

        Raises InspectorError for an unknown id; bad files inside it become the record's problems.
        """
        ...
