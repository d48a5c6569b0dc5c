"""The few boxes there are; none of them is modal, so that playing goes on."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QMessageBox, QWidget

from inspector import __version__
from inspector.ui.actions import key_sheet


def show_keys(parent: QWidget) -> None:
    """The key sheet."""
    _show(parent, "Keys", key_sheet())


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
