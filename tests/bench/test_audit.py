"""How fast the checks that need only the index are, over a million records."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from inspector.audit.runner import Options, Run
from inspector.audit.store import Store

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
