"""The one facade that the window and the command line talk to. No Qt, no decoder at import time."""

from __future__ import annotations

import difflib
import logging
import os
import threading
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from inspector.core.assets import resource
from inspector.core.desk import Desk
from inspector.core.edits import DATASET
from inspector.core.jobs import Job, Jobs
from inspector.core.model import Modality, Record, Stream, coverage_of
from inspector.core.times import NS
from inspector.core.transcripts import numbered
from inspector.errors import Cancelled, InspectorError
from inspector.readers import readers
from inspector.readers.ingest import with_decided

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import pyarrow as pa

    from inspector.audit.runner import Options, Run
    from inspector.audit.store import Store
    from inspector.core.curation import Curation
    from inspector.core.edits import Change, Edit
    from inspector.core.findings import Finding
    from inspector.core.model import Coverage, Cue, Dataset
    from inspector.core.state import Past
    from inspector.media.long_series import LongSeries
    from inspector.media.peaks import Peaks
    from inspector.media.series import Series
    from inspector.query.engine import Engine
    from inspector.query.question import Answer, Question
    from inspector.query.rules import Rule


T = TypeVar("T")

log = logging.getLogger(__name__)


@dataclass
class Summary:
    """What all records of a dataset have together. `states` counts (modality, coverage) pairs."""

    duration_ns: int = 0
    bytes: int = 0
    records: Counter[Modality] = field(default_factory=Counter)
    streams: Counter[Modality] = field(default_factory=Counter)
    states: Counter[tuple[Modality, Coverage]] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)


class Session:
    """An open dataset. Safe to use from any thread; `close` it when done.

    What the index does not hold (durations, coverage) fills in behind through `survey`.
    """

    def __init__(
        self,
        dataset: Dataset,
        workspace: Path | str | None = None,
        author: str | None = None,
        inside: bool = True,
    ) -> None:
        self.dataset = dataset
        self.desk = Desk(dataset, workspace, author, inside, self._edited)
        self.jobs = Jobs()
        self._urgent = Jobs(1)
        self._lock = threading.Lock()
        self._records: dict[str, Record] = {}
        self._joined: dict[str, Record] = {}
        self._rows: dict[str, int] | None = None
        self._promised: frozenset[Modality] | None = None
        self._found: set[Modality] = set()
        self._engine: Engine | None = None
        self._store: Store | None = None

    @classmethod
    def open(
        cls,
        path: Path | str,
        reader: str | None = None,
        workspace: Path | str | None = None,
        author: str | None = None,
    ) -> Session:
        """Open the dataset at `path` with the named reader, or the first that claims it. Lists files only.

        `workspace` is where curation work is kept, else as remembered; `author` signs it, else as in the
        settings.
        """
        root = Path(path).expanduser()
        if not root.exists():
            raise InspectorError("There is nothing at that path", str(root), "Check the spelling")
        root = root.resolve()
        # A single film has no folder of its own, and the demo that comes with the program is everybody's.
        inside = root.is_dir() and root != resource("demo").resolve()
        if reader is not None:
            return cls(readers.get(reader).open(root), workspace, author, inside)
        for entry in readers.all():
            if entry.value.claims(root):
                return cls(entry.value.open(root), workspace, author, inside)
        raise InspectorError("No reader knows this format", str(root), "Name one with --reader")

    @property
    def root(self) -> Path:
        """Where the dataset lies."""
        return self.dataset.root

    @property
    def index(self) -> pa.Table:
        """One row a record: `record_id`, `modalities`, then the dataset's own columns."""
        return self.dataset.index

    def record_ids(self) -> list[str]:
        """Every record's id in the dataset's order."""
        ids: list[str] = self.index.column("record_id").to_pylist()
        return ids

    def row_of(self, record_id: str) -> int:
        """The record's row in the index; InspectorError where there is none."""
        if self._rows is None:
            self._rows = {each: row for row, each in enumerate(self.record_ids())}
        try:
            return self._rows[record_id]
        except KeyError:
            near = difflib.get_close_matches(record_id, list(self._rows)[:10_000], 3, 0.5)
            known = near or list(self._rows)[:3]
            hint = f"There is {', '.join(known)}" if known else "The dataset has none"
            raise InspectorError("There is no such record", record_id, hint) from None

    def record(self, record_id: str, load: Callable[[str], Record] | None = None) -> Record:
        """The effective record, loaded once (by `load`) and kept while it is among the newest few hundred."""
        with self._lock:
            known = self._records.pop(record_id, None)
        try:
            record = known or (load or self.dataset.load)(record_id)
        except InspectorError:
            raise
        except Exception as error:
            # A fault of ours: it takes this record and not the dataset.
            log.exception("reading %s", record_id)
            raise InspectorError(
                "The record cannot be read",
                f"{record_id}: {type(error).__name__}: {error}"[:300],
                "This is a fault of Inspector: please report it",
            ) from error
        with self._lock:
            self._records[record_id] = record
            self._found |= {stream.modality for stream in record.streams}
            while len(self._records) > 256:
                gone = next(iter(self._records))
                self._records.pop(gone)
                self._joined.pop(gone, None)
            joined, before = self._joined.get(record_id), self.desk.changes
        if joined is None:
            joined = self.desk.joined(record, with_decided)
            with self._lock:
                if before == self.desk.changes and record_id in self._records:
                    self._joined[record_id] = joined
        return joined

    # -- curation ------------------------------------------------------------------------------------------

    @property
    def curation(self) -> Curation:
        """What was decided on this dataset; opened when it is first asked for."""
        return self.desk.curation

    def _edited(self, touched: frozenset[str] | None) -> None:
        touched = None if touched is not None and DATASET in touched else touched
        with self._lock:
            for each in list(self._joined) if touched is None else touched:
                self._joined.pop(each, None)
            engine = self._engine
        if engine is not None:
            engine.edited(touched)

    def edit(self, title: str, changes: Sequence[Change], note: str = "") -> Edit:
        """Make an edit; it is on the disk when this returns, and listeners of `curation` have been told."""
        return self.curation.edit(title, changes, note)

    def flag(self, record_ids: Iterable[str], flag: str | None, note: str = "") -> Edit | None:
        """Flag records, all in one edit (None takes flags away); None where all are flagged so already."""
        return self.desk.flag(record_ids, flag, note)

    def undo(self) -> Edit:
        """Take back this author's newest edit in force."""
        return self.curation.undo()

    def redo(self) -> Edit:
        """Bring back what was undone last."""
        return self.curation.redo()

    def history(self, author: str | None = None, skip: int = 0, limit: int | None = 100) -> list[Past]:
        """Edits, newest first."""
        return self.curation.history(author, skip, limit)

    @property
    def modalities(self) -> tuple[Modality, ...]:
        """The modalities of the dataset, in the order in which they are shown.

        What the index promises, and what loaded records had besides (the sound inside films, for one).
        """
        if self._promised is None:
            import pyarrow.compute as pc

            names = pc.unique(pc.list_flatten(self.index.column("modalities"))).to_pylist()
            self._promised = frozenset(map(Modality, names))
        return tuple(modality for modality in Modality if modality in self._promised | self._found)

    def coverage(self, record: Record) -> dict[Modality, Coverage]:
        """What is there of each of the dataset's modalities in a loaded record."""
        found = {stream.modality for stream in record.streams}
        return coverage_of(record.coverage, found, self.modalities)

    def cues(self, stream: Stream) -> tuple[Cue, ...]:
        """The cues of a text stream as they were corrected, in local time, ordered by start."""
        return tuple(cue for _, cue in self.numbered_cues(stream))

    def numbered_cues(self, stream: Stream) -> list[tuple[int, Cue]]:
        """The same, each with its number in the stream as it was delivered."""
        from inspector.media.cues import load_cues

        return numbered(load_cues(stream.source)[0], stream.meta.get("corrections"))

    def series(
        self,
        stream: Stream,
        job: Job[Any] | None = None,
        partial: Callable[[Series | LongSeries], None] | None = None,
    ) -> Series | LongSeries:
        """The samples of a sensor stream, in local time: in memory, or of a long one mapped from the cache.

        `partial` is given a long one at once, and again each time that it has grown.
        """
        from inspector.media.series_build import read_series

        return read_series(stream, job, partial)

    def peaks(
        self,
        stream: Stream,
        job: Job[Peaks],
        partial: Callable[[Peaks], None],
        busy: Callable[[], bool] | None = None,
    ) -> Peaks:
        """The waveform pyramid of a sound, in local time; `partial` is told of each further stretch.

        While `busy` says that the player needs the machine more, it is built at a slower pace.
        """
        from inspector.media.peaks import load_peaks

        return load_peaks(stream.source, job, partial, busy)

    @property
    def engine(self) -> Engine:
        """What answers SQL over this dataset, made when it is first asked for."""
        from inspector.query.engine import Engine

        with self._lock:
            if self._engine is None:
                self._engine = Engine(self)
            return self._engine

    def ask(
        self,
        sql: str,
        then: Callable[[Question], None] | None = None,
        limit: int | None = 100_000,
        timeout_s: float | None = None,
    ) -> Question:
        """Ask in SQL (the tables are fixed in design.md). `then` is called in the engine's thread."""
        return self.engine.ask(sql, then, limit, timeout_s)

    def query(self, sql: str, limit: int | None = None, timeout_s: float | None = None) -> Answer:
        """The same, waited for. Raises InspectorError for what is refused or wrong."""
        question = self.ask(sql, None, limit, timeout_s)
        question.wait()
        if question.answer is None:
            raise question.error or Cancelled(sql)
        return question.answer

    def where(self, condition: str, timeout_s: float | None = None) -> list[str]:
        """The records that a boolean expression over `records` holds for. InspectorError where it is none."""
        from inspector.query.gate import selection

        answer = self.query(selection(condition), None, timeout_s)
        ids: list[str] = answer.table.column("record_id").to_pylist()
        return ids

    def rules(self) -> tuple[Rule, ...]:
        """The dataset's own rules, shipped with it or kept in the workspace, by name."""
        from inspector.query.rules import rules_of

        return rules_of(self.root, [each.parent for each in reversed(self.desk.workspace.journals)])

    def run_rule(self, name: str, timeout_s: float | None = 30.0) -> list[Finding]:
        """What a rule finds, each with the check id `rule.<name>`; waits. For the audit and the command line.

        Raises InspectorError for a rule that is not there, is refused, wrong, or takes longer; such a rule is
        one thing that failed, and the others go on working.
        """
        from inspector.query.rules import MOST_FINDINGS, findings_of

        rule = next((each for each in self.rules() if each.name == name), None)
        if rule is None:
            known = ", ".join(each.name for each in self.rules()[:10])
            raise InspectorError("There is no such rule", name, f"There is {known}" if known else "")
        answer = self.query(rule.sql, MOST_FINDINGS, timeout_s)
        return findings_of(rule, answer.table, answer.truncated)

    def make_rule(self, name: str, sql: str) -> Rule:
        """Keep a question as a rule in the workspace. InspectorError where it is refused, or not kept."""
        from inspector.query import gate
        from inspector.query.rules import keep_rule
        from inspector.query.tables import TABLES

        gate.examine(sql, TABLES)
        self.desk.workspace.begin()
        return keep_rule(self.desk.workspace.folder, name, sql)

    def sql_schema(self) -> dict[str, tuple[tuple[str, str], ...]]:
        """Each table that can be asked with its columns and their types."""
        return self.engine.schema()

    def sql_functions(self) -> tuple[str, ...]:
        """Names of functions, for completion."""
        return self.engine.functions()

    def summary(self, told: Callable[[int], None] | None = None) -> Summary:
        """Load every record and count; `told` hears how many have been read.

        A record that cannot be loaded is a problem line, and the others are counted on.
        """
        counted = Summary(problems=[str(problem) for problem in self.dataset.problems])
        files: set[Path] = set()
        for done, record_id in enumerate(self.record_ids()):
            if told is not None:
                told(done)
            try:
                record = self.record(record_id)
            except InspectorError as error:
                counted.problems.append(f"{record_id}: {error}")
                continue
            start, end = record.span
            counted.duration_ns += end - start
            counted.problems += [f"{record_id}: {problem}" for problem in record.problems]
            counted.streams.update(stream.modality for stream in record.streams)
            counted.records.update({stream.modality for stream in record.streams})
            counted.states.update(self.coverage(record).items())
            files |= {stream.source.path for stream in record.streams}
        counted.bytes = sum(path.stat().st_size for path in files if path.exists())
        return counted

    def info(self, counted: Summary) -> dict[str, Any]:
        """What `inspector info --json` prints (keys fixed in design.md)."""
        return {
            "path": str(self.root),
            "format": self.dataset.reader,
            "records": len(self.index),
            "duration_s": round(counted.duration_ns / NS, 3),
            "modalities": {
                modality.value: {"records": counted.records[modality], "streams": counted.streams[modality]}
                for modality in self.modalities
            },
            "problems": counted.problems,
            "leftover": list(self.dataset.leftover),
        }

    @property
    def audited(self) -> Store:
        """What audits found: kept in the workspace, or in memory where nothing may be written."""
        from inspector.audit.store import FOLDER, Store

        with self._lock:
            if self._store is None:
                home = self.desk.workspace.folder
                near = next(each for each in (home, *home.parents) if each.exists())
                self._store = Store(home / FOLDER if os.access(near, os.W_OK) else None)
            return self._store

    def audit(self, options: Options) -> Run:
        """A run of the checks, begun when its findings are asked for."""
        from inspector.audit.runner import Run

        for record_id in options.records:
            self.row_of(record_id)
        opener = partial(Session.open, self.root, self.dataset.reader, self.desk.workspace.folder)
        return Run(self, options, self.audited, opener)

    def accept(self, findings: Iterable[Finding], note: str = "") -> Edit | None:
        """Make the fixes of findings, all in one edit; None where they stand already."""
        from inspector.audit.fixes import places

        wanted: dict[tuple[str, str], Any] = {}
        for finding in findings:
            if finding.record_id is not None:
                for path, after in places(finding, self.record(finding.record_id)):
                    wanted.setdefault((finding.record_id, path), after)
        changes = [self.curation.change(*place, after) for place, after in wanted.items()]
        changes = [change for change in changes if change.before != change.after]
        records = len({change.record_id for change in changes})
        title = f"Accept fixes of {records} record{'s' * (records != 1)}"
        return self.edit(title, changes, note) if changes else None

    def urgent(
        self, title: str, work: Callable[[Job[T]], T], then: Callable[[Job[T]], None] | None = None
    ) -> Job[T]:
        """A job that somebody waits for: it does not queue behind the background ones."""
        return self._urgent.start(title, work, then)

    def survey(self, pick: Callable[[], str | None], got: Callable[[str, Record | None], None]) -> Job[None]:
        """Load records behind everything else, each told to `got` in the job's thread, None if it failed.

        `pick` names the next one (those on screen first), or None when all are known.
        """

        def work(job: Job[None]) -> None:
            job.total = len(self.index)
            while (record_id := pick()) is not None:
                job.step()
                try:
                    record = self.record(record_id)
                except InspectorError as error:
                    log.warning("%s", error)
                    got(record_id, None)
                else:
                    got(record_id, record)

        return self.jobs.start("reading records", work)

    def close(self, wait: bool = True) -> None:
        """Stop background work; without `wait` it ends by itself, at its next step."""
        for jobs in (self.jobs, self._urgent):
            jobs.close(wait)
        with self._lock:
            engine, self._engine = self._engine, None
        if engine is not None:
            engine.close(wait)
        self.desk.close()

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Opening:
    """Starts at once. `path` None opens nothing: the window shows its start page."""

    def __init__(
        self,
        path: str | None,
        reader: str | None = None,
        record_id: str | None = None,
        workspace: str | None = None,
        author: str | None = None,
    ) -> None:
        self.path = path
        self.session: Session | None = None
        self.record: Record | None = None
        self.error: Exception | None = None
        self._reader = reader
        self._where = workspace, author
        self._record_id = record_id
        self._thread = threading.Thread(target=self._work, name="inspector-opening", daemon=True)
        self._thread.start()

    def wait(self, timeout: float | None = None) -> bool:
        """Until it is done; False where the time ran out first."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _work(self) -> None:
        if self.path is None:
            return
        try:
            self.session = Session.open(self.path, self._reader, *self._where)
            ids = self.session.index.column("record_id")
            if self._record_id is not None:
                self.session.row_of(self._record_id)
            elif not len(ids):
                return
            self.record = self.session.record(self._record_id or ids[0].as_py())
        except Exception as error:
            self.error = error
            if not isinstance(error, InspectorError):
                log.exception("opening %s", self.path)
