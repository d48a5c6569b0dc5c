"""Selections that were given a name: which records, and how they came to be chosen.

Each is one Parquet file in `<workspace>/selections`, with the ids as its only column and the rest beside the
schema, so that a million of them are read at once and two curators never write the same file by chance.
"""

from __future__ import annotations

import json
import os
import re
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from inspector.core.files import write_atomic
from inspector.errors import InspectorError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

FOLDER = "selections"
GONE = "removed"
MOST = 500
LONGEST = 80
_KEY = b"inspector"
_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,79}")


@dataclass(frozen=True, slots=True)
class Selection:
    """What is told of a selection without reading it. `sql` is the question that chose its records."""

    name: str
    records: int
    sql: str = ""
    seed: int | None = None
    by: str = ""
    """The column that it was stratified by."""
    author: str = ""
    at: int = 0
    """When, ns since 1970."""

    def said(self) -> str:
        """How it came to be, in one line."""
        parts = [f"{self.records:,} records".replace(",", "\u202f")]
        if self.seed is not None:
            parts.append(f"drawn with seed {self.seed}" + (f", stratified by {self.by}" if self.by else ""))
        return " · ".join([*parts, *([self.author] if self.author else [])])


class Selections:
    """Those of a workspace and of the workspaces of others that are read."""

    def __init__(self, folders: Sequence[Path], begin: Callable[[], None], author: str) -> None:
        self._folders = tuple(each / FOLDER for each in folders)
        self._begin = begin
        self._author = author

    def _paths(self) -> dict[str, Path]:
        found: dict[str, Path] = {}
        for folder in reversed(self._folders):
            try:
                paths = sorted(folder.glob("*.parquet"))[:MOST]
            except OSError:
                continue
            # A link may lead anywhere.
            found |= {
                each.stem: each for each in paths if _NAME.fullmatch(each.stem) and not each.is_symlink()
            }
        return dict(sorted(found.items()))

    def all(self) -> tuple[Selection, ...]:
        """By name; what cannot be read is left out."""
        read = [_read(path) for path in self._paths().values()]
        return tuple(each for each in read if each is not None)

    def stamp(self) -> tuple[tuple[str, int, int], ...]:
        """Another one wherever a selection came, went or changed."""
        found = []
        for name, path in self._paths().items():
            try:
                stat = path.stat()
            except OSError:
                continue
            found.append((name, stat.st_mtime_ns, stat.st_size))
        return tuple(found)

    def table(self) -> pa.Table:
        """All of them as rows of `name` and `record_id`."""
        parts = [pa.table({"name": pa.array([], pa.string()), "record_id": pa.array([], pa.string())})]
        for name, path in self._paths().items():
            if (ids := _ids(path)) is not None:
                parts.append(pa.table({"name": pa.repeat(name, len(ids)), "record_id": ids}))
        return pa.concat_tables(parts)

    def ids(self, name: str) -> list[str]:
        """The records of one. InspectorError where there is none of that name."""
        path = self._paths().get(name)
        ids = None if path is None else _ids(path)
        if ids is None:
            known = ", ".join(list(self._paths())[:10])
            raise InspectorError(
                "There is no such selection", name[:80], f"There is {known}" if known else ""
            )
        found: list[str] = ids.to_pylist()
        return found

    def keep(
        self,
        name: str,
        record_ids: pa.ChunkedArray | Iterable[str],
        sql: str = "",
        seed: int | None = None,
        by: str = "",
    ) -> Selection:
        """Keep records under a name; what cannot stand in a file's name becomes `_`.

        InspectorError where nothing of the name is left, there is one of that name, or the disk will not.
        """
        plain = plain_name(name)
        self._begin()
        folder = self._folders[0]
        path = folder / f"{plain}.parquet"
        if self._is_taken(path, self._paths()):
            raise InspectorError("There is a selection of that name", plain, "Give it another name")
        ids = record_ids if isinstance(record_ids, pa.ChunkedArray) else pa.array(record_ids, pa.string())
        made = Selection(plain, len(ids), sql, seed, by, self._author, time.time_ns())
        schema = pa.schema([("record_id", pa.string())], {_KEY: json.dumps(asdict(made)).encode()})
        table = pa.table([ids], schema=schema)
        try:
            folder.mkdir(exist_ok=True)
        except OSError as error:
            raise InspectorError("The selection was not saved", f"{folder}: {error.strerror}") from error
        if not write_atomic(path, lambda beside: pq.write_table(table, beside, compression="zstd")):
            raise InspectorError("The selection was not saved", str(path), "Is the disk full?")
        return made

    def _is_taken(self, path: Path, known: Mapping[str, Path]) -> bool:
        """Whether there is one of that name: also one that `_paths` leaves out, there being so many."""
        return path.stem in known or os.path.lexists(path)

    def free_name(self, name: str) -> str:
        """The name as it is kept, with a number behind it where it is taken."""
        plain, known, number = plain_name(name), self._paths(), 1
        found = plain
        while self._is_taken(self._folders[0] / f"{found}.parquet", known):
            number += 1
            found = f"{plain[: LONGEST - 5]}-{number}"
        return found

    def remove(self, name: str) -> Path:
        """Put one of our own aside, below the folder of the others, where it can be taken back; that place.

        InspectorError for one that another workspace has, which is its author's alone.
        """
        path = self._paths().get(name)
        if path is None:
            raise InspectorError("There is no such selection", name[:80])
        if path.parent != self._folders[0]:
            raise InspectorError(
                "The selection is in another workspace", str(path), "Whoever made it can remove it"
            )
        aside = path.parent / GONE / f"{name}-{time.time_ns()}.parquet"
        try:
            aside.parent.mkdir(exist_ok=True)
            os.replace(path, aside)
        except OSError as error:
            raise InspectorError("The selection was not removed", f"{path}: {error.strerror}") from error
        return aside


def plain_name(name: str) -> str:
    """A name that can stand in a file's. InspectorError where nothing of it is left."""
    plain = re.sub(r"[^\w.-]+", "_", name, flags=re.ASCII).strip("._-")[:LONGEST]
    if not _NAME.fullmatch(plain):
        raise InspectorError("A selection needs a name", repr(name)[:80], "Use letters, digits, - and _")
    return plain


def _read(path: Path) -> Selection | None:
    try:
        file = pq.ParquetFile(path)
        plain: Any = json.loads((file.schema_arrow.metadata or {}).get(_KEY, b"{}"))
        rows = file.metadata.num_rows
    except (OSError, ValueError, RecursionError, pa.ArrowException):
        return None
    plain = plain if isinstance(plain, dict) else {}

    def text(key: str) -> str:
        return str(plain.get(key) or "")[:100_000]

    seed, at = plain.get("seed"), plain.get("at")
    return Selection(
        path.stem,
        rows,
        text("sql"),
        seed if type(seed) is int else None,
        text("by"),
        text("author"),
        at if type(at) is int else 0,
    )


def _ids(path: Path) -> pa.ChunkedArray | None:
    try:
        return pq.read_table(path, columns=["record_id"]).column(0).cast(pa.string())
    except (OSError, ValueError, KeyError, pa.ArrowException):
        return None
