"""A film's frames once more, small and each on its own: any of them is decoded in a millisecond or two.

A proxy is two files in the film's cache folder: JPEGs one behind the other, and a table of (offset, length)
by frame number, which the reader maps and the builder fills in as it goes. A picture is written before its
entry, so that a builder that dies leaves nothing torn, and one that comes later goes on where it stopped.
What a disk tore is found by the stamp before each picture, and built again. The builder runs in a child
process of low priority, group by group of frames from where the curator is.
"""

from __future__ import annotations

import json
import os
import struct
import sys
import threading
import zlib
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from filelock import FileLock, Timeout

from inspector.core.files import write_atomic
from inspector.core.model import Source
from inspector.media.frames import FrameIndex, frame_index
from inspector.media.hardware import verdicts
from inspector.media.video import Picture, VideoReader

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

MAGIC = 0x496E7350726F7832
LARGE, SMALL = (640, 360), (320, 180)
"""What a proxy's pictures fit into; the small size where the large one would take too much disk."""
QUALITY = 5
"""MPEG quantiser, 2 (best) to 31."""
BITS_PER_PIXEL = 0.8
"""What a JPEG of that quality takes of a busy film."""
HEAD = 4
"""int64 numbers before the table: MAGIC, frames, and the width and height that its pictures fit into."""
STAMP = struct.Struct("<qI")
"""Before each picture: its frame's number and the CRC-32 of its JPEG, so that no other is taken for it."""
KEYS_AT_ONCE = 8
"""Key frames that are written together."""
GONE = -1
"""The length of a frame that the film does not give."""


def names(track: int) -> tuple[str, str]:
    """The table's and the pictures' file name."""
    return f"proxy-{track}.i64", f"proxy-{track}.mjpg"


def estimate_bytes(frames: int, fit: tuple[int, int]) -> int:
    """What a proxy will take on disk, roughly."""
    return int(frames * (fit[0] * fit[1] * BITS_PER_PIXEL / 8 + 16))


@dataclass(frozen=True, slots=True)
class _Table:
    """The mapped table: rows (n, 2) of offset and length, 0 where nothing is written yet."""

    rows: NDArray[np.int64]
    fit: tuple[int, int]


def _open_table(path: Path, frames: int, mode: str) -> _Table | None:
    try:
        if path.stat().st_size != 8 * (HEAD + 2 * frames):
            return None
        data = np.memmap(path, np.int64, mode)  # type: ignore[call-overload]
    except (OSError, ValueError):
        return None
    if data[0] != MAGIC or data[1] != frames or not 0 < data[2] <= 4096 or not 0 < data[3] <= 4096:
        return None
    return _Table(data[HEAD:].reshape(-1, 2), (int(data[2]), int(data[3])))


def _torn(rows: NDArray[np.int64], size: int) -> NDArray[np.bool_]:
    """Which entries (n,) cannot be true of a picture file of `size` bytes: a disk may lose its end alone."""
    offset, length = rows[:, 0], rows[:, 1]
    false = (length < STAMP.size) | (offset < 0) | (offset > size - length)
    return np.asarray(false & (length != 0) & (length != GONE))


class ProxyReader:
    """The proxy of one film track as far as it is built. Not safe to use from two threads; `close` it."""

    def __init__(self, folder: Path, track: int, whole: FrameIndex, shown: FrameIndex) -> None:
        """`whole` is the film's index, `shown` the part of it whose numbers are asked for.

        Raises OSError where there is no proxy of this film.
        """
        import av

        self._index = shown
        table, pictures = names(track)
        found = _open_table(folder / table, len(whole), "r+") or _open_table(folder / table, len(whole), "r")
        if found is None:
            raise FileNotFoundError(folder / table)
        self._rows = found.rows
        self._file = os.open(folder / pictures, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        self._first = int(np.searchsorted(whole.pts, shown.pts[0])) if len(shown) else 0
        self._codec: Any = av.CodecContext.create("mjpeg", "r")
        self._av = av

    def close(self) -> None:
        """Let go of the file."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def read(self, number: int, fit: tuple[int, int], rotation: int = 0) -> Picture | None:
        """The picture of a frame, scaled down to `fit` where it is larger; None where it is not there.

        An entry that leads to anything else than this frame's picture is taken out, to be built again.
        """
        place = number + self._first
        offset, length = (int(each) for each in self._rows[place])
        if length in (0, GONE):
            return None
        try:
            data = self._data(place, offset, length)
            frames = self._codec.decode(self._av.Packet(data)) if data else []
        except (self._av.FFmpegError, OSError):
            frames = []
        if not frames:
            if self._rows.flags.writeable:
                self._rows[place] = 0
            return None
        frame = frames[0]
        box = fit if rotation % 180 == 0 else (fit[1], fit[0])
        factor = min(box[0] / frame.width, box[1] / frame.height, 1.0)
        width, height = max(2, round(frame.width * factor)), max(2, round(frame.height * factor))
        small = frame.reformat(width=width, height=height, format="bgra", interpolation="FAST_BILINEAR")
        plane = small.planes[0]
        span = self._index.frame_span(number)
        return Picture(number, span, width, height, plane.line_size, memoryview(plane), rotation, True, small)

    def _data(self, place: int, offset: int, length: int) -> bytes:
        """The JPEG at an offset; empty where it is not whole, or another frame's."""
        if not STAMP.size < length < 1 << 26 or offset < 0:
            return b""
        os.lseek(self._file, offset, os.SEEK_SET)
        data = os.read(self._file, length)
        if len(data) != length:
            return b""
        number, check = STAMP.unpack_from(data)
        jpeg = data[STAMP.size :]
        return jpeg if number == place and check == zlib.crc32(jpeg) else b""


def progress(folder: Path, track: int, frames: int) -> int:
    """How many frames of a proxy are done."""
    table_path, pictures_path = (folder / name for name in names(track))
    table = _open_table(table_path, frames, "r")
    if table is None:
        return 0
    return int(((table.rows[:, 1] != 0) & ~_torn(table.rows, _size(pictures_path))).sum())


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


class ProxyBuilder:
    """Builds one proxy, group by group. `focus` and `resume` may be changed from another thread."""

    def __init__(self, path: Path, track: int, folder: Path, fit: tuple[int, int]) -> None:
        """Read the film's index and go on with what is there. Raises InspectorError and OSError."""
        self.focus = 0
        """The pts from which on frames are wanted first."""
        self.resume = threading.Event()
        self.resume.set()
        self.index = frame_index(path, track)
        self._source = Source(path, "av", track)
        self._table_path, self._pictures_path = (folder / name for name in names(track))
        found = _open_table(self._table_path, len(self.index), "r+")
        self._fit = fit if found is None else found.fit
        self._rows = self._new_table() if found is None else found.rows
        self._rows[_torn(self._rows, _size(self._pictures_path))] = 0
        self._codec: Any = None
        self._coded: tuple[int, int] = (0, 0)
        self._encodes = 0
        self._keys = np.unique(
            np.concatenate([[0], np.searchsorted(self.index.pts, self.index.key_pts)]).clip(
                0, max(len(self.index) - 1, 0)
            )
        )

    @property
    def done(self) -> int:
        """How many frames are built or known to be missing."""
        return int((self._rows[:, 1] != 0).sum())

    def run(self) -> Iterator[int]:
        """The key frames, then the groups one after the other, from the focus on and round; yields `done`.

        Key frames are soon had of a whole film, and then a drag finds something near wherever it goes.
        """
        with closing(VideoReader(self._source, index=self.index, alone=True)) as reader:
            yield from self._key_frames(reader)
        with closing(VideoReader(self._source, index=self.index)) as reader:
            while (place := self._next_group()) is not None:
                self._group(reader, place)
                yield self.done

    def _key_frames(self, reader: VideoReader) -> Iterator[int]:
        here = int(np.searchsorted(self._keys, self._focused(), "right")) - 1
        made: list[tuple[int, bytes]] = []
        for number in np.roll(self._keys, -max(here, 0)).tolist():
            self.resume.wait()
            if self._rows[number, 1] != 0:
                continue
            picture = reader.read_key(number, self._fit)
            if picture is not None and picture.number == number:  # else its group's turn will tell
                made.append((number, self._encoded(picture)))
            if len(made) >= KEYS_AT_ONCE:
                self._write(made)
                yield self.done
        self._write(made)
        yield self.done

    def _focused(self) -> int:
        """The number of the frame about which the curator is."""
        return int(np.searchsorted(self.index.pts, self.focus, "right")) - 1

    def _next_group(self) -> int | None:
        """The first group, from the focus on and round, that has a frame without an entry."""
        if not len(self.index):
            return None
        open_groups = np.flatnonzero(np.logical_or.reduceat(self._rows[:, 1] == 0, self._keys))
        if not len(open_groups):
            return None
        here = int(np.searchsorted(self._keys, self._focused(), "right")) - 1
        later = open_groups[open_groups >= here]
        return int(later[0] if len(later) else open_groups[0])

    def _group(self, reader: VideoReader, place: int) -> None:
        """The frames from one key frame to the next as the reader gives them; damaged ones count as gone."""
        first = int(self._keys[place])
        last = int(self._keys[place + 1]) if place + 1 < len(self._keys) else len(self.index)
        made: list[tuple[int, bytes]] = []
        count = 0

        def keep(picture: Picture) -> None:
            nonlocal count
            count += 1
            if self._rows[picture.number, 1] == 0:
                made.append((picture.number, self._encoded(picture)))
            if len(made) >= 64:
                self._write(made)

        def stop() -> bool:
            self.resume.wait()
            return False

        reader.read_run(first, last - 1, self._fit, keep, stop)
        if not count:  # the decoder may not start here: an exact read finds that out, and how it does
            picture = reader.read(first, self._fit, stop)
            if picture is not None and picture.exact:
                reader.read_run(first, last - 1, self._fit, keep, stop)
        self._write(made)
        part = self._rows[first:last, 1]
        part[part == 0] = GONE

    def _encoded(self, picture: Picture) -> bytes:
        """A stamp and the picture as JPEG."""
        import av

        if self._codec is None or self._coded != (picture.width, picture.height):
            self._coded = (picture.width, picture.height)
            codec: Any = av.CodecContext.create("mjpeg", "w")
            codec.width, codec.height = self._coded
            codec.pix_fmt = "yuvj420p"
            codec.time_base = Fraction(1, 25)
            codec.qmin = codec.qmax = QUALITY
            codec.thread_count = 1  # several would hand each picture out late
            self._codec = codec
        small = picture.owner.reformat(format="yuvj420p", dst_color_range="JPEG")
        self._encodes += 1
        small.pts, small.time_base = self._encodes, Fraction(1, 25)
        small.pict_type = av.video.frame.PictureType.NONE
        jpeg = b"".join(bytes(packet) for packet in self._codec.encode(small))
        return STAMP.pack(picture.number, zlib.crc32(jpeg)) + jpeg

    def _write(self, made: list[tuple[int, bytes]]) -> None:
        if not made:
            return
        places = []
        with self._pictures_path.open("r+b") as file:
            file.seek(0, os.SEEK_END)
            for number, data in made:
                places.append((number, file.tell(), len(data)))
                file.write(data)
        for number, offset, length in places:
            self._rows[number, 0] = offset
            self._rows[number, 1] = length
        made.clear()

    def _new_table(self) -> NDArray[np.int64]:
        """An empty table, beside which no pictures lie. Whoever still reads older ones keeps their files."""
        self._table_path.unlink(missing_ok=True)
        self._pictures_path.unlink(missing_ok=True)
        self._pictures_path.touch()
        data = np.zeros(HEAD + 2 * len(self.index), np.int64)
        data[:HEAD] = MAGIC, len(self.index), *self._fit
        write_atomic(self._table_path, lambda beside: data.tofile(beside))
        found = _open_table(self._table_path, len(self.index), "r+")
        if found is None:
            raise FileNotFoundError(self._table_path)
        return found.rows


def main() -> None:
    """The child: a task on the first line of stdin, then `focus PTS`, `pause`, `resume`; counts on stdout.

    The pipe's end is the end of the child.
    """
    import av.logging

    av.logging.set_level(None)
    verdicts.may_try = False
    task = json.loads(sys.stdin.readline())
    lock = FileLock(Path(task["folder"]) / f"proxy-{task['track']}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return  # another process builds it: that is as good
    builder = ProxyBuilder(Path(task["path"]), task["track"], Path(task["folder"]), tuple(task["fit"]))

    def listen() -> None:
        for line in sys.stdin:
            word, _, number = line.strip().partition(" ")
            if word == "focus":
                builder.focus = int(number)
            elif word == "pause":
                builder.resume.clear()
            elif word == "resume":
                builder.resume.set()
        os._exit(0)

    threading.Thread(target=listen, daemon=True).start()
    for done in builder.run():
        sys.stdout.write(f"{done}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
