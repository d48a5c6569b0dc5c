"""Files that are either there whole or not there."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def write_atomic(path: Path, write: Callable[[Path], object]) -> bool:
    """Let `write` fill a file beside `path`, then put it there at once; False where the disk would not."""
    beside = path.with_name(f"{path.name}.{os.getpid()}.{threading.get_ident()}.part")
    try:
        write(beside)
        os.replace(beside, path)
    except OSError:
        beside.unlink(missing_ok=True)
        return False
    return True
