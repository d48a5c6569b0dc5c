"""Facets: what is counted is what the SQL finds, in every kind of column, and samples are drawn alike."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspector.core import selections
from inspector.core.selections import Selection, Selections
from inspector.errors import InspectorError
from inspector.query.explore import Exploration, Shown, coverage_keys
from inspector.query.facets import (
    WHERE,
    Bins,
    Coverage,
    Facet,
    Kind,
    Pick,
    Picks,
    as_question,
    condition,
    kind_of,
)
from inspector.query.sample import Draw, sample_sql
from inspector.query.tally import column_of
from inspector.session import Session

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from inspector.query.question import Question

RECORDS = 400


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of small records; their metadata has a column of every kind, with gaps."""
    root = tmp_path_factory.mktemp("facets") / "set"
    rng = np.random.default_rng(5)
    rows: list[dict[str, Any]] = []
    for number in range(RECORDS):
        name = f"r{number:03d}"
        (root / name).mkdir(parents=True)
        (root / name / "x.csv").write_text("t_s,x\n0,1\n1,2\n")
        if number % 4:
            (root / name / "talk.vtt").write_text("WEBVTT\n\n00:00.000 --> 00:01.000\nhi\n")
        odd = (None, float("nan"), float("inf"))
        score = odd[number % 3] if number % 29 == 0 else round(float(rng.normal()), 1)
        rows.append(
            {
                "sensor_file_name": f"{name}/x.csv",
                "text_file_name": f"{name}/talk.vtt" if number % 4 else None,
                "device": None if number % 17 == 0 else f"it's {number % 3}",
                "score": score,
                "cost": int(rng.integers(-50, 300)),
                "good": bool(number % 5),
                "tags": [f"t{number % 3}", "all"],
                "word": f"unlike {number}",
            }
        )
    pq.write_table(pa.Table.from_pylist(rows), root / "metadata.parquet")
    return root


@pytest.fixture(scope="module")
def session(root: Path) -> Iterator[Session]:
    with Session.open(root) as session:
        session.query("SELECT 1")
        yield session


class Asked:
    """An exploration that is waited for."""

    def __init__(self, session: Session) -> None:
        self.shown: Shown | None = None
        self.error: Exception | None = None
        self.came = threading.Event()
        self.it = Exploration(session, self._told, self._failed)

    def _told(self, shown: Shown) -> None:
        if shown.complete:
            self.shown = shown
            self.came.set()

    def _failed(self, error: Exception) -> None:
        self.error = error
        self.came.set()

    def wait(self) -> Shown:
        assert self.came.wait(60)
        self.came.clear()
        if self.error is not None:
            raise self.error
        assert self.shown is not None
        return self.shown

    def pick(self, key: Any, pick: Pick) -> Shown:
        self.it.pick(key, pick)
        return self.wait()


@pytest.fixture
def asked(session: Session) -> Iterator[Asked]:
    asked = Asked(session)
    asked.it.refresh()
    asked.wait()
    yield asked
    asked.it.close()


def count(session: Session, where: str) -> int:
    found: int = session.query(f"SELECT count(*) AS n FROM records WHERE {where}").table.to_pylist()[0]["n"]
    return found


@given(st.floats(-1e12, 1e12), st.floats(1e-6, 1e9), st.booleans(), st.floats(0, 1))
def test_bars_hold_everything_and_their_edges_are_short(
    low: float, wide: float, whole: bool, at: float
) -> None:
    bins = Bins.over(low, low + wide, whole)
    inside = low + wide * at
    assert bins.edge(0) <= low <= low + wide < bins.edge(bins.count)
    assert 1 <= bins.count <= 32
    place = bins.place(inside)
    assert 0 <= place < bins.count
    assert all(bins.edge(n) < bins.edge(n + 1) for n in range(bins.count))


def test_the_kinds(session: Session, asked: Asked) -> None:
    facets = asked.it.picks.facets
    kinds = {name: facet.kind for name, facet in facets.items()}
    assert kinds["record_id"] is Kind.NAMES
    assert kinds["word"] is Kind.NAMES
    assert kinds["device"] is kinds["good"] is Kind.VALUES
    assert kinds["score"] is kinds["cost"] is kinds["duration_s"] is Kind.NUMBER
    assert kinds["tags"] is Kind.LISTS
    assert kinds["flag"] is Kind.EMPTY
    assert kind_of("TIMESTAMP WITH TIME ZONE")[0] is Kind.TIME
    assert kind_of("STRUCT(a INTEGER)")[0] is Kind.NAMES


def test_every_bar_and_value_counts_what_its_sql_finds(session: Session, asked: Asked) -> None:
    shown, facets = asked.shown, asked.it.picks.facets
    assert shown is not None
    checked = 0
    for name, facet in facets.items():
        counts = shown.counts[name]
        picks: list[tuple[Pick, int]] = [(Pick(missing=True), counts.missing)]
        if facet.bins is not None:
            edges = [facet.bins.edge(n) for n in range(facet.bins.count + 1)]
            pairs = zip(edges, edges[1:], counts.by, strict=False)
            picks += [(Pick(low, high), int(n)) for low, high, n in pairs]
        else:
            picks += [(Pick(values=(v,)), int(n)) for v, n in zip(facet.values, counts.by, strict=True)]
        for pick, expected in picks:
            assert count(session, condition(name, pick, facets)) == expected, (name, pick)
            checked += 1
        if facet.kind is not Kind.LISTS:
            assert int(counts.by.sum()) + counts.missing + counts.others == RECORDS
    assert checked > 50
    assert shown.counts["score"].missing == sum(number % 29 == 0 for number in range(RECORDS))


def test_a_facet_is_counted_under_all_picks_but_its_own(session: Session, asked: Asked) -> None:
    first = asked.shown
    assert first is not None
    asked.pick("device", Pick(values=("it's 1",), missing=True))
    shown = asked.pick("cost", Pick(0, 100))
    assert shown.rows is not None
    device = "(device = 'it''s 1' OR device IS NULL)"
    assert len(shown.rows) == count(session, f"{device} AND cost >= 0 AND cost < 100")
    ids = session.index.column("record_id").take(pa.array(shown.rows)).to_pylist()
    assert sorted(ids) == sorted(session.where(asked.it.picks.where()))
    # Its own values are all still there, as the other pick leaves them.
    values = asked.it.picks.facets["device"].values
    for value, n in zip(values, shown.counts["device"].by, strict=True):
        own = condition("device", Pick(values=(value,)), asked.it.picks.facets)
        assert n == count(session, f"{own} AND cost >= 0 AND cost < 100")
    good = dict(zip(asked.it.picks.facets["good"].values, shown.counts["good"].by, strict=True))
    assert good[True] == count(session, f"good AND {device} AND cost >= 0 AND cost < 100")
    asked.it.clear()
    assert asked.wait().rows is None
    assert asked.shown is not None
    assert np.array_equal(asked.shown.counts["device"].by, first.counts["device"].by)


def test_the_coverage_matrix_is_a_facet(session: Session, asked: Asked) -> None:
    assert asked.shown is not None
    keys = {key.modality: key for key in coverage_keys(asked.shown)}
    assert {"text", "sensor"} <= set(keys)
    key = keys["text"]
    counts = dict(zip(asked.shown.facets[key].values, asked.shown.counts[key].by, strict=True))
    assert counts == {"absent": RECORDS // 4, "present": RECORDS - RECORDS // 4}
    shown = asked.pick(key, Pick(values=("absent",)))
    assert shown.rows is not None
    assert shown.rows.tolist() == list(range(0, RECORDS, 4))
    assert dict(zip(shown.facets[key].values, shown.counts[key].by, strict=True)) == counts


def test_a_condition_of_ones_own_and_one_that_is_wrong(session: Session, asked: Asked) -> None:
    shown = asked.pick(WHERE, Pick(sql="cost > 10 -- dear"))
    assert shown.rows is not None
    assert len(shown.rows) == count(session, "cost > 10")
    with pytest.raises(InspectorError, match="expensive"):
        asked.pick(WHERE, Pick(sql="expensive > 10"))


def test_a_facet_turns_into_a_question(session: Session, asked: Asked) -> None:
    picks = Picks(asked.it.picks.facets, {"good": Pick(values=(True,))})
    for name, facet in picks.facets.items():
        table = session.query(as_question(picks, facet)).table
        if name == "good":
            assert len(table) == count(session, "good = true")
        elif facet.kind in (Kind.VALUES, Kind.NUMBER):
            assert sum(table.column("records").to_pylist()) == count(session, "good = true")


def test_many_values_are_counted_by_the_commonest() -> None:
    texts = [f"v{n % 1000}" for n in range(3000)] + ["often"] * 50 + [None]
    column = column_of("c", Kind.VALUES, pa.chunked_array([pa.array(texts)]))
    assert column.facet.distinct == 1001
    assert column.facet.values[0] == "often"
    assert (column.codes == 0).sum() == 1
    assert (column.codes == 2).sum() == 50


def test_a_sample_is_the_same_for_a_seed_and_fair_to_each_stratum(session: Session) -> None:
    by = Facet("device", Kind.VALUES)

    def drawn(seed: int, even: bool = False, where: str = "true") -> list[str]:
        sql = sample_sql(Draw(40, seed, by, even), where)
        found: list[str] = session.query(sql).table.column(0).to_pylist()
        return found

    first = drawn(1)
    assert len(set(first)) == 40
    assert drawn(1) == first
    assert drawn(2) != first
    of = dict(session.query("SELECT record_id, device FROM records").table.to_pydict().items())
    device = dict(zip(of["record_id"], of["device"], strict=True))
    sizes = {each: sum(v == each for v in device.values()) for each in set(device.values())}
    for each, size in sizes.items():
        share = 40 * size / RECORDS
        assert abs(sum(device[r] == each for r in first) - share) <= 1
    even = [sum(device[r] == each for r in drawn(1, even=True)) for each in sizes]
    assert max(even) - min(even) <= 1
    assert all(int(r[1:]) < 100 for r in drawn(3, where="record_id < 'r100'"))


def test_a_selection_is_kept_named_and_asked(root: Path, tmp_path: Path) -> None:
    with Session.open(root, workspace=tmp_path / "work", author="ann") as session:
        asked = Asked(session)
        asked.it.refresh()
        asked.wait()
        kept: list[Any] = []
        came = threading.Event()

        def made_one(made: Selection) -> None:
            kept.append(made)
            came.set()

        asked.it.sample(Draw(30, 7, asked.it.picks.facets["device"]), made_one)
        assert came.wait(30)
        made = kept[0]
        assert (made.records, made.seed, made.by, made.author) == (30, 7, "device", "ann")
        ids = session.desk.selections.ids(made.name)
        assert ids == session.query(made.sql).table.column(0).to_pylist()
        asked.it.select(made.name)
        shown = asked.wait()
        assert shown.rows is not None
        assert len(shown.rows) == 30
        assert sorted(
            session.where(f"record_id IN (SELECT record_id FROM selections WHERE name = '{made.name}')")
        ) == sorted(ids)
        asked.it.close()
    with Session.open(root, workspace=tmp_path / "work") as session:
        assert [each.name for each in session.desk.selections.all()] == [made.name]
        session.desk.selections.remove(made.name)
        assert session.desk.selections.all() == ()
        assert len(session.query("SELECT * FROM selections").table) == 0


def test_names_of_selections_and_files_that_are_none(tmp_path: Path) -> None:
    kept = Selections([tmp_path], lambda: None, "ann")
    made = kept.keep("../my: own", ["a", "b"])
    assert made.name == "my_own"
    assert (tmp_path / "selections" / "my_own.parquet").exists()
    with pytest.raises(InspectorError, match="of that name"):
        kept.keep("my own", ["a"])
    with pytest.raises(InspectorError, match="needs a name"):
        kept.keep("../", [])
    with pytest.raises(InspectorError, match="no such"):
        kept.ids("other")
    (tmp_path / "selections" / "torn.parquet").write_bytes(b"PAR1")
    pq.write_table(pa.table({"x": [1]}), tmp_path / "selections" / "odd.parquet")
    (tmp_path / "selections" / "link.parquet").symlink_to("/etc/passwd")
    assert {each.name for each in kept.all()} == {"my_own", "odd"}
    assert kept.table().to_pylist() == [{"name": "my_own", "record_id": each} for each in "ab"]
    assert kept.free_name("my own") == "my_own-2"


class Held:
    """A question that does not end before it is let go or cancelled."""

    def __init__(self, question: Question, gate: threading.Event) -> None:
        self._question, self._gate = question, gate
        self.cancelled = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._question, name)

    def cancel(self) -> None:
        self.cancelled = True
        self._gate.set()

    def wait(self, timeout: float | None = None) -> bool:
        return self._gate.wait(timeout) and self._question.wait(timeout)

    @property
    def answer(self) -> Any:
        return None if self.cancelled else self._question.answer


class Slow:
    """A session that holds back what is asked with these words; `held` are those questions."""

    def __init__(self, session: Session, words: str) -> None:
        self._session, self._words = session, words
        self.gate, self.asked = threading.Event(), threading.Event()
        self.held: list[Held] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def ask(self, sql: str, then: None, limit: int | None) -> Any:
        question = self._session.ask(sql, then, limit)
        if self._words not in sql:
            return question
        self.held.append(Held(question, self.gate))
        self.asked.set()
        return self.held[-1]


def test_a_newer_pick_gives_up_the_older(session: Session) -> None:
    slow = Slow(session, "cost < 10")
    asked = Asked(cast("Session", slow))
    asked.it.refresh()
    asked.wait()
    asked.it.pick("cost", Pick(0, 10))
    assert slow.asked.wait(30)
    shown = asked.pick("cost", Pick(0, 200))  # the older one would never end
    assert shown.picked["cost"] == Pick(0, 200.0)
    assert [each.cancelled for each in slow.held] == [True]
    assert asked.error is None
    assert Coverage("text") in shown.facets
    asked.it.close()


def test_a_pick_lets_a_sample_that_is_drawn_go_on(session: Session) -> None:
    slow = Slow(session, "cost < 20")
    asked = Asked(cast("Session", slow))
    asked.it.refresh()
    asked.wait()
    asked.pick("good", Pick(values=(True,)))
    kept: list[Selection] = []
    asked.it.picks.put("cost", Pick(0, 20))
    asked.it.keep("cheap and good", kept.append)
    assert slow.asked.wait(30)
    expected = count(session, asked.it.picks.where())
    asked.it.pick("cost", Pick(30, 40))
    assert not slow.held[0].cancelled
    slow.gate.set()
    asked.wait()
    assert asked.error is None
    assert [each.records for each in kept] == [expected]
    session.desk.selections.remove(kept[0].name)
    asked.it.close()


def test_an_edit_while_a_facet_is_counted_is_counted_next(root: Path, tmp_path: Path) -> None:
    with Session.open(root, workspace=tmp_path / "work", author="ann") as session:
        done: list[int] = []

        class Late(Held):
            """Has its answer read just after somebody flagged a record."""

            @property
            def answer(self) -> Any:
                found = self._question.answer
                if not done:
                    done.append(1)
                    session.flag(["r001"], "reject")
                    late.it.edited()
                return found

        class Edited(Slow):
            def ask(self, sql: str, then: None, limit: int | None) -> Any:
                question = session.ask(sql, then, limit)
                self.gate.set()
                return Late(question, self.gate) if "flag" in sql else question

        late = Asked(cast("Session", Edited(session, "")))
        late.it.refresh()
        shown = late.wait()
        while late.it.busy:
            late.came.wait(0.1)
        shown = late.shown or shown
        assert shown.facets["flag"].values == ("reject",)
        late.it.close()


def test_selections_of_others_are_theirs_and_none_is_written_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = Selections([tmp_path / "bob"], lambda: (tmp_path / "bob").mkdir(exist_ok=True), "bob")
    theirs.keep("hard", ["a"])
    kept = Selections(
        [tmp_path / "ann", tmp_path / "bob"], lambda: (tmp_path / "ann").mkdir(exist_ok=True), "ann"
    )
    with pytest.raises(InspectorError, match="another workspace"):
        kept.remove("hard")
    assert theirs.ids("hard") == ["a"]
    monkeypatch.setattr(selections, "MOST", 2)
    for name in ("one", "three", "two"):
        kept.keep(name, ["a"])
    with pytest.raises(InspectorError, match="of that name"):
        kept.keep("two", ["b"])  # the third by name, which is not listed any more
    assert kept.free_name("two") == "two-2"
    assert pq.read_table(tmp_path / "ann" / "selections" / "two.parquet").column(0).to_pylist() == ["a"]
