"""`intake`: what a new delivery changed, and what becomes of what was decided on the old data."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from inspector.cli.app import Author, DatasetArg, Reader, Workspace, app, json_text, progress
from inspector.errors import plain

if TYPE_CHECKING:
    from inspector.core.edits import Edit
    from inspector.release.carry import Decision
    from inspector.release.intake import Delivery
    from inspector.release.plan import Opened
    from inspector.release.seen import Seen


@app.command("intake")
def intake_(
    path: DatasetArg,
    against: Annotated[
        str | None,
        typer.Option("--against", metavar="RELEASE", help="Compare with a release, not with what was seen."),
    ] = None,
    carry: Annotated[
        bool, typer.Option("--carry", help="Make again what holds, as one edit; take the delivery as seen.")
    ] = False,
    rebase: Annotated[
        bool, typer.Option("--rebase", help="The same, and move along what lies at other times now.")
    ] = False,
    seen: Annotated[
        bool, typer.Option("--seen", help="Take the delivery as seen and change nothing.")
    ] = False,
    decoded: Annotated[
        bool, typer.Option("--decoded", help="Note decoded pictures and samples too, for the next time.")
    ] = False,
    everything: Annotated[
        bool, typer.Option("--all", help="Look into every record, not only into those with decisions.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
    workspace: Workspace = None,
    author: Author = None,
    reader: Reader = None,
) -> None:
    """Say what a new delivery changed, and which labels, flags and time maps hold on it.

    The first time there is nothing to compare with: what is there is noted. Records with decisions are looked
    into, so that it can be told next time what changed in their files.
    """
    from inspector.media.prints import Printer
    from inspector.release import carry as carrying
    from inspector.release import intake as taking
    from inspector.release.earlier import Released
    from inspector.release.seen import Seen
    from inspector.session import Session

    with Session.open(path, reader, workspace, author) as session, Printer() as printer:
        told = progress(len(session.index), "records") if sys.stderr.isatty() else None
        state = Seen(session.desk.workspace.folder)
        before = state if against is None else Released(Path(against).expanduser(), printer)
        first = against is None and not state.exists
        delivery = None if first else taking.intake(session, before, told)
        found = [] if delivery is None else carrying.decisions(session, delivery)
        edit = carrying.carry(session, found, rebase) if carry or rebase else None
        problems = [] if delivery is None else list(delivery.problems)
        settled = delivery is None or not (delivery.changes or delivery.copying)
        noted = (settled or carry or rebase or seen) and not (delivery is not None and delivery.copying)
        if noted:
            problems += _note(session, state, everything, decoded)
        if told is not None:
            print(file=sys.stderr)
        for problem in problems:
            print(f"inspector: {plain(problem)}", file=sys.stderr)
        if json:
            print(json_text(_document(session, delivery, found, edit, noted)))
            return
        if delivery is None:
            print(f"nothing was noted before: {len(state)} records are noted now, to compare with next time")
            return
        lines = [*taking.said(delivery), *(carrying.said(found) if found else [])]
        for line in lines:
            print(plain(line))
        if edit is not None:
            print(f"edit {edit.id}: {plain(edit.title)}")
        elif found and not (carry or rebase):
            print("--carry makes again what is kept; --rebase also what is moved")
        if delivery.copying:
            print("the state is not noted while files are still being copied: look again later")


def _note(session: Opened, state: Seen, everything: bool, decoded: bool) -> list[str]:
    from inspector.core.prints import CODED, DECODED

    known = set(session.record_ids())
    if not known:  # nothing is written down of an empty folder
        return []
    deep = sorted(known if everything else known & set(session.curation.records()))
    session.desk.workspace.begin()
    return state.note(session, deep, (CODED, DECODED) if decoded else (CODED,))


def _document(
    session: Opened,
    delivery: Delivery | None,
    found: list[Decision],
    edit: Edit | None,
    noted: bool,
) -> dict[str, Any]:
    from inspector.release.carry import tally

    return {
        "path": str(session.root),
        "against": None if delivery is None else delivery.against,
        "counts": {} if delivery is None else delivery.counts(),
        "copying": [] if delivery is None else list(delivery.copying),
        "records": []
        if delivery is None
        else [
            {
                "record_id": each.now or None,
                "was": each.was or None,
                "fate": each.fate.value,
                "kind": each.kind.value,
                "message": each.words,
                "streams": [
                    {
                        "stream": stream.now or None,
                        "was": stream.was,
                        "kind": stream.verdict.kind.value,
                        "message": stream.verdict.words,
                    }
                    for stream in each.streams
                ],
            }
            for each in delivery.changes
        ],
        "decisions": {
            "counts": tally(found),
            "list": [
                {
                    "record_id": each.now or None,
                    "was": each.held.record_id,
                    "path": each.held.path,
                    "author": each.held.author,
                    "class": each.state,
                    "kind": each.kind.value,
                    "message": each.words,
                    "after": [list(pair) for pair in each.after],
                }
                for each in found
            ],
        },
        "edit": None if edit is None else edit.id,
        "noted": noted,
    }
