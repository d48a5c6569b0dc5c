"""What curation adds to the tables: `flags`, `edits`, `records.flag`, and records as they are since an edit.

After an edit only the records that it touched are read again; the rest of the tables stands.
"""

from __future__ import annotations

import threading
from itertools import takewhile
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from inspector.core.journal_lines import value_text
from inspector.core.times import s_from_ns
from inspector.errors import InspectorError
from inspector.query.samples import Sampled
from inspector.query.tables import SCHEMAS, annotation_rows, stream_rows, word_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    import duckdb

    from inspector.core.curation import Curation
    from inspector.core.edits import Edit
    from inspector.core.model import Record

OF_CURATION = frozenset({"flags", "edits"})


class Curated:
    """Keeps one engine's tables up with the curation. `edited` from any thread, the rest in the engine's."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self._lock = threading.Lock()
        self._touched: set[str] = set()
        self._all = False
        self._stale = {"flags", "edits", "records"}
        self._selections: object = None
        """The stamp of those in the table."""
        self._edits: int | None = None
        """How many are in the table; `_newest` is (at, id) of the last."""
        self._newest = (0, "")
        self.sampled: dict[str, list[Sampled]] = {}

    @property
    def _curation(self) -> Curation | None:
        found: Curation | None = getattr(self._session, "curation", None)
        return found

    def edited(self, touched: frozenset[str] | None) -> None:
        """These records changed; None: any may have."""
        with self._lock:
            self._stale = {"flags", "edits", "records"}
            if touched is None:
                self._all = True
            else:
                self._touched |= touched

    def all_changed(self) -> bool:
        """Whether every record must be read anew; asking clears it."""
        with self._lock:
            found, self._all = self._all, False
            if found:
                self._touched.clear()
            return found

    def records_filled(self) -> None:
        """`records` was made anew: its flags are not in it yet."""
        with self._lock:
            self._stale.add("records")

    def note(self, record: Record) -> list[Sampled]:
        """Remember where a record's samples are."""
        found = [each for s in record.streams if (each := Sampled.of(record.id, s)) is not None]
        self.sampled[record.id] = found
        return found

    def catch_up(
        self,
        base: duckdb.DuckDBPyConnection,
        tables: Collection[str],
        read: bool,
        words: bool,
        fill: Callable[[duckdb.DuckDBPyConnection, str, pa.Table], None],
    ) -> bool:
        """Bring the tables that a question names up to date. Whether the samples' view must be made anew."""
        curation = self._curation
        if curation is None:
            return False
        if "selections" in tables and (stamp := self._session.desk.selections.stamp()) != self._selections:
            fill(base, "selections", self._session.desk.selections.table())
            self._selections = stamp
        with self._lock:
            stale = self._stale & set(tables)
            self._stale -= stale
            touched, self._touched = self._touched, set()
        if stale & {"flags", "records"}:
            flags = curation.flags()
            if "flags" in stale:
                rows = [
                    {
                        "record_id": each.record_id,
                        "flag": each.flag,
                        "author": each.author,
                        "note": curation.note_of(each.edit_id) or None,
                        "at": each.at,
                    }
                    for each in flags
                ]
                fill(base, "flags", _table("flags", rows))
            if "records" in stale:
                newest: dict[str, str | None] = {}
                for each in flags:
                    if each.record_id not in newest:
                        newest[each.record_id] = curation.flag(each.record_id)
                base.execute("UPDATE records SET flag = NULL WHERE flag IS NOT NULL")
                self._put(
                    base,
                    pa.table(
                        {"id": pa.array(newest, pa.string()), "value": pa.array(newest.values(), pa.string())}
                    ),
                    "UPDATE records SET flag = incoming.value FROM incoming WHERE record_id = incoming.id",
                )
        if "edits" in stale:
            self._fill_edits(base, curation, fill)
        return bool(touched) and read and self._read_again(base, touched, words)

    def _fill_edits(
        self,
        base: duckdb.DuckDBPyConnection,
        curation: Curation,
        fill: Callable[[duckdb.DuckDBPyConnection, str, pa.Table], None],
    ) -> None:
        """Add the edits since the last time; all anew where one came in that is older than those."""
        count, newest = len(curation), (0, "")
        fresh: list[Edit] = []
        if self._edits is not None:
            known = self._newest
            later = takewhile(lambda past: (past.edit.at, past.edit.id) > known, curation.past())
            fresh = [past.edit for past in later]
        if self._edits is not None and count == self._edits + len(fresh):
            self._put(base, _table("edits", _edit_rows(fresh)), "INSERT INTO edits SELECT * FROM incoming")
            newest = max(((edit.at, edit.id) for edit in fresh), default=self._newest)
        else:
            told = [newest]
            fill(base, "edits", _table("edits", _edit_rows(_noted(curation, told))))
            newest = max(told)
        self._edits, self._newest = count, newest

    def _read_again(self, base: duckdb.DuckDBPyConnection, touched: set[str], words: bool) -> bool:
        root = str(self._session.root)
        rows: dict[str, list[dict[str, Any]]] = {"streams": [], "annotations": []}
        if words:
            rows["words"] = []
        ids, durations, again = [], [], False
        for record_id in touched & set(self._session.record_ids()):
            try:
                record = self._session.record(record_id)
            except InspectorError:
                continue
            ids.append(record_id)
            start, end = record.span
            durations.append(s_from_ns(end - start))
            rows["streams"] += stream_rows(record, root)
            rows["annotations"] += annotation_rows(record)
            before = self.sampled.get(record_id, [])
            again = self.note(record) != before or again
            if words and record.axis == "time":
                for stream in record.streams:
                    if stream.modality.value == "text":
                        try:
                            rows["words"] += word_rows(record, stream, self._session.cues(stream))
                        except InspectorError:
                            continue
        known = pa.table({"id": pa.array(ids, pa.string()), "value": pa.array(durations, pa.float64())})
        self._put(
            base,
            known,
            "UPDATE records SET duration_s = incoming.value FROM incoming WHERE record_id = incoming.id",
            *(f"DELETE FROM {name} WHERE record_id IN (SELECT id FROM incoming)" for name in rows),
        )
        for name, found in rows.items():
            self._put(base, _table(name, found), f"INSERT INTO {name} SELECT * FROM incoming")
        return again

    @staticmethod
    def _put(base: duckdb.DuckDBPyConnection, table: pa.Table, *statements: str) -> None:
        base.register("incoming", table)
        try:
            for statement in statements:
                base.execute(statement)
        finally:
            base.unregister("incoming")


def _noted(curation: Curation, told: list[tuple[int, str]]) -> Iterable[Edit]:
    """Every edit, the newest first, of which the place in the order is noted."""
    for number, past in enumerate(curation.past()):
        if not number:
            told.append((past.edit.at, past.edit.id))
        yield past.edit


def _edit_rows(edits: Iterable[Edit]) -> Iterable[dict[str, Any]]:
    for edit in edits:
        own = {
            "edit_id": edit.id,
            "at": edit.at,
            "author": edit.author,
            "title": edit.title,
            "note": edit.note or None,
            "undoes": edit.undoes,
        }
        for change in edit.changes:
            yield own | {
                "record_id": change.record_id,
                "path": change.path,
                "before": plain_text(change.before),
                "after": plain_text(change.after),
            }
        if not edit.changes:
            yield own | dict.fromkeys(("record_id", "path", "before", "after"))


def plain_text(value: Any) -> str | None:
    """A value for reading: a text as it is, nothing as null, everything else as JSON."""
    return value if value is None or isinstance(value, str) else value_text(value)


def _table(name: str, rows: Iterable[dict[str, Any]]) -> pa.Table:
    """Rows in the table's types, some thousands at a time."""
    schema = SCHEMAS[name]
    made, waiting = [], list[dict[str, Any]]()
    for row in rows:
        waiting.append(row)
        if len(waiting) >= 50_000:
            made.append(pa.Table.from_pylist(waiting, schema))
            waiting = []
    made.append(pa.Table.from_pylist(waiting, schema))
    return pa.concat_tables(made)
