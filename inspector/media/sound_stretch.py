"""A stretch of a long MP4's or MOV's sound, told to FFmpeg as if the file had no more than that.

FFmpeg keeps a table of every sample of a track that it has open: 60 MB for ten hours of AAC, each time that
it is opened. Here it gets the file with another box `moov` in the old one's place (ISO/IEC 14496-12, 8.2.1):
the track has its first samples, those of the stretch, and now and then one in between, since a step from one
sample to the next has but 31 bits. All have the times and the bytes that they have in the file.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from inspector.media.mp4 import box_at, find_box
from inspector.media.one_track import LONG_BYTES

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO

    from numpy.typing import NDArray

HEAD = 256
"""Samples at the start that are always there: by them FFmpeg tells the rate and where time 0 lies."""
BEHIND, AHEAD = 2048, 16_384
"""Samples of a stretch before and from the time for which it is made: 43 s and 6 min of AAC at 48 kHz."""
LONGEST = 1 << 30
"""Ticks from one sample that is told of to the next."""
SMALL = 1 << 16
"""Bytes of a box that is handed on as it is; a larger one is no header."""
MOST_ENTRIES = 1 << 22
"""Of a table that is read at once."""


@dataclass(frozen=True, slots=True)
class SoundStretch:
    """`data` stands at `place` of the file; sound is there from `first` to before `end`, ticks of the track.

    `last` says that there is no more of the track behind it.
    """

    place: int
    data: bytes
    first: int
    end: int
    last: bool


@dataclass(frozen=True, slots=True)
class SoundTables:
    """The tables of one sound track, of which only what is short is held."""

    path: Path
    moov: tuple[int, int]
    """Where its content begins and ends."""
    head: bytes
    """The boxes of the movie that are no track."""
    wrapped: tuple[tuple[bytes, bytes], ...]
    """From `trak` inwards to `stbl`: the kind of each box, and what else is in it."""
    delta: NDArray[np.int64]
    """Ticks of each run of samples, and..."""
    run: NDArray[np.int64]
    """...the number of its first sample, with one more for the end; `begins` is when it begins."""
    begins: NDArray[np.int64]
    chunk_first: NDArray[np.int64]
    """The first chunk of each run of chunks with equally many samples, ..."""
    chunk_size: NDArray[np.int64]
    """...how many, and..."""
    chunk_run: NDArray[np.int64]
    """...the number of the run's first sample."""
    sizes_at: int
    """Where the sizes lie in the file, four bytes each, and..."""
    offsets_at: int
    """...where the chunks' places do, of `wide` bytes each."""
    wide: int
    count: int

    def around(self, ticks: int) -> SoundStretch:
        """The stretch about a time. OSError or ValueError where the file is not as it was."""
        run = max(int(np.searchsorted(self.begins, ticks, "right")) - 1, 0)
        run = min(run, len(self.delta) - 1)
        sample = int(self.run[run]) + (ticks - int(self.begins[run])) // max(int(self.delta[run]), 1)
        sample = min(max(sample, 0), self.count - 1)
        low, high = max(sample - BEHIND, 0), min(sample + AHEAD, self.count)
        every = max(LONGEST // max(int(self.delta.max()), 1), 1)
        told = np.concatenate([np.arange(min(HEAD, low)), np.arange(0, low, every), np.arange(low, high)])
        told = np.unique(told)
        times = self._times(np.append(told, high))
        steps = np.diff(times)
        if steps.max(initial=0) >= 1 << 31:
            raise ValueError("its samples lie too far apart")
        with self.path.open("rb") as file:
            parts = [told[told < low], told[told >= low]]
            sizes, places = (
                np.concatenate(each)
                for each in zip(*(self._where(file, part) for part in parts if len(part)), strict=True)
            )
        inner = b"".join(
            (
                _full(b"stts", np.stack([np.ones(len(told), np.int64), steps], 1).astype(">u4")),
                _full(b"stsc", np.array([[1, 1, 1]], ">u4")),
                _full(b"stsz", sizes.astype(">u4"), extra=b"\0\0\0\0"),
                _full(b"co64", places.astype(">u8")),
            )
        )
        for kind, beside in reversed(self.wrapped):
            inner = _box(kind, beside + inner)
        data = self.head + inner
        room = self.moov[1] - self.moov[0] - len(data)
        if room < 8:
            raise ValueError("the stretch is as long as the film")
        data += room.to_bytes(4, "big") + b"free"
        first = int(times[np.searchsorted(told, low)])
        return SoundStretch(self.moov[0], data, first, int(times[-1]), high == self.count)

    def _times(self, samples: NDArray[np.int64]) -> NDArray[np.int64]:
        run = np.minimum(np.searchsorted(self.run, samples, "right") - 1, len(self.delta) - 1)
        times: NDArray[np.int64] = self.begins[run] + (samples - self.run[run]) * self.delta[run]
        return times

    def _where(
        self, file: BinaryIO, samples: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """How large samples are, and where they lie."""
        run = np.searchsorted(self.chunk_run, samples, "right") - 1
        within = samples - self.chunk_run[run]
        chunk = self.chunk_first[run] + within // self.chunk_size[run]
        begin = self.chunk_run[run] + within // self.chunk_size[run] * self.chunk_size[run]
        sizes, places = np.zeros(len(samples), np.int64), np.zeros(len(samples), np.int64)
        # Neighbours are read in one piece, and those that stand alone one by one.
        for part in np.split(np.arange(len(samples)), np.flatnonzero(np.diff(samples) > 1) + 1):
            first, last = int(begin[part[0]]), int(samples[part[-1]])
            size = _numbers(file, self.sizes_at + 4 * first, last + 1 - first, 4)
            before = np.concatenate([[0], np.cumsum(size)])
            chunks = int(chunk[part[0]]), int(chunk[part[-1]])
            offset = _numbers(
                file, self.offsets_at + self.wide * chunks[0], chunks[1] + 1 - chunks[0], self.wide
            )
            sizes[part] = size[samples[part] - first]
            places[part] = (
                offset[chunk[part] - chunks[0]] + before[samples[part] - first] - before[begin[part] - first]
            )
        return sizes, places


def sound_tables(path: Path, track: int) -> SoundTables | None:
    """Those of a sound track of a long file; None where it is to be opened as it is."""
    try:
        found = path.stat()
        return _tables(path, track, found.st_size, found.st_mtime_ns)
    except (OSError, ValueError):
        return None


@lru_cache(maxsize=32)
def _tables(path: Path, track: int, size: int, _mtime_ns: int) -> SoundTables | None:
    with path.open("rb") as file:
        moov = find_box(file, b"moov", 0, size)
        if moov is None or moov[1] - moov[0] < LONG_BYTES or find_box(file, b"mvex", *moov) is not None:
            return None
        traks = [each for each in _inside(file, moov) if each[0] == b"trak"]
        if not 0 <= track < len(traks):
            return None
        head = _beside(file, moov, b"trak")
        wrapped, place = [], (traks[track][1], traks[track][2])
        for kind, inner in ((b"trak", b"mdia"), (b"mdia", b"minf"), (b"minf", b"stbl")):
            wrapped.append((kind, _beside(file, place, inner)))
            place = _one(file, place, inner)
        tables = {kind: (at, end) for kind, at, end in _inside(file, place)}
        if (
            b"ctts" in tables
            or b"stss" in tables
            or not _plain_edits(file, (traks[track][1], traks[track][2]))
        ):
            return None
        wrapped.append((b"stbl", _box(b"stsd", _bytes(file, *tables[b"stsd"]))))
        runs = _table(file, tables[b"stts"], 2)
        groups = _table(file, tables[b"stsc"], 3)
        sizes_at = tables[b"stsz"][0] + 12
        fixed, count = _numbers(file, tables[b"stsz"][0] + 4, 2, 4).tolist()
        wide = 8 if b"co64" in tables else 4
        offsets = tables[b"co64" if wide == 8 else b"stco"]
        chunks = int(_numbers(file, offsets[0] + 4, 1, 4)[0])
        if fixed or not len(runs) or not len(groups) or (groups[:, 2] != 1).any() or (groups[:, 1] < 1).any():
            return None
        past = np.append(groups[1:, 0], chunks + 1) - groups[:, 0]
        run_samples = np.concatenate([[0], np.cumsum(past * groups[:, 1])])
        run = np.concatenate([[0], np.cumsum(runs[:, 0])])
        ends_at = max(sizes_at + 4 * count - tables[b"stsz"][1], offsets[0] + 8 + wide * chunks - offsets[1])
        if int(run[-1]) != count or int(run_samples[-1]) != count or (past < 1).any() or ends_at > 0:
            return None
        begins = np.concatenate([[0], np.cumsum(runs[:-1, 0] * runs[:-1, 1])])
        return SoundTables(
            path, moov, head, tuple(wrapped), runs[:, 1], run, begins, groups[:, 0] - 1, groups[:, 1],
            run_samples[:-1], sizes_at, offsets[0] + 8, wide, count,
        )  # fmt: skip


def _plain_edits(file: BinaryIO, trak: tuple[int, int]) -> bool:
    """Whether all that is heard begins among the first samples, and no later than the tables say."""
    edts = find_box(file, b"edts", *trak)
    if edts is None:
        return True
    data = _bytes(file, *_one(file, edts, b"elst"))
    wide = 8 if data[0] == 1 else 4
    media = int.from_bytes(data[8 + wide : 8 + 2 * wide], "big", signed=True)
    return int.from_bytes(data[4:8], "big") == 1 and 0 <= media < HEAD * 512


def _inside(file: BinaryIO, place: tuple[int, int]) -> list[tuple[bytes, int, int]]:
    found, (at, end) = [], place
    while (box := box_at(file, at, end)) is not None:
        found.append(box)
        at = box[2]
    return found


def _one(file: BinaryIO, place: tuple[int, int], kind: bytes) -> tuple[int, int]:
    found = find_box(file, kind, *place)
    if found is None:
        raise ValueError(f"it has no {kind.decode('latin-1')}")
    return found


def _beside(file: BinaryIO, place: tuple[int, int], left_out: bytes) -> bytes:
    """The boxes there but for one kind, and for what is too long for a header."""
    return b"".join(
        _box(kind, _bytes(file, at, end))
        for kind, at, end in _inside(file, place)
        if kind != left_out and end - at <= SMALL
    )


def _bytes(file: BinaryIO, at: int, end: int) -> bytes:
    if end - at > SMALL:
        raise ValueError("a header is too long")
    file.seek(at)
    return file.read(end - at)


def _numbers(file: BinaryIO, at: int, count: int, wide: int) -> NDArray[np.int64]:
    """`count` numbers of 4 or 8 bytes each."""
    if count > MOST_ENTRIES:
        raise ValueError("a table is too long")
    file.seek(at)
    data = file.read(count * wide)
    if len(data) < count * wide:
        raise ValueError("a table is shorter than it says")
    return np.frombuffer(data, f">u{wide}").astype(np.int64)


def _table(file: BinaryIO, place: tuple[int, int], width: int) -> NDArray[np.int64]:
    count = int(_numbers(file, place[0] + 4, 1, 4)[0])
    if place[0] + 8 + count * width * 4 > place[1]:
        raise ValueError("a table is shorter than it says")
    return _numbers(file, place[0] + 8, count * width, 4).reshape(-1, width)


def _box(kind: bytes, content: bytes) -> bytes:
    return (len(content) + 8).to_bytes(4, "big") + kind + content


def _full(kind: bytes, entries: NDArray[Any], extra: bytes = b"") -> bytes:
    return _box(kind, b"\0\0\0\0" + extra + len(entries).to_bytes(4, "big") + entries.tobytes())
