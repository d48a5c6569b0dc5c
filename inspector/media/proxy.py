"""A film's frames once more, small and each on its own: any of them is decoded in a millisecond or two.

A proxy is two files in the film's cache folder: JPEGs one behind the other, and a table of (offset, length)
by frame number, which the reader maps and the builder fills in as it goes. A picture is written before its
entry, so that a builder that dies leaves nothing torn, and one that comes later goes on where it stopped. The
builder runs in a child process of low priority, group by group of frames from where the curator is.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from filelock import FileLock

from inspector.media.frames import FrameIndex, frame_index
from inspector.media.opening import open_film
from inspector.media.video import Picture

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

MAGIC = 0x496E7350726F7831
LARGE, SMALL = (640, 360), (320, 180)
"""What a proxy's pictures fit into; the small size where the large one would take too much disk."""
QUALITY = 5
"""MPEG quantiser, 2 (best) to 31."""
BITS_PER_PIXEL = 0.8
"""What a JPEG of that quality takes of a busy film."""
HEAD = 4
"""int64 numbers before the table: MAGIC, frames, width, height."""
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
    size: tuple[int, int]


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


class ProxyReader:
    """The proxy of one film track as far as it is built. Not safe to use from two threads; `close` it."""

    def __init__(self, folder: Path, track: int, whole: FrameIndex, shown: FrameIndex) -> None:
        """`whole` is the film's index, `shown` the part of it whose numbers are asked for.

        Raises OSError where there is no proxy of this film.
        """
        import av

        self._index = shown
        table, pictures = names(track)
        found = _open_table(folder / table, len(whole), "r")
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

    def has(self, number: int) -> bool:
        """Whether this frame is built."""
        return int(self._rows[number + self._first, 1]) > 0

    def read(self, number: int, fit: tuple[int, int], rotation: int = 0) -> Picture | None:
        """The picture of a frame, scaled down to `fit` where it is larger; None where it is not there."""
        offset, length = (int(each) for each in self._rows[number + self._first])
        if not 0 < length < 1 << 26:
            return None
        os.lseek(self._file, offset, os.SEEK_SET)
        data = os.read(self._file, length)
        try:
            frames = self._codec.decode(self._av.Packet(data)) if len(data) == length else []
        except self._av.FFmpegError:
            frames = []
        if not frames:
            return None
        frame = frames[0]
        box = fit if rotation % 180 == 0 else (fit[1], fit[0])
        factor = min(box[0] / frame.width, box[1] / frame.height, 1.0)
        width, height = max(2, round(frame.width * factor)), max(2, round(frame.height * factor))
        small = frame.reformat(width=width, height=height, format="bgra", interpolation="FAST_BILINEAR")
        plane = small.planes[0]
        span = self._index.frame_span(number)
        return Picture(number, span, width, height, plane.line_size, memoryview(plane), rotation, True, small)


def progress(folder: Path, track: int, frames: int) -> int:
    """How many frames of a proxy are done."""
    table = _open_table(folder / names(track)[0], frames, "r")
    return 0 if table is None else int((table.rows[:, 1] != 0).sum())


class ProxyBuilder:
    """Builds one proxy, group by group. `focus` and `paused` may be changed from another thread."""

    def __init__(self, path: Path, track: int, folder: Path, fit: tuple[int, int]) -> None:
        """Read the film's index and go on with what is there. Raises InspectorError and OSError."""
        self.focus = 0
        """The pts from which on frames are wanted first."""
        self.resume = threading.Event()
        self.resume.set()
        self._path = path
        self._track = track
        self._fit = fit
        self.index = frame_index(path, track)
        self._table_path, self._pictures_path = (folder / name for name in names(track))
        found = _open_table(self._table_path, len(self.index), "r+")
        self._rows = None if found is None else found.rows
        self._size = None if found is None else found.size
        self._codec: Any = None
        self._keys = np.unique(
            np.concatenate([[0], np.searchsorted(self.index.pts, self.index.key_pts)])
        ).clip(0, max(len(self.index) - 1, 0))

    @property
    def done(self) -> int:
        """How many frames are built or known to be missing."""
        return 0 if self._rows is None else int((self._rows[:, 1] != 0).sum())

    def run(self) -> Iterator[int]:
        """Build the groups one after the other, from the focus on and round; yields `done` after each."""
        with open_film(self._path) as box:
            stream: Any = box.streams[self._track]
            stream.codec_context.thread_type = "AUTO"
            stream.codec_context.thread_count = 2
            self._aspect = float(stream.sample_aspect_ratio or 1)
            while (place := self._next_group()) is not None:
                self._group(box, stream, place)
                yield self.done

    def _next_group(self) -> int | None:
        """The first group, from the focus on and round, that has a frame without an entry."""
        if not len(self.index):
            return None
        missing = np.ones(len(self.index), bool) if self._rows is None else self._rows[:, 1] == 0
        open_groups = np.flatnonzero(np.logical_or.reduceat(missing, np.unique(self._keys)))
        if not len(open_groups):
            return None
        number = int(np.searchsorted(self.index.pts, self.focus, "right")) - 1
        here = int(np.searchsorted(self._keys, number, "right")) - 1
        later = open_groups[open_groups >= here]
        return int(later[0] if len(later) else open_groups[0])

    def _group(self, box: Any, stream: Any, place: int) -> None:
        import av

        first = int(self._keys[place])
        last = int(self._keys[place + 1]) if place + 1 < len(self._keys) else len(self.index)
        key = int(np.searchsorted(self.index.key_pts, self.index.pts[first], "right")) - 1
        seek = int(self.index.key_seek[key]) if key >= 0 else int(self.index.pts[first])
        try:
            box.seek(seek, stream=stream, backward=True)
        except (av.FFmpegError, OSError):
            box.seek(0)
        made: list[tuple[int, bytes]] = []
        end = int(self.index.pts[last - 1])
        for packet in box.demux(stream):
            self.resume.wait()
            try:
                frames = packet.decode()
            except av.FFmpegError:
                continue
            for frame in frames:
                stamp = frame.pts if frame.pts is not None else frame.dts
                number = None if stamp is None else self.index.number_of(stamp)
                if number is not None and first <= number < last:
                    made.append((number, self._encoded(frame)))
                if len(made) >= 64:
                    self._write(made)
            if packet.pts is not None and packet.pts > end and len(made) and made[-1][0] >= last - 1:
                break
            if frames and (frames[-1].pts or 0) > end:
                break
        self._write(made)
        if self._rows is not None:
            part = self._rows[first:last, 1]
            part[part == 0] = GONE

    def _encoded(self, frame: Any) -> bytes:
        import av

        if self._codec is None or (frame.width, frame.height) != self._source_size:
            self._source_size = (frame.width, frame.height)
            self._start_codec(frame)
        assert self._size is not None
        small = frame.reformat(
            width=self._size[0],
            height=self._size[1],
            format="yuvj420p",
            interpolation="AREA",
            dst_color_range="JPEG",
        )
        self._encodes += 1
        small.pts, small.time_base = self._encodes, Fraction(1, 25)
        small.pict_type = av.video.frame.PictureType.NONE
        return b"".join(bytes(packet) for packet in self._codec.encode(small))

    _source_size = (0, 0)
    _aspect = 1.0
    _encodes = 0

    def _start_codec(self, frame: Any) -> None:
        import av

        if self._size is None:
            wide, high = frame.width * self._aspect, frame.height
            factor = min(self._fit[0] / wide, self._fit[1] / high, 1.0)
            self._size = (max(16, round(wide * factor / 2) * 2), max(16, round(high * factor / 2) * 2))
        codec: Any = av.CodecContext.create("mjpeg", "w")
        codec.width, codec.height = self._size
        codec.pix_fmt = "yuvj420p"
        codec.time_base = Fraction(1, 25)
        codec.qmin = codec.qmax = QUALITY
        codec.thread_count = 1  # several would hand each picture out late
        self._codec = codec

    def _write(self, made: list[tuple[int, bytes]]) -> None:
        if not made:
            return
        if self._rows is None:
            self._make_table()
        assert self._rows is not None
        with self._pictures_path.open("ab") as file:
            places = []
            for number, data in made:
                places.append((number, file.tell(), len(data)))
                file.write(data)
            file.flush()
        for number, offset, length in places:
            self._rows[number] = (offset, length)
        made.clear()

    def _make_table(self) -> None:
        assert self._size is not None
        data = np.zeros(HEAD + 2 * len(self.index), np.int64)
        data[:HEAD] = MAGIC, len(self.index), *self._size
        self._pictures_path.write_bytes(b"")
        data.tofile(self._table_path)
        found = _open_table(self._table_path, len(self.index), "r+")
        assert found is not None
        self._rows = found.rows


def main() -> None:
    """The child: a task on the first line of stdin, then `focus PTS`, `pause`, `resume`; counts on stdout.

    The pipe's end is the end of the child.
    """
    import av.logging

    av.logging.set_level(None)
    if hasattr(os, "nice"):
        os.nice(15)
    task = json.loads(sys.stdin.readline())
    lock = FileLock(Path(task["folder"]) / f"proxy-{task['track']}.lock")
    lock.acquire(timeout=0)  # another process builds it: that is as good
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
