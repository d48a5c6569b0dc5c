"""LeRobot v2.x: one Parquet file and one film for each episode, listed in meta/episodes.jsonl."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from inspector.core.model import Problem
from inspector.readers.lerobot_layout import Places
from inspector.readers.lerobot_meta import read_jsonl

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from inspector.readers.lerobot_layout import Fence, Template, Tree
    from inspector.readers.lerobot_meta import Info

EPISODES = "meta/episodes.jsonl"


def read_episodes(info: Info, fence: Fence, tree: Tree, problems: list[Problem]) -> pa.Table:
    """The episodes table, from the names of the data and film files where there is none."""
    table = read_jsonl(fence, EPISODES, problems)
    if table is not None and "episode_index" in table.column_names:
        return table
    numbers = [found.number for found in tree.find(info.templates["data"])]
    for feature in info.of("video"):
        numbers += [found.number for found in tree.find(info.templates["video"], feature.key)]
    episodes = np.unique(np.concatenate(numbers)) if numbers else np.zeros(0, np.int64)
    what = "is missing" if table is None else "has no episode_index"
    problems.append(Problem(EPISODES, what, "episodes are listed from the names of their files"))
    return pa.table({"episode_index": pa.array(episodes)})


def places(
    info: Info, tree: Tree, template: Template, key: str, episodes: NDArray[np.int64], _: pa.Table
) -> Places:
    """Where each episode's file lies; the chunk is the one it was found in, else the one it should be in."""
    expected = episodes // info.chunks_size
    chunk = expected.copy()
    present = np.zeros(len(episodes), np.bool_)
    listed = list(tree.find(template, key))
    for right in (False, True):  # a file in its own chunk wins over the same number in another
        for found in listed:
            row = np.searchsorted(episodes, found.number)
            row[row == len(episodes)] = 0
            known = episodes[row] == found.number if len(episodes) else np.zeros(len(row), np.bool_)
            known &= (found.chunk == expected[row] if len(episodes) else known) == right
            chunk[row[known]] = found.chunk[known]
            present[row[known]] = True
            tree.take(found.folder, found.at[known])
    return Places(template, key, chunk, episodes, present)


def media_keys(tree: Tree, template: Template, _: pa.Table) -> list[str]:
    """The film features that the folders show, where info.json names none."""
    return tree.keys(template)
