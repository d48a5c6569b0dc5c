"""Tables of samples: CSV, TSV and Parquet, their columns, their time column and its unit.

A time column is recognised by its name (`inspector.media.stamps`), then by its values.
"""

from __future__ import annotations

import codecs
import re
from collections import Counter
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from inspector.errors import InspectorError
from inspector.media.csvhead import CsvHead, read_head
from inspector.media.stamps import Stamps, find_stamps, time_columns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    import pyarrow.parquet as pq


_NUMBER = r"^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$"
MOST_CSV_BYTES = 4 << 30
"""A larger text table is refused: it would have to be read whole."""
MOST_CELLS = 1 << 27
"""More values are not read at once: a gigabyte as numbers. A few KiB of Parquet hold as many equal ones."""
WORTH_THREADS = 1 << 20
"""Bytes of a text table from which on it is parsed in several threads: of a small one they cost thrice as
much as the parsing."""
LONG_ROWS = 1 << 19
"""Of a Parquet table of more rows the stamps are not all read, where its footer says that they rise."""
SAMPLE_ROWS = 1 << 17
"""So many are read instead: unit and rate are told from them."""
MOST_CHANNELS = 4096
"""So many columns of numbers are read of a table, and so many values in one cell."""


@dataclass(frozen=True, slots=True)
class TableInfo:
    """What a table of samples holds. `columns` are those with numbers, `channels` what they expand to."""

    columns: tuple[str, ...]
    channels: tuple[str, ...]
    rows: int
    stamps: Stamps | None
    problems: tuple[str, ...] = ()


def schema_of(path: Path) -> pa.Schema:
    """The columns of a Parquet file with their types, less those that cannot be asked for by name.

    Those have no name, or share it with another. InspectorError where the footer is unreadable.
    """
    import pyarrow.parquet as pq

    try:
        schema = pq.read_schema(path)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise unreadable(path, error) from error
    return distinct_fields(schema)


def distinct_fields(schema: pa.Schema) -> pa.Schema:
    """The columns that have a name of their own."""
    taken = Counter(schema.names)
    if all(name and count == 1 for name, count in taken.items()):
        return schema
    return pa.schema([field for field in schema if field.name and taken[field.name] == 1])


def check_cells(file: pq.ParquetFile, columns: Sequence[str], groups: Sequence[int] | None = None) -> None:
    """InspectorError where the columns hold more values than MOST_CELLS, by the file's own count."""
    cells = cells_of(file, columns, groups)
    if cells > MOST_CELLS:
        raise InspectorError(
            "The table is too large",
            f"{cells} values, {MOST_CELLS} can be held",
            "Split it into shorter files",
        )


def cells_of(file: pq.ParquetFile, columns: Sequence[str], groups: Sequence[int] | None = None) -> int:
    """How many values the columns hold, by the file's own count."""
    wanted = set(columns)
    meta = file.metadata
    leaves = [
        place
        for place in range(meta.num_columns)
        if file.schema.column(place).path.partition(".")[0] in wanted
        or file.schema.column(place).path in wanted
    ]
    cells = 0
    for number in range(meta.num_row_groups) if groups is None else groups:
        group = meta.row_group(number)
        cells += max(sum(group.column(place).num_values for place in leaves), group.num_rows)
    return cells


def unreadable(path: Path, error: Exception) -> InspectorError:
    """The one way to say that a table cannot be read; the reason is cut to one line."""
    reason = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
    return InspectorError(
        "The table cannot be read", f"{path.name}: {reason}", "Check the copy against its origin"
    )


def is_parquet(path: Path) -> bool:
    """Whether the table is Parquet by its name; all others are text."""
    return path.suffix.lower() in (".parquet", ".pq")


def read_columns(path: Path, columns: Sequence[str] | None = None, as_text: Sequence[str] = ()) -> pa.Table:
    """Columns of a table (None: all); those in `as_text` stay strings where the file is text.

    Of text the odd rows and cells are left out as `read_csv` says. InspectorError where it cannot be read.
    """
    if is_parquet(path):
        import pyarrow.parquet as pq

        try:
            names = schema_of(path).names if columns is None else list(columns)
            with pq.ParquetFile(path) as file:
                check_cells(file, names)
                table = file.read(columns=names)
            return table.select(names)
        except (pa.ArrowException, OSError, ValueError, KeyError, NotImplementedError) as error:
            raise unreadable(path, error) from error
    return read_csv(path, read_head(path), columns, as_text)[0]


def read_csv(
    path: Path, head: CsvHead, columns: Sequence[str] | None = None, as_text: Sequence[str] = ()
) -> tuple[pa.Table, list[str]]:
    """A text table's columns, and what was left out of it.

    Rows of another width are left out. Of a column that is nearly all numbers the odd cells become null.
    """
    if path.stat().st_size > MOST_CSV_BYTES:
        raise InspectorError("The table is too large as text", path.name, "Convert it to Parquet")
    if head.whole and head.rows and columns is None and len(head.names) > 1 and {*head.names} <= {*as_text}:
        return _text_of(head), []
    try:
        table, skipped, encoding = _parse_csv(path, head, columns, as_text), 0, head.encoding
    except (pa.ArrowException, OSError, ValueError, LookupError):
        table, skipped, encoding = _parse_badly(path, head, columns, as_text)
    told = (
        [f"{skipped} row{'s' * (skipped > 1)} of another width than the header left out"] if skipped else []
    )
    if encoding != head.encoding:
        told.append(f"not {head.encoding} throughout, read as {encoding}")
    for place, name in enumerate(table.column_names):
        column = table.column(name)
        if name in as_text or not pa.types.is_string(column.type):
            continue
        text = pc.replace_substring(column, ",", ".") if head.comma_decimals else column
        number = pc.fill_null(pc.match_substring_regex(pc.utf8_trim_whitespace(text), _NUMBER), False)
        odd = len(column) - column.null_count - (pc.sum(number).as_py() or 0)
        if odd * 10 < len(column) - column.null_count:
            if odd:
                told.append(
                    f"{odd} cell{'s' * (odd > 1)} of {name} hold{'s' * (odd == 1)} no number; read as missing"
                )
            values = pc.cast(pc.utf8_trim_whitespace(pc.if_else(number, text, None)), pa.float64())
            table = table.set_column(place, name, values)
    return table, told


def _text_of(head: CsvHead) -> pa.Table:
    """A text table that is whole in its head, with every cell as text, as `_parse_csv` would read it."""
    rows = [[None if cell in _nothing() else cell for cell in row] for row in head.rows]
    columns = [pa.array(list(each), pa.string()) for each in zip(*rows, strict=True)]
    return pa.table(columns, names=list(head.names))


@cache
def _nothing() -> frozenset[str]:
    """What a text table has in place of a value."""
    from pyarrow import csv

    return frozenset(csv.ConvertOptions().null_values)


def _parse_badly(
    path: Path, head: CsvHead, columns: Sequence[str] | None, as_text: Sequence[str]
) -> tuple[pa.Table, int, str]:
    """A text table in which something is wrong: its readable rows, how many are not, and its encoding."""
    skipped = 0

    def skip(_: Any) -> str:
        nonlocal skipped
        skipped += 1
        return "skip"

    encoding = encoding_of(path, head.encoding)
    # Types are told from the first block; where a later one holds something else, all is read as text.
    for text in (as_text, head.names):
        skipped = 0
        try:
            return _parse_csv(path, head, columns, text, encoding, skip), skipped, encoding
        except (pa.ArrowException, OSError, ValueError, LookupError) as error:
            failed = error
    raise unreadable(path, failed) from failed


def encoding_of(path: Path, told: str) -> str:
    """The encoding that the head suggests if all of the file is in it, else one that any file is in."""
    decoder = codecs.getincrementaldecoder(told)()
    try:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                decoder.decode(block)
            decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return "latin-1"
    return told


def csv_batches(path: Path, columns: Sequence[str], as_text: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """A text table's columns from its start on, a block at a time.

    Raises pa.ArrowException, ValueError or LookupError at the first thing that `read_csv` would leave out.
    """
    from pyarrow import csv

    read, parse, convert = _csv_options(read_head(path), columns, as_text)
    yield from csv.open_csv(path, read, parse, convert)


def _parse_csv(
    path: Path,
    head: CsvHead,
    columns: Sequence[str] | None,
    as_text: Sequence[str],
    encoding: str | None = None,
    skip: Callable[[Any], str] | None = None,
) -> pa.Table:
    from pyarrow import csv

    read, parse, convert = _csv_options(head, columns, as_text, encoding, skip)
    if path.stat().st_size >= WORTH_THREADS:
        return csv.read_csv(path, read, parse, convert)
    data = path.read_bytes()
    # All in one block: types are told from the first. `read_csv` would wait for threads of its own.
    read.block_size, read.use_threads = len(data) + 1, False
    return csv.open_csv(pa.BufferReader(data), read, parse, convert).read_all()


def _csv_options(
    head: CsvHead,
    columns: Sequence[str] | None,
    as_text: Sequence[str],
    encoding: str | None = None,
    skip: Callable[[Any], str] | None = None,
) -> tuple[Any, Any, Any]:
    """How such a text is read, parsed and converted."""
    from pyarrow import csv

    return (
        csv.ReadOptions(
            skip_rows=head.skip,
            column_names=list(head.names),
            encoding=encoding or head.encoding,
            block_size=16 << 20,
        ),
        csv.ParseOptions(
            delimiter=head.delimiter, invalid_row_handler=skip, newlines_in_values=head.quoted_newlines
        ),
        csv.ConvertOptions(
            include_columns=None if columns is None else list(columns),
            column_types=dict.fromkeys(as_text, pa.string()),
            strings_can_be_null=True,
            decimal_point="," if head.comma_decimals else ".",
        ),
    )


def numeric_columns(schema: pa.Schema) -> list[str]:
    """Columns that become channels: numbers, booleans and lists of numbers."""
    return [
        field.name
        for field in schema
        if is_number(field.type) or (is_list(field.type) and is_number(field.type.value_type))
    ]


def is_number(kind: pa.DataType) -> bool:
    """Whether a column of this type can be drawn as a line."""
    return bool(
        pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
        or pa.types.is_boolean(kind)
        or pa.types.is_decimal(kind)
    )


def is_list(kind: pa.DataType) -> bool:
    """Whether each cell holds several values."""
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def describe(path: Path, head: CsvHead | None = None) -> TableInfo:
    """Columns, stamps and channels of a table of samples; of a Parquet file only the stamps are read.

    `head` is a text table's, where it has been read already.

    Of a long one only the first are, and the last by its footer: whether they run backwards in between is
    found when its samples are read.
    Raises InspectorError where it cannot be read at all.
    """
    problems: list[str] = []
    if is_parquet(path):
        schema = schema_of(path)
        problems += _unnamed(path, schema)
        candidates = time_columns(schema.names)
        table, rows = _stamp_columns(path, candidates or schema.names[:1])
    else:
        head = head or read_head(path)
        problems += head.problems
        candidates = time_columns(head.names)
        table, told = read_csv(path, head, None, candidates)
        schema, rows = table.schema, table.num_rows
        problems += told
    stamps = _choose(table, candidates, problems)
    columns = [name for name in numeric_columns(schema) if stamps is None or name != stamps.column]
    found = [name for name in columns if name not in candidates]
    if len(found) > MOST_CHANNELS:
        problems.append(f"holds {len(found)} columns of numbers; the first {MOST_CHANNELS} are read")
    kinds = dict(zip(schema.names, schema.types, strict=True))
    columns, channels = [], []
    for name in found[:MOST_CHANNELS]:
        if not is_list(kinds[name]):
            columns.append(name)
            channels.append(name)
            continue
        width = _list_width(path, table, name)
        if len(channels) + width > MOST_CHANNELS:
            problems.append(f"column {name} holds {width} values a row, too many to draw; not read")
            continue
        columns.append(name)
        channels += [f"{name}[{place}]" for place in range(width)]
    return TableInfo(tuple(columns), tuple(channels), rows, stamps, tuple(problems))


def _stamp_columns(path: Path, columns: Sequence[str]) -> tuple[pa.Table, int]:
    """Columns of a Parquet file that may hold stamps, and how many rows the file has.

    Where it is long and their values rise by its footer, only their first rows and their last.
    """
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path, buffer_size=1 << 18, pre_buffer=False) as file:
            check_cells(file, columns)
            rows = int(file.metadata.num_rows)
            sample = _sample(file, columns) if rows > LONG_ROWS and columns else None
    except (pa.ArrowException, OSError, ValueError, KeyError, NotImplementedError) as error:
        raise unreadable(path, error) from error
    if sample is not None:
        return sample, rows
    table = read_columns(path, columns)
    return table, table.num_rows


def _sample(file: pq.ParquetFile, columns: Sequence[str]) -> pa.Table | None:
    """The first SAMPLE_ROWS rows and the last one of columns of numbers that rise, as far as can be told."""
    meta = file.metadata
    places = {file.schema.column(place).path: place for place in range(meta.num_columns)}
    schema = file.schema_arrow
    ends = []
    for name in columns:
        kind = schema.field(name).type
        if not (pa.types.is_integer(kind) or kind in (pa.float32(), pa.float64())):
            return None
        last = None
        for group in range(meta.num_row_groups):
            if not meta.row_group(group).num_rows:
                continue
            stats = meta.row_group(group).column(places[name]).statistics
            if stats is None or not stats.has_min_max or stats.null_count or stats.null_count is None:
                return None
            if not stats.min <= stats.max or (last is not None and stats.min < last):
                return None
            last = stats.max
        if last is None:
            return None
        ends.append(pa.array([last], kind))
    batches, found = [], 0
    for batch in file.iter_batches(SAMPLE_ROWS, columns=list(columns), use_threads=False):
        batches.append(batch)
        found += batch.num_rows
        if found >= SAMPLE_ROWS:
            break
    first = pa.Table.from_batches(batches, batches[0].schema if batches else None).select(list(columns))
    table = pa.concat_tables([first, pa.table(ends, schema=first.schema)])
    for column in table.columns:
        values = column.to_numpy()
        if column.null_count or not np.isfinite(values).all() or (values[1:] < values[:-1]).any():
            return None
    return table


def _unnamed(path: Path, usable: pa.Schema) -> list[str]:
    import pyarrow.parquet as pq

    names = Counter(pq.read_schema(path).names)
    odd = [repr(name) for name in names.keys() - set(usable.names)]
    return [f"no or twice the same name: column {', '.join(sorted(odd)[:5])}; not read"] if odd else []


def _choose(table: pa.Table, candidates: list[str], problems: list[str]) -> Stamps | None:
    """The first column of stamps that is one by its values too; a first unnamed one that only rises."""
    for name in candidates:
        stamps = find_stamps(table, name)
        if stamps is not None and (len(stamps.order) < 2 or stamps.sorted_ns[0] < stamps.sorted_ns[-1]):
            others = [other for other in candidates if other != name]
            if others:
                problems.append(f"also holds stamps in {', '.join(others)}; read by {name}")
            return stamps
    if not candidates and table.num_columns and table.num_rows > 2:
        name = table.column_names[0]
        first = table.column(0)
        unnamed = re.fullmatch(r"column_1|unnamed:? ?\d*|", name.lower()) is not None
        if unnamed and pa.types.is_floating(first.type) and first.null_count == 0:
            values = first.to_numpy()
            steps = np.diff(values)
            if np.isfinite(values).all() and (steps > 0).all() and not (steps == 1).all():
                problems.append("no column is named as time; the first one only rises and is read as time")
                return find_stamps(table, name)
    return None


def _list_width(path: Path, table: pa.Table, name: str) -> int:
    if name not in table.column_names:
        import pyarrow.parquet as pq

        try:
            with pq.ParquetFile(path) as file:
                if not file.metadata.num_row_groups:
                    return 0
                batch = next(file.iter_batches(batch_size=1, columns=[name]), None)
        except (pa.ArrowException, OSError, ValueError, NotImplementedError) as error:
            raise unreadable(path, error) from error
        if batch is None or not batch.num_rows:
            return 0
        column = batch.column(name)
    else:
        column = table.column(name)
    first = next((item for item in column[:100] if item.is_valid), None)
    return 0 if first is None else len(first)
