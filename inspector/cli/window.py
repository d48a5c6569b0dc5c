"""`open` and `demo`: the commands that show the window. Qt is imported only once all is in order."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from inspector.cli.app import Author, Reader, Workspace, app, outside
from inspector.errors import InspectorError

PathArg = Annotated[
    str | None, typer.Argument(metavar="[PATH]", help="The dataset's folder; none for the start page.")
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
    _run_window(path, record, at, play, size, screenshot, reader, theme, sound, workspace, author)


@app.command("demo")
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
    workspace: str | None = None,
    author: str | None = None,
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
    if path is not None and not Path(path).expanduser().exists():
        raise InspectorError("There is nothing at that path", path, "Check the spelling")
    if screenshot is not None:
        outside(screenshot, path, "the screenshot")
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

    opening = Opening(path, reader, record, workspace, author)  # reads on in a thread while Qt loads
    from inspector.ui.app import run

    status = run(
        opening, at_ns=at_ns, play=play, size=pixels, screenshot=screenshot, theme=theme, sound=sound
    )
    if status:
        raise SystemExit(status)
