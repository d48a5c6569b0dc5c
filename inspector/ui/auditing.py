"""The audit in the window: run, watched, worked through; every fix is heard first, and is one edit.

The run has a thread of its own and keeps what it finds (`audit.store`); the window looks in a few times a
second. At most `MOST` findings are listed, the worst of them, and how many there are in all is counted.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
from PySide6.QtCore import QTimer

from inspector.core.findings import Finding, Status
from inspector.core.jobs import Jobs
from inspector.core.times import NS
from inspector.errors import Cancelled, InspectorError
from inspector.ui.audit_run import AuditRun
from inspector.ui.panels.findings_model import Item, weight
from inspector.ui.reporting import save_report
from inspector.ui.rooms import Room, said
from inspector.ui.verdicts import chips, limits_said, marks, verdict_path, verdicts, worst

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from inspector.core.jobs import Job
    from inspector.core.model import Record
    from inspector.session import Session
    from inspector.ui.actions import Handler
    from inspector.ui.main_window import MainWindow
    from inspector.ui.panels.findings import FindingsPanel

MOST = 20_000
SHOW_EVERY_MS = 1500
LEAD_NS = NS
"""How long before its moment a finding is played, and how long after."""
EVIDENCE_MS = 200
"""A finding that is stepped over sooner needs no picture."""
SELF_TESTS = 100


class Auditing(Room):
    """Owns the run and what is known of the findings; the panel is made when it is first opened."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self.panel: FindingsPanel | None = None
        self._watched = AuditRun(self)
        self._watched.found.connect(self._take)
        self._watched.progressed.connect(self._progressed)
        self._watched.ended.connect(self._ended)
        self._sideline: Jobs | None = None
        """For pictures of evidence."""
        self._items: list[Item] = []
        self._counts: Counter[Status] = Counter()
        self._before: dict[str, Finding] = {}
        """What stood at a finding's key before its fix was accepted."""
        self._again: list[str] = []
        """Records that are to be audited again once nothing runs."""
        self._to_play = ""
        """The record that is to be played about its moment once it is there."""
        self._showing = QTimer(self, singleShot=True, interval=SHOW_EVERY_MS)
        self._showing.timeout.connect(self._read)
        self._evidence = QTimer(self, singleShot=True, interval=EVIDENCE_MS)
        self._evidence.timeout.connect(self._look_for_evidence)
        self._stopping = QTimer(self, singleShot=True, interval=round(3 * LEAD_NS / 1e6))
        self._stopping.timeout.connect(self._stop_playing)
        self._opened = window.actions_["findings"]

    def handlers(self) -> Mapping[str, Handler]:
        """What the actions of this room do."""
        return {
            "findings": self.toggle,
            "audit": self.run,
            "finding_on": lambda: self._step(1),
            "finding_back": lambda: self._step(-1),
            "audition": lambda: None,
            "self_test": self.self_test,
            "report": lambda: save_report(self),
        }

    @property
    def running(self) -> bool:
        """Whether an audit is under way."""
        return self._watched.running

    @property
    def waiting(self) -> bool:
        """Whether records are to be audited again once nothing runs."""
        return bool(self._again)

    # -- datasets and records ------------------------------------------------------------------------------

    def set_session(self, session: Session | None) -> None:
        """Audit another dataset; None before one is closed, which stops what runs; what it found is kept."""
        self._watched.close()
        if self._sideline is not None:
            self._sideline.close(wait=False)
        self._sideline = None if session is None else Jobs(1)
        self._showing.stop()
        super().set_session(session)
        self._items, self._counts, self._before, self._again = [], Counter(), {}, []
        self._show()
        if session is None:
            return
        relay = self.window.relay

        def listen(_job: Job[None]) -> None:
            session.curation.listen(lambda _: relay.post(self._showing.start))

        self.behind("listening to the journal", listen, lambda _: self._read())

    def set_record(self, record: Record | None) -> None:
        """Draw the record's findings on the timeline."""
        self._draw()

    def tracks_built(self) -> None:
        """Tell in each track's header how far the audit found it off."""
        session, record = self.session, self.window.record
        if session is None or record is None:
            return
        if self._to_play == record.id:
            self._to_play = ""
            QTimer.singleShot(0, self._play_about)
        items = list(self._items)

        def read(_job: Job[Any]) -> Any:
            return chips(session, record, items)

        def got(found: Any) -> None:
            if self.window.record is not None and self.window.record.id == record.id:
                for track in self.window.timeline.tracks:
                    chip = found.get(track.id)
                    if chip is not None:
                        track.chip = chip
                self.window.timeline.canvas.update()

        self.behind("reading what was measured", read, got)

    def toggle(self) -> None:
        """Open the worklist, or close it, as the action is checked."""
        if self.panel is None:
            self.panel = self._made()
            self._show()
        self.panel.setVisible(self._opened.isChecked())
        if self._opened.isChecked():
            self.window.actions_["left"].setChecked(True)
            self.window.parts.left.show()
            self.panel.list.setFocus()
        else:
            self.window.stage.setFocus()

    def open(self) -> None:
        """Open the worklist where it is not."""
        if not self._opened.isChecked():
            self._opened.trigger()

    def _made(self) -> FindingsPanel:
        from inspector.audit.checks import checks
        from inspector.ui.panels.findings import FindingsPanel

        panel = FindingsPanel(self.window.actions_, self.window.parts.left)
        self.window.parts.left.addWidget(panel)
        height = self.window.parts.left.height()
        self.window.parts.left.setSizes([height // 3, height - height // 3])
        panel.run_asked.connect(self.run)
        panel.pause_asked.connect(self._watched.pause)
        panel.cancel_asked.connect(self.cancel)
        panel.entered.connect(self._enter)
        panel.current_changed.connect(self._chosen)
        panel.accepted.connect(lambda item: self._accept([item]))
        panel.all_accepted.connect(self._accept)
        panel.dismissed.connect(self._dismiss)
        panel.tolerance_asked.connect(self._set_tolerance)
        panel.shown_changed.connect(self._read)
        self._titles = {entry.value.id: entry.value.title for entry in checks.all()}
        self._helps = {entry.value.id: entry.value.help for entry in checks.all()}
        return panel

    # -- running -------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Audit the dataset; what was audited before and has not changed is not done again."""
        self.open()
        self._start(())

    def again(self, record_ids: Sequence[str]) -> None:
        """Audit these records again, as their streams were moved; after the run that is under way."""
        if self._counts:
            self._again = list(dict.fromkeys([*self._again, *record_ids]))
            self._next()

    def self_test(self) -> None:
        """Hide faults in copies of the records, in memory, and see what the checks make of them."""
        self.open()
        self._start((), SELF_TESTS)

    def _start(self, records: Sequence[str], hidden: int = 0) -> None:
        session = self.session
        if session is None or self.running:
            return
        if not len(session.index):
            self.window.notice("There is no record to audit")
            return
        from inspector.audit.runner import Options

        try:
            run = session.audit(Options(records=tuple(records)))
        except InspectorError as error:
            self.window.notice(said(error))
            return

        self._watched.start(run, hidden)

    def cancel(self) -> None:
        """Stop what runs; what it found is kept."""
        self._again = []
        self._watched.cancel()

    def _progressed(self, words: str, share: float) -> None:
        if self.panel is not None:
            self.panel.set_progress(words, share)

    def _ended(self, error: BaseException | None) -> None:
        if isinstance(error, Cancelled):
            self.window.notice("Audit cancelled; what it found is kept, and Run goes on from there")
        elif error is not None:
            self.window.notice(f"The audit stopped: {said(error)}")
        if self.panel is not None:
            self.panel.set_progress(None)
        self._read()
        self._next()

    def _next(self) -> None:
        if self._again and not self.running:
            ids, self._again = self._again, []
            self._start(ids)

    def _take(self, fresh: Sequence[Finding]) -> None:
        """Show what came since the last look in the place of what it says anew."""
        shown = self._shown()
        known = {item.finding.key: item for item in self._items}
        for finding in fresh:
            old = known.pop(finding.key, None)
            if finding.status in shown or finding.key in self._before:
                reason = old.dismissed if old is not None else None
                known[finding.key] = Item(finding, reason, self._before.get(finding.key))
            if old is not None:
                self._counts[old.finding.status] -= 1
            self._counts[finding.status] += 1
        self._items = sorted(known.values(), key=lambda item: -weight(item.finding))[:MOST]
        self._show()

    # -- what is known -------------------------------------------------------------------------------------

    def _shown(self) -> frozenset[Status]:
        return self.panel.shown if self.panel is not None else frozenset({Status.FAILED, Status.SUSPECT})

    def _read(self) -> None:
        """Read behind what the store holds."""
        session, shown = self.session, self._shown()
        if session is None or self.running:
            return
        before = dict(self._before)

        def work(_job: Job[Any]) -> tuple[list[Item], Counter[Status]]:
            from inspector.audit.store import finding_of

            table = session.audited.table("findings")
            counted = table.column("status").value_counts().to_pylist() if len(table) else []
            counts = Counter({Status(each["values"]): each["counts"] for each in counted})
            wanted = pa.array([status.value for status in shown])
            rows = table.filter(pc.is_in(table.column("status"), value_set=wanted))
            rows = rows.sort_by([("severity", "descending")]).slice(0, MOST)
            found = {each.key: each for each in map(finding_of, rows.to_pylist())}
            if before:
                for each in session.audited.findings():
                    if each.key in before:
                        found[each.key] = each
            reasons = verdicts(session, found.values())
            return [Item(each, reasons.get(key), before.get(key)) for key, each in found.items()], counts

        def got(told: tuple[list[Item], Counter[Status]]) -> None:
            if not self.running:
                self._items, self._counts = told
                self._show()
                self.tracks_built()

        self.behind("reading findings", work, got)

    def _show(self) -> None:
        self.window.records.show_findings(worst(self._items))
        self._draw()
        if self.panel is None:
            return
        limits = {} if self.session is None else limits_said(self.session)
        self.panel.set_checks(self._titles, self._helps, limits)
        self.panel.show_items(self._items, self._counts, self._counts.total())

    def _draw(self) -> None:
        record = self.window.record
        if record is not None:
            self.window.timeline.canvas.set_findings(*marks(self._items, record.id))

    # -- going through -------------------------------------------------------------------------------------

    def _step(self, by: int) -> None:
        self.open()
        if self.panel is not None:
            self.panel.step(by)
            if self.panel.current is not None:
                self._enter(self.panel.current)

    def _enter(self, item: Item) -> None:
        """Go to a finding's moment, its fix proposed where it has one, and play about it."""
        finding, window = item.finding, self.window
        if finding.record_id is None:
            window.notice("This finding is about the dataset as a whole")
            return
        at = finding.span[0] if finding.span is not None else None
        fix = finding.fix
        if fix is not None and fix.stream is not None and fix.timemap is not None and item.dismissed is None:
            title = f"Fix of {finding.check}: {fix.stream}"
            window.aligning.propose(
                finding.record_id,
                fix.stream,
                fix.timemap,
                title,
                fix.method,
                finding.confidence,
                fix.moves,
                at,
            )
        else:
            window.show_moment(finding.record_id, at)
        if window.actions_["audition"].isChecked():
            self.play_in(finding.record_id)

    def play_in(self, record_id: str) -> None:
        """Play about the playhead once the record is there."""
        if self.window.record is not None and self.window.record.id == record_id:
            self._play_about()
        else:
            self._to_play = record_id

    def _play_about(self) -> None:
        """Play from a second before the moment on, for three seconds, unless somebody does otherwise."""
        transport = self.window.player.transport
        if self.window.record is None or transport.playing:
            return
        transport.seek(max(transport.now_ns() - LEAD_NS, transport.span[0]))
        transport.play()
        self._stopping.start()

    def _stop_playing(self) -> None:
        if self.window.player.transport.speed == 1:
            self.window.player.transport.pause()

    def _chosen(self, item: Item | None) -> None:
        """Look behind for the evidence of the chosen finding."""
        panel, session = self.panel, self.session
        if panel is None:
            return
        panel.evidence.show_evidence(None)
        if item is None or session is None or item.finding.record_id is None or not item.finding.streams:
            return
        finding = item.finding
        if finding.unit not in ("ms", "ppm"):
            return
        panel.evidence.show_words("measuring…")
        self._evidence.start()

    def _look_for_evidence(self) -> None:
        """In a thread of its own: what somebody waits for comes before it."""
        panel, session, jobs = self.panel, self.session, self._sideline
        item = None if panel is None else panel.current
        if panel is None or session is None or jobs is None or item is None:
            return
        finding = item.finding
        for job in jobs.live():  # of findings that were stepped over
            job.cancel()

        def work(job: Job[Any]) -> Any:
            from inspector.audit.runner import Options

            job.step()
            return session.audit(Options()).evidence(finding)

        def ended(job: Job[Any]) -> None:
            self.window.relay.post(lambda: got(job))

        def got(job: Job[Any]) -> None:
            if self.session is not session or job.future.cancelled():
                return
            if panel.current is not None and panel.current.finding.key == finding.key:
                found = None if job.future.exception() is not None else job.future.result()
                passes = finding.tolerance if finding.unit == "ms" else (None, None)
                panel.evidence.show_evidence(found, passes)

        jobs.start("looking for evidence", work, ended)

    # -- deciding ------------------------------------------------------------------------------------------

    def _accept(self, items: Sequence[Item]) -> None:
        found = [item.finding for item in items]
        ids = list(dict.fromkeys(each.record_id for each in found if each.record_id is not None))
        if not ids:
            return

        def work(session: Session) -> Any:
            return session.accept(found)

        def saved(edit: Any) -> None:
            if edit is None:
                self.window.notice("These fixes stand already")
                return
            self.note_before(found)
            self.window.notice(f"{edit.title} · Ctrl+Z takes it back")
            self.again(ids)

        self.window.curating.save(work, saved)

    def accepted(self, record_id: str, stream_id: str) -> None:
        """A proposal for a stream was accepted: its findings are looked at again, beside what they were."""
        self.note_before(
            item.finding
            for item in self._items
            if item.finding.record_id == record_id and stream_id in item.finding.streams
        )
        self.again([record_id])

    def note_before(self, found: Any) -> None:
        """Remember what findings said before they were mended."""
        self._before |= {each.key: each for each in found if each.fix is not None}

    def _dismiss(self, item: Item, why: str) -> None:
        finding = item.finding
        record_id = finding.record_id
        if record_id is None:
            return
        value = {"verdict": "dismissed", "reason": why} if why else None
        title = f"{'Dismiss' if why else 'Count again'} {finding.check}"

        def work(session: Session) -> Any:
            change = session.curation.change(record_id, verdict_path(finding), value)
            return session.edit(title, [change], why)

        def saved(_: Any) -> None:
            self.window.notice(f"{title} in {record_id} · Ctrl+Z takes it back")
            self._read()

        self.window.curating.save(work, saved)

    def _set_tolerance(self, check: str, text: str) -> None:
        session = self.session
        if session is None:
            return
        from dataclasses import replace

        from inspector.audit.purpose import chosen, keep, tolerance_of

        try:
            name, limits = tolerance_of(f"{check}={text}")
            known = chosen(session.audited.folder)
            keep(session.audited.folder, replace(known, tolerances=dict(known.tolerances) | {name: limits}))
        except InspectorError as error:
            self.window.notice(str(error))
            self._show()
            return
        self.window.notice(f"{check} passes {text} from now on: Run judges by it")
        self._show()
