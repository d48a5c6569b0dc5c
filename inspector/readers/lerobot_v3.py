"""LeRobot v3.x: many episodes in one Parquet file and in one film, cut out by row and by timestamp."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from inspector.core.model import Problem
from inspector.errors import InspectorError
from inspector.readers.lerobot_layout import Places, spread
from inspector.readers.lerobot_meta import read_parquet

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from inspector.readers.lerobot_layout import Fence, Template, Tree
    from inspector.readers.lerobot_meta import Info

EPISODES = "meta/episodes"


def read_episodes(info: Info, fence: Fence, tree: Tree, problems: list[Problem]) -> pa.Table:
    """All files of meta/episodes as one table, without the statistics.

    Where one is damaged, or all are missing, episodes are recovered from the data files' own episode_index:
    their rows are known then, their place in the films is not.
    """
    tables, damaged = [], False
    for folder, names in sorted(tree.names.items()):
        if folder != EPISODES and not folder.startswith(f"{EPISODES}/"):
            continue
        for name in sorted(name for name in names.to_pylist() if name.endswith(".parquet")):
            works = "its episodes are recovered from the data files, without their films"
            table = read_parquet(
                fence, f"{folder}/{name}", problems, lambda column: not column.startswith("stats/"), works
            )
            if table is None or "episode_index" not in table.column_names:
                damaged = True
            else:
                tables.append(table)
    if not tables and not damaged:
        works = "episodes are recovered from the data files, without their films"
        problems.append(Problem(EPISODES, "is missing", works))
    try:
        table = pa.concat_tables(tables, promote_options="permissive") if tables else None
    except pa.ArrowException as error:
        problems.append(Problem(EPISODES, f"its files do not fit together: {error}", "the first one is used"))
        table = tables[0]
    if table is not None and not damaged:
        return table
    known = table.column("episode_index") if table is not None else pa.array([], pa.int64())
    recovered = _recover(info, fence, tree, problems)
    recovered = recovered.filter(
        pc.invert(pc.is_in(recovered.column("episode_index"), value_set=pc.cast(known, pa.int64())))
    )
    return recovered if table is None else pa.concat_tables([table, recovered], promote_options="permissive")


def _recover(info: Info, fence: Fence, tree: Tree, problems: list[Problem]) -> pa.Table:
    template = info.templates["data"]
    tables = []
    for found in tree.find(template):
        for chunk, number in zip(found.chunk.tolist(), found.number.tolist(), strict=True):
            name = template.path("", chunk, number)
            try:
                runs = data_runs(fence.path(name))
            except (InspectorError, OSError, pa.ArrowException) as error:
                problems.append(Problem(name, f"cannot be read: {str(error).splitlines()[0]:.160}"))
                continue
            tables.append(
                pa.table(
                    {
                        "episode_index": runs.episode,
                        "data/chunk_index": np.full(len(runs.episode), chunk),
                        "data/file_index": np.full(len(runs.episode), number),
                        "length": runs.end - runs.start,
                    }
                )
            )
    return pa.concat_tables(tables) if tables else pa.table({"episode_index": pa.array([], pa.int64())})


def places(
    info: Info, tree: Tree, template: Template, key: str, episodes: NDArray[np.int64], table: pa.Table
) -> Places:
    """Where each episode's rows or its part of a film lie, from the columns `data/…` or `videos/<key>/…`."""
    prefix = _prefix(table, key)
    chunk = integers(table, f"{prefix}/chunk_index")
    number = integers(table, f"{prefix}/file_index")
    wanted = spread(chunk, number)
    present = np.zeros(len(episodes), np.bool_)
    for found in tree.find(template, key):
        present |= np.isin(wanted, found.key)
        tree.take(found.folder, found.at[np.isin(found.key, wanted)])
    if not key:
        return Places(template, key, chunk, number, present)
    start, end = (seconds(table, f"{prefix}/{name}_timestamp") for name in ("from", "to"))
    return Places(template, key, chunk, number, present, start, end)


def media_keys(_: Tree, __: Template, table: pa.Table) -> list[str]:
    """The film features that the episodes table names, where info.json does not."""
    matches = (re.fullmatch(r"videos/(.+)/file_index", name) for name in table.column_names)
    return sorted(match[1] for match in matches if match)


def _prefix(table: pa.Table, key: str) -> str:
    if not key:
        return "data"
    return next(
        (f"{head}/{key}" for head in ("videos", "audio") if f"{head}/{key}/file_index" in table.column_names),
        f"videos/{key}",
    )


def integers(table: pa.Table, name: str) -> NDArray[np.int64]:
    """An integer column, −1 where it is missing or says nothing."""
    if name not in table.column_names:
        return np.full(table.num_rows, -1, np.int64)
    try:
        column = pc.cast(table.column(name), pa.int64())
    except pa.ArrowException:
        return np.full(table.num_rows, -1, np.int64)
    values: NDArray[np.int64] = pc.fill_null(column, -1).to_numpy()
    return values


def seconds(table: pa.Table, name: str) -> NDArray[np.float64]:
    """A column of seconds, NaN where it is missing or says nothing."""
    if name not in table.column_names:
        return np.full(table.num_rows, np.nan)
    try:
        column = pc.cast(table.column(name), pa.float64())
    except pa.ArrowException:
        return np.full(table.num_rows, np.nan)
    values: NDArray[np.float64] = pc.fill_null(column, float("nan")).to_numpy()
    return values


@dataclass(frozen=True)
class Runs:
    """Which rows of a data file belong to which episode, from its own episode_index column.

    An episode whose rows lie in several pieces is listed once for each.
    """

    episode: NDArray[np.int64]
    start: NDArray[np.int64]
    end: NDArray[np.int64]

    def of(self, episode: int) -> list[tuple[int, int]]:
        """The pieces of one episode, in the file's order."""
        at = np.flatnonzero(self.episode == episode)
        return [(int(self.start[i]), int(self.end[i])) for i in at]


def data_runs(path: Path) -> Runs:
    """The runs of a data file, none where it has no episode_index. Raises what pyarrow raises."""
    stat = path.stat()
    return _runs(path, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=128)
def _runs(path: Path, size: int, mtime_ns: int) -> Runs:
    none = np.zeros(0, np.int64)
    with pq.ParquetFile(path) as file:
        if file.schema_arrow.names.count("episode_index") != 1:
            return Runs(none, none, none)
        column = integers(file.read(["episode_index"]), "episode_index")
    if not len(column):
        return Runs(none, none, none)
    start = np.concatenate(([0], np.flatnonzero(np.diff(column)) + 1))
    return Runs(column[start], start, np.concatenate((start[1:], [len(column)])))
