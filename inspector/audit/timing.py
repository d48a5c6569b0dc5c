"""Checks of when: offsets, drifts and jumps between cameras, sounds and sensors, and frames within a film."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from inspector.audit.alignment import solved
from inspector.audit.case import outside
from inspector.audit.checks import Stage, check
from inspector.audit.estimators.frames import frame_stamps
from inspector.audit.fixes import evidence
from inspector.audit.pair import CONTAINER, corrected, in_pieces
from inspector.audit.sound_pairs import GCC, STRETCHED, behind
from inspector.core.findings import Fix, Status
from inspector.core.model import Modality
from inspector.core.times import NS, clock_text
from inspector.errors import InspectorError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from inspector.audit.case import Case
    from inspector.audit.pair import Pair, Solved
    from inspector.core.findings import Finding
    from inspector.core.model import Stream

NAMED = 2
"""So many of the streams that one was tried with are named."""

av_offset = check(
    "timing.av_offset",
    "A sound is early or late against the picture",
    """Flashes in the film are paired with sudden sounds; another sound is compared by GCC-PHAT. Half a
    frame is the floor. All pairs of the record are solved together, and the stream that moved is named
    with what follows it. Positive: the sound is late. Tolerance −40 to +60 ms (EBU R37 in our sign;
    detectable are −45 and +125, ITU-R BT.1359). Without flashes or a second sound it is not
    measurable.""",
    "ms",
    (-40.0, 60.0),
    version=2,
)
camera_offset = check(
    "timing.camera_offset",
    "A camera is early or late against the reference",
    """The same flashes are looked for in both films. Positive: this camera is late. Tolerance 40 ms (EBU
    R37). What happens in front of two cameras without flashes is not measured.""",
    "ms",
    (-40.0, 40.0),
    version=2,
)
drift = check(
    "timing.drift",
    "A recorder's clock runs fast or slow",
    """Two sounds are compared in windows of 6 s, and a line is fitted by the median of slopes (Theil and
    Sen). Tolerance 20 ppm (a plain crystal). Positive: this sound's clock is fast.""",
    "ppm",
    (-20.0, 20.0),
    version=2,
)
jumps = check(
    "timing.jump",
    "A piece is missing from within a sound",
    """Windows of 6 s against another sound are equally late up to a place and otherwise late after it.
    Tolerance 20 ms (ours); the place is good to half a second where something is heard there, and without a
    fix where it is told to no better than a second. The fix moves each piece by its own.""",
    "ms",
    (-20.0, 20.0),
    version=3,
)
sample_rate = check(
    "timing.sample_rate",
    "A sound plays at a rate that it was not recorded at",
    """Where two sounds have nothing in common as they are, the second is tried at the ratios of 32, 44.1, 48
    and 96 kHz (a wrong label). `value` is by how much it is too long. Tolerance 0.1 % (ours). The right ratio
    makes the correlation's peak stand out a hundred times; the fix scales and moves the sound.""",
    "%",
    (-0.1, 0.1),
)
closure = check(
    "timing.closure",
    "Measured pairs contradict each other",
    """Where streams are compared around a circle, the offsets add up to nothing. What is left over is the
    closure error; the pair that carries most of it is named. Tolerance 5 ms or half a frame (ours).""",
    "ms",
    (-25.0, 25.0),
    version=2,
)
frames = check(
    "timing.frames",
    "Frames are missing from a film",
    """Gaps between presentation stamps of a whole number of frames, two or more, in a film that is otherwise
    steady (1.5 frames is the bound, ours). A film whose gaps vary throughout has a variable frame rate, which
    is no fault. `value` is the number of frames that are wanting.""",
    "frames",
    (None, 0.0),
    version=2,
)


PLACE_S = 1.0
"""A cut whose place is told no better is not mended by itself."""


def moved(case: Case, name: str, stream: Stream, found: Solved, late_s: float, pair: Pair) -> Finding:
    """The finding that a stream is so late by itself, with what follows from it and, if sure, the fix."""
    limits = case.facts.limits(name)
    value = late_s * 1000
    followers = _followers(case, stream, found)
    drift_ppm = _drift(pair)
    new = corrected(stream, late_s, drift_ppm)
    fix = Fix(stream.id, new, new.late_ns, new.drift_ppm, None, followers, pair.method) if pair.sure else None
    against = pair.a if pair.b == stream.id else pair.b
    word = "late" if value > 0 else "early"
    message = f"{stream.id} against {against}, {pair.method}: {abs(value):.0f} ms {word}"
    if drift_ppm:
        message += f" at the start, its clock {drift_ppm:+.0f} ppm"
    if followers and outside(value, limits):
        message += f"; {', '.join(followers)} follows it and is as {word}"
    message += _proof(case, stream, pair)
    if fix is None and outside(value, limits):
        message += "; not certain enough to be mended by itself"
    told = case.judged(name, value, message, streams=(stream.id,), confidence=pair.confidence, fix=fix)
    return told if pair.sure else unsure(told)


def unsure(told: Finding) -> Finding:
    """What is not certain enough for a fix is not certain enough to be called a fault either."""
    if told.status is not Status.FAILED:
        return told
    return replace(told, status=Status.SUSPECT, severity=told.severity / 2)


def _proof(case: Case, stream: Stream, pair: Pair) -> str:
    """Where the stream stands by an accepted fix: what that took off, and whether this measures it anew."""
    accepted = evidence(stream)
    if accepted is None:
        return ""
    method, late, drift_ppm = accepted
    other = _by_another(solved(case), stream.id, method, case.record.reference)
    if other is None and method == pair.method == GCC:
        other = behind(case, case.record.stream(pair.a), case.record.stream(pair.b))
    case.note("evidence", stream.id, "same" if other is None else "another", late)
    before = f"; before its fix it was {abs(late):.0f} ms {'late' if late > 0 else 'early'}"
    if abs(drift_ppm) >= 0.5:
        case.note("drift before", stream.id, "same" if other is None else "another", drift_ppm)
        before += f" at the start, its clock {drift_ppm:+.0f} ppm"
    if other is None:
        return f"{before} (same evidence: the fix was measured so too)"
    case.note("after", stream.id, other.method, other.offset_s * 1000)
    if other is pair:
        return f"{before} (the fix was measured by {method})"
    against = other.a if other.b == stream.id else other.b
    return (
        f"{before} (the fix was measured by {method}; {other.method} against {against}, which it did not "
        f"use, leaves {abs(other.offset_s) * 1000:.0f} ms)"
    )


def _by_another(found: Solved, name: str, method: str, reference: str | None) -> Pair | None:
    """A pair of this stream by a method that its fix did not use, with one not measured through it."""
    for pair in found.pairs:
        if not pair.good or name not in (pair.a, pair.b) or pair.method == CONTAINER:
            continue
        against = pair.a if pair.b == name else pair.b
        through = found.through.get(against)
        apart = against == reference or (through is not None and name not in (through.a, through.b))
        if apart and not pair.method.startswith(method):
            return pair
    return None


def _followers(case: Case, stream: Stream, found: Solved) -> tuple[str, ...]:
    """The transcripts of a sound, and what lies in one container with it and is measured by it."""
    names = []
    for each in case.record.streams:
        through = found.through.get(each.id)
        if through is None or each.id not in found.late_s or each.id == stream.id:
            continue
        told = stream.modality is Modality.AUDIO and each.modality is Modality.TEXT
        beside = stream.id in (through.a, through.b) and through is not found.through.get(stream.id)
        if beside and (told or through.method == CONTAINER):
            names.append(each.id)
    return tuple(names)


def _drift(pair: Pair) -> float:
    if pair.drift_ppm is None or abs(pair.drift_ppm) <= max(20.0, pair.drift_error_ppm):
        return 0.0
    return pair.drift_ppm


@camera_offset.at(Stage.DECODE)
def _cameras(case: Case) -> Iterator[Finding]:
    yield from _offsets(case, "timing.camera_offset", Modality.VIDEO)


def _offsets(case: Case, name: str, modality: Modality) -> Iterator[Finding]:
    found = solved(case)
    record = case.record
    if found.reference_moved_s and record.reference is not None:
        reference = record.stream(record.reference)
        if reference.modality is modality:
            best = max(found.through.values(), key=lambda each: each.confidence)
            yield moved(case, name, reference, found, found.reference_moved_s, best)
        return
    for stream in record.of(modality):
        if stream.id == record.reference or stream.id in case.broken:
            continue
        own, pair = found.own_s(stream.id), found.through.get(stream.id)
        if own is None or pair is None:
            tried = [each for each in found.pairs if stream.id in (each.a, each.b) and not each.good]
            if record.reference is not None and (tried or record.of(Modality.VIDEO)):
                why = _why(tried, stream.id)
                yield case.unmeasurable(name, why or "there is nothing to compare it with", (stream.id,))
            continue
        if pair.method == CONTAINER:
            if case.record.reference in (pair.a, pair.b):
                tried = [each for each in found.pairs if stream.id in (each.a, each.b) and not each.good]
                why = _why(tried, stream.id)
                told = f"only the stamps of its container tell, which prove nothing; {why}"
                yield case.unmeasurable(name, told, (stream.id,))
            continue  # else it goes with the stream that it lies beside, and is told there
        if pair.b == stream.id and (len(pair.pieces) > 1 or pair.method == STRETCHED):
            continue  # one cause, one finding: timing.jump or timing.sample_rate tells it
        yield moved(case, name, stream, found, own, pair)


def _why(tried: Sequence[Pair], stream_id: str) -> str:
    """Why none of a stream's pairs could be measured: each kind of reason once, with whom it was tried.

    Reasons of one kind differ in their figures alone; the last in order stands for them.
    """
    kinds: dict[str, dict[str, str]] = {}
    for each in tried:
        if each.why:
            reason = f"{each.method}: {each.why.replace(each.a, '').replace(each.b, '')}"
            other = each.a if each.b == stream_id else each.b
            kinds.setdefault(_FIGURES.sub("", reason), {})[other] = f"{each.method}: {each.why}"
    parts = []
    for reasons in kinds.values():
        reason, names = max(reasons.values()), list(reasons)
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        told = "" if all(name in reason for name in names) else f" (with {', '.join(names[:NAMED])}{more})"
        parts.append(f"{reason}{told}")
    return "; ".join(parts)


_FIGURES = re.compile(r"[\d.,]+")


@drift.at(Stage.DECODE)
def _drifts(case: Case) -> Iterator[Finding]:
    for pair in solved(case).pairs:
        if pair.method != GCC or not pair.good or pair.drift_ppm is None or len(pair.pieces) > 1:
            continue  # a line through the pieces of a cut is no drift: timing.jump tells it
        limits = case.facts.limits("timing.drift")
        stream = case.record.stream(pair.b)
        if pair.drift_error_ppm > (limits[1] or 20.0) and not outside(pair.drift_ppm, limits):
            why = f"good to {pair.drift_error_ppm:.0f} ppm only in so short a stretch"
            yield case.unmeasurable("timing.drift", why, (pair.b,))
            continue
        new = corrected(stream, pair.offset_s, pair.drift_ppm)
        told = f"{pair.b} against {pair.a}, {pair.method}: its clock runs {pair.drift_ppm:+.0f} ppm"
        fix = Fix(stream.id, new, new.late_ns, new.drift_ppm, method=pair.method) if pair.sure else None
        judged = case.judged(
            "timing.drift", pair.drift_ppm, told, streams=(pair.b,), confidence=pair.confidence, fix=fix
        )
        yield judged if pair.sure else unsure(judged)


@sample_rate.at(Stage.DECODE)
def _rates(case: Case) -> Iterator[Finding]:
    found = solved(case)
    for pair in found.pairs:
        if pair.method != STRETCHED or pair.drift_ppm is None:
            continue
        stream = case.record.stream(pair.b)
        new = corrected(stream, pair.offset_s, pair.drift_ppm)
        percent = pair.drift_ppm / 1e4
        yield case.judged(
            "timing.sample_rate",
            percent,
            f"{pair.b} against {pair.a}, {pair.method}: it plays {abs(percent):.4g} % too "
            f"{'long' if percent > 0 else 'short'}, {pair.offset_s * 1000:+.0f} ms late at the start",
            streams=(pair.b,),
            confidence=pair.confidence,
            fix=Fix(stream.id, new, new.late_ns, new.drift_ppm, None, _followers(case, stream, found), GCC)
            if pair.sure
            else None,
        )


@jumps.at(Stage.DECODE)
def _jumps(case: Case) -> Iterator[Finding]:
    for pair in solved(case).pairs:
        if pair.method != GCC or not pair.good or len(pair.pieces) < 2:
            continue
        sizes = [after.offset_s - before.offset_s for before, after in itertools.pairwise(pair.pieces)]
        biggest = max(range(len(sizes)), key=lambda each: abs(sizes[each]))
        size, at = sizes[biggest], pair.pieces[biggest].end_s
        what = "is missing there" if size < 0 else "was put in there"
        told = f"{pair.b} against {pair.a}: {abs(size) * 1000:.0f} ms {what}, at about {at:.1f} s"
        if len(sizes) > 1:
            told += f", the largest of {len(sizes)} steps"
        late = pair.offset_s * 1000
        if outside(late, case.facts.limits("timing.av_offset")):
            told += f"; before the first it is {abs(late):.0f} ms {'late' if late > 0 else 'early'}"
        yield case.judged(
            "timing.jump",
            size * 1000,
            told,
            streams=(pair.b,),
            span=(round((at - 0.5) * NS), round((at + 0.5) * NS)),
            confidence=pair.confidence,
            fix=_mended(case, pair),
        )


def _mended(case: Case, pair: Pair) -> Fix | None:
    """The map in pieces, where each is told by three windows or more, and each cut to a second: in a pause
    nothing tells where it lies, and what is heard after it would be moved by the wrong piece."""
    if min(piece.windows for piece in pair.pieces) < 3:
        return None
    if max(piece.loose_s for piece in pair.pieces) > PLACE_S:
        return None
    stream = case.record.stream(pair.b)
    try:
        new = in_pieces(stream, pair.pieces)
    except InspectorError:
        return None  # it was moved to another slope already: jumps cannot be put into that by themselves
    return Fix(stream.id, new, new.late_ns, new.drift_ppm, method=pair.method)


@closure.at(Stage.DECODE)
def _closure(case: Case) -> Iterator[Finding]:
    found = solved(case)
    if len(found.closure_s) < max(len(found.late_s), 1):  # no circle: nothing can contradict
        return
    (a, b), worst = max(found.closure_s.items(), key=lambda each: abs(each[1]))
    told = f"{a} and {b} are {abs(worst) * 1000:.0f} ms off what the other pairs of the record say"
    if any((pair.a, pair.b) == (a, b) for pair in found.wrong):
        told += ", which agree without it: it is left out"
    yield case.judged("timing.closure", worst * 1000, told, streams=(b, a))


@frames.at(Stage.DECODE)
def _frames(case: Case) -> Iterator[Finding]:
    for stream in case.record.of(Modality.VIDEO):
        film = case.film(stream)
        found = None if film is None else frame_stamps(film.t_ns)
        if film is None or found is None:
            continue
        gaps = np.diff(film.t_ns)
        if found.variable:
            told = f"variable frame rate: gaps of {gaps.min() / 1e6:.0f} to {gaps.max() / 1e6:.0f} ms"
            yield case.finding("timing.frames", streams=(stream.id,), value=0.0, message=told)
            continue
        told = f"{found.missing} frames are wanting in {len(found.gaps)} gaps"
        where = None
        if found.gaps:
            place = max(found.gaps, key=lambda each: each[1])[0]
            span = tuple(stream.timemap.to_reference(int(film.t_ns[each])) for each in (place, place + 1))
            where = (span[0], span[1])
            told += f", the widest {gaps[place] / 1e6:.0f} ms at {clock_text(int(film.t_ns[place]))}"
        if found.repeated:
            told += f"; {len(found.repeated)} have the time of the one before"
        yield case.judged("timing.frames", float(found.missing), told, streams=(stream.id,), span=where)


@av_offset.at(Stage.DECODE)
def _av(case: Case) -> Iterator[Finding]:
    """Also keeps what SQL shows of the pairs and streams."""
    found = solved(case)
    for pair in found.pairs:
        case.pairs.append(
            {
                "record_id": case.record.id,
                "stream_a": pair.a,
                "stream_b": pair.b,
                "method": pair.method,
                "offset_ms": pair.offset_s * 1000 if pair.good else None,
                "drift_ppm": pair.drift_ppm if pair.good else None,
                "residual_ms": pair.spread_s * 1000 if pair.good else None,
                "confidence": pair.confidence,
                "status": (Status.OK if pair.good else Status.NOT_MEASURABLE).value,
            }
        )
        if pair.p is not None:
            case.note("p", pair.b, pair.method, pair.p)
    for name, late in found.late_s.items():
        through = found.through.get(name)
        if through is None or through.method != CONTAINER:
            case.note("residual", name, state_of(case, name, late), late * 1000)
    yield from _offsets(case, "timing.av_offset", Modality.AUDIO)


def state_of(case: Case, stream_id: str, late_s: float) -> str:
    """Whether a stream lies within the tolerance of its kind; the reference is neither."""
    names = {Modality.VIDEO: "camera_offset", Modality.AUDIO: "av_offset"}
    stream = case.record.stream(stream_id)
    if stream_id == case.record.reference:
        return "reference"
    name = {**{k: f"timing.{v}" for k, v in names.items()}, Modality.TEXT: "transcript.offset"}.get(
        stream.modality, "sensor.offset"
    )
    return (Status.FAILED if outside(late_s * 1000, case.facts.limits(name)) else Status.OK).value
