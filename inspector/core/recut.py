"""A transcript cut anew: words and lines (cues) split, merged, added and deleted, with all that names them.

Each function gives the cues that become others and where their words went; `recut` makes one `Step` of it.
A line that was not delivered gets a number of its own (`new_number`), far above those of delivered ones, so
that two curators never give the same, and no number that stands in a label comes to mean another line.
"""

from __future__ import annotations

import secrets
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from inspector.core.annotate import Draft, Step, cue_target, short, word_target
from inspector.core.model import Cue, Word
from inspector.core.transcripts import ADDED_FROM, cue_path, cue_value, in_order
from inspector.errors import InspectorError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from inspector.core.model import Anchor, Record

Place = tuple[int, int]
"""The number of a cue and the place of a word in it."""


@dataclass(frozen=True, slots=True)
class Cut:
    """What becomes of cues: `now` by number (None: deleted), `words` and `lines` say where each went.

    A word of a cue in `now` that `words` does not name is gone, as is a deleted cue that `lines` does not.
    """

    title: str
    now: Mapping[int, Cue | None]
    words: Mapping[Place, Place] = field(default_factory=dict)
    lines: Mapping[int, int] = field(default_factory=dict)


def new_number() -> int:
    """A number for a line that was not delivered."""
    return ADDED_FROM + secrets.randbits(48)


def recut(record: Record, stream_id: str, cues: Sequence[tuple[int, Cue]], cut: Cut) -> Step:
    """A cut as one step. What names a word or line goes where it went, and is checked again where it reads
    otherwise; what named one that is gone keeps its place in time. Ranges of text are counted anew.
    """
    draft = Draft(record)
    old = dict(cues)
    now = {number: cue for number, cue in {**old, **cut.now}.items() if cue is not None}
    texts = Texts(cues, in_order(now.items()))
    for label in draft.current():
        anchors, why = list(label.anchors), ""
        for place, anchor in enumerate(anchors):
            if anchor.stream_id == stream_id:
                anchors[place], told = _followed(anchor, old, now, cut)
                anchors[place], told_too = texts.follow(anchors[place])
                why = told or told_too or why
        draft.put(label, anchors, why)
    return draft.step(
        cut.title, [(cue_path(stream_id, number), cue_value(cue)) for number, cue in cut.now.items()]
    )


def _followed(anchor: Anchor, old: Mapping[int, Cue], now: Mapping[int, Cue], cut: Cut) -> tuple[Anchor, str]:
    """An anchor where what it names went, and why it is to be checked again ("" where it need not be)."""
    kind, _, rest = (anchor.target or "").partition(":")
    number, _, word = rest.partition(".")
    if kind not in ("cue", "word") or not number.isdecimal() or int(number) not in cut.now:
        return anchor, ""
    here = int(number)
    if kind == "cue":
        there = cut.lines.get(here, here)
        if there not in now:
            return replace(
                anchor, target=None
            ), f"the line that it named was deleted: {short(old[here].text)}"
        line = now[there]
        reads = "" if line.text == old[here].text else f"the line that it names was “{short(old[here].text)}”"
        return replace(anchor, span=(line.start_ns, line.end_ns), target=cue_target(there)), reads
    if here not in old or not word.isdecimal() or int(word) >= len(old[here].words):
        return anchor, ""
    was = old[here].words[int(word)]
    to = cut.words.get((here, int(word)))
    if to is None:
        return replace(anchor, target=None), f"the word that it named is gone: {was.text.strip()}"
    became = now[to[0]].words[to[1]]
    reads = "" if became.text == was.text else f"the word that it names was {was.text.strip()}"
    return replace(anchor, span=(became.start_ns, became.end_ns), target=word_target(*to)), reads


class Texts:
    """All text before and after, and how many characters both begin and end with in common.

    Lines that did not change are told by their numbers, wherever they stand now; letters are compared only
    between these.
    """

    def __init__(self, old: Sequence[tuple[int, Cue]], new: Sequence[tuple[int, Cue]]) -> None:
        self.old, self.new = ("\n".join(cue.text for _, cue in each) for each in (old, new))
        self.starts, now = _starts(old), _starts(new)
        said = dict(new)
        self._at = list(self.starts.values())
        self._moved = [
            now[each] - self.starts[each] if each in said and said[each].text == cue.text else None
            for each, cue in old
        ]
        least = min(len(self.old), len(self.new))
        self.head = min(_common(old, new), least)
        self.tail = min(_common(old[::-1], new[::-1]), least - self.head)
        while self.head + self.tail < least and self.old[self.head] == self.new[self.head]:
            self.head += 1
        while self.head + self.tail < least and self.old[-1 - self.tail] == self.new[-1 - self.tail]:
            self.tail += 1

    def follow(self, anchor: Anchor) -> tuple[Anchor, str]:
        """An anchor's range of characters in the new text, and why it is to be checked again."""
        if anchor.text_range is None or self.old == self.new:
            return anchor, ""
        low, high = anchor.text_range
        changed, by = len(self.old) - self.tail, len(self.new) - len(self.old)
        start, end = self._with_line(low, False), self._with_line(high, True)
        if start is None:
            start = low + by if low >= changed else min(low, self.head)
        if end is None:
            end = high if high <= self.head else high + by if high >= changed else len(self.new) - self.tail
        end = max(start, end)
        before, after = self.old[low:high], self.new[start:end]
        why = "" if before.split() == after.split() else f"the text that it marks was “{short(before)}”"
        return replace(anchor, text_range=(start, end)), why

    def _with_line(self, at: int, is_end: bool) -> int | None:
        """Where a place in a line went that reads as before; None for one in another."""
        line = (bisect_left if is_end else bisect_right)(self._at, at) - 1
        by = self._moved[line] if 0 <= line < len(self._moved) else None
        return None if by is None else at + by


def _starts(cues: Iterable[tuple[int, Cue]]) -> dict[int, int]:
    """Where each line begins in the text that all of them make, joined by line ends."""
    found, at = {}, 0
    for number, cue in cues:
        found[number] = at
        at += len(cue.text) + 1
    return found


def _common(old: Sequence[tuple[int, Cue]], new: Sequence[tuple[int, Cue]]) -> int:
    """How many characters the lines have that both begin with, with the line ends behind them."""
    length = 0
    for a, b in zip(old, new, strict=False):
        if a[0] != b[0] or a[1].text != b[1].text:
            break
        length += len(a[1].text) + 1
    return length


# -- words ------------------------------------------------------------------------------------------------


def spots(cue: Cue) -> list[tuple[int, int] | None]:
    """Where each word stands in its cue's text (characters), None for one that is not found in it."""
    found: list[tuple[int, int] | None] = []
    at = 0
    for word in cue.words:
        bare = word.text.strip()
        start = cue.text.find(bare, at) if bare else -1
        found.append((start, start + len(bare)) if start >= 0 else None)
        at = at if start < 0 else start + len(bare)
    return found


def split_word(number: int, cue: Cue, place: int, caret: int, at_ns: int) -> Cut:
    """Cut a word in two before its letter `caret`, at a time (local; else in proportion to its letters).

    InspectorError where either half would have no letters, or the word lasts no time.
    """
    word = cue.words[place]
    bare = word.text.strip()
    head, tail = bare[:caret].strip(), bare[caret:].strip()
    _cuttable(head, tail, word.start_ns, word.end_ns)
    at = _between(word.start_ns, at_ns, word.end_ns, len(head) / len(bare))
    pair = (replace(word, text=head, end_ns=at), replace(word, text=tail, start_ns=at))
    text = _spelled(cue, place, place, f"{head} {tail}")
    words = (*cue.words[:place], *pair, *cue.words[place + 1 :])
    to = {(number, old): (number, old + (old > place)) for old in range(len(cue.words))}
    return Cut(f"Split “{short(bare)}”", {number: replace(cue, text=text, words=words)}, to)


def merge_words(number: int, cue: Cue, place: int) -> Cut:
    """Make one word of a word and the next of its line. InspectorError where it is the last."""
    if place + 1 >= len(cue.words):
        raise InspectorError(
            "It is the last word of its line", cue.words[place].text.strip(), "Merge the line with the next"
        )
    first, second = cue.words[place : place + 2]
    joined = first.text.strip() + second.text.strip()
    sure = [each.confidence for each in (first, second) if each.confidence is not None]
    span = min(first.start_ns, second.start_ns), max(first.end_ns, second.end_ns)
    word = Word(*span, joined, min(sure) if len(sure) == 2 else None)
    text = _spelled(cue, place, place + 1, joined)
    words = (*cue.words[:place], word, *cue.words[place + 2 :])
    to = {(number, old): (number, old - (old > place)) for old in range(len(cue.words))}
    return Cut(
        f"Merge “{short(first.text)}” and “{short(second.text)}”",
        {number: replace(cue, text=text, words=words)},
        to,
    )


def add_word(number: int, cue: Cue, word: Word) -> Cut:
    """Add a word to a line, where its start places it. InspectorError where it has no letters."""
    if not word.text.strip():
        raise InspectorError("A word has letters", "", "Type it")
    place = sum(each.start_ns <= word.start_ns for each in cue.words)
    found = spots(cue)
    before = next((spot for spot in reversed(found[:place]) if spot is not None), None)
    at = before[1] if before is not None else 0
    head, tail = cue.text[:at].rstrip(), cue.text[at:]
    text = " ".join(part for part in (head, word.text.strip()) if part)
    text += tail if not tail or not tail[0].isalnum() else f" {tail}"
    words = (*cue.words[:place], word, *cue.words[place:])
    start, end = min(cue.start_ns, word.start_ns), max(cue.end_ns, word.end_ns)
    to = {(number, old): (number, old + (old >= place)) for old in range(len(cue.words))}
    new = replace(cue, text=text, words=words, start_ns=start, end_ns=end)
    return Cut(f"Add “{short(word.text)}”", {number: new}, to)


def delete_word(number: int, cue: Cue, place: int) -> Cut:
    """Take a word out of its line; its only word takes the line with it."""
    title = f"Delete “{short(cue.words[place].text)}”"
    if len(cue.words) == 1:
        return Cut(title, {number: None})
    words = (*cue.words[:place], *cue.words[place + 1 :])
    to = {(number, old): (number, old - (old > place)) for old in range(len(cue.words)) if old != place}
    return Cut(title, {number: replace(cue, text=_spelled(cue, place, place, ""), words=words)}, to)


def _spelled(cue: Cue, first: int, last: int, text: str) -> str:
    """The text of a cue with other letters in place of some of its words, as it is where it lacks them."""
    found = spots(cue)
    low, high = found[first], found[last]
    if low is None or high is None:
        return cue.text
    head, tail = cue.text[: low[0]], cue.text[high[1] :]
    if not text and (not head or head[-1].isspace()):
        tail = tail.lstrip()
    whole = head + text + tail
    return whole if text else whole.rstrip()


def _cuttable(head: str, tail: str, start_ns: int, end_ns: int) -> None:
    if not head or not tail:
        raise InspectorError(
            "Nothing would be left on one side", head or tail, "Put the caret inside, where it is to be cut"
        )
    if end_ns - start_ns < 2:
        raise InspectorError(
            "It lasts no time, so that it cannot be cut", head + tail, "Give it an end first"
        )


def _between(start: int, at: int, end: int, share: float) -> int:
    """`at` where that is inside, else that share of the way from start to end."""
    return at if start < at < end else min(max(start + round((end - start) * share), start + 1), end - 1)


# -- lines ------------------------------------------------------------------------------------------------


def split_line(number: int, cue: Cue, caret: int | None, at_ns: int, new: int) -> Cut:
    """Cut a line in two: before the word at the letter `caret`, else between the words at a time (local).

    A line without words is cut at the caret, at the time where that is inside it, else in proportion to its
    letters. InspectorError where either half would be empty.
    """
    if not cue.words:
        at = 0 if caret is None else caret
        head, tail = cue.text[:at].rstrip(), cue.text[at:].lstrip()
        _cuttable(head, tail, cue.start_ns, cue.end_ns)
        middle = _between(cue.start_ns, at_ns, cue.end_ns, len(head) / len(cue.text))
        parts = replace(cue, text=head, end_ns=middle), replace(cue, text=tail, start_ns=middle)
        return Cut(f"Split “{short(cue.text)}”", {number: parts[0], new: parts[1]})
    found = spots(cue)
    if caret is None:
        first = sum(word.start_ns + word.end_ns <= 2 * at_ns for word in cue.words)
    else:
        first = sum(spot is not None and spot[0] < caret for spot in found)
    if not 0 < first < len(cue.words):
        raise InspectorError(
            "Nothing would be left on one side",
            cue.text,
            "Go between two words of the line, or put the caret there",
        )
    spot = found[first]
    low, high = cue.words[:first], cue.words[first:]
    if spot is None:
        texts = tuple(" ".join(word.text.strip() for word in half) for half in (low, high))
    else:
        texts = cue.text[: spot[0]].rstrip(), cue.text[spot[0] :]
    end, start = max(word.end_ns for word in low), min(word.start_ns for word in high)
    now = {
        number: replace(cue, text=texts[0], words=low, end_ns=max(end, cue.start_ns)),
        new: replace(cue, text=texts[1], words=high, start_ns=min(start, cue.end_ns)),
    }
    to = {
        (number, old): (number, old) if old < first else (new, old - first) for old in range(len(cue.words))
    }
    return Cut(f"Split “{short(cue.text)}”", now, to)


def merge_lines(cues: Sequence[tuple[int, Cue]], number: int) -> Cut:
    """Make one line of a line and the next one of its speaker. InspectorError where it is the last."""
    at = next((at for at, (each, _) in enumerate(cues) if each == number), None)
    if at is None:
        raise InspectorError("The transcript has no such line", str(number))
    first = cues[at][1]
    rest = [(each, cue) for each, cue in cues[at + 1 :] if cue.speaker == first.speaker]
    if not rest:
        raise InspectorError("There is no line after it to merge with", short(first.text))
    other, second = rest[0]
    text = " ".join(filter(None, (first.text.rstrip(), second.text.lstrip())))
    end = max(first.end_ns, second.end_ns)
    words = (*first.words, *second.words)
    to = {(number, old): (number, old) for old in range(len(first.words))}
    to |= {(other, old): (number, len(first.words) + old) for old in range(len(second.words))}
    new = replace(first, text=text, end_ns=end, words=words)
    return Cut(
        f"Merge “{short(first.text)}” and “{short(second.text)}”",
        {number: new, other: None},
        to,
        {other: number},
    )


def add_line(new: int, text: str, start_ns: int, end_ns: int, speaker: str | None = None) -> Cut:
    """Add a line. InspectorError where it has no text, or ends before it starts."""
    if not text.strip():
        raise InspectorError("A line has text", "", "Type it")
    if end_ns < start_ns:
        raise InspectorError("A line cannot end before it starts", text)
    return Cut(f"Add “{short(text)}”", {new: Cue(start_ns, end_ns, text.strip(), (), speaker)})


def delete_line(number: int, cue: Cue) -> Cut:
    """Take a line away with its words."""
    return Cut(f"Delete “{short(cue.text)}”", {number: None})


def with_text(cue: Cue, text: str, start_ns: int, end_ns: int) -> Cue:
    """A line that says something else, or is spoken at another time. Its words keep their times.

    As many words as before are the same words spelled otherwise; else those that are spelled alike, and a
    new word has no time until it is given one. InspectorError where its words would lie outside it.
    """
    new = replace(cue, text=text, start_ns=start_ns, end_ns=end_ns)
    if any(word.start_ns < start_ns or word.end_ns > end_ns for word in cue.words):
        raise InspectorError(
            "Its words lie outside these times", text, "Move the words first, or delete them"
        )
    said = text.split()
    if not cue.words or text == cue.text:
        return new
    if len(said) == len(cue.words):
        same = [replace(word, text=each) for word, each in zip(cue.words, said, strict=True)]
    else:
        from difflib import SequenceMatcher

        matched = SequenceMatcher(None, [word.text.strip() for word in cue.words], said, autojunk=False)
        same = [
            cue.words[low + step] for low, _, size in matched.get_matching_blocks() for step in range(size)
        ]
    return replace(new, words=tuple(same))
