"""Records spread over a Ray cluster: the same function that a thread runs here, in tasks there.

Every node opens the dataset by the path that is named here. Where the cluster cannot do a record at all, it
is done here.
"""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from inspector.audit.case import Case, Facts, Source
from inspector.audit.decoding import Decoders
from inspector.audit.work import Done, Order, run_order
from inspector.media.nodes import Nodes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from concurrent.futures import Future

    from inspector.audit.checks import Limits
    from inspector.core.model import Modality


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
        """Connect; `excused` is what curators said need not be there. Raises as `Nodes`."""
        self._nodes = Nodes(address, run_there, "use --workers")
        self._about = self._nodes.share((run, opener, dict(tolerances), excused))
        self.lost, self.close = self._nodes.lost, self._nodes.close

    @property
    def at_once(self) -> int:
        """How many records are worth handing out at a time."""
        return self._nodes.at_once

    def submit(self, order: Order, before: Mapping[tuple[str, str], str]) -> Future[Done]:
        """Have a record done by some node; what earlier audits kept of it goes along."""
        return self._nodes.submit(self._about, order, dict(before))


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
