"""The command line: a module a command, hung on `app` as it is imported. Only `open` and `demo` load Qt."""

from __future__ import annotations

import io
import os
import sys
from typing import TYPE_CHECKING, NoReturn

from inspector.cli import (
    agree,
    audit,
    batch,
    diff,
    export,
    fix,
    flag,
    info,
    intake,
    labels,
    log,
    query,
    releases,
    relink,
    report,
    rig,
    takedown,
    window,
)
from inspector.cli.app import app
from inspector.errors import Cancelled, InspectorError, plain

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "agree",
    "audit",
    "batch",
    "diff",
    "export",
    "fix",
    "flag",
    "info",
    "intake",
    "labels",
    "log",
    "main",
    "query",
    "releases",
    "relink",
    "report",
    "rig",
    "takedown",
    "window",
]

OK, UNUSABLE, BUG = 0, 2, 70


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit with its status; anything unforeseen is a bug, 70."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a name that is no Unicode can still be printed
    if not words:
        words = ["open"]
    elif words[0] not in {"--help", "--version", *_commands()}:
        words.insert(0, "open")
    try:
        sys.exit(_run(words))
    except Exception:  # noqa: BLE001 - the last stop: whatever got here is our fault, and must exit as such
        import traceback

        traceback.print_exc()
        print("inspector: this is a bug; please report the lines above", file=sys.stderr)
        sys.exit(BUG)


def _commands() -> set[str]:
    return {
        *(each.name or "" for each in app.registered_commands),
        *(str(each.name) for each in app.registered_groups),
    }


def _run(words: list[str]) -> int:
    try:
        status = app(words, standalone_mode=False)
        # Here and not at exit, so that `info … | head` ends quietly. SIGPIPE itself stays ignored: a probe
        # child that dies while it is written to would else end the program.
        sys.stdout.flush()
    except InspectorError as error:
        print(f"inspector: {plain(str(error))}", file=sys.stderr)
        return UNUSABLE
    except SystemExit as end:
        # typer turns a pipe that nobody reads into 1, which here means a failed check.
        if isinstance(end.__context__, BrokenPipeError):
            return OK
        raise
    except (KeyboardInterrupt, Cancelled):
        return 130
    except BrokenPipeError:
        os.dup2(
            os.open(os.devnull, os.O_WRONLY), 1
        )  # nobody reads on: not even the flush at exit may complain
        return OK
    except Exception as error:
        # typer carries its own copy of click: wrong usage is told apart by what it offers, not by its class.
        told = getattr(error, "format_message", None)
        if told is None:
            raise
        print(f"inspector: {plain(' '.join(str(told()).split()))} See `inspector --help`.", file=sys.stderr)
        return UNUSABLE
    return status if isinstance(status, int) else OK  # typer gives back the code of its Exit
