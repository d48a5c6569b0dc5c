"""Datasets that are hostile or careless: none may crash, hang, lead out of its root or be written to."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from inspector.cli import main
from inspector.core.model import Record, Source
from inspector.errors import InspectorError, plain
from inspector.media import child
from inspector.media.cues import load_cues
from inspector.media.image import read_image
from inspector.media.opening import open_film, open_unprobed
from inspector.media.told import in_row
from inspector.readers.lerobot_layout import Fence, Template
from inspector.readers.lerobot_meta import _number
from inspector.session import Session

ENDINGS = in_row("mp4 mkv avi ts m4v wav mp3 ogg jpg png webp gif tif srt vtt ass csv tsv parquet json txt")
ROOT = Path(__file__).resolve().parents[2]


def wav(path: Path, rate: int = 8000, samples: int = 800) -> Path:
    """A mono tone."""
    pcm = bytes(2 * samples)
    head = struct.pack(
        "<4sI4s4sIHHIIHH", b"RIFF", 36 + len(pcm), b"WAVE", b"fmt ", 16, 1, 1, rate, 2 * rate, 2, 16
    )
    path.write_bytes(head + struct.pack("<4sI", b"data", len(pcm)) + pcm)
    return path


def everything(root: Path) -> list[tuple[str, int, int, bytes]]:
    """Each name below a root with its mtime, its mode and its content."""
    found = []
    for path in sorted(root.rglob("*")):
        stat = path.lstat()
        content = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
        found.append((str(path), stat.st_mtime_ns, stat.st_mode, content))
    return found


def opened(root: Path) -> list[Record]:
    """All records of a dataset, which is untouched by that and met no fault of ours."""
    before = everything(root)
    with Session.open(root) as session:
        records = [session.record(each) for each in session.record_ids()]
        session.summary()
    assert everything(root) == before
    assert not any("fault of Inspector" in str(line) for record in records for line in record.problems)
    return records


def problems(root: Path) -> str:
    """What is said of all records."""
    return "\n".join(str(line) for record in opened(root) for line in record.problems)


@pytest.mark.parametrize("content", [b"", b"\0" * 3000, bytes(range(256)) * 20, b"t,x\n0,1\n1,2\n"])
def test_any_bytes_under_any_ending(tmp_path: Path, content: bytes) -> None:
    for ending in ENDINGS:
        (tmp_path / f"file_{ending}.{ending}").write_bytes(content)
    opened(tmp_path)


@pytest.mark.parametrize(
    "text", ["ffconcat version 1.0\nfile secret.wav\n", "#EXTM3U\n#EXTINF:1,\nsecret.wav\n#EXT-X-ENDLIST\n"]
)
def test_a_list_of_files_is_no_film(tmp_path: Path, text: str) -> None:
    import av

    wav(tmp_path / "secret.wav")
    (tmp_path / "a.mp4").write_text(text)
    with pytest.raises((av.FFmpegError, OSError)):
        open_unprobed(tmp_path / "a.mp4")
    with pytest.raises(InspectorError):
        open_film(tmp_path / "a.mp4")


def test_a_pipe_is_neither_listed_nor_opened(tmp_path: Path) -> None:
    for name in ("a.mp4", "b.csv", "metadata.csv"):
        os.mkfifo(tmp_path / name)
    with pytest.raises(OSError, match="no regular file"):
        open_film(tmp_path / "a.mp4")
    with pytest.raises(InspectorError, match="pipe"):
        Fence(tmp_path).path("b.csv")
    with Session.open(tmp_path) as session:
        assert sorted(line.path for line in session.dataset.problems) == ["a.mp4", "b.csv", "metadata.csv"]


def test_a_picture_bomb_is_refused(tmp_path: Path) -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    size = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 6, 0, 0, 0)
    bomb = tmp_path / "a%d.png"
    bomb.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IDAT", b"x") + chunk(b"IEND", b""))
    with pytest.raises(InspectorError):
        read_image(bomb)


def test_no_module_is_taken_from_the_working_folder(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    wav(data / "a.wav")
    (tmp_path / "inspector").mkdir()
    for name in ("json.py", "av.py", "inspector/__init__.py"):
        (tmp_path / name).write_text(f"open({str(tmp_path / 'run')!r}, 'w')")
    code = "import sys; sys.path.insert(0, sys.argv.pop(1)); from inspector.cli import main; main()"
    command = [sys.executable, "-P", "-c", code, str(ROOT), "info", str(data)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "audio" in done.stdout
    assert not (tmp_path / "run").exists()


def test_a_child_that_was_killed_is_not_the_files_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = wav(tmp_path / "a.wav")
    asked: list[Path] = []
    ask = child._Child.ask

    def killed_once(self: child._Child, path: Path) -> dict[str, object]:
        asked.append(path)
        if len(asked) == 1:
            self._process.kill()
            self._process.wait()
        return ask(self, path)

    monkeypatch.setattr(child._Child, "ask", killed_once)
    assert child.probe(path).tracks[0].kind == "audio"
    assert len(asked) == 2


def test_a_dead_child_does_not_end_info(tmp_path: Path) -> None:
    wav(tmp_path / "a.wav")
    code = (
        "import sys; sys.path.insert(0, sys.argv.pop(1))\n"
        "from inspector.media import child\nask, dead = child._Child.ask, []\n"
        "def once(self, path):\n"
        "    if not dead:\n        dead.append(1); self._process.kill(); self._process.wait()\n"
        "    return ask(self, path)\n"
        "child._Child.ask = once\nfrom inspector.cli import main\nmain()"
    )
    command = [sys.executable, "-P", "-c", code, str(ROOT), "info", str(tmp_path), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["modalities"]["audio"]["records"] == 1


@pytest.mark.parametrize(
    "body", ["<v " * 100_000, "<v" + " " * 100_000, "{\\" * 100_000, "<a" * 100_000, "&#" + "9" * 6000 + ";"]
)
def test_no_cue_takes_for_ever(tmp_path: Path, body: str) -> None:
    path = tmp_path / "a.vtt"
    path.write_text(f"WEBVTT\n\n00:00.000 --> 00:01.000\n{body}\n")
    assert len(load_cues(Source(path, "cues"))[0]) == 1


def test_odd_tables(tmp_path: Path) -> None:
    t = pa.array(np.arange(50) / 10)
    pq.write_table(pa.Table.from_arrays([t, t, t], ["t", "x", "x"]), tmp_path / "twice.parquet")
    pq.write_table(pa.table({"t": pa.array([2**64 - 1] * 50, pa.uint64()), "x": t}), tmp_path / "u64.parquet")
    pq.write_table(pa.table({"t": t, **{f"c{n}": t for n in range(4200)}}), tmp_path / "wide.parquet")
    (tmp_path / "dates.csv").write_text("time,x\n0001-01-01T00:00:00,1\n9999-12-31T23:59:59,2\n")
    (tmp_path / "far.csv").write_text("time_s,x\n0,1\n4000000000,2\n-4000000000,2\n")
    said = problems(tmp_path)
    assert "no or twice the same name: column 'x'" in said
    assert "the first 4096 are read" in said
    assert "past belief" in said


def test_a_parquet_bomb_is_refused(tmp_path: Path) -> None:
    zeros = pa.array(np.zeros(140_000_000, np.int8))
    pq.write_table(pa.table({"t": zeros}), tmp_path / "a.parquet", compression="zstd")
    assert (tmp_path / "a.parquet").stat().st_size < 1 << 20
    assert "too large" in problems(tmp_path)


def test_metadata_leads_nowhere(tmp_path: Path) -> None:
    wav(tmp_path / "a.wav")
    rows = [{"file_name": "a.wav", "file_names": ["a.wav", "/etc/passwd"]}, {"file_name": "../../etc/passwd"}]
    (tmp_path / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)))
    assert problems(tmp_path).count("outside the dataset") == 2


@pytest.mark.parametrize(
    "text", ["v/{n:99d}.mp4", "/etc/{n}", "../{n}", "\ud800{n}", "{n}" * 9, "a/" * 999 + "{n}"]
)
def test_templates_that_no_dataset_has(text: str) -> None:
    with pytest.raises(ValueError, match=r"path|leads|uses|long|lacks"):
        Template.parse(text, "c", "n")


def test_a_frame_rate_is_not_written_out() -> None:
    assert _number("1e999999999") is None
    assert _number("30000/1001") is not None


def test_names_cannot_break_a_line() -> None:
    assert plain("a\n\x1b[31m\u202e\udcff é") == r"a\n\x1b[31m\u202e\udcff é"


def test_one_line_for_what_cannot_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["info", str(tmp_path / "no\nthing")])
    assert end.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_no_screenshot_into_the_dataset(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wav(tmp_path / "a.wav")
    with pytest.raises(SystemExit) as end:
        main([str(tmp_path), "--screenshot", str(tmp_path / "a.png")])
    assert end.value.code == 2
    assert "never written to" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]
