"""LeRobot v3.0: what its loader checks, and that records open again as what was effective on its grid."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from films import make_film, steady
from hypothesis import HealthCheck, given, settings
from releases import (
    FILES,
    Made,
    assert_flips_are_named,
    assert_mask_and_origins,
    decide,
    export,
    generate,
    hub_loader,
    made,
)

from inspector.core import manifest
from inspector.core.model import Modality
from inspector.core.times import NS
from inspector.errors import InspectorError
from inspector.media.frames import frame_index
from inspector.media.series import load_series
from inspector.release.verify import verify
from inspector.release.writers.lerobot_tables import stats_of
from inspector.session import Session

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RECORDS = [
    Made("one", FILES, 120),
    Made("two", ("cam.mp4", "words.vtt"), 0, "test", 1),
    Made("three", FILES, -40, "train", 2),
]
TOLERANCE_S = 1e-4
"""Of LeRobotDataset, unless it is told another."""


@pytest.fixture(autouse=True)
def quiet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub_loader(tmp_path / "cache", monkeypatch)


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with Session.open(generate(tmp_path / "data", RECORDS), author="ann") as opened:
        decide(opened, RECORDS)
        yield opened


def hub_features(features: dict[str, Any]) -> Any:
    """As `get_hf_features_from_features` of lerobot/datasets/feature_utils.py makes them."""
    import datasets

    found = {}
    for key, feature in features.items():
        if feature["dtype"] == "video":
            continue
        value = datasets.Value(feature["dtype"])
        shape = tuple(feature["shape"])
        found[key] = value if shape == (1,) else datasets.Sequence(value, length=shape[0])
        assert len(shape) == 1
    return datasets.Features(found)


def assert_the_loader_takes_it(out: Path, cache: Path) -> dict[str, Any]:
    """What LeRobotDatasetMetadata and DatasetReader read and rely on (lerobot 0.4, codebase v3.0)."""
    import datasets

    info: dict[str, Any] = json.loads((out / "meta/info.json").read_text())
    assert info["codebase_version"] == "v3.0"
    assert info["fps"] > 0
    assert info["chunks_size"] > 0
    assert not any("/" in key for key in info["features"])
    tasks = pd.read_parquet(out / "meta/tasks.parquet")
    assert list(tasks.index) == list(dict.fromkeys(tasks.index))
    assert tasks["task_index"].to_list() == list(range(info["total_tasks"]))
    listed = sorted((out / "meta/episodes").glob("*/*.parquet"))
    episodes = datasets.Dataset.from_parquet([str(each) for each in listed], cache_dir=str(cache / "e"))
    assert len(episodes) == info["total_episodes"]
    assert info["splits"] == {"train": f"0:{info['total_episodes']}"}
    paths = sorted((out / "data").glob("*/*.parquet"))
    rows = datasets.Dataset.from_parquet(
        [str(each) for each in paths], features=hub_features(info["features"]), cache_dir=str(cache / "d")
    )
    assert len(rows) == info["total_frames"]
    index = np.array(rows["index"])
    assert (index == np.arange(len(rows))).all()
    frame, stamp = np.array(rows["frame_index"]), np.array(rows["timestamp"])
    assert np.abs(stamp - frame / info["fps"]).max() < TOLERANCE_S
    assert set(rows["task_index"]) <= set(tasks["task_index"])
    at = 0
    for number, episode in enumerate(episodes):
        assert episode["episode_index"] == number
        start, end = episode["dataset_from_index"], episode["dataset_to_index"]
        assert (start, end - start) == (at, episode["length"])
        assert set(np.array(rows["episode_index"])[start:end]) == {number}
        assert (frame[start:end] == np.arange(end - start)).all()
        assert set(episode["tasks"]) <= set(tasks.index)
        place = {"chunk_index": episode["data/chunk_index"], "file_index": episode["data/file_index"]}
        assert (out / info["data_path"].format(**place)).is_file()
        for key, feature in info["features"].items():
            if feature["dtype"] == "video":
                _assert_frames_are_there(out, info, key, episode, stamp[start:end])
        at = end
    stats = json.loads((out / "meta/stats.json").read_text())
    for key, feature in info["features"].items():
        if feature["dtype"] == "video":
            assert np.shape(stats[key]["mean"]) == np.shape(stats[key]["std"]) == (3, 1, 1)
            assert (np.array(stats[key]["min"]) < stats[key]["mean"]).all()
        else:
            assert len(stats[key]["mean"]) == len(stats[key]["std"]) == feature["shape"][0]
    return info


def _assert_frames_are_there(out: Path, info: dict[str, Any], key: str, episode: Any, stamps: Any) -> None:
    """As `decode_video_frames` asks: every query has a frame within the tolerance."""
    place = {name: episode[f"videos/{key}/{name}"] for name in ("chunk_index", "file_index")}
    path = out / info["video_path"].format(video_key=key, **place)
    held = frame_index(path, 0).start_ns / NS
    wanted = episode[f"videos/{key}/from_timestamp"] + stamps
    assert np.abs(held[:, None] - wanted[None, :]).min(axis=0).max() < TOLERANCE_S
    length = episode[f"videos/{key}/to_timestamp"] - episode[f"videos/{key}/from_timestamp"]
    assert length == pytest.approx(len(stamps) / info["fps"], abs=TOLERANCE_S)


def assert_same_on_the_grid(session: Session, out: Path, fixes: str) -> None:
    """Of sensors the sample that lay nearest to each frame; all else as it was where no file was made."""
    with Session.open(out) as again:
        assert again.dataset.reader == "release"
        for record_id in again.record_ids():
            one, other = session.record(record_id), again.record(record_id)
            assert other.problems == ()
            assert [each.id for each in other.streams] == [each.id for each in one.streams]
            spans = [(label.id, label.label) for label in one.annotations]
            assert [(label.id, label.label) for label in other.annotations] == spans
            for stream, there in zip(one.streams, other.streams, strict=True):
                assert there.origin == stream.origin
                if stream.modality is not Modality.SENSOR and fixes == "files":
                    continue
                if stream.modality is not Modality.SENSOR:
                    assert (there.span, there.timemap) == (stream.span, stream.timemap)
                    assert there.source.path.read_bytes() == stream.source.path.read_bytes()
                    continue
                before, after = load_series(stream), load_series(there)
                times = there.timemap.to_reference_array(after.t_ns)
                own = stream.timemap.to_reference_array(before.t_ns)
                assert after.channels == before.channels
                for time, values in zip(times, after.values, strict=True):
                    near = np.abs(own - time)
                    close = before.values[near <= near.min() + 1000].astype(np.float32)
                    outside = near.min() > before.step_ns + 1000  # stamps are float32
                    assert np.isnan(values).all() if outside else (close == values).all(axis=1).any()
    found = verify(out)
    assert found.differences == ()


@pytest.mark.parametrize("fixes", ["files", "manifest"])
@settings(max_examples=2, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(records=made())
def test_what_is_opened_again_is_what_was_effective_at_the_frames(
    fixes: str, records: list[Made], tmp_path_factory: pytest.TempPathFactory
) -> None:
    home = tmp_path_factory.mktemp("round")
    with Session.open(generate(home / "data", records), author="ann") as session:
        decide(session, records)
        card = export(session, home / "out", form="lerobot", fixes=fixes)
        assert_same_on_the_grid(session, home / "out", fixes)
        films = [each for each in records if "cam.mp4" in each.files]
        assert card.records == len(films)
        if len(films) == len(records):
            assert_mask_and_origins(session, home / "out")
        else:
            assert any("left out" in each for each in card.lost)


def test_the_loader_takes_what_was_written(session: Session, tmp_path: Path) -> None:
    card = export(session, tmp_path / "out", form="lerobot")
    info = assert_the_loader_takes_it(tmp_path / "out", tmp_path / "cache")
    assert info["fps"] == 10
    assert list(info["features"]) == [
        *("observation.imu", "timestamp", "frame_index", "episode_index", "index", "task_index"),
        "observation.images.cam",
    ]
    assert any("no labels" in each for each in card.lost)
    assert any("NaN" in each for each in card.lost)
    rows = pq.read_table(tmp_path / "out/meta/episodes/chunk-000/file-000.parquet").to_pylist()
    assert [(row["record_id"], row["split"]) for row in rows] == [
        *(("one", "train"), ("two", "test"), ("three", "train"))
    ]


def test_a_real_dataset_comes_back_row_by_row_and_frame_by_frame(samples: Path, tmp_path: Path) -> None:
    with Session.open(samples / "lerobot_v30_unitree_g1") as session:
        ids = session.record_ids()
        export(session, tmp_path / "out", form="lerobot", where=f"record_id <> '{ids[1]}'")
        info = assert_the_loader_takes_it(tmp_path / "out", tmp_path / "cache")
        assert info["fps"] == 30
        # What LeRobot's own converter found in these films, of another choice of frames and a fourth episode.
        key = "observation.images.cam_high"
        own, ours = (
            json.loads((root / "meta/stats.json").read_text())[key]
            for root in (session.root, tmp_path / "out")
        )
        np.testing.assert_allclose(ours["mean"], own["mean"], atol=0.02)
        np.testing.assert_allclose(ours["std"], own["std"], atol=0.03)
        with (
            Session.open(tmp_path / "out") as again,
            Session.open(tmp_path / "out", reader="lerobot") as plain,
        ):
            kept = [ids[0], *ids[2:]]
            assert again.record_ids() == kept
            assert not plain.dataset.problems
            for record_id, number in zip(kept, plain.record_ids(), strict=True):
                record = session.record(record_id)
                for other in (again.record(record_id), plain.record(number)):
                    assert not other.problems
                    assert [each.id for each in other.streams] == [each.id for each in record.streams]
                    for one, two in zip(record.streams, other.streams, strict=True):
                        assert one.span == two.span
                        if one.modality is Modality.VIDEO:
                            a, b = (each.source for each in (one, two))
                            assert (a.start_ns, a.end_ns) == (b.start_ns, b.end_ns)
                        else:
                            a_rows, b_rows = load_series(one), load_series(two)
                            assert (a_rows.values == b_rows.values).all()
                            assert a_rows.channels == b_rows.channels
            assert plain.index.column("tasks").to_pylist() == [
                task
                for each, task in zip(ids, session.index.column("tasks").to_pylist(), strict=True)
                if each in kept
            ]


def test_one_flipped_bit_is_found_and_named_by_record_and_sensor(session: Session, tmp_path: Path) -> None:
    export(session, tmp_path / "out", form="lerobot")
    assert assert_flips_are_named(tmp_path / "out", 11, 4) >= 60
    rows = pq.read_table(manifest.table_path(tmp_path / "out", "assets")).to_pylist()
    held = [row for row in rows if row["within"] is not None]
    assert [row["records"] for row in held] == [["one"], ["three"]]
    assert all(row["path"].endswith("observation.imu") for row in held)


def test_a_film_of_another_rate_is_left_out_and_told_or_refused(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from inspector.release.writers import lerobot_grid

    times = lerobot_grid._times
    late = session.record("three").stream("cam#video").source.path

    def odd(stream: Any) -> Any:
        found = times(stream)
        return found + (np.arange(len(found)) % 2) * 10**6 if stream.source.path == late else found

    monkeypatch.setattr(lerobot_grid, "_times", odd)
    card = export(session, tmp_path / "out", form="lerobot", fixes="manifest")
    assert card.records == 2
    assert any("do not come at 10 a second" in each for each in card.lost)
    bare: dict[str, Any] = {
        "modalities": frozenset(["video"]),
        "authors": frozenset(["nobody"]),
        "split": None,
    }
    bare |= {"fixes": "manifest"}
    with pytest.raises(InspectorError, match=r"cannot carry everything.*three"):
        export(session, tmp_path / "strict", form="lerobot", strict=True, **bare)
    with pytest.raises(InspectorError, match="No record could be exported"):
        export(session, tmp_path / "none", form="lerobot", records=("three",), fixes="manifest")


def test_what_was_sampled_is_hashed_where_it_lies(session: Session, tmp_path: Path) -> None:
    export(session, tmp_path / "out", form="lerobot", hashes="coded", fixes="manifest")
    rows = pq.read_table(tmp_path / "out/manifest/hashes.parquet").to_pylist()
    assert {row["stream_id"] for row in rows} == {"cam#audio", "cam#video", "voice", "words", "imu"}
    assert [row["problem"] for row in rows] == [None] * len(rows)


def test_the_cameras_that_most_records_have_are_the_features(tmp_path: Path) -> None:
    records = [Made("one", FILES), Made("two", ("cam.mp4", "imu.csv")), Made("three", ("cam.mp4",))]
    root = generate(tmp_path / "data", records)
    make_film(root / "one/side.mp4", steady(0.6, 10), size=(64, 48))
    table = (root / "metadata.csv").read_text().splitlines()
    table = [
        f"{line},{extra}"
        for line, extra in zip(table, ("side_file_name", "one/side.mp4", "", ""), strict=True)
    ]
    (root / "metadata.csv").write_text("\n".join(table) + "\n")
    with Session.open(root, author="ann") as session:
        card = export(session, tmp_path / "out", form="lerobot")
    assert card.records == 3
    assert any("no place for side" in each for each in card.lost)
    info = assert_the_loader_takes_it(tmp_path / "out", tmp_path / "cache")
    films = [key for key, feature in info["features"].items() if feature["dtype"] == "video"]
    assert films == ["observation.images.cam"]


def test_moments_are_episodes(session: Session, tmp_path: Path) -> None:
    listed = tmp_path / "moments.csv"
    listed.write_text("record_id,start_s,end_s\none,0.1,0.4\ntwo,0.0,0.3\n")
    export(session, tmp_path / "out", form="lerobot", moments=listed)
    assert_the_loader_takes_it(tmp_path / "out", tmp_path / "cache")
    rows = pq.read_table(tmp_path / "out/meta/episodes/chunk-000/file-000.parquet").to_pylist()
    assert [row["length"] for row in rows] == [3, 3]


def test_statistics_are_those_of_all_rows(session: Session, tmp_path: Path) -> None:
    export(session, tmp_path / "out", form="lerobot")
    table = pq.read_table(tmp_path / "out/data/chunk-000/file-000.parquet")
    values = np.array(table.column("observation.imu").to_pylist())
    values = values[~np.isnan(values).any(axis=1)]
    told = json.loads((tmp_path / "out/meta/stats.json").read_text())["observation.imu"]
    for name in ("min", "max", "mean", "std"):
        assert told[name] == pytest.approx(stats_of(values)[name], rel=1e-6)
