"""Whether two recordings hold the same: marks that outlive another encoder, and their sketches.

A sound's marks are the signs of how the energy of 33 bands changes from band to band and frame to frame, 32
bits each (Haitsma and Kalker, "A Highly Robust Audio Fingerprinting System", ISMIR 2002). A film's are those
of how the light of 4 × 9 blocks changes from block to block and within a second (after Oostveen, Kalker and
Haitsma, "Feature Extraction and a Database Strategy for Video Fingerprinting", VISUAL 2002), with a third
state for what hardly changes: a room that all films of a dataset share is no likeness. Of many marks the
smallest ones, once they are mixed, are kept (bottom-k sketch): what two tracks have in common shows in these,
also where one is a part of the other. Runs in a child, since it decodes.
"""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from inspector.core.model import Modality, Source
from inspector.core.prints import mixed
from inspector.core.times import NS
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
BLOCKS = (4, 9)
SINCE_NS, MOST_HELD = NS, 4096
CHANGE = 2.0
"""Of 255: less is no change, a tenth of what moves and more than what an encoder leaves."""
MOVED = 8
"""Of 32 places so many have to change, else a frame is no mark: what stands still is like all that does."""
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


def film_marks(source: Source) -> NDArray[np.uint64]:
    """The marks of a film, (n,), made here: for a child. InspectorError where it cannot be opened."""
    from inspector.media.gray import gray_frames

    held: deque[tuple[int, NDArray[np.float64]]] = deque(maxlen=MOST_HELD)
    powers = 3 ** np.arange(BLOCKS[0] * (BLOCKS[1] - 1), dtype=np.uint64)
    found: list[int] = []
    for at_ns, picture in gray_frames(source):
        if min(picture.shape[0] // BLOCKS[0], picture.shape[1] // BLOCKS[1]) < 1:
            break
        held.append((at_ns, np.diff(_blocks(picture), axis=1).ravel()))
        while len(held) > 1 and held[1][0] <= at_ns - SINCE_NS:
            held.popleft()
        if held[0][0] <= at_ns - SINCE_NS:
            change = held[-1][1] - held[0][1]
            moved = np.abs(change) > CHANGE
            if moved.sum() >= MOVED:
                found.append(int(np.where(moved, np.where(change > 0, 2, 1), 0).astype(np.uint64) @ powers))
    return np.array(found, np.uint64)


def _blocks(picture: NDArray[np.uint8]) -> NDArray[np.float64]:
    """The mean of each of BLOCKS."""
    rows, columns = (
        np.linspace(0, size, count, endpoint=False).astype(int)
        for size, count in zip(picture.shape, BLOCKS, strict=True)
    )
    sums = np.add.reduceat(np.add.reduceat(picture, rows, axis=0, dtype=np.uint32), columns, axis=1)
    sizes = np.outer(
        *(np.diff(each, append=size) for each, size in zip((rows, columns), picture.shape, strict=True))
    )
    means: NDArray[np.float64] = sums / sizes
    return means


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
        """The sketch of a sound or film; empty for other streams. InspectorError where it cannot be read."""
        source = stream.source
        if stream.modality not in (Modality.AUDIO, Modality.VIDEO) or source.format != "av":
            return np.zeros(0, np.uint64)
        order = {
            "kind": stream.modality.value,
            "path": str(source.path),
            "track": source.track,
            "start": source.start_ns,
            "end": source.end_ns,
        }
        try:
            answer = self._children.answer(order, _PATIENCE_S + source.path.stat().st_size / _SLOWEST)
        except (EOFError, TimeoutError, OSError) as error:
            fault = f"{source.path}: {error or type(error).__name__}"
            raise InspectorError(
                f"The {stream.modality} cannot be read", fault, "Check it or re-encode it"
            ) from error
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
        marks = film_marks if order["kind"] == Modality.VIDEO else sound_marks
        return {"sketch": sketch(marks(source)).tolist()}

    bound_memory()
    expendable()
    serve(work, "The track cannot be read", lambda order: order["path"])
