"""A gyroscope and the film of the camera that it is fixed to, compared by how the picture turns."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from inspector.audit.estimators.turns import shifts, turn_fit
from inspector.audit.pair import LONGEST_S, Pair, refused
from inspector.core.times import NS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from inspector.audit.case import Case
    from inspector.core.model import Stream

METHOD = "gyroscope and picture"
GYRO = re.compile(r"gyr|ang(ular)?[ _.]?(vel|rate)|rot(ation)?[ _.]?rate|(^|[._ ])w[xyz]$|omega", re.I)
SURE_R2, SURE_RATIO, SURE_S = 0.8, 1.5, 12.0


def gyro_channels(names: Sequence[str]) -> list[int]:
    """The channels of a sensor that are called as a gyroscope's are; none where there are fewer than two."""
    found = [place for place, name in enumerate(names) if GYRO.search(name)]
    return found[:6] if len(found) >= 2 else []


def rotation_pair(case: Case, film: Stream, sensor: Stream) -> Pair | None:
    """How late a gyroscope is against a film; None where the sensor has none."""
    series = case.series(sensor)
    chosen = [] if series is None else gyro_channels(series.channels)
    if series is None or not chosen:
        return None
    if sensor.clock.nominal:
        return refused(film.id, sensor.id, METHOD, "its times are counted from frames: they prove nothing")
    t_s, shift = picture_shifts(case, film)
    at_s = sensor.timemap.to_reference_array(series.t_ns) / NS
    rates = series.values[:, chosen].astype(np.float64)
    good = np.isfinite(rates).all(axis=1) & (at_s < LONGEST_S)
    found = turn_fit(t_s, shift, at_s[good], rates[good]) if good.sum() > 50 else None
    if found is None:
        return refused(film.id, sensor.id, METHOD, "film and gyroscope have less than 8 s in common")
    if found.why:
        return refused(film.id, sensor.id, METHOD, found.why)
    frame_s = float(np.median(np.diff(t_s)))
    sure = (
        found.r2 >= SURE_R2
        and found.ratio >= SURE_RATIO
        and found.halves_s <= frame_s / 2
        and float(t_s[-1] - t_s[0]) >= SURE_S
    )
    return Pair(
        film.id, sensor.id, METHOD, found.offset_s, None, found.halves_s, 1 - found.p, True, sure,
        floor_s=frame_s / 2, p=found.p, halves_s=found.halves_s,
    )  # fmt: skip


def picture_shifts(case: Case, film: Stream) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Reference times (n,) of a film's frames and their shifts (n, 2) along columns and rows."""

    def make() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        known = case.film(film)
        assert known is not None
        t_s = film.timemap.to_reference_array(known.t_ns) / NS
        inside = t_s < LONGEST_S
        turned = np.stack([shifts(known.sums[inside, axis]) for axis in (0, 1)], axis=1)
        return t_s[inside], turned

    found: tuple[NDArray[np.float64], NDArray[np.float64]] = case.share(f"/shifts/{film.id}", make)
    return found
