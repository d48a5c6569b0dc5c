"""Corrupted files are findings: no crash, no hang, one cause told once. tests/bench has 500 of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from corrupted import corrupted, judged, whole

from inspector.audit.runner import Options
from inspector.session import Session

if TYPE_CHECKING:
    from pathlib import Path


def test_a_film_that_lost_a_stretch_is_told_once_and_not_again_as_silent(tmp_path: Path) -> None:
    """Of a Matroska file that holds zeros for a while, frames are wanting, and so is what was to be heard."""
    whole(tmp_path / "good")
    data = (tmp_path / "good" / "cam.mkv").read_bytes()
    for number, start in enumerate((0.3, 0.4, 0.5)):
        at, size = int(start * len(data)), len(data) // 4
        folder = tmp_path / "data" / f"r{number}"
        folder.mkdir(parents=True)
        (folder / "cam.mkv").write_bytes(data[:at] + bytes(size) + data[at + size :])
    with Session.open(tmp_path / "data") as session:
        found = list(session.audit(Options(("content.silent", "timing.frames"))).findings())
    for number in range(3):
        mine = [each for each in found if each.record_id == f"r{number}/cam"]
        failed = [each for each in mine if each.status.value == "failed"]
        assert [each.check for each in failed] == ["timing.frames"]
    torn = [each for each in found if each.check == "content.silent" and each.status.value == "suspect"]
    assert torn
    assert all("are wanting" in each.message for each in torn)


def test_each_corrupted_file_is_one_finding(tmp_path: Path) -> None:
    harms = corrupted(tmp_path / "data", 26)
    with Session.open(tmp_path / "data") as session:
        found = list(session.audit(Options(workers=2)).findings())
    missed, twice, wrong = judged(harms, found)
    assert not missed
    assert not twice
    assert not wrong
