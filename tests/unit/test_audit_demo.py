"""The bundled dataset, whose faults are known: each is found by the right check, nothing else is failed."""

from __future__ import annotations

import base64
import json
import re
import shutil
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from programs import run

from inspector.audit.report import report_html
from inspector.audit.reporting import report_of
from inspector.audit.runner import Options
from inspector.core.assets import resource
from inspector.core.findings import Finding, Status
from inspector.errors import InspectorError
from inspector.session import Session

ROOT = Path(__file__).resolve().parents[2]
TRUTH = json.loads((ROOT / "packaging" / "demo_truth.json").read_text("utf-8"))

EXPECTED: dict[str, tuple[str, str, float]] = {
    "transcript_missing": ("coverage.missing", "text", 0.0),
    "film_truncated": ("coverage.truncated", "front", 0.1),
    "sound_late": ("timing.av_offset", "voice", 5.0),
    "sound_silent": ("content.silent", "voice", 0.0),
    "transcript_early": ("transcript.offset", "words", 20.0),
    "sensor_fast": ("sensor.drift", "hands", 20.0),
    "camera_late": ("timing.camera_offset", "side", 20.0),
    "picture_frozen": ("content.frozen", "front", 0.1),
    "annotator_early": ("label.offset", "labels_B", 20.0),
    "labels_swapped": ("pairing.swapped", "labels_A", 0.0),
    "label_outside": ("label.out_of_range", "labels_A", 20.0),
}
"""A planted fault's check, the stream that it names, and how near the truth its figure has to be."""


@pytest.fixture(scope="session")
def demo_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What was decoded of the demo, for all tests of this file: `home` gives each test an empty cache."""
    return tmp_path_factory.mktemp("demo-cache")


@pytest.fixture(autouse=True)
def decoded_once(home: Path, demo_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the demo is decoded twice."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(demo_cache))


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory, demo_cache: Path) -> Path:
    """The demo, audited."""
    root = tmp_path_factory.mktemp("demo") / "demo"
    shutil.copytree(ROOT / "resources" / "demo", root)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(demo_cache))
        audited(root)
    return root


def audited(root: Path) -> list[Finding]:
    """What an audit says: of what has not changed since the last one, what that one found."""
    with Session.open(root, author="tester") as session:
        return list(session.audit(Options(workers=2)).findings())


def figure(found: Finding, fault: dict[str, Any]) -> float | None:
    """The finding's figure in the truth's terms: where a stretch begins, else its value."""
    if fault["unit"] == "s":
        return None if found.span is None else found.span[0] / 1e9
    return found.value


def test_every_planted_fault_is_found_and_nothing_else(demo: Path) -> None:
    found = audited(demo)
    failed = [each for each in found if each.status is Status.FAILED]
    planted = set()
    for fault in TRUTH["faults"]:
        check, stream, near = EXPECTED[fault["fault"]]
        planted.add((check, fault["record_id"]))
        (mine,) = [each for each in failed if (each.check, each.record_id) == (check, fault["record_id"])]
        assert mine.streams[0] == stream
        if fault["value"] is not None:
            value = figure(mine, fault)
            assert value is not None
            assert abs(value - fault["value"]) <= near, mine
    assert {(each.check, each.record_id) for each in failed} == planted
    # The early annotator is seen twice: against the data, which fails, and against the other one.
    (early,) = [each for each in TRUTH["faults"] if each["fault"] == "annotator_early"]
    (suspect,) = [each for each in found if each.status is Status.SUSPECT]
    assert (suspect.check, suspect.record_id) == ("agreement.lag", early["record_id"])
    assert suspect.value == pytest.approx(early["value"], abs=20)
    assert not [each for each in found if "fault of Inspector" in each.message]


def test_late_sound_takes_its_transcript_along(demo: Path) -> None:
    found = [each for each in audited(demo) if each.record_id == "rec_007"]
    (late,) = [each for each in found if each.status is Status.FAILED]
    assert late.fix is not None
    assert (late.fix.stream, late.fix.moves) == ("voice", ("words",))
    (words,) = [each for each in found if each.check == "transcript.offset"]
    assert words.status is Status.OK


def test_fixes_are_one_edit_after_which_the_fixable_faults_are_gone(demo: Path) -> None:
    root = demo
    before = {(each.check, each.record_id): each for each in audited(root) if each.status is Status.FAILED}
    fixable = {key for key, each in before.items() if each.fix is not None}
    assert {check for check, _ in fixable} == {
        "timing.av_offset", "timing.camera_offset", "transcript.offset", "sensor.drift",
    }  # fmt: skip
    dry = run("fix", root, "--dry-run", "--author", "tester")
    assert (dry.returncode, dry.stderr) == (0, "")
    assert "voice moves 320 ms earlier, and words with it" in dry.stdout
    with Session.open(root, author="tester") as session:
        assert not session.history()
    done = run("fix", root, "--author", "tester")
    assert (done.returncode, done.stderr) == (0, "")
    (now,) = [line for line in done.stdout.splitlines() if line.startswith("now rec_007 voice: ")]
    assert "before its fix it was 320 ms late (same evidence" in now
    after = audited(root)
    assert {(each.check, each.record_id) for each in after if each.status is Status.FAILED} == (
        set(before) - fixable
    )
    for check, record_id in fixable:  # and each is measured to be right now
        (mine,) = [each for each in after if (each.check, each.record_id) == (check, record_id)]
        assert mine.status is Status.OK
    with Session.open(root, author="tester") as session:
        assert len(session.history()) == 1
        session.undo()
    again = {(each.check, each.record_id) for each in audited(root) if each.status is Status.FAILED}
    assert again == set(before)


def test_sql_shows_what_was_measured(demo: Path) -> None:
    with Session.open(demo, author="tester") as session:
        rows = session.query(
            "SELECT stream_b, offset_ms FROM pairs WHERE record_id = 'rec_007' AND stream_a = 'front' "
            "AND method = 'flashes and onsets'"
        ).table.to_pylist()
        assert [row["stream_b"] for row in rows] == ["voice"]
        assert abs(rows[0]["offset_ms"] - 320) < 5
        residual = session.query("SELECT residual_ms, status FROM streams WHERE record_id = 'rec_007'").table
        told = {row["status"] for row in residual.to_pylist()}
        assert told == {"reference", "failed", "ok"}
        for record_id, modality, state in (("rec_023", "video", "frozen"), ("rec_010", "audio", "silent")):
            where = f"record_id = '{record_id}' AND modality = '{modality}'"
            covered = session.query(f"SELECT state FROM coverage WHERE {where}").table
            assert covered.to_pylist() == [{"state": state}]
        broken = session.query(
            "SELECT DISTINCT record_id FROM annotations WHERE grounding = 'broken' ORDER BY record_id"
        ).table.column("record_id")
        assert broken.to_pylist() == ["rec_011", "rec_014", "rec_016", "rec_025"]


def test_the_report_is_one_page_that_fetches_nothing(demo: Path, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    fresh = tmp_path / "never audited"
    shutil.copytree(demo / "rec_001", fresh / "rec_001")
    assert run("report", fresh, "--out", page).returncode == 2
    done = run("report", demo, "--out", page)
    assert (done.returncode, done.stderr) == (0, "")
    text = page.read_text("utf-8")
    assert "<b class=failed>12 failed</b>" in text
    assert "voice against front" in text
    assert "http" not in text.replace("http-equiv", "")
    assert "<script" not in text
    strips = re.findall(r"<svg.*?</svg>", text, re.DOTALL)
    assert len(strips) >= 5
    for strip in strips:
        ElementTree.fromstring(strip)
    assert run("report", demo, "--out", demo / "inside.html").returncode == 2
    shown = ("The worst, looked at", "How late, by pair and device", "The ladder", "Grounding", "Agreement")
    for title in shown:
        assert f"<h2>{title}" in text
    assert "A and B, 28 records" in text
    pictures = re.findall(r'src="data:image/jpeg;base64,([^"]+)"', text)
    assert len(pictures) >= 20
    assert all(base64.b64decode(each)[:2] == b"\xff\xd8" for each in pictures)
    assert "video – audio</td><td>rig-1</td><td>flashes and onsets" in text


def test_agreement_is_measured_for_the_report_wherever_it_is_made(
    demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Session.open(demo) as session:
        done: list[int] = []
        assert "unitizing alpha" in report_of(session, done.append)  # what the window asks for
        assert done == list(range(len(session.index)))
    fresh = tmp_path / "fresh"
    shutil.copytree(resource("demo"), fresh)
    with Session.open(fresh) as session:
        loaded: list[str] = []
        monkeypatch.setattr(Session, "record", lambda _, record_id: loaded.append(record_id))
        with pytest.raises(InspectorError, match="no audit"):
            report_of(session)
        assert loaded == []


def test_what_the_data_says_is_escaped_in_the_report() -> None:
    evil = Finding("coverage.partial", "<b>", ("<i>",), status=Status.FAILED, message="<script>1</script>")
    text = report_html("<u>", "0", "now", 1, [evil], {"<s>": {"present": 1}})
    for tag in ("<b>", "<i>", "<script", "<u>", "<s>"):
        assert tag not in text
