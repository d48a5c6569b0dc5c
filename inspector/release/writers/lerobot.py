"""LeRobot v3.0: an episode a record, a row a frame (huggingface.co/docs/lerobot/lerobot-dataset-v3).

    meta/info.json, tasks.parquet, stats.json, episodes/…   what it is, and where each episode lies
    data/chunk-000/file-000.parquet                        sensors, a row group an episode
    videos/<key>/chunk-000/file-000.mp4                    films as they are; `from_timestamp` says where
    extra/<record>/…                                       what LeRobot has no place for: sounds, transcripts

Every episode has the same rate and features: those with which most of the first records can go. One that
lacks a camera is left out, one that lacks a sensor has NaN there. Labels, time maps and the mask are in the
manifest.
"""

from __future__ import annotations

import json
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inspector.core.model import Clock, Modality, Source
from inspector.core.timemap import TimeMap
from inspector.core.times import NS
from inspector.release.names import Names
from inspector.release.shards import Filling
from inspector.release.targets import Piece, Shard, targets
from inspector.release.writers import lerobot_grid as grids
from inspector.release.writers import lerobot_tables as tables

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from inspector.core.model import Anchor, Record, Stream
    from inspector.release.targets import Laid, Packed, Reads

CHUNK = 1000
"""Files in a folder."""
ROWS = 500_000
"""Rows of a data file: some 100 MB of a robot's, as LeRobot has it."""
DATA = "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
VIDEO = "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4"
TASKS = ("task", "tasks", "language_instruction", "instruction")
"""Columns of a dataset that say what an episode is of."""
NO_TASK = "unspecified"


@targets.register("lerobot", title="LeRobot v3.0")
class LeRobot:
    """One release as a LeRobot dataset."""

    def __init__(self) -> None:
        self._names = Names()
        self._filling = Filling(most_bytes=ROWS)
        self._rate = 0.0
        self._videos: dict[str, dict[str, Any]] = {}
        self._columns: tables.Columns = {}
        self._films: dict[str, dict[Path, int]] = {}
        self._tasks: dict[str, int] = {}
        self._episodes: dict[str, tables.Episode] = {}
        self._count = self._rows = 0
        self._file = ("", 0, 0)
        """The newest data file: its path, and how many episodes and rows it has."""
        self._table = tables.EpisodeTable()
        self._splits: set[str] = set()

    def lay(self, laid: Laid, reads: Reads) -> None:
        """The record as an episode; left out where it does not fit those before it."""
        record = laid.record
        sensors = grids.sensors_of(record)
        try:
            if not self._rate:
                self._take_features(record)
            cameras = self._cameras(laid)
            grid = grids.lay_on(record, list(cameras.values()), self._rate)
        except grids.UnfitError as error:
            laid.left_out = str(error)
            return
        if grid.shortened:
            laid.lost.append("frames on which not every camera has a picture are in no episode")
        number = self._filling.take("", len(grid.times_ns))
        path = DATA.format(chunk_index=number // CHUNK, file_index=number % CHUNK)
        if self._file[0] != path:
            self._file = (path, 0, 0)
        _, group, row = self._file
        self._file = (path, group + 1, row + len(grid.times_ns))
        laid.shard = Shard(path, self._pack, "")
        carried = {key: each for each in sensors if self._columns.get(key := key_of(each)) == each.channels}
        task = _task(laid)
        episode = tables.Episode(
            number=self._count,
            first_row=self._rows,
            task=self._tasks.setdefault(task, len(self._tasks)),
            task_text=task,
            grid=grid,
            sensors=carried,
            data=(path, number // CHUNK, number % CHUNK, group),
        )
        for key, camera in cameras.items():
            run = grid.runs[camera.id]
            film = self._film(laid, key, camera)
            end_s = run.start_s + run.frames / self._rate
            episode.videos[key] = (film // CHUNK, film % CHUNK, run.start_s, end_s)
            episode.films[key] = (laid.paths[camera.source.path], camera.source.track or 0)
        for key, stream in carried.items():
            laid.pieces.append(
                Piece(
                    f"{path}/episode_{self._count:06d}/{key}",
                    stream.source.path,
                    change="sampled at the frames",
                )
            )
            laid.changes.append("sensors sampled at the frames")
        self._beside(laid, carried)
        if self._columns.keys() - carried.keys():
            laid.lost.append("a sensor that the record lacks is NaN in its rows")
        self._splits.add(laid.split)
        if len(self._splits) > 1:
            laid.lost.append("LeRobot knows no splits: which one is in the column `split` of meta/episodes")
        laid.record = resampled(record, carried, grid, self._rate, Path(path), row)
        laid.paths[Path(path)] = path
        self._episodes[record.id] = episode
        self._count += 1
        self._rows += len(grid.times_ns)

    # -- what goes where -----------------------------------------------------------------------------------

    def look(self, records: Iterable[Record]) -> None:
        """Choose the rate and the features with which most of these records can go."""
        kinds: Counter[tuple[float, frozenset[tuple[Any, ...]]]] = Counter()
        models: dict[tuple[float, frozenset[tuple[Any, ...]]], Record] = {}
        for record in records:
            cameras = _alike(grids.cameras_of(record))
            rate = round(cameras[0].rate or 0, 1) if cameras else 0.0
            kind = (rate, frozenset((key_of(each), *_shape(each)) for each in cameras))
            kinds[kind] += 1
            models.setdefault(kind, record)

        def worth(kind: tuple[float, frozenset[tuple[Any, ...]]]) -> tuple[int, int]:
            return sum(n for each, n in kinds.items() if each[0] == kind[0] and each[1] >= kind[1]), len(
                kind[1]
            )

        for kind in sorted((each for each in kinds if each[1]), key=worth, reverse=True) or kinds:
            with suppress(grids.UnfitError):
                self._take_features(models[kind])
                return

    def _take_features(self, record: Record) -> None:
        cameras, sensors = _alike(grids.cameras_of(record)), grids.sensors_of(record)
        self._rate = grids.rate_of(cameras, sensors)
        self._videos = {key_of(camera): _film_feature(camera, self._rate) for camera in cameras}
        self._columns = {key_of(sensor): sensor.channels for sensor in sensors}

    def _cameras(self, laid: Laid) -> dict[str, Stream]:
        """The cameras that every episode has. UnfitError where one is missing, or is another."""
        found = {key_of(each): each for each in grids.cameras_of(laid.record)}
        for key, feature in self._videos.items():
            if key not in found:
                raise grids.UnfitError(f"it has no {key}, which others have")
            if _shape(found[key]) != feature["shape"]:
                raise grids.UnfitError(f"{key} has pictures of another size than in others")
            if found[key].source.path.suffix.lower() not in (".mp4", ".m4v", ".mov"):
                raise grids.UnfitError(f"{found[key].source.path.name} is no MP4, which LeRobot wants")
        return {key: found[key] for key in self._videos}

    def _film(self, laid: Laid, key: str, camera: Stream) -> int:
        """The number of a film's file among those of its camera; it goes into the release once."""
        path = camera.source.path
        films = self._films.setdefault(key, {})
        number = films.setdefault(path, len(films))
        place = VIDEO.format(video_key=key, chunk_index=number // CHUNK, file_index=number % CHUNK)
        laid.paths.setdefault(path, place)
        laid.pieces.append(Piece(place, path, shared=True))
        if camera.source.start_ns is not None:
            laid.lost.append("films are there whole, with what they hold of other records")
        return number

    def _beside(self, laid: Laid, carried: dict[str, Stream]) -> None:
        """What has no place in LeRobot, in a folder of its own."""
        home = ""
        for stream in laid.record.streams:
            path = stream.source.path
            if stream in carried.values() or (stream.modality is Modality.VIDEO and path in laid.paths):
                continue
            if path in laid.paths:
                laid.lost.append(f"LeRobot plays no sound: {stream.id} stays in its film")
            else:
                laid.lost.append(f"LeRobot has no place for {stream.id}: it lies beside")
                home = home or self._names.take("extra", laid.record.id)
                laid.paths[path] = self._names.take(home, path.name)
                laid.pieces.append(Piece(laid.paths[path], path, shared=True))
        if laid.record.annotations:
            laid.lost.append("LeRobot has no labels: they are in the manifest alone")

    # -- files ---------------------------------------------------------------------------------------------

    def _pack(self, laids: Sequence[Laid], to: Path) -> Packed:
        episodes = [(laid.record.id, self._episodes[laid.record.id]) for laid in laids]
        return tables.write_data(episodes, self._columns, self._rate, to)

    def written(self, laid: Laid, out: Path) -> None:
        """The episode's row, with the statistics of what was written."""
        episode = self._episodes.pop(laid.record.id)
        self._table.add(out, laid.record.id, laid.split, episode, self._rate)

    def stop(self) -> None:
        """End what looks at films."""
        self._table.stop()

    def finish(self, out: Path) -> Iterable[str]:
        """What is in meta/, and a card."""
        yield from self._table.close(out)
        tables.write_tasks(out / "meta/tasks.parquet", list(self._tasks))
        yield "meta/tasks.parquet"
        info = {
            "codebase_version": "v3.0",
            "robot_type": None,
            "total_episodes": self._count,
            "total_frames": self._rows,
            "total_tasks": len(self._tasks),
            "chunks_size": CHUNK,
            "data_files_size_in_mb": 100,
            "video_files_size_in_mb": 200,
            "fps": _plain(self._rate),
            "splits": {"train": f"0:{self._count}"},
            "data_path": DATA,
            "video_path": VIDEO if self._videos else None,
            "features": {**tables.features(self._columns), **self._videos},
        }
        (out / "meta/info.json").write_text(json.dumps(info, indent=4, ensure_ascii=False), encoding="utf-8")
        yield "meta/info.json"
        (out / "README.md").write_text(CARD, encoding="utf-8")
        yield "README.md"


CARD = """---
tags: [LeRobot]
configs: [{"config_name": "default", "data_files": "data/*/*.parquet"}]
---

# A release made with Inspector

A LeRobot dataset of version 3.0. `meta/episodes` names each episode's record and split. What LeRobot has no
place for (sounds, transcripts) lies in `extra/`, each record with its labels and time maps in
`manifest/records.parquet`. What is there of each modality, and when, is in `manifest/coverage.parquet`, what
each stream is (recorded, made by a person or by a model) in `manifest/streams.parquet`.

`inspector verify` reads all of it again and names what is not as it was; `release.json` says what the release
was made of, and what this format could not carry.
"""


def key_of(stream: Stream) -> str:
    """A feature's name: the stream's own where it is one of LeRobot's already."""
    name = stream.id.partition("#")[0].replace("/", "_")
    if name.startswith(("observation.", "action", "next.")):
        return name
    return f"observation.{'images.' if stream.modality is Modality.VIDEO else ''}{name}"


def _alike(cameras: list[Stream]) -> list[Stream]:
    """The cameras of the first one's rate: others have no place beside it."""
    return [
        each
        for each in cameras
        if not (each.rate and cameras[0].rate) or abs(each.rate / cameras[0].rate - 1) < 1e-3
    ]


def _shape(camera: Stream) -> list[int]:
    return [int(camera.meta.get("height") or 0), int(camera.meta.get("width") or 0), 3]


def _film_feature(camera: Stream, rate: float) -> dict[str, Any]:
    height, width, channels = _shape(camera)
    return {
        "dtype": "video",
        "shape": [height, width, channels],
        "names": ["height", "width", "channels"],
        "info": {
            "video.height": height,
            "video.width": width,
            "video.codec": camera.meta.get("codec"),
            "video.is_depth_map": bool(camera.meta.get("depth")),
            "video.fps": _plain(rate),
            "video.channels": channels,
            "has_audio": False,
        },
    }


def _plain(rate: float) -> int | float:
    return int(rate) if rate == int(rate) else rate


def _task(laid: Laid) -> str:
    told = laid.record.meta.get("tasks")
    if isinstance(told, list | tuple) and told:
        return str(told[0])
    return next((str(laid.columns[name]) for name in TASKS if laid.columns.get(name)), NO_TASK)


def resampled(
    record: Record, carried: dict[str, Stream], grid: grids.Grid, rate: float, path: Path, row: int
) -> Record:
    """The record as it is in the release: its sensors are rows of the data file, one a frame.

    Labels that are anchored to them are moved into their new time.
    """
    count = len(grid.times_ns)
    start, end = int(grid.times_ns[0]), int(grid.times_ns[-1])
    length = round((count - 1) * NS / rate)
    even = count < 2 or abs(end - start - length) <= grids.TOLERANCE_NS
    timemap = TimeMap(((0, start),) if even else ((0, start), (length, end)))
    streams, moved = [], {}
    for stream in record.streams:
        key = next((key for key, each in carried.items() if each is stream), None)
        if key is not None:
            source = Source(
                path, "table", columns=(key,), time_column="timestamp", row_start=row, row_end=row + count
            )
            moved[stream.id] = stream.timemap
            stream = replace(
                stream,
                source=source,
                clock=Clock(f"nominal:{record.id}", "nominal"),
                span=(0, round(count * NS / rate)),
                timemap=timemap,
                rate=rate,
                meta={},
            )
        streams.append(stream)

    def anchor(each: Anchor) -> Anchor:
        before = moved.get(each.stream_id or "")
        if before is None or each.span is None:
            return each
        low, high = (timemap.to_local(before.to_reference(at)) for at in each.span)
        return replace(each, span=(low, high))

    labels = tuple(replace(label, anchors=tuple(map(anchor, label.anchors))) for label in record.annotations)
    return replace(record, streams=tuple(streams), annotations=labels)
