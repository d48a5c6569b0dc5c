"""What an audit found, put into the tables: findings, pairs, and columns of other tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

OWN = frozenset({"findings", "pairs"})
TABLES = OWN | {"streams", "coverage", "annotations"}
"""With those of which an audit fills a column."""


class Audited(Protocol):
    """The findings of a session."""

    @property
    def version(self) -> int:
        """Counts up when there are new ones."""
        ...

    def table(self, name: str) -> pa.Table:
        """`findings`, `pairs`, or `states`, which are told of a `name` in a record by `kind`."""
        ...


def fill_columns(base: duckdb.DuckDBPyConnection, states: pa.Table) -> None:
    """Write what was measured beside the streams, modalities and labels, whose rows are fresh."""
    base.register("states", states)
    try:
        base.execute(
            "UPDATE streams SET residual_ms = s.figure, status = s.state FROM states s WHERE "
            "s.kind = 'residual' AND s.record_id = streams.record_id AND s.name = streams.stream_id"
        )
        base.execute(
            "UPDATE coverage SET state = s.state FROM states s WHERE "
            "s.kind = 'coverage' AND s.record_id = coverage.record_id AND s.name = coverage.modality"
        )
        base.execute(
            "UPDATE annotations SET grounding = s.state FROM states s WHERE "
            "s.kind = 'grounding' AND s.record_id = annotations.record_id AND s.name = annotation_id"
        )
    finally:
        base.unregister("states")
