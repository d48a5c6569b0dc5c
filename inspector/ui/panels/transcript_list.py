"""Cues as wrapped text that is laid out only where it is seen, so that ten thousand cost no more than ten.

Heights are guessed from the length of the text until a cue comes near the screen; then they are exact, and
the scroll bar is corrected so that what the curator reads does not move.
"""

from __future__ import annotations

import re
import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

import numpy as np
from PySide6.QtCore import QEvent, QPoint, QPointF, QRect, QRectF, QSize, Qt, QVariantAnimation, Signal
from PySide6.QtGui import QFont, QFontMetrics, QPainter, QTextCharFormat, QTextLayout, QTextOption
from PySide6.QtWidgets import QAbstractScrollArea, QStyle

from inspector.core.times import clock_text
from inspector.ui import theme
from inspector.ui.panels.common import SMALL, paint_elided

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPaintEvent, QResizeEvent, QWheelEvent

    from inspector.ui.panels.transcript_track import TranscriptTrack

LINE = 5 * theme.STEP
PAD = theme.STEP
SPEAKER = 5 * theme.STEP
NEAR = 8
"""So many cues above the screen are laid out ahead of it."""
KEPT = 256
HOLD_S = 4.0
"""How long after a scroll by hand the list does not follow the playhead."""
SOFT_MS = 120
SLOP = 4
"""Px that a click may move."""


class CueList(QAbstractScrollArea):
    """Follows the playhead through a transcript; a click on a cue or a word asks to go there."""

    ranged = Signal(object, object)
    """A stretch of text was dragged over: the first place and the last, each a cue and a character in it."""
    seek = Signal(object)
    """Reference time in ns, as a Python integer: a C int would overflow."""

    def __init__(self) -> None:
        super().__init__()
        self._track: TranscriptTrack | None = None
        self._cue, self._word, self._hover = -1, -1, -1
        self._calm_from, self._calm_until = 0, -1
        self._needle = ""
        self._marks: tuple[tuple[int, int, int], ...] = ()
        self._pressed: tuple[int, int] | None = None
        self._dragged: tuple[int, int] | None = None
        self._spot = QPoint()
        self._match = -1
        self._held_until = 0.0
        self._own_scroll = False
        self._layouts: OrderedDict[int, QTextLayout] = OrderedDict()
        self._heights = np.zeros(0, np.int64)
        self._exact = np.zeros(0, bool)
        self._tops = np.zeros(1, np.int64)
        self._laid_width = -1
        self.empty_text = ""
        self.clock = time.monotonic
        self._soft = QVariantAnimation(self)
        self._soft.setDuration(SOFT_MS)
        self._soft.valueChanged.connect(lambda value: self._set_scroll(int(value)))
        self.setFrameShape(QAbstractScrollArea.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.viewport().setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.verticalScrollBar().setSingleStep(LINE)
        self.verticalScrollBar().actionTriggered.connect(lambda _: self._hold())

    # --- what the panel calls -------------------------------------------------------------------------

    def set_track(self, track: TranscriptTrack | None) -> None:
        """Show another transcript from its top."""
        self._soft.stop()
        self._track = track
        self._cue = self._word = self._hover = self._match = -1
        self._calm_from, self._calm_until = 0, -1
        self._held_until = 0.0
        self._laid_width = -1
        self._set_scroll(0)
        self._settle()
        self.viewport().update()

    def set_time(self, reference_ns: int) -> None:
        """Mark what is spoken. Costs a bisection, and paints only cues whose look changes."""
        if self._track is None or self._calm_from <= reference_ns < self._calm_until:
            return
        spoken = self._track.spoken(reference_ns)
        self._calm_from, self._calm_until = reference_ns, spoken.until_ns
        if (spoken.cue, spoken.word) == (self._cue, self._word):
            return
        moved = spoken.cue != self._cue
        if moved:
            self._repaint_cue(self._cue)
        self._cue, self._word = spoken.cue, spoken.word
        self._repaint_cue(self._cue)
        if moved and self._cue >= 0 and not self._is_held():
            self._bring(self._cue)

    def spoken(self) -> tuple[int, int]:
        """The marked cue and the marked word in it, -1 for none."""
        return self._cue, self._word

    def set_search(self, needle: str, match: int) -> None:
        """Mark `needle` wherever it stands, and go to the cue `match` (-1 for none)."""
        if match >= 0 and (match != self._match or needle != self._needle):
            self._hold()
            self._bring(match)
        self._needle, self._match = needle, match
        self.viewport().update()

    def first_shown(self) -> int:
        """The topmost cue on screen."""
        return self._cue_at(self.verticalScrollBar().value())

    # --- layout ---------------------------------------------------------------------------------------

    def _text_left(self) -> int:
        if self._track is None or not self._track.timed or not len(self._track):
            return theme.MARGIN
        widest = clock_text(max(self._track.ends), 1)
        return 2 * theme.MARGIN + QFontMetrics(theme.mono_font(SMALL)).horizontalAdvance(widest)

    def _text_width(self) -> int:
        return max(40, self.viewport().width() - self._left - theme.MARGIN)

    def _guess(self) -> None:
        """Heights from the number of characters, for all cues at once."""
        track = self._track
        self._laid_width = self.viewport().width()
        self._left = self._text_left()
        self._layouts.clear()
        texts = [] if track is None else track.texts
        char = QFontMetrics(theme.text_font()).averageCharWidth()
        lines = np.ceil(np.array([len(text) for text in texts], float) * char / self._text_width())
        self._heights = np.maximum(1, lines).astype(np.int64) * LINE + 2 * PAD
        self._exact = np.zeros(len(texts), bool)
        self._stack()

    def _stack(self) -> None:
        self._tops = np.concatenate(([PAD], PAD + np.cumsum(self._heights)))

    def speaker(self, cue: int) -> str:
        """The name above a cue: its speaker's where another one spoke before."""
        assert self._track is not None
        name = self._track.cues[cue].speaker or ""
        return name if cue == 0 or name != (self._track.cues[cue - 1].speaker or "") else ""

    def _layout(self, cue: int) -> QTextLayout:
        layout = self._layouts.get(cue)
        if layout is not None:
            self._layouts.move_to_end(cue)
            return layout
        assert self._track is not None
        layout = QTextLayout(self._track.texts[cue], theme.text_font())
        option = QTextOption()
        option.setWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        layout.setTextOption(option)
        layout.setCacheEnabled(True)
        layout.beginLayout()
        y = 0
        while (line := layout.createLine()).isValid():
            line.setLineWidth(self._text_width())
            line.setPosition(QPointF(0, y + (LINE - line.height()) / 2))
            y += LINE
        layout.endLayout()
        self._layouts[cue] = layout
        while len(self._layouts) > KEPT:
            self._layouts.popitem(last=False)
        return layout

    def _measure(self, first: int, last: int) -> bool:
        """Make the heights of these cues exact; says whether any was guessed wrong."""
        wrong = False
        for cue in range(max(0, first), min(last, len(self._heights))):
            if not self._exact[cue]:
                lines = max(1, self._layout(cue).lineCount())
                height = lines * LINE + 2 * PAD + (SPEAKER if self.speaker(cue) else 0)
                wrong = wrong or height != self._heights[cue]
                self._heights[cue] = height
                self._exact[cue] = True
        if wrong:
            self._stack()
        return wrong

    def _cue_at(self, y: int) -> int:
        return int(np.clip(np.searchsorted(self._tops, y, "right") - 1, 0, max(0, len(self._heights) - 1)))

    def _settle(self) -> None:
        """Make what is on screen exact without moving it, and the scroll bar right."""
        bar, height = self.verticalScrollBar(), self.viewport().height()
        value = bar.value()
        anchor = self._cue_at(value)
        if self._laid_width != self.viewport().width():
            inside = min(max(0, value - int(self._tops[min(anchor, len(self._tops) - 1)])), LINE)
            self._guess()
        else:
            inside = value - int(self._tops[anchor])
        if not len(self._heights):
            bar.setRange(0, 0)
            return
        self._measure(anchor - NEAR, anchor + 1)
        moved = int(self._tops[anchor]) + inside if value > 0 else 0
        last = anchor
        while last < len(self._heights) and self._tops[last] < moved + height:
            self._measure(last, last + 8)
            last += 8
        self._own_scroll = True
        bar.setPageStep(height)
        bar.setRange(0, max(0, int(self._tops[-1]) + PAD - height))
        bar.setValue(moved)
        self._own_scroll = False

    def _bring(self, cue: int) -> None:
        """Scroll a cue into the middle of the screen, softly where that is near."""
        height = self.viewport().height()
        here = self._cue_at(self.verticalScrollBar().value())
        near = abs(cue - here) <= 60
        if near:
            self._measure(min(here, cue) - 2 * NEAR, max(here, cue) + height // (LINE + 2 * PAD) + NEAR)
        else:
            self._measure(cue - NEAR, cue + NEAR)
        self._settle()
        value = self.verticalScrollBar().value()
        top = int(self._tops[cue]) - value
        if height * 0.1 <= top and top + int(self._heights[cue]) <= height * 0.8:
            return
        target = int(self._tops[cue]) - int(height * 0.3)
        target = min(max(0, target), self.verticalScrollBar().maximum())
        self._soft.stop()
        allowed = self.style().styleHint(QStyle.StyleHint.SH_Widget_Animation_Duration, None, self) > 0
        if near and allowed and self.isVisible() and abs(target - value) < 2 * height:
            self._soft.setStartValue(value)
            self._soft.setEndValue(target)
            self._soft.start()
        else:
            self._set_scroll(target)

    def _set_scroll(self, value: int) -> None:
        self._own_scroll = True
        self.verticalScrollBar().setValue(value)
        self._own_scroll = False
        self._settle()

    def _hold(self) -> None:
        self._soft.stop()
        self._held_until = self.clock() + HOLD_S

    def _is_held(self) -> bool:
        return self.verticalScrollBar().isSliderDown() or self.clock() < self._held_until

    # --- where things are -----------------------------------------------------------------------------

    def cue_rect(self, cue: int) -> QRect:
        """A cue's place on the viewport."""
        top = int(self._tops[cue]) - self.verticalScrollBar().value()
        return QRect(0, top, self.viewport().width(), int(self._heights[cue]))

    def _text_top(self, cue: int) -> int:
        return self.cue_rect(cue).top() + PAD + (SPEAKER if self.speaker(cue) else 0)

    def text_rects(self, cue: int, start: int, end: int) -> list[QRectF]:
        """The places of a stretch of a cue's text on the viewport, one for each line that it is on."""
        layout, top = self._layout(cue), self._text_top(cue)
        rects = []
        for number in range(layout.lineCount()):
            line = layout.lineAt(number)
            first, last = line.textStart(), line.textStart() + line.textLength()
            if start < last and end > first:
                x0 = _x(line.cursorToX(max(start, first)))
                x1 = _x(line.cursorToX(min(end, last)))
                left, right = min(x0, x1), max(x0, x1)
                rects.append(QRectF(self._left + left, top + number * LINE, right - left, LINE))
        return rects

    def moment_at(self, spot: QPoint) -> int | None:
        """The reference time of the word, else of the cue, at a place on the viewport."""
        cue = self._cue_under(spot)
        if cue < 0 or self._track is None:
            return None
        for word in self._track.words(cue):
            if any(rect.contains(QPointF(spot)) for rect in self.text_rects(cue, word.start, word.end)):
                return word.start_ns
        return self._track.starts[cue]

    def _cue_under(self, spot: QPoint) -> int:
        if self._track is None or not self._track.timed or not len(self._track):
            return -1
        cue = self._cue_at(spot.y() + self.verticalScrollBar().value())
        return cue if self.cue_rect(cue).contains(spot) else -1

    def _repaint_cue(self, cue: int) -> None:
        if cue >= 0:
            self.viewport().update(self.cue_rect(cue))

    # --- events ---------------------------------------------------------------------------------------

    def scrollContentsBy(self, dx: int, dy: int) -> None:
        """Lay out what came on screen."""
        if not self._own_scroll:
            self._settle()
        self.viewport().update()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Wrap anew, with the topmost cue where it was."""
        super().resizeEvent(event)
        self._settle()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Scroll, and do not follow the playhead for a while."""
        self._hold()
        super().wheelEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Up, Down and the page keys scroll; all others are the window's."""
        keys = (Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_PageUp, Qt.Key.Key_PageDown)
        if event.key() in keys and not event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier:
            self._hold()
            super().keyPressEvent(event)
        else:
            event.ignore()

    def sign_at(self, spot: QPoint) -> tuple[int, int] | None:
        """The cue at a place on the viewport, and between which of its characters that is."""
        if self._track is None or not len(self._track):
            return None
        cue = self._cue_at(spot.y() + self.verticalScrollBar().value())
        layout = self._layout(cue)
        number = min(max((spot.y() - self._text_top(cue)) // LINE, 0), layout.lineCount() - 1)
        return (cue, _cursor(layout.lineAt(number).xToCursor(spot.x() - self._left))) if number >= 0 else None

    def set_marks(self, marks: Sequence[tuple[int, int, int]]) -> None:
        """Underline stretches of text: cue, first and last character (exclusive)."""
        self._marks = tuple(marks)
        self.viewport().update()

    def _stretch(self) -> tuple[tuple[int, int], tuple[int, int]] | None:
        """The first and the last place of what is being marked."""
        if self._pressed is None or self._dragged is None:
            return None
        return min(self._pressed, self._dragged), max(self._pressed, self._dragged)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Perhaps the begin of a stretch of text."""
        spot = event.position().toPoint()
        self._spot, self._dragged = spot, None
        self._pressed = self.sign_at(spot) if event.button() == Qt.MouseButton.LeftButton else None

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Ask to go where the click was, or tell which stretch of text was dragged over."""
        if event.button() != Qt.MouseButton.LeftButton:
            return
        stretch = self._stretch()
        self._pressed = self._dragged = None
        if stretch is not None:
            self.viewport().update()
            if stretch[0] != stretch[1]:
                self.ranged.emit(*stretch)
            return
        moment = self.moment_at(event.position().toPoint())
        if moment is not None:
            self._held_until = 0.0
            self.seek.emit(moment)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Show that a cue can be clicked, or what is dragged over."""
        if self._pressed is not None:
            spot = event.position().toPoint()
            if self._dragged is not None or (spot - self._spot).manhattanLength() > SLOP:
                self._dragged = self.sign_at(spot)
                self.viewport().update()
            return
        self._set_hover(self._cue_under(event.position().toPoint()))

    def viewportEvent(self, event: QEvent) -> bool:
        """Forget the pointer when it leaves."""
        if event.type() == QEvent.Type.Leave:
            self._set_hover(-1)
        return super().viewportEvent(event)

    def _set_hover(self, cue: int) -> None:
        if cue != self._hover:
            before, self._hover = self._hover, cue
            self._repaint_cue(before)
            self._repaint_cue(cue)
            shape = Qt.CursorShape.PointingHandCursor if cue >= 0 else Qt.CursorShape.ArrowCursor
            self.viewport().setCursor(shape)

    def sizeHint(self) -> QSize:
        """A column of text."""
        return QSize(320, 240)

    # --- painting -------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the cues that the dirty region touches, or say why there are none."""
        painter = QPainter(self.viewport())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self._track is None or not len(self._track):
            area = self.viewport().rect().adjusted(theme.MARGIN, theme.MARGIN, -theme.MARGIN, 0)
            painter.setFont(theme.text_font())
            painter.setPen(theme.current().faint)
            flags = Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop | Qt.TextFlag.TextWordWrap
            painter.drawText(area, int(flags), self.empty_text)
        else:
            value = self.verticalScrollBar().value()
            cue = self._cue_at(event.rect().top() + value)
            while cue < len(self._track) and self._tops[cue] - value <= event.rect().bottom():
                if event.region().intersects(self.cue_rect(cue)):
                    self.paint_cue(painter, cue)
                cue += 1
        painter.end()

    def paint_cue(self, painter: QPainter, cue: int) -> None:
        """One cue: its time, its speaker where that changes, its text, what is spoken or sought in it."""
        assert self._track is not None
        t = theme.current()
        color = t.modality[self._track.stream.modality]
        area = self.cue_rect(cue)
        top = self._text_top(cue)
        now = cue == self._cue
        if now or cue == self._hover:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(t.tint(color, 0.12) if now else t.tint(t.text, 0.05))
            inner = QRectF(area.adjusted(theme.STEP, top - PAD - area.top(), -theme.STEP, 0))
            painter.drawRoundedRect(inner, theme.RADIUS, theme.RADIUS)
        if speaker := self.speaker(cue):
            place = QRect(self._left, top - LINE + theme.STEP, self._text_width(), LINE - theme.STEP)
            paint_elided(painter, place, speaker, theme.text_font(SMALL, QFont.Weight.Medium), t.quiet)
        if self._track.timed:
            place = QRect(theme.MARGIN, top, self._left - 2 * theme.MARGIN, LINE)
            tone = t.text if now else t.faint
            right = Qt.AlignmentFlag.AlignRight
            time_text = clock_text(self._track.starts[cue], 1)
            paint_elided(painter, place, time_text, theme.mono_font(SMALL), tone, right)
        for row, first, last in self._marks:
            if row == cue:
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(t.suspect)
                for rect in self.text_rects(cue, first, last):
                    painter.drawRect(QRectF(rect.left(), rect.bottom() - 2, rect.width(), 1.5))
        if (stretch := self._stretch()) is not None and stretch[0][0] <= cue <= stretch[1][0]:
            first = stretch[0][1] if cue == stretch[0][0] else 0
            last = stretch[1][1] if cue == stretch[1][0] else len(self._track.texts[cue])
            self._fill(painter, cue, first, last, t.accent, 0.4)
        if self._needle:
            strong = cue == self._match
            for match in re.finditer(re.escape(self._needle), self._track.texts[cue], re.IGNORECASE):
                self._fill(painter, cue, *match.span(), theme.current().accent, 0.55 if strong else 0.28)
        ranges = []
        if now and self._word >= 0:
            word = self._track.words(cue)[self._word]
            self._fill(painter, cue, word.start, word.end, color, 1.0)
            look = QTextCharFormat()
            look.setForeground(t.panel)
            spoken = QTextLayout.FormatRange()
            spoken.start, spoken.length, spoken.format = word.start, word.end - word.start, look
            ranges.append(spoken)
        painter.setPen(t.text if now or not self._track.timed else t.quiet)
        self._layout(cue).draw(painter, QPointF(self._left, top), ranges)

    def _fill(self, painter: QPainter, cue: int, start: int, end: int, color: QColor, alpha: float) -> None:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.current().tint(color, alpha))
        for rect in self.text_rects(cue, start, end):
            painter.drawRoundedRect(rect.adjusted(-2, 1, 2, -1), theme.STEP, theme.STEP)

    def changeEvent(self, event: QEvent) -> None:
        """Repaint in a new theme."""
        if event.type() == QEvent.Type.PaletteChange:
            self.viewport().update()
        super().changeEvent(event)


def _cursor(found: Any) -> int:
    """`QTextLine.xToCursor`, which in some versions of PySide6 is a pair."""
    return int(found[0] if isinstance(found, tuple) else found)


def _x(found: Any) -> float:
    """QTextLine.cursorToX gives a number or, in some versions of PySide6, a pair with the cursor."""
    return float(found[0] if isinstance(found, tuple) else found)
