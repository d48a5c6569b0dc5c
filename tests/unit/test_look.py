"""A reduction between cuts is numpy's own, by whichever way it is taken."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from inspector.media.look import SHORT, reduced

if TYPE_CHECKING:
    from numpy.typing import NDArray


@st.composite
def valued_cuts(draw: st.DrawFn) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    lengths = draw(st.lists(st.integers(1, SHORT + 3), min_size=1, max_size=12))
    values = st.floats(-9, 9, width=32) | st.just(float("nan"))
    count = sum(lengths)
    flat = draw(st.lists(values, min_size=2 * count, max_size=2 * count))
    cuts = np.cumsum([0, *lengths[:-1]]).astype(np.intp)
    return np.array(flat, np.float32).reshape(2, count), cuts


@given(valued_cuts())
def test_a_reduction_is_numpys_own(drawn: tuple[NDArray[np.float32], NDArray[np.intp]]) -> None:
    values, cuts = drawn
    for pick in (np.fmin, np.fmax):
        expected = pick.reduceat(values, cuts, axis=1)
        assert np.array_equal(reduced(pick, values, cuts), expected, equal_nan=True)
