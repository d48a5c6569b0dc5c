"""The audit in the window: run, watched, worked through; every fix is heard first, and is one edit.

The run has a thread of its own and keeps what it finds (`audit.store`); the window looks in a few times a
second (`ui.audit_run`). What is shown is read behind (`ui.worklist`), the evidence too (`ui.exhibiting`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QTimer

from inspector.core.jobs import Jobs
from inspector.core.times import NS
from inspector.errors import Cancelled
from inspector.ui import theme
from inspector.ui.audit_run import AuditRun
from inspector.ui.exhibiting import Exhibitor
from inspector.ui.reporting import save_report
from inspector.ui.rooms import Room, said
from inspector.ui.timeline.findings_track import TRACK_ID, FindingsTrack
from inspector.ui.verdicts import chips, decide, limits_said, marks, set_limits
from inspector.ui.worklist import Known, Reasons, edits_since, of_record, read

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from inspector.audit.runner import Run
    from inspector.core.findings import Finding, Status
    from inspector.core.jobs import Job
    from inspector.core.model import Record
    from inspector.session import Session
    from inspector.ui.actions import Handler
    from inspector.ui.main_window import MainWindow
    from inspector.ui.panels.findings import FindingsPanel
    from inspector.ui.panels.findings_model import Item
    from inspector.ui.worklist import Since

SETTLE_MS, CALM_MS = 400, 2000
"""How long after an edit the findings are looked at again."""
LEAD_NS = NS
"""How long before its moment a finding is played; it ends twice as long after it."""
SELF_TESTS = 100
SELF_TEST = "audit.self_test"
"""The check that tells of the ruler, as the filter finds it."""
LEAST = 96 * theme.STEP
"""Px of height that the worklist needs."""


class Auditing(Room):
    """Owns the run and what is known of the findings; the panel is made when it is first opened."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self.panel: FindingsPanel | None = None
        self.known = Known()
        busy = self._player_busy
        self._watched = AuditRun(busy, self)
        self._watched.found.connect(self._take)
        self._watched.progressed.connect(self._progressed)
        self._watched.ended.connect(self._ended)
        self._exhibitor = Exhibitor(window.relay, busy, self)
        self._jobs: Jobs | None = None
        """For reading findings, one after the other: whoever waits for a record is not kept."""
        self._reasons = Reasons()
        self._before: dict[str, Finding] = {}
        """What stood at a finding's key before its fix was accepted."""
        self._again: list[str] = []
        """Records that are to be audited again once nothing runs."""
        self._rejudged: list[str] = []
        """Checks whose tolerance is another, to be run once nothing runs."""
        self._whole = self._hidden = False
        """Whether the run that is under way is of all records, and whether it is a test of the ruler."""
        self._dismissed: Mapping[str, str] = {}
        """The reasons by key as the run of all records found them."""
        self._limits: Mapping[str, str] = {}
        """What passes each check in this dataset, as it was last read."""
        self._calm = False
        self._asked = self._seen_ns = 0
        """When the newest edit was made that was looked at."""
        self._to_play = ""
        """The record that is to be played about its moment once it is there."""
        self._settling = QTimer(self, singleShot=True, interval=SETTLE_MS)
        self._settling.timeout.connect(self._look_at_edits)
        self._stopping = QTimer(self, singleShot=True, interval=round(3 * LEAD_NS / 1e6))
        self._stopping.timeout.connect(self._stop_playing)
        self._opened = window.actions_["findings"]
        window.actions_["audition"].setChecked(True)

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
        """Whether records are to be audited again, or edits to be looked at."""
        return bool(self._again) or self._settling.isActive()

    @property
    def said(self) -> str:
        """What runs, for the bottom bar."""
        return self._watched.said

    def _player_busy(self) -> bool:
        player = self.window.player
        return player.transport.playing or player.dragging

    # -- datasets and records ------------------------------------------------------------------------------

    def set_session(self, session: Session | None) -> None:
        """Audit another dataset; None before one is closed, which stops what runs; what it found is kept."""
        self._watched.close(self.window.closing)
        self._settling.stop()
        self._stopping.stop()
        self._exhibitor.set_session(session)
        if self._jobs is not None:
            self._jobs.close(wait=False)
        self._jobs = None if session is None else Jobs(1)
        super().set_session(session)
        self.known, self._reasons, self._before, self._again = Known(), Reasons(), {}, []
        self._rejudged = []
        self._limits, self._calm = {}, False
        self._to_play = ""
        if self.panel is not None:
            self.panel.set_progress(None)
        self._show()
        if session is None:
            return
        relay = self.window.relay

        def listen(_job: Job[int]) -> int:
            session.curation.listen(lambda touched: relay.post(lambda: self._edited(session, touched)))
            newest = session.history(limit=1)
            return newest[0].edit.at if newest else 0

        def heard(newest_ns: int) -> None:
            self._seen_ns = newest_ns
            self.read()

        self.behind("listening to the journal", listen, heard, jobs=self._jobs)

    def set_record(self, record: Record | None) -> None:
        """Another record than the one that is to be played: nobody waits for that any more."""
        if record is None or record.id != self._to_play:
            self._to_play = ""

    def tracks_built(self) -> None:
        """Put what was found into the tracks' headers and a lane of its own; play where that was asked."""
        record = self.window.record
        if record is None:
            return
        self._tell_headers()
        if self._to_play == record.id:
            self._to_play = ""
            QTimer.singleShot(0, self._play_about)

    def _tell_headers(self) -> None:
        """Tell in each track's header how far the audit found it off."""
        session, record = self.session, self.window.record
        if session is None or record is None:
            return
        reasons = self._reasons

        def work(_job: Job[Any]) -> Any:
            items = of_record(session, record.id, reasons)
            return items, chips(session, record, items)

        def got(found: Any) -> None:
            if self.window.record is None or self.window.record.id != record.id:
                return
            items, told = found
            for track in self.window.timeline.tracks:
                if (chip := told.get(track.id)) is not None:
                    track.chip = chip
            self.window.timeline.canvas.update()
            if not (self.running and self._whole):
                self._draw(items)

        self.behind("reading what was measured", work, got, jobs=self._jobs)

    def _draw(self, items: Sequence[Item]) -> None:
        """The lane of the record's findings under the other tracks, gone where there are none."""
        record, timeline = self.window.record, self.window.timeline
        if record is None or self.window.contents is None or record.axis != "time":
            return
        told = marks(items, record)
        lane = next((track for track in timeline.every if isinstance(track, FindingsTrack)), None)
        if lane is not None and told and timeline.every[-1] is lane:
            rows = lane.rows
            if list(lane.marks) != sorted(told, key=lambda each: each.span):
                lane.set_marks(told)
            if lane.rows != rows:  # it is as high as its rows need
                timeline.set_tracks(timeline.every)
                self.window.parts.fit_timeline()
        elif lane is not None or told:
            rest = [track for track in timeline.every if track.id != TRACK_ID]
            timeline.set_tracks([*rest, FindingsTrack(told)] if told else rest)
            self.window.parts.fit_timeline()

    # -- the panel -----------------------------------------------------------------------------------------

    def toggle(self) -> None:
        """Open the worklist, or close it, as the action is checked."""
        if self.panel is None:
            self.panel = self._made()
            self._show()
        if self._opened.isChecked():
            self.window.actions_["left"].setChecked(True)
            self.window.parts.left.show_task(self.panel, self._opened, LEAST)
            self.panel.list.setFocus()
        else:
            self.panel.hide()
            self.window.stage.setFocus()

    def open(self) -> None:
        """Open the worklist where it is not."""
        if not self._opened.isChecked():
            self._opened.trigger()

    def _made(self) -> FindingsPanel:
        from inspector.audit.checks import checks
        from inspector.ui.panels.findings import FindingsPanel

        panel = FindingsPanel(self.window.actions_, self.window.parts.left)
        panel.run_asked.connect(self.run)
        panel.pause_asked.connect(self._watched.pause)
        panel.cancel_asked.connect(self.cancel)
        panel.entered.connect(self._enter)
        panel.current_changed.connect(self._chosen)
        panel.accepted.connect(lambda item: self._accept([item]))
        panel.all_accepted.connect(self._accept)
        panel.dismissed.connect(self._dismiss)
        panel.tolerance_asked.connect(self._set_tolerance)
        panel.sought.connect(lambda item, at: self.window.show_moment(item.finding.record_id, at))
        panel.shown_changed.connect(self.read)
        titles = {entry.value.id: entry.value.title for entry in checks.all()}
        panel.set_checks(titles, {entry.value.id: entry.value.help for entry in checks.all()})
        return panel

    def _show(self) -> None:
        self.window.records.show_findings(self.known.worst)
        if self.running and self._whole and self.window.record is not None:
            self._draw(self.known.of(self.window.record.id))
        if self.panel is not None:
            self.panel.set_limits(self._limits)
            self.panel.show_items(self.known.items, self.known.counts, self.known.left_out)

    def read(self) -> None:
        """Read behind what the store holds; what a run finds meanwhile comes by itself."""
        session = self.session
        if session is None or (self.running and self._whole):
            return
        self._asked += 1
        asked, before, reasons, calm = self._asked, dict(self._before), self._reasons, self._calm
        shown: frozenset[Status] = self.panel.shown if self.panel is not None else frozenset()

        def work(_job: Job[Any]) -> tuple[Known, Mapping[str, str]]:
            # The checks are imported once the first record has had its time to be shown.
            return read(session, shown, before, reasons), limits_said(session) if calm else {}

        def got(found: tuple[Known, Mapping[str, str]]) -> None:
            known, self._limits = found
            if not calm:
                self._calm = True
                QTimer.singleShot(CALM_MS, self, self.read)
            if asked == self._asked and not (self.running and self._whole):
                self.known = known
                self._show()
                self._tell_headers()

        self.behind("reading findings", work, got, jobs=self._jobs)

    # -- running -------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Audit the dataset; what was audited before and has not changed is not done again."""
        self.open()
        self._start()

    def self_test(self) -> None:
        """Hide faults in copies of the records, in memory, and see what the checks make of them."""
        self.open()
        self._start(hidden=SELF_TESTS)

    def _start(self, records: Sequence[str] = (), check: str = "", hidden: int = 0) -> None:
        session = self.session
        if session is None or self.running:
            return
        if not len(session.index):
            self.window.notice("There is no record to audit")
            return

        def make() -> Run:
            from inspector.audit.runner import Options

            return session.audit(Options((check,) if check else (), tuple(records)))

        self._whole, self._hidden = not records and not check and not hidden, bool(hidden)
        if self._whole:
            self._dismissed = {
                item.finding.key: item.dismissed for item in self.known.items if item.dismissed
            }
            self.known = Known()
            self._show()
        self._watched.start(make, hidden)

    def cancel(self) -> None:
        """Stop what runs; what it found is kept."""
        self._again, self._rejudged = [], []
        self._watched.cancel()

    def _take(self, fresh: Sequence[Finding]) -> None:
        """Show what a run of everything found since the last look; a smaller one is read when it is over."""
        if self._whole:
            self.known = self.known.with_fresh(fresh, self._dismissed)
            self._show()

    def _progressed(self, words: str, share: float) -> None:
        if self.panel is not None:
            self.panel.set_progress(words, share)
        self.window.show_status()

    def _ended(self, error: BaseException | None) -> None:
        if isinstance(error, Cancelled):
            self.window.notice("Audit cancelled; what it found is kept, and Run goes on from there")
        elif error is not None:
            self.window.notice(f"The audit stopped: {said(error)}")
        if self.panel is not None:
            self.panel.set_progress(None)
            if self._hidden and error is None:
                self.panel.show_only(SELF_TEST)
        self.window.show_status()
        self.read()
        self._next()

    def _next(self) -> None:
        if self._again and not self.running:
            ids, self._again = self._again, []
            self._start(ids)
        elif self._rejudged and not self.running:
            self._start(check=self._rejudged.pop(0))

    # -- after edits ---------------------------------------------------------------------------------------

    def _edited(self, session: Session, touched: frozenset[str] | None) -> None:
        if self.session is session:
            self._reasons.forget(touched)
            self._settling.start()

    def _look_at_edits(self) -> None:
        """Audit again whose streams were moved since, by whom and how ever, and read what was decided."""
        session, since = self.session, self._seen_ns
        if session is None:
            return

        def got(found: Since) -> None:
            self._seen_ns = found.newest_ns
            if found.moved and self.known.counts:
                self._exhibitor.forget()
                self._again = list(dict.fromkeys([*self._again, *sorted(found.moved)]))
                self._next()
            if found.moved or found.decided:
                self.read()

        self.behind("looking at edits", lambda _: edits_since(session, since), got, jobs=self._jobs)

    def accepted(self, record_id: str, stream_id: str) -> None:
        """A proposal for a stream was accepted: what its findings were is remembered beside what they are."""
        self._note_before(
            item.finding
            for item in self.known.items
            if item.finding.record_id == record_id and stream_id in item.finding.streams
        )
        if self.panel is not None and self.panel.isVisible():
            self.panel.list.setFocus()

    def _note_before(self, found: Iterable[Finding]) -> None:
        self._before |= {each.key: each for each in found if each.fix is not None}

    # -- going through -------------------------------------------------------------------------------------

    def _chosen(self, item: Item | None) -> None:
        if self.panel is not None:
            self._exhibitor.show(self.panel, None if item is None else item.finding)

    def _step(self, by: int) -> None:
        self.open()
        if self.panel is None:
            return
        if self.panel.list.step(by) and self.panel.current is not None:
            self._enter(self.panel.current)
        elif self.panel.current is not None:
            self.window.notice("That was the last finding" if by > 0 else "That was the first finding")

    def _enter(self, item: Item) -> None:
        """Go to a finding's moment, its fix proposed where it has one, and play about it."""
        finding, window = item.finding, self.window
        if finding.record_id is None:
            window.notice("This finding is about the dataset as a whole")
            return
        at = self._exhibitor.moment(finding)
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
        if not window.actions_["bottom"].isChecked():
            window.actions_["bottom"].trigger()
        if window.actions_["audition"].isChecked():
            self.play_in(finding.record_id)

    def play_in(self, record_id: str) -> None:
        """Play about the playhead once the record is there."""
        here = self.window.record is not None and self.window.record.id == record_id
        self._to_play = "" if here else record_id
        if here:
            self._play_about()

    def _play_about(self) -> None:
        """Play from a second before the moment on, for three seconds, unless somebody does otherwise."""
        transport = self.window.player.transport
        if self.window.record is None or transport.playing or self.window.record.axis != "time":
            return
        transport.seek(max(transport.now_ns() - LEAD_NS, transport.span[0]))
        transport.play()
        self._stopping.start()

    def _stop_playing(self) -> None:
        if self.window.player.transport.speed == 1:
            self.window.player.transport.pause()

    # -- deciding ------------------------------------------------------------------------------------------

    def _accept(self, items: Sequence[Item]) -> None:
        found = [item.finding for item in items]

        def saved(edit: Any) -> None:
            if edit is None:
                self.window.notice("These fixes stand already")
                return
            self._note_before(found)
            self.window.notice(f"{edit.title} · Ctrl+Z takes it back")

        self.window.curating.save(lambda session: session.accept(found), saved)

    def _dismiss(self, item: Item, why: str) -> None:
        finding = item.finding

        def saved(title: str) -> None:
            self.window.notice(f"{title} in {finding.record_id} · Ctrl+Z takes it back")

        if finding.record_id is not None:
            self.window.curating.save(lambda session: decide(session, finding, why), saved)

    def _set_tolerance(self, check: str, text: str) -> None:
        session = self.session
        if session is None:
            return

        def work(_job: Job[Any]) -> Mapping[str, str]:
            set_limits(session, check, text)
            return limits_said(session)

        def kept(limits: Mapping[str, str]) -> None:
            self._limits = limits
            later = "it is judged by that once the run is over" if self.running else "it runs again"
            self.window.notice(f"{check} passes {text}: {later}")
            self._rejudged = [*(each for each in self._rejudged if each != check), check]
            self._next()
            self._show()

        def refused(error: BaseException) -> None:
            self.window.notice(said(error))
            self._show()

        self.behind("keeping a tolerance", work, kept, refused, self._jobs)
