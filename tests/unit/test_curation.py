"""Curation through the session and the command line: what is shown, what is held, where the work lies."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from inspector.core.edits import Change, Edit
from inspector.core.effective import annotation_path, annotation_value, moved_together
from inspector.core.journal_lines import encode
from inspector.core.model import Anchor, Annotation, Clock, Modality, Record, Source, Stream
from inspector.core.timemap import TimeMap
from inspector.core.times import NS
from inspector.errors import InspectorError
from inspector.session import Session

ROWS = 200


def a_series(path: Path, seed: int) -> None:
    lines = [f"{n / 100:.2f},{(n * seed) % 17}" for n in range(ROWS)]
    path.write_text("\n".join(["t_s,x", *lines]) + "\n")


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Six records of a sensor and a table of labels each."""
    root = tmp_path / "data"
    for number in range(1, 7):
        folder = root / f"rec_{number:03d}"
        folder.mkdir(parents=True)
        a_series(folder / "hands.csv", number)
        (folder / "labels_A.csv").write_text(f"start_s,end_s,tier,label\n0.1,0.2,act,wave{number}\n")
    return root


def rows(session: Session, sql: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = session.query(sql, timeout_s=60).table.to_pylist()
    return found


def run(*words: str, status: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([sys.executable, "-m", "inspector", *words], capture_output=True, text=True)
    assert done.returncode == status, done.stderr
    return done


def move(ms: int, path: str = "streams/hands/timemap", record: str = "rec_001") -> Change:
    return Change(record, path, None, [[0, -ms * 1_000_000]])


# -- the effective record ------------------------------------------------------------------------------------


def test_opening_creates_nothing_and_the_first_edit_the_workspace(dataset: Path) -> None:
    with Session.open(dataset, author="ann") as session:
        session.record("rec_001")
        assert session.history() == []
        assert rows(session, "SELECT * FROM flags") == []
        assert not (dataset / ".inspector").exists()
        session.flag(["rec_001"], "ok")
    assert {path.name for path in (dataset / ".inspector" / "journal").iterdir()} >= {"ann.1.jsonl"}
    with Session.open(dataset) as session:
        assert session.record_ids() == [f"rec_{n:03d}" for n in range(1, 7)]
        assert session.dataset.leftover == ()
        assert session.curation.flag("rec_001") == "ok"


def test_a_time_map_is_joined_at_once_and_only_in_its_record(dataset: Path) -> None:
    with Session.open(dataset, author="ann") as session:
        before, other = session.record("rec_001"), session.record("rec_002")
        assert before is session.record("rec_001")
        heard: list[Any] = []
        session.curation.listen(heard.append)
        edit = session.edit("moved", [move(320)])
        assert heard == [frozenset({"rec_001"})]
        assert session.record("rec_001").stream("hands").timemap == TimeMap.offset(320_000_000)
        assert session.record("rec_002") is other
        assert edit.changes[0].made_on
        session.undo()
        assert session.record("rec_001") == before
        session.redo()
    with Session.open(dataset) as again:
        assert again.record("rec_001").stream("hands").timemap.late_ns == 320_000_000


@pytest.mark.parametrize("value", ["ok", [], [[0]], [[0, 1.5]], [[0, 2**63]], [[5, 0], [0, 5]], [[True, 0]]])
def test_a_time_map_that_is_none_becomes_a_problem_of_the_record(dataset: Path, value: Any) -> None:
    with Session.open(dataset, author="ann") as session:
        before = session.record("rec_001")
        session.edit("bad", [Change("rec_001", "streams/hands/timemap", None, value)])
        after = session.record("rec_001")
        assert after.streams == before.streams
        assert len(after.problems) == len(before.problems) + 1


def test_labels_are_made_changed_and_taken_away(dataset: Path) -> None:
    made = Annotation("new/1 %", "act", "point", (Anchor("hands", (0, NS)),), "ann", {"sure": 1})
    with Session.open(dataset, author="ann") as session:
        (old,) = session.record("rec_001").annotations
        session.edit(
            "labels",
            [
                Change("rec_001", annotation_path(made.id), None, annotation_value(made)),
                Change("rec_001", annotation_path(old.id, "label"), old.label, "wink"),
            ],
        )
        assert [label.label for label in session.record("rec_001").annotations] == ["wink", "point"]
        assert session.record("rec_001").annotations[1] == made
        labels = rows(session, "SELECT label FROM annotations WHERE record_id = 'rec_001' ORDER BY ALL")
        assert [each["label"] for each in labels] == ["point", "wink"]
        session.edit("gone", [Change("rec_001", annotation_path(old.id), None, {"deleted": True})])
        record = session.record("rec_001")
        assert record.annotations == (made,)
        assert len(record.problems) == 1  # the new wording of a label that is gone


def test_streams_of_one_clock_move_together(tmp_path: Path) -> None:
    def stream(name: str, clock: Clock, derived: str | None = None) -> Stream:
        return Stream(name, Modality.AUDIO, Source(tmp_path, "av"), clock, derived_from=derived)

    film, counted = Clock("film.mp4", "container"), Clock("nominal:1", "nominal")
    record = Record(
        "r",
        (
            stream("film#video", film),
            stream("film#audio", film),
            stream("words", Clock("words", "relative"), "film#audio"),
            stream("state", counted),
            stream("action", counted),
        ),
    )
    assert set(moved_together(record, "film#video")) == {"film#video", "film#audio", "words"}
    assert moved_together(record, "state") == ("state",)


# -- SQL -----------------------------------------------------------------------------------------------------


def test_tables_follow_each_edit_and_nothing_else_is_read_again(
    dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Session.open(dataset, author="ann") as session:
        rows(session, "SELECT * FROM words")
        whole = "SELECT record_id, stream_id, offset_ms, start_s FROM streams ORDER BY ALL"
        before = rows(session, whole)
        early = rows(session, "SELECT record_id, min(t_s) AS t FROM samples GROUP BY ALL ORDER BY ALL")
        assert rows(session, "SELECT DISTINCT flag FROM records") == [{"flag": None}]
        read: list[str] = []
        real = session.record

        def watched(record_id: str) -> Record:
            read.append(record_id)
            return real(record_id)

        monkeypatch.setattr(session, "record", watched)
        session.edit("moved", [move(320)], "late")
        session.flag(["rec_002", "rec_003"], "reject", "why")
        after = rows(session, whole)
        changed = [new for old, new in zip(before, after, strict=True) if old != new]
        assert changed == [
            {"record_id": "rec_001", "stream_id": "hands", "offset_ms": 320.0, "start_s": -0.32}
        ]
        late = rows(session, "SELECT record_id, min(t_s) AS t FROM samples GROUP BY ALL ORDER BY ALL")
        assert [round(b["t"] - a["t"], 9) for a, b in zip(early, late, strict=True)] == [-0.32] + [0.0] * 5
        flagged = rows(session, "SELECT record_id, flag FROM records WHERE flag IS NOT NULL ORDER BY ALL")
        assert flagged == [{"record_id": f"rec_00{n}", "flag": "reject"} for n in (2, 3)]
        flags = rows(session, "SELECT record_id, flag, author, note FROM flags ORDER BY ALL")
        assert flags[0] == {"record_id": "rec_002", "flag": "reject", "author": "ann", "note": "why"}
        edits = rows(session, 'SELECT path, "before", "after" FROM edits ORDER BY "at", record_id')
        assert [each["path"] for each in edits] == ["streams/hands/timemap", "flag", "flag"]
        assert edits[0]["after"] == "[[0,-320000000]]"
        assert edits[1]["after"] == "reject"
        session.undo()
        again = rows(session, 'SELECT path, "before", "after" FROM edits ORDER BY "at", record_id')
        assert again == [*edits, *({**each, "before": "reject", "after": None} for each in edits[1:])]
        assert rows(session, "SELECT * FROM flags") == []
        assert rows(session, "SELECT DISTINCT flag FROM records") == [{"flag": None}]
        assert set(read) == {"rec_001", "rec_002", "rec_003"}


def test_what_another_process_flags_is_seen(dataset: Path) -> None:
    with Session.open(dataset, author="ann") as session:
        assert rows(session, "SELECT * FROM flags") == []
        run("flag", str(dataset), "--where", "record_id <= 'rec_002'", "--as", "ok", "--author", "bob")
        assert session.curation.refresh() == frozenset({"rec_001", "rec_002"})
        found = rows(session, "SELECT author, count(*) AS n FROM flags GROUP BY ALL")
        assert found == [{"author": "bob", "n": 2}]
        # A file that is copied in tells of what came before.
        assert rows(session, "SELECT count(*) AS n FROM edits") == [{"n": 2}]
        old = Edit("0a", 5, "eve", "early", "", (Change("rec_003", "x", None, 1, "gone"),))
        (dataset / ".inspector" / "journal" / "eve.jsonl").write_bytes(encode(old))
        session.curation.refresh()
        assert rows(session, 'SELECT author FROM edits ORDER BY "at" LIMIT 1') == [{"author": "eve"}]
        assert rows(session, "SELECT count(*) AS n FROM edits") == [{"n": 3}]


# -- the data is delivered again -----------------------------------------------------------------------------


def test_a_replaced_dataset_gets_nothing_that_was_made_on_other_data(dataset: Path) -> None:
    """Records renumbered, one repaired, one gone: what was decided on them is held, each with its reason."""
    with Session.open(dataset, author="ann") as session:
        for number in range(1, 7):
            session.edit("moved", [move(number, record=f"rec_{number:03d}")])
            session.flag([f"rec_{number:03d}"], f"flag{number}")
    # 1 stays; 2 and 3 change places; 4 is repaired in the middle of its film, at the same length; 5 is gone.
    (dataset / "rec_002").rename(dataset / "x")
    (dataset / "rec_003").rename(dataset / "rec_002")
    (dataset / "x").rename(dataset / "rec_003")
    repaired = (dataset / "rec_004" / "hands.csv").read_text()
    place = repaired.index("0.99,") + 5
    (dataset / "rec_004" / "hands.csv").write_text(repaired[:place] + "9" + repaired[place + 1 :])
    shutil.rmtree(dataset / "rec_005")
    with Session.open(dataset, author="ann") as session:
        moved = {each: session.record(each).stream("hands").timemap.late_ns for each in session.record_ids()}
        assert moved == {
            "rec_001": 1_000_000,
            "rec_002": 0,
            "rec_003": 0,
            "rec_004": 0,
            "rec_006": 6_000_000,
        }
        flags = rows(session, "SELECT record_id, flag FROM flags ORDER BY ALL")
        assert [each["flag"] for each in flags] == ["flag1", "flag6"]
        held = session.curation.held(session.desk.holder)
        reasons = {each.record_id: each.reason for each in held}
        assert len(held) == 8
        assert "now rec_003" in reasons["rec_002"]
        assert "now rec_002" in reasons["rec_003"]
        assert "not those" in reasons["rec_004"]
        assert "gone" in reasons["rec_005"]
        # A decision on the new data stands beside what is held, and undo takes back only that.
        session.flag(["rec_004"], "ok")
        assert session.curation.flag("rec_004") == "ok"
        session.undo()
        assert session.curation.flag("rec_004") is None
        assert len(session.curation.held()) == 8
    told = run("log", str(dataset)).stderr.splitlines()
    assert sum(line.startswith("inspector: held:") for line in told) == 8


# -- where the work lies -------------------------------------------------------------------------------------


@pytest.fixture
def read_only(dataset: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The dataset as if it could not be written; the test may run as root, whom no mode stops."""
    real = os.access

    def access(path: Any, mode: int, **how: Any) -> bool:
        return not (mode & os.W_OK and Path(path).is_relative_to(dataset)) and real(path, mode, **how)

    monkeypatch.setattr(os, "access", access)
    return dataset


def test_work_on_a_read_only_dataset_lies_in_the_users_folder_and_is_found_when_it_moves(
    read_only: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Session.open(read_only, author="ann") as session:
        session.flag(["rec_001"], "ok")
        assert session.desk.workspace.folder.is_relative_to(home / "data")
        assert not (read_only / ".inspector").exists()
    moved = read_only.parent / "elsewhere"
    shutil.copytree(read_only, moved)
    monkeypatch.setattr(os, "access", lambda *_, **__: False)
    with Session.open(moved) as session:
        assert session.curation.flag("rec_001") == "ok"
    # Another dataset in the old place is another dataset.
    shutil.rmtree(read_only)
    read_only.mkdir()
    for number in range(3):
        a_series(read_only / f"take{number}.csv", 40 + number)
    with Session.open(read_only) as session:
        assert session.history() == []


def test_a_shared_workspace_is_remembered_and_two_curators_see_each_other(
    read_only: Path, tmp_path: Path
) -> None:
    shared = tmp_path / "shared"
    with Session.open(read_only, workspace=shared, author="ann") as session:
        session.flag(["rec_001"], "ok")
    with Session.open(read_only, author="bob") as session:
        assert session.desk.workspace.folder == shared
        assert session.curation.flag("rec_001") == "ok"
        session.flag(["rec_002"], "reject")
    assert {path.name for path in (shared / "journal").glob("*.jsonl")} == {"ann.1.jsonl", "bob.1.jsonl"}
    # While the share is not there, the work is not split, and its mount point stays empty.
    shared.rename(tmp_path / "away")
    with Session.open(read_only, author="bob") as session:
        with pytest.raises(InspectorError, match="is not there"):
            session.flag(["rec_003"], "ok")
        assert not shared.exists()
    (tmp_path / "away").rename(shared)
    with Session.open(read_only, author="bob") as session:
        assert len(session.history()) == 2
    other = tmp_path / "other"
    other.mkdir()
    a_series(other / "a.csv", 99)
    with pytest.raises(InspectorError, match="another dataset's"):
        Session.open(other, workspace=shared)


def test_a_link_in_place_of_the_workspace_is_not_followed(dataset: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (dataset / ".inspector").symlink_to(outside)
    with Session.open(dataset, author="ann") as session:
        session.flag(["rec_001"], "ok")
        assert list(outside.iterdir()) == []


# -- the command line ----------------------------------------------------------------------------------------


def test_flag_log_and_undo(dataset: Path) -> None:
    path = str(dataset)
    done = run("flag", path, "--where", "record_id IN ('rec_001', 'rec_004')", "--as", "reject")
    assert done.stdout.startswith("2 of 2 records flagged reject")
    run("flag", path, "--where", "true -- all", "--as", "needs_review", "--note", "a\tb", "--author", "bob")
    lines = run("log", path).stdout.splitlines()
    titles = [line.split("\t")[3] for line in lines]
    assert titles == ["Flag needs_review: 6 records", "Flag reject: 2 records"]
    assert lines[0].split("\t")[2] == "bob"
    document = json.loads(run("log", path, "--json").stdout)
    assert [len(each["changes"]) for each in document] == [6, 2]
    assert run("undo", path, "--author", "bob").stdout.startswith("Undo: Flag needs_review")
    run("undo", path, "--author", "bob", status=2)
    sql = "SELECT flag, count(*) AS n FROM records GROUP BY ALL ORDER BY ALL"
    counted = json.loads(run("query", path, sql, "--format", "json").stdout)
    assert counted == [{"flag": "reject", "n": 2}, {"flag": None, "n": 4}]
    again = run("flag", path, "--where", "flag = 'reject'", "--as", "reject")
    assert again.stdout == "0 of 2 records flagged reject\n"
    for odd in ("nan", "inf"):
        run("flag", path, "--where", "record_id = 'rec_002'", "--as", "ok", "--at", odd, status=2)
    one = ("--where", "record_id = 'rec_002'", "--as", "reject", "--note", "cut", "--at", "2.5")
    assert run("flag", path, *one).stdout.startswith("1 of 1 records flagged reject")
    (pin, flagged) = json.loads(run("log", path, "--json").stdout)[0]["changes"]
    assert pin[1].startswith("notes/")
    assert pin[3] == {"text": "cut", "at_ns": 2_500_000_000, "flag": "reject"}
    assert flagged[1] == "flag"
    run("flag", path, "--where", "true", "--as", "ok", "--at", "1", status=2)
    run("flag", path, "--where", "nonsense = 1", "--as", "ok", status=2)
    run("flag", path, "--where", "1=1) UNION SELECT 'x' WHERE (1=1", "--as", "ok", status=2)
    run("flag", path, "--where", "true", "--as", "two words", status=2)
    assert len(json.loads(run("log", path, "--json", "--by", "bob").stdout)) == 2
    assert len(run("log", path, "--limit", "1").stdout.splitlines()) == 1
