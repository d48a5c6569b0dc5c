"""`report`: what an audit found, as one HTML file."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from inspector.cli.app import Author, DatasetArg, Reader, Workspace, app, outside, progress
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
    from inspector.audit.reporting import report_of
    from inspector.session import Session

    target = outside(out, path, "the report")
    with Session.open(path, reader, workspace, author) as session:
        told = progress(len(session.index)) if sys.stderr.isatty() else None
        text = report_of(session, told)
        if told is not None:
            sys.stderr.write("\r\x1b[K")
    try:
        target.write_text(text, "utf-8")
    except OSError as error:
        raise InspectorError("The report cannot be written", f"{target}: {error.strerror}", "") from error
