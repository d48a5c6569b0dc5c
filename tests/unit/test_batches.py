"""Review batches: drawn, dealt, blind for some, and the sentence that they come to."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from programs import run

from inspector.core.assets import resource
from inspector.core.batches import batch_path, batches_of, clopper_pearson, dealt, interval_text, outcome
from inspector.core.edits import DATASET
from inspector.core.standing import Flag
from inspector.errors import InspectorError
from inspector.session import Session

if TYPE_CHECKING:
    from pathlib import Path

    from inspector.core.batches import Batch

IDS = [f"r{number}" for number in range(200)]


def given_flags(batch: Batch, faulty: int = 0) -> list[Flag]:
    """Every verdict that a batch asks for, the first records being rejected."""
    bad = set(batch.records[:faulty])
    return [
        Flag(record, "reject" if record in bad else "ok", author, 0, "")
        for author, records in batch.parts.items()
        for record in records
    ]


def test_the_interval_is_that_of_the_tables() -> None:
    """Clopper and Pearson's: of 0 in 60 at most 4.9 %; 3 in 60 give 1.04 and 13.92 %, 10 in 100 4.90 and
    17.62 (R: binom.test(3, 60) and binom.test(10, 100))."""
    assert interval_text(0, 60) == "at most 4.9 % at 95 %"
    assert interval_text(60, 60) == "at least 95.1 % at 95 %"
    assert clopper_pearson(3, 60) == pytest.approx((0.0104, 0.1392), abs=5e-5)
    assert clopper_pearson(10, 100) == pytest.approx((0.0490, 0.1762), abs=5e-5)


@given(st.integers(1, 80), st.data())
def test_the_interval_holds_the_share(n: int, data: st.DataObject) -> None:
    k = data.draw(st.integers(0, n))
    low, high = clopper_pearson(k, n)
    assert 0 <= low <= k / n <= high <= 1
    assert clopper_pearson(n - k, n) == pytest.approx((1 - high, 1 - low), abs=1e-9)


def test_a_sample_is_a_sentence() -> None:
    batch = dealt("spring", IDS, ["ann"], sample=60, seed=1)
    assert (len(batch.records), batch.drawn_from) == (60, 200)
    assert dealt("spring", IDS, ["ann"], sample=60, seed=1).parts == batch.parts
    assert dealt("spring", IDS, ["ann"], sample=60, seed=2).parts != batch.parts
    assert outcome(batch, []).sentence == "none of 60 reviewed yet"
    assert outcome(batch, given_flags(batch)).sentence == "0 of 60 faulty: at most 4.9 % at 95 %"
    assert outcome(batch, given_flags(batch, 3)).sentence == "3 of 60 faulty: 1.0 to 13.9 % at 95 %"
    others = [Flag(record, "reject", "bo", 0, "") for record in batch.records]
    assert outcome(batch, others).reviewed == 0  # not theirs to review


def test_everything_asked_for_needs_no_interval() -> None:
    batch = dealt("all", IDS[:5], ["ann"])
    assert batch.records == IDS[:5]
    assert outcome(batch, given_flags(batch, 1)).sentence == "1 of 5 faulty"


@given(st.integers(1, 60), st.integers(1, 4), st.floats(0, 1), st.integers(0, 9))
def test_every_record_is_dealt_once_and_the_blind_ones_twice(
    n: int, people: int, share: float, seed: int
) -> None:
    authors = [f"a{number}" for number in range(people)]
    batch = dealt("b", IDS[:n], authors, seed=seed, share=share if people > 1 else 0.0)
    count = {record: sum(record in part for part in batch.parts.values()) for record in IDS[:n]}
    assert set(batch.records) == set(IDS[:n])
    assert all(count[record] == (2 if record in batch.blind else 1) for record in count)
    assert len(batch.blind) == (round(share * n) if people > 1 else 0)
    done = outcome(batch, given_flags(batch))
    assert (done.reviewed, done.faulty, done.apart, done.twice) == (n, (), (), len(batch.blind))


def test_two_verdicts_that_differ_are_told() -> None:
    batch = dealt("b", IDS[:10], ["ann", "bo"], share=1.0)
    flags = [Flag(record, "ok", "ann", 0, "") for record in batch.records]
    assert outcome(batch, flags).reviewed == 0
    flags += [Flag(record, "reject" if record == "r3" else "ok", "bo", 0, "") for record in batch.records]
    found = outcome(batch, flags)
    assert (found.apart, found.faulty) == (("r3",), ("r3",))
    assert found.sentence == "1 of 10 faulty; two agree on 9 of 10 seen by both"


def test_only_what_was_said_since_a_batch_was_dealt_is_its_verdict(tmp_path: Path) -> None:
    for name in ("rec_001", "rec_002"):
        shutil.copytree(resource("demo") / name, tmp_path / "few" / name)
    root = tmp_path / "few"
    with Session.open(root, author="ann") as session:
        session.flag(["rec_001", "rec_002"], "ok")
        assert session.flag(["rec_001"], "ok") is None
        batch = dealt("b", session.record_ids(), ["ann", "bo"], share=1.0)
        session.edit("Batch", [session.curation.change(DATASET, batch_path(batch.id), batch.value())])

        def told() -> tuple[int, int, dict[str, int]]:
            found = outcome(batches_of(session.curation.values(DATASET))[0], session.curation.flags())
            return found.reviewed, found.twice, dict(found.left)

        assert told() == (0, 0, {"ann": 2, "bo": 2})
        assert session.flag(["rec_001", "rec_002"], "ok") is not None  # the same word, said again since
        assert session.flag(["rec_001", "rec_002"], "ok") is None
        assert told() == (0, 0, {"ann": 0, "bo": 2})
        with Session.open(root, author="bo") as other:
            assert other.flag(["rec_001", "rec_002"], "ok") is not None  # agrees, which is a verdict as well
            assert other.flag(["rec_001", "rec_002"], "ok") is None
        session.curation.refresh()
        assert told() == (2, 2, {"ann": 0, "bo": 0})
        session.undo()  # ann's verdicts, then the batch, and the batch again
        session.undo()
        session.redo()
        session.redo()
        assert told() == (2, 2, {"ann": 0, "bo": 0})


def test_what_cannot_be_dealt_is_refused() -> None:
    wrong: list[tuple[str, list[str], list[str], int | None, float]] = [
        ("", IDS, ["ann"], None, 0),
        ("b", IDS, [], None, 0),
        ("b", [], ["ann"], None, 0),
        ("b", IDS, ["ann"], None, 0.5),
        ("b", IDS, ["ann"], 0, 0),
    ]
    for name, ids, authors, sample, share in wrong:
        with pytest.raises(InspectorError):
            dealt(name, ids, authors, sample=sample, share=share)


def test_a_batch_is_one_edit_and_comes_back(tmp_path: Path) -> None:
    for name in ("rec_001", "rec_002", "rec_011"):
        shutil.copytree(resource("demo") / name, tmp_path / "few" / name)
    root = tmp_path / "few"
    made = run("batch", root, "--make", "first", "--sample", "2", "--assign", "ann", "--seed", "3")
    assert (made.returncode, made.stderr) == (0, "")
    assert made.stdout.splitlines() == ["first: none of 2 reviewed yet", "  ann: 2 records, 2 left"]
    with Session.open(root, author="ann") as session:
        (batch,) = batches_of(session.curation.values(DATASET))
        session.flag(batch.records, "ok")
    (told,) = json.loads(run("batch", root, "--json").stdout)
    assert (told["name"], told["reviewed"], told["drawn_from"], told["seed"]) == ("first", 2, 3, 3)
    assert told["sentence"] == "0 of 2 faulty: at most 77.6 % at 95 %"
    with Session.open(root) as session:
        session.undo()
        assert batches_of(session.curation.values(DATASET)) == []
    assert batch_path("a/b") == "batches/a%2Fb"
