"""Agreement in the window: measured behind, shown by pairs of authors; a disagreement leads to its moment."""

from __future__ import annotations

import weakref
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from inspector.agreement.disagreements import agreed_pairs
from inspector.agreement.layers import NOBODY
from inspector.core.adjudicate import GOLD, decide, decision_key, gild
from inspector.core.annotate import changes_of
from inspector.errors import Cancelled, InspectorError
from inspector.ui.panels.common import count_text
from inspector.ui.rooms import Room, said
from inspector.ui.said import labels_on
from inspector.ui.timeline.label_track import LabelTrack

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from inspector.agreement.measure import Agreement
    from inspector.core.jobs import Job
    from inspector.core.model import Annotation, Record
    from inspector.session import Session
    from inspector.ui.actions import Handler
    from inspector.ui.main_window import MainWindow
    from inspector.ui.panels.agreement import AgreementPanel
    from inspector.ui.panels.agreement_model import Row
    from inspector.ui.timeline.track import Track

TELL_EVERY = 16
"""Records between two words on how far the measurement is."""
MOST_AGAIN = 200
"""Records that changed at once of which it is looked what was decided."""
STALE = "Labels have changed since: measure again"


class Agreeing(Room):
    """Owns what was measured; the panel is made when it is first opened."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self.panel: AgreementPanel | None = None
        self.agreement: Agreement | None = None
        self._job: Job[Agreement] | None = None
        self._heard: weakref.ref[Session] | None = None
        """Whose edits are listened to; a dataset that was closed is not kept for that."""
        window.timeline.dress = self._dress
        self._decided: set[tuple[str, str]] = set()
        """What was decided before the measurement, by record and key."""

    def handlers(self) -> Mapping[str, Handler]:
        """What the actions of this room do."""
        return {
            "agreement": self.open,
            "disagreement_on": lambda: self.step(1),
            "disagreement_back": lambda: self.step(-1),
        }

    def set_session(self, session: Session | None) -> None:
        """Another dataset: what was measured on the last one is gone."""
        if self._job is not None:
            self._job.cancel()
        self._job, self.agreement = None, None
        super().set_session(session)
        if self.panel is not None:
            self.panel.set_progress(None)
            self.panel.show_agreement(None)

    def set_record(self, record: Record | None) -> None:
        """The panel may show this record's disagreements alone."""
        if self.panel is not None:
            self.panel.set_record(None if record is None else record.id)

    def open(self) -> None:
        """Show the panel, and measure where nothing was measured yet."""
        if self.panel is None:
            self.panel = self._made()
        self.window.parts.show_task(self.panel, "Agreement")
        if self.session is not None and self.agreement is None and self._job is None:
            self.measure()
        self.panel.list.setFocus()

    def _made(self) -> AgreementPanel:
        from inspector.ui.panels.agreement import AgreementPanel

        panel = AgreementPanel(self.window)
        panel.measure_asked.connect(self.measure)
        panel.cancel_asked.connect(self.cancel)
        panel.entered.connect(self._go)
        panel.left.connect(self.window.stage.setFocus)
        panel.decided.connect(self._decide)
        panel.gold_asked.connect(self._gild)
        panel.layers_changed.connect(self._show_layers)
        panel.set_record(None if self.window.record is None else self.window.record.id)
        return panel

    # -- measuring -----------------------------------------------------------------------------------------

    def measure(self) -> None:
        """Compare every two authors in every record, behind."""
        session, relay, panel = self.session, self.window.relay, self.panel
        if session is None or panel is None or self._job is not None:
            return
        panel.set_progress("Reading labels…")

        def work(job: Job[Agreement]) -> Agreement:
            from inspector.agreement.measure import Measuring
            from inspector.audit.agreement import with_audit

            if self._heard is None or self._heard() is not session:
                self._heard = weakref.ref(session)
                session.curation.listen(lambda touched: relay.post(lambda: self._edited(session, touched)))
            measuring, ids = Measuring(), session.record_ids()
            self._decided = set()
            for done, record_id in enumerate(ids):
                job.step()
                if done % TELL_EVERY == 0:
                    relay.post(partial(self._progressed, job, done, len(ids)))
                try:
                    measuring.add(session.record(record_id))
                    self._decided |= _keys(session, record_id)
                except InspectorError:
                    continue  # a record that cannot be read is told where the dataset is
            return with_audit(measuring.result(), session.audited.findings(), session.record)

        self._job = self.slowly("measuring agreement", work, self._ended, self._failed)

    def cancel(self) -> None:
        """Stop measuring; what was measured before stays."""
        if self._job is not None:
            self._job.cancel()

    def _progressed(self, job: Job[Any], done: int, total: int) -> None:
        if self._job is job and self.panel is not None:
            self.panel.set_progress(f"{count_text(done, 'record')} of {total} read", done / max(total, 1))

    def _failed(self, error: BaseException) -> None:
        self._job = None
        if self.panel is not None:
            self.panel.set_progress(None)
            self.panel.say("Stopped" if isinstance(error, Cancelled) else said(error))

    def _ended(self, agreement: Agreement) -> None:
        self._job, self.agreement = None, agreement
        if self.panel is not None:
            self.panel.set_progress(None)
            self.panel.show_agreement(agreement)
            self.panel.done = set(self._decided)
            self.panel.arrange()
        self.window.notice(_news(agreement, self.panel is not None and self.panel.blind.isChecked()))

    def _edited(self, session: Session, touched: frozenset[str] | None) -> None:
        """In the window's thread: labels may have changed, or a decision may have been made or undone."""
        if self.session is not session or self.agreement is None or self._job is not None:
            return
        if touched is None or len(touched) > MOST_AGAIN:
            self._tell(STALE)
            return

        def work(_job: Job[Any]) -> tuple[set[tuple[str, str]], bool]:
            last = session.history(limit=1)
            changes = last[0].edit.changes if last else ()
            gold = all(each.path.startswith(("adjudications/", f"annotations/{GOLD}:")) for each in changes)
            return {key for each in touched for key in _keys(session, each)}, not gold

        def then(found: tuple[set[tuple[str, str]], bool]) -> None:
            keys, stale = found
            if self.panel is not None:
                self.panel.done = {each for each in self.panel.done if each[0] not in touched} | keys
                self.panel.arrange()
            if stale:
                self._tell(STALE)

        self.behind("reading decisions", work, then)

    def _tell(self, text: str) -> None:
        if self.panel is not None:
            self.panel.say(text)

    # -- layers --------------------------------------------------------------------------------------------

    def _dress(self, tracks: Sequence[Track]) -> Sequence[Track]:
        """The tracks that are to be shown, and what their authors are called."""
        panel, record = self.panel, self.window.record
        if panel is None or record is None:
            return tracks
        hidden, names = panel.hidden, panel.called(record.id)
        for track in tracks:
            if isinstance(track, LabelTrack):
                track.call(names.get(track.author, track.author or NOBODY))
        return [
            track
            for track in tracks
            if not isinstance(track, LabelTrack) or (track.author or NOBODY) not in hidden
        ]

    def tracks_built(self) -> None:
        """The pictures show the labels of those who are shown, by the names that they have."""
        record = self.window.record
        if self.panel is not None and record is not None:
            for camera in self.window.stage.cameras:
                camera.set_labels(self.pictured(record, camera.feed.stream.id))

    def pictured(self, record: Record, stream_id: str) -> list[Annotation]:
        """The labels that a picture shows, of those who are shown and by the names that they have."""
        hidden = frozenset() if self.panel is None else self.panel.hidden
        shown = (each for each in labels_on(record, stream_id) if (each.author or NOBODY) not in hidden)
        return self.named(record, shown)

    def named(self, record: Record, labels: Iterable[Annotation]) -> list[Annotation]:
        """Labels to be looked at, by the names that their authors have while somebody decides blind."""
        names = {} if self.panel is None else self.panel.called(record.id)
        return [replace(each, author=names.get(each.author, each.author)) for each in labels]

    def _show_layers(self) -> None:
        timeline = self.window.timeline
        timeline.set_tracks(timeline.every)
        timeline.canvas.update()
        self.window.parts.fit_timeline()
        self.tracks_built()
        self.window.labelling.show()

    # -- deciding ------------------------------------------------------------------------------------------

    def _decide(self, row: Row, choice: str, text: str) -> None:
        """Make a decision, as one edit; the row goes."""
        panel, of = self.panel, row.of
        if panel is None or of is None:
            return

        def work(session: Session) -> str:
            step = decide(session.record(of.record_id), (of.a, of.b), of.ids, choice, text)
            session.edit(step.title, changes_of(session.curation, of.record_id, step), step.note)
            return step.title

        def then(title: str) -> None:
            panel.done.add((of.record_id, decision_key(of.ids)))
            panel.arrange()
            told = "Decided" if panel.blind.isChecked() else title
            self.window.notice(f"{told} · Ctrl+Z takes it back")

        self.window.curating.save(work, then)

    def _gild(self) -> None:
        """Make gold of what the two agree on in the record on show."""
        panel, record = self.panel, self.window.record
        pair = None if panel is None else panel.pair
        if pair is None or record is None:
            return
        record_id = record.id

        def work(session: Session) -> str:
            shown = session.record(record_id)
            step = gild(shown, agreed_pairs(shown, (pair.a, pair.b)))
            if step.puts:
                session.edit(step.title, changes_of(session.curation, record_id, step), step.note)
            return step.title

        self.window.curating.save(work, lambda title: self.window.notice(title))

    # -- going ---------------------------------------------------------------------------------------------

    def step(self, by: int) -> None:
        """Go to the next or previous disagreement, of whatever record it is."""
        if self.panel is None or self.agreement is None:
            self.open()
            return
        row = self.panel.step(by)
        if row is None:
            self.window.notice("That was the last disagreement" if by > 0 else "That was the first one")
        else:
            self._go(row)

    def _go(self, row: Row) -> None:
        if row.record_id is not None:
            self.window.show_moment(row.record_id, row.at_ns)


def _news(agreement: Agreement, blind: bool) -> str:
    """The one thing to know first: who is early, else how much there is."""
    from inspector.ui.panels.agreement_model import lag_said

    for pair in agreement.pairs:
        for lag in pair.lags:
            return lag_said(pair, lag, blind)
    authors = count_text(len(agreement.authors), "author")
    return f"{count_text(agreement.rows_in_all, 'disagreement')} of {authors}"


def _keys(session: Session, record_id: str) -> set[tuple[str, str]]:
    """What was decided in a record, as the panel knows it."""
    paths = (path.split("/") for path in session.curation.values(record_id))
    return {(record_id, path[1]) for path in paths if path[0] == "adjudications"}
