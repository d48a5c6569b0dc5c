"""What findings say of records, streams and moments, in the window's forms; and what was decided on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from inspector.core.findings import Finding, Status
from inspector.core.places import part
from inspector.errors import InspectorError
from inspector.ui.timeline.track import REFERENCE_CHIP, Chip

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from inspector.core.model import Record
    from inspector.session import Session
    from inspector.ui.panels.findings_model import Item


def verdict_path(finding: Finding) -> str:
    """Where it stands in the journal what was decided on a finding."""
    return f"findings/{part(finding.key)}/verdict"


def verdicts(session: Session, found: Iterable[Finding]) -> dict[str, str]:
    """Why findings were dismissed, by their keys; those that count are left out."""
    known = set(session.curation.records())
    reasons = {}
    for finding in found:
        if finding.record_id is None or finding.record_id not in known:
            continue
        value = session.curation.value(finding.record_id, verdict_path(finding))
        if isinstance(value, dict) and value.get("verdict") == "dismissed":
            reasons[finding.key] = str(value.get("reason") or "no reason given")
    return reasons


def worst(items: Sequence[Item]) -> dict[str, tuple[int, int]]:
    """How many findings that count failed and are suspect, by record."""
    told: dict[str, tuple[int, int]] = {}
    for item in items:
        finding = item.finding
        if finding.record_id is None or item.dismissed is not None:
            continue
        failed, suspect = told.get(finding.record_id, (0, 0))
        if finding.status is Status.FAILED:
            told[finding.record_id] = failed + 1, suspect
        elif finding.status is Status.SUSPECT:
            told[finding.record_id] = failed, suspect + 1
    return told


def marks(items: Sequence[Item], record_id: str) -> tuple[NDArray[np.int64], list[str]]:
    """Spans (n, 2) in ns of a record's findings that name one, by start, and what each says."""
    found = sorted(
        (item.finding.span, f"{item.finding.status.value}: {item.finding.message}")
        for item in items
        if item.finding.record_id == record_id
        and item.finding.span is not None
        and item.dismissed is None
        and item.finding.status in (Status.FAILED, Status.SUSPECT)
    )
    spans = np.array([span for span, _ in found], np.int64).reshape(-1, 2)
    return spans, [words for _, words in found]


def signed(figure: float, unit: str) -> str:
    """A figure in whole units with a true sign, none for nought: `+320 ms`, `0 ms`."""
    whole = round(figure)
    return f"{whole:+d} {unit}".replace("-", "−") if whole else f"0 {unit}"


def chips(session: Session, record: Record, items: Sequence[Item]) -> dict[str, Chip]:
    """What stands in the header of each stream's track: how far it was measured to be off."""
    streams = {stream.id: stream for stream in record.streams}
    through: dict[str, str] = {}
    for row in session.audited.table("pairs").to_pylist():
        if row["record_id"] == record.id and row["offset_ms"] is not None:
            for name, other in (("stream_b", "stream_a"), ("stream_a", "stream_b")):
                told = f"{row[name]} against {row[other]} by {row['method']}"
                through.setdefault(row[name], f"{told}, ±{row['residual_ms'] or 0:.0f} ms")
    found = {}
    for row in session.audited.table("states").to_pylist():
        if row["record_id"] != record.id or row["kind"] != "residual" or row["name"] not in streams:
            continue
        if row["state"] == "reference" or row["figure"] is None:
            found[row["name"]] = REFERENCE_CHIP
            continue
        text = signed(row["figure"], "ms")
        good = row["state"] == Status.OK.value
        words = through.get(row["name"], "solved from the record's other pairs")
        late = "late" if row["figure"] > 0 else "early"
        tip = f"{abs(row['figure']):.1f} ms {late} when it was last audited: {words}"
        found[row["name"]] = Chip(text, "good" if good else "failed", tip)
    for item in items:
        finding = item.finding
        drifts = finding.unit == "ppm" and finding.status is Status.FAILED and finding.value is not None
        if drifts and finding.record_id == record.id and finding.streams[:1] and item.dismissed is None:
            tip = f"Its clock: {finding.message}"
            found[finding.streams[0]] = Chip(signed(finding.value or 0.0, "ppm"), "failed", tip)
    return found


def limits_said(session: Session) -> dict[str, str]:
    """What passes each check in this dataset, as `LOW:HIGH`, either end empty for none."""
    from inspector.audit.checks import checks
    from inspector.audit.purpose import chosen

    try:
        own = chosen(session.audited.folder).limits()
    except InspectorError:  # said when an audit is run
        own = {}
    told = {}
    for entry in checks.all():
        low, high = own.get(entry.value.id) or entry.value.tolerance
        told[entry.value.id] = ":".join("" if end is None else f"{end:g}" for end in (low, high))
    return told
