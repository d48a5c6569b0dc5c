"""The few boxes there are; none of them is modal, so that playing goes on."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import (
    QDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QMessageBox,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from inspector import __version__
from inspector.ui import theme
from inspector.ui.actions import key_sheet

KEY_SHEET = "keys"
"""What the key sheet is found by."""


def show_keys(parent: QWidget) -> None:
    """The one key sheet, as large as it needs and the screen allows; what is longer scrolls."""
    shown = next((each for each in parent.findChildren(QDialog, KEY_SHEET) if each.isVisible()), None)
    if shown is not None:
        shown.raise_()
        shown.activateWindow()
        return
    sheet = QDialog(parent)
    sheet.setObjectName(KEY_SHEET)
    sheet.setWindowTitle("Keys")
    sheet.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    words = QLabel(key_sheet())
    words.setTextFormat(Qt.TextFormat.RichText)
    words.setAlignment(Qt.AlignmentFlag.AlignTop)
    words.setContentsMargins(2 * theme.MARGIN, theme.MARGIN, 2 * theme.MARGIN, theme.MARGIN)
    area = QScrollArea()
    area.setWidget(words)
    area.setFrameShape(QFrame.Shape.NoFrame)
    close = QPushButton("Close")
    close.clicked.connect(sheet.close)
    foot = QHBoxLayout()
    foot.setContentsMargins(theme.MARGIN, theme.MARGIN, theme.MARGIN, theme.MARGIN)
    foot.addStretch(1)
    foot.addWidget(close)
    column = QVBoxLayout(sheet)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(0)
    column.addWidget(area, 1)
    column.addLayout(foot)
    need, room = words.sizeHint() + QSize(24, 72), sheet.screen().availableGeometry().size()
    sheet.resize(need.boundedTo(QSize(round(room.width() * 0.94), round(room.height() * 0.9))))
    sheet.show()


def show_about(parent: QWidget) -> None:
    """Which version this is."""
    _show(
        parent,
        "About",
        f"Inspector {__version__}\n\n"
        "Opens multimodal datasets where they lie and never writes to them.\nApache-2.0",
    )


def _show(parent: QWidget, title: str, text: str) -> None:
    box = QMessageBox(QMessageBox.Icon.NoIcon, title, text, parent=parent)
    box.setModal(False)
    close = box.addButton("Close", QMessageBox.ButtonRole.AcceptRole)
    close.setIcon(QIcon())
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.show()
