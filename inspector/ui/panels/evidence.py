"""A small picture of what a figure was read from: the fit at every lag, what passes, and what was found."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QEvent, QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from inspector.ui import theme
from inspector.ui.panels.common import paint_elided

if TYPE_CHECKING:
    from PySide6.QtGui import QPaintEvent

    from inspector.audit.evidence import Evidence

HEIGHT = 23 * theme.STEP
LABEL_PX = 9


class EvidenceView(QWidget):
    """Draws an `Evidence`; hidden where there is none."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._evidence: Evidence | None = None
        self._tolerance: tuple[float | None, float | None] = (None, None)
        self._words = ""
        self.setFixedHeight(HEIGHT)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.hide()

    def show_evidence(
        self, evidence: Evidence | None, tolerance: tuple[float | None, float | None] = (None, None)
    ) -> None:
        """Draw a curve and what passes, ms; None hides the picture."""
        self._evidence, self._tolerance, self._words = evidence, tolerance, ""
        self.setVisible(evidence is not None)
        if evidence is not None:
            told = f"{evidence.title}: fits best at {evidence.at_ms:+.0f} ms".replace("-", "−")
            self.setToolTip(theme.tip(f"{told}. Over each lag, how well the two fit; green is what passes"))
            self.setAccessibleName(told)
        self.update()

    @property
    def at_ms(self) -> float | None:
        """The lag that is marked; None where no curve is shown."""
        return None if self._evidence is None else self._evidence.at_ms

    def show_words(self, words: str) -> None:
        """Say that it is being looked for."""
        self._evidence, self._words = None, words
        self.setVisible(bool(words))
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """The curve over a zero line, the tolerance tinted, an upright at what was found."""
        t = theme.current()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(t.stage)
        painter.drawRoundedRect(QRectF(self.rect()), theme.RADIUS, theme.RADIUS)
        found = self._evidence
        if found is None:
            painter.setPen(t.quiet)
            painter.setFont(theme.text_font(11))
            painter.drawText(self.rect(), int(Qt.AlignmentFlag.AlignCenter), self._words)
            painter.end()
            return
        plot = QRectF(self.rect()).adjusted(8, 20, -8, -16)
        low, high = float(found.lag_ms[0]), float(found.lag_ms[-1])

        def x_of(ms: float) -> float:
            return plot.left() + (ms - low) / max(high - low, 1e-9) * plot.width()

        if self._tolerance != (None, None):
            start, end = self._tolerance
            left = plot.left() if start is None else max(x_of(start), plot.left())
            right = plot.right() if end is None else min(x_of(end), plot.right())
            passes = QRectF(left, plot.top(), max(right - left, 0.0), plot.height())
            painter.fillRect(passes, t.tint(t.good, 0.18))
        painter.setPen(QPen(t.line, 1))
        painter.drawLine(QLineF(x_of(0), plot.top(), x_of(0), plot.bottom()))
        columns = max(int(plot.width()), 2)
        edges = np.linspace(0, len(found.fit), min(columns, len(found.fit)) + 1).astype(int)
        tops = np.maximum.reduceat(found.fit, edges[:-1])
        floor, peak = float(tops.min()), float(max(tops.max(), 1e-9))
        span = max(peak - floor, 1e-9)
        xs = plot.left() + (np.arange(len(tops)) + 0.5) / len(tops) * plot.width()
        ys = plot.bottom() - (tops - floor) / span * plot.height()
        painter.setPen(QPen(t.accent, 1.4))
        places = zip(xs.tolist(), ys.tolist(), strict=True)
        painter.drawPolyline(QPolygonF([QPointF(x, y) for x, y in places]))
        at = x_of(found.at_ms)
        painter.setPen(QPen(t.playhead, 1, Qt.PenStyle.DashLine))
        painter.drawLine(QLineF(at, plot.top(), at, plot.bottom()))
        quiet = theme.mono_font(LABEL_PX)
        head = self.rect().adjusted(8, 2, -8, 20 - self.height())
        figure = f"{found.at_ms:+.1f} ms".replace("-", "−") if abs(found.at_ms) >= 0.05 else "0 ms"
        right = Qt.AlignmentFlag.AlignRight
        taken = paint_elided(painter, head, figure, theme.mono_font(11), t.text, right)
        paint_elided(painter, head.adjusted(0, 0, -taken - 8, 0), found.title, theme.text_font(11), t.quiet)
        foot = self.rect().adjusted(8, self.height() - 15, -8, -1)
        paint_elided(painter, foot, f"{low:+.0f}".replace("-", "−"), quiet, t.faint)
        paint_elided(painter, foot, f"{high:+.0f} ms", quiet, t.faint, right)
        painter.end()

    def changeEvent(self, event: QEvent) -> None:
        """Repaint in a new theme."""
        if event.type() == QEvent.Type.PaletteChange:
            self.update()
        super().changeEvent(event)
