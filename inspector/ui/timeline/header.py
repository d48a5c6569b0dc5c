"""The column at the left of the tracks: a colour bar, a name, what it is, and the chip that matters.

Where a track has controls they stand under that, in a row that is high enough always, else while used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QFont, QFontMetricsF

from inspector.ui import theme
from inspector.ui.panels.common import chip_size, paint_chip

if TYPE_CHECKING:
    from PySide6.QtGui import QPainter

    from inspector.ui.timeline.track import Track

WIDTH = 148
BAR_X = 2 * theme.STEP
NAME_X = 18
CONTROLS_HEIGHT = 18
ROOMY = 54
"""Px of a row in which name and controls have room under each other for good."""
CROWDED = 36
"""Px of a row below which controls take the place of the name."""


def controls_rect(row: QRectF) -> QRectF:
    """Where a track's controls go in its header."""
    gap = theme.STEP if row.height() >= CROWDED else (row.height() - CONTROLS_HEIGHT) / 2
    top = row.bottom() - gap - CONTROLS_HEIGHT
    return QRectF(row.left() + NAME_X - 2, round(top), WIDTH - NAME_X - theme.STEP, CONTROLS_HEIGHT)


def marks_rect(row: QRectF, width: int) -> QRectF:
    """Where a crowded row shows what is set of its controls, `width` px at the right."""
    top = row.center().y() - CONTROLS_HEIGHT / 2
    return QRectF(row.left() + WIDTH - 2 * theme.STEP - width, round(top), width, CONTROLS_HEIGHT)


def footer_px(row: QRectF) -> int:
    """What the controls leave not to the name and the chip."""
    return CONTROLS_HEIGHT + theme.STEP if row.height() >= CROWDED else round(row.height())


def _upper(track: Track, row: QRectF) -> QRectF:
    """The part of the header that the name and the chip have."""
    return row.adjusted(0, 0, 0, -track.footer)


def chip_rect(track: Track, row: QRectF) -> QRectF:
    """Where the track's chip is in its header, empty for none."""
    row = _upper(track, row)
    if track.chip is None or row.height() < 14 or track.side:
        return QRectF()
    size = chip_size(track.chip.text)
    height = min(size.height(), row.height() - 4)
    width = min(size.width(), WIDTH // 2)
    right = row.left() + WIDTH - 2 * theme.STEP
    return QRectF(right - width, round(row.center().y() - height / 2), width, round(height))


def shown_of(track: Track) -> tuple[object, ...]:
    """All that the header of a track shows, beside its height and the theme: equal where it looks equal."""
    said = (track.title, track.subtitle, track.chip)
    return (*said, track.focused, track.footer, track.side, track.color.rgba())


def paint_header(painter: QPainter, track: Track, row: QRectF) -> None:
    """Paint a track's header into the first WIDTH px of its row, two lines where they fit."""
    painter.save()
    inset = 6 if row.height() >= 40 else 5
    if track.focused:
        t = theme.current()
        painter.fillRect(QRectF(row.left(), row.top(), WIDTH - 1, row.height()), t.tint(t.accent, 0.12))
    bar = QRectF(row.left() + BAR_X, row.top() + inset, 3, row.height() - 2 * inset)
    painter.setRenderHint(painter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(track.color)
    painter.drawRoundedRect(bar, 1.5, 1.5)
    chip = chip_rect(track, row)
    row = _upper(track, row)
    if row.height() < 14:
        painter.restore()
        return
    if track.chip is not None and not chip.isEmpty():
        painter.setBrush(Qt.BrushStyle.NoBrush)
        paint_chip(painter, chip, track.chip.text, track.chip.kind)
    right = row.left() + WIDTH - 2 * theme.STEP - track.side if chip.isEmpty() else chip.left() - 6
    room = QRectF(row.left() + NAME_X, row.top(), right - row.left() - NAME_X, row.height())
    tight = row.height() < 36
    name_font = theme.text_font(12 if tight else 13, QFont.Weight.Medium)
    note_font = theme.text_font(10 if tight else 11)
    note = track.subtitle if row.height() >= 26 else ""
    name_line = QFontMetricsF(name_font).height() - (2 if tight else 1)
    note_line = QFontMetricsF(note_font).height() - (1 if tight else 0) if note else 0.0
    top = room.center().y() - (name_line + note_line) / 2
    _line(painter, QRectF(room.left(), top, room.width(), name_line), track.title, name_font, True)
    if note:
        area = QRectF(room.left(), top + name_line, room.width(), note_line)
        _line(painter, area, note, note_font, False)
    painter.restore()


def _line(painter: QPainter, area: QRectF, text: str, font: QFont, name: bool) -> None:
    t = theme.current()
    # The end of a file's or key's name tells it apart; words are read from the left.
    whole = name and " " not in text
    mode = Qt.TextElideMode.ElideMiddle if whole else Qt.TextElideMode.ElideRight
    painter.setFont(font)
    painter.setPen(t.text if name else t.quiet)
    shown = QFontMetricsF(font).elidedText(text[: theme.LONGEST], mode, area.width())
    flags = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextDontClip
    painter.drawText(area, int(flags | Qt.TextFlag.TextSingleLine), shown)
