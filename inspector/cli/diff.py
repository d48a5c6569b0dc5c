"""`diff`: what changed from one release to another."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from inspector.cli.app import app, json_text, outside, progress
from inspector.errors import InspectorError, plain


@app.command("diff")
def diff_(
    a: Annotated[str, typer.Argument(help="A release.")],
    b: Annotated[str, typer.Argument(help="The one that came after it.")],
    json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
    html: Annotated[
        str | None,
        typer.Option("--html", metavar="FILE", help="Write one page for the people who train on it."),
    ] = None,
) -> None:
    """Records added, removed and changed, by modality and kind. Exit status 1 where the releases differ.

    Bytes only: a file was packed anew. Timing: its moments lie elsewhere on the record's timeline. Content:
    pictures, samples or words are others. Labels, metadata and moves between splits are told apart from them.
    """
    from inspector.release.diff import diff
    from inspector.release.diff_said import document, lines, page

    target = None
    if html is not None:
        for each in (a, b):
            target = outside(html, each, "the page")
    told = progress(0, "records compared") if sys.stderr.isatty() else None
    found = diff(Path(a).expanduser(), Path(b).expanduser(), told)
    if told is not None:
        print(file=sys.stderr)
    for problem in found.problems:
        print(f"inspector: {plain(problem)}", file=sys.stderr)
    if target is not None:
        try:
            target.write_text(page(found), "utf-8", errors="replace")
        except OSError as error:
            raise InspectorError("The page cannot be written", f"{target}: {error.strerror}") from error
    if json:
        print(json_text(document(found)))
    else:
        for line in lines(found):
            print(plain(line))
    if not found.same:
        raise typer.Exit(1)
