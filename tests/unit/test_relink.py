"""Modalities that records lack: expected absent, or linked to files elsewhere that moved."""

from __future__ import annotations

import json
import shutil
import wave
from typing import TYPE_CHECKING

import pytest

from inspector.cli import main
from inspector.core.model import Modality
from inspector.core.sources import linked_from
from inspector.errors import InspectorError
from inspector.readers import relink
from inspector.readers.relink import find_files, lacking, matches
from inspector.session import Session

if TYPE_CHECKING:
    from pathlib import Path

RATE = 8000


def tone(path: Path, seconds: float, level: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(int(level).to_bytes(2, "little", signed=True) * int(seconds * RATE))


def table(path: Path, seconds: float) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("t,x\n" + "".join(f"{n / 10},{n % 7}\n" for n in range(int(seconds * 10) + 1)))


@pytest.fixture
def dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Six records with a table; one has its sound, five lack it."""
    monkeypatch.setenv("INSPECTOR_CONFIG", str(tmp_path / "config"))
    root = tmp_path / "set"
    for number in range(6):
        table(root / f"rec_{number}" / "hands.csv", 4 + number)
    tone(root / "rec_5" / "voice.wav", 9, 1)
    other = tmp_path / "found"
    tone(other / "a" / "rec_0.wav", 4, 2)  # fits by stem
    tone(other / "a" / "rec_1.wav", 5, 3)  # two fit by stem, one of them by its length too
    tone(other / "b" / "rec_1.wav", 2, 4)
    tone(other / "a" / "rec_2.wav", 6, 5)  # two fit alike
    tone(other / "b" / "rec_2.wav", 6, 6)
    tone(other / "a" / "rec_3.wav", 30, 7)  # its stem fits, its length is another's
    tone(other / "b" / "x.wav", 8, 8)  # nothing but its length fits
    return root


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as end:
        main(words)
    told = capsys.readouterr()
    return int(end.value.code or 0), told.out, told.err


def test_only_what_is_certain_is_chosen(dataset: Path) -> None:
    with Session.open(dataset) as session:
        ids = lacking(session, session.record_ids(), Modality.AUDIO)
        assert ids == [f"rec_{number}" for number in range(5)]
        found = {
            each.record_id: each
            for each in find_files(session, ids, dataset.parent / "found", Modality.AUDIO)
        }
    sure = {id_: each.sure.path for id_, each in found.items() if each.sure is not None}
    assert sure == {"rec_0": "a/rec_0.wav", "rec_1": "a/rec_1.wav"}
    assert found["rec_1"].reason == "stem, duration"
    assert "ambiguous" in found["rec_2"].reason
    assert len(found["rec_2"].candidates) == 2
    assert "0:30" in found["rec_3"].reason
    assert found["rec_4"].reason == "only its length fits"


def test_files_are_linked_found_again_where_they_moved_and_taken_back(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "found"
    words = ("relink", str(dataset), str(other), "--modality", "audio")
    status, out, _ = run(capsys, *words, "--dry-run", "--json")
    assert (status, json.loads(out)["edit"]) == (1, None)
    assert not (dataset / ".inspector" / "journal").exists()
    status, out, err = run(capsys, *words)
    assert status == 1
    assert "2 of 5 records" in out
    assert "rec_2" in err
    with Session.open(dataset) as session:
        record = session.record("rec_0")
        (sound,) = record.of(Modality.AUDIO)
        assert sound.source.path == (other / "a" / "rec_0.wav").resolve()
        assert sound.reference_span == (0, 4 * 10**9)
        assert session.coverage(record)[Modality.AUDIO] == "present"
        rows = session.query("SELECT record_id FROM streams WHERE modality = 'audio' ORDER BY ALL")
        assert rows.table.column("record_id").to_pylist() == ["rec_0", "rec_1", "rec_5"]
    shutil.move(other, tmp_path / "moved")
    with Session.open(dataset) as session:
        record = session.record("rec_0")
        assert record.of(Modality.AUDIO) == ()
        assert any("--moved found" in problem.message for problem in record.problems)
    assert run(capsys, "relink", str(dataset), str(tmp_path / "moved"), "--moved", "found")[0] == 0
    with Session.open(dataset) as session:
        assert session.record("rec_0").of(Modality.AUDIO)[0].source.path.parts[-3] == "moved"
    # Another file of that name is not the one that was linked.
    tone(tmp_path / "moved" / "a" / "rec_0.wav", 4, 99)
    with Session.open(dataset) as session:
        assert any("another file" in problem.message for problem in session.record("rec_0").problems)
        session.curation.author = "nobody"
    run(capsys, "undo", str(dataset))
    with Session.open(dataset) as session:
        assert session.record("rec_1").of(Modality.AUDIO) == ()
        assert session.record("rec_0").problems == ()


def test_what_is_not_expected_is_no_finding(dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(3):
        tone(dataset / f"rec_{number}" / "voice.wav", 4, 9)
    words = ("audit", str(dataset), "--check", "coverage.missing", "--json")
    _, out, _ = run(capsys, *words)
    assert sorted(json.loads(line)["record_id"] for line in out.splitlines()) == ["rec_3", "rec_4"]
    status, out, _ = run(
        capsys, "relink", str(dataset), "--modality", "audio", "--absent", "--where", "record_id = 'rec_3'"
    )
    assert status == 0, out
    _, out, _ = run(capsys, *words)
    assert [json.loads(line)["record_id"] for line in out.splitlines()] == ["rec_4"]


@pytest.mark.parametrize("path", ["/etc/passwd", "../x.wav", "a/../../x", "a\\b.wav", ""])
def test_a_path_in_a_journal_does_not_leave_its_root(path: str) -> None:
    value = {"root": "found", "path": path, "bytes": 1, "content": "0", "modality": "audio"}
    with pytest.raises(InspectorError, match="no file to link"):
        linked_from(value)


def test_a_file_that_cannot_be_read_is_still_found_by_its_name(
    dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(path: str) -> str:
        raise PermissionError(13, "Permission denied", path)

    folder = dataset.parent / "found"
    with Session.open(dataset) as session:
        records = [session.record(each) for each in session.record_ids()]
        plain = matches(records, folder, Modality.AUDIO)
        monkeypatch.setattr(relink, "content_of", away)
        assert matches(records, folder, Modality.AUDIO, {records[0].id: "0" * 16}) == plain
