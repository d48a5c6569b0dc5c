"""Krippendorff's alphas: on labels of units that are given, and on units that each coder cut out.

Each is a function of sums over records; see `agreement.figure`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from inspector.core.model import Span

Labelled = tuple[int, int, str]
"""Start, end (exclusive), label."""

TOTAL, AGREED, MARGIN, OWN = "total", "agreed", "margin", "own"
GAP = None
"""The value of what no unit lies on."""


def coding_sums(units: Iterable[Sequence[str | None]]) -> dict[Any, float]:
    """The sums that nominal alpha is made of: for each unit what every coder said of it, None for nothing.

    Krippendorff (2011), Computing Krippendorff's Alpha-Reliability, section C: a unit with m values counts
    each pair of them 1/(m−1) times; one with a single value is left out.
    """
    sums: defaultdict[Any, float] = defaultdict(float)
    for unit in units:
        values = Counter(value for value in unit if value is not None)
        m = values.total()
        if m < 2:
            continue
        sums[TOTAL] += m
        for value, count in values.items():
            sums[AGREED] += count * (count - 1) / (m - 1)
            sums[MARGIN, value] += count
    return dict(sums)


def coding_alpha(sums: Mapping[Any, float]) -> float | None:
    """Nominal alpha, 1 − D_o/D_e; None where fewer than two values differ at all.

    n = Σn_c, D_o = n − Σo_cc, D_e = (n² − Σn_c²)/(n − 1).
    """
    total = sums.get(TOTAL, 0.0)
    if total < 3:
        return None
    squares = sum(value * value for name, value in sums.items() if isinstance(name, tuple))
    expected = (total * total - squares) / (total - 1)
    if expected <= 1e-9 * total:
        return None
    return 1 - (total - sums.get(AGREED, 0.0)) / expected


def flat(units: Sequence[Labelled], start: int, end: int) -> list[Labelled]:
    """A coder's units in order within a continuum, none over another: the later one gives way."""
    found = []
    at = start
    for first, last, label in sorted(units):
        first, last = max(first, at), min(last, end)
        if last > first:
            found.append((first, last, label))
            at = last
    return found


def _cut(units: Sequence[Labelled], start: int, end: int) -> list[tuple[int, int, str | None]]:
    """A continuum in units and the gaps between them."""
    found: list[tuple[int, int, str | None]] = []
    at = start
    for first, last, label in flat(units, start, end):
        if first > at:
            found.append((at, first, GAP))
        found.append((first, last, label))
        at = last
    if at < end:
        found.append((at, end, GAP))
    return found


def unitizing_sums(coders: Sequence[Sequence[Labelled]], span: Span, atom: float = 1.0) -> dict[Any, float]:
    """The sums that unitizing alpha is made of, for one continuum and two or more coders.

    Krippendorff, Mathet, Bouvry, Widlöcher (2016), On the reliability of unitizing textual continua, Quality
    & Quantity 50: 2347–2364, eq. 1–4; Krippendorff (2019), Content Analysis, 4th ed., eq. 32–33. Lengths
    count in `atom`s. What a unit could only be paired with itself by is taken off what is expected: a unit's
    length squared, and a gap's length, since a gap has no unity.
    """
    sums: defaultdict[Any, float] = defaultdict(float)
    cuts = [_cut(units, *span) for units in coders]
    length = (span[1] - span[0]) / atom
    sums[TOTAL] = len(cuts) * length
    sums["atoms"] = length
    for cut in cuts:
        for first, last, value in cut:
            part = (last - first) / atom
            sums[MARGIN, value] += part
            sums[OWN, value] += part if value is GAP else part * part
    for one in range(len(cuts)):
        for other in range(one + 1, len(cuts)):
            shared = _agreed(cuts[one], cuts[other]) / atom
            sums[AGREED] += 2 * shared / (len(cuts) - 1)
    return dict(sums)


def _agreed(
    a: Sequence[tuple[int, int, str | None]], b: Sequence[tuple[int, int, str | None]]
) -> int:  # both cover the same continuum in order
    total, i, j = 0, 0, 0
    while i < len(a) and j < len(b):
        if a[i][2] == b[j][2]:
            total += max(0, min(a[i][1], b[j][1]) - max(a[i][0], b[j][0]))
        if a[i][1] <= b[j][1]:
            i += 1
        else:
            j += 1
    return total


def unitizing_alpha(sums: Mapping[Any, float]) -> float | None:
    """uα, nominal (2016, eq. 5): 1 where all cut and label alike; None where there is no unit."""
    total = sums.get(TOTAL, 0.0)
    tuples: list[tuple[str, str | None, float]] = [
        (*name, value) for name, value in sums.items() if isinstance(name, tuple)
    ]
    margins = {name: value for kind, name, value in tuples if kind == MARGIN}
    own = {name: value for kind, name, value in tuples if kind == OWN}
    if total <= 0 or not any(value for name, value in margins.items() if name is not GAP):
        return None
    room = total - sum(own.values()) / total
    if room <= 0:
        return None
    expected = sum(margins.values()) ** 2 - sum(own.values())
    expected -= sum(value * value - own.get(name, 0.0) for name, value in margins.items())
    expected /= room
    if expected <= 1e-9 * total:
        return None
    return 1 - (total - sums.get(AGREED, 0.0)) / expected


def earlier_unitizing_alpha(
    coders: Sequence[Sequence[Labelled]], span: Span, atom: int = 1
) -> tuple[float | None, dict[str, tuple[float, float]]]:
    """Unitizing alpha as it was before 2016, which most published figures are, and (D_o, D_e) of each label.

    Krippendorff (1995), On the reliability of unitizing continuous data, Sociological Methodology 25: 47–76,
    as corrected in Krippendorff (2004), Content Analysis, 2nd ed., p. 251–256. Lengths count in whole
    `atom`s.
    """
    start = span[0] // atom
    length = span[1] // atom - start
    labels = sorted({label for units in coders for *_, label in units})
    found = {}
    for label in labels:
        cuts = []
        for units in coders:
            mine = [
                (max(a // atom, start), min(b // atom, start + length), name)
                for a, b, name in units
                if name == label
            ]
            cuts.append(_cut(mine, start, start + length))
        found[label] = _observed(cuts, length), _expected(cuts, length)
    apart = sum(observed for observed, _ in found.values())
    chance = sum(expected for _, expected in found.values())
    return (1 - apart / chance if chance > 0 else None), found


def _observed(cuts: Sequence[Sequence[tuple[int, int, str | None]]], length: int) -> float:
    """Squared lengths that do not coincide, over all pairs of coders."""
    total = 0.0
    for one in range(len(cuts)):
        for other in range(one + 1, len(cuts)):
            a, b, i, j = cuts[one], cuts[other], 0, 0
            while i < len(a) and j < len(b):
                total += _apart(a[i], b[j])
                ends = a[i][1], b[j][1]
                i, j = i + (ends[0] <= ends[1]), j + (ends[1] <= ends[0])
    coders = len(cuts)
    return 2 * total / (coders * (coders - 1) * float(length) ** 2) if coders > 1 and length else 0.0


def _apart(a: tuple[int, int, str | None], b: tuple[int, int, str | None]) -> float:
    if a[2] is GAP and b[2] is GAP:
        return 0.0
    if a[2] is not GAP and b[2] is not GAP:
        return float(a[0] - b[0]) ** 2 + float(a[1] - b[1]) ** 2
    unit, gap = (a, b) if b[2] is GAP else (b, a)
    return float(unit[1] - unit[0]) ** 2 if gap[0] <= unit[0] and unit[1] <= gap[1] else 0.0


def _expected(cuts: Sequence[Sequence[tuple[int, int, str | None]]], length: int) -> float:
    """What all ways to lay these units and gaps over each other would give."""
    lengths = [(last - first, value is GAP) for cut in cuts for first, last, value in cut]
    units = np.array([length for length, is_gap in lengths if not is_gap], np.float64)
    gaps = np.sort(np.array([length for length, is_gap in lengths if is_gap], np.float64))
    if not len(units):
        return 0.0
    after = np.concatenate([np.cumsum(gaps[::-1])[::-1], [0.0]])
    place = np.searchsorted(gaps, units)
    room = after[place] - (len(gaps) - place) * (units - 1)
    pairs = (len(units) - 1) * (2 * units**3 - 3 * units**2 + units) / 3
    whole = len(cuts) * float(length)
    ways = whole * (whole - 1) - float((units * (units - 1)).sum())
    return float(2 / length * (pairs + units**2 * room).sum() / ways) if ways > 0 else 0.0
