"""What is in a film or a sound file: tracks, true spans, and whether the file was cut short.

Spans come from packets, not from the header: a live-recorded WebM declares no duration, a file cut off by a
full disk declares too much. Only the head and the tail are read where that settles it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from itertools import islice
from typing import TYPE_CHECKING, Any

from inspector.core.times import NS, clock_text, ns_from_s
from inspector.errors import InspectorError
from inspector.media.opening import open_unprobed, reason

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import av
    import av.container

PTS_ZERO = frozenset({"mov", "mp4", "m4a", "3gp", "3g2", "mj2", "matroska", "webm", "avi"})
"""Containers whose local zero is pts 0; all others count from their start_time."""

ENOUGH_BYTES = 1 << 20
"""Of the head and of the tail of a film of many bytes a second no more is read than settles its span."""

TAIL_S = 4
"""How far before the declared end the tail is read first."""

LATEST_NS = 1 << 61
"""73 years: a clock that was set runs from 1970 at most, and what is past this is a broken stamp."""

COVER = 0x400
"""The disposition of a picture that is attached to a sound."""

MOST_RIFF = 0x7FFE_FFFF
"""What a RIFF file may declare; from here on it is what programs write into a pipe, knowing no length."""

BACKWARDS_S = Fraction(1, 2)
REORDERED = 16
"""Stamps that step back by more than this, and by more than so many frames, are no reordering."""

MOST_PACKETS = 64
"""A track that gives no picture within so many packets is not asked how it is turned."""


@dataclass(frozen=True, slots=True)
class Track:
    """One stream of a container. `span` is local ns (see `zero_ns`), None where no packet carries a time.

    `kind` is video, audio, subtitle, data or attachment; `rate` is frames or samples per second;
    `declared_end_ns` is what the header promises; `rotation` (degrees) is how far the picture is turned
    counter-clockwise to stand upright; `cover` marks a still (album art) stored as a video track.
    """

    index: int
    kind: str
    codec: str
    span: tuple[int, int] | None = None
    declared_end_ns: int | None = None
    rate: float | None = None
    width: int = 0
    height: int = 0
    rotation: int = 0
    channels: int = 0
    frames: int = 0
    language: str = ""
    title: str = ""
    cover: bool = False

    @property
    def truncated(self) -> bool:
        """Whether data ends clearly before the header says: by more than 0.25 s and 1 %."""
        if self.span is None or self.declared_end_ns is None:
            return False
        missing = self.declared_end_ns - self.span[1]
        return missing > NS // 4 and missing * 100 > self.declared_end_ns - self.span[0]


@dataclass(frozen=True, slots=True)
class MediaInfo:
    """A container, seen from outside. `zero_ns` is the pts that local time 0 has; add it to seek."""

    container: str
    zero_ns: int
    tracks: tuple[Track, ...]
    problems: tuple[str, ...] = ()
    """Why not all of it can be read."""
    notes: tuple[str, ...] = ()
    """What is wrong with it though all of it is read: where the packets that were looked at say so."""

    def to_json(self) -> dict[str, Any]:
        """Plain values for a pipe or a cache."""
        return asdict(self)

    @classmethod
    def from_json(cls, plain: dict[str, Any]) -> MediaInfo:
        """The inverse of `to_json`."""
        tracks = tuple(
            Track(**{**track, "span": tuple(track["span"]) if track["span"] else None})
            for track in plain["tracks"]
        )
        problems, notes = tuple(plain["problems"]), tuple(plain["notes"])
        return cls(plain["container"], plain["zero_ns"], tracks, problems, notes)


def container_zero_ns(box: av.container.InputContainer) -> int:
    """The pts, in ns, that is local time 0 in this container (design.md, idea 2)."""
    if PTS_ZERO & set(box.format.name.split(",")) or box.start_time is None:
        return 0
    zero = int(box.start_time) * 1000
    return zero if abs(zero) <= LATEST_NS else 0


def probe(path: Path) -> MediaInfo:
    """Read a file's head and tail. Raises InspectorError where FFmpeg cannot open it at all.

    Runs the demuxer in this process: callers that must survive a crash go through `inspector.media.child`.
    """
    import av

    try:
        with open_unprobed(path) as box:
            info = _read(box, av)
            torn = _torn(path) if info.container in ("avi", "wav") else ()
            return replace(info, problems=info.problems + torn)
    except (av.FFmpegError, OSError, ValueError) as error:
        raise InspectorError(
            "The file cannot be read as film or sound",
            f"{path}: {reason(error)}",
            "Check the copy against its origin",
        ) from error


def _torn(path: Path) -> tuple[str, ...]:
    """Whether a RIFF file is shorter than it says: FFmpeg counts the frames that are there, no more."""
    with path.open("rb") as file:
        head = file.read(8)
        size = file.seek(0, 2)
    declared = int.from_bytes(head[4:], "little") + 8
    if head[:4] != b"RIFF" or declared <= size or declared > MOST_RIFF:
        return ()
    return (f"cut short: {size} of a declared {declared} bytes are there",)


def _read(box: av.container.InputContainer, av: Any) -> MediaInfo:
    zero = container_zero_ns(box)
    starts: dict[int, int] = {}
    ends: dict[int, int] = {}
    problems: list[str] = []
    wild: set[int] = set()
    films = (stream for stream in box.streams.video if not int(stream.disposition) & COVER)
    stamps = {stream.index: _Stamps() for stream in films}
    timed = {stream.index for stream in box.streams if stream.type in ("video", "audio")}

    def scan(until_starts: bool) -> bool:
        """Note packet times; True where the demuxer stopped on an error rather than at the end."""
        count = taken = 0
        try:
            for packet in box.demux():
                if packet.size == 0:
                    continue
                taken += packet.size
                index = packet.stream.index
                if index in stamps:
                    stamps[index].note(packet, zero)
                if packet.pts is None or packet.time_base is None:
                    continue
                start = ns_from_s(packet.pts * packet.time_base) - zero
                length = ns_from_s((packet.duration or 0) * packet.time_base)
                if abs(start) > LATEST_NS or not 0 <= length <= LATEST_NS:
                    wild.add(index)
                    continue
                if until_starts or not seeked:
                    known = starts.get(index, start)
                    starts[index] = _shown_first(known, start) if index in stamps else min(known, start)
                ends[index] = max(ends.get(index, start), start + length)
                count += 1
                enough = count > 40 or (count > 16 and taken > ENOUGH_BYTES)  # frames come out of order by 16
                if until_starts and (count > 400 or (enough and timed <= starts.keys())):
                    return False
        except av.FFmpegError as error:
            problems.append(f"reading stopped: {error.strerror}")
            return True
        return False

    seeked = False
    declared = {stream.index: _declared_end_ns(box, stream, zero) for stream in box.streams}
    known = [end for index, end in declared.items() if index in timed and end is not None]
    longest = max(known, default=0)
    scan(until_starts=True)
    seeked = True
    tail = min(TAIL_S * NS, max(NS // 2, longest * ENOUGH_BYTES // max(box.size, 1)))
    settled = bool(known) and longest > 2 * TAIL_S * NS and _seek(box, longest + zero - tail, av, True)
    if settled:
        broken = scan(until_starts=False)
        # A tail that holds nothing near the promised end means a cut file: count from the start then.
        settled = not broken and max((ends[i] for i in ends if i in timed), default=0) > longest - tail
    if not settled:
        problems.clear()
        _seek(box, zero, av) or _seek(box, 0, av)
        seeked = False
        for index, seen in stamps.items():  # a seek may land past the first key frame: that is known already
            stamps[index] = _Stamps(before_key=seen.before_key, keyed=seen.keyed)
        scan(until_starts=False)
    problems += [f"track {index} holds times past belief, which are left out" for index in sorted(wild)]
    tracks = (_track(stream, starts, ends, declared[stream.index]) for stream in box.streams)
    return MediaInfo(
        container=box.format.name,
        zero_ns=zero,
        tracks=tuple(replace(track, rotation=_rotation(box, track, zero, av)) for track in tracks),
        problems=tuple(problems),
        notes=tuple(note for index, seen in stamps.items() for note in seen.told(index)),
    )


@dataclass(slots=True)
class _Stamps:
    """How far the stamps of one picture track can be believed, from the packets that were seen."""

    packets: int = 0
    without: int = 0
    before_key: int = 0
    keyed: bool = False
    back_ns: int | None = None
    """Where they first run backwards, in decoding order."""
    _newest: Fraction | None = None

    def note(self, packet: Any, zero: int) -> None:
        self.packets += 1
        self.keyed |= packet.is_keyframe
        self.before_key += not self.keyed
        stamp = packet.dts if packet.dts is not None else packet.pts
        if stamp is None or packet.time_base is None:
            self.without += 1
            return
        at = stamp * packet.time_base
        # Where a container keeps no time of decoding, B-frames step back by some frames.
        step = max(BACKWARDS_S, REORDERED * (packet.duration or 0) * packet.time_base)
        if self._newest is not None and at < self._newest - step and self.back_ns is None:
            self.back_ns = ns_from_s(self._newest) - zero
        self._newest = at

    def told(self, index: int) -> Iterator[str]:
        if self.without:
            share = f"{self.without} of {self.packets} frames"
            yield f"{share} of track {index} that were looked at carry no time and are not shown"
        if self.before_key and self.keyed:
            first = f"its first {self.before_key} frames may not be shown"
            yield f"track {index} begins within a group of pictures: {first}"
        if self.back_ns is not None:
            place = clock_text(self.back_ns)
            yield f"the times of track {index} jump backwards at {place}: what shares a time is shown mixed"


def _shown_first(one: int, other: int) -> int:
    """The earlier start of two frames: those before 0 are hidden by an edit list, unless all are."""
    return min(one, other) if (one < 0) is (other < 0) else max(one, other)


def _seek(box: av.container.InputContainer, pts_ns: int, av: Any, any_frame: bool = False) -> bool:
    try:
        box.seek(max(pts_ns // 1000, 0), any_frame=any_frame)
    except (av.FFmpegError, OSError):
        return False
    return True


def _rotation(box: av.container.InputContainer, track: Track, zero: int, av: Any) -> int:
    """Telephones film lying and note how to turn it, which PyAV tells of decoded frames only."""
    if track.kind != "video" or track.cover or track.span is None:
        return 0
    stream: Any = box.streams[track.index]
    _seek(box, zero, av) or _seek(box, 0, av)
    try:
        for packet in islice(box.demux(stream), MOST_PACKETS):
            for frame in packet.decode():
                degrees: int = round(frame.rotation) % 360
                return degrees
    except av.FFmpegError:
        pass  # nothing can be decoded: there is nothing to turn
    return 0


def _declared_end_ns(box: av.container.InputContainer, stream: Any, zero: int) -> int | None:
    end = None
    # Matroska declares where it ends, or how long it is from its first stamp: writers differ. A film that is
    # whole by either is not called cut.
    from_start = "matroska" not in box.format.name
    if stream.duration is not None and stream.time_base is not None:
        start = (stream.start_time or 0) if from_start else 0
        end = ns_from_s((stream.duration + start) * stream.time_base) - zero
    elif box.duration is not None and stream.type in ("video", "audio"):
        end = int(box.duration) * 1000 + (int(box.start_time or 0) * 1000 if from_start else 0) - zero
    return end if end is not None and abs(end) <= LATEST_NS else None


def _track(stream: Any, starts: dict[int, int], ends: dict[int, int], declared_ns: int | None) -> Track:
    context = stream.codec_context
    common = {
        "index": stream.index,
        "kind": stream.type,
        "codec": context.codec.canonical_name if context is not None else "",
        "declared_end_ns": declared_ns,
        "language": stream.metadata.get("language", ""),
        "title": stream.metadata.get("title", "") or stream.metadata.get("handler_name", ""),
    }
    start, end = starts.get(stream.index), ends.get(stream.index)
    if stream.type == "video" and context is not None:
        rate = stream.average_rate or stream.guessed_rate
        if start is not None and end is not None and rate and end == start:
            end = start + ns_from_s(1 / Fraction(rate))
        common |= {
            "rate": float(rate) if rate else None,
            "width": context.width,
            "height": context.height,
            "frames": stream.frames,
            "cover": bool(int(stream.disposition) & COVER),
        }
    elif stream.type == "audio" and context is not None:
        common |= {"rate": float(context.sample_rate), "channels": context.channels}
    span = None if start is None or end is None else (max(start, 0) if stream.type == "audio" else start, end)
    return Track(span=span, **common)
