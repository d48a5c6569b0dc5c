"""Graphics processors as they come: run as the child that tries one, chosen by $ACCELERATOR."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

import numpy as np

from inspector.media import hardware

if TYPE_CHECKING:
    from pathlib import Path

_real = hardware.decoded


def decoded(path: Path, track: int, device: str | None) -> tuple[list[hardware.Shot], float]:
    """The real frames of the processor; a device's are made of them."""
    shots, _ = _real(path, track, None)
    kind = os.environ["ACCELERATOR"]
    if device is None:
        return shots, 1.0
    if kind == "crashes":
        os.abort()
    if kind == "hangs":
        threading.Event().wait()
    if kind == "refuses":
        raise ValueError("no such device")
    if kind == "short":
        return shots[:-1], 0.1
    if kind == "late":
        shots = [
            shot._replace(pts=later.pts) for shot, later in zip(shots, shots[1:] + shots[:1], strict=True)
        ]
    if kind == "wrong":
        shots = [shot._replace(pixels=(shot.pixels // 2).astype(np.uint8)) for shot in shots]
    if kind == "one_wrong":
        shots[7] = shots[7]._replace(pixels=shots[9].pixels)
    if kind == "good":  # a device rounds otherwise
        shots = [shot._replace(pixels=(shot.pixels ^ 1).astype(np.uint8)) for shot in shots]
    return shots, 0.95 if kind == "level" else 0.4


def main() -> None:
    """The child."""
    hardware.decoded = decoded
    hardware.main()
