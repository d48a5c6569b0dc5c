"""Two sounds of a record compared: offset, drift, the pieces of one that was cut, a wrong sample rate."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from inspector.audit.estimators import correlate, steps
from inspector.audit.material import RATE
from inspector.audit.pair import DRIFT_OF_SOUND_S, LONGEST_S, SEARCH_S, Pair, refused
from inspector.core.findings import Status
from inspector.core.times import NS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from inspector.audit.case import Case
    from inspector.audit.estimators.estimate import Estimate
    from inspector.core.model import Stream

GCC = "GCC-PHAT"
BEHIND_S, LEAST_BEHIND_S = 600.0, 60.0
"""So much behind the stretch that is compared tells of a fix what it was not made from."""
STRETCHED = "GCC-PHAT at another rate"
"""The method of a pair whose second sound plays at a rate that it was not recorded at."""


def sound_pair(case: Case, first: Stream, other: Stream) -> Pair:
    """How late `other` is against `first`, both on the reference timeline."""
    method = GCC
    (a, rest_a), (b, rest_b) = pcm_of(case, first), pcm_of(case, other)
    found = correlate.sound_offset(a, b, RATE, SEARCH_S)
    confidence = float(np.clip((found.peak_ratio - 1) / (found.peak_ratio + 1), 0, 0.999))
    if found.status is Status.NOT_MEASURABLE:
        return _stretched(first, other, a, b) or refused(first.id, other.id, method, found.reason)
    rest_s = rest_b - rest_a
    common_s = max(min(len(a), len(b)) / RATE, 1.0)
    spread = found.residual_ms / 1000
    sure = found.status is Status.OK
    pieces: tuple[steps.Piece, ...] = ()
    drift, error = None, 0.0
    if common_s >= DRIFT_OF_SOUND_S and found.windows >= 4:
        drift = found.drift_ppm
        error = 1e6 * 3.5 * 1.5 * (spread + 1e-5) / (np.sqrt(found.windows) * common_s)
    offset = found.offset_ns / NS
    if not sure and found.windows >= 3:
        pieces = cut_into(a, b, found)
        offset = pieces[0].offset_s if pieces else offset
    elif abs(found.drift_ppm) <= max(error, 20.0):
        offset += found.drift_ppm * 1e-6 * common_s / 2  # no drift is mended: then it holds for the middle
    return Pair(
        first.id, other.id, method, offset + rest_s, drift, spread, confidence, True, sure, "", error,
        pieces=pieces, halves_s=found.split_half_ms / 1000,
    )  # fmt: skip


def cut_into(a: NDArray[np.float32], b: NDArray[np.float32], found: Estimate) -> tuple[steps.Piece, ...]:
    """The pieces that `b` was cut into, their bounds placed in the sounds; none where it is whole."""
    drift, offset = found.drift_ppm, found.offset_ns / NS
    told = correlate.windows(a, b, RATE, offset, drift)
    if len(told) < 3:
        return ()
    more = correlate.elsewhere(a, b, RATE, told, SEARCH_S)
    told = np.concatenate([told, more])
    pieces = steps.pieces(told[np.argsort(told[:, 0])])
    if len(pieces) < 2:
        return ()
    places = [steps.place(a, b, RATE, *pair) for pair in itertools.pairwise(pieces)]
    bounds = [place for place, _ in places]
    if any(y <= x for x, y in itertools.pairwise(bounds)):
        return ()
    starts, ends = [pieces[0].start_s, *bounds], [*bounds, pieces[-1].end_s]
    loose = [*(stretch for _, stretch in places), 0.0]
    return tuple(
        replace(piece, start_s=start, end_s=end, loose_s=stretch)
        for piece, start, end, stretch in zip(pieces, starts, ends, loose, strict=True)
    )


def pcm_of(case: Case, stream: Stream) -> tuple[NDArray[np.float32], float]:
    """A sound on the reference timeline from 0 on, and by how many seconds more it belongs later.

    A map of one anchor moves whole samples, the rest is told; one that also has a slope is read between them.
    """
    sound = case.sound(stream)
    assert sound is not None
    pcm: NDArray[np.float32] = sound.pcm[: round(LONGEST_S * RATE)].astype(np.float32) / np.float32(32768)
    if len(stream.timemap.anchors) > 1:
        return _mapped(stream, pcm), 0.0
    exact = stream.timemap.to_reference(0) * RATE / NS
    first = round(exact)
    rest_s = (exact - first) / RATE
    return (pcm[-first:] if first < 0 else np.concatenate([np.zeros(first, np.float32), pcm])), rest_s


def _mapped(stream: Stream, pcm: NDArray[np.float32]) -> NDArray[np.float32]:
    """A sound read on every sample of the reference timeline, through a map of any form."""
    return _read(stream, pcm, 0, round(LONGEST_S * RATE))


def _read(stream: Stream, pcm: NDArray[np.float32], first: int, past: int) -> NDArray[np.float32]:
    """The samples of the reference timeline from one to another, as far as there is sound."""
    end = stream.timemap.to_reference(round(len(pcm) * NS / RATE))
    past = int(np.clip(end * RATE // NS, first, past))
    out = np.zeros(past - first, np.float32)
    for start in range(first, past, 1 << 20):
        number = np.arange(start, min(start + (1 << 20), past), dtype=np.int64)
        local = stream.timemap.to_local_array(number * (NS // RATE))
        place = local * (RATE / NS)
        out[number - first] = np.interp(place, np.arange(len(pcm)), pcm, left=0, right=0)
    return out


def behind(case: Case, first: Stream, other: Stream) -> Pair | None:
    """The same two sounds behind the stretch that `sound_pair` compares: windows that no fix was made from.

    `offset_s` is that in their middle. None where both go on for less than a minute, or nothing is measured.
    """
    parts = []
    for stream in (first, other):
        sound = case.sound(stream)
        if sound is None:
            return None
        pcm = sound.pcm.astype(np.float32) / np.float32(32768)
        parts.append(_read(stream, pcm, round(LONGEST_S * RATE), round((LONGEST_S + BEHIND_S) * RATE)))
    a, b = parts
    if min(len(a), len(b)) < LEAST_BEHIND_S * RATE:
        return None
    found = correlate.sound_offset(a, b, RATE, SEARCH_S)
    if found.status is Status.NOT_MEASURABLE:
        return None
    offset = found.offset_ns / NS + found.drift_ppm * 1e-6 * min(len(a), len(b)) / RATE / 2
    method = f"{GCC} behind the first {LONGEST_S / 60:.0f} min"
    return Pair(first.id, other.id, method, offset, None, found.residual_ms / 1000, 0.99, True, False)


def _stretched(first: Stream, other: Stream, a: NDArray[np.float32], b: NDArray[np.float32]) -> Pair | None:
    """The pair of two sounds of which the second has a wrong label of its sample rate; else None."""
    factor, _, _ = correlate.stretch(a, b, RATE, SEARCH_S)
    if factor == 1.0:
        return None
    read = np.interp(np.arange(int(len(b) / factor)) * factor, np.arange(len(b)), b).astype(np.float32)
    found = correlate.sound_offset(a, read, RATE, SEARCH_S)
    if found.status is Status.NOT_MEASURABLE:
        return None
    confidence = float(np.clip((found.peak_ratio - 1) / (found.peak_ratio + 1), 0, 0.999))
    ppm = (factor * (1 + found.drift_ppm * 1e-6) - 1) * 1e6
    sure = found.status is Status.OK
    return Pair(
        first.id, other.id, STRETCHED, factor * found.offset_ns / NS, ppm, found.residual_ms / 1000,
        confidence, True, sure,
    )  # fmt: skip
