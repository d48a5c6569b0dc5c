"""Files of equal chunks in the cache: one process appends, any maps them, torn or foreign ones are known.

A file is a header of one page (a line of JSON: what is in it, whether it is whole) and then records of one
numpy dtype, each ending in its number and its CRC. A build that was broken off is taken up at the first
record that does not hold. Nothing in such a file is ever executed or unpickled.
"""

from __future__ import annotations

import json
import logging
import mmap
import os
import shutil
import tempfile
import threading
import time
import weakref
import zlib
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from filelock import FileLock, Timeout

from inspector.core.cache import user_cache
from inspector.media.pages import in_memory

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager

    from numpy.typing import NDArray

HEADER = 4096
MOST_FETCHED = 1 << 14
"""So many pieces are remembered as read where the system does not say what it holds."""
MOST_MAPPED = 128 << 20
"""Bytes that are looked at in a file before its pages are given back; the system keeps them as its cache."""
HELD_S = 5.0
"""What was in memory is taken to be so for this long: asking the system again takes as long as drawing it."""
AROUND = 1 << 16
"""So much is mapped with every piece that is looked at."""
MAGIC = "inspector-chunks"
VERSION = 1
TAIL = [("index", "<u4"), ("crc", "<u4")]

log = logging.getLogger(__name__)


def record_type(fields: Sequence[tuple[Any, ...]]) -> np.dtype[Any]:
    """The dtype of a record of these fields, with its number and its CRC at the end."""
    return np.dtype([*fields, *TAIL])


def _crc(record: NDArray[Any]) -> int:
    """Of all of a record but the CRC itself."""
    return zlib.crc32(record.view(np.uint8).data[:-4])


def holds(record: NDArray[Any], index: int) -> bool:
    """Whether a record (1,) is that of this number, and as it was written."""
    return int(record["index"][0]) == index and int(record["crc"][0]) == _crc(record)


class Writer:
    """Appends records to a file that nobody else is appending to; see `writing`."""

    def __init__(self, path: Path, what: dict[str, Any], dtype: np.dtype[Any]) -> None:
        self.path, self.what, self.dtype = path, what, dtype
        self.count = 0
        """Records in the file that hold."""
        self.last: NDArray[Any] | None = None
        """The last record (1,) that a broken-off build left, None where there is none."""
        self._take_up()

    def _take_up(self) -> None:
        header = read_header(self.path, self.what, self.dtype)
        if header is not None and not header["whole"] and self._resume():
            return
        # A new file, never the old one cut short: somebody may have that mapped.
        self.count, self.last = 0, None
        with suppress(OSError):
            self.path.unlink()
        self._file = self.path.open("xb", buffering=0)
        self._file.write(_header(self.what, self.dtype, False, {}))

    def _resume(self) -> bool:
        """Go on behind the last record of the file; False where one of them does not hold."""
        self._file = self.path.open("r+b", buffering=0)
        self._file.seek(HEADER)
        record = np.zeros(1, self.dtype)
        while self._file.readinto(record.view(np.uint8).data) == self.dtype.itemsize:
            if not holds(record, self.count):
                self._file.close()
                return False
            self.count += 1
            self.last = record.copy()
        self._file.seek(HEADER + self.count * self.dtype.itemsize)
        self._file.truncate()  # half a record, which nobody maps
        return True

    def append(self, record: NDArray[Any]) -> None:
        """Put a record (1,) at the end. Raises OSError where the disk is full; then nothing of it counts."""
        record["index"] = self.count
        record["crc"] = _crc(record)
        left = record.view(np.uint8).data
        while left:
            left = left[self._file.write(left) :]
        self.count += 1

    def finish(self, info: dict[str, Any]) -> None:
        """Say that nothing is missing, once all of it is on the disk."""
        with suppress(OSError):
            os.fsync(self._file.fileno())
        self._file.seek(0)
        self._file.write(_header(self.what, self.dtype, True, info | {"count": self.count}))

    def close(self) -> None:
        """Let go of the file; what is missing can be added another time."""
        self._file.close()


class Mapped:
    """The records (n,) that were in a file when this was made, mapped: they stay readable for ever."""

    def __init__(self, records: NDArray[Any], file: _Source | None, room: mmap.mmap | None = None) -> None:
        self.records = records
        self._file = file
        self._room = room
        self._seen = 0
        """Bytes that may be counted as this process's own by now."""
        self._base = int(records.__array_interface__["data"][0])
        self._fetched: dict[tuple[int, int, int], None] = {}
        self._held: dict[tuple[int, int, int], float] = {}
        """Until when pieces (chunk, offset, count) are taken to be in memory."""

    def place(self, field: str) -> tuple[int, int]:
        """Where a field lies in a record, and how many bytes it has."""
        fields: Any = self.records.dtype.fields
        return int(fields[field][1]), int(fields[field][0].itemsize)

    def ready(self, chunks: slice, ranges: Sequence[tuple[int, int]]) -> bool:
        """Whether these bytes (offset, count) of each of some records can be read without a wait."""
        base, size, now = self._base, self.records.dtype.itemsize, time.monotonic()
        for chunk in range(chunks.start, min(chunks.stop, len(self.records))):
            for offset, count in ranges:
                piece = (chunk, offset, count)
                if self._held.get(piece, 0.0) > now:
                    continue
                self._seen += count + AROUND
                known = in_memory(base + chunk * size + offset, count)
                if known is False or (known is None and piece not in self._fetched):
                    return False
                self._held[piece] = now + HELD_S
        if self._seen > MOST_MAPPED or len(self._held) > MOST_FETCHED:
            self._seen = 0
            self._held.clear()
            self._give_back()
        return True

    def _give_back(self) -> None:
        """Let go of the pages, not of what is in them: they are mapped again when they are next read."""
        if self._room is not None and hasattr(mmap, "MADV_DONTNEED"):
            with suppress(OSError, ValueError):
                self._room.madvise(mmap.MADV_DONTNEED)

    def fetch(self, chunks: slice, ranges: Sequence[tuple[int, int]]) -> None:
        """Have the system read these bytes, in a thread that may wait: `ready` then says so."""
        size = self.records.dtype.itemsize
        for chunk in range(chunks.start, min(chunks.stop, len(self.records))):
            for offset, count in ranges:
                place = HEADER + chunk * size + offset
                buffer = bytearray(min(count, 1 << 20))
                for at in range(0, count, len(buffer) or 1):
                    # By a read and not by touching the map: a page fault would hold the interpreter's lock.
                    with _fetching, suppress(OSError, ValueError):
                        if self._file is not None:
                            self._file.raw.seek(place + at)
                            self._file.raw.readinto(memoryview(buffer)[: count - at])
                self._fetched[chunk, offset, count] = None
        while len(self._fetched) > MOST_FETCHED:
            del self._fetched[next(iter(self._fetched))]


class _Source:
    """A file that is closed when nothing maps it any more."""

    def __init__(self, path: Path) -> None:
        self.raw = path.open("rb", buffering=0)
        weakref.finalize(self, self.raw.close)


_fetching = threading.Lock()
"""Of the place in the files: several maps share one."""


class Chunks:
    """A file of chunks as seen by a reader: it grows by `refresh` while somebody builds it."""

    def __init__(self, path: Path, what: dict[str, Any], dtype: np.dtype[Any]) -> None:
        self.path, self.what, self.dtype = path, what, dtype
        self.whole = False
        self.info: dict[str, Any] = {}
        self.mapped = Mapped(np.zeros(0, dtype), None)
        self._file: _Source | None = None
        self._inode: tuple[int, int] | None = None

    @property
    def count(self) -> int:
        """Records that are there."""
        return len(self.mapped.records)

    def refresh(self) -> bool:
        """Map what is there by now; True where it is more, or another file. Raises OSError."""
        header = read_header(self.path, self.what, self.dtype)
        if header is None:
            return False
        before = (self.count, self.whole, self._inode)
        stat = self.path.stat()
        if self._file is None or self._inode != (stat.st_dev, stat.st_ino):
            self._file = _Source(self.path)
            self._inode = (stat.st_dev, stat.st_ino)
            self.mapped = Mapped(np.zeros(0, self.dtype), None)
        size = os.fstat(self._file.raw.fileno()).st_size
        count = max(size - HEADER, 0) // self.dtype.itemsize
        if header["whole"] and header["info"].get("count") != count:
            return False  # torn after it was finished: it is built anew
        if count > self.count:
            length = HEADER + count * self.dtype.itemsize
            room = mmap.mmap(self._file.raw.fileno(), length, access=mmap.ACCESS_READ)
            records = np.frombuffer(room, self.dtype, count, HEADER)
            if int(records["index"][-1]) == count - 1:
                self.mapped = Mapped(records, self._file, room)
        if header["whole"]:
            self.whole, self.info = True, header["info"]
        return (self.count, self.whole, self._inode) != before


def read_header(path: Path, what: dict[str, Any], dtype: np.dtype[Any]) -> dict[str, Any] | None:
    """The header of a file that holds just this; None where it is another's, torn, or not there."""
    try:
        with path.open("rb") as file:
            plain = json.loads(file.read(HEADER))
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(plain, dict) or not isinstance(plain.get("info"), dict):
        return None
    wanted = _plain_header(what, dtype, bool(plain.get("whole")), plain["info"])
    return plain if plain == wanted else None


def _plain_header(
    what: dict[str, Any], dtype: np.dtype[Any], whole: bool, info: dict[str, Any]
) -> dict[str, Any]:
    key = zlib.crc32(json.dumps([what, dtype.descr], sort_keys=True).encode())
    return {"magic": MAGIC, "version": VERSION, "what": key, "whole": whole, "info": info}


def _header(what: dict[str, Any], dtype: np.dtype[Any], whole: bool, info: dict[str, Any]) -> bytes:
    line = json.dumps(_plain_header(what, dtype, whole, info)).encode()
    if len(line) >= HEADER:
        raise ValueError("the header is too long")
    return line.ljust(HEADER - 1) + b"\n"


@contextmanager
def writing(path: Path, what: dict[str, Any], dtype: np.dtype[Any]) -> Iterator[Writer | None]:
    """The one writer of a file; None where another process or thread has it now. Raises OSError."""
    lock = FileLock(f"{path}.lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        yield None
        return
    try:
        writer = Writer(path, what, dtype)
        try:
            yield writer
        finally:
            writer.close()
    finally:
        lock.release()


def being_written(path: Path) -> bool:
    """Whether another process or thread has the file open for writing now."""
    lock = FileLock(f"{path}.lock", timeout=0)
    try:
        lock.acquire()
    except (Timeout, OSError):
        return True
    lock.release()
    return False


class Home:
    """Where something derived from a file is built and kept: `path`.

    That is in the file's folder of the user's cache; where there is none, or no room for `need` bytes in it,
    in one of the system's temporary folders, which goes with this object (`kept` is then False). Raises
    OSError where that has no room either.
    """

    def __init__(self, source: Path, name: str, need: int) -> None:
        self._cache = user_cache()
        folder = self._cache.folder(source)
        self.kept = False
        if folder is not None:
            with self._cache.holding(folder):
                self.kept = (folder / name).exists() or self._cache.make_room(need)
                if self.kept:
                    folder.mkdir(parents=True, exist_ok=True)
        if folder is None or not self.kept:
            folder = Path(tempfile.mkdtemp(prefix="inspector-"))
            weakref.finalize(self, shutil.rmtree, folder, True)
            if shutil.disk_usage(folder).free < 2 * need:
                raise OSError(f"{need >> 20} MiB are wanted, and neither the cache nor {folder} has them")
            log.warning("%s: kept for this run only, for want of room in the cache", source)
        self.folder = folder
        self.path = folder / name

    def held(self) -> AbstractContextManager[None]:
        """While this is open, this process does not evict the folder."""
        return self._cache.holding(self.folder)
