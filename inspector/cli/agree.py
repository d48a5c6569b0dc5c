"""`agree`: how far the people who labelled a dataset agree, on the parts and on the relation between them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from inspector.cli.app import Author, DatasetArg, Reader, Workspace, app, json_text, progress
from inspector.errors import InspectorError, plain

if TYPE_CHECKING:
    from inspector.agreement.measure import Measuring
    from inspector.session import Session


@app.command("agree")
def agree(
    path: DatasetArg,
    authors: Annotated[
        list[str] | None,
        typer.Option(
            "--authors",
            metavar="NAME",
            help="Compare these alone: an author, or tier:NAME for a tier. Repeat for more.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document to stdout.")] = False,
    workspace: Workspace = None,
    author: Author = None,
    reader: Reader = None,
) -> None:
    """Agreement of every two authors: spans and labels of each tier, links between modalities, lags.

    Authors are annotators' files and columns, tiers, and curators in the journal.
    """
    from inspector.agreement.told import lines, to_json
    from inspector.audit.agreement import with_audit
    from inspector.session import Session

    chosen = authors or []
    if len(set(chosen)) == 1:
        raise InspectorError("One author alone agrees with nobody", chosen[0], "Name a second --authors")
    with Session.open(path, reader, workspace, author) as session:
        measuring = _measured(session, chosen)
        found = with_audit(measuring.result(), session.audited.findings(), session.record)
        if unknown := [name for name in chosen if name not in found.authors]:
            known = ", ".join(measuring.heard)
            raise InspectorError("There is no such author", unknown[0], f"There is {known or 'nobody'}")
        if as_json:
            print(json_text(to_json(str(session.root), found)))
            return
        for line in lines(found):
            print(plain(line))


def _measured(session: Session, chosen: list[str]) -> Measuring:
    """The agreement of a dataset's authors; records that cannot be loaded are told on stderr."""
    from inspector.agreement.measure import measured

    told = progress(len(session.index)) if sys.stderr.isatty() else None

    def lost(record_id: str, error: InspectorError) -> None:
        print(f"inspector: {plain(f'{record_id}: {error}')}", file=sys.stderr)

    measuring = measured(session.record_ids(), session.record, chosen, told, lost)
    if told is not None:
        sys.stderr.write("\r\x1b[K")
    return measuring
