"""Tables of samples: the time column, its unit and its exactness."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inspector.core.times import NS
from inspector.errors import InspectorError
from inspector.media import table
from inspector.media.csvhead import read_head
from inspector.media.spans import read_spans, table_roles
from inspector.media.stamps import clean_name, stamps_ns, time_columns
from inspector.media.table import TableInfo, describe

if TYPE_CHECKING:
    from pathlib import Path


def csv(folder: Path, text: str | bytes, name: str = "a.csv") -> Path:
    """A file with that content."""
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def rows(name: str, *stamps: object) -> str:
    """A table with one time column and one channel."""
    return f"{name},x\n" + "".join(f"{stamp},{number}.5\n" for number, stamp in enumerate(stamps))


@pytest.mark.parametrize(
    ("name", "plain", "unit"),
    [
        ("time_ms", "time", "ms"),
        ("Time [us]", "time", "us"),
        ("#timestamp [ns]", "timestamp", "ns"),
        ("timestampNs", "timestamp", "ns"),
        ("host_timestamp", "host_timestamp", None),
        ("t", "t", None),
        ("Elapsed Time (s)", "elapsed_time", "s"),
        ("timestamp_µs", "timestamp", "us"),
    ],
)
def test_names_of_time_columns(name: str, plain: str, unit: str | None) -> None:
    assert clean_name(name) == (plain, unit)
    assert time_columns(["x", name]) == [name]


@pytest.mark.parametrize(
    "name", ["x", "reaction_time", "delta_t", "timezone", "sometimes", "notes", "frame", "tilt"]
)
def test_names_that_are_no_time(name: str) -> None:
    assert time_columns([name]) == []


E = 1_700_000_000 * NS


@pytest.mark.parametrize(
    ("text", "unit", "epoch", "first", "second"),
    [
        (rows("time_s", 0, 0.01, 0.02), "s", False, 0, 10_000_000),
        (rows("time_ms", 0, 10, 20), "ms", False, 0, 10_000_000),
        (rows("t_us", 5, 10_005), "us", False, 5_000, 10_005_000),
        (rows("time", 0.0, 0.01, 0.02), "s", False, 0, 10_000_000),
        (rows("time", 0, 10, 20, 30), "ms", False, 0, 10_000_000),
        (rows("time", 0, 16.67, 33.33), "ms", False, 0, 16_670_000),
        (rows("time", 0, 10_000, 20_000), "us", False, 0, 10_000_000),
        (rows("time", 0, 10_000_000, 20_000_000), "ns", False, 0, 10_000_000),
        (rows("time", 0, 1, 2, 3), "s", False, 0, NS),
        (rows("ts", "1700000000.123456789", "1700000000.13"), "s", True, E + 123456789, E + 130000000),
        (rows("timestamp", 1700000000123, 1700000000133), "ms", True, E + 123000000, E + 133000000),
        (rows("ts", 1700000000123456, 1700000000133456), "us", True, E + 123456000, E + 133456000),
        (rows("timestamp_ns", E + 123456789, E + 133456789), "ns", True, E + 123456789, E + 133456789),
        (rows("time", "2023-11-14T22:13:20.5Z", "2023-11-14T22:13:21Z"), "ns", True, E + NS // 2, E + NS),
    ],
)  # fmt: skip
def test_units_and_epochs(tmp_path: Path, text: str, unit: str, epoch: bool, first: int, second: int) -> None:
    info = describe(csv(tmp_path, text))
    assert info.columns == ("x",)
    assert info.stamps is not None
    assert (info.stamps.unit, info.stamps.epoch) == (unit, epoch)
    assert info.stamps.sorted_ns[:2].tolist() == [first, second]


def test_a_unit_that_its_values_deny_is_corrected_and_said(tmp_path: Path) -> None:
    info = describe(csv(tmp_path, rows("time_s", 1700000000123, 1700000000133)))
    assert info.stamps is not None
    assert (info.stamps.unit, info.stamps.epoch) == ("ms", True)
    assert len(info.stamps.problems) == 1


def test_rows_out_of_order_and_without_a_stamp_are_said(tmp_path: Path) -> None:
    info = describe(csv(tmp_path, rows("t_s", 0.0, 0.2, 0.1, "nan", "", "oops", 0.3)))
    assert info.stamps is not None
    assert info.stamps.sorted_ns.tolist() == [0, 100_000_000, 200_000_000, 300_000_000]
    assert len(info.stamps.problems) == 2


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_delimiters_and_encodings(tmp_path: Path, delimiter: str) -> None:
    text = "time_s,größe\n0,1.5\n0.1,2.5\n".replace(",", delimiter)
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "cp1252"):
        info = describe(csv(tmp_path, text.encode(encoding)))
        assert info.channels == ("größe",)
        assert info.rows == 2


def test_decimal_commas(tmp_path: Path) -> None:
    info = describe(csv(tmp_path, "time_s;x\n0,00;1,5\n0,01;2,5\n"))
    assert info.channels == ("x",)
    assert info.stamps is not None
    assert info.stamps.sorted_ns.tolist() == [0, 10_000_000]


def test_no_header_and_a_header_in_a_comment(tmp_path: Path) -> None:
    info = describe(csv(tmp_path, "0.00,1.5\n0.01,2.5\n0.02,3.5\n"))
    assert info.channels == ("column_2",)
    assert info.stamps is not None
    info = describe(csv(tmp_path, "# from a device\n#timestamp [ns],w_x [rad/s]\n0,1.5\n5000000,2.5\n"))
    assert info.channels == ("w_x [rad/s]",)
    assert info.stamps is not None
    assert info.stamps.step_ns == 5_000_000


def test_no_time_column(tmp_path: Path) -> None:
    info = describe(csv(tmp_path, "x,y\n1,2\n3,4\n"))
    assert info == TableInfo(("x", "y"), ("x", "y"), 2, None)


def test_odd_cells_and_rows(tmp_path: Path) -> None:
    text = "time_s,x\n" + "".join(f"0.{n:02d},{n}\n" for n in range(50)) + "0.50,ERR\n0.51,1,2,3\n0.52,7\n"
    info = describe(csv(tmp_path, text))
    assert info.channels == ("x",)
    assert info.rows == 52
    assert len(info.problems) == 2


def test_text_in_a_later_block_does_not_lose_the_table(tmp_path: Path) -> None:
    text = "time_s,x\n" + "".join(f"{n / 1000:.3f},{n}\n" for n in range(1_400_000)) + "1400.000,1.5\n"
    info = describe(csv(tmp_path, text))
    assert info.rows == 1_400_001
    assert info.channels == ("x",)


def test_parquet_with_lists_and_dates(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    stamps = pa.array([1_700_000_000_000_001, 1_700_000_000_010_001], pa.timestamp("us"))
    state = pa.array([[1.0, 2.0], [3.0, 4.0]], pa.list_(pa.float32(), 2))
    pq.write_table(pa.table({"timestamp": stamps, "state": state, "name": ["a", "b"]}), path)
    info = describe(path)
    assert info.columns == ("state",)
    assert info.channels == ("state[0]", "state[1]")
    assert info.stamps is not None
    assert info.stamps.epoch
    assert info.stamps.sorted_ns[0] == 1_700_000_000_000_001_000


@given(st.lists(st.integers(-(10**18), 2 * 10**18), min_size=1, max_size=20))
def test_decimals_are_exact(values: list[int]) -> None:
    text = [f"{'-' * (value < 0)}{abs(value) // NS}.{abs(value) % NS:09d}" for value in values]
    ns, usable = stamps_ns(pa.array(text), "s")
    assert usable.all()
    assert ns.tolist() == values


@pytest.mark.parametrize(
    ("cell", "ns"),
    [
        *((cell, None) for cell in ("", "nan", "abc", "1" * 30, None)),
        ("1e-3", 10**6),
        ("1,5", 1_500_000_000),
    ],
)
def test_odd_stamps(cell: str | None, ns: int | None) -> None:
    found, usable = stamps_ns(pa.array([cell, "0"]), "s")
    assert usable.tolist() == [ns is not None, True]
    if ns is not None:
        assert found[0] == ns


@pytest.mark.parametrize(
    "kind", [pa.uint64(), pa.int64(), pa.int8(), pa.float32(), pa.decimal128(38, 3), pa.bool_()]
)
def test_stamps_of_any_type(kind: Any) -> None:
    ns, usable = stamps_ns(pa.array([1, None, 0], pa.int64()).cast(kind), "s")
    assert len(ns) == len(usable) == 3
    assert not usable[1]


GOOD = b'time_s,x,name\n0.0,1,"a b"\n0.1,2,c\n0.2,3,d\n'


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cut=st.integers(0, len(GOOD)), noise=st.binary(max_size=30), keep=st.booleans())
def test_broken_text_tables_raise_nothing_else(tmp_path: Path, cut: int, noise: bytes, keep: bool) -> None:
    path = csv(tmp_path, GOOD[:cut] + noise + (GOOD[cut:] if keep else b""))
    for work in (describe, table_roles, read_spans, read_head):
        with suppress(InspectorError):
            work(path)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(data=st.data())
def test_broken_parquet_raises_nothing_else(tmp_path: Path, data: st.DataObject) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"t": np.arange(50) / 100, "x": np.arange(50)}), path)
    good = path.read_bytes()
    cut = data.draw(st.integers(0, len(good)))
    noise = data.draw(st.binary(max_size=8))
    path.write_bytes(
        good[:cut] + noise + good[cut + len(noise) :] if data.draw(st.booleans()) else good[:cut]
    )
    for work in (describe, table_roles, read_spans):
        with suppress(InspectorError):
            work(path)


# --- long ones -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["<f8", "<f4", "<i8"])
def test_a_long_table_is_told_of_by_its_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    stamps = (np.arange(5000) * (10 if kind == "<i8" else 0.01) + 3).astype(kind)
    name = "t_ms" if kind == "<i8" else "t"
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({name: stamps, "x": stamps, "y": [[1, 2]] * 5000}), path, row_group_size=700)
    whole = describe(path)
    monkeypatch.setattr(table, "LONG_ROWS", 1000)
    monkeypatch.setattr(table, "SAMPLE_ROWS", 900)
    monkeypatch.setattr(table, "read_columns", None)  # nothing is read whole
    short = describe(path)
    assert (short.columns, short.channels, short.rows, short.problems) == (
        whole.columns, whole.channels, whole.rows, whole.problems
    )  # fmt: skip
    assert short.stamps is not None
    assert whole.stamps is not None
    assert len(short.stamps.ns) < 2000
    for field in ("column", "unit", "epoch", "guessed", "problems"):
        assert getattr(short.stamps, field) == getattr(whole.stamps, field)
    assert abs(short.stamps.step_ns - whole.stamps.step_ns) < 1000
    assert short.stamps.sorted_ns[[0, -1]].tolist() == whole.stamps.sorted_ns[[0, -1]].tolist()


@pytest.mark.parametrize("harm", ["backwards", "null", "nan", "text", "no statistics"])
def test_a_long_table_whose_footer_does_not_say_that_it_rises_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, harm: str
) -> None:
    stamps: Any = np.arange(5000) * 0.01
    if harm == "backwards":
        stamps[3000:] -= 5.0
    elif harm == "nan":
        stamps[300] = np.nan
    column = pa.array([f"{stamp}" for stamp in stamps] if harm == "text" else stamps)
    if harm == "null":
        column = pa.array([None if place == 3000 else float(place) for place in range(5000)])
    path = tmp_path / "a.parquet"
    written = harm != "no statistics"
    pq.write_table(pa.table({"t": column, "x": stamps}), path, row_group_size=700, write_statistics=written)
    whole = describe(path)
    monkeypatch.setattr(table, "LONG_ROWS", 1000)
    monkeypatch.setattr(table, "SAMPLE_ROWS", 900)
    again = describe(path)
    assert again.problems == whole.problems
    assert again.stamps is not None
    assert whole.stamps is not None
    assert again.stamps.problems == whole.stamps.problems
    np.testing.assert_array_equal(again.stamps.ns, whole.stamps.ns)


@pytest.mark.parametrize("text", ["5.5", "5.", "+5.9", "5"])
def test_a_part_of_a_nanosecond_is_cut_off(text: str) -> None:
    ns, usable = stamps_ns(pa.array([text, ".5", "7"]), "ns")
    assert ns.tolist() == [5, 0, 7]
    assert usable.all()
