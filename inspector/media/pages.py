"""Which pages of a mapped file are in memory: those can be read by a thread that must not wait for a disk."""

from __future__ import annotations

import ctypes
import mmap
import sys
from functools import cache
from typing import Any

import numpy as np


@cache
def _mincore() -> Any:
    """The system's `mincore`, None where it has none."""
    if sys.platform == "win32":
        return None
    try:
        call = ctypes.CDLL(None, use_errno=True).mincore
    except (AttributeError, OSError):
        return None
    call.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p)
    call.restype = ctypes.c_int
    return call


def in_memory(address: int, count: int) -> bool | None:
    """Whether reading `count` mapped bytes waits for no disk; None where the system does not say."""
    call = _mincore()
    if call is None:
        return None
    start = address - address % mmap.PAGESIZE
    pages = -(-(address + count - start) // mmap.PAGESIZE)
    found = np.zeros(pages, np.uint8)
    if call(start, pages * mmap.PAGESIZE, found.ctypes.data) != 0:
        return None
    return bool((found & 1).all())
