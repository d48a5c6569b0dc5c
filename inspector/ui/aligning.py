"""Aligning by hand: a new time map is proposed, seen and heard at once, accepted or thrown away.

Nothing is written before Ctrl+Enter. What is proposed is a record like any other with other time maps
(`core.proposal.retimed`), which the player and the tracks take over in place, also while playing.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Signal

from inspector.core.effective import moved_together
from inspector.core.proposal import (
    RELABELS,
    Tie,
    from_figures,
    moves_said,
    nudged,
    pair_changes,
    relabelled,
    residuals_ns,
    shift_said,
    tied,
)
from inspector.core.times import clock_text
from inspector.errors import InspectorError
from inspector.ui.panels.align import AlignPanel, Told
from inspector.ui.proposed import (
    Proposal,
    changes_of,
    loose_texts,
    measured_said,
    note_of,
    only_maps,
    proposed_said,
    reread_said,
    state_said,
    to_move,
    tried,
)
from inspector.ui.rooms import Room, rows_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from inspector.core.jobs import Job
    from inspector.core.model import Record, Stream
    from inspector.core.timemap import TimeMap
    from inspector.session import Session
    from inspector.ui.actions import Handler
    from inspector.ui.main_window import MainWindow
    from inspector.ui.timeline.track import StreamTrack

MS = 1_000_000
MEASURED = "SELECT * FROM pairs WHERE record_id = {}"


class Aligning(Room):
    """Owns the proposal; the panel is made when it is first opened."""

    offered = Signal()
    """The panel is for another stream, or for the same one anew."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self.panel: AlignPanel | None = None
        self.proposal: Proposal | None = None
        self._stream_id = ""
        self.alone = False
        self._texts_along = False
        self._bend = True
        self._others = False
        self._marked: int | None = None
        """Where the first half of a tie was marked, on the stream's own clock."""
        self._slid_from: TimeMap | None = None
        self._awaited: tuple[Any, ...] | None = None
        """What `propose` was told of a record that is on its way."""
        self._measured: Sequence[Mapping[str, Any]] = ()
        window.timeline.slid.connect(self._slid)
        self._enable()

    def handlers(self) -> Mapping[str, Handler]:
        """What the actions of this room do."""
        return {
            "align": self.open,
            "tie": self.mark,
            "later_10": lambda: self.nudge(10 * MS),
            "earlier_10": lambda: self.nudge(-10 * MS),
            "later_1": lambda: self.nudge(MS),
            "earlier_1": lambda: self.nudge(-MS),
            "later_frame": lambda: self.nudge_frames(1),
            "earlier_frame": lambda: self.nudge_frames(-1),
            "before": self._show,
            "accept": self.accept,
            "discard": self.discard,
        }

    # -- records -------------------------------------------------------------------------------------------

    def set_session(self, session: Session | None) -> None:
        """Another dataset: what waits for a record waits for one of the last dataset's."""
        super().set_session(session)
        self._awaited = None

    def set_record(self, record: Record | None) -> None:
        """Another record, or the same with other maps: what was proposed for it is gone."""
        lost = self.proposal is not None and record is not None
        self.proposal, self._marked, self._slid_from, self._measured = None, None, None, ()
        if lost:
            self.window.notice("The proposal was not accepted, and is gone")
        if record is None or not any(each.id == self._stream_id for each in record.streams):
            self._stream_id = "" if record is None else to_move(record)
        self._enable()
        self._offer()
        awaited, self._awaited = self._awaited, None
        if awaited is not None and record is not None and awaited[0] == record.id:
            self.propose(*awaited)

    def tracks_built(self) -> None:
        """What is proposed was proposed before the tracks were there."""
        if self.proposal is not None:
            self._show()

    def took(self, record: Record) -> bool:
        """Whether the record on show was turned into this one in place, since only time maps are others."""
        shown = self.window.record
        if shown is None or self.window.contents is None or not only_maps(shown, record):
            return False
        self.proposal, self._marked = None, None
        self.window.record = record
        self._put(record)
        self.window.player.transport.set_limits(*record.span)
        self.window.timeline.set_limits(*record.span)
        self.window.records.set_filled(record.id, record)
        self._enable()
        self._offer()
        return True

    # -- proposing -----------------------------------------------------------------------------------------

    def open(self) -> None:
        """Show the panel."""
        if self.panel is None:
            self.panel = panel = AlignPanel(self.window.actions_)
            panel.chosen.connect(self._choose)
            panel.alone_changed.connect(self._set_alone)
            panel.texts_changed.connect(self._set_texts_along)
            panel.bend_changed.connect(self._set_bend)
            panel.typed.connect(self._type)
            panel.relabelled.connect(self._relabel)
            panel.tie_dropped.connect(self._drop_tie)
            panel.others_changed.connect(self._set_others)
            self.window.records.table.selectionModel().selectionChanged.connect(self._tell)
            self._offer()
        self.window.parts.show_task(self.panel, "Align")
        self._ask_measured()
        self.offered.emit()

    def propose(
        self,
        record_id: str,
        stream_id: str,
        timemap: TimeMap,
        title: str = "",
        method: str = "",
        confidence: float | None = None,
        also: tuple[str, ...] = (),
        at_ns: int | None = None,
        show: bool = True,
    ) -> None:
        """Propose a new map of a stream, in its record and at a moment, in place of the one before."""
        record = self.window.record
        here = record is not None and record.id == record_id
        told = (record_id, stream_id, timemap, title, method, confidence, also, None, show)
        self._awaited = None if here else told
        if not here or at_ns is not None:
            self.window.show_moment(record_id, at_ns)
        if record is None or not here:
            return
        if not any(each.id == stream_id for each in record.streams):
            self.window.notice(f"{record_id} has no stream {stream_id} any more")
            return
        if show:
            self.open()
        self._choose(stream_id)
        if self.panel is not None and set(loose_texts(record, stream_id)) & set(also):
            self.panel.texts.setChecked(True)
        self.suggest(Proposal(stream_id, timemap, title, method, confidence, also))

    def nudge(self, later_ns: int) -> None:
        """Move the stream by so much, on top of what is proposed."""
        if (stream := self.stream) is None:
            return
        now = self._map(stream)
        ties = [replace(each, reference_ns=each.reference_ns + later_ns) for each in self._ties()]
        self.suggest(Proposal(stream.id, nudged(now, later_ns), method="by hand", ties=ties))

    def nudge_frames(self, later: int) -> None:
        """The same by frames of the reference film."""
        player = self.window.player
        self.nudge(later * player.frame_ns(player.transport.now_ns()))

    def mark(self) -> None:
        """Mark the event at the playhead: first where the stream has it, then where the others do."""
        if (stream := self.stream) is None:
            return
        now = self.window.player.transport.now_ns()
        if self.panel is None or not self.panel.isVisible():
            self.open()
        if self._marked is None:
            self._marked = self._map(stream).to_local(now)
            self._enable()
            self._tell()
            return
        ties = [*self._ties(), Tie(self._marked, now)]
        self._marked = None
        self._tie(stream, ties)

    def _tie(self, stream: Stream, ties: list[Tie]) -> None:
        try:
            timemap = tied(stream.timemap, ties, self._bend)
        except InspectorError as error:
            self.window.notice(str(error))
            self._tell()
            return
        self.suggest(Proposal(stream.id, timemap, method="ties by hand", ties=ties) if ties else None)

    def _drop_tie(self, row: int) -> None:
        if (stream := self.stream) is not None:
            ties = self._ties()
            self._tie(stream, [*ties[:row], *ties[row + 1 :]])

    def _type(self, late_ms: float, ppm: float) -> None:
        """An offset and a drift were typed."""
        if (stream := self.stream) is not None:
            self.suggest(Proposal(stream.id, from_figures(late_ms, ppm), method="typed"))
            self.window.stage.setFocus()

    def _relabel(self, place: int) -> None:
        stream = self.stream
        if stream is None:
            return
        if place < 0:
            self.suggest(None)
            return
        start = stream.span[0] if stream.span is not None else 0
        timemap = relabelled(stream.timemap, RELABELS[place], start)
        self.suggest(Proposal(stream.id, timemap, method=f"label: {RELABELS[place].title}"))

    def _slid(self, track: StreamTrack, later_ns: int, done: bool) -> None:
        """A track is dragged: its stream moves from where it lay when it was taken hold of."""
        if self.window.record is None:
            return
        if self._slid_from is None:
            if done and later_ns == 0:
                return
            self.open()
            self._choose(track.stream.id)
            stream = self.stream
            assert stream is not None
            self._slid_from = self._map(stream)
        self.suggest(Proposal(track.stream.id, nudged(self._slid_from, later_ns), method="by hand"))
        if done:
            self._slid_from = None

    def discard(self) -> None:
        """Throw away half a tie, else what is proposed."""
        if self._marked is not None:
            self._marked = None
            self._enable()
            self._tell()
        elif self.proposal is not None:
            self.suggest(None)

    # -- accepting -----------------------------------------------------------------------------------------

    def accept(self) -> None:
        """Write the proposal as one edit, for the selected records too where that is asked for."""
        proposal, record = self.proposal, self.window.record
        if proposal is None or record is None:
            return
        old = record.stream(proposal.stream_id).timemap
        ids = [record.id, *self._other_ids()] if self._others else [record.id]
        title = proposal.title or f"Align {proposal.stream_id}: {moves_said(old, proposal.timemap)}"
        if len(ids) > 1:
            title += f", in {len(ids)} records"
        alone = self.alone

        def work(session: Session) -> int:
            changes, left = changes_of(session, ids, proposal, alone)
            session.edit(title, changes, note_of(proposal))
            return left

        def saved(left: int) -> None:
            for each in ids:
                self.window.auditing.accepted(each, proposal.stream_id)
            without = f"; {left} records have no {proposal.stream_id}" if left else ""
            self.window.notice(f"{title}{without} · Ctrl+Z takes it back")

        self.window.curating.save(work, saved)

    # -- showing -------------------------------------------------------------------------------------------

    def suggest(self, proposal: Proposal | None) -> None:
        """Propose what was made for the stream in hand, in place of the one before."""
        record = self.window.record
        if record is not None and proposal is not None and not proposal.ties:
            before = self.proposal
            if before is not None and before.stream_id == proposal.stream_id and proposal.reread is None:
                proposal.reread = before.reread
            same = proposal.timemap == record.stream(proposal.stream_id).timemap
            proposal = None if same and proposal.reread is None else proposal
        if proposal is not None and record is not None and not proposal.also and self._texts_along:
            proposal.also = tuple(loose_texts(record, proposal.stream_id))
        self.proposal = proposal
        self.window.actions_["before"].setChecked(False)
        self._show()

    def _proposed(self) -> Record | None:
        record, proposal = self.window.record, self.proposal
        if record is None or proposal is None:
            return record
        return tried(record, proposal, self.alone)

    def _show(self) -> None:
        """Have everybody follow the proposal, or what was before it."""
        try:
            record = self.shown
        except InspectorError as error:
            self.proposal = None
            self.window.notice(str(error))
            record = self.window.record
        if record is not None:
            self._put(record)
        self._enable()
        self._tell()
        self.offered.emit()

    @property
    def shown(self) -> Record | None:
        """The record as everybody sees it now: by the proposal's maps where there is one."""
        before = self.window.actions_["before"].isChecked()
        return self.window.record if before else self._proposed()

    def _put(self, record: Record) -> None:
        window = self.window
        if window.contents is not None:
            window.contents.retime(record)
        window.streams.set_record(record)
        window.follower.set_record(record)
        window.player.retime(record)
        window.labelling.retimed()

    def _enable(self) -> None:
        actions = self.window.actions_
        for name in ("before", "accept"):
            actions[name].setEnabled(self.proposal is not None)
        if self.proposal is None:
            actions["before"].setChecked(False)
        actions["discard"].setEnabled(self.proposal is not None or self._marked is not None)

    def _offer(self) -> None:
        """Tell the panel which streams there are."""
        record = self.window.record
        if self.panel is None:
            return
        streams = () if record is None or record.axis == "position" else record.streams
        self.panel.set_streams(streams, self._stream_id, None if record is None else record.reference)
        self.panel.set_relabel(-1)
        self._ask_measured()
        self._tell()
        self.offered.emit()

    def _ask_measured(self) -> None:
        """Look up behind what an audit measured of this record's pairs."""
        record, panel, session = self.window.record, self.panel, self.session
        if session is None or record is None or panel is None or not panel.isVisible() or self._measured:
            return
        sql = MEASURED.format("'" + record.id.replace("'", "''") + "'")

        def read(job: Job[list[dict[str, Any]]]) -> list[dict[str, Any]]:
            return rows_of(session, sql, job)

        def got(rows: list[dict[str, Any]]) -> None:
            if self.window.record is not None and self.window.record.id == record.id:
                self._measured = rows
                self._tell()

        self.behind("reading measured pairs", read, got)

    def _tell(self, *_: object) -> None:
        if self.panel is None:
            return
        record, stream, proposal = self.window.record, self.stream, self.proposal
        if record is None or stream is None:
            self.panel.tell(Told("No stream of this record can be moved"))
            return
        with_it = [each for each in moved_together(record, stream.id) if each != stream.id]
        hint = f"Go to an event in {stream.id} and press T, then to the same event in the others and press T."
        if self._marked is not None:
            hint = f"Marked at {clock_text(self._marked)} of {stream.id}. Now go where the others have it: T."
        ties = self._ties()
        offs = residuals_ns(ties)
        shown = [
            f"{clock_text(each.local_ns)} → {clock_text(each.reference_ns)}"
            + (f"   {off / 1e6:+.1f} ms".replace("-", "−") if len(ties) > 2 else "")
            for each, off in zip(ties, offs, strict=True)
        ]
        state, basis = state_said(record, stream, self._measured)
        timemap = self._map(stream)
        self.panel.tell(
            Told(
                state=state,
                basis=basis,
                late_ms=timemap.late_ns / 1e6,
                ppm=timemap.drift_ppm,
                summary=self._summary(record, stream),
                texts=loose_texts(record, stream.id),
                followers="" if not with_it or self.alone else f"with it: {', '.join(with_it)}",
                hint=hint,
                ties=shown,
                pairs=self._pairs_said(record),
                proposed=proposal is not None,
                bendable=len(ties) > 2,
                others=len(self._other_ids()) if proposal is not None else 0,
            )
        )

    def _summary(self, record: Record, stream: Stream) -> str:
        proposal = self.proposal
        if proposal is None:
            return "Nothing is proposed"
        sure = "" if proposal.confidence is None else f", confidence {proposal.confidence:.2f}"
        state = "before: " if self.window.actions_["before"].isChecked() else ""
        return f"{state}{proposed_said(proposal, stream)}{sure}"

    def _pairs_said(self, record: Record) -> list[str]:
        after = self._proposed()
        if after is None or self.proposal is None:
            return []
        said = reread_said(record, self.proposal)
        for change in pair_changes(record, after, self.window.player.transport.now_ns()):
            line = f"{change.stream_b} against {change.stream_a}: {shift_said(change.later_ns)}"
            if abs(change.ppm) >= 0.05:
                line += f", {change.ppm:+.0f} ppm".replace("-", "−")
            said.append(line + measured_said(change, self._measured))
        return said

    # -- what is chosen ------------------------------------------------------------------------------------

    @property
    def stream(self) -> Stream | None:
        """The stream in hand, as it is without the proposal."""
        record = self.window.record
        if record is None or record.axis == "position":
            return None
        return next((each for each in record.streams if each.id == self._stream_id), None)

    def _map(self, stream: Stream) -> TimeMap:
        proposal = self.proposal
        here = proposal is not None and proposal.stream_id == stream.id
        return proposal.timemap if proposal is not None and here else stream.timemap

    def _ties(self) -> list[Tie]:
        return [] if self.proposal is None else list(self.proposal.ties)

    def _other_ids(self) -> list[str]:
        record = self.window.record
        return [each for each in self.window.records.selected_ids() if record is None or each != record.id]

    def _choose(self, stream_id: str) -> None:
        if stream_id == self._stream_id:
            return
        self._stream_id, self._marked = stream_id, None
        if self.panel is not None and self.window.record is not None:
            self.panel.set_streams(self.window.record.streams, stream_id, self.window.record.reference)
            self.panel.set_relabel(-1)
        self.suggest(None)

    def _set_alone(self, on: bool) -> None:
        self.alone = on
        self._show()

    def _set_texts_along(self, on: bool) -> None:
        self._texts_along = on
        record, proposal = self.window.record, self.proposal
        if record is not None and proposal is not None:
            proposal.also = tuple(loose_texts(record, proposal.stream_id)) if on else ()
            self._show()

    def _set_bend(self, on: bool) -> None:
        self._bend = on
        if (stream := self.stream) is not None and len(self._ties()) > 2:
            self._tie(stream, self._ties())

    def _set_others(self, on: bool) -> None:
        self._others = on
