"""The controls of one sound in its header: mute, solo, gain, and whether its spectrogram is shown.

These are widgets and not painted, so that a screen reader finds them and Tab reaches them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFont, QKeyEvent, QPainter, QPen
from PySide6.QtWidgets import QHBoxLayout, QSlider, QToolButton, QWidget

from inspector.playback.desk import AS_RECORDED, HIGHEST_DB, LOWEST_DB, Mix
from inspector.ui import theme
from inspector.ui.timeline.track import ink_on

if TYPE_CHECKING:
    from PySide6.QtGui import QEnterEvent, QMouseEvent, QPaintEvent, QWheelEvent

HEIGHT = 18
BUTTON = QSize(20, HEIGHT)
GAIN_WIDTH = 52
TENTHS = 10
"""The gain is kept in tenths of a dB, since a slider counts in whole numbers."""
DRAG_TENTHS = 5
"""What a px of a drag is worth; with Shift a fifth of that."""


class _Toggle(QToolButton):
    """A small button that stays down: a letter or an icon, filled in `tone` while it is."""

    def __init__(self, letter: str, icon: str, tone: str, parent: QWidget) -> None:
        super().__init__(parent)
        self._letter = letter
        self._icon = icon
        self._tone = tone
        self.setCheckable(True)
        self.setFixedSize(BUTTON)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)

    def event(self, event: QEvent) -> bool:
        """Keep Space for the button that has the focus: it would play."""
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.ShortcutOverride:
            event.setAccepted(event.key() in (Qt.Key.Key_Space, Qt.Key.Key_Select))
            return event.isAccepted()
        return super().event(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        t = theme.current()
        fill, edge, ink = QColor(Qt.GlobalColor.transparent), t.line, t.quiet
        if self.isChecked():
            tone: QColor = getattr(t, self._tone)
            fill = edge = tone
            ink = theme.ON_ACCENT if tone == t.accent else ink_on(tone)
        if self.underMouse() and not self.isChecked():
            fill, edge, ink = t.tint(t.text, 0.08), t.faint, t.text
        if self.isDown():
            fill, edge = t.tint(t.accent, 0.35), t.accent
            ink = t.text
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(t.accent if self.hasFocus() else edge, 1))
        painter.setBrush(fill)
        box = QRectF(self.rect()).adjusted(1.5, 1.5, -1.5, -1.5)
        painter.drawRoundedRect(box, 3, 3)
        if self._letter:
            painter.setPen(ink)
            painter.setFont(theme.text_font(10, QFont.Weight.DemiBold))
            painter.drawText(self.rect(), int(Qt.AlignmentFlag.AlignCenter), self._letter)
        else:
            picture = theme.pixmap(self._icon, ink.name(), 12, self.devicePixelRatioF())
            painter.drawPixmap(QPointF(self.width() / 2 - 6, self.height() / 2 - 6), picture)
        painter.end()


class GainField(QSlider):
    """The gain as a text over a hairline fader: drag, wheel or arrow keys change it, a double click resets.

    A slider by nature, so that assistive programs read and set it.
    """

    def __init__(self, parent: QWidget) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self.setRange(round(LOWEST_DB * TENTHS), round(HIGHEST_DB * TENTHS))
        self.setSingleStep(TENTHS)
        self.setPageStep(6 * TENTHS)
        self.setFixedSize(GAIN_WIDTH, HEIGHT)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setCursor(Qt.CursorShape.SizeHorCursor)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self._from = (QPointF(), 0.0)
        self._held = False
        self.muted = False
        self.clipped = False

    @property
    def text(self) -> str:
        """What is written: the gain, or that there is none."""
        return "muted" if self.muted else gain_text(self.value() / TENTHS)

    def paintEvent(self, event: QPaintEvent) -> None:
        t = theme.current()
        live = self.underMouse() or self._held or self.hasFocus()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if live:
            painter.setPen(QPen(t.accent, 1) if self.hasFocus() or self._held else Qt.PenStyle.NoPen)
            painter.setBrush(t.tint(t.text, 0.08))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 3, 3)
        changed = self.value() != 0
        ink = t.text if changed or live else t.quiet
        if self.clipped or self.muted:
            ink = t.failed if self.clipped else t.suspect
        painter.setPen(ink)
        painter.setFont(theme.mono_font(10))
        area = QRectF(0, -1, self.width(), self.height())
        painter.drawText(area, int(Qt.AlignmentFlag.AlignCenter), self.text)
        if (changed or live) and not self.muted:
            self._paint_fader(painter, ink)
        painter.end()

    def _paint_fader(self, painter: QPainter, ink: QColor) -> None:
        left, width, y = 4.0, self.width() - 8.0, self.height() - 4.0
        span = self.maximum() - self.minimum()
        zero = left - self.minimum() / span * width
        at = left + (self.value() - self.minimum()) / span * width
        painter.fillRect(QRectF(left, y, width, 1), theme.current().line)
        painter.fillRect(QRectF(min(zero, at), y, abs(at - zero), 1), ink)
        painter.fillRect(QRectF(at - 0.5, y - 1, 1.5, 3), ink)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() is Qt.MouseButton.LeftButton:
            self._from = (event.position(), float(self.value()))
            self._held = True
            self.update()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if not self._held:
            return
        fine = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        by = event.position() - self._from[0]
        value = self._from[1] + (by.x() - by.y()) * (1 if fine else DRAG_TENTHS)
        value = min(max(value, self.minimum()), self.maximum())
        self._from = (event.position(), value)  # at an end the way back begins at once
        self.setValue(round(value))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._held = False
        self.update()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self._held = False
        self.setValue(0)

    def wheelEvent(self, event: QWheelEvent) -> None:
        if event.modifiers() & (Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier):
            event.ignore()  # zoom and pan are the timeline's
            return
        event.accept()
        self.setValue(self.value() + round(event.angleDelta().y() / 120 * TENTHS))


class MixStrip(QWidget):
    """The row of controls. It shows what it is told and asks for what is wanted; it decides nothing."""

    mute_asked = Signal(bool)
    solo_asked = Signal(bool)
    gain_asked = Signal(float)
    """dB."""
    spectrogram_asked = Signal(bool)
    busy_changed = Signal()
    """The pointer or the focus came or went, so that `wanted` may be another."""

    def __init__(self, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.mute = _Toggle("M", "", "suspect", self)
        self.solo = _Toggle("S", "", "accent", self)
        self.gain = GainField(self)
        self.spectrogram = _Toggle("", "spectrogram", "accent", self)
        self._shown: tuple[Mix, bool, bool, bool] | None = None
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(1)
        for widget in (self.mute, self.solo, self.gain):
            row.addWidget(widget)
        row.addStretch(1)
        row.addWidget(self.spectrogram)
        self.setFixedHeight(HEIGHT)
        name = title[: theme.LONGEST]
        said = (
            (self.mute, f"Mute {name}", f"Mute {name} (M)"),
            (self.solo, f"Only {name}", f"Only {name}, and other solo sounds (Shift+M)"),
            (self.gain, f"Gain of {name}", "Gain: drag or wheel, with Shift finer; double click for 0 dB"),
            (self.spectrogram, f"Spectrogram of {name}", f"Spectrogram of {name} (Shift+S)"),
        )
        for widget, accessible, tip in said:
            widget.setAccessibleName(accessible)
            widget.setToolTip(theme.tip(tip))
            widget.installEventFilter(self)
        self.mute.clicked.connect(self.mute_asked)
        self.solo.clicked.connect(self.solo_asked)
        self.spectrogram.clicked.connect(self.spectrogram_asked)
        self.gain.valueChanged.connect(lambda tenths: self.gain_asked.emit(tenths / TENTHS))

    @property
    def used(self) -> bool:
        """Whether the pointer or the focus is on it."""
        focus = self.focusWidget()
        return self.underMouse() or (focus is not None and focus.hasFocus())

    @property
    def set(self) -> bool:
        """Whether something is not as it was recorded, or a spectrogram is shown."""
        return self._shown is not None and (self._shown[0] != AS_RECORDED or self._shown[1])

    @property
    def marks_px(self) -> int:
        """The width of the mute and solo buttons that are down: a crowded row shows them still. 0: none."""
        down = sum(each.isChecked() for each in (self.mute, self.solo))
        return down * (BUTTON.width() + 1)

    def show_marks_only(self, only: bool) -> None:
        """Show the mute and solo buttons that are down, and nothing else; or everything."""
        self.mute.setVisible(not only or self.mute.isChecked())
        self.solo.setVisible(not only or self.solo.isChecked())
        self.gain.setVisible(not only)
        self.spectrogram.setVisible(not only)

    def show_state(self, mix: Mix, spectrogram: bool, clipped: bool = False, silenced: bool = False) -> None:
        """Show how the sound is set, and whether all are `silenced`; nothing is asked for by it."""
        shown = (mix, spectrogram, clipped, silenced)
        if self._shown == shown:
            return
        self._shown = shown
        self.mute.setChecked(mix.mute)
        self.solo.setChecked(mix.solo)
        self.spectrogram.setChecked(spectrogram)
        self.gain.muted = mix.mute or silenced
        self.gain.clipped = clipped
        self.gain.blockSignals(True)
        self.gain.setValue(round(mix.gain_db * TENTHS))
        self.gain.blockSignals(False)
        self.gain.setAccessibleDescription(self.gain.text)
        self.gain.update()
        self.busy_changed.emit()

    def eventFilter(self, watched: object, event: QEvent) -> bool:
        if event.type() in (QEvent.Type.FocusIn, QEvent.Type.FocusOut):
            self.busy_changed.emit()
        return False

    def enterEvent(self, event: QEnterEvent) -> None:
        self.busy_changed.emit()

    def leaveEvent(self, event: QEvent) -> None:
        self.busy_changed.emit()


def gain_text(gain_db: float) -> str:
    """`0 dB`, `+3 dB`, `−4.5 dB`."""
    whole = f"{abs(gain_db):.1f}".removesuffix(".0")
    sign = "" if whole == "0" else "+" if gain_db > 0 else "\u2212"
    return f"{sign}{whole} dB"
