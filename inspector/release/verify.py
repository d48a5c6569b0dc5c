"""A release read again: every difference between what it says and what is there, by record and file."""

from __future__ import annotations

import hashlib
import json
import os
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from inspector.core import manifest
from inspector.errors import InspectorError
from inspector.release.copying import hash_file
from inspector.release.damage import damage, members_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

AT_A_TIME = 4
BATCH = 256


@dataclass(frozen=True, slots=True)
class Difference:
    """`kind` is changed, missing, unreadable, unlisted or inconsistent; `asset` a path in the release."""

    kind: str
    asset: str
    records: tuple[str, ...]
    message: str

    def __str__(self) -> str:
        whose = ", ".join(self.records[:3]) + ("…" if len(self.records) > 3 else "")
        return f"{self.asset}{f' (of {whose})' if whose else ''}: {self.message}"


@dataclass(frozen=True, slots=True)
class Verified:
    """What was looked at and what was found."""

    card: manifest.Card | None
    records: int
    files: int
    bytes: int
    differences: tuple[Difference, ...]


def verify(root: Path, told: Callable[[int], None] | None = None) -> Verified:
    """Read everything of the release at `root`. `told` hears how many files were read.

    InspectorError where there is no release at all.
    """
    if not (root / manifest.CARD).exists() and not (root / manifest.FOLDER).is_dir():
        raise InspectorError("There is no release there", str(root), "Name a folder that export made")
    found: list[Difference] = list(_seal(root))
    try:
        card = manifest.read_card(root)
    except InspectorError as error:
        found.append(Difference("unreadable", manifest.CARD, (), str(error)))
        return Verified(None, 0, 0, 0, tuple(found))
    tables: dict[str, pa.Table] = {}
    for name in manifest.TABLES:
        found += _table(root, name, card, tables)
    listed: set[str] = set()
    damaged: list[dict[str, Any]] = []
    hashes: dict[str, dict[str, str]] = defaultdict(dict)
    size = files = 0
    for row, there in _assets(root, tables.get("assets"), told):
        whose = tuple(row["records"] or ())
        for record_id in whose if row["made_from"] is not None else ():
            hashes[record_id][row["path"]] = row["sha256"]
        if there is None:
            continue
        files += 1
        listed.add(row["path"])
        if not whose and not (isinstance(there, tuple) and there == (row["bytes"], row["sha256"])):
            damaged.append(row)
        if isinstance(there, str):
            kind = "missing" if there == _GONE else "unreadable"
            found.append(Difference(kind, row["path"], whose, there))
            continue
        size += there[0]
        if there[0] != row["bytes"]:
            message = f"it has {there[0]} bytes, the manifest says {row['bytes']}"
            found.append(Difference("changed", row["path"], whose, message))
        elif there[1] != row["sha256"]:
            found.append(Difference("changed", row["path"], whose, "its bytes are not those of the manifest"))
    for row in damaged:
        if row.get("regions"):
            file, members = manifest.inside(root, row["path"]), members_of(tables["assets"], row["path"])
            found += [Difference("changed", *each) for each in damage(file, row, members)]
    if "records" in tables and "assets" in tables:
        found += _roots(card, tables["records"], hashes)
    found += _unlisted(root, listed)
    return Verified(card, card.records, files, size, tuple(found))


def _seal(root: Path) -> Iterator[Difference]:
    try:
        card = (root / manifest.CARD).read_bytes()
        seal = (root / manifest.SEAL).read_bytes()
    except OSError as error:
        name = os.path.basename(str(error.filename))
        yield Difference("missing", name, (), error.strerror or "it cannot be read")
        return
    if seal != f"{hashlib.sha256(card).hexdigest()}  {manifest.CARD}\n".encode():
        yield Difference(
            "changed", manifest.CARD, (), f"it is not what {manifest.SEAL} says, or that file was changed"
        )


def _table(root: Path, name: str, card: manifest.Card, tables: dict[str, pa.Table]) -> Iterator[Difference]:
    path = manifest.table_path(root, name)
    place = f"{manifest.FOLDER}/{path.name}"
    try:
        digest = hash_file(path)[1]
        if digest != card.tables.get(name):
            yield Difference("changed", place, (), "its bytes are not those that the card says")
        table = pq.read_table(path)
        table.validate(full=True)  # a changed text may be none any more
        if not set(_SCHEMAS.get(name, ())) <= set(table.column_names):
            raise pa.ArrowInvalid("it has not the columns that it should have")
        tables[name] = table
    except FileNotFoundError:
        yield Difference("missing", place, (), _GONE)
    except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
        yield Difference("unreadable", place, (), str(error)[:200])


_GONE = "it is not there"
_SCHEMAS = {
    "records": ("record_id", "root", "record"),
    "assets": ("path", "records", "bytes", "sha256", "made_from", "within", "offset", "regions"),
}
"""The columns that are read."""


def _assets(
    root: Path, table: pa.Table | None, told: Callable[[int], None] | None
) -> Iterator[tuple[dict[str, Any], tuple[int, str] | str | None]]:
    """Each row with what is there: bytes and hash, what is wrong, or None for what lies in another file."""
    if table is None:
        return
    done = 0
    with ThreadPoolExecutor(AT_A_TIME, thread_name_prefix="inspector-verify") as pool:
        for batch in table.to_batches(BATCH):
            rows = batch.to_pylist()
            for row, there in zip(rows, pool.map(lambda row: _look(root, row), rows), strict=True):
                done += there is not None
                if told is not None:
                    told(done)
                yield row, there


def _look(root: Path, row: dict[str, Any]) -> tuple[int, str] | str | None:
    if row.get("within") is not None:
        return None  # it is read with the file that it lies in
    try:
        return hash_file(manifest.inside(root, row["path"]))
    except FileNotFoundError:
        return _GONE
    except OSError as error:
        return error.strerror or str(error)
    except InspectorError as error:
        return str(error)


def _roots(card: manifest.Card, records: pa.Table, hashes: dict[str, dict[str, str]]) -> Iterator[Difference]:
    """Whether the tables agree with each other and with the card."""
    place = f"{manifest.FOLDER}/records.parquet"
    roots: list[tuple[str, str]] = []
    for batch in records.to_batches(BATCH):
        for row in batch.to_pylist():
            record_id = row["record_id"]
            roots.append((record_id, row["root"]))
            root = None
            with suppress(ValueError, KeyError, TypeError, AttributeError):
                value = json.loads(row["record"])
                root = manifest.record_root(value, hashes.get(record_id, {}))
            if root != row["root"]:
                yield Difference(
                    "inconsistent", place, (record_id,), "the record is not what its root was made of"
                )
    if manifest.release_root(roots) != card.root:
        yield Difference("inconsistent", manifest.CARD, (), "its root is not that of the records")


def _unlisted(root: Path, listed: set[str]) -> Iterator[Difference]:
    own = {manifest.CARD, manifest.SEAL, *(f"{manifest.FOLDER}/{each}.parquet" for each in manifest.TABLES)}
    for home, folders, names in os.walk(root):
        if home == str(root):
            folders[:] = [each for each in folders if each != ".inspector"]  # a curator's work on the release
        for name in sorted(names):
            path = os.path.relpath(os.path.join(home, name), root).replace(os.sep, "/")
            if path not in listed and path not in own:
                yield Difference("unlisted", path, (), "the manifest does not name it")


def verified_json(root: Path, found: Verified) -> dict[str, Any]:
    """What `inspector verify --json` prints."""
    return {
        "path": str(root),
        "name": None if found.card is None else found.card.name,
        "root": None if found.card is None else found.card.root,
        "records": found.records,
        "files": found.files,
        "bytes": found.bytes,
        "differences": [
            {"kind": each.kind, "asset": each.asset, "records": list(each.records), "message": each.message}
            for each in found.differences
        ],
    }


def summary_lines(found: Verified) -> Sequence[str]:
    """For people."""
    return [f"{each.kind}: {each}" for each in found.differences]
