"""`takedown` and `policy`: what may not leave, and where a person is."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from inspector.cli.app import Author, DatasetArg, Reader, Workspace, app, json_text
from inspector.errors import InspectorError, plain


@app.command("takedown")
def takedown_(
    path: DatasetArg,
    person: Annotated[str, typer.Argument(help="As the data or the consent table names them.")],
    withdraw: Annotated[
        bool,
        typer.Option("--withdraw", help="Note that consent was taken back: no export holds them then."),
    ] = False,
    releases: Annotated[
        list[str] | None,
        typer.Option("--in", metavar="DIR", help="Look for releases there too; repeat for more."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
    workspace: Workspace = None,
    author: Author = None,
    reader: Reader = None,
) -> None:
    """List every record and release that holds a person, and what makes each release's successor.

    Known by the consent table (consent.csv with record, person, state), the dataset's columns, streams and
    transcripts. Releases are those made of the dataset, and those that lie beside it or in --in.
    """
    from inspector.release.policy import withdraw as note
    from inspector.release.takedown import document, lines, takedown
    from inspector.session import Session

    with Session.open(path, reader, workspace, author) as session:
        found = takedown(session, person, releases or ())
        noted = note(session, person, found.records) if withdraw else None
        for problem in found.problems:
            print(f"inspector: {plain(problem)}", file=sys.stderr)
        if json:
            print(json_text(document(found, noted)))
            return
        for line in lines(found):
            print(plain(line))
        if noted is not None:
            print("consent is noted as taken back: exports hold these records back from now on")
        elif found.records:
            print("--withdraw notes it, so that exports hold these records back")


@app.command("policy")
def policy_(
    path: DatasetArg,
    allow: Annotated[
        list[str] | None,
        typer.Option("--allow", metavar="LICENCE", help="Only these may leave; repeat for more."),
    ] = None,
    deny: Annotated[
        list[str] | None, typer.Option("--deny", metavar="LICENCE", help="These may not; repeat for more.")
    ] = None,
    column: Annotated[
        str, typer.Option("--column", metavar="NAME", help="The licence's column; else licence or license.")
    ] = "",
    required: Annotated[
        bool, typer.Option("--required", help="Any licence may leave, but there must be one.")
    ] = False,
    off: Annotated[bool, typer.Option("--off", help="No policy.")] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
    workspace: Workspace = None,
    author: Author = None,
    reader: Reader = None,
) -> None:
    """Say which licences may leave the dataset, and list what is held back. Off until it is set.

    Records whose licence is missing or denied are then held back from every export and listed.
    """
    from inspector.release.policy import Policy, held_back, read_policy, set_policy
    from inspector.session import Session

    given = bool(allow or deny or required or column)
    if off and given:
        raise InspectorError("--off goes with no other option", "policy", "Give one or the other")
    with Session.open(path, reader, workspace, author) as session:
        if column and column not in session.index.column_names:
            names = ", ".join(session.index.column_names)
            raise InspectorError("The dataset has no such column", column, f"There is {names}")
        if off or given:
            set_policy(session, None if off else Policy(tuple(allow or ()), tuple(deny or ()), column))
        policy = read_policy(session.desk.workspace.folder)
        held = held_back(session)
        if json:
            plain_policy = (
                None
                if policy is None
                else {"allow": list(policy.allow), "deny": list(policy.deny), "column": policy.column or None}
            )
            print(json_text({"policy": plain_policy, "held_back": held}))
            return
        if policy is None:
            print("no licence policy is set")
        else:
            print(f"allowed: {plain(', '.join(policy.allow) or 'any licence')}")
            print(f"denied: {plain(', '.join(policy.deny) or 'none')}")
        print(f"{len(held)} of {len(session.index)} records are held back")
        for record_id, why in held.items():
            print(f"held back: {plain(record_id)}: {plain(why)}")
