"""The report of a dataset's newest audit, from what is kept of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from inspector import __version__
from inspector.agreement.measure import measured
from inspector.agreement.told import lines
from inspector.audit.agreement import with_audit
from inspector.audit.checks import checks
from inspector.audit.ladder import ladder, proven
from inspector.audit.purpose import chosen
from inspector.audit.report import report_html
from inspector.audit.report_beside import beside_of
from inspector.errors import InspectorError

if TYPE_CHECKING:
    from collections.abc import Callable

    from inspector.audit.checks import Limits
    from inspector.audit.report_beside import Asked


def report_of(session: Asked, step: Callable[[int], None] | None = None) -> str:
    """One self-contained HTML page. InspectorError where there was no audit yet.

    The annotators' agreement is measured for it, record by record; `step` is told how many are done, and may
    raise to stop.
    """
    found = session.audited.findings()
    if not found:
        raise InspectorError("There is no audit of this dataset yet", str(session.root), "Run an audit first")
    sql = "SELECT modality, state, count(*) AS n FROM coverage GROUP BY ALL ORDER BY ALL"
    coverage: dict[str, dict[str, int]] = {}
    for row in session.query(sql).table.to_pylist():
        coverage.setdefault(row["modality"], {})[row["state"]] = row["n"]
    held = chosen(session.audited.folder)
    rungs = ladder(*_measured(session))
    purpose = "" if held.purpose is None else held.purpose.value
    when = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    name, records = session.root.name, len(session.index)
    ids = session.index.column("record_id").to_pylist()
    agreement = with_audit(measured(ids, session.record, step=step).result(), found, session.record)
    told = list(lines(agreement)) if len(agreement.authors) > 1 else ()
    beside = replace(beside_of(session, found), agreement=told)
    return report_html(name, __version__, when, records, found, coverage, rungs, purpose, beside)


def _measured(
    session: Asked,
) -> tuple[list[dict[str, Any]], dict[str, dict[str, str]], Callable[[str], Limits]]:
    """The measured pairs, each stream's modality by record, and the tolerance of a check."""
    streams: dict[str, dict[str, str]] = {}
    for row in session.query("SELECT record_id, stream_id, modality FROM streams").table.to_pylist():
        streams.setdefault(row["record_id"], {})[row["stream_id"]] = row["modality"]
    limits = chosen(session.audited.folder).limits()
    pairs: list[dict[str, Any]] = session.audited.table("pairs").to_pylist()
    return pairs, streams, lambda name: limits.get(name) or checks.get(name).tolerance


def proven_of(session: Asked, core: tuple[str, str]) -> dict[str, frozenset[str]]:
    """Of each record the streams that are proven to share their moments with its core pair; see `proven`.

    `core` names two modalities. InspectorError where there was no audit yet.
    """
    pairs, streams, limits = _measured(session)
    if not pairs:
        raise InspectorError(
            "Nothing is proven yet", f"{session.root}: no pair of streams was measured", "Run an audit first"
        )
    checks.all()
    return proven(pairs, streams, limits, core)
