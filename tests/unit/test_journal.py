"""Edits are never lost: fold, merge, torn files, kills, two writers, clocks, full disks, replaced data."""

from __future__ import annotations

import errno
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import filelock
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from inspector.core import journal
from inspector.core.curation import Curation
from inspector.core.edits import Change, Edit
from inspector.core.journal import Writer, file_name
from inspector.core.journal_lines import decode, encode, read_lines, value_text
from inspector.errors import InspectorError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

RECORDS = ("a", "b", "c")
WRITER = """
import sys
from pathlib import Path
from inspector.core.curation import Curation

folder, author, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
mine = Curation([folder], author, lambda record: "id-" + record)
for number in range(count):
    record = f"r{number % 7}"
    edit = mine.edit(f"edit {number}", [mine.change(record, f"notes/{author}", number)])
    sys.stdout.write(edit.id + "\\n")
    sys.stdout.flush()
"""


def present(record_id: str) -> str | None:
    return f"id-{record_id}"


@pytest.fixture
def curations() -> Iterator[Callable[..., Curation]]:
    made: list[Curation] = []

    def make(folder: Path, author: str = "ann", **how: Any) -> Curation:
        made.append(Curation([folder], author, how.pop("present", present), **how))
        return made[-1]

    yield make
    for each in made:
        each.close()


def told(curation: Curation) -> dict[str, dict[str, Any]]:
    """Everything that a state says, without times."""
    found = {each: {path: v.value for path, v in curation.values(each).items()} for each in RECORDS}
    flags = sorted((each.record_id, each.author, each.flag) for each in curation.flags())
    force = [(past.edit.id, past.in_force) for past in curation.history(limit=None)]
    return {**found, "flags": flags, "force": force, "told": curation.findings()}  # type: ignore[dict-item]


# -- lines ---------------------------------------------------------------------------------------------------

texts = st.text(st.characters(codec="utf-8"), max_size=8)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)
timemaps = st.lists(st.tuples(st.integers(-(10**15), 10**15), st.integers(-(10**15), 10**15)).map(list))
edits = st.builds(
    Edit,
    st.integers(0, 2**64 - 1).map(lambda number: f"{number:016x}"),
    st.integers(0, 4 * 10**18 - 1),
    texts,
    texts,
    texts,
    st.lists(st.builds(Change, texts, texts, values, values | timemaps, texts), max_size=3).map(tuple),
    st.none() | st.just("0a"),
)


@given(st.lists(edits, max_size=6))
def test_an_edit_reads_back_as_it_was_one_by_one_and_as_columns(given_edits: list[Edit]) -> None:
    lines = [encode(each) for each in given_edits]
    assert [decode(each) for each in lines] == given_edits
    read = read_lines(b"".join(lines))
    assert read.bad == ()
    rows = {row["offset"]: (number, row) for number, row in enumerate(read.edits.to_pylist())}
    changes: dict[int, list[tuple[Any, ...]]] = {}
    for change in read.changes.to_pylist():
        changes.setdefault(change["edit"], []).append(
            tuple(change[name] for name in ("record", "path", "before", "after", "made"))
        )
    offset = 0
    for each, line in zip(given_edits, lines, strict=True):
        number, row = rows[offset]
        assert (row["id"], row["at"], row["author"], row["undoes"]) == (
            each.id,
            each.at,
            each.author,
            each.undoes,
        )
        assert row["size"] == len(line) - 1
        assert changes.get(number, []) == [
            (c.record_id, c.path, value_text(c.before), value_text(c.after), c.made_on) for c in each.changes
        ]
        offset += len(line)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"[]",
        b'{"id":"xyz","at":1,"author":"","title":"","note":"","changes":[],"undoes":null}',
        b'{"id":"0a","at":9999999999999999999,"author":"a","title":"t","note":"","changes":[["r","flag",null,"ok","x"]],"undoes":null}',
        b'{"id":"0a","at":01,"author":"a","title":"t","note":"","changes":[["r","flag",null,"ok","x"]],"undoes":null}',
        b'{"id":"0a","at":1,"author":"a","title":"t","note":"","changes":[["r","flag",null,[[01,2]],"x"]],"undoes":null}',
        b'{"id":"0a","at":1,"author":"\xff","title":"t","note":"","changes":[["r","flag",null,"ok","x"]],"undoes":null}',
        b'{"id":"0a","at":1,"author":"\\ud800","title":"t","note":"","changes":[["r","flag",null,"ok","x"]],"undoes":null}',
        b'{"id":"0a","at":1,"author":"a","title":"","note":"","changes":[["r","f",NaN,1e999,""]],"undoes":null}',
        b'{"id":"0a","at":true,"author":"a","title":"t","note":"","changes":[],"undoes":null}',
        b'{"id":"0a","at":1,"author":"a","title":"t","note":"","changes":[["r","flag",null,"ok"]],"undoes":null}',
        b"[" * 100_000,
        b'{"id":"0a","at":1,"changes":' + b"[" * 100_000 + b"}",
        b"\x00\xff\xfe",
    ],
)
def test_a_line_that_is_none_is_told_and_the_others_count(
    tmp_path: Path, curations: Callable[..., Curation], line: bytes
) -> None:
    good = encode(Edit("01", 5, "ann", "t", "", (Change("a", "flag", None, "ok", "id-a"),)))
    (tmp_path / "x.1.jsonl").write_bytes(good + line + b"\n" + good.replace(b'"01"', b'"02"'))
    curation = curations(tmp_path)
    assert curation.flag("a") == "ok"
    assert len(curation) == 2
    assert len(curation.problems) == bool(line)


# -- the fold ------------------------------------------------------------------------------------------------


@st.composite
def journals(draw: st.DrawFn) -> list[Edit]:
    """Edits as several curators make them who do not always see each other, undos and redos among them."""
    made: list[Edit] = []
    for number in range(draw(st.integers(1, 12))):
        undoes = draw(st.none() | st.sampled_from(made)) if made else None
        place = st.tuples(st.sampled_from(RECORDS), st.sampled_from(["flag", "x"]))
        places = draw(st.lists(place, max_size=2))
        changes = tuple(
            Change(
                record,
                path,
                draw(st.sampled_from([None, "ok", "reject"])),
                draw(st.sampled_from([None, "ok", "reject"])),
                draw(st.sampled_from([f"id-{record}", "id-old"])),
            )
            for record, path in places
        )
        made.append(
            Edit(
                f"{draw(st.integers(0, 2**32)):08x}{number:08x}",
                draw(st.integers(1, 20)),
                draw(st.sampled_from(["ann", "bob"])),
                f"t{number}",
                "",
                changes,
                undoes.id if undoes else None,
            )
        )
    return made


@hypothesis_settings(max_examples=60)
@given(journals(), st.randoms(use_true_random=False))
def test_the_state_is_the_same_whatever_the_files_and_however_they_were_merged(
    tmp_path_factory: pytest.TempPathFactory, made: list[Edit], rng: random.Random
) -> None:
    """In one file, spread over several with copies of lines, and read on line by line: one state."""
    lines = [encode(each) for each in made]
    whole, spread, grown = (tmp_path_factory.mktemp(name) for name in ("whole", "spread", "grown"))
    (whole / "all.jsonl").write_bytes(b"".join(lines))
    doubled = lines + rng.sample(lines, rng.randint(0, len(lines)))
    rng.shuffle(doubled)
    for number, line in enumerate(doubled):
        with (spread / f"z{rng.randint(0, 3)}.{number % 2}.jsonl").open("ab") as file:
            file.write(line)
    first = Curation([whole], "ann", present)
    second = Curation([spread], "ann", present)
    third = Curation([grown], "ann", present)
    for line in doubled:
        with (grown / f"z{rng.randint(0, 3)}.jsonl").open("ab") as file:
            file.write(line)
        if rng.random() < 0.5:
            third.refresh()
    third.refresh()
    assert told(first) == told(second) == told(third)
    assert sorted(first.records()) == sorted(third.records())


class Script:
    """What a curator may do, at random."""

    def __init__(self, curation: Curation, rng: random.Random) -> None:
        self.curation = curation
        self.rng = rng

    def step(self) -> None:
        curation, rng = self.curation, self.rng
        what = rng.random()
        if what < 0.2 and curation.undo_title() is not None:
            curation.undo()
        elif what < 0.35 and curation.redo_title() is not None:
            curation.redo()
        else:
            ids = rng.sample(RECORDS, rng.randint(1, 3))
            changes = curation.changes(ids, rng.choice(["flag", "x"]), rng.choice([None, "ok", "reject"]))
            if changes:
                curation.edit("step", changes)


@hypothesis_settings(max_examples=40)
@given(st.randoms(use_true_random=False))
def test_do_then_undo_changes_nothing_and_redo_brings_it_back(
    tmp_path_factory: pytest.TempPathFactory, rng: random.Random
) -> None:
    folder = tmp_path_factory.mktemp("journal")
    curation = Curation([folder], "ann", present)
    script = Script(curation, rng)
    states = [told(curation)]
    for _ in range(rng.randint(1, 6)):
        changes = curation.changes(rng.sample(RECORDS, 2), "flag", rng.choice(["ok", "reject", "own"]))
        if changes:
            curation.edit("step", changes)
            states.append(told(curation))

    def stands(state: dict[str, Any]) -> Any:
        return {each: state[each] for each in (*RECORDS, "flags")}

    curation.close()
    curation = Curation([folder], "ann", present)  # across a restart
    for state in reversed(states[:-1]):
        curation.undo()
        assert stands(told(curation)) == stands(state)
    with pytest.raises(InspectorError):
        curation.undo()
    for state in states[1:]:
        curation.redo()
        assert stands(told(curation)) == stands(state)
    with pytest.raises(InspectorError):
        curation.redo()
    script.curation = curation
    for _ in range(12):
        script.step()
    curation.close()
    again = Curation([folder], "ann", present)
    assert told(again) == told(curation)
    again.close()


def test_undo_is_the_authors_own_and_leaves_what_others_did_since(
    tmp_path: Path, curations: Callable[..., Curation]
) -> None:
    ann, bob = curations(tmp_path), curations(tmp_path, "bob")
    ann.edit("one", ann.changes(["a", "b"], "flag", "ok"))
    bob.refresh()
    bob.edit("two", bob.changes(["a"], "flag", "reject"))
    ann.undo()
    bob.refresh()
    assert (bob.flag("a"), bob.flag("b")) == ("reject", None)
    assert bob.undo_title() == "two"
    bob.undo()
    assert bob.flag("a") is None  # not what ann has taken back meanwhile
    ann.redo()
    bob.refresh()
    assert (bob.flag("a"), bob.flag("b")) == ("ok", "ok")


def test_both_values_of_a_conflict_are_kept_until_somebody_decides(
    tmp_path: Path, curations: Callable[..., Curation]
) -> None:
    theirs = tmp_path / "theirs"
    ann, bob = curations(tmp_path / "ours"), curations(theirs, "bob")
    ann.edit("mine", ann.changes(["a"], "flag", "ok"))
    bob.edit("his", bob.changes(["a"], "flag", "reject"))
    bob.edit("his too", bob.changes(["a"], "flag", "needs_review"))
    shutil.copy(theirs / "bob.1.jsonl", tmp_path / "ours")
    ann.refresh()
    (finding,) = ann.findings()
    assert finding.record_id == "a"
    assert '"ok"' in finding.message
    assert '"reject"' in finding.message
    assert ann.flag("a") == "needs_review"
    assert {(each.author, each.flag) for each in ann.flags()} == {("ann", "ok"), ("bob", "needs_review")}
    ann.edit("decided", [ann.change("a", "flag", "misaligned")])
    assert ann.findings() == []
    ann.undo()
    assert len(ann.findings()) == 1


def test_a_clock_set_back_changes_no_order(tmp_path: Path, curations: Callable[..., Curation]) -> None:
    hour = 3600 * 10**9
    ahead = curations(tmp_path, "ann", now_ns=lambda: time.time_ns() + hour)
    behind = curations(tmp_path, "bob", now_ns=time.time_ns)
    first = ahead.edit("first", ahead.changes(["a"], "flag", "ok"))
    second = behind.edit("second", behind.changes(["a"], "flag", "reject"))
    third = behind.undo()
    assert first.at < second.at < third.at
    assert ahead.refresh() == frozenset({"a"})
    assert ahead.flag("a") == "ok"
    assert ahead.findings() == []


# -- the disk ------------------------------------------------------------------------------------------------


def test_a_journal_cut_at_any_byte_is_a_prefix(tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    curation = Curation([whole], "ann", present)
    for number in range(4):
        curation.edit(f"e{number}", [Change("ä", "note", None, f"ö {number}")])
    curation.close()
    text = (whole / "ann.1.jsonl").read_bytes()
    for cut in range(len(text)):
        folder = tmp_path / f"cut{cut}"
        folder.mkdir()
        (folder / "ann.1.jsonl").write_bytes(text[:cut])
        reopened = Curation([folder], "ann", present)
        count = text[:cut].count(b"\n")
        torn = text[:cut].rpartition(b"\n")[2]
        count += bool(torn) and text[cut : cut + 1] == b"\n"  # only its end is missing
        assert [past.edit.title for past in reopened.history()] == [f"e{n}" for n in range(count)][::-1]
        assert len(reopened.problems) == (cut > 0 and text[cut - 1 : cut + 1].find(b"\n") < 0)
        reopened.edit("more", [Change("ä", "note", None, "after")])
        reopened.close()
        again = Curation([folder], "ann", present)
        assert len(again) == count + 1
        assert again.problems == ()
        aside = folder / "ann.1.torn"
        whole_lines = text[:cut].count(b"\n") + bool(torn)
        assert aside.read_bytes() == torn + b"\n" if aside.exists() else count == whole_lines


class Full:
    """A disk with room for so many more bytes."""

    def __init__(self, room: int) -> None:
        self.room = room

    def write(self, fd: int, data: bytes) -> int:
        if self.room <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = os.write(fd, data[: self.room])
        self.room -= written
        return written


@pytest.mark.parametrize("room", [0, 1, 50])
def test_a_full_disk_refuses_the_edit_and_loses_nothing(
    tmp_path: Path, curations: Callable[..., Curation], monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    curation = curations(tmp_path)
    curation.edit("kept", curation.changes(["a"], "flag", "ok"))
    before = (tmp_path / "ann.1.jsonl").read_bytes()
    disk = Full(room)
    monkeypatch.setattr(Writer, "_write", lambda self, part: disk.write(self._fd, part))
    heard: list[Any] = []
    curation.listen(heard.append)
    with pytest.raises(InspectorError, match="not saved") as caught:
        curation.edit("lost", curation.changes(["a"], "flag", "reject"))
    assert "full" in caught.value.hint
    assert (tmp_path / "ann.1.jsonl").read_bytes() == before
    assert curation.flag("a") == "ok"
    assert heard == []
    disk.room = 10_000
    curation.edit("now", curation.changes(["a"], "flag", "reject"))
    assert [past.edit.title for past in curation.history()] == ["now", "kept"]


def test_a_sync_that_fails_takes_the_line_back(
    tmp_path: Path, curations: Callable[..., Curation], monkeypatch: pytest.MonkeyPatch
) -> None:
    curation = curations(tmp_path)

    def fail(self: Writer) -> None:
        raise OSError(errno.EIO, "the disk is gone")

    with monkeypatch.context() as patched:
        patched.setattr(Writer, "_sync", fail)
        with pytest.raises(InspectorError, match="not saved"):
            curation.edit("lost", curation.changes(["a"], "flag", "ok"))
    assert (tmp_path / "ann.1.jsonl").read_bytes() == b""
    assert len(curation) == 0


def test_a_folder_that_cannot_be_written_refuses_the_edit(
    tmp_path: Path, curations: Callable[..., Curation], monkeypatch: pytest.MonkeyPatch
) -> None:
    curation = curations(tmp_path / "no")
    real = os.open

    def refuse(path: Any, flags: int, *rest: Any, **more: Any) -> int:
        if flags & (os.O_WRONLY | os.O_RDWR):  # the test may run as root, whom no mode stops
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return real(path, flags, *rest, **more)

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(InspectorError, match="not saved") as caught:
        curation.edit("lost", curation.changes(["a"], "flag", "ok"))
    assert "--workspace" in caught.value.hint
    monkeypatch.undo()
    curation.edit("now", curation.changes(["a"], "flag", "ok"))
    assert curation.flag("a") == "ok"


def test_links_in_the_journal_are_neither_read_nor_written(
    tmp_path: Path, curations: Callable[..., Curation]
) -> None:
    outside = tmp_path / "outside"
    outside.write_text("mine\n")
    folder = tmp_path / "journal"
    folder.mkdir()
    (folder / "ann.1.jsonl").symlink_to(outside)
    (folder / "ann.2.lock").symlink_to(outside)
    os.mkfifo(folder / "pipe.jsonl")
    curation = curations(folder)
    curation.edit("one", curation.changes(["a"], "flag", "ok"))
    assert outside.read_text() == "mine\n"
    assert (folder / "ann.3.jsonl").is_file()
    assert curation.problems == ()


@given(st.text(max_size=300), st.integers(1, 99))
def test_an_authors_file_is_a_plain_name(author: str, number: int) -> None:
    name = file_name(author, number)
    assert len(name) <= 255
    assert name.isascii()
    assert not set(name) & set('/\\:*?"<>|\0 ')
    assert name.count(".") == 2


def test_authors_have_files_that_differ(tmp_path: Path, curations: Callable[..., Curation]) -> None:
    one, two = curations(tmp_path, "ann/../bob"), curations(tmp_path, "ann/../bob")
    for each in (one, two):
        each.edit("x", each.changes(["a"], "x", time.time_ns()))
    assert sorted(path.name for path in tmp_path.glob("*.jsonl")) == [
        "ann%2F%2E%2E%2Fbob.1.jsonl",
        "ann%2F%2E%2E%2Fbob.2.jsonl",
    ]


def test_a_journal_that_is_taken_away_does_not_swallow_edits(
    tmp_path: Path, curations: Callable[..., Curation]
) -> None:
    curation = curations(tmp_path / "journal")
    curation.edit("one", curation.changes(["a"], "flag", "ok"))
    shutil.rmtree(tmp_path / "journal")
    curation.edit("two", [curation.change("b", "flag", "ok")])
    again = curations(tmp_path / "journal")
    assert [past.edit.title for past in again.history()] == ["two"]
    assert told(again) == told(curation)


# -- the snapshot --------------------------------------------------------------------------------------------


def test_the_snapshot_changes_nothing(
    tmp_path: Path, curations: Callable[..., Curation], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inspector.core.curation.WORTH_KEEPING", 10)
    folder, kept = tmp_path / "journal", tmp_path / "snapshot"
    curation = curations(folder)
    script = Script(curation, random.Random(4))
    for _ in range(60):
        script.step()
    plain = told(curation)
    assert told(curations(folder, snapshot=kept)) == plain
    assert kept.is_file()
    read: list[int] = []
    monkeypatch.setattr("inspector.core.curation.read_lines", lambda block: read.append(1))
    assert told(curations(folder, snapshot=kept)) == plain
    assert read == []  # nothing was read again
    monkeypatch.undo()
    curation.edit("later", [curation.change("a", "flag", "later")])
    assert told(curations(folder, snapshot=kept)) == told(curation)
    # One that no longer fits is not believed: a line that was read is another now.
    path = folder / "ann.1.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"ok"', b'"no"'))
    assert told(curations(folder, snapshot=kept)) == told(curations(folder))
    kept.write_bytes(b"x" + kept.read_bytes()[1:-9])
    assert told(curations(folder, snapshot=kept)) == told(curations(folder))


# -- processes -----------------------------------------------------------------------------------------------


def kill_rounds(folder: Path, rounds: int, edits_each: int, rng: random.Random, most_s: float = 0.1) -> int:
    """Kill a writing child again and again, so long after its first edit at most.

    All that it acknowledged must be there. The number of those edits.
    """
    acknowledged: list[str] = []
    for _ in range(rounds):
        child = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(folder), "ann", str(edits_each)], stdout=subprocess.PIPE
        )
        assert child.stdout is not None
        first = child.stdout.readline()
        time.sleep(rng.random() * most_s)
        child.send_signal(signal.SIGKILL)
        rest = child.stdout.read()
        child.wait()
        child.stdout.close()
        acknowledged += [line.decode() for line in (first + rest).split(b"\n")[:-1]]
    reopened = Curation([folder], "other", present)
    ids = {past.edit.id for past in reopened.history(limit=None)}
    assert ids.issuperset(acknowledged)
    assert not [each for each in reopened.problems if "is no edit" in each.message]
    assert len(list(folder.glob("*.jsonl"))) == 1  # a dead process's file is taken up again
    return len(acknowledged)


def test_what_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    assert kill_rounds(tmp_path / "journal", 6, 100_000, random.Random(7)) >= 6


def test_two_processes_lose_nothing_and_see_each_other(
    tmp_path: Path, curations: Callable[..., Curation]
) -> None:
    folder = tmp_path / "journal"
    curation = curations(folder)
    children = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(folder), "bob", "150"], stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    while any(each.poll() is None for each in children):
        curation.edit("mine", [Change("r1", "notes/ann", None, time.time_ns())])
    acknowledged = [line for each in children for line in each.communicate()[0].split()]
    assert [each.returncode for each in children] == [0, 0]
    curation.refresh()
    history = curation.history(limit=None)
    ids = [past.edit.id for past in history]
    assert len(ids) == len(set(ids))
    assert set(acknowledged) < set(ids)
    assert len(acknowledged) == 300
    numbers = [past.edit.title for past in history if past.edit.author == "bob"]
    assert sorted(numbers) == sorted(f"edit {n}" for n in range(150) for _ in range(2))
    assert told(curations(folder)) == told(curation)


def test_edits_and_undo_from_many_threads(tmp_path: Path, curations: Callable[..., Curation]) -> None:
    curation = curations(tmp_path)
    heard: list[frozenset[str] | None] = []
    curation.listen(heard.append)
    failed: list[Exception] = []

    def work(name: str) -> None:
        try:
            for number in range(20):
                curation.edit("t", [Change(name, "n", None, number)])
                curation.values(name)
        except Exception as error:  # noqa: BLE001 - whatever it is, the test must hear of it
            failed.append(error)

    threads = [threading.Thread(target=work, args=(name,)) for name in RECORDS]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert failed == []
    assert len(curation) == 60
    assert set().union(*(each or () for each in heard)) == set(RECORDS)
    for _ in range(60):
        curation.undo()
    assert told(curation)["a"] == {}


def test_waiting_files_are_no_writers(tmp_path: Path) -> None:
    """A half-written line of a living process is not torn, only not there yet."""
    writer = Writer(tmp_path, "ann")
    writer.append(encode(Edit("01", 1, "ann", "t", "", ())))
    with (tmp_path / "ann.1.jsonl").open("ab") as file:
        file.write(b'{"id"')
    assert journal.is_held(tmp_path / "ann.1.jsonl")
    curation = Curation([tmp_path], "bob", present)
    assert curation.problems == ()
    writer.close()
    assert len(Curation([tmp_path], "bob", present).problems) == 1
    assert json.loads((tmp_path / "ann.1.jsonl").read_bytes().splitlines()[0])["id"] == "01"


def test_a_disk_without_locks_gets_a_file_of_its_own_for_each_process(
    tmp_path: Path, curations: Callable[..., Curation], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Any, *_: Any, **__: Any) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(filelock.FileLock, "acquire", refuse)
    for curation in (curations(tmp_path), curations(tmp_path)):
        curation.edit("x", [curation.change("a", "x", time.time_ns())])
    assert len(list(tmp_path.glob("ann.*.jsonl"))) == 2
    assert len(curations(tmp_path)) == 2
