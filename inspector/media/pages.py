"""Which pages of a mapped file are in memory: those can be read by a thread that must not wait for a disk."""

from __future__ import annotations

import ctypes
import mmap
import sys
import threading
from functools import cache
from typing import Any


@cache
def _mincore() -> Any:
    """The system's `mincore`, None where it has none."""
    if sys.platform == "win32":
        return None
    try:
        call = ctypes.CDLL(None, use_errno=True).mincore
    except (AttributeError, OSError):
        return None
    call.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p)
    call.restype = ctypes.c_int
    return call


def in_memory(address: int, count: int) -> bool | None:
    """Whether reading `count` mapped bytes waits for no disk; None where the system does not say."""
    call = _mincore()
    if call is None:
        return None
    start = address - address % mmap.PAGESIZE
    while count > 0:
        pages = min(-(-(address + count - start) // mmap.PAGESIZE), len(_room.found))
        if call(start, pages * mmap.PAGESIZE, _room.found) != 0:
            return None
        if _room.found.raw[:pages].translate(_LOWEST_BIT).strip(b"\1"):
            return False
        count -= start + pages * mmap.PAGESIZE - address
        address = start = start + pages * mmap.PAGESIZE
    return True


_LOWEST_BIT = bytes(byte & 1 for byte in range(256))


class _Room(threading.local):
    """Where the system writes its answer."""

    def __init__(self) -> None:
        self.found = ctypes.create_string_buffer(4096)


_room = _Room()
