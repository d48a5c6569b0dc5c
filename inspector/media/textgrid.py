"""Praat TextGrids: interval and point tiers, in the long, short, chronological and binary forms.

Praat reads a text file as a row of numbers, quoted strings and flags and passes over every other word,
which is what makes the long and the short form one; so do we. The forms:
www.fon.hum.uva.nl/praat/manual/TextGrid_file_formats.html, and for the binary form Praat's own output.
"""

from __future__ import annotations

import re
import struct
from collections import Counter
from typing import TYPE_CHECKING, Protocol

from inspector.core.made_on import MadeOn
from inspector.core.model import Anchor, Annotation
from inspector.errors import InspectorError
from inspector.media.annotators import MOST_LABELS, LabelFile, exact_ns, nowhere, without_lane
from inspector.media.csvhead import decode
from inspector.media.spans import author_in_name
from inspector.media.told import Told, load_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from inspector.core.model import Span
    from inspector.media.annotators import Find

_TOKEN = re.compile(r'"([^"]*+(?:""[^"]*+)*+)"|(!.*)|(\S+)')
_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?")
_CHRONOLOGICAL = "Praat chronological TextGrid text file"
_BINARY = b"ooBinaryFile"


class _End(Exception):
    """The file does not go on as it should; the text says where and what was wanted."""


class _Tokens(Protocol):
    """The values of a TextGrid in their order, whatever form they are written in."""

    def number(self) -> str: ...
    def count(self) -> int: ...
    def text(self) -> str: ...
    def kind(self) -> str: ...
    def place(self) -> str: ...


class _Text:
    """The values of a text form."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._found = _TOKEN.finditer(text)
        self._at = 0
        self._counted = (0, 1)

    def place(self) -> str:
        """Where the last value stands, by its line; counted on from the last time it was asked."""
        at, line = self._counted
        line += self._text.count("\n", at, self._at)
        self._counted = (self._at, line)
        return f"line {line}"

    def _next(self, wanted: str) -> Iterator[re.Match[str]]:
        for match in self._found:
            if match[2] is None:
                self._at = match.start()
                yield match
        self._at = len(self._text)
        raise _End(f"{self.place()}: the file ends where {wanted} should stand")

    def number(self) -> str:
        """The next number as it is written; `--undefined--` is one."""
        for match in self._next("a number"):
            word = match[3]
            if word is None:
                raise _End(f"{self.place()}: text where a number should stand")
            if _NUMBER.fullmatch(word) or word.lower() in ("--undefined--", "nan", "inf", "-inf", "-nan"):
                return word
        raise AssertionError

    def count(self) -> int:
        """The next number as a count."""
        word = self.number()
        if not word.isdecimal():
            raise _End(f"{self.place()}: {word[:40]} where a count should stand")
        return int(word[:18])

    def text(self) -> str:
        """The next quoted string."""
        for match in self._next("a text in quotes"):
            if match[1] is not None:
                return match[1].replace('""', '"')
            if match[3].startswith('"'):
                raise _End(f"{self.place()}: a quote that does not close")
            if _NUMBER.fullmatch(match[3]):
                raise _End(f"{self.place()}: a number where a text should stand")
        raise AssertionError

    def flag(self) -> bool:
        """The next flag: whether there are tiers at all."""
        for match in self._next("<exists>"):
            if match[3] is not None and match[3].startswith("<"):
                return match[3].lower() == "<exists>"
        raise AssertionError

    kind = text


class _Bytes:
    """The values of the binary form: big-endian, strings behind their length."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = len(_BINARY)

    def place(self) -> str:
        """Where reading stands, by its byte."""
        return f"byte {self._at}"

    def _take(self, size: int) -> bytes:
        if self._at + size > len(self._data):
            raise _End(f"{self.place()}: the file ends inside a value")
        self._at += size
        return self._data[self._at - size : self._at]

    def number(self) -> str:
        """A double."""
        (value,) = struct.unpack(">d", self._take(8))
        return repr(value)

    def count(self) -> int:
        """A count."""
        (value,) = struct.unpack(">i", self._take(4))
        if value < 0:
            raise _End(f"{self.place()}: {value} where a count should stand")
        return int(value)

    def kind(self) -> str:
        """A class name, its length in one byte."""
        return self._take(self._take(1)[0]).decode("latin-1")

    def text(self) -> str:
        """A string: its length in two bytes, Latin-1, or behind -1 its length again and UTF-16.

        The length counts characters, of which some take two units of UTF-16.
        """
        (size,) = struct.unpack(">H", self._take(2))
        if size != 0xFFFF:
            return self._take(size).decode("latin-1")
        (size,) = struct.unpack(">H", self._take(2))
        units = bytearray()
        for _ in range(size):
            units += self._take(2)
            if 0xD8 <= units[-2] <= 0xDB:  # the first half of a pair
                units += self._take(2)
        return units.decode("utf-16-be", "replace")

    def flag(self) -> bool:
        """A byte that is 0 or 1."""
        return self._take(1) != b"\0"


_Tier = tuple[str, str, list[tuple[str, str, str, str]]]
"""Class, name, and its rows: start, end, text, place. A point ends where it starts."""


def _grid(data: bytes, told: Told) -> tuple[str, str, list[_Tier]]:
    """Start, end and tiers. What is broken is told; the tiers up to there are kept."""
    tiers: list[_Tier] = []
    tokens: _Text | _Bytes
    if data.startswith(_BINARY):
        tokens = _Bytes(data)
        head, what = "ooTextFile", tokens.kind()
    else:
        text, encoding = decode(data)
        if encoding == "cp1252":
            told.add("not UTF-8, read as Windows-1252")
        tokens = _Text(text)
        head = tokens.text()
        what = "TextGrid" if head == _CHRONOLOGICAL else tokens.text()
    if head not in ("ooTextFile", _CHRONOLOGICAL) or what != "TextGrid":
        raise _End(f"it begins with {head[:40]!r}, {what[:40]!r}")
    start, end = tokens.number(), tokens.number()
    try:
        if head == _CHRONOLOGICAL:
            assert isinstance(tokens, _Text)
            _chronological(tokens, tiers)
        elif tokens.flag():
            for _ in range(tokens.count()):
                kind, name = tokens.kind().replace("PointTier", "TextTier"), tokens.text()  # as some write
                tokens.number(), tokens.number()
                if kind not in ("IntervalTier", "TextTier"):
                    raise _End(f"{tokens.place()}: a tier of the unknown class {kind[:40]}")
                rows: list[tuple[str, str, str, str]] = []
                tiers.append((kind, name, rows))
                for _ in range(tokens.count()):
                    rows.append(_row(tokens, kind))
                    if len(rows) > MOST_LABELS:
                        raise _End(f"{tokens.place()}: more than {MOST_LABELS} rows in a tier")
    except _End as error:
        told.add(f"{error}; what comes before is read")
    return start, end, tiers


def _row(tokens: _Tokens, kind: str) -> tuple[str, str, str, str]:
    low = tokens.number()
    place = tokens.place()
    return low, tokens.number() if kind == "IntervalTier" else low, tokens.text(), place


def _chronological(tokens: _Text, tiers: list[_Tier]) -> None:
    for _ in range(tokens.count()):
        tiers.append((tokens.kind(), tokens.text(), []))
        tokens.number(), tokens.number()
    while True:
        try:
            number = tokens.count()
        except _End as error:
            if "ends" in str(error):
                return
            raise
        if not 1 <= number <= len(tiers):
            raise _End(f"{tokens.place()}: there is no tier {number}")
        tiers[number - 1][2].append(_row(tokens, tiers[number - 1][0]))


def read_textgrid(path: Path, name: str | None = None, find: Find = nowhere) -> LabelFile:
    """The labels of a TextGrid, anchored to the sound that `find` knows for the file's own stem.

    `name` is the file's path below its record's folder; a label's id is `<name>:<tier>:<row>`, with rows
    counted from 0 among those with text: an interval without one is a gap. A tier `words@Ann` is Ann's
    `words`; without that the author is the one in the file's name (`labels_Ann`). Times are exact. A row
    without a usable time is kept as floating. Raises InspectorError where the file is no TextGrid.
    """
    name = path.stem if name is None else name
    told = Told()
    try:
        start, end, tiers = _grid(load_bytes(path), told)
    except _End as error:
        raise InspectorError("The file is no TextGrid", f"{path.name}: {error}") from error
    low, high = exact_ns(start), exact_ns(end)
    made = MadeOn(path.stem, "audio", start_ns=low)
    if low is not None and high is not None and high >= low:
        made = MadeOn(path.stem, "audio", start_ns=low, duration_ns=high - low)
    else:
        told.add(f"its time domain, {start[:40]} to {end[:40]}, is none")
    stream = find(made)
    names = {tier_name for _, tier_name, _ in tiers}
    labels: list[Annotation] = []
    taken: Counter[str] = Counter()
    for number, (_, title, rows) in enumerate(tiers, 1):
        plain = without_lane(title, names)
        tier, at, author = plain.partition("@")  # an author may be an address
        if not (at and tier and author):
            tier, author = plain or f"tier {number}", author_in_name(path.stem)
        key = f"{name}:{plain}"
        latest: int | None = None
        for first, last, text, place in rows:
            if not text.strip():
                continue
            span = _span(first, last, f"{place}, tier {plain[:80]}", told)
            if span is not None:
                if latest is not None and span[0] < latest:
                    told.add(f"{place}, tier {plain[:80]}: starts before the row above it ends")
                latest = span[1]
            anchor = Anchor(None if stream is None else stream.id, span)
            labels.append(Annotation(f"{key}:{taken[key]}", tier, text, (anchor,), author))
            taken[key] += 1
    return LabelFile(tuple(labels), ((made, stream),), told.lines())


def _span(first: str, last: str, where: str, told: Told) -> Span | None:
    start, end = exact_ns(first), exact_ns(last)
    if start is None or end is None:
        told.add(f"{where}: no usable time ({first[:40]}, {last[:40]}); the label is kept without a moment")
        return None
    if end < start:
        told.add(f"{where}: ends before it starts; kept at its start")
        return (start, start)
    return (start, end)
