"""LeRobot made on the spot: what lies in which file, and every way in which it can be damaged."""

from __future__ import annotations

import json
import os
import random
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from inspector.core.model import Coverage, Dataset, Modality, Stream
from inspector.errors import InspectorError
from inspector.media.series import load_series
from inspector.readers.lerobot import LeRobotReader
from inspector.readers.lerobot_layout import Fence, Template, Tree
from inspector.readers.lerobot_meta import flatten, read_feature
from inspector.readers.lerobot_streams import frame_ns

if TYPE_CHECKING:
    from pathlib import Path

FPS = 25
LENGTHS = (7, 5, 9, 4, 6)
CAMERAS = ("observation.images.left", "observation.images.right")
DATA_FILE = (0, 0, 0, 1, 1)
CAMERA_FILE = {CAMERAS[0]: (0, 0, 1, 1, 1), CAMERAS[1]: (0, 0, 0, 0, 1)}


def grey(episode: int, frame: int) -> int:
    """The brightness that a frame of the test films has all over."""
    return 20 + 40 * episode + 4 * frame


def write_film(path: Path, greys: list[int], fps: int = FPS) -> None:
    """A film of one grey a frame."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as box:
        stream = box.add_stream("libx264", rate=fps)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.options = {"qp": "0"}  # with B-frames, so that files are not in the order of their times
        for value in greys:
            picture = np.full((48, 64, 3), value, np.uint8)
            box.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        box.mux(stream.encode())


def film_greys(path: Path, start_ns: int = 0, end_ns: int | None = None) -> list[int]:
    """The brightness of the frames that start in `[start_ns, end_ns)` of the file's time."""
    values = []
    with av.open(str(path)) as box:
        for frame in box.decode(video=0):
            assert frame.pts is not None
            assert frame.time_base is not None
            at = round(Fraction(frame.pts) * frame.time_base * 10**9)
            if at >= start_ns and (end_ns is None or at < end_ns):
                values.append(round(float(frame.to_ndarray(format="gray").mean())))
    return values


def columns(episode: int, length: int, first_index: int) -> dict[str, Any]:
    """The rows of one episode as a table's columns."""
    frames = np.arange(length)
    vectors = np.stack([frames + 100 * episode, -frames], axis=1).astype(np.float32)
    return {
        "observation.state": pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), 2),
        "action": pa.array([list(map(float, row)) for row in vectors], pa.list_(pa.float32())),
        "next.reward": pa.array(frames, pa.float32()),
        "next.done": pa.array(frames == length - 1),
        "subtask": pa.array([f"part {frame // 4}" for frame in frames]),
        "timestamp": pa.array((frames / FPS).astype(np.float32)),
        "frame_index": pa.array(frames),
        "episode_index": pa.array(np.full(length, episode)),
        "index": pa.array(frames + first_index),
        "task_index": pa.array(np.full(length, episode % 2)),
    }


def features() -> dict[str, Any]:
    """The features of info.json, each way of naming channels once."""
    row = {"dtype": "int64", "shape": [1], "names": None}
    return {
        "observation.state": {"dtype": "float32", "shape": [2], "names": {"motors": ["hip", "knee"]}},
        "action": {"dtype": "float32", "shape": [2], "names": [["hip", "knee"]]},
        "next.reward": {"dtype": "float32", "shape": [1], "names": None},
        "next.done": {"dtype": "bool", "shape": [1], "names": None},
        "subtask": {"dtype": "string", "shape": [1], "names": None},
        **{
            key: {"dtype": "video", "shape": [48, 64, 3], "info": {"video.is_depth_map": key == CAMERAS[1]}}
            for key in CAMERAS
        },
        **dict.fromkeys(("timestamp", "frame_index", "episode_index", "index", "task_index"), row),
    }


def write_info(root: Path, version: str, **changes: Any) -> None:
    """meta/info.json; a change to None leaves the key out."""
    info: dict[str, Any] = {"codebase_version": version, "fps": FPS, "features": features(), "chunks_size": 3}
    info = {key: value for key, value in (info | changes).items() if value is not None}
    (root / "meta").mkdir(parents=True, exist_ok=True)
    (root / "meta" / "info.json").write_text(json.dumps(info))


def jsonl(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture
def v21(tmp_path: Path) -> Path:
    """Five episodes, a file each, three to a chunk."""
    root = tmp_path / "v21"
    write_info(root, "v2.1", total_episodes=5)
    jsonl(
        root / "meta" / "episodes.jsonl",
        [
            {"episode_index": i, "tasks": [f"task {i % 2}"], "length": n, "operator": "ann"}
            for i, n in enumerate(LENGTHS)
        ],
    )
    jsonl(root / "meta" / "tasks.jsonl", [{"task_index": i, "task": f"task {i}"} for i in range(2)])
    first = 0
    for i, length in enumerate(LENGTHS):
        folder = root / f"data/chunk-{i // 3:03d}"
        folder.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table(columns(i, length, first)), folder / f"episode_{i:06d}.parquet")
        first += length
        for key in CAMERAS:
            film = root / f"videos/chunk-{i // 3:03d}/{key}/episode_{i:06d}.mp4"
            write_film(film, [grey(i, frame) for frame in range(length)])
    return root


@pytest.fixture
def v30(tmp_path: Path) -> Path:
    """The same five episodes in two data files and two films a camera, split at different places."""
    root = tmp_path / "v30"
    write_info(root, "v3.0", total_episodes=5)
    starts = np.concatenate(([0], np.cumsum(LENGTHS)))
    table: dict[str, Any] = {
        "episode_index": np.arange(5),
        "data/chunk_index": np.zeros(5, np.int64),
        "data/file_index": np.array(DATA_FILE),
        "dataset_from_index": starts[:-1],
        "dataset_to_index": starts[1:],
        "tasks": [[f"task {i % 2}"] for i in range(5)],
        "length": np.array(LENGTHS),
        "success": [True, True, False, True, True],
        "stats/action/min": [[0.0]] * 5,
    }
    for number in (0, 1):
        tables = [
            pa.table(columns(i, LENGTHS[i], int(starts[i]))) for i in range(5) if DATA_FILE[i] == number
        ]
        path = root / f"data/chunk-000/file-{number:03d}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.concat_tables(tables), path)
    for key, files in CAMERA_FILE.items():
        begin, end = [], []
        for i, length in enumerate(LENGTHS):
            before = sum(LENGTHS[j] for j in range(i) if files[j] == files[i])
            begin.append(np.float32(before / FPS))
            end.append(np.float32((before + length) / FPS))
        for number in (0, 1):
            greys = [grey(i, f) for i in range(5) if files[i] == number for f in range(LENGTHS[i])]
            write_film(root / f"videos/{key}/chunk-000/file-{number:03d}.mp4", greys)
        table[f"videos/{key}/chunk_index"] = np.zeros(5, np.int64)
        table[f"videos/{key}/file_index"] = np.array(files)
        table[f"videos/{key}/from_timestamp"] = np.array(begin)
        table[f"videos/{key}/to_timestamp"] = np.array(end)
    for number, rows in ((0, slice(0, 2)), (1, slice(2, 5))):
        path = root / f"meta/episodes/chunk-000/file-{number:03d}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table({key: pa.array(values[rows]) for key, values in table.items()}), path)
    tasks = pa.table({"task_index": [0, 1], "__index_level_0__": ["task 0", "task 1"]})
    pq.write_table(tasks, root / "meta" / "tasks.parquet")
    return root


@pytest.fixture(params=["v21", "v30"])
def either(request: pytest.FixtureRequest) -> Path:
    """The same episodes in each version."""
    root: Path = request.getfixturevalue(request.param)
    return root


def opened(root: Path) -> Dataset:
    assert LeRobotReader.claims(root)
    return LeRobotReader.open(root)


def lines(dataset: Dataset, record_id: str | None = None) -> str:
    """All problems of the dataset, or of a record, as text."""
    problems = dataset.problems if record_id is None else dataset.load(record_id).problems
    return "\n".join(map(str, problems))


def rewrite(path: Path, **changes: Any) -> None:
    """Replace columns of a Parquet file; None drops one."""
    table = pq.read_table(path)
    for name, values in changes.items():
        name = name.replace("__", "/")
        table = table.drop_columns([name]) if name in table.column_names else table
        if values is not None:
            table = table.append_column(name, pa.array(values))
    pq.write_table(table, path)


# --- what is there --------------------------------------------------------------------------------


def test_every_episode_is_a_record_with_its_own_frames_and_rows(either: Path) -> None:
    dataset = opened(either)
    assert dataset.problems == ()
    assert dataset.leftover == ()
    assert dataset.index.column("record_id").to_pylist() == [f"episode_{i:06d}" for i in range(5)]
    assert dataset.index.column("modalities").to_pylist() == [["video", "sensor"]] * 5
    assert dataset.index.column("length").to_pylist() == list(LENGTHS)
    assert dataset.index.column("tasks").to_pylist() == [f"task {i % 2}" for i in range(5)]
    for i, length in enumerate(LENGTHS):
        record = dataset.load(f"episode_{i:06d}")
        assert record.problems == ()
        assert record.reference == CAMERAS[0]
        ids = [stream.id for stream in record.streams]
        assert ids == [*CAMERAS, "observation.state", "action", "next.reward", "next.done"]
        assert record.coverage == {Modality.VIDEO: Coverage.PRESENT, Modality.SENSOR: Coverage.PRESENT}
        assert record.meta["tasks"] == (f"task {i % 2}",)
        assert record.meta["subtask"][0] == "part 0"
        for stream in record.streams:
            assert stream.clock.nominal
            assert stream.clock.id == f"nominal:episode_{i:06d}"
            assert stream.rate == FPS
            assert stream.span == (0, length * 40_000_000)
        for key in CAMERAS:
            stream = record.stream(key)
            assert stream.meta["frames"] == length
            assert (stream.meta["width"], stream.meta["height"]) == (64, 48)
            assert stream.meta["depth"] == (key == CAMERAS[1])
            source = stream.source
            seen = film_greys(source.path, source.start_ns or 0, source.end_ns)
            wanted = [grey(i, frame) for frame in range(length)]
            assert len(seen) == length
            assert np.abs(np.array(seen) - wanted).max() <= 2
        state = record.stream("observation.state")
        assert state.channels == ("hip", "knee")
        assert record.stream("next.reward").channels == ("next.reward",)
        assert own_rows(state)[:, 0].tolist() == [100.0 * i + frame for frame in range(length)]


def own_rows(stream: Stream) -> np.ndarray[Any, Any]:
    source = stream.source
    table = pq.read_table(source.path).slice(source.row_start or 0)
    if source.row_end is not None:
        table = table.slice(0, source.row_end - (source.row_start or 0))
    return np.array(table.column(source.columns[0]).to_pylist())


def test_series_are_read_as_addressed(either: Path) -> None:
    dataset = opened(either)
    for i, length in enumerate(LENGTHS):
        record = dataset.load(f"episode_{i:06d}")
        for stream in record.of(Modality.SENSOR):
            loaded = load_series(stream)
            assert len(loaded.t_ns) == length, stream.id
            assert abs(int(loaded.t_ns[-1]) - (length - 1) * 40_000_000) < 1000


def test_dataset_columns_leave_out_statistics_and_file_positions(v30: Path) -> None:
    names = opened(v30).index.column_names
    assert names == ["record_id", "modalities", "episode_index", "tasks", "length", "success"]


def test_dataset_columns_of_v2(v21: Path) -> None:
    assert opened(v21).index.column("operator").to_pylist() == ["ann"] * 5


def test_layout_says_that_the_clock_is_nominal(v21: Path, v30: Path) -> None:
    tail = "times are frame counts (nominal), not capture times"
    assert opened(v21).layout == f"LeRobot v2.1: 5 episodes at 25 fps, one file each; {tail}"
    assert opened(v30).layout == f"LeRobot v3.0: 5 episodes at 25 fps, many in one file; {tail}"


def test_the_dataset_is_not_written(either: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in either.rglob("*")}
    dataset = opened(either)
    for record_id in dataset.index.column("record_id").to_pylist():
        dataset.load(record_id)
    assert {path: path.stat().st_mtime_ns for path in either.rglob("*")} == before


@pytest.mark.parametrize("record_id", ["episode_000005", "episode_0", "episode_0000001", "", "../x"])
def test_an_unknown_record_is_refused(v30: Path, record_id: str) -> None:
    with pytest.raises(InspectorError, match="no such record"):
        opened(v30).load(record_id)


def test_leftover_are_files_of_no_episode(either: Path) -> None:
    orphan = sorted(either.glob("data/*/*.parquet"))[0].with_name("episode_000077.parquet")
    orphan.touch()
    (either / "README.md").touch()
    (either / ".gitattributes").touch()
    (either / ".inspector").mkdir()
    (either / ".inspector" / "x").touch()
    assert opened(either).leftover == ("README.md", "data/chunk-000/episode_000077.parquet")


def test_claims_only_lerobot(tmp_path: Path) -> None:
    assert not LeRobotReader.claims(tmp_path)
    (tmp_path / "meta").mkdir()
    (tmp_path / "meta" / "info.json").write_text('{"title": "x"}')
    assert not LeRobotReader.claims(tmp_path)


# --- missing and damaged files --------------------------------------------------------------------


def test_missing_files_are_absent_modalities(v21: Path) -> None:
    (v21 / f"videos/chunk-000/{CAMERAS[0]}/episode_000000.mp4").unlink()
    (v21 / f"videos/chunk-000/{CAMERAS[0]}/episode_000001.mp4").unlink()
    (v21 / f"videos/chunk-000/{CAMERAS[1]}/episode_000001.mp4").unlink()
    (v21 / "data/chunk-001/episode_000003.parquet").unlink()
    dataset = opened(v21)
    modalities = dataset.index.column("modalities").to_pylist()
    assert modalities[:4] == [["video", "sensor"], ["sensor"], ["video", "sensor"], ["video"]]
    record = dataset.load("episode_000001")
    assert record.coverage[Modality.VIDEO] is Coverage.ABSENT
    assert record.reference == "action"
    assert "left/episode_000001.mp4: video observation.images.left is missing" in str(record.problems[0])
    assert "still open" in record.problems[0].works
    assert dataset.load("episode_000000").coverage[Modality.VIDEO] is Coverage.PRESENT
    record = dataset.load("episode_000003")
    assert [stream.id for stream in record.streams] == list(CAMERAS)
    assert record.coverage[Modality.SENSOR] is Coverage.ABSENT


@pytest.mark.parametrize("kind", ["empty", "cut", "text"])
def test_damaged_files_leave_the_rest_open(either: Path, kind: str) -> None:
    def damage(path: Path) -> None:
        whole = path.read_bytes()
        path.write_bytes({"empty": b"", "cut": whole[: len(whole) // 2], "text": b"not found"}[kind])

    first = next(path for path in sorted(either.rglob("*.mp4")) if CAMERAS[0] in str(path))
    damage(first)
    damage(sorted(either.glob("data/*/*.parquet"))[0])
    record = opened(either).load("episode_000000")
    assert [stream.id for stream in record.streams] == [CAMERAS[1]]
    assert record.coverage[Modality.SENSOR] is Coverage.UNREADABLE
    text = lines(opened(either), "episode_000000")
    assert first.relative_to(either).as_posix() in text
    assert "is no complete Parquet file" in text
    assert f"{CAMERAS[1]} still opens" in text


def test_a_merged_film_that_ends_early(v30: Path) -> None:
    # Of the right camera's first film (episodes 0 to 3), 15 frames are left: 7, 5, and 3 of 9.
    greys = [grey(i, f) for i in range(4) for f in range(LENGTHS[i])]
    write_film(v30 / f"videos/{CAMERAS[1]}/chunk-000/file-000.mp4", greys[:15])
    dataset = opened(v30)
    assert dataset.load("episode_000001").problems == ()
    record = dataset.load("episode_000002")
    assert record.stream(CAMERAS[1]).span == (0, 3 * 40_000_000)
    assert record.stream(CAMERAS[1]).meta["truncated"] is True
    assert record.coverage[Modality.VIDEO] is Coverage.TRUNCATED
    assert "the video ends at 0.120 s of 0.360 s (6 frames are missing)" in lines(dataset, "episode_000002")
    record = dataset.load("episode_000003")
    assert CAMERAS[1] not in [stream.id for stream in record.streams]
    assert "the film ends at 0.600 s, before this episode's part (0.840 s)" in str(record.problems[0])


def test_a_film_of_other_length_or_rate_than_the_table(v21: Path) -> None:
    film = v21 / f"videos/chunk-000/{CAMERAS[0]}/episode_000000.mp4"
    write_film(film, [grey(0, f) for f in range(8)])
    write_film(film.with_name("episode_000001.mp4"), [grey(0, f) for f in range(5)], fps=20)
    write_film(film.with_name("episode_000002.mp4"), [grey(0, f) for f in range(8)])
    dataset = opened(v21)
    assert "the film has 8 frames, the table has 7" in lines(dataset, "episode_000000")
    assert dataset.load("episode_000000").stream(CAMERAS[0]).span == (0, 320_000_000)
    assert "runs at 20 frames a second, info.json says 25" in lines(dataset, "episode_000001")
    assert "(1 frames are missing)" in lines(dataset, "episode_000002")


def test_rows_are_settled_by_the_files_own_episode_index(v30: Path) -> None:
    path = v30 / "meta/episodes/chunk-000/file-000.parquet"
    rewrite(path, dataset_from_index=[0, 4], dataset_to_index=[7, 9])
    dataset = opened(v30)
    source = dataset.load("episode_000001").stream("action").source
    assert (source.row_start, source.row_end) == (7, 12)
    assert "its episode_index says rows 7 to 12, the episodes table 4 to 9" in lines(
        dataset, "episode_000001"
    )


def test_rows_by_count_where_the_file_says_nothing(v30: Path) -> None:
    rewrite(v30 / "data/chunk-000/file-001.parquet", episode_index=None)
    source = opened(v30).load("episode_000004").stream("action").source
    assert (source.row_start, source.row_end) == (4, 10)


def test_a_damaged_episodes_file_costs_the_films_only(v30: Path) -> None:
    (v30 / "meta/episodes/chunk-000/file-001.parquet").write_bytes(b"PAR1")
    dataset = opened(v30)
    assert "file-001.parquet: is no complete Parquet file" in lines(dataset)
    assert dataset.index.num_rows == 5
    record = dataset.load("episode_000004")
    assert own_rows(record.stream("action"))[0, 0] == 400
    assert record.meta["tasks"] == ("task 0",)
    assert "names no file for video" in lines(dataset, "episode_000004")
    assert dataset.load("episode_000001").problems == ()


def test_no_episodes_table_at_all(v30: Path, v21: Path) -> None:
    for path in (v30 / "meta/episodes").rglob("*.parquet"):
        path.unlink()
    (v21 / "meta/episodes.jsonl").unlink()
    assert opened(v30).index.column("length").to_pylist() == list(LENGTHS)
    dataset = opened(v21)
    assert "meta/episodes.jsonl: is missing" in lines(dataset)
    assert dataset.index.num_rows == 5
    assert len(dataset.load("episode_000004").streams) == 6


def test_broken_lines_are_passed_over(v21: Path) -> None:
    path = v21 / "meta/episodes.jsonl"
    kept = path.read_text().splitlines()
    kept[1] = kept[1][:20]
    path.write_text("\n".join([*kept[:3], "[1, 2]", *kept[3:]])[:-9])
    dataset = opened(v21)
    assert "3 of 6 lines are no JSON objects (line 2, 4, 6)" in lines(dataset)
    assert dataset.index.column("episode_index").to_pylist() == [0, 2, 3]
    assert "counts 5 episodes, 3 are listed" in lines(dataset)
    assert "data/chunk-000/episode_000001.parquet" in dataset.leftover


def test_odd_episode_rows(v21: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"episode_index": 2, "length": 9},
        {"episode_index": 2, "length": 3},
        {"episode_index": None, "length": 1},
        {"episode_index": -4, "length": 1},
        {"episode_index": 0, "tasks": "one text", "length": None},
    ]
    jsonl(v21 / "meta" / "episodes.jsonl", rows)
    dataset = opened(v21)
    assert dataset.index.column("episode_index").to_pylist() == [0, 2]
    assert dataset.index.column("length").to_pylist() == [None, 9]
    assert dataset.load("episode_000000").meta["tasks"] == ("one text",)
    assert dataset.load("episode_000000").problems == ()
    assert dataset.load("episode_000002").meta["tasks"] == ("task 0",)  # from task_index and tasks.jsonl
    assert "2 rows have no episode_index" in lines(dataset)
    assert "1 rows repeat an episode_index" in lines(dataset)


@pytest.mark.parametrize("stamp", [None, float("nan"), float("inf"), -1.0])
def test_an_unknown_place_in_the_film(v30: Path, stamp: float | None) -> None:
    path = v30 / "meta/episodes/chunk-000/file-000.parquet"
    rewrite(path, **{f"videos__{CAMERAS[0]}__from_timestamp": [0.0, stamp]})
    dataset = opened(v30)
    record = dataset.load("episode_000001")
    assert record.reference == CAMERAS[1]
    assert "it is not known where in the film" in str(record.problems[0])


def test_a_place_between_two_frames_or_of_other_length(v30: Path) -> None:
    path = v30 / "meta/episodes/chunk-000/file-000.parquet"
    rewrite(path, **{f"videos__{CAMERAS[0]}__from_timestamp": [0.0, 0.30]})
    rewrite(path, **{f"videos__{CAMERAS[1]}__to_timestamp": [0.28, 0.40]})
    text = lines(opened(v30), "episode_000001")
    assert "from_timestamp 0.300000 s lies between two frames" in text
    assert "its part of the film is 3 frames long, the table has 5" in text


# --- info.json ------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["chunks_size", "data_path", "video_path", "fps", "features"])
def test_missing_keys_of_info(either: Path, key: str) -> None:
    version = "v3.0" if either.name == "v30" else "v2.1"
    write_info(either, version, **({key: None}))
    dataset = opened(either)
    record = dataset.load("episode_000004")
    assert own_rows(record.stream("action"))[0, 0] == 400
    film = record.stream(CAMERAS[0])
    assert len(film_greys(film.source.path, film.source.start_ns or 0, film.source.end_ns)) == 6
    if key in ("fps", "features"):
        assert f"meta/info.json: {key} is missing" in lines(dataset)


HOSTILE = [
    "{0.__class__}",
    "{episode_index.__class__.__mro__}",
    "data/{episode_index!r}-{file_index!r}.parquet",
    "../{episode_index}{file_index}.parquet",
    "data/../../{file_index:03d}{episode_index:06d}",
    "/etc/{file_index}{episode_index}",
    "data/{episode_index:999999999d}{file_index:999999999d}",
    "data/{episode_index:{episode_index}}",
    "data/{episode_index",
    "data/x.parquet",
    "{}",
    "data/{video_key:>9}/{episode_index}{file_index}",
    "data/\0{episode_index}",
    "",
    ["data"],
    7,
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_templates_are_refused(either: Path, text: object) -> None:
    write_info(either, "v3.0" if either.name == "v30" else "v2.1", data_path=text, video_path=text)
    dataset = opened(either)
    assert "LeRobot's own layout is tried instead" in lines(dataset)
    assert len(dataset.load("episode_000000").streams) == 6


@pytest.mark.parametrize("key", ["../../secret", "/etc", "a/../../..", "..", "x\0y"])
def test_hostile_feature_names(either: Path, key: str) -> None:
    described = {**features(), key: {"dtype": "video", "shape": [1]}}
    write_info(either, "v3.0" if either.name == "v30" else "v2.1", features=described)
    names = {f"videos__{key}__{name}_index": [0, 0] for name in ("chunk", "file")}
    if either.name == "v30" and "\0" not in key:
        rewrite(either / "meta/episodes/chunk-000/file-000.parquet", **names)
    record = opened(either).load("episode_000000")
    assert len(record.streams) == 6
    assert all(stream.source.path.resolve().is_relative_to(either) for stream in record.streams)
    assert len(record.problems) == 1


def test_links_are_followed_inside_the_root_only(v21: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside.mp4"
    film = v21 / f"videos/chunk-000/{CAMERAS[0]}/episode_000000.mp4"
    film.rename(outside)
    film.symlink_to(outside)
    moved = film.with_name("episode_000001.mp4").rename(v21 / "elsewhere.mp4")
    film.with_name("episode_000001.mp4").symlink_to(moved)
    film.with_name("episode_000002.mp4").unlink()
    film.with_name("episode_000002.mp4").symlink_to("episode_000002.mp4")
    (v21 / "round").symlink_to(v21)
    (v21 / "far").symlink_to(tmp_path)
    dataset = opened(v21)
    assert "episode_000000.mp4: a link that leads out" in lines(dataset)
    assert "far: a link that leads out" in lines(dataset)
    assert "is not opened" in lines(dataset, "episode_000000")
    assert dataset.load("episode_000001").stream(CAMERAS[0]).span == (0, 200_000_000)
    assert [s.id for s in dataset.load("episode_000002").of(Modality.VIDEO)] == [CAMERAS[1]]


def test_a_hub_snapshot_reaches_its_blobs(v30: Path, tmp_path: Path) -> None:
    blobs = tmp_path / "datasets--x" / "blobs"
    root = tmp_path / "datasets--x" / "snapshots" / "abc"
    blobs.mkdir(parents=True)
    for number, path in enumerate(sorted(path for path in v30.rglob("*") if path.is_file())):
        link = root / path.relative_to(v30)
        link.parent.mkdir(parents=True, exist_ok=True)
        path.rename(blobs / str(number))
        link.symlink_to(os.path.relpath(blobs / str(number), link.parent))
    dataset = opened(root)
    assert dataset.problems == ()
    assert dataset.leftover == ()
    assert dataset.load("episode_000004").problems == ()


@pytest.mark.parametrize(
    ("content", "match"),
    [
        ('{"codebase_version": "v2.1", ', "cannot be read"),
        ('["codebase_version"]', "is no object"),
        ('{"codebase_version": "v1.6"}', "v1.6 is not read"),
        ('{"codebase_version": null}', "is not read"),
        ('{"codebase_version": "v99999"}', "is not read"),
    ],
)
def test_an_info_that_cannot_be_used(v21: Path, content: str, match: str) -> None:
    (v21 / "meta/info.json").write_text(content)
    with pytest.raises(InspectorError, match=match):
        opened(v21)


def test_random_info_never_crashes(v30: Path, v21: Path) -> None:
    draw = random.Random(5)
    values: list[Any] = [None, 0, -1, 1e308, "x", [], {}, True, [[["a"]]], {"a": {"b": 1}}, 10**30]
    keys = ["fps", "features", "chunks_size", "data_path", "video_path", "total_episodes", "robot_type"]
    for _ in range(60):
        changes: dict[str, Any] = {key: draw.choice(values) for key in draw.sample(keys, 3)}
        if draw.random() < 0.5:
            described = features()
            described[draw.choice(list(described))] = draw.choice(values)
            described["action"][draw.choice(["dtype", "shape", "names", "info"])] = draw.choice(values)
            changes["features"] = described
        for root, version in ((v30, "v3.0"), (v21, "v2.1")):
            write_info(root, version, **changes)
            record = opened(root).load("episode_000002")
            assert {stream.modality for stream in record.streams} <= {Modality.VIDEO, Modality.SENSOR}


def test_features_that_are_not_shown_are_named(v21: Path) -> None:
    described = {
        **features(),
        "observation.image": {"dtype": "image", "shape": [4, 4, 3]},
        "grid": {"dtype": "float32", "shape": [2, 3]},
        "language_persistent": {"dtype": "language", "shape": [1]},
    }
    write_info(v21, "v2.1", features=described)
    text = lines(opened(v21))
    assert "the pictures of observation.image are stored one by one and are not shown yet" in text
    assert "not shown yet: grid (float32), language_persistent (language)" in text
    assert opened(v21).load("episode_000000").problems == ()


def test_a_declared_column_that_is_not_there(v21: Path) -> None:
    rewrite(v21 / "data/chunk-000/episode_000001.parquet", action=["text"] * 5, **{"next.reward": None})
    text = lines(opened(v21), "episode_000001")
    assert "has no column next.reward" in text
    assert "action is string, not numbers" in text


def test_too_few_rows(v21: Path) -> None:
    path = v21 / "data/chunk-000/episode_000000.parquet"
    pq.write_table(pq.read_table(path).slice(0, 4), path)
    record = opened(v21).load("episode_000000")
    assert record.coverage[Modality.SENSOR] is Coverage.TRUNCATED
    assert record.stream("action").span == (0, 160_000_000)
    assert "has 4 rows, the episodes table counts 7" in str(record.problems[0])


# --- sound ----------------------------------------------------------------------------------------


def test_sound_features(v21: Path) -> None:
    described = {**features(), "observation.audio.mic": {"dtype": "audio", "shape": [1]}}
    write_info(
        v21, "v2.1", features=described, audio_path="audio/{audio_key}/episode_{episode_index:06d}.wav"
    )
    for i, length in enumerate(LENGTHS):
        path = v21 / f"audio/observation.audio.mic/episode_{i:06d}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        with av.open(str(path), "w") as box:
            stream = box.add_stream("pcm_s16le", rate=8000, layout="mono")
            samples = np.zeros((1, length * 320), np.int16)
            frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
            frame.sample_rate = 8000
            box.mux(stream.encode(frame))
            box.mux(stream.encode())
    dataset = opened(v21)
    assert dataset.leftover == ()
    sound = dataset.load("episode_000004").stream("observation.audio.mic")
    assert (sound.modality, sound.rate, sound.span) == (Modality.AUDIO, 8000, (0, 240_000_000))
    assert sound.clock.nominal
    assert dataset.index.column("modalities").to_pylist()[0] == ["video", "audio", "sensor"]


def test_promised_sound_that_a_film_lacks(v21: Path) -> None:
    described = features()
    described[CAMERAS[0]]["info"]["has_audio"] = True
    write_info(v21, "v2.1", features=described)
    record = opened(v21).load("episode_000000")
    assert record.coverage[Modality.AUDIO] is Coverage.EMPTY
    assert "holds no audio track" in str(record.problems[0])


# --- parts ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("fps", [Fraction(30), Fraction(25), Fraction(15), Fraction("29.97"), Fraction(200)])
def test_stamps_snap_to_frames(fps: Fraction) -> None:
    frames = np.arange(0, 100_000, 37)
    for frame in frames.tolist():
        exact = round(frame * 10**9 / fps)
        assert frame_ns(float(np.float64(frame) / float(fps)), fps) == (exact, True)
    single = np.float32(353 / float(fps))  # float32, as the files hold it
    assert frame_ns(float(single), fps) == (round(353 * 10**9 / fps), True)


def test_stamps_between_frames_stay() -> None:
    assert frame_ns(0.05, Fraction(30)) == (50_000_000, False)
    assert frame_ns(0.05, None) == (50_000_000, True)


@pytest.mark.parametrize(
    ("names", "flat"),
    [
        (None, []),
        (["a", "b"], ["a", "b"]),
        ([["a"], ["b", "c"]], ["a", "b", "c"]),
        ({"motors": ["a", "b"]}, ["a", "b"]),
        ({"axes": {"x": 0, "y": 1}}, ["x", "y"]),
        ({"x": 0, "y": 1}, ["x", "y"]),
        ("a", ["a"]),
    ],
)
def test_channel_names(names: object, flat: list[str]) -> None:
    assert flatten(names) == flat


def test_channels_are_numbered_where_names_do_not_fit() -> None:
    problems: list[Any] = []
    plain = {"dtype": "float32", "shape": [3], "names": ["a", "a", "b"]}
    assert read_feature("f", plain, problems).channels == ("f[0]", "f[1]", "f[2]")
    assert "3 names (some twice) for 3 values" in str(problems[0])
    assert read_feature("f", {"dtype": "float32", "shape": [3]}, problems).channels[2] == "f[2]"
    assert len(problems) == 1


def test_a_template_finds_what_it_makes(tmp_path: Path) -> None:
    template = Template.parse(
        "./v/{video_key}/{chunk_index:d}+{chunk_index}/f {file_index:03d}(1).mp4", "chunk_index", "file_index"
    )
    for chunk, number in ((0, 0), (12, 7), (3, 12345)):
        path = tmp_path / template.path("a.b", chunk, number)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "v/a.b/0+0/f 1(1).mp4").touch()  # too few digits
    tree = Tree(Fence(tmp_path))
    pairs = {
        (int(chunk), int(number))
        for found in tree.find(template, "a.b")
        for chunk, number in zip(found.chunk, found.number, strict=True)
    }
    assert pairs == {(0, 0), (12, 7), (3, 12345)}
    assert tree.keys(template) == ["a.b"]
    assert not list(tree.find(template, "aXb"))
