"""The folder reader: what is opened, what is left over, and what is said of files that are wrong."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import wave
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inspector.core.model import Coverage, Modality
from inspector.core.times import NS
from inspector.errors import InspectorError
from inspector.media.series import load_series
from inspector.readers import readers
from inspector.readers.assemble import stream_ids
from inspector.readers.folder import FolderDataset, FolderReader
from inspector.readers.sniff import kinds_of

if TYPE_CHECKING:
    from pathlib import Path

WHISPER = json.dumps({"segments": [{"start": 0.5, "end": 1.0, "text": "Hi", "words": []}]})
LABELS = "start,end,label\n0.1,0.4,one\n"
HANDS = "time_s,x\n0.0,1\n0.1,2\n0.2,3\n"


def film(path: Path, seconds: float = 1.0, sound: bool = False) -> None:
    """A small film at 10 fps, with a sound of its own if asked."""
    import av

    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as box:
        video = box.add_stream("mpeg4", rate=10)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        audio = box.add_stream("aac", rate=16000, layout="mono") if sound else None
        for number in range(round(seconds * 10)):
            frame = av.VideoFrame.from_ndarray(
                np.full((48, 64, 3), number * 9 % 256, np.uint8), format="rgb24"
            )
            box.mux(video.encode(frame))
        box.mux(video.encode())
        if audio is not None:
            for start in range(0, round(seconds * 16000), 1600):
                block = av.AudioFrame.from_ndarray(
                    np.zeros((1, 1600), np.float32), format="fltp", layout="mono"
                )
                block.sample_rate, block.pts, block.time_base = 16000, start, Fraction(1, 16000)
                box.mux(audio.encode(block))
            box.mux(audio.encode())


def sound(path: Path, seconds: float = 1.0) -> None:
    """Silence."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(round(seconds * 8000) * 2))


def put(path: Path, text: str | bytes) -> None:
    """A file with that content, its folders made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())


def ids(dataset: FolderDataset) -> list[str]:
    """The record ids in order."""
    listed: list[str] = dataset.index.column("record_id").to_pylist()
    return listed


@pytest.fixture
def demo(tmp_path: Path) -> Path:
    """A dataset like the one that comes with the program."""
    for number in (1, 2):
        folder = tmp_path / f"rec_00{number}"
        film(folder / "front.mp4", sound=number == 2)
        put(folder / "words.json", WHISPER)
        put(folder / "hands.csv", HANDS)
        put(folder / "labels_A.csv", LABELS)
    sound(tmp_path / "rec_001" / "voice.wav")
    put(tmp_path / "rec_002" / "stray.txt", "nobody names me")
    rows = [
        "front_file_name,voice_file_name,words_file_name,hands_file_name,labels_A_file_name,session,take,speaker",
        "rec_001/front.mp4,rec_001/voice.wav,rec_001/words.json,./rec_001/hands.csv,rec_001/labels_A.csv,s1,007,Ann",
        "rec_002/front.mp4,,rec_002/words.json,rec_002\\hands.csv,rec_002/labels_A.csv,s2,008,Ben",
    ]
    put(tmp_path / "metadata.csv", "\n".join(rows) + "\n")
    return tmp_path


def test_metadata_names_records_and_columns(demo: Path) -> None:
    dataset = FolderReader.open(demo)
    assert ids(dataset) == ["rec_001", "rec_002"]
    assert dataset.leftover == ("rec_002/stray.txt",)
    assert dataset.index.column_names == ["record_id", "modalities", "session", "take", "speaker"]
    assert dataset.index.column("take").to_pylist() == ["007", "008"]
    assert dataset.index.column("modalities").to_pylist() == [
        ["video", "audio", "text", "sensor"],
        ["video", "text", "sensor"],
    ]


def test_a_record_has_streams_labels_and_people(demo: Path) -> None:
    dataset = FolderReader.open(demo)
    one, two = dataset.load("rec_001"), dataset.load("rec_002")
    assert [stream.id for stream in one.streams] == ["front", "hands", "voice", "words"]
    assert [stream.id for stream in two.streams] == ["front#audio", "front#video", "hands", "words"]
    assert two.stream("front#audio").clock == two.stream("front#video").clock
    assert two.reference == "front#video"
    assert one.stream("front").span == (0, NS)
    assert one.stream("front").meta["width"] == 64
    assert one.stream("hands").meta["time_column"] == "time_s"
    assert one.stream("voice").person == "Ann"
    assert one.annotations[0].id == "labels_A:0"
    assert one.annotations[0].author == "A"
    assert one.problems == two.problems == ()
    assert one.meta["session"] == "s1"
    assert load_series(one.stream("hands")).values[:, 0].tolist() == [1, 2, 3]


def test_metadata_that_names_what_is_not_there_or_outside(demo: Path) -> None:
    put(demo.parent / "secret.txt", "secret")
    (demo / "rec_001" / "voice.wav").unlink()
    with (demo / "metadata.csv").open("a") as file:
        file.write("../secret.txt,/etc/hostname,C:\\x.wav,https://x/y.csv,,s3,009,Cy\n")
    dataset = FolderReader.open(demo)
    assert ids(dataset) == ["rec_001", "rec_002", "row_000002"]
    one, three = dataset.load("rec_001"), dataset.load("row_000002")
    assert [problem.path for problem in one.problems] == ["rec_001/voice.wav"]
    assert three.streams == ()
    assert len(three.problems) == 4
    assert all("outside" in problem.message for problem in three.problems)
    assert len(dataset.problems) == 1


def test_jsonl_and_parquet_metadata_with_lists(tmp_path: Path) -> None:
    for name in ("a.txt", "b.txt", "c.txt"):
        put(tmp_path / "x" / name, name)
    rows = [{"part_file_names": ["x/a.txt", "x/b.txt"], "n": 1}, {"part_file_names": ["x/c.txt"], "n": 2}]
    for name in ("metadata.jsonl", "metadata.parquet"):
        if name.endswith("jsonl"):
            put(tmp_path / name, "".join(json.dumps(row) + "\n" for row in rows) + "{broken\n")
        else:
            (tmp_path / "metadata.jsonl").unlink()
            pq.write_table(pa.Table.from_pylist(rows), tmp_path / name)
        dataset = FolderReader.open(tmp_path)
        assert ids(dataset) == ["row_000000", "row_000001"]
        assert [stream.id for stream in dataset.load("row_000000").streams] == ["a", "b"]
        assert dataset.index.column("n").to_pylist() == [1, 2]
        assert len(dataset.problems) == (1 if name.endswith("jsonl") else 0)


def test_metadata_in_splits(tmp_path: Path) -> None:
    for split in ("train", "test"):
        put(tmp_path / split / "a.txt", "a")
        put(tmp_path / split / "metadata.csv", "file_name,transcription\na.txt,hello\n")
    dataset = FolderReader.open(tmp_path)
    assert ids(dataset) == ["test/a", "train/a"]
    assert dataset.index.column("split").to_pylist() == ["test", "train"]
    assert dataset.index.column("transcription").to_pylist() == ["hello", "hello"]
    assert dataset.leftover == ()


def test_unreadable_metadata_falls_back_to_names(tmp_path: Path) -> None:
    put(tmp_path / "metadata.parquet", b"PAR1 but not")
    put(tmp_path / "a.txt", "a")
    dataset = FolderReader.open(tmp_path)
    assert "a" in ids(dataset)
    assert [problem.path for problem in dataset.problems] == ["metadata.parquet"]


def test_hidden_files_and_links_out_are_not_read(tmp_path: Path) -> None:
    root = tmp_path / "root"
    put(root / "a.txt", "a")
    put(root / ".inspector" / "journal" / "x.txt", "x")
    put(root / ".hidden.txt", "x")
    put(tmp_path / "out.txt", "x")
    (root / "out.txt").symlink_to(tmp_path / "out.txt")
    (root / "in.txt").symlink_to(root / "a.txt")
    (root / "sly.txt").symlink_to(root / ".hidden.txt")
    (root / "loop").symlink_to(root)
    (root / "dead.txt").symlink_to(root / "nothing")
    os.mkfifo(root / "pipe.txt")
    dataset = FolderReader.open(root)
    assert ids(dataset) == ["a", "in"]
    assert sorted(problem.path for problem in dataset.problems) == ["dead.txt", "out.txt", "pipe.txt"]


def test_a_hub_snapshot_follows_links_into_its_blobs(tmp_path: Path) -> None:
    put(tmp_path / "blobs" / "abc", "text")
    root = tmp_path / "snapshots" / "rev"
    root.mkdir(parents=True)
    (root / "a.txt").symlink_to(tmp_path / "blobs" / "abc")
    dataset = FolderReader.open(root)
    assert dataset.problems == ()
    assert len(dataset.load("a").streams) == 1


def test_bad_files_open_with_a_line_each(tmp_path: Path) -> None:
    folder = tmp_path / "r"
    film(folder / "good.mp4")
    film(folder / "cut.mp4", 3.0)
    content = (folder / "cut.mp4").read_bytes()
    put(folder / "cut.mp4", content[: len(content) // 2])  # its index, at the end, is gone
    put(folder / "none.wav", b"")
    put(folder / "noise.png", b"no picture")
    put(folder / "broken.json", '{"segments": [')
    put(folder / "cues.srt", "1\n00:00:01,000 --> 00:00:00,500\nx\n\nstray\n")
    put(folder / "empty.csv", "time_s,x\n")
    put(folder / "still.csv", "x,y\n1,2\n2,3\n")
    columns = (
        "cut_file_name,good_file_name,a_file_name,b_file_name,c_file_name,d_file_name,e_file_name,f_file_name"
    )
    names = "r/cut.mp4,r/good.mp4,r/none.wav,r/noise.png,r/broken.json,r/cues.srt,r/empty.csv,r/still.csv"
    put(tmp_path / "metadata.csv", f"{columns}\n{names}\n")
    record = FolderReader.open(tmp_path).load("r")
    assert [stream.id for stream in record.streams] == ["cues", "good", "still"]
    assert record.coverage == {
        Modality.VIDEO: Coverage.PRESENT,
        Modality.AUDIO: Coverage.EMPTY,
        Modality.IMAGE: Coverage.UNREADABLE,
        Modality.TEXT: Coverage.PRESENT,
        Modality.SENSOR: Coverage.PRESENT,
    }
    named = {problem.path.removeprefix("r/") for problem in record.problems}
    assert named == {"cut.mp4", "none.wav", "noise.png", "broken.json", "cues.srt", "empty.csv", "still.csv"}
    assert record.stream("still").span is None


def test_epoch_tables_of_a_record_stay_aligned(tmp_path: Path) -> None:
    film(tmp_path / "film.mp4")
    put(tmp_path / "s" / "a.csv", "timestamp_ms,x\n1700000000500,1\n1700000000600,2\n")
    put(tmp_path / "s" / "b.csv", "timestamp,x\n1700000000.0,1\n1700000000.5,2\n1700000001.0,3\n")
    put(tmp_path / "metadata.csv", "f_file_name,a_file_name,b_file_name\nfilm.mp4,s/a.csv,s/b.csv\n")
    dataset = FolderReader.open(tmp_path)
    record = dataset.load(ids(dataset)[0])
    a, b = record.stream("s/a"), record.stream("s/b")
    assert (a.span, b.span) == ((NS // 2, NS * 7 // 10), (0, NS * 3 // 2))
    assert a.clock.kind == b.clock.kind == "epoch"
    assert load_series(a).t_ns.tolist() == [NS // 2, NS * 6 // 10]
    assert sum("1970" in problem.message for problem in record.problems) == 2


def test_labels_since_1970_go_with_the_tables(tmp_path: Path) -> None:
    put(tmp_path / "s" / "a.csv", "timestamp,x\n1700000000.0,1\n1700000000.5,2\n")
    put(tmp_path / "s" / "events.csv", "timestamp_ms,event\n1700000000250,press\n")
    record = FolderReader.open(tmp_path).load("s")
    assert record.annotations[0].span == (NS // 4, NS // 4)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@pytest.mark.parametrize("name", ["metadata.csv", "metadata.jsonl", "metadata.parquet"])
@given(cut=st.integers(0, 60), noise=st.binary(max_size=20), keep=st.booleans())
def test_broken_metadata_never_stops_the_opening(
    tmp_path: Path, name: str, cut: int, noise: bytes, keep: bool
) -> None:
    put(tmp_path / "a.txt", "a")
    good = (
        b"file_name,note\na.txt,x\n,y\n" if name.endswith("csv") else b'{"file_name": "a.txt", "n": 1}\n' * 2
    )
    if name.endswith("parquet"):
        pq.write_table(pa.table({"file_name": ["a.txt", None], "n": [1, 2]}), tmp_path / name)
        good = (tmp_path / name).read_bytes()
        cut *= len(good) // 60
    put(tmp_path / name, good[:cut] + noise + (good[cut:] if keep else b""))
    dataset = FolderReader.open(tmp_path)
    assert len(set(ids(dataset))) == dataset.index.num_rows
    for record_id in ids(dataset):
        dataset.load(record_id)


def test_modality_folders_keep_the_folder_in_the_stream_id(tmp_path: Path) -> None:
    film(tmp_path / "video" / "a.mp4")
    sound(tmp_path / "audio" / "a.wav")
    sound(tmp_path / "audio" / "b.wav")
    dataset = FolderReader.open(tmp_path)
    assert ids(dataset) == ["a", "b"]
    assert [stream.id for stream in dataset.load("a").streams] == ["audio/a", "video/a"]


@pytest.mark.parametrize(
    ("paths", "folder", "expected"),
    [
        (["r/front.mp4", "r/in/side.mp4"], "r", ["front", "in/side"]),
        (["r/a.mp4", "r/a.webm", "r/b.wav"], "r", ["a.mp4", "a.webm", "b"]),
        (["a.b.mp4"], "", ["a.b"]),
    ],
)
def test_stream_ids(paths: list[str], folder: str, expected: list[str]) -> None:
    assert list(stream_ids(paths, folder).values()) == expected


def test_files_of_one_name_are_looked_into_once(tmp_path: Path) -> None:
    for number in range(50):
        put(tmp_path / f"r{number}" / "labels.csv", LABELS)
    paths = [f"r{number}/labels.csv" for number in range(50)]
    (tmp_path / "r30" / "labels.csv").write_text("x")
    assert set(kinds_of(tmp_path, paths)) == {"annotations"}


def test_json_is_told_apart_by_its_head(tmp_path: Path) -> None:
    cases = {
        "whisper.json": (WHISPER, "text"),
        "long.json": (json.dumps({"text": "word " * 2000, "segments": []}), "text"),
        "spans.json": (json.dumps([{"start": 0, "end": 1, "label": "x"}]), "annotations"),
        "config.json": (json.dumps({"name": "x", "start": 3}), ""),
        "coco.json": (json.dumps({"images": [], "annotations": [{"image_id": 1, "bbox": [1, 2, 3, 4]}]}), ""),
    }
    for name, (text, _) in cases.items():
        put(tmp_path / name, text)
    assert kinds_of(tmp_path, list(cases)) == [kind for _, kind in cases.values()]


def test_an_empty_folder_opens_with_no_records(tmp_path: Path) -> None:
    dataset = FolderReader.open(tmp_path)
    assert dataset.index.num_rows == 0
    assert dataset.index.column_names == ["record_id", "modalities"]
    with pytest.raises(InspectorError):
        dataset.load("a")


def test_a_single_file_is_a_dataset(tmp_path: Path) -> None:
    film(tmp_path / "a.mp4")
    put(tmp_path / "b.txt", "b")
    dataset = FolderReader.open(tmp_path / "a.mp4")
    assert ids(dataset) == ["a"]
    assert dataset.root == tmp_path


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux takes file names that are not Unicode")
def test_a_name_that_is_not_unicode_is_said(tmp_path: Path) -> None:
    put(tmp_path / "a.txt", "a")
    with open(os.path.join(os.fsencode(tmp_path), b"b\xff.txt"), "wb") as file:
        file.write(b"b")
    dataset = FolderReader.open(tmp_path)
    assert ids(dataset) == ["a"]
    assert len(dataset.problems) == 1


def test_the_reader_is_registered() -> None:
    assert readers.get("folder") is FolderReader or isinstance(readers.get("folder"), FolderReader)


@pytest.mark.parametrize(
    "module", ["inspector.readers.folder", "inspector.media.series", "inspector.media.cues"]
)
def test_no_decoder_is_loaded_to_list_files(module: str) -> None:
    code = (
        f"import {module}, sys; print([m for m in ('av', 'vlc', 'PySide6', 'pysubs2') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
