"""Annotations from tables and JSON: spans with a start, an end and a label, and tables of times and text.

Times are seconds unless the column's name says otherwise (`start_ms`); `h:mm:ss.mmm` is read too.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from inspector.core.model import Anchor, Annotation
from inspector.core.times import UNIT_NS, parse_clock
from inspector.errors import InspectorError
from inspector.media.csvhead import CsvHead, all_numbers, read_head
from inspector.media.stamps import clean_name, epoch_unit, time_columns
from inspector.media.table import is_parquet, read_csv, schema_of
from inspector.media.told import Told, in_row, load_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

STARTS = in_row("start begin onset start_time begin_time time_start from t0 tmin xmin start_timestamp")
ENDS = in_row("end stop offset end_time stop_time time_end to t1 tmax xmax end_timestamp finish")
LENGTHS = in_row("duration length dur")
LABELS = in_row(
    "label text value annotation transcript transcription word words phrase event class category "
    "name description note comment marker action utterance sentence content message symbol"
)
TIERS = ("tier", "layer", "track", "level")
AUTHORS = ("author", "annotator", "coder", "rater", "labeler", "labeller")
_ASIDE = frozenset(in_row("id index row frame frame_index confidence score probability number"))
_AUTHOR_IN_NAME = re.compile(
    r"(?:^|[_\-./])(?:labels?|annotations?)[_\-](?P<author>[^_\-./]+)$", re.IGNORECASE
)
LISTS = ("annotations", "labels", "spans", "events")
MOST_SPANS = 5_000_000


@dataclass(frozen=True, slots=True)
class Roles:
    """Which columns of a table hold what. `end` and `length` are None for moments."""

    start: str
    end: str | None
    length: str | None
    label: str | None
    tier: str | None = None
    author: str | None = None


def roles_of(names: Sequence[str], numeric: Iterable[str]) -> Roles | None:
    """How a table with these columns is read as labels, or None where it holds something else.

    Spans have a start and an end (or a duration). A table of times and text (and no other numbers than an
    index or a score) is a tier of moments. `numeric` are the columns that hold numbers.
    """
    plain: dict[str, str] = {}
    for name in names:
        plain.setdefault(clean_name(name)[0], name)

    def first(among: Iterable[str]) -> str | None:
        return next((plain[each] for each in among if each in plain), None)

    label, tier, author = first(LABELS), first(TIERS), first(AUTHORS)
    start, end, length = first(STARTS), first(ENDS), first(LENGTHS)
    numbers = set(numeric)
    if start is not None and (end or length):
        stamps = {start, end, length}
        others = [
            name for name in numbers - stamps - {label, tier, author} if clean_name(name)[0] not in _ASIDE
        ]
        if label is not None or not others:
            return Roles(start, end, None if end else length, label, tier, author)
        return None
    times = [start] if start else time_columns(names)
    if not times:
        return None
    others = [name for name in numbers - set(times) - {label} if clean_name(name)[0] not in _ASIDE]
    texts = [name for name in names if name not in numbers and name not in (times[0], tier, author)]
    if others or not texts or (label in numbers and len(texts) == 0):
        return None
    if length is not None:
        return Roles(times[0], None, length, label or texts[0], tier, author)
    return Roles(times[0], None, None, label or texts[0], tier, author)


def roles_in(head: CsvHead) -> Roles | None:
    """How a text table is read as labels, told from its header, or from its first rows where it has none."""
    width = len(head.names)
    rows: Sequence[Sequence[str]] = head.rows
    if set(map(len, rows)) != {width}:
        rows = [row for row in rows if len(row) == width]
    numeric = [
        name for place, name in enumerate(head.names) if rows and all_numbers([row[place] for row in rows])
    ]
    if head.header:
        return roles_of(head.names, numeric)
    texts = [name for name in head.names if name not in numeric]
    if not rows or not texts or not 2 <= width <= 5:
        return None
    label = head.names[-1] if head.names[-1] in texts else texts[-1]
    if len(numeric) == 2:
        a, b = (head.names.index(name) for name in numeric)
        pairs = [(_seconds(row[a]), _seconds(row[b])) for row in rows]
        if b == a + 1 and all(low is not None and high is not None and low <= high for low, high in pairs):
            return Roles(numeric[0], numeric[1], None, label)
    if len(numeric) == 1 and width <= 3:
        stamps = [_seconds(row[head.names.index(numeric[0])]) for row in rows]
        rising = [stamp for stamp in stamps if stamp is not None]
        if rising == sorted(rising) and any("." in row[head.names.index(numeric[0])] for row in rows):
            return Roles(numeric[0], None, None, label)
    return None


def table_roles(path: Path, head: CsvHead | None = None) -> Roles | None:
    """`roles_of` a table file; None also for one that is no labels. InspectorError where it is unreadable.

    `head` is a text table's, where it has been read already.
    """
    if head is None and is_parquet(path):
        schema = schema_of(path)
        from inspector.media.table import numeric_columns

        lists = {field.name for field in schema if pa.types.is_nested(field.type)}
        if lists:
            return None
        return roles_of(schema.names, numeric_columns(schema))
    return roles_in(head or read_head(path))


def author_in_name(stem: str) -> str:
    """The author that a file's name gives, as in `labels_Ann`, "" where it gives none."""
    match = _AUTHOR_IN_NAME.search(stem)
    return match["author"] if match else ""


def is_span_list(plain: object) -> bool:
    """Whether JSON is labels: a list of objects (or one under `annotations`) with times and a label."""
    return _span_list(plain) is not None


def _span_list(plain: object) -> list[Any] | None:
    if isinstance(plain, dict):
        plain = next((plain[key] for key in LISTS if isinstance(plain.get(key), list)), None)
    if not isinstance(plain, list) or not plain:
        return None
    first = next((item for item in plain[:20] if isinstance(item, dict)), None)
    if first is None:
        return None
    roles = roles_of(
        [str(key) for key in first], [str(k) for k, v in first.items() if isinstance(v, int | float)]
    )
    return plain if roles is not None and roles.label is not None else None


def read_spans(
    path: Path, name: str | None = None, head: CsvHead | None = None, known: Roles | None = None
) -> tuple[tuple[Annotation, ...], tuple[str, ...]]:
    """The labels in a file, ordered as they stand there, and what is wrong with some of them.

    `name` is the file's path below its record's folder without extension (default: its stem); a label's id is
    `<name>:<row>` with rows counted from 0. The tier defaults to the file's stem, the author to what stands
    behind `labels_` in its name. Columns without a role become `attrs`. A label without a usable time is kept
    as floating; one that ends before it starts is kept at its start. InspectorError where nothing can be
    read. `head` is a text table's and `known` what its columns hold, where they have been told already.
    """
    name = path.stem if name is None else name
    stem = path.stem
    author = author_in_name(stem)
    told = Told()
    labels: list[Annotation] = []
    for row, (roles, cells) in enumerate(_rows(path, told, head, known)):
        if row >= MOST_SPANS:
            told.add(f"more than {MOST_SPANS} labels; the rest is left out")
            break
        labels.append(_label(f"{name}:{row}", row, roles, cells, stem, author, told))
    return tuple(labels), told.lines()


def _label(
    label_id: str, row: int, roles: Roles, cells: Mapping[str, Any], tier: str, author: str, told: Told
) -> Annotation:
    start = _time(cells.get(roles.start), roles.start)
    end = start
    if roles.end is not None:
        end = _time(cells.get(roles.end), roles.end)
    elif roles.length is not None and start is not None:
        length = _time(cells.get(roles.length), roles.length)
        end = None if length is None else start + length
    where = f"row {row + 1}"
    span: tuple[int, int] | None = None
    if start is None:
        told.add(f"{where}: no usable time in {roles.start}; the label is kept without a moment")
    elif end is None:
        told.add(f"{where}: no usable time in {roles.end or roles.length}; kept at its start")
        span = (start, start)
    elif end < start:
        told.add(f"{where}: ends before it starts; kept at its start")
        span = (start, start)
    else:
        span = (start, end)
    used = {roles.start, roles.end, roles.length, roles.label, roles.tier, roles.author}
    return Annotation(
        id=label_id,
        tier=_text(cells.get(roles.tier)) or tier if roles.tier else tier,
        label=_text(cells.get(roles.label)) if roles.label else tier,
        anchors=(Anchor(None, span),),
        author=_text(cells.get(roles.author)) if roles.author else author,
        attrs={key: value for key, value in cells.items() if key not in used and value not in (None, "")},
    )


def _rows(
    path: Path, told: Told, head: CsvHead | None, roles: Roles | None
) -> Iterator[tuple[Roles, Mapping[str, Any]]]:
    if path.suffix.lower() == ".json":
        items = _span_list(load_json(path))
        if items is None:
            raise InspectorError("The file holds no labels", path.name)
        for row, item in enumerate(items):
            if not isinstance(item, dict):
                told.add(f"item {row + 1} is no object and left out")
                continue
            cells = {str(key): value for key, value in item.items()}
            numeric = [key for key, value in cells.items() if isinstance(value, int | float)]
            roles = roles_of(list(cells), numeric)
            yield (
                roles or Roles("start", "end", None, next((k for k in LABELS if k in cells), "label")),
                cells,
            )
        return
    if head is None and not is_parquet(path):
        head = read_head(path)
    roles = roles or table_roles(path, head)
    if roles is None:
        raise InspectorError("The table holds no labels", path.name)
    if head is None:
        from inspector.media.table import read_columns

        table = read_columns(path)
    else:
        for problem in head.problems:
            told.add(problem)
        table, lines = read_csv(path, head, None, head.names)
        for line in lines:
            told.add(line)
    for place, name in enumerate(table.column_names):
        if pa.types.is_temporal(table.schema.types[place]):  # Python has no year 10 000
            table = table.set_column(place, name, table.column(place).cast(pa.string()))
    for batch in table.to_batches(max_chunksize=65536):
        for cells in batch.to_pylist():
            yield roles, cells


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False)
    return str(value).strip()


def _seconds(cell: str) -> float | None:
    try:
        value = float(cell.strip().replace(",", "."))
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _time(value: object, column: str) -> int | None:
    """A cell in ns, exact where it is written exactly; None where it holds no time.

    Without a unit in the column's name it is seconds, unless it can only be a moment since 1970 in another.
    """
    if isinstance(value, str):
        text = value.strip()
        if ":" in text:
            return parse_clock(text) if len(text) < 40 else None
        try:
            number = Decimal(text.replace(",", "."))
        except InvalidOperation:
            return None
    elif isinstance(value, int | float) and not isinstance(value, bool):
        number = Decimal(str(value)) if isinstance(value, float) else Decimal(value)
    else:
        return None
    if not number.is_finite() or number.adjusted() > 20:
        return None
    unit = clean_name(column)[1] or epoch_unit(float(number)) or "s"
    ns = int((number * UNIT_NS[unit]).to_integral_value()) if number.adjusted() > -20 else 0
    return ns if abs(ns) < 2**62 else None
