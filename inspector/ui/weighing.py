"""How sure a proposal made by hand is: measured behind once the hand rests, kept with what is accepted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer

from inspector.errors import Cancelled
from inspector.ui.proposed import tried
from inspector.ui.rooms import Room

if TYPE_CHECKING:
    from inspector.audit.after import After
    from inspector.core.jobs import Job
    from inspector.session import Session
    from inspector.ui.main_window import MainWindow

REST_MS = 800
"""A proposal that is changed sooner is not measured."""


class Weighing(Room):
    """Owns the proposal that is being measured. Decoding is the audit's, in a child, and is kept by it."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._job: Job[After] | None = None
        self._weighed: tuple[object, ...] = ()
        self._rest = QTimer(self, singleShot=True, interval=REST_MS)
        self._rest.timeout.connect(self._measure)
        window.aligning.offered.connect(self._offered)

    def set_session(self, session: Session | None) -> None:
        """Another dataset."""
        self._rest.stop()
        super().set_session(session)
        self._job, self._weighed = None, ()

    def _offered(self) -> None:
        proposal, panel = self.window.aligning.proposal, self.window.aligning.panel
        asked = () if proposal is None else (id(proposal), self.window.aligning.alone, proposal.also)
        if asked == self._weighed:
            return
        self._weighed = asked
        self._rest.stop()
        if self._job is not None:
            self._job.cancel()
        # What came of a finding brings its confidence along.
        by_hand = proposal is not None and (proposal.confidence is None or bool(proposal.weighed))
        if panel is not None:
            panel.weighed.setText("How it fits is measured once you rest" if by_hand else "")
        if by_hand:
            self._rest.start()

    def _measure(self) -> None:
        aligning, session, asked = self.window.aligning, self.session, self._weighed
        proposal, record = aligning.proposal, self.window.record
        if session is None or record is None or proposal is None:
            return
        after = tried(record, proposal, aligning.alone)
        moved = [
            new.id
            for old, new in zip(record.streams, after.streams, strict=True)
            if (old.timemap, old.source) != (new.timemap, new.source)
        ]
        if aligning.panel is not None:
            aligning.panel.weighed.setText("Measuring how it fits…")

        def work(job: Job[After]) -> After:
            from inspector.audit.after import measured_after
            from inspector.audit.purpose import chosen

            job.step()
            limits = chosen(session.audited.folder).limits()
            return measured_after(session, after, moved, limits, lambda: job.cancelled)

        def got(found: After) -> None:
            if asked == self._weighed and aligning.proposal is proposal:
                proposal.weighed = found.plain() if found.method else {}
                proposal.confidence = found.confidence if found.holds else None
                self._say(found.said)

        def failed(error: BaseException) -> None:
            if asked == self._weighed and not isinstance(error, Cancelled):
                self._say(f"not measured: {error}")

        self._job = self.slowly("measuring a proposal", work, got, failed)

    def _say(self, text: str) -> None:
        if self.window.aligning.panel is not None:
            self.window.aligning.panel.weighed.setText(f"With it: {text}")
