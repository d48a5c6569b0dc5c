"""Whether two recordings hold the same: marks of a sound that outlive another encoder, and their sketches.

A sound's marks are the signs of how the energy of 33 bands changes from band to band and frame to frame, 32
bits each (Haitsma and Kalker, "A Highly Robust Audio Fingerprinting System", ISMIR 2002). Of many marks the
smallest ones, once they are mixed, are kept (bottom-k sketch): what two tracks have in common shows in these,
also where one is a part of the other. Runs in a child, since it decodes.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from inspector.core.model import Modality, Source
from inspector.core.prints import mixed
from inspector.errors import InspectorError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from inspector.core.model import Stream

MODULE = "inspector.media.likeness"
KEPT = 512
"""Marks of a track that are kept."""
RATE, WINDOW, HOP = 8000, 2048, 256
BANDS_HZ = np.geomspace(300, 2500, 34)
QUIET = 1e-3
"""Frames with less than this of the usual energy are no mark: silence is like silence."""
_PATIENCE_S, _SLOWEST = 120.0, 1 << 18


def sketch(marks: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The KEPT smallest of the mixed marks, ascending, each once."""
    kept: NDArray[np.uint64] = np.unique(mixed(marks))[:KEPT]
    return kept


def common(one: NDArray[np.uint64], other: NDArray[np.uint64]) -> tuple[int, float]:
    """How many marks two sketches share, and which share of the shorter one that is, where both are told."""
    if not len(one) or not len(other):
        return 0, 0.0
    limit = min(one[-1], other[-1])
    one, other = one[one <= limit], other[other <= limit]
    count = len(np.intersect1d(one, other, assume_unique=True))
    return count, count / max(min(len(one), len(other)), 1)


def sound_marks(source: Source) -> NDArray[np.uint64]:
    """The marks of a sound, (n,), made here: for a child. InspectorError where it cannot be opened."""
    from inspector.media.audio import PcmReader

    reader = PcmReader(source, RATE, "mono")
    edges = np.round(BANDS_HZ * WINDOW / RATE).astype(int)
    window = np.hanning(WINDOW).astype(np.float32)
    found: list[NDArray[np.uint64]] = []
    loud: list[NDArray[np.float32]] = []
    last: NDArray[Any] | None = None
    try:
        for pcm in _stretches(reader):
            frames = np.lib.stride_tricks.sliding_window_view(pcm, WINDOW)[::HOP]
            power = np.abs(np.fft.rfft(frames * window, axis=1)) ** 2
            bands = np.add.reduceat(power[:, : edges[-1]], edges[:-1], axis=1)
            slopes = -np.diff(np.log(bands + 1e-12), axis=1)
            before = slopes[:1] if last is None else last
            rising = np.diff(np.concatenate([before, slopes]), axis=0) > 0
            found.append(
                (rising.astype(np.uint64) << np.arange(32, dtype=np.uint64)).sum(axis=1, dtype=np.uint64)
            )
            loud.append(bands.sum(axis=1).astype(np.float32))
            last = slopes[-1:]
    finally:
        reader.close()
    if not found:
        return np.zeros(0, np.uint64)
    energy = np.concatenate(loud)
    marks: NDArray[np.uint64] = np.concatenate(found)[energy > QUIET * np.median(energy) + 1e-9]
    return marks


def _stretches(reader: Any) -> Iterator[NDArray[np.float32]]:
    """The sound in stretches of some seconds that overlap by a window less a hop."""
    held: list[NDArray[np.float32]] = []
    count = 0
    for _, pcm in reader.blocks():
        held.append(pcm[:, 0])
        count += len(pcm)
        if count >= 8 * RATE:
            whole = np.concatenate(held)
            frames = (len(whole) - WINDOW) // HOP + 1
            yield whole[: (frames - 1) * HOP + WINDOW]
            held = [whole[frames * HOP :]]
            count = len(held[0])
    if count >= WINDOW:
        yield np.concatenate(held)


class Likeness:
    """Makes sketches in child processes, in any thread. To be used in a `with`."""

    def __init__(self) -> None:
        from inspector.media.child import Pool

        self._children = Pool(MODULE)

    def __enter__(self) -> Likeness:
        return self

    def __exit__(self, *_: object) -> None:
        self._children.close()

    def of(self, stream: Stream) -> NDArray[np.uint64]:
        """The sketch of a sound; empty for other streams. InspectorError where it cannot be read."""
        source = stream.source
        if stream.modality is not Modality.AUDIO or source.format != "av":
            return np.zeros(0, np.uint64)
        order = {
            "path": str(source.path),
            "track": source.track,
            "start": source.start_ns,
            "end": source.end_ns,
        }
        try:
            answer = self._children.answer(order, _PATIENCE_S + source.path.stat().st_size / _SLOWEST)
        except (EOFError, TimeoutError, OSError) as error:
            fault = f"{source.path}: {error or type(error).__name__}"
            raise InspectorError("The sound cannot be read", fault, "Check it or re-encode it") from error
        if "sketch" not in answer:
            raise InspectorError(*answer["error"])
        return np.array(answer["sketch"], np.uint64)


def main() -> None:
    """The child's loop: an order a line, its answer, until the pipe closes."""
    from inspector.media.child import bound_memory, serve
    from inspector.media.opening import expendable

    def work(order: Any) -> dict[str, Any]:
        path, track = Path(order["path"]), order["track"]
        source = Source(path, "av", track, start_ns=order["start"], end_ns=order["end"])
        return {"sketch": sketch(sound_marks(source)).tolist()}

    bound_memory()
    expendable()
    serve(work, "The sound cannot be read", lambda order: order["path"])
