"""Curves that need what draws lines do not wait for its import: they are bars until it is there."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from PySide6.QtCore import QRectF
from PySide6.QtGui import QColor, QImage, QPainter

from inspector.ui.timeline import curves


def painted(painter: curves.CurvePainter, later: object = None) -> tuple[bool, int]:
    """Whether lines were to hand, and how many pixels were painted."""
    picture = QImage(200, 40, QImage.Format.Format_ARGB32_Premultiplied)
    picture.fill(QColor("black"))
    inner = QPainter(picture)
    flat = np.full((1, 200), 20.0)
    x = np.arange(200, dtype=np.float64)
    painter.paint(inner, QRectF(0, 0, 200, 40), x, flat, flat, [QColor("white")], later)  # type: ignore[arg-type]
    inner.end()
    lit = np.frombuffer(picture.constBits(), np.uint8).reshape(40, 200, 4)[:, :, 0] > 64
    return painter._lines is not None, int(lit.sum())


@pytest.mark.usefixtures("qapp")
def test_a_curve_is_a_bar_until_lines_can_be_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    loading, go, came = curves._Loading(), threading.Event(), threading.Event()
    load = loading._load

    def held() -> None:
        go.wait(30)
        load()

    monkeypatch.setattr(loading, "_load", held)
    monkeypatch.setattr(curves, "_loading", loading)
    painter = curves.CurvePainter()
    had, lit = painted(painter, came.set)
    assert (had, came.is_set()) == (False, False)
    assert lit >= 200
    go.set()
    assert came.wait(30)
    had, lit = painted(painter, came.set)
    assert had
    assert 200 <= lit <= 400


@pytest.mark.usefixtures("qapp")
def test_who_cannot_be_called_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(curves, "_loading", curves._Loading())
    assert painted(curves.CurvePainter())[0]
