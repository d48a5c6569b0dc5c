"""What a hostile question gets: a refusal in one line, and nothing read or written outside the dataset."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import hypothesis.strategies as st
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from inspector import cli
from inspector.errors import InspectorError
from inspector.query import gate
from inspector.query.tables import TABLES
from inspector.session import Session

if TYPE_CHECKING:
    from collections.abc import Iterator

WRITES = [
    "COPY records TO '{out}'",
    "COPY (SELECT 1) TO '{out}'",
    "COPY records TO '{out}' (FORMAT parquet)",
    "COPY records TO '{inside}'",
    "COPY records FROM '{secret}'",
    "copy\n records\tto '{out}'",
    "/* SELECT */ COPY records TO '{out}'",
    "-- SELECT 1\nCOPY records TO '{out}'",
    "EXPLAIN COPY records TO '{out}'",
    "EXPLAIN ANALYZE COPY records TO '{out}'",
    "EXPLAIN ANALYZE COPY records TO '{inside}'",
    "explain analyze copy (select 1) to '{inside}'",
    "EXPLAIN (ANALYZE) COPY records TO '{out}'",
    "EXPLAIN (ANALYZE, FORMAT json) COPY records TO '{out}'",
    "EXPLAIN (FORMAT json) COPY records TO '{out}'",
    "EXPLAIN /* x */ ANALYZE /* y */ COPY records TO '{out}'",
    "EXPLAIN -- x\n ANALYZE COPY records TO '{out}'",
    "/* a /* b */ c */ EXPLAIN ANALYZE COPY records TO '{out}'",
    "EXPLAIN ANALYZE EXPLAIN ANALYZE COPY records TO '{out}'",
    "EXPLAIN EXPLAIN SELECT 1",
    "EXPLAIN ANALYZE CREATE TABLE t AS SELECT 1",
    "EXPLAIN ANALYZE INSERT INTO records VALUES (1)",
    "EXPLAIN ANALYZE DELETE FROM records",
    "EXPLAIN CREATE VIEW v AS SELECT 1",
    "EXPLAIN ANALYZE ATTACH '{out}'",
    "EXPLAIN ANALYZE EXPORT DATABASE '{out}'",
    "EXPORT DATABASE '{out}'",
    "IMPORT DATABASE '{outside}'",
    "ATTACH '{out}' AS other",
    "ATTACH ':memory:' AS other",
    "ATTACH 'https://example.com/a.db'",
    "DETACH memory",
    "USE memory",
    "INSTALL httpfs",
    "INSTALL httpfs FROM community",
    "LOAD httpfs",
    "LOAD '{secret}'",
    "FORCE INSTALL httpfs",
    "UPDATE EXTENSIONS",
    "PRAGMA database_list",
    "PRAGMA enable_external_access",
    "PRAGMA show_tables",
    "PRAGMA version",
    "SET enable_external_access = true",
    "SET memory_limit = '100GB'",
    "SET lock_configuration = false",
    "SET VARIABLE x = 1",
    "RESET memory_limit",
    "RESET ALL",
    "CREATE TABLE t (a INT)",
    "CREATE TABLE t AS SELECT 1",
    "CREATE TEMP TABLE t AS SELECT 1",
    "CREATE VIEW v AS SELECT 1",
    "CREATE OR REPLACE VIEW records AS SELECT 1",
    "CREATE MACRO m(x) AS x",
    "CREATE FUNCTION m() AS TABLE SELECT 1",
    "CREATE SEQUENCE s",
    "CREATE SCHEMA s",
    "CREATE TYPE t AS ENUM ('a')",
    "CREATE INDEX i ON records(record_id)",
    "CREATE SECRET s (TYPE s3)",
    "CREATE PERSISTENT SECRET s (TYPE s3)",
    "DROP TABLE records",
    "DROP VIEW samples",
    "ALTER TABLE records ADD COLUMN a INT",
    "INSERT INTO records SELECT * FROM records",
    "INSERT INTO records VALUES ('a') RETURNING *",
    "UPDATE records SET flag = 'ok'",
    "DELETE FROM records",
    "TRUNCATE records",
    "MERGE INTO records USING records AS s ON false WHEN NOT MATCHED THEN INSERT VALUES (1)",
    "WITH x AS (DELETE FROM records RETURNING *) SELECT * FROM x",
    "WITH x AS (UPDATE records SET flag = 'ok' RETURNING *) SELECT * FROM x",
    "EXPLAIN ANALYZE WITH x AS (DELETE FROM records RETURNING *) SELECT * FROM x",
    "SELECT (WITH x AS (DELETE FROM records RETURNING *) SELECT count(*) FROM x)",
    "WITH x AS (INSERT INTO records VALUES ('a') RETURNING *) SELECT * FROM x",
    "BEGIN",
    "COMMIT",
    "ROLLBACK",
    "CHECKPOINT",
    "FORCE CHECKPOINT",
    "VACUUM",
    "ANALYZE",
    "CALL pragma_version()",
    "CALL checkpoint()",
    "CALL enable_logging()",
    "PREPARE p AS SELECT 1",
    "EXECUTE p",
    "DEALLOCATE p",
    "COMMENT ON TABLE records IS 'x'",
    "PIVOT records ON record_id",
]
SEVERAL = [
    "SELECT 1; SELECT 2",
    "SELECT 1; COPY records TO '{out}'",
    "SELECT 1;; COPY records TO '{out}'",
    "SELECT 1 --;\n; COPY records TO '{out}'",
    "SELECT ';' ; COPY records TO '{out}'",
    "SELECT $$;$$; COPY records TO '{out}'",
    "; COPY records TO '{out}'",
    "SELECT 1 /* ; */ ; DROP TABLE records",
    "EXPLAIN SELECT 1; COPY records TO '{out}'",
    "",
    "   ",
    "-- nothing",
    "/* nothing */",
    ";",
]
READS = [
    "SELECT * FROM '{secret}'",
    'SELECT * FROM "{secret}"',
    "SELECT * FROM '{outside}/*.csv'",
    "SELECT * FROM '{outside}/**/*.parquet'",
    "SELECT * FROM '../outside/secret.csv'",
    "SELECT * FROM '{link}'",
    "SELECT * FROM '{folder_link}/secret.csv'",
    "FROM '{secret}'",
    "TABLE '{secret}'",
    "DESCRIBE '{secret}'",
    "DESCRIBE SELECT * FROM '{secret}'",
    "SUMMARIZE '{secret}'",
    "SUMMARIZE SELECT * FROM '{secret}'",
    "SELECT * FROM read_csv('{secret}')",
    "SELECT * FROM read_csv_auto('{secret}')",
    "SELECT * FROM READ_CSV(['{secret}'])",
    "SELECT * FROM read_csv('{inside_csv}')",
    "SELECT * FROM read_csv('{link}')",
    "SELECT * FROM read_parquet('{outside}/*.parquet')",
    "SELECT * FROM parquet_scan('{outside}/a.parquet')",
    "SELECT * FROM parquet_metadata('{outside}/a.parquet')",
    "SELECT * FROM parquet_schema('{outside}/a.parquet')",
    "SELECT * FROM parquet_file_metadata('{outside}/a.parquet')",
    "SELECT * FROM parquet_kv_metadata('{outside}/a.parquet')",
    "SELECT * FROM parquet_bloom_probe('{outside}/a.parquet', 'a', 1)",
    "SELECT * FROM read_json('{secret}')",
    "SELECT * FROM read_json_auto('{secret}')",
    "SELECT * FROM read_ndjson('{secret}')",
    "SELECT * FROM read_json_objects('{secret}')",
    "SELECT * FROM read_text('{secret}')",
    "SELECT * FROM read_blob('{secret}')",
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM sniff_csv('{secret}')",
    "SELECT * FROM glob('{outside}/*')",
    "SELECT * FROM glob('/**')",
    "SELECT * FROM 'https://example.com/a.csv'",
    "SELECT * FROM read_csv('https://example.com/a.csv')",
    "SELECT * FROM read_parquet('s3://bucket/a.parquet')",
    "SELECT * FROM 'hf://datasets/a/b.parquet'",
    "SELECT * FROM query('SELECT 1')",
    "SELECT * FROM query('COPY records TO ''{out}''')",
    "SELECT * FROM query_table('records')",
    "SELECT * FROM query_table(['{secret}'])",
    "SELECT * FROM json_execute_serialized_sql('{{}}')",
    "SELECT * FROM sqlite_scan('{secret}', 't')",
    "SELECT * FROM postgres_scan('', '', '')",
    "SELECT * FROM iceberg_scan('{secret}')",
    "SELECT * FROM arrow_scan(1, 2, 3)",
    "SELECT * FROM pandas_scan(1)",
    "SELECT * FROM python_map_function(1)",
    "SELECT * FROM a_python_local",
    "SELECT * FROM duckdb_settings()",
    "SELECT * FROM duckdb_secrets()",
    "SELECT * FROM duckdb_tables()",
    "SELECT * FROM duckdb_logs()",
    "SELECT * FROM pragma_database_list()",
    "SELECT * FROM pragma_table_info('records')",
    "SELECT * FROM duckdb_extensions()",
    "SELECT * FROM which_secret('a', 's3')",
    "SELECT * FROM summary((SELECT 1))",
    "SELECT * FROM repeat('x', 1000000000)",
    "SELECT * FROM test_all_types()",
    "SELECT * FROM information_schema.tables",
    "SELECT * FROM sqlite_master",
    "SELECT * FROM pg_catalog.pg_class",
    "SELECT * FROM pg_class",
    "SELECT * FROM duckdb_columns",
    "SELECT * FROM main.records",
    "SELECT * FROM memory.main.records",
    "SELECT * FROM temp.records",
    "SELECT * FROM system.main.duckdb_settings()",
    "SELECT * FROM incoming",
    "SELECT * FROM records AT (VERSION => 1)",
    "SHOW TABLES",
    "SHOW ALL TABLES",
    "SHOW DATABASES",
    "DESCRIBE",
    "SELECT (SELECT count(*) FROM '{secret}')",
    "SELECT * FROM records WHERE record_id IN (SELECT content FROM read_text('{secret}'))",
    "SELECT * FROM records WHERE EXISTS (FROM '{secret}')",
    "SELECT * FROM records ORDER BY (SELECT max(a) FROM '{secret}')",
    "SELECT * FROM records LIMIT (SELECT count(*) FROM '{secret}')",
    "SELECT * FROM records, LATERAL (SELECT * FROM read_text('{secret}'))",
    "SELECT * FROM records UNION ALL SELECT * FROM '{secret}'",
    "WITH x AS (SELECT * FROM '{secret}') SELECT * FROM x",
    "WITH x AS MATERIALIZED (SELECT * FROM read_text('{secret}')) SELECT 1",
    'WITH "{secret}" AS (SELECT 1) SELECT * FROM "{secret}"',
    'SELECT * FROM (WITH "{secret}" AS (SELECT 1) SELECT 1), "{secret}"',
    "SELECT * FROM (WITH inner_one AS (SELECT 1) SELECT 1), inner_one",
    "WITH a AS (SELECT * FROM b), b AS (SELECT 1) SELECT * FROM a",
    "WITH records AS (SELECT 1) SELECT * FROM records",
    "WITH RECURSIVE t AS (SELECT 1 UNION ALL SELECT * FROM '{secret}') SELECT * FROM t",
    "SELECT list_transform([1], x -> (SELECT count(*) FROM '{secret}'))",
    "SELECT CASE WHEN true THEN (SELECT count(*) FROM '{secret}') END",
    "SELECT sum(1) FILTER (WHERE (SELECT true FROM '{secret}'))",
    "SELECT row_number() OVER (ORDER BY (SELECT 1 FROM '{secret}'))",
    "VALUES ((SELECT count(*) FROM '{secret}'))",
    "PIVOT '{secret}' ON a IN (1) USING count(*)",
    "UNPIVOT '{secret}' ON a",
    "EXPLAIN SELECT * FROM '{secret}'",
    "EXPLAIN ANALYZE SELECT * FROM read_text('{secret}')",
    "SELECT getenv('HOME')",
    "SELECT GETENV('PATH')",
    "SELECT system.main.getenv('HOME')",
    "SELECT main.getenv('HOME')",
    "SELECT current_setting('temp_directory')",
    "SELECT getvariable('x')",
    "SELECT nextval('s')",
    "SELECT write_log('x')",
    "SELECT current_database()",
    "SELECT pg_get_viewdef(1)",
    "SELECT list_transform(['HOME'], x -> getenv(x))",
    "SELECT 'HOME'.getenv()",
    "SELECT version()",
    "SELECT sleep_ms(100000)",
    "SELECT * FROM _0",
    "WITH _0 AS (SELECT 1) SELECT * FROM _0, search('a')",
    "SELECT * FROM search()",
    "SELECT * FROM search('a', 'b')",
    "SELECT * FROM search('a' || 'b')",
    "SELECT * FROM search((SELECT content FROM read_text('{secret}')))",
    "SELECT search('a')",
    "SELECT json_serialize_plan('SELECT 1')",
]
HEAVY = [
    "SELECT count(*) FROM range(1000000) a, range(1000000) b WHERE a.range * b.range % 7 = 3",
    "SELECT max(hash(d.range, e.range, a.record_id)) FROM records a, range(10000000) d, range(10000000) e",
    "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT max(n) FROM t",
    "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t, range(3)) SELECT count(*) FROM t",
    "SELECT list(a.range) FROM range(100000000000) a",
    "SELECT string_agg(repeat('x', 1000000), '') FROM range(1000000)",
    "SELECT repeat('x', 4000000000)",
    "SELECT a.range, b.range FROM range(100000000) a, range(100000000) b ORDER BY 2, 1 DESC",
    "SELECT len(range(100000000000))",
]
LARGE = [
    "SELECT repeat('x', 4000000000)",
    "SELECT repeat(repeat(repeat('x', 1000), 1000), 1000)",
    "SELECT repeat('x', a.range) FROM range(4000000000, 4000000001) a",
    "SELECT lpad('x', 4000000000, 'y')",
    "SELECT rpad('x', 4 * 1000000000, 'y')",
    "SELECT printf('%4000000000d', 1)",
    "SELECT printf('%*d', 2000000000, 1)",
    "SELECT format('{{:2000000000d}}', 1)",
    "SELECT format('{{:>{{}}}}', 'x', 2000000000)",
    "SELECT list_resize([1], 4000000000, 0)",
    "SELECT len(range(1000000000))",
    "SELECT len(range(-1000000000, 1))",
    "SELECT len(generate_series(1, 1000000000))",
    "SELECT len(range(TIMESTAMP '0001-01-01', TIMESTAMP '2001-01-01', INTERVAL 1 SECOND))",
    "SELECT [[[y for y in range(1000)] for z in range(1000)] for x in range(1000)]",
    "SELECT list_reduce([1, 2, 3], lambda a, b: a + b)",
    "SELECT bitstring('1', 4000000000)",
    "SELECT equi_width_bins(0, 100000000, 100000000, false)",
    "SELECT to_base(1, 2, 2000000000)",
]
"""One call that would take all memory at once, which no limit of DuckDB's counts and no interrupt reaches."""
GOOD = [
    "SELECT * FROM records",
    "select Record_ID from RECORDS;",
    "FROM records SELECT record_id WHERE flag IS NULL",
    "TABLE records",
    "VALUES (1), (2)",
    "(SELECT 1)",
    "SELECT 1 UNION SELECT 2",
    "DESCRIBE records",
    "SUMMARIZE records",
    "EXPLAIN SELECT * FROM records",
    "EXPLAIN ANALYZE SELECT * FROM records",
    "/* a */ -- b\n SELECT 1",
    "SELECT 'COPY x TO y; DROP TABLE records'",
    "WITH a AS (SELECT 1 AS x), b AS (SELECT * FROM a) SELECT * FROM b",
    "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 9) SELECT sum(n) FROM t",
    "SELECT * FROM range(3), generate_series(1, 2), unnest([1, 2])",
    "SELECT lpad('7', 3, '0'), repeat('-', 20), range(10), generate_series(0, 100, 10)",
    "SELECT printf('%05.2f s', 1.5), format('{:>10} {}', 'a', 100000), bar(5, 0, 10, 20)",
    "SELECT count(*) FROM range(100000000)",
    "SELECT unnest([1, 2]), lag(1) OVER (ORDER BY 1), count(*) FILTER (WHERE true)",
    "SELECT COLUMNS('rec.*') FROM records",
    "PIVOT coverage ON state IN ('present', 'absent') USING count(*) GROUP BY modality",
    "SELECT * FROM words w ASOF JOIN samples s ON w.record_id = s.record_id AND w.start_s >= s.t_s",
    "SELECT * FROM records TABLESAMPLE 10 ROWS",
    "SELECT * FROM records r, LATERAL (SELECT count(*) FROM streams s WHERE s.record_id = r.record_id)",
]


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A dataset, and beside it what must not be read."""
    base = tmp_path_factory.mktemp("gate")
    root, outside = base / "set", base / "outside"
    root.mkdir()
    outside.mkdir()
    (root / "imu.csv").write_text("time_s,x\n0.0,1\n0.1,2\n0.2,3\n0.3,4\n")
    (outside / "secret.csv").write_text("a\nTHE SECRET\n")
    pq.write_table(pa.table({"a": ["THE SECRET"]}), outside / "a.parquet")
    (root / "link.csv").symlink_to(outside / "secret.csv")
    (root / "folder").symlink_to(outside)
    return {
        "root": str(root),
        "outside": str(outside),
        "secret": str(outside / "secret.csv"),
        "out": str(base / "written"),
        "inside": str(root / "written"),
        "inside_csv": str(root / "imu.csv"),
        "link": str(root / "link.csv"),
        "folder_link": str(root / "folder"),
    }


@pytest.fixture(scope="module")
def session(places: dict[str, str]) -> Iterator[Session]:
    with Session.open(places["root"]) as opened:
        opened.query("SELECT 1")  # its thread is the fixture's
        yield opened


@pytest.fixture
def untouched(places: dict[str, str]) -> Iterator[None]:
    """Nothing was written into or beside the dataset."""

    def seen() -> list[tuple[str, bytes]]:
        top = Path(places["root"]).parent
        return [(str(path), path.read_bytes()) for path in sorted(top.rglob("*")) if path.is_file()]

    before = seen()
    yield
    assert seen() == before


def test_there_are_at_least_150_of_them() -> None:
    assert len({*WRITES, *SEVERAL, *READS, *HEAVY, *LARGE}) >= 150


@pytest.mark.parametrize("sql", [*WRITES, *SEVERAL, *READS, *LARGE])
@pytest.mark.usefixtures("untouched")
def test_what_is_refused(session: Session, places: dict[str, str], sql: str) -> None:
    a_python_local = pa.table({"a": ["THE SECRET"]})
    with pytest.raises(InspectorError) as refused:
        session.query(sql.format(**places), limit=10, timeout_s=20)
    text = str(refused.value)
    assert "\n" not in text
    assert "THE SECRET" not in text
    assert len(text) < 500
    del a_python_local


def test_the_gate_alone_refuses_them_too(places: dict[str, str]) -> None:
    """Before anything runs: the engine's settings are the second wall, and are not needed here."""
    for sql in (*WRITES, *SEVERAL, *READS, *LARGE):
        with pytest.raises(InspectorError):
            gate.examine(sql.format(**places), TABLES)


@pytest.mark.parametrize("sql", READS[:8] + READS[13:24] + READS[30:40])
def test_the_second_wall_stands_alone(
    session: Session, places: dict[str, str], sql: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the gate taken away the engine still opens no file outside the dataset."""
    monkeypatch.setattr(gate, "examine", lambda text, _: gate.Asked(text, "", 0, frozenset(), frozenset()))
    inside = f"SELECT count(*) AS n FROM read_csv('{places['inside_csv']}')"
    assert session.query(inside, timeout_s=20).table.to_pylist() == [{"n": 4}]  # the gate is away
    try:
        answer = session.query(sql.format(**places), limit=10, timeout_s=20)
    except InspectorError:
        return
    assert "THE SECRET" not in str(answer.table.to_pydict())


@pytest.mark.parametrize("sql", HEAVY)
@pytest.mark.usefixtures("untouched")
def test_what_would_not_end_is_stopped(session: Session, sql: str) -> None:
    with pytest.raises(InspectorError):
        session.query(sql, limit=10, timeout_s=1)


@pytest.mark.parametrize("sql", GOOD)
def test_what_is_let_through(session: Session, sql: str) -> None:
    session.query(sql, limit=10, timeout_s=60)


@hypothesis.given(st.text(max_size=60))
def test_any_text_is_answered_or_refused(text: str) -> None:
    told = ""
    try:
        gate.examine(text, TABLES)
    except InspectorError as error:
        told = str(error)
    assert "\n" not in told


@hypothesis.given(
    st.sampled_from(WRITES),
    st.sampled_from(["SELECT 1", "(", ")", "WITH x AS (", "--", "/*", "'", '"', "$$"]),
)
def test_a_write_is_refused_in_whatever_it_is_wrapped(write: str, wrap: str) -> None:
    hostile = write.format(
        out="/x", inside="/x", secret="/x", outside="/x", link="/x", folder_link="/x", inside_csv="/x"
    )
    for text in (
        f"{wrap} {hostile}",
        f"{hostile} {wrap}",
        f"{wrap}{hostile}{wrap}",
        f"EXPLAIN ANALYZE {wrap} {hostile}",
    ):
        try:
            asked = gate.examine(text, TABLES)
        except InspectorError:
            continue
        assert asked.before.upper().strip() in ("", "EXPLAIN", "EXPLAIN ANALYZE")
        assert asked.select.upper().lstrip().startswith(("SELECT", "WITH"))


def test_a_condition_is_one_expression(session: Session) -> None:
    every = session.record_ids()
    assert session.where("flag IS NULL -- none of them") == every
    assert session.where("flag = 'ok'") == []
    for bad in (
        "false) OR (true",
        "1; COPY records TO 'x'",
        "record_id IN (SELECT * FROM '/etc/passwd')",
        "true FROM records",
        "true, false",
        "",
    ):
        with pytest.raises(InspectorError):
            session.where(bad)


@pytest.mark.parametrize(
    ("sql", "word"),
    [
        ("SELECT nope FROM records", "nope"),
        ("SELECT\n  record_id,\n  nope\nFROM records", "nope"),
        ("SELECT record_id FROM nope", "nope"),
        ("SELECT record_id FRM records", "records"),
        ("SELECT nope(record_id) FROM records", "nope"),
        ("/* why */ EXPLAIN SELECT nope FROM records", "nope"),
        ("EXPLAIN ANALYZE SELECT record_id FROM nope", "nope"),
        ("SELECT search.text, nope FROM search('naïve – ünder')", "nope"),
        ("SELECT s.text, nope FROM search('naïve – ünder') s", "nope"),
    ],
)
def test_an_error_names_its_place(session: Session, sql: str, word: str) -> None:
    with pytest.raises(InspectorError) as told:
        session.query(sql)
    assert getattr(told.value, "position", None) == sql.index(word)


@pytest.mark.usefixtures("untouched")
def test_the_command_line_refuses_them_too(
    places: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """A third of them, each with status 2 and one line on stderr, in every format: all meet the same gate."""
    hostile = (*WRITES, *SEVERAL, *READS, *LARGE)[::3]
    for number, sql in enumerate(hostile):
        form = ("table", "csv", "json")[number % 3]
        words = ["query", places["root"], "--format", form, "--", sql.format(**places)]
        assert cli._run(words) == cli.UNUSABLE, sql
        shown = capsys.readouterr()
        assert shown.out == ""
        assert shown.err.startswith("inspector: ")
        assert shown.err.count("\n") == 1
        assert "THE SECRET" not in shown.err
