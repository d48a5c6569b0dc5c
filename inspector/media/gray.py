"""Every frame of a film, small and grey, in order of time: what an audit looks at instead of the pictures.

The luma plane is averaged where the decoder left it; nothing is scaled by FFmpeg, so that this costs little
beside the decoding itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from inspector.core.times import NS
from inspector.media.opening import open_track

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from inspector.core.model import Source

WIDTH = 96
"""Columns of the small picture, about; rows by the film's shape."""

_LUMA_FIRST = frozenset(
    {
        *("gray", "nv12", "nv21", "yuv410p", "yuv411p", "yuv420p", "yuv422p", "yuv440p", "yuv444p"),
        *("yuvj420p", "yuvj422p", "yuvj444p"),
    }
)
"""Formats whose first plane is 8 bits of luma a pixel."""


def gray_frames(source: Source, width: int = WIDTH) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """(local start ns, luma (h, w) uint8) of every frame that has a stamp, as the decoder gives them.

    Frames of a stretch cut out of a longer film are those that start in it. What is damaged comes as FFmpeg
    patches it up. Raises InspectorError where the film cannot be opened.
    """
    import av

    from inspector.media.probe import container_zero_ns

    box, stream = open_track(source, "video")
    with box:
        context: Any = stream.codec_context
        context.thread_type = "AUTO"
        cut = source.start_ns or 0
        zero = container_zero_ns(box) + cut
        length = None if source.end_ns is None else source.end_ns - cut
        base = stream.time_base
        if cut and base is not None:
            box.seek(int(zero / (base * NS)), stream=stream, backward=True)
        for frame in _frames(av, box, stream):
            stamp = frame.pts if frame.pts is not None else frame.dts
            if stamp is None or frame.time_base is None:
                continue
            local = round(stamp * frame.time_base * NS) - zero
            if length is not None and local >= length - 1000:  # as FrameIndex.cut: forgive a microsecond
                return
            if local >= -1000:
                yield max(local, 0), _small(frame, width)


def _frames(av: Any, box: Any, stream: Any) -> Iterator[Any]:
    packets = box.demux(stream)
    while True:
        try:
            packet = next(packets)
        except (StopIteration, av.FFmpegError):
            return
        try:
            yield from packet.decode()
        except av.FFmpegError:
            continue  # the next packets may still be whole


def _small(frame: Any, width: int) -> NDArray[np.uint8]:
    name: str = frame.format.name
    if name not in _LUMA_FIRST:
        frame = frame.reformat(format="gray")
    plane = frame.planes[0]
    rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[: frame.height, : frame.width]
    step = max(1, frame.width // width)
    if step == 1:
        return rows.copy()
    columns = frame.width // step
    thin = rows[step // 2 :: step, : columns * step].reshape(-1, columns, step)
    small: NDArray[np.uint8] = (thin.sum(axis=2, dtype=np.uint16) // step).astype(np.uint8)
    return small
