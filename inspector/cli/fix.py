"""`fix`: suggested fixes that passed their gate are accepted, in one edit."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from inspector.cli.app import Author, DatasetArg, Reader, Workspace, app
from inspector.errors import plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from inspector.core.findings import Finding
    from inspector.session import Session


@app.command("fix")
def fix(
    path: DatasetArg,
    check: Annotated[
        list[str] | None, typer.Option("--check", metavar="ID", help="Only this check; repeat for more.")
    ] = None,
    record: Annotated[
        list[str] | None, typer.Option("--record", metavar="ID", help="Only this record; repeat for more.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done.")] = False,
    workers: Annotated[
        int, typer.Option("--workers", metavar="N", min=1, help="Records decoded at a time.")
    ] = 1,
    workspace: Workspace = None,
    author: Author = None,
    reader: Reader = None,
) -> None:
    """Accept the suggested fixes that passed their gate, as one edit that `undo` takes back.

    What was audited before and has not changed is not audited again. A fix of something that is only suspect
    is accepted where its check is named: --check label.floating anchors the labels that name no moment.
    """
    from inspector.audit.fixes import in_words
    from inspector.audit.runner import Options
    from inspector.core.findings import Status
    from inspector.session import Session

    with Session.open(path, reader, workspace, author) as session:
        run = session.audit(Options(tuple(check or ()), tuple(record or ()), workers))
        found = list(run.findings())
        failed = [each for each in found if each.status is Status.FAILED]
        # What is only suspect is accepted where somebody asks for that very check.
        asked = [each for each in found if each.status is Status.SUSPECT and each.check in (check or ())]
        mended: list[Finding] = [each for each in failed + asked if each.fix is not None]
        for each in mended:
            assert each.fix is not None
            assert each.record_id is not None
            told = in_words(each.fix, session.record(each.record_id))
            print(plain(f"{each.record_id} {each.check}: {told}"))
        left = sum(each.fix is None for each in failed)
        rest = f"; {left} more failed and have no fix that is certain" if left else ""
        if not mended:
            print(f"nothing to fix{rest}")
            return
        if dry_run:
            print(f"{len(mended)} fixes, none made{rest}")
            return
        edit = session.accept(mended)
        told = "all of them stand already" if edit is None else f"edit {edit.id}"
        print(f"{len(mended)} fixes, {told}{rest}")
        if edit is not None:
            for line in _again(session, mended, workers):
                print(plain(line))
        for problem in session.curation.problems:
            print(f"inspector: {plain(str(problem))}", file=sys.stderr)


MEASURED_AGAIN = ("timing.av_offset", "timing.camera_offset", "transcript.offset", "sensor.offset")


def _again(session: Session, mended: list[Finding], workers: int) -> Iterator[str]:
    """What is measured of each stream that was moved, now that it is: before, after, and by what."""
    from inspector.audit.runner import Options
    from inspector.core.findings import Status

    moved = {(each.record_id, each.fix.stream) for each in mended if each.fix and each.fix.timemap}
    records = tuple(sorted({record_id for record_id, _ in moved if record_id is not None}))
    if not records:
        return
    # With the checks that told it, so that what they found before does not stand on.
    checks = tuple(dict.fromkeys((*MEASURED_AGAIN, *(each.check for each in mended))))
    for each in session.audit(Options(checks, records, workers)).findings():
        if each.streams and (each.record_id, each.streams[0]) in moved:
            measured = each.value is not None and each.status is not Status.NOT_MEASURABLE
            figure = f" {each.value:+.1f} ms" if measured else ""
            yield f"now {each.record_id} {each.streams[0]}:{figure} {each.message}"
