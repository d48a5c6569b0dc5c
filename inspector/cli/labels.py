"""`labels`: annotators' files in and out: ELAN, Praat, Label Studio, WebVTT."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from inspector.cli.app import Author, DatasetArg, Reader, Workspace, app, json_text, outside, progress
from inspector.errors import InspectorError, plain

if TYPE_CHECKING:
    from inspector.release.exchange import Received

labels = typer.Typer(help="Annotators' files in and out, merged by what was changed in them.")
app.add_typer(labels, name="labels")

AsJson = Annotated[bool, typer.Option("--json", help="One JSON document.")]


class Side(StrEnum):
    """What becomes of what was changed on both sides."""

    CHECK = "check"
    OURS = "ours"
    THEIRS = "theirs"
    BOTH = "both"


@labels.command("import")
def import_(
    path: DatasetArg,
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE...",
            help="ELAN .eaf, Praat .TextGrid, Label Studio exports; a folder is all that are in it.",
        ),
    ],
    record: Annotated[
        str | None,
        typer.Option("--record", metavar="ID", help="Whose labels; else told from the names and media."),
    ] = None,
    conflicts: Annotated[
        Side,
        typer.Option(
            "--conflicts",
            help="What was changed on both sides: stays as it is here and is to be checked again (check), "
            "stays (ours), becomes what the file has (theirs), or gets that as a label more (both).",
        ),
    ] = Side.CHECK,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done.")] = False,
    json: AsJson = False,
    workspace: Workspace = None,
    author: Author = None,
    reader: Reader = None,
) -> None:
    """Take files of labels in as one edit: what names nobody in them is the author's.

    Of a file that was exported or imported before only what changed since then counts. Of several files or a
    folder each goes to the record that its name or its media tell; what is not certain is listed and left.
    Exit status 1 where something was left, was made on other media, or is disputed.
    """
    from inspector.release.exchange import receive
    from inspector.release.returned import label_files, receive_all
    from inspector.session import Session

    paths = [Path(each).expanduser() for each in files]
    with Session.open(path, reader, workspace, author) as session:
        if record is not None:
            session.row_of(record)
        me = session.desk.author
        if len(paths) == 1 and not paths[0].is_dir():
            one = receive(session, paths[0], me, record, dry_run, conflicts)
            document, edit = one.plain(), one.edit_id
            fine = _said(one, dry_run, conflicts, "" if not json else None)
        else:
            listed = label_files(paths)
            told = progress(len(listed), "files read") if sys.stderr.isatty() else None
            many = receive_all(session, listed, me, record, dry_run, conflicts, told)
            document, edit = many.plain(), many.edit_id
            fine = not many.left
            for match, each in many.taken:
                before = None if json else f"{match.file.name} ({match.by}): "
                fine = _said(each, dry_run, conflicts, before) and fine
            for left in many.left:
                some = f": {', '.join(left.records[:6])}" if left.records else ""
                print(f"inspector: left: {plain(f'{left.file}: {left.unsure}{some}')}", file=sys.stderr)
    if json:
        print(json_text(document))
    elif edit:
        print(f"edit {edit}")
    if not fine:
        raise typer.Exit(1)


def _said(found: Received, dry_run: bool, side: Side, before: str | None) -> bool:
    """Say what a file did, behind `before` (None: only what is wrong); whether nothing is wrong."""
    for line in (*found.told, *(f"made on other media: {each}" for each in found.differs)):
        print(f"inspector: {plain(line)}", file=sys.stderr)
    for line in found.conflicts:
        print(f"inspector: changed on both sides: {plain(line)}", file=sys.stderr)
    if before is not None:
        for line in found.media:
            print(f"made on {plain(line)}")
        done = "would be" if dry_run else "were"
        told = ", ".join(f"{number} {fate}" for fate, number in found.counts.items())
        since = f", since {found.since}" if found.since else ""
        print(f"{plain(before + found.record_id)}: {told} ({done} taken in{since})")
    return not found.differs and not (found.conflicts and side is Side.CHECK)


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
    from inspector.release.names import Names
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
        names = Names()
        for each in ids:
            file = target.parent / names.take("", file_name(each, SUFFIXES[as_])) if whole else target
            for line in send(session, each, as_, file, authors):
                print(f"inspector: {plain(each)}: not carried: {plain(line)}", file=sys.stderr)
            print(plain(str(file)))
