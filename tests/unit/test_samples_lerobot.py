"""LeRobot datasets from the world: one G1 recording in both versions."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import av
import numpy as np
import pyarrow.parquet as pq
import pytest

from inspector.core.model import Coverage, Modality
from inspector.media.series import load_series
from inspector.readers.lerobot import LeRobotReader

if TYPE_CHECKING:
    from pathlib import Path

    from inspector.core.model import Dataset

FRAMES = (393, 343, 357, 368)
V21_EPISODE = (1, 2, 4, 5)
"""Which episode of the v2.1 sample each of the v3.0 sample was made from."""
FILM = "observation.images.cam_high"


@pytest.fixture(scope="module")
def v30(samples: Path) -> Dataset:
    return LeRobotReader.open(samples / "lerobot_v30_unitree_g1")


@pytest.fixture(scope="module")
def v21(samples: Path) -> Dataset:
    return LeRobotReader.open(samples / "lerobot_v21_unitree_g1")


def frame_times(path: Path) -> list[int]:
    """The time in ns of every frame, by its pts, in the order of showing."""
    with av.open(str(path)) as box:
        track = box.streams.video[0]
        assert track.time_base is not None
        base = Fraction(track.time_base)
        times = [packet.pts for packet in box.demux(track) if packet.pts is not None]
    return sorted(round(pts * base * 10**9) for pts in times)


def first_picture(path: Path, start_ns: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """The first picture that starts at or after a time."""
    with av.open(str(path)) as box:
        track = box.streams.video[0]
        assert track.time_base is not None
        box.seek(int(start_ns // 1000))
        for frame in box.decode(track):
            assert frame.pts is not None
            if round(frame.pts * Fraction(track.time_base) * 10**9) >= start_ns - 1000:
                return frame.to_ndarray(format="gray").astype(np.uint8)
    raise AssertionError("no frame")


def test_v30_lists_four_records(v30: Dataset) -> None:
    assert v30.index.column("record_id").to_pylist() == [f"episode_{i:06d}" for i in range(4)]
    assert v30.index.column("length").to_pylist() == list(FRAMES)
    assert v30.problems == ()
    assert v30.leftover == ("LICENSE", "MANIFEST.md")
    assert "4 episodes at 30 fps, many in one file; times are frame counts (nominal)" in v30.layout


def test_each_part_of_the_merged_film_is_one_episode(v30: Dataset, v21: Dataset) -> None:
    path = v30.load("episode_000000").stream(FILM).source.path
    times = np.array(frame_times(path))
    assert len(times) == sum(FRAMES)
    before = 0
    for number, frames in enumerate(FRAMES):
        record = v30.load(f"episode_{number:06d}")
        stream = record.stream(FILM)
        start, end = stream.source.start_ns, stream.source.end_ns
        assert start is not None
        assert end is not None
        assert abs(start - int(times[before])) <= 1
        assert int(((times >= start - 1000) & (times < end - 1000)).sum()) == frames
        assert stream.meta["frames"] == frames
        assert stream.span == (0, end - start)
        # The same picture as the unmerged film begins with, and not its neighbour before.
        alone = v21.load(f"episode_{V21_EPISODE[number]:06d}").stream(FILM).source.path
        wanted = first_picture(alone, 0).astype(int)
        assert np.abs(first_picture(path, start).astype(int) - wanted).mean() < 0.5
        before += frames


def test_rows_are_the_unmerged_files_rows(v30: Dataset, v21: Dataset) -> None:
    for number, frames in enumerate(FRAMES):
        record = v30.load(f"episode_{number:06d}")
        source = record.stream("observation.state").source
        assert source.row_start is not None
        assert source.row_end is not None
        assert source.row_end - source.row_start == frames
        merged = pq.read_table(source.path, columns=["observation.state", "timestamp"])
        mine = merged.slice(source.row_start, frames)
        alone = v21.load(f"episode_{V21_EPISODE[number]:06d}").stream("observation.state").source.path
        theirs = pq.read_table(alone, columns=["observation.state", "timestamp"])
        assert mine.to_pylist() == theirs.to_pylist()


def test_streams_of_a_record(v30: Dataset) -> None:
    record = v30.load("episode_000002")
    assert [stream.id for stream in record.streams] == [FILM, "observation.state", "action"]
    assert record.reference == FILM
    assert record.problems == ()
    assert {stream.clock.id for stream in record.streams} == {"nominal:episode_000002"}
    assert all(stream.clock.nominal for stream in record.streams)
    assert len({stream.span for stream in record.streams}) == 1
    action = record.stream("action")
    assert len(action.channels) == 26
    assert action.channels[0] == "kLeftShoulderPitch"
    assert record.meta["tasks"] == ("Pick up the yellow bottle on the table.",)
    assert record.stream(FILM).meta["codec"] == "av1"


def test_v21_lists_what_is_missing_as_absent(v21: Dataset) -> None:
    assert v21.index.num_rows == 100
    assert v21.problems == ()
    assert v21.leftover == ("LICENSE", "MANIFEST.md", "README.md")
    modalities = v21.index.column("modalities").to_pylist()
    assert [i for i, names in enumerate(modalities) if "video" in names] == list(V21_EPISODE)
    assert [i for i, names in enumerate(modalities) if "sensor" in names] == list(range(6))
    for number in (*range(8), 99):
        record = v21.load(f"episode_{number:06d}")
        film, rows = number in V21_EPISODE, number < 6
        assert (record.coverage[Modality.VIDEO] is Coverage.PRESENT) == film
        assert (record.coverage[Modality.SENSOR] is Coverage.PRESENT) == rows
        assert len(record.problems) == (not film) + (not rows)
        assert all("is missing" in problem.message for problem in record.problems)


def test_series_of_every_present_table(v30: Dataset, v21: Dataset) -> None:
    for dataset, numbers in ((v30, range(4)), (v21, range(6))):
        for number in numbers:
            record = dataset.load(f"episode_{number:06d}")
            stream = record.stream("observation.state")
            loaded = load_series(stream)
            assert len(loaded.t_ns) == record.meta["length"]
            assert abs(int(loaded.t_ns[0])) == 0
