"""How late one curve is against another: correlation over lags, and over rates where the stretch is long.

Curves are sampled on one grid. The correlation at a lag is Pearson's over what overlaps, so that neither the
ends nor a constant decide. Sources: ffsubsync's raster of speech, alignment.md 2 and 4.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from inspector.audit.estimators.correlate import parabola

if TYPE_CHECKING:
    from numpy.typing import NDArray

IMPOSTORS = 99


@dataclass(frozen=True, slots=True)
class Peak:
    """Where curve b fits curve a best: b is `offset_s` late. `r` is the correlation there, `ratio` over the
    best outside `exclude_s`; `p` the share of impostors that do as well; `halves_s` how far halves
    disagree."""

    offset_s: float
    drift_ppm: float
    r: float
    ratio: float
    p: float
    halves_s: float


def correlation(a: NDArray[np.float64], b: NDArray[np.float64], most: int) -> NDArray[np.float64]:
    """Pearson's r of a[t] with b[t + lag] for lags −most … most, over what overlaps (at least half of a)."""
    n, m = len(a), len(b)
    size = 1 << int(np.ceil(np.log2(n + m + 2 * most + 1)))

    def spectrum(x: NDArray[np.float64]) -> NDArray[np.complex128]:
        return np.fft.rfft(x, size)

    one_a, one_b = spectrum(np.ones(n)), spectrum(np.ones(m))
    fa, fb = spectrum(a), spectrum(b)
    lags = np.arange(-most, most + 1)

    def over(x: NDArray[np.complex128], y: NDArray[np.complex128]) -> NDArray[np.float64]:
        whole = np.fft.irfft(np.conj(x) * y, size)
        got: NDArray[np.float64] = whole[lags % size]
        return got

    count = np.rint(over(one_a, one_b))
    sa, sb = over(fa, one_b), over(one_a, fb)
    saa, sbb = over(spectrum(a * a), one_b), over(one_a, spectrum(b * b))
    sab = over(fa, fb)
    with np.errstate(divide="ignore", invalid="ignore"):
        top = sab - sa * sb / count
        bottom = np.sqrt(np.maximum(saa - sa * sa / count, 0) * np.maximum(sbb - sb * sb / count, 0))
        r = np.where((count >= 0.5 * min(n, m)) & (bottom > 1e-9), top / np.maximum(bottom, 1e-12), -1.0)
    return np.asarray(r)


def fit(
    a: NDArray[np.float64],
    b: NDArray[np.float64],
    step_s: float,
    search_s: float,
    exclude_s: float,
    drifts_ppm: NDArray[np.float64] | None = None,
    seed: int = 0,
) -> Peak | None:
    """How late curve b is against a; over `drifts_ppm` too where given. None where one of them is flat.

    Impostors are b turned round by random amounts beyond the exclusion zone, reversed every second time.
    """
    if len(a) < 20 or len(b) < 20 or float(a.std()) < 1e-9 or float(b.std()) < 1e-9:
        return None
    most = min(round(search_s / step_s), len(a) // 2)
    best = _over_drifts(a, b, most, drifts_ppm)
    curve, drift = best
    top = int(np.argmax(curve))
    offset = (top - most + parabola(curve, top)) * step_s
    away = np.abs(np.arange(len(curve)) - top) * step_s > exclude_s
    second = float(curve[away].max(initial=0.0))
    rng = np.random.default_rng(seed)
    beaten = 0
    room = max(2, len(b) - 2 * round(exclude_s / step_s))
    for number in range(IMPOSTORS):
        turned = np.roll(b, round(exclude_s / step_s) + int(rng.integers(0, room)))
        other = turned[::-1] if number % 2 else turned
        # The turned curve is looked at where it is: a search would undo the turning.
        beaten += float(_at(a, other, round(0.2 / step_s)).max()) >= float(curve[top])
    halves = _halves(a, b, step_s, most, top - most, drift)
    return Peak(
        offset, drift, float(curve[top]), float(curve[top]) / max(second, 1e-9),
        (1 + beaten) / (IMPOSTORS + 1), halves,
    )  # fmt: skip


def _at(a: NDArray[np.float64], b: NDArray[np.float64], most: int) -> NDArray[np.float64]:
    """`correlation` for few lags, each by the product of what overlaps: no transform of the whole."""
    n, m = len(a), len(b)
    most = max(most, 1)
    sums = [np.concatenate([[0.0], np.cumsum(x)]) for x in (a, a * a, b, b * b)]
    r = np.full(2 * most + 1, -1.0)
    for place, lag in enumerate(range(-most, most + 1)):
        first, past = max(0, -lag), min(n, m - lag)
        count = past - first
        if count < 0.5 * min(n, m) or count < 1:
            continue
        sa, saa = (float(x[past] - x[first]) for x in sums[:2])
        sb, sbb = (float(x[past + lag] - x[first + lag]) for x in sums[2:])
        top = float(a[first:past] @ b[first + lag : past + lag]) - sa * sb / count
        bottom = np.sqrt(max(saa - sa * sa / count, 0.0) * max(sbb - sb * sb / count, 0.0))
        r[place] = top / bottom if bottom > 1e-9 else -1.0
    return r


def _over_drifts(
    a: NDArray[np.float64], b: NDArray[np.float64], most: int, drifts: NDArray[np.float64] | None
) -> tuple[NDArray[np.float64], float]:
    best, chosen = correlation(a, b, most), 0.0
    for drift in drifts if drifts is not None else ():
        curve = correlation(a, stretched(b, float(drift)), most)
        if curve.max() > best.max() + 1e-6:
            best, chosen = curve, float(drift)
    return best, chosen


def stretched(b: NDArray[np.float64], drift_ppm: float) -> NDArray[np.float64]:
    """b as it would be on a clock that runs right, its own being `drift_ppm` fast."""
    place = np.arange(len(b)) * (1 + drift_ppm * 1e-6)
    out: NDArray[np.float64] = np.interp(place, np.arange(len(b)), b)
    return out


def _halves(
    a: NDArray[np.float64], b: NDArray[np.float64], step_s: float, most: int, lag: int, drift: float
) -> float:
    """How far the two halves of a disagree about the lag, s, each looked for around the whole's."""
    b = stretched(b, drift)
    found = []
    reach = min(most, round(1.0 / step_s))
    # b moved to where the whole fits, with room for the reach on either side; nothing beyond its ends.
    moved = np.zeros(len(a) + 2 * reach)
    first = lag - reach
    low, high = max(first, 0), min(first + len(moved), len(b))
    if high <= low:
        return float("inf")
    moved[low - first : high - first] = b[low:high]
    for part in (slice(0, len(a) // 2), slice(len(a) // 2, len(a))):
        piece = a[part] - a[part].mean()
        scores = np.correlate(moved[part.start : part.stop + 2 * reach], piece, "valid")
        found.append((int(np.argmax(scores)) - reach) * step_s)
    return abs(found[0] - found[1])
