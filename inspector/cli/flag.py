"""`flag`: what a question finds is flagged, in one edit."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from inspector.cli.app import Author, DatasetArg, Reader, Workspace, app
from inspector.errors import plain


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
    workspace: Workspace = None,
    author: Author = None,
    reader: Reader = None,
) -> None:
    """Flag the records that a condition holds for, all of them as one edit."""
    from inspector.core.desk import checked_flag
    from inspector.session import Session

    word = checked_flag(as_)
    with Session.open(path, reader, workspace, author) as session:
        ids = session.where(where)
        edit = session.flag(ids, word, note)
        changed = 0 if edit is None else sum(change.path == "flag" for change in edit.changes)
        told = "" if edit is None else f" (edit {edit.id})"
        print(f"{changed} of {len(ids)} records flagged {plain(word)}{told}")
        for problem in session.curation.problems:
            print(f"inspector: {plain(str(problem))}", file=sys.stderr)
