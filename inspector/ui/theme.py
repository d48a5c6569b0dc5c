"""Colours, faces, spacing and icons: the only place that names any of them."""

from __future__ import annotations

import dataclasses
import html
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from PySide6.QtCore import QByteArray, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontDatabase, QGuiApplication, QIcon, QPainter, QPalette, QPixmap
from PySide6.QtSvg import QSvgRenderer

from inspector.core.assets import resource
from inspector.core.model import Modality

if TYPE_CHECKING:
    from collections.abc import Mapping

    from PySide6.QtWidgets import QApplication, QWidget

LONGEST = 1000
"""Letters of one line that are looked at: a label may hold megabytes, and Qt sets all before it cuts."""

ON_ACCENT = QColor("#FFFFFF")
"""Text and icons on the accent colour."""
STEP = 4
"""Every distance is a multiple of this many px."""
MARGIN = 3 * STEP
ROW = 30
RADIUS = 6
TEXT_FAMILY = "Inter"
MONO_FAMILY = "JetBrains Mono"


@dataclass(frozen=True, slots=True)
class Theme:
    """One set of colours. Names follow what a colour is for, not what it looks like."""

    name: str
    window: QColor
    panel: QColor
    stage: QColor
    line: QColor
    raised: QColor
    text: QColor
    quiet: QColor
    faint: QColor
    accent: QColor
    playhead: QColor
    good: QColor
    suspect: QColor
    failed: QColor
    unmeasured: QColor
    modality: Mapping[Modality, QColor]

    def tint(self, color: QColor, alpha: float) -> QColor:
        """The colour at `alpha` (0 to 1) over whatever lies under it."""
        tinted = QColor(color)
        tinted.setAlphaF(alpha)
        return tinted


def _theme(name: str, colors: str, modality: str) -> Theme:
    """A theme from its colours in the order of Theme's fields, and of Modality's members."""
    fields = [each.name for each in dataclasses.fields(Theme)][1:-1]
    plain = dict(zip(fields, map(QColor, colors.split()), strict=True))
    return Theme(name=name, **plain, modality=dict(zip(Modality, map(QColor, modality.split()), strict=True)))


DARK = _theme(
    "dark",
    "#16181D #191C22 #0F1115 #2A2F38 #1B1E24 #D7DCE4 #8B95A5 #6F7A8A #2F6FE4 #FF5D4D "
    "#3FB76B #E9B44C #E5604D #7D8796",
    "#5B9DF9 #2FBF9F #E9B44C #A58BF0 #4CC3D9 #E879A6 #9BC53D #F08A4B",
)
LIGHT = _theme(
    "light",
    "#F6F7F9 #FFFFFF #E9EBEF #D9DDE3 #F0F2F5 #1E232B #59636F #7B8593 #2463D6 #E0392A "
    "#1F7F45 #8A6100 #BF3B28 #5E6774",
    "#2463D6 #0B7F67 #8A6100 #6A49CF #0E7490 #B83A70 #56750B #B4530F",
)

_current = DARK


def current() -> Theme:
    """The theme in force. Ask at paint time; never keep a colour."""
    return _current


def text_font(px: int = 13, weight: QFont.Weight = QFont.Weight.Normal) -> QFont:
    """The text face at a size in px."""
    return _font(TEXT_FAMILY, px, weight)


def mono_font(px: int = 12, weight: QFont.Weight = QFont.Weight.Normal) -> QFont:
    """The face for every number that can change, so that nothing jitters."""
    return _font(MONO_FAMILY, px, weight)


@lru_cache(64)
def _font(family: str, px: int, weight: QFont.Weight) -> QFont:
    font = QFont(family)
    font.setPixelSize(px)
    font.setWeight(weight)
    return font


def tip(text: str) -> str:
    """A tooltip that shows the text as it is.

    Qt takes what looks like HTML for HTML, with pictures out of any file, and names come from datasets.
    """
    text = text[: 4 * LONGEST]
    if "<" not in text:
        return text
    return f"<span style='white-space: pre-wrap'>{html.escape(text)}</span>"


def tone(label: QWidget, color: QColor) -> None:
    """Write a label in a colour of the theme; to be called again where the theme changes.

    By palette: a style sheet of its own would be polished again with each call, and call for another.
    """
    palette = label.palette()
    if palette.color(QPalette.ColorRole.WindowText) != color:
        palette.setColor(QPalette.ColorRole.WindowText, color)
        label.setPalette(palette)


def load_fonts() -> None:
    """Add the bundled faces: without them a machine with no fonts shows boxes."""
    for path in sorted(resource("fonts").glob("*.[ot]tf")):
        QFontDatabase.addApplicationFont(str(path))


@lru_cache(256)
def pixmap(name: str, color: str, size: int = 16, ratio: float = 1.0) -> QPixmap:
    """The icon `name` drawn in `color` (#RRGGBB) at `size` px."""
    svg = resource("icons", f"{name}.svg").read_bytes().replace(b"currentColor", color.encode())
    image = QPixmap(round(size * ratio), round(size * ratio))
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    QSvgRenderer(QByteArray(svg)).render(painter, QRectF(image.rect()))
    painter.end()
    image.setDevicePixelRatio(ratio)
    return image


def icon(name: str, color: QColor | None = None) -> QIcon:
    """The icon `name` in the theme's text colour, or in `color`; faint where disabled."""
    theme = current()
    made = QIcon()
    for ratio in {1.0, QGuiApplication.primaryScreen().devicePixelRatio()}:
        made.addPixmap(pixmap(name, (color or theme.text).name(), 16, ratio))
        made.addPixmap(pixmap(name, theme.faint.name(), 16, ratio), QIcon.Mode.Disabled)
    return made


def wants_light() -> bool:
    """Whether the system asks for light; where it says nothing the answer is no."""
    return QGuiApplication.styleHints().colorScheme() == Qt.ColorScheme.Light


def apply(app: QApplication, light: bool) -> Theme:
    """Make a theme the one in force: palette, style sheet and face."""
    global _current
    _current = LIGHT if light else DARK
    theme = _current
    app.setStyle("Fusion")
    app.setFont(text_font())
    palette = QPalette()
    roles = {
        QPalette.ColorRole.Window: theme.window,
        QPalette.ColorRole.WindowText: theme.text,
        QPalette.ColorRole.Base: theme.panel,
        QPalette.ColorRole.AlternateBase: theme.raised,
        QPalette.ColorRole.Text: theme.text,
        QPalette.ColorRole.Button: theme.raised,
        QPalette.ColorRole.ButtonText: theme.text,
        QPalette.ColorRole.Highlight: theme.tint(theme.accent, 0.35),
        QPalette.ColorRole.HighlightedText: theme.text,
        QPalette.ColorRole.ToolTipBase: theme.raised,
        QPalette.ColorRole.ToolTipText: theme.text,
        QPalette.ColorRole.PlaceholderText: theme.faint,
        QPalette.ColorRole.Link: theme.accent,
        QPalette.ColorRole.Mid: theme.line,
    }
    for role, color in roles.items():
        palette.setColor(role, color)
    for role in (QPalette.ColorRole.Text, QPalette.ColorRole.ButtonText, QPalette.ColorRole.WindowText):
        palette.setColor(QPalette.ColorGroup.Disabled, role, theme.faint)
    app.setPalette(palette)
    app.setStyleSheet(_style_sheet(theme))
    return theme


def _style_sheet(t: Theme) -> str:
    hover = t.tint(t.text, 0.06).name(QColor.NameFormat.HexArgb)
    chosen = t.tint(t.accent, 0.22).name(QColor.NameFormat.HexArgb)
    return f"""
* {{ outline: 0; }}
QMainWindow, QDialog {{ background: {t.window.name()}; }}
QMessageBox {{ border: 1px solid {t.line.name()}; background: {t.panel.name()}; }}
QToolTip {{ background: {t.raised.name()}; color: {t.text.name()}; border: 1px solid {t.line.name()};
  padding: 4px 8px; }}
QMenuBar, QMenu {{ background: {t.panel.name()}; color: {t.text.name()}; }}
QMenuBar::item {{ padding: 4px 8px; background: transparent; }}
QMenuBar::item:selected, QMenu::item:selected {{ background: {chosen}; }}
QMenu {{ border: 1px solid {t.line.name()}; padding: 4px; }}
QMenu::item {{ padding: 5px 24px 5px 12px; border-radius: 4px; }}
QMenu::item:disabled {{ color: {t.faint.name()}; }}
QMenu::separator {{ height: 1px; background: {t.line.name()}; margin: 4px 8px; }}
QSplitter::handle {{ background: {t.line.name()}; }}
QSplitter::handle:hover {{ background: {t.accent.name()}; }}
QTableView, QListView, QTreeView, QScrollArea, QTextBrowser {{ background: {t.panel.name()}; border: 0;
  selection-background-color: {chosen}; selection-color: {t.text.name()}; }}
QListView#floating {{ border: 1px solid {t.line.name()}; }}
QHeaderView {{ background: {t.panel.name()}; border: 0; }}
QHeaderView::section {{ background: {t.panel.name()}; color: {t.quiet.name()}; border: 0; padding: 4px 8px;
  border-bottom: 1px solid {t.line.name()}; }}
QLineEdit {{ background: {t.stage.name()}; border: 1px solid {t.line.name()}; border-radius: {RADIUS}px;
  padding: 4px 8px; color: {t.text.name()}; }}
QLineEdit:focus {{ border-color: {t.accent.name()}; }}
QPlainTextEdit {{ background: {t.stage.name()}; border: 0; color: {t.text.name()};
  selection-background-color: {chosen}; selection-color: {t.text.name()}; }}
QToolButton {{ background: transparent; border: 0; border-radius: {RADIUS}px; padding: 6px; }}
QToolButton:hover {{ background: {hover}; }}
QToolButton:checked {{ background: {chosen}; }}
QToolButton:focus, QPushButton:focus {{ border: 1px solid {t.accent.name()}; }}
QPushButton {{ background: {t.raised.name()}; border: 1px solid {t.line.name()}; border-radius: {RADIUS}px;
  padding: 6px 12px; color: {t.text.name()}; }}
QPushButton[tight="true"] {{ padding: 6px 4px; }}
QPushButton:hover {{ border-color: {t.faint.name()}; }}
QPushButton:disabled {{ color: {t.faint.name()}; background: transparent; }}
QAbstractSpinBox {{ background: {t.stage.name()}; border: 1px solid {t.line.name()};
  border-radius: {RADIUS}px; padding: 4px 8px; color: {t.text.name()}; }}
QAbstractSpinBox:focus {{ border-color: {t.accent.name()}; }}
QAbstractSpinBox::up-button, QAbstractSpinBox::down-button {{ width: 0; border: 0; }}
QAbstractSpinBox QLineEdit {{ background: transparent; border: 0; border-radius: 0; padding: 0; }}
QComboBox {{ background: {t.stage.name()}; border: 1px solid {t.line.name()}; border-radius: {RADIUS}px;
  padding: 4px 8px; min-height: 20px; color: {t.text.name()}; }}
QComboBox:focus, QComboBox:on {{ border-color: {t.accent.name()}; }}
QComboBox::drop-down {{ border: 0; width: 22px; }}
QComboBox::down-arrow {{ image: url("{resource("style", "down.svg").as_posix()}"); width: 12px;
  height: 12px; }}
QComboBox QLineEdit {{ background: transparent; border: 0; border-radius: 0; padding: 0; }}
QComboBox QAbstractItemView {{ background: {t.panel.name()}; border: 1px solid {t.line.name()};
  selection-background-color: {chosen}; selection-color: {t.text.name()}; }}
QPushButton[primary="true"]:enabled {{ background: {t.accent.name()}; border-color: {t.accent.name()};
  color: {ON_ACCENT.name()}; }}
QPushButton[primary="true"]:focus {{ border-color: {t.text.name()}; }}
QCheckBox::indicator {{ width: 14px; height: 14px; border: 1px solid {t.faint.name()}; border-radius: 4px;
  background: {t.stage.name()}; }}
QCheckBox::indicator:checked {{ background: {t.accent.name()}; border-color: {t.accent.name()};
  image: url("{resource("style", "check.svg").as_posix()}"); }}
QCheckBox:focus {{ color: {t.accent.name()}; }}
QCheckBox:disabled {{ color: {t.faint.name()}; }}
QTabBar::tab {{ background: transparent; color: {t.quiet.name()}; padding: 8px 7px;
  border-bottom: 2px solid transparent; }}
QTabBar[narrow="true"] {{ font-size: 12px; }}
QTabBar[narrow="true"]::tab {{ padding: 8px 4px; }}
QTabBar::tab:selected {{ color: {t.text.name()}; border-bottom-color: {t.accent.name()}; }}
QTabWidget::pane {{ border: 0; border-top: 1px solid {t.line.name()}; }}
QScrollBar:vertical {{ background: transparent; width: 10px; margin: 0; }}
QScrollBar:horizontal {{ background: transparent; height: 10px; margin: 0; }}
QScrollBar::handle {{ background: {t.line.name()}; border-radius: 4px; min-height: 24px; min-width: 24px;
  margin: 1px; }}
QScrollBar::handle:hover {{ background: {t.faint.name()}; }}
QScrollBar::add-line, QScrollBar::sub-line {{ width: 0; height: 0; }}
QScrollBar::add-page, QScrollBar::sub-page {{ background: transparent; }}
QStatusBar {{ background: {t.panel.name()}; color: {t.quiet.name()}; border-top: 1px solid {t.line.name()}; }}
QStatusBar::item {{ border: 0; }}
"""
