"""Start the window, or render it once to a file."""

from __future__ import annotations

import gc
import sys
from typing import TYPE_CHECKING

from PySide6.QtCore import QMessageLogContext, Qt, QTimer, QtMsgType, qInstallMessageHandler
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QApplication

from inspector.core.assets import resource
from inspector.errors import InspectorError
from inspector.ui import theme
from inspector.ui.main_window import MainWindow

if TYPE_CHECKING:
    from inspector.session import Opening

NOISE = ("This plugin does not support", "Using Qt multimedia with FFmpeg")
"""What Qt says of itself that helps nobody who runs the program."""
SCREENSHOT_LIMIT_S = 120
"""A picture that is not complete by then is a failure, said as one."""


def make_app(wanted: str | None = None) -> QApplication:
    """The application with its faces and theme: `wanted` dark or light, else as the system says."""
    app = QApplication.instance()
    if not isinstance(app, QApplication):
        QApplication.setHighDpiScaleFactorRoundingPolicy(Qt.HighDpiScaleFactorRoundingPolicy.PassThrough)
        app = QApplication(sys.argv[:1])
    app.setApplicationName("Inspector")
    app.setDesktopFileName("inspector")
    app.setWindowIcon(QIcon(str(resource("icons", "inspector-256.png"))))
    theme.load_fonts()
    theme.apply(app, theme.wants_light() if wanted is None else wanted == "light")
    return app


def _say(kind: QtMsgType, context: QMessageLogContext, message: str) -> None:
    """Qt's own messages to stderr, less its noise."""
    if not message.startswith(NOISE):
        sys.stderr.write(message + "\n")


def run(
    opening: Opening,
    *,
    at_ns: int | None = None,
    play: bool = False,
    size: tuple[int, int] | None = None,
    screenshot: str | None = None,
    theme: str | None = None,
    sound: str | None = None,
) -> int:
    """Show the dataset until the window is closed, or until its screenshot is written; the exit status.

    `sound` names the output, "builtin" or "vlc"; else the settings do.
    With `screenshot`, an unusable dataset raises InspectorError instead of being told in the window.
    """
    # The sound thread waits for Python's lock at most this long behind each busy thread (default: 5 ms).
    sys.setswitchinterval(0.001)
    qInstallMessageHandler(_say)
    app = make_app(theme)
    if screenshot is not None:
        opening.wait()
        if opening.error is not None:
            raise opening.error
    window = MainWindow(with_sound=screenshot is None, sound=sound)
    if size is not None:
        window.resize(*size)
    window.show()
    window.parts.fit_panels()
    # With no window manager nobody else gives the window its keys.
    window.activateWindow()
    window.raise_()
    window.first_picture.connect(_settle_memory)
    window.start(opening, at_ns, play and screenshot is None)
    if screenshot is None:
        return app.exec()
    return _screenshot(app, window, screenshot)


def _settle_memory() -> None:
    """Leave the modules out of every later search for garbage: a full one would stop the window."""
    gc.freeze()


def _screenshot(app: QApplication, window: MainWindow, path: str) -> int:
    calm = 0
    failed = False

    def look() -> None:
        nonlocal calm
        # Complete in several looks in a row: tracks ask for their pictures a moment after they are laid out.
        calm = calm + 1 if window.complete else 0
        if calm >= 8:
            app.exit(0)

    def give_up() -> None:
        nonlocal failed
        failed = True
        app.exit(0)

    poll = QTimer(interval=40)
    poll.timeout.connect(look)
    poll.start()
    limit = QTimer(singleShot=True, interval=SCREENSHOT_LIMIT_S * 1000)
    limit.timeout.connect(give_up)
    limit.start()
    app.exec()
    poll.stop()
    limit.stop()
    saved = not failed and window.grab().save(path, "PNG")
    window.close()
    if failed:
        raise InspectorError(
            "The views did not settle", f"{SCREENSHOT_LIMIT_S} s passed", "Try a smaller record"
        )
    if not saved:
        raise InspectorError("The screenshot cannot be written", path, "Check the folder")
    return 0
