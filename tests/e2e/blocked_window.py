"""Run by test_sound as a program of its own: plays a folder, and blocks the window's thread while it does.

Prints `name start end` for each block, in seconds of CLOCK_MONOTONIC, then `done`.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer

from inspector.session import Opening
from inspector.ui.app import make_app
from inspector.ui.main_window import MainWindow

if TYPE_CHECKING:
    from collections.abc import Callable

BLOCK_S = 0.5
LOCKED_S = 0.007
"""How long one call into C holds Python's lock, on a slow machine as on a fast one."""


def sleep() -> None:
    """Wait without giving way to the event loop."""
    time.sleep(BLOCK_S)


def busy() -> None:
    """Compute in pure Python, holding its lock as long as the interpreter lets one."""
    end = time.monotonic() + BLOCK_S
    count = 0
    while time.monotonic() < end:
        count += sum(each * each for each in range(500))


def sort() -> None:
    """Single calls into C that hold Python's lock for LOCKED_S each."""
    end = time.monotonic() + BLOCK_S
    numbers = [(each * 7919) % 100_003 for each in range(60_000)]
    count = 4_000
    while time.monotonic() < end:
        start = time.thread_time()  # not the wall's: what waits for the lock to come back holds nothing
        sorted(numbers[:count])
        took = max(time.thread_time() - start, 1e-5)
        count = int(min(max(count * min(LOCKED_S / took, 2.0), 500), len(numbers)))


def main() -> int:
    """Play the folder named on the command line."""
    sys.setswitchinterval(0.001)  # as `inspector.ui.app.run` does
    app = make_app("dark")
    window = MainWindow()
    window.resize(1000, 700)
    window.show()
    window.start(Opening(sys.argv[1]), None, True)

    def blocking(name: str, block: Callable[[], None]) -> Callable[[], None]:
        def run() -> None:
            start = time.monotonic()
            block()
            sys.stdout.write(f"{name} {start} {time.monotonic()}\n")

        return run

    def wait() -> None:
        # Also for the sound: a server that wakes up takes a second, and what is not heard yet has no holes.
        if not window.player.transport.playing or window.player.speaker.clock is None:
            QTimer.singleShot(20, wait)
            return
        for at_ms, block in ((1200, sleep), (2200, busy), (3200, sort)):
            QTimer.singleShot(at_ms, blocking(block.__name__, block))
        QTimer.singleShot(4400, finish)

    def finish() -> None:
        sys.stdout.write("done\n")
        window.close()
        app.quit()

    wait()
    return app.exec()


if __name__ == "__main__":
    sys.exit(main())
