"""Where a file that holds many records was hit: whose bytes they are, as far as that can be told.

Each member is hashed at its place. Where all of them are what they were, the bytes between them are looked
at: a tar's headers carry a sum, and the pages of a Parquet file a CRC-32 each.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from inspector.release.copying import BLOCK

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

Told = tuple[str, tuple[str, ...], str]
"""An asset, whose it is, and what is wrong with it."""
_TAR = 512
_SUM = slice(148, 156)


def members_of(assets: pa.Table, path: str) -> list[dict[str, Any]]:
    """The rows of what lies within a file, by their places in it."""
    if "within" not in assets.column_names:
        return []
    found: list[dict[str, Any]] = assets.filter(pc.field("within") == path).sort_by("offset").to_pylist()
    return found


def damage(file: Path, members: Sequence[dict[str, Any]]) -> list[Told]:
    """What is not as it was in a file that holds these members."""
    try:
        found = list(_members(file, members))
        if not found and file.suffix == ".tar":
            found = list(_headers(file, members))
        if not found and file.suffix == ".parquet":
            found = list(_pages(file, members))
    except OSError:
        return []  # it is told of the file itself
    return found


def _members(file: Path, members: Sequence[dict[str, Any]]) -> Iterator[Told]:
    with file.open("rb", buffering=0) as read:
        for row in members:
            read.seek(row["offset"])
            digest, left = hashlib.sha256(), row["bytes"]
            while left > 0 and (block := read.read(min(left, BLOCK))):
                digest.update(block)
                left -= len(block)
            if left or digest.hexdigest() != row["sha256"]:
                yield row["path"], tuple(row["records"]), f"its bytes in {row['within']} are others"


def _headers(file: Path, members: Sequence[dict[str, Any]]) -> Iterator[Told]:
    """Between two members stand the first one's padding, which is zeros, and the next one's headers."""
    at = 0
    with file.open("rb") as read:
        for before, row in zip((None, *members), members, strict=False):
            read.seek(at)
            padding = -at % _TAR
            if any(read.read(padding)) and before is not None:
                yield before["path"], tuple(before["records"]), f"what follows it in {row['within']} is other"
            for _ in range(at + padding, row["offset"], _TAR):
                if not _sound(read.read(_TAR)):
                    yield row["path"], tuple(row["records"]), f"its header in {row['within']} is another"
                    break
            at = row["offset"] + row["bytes"]


def _sound(header: bytes) -> bool:
    """Whether a tar's header carries its own sum (POSIX.1-1988, ustar), written as tarfile writes it."""
    total = sum(header) - sum(header[_SUM]) + 8 * ord(" ")
    return header[_SUM] == b"%06o\0 " % total


def _pages(file: Path, members: Sequence[dict[str, Any]]) -> Iterator[Told]:
    """Row groups, one of whose pages is not what its CRC-32 says."""
    try:
        parquet = pq.ParquetFile(file, page_checksum_verification=True)
    except (pa.ArrowException, OSError):
        return
    with parquet:
        first = 0
        ids: list[str] = []
        try:
            ids = parquet.read(["record_id"]).column("record_id").to_pylist()
        except (pa.ArrowException, OSError):
            ids = list(dict.fromkeys(each for row in members for each in row["records"]))
        for group in range(parquet.num_row_groups):
            rows = parquet.metadata.row_group(group).num_rows
            try:
                parquet.read_row_group(group)
            except (pa.ArrowException, OSError, MemoryError):
                whose = tuple(ids[first : first + rows])
                yield members[0]["within"], whose, f"a page of these records is another (row group {group})"
            first += rows
