"""The cues of one text stream on the reference timeline, and which of them is spoken when. No widgets."""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inspector.core.model import Cue, Stream

FOREVER = 1 << 62
MOST_SIGNS = 20_000
"""Of one cue that are set: a page or ten. A file without line ends is one cue."""


def _bounded(text: str) -> str:
    return text if len(text) <= MOST_SIGNS else f"{text[:MOST_SIGNS]}…"


class SpokenWord(NamedTuple):
    """Where a word stands in its cue's text (characters), and when it is spoken (reference time)."""

    start: int
    end: int
    start_ns: int
    end_ns: int


class Spoken(NamedTuple):
    """The cue and the word in it that are spoken, -1 for none, and until when that stays so."""

    cue: int
    word: int
    until_ns: int


class TranscriptTrack:
    """Cues ordered by reference time. Words are mapped when they are first asked for."""

    def __init__(self, stream: Stream, cues: Sequence[Cue]) -> None:
        self.stream = stream
        self.timed = stream.clock.kind != "none" and any(cue.end_ns > cue.start_ns for cue in cues)
        local = np.array([(cue.start_ns, cue.end_ns) for cue in cues], np.int64).reshape(-1, 2)
        mapped = np.sort(stream.timemap.to_reference_array(local), axis=1)
        order = np.argsort(mapped[:, 0], kind="stable") if self.timed else np.arange(len(cues))
        self.cues = [cues[row] for row in order]
        self.texts = [_bounded(cue.text.strip()).replace("\n", "\u2028") for cue in self.cues]
        self.starts: list[int] = mapped[order, 0].tolist()
        self.ends: list[int] = mapped[order, 1].tolist()
        self._around = self._enclosing()
        self._words: dict[int, tuple[SpokenWord, ...]] = {}

    def __len__(self) -> int:
        return len(self.cues)

    def _places(self) -> list[tuple[int, int]]:
        """Where each cue's shown text begins in the text of all, joined by line ends, and its length."""
        found, at = [], 0
        for cue, text in zip(self.cues, self.texts, strict=True):
            found.append((at + len(cue.text) - len(cue.text.lstrip()), len(text)))
            at += len(cue.text) + 1
        return found

    def range_of(self, first: tuple[int, int], last: tuple[int, int]) -> tuple[int, int]:
        """The characters between two places (each a cue and a character in it), of the text of all cues."""
        places = self._places()
        low, high = (places[cue][0] + min(sign, places[cue][1]) for cue, sign in (first, last))
        return low, high

    def span_of(self, first: tuple[int, int], last: tuple[int, int]) -> tuple[int, int]:
        """When what stands between two places is spoken, local time: its words, else its cues."""
        words = [
            cue.words[at]
            for row in range(first[0], last[0] + 1)
            for cue in self.cues[row : row + 1]
            for at, word in enumerate(self.words(row)[: len(cue.words)])
            if (row, word.end) > first and (row, word.start) < last
        ]
        cues = self.cues[first[0] : last[0] + 1]
        spoken = [(each.start_ns, each.end_ns) for each in (words or cues)]
        return min(start for start, _ in spoken), max(end for _, end in spoken)

    def marks_of(self, low: int, high: int) -> list[tuple[int, int, int]]:
        """A range of characters of all cues as stretches: cue, first and last character (exclusive)."""
        found = []
        for cue, (start, length) in enumerate(self._places()):
            a, b = max(low - start, 0), min(high - start, length)
            if a < b:
                found.append((cue, a, b))
        return found

    def same_as(self, other: TranscriptTrack) -> bool:
        """Whether both show the same text at the same times."""
        return self.stream == other.stream and self.cues == other.cues

    def _enclosing(self) -> list[int]:
        """For each cue the nearest earlier one that ends after it, so that overlaps cost no search."""
        around: list[int] = []
        for row, end in enumerate(self.ends):
            outer = row - 1
            while outer >= 0 and self.ends[outer] <= end:
                outer = around[outer]
            around.append(outer)
        return around

    def words(self, row: int) -> tuple[SpokenWord, ...]:
        """The words of a cue that were found in its text, in their order."""
        known = self._words.get(row)
        if known is None:
            known = self._words[row] = self._placed(row)
        return known

    def _placed(self, row: int) -> tuple[SpokenWord, ...]:
        if not self.timed:
            return ()
        text, to_reference = self.texts[row], self.stream.timemap.to_reference
        placed, at = [], 0
        for word in self.cues[row].words:
            bare = word.text.strip()
            found = text.find(bare, at) if bare else -1
            if found < 0:
                continue
            at = found + len(bare)
            start_ns, end_ns = sorted((to_reference(word.start_ns), to_reference(word.end_ns)))
            placed.append(SpokenWord(found, at, start_ns, end_ns))
        return tuple(placed)

    def spoken(self, reference_ns: int) -> Spoken:
        """What is spoken at a moment, by bisection; of cues that overlap, the one that began last."""
        if not self.timed:
            return Spoken(-1, -1, FOREVER)
        last = bisect_right(self.starts, reference_ns) - 1
        until = self.starts[last + 1] if last + 1 < len(self.starts) else FOREVER
        cue = last
        while cue >= 0 and self.ends[cue] <= reference_ns:
            cue = self._around[cue]
        if cue < 0:
            return Spoken(-1, -1, until)
        until = min(until, self.ends[cue])
        words = self.words(cue)
        word = bisect_right(words, reference_ns, key=lambda each: each.start_ns) - 1
        if word + 1 < len(words):
            until = min(until, words[word + 1].start_ns)
        if word >= 0 and words[word].end_ns > reference_ns:
            return Spoken(cue, word, min(until, words[word].end_ns))
        return Spoken(cue, -1, until)

    def find(self, needle: str) -> list[int]:
        """The cues that have `needle` in their text, in any case of letters."""
        pattern = re.compile(re.escape(needle), re.IGNORECASE)
        return [row for row, text in enumerate(self.texts) if pattern.search(text)]
