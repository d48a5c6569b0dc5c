"""Files into a release: cloned where the file system can, never linked, and hashed on the way."""

from __future__ import annotations

import ctypes
import hashlib
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from inspector.errors import InspectorError

if TYPE_CHECKING:
    from pathlib import Path

BLOCK = 1 << 20
_FICLONE = 0x40049409
"""ioctl_ficlone(2): share the blocks of another file, to be copied when either is written."""


def state_of(path: Path | str) -> tuple[int, int]:
    """Size and time of change of a source file, to see whether it changes. InspectorError if it is gone."""
    try:
        found = os.stat(path)
    except OSError as error:
        raise gone(path, error) from None
    return found.st_size, found.st_mtime_ns


def gone(path: Path | str, error: OSError) -> InspectorError:
    """What is said of a source file that cannot be read."""
    return InspectorError(
        "A source file cannot be read",
        f"{path}: {error.strerror}",
        "Nothing was released: export again once it is there",
    )


def copy_hashed(source: Path, to: Path) -> tuple[int, str]:
    """Copy a file; its (bytes, sha256). InspectorError where the source cannot be read, or changes meanwhile.

    Raises OSError where the target cannot be written.
    """
    before = state_of(source)
    try:
        read = os.open(source, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    except OSError as error:
        raise gone(source, error) from None
    try:
        write = os.open(to, os.O_RDWR | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0), 0o644)
        try:
            cloned = before[0] > 0 and _clone(read, write)
            digest = hashlib.sha256()
            size = 0
            while size <= before[0]:  # what grows meanwhile has changed
                try:
                    block = os.read(read, min(BLOCK, before[0] - size + 1))
                except OSError as error:
                    raise gone(source, error) from None
                if not block:
                    break
                size += len(block)
                digest.update(block)
                view = memoryview(block)
                while view and not cloned:
                    view = view[os.write(write, view) :]
        finally:
            os.close(write)
    finally:
        os.close(read)
    if size != before[0] or state_of(source) != before:
        raise changed(source)
    return size, digest.hexdigest()


class Written(Protocol):
    """What can be written to."""

    def write(self, data: bytes, /) -> object:
        """As a file's."""
        ...


def pour(source: Path, into: Written) -> tuple[int, str]:
    """Copy a file into an open one, where that stands; its (bytes, sha256).

    InspectorError where the source cannot be read, or changes meanwhile. Raises OSError where `into` cannot
    be written.
    """
    before = state_of(source)
    digest = hashlib.sha256()
    size = 0
    try:
        file = source.open("rb", buffering=0)
    except OSError as error:
        raise gone(source, error) from None
    with file:
        while True:
            try:
                block = file.read(BLOCK)
            except OSError as error:
                raise gone(source, error) from None
            if not block:
                break
            size += len(block)
            digest.update(block)
            into.write(block)
    if size != before[0] or state_of(source) != before:
        raise changed(source)
    return size, digest.hexdigest()


def changed(path: Path) -> InspectorError:
    """What is said of a source file that is another than at the start."""
    return InspectorError(
        "A source file changed while it was exported",
        str(path),
        "Nothing was released: export again once nobody writes to it",
    )


def _clone(read: int, write: int) -> bool:
    if sys.platform != "linux":
        return False
    import fcntl

    try:
        fcntl.ioctl(write, _FICLONE, read)
    except OSError:
        return False
    return True


def hash_file(path: Path) -> tuple[int, str]:
    """(bytes, sha256) of a file; raises OSError."""
    with path.open("rb", buffering=0) as file:
        digest = hashlib.file_digest(file, "sha256")
        return os.fstat(file.fileno()).st_size, digest.hexdigest()


def settle(folder: Path) -> None:
    """Have the disk keep everything below a folder before it gets its name. Raises OSError.

    One call for the file system where there is one (syncfs(2)): a call a file would take a disk's turn each.
    """
    fd = os.open(folder, os.O_RDONLY)
    try:
        if sys.platform == "linux":
            libc = ctypes.CDLL(None, use_errno=True)
            if libc.syncfs(fd) == 0:
                return
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(folder))
    finally:
        os.close(fd)
    for home, _, names in os.walk(folder):
        for name in names:
            with open(os.path.join(home, name), "rb") as file:
                os.fsync(file.fileno())


def settle_name(parent: Path) -> None:
    """Have the disk keep a new name in a folder, where folders can be told so."""
    with suppress(OSError):
        fd = os.open(parent, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
