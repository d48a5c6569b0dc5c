"""Labels edited: what each gesture puts where, what hangs on it, and the laws of the journal behind it."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inspector.audit.pairing import grounded
from inspector.core import annotate
from inspector.core.annotate import RECHECK, Step, changes_of, end_of, label_target, word_target
from inspector.core.correct import correct_cue, with_word
from inspector.core.curation import Curation
from inspector.core.edits import DATASET
from inspector.core.effective import effective
from inspector.core.model import Anchor, Annotation, Clock, Cue, Modality, Record, Source, Stream, Word
from inspector.core.tiers import Tier, progress, tier_path, tier_value
from inspector.core.timemap import TimeMap
from inspector.core.transcripts import cue_from, cue_value, numbered
from inspector.errors import InspectorError
from inspector.session import Session

MS = 1_000_000


def stream(name: str, modality: Modality = Modality.AUDIO, late_ms: int = 0) -> Stream:
    return Stream(
        name,
        modality,
        Source(Path(f"/d/{name}.x"), "av"),
        Clock(name, "container"),
        (0, 10_000 * MS),
        TimeMap.offset(late_ms * MS),
    )


def label(
    name: str, start: int, end: int, tier: str = "t", text: str = "x", on: str | None = None
) -> Annotation:
    return Annotation(name, tier, text, (Anchor(on, (start * MS, end * MS)),), "ann")


CUES = (
    Cue(
        0,
        900 * MS,
        "take the cup",
        (Word(0, 200 * MS, "take"), Word(200 * MS, 400 * MS, "the"), Word(500 * MS, 900 * MS, "cup")),
    ),
    Cue(
        1000 * MS, 1500 * MS, "and go", (Word(1000 * MS, 1200 * MS, "and"), Word(1200 * MS, 1500 * MS, "go"))
    ),
)


def record(*labels: Annotation) -> Record:
    streams = (stream("cam", Modality.VIDEO), stream("voice", late_ms=320), stream("talk", Modality.TEXT))
    return Record("r", streams, reference="cam", annotations=labels)


def after(before: Record, step: Step) -> Record:
    """The record with a step in force, joined as the session joins it."""
    from inspector.core.state import Value

    return effective(
        before, {path: Value(value, "ann", 1, "e") for path, value in step.puts if value is not None}
    )


def by_id(found: Record) -> dict[str, Annotation]:
    return {each.id: each for each in found.annotations}


def test_a_label_is_moved_on_the_clock_of_its_stream_and_a_boundary_that_stays_keeps_its_time() -> None:
    before = record(label("a", 1320, 2320, on="voice"))
    step = annotate.move(before, "a", {0: (1000 * MS, 1500 * MS)})
    assert [path for path, _ in step.puts] == ["annotations/a/anchors"]
    assert by_id(after(before, step))["a"].anchors[0].span == (1320 * MS, 1820 * MS)
    with pytest.raises(InspectorError, match="end before"):
        annotate.move(before, "a", {0: (2, 1)})


def test_a_label_is_split_and_merged_again() -> None:
    before = record(label("a", 1320, 2320, on="voice"), label("b", 4000, 5000, on="voice", text="y"))
    cut = after(before, annotate.split(before, "a", 1500 * MS, "new"))
    assert [by_id(cut)[each].span for each in ("a", "new")] == [
        (1320 * MS, 1820 * MS),
        (1820 * MS, 2320 * MS),
    ]
    whole = after(cut, annotate.merge(cut, ["new", "a"]))
    assert by_id(whole) == by_id(before)
    both = by_id(after(before, annotate.merge(before, ["a", "b"])))
    assert (both["a"].label, both["a"].span) == ("x y", (1320 * MS, 5000 * MS))
    assert "b" not in both
    with pytest.raises(InspectorError, match="not inside"):
        annotate.split(before, "a", 5000 * MS, "new")
    other = replace(before, annotations=(*before.annotations, label("c", 0, 1)))
    with pytest.raises(InspectorError, match="different tiers"):
        annotate.merge(other, ["a", "c"])


def linked() -> Record:
    """A label of a gesture, a link of it to a word, and a label on that link."""
    gesture = label("g", 100, 800, "gesture", "point")
    word = Anchor("talk", (500 * MS, 900 * MS), target=word_target(0, 2))
    link = Annotation("l", "links", "refers", (word, end_of(gesture)), "ann")
    return record(gesture, link, Annotation("m", "notes", "sure", (end_of(link),), "ann"))


def test_what_names_a_label_moves_along_or_goes_to_be_checked_again() -> None:
    before = linked()
    assert [each.id for each in annotate.dependants(before, label_target("g"))] == ["l"]
    moved = annotate.move(before, "g", {0: (200 * MS, 700 * MS)})
    assert moved.along == ("l",)
    now = by_id(after(before, moved))
    assert now["l"].anchors[1].span == now["g"].span == (200 * MS, 700 * MS)
    assert now["l"].anchors[0] == by_id(before)["l"].anchors[0]
    gone = annotate.delete(before, ["g"])
    assert (gone.again, gone.along) == (("l",), ())
    kept = by_id(after(before, gone))["l"]
    assert kept.anchors[1].span == (100 * MS, 800 * MS)
    assert kept.anchors[1].target is None
    assert "deleted" in kept.attrs[RECHECK]
    assert (
        RECHECK
        not in by_id(after(before, annotate.relabel(before, ["g"], "beat", same_meaning=True)))["l"].attrs
    )
    doubted = after(before, annotate.relabel(before, ["g"], "beat"))
    assert "point" in by_id(doubted)["l"].attrs[RECHECK]
    assert by_id(after(doubted, annotate.confirm(doubted, ["l"])))["l"] == by_id(before)["l"]
    merged = replace(before, annotations=(*before.annotations, label("f", 0, 90, "gesture", "point")))
    one = by_id(after(merged, annotate.merge(merged, ["f", "g"])))
    assert one["l"].anchors[1].target == label_target("f")
    assert one["l"].anchors[1].span == (0, 800 * MS)


def test_a_link_needs_two_ends() -> None:
    before = linked()
    with pytest.raises(InspectorError, match="two ends"):
        annotate.link(before, Annotation("n", "links", "is", (end_of(before.annotations[0]),) * 2))
    word = Anchor("talk", (0, 200 * MS), target=word_target(0, 0))
    step = annotate.link(before, Annotation("n", "links", "is", (word, end_of(before.annotations[0]))))
    assert len(by_id(after(before, step))["n"].anchors) == 2


@pytest.mark.parametrize(
    ("new", "word", "again"),
    [
        (replace(CUES[0], words=(*CUES[0].words[:2], Word(600 * MS, 950 * MS, "cup"))), (2, 600), False),
        (
            replace(
                CUES[0],
                text="take the cap",
                words=(*CUES[0].words[:2], replace(CUES[0].words[2], text="cap")),
            ),
            (2, 500),
            True,
        ),
        (replace(CUES[0], text="take cup", words=(CUES[0].words[0], CUES[0].words[2])), (1, 500), False),
        (replace(CUES[0], text="so take the cup", words=(Word(0, 1, "so"), *CUES[0].words)), (3, 500), False),
        (replace(CUES[0], text="take", words=CUES[0].words[:1]), None, True),
        (None, None, True),
    ],
)
def test_a_corrected_word_takes_what_names_it_along(
    new: Cue | None, word: tuple[int, int] | None, again: bool
) -> None:
    before = linked()
    step = correct_cue(before, "talk", list(enumerate(CUES)), 0, new)
    link = by_id(after(before, step))["l"]
    assert (RECHECK in link.attrs) is again
    if word is None:
        assert link.anchors[0].target is None
        assert link.anchors[0].span == (500 * MS, 900 * MS)
    else:
        assert link.anchors[0].target == word_target(0, word[0])
        assert link.anchors[0].span is not None
        assert link.anchors[0].span[0] == word[1] * MS
    joined = after(before, step).stream("talk").meta["corrections"]
    now = numbered(CUES, joined)
    assert [cue for number, cue in now if number == 0] == ([] if new is None else [new])
    assert CUES[1] in [cue for _, cue in now]


def test_ranges_of_text_are_counted_anew() -> None:
    whole = "\n".join(cue.text for cue in CUES)
    marks = {name: whole.index(name) for name in ("take", "cup", "go")}
    before = record(
        *(
            Annotation(name, "t", name, (Anchor("talk", None, text_range=(at, at + len(name))),))
            for name, at in marks.items()
        )
    )
    new = replace(CUES[1], text="and then go", words=())
    now = by_id(after(before, correct_cue(before, "talk", list(enumerate(CUES)), 1, new)))
    assert now["take"] == by_id(before)["take"]
    assert RECHECK in now["go"].attrs
    longer = replace(CUES[0], text="please take the cup", words=())
    now = by_id(after(before, correct_cue(before, "talk", list(enumerate(CUES)), 0, longer)))
    low, high = now["go"].anchors[0].text_range or (0, 0)
    assert "please take the cup\nand go"[low:high] == "go"
    assert RECHECK not in now["go"].attrs
    assert RECHECK in now["cup"].attrs


@pytest.mark.parametrize(
    ("number", "new", "again"),
    [
        (1, None, {"two", "over"}),
        (0, None, {"one"}),
        (2, None, {"three", "over"}),
        (2, Cue(500, 600, "three"), {"over"}),  # now before the second
        (0, Cue(9000, 9100, "one"), set()),  # now behind all
        (1, Cue(1000, 1100, "the two of us"), {"two", "over"}),
    ],
)
def test_ranges_of_text_keep_their_words_where_cues_go_or_change_places(
    number: int, new: Cue | None, again: set[str]
) -> None:
    cues = [Cue(0, 100, "one"), Cue(1000, 1100, "two"), Cue(2000, 2100, "three")]
    whole = "\n".join(cue.text for cue in cues)
    places = {name: (whole.index(name), whole.index(name) + len(name)) for name in ("one", "two", "three")}
    places["over"] = (4, len(whole))
    before = record(
        *(
            Annotation(name, "t", name, (Anchor("talk", None, text_range=place),))
            for name, place in places.items()
        )
    )
    done = after(before, correct_cue(before, "talk", list(enumerate(cues)), number, new))
    now = "\n".join(cue.text for _, cue in numbered(cues, done.stream("talk").meta["corrections"]))
    marked = {}
    for name, each in by_id(done).items():
        low, high = each.anchors[0].text_range or (-1, -1)
        assert 0 <= low <= high <= len(now)
        marked[name] = now[low:high]
    gone = cues[number].text if new is None else ""
    became = {cues[number].text: new.text} if new is not None else {gone: ""}
    for name in ("one", "two", "three"):
        assert marked[name] == became.get(name, name)
    assert {name for name, each in by_id(done).items() if RECHECK in each.attrs} == again
    if new is None and number:
        assert marked["over"] == ("three" if number == 1 else "two")


def test_one_word_of_a_cue_is_corrected_where_it_stands() -> None:
    words = (Word(0, 1, "the"), Word(1, 2, "cup"), Word(2, 3, "the"), Word(3, 4, "cap"))
    cue = Cue(0, 4, "the cup, the cap", words)
    new = with_word(cue, 2, "a", 1, 9)
    assert (new.text, new.end_ns) == ("the cup, a cap", 9)
    assert [word.text for word in new.words] == ["the", "cup", "a", "cap"]
    with pytest.raises(InspectorError, match="end before"):
        with_word(cue, 0, "x", 2, 1)


def test_a_cue_comes_back_from_json_and_what_is_none_is_refused() -> None:
    assert cue_from(cue_value(CUES[0])) == CUES[0]
    assert cue_from(cue_value(None)) is None
    wrongs: tuple[Any, ...] = (
        {},
        [],
        {"start": 1.5, "end": 2, "text": "", "words": []},
        {"start": 0, "end": 1, "text": "", "words": [1]},
    )
    for wrong in wrongs:
        with pytest.raises(InspectorError, match="no cue"):
            cue_from(wrong)


# --- laws, over random gestures ---------------------------------------------------------------------------

Gesture = Callable[[Record, random.Random], Step]
new_ids = (f"n{number}" for number in range(10**9))


def _some(before: Record, rng: random.Random) -> str:
    return rng.choice([each.id for each in before.annotations])


def _make(before: Record, rng: random.Random) -> Step:
    start = rng.randrange(0, 5000)
    return annotate.make(
        before, label(next(new_ids), start, start + rng.randrange(0, 900), on=rng.choice([None, "voice"]))
    )


def _link(before: Record, rng: random.Random) -> Step:
    ends = tuple(end_of(each) for each in rng.sample(before.annotations, 2))
    return annotate.link(before, Annotation(next(new_ids), "links", "with", ends, "ann"))


def _move(before: Record, rng: random.Random) -> Step:
    start = rng.randrange(0, 5000) * MS
    return annotate.move(before, _some(before, rng), {0: (start, start + rng.randrange(1, 900) * MS)})


def _split(before: Record, rng: random.Random) -> Step:
    each = rng.choice(before.annotations)
    span = annotate.reference_span(before, each.anchors[0]) or (0, 0)
    return annotate.split(before, each.id, sum(span) // 2, next(new_ids))


GESTURES: tuple[Gesture, ...] = (
    _make,
    _link,
    _move,
    _split,
    lambda before, rng: annotate.merge(before, [_some(before, rng), _some(before, rng)]),
    lambda before, rng: annotate.relabel(before, [_some(before, rng)], rng.choice("abc")),
    lambda before, rng: annotate.retier(before, [_some(before, rng)], rng.choice("tu")),
    lambda before, rng: annotate.delete(before, [_some(before, rng)]),
    lambda before, rng: annotate.confirm(before, [_some(before, rng)]),
    lambda before, rng: correct_cue(
        before,
        "talk",
        numbered(CUES, before.stream("talk").meta.get("corrections")),
        rng.randrange(2),
        rng.choice((None, *CUES)),
    ),
)


def curator(folder: Path, name: str) -> Curation:
    return Curation([folder], name, lambda record_id: "content" if record_id == "r" else None)


def do(curation: Curation, raw: Record, gesture: Gesture, rng: random.Random) -> bool:
    """Make a gesture on the record as it stands; False where it was refused."""
    try:
        step = gesture(effective(raw, curation.values("r")), rng)
    except (InspectorError, IndexError, ValueError):
        return False
    if step.puts:
        curation.edit(step.title, changes_of(curation, "r", step), step.note)
    return bool(step.puts)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), picks=st.lists(st.integers(0, len(GESTURES) - 1), min_size=1, max_size=12))
def test_undo_restores_every_state_exactly_and_redo_brings_it_back(
    tmp_path_factory: pytest.TempPathFactory, seed: int, picks: list[int]
) -> None:
    raw, rng = linked(), random.Random(seed)
    curation = curator(tmp_path_factory.mktemp("undo"), "ann")
    states: list[Any] = [effective(raw, {})]
    for pick in picks:
        if do(curation, raw, GESTURES[pick], rng):
            states.append(effective(raw, curation.values("r")))
    assert all(not state.problems for state in states)
    for expected in reversed(states[:-1]):
        curation.undo()
        assert effective(raw, curation.values("r")) == expected
    for expected in states[1:]:
        curation.redo()
        assert effective(raw, curation.values("r")) == expected
    curation.close()


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 2**32),
    picks=st.lists(st.tuples(st.booleans(), st.integers(0, len(GESTURES) - 1)), min_size=2, max_size=12),
)
def test_the_record_is_the_same_from_any_order_of_the_journals_files(
    tmp_path_factory: pytest.TempPathFactory, seed: int, picks: list[tuple[bool, int]]
) -> None:
    raw, rng = linked(), random.Random(seed)
    folder = tmp_path_factory.mktemp("order")
    two = [curator(folder, "ann"), curator(folder, "bo")]
    for whose, pick in picks:
        two[whose].refresh()
        do(two[whose], raw, GESTURES[pick], rng)
    for each in two:
        each.refresh()
        each.close()
    expected = effective(raw, two[0].values("r"))
    assert effective(raw, two[1].values("r")) == expected
    files = sorted(folder.glob("*.jsonl"))
    for names in (files, files[::-1]):
        copy = tmp_path_factory.mktemp("copy")
        for number, file in enumerate(names):
            shutil.copy(file, copy / f"{number}.1.jsonl")
        other = curator(copy, "cy")
        assert effective(raw, other.values("r")) == expected
        other.close()


def test_a_label_that_one_changes_and_another_deletes_is_told_and_comes_back(tmp_path: Path) -> None:
    raw = linked()
    ann, bo = curator(tmp_path, "ann"), curator(tmp_path, "bo")
    step = annotate.relabel(raw, ["g"], "beat")
    gone = annotate.delete(raw, ["g"])
    ann.edit(step.title, changes_of(ann, "r", step))
    bo.edit(gone.title, changes_of(bo, "r", gone))
    ann.refresh()
    now = effective(raw, ann.values("r"))
    assert "g" not in by_id(now)
    assert ["no such label" in problem.message for problem in now.problems] == [True]
    bo.undo()
    ann.refresh()
    assert by_id(effective(raw, ann.values("r")))["g"].label == "beat"
    for each in (ann, bo):
        each.close()


def test_a_label_that_lacks_what_its_tier_asks_for_is_neither_done_nor_grounded(tmp_path: Path) -> None:
    root = tmp_path / "set"
    (root / "r").mkdir(parents=True)
    (root / "r" / "hands.csv").write_text("t,x\n" + "".join(f"{n / 10},{n}\n" for n in range(60)))
    (root / "r" / "voice.srt").write_text("1\n00:00:01,000 --> 00:00:02,000\nhello\n")
    (root / "r" / "labels_A.csv").write_text("start,end,label\n1,2,point\n")
    with Session.open(root, author="cy") as session:
        assert rows(session) == [{"label": "point", "lacks": [], "recheck": None}]
        tier = session.record("r").annotations[0].tier
        declared = Tier(tier, (), (Modality.TEXT,))
        session.edit("ask", [session.curation.change(DATASET, tier_path(tier), tier_value(declared))])
        assert rows(session) == [{"label": "point", "lacks": ["text"], "recheck": None}]
        record = session.record("r")
        found = grounded(record, record.annotations[0], {}, "grounded")
        assert found[0] == "unverified"
        assert "text" in found[1]
        assert progress(record, record.annotations, {tier: declared}).done == 0
        word = Anchor("voice", (1000 * MS, 2000 * MS), target="cue:0")
        step = annotate.mark(record, record.annotations[0].id, word)
        session.edit(step.title, changes_of(session.curation, "r", step))
        assert rows(session) == [{"label": "point", "lacks": [], "recheck": None}]
        record = session.record("r")
        assert grounded(record, record.annotations[0], {}, "grounded")[0] == "grounded"
        session.undo()
        session.undo()
        assert rows(session) == [{"label": "point", "lacks": [], "recheck": None}]


def rows(session: Session) -> list[dict[str, Any]]:
    answer = session.query("SELECT label, lacks, recheck FROM annotations")
    found: list[dict[str, Any]] = answer.table.to_pylist()
    return found
