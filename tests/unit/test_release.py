"""Export, verify, and what is opened again: a release is whole and true, or not there."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import wave
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from releases import assert_same_moments

from inspector.core import manifest
from inspector.core.effective import annotation_path, timemap_path, timemap_value
from inspector.core.identity import content_of
from inspector.core.timemap import TimeMap
from inspector.errors import Cancelled, InspectorError
from inspector.release import copying, filling, hands, history, laying, write
from inspector.release.names import LONGEST, Names
from inspector.release.plan import Choice, make_plan
from inspector.release.targets import Laid, Piece, Stops
from inspector.release.verify import verify
from inspector.release.writers.folder import Folder
from inspector.release.writers.lerobot import LeRobot
from inspector.session import Session

if TYPE_CHECKING:
    from collections.abc import Iterator

    from inspector.core.model import Record

ROOT = Path(__file__).resolve().parent.parent.parent
MS = 1_000_000


def make_dataset(root: Path, records: int = 3, kilobytes: int = 8) -> Path:
    """Folders with a sound, a transcript, a sensor and labels, and a table of metadata."""
    files = ("voice.wav", "words.vtt", "imu.csv", "labels.csv")
    rows = [",".join(f"{each.partition('.')[0]}_file_name" for each in files) + ",split,licence"]
    for number in range(records):
        name = f"r{number:03}"
        folder = root / name
        folder.mkdir(parents=True)
        with wave.open(str(folder / "voice.wav"), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(8000)
            noise = np.random.default_rng(number).integers(-9999, 9999, kilobytes * 512, np.int16)
            file.writeframes(noise.tobytes())
        (folder / "words.vtt").write_text(f"WEBVTT\n\n00:00.100 --> 00:00.400\nrecord {number}\n")
        (folder / "imu.csv").write_text("t_s,x\n" + "".join(f"{t / 100},{t % 7}\n" for t in range(50)))
        (folder / "labels.csv").write_text("start_s,end_s,label\n0.1,0.2,wave\n0.3,0.4,nod\n")
        paths = ",".join(f"{name}/{each}" for each in files)
        rows.append(f"{paths},{('train', 'test')[number % 2]},{('CC0', '')[number % 2]}")
    (root / "metadata.csv").write_text("\n".join(rows) + "\n")
    return root


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    return make_dataset(tmp_path / "data")


@pytest.fixture
def session(dataset: Path) -> Iterator[Session]:
    with Session.open(dataset, author="ann") as opened:
        yield opened


def export(session: Session, out: Path, **wanted: Any) -> manifest.Card:
    return write.write(session, make_plan(session, Choice(**wanted)), out)[0]


def bare(record: Record) -> Record:
    """A record without what names places on this machine."""
    streams = tuple(
        replace(each, source=replace(each.source, path=Path(each.source.path.name)), meta={})
        for each in record.streams
    )
    return replace(record, streams=streams, meta={}, problems=())


def tree(root: Path) -> dict[str, tuple[int, int]]:
    return {
        str(path): (path.stat().st_size, path.stat().st_mtime_ns)
        for path in sorted(root.rglob("*"))
        if ".inspector" not in path.parts and path.is_file()
    }


def decide(session: Session, record_id: str, late_ms: int) -> None:
    """A moved sound, a renamed label, a new label, a deleted one."""
    record = session.record(record_id)
    wave_, nod = record.annotations
    change = session.curation.change
    new = {"tier": "own", "label": "é", "anchors": [{"stream": "voice", "span": [0, 5 * MS]}]}
    moved = timemap_value(TimeMap.offset(late_ms * MS))
    session.edit(
        "Decide",
        [
            change(record_id, timemap_path("voice"), moved),
            change(record_id, annotation_path(wave_.id, "label"), "greet"),
            change(record_id, annotation_path(nod.id), {"deleted": True}),
            change(record_id, annotation_path("n1"), new),
        ],
    )


@pytest.mark.parametrize("fixes", ["files", "manifest"])
@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(late=st.integers(-500, 500), number=st.integers(0, 2))
def test_what_is_opened_again_is_what_was_effective(
    fixes: str, late: int, number: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    home = tmp_path_factory.mktemp("round")
    with Session.open(make_dataset(home / "data"), author="ann") as session:
        decide(session, session.record_ids()[number], late)
        before = tree(home / "data")
        card = export(session, home / "out", fixes=fixes)
        assert tree(home / "data") == before
        with Session.open(home / "out") as again:
            assert again.dataset.reader == "release"
            assert again.record_ids() == session.record_ids()
            for record_id in session.record_ids():
                one, other = session.record(record_id), again.record(record_id)
                assert_same_moments(session, one, again, other)
                if fixes == "manifest":
                    assert bare(other) == bare(one)
            assert again.index.column("licence").to_pylist() == session.index.column("licence").to_pylist()
        assert not verify(home / "out").differences
        assert card.journal["decisions"] == 4
        export(session, home / "twice", fixes=fixes)
        assert manifest.read_card(home / "twice").root == card.root


def test_a_label_and_a_file_change_the_root_of_their_record_alone(session: Session, tmp_path: Path) -> None:
    def roots(out: Path) -> list[str]:
        found: list[str] = pq.read_table(manifest.table_path(out, "records")).column("root").to_pylist()
        return found

    export(session, tmp_path / "a")
    decide(session, "r001", 20)
    export(session, tmp_path / "b")
    a, b = roots(tmp_path / "a"), roots(tmp_path / "b")
    assert [x == y for x, y in zip(a, b, strict=True)] == [True, False, True]


def test_rejected_records_stay_away_and_splits_are_folders(session: Session, tmp_path: Path) -> None:
    session.flag(["r000"], "reject")
    export(session, tmp_path / "out")
    assert pq.read_table(tmp_path / "out/test/metadata.parquet").column("record_id").to_pylist() == ["r001"]
    table = pq.read_table(tmp_path / "out/train/metadata.parquet")
    assert table.column("file_name").to_pylist() == ["r002/voice.wav"]
    assert table.column("text").to_pylist() == ["record 2"]
    assert (tmp_path / "out/train/r002/voice.wav").is_file()
    assert not list((tmp_path / "out").rglob("r000"))
    with pytest.raises(InspectorError, match="nothing to export"):
        make_plan(session, Choice(where="false"))


def test_only_the_chosen_modalities_and_authors(session: Session, tmp_path: Path) -> None:
    export(session, tmp_path / "out", modalities=frozenset(["audio"]), authors=frozenset(["nobody"]))
    with Session.open(tmp_path / "out") as again:
        record = again.record("r000")
        assert [each.id for each in record.streams] == ["voice"]
        assert record.annotations == ()


@pytest.mark.parametrize("seed", range(6))
def test_one_flipped_bit_is_found_and_named(session: Session, tmp_path: Path, seed: int) -> None:
    out = tmp_path / "out"
    export(session, out)
    rng = np.random.default_rng(seed)
    for path in sorted(each for each in out.rglob("*") if each.is_file()):
        good = path.read_bytes()
        bad = bytearray(good)
        bad[int(rng.integers(len(bad)))] ^= 1 << int(rng.integers(8))
        path.write_bytes(bad)
        name = path.relative_to(out).as_posix()
        found = verify(out).differences
        assert name.removesuffix(".sha256").removesuffix(".json") in str([each.asset for each in found])
        if "/r00" in name:
            assert [each.records for each in found if each.asset == name] == [(name.split("/")[1],)]
        path.write_bytes(good)
    assert not verify(out).differences


def test_what_is_gone_or_too_much_is_named(session: Session, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export(session, out)
    (out / "train/r000/imu.csv").unlink()
    (out / "train/more.txt").write_text("x")
    found = {(each.kind, each.asset) for each in verify(out).differences}
    assert found == {("missing", "train/r000/imu.csv"), ("unlisted", "train/more.txt")}
    with Session.open(out) as again:
        record = again.record("r000")
        assert "imu" not in [each.id for each in record.streams]
        assert any("imu.csv" in problem.path for problem in record.problems)


@pytest.mark.parametrize("path", ["../out", "/etc/passwd", "a/../../b", "C:/x", "a\\b", "", "a\0b"])
def test_no_path_of_a_manifest_leaves_the_release(tmp_path: Path, path: str) -> None:
    with pytest.raises(InspectorError, match="outside the release"):
        manifest.inside(tmp_path, path)


def test_a_link_that_leads_out_is_refused(tmp_path: Path) -> None:
    (tmp_path / "r").mkdir()
    (tmp_path / "r/link").symlink_to("/etc/hostname")
    with pytest.raises(InspectorError, match="outside the release"):
        manifest.inside(tmp_path / "r", "link")


def test_nothing_is_overwritten_nor_written_into_the_dataset(
    session: Session, dataset: Path, tmp_path: Path
) -> None:
    (tmp_path / "there").mkdir()
    for out in (tmp_path / "there", dataset / "new", dataset, tmp_path):
        with pytest.raises(InspectorError, match=r"There is something|into the dataset"):
            export(session, out)
    with pytest.raises(InspectorError, match="folder for the release is not there"):
        export(session, tmp_path / "no/out")
    assert not [each for each in os.listdir(tmp_path) if each.startswith(".")]


def test_a_source_that_changes_or_goes_ends_it(
    session: Session, dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = copying.copy_hashed

    def meddled(source: Path, to: Path) -> tuple[int, str]:
        found = copy(source, to)
        if source.name == "imu.csv":
            source.write_text("t_s,x\n0,1\n")
        return found

    monkeypatch.setattr(filling, "copy_hashed", meddled)
    with pytest.raises(InspectorError, match="changed while it was exported"):
        export(session, tmp_path / "out")
    monkeypatch.undo()
    session.record("r002")
    (dataset / "r002/words.vtt").unlink()
    with pytest.raises(InspectorError, match=r"cannot be read.*words\.vtt"):
        export(session, tmp_path / "out")
    assert os.listdir(tmp_path) == ["data"]


def test_a_full_disk_leaves_nothing(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(source: Path, to: Path) -> tuple[int, str]:
        raise OSError(28, "No space left on device", str(to))

    monkeypatch.setattr(filling, "copy_hashed", full)
    with pytest.raises(InspectorError, match="No space left"):
        export(session, tmp_path / "out")
    assert os.listdir(tmp_path) == ["data"]


def test_a_cancelled_run_goes_on_where_it_was(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(done: int) -> None:
        if done == 2:
            raise Cancelled("export")

    plan = make_plan(session, Choice())
    with pytest.raises(Cancelled):
        write.write(session, plan, tmp_path / "out", stop)
    assert not (tmp_path / "out").exists()
    copied: list[str] = []
    copy = copying.copy_hashed

    def noted(source: Path, to: Path) -> tuple[int, str]:
        copied.append(to.name)
        return copy(source, to)

    monkeypatch.setattr(filling, "copy_hashed", noted)
    write.write(session, plan, tmp_path / "out")
    assert 3 <= len(copied) < 9
    assert not verify(tmp_path / "out").differences
    assert sorted(os.listdir(tmp_path)) == ["data", "out"]


def test_small_files_are_copied_by_a_child_as_they_are_here(
    session: Session, dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export(session, tmp_path / "here")
    monkeypatch.setattr(filling, "WORTH", 1)
    monkeypatch.setattr(filling, "BATCH", 2)
    monkeypatch.setattr(filling, "copy_hashed", lambda source, to: pytest.fail("copied here"))
    assert export(session, tmp_path / "apart").root == manifest.read_card(tmp_path / "here").root
    assert not verify(tmp_path / "apart").differences
    # What it is known by was found in the same bytes.
    found = session.desk.identities.content(str(dataset / "r001/imu.csv"))
    assert found == content_of(str(dataset / "r001/imu.csv"))


def test_a_child_that_copies_tells_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "small").write_bytes(b"abc" * 9000)
    (tmp_path / "long").write_bytes(bytes(hands.SMALL + 1))
    helper = hands.Hands()
    try:
        small, long = (str(tmp_path / name) for name in ("small", "long"))
        to = str(tmp_path / "new/folder/file")
        copied, other = helper.copy([(small, to), (long, f"{to}2")], [str(tmp_path / "new/folder")])
        assert copied is not None
        assert other is None
        assert (copied.size, copied.sha256) == copying.hash_file(Path(to)) == copying.hash_file(Path(small))
        assert copied.content == content_of(small)
        with pytest.raises(InspectorError, match=r"source file cannot be read.*gone"):
            helper.copy([(str(tmp_path / "gone"), to)], [])
        with pytest.raises(FileNotFoundError, match="nowhere"):
            helper.copy([(small, str(tmp_path / "nowhere/file"))], [])
    finally:
        helper.close()


@pytest.mark.slow
def test_killed_at_any_moment_there_is_no_release_or_a_whole_one(tmp_path: Path) -> None:
    make_dataset(tmp_path / "data", 20)
    env = dict(os.environ, PYTHONPATH=str(ROOT))
    rng = np.random.default_rng(3)
    code = (
        "import sys\nfrom pathlib import Path\nfrom inspector.release.plan import Choice, make_plan\n"
        "from inspector.release.write import write\nfrom inspector.session import Session\n"
        "with Session.open(sys.argv[1]) as session:\n    print('begun', flush=True)\n"
        "    write(session, make_plan(session, Choice()), Path(sys.argv[2]))\n"
    )
    whole, took = 0, 0.0
    for number in range(8):
        run = subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path / "data"), str(tmp_path / "out")],
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert run.stdout is not None
        assert run.stdout.readline() == b"begun\n"
        begun = time.monotonic()
        if number:
            time.sleep(float(rng.uniform(0, took)))
            run.send_signal(signal.SIGKILL)
        run.wait()
        run.stdout.close()
        took = took or time.monotonic() - begun
        if (tmp_path / "out").exists():
            whole += 1
            assert not verify(tmp_path / "out").differences
            (tmp_path / "out").rename(tmp_path / f"whole{whole}")
    with Session.open(tmp_path / "data") as session:
        export(session, tmp_path / "out")
    assert not verify(tmp_path / "out").differences


@given(st.lists(st.text(max_size=200), max_size=20))
def test_names_are_their_own_and_stay_in_their_folder(listed: list[str]) -> None:
    names = Names()
    found = [names.take("home", each) for each in listed]
    assert len({each.casefold() for each in found}) == len(found)
    for each in found:
        home, _, name = each.partition("/")
        assert home == "home"
        assert "/" not in name
        assert not name.startswith(".")
        assert len(name.encode()) <= LONGEST + 12


def test_the_command_line(session: Session, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    def run(*words: str) -> tuple[int, str, str]:
        done = subprocess.run(
            [sys.executable, "-m", "inspector", *words],
            env=dict(os.environ, PYTHONPATH=str(ROOT)),
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    data, out = str(session.root), str(tmp_path / "out")
    status, told, _ = run("export", data, out, "--dry-run", "--json", "--where", "split = 'train'")
    assert status == 0
    assert json.loads(told)["records"] == 2
    assert not Path(out).exists()
    status, told, errors = run("export", data, out, "--json")
    assert (status, errors) == (0, "")
    assert json.loads(told)["root"] == manifest.read_card(Path(out)).root
    status, _, errors = run("export", data, out)
    assert status == 2
    assert "There is something at that path" in errors
    assert run("verify", out)[0] == 0
    (Path(out) / "train/r000/imu.csv").write_text("x")
    status, told, _ = run("verify", out, "--json")
    assert status == 1
    assert [each["records"] for each in json.loads(told)["differences"]] == [["r000"]]
    status, _, errors = run("verify", data)
    assert status == 2
    assert "no release" in errors


def test_releases_are_listed_with_notes_and_tags(session: Session, tmp_path: Path) -> None:
    export(session, tmp_path / "one", note="first")
    decide(session, "r001", 20)
    card = export(session, tmp_path / "two", name="second")
    assert card.parent == manifest.read_card(tmp_path / "one").root
    home = session.desk.workspace.folder
    assert [each.name for each in history.releases(home)] == ["second", "one"]
    history.mark(home, "second", tags=["paper"])
    history.mark(home, "1", tags=["paper", "v1"], note="the very first")
    assert history.find(home, "paper").name == "one"
    assert history.find(home, card.root[:8]).tags == ()
    (tmp_path / "two").rename(tmp_path / "away")
    told = {each.name: each.to_json() for each in history.releases(home)}
    assert (told["one"]["there"], told["second"]["there"]) == (True, False)
    assert (told["one"]["note"], told["one"]["tags"]) == ("the very first", ["paper", "v1"])
    with Session.open(told["one"]["path"]) as again:
        assert again.dataset.reader == "release"
    for wrong in ("", "a b", "x" * 99):
        with pytest.raises(InspectorError, match="one short word"):
            history.mark(home, "1", tags=[wrong])
    with pytest.raises(InspectorError, match="no such release"):
        history.find(home, "nobody")


def test_a_plan_counts_a_file_that_records_share_once(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    both, own = tmp_path / "both", tmp_path / "own"
    both.write_bytes(b"x" * 1000)
    own.write_bytes(b"y" * 10)

    def laid(*_: Any) -> Iterator[Laid]:
        for each in session.record_ids():
            pieces = [Piece("shared/both", both, shared=True), Piece(f"train/{each}", own)]
            yield Laid(session.record(each), "train", pieces=pieces)

    monkeypatch.setattr(laying, "lay_all", laid)
    counted = laying.survey(session, make_plan(session, Choice()))
    assert (counted.files, counted.bytes) == (4, 1030)


def test_a_format_with_children_is_told_that_a_run_was_cancelled(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped: list[Any] = []
    monkeypatch.setattr(Folder, "stop", lambda self: stopped.append(self), raising=False)

    def cancel(done: int) -> None:
        raise Cancelled("export")

    with pytest.raises(Cancelled):
        write.write(session, make_plan(session, Choice()), tmp_path / "out", cancel)
    assert len(stopped) == 1
    assert isinstance(LeRobot(), Stops)
