"""Single frames of a film as JPEG, for pages that people read."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from inspector.errors import InspectorError
from inspector.media.video import VideoReader

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inspector.core.model import Source
    from inspector.media.video import Picture

QUALITY = 4
"""Of MPEG's scale from 2 (best) to 31."""


def stills(source: Source, local_ns: Sequence[int], fit: tuple[int, int]) -> list[bytes]:
    """The frames that are shown at these local times, scaled to fit (width, height) px, as JPEGs.

    Empty where a frame cannot be had. InspectorError where the film cannot be opened.
    """
    reader = VideoReader(source)
    try:
        starts = reader.index.start_ns
        if not len(starts):
            raise InspectorError("The film has no frame", str(source.path), "Check the copy")
        places = np.clip(np.searchsorted(starts, np.asarray(local_ns, np.int64), "right") - 1, 0, None)
        pictures = [reader.read(int(place), fit) for place in places]
        return [b"" if each is None else jpeg_of(each) for each in pictures]
    finally:
        reader.close()


def jpeg_of(picture: Picture) -> bytes:
    """A picture as it stands upright, as JPEG."""
    import av

    rows = np.frombuffer(picture.data, np.uint8).reshape(picture.height, picture.stride)
    pixels = rows[:, : picture.width * 4].reshape(picture.height, picture.width, 4)
    upright = np.rot90(pixels, picture.rotation // 90) if picture.rotation % 90 == 0 else pixels
    even = upright[: upright.shape[0] // 2 * 2, : upright.shape[1] // 2 * 2]
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(even), format="bgra")
    codec: Any = av.CodecContext.create("mjpeg", "w")
    codec.width, codec.height, codec.pix_fmt = frame.width, frame.height, "yuvj420p"
    codec.time_base = Fraction(1, 25)
    codec.qmin = codec.qmax = QUALITY
    codec.thread_count = 1
    small = frame.reformat(format="yuvj420p", dst_color_range="JPEG")
    small.pts, small.time_base = 0, Fraction(1, 25)
    return b"".join(bytes(packet) for packet in [*codec.encode(small), *codec.encode(None)])
