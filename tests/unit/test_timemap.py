"""The laws of time maps."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from inspector.core.timemap import IDENTITY, TimeMap, map_span
from inspector.errors import InspectorError

DAY_NS = 86_400 * 10**9
EPOCH_NS = 1_700_000_000 * 10**9

times = st.integers(-DAY_NS, DAY_NS)
origins = st.sampled_from([0, 320_000_000, -DAY_NS, EPOCH_NS]) | times


@st.composite
def clocks(draw: st.DrawFn, ppm: int = 500, most: int = 6) -> TimeMap:
    """A monotone map over up to a day, at most `ppm` fast or slow, anywhere from now to the epoch."""
    starts = sorted(draw(st.sets(st.integers(0, DAY_NS), min_size=1, max_size=most)))
    local, reference = draw(origins), draw(origins)
    anchors = [(local + starts[0], reference + starts[0])]
    for a, b in pairwise(starts):
        rate = draw(st.integers(-ppm, ppm))
        step = (b - a) + round((b - a) * rate / 10**6)
        assume(step > 0)
        anchors.append((anchors[-1][0] + b - a, anchors[-1][1] + step))
    return TimeMap(tuple(anchors))


@st.composite
def jumpy(draw: st.DrawFn) -> TimeMap:
    """Any map that can be made at all: jumps forwards and back, standing and backward pieces."""
    locals_ = sorted(draw(st.lists(st.integers(-1000, 1000), min_size=1, max_size=6)))
    if draw(st.booleans()):
        locals_ = sorted(locals_ + locals_[: len(locals_) // 2])
    return TimeMap(tuple((local, draw(st.integers(-1000, 1000))) for local in locals_))


# --- inverse --------------------------------------------------------------------------------------


@given(clocks(), times)
def test_there_and_back_is_within_a_nanosecond(timemap: TimeMap, beside: int) -> None:
    assert timemap.monotone
    local = timemap.anchors[0][0] + beside
    assert abs(timemap.to_local(timemap.to_reference(local)) - local) <= 1
    reference = timemap.anchors[0][1] + beside
    assert abs(timemap.to_reference(timemap.to_local(reference)) - reference) <= 1


@given(clocks(), st.lists(times, min_size=1, max_size=20))
def test_arrays_there_and_back(timemap: TimeMap, beside: list[int]) -> None:
    local = timemap.anchors[0][0] + np.array(beside, np.int64)
    back = timemap.to_local_array(timemap.to_reference_array(local))
    assert np.abs(back - local).max() <= 1


@given(clocks(), times, times)
def test_order_is_kept(timemap: TimeMap, a: int, b: int) -> None:
    a, b = (timemap.anchors[0][0] + x for x in sorted((a, b)))
    assert timemap.to_reference(a) <= timemap.to_reference(b)


@given(clocks())
def test_anchors_are_met_exactly(timemap: TimeMap) -> None:
    for local, reference in timemap.anchors:
        assert timemap.to_reference(local) == reference
        assert timemap.to_local(reference) == local


# --- scalars and arrays ---------------------------------------------------------------------------


@given(clocks(), st.lists(times, max_size=20))
def test_arrays_equal_scalars_within_a_nanosecond(timemap: TimeMap, beside: list[int]) -> None:
    for side, origin in enumerate(timemap.anchors[0]):
        values = origin + np.array(beside, np.int64)
        array = timemap.to_local_array(values) if side else timemap.to_reference_array(values)
        scalar = [timemap.to_local(int(v)) if side else timemap.to_reference(int(v)) for v in values]
        assert array.dtype == np.int64
        assert np.abs(array - np.array(scalar, np.int64)).max(initial=0) <= 1


@given(jumpy(), st.lists(st.integers(-1000, 1000), min_size=1, max_size=20))
@example(TimeMap(((0, 0), (100, 100), (100, -50), (200, 50))), [-60, -50, -20, 0, 49, 50, 120])
def test_arrays_equal_scalars_also_over_jumps(timemap: TimeMap, beside: list[int]) -> None:
    values = np.array(beside + [x for anchor in timemap.anchors for x in anchor], np.int64)
    for one, many in (
        (timemap.to_reference, timemap.to_reference_array),
        (timemap.to_local, timemap.to_local_array),
    ):
        scalar = np.array([one(int(value)) for value in values], np.int64)
        assert np.abs(many(values) - scalar).max() <= 1


@given(clocks(most=3), st.lists(st.integers(-DAY_NS, DAY_NS), min_size=1, max_size=5))
def test_epoch_sized_numbers_do_not_overflow(timemap: TimeMap, beside: list[int]) -> None:
    # Far outside the anchors where those are near 0: the slope goes on for fifty years.
    values = EPOCH_NS + np.array(beside, np.int64)
    scalar = np.array([timemap.to_reference(int(value)) for value in values], np.int64)
    assert np.abs(timemap.to_reference_array(values) - scalar).max() <= 1


def test_arrays_of_any_shape() -> None:
    timemap = TimeMap(((0, 0), (10**9, 2 * 10**9)))
    values = np.arange(6, dtype=np.int64).reshape(2, 3) * 10**9
    assert (timemap.to_reference_array(values) == values * 2).all()
    assert timemap.to_reference_array(np.zeros((0, 2), np.int64)).shape == (0, 2)


# --- offset, drift, extrapolation -----------------------------------------------------------------


@given(times, times)
def test_late_streams_are_moved_earlier(late_ns: int, local_ns: int) -> None:
    timemap = TimeMap.offset(late_ns)
    assert timemap.to_reference(local_ns) == local_ns - late_ns
    assert timemap.late_ns == late_ns
    assert timemap.drift_ppm == 0


def test_sound_320_ms_late_moves_320_ms_earlier() -> None:
    assert TimeMap.offset(320_000_000).to_reference(1_320_000_000) == 10**9


def test_a_fast_clock_has_positive_drift() -> None:
    hour = 3600 * 10**9
    timemap = TimeMap(((0, 0), (hour + 72_000_000, hour)))  # 72 ms too many in an hour
    assert timemap.drift_ppm == pytest.approx(20)
    assert timemap.late_ns == 0


def test_a_jump_is_no_drift() -> None:
    timemap = TimeMap(((0, 0), (10**10, 10**10), (10**10, 11 * 10**9), (2 * 10**10, 21 * 10**9)))
    assert timemap.drift_ppm == 0


def test_slopes_go_on_beyond_the_outer_anchors() -> None:
    timemap = TimeMap(((0, 0), (10, 20), (20, 30), (30, 60)))
    assert timemap.to_reference(-5) == -10
    assert timemap.to_reference(40) == 90
    assert timemap.to_local(-10) == -5
    assert timemap.to_local(90) == 40
    assert timemap.to_reference_array(np.array([-5, 40])).tolist() == [-10, 90]


# --- jumps ----------------------------------------------------------------------------------------


def test_a_jump_forward() -> None:
    timemap = TimeMap(((0, 0), (10, 10), (10, 25), (20, 35)))
    assert not timemap.monotone
    assert [timemap.to_reference(x) for x in (-2, 9, 10, 11, 22)] == [-2, 9, 25, 26, 37]
    assert [timemap.to_local(x) for x in (-2, 9, 10, 17, 25, 26, 37)] == [-2, 9, 10, 10, 10, 11, 22]


def test_a_jump_at_an_end_keeps_the_slope_beside_it() -> None:
    timemap = TimeMap(((0, 0), (10, 20), (10, 50)))
    assert [timemap.to_reference(x) for x in (5, 10, 15)] == [10, 50, 60]
    timemap = TimeMap(((0, 0), (0, 5), (10, 25)))
    assert [timemap.to_reference(x) for x in (-5, 0, 5)] == [-10, 5, 15]


def test_a_jump_back_lets_the_later_side_hold() -> None:
    timemap = TimeMap(((0, 0), (10, 10), (10, 5), (20, 15)))
    assert [timemap.to_reference(x) for x in (9, 10, 11)] == [9, 5, 6]
    assert [timemap.to_local(x) for x in (4, 5, 7)] == [4, 10, 12]


@given(jumpy())
def test_any_map_answers(timemap: TimeMap) -> None:
    for local, reference in timemap.anchors:
        assert isinstance(timemap.to_reference(local), int)
        assert isinstance(timemap.to_local(reference), int)
    assert isinstance(timemap.drift_ppm, float)


# --- chaining -------------------------------------------------------------------------------------


@given(clocks(), clocks(), times)
@example(TimeMap(((5, 5), (10**13, 10**13 + 10**9))), TimeMap.offset(7), -(10**13))
@example(TimeMap(((5, 5), (10**13, 10**13 + 10**9))), TimeMap(((0, 0), (6, 6), (10**13, 10**13))), -(10**13))
def test_then_is_mapping_twice(inner: TimeMap, outer: TimeMap, beside: int) -> None:
    both = inner.then(outer)
    assert both.monotone
    for local in (inner.anchors[0][0] + beside, *(x for x, _ in inner.anchors)):
        twice = outer.to_reference(inner.to_reference(local))
        assert abs(both.to_reference(local) - twice) <= 1


@given(clocks(), times)
def test_then_with_an_offset_keeps_the_anchors(timemap: TimeMap, late_ns: int) -> None:
    assert timemap.then(IDENTITY) == timemap
    assert IDENTITY.then(timemap).to_reference(late_ns) == timemap.to_reference(late_ns)
    moved = timemap.then(TimeMap.offset(late_ns))
    assert moved.anchors == tuple((local, reference - late_ns) for local, reference in timemap.anchors)
    assert moved.then(TimeMap.offset(-late_ns)) == timemap


@given(clocks(), clocks(), clocks(), times)
def test_then_is_associative(a: TimeMap, b: TimeMap, c: TimeMap, beside: int) -> None:
    local = a.anchors[0][0] + beside
    left, right = a.then(b).then(c), a.then(b.then(c))
    # Fifty years beyond the last anchor, its rounding weighs more.
    most = 3 + max(abs(x) for each in (a, b, c) for anchor in each.anchors for x in anchor) // 10**15
    assert abs(left.to_reference(local) - right.to_reference(local)) <= most


def test_jumps_chain_with_offsets_only() -> None:
    jump = TimeMap(((0, 0), (10, 10), (10, 20)))
    assert jump.then(TimeMap.offset(5)).anchors == ((0, -5), (10, 5), (10, 15))
    assert TimeMap.offset(5).then(jump).anchors == ((5, 0), (15, 10), (15, 20))
    with pytest.raises(InspectorError, match="without jumps"):
        jump.then(TimeMap(((0, 0), (1, 1))))


# --- edges ----------------------------------------------------------------------------------------


def test_anchors_are_checked() -> None:
    with pytest.raises(InspectorError, match="at least one anchor"):
        TimeMap(())
    with pytest.raises(InspectorError, match="out of order"):
        TimeMap(((1, 0), (0, 1)))


def test_spans() -> None:
    assert map_span(TimeMap.offset(10), (0, 5)) == (-10, -5)
    assert map_span(TimeMap(((0, 10), (10, 0))), (2, 4)) == (6, 8)
