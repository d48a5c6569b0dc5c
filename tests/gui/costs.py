"""What work costs against other work: no test tells an absolute time, for machines differ and are shared."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def least_s(work: Callable[[], object], times: int = 5) -> float:
    """The least of some times that a piece of work takes, s: what else runs can only add to it."""

    def once() -> float:
        began = time.perf_counter()
        work()
        return time.perf_counter() - began

    return min(once() for _ in range(times))
