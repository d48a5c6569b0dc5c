"""What tests of widgets stand on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from inspector.ui import theme

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PySide6.QtWidgets import QApplication


@pytest.fixture
def dark(qapp: QApplication) -> Iterator[None]:
    """The dark theme, which a test may leave for the light one."""
    theme.load_fonts()
    theme.apply(qapp, light=False)
    yield
    theme.apply(qapp, light=False)
