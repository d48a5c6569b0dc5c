"""Adjudication: decisions are a layer of their own, one edit each, and the gold scores who labelled."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from inspector.agreement.disagreements import agreed_pairs
from inspector.agreement.measure import Measuring
from inspector.core.adjudicate import CHOICES, GOLD, decide, decision_path, gild
from inspector.core.annotate import changes_of
from inspector.core.assets import resource
from inspector.errors import InspectorError
from inspector.session import Session

if TYPE_CHECKING:
    from pathlib import Path

    from inspector.agreement.disagreements import Disagreement
    from inspector.core.model import Annotation

EARLY, EXTRA = "rec_011", "rec_025"


def disputed(session: Session, record_id: str) -> list[Disagreement]:
    measuring = Measuring(("A", "B"))
    measuring.add(session.record(record_id))
    return [row for row in measuring.result().rows if row.kind != "lag"]


def golden(session: Session, record_id: str) -> list[Annotation]:
    return [label for label in session.record(record_id).annotations if label.author == GOLD]


def put(session: Session, record_id: str, choice: str, text: str = "") -> None:
    (row,) = disputed(session, record_id)
    step = decide(session.record(record_id), ("A", "B"), row.ids, choice, text)
    session.edit(step.title, changes_of(session.curation, record_id, step), step.note)


@pytest.mark.parametrize("choice", CHOICES)
def test_a_decision_is_one_edit_that_leaves_everybodys_labels(tmp_path: Path, choice: str) -> None:
    with Session.open(resource("demo"), workspace=tmp_path, author="cy") as session:
        before = session.record(EXTRA).annotations
        put(session, EXTRA, choice, "reads 9:45")
        gold = golden(session, EXTRA)
        texts = {"a": ["reads 9:40"], "both": ["reads 9:40"], "new": ["reads 9:45"]}.get(choice, [])
        assert [label.label for label in gold] == texts
        assert [each for each in session.record(EXTRA).annotations if each.author != GOLD] == list(before)
        (row,) = disputed(session, EXTRA)
        assert session.curation.value(EXTRA, decision_path(row.ids))["choice"] == choice
        assert len(session.history()) == 1
        session.undo()
        assert golden(session, EXTRA) == []
        assert session.curation.value(EXTRA, decision_path(row.ids)) is None


def test_deciding_again_replaces_what_was_decided(tmp_path: Path) -> None:
    with Session.open(resource("demo"), workspace=tmp_path, author="cy") as session:
        put(session, EXTRA, "a")
        put(session, EXTRA, "new", "reads 9:45")
        assert [label.label for label in golden(session, EXTRA)] == ["reads 9:45"]
        put(session, EXTRA, "neither")
        assert golden(session, EXTRA) == []


def test_gold_scores_the_annotators(tmp_path: Path) -> None:
    with Session.open(resource("demo"), workspace=tmp_path, author="cy") as session:
        put(session, EXTRA, "neither")  # it lies behind the record's end
        record = session.record(EXTRA)
        step = gild(record, agreed_pairs(record, ("A", "B")))
        session.edit(step.title, changes_of(session.curation, EXTRA, step), step.note)
        measuring = Measuring()
        measuring.add(session.record(EXTRA))
        pairs = {(pair.a, pair.b): pair for pair in measuring.result().pairs}
        assert set(pairs) == {("A", "B"), ("A", GOLD), ("B", GOLD)}
        score = {
            name: {tier.tier: (tier.n_a, tier.n_b, tier.matched) for tier in pairs[name, GOLD].tiers}
            for name in "AB"
        }
        assert score["A"]["time"] == (5, 4, 4)  # one too many
        assert score["B"]["time"] == (4, 4, 4)
        again = gild(session.record(EXTRA), agreed_pairs(session.record(EXTRA), ("A", "B")))
        assert again.puts == ()


def test_what_is_gone_cannot_be_decided(tmp_path: Path) -> None:
    with Session.open(resource("demo"), workspace=tmp_path) as session:
        record = session.record(EXTRA)
        (row,) = disputed(session, EXTRA)
        with pytest.raises(InspectorError, match="not there any more"):
            decide(replace(record, annotations=()), ("A", "B"), row.ids, "a")
        with pytest.raises(InspectorError, match="needs a text"):
            decide(record, ("A", "B"), row.ids, "new", "  ")
        with pytest.raises(InspectorError, match="no such decision"):
            decide(record, ("A", "B"), row.ids, "perhaps")
