"""The words of SQL: cut into tokens for their colours, and proposed while one is typed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, NamedTuple

from inspector.query.names import literal, quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

Kind = Literal["keyword", "table", "column", "function", "string", "number", "comment", "other"]

SOME = 200
"""So many proposals at most: nobody reads further."""

_KEYWORDS = (
    "all and anti any as asc asof between bigint boolean by case cast collate columns cross cube date "
    "decimal desc describe distinct double else end escape except exclude exists explain analyze "
    "extract false fetch filter first float following for from full glob group grouping having ilike "
    "in inner integer intersect interval into is isnull join last lateral left like limit "
    "materialized natural not notnull null nulls offset on only or order outer over partition pivot "
    "positional preceding qualify range real recursive replace respect ignore right rollup row rows "
    "sample select semi sets similar show some struct summarize table tablesample text then time "
    "timestamp to true try_cast unbounded union unique unnest unpivot using values varchar when where "
    "window with within "
)
KEYWORDS = frozenset(_KEYWORDS.split())

# DuckDB's reserved words (duckdb_keywords()), and `at`, which it does not take for a column either.
# States in which a line may end, kept by the highlighter for the next one. 0 is none of them.
_OPEN = {1: "*/", 2: "'", 3: '"', 4: "$$"}
_OPENERS = {"/*": 1, "'": 2, '"': 3, "$$": 4}
_KIND_OF_OPEN: dict[int, Kind] = {1: "comment", 2: "string", 3: "column", 4: "string"}

_TOKEN = re.compile(
    r"(?P<comment>--.*)|(?P<open>/\*|'|\"|\$\$)"
    r"|(?P<number>(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|(?P<word>[^\W\d]\w*)"
)


class Token(NamedTuple):
    """A stretch of one line and what it is."""

    start: int
    end: int
    kind: Kind


class Proposal(NamedTuple):
    """A word that may be meant, and what it is."""

    word: str
    kind: Kind
    note: str = ""
    """Its type, or the table that it belongs to."""

    @property
    def written(self) -> str:
        """What is put into the query for it; a value's first quote stands there already."""
        if self.kind == "string":
            return literal(self.word)[1:]
        return quoted(self.word) if self.kind in ("table", "column") else self.word


class Place(NamedTuple):
    """Where a value of a column is begun: `typed` stands behind its quote."""

    table: str
    column: str
    typed: str


_VALUE = re.compile(
    r"""(?:([^\W\d]\w*)\.)?("[^"]+"|[^\W\d]\w*)\s*
    (?:=|<>|!=|\b(?:NOT\s+)?I?LIKE\b|\b(?:NOT\s+)?IN\s*\((?:\s*'(?:[^']|'')*'\s*,)*)\s*'((?:[^']|'')*)$""",
    re.IGNORECASE | re.VERBOSE,
)


class Vocabulary:
    """The tables, columns and functions that a query may name."""

    def __init__(
        self, schema: Mapping[str, Iterable[tuple[str, str]]] | None = None, functions: Iterable[str] = ()
    ) -> None:
        self.schema = {table: tuple(columns) for table, columns in (schema or {}).items()}
        self.functions = tuple(functions)
        self.values: dict[tuple[str, str], tuple[str, ...]] = {}
        """What columns of text hold, the commonest first, as far as it was asked for."""
        self._tables = {table.lower() for table in self.schema}
        self._columns = {name.lower() for columns in self.schema.values() for name, _ in columns}
        self._functions = {name.lower() for name in self.functions}

    def kind(self, word: str, called: bool) -> Kind:
        """What a word is; `called` where a bracket follows it."""
        low = word.lower()
        if called and low in self._functions:
            return "function"
        if low in self._tables:
            return "table"
        if low in KEYWORDS:
            return "keyword"
        return "column" if low in self._columns else "other"

    def tokens(self, line: str, state: int) -> tuple[list[Token], int]:
        """The tokens of a line that begins in a state, and the state that it ends in."""
        found: list[Token] = []
        at = 0
        while at < len(line):
            if state:
                close = line.find(_OPEN[state], at)
                end = len(line) if close < 0 else close + len(_OPEN[state])
                start = found.pop().start if found and found[-1].kind == "other" else at
                found.append(Token(start, end, _KIND_OF_OPEN[state]))
                at = end
                if close < 0:
                    return found, state
                state = 0
                continue
            match = _TOKEN.search(line, at)
            if match is None:
                break
            at = match.end()
            if match["open"]:
                state = _OPENERS[match["open"]]
                found.append(Token(match.start(), at, "other"))
                if at == len(line):  # nothing of it on this line but its opening
                    found[-1] = Token(match.start(), at, _KIND_OF_OPEN[state])
            elif match["word"]:
                kind = self.kind(match["word"], line[at:].lstrip()[:1] == "(")
                if kind != "other":
                    found.append(Token(match.start(), at, kind))
            else:
                found.append(Token(match.start(), at, "comment" if match["comment"] else "number"))
        return found, state

    def proposals(self, before: str, whole: str) -> list[Proposal]:
        """What the word at the end of `before` may become, the likely ones first.

        After `table.` (or its alias) only that table's columns; after FROM and JOIN tables first.
        """
        match = re.search(r"(?:([^\W\d]\w*)\.)?(\w*)$", before)
        owner, typed = (match[1], match[2]) if match else (None, "")
        low = typed.lower()
        if owner:
            table = self._table_of(owner, whole)
            candidates: Iterable[Proposal] = [
                Proposal(name, "column", kind) for name, kind in self.schema.get(table or "", ())
            ]
        else:
            from_ = bool(re.search(r"\b(from|join)\s+\w*$", before, re.IGNORECASE))
            candidates = self._all(whole, tables_first=from_)
        begins: list[Proposal] = []
        holds: list[Proposal] = []
        seen = set()
        for each in candidates:
            word = each.word.lower()
            if word in seen:
                continue
            seen.add(word)
            if word.startswith(low):
                begins.append(each)
            elif len(low) > 1 and low in word and each.kind in ("table", "column"):
                holds.append(each)
        return (begins + holds)[:SOME]

    def place(self, before: str, whole: str) -> Place | None:
        """Where a value of a column of text is begun at the end of `before`, as in `device = 'le`."""
        match = _VALUE.search(before)
        if match is None:
            return None
        name = match[2].strip('"').lower()
        owner = self._table_of(match[1], whole) if match[1] else None
        named = {word.lower() for word in re.findall(r"\w+", whole)}
        for table, columns in self.schema.items():
            if table == owner or (owner is None and table.lower() in named):
                for column, kind in columns:
                    if column.lower() == name and kind == "VARCHAR":
                        return Place(table, column, match[3].replace("''", "'"))
        return None

    def values_at(self, place: Place) -> list[Proposal]:
        """The values that may be meant there, those that begin so before those that hold it."""
        low = place.typed.lower()
        known = self.values.get((place.table, place.column), ())
        begins = [each for each in known if each.lower().startswith(low)]
        holds = [each for each in known if low in each.lower() and not each.lower().startswith(low)]
        note = f"{place.table}.{place.column}"
        return [Proposal(each, "string", note) for each in (*begins, *holds)][:SOME]

    def _all(self, whole: str, tables_first: bool) -> Iterator[Proposal]:
        tables = [Proposal(table, "table") for table in self.schema]
        named = {word.lower() for word in re.findall(r"\w+", whole)}
        near = [table for table in self.schema if table.lower() in named]
        if tables_first:
            yield from tables
        for table in near:
            yield from (Proposal(name, "column", f"{kind} · {table}") for name, kind in self.schema[table])
        if not tables_first:
            yield from tables
        for table, columns in self.schema.items():
            if table not in near:
                yield from (Proposal(name, "column", f"{kind} · {table}") for name, kind in columns)
        yield from (Proposal(word.upper(), "keyword") for word in sorted(KEYWORDS))
        yield from (Proposal(name, "function") for name in self.functions)

    def _table_of(self, owner: str, whole: str) -> str | None:
        """The table of this name, or the one that this is an alias of."""
        names = {table.lower(): table for table in self.schema}
        if owner.lower() in names:
            return names[owner.lower()]
        alias = re.compile(rf"\b(\w+)\s+(?:as\s+)?{re.escape(owner)}\b", re.IGNORECASE)
        for match in alias.finditer(whole):
            if match[1].lower() in names:
                return names[match[1].lower()]
        return None


def title_of(sql: str, otherwise: str = "") -> str:
    """What a query is called: its first comment, else its first line."""
    for line in sql.splitlines():
        if line.strip():
            words = line.strip()
            return (words.lstrip("-").strip() if words.startswith("--") else words) or otherwise
    return otherwise
