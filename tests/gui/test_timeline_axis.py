"""The time axis and the ruler: their laws."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspector.core.times import NS
from inspector.ui.timeline import ruler
from inspector.ui.timeline.axis import MIN_SPAN_NS, TimeAxis

if TYPE_CHECKING:
    from inspector.core.model import Span

totals = st.tuples(st.integers(-(10**15), 10**15), st.integers(1, 10**15)).map(lambda t: (t[0], t[0] + t[1]))
moves = st.lists(
    st.one_of(
        st.tuples(st.just("zoom"), st.floats(-0.2, 1.2), st.floats(0.001, 1000)),
        st.tuples(st.just("pan"), st.floats(-2, 2), st.just(0.0)),
        st.tuples(st.just("show"), st.floats(-1, 2), st.floats(0, 3)),
    ),
    max_size=8,
)


def moved(axis: TimeAxis, many: list[tuple[str, float, float]]) -> None:
    for kind, a, b in many:
        start, end = axis.visible
        length = end - start
        if kind == "zoom":
            axis.zoom_at(start + round(a * length), b)
        elif kind == "pan":
            axis.pan(round(a * length))
        else:
            total = axis.total[1] - axis.total[0]
            first = axis.total[0] + round(a * total)
            axis.show(first, first + round(b * total))


@given(totals, moves)
def test_axis_stays_within_its_limits(total: Span, many: list[tuple[str, float, float]]) -> None:
    axis = TimeAxis()
    axis.set_total(*total)
    moved(axis, many)
    low, high = axis.limits
    start, end = axis.visible
    assert low <= start < end <= high
    assert end - start >= MIN_SPAN_NS
    length = axis.total[1] - axis.total[0]
    assert high - low <= length + length // 25
    axis.fit()
    assert axis.fitted


@given(totals, moves, st.integers(50, 4000), st.floats(0, 1))
def test_axis_places_and_times_are_inverse(
    total: Span, many: list[tuple[str, float, float]], width: int, part: float
) -> None:
    axis = TimeAxis()
    axis.set_total(*total)
    moved(axis, many)
    ns = axis.visible[0] + round(part * axis.length)
    x = axis.x_of(ns, width)
    assert abs(axis.ns_of(x, width) - ns) <= 1 + axis.length * 1e-12
    assert axis.x_of(axis.visible[0], width) == 0
    assert axis.x_of(axis.visible[1], width) == width
    assert axis.x_of_array(np.array([ns]), width)[0] == pytest.approx(x, abs=1e-6)


@given(totals, st.floats(0, 1), st.lists(st.floats(1, 50), min_size=1, max_size=6))
def test_zooming_in_keeps_the_anchor_in_its_place(total: Span, part: float, factors: list[float]) -> None:
    axis = TimeAxis()
    axis.set_total(*total)
    anchor = axis.visible[0] + round(part * axis.length)
    before = axis.x_of(anchor, 1920)
    for factor in factors:
        axis.zoom_at(anchor, factor)
    assert abs(axis.x_of(anchor, 1920) - before) < 0.01


@given(st.integers(MIN_SPAN_NS, 10**15), st.integers(300, 4000))
def test_ticks_are_readable_and_aligned(length: int, width: int) -> None:
    major, minor = ruler.tick_steps(length, width)
    assert major % minor == 0
    assert major * width / length >= ruler.MIN_STEP_PX or major == ruler.STEPS[-1]
    assert minor == major or minor * width / length >= ruler.MIN_MINOR_PX


@pytest.mark.parametrize(
    ("ns", "step", "text"),
    [
        (7 * NS, NS, "0:07"),
        (67 * NS, NS, "1:07"),
        (7 * NS + NS // 2, NS // 2, "0:07.5"),
        (7 * NS, NS // 1000, "0:07.000"),
        (3661 * NS, NS, "1:01:01"),
    ],
)
def test_tick_labels_carry_the_decimals_of_their_step(ns: int, step: int, text: str) -> None:
    assert ruler.tick_label(ns, step) == text


def test_a_document_counts_positions() -> None:
    major, minor = ruler.tick_steps(5 * NS, 1000, positions=True)
    assert (major, minor) == (NS, NS)
    assert ruler.tick_label(3 * NS, major, positions=True) == "3"
