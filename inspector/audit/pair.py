"""A measured pair of streams, the solution of all pairs of a record, and the maps that put a stream right."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from inspector.core.proposal import from_figures
from inspector.core.timemap import TimeMap
from inspector.core.times import NS

if TYPE_CHECKING:
    from inspector.audit.estimators.steps import Piece
    from inspector.core.model import Stream

SEARCH_S = 10.0
CONTAINER = "one container"
"""The method of a pair that nothing measures: its streams' stamps are of one clock, and move together."""
DRIFTS_PPM = np.arange(-12_000.0, 12_001.0, 250.0)
DRIFT_LEAST_S = 60.0
"""In a shorter stretch a drift is not told from an offset."""
DRIFT_OF_SOUND_S = 30.0
"""The same for two sounds, whose windows are good to microseconds."""
LONGEST_S = 1800.0
"""Of longer records the first half hour is compared."""


@dataclass(frozen=True, slots=True)
class Pair:
    """How late `b` is against `a`, s, by one method; `good` where it may be believed, `sure` for a fix."""

    a: str
    b: str
    method: str
    offset_s: float
    drift_ppm: float | None
    spread_s: float
    confidence: float
    good: bool
    sure: bool
    why: str = ""
    """Where it is not good: why."""
    drift_error_ppm: float = 0.0
    floor_s: float = 0.001
    """What the method cannot see below, whatever its spread: a quarter of a frame for flashes."""
    pieces: tuple[Piece, ...] = ()
    """Two or more where `b` was cut; `offset_s` is then that of the first."""
    p: float | None = None
    """The share of impostors that fit as well; None where the method has a gate of its own."""
    halves_s: float = 0.0
    """By how much its two halves disagree."""


@dataclass(frozen=True, slots=True)
class Solved:
    """`late_s` of each stream that pairs reach, against the reference. `closure_s` is by how much pairs
    disagree.

    `through` names for each stream the pair that it is measured by; `reference_moved_s` is how late the
    reference itself is, where the others agree and it stands alone.
    """

    pairs: tuple[Pair, ...]
    late_s: dict[str, float] = field(default_factory=dict)
    through: dict[str, Pair] = field(default_factory=dict)
    closure_s: dict[tuple[str, str], float] = field(default_factory=dict)
    reference_moved_s: float = 0.0
    wrong: tuple[Pair, ...] = ()
    """Pairs that the others of their circle contradict; they are left out."""

    def own_s(self, stream: str) -> float | None:
        """How late a stream is against the one that it is measured by."""
        pair = self.through.get(stream)
        if pair is None or stream not in self.late_s:
            return None
        return self.late_s[stream] - self.late_s[pair.a if pair.b == stream else pair.b]


def refused(a: str, b: str, method: str, why: str) -> Pair:
    """A pair that cannot be measured."""
    return Pair(a, b, method, 0.0, None, 0.0, 0.0, False, False, why)


def in_pieces(stream: Stream, pieces: tuple[Piece, ...]) -> TimeMap:
    """The stream's map with a cut mended: each piece moved earlier by what it is late, a jump at each bound.

    InspectorError where the map in force has a slope: jumps can only be chained with an offset.
    """
    anchors: list[tuple[int, int]] = []
    slope = pieces[0].drift_ppm * 1e-6
    ends = [0.0, *(piece.end_s for piece in pieces)]
    for piece, (start, end) in zip(pieces, itertools.pairwise(ends), strict=True):
        for at in (start, end):
            local = round((at * (1 + slope) + piece.offset_s) * NS)
            if anchors and local < anchors[-1][0]:  # a piece is missing here: what follows belongs later
                local = anchors[-1][0]
                at = (local / NS - piece.offset_s) / (1 + slope)
            anchors.append((local, round(at * NS)))
    return stream.timemap.then(TimeMap(tuple(anchors)))


def corrected(stream: Stream, offset_s: float, drift_ppm: float) -> TimeMap:
    """The stream's map less so much lateness: what it says at offset + t (1 + drift) belongs at t."""
    return stream.timemap.then(from_figures(offset_s * 1000, drift_ppm))
