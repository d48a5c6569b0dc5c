"""What an annotator's file says of the media its labels were made on, and where the media here differ.

Labels made on another cut, another rate or a proxy of a recording look right and are late: the first thing
to know of a file that comes back is whether it speaks of the same media.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from inspector.core.model import Modality
from inspector.core.times import NS, clock_text, s_from_ns

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from inspector.core.model import Annotation, Stream

LENGTH_TOLERANCE_NS = 50_000_000
"""Compressed sound is padded by up to this at its ends."""

RATE_TOLERANCE = 5e-4
"""Half of what parts 29.97 from 30 frames a second."""


BY_FOLDER = 4
"""The likeness of two paths that agree in name and folder."""


@dataclass(frozen=True, slots=True)
class MadeOn:
    """One medium as a file of labels names it; None for what it does not say.

    `name` is a path or an address, never opened, only compared; `kind` is a modality or "". `rate` is in
    frames or samples a second, `frames` their number. `start_ns` and `duration_ns` are the medium's first
    moment and length in the file's time; `origin_ns` is added to a time of the file to give the medium's own.
    """

    name: str
    kind: str = ""
    relative: str = ""
    rate: float | None = None
    frames: int | None = None
    duration_ns: int | None = None
    start_ns: int | None = None
    origin_ns: int = 0

    def plain(self) -> dict[str, Any]:
        """For a record's meta and for JSON; only what is known."""
        told = {
            "name": self.name,
            "kind": self.kind,
            "rate": self.rate,
            "frames": self.frames,
            "duration_s": None if self.duration_ns is None else s_from_ns(self.duration_ns),
            "start_s": None if self.start_ns is None else s_from_ns(self.start_ns),
            "origin_s": s_from_ns(self.origin_ns) if self.origin_ns else None,
        }
        return {key: value for key, value in told.items() if value not in (None, "")}


_UPLOADED = re.compile(r"^[0-9a-f]{8}-(?=.)")
"""What Label Studio puts before the name of a file that was uploaded to it."""


def parts_of(path: str) -> list[str]:
    """A path or address from its root to its name, in lower case; `?d=` is Label Studio's local storage."""
    text = path.split("://", 1)[-1].replace("\\", "/").lower()
    base, _, query = text.partition("?")
    text = query[2:] if query.startswith("d=") else base
    parts = [part for part in text.split("/") if part not in ("", ".", "..")]
    return [*parts[:-1], *(_UPLOADED.sub("", part) for part in parts[-1:])]


def same_medium(made: MadeOn, streams: Iterable[Stream], by_name: bool = False) -> Stream | None:
    """The stream whose file is meant, None where none or several could be.

    By the longest end of the relative or full path, then by the stem alone (films are re-encoded), then as
    the only one of its kind (not with `by_name`). Of several that are named alike one of the kind goes before
    others, and a file of its own before a track of a film. Nothing is opened: the paths in such files are
    those of another machine.
    """
    listed = [each for each in streams if each.modality in (Modality.VIDEO, Modality.AUDIO, Modality.IMAGE)]
    if made.kind == Modality.TEXT:
        listed = [each for each in streams if each.modality is Modality.TEXT]
    scored = []
    for stream in listed:
        alike = max((likeness(name, stream) for name in (made.relative, made.name) if name), default=0)
        if alike:
            of_kind = made.kind in ("", stream.modality)
            scored.append(((alike, of_kind, "#" not in stream.id), stream))
    if scored:
        most = max(score for score, _ in scored)
        found = [stream for score, stream in scored if score == most]
        return found[0] if len({stream.source.path for stream in found}) == 1 else None
    found = [each for each in listed if made.kind in ("", each.modality)]
    return None if by_name or len({stream.source.path for stream in found}) != 1 else found[0]


def likeness(name: str, stream: Stream) -> int:
    """How much of a path's end is that of the stream's file: 1 the stem, 2 the name, more above."""
    own, wanted = parts_of(stream.source.path.as_posix()), parts_of(name)
    alike = 0
    for a, b in zip(reversed(own), reversed(wanted), strict=False):
        if a != b:
            break
        alike += 1
    if alike or not own or not wanted:
        return 2 * alike
    stem = PurePosixPath(own[-1]).stem
    return int(stem in (PurePosixPath(wanted[-1]).stem, wanted[-1]))


def differences(made: MadeOn, stream: Stream, labels: Sequence[Annotation] = ()) -> tuple[str, ...]:
    """Where the stream here is not what the labels were made on, a sentence each.

    `labels` are those anchored to the stream, in its local time: one past its end is a difference too.
    """
    told: list[str] = []
    here = stream.source.path.name
    if made.rate is not None and stream.rate and abs(made.rate / stream.rate - 1) > RATE_TOLERANCE:
        told.append(f"made on media of {made.rate:g} a second, where {here} has {stream.rate:g}")
    frames = stream.meta.get("frames")
    if made.frames is not None and isinstance(frames, int) and frames and abs(made.frames - frames) > 1:
        told.append(f"made on {made.frames} frames, where {here} has {frames}")
    if stream.span is None:
        return tuple(told)
    start, end = stream.span
    slack = max(LENGTH_TOLERANCE_NS, round(NS / stream.rate) if stream.rate else 0)
    if made.duration_ns is not None and abs(made.duration_ns - (end - start)) > slack:
        told.append(
            f"made on media of {clock_text(made.duration_ns)}, where {here} lasts {clock_text(end - start)}"
        )
    if made.start_ns is not None and abs(made.start_ns + made.origin_ns - start) > slack:
        told.append(
            f"made on media that start at {clock_text(made.start_ns + made.origin_ns)}, where {here} starts "
            f"at {clock_text(start)}"
        )
    late = [
        anchor.span[1]
        for label in labels
        for anchor in label.anchors
        if anchor.stream_id == stream.id and anchor.span is not None and anchor.span[1] > end + slack
    ]
    if late:
        told.append(
            f"{len(late)} label{'s' * (len(late) > 1)} past the end of {here} ({clock_text(end)}), the last "
            f"at {clock_text(max(late))}"
        )
    return tuple(told)
