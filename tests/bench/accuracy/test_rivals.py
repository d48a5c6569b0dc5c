"""The same cases before the audit and before the tools that people use instead."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

import numpy as np
import pytest
from bench.accuracy import injected, rivals
from bench.accuracy.material import RATE
from bench.accuracy.virtual import judged

from inspector.core.model import Modality
from inspector.core.times import NS

SCALE = float(os.environ.get("INSPECTOR_CASES", "1"))
SOUND_NUMBERS = range(round(48 * SCALE))
TEXT_NUMBERS = range(round(72 * SCALE))
FAR_MS = 125.0


@dataclass
class Row:
    """A tool's errors in ms; `silent` is how often it gave none."""

    name: str
    errors: list[float] = field(default_factory=list)
    silent: int = 0

    def took(self, error_ms: float | None) -> None:
        """One more case."""
        if error_ms is None:
            self.silent += 1
        else:
            self.errors.append(abs(error_ms))

    def text(self, far_ms: float) -> str:
        """One line of the table."""
        size = np.array(self.errors) if self.errors else np.array([np.nan])
        far = int((size > far_ms).sum())
        return (
            f"{self.name:34}{len(self.errors):6}{np.median(size):10.3f}{np.quantile(size, 0.95):10.3f}"
            f"{size.max():10.3f}{far:8}{self.silent:8}"
        )


def table(title: str, rows: list[Row], far_ms: float) -> None:
    """Print the rows; a tool that is not there says why."""
    print(f"\n{title}\n{'':34}{'cases':>6}{'median':>10}{'p95':>10}{'worst':>10}{'far':>8}{'refused':>8}")
    for row in rows:
        there = "inspector" in row.name or rivals.program(row.name.split(",")[0])
        print(row.text(far_ms) if not isinstance(there, str) else f"{row.name:34} not measured: {there}")


def test_two_recorders() -> None:
    """Late sounds, some with a fast clock: how far off the middle of the recording is."""
    names = injected.NAMES["sounds"]()
    if not names:
        pytest.skip("there are no recordings to measure on")
    rows = {name: Row(name) for name in ("inspector", "audio-offset-finder", "syncstart")}
    for number in SOUND_NUMBERS:
        trial = injected.FAMILIES["sounds"](names[number % len(names)], number)
        if "timing.av_offset" not in trial.truth:
            continue
        a, b = (part.pcm for part in trial.parts)
        belongs = trial.parts[1].belongs
        assert a is not None
        assert b is not None
        assert belongs is not None
        # Local time at which the first one's middle is heard in the second, less that middle.
        grid = np.linspace(-10, len(b) / RATE + 10, 100_000)
        middle = len(a) / RATE / 2
        late = float(np.interp(middle, belongs(grid), grid)) - middle
        (told,) = judged(trial, ("timing.av_offset",))
        ours = None
        if told.error is not None and told.outcome != "refused":
            ours = told.error
        rows["inspector"].took(ours)
        tools = (("audio-offset-finder", rivals.audio_offset_finder), ("syncstart", rivals.syncstart))
        for name, run in tools:
            said = run(a, b)
            rows[name].took(None if said is None else (said - late) * 1000)
    title = "sound against sound, ms (far: over 40 ms; syncstart and the finder never refuse)"
    table(title, [*rows.values()], 40)
    assert not sum(error > 40 for error in rows["inspector"].errors)


def test_transcripts() -> None:
    """Late cues of generated speech, clean to 5 dB."""
    names = injected.NAMES["transcripts"]()
    if not names:
        pytest.skip("espeak-ng is not installed")
    rows: dict[str, Row] = {}
    for number in TEXT_NUMBERS:
        trial = injected.FAMILIES["transcripts"](names[number % len(names)], number)
        if "transcript.offset" not in trial.truth:
            continue
        noise = trial.row.split(", ")[1]
        late = trial.truth["transcript.offset"][1] / 1000
        (told,) = judged(trial, ("transcript.offset",))
        cues = [(cue.start_ns / NS, cue.end_ns / NS) for cue in trial.parts[1].cues]
        starts, ends = np.array(cues).T
        sound = next(part.pcm for part in trial.parts if part.modality is Modality.AUDIO)
        assert sound is not None
        said = rivals.ffsubsync(sound, starts, ends)
        for which, error in (
            ("inspector", told.error if told.outcome != "refused" else None),
            ("ffsubsync", None if said is None else (said - late) * 1000),
        ):
            for name in (f"{which}, {noise}", f"{which}, all"):
                rows.setdefault(name, Row(name)).took(error)
    table(f"transcripts, ms (far: over {FAR_MS:.0f} ms)", [rows[name] for name in sorted(rows)], FAR_MS)
    ours, theirs = rows["inspector, all"], rows["ffsubsync, all"]
    assert not sum(error > FAR_MS for error in ours.errors)
    assert np.median(ours.errors) <= 20
    if theirs.errors:
        assert np.median(ours.errors) <= np.median(theirs.errors)
