"""One facet as it is drawn: a histogram whose ranges are dragged, values that are clicked, and its SQL."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QEvent, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFontMetrics, QHelpEvent, QKeyEvent, QMouseEvent, QPainter, QPen
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from inspector.query.facets import Facet, Kind, Pick
from inspector.ui import theme
from inspector.ui.panels.common import SMALL, number_text, paint_elided

if TYPE_CHECKING:
    from PySide6.QtGui import QPaintEvent

    from inspector.query.tally import Counts

TITLE = 6 * theme.STEP
LINE = 5 * theme.STEP
CHART = 11 * theme.STEP
SQL_LINE = 4 * theme.STEP
FEW, MANY = 6, 40
"""Values that are shown, and those after a click on `more`."""
NO_VALUE, MORE = "no value", "more"


def number_words(value: float, kind: Kind) -> str:
    """A bar's edge as a person reads it: a number, or a moment in UTC."""
    if kind is not Kind.TIME:
        return number_text(int(value)) if value == int(value) and abs(value) < 1e9 else f"{value:.6g}"
    try:
        moment = datetime.fromtimestamp(value, UTC)
    except (OverflowError, ValueError, OSError):
        return f"{value:.6g} s"
    return f"{moment:%Y-%m-%d}" if value % 86400 == 0 else f"{moment:%Y-%m-%d %H:%M:%S}"


def value_words(value: Any) -> str:
    """A value as a person reads it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = " ".join(str(value).split())
    return text if text else "(empty)"


class FacetView(QWidget):
    """Shows one column's counts. It asks by signals; what is picked comes back by `set_counts`."""

    picked = Signal(object)
    """Another Pick than before; an empty one takes it away."""
    asked = Signal()
    """It is to be turned into SQL."""

    def __init__(self, facet: Facet, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.facet = facet
        self.pick = Pick()
        self.sql = ""
        self._counts: Counts | None = None
        self._all: Counts | None = None
        self._many = False
        self._drag: tuple[int, int] | None = None
        self._at = -1
        """The row that keys move through."""
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAccessibleName(f"Facet {facet.column}")

    def set_counts(self, facet: Facet, counts: Counts, everything: Counts, pick: Pick, sql: str) -> None:
        """Show these counts over those of all records, what is picked, and the SQL that this adds."""
        self.facet, self._counts, self._all = facet, counts, everything
        self.pick, self.sql = pick, sql
        if self.facet.bins is None:
            self._drag = None
        self.setAccessibleDescription(self.text())
        self.updateGeometry()
        self.update()

    def text(self) -> str:
        """All that it says, as one string."""
        parts = [self.facet.column, self._note(), self.sql]
        parts += [f"{words} {number_text(n)}" for words, _, n, _ in self.rows()]
        return " · ".join(part for part in parts if part)

    # --- what is where --------------------------------------------------------------------------------

    @property
    def shows_bars(self) -> bool:
        """Whether it is a histogram."""
        return self.facet.bins is not None

    def rows(self) -> list[tuple[str, Any, int, int]]:
        """The lines of values: words, value (None for no value), count, count of all records."""
        counts, every = self._counts, self._all
        if counts is None or every is None or self.shows_bars or self.facet.kind is Kind.EMPTY:
            return []
        most = MANY if self._many else FEW
        values = list(zip(self.facet.values, counts.by.tolist(), every.by.tolist(), strict=True))
        kept = [each for number, each in enumerate(values) if number < most or each[0] in self.pick.values]
        found = [(value_words(v), v, int(n), int(a)) for v, n, a in kept]
        left = self.facet.distinct - len(kept)
        if every.missing:
            found.append((NO_VALUE, None, counts.missing, every.missing))
        if left > 0 and self.facet.kind is not Kind.NAMES:
            rest = sum(int(n) for v, n, _ in values) - sum(n for _, v, n, _ in found if v is not None)
            found.append((f"{number_text(left)} {MORE}", MORE, rest + counts.others, 0))
        return found

    def _top(self) -> int:
        return TITLE + (SQL_LINE if self.sql else 0)

    def sizeHint(self) -> QSize:
        """As high as what it shows."""
        body = CHART + SQL_LINE if self.shows_bars else LINE * len(self.rows())
        return QSize(200, self._top() + body + 2 * theme.STEP)

    def minimumSizeHint(self) -> QSize:
        """Any width will do."""
        return QSize(60, self.sizeHint().height())

    def _area(self) -> QRect:
        return self.rect().adjusted(theme.MARGIN, 0, -theme.MARGIN, 0)

    def _chart(self) -> QRect:
        area = self._area()
        return QRect(area.left(), self._top(), area.width(), CHART)

    def _missing_room(self) -> QRect:
        """Where it says how many have no value, which is clicked."""
        area = self._area()
        wide = QFontMetrics(theme.mono_font(SMALL)).horizontalAdvance(self._note())
        right = self._sql_room().left() - 2 * theme.STEP
        return QRect(max(right - wide, area.left()), 0, wide, TITLE)

    def _sql_room(self) -> QRect:
        """Where `SQL` is, or the cross that takes what is picked away and before it `SQL`."""
        area, wide = self._area(), 7 * theme.STEP
        return QRect(area.right() - wide + 1 - (5 * theme.STEP if self.pick else 0), 0, wide, TITLE)

    def _cross_room(self) -> QRect:
        area, wide = self._area(), 4 * theme.STEP
        return QRect(area.right() - wide + 1, 0, wide, TITLE) if self.pick else QRect()

    def _note(self) -> str:
        counts, facet = self._counts, self.facet
        if counts is None:
            return ""
        if facet.kind is Kind.EMPTY:
            return "no value in any record"
        total = int(counts.by.sum()) + counts.missing + counts.others
        if facet.kind is Kind.NAMES:
            return "all different" if not counts.missing else "hardly two alike"
        if not self.shows_bars or not counts.missing:
            return ""
        share = 100 * counts.missing / max(total, 1)
        return f"missing {share:.0f} %" if 1 <= share <= 99 else f"missing {number_text(counts.missing)}"

    def _row_at(self, y: float) -> int:
        place = int((y - self._top()) // LINE)
        return place if not self.shows_bars and 0 <= place < len(self.rows()) else -1

    def _bar_at(self, x: float) -> int:
        chart, bins = self._chart(), self.facet.bins
        assert bins is not None
        return min(max(int((x - chart.left()) * bins.count / max(chart.width(), 1)), 0), bins.count - 1)

    # --- painting -------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        """The title and its note, the SQL of what is picked, the bars or the values."""
        t = theme.current()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        title = self._area()
        title.setHeight(TITLE)
        strong = t.text if self.facet.kind is not Kind.EMPTY else t.faint
        note = self._missing_room()
        room = title.adjusted(0, 0, -(title.right() - note.left()) - theme.STEP, 0)
        paint_elided(painter, room, self.facet.column, theme.text_font(12), strong)
        tone = t.accent if self.pick.missing else t.quiet
        paint_elided(painter, note, self._note(), theme.mono_font(SMALL), tone)
        right = Qt.AlignmentFlag.AlignRight
        if self.facet.kind is not Kind.EMPTY:
            paint_elided(painter, self._sql_room(), "SQL", theme.text_font(SMALL), t.faint, right)
        if self.pick:
            cross = self._cross_room()
            painter.drawPixmap(
                cross.right() - 11, cross.center().y() - 5, theme.pixmap("close", t.quiet.name(), 12)
            )
        if self.sql:
            line = QRect(title.left(), TITLE - 2, title.width(), SQL_LINE)
            paint_elided(painter, line, self.sql, theme.mono_font(SMALL), t.text)
        if self.shows_bars:
            self._paint_bars(painter)
        else:
            self._paint_rows(painter)
        if self.hasFocus():
            painter.setPen(QPen(t.accent, 1))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(4.5, 0.5, -4.5, -0.5), 4, 4)
        painter.end()

    def _paint_bars(self, painter: QPainter) -> None:
        t, chart, bins = theme.current(), self._chart(), self.facet.bins
        counts, every = self._counts, self._all
        if bins is None or counts is None or every is None:
            return
        chosen = self._chosen()
        # Each on its own scale: a tenth of the records is to show its shape beside that of all.
        most, most_of = max(int(counts.by.max()), 1), max(int(every.by.max()), 1)
        pitch = chart.width() / bins.count
        gap = 1 if pitch > 4 else 0
        for place, (n, of) in enumerate(zip(counts.by.tolist(), every.by.tolist(), strict=True)):
            left = chart.left() + place * pitch
            ghost, color = t.tint(t.faint, 0.28), self._bar_color(place, chosen)
            for number, highest, tone in ((of, most_of, ghost), (n, most, color)):
                if number:
                    high = max(chart.height() * number / highest, 1.5)
                    area = QRectF(left, chart.bottom() + 1 - high, max(pitch - gap, 1), high)
                    painter.fillRect(area, tone)
        painter.fillRect(chart.left(), chart.bottom() + 1, chart.width(), 1, t.line)
        if chosen is not None:
            left, right = (chart.left() + round(each * pitch) for each in (chosen[0], chosen[1] + 1))
            painter.fillRect(
                left, chart.top(), max(right - left, 2), chart.height() + 1, t.tint(t.accent, 0.12)
            )
            for x in (left, right - 1):
                painter.fillRect(x, chart.top(), 1, chart.height() + 1, t.accent)
        words = QRect(chart.left(), chart.bottom() + 2, chart.width(), SQL_LINE)
        font = theme.mono_font(SMALL)
        low, high = (number_words(bins.edge(each), self.facet.kind) for each in (0, bins.count))
        paint_elided(painter, words, low, font, t.quiet)
        paint_elided(painter, words, high, font, t.quiet, Qt.AlignmentFlag.AlignRight)

    def _bar_color(self, place: int, chosen: tuple[int, int] | None) -> Any:
        t = theme.current()
        inside = chosen is None or chosen[0] <= place <= chosen[1]
        return t.accent if inside else t.tint(t.accent, 0.35)

    def _chosen(self) -> tuple[int, int] | None:
        """First and last bar that are picked, or are being dragged over."""
        if self._drag is not None:
            return min(self._drag), max(self._drag)
        bins, pick = self.facet.bins, self.pick
        if bins is None or pick.low is None or pick.high is None:
            return None
        last = bins.place(pick.high)
        return bins.place(pick.low), last - 1 if bins.edge(last) >= pick.high else last

    def _paint_rows(self, painter: QPainter) -> None:
        t, area = theme.current(), self._area()
        rows = self.rows()
        listed = [(n, of) for _, value, n, of in rows if value != MORE] or [(1, 1)]
        most, most_of = (max(*column, 1) for column in zip(*listed, strict=True))
        font, mono = theme.text_font(12), theme.mono_font(SMALL)
        for place, (words, value, n, of) in enumerate(rows):
            line = QRect(area.left(), self._top() + place * LINE, area.width(), LINE)
            if value == MORE and words.endswith(MORE):
                paint_elided(painter, line, words, font, t.faint)
            else:
                on = self.pick.missing if value is None else value in self.pick.values
                none = not (self.pick.values or self.pick.missing)
                bar = QRectF(line).adjusted(0, 2, 0, -2)
                self._stripe(painter, bar, of / most_of, t.tint(t.faint, 0.20))
                strength = 0.42 if on or none else 0.16
                self._stripe(painter, bar, n / most, t.tint(t.accent, strength))
                color = t.quiet if value is None else t.text if n else t.faint
                if on:
                    painter.fillRect(QRectF(bar.left(), bar.top(), 3, bar.height()), t.accent)
                figure = number_text(n)
                wide = QFontMetrics(mono).horizontalAdvance(figure)
                room = line.adjusted(2 * theme.STEP, 0, -wide - 2 * theme.STEP, 0)
                paint_elided(painter, room, words, font, color)
                paint_elided(painter, line, figure, mono, t.quiet, Qt.AlignmentFlag.AlignRight)
            if place == self._at and self.hasFocus():
                painter.setPen(QPen(t.faint, 1))
                painter.drawRect(QRectF(line).adjusted(0.5, 1.5, -0.5, -1.5))

    @staticmethod
    def _stripe(painter: QPainter, room: QRectF, share: float, color: Any) -> None:
        if share > 0:
            wide = max(room.width() * share, 2)
            painter.fillRect(QRectF(room.left(), room.top(), wide, room.height()), color)

    # --- hands ----------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """A value is toggled, a range begun, the cross and `SQL` pressed."""
        place = event.position().toPoint()
        if event.button() != Qt.MouseButton.LeftButton or self.facet.kind is Kind.EMPTY:
            return
        if self.pick and self._cross_room().contains(place):
            self.picked.emit(Pick())
        elif self._sql_room().contains(place):
            self.asked.emit()
        elif self.shows_bars and self._counts is not None and self._chart().contains(place):
            bar = self._bar_at(event.position().x())
            self._drag = (bar, bar)
            self.update()
        elif self.shows_bars and self._missing_room().contains(place) and self._note():
            self.picked.emit(Pick() if self.pick.missing else Pick(missing=True))
        else:
            self._toggle(self._row_at(event.position().y()))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """The range grows with the hand."""
        if self._drag is not None:
            self._drag = (self._drag[0], self._bar_at(event.position().x()))
            self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """What was dragged over is picked; a click on the one bar that is picked lets it go."""
        bins = self.facet.bins
        if self._drag is None or bins is None:
            return
        first, last = min(self._drag), max(self._drag)
        self._drag = None
        pick = Pick(bins.edge(first), bins.edge(last + 1))
        self.picked.emit(Pick() if pick == self.pick else pick)
        self.update()

    def _toggle(self, place: int) -> None:
        rows = self.rows()
        if not 0 <= place < len(rows):
            return
        words, value, *_ = rows[place]
        if value == MORE and words.endswith(MORE):
            self._many = not self._many
            self.updateGeometry()
            self.update()
        else:
            self.picked.emit(self.pick.toggled(value))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Up and Down go through values, and move a range, with Shift its end; Enter picks, Delete lets go.

        Space, Left and Right stay the player's.
        """
        key, bins = event.key(), self.facet.bins
        steps = (key == Qt.Key.Key_Down) - (key == Qt.Key.Key_Up)
        if steps and bins is not None:
            self._move_range(steps, bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier))
        elif steps and self.rows():
            self._at = min(max(self._at + steps, 0), len(self.rows()) - 1)
            self.update()
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and bins is None:
            self._toggle(self._at)
        elif key in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace) and self.pick:
            self.picked.emit(Pick())
        else:
            event.ignore()

    def _move_range(self, steps: int, wider: bool) -> None:
        """The picked range a bar further; with Shift only its end moves."""
        bins = self.facet.bins
        if bins is None:
            return
        first, last = self._chosen() or ((-1, -1) if steps > 0 else (bins.count, bins.count))
        first = first if wider and last >= 0 else first + steps
        last += steps
        if 0 <= first <= last < bins.count:
            self.picked.emit(Pick(bins.edge(first), bins.edge(last + 1)))

    def event(self, event: QEvent) -> bool:
        """What the pointer is over, in words; Delete is not the window's while something is picked here."""
        pressed = event.key() if isinstance(event, QKeyEvent) else None
        deletes = self.pick and pressed in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace)
        if event.type() == QEvent.Type.ShortcutOverride and deletes:
            event.accept()
            return True
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            words = self.tip_at(event.pos().x(), event.pos().y())
            QToolTip.showText(event.globalPos(), theme.tip(words), self)
            return True
        return super().event(event)

    def tip_at(self, x: int, y: int) -> str:
        """The words for a place: what a bar or a line holds, what a click there does."""
        counts, every, bins = self._counts, self._all, self.facet.bins
        if counts is None or every is None:
            return ""
        if y < self._top():
            if self._sql_room().contains(x, y):
                return "Open this facet as a question in SQL"
            if self._cross_room().contains(x, y):
                return "Let this filter go"
            return self.sql or f"{self.facet.column}: {number_text(self.facet.known)} records have a value"
        if bins is not None:
            place = self._bar_at(x)
            low, high = (number_words(bins.edge(each), self.facet.kind) for each in (place, place + 1))
            n, of = int(counts.by[place]), int(every.by[place])
            return f"{low} to below {high}: {number_text(n)} of {number_text(of)} records\nDrag over a range"
        row = self._row_at(y)
        if row < 0:
            return ""
        words, _, n, of = self.rows()[row]
        if words.endswith(MORE) and not of:
            return "Show more of the values"
        return f"{words}: {number_text(n)} of {number_text(of)} records\nClick to pick, again to let go"

    def changeEvent(self, event: QEvent) -> None:
        """Repaint in a new theme."""
        if event.type() == QEvent.Type.PaletteChange:
            self.update()
        super().changeEvent(event)
