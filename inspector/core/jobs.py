"""Background work with a title, progress and a way to stop it. No Qt: the window polls or subscribes.

A job gets a `Job` and calls `job.step()` between pieces of work; that is where a cancel takes effect.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from inspector.errors import Cancelled

if TYPE_CHECKING:
    from collections.abc import Callable

DECODING = 5
"""How much a decoder's own threads stand back (as nice does) behind what is drawn and heard."""

T = TypeVar("T")

log = logging.getLogger(__name__)


def stand_back(nice: int) -> None:
    """Let other threads go before this one, and before those that it starts, where the system can do that.

    Linux gives each thread a niceness of its own; elsewhere this does nothing. Not for threads that run
    Python for long: while one waits for a processor with Python's lock in its hand, the window waits, too.
    """
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), nice)


@dataclass
class Job(Generic[T]):
    """One piece of background work, seen from both sides."""

    title: str
    done: int = 0
    total: int = 0
    future: Future[T] = field(default_factory=Future)
    _cancel: threading.Event = field(default_factory=threading.Event)

    def cancel(self) -> None:
        """Ask the job to stop at its next step."""
        self._cancel.set()

    @property
    def cancelled(self) -> bool:
        """Whether a stop was asked for."""
        return self._cancel.is_set()

    def step(self, done: int | None = None, total: int | None = None) -> None:
        """Called by the work itself: raises Cancelled where a stop was asked for, else notes the progress."""
        if self._cancel.is_set():
            raise Cancelled(self.title)
        self.done = self.done + 1 if done is None else done
        if total is not None:
            self.total = total


class Jobs:
    """A pool of threads for jobs that wait on disks and decoders; owned by the session, closed with it."""

    def __init__(self, workers: int = 2) -> None:
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="inspector-job")
        self._lock = threading.Lock()
        self._live: list[Job[Any]] = []

    def start(
        self, title: str, work: Callable[[Job[T]], T], then: Callable[[Job[T]], None] | None = None
    ) -> Job[T]:
        """Queue `work`. `then` is called in the worker's thread when it ended, with the future settled."""
        job: Job[T] = Job(title)
        with self._lock:
            self._live.append(job)

        def run() -> None:
            try:
                if job.cancelled:
                    raise Cancelled(title)
                result = work(job)
            except BaseException as error:  # noqa: BLE001 - handed to whoever reads the future
                job.future.set_exception(error)
            else:
                job.future.set_result(result)
            with self._lock:
                self._live.remove(job)
            if then is not None:
                try:
                    then(job)
                except Exception:
                    log.exception("after %s", title)

        try:
            self._pool.submit(run)
        except RuntimeError:  # closed: whoever asks now is on the way out too
            with self._lock:
                self._live.remove(job)
            job.future.set_exception(Cancelled(title))
        return job

    def live(self) -> tuple[Job[Any], ...]:
        """The jobs that are queued or running, oldest first."""
        with self._lock:
            return tuple(self._live)

    def close(self, wait: bool = True) -> None:
        """Cancel everything; wait for the threads, or let them end at their next step."""
        for job in self.live():
            job.cancel()
        self._pool.shutdown(wait=wait, cancel_futures=False)
