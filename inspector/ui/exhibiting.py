"""The evidence of the chosen finding: worked out behind, shown in the panel, and the moment that it tells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QTimer
from PySide6.QtGui import QImage

from inspector.core.jobs import Jobs
from inspector.core.model import Modality
from inspector.core.times import NS
from inspector.playback.thumbs import ThumbFeed
from inspector.ui.panels.exhibits import strip_times

if TYPE_CHECKING:
    from collections.abc import Callable

    from inspector.audit.evidence import Evidence
    from inspector.audit.traces import Trace
    from inspector.core.findings import Finding
    from inspector.core.jobs import Job
    from inspector.core.model import Record
    from inspector.media.video import Picture
    from inspector.session import Session
    from inspector.ui.panels.findings import FindingsPanel
    from inspector.ui.relay import Relay

WAIT_MS = 200
"""A finding that is stepped over sooner needs no picture."""
KEPT = 64
"""Findings whose evidence is remembered."""

Found = tuple["Evidence | None", "Trace | None", "Record | None"]


def _name(finding: Finding) -> tuple[object, ...]:
    return finding.key, finding.span, finding.value


class Exhibitor(QObject):
    """Has a thread of its own, so that what somebody waits for comes before it."""

    def __init__(self, relay: Relay, busy: Callable[[], bool], parent: QObject) -> None:
        super().__init__(parent)
        self._relay = relay
        self._busy = busy
        self._session: Session | None = None
        self._jobs: Jobs | None = None
        self._feed: ThumbFeed | None = None
        self._panel: FindingsPanel | None = None
        self._finding: Finding | None = None
        self._kept: dict[tuple[object, ...], Found] = {}
        self._later = QTimer(self, singleShot=True, interval=WAIT_MS)
        self._later.timeout.connect(self._look)

    def set_session(self, session: Session | None) -> None:
        """Another dataset; None before one is closed."""
        self._later.stop()
        if self._jobs is not None:
            self._jobs.close(wait=False)
        if self._feed is not None:
            self._feed.close(wait=False)
        self._session, self._finding, self._feed = session, None, None
        self._jobs = None if session is None else Jobs(1)
        self._kept = {}

    def forget(self) -> None:
        """Streams were moved: what was worked out holds no longer."""
        self._kept = {}

    def show(self, panel: FindingsPanel, finding: Finding | None) -> None:
        """Show the evidence of a finding, once it is worked out; None shows none."""
        self._panel, self._finding = panel, finding
        self._later.stop()
        known = None if finding is None else self._kept.get(_name(finding))
        if known is not None:
            self._give(known)
            return
        panel.show_exhibits(None, None)
        if finding is not None and finding.record_id is not None and self._session is not None:
            panel.evidence.show_words("measuring…")
            self._later.start()

    def moment(self, finding: Finding) -> int | None:
        """Where to look for it: where it says, else where its evidence was first read, ns."""
        if finding.span is not None:
            return finding.span[0]
        known = self._kept.get(_name(finding))
        trace = None if known is None else known[1]
        return None if trace is None or not trace.dots else round(float(trace.t_s[0]) * NS)

    def _look(self) -> None:
        session, jobs, finding = self._session, self._jobs, self._finding
        if session is None or jobs is None or finding is None or finding.record_id is None:
            return
        record_id = finding.record_id
        for job in jobs.live():  # of findings that were stepped over
            job.cancel()

        def work(job: Job[Found]) -> Found:
            from inspector.audit.evidence import exhibits
            from inspector.audit.purpose import chosen

            job.step()
            limits = chosen(session.audited.folder).limits()
            curve, trace = exhibits(session, limits, finding, lambda: job.cancelled)
            return curve, trace, session.record(record_id)

        def ended(job: Job[Found]) -> None:
            self._relay.post(lambda: self._got(session, finding, job))

        jobs.start("looking for evidence", work, ended)

    def _got(self, session: Session, finding: Finding, job: Job[Found]) -> None:
        if self._session is not session or job.cancelled:
            return
        found: Found = (None, None, None)
        if job.future.exception() is None:  # else it is looked for again when it is next asked for
            found = self._kept[_name(finding)] = job.future.result()
        while len(self._kept) > KEPT:
            self._kept.pop(next(iter(self._kept)))
        if self._finding == finding:
            self._give(found)

    def _give(self, found: Found) -> None:
        panel, finding = self._panel, self._finding
        if panel is None or finding is None:
            return
        curve, trace, record = found
        panel.show_exhibits(curve, trace)
        if record is not None and finding.span is not None:
            self._show_strip(panel, finding, record)

    def _show_strip(self, panel: FindingsPanel, finding: Finding, record: Record) -> None:
        """Frames of the film that is meant, else of the reference, about the span."""
        films = record.of(Modality.VIDEO)
        stream = next((each for each in films if each.id in finding.streams), films[0] if films else None)
        if stream is None or finding.span is None or record.axis != "time":
            return
        times = strip_times(finding.span, record.span)
        panel.strip.show_times(times, finding.span)
        # Stream ids are those of every record: a feed of its own, so that its readers are of this film.
        if self._feed is not None:
            self._feed.close(wait=False)
        self._feed = ThumbFeed(self._busy)

        def got(at_ns: int, picture: Picture) -> None:
            form = QImage.Format.Format_RGB32
            image = QImage(picture.data, picture.width, picture.height, picture.stride, form).copy()
            self._relay.post(lambda: arrived(at_ns, image))

        def arrived(at_ns: int, image: Any) -> None:
            if self._finding == finding and self._session is not None:
                panel.strip.set_picture(at_ns, image)

        self._feed.request(stream, times, panel.strip.picture_height, got)
