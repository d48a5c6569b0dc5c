"""What audits found, in the workspace: Parquet in parts, of which a crash can take no more than the last.

A part is four tables of one number; `done-<n>` is written last, and a part without it is not there. The
newest part that speaks of a record and stage is the one that holds. `settled` makes one part of all.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from inspector.core.files import write_atomic
from inspector.core.findings import Finding
from inspector.errors import InspectorError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

FOLDER = "audit"

T, F = pa.string(), pa.float64()
FINDINGS = pa.schema(
    [
        *(("check", T), ("record_id", T), ("streams", pa.list_(T)), ("start_s", F), ("end_s", F)),
        *(("value", F), ("unit", T), ("tolerance", pa.list_(F)), ("status", T), ("confidence", F)),
        *(("severity", F), ("message", T), ("fix", T)),
    ]
)
"""The columns of the SQL table, `fix` as JSON."""
PAIRS = pa.schema(
    [
        *((name, T) for name in ("record_id", "stream_a", "stream_b", "method")),
        *((name, F) for name in ("offset_ms", "drift_ppm", "residual_ms", "confidence")),
        ("status", T),
    ]
)
STATES = pa.schema([*((name, T) for name in ("record_id", "kind", "name", "state")), ("figure", F)])
"""What it knows besides: `coverage` of a modality, `residual` (ms) of a stream, `grounding` of a label."""
DONE = pa.schema([("record_id", T), ("stage", T), ("key", T)])
_SCHEMAS = {"findings": FINDINGS, "pairs": PAIRS, "states": STATES, "done": DONE}


@dataclass
class Result:
    """What one stage found on one record (None: on the dataset). `key` tells what it was made from."""

    record_id: str | None
    stage: str
    key: str
    findings: list[Finding] = field(default_factory=list)
    pairs: list[dict[str, Any]] = field(default_factory=list)
    states: list[dict[str, Any]] = field(default_factory=list)


class Store:
    """The tables of one dataset's audits; `folder` None keeps them in memory."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self._tables: dict[str, list[pa.Table]] = {name: [] for name in _SCHEMAS}
        self._known: dict[tuple[str | None, str], tuple[int, str]] = {}
        self._next = 0
        self._rows: dict[int, dict[str, list[dict[str, Any]]]] = {}
        """Findings by part and by what they are of, for those parts that were asked."""
        self._load()

    @property
    def version(self) -> int:
        """Counts up with every part that is added."""
        return self._next

    def key(self, record_id: str | None, stage: str) -> str | None:
        """What the stored result of a record and stage was made from; None where there is none."""
        known = self._known.get((record_id, stage))
        return None if known is None else known[1]

    def add(self, results: Iterable[Result]) -> None:
        """Store results as one part; they replace what was known of the same records and stages."""
        results = list(results)
        if not results:
            return
        stages = [(result.record_id, result.stage) for result in results]
        rows: dict[str, list[dict[str, Any]]] = {name: [] for name in _SCHEMAS}
        marks: dict[str, list[str]] = {name: [] for name in _SCHEMAS}
        for result in results:
            parts = {
                "findings": [finding_row(finding) for finding in result.findings],
                "pairs": result.pairs,
                "states": result.states,
                "done": [{"record_id": result.record_id, "stage": result.stage, "key": result.key}],
            }
            for name, part in parts.items():
                rows[name] += part
                marks[name] += [json.dumps([result.record_id, result.stage])] * len(part)
        number = self._next
        self._next += 1
        tables = {
            name: pa.Table.from_pylist(rows[name], schema).append_column("of", pa.array(marks[name], T))
            for name, schema in _SCHEMAS.items()
        }
        self._take(number, tables)
        for stage, result in zip(stages, results, strict=True):
            self._known[stage] = (number, result.key)
        if self.folder is not None:
            self._write(number, tables)

    def table(self, name: str) -> pa.Table:
        """`findings`, `pairs`, `states` or `done` as it holds now, one row each."""
        schema = _SCHEMAS[name]
        parts = [self._current(table).select(schema.names) for table in self._tables[name]]
        return pa.concat_tables(parts) if parts else schema.empty_table()

    def of(self, record_id: str | None, stage: str) -> list[Finding]:
        """What is stored of one record and stage."""
        known = self._known.get((record_id, stage))
        if known is None:
            return []
        if known[0] not in self._rows:
            rows: dict[str, list[dict[str, Any]]] = {}
            for table in self._tables["findings"]:
                if len(table) and table.column("part")[0].as_py() == known[0]:
                    for row in table.to_pylist():
                        rows.setdefault(row["of"], []).append(row)
            self._rows[known[0]] = rows
        of = json.dumps([record_id, stage])
        return [finding_of(row) for row in self._rows[known[0]].get(of, ())]

    def findings(self) -> list[Finding]:
        """All findings that hold."""
        return [finding_of(row) for row in self.table("findings").to_pylist()]

    def settle(self) -> None:
        """Make one part of all, so that reading takes no longer each time."""
        if self.folder is None or len(self._tables["done"]) < 2:
            return
        old = sorted(self.folder.glob("*-*.parquet"))
        number = self._next
        self._next += 1
        tables = {}
        for name in _SCHEMAS:
            whole = [self._current(each) for each in self._tables[name]]
            tables[name] = pa.concat_tables(whole) if whole else _SCHEMAS[name].empty_table()
        self._tables = {name: [] for name in _SCHEMAS}
        self._rows.clear()
        self._take(number, tables)
        self._known = {stage: (number, key) for stage, (_, key) in self._known.items()}
        self._write(number, tables)
        if (self.folder / f"done-{number:06d}.parquet").exists():
            for path in old:
                with suppress(OSError):
                    path.unlink()

    def _current(self, table: pa.Table) -> pa.Table:
        newest = {
            json.dumps([record_id, stage]): number for (record_id, stage), (number, _) in self._known.items()
        }
        numbers, of = table.column("part").to_pylist(), table.column("of").to_pylist()
        keep = [newest.get(each) == number for number, each in zip(numbers, of, strict=True)]
        return table.filter(pa.array(keep, pa.bool_())).drop_columns(["part"])

    def _take(self, number: int, tables: Mapping[str, pa.Table]) -> None:
        for name, table in tables.items():
            numbers = pa.array([number] * len(table), pa.int64())
            self._tables[name].append(table.append_column("part", numbers))

    def _write(self, number: int, tables: Mapping[str, pa.Table]) -> None:
        assert self.folder is not None
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InspectorError(
                "Findings cannot be kept", f"{self.folder}: {error.strerror or error}", "Name --workspace"
            ) from error
        for name, table in tables.items():  # `done` comes last
            path = self.folder / f"{name}-{number:06d}.parquet"
            if not write_atomic(path, lambda beside, table=table: pq.write_table(table, beside)):  # type: ignore[misc]
                raise InspectorError("Findings cannot be kept", str(path), "Make room, or name --workspace")

    def _load(self) -> None:
        if self.folder is None or not self.folder.is_dir():
            return
        for done in sorted(self.folder.glob("done-*.parquet")):
            match = re.fullmatch(r"done-(\d+)\.parquet", done.name)
            if match is None:
                continue
            number = int(match[1])
            self._next = max(self._next, number + 1)
            tables = {}
            try:
                for name, schema in _SCHEMAS.items():
                    table = pq.read_table(self.folder / f"{name}-{match[1]}.parquet")
                    tables[name] = table.select([*schema.names, "of"]).cast(schema.append(pa.field("of", T)))
            except (OSError, pa.ArrowException, KeyError, ValueError):
                continue  # a torn part is made again
            self._take(number, tables)
            for row in tables["done"].to_pylist():
                self._known[row["record_id"], row["stage"]] = (number, row["key"])


def finding_row(finding: Finding) -> dict[str, Any]:
    """A finding as a row of the table."""
    row = finding.to_json()
    row["fix"] = None if row["fix"] is None else json.dumps(row["fix"], ensure_ascii=False)
    return row


def finding_of(row: Mapping[str, Any]) -> Finding:
    """The finding of such a row."""
    fix = row["fix"]
    return Finding.from_json({**row, "fix": None if fix is None else json.loads(fix)})
