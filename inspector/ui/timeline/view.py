"""The timeline as the window knows it: gestures, follow mode and scrolling over one canvas."""

from __future__ import annotations

import time
from enum import Enum, auto
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QHelpEvent, QPainter, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import QScrollBar, QToolTip, QWidget

from inspector.ui import theme
from inspector.ui.timeline import header, ruler
from inspector.ui.timeline.axis import TimeAxis
from inspector.ui.timeline.canvas import GAP, TimelineCanvas
from inspector.ui.timeline.track import StreamTrack

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from PySide6.QtGui import QHideEvent, QMouseEvent, QPaintEvent

    from inspector.core.model import Record, Span
    from inspector.ui.timeline.label_hand import LabelHand
    from inspector.ui.timeline.mix_strip import MixStrip
    from inspector.ui.timeline.track import Track

ZOOM_STEP = 1.25
"""How much finer one notch of the wheel shows."""
BUTTON_ZOOM = 1.6
FOLLOW_PAUSE_S = 4.0
"""How long the view stays where the curator put it before it follows the playhead again."""
PAGE_LEAD = 0.1
"""Where on the screen the playhead lands when the view turns a page, as a part of its width."""
CLICK_SLOP = 3
EDGE = 4
MAX_HEIGHT = 400
NOTCH = 120
USUAL_HEIGHT = 292


class _Gesture(Enum):
    NONE = auto()
    SCRUB = auto()
    SLIDE = auto()
    LABEL = auto()
    PAN = auto()
    RESIZE = auto()


class TimelineView(QWidget):
    """The ruler and the tracks under it. It follows: `set_time` moves the playhead, gestures only ask.

    Times in signals are reference ns as Python integers (a Qt int has 32 bits).
    """

    scrub_started = Signal()
    scrub_moved = Signal(object)
    scrub_ended = Signal(object)
    """A click is a start, one move and an end, at the start of the label or word that was hit."""
    visible_changed = Signal()
    slid = Signal(object, object, bool)
    """A stream's track that is dragged with Shift, by how many ns it is to lie later than at the press, and
    whether the hand let go."""
    pressed_on = Signal(object)
    """The stream's track on whose row the playhead was taken hold of, None for another place."""
    header_pressed = Signal(object)
    """A track whose header was pressed, away from its edges."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._axis = TimeAxis(self)
        self.canvas = TimelineCanvas(self._axis, self)
        self._bar = QScrollBar(Qt.Orientation.Vertical, self)
        self._bar.valueChanged.connect(self._scrolled)
        self._axis.changed.connect(self.visible_changed)
        self._heights: dict[str, int] = {}
        self._gesture = _Gesture.NONE
        self._pressed, self._last = QPointF(), QPointF()
        self._moved, self._asked = False, 0
        self._sized: Track | None = None
        self._sliding: StreamTrack | None = None
        self.hand: LabelHand | None = None
        """What takes hold of labels; without it a drag on their lanes moves the playhead."""
        self.every: tuple[Track, ...] = ()
        """What was given last, also what is not shown: what is given back is made of it."""
        self.dress: Callable[[Sequence[Track]], Sequence[Track]] = list
        """Who chooses which of them are shown, and what they are called."""
        self._controls: dict[str, MixStrip] = {}
        self._hovered: Track | None = None
        self._hands_off_until, self.clock = 0.0, time.monotonic
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.setMinimumHeight(ruler.HEIGHT + 56)
        self.setAccessibleName("Timeline")
        self._place()

    # --- what is shown ----------------------------------------------------------------------------

    @property
    def axis(self) -> TimeAxis:
        """The total and the visible span."""
        return self._axis

    @property
    def tracks(self) -> tuple[Track, ...]:
        """The rows from top to bottom."""
        return self.canvas.tracks

    @property
    def scrubbing(self) -> bool:
        """Whether the curator holds the playhead."""
        return self._gesture is _Gesture.SCRUB

    def set_record(self, record: Record | None) -> None:
        """Lay the axis on a record and show all of it; None empties the timeline. Tracks come separately."""
        self.set_tracks(())
        self.canvas.set_moments(np.zeros((0, 2), np.int64))
        self.canvas.positions = record is not None and record.axis == "position"
        self.canvas.empty_text = "" if record is None else "Nothing in this record has a place in time"
        self._gesture = _Gesture.NONE
        self._hands_off_until = 0.0
        self._axis.set_total(*((0, 0) if record is None else record.span))
        self._bar.setValue(0)
        self.canvas.set_now(self._axis.clamp(self.canvas.now))
        self.canvas.update()

    def set_tracks(self, tracks: Sequence[Track]) -> None:
        """Show these rows, at the heights that the curator gave those of the same id before."""
        self.every = tuple(tracks)
        tracks = self.dress(tracks)
        for track in tracks:
            track.height = self._heights.get(track.id, track.natural_height)
        self.canvas.set_tracks(tracks)
        self._hovered = None
        self._keep_controls({track.id: self._controls.get(track.id) for track in tracks})
        self._place()
        self.updateGeometry()

    def set_controls(self, controls: Mapping[str, MixStrip]) -> None:
        """Put controls into the headers of these tracks, by id. The view owns them; those before go."""
        self._keep_controls(controls)
        for strip in controls.values():
            strip.setParent(self)
            strip.busy_changed.connect(self._place_controls)
        self._place_controls()

    def _keep_controls(self, keep: Mapping[str, MixStrip | None]) -> None:
        for strip in [old for name, old in self._controls.items() if keep.get(name) is not old]:
            strip.hide()
            strip.deleteLater()
        self._controls = {name: strip for name, strip in keep.items() if strip is not None}

    def set_loop(self, loop: Span | None) -> None:
        """Show on the ruler which stretch is played over and over."""
        self.canvas.set_loop(loop)

    def set_limits(self, start_ns: int, end_ns: int) -> None:
        """The same record, longer or shorter than it was: what is on the screen stays there."""
        visible, fitted = self._axis.visible, self._axis.fitted
        self._axis.set_total(start_ns, end_ns)
        if not fitted:
            self._axis.show(*visible)

    def set_time(self, reference_ns: int) -> None:
        """Move the playhead, and the page where it left the screen, unless the curator just moved that."""
        if reference_ns == self.canvas.now:
            return
        self.canvas.set_now(reference_ns)
        if self._gesture in (_Gesture.SCRUB, _Gesture.SLIDE, _Gesture.PAN) or self._axis.shows(reference_ns):
            return
        if self.clock() >= self._hands_off_until:
            self.reveal(reference_ns)

    def reveal(self, reference_ns: int) -> None:
        """Turn the page so that a time is on the screen, near its left end; the zoom stays."""
        if not self._axis.shows(reference_ns):
            start = reference_ns - round(self._axis.length * PAGE_LEAD)
            self._axis.show(start, start + self._axis.length)

    # --- zoom -------------------------------------------------------------------------------------

    def zoom_in(self) -> None:
        """Show finer around the playhead, or around the middle where it is off the screen."""
        self._zoom(BUTTON_ZOOM)

    def zoom_out(self) -> None:
        """Show coarser around the playhead, or around the middle where it is off the screen."""
        self._zoom(1 / BUTTON_ZOOM)

    def fit(self) -> None:
        """Show the whole record."""
        self._axis.fit()

    def _zoom(self, factor: float) -> None:
        start, end = self._axis.visible
        now = self.canvas.now
        self._axis.zoom_at(now if self._axis.shows(now) else (start + end) // 2, factor)

    # --- layout -----------------------------------------------------------------------------------

    def sizeHint(self) -> QSize:
        """Room for every row, within reason; without rows, for those of a usual record."""
        return QSize(900, ruler.HEIGHT + min(max(self.canvas.total_height or USUAL_HEIGHT, 120), 420))

    def _place(self) -> None:
        """Give the canvas what the scroll bar leaves, and the bar its range."""
        room = self.height() - ruler.HEIGHT
        over = self.canvas.total_height - room
        wide = self._bar.sizeHint().width() if over > 0 else 0
        self._bar.setVisible(over > 0)
        self._bar.setGeometry(self.width() - wide, ruler.HEIGHT, wide, max(room, 0))
        self._bar.setPageStep(max(room, 1))
        self._bar.setSingleStep(28)
        self._bar.setRange(0, max(over, 0))
        self.canvas.setGeometry(0, 0, self.width() - wide, self.height())
        self.canvas.update()
        self._place_controls()

    def _scrolled(self, y: int) -> None:
        self.canvas.set_scroll(y)
        self._place_controls()

    def _place_controls(self) -> None:
        """Each strip into its header where the row is high enough or it is used; none under the ruler."""
        if not self._controls:
            return
        rows = {track.id: (track, row) for track, row in self.canvas.rows()}
        for name, strip in self._controls.items():
            if name not in rows:
                strip.hide()
                continue
            track, row = rows[name]
            whole = row.height() >= header.ROOMY or strip.used or track is self._hovered
            whole = whole or (strip.set and row.height() >= header.CROWDED)
            footer, side = (header.footer_px(row), 0) if whole else (0, strip.marks_px)
            if (footer, side) != (track.footer, track.side):
                track.footer, track.side = footer, side
                self.canvas.update(0, int(row.top()), header.WIDTH, int(row.height()))
            place = (header.controls_rect(row) if whole else header.marks_rect(row, side)).toRect()
            strip.show_marks_only(not whole)
            strip.setGeometry(place)
            strip.setVisible((whole or side > 0) and place.top() >= ruler.HEIGHT)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Lay out anew."""
        super().resizeEvent(event)
        self._place()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Go on with the ruler over the scroll bar; the canvas paints the rest."""
        t = theme.current()
        painter = QPainter(self)
        painter.fillRect(event.rect(), t.panel)
        painter.fillRect(0, ruler.HEIGHT - 1, self.width(), 1, t.line)
        painter.end()

    def changeEvent(self, event: QEvent) -> None:
        """Repaint in a new theme; the kept pictures know which one they were painted in."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.StyleChange):
            self.update()
            self.canvas.update()

    # --- gestures ---------------------------------------------------------------------------------

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Ctrl zooms at the pointer; Shift or a sideways wheel pans; plain scrolls the rows."""
        event.accept()
        angle, pixels = event.angleDelta(), event.pixelDelta()
        modifiers = event.modifiers()
        if modifiers & Qt.KeyboardModifier.ControlModifier:
            self._touched()
            anchor = self.canvas.ns_of(max(event.position().x(), header.WIDTH))
            self._axis.zoom_at(anchor, ZOOM_STEP ** (angle.y() / NOTCH))
            return
        sideways = abs(angle.x()) > abs(angle.y())
        if sideways or modifiers & Qt.KeyboardModifier.ShiftModifier:
            notches = (angle.x() if sideways else angle.y()) / NOTCH
            px = pixels.x() if sideways and not pixels.isNull() else notches * self.canvas.content_width / 10
            self._pan_px(px)
            return
        px = pixels.y() if not pixels.isNull() else angle.y() / NOTCH * 2 * self._bar.singleStep()
        self._bar.setValue(self._bar.value() - round(px))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Begin a scrub (left), a pan (middle, or Alt and left) or the resizing of a row."""
        pos = event.position()
        left = event.button() is Qt.MouseButton.LeftButton
        alt = bool(event.modifiers() & Qt.KeyboardModifier.AltModifier)
        if self._gesture is not _Gesture.NONE:
            return
        self._pressed = self._last = pos
        self._moved = False
        if event.button() is Qt.MouseButton.MiddleButton or (left and alt):
            self._gesture = _Gesture.PAN
            self.setCursor(Qt.CursorShape.ClosedHandCursor)
        elif left and pos.x() < header.WIDTH:
            self._sized = self._edge_at(pos)
            self._gesture = _Gesture.NONE if self._sized is None else _Gesture.RESIZE
            over = self._header_at(pos)
            if self._sized is None and over is not None:
                self.header_pressed.emit(over)
        elif left and event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self._sliding = self._stream_at(pos)
            if self._sliding is not None and not self.canvas.positions:
                self._gesture = _Gesture.SLIDE
                self.setCursor(Qt.CursorShape.SizeHorCursor)
        elif left and self.hand is not None and self.hand.press(pos):
            self._gesture = _Gesture.LABEL
        elif left and (self.canvas.tracks or pos.y() < ruler.HEIGHT):
            self._gesture = _Gesture.SCRUB
            self.pressed_on.emit(self._stream_at(pos))
            self.scrub_started.emit()
            self._ask(self._target(pos))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Go on with the gesture, or show what one would do here."""
        pos = event.position()
        by, self._last = pos - self._last, pos
        if (pos - self._pressed).manhattanLength() > CLICK_SLOP:
            self._moved = True
        if self._gesture is _Gesture.SCRUB and self._moved:
            self._scrub_to(pos)
        elif self._gesture is _Gesture.SLIDE and self._moved:
            self._slide(pos)
        elif self._gesture is _Gesture.LABEL and self._moved and self.hand is not None:
            self.hand.move(pos, bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier))
        elif self._gesture is _Gesture.PAN:
            self._pan_px(by.x())
        elif self._gesture is _Gesture.RESIZE and self._sized is not None:
            self._resize(self._sized, by.y())
        elif self._gesture is _Gesture.NONE:
            self._show_cursor(pos)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """End the gesture; a scrub ends where it last asked to be."""
        if event.buttons() != Qt.MouseButton.NoButton and self._gesture is not _Gesture.NONE:
            return
        gesture, self._gesture = self._gesture, _Gesture.NONE
        self._sized = None
        self._show_cursor(event.position())
        if gesture is _Gesture.SCRUB:
            self.scrub_ended.emit(self._asked)
        elif gesture is _Gesture.LABEL and self.hand is not None:
            self.hand.release(self._moved, bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier))
            if not self._moved:
                self._click(event.position())
        elif gesture is _Gesture.SLIDE:
            self._slide(event.position() if self._moved else self._pressed, done=True)

    def hideEvent(self, event: QHideEvent) -> None:
        """End the gesture: a hidden widget is not told that the button was let go."""
        gesture, self._gesture = self._gesture, _Gesture.NONE
        self._sized = None
        if gesture is _Gesture.SCRUB:
            self.scrub_ended.emit(self._asked)
        elif gesture is _Gesture.LABEL and self.hand is not None:
            self.hand.drop()
        elif gesture is _Gesture.SLIDE:
            self._slide(self._last, done=True)
        super().hideEvent(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Fit (on the ruler), give a row its natural height (on its edge), else as a press."""
        pos = event.position()
        if event.button() is not Qt.MouseButton.LeftButton:
            return
        edge = self._edge_at(pos)
        if edge is not None:
            self._heights.pop(edge.id, None)
            edge.height = edge.natural_height
            self._place()
        elif pos.y() < ruler.HEIGHT:
            self.fit()
        else:
            self.mousePressEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        """Let go of the cursor's shape."""
        self.unsetCursor()
        self._hover(None)
        super().leaveEvent(event)

    def event(self, event: QEvent) -> bool:
        """Answer a request for a tooltip from what is under the pointer."""
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            text = self.tooltip_at(QPointF(event.pos()))
            if text:
                QToolTip.showText(event.globalPos(), theme.tip(text), self)
            else:
                QToolTip.hideText()
            return True
        return super().event(event)

    def tooltip_at(self, pos: QPointF) -> str:
        """What is under a place: a chip, a header, or what the track says of that moment."""
        if pos.y() < ruler.HEIGHT and pos.x() >= header.WIDTH:
            found = self.canvas.moments_at(self.canvas.ns_of(pos.x()))
            lines = [
                f"Row of the answer: {ruler.time_text(start, self.canvas.positions)}"
                + (f" to {ruler.time_text(end, self.canvas.positions)}" if end > start else "")
                for start, end in found[:3].tolist()
            ]
            return "\n".join([*lines, *([f"and {len(found) - 3} more"] if len(found) > 3 else [])])
        if (under := self.canvas.row_at(pos)) is None:
            return ""
        track, row = under
        if pos.x() >= header.WIDTH:
            return track.tooltip_at(pos, self._content(row), self._axis)
        if track.chip is not None and header.chip_rect(track, row).contains(pos):
            return track.chip.tooltip
        return track.header_tooltip()

    def _scrub_to(self, pos: QPointF) -> None:
        """Ask for the time under the pointer; beyond an end of the screen the screen moves along."""
        over = min(pos.x() - header.WIDTH, 0.0) + max(pos.x() - self.canvas.width(), 0.0)
        if over:
            self._axis.pan(round(over * self._axis.length / self.canvas.content_width / 4))
        x = min(max(pos.x(), header.WIDTH), self.canvas.width())
        self._ask(self.canvas.ns_of(x))

    def _slide(self, pos: QPointF, done: bool = False) -> None:
        """Ask for the stream to lie where the hand has it, its picture over the row under the pointer."""
        track = self._sliding
        if track is None:
            return
        by = round((pos.x() - self._pressed.x()) * self._axis.length / self.canvas.content_width)
        over = next((each for each, row in self.canvas.rows() if row.contains(pos)), None)
        self.canvas.set_ghost(None if done or over is track else track, over)
        if done:
            self._sliding = None
        self.slid.emit(track, by, done)

    def _stream_at(self, pos: QPointF) -> StreamTrack | None:
        found = self.canvas.row_at(pos)
        return found[0] if found is not None and isinstance(found[0], StreamTrack) else None

    def _click(self, pos: QPointF) -> None:
        self.scrub_started.emit()
        self._ask(self._target(pos))
        self.scrub_ended.emit(self._asked)

    def _ask(self, ns: int) -> None:
        self._asked = self._axis.clamp(ns)
        self.scrub_moved.emit(self._asked)

    def _target(self, pos: QPointF) -> int:
        found = self.canvas.row_at(pos)
        hit = None if found is None else found[0].click_at(pos, self._content(found[1]), self._axis)
        return self.canvas.ns_of(pos.x()) if hit is None else hit

    def _content(self, row: QRectF) -> QRectF:
        return row.adjusted(header.WIDTH, 0, 0, 0)

    def _pan_px(self, px: float) -> None:
        self._touched()
        self._axis.pan(-round(px * self._axis.length / self.canvas.content_width))

    def _touched(self) -> None:
        self._hands_off_until = self.clock() + FOLLOW_PAUSE_S

    def _edge_at(self, pos: QPointF) -> Track | None:
        """The track whose header's bottom edge is under a place."""
        if pos.x() >= header.WIDTH or pos.y() < ruler.HEIGHT:
            return None
        rows = self.canvas.rows()
        return next((track for track, row in rows if abs(pos.y() - row.bottom() - GAP / 2) <= EDGE), None)

    def _resize(self, track: Track, by: float) -> None:
        top = next((row.top() for each, row in self.canvas.rows() if each is track), None)
        wanted = track.height + by if top is None else self._last.y() - top
        track.height = round(min(max(wanted, track.min_height), MAX_HEIGHT))
        self._heights[track.id] = track.height
        self._place()

    def _header_at(self, pos: QPointF) -> Track | None:
        found = None if pos.x() >= header.WIDTH else self.canvas.row_at(pos)
        return None if found is None else found[0]

    def _hover(self, track: Track | None) -> None:
        if track is not self._hovered:
            self._hovered = track
            self._place_controls()

    def _show_cursor(self, pos: QPointF) -> None:
        self._hover(self._header_at(pos))
        if self._edge_at(pos) is not None:
            self.setCursor(Qt.CursorShape.SplitVCursor)
        elif self.hand is not None and (shape := self.hand.cursor(pos)) is not None:
            self.setCursor(shape)
        else:
            self.unsetCursor()
