"""A dataset explored by its facets: what is picked, and what that leaves, worked out behind the window.

One thread of its own asks the engine; a newer pick cancels what an older one asked. No Qt.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import pyarrow as pa

from inspector.core.jobs import Job, Jobs
from inspector.core.memory import give_back
from inspector.errors import Cancelled
from inspector.query.engine import READ_AT_ONCE
from inspector.query.facets import (
    SELECTION,
    Coverage,
    Facet,
    Key,
    Kind,
    Pick,
    Picks,
    column_sql,
    condition,
    coverage_sql,
    kind_of,
    rows_sql,
)
from inspector.query.names import literal
from inspector.query.plots import CELLS, Plot, axis_of, plot, values_of
from inspector.query.sample import Draw, sample_sql
from inspector.query.tally import Counts, Tally, column_of, coverage_columns, mask_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from inspector.core.desk import Desk
    from inspector.core.model import Modality
    from inspector.core.selections import Selection
    from inspector.query.question import Question

OF_EDITS = ("flag", "duration_s", "axis")
"""Columns that are not the index's: they change while a dataset is open."""


class Explored(Protocol):
    """What is needed of a session."""

    @property
    def index(self) -> pa.Table:
        """One row a record."""
        ...

    @property
    def modalities(self) -> tuple[Modality, ...]:
        """Of the whole dataset, as far as they are known."""
        ...

    @property
    def desk(self) -> Desk:
        """Where selections are kept."""
        ...

    def ask(self, sql: str, then: None, limit: int | None) -> Question:
        """Begin a question."""
        ...

    def sql_schema(self) -> dict[str, tuple[tuple[str, str], ...]]:
        """The columns of each table with their types."""
        ...


@dataclass(frozen=True)
class Shown:
    """What there is to show after a pick. `rows` are places in the index, None for all records."""

    facets: dict[Key, Facet]
    counts: dict[Key, Counts]
    everything: dict[Key, Counts]
    """The same with nothing picked."""
    rows: NDArray[Any] | None
    picked: dict[Key, Pick]
    records: int
    covered: bool
    """Whether the coverage matrix is among the facets: records have been read."""
    complete: bool = True
    seconds: float = 0.0


@dataclass
class Exploration:
    """Of one session. `told` and `failed` are called in its thread; the rest is for the window's."""

    session: Explored
    told: Callable[[Shown], None]
    failed: Callable[[Exception], None]
    picks: Picks = field(default_factory=Picks)
    plotted: Callable[[Plot | None, Shown], None] | None = None
    """Told of the plot of `wanted` behind every Shown, None where there is nothing to draw."""
    wanted: tuple[str, str | None] | None = None

    def __post_init__(self) -> None:
        self._jobs = Jobs(1)
        self._lock = threading.Lock()
        self._job: Job[Any] | None = None
        self._asking: tuple[Job[Any], Question] | None = None
        self._tally = Tally(len(self.session.index))
        self._everything: dict[Key, Counts] = {}
        self._raw: dict[str, NDArray[Any]] = {}
        self._stale = set(OF_EDITS)
        self._edited = False
        self._read_all = self._tally.records <= READ_AT_ONCE
        self._covered = False
        self.doing = ""
        """What is being done, for the eye; empty when nothing is."""

    @property
    def busy(self) -> bool:
        """Whether something is being worked out."""
        return bool(self._jobs.live())

    def close(self, wait: bool = True) -> None:
        """Stop what runs."""
        for job in self._jobs.live():
            self._stop(job)
        self._jobs.close(wait)

    def _stop(self, job: Job[Any] | None) -> None:
        """Give up a job and what it asks; what another one asks goes on."""
        if job is None:
            return
        job.cancel()
        with self._lock:
            asking = self._asking
        if asking is not None and asking[0] is job:
            asking[1].cancel()

    def pick(self, key: Key, pick: Pick) -> None:
        """Pick that in a facet, an empty pick for nothing, and work out what it leaves."""
        self.picks.put(key, pick)
        self.refresh()

    def clear(self) -> None:
        """Pick nothing at all."""
        self.picks.picked.clear()
        self.refresh()

    def select(self, name: str | None) -> None:
        """Look at a saved selection only; None for all records."""
        sql = f"record_id IN (SELECT record_id FROM selections WHERE name = {literal(name or '')})"
        self.pick(SELECTION, Pick(sql=sql, values=(name,)) if name else Pick())

    def read_all(self) -> None:
        """Read every record for the coverage matrix and the durations, however many there are."""
        self._read_all = True
        self._stale |= set(OF_EDITS)
        self.refresh()

    def edited(self) -> None:
        """Something was decided: flags are others, and what was picked may hold other records."""
        self._stale.add("flag")
        self._edited = True
        self.refresh()

    def plot(self, wanted: tuple[str, str | None] | None) -> None:
        """Draw these columns from now on: one across, and one upwards or none; None for no plot."""
        if wanted != self.wanted:
            self.wanted = wanted
            self.refresh()

    def refresh(self) -> None:
        """Work out what is left; what an older call is at is given up."""
        self._stop(self._job)
        picked = dict(self.picks.picked)
        job = self._jobs.start("facets", lambda job: self._work(job, picked), self._ended)
        with self._lock:
            self._job = job

    def sample(self, draw: Draw, then: Callable[[Selection], None]) -> None:
        """Draw a sample among the records that are left, keep it by its name; `then` in the thread."""
        where = self.picks.where()

        def work(job: Job[Any]) -> None:
            sql = sample_sql(draw, where)
            self.doing = "drawing the sample"
            found = self._ask(job, sql).column(0)
            kept = self.session.desk.selections
            by = draw.by.column if draw.by is not None else ""
            then(kept.keep(kept.free_name(draw.name), found, sql, draw.seed, by))

        self._jobs.start("a sample", work, self._ended)

    def keep(self, name: str, then: Callable[[Selection], None]) -> None:
        """Keep the records that are left under a name; `then` in the thread."""
        where = self.picks.where()

        def work(job: Job[Any]) -> None:
            sql = f"SELECT record_id FROM records WHERE {where}"
            then(self.session.desk.selections.keep(name, self._ask(job, sql).column(0), sql))

        self._jobs.start("a selection", work, self._ended)

    # -- in the thread -------------------------------------------------------------------------------------

    def _ended(self, job: Job[Any]) -> None:
        self.doing = ""
        error = job.future.exception()
        if isinstance(error, Exception) and not isinstance(error, Cancelled):
            self.failed(error)

    def _ask(self, job: Job[Any], sql: str) -> pa.Table:
        job.step()
        question = self.session.ask(sql, None, None)
        with self._lock:
            self._asking = job, question
        if job.cancelled:
            question.cancel()
        while not question.wait(0.2):
            if question.total:
                self.doing = f"{question.doing} {question.done} of {question.total}"
        job.step()
        if question.answer is None:
            raise question.error or Cancelled(sql)
        return question.answer.table

    def _work(self, job: Job[Any], picked: dict[Key, Pick]) -> None:
        start, tally = time.monotonic(), self._tally
        if self._edited:  # before anything is asked: an edit that comes from now on is for the next job
            self._edited = False
            tally.masks = {}
        columns = dict(self.session.sql_schema()["records"])
        first = not self._everything
        for number, (name, sql_type) in enumerate(columns.items()):
            if name in tally.columns and name not in self._stale:
                continue
            self.doing = f"counting {name}, {number + 1} of {len(columns)}"
            self._count(job, name, sql_type)
            self._everything |= tally.counts([name], all_records=True)
            if first and tally.records > READ_AT_ONCE and number + 1 < len(columns):
                self._tell(picked, False, start)
        if self._read_all and not self._covered:
            self._read_coverage(job)
        if first and tally.records > READ_AT_ONCE:
            give_back()
        picks = Picks(tally.facets, picked)
        for key in tally.stale(picked):
            sql = rows_sql(condition(key, picked[key], picks.facets), list(columns))
            tally.masks[key] = (picked[key], mask_of(self._ask(job, sql).column(0), self.session.index))
        job.step()
        shown = self._tell(picked, True, start)
        if self.plotted is not None and (wanted := self.wanted) is not None:
            self.plotted(self._plot(job, *wanted), shown)

    def _count(self, job: Job[Any], name: str, sql_type: str) -> None:
        """Ask for a column. What is edited while it is asked for makes it stale again."""
        self._stale.discard(name)
        kind, whole = kind_of(sql_type)
        kind = Kind.NAMES if name == "record_id" else kind
        try:
            if name in ("duration_s", "axis") and not self._read_all:
                values = pa.chunked_array([pa.nulls(self._tally.records, pa.float64())])
            else:
                values = self._ask(job, column_sql(name, kind)).column(0)
        except BaseException:
            self._stale.add(name)
            raise
        self._tally.columns[name] = column_of(name, kind, values, whole)
        self._raw.pop(name, None)

    def _plot(self, job: Job[Any], x: str, y: str | None) -> Plot | None:
        names = [x] if y is None else [x, y]
        rows = self._tally.rows_but(*names)
        sides: list[Any] = []
        for name, cells in zip(names, CELLS, strict=False):
            column = self._tally.columns.get(name)
            axis = None if column is None else axis_of(column.facet, cells)
            if column is None or axis is None:
                return None
            raw = None
            if axis.bins is not None:
                if name not in self._raw:
                    values = self._ask(job, column_sql(name, column.facet.kind)).column(0).to_numpy()
                    # Two columns of a million records are 16 MB; no more are kept.
                    self._raw = {each: kept for each, kept in self._raw.items() if each in names} | {
                        name: values
                    }
                raw = self._raw[name]
            sides.append((axis, values_of(column, raw, rows)))
        return plot(sides[0], sides[1] if y is not None else None, rows)

    def _read_coverage(self, job: Job[Any]) -> None:
        self.doing = "reading records"
        table = self._ask(job, coverage_sql())
        names = [each.value for each in self.session.modalities]
        found = coverage_columns(table, self._tally.records, names)
        for key, column in found.items():
            self._tally.columns[key] = column
        self._everything |= self._tally.counts(found, all_records=True)
        self._covered = True

    def _tell(self, picked: dict[Key, Pick], complete: bool, start: float) -> Shown:
        tally = self._tally
        counts = tally.counts() if complete and tally.masks else dict(self._everything)
        facets = {key: column.facet for key, column in tally.columns.items()}
        self.picks.facets = tally.facets
        shown = Shown(
            facets,
            counts,
            dict(self._everything),
            tally.rows() if complete else None,
            picked,
            tally.records,
            self._covered,
            complete,
            time.monotonic() - start,
        )
        self.told(shown)
        return shown


def coverage_keys(shown: Shown) -> list[Coverage]:
    """The rows of the coverage matrix, in the order of the modalities."""
    return [key for key in shown.facets if isinstance(key, Coverage)]
