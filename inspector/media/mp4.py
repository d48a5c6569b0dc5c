"""When every frame of an MP4 or MOV track is shown, from the file's own sample tables.

FFmpeg tells each frame's pts only by reading the whole film, which takes as long as the disk takes for it.
The tables (ISO/IEC 14496-12: stts 8.6.1.2, ctts 8.6.1.3, stss 8.6.2) say the same in a few megabytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

MOST_MOOV = 1 << 28
"""Bytes of tables that are read: 256 MiB is a film of a week."""
MOST_SAMPLES = 1 << 26


@dataclass(frozen=True, slots=True)
class SampleTimes:
    """A track's samples in the order in which they are decoded, in the track's own time base.

    `dts` and `pts` (n,) without any edit list; `key` (n,) bool; `last` is how long the last one lasts.
    """

    dts: NDArray[np.int64]
    pts: NDArray[np.int64]
    key: NDArray[np.bool_]
    last: int


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
