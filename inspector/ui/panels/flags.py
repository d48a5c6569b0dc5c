"""How flags look: a mark for each, told by its shape as by its colour, and how far the review has come."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from inspector.ui import theme
from inspector.ui.panels.common import SMALL, number_text, paint_elided

if TYPE_CHECKING:
    from collections.abc import Mapping

    from PySide6.QtGui import QColor, QPaintEvent

MARK = 10
"""Width and height of a mark in px."""
OK = "ok"
WORDS = {
    OK: "Ok",
    "misaligned": "Misaligned",
    "missing_modality": "Missing modality",
    "reject": "Reject",
    "needs_review": "Needs review",
}


def flag_words(flag: str) -> str:
    """What a person calls a flag; one of the dataset's own is called as it is spelled."""
    return WORDS.get(flag, flag)


def flag_color(flag: str) -> QColor:
    """Good, bad, or to be looked at again."""
    t = theme.current()
    if flag == OK:
        return t.good
    if flag == "reject":
        return t.failed
    return t.suspect if flag in WORDS else t.accent


def paint_flag(painter: QPainter, centre: QPointF, flag: str) -> None:
    """A tick, two lines past each other, a gap, a cross, a question; a square for the dataset's own."""
    if not flag:
        return
    x, y, r = centre.x(), centre.y(), MARK / 2
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(flag_color(flag), 1.8, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
    if flag == OK:
        tick = [QPointF(x - r, y), QPointF(x - r / 3, y + r * 0.7), QPointF(x + r, y - r * 0.7)]
        painter.drawPolyline(tick)
    elif flag == "misaligned":
        painter.drawLines([QLineF(x - r, y - 2.5, x + 1, y - 2.5), QLineF(x - 1, y + 2.5, x + r, y + 2.5)])
    elif flag == "missing_modality":
        painter.drawLines([QLineF(x - r, y, x - r / 2.5, y), QLineF(x + r / 2.5, y, x + r, y)])
    elif flag == "reject":
        k = r * 0.8
        painter.drawLines([QLineF(x - k, y - k, x + k, y + k), QLineF(x - k, y + k, x + k, y - k)])
    elif flag == "needs_review":
        painter.setFont(theme.mono_font(13))
        painter.drawText(QRectF(x - r, y - 10, MARK, 20), Qt.AlignmentFlag.AlignCenter, "?")
    else:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(flag_color(flag))
        painter.drawRoundedRect(QRectF(x - r * 0.7, y - r * 0.7, r * 1.4, r * 1.4), 1.5, 1.5)
    painter.restore()


class Progress(QWidget):
    """A bar and a line of words: how many records were reviewed, how many are not ok, what is left."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._counts: Counter[str] = Counter()
        self._total = 0
        self.setFixedHeight(9 * theme.STEP)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Progress of the review")
        self.hide()

    def set_flags(self, flags: Mapping[str, str], total: int) -> None:
        """Count anew; nothing is shown for a dataset without records."""
        self._counts, self._total = Counter(flags.values()), total
        self.setVisible(total > 0)
        self.setAccessibleDescription(self.text())
        kinds = [f"{flag_words(flag)}: {number_text(n)}" for flag, n in self._counts.most_common(20)]
        self.setToolTip(theme.tip("\n".join(kinds) or "No record has a flag yet"))
        self.update()

    def text(self) -> str:
        """`12 reviewed · 3 flagged · 16 left`: flagged are those that are not ok."""
        reviewed = self._counts.total()
        flagged = reviewed - self._counts[OK]
        left = max(self._total - reviewed, 0)
        parts = ((reviewed, "reviewed"), (flagged, "flagged"), (left, "left"))
        return " · ".join(f"{number_text(number)} {word}" for number, word in parts)

    def paintEvent(self, event: QPaintEvent) -> None:
        """The words, and over them a bar as wide as the panel: ok, flagged, left."""
        t = theme.current()
        painter = QPainter(self)
        painter.fillRect(event.rect(), t.panel)
        painter.fillRect(0, 0, self.width(), 1, t.line)
        area = self.rect().adjusted(theme.MARGIN, 0, -theme.MARGIN, 0)
        paint_elided(painter, area.adjusted(0, 6, 0, 0), self.text(), theme.mono_font(SMALL), t.quiet)
        reviewed = self._counts.total()
        x = float(area.left())
        for number, color in ((self._counts[OK], t.good), (reviewed - self._counts[OK], t.suspect)):
            wide = area.width() * number / max(self._total, 1)
            painter.fillRect(QRectF(x, 4, wide, 3), color)
            x += wide
        painter.fillRect(QRectF(x, 4, max(area.right() + 1 - x, 0), 3), t.line)
        painter.end()

    def changeEvent(self, event: QEvent) -> None:
        """Repaint in a new theme."""
        if event.type() == QEvent.Type.PaletteChange:
            self.update()
        super().changeEvent(event)
