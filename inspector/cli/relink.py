"""`relink`: modalities that records lack, linked to files found elsewhere, or said not to be expected."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from inspector.cli.app import Author, DatasetArg, Reader, Workspace, app, json_text
from inspector.errors import InspectorError, plain

if TYPE_CHECKING:
    from inspector.readers.relink import Match


@app.command("relink")
def relink(
    path: DatasetArg,
    folder: Annotated[
        str | None, typer.Argument(help="Where to look for the files. Without it: only the options below.")
    ] = None,
    modality: Annotated[
        str, typer.Option("--modality", metavar="NAME", help="What the records lack: audio, text, …")
    ] = "",
    where: Annotated[
        str, typer.Option("--where", metavar="SQL", help="Of which records: a condition over `records`.")
    ] = "true",
    absent: Annotated[
        bool, typer.Option("--absent", help="Say that the records are not expected to have it.")
    ] = False,
    moved: Annotated[
        str | None,
        typer.Option("--moved", metavar="ROOT", help="FOLDER is where the files of this root lie now."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be linked, and why.")] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
    workspace: Workspace = None,
    author: Author = None,
    reader: Reader = None,
) -> None:
    """Link what records lack to files found elsewhere, by name, stem, length and content, as one edit.

    What is ambiguous is listed and left out. Nothing is copied: the file stays where it is, and is known by
    its content. Exit status 1 where something was left out.
    """
    from inspector.core.model import Modality
    from inspector.core.sources import moved_root
    from inspector.readers.relink import expect_absent, find_files, lacking, link_files
    from inspector.session import Session

    if moved is not None:
        if folder is None or not Path(folder).expanduser().is_dir():
            raise InspectorError("The root needs a folder that is there", folder or "", "Name it behind PATH")
        moved_root(moved, Path(folder).expanduser())
        print(f"{plain(moved)} lies in {plain(folder)} from now on")
        return
    if modality not in set(Modality):
        raise InspectorError("There is no such modality", modality, f"There is {', '.join(Modality)}")
    if absent == (folder is not None):
        raise InspectorError("Name a folder, or say --absent", folder or "", "One of the two")
    with Session.open(path, reader, workspace, author) as session:
        ids = lacking(session, session.where(where), Modality(modality))
        if absent:
            edit = expect_absent(session, ids, Modality(modality))
            told = "stands already" if edit is None else f"edit {edit.id}"
            print(f"{len(ids)} records are not expected to have {modality}, {told}")
            return
        place = Path(str(folder)).expanduser()
        found = find_files(session, ids, place, Modality(modality))
        sure = [each for each in found if each.sure is not None]
        chosen = {each.record_id: each.sure for each in found if each.sure is not None}
        edit = None if dry_run else link_files(session, chosen, place, Modality(modality))
    if json:
        print(
            json_text(
                {"edit": None if edit is None else edit.id, "records": [_plain(each) for each in found]}
            )
        )
    else:
        for each in found:
            path_ = each.sure.path if each.sure is not None else "-"
            print(plain(f"{each.record_id}\t{path_}\t{each.reason}"))
        told = "none linked" if edit is None else f"edit {edit.id}"
        print(f"{len(sure)} of {len(ids)} records without {modality} have one file that is theirs, {told}")
    for each in found:
        if each.sure is None and each.candidates:
            some = ", ".join(one.path for one in each.candidates[:5])
            print(f"inspector: {plain(each.record_id)}: {plain(each.reason)}: {plain(some)}", file=sys.stderr)
    if len(sure) < len(ids):
        raise typer.Exit(1)


def _plain(match: Match) -> dict[str, Any]:
    return {
        "record_id": match.record_id,
        "file": None if match.sure is None else match.sure.path,
        "reason": match.reason,
        "candidates": [{"path": each.path, "why": list(each.why)} for each in match.candidates],
    }
