"""Transcripts cut anew: words and lines split, merged, added, deleted, and what names them along with it."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inspector.core import recut
from inspector.core.annotate import RECHECK, cue_target, word_target
from inspector.core.effective import effective
from inspector.core.model import Anchor, Annotation, Clock, Cue, Modality, Record, Source, Stream, Word
from inspector.core.state import Value
from inspector.core.transcripts import ADDED_FROM, numbered
from inspector.errors import InspectorError

if TYPE_CHECKING:
    from inspector.core.recut import Cut

MS = 1_000_000
CUES = (
    Cue(
        0,
        900 * MS,
        "take the cup,",
        (Word(0, 200 * MS, "take"), Word(200 * MS, 400 * MS, "the"), Word(500 * MS, 900 * MS, "cup", 0.5)),
        "Ann",
    ),
    Cue(
        1000 * MS,
        1500 * MS,
        "and go",
        (Word(1000 * MS, 1200 * MS, "and"), Word(1200 * MS, 1500 * MS, "go", 0.9)),
        "Ann",
    ),
    Cue(1600 * MS, 2000 * MS, "yes indeed", (), "Bo"),
)
WHOLE = "\n".join(cue.text for cue in CUES)


def marked(name: str) -> Annotation:
    at = WHOLE.index(name)
    return Annotation(name, "t", name, (Anchor("talk", None, text_range=(at, at + len(name))),))


def on(name: str, target: str, named: Cue | Word) -> Annotation:
    return Annotation(name, "t", name, (Anchor("talk", (named.start_ns, named.end_ns), target=target),))


def record(*labels: Annotation) -> Record:
    clock = Clock("talk", "container")
    talk = Stream("talk", Modality.TEXT, Source(Path("/d/talk.srt"), "cues"), clock, (0, 10_000 * MS))
    return Record("r", (talk,), annotations=labels)


ALL = record(
    *(
        on(f"w{number}.{place}", word_target(number, place), word)
        for number, cue in enumerate(CUES)
        for place, word in enumerate(cue.words)
    ),
    *(on(f"c{number}", cue_target(number), cue) for number, cue in enumerate(CUES)),
    *map(marked, ("take", "the cup", "and", "go", "indeed")),
)


def done(cut: Cut, before: Record = ALL) -> tuple[dict[str, Annotation], list[tuple[int, Cue]]]:
    """The labels and the cues after a cut."""
    step = recut.recut(before, "talk", cues(before), cut)
    now = effective(before, {path: Value(value, "ann", 1, "e") for path, value in step.puts})
    assert not now.problems
    return {each.id: each for each in now.annotations}, cues(now)


def cues(of: Record) -> list[tuple[int, Cue]]:
    return numbered(CUES, of.stream("talk").meta.get("corrections"))


def read(labels: dict[str, Annotation], now: list[tuple[int, Cue]], name: str) -> str:
    """What a label marks or names, as the transcript reads now."""
    anchor = labels[name].anchors[0]
    if anchor.text_range is not None:
        return "\n".join(cue.text for _, cue in now)[slice(*anchor.text_range)]
    kind, _, rest = (anchor.target or ":").partition(":")
    if not kind:
        return "nothing"
    number, _, word = rest.partition(".")
    cue = dict(now)[int(number)]
    named = cue if kind == "cue" else cue.words[int(word)]
    assert anchor.span == (named.start_ns, named.end_ns)
    return named.text


def again(labels: dict[str, Annotation]) -> set[str]:
    return {name for name, label in labels.items() if RECHECK in label.attrs}


def test_a_word_is_split_at_the_caret_and_merged_again() -> None:
    cut = recut.split_word(0, CUES[0], 0, 2, 50 * MS)
    labels, now = done(cut)
    assert now[0][1].text == "ta ke the cup,"
    assert [(word.text, word.start_ns, word.end_ns) for word in now[0][1].words[:2]] == [
        ("ta", 0, 50 * MS),
        ("ke", 50 * MS, 200 * MS),
    ]
    assert read(labels, now, "w0.0") == "ta"
    assert read(labels, now, "w0.2") == "cup"
    assert read(labels, now, "the cup") == "the cup"
    assert read(labels, now, "go") == "go"
    assert again(labels) == {"w0.0", "c0", "take"}
    labels, now = done(recut.merge_words(0, now[0][1], 0))
    assert now[0][1].text == CUES[0].text
    assert now[0][1].words == CUES[0].words
    with pytest.raises(InspectorError, match="last word"):
        recut.merge_words(0, CUES[0], 2)
    for caret in (0, 4):
        with pytest.raises(InspectorError, match="Nothing would be left"):
            recut.split_word(0, CUES[0], 0, caret, 50 * MS)
    # A time outside the word is none: its letters share its time.
    outside = recut.split_word(0, CUES[0], 0, 1, 9000 * MS).now[0]
    assert outside is not None
    assert outside.words[0].end_ns == 50 * MS


def test_a_word_is_added_and_deleted() -> None:
    new = Word(450 * MS, 480 * MS, "old")
    labels, now = done(recut.add_word(0, CUES[0], new))
    assert now[0][1].text == "take the old cup,"
    assert now[0][1].words[2] == new
    assert read(labels, now, "w0.2") == "cup"
    assert again(labels) == {"c0", "the cup"}
    labels, now = done(recut.delete_word(0, CUES[0], 1))
    assert now[0][1].text == "take cup,"
    assert read(labels, now, "w0.1") == "nothing"
    assert labels["w0.1"].anchors[0].span == (200 * MS, 400 * MS)
    assert read(labels, now, "w0.2") == "cup"
    assert again(labels) == {"c0", "the cup", "w0.1"}
    only = replace(CUES[1], words=CUES[1].words[:1])
    assert recut.delete_word(1, only, 0).now == {1: None}
    first, _ = done(recut.add_word(1, CUES[1], Word(900 * MS, 950 * MS, "so")))[1][1]
    assert first == 1
    assert done(recut.add_word(1, CUES[1], Word(900 * MS, 950 * MS, "so")))[1][1][1].text == "so and go"
    with pytest.raises(InspectorError, match="letters"):
        recut.add_word(0, CUES[0], Word(0, 1, " "))


def test_a_line_is_split_between_words_and_what_names_these_goes_along() -> None:
    number = recut.new_number()
    labels, now = done(recut.split_line(0, CUES[0], None, 250 * MS, number))
    assert [(each, cue.text, cue.start_ns, cue.end_ns) for each, cue in now[:2]] == [
        (0, "take", 0, 200 * MS),
        (number, "the cup,", 200 * MS, 900 * MS),
    ]
    assert [cue.speaker for _, cue in now[:2]] == ["Ann", "Ann"]
    assert labels["w0.2"].anchors[0].target == word_target(number, 1)
    assert [read(labels, now, name) for name in ("w0.0", "w0.1", "w0.2", "c0")] == [
        "take",
        "the",
        "cup",
        "take",
    ]
    assert [read(labels, now, name) for name in ("take", "the cup", "go")] == ["take", "the cup", "go"]
    assert again(labels) == {"c0"}  # each word reads as before, the line does not
    both = recut.merge_lines(now, 0)
    step = recut.recut(ALL, "talk", now, both)
    assert dict(step.puts)["streams/talk/cues/0"]["text"] == CUES[0].text
    by_caret = recut.split_line(0, CUES[0], 9, 0, number).now[number]
    assert by_caret is not None
    assert by_caret.text == "cup,"
    with pytest.raises(InspectorError, match="between two words"):
        recut.split_line(0, CUES[0], None, 0, number)


def test_lines_without_words_are_split_added_and_deleted() -> None:
    labels, now = done(recut.split_line(2, CUES[2], 4, 0, ADDED_FROM + 7))
    assert [(cue.text, cue.start_ns) for _, cue in now[2:]] == [("yes", 1600 * MS), ("indeed", 1720 * MS)]
    assert read(labels, now, "indeed") == "indeed"
    assert again(labels) == {"c2"}
    labels, now = done(recut.add_line(ADDED_FROM + 1, " well ", 950 * MS, 990 * MS, "Bo"))
    assert [cue.text for _, cue in now] == ["take the cup,", "well", "and go", "yes indeed"]
    assert [read(labels, now, name) for name in ("and", "go", "the cup", "c1")] == [
        "and",
        "go",
        "the cup",
        "and go",
    ]
    assert not again(labels)
    labels, now = done(recut.delete_line(0, CUES[0]))
    assert [cue.text for _, cue in now] == ["and go", "yes indeed"]
    assert [read(labels, now, name) for name in ("go", "indeed", "w1.1", "c0")] == [
        "go",
        "indeed",
        "go",
        "nothing",
    ]
    assert again(labels) == {"w0.0", "w0.1", "w0.2", "c0", "take", "the cup"}
    with pytest.raises(InspectorError, match="text"):
        recut.add_line(1, " ", 0, 1)


def test_two_lines_of_one_speaker_become_one() -> None:
    labels, now = done(recut.merge_lines(cues(ALL), 0))
    assert [cue.text for _, cue in now] == ["take the cup, and go", "yes indeed"]
    assert now[0][1].end_ns == 1500 * MS
    assert labels["w1.1"].anchors[0].target == word_target(0, 4)
    assert labels["c1"].anchors[0].target == cue_target(0)
    assert [read(labels, now, name) for name in ("go", "the cup", "indeed")] == ["go", "the cup", "indeed"]
    assert again(labels) == {"c0", "c1"}
    with pytest.raises(InspectorError, match="no line after"):
        recut.merge_lines(cues(ALL), 2)


def test_a_line_that_says_something_else_keeps_the_times_of_its_words() -> None:
    same = recut.with_text(CUES[0], "take a cup,", 0, 900 * MS)
    assert [word.text for word in same.words] == ["take", "a", "cup,"]
    more = recut.with_text(CUES[0], "so take the big cup", 0, 900 * MS)
    assert more.words == CUES[0].words
    with pytest.raises(InspectorError, match="outside"):
        recut.with_text(CUES[0], "x", 300 * MS, 900 * MS)


def some_cut(now: list[tuple[int, Cue]], rng: random.Random) -> Cut:
    number, cue = rng.choice(now)
    place = rng.randrange(max(len(cue.words), 1))
    at = rng.randrange(cue.start_ns, cue.end_ns + 1)
    kinds = (
        lambda: recut.split_word(number, cue, place, rng.randrange(5), at),
        lambda: recut.merge_words(number, cue, place),
        lambda: recut.add_word(number, cue, Word(at, at + 1, "um")),
        lambda: recut.delete_word(number, cue, place),
        lambda: recut.split_line(number, cue, rng.choice((None, 3)), at, recut.new_number()),
        lambda: recut.merge_lines(now, number),
        lambda: recut.add_line(recut.new_number(), "hm", at, at + MS),
        lambda: recut.delete_line(number, cue),
    )
    return rng.choice(kinds)()


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10**9))
def test_whatever_is_done_no_label_comes_to_name_another_word(seed: int) -> None:
    """After any cuts a label that need not be checked names or marks what it did, letter by letter."""
    rng, state = random.Random(seed), ALL
    reads = {label.id: label.label for label in ALL.annotations if label.anchors[0].text_range}
    reads |= {f"w{cue}.{place}": word.text for cue in (0, 1) for place, word in enumerate(CUES[cue].words)}
    reads |= {f"c{number}": cue.text for number, cue in enumerate(CUES)}
    for _ in range(6):
        now = cues(state)
        if not now:
            break
        try:
            cut = some_cut(now, rng)
        except (InspectorError, IndexError):
            continue
        step = recut.recut(state, "talk", now, cut)
        state = effective(state, {path: Value(value, "ann", 1, "e") for path, value in step.puts})
        assert not state.problems
        labels, left = {each.id: each for each in state.annotations}, cues(state)
        for name, text in reads.items():
            if RECHECK not in labels[name].attrs:
                assert read(labels, left, name).split() == text.split()
