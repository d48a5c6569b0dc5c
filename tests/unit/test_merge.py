"""Three-way merging of labels: its laws, and a file that an annotator changed and sent back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from praatio import textgrid as praat

from inspector.core.merge import Conflict, by_id, carry, counts, identify, merge
from inspector.core.model import Anchor, Annotation, Clock, Modality, Record, Source, Stream
from inspector.errors import InspectorError
from inspector.media.textgrid import read_textgrid
from inspector.release.writers import textgrid

MS = 1_000_000


def label(
    id_: str, text: str = "x", span: tuple[int, int] = (0, 9), tier: str = "t", **attrs: int
) -> Annotation:
    """A label on the record's timeline."""
    return Annotation(id_, tier, text, (Anchor(None, span),), "", attrs)


some = st.builds(
    label,
    st.sampled_from("abcdef"),
    st.sampled_from("xyz"),
    st.sampled_from([(0, 9), (3, 7), (20, 30)]),
    st.sampled_from("tu"),
    k=st.integers(0, 2),
)
sets = st.lists(some, unique_by=lambda each: each.id, max_size=6).map(tuple)


@given(base=sets, theirs=sets)
def test_what_only_theirs_changed_is_taken(
    base: tuple[Annotation, ...], theirs: tuple[Annotation, ...]
) -> None:
    merged = merge(base, base, theirs)
    assert merged.conflicts == ()
    assert by_id(merged.applied(base)) == by_id(theirs)
    assert counts(merge(base, theirs, base)) == counts(merge(base, theirs, theirs)) == {
        "added": 0, "changed": 0, "removed": 0, "conflicts": 0,
    }  # fmt: skip


@given(base=sets, ours=sets, theirs=sets)
def test_both_ways_round_the_same_labels_come_out(
    base: tuple[Annotation, ...], ours: tuple[Annotation, ...], theirs: tuple[Annotation, ...]
) -> None:
    one, other = merge(base, ours, theirs), merge(base, theirs, ours)
    disputed = {conflict.id for conflict in one.conflicts}
    assert disputed == {conflict.id for conflict in other.conflicts}
    assert {each.id: set(each.fields) for each in one.conflicts} == {
        each.id: set(each.fields) for each in other.conflicts
    }
    a, b = by_id(one.applied(ours)), by_id(other.applied(theirs))
    assert {id_: each for id_, each in a.items() if id_ not in disputed} == {
        id_: each for id_, each in b.items() if id_ not in disputed
    }
    # Whatever nobody touched is as it was; what is in conflict is as ours has it.
    here, there = by_id(ours), by_id(theirs)
    for each in base:
        if here.get(each.id) == each == there.get(each.id):
            assert a[each.id] == each
    for id_ in disputed:
        assert a.get(id_) == here.get(id_)
    # Taking it in once is enough.
    assert counts(merge(theirs, one.applied(ours), theirs))["conflicts"] == 0


def test_fields_are_merged_alone_and_disputed_by_name() -> None:
    base = label("a", "x", (0, 9), k=1, m=1)
    ours = replace(base, label="ours", attrs={"k": 2, "m": 1})
    theirs = replace(base, anchors=(Anchor(None, (1, 9)),), attrs={"k": 1, "new": 5})
    merged = merge([base], [ours], [theirs])
    (pair,) = merged.changed
    assert pair == (
        ours,
        Annotation("a", "t", "ours", (Anchor(None, (1, 9)),), "", {"k": 2, "new": 5}),
    )
    theirs = replace(theirs, label="theirs", attrs={"k": 3})
    (conflict,) = merge([base], [ours], [theirs]).conflicts
    assert conflict.fields == ("label", "attrs.k")
    assert conflict.merged == Annotation("a", "t", "ours", (Anchor(None, (1, 9)),), "", {"k": 2})
    assert merge([base], [], [theirs]).conflicts == (Conflict("a", base, None, theirs),)
    assert merge([base], [ours], []).conflicts == (Conflict("a", base, ours, None),)
    assert merge([], [ours], [theirs]).conflicts == (Conflict("a", None, ours, theirs),)
    with pytest.raises(InspectorError, match="Two labels have one id"):
        merge([base, base], [], [])


@given(base=sets, returned=sets)
def test_an_exact_format_carries_exactly_what_came_back(
    base: tuple[Annotation, ...], returned: tuple[Annotation, ...]
) -> None:
    assert by_id(carry(base, base, returned)) == by_id(returned)


@given(base=sets, kept=st.sets(st.sampled_from("abcdef")))
def test_what_a_format_loses_is_no_change(base: tuple[Annotation, ...], kept: set[str]) -> None:
    sent = [
        replace(each, attrs={}, anchors=(Anchor("s", (each.anchors[0].span or (0, 0))),))
        for each in base
        if each.id in kept
    ]
    assert carry(base, sent, sent) == base
    later = [replace(each, anchors=(Anchor("s", ((each.span or (0, 0))[0] + 5, 99)),)) for each in sent]
    moved = by_id(carry(base, sent, later))
    for each in base:
        start = (each.span or (0, 0))[0]
        assert moved[each.id].attrs == each.attrs
        assert moved[each.id].span == ((start + 5, 99) if each.id in kept else each.span)


@given(labels=sets, order=st.randoms(use_true_random=False))
def test_labels_without_ids_find_their_own(labels: tuple[Annotation, ...], order: object) -> None:
    renamed = [replace(each, id=f"row{row}") for row, each in enumerate(labels)]
    order.shuffle(renamed)  # type: ignore[attr-defined]
    found = identify(labels, renamed)
    assert sorted(map(repr, (replace(each, attrs={}) for each in found))) == sorted(
        map(repr, (replace(each, attrs={}) for each in labels))
    )


def test_a_textgrid_comes_back_changed_and_meets_other_changes(tmp_path: Path) -> None:
    sound = Stream(
        "talk",
        Modality.AUDIO,
        Source(Path("talk.wav"), "av"),
        Clock("talk", "container"),
        (0, 10_000 * MS),
    )
    base = tuple(
        Annotation(
            f"id{number}",
            "words",
            text,
            (Anchor("talk", (start * MS + 1, start * MS + 400 * MS)),),
            "Ann",
            {"k": 1},
        )
        for number, (text, start) in enumerate((("one", 0), ("two", 1000), ("three", 2000), ("four", 3000)))
    )
    link = Annotation("box", "seen", "hand", (Anchor("talk", None, (0.1, 0.1, 0.2, 0.2)),), "Ann")
    path = tmp_path / "talk.TextGrid"
    path.write_bytes(textgrid.write(Record("r", (sound,), annotations=(*base, link)), {}).data)
    sent = read_textgrid(path, "talk").labels
    known = {label.label: label.id for label in base}
    sent = tuple(replace(each, id=known[each.label]) for each in sent)

    grid = praat.openTextgrid(str(path), includeEmptyIntervals=False)
    tier = grid.getTier("words@Ann")
    entries = list(tier.entries)
    entries = [
        entries[0]._replace(end=0.35),  # moved
        entries[1]._replace(label="zwei"),  # relabelled
        entries[3],  # and the third removed
        entries[3]._replace(start=5.0, end=5.5, label="five"),  # added
    ]
    grid.replaceTier("words@Ann", tier.new(entries=entries))
    grid.save(str(path), format="short_textgrid", includeBlankSpaces=True)

    # praatio closes the gap of 1 ns before the first label, which nobody touched: it is within the tolerance.
    theirs = carry((*base, link), sent, identify(sent, read_textgrid(path, "talk").labels), 1000)
    # Here somebody meanwhile moved the first label's start and relabelled the second.
    ours = (
        replace(base[0], anchors=(Anchor("talk", (5, 400 * MS)),)),
        replace(base[1], label="deux"),
        *base[2:],
        link,
    )
    merged = merge((*base, link), ours, theirs)
    assert counts(merged) == {"added": 1, "changed": 0, "removed": 1, "conflicts": 2}
    assert [(each.label, each.span) for each in merged.added] == [("five", (5000 * MS, 5500 * MS))]
    assert [each.id for each in merged.removed] == ["id2"]
    assert [(each.id, each.fields) for each in merged.conflicts] == [
        ("id0", ("anchors",)),
        ("id1", ("label",)),
    ]
    assert merged.conflicts[0].theirs == replace(base[0], anchors=(Anchor("talk", (1, 350 * MS)),))
    assert link in merged.applied(ours)
