"""Trials of two recorders and of transcripts: known faults put into PCM and cue times."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from bench.accuracy.material import (
    RATE,
    Speech,
    have_espeak,
    noisy,
    recorded_again,
    resampled,
)
from bench.accuracy.sources import (
    DEGRADED,
    late,
    nowhere,
    recording,
    sound_names,
    spoken,
    tuning,
)
from bench.accuracy.virtual import Part, Trial, case_of

from inspector.core.model import Cue, Modality
from inspector.core.times import NS

if TYPE_CHECKING:
    from bench.accuracy.virtual import Belongs
    from numpy.typing import NDArray


# -- two recorders -----------------------------------------------------------------------------------------

SOUND_KINDS: tuple[str, ...] = (
    *("late", "late", "late and fast", "late and fast", "late and fast", "cut", "cut", "right"),
    *("wrong rate", "stranger", "hardly late", "hardly fast"),
)


def sounds(name: str, number: int) -> Trial:
    """A second recorder's sound: late, fast, cut, at a wrong rate, of something else, or right."""
    rng = np.random.default_rng([number, *name.encode()])
    x = recording(name)
    kind = SOUND_KINDS[number % len(SOUND_KINDS)]
    kind = "late" if kind == "cut" and len(x) < 30 * RATE else kind
    how = list(DEGRADED)[int(rng.integers(len(DEGRADED)))]
    length = len(x) / RATE
    offset, ppm = 0.0, 0.0
    unsafe: tuple[float, ...] = ()
    truth: dict[str, tuple[str, float]] = {}
    near: dict[str, float] = {"timing.av_offset": 2.0, "timing.drift": 20.0}
    if kind in ("late", "late and fast", "cut"):
        offset = float(rng.uniform(-8, 8) if length > 30 else rng.uniform(-2, 2))
    if kind == "hardly late":
        offset = float(rng.uniform(-0.1, 0.1))
    if kind in ("late and fast", "hardly fast"):
        ppm = float(rng.choice([-1000, -250, -100, -50, -30, 30, 50, 100, 250, 1000]))
        ppm = ppm if kind == "late and fast" else ppm / 20
    y = recorded_again(x, offset, ppm)
    belongs = late(offset, ppm)
    if kind == "cut":
        size, at = float(rng.choice([-1, 1]) * rng.uniform(0.06, 0.6)), float(rng.uniform(11, length - 11))
        here = round((at + offset) * RATE)
        gone = round(abs(size) * RATE)
        extra = noisy(np.zeros(gone, np.float32) + 1e-3, 0, rng)
        parts = [y[:here], y[here + gone :]] if size < 0 else [y[:here], extra, y[here:]]
        y = np.concatenate(parts)
        truth["timing.jump"] = ("b", size * 1000)
        near["timing.jump"] = 5.0
        belongs, unsafe = _cut(offset, at + offset, size), (at + offset,)
    if kind == "wrong rate":
        factor = float(rng.choice([44_100 / 48_000, 48_000 / 44_100]))
        y = resampled(y, 1 / factor)
        truth["timing.sample_rate"] = ("b", (factor - 1) * 100)
        near["timing.sample_rate"] = 0.01
        belongs = late(0.0, (factor - 1) * 1e6)
    if kind == "stranger":
        names = sound_names()
        y = recording(names[(names.index(name) + 1 + number) % len(names)])
        if names[(names.index(name) + 1 + number) % len(names)] == name:
            y = y[::-1].copy()
        belongs = nowhere
    if kind in ("late", "late and fast", "right", "hardly late", "hardly fast"):
        tells = ppm if abs(ppm) > 20 else 0.0
        middle = 0.0 if tells else ppm * 1e-6 * length / 2
        truth["timing.av_offset"] = ("b", (offset + middle) * 1000)
        if length >= 30:
            truth["timing.drift"] = ("b", ppm)
    a, b = noisy(x, 20, rng), DEGRADED[how](y, rng)
    parts_ = (
        Part("a", Modality.AUDIO, len(a) / RATE, pcm=a),
        Part("b", Modality.AUDIO, len(b) / RATE, pcm=b, belongs=belongs, unsafe=unsafe),
    )
    excused = frozenset({"timing.av_offset"}) if kind in ("cut", "wrong rate") else frozenset()
    return Trial(f"two recorders: {how}", case_of(parts_, "a"), parts_, truth, near, excused)


def _cut(offset_s: float, at_s: float, size_s: float) -> Belongs:
    """Late by `offset_s`, from the local time `at_s` on by `size_s` more (less where negative)."""

    def belongs(t: NDArray[np.float64]) -> NDArray[np.float64]:
        out = np.where(t < at_s, t - offset_s, t - offset_s - size_s)
        inserted = (t >= at_s) & (t < at_s + max(size_s, 0.0))
        return np.where(inserted, np.nan, out)

    return belongs


# -- transcripts -------------------------------------------------------------------------------------------

TEXT_KINDS = ("late", "late", "late", "late", "right", "another's", "other rate", "held", "jitter")


def transcripts(name: str, number: int) -> Trial:
    """Cues of generated speech: late, right, another recording's, at another rate, held longer, inexact."""
    rng = np.random.default_rng([number, *name.encode(), 5])
    seed = int(name)
    said = spoken(seed, 48.0 if seed % 2 else 60.0)
    kind = TEXT_KINDS[number % len(TEXT_KINDS)]
    snr = (60, 20, 10, 5)[int(rng.integers(4))]
    offset = 0.0 if kind == "right" else float(rng.uniform(-10, 10))
    if kind == "other rate":
        offset = float(rng.uniform(-4, 4))
    starts, ends = said.starts.copy(), said.ends.copy()
    ratio = 1.0
    if kind == "another's":
        other = spoken(seed + (4 if seed % 8 < 4 else -4), 48.0 if seed % 2 else 60.0)
        starts, ends = other.starts, other.ends
    if kind == "held":  # as subtitles are: on the screen for longer than they are spoken
        ends = np.minimum(ends + rng.uniform(0.1, 0.6, len(ends)), np.append(starts[1:] - 0.02, np.inf))
    if kind == "jitter":
        starts, ends = starts + rng.normal(0, 0.1, len(starts)), ends + rng.normal(0, 0.1, len(ends))
        ends = np.maximum(ends, starts + 0.2)
    if kind == "other rate":
        ratio = float(rng.choice([25 / 24, 24 / 25, 25 / 23.976, 23.976 / 25]))
    length = len(said.pcm) / RATE
    moved = starts * ratio + offset
    kept = moved >= 0
    cues = tuple(
        Cue(round(a * NS), round(b * NS), text)
        for a, b, text in zip(moved[kept], (ends * ratio + offset)[kept], _texts(said, starts), strict=False)
    )
    belongs: Belongs = late(offset, (ratio - 1) * 1e6)
    if kind == "another's":
        belongs = nowhere
    sound = noisy(said.pcm, snr, rng, number % 2 == 0)
    last = max((cue.end_ns for cue in cues), default=NS) / NS
    parts = (
        Part("voice", Modality.AUDIO, length, pcm=sound),
        Part("words", Modality.TEXT, last, cues=cues, belongs=belongs),
    )
    truth: dict[str, tuple[str, float]] = {}
    if kind not in ("another's", "other rate"):
        truth["transcript.offset"] = ("words", offset * 1000)
    if kind == "other rate":
        truth["transcript.rate"] = ("words", (ratio - 1) * 100)
    row = {"held": "transcript, cues held", "jitter": "transcript, cues ±100 ms"}.get(
        kind, f"transcript, {snr} dB"
    )
    near = {"transcript.rate": 0.12}  # 24 and 23.976 frames are told apart only over more than 8 minutes
    excused = frozenset({"transcript.offset"}) if kind == "other rate" else frozenset()
    return Trial(row, case_of(parts, "voice"), parts, truth, near, excused)


def _texts(said: Speech, starts: NDArray[np.float64]) -> list[str]:
    return [said.texts[k % len(said.texts)] for k in range(len(starts))]


def transcript_names() -> list[str]:
    """Seeds of the generated recordings: below 100 those that were tuned on."""
    if not have_espeak():
        return []
    return [str(seed) for seed in (range(8) if tuning() else range(100, 116))]
