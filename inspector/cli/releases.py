"""`releases`: what was released of a dataset, with notes and tags."""

from __future__ import annotations

from typing import Annotated

import typer

from inspector.cli.app import Author, DatasetArg, Reader, Workspace, app, json_text
from inspector.errors import plain


@app.command("releases")
def releases(
    path: DatasetArg,
    of: Annotated[
        str | None,
        typer.Argument(
            metavar="[RELEASE]", help="One: its number, a tag, its name, or the start of its root."
        ),
    ] = None,
    tag: Annotated[
        list[str] | None, typer.Option("--tag", metavar="WORD", help="Give it a tag; repeat for more.")
    ] = None,
    untag: Annotated[
        list[str] | None, typer.Option("--untag", metavar="WORD", help="Take a tag away.")
    ] = None,
    note: Annotated[str | None, typer.Option("--note", metavar="TEXT", help="Another note.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document to stdout.")] = False,
    workspace: Workspace = None,
    author: Author = None,
    reader: Reader = None,
) -> None:
    """The releases of a dataset, the newest first: number, time, records, tags, path, note.

    Each opens by its path, read-only. With RELEASE only that one, and it can be tagged.
    """
    from inspector.errors import InspectorError
    from inspector.release import history
    from inspector.session import Session

    with Session.open(path, reader, workspace, author) as session:
        folder = session.desk.workspace.folder
        changes = tag or untag or note is not None
        if of is None and changes:
            raise InspectorError(
                "Which release?", "--tag, --untag and --note are of one", "Name it after PATH"
            )
        if of is None:
            found = history.releases(folder)
        elif changes:
            found = [history.mark(folder, of, tag or (), untag or (), note)]
        else:
            found = [history.find(folder, of)]
        if as_json:
            print(json_text([each.to_json() for each in found]))
            return
        for each in found:
            gone = "" if each.there else " (not there any more)"
            cells = (
                each.id,
                each.made,
                f"{each.records} records as {each.writer}",
                ", ".join(each.tags),
                each.path + gone,
                each.note,
            )
            print("\t".join(plain(cell) for cell in cells))
