"""Into what a film or a sound can be remuxed, so that its file carries the times that a time map gives it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from inspector.core.timemap import TimeMap, map_span
from inspector.core.times import NS
from inspector.errors import InspectorError
from inspector.media.told import in_row

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inspector.media.probe import MediaInfo, Track

STRETCH_NS = 250_000
"""A map that is nowhere further than this from a plain shift is one: a sound need not be made anew for it."""
_MP4 = frozenset(["mov", "mp4", "m4a", "3gp", "3g2", "mj2"])
_MATROSKA = frozenset(["matroska", "webm"])
_IN_MP4 = frozenset(in_row("h264 hevc av1 vp9 mpeg4 mpeg2video mjpeg aac mp3 opus flac ac3 eac3 alac"))
_SAMPLES = {"wav": ".wav", "w64": ".wav", "aiff": ".wav", "caf": ".wav", "au": ".wav", "flac": ".flac"}


@dataclass(frozen=True, slots=True)
class Order:
    """What is wanted: each track's map from the file's local time, by its number, and from when to when.

    Tracks that are not named are left out. From `start_ns` (0 or later) on, on the reference timeline, things
    are shown; what comes before is hidden or cut, and so is what comes from `end_ns` on.
    """

    maps: Mapping[int, TimeMap]
    start_ns: int = 0
    end_ns: int | None = None

    def to_json(self) -> dict[str, Any]:
        """For a pipe."""
        maps = [[track, each.anchors] for track, each in self.maps.items()]
        return {"maps": maps, "start": self.start_ns, "end": self.end_ns}

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Order:
        """The inverse of `to_json`."""
        maps = {int(track): TimeMap(tuple((a, b) for a, b in anchors)) for track, anchors in plain["maps"]}
        return cls(maps, plain["start"], plain["end"])


@dataclass(frozen=True, slots=True)
class Form:
    """How a file is to be made: its `ending`, whether of samples or of packets, and the tracks whose sound is
    made anew."""

    ending: str
    samples: bool
    anew: frozenset[int] = frozenset()


class NotCarried(InspectorError):
    """The file can carry no such times; `title` says why, for any file of its kind."""


def rises(timemap: TimeMap) -> bool:
    """Whether reference time never falls, so that what follows in a file still does."""
    return all(b[1] >= a[1] for a, b in pairwise(timemap.anchors))


def stretches(timemap: TimeMap, span: tuple[int, int]) -> bool:
    """Whether a map is more than shifts over a span: each stretch between its jumps by a shift of its own."""
    inner = sorted({span[0], span[1], *(at for at, _ in timemap.anchors if span[0] < at < span[1])})
    for start, end in pairwise(inner):
        moved = timemap.to_reference(end - 1) - timemap.to_reference(start)
        if abs(moved - (end - 1 - start)) > STRETCH_NS:
            return True
    return False


def form_of(info: MediaInfo, order: Order) -> Form:
    """How a file can be made. NotCarried where it cannot, with the reason for any file of its kind."""
    tracks = {track.index: track for track in info.tracks if track.index in order.maps}
    if not tracks or any(track.span is None for track in tracks.values()):
        raise NotCarried("a track without times cannot be given others")
    if not all(rises(order.maps[index]) for index in tracks):
        raise NotCarried("a time map that runs backwards cannot be written into a film or a sound")
    anew = frozenset(
        index
        for index, track in tracks.items()
        if track.kind == "audio" and track.span and stretches(order.maps[index], track.span)
    )
    if any(tracks[index].channels > 2 for index in anew):
        raise NotCarried("sound of more than two channels is not resampled")
    names = set(info.container.split(","))
    alone = len(tracks) == 1 and next(iter(tracks.values())).kind == "audio"
    if alone:
        track = next(iter(tracks.values()))
        ending = next((ending for name, ending in _SAMPLES.items() if name in names), None)
        if ending is not None and (track.codec.startswith("pcm_") or track.codec == "flac"):
            jumps = len(order.maps[track.index].anchors) > 1 and not anew
            if jumps and track.channels > 2:
                raise NotCarried("sound of more than two channels is not put together anew")
            return Form(ending, True, frozenset(tracks) if anew or jumps else frozenset())
        if anew:
            return Form(".flac", True, anew)
    if any(track.kind not in ("video", "audio") for track in tracks.values()):
        raise NotCarried("tracks that are neither picture nor sound are not copied")
    early = any(_first_ns(track, order) < order.start_ns for track in tracks.values())
    codecs = {track.codec for track in tracks.values() if track.index not in anew}
    if names & _MP4:
        return Form(".mov" if any(each.startswith("pcm_") for each in codecs) else "", False, anew)
    film = any(track.kind == "video" for track in tracks.values())
    if names & _MATROSKA and not early and order.end_ns is None:
        return Form(".mkv" if anew else "", False, anew)
    samples = {each for each in codecs if each.startswith("pcm_")}
    if codecs - samples <= _IN_MP4:
        return Form(".mov" if samples else ".mp4" if film else ".m4a", False, anew)
    if not early and order.end_ns is None:
        return Form(".mkv" if film else ".mka", False, anew)
    raise NotCarried(
        f"{', '.join(sorted(codecs - _IN_MP4))} fits into no container that hides what lies before the start"
    )


def _first_ns(track: Track, order: Order) -> int:
    """Where a track's first packet may come to lie: priming comes before its span."""
    assert track.span is not None
    return order.maps[track.index].to_reference(track.span[0]) - (NS // 10 if track.kind == "audio" else 0)


def wanted(track: Track, order: Order) -> tuple[int, int]:
    """A track's span in the file that is asked for."""
    assert track.span is not None
    start, end = map_span(order.maps[track.index], track.span)
    return max(start, order.start_ns), end if order.end_ns is None else min(end, order.end_ns)
