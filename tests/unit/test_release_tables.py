"""Rows that wait for a file come out as they went in, whatever is packed on the way."""

from __future__ import annotations

import pyarrow as pa
import pytest

from inspector.release.tables import LOOSE, Rows

SCHEMA = pa.schema([("number", pa.int64()), ("name", pa.string())])


@pytest.mark.parametrize("count", [0, 1, LOOSE - 1, LOOSE, LOOSE + 1, 3 * LOOSE + 7])
def test_rows_are_taken_as_they_were_added_and_once(count: int) -> None:
    rows = Rows(SCHEMA)
    added = [{"number": each, "name": None if each % 3 else str(each)} for each in range(count)]
    for row in added:
        rows.add(row)
    assert rows.count == count
    assert rows.take().to_pylist() == added
    assert rows.count == 0
    rows.add({"number": 1, "name": "after"})
    assert rows.take().to_pylist() == [{"number": 1, "name": "after"}]
