"""When every frame of an MP4 or MOV track is shown, from the file's own sample tables.

FFmpeg tells each frame's pts only by reading the whole film, which takes as long as the disk takes for it.
The tables (ISO/IEC 14496-12: stts 8.6.1.2, ctts 8.6.1.3, stss 8.6.2) say the same in a few megabytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from inspector.core.times import NS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

MOST_MOOV = 1 << 28
"""Bytes of tables that are read: 256 MiB is a film of a week."""
MOST_SAMPLES = 1 << 26
FIRST = frozenset((b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"styp", b"moof", b"sidx"))


@dataclass(frozen=True, slots=True)
class SampleTimes:
    """A track's samples in the order in which they are decoded, in the track's own time base.

    `dts` and `pts` (n,) without any edit list; `key` (n,) bool; `last` is how long the last one lasts.
    """

    dts: NDArray[np.int64]
    pts: NDArray[np.int64]
    key: NDArray[np.bool_]
    last: int


def begins_as_mp4(path: Path) -> bool:
    """Whether the first box is one that an MP4 or MOV begins with. OSError where it cannot be read."""
    with path.open("rb") as file:
        return file.read(8)[4:] in FIRST


def sample_times(path: Path, track_id: int) -> SampleTimes | None:
    """The tables of one track; None where there are none that can be used (fragments, or a broken file)."""
    try:
        with path.open("rb") as file:
            moov = _find_moov(file)
        return None if moov is None else _track(moov, track_id, path.stat().st_size)
    except (OSError, ValueError, OverflowError):
        return None


def find_box(file: BinaryIO, wanted: bytes, at: int, end: int) -> tuple[int, int] | None:
    """Where the content of the first box of a kind begins and ends, among those that lie side by side."""
    for _ in range(4096):
        box = box_at(file, at, end)
        if box is None:
            return None
        kind, inside, at = box
        if kind == wanted:
            return inside, at
    return None


def box_at(file: BinaryIO, at: int, end: int) -> tuple[bytes, int, int] | None:
    """The kind of the box that begins there, where its content begins, and where it ends."""
    if at + 8 > end:
        return None
    file.seek(at)
    head = file.read(16)
    size, kind, inset = int.from_bytes(head[:4], "big"), head[4:8], 8
    if size == 1:
        size, inset = int.from_bytes(head[8:16], "big"), 16
    elif size == 0:
        size = end - at
    if size < inset or at + size > end:
        return None
    return kind, at + inset, at + size


def _find_moov(file: BinaryIO) -> memoryview | None:
    """The content of the box `moov`, before or behind the media data."""
    found = find_box(file, b"moov", 0, file.seek(0, 2))
    if found is None or found[1] - found[0] > MOST_MOOV:
        return None
    file.seek(found[0])
    return memoryview(file.read(found[1] - found[0]))


def _boxes(data: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    at = 0
    while at + 8 <= len(data):
        size, kind, inset = int.from_bytes(data[at : at + 4], "big"), bytes(data[at + 4 : at + 8]), 8
        if size == 1:
            size, inset = int.from_bytes(data[at + 8 : at + 16], "big"), 16
        elif size == 0:
            size = len(data) - at
        if size < inset or at + size > len(data):
            raise ValueError("a box is larger than what holds it")
        yield kind, data[at + inset : at + size]
        at += size


def _inside(data: memoryview, *path: bytes) -> memoryview | None:
    for name in path:
        found = next((content for kind, content in _boxes(data) if kind == name), None)
        if found is None:
            return None
        data = found
    return data


def _track(moov: memoryview, track_id: int, size: int) -> SampleTimes | None:
    for kind, trak in _boxes(moov):
        header = _inside(trak, b"tkhd") if kind == b"trak" else None
        if header is None:
            continue
        at = 20 if header[0] == 1 else 12
        if int.from_bytes(header[at : at + 4], "big") == track_id:
            table = _inside(trak, b"mdia", b"minf", b"stbl")
            boxes = {} if table is None else dict(_boxes(table))
            return _times(boxes) if _all_there(boxes, size) else None
    return None


def _all_there(table: dict[bytes, memoryview], size: int) -> bool:
    """Whether the last chunk of samples (stco or co64, 8.7.5) begins inside the file."""
    if b"co64" in table:
        words = _words(table[b"co64"], 2)
        return not len(words) or int((words[:, 0] << 32 | words[:, 1]).max()) < size
    return b"stco" in table and int(_words(table[b"stco"], 1).max(initial=0)) < size


def _times(table: dict[bytes, memoryview]) -> SampleTimes | None:
    if b"stts" not in table:
        return None
    runs = _words(table[b"stts"], 2)
    count = int(runs[:, 0].sum())
    if not 0 < count <= MOST_SAMPLES:
        return None
    steps = np.repeat(runs[:, 1], runs[:, 0])
    dts = np.concatenate([[0], np.cumsum(steps)[:-1]])
    pts = dts
    if b"ctts" in table:
        shifts = _words(table[b"ctts"], 2)
        if int(shifts[:, 0].sum()) != count:
            return None
        signed = np.where(shifts[:, 1] >= 1 << 31, shifts[:, 1] - (1 << 32), shifts[:, 1])
        pts = dts + np.repeat(signed, shifts[:, 0])
    key = np.ones(count, bool)
    if b"stss" in table:
        places = _words(table[b"stss"], 1)[:, 0] - 1
        if len(places) and (places.min() < 0 or places.max() >= count):
            return None
        key = np.zeros(count, bool)
        key[places] = True
    return SampleTimes(dts, pts, key, int(steps[-1]))


def _words(box: memoryview, width: int) -> NDArray[np.int64]:
    """The entries of a full box whose entries are `width` 32-bit numbers, shape (n, width)."""
    count = int.from_bytes(box[4:8], "big")
    if 8 + count * width * 4 > len(box):
        raise ValueError("a table is shorter than it says")
    return np.frombuffer(box, ">u4", count * width, 8).astype(np.int64).reshape(-1, width)


Shown = tuple[int | None, int | None]
"""From when to when a track is shown, in ns of its own timeline; None for as far as it goes."""


def set_edits(path: Path, shown: Mapping[int, Shown]) -> None:
    """Let tracks (counted from 0) of an MP4 be shown from the very frame that starts at a time, up to a time.

    What comes before and after is hidden, not cut. A frame that lies over the start cannot stay: FFmpeg would
    show the rest later by what of it is hidden. So an empty edit goes up to the first whole one (8.6.6).
    ValueError where the tables do not lie at the file's end, or a track has no edit list.
    """
    with path.open("r+b") as file:
        size = file.seek(0, 2)
        found = find_box(file, b"moov", 0, size)
        if found is None or found[1] != size or size - found[0] > MOST_MOOV:
            raise ValueError("its tables do not lie at its end")
        file.seek(found[0])
        moov = memoryview(file.read(size - found[0]))
        header = _inside(moov, b"mvhd")
        if header is None:
            raise ValueError("it has no header")
        scale = _scale(header)
        parts, track = [], 0
        for kind, content in _boxes(moov):
            if kind == b"trak":
                if track in shown:
                    content = memoryview(_edited(content, scale, shown[track]))
                track += 1
            parts.append(_box(kind, bytes(content)))
        file.seek(found[0] - 8)
        file.write(_box(b"moov", b"".join(parts)))
        file.truncate()


def _box(kind: bytes, content: bytes) -> bytes:
    return (len(content) + 8).to_bytes(4, "big") + kind + content


def _scale(header: memoryview) -> int:
    """Ticks a second, by a movie's (8.2.2) or a track's header (8.4.2)."""
    at = 20 if header[0] == 1 else 12
    return int.from_bytes(header[at : at + 4], "big")


def _edited(trak: memoryview, scale: int, shown: Shown) -> bytes:
    """A track's boxes with another edit list."""
    header, edits = _inside(trak, b"mdia", b"mdhd"), _inside(trak, b"edts", b"elst")
    if header is None or edits is None:
        raise ValueError("a track has no edit list")
    rate = _scale(header)
    wide = 8 if edits[0] == 1 else 4
    empty, lasts, media = 0, 0, 0
    for row in range(int.from_bytes(edits[4:8], "big")):
        at = 8 + row * (2 * wide + 4)
        lasts = int.from_bytes(edits[at : at + wide], "big")
        media = int.from_bytes(edits[at + wide : at + 2 * wide], "big", signed=True)
        if media >= 0:
            break
        empty += lasts
    end = empty + lasts
    start = empty if shown[0] is None else round(shown[0] * scale / NS)
    if shown[0] is not None:
        media += round(shown[0] * rate / NS) - round(empty * rate / scale)
    if shown[1] is not None:
        end = min(end, round(shown[1] * scale / NS))
    rows = ([(start, -1)] if start > 0 else []) + [(max(end - start, 0), media)]
    body = b"\1\0\0\0" + len(rows).to_bytes(4, "big")
    for length, at in rows:
        body += length.to_bytes(8, "big") + at.to_bytes(8, "big", signed=True) + b"\0\1\0\0"
    parts = []
    for kind, content in _boxes(trak):
        data = bytes(content)
        if kind == b"edts":
            data = _box(b"elst", body)
        elif kind == b"tkhd":
            at, width = (28, 8) if data[0] == 1 else (20, 4)
            data = data[:at] + min(end, 256**width - 1).to_bytes(width, "big") + data[at + width :]
        parts.append(_box(kind, data))
    return b"".join(parts)
