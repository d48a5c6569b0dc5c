"""The Hugging Face AudioFolder and VideoFolder convention: metadata says which files make a record.

`metadata.csv`, `.jsonl` or `.parquet` with a column `file_name`, `<role>_file_name` or `<role>_file_names`;
each row names its record; other columns become dataset columns. Cells are paths relative to the metadata
file. A cell counts only if the listing holds that very file, so no path in it can lead out of the root.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from inspector.core.model import Problem
from inspector.errors import InspectorError
from inspector.media.csvhead import read_head
from inspector.media.table import encoding_of, schema_of
from inspector.readers.layout import SPLITS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from inspector.readers.sniff import Listing

MOST_BYTES = 2 << 30
"""A larger metadata file is refused: it would be read whole to open the dataset."""

_NAMES = ("metadata.csv", "metadata.jsonl", "metadata.parquet")
_OUTSIDE = re.compile(r"^(?:[/~]|[A-Za-z]:|\w+://)|(?:^|/)\.\.(?:/|$)")
_ZEROS = re.compile(r"^[+-]?0\d+$")


@dataclass(slots=True)
class Metadata:
    """Rows that name files. `cells[role]` holds a list of paths for each row, as that column names them."""

    files: list[str]
    table: pa.Table
    """The other columns, and `split` where the metadata lies in several folders."""
    folders: list[str]
    """The folder of each row's metadata file."""
    cells: dict[str, pa.ListArray]
    problems: list[Problem] = field(default_factory=list)

    def row(self, number: int) -> list[tuple[str, str]]:
        """The (role, path below the root) pairs that one row names, each path once."""
        folder = self.folders[number]
        named: dict[str, str] = {}
        for role, column in self.cells.items():
            for cell in column[number].as_py() or ():
                if cell:
                    named.setdefault(f"{folder}/{cell}" if folder else cell, role)
        return [(role, path) for path, role in named.items()]


def is_outside(cell: str) -> bool:
    """Whether a path in the data is absolute, a URL, or leads up and out."""
    return _OUTSIDE.search(cell) is not None


def role_of(column: str) -> str | None:
    """The role that a column names files for, "" for `file_name`; None where it names none."""
    for ending in ("file_names", "file_name"):
        if column == ending:
            return ""
        if column.endswith("_" + ending):
            return column[: -len(ending) - 1]
    return None


def find(listing: Listing) -> Metadata | None:
    """The metadata of a listing: the shallowest files of that name with a column of file names, else None.

    Several in one folder are read by the first of csv, jsonl, parquet. One that cannot be read is told as a
    problem, in the listing's where there is no other.
    """
    named = [path for path in listing.paths if path.rpartition("/")[2] in _NAMES and path.count("/") <= 2]
    named.sort(
        key=lambda path: (path.count("/"), path.rpartition("/")[0], _NAMES.index(path.rpartition("/")[2]))
    )
    found: list[tuple[str, pa.Table]] = []
    problems: list[Problem] = []
    for path in named:
        folder = path.rpartition("/")[0]
        if found and (path.count("/") > found[0][0].count("/")):
            break
        if any(folder == other.rpartition("/")[0] for other, _ in found):
            problems.append(Problem(path, "a second metadata file of its folder; not read"))
            continue
        try:
            if not any(role_of(name) is not None for name in _columns(listing.root / path)):
                continue
            found.append((path, _load(listing.root / path, path, problems)))
        except (InspectorError, OSError) as error:
            problems.append(
                Problem(path, f"the metadata cannot be read: {error}", "the files are listed without it")
            )
    if not found:
        listing.problems += problems
        return None
    return _joined(found, problems)


def _columns(path: Path) -> list[str]:
    if path.stat().st_size > MOST_BYTES:
        raise InspectorError(
            "The metadata is larger than 2 GiB", path.name, "Split it or convert it to Parquet"
        )
    if path.suffix == ".parquet":
        return list(schema_of(path).names)
    if path.suffix == ".csv":
        head = read_head(path)
        # A table with one column and one row reads as no header; the name settles it.
        return list(head.names if head.header else (head.rows or ((),))[0])
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        for line in file:
            if line.strip():
                try:
                    first = json.loads(line)
                except (ValueError, RecursionError):
                    continue
                return [str(key) for key in first] if isinstance(first, dict) else []
    return []


def _load(path: Path, relative: str, problems: list[Problem]) -> pa.Table:
    if path.suffix == ".parquet":
        import pyarrow.parquet as pq

        try:
            table = pq.read_table(path)
            table.validate(full=True)
            return table
        except (pa.ArrowException, OSError, ValueError, NotImplementedError) as error:
            raise InspectorError("The table cannot be read", str(error).splitlines()[0]) from error
    return (
        _load_csv(path, relative, problems)
        if path.suffix == ".csv"
        else _load_lines(path, relative, problems)
    )


def _load_csv(path: Path, relative: str, problems: list[Problem]) -> pa.Table:
    from pyarrow import csv

    head = read_head(path)
    names = list(head.names if head.header else (head.rows or ((),))[0])
    rows = head.rows if head.header else head.rows[1:]
    text = {name: pa.string() for name in names if role_of(name) is not None}
    for place, name in enumerate(names):
        # "007" is a name, not a number.
        if any(place < len(row) and _ZEROS.match(row[place].strip()) for row in rows):
            text[name] = pa.string()
    skipped = 0

    def skip(_: Any) -> str:
        nonlocal skipped
        skipped += 1
        return "skip"

    try:
        table = csv.read_csv(
            path,
            csv.ReadOptions(
                skip_rows=head.skip + (not head.header),
                column_names=names,
                encoding=encoding_of(path, head.encoding),
            ),
            csv.ParseOptions(delimiter=head.delimiter, invalid_row_handler=skip, newlines_in_values=True),
            csv.ConvertOptions(column_types=text, strings_can_be_null=True, null_values=[""]),
        )
    except (pa.ArrowException, OSError, ValueError, LookupError) as error:
        raise InspectorError("The table cannot be read", str(error).splitlines()[0]) from error
    if skipped:
        problems.append(Problem(relative, f"{skipped} rows of another width than the header left out"))
    return table


def _load_lines(path: Path, relative: str, problems: list[Problem]) -> pa.Table:
    """JSON lines; by Arrow where every line is sound and of one form, else line by line."""
    from pyarrow import json as arrow_json

    try:
        if encoding_of(path, "utf-8") == "utf-8":  # Arrow would take any bytes
            return arrow_json.read_json(path)
    except (pa.ArrowException, OSError, ValueError):
        pass
    rows: list[dict[str, Any]] = []
    bad: list[int] = []
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                plain = json.loads(line)
            except (ValueError, RecursionError):
                plain = None
            if isinstance(plain, dict):
                rows.append(plain)
            else:
                bad.append(number)
    if bad:
        shown = ", ".join(str(number) for number in bad[:5]) + (" and others" if len(bad) > 5 else "")
        problems.append(
            Problem(relative, f"line {shown}: no JSON object; left out", "the other rows are read")
        )
    names = dict.fromkeys(key for row in rows for key in row)
    columns = {_valid(name): _array([row.get(name) for row in rows]) for name in names}
    return pa.table(columns)


def _array(values: list[Any]) -> pa.Array:
    try:
        return pa.array(values)
    except (pa.ArrowException, ValueError, TypeError, OverflowError):
        return pa.array([_as_cell(value) for value in values], pa.string())


def _as_cell(value: Any) -> str | None:
    if value is None:
        return None
    return _valid(value if isinstance(value, str) else json.dumps(value))


def _valid(text: str) -> str:
    """Text without the half characters that JSON may hold and Arrow may not."""
    return text.encode("utf-8", "replace").decode()


def _joined(found: list[tuple[str, pa.Table]], problems: list[Problem]) -> Metadata:
    """All metadata files as one, with a column `split` where there are several or the folder is named so."""
    parted = len(found) > 1 or found[0][0].rpartition("/")[0].rpartition("/")[2].lower() in SPLITS
    tables: list[pa.Table] = []
    cells: dict[str, list[pa.Array]] = {}
    folders: list[str] = []
    before = 0
    for path, table in found:
        folder = path.rpartition("/")[0]
        roles = {name: role for name in table.column_names if (role := role_of(name)) is not None}
        for name, role in roles.items():
            parts = cells.setdefault(role, [pa.nulls(before, pa.list_(pa.string()))] if before else [])
            column = table.column(name)
            missing = before - sum(len(part) for part in parts)
            if missing > 0:
                parts.append(pa.nulls(missing, pa.list_(pa.string())))
            listed = _listed(column, name)
            if missing < 0:  # file_name and file_names side by side: the row names the files of both
                listed = _both(parts.pop(), listed)
            parts.append(listed)
        rest = table.drop_columns(list(roles))
        if parted:
            taken = "split" in rest.column_names
            rest = rest.append_column(
                "split_folder" if taken else "split", pa.array([folder] * table.num_rows)
            )
        tables.append(_plain(rest))
        folders += [folder] * table.num_rows
        before += table.num_rows
    try:
        joined = pa.concat_tables(tables, promote_options="permissive") if len(tables) > 1 else tables[0]
    except (pa.ArrowException, ValueError):
        as_text = [pa.table({n: _as_text(t.column(n)) for n in t.column_names}) for t in tables]
        joined = pa.concat_tables(as_text, promote_options="permissive")
        problems.append(
            Problem(found[0][0], "columns differ in type between the metadata files; read as text")
        )
    whole = {}
    for role, parts in cells.items():
        short = before - sum(len(part) for part in parts)
        whole[role] = pa.concat_arrays([*parts, *([pa.nulls(short, pa.list_(pa.string()))] if short else [])])
    return Metadata([path for path, _ in found], joined, folders, whole, problems)


def _as_text(column: pa.ChunkedArray) -> pa.Array:
    return pa.array([None if value is None else str(value) for value in column.to_pylist()], pa.string())


def _plain(table: pa.Table) -> pa.Table:
    """Dataset columns under names that are free, with no row index of its own.

    Moments that Python has no name for (the year 10 000) are text from here on.
    """
    names = []
    for place, kind in enumerate(table.schema.types):
        column = table.column(place)
        try:
            if pa.types.is_temporal(kind):
                pc.min_max(column).as_py()
            elif pa.types.is_nested(kind) and re.search(r"time|date", str(kind)):
                column.to_pylist()
        except (OverflowError, ValueError, pa.ArrowException):
            nested = pa.types.is_nested(kind)
            text = pa.nulls(len(column), pa.string()) if nested else column.cast(pa.string())
            table = table.set_column(place, table.schema.field(place).name, text)
    for name in table.column_names:
        while name in ("record_id", "modalities") or name in names:
            name += "_"
        names.append(name)
    return table.rename_columns(names).replace_schema_metadata(None)


def _both(first: pa.Array, second: pa.Array) -> pa.Array:
    pairs = zip(first.to_pylist(), second.to_pylist(), strict=True)
    return pa.array([[*(a or ()), *(b or ())] for a, b in pairs], pa.list_(pa.string()))


def _listed(column: pa.ChunkedArray, name: str) -> pa.Array:
    """A column of paths as lists of paths, with `/` between parts and no `./` before them."""
    array = column.combine_chunks()
    kind = array.type
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        rows = array.to_pylist()
    elif pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        rows = [None if cell is None else [cell.decode("utf-8", "replace")] for cell in array.to_pylist()]
    elif name.endswith("file_names") and (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        rows = [_parsed(cell) for cell in array.to_pylist()]
    else:
        text = (
            pc.cast(array, pa.string()) if not pa.types.is_nested(kind) else pa.nulls(len(array), pa.string())
        )
        text = pc.replace_substring(text, "\\", "/")
        text = pc.replace_substring_regex(pc.utf8_trim_whitespace(text), r"^(\./)+", "")
        text = pc.if_else(pc.equal(text, ""), None, text)
        offsets = np.concatenate([[0], np.cumsum(text.is_valid().to_numpy(zero_copy_only=False))])
        return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), text.drop_null())
    cleaned = [
        None if row is None else [str(c).replace("\\", "/").strip().removeprefix("./") for c in row if c]
        for row in rows
    ]
    return pa.array(cleaned, pa.list_(pa.string()))


def _parsed(cell: str | None) -> list[str] | None:
    """A list of paths in one cell of text: JSON, else the path itself."""
    if not cell:
        return None
    if cell.startswith("["):
        try:
            plain = json.loads(cell)
        except (ValueError, RecursionError):
            plain = None
        if isinstance(plain, list):
            return [_valid(str(item)) for item in plain if item]
    return [cell]


def named_files(meta: Metadata, listing: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """All (row, index into the listing) pairs of files that are named and there, ordered by row."""
    lookup = pa.array(listing, pa.string())
    rows: list[NDArray[np.int64]] = []
    places: list[NDArray[np.int64]] = []
    prefix = pa.array([f"{folder}/" if folder else "" for folder in meta.folders], pa.string())
    for column in meta.cells.values():
        flat, parents = column.flatten(), pc.list_parent_indices(column)
        flat = pc.binary_join_element_wise(prefix.take(parents), flat, "")
        index = pc.index_in(flat, value_set=lookup)
        there = index.is_valid().to_numpy(zero_copy_only=False)
        rows.append(parents.to_numpy(zero_copy_only=False)[there].astype(np.int64))
        places.append(index.drop_null().to_numpy(zero_copy_only=False).astype(np.int64))
    row = np.concatenate(rows) if rows else np.zeros(0, np.int64)
    place = np.concatenate(places) if places else np.zeros(0, np.int64)
    order = np.argsort(row, kind="stable")
    return row[order], place[order]


def record_ids(
    meta: Metadata, paths: Sequence[str], row: NDArray[np.int64], place: NDArray[np.int64]
) -> list[str]:
    """An id for each row: the stem that its files share, else a folder that is its own, else its number.

    Stems count where most rows with several files have one; a stem that repeats is named with its folder.
    """
    from inspector.readers.layout import common_folder, stem_of

    count = meta.table.num_rows if meta.table.num_columns else len(meta.folders)
    dirs: list[set[str]] = [set() for _ in range(count)]
    stems: list[set[str]] = [set() for _ in range(count)]
    sizes = Counter(row.tolist())
    for number, index in zip(row.tolist(), place.tolist(), strict=True):
        folder, _, name = paths[index].rpartition("/")
        dirs[number].add(folder)
        stems[number].add(stem_of(name))
    several = [number for number, size in sizes.items() if size > 1]
    by_stem = not several or sum(len(stems[number]) == 1 for number in several) * 2 > len(several)
    shared = [next(iter(each)) if by_stem and len(each) == 1 else None for each in stems]
    repeats = Counter(stem for stem in shared if stem is not None)
    folders = [common_folder(each) if each else None for each in dirs]
    owners = Counter(folder for folder in folders if folder is not None)
    ids: list[str] = []
    for number in range(count):
        stem, folder = shared[number], folders[number]
        if stem is not None and repeats[stem] == 1:
            ids.append(stem)
        elif stem is not None and len(dirs[number]) == 1 and folder:
            ids.append(f"{folder}/{stem}")
        elif folder and owners[folder] == 1:
            ids.append(folder)
        else:
            ids.append(f"row_{number:06d}")
    taken = Counter(ids)
    return [each if taken[each] == 1 else f"row_{number:06d}" for number, each in enumerate(ids)]
