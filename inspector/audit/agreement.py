"""What the annotators of a dataset make of the same moments: units, the relation between them, and lags."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from inspector.agreement.measure import Measuring, NamedLag
from inspector.audit.case import outside, severity
from inspector.audit.checks import Stage, check
from inspector.audit.label import source_of
from inspector.core.findings import Finding, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from inspector.agreement.figure import Figure
    from inspector.agreement.measure import Agreement
    from inspector.audit.case import Gathered
    from inspector.core.model import Record

units = check(
    "agreement.units",
    "Annotators cut or label differently",
    """Unitizing alpha (Krippendorff and others 2016) of every tier that two authors share, over the records
    that both labelled: 1 where all spans and labels are the same, 0 at chance. Below 0.667 Krippendorff
    (2004, p. 241) advises to draw no conclusion. Several annotators in agreement prove no label right.""",
    "alpha",
    (0.667, None),
)
relation = check(
    "agreement.relation",
    "Annotators agree on the parts and not on what joins them",
    """The relation gap of the links of a tier between two modalities: min(γ_X, γ_Y) − γ_rel, how much better
    two authors agree on the units of each modality than on which of them belong together. γ_rel is 0 for as
    much as links drawn at random between the same units have in common. Tolerance 0.2 (ours). Fewer than 20
    links are counted and not measured.""",
    "γ",
    (None, 0.2),
)
lag = check(
    "agreement.lag",
    "One annotator is later than another",
    """A constant lag between two authors in a record: the median over the boundaries of what both have,
    where at least four spans and half of the fewer share it, and it is four times their spread. Tolerance:
    one frame at 25 a second. `value` is how much later the second of the two is. It is a difference between
    two people; who is right is told only where both were measured against the data (label.offset).""",
    "ms",
    (-40.0, 40.0),
)


def _agreement(gathered: Gathered) -> Agreement:
    def make() -> Agreement:
        measuring = Measuring()
        for case in gathered.cases():
            measuring.add(case.record)
        return measuring.result()

    found: Agreement = gathered.share("/agreement", make)
    return found


def _of_pair(gathered: Gathered, name: str, figure: Figure, told: str, of: tuple[str, ...]) -> Finding:
    """A finding on two authors: beyond the tolerance it is suspect, for two people may both be right."""
    if figure.value is None:
        why = f"{told}: {figure.why}"
        return gathered.facts.finding(name, None, streams=of, status=Status.NOT_MEASURABLE, message=why)
    limits = gathered.facts.limits(name)
    bad = outside(figure.value, limits)
    return gathered.facts.finding(
        name,
        None,
        streams=of,
        value=figure.value,
        status=Status.SUSPECT if bad else Status.OK,
        severity=0.6 if bad else 0.0,
        message=f"{told}: {figure.text()}",
    )


@units.at(Stage.DATASET)
def _units(gathered: Gathered) -> Iterator[Finding]:
    for pair in _agreement(gathered).pairs:
        for tier in pair.tiers:
            told = f"{tier.tier} by {pair.a} and {pair.b}, {tier.n_a} and {tier.n_b} spans"
            yield _of_pair(gathered, "agreement.units", tier.u_alpha, told, (tier.tier, pair.a, pair.b))


@relation.at(Stage.DATASET)
def _relation(gathered: Gathered) -> Iterator[Finding]:
    for pair in _agreement(gathered).pairs:
        for each in pair.relations:
            told = (
                f"{each.tier}, {' to '.join(each.sides)}, by {pair.a} and {pair.b}, {each.links_a} and "
                f"{each.links_b} links; γ_rel {each.gamma_rel.text()}, α_rel {each.alpha_rel.text()}; gap"
            )
            of = (each.tier, *each.sides, pair.a, pair.b)
            yield _of_pair(gathered, "agreement.relation", each.gap, told, of)


@lag.at(Stage.DATASET)
def _lag(gathered: Gathered) -> Iterator[Finding]:
    limits = gathered.facts.limits("agreement.lag")
    for pair in _agreement(gathered).pairs:
        for each in pair.lags:
            if each.record_id is None or not gathered.asked(each.record_id):
                continue
            bad = outside(each.lag_ms, limits)
            yield gathered.facts.finding(
                "agreement.lag",
                each.record_id,
                streams=(pair.a, pair.b),
                span=(each.start_ns, each.start_ns),
                value=each.lag_ms,
                status=Status.SUSPECT if bad else Status.OK,
                severity=severity(each.lag_ms, limits) if bad else 0.0,
                message=each.message,
            )


def who_is_right(lag_: NamedLag, record: Record, findings: Iterable[Finding]) -> str:
    """What an audit knows of a lag: which of the two was measured to lie where the data do, "" for nothing.

    `findings` are those of the record. One of the two has to be within tolerance and the other off by about
    the lag (within half of it).
    """
    measured: dict[str, Finding] = {}
    for finding in findings:
        if finding.check == "label.offset" and finding.record_id == record.id and finding.value is not None:
            for label in record.annotations:
                if source_of(label) in finding.streams:
                    measured[label.author] = finding
    a, b = measured.get(lag_.a), measured.get(lag_.b)
    if a is None or b is None or a.value is None or b.value is None:
        return ""
    if abs(b.value - a.value - lag_.lag_ms) > abs(lag_.lag_ms) / 2:
        return ""
    right = [name for name, each in ((lag_.a, a), (lag_.b, b)) if each.status is Status.OK]
    off = [each for each in (a, b) if each.status is Status.FAILED]
    return f"the audit says that {right[0]} is right: {off[0].message}" if len(right) == len(off) == 1 else ""


def with_audit(
    agreement: Agreement, findings: Iterable[Finding], record: Callable[[str], Record]
) -> Agreement:
    """The agreement with what an audit's `findings` tell of each lag: who of the two is right."""
    offsets: dict[str | None, list[Finding]] = {}
    for finding in findings:
        if finding.check == "label.offset":
            offsets.setdefault(finding.record_id, []).append(finding)
    pairs, words = [], {}
    for pair in agreement.pairs:
        lags = []
        for each in pair.lags:
            mine = offsets.get(each.record_id, [])
            if each.record_id is not None and mine:
                each = replace(each, right=who_is_right(each, record(each.record_id), mine))
                words[each.record_id, each.a, each.b] = each.message
            lags.append(each)
        pairs.append(replace(pair, lags=tuple(lags)))
    rows = tuple(
        replace(row, told=words.get((row.record_id, row.a, row.b), row.told)) if row.kind == "lag" else row
        for row in agreement.rows
    )
    return replace(agreement, pairs=tuple(pairs), rows=rows)
