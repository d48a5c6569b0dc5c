"""The application that every command hangs itself on, and what the commands share."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from inspector import __version__
from inspector.errors import InspectorError

if TYPE_CHECKING:
    from collections.abc import Callable

app = typer.Typer(
    name="inspector",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="See, check and curate multimodal datasets. A first word that is no command means `open`.",
    epilog="Exit status: 0 done, 1 done and something failed its check, 2 could not run, 70 a bug.",
)

DatasetArg = Annotated[str, typer.Argument(help="The dataset's folder.")]
Reader = Annotated[
    str | None,
    typer.Option("--reader", metavar="NAME", help="Read as this format: folder, lerobot, release."),
]
Workspace = Annotated[
    str | None,
    typer.Option(
        "--workspace", metavar="DIR", help="Where curation work is kept; remembered for this dataset."
    ),
]
Author = Annotated[
    str | None, typer.Option("--author", metavar="NAME", help="Who works; else as in the settings.")
]


def _version(wanted: bool) -> None:
    if wanted:
        print(f"inspector {__version__}")
        raise typer.Exit


@app.callback()
def top(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which.")
    ] = False,
) -> None:
    """See, check and curate multimodal datasets. A first word that is no command means `open`."""


def json_text(document: object) -> str:
    """One line of JSON, with the letters themselves where the output can carry them."""
    text = json.dumps(document, ensure_ascii=False)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:  # a name that is no Unicode, or a terminal that is not UTF-8
        return json.dumps(document)
    return text


def progress(total: int, what: str = "records read") -> Callable[[int], None]:
    """What tells of the work on one line of stderr; for a terminal only."""

    def told(done: int) -> None:
        sys.stderr.write(f"\r{done} of {total} {what}")
        sys.stderr.flush()

    return told


def outside(target: str, dataset: str | Path | None, what: str) -> Path:
    """The file to write, resolved. InspectorError where it lies in the dataset (if any), or has no folder.

    `what` names it in the message, as in "the answer".
    """
    file = Path(target).expanduser().resolve()
    root = None if dataset is None else Path(dataset).expanduser().resolve()
    if root is not None and (file == root or (root.is_dir() and file.is_relative_to(root))):
        raise InspectorError(
            f"{what.capitalize()} would be written into the dataset",
            target,
            "A dataset is never written to: name a file elsewhere",
        )
    if file.is_dir() or not file.parent.is_dir():
        raise InspectorError(f"The folder for {what} is not there", target, "Make it, or name another")
    return file
