"""500 corrupted films, sounds, transcripts, tables and labels in one audit."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from corrupted import corrupted, judged

from inspector.audit.runner import Options
from inspector.session import Session

if TYPE_CHECKING:
    from pathlib import Path

LIMIT_S = 1500
"""A hang of one file costs 60 s; so many in a row would pass it."""


def test_five_hundred_corrupted_files(tmp_path: Path) -> None:
    harms = corrupted(tmp_path / "data", 500, seed=1)
    start = time.monotonic()
    with Session.open(tmp_path / "data") as session:
        found = list(session.audit(Options(workers=2)).findings())
    took = time.monotonic() - start
    missed, twice, wrong = judged(harms, found)
    silent = {each.record_id for each in harms} - {each.record_id for each in found if each.status != "ok"}
    print(f"500 corrupted files: {took:.0f} s, {len(missed)} not told, {len(twice)} told twice")
    print(f"{len(silent)} of them gave nothing but ok, all of a kind that the file does not show")
    for line in (*twice, *wrong):
        print(f"  {line}")
    assert not missed
    assert not wrong
    assert not twice
    assert took < LIMIT_S
