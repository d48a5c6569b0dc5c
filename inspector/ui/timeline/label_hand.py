"""Labels under the mouse: drawn by dragging on their lane, moved, their edges pulled; one edit on release.

Nothing is decided here: while the hand moves the lane shows where the label would lie, and on release it is
asked for. Boundaries snap in pixels; with Ctrl they do not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QPointF, Qt, Signal

from inspector.core.snapping import Magnets, Snap
from inspector.ui.timeline import header, ruler
from inspector.ui.timeline.label_track import LabelTrack, Preview

if TYPE_CHECKING:
    from collections.abc import Callable

    from PySide6.QtCore import QRectF

    from inspector.core.model import Span
    from inspector.ui.timeline.label_track import Box
    from inspector.ui.timeline.view import TimelineView

REACH_PX = 6
"""How near a boundary must come to be drawn to something."""
GRIP_PX = 4
"""How near an edge of a label the hand takes hold of it."""
LEAST_PX = 13
"""Narrower labels are moved as a whole: their edges cannot be told apart."""


@dataclass(slots=True)
class _Held:
    """What the hand has: a lane, the label on it (None: a new one), and which edge of it (None: all)."""

    track: LabelTrack
    box: Box | None
    edge: int | None
    at: int
    """The time under the pointer at the press."""


class LabelHand(QObject):
    """Takes presses on lanes of labels from the view. Times in signals are reference ns."""

    drawn = Signal(object, object)
    """A lane, and the span of the label that was drawn on it."""
    dragged = Signal(str, object, object)
    """A label's id, the span that was taken hold of, and where it is to lie."""
    clicked = Signal(object, object, bool)
    """A lane, the label that was hit (None: none), and whether Ctrl was held."""

    def __init__(self, view: TimelineView) -> None:
        super().__init__(view)
        self._view = view
        self._held: _Held | None = None
        self._span: Span | None = None
        self.magnets: Callable[[str], Magnets] = lambda _: Magnets()
        """What attracts the boundaries of a label (by its id, "" for a new one)."""
        self._drawn_to = Magnets()

    def press(self, pos: QPointF) -> bool:
        """Whether the hand took hold of something there."""
        found = self._lane_at(pos)
        if found is None or self._view.canvas.positions:
            return False
        track, rect = found
        box, edge = self._hit(track, rect, pos)
        self._held = _Held(track, box, edge, self._view.canvas.ns_of(pos.x()))
        self._span = None
        self._drawn_to = self.magnets("" if box is None else box.annotation.id)
        return True

    def move(self, pos: QPointF, free: bool) -> None:
        """Show where the label would lie; `free` without snapping."""
        held = self._held
        if held is None:
            return
        self._span, told = self._lies(held, pos, free)
        text = "" if held.box is None else held.box.annotation.label
        row = 0 if held.box is None else held.box.row
        held.track.preview = Preview(*self._span, text, row, told)
        self._repaint(held.track)

    def release(self, moved: bool, ctrl: bool) -> None:
        """Ask for what is shown, or tell of the click."""
        held, self._held = self._held, None
        if held is None:
            return
        held.track.preview = None
        self._repaint(held.track)
        if not moved or self._span is None:
            self.clicked.emit(held.track, None if held.box is None else held.box.annotation, ctrl)
        elif held.box is None:
            self.drawn.emit(held.track, self._span)
        elif self._span != (held.box.start, held.box.end):
            self.dragged.emit(held.box.annotation.id, (held.box.start, held.box.end), self._span)

    def drop(self) -> None:
        """Let go without asking for anything."""
        held, self._held = self._held, None
        if held is not None:
            held.track.preview = None
            self._repaint(held.track)

    def cursor(self, pos: QPointF) -> Qt.CursorShape | None:
        """What the pointer looks like where the hand would take hold of something."""
        found = self._lane_at(pos)
        if found is None or self._view.canvas.positions:
            return None
        box, edge = self._hit(*found, pos)
        if box is None:
            return Qt.CursorShape.CrossCursor
        return Qt.CursorShape.OpenHandCursor if edge is None else Qt.CursorShape.SizeHorCursor

    def _lane_at(self, pos: QPointF) -> tuple[LabelTrack, QRectF] | None:
        if pos.x() < header.WIDTH or pos.y() < ruler.HEIGHT:
            return None
        for track, row in self._view.canvas.rows():
            if row.contains(pos):
                if not isinstance(track, LabelTrack):
                    return None
                return track, row.adjusted(header.WIDTH, 0, 0, 0)
        return None

    def _hit(self, track: LabelTrack, rect: QRectF, pos: QPointF) -> tuple[Box | None, int | None]:
        best: tuple[Box | None, int | None] = (None, None)
        for box, area in track.placed(rect, self._view.axis):
            if track.outside(box) or not area.adjusted(-GRIP_PX, 0, GRIP_PX, 0).contains(pos):
                continue
            inside = area.left() <= pos.x() <= area.right()
            wide = area.width() >= LEAST_PX and box.end > box.start
            edge = None
            if wide and abs(pos.x() - area.left()) <= GRIP_PX:
                edge = 0
            elif wide and abs(pos.x() - area.right()) <= GRIP_PX:
                edge = 1
            if inside or best[0] is None:
                best = (box, edge)
        return best

    def _lies(self, held: _Held, pos: QPointF, free: bool) -> tuple[Span, str]:
        """The span that the hand means, and what it was drawn to."""
        canvas, axis = self._view.canvas, self._view.axis
        x = min(max(pos.x(), header.WIDTH), canvas.width())
        now = axis.clamp(canvas.ns_of(x))
        reach = 0 if free else round(REACH_PX * axis.length / canvas.content_width)

        def drawn(ns: int) -> Snap:
            return Snap(ns) if free else self._drawn_to.snap(ns, reach)

        if held.box is None:
            start, end = drawn(axis.clamp(held.at)), drawn(now)
            low, high = sorted((start.ns, end.ns))
            return (low, high), end.what
        start_ns, end_ns = held.box.start, held.box.end
        by = canvas.ns_of(x) - held.at
        if held.edge == 0:
            snap = drawn(start_ns + by)
            return (min(snap.ns, end_ns), end_ns), snap.what
        if held.edge == 1:
            snap = drawn(end_ns + by)
            return (start_ns, max(snap.ns, start_ns)), snap.what
        # As a whole: by whichever of its ends is nearer to something.
        snaps = [(drawn(each + by), each + by) for each in dict.fromkeys((start_ns, end_ns))]
        said = [each for each in snaps if each[0].what] or snaps[:1]
        snap, wanted = min(said, key=lambda each: (each[0].what == "frame", abs(each[0].ns - each[1])))
        by += snap.ns - wanted
        return (start_ns + by, end_ns + by), snap.what

    def _repaint(self, track: LabelTrack) -> None:
        canvas = self._view.canvas
        canvas.update(canvas.content_rect(track).toAlignedRect())
