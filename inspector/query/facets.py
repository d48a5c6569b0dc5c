"""Facets of `records`: a histogram or the commonest values of each column, and the conditions picked in them.

All of it is SQL over the tables that anybody may ask, so that each facet can be opened as the question that
it is. Nothing here asks: it writes questions. A facet is counted under the conditions of all others and not
under its own, so that what else could be picked in it stays to be seen.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TYPE_CHECKING, Any

from inspector.query.names import literal, quoted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


BINS = 30
"""A histogram has at most about so many bars, of a width that a person would choose."""
ROW_ID = "rowid"
_NUMBERS: tuple[str, ...] = (
    "TINYINT",
    "SMALLINT",
    "INTEGER",
    "BIGINT",
    "HUGEINT",
    "UTINYINT",
    "USMALLINT",
    "UINTEGER",
)
_NUMBERS += ("UBIGINT", "FLOAT", "DOUBLE")
_TIMES = ("DATE", "TIMESTAMP")


class Kind(Enum):
    """How a column is shown."""

    NUMBER = "number"
    TIME = "time"
    VALUES = "values"
    LISTS = "lists"
    NAMES = "names"
    """Hardly two records have the same: there is nothing to count."""
    EMPTY = "empty"


@dataclass(frozen=True, slots=True)
class Bins:
    """A histogram's bars: bar `n` holds `edge(n)` ≤ value < `edge(n + 1)`.

    Edges are whole multiples of `step / per`, so that one is the number that a person would write, and is
    told alike here and in SQL.
    """

    first: int
    count: int
    step: int
    per: int = 1

    def edge(self, place: int) -> float:
        """Where a bar begins."""
        return (self.first + place) * self.step / self.per

    def place(self, value: float) -> int:
        """The bar that a value lies in; outside it is that at the end."""
        found = math.floor(value * self.per / self.step) - self.first
        return min(max(found, 0), self.count - 1)

    @classmethod
    def over(cls, low: float, high: float, whole: bool, bars: int = BINS) -> Bins:
        """Bars over what lies from `low` to `high`; of whole numbers none is narrower than one."""
        wide = max((high - low) / bars, abs(high) * 1e-9, 1e-300)
        wide = max(wide, 1.0) if whole else wide
        power = math.floor(math.log10(wide))
        unit = 10.0**power
        times = next((each for each in (1, 2, 5) if each * unit >= wide * (1 - 1e-9)), 10)
        step, per = (times * 10**power, 1) if power >= 0 else (times, 10**-power)
        first = math.floor(low * per / step)
        while first * step / per > low:
            first -= 1
        last = max(math.floor(high * per / step), first)
        while (last + 1) * step / per <= high:
            last += 1
        return cls(first, last - first + 1, step, per)


@dataclass(frozen=True, slots=True)
class Facet:
    """A column of `records` and how it is counted."""

    column: str
    kind: Kind
    bins: Bins | None = None
    values: tuple[Any, ...] = ()
    """The different ones, the commonest first, where they are counted by value."""
    known: int = 0
    """Records that have a value at all."""
    distinct: int = 0
    """How many different ones there are, also where `values` are only the commonest."""

    @property
    def number(self) -> str:
        """The column as a number, in seconds since 1970 where it is a time."""
        name = quoted(self.column)
        return f"epoch({name})" if self.kind is Kind.TIME else f"{name}::DOUBLE"


@dataclass(frozen=True, slots=True)
class Pick:
    """What was picked in a facet: a range (`low` ≤ value < `high`), values, the records without, or SQL."""

    low: float | None = None
    high: float | None = None
    values: tuple[Any, ...] = ()
    missing: bool = False
    sql: str = ""

    def __bool__(self) -> bool:
        return self.low is not None or bool(self.values) or self.missing or bool(self.sql)

    def toggled(self, picked: Any) -> Pick:
        """With a value more, or less where it was picked; None is the records without one."""
        if picked is None:
            return replace(self, missing=not self.missing)
        kept = tuple(each for each in self.values if each != picked)
        return replace(self, values=kept if len(kept) < len(self.values) else (*kept, picked))


@dataclass(frozen=True, slots=True)
class Coverage:
    """One modality's row of the coverage matrix, as a facet."""

    modality: str


Key = str | Coverage
"""What a pick is kept under: a column's name, a modality's row, or one of the names below."""
WHERE, SELECTION = "\0where", "\0selection"
"""A condition that was typed, and a saved selection."""


def value(given: Any) -> str:
    """A value as it is written in SQL."""
    if isinstance(given, bool):
        return "true" if given else "false"
    return str(given) if isinstance(given, int) else literal(str(given))


def number(given: float) -> str:
    """A number as it is written in SQL, whole ones without a dot."""
    return str(int(given)) if given == int(given) and abs(given) < 2**53 else repr(float(given))


def condition(key: Key, pick: Pick, facets: Mapping[str, Facet]) -> str:
    """What a pick adds behind WHERE."""
    if pick.sql:
        return f"({pick.sql}\n)" if key == WHERE else pick.sql
    if isinstance(key, Coverage):
        states = ", ".join(map(literal, pick.values))
        return (
            "record_id IN (SELECT record_id FROM coverage "
            f"WHERE modality = {literal(key.modality)} AND state IN ({states}))"
        )
    name, facet = quoted(key), facets.get(key)
    parts = []
    if pick.low is not None and pick.high is not None:
        x = facet.number if facet is not None and facet.kind is Kind.TIME else name
        parts.append(f"{x} >= {number(pick.low)} AND {x} < {number(pick.high)}")
    if pick.values and facet is not None and facet.kind is Kind.LISTS:
        parts += [f"list_contains({name}, {value(each)})" for each in pick.values]
    elif pick.values:
        listed = ", ".join(map(value, pick.values))
        parts.append(f"{name} = {listed}" if len(pick.values) == 1 else f"{name} IN ({listed})")
    if pick.missing:
        wide = facet is not None and facet.bins is not None
        parts.append(f"{name} IS NULL" + (f" OR NOT isfinite({facet.number})" if wide and facet else ""))
    return parts[0] if len(parts) == 1 else f"({' OR '.join(parts)})"


@dataclass
class Picks:
    """All that is picked; the records that are shown meet all of it."""

    facets: Mapping[str, Facet] = field(default_factory=dict)
    picked: dict[Key, Pick] = field(default_factory=dict)

    def put(self, key: Key, pick: Pick) -> None:
        """Pick that in place of what was picked there; an empty one takes it away."""
        self.picked.pop(key, None)
        if pick:
            self.picked[key] = pick

    def conditions(self, but: Key | None = None) -> list[str]:
        """The conditions of all facets but one."""
        return [condition(key, pick, self.facets) for key, pick in self.picked.items() if key != but]

    def where(self, but: Key | None = None) -> str:
        """They as one expression over `records`; `true` where nothing is picked."""
        found = self.conditions(but)
        return " AND ".join(f"({each})" if " OR " in each else each for each in found) or "true"

    def __len__(self) -> int:
        return len(self.picked)


def facet_of(column: str, kind: Kind, values: Any, whole: bool) -> Facet:
    """The facet of a column of `kind` from its values, an Arrow array."""
    import pyarrow.compute as pc

    known = len(values) - values.null_count
    if kind in (Kind.NUMBER, Kind.TIME):
        finite = pc.filter(values, pc.is_finite(values))
        ends = pc.min_max(finite).as_py()
        if ends["min"] is None:
            return Facet(column, Kind.EMPTY)
        return Facet(column, kind, Bins.over(ends["min"], ends["max"], whole), (), known)
    return Facet(column, Kind.NAMES if known else Kind.EMPTY, None, (), known)


def kind_of(sql_type: str) -> tuple[Kind, bool]:
    """How a column of a type is shown, and whether it holds whole numbers."""
    if sql_type == "VARCHAR[]":
        return Kind.LISTS, False
    if sql_type.endswith("]") or sql_type.startswith(("STRUCT", "MAP", "BLOB", "TIME ", "INTERVAL")):
        return Kind.NAMES, False
    if sql_type.startswith((*_NUMBERS, "DECIMAL")):
        return Kind.NUMBER, "INT" in sql_type
    if sql_type.startswith(_TIMES):
        return Kind.TIME, sql_type == "DATE"
    return Kind.VALUES, False


def column_sql(column: str, kind: Kind) -> str:
    """The question for a column's values in the form in which they are counted, in the order of the index."""
    term = Facet(column, kind).number if kind in (Kind.NUMBER, Kind.TIME) else quoted(column)
    if kind is Kind.NAMES:
        term = f"CASE WHEN {term} IS NOT NULL THEN true END"
    return f"SELECT {term} AS value FROM records"


def coverage_sql() -> str:
    """The question for the coverage matrix, by the records' places in the index."""
    return f"SELECT r.{ROW_ID} AS row, c.modality, c.state FROM coverage c JOIN records r USING (record_id)"


def rows_sql(where: str, names: Sequence[str]) -> str:
    """The question for the records that a condition holds for, by their places in the index.

    A column of the dataset's that has this very name would stand in its way: then by their ids.
    """
    taken = ROW_ID in {each.lower() for each in names}
    return f"SELECT {'record_id' if taken else ROW_ID} FROM records WHERE {where}"


def as_question(picks: Picks, facet: Facet) -> str:
    """A facet as the question that it is: the records picked in it, else its counts under the other picks."""
    where, name = picks.where(), quoted(facet.column)
    if facet.column in picks.picked or facet.kind in (Kind.NAMES, Kind.EMPTY):
        return _selected(where)
    picked = "" if where == "true" else f"\nWHERE {where}"
    term, order = name, "records DESC"
    if facet.bins is not None:
        b = facet.bins
        term, order = f"floor({facet.number} * {b.per} / {b.step}) * {b.step} / {b.per}", name
    elif facet.kind is Kind.LISTS:
        term = f"unnest({name})"
    return f"SELECT {term} AS {name}, count(*) AS records\nFROM records{picked}\nGROUP BY 1\nORDER BY {order}"


def _selected(where: str) -> str:
    return "SELECT *\nFROM records" + ("" if where == "true" else f"\nWHERE {where}")


def picked_question(picks: Picks) -> str:
    """The records that meet all that is picked, as a question."""
    return _selected("\n  AND ".join(f"({c})" if " OR " in c else c for c in picks.conditions()) or "true")
