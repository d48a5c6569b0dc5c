"""Boxes, points and ranges of text marked, for the chosen label or a new one; each is one edit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inspector.core import annotate
from inspector.core.annotate import reference_span, timemap_of
from inspector.core.model import Anchor
from inspector.ui.rooms import Room

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inspector.core.model import Record, Span
    from inspector.ui.actions import Handler
    from inspector.ui.main_window import MainWindow
    from inspector.ui.regions import Region

TOLD = "Drag a box, click a point, drag over words: for the chosen label, whose own you move. P ends it"


class Marking(Room):
    """Owns nothing but whether the pictures are being marked, which the action shows."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._action = window.actions_["label_box"]
        window.transcript.ranged.connect(self.mark_text)
        window.labelling.shown.connect(self._show)

    def handlers(self) -> Mapping[str, Handler]:
        """What the action of this room does."""
        return {"label_box": self.turn}

    def set_record(self, record: Record | None) -> None:
        """Another record: its pictures are marked as those before were."""
        for camera in self.window.stage.cameras:
            camera.marked.connect(self.mark)
            camera.hand.reshaped.connect(self.reshape)
            camera.hand.erased.connect(lambda label_id, place: self.reshape(label_id, place, None))
            camera.hand.picked.connect(self._pick)
            camera.set_marking(self._action.isChecked())

    def _show(self) -> None:
        record = self.window.record
        for camera in self.window.stage.cameras:
            camera.hand.choose(frozenset(self.window.labelling.chosen))
        self.window.transcript.set_labels(() if record is None else record.annotations)

    def _pick(self, label_id: str) -> None:
        self.window.labelling.choose(*([label_id] if label_id else []))

    def reshape(self, label_id: str, place: int, region: Region | None) -> None:
        """Move or size a label's box or point, or (None) take it away, as one edit."""
        self.window.labelling.edit(lambda now: annotate.reshape(now, label_id, place, region))

    def mark_text(self, stream_id: str, text_range: tuple[int, int], span: Span | None) -> None:
        """Make a label of a range of text; with marking on and a label chosen it gets the range."""
        anchor = Anchor(stream_id, span, text_range=text_range)
        labels = self.window.labelling.labels
        if self._action.isChecked() and labels:
            label_id = labels[0].id
            self.window.labelling.edit(lambda now: annotate.mark(now, label_id, anchor))
        else:
            self.window.labelling.place(anchor)

    def turn(self) -> None:
        """Begin or stop marking, as the action is checked."""
        on = self._action.isChecked()
        for camera in self.window.stage.cameras:
            camera.set_marking(on)
        self.window.notice(TOLD if on else "")

    def mark(self, stream_id: str, region: Region, frame: Span | None) -> None:
        """Give the chosen label the region, where it lies at that frame; else make a label of the frame."""
        record, labelling = self.window.record, self.window.labelling
        if record is None:
            return
        timemap = timemap_of(record, stream_id)
        now = timemap.to_local(self.window.player.transport.now_ns())
        span = frame or (now, now)
        at = timemap.to_reference(span[0])
        label = next(iter(labelling.labels), None)
        spans = () if label is None else (reference_span(record, anchor) for anchor in label.anchors)
        whole = next((each for each in spans if each is not None), None)
        if label is not None and whole is not None and whole[0] <= at <= whole[1]:
            local = (timemap.to_local(whole[0]), timemap.to_local(whole[1]))
            where, label_id = Anchor(stream_id, local, region), label.id
            labelling.edit(lambda now: annotate.mark(now, label_id, where))
            return
        self.window.labelling.place(Anchor(stream_id, span, region))
