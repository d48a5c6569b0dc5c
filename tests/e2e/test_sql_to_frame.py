"""From a question about a robot's joints to the frame: the barcode in the picture tells it."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING

import films
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from inspector.session import Opening
from inspector.ui.app import make_app
from inspector.ui.main_window import MainWindow

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytestqt.qtbot import QtBot

FPS = 25
LENGTHS = (60, 75, 50)
"""Frames of the episodes, which share one film and one table."""
FAST = {0: (11, 40), 1: (1, 33, 74), 2: ()}
"""The frames of each episode at which the knee has just moved too fast."""
CAMERA = "observation.images.front"
TOO_FAST = """
WITH moving AS (
  SELECT record_id, t_s, (knee - lag(knee) OVER follow) / (t_s - lag(t_s) OVER follow) AS knee_per_s
  FROM samples
  WHERE stream_id = 'observation.state'
  WINDOW follow AS (PARTITION BY record_id, stream_id ORDER BY t_s)
)
SELECT record_id, t_s, knee_per_s FROM moving WHERE abs(knee_per_s) > 2.0 ORDER BY record_id, t_s
"""


@pytest.fixture(scope="module")
def robot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """LeRobot v3.0: one film of all episodes, its frames numbered, and the joints of each frame."""
    root = tmp_path_factory.mktemp("robot")
    frames = sum(LENGTHS)
    film = root / f"videos/{CAMERA}/chunk-000/file-000.mp4"
    film.parent.mkdir(parents=True)
    films.make_film(
        film, films.steady(frames / FPS, FPS), rate=FPS, options={"g": "48", "bf": "2"}, sound=None
    )
    starts = np.concatenate(([0], np.cumsum(LENGTHS)))
    tables = []
    for episode, length in enumerate(LENGTHS):
        steps = np.full(length, 0.04)  # 1 a second, and at some frames 5
        steps[list(FAST[episode])] = 0.2
        steps[::2] *= -1
        joints = np.stack([np.sin(np.arange(length)), np.cumsum(steps)], axis=1).astype(np.float32)
        tables.append(
            pa.table(
                {
                    "observation.state": pa.FixedSizeListArray.from_arrays(pa.array(joints.ravel()), 2),
                    "timestamp": pa.array((np.arange(length) / FPS).astype(np.float32)),
                    "frame_index": np.arange(length),
                    "episode_index": np.full(length, episode),
                    "index": np.arange(length) + starts[episode],
                    "task_index": np.zeros(length, np.int64),
                }
            )
        )
    for part, table in (
        ("data/chunk-000/file-000", pa.concat_tables(tables)),
        (
            "meta/episodes/chunk-000/file-000",
            pa.table(
                {
                    "episode_index": np.arange(len(LENGTHS)),
                    "data/chunk_index": np.zeros(len(LENGTHS), np.int64),
                    "data/file_index": np.zeros(len(LENGTHS), np.int64),
                    "dataset_from_index": starts[:-1],
                    "dataset_to_index": starts[1:],
                    "length": np.array(LENGTHS),
                    f"videos/{CAMERA}/chunk_index": np.zeros(len(LENGTHS), np.int64),
                    f"videos/{CAMERA}/file_index": np.zeros(len(LENGTHS), np.int64),
                    f"videos/{CAMERA}/from_timestamp": (starts[:-1] / FPS).astype(np.float32),
                    f"videos/{CAMERA}/to_timestamp": (starts[1:] / FPS).astype(np.float32),
                }
            ),
        ),
        ("meta/tasks", pa.table({"task_index": [0], "__index_level_0__": ["walk"]})),
    ):
        path = root / f"{part}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, path)
    row = {"dtype": "int64", "shape": [1], "names": None}
    features = {
        "observation.state": {"dtype": "float32", "shape": [2], "names": {"motors": ["hip", "knee"]}},
        CAMERA: {"dtype": "video", "shape": [240, 320, 3], "info": {}},
        **dict.fromkeys(("timestamp", "frame_index", "episode_index", "index", "task_index"), row),
    }
    info = {"codebase_version": "v3.0", "fps": FPS, "features": features, "total_episodes": len(LENGTHS)}
    (root / "meta" / "info.json").write_text(json.dumps(info))
    return root


@pytest.fixture
def window(qtbot: QtBot, robot: Path) -> Iterator[MainWindow]:
    make_app("dark")
    made = MainWindow(with_sound=False)
    made.resize(1280, 900)
    made.show()
    made.parts.fit_panels()
    made.start(Opening(str(robot)), None, False)
    qtbot.waitUntil(lambda: made.record is not None and made.complete, timeout=15_000)
    yield made
    qtbot.waitUntil(lambda: made.player.thumbs is None or made.player.thumbs.idle, timeout=5000)
    made.close()
    made.deleteLater()


def shows(window: MainWindow, record_id: str) -> bool:
    return window.record is not None and window.record.id == record_id


def test_every_moment_of_a_fast_joint_and_enter_lands_on_its_frame(window: MainWindow, qtbot: QtBot) -> None:
    starts = np.concatenate(([0], np.cumsum(LENGTHS)))
    truth = [(episode, frame) for episode, frames in FAST.items() for frame in frames]
    window.actions_["sql"].trigger()
    panel = window.asking.panel
    assert panel is not None
    panel.head.lead_in.setValue(0)
    panel.editor.put(TOO_FAST)
    panel.run()
    qtbot.waitUntil(lambda: not panel.asking, timeout=15_000)
    assert panel.error.text() == ""
    assert panel.table.rows.rowCount() == len(truth)
    for row, (episode, frame) in enumerate(truth):
        panel.table.setFocus()
        panel.table.go_to(row)
        QTest.keyClick(panel.table, Qt.Key.Key_Return)
        record_id = str(panel.table.rows.value(row, 0))
        assert record_id.endswith(f"{episode:06d}")
        qtbot.waitUntil(partial(shows, window, record_id), timeout=5000)
        qtbot.waitUntil(lambda: window.complete and window.stage.all_settled, timeout=15_000)
        picture = window.stage.cameras[0].picture
        assert picture is not None
        assert films.picture_number(picture) == starts[episode] + frame
