"""PCM on the reference timeline: a track through its TimeMap, for mixer, audit and release alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from inspector.core.times import NS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from inspector.core.timemap import TimeMap


class Pcm(Protocol):
    """Anything that gives samples by local sample number (`media.audio.PcmReader` does)."""

    rate: int

    def read(self, start: int, count: int) -> NDArray[np.float32]:
        """`count` samples from `start`, shape (count, channels), silence where there are none."""
        ...


def render_pcm(pcm: Pcm, timemap: TimeMap, start_ns: int, count: int) -> NDArray[np.float32]:
    """`count` samples at `pcm.rate` from reference time `start_ns`, shape (count, channels).

    Where the map is a plain shift the samples are copied; where it stretches, they are read between their
    neighbours linearly (the error at 1,000 ppm is far below what can be heard).
    """
    rate = pcm.rate
    times = np.array([start_ns, start_ns + count * NS // rate], np.int64)
    first, last = (int(x) for x in timemap.to_local_array(times))
    stretched = abs((last - first) - (int(times[1]) - start_ns)) * rate > NS // 2
    if not stretched:
        return pcm.read(round(first * rate / NS), count)
    reference = start_ns + np.arange(count, dtype=np.int64) * NS // rate
    place = timemap.to_local_array(reference) * (rate / NS)
    low = int(np.floor(place.min()))
    data = pcm.read(low, int(np.ceil(place.max())) - low + 2)
    whole = np.floor(place - low).astype(np.int64)
    part = (place - low - whole)[:, None].astype(np.float32)
    mixed: NDArray[np.float32] = data[whole] * (1 - part) + data[whole + 1] * part
    return mixed
