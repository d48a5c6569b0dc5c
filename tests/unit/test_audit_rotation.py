"""A gyroscope with the film of its camera: late ones are told and mended, stabilised films refused."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest

from inspector.audit.rotation import gyro_channels
from inspector.audit.runner import Options
from inspector.core.findings import Finding, Status
from inspector.session import Session

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

FPS, LENGTH_S, RATE = 20, 14.0, 100
WIDTH, HEIGHT = 192, 96


def path_of(t: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """A smooth path of a hand, px."""
    rng = np.random.default_rng(seed)
    hz, phase = rng.uniform(0.2, 2.0, 10), rng.uniform(0, 2 * np.pi, 10)
    path: NDArray[np.float64] = 4.0 * (np.sin(2 * np.pi * hz * t[:, None] + phase) / hz).sum(axis=1)
    return path


def record(folder: Path, late_s: float, stabilised: bool) -> None:
    """A panned film, and the rates of the pan as a sensor that is late."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(1)
    scene = rng.normal(0, 1, (600, 900))
    for axis in (0, 1):
        scene = np.apply_along_axis(lambda row: np.convolve(row, np.hanning(15), "same"), axis, scene)
    scene = np.clip(128 + 40 * scene / scene.std(), 0, 255).astype(np.uint8)
    t = np.arange(0, LENGTH_S, 1 / FPS)
    x, y = (path_of(t, 7 if stabilised else 2), path_of(t, 8 if stabilised else 3))
    with av.open(str(folder / "cam.mp4"), "w") as box:
        track = box.add_stream("libx264", rate=FPS, options={"preset": "ultrafast", "crf": "20"})
        track.width, track.height, track.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for number in range(len(t)):
            top, left = 250 + round(y[number]), 350 + round(x[number])
            view = np.ascontiguousarray(scene[top : top + HEIGHT, left : left + WIDTH])
            frame = av.VideoFrame.from_ndarray(view, format="gray")
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            box.mux(track.encode(frame))
        box.mux(track.encode(None))
    at = np.arange(0, LENGTH_S, 1 / RATE)
    pan, tilt = (np.gradient(path_of(at - late_s, seed), 1 / RATE) for seed in (2, 3))
    noise = rng.normal(0, 0.5, (3, len(at)))
    rows = zip(at, pan + noise[0], tilt + noise[1], 0.3 * pan + noise[2], strict=True)
    lines = "".join(f"{a:.3f},{b:.4f},{c:.4f},{d:.4f}\n" for a, b, c, d in rows)
    (folder / "imu.csv").write_text("t,gyro_x,gyro_y,gyro_z\n" + lines)


def offset(root: Path) -> Finding:
    """What is said of the sensor's lateness."""
    with Session.open(root) as session:
        (found,) = session.audit(Options(("sensor.offset",))).findings()
    return found


@pytest.mark.parametrize("late_s", [0.3, -0.2])
def test_a_late_gyroscope_is_told_and_mended(tmp_path: Path, late_s: float) -> None:
    record(tmp_path / "data" / "one", late_s, False)
    found = offset(tmp_path / "data")
    assert found.status is Status.FAILED, found.message
    assert found.value is not None
    assert abs(found.value - late_s * 1000) < 500 / FPS
    assert "gyroscope and picture" in found.message
    assert found.fix is not None
    assert found.fix.offset_ns is not None
    assert abs(found.fix.offset_ns / 1e6 - late_s * 1000) < 500 / FPS


def test_a_stabilised_film_is_refused(tmp_path: Path) -> None:
    record(tmp_path / "data" / "one", 0.3, True)
    found = offset(tmp_path / "data")
    assert found.status is Status.NOT_MEASURABLE
    assert "gyroscope and picture" in found.message
    assert found.fix is None


def test_channels_of_a_gyroscope() -> None:
    assert gyro_channels(("acc_x", "gyro_x", "gyro_y", "gyro_z")) == [1, 2, 3]
    assert gyro_channels(("wx", "wy", "wz")) == [0, 1, 2]
    assert gyro_channels(("angular velocity x", "angular velocity y")) == [0, 1]
    assert gyro_channels(("flow_x", "pressure")) == []
