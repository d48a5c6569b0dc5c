"""A fold kept in one file that is mapped when the dataset is next opened. Without it all is read anew.

It lies in the user's cache and holds nothing that the journal does not: each file's length and checksum say
how far it goes, and what does not fit any more is thrown away.
"""

from __future__ import annotations

import json
import os
import zlib
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from inspector.core.files import write_atomic
from inspector.core.fold import ARRAYS, NAMED, Fold
from inspector.core.journal import Mark
from inspector.core.names import Names

VERSION = 1
_KINDS = {
    "at": np.int64,
    "since": np.int64,
    "offset": np.int64,
    "starts": np.int64,
    "depth": np.int8,
    "undone": np.bool_,
}


def save(path: Path, folded: Fold, marks: list[Mark]) -> bool:
    """Write it down; False where the disk would not."""
    parts: dict[str, Any] = {name: getattr(folded, name) for name in ARRAYS}
    for name in (*NAMED, "ids"):
        names = Names(folded.ids) if name == "ids" else getattr(folded, name)
        parts[f"{name}.offsets"], parts[f"{name}.letters"] = names.buffers()
    head = json.dumps({"version": VERSION, "marks": [asdict(mark) for mark in marks]})
    columns = [pa.array([head], pa.large_string())]
    for part in parts.values():
        raw = pa.py_buffer(np.ascontiguousarray(part))
        ends = pa.py_buffer(np.array([0, raw.size], np.int64))
        columns.append(pa.LargeBinaryArray.from_buffers(pa.large_binary(), 1, [None, ends, raw]))
    table = pa.table(columns, names=["head", *parts])

    def write(beside: Path) -> None:
        with pa.OSFile(str(beside), "wb") as file, pa.ipc.new_file(file, table.schema) as out:
            out.write_table(table)

    with suppress(OSError, pa.ArrowException):
        path.parent.mkdir(parents=True, exist_ok=True)
        return write_atomic(path, write)
    return False


def load(path: Path) -> tuple[Fold, list[Mark]] | None:
    """What was kept, mapped and not read; None where there is nothing usable."""
    try:
        if not path.is_file():
            return None
        table = pa.ipc.open_file(pa.memory_map(str(path))).read_all()
        head = json.loads(table.column("head")[0].as_py())
        if head["version"] != VERSION:
            return None
        marks = [Mark(**{**each, "seen": tuple(each["seen"])}) for each in head["marks"]]

        def part(name: str, kind: Any) -> Any:
            return np.frombuffer(table.column(name)[0].as_buffer(), kind)

        made: dict[str, Any] = {name: part(name, _KINDS.get(name, np.int32)) for name in ARRAYS}
        for name in (*NAMED, "ids"):
            names = Names.from_buffers(part(f"{name}.offsets", np.int64), part(f"{name}.letters", np.uint8))
            made[name] = names.texts if name == "ids" else names
        return Fold(**made), marks
    except (OSError, ValueError, KeyError, TypeError, pa.ArrowException, RecursionError):
        return None


def still_holds(mark: Mark) -> bool:
    """Whether the part of the file that was read is as it was: by size and mtime, else by its checksum."""
    path = Path(mark.folder, mark.name)
    try:
        found = os.stat(path, follow_symlinks=False)
        if found.st_size < mark.end:
            return False
        if (found.st_size, found.st_mtime_ns) == mark.seen and found.st_ino == mark.inode:
            return True
        crc, left = 0, mark.end
        with path.open("rb", buffering=0) as file:
            while left > 0 and (part := file.read(min(left, 1 << 22))):
                crc = zlib.crc32(part, crc)
                left -= len(part)
    except OSError:
        return False
    return left == 0 and crc == mark.crc
