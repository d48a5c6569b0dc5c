"""Samples and their pyramid: nothing that the screen could show is lost, and the work is bounded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspector.core.model import Clock, Modality, Source, Stream
from inspector.core.times import NS
from inspector.errors import InspectorError
from inspector.media.series import Series, load_series

if TYPE_CHECKING:
    from pathlib import Path

MS = 1_000_000


def series(values: list[float], step_ns: int = 10 * MS) -> Series:
    """One channel, sampled evenly."""
    array = np.array(values, np.float64)[:, None]
    return Series(np.arange(len(values), dtype=np.int64) * step_ns, array, ("x",))


def stream(source: Source, rate: float | None = None, channels: tuple[str, ...] = ()) -> Stream:
    """A sensor stream of that source."""
    return Stream("s", Modality.SENSOR, source, Clock("s", "relative"), rate=rate, channels=channels)


def test_few_samples_are_given_as_they_are_with_their_neighbours() -> None:
    t_ns, low, high = series([0, 1, 2, 3, 4, 5]).envelope(15 * MS, 35 * MS, 100)
    assert t_ns.tolist() == [10 * MS, 20 * MS, 30 * MS, 40 * MS]
    assert low[:, 0].tolist() == high[:, 0].tolist() == [1, 2, 3, 4]


@given(st.integers(1, 5000), st.integers(1, 40), st.integers(0, 2**31))
def test_an_envelope_holds_every_extreme(count: int, columns: int, seed: int) -> None:
    values = np.random.default_rng(seed).normal(size=count)
    data = series(values.tolist())
    t_ns, low, high = data.envelope(0, int(data.t_ns[-1]) + 1, columns)
    assert np.nanmin(low) == values.min()
    assert np.nanmax(high) == values.max()
    assert (low <= high).all()
    assert (np.diff(t_ns) > 0).all()
    assert len(t_ns) <= max(columns, 1) + 2


def test_zoomed_in_extremes_stay_within_a_column_of_their_place() -> None:
    values = np.zeros(100_000)
    values[60_000] = 9.0
    data = series(values.tolist(), MS)
    t_ns, _, high = data.envelope(50 * NS, 70 * NS, 200)
    at = int(t_ns[int(np.argmax(high[:, 0]))])
    assert abs(at - 60 * NS) <= 2 * 20 * NS // 200


def test_the_work_is_bounded_by_columns() -> None:
    data = series(np.zeros(1_000_000).tolist(), MS)
    data.envelope(0, 1000 * NS, 500)
    level, low = 0, data._levels
    while 1_000_000 // 8 ** (level + 1) >= 2000:
        level += 1
    assert len(low) == level + 1
    assert len(low[-1][0]) < 8 * 2000


def test_gaps_break_the_line_and_nan_is_left_out() -> None:
    t_ns = np.array([0, 10, 20, 500, 510, 520], np.int64) * MS
    data = Series(t_ns, np.array([[1.0], [np.nan], [3.0], [4.0], [5.0], [6.0]]), ("x",))
    _, low, _ = data.envelope(0, NS, 100)
    assert np.isnan(low[3, 0])
    assert len(low) == 7
    times, low, _ = data.envelope(0, NS, 4)
    assert np.isnan(low[:, 0]).sum() == 1
    assert low[0, 0] == 1.0
    assert (np.diff(times) > 0).all()


def test_reading_a_moment() -> None:
    t_ns = np.array([0, 10, 20, 500, 510], np.int64) * MS
    data = Series(t_ns, np.arange(5.0)[:, None], ("x",))
    assert data.at(-1) is None
    assert data.at(200 * MS) is None
    assert data.at(600 * MS) is None
    for at, value in ((0, 0.0), (9, 0.0), (10, 1.0), (25, 2.0), (505, 3.0), (515, 4.0)):
        found = data.at(at * MS)
        assert found is not None
        assert found[0] == value


def test_empty_and_single_samples() -> None:
    empty = series([])
    assert empty.at(0) is None
    assert [len(part) for part in empty.envelope(0, NS, 10)] == [0, 0, 0]
    one = series([1.0])
    assert one.at(1) is not None
    assert one.at(2 * NS) is None


def test_a_csv_in_epoch_time_is_exact(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(
        "timestamp,x,y\n1700000000.000000001,1,2\n1700000000.000000004,3,4\n1700000000.000000003,5,6\n"
    )
    source = Source(path, "table", columns=("x", "y"), time_column="timestamp", epoch_ns=1_700_000_000 * NS)
    data = load_series(stream(source))
    assert data.t_ns.tolist() == [1, 3, 4]
    assert data.values[:, 0].tolist() == [1, 5, 3]
    assert data.channels == ("x", "y")


def test_a_row_range_of_parquet_reads_its_row_groups_only(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    state = pa.FixedSizeListArray.from_arrays(pa.array(np.arange(200, dtype=np.float32)), 2)
    table = pa.table({"timestamp": np.arange(100, dtype=np.float32) / 10, "observation.state": state})
    pq.write_table(table, path, row_group_size=30)
    source = Source(
        path, "table", columns=("observation.state",), time_column="timestamp", row_start=35, row_end=95
    )
    data = load_series(stream(source, channels=("a", "b")))
    assert data.values.shape == (60, 2)
    assert data.values.dtype == np.float32
    assert data.values[0].tolist() == [70.0, 71.0]
    assert data.channels == ("a", "b")
    counted = Source(path, "table", columns=("observation.state",), row_start=35, row_end=95)
    assert load_series(stream(counted, rate=10.0)).t_ns[:2].tolist() == [0, NS // 10]


def test_lists_of_other_lengths_and_missing_cells(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(
        pa.table({"t": [0.0, 0.1, 0.2], "v": [[1.0, 2.0], None, [3.0]], "b": [True, None, False]}), path
    )
    data = load_series(stream(Source(path, "table", columns=("v", "b"), time_column="t")))
    assert data.channels == ("v[0]", "v[1]", "b")
    assert np.isnan(data.values).tolist() == [[False, False, False], [True, True, True], [False, True, False]]


def test_a_part_in_time(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("t_s,x\n" + "".join(f"{n}.0,{n}\n" for n in range(10)))
    source = Source(path, "table", columns=("x",), time_column="t_s", start_ns=3 * NS, end_ns=6 * NS)
    data = load_series(stream(source))
    assert data.t_ns.tolist() == [0, NS, 2 * NS]
    assert data.values[:, 0].tolist() == [3, 4, 5]


@pytest.mark.parametrize("name", ["gone.csv", "gone.parquet"])
def test_a_file_that_is_gone(tmp_path: Path, name: str) -> None:
    with pytest.raises(InspectorError):
        load_series(stream(Source(tmp_path / name, "table", columns=("x",), time_column="t")))


def test_a_column_that_is_gone(tmp_path: Path) -> None:
    pq.write_table(pa.table({"t": [0.0]}), tmp_path / "a.parquet")
    (tmp_path / "a.csv").write_text("t,y\n0,1\n")
    for name in ("a.parquet", "a.csv"):
        with pytest.raises(InspectorError):
            load_series(stream(Source(tmp_path / name, "table", columns=("x",), time_column="t")))
