"""Records spread over a Ray cluster: the same function that a thread runs here, in tasks there.

Every node opens the dataset by the path that is named here (a shared drive) and has Inspector installed. A
task whose node is lost is given to another one; where the cluster cannot do it at all, the record is done
here. Ray is an optional extra; only this file knows it.
"""

from __future__ import annotations

import importlib
import threading
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from inspector.audit.case import Case, Facts, Source
from inspector.audit.decoding import Decoders
from inspector.audit.work import Done, Order, run_order
from inspector.errors import InspectorError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from concurrent.futures import Future

    from inspector.audit.checks import Limits
    from inspector.core.model import Modality

RETRIES = 5
"""So many nodes may be lost under one record before it is done here."""


class Cluster:
    """The connection of one run. `opener` opens the dataset on a node; `run` names this run there."""

    def __init__(
        self,
        address: str,
        run: str,
        opener: Callable[[], Source],
        tolerances: Mapping[str, Limits],
        excused: frozenset[tuple[str, Modality]] = frozenset(),
    ) -> None:
        """Connect; `excused` is what curators said need not be there.

        InspectorError where Ray is not installed or no cluster answers.
        """
        try:
            self._ray: Any = importlib.import_module("ray")
        except ImportError as error:
            raise InspectorError(
                "Ray is not installed", str(error), "pip install 'dataset-inspector[ray]', or use --workers"
            ) from error
        self._ours = not self._ray.is_initialized()
        if self._ours:
            try:
                self._ray.init(
                    address=address, log_to_driver=False, logging_level="ERROR", configure_logging=False
                )
            except Exception as error:
                # Ray raises whatever gRPC, redis or the socket raised.
                raise InspectorError(
                    "No Ray cluster answers", f"{address}: {error}", "Begin one with `ray start --head`"
                ) from error
        self._task = self._ray.remote(num_cpus=1, max_retries=RETRIES)(run_there)
        self._about = self._ray.put((run, opener, dict(tolerances), excused))

    @property
    def at_once(self) -> int:
        """How many records are worth handing out at a time: two for each processor that there is now."""
        return max(2, 2 * int(self._ray.cluster_resources().get("CPU", 1)))

    def submit(self, order: Order, before: Mapping[tuple[str, str], str]) -> Future[Done]:
        """Have a record done by some node; what earlier audits kept of it goes along."""
        future: Future[Done] = self._task.remote(self._about, order, dict(before)).future()
        return future

    def lost(self, error: Exception) -> bool:
        """Whether a task failed because of the cluster, so that the record has to be done here.

        What our own function raised there would be raised here, too: it is raised as what it was.
        """
        kinds = self._ray.exceptions
        if isinstance(error, kinds.RayTaskError):
            cause: BaseException = error.cause
            raise cause
        return isinstance(error, kinds.RayError)

    def close(self) -> None:
        """Leave the cluster, if it was joined here."""
        if self._ours:
            self._ray.shutdown()


def run_there(
    about: tuple[str, Callable[[], Source], Mapping[str, Limits], frozenset[tuple[str, Modality]]],
    order: Order,
    before: Mapping[tuple[str, str], str],
) -> Done:
    """On a node: one record through one stage."""
    source, facts, decoders = _desk.opened(*about)

    def case_of(record_id: str) -> Case:
        return Case(source.record(record_id), facts, decoders.material, source.cues, before=before)

    return run_order(order, facts, case_of)


class _Desk:
    """The dataset as this process has it open for the newest run: for another run other edits may hold."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._run = ""
        self._held: tuple[Source, Facts, Decoders] | None = None

    def opened(
        self,
        run: str,
        opener: Callable[[], Source],
        tolerances: Mapping[str, Limits],
        excused: frozenset[tuple[str, Modality]],
    ) -> tuple[Source, Facts, Decoders]:
        """The dataset for that run, opened once."""
        with self._lock:
            if self._held is None or self._run != run:
                self._close()
                source = opener()
                facts = Facts(source.root, source.index, dict(tolerances), excused)
                self._held = source, facts, Decoders()
                self._run = run
            return self._held

    def close(self) -> None:
        """Let go of it; a process of a cluster ends without."""
        with self._lock:
            self._close()

    def _close(self) -> None:
        if self._held is not None:
            source, _, decoders = self._held
            decoders.close()
            if isinstance(source, AbstractContextManager):
                source.__exit__(None, None, None)
            self._held = None


_desk = _Desk()
leave = _desk.close
"""Close what `run_there` has opened in this process."""
