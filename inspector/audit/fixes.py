"""Findings' fixes as changes to the journal, and in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inspector.core.effective import evidence_path, timemap_path, timemap_value
from inspector.core.proposal import along, moves_said

if TYPE_CHECKING:
    from collections.abc import Iterator

    from inspector.core.findings import Finding, Fix
    from inspector.core.model import Record, Stream


def places(finding: Finding, record: Record) -> Iterator[tuple[str, Any]]:
    """Each path that the finding's fix changes in its record, with what is to stand there."""
    fix = finding.fix
    if fix is None:
        return
    if fix.change is not None:
        yield fix.change[0], fix.change[2]
    if fix.stream is None or fix.timemap is None:
        return
    yield timemap_path(fix.stream), timemap_value(fix.timemap)
    moved = record.stream(fix.stream)
    if fix.method:
        late = (fix.timemap.late_ns - moved.timemap.late_ns) / 1e6
        drift = fix.timemap.drift_ppm - moved.timemap.drift_ppm
        told = {"method": fix.method, "late_ms": round(late, 3), "drift_ppm": round(drift, 3)}
        told["timemap"] = timemap_value(fix.timemap)
        yield evidence_path(fix.stream), told
    for name in fix.moves:
        follower = record.stream(name)
        yield timemap_path(name), timemap_value(along(moved, fix.timemap, follower))


def evidence(stream: Stream) -> tuple[str, float, float] | None:
    """The method that the map in force was measured by when it was accepted, the lateness at 0 that it took
    off, ms, and the drift, ppm; None where nobody accepted it so, or moved the stream since."""
    told = stream.meta.get("evidence")
    if not isinstance(told, dict) or told.get("timemap") != timemap_value(stream.timemap):
        return None
    method, late, drift = told.get("method"), told.get("late_ms"), told.get("drift_ppm", 0.0)
    if not isinstance(method, str) or not all(isinstance(each, int | float) for each in (late, drift)):
        return None
    return method, float(late or 0.0), float(drift)


def in_words(fix: Fix, record: Record) -> str:
    """What accepting the fix does, for people."""
    if fix.stream is None or fix.timemap is None:
        return f"changes {fix.change[0]}" if fix.change is not None else "changes nothing"
    told = moves_said(record.stream(fix.stream).timemap, fix.timemap)
    also = f", and {', '.join(fix.moves)} with it" if fix.moves else ""
    return f"{fix.stream} {told}{also}"
