"""Every frame of a film track, by presentation timestamp, found without decoding and kept on disk.

Three ways to the same index: what an earlier run kept, an MP4's own sample tables, and reading the packets.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from fractions import Fraction
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from inspector.core.cache import user_cache
from inspector.core.files import write_atomic
from inspector.core.times import NS
from inspector.errors import Cancelled, InspectorError
from inspector.media.mp4 import sample_times
from inspector.media.opening import open_film, reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

MAGIC = 0x496E646578303031
"""What a kept index begins with; another layout gets another number."""
CHECKED = 48
"""Packets that are read at each of a few places of an MP4 to see that its tables tell the truth."""
LONG_GOP_NS = NS
"""A film whose key frames lie further apart than this is slow to seek in."""


@dataclass(frozen=True, slots=True)
class FrameIndex:
    """Every frame of one video track in presentation order.

    `pts` (n,) in the track's time base; `start_ns` (n,) the same in the file's local time (container zero
    taken off); `end_ns` where the last frame ends; `key_pts` the key frames' pts, and `key_seek` what to ask
    the demuxer for to land on each: MPEG-TS and PS look for a dts, and a pts would land behind the key.
    """

    pts: NDArray[np.int64]
    start_ns: NDArray[np.int64]
    end_ns: int
    key_pts: NDArray[np.int64]
    key_seek: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.pts)

    def at(self, local_ns: int) -> int | None:
        """The number of the frame shown at a local time, None before the first and from the end on."""
        if not len(self.pts) or local_ns >= self.end_ns:
            return None
        number = int(np.searchsorted(self.start_ns, local_ns, "right")) - 1
        return number if number >= 0 else None

    def frame_span(self, number: int) -> tuple[int, int]:
        """When the frame is on, local ns: until the next one starts."""
        last = number + 1 >= len(self.start_ns)
        return int(self.start_ns[number]), self.end_ns if last else int(self.start_ns[number + 1])

    def number_of(self, pts: int) -> int | None:
        """The number of the frame with exactly that pts."""
        at = int(np.searchsorted(self.pts, pts))
        return at if at < len(self.pts) and self.pts[at] == pts else None

    def key_before(self, number: int) -> int:
        """The number of the key frame from which `number` is decoded."""
        place = int(np.searchsorted(self.key_pts, self.pts[number], "right")) - 1
        if place < 0:
            return number
        return min(int(np.searchsorted(self.pts, self.key_pts[place])), number)

    @property
    def longest_gop_ns(self) -> int:
        """The longest time from one key frame to the next, or to the end."""
        if not len(self.pts):
            return 0
        places = np.searchsorted(self.pts, self.key_pts).clip(0, len(self.pts) - 1)
        keys = np.concatenate([[self.start_ns[0]], self.start_ns[places], [self.end_ns]])
        return int(np.diff(np.sort(keys)).max())

    def cut(self, start_ns: int, end_ns: int | None) -> FrameIndex:
        """The frames that start in `[start_ns, end_ns)`, with local time 0 at `start_ns`."""
        # Times cut out of a longer film come as floats of frame counts: forgive a microsecond.
        end = self.end_ns if end_ns is None else min(end_ns, self.end_ns)
        chosen = (self.start_ns >= start_ns - 1000) & (self.start_ns < end - 1000)
        return FrameIndex(
            self.pts[chosen], self.start_ns[chosen] - start_ns, end - start_ns, self.key_pts, self.key_seek
        )


def frame_index(path: Path, track: int, stop: Callable[[], bool] | None = None) -> FrameIndex:
    """The index of a track: known, kept on disk, or made now. The last 64 stay in memory.

    Raises InspectorError for an unreadable film, and Cancelled where `stop` says yes.
    """
    known = known_index(path, track)
    if known is None:
        known = build_index(path, track, stop)
        _keep(path, track, known)
    _remember(path, track, known)
    return known


def known_index(path: Path, track: int) -> FrameIndex | None:
    """The index where it takes no reading of the film; InspectorError where the film is gone."""
    with _lock:
        known = _indexes.get(_key(path, track))
    if known is None:
        known = _kept(path, track)
        if known is not None:
            _remember(path, track, known)
    return known


def build_index(path: Path, track: int, stop: Callable[[], bool] | None = None) -> FrameIndex:
    """Make the index without decoding. Broken packets end it; InspectorError if unreadable."""
    import av

    try:
        with open_film(path) as box:
            stream = box.streams[track]
            pts, keys, seeks, last_duration = _from_tables(path, box, stream) or _from_packets(
                path, box, stream, stop
            )
            return _indexed(box, stream, pts, keys, seeks, last_duration)
    except (av.FFmpegError, OSError, IndexError, ValueError) as error:
        raise InspectorError("The film cannot be read", f"{path}: {reason(error)}") from error


_Found = tuple["NDArray[np.int64]", "NDArray[np.int64]", "NDArray[np.int64]", int]
"""pts of all frames, pts of key frames, what to seek for to land on each, and how long the last one is."""


def _from_packets(path: Path, box: Any, stream: Any, stop: Callable[[], bool] | None) -> _Found:
    from inspector.media.probe import LATEST_NS, PTS_ZERO

    pts: list[int] = []
    keys: list[int] = []
    seeks: list[int] = []
    last_duration = 0
    latest = int(LATEST_NS / (_base(stream) * NS))
    by_pts = bool(PTS_ZERO & set(box.format.name.split(",")))
    for packet in _packets(box, stream):
        if stop is not None and stop():
            raise Cancelled(str(path))
        stamp = packet.pts if packet.pts is not None else packet.dts
        if stamp is None or packet.size == 0 or abs(stamp) > latest:
            continue
        pts.append(stamp)
        if packet.is_keyframe:
            keys.append(stamp)
            seeks.append(stamp if by_pts or packet.dts is None else packet.dts)
        last_duration = packet.duration or last_duration
    return np.array(pts, np.int64), np.array(keys, np.int64), np.array(seeks, np.int64), last_duration


def _packets(box: Any, stream: Any) -> Iterator[Any]:
    """Until the end, or what is broken: what came before that can be shown."""
    import av

    try:
        yield from box.demux(stream)
    except av.FFmpegError:
        return


def _from_tables(path: Path, box: Any, stream: Any) -> _Found | None:
    """The same from an MP4's tables, where FFmpeg reads it as they say; None where it does not.

    FFmpeg's own index of the file has the edit list applied, in decoding order: the tables only add how much
    later each frame is shown. A list that leaves frames out, or fragments, give another number of frames.
    """
    if "mov" not in box.format.name.split(","):
        return None
    table = sample_times(path, stream.id)
    entries = stream.index_entries
    if table is None or len(entries) != len(table.dts):
        return None
    count = len(table.dts)
    ahead = max(0, -int((table.pts - table.dts).min()))
    shift = int(entries[0].timestamp) + ahead - int(table.dts[0])
    places = sorted({0, count // 3, 2 * count // 3, count - 1})
    if any(int(entries[place].timestamp) + ahead != int(table.dts[place]) + shift for place in places):
        return None
    pts = table.pts + shift
    key_pts = pts[table.key]
    if not len(key_pts) or not _packets_agree(path, stream.index, np.sort(pts), set(key_pts.tolist())):
        return None
    return pts, key_pts, key_pts, table.last


def _packets_agree(path: Path, track: int, pts: NDArray[np.int64], keys: set[int]) -> bool:
    """Whether the packets at the start, in the middle and at the end have these stamps."""
    with open_film(path) as box:
        stream: Any = box.streams[track]
        for place in (0, len(pts) // 2, max(0, len(pts) - CHECKED)):
            if place:
                box.seek(int(pts[place]), stream=stream, backward=True)
            for seen, packet in enumerate(_packets(box, stream)):
                if packet.size == 0 or seen >= CHECKED:
                    break
                at = -1 if packet.pts is None else int(np.searchsorted(pts, packet.pts))
                if not 0 <= at < len(pts) or pts[at] != packet.pts:
                    return False
                if packet.is_keyframe != (packet.pts in keys):
                    return False
    return True


def _base(stream: Any) -> Fraction:
    return Fraction(stream.time_base or Fraction(1, NS))


def _indexed(
    box: Any,
    stream: Any,
    pts: NDArray[np.int64],
    keys: NDArray[np.int64],
    seeks: NDArray[np.int64],
    last_duration: int,
) -> FrameIndex:
    from inspector.media.probe import container_zero_ns

    base = _base(stream)
    rate = stream.average_rate or stream.guessed_rate
    # An edit list hides frames by negative pts; they are decoded on the way but never shown.
    order = np.unique(pts)
    key_pts, place = np.unique(keys, return_index=True)
    key_seek = seeks[place]
    start_ns = scale_pts(order, base) - container_zero_ns(box)
    shown = start_ns >= 0 if len(order) and (start_ns >= 0).any() else np.ones(len(order), bool)
    order, start_ns = order[shown], start_ns[shown]
    typical = round(NS / rate) if rate else NS // 25
    if len(order) > 1:
        typical = int(np.median(np.diff(start_ns)))
    last = int(scale_pts(np.array([last_duration], np.int64), base)[0]) if last_duration else typical
    end_ns = int(start_ns[-1]) + (last if 0 < last <= 4 * typical else typical) if len(order) else 0
    return FrameIndex(order, start_ns, end_ns, key_pts, key_seek)


def scale_pts(pts: NDArray[np.int64], base: Fraction) -> NDArray[np.int64]:
    """pts × base in ns, rounded; exact as long as the seconds and the rest are taken apart."""
    per_second = base.denominator // np.gcd(base.numerator, base.denominator)
    scaled = pts * base.numerator
    whole, rest = np.divmod(scaled, per_second)
    result: NDArray[np.int64] = whole * NS + (rest * NS + per_second // 2) // per_second
    return result


# -- in memory and on disk -----------------------------------------------------------------------------------

_indexes: OrderedDict[tuple[str, int, int, int], FrameIndex] = OrderedDict()
_lock = Lock()


def _key(path: Path, track: int) -> tuple[str, int, int, int]:
    try:
        stat = path.stat()
    except OSError as error:
        raise InspectorError(
            "The film is gone", f"{path}: {reason(error)}", "Restore it or correct its name"
        ) from error
    return str(path), track, stat.st_size, stat.st_mtime_ns


def _remember(path: Path, track: int, index: FrameIndex) -> None:
    with _lock:
        key = _key(path, track)
        _indexes[key] = index
        _indexes.move_to_end(key)
        while len(_indexes) > 64:
            _indexes.popitem(last=False)


def _keep(path: Path, track: int, index: FrameIndex) -> None:
    folder = user_cache().folder(path)
    if folder is None:
        return
    head = [MAGIC, len(index.pts), len(index.key_pts), index.end_ns]
    parts = [np.array(head, np.int64), index.pts, index.start_ns, index.key_pts, index.key_seek]
    write_atomic(folder / f"frames-{track}.i64", lambda beside: np.concatenate(parts).tofile(beside))


def _kept(path: Path, track: int) -> FrameIndex | None:
    folder = user_cache().folder(path)
    if folder is None:
        return None
    kept = folder / f"frames-{track}.i64"
    try:
        all_of_it = np.memmap(kept, np.int64, "r") if kept.stat().st_size >= 32 else None
    except (OSError, ValueError):
        return None
    if all_of_it is None or all_of_it[0] != MAGIC:
        return None
    frames, keys, end_ns = (int(each) for each in all_of_it[1:4])
    if min(frames, keys) < 0 or len(all_of_it) != 4 + 2 * frames + 2 * keys:
        return None
    pts, start_ns, key_pts, key_seek = (
        np.asarray(part) for part in np.split(all_of_it[4:], [frames, 2 * frames, 2 * frames + keys])
    )
    return FrameIndex(pts, start_ns, end_ns, key_pts, key_seek)
