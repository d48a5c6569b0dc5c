"""On which side of a split each record was in earlier releases: kept in the workspace, for ever.

    <workspace>/splits/sides.parquet   one row a record: SIDES; the locked sides in its metadata

A record is known by what its files hold, so that numbering it anew moves nothing; one whose files were
replaced by its id.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock

from inspector.core import manifest
from inspector.core.files import write_atomic
from inspector.errors import InspectorError

if TYPE_CHECKING:
    from collections.abc import Container, Iterable
    from pathlib import Path

    from numpy.typing import NDArray

Of = TypeVar("Of")
FOLDER = "splits"
SIDES = pa.schema(
    [
        ("record_id", pa.string()),
        ("split", pa.string()),
        ("content", pa.string()),
        ("group", pa.string()),
        ("packets", pa.list_(pa.uint64())),  # sketches (media.likeness), of what is gone one day
        ("sound", pa.list_(pa.uint64())),
        ("film", pa.list_(pa.uint64())),
    ]
)


class Sketch(NamedTuple, Generic[Of]):
    """Something of each kind of a record's sketches."""

    packets: Of
    sound: Of
    film: Of
    """Of a silent record alone."""


Sketches = dict[str, Sketch["NDArray[np.uint64]"]]
"""By the content of each record that was looked into."""


@dataclass(frozen=True, slots=True)
class Side:
    """Where a record is, what its files held (core.identity), and its group."""

    record_id: str
    split: str
    content: str
    group: str | None


@dataclass(slots=True)
class Sides:
    """All that is remembered."""

    sides: dict[str, Side] = field(default_factory=dict)
    """By content."""
    locked: tuple[str, ...] = ()
    sketches: Sketches = field(default_factory=dict)
    _by_id: dict[str, Side] | None = None

    def add(self, side: Side) -> None:
        """Note a side, where that content has none yet."""
        self.sides.setdefault(side.content, side)
        self._by_id = None

    def of(self, record_id: str, content: str, present: Container[str]) -> Side | None:
        """A record's side; by its id where its content is new, and the old one is not `present` elsewhere."""
        found = self.sides.get(content)
        if found is not None:
            return found
        if self._by_id is None:
            self._by_id = {each.record_id: each for each in self.sides.values()}
        found = self._by_id.get(record_id)
        return None if found is not None and found.content in present else found


def read_sides(workspace: Path, parent: Path | None = None) -> Sides:
    """What the workspace remembers, and the sides of a parent release, which go before.

    InspectorError where either cannot be read: sides that were given are never guessed anew.
    """
    found = _read(workspace / FOLDER / "sides.parquet")
    if parent is not None:
        manifest.read_card(parent)
        try:
            table = pq.read_table(manifest.table_path(parent, "index"), columns=["record_id", "split"])
            roots = pq.read_table(manifest.table_path(parent, "records"), columns=["record_id", "made_from"])
        except (OSError, pa.ArrowException) as error:
            raise InspectorError(
                "The parent release cannot be read", f"{parent}: {str(error)[:200]}"
            ) from None
        contents = dict(zip(*(roots.column(name).to_pylist() for name in roots.column_names), strict=True))
        for row in table.to_pylist():
            content = contents.get(row["record_id"])
            if row["split"] not in (None, "", "data") and content is not None:
                found.sides[content] = Side(row["record_id"], row["split"], content, None)
    return found


def _read(path: Path) -> Sides:
    try:
        table = pq.read_table(path)
    except FileNotFoundError:
        return Sides()
    except (OSError, pa.ArrowException) as error:
        raise InspectorError(
            "The sides of earlier releases cannot be read",
            f"{path}: {str(error)[:200]}",
            "Bring the file back",
        ) from None
    found = Sides(locked=tuple(json.loads((table.schema.metadata or {}).get(b"locked", b"[]"))))
    for row in table.to_pylist():
        found.add(Side(row["record_id"], row["split"], row["content"], row["group"]))
        if row["packets"] is not None:
            kinds = (np.array(row.get(kind) or (), np.uint64) for kind in Sketch._fields)
            found.sketches[row["content"]] = Sketch(*kinds)
    return found


def remember_sides(workspace: Path, new: Iterable[Side], locked: tuple[str, ...], sketches: Sketches) -> None:
    """Add what a release has. What was remembered stays as it is. InspectorError where it cannot be kept."""
    path = workspace / FOLDER / "sides.parquet"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_suffix(".lock")):
            found = _read(path)
            for side in new:
                found.add(side)
            found.sketches |= {name: each for name, each in sketches.items() if name in found.sides}
            rows = []
            for content, side in found.sides.items():
                kept = found.sketches.get(content)
                marks = (None,) * len(Sketch._fields) if kept is None else [each.tolist() for each in kept]
                rows.append((side.record_id, side.split, content, side.group, *marks))
            table = pa.table(
                {name: [row[place] for row in rows] for place, name in enumerate(SIDES.names)}, schema=SIDES
            ).replace_schema_metadata({"locked": json.dumps(sorted({*found.locked, *locked}))})
            if not write_atomic(path, lambda beside: pq.write_table(table, beside, compression="zstd")):
                raise OSError(0, "it cannot be replaced")
    except OSError as error:
        raise InspectorError(
            "The sides of this release could not be remembered",
            f"{path}: {error.strerror or error}",
            "The release is there: name it with --parent when you make the next one",
        ) from error
