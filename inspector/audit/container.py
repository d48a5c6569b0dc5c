"""Checks of what containers say: when tracks begin, what codecs put before a sound, how many frames."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inspector.audit.case import outside
from inspector.audit.checks import Stage, check
from inspector.core.findings import Status
from inspector.core.model import Modality

if TYPE_CHECKING:
    from collections.abc import Iterator

    from inspector.audit.case import Case
    from inspector.core.findings import Finding

start = check(
    "timing.container_start",
    "The sound and the picture of one file do not begin together",
    """The first stamp of the sound less that of the picture, within one container, edit lists honoured.
    Positive: the sound begins later. Tolerance −40 to +60 ms (EBU R37 in our sign). Only suspect: it may
    have been recorded so, and then the stamps are right; a lost edit list (46 ms with AAC in MP4) and a
    player that starts both at once look the same. What is heard against what is seen, timing.av_offset
    measures.""",
    "ms",
    (-40.0, 60.0),
)
priming = check(
    "timing.priming",
    "A sound begins with what its codec put before it",
    """Raw AAC (ADTS) has no place to say how many samples its encoder put before the sound: 1,024 with
    most, 2,112 with Apple's older ones. Nothing takes them off, so the sound is late by as much. `value` is
    the least of that; tolerance 5 ms (ours). MP3, Matroska and MP4 say it, and are put right. Only suspect:
    which encoder it was, the file does not say.""",
    "ms",
    (-5.0, 5.0),
)
counted = check(
    "coverage.frame_count",
    "A film has another number of frames than its table has rows",
    """Where a table has one row a frame and no clock of its own (LeRobot), row n is frame n: one that is
    missing shifts all that follows. Decoded frames and rows have to be equal (Xense: 1,806 of 1,810 files
    are). `value` is rows less frames.""",
    "frames",
    (0.0, 0.0),
)

PRIMING = 1024
"""Samples that an AAC encoder puts before the sound, at least (ISO 14496-3, one frame of overlap)."""


@start.at(Stage.RECORD)
def _start(case: Case) -> Iterator[Finding]:
    films = {stream.clock.id: stream for stream in reversed(case.record.of(Modality.VIDEO))}
    limits = case.facts.limits("timing.container_start")
    for track in case.record.of(Modality.AUDIO):
        film = films.get(track.clock.id)
        if film is None or film.span is None or track.span is None or track.clock.kind != "container":
            continue
        gap = (track.span[0] - film.span[0]) / 1e6
        off = outside(gap, limits)
        yield case.finding(
            "timing.container_start",
            streams=(track.id, film.id),
            value=gap,
            status=Status.SUSPECT if off else Status.OK,
            severity=0.45 if off else 0.0,
            message=f"the sound begins {abs(gap):.1f} ms {'after' if gap >= 0 else 'before'} the picture",
        )


@priming.at(Stage.RECORD)
def _priming(case: Case) -> Iterator[Finding]:
    for track in case.record.of(Modality.AUDIO):
        if track.meta.get("container") != "aac" or not track.rate:
            continue
        late = PRIMING / track.rate * 1000
        off = outside(late, case.facts.limits("timing.priming"))
        yield case.finding(
            "timing.priming",
            streams=(track.id,),
            value=late,
            status=Status.SUSPECT if off else Status.OK,
            severity=0.4 if off else 0.0,
            message=f"raw AAC: {PRIMING} samples or more before the sound, which is {late:.1f} ms late",
        )


@counted.at(Stage.DECODE)
def _counted(case: Case) -> Iterator[Finding]:
    rows = {
        stream.id: int(stream.meta["rows"])
        for stream in case.record.of(Modality.SENSOR)
        if stream.clock.nominal and stream.meta.get("rows")
    }
    if not rows:
        return
    name, number = max(rows.items(), key=lambda each: each[1])
    for stream in case.record.of(Modality.VIDEO):
        film = case.film(stream)
        if film is None or not stream.clock.nominal:
            continue
        frames = len(film.t_ns)
        yield case.judged(
            "coverage.frame_count",
            float(number - frames),
            f"{frames} frames, {number} rows of {name}",
            streams=(stream.id, name),
        )
