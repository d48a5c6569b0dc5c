"""Records that lie in memory with faults of known size, and what the checks make of them.

A case is what the audit's runner gives to a check: the same functions run on it, gates and fixes and all.
Only the decoder's place is taken: sounds, films, cues and samples come with the fault already in their PCM,
stamps or times.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from bench.accuracy.material import RATE

from inspector.audit.case import Case, Facts, outside
from inspector.audit.checks import Stage, checks
from inspector.audit.material import Sound
from inspector.core.findings import Finding, Status
from inspector.core.model import Clock, Cue, Modality, Record, Source, Stream
from inspector.core.times import NS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from inspector.audit.material import Film
    from inspector.core.timemap import TimeMap
    from inspector.media.series import Series

Belongs = Callable[["NDArray[np.float64]"], "NDArray[np.float64]"]
"""Where a stream's local times (s) truly lie on the reference timeline (s)."""

OFFSETS = {
    Modality.AUDIO: "timing.av_offset",
    Modality.VIDEO: "timing.camera_offset",
    Modality.TEXT: "transcript.offset",
    Modality.SENSOR: "sensor.offset",
}
DRIFTS = ("timing.drift", "sensor.drift")
MEASURING = (
    "timing.av_offset", "timing.camera_offset", "timing.drift", "timing.jump", "timing.sample_rate",
    "timing.closure", "timing.frames", "transcript.offset", "transcript.rate", "sensor.offset",
    "sensor.drift", "sensor.gaps", "sensor.reset", "content.frozen", "content.black",
)  # fmt: skip
FACTS = Facts(Path("/nowhere"), pa.table({"record_id": ["x"], "modalities": [["audio"]]}))


@dataclass(frozen=True)
class Part:
    """One stream of a virtual record, and where its times truly lie."""

    name: str
    modality: Modality
    length_s: float
    film: Film | None = None
    pcm: NDArray[np.float32] | None = None
    cues: tuple[Cue, ...] = ()
    series: Series | None = None
    stamps: NDArray[np.int64] | None = None
    belongs: Belongs | None = None
    """None: where it says."""
    unsafe: tuple[float, ...] = ()
    """Local times at which it was cut; the second around each is not judged."""


@dataclass(frozen=True)
class Trial:
    """A record with a fault: by check the stream that has it and the true value; empty where all is well."""

    row: str
    case: Case
    parts: tuple[Part, ...]
    truth: Mapping[str, tuple[str, float]] = field(default_factory=dict)
    near: Mapping[str, float] = field(default_factory=dict)
    """What a found value may be off, where it is not half the width of the tolerance."""
    excused: frozenset[str] = frozenset()
    """Checks that may fail as well, since what they measure is truly off."""


@dataclass(frozen=True)
class Told:
    """What one check made of one trial. `error` in the check's unit, None where it gave no figure."""

    row: str
    check: str
    outcome: str
    """found, missed, refused, sign, wrong, alarm, quiet."""
    error: float | None = None
    confidence: float | None = None
    right: bool = True
    fixes: int = 0
    wrong_fixes: int = 0
    message: str = ""


def sound_of(pcm: NDArray[np.float32]) -> Sound:
    """A sound (n,) as the decoder keeps it."""
    top = float(np.abs(pcm).max(initial=0.0))
    scaled = np.rint(pcm / max(1.0, top) * 32767).astype(np.int16)
    end = np.array([round(len(pcm) * NS / RATE)], np.int64)
    return Sound(scaled, np.zeros((0, 2), np.int64), np.array([min(top, 1.0)], np.float32), end)


def case_of(parts: Sequence[Part], reference: str, name: str = "virtual") -> Case:
    """The record of these parts before the checks."""
    streams: list[Stream] = []
    known: dict[str, Any] = {}
    formats = {Modality.SENSOR: "table", Modality.TEXT: "cues"}
    for part in parts:
        source = Source(Path(f"/nowhere/{part.name}"), formats.get(part.modality, "av"), 0)
        rate = None if part.film is None else NS / float(np.median(np.diff(part.film.t_ns)))
        clock = Clock(part.name, "relative" if part.modality is Modality.SENSOR else "container")
        span = (0, round(part.length_s * NS))
        streams.append(Stream(part.name, part.modality, source, clock, span, rate=rate))
        if part.film is not None:
            known[part.name] = part.film
        elif part.pcm is not None:
            known[part.name] = sound_of(part.pcm)
        elif part.series is not None:
            known[part.name] = part.series
            stamps = part.series.t_ns if part.stamps is None else part.stamps
            known[f"/stamps/{part.name}"] = stamps
        else:
            known[part.name] = part.cues
    record = Record(name, tuple(streams), reference=reference)

    def nothing(stream: Stream) -> Film | Sound:
        raise AssertionError(stream.id)

    def no_cues(stream: Stream) -> tuple[Cue, ...]:
        raise AssertionError(stream.id)

    return Case(record, FACTS, nothing, no_cues, _known=known)


def judged(trial: Trial, names: Sequence[str] = MEASURING) -> list[Told]:
    """What each check made of a trial, and whether its fixes are right."""
    told = []
    for name in names:
        found = list(checks.get(name).stages[Stage.DECODE](trial.case))
        told.append(_one(trial, name, found))
    return told


def _one(trial: Trial, name: str, found: list[Finding]) -> Told:
    truth = trial.truth.get(name)
    fixes = [each for each in found if each.fix is not None]
    wrong = [each for each in fixes if not right_fix(trial, each)]
    base: dict[str, Any] = {"fixes": len(fixes), "wrong_fixes": len(wrong)}
    failed = [each for each in found if each.status is Status.FAILED]
    limits = FACTS.limits(name)
    mine = None
    if truth is not None:
        mine = next((each for each in found if each.streams[:1] == (truth[0],)), None)
    strangers = [each for each in failed if each is not mine and name not in trial.excused]
    text = "; ".join(each.message for each in wrong or strangers or ([mine] if mine else []))
    if truth is None or not outside(truth[1], limits):
        if truth is not None and mine is not None and mine.value is not None:
            measured = mine.status in (Status.OK, Status.FAILED)
            error = mine.value - truth[1] if measured else None
            near = _near(trial, name)
            right = error is None or abs(error) <= near
            bad = mine.status is Status.FAILED and name not in trial.excused
            outcome = "alarm" if bad or strangers else "quiet"
            return Told(trial.row, name, outcome, error, mine.confidence, right, **base, message=text)
        return Told(trial.row, name, "alarm" if strangers else "quiet", **base, message=text)
    if mine is None or mine.status in (Status.NOT_MEASURABLE, Status.SUSPECT):
        outcome = "alarm" if strangers else "refused"
        return Told(trial.row, name, outcome, **base, message=text)
    error = None if mine.value is None else mine.value - truth[1]
    right = error is not None and abs(error) <= _near(trial, name)
    if mine.value is not None and mine.value * truth[1] < 0 and mine.status is Status.FAILED:
        outcome = "sign"
    elif mine.status is Status.OK:
        outcome = "missed"
    else:
        outcome = "found" if right else "wrong"
    return Told(trial.row, name, outcome, error, mine.confidence, right, **base, message=text)


def _near(trial: Trial, name: str) -> float:
    low, high = FACTS.limits(name)
    if name in trial.near:
        return trial.near[name]
    if low is not None and high is not None:
        return (high - low) / 2
    return abs(high if high is not None else low or 0.0)


def right_fix(trial: Trial, finding: Finding) -> bool:
    """Whether a fix puts each stream that it moves where it belongs: what is left of its lateness is within
    the tolerance of its kind everywhere, and of a fix of a drift what is left of that."""
    from inspector.core.proposal import along

    fix, record = finding.fix, trial.case.record
    if fix is None or fix.stream is None or fix.timemap is None:
        return True
    moved = record.stream(fix.stream)
    maps: list[tuple[Stream, TimeMap]] = [(moved, fix.timemap)]
    for name in fix.moves:
        follower = record.stream(name)
        maps.append((follower, along(moved, fix.timemap, follower)))
    parts = {part.name: part for part in trial.parts}
    for stream, timemap in maps:
        part = parts[stream.id]
        at = np.linspace(0.0, part.length_s, 200)
        for cut in part.unsafe:
            at = at[np.abs(at - cut) > 1.0]
        true = at if part.belongs is None else part.belongs(at)
        inside = (true >= 0) & np.isfinite(true)
        if inside.sum() < 2:
            continue
        at, true = at[inside], true[inside]
        left = timemap.to_reference_array(np.rint(at * NS).astype(np.int64)) / NS - true
        limits = FACTS.limits(OFFSETS[stream.modality])
        if outside(float(left.max()) * 1000, limits) or outside(float(left.min()) * 1000, limits):
            return False
        if finding.check in DRIFTS and not part.unsafe:
            slope = float(np.polyfit(true, left, 1)[0]) * 1e6
            if outside(slope, FACTS.limits(finding.check)):
                return False
    return True
