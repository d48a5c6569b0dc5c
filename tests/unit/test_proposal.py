"""Proposals for a stream's time map: nudges, ties, relabels, and what goes along."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspector.core.model import Clock, Modality, Record, Source, Stream
from inspector.core.proposal import (
    RELABELS,
    Tie,
    along,
    moved_by,
    moves_said,
    nudged,
    pair_changes,
    relabelled,
    residuals_ns,
    retimed,
    straight,
    tied,
)
from inspector.core.timemap import IDENTITY, TimeMap
from inspector.errors import InspectorError

NS = 1_000_000_000
MS = 1_000_000
HOUR = 3600 * NS

offsets = st.integers(-60 * NS, 60 * NS)
drifts = st.integers(-10_000, 10_000)


def clocked(offset: int, ppm: int) -> TimeMap:
    return TimeMap(((0, offset), (1_000_000 * MS, offset + (1_000_000 + ppm) * MS)))


def stream(
    name: str,
    timemap: TimeMap = IDENTITY,
    modality: Modality = Modality.SENSOR,
    clock: str = "",
    derived_from: str | None = None,
) -> Stream:
    source, own = Source(Path("x"), "csv"), Clock(clock or name, "container")
    return Stream(name, modality, source, own, (0, 60 * NS), timemap, derived_from=derived_from)


@given(offsets, drifts, st.integers(-HOUR, HOUR), offsets)
def test_a_nudge_moves_every_moment_by_as_much(offset: int, ppm: int, at: int, by: int) -> None:
    timemap = clocked(offset, ppm)
    assert nudged(timemap, by).to_reference(at) == timemap.to_reference(at) + by


@given(offsets, drifts, st.integers(0, HOUR), offsets)
def test_one_tie_moves_and_keeps_the_drift(offset: int, ppm: int, local: int, there: int) -> None:
    timemap = clocked(offset, ppm)
    made = tied(timemap, [Tie(local, there)])
    assert made.to_reference(local) == there
    assert made.drift_ppm == timemap.drift_ppm


@given(offsets, drifts, st.lists(st.integers(0, HOUR), min_size=2, max_size=6, unique=True))
def test_ties_on_a_clock_find_that_clock_again(offset: int, ppm: int, locals_: list[int]) -> None:
    truth = clocked(offset, ppm)
    locals_ = sorted(each - each % (10 * NS) for each in locals_)
    locals_ = sorted(set(locals_))
    ties = [Tie(each, truth.to_reference(each)) for each in locals_]
    for bend in (True, False):
        made = tied(TimeMap(), ties, bend)
        for each in locals_:
            assert abs(made.to_reference(each) - truth.to_reference(each)) <= 2
    assert all(abs(each) <= 2 for each in residuals_ns(ties))


def test_more_ties_bend_and_their_residuals_are_told() -> None:
    ties = [Tie(0, 0), Tie(10 * NS, 10 * NS + 30 * MS), Tie(20 * NS, 20 * NS)]
    assert tied(TimeMap(), ties).anchors == tuple((each.local_ns, each.reference_ns) for each in ties)
    assert [round(each / MS) for each in residuals_ns(ties)] == [-10, 20, -10]
    assert tied(TimeMap(), ties, bend=False).to_reference(0) == pytest.approx(10 * MS, abs=2)


@pytest.mark.parametrize(
    "ties",
    [
        [Tie(0, 0), Tie(10 * NS, -NS)],
        [Tie(0, 0), Tie(100, 100)],
        [Tie(0, 0), Tie(NS, 3 * NS)],
        [Tie(NS, 0), Tie(NS, 5 * NS)],
    ],
)
def test_ties_that_contradict_each_other_are_refused(ties: list[Tie]) -> None:
    with pytest.raises(InspectorError, match="contradict"):
        tied(TimeMap(), ties)
    with pytest.raises(InspectorError):
        straight(ties[:1])


def test_a_relabel_stretches_about_the_streams_start() -> None:
    made = relabelled(TimeMap(((0, 5 * NS),)), RELABELS[0], 2 * NS)
    assert RELABELS[0].true == 48_000
    assert made.to_reference(2 * NS) == 7 * NS
    assert made.to_reference(2 * NS + 48 * NS) == 7 * NS + 44_100 * MS
    back = relabelled(made, RELABELS[1], 2 * NS)
    assert abs(back.to_reference(50 * NS) - 55 * NS) <= 2


def test_a_relabel_keeps_a_jump() -> None:
    cut = TimeMap(((0, 0), (10 * NS, 10 * NS), (10 * NS, 12 * NS), (20 * NS, 22 * NS)))
    made = relabelled(cut, RELABELS[0], 0)
    assert abs(made.to_reference(10 * NS - 10) - (10 * NS - 10) * 44_100 // 48_000) <= 1
    assert made.to_reference(10 * NS) == 12 * NS * 44_100 // 48_000
    assert len(made.anchors) == len(cut.anchors)


@given(offsets, drifts, offsets, drifts, offsets, drifts, st.integers(0, HOUR))
def test_what_goes_along_stays_where_it_was_against_what_moved(
    a: int, b: int, c: int, d: int, e: int, f: int, at: int
) -> None:
    moved, follower = stream("m", clocked(a, b)), stream("f", clocked(c, d))
    new = clocked(e, f)
    there = along(moved, new, follower)
    local = follower.timemap.to_local(moved.timemap.to_reference(at))
    assert abs(there.to_reference(local) - new.to_reference(at)) <= 4


def test_a_cut_goes_along() -> None:
    new = TimeMap(((0, 0), (10 * NS, 10 * NS), (10 * NS, 12 * NS)))
    by = moved_by(TimeMap(), new)
    assert [by.to_reference(each * NS) // NS for each in (5, 10, 11)] == [5, 12, 13]


def test_a_clock_and_what_is_derived_move_together_and_pairs_are_told() -> None:
    streams = (
        stream("film", modality=Modality.VIDEO),
        stream("a", clock="box"),
        stream("b", clock="box"),
        stream("words", modality=Modality.TEXT, derived_from="a"),
    )
    record = Record("r", streams, reference="film")
    late = TimeMap.offset(320 * MS)
    after = retimed(record, "a", late)
    assert {each.id: each.timemap.late_ns // MS for each in after.streams} == {
        "film": 0,
        "a": 320,
        "b": 320,
        "words": 320,
    }
    changes = pair_changes(record, after, 5 * NS)
    assert [(each.stream_a, each.stream_b, each.later_ns // MS) for each in changes] == [
        ("film", "a", -320),
        ("film", "b", -320),
        ("film", "words", -320),
    ]
    alone = retimed(record, "a", late, alone=True)
    assert [each.id for each in alone.streams if each.timemap.late_ns] == ["a"]
    assert moves_said(TimeMap(), late) == "moves 320 ms earlier"
    assert moves_said(TimeMap(), clocked(0, -8000)) == "its clock is slowed by 8065 ppm"
