"""`flag`: what a question finds is flagged, in one edit."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from inspector.cli.app import Author, DatasetArg, Reader, Workspace, app
from inspector.errors import InspectorError, plain


@app.command("flag")
def flag(
    path: DatasetArg,
    where: Annotated[
        str, typer.Option("--where", metavar="SQL", help="Which records: a condition over `records`.")
    ],
    as_: Annotated[
        str,
        typer.Option(
            "--as",
            metavar="FLAG",
            help="ok, misaligned, missing_modality, reject, needs_review, or a word of your own.",
        ),
    ],
    note: Annotated[str, typer.Option("--note", metavar="TEXT", help="Why.")] = "",
    at: Annotated[
        float | None,
        typer.Option("--at", metavar="SECONDS", help="Pin the note to this moment, of one record."),
    ] = None,
    workspace: Workspace = None,
    author: Author = None,
    reader: Reader = None,
) -> None:
    """Flag the records that a condition holds for, all of them as one edit."""
    from inspector.core.desk import checked_flag
    from inspector.media.annotators import exact_ns
    from inspector.session import Session

    word = checked_flag(as_)
    at_ns = None if at is None else exact_ns(at)
    if at is not None and at_ns is None:
        raise InspectorError("That is no moment", f"--at {at}", "Seconds of the record's timeline, as 7.4")
    with Session.open(path, reader, workspace, author) as session:
        ids = session.where(where)
        if at is not None and len(ids) != 1:
            raise InspectorError("A moment is of one record", f"{len(ids)} meet the condition", "Name one")
        edit = session.desk.flag(ids, word, note, at_ns)
        changed = 0 if edit is None else sum(change.path == "flag" for change in edit.changes)
        told = "" if edit is None else f" (edit {edit.id})"
        print(f"{changed} of {len(ids)} records flagged {plain(word)}{told}")
        for problem in session.curation.problems:
            print(f"inspector: {plain(str(problem))}", file=sys.stderr)
