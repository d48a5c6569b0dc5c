"""Labels that were made by frames: whether their bounds lie on frames, and on frames of which rate."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from inspector.audit.checks import Stage, check
from inspector.audit.label import label_span, source_of
from inspector.core.findings import Status
from inspector.core.times import NS, clock_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from inspector.audit.case import Case
    from inspector.core.findings import Finding
    from inspector.core.model import Annotation, Stream

off_frame = check(
    "label.off_frame",
    "A label made by frames lies off them, or on frames of another rate",
    """Whoever labels frame by frame gives times that are frames' own. Where at least half of the bounds from
    one source lie within the tolerance of a frame's start (or of the film's end), and three times as many as
    would by chance, it was made by frames, and `value` is how far the worst of the others lies off, at most
    half a frame. Where nine in ten lie on a grid of another usual rate and not on the film's frames, its
    frames were counted at that rate: `value` is then how far that rate has run off by the last bound. Times
    that were given freely are on no frame, and right. Tolerance 1 ms (ours: times are often written in ms;
    LeRobot asks for 0.1 ms of its own). Only suspect. It needs 8 bounds.""",
    "ms",
    (None, 1.0),
)

RATES = (24 / 1.001, 24.0, 25.0, 30 / 1.001, 30.0, 50.0, 60 / 1.001, 60.0, 100.0, 120.0)
"""Frames a second that films usually have."""
LEAST_BOUNDS = 8
BY_FRAMES, CHANCE = 0.5, 3.0
ON_GRID = 0.9


@dataclass(frozen=True, slots=True)
class Fit:
    """How bounds lie on a film's frames: `off_ms` (n,) from the nearest; `by_frames` where that is no chance.

    `other_hz` is another rate on whose grid they lie, `away_ms` how far the two have parted by the last.
    """

    off_ms: NDArray[np.float64]
    by_frames: bool
    other_hz: float | None = None
    away_ms: float = 0.0


def fit_to_frames(bounds_s: NDArray[np.float64], frames_s: NDArray[np.float64], tolerance_ms: float) -> Fit:
    """Hold bounds (n,) against the starts of frames (m,) and the end of the last, all s in order of time."""
    steps = np.diff(frames_s)
    step = float(np.median(steps))
    edges = np.append(frames_s, frames_s[-1] + step)
    place = np.clip(np.searchsorted(edges, bounds_s), 1, len(edges) - 1)
    off = np.minimum(np.abs(bounds_s - edges[place - 1]), np.abs(edges[place] - bounds_s))
    allowed = tolerance_ms / 1000
    share = float((off <= allowed).mean())
    chance = min(1.0, 2 * allowed / step)
    if share < ON_GRID:
        for rate in RATES:
            if abs(rate * step - 1) < 1e-4 or CHANCE * 2 * allowed * rate > 1:
                continue
            counted = (bounds_s - frames_s[0]) * rate
            number = np.round(counted)
            if float((np.abs(counted - number) / rate <= allowed).mean()) >= ON_GRID:
                return Fit(1000 * off, False, rate, 1000 * float(np.abs(number * (step - 1 / rate)).max()))
    return Fit(1000 * off, share >= max(BY_FRAMES, CHANCE * chance))


@off_frame.at(Stage.DECODE)
def _off_frame(case: Case) -> Iterator[Finding]:
    record = case.record
    if record.axis != "time" or not record.annotations:
        return
    films = {stream.id: stream for stream in record.streams}
    by_source: dict[tuple[str, str], list[tuple[int, Annotation]]] = defaultdict(list)
    for label in record.annotations:
        named = label.anchors[0].stream_id if label.anchors else None
        film, span = films.get(named or record.reference or ""), label_span(record, label)
        if film is not None and span is not None:
            by_source[source_of(label), film.id] += [(at, label) for at in dict.fromkeys(span)]
    for (source, name), found in by_source.items():
        frames = _frames_s(case, films[name])
        if frames is not None:
            yield _judged(case, source, name, found, frames)


def _frames_s(case: Case, stream: Stream) -> NDArray[np.float64] | None:
    if stream.modality.value != "video" or stream.clock.nominal:
        return None
    film = case.film(stream)
    if film is None or len(film.t_ns) < 2 or not np.diff(film.t_ns).min() > 0:
        return None
    at: NDArray[np.float64] = stream.timemap.to_reference_array(film.t_ns) / NS
    return at


def _judged(
    case: Case,
    source: str,
    name: str,
    found: list[tuple[int, Annotation]],
    frames_s: NDArray[np.float64],
) -> Finding:
    streams = (source, name)
    if len(found) < LEAST_BOUNDS:
        why = f"{len(found)} bounds of {source}, {LEAST_BOUNDS} are needed"
        return case.unmeasurable("label.off_frame", why, streams)
    low, high = case.facts.limits("label.off_frame")
    allowed = 1.0 if high is None else high
    fit = fit_to_frames(np.array([at for at, _ in found]) / NS, frames_s, allowed)
    off = np.flatnonzero(fit.off_ms > allowed)
    status, span, value = Status.OK, None, 0.0
    if fit.other_hz is not None:
        status, value = Status.SUSPECT, fit.away_ms
        rate = 1 / float(np.median(np.diff(frames_s)))
        told = (
            f"{source} was made by frames of {fit.other_hz:.5g} a second, {name} has {rate:.5g}: "
            f"{value:.0f} ms apart at its last label"
        )
    elif not fit.by_frames:
        on = len(found) - len(off)
        told = f"{on} of {len(found)} bounds lie on frames of {name}: {source} was not made by frames"
    elif len(off):
        worst = int(off[np.argmax(fit.off_ms[off])])
        at, label = found[worst]
        status, span, value = Status.SUSPECT, (at, at), float(fit.off_ms[worst])
        told = (
            f"{len(off)} of {len(found)} bounds of {source} lie on no frame of {name}, the others do: the "
            f"worst is “{label.label}” at {clock_text(at)}, {value:.1f} ms off"
        )
    else:
        told = f"all {len(found)} bounds lie on frames of {name}"
    return case.finding(
        "label.off_frame",
        streams=streams,
        span=span,
        value=value,
        tolerance=(low, allowed),
        status=status,
        severity=0.3 if status is Status.SUSPECT else 0.0,
        message=told,
    )
