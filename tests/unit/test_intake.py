"""A dataset delivered again under a journal: what is listed, what carries, what is held, nothing twice."""

from __future__ import annotations

import json
import os
import shutil
import time
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deliveries import copied, film, small_record

from inspector.cli import main
from inspector.core.effective import annotation_path, annotation_value, timemap_path, timemap_value
from inspector.core.model import Anchor, Annotation, Cue, Word
from inspector.core.prints import CODED, DECODED
from inspector.core.timemap import TimeMap
from inspector.core.transcripts import cue_path, cue_value
from inspector.release import carry as carrying
from inspector.release import matching
from inspector.release.carry import KEPT, LOST, MOVED, STALE, Decision, decisions
from inspector.release.compare import Kind
from inspector.release.intake import Fate, intake
from inspector.release.seen import Seen
from inspector.session import Session

if TYPE_CHECKING:
    from pathlib import Path

    from inspector.core.model import Record

MS = 1_000_000
S = 1000 * MS
LATE = timemap_value(TimeMap.offset(320 * MS))


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that are young are looked at again at once."""
    monkeypatch.setattr(matching, "AGAIN_S", 0.01)


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One film, and it again: packed anew, cut, its sound moved, encoded anew."""
    folder = tmp_path_factory.mktemp("films")
    first = film(folder / "first.mp4")
    copied(first, folder / "remux.mov")
    copied(first, folder / "trim.mp4", start_s=0.96)
    copied(first, folder / "mended.mp4", later_s={"audio": -0.32, "video": 0.0})
    copied(first, folder / "late.mp4", later_s={"audio": 0.32})
    film(folder / "again.mp4", crf=40)
    return folder


def decide(session: Session, record_id: str) -> None:
    """A flag, a time map of the sound, a label on the film at 2 s and one at 0.2 s."""

    def label(id_: str, at: int) -> Any:
        return annotation_value(Annotation(id_, "act", "wave", (Anchor("film#video", (at, at + 200 * MS)),)))

    wanted = {
        "flag": "ok",
        timemap_path("film#audio"): LATE,
        annotation_path("late"): label("late", 2 * S),
        annotation_path("early"): label("early", 200 * MS),
    }
    session.edit(
        "decide", [session.curation.change(record_id, path, after) for path, after in wanted.items()]
    )


@pytest.fixture
def dataset(tmp_path: Path, films: Path) -> Path:
    """Six records with decisions, seen once."""
    root = tmp_path / "data"
    for name in ("r0", "r1", "r2", "r3", "r4", "r5"):
        (root / name).mkdir(parents=True)
        shutil.copy(films / ("late.mp4" if name == "r3" else "first.mp4"), root / name / "film.mp4")
        (root / name / "words.vtt").write_text(f"WEBVTT\n\n00:01.000 --> 00:02.000\nrecord {name}\n")
        (root / name / "labels.csv").write_text(f"start_s,end_s,label\n0.1,0.2,{name}\n")
    with Session.open(root, author="ann") as session:
        for name in session.record_ids():
            decide(session, name)
        Seen(session.desk.workspace.folder).note(session, session.record_ids())
    return root


def deliver(root: Path, films: Path) -> None:
    """r0 packed anew, r1 cut, r2 encoded anew, r3's sound mended, r4 renamed, r5 gone, r6 new."""
    (root / "r0" / "film.mp4").unlink()
    shutil.copy(films / "remux.mov", root / "r0" / "film.mov")
    shutil.copy(films / "trim.mp4", root / "r1" / "film.mp4")
    shutil.copy(films / "again.mp4", root / "r2" / "film.mp4")
    shutil.copy(films / "first.mp4", root / "r3" / "film.mp4")
    (root / "r4").rename(root / "r7")
    shutil.rmtree(root / "r5")
    small_record(root, "r6", 1)


def listed(session: Session) -> dict[tuple[str, str], Decision]:
    delivery = intake(session, Seen(session.desk.workspace.folder))
    return {(each.held.record_id, each.held.path): each for each in decisions(session, delivery)}


def test_each_decision_is_in_its_class(dataset: Path, films: Path) -> None:
    deliver(dataset, films)
    with Session.open(dataset, author="bob") as session:
        delivery = intake(session, Seen(session.desk.workspace.folder))
        fates = {each.now or each.was: each.fate for each in delivery.changes}
        assert fates == {
            **dict.fromkeys(("r0", "r1", "r2", "r3"), Fate.REPLACED),
            "r5": Fate.VANISHED,
            "r6": Fate.ADDED,
            "r7": Fate.RENAMED,
        }
        kinds = {each.now: each.kind for each in delivery.changes if each.fate is Fate.REPLACED}
        assert kinds == {"r0": Kind.BYTES, "r1": Kind.TIMING, "r2": Kind.CONTENT, "r3": Kind.TIMING}
        found = listed(session)
    sound, late, early = timemap_path("film#audio"), annotation_path("late"), annotation_path("early")
    assert {path: found["r0", path].state for path in ("flag", sound, late, early)} == dict.fromkeys(
        ("flag", sound, late, early), KEPT
    )
    assert [found["r1", path].state for path in ("flag", sound, late, early)] == [STALE, MOVED, MOVED, LOST]
    assert [found["r2", path].state for path in ("flag", sound, late, early)] == [STALE, STALE, STALE, STALE]
    assert [found["r3", path].state for path in ("flag", sound, late, early)] == [STALE, MOVED, KEPT, KEPT]
    assert [found["r4", path].state for path in ("flag", sound, late, early)] == [KEPT] * 4
    assert [found["r5", path].state for path in ("flag", sound, late, early)] == [LOST] * 4
    # The supplier mended the sound that was fixed here: the fix is not made a second time.
    assert found["r3", sound].after == ()
    moved = dict(found["r1", sound].after)[timemap_path("film#audio")]
    assert abs(moved[0][1] - moved[0][0] + 320 * MS) < MS  # both tracks were cut alike
    ((_, value),) = found["r1", late].after
    start, end = value["anchors"][0]["span"]
    assert abs(start - (2 * S - 960 * MS)) < MS
    assert abs(end - start - 200 * MS) < MS


def test_what_holds_is_made_again_once_and_comes_back_with_undo(dataset: Path, films: Path) -> None:
    deliver(dataset, films)
    with Session.open(dataset, author="bob") as session:

        def take() -> Any:
            delivery = intake(session, Seen(session.desk.workspace.folder))
            return carrying.carry(session, decisions(session, delivery), rebase=True)

        assert session.curation.flag("r0") is None
        edit = take()
        assert edit is not None
        sound = timemap_path("film#audio")
        assert session.curation.flag("r0") == "ok"
        assert session.curation.value("r0", sound) == LATE
        assert session.curation.value("r7", sound) == LATE
        assert session.curation.value("r3", sound) is None
        assert session.record("r3").stream("film#audio").timemap == TimeMap()
        assert {each: session.curation.flag(each) for each in ("r1", "r2", "r3", "r6", "r7")} == {
            "r1": "needs_review",
            "r2": "needs_review",
            "r3": "needs_review",
            "r6": None,
            "r7": "ok",
        }
        count = len(session.curation)
        assert take() is None
        assert len(session.curation) == count
        states = {path: each.state for path, each in listed(session).items()}
        assert not set(states.values()) & {KEPT, MOVED}
        session.undo()
        assert session.curation.flag("r0") is None
        assert listed(session)["r0", "flag"].state == KEPT
        session.redo()
        assert take() is None
    with Session.open(dataset, author="bob") as session:
        assert take() is None
        # What is stale can be dropped, and is told no more.
        rest = list(listed(session).values())
        assert rest
        assert carrying.dismiss(session, rest) is not None
        assert listed(session) == {}


def test_a_second_delivery_finds_what_the_first_one_left(dataset: Path, films: Path) -> None:
    """r2 comes back as it was; what was stale holds again, and r7 goes back to its name."""
    deliver(dataset, films)
    with Session.open(dataset, author="bob") as session:
        delivery = intake(session, Seen(session.desk.workspace.folder))
        carrying.carry(session, decisions(session, delivery), rebase=True)
        Seen(session.desk.workspace.folder).note(session, session.record_ids())
    shutil.copy(films / "first.mp4", dataset / "r2" / "film.mp4")
    (dataset / "r7").rename(dataset / "r4")
    with Session.open(dataset, author="bob") as session:
        state = Seen(session.desk.workspace.folder)
        delivery = intake(session, state)
        assert {each.now: each.fate for each in delivery.changes} == {"r2": Fate.REPLACED, "r4": Fate.RENAMED}
        carrying.carry(session, decisions(session, delivery), rebase=True)
        sound = timemap_path("film#audio")
        assert session.curation.value("r4", sound) == LATE
        assert session.curation.value("r2", sound) == LATE
        maps = [session.record(each).stream("film#audio").timemap.late_ns for each in ("r2", "r4")]
        assert maps == [320 * MS] * 2


def test_what_was_decided_on_the_new_data_stays(dataset: Path, films: Path) -> None:
    deliver(dataset, films)
    with Session.open(dataset, author="bob") as session:
        session.flag(["r0", "r2"], "reject")
        delivery = intake(session, Seen(session.desk.workspace.folder))
        carrying.carry(session, decisions(session, delivery), rebase=True)
        assert session.curation.flag("r0") == "reject"
        assert session.curation.flag("r2") == "reject"


def test_what_nobody_noted_is_not_guessed_at(dataset: Path, films: Path) -> None:
    shutil.rmtree(dataset / ".inspector" / "seen" / "prints")
    (dataset / ".inspector" / "seen" / "streams.parquet").unlink()
    deliver(dataset, films)
    with Session.open(dataset, author="bob") as session:
        found = listed(session)
        assert found["r0", "flag"].state == STALE
        assert "nobody noted" in found["r0", "flag"].words
        assert found["r4", timemap_path("film#audio")].state == KEPT  # the same bytes: nothing to compare
        assert carrying.carry(session, found.values()) is not None
        assert session.curation.value("r0", timemap_path("film#audio")) is None


def test_a_record_that_is_still_being_copied_is_told_apart(dataset: Path, films: Path) -> None:
    data = (films / "again.mp4").read_bytes()
    (dataset / "r1" / "film.mp4").write_bytes(data[:20_000] + bytes(200_000))
    (dataset / "r6").mkdir()
    (dataset / "r6" / "film.mp4").write_bytes(b"")
    (dataset / "r3" / "film.mp4").write_bytes(data[:20_000])  # no more has come, and it cannot be read
    (dataset / "r2" / "film.mp4.part").write_bytes(data[:1000])
    with Session.open(dataset, author="bob") as session:
        delivery = intake(session, Seen(session.desk.workspace.folder))
        fates = {each.now: each.fate for each in delivery.changes}
        assert fates["r1"] is fates["r3"] is Fate.COPYING
        assert any(each.endswith(".part") for each in delivery.copying)
        found = {each.held.record_id: each.state for each in decisions(session, delivery)}
        assert found == {"r1": STALE, "r3": STALE}
        assert carrying.carry(session, decisions(session, delivery), rebase=True) is None
        an_hour_ago = time.time() - 3600
        os.utime(dataset / "r3" / "film.mp4", (an_hour_ago, an_hour_ago))
        again = intake(session, Seen(session.desk.workspace.folder))
        assert {each.now: each.fate for each in again.changes}["r3"] is Fate.REPLACED


def test_equal_contents_under_two_names_are_not_paired_by_chance(tmp_path: Path) -> None:
    root = tmp_path / "data"
    for name in ("a", "b", "c"):
        small_record(root, name, 1 if name != "c" else 2)
    with Session.open(root, author="ann") as session:
        state = Seen(session.desk.workspace.folder)
        session.flag(["a", "b"], "ok")
        state.note(session)
    (root / "a").rename(root / "x")
    (root / "b").rename(root / "y")
    with Session.open(root, author="ann") as session:
        delivery = intake(session, Seen(session.desk.workspace.folder))
        assert sorted((each.fate.value, each.now or each.was) for each in delivery.changes) == [
            ("added", "x"),
            ("added", "y"),
            ("vanished", "a"),
            ("vanished", "b"),
        ]


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    with pytest.raises(SystemExit) as ended:
        main([str(each) for each in words])
    return int(str(ended.value.code or 0)), capsys.readouterr().out


def test_the_command_notes_lists_and_carries(
    dataset: Path, films: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out = run(capsys, "intake", str(dataset))
    assert status == 0
    assert "6 unchanged" in out
    deliver(dataset, films)
    status, out = run(capsys, "intake", str(dataset), "--json")
    told = json.loads(out)
    assert status == 0
    assert told["counts"]["replaced"] == 4
    assert told["counts"]["renamed"] == 1
    assert told["noted"] is False
    assert told["decisions"]["counts"] == {"kept": 10, "moved": 3, "stale": 6, "missing": 5}
    status, out = run(capsys, "intake", str(dataset), "--rebase")
    assert "Take in a delivery" in out
    status, out = run(capsys, "intake", str(dataset))
    assert "0 kept, 0 moved" in out
    assert "replaced" not in out.splitlines()[0]


@pytest.mark.parametrize("fixes", ["manifest", "files"])
def test_a_release_is_an_earlier_state(
    dataset: Path, films: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], fixes: str
) -> None:
    status, _ = run(capsys, "export", str(dataset), str(tmp_path / "v1"), "--fixes", fixes)
    assert status == 0
    shutil.rmtree(dataset / ".inspector" / "seen")
    deliver(dataset, films)
    _, out = run(capsys, "intake", str(dataset), "--against", str(tmp_path / "v1"), "--json")
    told = json.loads(out)
    assert {each["record_id"] or each["was"]: each["fate"] for each in told["records"]} == {
        **dict.fromkeys(("r0", "r1", "r2", "r3"), "replaced"),
        "r5": "vanished",
        "r6": "added",
        "r7": "renamed",
    }
    kinds = {each["record_id"]: each["kind"] for each in told["records"] if each["fate"] == "replaced"}
    assert not any("labels" in each["message"] for each in told["records"])  # it holds no such files
    # A release with fixes in its files has not got the 320 ms of sound that came to lie before the film.
    first = "bytes" if fixes == "manifest" else "timing"
    assert kinds == {"r0": first, "r1": "timing", "r2": "content", "r3": "timing"}
    sound = timemap_path("film#audio")
    after = {e["was"]: dict(e["after"]) for e in told["decisions"]["list"] if e["path"] == sound}
    assert after["r0"] == {sound: LATE}
    assert after["r3"] == {}
    (anchor,) = after["r1"][sound]
    assert abs(anchor[0] - anchor[1] - 320 * MS) < MS


def test_corrections_of_a_transcript_move_with_its_cues(tmp_path: Path) -> None:
    def transcript(shift: int, extra: bool = False) -> str:
        first = "00:00.050 --> 00:00.060\nnew\n\n" if extra else ""
        cues = (f"00:{n + shift:02}.000 --> 00:{n + shift:02}.500\ncue {n}\n" for n in range(4))
        return "WEBVTT\n\n" + first + "\n".join(cues)

    root = tmp_path / "data"
    for name in ("r0", "r1"):
        small_record(root, name, int(name[1]))
        (root / name / "words.vtt").write_text(transcript(1))
    corrected = cue_value(
        Cue(2 * S, 2 * S + 400 * MS, "other words", (Word(2 * S, 2 * S + 100 * MS, "other"),))
    )
    with Session.open(root, author="ann") as session:
        for name in ("r0", "r1"):
            session.edit("correct", [session.curation.change(name, cue_path("words", 1), corrected)])
        Seen(session.desk.workspace.folder).note(session, session.record_ids())
    (root / "r0" / "words.vtt").write_text(transcript(3))
    (root / "r1" / "words.vtt").write_text(transcript(1, extra=True))
    with Session.open(root, author="bob") as session:
        found = listed(session)
        assert found["r1", cue_path("words", 1)].state == STALE  # its number is another cue's now
        moved = found["r0", cue_path("words", 1)]
        assert moved.state == MOVED
        ((_, value),) = moved.after
        assert (value["start"], value["end"]) == (4 * S, 4 * S + 400 * MS)
        assert value["words"][0][:2] == [4 * S, 4 * S + 100 * MS]


def test_records_that_were_renumbered_into_each_others_names_keep_their_decisions(tmp_path: Path) -> None:
    root = tmp_path / "data"
    names = [f"r{number}" for number in range(6)]
    for number, name in enumerate(names):
        small_record(root, name, number)
    with Session.open(root, author="ann") as session:
        for name in names[::2]:
            session.edit("fix", [session.curation.change(name, timemap_path("voice"), LATE)])
        Seen(session.desk.workspace.folder).note(session, session.record_ids())
    for name in reversed(names):
        (root / name).rename(root / f"r{int(name[1]) + 1}")
    with Session.open(root, author="bob") as session:
        assert all(session.curation.value(each, timemap_path("voice")) is None for each in names)
        delivery = intake(session, Seen(session.desk.workspace.folder))
        assert {(each.fate, each.was, each.now) for each in delivery.changes} == {
            (Fate.RENAMED, name, f"r{int(name[1]) + 1}") for name in names
        }
        assert carrying.carry(session, decisions(session, delivery)) is not None
        maps = {each: session.curation.value(each, timemap_path("voice")) for each in session.record_ids()}
    assert maps == {f"r{number}": LATE if number % 2 else None for number in range(1, 7)}


def test_a_state_that_was_tampered_with_is_not_believed(dataset: Path, films: Path) -> None:
    for place in (dataset / ".inspector" / "seen" / "prints").glob("*.parquet"):
        table = pq.read_table(place)
        short = pa.array([each[:-3] for each in table.column("sums").to_pylist()], pa.binary())
        pq.write_table(table.set_column(table.column_names.index("sums"), "sums", short), place)
    deliver(dataset, films)
    with Session.open(dataset, author="bob") as session:
        delivery = intake(session, Seen(session.desk.workspace.folder))
        assert {each.kind for each in delivery.of(Fate.REPLACED)} == {Kind.UNKNOWN}
        (dataset / ".inspector" / "seen" / "assets.parquet").write_bytes(b"PAR1 nothing of the kind PAR1")
        assert not Seen(session.desk.workspace.folder).exists


def test_prints_that_nobody_asks_for_any_more_are_taken_away(dataset: Path, films: Path) -> None:
    def noted(names: str, text: str) -> tuple[set[str], int]:
        """The files of prints and how many are in them, once transcripts were delivered anew."""
        for name in names.split():
            (dataset / name / "words.vtt").write_text(f"WEBVTT\n\n00:01.000 --> 00:02.000\n{text} {name}\n")
        with Session.open(dataset, author="ann") as session:
            state = Seen(session.desk.workspace.folder)
            assert state.note(session, session.record_ids()) == []
            for each in (state, Seen(session.desk.workspace.folder)):
                for track in (track for name in session.record_ids() for track in each.tracks(name)):
                    made = each.print_of(track)
                    assert made is not None
                    assert made.shape
            parts = list((state.folder / "prints").iterdir())
        return {each.name for each in parts}, sum(pq.read_metadata(each).num_rows for each in parts)

    first, count = noted("", "")
    assert count == 10  # two films of two tracks, six transcripts
    for each in dataset.rglob("film.mp4"):
        shutil.copy(films / "trim.mp4", each)
    second, count = noted("r0 r1 r2 r3 r4 r5", "second")
    assert count == 8
    assert not first & second
    third, count = noted("r0", "third")
    assert second < third  # most of it is asked for still
    assert count == 9
    fourth, count = noted("r1 r2 r3 r4 r5", "fourth")
    assert not second & fourth
    assert count == 8


def test_both_levels_are_noted_at_once(dataset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Session.open(dataset, author="ann") as session:
        loads: list[str] = []
        load = session.dataset.load

        def counted(record_id: str) -> Record:
            loads.append(record_id)
            return load(record_id)

        monkeypatch.setattr(session.dataset, "load", counted)
        state = Seen(session.desk.workspace.folder)
        state.note(session, session.record_ids(), (CODED, DECODED))
        assert loads == session.record_ids()
        tracks = [track for each in loads for track in state.tracks(each) if track.modality == "video"]
        assert all(state.print_of(track, level) for track in tracks for level in (CODED, DECODED))
