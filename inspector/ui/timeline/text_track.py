"""A transcript: words as chips where there is room, else its cues, the spoken one lit."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QFontMetricsF

from inspector.core.timemap import map_span
from inspector.ui import theme
from inspector.ui.timeline.track import (
    Chip,
    StreamTrack,
    cut,
    ink_on,
    paint_unknown,
    stack,
    time_span_text,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from PySide6.QtCore import QPointF
    from PySide6.QtGui import QColor, QPainter

    from inspector.core.model import Cue, Stream
    from inspector.ui.timeline.axis import TimeAxis

WORD_PX = 14
"""Words are shown where they have this many px each in the middle case,"""
LETTER_PX = 5
"""and as many a letter: chips too narrow to read say less than the cues would."""
TEXT_PX = 12
MAX_ROWS = 3
PAD_Y = 4


@dataclass(frozen=True, slots=True)
class _Piece:
    """A word or a cue on the reference timeline; `row` is its place where several are spoken at once."""

    start: int
    end: int
    text: str
    row: int = 0
    note: str = ""


class _Layer:
    """Pieces ordered by start, with what finding the visible ones takes."""

    def __init__(self, pieces: list[_Piece]) -> None:
        pieces.sort(key=lambda piece: (piece.start, piece.end))
        rows, self.rows = stack([(piece.start, piece.end) for piece in pieces])
        self.rows = min(self.rows, MAX_ROWS)
        self.pieces = [
            _Piece(piece.start, piece.end, piece.text, min(row, MAX_ROWS - 1), piece.note)
            for piece, row in zip(pieces, rows, strict=True)
        ]
        self.starts = [piece.start for piece in self.pieces]
        ends = np.array([piece.end for piece in self.pieces], np.int64)
        self.reach: list[int] = np.maximum.accumulate(ends).tolist() if len(ends) else []
        lengths = ends - np.array(self.starts, np.int64)
        self.middle_ns = float(np.median(lengths)) if len(ends) else 0.0
        letters = np.array([max(len(piece.text), 1) for piece in self.pieces])
        self.letter_ns = float(np.median(lengths / letters)) if len(ends) else 0.0

    def between(self, start: int, end: int) -> list[_Piece]:
        """The pieces that touch a span (ends inclusive)."""
        first = bisect_right(self.reach, start - 1)
        last = bisect_right(self.starts, end)
        return [piece for piece in self.pieces[first:last] if piece.end >= start]

    def at(self, ns: int) -> list[_Piece]:
        """The pieces that are spoken at a moment."""
        return [piece for piece in self.between(ns, ns) if piece.start <= ns < piece.end]


class TextTrack(StreamTrack):
    """Chips of words or cues; the lit ones are painted live, so that speaking costs no rendering.

    Before the first and after the last word nothing is hatched: silence is no missing data.
    """

    default_height: ClassVar[int] = 32

    def __init__(self, stream: Stream, title: str = "", subtitle: str = "", chip: Chip | None = None) -> None:
        super().__init__(stream, title, subtitle, chip)
        self._cues: tuple[Cue, ...] | None = None
        self._words = _Layer([])
        self._whole = _Layer([])
        self._now = 0
        self._lit: tuple[list[_Piece], list[_Piece]] = ([], [])

    def set_cues(self, cues: Sequence[Cue] | None) -> None:
        """Take the cues in local time, or (None) that they are not read yet."""
        self._cues = None if cues is None else tuple(cues)
        self._lay()
        self.invalidate()

    def set_stream(self, stream: Stream) -> None:
        """Take another time map."""
        if stream != self.stream:
            self.stream = stream
            self._lay()
            self.invalidate()

    def _lay(self) -> None:
        timemap = self.stream.timemap
        words: list[_Piece] = []
        whole: list[_Piece] = []
        for cue in self._cues or ():
            start, end = map_span(timemap, (cue.start_ns, cue.end_ns))
            speaker = cue.speaker or ""
            whole.append(_Piece(start, end, " ".join(cue.text.split()), note=speaker))
            for word in cue.words:
                start, end = map_span(timemap, (word.start_ns, word.end_ns))
                note = speaker if word.confidence is None else f"{speaker} {word.confidence:.2f}".strip()
                words.append(_Piece(start, end, word.text.strip(), note=note))
        self._words, self._whole = _Layer(words), _Layer(whole)
        self._lit = (self._words.at(self._now), self._whole.at(self._now))

    def _layer(self, rect: QRectF, axis: TimeAxis) -> _Layer:
        px_per_ns = rect.width() / axis.length
        words = self._words
        if words.middle_ns * px_per_ns >= WORD_PX and words.letter_ns * px_per_ns >= LETTER_PX:
            return words
        return self._whole if self._whole.pieces else words

    def boxes(self, rect: QRectF, axis: TimeAxis) -> Iterator[tuple[_Piece, QRectF]]:
        """The visible chips; what would fall on a chip already there (finer than a pixel) is left out."""
        layer = self._layer(rect, axis)
        filled = [float("-inf")] * layer.rows
        for piece in layer.between(*axis.visible):
            box = self._box(piece, layer.rows, rect, axis)
            if box.right() - 1 > filled[piece.row]:
                filled[piece.row] = box.right()
                yield piece, box

    def _box(self, piece: _Piece, rows: int, rect: QRectF, axis: TimeAxis) -> QRectF:
        width = rect.width()
        left = rect.left() + axis.x_of(piece.start, width)
        right = rect.left() + axis.x_of(piece.end, width)
        gap = 1.0 if right - left > 6 else 0.0  # neighbours in running speech touch; their chips must not
        room = rect.height() - 2 * PAD_Y
        top = rect.top() + PAD_Y + room * piece.row / rows
        height = room / rows - (1 if rows > 1 else 0)
        return QRectF(left + gap / 2, top, max(right - left - gap, 2), height)

    def render(self, painter: QPainter, rect: QRectF, axis: TimeAxis) -> None:
        """Paint every visible chip in its quiet colours."""
        t = theme.current()
        if self._cues is None:
            paint_unknown(painter, rect)
        fill = t.tint(self.color, 0.20)
        for piece, box in self.boxes(rect, axis):
            self._paint_chip(painter, box, rect, piece.text, fill, _mix(self.color, t.text, 0.55))

    def paint_live(self, painter: QPainter, rect: QRectF, axis: TimeAxis) -> None:
        """Light what is spoken now."""
        layer = self._layer(rect, axis)
        for piece in self._lit[0] if layer is self._words else self._lit[1]:
            box = self._box(piece, layer.rows, rect, axis)
            self._paint_chip(painter, box, rect, piece.text, self.color, ink_on(self.color))

    def _paint_chip(
        self, painter: QPainter, box: QRectF, rect: QRectF, text: str, fill: QColor, ink: QColor
    ) -> None:
        painter.setRenderHint(painter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(fill)
        radius = min(theme.STEP, box.width() / 3)
        painter.drawRoundedRect(box, radius, radius)
        shown = box.intersected(rect)
        pad = 5.0 if shown.width() > 40 else 1.5
        room = shown.adjusted(pad, 0, -pad, 0)
        if room.width() < 5:
            return
        text = text[: theme.LONGEST]
        # A short word is set smaller before it is cut.
        for px in (TEXT_PX, 11, 10, 9):
            font = theme.text_font(px)
            metrics = QFontMetricsF(font)
            fits = metrics.horizontalAdvance(text) <= room.width()
            if metrics.ascent() <= box.height() and (fits or px == 9 or box.width() > 60):
                break
        else:
            return
        words = cut(text, metrics, room.width())
        if not words:
            return
        painter.setPen(ink)
        painter.setFont(font)
        align = Qt.AlignmentFlag.AlignHCenter if fits else Qt.AlignmentFlag.AlignLeft
        painter.drawText(room, int(align | Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine), words)

    def set_time(self, ns: int) -> bool:
        """Light what is spoken at a moment; True where that is something else than before."""
        self._now = ns
        lit = (self._words.at(ns), self._whole.at(ns))
        changed = lit != self._lit
        self._lit = lit
        return changed

    def _hit(self, pos: QPointF, rect: QRectF, axis: TimeAxis) -> _Piece | None:
        hits = [piece for piece, box in self.boxes(rect, axis) if box.contains(pos)]
        return hits[-1] if hits else None

    def tooltip_at(self, pos: QPointF, rect: QRectF, axis: TimeAxis) -> str:
        """The words in full, when, and by whom."""
        piece = self._hit(pos, rect, axis)
        if piece is None:
            return ""
        lines = (piece.text, time_span_text(piece.start, piece.end), piece.note)
        return "\n".join(line for line in lines if line)

    def click_at(self, pos: QPointF, rect: QRectF, axis: TimeAxis) -> int | None:
        """The start of the word or cue that was hit."""
        piece = self._hit(pos, rect, axis)
        return None if piece is None else piece.start


def _mix(a: QColor, b: QColor, part: float) -> QColor:
    """`part` of `b` in `a`."""
    mixed = type(a)()
    mixed.setRgbF(
        a.redF() + (b.redF() - a.redF()) * part,
        a.greenF() + (b.greenF() - a.greenF()) * part,
        a.blueF() + (b.blueF() - a.blueF()) * part,
    )
    return mixed
