"""What a record is known by: the content of its files, not its name or its place in a list.

A file is known by its size, its beginning, its end and some blocks between: a 40 GB film is not read whole,
and a repaired sound that keeps its length is seldom overlooked. What was worked out is kept by path,
size and mtime.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from inspector.core.cache import user_cache
from inspector.core.files import write_atomic

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

EDGE = 16 << 10
BETWEEN = 8
"""Blocks of 4 KiB, evenly spaced between the edges; a smaller file is read whole."""
_BLOCK = 4 << 10
_WORTH_KEEPING = 200

Asset = tuple[str, str]
"""A file's path and which part of it is meant, "" for all of it."""


def content_of(path: str) -> str:
    """16 hex digits for what is in a file. Reads 64 KiB at most; raises OSError."""
    fd = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0))
    try:
        size = os.fstat(fd).st_size
        digest = hashlib.blake2b(b"%d:" % size, digest_size=8)
        for start, count in _parts(size):
            while count > 0 and (part := os.pread(fd, count, start)):
                digest.update(part)
                start, count = start + len(part), count - len(part)
    finally:
        os.close(fd)
    return digest.hexdigest()


def content_in(data: bytes) -> str:
    """The same for a file that has been read whole."""
    digest = hashlib.blake2b(b"%d:" % len(data), digest_size=8)
    for start, count in _parts(len(data)):
        digest.update(data[start : start + count])
    return digest.hexdigest()


def _parts(size: int) -> list[tuple[int, int]]:
    """Start and bytes of what is looked at in a file of this size."""
    if size <= 2 * EDGE + BETWEEN * _BLOCK:
        return [(0, size)]
    step = (size - 2 * EDGE) // (BETWEEN + 1)
    between = [(EDGE + step * n, _BLOCK) for n in range(1, BETWEEN + 1)]
    return [(0, EDGE), *between, (size - EDGE, EDGE)]


class Identities:
    """Contents of one dataset's files as far as they were asked for. Safe to use from several threads."""

    def __init__(self, root: Path) -> None:
        self._root = os.fspath(root)
        self._kept_at = user_cache().named(f"contents {self._root!a}") / "contents.json"
        self._known: dict[str, tuple[int, int, str]] | None = None
        self._lock = threading.Lock()
        self._fresh = 0

    def of(self, record_id: str, assets: Iterable[Asset]) -> str:
        """16 hex digits for what a record's files hold, whatever they are called.

        A record with no file is known by its name alone, one of whose files cannot be read by what the rest
        holds.
        """
        contents = sorted(f"{self.content(path)} {part}" for path, part in assets)
        if not contents:
            contents = [f"no files, {record_id}"]
        return hashlib.blake2b("\n".join(contents).encode("utf-8", "replace"), digest_size=8).hexdigest()

    def content(self, path: str) -> str:
        """16 hex digits for what a file holds, known by a look at some of it; "gone" or "unreadable" else."""
        try:
            stat = os.stat(path)
        except OSError:
            return "gone"
        known = self._table()
        found = known.get(path)
        if found is not None and found[:2] == (stat.st_size, stat.st_mtime_ns):
            return found[2]
        try:
            content = content_of(path)
        except OSError:
            return "unreadable"
        with self._lock:
            known[path] = (stat.st_size, stat.st_mtime_ns, content)
            self._fresh += 1
        return content

    def know(self, path: str, size: int, mtime_ns: int, content: str) -> None:
        """Take over what somebody found who has read a file whole (`content_in`)."""
        known = self._table()
        with self._lock:
            self._fresh += path not in known
            known[path] = (size, mtime_ns, content)

    def _table(self) -> dict[str, tuple[int, int, str]]:
        with self._lock:
            if self._known is None:
                self._known = {}
                with suppress(OSError, ValueError, TypeError, RecursionError):
                    for path, (size, mtime, content) in json.loads(self._kept_at.read_text("utf-8")).items():
                        self._known[path] = (int(size), int(mtime), str(content))
            return self._known

    def keep(self) -> None:
        """Write down what was worked out, for the next time, if it was much."""
        with self._lock:
            if self._fresh < _WORTH_KEEPING or self._known is None:
                return
            text = json.dumps(self._known)
            self._fresh = 0
        with suppress(OSError):
            self._kept_at.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(self._kept_at, lambda beside: beside.write_text(text, "utf-8"))
