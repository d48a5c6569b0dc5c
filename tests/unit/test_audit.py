"""The audit's runner, its store and its command line, on records that a test makes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import films
import numpy as np
import pyarrow.parquet as pq
import pytest
from programs import run

from inspector.audit.checks import Stage, check, checks
from inspector.audit.decoding import Decoders
from inspector.audit.material import Sound, film_of, sound_of
from inspector.audit.runner import Options
from inspector.audit.store import Result, Store
from inspector.core.findings import Finding, Fix, Status
from inspector.core.model import Source
from inspector.core.timemap import TimeMap
from inspector.errors import Cancelled, InspectorError
from inspector.session import Session

if TYPE_CHECKING:
    from collections.abc import Iterator

DEMO = Path(__file__).resolve().parents[2] / "resources" / "demo"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three records of a film; the last one's is torn."""
    root = tmp_path / "data"
    for name in ("one", "two", "three"):
        (root / name).mkdir(parents=True)
        films.make_film(root / name / "cam.mp4", films.steady(1.5, 20), rate=20)
        (root / name / "talk.vtt").write_text("WEBVTT\n\n00:00.500 --> 00:01.000\nword\n")
    (root / "two" / "talk.vtt").unlink()
    return root


def failed(root: Path) -> set[tuple[str, str | None]]:
    with Session.open(root) as session:
        return {
            (each.check, each.record_id)
            for each in session.audit(Options()).findings()
            if each.status is Status.FAILED
        }


def test_a_finding_survives_its_line_and_its_row(tmp_path: Path) -> None:
    fix = Fix("voice", TimeMap(((0, -320_000_000),)), 320_000_000, 0.0, None, ("words",))
    whole = Finding(
        "timing.av_offset", "a", ("voice",), (1, 2_000_000_007), 320.0, "ms", (-40.0, None), Status.FAILED,
        0.99, 0.75, "late", fix,
    )  # fmt: skip
    change = Finding("label.shifted", None, fix=Fix(change=("annotations/a:1", None, {"start_s": 1.5})))
    for each in (whole, change):
        assert Finding.from_json(json.loads(json.dumps(each.to_json()))) == each
    store = Store(tmp_path / "kept")
    store.add([Result("a", "decode", "k", [whole]), Result(None, "dataset", "", [change])])
    assert Store(tmp_path / "kept").findings() == [whole, change]


def test_the_newest_part_holds_and_a_torn_one_is_not_there(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.add([Result("a", "record", "1", [Finding("x.y", "a")]), Result("b", "record", "1")])
    store.add([Result("a", "record", "2", [Finding("x.z", "a")])])
    assert [each.check for each in store.findings()] == ["x.z"]
    done = sorted(tmp_path.glob("done-*"))
    done[-1].unlink()  # the crash came before the part's last table
    again = Store(tmp_path)
    assert [each.check for each in again.findings()] == ["x.y"]
    assert (again.key("a", "record"), again.key("b", "record")) == ("1", "1")
    again.add([Result("c", "record", "1", [Finding("x.w", "c")])])
    again.settle()
    assert len(list(tmp_path.glob("done-*"))) == 1
    assert {each.check for each in Store(tmp_path).findings()} == {"x.y", "x.w"}


def test_only_what_changed_is_run_again(folder: Path) -> None:
    with Session.open(folder) as session:
        first = session.audit(Options())
        told = [each.to_json() for each in first.findings()]
        assert first.progress.kept == 0
    with Session.open(folder) as session:
        second = session.audit(Options())
        assert sorted(map(str, (each.to_json() for each in second.findings()))) == sorted(map(str, told))
        assert second.progress.kept == 6  # three records, two stages
    films.make_film(folder / "one" / "cam.mp4", films.steady(2.0, 20), rate=20)
    with Session.open(folder) as session:
        third = session.audit(Options())
        list(third.findings())
        assert third.progress.kept == 4
    with Session.open(folder) as session:
        changed = session.audit(Options(tolerances={"content.frozen": (None, 1.0)}))
        list(changed.findings())
        assert changed.progress.kept == 3  # the stage without that check


def test_a_run_of_one_check_keeps_what_the_others_found(folder: Path) -> None:
    assert ("coverage.missing", "two") in failed(folder)
    with Session.open(folder) as session:
        found = list(session.audit(Options(checks=("content.black",), records=("one",))).findings())
        assert {each.check for each in found} <= {"content.black"}
        kept = session.audited.findings()
    assert ("coverage.missing", "two") in {(each.check, each.record_id) for each in kept}
    with Session.open(folder) as session, pytest.raises(InspectorError):
        session.audit(Options(records=("nobody",)))


def test_what_is_said_of_the_whole_dataset_is_said_once(tmp_path: Path) -> None:
    """Also where one record after the other is audited again."""
    root = tmp_path / "demo"
    for name in ("rec_001", "rec_002"):
        shutil.copytree(DEMO / name, root / name)
    with Session.open(root) as session:
        for name in ("rec_001", "rec_002", "rec_001"):
            list(session.audit(Options(checks=("label.grounding",), records=(name,))).findings())
        whole = [each.key for each in session.audited.findings() if each.record_id is None]
    assert whole
    assert len(whole) == len(set(whole))


def test_cancelled_and_taken_up_again(folder: Path) -> None:
    with Session.open(folder) as session:
        begun = session.audit(Options())
        found = begun.findings()
        next(found)
        begun.cancel()
        with pytest.raises(Cancelled):
            list(found)
    assert ("coverage.missing", "two") in failed(folder)


def test_a_check_of_a_third_party_that_fails_is_told_and_the_others_go_on(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checks.all()
    monkeypatch.setattr(checks, "_entries", dict(checks._entries))
    mine = check("their.check", "Theirs", "A check of somebody else.")

    @mine.at(Stage.RECORD)
    def _broken(case: object) -> Iterator[Finding]:
        raise ZeroDivisionError("theirs")
        yield

    with Session.open(folder) as session:
        found = list(session.audit(Options()).findings())
    theirs = [each for each in found if each.check == "their.check"]
    assert {each.status for each in theirs} == {Status.NOT_MEASURABLE}
    assert any(each.check == "coverage.missing" for each in found)


# --- decoding -------------------------------------------------------------------------------------


def test_a_film_that_kills_or_hangs_the_child_is_one_error(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Session.open(folder) as session:
        stream = next(each for each in session.record("one").streams if each.modality.value == "video")
    command = {"kill": "import os; os._exit(9)", "hang": "import time; time.sleep(60)"}
    for word, code in command.items():
        import sys

        monkeypatch.setattr(
            "inspector.audit.decoding.child_command", lambda _, code=code: [sys.executable, "-c", code]
        )
        decoders = Decoders(hang_s=0.5)
        with pytest.raises(InspectorError, match=word):
            decoders.material(stream)
        decoders.close()


def test_sound_keeps_its_times_and_its_flat_tops(tmp_path: Path) -> None:
    import wave

    rate, length = 48_000, 3
    pcm = np.zeros(rate * length)
    pcm[rate + 480] = 0.9  # a click at 1.01 s
    pcm[2 * rate : 2 * rate + 6] = 1.0
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((pcm * 32767).astype("<i2").tobytes())
    sound: Sound = sound_of(Source(tmp_path / "a.wav", "av", track=0), lambda _: None)
    assert len(sound.pcm) == length * 16_000
    assert int(np.abs(sound.pcm[:30_000]).argmax()) == round(1.01 * 16_000)
    assert sound.clipped.tolist() == [[2_000_000_000, 2_000_125_000]]


def test_film_is_decoded_whole_and_in_order(tmp_path: Path) -> None:
    times = films.steady(2.0, 25)
    films.make_film(tmp_path / "a.mp4", times, rate=25)
    with Session.open(tmp_path) as session:
        stream = next(
            each for each in session.record(session.record_ids()[0]).streams if each.modality.value == "video"
        )
    film = film_of(stream.source, lambda _: None)
    assert film.t_ns.tolist() == [round(each * 1e9) for each in times]
    assert film.grid.shape == (50, 8, 8)


# --- the command line -------------------------------------------------------------------------------


def test_audit_prints_one_object_a_line_and_says_what_failed(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "found.parquet"
    done = run("audit", folder, "--json", "--out", out)
    assert done.returncode == 1, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert set(lines[0]) == {
        "check", "record_id", "streams", "start_s", "end_s", "value", "unit", "tolerance", "status",
        "confidence", "severity", "message", "fix",
    }  # fmt: skip
    assert any(line["check"] == "coverage.missing" and line["record_id"] == "two" for line in lines)
    assert pq.read_table(out).num_rows == len(lines)
    fine = run("audit", folder, "--record", "one", "--check", "coverage.missing")
    assert (fine.returncode, fine.stderr) == (0, "")
    wrong = run("audit", folder, "--check", "no.such")
    assert wrong.returncode == 2
    assert len(wrong.stderr.splitlines()) == 1
    inside = run("audit", folder, "--out", folder / "x.parquet")
    assert inside.returncode == 2


def test_findings_are_asked_in_sql(folder: Path) -> None:
    assert run("audit", folder).returncode == 1
    sql = "SELECT \"check\", record_id FROM findings WHERE status = 'failed'"
    told = run("query", folder, sql, "--format", "json")
    assert json.loads(told.stdout) == [{"check": "coverage.missing", "record_id": "two"}]


def test_a_dataset_that_cannot_be_written_is_audited_all_the_same(folder: Path, tmp_path: Path) -> None:
    done = run("audit", folder, "--workspace", tmp_path / "work")
    assert done.returncode == 1
    assert not (folder / ".inspector").exists()
    assert (tmp_path / "work" / "audit").is_dir()


def test_two_recorders_are_measured_by_what_both_heard(tmp_path: Path) -> None:
    """The second one's sound is late by a known time; nothing else is there to measure it by."""
    import wave

    rng = np.random.default_rng(7)
    room = rng.normal(0, 0.1, 48_000 * 20)
    for record, name, late in (("one", "a", 0.0), ("one", "b", 0.250), ("two", "a", 0.0), ("two", "b", 0.0)):
        shifted = np.concatenate([np.zeros(round(late * 48_000)), room])[: 48_000 * 18]
        shifted = shifted + rng.normal(0, 0.05, len(shifted))
        (tmp_path / "data" / record).mkdir(parents=True, exist_ok=True)
        with wave.open(str(tmp_path / "data" / record / f"mic_{name}.wav"), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(48_000)
            file.writeframes((np.clip(shifted, -1, 1) * 32767).astype("<i2").tobytes())
    with Session.open(tmp_path / "data") as session:
        found = list(session.audit(Options(checks=("timing.av_offset",))).findings())
    (late_one,) = [each for each in found if each.status is Status.FAILED]
    assert late_one.streams == ("mic_b",)
    assert late_one.value is not None
    assert abs(late_one.value - 250) < 1
    assert late_one.fix is not None


def test_a_malformed_cue_of_a_real_file_is_found(samples: Path, tmp_path: Path) -> None:
    root = samples / "ableplayer_audio_captions"
    if not root.is_dir():
        pytest.skip("the samples are not here")
    with Session.open(root, workspace=tmp_path / "work") as session:
        found = list(session.audit(Options(checks=("coverage.partial",))).findings())
    assert any("00.02:32.000" in each.message and each.record_id == "paulallen_meta" for each in found)
