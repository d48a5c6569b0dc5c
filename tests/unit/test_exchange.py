"""Annotators' files out and in through the program: what pympi and praatio change comes back by id."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pympi
import pytest
from praatio import textgrid as praat

from inspector.cli import main
from inspector.core.annotate import RECHECK, changes_of, relabel
from inspector.core.assets import resource
from inspector.release.exchange import sendings
from inspector.session import Session

if TYPE_CHECKING:
    from inspector.core.model import Annotation


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    root = tmp_path / "demo"
    root.mkdir()
    shutil.copy(resource("demo") / "metadata.csv", root)
    shutil.copytree(resource("demo") / "rec_001", root / "rec_001")
    return root


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as end:
        main(words)
    told = capsys.readouterr()
    return int(end.value.code or 0), told.out, told.err


def labels(dataset: Path) -> dict[str, Annotation]:
    with Session.open(dataset) as session:
        return {each.id: each for each in session.record("rec_001").annotations}


def sent(capsys: pytest.CaptureFixture[str], dataset: Path, file: Path, form: str) -> None:
    status, out, _ = run(
        capsys, "labels", "export", str(dataset), str(file), "--as", form, "--record", "rec_001"
    )
    assert (status, out.strip()) == (0, str(file))


def change(dataset: Path, label_id: str, text: str) -> None:
    """Somebody relabels here, meanwhile."""
    with Session.open(dataset, author="cy") as session:
        step = relabel(session.record("rec_001"), [label_id], text)
        session.edit(step.title, changes_of(session.curation, "rec_001", step))


@pytest.mark.parametrize(
    ("form", "name"), [("eaf", "r.eaf"), ("textgrid", "r.TextGrid"), ("labelstudio", "r.json")]
)
def test_a_file_that_comes_back_untouched_changes_nothing(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], form: str, name: str
) -> None:
    before = labels(dataset)
    sent(capsys, dataset, tmp_path / name, form)
    status, out, err = run(
        capsys,
        "labels",
        "import",
        str(dataset),
        str(tmp_path / name),
        "--author",
        "X",
        "--json",
        "--record",
        "rec_001",
    )
    assert status == 0, err
    plain = json.loads(out)
    assert [plain[fate] for fate in ("added", "changed", "removed", "conflicts")] == [0, 0, 0, 0]
    assert plain["media"]
    assert labels(dataset) == before


def test_what_was_changed_in_elan_comes_back_and_meets_what_was_changed_here(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "rec_001.eaf"
    before = labels(dataset)
    sent(capsys, dataset, file, "eaf")
    document = pympi.Eaf(str(file))
    tier = next(
        each for each in document.get_tier_names() if each.startswith("motion") and each.endswith("A")
    )
    rows = sorted(document.get_annotation_data_for_tier(tier))
    document.remove_annotation(tier, sum(rows[0][:2]) // 2)
    document.add_annotation(tier, rows[0][0], rows[0][1], "by ELAN")
    document.add_annotation(tier, rows[1][1] + 500, rows[1][1] + 900, "new")
    document.to_file(str(file))
    gone = next(each for each in before.values() if each.author == "A" and each.tier == "motion")
    change(dataset, gone.id, "here")
    other = next(each for each in before.values() if each.author == "B")
    change(dataset, other.id, "mine")
    status, out, err = run(capsys, "labels", "import", str(dataset), str(file), "--author", "X", "--json")
    plain = json.loads(out)
    assert (plain["added"], plain["changed"], plain["removed"], plain["conflicts"]) == (2, 0, 0, 1)
    assert status == 1
    assert "deleted there and changed here" in err
    after = labels(dataset)
    assert after[other.id].label == "mine"
    assert after[gone.id].label == "here"
    assert "X" in after[gone.id].attrs[RECHECK]
    new = {each.label: each for id_, each in after.items() if id_ not in before}
    assert set(new) == {"by ELAN", "new"}
    assert new["new"].span == ((rows[1][1] + 500) * 1_000_000, (rows[1][1] + 900) * 1_000_000)
    # Once more is once too many: nothing is left to take in.
    _, out, _ = run(capsys, "labels", "import", str(dataset), str(file), "--author", "X", "--json")
    again = json.loads(out)
    assert (again["added"], again["changed"], again["removed"], again["conflicts"]) == (0, 0, 0, 0)
    run(capsys, "undo", str(dataset), "--author", "X")


def test_what_was_changed_in_praat_comes_back_on_the_clock_of_its_stream(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "rec_001.TextGrid"
    before = labels(dataset)
    sent(capsys, dataset, file, "textgrid")
    grid = praat.openTextgrid(str(file), includeEmptyIntervals=False)
    name = next(each for each in grid.tierNames if each == "motion@A")
    tier = grid.getTier(name)
    first, *rest = tier.entries
    grid.replaceTier(name, tier.new(entries=[first._replace(end=first.end - 0.1), *rest]))
    grid.save(str(file), format="long_textgrid", includeBlankSpaces=True)
    _, out, err = run(capsys, "labels", "import", str(dataset), str(file), "--author", "X", "--json")
    plain = json.loads(out)
    assert [plain[fate] for fate in ("added", "changed", "removed", "conflicts")] == [0, 1, 0, 0], err
    (moved,) = [each for id_, each in labels(dataset).items() if each != before[id_]]
    was, now = before[moved.id].span, moved.span
    assert was is not None
    assert now is not None
    assert now[0] == was[0]
    assert abs(was[1] - now[1] - 100_000_000) <= 2000


def test_a_file_of_another_recording_says_so_and_nobodys_labels_are_the_authors(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "voice.TextGrid"
    grid = praat.Textgrid()
    grid.addTier(praat.IntervalTier("prosody", [(1.0, 2.0, "H*")], 0, 99.0))
    grid.save(str(file), format="short_textgrid", includeBlankSpaces=True)
    status, out, err = run(
        capsys, "labels", "import", str(dataset), str(file), "--author", "X", "--record", "rec_001"
    )
    assert status == 1
    assert "made on other media" in err
    assert "1:39" in err
    assert "made on voice" in out
    (new,) = [each for each in labels(dataset).values() if each.tier == "prosody"]
    assert (new.author, new.label) == ("X", "H*")
    with Session.open(dataset) as session:
        record = session.record("rec_001")
        assert any(problem.path == "voice.TextGrid" for problem in record.problems)
        assert "voice.TextGrid" in record.meta["annotators_files"]


def test_what_is_no_file_of_labels_is_refused(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "x.json").write_text("{}")
    cases: list[tuple[Any, ...]] = [
        ("labels", "import", str(dataset), str(tmp_path / "x.json"), "--record", "rec_001"),
        ("labels", "import", str(dataset), str(tmp_path / "gone.eaf")),
        ("labels", "export", str(dataset), str(tmp_path / "x.eaf"), "--as", "xml"),
        ("labels", "export", str(dataset), str(dataset / "x.eaf"), "--as", "eaf"),
    ]
    for words in cases:
        status, _, err = run(capsys, *words)
        assert (status, err.count("\n")) == (2, 1), err
    assert not (dataset / "x.eaf").exists()


def disputed(dataset: Path, file: Path, capsys: pytest.CaptureFixture[str]) -> tuple[str, str]:
    """Two labels changed on both sides: one relabelled on both, one deleted there; their ids."""
    before = labels(dataset)
    sent(capsys, dataset, file, "eaf")
    rows = sorted(
        (each.span or (0, 0), each.id)
        for each in before.values()
        if each.author == "A" and each.tier == "motion"
    )
    document = pympi.Eaf(str(file))
    tier = next(
        each for each in document.get_tier_names() if each.startswith("motion") and each.endswith("A")
    )
    root = document.tiers[tier][0]
    ids = sorted(root, key=lambda each: document.timeslots[root[each][0]])
    begin, end, _, svg = root[ids[0]]
    root[ids[0]] = (begin, end, "theirs", svg)
    del root[ids[1]]
    document.to_file(str(file))
    (_, one), (_, two) = rows[:2]
    change(dataset, one, "mine")
    change(dataset, two, "mine too")
    return one, two


@pytest.mark.parametrize("side", ["check", "ours", "theirs", "both"])
def test_what_was_changed_on_both_sides_is_decided_as_asked(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], side: str
) -> None:
    file = tmp_path / "rec_001.eaf"
    one, two = disputed(dataset, file, capsys)
    before = labels(dataset)
    status, out, _ = run(
        capsys, "labels", "import", str(dataset), str(file), "--author", "X", "--conflicts", side, "--json"
    )
    assert json.loads(out)["conflicts"] == 2
    assert status == (1 if side == "check" else 0)
    after = labels(dataset)
    new = [each.label for id_, each in after.items() if id_ not in before]
    assert after[one].label == ("theirs" if side == "theirs" else "mine")
    assert (two in after) is (side != "theirs")
    assert new == (["theirs"] if side == "both" else [])
    assert (RECHECK in after[one].attrs) is (side == "check")
    run(capsys, "labels", "import", str(dataset), str(file), "--author", "X", "--conflicts", side)
    assert labels(dataset) == after  # the file has said it all
    run(capsys, "undo", str(dataset), "--author", "X")
    run(capsys, "undo", str(dataset), "--author", "X")
    assert labels(dataset) == before


@pytest.fixture
def several(tmp_path: Path) -> Path:
    root = tmp_path / "many"
    root.mkdir()
    shutil.copy(resource("demo") / "metadata.csv", root)
    for name in ("rec_001", "rec_002", "rec_003"):
        shutil.copytree(resource("demo") / name, root / name)
    (root / "sub").mkdir()
    return root


def test_a_folder_of_files_goes_to_the_records_that_name_and_media_tell(
    several: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "back"
    out.mkdir()
    for name in ("rec_001", "rec_002", "rec_003"):
        file = out / f"{name}.eaf"
        status, _, err = run(
            capsys, "labels", "export", str(several), str(file), "--as", "eaf", "--record", name
        )
        assert status == 0, err
    shutil.rmtree(several / ".inspector")  # nothing is known of what was sent
    by_media = out / "deep" / "second pass.eaf"
    by_media.parent.mkdir()
    document = pympi.Eaf(str(out / "rec_002.eaf"))
    document.remove_linked_files()
    document.add_linked_file("file:///D:/corpus/rec_002/front.mp4", mimetype="video/mp4")
    document.to_file(str(by_media))
    (out / "rec_002.eaf").unlink()
    (out / "rec_003.eaf").rename(out / "rec_003_ann.eaf")
    shutil.copy(by_media, out / "rec_001-bo.eaf")  # named after one record, made on the media of another
    (out / "stranger.TextGrid").write_text("no grid", "utf-8")
    (out / "readme.txt").write_text("not asked", "utf-8")
    args = ("labels", "import", str(several), str(out), "--author", "X", "--json")
    status, told, err = run(capsys, *args, "--dry-run")
    plain = json.loads(told)
    assert plain["edit"] is None
    assert {(each["file"].rpartition("/")[2], each["record_id"]) for each in plain["files"]} == {
        ("rec_001.eaf", "rec_001"),
        ("second pass.eaf", "rec_002"),
        ("rec_003_ann.eaf", "rec_003"),
    }
    left = {each["file"].rpartition("/")[2]: each["why"] for each in plain["left"]}
    assert set(left) == {"rec_001-bo.eaf", "stranger.TextGrid"}
    assert "by its name it is rec_001" in left["rec_001-bo.eaf"]
    assert "left: " in err
    assert status == 1
    status, told, _ = run(capsys, *args)
    edit = json.loads(told)["edit"]
    with Session.open(several, author="X") as session:
        (past,) = session.history()
        assert past.edit.id == edit
        assert {change.record_id for change in past.edit.changes} == {"rec_001", "rec_002", "rec_003"}


def test_an_export_of_a_whole_project_is_left_with_what_to_do(
    several: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tasks = []
    for number, name in enumerate(("rec_001", "rec_003")):
        file = tmp_path / f"{name}.json"
        status, _, err = run(
            capsys, "labels", "export", str(several), str(file), "--as", "labelstudio", "--record", name
        )
        assert status == 0, err
        tasks += [{**each, "id": number} for each in json.loads(file.read_text("utf-8"))]
    shutil.rmtree(several / ".inspector")
    (tmp_path / "back").mkdir()
    (tmp_path / "back" / "rec_001.json").write_text(json.dumps(tasks), "utf-8")
    args = ("labels", "import", str(several))
    status, told, err = run(capsys, *args, str(tmp_path / "back"), "--json")
    plain = json.loads(told)
    assert (status, plain["files"], plain["edit"]) == (1, [], None)
    assert "several tasks" in plain["left"][0]["why"]
    status, _, err = run(capsys, *args, str(tmp_path / "back" / "rec_001.json"))
    assert status == 2
    assert "several tasks" in err


def test_two_files_for_one_record_are_one_edit_and_meet_each_other(
    several: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "back"
    out.mkdir()
    file = out / "rec_001.eaf"
    run(capsys, "labels", "export", str(several), str(file), "--as", "eaf", "--record", "rec_001")
    document = pympi.Eaf(str(file))
    tier = next(each for each in document.get_tier_names() if each.endswith("A"))
    document.add_annotation(tier, 10, 500, "from one")
    document.to_file(str(out / "rec_001.eaf"))
    document.remove_annotation(tier, 100)
    document.add_annotation(tier, 20, 600, "from the other")
    document.to_file(str(out / "rec_001_bo.eaf"))
    status, told, err = run(
        capsys,
        "labels",
        "import",
        str(several),
        *map(str, sorted(out.glob("*.eaf"))),
        "--author",
        "X",
        "--json",
    )
    assert status == 0, err
    assert json.loads(told)["added"] == 2
    with Session.open(several, author="X") as session:
        assert len(session.history()) == 1
        made = {each.label for each in session.record("rec_001").annotations}
    assert {"from one", "from the other"} <= made


def test_a_file_that_could_be_several_records_is_asked_for(
    several: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "whose.TextGrid"
    run(capsys, "labels", "export", str(several), str(file), "--as", "textgrid", "--record", "rec_001")
    for name in ("rec_001", "rec_002"):
        run(capsys, "labels", "export", str(several), str(file), "--as", "textgrid", "--record", name)
    status, _, err = run(capsys, "labels", "import", str(several), str(file))
    assert status == 2
    assert "--record" in err


def test_records_whose_ids_differ_in_signs_alone_have_files_of_their_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a/b", "a_b", "A_B", "c:d"):
        home = tmp_path / "data" / name
        home.mkdir(parents=True)
        (home / "imu.csv").write_text("t_s,x\n" + "".join(f"{n / 100},{n}\n" for n in range(50)))
        (home / "labels.csv").write_text("start_s,end_s,label\n0.1,0.2,wave\n")
    (tmp_path / "out").mkdir()
    code, out, _ = run(
        capsys, "labels", "export", str(tmp_path / "data"), str(tmp_path / "out"), "--as", "eaf"
    )
    with Session.open(tmp_path / "data") as session:
        ids = session.record_ids()
        assert len(ids) == 4
        assert code == 0
        assert len(set(out.split())) == len(list((tmp_path / "out").iterdir())) == 4
        assert len({each.name.casefold() for each in (tmp_path / "out").iterdir()}) == 4
        assert not any(":" in each.name for each in (tmp_path / "out").iterdir())
        sent_of = {each.path.name: each.record_id for each in sendings(session)}
        assert [sent_of[Path(line).name] for line in out.split()] == ids
