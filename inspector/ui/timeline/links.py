"""Links drawn across the tracks: a line from each end of a link to the next, from row to row."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPainterPath, QPen, QPixmap

from inspector.core.annotate import label_target, reference_span
from inspector.ui import theme
from inspector.ui.timeline import header, ruler
from inspector.ui.timeline.label_track import LabelTrack
from inspector.ui.timeline.track import StreamTrack

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtGui import QColor

    from inspector.core.model import Record, Span
    from inspector.ui.timeline.canvas import TimelineCanvas
    from inspector.ui.timeline.track import Track

DOT = 3.0
MOST = 300
"""So many links are drawn at a time: more are a carpet in which none can be followed."""


@dataclass(frozen=True, slots=True)
class Thread:
    """A link as it is drawn: for each end the track of its row and its span on the reference timeline."""

    id: str
    text: str
    ends: tuple[tuple[str, Span], ...]


def rows_of(tracks: Sequence[Track]) -> dict[str, str]:
    """The track of each stream by its id, and of each label by what names it."""
    rows: dict[str, str] = {}
    for track in tracks:
        if isinstance(track, StreamTrack):
            rows.setdefault(track.stream.id, track.id)
        elif isinstance(track, LabelTrack):
            rows |= {label_target(label.id): track.id for label in track.annotations}
    return rows


def threads_of(record: Record, tracks: Sequence[Track]) -> tuple[Thread, ...]:
    """The links of a record whose ends lie on tracks that are shown."""
    links = [label for label in record.annotations if len(label.anchors) > 1]
    rows = rows_of(tracks) if links else {}
    found = []
    for label in links:
        ends = []
        for anchor in label.anchors:
            row = rows.get(anchor.target or "") or rows.get(anchor.stream_id or "")
            span = reference_span(record, anchor)
            if row is not None and span is not None:
                ends.append((row, span))
        if len({row for row, _ in ends}) > 1:
            found.append(Thread(label.id, label.label, tuple(ends)))
    return tuple(found)


class LinkLayer:
    """Paints over the rows of a canvas; what is chosen stands out, with its relation's name."""

    def __init__(self, canvas: TimelineCanvas) -> None:
        self._canvas = canvas
        self.threads: tuple[Thread, ...] = ()
        self.chosen: frozenset[str] = frozenset()
        self.waiting: tuple[tuple[str, Span], ...] = ()
        """Ends of a link that is being made."""
        self.drawn = 0
        """How many links were ever drawn; the playhead must not make it grow."""
        self._kept: tuple[object, QPixmap] | None = None

    def paint(self, painter: QPainter) -> None:
        """Lay the links' picture over the rows; it is drawn anew where a link, row or zoom is another."""
        if not self.threads and not self.waiting:
            self._kept = None
            return
        canvas = self._canvas
        shown_by = (
            (self.threads, self.chosen, self.waiting, theme.current().name),
            (canvas.axis.visible, canvas.size(), canvas.devicePixelRatioF(), canvas.scrolled),
            [(track.id, track.height) for track in canvas.tracks],
        )
        if self._kept is None or self._kept[0] != shown_by:
            self._kept = shown_by, self._picture()
        painter.drawPixmap(0, 0, self._kept[1])

    def _picture(self) -> QPixmap:
        canvas = self._canvas
        ratio = canvas.devicePixelRatioF()
        picture = QPixmap(canvas.size() * ratio)
        picture.setDevicePixelRatio(ratio)
        picture.fill(Qt.GlobalColor.transparent)
        painter = QPainter(picture)
        self._draw(painter)
        painter.end()
        return picture

    def _draw(self, painter: QPainter) -> None:
        """Draw every link of which something is on the screen."""
        canvas, axis = self._canvas, self._canvas.axis
        rows = self._rows()
        painter.setRenderHint(painter.RenderHint.Antialiasing)
        area = QRectF(header.WIDTH, ruler.HEIGHT, canvas.content_width, canvas.height() - ruler.HEIGHT)
        painter.setClipRect(area, Qt.ClipOperation.IntersectClip)
        start, end = axis.visible
        shown = [
            each
            for each in self.threads
            if min(span[0] for _, span in each.ends) <= end and max(span[1] for _, span in each.ends) >= start
        ]
        for each in sorted(shown[:MOST], key=lambda each: each.id in self.chosen):
            self._paint_thread(painter, each, rows)
        for row, span in self.waiting:
            if row in rows:
                self._paint_end(painter, self._point(row, span, rows), theme.current().playhead)

    def _rows(self) -> dict[str, float]:
        """The middle of every track's row, also of those that are scrolled away."""
        from inspector.ui.timeline.canvas import GAP

        found, y = {}, float(ruler.HEIGHT - self._canvas.scrolled)
        for track in self._canvas.tracks:
            found[track.id] = y + track.height / 2
            y += track.height + GAP
        return found

    def _point(self, row: str, span: Span, rows: dict[str, float]) -> QPointF:
        return QPointF(self._canvas.x_of((span[0] + span[1]) // 2), rows[row])

    def _paint_thread(self, painter: QPainter, thread: Thread, rows: dict[str, float]) -> None:
        t = theme.current()
        self.drawn += 1
        chosen = thread.id in self.chosen
        color = t.text if chosen else t.tint(t.accent, 0.9)
        points = sorted(
            (self._point(row, span, rows) for row, span in thread.ends if row in rows), key=lambda at: at.y()
        )
        path = QPainterPath(points[0])
        for a, b in pairwise(points):
            bend = (b.y() - a.y()) / 2
            path.cubicTo(a + QPointF(0, bend), b - QPointF(0, bend), b)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(t.panel, 4 if chosen else 3.5))
        painter.drawPath(path)  # a ground of its own: it crosses films and curves
        painter.setPen(QPen(color, 2.0 if chosen else 1.5))
        painter.drawPath(path)
        for each in points:
            self._paint_end(painter, each, color)
        if chosen and thread.text:
            painter.setFont(theme.text_font(11))
            middle = path.pointAtPercent(0.5)
            wide = painter.fontMetrics().horizontalAdvance(thread.text[: theme.LONGEST]) + 12
            plate = QRectF(middle.x() + 6, middle.y() - 9, wide, 18)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(t.raised)
            painter.drawRoundedRect(plate, 3, 3)
            painter.setPen(t.text)
            painter.drawText(plate, int(Qt.AlignmentFlag.AlignCenter), thread.text[: theme.LONGEST])

    @staticmethod
    def _paint_end(painter: QPainter, at: QPointF, color: QColor) -> None:
        painter.setPen(QPen(theme.current().panel, 1))
        painter.setBrush(color)
        painter.drawEllipse(at, DOT, DOT)
