"""Folders as VideoFolder and AudioFolder: what `datasets` makes of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest
from releases import FILES, Made, assert_flips_are_named, decide, export, generate, hub_loader

from inspector.release.names import split_folder
from inspector.session import Session

if TYPE_CHECKING:
    from pathlib import Path

FILM = [Made("one", FILES, 120), Made("two", FILES, 0, "test", 1), Made("three", ("cam.mp4",), 0, "train", 2)]
SOUND = [Made("one", ("voice.wav",)), Made("two", ("voice.wav", "words.vtt"), 0, "test", 1)]


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    return hub_loader(tmp_path / "cache", monkeypatch)


def test_films_are_a_video_folder(tmp_path: Path, load: Any) -> None:
    import datasets

    with Session.open(generate(tmp_path / "data", FILM), author="ann") as session:
        decide(session, FILM)
        export(session, tmp_path / "out", fixes="manifest")
        found = load(tmp_path / "out")
        assert {name: len(split) for name, split in found.items()} == {"train": 2, "test": 1}
        assert isinstance(found["train"].features["video"], datasets.Video)
        rows = found["train"].cast_column("video", datasets.Video(decode=False))
        for row in rows:
            source = session.record(row["record_id"]).streams[0].source.path
            with open(row["video"]["path"], "rb") as file:
                assert file.read() == source.read_bytes()
        assert rows["text"] == ["record 0\nü", None]


def test_sounds_are_an_audio_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets
    from datasets.packaged_modules.audiofolder.audiofolder import AudioFolder

    hub_loader(tmp_path / "cache", monkeypatch)
    with Session.open(generate(tmp_path / "data", SOUND), author="ann") as session:
        export(session, tmp_path / "out")
    # Its rows are not asked for: the loader makes no row with a sound unless torch is there.
    builder = datasets.load_dataset_builder(str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"))
    assert isinstance(builder, AudioFolder)
    files = {split: sorted(map(str, found)) for split, found in builder.config.data_files.items()}
    assert {split: len(found) for split, found in files.items()} == {"train": 2, "test": 2}
    assert files["train"] == [
        str(tmp_path / "out/train/metadata.parquet"),
        str(tmp_path / "out/train/one/voice.wav"),
    ]


def test_the_tables_of_all_splits_have_the_same_columns(tmp_path: Path) -> None:
    with Session.open(generate(tmp_path / "data", SOUND), author="ann") as session:
        export(session, tmp_path / "out")
    schemas = [pq.read_schema(tmp_path / f"out/{split}/metadata.parquet") for split in ("train", "test")]
    assert schemas[0] == schemas[1]
    assert "text" in schemas[0].names


def test_one_flipped_bit_is_found_and_named(tmp_path: Path) -> None:
    with Session.open(generate(tmp_path / "data", FILM), author="ann") as session:
        export(session, tmp_path / "out")
    assert assert_flips_are_named(tmp_path / "out", 5, 2) >= 30


@pytest.mark.parametrize("split", ["../../up", "/etc", "manifest", "Shared", "a/b", "", "."])
def test_a_split_of_any_name_is_a_folder_below_the_release(split: str, tmp_path: Path) -> None:
    name = split_folder(split)
    assert "/" not in name
    assert not name.startswith(".")
    assert name.casefold() not in ("manifest", "shared")
    records = [Made("one", ("voice.wav",), 0, split)]
    with Session.open(generate(tmp_path / "data", records), author="ann") as session:
        for form in ("folder", "huggingface", "webdataset"):
            export(session, tmp_path / form, form=form)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["data", "folder", "huggingface", "webdataset"]
