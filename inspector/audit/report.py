"""The report of an audit: one self-contained HTML file, good enough to lie beside a release of the dataset.

No script, no font and no picture is fetched; every text of the dataset is escaped.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any

from inspector.audit.checks import checks
from inspector.audit.ladder import OF
from inspector.audit.report_figures import bars, by_pair, matrix, pictures, strip
from inspector.core import page
from inspector.core.findings import Finding, Status

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from inspector.audit.ladder import Rung
    from inspector.audit.report_figures import Worst

WORST = 20


@dataclass(frozen=True, slots=True)
class Beside:
    """What the page shows besides the findings.

    `states` is what is there by record and modality; `pairs` the rows of the SQL table with `modality_a`,
    `modality_b` and `device`; `worst` the findings that are shown with pictures; `fixed` a row a stream that
    an accepted fix has moved: record, stream, ms before, ms now, how it was measured again; `software` names
    and versions; `agreement` what was measured of the annotators' agreement, a line each.
    """

    states: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    pairs: Sequence[Mapping[str, Any]] = ()
    worst: Sequence[Worst] = ()
    fixed: Sequence[tuple[str, str, float, float | None, str]] = ()
    software: str = ""
    agreement: Sequence[str] = ()


STYLE = """
h3{font-size:1rem;margin:1.4rem 0 .2rem}
.frames{display:flex;flex-wrap:wrap;gap:.5rem;margin:.3rem 0 1rem}figure{margin:0}
figure img{display:block;border-radius:3px}figcaption{font-size:.78rem;color:var(--quiet)}
td:first-child,th{white-space:nowrap}
pre{font-size:.85rem;white-space:pre-wrap;margin:.3rem 0}details summary{cursor:pointer;color:var(--quiet)}
"""
"""What is added to `core.page`'s."""


def report_html(
    name: str,
    version: str,
    when: str,
    records: int,
    findings: Sequence[Finding],
    coverage: Mapping[str, Mapping[str, int]],
    rungs: Sequence[Rung] = (),
    purpose: str = "",
    beside: Beside | None = None,
) -> str:
    """The page. `coverage` counts records by modality and state; `rungs` are those of the ladder."""
    beside = beside or Beside()
    counted = Counter(each.status for each in findings)
    bad = {each.record_id for each in findings if each.status is Status.FAILED and each.record_id}
    parts = [
        page.head(f"Audit of {name}", STYLE, pictures=True),
        f"<p class=quiet>{escape(when)} · Inspector {escape(version)} · {records} records</p>",
        f"<p><b class=failed>{counted[Status.FAILED]} failed</b> in {len(bad)} records, "
        f"{counted[Status.SUSPECT]} suspect, {counted[Status.NOT_MEASURABLE]} not measurable, "
        f"{counted[Status.OK]} measured and within tolerance.</p>",
        _gates(findings, purpose),
        _coverage(coverage, beside),
        _ladder(rungs),
        _worst(findings),
        _shown(beside),
        _fixed(beside),
        _pairs(beside, findings),
        _figures(findings),
        _grounding(findings),
        _agreement(findings, beside),
        _self_test(findings),
        _unmeasured(findings),
        _tolerances(findings),
        f"<p class=quiet>{escape(beside.software)}</p>" if beside.software else "",
    ]
    return "\n".join(part for part in parts if part) + "\n"


def _coverage(coverage: Mapping[str, Mapping[str, int]], beside: Beside) -> str:
    found = {state for counts in coverage.values() for state in counts}
    states = sorted(found, key=lambda state: (state != "present", state))
    rows = [
        [escape(modality), *(str(counts.get(state, "")) for state in states)]
        for modality, counts in coverage.items()
    ]
    table = page.table(["modality", *map(escape, states)], rows)
    return "<h2>Coverage, records</h2>" + table + matrix(beside.states)


def _gates(findings: Sequence[Finding], purpose: str) -> str:
    mine = [each for each in findings if each.check == "purpose.gate"]
    if not mine:
        return ""
    rows = [
        [
            f"<span class={each.status.value}>{PASSED.get(each.status, each.status.value)}</span>",
            escape(each.message),
            "" if each.value is None else f"{each.value:.1f} {escape(each.unit)}",
            f"{_bound(each.tolerance[0])} to {_bound(each.tolerance[1])}",
        ]
        for each in mine
    ]
    return f"<h2>Fit for {escape(purpose or 'its purpose')}</h2>" + page.table(
        ["gate", "what", "value", "asked"], rows
    )


def _ladder(rungs: Sequence[Rung]) -> str:
    """Pairs first, then threes and fours: how many records have them, measured them and proved them."""
    if not rungs:
        return ""
    rows = [
        [
            escape(" – ".join(each.modalities)),
            str(each.records),
            str(each.measured),
            str(each.proven),
            f"{each.share:.0%}",
        ]
        for each in rungs[:MOST_RUNGS]
    ]
    head = [
        "modalities",
        "records that have them",
        "joined by a measurement",
        "proven within tolerance",
        "share",
    ]
    return "<h2>The ladder: what is proven to share its moments</h2>" + page.table(head, rows)


MOST_RUNGS = 40
PASSED = {Status.OK: "passed", Status.NOT_MEASURABLE: "not measurable"}


def _grounding(findings: Sequence[Finding]) -> str:
    mine = [each for each in findings if each.check == "label.grounding" and each.value is not None]
    if not mine:
        return ""
    rows = [
        [
            escape(each.streams[0] if each.streams else "all labels"),
            f"{each.value:.0f} %",
            escape(each.message),
        ]
        for each in sorted(mine, key=lambda each: (bool(each.streams), each.streams))
    ]
    return "<h2>Grounding</h2>" + page.table(["of", "grounded", "labels"], rows)


def _worst(findings: Sequence[Finding]) -> str:
    order = {Status.FAILED: 0, Status.SUSPECT: 1}
    listed = sorted(
        (
            each
            for each in findings
            if each.status in order and each.check not in ("audit.self_test", "purpose.gate")
        ),
        key=lambda each: (order[each.status], -each.severity, -(each.confidence or 0.0)),
    )
    if not listed:
        return "<h2>Findings</h2><p>Nothing failed.</p>"
    rows = [
        [
            f"<span class={each.status.value}>{each.status.value}</span>",
            escape(each.record_id or "dataset"),
            escape(each.check),
            escape(", ".join(each.streams)),
            escape(each.message),
        ]
        for each in listed[:WORST]
    ]
    more = f"<p class=quiet>and {len(listed) - WORST} more</p>" if len(listed) > WORST else ""
    return "<h2>Findings, the worst first</h2>" + page.table(
        ["status", "record", "check", "streams", "what"], rows
    ) + more  # fmt: skip


def _figures(findings: Sequence[Finding]) -> str:
    """A strip for each check that measures: every figure a mark, the tolerance a band."""
    by_check: dict[str, list[Finding]] = defaultdict(list)
    for each in findings:
        if each.value is not None and each.record_id and each.check.split(".")[0] in FAMILIES:
            by_check[each.check].append(each)
    parts = []
    for name, mine in sorted(by_check.items()):
        values = sorted(round(each.value, 6) + 0.0 for each in mine if each.value is not None)
        if values[0] == values[-1]:
            continue
        middle = values[len(values) // 2]
        unit = escape(mine[0].unit)
        parts.append(
            f"<p>{escape(name)}: {len(values)} measured, median {middle:.4g} {unit}, "
            f"from {values[0]:.4g} to {values[-1]:.4g} {unit}</p>"
            + strip(
                [(each.value, each.status, each.record_id or "") for each in mine if each.value is not None],
                mine[0].tolerance,
            )
        )
    return "<h2>Offsets and drifts, by check</h2>" + "".join(parts) if parts else ""


FAMILIES = ("timing", "transcript", "sensor", "label")


def _pairs(beside: Beside, findings: Sequence[Finding]) -> str:
    """How late, by pair of modalities, device and method."""
    used = {each.check: each.tolerance for each in findings}
    limits = {modality.value: used.get(name) or checks.get(name).tolerance for modality, name in OF.items()}
    found = by_pair(beside.pairs, limits)
    if not found:
        return ""
    head = ["pair", "device", "method", "measured", "median ms", "5 to 95 %", "drift ppm"]
    rows = [[escape(cell) for cell in cells] for cells, _ in found]
    strips = "".join(
        f"<p>{escape(cells[0])}, {escape(cells[1])}, {escape(cells[2])}, ms</p>{drawn}"
        for cells, drawn in found
        if drawn
    )
    return "<h2>How late, by pair and device</h2>" + page.table(head, rows) + strips


def _shown(beside: Beside) -> str:
    """The worst findings with the streams of their record and what a camera saw."""
    parts = [
        f"<h3><span class={each.finding.status.value}>{escape(each.record.id)}</span> "
        f"{escape(each.finding.check)}</h3><p>{escape(each.finding.message)}</p>{bars(each)}{pictures(each)}"
        for each in beside.worst
    ]
    return "<h2>The worst, looked at</h2>" + "".join(parts) if parts else ""


def _fixed(beside: Beside) -> str:
    """What was moved: before and after."""
    rows = [
        [
            escape(record_id),
            escape(stream),
            f"{round(before, 1) + 0.0:+.1f} ms",
            "not measured since" if now is None else f"{round(now, 1) + 0.0:+.1f} ms",
            escape(how),
        ]
        for record_id, stream, before, now, how in beside.fixed
    ]
    if not rows:
        return ""
    head = ["record", "stream", "late before", "late now", "measured again"]
    return "<h2>What was fixed, before and after</h2>" + page.table(head, rows)


def _agreement(findings: Sequence[Finding], beside: Beside) -> str:
    """What the checks of the family `agreement` have told, and the figures behind it."""
    mine = [each for each in findings if each.check.startswith("agreement.")]
    rows = [
        [
            f"<span class={each.status.value}>{each.status.value.replace('_', ' ')}</span>",
            escape(each.check),
            escape(each.record_id or "dataset"),
            "" if each.value is None else f"{each.value:.2f} {escape(each.unit)}",
            escape(each.message),
        ]
        for each in mine
    ]
    told = page.table(["status", "check", "of", "value", "what"], rows) if rows else ""
    if beside.agreement:
        told += f"<pre>{escape(chr(10).join(beside.agreement))}</pre>"
    if not told:
        why = "Not measured: it takes two annotators of one thing (<code>inspector agree</code>)."
        told = f"<p class=quiet>{why}</p>"
    return f"<h2>Agreement of annotators</h2>{told}"


def _self_test(findings: Sequence[Finding]) -> str:
    mine = [each for each in findings if each.check == "audit.self_test"]
    if not mine:
        told = "Not done: <code>inspector audit --self-test 100</code> hides faults in copies and finds them."
        return f"<h2>The ruler tested on this data</h2><p class=quiet>{told}</p>"
    told = "".join(f"<p><span class={each.status.value}>{escape(each.message)}</span></p>" for each in mine)
    return f"<h2>The ruler tested on this data</h2>{told}"


def _unmeasured(findings: Sequence[Finding]) -> str:
    counted: Counter[tuple[str, str]] = Counter(
        (each.check, each.message) for each in findings if each.status is Status.NOT_MEASURABLE
    )
    if not counted:
        return ""
    rows = [[escape(check), escape(why), str(number)] for (check, why), number in counted.most_common(WORST)]
    return "<h2>What could not be measured</h2>" + page.table(["check", "why", "records"], rows)


def _tolerances(findings: Sequence[Finding]) -> str:
    used: dict[str, Any] = {}
    for each in findings:
        used.setdefault(each.check, (each.tolerance, each.unit))
    rows = []
    for entry in checks.all():
        one = entry.value
        (low, high), unit = used.get(one.id, (one.tolerance, one.unit))
        bounds = "" if low is None and high is None else f"{_bound(low)} to {_bound(high)} {escape(unit)}"
        rows.append([escape(one.id), str(one.version), bounds, escape(one.help)])
    return "<h2>Checks, versions and tolerances</h2>" + page.table(
        ["check", "version", "tolerance", "what it does"], rows
    )  # fmt: skip


def _bound(value: float | None) -> str:
    return "…" if value is None else f"{value:g}"
