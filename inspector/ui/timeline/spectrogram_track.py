"""The spectrogram of a sound under its waveform: what is visible, as far as it is computed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar, Protocol

import numpy as np
from PySide6.QtCore import QRectF, Qt, QTimer
from PySide6.QtGui import QFontMetricsF, QImage

from inspector.core.times import clock_text
from inspector.media.spectrum import ROWS, db_of_byte, frequency_of, row_of
from inspector.playback.spectra import analysis_rate
from inspector.ui import theme
from inspector.ui.colormap import level_colors
from inspector.ui.relay import call_of
from inspector.ui.timeline.track import StreamTrack, paint_unknown

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from PySide6.QtCore import QPointF
    from PySide6.QtGui import QPainter

    from inspector.core.model import Stream
    from inspector.playback.spectra import Look
    from inspector.ui.timeline.axis import TimeAxis

SETTLE_MS = 60
"""Nothing is asked for while a zoom or a pan goes on faster than this."""
GATHER_MS = 50
"""Columns that come within this are painted together."""
TICKS_HZ = (1000, 4000, 250, 16_000, 2000, 8000, 500, 100, 32_000)
"""Frequencies with a name, those first that matter most where room is scarce."""
LABEL_PX = 9
PART = "/spectrogram"
"""What its id has behind the stream's."""


class Spectra(Protocol):
    """Where columns come from: `inspector.playback.spectra.SpectrumFeed`."""

    def want(self, stream: Stream, column_ns: int, first: int, last: int, got: Callable[[], None]) -> None:
        """Compute columns `first` to `last`, and call `got` from any thread as they come."""
        ...

    def look(self, stream: Stream, column_ns: int, first: int, last: int) -> Look:
        """What is known of them now."""
        ...

    def problem(self, stream: Stream) -> str:
        """Why there are none; empty where nothing is wrong."""
        ...


def column_length(axis: TimeAxis, width: float) -> int:
    """Ns of a column: no less than a px, at most 1.42, in steps of √2 so that zooms meet again."""
    px_ns = max(axis.length / max(width, 1), 1.0)
    return math.ceil(2 ** (math.ceil(2 * math.log2(px_ns)) / 2))


class SpectrogramTrack(StreamTrack):
    """Frequency upwards (mel), level as colour. Hatched outside the span, dashed where not computed yet."""

    default_height: ClassVar[int] = 96
    min_height: ClassVar[int] = 32

    def __init__(self, stream: Stream, title: str, spectra: Spectra) -> None:
        super().__init__(stream, title, "spectrogram", None, PART)
        self._spectra: Spectra | None = spectra
        self._rate = analysis_rate(stream)
        self._wish: tuple[int, int, int] | None = None
        self._missing = 0.0
        self._settle = _timer(SETTLE_MS, self._ask)
        self._gather = _timer(GATHER_MS, self.invalidate)

    def close(self) -> None:
        """Ask for nothing more, and drop what still comes."""
        super().close()
        self._settle.stop()
        self._gather.stop()
        self._spectra = None

    @property
    def busy(self) -> bool:
        """Whether what is on the screen is still to be asked for or painted."""
        return self._settle.isActive() or self._gather.isActive()

    def render(self, painter: QPainter, rect: QRectF, axis: TimeAxis) -> None:
        """Paint the columns that are there, and have the missing ones computed."""
        if self._spectra is None:
            return
        column_ns = column_length(axis, rect.width())
        first, last = axis.visible[0] // column_ns, -(-axis.visible[1] // column_ns)
        look = self._spectra.look(self.stream, column_ns, first, last)
        left = rect.left() + axis.x_of(first * column_ns, rect.width())
        right = rect.left() + axis.x_of(last * column_ns, rect.width())
        problem = self._spectra.problem(self.stream)
        self._paint_unknown(painter, QRectF(left, rect.top(), right - left, rect.height()), look.shown)
        image = _image(look)
        painter.setRenderHint(painter.RenderHint.SmoothPixmapTransform)
        painter.drawImage(QRectF(left, rect.top(), right - left, rect.height()), image)
        self._paint_ticks(painter, rect)
        self.paint_outside(painter, rect, axis)
        self._missing = 1 - float(look.exact.mean()) if len(look.exact) else 0.0
        if problem:
            self._paint_words(painter, rect, problem)
        elif self._missing:
            self._paint_words(painter, rect, f"computing  {math.floor(100 - 100 * self._missing):d} %")
        wish = (column_ns, first, last) if self._missing and not problem else None
        if wish is None:
            self._settle.stop()
        elif wish != self._wish:
            self._settle.start()
        self._wish = wish

    def tooltip_at(self, pos: QPointF, rect: QRectF, axis: TimeAxis) -> str:
        """The time, frequency and level under the pointer."""
        ns = axis.ns_of(pos.x() - rect.left(), rect.width())
        if self.outside(ns):
            return "No data"
        row = min(max((rect.bottom() - pos.y()) / rect.height() * ROWS, 0), ROWS - 1)
        where = f"{clock_text(ns)}  {round(frequency_of(row + 0.5, self._rate), -1):.0f} Hz"
        if self._spectra is None:
            return where
        column_ns = column_length(axis, rect.width())
        look = self._spectra.look(self.stream, column_ns, ns // column_ns, ns // column_ns + 1)
        if not look.shown[0]:
            return f"{where}  not computed yet"
        level = int(look.levels[0, int(row)])
        sign = "below " if level == 0 else "above " if level == 255 else ""
        return f"{where}  {sign}{db_of_byte(level):.0f} dBFS"

    def _ask(self) -> None:
        if self._spectra is not None and self._wish is not None:
            self._spectra.want(self.stream, *self._wish, call_of(self._arrived))

    def _arrived(self) -> None:
        if self._spectra is not None and not self._gather.isActive():
            self._gather.start()

    def _paint_unknown(self, painter: QPainter, area: QRectF, shown: NDArray[np.bool_]) -> None:
        turns = np.flatnonzero(np.diff(np.concatenate([[False], ~shown, [False]]).astype(np.int8)))
        pitch = area.width() / max(len(shown), 1)
        for a, b in turns.reshape(-1, 2).tolist():
            paint_unknown(
                painter, QRectF(area.left() + a * pitch, area.top(), (b - a) * pitch, area.height())
            )

    def _paint_ticks(self, painter: QPainter, rect: QRectF) -> None:
        """Name a few frequencies at the left, as many as have room."""
        t = theme.current()
        painter.setFont(theme.mono_font(LABEL_PX))
        metrics = QFontMetricsF(theme.mono_font(LABEL_PX))
        height = metrics.ascent() + 1
        taken: list[float] = []
        for hz in TICKS_HZ:
            y = rect.bottom() - row_of(hz, self._rate) / ROWS * rect.height()
            top = y - height / 2
            out = top < rect.top() + 2 or top + height > rect.bottom() - 2
            if out or any(abs(y - other) < 1.6 * height for other in taken):
                continue
            taken.append(y)
            text = f"{hz / 1000:g}k" if hz >= 1000 else f"{hz}"
            plate = QRectF(rect.left() + 6, top, metrics.horizontalAdvance(text) + 6, height)
            painter.fillRect(QRectF(rect.left(), round(y), 5, 1), t.quiet)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(t.tint(t.panel, 0.75))
            painter.drawRoundedRect(plate, 2, 2)
            painter.setPen(t.text)
            painter.drawText(plate, int(Qt.AlignmentFlag.AlignCenter), text)

    def _paint_words(self, painter: QPainter, rect: QRectF, text: str) -> None:
        t = theme.current()
        font = theme.mono_font(10)
        metrics = QFontMetricsF(font)
        shown = metrics.elidedText(text[: theme.LONGEST], Qt.TextElideMode.ElideRight, rect.width() - 24)
        width = metrics.horizontalAdvance(shown) + 12
        plate = QRectF(rect.right() - width - 6, rect.top() + 6, width, metrics.height() + 4)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(t.tint(t.panel, 0.85))
        painter.drawRoundedRect(plate, 4, 4)
        painter.setPen(t.quiet)
        painter.setFont(font)
        painter.drawText(plate, int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextSingleLine), shown)


def _image(look: Look) -> QImage:
    """A px a column and row, the lowest frequency at the bottom; clear where nothing is shown."""
    colors = level_colors(theme.current().name)[look.levels]
    colors[~look.shown] = 0
    flipped = np.ascontiguousarray(colors.T[::-1])
    height, width = flipped.shape
    image = QImage(flipped.data, width, height, width * 4, QImage.Format.Format_ARGB32_Premultiplied)
    return image.copy()  # its own memory: numpy's goes with this call


def _timer(ms: int, call: Callable[[], None]) -> QTimer:
    timer = QTimer(singleShot=True, interval=ms)
    timer.timeout.connect(call)
    return timer
