"""How easily chance would do as well: p-values from impostors, and the rate of false discoveries held.

An impostor is a pair that cannot belong together: another record's stream, or, with few of those, the own
stream turned beyond the search range or reversed. p = (1 + number that do as well) / (K + 1), which is never
0 and is valid for every K (Phipson and Smyth 2010); K ≥ 99 so that 0.01 can be reached.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

LEAST = 99
FEW_RECORDS = 40
"""With fewer other records than this a record's own streams are impostors too."""


def p_value(score: float, null: NDArray[np.float64]) -> float:
    """The share of impostors' scores (k,) that reach `score`, the pair itself counted with them.

    ValueError where there are fewer than 99: such a p could not reach 0.01.
    """
    if len(null) < LEAST:
        raise ValueError(f"{len(null)} impostors, {LEAST} are needed")
    return float((1 + (np.asarray(null) >= score).sum()) / (len(null) + 1))


def own_impostors(
    curve: NDArray[np.float64], beyond: int, count: int = LEAST, seed: int = 0
) -> Iterator[NDArray[np.float64]]:
    """`count` impostors of one curve (n,): turned by more than `beyond` places, every second one reversed.

    A curve no longer than twice `beyond` can only be reversed, or be turned back into the search range: it
    gives none.
    """
    room = len(curve) - 2 * beyond
    if room < 2:
        return
    rng = np.random.default_rng(seed)
    for number in range(count):
        turned = np.roll(curve, beyond + int(rng.integers(0, room)))
        yield turned[::-1] if number % 2 else turned


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
