"""What a figure was read from, for people: how well two streams fit at every lag, about the lag found.

Both streams are made curves of equal steps on the reference timeline (flashes and onsets as uprights, speech
and words as levels, motion as speed) and correlated. It is the same material that the estimators use, and
not their decision: a gate looks at more than the height of a peak.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from inspector.audit.alignment import (
    RATED,
    bands,
    flash_times,
    onset_times,
    reference_s,
    solved,
    speeds,
    spoken_spans,
)
from inspector.audit.case import Case, Facts
from inspector.audit.decoding import Decoders
from inspector.audit.estimators import motion, speech
from inspector.audit.pair import LONGEST_S, SEARCH_S

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from inspector.audit.case import Source
    from inspector.audit.checks import Limits
    from inspector.audit.pair import Pair
    from inspector.audit.traces import Trace
    from inspector.core.findings import Finding
    from inspector.core.model import Stream

STEP_S = 0.005
LEAST_S = 0.25
"""So far to either side of nought at least is shown."""
WIDTH_S = 0.012
"""How wide an event is made, so that moments a few ms apart overlap."""
LAGS = ("ms", "ppm", "%")
"""Units of findings that are read from a curve over lags."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """A curve (n,) over lags in ms, positive where `b` is late; `at_ms` is what was found."""

    title: str
    lag_ms: NDArray[np.float64]
    fit: NDArray[np.float64]
    at_ms: float


def exhibits(
    source: Source, limits: Mapping[str, Limits], finding: Finding, stop: Callable[[], bool]
) -> tuple[Evidence | None, Trace | None]:
    """What a finding's figure was read from, over lags and over time; None where there is no such.

    Looks at its record alone, whatever there is of others. `limits` are the tolerances in force. Raises
    Cancelled once `stop` says yes.
    """
    from inspector.audit.traces import trace_of

    if finding.record_id is None:
        return None, None
    decoders = Decoders()
    try:
        facts = Facts(source.root, source.index, limits)
        record = source.record(finding.record_id)
        case = Case(record, facts, lambda stream: decoders.material(stream, stop), source.cues)
        trace = trace_of(case, finding)
        offset = trace is None or trace.dots
        return fit_curve(case, finding) if offset and finding.unit in LAGS else None, trace
    finally:
        decoders.close()


def fit_curve(case: Case, finding: Finding) -> Evidence | None:
    """How well the stream that a finding names fits at every lag; None where no pair measured it."""
    found = solved(case)
    pair = next((found.through[each] for each in finding.streams if each in found.through), None)
    if pair is None:
        named = set(finding.streams)
        pair = next((each for each in found.pairs if each.b in named and not each.why), None)
    if pair is None:
        return None
    curves = _curves(case, pair)
    if curves is None:
        return None
    a, b = curves
    reach = min(max(2 * abs(pair.offset_s), LEAST_S) + LEAST_S, SEARCH_S)
    lag_s, fit = correlated(a, b, STEP_S, reach)
    title = f"{pair.b} against {pair.a}, {pair.method}"
    return Evidence(title, lag_s * 1000, fit, pair.offset_s * 1000)


def correlated(
    a: NDArray[np.float64], b: NDArray[np.float64], step_s: float, reach_s: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lags, s, within ±`reach_s`, and Pearson's r over the whole of both curves at each, as by FFT."""
    length = max(len(a), len(b))
    a = np.pad(a - a.mean(), (0, length - len(a)))
    b = np.pad(b - b.mean(), (0, length - len(b)))
    size = 1 << (2 * length - 1).bit_length()
    product = np.fft.irfft(np.fft.rfft(b, size) * np.conj(np.fft.rfft(a, size)), size)
    most = min(round(reach_s / step_s), length - 1)
    fit = np.concatenate([product[-most:], product[: most + 1]])
    power = float(np.sqrt((a**2).sum() * (b**2).sum()))
    lags = (np.arange(-most, most + 1) * step_s).astype(np.float64)
    return lags, fit / power if power else fit


def _curves(case: Case, pair: Pair) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    a, b = case.record.stream(pair.a), case.record.stream(pair.b)
    if pair.method == "flashes":
        return _uprights(flash_times(case, a)), _uprights(flash_times(case, b))
    if pair.method == "flashes and onsets":
        return _uprights(flash_times(case, a)), _uprights(onset_times(case, b)[0])
    if pair.method in ("speech and words", RATED):
        return _speech(case, a, b)
    if pair.method.startswith("motion"):
        return _motion(case, a, b)
    if case.sound(a) is not None and case.sound(b) is not None:
        return _uprights(onset_times(case, a)[0]), _uprights(onset_times(case, b)[0])
    return None


def _uprights(moments_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """A bell of `WIDTH_S` at each moment, every `STEP_S`."""
    moments = moments_s[(moments_s >= 0) & (moments_s < LONGEST_S)]
    out = np.zeros(round((moments.max(initial=0.0) + 1) / STEP_S) + 1)
    np.add.at(out, np.rint(moments / STEP_S).astype(np.int64), 1.0)
    reach = np.arange(-8, 9) * STEP_S
    bells: NDArray[np.float64] = np.convolve(out, np.exp(-0.5 * (reach / WIDTH_S) ** 2), "same")
    return bells


def _finer(curve: NDArray[np.float64], step_s: float) -> NDArray[np.float64]:
    at = np.arange(round(len(curve) * step_s / STEP_S)) * STEP_S / step_s
    finer: NDArray[np.float64] = np.interp(at, np.arange(len(curve)), curve)
    return finer


def _speech(
    case: Case, track: Stream, text: Stream
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    sound = case.sound(track)
    if sound is None:
        return None
    spans = spoken_spans(case, text)
    if not spans:
        return None
    heard = bands(case, track, sound)
    length = max(len(heard), round(max(end for _, end in spans) / speech.STEP_S) + 2)
    return _finer(heard, speech.STEP_S), _finer(speech.raster(spans, length), speech.STEP_S)


def _motion(
    case: Case, first: Stream, sensor: Stream
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    film = case.film(first)
    if film is None:
        return None
    t_s = reference_s(first, film.t_ns)
    count = round(min(float(t_s[-1]), LONGEST_S) / motion.STEP_S)
    seen = motion.film_motion(t_s, film.change, film.luma, count)
    moving = speeds(case, sensor, count).sum(axis=0)
    return _finer(seen, motion.STEP_S), _finer(moving, motion.STEP_S)
