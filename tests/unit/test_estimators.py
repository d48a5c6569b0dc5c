"""The estimators find what was injected, to the figure promised, and refuse what cannot be found."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inspector.audit.estimators import correlate, graph, impostor, steps
from inspector.core.findings import Status
from inspector.core.times import NS

if TYPE_CHECKING:
    from numpy.typing import NDArray

RATE = 16_000


def speechlike(seconds: float, seed: int) -> NDArray[np.float32]:
    """Bursts of coloured noise with pauses, as syllables are."""
    rng = np.random.default_rng(seed)
    n = round(seconds * RATE)
    noise = np.convolve(rng.normal(size=n), np.array([1, 0.9, 0.7, 0.4, 0.2]), "same")
    level = np.repeat(rng.random(n // 1600 + 1) ** 2, 1600)[:n]
    sound: NDArray[np.float32] = (noise * level * 0.1).astype(np.float32)
    return sound


def heard(
    x: NDArray[np.float32], offset_s: float, drift_ppm: float, seed: int, snr_db: float = 0.0
) -> NDArray[np.float32]:
    """What a second recorder makes of it: late, on a fast clock, in noise of its own."""
    rng = np.random.default_rng(seed)
    n = len(x) + round(max(offset_s, 0) * RATE)
    # The second clock says s = t + offset + drift·t at true time t.
    true = (np.arange(n) / RATE - offset_s) / (1 + drift_ppm * 1e-6)
    y = np.interp(true * RATE, np.arange(len(x)), x, left=0, right=0)
    noise = rng.normal(size=n) * np.sqrt((x**2).mean()) * 10 ** (-snr_db / 20)
    whole: NDArray[np.float32] = (y + noise).astype(np.float32)
    return whole


@pytest.mark.parametrize(("offset_s", "drift_ppm"), [(0.118, 0.0), (-3.2, 0.0), (7.9, 100.0), (-0.5, -100.0)])
def test_a_late_sound_is_found_in_its_own_noise(offset_s: float, drift_ppm: float) -> None:
    x = speechlike(48, 1)
    found = correlate.sound_offset(x, heard(x, offset_s, drift_ppm, 2), RATE)
    assert found.status is Status.OK
    assert abs(found.offset_ns / NS - offset_s) < 0.0003
    assert abs(found.drift_ppm - drift_ppm) < 5


def test_a_clock_that_is_fast_by_a_thousand_ppm_is_measured_after_warping() -> None:
    x = speechlike(48, 3)
    found = correlate.sound_offset(x, heard(x, 1.0, 1001.0, 4, 10), RATE)
    assert found.status is Status.OK
    assert abs(found.offset_ns / NS - 1.0) < 0.001
    assert abs(found.drift_ppm - 1001) < 5


@pytest.mark.parametrize("at_s", [4.0, 9.0, 40.0])
def test_a_cut_near_an_end_is_never_ok(at_s: float) -> None:
    x = speechlike(48, 11)
    y = heard(x, 0.2, 20.0, 12, 10)
    place = round((at_s + 0.2) * RATE)
    y = np.concatenate([y[:place], y[place + round(0.3 * RATE) :]])
    assert correlate.sound_offset(x, y, RATE).status is not Status.OK


@pytest.mark.parametrize("seed", range(2))
def test_sounds_that_have_nothing_in_common_are_refused(seed: int) -> None:
    found = correlate.sound_offset(speechlike(30, seed), speechlike(30, seed + 50), RATE)
    assert found.status is Status.NOT_MEASURABLE
    assert found.reason


def test_silence_is_refused() -> None:
    nothing = np.zeros(RATE * 10, np.float32)
    assert correlate.sound_offset(nothing, speechlike(10, 1), RATE).status is Status.NOT_MEASURABLE


def test_blocks_give_what_the_whole_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    x = speechlike(30, 5)
    y = heard(x, 0.25, 0, 6, 10)
    whole = correlate.gcc_phat(x, y, RATE, 1.0)
    monkeypatch.setattr(correlate, "BLOCK", 1 << 16)
    parts = correlate.gcc_phat(x, y, RATE, 1.0)
    assert abs(whole[0] - parts[0]) < 1e-5
    assert parts[1] > correlate.GATE


@pytest.mark.parametrize("factor", [48_000 / 44_100, 44_100 / 48_000])
def test_a_wrong_label_of_the_sample_rate_is_told(factor: float) -> None:
    x = speechlike(40, 7)
    n = int(len(x) * factor)
    y = np.interp(np.arange(n) / factor, np.arange(len(x)), x).astype(np.float32)
    found, ratio, as_it_is = correlate.stretch(x, y, RATE)
    assert found == pytest.approx(factor)
    assert ratio > correlate.GATE > as_it_is
    assert correlate.stretch(x, heard(x, 0.1, 0, 1), RATE)[0] == 1.0


@pytest.mark.parametrize("at_s", [14.0, 25.3, 33.7])
def test_a_cut_is_measured_and_placed(at_s: float) -> None:
    x = speechlike(48, 8)
    y = heard(x, 0.2, 20.0, 9, 10)
    place = round((at_s + 0.2) * RATE)
    y = np.concatenate([y[:place], y[place + round(0.333 * RATE) :]])
    told = correlate.windows(x, y, RATE, 0.2)
    found = steps.pieces(told)
    assert len(found) == 2
    size_s = found[1].offset_s - found[0].offset_s
    assert abs(size_s + 0.333) < 0.001
    where, stretch = steps.place(x, y, RATE, found[0], found[1])
    assert abs(where - at_s) < 0.35
    assert abs(where - at_s) <= max(stretch, 0.04)
    quiet = x.copy()
    quiet[round((at_s - 1) * RATE) : round((at_s + 1) * RATE)] = 0.0
    z = heard(quiet, 0.2, 20.0, 9, 10)
    z = np.concatenate([z[:place], z[place + round(0.333 * RATE) :]])
    assert steps.place(quiet, z, RATE, found[0], found[1])[1] > 1.5  # in a pause nothing tells where
    assert correlate.sound_offset(x, y, RATE).status is not Status.OK


@given(
    st.lists(st.integers(4, 30), min_size=1, max_size=4),
    st.floats(-200, 200),
    st.integers(0, 10_000),
)
@settings(max_examples=60, deadline=None)
def test_every_step_of_windows_is_found_and_none_made_up(counts: list[int], ppm: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    t = np.arange(sum(counts)) * 3.0
    levels = np.cumsum([0.0, *rng.choice([-1, 1], len(counts) - 1) * rng.uniform(0.06, 0.5, len(counts) - 1)])
    late = np.repeat(levels, counts) + ppm * 1e-6 * t + rng.normal(size=len(t)) * 5e-5
    found = steps.pieces(np.stack([t, late], 1))
    assert [each.windows for each in found] == counts
    for each, level in zip(found, levels, strict=True):
        middle = (each.start_s + each.end_s) / 2
        assert abs(each.offset_s + (each.drift_ppm - ppm) * 1e-6 * middle - level) < 0.002


def test_p_is_uniform_for_an_impostor_and_small_for_a_match() -> None:
    rng = np.random.default_rng(0)
    null = rng.normal(size=(400, 100))
    p = np.array([impostor.p_value(row[0], row[1:]) for row in null])
    assert abs(float((p <= 0.05).mean()) - 0.05) < 0.04
    assert impostor.p_value(10.0, null[0, 1:]) == 0.01
    with pytest.raises(ValueError, match="99"):
        impostor.p_value(1.0, np.zeros(98))


@given(st.lists(st.floats(0, 1), max_size=40))
def test_false_discoveries_are_held_as_benjamini_and_hochberg_say(values: list[float]) -> None:
    p = np.array(values, np.float64)
    found = impostor.discoveries(p, 0.1)
    k = max((k for k in range(1, len(p) + 1) if np.sort(p)[k - 1] <= 0.1 * k / len(p)), default=0)
    assert found.sum() == k
    assert not found.any() or p[found].max() <= p[~found].min(initial=2.0)


names = ["ref", "b", "c", "d", "e"]


@given(st.integers(0, 9), st.sampled_from([-0.3, -0.06, 0.08, 1.2]), st.integers(0, 1000))
@settings(max_examples=60, deadline=None)
def test_one_wrong_pair_among_many_is_named_and_left_out(wrong: int, by_s: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    late = {name: float(rng.uniform(-1, 1)) if name != "ref" else 0.0 for name in names}
    edges = [
        graph.Edge(a, b, late[b] - late[a] + float(rng.normal() * 2e-4) + (by_s if k == wrong else 0), 1e-3)
        for k, (a, b) in enumerate(itertools.combinations(names, 2))
    ]
    found = graph.solve(edges, "ref")
    assert found.bad == (wrong,)
    assert found.closure_s[wrong] == pytest.approx(by_s, abs=0.003)
    for name in names:
        assert found.late_s[name] == pytest.approx(late[name], abs=0.003)


def test_a_triangle_that_does_not_close_blames_nobody() -> None:
    edges = [
        graph.Edge("ref", "b", 0.0, 1e-3),
        graph.Edge("b", "c", 0.0, 1e-3),
        graph.Edge("ref", "c", 0.5, 1e-3),
    ]
    found = graph.solve(edges, "ref")
    assert found.bad == ()
    assert len(found.open) == 3
