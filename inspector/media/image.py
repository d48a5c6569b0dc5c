"""A still image as a picture, read by FFmpeg like everything else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inspector.errors import InspectorError
from inspector.media.video import Picture

if TYPE_CHECKING:
    from pathlib import Path

LARGEST = 2048
"""Longer sides are scaled down to this many px: more than a view shows."""


def read_image(path: Path) -> Picture:
    """The first frame of an image file, at most LARGEST px a side. InspectorError where there is none."""
    import av

    try:
        with av.open(str(path)) as box:
            frame = next(box.decode(video=0))
    except (av.FFmpegError, OSError, StopIteration, IndexError) as error:
        raise InspectorError("The image cannot be read", f"{path}: {error}") from error
    factor = min(LARGEST / frame.width, LARGEST / frame.height, 1.0)
    width, height = max(1, round(frame.width * factor)), max(1, round(frame.height * factor))
    small = frame.reformat(width=width, height=height, format="bgra", interpolation="AREA")
    plane = small.planes[0]
    return Picture(0, (0, 0), width, height, plane.line_size, memoryview(plane), 0, True, small)
