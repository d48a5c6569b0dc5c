"""Checks that compare records: labels that are shifted, and labels that belong to another record."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from inspector.audit import label_fit
from inspector.audit.case import outside, severity
from inspector.audit.checks import Stage, check
from inspector.audit.label import frame_ns, label_span, source_of
from inspector.core.findings import Status
from inspector.core.tiers import lacks

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from inspector.audit.case import Case, Gathered
    from inspector.audit.estimators.labels import Fit
    from inspector.core.findings import Finding
    from inspector.core.model import Annotation, Record

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
    broken when one of both fails, floating when it names no moment, unverified otherwise. What proves it is
    the motion that it speaks of, or the measured lateness of every stream that it is anchored to. `value` is
    the share that is grounded, in percent, of the dataset and by tier, source, annotator and modalities.""",
    "%",
    version=2,
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
    measured = gathered.measured()
    whole: Counter[str] = Counter()
    parts: dict[str, Counter[str]] = {}
    why: Counter[str] = Counter()
    for case in gathered.cases():
        for label in case.record.annotations:
            fitted = verdicts.get((case.record.id, source_of(label)))
            state, reason = grounded(case.record, label, measured, fitted)
            whole[state] += 1
            if state != "grounded":
                why[f"{state}: {reason}"] += 1
            for name in _dimensions(case.record, label):
                parts.setdefault(name, Counter())[state] += 1
            gathered.note(case.record.id, "grounding", label.id, state)
    if not whole:
        return
    yield gathered.facts.finding(
        "label.grounding", None, value=_share(whole), message=_counts(whole, "labels", why)
    )
    for name, counted in sorted(parts.items(), key=lambda each: -each[1].total())[:MOST_DIMENSIONS]:
        told = _counts(counted, "labels", Counter())
        yield gathered.facts.finding(
            "label.grounding", None, streams=(name,), value=_share(counted), message=told
        )


MOST_DIMENSIONS = 60


def grounded(
    record: Record, label: Annotation, measured: Mapping[tuple[str, str], str], fitted: str | None
) -> tuple[str, str]:
    """Whether a label is grounded, broken, floating or unverified, and why.

    `measured` says of streams whether they lie where they belong, `fitted` what the motion that the label
    speaks of says of its source. Each anchor has to lie in data that exists.
    """
    span = label_span(record, label)
    if span is None:
        return "floating", "it names no moment"
    start, end = record.span
    allowed = max(frame_ns(record), 50_000_000)
    if span[0] < start - allowed or span[1] > end + allowed:
        return "broken", "it lies outside the record"
    asked = lacks(record, label)
    incomplete = "unverified", f"it is not anchored in {', '.join(asked)}, which its tier asks for"
    if fitted == "grounded" and asked:
        return incomplete
    if fitted is not None:
        return fitted, {"broken": "its motion lies elsewhere", "unverified": "its motion does not tell"}.get(
            fitted, "it fits the motion that it speaks of"
        )
    streams = {stream.id: stream for stream in record.streams}
    named = [anchor for anchor in label.anchors if anchor.stream_id is not None]
    if not named:
        return "unverified", "it is anchored to no stream"
    states = set()
    for anchor in named:
        stream = streams.get(anchor.stream_id or "")
        if stream is None or stream.span is None or anchor.span is None:
            return "broken", "a stream that it is anchored to is not there"
        if anchor.span[0] < stream.span[0] - allowed or anchor.span[1] > stream.span[1] + allowed:
            return "broken", "an anchor lies outside its stream"
        states.add(measured.get((record.id, stream.id), "not measured"))
    if "failed" in states:
        return "broken", "a stream that it is anchored to is late or early"
    if "not measured" in states:
        return "unverified", "the alignment of a stream that it is anchored to was not measured"
    if states == {"reference"} and not any(key[0] == record.id and measured[key] == "ok" for key in measured):
        return "unverified", "nothing was measured against the stream that it is anchored to"
    return incomplete if asked else ("grounded", "its streams were measured to lie where they belong")


def _dimensions(record: Record, label: Annotation) -> Iterator[str]:
    """What a label is counted under: tier, source, annotator, and the modalities that it joins."""
    kinds = {stream.id: stream.modality.value for stream in record.streams}
    named = sorted({kinds[each.stream_id] for each in label.anchors if each.stream_id in kinds})
    yield f"tier {label.tier}"
    yield f"source {source_of(label)}"
    if label.author:
        yield f"annotator {label.author}"
    yield f"modalities {'–'.join(named) or 'none'}"


def _share(counted: Counter[str]) -> float:
    return 100 * counted["grounded"] / max(counted.total(), 1)


def _counts(counted: Counter[str], what: str, why: Counter[str]) -> str:
    told = ", ".join(f"{number} {state}" for state, number in counted.most_common())
    reasons = "; ".join(f"{number} {reason}" for reason, number in why.most_common(4))
    return f"of {counted.total()} {what} {told}" + (f" ({reasons})" if reasons else "")


def _verdict(gathered: Gathered, found: Fit, home: object, usual: float) -> str:
    if home is not None:
        return "broken"
    if found.best < 0.75 * usual:
        return "unverified"
    late = outside(found.late_s * 1000, gathered.facts.limits("label.offset"))
    return "broken" if late and found.best > 1.15 * found.near else "unverified" if late else "grounded"
