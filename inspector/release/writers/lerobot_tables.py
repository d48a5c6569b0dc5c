"""The tables of a LeRobot v3.0 dataset: rows of frames, episodes with their statistics, tasks."""

from __future__ import annotations

import json
import mmap
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from inspector.core.times import NS
from inspector.media.colours import ColourPool, Colours
from inspector.release.targets import Member, Packed, Region
from inspector.release.writers.lerobot_grid import sampled

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from concurrent.futures import Future
    from pathlib import Path

    from numpy.typing import NDArray

    from inspector.core.model import Stream
    from inspector.release.writers.lerobot_grid import Grid

Columns = dict[str, tuple[str, ...]]
"""The features that are numbers: the names of each one's channels."""
ROWS: dict[str, pa.DataType] = {
    "timestamp": pa.float32(),
    "frame_index": pa.int64(),
    "episode_index": pa.int64(),
    "index": pa.int64(),
    "task_index": pa.int64(),
}
_DTYPES = {pa.float32(): "float32", pa.int64(): "int64"}
QUANTILES = (0.01, 0.10, 0.50, 0.90, 0.99)
"""Those that LeRobot's policies may normalise by."""
EPISODES = "meta/episodes/chunk-000/file-000.parquet"
_GROUP = 500
AT_A_TIME = 2
"""Films that are looked at beside each other."""
_PIXELS = pa.list_(pa.list_(pa.list_(pa.float64())))


@dataclass(slots=True)
class Episode:
    """One record on the grid; `data` is its file's path, chunk, number and row group."""

    number: int
    first_row: int
    task: int
    task_text: str
    grid: Grid
    sensors: dict[str, Stream]
    data: tuple[str, int, int, int]
    videos: dict[str, tuple[int, int, float, float]] = field(default_factory=dict)
    """Of each camera its file's chunk and number, and where in it the episode begins and ends, in s."""
    films: dict[str, tuple[str, int]] = field(default_factory=dict)
    """Of each camera its file's path in the release, and the track."""


def features(columns: Columns) -> dict[str, Any]:
    """Features as info.json has them, without the films."""
    found: dict[str, Any] = {
        key: {"dtype": "float32", "shape": [len(names)], "names": list(names)}
        for key, names in columns.items()
    }
    return found | {
        name: {"dtype": _DTYPES[kind], "shape": [1], "names": None} for name, kind in ROWS.items()
    }


def _schema(columns: Columns) -> pa.Schema:
    fields: list[tuple[str, pa.DataType]] = []
    hub: dict[str, Any] = {}
    for key, names in columns.items():
        value = {"dtype": "float32", "_type": "Value"}
        single = len(names) == 1
        fields.append((key, pa.float32() if single else pa.list_(pa.float32())))
        hub[key] = value if single else {"feature": value, "length": len(names), "_type": "List"}
    for name, kind in ROWS.items():
        fields.append((name, kind))
        hub[name] = {"dtype": _DTYPES[kind], "_type": "Value"}
    return pa.schema(fields, metadata={"huggingface": json.dumps({"info": {"features": hub}})})


def write_data(episodes: Sequence[tuple[str, Episode]], columns: Columns, rate: float, to: Path) -> Packed:
    """A data file of these records' episodes, a row group each; where each sensor's bytes lie in it."""
    schema = _schema(columns)
    with pq.ParquetWriter(
        to, schema, compression="snappy", use_dictionary=False, write_page_checksum=True
    ) as writer:
        for _, episode in episodes:
            writer.write_table(_rows(episode, columns, rate, schema), row_group_size=1 << 30)
    packed = Packed([], [])
    meta = pq.read_metadata(to)
    with to.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as whole:
        for group, (record_id, episode) in enumerate(episodes):
            found = meta.row_group(group)
            low, high = 1 << 62, 0
            for number in range(found.num_columns):
                column = found.column(number)
                start, size = column.data_page_offset, column.total_compressed_size
                low, high = min(low, start), max(high, start + size)
                key = column.path_in_schema.partition(".list.")[0]
                if key in episode.sensors:
                    place = f"{episode.data[0]}/episode_{episode.number:06d}/{key}"
                    packed.members.append(
                        Member(place, start, size, sha256(whole[start : start + size]).hexdigest())
                    )
            packed.regions.append(Region(low, high - low, zlib.crc32(whole[low:high]), [record_id]))
    return packed


def _rows(episode: Episode, columns: Columns, rate: float, schema: pa.Schema) -> pa.Table:
    count = len(episode.grid.times_ns)
    numbers = np.arange(count)
    arrays: list[pa.Array] = []
    for key, names in columns.items():
        values = np.full((count, len(names)), np.nan, np.float32)
        if key in episode.sensors:
            values = sampled(episode.sensors[key], episode.grid.times_ns, len(names))
        flat = pa.array(values.ravel())
        ends = pa.array(np.arange(count + 1, dtype=np.int32) * len(names))
        arrays.append(flat if len(names) == 1 else pa.ListArray.from_arrays(ends, flat))
    arrays += [
        pa.array((numbers / rate).astype(np.float32)),
        pa.array(numbers),
        pa.array(np.full(count, episode.number)),
        pa.array(numbers + episode.first_row),
        pa.array(np.full(count, episode.task)),
    ]
    return pa.Table.from_arrays(arrays, schema=schema)


# -- episodes and statistics ---------------------------------------------------------------------------------


class EpisodeTable:
    """meta/episodes, a row an episode, and the statistics of all of them."""

    def __init__(self) -> None:
        self._writer: pq.ParquetWriter | None = None
        self._kept: list[tuple[dict[str, Any], dict[str, Future[Colours | None]]]] = []
        self._pool = ThreadPoolExecutor(AT_A_TIME, thread_name_prefix="inspector-colours")
        self._looks = ColourPool()
        self._colours: dict[str, _Pictures] = {}
        self._open: tuple[str, pq.ParquetFile] | None = None
        self._all: dict[str, _Sum] = {}

    def add(self, out: Path, record_id: str, split: str, episode: Episode, rate: float) -> None:
        """The row of an episode that was written. Raises OSError or ArrowException where that is damaged."""
        path, chunk, number, group = episode.data
        if self._open is None or self._open[0] != path:
            self._shut()
            self._open = (path, pq.ParquetFile(out / path))
        table = self._open[1].read_row_group(group)
        row: dict[str, Any] = {
            "episode_index": episode.number,
            "tasks": [episode.task_text],
            "length": table.num_rows,
            "data/chunk_index": chunk,
            "data/file_index": number,
            "dataset_from_index": episode.first_row,
            "dataset_to_index": episode.first_row + table.num_rows,
        }
        for key, (chunk, number, start, end) in episode.videos.items():
            row |= {
                f"videos/{key}/chunk_index": chunk,
                f"videos/{key}/file_index": number,
                f"videos/{key}/from_timestamp": start,
                f"videos/{key}/to_timestamp": end,
            }
        for key in table.column_names:
            column = table.column(key).combine_chunks()
            values = _matrix(column)
            self._all.setdefault(key, _Sum()).add(values)
            row |= {f"stats/{key}/{name}": value for name, value in stats_of(values).items()}
        row |= {"meta/episodes/chunk_index": 0, "meta/episodes/file_index": 0}
        seen = {
            key: self._pool.submit(self._look, out / path, track, episode.videos[key][2:])
            for key, (path, track) in episode.films.items()
        }
        self._kept.append(({**row, "record_id": record_id, "split": split}, seen))
        if len(self._kept) >= _GROUP:
            self._flush(out)

    def _look(self, path: Path, track: int, span_s: tuple[float, float]) -> Colours | None:
        return self._looks.ask(path, track, (round(span_s[0] * NS), round(span_s[1] * NS)))

    def _flush(self, out: Path) -> None:
        if not self._kept:
            return
        rows = []
        for row, seen in self._kept:
            for key, future in seen.items():
                found = future.result()
                told = dict.fromkeys(_Pictures.NAMES)
                if found is not None:
                    told = _Pictures.of(found)
                    self._colours.setdefault(key, _Pictures()).add(found)
                row |= {f"stats/{key}/{name}": value for name, value in told.items()}
            rows.append(row)
        if self._writer is None:
            (out / EPISODES).parent.mkdir(parents=True, exist_ok=True)
            kinds = {name: pa.infer_type([row[name] for row in rows]) for name in rows[0]}
            schema = pa.schema(
                (name, _PIXELS if pa.types.is_null(kind) else kind) for name, kind in kinds.items()
            )
            self._writer = pq.ParquetWriter(out / EPISODES, schema, compression="snappy")
        table = pa.Table.from_pylist(rows, schema=self._writer.schema)
        self._writer.write_table(table)
        self._kept.clear()

    def _shut(self) -> None:
        if self._open is not None:
            self._open[1].close()
            self._open = None

    def stop(self) -> None:
        """End the children that look at films."""
        self._pool.shutdown(cancel_futures=True)
        self._looks.close()

    def close(self, out: Path) -> Iterable[str]:
        """Write what is left, and stats.json; the paths of both."""
        self._shut()
        self._flush(out)
        self.stop()
        if self._writer is not None:
            self._writer.close()
            yield EPISODES
        found: dict[str, Any] = {key: each.told() for key, each in self._all.items()}
        found |= {key: each.told() for key, each in self._colours.items()}
        (out / "meta/stats.json").write_text(json.dumps(found, indent=4), encoding="utf-8")
        yield "meta/stats.json"


def _matrix(column: pa.Array) -> NDArray[np.float64]:
    """(n, c) of a column of numbers or of lists of as many numbers."""
    count = len(column)
    flat = column.flatten() if pa.types.is_list(column.type) else column
    values: NDArray[np.float64] = flat.to_numpy(zero_copy_only=False).astype(np.float64)
    return values.reshape(count, -1)


def stats_of(values: NDArray[np.float64]) -> dict[str, list[float]]:
    """Least, greatest, mean, deviation, count and quantiles of each channel, NaN left out; (n, c) in.

    A channel that holds nothing is told as 0, its deviation too: LeRobot takes no NaN there.
    """
    empty = np.isnan(values).all(axis=0)
    filled = np.where(empty, 0.0, values)
    found = {
        "min": np.nanmin(filled, axis=0),
        "max": np.nanmax(filled, axis=0),
        "mean": np.nanmean(filled, axis=0),
        "std": np.nanstd(filled, axis=0),
        "count": np.array([len(values)]),
    }
    for share in QUANTILES:
        found[f"q{round(share * 100):02d}"] = np.nanquantile(filled, share, axis=0)
    return {name: each.tolist() for name, each in found.items()}


class _Sum:
    """The statistics of all episodes from those of each: exact but for the quantiles, which are averaged by
    length as LeRobot does.
    """

    def __init__(self) -> None:
        self._count = 0
        self._seen: Any = 0
        self._total: Any = 0.0
        self._squares: Any = 0.0
        self._least: Any = np.inf
        self._most: Any = -np.inf
        self._quantiles: dict[str, Any] = {}

    def add(self, values: NDArray[np.float64]) -> None:
        """One episode's values (n, c)."""
        there = ~np.isnan(values)
        filled = np.where(there, values, 0.0)
        seen = there.sum(axis=0)
        mean = filled.sum(axis=0) / np.maximum(seen, 1)
        squares = np.where(there, (values - mean) ** 2, 0.0).sum(axis=0)
        before = self._total / np.maximum(self._seen, 1)
        both = self._seen + seen
        # Chan, Golub and LeVeque 1983, eq. 1.5: sums of squares of two parts about their common mean.
        apart = (mean - before) ** 2 * self._seen * seen / np.maximum(both, 1)
        self._squares = self._squares + squares + apart
        self._total = self._total + filled.sum(axis=0)
        self._seen = both
        self._count += len(values)
        self._least = np.minimum(self._least, np.where(there, values, np.inf).min(axis=0))
        self._most = np.maximum(self._most, np.where(there, values, -np.inf).max(axis=0))
        for name, each in stats_of(values).items():
            if name.startswith("q"):
                self._quantiles[name] = self._quantiles.get(name, 0.0) + np.array(each) * len(values)

    def told(self) -> dict[str, list[float]]:
        """As stats.json has them."""
        empty = self._seen == 0
        seen = np.maximum(self._seen, 1)
        found = {
            "min": np.where(empty, 0.0, self._least),
            "max": np.where(empty, 0.0, self._most),
            "mean": self._total / seen,
            "std": np.sqrt(self._squares / seen),
            "count": np.array([self._count]),
            **{name: each / max(self._count, 1) for name, each in self._quantiles.items()},
        }
        return {name: np.asarray(each).tolist() for name, each in found.items()}


class _Pictures:
    """The statistics of a camera's pictures, (3, 1, 1) each as LeRobot has them."""

    NAMES = ("min", "max", "mean", "std", "count")

    def __init__(self) -> None:
        self._frames = 0
        self._least: Any = np.inf
        self._most: Any = -np.inf
        self._total: Any = 0.0
        self._squares: Any = 0.0

    @classmethod
    def of(cls, found: Colours) -> dict[str, Any]:
        """Those of one episode."""
        listed = (found.least, found.most, found.mean, found.deviation)
        told = {name: [[[each]] for each in values] for name, values in zip(cls.NAMES, listed, strict=False)}
        return {**told, "count": [found.frames]}

    def add(self, found: Colours) -> None:
        """One episode's."""
        self._frames += found.frames
        self._least = np.minimum(self._least, found.least)
        self._most = np.maximum(self._most, found.most)
        mean = np.array(found.mean)
        self._total = self._total + mean * found.frames
        self._squares = self._squares + (np.array(found.deviation) ** 2 + mean**2) * found.frames

    def told(self) -> dict[str, Any]:
        """As stats.json has them."""
        mean = self._total / self._frames
        deviation = np.sqrt(np.maximum(self._squares / self._frames - mean**2, 0))
        every = (self._least, self._most, mean, deviation)
        return self.of(Colours(self._frames, *(tuple(np.asarray(each).tolist()) for each in every)))


def write_tasks(path: Path, tasks: Sequence[str]) -> None:
    """meta/tasks.parquet: the tasks are the index of a pandas table, as LeRobot reads it back."""
    path.parent.mkdir(parents=True, exist_ok=True)
    numbers = pa.array(range(len(tasks)), pa.int64())
    table = pa.table({"task_index": numbers, "task": pa.array(tasks, pa.string())})
    told = {
        "index_columns": ["task"],
        "column_indexes": [],
        "columns": [
            {"name": name, "field_name": name, "pandas_type": kind, "numpy_type": numpy, "metadata": None}
            for name, kind, numpy in (("task_index", "int64", "int64"), ("task", "unicode", "object"))
        ],
        "pandas_version": "2.0.0",
    }
    pq.write_table(table.replace_schema_metadata({"pandas": json.dumps(told)}), path)
