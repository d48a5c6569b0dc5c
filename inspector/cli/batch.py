"""`batch`: records for review, dealt to authors, and what they found."""

from __future__ import annotations

from typing import Annotated

import typer

from inspector.cli.app import Author, DatasetArg, Reader, Workspace, app, json_text
from inspector.errors import plain


@app.command("batch")
def batch(
    path: DatasetArg,
    make: Annotated[
        str | None, typer.Option("--make", metavar="NAME", help="Make a batch of this name; else list them.")
    ] = None,
    where: Annotated[
        str, typer.Option("--where", metavar="SQL", help="Of which records: a condition over `records`.")
    ] = "true",
    sample: Annotated[
        int | None, typer.Option("--sample", metavar="N", help="So many of them, drawn at random.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="The same seed draws the same records.")] = 0,
    assign: Annotated[
        list[str] | None,
        typer.Option("--assign", metavar="NAME", help="Who reviews; repeat for more, who share."),
    ] = None,
    share: Annotated[
        float, typer.Option("--share", metavar="0…1", help="This share goes to two, who see only their own.")
    ] = 0.0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document to stdout.")] = False,
    workspace: Workspace = None,
    author: Author = None,
    reader: Reader = None,
) -> None:
    """Make a review batch, or list the batches with what was found: a sentence with its interval.

    The verdict on a record is the flag that its reviewer gave; every flag but ok and needs_review is a fault.
    """
    from inspector.core.batches import batch_path, batches_of, dealt, outcome
    from inspector.core.edits import DATASET
    from inspector.session import Session

    with Session.open(path, reader, workspace, author) as session:
        if make is not None:
            people = assign or [session.desk.author]
            made = dealt(
                make, session.where(where), people, sample=sample, seed=seed, share=share, where=where
            )
            change = session.curation.change(DATASET, batch_path(made.id), made.value())
            session.edit(f"Batch {made.name}: {len(made.records)} records", [change])
        values, flags = session.curation.values(DATASET), session.curation.flags()
        told = [(each, outcome(each, flags)) for each in batches_of(values)]
        if as_json:
            print(
                json_text(
                    [
                        {
                            "id": each.id,
                            **each.value(),
                            "records": found.records,
                            "reviewed": found.reviewed,
                            "faulty": list(found.faulty),
                            "undecided": list(found.undecided),
                            "apart": list(found.apart),
                            "left": dict(found.left),
                            "sentence": found.sentence,
                        }
                        for each, found in told
                    ]
                )
            )
            return
        if not told:
            print("no batch yet: make one with --make NAME")
        for each, found in told:
            print(plain(f"{each.name}: {found.sentence}"))
            for person, records in each.parts.items():
                print(plain(f"  {person}: {len(records)} records, {found.left[person]} left"))
