"""A random sample as a question, so that anybody can draw the same one again.

The lot of a record is the MD5 of its id and the seed: it depends neither on the order of the records nor on
the machine or the version of DuckDB.
"""

from __future__ import annotations

from dataclasses import dataclass

from inspector.query.facets import Facet, Kind
from inspector.query.names import quoted


@dataclass(frozen=True, slots=True)
class Draw:
    """So many records; `even` takes as many from each stratum as it can, else each gets its share."""

    count: int
    seed: int
    by: Facet | None = None
    even: bool = False

    @property
    def name(self) -> str:
        """What its selection is called when nobody says otherwise."""
        by = f"-by-{self.by.column}" if self.by is not None else ""
        return f"sample-{self.count}{by}-seed-{self.seed}"


def stratum(facet: Facet) -> str:
    """What records are put together by: the value, or the histogram's bar that it lies in."""
    name = quoted(facet.column)
    if facet.bins is not None:
        return f"floor({facet.number} * {facet.bins.per} / {facet.bins.step})"
    return f"array_to_string({name}, ', ')" if facet.kind is Kind.LISTS else name


def sample_sql(draw: Draw, where: str = "true") -> str:
    """The question for the sample among the records that a condition holds for.

    Proportional seats go by (k - 1/2) / n, the k-th of a stratum of n first where that is smallest: the
    method of Webster and Sainte-Lague. Every record of a stratum has the same chance.
    """
    lot = f"md5(record_id || ':{int(draw.seed)}')"
    some = "" if where == "true" else f"\n  WHERE {where}"
    if draw.by is None:
        return f"SELECT record_id\nFROM records{some}\nORDER BY {lot}, record_id\nLIMIT {int(draw.count)}"
    own = f"OVER (PARTITION BY {stratum(draw.by)}"
    order = "k" if draw.even else "(k - 0.5) / n"
    return (
        "SELECT record_id\nFROM (\n"
        f"  SELECT record_id, {lot} AS lot,\n"
        f"    row_number() {own} ORDER BY {lot}, record_id) AS k,\n"
        f"    count(*) {own}) AS n\n"
        f"  FROM records{some}\n)\n"
        f"ORDER BY {order}, lot, record_id\nLIMIT {int(draw.count)}"
    )
