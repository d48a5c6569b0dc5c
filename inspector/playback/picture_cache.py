"""Decoded pictures of one film, kept near the playhead within a number of bytes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from inspector.media.video import Picture


class PictureCache:
    """Pictures by frame number; when they are too many, the farthest from `center` goes.

    One thread at a time may change it; asking `in`, `get` and `nearest` needs no lock.
    """

    def __init__(self, budget_bytes: int) -> None:
        self.budget = budget_bytes
        self.center = 0
        self.bytes = 0
        self._pictures: dict[int, Picture] = {}

    def __contains__(self, number: int) -> bool:
        return number in self._pictures

    def __len__(self) -> int:
        return len(self._pictures)

    def get(self, number: int) -> Picture | None:
        """The picture of a frame, where it is kept."""
        return self._pictures.get(number)

    def nearest(self, number: int) -> Picture | None:
        """The picture whose frame is nearest."""
        near = min(tuple(self._pictures), key=lambda each: abs(each - number), default=None)
        return None if near is None else self._pictures.get(near)

    def add(self, picture: Picture) -> None:
        """Keep it, and let go of what is too much; the two nearest stay whatever their size."""
        if picture.number in self._pictures:
            return
        self._pictures[picture.number] = picture
        self.bytes += picture.nbytes
        while self.bytes > self.budget and len(self._pictures) > 2:
            farthest = max(self._pictures, key=lambda each: abs(each - self.center))
            self.bytes -= self._pictures.pop(farthest).nbytes

    def clear(self) -> None:
        """Forget all of them."""
        self._pictures.clear()
        self.bytes = 0

    def renumbered(
        self, number_of: Callable[[int], int | None], span_of: Callable[[int], tuple[int, int]]
    ) -> PictureCache:
        """Another cache, for an index that counts the same frames otherwise; those it does not know go."""
        made = PictureCache(self.budget)
        for picture in self._pictures.values():
            if (number := number_of(picture.number)) is not None:
                made.add(replace(picture, number=number, span=span_of(number)))
        return made

    def run(self, number: int, step: int) -> int:
        """How many frames next to `number` in a direction (+1, -1) are kept without a hole."""
        count = 0
        while number + step * (count + 1) in self._pictures:
            count += 1
        return count

    def room(self, picture_bytes: int, share: float) -> int:
        """How many pictures of a size fit into a share of the budget."""
        return int(self.budget * share) // max(picture_bytes, 1)
