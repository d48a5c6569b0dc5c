"""`rig`: what the clock of each device did in all records, and its acceptance as one edit."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from inspector.cli.app import Author, DatasetArg, Reader, Workspace, app, json_text
from inspector.errors import InspectorError, plain


@app.command("rig")
def rig(
    path: DatasetArg,
    accept: Annotated[
        list[str] | None,
        typer.Option("--accept", metavar="NAME", help="Put this device's model in force; repeat for more."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a model to stdout.")] = False,
    workspace: Workspace = None,
    author: Author = None,
    reader: Reader = None,
) -> None:
    """Devices that are late or fast alike in all their records, by the newest audit.

    `--accept` moves all records of a device by its model, outliers left as they are, as one edit that `undo`
    takes back.
    """
    from inspector.audit.rig import maps, models_of
    from inspector.session import Session

    with Session.open(path, reader, workspace, author) as session:
        store = session.audited
        if not store.findings():
            raise InspectorError("There is no audit of this dataset yet", path, "Run `inspector audit` first")
        found = models_of(session)
        for model in found:
            print(json_text(asdict(model)) if as_json else plain(model.in_words()))
        if not found and not as_json:
            print("no device is late or fast alike in its records")
        if not accept:
            return
        known = {model.name: model for model in found}
        unknown = [name for name in accept if name not in known]
        if unknown:
            raise InspectorError(
                "There is no such model", unknown[0], f"There is {', '.join(known) or 'none'}"
            )
        changes = [
            session.curation.change(*place)
            for name in accept
            for place in maps(known[name], session.dataset.load)
        ]
        changes = [change for change in changes if change.before != change.after]
        if changes:
            records = len({change.record_id for change in changes})
            edit = session.edit(f"Clock of {', '.join(accept)} in {records} records", changes)
            if not as_json:
                print(f"{len(changes)} streams moved, edit {edit.id}")
        elif not as_json:
            print("it stands already")
