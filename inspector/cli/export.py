"""`export` and `verify`: a curated subset as one release, and a release read again."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from inspector.cli.app import Author, DatasetArg, Reader, Workspace, app, json_text, progress
from inspector.errors import plain

if TYPE_CHECKING:
    from inspector.release.laying import Tally
    from inspector.release.plan import Plan

FORMATS = "folder, huggingface, webdataset, lerobot, lance, labelstudio, eaf, webvtt"
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document.")]


@app.command("export")
def export(
    path: DatasetArg,
    out: Annotated[str, typer.Argument(help="The release's folder, which must not be there yet.")],
    where: Annotated[
        str | None,
        typer.Option(
            "--where",
            metavar="SQL",
            help="Which records: a condition over `records`. Else all that are not flagged reject.",
        ),
    ] = None,
    moments: Annotated[
        Path | None,
        typer.Option(
            "--moments",
            metavar="FILE",
            help="CSV, JSON or Parquet of record_id, start_s, end_s: clips of these, cut to the frame, in "
            "place of whole records.",
        ),
    ] = None,
    as_: Annotated[str, typer.Option("--as", metavar="FORMAT", help=f"What to write: {FORMATS}.")] = "folder",
    modality: Annotated[
        list[str] | None,
        typer.Option("--modality", metavar="NAME", help="Only streams of this modality; repeat for more."),
    ] = None,
    proven: Annotated[
        str | None,
        typer.Option(
            "--proven",
            metavar="CORE",
            help="Only streams that the audit proved to share their moments with the core pair, two "
            "modalities such as `video,audio`.",
        ),
    ] = None,
    labels_of: Annotated[
        list[str] | None,
        typer.Option("--labels-of", metavar="AUTHOR", help="Only this author's labels; repeat for more."),
    ] = None,
    split: Annotated[
        str,
        typer.Option(
            "--split",
            metavar="SPEC",
            help="Sides: a column of them; `group=COLUMN,train=0.8,val=0.1,test=0.1` (and `stratify=COLUMN`, "
            "`lock=test`, `near=off`); `file=LIST`; `none`. A record stays where an earlier release has it.",
        ),
    ] = "split",
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Another draw of the sides.")] = 0,
    parent: Annotated[
        Path | None,
        typer.Option("--parent", metavar="RELEASE", help="The release that this one follows."),
    ] = None,
    hashes: Annotated[
        str,
        typer.Option(
            "--hashes",
            metavar="WHAT",
            help="Hash what is in the tracks too: coded (packets and stamps) or decoded (pictures, samples).",
        ),
    ] = "none",
    name: Annotated[
        str, typer.Option("--name", metavar="TEXT", help="The release's name; else the folder's.")
    ] = "",
    note: Annotated[str, typer.Option("--note", metavar="TEXT", help="What is to be known of it.")] = "",
    fixes: Annotated[
        str,
        typer.Option(
            "--fixes",
            metavar="WHERE",
            help="`files`: time maps are written into the files, as far as these can carry them. `manifest`: "
            "files stay as they are.",
        ),
    ] = "files",
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse where the format cannot carry something.")
    ] = False,
    ray: Annotated[
        str | None,
        typer.Option(
            "--ray",
            metavar="auto|ADDRESS",
            help="Copy and hash on a Ray cluster whose nodes see dataset and release at the same paths.",
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan and write nothing.")] = False,
    json: AsJson = False,
    workspace: Workspace = None,
    author: Author = None,
    reader: Reader = None,
) -> None:
    """Release the chosen records, with what was decided on them, as one folder that can be verified.

    The folder is there whole or not at all; an interrupted run goes on where it was. The dataset is not
    touched.
    """
    from dataclasses import replace

    from inspector.audit.reporting import proven_of
    from inspector.core.model import Modality
    from inspector.errors import InspectorError
    from inspector.release.hands import FarHands
    from inspector.release.hashes import CHOICES
    from inspector.release.laying import survey
    from inspector.release.plan import Choice, make_plan
    from inspector.release.targets import targets
    from inspector.release.write import write
    from inspector.session import Session

    targets.get(as_)
    if hashes not in CHOICES:
        raise InspectorError("There are no such hashes", hashes, f"There is {', '.join(CHOICES)}")
    for each in modality or ():
        if each not in set(Modality):
            raise InspectorError("There is no such modality", each, f"There is {', '.join(Modality)}")
    if fixes not in ("files", "manifest"):
        raise InspectorError("--fixes knows no such place", fixes, "There is files, manifest")
    core = tuple(each.strip() for each in (proven or "").split(",") if each.strip())
    if proven is not None and (len(set(core)) != 2 or not set(core) <= set(Modality)):
        raise InspectorError("--proven names two modalities", proven, "Such as video,audio")
    choice = Choice(
        where=where,
        moments=moments,
        form=as_,
        modalities=frozenset(modality) if modality else None,
        authors=frozenset(labels_of) if labels_of else None,
        split=split,
        seed=seed,
        parent=parent,
        fixes=fixes,
        hashes=hashes,
        strict=strict,
        name=name,
        note=note,
    )
    with Session.open(path, reader, workspace, author) as session:
        watched = sys.stderr.isatty()
        if len(core) == 2:
            choice = replace(choice, proven=proven_of(session, (core[0], core[1])))
        plan = make_plan(
            session, choice, progress(len(session.index), "records compared") if watched else None
        )
        told = progress(len(plan.ids), "records") if watched else None
        if dry_run:
            tally = survey(session, plan, told)
            root = None
        else:
            far = None if ray is None else FarHands(ray)
            card, tally = write(session, plan, Path(out), told, far)
            root = card.root
        if told is not None:
            print(file=sys.stderr)
        for sentence, count in tally.lost.items():
            print(f"inspector: not carried: {plain(sentence)} ({count} records)", file=sys.stderr)
        for sentence in plan.told:
            print(f"inspector: {plain(sentence)}", file=sys.stderr)
        for record_id, why in plan.held_back.items():
            print(f"inspector: held back: {plain(record_id)}: {plain(why)}", file=sys.stderr)
        for problem in tally.problems:
            print(f"inspector: {plain(problem)}", file=sys.stderr)
        if json:
            print(json_text(_document(out, root, plan, tally)))
        else:
            _say(out, root, plan, tally)


def _document(out: str, root: str | None, plan: Plan, tally: Tally) -> dict[str, Any]:
    return {
        "out": out,
        "root": root,
        "format": plan.choice.form,
        "records": tally.records,
        "files": tally.files,
        "bytes": tally.bytes,
        "decisions": tally.decisions,
        "splits": tally.splits,
        "left_out": plan.left_out,
        "told": list(plan.told),
        "held_back": plan.held_back,
        "changes": tally.changes,
        "lost": tally.lost,
        "problems": tally.problems,
    }


def _say(out: str, root: str | None, plan: Plan, tally: Tally) -> None:
    done = "would be written" if root is None else "written"
    size = f"{tally.records} records, {tally.files} files, {tally.bytes / 1e6:,.1f} MB"
    print(f"{size} {done} as {plan.choice.form}")
    for sentence, count in tally.changes.items():
        print(f"changed: {plain(sentence)} ({count})")
    print(f"{tally.decisions} decisions of curators are in it")
    if len(tally.splits) > 1:
        print("splits: " + ", ".join(f"{plain(split)} {count}" for split, count in tally.splits.items()))
    for reason, count in plan.left_out.items():
        print(f"{count} records left out: {plain(reason)}")
    if root is not None:
        print(f"root {root}")
        print(plain(out))


@app.command("verify")
def verify_(
    release: Annotated[str, typer.Argument(help="A folder that export made.")],
    json: AsJson = False,
) -> None:
    """Read a release again and name every difference from its manifest. Exit status 1 where there is one."""
    from inspector.release.verify import summary_lines, verified_json, verify

    root = Path(release).expanduser()
    told = progress(0, "files read") if sys.stderr.isatty() else None
    found = verify(root, told)
    if json:
        print(json_text(verified_json(root, found)))
    else:
        for line in summary_lines(found):
            print(plain(line))
        ending = (
            "every one as the manifest says"
            if not found.differences
            else f"{len(found.differences)} differences"
        )
        print(f"{found.records} records, {found.files} files, {found.bytes / 1e6:,.1f} MB: {ending}")
    if found.differences:
        raise typer.Exit(1)
