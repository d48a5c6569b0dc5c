"""How easily chance would do as well: p-values from impostors, and the rate of false discoveries held.

An impostor is a pair that cannot belong together: another record's stream, or, with few of those, the own
stream turned beyond the search range or reversed. p = (1 + number that do as well) / (K + 1), which is never
0 and is valid for every K (Phipson and Smyth 2010); K ≥ 99 so that 0.01 can be reached.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEAST = 99


def p_value(score: float, null: NDArray[np.float64]) -> float:
    """The share of impostors' scores (k,) that reach `score`, the pair itself counted with them.

    ValueError where there are fewer than 99: such a p could not reach 0.01.
    """
    if len(null) < LEAST:
        raise ValueError(f"{len(null)} impostors, {LEAST} are needed")
    return float((1 + (np.asarray(null) >= score).sum()) / (len(null) + 1))


def discoveries(p: NDArray[np.float64], rate: float = 0.05) -> NDArray[np.bool_]:
    """Which of the p-values (n,) may be believed with at most `rate` of them false (Benjamini and
    Hochberg 1995)."""
    p = np.asarray(p, np.float64)
    if not len(p):
        return np.zeros(0, bool)
    order = np.argsort(p, kind="stable")
    under = p[order] <= rate * np.arange(1, len(p) + 1) / len(p)
    found = np.zeros(len(p), bool)
    if under.any():
        found[order[: int(np.flatnonzero(under)[-1]) + 1]] = True
    return found
