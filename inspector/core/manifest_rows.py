"""The records of a release's manifest, a stretch of the table at a time: their JSON is the bulk of it."""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from inspector.core import manifest
from inspector.errors import InspectorError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KEPT = 4
"""Row groups whose texts are kept: two releases are gone through side by side, in about the same order."""


class Rows:
    """What manifest/records.parquet of a release holds. InspectorError where it cannot be read."""

    def __init__(self, root: Path) -> None:
        self._root = root
        try:
            self._file = pq.ParquetFile(manifest.table_path(root, "records"))
            ids: list[str] = self._file.read(["record_id"]).column("record_id").to_pylist()
        except (OSError, pa.ArrowException) as error:
            raise manifest.unreadable(root, error) from None
        self._row = {each: row for row, each in enumerate(ids)}
        meta = self._file.metadata
        sizes = [meta.row_group(group).num_rows for group in range(meta.num_row_groups)]
        self._starts = np.concatenate([[0], np.cumsum(sizes)])
        self._lock = threading.Lock()
        self._texts: OrderedDict[int, list[str]] = OrderedDict()

    def __contains__(self, record_id: str) -> bool:
        return record_id in self._row

    def __iter__(self) -> Iterator[str]:
        """The ids in the order of the table."""
        return iter(self._row)

    def table(self, columns: list[str]) -> pa.Table:
        """Columns of all records. InspectorError where they cannot be read."""
        try:
            return self._file.read(columns)
        except (OSError, pa.ArrowException) as error:
            raise manifest.unreadable(self._root, error) from None

    def value(self, record_id: str) -> dict[str, Any]:
        """A record as `manifest.record_value` made it. InspectorError for none, or a row that is damaged."""
        row = self._row.get(record_id)
        if row is None:
            raise InspectorError("There is no such record", record_id, "`inspector info` lists what there is")
        group = int(np.searchsorted(self._starts, row, "right")) - 1
        try:
            with self._lock:
                texts = self._texts.get(group)
                if texts is None:
                    texts = self._file.read_row_group(group, ["record"]).column("record").to_pylist()
                    self._texts[group] = texts
                    while len(self._texts) > KEPT:
                        self._texts.popitem(last=False)
            value = json.loads(texts[row - int(self._starts[group])])
            value["streams"], value["annotations"], value["meta"]
        except (OSError, pa.ArrowException, ValueError, KeyError, TypeError, RecursionError) as error:
            place = manifest.table_path(self._root, "records")
            raise InspectorError(
                "The manifest cannot be read",
                f"{place}, {record_id}: {str(error)[:200]}",
                "`inspector verify` tells more",
            ) from None
        found: dict[str, Any] = value
        return found
