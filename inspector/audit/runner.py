"""Runs the checks over a dataset: cheap ones first, each record decoded once for all of them.

Results stream as they come, are kept in parts (audit.store), and are only made anew for records whose
content, time maps, labels, tolerances or checks have changed. A film that kills or hangs a decoder is a
finding like any other.
"""

from __future__ import annotations

import hashlib
import json
import logging
import threading
import time
from collections import deque
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from inspector.audit.asset import KIND as CONTENT
from inspector.audit.case import Case, Facts, Gathered, Source
from inspector.audit.checks import Check, Stage, checks
from inspector.audit.closing import judged, withdraw
from inspector.audit.decoding import Decoders
from inspector.audit.purpose import chosen
from inspector.audit.store import Result, Store
from inspector.core.cache import file_key
from inspector.core.findings import Finding, Status
from inspector.errors import Cancelled, InspectorError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from inspector.audit.checks import Limits
    from inspector.audit.material import Film, Sound
    from inspector.core.model import Record, Stream

log = logging.getLogger(__name__)

KEEP_EVERY_S = 5.0
KEEP_EVERY = 200
"""Results are stored when so many are there or so much time has passed: a crash costs no more than that."""

PER_RECORD = (Stage.RECORD, Stage.DECODE)


@dataclass(frozen=True, slots=True)
class Options:
    """What is asked for. `checks` and `records` empty: all of them."""

    checks: tuple[str, ...] = ()
    records: tuple[str, ...] = ()
    workers: int = 1
    tolerances: Mapping[str, Limits] = field(default_factory=dict)


@dataclass
class Progress:
    """Where a run is, to be read from any thread."""

    stage: Stage = Stage.INDEX
    done: int = 0
    total: int = 0
    kept: int = 0
    """Records whose result was known and still holds."""
    began: float = field(default_factory=time.monotonic)

    @property
    def rate(self) -> float:
        """Records a second in this stage."""
        return self.done / max(time.monotonic() - self.began, 1e-3)

    @property
    def left_s(self) -> float:
        """How long this stage will still take at that rate, s."""
        return (self.total - self.done) / max(self.rate, 1e-6)


class Run:
    """One audit. Iterate over `findings`; `pause`, `resume` and `cancel` from any thread."""

    def __init__(self, source: Source, options: Options, store: Store) -> None:
        self.progress = Progress()
        self._source = source
        self._options = options
        self._store = store
        self._set = chosen(store.folder)
        self._facts = Facts(source.root, source.index, self._set.limits() | dict(options.tolerances))
        self._chosen = _chosen(options.checks)
        self._cancelled = threading.Event()
        self._going = threading.Event()
        self._going.set()
        self._asked = frozenset(options.records)
        self._lock = threading.Lock()
        self._waiting: list[Result] = []
        self._kept_at = time.monotonic()
        self._decoders = Decoders()
        self._before: dict[str, dict[tuple[str, str], str]] = {}
        for row in store.table("states").to_pylist():
            if row["kind"] == CONTENT:
                self._before.setdefault(row["record_id"], {})[CONTENT, row["name"]] = row["state"]
        self._content: dict[str, str] = {}
        self._streams: dict[str, dict[str, str]] = {}
        self._people: dict[str, frozenset[str]] = {}

    def cancel(self) -> None:
        """Stop; what is done so far is kept."""
        self._cancelled.set()
        self._going.set()

    def self_test(self, number: int) -> Iterator[Finding]:
        """Hidden faults put into virtual copies of the records, and what the checks make of them."""
        from inspector.audit.selftest import run_trials, summed_up

        ids = list(self._options.records) or self._source.index.column("record_id").to_pylist()
        self._begin(Stage.DATASET, number)

        def step() -> None:
            self._step()
            self.progress.done = min(self.progress.done + 1, number)

        try:
            trials = run_trials(self._facts, ids, self._case, number, step)
            found = list(summed_up(self._facts, trials))
            self._store.add([Result(None, "self-test", "", found)])
            yield from found
        finally:
            self._decoders.close()

    def pause(self) -> None:
        """Begin no further record until `resume`."""
        self._going.clear()

    def resume(self) -> None:
        """Go on."""
        self._going.set()

    def findings(self) -> Iterator[Finding]:
        """All findings of the chosen checks, known and new, as they come. Raises Cancelled after `cancel`."""
        try:
            for result in self._results():
                yield from result.findings
        finally:
            self._keep(True)
            self._decoders.close()
        self._store.settle()

    # -- stages ------------------------------------------------------------------------------------------

    def _results(self) -> Iterator[Result]:
        ids: list[str] = self._source.index.column("record_id").to_pylist()
        asked = set(self._options.records)
        wanted = [each for each in ids if not asked or each in asked]
        yield from self._index(asked)
        for stage in PER_RECORD:
            yield from self._per_record(stage, wanted)
        yield from self._dataset(ids, asked)
        if not asked and not self._options.checks:
            yield from self._close()

    def _close(self) -> Iterator[Result]:
        """What only the whole run tells: pairs that chance explains, and the gates of the purpose."""
        self._keep(True)
        results, told = withdraw(self._store)
        for result in results:
            self._put(result, whole=True)
            yield replace(result, findings=[each for each in result.findings if "withdrawn" in each.message])
        self._keep(True)
        found = [] if told is None else [told]
        found += judged(self._set.purpose, self._store, self._facts, self._streams, self._people)
        last = Result(None, "closing", "", found)
        self._put(last, whole=True)
        yield last

    def _begin(self, stage: Stage, total: int) -> None:
        self.progress.stage, self.progress.total, self.progress.done = stage, total, 0
        self.progress.began = time.monotonic()

    def _index(self, asked: set[str]) -> Iterator[Result]:
        of_index = [each for each in self._chosen if Stage.INDEX in each.stages]
        self._begin(Stage.INDEX, len(self._source.index))
        if not of_index:
            return
        found: list[Finding] = []
        for each in of_index:
            found += _guarded(each, Stage.INDEX, self._facts, None)
        if asked:
            found = [each for each in found if each.record_id in asked]
        self.progress.done = self.progress.total
        result = Result(None, Stage.INDEX, "", found)
        self._put(result, whole=not self._options.checks and not asked)
        yield result

    def _dataset(self, ids: list[str], asked: set[str]) -> Iterator[Result]:
        of_dataset = [each for each in self._chosen if Stage.DATASET in each.stages]
        self._begin(Stage.DATASET, len(of_dataset))
        if of_dataset:
            self._keep(True)  # what the stages before have measured is asked for
        gathered = Gathered(
            self._facts,
            ids,
            self._case,
            frozenset(asked) if asked else None,
            measured=self._measured,
            pairs=lambda: self._store.table("pairs").to_pylist(),
        )
        content = self._all_content(ids) if of_dataset and not asked else ""
        for each in of_dataset:
            self._step()
            stage = f"{Stage.DATASET}/{each.id}"
            key = _digest([content, self._told_of_checks(Stage.DATASET)]) if content else ""
            if key and self._store.key(None, stage) == key:
                self.progress.done += 1
                yield Result(None, stage, key, self._store.of(None, stage))
                continue
            found = _guarded(each, Stage.DATASET, gathered, None)
            self.progress.done += 1
            states, gathered.states[:] = list(gathered.states), []
            result = Result(None, stage, key, found, [], states)
            self._put(result, whole=not asked)
            yield result

    def _all_content(self, ids: list[str]) -> str:
        """What all records are made of, known from the stages before; empty where one was not seen there."""
        if any(each not in self._content for each in ids):
            return ""
        return _digest([[each, self._content[each]] for each in ids])

    def _per_record(self, stage: Stage, ids: list[str]) -> Iterator[Result]:
        of_stage = [each for each in self._chosen if stage in each.stages]
        if not of_stage:
            return
        among: set[str] = set()
        everywhere = False
        for each in of_stage:
            if each.among is None or stage is not Stage.RECORD:
                everywhere = True
                break
            among |= set(each.among(self._facts))
        todo = deque(ids if everywhere else [each for each in ids if each in among])
        self._begin(stage, len(todo))
        running: set[Future[Result]] = set()
        with ThreadPoolExecutor(max(1, self._options.workers), thread_name_prefix="inspector-audit") as pool:
            try:
                while todo or running:
                    self._step()
                    while todo and len(running) < 2 * self._options.workers:
                        running.add(pool.submit(self._record, todo.popleft(), stage, of_stage))
                    done, running = wait(running, timeout=0.5, return_when=FIRST_COMPLETED)
                    for future in done:
                        result = future.result()
                        self.progress.done += 1
                        yield result
            except BaseException:
                self._cancelled.set()  # also where whoever iterates has gone away
                raise

    def _record(self, record_id: str, stage: Stage, of_stage: list[Check]) -> Result:
        """One record through the checks of a stage; known results are given again."""
        if self._cancelled.is_set():
            raise Cancelled("the audit")
        try:
            case = self._case(record_id)
        except InspectorError as error:
            return self._unloaded(record_id, stage, str(error))
        content = _content_of(case.record)
        self._content[record_id] = content
        self._streams[record_id] = {each.id: each.modality.value for each in case.record.streams}
        self._people[record_id] = frozenset(each.person for each in case.record.streams if each.person)
        key = _digest([content, self._told_of_checks(stage)])
        if self._store.key(record_id, stage) == key:
            self.progress.kept += 1
            names = {each.id for each in of_stage}
            known = [each for each in self._store.of(record_id, stage) if each.check in names]
            return Result(record_id, stage, key, known)
        found: list[Finding] = []
        for each in of_stage:
            found += _guarded(each, stage, case, record_id)
        result = Result(record_id, stage, key, found, case.pairs, case.states)
        self._put(result, whole=not self._options.checks)
        return result

    def _unloaded(self, record_id: str, stage: Stage, why: str) -> Result:
        if stage is not Stage.RECORD:
            return Result(record_id, stage, "")
        found = self._facts.finding(
            "coverage.unreadable", record_id, status=Status.FAILED, severity=1.0, message=why
        )
        result = Result(record_id, stage, "", [found])
        self._put(result, whole=True)
        return result

    # -- help --------------------------------------------------------------------------------------------

    def _case(self, record_id: str) -> Case:
        def decode(stream: Stream) -> Film | Sound:
            return self._decoders.material(stream, self._cancelled.is_set)

        record = self._source.record(record_id)
        return Case(record, self._facts, decode, self._source.cues, before=self._before.get(record_id, {}))

    def _told_of_checks(self, stage: Stage) -> list[Any]:
        """The checks of a stage with their versions and tolerances: with the content, a result's key."""
        return [
            [each.id, each.version, self._facts.limits(each.id)]
            for each in _chosen(())
            if stage in each.stages
        ]

    def _measured(self) -> dict[tuple[str, str], str]:
        """Whether each stream of each record lies where it belongs: ok, failed or reference."""
        rows = self._store.table("states").to_pylist()
        return {(row["record_id"], row["name"]): row["state"] for row in rows if row["kind"] == "residual"}

    def _step(self) -> None:
        while not self._going.wait(0.2):
            pass
        if self._cancelled.is_set():
            raise Cancelled("the audit")

    def _put(self, result: Result, whole: bool) -> None:
        """Store a result; one of a part of the checks takes the others' findings of the same stage along."""
        if not whole:
            names = {each.id for each in self._chosen}
            rest = [
                each
                for each in self._store.of(result.record_id, result.stage)
                if each.check not in names or (self._options.records and each.record_id not in self._asked)
            ]
            result = replace(result, key="", findings=rest + result.findings)
        with self._lock:
            self._waiting.append(result)
        self._keep(False)

    def _keep(self, at_once: bool) -> None:
        with self._lock:
            late = time.monotonic() - self._kept_at > KEEP_EVERY_S
            if not at_once and not late and len(self._waiting) < KEEP_EVERY:
                return
            waiting, self._waiting = self._waiting, []
            self._kept_at = time.monotonic()
            self._store.add(waiting)


def _chosen(names: Iterable[str]) -> list[Check]:
    names = list(names)
    if not names:
        return [entry.value for entry in checks.all()]
    return [checks.get(name) for name in dict.fromkeys(names)]


def _content_of(record: Record) -> str:
    """What a record's results are made from: files, time maps, labels and what its reader said."""
    told: list[Any] = [
        [
            stream.id,
            _content(stream),
            [stream.source.track, stream.source.start_ns, stream.source.end_ns],
            [stream.source.row_start, stream.source.row_end],
            stream.timemap.anchors,
            stream.span,
        ]
        for stream in record.streams
    ]
    told.append([repr(label) for label in record.annotations])
    told += [
        [stream.id, stream.meta["corrections"]] for stream in record.streams if "corrections" in stream.meta
    ]
    told.append([str(problem) for problem in record.problems])
    told.append([record.reference, sorted((a.value, b.value) for a, b in record.coverage.items())])
    return _digest(told)


def _digest(told: list[Any]) -> str:
    text = json.dumps(told, ensure_ascii=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _content(stream: Stream) -> str:
    try:
        return file_key(stream.source.path)
    except OSError:
        return ""


def _guarded(one: Check, stage: Stage, what: Any, record_id: str | None) -> list[Finding]:
    """What a check finds; a fault of ours in it is told as not measurable, and the others go on."""
    run: Callable[[Any], Iterable[Finding]] = one.stages[stage]
    try:
        return list(run(what))
    except Cancelled:
        raise
    except InspectorError as error:
        why = str(error)
    except Exception as error:
        log.exception("%s on %s", one.id, record_id)
        why = f"a fault of Inspector, please report it: {type(error).__name__}: {error}"[:400]
    return [Finding(one.id, record_id, status=Status.NOT_MEASURABLE, message=why, unit=one.unit)]
