"""Checks that compare records: labels that are shifted, and labels that belong to another record."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from inspector.audit import label_fit
from inspector.audit.case import outside, severity
from inspector.audit.checks import Stage, check
from inspector.audit.label import frame_ns, label_span, source_of
from inspector.core.findings import Status

if TYPE_CHECKING:
    from collections.abc import Iterator

    from inspector.audit.case import Case, Gathered
    from inspector.audit.estimators.labels import Fit
    from inspector.core.findings import Finding

shifted = check(
    "label.offset",
    "One annotator's labels are early or late",
    """How much of a sensor's motion the labels explain (the correlation ratio) is followed over lags of
    up to 2 s; which sensor and channel they speak of is learnt from the whole dataset. A sensor that
    is itself late or fast is put right first. Tolerance 100 ms (ours). Positive: the labels are late.
    There is no fix by itself: ask the annotator.""",
    "ms",
    (-100.0, 100.0),
)
swapped = check(
    "pairing.swapped",
    "Labels belong to another record",
    """Labels that explain their own record's motion far less than labels of this dataset usually do, at
    any lag, while they explain another record's as well as usual. All records of the dataset (up to
    200) are the impostors; `value` is the share of the usual fit that they reach at home. Tolerance
    75 % (ours).""",
    "%",
    (75.0, None),
)
grounding = check(
    "label.grounding",
    "How many labels share a ground truth",
    """A label is grounded when it lies within data that exists and was measured to lie where it belongs,
    broken when one of both fails, floating when it names no moment, unverified otherwise. `value` is
    the share that is grounded, in percent.""",
    "%",
)

HOME = 0.9
"""Of the usual fit: what labels have to reach in another record to be at home there."""


def _learnt(gathered: Gathered) -> label_fit.Learnt:
    found: label_fit.Learnt = gathered.share("/labels", lambda: label_fit.learn(gathered, _near_s(gathered)))
    return found


def _near_s(gathered: Gathered) -> float:
    low, high = gathered.facts.limits("label.offset")
    return max(abs(low or 0.0), abs(high or 0.0), 20.0) / 1000


def _fits(gathered: Gathered) -> Iterator[tuple[Case, str, Fit, tuple[str, float] | None]]:
    """Each record's label sources with their fit, and where they would be at home, if not here."""
    learnt = _learnt(gathered)
    for case in gathered.cases():
        if not learnt.channel or not gathered.asked(case.record.id) or not case.record.annotations:
            continue
        for source, found, told in label_fit.fits(case, learnt, _near_s(gathered)):
            usual = learnt.usual[source]
            home = None
            if found.best < (gathered.facts.limits("pairing.swapped")[0] or 75.0) / 100 * usual:
                home = label_fit.elsewhere(told, source, learnt, case.record.id)
                if home is not None and home[1] < HOME * usual:
                    home = None
            yield case, source, found, home


def _all(gathered: Gathered) -> list[tuple[Case, str, Fit, tuple[str, float] | None]]:
    found: list[tuple[Case, str, Fit, tuple[str, float] | None]] = gathered.share(
        "/fits", lambda: list(_fits(gathered))
    )
    return found


@shifted.at(Stage.DATASET)
def _shifted(gathered: Gathered) -> Iterator[Finding]:
    learnt = _learnt(gathered)
    if not learnt.channel:
        if any(case.record.annotations for case in gathered.cases(3)):
            yield gathered.facts.finding(
                "label.offset",
                None,
                status=Status.NOT_MEASURABLE,
                message="no channel of a sensor moves with the labels in most of at least "
                f"{label_fit.LEAST_RECORDS} records",
            )
        return
    for case, source, found, home in _all(gathered):
        usual = learnt.usual[source]
        if home is not None:
            continue  # it belongs elsewhere: its lag here says nothing
        if found.best < 0.75 * usual:
            why = f"the labels explain {found.best:.0%} of {_name(learnt, source)}, usually {usual:.0%}"
            yield case.unmeasurable("label.offset", why, (source,))
            continue
        clear = found.best > 1.15 * found.near or not outside(
            found.late_s * 1000, gathered.facts.limits("label.offset")
        )
        late = found.late_s * 1000
        word = "late" if late > 0 else "early"
        told = f"{source} against {_name(learnt, source)}: {abs(late):.0f} ms {word}"
        if clear:
            confidence = min(0.99, 1 - 1 / (len(learnt.pool) + 1))
            yield case.judged("label.offset", late, told, streams=(source,), confidence=confidence)
        else:
            yield case.unmeasurable("label.offset", f"{told}, but not clearly", (source,))


def _name(learnt: label_fit.Learnt, source: str) -> str:
    return f"{learnt.channel[source][0]}, channel {learnt.channel[source][1]}"


@swapped.at(Stage.DATASET)
def _swapped(gathered: Gathered) -> Iterator[Finding]:
    learnt = _learnt(gathered)
    by_record: dict[str, list[tuple[Case, str, Fit, tuple[str, float]]]] = {}
    for case, source, found, home in _all(gathered):
        if home is not None:
            by_record.setdefault(case.record.id, []).append((case, source, found, home))
    for parts in by_record.values():
        case, source, found, home = max(parts, key=lambda each: each[3][1])
        usual = learnt.usual[source]
        share = 100 * found.best / usual
        back = any(each[3][0] == case.record.id for each in by_record.get(home[0], []))
        yield case.finding(
            "pairing.swapped",
            streams=tuple(sorted(each[1] for each in parts)),
            value=share,
            status=Status.FAILED,
            confidence=1 - 1 / (len(learnt.pool) + 1),
            severity=severity(100 - share, (None, 25.0)),
            message=f"the labels fit {home[0]} ({home[1]:.0%} of its motion) and not this record "
            f"({found.best:.0%}); usual is {usual:.0%}" + ("; and the other way round" if back else ""),
        )


@grounding.at(Stage.DATASET)
def _grounding(gathered: Gathered) -> Iterator[Finding]:
    verdicts = {
        (case.record.id, source): _verdict(gathered, found, home, _learnt(gathered).usual[source])
        for case, source, found, home in _all(gathered)
    }
    counted: Counter[str] = Counter()
    tiers: dict[str, Counter[str]] = {}
    for case in gathered.cases():
        start, end = case.record.span
        allowed = max(frame_ns(case.record), 50_000_000)
        for label in case.record.annotations:
            span = label_span(case.record, label)
            if span is None:
                state = "floating"
            elif span[0] < start - allowed or span[1] > end + allowed:
                state = "broken"
            else:
                state = verdicts.get((case.record.id, source_of(label)), "unverified")
            counted[state] += 1
            tiers.setdefault(label.tier, Counter())[state] += 1
            gathered.note(case.record.id, "grounding", label.id, state)
    total = sum(counted.values())
    if total:
        told = ", ".join(f"{number} {state}" for state, number in counted.most_common())
        by_tier = "; ".join(
            f"{tier} {each['grounded'] / sum(each.values()):.0%}" for tier, each in sorted(tiers.items())[:10]
        )
        yield gathered.facts.finding(
            "label.grounding",
            None,
            value=100 * counted["grounded"] / total,
            message=f"of {total} labels {told}; grounded by tier: {by_tier}",
        )


def _verdict(gathered: Gathered, found: Fit, home: object, usual: float) -> str:
    if home is not None:
        return "broken"
    if found.best < 0.75 * usual:
        return "unverified"
    late = outside(found.late_s * 1000, gathered.facts.limits("label.offset"))
    return "broken" if late and found.best > 1.15 * found.near else "unverified" if late else "grounded"
