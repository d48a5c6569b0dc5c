"""What containers say of when their tracks begin: known starts are muxed in, and read to a millisecond."""

from __future__ import annotations

from typing import TYPE_CHECKING

import films
import numpy as np

from inspector.audit.runner import Options
from inspector.session import Session

if TYPE_CHECKING:
    from pathlib import Path

STARTS_S = (0.0, 0.025, 0.05, 0.1, 0.2, 0.333, 0.5, 0.844)
CODECS = {"mkv": "pcm_s16le", "mov": "pcm_s16le", "mp4": "aac", "ts": "aac"}
PRIMING_S = 1024 / 48_000
"""The encoder stamps its first packet so much earlier; where that is not before 0 nothing takes it off."""
NEAR_MS = 1.0


def test_starts_of_tracks(tmp_path: Path) -> None:
    true: dict[str, float] = {}
    for number, start_s in enumerate(STARTS_S):
        for ending, codec in CODECS.items():
            name = f"{ending}_{number}"
            (tmp_path / "data" / name).mkdir(parents=True)
            path = tmp_path / "data" / name / f"cam.{ending}"
            films.make_film(path, films.steady(3, 25), rate=25, sound_start_s=start_s, sound=codec)
            early_s = PRIMING_S if codec == "aac" and (start_s >= PRIMING_S or ending == "ts") else 0.0
            true[name] = (start_s - early_s) * 1000
    with Session.open(tmp_path / "data") as session:
        found = list(session.audit(Options(("timing.container_start",))).findings())
    errors = {}
    for each in found:
        name = (each.record_id or "").split("/")[0]
        errors[name] = (each.value or 0.0) - true[name]
    print(f"\n{'container start':20}{'n':>4}{'median ms':>12}{'worst ms':>12}")
    for ending in CODECS:
        mine = np.abs([error for name, error in errors.items() if name.startswith(f"{ending}_")])
        print(f"{ending:20}{len(mine):4}{np.median(mine):12.3f}{mine.max():12.3f}")
    assert len(errors) == len(true)
    assert max(map(abs, errors.values())) <= NEAR_MS
