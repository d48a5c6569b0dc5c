"""Records that are read in another process are those that would be read here."""

from __future__ import annotations

import json
import os
import signal
import threading
from dataclasses import replace
from datetime import time
from decimal import Decimal
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from inspector.core.model import Modality
from inspector.media import child
from inspector.readers import apart
from inspector.readers.apart import Apart, from_plain, to_plain
from inspector.readers.folder import FolderReader

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from inspector.readers.folder import FolderDataset

RECORDS = 100


@pytest.fixture
def dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FolderDataset:
    monkeypatch.setattr(apart, "WORTH", 10)
    rows = ["imu_file_name,words_file_name,label_file_name,note,when"]
    for number in range(RECORDS):
        home = tmp_path / "data" / f"r{number:03}"
        home.mkdir(parents=True)
        (home / "imu.csv").write_text("t_s,x,y\n" + "".join(f"{n / 10},{n},{number}\n" for n in range(20)))
        (home / "words.vtt").write_text(f"WEBVTT\n\n00:00.100 --> 00:00.400\nrecord {number}\n")
        (home / "labels.csv").write_text("start_s,end_s,label,weight\n0.1,0.2,wave,0.5\n")
        if number % 10 == 3:
            (home / "imu.csv").write_text("")
        names = ",".join(f"{home.name}/{each}" for each in ("imu.csv", "words.vtt", "labels.csv"))
        rows.append(f"{names},{'nothing' if number % 7 else ''},2026-11-{number % 28 + 1:02}")
    (tmp_path / "data" / "metadata.csv").write_text("\n".join(rows) + "\n")
    return FolderReader.open(tmp_path / "data")


@pytest.fixture
def here(dataset: FolderDataset, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The records that this process reads."""
    read: list[str] = []
    load = dataset.load

    def counted(record_id: str) -> Any:
        read.append(record_id)
        return load(record_id)

    monkeypatch.setattr(dataset, "load", counted)
    return read


def begun(reads: Apart) -> None:
    until(lambda: reads._next > 0)


def until(done: Callable[[], bool]) -> None:
    last = monotonic() + 60
    while not done():
        assert monotonic() < last
        sleep(0.01)


def test_they_are_equal_and_most_come_from_the_other_process(dataset: FolderDataset, here: list[str]) -> None:
    ids = dataset.index.column("record_id").to_pylist()
    with Apart(dataset, ids) as reads:
        begun(reads)
        found = [reads.load(each) for each in ids]
    assert len(here) < RECORDS / 2
    assert found == [type(dataset).load(dataset, each) for each in ids]
    assert any(record.problems for record in found)
    assert {type(record.streams[0].source.path) for record in found} == {type(dataset.root)}


def test_a_child_that_dies_takes_nothing_along(
    dataset: FolderDataset, here: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apart, "AHEAD", 1)  # none of them is at its end, and gone, when they are killed
    ids = dataset.index.column("record_id").to_pylist()
    made: list[child.Child] = []
    first = child.Child.__init__

    def noted(self: child.Child, module: str) -> None:
        first(self, module)
        made.append(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(child.Child, "__init__", noted)
        with Apart(dataset, ids) as reads:
            begun(reads)
            found = [reads.load(each) for each in ids[:5]]
            for each in made:
                os.kill(each._process.pid, signal.SIGKILL)
            found += [reads.load(each) for each in ids[5:]]
    assert [each.id for each in found] == ids
    assert ids[-1] in here


def test_another_dataset_at_that_place_is_not_taken_for_this_one(
    dataset: FolderDataset, here: list[str]
) -> None:
    ids = dataset.index.column("record_id").to_pylist()
    table = dataset.root / "metadata.csv"
    table.write_text(table.read_text().replace("nothing", "something"))
    with Apart(dataset, ids) as reads:
        begun(reads)
        found = [reads.load(each) for each in ids]
    assert here == ids
    assert {record.meta["note"] for record in found} <= {"nothing", None, ""}


def test_closing_waits_for_no_child(dataset: FolderDataset, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = threading.Event()
    answer = child.Child.answer

    def long(self: child.Child, question: Any, limit_s: float) -> dict[str, Any]:
        asked.set()
        assert self._process.stdout is not None
        if not self._process.stdout.readline():  # nobody has asked it anything: it says nothing until it ends
            raise EOFError
        return answer(self, question, limit_s)

    monkeypatch.setattr(child.Child, "answer", long)
    reads = Apart(dataset, dataset.index.column("record_id").to_pylist())
    assert asked.wait(60)
    reads.close()
    assert not any(each.is_alive() for each in reads._threads)


def test_few_records_and_those_with_sound_are_read_here(
    dataset: FolderDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = dataset.index.column("record_id").to_pylist()
    assert not Apart(dataset, ids[:9])._threads
    monkeypatch.setattr(apart, "_ELSEWHERE", {Modality.TEXT.value})
    assert not Apart(dataset, ids)._threads


def test_what_json_would_change_is_not_sent(dataset: FolderDataset) -> None:
    record = dataset.load("r001")
    assert from_plain(to_plain(record)) == record
    table = pa.table(
        {
            "at": pa.array([1_700_000_000_000_000], pa.timestamp("us", "Europe/Berlin")),
            "sum": pa.array([Decimal("1.50")]),
            "hour": pa.array([time(12, 30)]),
            "big": pa.array([2**62]),
        }
    )
    record = replace(record, meta=table.to_pylist()[0])
    again = from_plain(json.loads(json.dumps(to_plain(record))))
    assert again == record
    assert {name: str(each) for name, each in again.meta.items()} == {
        name: str(each) for name, each in record.meta.items()
    }
    odd = replace(record, meta={"pair": (1, 2)})
    with pytest.raises(ValueError, match="r001"):
        to_plain(odd)
