"""Reading ahead of the window's thread: what it may not wait for is read here, and it is told.

The newest wish of each asker wins. The thread lives only while there is something to read.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

log = logging.getLogger(__name__)


class Fetcher:
    """One thread for all who wait for a disk. Safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wishes: dict[Hashable, tuple[Callable[[], None], Callable[[], None]]] = {}
        self._running = False

    def want(self, who: Hashable, read: Callable[[], None], then: Callable[[], None]) -> None:
        """Have `read` run soon, then `then`, both in the fetcher's thread; an older wish of `who` is void."""
        with self._lock:
            self._wishes[who] = (read, then)
            if self._running:
                return
            self._running = True
        threading.Thread(target=self._work, name="inspector-fetch", daemon=True).start()

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._wishes:
                    self._running = False
                    return
                read, then = self._wishes.pop(next(iter(self._wishes)))
            try:
                read()
                then()
            except Exception:
                log.exception("reading ahead")


fetcher = Fetcher()
"""The program's one."""
