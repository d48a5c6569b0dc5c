"""The command line. Every command but `open` and `demo` runs without Qt."""

from __future__ import annotations

import io
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from inspector import __version__
from inspector.errors import Cancelled, InspectorError, plain

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

OK, UNUSABLE, BUG = 0, 2, 70
SHOWN = 20
"""Lines of one kind that `info` prints for people."""
COMMANDS = ("open", "demo", "info", "query")

app = typer.Typer(
    name="inspector",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="See, check and curate multimodal datasets. A first word that is no command means `open`.",
    epilog="Exit status: 0 done, 1 done and something failed its check, 2 could not run, 70 a bug.",
)

PathArg = Annotated[
    str | None, typer.Argument(metavar="[PATH]", help="The dataset's folder; none for the start page.")
]
Reader = Annotated[
    str | None, typer.Option("--reader", metavar="NAME", help="Read as this format: folder, lerobot.")
]
Workspace = Annotated[
    str | None,
    typer.Option(
        "--workspace", metavar="DIR", help="Where curation work is kept; not used before there is some."
    ),
]
Author = Annotated[
    str | None, typer.Option("--author", metavar="NAME", help="Who works; not used before edits.")
]
RecordOpt = Annotated[str | None, typer.Option("--record", metavar="ID", help="The record to show first.")]
At = Annotated[
    str | None, typer.Option("--at", metavar="SECONDS", help="Where to put the playhead, e.g. 7.4 or 1:07.4.")
]
Play = Annotated[bool, typer.Option("--play", help="Start to play at once.")]
Size = Annotated[str | None, typer.Option("--size", metavar="WxH", help="The window's size, e.g. 1280x800.")]
Shot = Annotated[
    str | None,
    typer.Option(
        "--screenshot", metavar="FILE", help="Write a PNG once every view shows its exact frame, and end."
    ),
]
Light = Annotated[
    str | None, typer.Option("--theme", metavar="NAME", help="dark or light; else as the system says.")
]

Sound = Annotated[
    str | None,
    typer.Option("--sound", metavar="NAME", help="What plays the sound: builtin or vlc (needs libVLC)."),
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


@app.command("open")
def open_(
    path: PathArg = None,
    record: RecordOpt = None,
    at: At = None,
    play: Play = False,
    size: Size = None,
    screenshot: Shot = None,
    workspace: Workspace = None,
    author: Author = None,
    reader: Reader = None,
    theme: Light = None,
    sound: Sound = None,
) -> None:
    """Open a dataset in the window."""
    _run_window(path, record, at, play, size, screenshot, reader, theme, sound)


@app.command()
def demo(
    record: RecordOpt = None,
    at: At = None,
    play: Play = False,
    size: Size = None,
    screenshot: Shot = None,
    theme: Light = None,
    sound: Sound = None,
) -> None:
    """Open the bundled dataset; with no display, render it to a PNG and print its path as the last line."""
    from inspector.core.assets import resource

    if screenshot is None and not _has_display():
        import tempfile

        screenshot = str(Path(tempfile.mkdtemp(prefix="inspector-")) / "demo.png")
    _run_window(str(resource("demo")), record, at, play, size, screenshot, None, theme, sound)
    if screenshot is not None:
        print(screenshot)


@app.command()
def info(
    path: Annotated[str, typer.Argument(help="The dataset's folder.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document to stdout.")] = False,
    workspace: Workspace = None,
    author: Author = None,
    reader: Reader = None,
) -> None:
    """Format, records, modalities, coverage and sizes; reads every record."""
    from inspector.session import Session

    with Session.open(path, reader) as session:
        told = _progress(len(session.index)) if sys.stderr.isatty() else None
        counted = session.summary(told)
        if told is not None:
            sys.stderr.write("\r\x1b[K")
        document = session.info(counted)
        if as_json:
            print(_json_text(document))
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


@app.command()
def query(
    path: Annotated[str, typer.Argument(help="The dataset's folder.")],
    sql: Annotated[str, typer.Argument(metavar="SQL", help="One SELECT; - reads it from standard input.")],
    form: Annotated[
        str, typer.Option("--format", metavar="FORMAT", help="table, csv, json or parquet.")
    ] = "table",
    out: Annotated[str | None, typer.Option("--out", metavar="FILE", help="Write there.")] = None,
    timeout: Annotated[
        float, typer.Option("--timeout", metavar="SECONDS", help="Stop a question that takes longer.")
    ] = 30.0,
    workspace: Workspace = None,
    author: Author = None,
    reader: Reader = None,
) -> None:
    """Ask the dataset in SQL. Tables: records, streams, pairs, coverage, annotations, words, findings, flags,
    edits, samples.
    """
    from inspector.query.output import FORMATS, write
    from inspector.session import Session

    if form not in FORMATS:
        raise InspectorError(f"--format is {', '.join(FORMATS)}", repr(form))
    if form == "parquet" and out is None:
        raise InspectorError("Parquet is written to a file", "", "Name one with --out")
    if not timeout > 0:
        raise InspectorError("--timeout takes seconds above 0", repr(timeout))
    root = Path(path).expanduser().resolve()
    target = None if out is None else Path(out).expanduser().resolve()
    if target is not None:
        if target == root or (root.is_dir() and target.is_relative_to(root)):
            raise InspectorError(
                "The answer would be written into the dataset",
                str(target),
                "A dataset is never written to: name a file elsewhere",
            )
        if target.is_dir() or not target.parent.is_dir():
            raise InspectorError(
                "The answer's folder is not there", str(target.parent), "Make it, or name another"
            )
    with Session.open(path, reader) as session:
        text = sys.stdin.read() if sql == "-" else sql
        for note in write(session.engine, text, form, target, timeout):
            print(f"inspector: {plain(note)}", file=sys.stderr)


def _json_text(document: object) -> str:
    """One line of JSON, with the letters themselves where the output can carry them."""
    text = json.dumps(document, ensure_ascii=False)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:  # a name that is no Unicode, or a terminal that is not UTF-8
        return json.dumps(document)
    return text


def _progress(total: int) -> Callable[[int], None]:
    def told(done: int) -> None:
        sys.stderr.write(f"\r{done} of {total} records read")
        sys.stderr.flush()

    return told


def _has_display() -> bool:
    if sys.platform in ("win32", "darwin"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _run_window(
    path: str | None,
    record: str | None,
    at: str | None,
    play: bool,
    size: str | None,
    screenshot: str | None,
    reader: str | None,
    theme: str | None,
    sound: str | None,
) -> None:
    from inspector.core.times import parse_clock

    at_ns = None
    if at is not None and (at_ns := parse_clock(at)) is None:
        raise InspectorError("--at takes seconds", repr(at), "Try --at 7.4 or --at 1:07.4")
    pixels = None
    if size is not None:
        width, _, height = size.lower().partition("x")
        if not (
            width.isdigit()
            and height.isdigit()
            and 200 <= int(width) <= 16384
            and 200 <= int(height) <= 16384
        ):
            raise InspectorError("--size takes WxH in px", repr(size), "Try --size 1280x800")
        pixels = (int(width), int(height))
    if theme not in (None, "dark", "light"):
        raise InspectorError("--theme is dark or light", repr(theme))
    if sound not in (None, "builtin", "vlc"):
        raise InspectorError("--sound is builtin or vlc", repr(sound))
    if screenshot is not None and not Path(screenshot).expanduser().absolute().parent.is_dir():
        raise InspectorError("The screenshot's folder is not there", screenshot, "Make it, or name another")
    if path is not None and not Path(path).expanduser().exists():
        raise InspectorError("There is nothing at that path", path, "Check the spelling")
    if screenshot is not None and path is not None:
        target, root = Path(screenshot).expanduser().resolve(), Path(path).expanduser().resolve()
        if target == root or (root.is_dir() and target.is_relative_to(root)):
            raise InspectorError(
                "The screenshot would be written into the dataset",
                screenshot,
                "A dataset is never written to: name a file elsewhere",
            )
    if not _has_display():
        if screenshot is None:
            raise InspectorError(
                "There is no display to open a window on",
                "",
                "Use --screenshot FILE to render one, or set DISPLAY",
            )
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from inspector.media import child

    if path is not None:
        child.warm()  # it starts beside everything that is imported next
    from inspector.session import Opening

    opening = Opening(path, reader, record)  # reads on in a thread while Qt loads
    from inspector.ui.app import run

    status = run(
        opening, at_ns=at_ns, play=play, size=pixels, screenshot=screenshot, theme=theme, sound=sound
    )
    if status:
        raise SystemExit(status)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit with its status; anything unforeseen is a bug, 70."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a name that is no Unicode can still be printed
    if not words:
        words = ["open"]
    elif words[0] not in COMMANDS and words[0] not in ("--help", "--version"):
        words.insert(0, "open")
    try:
        sys.exit(_run(words))
    except Exception:  # noqa: BLE001 - the last stop: whatever got here is our fault, and must exit as such
        import traceback

        traceback.print_exc()
        print("inspector: this is a bug; please report the lines above", file=sys.stderr)
        sys.exit(BUG)


def _run(words: list[str]) -> int:
    try:
        app(words, standalone_mode=False)
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
    return OK
