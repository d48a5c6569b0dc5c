"""A record on LeRobot's grid: a frame every 1/fps s, a picture of every camera and a row of every sensor.

Films keep their bytes: of a film of that rate a run of frames is named by its first one's time. Their error
is at most half a frame where two cameras do not fire together, which is what the format can tell. Sensors are
sampled at each frame: the sample that lies nearest.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from inspector.core.model import Modality
from inspector.core.times import NS
from inspector.errors import InspectorError
from inspector.media.frames import frame_index
from inspector.media.series import load_series

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from inspector.core.model import Record, Stream

TOLERANCE_NS = 100_000
"""LeRobot's loader refuses a frame that is further from its time (`tolerance_s`, lerobot_dataset.py)."""


class UnfitError(Exception):
    """The record cannot be on the grid; why, in words."""


@dataclass(frozen=True, slots=True)
class Run:
    """The frames of a film that an episode has: the first one's time in the file, and their number."""

    start_s: float
    frames: int


@dataclass(slots=True)
class Grid:
    """`times_ns` (n,) of the frames on the record's timeline, and the run of each film by stream id."""

    times_ns: NDArray[np.int64]
    runs: dict[str, Run] = field(default_factory=dict)
    shortened: bool = False
    """Whether frames were left out, on which not all cameras have a picture."""


def rate_of(cameras: list[Stream], sensors: list[Stream]) -> float:
    """Frames a second of a record: of its first film, of its first sensor where it has none.

    A whole number where that fits every frame within the tolerance. UnfitError where none is known.
    """
    if cameras:
        times = _times(cameras[0])
        if len(times) < 2:
            raise UnfitError(f"{cameras[0].id} has no two frames")
        rate = (len(times) - 1) * NS / float(times[-1] - times[0])
        for each in (float(round(rate)), round(rate * 1.001) / 1.001, rate):
            if each > 0 and _fits(times, each):
                return each
        raise UnfitError(f"the frames of {cameras[0].id} do not come at one rate")
    rates = [each.rate for each in sensors if each.rate]
    if not rates:
        raise UnfitError("it has neither a film nor a sensor of a known rate")
    return float(round(rates[0])) if round(rates[0]) else rates[0]


def _times(stream: Stream) -> NDArray[np.int64]:
    track = stream.source.track
    times = frame_index(stream.source.path, 0 if track is None else track).of(stream.source).start_ns
    if stream.span is None:
        return times
    # A film that was cut may hold frames behind its end, which others before it are decoded from.
    return times[(times >= stream.span[0] - 1000) & (times < stream.span[1] - 1000)]


def _fits(times: NDArray[np.int64], rate: float) -> bool:
    wanted = np.rint(np.arange(len(times)) * (NS / rate))
    return bool((np.abs(times - times[0] - wanted) <= TOLERANCE_NS).all())


def lay_on(record: Record, cameras: list[Stream], rate: float) -> Grid:
    """The frames that all cameras have; without a film those from the record's start to its end.

    UnfitError where a film is of another rate, or drifts against the first one.
    """
    step = NS / rate
    if not cameras:
        start, end = record.span
        count = int((end - start) * rate / NS + 1e-6)
        if not count:
            raise UnfitError("it is shorter than a frame")
        return Grid(start + np.rint(np.arange(count) * step).astype(np.int64))
    listed = [_times(each) for each in cameras]
    for camera, times in zip(cameras, listed, strict=True):
        if not len(times) or not _fits(times, rate):
            raise UnfitError(f"the frames of {camera.id} do not come at {rate:g} a second")
    first = cameras[0].timemap.to_reference_array(listed[0])
    low, high = 0, len(first)
    at = []
    for camera, times in zip(cameras, listed, strict=True):
        local = camera.timemap.to_local_array(first)
        number = np.rint((local - times[0]) / step).astype(np.int64)
        offset = int(number[0])
        if (number != offset + np.arange(len(number))).any():
            raise UnfitError(f"{camera.id} drifts against {cameras[0].id} by a frame and more")
        low, high = max(low, -offset), min(high, len(times) - offset)
        at.append(offset)
    if high <= low:
        raise UnfitError("its films have no moment in common")
    grid = Grid(first[low:high], shortened=any(high - low < len(times) for times in listed))
    for camera, times, offset in zip(cameras, listed, at, strict=True):
        start = int(times[low + offset]) + (camera.source.start_ns or 0)
        grid.runs[camera.id] = Run(start / NS, high - low)
    return grid


def sampled(stream: Stream, times_ns: NDArray[np.int64], width: int) -> NDArray[np.float32]:
    """(n, width) float32: for each time on the timeline the stream's nearest sample.

    NaN before the first and after the last by more than a step, and where the samples cannot be read.
    """
    found = np.full((len(times_ns), width), np.nan, np.float32)
    try:
        series = load_series(stream)
    except InspectorError:
        return found
    if not len(series.t_ns) or series.values.shape[1] != width:
        return found
    local = stream.timemap.to_local_array(times_ns)
    after = np.searchsorted(series.t_ns, local).clip(1, max(len(series.t_ns) - 1, 1))
    before = after - 1
    after = after.clip(0, len(series.t_ns) - 1)
    nearer = np.where(local - series.t_ns[before] <= series.t_ns[after] - local, before, after)
    step = max(series.step_ns, NS // 1000)
    inside = (local >= series.t_ns[0] - step) & (local <= series.t_ns[-1] + step)
    found[inside] = series.values[nearer[inside]]
    return found


def cameras_of(record: Record) -> list[Stream]:
    """The films of a record, the reference first."""
    films = record.of(Modality.VIDEO)
    return sorted(films, key=lambda each: (each.id != record.reference, each.id))


def sensors_of(record: Record) -> list[Stream]:
    """The streams of a record that are tables of numbers."""
    return [each for each in record.streams if each.source.format == "table" and each.channels]
