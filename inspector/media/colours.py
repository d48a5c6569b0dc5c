"""How bright a stretch of a film is, by colour: what a policy's pictures are normalised by. In a child."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from inspector.core.model import Source
from inspector.errors import InspectorError
from inspector.media.child import Pool

if TYPE_CHECKING:
    from inspector.core.model import Span

MODULE = "inspector.media.colours"
FRAMES = 20
"""Frames of a stretch that are looked at, evenly spaced: more change the mean by less than they cost."""
FIT = (160, 160)
"""Pictures are made so small first: means stay, and noise, which is not what is asked for, goes."""
LIMIT_S = 120.0


@dataclass(frozen=True, slots=True)
class Colours:
    """Of red, green and blue, as fractions of full: least, greatest, mean and deviation over all pixels."""

    frames: int
    least: tuple[float, ...]
    most: tuple[float, ...]
    mean: tuple[float, ...]
    deviation: tuple[float, ...]


def colours(path: Path, track: int, span: Span) -> Colours | None:
    """The colours of a film between two times of the file; None where no frame there can be decoded.

    Raises InspectorError where the film cannot be read.
    """
    from inspector.media.video import VideoReader

    reader = VideoReader(Source(path, "av", track=track))
    try:
        index = reader.index
        first, last = np.searchsorted(index.start_ns, [span[0] - 1000, span[1] - 1000])
        if last <= first:
            return None
        numbers = np.unique(np.linspace(first, last - 1, FRAMES).round().astype(int))
        found = []
        for number in numbers.tolist():
            picture = reader.read(number, FIT)
            if picture is not None:
                rows = np.frombuffer(picture.data, np.uint8).reshape(-1, picture.stride)[: picture.height]
                pixels = rows[:, : picture.width * 4].reshape(-1, 4)[:, 2::-1]
                found.append(pixels.astype(np.float64) / 255)
    finally:
        reader.close()
    if not found:
        return None
    every = np.concatenate(found)
    told = (every.min(axis=0), every.max(axis=0), every.mean(axis=0), every.std(axis=0))
    return Colours(len(found), *(tuple(each.tolist()) for each in told))


class ColourPool:
    """Asks children, which may die of a film without harm, in any thread."""

    def __init__(self) -> None:
        self._children = Pool(MODULE)

    def ask(self, path: Path, track: int, span: Span) -> Colours | None:
        """As `colours`; None also where the film cannot be read, or the child dies of it or hangs."""
        try:
            told = self._children.answer([str(path), track, span], LIMIT_S)
        except (EOFError, TimeoutError):
            return None
        return None if "frames" not in told else Colours(**told)

    def close(self) -> None:
        """End the children."""
        self._children.close()


def main() -> None:
    """The child's loop: a film and a stretch a line, its answer, until the pipe closes."""
    from inspector.media.child import bound_memory
    from inspector.media.opening import expendable

    bound_memory()
    expendable()
    for line in sys.stdin:
        path, track, (start, end) = json.loads(line)
        answer: dict[str, Any] = {}
        try:
            found = colours(Path(path), track, (start, end))
        except InspectorError:
            found = None
        if found is not None:
            answer = {name: getattr(found, name) for name in Colours.__slots__}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
