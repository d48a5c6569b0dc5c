"""What a check says of a record: ok, suspect, failed or not measurable. Bad data is a finding, no crash."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from inspector.core.timemap import TimeMap
from inspector.core.times import ns_from_s, s_from_ns

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inspector.core.model import Span


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
    clock runs `drift_ppm` faster than the reference's. `moves` are the streams that go with it, by as much:
    those of its clock, and those that were made from it (a transcript from its sound).
    """

    stream: str | None = None
    timemap: TimeMap | None = None
    offset_ns: int | None = None
    drift_ppm: float | None = None
    change: tuple[str, Any, Any] | None = None
    moves: tuple[str, ...] = ()
    method: str = ""
    """What it was measured by: measured again by the same, that it fits proves little."""


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

    @property
    def key(self) -> str:
        """What a verdict on it is filed under: the check, the record and the streams, not the figure."""
        told = "\0".join((self.check, self.record_id or "", *self.streams))
        return hashlib.blake2b(told.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()

    def to_json(self) -> dict[str, Any]:
        """The line that `inspector audit --json` prints (keys fixed in design.md)."""
        return {
            "check": self.check,
            "record_id": self.record_id,
            "streams": list(self.streams),
            "start_s": None if self.span is None else s_from_ns(self.span[0]),
            "end_s": None if self.span is None else s_from_ns(self.span[1]),
            "value": self.value,
            "unit": self.unit,
            "tolerance": list(self.tolerance),
            "status": self.status.value,
            "confidence": self.confidence,
            "severity": self.severity,
            "message": self.message,
            "fix": None if self.fix is None else _fix_json(self.fix),
        }

    @classmethod
    def from_json(cls, line: Mapping[str, Any]) -> Finding:
        """The finding of such a line; KeyError or ValueError where it is none."""
        start, end = line["start_s"], line["end_s"]
        low, high = line["tolerance"]
        return cls(
            check=line["check"],
            record_id=line["record_id"],
            streams=tuple(line["streams"]),
            span=None if start is None or end is None else (ns_from_s(start), ns_from_s(end)),
            value=line["value"],
            unit=line["unit"],
            tolerance=(low, high),
            status=Status(line["status"]),
            confidence=line["confidence"],
            severity=line["severity"],
            message=line["message"],
            fix=None if line["fix"] is None else _fix_of(line["fix"]),
        )


def _fix_json(fix: Fix) -> dict[str, Any]:
    told: dict[str, Any] = {
        "stream": fix.stream,
        "offset_ms": None if fix.offset_ns is None else fix.offset_ns / 1e6,
        "drift_ppm": fix.drift_ppm,
        "anchors": None
        if fix.timemap is None
        else [[s_from_ns(local), s_from_ns(reference)] for local, reference in fix.timemap.anchors],
    }
    if fix.moves:
        told["moves"] = list(fix.moves)
    if fix.method:
        told["method"] = fix.method
    if fix.change is not None:
        told["change"] = list(fix.change)
    return told


def _fix_of(told: Mapping[str, Any]) -> Fix:
    anchors, offset = told["anchors"], told["offset_ms"]
    change = told.get("change")
    return Fix(
        stream=told["stream"],
        timemap=None
        if anchors is None
        else TimeMap(tuple((ns_from_s(local), ns_from_s(reference)) for local, reference in anchors)),
        offset_ns=None if offset is None else round(offset * 1e6),
        drift_ppm=told["drift_ppm"],
        change=None if change is None else (change[0], change[1], change[2]),
        moves=tuple(told.get("moves", ())),
        method=str(told.get("method", "")),
    )
