"""From any thread to the window's: a call made there runs here, in order."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
