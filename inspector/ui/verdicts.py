"""What findings say of records, streams and moments, in the window's forms; and what was decided on them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow.compute as pc

from inspector.core.findings import Finding, Status
from inspector.core.places import part
from inspector.errors import InspectorError
from inspector.ui.panels.findings_model import STATUS_WORD, figure_text
from inspector.ui.timeline.findings_track import Mark
from inspector.ui.timeline.track import REFERENCE_CHIP, Chip

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from inspector.core.model import Record
    from inspector.session import Session
    from inspector.ui.panels.findings_model import Item


def verdict_path(finding: Finding) -> str:
    """Where it stands in the journal what was decided on a finding."""
    return f"findings/{part(finding.key)}/verdict"


def marks(items: Iterable[Item], record: Record) -> list[Mark]:
    """Where a record's findings lie: in their span, else in all of the stream that they name, else in all."""
    found = []
    streams = {stream.id: stream for stream in record.streams}
    for item in items:
        finding = item.finding
        stream = streams.get(finding.streams[0]) if finding.streams else None
        span = finding.span or (stream.reference_span if stream is not None else None) or record.span
        figure = figure_text(finding)
        sure = "" if finding.confidence is None else f"confidence {finding.confidence:.2f}"
        text = " ".join(filter(None, (finding.check, ", ".join(finding.streams), figure, sure)))
        words = f"{STATUS_WORD[finding.status]}: {finding.message or finding.check}"
        fix = finding.fix is not None and finding.status is Status.FAILED
        found.append(Mark(span, finding.status, text, words, fix, finding.span is not None))
    return found


def signed(figure: float, unit: str) -> str:
    """A figure in whole units with a true sign, none for nought: `+320 ms`, `0 ms`."""
    whole = round(figure)
    return f"{whole:+d} {unit}".replace("-", "−") if whole else f"0 {unit}"


def _rows(session: Session, name: str, record_id: str) -> list[dict[str, Any]]:
    """The rows of a record in one of the audit's tables."""
    table = session.audited.table(name)
    rows: list[dict[str, Any]] = table.filter(pc.equal(table.column("record_id"), record_id)).to_pylist()
    return rows


def chips(session: Session, record: Record, items: Sequence[Item]) -> dict[str, Chip]:
    """What stands in the header of each stream's track: how far it was measured to be off."""
    streams = {stream.id: stream for stream in record.streams}
    through: dict[str, str] = {}
    for row in _rows(session, "pairs", record.id):
        if row["offset_ms"] is not None:
            for name, other in (("stream_b", "stream_a"), ("stream_a", "stream_b")):
                told = f"{row[name]} against {row[other]} by {row['method']}"
                through.setdefault(row[name], f"{told}, ±{row['residual_ms'] or 0:.0f} ms")
    found = {}
    for row in _rows(session, "states", record.id):
        if row["kind"] != "residual" or row["name"] not in streams:
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


def set_limits(session: Session, check: str, text: str) -> None:
    """Keep what passes a check in this dataset, `LOW:HIGH`. InspectorError where it is none."""
    from dataclasses import replace

    from inspector.audit.purpose import chosen, keep, tolerance_of

    folder = session.audited.folder
    name, limits = tolerance_of(f"{check}={text}")
    known = chosen(folder)
    keep(folder, replace(known, tolerances=dict(known.tolerances) | {name: limits}))


def decide(session: Session, finding: Finding, why: str) -> str:
    """Dismiss a finding for a reason, without one count it again, as one edit; its title."""
    assert finding.record_id is not None
    value = {"verdict": "dismissed", "reason": why} if why else None
    title = f"{'Dismiss' if why else 'Count again'} {finding.check}"
    session.edit(title, [session.curation.change(finding.record_id, verdict_path(finding), value)], why)
    return title
