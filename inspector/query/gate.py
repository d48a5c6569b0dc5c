"""What may be asked: one SELECT over our tables, or EXPLAIN of one. All else is refused before it runs.

The statement is taken apart by DuckDB itself (`json_serialize_sql`) and the tree is walked: whatever is not
on the lists below is refused, so that a kind of node which a later DuckDB brings is refused too. The engine's
settings (no external access but the dataset, nothing written, limits) stand behind this as a second wall.
"""

from __future__ import annotations

import json
import re
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import duckdb

from inspector.errors import InspectorError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

TABLE_FUNCTIONS = frozenset({"range", "generate_series", "unnest"})
SEARCH = "search"
"""Our own: `FROM search('half "past two" quart*')`. The engine puts a table in its place."""
FOUND = "_"
"""How those tables are called, with a number; by itself no question may name one."""
_SEARCH = re.compile(rb"search\s*\(\s*'(?:[^']|'')*'\s*\)", re.IGNORECASE)
FROM = frozenset({"BASE_TABLE", "SUBQUERY", "JOIN", "TABLE_FUNCTION", "EXPRESSION_LIST", "EMPTY", "PIVOT"})
"""Kinds of thing in a FROM clause. SHOW_REF (DESCRIBE, SUMMARIZE, SHOW) is told apart in `_from`."""
QUERIES = frozenset({"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"})
"""Kinds of query. A DELETE, INSERT or UPDATE with RETURNING stands in a WITH as one of another kind."""
FORBIDDEN = frozenset(
    {
        "getenv",
        "current_setting",
        "set_config",
        "getvariable",
        "nextval",
        "currval",
        "write_log",
        "parse_duckdb_log_message",
        "pg_read_file",
        "read_text",
        "read_blob",
        "glob",
        "query",
        "query_table",
        "sql_auto_complete",
        "checkpoint",
        "force_checkpoint",
        "json_execute_serialized_sql",
        "json_serialize_plan",
        "json_deserialize_sql",
        "setval",
        "sleep_ms",
        "from_substrait",
        "get_substrait",
        "get_substrait_json",
        "from_substrait_json",
        "in_search_path",
        "current_database",
        "current_schema",
        "current_schemas",
        "current_catalog",
        "current_connection_id",
        "current_query_id",
        "current_transaction_id",
        "txid_current",
        "current_query",
        "version",
    }
)
"""Functions that tell of the machine or of the engine, reach files, change something, or only wait."""
SIZES: dict[str, tuple[int, ...]] = {
    "repeat": (1,),
    "lpad": (1,),
    "rpad": (1,),
    "list_resize": (1,),
    "array_resize": (1,),
    "range": (0, 1),
    "generate_series": (0, 1),
    "bitstring": (1,),
    "equi_width_bins": (2,),
    "to_base": (2,),
}
"""Functions that make a value as large as a number says, and which arguments those numbers are.

One call takes 1 byte (text) to 90 bytes (lists) for each unit, all at once. DuckDB's memory limit does not
count such a value (measured: `len(range(10000000))` takes 850 MB under a limit of 100 MB) and nothing can
interrupt the call. So the numbers have to stand in the text, and their product may be MOST_SIZE. As tables,
`range` and `generate_series` are streamed and take any number.
"""
WIDTHS = frozenset({"format", "printf"})
"""The same, by the widths in the pattern."""
FOLDS = frozenset({"list_reduce", "array_reduce", "reduce"})
"""The same, where each step doubles what the last one made."""
MOST_SIZE = 1_000_000
MOST_SIGNS = 100_000
MOST_DEPTH = 400
_PLAIN = re.compile(r"[A-Za-z_]\w{0,120}")
_EXPLAIN = re.compile(
    r"\s*EXPLAIN\b\s*(ANALYZE\b\s*)?(\(\s*(ANALYZE|FORMAT\s+\w+|[,\s])*\)\s*)?", re.IGNORECASE
)
INSTEAD = "Ask with one SELECT over the tables listed beside the editor; results are saved with Save or --out"


class Refused(InspectorError):
    """A question that is not asked. `position` is where in the text, None where that is not known."""

    def __init__(self, title: str, detail: str = "", hint: str = "", position: int | None = None) -> None:
        super().__init__(title, detail, hint)
        self.position = position


@dataclass(frozen=True, slots=True)
class Asked:
    """A statement that may run: what it reads, by which the engine knows what has to be there first."""

    select: str
    """The SELECT, with a table's name in place of each search."""
    before: str
    """EXPLAIN and its options, if any."""
    start: int
    """Where the SELECT begins in what was asked; places in both differ by this."""
    tables: frozenset[str]
    columns: frozenset[str]
    """Names of columns that it mentions, in lower case; `*` where it takes all."""
    searches: tuple[str, ...] = ()
    """What each of those tables has to hold."""


def examine(sql: str, tables: Collection[str]) -> Asked:
    """Let a statement through, or raise Refused with one line on what to do instead."""
    if len(sql) > MOST_SIGNS:
        raise Refused("The question is too long", f"{len(sql)} signs, {MOST_SIGNS} may be", "Ask in parts")
    if "\0" in sql:
        raise Refused("The question holds a zero byte", "", "Remove it")
    statement = _only(sql)
    if _kind(statement) is None:
        raise Refused("This is no SELECT", "", INSTEAD)
    text, before = statement.query.strip().rstrip(";").rstrip(), ""
    if _kind(statement) == duckdb.StatementType.EXPLAIN:
        before, text = _explained(text)
    elif statement.type != duckdb.StatementType.SELECT:
        kind = str(statement.type).rpartition(".")[2].replace("_", " ")
        if kind == "MULTI":
            raise Refused(
                "PIVOT without IN runs as several statements", "", "List the values: PIVOT … ON c IN (…)"
            )
        raise Refused(f"{kind} is not asked here: nothing in a dataset is changed", "", INSTEAD)
    start = max(sql.rfind(text), 0)
    walk = _Walk(frozenset(tables), text)
    try:
        walk.statement(_tree(text))
    except Refused as refused:
        if refused.position is not None:
            refused.position += start
        raise
    select = _with_tables(text, walk.searches)
    searches = tuple(words for _, _, words, _ in walk.searches)
    return Asked(select, before, start, frozenset(walk.used), frozenset(walk.columns), searches)


def selection(where: str) -> str:
    """The question for the records that a condition over `records` holds for, as behind `--where`.

    Raises Refused where it is not one expression: no bracket may be closed too early, and nothing come
    behind it. What the expression may hold is looked at when the question is asked.
    """
    node = _tree(f"SELECT {where}\n")["node"]
    if len(node.get("select_list", [])) != 1 or (node.get("from_table") or {}).get("type") != "EMPTY":
        raise Refused("This is no condition", where[:120], "Try: duration_s > 10 AND flag IS NULL")
    # The line end keeps a comment at the end from taking the bracket with it.
    return f"SELECT record_id FROM records WHERE ({where}\n)"


def position_of(error: Exception, sql: str) -> int | None:
    """Where in the text DuckDB saw an error, from its `LINE n:` and the caret under it."""
    found = re.search(r"^LINE (\d+): (.*)\n( *)\^", str(error), re.MULTILINE)
    if found is None:
        return None
    number, shown, blank = int(found[1]), found[2], len(found[3]) - len(f"LINE {found[1]}: ")
    lines = sql.split("\n")
    if not 0 < number <= len(lines):
        return None
    # A long line is shown in part, between dots, and the first one may have EXPLAIN before it.
    part = shown.removeprefix("EXPLAIN ").strip(".")
    at = lines[number - 1].find(part)
    column = max(0, max(at, 0) + blank - shown.find(part))
    return min(sum(len(line) + 1 for line in lines[: number - 1]) + column, max(len(sql) - 1, 0))


def first_line(error: Exception) -> str:
    """DuckDB's message without its picture of the place, on one line."""
    text = str(error).split("\nLINE ")[0].strip()
    return " ".join(text.split())[:400]


def _with_tables(text: str, searches: Sequence[tuple[int, int, str, str]]) -> str:
    """A table's name in place of each search, and no place in the text moved by it."""
    data = text.encode()  # DuckDB counts bytes
    for number in sorted(range(len(searches)), key=lambda each: -searches[each][0]):
        start, end, _, alias = searches[number]
        wide = len(data[start:end].decode("utf-8", "replace"))
        data = data[:start] + f"{FOUND}{number}{alias}".ljust(wide).encode() + data[end:]
    return data.decode("utf-8", "replace")


class _Parser:
    """A connection that takes statements apart and runs none of them.

    One for all questions: to open one costs 20 ms, to ask it 0.3 ms.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: duckdb.DuckDBPyConnection | None = None

    def statements(self, sql: str) -> list[Any]:
        """The statements of a text. Raises duckdb.Error where it is no SQL."""
        with self._lock:
            return list(self._connection().extract_statements(sql))

    def tree(self, sql: str) -> str:
        """The parsed tree as JSON."""
        with self._lock:
            found = self._connection().execute("SELECT json_serialize_sql(?)", [sql]).fetchone()
        assert found is not None
        return str(found[0])

    def _connection(self) -> duckdb.DuckDBPyConnection:
        if self._open is None:
            self._open = duckdb.connect(
                ":memory:", config={"autoload_known_extensions": "false", "threads": "1"}
            )
        return self._open


_parser = _Parser()


def _only(sql: str) -> Any:
    try:
        statements = _parser.statements(sql)
    except duckdb.Error as error:
        raise Refused("The SQL cannot be read", first_line(error), "", position_of(error, sql)) from None
    if not statements:
        raise Refused("There is no question", "", "Try: SELECT * FROM records")
    if len(statements) > 1:
        raise Refused(f"These are {len(statements)} statements", "", "Ask one at a time")
    return statements[0]


def _kind(statement: Any) -> Any:
    """What kind of statement it is, None for one that DuckDB's own Python does not know."""
    try:
        return statement.type
    except ValueError:
        return None


def _explained(text: str) -> tuple[str, str]:
    """EXPLAIN with its options, and what is behind it.

    That has to be one SELECT itself: EXPLAIN ANALYZE runs what it explains.
    """
    bare = _without_comments(text)
    found = _EXPLAIN.match(bare)
    before = found[0] if found else ""
    rest = bare[len(before) :]
    inner = _only(rest) if before else None
    if inner is None or _kind(inner) != duckdb.StatementType.SELECT:
        raise Refused("EXPLAIN is for a SELECT only", "", INSTEAD)
    return before, rest


def _without_comments(text: str) -> str:
    """Comments before the first word taken away, nested ones too."""
    while True:
        text = text.lstrip()
        if text.startswith("--"):
            text = text.partition("\n")[2]
        elif text.startswith("/*"):
            depth, at = 0, 0
            while at < len(text):
                pair = text[at : at + 2]
                depth += (pair == "/*") - (pair == "*/")
                at += 2 if pair in ("/*", "*/") else 1
                if not depth:
                    break
            text = text[at:]
        else:
            return text


def _tree(sql: str) -> Any:
    try:
        tree = json.loads(_parser.tree(sql))
    except RecursionError:
        raise Refused("The question is nested too deeply", "", "Ask in parts, WITH … AS (…)") from None
    if tree.get("error"):
        place = tree.get("position")
        where = int(place) if str(place or "").isdigit() else None
        raise Refused(
            "The SQL cannot be read", " ".join(str(tree.get("error_message", "")).split()), INSTEAD, where
        )
    statements = tree.get("statements", [])
    if len(statements) != 1:
        raise Refused(f"These are {len(statements)} statements", "", "Ask one at a time")
    return statements[0]


@dataclass
class _Walk:
    """Goes through the tree with the names that are in scope; raises Refused at the first thing too many."""

    tables: frozenset[str]
    text: str = ""
    used: set[str] = field(default_factory=set)
    columns: set[str] = field(default_factory=set)
    searches: list[tuple[int, int, str, str]] = field(default_factory=list)
    """Start and end in bytes, the words, and the name that it goes by where it has none, of each search."""
    size: int = 1
    """The product of the sizes that functions are asked for: they may stand in one another."""

    def statement(self, tree: Any) -> None:
        self._any(tree, frozenset(), 0)

    def _any(self, node: Any, scope: frozenset[str], depth: int) -> None:
        if depth > MOST_DEPTH:
            raise Refused("The question is nested too deeply", "", "Ask in parts, WITH … AS (…)")
        if isinstance(node, list):
            for each in node:
                self._any(each, scope, depth + 1)
            return
        if not isinstance(node, dict):
            return
        kind = node.get("type")
        if isinstance(kind, str) and kind.endswith("_NODE") and kind not in QUERIES:
            raise Refused(f"{kind.partition('_')[0]} is not asked here", "", INSTEAD)
        scope = self._with(node, scope, depth)
        if "query_location" in node and "class" not in node and isinstance(node.get("type"), str):
            self._from(node, scope)
        elif node.get("class") == "FUNCTION":
            self._function(node)
        elif node.get("class") == "COLUMN_REF":
            names = node.get("column_names") or [""]
            self.columns.add(str(names[-1]).lower())
            self.columns |= {str(each).lower() for each in names}
        elif node.get("class") == "STAR":
            self.columns.add("*")
        for key, each in node.items():
            if key == "function" and kind == "TABLE_FUNCTION":
                self._any(each.get("arguments"), scope, depth + 1)  # its name was looked at
            elif key != "cte_map":
                self._any(each, scope, depth + 1)

    def _with(self, node: dict[str, Any], scope: frozenset[str], depth: int) -> frozenset[str]:
        """The scope inside a node with common table expressions, seen by those after it and itself."""
        for entry in (node.get("cte_map") or {}).get("map", []):
            name = str(entry.get("key", ""))
            if not _PLAIN.fullmatch(name) or re.fullmatch(rf"{FOUND}\d+", name):
                raise Refused(f"{name[:60]!r} is no name for a WITH table", "", "Use letters, digits and _")
            if name.lower() in self.tables:
                raise Refused(f"{name} is a table of the dataset", "", "Give the WITH table another name")
            value = entry.get("value") or {}
            query = value.get("query_node") or {}
            inner = scope | {name.lower()} if _recursive(query) else scope
            self._any(value, inner, depth + 1)
            scope |= {name.lower()}
        return scope

    def _from(self, node: dict[str, Any], scope: frozenset[str]) -> None:
        kind, at = node["type"], _at(node)
        if kind == "SHOW_REF":
            if node.get("query") is not None and node.get("show_type") in ("DESCRIBE", "SUMMARY"):
                return  # of a SELECT, which is walked like any other
            raise Refused("SHOW is not asked here", "", "The tables and columns stand beside the editor", at)
        if kind not in FROM:
            raise Refused(f"{kind} cannot be read from", "", INSTEAD, at)
        if kind == "BASE_TABLE":
            path = (node.get("qualified_name") or {}).get("path") or [node.get("table_name")]
            name = str(node.get("table_name", "")).lower()
            if len(path) != 1 or node.get("schema_name") or node.get("catalog_name") or node.get("at_clause"):
                raise Refused(
                    f"{'.'.join(map(str, path))[:120]!r} is no table of the dataset", "", self._known(), at
                )
            if name not in scope:
                if name not in self.tables:
                    raise Refused(f"There is no table {name[:120]!r}", "", self._known(), at)
                self.used.add(name)
        elif kind == "TABLE_FUNCTION":
            function = node.get("function") or {}
            name = str(function.get("function_name", "")).lower()
            if name == SEARCH:
                self._search(node, function)
            elif name not in TABLE_FUNCTIONS or function.get("schema") or function.get("catalog"):
                raise Refused(f"{name[:60]}() cannot be read from", "", self._known(), at)

    def _search(self, node: dict[str, Any], function: dict[str, Any]) -> None:
        given = [each.get("expression") or {} for each in function.get("arguments") or []]
        literal = (given[0].get("literal") or {}) if len(given) == 1 else {}
        at = _at(node)
        call = None if at is None else _SEARCH.match(self.text.encode(), at)
        if call is None or literal.get("kind") != "STRING":
            raise Refused("search() takes one text, written out", "", "Try: FROM search('half past')", at)
        words = str(literal.get("text", ""))
        self.searches.append((call.start(), call.end(), words, "" if node.get("alias") else " search"))

    def _function(self, node: dict[str, Any]) -> None:
        name = str(node.get("function_name", "")).lower()
        path = (node.get("qualified_name") or {}).get("path") or [name]
        if node.get("schema") or node.get("catalog") or len(path) > 1:
            raise Refused(
                f"{'.'.join(map(str, path))[:80]}() is asked for by a path",
                "",
                "Name the function alone",
                _at(node),
            )
        if name in FORBIDDEN or name.startswith(("pg_", "duckdb_", "pragma_", "read_", "write_")):
            raise Refused(
                f"{name}() is not asked here: it tells of the machine, or holds it up",
                "",
                "Leave it out",
                _at(node),
            )
        if name == SEARCH:
            raise Refused("search() is read from", "", "Try: FROM search('half past')", _at(node))
        if name in FOLDS:
            raise Refused(
                f"{name}() is not asked here: it may take all memory",
                "",
                "Use list_sum, list_max or unnest",
                _at(node),
            )
        given = [each.get("expression") or {} for each in node.get("arguments") or []]
        sizes: list[int | None] = []
        if name in SIZES:
            sizes = [_number(given[place]) for place in SIZES[name] if place < len(given)]
        elif name in WIDTHS:
            sizes = [_width(given[0] if given else {}, name)]
        self.size *= max(1, sum(each or 0 for each in sizes))
        if None in sizes or self.size > MOST_SIZE:
            raise Refused(
                f"{name}() may take all memory: write its size out, {MOST_SIZE} at most",
                "",
                "Ask FROM range(…) for many rows"
                if name in ("range", "generate_series")
                else "Write a smaller number",
                _at(node),
            )

    def _known(self) -> str:
        return f"There are {', '.join(sorted(self.tables))}"


def _number(node: dict[str, Any]) -> int | None:
    """A whole number that stands in the text, without its sign; None for all else."""
    literal = node.get("literal") or {}
    whole = literal.get("kind") == "INTEGER" and re.fullmatch(r"[+-]?\d{1,18}", str(literal.get("text", "")))
    return abs(int(literal["text"])) if whole else None


def _width(node: dict[str, Any], name: str) -> int | None:
    """The widest field of a pattern that stands in the text; None where a width is taken from the values."""
    literal = node.get("literal") or {}
    if literal.get("kind") != "STRING":
        return None
    pattern = str(literal.get("text", ""))
    if "*" in pattern if name == "printf" else re.search(r"\{[^{}]*\{", pattern):
        return None
    # Widths do not stand in one another as sizes do, so that only a wide one counts.
    widest = max((int(each) for each in re.findall(r"\d{1,18}", pattern)), default=0)
    return widest if widest > 1000 else 0


def _recursive(query: Any) -> bool:
    return isinstance(query, dict) and query.get("type") == "RECURSIVE_CTE_NODE"


def _at(node: dict[str, Any]) -> int | None:
    place = node.get("query_location")
    return place if isinstance(place, int) and place < MOST_SIGNS else None
