"""Which bytes of a long MP4 or MOV to change on the way to FFmpeg, so that it sees one track of it.

FFmpeg keeps a table of every sample of every track of a file that it has open: ten hours of film with sound
take 110 MB, each time that it is opened. A track whose box `trak` is called `free` is passed over (ISO/IEC
14496-12, 8.1.2): whoever decodes the picture has no need of the sound's table. The file itself is as it was.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from inspector.media.mp4 import box_at, find_box

if TYPE_CHECKING:
    from pathlib import Path

LONG_BYTES = 4 << 20
"""Of tables. Those of a shorter film are not worth it."""


def others(path: Path, track: int) -> tuple[int, ...]:
    """Where the file has the word `trak` of each track but this one; () where it is to be read as it is."""
    tracks = _known_tracks(path)
    if not 0 <= track < len(tracks):
        return ()
    return tuple(at for place, at in enumerate(tracks) if place != track)


def long_tables(path: Path) -> bool:
    """Whether opening the file costs memory that is worth minding."""
    return bool(_known_tracks(path))


def _known_tracks(path: Path) -> tuple[int, ...]:
    try:
        found = path.stat()
        return _tracks(path, found.st_size, found.st_mtime_ns)
    except (OSError, ValueError):
        return ()


@lru_cache(maxsize=256)
def _tracks(path: Path, size: int, _mtime_ns: int) -> tuple[int, ...]:
    """Where the word `trak` of each track stands, in FFmpeg's order; () where the tables are short, or the
    samples are told of elsewhere (in fragments, which name their track)."""
    with path.open("rb") as file:
        moov = find_box(file, b"moov", 0, size)
        if moov is None or moov[1] - moov[0] < LONG_BYTES or find_box(file, b"mvex", *moov) is not None:
            return ()
        places, (at, end) = [], moov
        while (box := box_at(file, at, end)) is not None:
            if box[0] == b"trak":
                places.append(at + 4)
            at = box[2]
    return tuple(places)
