"""What a dataset is for: kept tolerances, gates, the ladder, what chance would explain, grounding."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from programs import run

from inspector.audit.closing import withdraw
from inspector.audit.gates import gates
from inspector.audit.ladder import Rung, ladder
from inspector.audit.pairing import grounded
from inspector.audit.purpose import Chosen, Purpose, chosen, keep, tolerance_of
from inspector.audit.store import Result, Store
from inspector.core.findings import Finding, Status
from inspector.core.model import Anchor, Annotation, Clock, Modality, Record, Source, Stream
from inspector.core.times import NS
from inspector.errors import InspectorError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def test_what_is_set_for_a_dataset_is_kept_and_stands_over_the_purpose(tmp_path: Path) -> None:
    assert chosen(tmp_path / "audit") == Chosen()
    told = Chosen(
        Purpose.DOMAIN, dict([tolerance_of("timing.av_offset=-5:"), tolerance_of("sensor.gaps=:2")])
    )
    keep(tmp_path / "audit", told)
    again = chosen(tmp_path / "audit")
    assert again == told
    assert again.limits()["timing.av_offset"] == (-5.0, None)
    assert again.limits()["transcript.offset"] == (-62.5, 62.5)
    for wrong in ("timing.av_offset", "timing.av_offset=1", "timing.av_offset=5:-5", "no.such=1:2", "x=a:b"):
        with pytest.raises(InspectorError):
            tolerance_of(wrong)
    (tmp_path / "audit" / "settings.json").write_text('{"purpose": "fun"}')
    with pytest.raises(InspectorError, match=r"settings\.json"):
        chosen(tmp_path / "audit")


def row(record: str, a: str, b: str, ms: float | None, method: str = "flashes") -> dict[str, object]:
    """A row of the table `pairs`."""
    status = "ok" if ms is not None else "not_measurable"
    told: dict[str, object] = {
        "record_id": record,
        "stream_a": a,
        "stream_b": b,
        "method": method,
        "offset_ms": ms,
    }
    return told | {"status": status}


def test_the_ladder_counts_what_proven_pairs_join() -> None:
    streams = {name: {"cam": "video", "mic": "audio", "words": "text"} for name in ("one", "two", "three")}
    pairs = [
        row("one", "cam", "mic", 10.0),
        row("one", "mic", "words", 20.0),
        row("two", "cam", "mic", 300.0),
        row("two", "mic", "words", 0.0),
        row("three", "cam", "mic", 0.0, "one container"),
        row("three", "mic", "words", None),
    ]
    rungs = {each.modalities: each for each in ladder(pairs, streams, lambda _: (-40.0, 60.0))}
    assert rungs["video", "audio"] == Rung(("video", "audio"), 3, 2, 1)
    assert rungs["video", "text"] == Rung(("video", "text"), 3, 2, 1)
    assert rungs["audio", "text"] == Rung(("audio", "text"), 3, 2, 2)
    assert rungs["video", "audio", "text"] == Rung(("video", "audio", "text"), 3, 2, 1)
    assert list(rungs)[-1] == ("video", "audio", "text")


def test_each_purpose_asks_its_own() -> None:
    rungs = [Rung(("video", "audio"), 100, 95, 94), Rung(("video", "audio", "text"), 100, 0, 0)]
    bad = [Finding("coverage.missing", f"r{k}", status=Status.FAILED) for k in range(3)]
    share = Finding("label.grounding", None, value=96.0)

    def told(purpose: Purpose, people: Mapping[str, list[str]]) -> dict[str, str]:
        found = gates(purpose, 100, [*bad, share], rungs, people)
        return {each.streams[0]: each.status.value for each in found}

    half = {f"r{k}": ["anna" if k % 2 else f"p{k}"] for k in range(100)}
    assert told(Purpose.TRAINING, half) == {"coverage": "failed", "duplicates": "ok", "diversity": "ok"}
    assert told(Purpose.TRAINING, {})["diversity"] == "not_measurable"
    assert told(Purpose.DOMAIN, {}) == {"measured video–audio": "ok", "precision video–audio": "ok"}
    assert told(Purpose.BENCHMARK, {}) == {"evidence video–audio": "failed", "grounding": "ok"}


def test_pairs_that_chance_explains_are_withdrawn_and_measured_again(tmp_path: Path) -> None:
    store = Store(tmp_path)
    results = []
    for number in range(60):
        p = 0.04 if number == 7 else 0.01 if number < 5 else 0.6
        name = f"r{number}"
        finding = Finding("transcript.offset", name, ("words",), status=Status.FAILED, value=900.0)
        state = {"record_id": name, "kind": "p", "name": "words", "state": "speech", "figure": p}
        results.append(Result(name, "decode", "k", [finding] if p < 0.05 else [], [], [state]))
    store.add(results)
    fallen, told = withdraw(store)
    # Benjamini and Hochberg: five at 0.01 of 60 would need p <= 0.05 * 5 / 60 = 0.0042.
    assert told is not None
    assert told.value == 0
    store.add(fallen)
    assert {each.status for each in store.findings()} == {Status.SUSPECT}
    assert store.key("r7", "decode") == ""
    assert store.key("r20", "decode") == "k"
    assert len(store.table("states")) == 60


def test_a_label_is_grounded_by_its_streams_or_the_reason_is_told(tmp_path: Path) -> None:
    def stream(name: str, modality: Modality, end_s: int) -> Stream:
        return Stream(
            name, modality, Source(tmp_path / name, "av"), Clock(name, "container"), (0, end_s * NS)
        )

    record = Record(
        "r",
        (
            stream("cam", Modality.VIDEO, 10),
            stream("mic", Modality.AUDIO, 10),
            stream("imu", Modality.SENSOR, 5),
        ),
        reference="cam",
    )

    def label(*anchors: Anchor) -> Annotation:
        return Annotation("l:1", "gesture", "point", anchors)

    measured = {("r", "cam"): "reference", ("r", "mic"): "ok"}
    span = (2 * NS, 3 * NS)
    cases = [
        (label(), None, "floating"),
        (label(Anchor("cam", None)), None, "floating"),
        (label(Anchor(None, (20 * NS, 21 * NS))), None, "broken"),
        (label(Anchor(None, span)), None, "unverified"),
        (label(Anchor(None, span)), "grounded", "grounded"),
        (label(Anchor("cam", span), Anchor("mic", span)), None, "grounded"),
        (label(Anchor("cam", span), Anchor("imu", span)), None, "unverified"),
        (label(Anchor("cam", span), Anchor("imu", (6 * NS, 7 * NS))), None, "broken"),
        (label(Anchor("cam", span), Anchor("gone", span)), None, "broken"),
    ]
    for each, fitted, state in cases:
        assert grounded(record, each, measured, fitted)[0] == state, each
    late = {**measured, ("r", "mic"): "failed"}
    assert grounded(record, cases[5][0], late, None)[0] == "broken"
    assert grounded(record, label(Anchor("cam", span)), {("r", "cam"): "reference"}, None)[0] == "unverified"


def test_a_purpose_is_set_on_the_command_line_and_printed_in_the_report(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / "data" / name).mkdir(parents=True)
        (tmp_path / "data" / name / "words.vtt").write_text("WEBVTT\n\n00:00.500 --> 00:01.000\nword\n")
        (tmp_path / "data" / name / "imu.csv").write_text("t,x\n" + "".join(f"{k},{k}\n" for k in range(30)))
    done = run("audit", tmp_path / "data", "--purpose", "training", "--json", "--tolerance", "sensor.gaps=:3")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert {line["streams"][0] for line in lines if line["check"] == "purpose.gate"} == {
        "coverage", "duplicates", "diversity",
    }  # fmt: skip
    assert any(line["check"] == "coverage.duplicate" for line in lines)
    assert done.returncode == 1, done.stderr
    assert next(line["tolerance"] for line in lines if line["check"] == "sensor.gaps") == [None, 3.0]
    assert run("audit", tmp_path / "data", "--purpose", "fun").returncode == 2
    page = tmp_path / "page.html"
    assert run("report", tmp_path / "data", "--out", page).returncode == 0
    text = page.read_text("utf-8")
    assert "Fit for training" in text
    assert "The ladder" in text
