"""The `meta` folder of a LeRobot dataset: info.json, its features, and tables that may be damaged."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj
import pyarrow.parquet as pq

from inspector.core.model import Problem
from inspector.errors import InspectorError
from inspector.media.table import distinct_fields
from inspector.readers.lerobot_layout import Template

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from inspector.readers.lerobot_layout import Fence

BOOKKEEPING = frozenset({"timestamp", "frame_index", "episode_index", "index", "task_index"})
"""Columns that say which row this is; they are no channels."""

FIELDS = {2: ("episode_chunk", "episode_index"), 3: ("chunk_index", "file_index")}
"""What counts folders and files in the path templates of each major version."""

STANDARD = {
    2: {
        "data": "data/chunk-{episode_chunk:03d}/episode_{episode_index:06d}.parquet",
        "video": "videos/chunk-{episode_chunk:03d}/{video_key}/episode_{episode_index:06d}.mp4",
        "audio": "audio/chunk-{episode_chunk:03d}/{audio_key}/episode_{episode_index:06d}.m4a",
    },
    3: {
        "data": "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet",
        "video": "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4",
        "audio": "audio/{audio_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.m4a",
    },
}
"""The path templates that LeRobot itself writes."""


@dataclass(frozen=True)
class Feature:
    """One entry of `features`. `kind` is video, audio, image, number, text, rows or other.

    `rows` are the bookkeeping columns; `other` is what is listed but not shown yet (nested shapes).
    """

    key: str
    dtype: str
    kind: str
    channels: tuple[str, ...] = ()
    depth: bool = False
    sound: bool = False


@dataclass
class Info:
    """What info.json says, with what is missing filled in and each such guess in `problems`."""

    version: str
    major: int
    fps: Fraction | None
    features: dict[str, Feature]
    templates: dict[str, Template]
    chunks_size: int
    total_episodes: int | None
    robot: str | None
    problems: list[Problem] = field(default_factory=list)

    def of(self, *kinds: str) -> list[Feature]:
        """The features of these kinds, in the order of info.json."""
        return [feature for feature in self.features.values() if feature.kind in kinds]


def read_info(fence: Fence) -> Info:
    """Parse meta/info.json; InspectorError where it is no JSON object or of a version not read here."""
    name = "meta/info.json"
    path = fence.path(name)
    try:
        plain = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise InspectorError(
            "The dataset's description cannot be read",
            f"{path}: {error}",
            "Restore meta/info.json, or open the folder with --reader folder",
        ) from error
    if not isinstance(plain, dict):
        raise InspectorError(
            "The description of the dataset is no object", str(path), "Restore meta/info.json"
        )
    version = str(plain.get("codebase_version", ""))
    match = re.match(r"v?(\d+)", version)
    major = int(match[1]) if match and len(match[1]) < 4 else 0
    if major not in FIELDS:
        raise InspectorError(
            f"LeRobot {version or 'of no version'} is not read",
            f"{path}: versions 2 and 3 are",
            "Convert it with lerobot's own scripts, or open the folder with --reader folder",
        )
    problems: list[Problem] = []
    templates = {kind: _template(plain, kind, major, problems) for kind in ("data", "video", "audio")}
    fps = _number(plain.get("fps"))
    if fps is None:
        problems.append(Problem(name, "fps is missing or no frame rate", "films say their own rate"))
    features = plain.get("features")
    if not isinstance(features, dict):
        problems.append(Problem(name, "features is missing", "columns and films are found by their names"))
        features = {}
    size, total = plain.get("chunks_size"), plain.get("total_episodes")
    return Info(
        version=version,
        major=major,
        fps=fps,
        features={key: read_feature(key, value, problems) for key, value in features.items()},
        templates=templates,
        chunks_size=size if isinstance(size, int) and 0 < size < 1 << 31 else 1000,
        total_episodes=total if isinstance(total, int) else None,
        robot=str(plain["robot_type"]) if plain.get("robot_type") else None,
        problems=problems,
    )


def _template(plain: dict[str, Any], kind: str, major: int, problems: list[Problem]) -> Template:
    standard = Template.parse(STANDARD[major][kind], *FIELDS[major])
    text = plain.get(f"{kind}_path")
    if text is None:
        return standard
    try:
        return Template.parse(text, *FIELDS[major])
    except ValueError as error:
        works = "LeRobot's own layout is tried instead"
        problems.append(Problem("meta/info.json", f"{kind}_path {text!r:.120} {error}", works))
        return standard


def _number(value: object) -> Fraction | None:
    """A frame rate, from a number or a text that holds one."""
    try:
        text = str(value) if isinstance(value, (int, float, str)) else ""
        # "1e999999999" would be written out in full.
        if len(text) > 40 or re.search(r"[eE][+-]?\d{3}", text):
            return None
        rate = Fraction(text)
    except (ValueError, ZeroDivisionError):
        return None
    return rate if Fraction(1, 10**6) < rate < 10**6 and not isinstance(value, bool) else None


def read_feature(key: str, plain: Any, problems: list[Problem]) -> Feature:
    """One feature from its description; what cannot be shown is kept as kind `other`."""
    plain = plain if isinstance(plain, dict) else {}
    dtype = str(plain.get("dtype", ""))
    shape = plain.get("shape")
    sizes = [n for n in shape if isinstance(n, int)] if isinstance(shape, (list, tuple)) else []
    details = plain.get("info") or plain.get("video_info") or {}
    details = details if isinstance(details, dict) else {}
    if key in BOOKKEEPING:
        return Feature(key, dtype, "rows")
    if dtype in ("video", "audio", "image"):
        depth = any(details.get(name) is True for name in ("video.is_depth_map", "is_depth_map"))
        return Feature(key, dtype, dtype, depth=depth, sound=details.get("has_audio") is True)
    if dtype in ("string", "large_string"):
        return Feature(key, dtype, "text")
    if not re.fullmatch(r"(u?int|float)\d*|bool|double", dtype):
        return Feature(key, dtype, "other")
    if sum(size != 1 for size in sizes) > 1:
        return Feature(key, dtype, "other")
    width = math.prod(sizes)
    if not 0 <= width <= 4096:
        return Feature(key, dtype, "other")
    names = tuple(flatten(plain.get("names")))
    if len(names) == width and len(set(names)) == width:
        return Feature(key, dtype, "number", names)
    if names:
        text = f"{key} has {len(names)} names" + (" (some twice)" if len(set(names)) < len(names) else "")
        problems.append(
            Problem("meta/info.json", f"{text} for {width} values", "its channels are numbered instead")
        )
    return Feature(key, dtype, "number", numbered(key, width))


def numbered(key: str, width: int) -> tuple[str, ...]:
    """Channel names for a feature that gives none of its own."""
    return (key,) if width == 1 else tuple(f"{key}[{i}]" for i in range(width))


def flatten(names: Any, depth: int = 0) -> list[str]:
    """The channel names in a list, nested lists, `{"motors": [...]}` or `{name: position}`."""
    if depth > 8:
        return []
    if isinstance(names, dict):
        inner = [value for value in names.values() if isinstance(value, (list, tuple, dict))]
        names = inner if inner else list(names)
    if isinstance(names, (list, tuple)):
        return [name for each in names for name in flatten(each, depth + 1)]
    return [] if names is None else [str(names)]


def features_of(schema: pa.Schema) -> dict[str, Feature]:
    """What a data file's own schema tells of the features, where info.json says nothing."""
    found = {}
    for column in schema:
        kind = column.type
        width = 1
        if pa.types.is_fixed_size_list(kind):
            width, kind = kind.list_size, kind.value_type
        elif pa.types.is_list(kind) or pa.types.is_large_list(kind):
            width, kind = 0, kind.value_type
        numeric = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)
        if column.name in BOOKKEEPING:
            found[column.name] = Feature(column.name, str(kind), "rows")
        elif numeric:
            channels = numbered(column.name, width) if width else ()
            found[column.name] = Feature(column.name, str(kind), "number", channels)
    return found


# --- tables ---------------------------------------------------------------------------------------


def read_jsonl(fence: Fence, name: str, problems: list[Problem]) -> pa.Table | None:
    """A table of JSON lines; lines that are none are passed over with one problem. None for no such file."""
    try:
        path = fence.path(name)
        if not path.is_file():
            return None
        try:
            return pj.read_json(str(path))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowKeyError):
            raw = path.read_bytes()
    except (InspectorError, OSError) as error:
        problems.append(Problem(name, f"cannot be read: {error}"))
        return None
    rows, bad = [], []
    for number, line in enumerate(raw.splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        if isinstance(row, dict):
            rows.append(row)
        else:
            bad.append(number)
    if bad:
        first = ", ".join(map(str, bad[:3])) + (" …" if len(bad) > 3 else "")
        message = f"{len(bad)} of {len(bad) + len(rows)} lines are no JSON objects (line {first})"
        problems.append(Problem(name, message, "the other lines are used"))
    return _table(rows)


def _table(rows: list[dict[str, Any]]) -> pa.Table:
    """Rows as a table; a column of mixed types becomes text, or lists of text."""
    columns = {}
    for key in dict.fromkeys(key for row in rows for key in row):
        values = [row.get(key) for row in rows]
        try:
            columns[key] = pa.array(values)
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError, UnicodeEncodeError):
            columns[key] = pa.array([_words(value) for value in values], pa.string())
    return pa.table(columns)


def _words(value: Any) -> str | None:
    text = None if value is None else str(value)
    if isinstance(value, list):
        text = "; ".join(str(each) for each in value)
    return text if text is None else text.encode("utf-8", "replace").decode()


def read_parquet(
    fence: Fence, name: str, problems: list[Problem], wanted: Callable[[str], bool], works: str = ""
) -> pa.Table | None:
    """The wanted columns of a Parquet file, or None with a problem line where it cannot be read."""
    try:
        with pq.ParquetFile(fence.path(name)) as file:
            return file.read([name for name in distinct_fields(file.schema_arrow).names if wanted(name)])
    except (InspectorError, OSError, pa.ArrowException) as error:
        problems.append(Problem(name, unreadable(error), works))
        return None


def unreadable(error: Exception) -> str:
    """Why a Parquet file cannot be read, for people: a file that was never closed has no footer."""
    text = str(error).split("\n")[0]
    if "magic bytes" in text or "footer" in text or "smaller than" in text or "size is 0" in text:
        return "is no complete Parquet file (no footer: the recording was not closed, or the copy is cut)"
    return f"cannot be read: {text:.160}"


def read_tasks(fence: Fence, problems: list[Problem]) -> dict[int, str]:
    """Task texts by task_index, from tasks.parquet (the text is pandas' index there) or tasks.jsonl."""
    table = None
    if (fence.root / "meta/tasks.parquet").is_file():
        table = read_parquet(fence, "meta/tasks.parquet", problems, lambda _: True, "tasks go unnamed")
    if table is None:
        table = read_jsonl(fence, "meta/tasks.jsonl", problems)
    if table is None or "task_index" not in table.column_names:
        return {}
    texts = [name for name in ("task", "__index_level_0__") if name in table.column_names]
    if not texts:
        return {}
    pairs = zip(table.column("task_index").to_pylist(), table.column(texts[0]).to_pylist(), strict=True)
    return {index: str(text) for index, text in pairs if isinstance(index, int) and text is not None}


def joined(column: pa.ChunkedArray | pa.Array) -> pa.ChunkedArray | pa.Array:
    """A column of lists of texts as one text a row, `a; b`; an empty list is null."""
    kind = column.type
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        lists = pc.cast(column, pa.list_(pa.string()))
        text = pc.binary_join(lists, "; ")
        return pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text)
    return pc.cast(column, pa.string())


def scalar_columns(table: pa.Table, known: Iterable[str]) -> list[str]:
    """The further columns of an episodes table that a curator can filter on."""
    skip = {"record_id", "modalities", *known}
    types = pa.types
    fine = (types.is_integer, types.is_floating, types.is_boolean, types.is_string, types.is_large_string)
    return [
        column.name
        for column in table.schema
        if column.name not in skip and "/" not in column.name and any(test(column.type) for test in fine)
    ]
