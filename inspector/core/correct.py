"""A transcript corrected: words and their times, with the labels and links that hang on them."""

from __future__ import annotations

from dataclasses import replace
from difflib import SequenceMatcher
from typing import TYPE_CHECKING

from inspector.core.annotate import Draft, Step, cue_target, short, word_target
from inspector.core.recut import Texts
from inspector.core.transcripts import cue_path, cue_value, in_order
from inspector.errors import InspectorError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inspector.core.model import Cue, Record


def correct_cue(
    record: Record, stream_id: str, cues: Sequence[tuple[int, Cue]], number: int, new: Cue | None
) -> Step:
    """Correct a cue of a transcript, or (None) take it away; `cues` are all of the stream with their numbers.

    What names the cue or a word of it moves along; where its text is another, or it is gone, it is to be
    checked again. Ranges of text behind it are counted anew, and those that touch it are to be checked again.
    """
    draft = Draft(record)
    old = next((cue for each, cue in cues if each == number), None)
    if old is None:
        raise InspectorError("The transcript has no such cue", f"{stream_id} {number}")
    if new is not None and not all(
        start <= end
        for start, end in ((new.start_ns, new.end_ns), *((w.start_ns, w.end_ns) for w in new.words))
    ):
        raise InspectorError("A word cannot end before it starts", new.text)
    title = f"Correct “{short(old.text)}”" if new is not None else f"Delete “{short(old.text)}”"
    _follow_cue(draft, stream_id, number, old, new)
    _follow_words(draft, stream_id, number, old, new)
    _follow_ranges(draft, stream_id, cues, number, new)
    return draft.step(title, [(cue_path(stream_id, number), cue_value(new))])


def _follow_cue(draft: Draft, stream_id: str, number: int, old: Cue, new: Cue | None) -> None:
    target = cue_target(number)
    if new is None:
        draft.doubt(target, f"the words that it named were deleted: {short(old.text)}", stream_id, loose=True)
        return
    for each in draft.current():
        named = [
            replace(anchor, span=(new.start_ns, new.end_ns))
            if anchor.target == target and anchor.stream_id == stream_id
            else anchor
            for anchor in each.anchors
        ]
        draft.put(each, named)
    if new.text != old.text:
        draft.doubt(target, f"the words that it names were “{short(old.text)}”", stream_id)


def _follow_words(draft: Draft, stream_id: str, number: int, old: Cue, new: Cue | None) -> None:
    words = () if new is None else new.words
    was, now = ([word.text for word in each] for each in (old.words, words))
    becomes = {at: at for at in range(len(words))} if len(old.words) == len(words) else {}
    if not becomes:
        for low, there, size in SequenceMatcher(None, was, now, autojunk=False).get_matching_blocks():
            becomes |= {low + step: there + step for step in range(size)}
    targets = {word_target(number, at): at for at in range(len(old.words))}
    for each in draft.current():
        anchors, why = list(each.anchors), ""
        for place, anchor in enumerate(anchors):
            at = targets.get(anchor.target or "") if anchor.stream_id == stream_id else None
            if at is None:
                continue
            if at not in becomes:
                anchors[place] = replace(anchor, target=None)
                why = f"the word that it named is gone: {was[at]}"
                continue
            word = words[becomes[at]]
            span, target = (word.start_ns, word.end_ns), word_target(number, becomes[at])
            anchors[place] = replace(anchor, span=span, target=target)
            if word.text != was[at]:
                why = f"the word that it names was {was[at]}"
        draft.put(each, anchors, why)


def _follow_ranges(
    draft: Draft, stream_id: str, cues: Sequence[tuple[int, Cue]], number: int, new: Cue | None
) -> None:
    """Count ranges of characters anew where a cue's text, or the order of the cues, became another."""
    kept = {**dict(cues), number: new}
    texts = Texts(cues, in_order((each, cue) for each, cue in kept.items() if cue is not None))
    old = dict(cues)[number].text
    start = texts.starts[number]
    for label in draft.current():
        anchors, why = list(label.anchors), ""
        for place, anchor in enumerate(anchors):
            if anchor.text_range is None or anchor.stream_id != stream_id:
                continue
            anchors[place], told = texts.follow(anchor)
            low, high = anchor.text_range
            if (new is None or new.text != old) and low < start + len(old) and high > start:
                told = told or f"the text that it marks was “{short(old)}”"
            why = told or why
        draft.put(label, anchors, why)


def with_word(cue: Cue, place: int, text: str, start_ns: int, end_ns: int) -> Cue:
    """A cue of which one word says something else, or is spoken at another time; its text has the new word.

    InspectorError where the word would end before it starts.
    """
    if end_ns < start_ns:
        raise InspectorError("A word cannot end before it starts", text)
    old = cue.words[place]
    words = (
        *cue.words[:place],
        replace(old, text=text, start_ns=start_ns, end_ns=end_ns),
        *cue.words[place + 1 :],
    )
    at = 0
    for each in cue.words[:place]:
        found = cue.text.find(each.text.strip(), at)
        at = at if found < 0 else found + len(each.text.strip())
    found = cue.text.find(old.text.strip(), at)
    whole = cue.text
    if found >= 0:
        whole = cue.text[:found] + text.strip() + cue.text[found + len(old.text.strip()) :]
    start, end = min(cue.start_ns, start_ns), max(cue.end_ns, end_ns)
    return replace(cue, text=whole, words=words, start_ns=start, end_ns=end)
