"""Every frame of a film track, by presentation timestamp, found without decoding and kept on disk.

Three ways to the same index: what an earlier run kept, an MP4's own sample tables, and reading the packets.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import OrderedDict
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from inspector.core.cache import user_cache
from inspector.core.files import write_atomic
from inspector.core.memory import give_back
from inspector.core.model import Source
from inspector.core.times import NS
from inspector.errors import Cancelled, InspectorError
from inspector.media.mp4 import begins_as_mp4, sample_times
from inspector.media.one_track import long_tables
from inspector.media.opening import open_track, reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

MAGIC = 0x496E646578303031
"""What a kept index begins with; another layout gets another number."""
CHECKED = 48
"""Packets that are read at each of a few places of an MP4 to see that its tables tell the truth."""
SMALL = 48 << 20
"""A film of so many bytes is read through at once; of a larger one a stretch is read first."""
REGION_BEHIND = 240
"""Packets that are read behind the time for which a stretch is read, where no key frame comes before."""
REGION_LEAST, REGION_BYTES = 32, 4 << 20
"""Or fewer, where so many bytes were read: behind a slow disk the first picture waits for them."""
REORDER = 20
"""Packets read behind a stretch, which may hold frames that are shown inside it."""
CHECKED_BYTES = 1 << 20
MAPPED = 100_000
"""Frames from which on an index is used as it lies in the cache, mapped."""
"""Or fewer, where they are large: behind a slow disk each costs time."""
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
    open_start: bool = False
    open_end: bool = False
    """Whether there is more film before and behind: of a stretch, numbers count from its own first frame."""

    def __len__(self) -> int:
        return len(self.pts)

    def at(self, local_ns: int) -> int | None:
        """The number of the frame shown at a local time, None before the first and from the end on."""
        if not len(self.pts) or local_ns >= self.end_ns:
            return None
        # bisect, not numpy: that lets go of Python's lock, which decoders then take from who paints.
        number = bisect_right(self.start_ns, local_ns) - 1
        return number if number >= 0 else None

    def frame_span(self, number: int) -> tuple[int, int]:
        """When the frame is on, local ns: until the next one starts."""
        last = number + 1 >= len(self.start_ns)
        return int(self.start_ns[number]), self.end_ns if last else int(self.start_ns[number + 1])

    def number_of(self, pts: int) -> int | None:
        """The number of the frame with exactly that pts."""
        at = bisect_left(self.pts, pts)
        return at if at < len(self.pts) and self.pts[at] == pts else None

    def key_before(self, number: int) -> int:
        """The number of the key frame from which `number` is decoded."""
        place = bisect_right(self.key_pts, self.pts[number]) - 1
        if place < 0:
            return number
        return min(bisect_left(self.pts, self.key_pts[place]), number)

    @property
    def longest_gop_ns(self) -> int:
        """The longest time from one key frame to the next, or to the end."""
        if not len(self.pts):
            return 0
        places = np.searchsorted(self.pts, self.key_pts).clip(0, len(self.pts) - 1)
        keys = np.concatenate([[self.start_ns[0]], self.start_ns[places], [self.end_ns]])
        return int(np.diff(np.sort(keys)).max())

    def of(self, source: Source) -> FrameIndex:
        """What of a whole film's index belongs to a source, which may be a stretch of it."""
        if source.start_ns is None and source.end_ns is None:
            return self
        return self.cut(source.start_ns or 0, source.end_ns)

    @property
    def whole(self) -> bool:
        """Whether this is all of the film."""
        return not (self.open_start or self.open_end)

    def holds(self, local_ns: int) -> bool:
        """Whether it is known which frame is shown at a time; of a whole film it always is."""
        if not len(self):
            return self.whole
        return (not self.open_start or local_ns >= int(self.start_ns[0])) and (
            not self.open_end or local_ns < int(self.start_ns[-1])
        )

    def grown(self, pts: int, base: Fraction) -> FrameIndex:
        """With one more frame behind the last, for a stretch that is read on."""
        known, new = scale_pts(np.array([self.pts[-1], pts], np.int64), base)
        start = int(self.start_ns[-1]) + int(new - known)
        return replace(
            self,
            pts=np.append(self.pts, pts),
            start_ns=np.append(self.start_ns, start),
            end_ns=start + start - int(self.start_ns[-1]),
        )

    def cut(self, start_ns: int, end_ns: int | None) -> FrameIndex:
        """The frames that start in `[start_ns, end_ns)`, with local time 0 at `start_ns`."""
        # Times cut out of a longer film come as floats of frame counts: forgive a microsecond.
        end = self.end_ns if end_ns is None else min(end_ns, self.end_ns)
        chosen = (self.start_ns >= start_ns - 1000) & (self.start_ns < end - 1000)
        return FrameIndex(
            self.pts[chosen],
            self.start_ns[chosen] - start_ns,
            end - start_ns,
            self.key_pts,
            self.key_seek,
            self.open_start,
            self.open_end,
        )


_NONE = np.empty(0, np.int64)
EMPTY = FrameIndex(_NONE, _NONE, 0, _NONE, _NONE, open_start=True, open_end=True)
"""Of a film of which nothing is known yet."""


def frame_index(path: Path, track: int, stop: Callable[[], bool] | None = None) -> FrameIndex:
    """The index of a track: known, kept on disk, or made now. The last 64 stay in memory.

    Raises InspectorError for an unreadable film, and Cancelled where `stop` says yes.
    """
    with _one_at_a_time(_key(path, track), stop):
        known = known_index(path, track)
        if known is None:
            known = _kept_as(path, track, build_index(path, track, stop))
    return known


@contextmanager
def _one_at_a_time(key: tuple[str, int, int, int], stop: Callable[[], bool] | None) -> Iterator[None]:
    """Whoever asks for an index that is being made waits for it, and does not read the film again."""
    with _lock:
        mine = _making.setdefault(key, Lock())
    while not mine.acquire(timeout=0.1):
        if stop is not None and stop():
            raise Cancelled(key[0])
    try:
        yield
    finally:
        mine.release()
        with _lock:
            _making.pop(key, None)


def known_index(path: Path, track: int) -> FrameIndex | None:
    """The index where it takes no reading of the film; InspectorError where the film is gone."""
    with _lock:
        known = _indexes.get(_key(path, track))
    if known is None:
        known = _kept(path, track)
        if known is not None:
            _remember(path, track, known)
    return known


def quick_index(path: Path, track: int, stop: Callable[[], bool] | None = None) -> FrameIndex | None:
    """The index where it costs little: known, of a small film, or in an MP4's tables; else None."""
    import av

    known = known_index(path, track)
    if known is not None:
        return known
    try:
        if path.stat().st_size <= SMALL:
            return frame_index(path, track, stop)
        if not begins_as_mp4(path):
            return None
        with _tables_turn(path):
            box, stream = open_track(Source(path, "av", track=track), "video")
            with box:
                found = _from_tables(path, track, box, stream)
                index = None if found is None else _indexed(box, stream, *found)
    except (av.FFmpegError, OSError, IndexError, ValueError) as error:
        raise InspectorError("The film cannot be read", f"{path}: {reason(error)}") from error
    if index is None:
        return None
    return _kept_as(path, track, index)


def read_region(box: Any, stream: Any, source: Source, local_ns: int) -> FrameIndex:
    """The frames from the key frame before a time of `source` to a second or more behind it.

    What is shown at the end may hide in packets that come later: they are read on, and the region ends where
    nothing can be missing. Empty where the film gives no packets there.
    """
    import av

    from inspector.media.probe import PTS_ZERO, container_zero_ns

    base = _base(stream)
    by_pts = bool(PTS_ZERO & set(box.format.name.split(",")))
    zero = container_zero_ns(box)
    wanted_ns = local_ns + (source.start_ns or 0) + zero
    wanted = int(Fraction(wanted_ns, NS) / base)
    try:
        # A little earlier: the last frames before a key frame are shown before it, and stored behind it.
        box.seek(max(0, wanted - int(Fraction(1, 2) / base)), stream=stream, backward=True)
    except (av.FFmpegError, OSError):
        box.seek(0)
    pts: list[int] = []
    keys: list[tuple[int, int]] = []
    end: int | None = None
    behind = later = taken = 0
    for packet in _packets(box, stream):
        stamp = packet.pts if packet.pts is not None else packet.dts
        if stamp is None or packet.size == 0:
            continue
        if not keys and not packet.is_keyframe:
            continue  # nothing before the first key frame can be decoded
        if packet.is_keyframe:
            keys.append((stamp, stamp if by_pts or packet.dts is None else packet.dts))
            if end is None and (stamp - wanted) * base > 1:
                end = stamp
        pts.append(stamp)
        later += stamp > wanted
        taken += packet.size
        behind += end is not None
        if behind > REORDER:
            break
        if end is None and (later > REGION_BEHIND or (later > REGION_LEAST and taken > REGION_BYTES)):
            end = sorted(pts)[-REORDER]
            break
    else:
        end = None
    first = min(keys)[0] if keys else 0
    last = end if end is not None else max(pts, default=0) + 1
    begins = stream.start_time if stream.start_time is not None else 0
    index = _indexed(
        box,
        stream,
        np.array([each for each in pts if first <= each < last], np.int64),
        np.array([key for key, _ in keys if key < last], np.int64),
        np.array([seek for key, seek in keys if key < last], np.int64),
        0,
    )
    return replace(index, open_start=first > begins, open_end=end is not None).of(source)


def build_index(path: Path, track: int, stop: Callable[[], bool] | None = None) -> FrameIndex:
    """Make the index without decoding. Broken packets end it; InspectorError if unreadable."""
    import av

    try:
        source = Source(path, "av", track=track)
        with _tables_turn(path):
            box, stream = open_track(source, "video")
            with box:
                found = _from_tables(path, track, box, stream)
                if found is not None:
                    return _indexed(box, stream, *found)
        box, stream = open_track(source, "video")  # the look at the tables moved the other one
        with box:
            return _indexed(box, stream, *_from_packets(path, box, stream, stop))
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


def _from_tables(path: Path, track: int, box: Any, stream: Any) -> _Found | None:
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
    if not len(key_pts) or not _packets_agree(box, stream, np.sort(pts), set(key_pts.tolist())):
        return None
    return pts, key_pts, key_pts, table.last


def _packets_agree(box: Any, stream: Any, pts: NDArray[np.int64], keys: set[int]) -> bool:
    """Whether the packets at the start, in the middle and at the end have these stamps."""
    for place in (0, len(pts) // 2, max(0, len(pts) - CHECKED)):
        if place:
            box.seek(int(pts[place]), stream=stream, backward=True)
        seen, taken = -1, 0
        for seen, packet in enumerate(_packets(box, stream)):
            taken += packet.size
            if packet.size == 0 or seen >= CHECKED or (taken > CHECKED_BYTES and seen > 3):
                break
            at = -1 if packet.pts is None else int(np.searchsorted(pts, packet.pts))
            if not 0 <= at < len(pts) or pts[at] != packet.pts:
                return False
            if packet.is_keyframe != (packet.pts in keys):
                return False
        if seen < min(CHECKED, len(pts) - place) - 1 and taken <= CHECKED_BYTES:
            return False  # the tables promise more than the file holds
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
_making: dict[tuple[str, int, int, int], Lock] = {}
_lock = Lock()
_reading = Lock()


@contextmanager
def _tables_turn(path: Path) -> Iterator[None]:
    """Long tables are read one film after the other: FFmpeg's, ours and what is made of them take ten times
    what is kept."""
    if not long_tables(path):
        yield
        return
    try:
        with _reading:
            yield
    finally:
        give_back()


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


def _kept_as(path: Path, track: int, index: FrameIndex) -> FrameIndex:
    """Keep it on disk and in memory; a long one mapped, of which only what is looked at is held."""
    _keep(path, track, index)
    if len(index) > MAPPED:
        index = _kept(path, track) or index
    _remember(path, track, index)
    return index


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
