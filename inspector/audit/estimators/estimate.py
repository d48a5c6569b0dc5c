"""What an estimator says of two streams: how late one is, how fast its clock runs, whether that is sure."""

from __future__ import annotations

from dataclasses import dataclass

from inspector.core.findings import Status


@dataclass(frozen=True, slots=True)
class Estimate:
    """How late the second stream is against the first, positive being late.

    `offset_ns` holds at the first stream's time 0, and `drift_ppm` is how much faster the second's clock
    runs. `residual_ms` is the spread of the `windows` that were measured about that line, `split_half_ms` by
    how much its two halves disagree, `peak_ratio` the best fit over the best elsewhere, `impostor_p` the
    share of impostors that fit as well (None: not asked). Where `status` is `not_measurable` the figures
    prove nothing and `reason` says why; `suspect` may be shown, never mended by itself.
    """

    offset_ns: int = 0
    drift_ppm: float = 0.0
    residual_ms: float = 0.0
    peak_ratio: float = 0.0
    split_half_ms: float = 0.0
    windows: int = 0
    impostor_p: float | None = None
    status: Status = Status.OK
    reason: str = ""


def refused(
    reason: str, peak_ratio: float = 0.0, windows: int = 0, impostor_p: float | None = None
) -> Estimate:
    """An estimate that says only that there is none, and why."""
    return Estimate(
        peak_ratio=peak_ratio,
        windows=windows,
        impostor_p=impostor_p,
        status=Status.NOT_MEASURABLE,
        reason=reason,
    )
