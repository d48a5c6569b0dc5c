"""Links made by key: this word, that gesture, this sensor peak. W takes the first end, W again the other.

An end is the chosen label; where a stream's row was clicked last, the word at the playhead or, in a stream
without words, the moment itself.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from inspector.core import annotate
from inspector.core.annotate import end_of, word_target
from inspector.core.model import Anchor, Annotation, Modality
from inspector.errors import InspectorError
from inspector.ui.rooms import Room
from inspector.ui.timeline.links import LinkLayer, rows_of, threads_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inspector.core.annotate import Step
    from inspector.core.model import Cue, Record
    from inspector.ui.actions import Handler
    from inspector.ui.main_window import MainWindow
    from inspector.ui.timeline.track import StreamTrack

TIER = "links"
RELATION = "goes with"
"""What a first link says where its tier has no vocabulary: a number key or the panel says it better."""


class Linking(Room):
    """Owns the ends that were taken so far, and the lines across the tracks."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self.ends: list[Anchor] = []
        self.stream: StreamTrack | None = None
        """The stream whose row was clicked last, None once a label was."""
        self.made = ""
        """The link that was made last."""
        self.layer = LinkLayer(window.timeline.canvas)
        window.timeline.canvas.over = self.layer.paint
        window.timeline.pressed_on.connect(self._pressed_on)
        window.labelling.hand.clicked.connect(lambda *_: self._pressed_on(None))
        window.labelling.shown.connect(self._show)

    def handlers(self) -> Mapping[str, Handler]:
        """What the actions of this room do."""
        return {"link": self.link, "link_more": self.more}

    def set_record(self, record: Record | None) -> None:
        """Another record is on show: ends of the one before are let go."""
        self.ends, self.stream, self.made = [], None, ""

    def _pressed_on(self, track: StreamTrack | None) -> None:
        self.stream = track

    def link(self) -> None:
        """Take what is chosen as an end; with the second end the link is made."""
        try:
            end = self._end()
        except InspectorError as error:
            self.window.notice(str(error))
            return
        self.ends.append(end)
        if len(self.ends) < 2:
            self.window.notice(f"A link from {self._said(end)}: now its other end, and W")
            self._show()
            return
        ends, self.ends = tuple(self.ends), []
        session = self.session
        if session is None:
            return
        words = self.window.labelling.vocabulary(TIER).entries
        relation = words[0].label if words else RELATION
        label = Annotation(secrets.token_hex(8), TIER, relation, ends, session.desk.author)

        def then(_: Step) -> None:
            self.made = label.id
            self.window.labelling.choose(label.id)

        self.window.labelling.edit(lambda record: annotate.link(record, label), then)

    def more(self) -> None:
        """Add what is chosen to the link that was made last as a further end."""
        link_id = self.made
        if not link_id:
            self.window.notice("No link was made yet: W takes its ends")
            return
        try:
            end = self._end()
        except InspectorError as error:
            self.window.notice(str(error))
            return
        self.window.labelling.edit(
            lambda record: annotate.add_end(record, link_id, end),
            lambda _: self.window.labelling.choose(link_id),
        )

    def _end(self) -> Anchor:
        """What W means now. InspectorError where that is nothing."""
        record, labels = self.window.record, self.window.labelling.labels
        if record is None:
            raise InspectorError("There is no record")
        if self.stream is None:
            if not labels:
                raise InspectorError("Nothing to link is chosen", "", "Click a label, or a row and a moment")
            return end_of(labels[0])
        stream = record.stream(self.stream.stream.id)
        local = stream.timemap.to_local(self.window.player.transport.now_ns())
        if stream.modality is not Modality.TEXT:
            return Anchor(stream.id, (local, local))
        contents = self.window.contents
        found = word_at([] if contents is None else contents.numbered(stream.id), local)
        if found is None:
            raise InspectorError("No word is spoken at the playhead", stream.id, "Click one on its row")
        return Anchor(stream.id, found[1], target=found[0])

    def _said(self, end: Anchor) -> str:
        labels = self.window.labelling.labels
        if end.target is not None and end.target.startswith("label:") and labels:
            return f"“{labels[0].label or labels[0].tier}”"
        return f"{'a word' if end.target else 'a moment'} of {end.stream_id}"

    def _show(self) -> None:
        """Draw the links as they stand now."""
        record, tracks = self.window.aligning.shown, self.window.timeline.tracks
        self.layer.threads = () if record is None else threads_of(record, tracks)
        self.layer.chosen = frozenset(self.window.labelling.chosen)
        rows = rows_of(tracks) if self.ends else {}
        self.layer.waiting = tuple(
            (row, span)
            for each in self.ends
            if record is not None
            and (row := rows.get(each.target or "") or rows.get(each.stream_id or ""))
            and (span := annotate.reference_span(record, each)) is not None
        )
        self.window.timeline.canvas.update()


def word_at(cues: list[tuple[int, Cue]], local_ns: int) -> tuple[str, tuple[int, int]] | None:
    """The word that is spoken at a time, else the cue where its words have no times: its target and span."""
    for number, cue in cues:
        if not cue.start_ns <= local_ns < cue.end_ns:
            continue
        for place, word in enumerate(cue.words):
            if word.start_ns <= local_ns < word.end_ns:
                return word_target(number, place), (word.start_ns, word.end_ns)
        if not cue.words:
            return annotate.cue_target(number), (cue.start_ns, cue.end_ns)
    return None
