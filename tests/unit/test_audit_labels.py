"""Labels that name no moment are anchored in one pass; labels in gaps of their stream are told."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import films
from programs import run

from inspector.audit.runner import Options
from inspector.core.effective import annotation_path, annotation_value
from inspector.core.findings import Status
from inspector.core.model import Anchor, Annotation
from inspector.session import Session

if TYPE_CHECKING:
    from pathlib import Path

CUES = ("put the kettle on the stove", "now pour the water slowly", "thank you", "thank you")


def record(root: Path) -> Path:
    """One record: a film that lost 2 s, a transcript, a mood, rows with words and rows without."""
    folder = root / "one"
    folder.mkdir(parents=True)
    times = [each for each in films.steady(8.0, 10) if not 3.0 < each < 5.0]
    films.make_film(folder / "cam.mp4", times, rate=10)
    cues = "\n".join(f"00:0{k}.200 --> 00:0{k}.900\n{text}\n" for k, text in enumerate(CUES))
    (folder / "words.vtt").write_text("WEBVTT\n\n" + cues)
    (folder / "mood.csv").write_text("start,end,label\n,,calm\n")
    (folder / "acts.csv").write_text(
        "start,end,label,text\n,,request,Put the kettle on the stove!\n,,thanks,Thank you\n,,other,\n"
    )
    (folder / "labels_A.csv").write_text("start,end,label\n3.2,4.8,in the gap\n2.0,4.0,half\n6,7,fine\n")
    return root


def test_floating_labels_are_anchored_in_one_edit(tmp_path: Path) -> None:
    root = record(tmp_path / "data")
    with Session.open(root, author="tester") as session:
        found = [each for each in session.audit(Options()).findings() if each.check == "label.floating"]
    fixes = {each.streams[0]: each.fix for each in found}
    assert set(fixes) == {"mood:0", "acts:0", "acts:1", "acts:2"}
    assert {each.status for each in found} == {Status.SUSPECT}
    assert fixes["acts:1"] is None  # its words stand in two cues
    assert fixes["acts:2"] is None
    assert run("fix", root, "--author", "tester").stdout.startswith("nothing to fix")
    done = run("fix", root, "--check", "label.floating", "--author", "tester")
    assert "2 fixes, edit" in done.stdout, done.stderr
    with Session.open(root, author="tester") as session:
        labels = {each.id: each for each in session.record("one").annotations}
        assert [anchor.stream_id for anchor in labels["mood:0"].anchors] == ["cam#video"]
        (anchor,) = labels["acts:0"].anchors
        assert (anchor.stream_id, anchor.span) == ("words", (200_000_000, 900_000_000))
        again = [each for each in session.audit(Options()).findings() if each.check == "label.floating"]
        assert {each.streams[0] for each in again} == {"acts:1", "acts:2"}
        assert len(session.history()) == 1
        session.undo()
        assert session.record("one").annotations[0].span is None


def test_a_floating_label_keeps_what_else_its_anchors_say(tmp_path: Path) -> None:
    root = record(tmp_path / "data")
    box, said = (0.1, 0.2, 0.3, 0.4), "now pour the water slowly"
    start = len(CUES[0]) + 1
    labels = (
        Annotation("box", "acts", said, (Anchor("cam#video", None, region=box),)),
        Annotation(
            "both",
            "links",
            said,
            (
                Anchor("cam#video", None, region=box),
                Anchor("words", None, text_range=(start, start + len(said))),
            ),
        ),
    )
    with Session.open(root, author="tester") as session:
        changes = [
            session.curation.change("one", annotation_path(each.id), annotation_value(each))
            for each in labels
        ]
        session.edit("Two labels", changes)
    done = run("fix", root, "--check", "label.floating", "--author", "tester")
    assert done.returncode == 0, done.stderr
    with Session.open(root, author="tester") as session:
        now = {each.id: each for each in session.record("one").annotations}
    cue = (1_200_000_000, 1_900_000_000)
    assert now["box"].anchors == (Anchor("cam#video", cue, region=box),)  # one anchor still: no link
    assert now["both"].anchors == (
        Anchor("cam#video", None, region=box),
        Anchor("words", cue, text_range=(start, start + len(said))),
    )


def test_labels_in_a_gap(tmp_path: Path) -> None:
    root = record(tmp_path / "data")
    done = run("audit", root, "--check", "label.in_gap", "--json")
    (found,) = [json.loads(line) for line in done.stdout.splitlines()]
    assert (found["status"], found["streams"]) == ("failed", ["labels_A", "cam#video"])
    assert "in the gap" in found["message"]
    assert "1 more" in found["message"]
    assert abs(found["value"] - 1600) < 1


def test_records_whose_picture_nothing_ties_to_the_sound_are_counted(tmp_path: Path) -> None:
    root = record(tmp_path / "data")
    done = run("audit", root, "--check", "timing.av_offset", "--check", "timing.lips", "--json")
    told = [json.loads(line) for line in done.stdout.splitlines()]
    (lips,) = [each for each in told if each["check"] == "timing.lips"]
    assert (lips["status"], lips["value"], lips["record_id"]) == ("not_measurable", 1.0, None)
    assert "in 1 of 1 records" in lips["message"]
