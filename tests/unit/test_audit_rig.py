"""A device that is late alike in all records is one clock model, accepted as one edit; what fixes rest on."""

from __future__ import annotations

import json
import wave
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from programs import run

from inspector.audit.rig import maps, models
from inspector.core.effective import timemap_from
from inspector.core.model import Clock, Modality, Record, Source, Stream
from inspector.core.timemap import TimeMap
from inspector.core.times import NS
from inspector.session import Session

if TYPE_CHECKING:
    from pathlib import Path

LIMITS = (-40.0, 60.0)


def recorded(number: int, path: Path, timemap: TimeMap | None = None) -> Record:
    """A record of a film and a recorder of its own clock."""
    cam = Stream("cam", Modality.VIDEO, Source(path, "av"), Clock("cam", "container"), (0, 60 * NS))
    mic = Stream(
        "mic", Modality.AUDIO, Source(path, "av"), Clock("mic", "container"), (0, 60 * NS), device="B"
    )
    mic = mic if timemap is None else replace(mic, timemap=timemap)
    return Record(f"r{number}", (cam, mic), reference="cam")


def pair(number: int, late_ms: float, ppm: float | None = 38.0) -> dict[str, object]:
    """What was measured of its recorder."""
    told: dict[str, object] = {"record_id": f"r{number}", "stream_a": "cam", "stream_b": "mic"}
    return told | {"method": "flashes and onsets", "offset_ms": late_ms, "drift_ppm": ppm, "status": "ok"}


@given(st.floats(-900, 900), st.integers(4, 20), st.integers(0, 1000))
@settings(max_examples=40)
def test_records_that_agree_are_a_model_and_the_odd_one_is_left_out(
    tmp_path_factory: pytest.TempPathFactory, late_ms: float, count: int, seed: int
) -> None:
    path = tmp_path_factory.getbasetemp()
    rng = np.random.default_rng(seed)
    rows = [pair(k, late_ms + float(rng.normal()) * 2) for k in range(count)] + [pair(count, late_ms + 400)]
    ids = [f"r{k}" for k in range(count + 2)]  # the last one was not measured
    load = {each: recorded(k, path) for k, each in enumerate(ids)}
    found = models(load.__getitem__, load.__getitem__, ids, rows, (), lambda _: LIMITS)
    if abs(late_ms) < 4:
        return
    (model,) = found
    assert model.device == "B"
    assert abs(model.offset_ms - late_ms) < 4
    assert model.drift_ppm == pytest.approx(38)
    assert [each.record_id for each in model.outliers] == [f"r{count}"]
    assert [each.record_id for each in model.unmeasured] == [f"r{count + 1}"]
    moved = {record: timemap_from(value) for record, _, value in maps(model, load.__getitem__)}
    assert set(moved) == {*ids} - {f"r{count}"}
    assert moved["r0"].to_reference(round((10 * (1 + 38e-6) + model.offset_ms / 1000) * NS)) == pytest.approx(
        10 * NS, abs=1000
    )


def test_what_a_fix_took_off_counts_and_devices_that_do_not_agree_have_no_model(tmp_path: Path) -> None:
    raw = {f"r{k}": recorded(k, tmp_path) for k in range(4)}
    fixed = {f"r{k}": recorded(k, tmp_path, TimeMap.offset(118_000_000)) for k in range(4)}
    rows = [pair(k, 0.0, None) for k in range(4)]
    (model,) = models(fixed.__getitem__, raw.__getitem__, fixed, rows, (), lambda _: LIMITS)
    assert model.offset_ms == pytest.approx(118)
    assert all(each.left_ms == 0 for each in model.agree)
    apart = [pair(k, 200.0 * k, None) for k in range(4)]
    assert not models(raw.__getitem__, raw.__getitem__, raw, apart, (), lambda _: LIMITS)
    assert not models(raw.__getitem__, raw.__getitem__, raw, rows, (), lambda _: LIMITS)


def test_a_rig_is_offered_and_accepted_on_the_command_line(tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    for number in range(4):
        room = rng.normal(0, 0.1, 16_000 * 20)
        for name, late in (("a", 0.0), ("b", 0.118)):
            pcm = np.concatenate([np.zeros(round(late * 16_000)), room])[: 16_000 * 20]
            pcm = pcm + rng.normal(0, 0.05, len(pcm))
            folder = tmp_path / "data" / f"rec_{number}"
            folder.mkdir(parents=True, exist_ok=True)
            with wave.open(str(folder / f"mic_{name}.wav"), "wb") as file:
                file.setnchannels(1)
                file.setsampwidth(2)
                file.setframerate(16_000)
                file.writeframes((np.clip(pcm, -1, 1) * 32767).astype("<i2").tobytes())
    assert run("rig", tmp_path / "data").returncode == 2
    assert run("audit", tmp_path / "data", "--check", "timing.av_offset").returncode == 1
    (line,) = run("rig", tmp_path / "data", "--json").stdout.splitlines()
    assert json.loads(line)["offset_ms"] == pytest.approx(118, abs=0.5)
    assert run("rig", tmp_path / "data", "--accept", "nobody").returncode == 2
    done = run("rig", tmp_path / "data", "--accept", "mic_b", "--author", "tester")
    assert (done.returncode, done.stderr) == (0, "")
    assert "4 streams moved" in done.stdout
    assert run("audit", tmp_path / "data", "--check", "timing.av_offset").returncode == 0
    with Session.open(tmp_path / "data", author="tester") as session:
        assert len(session.history()) == 1
        session.undo()
        assert session.record("rec_0").stream("mic_b").timemap == TimeMap()


def test_what_a_fix_is_measured_by_again_is_told_as_the_same_evidence(tmp_path: Path) -> None:
    rng = np.random.default_rng(8)
    room = rng.normal(0, 0.1, 16_000 * 20)
    for name, late in (("a", 0.0), ("b", 0.5)):
        pcm = np.concatenate([np.zeros(round(late * 16_000)), room])[: 16_000 * 20]
        for record in ("one", "two"):
            (tmp_path / "data" / record).mkdir(parents=True, exist_ok=True)
            with wave.open(str(tmp_path / "data" / record / f"mic_{name}.wav"), "wb") as file:
                file.setnchannels(1)
                file.setsampwidth(2)
                file.setframerate(16_000)
                file.writeframes((np.clip(pcm, -1, 1) * 32767).astype("<i2").tobytes())
    assert run("fix", tmp_path / "data", "--check", "timing.av_offset", "--record", "one").returncode == 0
    done = run("audit", tmp_path / "data", "--check", "timing.av_offset", "--record", "one", "--json")
    (found,) = [json.loads(line) for line in done.stdout.splitlines()]
    assert found["status"] == "ok"
    assert "before its fix it was 500 ms late (same evidence" in found["message"]
