"""What a finding was read from, over time: how late each moment is, how loud a sound, how far frames differ.

The same material that the checks decide on, on the reference timeline, for people to see. A curve over lags
is `audit.evidence`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from inspector.audit.alignment import flash_times, onset_times, reference_s, solved
from inspector.audit.content import BLACK, BLOCK_S, SILENT_DB, levels_db
from inspector.audit.estimators import correlate, events, motion
from inspector.audit.material import RATE
from inspector.audit.sound_pairs import GCC, pcm_of
from inspector.core.times import NS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from inspector.audit.case import Case
    from inspector.audit.pair import Pair
    from inspector.core.findings import Finding
    from inspector.core.model import Stream

MOST = 600
"""Points of a trace: more is drawn on nothing."""
NEAR_S = 0.06
"""A moment belongs to another within this of where the pair's figure puts it."""


@dataclass(frozen=True, slots=True)
class Trace:
    """A figure over reference time: `t_s` (n,) and `value` (n,) in `unit`.

    `dots` are measured by themselves, else they are a curve. `bounds` are what passes, either None.
    """

    title: str
    t_s: NDArray[np.float64]
    value: NDArray[np.float64]
    unit: str
    dots: bool = False
    bounds: tuple[float | None, float | None] = (None, None)


def trace_of(case: Case, finding: Finding) -> Trace | None:
    """The trace of a finding; None where its check reads nothing over time, or too little of it."""
    stream = next((each for each in case.record.streams if each.id in finding.streams), None)
    if stream is None:
        return None
    make = {
        "content.silent": _loudness,
        "content.clipped": _loudness,
        "content.loudness": _loudness,
        "content.frozen": _changes,
        "content.black": _brightness,
        "timing.frames": _frame_gaps,
        "sensor.gaps": _sample_gaps,
        "sensor.reset": _sample_gaps,
    }.get(finding.check)
    found = make(case, stream) if make is not None else _lateness(case, finding)
    if found is None or len(found.t_s) < 2:
        return None
    return found


# -- one stream --------------------------------------------------------------------------------------------


def _thinned(
    t_s: NDArray[np.float64], value: NDArray[np.float64], pick: np.ufunc
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """At most MOST points, each the extreme of those that it stands for."""
    if len(t_s) <= MOST:
        return t_s, value
    edges = np.linspace(0, len(t_s), MOST + 1).astype(np.int64)[:-1]
    return t_s[edges], pick.reduceat(value, edges)


def _loudness(case: Case, stream: Stream) -> Trace | None:
    sound = case.sound(stream)
    if sound is None:
        return None
    level = np.maximum(levels_db(sound), -100.0)
    local = np.rint((np.arange(len(level)) + 0.5) * BLOCK_S * NS).astype(np.int64)
    t_s, value = _thinned(reference_s(stream, local), level, np.maximum)
    return Trace(f"level of {stream.id}", t_s, value, "dB", bounds=(SILENT_DB, None))


def _changes(case: Case, stream: Stream) -> Trace | None:
    film = case.film(stream)
    if film is None:
        return None
    change = film.change.astype(np.float64) / 2.55
    t_s, value = _thinned(reference_s(stream, film.t_ns), change, np.maximum)
    return Trace(f"{stream.id}: change from frame to frame", t_s, value, "%")


def _brightness(case: Case, stream: Stream) -> Trace | None:
    film = case.film(stream)
    if film is None:
        return None
    luma = film.luma.astype(np.float64) / 2.55
    t_s, value = _thinned(reference_s(stream, film.t_ns), luma, np.minimum)
    return Trace(f"brightness of {stream.id}", t_s, value, "%", bounds=(BLACK / 2.55, None))


def _gaps(stream: Stream, t_ns: NDArray[np.int64], what: str) -> Trace | None:
    if len(t_ns) < 3:
        return None
    t_s, value = _thinned(reference_s(stream, t_ns[1:]), np.diff(t_ns) / 1e6, np.maximum)
    return Trace(f"{stream.id}: from one {what} to the next", t_s, value, "ms")


def _frame_gaps(case: Case, stream: Stream) -> Trace | None:
    film = case.film(stream)
    return None if film is None else _gaps(stream, film.t_ns, "frame")


def _sample_gaps(case: Case, stream: Stream) -> Trace | None:
    from inspector.media.series import stamps_as_recorded

    if case.series(stream) is None or stream.clock.nominal:
        return None
    return _gaps(stream, stamps_as_recorded(stream.source), "sample")


# -- two streams -------------------------------------------------------------------------------------------


def _lateness(case: Case, finding: Finding) -> Trace | None:
    """How late the stream is at each moment or window that its pair was measured by, in ms."""
    found = solved(case)
    pair = next((found.through[each] for each in finding.streams if each in found.through), None)
    if pair is None or not pair.good:
        return None
    points = _windows(case, pair) if pair.method == GCC else _moments(case, pair)
    if points is None:
        return None
    bounds = finding.tolerance if finding.unit == "ms" else (None, None)
    title = f"{pair.b} against {pair.a}, moment by moment"
    return Trace(title, points[:, 0], points[:, 1] * 1000, "ms", True, bounds)


def _windows(case: Case, pair: Pair) -> NDArray[np.float64] | None:
    a, b = case.record.stream(pair.a), case.record.stream(pair.b)
    if case.sound(a) is None or case.sound(b) is None:
        return None
    (first, rest_a), (other, rest_b) = pcm_of(case, a), pcm_of(case, b)
    told = correlate.windows(first, other, RATE, pair.offset_s - (rest_b - rest_a), pair.drift_ppm or 0.0)
    return np.stack([told[:, 0], told[:, 1] + rest_b - rest_a], axis=1)


def _moments(case: Case, pair: Pair) -> NDArray[np.float64] | None:
    """(k, 2): when, s, and how late, s, of the moments that both streams have."""
    a, b = case.record.stream(pair.a), case.record.stream(pair.b)
    if pair.method == "flashes":
        first, other = flash_times(case, a), flash_times(case, b)
    elif pair.method == "flashes and onsets":
        first, other = flash_times(case, a), onset_times(case, b)[0]
    elif pair.method == "motion, steps and ticks":
        track = next((each for each in case.record.streams if case.sound(each) is not None), None)
        series = case.series(b)
        if track is None or series is None:
            return None
        first = onset_times(case, track)[0]
        t_s = reference_s(b, series.t_ns)
        rows = [motion.steps(t_s, column.astype(np.float64)) for column in series.values.T[:64]]
        pairs = [
            (row, events.matched(first, row, pair.offset_s, pair.drift_ppm or 0.0, NEAR_S)) for row in rows
        ]
        other, _ = max(pairs, key=lambda each: len(each[1]), default=(np.zeros(0), None))
    else:
        return None
    near = events.matched(first, other, pair.offset_s, pair.drift_ppm or 0.0, NEAR_S)
    when = first[near[:, 0]]
    return np.stack([when, other[near[:, 1]] - when], axis=1)
