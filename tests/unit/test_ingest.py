"""A table read by another column of times: chosen by a curator, in force wherever samples are asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from inspector.audit.work import content_of_record
from inspector.cli import main
from inspector.core.effective import ingest_path
from inspector.core.times import NS
from inspector.errors import InspectorError
from inspector.readers.ingest import restamped, time_choices
from inspector.session import Session

if TYPE_CHECKING:
    from pathlib import Path

    from inspector.core.model import Stream

ROWS = 200
EPOCH = 1_700_000_000_000


@pytest.fixture(params=["csv", "parquet"])
def dataset(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Two records with a sensor each: `t` counts ms and does not say so, `host_time` does since 1970."""
    rng = np.random.default_rng(1)
    for name in ("one", "two"):
        folder = tmp_path / "data" / name
        folder.mkdir(parents=True)
        (folder / "talk.srt").write_text("1\n00:00:00,000 --> 00:00:01,000\nhello\n", "utf-8")
        step = np.arange(ROWS)
        table = pa.table(
            {
                "t": step * 20,
                "host_time": EPOCH + step * 25,
                "x": np.round(rng.normal(size=ROWS), 3),
                "note": [f"row {row}" for row in range(ROWS)],
            }
        )
        if request.param == "parquet":
            pq.write_table(table, folder / "imu.parquet")
        else:
            import pyarrow.csv as pc

            pc.write_csv(table, folder / "imu.csv")
    return tmp_path / "data"


def imu(session: Session, record_id: str = "one") -> Stream:
    return session.record(record_id).stream("imu")


def ingest(session: Session, record_id: str, column: str, unit: str) -> None:
    value = {"time_column": column, "time_unit": unit}
    stream = imu(session, record_id)
    session.edit("time column", [session.curation.change(record_id, ingest_path(stream.id), value)])


def test_another_column_and_unit_tell_span_rate_and_samples(dataset: Path) -> None:
    with Session.open(dataset, author="ann") as session:
        stream = imu(session)
        before = content_of_record(session.record("one"))
        choices = dict(time_choices(stream))
        assert {"t", "host_time"} <= set(choices)
        assert "note" not in choices
        assert "x" not in choices
        was = stream.source.time_column
        other = "host_time" if was == "t" else "t"
        ingest(session, "one", other, "ms")
        now = imu(session)
        step = 25 if other == "host_time" else 20
        assert now.source.time_column == other
        assert now.span == (0, ROWS * step * NS // 1000)
        assert now.rate == pytest.approx(1000 / step)
        series = session.series(now)
        assert series.channels == ("x",)
        asked = session.query("SELECT max(t_s), count(*) FROM samples WHERE record_id = 'one'").table
        assert [column[0].as_py() for column in asked.columns] == [
            pytest.approx((ROWS - 1) * step / 1000),
            ROWS,
        ]
        assert imu(session, "two").source.time_column == was
        assert content_of_record(session.record("one")) != before  # the audit measures it anew
        ingest(session, "one", other, "s")
        seconds = imu(session).span or (0, 0)
        if other == "t":
            assert seconds == (0, ROWS * step * NS)
        session.undo()
        session.undo()
        assert imu(session) == stream


def test_what_cannot_be_read_so_is_said_and_the_rest_is_shown(dataset: Path) -> None:
    with Session.open(dataset, author="ann") as session:
        stream = imu(session)
        for column, unit, told in (
            ("gone", "s", "no such column"),
            ("note", "ms", "no times in ms"),
            ("t", "weeks", "no column and unit"),
            ("host_time", "s", "no times in s"),
        ):
            with pytest.raises(InspectorError, match=told):
                restamped(stream, {"time_column": column, "time_unit": unit})
        ingest(session, "one", "gone", "s")
        record = session.record("one")
        assert imu(session) == stream
        assert any("no such column" in str(problem) for problem in record.problems)


def test_a_release_is_read_by_the_chosen_column(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Session.open(dataset, author="ann") as session:
        was = imu(session).source.time_column
        other = "host_time" if was == "t" else "t"
        ingest(session, "one", other, "ms")
        span = imu(session).span
    out = tmp_path / "out"
    with pytest.raises(SystemExit) as end:
        main(["export", str(dataset), str(out)])
    assert end.value.code in (0, None), capsys.readouterr().err
    with Session.open(out) as session:
        released = imu(session)
        assert released.source.time_column == other
        assert released.span == span
