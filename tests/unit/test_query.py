"""What the tables say, against what the records are; cancel, limits, and the command line's formats."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from inspector.audit.store import Store
from inspector.core.assets import resource
from inspector.core.model import Clock, Modality, Record, Source, Stream
from inspector.core.timemap import TimeMap
from inspector.core.times import NS
from inspector.errors import Cancelled, InspectorError
from inspector.query import engine
from inspector.query.engine import Engine
from inspector.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from inspector.core.model import Cue


class Made:
    """A session of records that a test makes up."""

    def __init__(self, root: Path, records: list[Record], index: pa.Table | None = None) -> None:
        self.root = root
        self._records = {each.id: each for each in records}
        ids = pa.array(list(self._records), pa.string())
        self.index = pa.table({"record_id": ids}) if index is None else index
        self.read: list[str] = []
        self.pace_s = 0.0

    @property
    def modalities(self) -> tuple[Modality, ...]:
        found = {stream.modality for each in self._records.values() for stream in each.streams}
        return tuple(each for each in Modality if each in found)

    @property
    def audited(self) -> Store:
        return Store(None)

    def record_ids(self) -> list[str]:
        return list(self._records)

    def record(self, record_id: str) -> Record:
        self.read.append(record_id)
        time.sleep(self.pace_s)
        return self._records[record_id]

    def cues(self, stream: Stream) -> tuple[Cue, ...]:
        return ()


@pytest.fixture
def engines() -> Iterator[Callable[[Any], Engine]]:
    made: list[Engine] = []

    def make(session: Any) -> Engine:
        made.append(Engine(session))
        return made[-1]

    yield make
    for each in made:
        each.close()


def ask(engine: Engine, sql: str, **how: Any) -> list[dict[str, Any]]:
    question = engine.ask(sql, **how)
    assert question.wait(60)
    if question.error is not None:
        raise question.error
    assert question.answer is not None
    rows: list[dict[str, Any]] = question.answer.table.to_pylist()
    return rows


@pytest.fixture(scope="module")
def demo() -> Iterator[Session]:
    with Session.open(resource("demo")) as opened:
        opened.query("SELECT * FROM words LIMIT 1")
        yield opened


def rows(session: Session, sql: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = session.query(sql, timeout_s=60).table.to_pylist()
    return found


def test_tables_say_what_the_records_are(demo: Session) -> None:
    records = [demo.record(each) for each in demo.record_ids()]
    assert rows(demo, "SELECT record_id, duration_s, axis, device FROM records ORDER BY ALL") == [
        {
            "record_id": each.id,
            "duration_s": (each.span[1] - each.span[0]) / NS,
            "axis": each.axis,
            "device": each.meta["device"],
        }
        for each in records
    ]
    streams = {(each.id, stream.id): stream for each in records for stream in each.streams}
    found = rows(demo, "SELECT * FROM streams")
    assert {(each["record_id"], each["stream_id"]) for each in found} == streams.keys()
    for each in found:
        stream = streams[each["record_id"], each["stream_id"]]
        span = stream.reference_span
        assert each["modality"] == stream.modality.value
        assert (each["start_s"], each["end_s"]) == (
            (None, None) if span is None else (span[0] / NS, span[1] / NS)
        )
    labels = sum(len(each.annotations) for each in records)
    assert rows(demo, "SELECT count(*) AS n FROM annotations") == [{"n": labels}]
    states = {(each.id, m.value): s.value for each in records for m, s in demo.coverage(each).items()}
    told = rows(demo, "SELECT * FROM coverage")
    assert {(each["record_id"], each["modality"]): each["state"] for each in told} == states
    words = sum(
        len(cue.words) or 1
        for each in records
        for stream in each.of(Modality.TEXT)
        for cue in demo.cues(stream)
    )
    assert rows(demo, "SELECT count(*) AS n FROM words") == [{"n": words}]
    for table in ("pairs", "findings", "flags", "edits"):
        assert rows(demo, f"SELECT count(*) AS n FROM {table}") == [{"n": 0}]


def test_the_schema_is_the_same_before_the_first_question() -> None:
    with Session.open(resource("demo")) as session:
        before = session.sql_schema()
        session.query("SELECT 1")
        assert session.sql_schema() == before


def test_samples_are_what_is_in_the_files(demo: Session) -> None:
    stream = demo.record("rec_001").stream("hands")
    series: Any = demo.series(stream)
    found = rows(
        demo,
        "SELECT t_s, native_t_s, minute_deg FROM samples WHERE record_id = 'rec_001' "
        "AND stream_id = 'hands' ORDER BY t_s",
    )
    assert [round(each["t_s"] * NS) for each in found] == series.t_ns.tolist()
    column = series.values[:, list(series.channels).index("minute_deg")]
    np.testing.assert_allclose([each["minute_deg"] for each in found], column)
    assert all(each["t_s"] == each["native_t_s"] for each in found)


UNITS = [("s", pa.float64(), 1e-9), ("ms", pa.int64(), 1e-6), ("us", pa.int64(), 1e-3), ("ns", pa.int64(), 1)]


@pytest.mark.parametrize(("unit", "kind", "scale"), UNITS)
@pytest.mark.parametrize("epoch_ns", [0, 1_700_000_000 * NS])
@pytest.mark.parametrize("text", [False, True])
@pytest.mark.parametrize(
    "timemap",
    [
        TimeMap(),
        TimeMap.offset(250_000_000),
        TimeMap(((0, 0), (NS, NS + 400_000))),
        TimeMap(((0, 0), (NS, NS), (2 * NS, 3 * NS), (2 * NS, 4 * NS), (3 * NS, 5 * NS))),
    ],
)
def test_times_are_the_time_maps(
    tmp_path: Path,
    engines: Callable[[Any], Engine],
    unit: str,
    kind: pa.DataType,
    scale: float,
    epoch_ns: int,
    text: bool,
    timemap: TimeMap,
) -> None:
    local = np.arange(0, 4_000, 7, dtype=np.int64) * 1_000_000 + 500
    if unit in ("ms", "us"):
        local -= 500
    stamps: list[float] = [(each + epoch_ns) // round(1 / scale) for each in local.tolist()]
    if unit == "s":
        stamps = [(each + epoch_ns) * scale for each in local.tolist()]
    table = pa.table({"at": pa.array(stamps, kind), "x": np.arange(len(local)) * 0.5})
    path = tmp_path / ("a.csv" if text else "a.parquet")
    if text:
        path.write_text(
            "at,x\n" + "".join(f"{a!r},{b!r}\n" for a, b in zip(*table.to_pydict().values(), strict=True))
        )
    else:
        pq.write_table(table, path)
    source = Source(path, "table", columns=("x",), time_column="at", time_unit=unit, epoch_ns=epoch_ns)
    stream = Stream(
        "imu", Modality.SENSOR, source, Clock("c", "epoch"), (0, 4 * NS), timemap, channels=("x",)
    )
    engine = engines(Made(tmp_path, [Record("r", (stream,))]))
    found = ask(engine, "SELECT t_s, native_t_s, x FROM samples ORDER BY x")
    slack = 1e-9 if unit != "s" or not epoch_ns else 5e-7  # what a float of that size can say
    np.testing.assert_allclose([each["native_t_s"] for each in found], local / 1e9, rtol=0, atol=slack)
    mapped = timemap.to_reference_array(local) / 1e9
    # At a jump a rounding falls to either side.
    near = np.isin(local, [0, NS, 2 * NS, 3 * NS])
    got = np.array([each["t_s"] for each in found])
    np.testing.assert_allclose(got[~near], mapped[~near], rtol=0, atol=2 * slack)
    assert [each["x"] for each in found] == table.column("x").to_pylist()


def test_many_files_are_one_scan_and_each_row_knows_whose_it_is(
    tmp_path: Path, engines: Callable[[Any], Engine]
) -> None:
    records = []
    for number in range(30):
        path = tmp_path / f"it's {number}.parquet"
        pq.write_table(pa.table({"t": [0.0, 0.5], "x": [number, number + 0.5], "T_S": [1, 2]}), path)
        source = Source(path, "table", columns=("x", "T_S"), time_column="t")
        timemap = TimeMap.offset(-number * NS)
        stream = Stream(
            f"s{number % 3}",
            Modality.SENSOR,
            source,
            Clock("c", "relative"),
            (0, NS),
            timemap,
            channels=("x", "T_S"),
        )
        records.append(Record(f"r'{number}", (stream,)))
    engine = engines(Made(tmp_path, records))
    found = ask(engine, "SELECT * FROM samples ORDER BY t_s")
    assert [each["record_id"] for each in found] == [f"r'{number}" for number in range(30) for _ in range(2)]
    assert [each["stream_id"] for each in found] == [f"s{n % 3}" for n in range(30) for _ in range(2)]
    assert [each["t_s"] for each in found] == [n + half for n in range(30) for half in (0.0, 0.5)]
    assert [each["x"] for each in found] == [n + half for n in range(30) for half in (0.0, 0.5)]
    assert [each["T_S_"] for each in found] == [1, 2] * 30
    plan = "\n".join(each["plan"] for each in ask(engine, "EXPLAIN SELECT x FROM samples WHERE x > 29"))
    assert plan.upper().count("READ_PARQUET") == 1
    assert "x" in plan


def test_text_tables_written_alike_are_one_scan(tmp_path: Path, engines: Callable[[Any], Engine]) -> None:
    """Forty files in two ways of writing, each with its own record, lateness and zero of its clock."""
    records = []
    for number in range(40):
        path = tmp_path / f"{number}.csv"
        zero = 1_700_000_000_000 + 1000 * number
        between, point = (";", ",") if number % 2 else (",", ".")
        rows = range(2) if number != 13 else ()  # an empty file moves nobody's number
        lines = [f"at{between}x", *(f"{zero + 500 * row}{between}{number}{point}{row}" for row in rows)]
        path.write_text("\n".join(lines) + "\n")
        source = Source(
            path, "table", columns=("x",), time_column="at", time_unit="ms", epoch_ns=zero * 1_000_000
        )
        late = TimeMap.offset(number * NS)
        stream = Stream("imu", Modality.SENSOR, source, Clock("c", "epoch"), (0, NS), late, channels=("x",))
        records.append(Record(f"r{number:02}", (stream,)))
    engine = engines(Made(tmp_path, records))
    found = ask(engine, "SELECT record_id, t_s, native_t_s, x FROM samples ORDER BY record_id, t_s")
    sign = 1 if TimeMap.offset(NS).to_reference(0) > 0 else -1
    assert found == [
        {
            "record_id": f"r{number:02}",
            "t_s": sign * number + row / 2,
            "native_t_s": row / 2,
            "x": float(f"{number}.{row}"),
        }
        for number in range(40)
        if number != 13
        for row in range(2)
    ]
    plan = "\n".join(each["plan"] for each in ask(engine, "EXPLAIN SELECT x FROM samples"))
    assert plan.upper().count("READ_CSV") <= 3


def test_the_index_is_asked_without_reading_records(tmp_path: Path, engines: Callable[[Any], Engine]) -> None:
    ids = [f"r{number}" for number in range(10_000)]
    index = pa.table({"record_id": ids, "Flag": ["own"] * len(ids), "cost": np.arange(len(ids))})
    session = Made(tmp_path, [Record(each, ()) for each in ids], index)
    engine = engines(session)
    assert ask(engine, "SELECT max(cost) AS c, any_value(Flag_) AS f FROM records") == [
        {"c": 9999, "f": "own"}
    ]
    question = engine.ask("SELECT * FROM records WHERE cost = 7")
    assert question.wait(60)
    assert question.answer is not None
    assert question.answer.notes  # that durations are not known is said
    assert session.read == []
    ask(engine, "SELECT count(*) FROM streams")
    ask(engine, "SELECT count(*) FROM coverage")
    assert sorted(session.read) == sorted(ids)  # each once


def test_a_large_table_is_compressed_and_answers_alike(
    tmp_path: Path, engines: Callable[[Any], Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [f"r{number}" for number in range(5000)]
    odd = {"order": ["left", "right"] * 2500, 'a "b"': [[1, 2]] * 5000, "Straße": np.arange(5000) / 7}
    session = Made(tmp_path, [], pa.table({"record_id": ids, **odd}))
    sql = 'SELECT record_id, "order", "a ""b""", Straße FROM records ORDER BY record_id DESC LIMIT 3'
    plain = ask(engines(session), sql)
    monkeypatch.setattr(engine, "LARGE", 0)
    compressed = engines(session)
    assert ask(compressed, sql) == plain
    with pytest.raises(InspectorError):
        ask(compressed, f"SELECT * FROM {engine.TABLES_IN}.records")


def test_a_record_that_cannot_be_read_is_said(tmp_path: Path, engines: Callable[[Any], Engine]) -> None:
    class Broken(Made):
        def record(self, record_id: str) -> Record:
            if record_id == "b":
                raise InspectorError("It is broken", record_id)
            return super().record(record_id)

    engine = engines(Broken(tmp_path, [Record(each, ()) for each in "abc"]))
    question = engine.ask("SELECT * FROM records")
    assert question.wait(60)
    assert question.answer is not None
    assert question.answer.table.num_rows == 3
    assert "It is broken" in question.answer.notes[0]


@pytest.mark.parametrize("stage", ["reading", "asking", "waiting"])
def test_a_question_is_cancelled(tmp_path: Path, engines: Callable[[Any], Engine], stage: str) -> None:
    session = Made(tmp_path, [Record(f"r{number}", ()) for number in range(1000)])
    engine = engines(session)
    heavy = "SELECT max(hash(a.range, b.range)) FROM range(100000000) a, range(100000000) b"
    if stage == "reading":
        session.pace_s = 0.01
        question = engine.ask("SELECT * FROM streams")
    else:
        question = engine.ask(heavy)
        if stage == "waiting":
            first, question = question, engine.ask("SELECT 1")
    while stage != "waiting" and question.doing not in ("asking", "reading records"):
        assert not question.wait(0.001)
    question.cancel()
    if stage == "waiting":
        first.cancel()
    assert question.wait(30)
    assert isinstance(question.error, Cancelled)
    session.pace_s = 0
    assert ask(engine, "SELECT 1 AS a") == [{"a": 1}]  # and the next one is answered


def test_a_long_question_draws_no_bar_on_standard_output(
    tmp_path: Path, engines: Callable[[Any], Engine]
) -> None:
    with engines(Made(tmp_path, []))._connect() as base:
        assert base.execute("SELECT current_setting('enable_progress_bar')").fetchall() == [(False,)]


def test_no_more_rows_are_made_than_are_asked_for(tmp_path: Path, engines: Callable[[Any], Engine]) -> None:
    engine = engines(Made(tmp_path, []))
    question = engine.ask("SELECT * FROM range(1000000000000)", None, 10)
    assert question.wait(60)
    assert question.answer is not None
    assert question.answer.truncated
    assert question.answer.table.num_rows == 10


def test_a_question_given_up_between_rows_leaves_the_next_alone(
    engines: Callable[[Any], Engine], tmp_path: Path
) -> None:
    engine = engines(Made(tmp_path, []))
    asked: list[Any] = []
    begun = threading.Event()

    def give_up(_batch: pa.RecordBatch) -> None:
        begun.wait(10)
        asked[0].cancel()

    asked.append(engine.ask("SELECT * FROM range(1000000)", batches=give_up))
    begun.set()
    assert asked[0].wait(60)
    assert isinstance(asked[0].error, Cancelled)
    assert ask(engine, "SELECT count(*) AS n FROM range(10)") == [{"n": 10}]


def test_closing_ends_what_runs(tmp_path: Path) -> None:
    engine = Engine(Made(tmp_path, []))
    running = engine.ask("SELECT max(hash(a.range, b.range)) FROM range(100000000) a, range(100000000) b")
    waiting = engine.ask("SELECT 1")
    while running.doing != "asking":
        assert not running.wait(0.001)
    engine.close()
    assert isinstance(running.error, Cancelled)
    assert isinstance(waiting.error, Cancelled)
    assert engine.ask("SELECT 1").wait(0)
    assert engine._thread is not None
    assert not engine._thread.is_alive()


def test_columns_of_one_name_are_told_apart(tmp_path: Path, engines: Callable[[Any], Engine]) -> None:
    engine = engines(Made(tmp_path, [Record("a", ()), Record("b", ())]))
    question = engine.ask("SELECT x.record_id, y.record_id FROM records x, records y ORDER BY ALL")
    assert question.wait(60)
    assert question.answer is not None
    assert question.answer.table.column_names == ["record_id", "record_id_1"]


def test_each_format_of_the_command_line(tmp_path: Path) -> None:
    root = str(resource("demo"))
    sql = "SELECT record_id, duration_s, anchors FROM records JOIN annotations USING (record_id) ORDER BY ALL"
    sql += " LIMIT 3"

    def run(*words: str) -> subprocess.CompletedProcess[bytes]:
        code = "import sys; from inspector.cli import main; main()"
        check = "import atexit; atexit.register(lambda: sys.stderr.write('QT' * ('PySide6' in sys.modules)))"
        return subprocess.run(
            [sys.executable, "-c", f"import sys; {check}; {code}", "query", root, *words],
            capture_output=True,
            check=False,
            env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        )

    done = run(sql, "--format", "json")
    assert (done.returncode, done.stderr) == (0, b"")  # and nothing of Qt was loaded
    plain = json.loads(done.stdout)
    assert [each["record_id"] for each in plain] == ["rec_001"] * 3
    table = list(csv.DictReader(io.StringIO(run(sql, "--format", "csv").stdout.decode())))
    assert [each["record_id"] for each in table] == ["rec_001"] * 3
    assert json.loads(table[0]["anchors"]) == plain[0]["anchors"]
    assert b"rec_001" in run(sql).stdout
    out = tmp_path / "a.parquet"
    assert run(sql, "--format", "parquet", "--out", str(out)).returncode == 0
    assert pq.read_table(out).column("record_id").to_pylist() == ["rec_001"] * 3
    for words in (
        (sql, "--format", "parquet"),
        (sql, "--format", "xml"),
        (sql, "--out", f"{root}/a.csv"),
        (sql, "--out", str(tmp_path / "none" / "a.csv")),
        ("SELECT nope FROM records",),
        ("SELECT max(hash(a.range)) FROM range(1000000000000) a", "--timeout", "0.5"),
    ):
        done = run(*words)
        assert done.returncode == 2
        assert done.stdout == b""
        assert done.stderr.count(b"\n") == 1
    assert json.loads(run("SELECT * FROM flags", "--format", "json").stdout) == []
    assert run("SELECT * FROM flags", "--format", "csv").stdout.startswith(b'"record_id"')
