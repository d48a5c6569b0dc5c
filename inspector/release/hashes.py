"""Hashes of what is in a release's tracks, apart from how they are packed: made where somebody asks for them.

    manifest/hashes.parquet   one row a stream: HASHES

`content` of a film is the sha256 over the sha256 of each decoded picture in order (those that `ffmpeg -f
framehash -hash sha256` prints), of a sound that over its decoded samples as the decoder gives them,
interleaved; `times` is the sha256 over the pieces' starts as int64 ns from the container's zero and the end.
A remux keeps `content`, new stamps change `times` alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from inspector.core.prints import LEVELS
from inspector.errors import InspectorError
from inspector.release.tables import Table

if TYPE_CHECKING:
    from pathlib import Path

    from inspector.core.model import Record

PLACE = "manifest/hashes.parquet"
HASHES = pa.schema(
    [
        ("record_id", pa.string()),
        ("stream_id", pa.string()),
        ("level", pa.string()),
        ("content", pa.string()),
        ("times", pa.string()),
        ("shape", pa.string()),
        ("pieces", pa.int64()),
        ("problem", pa.string()),  # why there is none, null where there is
    ]
)
NONE = "none"
CHOICES = (NONE, *LEVELS)
"""What `--hashes` takes."""


class Hashes:
    """The table while a release is written. With `level` "none" nothing is made. `close` it."""

    def __init__(self, out: Path, level: str) -> None:
        """InspectorError for a level that there is not."""
        from inspector.media.prints import Printer

        if level not in CHOICES:
            raise InspectorError("There are no such hashes", level, f"There is {', '.join(CHOICES)}")
        self._level = level
        self._table = None if level == NONE else Table(out / PLACE, HASHES)
        self._printer = Printer()

    @property
    def wanted(self) -> bool:
        """Whether any are made."""
        return self._table is not None

    def add(self, record: Record) -> None:
        """Hash a record's streams; its files must be there. What cannot be decoded is a row that says so."""
        if self._table is None:
            return
        for stream in record.streams:
            row = dict.fromkeys(HASHES.names) | {"record_id": record.id, "stream_id": stream.id}
            try:
                made = self._printer.make(stream, self._level)
                row |= {"level": made.level, "content": made.digest, "times": made.times}
                row |= {"shape": made.shape, "pieces": made.count}
            except InspectorError as error:
                row |= {"level": self._level, "problem": str(error)}
            self._table.add(row)

    def finish(self) -> list[str]:
        """Write the rest; the table's path in the release, none where there is none."""
        if self._table is None:
            return []
        self._table.close()
        return [PLACE]

    def close(self) -> None:
        """Let the child go."""
        self._printer.close()


def hashes_of(root: Path) -> dict[tuple[str, str], dict[str, str]]:
    """What a release says of its streams' content, by record and stream; empty where it was not asked to."""
    try:
        rows = pq.read_table(root / PLACE).to_pylist()
    except (OSError, pa.ArrowException):
        return {}
    return {(row["record_id"], row["stream_id"]): row for row in rows if row.get("content") is not None}
