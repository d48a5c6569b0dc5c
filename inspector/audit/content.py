"""Checks of what a stream holds: pictures that stand still or are black, sound that is silent or clipped."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from inspector.audit.case import outside
from inspector.audit.checks import Stage, check
from inspector.audit.estimators.loudness import loudness_lufs
from inspector.audit.gaps import gaps_of
from inspector.audit.material import RATE
from inspector.core.findings import Status
from inspector.core.model import Coverage, Modality
from inspector.core.times import NS, clock_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from inspector.audit.case import Case
    from inspector.audit.material import Film, Sound
    from inspector.core.findings import Finding
    from inspector.core.model import Span, Stream

frozen = check(
    "content.frozen",
    "The picture stands still",
    """Frames that differ from the one before by less than 0.1 % of full scale on the mean, and nowhere by
    more than 6 of 255, for 2 s or longer (ffmpeg's freezedetect: 0.001 and 2 s). A scene may be still by
    itself: a stretch that does not stand out from the film's other pauses is only suspect.""",
    "s",
    (None, 2.0),
)
black = check(
    "content.black",
    "The picture is black",
    """Frames of mean luma below 10 % with no field brighter, for 2 s or longer (ffmpeg's blackdetect: 2 s,
    0.10). `value` is the length.""",
    "s",
    (None, 2.0),
)
silent = check(
    "content.silent",
    "The sound is silent",
    """The level stays below −60 dB of full scale for 2 s or longer (ffmpeg's silencedetect). Digital silence
    over a whole track is failed; a pause within one that is heard elsewhere is only suspect, and only where
    it is longer than half of the track, or where a film in the same file lacks frames meanwhile, so that
    nobody knows what was to be heard. `value` is the length.""",
    "s",
    (None, 2.0),
    version=2,
)
clipped = check(
    "content.clipped",
    "The sound is clipped",
    """Three or more samples in a row at the end of the scale are a flat top. `value` is the share of the time
    within 10 ms of one; tolerance 1 % (ours). A clipped recording cannot be repaired here: flag it.""",
    "%",
    (None, 1.0),
)

loudness = check(
    "content.loudness",
    "The sound is hardly to be heard, or far too loud",
    """Integrated loudness (ITU-R BS.1770-4, of 16 kHz mono; EBU R128 asks for −23 LUFS, which no dataset has
    to keep). Outside −50 to −9 LUFS (ours) it is suspect: a microphone that was off or overdriven. There is
    no repair by a time map: set the track's gain, or flag the record.""",
    "LUFS",
    (-50.0, -9.0),
)

STILL_MEAN = 0.001 * 255
STILL_PEAK = 6.0
BLACK = 0.10 * 255
BLOCK_S = 0.02
SILENT_DB = -60.0
LOUD_S = 1800.0
"""Loudness is that of the first half hour."""


def runs(mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    """(k, 2): first and past-the-last index of each run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return edges.reshape(-1, 2)


def still_spans(film: Film, end_ns: int) -> list[Span]:
    """Local spans without a change, from the frame that stays to the next that differs."""
    same = (film.change < STILL_MEAN) & (film.peak <= STILL_PEAK)
    same[:1] = False
    return [(int(film.t_ns[a - 1]), _end_of(film, b, end_ns)) for a, b in runs(same)]


def black_spans(film: Film, end_ns: int) -> list[Span]:
    """Local spans in which every field of the picture is black."""
    dark = (film.luma < BLACK) & (film.grid.max(axis=(1, 2)) < BLACK)
    return [(int(film.t_ns[a]), _end_of(film, b, end_ns)) for a, b in runs(dark)]


def _end_of(film: Film, past: int, end_ns: int) -> int:
    return int(film.t_ns[past]) if past < len(film.t_ns) else max(end_ns, int(film.t_ns[-1]))


def levels_db(sound: Sound) -> NDArray[np.float64]:
    """RMS of each 20 ms in dB of full scale."""
    size = int(RATE * BLOCK_S)
    count = len(sound.pcm) // size
    blocks = sound.pcm[: count * size].reshape(count, size).astype(np.float32) / 32768
    power = (blocks.astype(np.float64) ** 2).mean(axis=1)
    decibel: NDArray[np.float64] = 10 * np.log10(np.maximum(power, 1e-12))
    return decibel


def silent_spans(sound: Sound) -> list[Span]:
    """Local spans below −60 dB."""
    step = round(BLOCK_S * NS)
    return [(int(a) * step, int(b) * step) for a, b in runs(levels_db(sound) < SILENT_DB)]


@frozen.at(Stage.DECODE)
def _frozen(case: Case) -> Iterator[Finding]:
    for stream in case.record.of(Modality.VIDEO):
        film = case.film(stream)
        if film is None or stream.span is None or len(film.t_ns) < 2:
            continue
        high = case.facts.limits("content.frozen")[1] or 2.0
        spans = sorted(still_spans(film, stream.span[1]), key=lambda span: span[0] - span[1])
        long = [span for span in spans if (span[1] - span[0]) / NS >= high]
        if not long:
            yield _fine(case, "content.frozen", stream, spans)
            continue
        pauses = [(span[1] - span[0]) / NS for span in spans if span not in long]
        usual = max(pauses, default=0.0)
        for span in long[:3]:
            length = (span[1] - span[0]) / NS
            stands_out = len(long) == 1 and length > 2 * usual and length < 0.95 * _seconds(stream)
            if stands_out:
                case.note("coverage", Modality.VIDEO.value, Coverage.FROZEN.value)
            yield case.finding(
                "content.frozen",
                streams=(stream.id,),
                span=_reference(stream, span),
                value=length,
                status=Status.FAILED if stands_out else Status.SUSPECT,
                severity=0.8 if stands_out else 0.4,
                message=f"the picture stands still for {length:.1f} s from {clock_text(span[0])}"
                + ("" if stands_out else "; it often does in this film, so the scene itself may be still"),
            )


@black.at(Stage.DECODE)
def _black(case: Case) -> Iterator[Finding]:
    for stream in case.record.of(Modality.VIDEO):
        film = case.film(stream)
        if film is None or stream.span is None:
            continue
        high = case.facts.limits("content.black")[1] or 2.0
        for span in black_spans(film, stream.span[1]):
            length = (span[1] - span[0]) / NS
            if length >= high:
                yield case.finding(
                    "content.black",
                    streams=(stream.id,),
                    span=_reference(stream, span),
                    value=length,
                    status=Status.FAILED,
                    severity=0.7,
                    message=f"black for {length:.1f} s from {clock_text(span[0])}",
                )


@silent.at(Stage.DECODE)
def _silent(case: Case) -> Iterator[Finding]:
    for stream in case.record.of(Modality.AUDIO):
        sound = case.sound(stream)
        if sound is None:
            continue
        length = _seconds(stream) or len(sound.pcm) / RATE
        high = case.facts.limits("content.silent")[1] or 2.0
        spans = silent_spans(sound)
        quiet = sum(end - start for start, end in spans) / NS
        whole = quiet >= max(high, 0.99 * len(sound.pcm) / RATE)
        longest = max(spans, key=lambda span: span[1] - span[0], default=(0, 0))
        span_s = (longest[1] - longest[0]) / NS
        if whole or (span_s >= high and span_s > 0.5 * length):
            lost = min(_lost_s(case, stream), quiet) if whole else 0.0
            torn = whole and quiet - lost < high
            if whole and not torn:
                case.note("coverage", Modality.AUDIO.value, Coverage.SILENT.value)
            yield case.finding(
                "content.silent",
                streams=(stream.id,),
                span=_reference(stream, longest),
                value=quiet if whole else span_s,
                status=Status.FAILED if whole and not torn else Status.SUSPECT,
                severity=0.85 if whole and not torn else 0.4,
                message=f"what is left of it is silent; {lost:.1f} s of the film in its file are wanting"
                if torn
                else "silent from start to end"
                if whole
                else f"silent for {span_s:.1f} s from {clock_text(longest[0])}, half of the track or more",
            )


def _lost_s(case: Case, stream: Stream) -> float:
    """How long a film of the same file lacks frames, s."""
    films = (film for film in case.record.of(Modality.VIDEO) if film.clock == stream.clock)
    return max((sum(b - a for a, b in gaps_of(case, film)) for film in films), default=0) / NS


@clipped.at(Stage.DECODE)
def _clipped(case: Case) -> Iterator[Finding]:
    for stream in case.record.of(Modality.AUDIO):
        sound = case.sound(stream)
        if sound is None or not len(sound.clipped):
            continue
        reach = 10_000_000
        merged = 0
        end = -1
        for a, b in sound.clipped.tolist():
            low, high = max(a - reach, end), b + reach
            merged += max(0, high - low)
            end = max(end, high)
        share = 100 * merged / max(int(sound.end_ns[0]), 1)
        first = int(sound.clipped[0, 0])
        yield case.judged(
            "content.clipped",
            share,
            f"{len(sound.clipped)} flat tops, {share:.1f} % of the time, the first at {clock_text(first)}",
            streams=(stream.id,),
            span=_reference(stream, (first, int(sound.clipped[-1, 1]))),
        )


@loudness.at(Stage.DECODE)
def _loudness(case: Case) -> Iterator[Finding]:
    for stream in case.record.of(Modality.AUDIO):
        sound = case.sound(stream)
        if sound is None:
            continue
        pcm = sound.pcm[: round(LOUD_S * RATE)].astype(np.float32) / np.float32(32768)
        value = loudness_lufs(pcm, RATE)
        if value is None:
            yield case.unmeasurable("content.loudness", "no 0.4 s of it are over −70 LUFS", (stream.id,))
            continue
        off = outside(value, case.facts.limits("content.loudness"))
        yield case.finding(
            "content.loudness",
            streams=(stream.id,),
            value=value,
            status=Status.SUSPECT if off else Status.OK,
            severity=0.4 if off else 0.0,
            message=f"{value:.1f} LUFS",
        )


def _fine(case: Case, name: str, stream: Stream, spans: list[Span]) -> Finding:
    longest = (spans[0][1] - spans[0][0]) / NS if spans else 0.0
    return case.judged(name, longest, f"longest still {longest:.1f} s", streams=(stream.id,))


def _seconds(stream: Stream) -> float:
    return 0.0 if stream.span is None else (stream.span[1] - stream.span[0]) / NS


def _reference(stream: Stream, span: Span) -> Span:
    a, b = (stream.timemap.to_reference(each) for each in span)
    return min(a, b), max(a, b)
