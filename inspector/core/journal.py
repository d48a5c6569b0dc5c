"""The journal on disk: a file of lines for each writing process, and what reads all of them on.

Nobody waits for anybody: a writer has a file of its own, held by a lock, and readers look at sizes. A line
counts once its line end is there; what a crash left without one is set aside by whoever takes the file next.
"""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import stat
import zlib
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import filelock

from inspector.core.journal_lines import LONGEST_LINE, decode
from inspector.core.model import Problem
from inspector.errors import InspectorError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

BLOCK = 4 << 20
MOST_TOLD = 50
"""Unreadable lines of one file that are told one by one."""
_PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
_NO_LOCKS = frozenset({errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP})
_NO_LINK = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


def file_name(author: str, number: int) -> str:
    """The journal file of an author's n-th process at a time; what is no plain letter is percent-encoded."""
    safe = "".join(
        each if each in _PLAIN else "".join(f"%{byte:02X}" for byte in each.encode("utf-8", "surrogatepass"))
        for each in author
    )
    if len(safe) > 100:
        whole = hashlib.blake2b(author.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
        safe = f"{safe[:80].rstrip('%')}-{whole}"
    return f"{safe or '_'}.{number}.jsonl"


class Writer:
    """Appends to a file of its own, which it takes with the first line. One thread at a time."""

    def __init__(self, folder: Path, author: str) -> None:
        self.folder = folder
        self.author = author
        self.path: Path | None = None
        self.torn: Problem | None = None
        """What was set aside when the file was taken, if anything."""
        self._lock: filelock.BaseFileLock | None = None
        self._fd = -1
        self._end = 0

    def append(self, line: bytes) -> None:
        """Write a line through to the disk. InspectorError where that failed; then the file is as it was."""
        try:
            if self._fd < 0 or self._lost():
                self.close()
                self._take()
            written = 0
            while written < len(line):
                written += self._write(line[written:])
            self._sync()
        except (OSError, filelock.Timeout, NotImplementedError) as error:
            whole = self._take_back()
            why = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise InspectorError(
                "The edit was not saved", f"{self.path or self.folder}: {why}", _hint(error)
            ) from (error if whole else None)
        self._end += len(line)

    def close(self) -> None:
        """Give the file back."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        if self._lock is not None:
            with suppress(OSError):
                self._lock.release()
            self._lock = None

    def _write(self, part: bytes) -> int:
        return os.write(self._fd, part)

    def _sync(self) -> None:
        os.fsync(self._fd)

    def _lost(self) -> bool:
        """Whether the file is no longer the one at its path, or was changed by somebody else."""
        assert self.path is not None
        try:
            there, ours = os.stat(self.path, follow_symlinks=False), os.fstat(self._fd)
        except OSError:
            return True
        return (there.st_ino, there.st_dev) != (ours.st_ino, ours.st_dev) or ours.st_size != self._end

    def _take_back(self) -> bool:
        """Cut off what was half-written; where even that fails the file is given up, and its tail is torn."""
        if self._fd < 0:
            return True
        try:
            os.ftruncate(self._fd, self._end)
            with suppress(OSError):
                os.fsync(self._fd)
        except OSError:
            self.close()
            return False
        return True

    def _take(self) -> None:
        """The first file of this author that no living process has."""
        made = not self.folder.is_dir()
        self.folder.mkdir(parents=True, exist_ok=True)
        if made:
            _sync_folder(self.folder.parent)
        for number in range(1, 100_000):
            path = self.folder / file_name(self.author, number)
            beside = path.with_suffix(".lock")
            if path.is_symlink() or beside.is_symlink():
                continue  # somebody wants us to write elsewhere
            lock = filelock.FileLock(beside, thread_local=False)
            try:
                lock.acquire(timeout=0)
            except filelock.Timeout:
                continue
            except (NotImplementedError, OSError) as error:
                if isinstance(error, OSError) and error.errno not in _NO_LOCKS:
                    raise
                self._take_new()
                return
            self._lock = lock
            try:
                self._fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | _NO_LINK, 0o666)
                if not stat.S_ISREG(os.fstat(self._fd).st_mode):
                    raise OSError(errno.EINVAL, "no ordinary file")
                self.path = path
                self._end = self._set_aside(path)
            except BaseException:
                self.close()
                raise
            _sync_folder(self.folder)
            return
        raise OSError(errno.EMFILE, "too many journal files")

    def _take_new(self) -> None:
        """A file that nobody has, on a disk that knows no locks."""
        path = self.folder / file_name(self.author, secrets.randbelow(10**9) + 10**6)
        self._fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL | _NO_LINK, 0o666)
        self.path, self._end = path, 0
        _sync_folder(self.folder)

    def _set_aside(self, path: Path) -> int:
        """Put a last line without an end into a file beside, and return the length without it."""
        size = os.fstat(self._fd).st_size
        tail = _tail(self._fd, size)
        if not tail:
            return size
        if _whole(tail):  # only its end is missing, as some editors leave a file
            os.write(self._fd, b"\n")
            return size + 1
        torn = path.with_suffix(".torn")
        fd = os.open(torn, os.O_WRONLY | os.O_APPEND | os.O_CREAT | _NO_LINK, 0o666)
        try:
            with os.fdopen(fd, "wb") as file:
                file.write(tail + b"\n")
                file.flush()
                os.fsync(file.fileno())
        finally:
            os.ftruncate(self._fd, size - len(tail))
        self.torn = Problem(
            str(path),
            f"its last line was cut off while it was written ({len(tail)} bytes)",
            f"it is kept in {torn.name}; every line before it counts",
        )
        return size - len(tail)


def _hint(error: BaseException) -> str:
    number = getattr(error, "errno", None)
    if number in (errno.ENOSPC, errno.EDQUOT):
        return "The disk is full: make room and do it again; nothing that was saved is lost"
    if number in (errno.EACCES, errno.EPERM, errno.EROFS):
        return "It cannot be written: name another folder with --workspace; nothing that was saved is lost"
    return "Do it again, or name another folder with --workspace; nothing that was saved is lost"


def _sync_folder(folder: Path) -> None:
    with suppress(OSError):  # not every system can
        fd = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


def _tail(fd: int, size: int) -> bytes:
    """What stands behind the last line end."""
    parts: list[bytes] = []
    end = size
    while end > 0:
        start = max(end - (1 << 16), 0)
        part = os.pread(fd, end - start, start)
        at = part.rfind(b"\n")
        parts.append(part[at + 1 :])
        if at >= 0 or end - start <= 0 or size - start > LONGEST_LINE * 2:
            break
        end = start
    return b"".join(reversed(parts))


def _whole(tail: bytes) -> bool:
    try:
        decode(tail)
    except ValueError:
        return False
    return True


@dataclass(slots=True)
class Mark:
    """How far a file has been read. `crc` is of all that was; `number` is its place in the reader's list."""

    folder: str
    name: str
    number: int
    end: int = 0
    crc: int = 0
    seen: tuple[int, int] = (0, 0)
    """Size and mtime when it was last looked at."""
    inode: int = 0
    bad: int = 0


@dataclass(slots=True)
class Fresh:
    """Whole new lines of one file: where they begin in it, and their bytes."""

    number: int
    offset: int
    block: bytes


@dataclass
class Reader:
    """All files of some folders, read on from where they were left. One thread at a time.

    Files are told apart by folder and name; links and what is no file are passed over.
    """

    folders: Sequence[Path]
    marks: dict[tuple[str, str], Mark] = field(default_factory=dict)
    problems: dict[str, Problem] = field(default_factory=dict)

    def look(self) -> dict[tuple[str, str], os.stat_result]:
        """The journal files that are there now, by name, with what the system says of them."""
        found = {}
        for folder in self.folders:
            try:
                with os.scandir(folder) as entries:
                    names = [each.name for each in entries if each.name.endswith(".jsonl")]
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as error:
                self.tell(folder, f"the journals cannot be listed: {error.strerror}", "")
                continue
            for name in names:
                with suppress(OSError):
                    told = os.stat(folder / name, follow_symlinks=False)
                    if stat.S_ISREG(told.st_mode):
                        found[str(folder), name] = told
        return dict(sorted(found.items()))

    def changed(self) -> bool | None:
        """Whether there is more to read; None where something was taken away and all must be read anew."""
        there = self.look()
        if any(key not in there or there[key].st_size < mark.end for key, mark in self.marks.items()):
            return None
        for key, found in there.items():
            mark = self.marks.get(key)
            if mark is None:
                if found.st_size:
                    return True
            elif found.st_ino != mark.inode:
                return None
            elif found.st_size > mark.end and (found.st_size, found.st_mtime_ns) != mark.seen:
                return True
        return False

    def fresh(self) -> Iterator[Fresh]:
        """The lines behind the marks, in blocks; marks move as they are given out."""
        for key, found in self.look().items():
            mark = self.marks.get(key)
            if mark is None:
                mark = self.marks[key] = Mark(*key, len(self.marks))
            if found.st_size > mark.end:
                yield from self._read(mark)
            mark.seen, mark.inode = (found.st_size, found.st_mtime_ns), found.st_ino

    def _read(self, mark: Mark) -> Iterator[Fresh]:
        path = Path(mark.folder, mark.name)
        try:
            fd = os.open(path, os.O_RDONLY | _NO_LINK)
        except OSError as error:
            self.tell(path, f"the journal cannot be read: {error.strerror}", "the other files count")
            return
        with os.fdopen(fd, "rb", buffering=0) as file:
            file.seek(mark.end)
            rest = b""
            while True:
                part = file.read(BLOCK)
                if not part:
                    break
                rest = rest + part if rest else part
                cut = rest.rfind(b"\n") + 1
                if cut:
                    yield self._given(mark, rest[:cut])
                    rest = rest[cut:]
                elif len(rest) > LONGEST_LINE:
                    self.tell(path, f"a line of more than {LONGEST_LINE >> 20} MiB", "it is not read on")
                    return
            self._torn(path, rest)
            if rest and _whole(rest) and not is_held(path):
                yield self._given(mark, rest + b"\n", rest)

    def _given(self, mark: Mark, block: bytes, read: bytes | None = None) -> Fresh:
        read = block if read is None else read
        fresh = Fresh(mark.number, mark.end, block)
        mark.crc = zlib.crc32(read, mark.crc)
        mark.end += len(read)
        return fresh

    def _torn(self, path: Path, rest: bytes) -> None:
        key = f"torn {path}"
        self.problems.pop(key, None)
        if rest and not _whole(rest) and not is_held(path):
            self.problems[key] = Problem(
                str(path),
                f"its last line was cut off while it was written ({len(rest)} bytes)",
                "every line before it counts; it is set aside when the file is next written to",
            )

    def bad_line(self, number: int, offset: int, why: str) -> None:
        """Remember that a line is none; the first of a file are told one by one."""
        mark = next(each for each in self.marks.values() if each.number == number)
        mark.bad += 1
        path = Path(mark.folder, mark.name)
        if mark.bad <= MOST_TOLD:
            self.problems[f"{path}:{offset}"] = Problem(
                str(path), f"the line at byte {offset} is no edit: {why}", "every other line counts"
            )
        else:
            self.tell(path, f"{mark.bad} lines are no edits", "every other line counts")

    def tell(self, path: Path, message: str, works: str) -> None:
        """Remember what is wrong with a whole file."""
        self.problems[str(path)] = Problem(str(path), message, works)


def is_held(path: Path) -> bool:
    """Whether a living process writes to the journal file. Creates nothing."""
    beside = path.with_suffix(".lock")
    if beside.is_symlink() or not beside.is_file() or not os.access(beside, os.W_OK):
        return False
    lock = filelock.FileLock(beside, thread_local=False)
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        return True
    except OSError:
        return False
    lock.release()
    return False
