"""The trials by family: known faults put into real recordings, generated speech and the bundled dataset.

A trial is made anew from `(family, source, number)`, so that a pool of processes needs no more than that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.accuracy.injected_records import (
    demo,
    demo_names,
    film_names,
    frames,
    long_names,
    long_sensor,
    sensor_names,
    stamps,
    turn_names,
    turns,
)
from bench.accuracy.injected_sounds import sounds, transcript_names, transcripts
from bench.accuracy.sources import sound_names, tuning

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.accuracy.virtual import Trial

__all__ = ["CHECKS", "FAMILIES", "NAMES", "tuning"]

NAMES: dict[str, Callable[[], list[str]]] = {
    "sounds": sound_names,
    "transcripts": transcript_names,
    "demo": demo_names,
    "frames": film_names,
    "stamps": sensor_names,
    "long": long_names,
    "turns": turn_names,
}
"""The sources of each family that are here."""
FAMILIES: dict[str, Callable[[str, int], Trial]] = {
    "sounds": sounds,
    "transcripts": transcripts,
    "demo": demo,
    "frames": frames,
    "stamps": stamps,
    "long": long_sensor,
    "turns": turns,
}
CHECKS: dict[str, tuple[str, ...]] = {
    "sounds": ("timing.av_offset", "timing.drift", "timing.jump", "timing.sample_rate", "timing.closure"),
    "transcripts": ("transcript.offset", "transcript.rate"),
    "demo": (
        "timing.av_offset", "timing.camera_offset", "timing.closure", "transcript.offset",
        "transcript.rate", "sensor.offset", "sensor.drift",
    ),
    "frames": ("timing.frames", "content.frozen", "content.black"),
    "stamps": ("sensor.gaps", "sensor.reset"),
    "long": ("timing.av_offset", "sensor.offset", "sensor.drift"),
    "turns": ("sensor.offset", "sensor.drift"),
}  # fmt: skip
