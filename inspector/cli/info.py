"""`info`: what a dataset holds."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from inspector.cli.app import Author, DatasetArg, Reader, Workspace, app, json_text, progress
from inspector.errors import plain

SHOWN = 20
"""Lines of one kind that are printed for people."""


@app.command("info")
def info(
    path: DatasetArg,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document to stdout.")] = False,
    workspace: Workspace = None,
    author: Author = None,
    reader: Reader = None,
) -> None:
    """Format, records, modalities, coverage and sizes; reads every record."""
    from inspector.session import Session

    with Session.open(path, reader, workspace, author) as session:
        told = progress(len(session.index)) if sys.stderr.isatty() else None
        counted = session.summary(told)
        if told is not None:
            sys.stderr.write("\r\x1b[K")
        document = session.info(counted)
        if as_json:
            print(json_text(document))
            return
        from inspector.core.model import Coverage
        from inspector.core.times import clock_text

        print(plain(document["path"]))
        print(plain(f"{document['format']}: {session.dataset.layout}"))
        print(
            f"{document['records']} records, {clock_text(counted.duration_ns)} in all, "
            f"{counted.bytes / 1e6:,.1f} MB of media and data"
        )
        for modality in session.modalities:
            states = [
                f"{state.value} in {number}"
                for state in Coverage
                if state is not Coverage.PRESENT and (number := counted.states[modality, state])
            ]
            line = f"in {counted.records[modality]} records, {counted.streams[modality]} streams"
            print(f"  {modality.value:8} {line}" + (f"; {', '.join(states)}" if states else ""))
        for title, lines in (
            ("Could be read otherwise", session.dataset.ambiguous),
            ("Problems", document["problems"]),
            ("Left over: files that no record took", document["leftover"]),
        ):
            if lines:
                print(f"{title} ({len(lines)}):")
                for line in lines[:SHOWN]:
                    print(f"  {plain(line)}")
                if len(lines) > SHOWN:
                    print(f"  … and {len(lines) - SHOWN} more; --json has all")
