"""Lists that people bring along, of sides or of moments: CSV, JSON (an array of objects) or Parquet."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from inspector.errors import InspectorError
from inspector.media.csvhead import decode
from inspector.media.told import load_bytes, load_json

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def read_list(path: Path, columns: Sequence[str]) -> list[dict[str, Any]]:
    """The rows of a list. InspectorError where it cannot be read or lacks one of `columns`."""
    path = path.expanduser()
    if path.suffix.lower() in (".parquet", ".pq"):
        try:
            rows: list[dict[str, Any]] = pq.read_table(path).to_pylist()
        except (OSError, pa.ArrowException) as error:
            raise InspectorError("The list cannot be read", f"{path}: {str(error)[:200]}") from None
    elif path.suffix.lower() in (".json", ".jsonl"):
        rows = _json(path)
    else:
        text, _ = decode(load_bytes(path))
        sample = text.partition("\n")[0]
        delimiter = max(",;\t", key=sample.count)
        rows = list(csv.DictReader(io.StringIO(text), delimiter=delimiter))
    if not all(isinstance(row, dict) for row in rows):
        raise InspectorError("The list holds no rows", str(path), f"Name {', '.join(columns)} in each")
    missing = [name for name in columns if any(name not in row for row in rows[:1000])]
    if missing or not rows:
        raise InspectorError(
            "The list lacks a column" if missing else "The list is empty",
            f"{path}: {', '.join(missing)}",
            f"It has to have {', '.join(columns)}",
        )
    return rows


def _json(path: Path) -> list[Any]:
    if path.suffix.lower() == ".jsonl":
        import json

        text, _ = decode(load_bytes(path))
        try:
            return [json.loads(line) for line in text.splitlines() if line.strip()]
        except (ValueError, RecursionError) as error:
            raise InspectorError("The list is no JSON", f"{path}: {error}"[:300]) from None
    plain = load_json(path)
    if not isinstance(plain, list):
        raise InspectorError("The list is no array", str(path), "Name an array of objects")
    return plain
