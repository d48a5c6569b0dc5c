"""A recorder that is late in all its records: offered as one clock, heard in one, accepted as one edit."""

from __future__ import annotations

import json
import wave
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from inspector.audit.store import Result
from inspector.core.findings import Finding, Status

if TYPE_CHECKING:
    from pathlib import Path

    from gui.windows import Windows
    from pytestqt.qtbot import QtBot

    from inspector.ui.main_window import MainWindow

RATE = 8000


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Five records of two sounds each; what was measured of them is put into the store."""
    root = tmp_path / "data"
    noise = np.random.default_rng(3).integers(-3000, 3000, RATE * 4).astype("<i2")
    for number in range(5):
        (root / f"r{number}").mkdir(parents=True)
        for name in ("a", "b"):
            with wave.open(str(root / f"r{number}" / f"mic_{name}.wav"), "wb") as file:
                file.setparams((1, 2, RATE, 0, "NONE", ""))
                file.writeframes(np.roll(noise, number).tobytes())
    return root


@pytest.fixture
def window(open_window: Windows, dataset: Path) -> MainWindow:
    return open_window(dataset, "r0", size=(1280, 800))


def measured(window: MainWindow) -> None:
    """Four records say that the second recorder is about 118 ms late, one says 300."""
    assert window.session is not None
    rows = [
        {
            "record_id": f"r{number}",
            "stream_a": "mic_a",
            "stream_b": "mic_b",
            "method": "sound against sound",
            "offset_ms": late,
            "drift_ppm": None,
            "residual_ms": 0.1,
            "confidence": 0.99,
            "status": "ok",
        }
        for number, late in enumerate((118.0, 118.4, 117.8, 118.1, 300.0))
    ]
    found = [Finding("timing.av_offset", "r0", ("mic_b",), status=Status.FAILED)]
    window.session.audited.add([Result(None, "test", "", found, rows)])


def test_one_clock_for_a_recorder(window: MainWindow, qtbot: QtBot, dataset: Path) -> None:
    QTest.keyClick(window.stage, Qt.Key.Key_F6)
    panel = window.rigging.panel
    assert panel is not None
    assert panel.isVisible()
    assert panel.empty.isVisible()
    assert window.record is not None
    assert {stream.id for stream in window.record.streams} == {"mic_a", "mic_b"}
    measured(window)
    QTest.keyClick(window.stage, Qt.Key.Key_F6)
    qtbot.waitUntil(lambda: panel.model is not None)
    assert panel.model is not None
    assert panel.state.text() == "118 ms late"
    assert "4 records agree" in panel.basis.text()
    assert "1 left out" in panel.basis.text()
    assert panel.list.item(0).text().startswith("r4")

    QTest.mouseClick(panel.random, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: window.aligning.proposal is not None, timeout=15_000)
    assert window.aligning.proposal is not None
    assert round(window.aligning.proposal.timemap.late_ns / 1e6) == 118
    assert panel.isVisible(), "the proposal does not take the panel's place"
    QTest.mouseClick(panel.accept, Qt.MouseButton.LeftButton)
    journal = dataset / ".inspector" / "journal"
    qtbot.waitUntil(lambda: any(path.stat().st_size for path in journal.glob("*.jsonl")))
    (line,) = [json.loads(each) for path in journal.glob("*.jsonl") for each in path.read_text().splitlines()]
    assert sorted(change[0] for change in line["changes"]) == ["r0", "r1", "r2", "r3"]
    assert "left out: r4" in line["note"]
