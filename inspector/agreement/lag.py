"""A constant lag between two people: one who presses the key late marks the same things, all later."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from inspector.agreement.layers import Unit

FARTHEST_NS = 2_000_000_000
"""A lag is looked for up to here (ours): a person's delay, not a wrong start of the clock."""
NEAR_NS = 120_000_000
"""Spans that one lag explains lie so near each other once it is taken away (ours)."""
LEAST_NS = 40_000_000
"""A lag below is not named: one frame at 25 a second."""
LEAST_UNITS = 4
"""Spans that have to agree on it."""
LEAST_SHARE = 0.5
"""And the share of the spans of the one who has fewer."""
STEADY = 4.0
"""A lag is constant where it is so many times the spread of the boundaries about it."""


@dataclass(frozen=True, slots=True)
class Lag:
    """How much later the second person's boundaries lie than the first one's: median and spread, ns.

    `units` of them were found in both; `spread_ns` is 1.4826 · MAD. `constant`: it is worth naming.
    """

    lag_ns: float
    spread_ns: float
    units: int
    constant: bool


def lag_of(a: Mapping[str, Sequence[Unit]], b: Mapping[str, Sequence[Unit]]) -> Lag | None:
    """The lag of the second person's tiers behind the first one's; None where too few spans fit any one.

    Every span of a tier is held against every one of the same label; the lag that most of them share is
    looked for among the differences, then taken as the median over the boundaries of those spans.
    """
    apart: list[float] = []
    pairs: list[tuple[Unit, Unit]] = []
    for tier in sorted(a.keys() & b.keys()):
        labels = {unit.label for unit in a[tier]} & {unit.label for unit in b[tier]}
        others = sorted(b[tier], key=lambda unit: unit.middle)
        middles = [unit.middle for unit in others]
        for one in a[tier]:
            first = bisect_right(middles, one.middle - FARTHEST_NS)
            last = bisect_right(middles, one.middle + FARTHEST_NS)
            for other in others[first:last]:
                if one.label == other.label or not labels:
                    apart.append(other.middle - one.middle)
                    pairs.append((one, other))
    if len(apart) < LEAST_UNITS:
        return None
    lags = np.array(apart)
    ordered = np.sort(lags)
    votes = np.searchsorted(ordered, ordered + NEAR_NS, "right") - np.searchsorted(ordered, ordered - NEAR_NS)
    best = ordered[votes == votes.max()]
    middle = float(best[np.argmin(np.abs(best))])
    middle = float(np.median(ordered[np.abs(ordered - middle) <= NEAR_NS]))
    taken: dict[str, tuple[float, Unit, Unit]] = {}
    held: set[str] = set()
    for place in np.argsort(np.abs(lags - middle)):
        one, other = pairs[place]
        if abs(lags[place] - middle) > NEAR_NS:
            break
        if one.id not in taken and other.id not in held:
            taken[one.id] = (float(lags[place]), one, other)
            held.add(other.id)
    fewer = min(sum(len(each[tier]) for tier in a.keys() & b.keys()) for each in (a, b))
    if len(taken) < max(LEAST_UNITS, LEAST_SHARE * fewer):
        return None
    bounds = np.array(
        [
            difference
            for _, one, other in taken.values()
            for difference in (other.start - one.start, other.end - one.end)
        ],
        np.float64,
    )
    lag = float(np.median(bounds))
    spread = 1.4826 * float(np.median(np.abs(bounds - lag)))
    return Lag(lag, spread, len(taken), abs(lag) >= LEAST_NS and abs(lag) >= STEADY * spread)
