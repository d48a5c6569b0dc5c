"""As much of Ray as is used, by threads; Ray itself is in tests/bench/test_ray.py."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from inspector.audit.cluster import leave

if TYPE_CHECKING:
    from collections.abc import Callable


class RayError(Exception):
    """As `ray.exceptions.RayError`."""


class RayTaskError(RayError):
    """As `ray.exceptions.RayTaskError`: what the task's own function raised, with that as its cause."""

    def __init__(self, cause: BaseException) -> None:
        super().__init__(str(cause))
        self.cause = cause


def _there(function: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return function(*arguments)
    except Exception as error:
        raise RayTaskError(error) from error


class Threads:
    """As much of Ray as is used, by threads; every third task is lost with its node."""

    def __init__(self, lose: bool) -> None:
        self.exceptions = SimpleNamespace(RayError=RayError, RayTaskError=RayTaskError)
        self.given = 0
        self._lose = lose
        self._pool = ThreadPoolExecutor(2)
        self._lock = threading.Lock()

    def is_initialized(self) -> bool:
        """Nobody has joined yet."""
        return False

    def init(self, address: str, **_: Any) -> None:
        """Only one cluster answers."""
        if address != "auto":
            raise ConnectionError("nobody there")

    def shutdown(self) -> None:
        """Leave."""
        self._pool.shutdown()
        leave()

    def cluster_resources(self) -> dict[str, float]:
        """Two processors."""
        return {"CPU": 2.0}

    def put(self, what: Any) -> Any:
        """Kept as it is."""
        return what

    def remote(self, **_: Any) -> Callable[[Callable[..., Any]], Any]:
        """A decorator that gives `f.remote(…).future()`."""

        def made(function: Callable[..., Any]) -> Any:
            def call(*arguments: Any) -> Any:
                with self._lock:
                    self.given += 1
                    lost = self._lose and self.given % 3 == 0
                future: Future[Any] = self._pool.submit(_lost if lost else _there, function, *arguments)
                return SimpleNamespace(future=lambda: future)

            return SimpleNamespace(remote=call)

        return made


def _lost(*_: Any) -> None:
    raise RayError("the node died")
