"""Journal lines: an edit as one line of JSON, and blocks of lines as columns.

A million lines are read as Arrow columns, never as a million objects. Lines of one change as we write them go
through one regular expression in C++; every other line goes through Python's JSON, with the same result.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from inspector.core.edits import Change, Edit
from inspector.errors import InspectorError

LATEST_NS = 4 * 10**18
"""The year 2096: a later `at` is no time, and one more must still fit into 64 bits."""
LONGEST_LINE = 64 << 20

_TEXT = r'[^"\\\x00-\x1f]*'
# No counted repetitions: with them the expression would be a hundred times as large, and as slow.
_WHOLE = "(?:-?[1-9][0-9]*|0)"
_PAIR = rf"\[{_WHOLE},{_WHOLE}\]"
_VALUE = rf'(?:"{_TEXT}"|null|\[{_PAIR}(?:,{_PAIR})*\])'
_HEX = "[0-9a-f]+"
_LINE = (
    rf'^\{{"id":"(?P<id>{_HEX})","at":(?P<at>[1-9][0-9]*),'
    rf'"author":"(?P<author>{_TEXT})","title":"{_TEXT}","note":"{_TEXT}",'
    rf'"changes":\[\["(?P<record>{_TEXT})","(?P<path>{_TEXT})",(?P<before>{_VALUE}),(?P<after>{_VALUE}),'
    rf'"(?P<made>{_TEXT})"\]\],"undoes":(?P<undoes>null|"{_HEX}")\}}\n$'
)
_IS_ID = re.compile(_HEX)
OF_EDITS = ("id", "at", "author", "undoes", "offset", "size")
OF_CHANGES = ("edit", "record", "path", "before", "after", "made")
_TYPES = {"at": pa.int64(), "offset": pa.int64(), "size": pa.int32(), "edit": pa.int32()}


def value_text(value: Any) -> str:
    """A JSON value in the one spelling that makes equal values equal texts. ValueError for no JSON value."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True, allow_nan=False)


def encode(edit: Edit) -> bytes:
    """The edit's line with its end. InspectorError where a value is none that JSON can carry."""
    document = {
        "id": edit.id,
        "at": edit.at,
        "author": edit.author,
        "title": edit.title,
        "note": edit.note,
        "changes": [[c.record_id, c.path, c.before, c.after, c.made_on] for c in edit.changes],
        "undoes": edit.undoes,
    }
    try:
        line = value_text_unsorted(document).encode() + b"\n"
        decode(line)
    except (ValueError, TypeError, RecursionError) as error:
        raise InspectorError("The edit cannot be written down", str(error)[:300]) from error
    if len(line) > LONGEST_LINE:
        raise InspectorError("The edit is too large", f"{len(line) >> 20} MiB", "Make it of fewer records")
    return line


def value_text_unsorted(document: dict[str, Any]) -> str:
    """The document with its own keys in their order and sorted ones in every value inside."""
    parts = []
    for name, value in document.items():
        parts.append(f"{value_text(name)}:{value_text(value)}")
    return "{" + ",".join(parts) + "}"


def decode(line: bytes) -> Edit:
    """One line as an Edit; ValueError where it is none. Keys that are not known are passed over."""
    try:
        plain = json.loads(line, parse_constant=_finite, parse_float=_finite)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(plain, dict):
        raise ValueError("no object")
    id_, at, undoes = plain.get("id"), plain.get("at"), plain.get("undoes")
    if not isinstance(id_, str) or not _IS_ID.fullmatch(id_):
        raise ValueError("its id is no hexadecimal number")
    if type(at) is not int or not 0 <= at < LATEST_NS:
        raise ValueError("its time is none")
    if undoes is not None and not (isinstance(undoes, str) and _IS_ID.fullmatch(undoes)):
        raise ValueError("it undoes no edit")
    author, title, note = (plain.get(name, "") for name in ("author", "title", "note"))
    changes = plain.get("changes")
    if not isinstance(changes, list) or not all(isinstance(each, str) for each in (author, title, note)):
        raise ValueError("its fields are of other kinds")
    found = []
    for each in changes:
        if not isinstance(each, list) or len(each) != 5:
            raise ValueError("a change has not five parts")
        record, path, before, after, made = each
        if not isinstance(record, str) or not isinstance(path, str) or not isinstance(made, str):
            raise ValueError("a change names no place")
        found.append(Change(record, path, before, after, made))
    if b"\\u" in line:
        value_text(plain).encode()  # halves of characters are no text
    return Edit(id_, at, author, title, note, tuple(found), undoes)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is no number of JSON")
    return number


@dataclass(frozen=True, slots=True)
class Lines:
    """A block of lines as two tables: a row an edit, and a row a change (`edit` is the row of its edit).

    `bad` are the lines that are none, as (offset in the block, why).
    """

    edits: pa.Table
    changes: pa.Table
    bad: tuple[tuple[int, str], ...] = ()


def read_lines(block: bytes) -> Lines:
    """Whole lines (the last ends in a line end) as columns; offsets are those in the block."""
    ends = np.flatnonzero(np.frombuffer(block, np.uint8) == 10)
    starts = np.zeros(len(ends) + 1, np.int64)
    starts[1:] = ends + 1
    # Each text ends where its line end begins: offsets without the ends would need a copy, so they stay in.
    texts = pa.LargeStringArray.from_buffers(len(ends), pa.py_buffer(starts), pa.py_buffer(block))
    found = pc.extract_regex(texts, _LINE)
    stamps = pc.struct_field(found, "at")
    # As many digits as no number that fits could have, and what is later than any time, go the other way.
    plain = pc.fill_null(pc.less(pc.binary_length(stamps), 19), False)
    long = pc.and_(pc.equal(pc.binary_length(stamps), 19), pc.less(stamps, "4"))
    plain = pc.or_(plain, pc.fill_null(long, False))
    plain = plain.to_numpy(zero_copy_only=False)
    sizes = (ends - starts[:-1]).astype(np.int64)
    rows = np.flatnonzero(plain)
    edits, changes = _from_regex(found.take(pa.array(rows)), starts[rows], sizes[rows])
    others = [each for each in np.flatnonzero(~plain).tolist() if sizes[each]]
    if not others:
        return Lines(edits, changes)
    slow = _from_json(block, [(int(starts[each]), int(sizes[each])) for each in others], len(edits))
    return Lines(pa.concat_tables([edits, slow.edits]), pa.concat_tables([changes, slow.changes]), slow.bad)


def _from_regex(found: pa.StructArray, starts: Any, sizes: Any) -> tuple[pa.Table, pa.Table]:
    undoes = found.field("undoes")
    undone = pc.if_else(
        pc.equal(undoes, "null"), pa.scalar(None, undoes.type), pc.utf8_trim(undoes, characters='"')
    )
    edits = {
        "id": found.field("id"),
        "at": pc.cast(found.field("at"), pa.int64()),
        "author": found.field("author"),
        "undoes": undone,
        "offset": pa.array(starts, pa.int64()),
        "size": pa.array(sizes.astype(np.int32), pa.int32()),
    }
    changes = {name: found.field(name) for name in OF_CHANGES[1:]}
    changes["edit"] = pa.array(np.arange(len(found), dtype=np.int32))
    return _table(edits, OF_EDITS), _table(changes, OF_CHANGES)


def _from_json(block: bytes, places: list[tuple[int, int]], first: int) -> Lines:
    edits: dict[str, Any] = {name: [] for name in OF_EDITS}
    changes: dict[str, Any] = {name: [] for name in OF_CHANGES}
    bad = []
    for start, size in places:
        try:
            edit = decode(block[start : start + size])
            rows = [
                (c.record_id, c.path, value_text(c.before), value_text(c.after), c.made_on)
                for c in edit.changes
            ]
            "".join(part for row in rows for part in row).encode()
        except (ValueError, RecursionError) as error:
            bad.append((start, str(error)[:200]))
            continue
        number = first + len(edits["id"])
        own: tuple[Any, ...] = (edit.id, edit.at, edit.author, edit.undoes, start, size)
        for name, value in zip(OF_EDITS, own, strict=True):
            edits[name].append(value)
        for row in rows:
            for name, value in zip(OF_CHANGES, (number, *row), strict=True):
                changes[name].append(value)
    return Lines(_table(edits, OF_EDITS), _table(changes, OF_CHANGES), tuple(bad))


def _table(columns: dict[str, Any], names: tuple[str, ...]) -> pa.Table:
    """The columns with their types; texts that repeat are kept once."""
    made = {}
    for name in names:
        kind = _TYPES.get(name, pa.large_string())
        column = columns[name]
        if isinstance(column, list):
            column = pa.array(column, kind)
        elif column.type != kind:
            column = column.cast(kind)
        if name in ("author", "record", "path", "before", "after", "made"):
            column = column.dictionary_encode()
        made[name] = column
    return pa.table(made)
