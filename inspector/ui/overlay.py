"""The sync readout over the pictures: how far what each stream shows or sounds is from the playhead."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter
from PySide6.QtWidgets import QWidget

from inspector.ui import theme
from inspector.ui.readout import LATE_MS
from inspector.ui.timeline.build import short_titles_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtGui import QFont, QPaintEvent

    from inspector.core.model import Stream
    from inspector.ui.readout import Figure

LINE = 18
PAD = 10
GAP = 12
LEFT, TOP = 20, 46
"""Under the name of the first camera, and beside nothing that a camera writes at its foot."""
SHORT_PX, NAME_PX = 56, 140
MS_PX, NOTE_PX = 86, 76
LEAST_PX = PAD + SHORT_PX + GAP + MS_PX + PAD
"""It is never less wide; where the stage is narrow the frames go first, then letters of names."""
MOST = 24
"""Lines; what does not fit is counted in the last."""
GROUND = QColor(15, 17, 21, 215)
INK, QUIET, LATE = QColor("#E6EAF0"), QColor("#AEB7C4"), QColor("#E9B44C")


class SyncOverlay(QWidget):
    """A plate in a corner of the stage that no click meets. It shows what it was last told."""

    def __init__(self, stage: QWidget) -> None:
        super().__init__(stage)
        self._stage = stage
        self._figures: list[Figure] = []
        self._names: dict[str, str] = {}
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAccessibleName("Sync readout")
        self.hide()
        stage.installEventFilter(self)

    def show_figures(self, figures: Sequence[Figure]) -> None:
        """Take the figures of all streams, in their order."""
        if [each.stream.id for each in figures] != [each.stream.id for each in self._figures]:
            self._names = _names([each.stream for each in figures])
            self._wide = 0
        self._figures = list(figures)
        self._place()
        self.raise_()
        self.update()

    def lines(self) -> list[tuple[str, str, str, bool]]:
        """Name, ms, frames or why there is no figure, and whether it is late: a row each."""
        return [
            (
                self._names.get(each.stream.id, each.stream.id),
                "" if each.ms is None else f"{_signed(each.ms)} ms",
                each.note if each.ms is None else _count(each.frames),
                each.ms is not None and abs(each.ms) > LATE_MS,
            )
            for each in self._figures
        ]

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Keep to the corner when the stage is another size."""
        if event.type() == QEvent.Type.Resize:
            self._place()
        return False

    def _rows(self) -> int:
        room = max((self._stage.height() - TOP - LEFT - 2 * PAD) // LINE, 1)
        return min(len(self._figures), MOST, room)

    def _place(self) -> None:
        metrics = QFontMetricsF(theme.text_font(12))
        names = [metrics.horizontalAdvance(self._names.get(each.stream.id, "")) for each in self._figures]
        name = min(max([SHORT_PX, *names]), NAME_PX)
        notes = QFontMetricsF(theme.mono_font(12))
        said = [notes.horizontalAdvance(note) for _, ms, note, _ in self.lines() if not ms]
        note = max([NOTE_PX, *(width - MS_PX - GAP for width in said)])
        wish = round(PAD + name + GAP + MS_PX + GAP + note + PAD)
        width = max(min(wish, self._stage.width() - 2 * LEFT), LEAST_PX)
        height = self._rows() * LINE + 2 * PAD if self._figures else 0
        # The widest so far: a plate whose edge follows each figure is not to be looked at.
        self._wide = max(self._wide, width) if width < self._stage.width() - 2 * LEFT else width
        place = QRect(LEFT, TOP, min(self._wide, max(self._stage.width() - 2 * LEFT, LEAST_PX)), height)
        if place != self.geometry():
            self.setGeometry(place)

    _wide = 0

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(GROUND)
        painter.drawRoundedRect(QRectF(self.rect()), theme.RADIUS, theme.RADIUS)
        text, mono = theme.text_font(12), theme.mono_font(12)
        left, right = Qt.AlignmentFlag.AlignLeft, Qt.AlignmentFlag.AlignRight
        lines, rows = self.lines(), self._rows()
        with_notes = self.width() >= PAD + SHORT_PX + GAP + MS_PX + GAP + NOTE_PX + PAD
        for at, (name, ms, note, late) in enumerate(lines[:rows]):
            area = QRectF(PAD, PAD + at * LINE, self.width() - 2 * PAD, LINE)
            if at == rows - 1 and len(lines) > rows:
                name, ms, note, late = f"and {len(lines) - rows + 1} more", "", "", False
            figures = area.adjusted(0, 0, -(NOTE_PX + GAP) if with_notes else 0, 0)
            taken = 0.0
            if ms:
                taken = _draw(painter, figures, ms, mono, LATE if late else INK, right)
                taken += area.right() - figures.right()
            if note and (with_notes or not ms):
                taken = max(taken, _draw(painter, area, note, mono, LATE if late else QUIET, right))
            _draw(painter, area.adjusted(0, 0, -taken - GAP, 0), name, text, INK, left)
        painter.end()


def _names(streams: Sequence[Stream]) -> dict[str, str]:
    """A short name of each by its id; the picture and the sound of one film are told apart."""
    titles = short_titles_of(streams)
    times = Counter(titles.values())
    return {
        each.id: f"{titles[each.id]} {each.modality.value}" if times[titles[each.id]] > 1 else titles[each.id]
        for each in streams
        if each.id in titles
    }


def _draw(
    painter: QPainter, area: QRectF, text: str, font: QFont, color: QColor, side: Qt.AlignmentFlag
) -> float:
    """One line of text, cut in its middle to fit; how wide it is."""
    metrics = QFontMetricsF(font)
    shown = metrics.elidedText(text, Qt.TextElideMode.ElideMiddle, area.width())
    painter.setFont(font)
    painter.setPen(color)
    painter.drawText(area, int(Qt.AlignmentFlag.AlignVCenter | side), shown)
    return metrics.horizontalAdvance(shown)


def _count(frames: float | None) -> str:
    if frames is None:
        return ""
    return f"{_signed(frames)} f"


def _signed(value: float) -> str:
    """With a sign where there is something to be signed."""
    text = f"{value:+.1f}" if abs(value) < 1000 else f"{value:+.0f}"
    return "0.0" if text in ("+0.0", "-0.0") else text.replace("-", "−")
