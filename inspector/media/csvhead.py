"""The first lines of a text table: its encoding, delimiter, header and a few rows, without reading on."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter, deque
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from inspector.errors import InspectorError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

HEAD_BYTES = 64 << 10
_DELIMITERS = (",", "\t", ";", "|", " ")
_WRITTEN = r"[+-]?(?:\d+(?>(?:[.,]\d*+)?)|[.,]\d++)(?>(?:[eE][+-]?\d++)?)"
_NUMBER = re.compile(rf"\s*{_WRITTEN}\s*")
_NUMBERS = re.compile(rf"(?>(?:\s*+(?>(?:{_WRITTEN}\s*+)?)\0)*)")
"""Cells that are each a number or blank, with a zero, which no text has, behind each.

Groups are atomic, not possessive: up to Python 3.11.4 a possessive group takes what it does not match
(python/cpython#106052).
"""
_PLAIN = re.compile(r"[0-9+\-.eE\0]*")
_SAMPLE_ROWS = 200
_BREAKS = re.compile("[\x0b\x0c\x1c-\x1e\x85\u2028\u2029]|\r(?!\n)")


@dataclass(frozen=True, slots=True)
class CsvHead:
    """How to read a text table. `skip` lines come before the first row of data; `rows` are the first of them.

    `names` are unique; without a header (`header` False) they are column_1, column_2 and so on.
    """

    encoding: str
    delimiter: str
    skip: int
    header: bool
    names: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    comma_decimals: bool = False
    quoted_newlines: bool = False
    whole: bool = False
    """Whether `rows` are all that the file holds, each as wide as the header, with nothing quoted in them."""
    problems: tuple[str, ...] = ()


def is_number(cell: str) -> bool:
    """Whether a cell is a number as people write them, with a point or a comma."""
    return _NUMBER.fullmatch(cell) is not None


def all_numbers(cells: Sequence[str]) -> bool:
    """Whether each cell that is not blank is a number, and one at least is there."""
    text = "\0".join((*cells, ""))
    if cells and _PLAIN.fullmatch(text) is not None:
        # Of these signs Python takes the same for a number, in a fifth of the time; a blank it does not.
        with suppress(ValueError):
            deque(map(float, cells), 0)
            return True
    return _NUMBERS.fullmatch(text) is not None and any(cell.strip() for cell in cells)


def decode(data: bytes, whole: bool = True) -> tuple[str, str]:
    """Text and the encoding it was read in: UTF-8, UTF-16 by its mark or its zeros, else Windows-1252.

    `whole` False allows for a character cut in two at the end.
    """
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace"), "utf-16"
    if len(data) > 3 and data[:200].count(0) * 3 > len(data[:200]):
        encoding = "utf-16-le" if data[1] == 0 else "utf-16-be"
        return data.decode(encoding, "replace"), encoding
    body = data[3:] if data.startswith(b"\xef\xbb\xbf") else data
    try:
        return body.decode("utf-8"), "utf8"
    except UnicodeDecodeError as error:
        if not whole and error.start > len(body) - 4:
            return body[: error.start].decode("utf-8"), "utf8"
        return body.decode("cp1252", "replace"), "cp1252"


def read_head(path: Path) -> CsvHead:
    """The head of a text table. InspectorError where it is empty, binary or cannot be opened."""
    try:
        with path.open("rb") as file:
            data = file.read(HEAD_BYTES)
    except OSError as error:
        raise InspectorError("The table cannot be read", f"{path.name}: {error.strerror}") from error
    found = _head_of(data)
    if isinstance(found, str):
        raise InspectorError("The table cannot be read", f"{path.name}: {found}")
    return found


@lru_cache(maxsize=64)
def _head_of(data: bytes) -> CsvHead | str:
    """The head by a file's first bytes, or what is wrong with them: readers ask for it time and again."""
    text, encoding = decode(data, whole=False)
    if "\0" in text:
        return "it is no text"
    problems = ("not UTF-8, read as Windows-1252",) if encoding == "cp1252" else ()
    lines = text.splitlines()
    if len(data) == HEAD_BYTES and len(lines) > 1:
        lines.pop()  # cut in two
    head = _read(lines, encoding, problems)
    if head is None:
        return "it has no rows"
    # Other signs end a line for Python than for those who read tables.
    whole = (
        len(data) < HEAD_BYTES
        and len(lines) - head.skip <= _SAMPLE_ROWS
        and set(map(len, head.rows)) <= {len(head.names)}
        and encoding == "utf8"
        and '"' not in text
        and _BREAKS.search(text) is None
    )
    return replace(head, whole=True) if whole else head


def _read(lines: list[str], encoding: str, problems: tuple[str, ...]) -> CsvHead | None:
    first = 0
    while first < len(lines) and (not lines[first].strip() or lines[first].lstrip()[0] in "#%"):
        first += 1
    body = lines[first : first + _SAMPLE_ROWS]
    comment = next((line.lstrip()[1:].strip() for line in reversed(lines[:first]) if line.strip()), "")
    if not body and not comment:
        return None
    delimiter = _delimiter(body or [comment])
    rows = _split(body, delimiter)
    names: list[str] = []
    skip = first
    if rows and _is_header(rows):
        names = rows.pop(0)
        skip = first + 1
    elif comment:
        names = next(iter(_split([comment], delimiter)), [])
        if rows and len(names) != len(rows[0]):
            names = []
    header = bool(names)
    width = Counter(map(len, rows)).most_common(1)[0][0] if rows else len(names)
    if not header:
        names = [f"column_{place + 1}" for place in range(width)]
    elif len(names) == width + 1 and not names[-1].strip():
        names = names[:width]
    cells = [cell for row in rows for cell in row if is_number(cell)] if delimiter != "," else []
    commas = any("," in cell for cell in cells) and not any("." in cell for cell in cells)
    return CsvHead(
        encoding=encoding,
        delimiter=delimiter,
        skip=skip,
        header=header,
        names=_unique(names),
        rows=tuple(map(tuple, rows)),
        comma_decimals=commas,
        quoted_newlines='"' in "\n".join(body) and any(line.count('"') % 2 for line in body),
        problems=problems,
    )


def _split(lines: list[str], delimiter: str) -> list[list[str]]:
    text = "\n".join(lines)
    if '"' not in text:
        return [line.split(delimiter) for line in lines if line]
    try:
        return [row for row in csv.reader(io.StringIO(text), delimiter=delimiter) if row]
    except csv.Error:
        return [line.split(delimiter) for line in lines if line]


def _delimiter(lines: list[str]) -> str:
    """The one that gives most lines one and the same number of columns; a comma where none parts anything."""
    best, score = ",", 1.0
    text = "\n".join(lines[:50])
    for delimiter in _DELIMITERS:
        if delimiter not in text:
            continue
        widths = Counter(map(len, _split(lines[:50], delimiter)))
        if not widths:
            continue
        width, count = widths.most_common(1)[0]
        agreement = count / sum(widths.values())
        # Spaces part words too: they count only where nothing else does.
        worth = agreement**2 * min(width, 4) * (0.5 if delimiter == " " else 1.0)
        if width > 1 and worth > score:
            best, score = delimiter, worth
    return best


def _is_header(rows: list[list[str]]) -> bool:
    """Names have no numbers among them, and differ; with text alone below, the first row is names."""
    first = [cell.strip() for cell in rows[0]]
    named = [cell for cell in first if cell]
    if not named or any(is_number(cell) or cell.lower() in ("nan", "inf") for cell in named):
        return False
    if any(len(cell) > 100 for cell in named):
        return False
    if len(rows) == 1 or any(is_number(cell) for row in rows[1:20] for cell in row):
        return True
    return len(set(named)) == len(named) and all(
        re.fullmatch(r"[\w .\-/\[\]()#:°%]+", cell) for cell in named
    )


def _unique(names: list[str]) -> tuple[str, ...]:
    taken: set[str] = set()
    out: list[str] = []
    for place, raw in enumerate(names):
        name = raw.strip().lstrip("#").strip() or f"column_{place + 1}"
        candidate, count = name, 1
        while candidate in taken:
            count += 1
            candidate = f"{name}.{count}"
        taken.add(candidate)
        out.append(candidate)
    return tuple(out)
