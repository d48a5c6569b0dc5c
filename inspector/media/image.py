"""A still image as a picture, read by FFmpeg like everything else."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

from inspector.errors import InspectorError
from inspector.media.opening import open_still, reason
from inspector.media.video import Picture

if TYPE_CHECKING:
    from pathlib import Path

LARGEST = 2048
"""Longer sides are scaled down to this many px: more than a view shows."""

_one = Lock()
"""A still may take a gigabyte while it is decoded: one at a time."""


def read_image(path: Path) -> Picture:
    """The first frame of an image file, at most LARGEST px a side. InspectorError where there is none."""
    import av

    try:
        with _one, open_still(path) as box:
            frame = next(box.decode(video=0))
    except StopIteration:
        raise InspectorError("The image cannot be read", f"{path}: it holds no picture") from None
    except (av.FFmpegError, OSError, ValueError, IndexError) as error:
        raise InspectorError("The image cannot be read", f"{path}: {reason(error)}") from error
    factor = min(LARGEST / frame.width, LARGEST / frame.height, 1.0)
    width, height = max(1, round(frame.width * factor)), max(1, round(frame.height * factor))
    small = frame.reformat(width=width, height=height, format="bgra", interpolation="AREA")
    plane = small.planes[0]
    return Picture(0, (0, 0), width, height, plane.line_size, memoryview(plane), 0, True, small)
