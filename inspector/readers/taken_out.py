"""Files that lie within others, copied out into the user's cache so that everything can open them by path.

A folder of the cache each, named by the sha256 that the manifest gives; what has another is not taken out.
Those of the newest records are held, so that nothing evicts what is on show.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections import OrderedDict
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from inspector.core import manifest
from inspector.core.cache import USED, user_cache
from inspector.core.files import write_atomic
from inspector.errors import InspectorError

if TYPE_CHECKING:
    from pathlib import Path

MOST_HELD = 256
"""Files of the newest records, which nothing of this process evicts."""
_BLOCK = 1 << 20
_MTIME = 1_000_000_000
"""Always the same, so that what was worked out about a file is found again when it is taken out again."""


@dataclass(frozen=True, slots=True)
class Held:
    """`bytes` from `offset` on in the file `within`, which are the file `path`."""

    path: str
    within: str
    offset: int
    bytes: int
    sha256: str


class TakenOut:
    """What one dataset took out."""

    def __init__(self) -> None:
        self._holds: OrderedDict[Path, ExitStack] = OrderedDict()
        self._lock = threading.Lock()

    def path(self, root: Path, held: Held) -> Path:
        """Where the file can be opened. InspectorError where it is not what it was, or there is no room."""
        cache = user_cache()
        folder = cache.named(f"asset {held.sha256}")
        place = folder / PurePosixPath(held.path).name
        self._hold(folder)
        if place.is_file() and place.stat().st_size == held.bytes:
            return place
        if not cache.make_room(held.bytes):
            raise InspectorError(
                "There is no room to take it out",
                f"{held.bytes / 1e6:,.0f} MB of {held.within}",
                "Give the cache more room in the preferences",
            )
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / USED).touch()
            source = manifest.inside(root, held.within)
            if not write_atomic(place, lambda beside: _copy(source, held, beside)):
                raise OSError(0, "it cannot be written", str(place))
        except OSError as error:
            raise InspectorError(
                "It cannot be taken out", f"{held.within}: {error.strerror or error}"
            ) from None
        return place

    def _hold(self, folder: Path) -> None:
        with self._lock:
            if folder in self._holds:
                self._holds.move_to_end(folder)
                return
            self._holds[folder] = ExitStack()
            self._holds[folder].enter_context(user_cache().holding(folder))
            while len(self._holds) > MOST_HELD:
                self._holds.popitem(last=False)[1].close()


def _copy(source: Path, held: Held, to: Path) -> None:
    digest, left = hashlib.sha256(), held.bytes
    with source.open("rb", buffering=0) as read, to.open("wb") as write:
        read.seek(held.offset)
        while left > 0 and (block := read.read(min(left, _BLOCK))):
            digest.update(block)
            write.write(block)
            left -= len(block)
    if digest.hexdigest() != held.sha256:
        raise InspectorError(
            "its bytes are not those of the manifest", held.within, "`inspector verify` tells more"
        )
    os.utime(to, (_MTIME, _MTIME))
