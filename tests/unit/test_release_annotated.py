"""ELAN, Label Studio and WebVTT as releases: others read them, and they open again as what was effective."""

from __future__ import annotations

import json
import re
import shutil
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import unquote
from xml.etree import ElementTree

import pympi
import pysubs2
import pytest
from hypothesis import HealthCheck, given, settings
from releases import (
    FILES,
    Made,
    assert_flips_are_named,
    assert_mask_and_origins,
    assert_same_again,
    decide,
    export,
    generate,
    made,
)

from inspector.core.effective import annotation_path
from inspector.core.made_on import same_medium
from inspector.errors import Cancelled, InspectorError
from inspector.media.labelstudio import read_labelstudio
from inspector.release.plan import Choice, make_plan
from inspector.release.verify import verify
from inspector.release.write import write
from inspector.release.writers.timed import cues_on_reference, reference_span
from inspector.session import Session

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from inspector.core.made_on import MadeOn
    from inspector.core.model import Record, Stream

MS = 1_000_000
FORMS = ("eaf", "webvtt", "labelstudio")
RECORDS = [
    Made("one", FILES, -120),
    Made("ü b", ("voice.wav",), 0, "test", 1),
    Made("three", FILES, -40, "train", 2),
]


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with Session.open(generate(tmp_path / "data", RECORDS), author="ann") as opened:
        decide(opened, RECORDS)
        yield opened


def times_ms(record: Record) -> list[tuple[str, float, float]]:
    """The labels of a record that lie on its timeline, in ms."""
    streams = {stream.id: stream for stream in record.streams}
    found = [(label.label, reference_span(label, streams)) for label in record.annotations]
    return sorted((text, span[0] / MS, span[1] / MS) for text, span in found if span is not None)


def media_of(record: Record, made: MadeOn, by_name: bool = False) -> Stream | None:
    """The streams of the record, as the folder reader finds them."""
    return same_medium(made, record.streams, by_name)


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(records=made())
def test_what_is_opened_again_is_what_was_effective(
    form: str, records: list[Made], tmp_path_factory: pytest.TempPathFactory
) -> None:
    home = tmp_path_factory.mktemp("round")
    with Session.open(generate(home / "data", records), author="ann") as session:
        decide(session, records)
        export(session, home / "out", form=form)
        assert_same_again(session, home / "out")
        assert_mask_and_origins(session, home / "out")


def test_pympi_reads_the_labels_and_finds_the_media(session: Session, tmp_path: Path) -> None:
    export(session, tmp_path / "out", form="eaf", fixes="manifest")
    paths = sorted((tmp_path / "out").rglob("*.eaf"))
    assert len(paths) == len(session.record_ids())
    for path in paths:
        record = session.record(path.stem)
        document = pympi.Elan.Eaf(str(path))
        found = [
            (value, start, end)
            for tier in document.get_tier_names()
            for start, end, value, *_ in document.get_annotation_data_for_tier(tier)
        ]
        for text, start, end in times_ms(record):
            assert any(
                text == value and abs(start - a) <= 0.5 and abs(end - b) <= 1 for value, a, b in found
            ), (text, start, end, found)
        media = [path.parent / unquote(each["RELATIVE_MEDIA_URL"]) for each in document.media_descriptors]
        sources = {each.source.path.read_bytes() for each in record.streams if each.source.format == "av"}
        assert {each.read_bytes() for each in media} == sources


def test_a_folder_of_elan_documents_is_a_dataset_without_its_manifest(
    session: Session, tmp_path: Path
) -> None:
    export(session, tmp_path / "out", form="eaf")
    for name in ("one", "three"):
        shutil.copytree(tmp_path / "out/train" / name, tmp_path / "plain" / name)
    with Session.open(tmp_path / "plain", reader="folder") as plain:
        for name in ("one", "three"):
            found = {label.label for label in plain.record(name).annotations}
            assert found >= {label.label for label in session.record(name).annotations}


def test_webvtt_holds_the_cues_on_the_timeline_and_labels_where_there_are_none(
    session: Session, tmp_path: Path
) -> None:
    card = export(session, tmp_path / "out", form="webvtt", fixes="manifest")
    assert any("Labels are left out" in each and "(2)" in each for each in card.lost)
    for record_id in session.record_ids():
        record = session.record(record_id)
        (path,) = (tmp_path / "out").rglob(f"{record_id}.vtt")
        found = [(each.start, each.end) for each in pysubs2.load(str(path))]
        placed = [
            span
            for stream in record.streams
            if stream.source.format == "cues"
            for span, _ in cues_on_reference(stream, session.cues(stream))
        ]
        wanted = [(max(span[0], 0) / MS, span[1] / MS) for span in placed if span[1] > 0]
        if not placed:
            wanted = [row[1:] for row in sorted(times_ms(record), key=lambda row: row[1:])]
        assert len(found) == len(wanted)
        for one, other in zip(sorted(found), sorted(wanted), strict=True):
            assert one == pytest.approx(other, abs=1)


def test_label_studio_gets_its_tasks_media_and_configuration(session: Session, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export(session, out, form="labelstudio", fixes="manifest")
    assert sorted(each.name for each in out.glob("tasks-*")) == ["tasks-test.json", "tasks-train.json"]
    config = ElementTree.parse(out / "label_config.xml").getroot()
    controls = {each.get("name"): each for each in config}
    ids: list[int] = []
    for path in out.glob("tasks-*.json"):
        for task in json.loads(path.read_text("utf-8")):
            ids.append(task["id"])
            record = session.record(task["data"]["record"])
            for name, value in task["data"].items():
                if isinstance(value, str) and value.startswith("/data/local-files/?d="):
                    assert (out / unquote(value.partition("=")[2])).is_file()
                    assert controls[name].get("value") == f"${name}"
            for annotation in task["annotations"]:
                for result in annotation["result"]:
                    control = controls[result["from_name"]]
                    assert control.get("toName") == result["to_name"]
                    said = {each.get("value") for each in control}
                    assert set(result["value"][result["type"]]) <= said
            alone = tmp_path / "task.json"
            alone.write_text(json.dumps([task]))
            read = read_labelstudio(alone, find=partial(media_of, record))
            assert {label.id: label for label in read.labels} == {
                label.id: label for label in record.annotations
            }
    assert sorted(ids) == [1, 2, 3]


@pytest.mark.parametrize("form", ["webvtt", "labelstudio"])
def test_strict_refuses_what_the_format_cannot_carry(session: Session, tmp_path: Path, form: str) -> None:
    with pytest.raises(InspectorError, match="cannot carry everything"):
        export(session, tmp_path / "out", form=form, strict=True)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("form", FORMS)
def test_one_flipped_bit_is_found_and_named(form: str, session: Session, tmp_path: Path) -> None:
    export(session, tmp_path / "out", form=form)
    assert assert_flips_are_named(tmp_path / "out", 7, 1) >= 15


@pytest.mark.parametrize("form", FORMS)
def test_real_speech_with_words(form: str, samples: Path, tmp_path: Path) -> None:
    with Session.open(samples / "act_rules_captioned/test-assets/rabbit-video") as session:
        export(session, tmp_path / "out", form=form)
        assert_same_again(session, tmp_path / "out")


@pytest.mark.parametrize("form", ["eaf", "webvtt"])
def test_documents_of_an_interrupted_run_are_made_anew_after_an_edit(
    form: str, session: Session, tmp_path: Path
) -> None:
    def stop(done: int) -> None:
        if done == 2:
            raise Cancelled("export")

    plan = make_plan(session, Choice(form=form))
    with pytest.raises(Cancelled):
        write(session, plan, tmp_path / "out", stop)
    for each in session.record_ids():
        place = annotation_path(session.record(each).annotations[0].id, "label")
        session.edit("Rename", [session.curation.change(each, place, "anew")])
    write(session, make_plan(session, Choice(form=form)), tmp_path / "out")
    export(session, tmp_path / "fresh", form=form)
    ending = {"eaf": "*.eaf", "webvtt": "*.vtt"}[form]
    for path in (tmp_path / "fresh").rglob(ending):
        now = tmp_path / "out" / path.relative_to(tmp_path / "fresh")
        assert _undated(now) == _undated(path)
    assert not verify(tmp_path / "out").differences


def _undated(path: Path) -> str:
    return re.sub(r'(DATE|urn)[^>]*"', "", path.read_text("utf-8"))
