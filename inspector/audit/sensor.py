"""Checks of sensors: their offset and drift against the film, gaps and resets of their clocks."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from inspector.audit.alignment import MOVING, solved
from inspector.audit.case import outside
from inspector.audit.checks import Stage, check
from inspector.audit.estimators.clocks import stamps, steady
from inspector.audit.pair import corrected
from inspector.audit.timing import moved
from inspector.core.findings import Fix
from inspector.core.model import Modality
from inspector.core.times import NS, clock_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from inspector.audit.case import Case
    from inspector.audit.pair import Pair
    from inspector.core.findings import Finding
    from inspector.core.model import Stream

offset = check(
    "sensor.offset",
    "A sensor is early or late against the film",
    """How fast the sensor's channels move is laid over how much the picture changes, and moved by up to 5 s.
    Channels that are called as a gyroscope's are fitted to how the picture turns from frame to frame, which
    a stabilised film does not: then that is refused. Skeletons and gaze are compared by how much moves.
    Tolerance 100 ms (accelerometers against film are right to 700 ms in the literature, SyncWISE; the
    figure is ours). Where motion does not tell one place from another it is not measurable.""",
    "ms",
    (-100.0, 100.0),
    version=3,
)
drift = check(
    "sensor.drift",
    "A sensor's clock runs fast or slow",
    """Rates are tried until the sensor's motion fits the film's, and made exact by the moments at which a
    channel steps and a tick is heard. It needs 60 s. Tolerance 20 ppm (a plain crystal) and what the fit
    is good to. Positive: the sensor's clock is fast.""",
    "ppm",
    (-20.0, 20.0),
    version=2,
)
gaps = check(
    "sensor.gaps",
    "A sensor lost samples",
    """Pauses between stamps of more than 1 s and 500 samples' time (pyxdf's bounds), or of more than 5
    samples and a tenth of a second where the rate is steady. `value` is the time lost.""",
    "s",
    (None, 0.0),
    version=2,
)
reset = check(
    "sensor.reset",
    "A sensor's clock was set anew",
    """Stamps that run backwards, or repeat, within the stream (pyxdf: a reset is a step of over a second
    backwards). `value` is the number of resets, and of stamps that are earlier than the one before. What was
    recorded after a reset lies at the wrong time; how far, the stamps do not tell. Jitter, the median
    distance of stamps from even steps, and the rate in force are told with it.""",
    "resets",
    (None, 0.0),
)


@offset.at(Stage.DECODE)
def _offset(case: Case) -> Iterator[Finding]:
    found = solved(case)
    for pair, late in _pairs(case):
        stream = case.record.stream(pair.b)
        if not pair.good or late is None:
            yield case.unmeasurable("sensor.offset", pair.why, (pair.b,))
        elif not found.reference_moved_s and not _drifts(case, pair):
            yield moved(case, "sensor.offset", stream, found, late, pair)


@drift.at(Stage.DECODE)
def _drift(case: Case) -> Iterator[Finding]:
    found = solved(case)
    limits = case.facts.limits("sensor.drift")
    for pair, late in _pairs(case):
        if not pair.good or pair.drift_ppm is None or late is None:
            continue
        if _drifts(case, pair):
            stream = case.record.stream(pair.b)
            told = moved(case, "sensor.offset", stream, found, late, pair)
            yield case.judged(
                "sensor.drift",
                pair.drift_ppm,
                f"{pair.b} against {pair.a}, {pair.method}: its clock runs {pair.drift_ppm:+.0f} ppm, "
                f"{late * 1000:+.0f} ms late at the start",
                streams=(pair.b,),
                confidence=pair.confidence,
                fix=told.fix or _fix(case, pair, late),
            )
        elif pair.drift_error_ppm > (limits[1] or 20.0):
            why = f"good to {pair.drift_error_ppm:.0f} ppm only"
            yield case.unmeasurable("sensor.drift", why, (pair.b,))
        else:
            told_ = f"{pair.b} against {pair.a}, {pair.method}"
            yield case.judged(
                "sensor.drift", pair.drift_ppm, told_, streams=(pair.b,), confidence=pair.confidence
            )


def _fix(case: Case, pair: Pair, late_s: float) -> Fix | None:

    if not pair.sure or pair.drift_ppm is None:
        return None
    new = corrected(case.record.stream(pair.b), late_s, pair.drift_ppm)
    return Fix(pair.b, new, new.late_ns, new.drift_ppm, method=pair.method)


def _drifts(case: Case, pair: Pair) -> bool:
    """Whether its drift is beyond the tolerance and beyond what the fit is good to."""
    if pair.drift_ppm is None:
        return False
    return outside(pair.drift_ppm, case.facts.limits("sensor.drift")) and abs(pair.drift_ppm) > (
        2 * pair.drift_error_ppm
    )


def _pairs(case: Case) -> Iterator[tuple[Pair, float | None]]:
    found = solved(case)
    sensors = {stream.id for stream in case.record.of(*MOVING)}
    for pair in found.pairs:
        if pair.b in sensors:
            yield pair, found.late_s.get(pair.b)


@gaps.at(Stage.DECODE)
def _gaps(case: Case) -> Iterator[Finding]:
    for stream, t_ns in _stamped(case):
        found = stamps(t_ns, 0.1, 5) if steady(t_ns) else stamps(t_ns)
        if found is None:
            continue
        lost = sum(each.length_ns for each in found.gaps) / NS
        told = f"steady {found.rate_hz:.4g} Hz"
        span = None
        if found.gaps:
            widest = max(found.gaps, key=lambda each: each.length_ns)
            first = widest.before
            a, b = (stream.timemap.to_reference(int(t_ns[each])) for each in (first, first + 1))
            span = (a, b)
            told = (
                f"{lost:.2f} s lost in {len(found.gaps)} gaps, the longest at {clock_text(int(t_ns[first]))}"
            )
        yield case.judged("sensor.gaps", lost, told, streams=(stream.id,), span=span)


@reset.at(Stage.DECODE)
def _resets(case: Case) -> Iterator[Finding]:
    for stream, t_ns in _stamped(case):
        found = stamps(t_ns)
        if found is None:
            continue
        told = f"{found.rate_hz:.4g} Hz, stamps {found.jitter_ns / 1e6:.3g} ms off even steps"
        wrong = max(found.backwards, len(found.resets))
        span = None
        if wrong:
            first = int(np.flatnonzero(np.diff(t_ns) < 0)[0])
            at = stream.timemap.to_reference(int(t_ns[first]))
            span = (at, at)
            told += f"; {wrong} stamps run backwards, the first after {clock_text(int(t_ns[first]))}"
        if found.repeated:
            told += f"; {found.repeated} repeat the one before"
        yield case.judged("sensor.reset", float(wrong), told, streams=(stream.id,), span=span)


def _stamped(case: Case) -> Iterator[tuple[Stream, NDArray[np.int64]]]:
    """The sensors that have a clock of their own, with their stamps in the order of the file."""
    from inspector.media.series import stamps_as_recorded

    for stream in case.record.of(Modality.SENSOR):
        if case.series(stream) is None or stream.clock.nominal:
            continue
        read = partial(stamps_as_recorded, stream.source)
        t_ns: NDArray[np.int64] = case.share(f"/stamps/{stream.id}", read)
        if len(t_ns) >= 20:
            yield stream, t_ns
