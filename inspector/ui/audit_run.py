"""A run of the audit beside the window: watched a few times a second, paused, cancelled."""

from __future__ import annotations

import threading
from concurrent.futures import wait
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal

from inspector.core.jobs import Jobs

if TYPE_CHECKING:
    from collections.abc import Callable

    from inspector.audit.runner import Run
    from inspector.core.findings import Finding
    from inspector.core.jobs import Job

LOOK_MS = 300
STOP_S = 5
"""So long a window that closes waits for the record in hand."""
STAGES = {
    "index": "looking over the index",
    "record": "reading records",
    "decode": "decoding and measuring",
    "dataset": "comparing records",
}


@dataclass
class _Begun:
    """What a job has so far: one that was let go may still add to its own."""

    run: Run | None = None
    """Made in the job's thread: what is known of all records goes into it."""
    fresh: list[Finding] = field(default_factory=list)


class AuditRun(QObject):
    """One run at a time, in a thread of its own; signals come in the window's thread."""

    found = Signal(object)
    """Findings (a list) that came since the last look."""
    progressed = Signal(str, float)
    """What is done, with rate and time left, and the share of this stage that is."""
    ended = Signal(object)
    """The run is over: the exception that ended it, or None."""

    def __init__(self, busy: Callable[[], bool], parent: QObject) -> None:
        """While `busy` says that the player needs the machine no further record is begun."""
        super().__init__(parent)
        self._busy = busy
        self._paused = self._stopped = False
        self.said = ""
        """How far it is, empty where nothing runs."""
        self._begun = _Begun()
        self._job: Job[None] | None = None
        self._jobs: Jobs | None = None
        self._lock = threading.Lock()
        self._looking = QTimer(self, interval=LOOK_MS)
        self._looking.timeout.connect(self.look)

    @property
    def running(self) -> bool:
        """Whether a run is under way."""
        return self._job is not None

    def start(self, make: Callable[[], Run], hidden: int = 0) -> None:
        """Make a run behind and begin it, or its self-test with so many `hidden` faults. One at a time."""
        assert self._job is None
        if self._jobs is None:
            self._jobs = Jobs(1)
        self._begun = begun = _Begun()

        def work(job: Job[None]) -> None:
            run = begun.run = make()
            if job.cancelled:  # before it was there; it lets go of its decoders by itself
                run.cancel()
            for finding in run.self_test(hidden) if hidden else run.findings():
                with self._lock:
                    begun.fresh.append(finding)

        self._paused = self._stopped = False
        self._job = self._jobs.start("auditing", work)
        self._looking.start()
        self.look()

    def pause(self, on: bool) -> None:
        """Begin no further record, or go on."""
        self._paused = on
        self.look()

    def cancel(self) -> None:
        """Stop; what is found is kept."""
        self._stopped = True
        if self._job is not None:
            self._job.cancel()
        if self._begun.run is not None:
            self._begun.run.cancel()

    def close(self, wait_for_it: bool) -> None:
        """Stop and forget it; only where the program ends is what is in hand waited for, for a while."""
        self.cancel()
        self._looking.stop()
        if self._job is not None and wait_for_it:
            wait([self._job.future], STOP_S)
        if self._jobs is not None:
            self._jobs.close(wait=False)
        self._job, self._jobs, self._begun = None, None, _Begun()
        self.said = ""

    def look(self) -> None:
        """Tell of what came, how far it is, and the end."""
        begun, job = self._begun, self._job
        if job is None:
            return
        over = job.future.done()
        with self._lock:
            fresh, begun.fresh = begun.fresh, []
        if fresh:
            self.found.emit(fresh)
        if not over:
            self._tell(begun.run)
            return
        self._looking.stop()
        self._job, self._begun = None, _Begun()
        self.said = ""
        self.ended.emit(None if job.future.cancelled() else job.future.exception())

    def _tell(self, run: Run | None) -> None:
        if run is None:
            self.said = "audit"
            self.progressed.emit("looking at what is known", 0.0)
            return
        waits = (self._paused or self._busy()) and not self._stopped
        (run.pause if waits else run.resume)()
        now = run.progress
        left = f", {now.left_s:.0f} s left" if now.done and now.total > now.done else ""
        rate = f", {now.rate:.1f} a second" if now.done else ""
        if waits:
            rate, left = (", paused", "") if self._paused else (", waits while you play", "")
        words = f"{STAGES.get(now.stage, now.stage)}: {now.done} of {now.total}{rate}{left}"
        short = f"audit {now.done / now.total:.0%}" if now.total else "audit"
        self.said = f"{short}{left}"
        self.progressed.emit(words, now.done / now.total if now.total else 0.0)
