"""Krippendorff's alphas: on labels of units that are given, and on units that each coder cut out.

Each is a function of sums over records; see `agreement.figure`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

import numpy as np

from inspector.agreement.figure import Vectored

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any

    from numpy.typing import NDArray

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


def _coding_alpha(names: Sequence[Any]) -> Callable[[NDArray[np.float64]], float | None]:
    place = {name: at for at, name in enumerate(names) if not isinstance(name, tuple)}
    margins = np.array([at for at, name in enumerate(names) if isinstance(name, tuple)], np.int64)

    def alpha(sums: NDArray[np.float64]) -> float | None:
        total = _at(sums, place, TOTAL)
        if total < 3:
            return None
        expected = (total * total - float((sums[margins] ** 2).sum())) / (total - 1)
        if expected <= 1e-9 * total:
            return None
        return 1 - (total - _at(sums, place, AGREED)) / expected

    return alpha


def _at(sums: NDArray[np.float64], place: Mapping[Any, int], name: str) -> float:
    return float(sums[place[name]]) if name in place else 0.0


coding_alpha = Vectored(_coding_alpha)
"""Nominal alpha, 1 − D_o/D_e; None where fewer than two values differ at all.

n = Σn_c, D_o = n − Σo_cc, D_e = (n² − Σn_c²)/(n − 1).
"""


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


def _unitizing_alpha(names: Sequence[Any]) -> Callable[[NDArray[np.float64]], float | None]:
    place = {name: at for at, name in enumerate(names)}
    labels = [name[1] for name in names if isinstance(name, tuple) and name[0] == MARGIN]
    margins, owns = (np.array([place[kind, each] for each in labels], np.int64) for kind in (MARGIN, OWN))
    units = np.array([label is not GAP for label in labels], np.bool_)

    def alpha(sums: NDArray[np.float64]) -> float | None:
        total, margin, own = _at(sums, place, TOTAL), sums[margins], sums[owns]
        if total <= 0 or not margin[units].any():
            return None
        room = total - float(own.sum()) / total
        if room <= 0:
            return None
        expected = float(margin.sum()) ** 2 - float((margin * margin).sum())
        expected /= room
        if expected <= 1e-9 * total:
            return None
        return 1 - (total - _at(sums, place, AGREED)) / expected

    return alpha


unitizing_alpha = Vectored(_unitizing_alpha)
"""uα, nominal (2016, eq. 5): 1 where all cut and label alike; None where there is no unit."""


class EarlierUnitizing:
    """Unitizing alpha as it was before 2016, which most published figures are, of one record after the other.

    Krippendorff (1995), On the reliability of unitizing continuous data, Sociological Methodology 25: 47–76,
    as corrected in Krippendorff (2004), Content Analysis, 2nd ed., p. 251–256. The records are one continuum;
    lengths count in whole `atom`s. It is made of how often each length of a unit and of a gap occurs, so that
    no unit is kept.
    """

    def __init__(self, coders: int = 2, atom: int = 1) -> None:
        self._coders, self._atom = coders, atom
        self._length = 0
        self._apart: defaultdict[str, float] = defaultdict(float)
        self._units: defaultdict[str, Counter[int]] = defaultdict(Counter)
        self._gaps: defaultdict[str, Counter[int]] = defaultdict(Counter)
        self._ends: dict[tuple[str, int], int] = {}

    def add(self, coders: Sequence[Sequence[Labelled]], span: Span) -> None:
        """The units of one record, of as many coders as were named."""
        move, atom = self._length - span[0], self._atom
        low = self._length // atom
        self._length += span[1] - span[0]
        high = self._length // atom
        by_label: defaultdict[str, list[list[Labelled]]] = defaultdict(lambda: [[] for _ in coders])
        for coder, units in enumerate(coders):
            for first, last, label in units:
                place = max((first + move) // atom, low), min((last + move) // atom, high)
                by_label[label][coder].append((*place, label))
        for label, mine in by_label.items():
            cuts = [_cut(units, low, high) for units in mine]
            self._apart[label] += _observed(cuts)
            sizes, gaps = self._units[label], self._gaps[label]
            for coder, cut in enumerate(cuts):
                for first, last, value in cut:
                    if value is not GAP:
                        before = first - self._ends.get((label, coder), 0)
                        if before:
                            gaps[before] += 1
                        sizes[last - first] += 1
                        self._ends[label, coder] = last

    def result(self) -> tuple[float | None, dict[str, tuple[float, float]]]:
        """The alpha, None where there is no unit, and (D_o, D_e) of each label."""
        length, coders = self._length // self._atom, self._coders
        share = coders * (coders - 1) * float(length) ** 2
        found = {}
        for label in sorted(self._apart):
            left = (length - self._ends.get((label, coder), 0) for coder in range(coders))
            gaps = self._gaps[label] + Counter(each for each in left if each > 0)
            expected = _expected(self._units[label], gaps, coders, length)
            found[label] = 2 * self._apart[label] / share if share else 0.0, expected
        apart = sum(observed for observed, _ in found.values())
        chance = sum(expected for _, expected in found.values())
        return (1 - apart / chance if chance > 0 else None), found


def _observed(cuts: Sequence[Sequence[tuple[int, int, str | None]]]) -> float:
    """Squared lengths that do not coincide, over all pairs of coders."""
    total = 0.0
    for one in range(len(cuts)):
        for other in range(one + 1, len(cuts)):
            a, b, i, j = cuts[one], cuts[other], 0, 0
            while i < len(a) and j < len(b):
                total += _apart(a[i], b[j])
                ends = a[i][1], b[j][1]
                i, j = i + (ends[0] <= ends[1]), j + (ends[1] <= ends[0])
    return total


def _apart(a: tuple[int, int, str | None], b: tuple[int, int, str | None]) -> float:
    if a[2] is GAP and b[2] is GAP:
        return 0.0
    if a[2] is not GAP and b[2] is not GAP:
        return float(a[0] - b[0]) ** 2 + float(a[1] - b[1]) ** 2
    unit, gap = (a, b) if b[2] is GAP else (b, a)
    return float(unit[1] - unit[0]) ** 2 if gap[0] <= unit[0] and unit[1] <= gap[1] else 0.0


def _expected(units: Mapping[int, int], gaps: Mapping[int, int], coders: int, length: int) -> float:
    """What all ways to lay these units and gaps, of so many times each length, over each other would give."""
    if not units:
        return 0.0
    size, many = (np.array(each, np.float64) for each in zip(*sorted(units.items()), strict=True))
    gap = np.array(sorted(gaps), np.int64)
    times = np.array([gaps[each] for each in gap.tolist()], np.float64)
    longer = np.concatenate([np.cumsum((gap * times)[::-1])[::-1], [0.0]])
    number = np.concatenate([np.cumsum(times[::-1])[::-1], [0.0]])
    place = np.searchsorted(gap, size)
    room = longer[place] - number[place] * (size - 1)
    pairs = (many.sum() - 1) * (2 * size**3 - 3 * size**2 + size) / 3
    whole = coders * float(length)
    ways = whole * (whole - 1) - float((many * size * (size - 1)).sum())
    return float(2 / length * (many * (pairs + size**2 * room)).sum() / ways) if ways > 0 else 0.0
