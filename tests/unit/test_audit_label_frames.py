"""Labels made by frames: those that lie off them, those counted at another rate, those given freely."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import films
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from programs import run

from inspector.audit.label_frames import RATES, fit_to_frames

if TYPE_CHECKING:
    from pathlib import Path

FILM = np.arange(1500) * 1.001 / 30


def drawn(rate: float, seed: int, count: int = 20) -> Any:
    """Bounds all over 49 s that were counted at a rate and written in ms."""
    numbers = np.random.default_rng(seed).choice(round(49 * rate), count, replace=False)
    return np.round(np.sort(numbers) / rate, 3)


@given(st.randoms(use_true_random=False))
def test_bounds_on_frames_are_told_from_those_that_are_not(random: Any) -> None:
    right = np.round(FILM[sorted(random.sample(range(1500), 20))], 3)
    fit = fit_to_frames(right, FILM, 1.0)
    assert fit.by_frames
    assert fit.off_ms.max() <= 1
    moved = right.copy()
    moved[3] += 0.009
    fit = fit_to_frames(moved, FILM, 1.0)
    assert fit.by_frames
    assert np.flatnonzero(fit.off_ms > 1).tolist() == [3]
    assert fit.off_ms[3] == pytest.approx(9, abs=0.6)


@pytest.mark.parametrize("rate", [24.0, 25.0, 30.0])
@given(seed=st.integers(0, 2**32))
def test_frames_counted_at_another_rate_are_told_with_the_rate(rate: float, seed: int) -> None:
    fit = fit_to_frames(drawn(rate, seed), FILM, 1.0)
    assert fit.other_hz is not None
    assert abs(fit.other_hz / rate - 1) < 0.002  # 24 and 23.976 part only by the last bound
    assert fit.away_ms > 1
    assert not fit.by_frames


@given(st.integers(0, 2**32))
def test_times_given_freely_are_no_fault(seed: int) -> None:
    free = np.sort(np.random.default_rng(seed).uniform(0, 49, 40))
    fit = fit_to_frames(free, FILM, 1.0)
    assert fit.other_hz is None
    assert not fit.by_frames


def test_every_usual_rate_fits_itself() -> None:
    for rate in RATES:
        frames = np.arange(1000) / rate
        fit = fit_to_frames(frames[::7], frames, 1.0)
        assert fit.by_frames
        assert fit.other_hz is None


def test_the_check_on_a_record(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "one"
    folder.mkdir(parents=True)
    films.make_film(folder / "cam.mp4", films.steady(10.0, 25), rate=25, sound=None)
    rng = np.random.default_rng(2)

    def rows(bounds: Any) -> str:
        told = [f"{a:.3f},{b:.3f},x" for a, b in zip(bounds[::2], bounds[1::2], strict=True)]
        return "\n".join(["start,end,label", *told, ""])

    frames = np.sort(rng.choice(240, 20, replace=False)) / 25
    off = frames.copy()
    off[5] += 0.015
    (folder / "labels_right.csv").write_text(rows(frames))
    (folder / "labels_off.csv").write_text(rows(off))
    (folder / "labels_other.csv").write_text(rows(np.sort(rng.choice(280, 20, replace=False)) / 30))
    (folder / "labels_free.csv").write_text(rows(np.sort(rng.uniform(0, 9.9, 20))))
    (folder / "labels_few.csv").write_text(rows(frames[:4]))
    done = run("audit", tmp_path / "data", "--check", "label.off_frame", "--json")
    found = {each["streams"][0]: each for each in map(json.loads, done.stdout.splitlines())}
    assert {name: each["status"] for name, each in found.items()} == {
        "labels_right": "ok",
        "labels_off": "suspect",
        "labels_other": "suspect",
        "labels_free": "ok",
        "labels_few": "not_measurable",
    }
    assert found["labels_off"]["value"] == pytest.approx(15, abs=0.1)
    assert "1 of 20" in found["labels_off"]["message"]
    assert found["labels_off"]["start_s"] == pytest.approx(off[5], abs=1e-6)
    assert "30 a second, cam has 25" in found["labels_other"]["message"]
