"""A Ray cluster over whose nodes a function is spread; beside `child`, which spreads over processes.

Every node reaches the files by the same paths (a shared drive) and has Inspector installed. A task whose node
is lost is given to another one. Ray is an optional extra; only this file knows it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from inspector.errors import InspectorError

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

RETRIES = 5
"""So many nodes may be lost under one task before it is given back."""


class Nodes:
    """One run's connection to a cluster, whose nodes are asked for one function."""

    def __init__(self, address: str, function: Callable[..., Any], instead: str) -> None:
        """Connect; `auto` is the cluster of this machine.

        `instead` says what else can be done. InspectorError where Ray is not installed or no cluster answers.
        """
        try:
            self._ray: Any = importlib.import_module("ray")
        except ImportError as error:
            raise InspectorError(
                "Ray is not installed", str(error), f"pip install 'dataset-inspector[ray]', or {instead}"
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
        self._task = self._ray.remote(num_cpus=1, max_retries=RETRIES)(function)

    @property
    def at_once(self) -> int:
        """How many tasks are worth handing out at a time: two for each processor that there is now."""
        return max(2, 2 * int(self._ray.cluster_resources().get("CPU", 1)))

    def share(self, what: object) -> Any:
        """Have the nodes keep something, to be given to tasks in its place."""
        return self._ray.put(what)

    def submit(self, *arguments: Any) -> Future[Any]:
        """Have the function called on some node."""
        future: Future[Any] = self._task.remote(*arguments).future()
        return future

    def lost(self, error: Exception) -> bool:
        """Whether a task failed because of the cluster, so that its work has to be done here.

        What our own function raised there would be raised here, too: it is raised as what it was.
        """
        kinds = self._ray.exceptions
        if isinstance(error, kinds.RayTaskError):
            cause: BaseException = error.cause
            raise cause
        return isinstance(error, kinds.RayError)

    def close(self) -> None:
        """Leave the cluster, if it was joined here."""
        ours, self._ours = self._ours, False
        if ours:
            self._ray.shutdown()
