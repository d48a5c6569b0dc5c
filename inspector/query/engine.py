"""One DuckDB database in memory over the dataset where it lies, and the one thread that asks it.

The index is a table; what records tell (streams, labels, words) is read once, when a question names it, with
progress and a cancel; `samples` is a view over the files. Nothing here knows of Qt.
"""

from __future__ import annotations

import logging
import os
import queue
import re
import shutil
import threading
import time
from contextlib import suppress
from itertools import count
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa

from inspector.core.cache import user_cache
from inspector.core.manifest import is_release
from inspector.core.times import s_from_ns
from inspector.errors import Cancelled, InspectorError
from inspector.query import audited, gate
from inspector.query.curated import Curated
from inspector.query.formats import distinct
from inspector.query.fulltext import Texts
from inspector.query.names import identifier, literal
from inspector.query.question import Answer, Question
from inspector.query.samples import FIXED, Sampled, view_of
from inspector.query.tables import (
    OF_RECORDS,
    SCHEMAS,
    TABLES,
    annotation_rows,
    coverage_rows,
    index_columns,
    sql_type,
    stream_rows,
    word_rows,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from inspector.query.question import Asker

MEMORY_MB = 1024
BATCH = 8192
READ_AT_ONCE = 2000
"""Records of a dataset of so many at most are read for their durations; of a larger one only where a table of
what is in the records is asked for."""
CHUNK = 50_000
"""Rows that wait as Python objects for a table of what records tell."""
TABLES_IN = "held"
"""The database in memory that holds the tables."""
LARGE = 16 << 20
"""Bytes of a table that are worth compressing."""
_serial = count()

log = logging.getLogger(__name__)


class Engine:
    """The database of one session. Safe to ask from any thread; `close` it."""

    def __init__(self, session: Asker, memory_mb: int = MEMORY_MB) -> None:
        self._session = session
        self._memory_mb = memory_mb
        self._spill = user_cache().root / "query" / f"{os.getpid()}-{next(_serial)}"
        self._queue: queue.SimpleQueue[Question | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = False
        self._running: Question | None = None
        self._notes: dict[str, tuple[str, ...]] = {}
        self._read = False
        self._words = False
        self.curated = Curated(session)
        self.texts = Texts(session)
        self._audited = -1
        self._schema: dict[str, tuple[tuple[str, str], ...]] = {}
        self._functions: tuple[str, ...] = ()

    # -- from any thread -----------------------------------------------------------------------------------

    def ask(
        self,
        sql: str,
        then: Callable[[Question], None] | None = None,
        limit: int | None = 100_000,
        timeout_s: float | None = None,
        batches: Callable[[pa.RecordBatch], None] | None = None,
    ) -> Question:
        """Queue a question; `then` is called in the engine's thread when it ended, whichever way."""
        question = Question(sql, limit, then, timeout_s, batches=batches)
        with self._lock:
            if self._closed:
                question.error = Cancelled("closed")
                question._ended.set()
                return question
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="inspector-query", daemon=True)
                self._thread.start()
            self._queue.put(question)
        return question

    def schema(self) -> dict[str, tuple[tuple[str, str], ...]]:
        """Each table with its columns and their types; the channels of `samples` once it was asked."""
        if self._schema:
            return dict(self._schema)
        known = {name: tuple((f.name, sql_type(f.type)) for f in schema) for name, schema in SCHEMAS.items()}
        index = self._session.index
        own = [(new, sql_type(index.schema.field(name).type)) for name, new in index_columns(index)]
        first = (("record_id", "VARCHAR"), ("duration_s", "DOUBLE"), ("axis", "VARCHAR"), ("flag", "VARCHAR"))
        fixed = tuple(zip(FIXED, ("VARCHAR", "VARCHAR", "DOUBLE", "DOUBLE"), strict=True))
        return {"records": (*first, *own), **known, "samples": fixed}

    def functions(self) -> tuple[str, ...]:
        """Names of functions that may be called, for completion; empty before the first question."""
        return self._functions

    def edited(self, touched: frozenset[str] | None) -> None:
        """These records changed; None: any may have."""
        self.curated.edited(touched)
        self.texts.edited(touched)

    def close(self, wait: bool = True) -> None:
        """Stop what runs and end the thread."""
        with self._lock:
            self._closed = True
            running, thread = self._running, self._thread
            self._queue.put(None)
        if running is not None:
            running.cancel()
        if wait and thread is not None and thread is not threading.current_thread():
            thread.join()

    # -- in the thread -------------------------------------------------------------------------------------

    def _work(self) -> None:
        base: duckdb.DuckDBPyConnection | None = None
        while (question := self._queue.get()) is not None:
            with self._lock:
                self._running = question
                closed = self._closed
            try:
                if closed:
                    raise Cancelled("closed")
                base = base or self._connect()
                question.answer = self._answer(base, question)
            except duckdb.InterruptException:
                question.error = self._interrupted(question)
            except duckdb.Error as error:
                question.error = InspectorError("The tables cannot be made", gate.first_line(error))
            except Exception as error:
                question.error = error
                if not isinstance(error, InspectorError | Cancelled):
                    log.exception("asking %s", question.sql[:500])
            with self._lock:
                self._running = None
            question._ended.set()
            if question.then is not None:
                try:
                    question.then(question)
                except Exception:
                    log.exception("after a question")
        if base is not None:
            base.close()
            shutil.rmtree(self._spill, ignore_errors=True)

    @staticmethod
    def _interrupted(question: Question) -> Exception:
        if question._late and not question._cancelled.is_set():
            return InspectorError(
                "The question took too long",
                f"stopped after {question.timeout_s:g} s",
                "Narrow it with WHERE or LIMIT, or give it longer with --timeout",
            )
        return Cancelled("the question")

    def _connect(self) -> duckdb.DuckDBPyConnection:
        config: dict[str, Any] = {
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "allow_community_extensions": "false",
            "allow_unsigned_extensions": "false",
            "temp_directory": str(self._spill),
            "max_temp_directory_size": "4GB",
            # The index lies in memory whatever is asked; a question's own room comes on top of that.
            "memory_limit": f"{self._memory_mb + 4 * self._session.index.nbytes // 1_000_000}MB",
            # Else what was held for a moment, as by compressing, is kept by the process for good.
            "allocator_background_threads": "true",
        }
        base = duckdb.connect(":memory:", config=config)
        # Tables in memory are compressed only where that is asked for: a sixth of the room, and as quick.
        base.execute(f"ATTACH ':memory:' AS {TABLES_IN} (COMPRESS)")
        base.execute(f"USE {TABLES_IN}")
        # The bar would be drawn on standard output, between the rows of an answer.
        for name in ("python_enable_replacements", "python_scan_all_frames", "enable_progress_bar"):
            base.execute(f"SET {name} = false")
        with suppress(duckdb.Error):  # a build without the zones of the world still compares stamps
            base.execute("SET TimeZone = 'UTC'")
        # The second wall: no file but the dataset's can be opened, and none of this can be changed.
        base.execute(f"SET allowed_directories = [{', '.join(map(literal, self._folders()))}]")
        base.execute("SET enable_external_access = false")
        base.execute("SET lock_configuration = true")
        for name, schema in SCHEMAS.items():
            self._fill(base, name, schema.empty_table())
        names = base.execute(
            "SELECT DISTINCT function_name FROM duckdb_functions() "
            "WHERE function_type IN ('scalar', 'aggregate') AND function_name ~ '^[a-z][a-z0-9_]*$'"
        ).fetchall()
        known = {name for (name,) in names if name not in gate.FORBIDDEN}
        self._functions = tuple(sorted({*known, gate.SEARCH}))
        self._fill_records(base, {})
        self._show_samples(base, [])
        return base

    def _folders(self) -> list[str]:
        """The dataset's, the blobs of a Hugging Face snapshot, to which its links lead, and the cache, into
        which a release's files are taken out.
        """
        root = self._session.root
        blobs = root.parent.parent / "blobs"
        folders = [str(root)]
        if root.parent.name == "snapshots" and blobs.is_dir():
            folders.append(str(blobs))
        if is_release(root):
            folders.append(str(user_cache().root))
        return folders

    def _answer(self, base: duckdb.DuckDBPyConnection, question: Question) -> Answer:
        asked = gate.examine(question.sql, TABLES)
        question.step()
        if self.curated.all_changed() or self._audit_is_new(base, asked.tables):
            self._read = self._words = False
        if asked.tables & OF_RECORDS or self._wants_durations(asked):
            self._read_records(base, question)
        if "words" in asked.tables:
            self._read_words(base, question)
        if self.curated.catch_up(base, asked.tables, self._read, self._words, self._fill):
            self._show_samples(base, [each for found in self.curated.sampled.values() for each in found])
        notes: list[str] = []
        for number, words in enumerate(asked.searches):
            found, told = self.texts.find(words, question)
            self._fill(base, f"{gate.FOUND}{number}", found)
            notes += told
        question.doing = "asking"
        start = time.monotonic()
        question.step()
        over = threading.Event()
        stopper = threading.Thread(target=_stop_when_asked, args=(base, question, over), daemon=True)
        stopper.start()
        try:
            table, truncated = self._rows(base, asked, question)
        except duckdb.Error as error:
            if isinstance(error, duckdb.InterruptException):
                raise
            raise _told(_placed(base, error, asked.select), asked) from None
        finally:
            over.set()
            stopper.join()
        notes += [note for name in sorted(asked.tables) for note in self._notes.get(name, ())]
        if "records" in asked.tables and not self._read and asked.columns & {"*", "duration_s"}:
            notes.append("duration_s is empty: ask of `streams` to have every record read")
        return Answer(table, truncated, time.monotonic() - start, tuple(notes))

    def _rows(
        self, base: duckdb.DuckDBPyConnection, asked: gate.Asked, question: Question
    ) -> tuple[pa.Table, bool]:
        if asked.before:
            plan = "\n".join(str(row[-1]) for row in base.execute(asked.before + asked.select).fetchall())
            return pa.table({"plan": plan.splitlines()}), False
        reader = base.sql(asked.select).to_arrow_reader(BATCH)
        schema = distinct(reader.schema)
        kept: list[pa.RecordBatch] = []
        rows = 0
        try:
            for batch in reader:
                question.step()
                batch = pa.RecordBatch.from_arrays(batch.columns, schema=schema)
                if question.batches is not None:
                    question.batches(batch)
                    continue
                rows += batch.num_rows
                if question.limit is not None and rows > question.limit:
                    kept.append(batch.slice(0, batch.num_rows - (rows - question.limit)))
                    return pa.Table.from_batches(kept, schema), True
                kept.append(batch)
        finally:
            reader.close()  # a result that is open, of a question given up, is in the next one's way
        return pa.Table.from_batches(kept, schema), False

    def _wants_durations(self, asked: gate.Asked) -> bool:
        few = len(self._session.index) <= READ_AT_ONCE
        return few and "records" in asked.tables and bool(asked.columns & {"*", "duration_s", "axis"})

    def _audit_is_new(self, base: duckdb.DuckDBPyConnection, tables: frozenset[str]) -> bool:
        if not tables & audited.TABLES or (found := self._session.audited).version == self._audited:
            return False
        for name in audited.OWN:
            self._fill(base, name, found.table(name).select(SCHEMAS[name].names))
        self._audited = found.version
        return True

    # -- what records tell ---------------------------------------------------------------------------------

    def _read_records(self, base: duckdb.DuckDBPyConnection, question: Question) -> None:
        """Every record once: streams, coverage, labels, and where the samples are."""
        if self._read:
            return
        session, root = self._session, str(self._session.root)
        ids = session.record_ids()
        question.doing, question.total = "reading records", len(ids)
        rows: dict[str, list[dict[str, Any]]] = {"streams": [], "coverage": [], "annotations": []}
        made: dict[str, list[pa.Table]] = {name: [] for name in rows}
        spans: dict[str, tuple[float, str]] = {}
        sampled: list[Sampled] = []
        failed: list[str] = []

        def flush() -> None:
            for name, waiting in rows.items():
                made[name].append(pa.Table.from_pylist(waiting, SCHEMAS[name]))
                waiting.clear()

        loaded = []
        for done, record_id in enumerate(ids):
            question.step()
            question.done = done
            try:
                record = session.record(record_id)
            except InspectorError as error:
                failed.append(f"{record_id}: {error}")
                continue
            start, end = record.span
            spans[record_id] = (s_from_ns(end - start), record.axis)
            rows["streams"] += stream_rows(record, root)
            rows["annotations"] += annotation_rows(record)
            sampled += self.curated.note(record)
            loaded.append((record_id, record.coverage, {stream.modality for stream in record.streams}))
            if sum(map(len, rows.values())) > CHUNK:
                flush()
        # Which modalities the dataset has is known only now.
        for record_id, coverage, found in loaded:
            rows["coverage"] += coverage_rows(record_id, coverage, found, session.modalities)
        flush()
        for name, tables in made.items():
            self._fill(base, name, pa.concat_tables(tables))
        audited.fill_columns(base, self._session.audited.table("states"))
        self._fill_records(base, spans)
        self._show_samples(base, sampled)
        told = (f"{len(failed)} records could not be read: {'; '.join(failed[:3])}",) if failed else ()
        self._notes.update(dict.fromkeys(("records", *rows), told))
        self._notes["samples"] = (*told, *self._notes.get("samples", ()))
        self._read = True

    def _read_words(self, base: duckdb.DuckDBPyConnection, question: Question) -> None:
        if self._words:
            return
        ids = self._session.record_ids()
        question.doing, question.total = "reading transcripts", len(ids)
        made, rows, failed = [], list[dict[str, Any]](), 0
        for done, record_id in enumerate(ids):
            question.step()
            question.done = done
            try:
                record = self._session.record(record_id)
            except InspectorError:
                failed += 1
                continue
            for stream in record.streams:
                if stream.modality.value != "text" or record.axis != "time":
                    continue
                try:
                    rows += word_rows(record, stream, self._session.cues(stream))
                except InspectorError:
                    failed += 1
            if len(rows) > CHUNK:
                made.append(pa.Table.from_pylist(rows, SCHEMAS["words"]))
                rows = []
        made.append(pa.Table.from_pylist(rows, SCHEMAS["words"]))
        self._fill(base, "words", pa.concat_tables(made))
        if failed:
            self._notes["words"] = (f"{failed} transcripts or records could not be read",)
        self._words = True

    # -- tables --------------------------------------------------------------------------------------------

    def _fill(self, base: duckdb.DuckDBPyConnection, name: str, table: pa.Table) -> None:
        """Put rows in place of a table's. Registered tables are copied: cursors do not see them."""
        base.register("incoming", table)
        try:
            if table.nbytes > LARGE:
                columns = base.execute("DESCRIBE SELECT * FROM incoming").fetchall()
                # Ids are all different: they only become slower by it.
                as_is = {"record_id": " USING COMPRESSION uncompressed"}
                told = [f"{identifier(each)} {kind}{as_is.get(each, '')}" for each, kind, *_ in columns]
                base.execute(f"CREATE OR REPLACE TABLE {name} ({', '.join(told)})")
                base.execute(f"INSERT INTO {name} SELECT * FROM incoming")
                base.execute(f"CHECKPOINT {TABLES_IN}")  # that is when they are compressed
            else:
                base.execute(f"CREATE OR REPLACE TABLE {name} AS SELECT * FROM incoming")
        finally:
            base.unregister("incoming")
        self._note_schema(base, name)

    def _fill_records(self, base: duckdb.DuckDBPyConnection, spans: dict[str, tuple[float, str]]) -> None:
        index = self._session.index
        ids = index.column("record_id")
        known = ids.to_pylist() if spans else []
        durations = pa.array([spans.get(each, (None, None))[0] for each in known], pa.float64())
        axes = pa.array([spans.get(each, (None, None))[1] for each in known], pa.string())
        columns = {
            "record_id": ids,
            "duration_s": durations if spans else pa.nulls(len(index), pa.float64()),
            "axis": axes if spans else pa.nulls(len(index), pa.string()),
            "flag": pa.nulls(len(index), pa.string()),
        }
        for name, own in index_columns(index):
            columns[own] = index.column(name)
        # What Arrow keeps for later is as large as the index of a million records.
        pa.default_memory_pool().release_unused()
        self._fill(base, "records", pa.table(columns))
        pa.default_memory_pool().release_unused()
        self.curated.records_filled()

    def _show_samples(self, base: duckdb.DuckDBPyConnection, sampled: list[Sampled]) -> None:
        view = view_of(sampled)
        base.execute(f"CREATE OR REPLACE VIEW samples AS\n{view.sql}")
        self._notes["samples"] = view.notes
        self._note_schema(base, "samples")

    def _note_schema(self, base: duckdb.DuckDBPyConnection, name: str) -> None:
        found = base.execute(f"DESCRIBE {name}").fetchall()
        schema = dict(self._schema)
        schema[name] = tuple((str(row[0]), str(row[1])) for row in found)
        self._schema = {each: schema[each] for each in TABLES if each in schema}


def _stop_when_asked(base: duckdb.DuckDBPyConnection, question: Question, over: threading.Event) -> None:
    """Interrupt what is cancelled or late, again and again: what has not yet begun does not notice."""
    start = time.monotonic()
    while not over.wait(0.02):
        if question.timeout_s is not None and time.monotonic() - start > question.timeout_s:
            question._late = True
        if question._late or question._cancelled.is_set():
            base.interrupt()


def _placed(base: duckdb.DuckDBPyConnection | None, error: duckdb.Error, sql: str) -> duckdb.Error:
    """The same complaint with its place: DuckDB tells that of a statement, not of a relation."""
    if base is not None and isinstance(error, duckdb.BinderException | duckdb.CatalogException):
        try:
            base.execute(f"EXPLAIN {sql}")
        except duckdb.Error as placed:
            return placed
    return error


def _told(error: duckdb.Error, asked: gate.Asked) -> InspectorError:
    """DuckDB's complaint in one line, with its place in the text."""
    if isinstance(error, duckdb.OutOfMemoryException):
        return InspectorError(
            "The question needs more memory than it may take", "", "Narrow it with WHERE or LIMIT"
        )
    text = re.sub(r"^(\w+ )*Error: ", "", gate.first_line(error))
    place = gate.position_of(error, asked.select)
    return gate.Refused(text or type(error).__name__, "", "", None if place is None else place + asked.start)
