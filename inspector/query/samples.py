"""`samples`: one view over all tables of numbers where they lie. Nothing is copied; times are expressions.

Sensor streams that are read in the same way (the same columns, stamps and unit) become one scan over all
their files. What differs between them (whose they are, how late they are) is looked up in a list by the
file's number, or by the episode's where files are shared: a join with a table would cost more.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import pyarrow as pa

from inspector.core.times import UNIT_NS
from inspector.errors import InspectorError
from inspector.media.csvhead import is_number, read_head
from inspector.media.table import is_list, is_parquet, schema_of
from inspector.query.names import identifier, literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inspector.core.model import Source, Stream
    from inspector.core.timemap import TimeMap

FIXED = ("record_id", "stream_id", "t_s", "native_t_s")
MOST_RUNS = 50
"""Ranges of known episodes that are written out."""
MOST_FILES = 20_000
"""In one scan; one over more is left out, and that is said."""

_WHOLE = re.compile(r"[+-]?\d{1,19}")


@dataclass(frozen=True, slots=True)
class Sampled:
    """A stream whose samples can be scanned, and whose record it is."""

    record_id: str
    stream_id: str
    source: Source
    timemap: TimeMap
    channels: tuple[str, ...]
    rate: float | None
    """Of rows whose times were counted, not measured; else None."""

    @classmethod
    def of(cls, record_id: str, stream: Stream) -> Sampled | None:
        """None for what is no table of numbers."""
        if stream.source.format != "table" or not stream.channels:
            return None
        counted = stream.source.time_column is None or stream.clock.nominal
        rate = stream.rate if counted else None
        return cls(record_id, stream.id, stream.source, stream.timemap, tuple(stream.channels), rate)


@dataclass(frozen=True, slots=True)
class View:
    """The query behind `samples`, and what is not in it."""

    sql: str
    notes: tuple[str, ...]


def view_of(streams: Sequence[Sampled]) -> View:
    """One SELECT over all files; with no streams an empty one with the fixed columns."""
    groups: dict[tuple[object, ...], list[Sampled]] = defaultdict(list)
    notes: list[str] = []
    for each in streams:
        source = each.source
        shared = source.row_start is not None
        try:
            written = None if is_parquet(source.path) else _written(each)
        except InspectorError as error:
            notes.append(f"samples of {each.record_id}, {each.stream_id}: {error}")
            continue
        whole = source.epoch_ns % UNIT_NS[source.time_unit] == 0
        stamps = (source.time_column, source.time_unit, whole, source.epoch_ns == 0)
        groups[source.columns, each.channels, stamps, each.rate, shared, written].append(each)
    parts = []
    for key, group in groups.items():
        how = key[-1]
        try:
            parts.append(_text_scan(group, how) if isinstance(how, _Written) else _scan(group))
        except InspectorError as error:
            notes.append(f"samples of {group[0].stream_id}: {error}")
    columns = ", ".join(f"NULL::{'VARCHAR' if each in FIXED[:2] else 'DOUBLE'} AS {each}" for each in FIXED)
    parts.append(f"SELECT {columns} WHERE false")
    return View("\nUNION ALL BY NAME\n".join(parts), tuple(notes))


def _files(group: Sequence[Sampled]) -> list[str]:
    """The files of a scan, each once."""
    files = list(dict.fromkeys(str(each.source.path) for each in group))
    if len(files) > MOST_FILES:
        raise InspectorError(
            "There are too many files for one scan", f"{len(files)} of {MOST_FILES}", "Split the dataset"
        )
    return files


def _scan(group: Sequence[Sampled]) -> str:
    """A SELECT over the Parquet files of streams that are read alike."""
    first = group[0].source
    schema = schema_of(first.path)
    files = _files(group)
    place = "file_index"
    order: Sequence[Sampled | None] = group
    if first.row_start is not None:
        place, order = _by_episode(group, schema)
    elif len(files) < len(group):
        raise InspectorError("Several streams share one table", files[0], "")
    options = "file_row_number = true, union_by_name = true"
    scan = f"read_parquet([{', '.join(map(literal, files))}], {options})"
    kind = schema.field(first.time_column).type if first.time_column else None
    native = _native(first, kind, group[0].rate, order, place)
    single = kind is not None and pa.types.is_float32(kind) and group[0].rate is not None
    single = single and not first.epoch_ns
    return _select(scan, native, order, place, _channels(group[0], schema), single)


def _by_episode(group: Sequence[Sampled], schema: pa.Schema) -> tuple[str, list[Sampled | None]]:
    """Where rows of many records share files: the column that says whose a row is, and the streams by it."""
    from inspector.readers.lerobot_v3 import data_runs

    if "episode_index" not in schema.names:
        raise InspectorError("Records share a table that does not say whose its rows are", "", "")
    runs: dict[str, dict[int, int]] = {}
    numbered: dict[int, Sampled] = {}
    for each in group:
        path = each.source.path
        if str(path) not in runs:
            found = data_runs(path)
            runs[str(path)] = dict(zip(found.start.tolist(), found.episode.tolist(), strict=False))
        episode = runs[str(path)].get(each.source.row_start or 0)
        if episode is not None and 0 <= episode < 10_000_000:
            numbered[int(episode)] = each
    if not numbered:
        raise InspectorError("No row of the table names an episode that is known", "", "")
    return "episode_index", [numbered.get(each) for each in range(max(numbered) + 1)]


@dataclass(frozen=True, slots=True)
class _Written:
    """How a text table is written; files of one kind are one scan. `stamps` is `text`, `whole` or `number`.

    `alone` is the path of a file that others share: whose a row is cannot be told there.
    """

    names: tuple[str, ...]
    delimiter: str
    skip: int
    encoding: str
    comma: bool
    stamps: str
    alone: str


def _written(stream: Sampled) -> _Written:
    """Looks at the first lines of a stream's file."""
    source = stream.source
    if source.time_column is None:
        raise InspectorError("Its rows have no stamps", source.path.name, "Only Parquet tables are counted")
    head = read_head(source.path)
    if source.time_column not in head.names:
        raise InspectorError("Its column of stamps is not there", source.path.name, "")
    place = head.names.index(source.time_column)
    cells = [row[place].strip() for row in head.rows if len(row) > place and row[place].strip()]
    stamps = "number"
    if cells and not all(map(is_number, cells)):
        stamps = "text"
    elif source.epoch_ns % UNIT_NS[source.time_unit] == 0 and all(map(_WHOLE.fullmatch, cells)):
        stamps = "whole"
    encoding = {"utf8": "utf-8", "utf-16": "utf-16"}.get(head.encoding, "latin-1")
    alone = f"{source.path} {stream.record_id} {stream.stream_id}" if source.row_start is not None else ""
    return _Written(head.names, head.delimiter, head.skip, encoding, head.comma_decimals, stamps, alone)


def _text_scan(group: Sequence[Sampled], written: _Written) -> str:
    """Text tables, read as `inspector.media.table` does: cells that are no numbers are missing."""
    source = group[0].source
    names = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in written.names)
    files = _files(group)
    if len(files) < len(group):
        raise InspectorError("Several streams share one table", files[0], "")
    scan = (
        f"read_csv([{', '.join(map(literal, files))}], delim = {literal(written.delimiter)}, header = false, "
        f"skip = {written.skip}, columns = {{{names}}}, auto_detect = false, ignore_errors = true, "
        f"quote = '\"', escape = '\"', strict_mode = false, encoding = {literal(written.encoding)}, "
        "nullstr = ''" + (", max_line_size = 4194304)" if len(written.names) > 1000 else ")")
    )

    def number(name: str) -> str:
        cell = f"replace({identifier(name)}, ',', '.')" if written.comma else identifier(name)
        return f"TRY_CAST(trim({cell}) AS DOUBLE)"

    column, unit, place = str(source.time_column), UNIT_NS[source.time_unit], "file_index"
    cell = identifier(column)
    if written.stamps == "text":
        zero = _zero(group, place, 1)
        native = f"(epoch_ns(TRY_CAST({cell} AS TIMESTAMPTZ)) - {zero})::DOUBLE / 1e9"
    elif written.stamps == "whole":
        # Stamps of an epoch in ns have more digits than a float.
        zero = _zero(group, place, unit)
        native = f"(TRY_CAST(trim({cell}) AS BIGINT) - {zero})::DOUBLE / {1e9 / unit!r}"
    else:
        native = f"({number(column)} - {_zero(group, place, unit)}) / {1e9 / unit!r}"
    channels = [
        (name, number(column)) for name, column in zip(group[0].channels, source.columns, strict=True)
    ]
    return _select(scan, native, group, place, channels)


def _native(
    source: Source, kind: pa.DataType | None, rate: float | None, order: Sequence[Sampled | None], place: str
) -> str:
    """Local time in seconds as an expression over the scan."""
    if source.time_column is None:
        if not rate:
            raise InspectorError("Its rows have neither stamps nor a rate", source.path.name, "")
        return f"file_row_number::DOUBLE / {rate!r}"
    column, unit = identifier(source.time_column), UNIT_NS[source.time_unit]
    if kind is not None and (pa.types.is_timestamp(kind) or pa.types.is_date(kind)):
        return f"(epoch_ns({column}::TIMESTAMP_NS) - {_zero(order, place, 1)})::DOUBLE / 1e9"
    if not source.epoch_ns:
        return f"{column}::DOUBLE" + (f" / {1e9 / unit!r}" if unit != UNIT_NS["s"] else "")
    if kind is not None and pa.types.is_integer(kind) and source.epoch_ns % unit == 0:
        return f"({column} - {_zero(order, place, unit)})::DOUBLE / {1e9 / unit!r}"
    return f"({column}::DOUBLE - {_zero(order, place, unit)}) / {1e9 / unit!r}"


def _zero(order: Sequence[Sampled | None], place: str, unit: int) -> str:
    """Where local time begins in the stamps' unit: a number, or looked up where records differ in it."""
    zeros = [None if each is None else each.source.epoch_ns for each in order]
    known = [each for each in zeros if each is not None]
    whole = all(each % unit == 0 for each in known)
    texts = [None if each is None else str(each // unit) if whole else repr(each / unit) for each in zeros]
    if len(set(known)) == 1:
        return next(each for each in texts if each is not None)
    return _looked_up(texts, place, "BIGINT" if whole else "DOUBLE")


def _channels(stream: Sampled, schema: pa.Schema) -> list[tuple[str, str]]:
    """Each channel with its expression; a column of lists holds several."""
    found: list[str] = []
    columns = stream.source.columns
    for column in columns:
        kind = schema.field(column).type
        if not is_list(kind):
            found.append(identifier(column))
            continue
        if len(columns) == 1:
            width = len(stream.channels)
        else:
            width = sum(each.startswith(f"{column}[") for each in stream.channels)
        found += [f"{identifier(column)}[{place + 1}]" for place in range(width)]
    if len(found) != len(stream.channels):
        raise InspectorError("Its channels do not fit its columns", stream.source.path.name, "")
    return list(zip(stream.channels, found, strict=True))


def _select(
    scan: str,
    native: str,
    streams: Sequence[Sampled | None],
    place: str,
    channels: Sequence[tuple[str, str]],
    single: bool = False,
) -> str:
    """The fixed columns and the channels over a scan; `place` says which of `streams` a row is of.

    `single`: a frame's time in 32 bits falls just before the frame as often as on it, and so would a moment.
    Half of the last of its 24 bits later it is never before. Where the time is the file's own it stays so: a
    range of it is then looked up in the file's statistics, and who goes to a moment adds the half bit.
    """
    known = [each for each in streams if each is not None]
    alike = len({(each.stream_id) for each in known}) == 1
    ids = _looked_up(
        [None if each is None else literal(each.record_id) for each in streams], place, "VARCHAR"
    )
    names = (
        literal(known[0].stream_id)
        if alike
        else _looked_up(
            [None if each is None else literal(each.stream_id) for each in streams], place, "VARCHAR"
        )
    )
    mapped = _mapped(native, streams, place, single)
    columns = [f"{ids} AS record_id", f"{names} AS stream_id", f"{mapped} AS t_s", f"{native} AS native_t_s"]
    taken = {each.lower() for each in FIXED}
    for name, expression in channels:
        own = name
        while own.lower() in taken:
            own += "_"
        taken.add(own.lower())
        columns.append(f"{expression} AS {identifier(own)}")
    some = f"\nWHERE {_known(streams, place)}" if len(known) < len(streams) else ""
    return f"SELECT {', '.join(columns)}\nFROM {scan}{some}"


def _known(streams: Sequence[Sampled | None], place: str) -> str:
    """Whether a row's stream is known: by ranges, for to look each row up costs more than to read it."""
    runs: list[list[int]] = []
    for number, each in enumerate(streams):
        if each is not None and runs and runs[-1][1] == number - 1:
            runs[-1][1] = number
        elif each is not None:
            runs.append([number, number])
    if len(runs) > MOST_RUNS:
        return _looked_up([None if each is None else "true" for each in streams], place, "BOOLEAN")
    return " OR ".join(f"{place} BETWEEN {first} AND {last}" for first, last in runs)


def _mapped(native: str, streams: Sequence[Sampled | None], place: str, single: bool = False) -> str:
    """Native seconds on the reference timeline: the TimeMap's pieces, as `core.timemap` draws them."""
    maps = [None if each is None else each.timemap.anchors for each in streams]
    some = {each for each in maps if each is not None}
    if all(len(each) == 1 for each in some):
        late = [None if each is None else repr((each[0][1] - each[0][0]) / 1e9) for each in maps]
        if {each for each in late if each is not None} == {"0.0"}:
            return native
        native = _later(native, single)
        return f"{native} + {_looked_up(late, place, 'DOUBLE')}"
    native = _later(native, single)
    if len(some) == 1:
        return _pieces(native, next(iter(some)))
    cases = " ".join(
        f"WHEN {number} THEN {_pieces(native, each)}" for number, each in enumerate(maps) if each is not None
    )
    return f"CASE {place}::BIGINT {cases} END"


def _later(native: str, single: bool) -> str:
    return f"({native} * {1 + 2**-24!r})" if single else native


def _pieces(native: str, anchors: tuple[tuple[int, int], ...]) -> str:
    """A piecewise-linear map in seconds; beyond the outer anchors the nearest slope goes on."""
    if len(anchors) == 1:
        return f"({native} + {(anchors[0][1] - anchors[0][0]) / 1e9!r})"
    lines = [(a, b) for a, b in pairwise(anchors) if b[0] > a[0]] or [
        (anchors[0], (anchors[0][0] + 1, anchors[0][1] + 1))
    ]
    texts = []
    for number, ((l0, r0), (l1, r1)) in enumerate(lines):
        line = f"{r0 / 1e9!r} + ({native} - {l0 / 1e9!r}) * {(r1 - r0) / (l1 - l0)!r}"
        texts.append(
            f"ELSE {line}" if number == len(lines) - 1 else f"WHEN {native} < {l1 / 1e9!r} THEN {line}"
        )
    return f"(CASE {' '.join(texts)} END)" if len(texts) > 1 else f"({texts[0].removeprefix('ELSE ')})"


def _looked_up(values: Sequence[str | None], place: str, kind: str) -> str:
    if len(values) == 1:
        return f"{values[0]}::{kind}"
    listed = ", ".join("NULL" if each is None else each for each in values)
    return f"([{listed}]::{kind}[])[{place}::BIGINT + 1]"
