"""Corrupted files are findings: no crash, no hang, one cause told once. tests/bench has 500 of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from corrupted import corrupted, judged

from inspector.audit.runner import Options
from inspector.session import Session

if TYPE_CHECKING:
    from pathlib import Path


def test_each_corrupted_file_is_one_finding(tmp_path: Path) -> None:
    harms = corrupted(tmp_path / "data", 26)
    with Session.open(tmp_path / "data") as session:
        found = list(session.audit(Options(workers=2)).findings())
    missed, twice, wrong = judged(harms, found)
    assert not missed
    assert not twice
    assert not wrong
