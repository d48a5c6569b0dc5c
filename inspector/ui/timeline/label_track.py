"""Annotation lanes: one a tier and author, a box a span."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QFontMetricsF, QPen, QPolygonF

from inspector.core.annotate import RECHECK
from inspector.core.model import Modality, Record
from inspector.core.timemap import map_span
from inspector.ui import theme
from inspector.ui.timeline.track import Chip, Track, cut, stack, time_span_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from PySide6.QtGui import QPainter

    from inspector.core.model import Annotation, Span
    from inspector.ui.timeline.axis import TimeAxis

AUTHOR_COLORS = (
    Modality.IMAGE,
    Modality.POINTS,
    Modality.MOTION,
    Modality.GAZE,
    Modality.VIDEO,
    Modality.SENSOR,
)
"""Whose colour the first, second, … author's labels take."""

TEXT_PX = 12
PAD_Y = 4
ROW_STEP = 16
MAX_ROWS = 4
ARROW = 7


@dataclass(frozen=True, slots=True)
class Box:
    """A label on the reference timeline, and the sub-row of its lane that it is in."""

    annotation: Annotation
    start: int
    end: int
    row: int = 0
    until: int | None = None
    """Where the next label of the same sub-row starts."""


@dataclass(frozen=True, slots=True)
class Preview:
    """Where a label would lie that somebody holds, in which sub-row, and what its boundary was drawn to."""

    start: int
    end: int
    text: str = ""
    row: int = 0
    snapped: str = ""


def reference_spans(record: Record, annotation: Annotation) -> list[Span]:
    """Where the annotation's anchors lie on the reference timeline, each place once.

    An anchor on a stream that the record does not have is taken as it stands.
    """
    found: list[Span] = []
    maps = {stream.id: stream.timemap for stream in record.streams}
    for anchor in annotation.anchors:
        if anchor.span is None:
            continue
        timemap = maps.get(anchor.stream_id or "")
        span = anchor.span if timemap is None else map_span(timemap, anchor.span)
        if span not in found:
            found.append(span)
    return found


class LabelTrack(Track):
    """One author's labels of one tier."""

    default_height: ClassVar[int] = 28

    def __init__(
        self,
        record: Record,
        tier: str,
        author: str,
        annotations: Sequence[Annotation],
        author_index: int = 0,
        chip: Chip | None = None,
    ) -> None:
        self._annotations = tuple(annotations)
        self._lay(record)
        self.timeless = sum(annotation.span is None for annotation in annotations)
        super().__init__(f"label:{tier}:{author}", tier, "", chip)
        self.tier, self.author = tier, author
        self.call(author or "no author")
        self.preview: Preview | None = None
        self.chosen: frozenset[str] = frozenset()
        """The labels that are chosen, by id."""
        self.incomplete: frozenset[str] = frozenset()
        """Those that are not anchored in all that their tier asks for."""
        self.modality = AUTHOR_COLORS[author_index % len(AUTHOR_COLORS)]

    def _lay(self, record: Record) -> None:
        """Place the labels by the record's time maps."""
        placed = [
            (span, annotation)
            for annotation in self._annotations
            for span in reference_spans(record, annotation)
        ]
        placed.sort(key=lambda each: each[0])
        rows, count = stack([span for span, _ in placed])
        self.rows = min(count, MAX_ROWS)
        boxes: list[Box] = []
        until: dict[int, int] = {}
        for (span, annotation), lane in reversed(list(zip(placed, rows, strict=True))):
            row = min(lane, MAX_ROWS - 1)
            boxes.append(Box(annotation, *span, row, until.get(row)))
            until[row] = span[0]
        self.boxes = tuple(reversed(boxes))
        self.span = record.span

    @property
    def annotations(self) -> tuple[Annotation, ...]:
        """Every label of the lane, those without a moment too."""
        return self._annotations

    def call(self, name: str) -> None:
        """Name the author so, where it shows: otherwise while somebody decides who is right."""
        self.called = name
        self.subtitle = f"{name} · {self.timeless} timeless" if self.timeless else name

    def take(self, other: LabelTrack, record: Record) -> None:
        """Become another lane of the same tier and author, after an edit."""
        if other.annotations != self._annotations:
            self._annotations, self.timeless = other.annotations, other.timeless
            self.call(self.called)
            self._lay(record)
            self.invalidate()

    def choose(self, ids: frozenset[str], incomplete: frozenset[str]) -> None:
        """Mark these labels as chosen, and these as not complete."""
        own = frozenset(label.id for label in self._annotations if label.id in ids or label.id in incomplete)
        if (ids & own, incomplete & own) != (self.chosen, self.incomplete):
            self.chosen, self.incomplete = ids & own, incomplete & own
            self.invalidate()

    def retime(self, record: Record) -> None:
        """Take the record with other time maps: labels that are bound to a stream move with it."""
        before = self.boxes, self.span
        self._lay(record)
        if (self.boxes, self.span) != before:
            self.invalidate()

    @property
    def natural_height(self) -> int:
        """One lane, and less than another for each further sub-row."""
        return self.default_height + ROW_STEP * (self.rows - 1)

    def header_tooltip(self) -> str:
        """Whose labels these are and how many, those without a time too."""
        labels = len({id(box.annotation) for box in self.boxes})
        lines = [f"{self.tier} by {self.called}", f"{labels} labels on the timeline"]
        if self.timeless:
            lines.append(f"{self.timeless} more name no moment")
        return "\n".join(lines)

    def outside(self, box: Box) -> int:
        """−1 for a label wholly before the record, 1 for one wholly after it, else 0."""
        start, end = self.span
        if box.end < start:
            return -1
        return 1 if box.start > end else 0

    def placed(self, rect: QRectF, axis: TimeAxis) -> Iterator[tuple[Box, QRectF]]:
        """The visible labels' boxes; those outside the record as arrow markers at its ends."""
        width = rect.width()
        room = rect.height() - 2 * PAD_Y
        height = room / self.rows - (2 if self.rows > 1 else 0)
        for box in self.boxes:
            top = rect.top() + PAD_Y + room * box.row / self.rows
            side = self.outside(box)
            if side:
                edge = rect.left() + axis.x_of(self.span[side > 0], width)
                if rect.left() - 1 <= edge <= rect.right() + 1:
                    edge = min(max(edge, rect.left()), rect.right())
                    yield box, QRectF(edge if side < 0 else edge - ARROW, top, ARROW, height)
                continue
            if box.end < axis.visible[0] or box.start > axis.visible[1]:
                continue
            left = rect.left() + axis.x_of(box.start, width)
            right = rect.left() + axis.x_of(box.end, width)
            yield box, QRectF(left, top, max(right - left, 2.0), height)

    def render(self, painter: QPainter, rect: QRectF, axis: TimeAxis) -> None:
        """Paint the visible labels."""
        filled = [float("-inf")] * self.rows
        for box, area in self.placed(rect, axis):
            if self.outside(box):
                self._paint_arrow(painter, area, self.outside(box))
            elif box.start == box.end:
                self._paint_tick(painter, box, area, rect, axis)
            elif area.right() - 1 > filled[box.row] or box.annotation.id in self.chosen:
                filled[box.row] = area.right()
                self._paint_box(painter, area, rect, box.annotation.label)
                self._paint_state(painter, area, box.annotation)

    def _paint_state(self, painter: QPainter, area: QRectF, label: Annotation) -> None:
        """Outline what is chosen; a corner for what is to be checked again, dashes for what is incomplete."""
        t = theme.current()
        inner = area.adjusted(1, 1, -1, -1)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        if label.id in self.incomplete:
            painter.setPen(QPen(t.suspect, 1, Qt.PenStyle.DashLine))
            painter.drawRoundedRect(area.adjusted(0.5, 0.5, -0.5, -0.5), theme.STEP, theme.STEP)
        if label.id in self.chosen:
            painter.setPen(QPen(t.text, 2))
            painter.drawRoundedRect(inner, theme.STEP, theme.STEP)
        if RECHECK in label.attrs and area.width() >= 8:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(t.suspect)
            corner = area.topRight()
            painter.drawPolygon(QPolygonF([corner, corner + QPointF(-8, 0), corner + QPointF(0, 8)]))

    def paint_live(self, painter: QPainter, rect: QRectF, axis: TimeAxis) -> None:
        """Draw the label that somebody holds, its times, and what its boundary was drawn to."""
        held = self.preview
        if held is None:
            return
        t = theme.current()
        left = rect.left() + axis.x_of(held.start, rect.width())
        right = rect.left() + axis.x_of(held.end, rect.width())
        room = (rect.height() - 2 * PAD_Y) / self.rows
        top = rect.top() + PAD_Y + room * min(held.row, self.rows - 1)
        area = QRectF(left, top, max(right - left, 2.0), room - (2 if self.rows > 1 else 0))
        painter.setRenderHint(painter.RenderHint.Antialiasing)
        painter.setPen(QPen(t.text, 1.5))
        painter.setBrush(t.tint(self.color, 0.75))
        painter.drawRoundedRect(area.adjusted(0.5, 0.5, -0.5, -0.5), 3, 3)
        told = time_span_text(held.start, held.end) + (f"  {held.snapped}" if held.snapped else "")
        font = theme.mono_font(11)
        wide = QFontMetricsF(font).horizontalAdvance(told) + 12
        plate = QRectF(right + 4, area.top(), wide, area.height())
        if plate.right() > rect.right():
            plate.moveRight(max(left - 4, rect.left() + wide))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(t.raised)
        painter.drawRoundedRect(plate, 3, 3)
        painter.setPen(t.text)
        painter.setFont(font)
        painter.drawText(plate, int(Qt.AlignmentFlag.AlignCenter), told)

    def _paint_box(self, painter: QPainter, area: QRectF, rect: QRectF, label: str) -> None:
        t = theme.current()
        dark = t.panel.lightnessF() < 0.5
        if area.width() < 4:
            painter.fillRect(area, t.tint(self.color, 0.8))
            return
        inner = area.adjusted(0.5, 0.5, -0.5, -0.5)
        painter.setPen(QPen(t.tint(self.color, 0.85), 1))
        painter.setBrush(t.tint(self.color, 0.32 if dark else 0.16))
        painter.drawRoundedRect(inner, theme.STEP, theme.STEP)
        shown = area.intersected(rect)
        pad = 7 if shown.width() > 60 else 4
        self._paint_text(painter, shown.adjusted(pad, 0, 2 - pad, 0), label)

    def _paint_text(self, painter: QPainter, room: QRectF, label: str) -> None:
        px = TEXT_PX if room.height() >= 15 else 10
        if room.width() < 10 or room.height() < 9:
            return
        font = theme.text_font(px)
        shown = cut(label, QFontMetricsF(font), room.width())
        if not shown:
            return
        painter.setFont(font)
        painter.setPen(theme.current().text)
        flags = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine
        painter.drawText(room, int(flags), shown)

    def _paint_tick(self, painter: QPainter, box: Box, area: QRectF, rect: QRectF, axis: TimeAxis) -> None:
        """Draw a moment as an upright with its name at its right, as far as the next label lets it."""
        painter.fillRect(QRectF(round(area.left()) - 1, area.top(), 2, area.height()), self.color)
        limit = rect.right() if box.until is None else rect.left() + axis.x_of(box.until, rect.width())
        if box.annotation.id in self.chosen:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(theme.current().text, 1.5))
            painter.drawRect(QRectF(area.left() - 3, area.top(), 6, area.height()))
        room = QRectF(area.left() + 5, area.top(), min(limit, rect.right()) - area.left() - 9, area.height())
        self._paint_text(painter, room, box.annotation.label)

    def _paint_arrow(self, painter: QPainter, area: QRectF, side: int) -> None:
        tip, base = (area.left(), area.right()) if side < 0 else (area.right(), area.left())
        middle = area.center().y()
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.current().suspect)
        shape = [QPointF(tip, middle), QPointF(base, middle - 6), QPointF(base, middle + 6)]
        painter.drawPolygon(QPolygonF(shape))

    def _hits(self, pos: QPointF, rect: QRectF, axis: TimeAxis) -> list[Box]:
        return [box for box, area in self.placed(rect, axis) if area.adjusted(-2, 0, 2, 0).contains(pos)]

    def tooltip_at(self, pos: QPointF, rect: QRectF, axis: TimeAxis) -> str:
        """The label in full with its tier, author and times; every one of those under an arrow."""
        hits = self._hits(pos, rect, axis)
        texts = []
        for box in hits[-8:]:
            lines = [box.annotation.label, f"{self.tier} · {self.called}"]
            lines.append(time_span_text(box.start, box.end))
            if RECHECK in box.annotation.attrs:
                lines.append(f"To be checked again: {box.annotation.attrs[RECHECK]}")
            if box.annotation.id in self.incomplete:
                lines.append("Not anchored in all that its tier asks for: it does not count as done")
            if self.outside(box):
                where = "before the record starts" if self.outside(box) < 0 else "after the record ends"
                lines.append(f"Lies {where}")
            texts.append("\n".join(line for line in lines if line))
        if len(hits) > len(texts):
            texts.append(f"and {len(hits) - len(texts)} more")
        return "\n\n".join(texts)

    def click_at(self, pos: QPointF, rect: QRectF, axis: TimeAxis) -> int | None:
        """The start of the label that was hit."""
        hits = self._hits(pos, rect, axis)
        return hits[-1].start if hits else None
