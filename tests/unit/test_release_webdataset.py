"""WebDataset tars: what `webdataset` makes of them, and that they open again as what was effective."""

from __future__ import annotations

import tarfile
import warnings
from typing import TYPE_CHECKING, Any

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
    made,
)

from inspector.core import manifest
from inspector.core.times import NS
from inspector.release import shards
from inspector.release.writers import webdataset
from inspector.session import Session

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RECORDS = [
    Made("one", FILES, 120),
    Made("a.b", ("voice.wav", "words.vtt"), 0, "test", 1),
    Made("x" * 95, FILES, -40, "train", 2),
]


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with Session.open(generate(tmp_path / "data", RECORDS), author="ann") as opened:
        decide(opened, RECORDS)
        yield opened


def samples_of(*tars: Path) -> list[dict[str, Any]]:
    import webdataset as loader

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # the loader leaves a tar open
        return list(loader.WebDataset([str(each) for each in tars], shardshuffle=False).decode())


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(records=made())
def test_what_is_opened_again_is_what_was_effective(
    records: list[Made], tmp_path_factory: pytest.TempPathFactory
) -> None:
    home = tmp_path_factory.mktemp("round")
    with Session.open(generate(home / "data", records), author="ann") as session:
        decide(session, records)
        export(session, home / "out", form="webdataset")
        assert_same_again(session, home / "out")
        assert_mask_and_origins(session, home / "out")
        samples = samples_of(*sorted((home / "out").glob("*.tar")))
        assert sorted(each["json"]["record_id"] for each in samples) == sorted(session.record_ids())


def test_the_loader_gives_a_sample_a_record(session: Session, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export(session, out, form="webdataset", fixes="manifest")
    assert sorted(each.name for each in out.glob("*.tar")) == ["test-000000.tar", "train-000000.tar"]
    for tar in out.glob("*.tar"):
        for sample in samples_of(tar):
            told = sample["json"]
            record = session.record(told["record_id"])
            assert told["split"] == tar.name.partition("-")[0]
            for stream in told["streams"]:
                source = record.stream(stream["stream_id"]).source.path
                assert sample[stream["file"]] == source.read_bytes()
                assert [list(pair) for pair in record.stream(stream["stream_id"]).timemap.anchors] == (
                    stream["timemap_ns"]
                )
            words = record.stream("words")
            starts = [words.timemap.to_reference(cue.start_ns) / NS for cue in session.cues(words)]
            assert [cue["start_s"] for cue in told["transcripts"]["words"]] == starts
            assert [each["label"] for each in told["annotations"]] == [
                label.label for label in record.annotations
            ]
            assert {each["modality"] for each in told["mask"]} >= {"audio", "text"}
            assert told["columns"]["licence"] == "CC0"


def test_any_program_reads_the_tar_and_finds_what_the_manifest_says(session: Session, tmp_path: Path) -> None:
    export(session, tmp_path / "out", form="webdataset")
    rows = pq.read_table(manifest.table_path(tmp_path / "out", "assets")).to_pylist()
    for path in (tmp_path / "out").glob("*.tar"):
        with tarfile.open(path) as tar:
            found = sorted((each.offset_data, each.size) for each in tar.getmembers())
        told = sorted((row["offset"], row["bytes"]) for row in rows if row["within"] == path.name)
        assert found == told


def test_one_flipped_bit_is_found_and_named(session: Session, tmp_path: Path) -> None:
    export(session, tmp_path / "out", form="webdataset")
    assert assert_flips_are_named(tmp_path / "out", 3, 6) >= 54


def test_a_root_does_not_depend_on_the_format(session: Session, tmp_path: Path) -> None:
    roots = {
        form: export(session, tmp_path / form, form=form).root
        for form in ("folder", "huggingface", "webdataset")
    }
    assert len(set(roots.values())) == 1, roots


def test_shards_are_closed_by_records_and_by_bytes(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webdataset, "Filling", lambda: shards.Filling(most_bytes=9000))
    export(session, tmp_path / "out", form="webdataset")
    assert sorted(each.name for each in (tmp_path / "out").glob("*.tar")) == [
        *("test-000000.tar", "train-000000.tar", "train-000001.tar")
    ]
    assert_same_again(session, tmp_path / "out")


def test_a_real_dataset_whose_files_hold_many_records(samples: Path, tmp_path: Path) -> None:
    with Session.open(samples / "lerobot_v30_unitree_g1") as session:
        ids = session.record_ids()
        card = export(session, tmp_path / "out", form="webdataset")
        assert any("whole" in each for each in card.lost)
        with Session.open(tmp_path / "out") as again:
            assert again.record_ids() == ids
            for record_id in ids:
                one, other = session.record(record_id), again.record(record_id)
                assert [each.span for each in one.streams] == [each.span for each in other.streams]
                assert [each.timemap for each in one.streams] == [each.timemap for each in other.streams]
        (first, *_) = sorted((tmp_path / "out").glob("*.tar"))
        told = samples_of(first)[0]["json"]
        assert any(stream["file"].startswith("shared/") for stream in told["streams"])
