"""Long sensor records: what is mapped shows what memory would, however often it was broken off."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspector.core.cache import user_cache
from inspector.core.jobs import Job
from inspector.core.model import Clock, Modality, Source, Stream
from inspector.core.settings import change_settings
from inspector.core.times import NS
from inspector.errors import Cancelled, InspectorError
from inspector.media import chunks, series_build
from inspector.media.long_series import LongSeries
from inspector.media.look import in_columns, in_pairs
from inspector.media.series import Series, load_series
from inspector.media.series_build import read_series

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

ROWS = 20_000
RATE = 1000


@pytest.fixture(autouse=True)
def _short_is_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(series_build, "LONG_CELLS", 1000)
    monkeypatch.setattr(series_build, "LONG_CSV_BYTES", 1000)
    monkeypatch.setattr(series_build, "TELL_S", 0.0)
    monkeypatch.setattr(series_build, "BATCH_ROWS", 1500)


def table(rows: int = ROWS, channels: int = 3, seed: int = 1) -> pa.Table:
    """Noise with NaN, nulls and a gap of two seconds in the middle."""
    rng = np.random.default_rng(seed)
    t_s = np.arange(rows) / RATE
    t_s[rows // 2 :] += 2.0
    columns: dict[str, Any] = {"t_s": t_s}
    for place in range(channels):
        values = (rng.normal(size=rows) + place).astype(np.float32)
        values[rng.integers(0, rows, rows // 50)] = np.nan
        columns[f"c{place}"] = pa.array(values, mask=rng.random(rows) < 0.01)
    return pa.table(columns)


def stream_of(path: Path, channels: Sequence[str] = ("c0", "c1", "c2"), **more: Any) -> Stream:
    source = Source(path, "table", columns=tuple(channels), **{"time_column": "t_s", **more})
    return Stream("s", Modality.SENSOR, source, Clock("s", "relative"), rate=float(RATE))


def written(path: Path, what: pa.Table, group: int = 4000) -> Path:
    pq.write_table(what, path, row_group_size=group)
    return path


def long_of(stream: Stream) -> LongSeries:
    made = read_series(stream)
    assert isinstance(made, LongSeries)
    return made


def samples_of(made: LongSeries) -> NDArray[Any]:
    """All values (n, c) in the file."""
    records = made._chunks.mapped.records
    values: NDArray[Any] = records["values"].transpose(0, 2, 1).reshape(-1, len(made.channels))[: made.rows]
    return values


def assert_same(made: LongSeries, truth: Series) -> None:
    assert made.channels == truth.channels
    assert made.unread_ns is None
    assert made.step_ns == truth.step_ns
    np.testing.assert_array_equal(made.t_ns, truth.t_ns)
    np.testing.assert_array_equal(samples_of(made), truth.values)
    for got, want in zip(made.extremes(), truth.extremes(), strict=True):
        np.testing.assert_array_equal(got, want)


def test_a_long_table_is_what_it_would_be_in_memory(tmp_path: Path) -> None:
    stream = stream_of(written(tmp_path / "a.parquet", table()))
    truth = load_series(stream)
    made = long_of(stream)
    assert_same(made, truth)
    for at in [
        -1,
        0,
        1,
        10**9,
        int(truth.t_ns[-1]),
        int(truth.t_ns[-1]) + NS,
        *truth.t_ns[4090:4100].tolist(),
    ]:
        got, want = made.at(at), truth.at(at)
        assert (got is None) == (want is None)
        if got is not None and want is not None:
            np.testing.assert_array_equal(got, want)
    assert made.at(int(truth.t_ns[ROWS // 2]) - NS) is None


@given(data=st.data())
def test_every_extreme_of_any_stretch_is_in_its_look(data: st.DataObject, shared: dict[str, Any]) -> None:
    made, truth = shared["made"], shared["truth"]
    end = int(truth.t_ns[-1])
    start = data.draw(st.integers(-NS, end))
    length = data.draw(st.integers(1, end + NS))
    columns = data.draw(st.integers(1, 900))
    chosen = np.array(data.draw(st.sampled_from([[0], [2], [0, 2], [0, 1, 2]])))
    look = made.look(start, start + length, columns, chosen)
    assert look.boxes is None
    inside = truth.values[(truth.t_ns >= start) & (truth.t_ns < start + length)][:, chosen]
    for place in range(len(chosen)):
        known = inside[:, place][np.isfinite(inside[:, place])]
        if len(known):
            assert np.nanmin(look.low[:, place]) <= known.min()
            assert np.nanmax(look.high[:, place]) >= known.max()
    assert (np.diff(look.t_ns) > 0).all()
    assert len(look.t_ns) <= columns + 5
    # And nothing that is not there: each row holds values of its own samples only.
    lowest, highest = np.nanmin(truth.values[:, chosen], 0), np.nanmax(truth.values[:, chosen], 0)
    for place in range(len(chosen)):
        row = look.low[:, place][np.isfinite(look.low[:, place])]
        assert (row >= lowest[place]).all()
        assert (row <= highest[place]).all()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    path = written(tmp_path_factory.mktemp("long") / "a.parquet", table())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(series_build, "LONG_CELLS", 1000)
        patch.setenv("INSPECTOR_CACHE", str(path.parent / "cache"))
        stream = stream_of(path)
        return {"made": long_of(stream), "truth": load_series(stream)}


def test_samples_are_given_as_they_are_where_there_is_room(shared: dict[str, Any]) -> None:
    made, truth = shared["made"], shared["truth"]
    look = made.look(int(truth.t_ns[4000]), int(truth.t_ns[4200]), 1000)
    first = int(np.searchsorted(truth.t_ns, look.t_ns[0]))
    assert first <= 4000
    np.testing.assert_array_equal(look.t_ns, truth.t_ns[first : first + len(look.t_ns)])
    np.testing.assert_array_equal(look.low, truth.values[first : first + len(look.t_ns)])
    assert look.t_ns[-1] >= truth.t_ns[4200]


@pytest.mark.parametrize("times", [1, 3])
def test_a_build_that_is_broken_off_ends_as_one_that_is_not(tmp_path: Path, times: int) -> None:
    stream = stream_of(written(tmp_path / "a.parquet", table()))
    begun = []

    def build() -> LongSeries | None:
        job: Job[Any] = Job("samples")
        seen = 0

        def told(series: Any) -> None:
            nonlocal seen
            seen += 1
            begun.append(series.rows)
            if seen > times + 1:
                job.cancel()

        try:
            made = read_series(stream, job, told)
        except Cancelled:
            return None
        assert isinstance(made, LongSeries)
        return made

    made = None
    while made is None:
        made = build()
    assert_same(made, load_series(stream))
    assert sorted(begun) == begun  # nothing was read twice


def test_a_known_record_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = stream_of(written(tmp_path / "a.parquet", table()))
    first = long_of(stream)
    told: list[object] = []
    monkeypatch.setattr(series_build, "fill_levels", told.append)
    again = long_of(stream)
    assert not told
    assert_same(again, load_series(stream))
    assert again.rows == first.rows


def test_something_true_is_told_before_anything_is_read(tmp_path: Path) -> None:
    stream = stream_of(written(tmp_path / "a.parquet", table()))
    truth = load_series(stream)
    looks: list[Any] = []

    def told(series: Any) -> None:
        looks.append((series.rows, series.unread_ns, series.look(0, 30 * NS, 500), series.extremes()))

    read_series(stream, Job("samples"), told)
    rows, unread, look, extremes = looks[0]
    assert (rows, unread, len(look.t_ns)) == (0, 0, 0)
    assert len(look.boxes.start_ns) == 5
    for _, _, look, extremes in looks:  # and at no time anything untrue
        for got, want in zip(extremes, truth.extremes(), strict=True):
            np.testing.assert_allclose(got, want)
        if look.boxes is None:
            continue
        for start, end, low, high in zip(
            look.boxes.start_ns, look.boxes.end_ns, look.boxes.low, look.boxes.high, strict=True
        ):
            inside = truth.values[(truth.t_ns >= start) & (truth.t_ns <= end)]
            assert (np.nanmin(inside, 0) >= low).all()
            assert (np.nanmax(inside, 0) <= high).all()
    assert len({rows for rows, *_ in looks}) > 2


def test_the_first_samples_are_told_of_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(series_build, "TELL_S", 1e9)
    stream, rows = stream_of(written(tmp_path / "long.parquet", table())), []
    read_series(stream, partial=lambda made: rows.append(len(made.t_ns)))
    assert rows[:2] == [0, 4096]
    assert len(rows) <= 3  # and not of each chunk behind them


def test_row_ranges_lists_and_counted_times(tmp_path: Path) -> None:
    state = pa.FixedSizeListArray.from_arrays(pa.array(np.arange(2 * ROWS, dtype=np.float32)), 2)
    path = written(tmp_path / "a.parquet", pa.table({"t_s": np.arange(ROWS) / RATE, "v": state}), 3000)
    for more in ({}, {"time_column": None}):
        stream = stream_of(path, ["v"], row_start=3500, row_end=15_001, **more)
        made = long_of(stream)
        assert made.channels == ("v[0]", "v[1]")
        assert_same(made, load_series(stream))


def test_a_part_in_time_of_epoch_stamps(tmp_path: Path) -> None:
    epoch = 1_700_000_000 * NS
    t_ns = pa.array(epoch + np.arange(ROWS, dtype=np.int64) * (NS // RATE))
    path = written(tmp_path / "a.parquet", pa.table({"t_s": t_ns, "c": pa.array(np.arange(ROWS))}))
    more = {"time_unit": "ns", "epoch_ns": epoch, "start_ns": 3 * NS, "end_ns": 18 * NS}
    stream = stream_of(path, ["c"], **more)
    made = long_of(stream)
    assert made.rows == 15 * RATE
    assert_same(made, load_series(stream))


def test_csv_is_read_by_blocks(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("t_s,c0\n" + "".join(f"{n / RATE},{n % 97}\n" for n in range(ROWS)))
    stream = stream_of(path, ["c0"])
    assert_same(long_of(stream), load_series(stream))
    path.write_text(path.read_text() + "oops,oops,oops\n")
    assert isinstance(read_series(stream), Series)


def test_stamps_that_run_backwards_are_sorted_in_memory(tmp_path: Path) -> None:
    what = table()
    shuffled = what.take(np.r_[0:9000, 9010, 9000:9010, 9011:ROWS])
    stream = stream_of(written(tmp_path / "a.parquet", shuffled))
    made = read_series(stream)
    assert isinstance(made, Series)
    np.testing.assert_array_equal(
        made.t_ns, load_series(stream_of(written(tmp_path / "b.parquet", what))).t_ns
    )


@pytest.mark.parametrize("harm", ["cut", "middle"])
def test_a_torn_file_is_built_anew(tmp_path: Path, harm: str) -> None:
    stream = stream_of(written(tmp_path / "a.parquet", table()))
    long_of(stream)
    (path,) = user_cache().root.rglob("*.chunks")
    content = path.read_bytes()
    if harm == "cut":
        content = content[:-100]
    else:
        content = content.replace(b'"whole": true', b'"whole": false', 1)
        content = content[:50_000] + bytes(4096) + content[54_096:]
    path.unlink()
    path.write_bytes(content)
    assert_same(long_of(stream), load_series(stream))


def test_without_a_cache_it_is_there_for_this_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    change_settings(cache_gb=0)
    stream = stream_of(written(tmp_path / "a.parquet", table()))
    made = long_of(stream)
    folder = made._home.folder
    assert folder.is_dir()
    assert_same(made, load_series(stream))
    del made
    assert not folder.exists()

    def full(*_: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(series_build, "Home", full)
    assert isinstance(read_series(stream), Series)


def test_the_window_waits_for_no_disk(shared: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    made, truth = shared["made"], shared["truth"]
    fetched: list[Any] = []
    monkeypatch.setattr(chunks.Mapped, "ready", lambda *_: False)
    monkeypatch.setattr(chunks.Mapped, "fetch", lambda _, which, ranges: fetched.append((which, ranges)))
    warm = threading.Event()
    start, end = int(truth.t_ns[5000]), int(truth.t_ns[5100])
    look = made.look(start, end, 500, np.array([1]), warm.set)
    assert len(look.t_ns) == 0
    assert look.boxes is not None
    inside = truth.values[5000:5101, 1]
    assert np.nanmin(look.boxes.low) <= np.nanmin(inside)
    assert np.nanmax(look.boxes.high) >= np.nanmax(inside)
    assert warm.wait(20)
    assert fetched[0][0] == slice(1, 2)
    asked = sum(count for _, count in fetched[0][1])
    assert asked < made._chunks.dtype.itemsize / 2  # the times and one channel, not the chunk
    warm.clear()
    assert made.at(start, warm.set) is None
    assert warm.wait(20)
    monkeypatch.undo()
    assert len(made.look(start, end, 500, np.array([1]), warm.set).t_ns) > 100


def test_the_work_is_bounded_by_columns(shared: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    def counted(work: Any) -> Any:
        def counting(starts: NDArray[Any], *rest: Any) -> Any:
            seen.append(starts.size)
            return work(starts, *rest)

        return counting

    for work in (in_columns, in_pairs):
        monkeypatch.setattr(f"inspector.media.long_series.{work.__name__}", counted(work))
    end = int(shared["truth"].t_ns[-1])
    for length in (NS, 5 * NS, 10 * NS, end):
        shared["made"].look(0, length, 100)
    assert max(seen) <= 100 * 4 * 8 + 2 * shared["made"].top


def test_what_is_wrong_is_said(tmp_path: Path) -> None:
    with pytest.raises(InspectorError):
        read_series(stream_of(tmp_path / "gone.parquet"))
    path = written(tmp_path / "a.parquet", table())
    with pytest.raises(InspectorError, match="gone"):
        read_series(stream_of(path, ["c0", "other"]))


@pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="the system does not say what is mapped")
def test_what_was_looked_at_is_given_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dtype = chunks.record_type([("values", "<f8", (1 << 16,))])
    with chunks.writing(tmp_path / "a", {}, dtype) as writer:
        assert writer is not None
        for _ in range(16):
            writer.append(np.ones(1, dtype))
    file = chunks.Chunks(tmp_path / "a", {}, dtype)
    file.refresh()
    mapped = file.mapped

    def resident_bytes() -> int:
        told, inside = 0, False
        for line in Path("/proc/self/smaps").read_text().splitlines():
            if "-" in line.split(" ", 1)[0]:
                inside = line.endswith(str(tmp_path / "a"))
            elif inside and line.startswith("Rss:"):
                told += int(line.split()[1]) << 10
        return told

    def look() -> None:
        for chunk in range(16):
            part = slice(chunk, chunk + 1)
            assert mapped.ready(part, [mapped.place("values")])
            assert mapped.records["values"][part].sum() == 1 << 16

    look()
    assert resident_bytes() >= 8 << 20
    monkeypatch.setattr(chunks, "MOST_MAPPED", 1 << 20)
    look()
    assert resident_bytes() <= 3 << 20
