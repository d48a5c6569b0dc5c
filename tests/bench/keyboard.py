"""Keys pressed as a hand does, through the X server's XTEST extension, timed to the call."""

from __future__ import annotations

import ctypes
import ctypes.util
import time


class Keyboard:
    """Sends keys to whatever window has the focus on a display. OSError where libXtst is missing."""

    def __init__(self, display: str) -> None:
        self._x11 = ctypes.CDLL(ctypes.util.find_library("X11") or "libX11.so.6")
        self._xtst = ctypes.CDLL(ctypes.util.find_library("Xtst") or "libXtst.so.6")
        self._x11.XOpenDisplay.restype = ctypes.c_void_p
        self._x11.XStringToKeysym.restype = ctypes.c_ulong
        self._x11.XKeysymToKeycode.argtypes = [ctypes.c_void_p, ctypes.c_ulong]
        self._x11.XKeysymToKeycode.restype = ctypes.c_ubyte
        self._x11.XFlush.argtypes = self._x11.XCloseDisplay.argtypes = [ctypes.c_void_p]
        self._xtst.XTestFakeKeyEvent.argtypes = [ctypes.c_void_p, ctypes.c_uint, ctypes.c_int, ctypes.c_ulong]
        self._display = self._x11.XOpenDisplay(display.encode())
        if not self._display:
            raise OSError(f"no display {display}")

    def press(self, name: str) -> float:
        """Press and release a key by its X name, as `i` or `bracketleft`; when (monotonic s) it went out."""
        code = self._x11.XKeysymToKeycode(self._display, self._x11.XStringToKeysym(name.encode()))
        at = time.monotonic()
        for down in (1, 0):
            self._xtst.XTestFakeKeyEvent(self._display, code, down, 0)
        self._x11.XFlush(self._display)
        return at

    def close(self) -> None:
        """Let go of the display."""
        self._x11.XCloseDisplay(self._display)
