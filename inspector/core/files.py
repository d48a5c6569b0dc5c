"""Files that are either there whole or not there."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def write_atomic(path: Path, write: Callable[[Path], object]) -> bool:
    """Let `write` fill a file beside `path`, then put it there at once; False where the disk would not.

    What else `write` raises is passed on, and nothing is left behind.
    """
    beside = path.with_name(f"{path.name}.{os.getpid()}.{threading.get_ident()}.part")
    try:
        write(beside)
        os.replace(beside, path)
    except OSError:
        return False
    finally:
        with suppress(OSError):
            beside.unlink()
    return True
