"""What a finding's figure was read from, over time: each kind on a signal whose answer is known."""

from __future__ import annotations

import json
import shutil
import wave
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from inspector.audit.case import Case, Facts
from inspector.audit.decoding import Decoders
from inspector.audit.traces import MOST, Trace, trace_of
from inspector.core.assets import resource
from inspector.core.findings import Finding
from inspector.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

RATE = 16_000
TRUTH = json.loads((Path(__file__).parents[2] / "packaging" / "demo_truth.json").read_text())


def write(path: Path, pcm: NDArray[np.float64]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((np.clip(pcm, -1, 1) * 32767).astype("<i2").tobytes())


@pytest.fixture
def trace() -> Iterator[Callable[[Path, Finding], Trace | None]]:
    decoders = Decoders()

    def of(root: Path, finding: Finding) -> Trace | None:
        with Session.open(root) as session:
            facts = Facts(session.root, session.index)
            assert finding.record_id is not None
            record = session.record(finding.record_id)
            return trace_of(Case(record, facts, decoders.material, session.cues), finding)

    yield of
    decoders.close()


def test_two_sounds_are_late_by_the_same_in_every_window(
    tmp_path: Path, trace: Callable[[Path, Finding], Trace | None]
) -> None:
    x = np.random.default_rng(3).normal(size=40 * RATE) * 0.1
    write(tmp_path / "data" / "two" / "a.wav", x[:RATE])
    write(tmp_path / "data" / "one" / "a.wav", x)
    write(tmp_path / "data" / "one" / "b.wav", np.concatenate([np.zeros(round(0.12 * RATE)), x])[: len(x)])
    limits = (-40.0, 60.0)
    found = trace(tmp_path / "data", Finding("timing.av_offset", "one", ("b",), unit="ms", tolerance=limits))
    assert found is not None
    assert found.dots
    assert len(found.t_s) >= 8
    assert found.bounds == limits
    assert np.abs(found.value - 120).max() < 1


def test_silence_lies_on_the_floor_and_a_tone_above_it(
    tmp_path: Path, trace: Callable[[Path, Finding], Trace | None]
) -> None:
    write(tmp_path / "data" / "one" / "b.wav", np.zeros(RATE))
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(20 * RATE) / RATE)
    write(tmp_path / "data" / "two" / "a.wav", tone[:RATE])
    write(tmp_path / "data" / "one" / "a.wav", np.concatenate([tone, np.zeros(20 * RATE)]))
    found = trace(tmp_path / "data", Finding("content.silent", "one", ("a",), unit="s"))
    assert found is not None
    assert len(found.t_s) <= MOST
    assert found.value[found.t_s < 19].min() > -12
    assert found.value[found.t_s > 21].max() <= -90


def test_a_camera_is_late_by_what_was_planted_at_every_flash(
    tmp_path: Path, trace: Callable[[Path, Finding], Trace | None]
) -> None:
    fault = next(each for each in TRUTH["faults"] if each["fault"] == "camera_late")
    root = tmp_path / "demo"
    root.mkdir()
    for name in ("rec_001", fault["record_id"]):
        shutil.copytree(resource("demo") / name, root / name)
    late = Finding("timing.camera_offset", fault["record_id"], tuple(fault["streams"][:1]), unit="ms")
    found = trace(root, late)
    assert found is not None
    assert len(found.t_s) >= 4
    assert abs(float(found.value.mean()) - fault["value"]) < 15
    assert found.title.startswith(fault["streams"][0])
    gaps = trace(root, Finding("timing.frames", fault["record_id"], ("front",), unit="frames"))
    assert gaps is not None
    assert np.abs(gaps.value - 1000 / 30).max() < 1
    assert trace(root, Finding("label.out_of_range", fault["record_id"], ("labels_A",))) is None
