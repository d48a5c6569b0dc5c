"""Parquet files whose cells of media lie in them byte for byte, each at a place that is known.

Such cells are neither compressed nor put into a dictionary: a value then stands in its page as it is,
behind four bytes of length (PLAIN, parquet.apache.org/docs/file-format/data-pages/encodings). Every page has
a CRC-32.
"""

from __future__ import annotations

import hashlib
import mmap
import zlib
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from inspector.release.targets import Member, Packed, Region

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType


class ParquetShard:
    """One file, written a row group at a time."""

    def __init__(self, to: Path, schema: pa.Schema) -> None:
        raw = [path for path in _leaves(schema) if path.endswith(".bytes")]
        others = [path for path in _leaves(schema) if path not in raw]
        self.packed = Packed([], [])
        self._file = to.open("w+b")
        self._writer = pq.ParquetWriter(
            self._file,
            schema,
            compression={**dict.fromkeys(others, "zstd"), **dict.fromkeys(raw, "none")},
            use_dictionary=others,
            column_encoding=dict.fromkeys(raw, "PLAIN"),
            write_statistics=others,
            write_batch_size=64,
            write_page_checksum=True,
            store_schema=True,
        )

    def __enter__(self) -> ParquetShard:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._writer.close()
        self._file.close()

    def write(
        self, table: pa.Table, cells: list[tuple[str, list[tuple[str, bytes]]]], records: list[str]
    ) -> None:
        """One row group with these records. `cells` gives each raw column's values that are files.

        The columns come in their order; a value stands with its path in the release. Raises ValueError where
        the file does not hold one as it is, which would be a change in how Parquet is written.
        """
        start = self._file.tell()
        self._writer.write_table(table, row_group_size=table.num_rows)
        self._file.flush()
        end = self._file.tell()
        with mmap.mmap(self._file.fileno(), end, access=mmap.ACCESS_READ) as whole:
            with memoryview(whole) as view:
                self.packed.regions.append(Region(start, end - start, zlib.crc32(view[start:end]), records))
            for _, values in cells:
                for path, value in values:
                    start = _place(whole, value, start, end)
                    digest = hashlib.sha256(value).hexdigest()
                    self.packed.members.append(Member(path, start, len(value), digest))
                    start += len(value)


def _place(whole: mmap.mmap, value: bytes, start: int, end: int) -> int:
    """Where a value stands: behind its length, in the order in which the values were written."""
    length = len(value).to_bytes(4, "little")
    at = start
    while True:
        at = whole.find(length, at, end)
        if at < 0:
            raise ValueError("Parquet does not hold the value as it is")
        if whole.find(value, at + 4, at + 4 + len(value)) == at + 4:
            return at + 4
        at += 1


def _leaves(schema: pa.Schema) -> list[str]:
    """The paths of a schema's leaves as Parquet names them."""
    found: list[str] = []

    def walk(path: str, kind: Any) -> None:
        if pa.types.is_struct(kind):
            for each in kind:
                walk(f"{path}.{each.name}", each.type)
        elif pa.types.is_list(kind):
            walk(f"{path}.list.element", kind.value_type)
        else:
            found.append(path)

    for each in schema:
        walk(each.name, each.type)
    return found
