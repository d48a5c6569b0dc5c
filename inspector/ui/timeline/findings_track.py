"""The lane of an audit's findings: where in the record something is wrong, and what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QFontMetricsF, QPen

from inspector.core.findings import Status
from inspector.ui import theme
from inspector.ui.timeline.track import Chip, Track, cut, stack, time_span_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from PySide6.QtCore import QPointF
    from PySide6.QtGui import QColor, QPainter

    from inspector.core.model import Span
    from inspector.ui.timeline.axis import TimeAxis

TRACK_ID = "findings"
ROW_STEP = 17
MAX_ROWS = 4
PAD_Y = 4
TEXT_PX = 11


@dataclass(frozen=True, slots=True)
class Mark:
    """One finding: where, what it says in short and in full, and whether a fix is offered.

    `exact` is False where the finding names no moment and the mark stands for the whole stream.
    """

    span: Span
    status: Status
    text: str
    words: str
    fix: bool = False
    exact: bool = True


class FindingsTrack(Track):
    """A bar a finding, the worst in front; a click goes to its start."""

    default_height: ClassVar[int] = 28

    def __init__(self, marks: Sequence[Mark]) -> None:
        self.marks: tuple[Mark, ...] = ()
        self._rows: list[int] = []
        self.rows = 1
        self._take(marks)
        count = len(self.marks)
        super().__init__(TRACK_ID, "findings", f"{count} open", self._chip())

    def set_marks(self, marks: Sequence[Mark]) -> None:
        """Show others."""
        self._take(marks)
        self.subtitle, self.chip = f"{len(self.marks)} open", self._chip()
        self.invalidate()

    def _take(self, marks: Sequence[Mark]) -> None:
        self.marks = tuple(sorted(marks, key=lambda each: each.span))
        lanes, count = stack([each.span for each in self.marks])
        self.rows = min(count, MAX_ROWS)
        self._rows = [min(lane, MAX_ROWS - 1) for lane in lanes]

    def _chip(self) -> Chip:
        fixes = sum(each.fix for each in self.marks)
        if fixes:
            words = "fix" if fixes == 1 else "fixes"
            return Chip(f"{fixes} {words}", "failed", "Fixes that passed their gate: F3 leads to them")
        failed = any(each.status is Status.FAILED for each in self.marks)
        tip = "What the audit found here: F3 lists it"
        return Chip(str(len(self.marks)), "failed" if failed else "suspect", tip)

    @property
    def color(self) -> QColor:
        """The colour of the worst."""
        t = theme.current()
        return t.failed if any(each.status is Status.FAILED for each in self.marks) else t.suspect

    @property
    def natural_height(self) -> int:
        """Room for each row of bars."""
        return max(self.default_height, 2 * PAD_Y + ROW_STEP * self.rows)

    def placed(self, rect: QRectF, axis: TimeAxis) -> Iterator[tuple[Mark, QRectF]]:
        """The visible bars."""
        step = (rect.height() - 2 * PAD_Y) / self.rows
        for mark, row in zip(self.marks, self._rows, strict=True):
            start, end = mark.span
            if end < axis.visible[0] or start > axis.visible[1]:
                continue
            left = rect.left() + axis.x_of(start, rect.width())
            right = rect.left() + axis.x_of(end, rect.width())
            yield mark, QRectF(left, rect.top() + PAD_Y + row * step, max(right - left, 3.0), step - 2)

    def render(self, painter: QPainter, rect: QRectF, axis: TimeAxis) -> None:
        """Paint the bars: full for a stretch that is meant, an outline for a whole stream."""
        t = theme.current()
        dark = t.panel.lightnessF() < 0.5
        font = theme.text_font(TEXT_PX)
        metrics = QFontMetricsF(font)
        for mark, area in self.placed(rect, axis):
            color = t.failed if mark.status is Status.FAILED else t.suspect
            inner = area.adjusted(0.5, 0.5, -0.5, -0.5)
            painter.setPen(QPen(t.tint(color, 0.85), 1))
            painter.setBrush(t.tint(color, (0.42 if dark else 0.22) if mark.exact else 0.12))
            painter.drawRoundedRect(inner, theme.STEP, theme.STEP)
            shown = area.intersected(rect).adjusted(7, 0, -5, 0)
            text = cut(mark.text, metrics, shown.width()) if shown.width() > 20 else ""
            if text:
                painter.setFont(font)
                painter.setPen(t.text)
                line = Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine
                painter.drawText(shown, int(line), text)

    def _hits(self, pos: QPointF, rect: QRectF, axis: TimeAxis) -> list[Mark]:
        placed = self.placed(rect, axis)
        return [mark for mark, area in placed if area.adjusted(-2, -1, 2, 1).contains(pos)]

    def tooltip_at(self, pos: QPointF, rect: QRectF, axis: TimeAxis) -> str:
        """The findings under the pointer in full."""
        told = []
        for mark in self._hits(pos, rect, axis)[:4]:
            where = time_span_text(*mark.span) if mark.exact else "in all of it"
            told.append("\n".join((mark.words, where)))
        return "\n\n".join(told)

    def click_at(self, pos: QPointF, rect: QRectF, axis: TimeAxis) -> int | None:
        """The start of a finding that names its moment."""
        hits = [mark for mark in self._hits(pos, rect, axis) if mark.exact]
        return hits[-1].span[0] if hits else None
