"""Real gaze: a Tobii recording's gaze against the film of the eyes, moved by known amounts (A23).

Its scene film is not among the samples, so what it is held against is the film that the gaze was made from;
the gyroscope of the same glasses does not show in that film, and has to be refused.
"""

from __future__ import annotations

import gzip
import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from inspector.audit.runner import Options
from inspector.session import Session

if TYPE_CHECKING:
    from pathlib import Path

SEGMENT = "demo_data/projects/raoscyb/recordings/gzz7stc/segments/1"
LATE_MS = (0, 200, -400)
HALF_A_FRAME_MS = 10.0


def put(folder: Path, rows: list[dict[str, Any]], name: str, key: str, late_ms: int) -> None:
    """One kind of packet as a CSV, on the clock of the eye film: its packets give both times."""
    first = next(row for row in rows if "evts" in row)
    zero = first["ts"] - first["evts"]
    lines = sorted((row["ts"], row[key]) for row in rows if key in row and row.get("s", 0) == 0)
    columns = ",".join(f"{name}_{axis}" for axis in "xyz"[: len(lines[0][1])])
    told = [
        ",".join([f"{(at - zero) / 1e6 + late_ms / 1000:.6f}", *(f"{each:.5f}" for each in values)])
        for at, values in lines
    ]
    (folder / f"{name}.csv").write_text("\n".join([f"t_s,{columns}", *told, ""]))


def test_gaze_is_measured_against_the_film_of_the_eyes(samples: Path, tmp_path: Path) -> None:
    segment = samples / "tobii_glasses2" / SEGMENT
    with gzip.open(segment / "livedata.json.gz", "rt") as file:
        rows = [json.loads(line) for line in file]
    for late in LATE_MS:
        folder = tmp_path / "data" / f"late {late}"
        folder.mkdir(parents=True)
        shutil.copyfile(segment / "eyesstream.mp4", folder / "eyes.mp4")
        put(folder, rows, "gaze", "gp", late)
        put(folder, rows, "gyro", "gy", late)
    with Session.open(tmp_path / "data") as session:
        found = list(session.audit(Options(("sensor.offset",))).findings())
    told = {(each.record_id, each.streams[0]): each for each in found}
    for late in LATE_MS:
        gaze, gyro = told[f"late {late}", "gaze"], told[f"late {late}", "gyro"]
        assert gaze.value == pytest.approx(late, abs=HALF_A_FRAME_MS)
        assert gaze.status.value == ("suspect" if late else "ok")  # by motion alone nothing is mended
        assert gyro.status.value == "not_measurable"
