"""What a check says of a record: ok, suspect, failed or not measurable. Bad data is a finding, no crash."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from inspector.core.model import Span
    from inspector.core.timemap import TimeMap


class Status(StrEnum):
    """The verdict of a check, spelled as in SQL and JSON."""

    OK = "ok"
    SUSPECT = "suspect"
    FAILED = "failed"
    NOT_MEASURABLE = "not_measurable"


@dataclass(frozen=True, slots=True)
class Fix:
    """What would mend it: a new `timemap` for a stream, or another change, `(path, before, after)`.

    Present only where the check's gate passed. The stream is `offset_ns` late at reference time 0 and its
    clock runs `drift_ppm` faster than the reference's.
    """

    stream: str | None = None
    timemap: TimeMap | None = None
    offset_ns: int | None = None
    drift_ppm: float | None = None
    change: tuple[str, Any, Any] | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """One check's result on one record (None: on the whole dataset).

    `value` and `tolerance` (low, high, either None) are in `unit`; offsets are positive where the first of
    `streams`, which is the one that moved, is late. `span` is on the reference timeline. `confidence` is 0 to
    1, None where the check is exact; `severity` 0 to 1 orders a worklist.
    """

    check: str
    record_id: str | None
    streams: tuple[str, ...] = ()
    span: Span | None = None
    value: float | None = None
    unit: str = ""
    tolerance: tuple[float | None, float | None] = (None, None)
    status: Status = Status.OK
    confidence: float | None = None
    severity: float = 0.0
    message: str = ""
    fix: Fix | None = None
