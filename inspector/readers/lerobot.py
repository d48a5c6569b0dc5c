"""LeRobot datasets, v2.x and v3.x, read with pyarrow and the prober alone.

The lerobot package would bring a training framework with it. A file that is missing is an absent modality;
one that is damaged is a problem line, and the rest of the record opens.
"""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from inspector.core.memory import give_back
from inspector.core.model import Modality, Problem, Record, default_reference
from inspector.errors import InspectorError
from inspector.readers import lerobot_v2, lerobot_v3, readers
from inspector.readers.lerobot_layout import Fence, Places, Tree, combine
from inspector.readers.lerobot_meta import (
    Feature,
    Info,
    features_of,
    joined,
    read_info,
    read_tasks,
    scalar_columns,
)
from inspector.readers.lerobot_streams import Episode, add_media, add_numbers, distinct, find_rows

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

LARGE = 32 << 20
"""Bytes of an episodes table from which on what reading it left free is given back."""
LAYOUT_COLUMNS = ("episode_index", "tasks", "length", "dataset_from_index", "dataset_to_index")


class LeRobotDataset:
    """A LeRobot dataset as core.model.Dataset: episode n is the record `episode_{n:06d}`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.reader = "lerobot"
        self.ambiguous: tuple[str, ...] = ()
        self._fence = Fence(root)
        self.info: Info = read_info(self._fence)
        problems = self.info.problems
        tree = Tree(self._fence)
        problems += tree.problems
        version = lerobot_v3 if self.info.major == 3 else lerobot_v2
        table, self._numbers = _in_order(
            version.read_episodes(self.info, self._fence, tree, problems), version.EPISODES, problems
        )
        data, video, audio = (self.info.templates[kind] for kind in ("data", "video", "audio"))
        self._data: Places = version.places(self.info, tree, data, "", self._numbers, table)
        if not self.info.features:
            self.info.features = _guessed(self._fence, self._data)
            for key in version.media_keys(tree, video, table):
                self.info.features[key] = Feature(key, "video", "video")
        self._media: dict[str, Places] = {
            feature.key: version.places(
                self.info,
                tree,
                audio if feature.kind == "audio" else video,
                feature.key,
                self._numbers,
                table,
            )
            for feature in self.info.of("video", "audio")
        }
        tree.take_below("meta")
        self.leftover: tuple[str, ...] = tree.leftover()
        self._from = lerobot_v3.integers(table, "dataset_from_index")
        self._to = lerobot_v3.integers(table, "dataset_to_index")
        self._length = self._lengths(table)
        self._modalities = {
            modality: mask for modality, mask in self._masks().items() if len(mask) and mask.any()
        }
        self.index: pa.Table = self._index(table)
        self._say_general(problems)
        self.problems: tuple[Problem, ...] = tuple(problems)
        self.layout: str = self._layout()
        self._listed_tasks = table.column("tasks") if "tasks" in table.column_names else None
        self._first_rows: dict[tuple[int, int], int] = {}
        if table.nbytes > LARGE:
            del table
            give_back()

    # --- the index --------------------------------------------------------------------------------

    def _lengths(self, table: pa.Table) -> NDArray[np.int64]:
        length = lerobot_v3.integers(table, "length")
        by_rows = np.where((self._from >= 0) & (self._to >= self._from), self._to - self._from, -1)
        return np.where(length >= 0, length, by_rows)

    def _masks(self) -> dict[Modality, NDArray[np.bool_]]:
        """Which records have a file for each modality."""
        rows = len(self._numbers)
        video: list[NDArray[np.bool_]] = []
        audio: list[NDArray[np.bool_]] = []
        film_sound: list[NDArray[np.bool_]] = []
        for feature in self.info.of("video", "audio"):
            present = self._media[feature.key].present
            (audio if feature.kind == "audio" else video).append(present)
            if feature.sound and feature.kind == "video":
                film_sound.append(present)
        sensor = [self._data.present] if self.info.of("number") else []
        return {
            Modality.VIDEO: combine(video, rows),
            Modality.AUDIO: combine(audio + film_sound, rows),
            Modality.SENSOR: combine(sensor, rows),
        }

    def _index(self, table: pa.Table) -> pa.Table:
        numbers = pa.array(self._numbers)
        digits = pc.utf8_lpad(pc.cast(numbers, pa.string()), 6, "0")
        columns: dict[str, pa.Array | pa.ChunkedArray] = {
            "record_id": pc.binary_join_element_wise("episode_", digits, ""),
            "modalities": _lists(self._modalities, len(numbers)),
            "episode_index": numbers,
            "tasks": pa.nulls(len(numbers), pa.string()),
            "length": pa.array(self._length, mask=self._length < 0),
        }
        if "tasks" in table.column_names:
            try:
                columns["tasks"] = joined(table.column("tasks"))
            except pa.ArrowException as error:
                message = f"tasks cannot be read as text: {error}"
                self.info.problems.append(Problem("meta/episodes", message, "episodes are listed without"))
        for name in scalar_columns(table, LAYOUT_COLUMNS):
            columns[name] = table.column(name)
        return pa.table(columns)

    def _say_general(self, problems: list[Problem]) -> None:
        stills = [feature.key for feature in self.info.of("image")]
        if stills:
            message = f"the pictures of {', '.join(stills)} are stored one by one and are not shown yet"
            problems.append(Problem("meta/info.json", message, "films, states and actions still open"))
        other = [f"{feature.key} ({feature.dtype or 'no dtype'})" for feature in self.info.of("other")]
        if other:
            message = f"not shown yet: {', '.join(other)}"
            problems.append(Problem("meta/info.json", message, "the other features still open"))
        total, listed = self.info.total_episodes, len(self._numbers)
        if total is not None and total != listed:
            message = f"counts {total} episodes, {listed} are listed"
            problems.append(Problem("meta/info.json", message, "those that are listed open"))

    def _layout(self) -> str:
        rate = f"{float(self.info.fps):g} fps" if self.info.fps else "an unknown rate"
        count = len(self._numbers)
        episodes = f"{count} episode" + ("" if count == 1 else "s")
        files = "many in one file" if self.info.major == 3 else "one file each"
        return (
            f"LeRobot {self.info.version}: {episodes} at {rate}, {files}; "
            "times are frame counts (nominal), not capture times"
        )

    # --- records ----------------------------------------------------------------------------------

    @cached_property
    def _tasks(self) -> dict[int, str]:
        return read_tasks(self._fence, [])

    def load(self, record_id: str) -> Record:
        """The episode with its streams; InspectorError for an id that the dataset does not list."""
        row = self._row(record_id)
        info = self.info
        length = int(self._length[row])
        episode = Episode(
            self._fence, record_id, int(self._numbers[row]), length if length >= 0 else None, info.fps
        )
        for feature in info.of("video", "audio"):
            add_media(episode, feature, self._media[feature.key], row)
        meta: dict[str, object] = {"episode_index": episode.number, "tasks": self._tasks_of(row)}
        numbers, texts = info.of("number"), info.of("text")
        rows = find_rows(episode, self._data, row, self._promised(row)) if numbers or texts else None
        if rows is not None:
            add_numbers(episode, numbers, rows)
            meta |= {feature.key: tuple(distinct(rows, feature.key)) for feature in texts}
            if not meta["tasks"]:
                known = (self._tasks.get(index) for index in distinct(rows, "task_index"))
                meta["tasks"] = tuple(task for task in known if task)
        if info.robot:
            meta["robot_type"] = info.robot
        if episode.frames is not None:
            meta["length"] = episode.frames
        if info.fps:
            meta["fps"] = float(info.fps)
        streams = tuple(stream for stream in episode.streams if stream.modality in self._modalities)
        return Record(
            record_id,
            streams,
            reference=default_reference(streams),
            problems=episode.problems(),
            coverage=episode.coverage(tuple(self._modalities)),
            meta=meta,
        )

    def assets(self, record_id: str) -> list[tuple[str, str]]:
        """The episode's files, and which part of each is the episode's where several share it.

        None is opened. InspectorError for an id that the dataset does not list.
        """
        row = self._row(record_id)
        found = []
        for places in (self._data, *self._media.values()):
            if not places.present[row]:
                continue
            part = ""
            if places.start_s is not None and places.end_s is not None:
                part = f"{float(places.start_s[row])!r} to {float(places.end_s[row])!r} s"
            elif places is self._data and (rows := self._promised(row)) is not None:
                part = f"rows {rows[0]} to {rows[1]}"
            try:
                found.append((str(self._fence.path(places.path(row))), part))
            except InspectorError:  # it leads out: the episode is read without it
                continue
        return found

    def _row(self, record_id: str) -> int:
        match = re.fullmatch(r"episode_([0-9]{6,18})", record_id)
        if match is not None:
            row = int(np.searchsorted(self._numbers, int(match[1])))
            if row < len(self._numbers) and f"episode_{self._numbers[row]:06d}" == record_id:
                return row
        raise InspectorError("There is no such record", record_id, "`inspector info` lists what there is")

    def _promised(self, row: int) -> tuple[int, int] | None:
        """The rows of the episode by the episodes table, its data file beginning with its first episode."""
        if self.info.major < 3:
            return None
        if self._from[row] < 0 or self._length[row] < 0:
            return (-1, -1)
        file = int(self._data.chunk[row]), int(self._data.number[row])
        if file not in self._first_rows:
            same = (self._data.chunk == file[0]) & (self._data.number == file[1])
            self._first_rows[file] = int(self._from[same & (self._from >= 0)].min())
        start = int(self._from[row]) - self._first_rows[file]
        return start, start + int(self._length[row])

    def _tasks_of(self, row: int) -> tuple[str, ...]:
        if self._listed_tasks is None:
            return ()
        tasks = self._listed_tasks[row].as_py()
        if isinstance(tasks, (list, tuple)):
            return tuple(str(task) for task in tasks if task is not None)
        return (str(tasks),) if tasks else ()


def _in_order(table: pa.Table, name: str, problems: list[Problem]) -> tuple[pa.Table, NDArray[np.int64]]:
    """The episodes by number, each once, and their numbers."""
    numbers = lerobot_v3.integers(table, "episode_index")
    usable, first = np.unique(numbers, return_index=True)
    good = (usable >= 0) & (usable < 10**18)
    bad = int(((numbers < 0) | (numbers >= 10**18)).sum())
    twice = len(numbers) - bad - int(good.sum())
    if bad:
        problems.append(Problem(name, f"{bad} rows have no episode_index", "the others are listed"))
    if twice > 0:
        problems.append(Problem(name, f"{twice} rows repeat an episode_index", "the first of each is used"))
    usable, first = usable[good], first[good]
    return table.take(pa.array(first)).combine_chunks(), usable


def _guessed(fence: Fence, data: Places) -> dict[str, Feature]:
    """The features that the first readable data file shows; none where there is no such file."""
    for row in np.flatnonzero(data.present)[:3].tolist():
        try:
            return features_of(pq.read_schema(fence.path(data.path(row))))
        except (InspectorError, OSError, pa.ArrowException):
            continue
    return {}


def _lists(masks: dict[Modality, NDArray[np.bool_]], rows: int) -> pa.Array:
    """For each record the names of the modalities whose mask is set there."""
    if not masks:
        return pa.array([[]] * rows, pa.list_(pa.string()))
    grid = np.stack(list(masks.values()), axis=1)
    offsets = np.concatenate(([0], np.cumsum(grid.sum(axis=1)))).astype(np.int32)
    names = pa.array([modality.value for modality in masks])
    values = names.take(pa.array(np.nonzero(grid)[1]))
    return pa.ListArray.from_arrays(pa.array(offsets), values)


@readers.register("lerobot", title="LeRobot")
class LeRobotReader:
    """Tells a LeRobot dataset by the codebase_version in its meta/info.json."""

    @staticmethod
    def claims(root: Path) -> bool:
        """Whether meta/info.json names a codebase_version, also where it is damaged further on."""
        path = root / "meta" / "info.json"
        try:
            if not path.is_file():
                return False
            with path.open("rb") as file:
                return b'"codebase_version"' in file.read(1 << 20)
        except OSError:
            return False

    @staticmethod
    def open(root: Path) -> LeRobotDataset:
        """List the episodes; InspectorError where meta/info.json cannot be used."""
        return LeRobotDataset(root)
