"""Agreement as findings of an audit, in the report, and what tells who is right."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest
from agreements import drawn, linked, rewired

from inspector.agreement.disagreements import Disagreement
from inspector.agreement.measure import Agreement, NamedLag, PairFigures
from inspector.audit.agreement import who_is_right, with_audit
from inspector.audit.case import Case, Facts, Gathered
from inspector.audit.checks import Stage, checks
from inspector.audit.report import report_html
from inspector.audit.runner import Options
from inspector.core.assets import resource
from inspector.core.findings import Finding, Status
from inspector.core.model import Annotation, Record
from inspector.session import Session

if TYPE_CHECKING:
    from pathlib import Path

NAMES = ("agreement.units", "agreement.relation", "agreement.lag")


def test_the_demo_has_its_annotators_measured(tmp_path: Path) -> None:
    for name in ("rec_001", "rec_011", "rec_025"):
        shutil.copytree(resource("demo") / name, tmp_path / name)
    with Session.open(tmp_path) as session:
        found = list(session.audit(Options(checks=NAMES)).findings())
    units = {each.streams: each for each in found if each.check == "agreement.units"}
    assert set(units) == {("motion", "A", "B"), ("time", "A", "B")}
    assert {each.record_id for each in units.values()} == {None}
    (lag,) = [each for each in found if each.check == "agreement.lag"]
    assert (lag.record_id, lag.streams, lag.status) == ("rec_011", ("A", "B"), Status.SUSPECT)
    assert lag.value == pytest.approx(-400, abs=5)
    assert "not yet who is right" in lag.message
    assert not [each for each in found if each.check == "agreement.relation"]  # there is no link in it
    page = report_html("demo", "1", "now", 3, found, {})
    assert "Agreement of annotators" in page
    assert "B is 400 ms earlier than A" in page


def audited(*records: Record) -> dict[str, Finding]:
    """What the checks of agreement say of some records, by check; one tier of links in them."""
    import pyarrow as pa

    index = pa.table({"record_id": [each.id for each in records], "modalities": [["video"]] * len(records)})
    facts = Facts(resource("demo"), index)
    by_id = {each.id: each for each in records}

    def case(record_id: str) -> Case:
        return Case(by_id[record_id], facts, lambda _: None, lambda _: ())  # type: ignore[arg-type, return-value]

    gathered = Gathered(facts, list(by_id), case)
    return {
        finding.check: finding
        for name in NAMES
        for finding in checks.get(name).stages[Stage.DATASET](gathered)
    }


def test_a_relation_gap_is_a_finding() -> None:
    random = np.random.default_rng(11)
    relation = drawn(random)
    apart = audited(linked({"ann": relation, "bo": rewired(relation, random, types=True)}))
    assert apart["agreement.relation"].status is Status.SUSPECT
    assert (apart["agreement.relation"].value or 0) > 0.5
    assert apart["agreement.units"].status is Status.OK
    alike = audited(linked({"ann": relation, "bo": relation}))
    assert (alike["agreement.relation"].status, alike["agreement.relation"].value) == (Status.OK, 0)
    few = drawn(random, 10)
    told = audited(linked({"ann": few, "bo": few}))["agreement.relation"]
    assert told.status is Status.NOT_MEASURABLE
    assert "fewer than 20 links" in told.message


def test_who_is_right_is_told_only_where_the_data_tell() -> None:
    labels = tuple(Annotation(f"labels_{name}:0", "t", "x", (), name) for name in "AB")
    record = Record("r", (), annotations=labels)
    lag = NamedLag("r", "A", "B", -400.0, 10.0, 7)

    def offset(source: str, ms: float, status: Status) -> Finding:
        return Finding("label.offset", "r", (source,), value=ms, status=status, message=f"{source} {ms:.0f}")

    good, early = offset("labels_A", 5, Status.OK), offset("labels_B", -398, Status.FAILED)
    assert who_is_right(lag, record, [good, early]) == "the audit says that A is right: labels_B -398"
    assert who_is_right(lag, record, [early]) == ""
    assert who_is_right(lag, record, [good, offset("labels_B", -120, Status.FAILED)]) == ""
    assert who_is_right(lag, record, []) == ""
    row = Disagreement("r", 0, 0, "lag", "t", "A", "B", lag.message)
    agreement = Agreement({}, (PairFigures("A", "B", 1, (), (), (lag,)),), (row,), 1)
    told = with_audit(agreement, [good, early], lambda _: record)
    assert told.rows[0].message == told.pairs[0].lags[0].message
    assert told.rows[0].message.endswith("(spread 10 ms); the audit says that A is right: labels_B -398")
    assert with_audit(agreement, [early], lambda _: record) == agreement
