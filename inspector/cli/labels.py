"""`labels`: annotators' files in and out: ELAN, Praat, Label Studio, WebVTT."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from inspector.cli.app import Author, DatasetArg, Reader, Workspace, app, json_text, outside
from inspector.errors import InspectorError, plain

labels = typer.Typer(help="Annotators' files in and out, merged by what was changed in them.")
app.add_typer(labels, name="labels")

AsJson = Annotated[bool, typer.Option("--json", help="One JSON document.")]


@labels.command("import")
def import_(
    path: DatasetArg,
    file: Annotated[str, typer.Argument(help="ELAN .eaf, Praat .TextGrid, or a Label Studio export.")],
    record: Annotated[
        str | None,
        typer.Option("--record", metavar="ID", help="Whose labels; else told from the file's name."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done.")] = False,
    json: AsJson = False,
    workspace: Workspace = None,
    author: Author = None,
    reader: Reader = None,
) -> None:
    """Take a file of labels in as one edit: what names nobody in it is the author's.

    Of a file that was exported or imported before only what changed since then counts; what was changed here
    too stays and is to be checked again. Exit status 1 where it was made on other media, or something is so
    disputed.
    """
    from inspector.release.exchange import receive
    from inspector.session import Session

    with Session.open(path, reader, workspace, author) as session:
        if record is not None:
            session.row_of(record)
        found = receive(session, Path(file).expanduser(), session.desk.author, record, dry_run)
    for line in (*found.told, *(f"made on other media: {each}" for each in found.differs)):
        print(f"inspector: {plain(line)}", file=sys.stderr)
    for line in found.conflicts:
        print(f"inspector: changed on both sides: {plain(line)}", file=sys.stderr)
    if json:
        print(json_text(found.plain()))
    else:
        for line in found.media:
            print(f"made on {plain(line)}")
        done = "would be" if dry_run else "were"
        told = ", ".join(f"{number} {fate}" for fate, number in found.counts.items())
        since = f", since {found.since}" if found.since else ""
        print(f"{plain(found.record_id)}: {told} ({done} taken in{since})")
        if found.edit_id:
            print(f"edit {found.edit_id}")
    if found.differs or found.conflicts:
        raise typer.Exit(1)


@labels.command("export")
def export_(
    path: DatasetArg,
    out: Annotated[
        str, typer.Argument(help="The file to write; for several records a folder that is there.")
    ],
    as_: Annotated[str, typer.Option("--as", metavar="FORMAT", help="eaf, textgrid, labelstudio or webvtt.")],
    record: Annotated[
        list[str] | None, typer.Option("--record", metavar="ID", help="Only this record; repeat for more.")
    ] = None,
    labels_of: Annotated[
        list[str] | None,
        typer.Option("--labels-of", metavar="AUTHOR", help="Only this author's labels; repeat for more."),
    ] = None,
    workspace: Workspace = None,
    author: Author = None,
    reader: Reader = None,
) -> None:
    """Write labels for an annotator's tool, a file a record; they are remembered for when they come back."""
    from inspector.release.exchange import FORMS, SUFFIXES, file_name, send
    from inspector.session import Session

    if as_ not in FORMS:
        raise InspectorError("Labels are not written as that", as_, f"There is {', '.join(FORMS)}")
    whole = Path(out).expanduser().is_dir()
    target = outside(str(Path(out) / "x") if whole else out, path, "the labels")
    with Session.open(path, reader, workspace, author) as session:
        ids = record or session.record_ids()
        for each in ids:
            session.row_of(each)
        if len(ids) != 1 and not whole:
            raise InspectorError(
                "Several records need a folder", out, "Make one, or name a record with --record"
            )
        authors = frozenset(labels_of) if labels_of else None
        for each in ids:
            file = target.parent / file_name(each, SUFFIXES[as_]) if whole else target
            for line in send(session, each, as_, file, authors):
                print(f"inspector: {plain(each)}: not carried: {plain(line)}", file=sys.stderr)
            print(plain(str(file)))
