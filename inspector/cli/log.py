"""`log` and `undo`: what was decided on a dataset, and the newest of it taken back."""

from __future__ import annotations

import sys
from datetime import datetime
from itertools import islice
from typing import Annotated

import typer

from inspector.cli.app import Author, DatasetArg, Reader, Workspace, app, json_text
from inspector.errors import plain


@app.command("log")
def log(
    path: DatasetArg,
    by: Annotated[str | None, typer.Option("--by", metavar="NAME", help="Only this author's edits.")] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", metavar="N", min=1, help="Only so many, the newest.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document to stdout.")] = False,
    workspace: Workspace = None,
    author: Author = None,
    reader: Reader = None,
) -> None:
    """Every edit on a line, the newest first: time, id, author, title, note."""
    from inspector.session import Session

    with Session.open(path, reader, workspace, author) as session:
        curation = session.curation
        if as_json:
            print("[", end="")
        for number, past in enumerate(islice(curation.past(by), limit)):
            edit = past.edit
            if as_json:
                document = {
                    "id": edit.id,
                    "at": edit.at,
                    "author": edit.author,
                    "title": edit.title,
                    "note": edit.note,
                    "undoes": edit.undoes,
                    "in_force": past.in_force,
                    "records": len({change.record_id for change in edit.changes}),
                    "changes": [[c.record_id, c.path, c.before, c.after, c.made_on] for c in edit.changes],
                }
                print("," * bool(number) + json_text(document), end="")
                continue
            when = datetime.fromtimestamp(edit.at // 10**9).astimezone().isoformat(" ", "seconds")
            undone = "" if past.in_force else " (undone)"
            cells = (when, edit.id, edit.author, edit.title + undone, edit.note)
            print("\t".join(plain(cell) for cell in cells))
        if as_json:
            print("]")
        for problem in curation.problems:
            print(f"inspector: {plain(str(problem))}", file=sys.stderr)
        for finding in curation.findings():
            print(f"inspector: in conflict: {finding.record_id}: {plain(finding.message)}", file=sys.stderr)
        for held in curation.held(session.desk.holder):
            line = f"held: {held.record_id} {held.path} by {held.author}: {held.reason}"
            print(f"inspector: {plain(line)}", file=sys.stderr)


@app.command("undo")
def undo(
    path: DatasetArg,
    workspace: Workspace = None,
    author: Author = None,
    reader: Reader = None,
) -> None:
    """Take back this author's newest edit that is in force."""
    from inspector.session import Session

    with Session.open(path, reader, workspace, author) as session:
        edit = session.undo()
        print(f"{plain(edit.title)} ({len({change.record_id for change in edit.changes})} records)")
