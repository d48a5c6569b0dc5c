"""A gyroscope against the film of its camera: the lag is told, and refused where the film is stabilised."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from inspector.audit.estimators.turns import FIELDS, shifts, turn_fit

RATE, FPS, LENGTH_S = 200, 30, 20.0
Arrays = tuple[NDArray[np.float64], NDArray[np.float64]]


def wander(rng: np.random.Generator, t: NDArray[np.float64], size: float) -> NDArray[np.float64]:
    """A smooth path, as of a hand that holds a camera."""
    hz = rng.uniform(0.2, 2.5, 12)
    phase = rng.uniform(0, 2 * np.pi, 12)
    path: NDArray[np.float64] = size * (np.sin(2 * np.pi * hz * t[:, None] + phase) / hz).sum(axis=1)
    return path


def filmed(x: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """(n, FIELDS) brightness over columns of a scene that is seen from x (n,), in fields, with noise."""
    scene = np.convolve(rng.normal(size=4000), np.hanning(9), "same")
    at = np.arange(FIELDS) + 2000 + x[:, None]
    seen: NDArray[np.float64] = np.interp(at, np.arange(4000), scene)
    return seen + rng.normal(0, 0.05, seen.shape)


def test_shifts_are_told_to_a_fraction_of_a_field() -> None:
    rng = np.random.default_rng(1)
    x = wander(rng, np.arange(300) / FPS, 2.0)
    found = shifts(filmed(x, rng))
    assert np.median(np.abs(found[1:] + np.diff(x))) < 0.05


def pair(seed: int, offset_s: float, held: float) -> tuple[Arrays, Arrays]:
    """Frame times and shifts, stamps and rates; `held` 0 where the film turns with its camera, 1 where it is
    stabilised."""
    rng = np.random.default_rng(seed)
    t, g = np.arange(0, LENGTH_S, 1 / FPS), np.arange(0, LENGTH_S, 1 / RATE)
    seeds = rng.integers(1 << 30, size=4)
    axes, rates = [], []
    for place in (0, 1):
        turn = wander(np.random.default_rng(seeds[place]), t, 1.0)
        own = wander(np.random.default_rng(seeds[place + 2]), t, 1.0)
        axes.append(shifts(filmed((1 - held) * turn + held * own, rng)))
        fine = wander(np.random.default_rng(seeds[place]), g - offset_s + 1e-9, 1.0)
        rates.append(np.gradient(fine, 1 / RATE))
    mounted = rng.normal(size=(3, 2)) @ np.stack(rates)
    return (t, np.stack(axes, axis=1)), (g, (mounted + rng.normal(0, 0.2, mounted.shape)).T)


@pytest.mark.parametrize("offset_s", [-0.5, 0.013, 0.4])
def test_a_gyroscope_is_placed_to_half_a_frame(offset_s: float) -> None:
    (t, seen), (g, rates) = pair(3, offset_s, 0.0)
    found = turn_fit(t, seen, g, rates)
    assert found is not None
    assert not found.why
    assert abs(found.offset_s - offset_s) < 0.5 / FPS
    assert found.p <= 0.02


@pytest.mark.parametrize("seed", range(4))
def test_a_stabilised_film_is_refused(seed: int) -> None:
    (t, seen), (g, rates) = pair(10 + seed, 0.2, 1.0)
    found = turn_fit(t, seen, g, rates)
    assert found is not None
    assert found.why


def test_a_camera_that_stands_is_refused() -> None:
    rng = np.random.default_rng(5)
    t, g = np.arange(0, LENGTH_S, 1 / FPS), np.arange(0, LENGTH_S, 1 / RATE)
    still = np.stack([shifts(filmed(np.zeros(len(t)), rng)) for _ in (0, 1)], axis=1)
    found = turn_fit(t, still, g, rng.normal(size=(len(g), 3)))
    assert found is not None
    assert found.why
    assert turn_fit(t[:60], still[:60], g, rng.normal(size=(len(g), 3))) is None
