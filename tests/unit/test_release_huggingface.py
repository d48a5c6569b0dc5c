"""Hugging Face Parquet: what `datasets` makes of it, and that it opens again as what was effective."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from releases import (
    FILES,
    Made,
    assert_flips_are_named,
    assert_mask_and_origins,
    assert_same_again,
    decide,
    export,
    generate,
    hub_loader,
    made,
)

from inspector.core import manifest
from inspector.core.times import NS
from inspector.errors import Cancelled, InspectorError
from inspector.media.series import load_series
from inspector.release import shards, write
from inspector.release.plan import Choice, make_plan
from inspector.release.verify import verify
from inspector.release.writers import cells, huggingface
from inspector.session import Session

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RECORDS = [
    Made("one", FILES, 120),
    Made("two", ("voice.wav", "words.vtt"), 0, "test", 1),
    Made("three", FILES, -40, "train", 2),
]


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with Session.open(generate(tmp_path / "data", RECORDS), author="ann") as opened:
        decide(opened, RECORDS)
        yield opened


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    return hub_loader(tmp_path / "cache", monkeypatch)


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(records=made())
def test_what_is_opened_again_is_what_was_effective(
    records: list[Made], tmp_path_factory: pytest.TempPathFactory
) -> None:
    home = tmp_path_factory.mktemp("round")
    with Session.open(generate(home / "data", records), author="ann") as session:
        decide(session, records)
        export(session, home / "out", form="huggingface")
        assert_same_again(session, home / "out")
        assert_mask_and_origins(session, home / "out")


def test_datasets_loads_what_was_written(session: Session, tmp_path: Path, load: Any) -> None:
    import datasets

    out = tmp_path / "out"
    export(session, out, form="huggingface", fixes="manifest")
    found = load(out)
    assert {name: len(split) for name, split in found.items()} == {"train": 2, "test": 1}
    features = found["train"].features
    assert isinstance(features["cam"], datasets.Video)
    assert isinstance(features["voice"], datasets.Audio)
    rows = found["train"].cast_column("cam", datasets.Video(decode=False))
    rows = rows.cast_column("voice", datasets.Audio(decode=False))
    for row in rows:
        record = session.record(row["record_id"])
        assert row["cam"]["bytes"] == record.stream("cam#video").source.path.read_bytes()
        assert row["voice"]["bytes"] == record.stream("voice").source.path.read_bytes()
        imu = record.stream("imu")
        series = load_series(imu)
        assert row["imu"]["channels"] == ["x", "y"]
        np.testing.assert_array_equal(row["imu"]["values"], series.values)
        np.testing.assert_array_equal(row["imu"]["t_s"], imu.timemap.to_reference_array(series.t_ns) / NS)
        words = record.stream("words")
        starts = [words.timemap.to_reference(cue.start_ns) / NS for cue in session.cues(words)]
        assert [cue["start_s"] for cue in row["words"]] == starts
        assert row["words"][0]["speaker"] == "Ann"
        assert [label["label"] for label in row["annotations"]] == [
            label.label for label in record.annotations
        ]
        assert {each["modality"] for each in row["mask"]} >= {"video", "audio"}
        assert row["licence"] == "CC0"
    mask = load(out, "mask")["rows"]
    assert mask.column_names == manifest.MASK.names
    assert len(load(out, "streams")["rows"]) == sum(
        len(session.record(each).streams) for each in session.record_ids()
    )


def test_one_flipped_bit_is_found_and_named(session: Session, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export(session, out, form="huggingface")
    assert assert_flips_are_named(out, 1, 6) >= 48


def test_shards_are_closed_by_size_and_a_cancelled_run_keeps_the_done_ones(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(huggingface, "Filling", lambda: shards.Filling(most_records=1))
    plan = make_plan(session, Choice(form="huggingface"))

    def stop(done: int) -> None:
        if done == 3:
            raise Cancelled("export")

    with pytest.raises(Cancelled):
        write.write(session, plan, tmp_path / "out", stop)
    packed: list[str] = []
    pack = huggingface.HuggingFace._pack

    def noted(self: Any, laids: Any, to: Path) -> Any:
        packed.append(to.name)
        return pack(self, laids, to)

    monkeypatch.setattr(huggingface.HuggingFace, "_pack", noted)
    write.write(session, plan, tmp_path / "out")
    assert "train-00000.parquet" not in packed
    names = sorted(each.name for each in (tmp_path / "out/data").iterdir())
    assert names == ["test-00000.parquet", "train-00000.parquet", "train-00001.parquet"]
    assert_same_again(session, tmp_path / "out")


def test_a_column_that_a_shard_has_not_is_null_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, load: Any
) -> None:
    monkeypatch.setattr(huggingface, "Filling", lambda: shards.Filling(most_records=1))
    records = [Made("one", ("voice.wav",)), Made("two", FILES)]
    with Session.open(generate(tmp_path / "data", records), author="ann") as session:
        export(session, tmp_path / "out", form="huggingface")
    assert "imu" not in pq.read_schema(tmp_path / "out/data/train-00000.parquet").names
    rows = load(tmp_path / "out")["train"]
    assert rows["imu"][0] is None
    assert len(rows["imu"][1]["t_s"]) == 40


def test_a_film_that_fits_no_cell_is_refused(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cells, "MOST_CELL", 1000)
    with pytest.raises(InspectorError, match=r"too large for a cell.*--as folder"):
        export(session, tmp_path / "out", form="huggingface")
    assert not (tmp_path / "out").exists()


def test_changed_bytes_are_not_opened(session: Session, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export(session, out, form="huggingface")
    rows = pq.read_table(manifest.table_path(out, "assets")).to_pylist()
    (row,) = [each for each in rows if each["path"] == "train/one/voice.wav"]
    with (out / row["within"]).open("r+b") as file:
        file.seek(row["offset"] + 100)
        file.write(b"\xff\x00\xff")
    with Session.open(out) as again:
        record = again.record("one")
        assert "voice" not in [each.id for each in record.streams]
        assert "not those of the manifest" in str(record.problems)
    found = {(each.asset, each.records) for each in verify(out).differences}
    assert ("train/one/voice.wav", ("one",)) in found


def test_real_films_and_captions(samples: Path, tmp_path: Path, load: Any) -> None:
    with Session.open(samples / "act_rules_captioned/test-assets/rabbit-video") as session:
        export(session, tmp_path / "out", form="huggingface")
        assert_same_again(session, tmp_path / "out")
        assert len(load(tmp_path / "out")["data"]) == len(session.record_ids())
