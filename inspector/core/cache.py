"""What was worked out about a file and may be worked out again: indexes, pyramids and proxies.

A source file has one folder in the user's cache, named by a hash of its path, size, mtime and its first and
last MiB: a 40 GB film is known without being read. Folders unused for longest go first when the disk budget
is spent.
Nothing here is needed: where the cache cannot be written everything works without it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import threading
from collections import OrderedDict
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

from inspector.core.settings import settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import FileIO

EDGE = 1 << 20
"""Bytes at either end of a file that its key is made from."""
USED = ".used"
"""Its mtime says when a folder was last wanted."""


def file_key(path: Path) -> str:
    """What a file is known by, 40 hex digits. Reads two MiB at most; raises OSError.

    The answer is kept for a path of the same size and mtime.
    """
    stat = path.stat()
    known = (os.path.abspath(path), stat.st_size, stat.st_mtime_ns)
    with _keys_lock:
        if (key := _keys.get(known)) is not None:
            return key
    digest = hashlib.blake2b(repr(known).encode("utf-8", "surrogateescape"), digest_size=20)
    with path.open("rb", buffering=0) as file:
        digest.update(_read(file, EDGE))
        if stat.st_size > EDGE:
            file.seek(max(stat.st_size - EDGE, EDGE))
            digest.update(_read(file, EDGE))
    key = digest.hexdigest()
    with _keys_lock:
        _keys[known] = key
        while len(_keys) > 65536:
            _keys.popitem(last=False)
    return key


_keys: OrderedDict[tuple[str, int, int], str] = OrderedDict()
_keys_lock = threading.Lock()


def _read(file: FileIO, count: int) -> bytes:
    parts = []
    while count > 0 and (part := file.read(count)):
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


class Cache:
    """The folders of one cache. Safe to use from several threads and processes."""

    def __init__(self, root: Path, budget: int = 8 << 30) -> None:
        self.root = root
        self.budget = budget
        self._lock = threading.Lock()
        self._held: dict[Path, int] = {}

    def folder(self, source: Path) -> Path | None:
        """The folder for what is derived from a file, marked as used now; None where there can be none."""
        try:
            key = file_key(source)
            folder = self.root / key[:2] / key[2:]
            folder.mkdir(parents=True, exist_ok=True)
            (folder / USED).touch()
        except OSError:
            return None
        return folder

    def named(self, name: str) -> Path:
        """The folder for what is derived from more than a file, known by a name; it may not be there yet."""
        key = hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=20).hexdigest()
        folder = self.root / key[:2] / key[2:]
        with suppress(OSError):
            if folder.is_dir():
                (folder / USED).touch()
        return folder

    @contextmanager
    def holding(self, folder: Path) -> Iterator[None]:
        """While this is open, this process does not evict the folder."""
        with self._lock:
            self._held[folder] = self._held.get(folder, 0) + 1
        try:
            yield
        finally:
            with self._lock:
                self._held[folder] -= 1
                if not self._held[folder]:
                    del self._held[folder]

    def size(self) -> int:
        """Bytes that the cache takes on disk."""
        return sum(size for _, size, _ in self._folders())

    def make_room(self, need: int) -> bool:
        """Evict what was not used for longest until `need` more bytes fit; False where they cannot."""
        if need > self.budget:
            return False
        folders = sorted(self._folders(), key=lambda each: each[2])
        total = sum(size for _, size, _ in folders)
        for folder, size, _ in folders:
            if total + need <= self.budget:
                break
            with self._lock:
                held = folder in self._held
            if not held:
                shutil.rmtree(folder, ignore_errors=True)
                if not folder.exists():
                    total -= size
        try:
            free = shutil.disk_usage(self.root if self.root.exists() else self.root.parent).free
        except OSError:
            free = need
        return total + need <= self.budget and free > need

    def clear(self) -> None:
        """Remove everything that is not in use."""
        for folder, _, _ in self._folders():
            with self._lock:
                held = folder in self._held
            if not held:
                shutil.rmtree(folder, ignore_errors=True)

    def _folders(self) -> list[tuple[Path, int, float]]:
        """(folder, bytes, when it was used) of every source file."""
        found = []
        with suppress(OSError):
            for outer in os.scandir(self.root):
                # All else is not derived from a file, as what DuckDB spills while it works.
                if len(outer.name) != 2 or not outer.is_dir(follow_symlinks=False):
                    continue
                with suppress(OSError):
                    for inner in os.scandir(outer.path):
                        with suppress(OSError):
                            found.append(_measured(Path(inner.path)))
        return found


def _measured(folder: Path) -> tuple[Path, int, float]:
    size = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                stat = os.lstat(os.path.join(place, name))
                size += (
                    min(stat.st_size, stat.st_blocks * 512) if hasattr(stat, "st_blocks") else stat.st_size
                )
    used = folder / USED
    return folder, size, (used if used.exists() else folder).stat().st_mtime


_user: Cache | None = None
_user_lock = threading.Lock()


def user_cache() -> Cache:
    """The cache of whoever runs the program: `$INSPECTOR_CACHE`, else where the system keeps caches."""
    global _user
    root = Path(os.environ.get("INSPECTOR_CACHE") or platformdirs.user_cache_dir("inspector", False))
    with _user_lock:
        if _user is None or _user.root != root:
            _user = Cache(root)
        _user.budget = settings().cache_gb << 30
        return _user
