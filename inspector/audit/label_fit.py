"""Labels held against what they speak of, in their own record and in others: what is shifted or swapped.

Which channel of which sensor the labels speak of is learnt from the whole dataset: the one that they explain
best in most records. Where a dataset has no such channel nothing is said.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from inspector.audit.alignment import solved, speeds
from inspector.audit.estimators.labels import STEP_S, Fit, explained, fit
from inspector.audit.label import label_span, source_of
from inspector.audit.pair import LONGEST_S, corrected
from inspector.core.model import Modality
from inspector.core.times import NS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from inspector.audit.case import Case, Gathered
    from inspector.core.model import Annotation, Stream

POOL = 200
"""So many records are compared with each other."""
LEAST_RECORDS = 8
TRUSTED = 0.5
"""The median η² from which on a channel is one that the labels speak of."""
SEARCH_S = 2.0

Channel = tuple[str, int]


@dataclass(frozen=True, eq=False, slots=True)
class Told:
    """A record's label sources as codes every 20 ms, and its sensors' channels as speeds."""

    codes: dict[str, NDArray[np.int64]]
    speeds: dict[str, NDArray[np.float64]]


@dataclass
class Learnt:
    """What the pool taught: which channel each label source speaks of, and how well it usually fits."""

    pool: dict[str, Told] = field(default_factory=dict)
    channel: dict[str, Channel] = field(default_factory=dict)
    usual: dict[str, float] = field(default_factory=dict)


def told_of(case: Case, mend: bool = False) -> Told:
    """The record's labels and motions. With `mend` sensors are taken as their solved pairs say they lie."""
    record = case.record
    by_source: dict[str, list[Annotation]] = defaultdict(list)
    for label in record.annotations:
        by_source[source_of(label)].append(label)
    length = round(min(record.span[1] / NS, LONGEST_S) / STEP_S) + 1
    sensors = {}
    for stream in record.of(Modality.SENSOR):
        if stream.span is not None:
            sensors[stream.id] = speeds(case, _mended(case, stream) if mend else stream, length)
    return Told({name: _codes(case, labels, length) for name, labels in by_source.items()}, sensors)


def _mended(case: Case, stream: Stream) -> Stream:
    from dataclasses import replace

    found = solved(case)
    pair, late = found.through.get(stream.id), found.late_s.get(stream.id)
    if pair is None or late is None:
        return stream
    return replace(stream, timemap=corrected(stream, late, pair.drift_ppm or 0.0))


def _codes(case: Case, labels: list[Annotation], length: int) -> NDArray[np.int64]:
    """A class for each tier, or, of one tier alone, for labelled and not."""
    names: dict[str, int] = {}
    spans = []
    for label in labels:
        span = label_span(case.record, label)
        if span is not None and span[1] > span[0]:
            spans.append((span, names.setdefault(label.tier, len(names) + 1)))
    codes = np.full(length, 0 if len(names) > 1 else len(names) + 1, np.int64)
    for (start, end), code in spans:
        codes[max(0, round(start / NS / STEP_S)) : max(0, round(end / NS / STEP_S))] = code
    return codes


def learn(gathered: Gathered, near_s: float) -> Learnt:
    """Compare the labels of a pool of records with every channel of their own sensors."""
    learnt = Learnt()
    scores: dict[str, dict[Channel, list[float]]] = defaultdict(lambda: defaultdict(list))
    for case in gathered.cases(POOL):
        if not case.record.annotations:
            continue
        told = told_of(case)
        learnt.pool[case.record.id] = told
        for source, codes in told.codes.items():
            for sensor, curves in told.speeds.items():
                for place, curve in enumerate(curves):
                    found = fit(codes, curve, near_s, near_s)
                    scores[source][sensor, place].append(found.near)
    for source, channels in scores.items():
        best = max(channels, key=lambda each: float(np.median(channels[each])))
        median = float(np.median(channels[best]))
        if len(channels[best]) >= LEAST_RECORDS and median >= TRUSTED:
            learnt.channel[source], learnt.usual[source] = best, median
    return learnt


def curve_of(told: Told, channel: Channel) -> NDArray[np.float64] | None:
    """A record's curve of a channel, None where it has none."""
    curves = told.speeds.get(channel[0])
    return curves[channel[1]] if curves is not None and channel[1] < len(curves) else None


def fits(case: Case, learnt: Learnt, near_s: float) -> Iterator[tuple[str, Fit, Told]]:
    """How each source of a record's labels fits its own channel, a sensor's own fault being taken off."""
    told = learnt.pool.get(case.record.id) or told_of(case)
    mended: Told | None = None
    for source, codes in told.codes.items():
        channel = learnt.channel.get(source)
        curve = None if channel is None else curve_of(told, channel)
        if channel is None or curve is None:
            continue
        found = fit(codes, curve, SEARCH_S, near_s)
        if found.near < 0.75 * learnt.usual[source]:
            mended = mended or told_of(case, mend=True)
            better = curve_of(mended, channel)
            if better is not None:
                again = fit(codes, better, SEARCH_S, near_s)
                found = again if again.best > found.best else found
        yield source, found, told


def elsewhere(told: Told, source: str, learnt: Learnt, own: str) -> tuple[str, float] | None:
    """The record of the pool whose motion these labels explain best: (record id, η²)."""
    best: tuple[str, float] | None = None
    codes = told.codes[source]
    for record_id, other in learnt.pool.items():
        curve = curve_of(other, learnt.channel[source])
        if record_id == own or curve is None:
            continue
        length = min(len(codes), len(curve))
        if length < 0.7 * max(len(codes), len(curve)):
            continue  # labels that leave a third of a record out are not its own
        score = explained(codes[:length], curve[:length])
        if best is None or score > best[1]:
            best = record_id, score
    return best
