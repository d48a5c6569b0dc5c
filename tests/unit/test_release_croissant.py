"""croissant.json: `mlcroissant` finds nothing wrong in it, and reads the tables through it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest
from releases import FILES, Made, decide, export, generate

from inspector.core import manifest
from inspector.release.targets import targets
from inspector.session import Session

if TYPE_CHECKING:
    from pathlib import Path

RECORDS = [Made("one", FILES, 120), Made('t"w\u00f6', FILES, 0, "test", 1)]


def read(path: Path) -> Any:
    import mlcroissant

    return mlcroissant.Dataset(str(path))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # rdflib's own, below mlcroissant
@pytest.mark.parametrize("form", [each.name for each in targets.all()])
def test_mlcroissant_takes_it_and_reads_the_mask(form: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with Session.open(generate(tmp_path / "data", RECORDS), author="ann") as session:
        decide(session, RECORDS)
        card = export(session, out, form=form, note="Two records\nto look at")
    found = read(out / "croissant.json")
    assert found.metadata.issues.errors == set()
    assert found.metadata.issues.warnings == set()
    assert [each.name for each in found.metadata.record_sets] == ["records", "streams", "mask"]
    for name, table in (("mask", "coverage"), ("streams", "streams"), ("records", "records")):
        rows = pq.read_table(manifest.table_path(out, table)).to_pylist()
        told = list(found.records(name))
        assert len(told) == len(rows)
        for one, other in zip(told, rows, strict=True):
            for column, value in one.items():
                plain = value.decode() if isinstance(value, bytes) else value
                assert plain == other[column.partition("/")[2]]
    value = json.loads((out / "croissant.json").read_text("utf-8"))
    assert value["license"] == "CC0"
    assert value["identifier"] == card.root
    listed = {each["@id"]: each["sha256"] for each in value["distribution"] if "sha256" in each}
    assert listed["manifest/coverage.parquet"] == card.tables["coverage"]


@pytest.mark.parametrize("form", [each.name for each in targets.all()])
def test_every_file_of_a_record_is_in_a_file_set(form: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with Session.open(generate(tmp_path / "data", RECORDS), author="ann") as session:
        export(session, out, form=form)
    value = json.loads((out / "croissant.json").read_text("utf-8"))
    found = {path for each in value["distribution"] for path in out.glob(each.get("includes", "-"))}
    found |= {out / each["contentUrl"] for each in value["distribution"] if "contentUrl" in each}
    rows = pq.read_table(manifest.table_path(out, "assets")).to_pylist()
    alone = {out / row["path"] for row in rows if row["within"] is None}
    assert alone - found == {out / "croissant.json"}
