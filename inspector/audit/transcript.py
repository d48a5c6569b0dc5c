"""Checks of a transcript against the sound that it was made from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from inspector.audit.alignment import RATED, bands, solved
from inspector.audit.checks import Stage, check
from inspector.audit.content import runs
from inspector.audit.estimators.vad import STEP_S, raster
from inspector.audit.pair import corrected
from inspector.audit.timing import moved
from inspector.core.findings import Fix, Status
from inspector.core.model import Modality
from inspector.core.times import NS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from inspector.audit.case import Case
    from inspector.core.findings import Finding

offset = check(
    "transcript.offset",
    "A transcript is early or late against its sound",
    """The words are laid over the level of speech in steps of 10 ms and moved by up to 10 s; the
    correlation's peak, less the detector's own latency, is how late the transcript is (ffsubsync's idea).
    Tolerance 125 ms (Netflix: three frames). It needs 8 words or cues and speech that pauses; a fix needs
    10 and halves that agree. Where other sounds drown what tells speech by its bands, the learned detector of
    the extra `[vad]` (Silero's) is asked, if it is installed, by the same gate.""",
    "ms",
    (-125.0, 125.0),
    version=3,
)


rate = check(
    "transcript.rate",
    "A transcript was made for another number of frames a second",
    """Where a transcript fits its sound at no offset, the ratios of 23.976, 24, 25, 29.97 and 30 frames a
    second are tried (ffsubsync's list). It needs 10 cues over 25 s, and a ratio that moves the last of them
    by half a second. `value` is by how much its times are too long. Tolerance 0.01 % (ours). The fix scales
    and moves it.""",
    "%",
    (-0.01, 0.01),
)
uncovered = check(
    "transcript.uncovered",
    "Speech that no cue covers",
    """Sound as loud in the bands of speech as what the cues cover, for half a second or longer, with no cue
    within 0.3 s, the transcript's own lateness taken off. `value` is its share of all such sound. Tolerance
    5 % (ours). Only suspect: what is heard may be music or another sound. Without 8 cues whose place was
    measured it is not measurable.""",
    "%",
    (None, 5.0),
)

LEAST_SPEECH_S = 0.5
NEAR_CUE_S = 0.3
LOUD_PART = 0.4
"""Speech is what reaches this quantile of the level under the cues."""


@rate.at(Stage.DECODE)
def _rate(case: Case) -> Iterator[Finding]:
    found = solved(case)
    for pair in found.pairs:
        if pair.method != RATED or pair.drift_ppm is None:
            continue
        stream = case.record.stream(pair.b)
        percent = pair.drift_ppm / 1e4
        new = corrected(stream, pair.offset_s, pair.drift_ppm)
        yield case.judged(
            "transcript.rate",
            percent,
            f"{pair.b} against {pair.a}, {pair.method}: its times are {abs(percent):.3g} % too "
            f"{'long' if percent > 0 else 'short'}, {pair.offset_s * 1000:+.0f} ms late at the start",
            streams=(pair.b,),
            confidence=pair.confidence,
            fix=Fix(stream.id, new, new.late_ns, new.drift_ppm, method=pair.method),
        )


@uncovered.at(Stage.DECODE)
def _uncovered(case: Case) -> Iterator[Finding]:
    found = solved(case)
    high = case.facts.limits("transcript.uncovered")[1] or 5.0
    for stream in case.record.of(Modality.TEXT):
        pair = next((each for each in found.pairs if each.b == stream.id and each.good), None)
        cues = case.cues(stream)
        if stream.span is None:
            continue
        if pair is None or len(cues) < 8:
            why = (
                "where its cues belong was not measured"
                if pair is None
                else f"{len(cues)} cues, 8 are needed"
            )
            yield case.unmeasurable("transcript.uncovered", why, (stream.id,))
            continue
        track = case.record.stream(pair.a)
        sound = case.sound(track)
        assert sound is not None
        curve = bands(case, track, sound)
        right = corrected(stream, pair.offset_s, pair.drift_ppm or 0.0)
        spans = [(right.to_reference(cue.start_ns) / NS, right.to_reference(cue.end_ns) / NS) for cue in cues]
        starts, ends = np.array(spans, np.float64).T
        within = raster(starts, ends, len(curve)) > 0.5
        if not within.any():
            continue
        loud = curve >= max(float(np.quantile(curve[within], LOUD_PART)), 0.2)
        near = raster(starts - NEAR_CUE_S, ends + NEAR_CUE_S, len(curve)) > 0
        alone = [
            (a, b) for a, b in runs(_joined(loud & ~near)).tolist() if (b - a) * STEP_S >= LEAST_SPEECH_S
        ]
        missed = float(sum(loud[a:b].sum() for a, b in alone))
        share = 100 * missed / max(float(loud.sum()), 1.0)
        failed = share > high
        told = f"{share:.1f} % of what sounds like speech has no cue"
        span = None
        if alone:
            longest = max(alone, key=lambda each: each[1] - each[0])
            span = (round(longest[0] * STEP_S * NS), round(longest[1] * STEP_S * NS))
            told += f", in {len(alone)} stretches, the longest {(span[1] - span[0]) / NS:.1f} s"
        yield case.finding(
            "transcript.uncovered",
            streams=(stream.id,),
            span=span,
            value=share,
            status=Status.SUSPECT if failed else Status.OK,
            severity=0.4 if failed else 0.0,
            message=told,
        )


def _joined(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Runs that pauses of up to 0.2 s between syllables do not break."""
    size = round(0.2 / STEP_S) | 1
    wide = np.convolve(mask, np.ones(size), "same") > 0
    joined: NDArray[np.bool_] = np.convolve(~wide, np.ones(size), "same") == 0
    return joined


@offset.at(Stage.DECODE)
def _offset(case: Case) -> Iterator[Finding]:
    found = solved(case)
    for stream in case.record.of(Modality.TEXT):
        if stream.span is None:
            continue
        own, pair = found.own_s(stream.id), found.through.get(stream.id)
        if pair is not None and pair.method == RATED:
            continue  # one cause, one finding: transcript.rate tells it
        if own is not None and pair is not None:
            yield moved(case, "transcript.offset", stream, found, own, pair)
            continue
        # What hangs on a sound that the picture does not reach is still measured against that sound.
        alone = next((each for each in found.pairs if each.b == stream.id and each.good), None)
        if alone is not None:
            yield moved(case, "transcript.offset", stream, found, alone.offset_s, alone)
            continue
        why = [each.why for each in found.pairs if each.b == stream.id and each.why]
        yield case.unmeasurable("transcript.offset", "; ".join(why) or "there is no sound", (stream.id,))
