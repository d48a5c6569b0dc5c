"""Where a film or sensor has nothing, told by its stamps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inspector.audit.estimators.clocks import stamps, steady
from inspector.core.model import Modality
from inspector.core.times import NS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from inspector.audit.case import Case
    from inspector.core.model import Span, Stream

LEAST_GAP_NS = 100_000_000
"""And more than five steps."""


def gaps_of(case: Case, stream: Stream) -> list[Span]:
    """Stretches of the reference timeline in which a film or sensor has no frame or sample."""

    def make() -> list[Span]:
        t_ns = _stamps(case, stream)
        if t_ns is None or len(t_ns) < 20 or not steady(t_ns, 0.9):
            return []
        found = stamps(t_ns, LEAST_GAP_NS / NS, 5)
        ends = [(int(t_ns[each.before + 1]), each.length_ns) for each in (found.gaps if found else ())]
        to_reference = stream.timemap.to_reference
        return [(to_reference(end - length), to_reference(end)) for end, length in ends]

    found: list[Span] = case.share(f"/gaps/{stream.id}", make)
    return found


def _stamps(case: Case, stream: Stream) -> NDArray[np.int64] | None:
    if stream.modality is Modality.VIDEO:
        film = case.film(stream)
        return None if film is None else film.t_ns
    if stream.clock.nominal or stream.source.format != "table":
        return None
    series: Any = case.series(stream)
    return None if series is None else series.t_ns
