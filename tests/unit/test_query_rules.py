"""Rules: a dataset's own relation between its modalities, asked in SQL, whose rows are findings."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from inspector.core.assets import resource
from inspector.core.findings import Status
from inspector.core.times import NS
from inspector.errors import InspectorError
from inspector.session import Session

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# What the label says the clock reads, and where the minute hand was measured to be: the dataset's relation.
HANDS = r"""-- Labels that the hands contradict
WITH said AS (
  SELECT annotation_id, record_id, start_s, end_s,
         6.0 * regexp_extract(label, ':(\d\d)', 1)::INTEGER AS expected
  FROM annotations
  WHERE label LIKE 'reads %:%'
),
seen AS (
  SELECT a.*, median(s.minute_deg) AS deg
  FROM said a
  JOIN samples s ON s.record_id = a.record_id AND s.t_s BETWEEN a.start_s + 0.8 AND a.end_s - 0.8
  GROUP BY ALL
)
SELECT record_id, start_s, end_s, expected,
       expected + ((deg - expected + 180) % 360 + 360) % 360 - 180 AS found, 9 AS tolerance, 'deg' AS unit
FROM seen
ORDER BY record_id, start_s
"""


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Session]:
    """The demo, its curation work in a folder of its own."""
    with Session.open(resource("demo"), workspace=str(tmp_path)) as opened:
        yield opened


def test_one_rule_finds_the_records_whose_labels_were_swapped(demo: Session, tmp_path: Path) -> None:
    assert demo.rules() == ()
    demo.make_rule("hands and labels", HANDS)
    assert (tmp_path / "rules" / "hands_and_labels.sql").read_text() == HANDS
    found = demo.run_rule("hands_and_labels")
    failed = [each for each in found if each.status is Status.FAILED]
    assert {each.record_id for each in failed} == {"rec_014", "rec_016"}
    assert {each.check for each in found} == {"rule.hands_and_labels"}
    assert len(found) > 100  # all that agree were looked at too
    for each in failed:
        low, high = each.tolerance
        assert each.span is not None
        assert each.value is not None
        assert low is not None
        assert high is not None
        assert not low <= each.value <= high


def test_what_the_columns_say(demo: Session) -> None:
    demo.make_rule(
        "r",
        "SELECT * FROM (VALUES ('rec_001', 1.5, 2.0, 10.0, 10.5, 1.0), "
        "('rec_001', 1.5, 1.0, 10.0, 12.0, 1.0), "
        "('rec_002', NULL, NULL, 10.0, NULL, 1.0), ('rec_002', 0.0, 1.0, 1.0, 1.0, NULL)) "
        "t(record_id, start_s, end_s, expected, found, tolerance)",
    )
    one, two, three, four = demo.run_rule("r")
    assert [each.status.value for each in (one, two, three, four)] == ["ok", "failed", "not_measurable", "ok"]
    assert one.span == (1_500_000_000, 2 * NS)
    assert two.span == (1_500_000_000, 1_500_000_000)  # no span runs backwards
    assert three.span is None
    assert two.tolerance == (9.0, 11.0)
    assert 0 < two.severity < 1
    demo.make_rule("words", "SELECT 'rec_001' AS record_id, 'free' AS expected, 'held' AS found")
    (finding,) = demo.run_rule("words")
    assert (finding.status, finding.message) == (Status.FAILED, "expected free, found held")
    demo.make_rule("all", "SELECT record_id FROM records")
    assert {each.status for each in demo.run_rule("all")} == {Status.FAILED}
    demo.make_rule("none", "SELECT 1 AS a")
    with pytest.raises(InspectorError, match="whose its rows are"):
        demo.run_rule("none")
    with pytest.raises(InspectorError, match="no such rule"):
        demo.run_rule("missing")
    with pytest.raises(InspectorError):
        demo.make_rule("bad", "DROP TABLE records")
    with pytest.raises(InspectorError, match="needs a name"):
        demo.make_rule("../..", "SELECT 1")


def test_a_dataset_ships_rules_and_the_workspace_has_the_last_word(tmp_path: Path) -> None:
    root = tmp_path / "set"
    shutil.copytree(resource("demo") / "rec_001", root / "rec_001")
    (root / "rules").mkdir()
    (root / "rules" / "a.sql").write_text("SELECT record_id FROM records")
    (root / "rules" / "b.sql").write_text("COPY records TO 'x'")
    (root / "rules" / "c d.sql").write_text("SELECT 1")
    (tmp_path / "secret.sql").write_text("SELECT 'secret'")
    (root / "rules" / "link.sql").symlink_to(tmp_path / "secret.sql")
    with Session.open(root, workspace=str(tmp_path / "work")) as session:
        (tmp_path / "work").mkdir(exist_ok=True)
        assert [(each.name, each.shipped) for each in session.rules()] == [("a", True), ("b", True)]
        assert [each.record_id for each in session.run_rule("a")] == session.record_ids()
        with pytest.raises(InspectorError, match="COPY is not asked here"):
            session.run_rule("b")
        session.make_rule("a", "SELECT record_id FROM records WHERE false")
        assert session.run_rule("a") == []
        assert sorted(each.name for each in (root / "rules").iterdir())[0] == "a.sql"
