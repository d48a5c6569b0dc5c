"""Where a file that holds many records was hit: whose bytes they are, as far as that can be told.

Each member is hashed at its place. What was hit beside them is told by the regions that the manifest keeps of
such a file: a record's part of a tar, the rows of a table that are stored together. Nothing is parsed.
"""

from __future__ import annotations

import hashlib
import zlib
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from inspector.release.copying import BLOCK

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

Told = tuple[str, tuple[str, ...], str]
"""An asset, whose it is, and what is wrong with it."""


def members_of(assets: pa.Table, path: str) -> list[dict[str, Any]]:
    """The rows of what lies within a file, by their places in it."""
    found: list[dict[str, Any]] = assets.filter(pc.field("within") == path).sort_by("offset").to_pylist()
    return found


def damage(file: Path, row: dict[str, Any], members: Sequence[dict[str, Any]]) -> list[Told]:
    """What is not as it was in a file that holds these members; `row` is its own row of the assets."""
    found: list[Told] = []
    hit: list[int] = []
    try:
        for each in members:
            digest = hashlib.sha256()
            for block in _blocks(file, each["offset"], each["bytes"]):
                digest.update(block)
            if digest.hexdigest() != each["sha256"]:
                hit.append(each["offset"])
                message = f"its bytes in {row['path']} are not those of the manifest"
                found.append((each["path"], tuple(each["records"]), message))
        for region in row["regions"] or ():
            start, count = region["offset"], region["bytes"]
            if any(start <= at < start + count for at in hit):
                continue
            crc = 0
            for block in _blocks(file, start, count):
                crc = zlib.crc32(block, crc)
            if crc != region["crc32"]:
                message = f"what is kept of these records from byte {start} on, beside their files, is other"
                found.append((row["path"], tuple(region["records"]), message))
    except OSError:
        pass  # it is told of the file itself
    return found


def _blocks(file: Path, start: int, count: int) -> Iterator[bytes]:
    with file.open("rb", buffering=0) as read:
        read.seek(start)
        while count > 0 and (block := read.read(min(count, BLOCK))):
            count -= len(block)
            yield block
