"""The measured pairs of a record, solved together: how late each stream is, and which one moved.

Everything is measured on the reference timeline, through the TimeMaps in force, so that what comes out is
what remains. A pair that its gate does not let through is kept with its figures, and proves nothing.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from inspector.audit import voice
from inspector.audit.estimators import curves, events, graph, motion, speech, vad
from inspector.audit.material import RATE
from inspector.audit.pair import (
    CONTAINER,
    DRIFT_LEAST_S,
    DRIFTS_PPM,
    LONGEST_S,
    SEARCH_S,
    Pair,
    Solved,
    refused,
)
from inspector.audit.rotation import rotation_pair
from inspector.audit.sound_pairs import sound_pair
from inspector.core.findings import Status
from inspector.core.model import Modality
from inspector.core.times import NS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from inspector.audit.case import Case
    from inspector.audit.estimators.estimate import Estimate
    from inspector.audit.material import Film, Sound
    from inspector.core.model import Stream

MOVING = (Modality.SENSOR, Modality.MOTION, Modality.GAZE, Modality.POINTS)
"""What may be compared with how much moves in a film."""

MOST_FLASHES = 120
"""So many are compared: trains cost the product of both."""
HEARD = "speech (Silero) and words"
"""The method of a transcript in a sound in which only the learned detector tells speech."""
HEARD_APART_S = 0.1
RATED = "speech and words at another rate"
"""The method of a transcript whose times were made for a film at another number of frames a second."""


def solved(case: Case) -> Solved:
    """The record's pairs, measured once for all checks, and their solution."""
    found: Solved = case.share("/alignment", lambda: solve(case.record.reference, measure(case)))
    return found


def measure(case: Case) -> tuple[Pair, ...]:
    """Every pair that some method can compare."""
    record = case.record
    if record.axis != "time" or record.reference is None:
        return ()
    films = [stream for stream in record.of(Modality.VIDEO) if case.film(stream) is not None]
    tracks = [stream for stream in record.of(Modality.AUDIO) if case.sound(stream) is not None]
    films.sort(key=lambda stream: stream.id != record.reference)
    tracks.sort(key=lambda stream: (stream.id != record.reference, stream.id))
    pairs: list[Pair] = []
    if films:
        first = films[0]
        pairs += [_flashes(case, first, other) for other in films[1:]]
        pairs += [_clicks(case, first, other) for other in tracks]
    for place, other in enumerate(tracks[1:], 1):
        pairs.append(sound_pair(case, tracks[0], other))
        # A first track of something else is no measure: the next ones may have recorded the same.
        for anchor in tracks[1:place][:2]:
            if not pairs[-1].good:
                pairs.append(sound_pair(case, anchor, other))
    measured = {frozenset((pair.a, pair.b)) for pair in pairs if pair.good}
    for film in films:
        for track in tracks:
            if film.clock == track.clock and frozenset((film.id, track.id)) not in measured:
                pairs.append(Pair(film.id, track.id, CONTAINER, 0.0, None, 0.01, 0.5, True, False))
    pairs += [_words(case, track, text) for text in record.of(Modality.TEXT) for track in tracks[:1]]
    if films:
        pairs += [_moving(case, films[0], tracks[:1], each) for each in record.of(*MOVING)]
    return tuple(pairs)


# -- methods -----------------------------------------------------------------------------------------------


def reference_s(stream: Stream, local_ns: NDArray[np.int64]) -> NDArray[np.float64]:
    """Times of a stream, local ns, on the reference timeline in s."""
    at: NDArray[np.float64] = stream.timemap.to_reference_array(local_ns) / NS
    return at


def flash_times(case: Case, stream: Stream) -> NDArray[np.float64]:
    """When a film flashes, reference s; none where it cannot be decoded."""
    film = case.film(stream)
    return np.zeros(0) if film is None else events.flashes(reference_s(stream, film.t_ns), film.luma)


def _frame_s(film: Film | None) -> float:
    return float(np.median(np.diff(film.t_ns))) / NS if film is not None and len(film.t_ns) > 1 else 0.04


def onset_times(case: Case, stream: Stream) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """When a sound begins suddenly, reference s, and how loud; none where it cannot be decoded."""

    def make() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        sound = case.sound(stream)
        if sound is None:
            return np.zeros(0), np.zeros(0)
        at, level = events.onsets(sound.pcm[: round(LONGEST_S * RATE)], RATE)
        return reference_s(stream, np.rint(at * NS).astype(np.int64)), level

    found: tuple[NDArray[np.float64], NDArray[np.float64]] = case.share(f"/onsets/{stream.id}", make)
    return found


def _flashes(case: Case, first: Stream, other: Stream) -> Pair:
    method = "flashes"
    a, b = flash_times(case, first)[:MOST_FLASHES], flash_times(case, other)[:MOST_FLASHES]
    if min(len(a), len(b)) < 4:
        why = f"{min(len(a), len(b))} flashes seen by both, 4 are needed"
        return refused(first.id, other.id, method, why)
    frames = _frame_s(case.film(first)) + _frame_s(case.film(other))
    return _event_pair(first.id, other.id, method, events.trains(a, b, None, SEARCH_S, frames), frames)


def _clicks(case: Case, first: Stream, track: Stream) -> Pair:
    method = "flashes and onsets"
    a = flash_times(case, first)[:MOST_FLASHES]
    b, level = onset_times(case, track)
    if len(a) < 4 or len(b) < 4:
        why = f"{len(a)} flashes in {first.id} and {len(b)} sudden sounds in {track.id}, 4 are needed"
        return refused(first.id, track.id, method, why)
    frame = _frame_s(case.film(first))
    span = (a[0] - SEARCH_S, a[-1] + SEARCH_S)
    near = (b >= span[0]) & (b <= span[1])
    lag = events.trains(a, b[near], level[near], SEARCH_S, frame)
    return _event_pair(first.id, track.id, method, lag, frame)


def _event_pair(a: str, b: str, method: str, lag: events.Lag | None, frame_s: float) -> Pair:
    if lag is None:
        return refused(a, b, method, "too few moments in common")
    good = lag.p <= 0.05 and lag.ratio >= 1.3 and lag.count >= 4 and lag.spread_s <= frame_s
    sure = good and lag.p <= 0.01 and lag.ratio >= 1.5 and lag.count >= 5 and lag.halves_s <= frame_s
    why = "" if good else f"{lag.count} moments match, and {lag.p:.0%} of chance trains do as well"
    return Pair(
        a, b, method, lag.offset_s, None, lag.spread_s, 1 - lag.p, good, sure, why,
        floor_s=frame_s / 4, p=lag.p, halves_s=lag.halves_s,
    )  # fmt: skip


def spoken_spans(case: Case, text: Stream) -> list[tuple[float, float]]:
    """Where a transcript has a word, or a cue without words, reference s; of the stretch that is compared."""
    to_reference = text.timemap.to_reference
    spans = [
        (to_reference(each.start_ns) / NS, to_reference(each.end_ns) / NS)
        for cue in case.cues(text)
        for each in (cue.words or (cue,))
    ]
    return [span for span in spans if span[1] >= 0 and span[0] < LONGEST_S]


def _words(case: Case, track: Stream, text: Stream) -> Pair:
    method = "speech and words"
    sound = case.sound(track)
    assert sound is not None
    spans = spoken_spans(case, text)
    if len(spans) < 8:
        return refused(track.id, text.id, method, f"{len(spans)} words or cues, 8 are needed")
    curve = _speech(case, track, sound)
    if not curve.any():
        return refused(track.id, text.id, method, "no speech is heard")
    length = max(len(curve), round(max(end for _, end in spans) / speech.STEP_S) + 2)
    curve = np.pad(curve, (0, length - len(curve)))
    peak = curves.fit(curve, speech.raster(spans, length), speech.STEP_S, SEARCH_S, 0.5)
    if peak is None:
        return refused(track.id, text.id, method, "the transcript covers all of the sound, or none")
    good = peak.p <= 0.05 and peak.r >= 0.5 and peak.ratio >= 1.05
    sure = good and peak.r >= 0.6 and peak.ratio >= 1.2 and peak.halves_s <= 0.1 and len(spans) >= 10
    why = "" if good else f"speech and words agree by r = {peak.r:.2f}, elsewhere nearly as well"
    late, confidence = peak.offset_s + speech.LATENCY_S, 1 - peak.p
    # The bands' detector is finer and stands more noise, and has a gate of its own for long records; a short
    # one is mended only where both say the same.
    starts, ends = np.array(spans, np.float64).T
    found, _ = vad.transcript_offset(bands(case, track, sound), starts, ends, SEARCH_S, (1.0,))
    if (
        found.status is not Status.OK
        and len(starts) >= vad.LEAST_CUES
        and ends.max() - starts[0] >= vad.LEAST_S
    ):
        told, ratio = vad.transcript_offset(bands(case, track, sound), starts, ends, SEARCH_S)
        if told.status is Status.OK and ratio != 1.0:
            return Pair(
                track.id, text.id, RATED, told.offset_ns / NS, (ratio - 1) * 1e6, told.residual_ms / 1000,
                0.98, True, True, floor_s=0.02, halves_s=told.split_half_ms / 1000,
            )  # fmt: skip
    if found.status is not Status.OK:
        heard = _heard(case, track, text, sound, found)
        if heard is not None:
            return heard
    agree = found.status is not Status.NOT_MEASURABLE and abs(found.offset_ns / NS - late) <= AGREE_S * 2
    if found.status is Status.OK or (good and agree):
        late, good, why = found.offset_ns / NS, True, ""
    held = vad.held_s(bands(case, track, sound), starts, ends, late)
    sure = found.status is Status.OK or (sure and agree and held <= vad.HELD_S)
    confidence = confidence if sure else min(confidence, 0.9)
    if not sure and not voice.installed():
        why = f"{why}; {voice.INSTALL}" if why else ""
    return Pair(
        track.id, text.id, method, late, None, peak.halves_s, confidence, good, sure, why,
        floor_s=0.01,
        p=found.impostor_p if found.status is Status.OK else peak.p, halves_s=peak.halves_s,
    )  # fmt: skip


def _heard(case: Case, track: Stream, text: Stream, sound: Sound, found: Estimate) -> Pair | None:
    """The same by a learned detector, where there is one, it is sure, and the bands' say nothing else."""
    if not voice.installed():
        return None

    def make() -> NDArray[np.float64]:
        return _on_reference(track, voice.voice_curve(sound.pcm[: round(LONGEST_S * RATE)]))

    curve: NDArray[np.float64] = case.share(f"/voice/{track.id}", make)
    starts, ends = np.array(spoken_spans(case, text), np.float64).T
    told, _ = vad.transcript_offset(curve, starts, ends, SEARCH_S, (1.0,))
    late = told.offset_ns / NS + vad.LATENCY_S - voice.LATENCY_S
    apart = abs(found.offset_ns / NS - late)
    if told.status is not Status.OK or (found.status is Status.SUSPECT and apart > HEARD_APART_S):
        return None
    return Pair(
        track.id, text.id, HEARD, late, None, voice.FLOOR_S, 0.96, True, True, floor_s=voice.FLOOR_S,
        p=told.impostor_p, halves_s=told.split_half_ms / 1000,
    )  # fmt: skip


def _speech(case: Case, track: Stream, sound: Sound) -> NDArray[np.float64]:
    def make() -> NDArray[np.float64]:
        return _on_reference(track, speech.speech_curve(sound.pcm[: round(LONGEST_S * RATE)], RATE))

    found: NDArray[np.float64] = case.share(f"/speech/{track.id}", make)
    return found


def bands(case: Case, track: Stream, sound: Sound) -> NDArray[np.float64]:
    """How much like speech a sound is, 0 to 1, every 10 ms of reference time."""

    def make() -> NDArray[np.float64]:
        pcm = sound.pcm[: round(LONGEST_S * RATE)].astype(np.float32) / np.float32(32768)
        return _on_reference(track, vad.speech_curve(pcm, RATE))

    found: NDArray[np.float64] = case.share(f"/bands/{track.id}", make)
    return found


def _on_reference(track: Stream, curve: NDArray[np.float64]) -> NDArray[np.float64]:
    """A curve of every 10 ms of a track's own time, every 10 ms of reference time."""
    at = track.timemap.to_local_array(
        np.arange(round(len(curve) + 1), dtype=np.int64) * round(speech.STEP_S * NS)
    )
    place = at / (speech.STEP_S * NS)
    moved: NDArray[np.float64] = np.interp(place, np.arange(len(curve)), curve, left=0, right=0)
    return moved


def speeds(case: Case, stream: Stream, count: int) -> NDArray[np.float64]:
    """(channels, count) how fast each of a sensor's channels moves, every 20 ms of reference time."""
    series = case.series(stream)
    if series is None or not len(series.t_ns):
        return np.zeros((0, count))
    t_s = reference_s(stream, series.t_ns)
    columns = [series.values[:, each].astype(np.float64) for each in range(min(series.values.shape[1], 64))]
    found = [motion.channel_speed(t_s, column, count) for column in columns]
    return np.stack(found) if found else np.zeros((0, count))


def _moving(case: Case, first: Stream, tracks: list[Stream], sensor: Stream) -> Pair:
    """A gyroscope by how the picture turns, else anything that moves by how much does."""
    turned = rotation_pair(case, first, sensor)
    if turned is not None and turned.good:
        return turned
    pair = _motion(case, first, tracks, sensor)
    if turned is None or pair.good:
        return pair
    return replace(pair, why=f"{turned.method}: {turned.why}; {pair.method}: {pair.why}")


def _motion(case: Case, first: Stream, tracks: list[Stream], sensor: Stream) -> Pair:
    method = "motion"
    film = case.film(first)
    assert film is not None
    if sensor.clock.nominal or sensor.span is None:
        why = "its times are counted from frames: they prove nothing" if sensor.span else "it has no times"
        return refused(first.id, sensor.id, method, why)
    t_s = reference_s(first, film.t_ns)
    end = min(float(t_s[-1]), LONGEST_S)
    still = _still_from(film)
    if still is not None:
        end = min(end, float(t_s[still]))
    span = sensor.reference_span or (0, 0)
    length = max(end, min(span[1] / NS, LONGEST_S))
    if end < 5:
        return refused(first.id, sensor.id, method, "less than 5 s in common")
    moving = speeds(case, sensor, round(length / motion.STEP_S) + 1).sum(axis=0)
    seen = motion.film_motion(t_s, film.change, film.luma, round(end / motion.STEP_S))
    drifts = DRIFTS_PPM if end >= DRIFT_LEAST_S else None
    peak = curves.fit(seen, moving, motion.STEP_S, min(5.0, end / 3), 0.3, drifts)
    if peak is None:
        return refused(first.id, sensor.id, method, "nothing moves in one of them")
    good = peak.p <= 0.05 and peak.r >= 0.5 and peak.ratio >= 1.1
    why = "" if good else f"the film and the sensor move alike by r = {peak.r:.2f}, elsewhere nearly so"
    offset, drift, error = peak.offset_s, peak.drift_ppm if drifts is not None else None, 0.0
    spread, sharp = 0.03, False
    if good and drift is not None:
        fine = _by_steps(case, tracks, sensor, offset, drift)
        if fine is not None:
            offset, drift, spread, error = fine
            method, sharp = "motion, steps and ticks", True
        else:
            error = 250.0
    sure = good and peak.p <= 0.02 and peak.ratio >= 1.2 and (sharp or drift is None or abs(drift) < error)
    return Pair(
        first.id, sensor.id, method, offset, drift, spread, 1 - peak.p, good, sure and sharp, why, error,
        p=peak.p,
    )  # fmt: skip


def _still_from(film: Film) -> int | None:
    """The frame from which on nothing changes to the end, where that is 2 s or longer."""
    changed = np.flatnonzero(film.change > 0.02)
    last = int(changed[-1]) if len(changed) else 0
    return last if film.t_ns[-1] - film.t_ns[last] > 2 * NS else None


def _by_steps(
    case: Case, tracks: list[Stream], sensor: Stream, offset_s: float, drift_ppm: float
) -> tuple[float, float, float, float] | None:
    """A sensor's steps against the ticks heard: offset s, drift ppm, spread s, error of drift ppm."""
    series = case.series(sensor)
    if not tracks or series is None:
        return None
    ticks, _ = onset_times(case, tracks[0])
    t_s = reference_s(sensor, series.t_ns)
    best: tuple[float, float, float, float] | None = None
    most = 0
    for each in range(min(series.values.shape[1], 64)):
        moments = motion.steps(t_s, series.values[:, each].astype(np.float64))
        fitted = events.line(ticks, moments, offset_s, drift_ppm)
        if fitted is not None and fitted[3] > most and fitted[2] < 0.01 and fitted[3] > 0.5 * len(moments):
            at_zero, ppm, spread, most = fitted
            length = float(t_s[-1] - t_s[0])
            error = 1e6 * 3.5 * 1.5 * spread / (np.sqrt(most) * length)
            best = at_zero, ppm, spread, error
    return best


# -- solution ----------------------------------------------------------------------------------------------

AGREE_S = 0.03
"""Streams that are equally late within this agree that the reference is the one that moved."""
MOVED_S = 0.04


def solve(reference: str | None, pairs: tuple[Pair, ...]) -> Solved:
    """Weighted least squares over the good pairs, the reference at 0; one that does not close is left out."""
    if reference is None:
        return Solved(pairs)
    good = [pair for pair in pairs if pair.good]
    told = graph.solve(
        [graph.Edge(each.a, each.b, each.offset_s, max(each.spread_s, each.floor_s)) for each in good],
        reference,
    )
    wrong = tuple(good[each] for each in told.bad)
    good = [pair for number, pair in enumerate(good) if number not in told.bad]
    reached, through = [reference], dict[str, Pair]()
    changed = True
    while changed:
        changed = False
        for pair in good:
            for known, new in ((pair.a, pair.b), (pair.b, pair.a)):
                if known in reached and new not in reached:
                    reached.append(new)
                    through[new] = pair
                    changed = True
    if not through:
        return Solved(pairs)
    late = {name: told.late_s[name] for name in reached}
    closure = {
        (pair.a, pair.b): pair.offset_s - (late[pair.b] - late[pair.a])
        for pair in (*good, *wrong)
        if pair.a in late and pair.b in late
    }
    direct = [late[name] for name, pair in through.items() if reference in (pair.a, pair.b)]
    moved = 0.0
    if len(direct) >= 2 and max(direct) - min(direct) < AGREE_S and abs(float(np.median(direct))) > MOVED_S:
        moved = -float(np.median(direct))
    return Solved(pairs, late, through, closure, moved, wrong)
