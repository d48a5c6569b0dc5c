"""The ruler: where its ticks fall, and how it and the playhead's time bubble are painted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QLineF, QRectF, Qt
from PySide6.QtGui import QFontMetricsF

from inspector.core.times import NS, clock_text
from inspector.ui import theme
from inspector.ui.timeline.track import ink_on

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PySide6.QtGui import QPainter

    from inspector.core.model import Span
    from inspector.ui.timeline.axis import TimeAxis

HEIGHT = 28
LABEL_PX = 11
MIN_STEP_PX = 64
MIN_MINOR_PX = 10
MOMENT_PX = 3
"""How high the band of moments is, and how wide a point in it."""

_SMALL = tuple(base * 10**power for power in range(9) for base in (1, 2, 5))
_MINUTES = tuple(NS * seconds for seconds in (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600))
STEPS = _SMALL + _MINUTES + tuple(3600 * NS * n for n in (2, 5, 10, 20, 50, 100, 200, 500, 1000))
"""Distances of ticks in ns: 1-2-5, and what divides minutes and hours from ten seconds on."""


def tick_steps(length_ns: int, width: float, positions: bool = False) -> tuple[int, int]:
    """The distances of labelled and of minor ticks for a span on so many px; `positions` are whole."""
    per_px = length_ns / max(width, 1)
    steps = [step for step in STEPS if step >= NS] if positions else list(STEPS)
    major = next((step for step in steps if step >= per_px * MIN_STEP_PX), steps[-1])
    for parts in (5, 4, 3, 2):
        minor = major // parts
        if major % parts == 0 and minor in STEPS and minor >= per_px * MIN_MINOR_PX:
            if positions and minor < NS:
                continue
            return major, minor
    return major, major


def tick_label(ns: int, step_ns: int, positions: bool = False) -> str:
    """`0:07`, with as many decimals as the step between labels asks for; a position is its number."""
    if positions:
        return str(ns // NS)
    decimals = 0
    while decimals < 9 and step_ns % 10 ** (9 - decimals):
        decimals += 1
    return clock_text(ns, decimals)


def time_text(ns: int, positions: bool = False) -> str:
    """What the bubble says: the time to the millisecond, or the position."""
    return str(ns // NS) if positions else clock_text(ns)


def paint_ruler(
    painter: QPainter, rect: QRectF, axis: TimeAxis, loop: Span | None = None, positions: bool = False
) -> None:
    """Ticks and labels for the visible span, the loop tinted; labels stand right of their ticks."""
    t = theme.current()
    width = rect.width()
    painter.save()
    painter.setClipRect(rect)
    if loop is not None:
        left, right = (rect.left() + axis.x_of(ns, width) for ns in loop)
        painter.fillRect(QRectF(left, rect.top(), right - left, rect.height()), t.tint(t.accent, 0.18))
    major, minor = tick_steps(axis.length, width, positions)
    start, end = axis.visible
    first, last = axis.total
    painter.setFont(theme.mono_font(LABEL_PX))
    metrics = QFontMetricsF(painter.font())
    majors: list[QLineF] = []
    minors: list[QLineF] = []
    bottom = rect.bottom() - 1
    tick = start // minor * minor
    while tick <= end:
        x = round(rect.left() + axis.x_of(tick, width)) + 0.5
        if first <= tick <= last:
            if tick % major:
                minors.append(QLineF(x, bottom - 5, x, bottom))
            else:
                majors.append(QLineF(x, bottom - 10, x, bottom))
                label = tick_label(tick, major, positions)
                if x + 4 + metrics.horizontalAdvance(label) <= rect.right():
                    painter.setPen(t.quiet)
                    painter.drawText(
                        QRectF(x + 3.5, rect.top() + 3, 120, 14), int(Qt.AlignmentFlag.AlignLeft), label
                    )
        tick += minor
    painter.setPen(t.tint(t.faint, 0.45))
    painter.drawLines(minors)
    painter.setPen(t.tint(t.faint, 0.9))
    painter.drawLines(majors)
    painter.restore()


def moment_strokes(moments: NDArray[np.int64], axis: TimeAxis, width: float) -> NDArray[np.int64]:
    """Spans (n, 2) in ns, by start, as strokes (m, 2) in px: what touches is one, so m is below the width."""
    start, end = axis.visible
    seen = moments[(moments[:, 1] >= start) & (moments[:, 0] <= end)]
    if not len(seen):
        return np.zeros((0, 2), np.int64)
    scale = width / max(axis.length, 1)
    left = np.floor((np.maximum(seen[:, 0], start) - start) * scale).astype(np.int64)
    right = np.ceil((np.minimum(seen[:, 1], end) - start) * scale - 1e-6).astype(np.int64)
    reach = np.maximum.accumulate(np.maximum(right, left + MOMENT_PX))
    first = np.flatnonzero(np.concatenate(([True], left[1:] > reach[:-1])))
    last = np.concatenate((first[1:] - 1, [len(left) - 1]))
    return np.stack([left[first], reach[last]], axis=1)


def paint_moments(painter: QPainter, rect: QRectF, axis: TimeAxis, moments: NDArray[np.int64]) -> None:
    """The moments of an answer as a thin band at the ruler's lower edge."""
    color = theme.current().accent
    for left, right in moment_strokes(moments, axis, rect.width()).tolist():
        area = QRectF(rect.left() + left, rect.bottom() - MOMENT_PX - 1, right - left, MOMENT_PX)
        painter.fillRect(area, color)


def bubble_rect(x: float, text: str, left: float, right: float) -> QRectF:
    """Where the bubble of a playhead at `x` is: centred on it, and kept between the ends of the ruler."""
    width = QFontMetricsF(theme.mono_font(LABEL_PX)).horizontalAdvance(text) + 3 * theme.STEP
    place = min(max(round(x - width / 2), left), max(right - width, left))
    return QRectF(place, 5, round(width), HEIGHT - 10)


def paint_bubble(painter: QPainter, rect: QRectF, text: str) -> None:
    """The playhead's time on the playhead's colour."""
    t = theme.current()
    painter.save()
    painter.setRenderHint(painter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(t.playhead)
    painter.drawRoundedRect(rect, theme.STEP, theme.STEP)
    painter.setPen(ink_on(t.playhead))
    painter.setFont(theme.mono_font(LABEL_PX))
    painter.drawText(rect, int(Qt.AlignmentFlag.AlignCenter), text)
    painter.restore()
