"""The streams of one LeRobot episode: its part of each film and its rows of the data file.

Times are frame counts over the frame rate. The capture times are gone, so every stream of the record lies on
one nominal clock, and a film is never corrected towards the rows or the other way round.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from inspector.core.model import Clock, Coverage, Modality, Problem, Source, Stream
from inspector.core.times import NS, s_from_ns
from inspector.errors import InspectorError
from inspector.media.table import distinct_fields
from inspector.readers.lerobot_meta import unreadable
from inspector.readers.lerobot_v3 import data_runs

if TYPE_CHECKING:
    from collections.abc import Mapping
    from fractions import Fraction
    from pathlib import Path

    from inspector.core.model import Span
    from inspector.media.probe import MediaInfo, Track
    from inspector.readers.lerobot_layout import Fence, Places
    from inspector.readers.lerobot_meta import Feature

SNAP_S = 1e-4
"""LeRobot's own tolerance: a stamp this near to a frame is meant to be that frame's."""

SOUND_SLACK_NS = NS // 4
"""How much shorter than its film a sound may be before it counts as cut short."""


def frame_ns(seconds: float, fps: Fraction | None) -> tuple[int, bool]:
    """A film time in ns, on the nearest frame's own time where it is one within SNAP_S, and whether it is.

    The stamps are sums of float32 and float64 fractions: unsnapped, a frame falls into the wrong episode.
    """
    if fps is not None:
        frame = round(seconds * float(fps))
        if abs(seconds - float(frame / fps)) <= SNAP_S:
            return frames_ns(frame, fps), True
    return round(seconds * NS), fps is None


def frames_ns(frames: int, fps: Fraction) -> int:
    """How long so many frames last."""
    return round(frames * NS / fps)


@dataclass
class Episode:
    """What is being put together: the streams found so far, what went wrong, and the states of coverage."""

    fence: Fence
    record_id: str
    number: int
    frames: int | None
    fps: Fraction | None
    streams: list[Stream] = field(default_factory=list)
    trouble: list[tuple[str, str]] = field(default_factory=list)
    states: dict[Modality, list[Coverage]] = field(default_factory=dict)

    @property
    def clock(self) -> Clock:
        """The one clock of the record."""
        return Clock(f"nominal:{self.record_id}", "nominal")

    @property
    def expected_ns(self) -> int | None:
        """How long the episode is by its frame count, None where that or the rate is unknown."""
        return None if self.frames is None or not self.fps else frames_ns(self.frames, self.fps)

    def say(self, path: str, message: str) -> None:
        """Note what is wrong with a file."""
        self.trouble.append((path, message))

    def note(self, modality: Modality, state: Coverage) -> None:
        """Note what is there of one feature."""
        self.states.setdefault(modality, []).append(state)

    def problems(self) -> tuple[Problem, ...]:
        """One line for each file that is wrong, with what still works beside it."""
        names = [stream.id for stream in self.streams]
        if not names:
            works = "the record opens without streams"
        elif len(names) > 3:
            works = f"{', '.join(names[:2])} and {len(names) - 2} more streams still open"
        else:
            works = f"{', '.join(names)} still open" + ("s" if len(names) == 1 else "")
        return tuple(Problem(path, message, works) for path, message in self.trouble)

    def coverage(self, declared: tuple[Modality, ...]) -> Mapping[Modality, Coverage]:
        """One state for each declared modality, the most telling of its features'."""
        order = (
            Coverage.TRUNCATED,
            Coverage.PRESENT,
            Coverage.UNREADABLE,
            Coverage.EMPTY,
            Coverage.UNKNOWN,
        )
        result = {}
        for modality in declared:
            states = self.states.get(modality, [])
            result[modality] = next((state for state in order if state in states), Coverage.ABSENT)
        return result


def file_of(episode: Episode, places: Places, row: int, what: str) -> tuple[str, Path] | None:
    """The file of a feature, relative and whole, or None with a line that says why there is none."""
    name = places.path(row)
    if not name:
        episode.say("meta/episodes", f"names no file for {what}")
        return None
    try:
        path = episode.fence.path(name)
    except InspectorError as error:
        episode.say(name, f"is not opened: {error.title[0].lower()}{error.title[1:]}")
        return None
    if not path.is_file():
        episode.say(name, f"{what} is missing")
        return None
    return name, path


# --- films and sounds -----------------------------------------------------------------------------


def probe(path: Path) -> MediaInfo:
    """The tracks of a film, asked in a child process."""
    from inspector.media.child import probe as probe_in_child

    return probe_in_child(path)


def add_media(episode: Episode, feature: Feature, places: Places, row: int) -> None:
    """Add a film, the sound in it where info.json promises one, or a sound file."""
    modality = Modality.AUDIO if feature.kind == "audio" else Modality.VIDEO
    promised = [modality] + [Modality.AUDIO] * (feature.sound and modality is Modality.VIDEO)
    found = file_of(episode, places, row, f"{feature.kind} {feature.key}")
    if found is None:
        return
    name, path = found
    try:
        info = probe(path)
    except InspectorError as error:
        for each in promised:
            episode.note(each, Coverage.UNREADABLE)
        # The detail repeats the path, which the line starts with.
        reason = error.detail.removeprefix(str(path)).lstrip(": ")
        episode.say(name, error.title[0].lower() + error.title[1:] + (f" ({reason})" if reason else ""))
        return
    for message in (*info.problems, *info.notes):
        episode.say(name, message)
    cut = _cut(episode, name, places, row)
    if cut is None:
        for each in promised:
            episode.note(each, Coverage.UNKNOWN)
        return
    for each in promised:
        track = next((t for t in info.tracks if t.kind == each.value and not t.cover), None)
        if track is None:
            episode.say(name, f"holds no {each.value} track")
            episode.note(each, Coverage.EMPTY)
            continue
        stream_id = feature.key if each is modality else f"{feature.key}#audio"
        source = Source(path, "av", track=track.index, start_ns=cut[0], end_ns=cut[1])
        meta = {
            "codec": track.codec,
            "container": info.container,
            "dtype": feature.dtype,
            "truncated": False,
        }
        _add_track(episode, name, Stream(stream_id, each, source, episode.clock, meta=meta), track, feature)


def _cut(episode: Episode, name: str, places: Places, row: int) -> tuple[int | None, int | None] | None:
    """The episode's part of the film in the film's time; (None, None) is all of it, None is unknown."""
    if places.start_s is None or places.end_s is None:
        return None, None
    start_s, end_s = float(places.start_s[row]), float(places.end_s[row])
    if not (math.isfinite(start_s) and 0 <= start_s < 1e9):
        episode.say(name, "it is not known where in the film this episode begins (no from_timestamp)")
        return None
    start, on_frame = frame_ns(start_s, episode.fps)
    if not on_frame:
        episode.say(name, f"from_timestamp {start_s:.6f} s lies between two frames of the film")
    if not (math.isfinite(end_s) and start_s < end_s < 1e9):
        expected = episode.expected_ns
        if math.isfinite(end_s):
            episode.say(name, f"to_timestamp {end_s:.6f} s is not after from_timestamp {start_s:.6f} s")
        return start, None if expected is None else start + expected
    end, _ = frame_ns(end_s, episode.fps)
    if episode.fps and episode.frames is not None:
        frames = round((end - start) * episode.fps / NS)
        if frames != episode.frames:
            episode.say(name, f"its part of the film is {frames} frames long, the table has {episode.frames}")
    return start, end


def _add_track(episode: Episode, name: str, stream: Stream, track: Track, feature: Feature) -> None:
    video = stream.modality is Modality.VIDEO
    start, end = stream.source.start_ns, stream.source.end_ns
    held = track.span
    if held is None:
        episode.say(name, f"its {stream.modality.value} track holds no data")
        episode.note(stream.modality, Coverage.EMPTY)
        return
    if video:
        held = (held[0], frame_ns(held[1] / NS, episode.fps)[0])
    span = (held[0] - (start or 0), held[1] - (start or 0))
    expected = episode.expected_ns
    if start is not None:
        span = (max(span[0], 0), span[1] if end is None else min(span[1], end - start))
        if end is not None:
            expected = end - start
    if span[1] <= span[0]:
        at = s_from_ns(start or 0)
        message = f"the film ends at {s_from_ns(held[1]):.3f} s, before this episode's part ({at:.3f} s)"
        episode.say(name, message)
        episode.note(stream.modality, Coverage.EMPTY)
        return
    truncated = _check_length(episode, name, track, span, expected, whole=start is None)
    episode.note(stream.modality, Coverage.TRUNCATED if truncated else Coverage.PRESENT)
    rate = track.rate
    meta: dict[str, Any] = {**stream.meta, "truncated": truncated}
    if video:
        rate = float(episode.fps) if episode.fps else track.rate
        counted = track.frames if start is None else 0
        frames = counted or (round((span[1] - span[0]) * rate / NS) if rate else 0)
        meta |= {"width": track.width, "height": track.height, "frames": frames, "depth": feature.depth}
        if episode.fps and track.rate and abs(track.rate / float(episode.fps) - 1) > 1e-3:
            told = f"info.json says {float(episode.fps):g}"
            episode.say(name, f"runs at {track.rate:g} frames a second, {told}: frames and rows drift apart")
    else:
        meta["channels"] = track.channels
    episode.streams.append(
        Stream(
            stream.id,
            stream.modality,
            stream.source,
            stream.clock,
            span=span,
            device=feature.key.rsplit(".", 1)[-1],
            rate=rate,
            meta=meta,
        )
    )


def _check_length(
    episode: Episode, name: str, track: Track, span: Span, expected: int | None, whole: bool
) -> bool:
    """Compare what the film holds with the frame count; True where the film ends early."""
    video = track.kind == "video"
    step = frames_ns(1, episode.fps) if episode.fps else NS // 25
    slack = step // 2 if video else max(SOUND_SLACK_NS, step)
    if expected is not None and expected - span[1] > slack:
        missing = f" ({round((expected - span[1]) / step)} frames are missing)" if video else ""
        ends, of = s_from_ns(span[1]), s_from_ns(expected)
        episode.say(name, f"the {track.kind} ends at {ends:.3f} s of {of:.3f} s{missing}")
        return True
    if whole and track.truncated and track.declared_end_ns is not None:
        ends, of = s_from_ns(span[1]), s_from_ns(track.declared_end_ns)
        episode.say(name, f"the {track.kind} ends at {ends:.3f} s, its header promises {of:.3f} s")
        return True
    if whole and video and episode.frames is not None and track.frames not in (0, episode.frames):
        episode.say(name, f"the film has {track.frames} frames, the table has {episode.frames}")
    return False


# --- rows -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Rows:
    """The episode's rows of a data file, and the columns that the file has."""

    name: str
    path: Path
    schema: pa.Schema
    start: int
    end: int
    whole: bool
    """Whether the file holds this episode only."""


def find_rows(episode: Episode, places: Places, row: int, promised: tuple[int, int] | None) -> Rows | None:
    """Open the data file and settle which rows are the episode's.

    `promised` are its rows by the episodes table where files are shared, else None. The file's own
    episode_index decides; where it disagrees with the table, that becomes a problem line.
    """
    found = file_of(episode, places, row, "the table of the data features")
    if found is None:
        return None
    name, path = found
    try:
        with pq.ParquetFile(path) as file:
            schema, total = distinct_fields(file.schema_arrow), file.metadata.num_rows
        if places.start_s is None and promised is None:
            return Rows(name, path, schema, 0, total, whole=True)
        pieces = data_runs(path).of(episode.number)
    except (OSError, ValueError, pa.ArrowException) as error:
        episode.say(name, unreadable(error))
        episode.note(Modality.SENSOR, Coverage.UNREADABLE)
        return None
    if promised is not None and not 0 <= promised[0] <= promised[1] <= total:
        promised = None
    if not pieces:
        if promised is None:
            episode.say(name, "holds no rows of this episode")
            episode.note(Modality.SENSOR, Coverage.EMPTY)
            return None
        if len(data_runs(path).episode):
            episode.say(name, "its episode_index does not name this episode; the rows by count are shown")
        pieces = [promised]
    if len(pieces) > 1:
        episode.say(name, f"the rows of this episode lie in {len(pieces)} pieces; the first is shown")
    elif promised is not None and pieces[0] != promised:
        rows, told = f"{pieces[0][0]} to {pieces[0][1]}", f"{promised[0]} to {promised[1]}"
        episode.say(name, f"its episode_index says rows {rows}, the episodes table {told}; its own are shown")
    return Rows(name, path, schema, *pieces[0], whole=False)


def add_numbers(episode: Episode, features: list[Feature], rows: Rows) -> None:
    """Add a sensor stream for each numeric feature that the file has as a column."""
    count = rows.end - rows.start
    if episode.frames is not None and count != episode.frames:
        episode.say(rows.name, f"has {count} rows, the episodes table counts {episode.frames}")
    names = rows.schema.names
    for feature in features:
        if feature.key not in names:
            episode.say(rows.name, f"has no column {feature.key}")
            continue
        if not _numeric(rows.schema.field(feature.key).type):
            kind = rows.schema.field(feature.key).type
            episode.say(rows.name, f"{feature.key} is {kind}, not numbers; it is not shown yet")
            continue
        if not count:
            episode.note(Modality.SENSOR, Coverage.EMPTY)
            continue
        short = episode.frames is not None and count < episode.frames
        episode.note(Modality.SENSOR, Coverage.TRUNCATED if short else Coverage.PRESENT)
        source = Source(
            rows.path,
            "table",
            columns=(feature.key,),
            time_column="timestamp" if "timestamp" in names else None,
            time_unit="s",
            row_start=None if rows.whole else rows.start,
            row_end=None if rows.whole else rows.end,
        )
        episode.streams.append(
            Stream(
                feature.key,
                Modality.SENSOR,
                source,
                episode.clock,
                span=(0, frames_ns(count, episode.fps)) if episode.fps else None,
                channels=feature.channels,
                rate=float(episode.fps) if episode.fps else None,
                meta={"dtype": feature.dtype, "rows": count},
            )
        )


def _numeric(kind: pa.DataType) -> bool:
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        kind = kind.value_type
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind))


def distinct(rows: Rows, column: str, limit: int = 64) -> list[Any]:
    """The different values of a column in the episode, by appearance; [] where it is unreadable."""
    if column not in rows.schema.names:
        return []
    try:
        with pq.ParquetFile(rows.path) as file:
            values = file.read([column]).column(column).slice(rows.start, rows.end - rows.start)
            plain: list[Any] = values.unique().drop_null().slice(0, limit).to_pylist()
    except (OSError, pa.ArrowException):
        return []
    return plain
