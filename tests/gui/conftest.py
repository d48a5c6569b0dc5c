"""What tests of widgets stand on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from gui.windows import Windows
from pytestqt.qtbot import QtBot

from inspector.ui import theme

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PySide6.QtWidgets import QApplication


PATIENCE_MS = 30_000
"""A wait ends as soon as what is waited for is there; so long only where it never comes."""
(QtBot.waitUntil.__kwdefaults__ or {})["timeout"] = PATIENCE_MS


@pytest.fixture
def dark(qapp: QApplication) -> Iterator[None]:
    """The dark theme, which a test may leave for the light one."""
    theme.load_fonts()
    theme.apply(qapp, light=False)
    yield
    theme.apply(qapp, light=False)


@pytest.fixture
def open_window(qtbot: QtBot) -> Iterator[Windows]:
    """Opens windows, one at a time; closed at the end."""
    windows = Windows(qtbot)
    yield windows
    windows.close()
