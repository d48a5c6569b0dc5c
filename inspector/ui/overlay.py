"""The sync readout over the pictures: how far what each stream shows or sounds is from the playhead."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter
from PySide6.QtWidgets import QWidget

from inspector.ui import theme
from inspector.ui.readout import LATE_MS
from inspector.ui.timeline.build import short_titles_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtGui import QPaintEvent

    from inspector.ui.readout import Figure

LINE = 18
PAD = 10
NAME_PX = 150
MOST = 24
"""Lines; what does not fit is counted in the last."""
GROUND = QColor(15, 17, 21, 225)
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
            self._names = short_titles_of([each.stream for each in figures])
        self._figures = list(figures)
        self._place()
        self.raise_()
        self.update()

    def lines(self) -> list[tuple[str, str, str, bool]]:
        """Name, ms, frames or why there is no figure, and whether it is late: a row each."""
        return [
            (
                self._names.get(each.stream.id, each.stream.id),
                "" if each.ms is None else f"{each.ms:+.1f} ms".replace("-", "−"),
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
        room = max((self._stage.height() - 48) // LINE, 1)
        return min(len(self._figures), MOST, room)

    def _place(self) -> None:
        width = min(NAME_PX + 190 + 2 * PAD, self._stage.width() - 24)
        height = self._rows() * LINE + 2 * PAD if self._figures else 0
        self.setGeometry(12, self._stage.height() - height - 12, width, height)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(GROUND)
        painter.drawRoundedRect(QRectF(self.rect()), theme.RADIUS, theme.RADIUS)
        text, mono = theme.text_font(12), theme.mono_font(12)
        lines, rows = self.lines(), self._rows()
        for at, (name, ms, note, late) in enumerate(lines[:rows]):
            area = QRectF(PAD, PAD + at * LINE, self.width() - 2 * PAD, LINE)
            if at == rows - 1 and len(lines) > rows:
                name, ms, note, late = f"and {len(lines) - rows + 1} more", "", "", False
            painter.setFont(text)
            painter.setPen(INK)
            shown = QFontMetricsF(text).elidedText(name, Qt.TextElideMode.ElideMiddle, NAME_PX - 8)
            middle = Qt.AlignmentFlag.AlignVCenter
            painter.drawText(area, int(middle | Qt.AlignmentFlag.AlignLeft), shown)
            painter.setFont(mono)
            painter.setPen(LATE if late else INK if ms else QUIET)
            figure = area.adjusted(NAME_PX, 0, -90, 0)
            painter.drawText(figure, int(middle | Qt.AlignmentFlag.AlignRight), ms)
            painter.setPen(QUIET)
            painter.drawText(area, int(middle | Qt.AlignmentFlag.AlignRight), note)
        painter.end()


def _count(frames: float | None) -> str:
    if frames is None:
        return ""
    return (f"{frames:+.1f}" if abs(frames) < 1000 else f"{frames:+.0f}").replace("-", "−") + " f"
