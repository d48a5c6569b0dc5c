"""`query`: the dataset asked in SQL."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from inspector.cli.app import Author, DatasetArg, Reader, Workspace, app, outside
from inspector.errors import InspectorError, plain


@app.command("query")
def query(
    path: DatasetArg,
    sql: Annotated[str, typer.Argument(metavar="SQL", help="One SELECT; - reads it from standard input.")],
    form: Annotated[
        str, typer.Option("--format", metavar="FORMAT", help="table, csv, json or parquet.")
    ] = "table",
    out: Annotated[str | None, typer.Option("--out", metavar="FILE", help="Write there.")] = None,
    timeout: Annotated[
        float, typer.Option("--timeout", metavar="SECONDS", help="Stop a question that takes longer.")
    ] = 30.0,
    workspace: Workspace = None,
    author: Author = None,
    reader: Reader = None,
) -> None:
    """Ask the dataset in SQL. Tables: records, streams, pairs, coverage, annotations, words, findings, flags,
    edits, samples.
    """
    from inspector.query.formats import SINKS
    from inspector.query.output import write
    from inspector.session import Session

    if form not in SINKS:
        raise InspectorError(f"--format is {', '.join(SINKS)}", repr(form))
    if form == "parquet" and out is None:
        raise InspectorError("Parquet is written to a file", "", "Name one with --out")
    if not timeout > 0:
        raise InspectorError("--timeout takes seconds above 0", repr(timeout))
    target = None if out is None else outside(out, path, "the answer")
    with Session.open(path, reader, workspace, author) as session:
        text = sys.stdin.read() if sql == "-" else sql
        for note in write(session.engine, text, form, target, timeout):
            print(f"inspector: {plain(note)}", file=sys.stderr)
