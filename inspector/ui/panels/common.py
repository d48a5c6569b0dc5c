"""What the panels share: section headers, chips, words in a theme's colours, and the names of things."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from PySide6.QtCore import QEvent, QLineF, QRectF, QSize, Qt
from PySide6.QtGui import QAction, QColor, QFontMetrics, QPainter, QPainterPath, QPalette, QPen
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QHeaderView,
    QLabel,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QTableView,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from inspector.core.model import Coverage, Modality
from inspector.ui import theme

if TYPE_CHECKING:
    from collections.abc import Callable

    from PySide6.QtCore import QRect
    from PySide6.QtGui import QFont, QPaintEvent, QResizeEvent

ChipKind = Literal["ref", "neutral", "good", "suspect", "failed", "unmeasured"]
"""What a chip says of its figure; `unmeasured` is hatched, and `good` is for what was measured only."""

Tone = Literal["text", "quiet", "faint", "suspect", "failed"]
"""Which of the theme's colours words are set in."""

CHIP_HEIGHT = 5 * theme.STEP
SMALL = 11
"""Size in px of captions, chips and second lines."""

MODALITY_WORD = {
    Modality.VIDEO: "film",
    Modality.AUDIO: "sound",
    Modality.TEXT: "transcript",
    Modality.SENSOR: "sensor",
    Modality.IMAGE: "image",
    Modality.POINTS: "points",
    Modality.MOTION: "motion",
    Modality.GAZE: "gaze",
}
"""What a person calls a modality."""

COVERAGE_WORD = {
    Coverage.PRESENT: "present",
    Coverage.ABSENT: "absent",
    Coverage.TRUNCATED: "cut short",
    Coverage.EMPTY: "empty",
    Coverage.FROZEN: "frozen",
    Coverage.SILENT: "silent",
    Coverage.UNREADABLE: "unreadable",
    Coverage.UNKNOWN: "not looked at yet",
}
"""What a person calls a state of coverage."""


def count_text(number: int, one: str, many: str = "") -> str:
    """`1 file`, `2 files`, `12 000 files`: thousands are set apart by a thin space."""
    grouped = f"{number:,}".replace(",", "\u2009")
    return f"{grouped} {one if number == 1 else many or one + 's'}"


def number_text(number: int) -> str:
    """A count with its thousands set apart by a thin space."""
    return f"{number:,}".replace(",", "\u2009")


def paint_hatch(painter: QPainter, area: QRectF, color: QColor, gap: float = 4, width: float = 1) -> None:
    """Diagonal strokes from lower left to upper right over `area`; clip first where it is rounded."""
    painter.setPen(QPen(color, width))
    height = area.height()
    x = area.left() - height
    lines = []
    while x < area.right():
        lines.append(QLineF(x, area.bottom(), x + height, area.top()))
        x += gap
    painter.drawLines(lines)


def chip_size(text: str) -> QSize:
    """How much room `paint_chip` wants for a text."""
    metrics = QFontMetrics(theme.mono_font(SMALL))
    return QSize(metrics.horizontalAdvance(text) + 3 * theme.STEP, CHIP_HEIGHT)


def paint_chip(painter: QPainter, rect: QRect | QRectF, text: str, kind: ChipKind) -> None:
    """A rounded chip that fills `rect`, its text centred and cut with … where it is too long."""
    t = theme.current()
    area = QRectF(rect).adjusted(0.5, 0.5, -0.5, -0.5)
    dark = t.panel.lightnessF() < 0.5
    color = {
        "ref": t.accent,
        "neutral": t.line,
        "good": t.good,
        "suspect": t.suspect,
        "failed": t.failed,
        "unmeasured": t.unmeasured,
    }[kind]
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    path = QPainterPath()
    path.addRoundedRect(area, theme.STEP, theme.STEP)
    if kind == "unmeasured":
        painter.save()
        painter.setClipPath(path)
        paint_hatch(painter, area, t.tint(color, 0.22 if dark else 0.18), gap=5, width=1.2)
        painter.restore()
        painter.setPen(QPen(t.tint(color, 0.45), 1))
        painter.drawPath(path)
    elif kind == "neutral":
        painter.setPen(QPen(t.line, 1))
        painter.setBrush(t.raised)
        painter.drawPath(path)
    else:
        strength = 0.30 if kind == "ref" else 0.16
        painter.fillPath(path, t.tint(color, strength if dark else strength / 2))
    words = {"ref": t.text, "neutral": t.quiet, "unmeasured": t.quiet}.get(kind, color)
    font = theme.mono_font(SMALL)
    painter.setFont(font)
    painter.setPen(words)
    room = int(area.width()) - theme.STEP
    shown = QFontMetrics(font).elidedText(text, Qt.TextElideMode.ElideRight, room)
    painter.drawText(area, Qt.AlignmentFlag.AlignCenter, shown)
    painter.restore()


def paint_elided(
    painter: QPainter,
    rect: QRect,
    text: str,
    font: QFont,
    color: QColor,
    align: Qt.AlignmentFlag = Qt.AlignmentFlag.AlignLeft,
    name: bool = False,
) -> int:
    """One line of text, cut with … where it does not fit; returns the width that it takes.

    A `name` of one word is cut in its middle: the ends of files' and records' names tell them apart.
    """
    metrics = QFontMetrics(font)
    mode = Qt.TextElideMode.ElideMiddle if name and " " not in text else Qt.TextElideMode.ElideRight
    shown = metrics.elidedText(text[: theme.LONGEST], mode, rect.width())
    painter.setFont(font)
    painter.setPen(color)
    painter.drawText(rect, int(align | Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine), shown)
    return metrics.horizontalAdvance(shown)


class Panel(QWidget):
    """A side panel: one calm ground under all that is on it."""

    def paintEvent(self, event: QPaintEvent) -> None:
        """Lay the ground, in the colour of the theme in force."""
        painter = QPainter(self)
        painter.fillRect(event.rect(), theme.current().panel)
        painter.end()


class SectionHeader(QWidget):
    """The quiet line above a section: its name in capitals, and at the right how much is in it."""

    def __init__(self, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._title = title
        self._figure = ""
        self._note = ""
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(9 * theme.STEP)
        self.setAccessibleName(title)

    def set_count(self, figure: str, note: str = "") -> None:
        """Say how much there is: a figure, and a word on it (`28`, `3 shown by filter`)."""
        if (figure, note) == (self._figure, self._note):
            return
        self._figure, self._note = figure, note
        self.setAccessibleDescription(self.text())
        self.update()

    def text(self) -> str:
        """All that the line says, as one string."""
        return " ".join(part for part in (self._title, self._figure, self._note) if part)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the name, and the count right-aligned where there is room for both."""
        t = theme.current()
        painter = QPainter(self)
        area = self.rect().adjusted(theme.MARGIN, 0, -theme.MARGIN, 0)
        align = Qt.AlignmentFlag.AlignRight
        taken = paint_elided(painter, area, self._title.upper(), theme.text_font(SMALL), t.quiet)
        count = " · ".join(part for part in (self._figure, self._note) if part)
        rest = area.adjusted(taken + theme.MARGIN, 0, 0, 0)
        paint_elided(painter, rest, count, theme.mono_font(SMALL), t.quiet, align)
        painter.end()

    def changeEvent(self, event: QEvent) -> None:
        """Repaint in a new theme."""
        if event.type() == QEvent.Type.PaletteChange:
            self.update()
        super().changeEvent(event)


class IconButton(QToolButton):
    """A button with an icon of ours and no text, reached by Tab; its tip is its name."""

    def __init__(self, name: str, tip: str, then: Callable[[], object] | None = None) -> None:
        super().__init__()
        self._name = name
        self.setIcon(theme.icon(name))
        self.setIconSize(QSize(4 * theme.STEP, 4 * theme.STEP))
        self.setToolTip(tip)
        self.setAccessibleName(tip)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        if then is not None:
            self.clicked.connect(lambda _=False: then())

    def changeEvent(self, event: QEvent) -> None:
        """Draw the icon in a new theme."""
        if event.type() == QEvent.Type.PaletteChange and hasattr(self, "_name"):
            self.setIcon(theme.icon(self._name))
        super().changeEvent(event)


def dress_table(table: QTableView) -> None:
    """How every table of ours is read: whole rows, of one height, no grid; a click on a header sorts."""
    table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    table.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
    table.setTabKeyNavigation(False)
    table.setShowGrid(False)
    table.setWordWrap(False)
    table.setCornerButtonEnabled(False)
    table.setCornerWidget(QWidget())
    rows = table.verticalHeader()
    rows.hide()
    rows.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
    rows.setMinimumSectionSize(theme.ROW)
    rows.setDefaultSectionSize(theme.ROW)
    head = table.horizontalHeader()
    head.setHighlightSections(False)
    head.setSectionsClickable(True)
    head.setSortIndicatorShown(True)
    head.setSortIndicatorClearable(True)
    head.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)


class Words(QLabel):
    """Plain text in one of the theme's tones, wrapped, that a curator can select and copy."""

    def __init__(self, text: str = "", tone: Tone = "text", px: int = 13, mono: bool = False) -> None:
        super().__init__(text)
        self._tone: Tone = tone
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setFont(theme.mono_font(px) if mono else theme.text_font(px))
        self.setWordWrap(True)
        self.setMinimumWidth(1)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._dress()

    def set_tone(self, tone: Tone) -> None:
        """Set the words in another of the theme's colours."""
        self._tone = tone
        self._dress()

    def _dress(self) -> None:
        color: QColor = getattr(theme.current(), self._tone)
        palette = self.palette()
        if palette.color(QPalette.ColorRole.WindowText) != color:
            palette.setColor(QPalette.ColorRole.WindowText, color)
            self.setPalette(palette)

    def changeEvent(self, event: QEvent) -> None:
        """Take the colour of a new theme."""
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.StyleChange):
            self._dress()
        super().changeEvent(event)


class ElidedLabel(QLabel):
    """One line that is cut with … where the room ends; the whole of it is then the tooltip."""

    def __init__(
        self,
        text: str = "",
        tone: Tone = "text",
        mode: Qt.TextElideMode = Qt.TextElideMode.ElideRight,
        mono: bool = False,
    ) -> None:
        super().__init__()
        self._whole = ""
        self._tone: Tone = tone
        self._mode = mode
        self.setFont(theme.mono_font() if mono else theme.text_font())
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setText(text)

    def setText(self, text: str) -> None:
        """Show another text."""
        self._whole = text
        self.setAccessibleName(text)
        self._tell()
        self.update()

    def text(self) -> str:
        """The whole text, also where it is shown cut."""
        return self._whole

    def sizeHint(self) -> QSize:
        """Room for the whole text on one line."""
        metrics = QFontMetrics(self.font())
        return QSize(metrics.horizontalAdvance(self._whole[: theme.LONGEST]), metrics.height() + theme.STEP)

    def minimumSizeHint(self) -> QSize:
        """Any width will do."""
        return QSize(0, self.sizeHint().height())

    def _shown(self) -> str:
        return QFontMetrics(self.font()).elidedText(self._whole[: theme.LONGEST], self._mode, self.width())

    def _tell(self) -> None:
        self.setToolTip(theme.tip(self._whole) if self._shown() != self._whole else "")

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Offer the whole text as a tooltip where it no longer fits."""
        super().resizeEvent(event)
        self._tell()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw what fits."""
        painter = QPainter(self)
        painter.setFont(self.font())
        painter.setPen(getattr(theme.current(), self._tone))
        painter.drawText(self.rect(), int(Qt.AlignmentFlag.AlignVCenter), self._shown())
        painter.end()


def action_button(action: QAction, text: str, keys: bool = True) -> QPushButton:
    """A button that does what an action does, and follows its state; it takes the focus by Tab at most.

    Without `keys` not even by that: for one that acts on the caret of a field.
    """
    button = QPushButton(text)
    button.setToolTip(action.toolTip())
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus if keys else Qt.FocusPolicy.NoFocus)
    button.setMinimumWidth(1)
    button.setCheckable(action.isCheckable())
    button.setEnabled(action.isEnabled())
    action.enabledChanged.connect(button.setEnabled)

    def clicked(_on: bool) -> None:
        action.trigger()
        button.setChecked(action.isChecked())

    button.clicked.connect(clicked)
    if action.isCheckable():
        action.toggled.connect(button.setChecked)
    return button


def inset(*widgets: QWidget, gap: int = 2) -> QVBoxLayout:
    """Widgets one below the other inside a panel's margins, `gap` steps apart."""
    box = QVBoxLayout()
    box.setContentsMargins(theme.MARGIN, 0, theme.MARGIN, theme.STEP)
    box.setSpacing(gap * theme.STEP)
    for each in widgets:
        box.addWidget(each)
    return box


def scrolled(inside: QWidget) -> QScrollArea:
    """What a panel shows, scrolled up and down where it is longer; it takes no focus of its own."""
    area = QScrollArea()
    area.setWidget(inside)
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    return area
