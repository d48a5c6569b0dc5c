"""Labels from tables and JSON."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from inspector.core.times import NS
from inspector.errors import InspectorError
from inspector.media import table
from inspector.media.csvhead import all_numbers, is_number, read_head
from inspector.media.spans import read_spans, table_roles

if TYPE_CHECKING:
    from pathlib import Path

MS = 1_000_000


def test_spans_with_tier_author_and_other_columns(tmp_path: Path) -> None:
    path = tmp_path / "labels_A.csv"
    path.write_text("start,end,label,tier,author,score\n1.146,3.995,reads 9:25,time,Ann,0.5\n4,5,waves,,,\n")
    labels, told = read_spans(path, "in/labels_A")
    assert told == ()
    first, second = labels
    assert (first.id, first.tier, first.label, first.author) == ("in/labels_A:0", "time", "reads 9:25", "Ann")
    assert first.span == (1146 * MS, 3995 * MS)
    assert first.attrs == {"score": "0.5"}
    assert (second.id, second.tier, second.author) == ("in/labels_A:1", "labels_A", "")


def test_an_author_in_the_name_counts_where_there_is_no_column(tmp_path: Path) -> None:
    path = tmp_path / "labels_B.csv"
    path.write_text("start_ms,duration_ms,label\n1000,500,x\n")
    labels, _ = read_spans(path)
    assert (labels[0].author, labels[0].span) == ("B", (NS, 1500 * MS))


def test_times_and_text_are_a_tier_of_moments(tmp_path: Path) -> None:
    path = tmp_path / "events.tsv"
    path.write_text("time_s\tevent\n0.5\tpress\n1:02.5\trelease\n")
    labels, told = read_spans(path)
    assert told == ()
    assert [(label.tier, label.label, label.span) for label in labels] == [
        ("events", "press", (NS // 2, NS // 2)),
        ("events", "release", (62_500 * MS, 62_500 * MS)),
    ]


def test_a_table_without_header_in_the_form_of_aeneas(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('f1,0.000,2.680,"1"\nf2,2.680,5.880,"From fairest creatures, we"\n')
    labels, _ = read_spans(path)
    assert [(label.label, label.span) for label in labels] == [
        ("1", (0, 2680 * MS)),
        ("From fairest creatures, we", (2680 * MS, 5880 * MS)),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "time_s,x,y\n0,1,2\n",
        "time,x,state\n0,1,on\n0.1,2,off\n",
        "x,offset,name\n1,2,a\n",
        "a,b\nc,d\n",
        "0.0,1.5\n0.1,1.6\n",
    ],
)
def test_what_is_no_labels(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(text)
    assert table_roles(path) is None
    with pytest.raises(InspectorError):
        read_spans(path)


def test_bad_rows_are_said_and_kept_where_they_can_be(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("start,end,label\nnan,1,floats\n3,2,backwards\n4,,open\n5,6,good\n")
    labels, told = read_spans(path)
    assert [(label.label, label.span) for label in labels] == [
        ("floats", None),
        ("backwards", (3 * NS, 3 * NS)),
        ("open", (4 * NS, 4 * NS)),
        ("good", (5 * NS, 6 * NS)),
    ]
    assert len(told) == 3


def test_json_lists_bare_and_under_annotations(tmp_path: Path) -> None:
    item = {"start": 1, "end": 2.5, "label": "x", "author": "Ann", "box": [1, 2]}
    for plain in ([item], {"annotations": [item, 7]}):
        path = tmp_path / "a.json"
        path.write_text(json.dumps(plain))
        labels, told = read_spans(path)
        assert labels[0].span == (NS, 2500 * MS)
        assert labels[0].attrs == {"box": [1, 2]}
        assert len(told) == (0 if isinstance(plain, list) else 1)


def test_moments_since_1970_are_exact(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    for stamp in ("1700000000.000000001", "1700000000000000001"):
        path.write_text(f"timestamp,event\n{stamp},press\n")
        assert read_spans(path)[0][0].span == (1_700_000_000 * NS + 1, 1_700_000_000 * NS + 1)


def test_parquet(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"onset": [0.5], "offset": [1.0], "label": ["x"]}), path)
    assert read_spans(path)[0][0].span == (NS // 2, NS)


GOOD = (
    b'[{"start": 1, "end": 2.5, "label": "x", "tier": null}, {"start": "0:01.5", "end": 1e400, "label": 3}]'
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cut=st.integers(0, len(GOOD)), noise=st.binary(max_size=20), keep=st.booleans())
def test_broken_json_raises_nothing_else(tmp_path: Path, cut: int, noise: bytes, keep: bool) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(GOOD[:cut] + noise + (GOOD[cut:] if keep else b""))
    with suppress(InspectorError):
        read_spans(path)


CELLS = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(), st.lists, max_leaves=3
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.dictionaries(st.sampled_from(["start", "end", "label", "tier", "id"]), CELLS)))
def test_any_json_values_raise_nothing_else(tmp_path: Path, items: list[dict[str, object]]) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps([{"start": 0, "end": 1, "label": "x"}, *items]))
    with suppress(InspectorError):
        labels, _ = read_spans(path)
        assert len(labels) == len(items) + 1


def old_all_numbers(cells: list[str]) -> bool:
    """What `all_numbers` does at once, a cell at a time."""
    return all(is_number(cell) or not cell.strip() for cell in cells) and any(cell.strip() for cell in cells)


@example(["."])  # Python 3.11.2 took the whole for one
@example(["1", "1e", "-"])
@given(
    st.lists(st.text("01.,eE+- \t\n\x1fa\xa0", max_size=6) | st.sampled_from(["1", "-2.5e3", ""]), max_size=4)
)
def test_a_column_of_numbers_is_told_as_a_cell_at_a_time_would_tell_it(cells: list[str]) -> None:
    assert all_numbers(cells) is old_all_numbers(cells)


def test_cells_full_of_digits_and_blanks_take_no_time_to_refuse() -> None:
    assert not all_numbers(["1" * 50_000 + "x", " " * 50_000 + "x"])
    assert all_numbers([" " * 50_000, "1" * 50_000])


def test_a_small_table_is_read_as_a_long_one_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ("t_s,x\n1,2\n", "t_s,x\n0.5,2\n1,\n", "t_s,x\n", 't_s,x\n1,"a\nb"\n', "t_s,x\n1,2,3\n2,3\n")
    for number, text in enumerate(texts):
        path = tmp_path / f"{number}.csv"
        path.write_text(text)
        head, found = read_head(path), []
        for least in (1 << 20, 0):
            monkeypatch.setattr(table, "WORTH_THREADS", least)
            found.append(table.read_csv(path, head, None, ["t_s"]))
        assert found[0][0].equals(found[1][0])
        assert found[0][1] == found[1][1]


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.lists(
            st.text("ab1.- \t\x0b\u2028,;é", max_size=4) | st.sampled_from(["", "NA", "nan", '"q"', "\r"]),
            min_size=1,
            max_size=3,
        ),
        max_size=4,
    ),
    st.sampled_from(["\n", "\r\n"]),
)
def test_a_small_table_of_text_is_what_the_parser_makes_of_it(
    tmp_path: Path, rows: list[list[str]], end: str
) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(end.join([",".join(row) for row in [["start", "end", "label"], *rows]]).encode())
    head = read_head(path)
    if head.whole and head.rows and len(head.names) > 1:
        parsed = table._parse_csv(path, head, None, head.names)
        assert table.read_csv(path, head, None, head.names)[0].to_pydict() == parsed.to_pydict()


def test_most_small_tables_of_labels_are_read_with_their_head(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("start_s,end_s,label\n0.1,0.2,wave\n0.3,NA,\n")
    head = read_head(path)
    assert head.whole
    assert table.read_csv(path, head, None, head.names)[0].to_pydict() == {
        "start_s": ["0.1", "0.3"], "end_s": ["0.2", None], "label": ["wave", None]
    }  # fmt: skip
    path.write_text("start_s,end_s,label\n" + "0.1,0.2,wave\n" * 201)
    assert not read_head(path).whole
