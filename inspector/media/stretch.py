"""Faster or slower with the pitch kept, through libavfilter's atempo."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

RATE = 48_000


class Stretcher:
    """A run of stereo PCM at one speed, 0.25 to 4. Make a new one after a jump."""

    def __init__(self, speed: float) -> None:
        import av
        from av.filter import Graph

        self._av = av
        self._speed = speed
        graph = Graph()
        nodes = [
            graph.add_abuffer(format="flt", sample_rate=RATE, layout="stereo", time_base=Fraction(1, RATE))
        ]
        for factor in _factors(speed):
            nodes.append(graph.add("atempo", str(factor)))
        nodes.append(graph.add("aformat", "sample_fmts=flt:channel_layouts=stereo"))
        nodes.append(graph.add("abuffersink"))
        for a, b in pairwise(nodes):
            a.link_to(b)
        graph.configure()
        self._graph = graph
        self._pts = 0

    def make(
        self, source: Callable[[int, int], NDArray[np.float32]], at_ns: int, count: int
    ) -> tuple[int, NDArray[np.float32]]:
        """Feed source PCM from `at_ns` on until enough comes out: (frames fed, PCM (n, 2)), n >= count."""
        fed = 0
        out: list[NDArray[np.float32]] = []
        while sum(map(len, out)) < count:
            chunk = source(at_ns + fed * 1_000_000_000 // RATE, 1024)
            frame = self._av.AudioFrame.from_ndarray(chunk.reshape(1, -1), format="flt", layout="stereo")
            frame.sample_rate = RATE
            frame.pts = self._pts
            frame.time_base = Fraction(1, RATE)
            self._pts += len(chunk)
            fed += len(chunk)
            self._graph.push(frame)
            while True:
                try:
                    piece: Any = self._graph.pull()
                except (self._av.BlockingIOError, self._av.EOFError):
                    break
                out.append(
                    np.frombuffer(memoryview(piece.planes[0]), np.float32, piece.samples * 2).reshape(-1, 2)
                )
        return fed, np.concatenate(out).copy()


def _factors(speed: float) -> list[float]:
    """atempo keeps its quality between 0.5 and 2: further out, several in a row."""
    factors = []
    while speed > 2:
        factors.append(2.0)
        speed /= 2
    while speed < 0.5:
        factors.append(0.5)
        speed /= 0.5
    return [*factors, speed]
