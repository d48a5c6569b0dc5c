"""How fast the checks are: those of the index over a million records, those that decode beside ffmpeg."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from bench.reel import Recipe, film, record_folder

from inspector.audit.runner import Options, Run
from inspector.audit.store import Store
from inspector.core.findings import Status
from inspector.session import Session

if TYPE_CHECKING:
    from inspector.core.model import Cue, Record, Stream

RECORDS = 1_000_000
LEAST_PER_S = 20_000


class Listed:
    """A dataset that is only an index; every fiftieth record lacks its transcript."""

    root = Path()

    def __init__(self) -> None:
        ids = pa.array([f"r{number:07d}" for number in range(RECORDS)])
        lists = [["video", "sensor", "text"][: 3 if number % 50 else 2] for number in range(RECORDS)]
        self.index = pa.table({"record_id": ids, "modalities": lists})

    def record(self, record_id: str) -> Record:
        """No check of the index loads one."""
        raise AssertionError(record_id)

    def cues(self, stream: Stream) -> tuple[Cue, ...]:
        """Nor reads one."""
        raise AssertionError(stream.id)


def test_index_checks_take_a_million_records(tmp_path: Path) -> None:
    source = Listed()
    start = time.monotonic()
    run = Run(source, Options(checks=("coverage.missing",)), Store(tmp_path / "audit"))
    found = sum(1 for _ in run.findings())
    rate = RECORDS / (time.monotonic() - start)
    print(f"index checks: {rate:,.0f} records/s, {found} findings kept")
    assert found == RECORDS // 50
    assert rate > LEAST_PER_S


FILM = Recipe(1280, 720, 60, loops=2, sound=True)
LEAST_OF_FFMPEG = 0.7


def test_all_decoding_checks_beside_a_plain_decode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All checks on a film of two minutes with sound, nothing cached, against `ffmpeg -f null`, in turns."""
    if shutil.which("ffmpeg") is None:
        pytest.skip("ffmpeg is not installed")
    made = film(FILM)
    words = tmp_path / "words.vtt"
    words.write_text("WEBVTT\n\n00:00.500 --> 00:01.000\nword\n")
    root = record_folder(tmp_path / "data", "one", {"cam.mp4": made.path, "words.vtt": words})
    ours, theirs = [], []
    for turn in range(3):
        start = time.monotonic()
        command = ["ffmpeg", "-v", "error", "-i", str(made.path), "-f", "null", "-"]
        subprocess.run(command, check=True, capture_output=True)
        theirs.append(time.monotonic() - start)
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / f"cache-{turn}"))
        start = time.monotonic()
        with Session.open(root, workspace=tmp_path / f"work-{turn}") as session:
            found = list(session.audit(Options(records=("one",), workers=2)).findings())
        ours.append(time.monotonic() - start)
        assert any(each.check == "content.frozen" and each.status is not Status.FAILED for each in found)
    share = min(theirs) / min(ours)
    print(
        f"decoding checks: {min(ours):.1f} s, ffmpeg -f null: {min(theirs):.1f} s, {share:.2f} of its speed"
    )
    assert share > LEAST_OF_FFMPEG
