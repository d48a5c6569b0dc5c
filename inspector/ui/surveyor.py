"""Fills in what the index does not know (durations, coverage), what is on screen first."""

from __future__ import annotations

import time
from collections import Counter, deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from inspector.core.jobs import Job
    from inspector.core.model import Modality, Record
    from inspector.session import Session
    from inspector.ui.panels.records import RecordsPanel
    from inspector.ui.relay import Relay

CHUNK = 512
"""How many ids are taken out of the index at a time: it may hold a million."""
PAUSE_S = 0.1


class Surveyor:
    """Loads every record once in a job that steps aside while something plays."""

    def __init__(
        self,
        session: Session,
        panel: RecordsPanel,
        relay: Relay,
        busy: Callable[[], bool],
        done: Callable[[dict[Modality, int], int], None],
    ) -> None:
        self._session = session
        self._panel = panel
        self._relay = relay
        self._busy = busy
        self._done = done
        self._first: deque[str] = deque()
        self._known: set[str] = set()
        self._at = 0
        self._chunk: deque[str] = deque()
        self._job: Job[None] | None = None
        self._counts: Counter[Modality] = Counter()
        self._troubled = 0
        self._open = True

    @property
    def left(self) -> int:
        """How many records are still to be read."""
        return len(self._session.index) - len(self._known) if self._job is not None else 0

    def start(self) -> None:
        """Begin, once."""
        if self._job is None:
            self.hurry()
            self._job = self._session.survey(self._pick, self._got)

    def close(self) -> None:
        """Stop after the record that is being read; nothing of it is told any more."""
        self._open = False
        if self._job is not None:
            self._job.cancel()

    def hurry(self) -> None:
        """The rows on screen go first. Called in the window's thread, as often as they may have moved."""
        self._first = deque(self._panel.model.record_id(row) for row in self._panel.table.shown_rows())

    def _pick(self) -> str | None:
        while self._busy():
            if self._job is not None and self._job.cancelled:
                return None
            time.sleep(PAUSE_S)
        while True:
            try:
                record_id = self._first.popleft()
            except IndexError:
                if not self._chunk:
                    ids = self._session.index.column("record_id").slice(self._at, CHUNK).to_pylist()
                    self._at += len(ids)
                    self._chunk = deque(ids)
                if not self._chunk:
                    self._relay.post(self._finish)
                    return None
                record_id = self._chunk.popleft()
            if record_id not in self._known:
                return record_id

    def _finish(self) -> None:
        if self._open:
            self._done(
                {modality: self._counts[modality] for modality in self._session.modalities}, self._troubled
            )

    def _got(self, record_id: str, record: Record | None) -> None:
        self._known.add(record_id)
        self._troubled += record is None or bool(record.problems)
        if record is not None:
            self._counts.update({stream.modality for stream in record.streams})
        self._relay.post(lambda: self._panel.set_filled(record_id, record) if self._open else None)
