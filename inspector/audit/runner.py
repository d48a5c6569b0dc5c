"""Runs the checks over a dataset: cheap ones first, each record decoded once for all of them.

Results stream as they come, are kept in parts (audit.store), and are only made anew for records whose
content, time maps, labels, tolerances or checks have changed. A film that kills or hangs a decoder is a
finding like any other.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from inspector.audit.asset import KIND as CONTENT
from inspector.audit.case import Case, Facts, Gathered, Source
from inspector.audit.checks import Stage
from inspector.audit.closing import judged, withdraw
from inspector.audit.cluster import Cluster
from inspector.audit.decoding import Decoders
from inspector.audit.purpose import chosen
from inspector.audit.store import Result, Store
from inspector.audit.work import Done, Order, chosen_checks, digest, guarded, run_order, told_of_checks
from inspector.core.sources import excused
from inspector.errors import Cancelled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from inspector.audit.checks import Limits
    from inspector.audit.material import Film, Sound
    from inspector.core.findings import Finding
    from inspector.core.model import Stream

KEEP_EVERY_S = 5.0
KEEP_EVERY = 200
"""Results are stored when so many are there or so much time has passed: a crash costs no more than that."""

PER_RECORD = (Stage.RECORD, Stage.DECODE)


@dataclass(frozen=True, slots=True)
class Options:
    """What is asked for. `checks` and `records` empty: all of them. `ray` is a cluster's address, or `auto`
    for the one that this machine belongs to; its nodes then do what `workers` threads do else."""

    checks: tuple[str, ...] = ()
    records: tuple[str, ...] = ()
    workers: int = 1
    ray: str | None = None
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

    def __init__(
        self, source: Source, options: Options, store: Store, opener: Callable[[], Source] | None = None
    ) -> None:
        """`opener` opens the same dataset in another process; only a run on a cluster needs it."""
        self.progress = Progress()
        self._opener = opener
        self._source = source
        self._options = options
        self._store = store
        self._set = chosen(store.folder)
        curation = getattr(source, "curation", None)
        limits = self._set.limits() | dict(options.tolerances)
        self._facts = Facts(
            source.root, source.index, limits, frozenset() if curation is None else excused(curation)
        )
        self._chosen = chosen_checks(options.checks)
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
        self._cluster: Cluster | None = None

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
            if self._cluster is not None:
                self._cluster.close()
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
            found += guarded(each, Stage.INDEX, self._facts, None)
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
            key = digest([content, told_of_checks(Stage.DATASET, self._facts)]) if content else ""
            if key and self._store.key(None, stage) == key:
                self.progress.done += 1
                yield Result(None, stage, key, self._store.of(None, stage))
                continue
            found = guarded(each, Stage.DATASET, gathered, None)
            self.progress.done += 1
            states, gathered.states[:] = list(gathered.states), []
            result = Result(None, stage, key, found, [], states)
            self._put(result, whole=not asked)
            yield result

    def _all_content(self, ids: list[str]) -> str:
        """What all records are made of, known from the stages before; empty where one was not seen there."""
        if any(each not in self._content for each in ids):
            return ""
        return digest([[each, self._content[each]] for each in ids])

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
        names = tuple(each.id for each in of_stage)
        told = told_of_checks(stage, self._facts)
        running: dict[Future[Done], Order] = {}
        cluster = self._joined()
        with ThreadPoolExecutor(max(1, self._options.workers), thread_name_prefix="inspector-audit") as pool:
            at_once = 2 * self._options.workers if cluster is None else cluster.at_once
            try:
                while todo or running:
                    self._step()
                    while todo and len(running) < at_once:
                        record_id = todo.popleft()
                        known = self._store.key(record_id, stage)
                        order = Order(record_id, stage, names, told, known)
                        if cluster is None:
                            running[pool.submit(self._do, order)] = order
                        else:
                            running[cluster.submit(order, self._before.get(record_id, {}))] = order
                    finished, _ = wait(running, timeout=0.5, return_when=FIRST_COMPLETED)
                    for future in finished:
                        order = running.pop(future)
                        error = future.exception()
                        if cluster is not None and isinstance(error, Exception) and cluster.lost(error):
                            running[pool.submit(self._do, order)] = order
                            continue
                        result = self._taken(future.result())
                        self.progress.done += 1
                        yield result
            except BaseException:
                self._cancelled.set()  # also where whoever iterates has gone away
                raise

    def _joined(self) -> Cluster | None:
        """The cluster that was asked for, joined once a run."""
        if self._options.ray is None or self._opener is None:
            return None
        if self._cluster is None:
            run = os.urandom(8).hex()
            self._cluster = Cluster(
                self._options.ray, run, self._opener, self._facts.tolerances, self._facts.excused
            )
        return self._cluster

    def _do(self, order: Order) -> Done:
        """One record through the checks of a stage, here."""
        if self._cancelled.is_set():
            raise Cancelled("the audit")
        return run_order(order, self._facts, self._case)

    def _taken(self, done: Done) -> Result:
        """Keep what came of a record; a known result is given again."""
        result = done.result
        record_id, stage = result.record_id, result.stage
        assert record_id is not None
        if done.content:
            self._content[record_id] = done.content
            self._streams[record_id] = done.streams
            self._people[record_id] = done.people
        if done.kept:
            self.progress.kept += 1
            names = {each.id for each in self._chosen}
            known = [each for each in self._store.of(record_id, stage) if each.check in names]
            return replace(result, findings=known)
        if done.content or result.findings:
            self._put(result, whole=not self._options.checks or not done.content)
        return result

    # -- help --------------------------------------------------------------------------------------------

    def _case(self, record_id: str) -> Case:
        def decode(stream: Stream) -> Film | Sound:
            return self._decoders.material(stream, self._cancelled.is_set)

        record = self._source.record(record_id)
        return Case(record, self._facts, decode, self._source.cues, before=self._before.get(record_id, {}))

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
            anew = {each.key for each in result.findings if each.record_id is None}
            rest = [
                each
                for each in self._store.of(result.record_id, result.stage)
                if each.check not in names or (self._options.records and each.record_id not in self._asked)
            ]
            rest = [each for each in rest if each.record_id is not None or each.key not in anew]
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
