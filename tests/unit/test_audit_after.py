"""A fix made by hand is measured as if it were in force: right, wrong and unmeasurable, on the demo."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from inspector.audit.after import measured_after
from inspector.core.assets import resource
from inspector.core.proposal import from_figures, retimed
from inspector.errors import Cancelled
from inspector.session import Session

if TYPE_CHECKING:
    from collections.abc import Iterator

    from inspector.audit.after import After

TRUTH = json.loads((Path(__file__).parents[2] / "packaging" / "demo_truth.json").read_text())
LATE: dict[str, Any] = next(each for each in TRUTH["faults"] if each["fault"] == "sound_late")


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    with Session.open(resource("demo"), workspace=None) as session:
        yield session


def after(session: Session, record_id: str, stream: str, late_ms: float, never: bool = False) -> After:
    record = session.record(record_id)
    fixed = retimed(record, stream, from_figures(late_ms, 0.0))
    moved = [
        new.id for old, new in zip(record.streams, fixed.streams, strict=True) if old.timemap != new.timemap
    ]
    return measured_after(session, fixed, moved, {}, lambda: never)


def test_a_right_fix_is_confirmed_and_a_wrong_one_is_contradicted(session: Session) -> None:
    record_id, stream, value = LATE["record_id"], LATE["streams"][0], LATE["value"]
    right = after(session, record_id, stream, value)
    assert right.method
    assert right.holds
    assert abs(right.late_ms) <= 20
    assert right.confidence > 0.5
    wrong = after(session, record_id, stream, value - 150)
    assert not wrong.holds
    assert wrong.late_ms == pytest.approx(150, abs=20)
    assert "still" in wrong.said


def test_what_no_method_can_measure_is_called_not_measured(session: Session) -> None:
    record_id = LATE["record_id"]
    record = session.record(record_id)
    alone = replace(record, streams=record.streams[:1])
    found = measured_after(session, alone, [alone.streams[0].id], {}, lambda: False)
    assert not found.method
    assert not found.holds
    assert found.said.startswith("not measured: ")


def test_measuring_can_be_stopped(session: Session) -> None:
    record_id = next(each["record_id"] for each in TRUTH["records"] if each["record_id"] != LATE["record_id"])
    with pytest.raises(Cancelled):
        after(session, record_id, LATE["streams"][0], 10.0, never=True)
