"""The drawings of the report, as SVG and data addresses: nothing is fetched, every text is escaped."""

from __future__ import annotations

import base64
from collections import defaultdict
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from inspector.audit.pair import CONTAINER
from inspector.core.findings import Finding, Status
from inspector.core.times import NS, clock_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from inspector.core.model import Record, Span

WIDE = 560
COLOUR = {
    Status.OK: "var(--good)",
    Status.FAILED: "var(--bad)",
    Status.SUSPECT: "var(--warn)",
    Status.NOT_MEASURABLE: "var(--quiet)",
}
STATES = {
    "present": "var(--good)",
    "absent": "var(--bad)",
    "unknown": "var(--line)",
    "empty": "var(--bad)",
    "unreadable": "var(--bad)",
}
MOST_COLUMNS = 400
MOST_BARS = 12


@dataclass(frozen=True, slots=True)
class Worst:
    """One of the worst findings with what shows it: the record, and frames of a camera (caption, JPEG)."""

    finding: Finding
    record: Record
    frames: tuple[tuple[str, bytes], ...] = ()


def matrix(states: Mapping[str, Mapping[str, str]]) -> str:
    """What is there of each modality in each record: a row a modality, a column a record."""
    records = list(states)
    if not records or len(records) > MOST_COLUMNS:
        return ""
    modalities = sorted({modality for row in states.values() for modality in row})
    step, left, high = min(16.0, (WIDE - 70) / len(records)), 70, 16
    cells = []
    for column, (record_id, row) in enumerate(states.items()):
        for place, modality in enumerate(modalities):
            state = row.get(modality, "absent")
            told = escape(f"{record_id}: {modality} {state}", quote=True)
            fill = STATES.get(state, "var(--warn)")
            faint = ' fill-opacity=".45"' if state == "present" else ""
            cells.append(
                f'<rect x="{left + column * step:.1f}" y="{place * high + 2}" '
                f'width="{max(step - 1, 0.6):.1f}" height="{high - 3}" fill="{fill}"{faint}>'
                f"<title>{told}</title></rect>"
            )
    names = "".join(
        f'<text x="0" y="{place * high + 13}" font-size="12" fill="var(--ink)">{escape(name)}</text>'
        for place, name in enumerate(modalities)
    )
    tall = len(modalities) * high + 4
    return _svg(tall, names + "".join(cells), "coverage of each record")


def strip(values: Sequence[tuple[float, Status, str]], limits: tuple[float | None, float | None]) -> str:
    """Every figure a mark, the tolerance a band, 0 a line."""
    low, high = limits
    ends = [*(each[0] for each in values), *(each for each in limits if each is not None), 0.0]
    first, last = min(ends), max(ends)
    room = (last - first) or 1.0

    def x(value: float) -> float:
        return 10 + (value - first) / room * (WIDE - 20)

    left, right = x(first if low is None else low), x(last if high is None else high)
    marks = "".join(
        f'<line x1="{x(value):.1f}" x2="{x(value):.1f}" y1="14" y2="34" stroke-width="2" '
        f'stroke="{COLOUR[status]}" stroke-opacity=".7"><title>{escape(name)} {value:.4g}</title></line>'
        for value, status, name in values
    )
    text = 'font-size="11" fill="var(--quiet)" y="52"'
    return _svg(
        56,
        f'<rect x="{left:.1f}" y="8" width="{max(right - left, 1):.1f}" height="32" fill="var(--good)" '
        f'fill-opacity=".12"/><line x1="{x(0):.1f}" x2="{x(0):.1f}" y1="8" y2="40" stroke="var(--line)"/>'
        f'{marks}<text x="10" {text}>{first:.4g}</text>'
        f'<text x="{WIDE - 10}" text-anchor="end" {text}>{last:.4g}</text>',
        "figures",
    )


def by_pair(
    rows: Iterable[Mapping[str, Any]], limits: Mapping[str, tuple[float | None, float | None]]
) -> list[tuple[list[str], str]]:
    """For each pair of modalities, method and device: the cells of a table's row, and its strip of offsets.

    `rows` are those of the SQL table `pairs` with `modality_a`, `modality_b` and `device`; `limits` are the
    tolerances of the offset by the second one's modality.
    """
    groups: dict[tuple[str, str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        if row["method"] != CONTAINER:
            pair = f"{row['modality_a']} – {row['modality_b']}"
            groups[pair, row["device"] or row["stream_b"], row["method"]].append(row)
    found = []
    for (pair, device, method), mine in sorted(groups.items()):
        told = [row for row in mine if row["status"] == "ok" and row["offset_ms"] is not None]
        late = np.array([row["offset_ms"] for row in told], np.float64)
        drift = np.array([row["drift_ppm"] for row in told if row["drift_ppm"] is not None], np.float64)
        low, high = limits.get(mine[0]["modality_b"], (None, None))
        cells = [pair, device, method, f"{len(told)} of {len(mine)}"]
        if len(late):
            spread = np.quantile(late, [0.05, 0.95])
            cells += [f"{np.round(np.median(late), 1) + 0.0:+.1f}", f"{spread[0]:+.1f} to {spread[1]:+.1f}"]
        else:
            cells += ["", ""]
        drifts = f"{np.median(drift):+.1f} ({drift.min():+.0f} to {drift.max():+.0f})" if len(drift) else ""
        cells.append(drifts)
        marks = []
        for row in told:
            value = row["offset_ms"] + 0.0
            off = (low is not None and value < low) or (high is not None and value > high)
            marks.append((value, Status.FAILED if off else Status.OK, row["record_id"]))
        found.append((cells, strip(marks, (low, high)) if len(marks) > 1 else ""))
    return found


def bars(worst: Worst) -> str:
    """The record's streams on its timeline, the one that is told in colour, the finding's stretch marked, and
    where a fix would move the stream, dashed."""
    record, finding = worst.record, worst.finding
    streams = [stream for stream in record.streams if stream.reference_span is not None][:MOST_BARS]
    fix = finding.fix
    if not streams:
        return ""
    start, end = record.span
    if finding.span is not None:
        start, end = min(start, finding.span[0]), max(end, finding.span[1])
    room = max(end - start, 1)

    def x(at: float) -> float:
        return 90 + min(max((at - start) / room, 0.0), 1.0) * (WIDE - 100)

    parts = []
    for place, stream in enumerate(streams):
        span = stream.reference_span
        assert span is not None
        named = stream.id in finding.streams
        y = place * 18 + 4
        colour = COLOUR[finding.status] if named else "var(--quiet)"
        parts.append(
            f'<text x="0" y="{y + 11}" font-size="12" fill="var(--ink)">{escape(stream.id[:13])}</text>'
            f'<rect x="{x(span[0]):.1f}" y="{y}" width="{max(x(span[1]) - x(span[0]), 1):.1f}" height="12" '
            f'fill="{colour}" fill-opacity="{".55" if named else ".25"}"/>'
        )
        if fix is None or fix.timemap is None or fix.stream != stream.id or stream.span is None:
            continue
        to = [x(fix.timemap.to_reference(each)) for each in stream.span]
        parts.append(
            f'<rect x="{to[0]:.1f}" y="{y}" width="{max(to[1] - to[0], 1):.1f}" height="12" fill="none" '
            f'stroke="var(--ink)" stroke-dasharray="3 2"/>'
        )
    tall = len(streams) * 18 + 4
    if finding.span is not None:
        a, b = (x(each) for each in finding.span)
        parts.append(
            f'<rect x="{a:.1f}" y="0" width="{max(b - a, 2):.1f}" height="{tall}" fill="var(--bad)" '
            'fill-opacity=".15"/>'
        )
    ends = (
        f'<text x="90" y="{tall + 12}" font-size="11" fill="var(--quiet)">{clock_text(start)}</text>'
        f'<text x="{WIDE - 10}" y="{tall + 12}" text-anchor="end" font-size="11" fill="var(--quiet)">'
        f"{clock_text(end)}</text>"
    )
    return _svg(tall + 16, "".join(parts) + ends, "the record's streams")


def pictures(worst: Worst) -> str:
    """The frames, as they are, with the time of each."""
    told = "".join(
        f'<figure><img alt="{escape(caption, quote=True)}" src="data:image/jpeg;base64,'
        f'{base64.b64encode(jpeg).decode("ascii")}"><figcaption>{escape(caption)}</figcaption></figure>'
        for caption, jpeg in worst.frames
        if jpeg
    )
    return f"<div class=frames>{told}</div>" if told else ""


def moments(finding: Finding, within: Span, count: int = 5) -> list[int]:
    """The reference times (ns) at which a camera's frames show a finding: around the finding's stretch, else
    spread over all that the camera has (`within`)."""
    start, end = within
    if finding.span is not None:
        around = max(2 * NS, (finding.span[1] - finding.span[0]) // 4)
        low, high = max(start, finding.span[0] - around), min(end, finding.span[1] + around)
        start, end = (low, high) if high > low else (start, end)
    return [start + (end - start) * (2 * place + 1) // (2 * count) for place in range(count)]


def _svg(tall: int, inside: str, label: str) -> str:
    return (
        f'<svg viewBox="0 0 {WIDE} {tall}" width="{WIDE}" height="{tall}" role="img" aria-label="{label}">'
        f"{inside}</svg>"
    )
