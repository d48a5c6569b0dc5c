"""`audit`: the checks run over a dataset."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from inspector.cli.app import Author, DatasetArg, Reader, Workspace, app, json_text, outside
from inspector.errors import InspectorError, plain

if TYPE_CHECKING:
    from pathlib import Path

    from inspector.audit.runner import Run
    from inspector.core.findings import Finding


@app.command("audit")
def audit(
    path: DatasetArg,
    check: Annotated[
        list[str] | None, typer.Option("--check", metavar="ID", help="Only this check; repeat for more.")
    ] = None,
    record: Annotated[
        list[str] | None, typer.Option("--record", metavar="ID", help="Only this record; repeat for more.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", metavar="N", help="Records decoded at a time; 1 if not named.")
    ] = None,
    ray: Annotated[
        str | None,
        typer.Option(
            "--ray",
            metavar="auto|ADDRESS",
            help="Spread over a Ray cluster whose nodes see the dataset at the same path.",
        ),
    ] = None,
    self_test: Annotated[
        int | None,
        typer.Option(
            "--self-test", metavar="N", min=1, help="Hide N faults in copies (in memory) and find them."
        ),
    ] = None,
    purpose: Annotated[
        str | None,
        typer.Option(
            "--purpose",
            metavar="training|domain|benchmark",
            help="What the dataset is for: sets tolerances and gates; kept for this dataset.",
        ),
    ] = None,
    tolerance: Annotated[
        list[str] | None,
        typer.Option(
            "--tolerance", metavar="ID=LOW:HIGH", help="Of a check, kept for this dataset; repeat for more."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a finding to stdout.")] = False,
    out: Annotated[
        str | None, typer.Option("--out", metavar="FILE.parquet", help="Write the findings there, too.")
    ] = None,
    listed: Annotated[bool, typer.Option("--list", help="Say what the checks are, and run none.")] = False,
    workspace: Workspace = None,
    author: Author = None,
    reader: Reader = None,
) -> None:
    """Find what is misaligned or missing. Exit status 1 where something failed its check."""
    from inspector.audit.runner import Options
    from inspector.core.findings import Status
    from inspector.session import Session

    if workers is not None and workers < 1:
        raise InspectorError("--workers takes a number from 1 on", str(workers))
    if ray is not None and (workers is not None or self_test is not None):
        raise InspectorError("--ray goes with neither --workers nor --self-test", ray, "Leave one out")
    target = None if out is None else outside(out, path, "the findings")
    if listed:
        _list(as_json)
        return
    with Session.open(path, reader, workspace, author) as session:
        _set(session.audited.folder, purpose, tolerance or [])
        run = session.audit(Options(tuple(check or ()), tuple(record or ()), workers or 1, ray=ray))
        found: list[Finding] = []
        for finding in run.findings() if self_test is None else run.self_test(self_test):
            found.append(finding)
            if as_json:
                print(json_text(finding.to_json()))
            elif finding.status is not Status.OK or self_test is not None:
                print(plain(line_of(finding)))
            _progress(run)
        if sys.stderr.isatty():
            sys.stderr.write("\r\x1b[K")
        if target is not None:
            import pyarrow as pa
            import pyarrow.parquet as pq

            from inspector.audit.store import FINDINGS, finding_row

            pq.write_table(pa.Table.from_pylist([finding_row(each) for each in found], FINDINGS), target)
        if not as_json:
            print(_summary(found, len(session.index)))
    if any(each.status is Status.FAILED for each in found):
        raise typer.Exit(1)


def _set(folder: Path | None, purpose: str | None, tolerances: list[str]) -> None:
    """Keep what was named for this dataset."""
    from dataclasses import replace

    from inspector.audit.purpose import Purpose, chosen, keep, tolerance_of

    if purpose is None and not tolerances:
        return
    known = chosen(folder)
    if purpose is not None:
        if purpose not in {each.value for each in Purpose}:
            names = ", ".join(each.value for each in Purpose)
            raise InspectorError("There is no such purpose", purpose, f"Name one of {names}")
        known = replace(known, purpose=Purpose(purpose))
    keep(folder, replace(known, tolerances=dict(known.tolerances) | dict(map(tolerance_of, tolerances))))


def line_of(finding: Finding) -> str:
    """A finding on one line: what, where, how bad, and what would mend it."""
    where = finding.record_id or "dataset"
    streams = ", ".join(finding.streams)
    figure = "" if finding.value is None else f" {finding.value:+.4g} {finding.unit}"
    fix = ""
    if finding.fix is not None and finding.fix.offset_ns is not None:
        late = finding.fix.offset_ns / 1e6
        fix = f" [fix: moves {abs(late):.0f} ms {'earlier' if late > 0 else 'later'}]"
    status = finding.status.value.replace("_", " ")
    return f"{status:14} {where} {finding.check} {streams}:{figure} {finding.message}{fix}"


def _summary(found: list[Finding], records: int) -> str:
    from collections import Counter

    counted = Counter(each.status.value.replace("_", " ") for each in found)
    told = ", ".join(f"{number} {status}" for status, number in sorted(counted.items()))
    return f"{records} records: {told or 'nothing to say'}"


def _progress(run: Run) -> None:
    if sys.stderr.isatty():
        now = run.progress
        left = f", {now.left_s:.0f} s left" if now.done else ""
        sys.stderr.write(f"\r\x1b[K{now.stage}: {now.done} of {now.total}{left}")
        sys.stderr.flush()


def _list(as_json: bool) -> None:
    from inspector.audit.checks import checks

    for entry in checks.all():
        each = entry.value
        if as_json:
            about = {"id": each.id, "title": each.title, "help": each.help, "unit": each.unit}
            print(json_text(about | {"tolerance": list(each.tolerance)}))
        else:
            print(f"{each.id}: {each.title}. {each.help}")
