"""Labels edited in the window: by mouse on their lanes, by key, and in the panel; each gesture is one edit.

What is to be done is worked out by `core.annotate` in the thread that writes, on the record as it stands by
then, so that a fast hand never edits what an edit before has changed already.
"""

from __future__ import annotations

import secrets
from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QAbstractItemView, QApplication

from inspector.core import annotate
from inspector.core.annotate import changes_of, reference_span, timemap_of
from inspector.core.edits import DATASET
from inspector.core.model import Anchor, Annotation
from inspector.core.snapping import Magnets, places_of
from inspector.core.tiers import Tier, known_tier, tiers_of, usual_stream
from inspector.errors import InspectorError
from inspector.ui.label_facts import only_labels
from inspector.ui.rooms import Room
from inspector.ui.timeline.label_hand import LabelHand
from inspector.ui.timeline.label_track import LabelTrack

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from inspector.core.annotate import Step
    from inspector.core.model import Record, Span
    from inspector.session import Session
    from inspector.ui.actions import Handler
    from inspector.ui.main_window import MainWindow
    from inspector.ui.panels.labels import LabelsPanel
    from inspector.ui.timeline.track import Track

NEW_TIER = "labels"
"""The tier that a first label goes to where the record has none."""
NEEDS_ONE = (
    "label_start", "label_end", "label_later", "label_earlier", "label_split", "label_merge", "label_delete",
)  # fmt: skip


class Labelling(Room):
    """Owns what is chosen and the tier in hand; the panel is made when it is first opened."""

    opened = Signal(object)
    """The panel was made."""
    shown = Signal()
    """What is chosen, or a label, is another."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self.panel: LabelsPanel | None = None
        self.chosen: tuple[str, ...] = ()
        """Ids of the chosen labels of the record on show."""
        self.tier = ""
        self.text = ""
        """What the next label that is made will say."""
        self.begun: int | None = None
        """Where a label was begun by key, in reference time."""
        self.tiers: dict[str, Tier] = {}
        """The declared ones."""
        self._lanes: list[tuple[str, str]] = []
        """Tiers made here that hold nothing yet, with their author."""
        self.hand = LabelHand(window.timeline)
        window.timeline.hand = self.hand
        self.hand.magnets = self._magnets
        self.hand.drawn.connect(lambda lane, span: self.make(span, lane.tier))
        self.hand.dragged.connect(self._dragged)
        self.hand.clicked.connect(self._clicked)
        window.timeline.header_pressed.connect(self._header_pressed)
        self._enable()

    def handlers(self) -> Mapping[str, Handler]:
        """What the actions of this room do."""
        return {
            "labels": self.open,
            "label_here": self.mark,
            "label_moment": lambda: self.make((self._now(), self._now())),
            "label_next": lambda: self.go(1),
            "label_previous": lambda: self.go(-1),
            "tier_next": lambda: self._next_tier(1),
            "tier_previous": lambda: self._next_tier(-1),
            "tier_new": self.ask_tier,
            "label_start": lambda: self._pull(0),
            "label_end": lambda: self._pull(1),
            "label_later": lambda: self._shift(1),
            "label_earlier": lambda: self._shift(-1),
            "label_split": self.split,
            "label_merge": self.merge_next,
            "label_delete": self.delete,
            **{f"label_{number}": partial(self.use_key, number) for number in range(1, 10)},
        }

    # -- records -------------------------------------------------------------------------------------------

    def set_session(self, session: Session | None) -> None:
        """Label another dataset; its tiers are read behind."""
        super().set_session(session)
        self.tiers, self._lanes, self.text, self.tier = {}, [], "", ""
        self.read_tiers()

    def read_tiers(self) -> None:
        """Read what tiers are declared."""
        session = self.session
        if session is None:
            return

        def read(_job: Any) -> dict[str, Tier]:
            return tiers_of(session.curation.values(DATASET))

        def got(tiers: dict[str, Tier]) -> None:
            self.tiers = tiers
            self.show()

        self.behind("reading the tiers", read, got)

    def set_record(self, record: Record | None) -> None:
        """Another record is on show: nothing of it is chosen."""
        self.chosen, self.begun = (), None
        tiers = [] if record is None else self._tier_names(record)
        if self.tier not in tiers:
            self.tier = tiers[0] if tiers else ""
        self.show()

    def attach(self) -> None:
        """The record's tracks were built."""
        record = self.window.record
        if record is not None and self.window.contents is not None and self._lanes:
            self.window.contents.relabel(record, self._lanes)
        self.show()

    def took(self, record: Record) -> bool:
        """Whether the record on show became this one in place, since only labels or words are others."""
        window, shown = self.window, self.window.record
        if shown is None or window.contents is None or window.aligning.proposal is not None:
            return False
        if not only_labels(shown, record):
            return False
        window.record = record
        window.contents.relabel(record, self._lanes)
        for camera in window.stage.cameras:
            camera.set_labels(window.agreeing.pictured(record, camera.feed.stream.id))
        window.follower.set_record(record)
        window.dataset.set_record(record)
        window.records.set_filled(record.id, record)
        known = {label.id for label in record.annotations}
        self.chosen = tuple(each for each in self.chosen if each in known)
        self.show()
        return True

    # -- what is chosen ------------------------------------------------------------------------------------

    @property
    def labels(self) -> list[Annotation]:
        """The chosen labels as they stand."""
        record = self.window.record
        known = {} if record is None else {label.id: label for label in record.annotations}
        return [known[each] for each in self.chosen if each in known]

    def choose(self, *ids: str) -> None:
        """Choose these labels in place of those before; the tier of the first is in hand from now on."""
        self.chosen = ids
        labels = self.labels
        if labels:
            self.tier = labels[0].tier
        self.show()

    def go(self, step: int) -> None:
        """Choose the next label of the lane (at first of the tier) or the one before, and go there."""
        record = self.window.record
        if record is None:
            return
        placed = self._placed(record, self.tier)
        if self.labels and self.labels[0].tier == self.tier:  # one goes along a lane
            placed = [each for each in placed if each[1].author == self.labels[0].author]
        if not placed:
            self.window.notice(f"There is no label on {self.tier or 'any tier'}")
            return
        ids = [label.id for _, label in placed]
        if self.chosen and self.chosen[0] in ids:
            at = min(max(ids.index(self.chosen[0]) + step, 0), len(ids) - 1)
        else:
            now = self._now()
            later = [row for row, (span, _) in enumerate(placed) if span[0] >= now]
            at = (later[0] if later else len(ids) - 1) if step > 0 else max((later or [len(ids)])[0] - 1, 0)
        self.choose(ids[at])
        self.window.player.transport.seek(placed[at][0][0])

    def _placed(self, record: Record, tier: str) -> list[tuple[Span, Annotation]]:
        found = []
        for label in record.annotations:
            spans = [span for anchor in label.anchors if (span := reference_span(record, anchor)) is not None]
            if label.tier == tier and spans:
                found.append((spans[0], label))
        return sorted(found, key=lambda each: (each[0], each[1].id))

    def _clicked(self, lane: LabelTrack, label: Annotation | None, more: bool) -> None:
        self.tier = lane.tier
        if label is None:
            self.choose()
        elif not more:
            self.choose(label.id)
        elif label.id in self.chosen:
            self.choose(*(each for each in self.chosen if each != label.id))
        else:
            self.choose(*self.chosen, label.id)

    def _header_pressed(self, track: Track) -> None:
        if isinstance(track, LabelTrack):
            self.tier = track.tier
            self.show()

    def _tier_names(self, record: Record) -> list[str]:
        named = [label.tier for label in record.annotations]
        return list(dict.fromkeys([*named, *(tier for tier, _ in self._lanes), *self.tiers]))

    def _next_tier(self, step: int) -> None:
        record = self.window.record
        names = [] if record is None else self._tier_names(record)
        if names:
            at = names.index(self.tier) + step if self.tier in names else 0
            self.tier = names[at % len(names)]
            self.window.notice(f"Tier {self.tier}")
            self.show()

    # -- edits ---------------------------------------------------------------------------------------------

    def edit(self, make: Callable[[Record], Step], then: Callable[[Step], object] | None = None) -> None:
        """Write what a gesture does to the record on show, as one edit; what refuses it is said.

        `then` is told of it while that record is still on show.
        """
        shown = self.window.record
        if shown is None:
            return
        record_id = shown.id

        def work(session: Session) -> Step | None:
            step = make(session.record(record_id))
            if not step.puts:
                return None
            session.edit(step.title, changes_of(session.curation, record_id, step), step.note)
            return step

        def saved(step: Step | None) -> None:
            if step is not None:
                self._say(step)
                now = self.window.record
                if then is not None and now is not None and now.id == record_id:
                    then(step)

        self.window.curating.save(work, saved)

    def _say(self, step: Step) -> None:
        hung = len(step.along)
        told = f" · {hung} more moved along" if hung else ""
        if step.again:
            told += f" · {len(step.again)} to be checked again"
        self.window.notice(f"{step.title}{told} · Ctrl+Z takes it back")

    def make(self, span: Span, tier: str = "") -> None:
        """Make a label on a reference span, on a tier (else the one in hand), and choose it."""
        if (record := self.window.record) is None:
            return
        self.tier = tier or self.tier or NEW_TIER
        stream_id = usual_stream(record, self.tier, record.reference)
        timemap = timemap_of(record, stream_id)
        local = timemap.to_local(span[0]), timemap.to_local(span[1])
        self.place(Anchor(stream_id, (local[0], max(local))))

    def place(self, anchor: Anchor) -> None:
        """Make a label of the tier in hand at an anchor, and choose it."""
        if (session := self.session) is None:
            return
        tier = self.tier or NEW_TIER
        text = self.text or next((each.label for each in self.vocabulary(tier).entries), "")
        label = Annotation(secrets.token_hex(8), tier, text, (anchor,), session.desk.author)
        self.edit(lambda now: annotate.make(now, label), lambda _: self.choose(label.id))

    def mark(self) -> None:
        """Begin a label at the playhead; a second time, end it there."""
        now = self._now()
        if self.begun is None:
            self.begun = now
            self.window.notice("A label begins here: S again where it ends")
        else:
            start, end = sorted((self.begun, now))
            self.begun = None
            self.make((start, end))

    def _dragged(self, label_id: str, old: Span, new: Span) -> None:
        self.choose(label_id)
        self.edit(lambda record: _moved(record, label_id, old, new))

    def _first_span(self) -> tuple[Annotation, Span] | None:
        record = self.window.record
        for label in self.labels:
            for anchor in label.anchors:
                span = None if record is None else reference_span(record, anchor)
                if span is not None:
                    return label, span
        return None

    def move_to(self, start: int, end: int) -> None:
        """Have the chosen label lie there."""
        if (found := self._first_span()) is not None:
            label, old = found
            self.edit(lambda record: _moved(record, label.id, old, (start, end)))

    def _pull(self, edge: int) -> None:
        if (found := self._first_span()) is not None:
            now, (start, end) = self._now(), found[1]
            self.move_to(*((now, max(end, now)) if edge == 0 else (min(start, now), now)))

    def _shift(self, frames: int) -> None:
        if (found := self._first_span()) is not None:
            start, end = found[1]
            by = frames * self.window.player.frame_ns(start)
            self.move_to(start + by, end + by)

    def split(self) -> None:
        """Cut the chosen label where the playhead is."""
        new, now = secrets.token_hex(8), self._now()
        if self.chosen:
            first = self.chosen[0]
            self.edit(lambda record: annotate.split(record, first, now, new))

    def merge_next(self) -> None:
        """Merge the chosen labels; one alone with the next of its tier and author."""
        record, ids = self.window.record, list(self.chosen)
        if record is None or not ids:
            return
        first = self.labels[0]
        if len(ids) == 1:
            placed = [
                label.id for _, label in self._placed(record, first.tier) if label.author == first.author
            ]
            at = placed.index(first.id) + 1 if first.id in placed else len(placed)
            ids += placed[at : at + 1]
        text = first.label if first.tier in self.tiers else None
        self.edit(lambda now: annotate.merge(now, ids, text), lambda _: self.choose(first.id))

    def relabel(self, text: str) -> None:
        """Give the chosen labels another text."""
        ids = self.chosen
        self.edit(lambda record: annotate.relabel(record, ids, text))

    def use_key(self, number: int) -> None:
        """Give the chosen labels that of a number key; without any chosen it is for the next that is made."""
        text = self.vocabulary(self.tier).label_of(number)
        if text is None:
            self.window.notice(
                f"{self.tier or 'The tier'} has no label {number}: the Labels panel gives it one"
            )
            return
        self.text = text
        if self.chosen:
            self.relabel(text)
        else:
            self.window.notice(f"The next label says {text}")
        self.show()

    def delete(self) -> None:
        """Take the chosen labels away. In a list that knows Del itself the key is that list's."""
        focus = QApplication.focusWidget()
        if isinstance(focus, QAbstractItemView) and focus is not self.window.records.table:
            event = QKeyEvent(QKeyEvent.Type.KeyPress, Qt.Key.Key_Delete, Qt.KeyboardModifier.NoModifier)
            QApplication.sendEvent(focus, event)
            return
        ids = self.chosen
        self.edit(lambda record: annotate.delete(record, ids))

    def confirm(self) -> None:
        """Say that the chosen labels were checked again and hold."""
        ids = self.chosen
        self.edit(lambda record: annotate.confirm(record, ids))

    # -- tiers ---------------------------------------------------------------------------------------------

    def vocabulary(self, name: str) -> Tier:
        """A tier as it is declared, else with the labels that it has in this record."""
        record = self.window.record
        return Tier(name) if record is None else known_tier(record, name, self.tiers)

    def ask_tier(self) -> None:
        """Have the name of a new tier typed in the panel."""
        self.open()
        if self.panel is not None:
            self.panel.new_tier.setFocus()

    def add_tier(self, name: str) -> None:
        """Show a lane for a tier, of one's own; it is kept once it has a label or a vocabulary."""
        record, session = self.window.record, self.session
        if record is None or session is None:
            return
        self.tier = name
        if (name, session.desk.author) not in self._lanes:
            self._lanes.append((name, session.desk.author))
        if self.window.contents is not None:
            self.window.contents.relabel(record, self._lanes)
            self.window.parts.fit_timeline()
        self.choose()

    # -- showing -------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Show the panel, the label's text having the keys where one is chosen."""
        if self.panel is None:
            from inspector.ui.panels.labels import LabelsPanel

            self.panel = LabelsPanel(self.window.actions_)
            self.panel.relabelled.connect(self.relabel)
            self.panel.moved.connect(self.move_to)
            self.panel.confirmed.connect(self.confirm)
            self.panel.attribute_set.connect(
                lambda name, value: self.edit(
                    lambda record: annotate.set_attribute(record, self.chosen, name, value)
                )
            )
            self.panel.tier_chosen.connect(self._take_tier)
            self.panel.tier_added.connect(self.add_tier)
            self.panel.retiered.connect(
                lambda tier: self.edit(lambda record: annotate.retier(record, self.chosen, tier))
            )
            self.panel.left.connect(lambda: self.window.stage.setFocus())
            self.opened.emit(self.panel)
        self.window.parts.show_task(self.panel, "Labels")
        ids = self.chosen
        self.add_tier(self.tier or NEW_TIER)  # a lane of one's own to draw on: those of others may be full
        self.choose(*ids)
        if self.chosen:
            self.panel.focus_text()

    def _take_tier(self, name: str) -> None:
        self.tier = name
        self.show()

    def show(self) -> None:
        """Mark what is chosen on the lanes, and tell the panel."""
        record = self.window.aligning.shown
        ids = frozenset(self.chosen)
        incomplete: set[str] = set()
        for label in record.annotations if record is not None else ():
            tier = self.tiers.get(label.tier)
            if record is not None and tier is not None and tier.missing(record, label):
                incomplete.add(label.id)
        for track in self.window.timeline.every:
            if isinstance(track, LabelTrack):
                track.choose(ids, frozenset(incomplete))
        self._enable()
        self.shown.emit()
        if self.panel is not None:
            tiers = [] if record is None else self._tier_names(record)
            labels = [] if record is None else self.window.agreeing.named(record, self.labels)
            self.panel.show_labels(record, labels, tiers, self.vocabulary(self.tier), self.tiers)

    def retimed(self) -> None:
        """Time maps are others, or are proposed: what is chosen lies elsewhere, and what joins labels."""
        if self.chosen:
            self.show()
        else:
            self.shown.emit()

    def _enable(self) -> None:
        for name in NEEDS_ONE:
            self.window.actions_[name].setEnabled(bool(self.chosen))

    # -- what the hand is drawn to -------------------------------------------------------------------------

    def _magnets(self, label_id: str) -> Magnets:
        record, contents = self.window.record, self.window.contents
        if record is None:
            return Magnets()
        texts = {} if contents is None else contents.texts
        places = places_of(record, texts, (label_id,))
        places.append((self._now(), "playhead"))
        return Magnets(places, self.window.player.frame_at)

    def _now(self) -> int:
        return self.window.player.transport.now_ns()


def _moved(record: Record, label_id: str, old: Span, new: Span) -> Step:
    """Move the anchors of a label that lie on one span of the reference timeline to another."""
    label = next((each for each in record.annotations if each.id == label_id), None)
    if label is None:
        raise InspectorError("The label is gone", label_id, "Somebody may have deleted it")
    places = [at for at, anchor in enumerate(label.anchors) if reference_span(record, anchor) == old]
    return annotate.move(record, label_id, dict.fromkeys(places, new))
