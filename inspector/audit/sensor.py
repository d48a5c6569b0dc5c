"""Checks of sensors: their offset and drift against the film, gaps and resets of their clocks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from inspector.audit.alignment import corrected, solved
from inspector.audit.case import outside
from inspector.audit.checks import Stage, check
from inspector.audit.timing import moved
from inspector.core.findings import Fix
from inspector.core.model import Modality
from inspector.core.times import NS, clock_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from inspector.audit.alignment import Pair
    from inspector.audit.case import Case
    from inspector.core.findings import Finding

offset = check(
    "sensor.offset",
    "A sensor is early or late against the film",
    """How fast the sensor's channels move is laid over how much the picture changes, and moved by up to 5 s.
    Tolerance 100 ms (accelerometers against film are right to 700 ms in the literature, SyncWISE; the
    figure is ours). Where motion does not tell one place from another it is not measurable.""",
    "ms",
    (-100.0, 100.0),
)
drift = check(
    "sensor.drift",
    "A sensor's clock runs fast or slow",
    """Rates are tried until the sensor's motion fits the film's, and made exact by the moments at which a
    channel steps and a tick is heard. It needs 60 s. Tolerance 20 ppm (a plain crystal) and what the fit
    is good to. Positive: the sensor's clock is fast.""",
    "ppm",
    (-20.0, 20.0),
)
gaps = check(
    "sensor.gaps",
    "A sensor lost samples",
    """Pauses between stamps of more than 1 s and 500 samples' time (pyxdf's bounds), or of more than 5
    samples and a tenth of a second where the rate is steady. `value` is the time lost.""",
    "s",
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
    return Fix(pair.b, new, new.late_ns, new.drift_ppm)


def _drifts(case: Case, pair: Pair) -> bool:
    """Whether its drift is beyond the tolerance and beyond what the fit is good to."""
    if pair.drift_ppm is None:
        return False
    return outside(pair.drift_ppm, case.facts.limits("sensor.drift")) and abs(pair.drift_ppm) > (
        2 * pair.drift_error_ppm
    )


def _pairs(case: Case) -> Iterator[tuple[Pair, float | None]]:
    found = solved(case)
    sensors = {stream.id for stream in case.record.of(Modality.SENSOR)}
    for pair in found.pairs:
        if pair.b in sensors:
            yield pair, found.late_s.get(pair.b)


@gaps.at(Stage.DECODE)
def _gaps(case: Case) -> Iterator[Finding]:
    for stream in case.record.of(Modality.SENSOR):
        series = case.series(stream)
        if series is None or len(series.t_ns) < 20 or stream.clock.nominal:
            continue
        steps = np.diff(series.t_ns)
        step = float(np.median(steps))
        if step <= 0:
            continue
        steady = float(np.mean(np.abs(steps / step - 1) < 0.5)) > 0.95
        bound = max(5 * step, 0.1 * NS) if steady else max(500 * step, NS)
        wide = np.flatnonzero(steps > bound)
        lost = float((steps[wide] - step).sum()) / NS
        told = f"steady {NS / step:.4g} Hz"
        span = None
        if len(wide):
            first = int(wide[np.argmax(steps[wide])])
            span = tuple(stream.timemap.to_reference(int(series.t_ns[each])) for each in (first, first + 1))
            told = (
                f"{lost:.2f} s lost in {len(wide)} gaps, the longest at {clock_text(int(series.t_ns[first]))}"
            )
        yield case.judged(
            "sensor.gaps", lost, told, streams=(stream.id,), span=None if span is None else (span[0], span[1])
        )
