"""`report`: what an audit found, as one HTML file."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from inspector import __version__
from inspector.cli.app import Author, DatasetArg, Reader, Workspace, app, outside
from inspector.errors import InspectorError


@app.command("report")
def report(
    path: DatasetArg,
    out: Annotated[str, typer.Option("--out", metavar="FILE.html", help="Where it is written.")],
    workspace: Workspace = None,
    author: Author = None,
    reader: Reader = None,
) -> None:
    """Coverage, offsets and drifts, grounding and what failed, as one HTML file of the newest audit."""
    from inspector.audit.checks import checks
    from inspector.audit.ladder import ladder
    from inspector.audit.purpose import chosen
    from inspector.audit.report import report_html
    from inspector.session import Session

    target = outside(out, path, "the report")
    with Session.open(path, reader, workspace, author) as session:
        found = session.audited.findings()
        if not found:
            raise InspectorError("There is no audit of this dataset yet", path, "Run `inspector audit` first")
        sql = "SELECT modality, state, count(*) AS n FROM coverage GROUP BY ALL ORDER BY ALL"
        coverage: dict[str, dict[str, int]] = {}
        for row in session.query(sql).table.to_pylist():
            coverage.setdefault(row["modality"], {})[row["state"]] = row["n"]
        streams: dict[str, dict[str, str]] = {}
        for row in session.query("SELECT record_id, stream_id, modality FROM streams").table.to_pylist():
            streams.setdefault(row["record_id"], {})[row["stream_id"]] = row["modality"]
        held = chosen(session.audited.folder)
        limits = held.limits()
        rungs = ladder(
            session.audited.table("pairs").to_pylist(),
            streams,
            lambda name: limits.get(name) or checks.get(name).tolerance,
        )
        purpose = "" if held.purpose is None else held.purpose.value
        when = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
        name, records = session.root.name, len(session.index)
        text = report_html(name, __version__, when, records, found, coverage, rungs, purpose)
    try:
        target.write_text(text, "utf-8")
    except OSError as error:
        raise InspectorError("The report cannot be written", f"{target}: {error.strerror}", "") from error
