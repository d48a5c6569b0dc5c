"""Sounds for tests of waveforms, and the truth of them: what PcmReader plays."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import numpy as np
from films import NS, RATE

from inspector.core.model import Source
from inspector.media import child
from inspector.media.audio import PcmReader
from inspector.media.peak_levels import RECORD
from inspector.media.peaks import BLOCK, Peaks

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

Pairs = tuple["NDArray[np.float32]", "NDArray[np.float32]"]


def heard(source: Source, rate: int) -> Pairs:
    """The extremes of each block of what PcmReader plays: the truth."""
    reader = PcmReader(source, rate)
    parts, end = [np.zeros((0, 2), np.float32)], 0
    for start, pcm in reader.blocks():
        fresh = pcm[max(end - start, 0) :]
        if len(fresh):
            parts += [np.zeros((max(start - end, 0), 2), np.float32), fresh]
            end = start + len(pcm)
    reader.close()
    whole = np.concatenate(parts)
    blocks = np.pad(whole, ((0, -len(whole) % BLOCK), (0, 0)), mode="edge").reshape(-1, BLOCK * 2)
    return blocks.min(1), blocks.max(1)


def drawn(made: Peaks) -> Pairs:
    """The finest level of a pyramid."""
    count = -(-made.end_ns * made.rate // NS // BLOCK)
    low, high = made._read(0, 0, count, None)[2][:count].T
    return low, high


def source_of(path: Path, **more: Any) -> Source:
    """Its first sound."""
    track = next(track for track in child.probe(path).tracks if track.kind == "audio")
    return Source(path, "av", track.index, **more)


class Broken(Exception):
    """The power goes."""


def noise(path: Path, codec: str, seconds: float, **options: str) -> Source:
    """A sound that differs everywhere."""
    rng = np.random.default_rng(8)
    wave = np.convolve(rng.normal(0, 0.2, round(seconds * RATE)), np.ones(12) / 12, "same").astype("f4")
    with av.open(str(path), "w") as box:
        audio: Any = box.add_stream(codec, rate=RATE, layout="mono", options=options)
        for sent in range(0, len(wave), 1024):
            frame = av.AudioFrame.from_ndarray(wave[None, sent : sent + 1024], format="flt", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = RATE, sent, Fraction(1, RATE)
            box.mux(audio.encode(frame))
        box.mux(audio.encode())
    return source_of(path)


def bytes_of(path: Path) -> NDArray[np.float32]:
    records = np.frombuffer(path.read_bytes()[4096:], RECORD)
    return np.concatenate([records[f"level{level}"].reshape(-1) for level in range(5)])
