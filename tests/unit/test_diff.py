"""Two releases held against each other, and what may not be in one: licences, consent."""

from __future__ import annotations

import json
import shlex
import shutil
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import pytest
from deliveries import copied, film, small_record

from inspector.cli import main
from inspector.core import manifest_rows
from inspector.core.effective import annotation_path, annotation_value, timemap_path, timemap_value
from inspector.core.model import Anchor, Annotation
from inspector.core.timemap import TimeMap
from inspector.errors import InspectorError
from inspector.release import tables
from inspector.release.diff import diff
from inspector.release.diff_said import document, lines, page
from inspector.release.hashes import hashes_of
from inspector.release.plan import Choice, make_plan
from inspector.release.policy import Policy, read_consent, set_policy
from inspector.release.takedown import document as taken_down
from inspector.release.takedown import lines as lines_of
from inspector.release.takedown import takedown
from inspector.release.verify import verify
from inspector.release.write import write
from inspector.session import Session

if TYPE_CHECKING:
    from pathlib import Path

MS = 1_000_000


def run(*words: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(each) for each in words])
    return int(str(ended.value.code or 0))


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Eight records: two with a film; split, licence, device and person in a table."""
    root = tmp_path / "data"
    rows = ["voice_file_name,words_file_name,imu_file_name,film_file_name,split,licence,device,person"]
    for number in range(8):
        name = f"r{number}"
        small_record(root, name, number)
        if number < 2:
            film(root / name / "film.mp4", 2)
        paths = [f"{name}/voice.wav", f"{name}/words.vtt", f"{name}/imu.csv"]
        clip = f"{name}/film.mp4" if number < 2 else ""
        licence = ("CC0", "CC-BY-NC-4.0", "", "CC0")[number % 4]
        rows.append(",".join([*paths, clip, "train", licence, f"rig{number % 2}", f"p{number // 2}"]))
    (root / "metadata.csv").write_text("\n".join(rows) + "\n")
    return root


def labelled(session: Session, record_id: str, text: str, id_: str = "a") -> None:
    label = annotation_value(Annotation(id_, "act", text, (Anchor(None, (0, 100 * MS)),)))
    session.edit("label", [session.curation.change(record_id, annotation_path(id_), label)])


def test_each_change_is_named_by_record_modality_and_kind(dataset: Path, tmp_path: Path) -> None:
    with Session.open(dataset, author="ann") as session:
        labelled(session, "r5", "wave")
    assert run("export", str(dataset), str(tmp_path / "v1")) == 0
    same = diff(tmp_path / "v1", tmp_path / "v1")
    assert same.same
    assert (same.added, same.removed, same.changed) == ((), (), ())
    # r0's film is packed anew, r1's cut, r2's sound another, r3's words, r4 late, r5 labelled, r6 moved
    copied(dataset / "r0" / "film.mp4", tmp_path / "x.mp4", later_s={})
    with (tmp_path / "x.mp4").open("ab") as file:
        file.write(b"\0\0\0\x08free")
    shutil.copy(tmp_path / "x.mp4", dataset / "r0" / "film.mp4")
    copied(dataset / "r1" / "film.mp4", tmp_path / "y.mp4", start_s=0.96)
    shutil.copy(tmp_path / "y.mp4", dataset / "r1" / "film.mp4")
    small_record(tmp_path, "other", 99)
    shutil.copy(tmp_path / "other" / "voice.wav", dataset / "r2" / "voice.wav")
    words = dataset / "r3" / "words.vtt"
    words.write_text(words.read_text().replace("record", "recording"))
    table = dataset / "metadata.csv"
    lined = table.read_text().splitlines()
    lined[7] = lined[7].replace("train", "test")
    table.write_text("\n".join(lined) + "\n")
    with Session.open(dataset, author="ann") as session:
        late = timemap_value(TimeMap.offset(320 * MS))
        change = session.curation.change
        session.edit("late", [change(each, timemap_path("voice"), late) for each in ("r4", "r6")])
        labelled(session, "r5", "nod")
        labelled(session, "r5", "wave", "b")
        session.flag(["r7"], "reject")
    assert run("export", str(dataset), str(tmp_path / "v2")) == 0
    found = diff(tmp_path / "v1", tmp_path / "v2")
    assert {each.record_id: each.kinds for each in found.changed} == {
        "r0": ("bytes",),
        "r1": ("timing",),
        "r2": ("content",),
        "r3": ("content",),
        "r4": ("timing",),
        "r5": ("labels",),
        "r6": ("timing", "split"),
    }
    assert found.by_modality() == {
        "audio": {"timing": 3, "content": 1, "bytes": 1},
        "text": {"content": 1},
        "video": {"bytes": 1, "timing": 1},
    }
    assert found.removed == (("r7", "flagged reject by ann"),)
    assert next(each for each in found.changed if each.record_id == "r5").labels == (1, 0, 1)
    assert found.moves() == {("train", "test"): ["r6"]}
    count, middle, least, _ = found.by_device()["rig0"]
    assert (count, middle, least) == (2, -320.0, -320.0)
    told = document(found)
    json.dumps(told)
    assert told["a"]["labels"] == [{"tier": "act", "label": "wave", "count": 1}]
    assert any("r7: flagged reject by ann" in line for line in lines(found))
    back = diff(tmp_path / "v2", tmp_path / "v1")
    assert back.added == ("r7",)
    assert {each.record_id for each in back.changed} == {each.record_id for each in found.changed}


class Words(HTMLParser):
    """The texts of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.text: list[str] = []
        self.tags: set[str] = set()

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.add(tag)


def test_the_command_tells_and_writes_one_page(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Session.open(dataset, author="ann") as session:
        labelled(session, "r5", "<script>alert(1)</script>")
    run("export", str(dataset), str(tmp_path / "v1"), "--name", "the <first>")
    run("export", str(dataset), str(tmp_path / "v2"), "--where", "record_id <> 'r5'")
    capsys.readouterr()
    assert run("diff", str(tmp_path / "v1"), str(tmp_path / "v1")) == 0
    assert "hold the same" in capsys.readouterr().out
    out = tmp_path / "page.html"
    assert run("diff", str(tmp_path / "v1"), str(tmp_path / "v2"), "--json", "--html", str(out)) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["removed"] == [{"record_id": "r5", "why": "not chosen by record_id <> 'r5'"}]
    page_ = Words()
    page_.feed(out.read_text("utf-8"))
    assert "script" not in page_.tags
    assert "<script>alert(1)</script>" in page_.text
    assert "the <first>" in page_.text
    assert "r5" in page_.text
    assert run("diff", str(tmp_path / "v1"), str(dataset)) == 2
    assert run("diff", str(tmp_path / "v1"), str(tmp_path / "v2"), "--html", str(tmp_path / "v1" / "x")) == 2


def test_a_record_under_another_name_is_neither_new_nor_gone(dataset: Path, tmp_path: Path) -> None:
    run("export", str(dataset), str(tmp_path / "v1"))
    shutil.rmtree(dataset / "r7")
    (dataset / "metadata.csv").unlink()
    run("export", str(dataset), str(tmp_path / "v2"))
    (dataset / "r6").rename(dataset / "r9")
    run("export", str(dataset), str(tmp_path / "v3"))
    found = diff(tmp_path / "v2", tmp_path / "v3")
    assert [(each.was, each.record_id, each.kinds) for each in found.changed] == [("r6", "r9", ("renamed",))]
    assert not found.added
    assert not found.removed
    gone = diff(tmp_path / "v1", tmp_path / "v3")
    assert [each for each, _ in gone.removed] == ["r7"]
    assert page(gone)


# -- what may not leave ------------------------------------------------------------------------------------


def test_records_without_a_licence_are_held_back_once_a_policy_is_set(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("policy", str(dataset)) == 0
    assert "0 of 8 records are held back" in capsys.readouterr().out
    assert run("policy", str(dataset), "--deny", "cc-by-nc-4.0", "--json") == 0
    held = json.loads(capsys.readouterr().out)["held_back"]
    assert held == {
        "r1": "its licence is denied: CC-BY-NC-4.0",
        "r5": "its licence is denied: CC-BY-NC-4.0",
        "r2": "it has no licence",
        "r6": "it has no licence",
    }
    assert run("export", str(dataset), str(tmp_path / "v1"), "--json") == 0
    told = capsys.readouterr()
    assert json.loads(told.out)["held_back"] == held
    assert json.loads(told.out)["records"] == 4
    assert "held back: r2: it has no licence" in told.err
    table = pq.read_table(tmp_path / "v1" / "manifest" / "left_out.parquet").to_pylist()
    assert {row["record_id"]: row["reason"] for row in table} == held
    assert not verify(tmp_path / "v1").differences
    assert run("export", str(dataset), str(tmp_path / "v2"), "--where", "record_id = 'r2'") == 2
    assert "held back" in capsys.readouterr().err
    assert run("policy", str(dataset), "--allow", "CC0", "--json") == 0
    assert set(json.loads(capsys.readouterr().out)["held_back"]) == {"r1", "r2", "r5", "r6"}
    assert run("policy", str(dataset), "--off") == 0
    assert run("export", str(dataset), str(tmp_path / "v3"), "--json") == 0
    capsys.readouterr()
    assert run("policy", str(dataset), "--column", "nothing") == 2


def test_a_policy_that_cannot_be_read_lets_nothing_out(dataset: Path, tmp_path: Path) -> None:
    with Session.open(dataset, author="ann") as session:
        set_policy(session, Policy(deny=("X",)))
        (session.desk.workspace.folder / "policy.json").write_text("{")
    assert run("export", str(dataset), str(tmp_path / "v1")) == 2
    assert not (tmp_path / "v1").exists()


def test_a_takedown_finds_every_record_and_release(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = dataset / "r7" / "words.vtt"
    words.write_text("WEBVTT\n\n00:00.050 --> 00:00.250\n<v p0>hello\n")
    (dataset / "consent.csv").write_text("record,person,state\nr4,p0,given\n")
    assert run("export", str(dataset), str(tmp_path / "v1")) == 0
    assert run("export", str(dataset), str(tmp_path / "v2"), "--where", "record_id IN ('r2', 'r3')") == 0
    (tmp_path / "far").mkdir()
    assert run("export", str(dataset), str(tmp_path / "far" / "v3"), "--where", "record_id >= 'r4'") == 0
    capsys.readouterr()
    assert run("takedown", str(dataset), "p0", "--in", str(tmp_path / "far"), "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert {each["record_id"] for each in told["records"]} == {"r0", "r1", "r4", "r7"}
    assert {each["path"]: sorted(each["records"]) for each in told["releases"]} == {
        str(tmp_path / "v1"): ["r0", "r1", "r4", "r7"],
        str(tmp_path / "far" / "v3"): ["r4", "r7"],
    }
    assert len(told["looked"]) == 3
    assert told["releases"][0]["successor"]["records"] == 4
    assert run("takedown", str(dataset), "p0", "--withdraw") == 0
    assert run("export", str(dataset), str(tmp_path / "v1-next"), "--json") == 0
    held = json.loads(capsys.readouterr().out.splitlines()[-1])["held_back"]
    assert set(held) == {"r0", "r1", "r4", "r7"}
    assert "consent was taken back: p0" in set(held.values())
    found = diff(tmp_path / "v1", tmp_path / "v1-next")
    assert {each for each, why in found.removed if "consent" in why} == {"r0", "r1", "r4", "r7"}
    assert run("takedown", str(dataset), "p9") == 2
    assert "There is p" in capsys.readouterr().err


def test_releases_are_remembered_where_there_is_a_workspace(dataset: Path, tmp_path: Path) -> None:
    far = tmp_path / "elsewhere" / "deep"
    far.mkdir(parents=True)
    with Session.open(dataset, author="ann") as session:
        session.flag(["r0"], "ok")
    assert run("export", str(dataset), str(far / "v1")) == 0
    with Session.open(dataset, author="ann") as session:
        assert [each.path for each in takedown(session, "p0").releases] == [str(far / "v1")]


@pytest.mark.parametrize("text", ["a,b\n1,2\n", "record,person,state\nr1,p,maybe\n"])
def test_a_consent_table_that_cannot_be_understood_is_refused(
    dataset: Path, tmp_path: Path, text: str
) -> None:
    (dataset / "consent.csv").write_text(text)
    with pytest.raises(InspectorError, match="consent"):
        read_consent(dataset / "consent.csv")
    assert run("export", str(dataset), str(tmp_path / "v1")) == 2


def test_hashes_of_what_is_in_the_tracks_are_made_on_demand(dataset: Path, tmp_path: Path) -> None:
    assert run("export", str(dataset), str(tmp_path / "v1"), "--hashes", "decoded") == 0
    copied(dataset / "r0" / "film.mp4", tmp_path / "x.mov")
    shutil.copy(tmp_path / "x.mov", dataset / "r0" / "film.mp4")
    copied(dataset / "r1" / "film.mp4", tmp_path / "y.mp4", later_s={"video": 0.4, "audio": 0.4})
    shutil.copy(tmp_path / "y.mp4", dataset / "r1" / "film.mp4")
    assert run("export", str(dataset), str(tmp_path / "v2"), "--hashes", "decoded") == 0
    assert run("export", str(dataset), str(tmp_path / "v3"), "--hashes", "whole") == 2
    v1, v2 = (hashes_of(tmp_path / each) for each in ("v1", "v2"))
    assert len(v1) == len(v2) == 8 * 3 + 2 * 2
    film_ = ("r0", "film#video")
    assert v1[film_]["level"] == "decoded"
    assert len(v1[film_]["content"]) == len(v1[film_]["times"]) == 64
    assert v1[film_] == v2[film_]
    late = ("r1", "film#video")
    assert v1[late]["content"] == v2[late]["content"]
    assert v1[late]["times"] != v2[late]["times"]
    for each in ("v1", "v2"):
        assert not verify(tmp_path / each).differences
    found = diff(tmp_path / "v1", tmp_path / "v2")
    assert {each.record_id: each.kinds for each in found.changed} == {"r0": ("bytes",), "r1": ("timing",)}
    with (tmp_path / "v2" / "manifest" / "hashes.parquet").open("r+b") as file:
        file.seek(100)
        file.write(b"x")
    assert [each.asset for each in verify(tmp_path / "v2").differences] == ["manifest/hashes.parquet"]


def test_a_takedown_says_in_words_what_no_command_makes_again(dataset: Path, tmp_path: Path) -> None:
    (dataset / "consent.csv").write_text("record,person,state\nr4,carl,given\n")
    (tmp_path / "m.csv").write_text("record_id,start_s,end_s\nr4,0,0.1\nr5,0,0.1\n")
    full = ("--split", "none", "--seed", "7", "--fixes", "manifest", "--hashes", "coded", "--strict")
    assert run("export", str(dataset), str(tmp_path / "v1"), *full) == 0
    assert run("export", str(dataset), str(tmp_path / "v2"), "--moments", str(tmp_path / "m.csv")) == 0
    with (dataset / "r4" / "imu.csv").open("a") as file:
        file.write("99,0,0,0\n")  # delivered anew: its contents are not those of the releases
    with Session.open(dataset, author="ann") as session:
        write(session, make_plan(session, Choice(records=("r3", "r4"))), tmp_path / "v3")
        found = takedown(session, "carl")
    hits = {each.name: each for each in found.releases}
    assert {name: each.records for name, each in hits.items()} == {
        "v1": ("r4",), "v2": ("r4 0.000-0.100",), "v3": ("r4",)
    }  # fmt: skip
    assert shlex.split(hits["v1"].command)[-len(full) :] == list(full)
    assert hits["v1"].amiss == ""
    assert "moments of m.csv" in hits["v2"].amiss
    assert "2 records" in hits["v3"].amiss
    told = taken_down(found, None)["releases"]
    by_name = {each["name"]: each["successor"] for each in told}
    assert (by_name["v1"]["not_told"], by_name["v2"]["command"]) == (None, None)
    assert any("no one command" in line for line in lines_of(found))


def test_records_of_a_manifest_are_read_a_stretch_at_a_time(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "ROWS", 1)
    with Session.open(dataset, author="ann") as session:
        write(session, make_plan(session, Choice()), tmp_path / "v1")
        ids = session.record_ids()
    monkeypatch.setattr(manifest_rows, "KEPT", 2)
    rows = manifest_rows.Rows(tmp_path / "v1")
    assert list(rows) == ids
    assert [rows.value(each)["id"] for each in (*ids, *reversed(ids))] == [*ids, *reversed(ids)]
    assert len(rows._texts) == 2
    assert ids[0] in rows
    with pytest.raises(InspectorError, match="no such record"):
        rows.value("other")
    assert diff(tmp_path / "v1", tmp_path / "v1").same
