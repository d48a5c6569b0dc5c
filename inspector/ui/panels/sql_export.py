"""Writing an answer to a file: CSV, JSON or Parquet, never inside the dataset."""

from __future__ import annotations

import json
import os
import threading
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from inspector.errors import InspectorError
from inspector.ui.panels.sql_model import value_of

if TYPE_CHECKING:
    from pathlib import Path

FORMATS = {".csv": "CSV", ".json": "JSON", ".parquet": "Parquet"}
_BATCH = 10_000


def save(table: pa.Table, path: Path, dataset: Path | None) -> None:
    """Write a table in the format of the file's ending; the file is there whole or as it was.

    Raises InspectorError: the ending is none of ours, the file would lie in the dataset, the disk will not.
    """
    ending = path.suffix.lower()
    if ending not in FORMATS:
        known = ", ".join(FORMATS)
        raise InspectorError("The file's ending names no format", path.name, f"End it with {known}")
    if dataset is not None and path.resolve().is_relative_to(dataset.resolve()):
        raise InspectorError(
            "Nothing is written into the dataset", str(path), "Choose a folder outside " + str(dataset)
        )
    table = _unique(table)
    beside = path.with_name(f"{path.name}.{os.getpid()}.{threading.get_ident()}.part")
    try:
        if ending == ".csv":
            pyarrow.csv.write_csv(_flat(table), beside)
        elif ending == ".json":
            _write_json(table, beside)
        else:
            pq.write_table(table, beside)
        os.replace(beside, path)
    except (OSError, pa.ArrowException) as error:
        raise InspectorError("The result was not saved", str(error), "Choose another place") from error
    finally:
        beside.unlink(missing_ok=True)


def _unique(table: pa.Table) -> pa.Table:
    """No two columns of one name: a join has them, and a file that has them is read wrongly."""
    names: list[str] = []
    taken = set(table.column_names)
    for name in table.column_names:
        number, new = 2, name
        while new in names:
            new = f"{name}_{number}"
            number += 1
            if new in taken:
                new = name
        names.append(new)
    return table.rename_columns(names)


def _flat(table: pa.Table) -> pa.Table:
    """Lists and structs as JSON text, since CSV has no place for them."""
    columns = []
    for column in table.columns:
        if pa.types.is_nested(column.type):
            texts = [None if (each := value_of(cell)) is None else _json(each) for cell in column]
            column = pa.chunked_array([pa.array(texts, pa.string())])
        elif not (pa.types.is_primitive(column.type) or pa.types.is_string(column.type)):
            texts = [None if (each := value_of(cell)) is None else str(each) for cell in column]
            column = pa.chunked_array([pa.array(texts, pa.string())])
        columns.append(column)
    return pa.table(columns, names=table.column_names)


def _write_json(table: pa.Table, path: Path) -> None:
    """An array of objects, a row a line."""
    with path.open("w", encoding="utf-8") as file:
        file.write("[")
        comma = "\n"
        for batch in table.to_batches(_BATCH):
            columns = [[value_of(cell) for cell in column] for column in batch.columns]
            for values in zip(*columns, strict=True):
                file.write(comma + _json(dict(zip(table.column_names, values, strict=True))))
                comma = ",\n"
        file.write("\n]\n")


def _json(value: Any) -> str:
    """A value as strict JSON: what is not a number there (NaN) is null, what JSON has not is text."""
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, default=_plain)
    except ValueError:
        return json.dumps(_finite(value), ensure_ascii=False, default=_plain)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if value - value == 0 else None
    if isinstance(value, dict):
        return {name: _finite(each) for name, each in value.items()}
    return [_finite(each) for each in value] if isinstance(value, list) else value


def _plain(value: Any) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)
