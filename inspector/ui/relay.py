"""From any thread to the window's: a call made there runs here, in order."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any
from weakref import WeakMethod

from PySide6.QtCore import QObject, Qt, Signal

if TYPE_CHECKING:
    from collections.abc import Callable


class Relay(QObject):
    """Lives in the window's thread. After `close` nothing is delivered any more."""

    _posted = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._open = True
        self._posted.connect(self._run, Qt.ConnectionType.QueuedConnection)

    def post(self, call: Callable[[], None]) -> None:
        """Run `call` in the window's thread soon. Safe from any thread."""
        if self._open:
            self._posted.emit(call)

    def close(self) -> None:
        """Deliver nothing more."""
        self._open = False

    def _run(self, call: Callable[[], None]) -> None:
        if self._open:
            call()


def call_of(method: Callable[..., None]) -> Callable[..., None]:
    """A bound method, to be made in the window's thread and called from others.

    It runs there, soon, if its object is still there. Who has it neither holds the object nor emits a signal
    of it: emitting one while its object is deleted ends the program (PySide6 6.11), and a timer must not be
    deleted in another thread.
    """
    weak = WeakMethod(method)
    relay = _for_ever()

    def run(*values: Any) -> None:
        there = weak()
        if there is not None:
            there(*values)

    return lambda *values: relay.post(lambda: run(*values))


@cache
def _for_ever() -> Relay:
    """The one that is never deleted, whatever window comes and goes."""
    return Relay()
