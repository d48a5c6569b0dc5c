"""Clips of records, and records with what is proven alone."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from films import make_sound, reel
from releases import export

from inspector.audit.ladder import proven
from inspector.core.annotate import word_target
from inspector.core.effective import annotation_path, timemap_path, timemap_value
from inspector.core.model import Cue, Modality, Word
from inspector.core.timemap import TimeMap
from inspector.core.times import NS
from inspector.core.transcripts import ADDED_FROM, cue_path, cue_value
from inspector.errors import InspectorError
from inspector.media.series import load_series
from inspector.release.laying import survey
from inspector.release.plan import Choice, _moment_ids, make_plan
from inspector.release.verify import verify
from inspector.session import Session

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MS = 1_000_000
CUES = (
    "1\n00:00:01,000 --> 00:00:01,900\nbefore\n\n2\n00:00:02,000 --> 00:00:02,600\nin it\n\n"
    "3\n00:00:02,900 --> 00:00:04,000\nover\n"
)


@pytest.fixture
def session(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    films = reel(tmp_path_factory.getbasetemp())
    for name in ("a", "b"):
        home = tmp_path / "data" / name
        home.mkdir(parents=True)
        (home / "cam.mp4").write_bytes(films.film("bframes.mp4").path.read_bytes())
        make_sound(home / "voice.wav", "pcm_s16le", 5)
        (home / "words.srt").write_text(CUES)
        (home / "imu.csv").write_text("t_s,x\n" + "".join(f"{n / 100},{n}\n" for n in range(500)))
        (home / "labels.csv").write_text(
            "start_s,end_s,label\n0.5,1.0,early\n1.5,2.5,over\n2.6,2.8,in\n5,6,late\n"
        )
    with Session.open(tmp_path / "data", author="ann") as opened:
        yield opened


def listed(path: Path, rows: list[tuple[str, Any, Any]]) -> Path:
    path.write_text("record_id,start_s,end_s\n" + "".join(f"{a},{b},{c}\n" for a, b, c in rows))
    return path


def pictures(path: Path) -> list[Any]:
    with av.open(str(path)) as box:
        return [frame.to_ndarray(format="gray") for frame in box.decode(video=0)]


def test_a_clip_has_the_frames_samples_words_and_labels_of_its_moment(
    session: Session, tmp_path: Path
) -> None:
    moved = timemap_value(TimeMap.offset(100 * MS))
    session.edit(
        "Move",
        [session.curation.change("a", timemap_path(name), moved) for name in ("words", "imu", "voice")],
    )
    moments = listed(tmp_path / "m.csv", [("a", 2, 3), ("b", "0.5", "1.5"), ("a", 4.01, 4.99)])
    plan = make_plan(session, Choice(moments=moments))
    assert plan.ids == ("a 2.000-3.000", "a 4.010-4.990", "b 0.500-1.500")
    tally = survey(session, plan)
    assert (tally.records, tally.lost) == (3, {})
    export(session, tmp_path / "out", moments=moments)
    assert verify(tmp_path / "out").differences == ()
    with Session.open(tmp_path / "out") as again:
        assert again.record_ids() == list(plan.ids)
        clip = again.record("a 2.000-3.000")
        assert clip.meta["moment"] == {"record_id": "a", "start_s": 2.0, "end_s": 3.0}
        whole = session.record("a")
        film = clip.of(Modality.VIDEO)[0]
        frames = pictures(whole.of(Modality.VIDEO)[0].source.path)
        assert [each.tolist() for each in pictures(film.source.path)] == [
            each.tolist() for each in frames[50:75]
        ]
        assert film.span == (0, NS)
        series = load_series(clip.stream("imu"))
        assert series.values[:, 0].tolist() == list(range(210, 310))  # it was 100 ms late
        assert series.t_ns[0] == 0
        words = [(cue.text, cue.start_ns, cue.end_ns) for cue in again.cues(clip.stream("words"))]
        assert words == [("in it", 0, 500 * MS), ("over", 800 * MS, NS)]
        spans = {label.label: label.anchors[0].span for label in clip.annotations}
        assert spans == {"over": (0, 500 * MS), "in": (600 * MS, 800 * MS)}
        with av.open(str(clip.stream("voice").source.path)) as box:
            cut = np.concatenate([frame.to_ndarray().ravel() for frame in box.decode(audio=0)])
        with av.open(str(whole.stream("voice").source.path)) as box:
            sound = np.concatenate([frame.to_ndarray().ravel() for frame in box.decode(audio=0)])
        assert (cut == sound[round(2.1 * 48_000) : round(3.1 * 48_000)]).all()
        later = again.record("a 4.010-4.990")
        assert [label.label for label in later.annotations] == []
        assert [each.id for each in later.streams if each.modality is Modality.TEXT] == []


def test_lists_of_every_kind_and_rows_that_are_none(session: Session, tmp_path: Path) -> None:
    rows = [{"record_id": "a", "start_s": 1.0, "end_s": 2.0}]
    (tmp_path / "m.json").write_text(json.dumps(rows))
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "m.parquet")
    for name in ("m.json", "m.parquet"):
        plan = make_plan(session, Choice(moments=tmp_path / name))
        assert plan.spans == ((NS, 2 * NS),)
        assert plan.left_out == {"no moment of them is in the list": 1}
    for wrong in (("a", 2, 1), ("a", "x", 1), ("a", -1, 1), ("nobody", 0, 1)):
        with pytest.raises(InspectorError):
            make_plan(session, Choice(moments=listed(tmp_path / "w.csv", [wrong])))
    (tmp_path / "n.csv").write_text("record_id,start\na,1\n")
    with pytest.raises(InspectorError, match="lacks a column"):
        make_plan(session, Choice(moments=tmp_path / "n.csv"))


def test_only_what_is_proven_goes(session: Session, tmp_path: Path) -> None:
    def pair(record_id: str, one: str, other: str, offset: float, method: str = "flashes") -> dict[str, Any]:
        row = {"record_id": record_id, "stream_a": one, "stream_b": other, "method": method}
        return {**row, "offset_ms": offset, "status": "ok"}

    streams = {each: {"cam": "video", "voice": "audio", "imu": "sensor", "words": "text"} for each in "ab"}
    pairs = [pair("a", "cam", "voice", 5), pair("a", "voice", "words", 20), pair("a", "cam", "imu", 900)]
    pairs += [pair("b", "cam", "voice", 500), pair("b", "voice", "words", 5)]
    found = proven(pairs, streams, lambda _: (-50.0, 50.0), ("video", "audio"))
    assert found == {"a": frozenset(["cam", "voice", "words"]), "b": frozenset()}
    names = {"cam": "cam#video"}
    kept = {each: frozenset(names.get(name, name) for name in whole) for each, whole in found.items()}
    plan = make_plan(session, Choice(proven=kept))
    assert plan.ids == ("a",)
    assert plan.left_out == {"nothing of them is proven against the core pair": 1}
    export(session, tmp_path / "out", proven=kept)
    with Session.open(tmp_path / "out") as again:
        assert {each.id for each in again.record("a").streams} == {"cam#video", "voice", "words"}
    rows = pq.read_table(tmp_path / "out/manifest/records.parquet").to_pylist()
    assert "not proven" in rows[0]["changes"][0]


def correct(session: Session, record_id: str, number: int, **wanted: Any) -> None:
    stream = session.record(record_id).stream("words")
    cue = replace(dict(session.numbered_cues(stream))[number], **wanted)
    session.edit("Correct", [session.curation.change(record_id, cue_path("words", number), cue_value(cue))])


def named(session: Session, record_id: str, name: str, target: str, place: tuple[int, int]) -> None:
    anchors = [{"stream": "words", "span": None, "text_range": list(place), "target": target}]
    value = {"tier": "own", "label": name, "anchors": anchors}
    session.edit("Label", [session.curation.change(record_id, annotation_path(name), value)])


def test_corrected_cues_go_with_their_own_cue_in_a_moment_and_with_fixes(
    session: Session, tmp_path: Path
) -> None:
    correct(session, "a", 0, text="before it")
    correct(session, "a", 1, text="within", start_ns=2100 * MS)
    correct(session, "a", 2, text="beyond", start_ns=3500 * MS)
    named(session, "a", "w", "cue:1", (10, 16))
    named(session, "a", "b", "cue:0", (0, 6))
    session.edit(
        "Move",
        [session.curation.change("a", timemap_path("words"), timemap_value(TimeMap.offset(1500 * MS)))],
    )
    moments = listed(tmp_path / "m.csv", [("a", 0.5, 1.8)])
    export(session, tmp_path / "clip", moments=moments)
    export(session, tmp_path / "whole", where="record_id = 'a'")
    for place, record_id, shift, kept in (
        ("clip", "a 0.500-1.800", 2000, [("within", 2100, 2600)]),
        ("whole", "a", 1500, [("before it", 1500, 1900), ("within", 2100, 2600), ("beyond", 3500, 4000)]),
    ):
        with Session.open(tmp_path / place) as again:
            record = again.record(record_id)
            stream = record.stream("words")
            cues = [(cue.text, cue.start_ns // MS, cue.end_ns // MS) for cue in again.cues(stream)]
            assert cues == [(text, start - shift, end - shift) for text, start, end in kept]
            text = "\n".join(cue.text for cue in again.cues(stream))
            labels = {each.label: each.anchors[0] for each in record.annotations if each.tier == "own"}
            start, end = labels["w"].text_range or (0, 0)
            assert text[start:end] == "within"
            number = int((labels["w"].target or "").removeprefix("cue:"))
            assert dict(again.numbered_cues(stream))[number].text == "within"
            assert (labels["b"].target, labels["b"].text_range) == (
                (None, None) if place == "clip" else ("cue:0", (0, 6))
            )


def test_lines_that_a_curator_added_go_along_with_what_names_their_words(
    session: Session, tmp_path: Path
) -> None:
    new = ADDED_FROM + 7
    added = Cue(
        2650 * MS,
        2850 * MS,
        "well so",
        (Word(2650 * MS, 2700 * MS, "well"), Word(2700 * MS, 2850 * MS, "so")),
    )
    outside = replace(added, start_ns=4200 * MS, end_ns=4400 * MS, words=())
    for number, cue in ((new, added), (new + 1, outside)):
        path = cue_path("words", number)
        session.edit("Add", [session.curation.change("a", path, cue_value(cue))])
    anchors = [{"stream": "words", "span": [2700 * MS, 2850 * MS], "target": word_target(new, 1)}]
    value = {"tier": "own", "label": "w", "anchors": anchors}
    session.edit("Label", [session.curation.change("a", annotation_path("w"), value)])
    export(session, tmp_path / "clip", moments=listed(tmp_path / "m.csv", [("a", 2.0, 3.5)]))
    with Session.open(tmp_path / "clip") as again:
        record = again.record(again.record_ids()[0])
        stream = record.stream("words")
        cues = dict(again.numbered_cues(stream))
        assert [cue.text for cue in cues.values()] == ["in it", "well so", "over"]
        anchor = next(each for each in record.annotations if each.label == "w").anchors[0]
        assert anchor.target == word_target(new, 1)
        assert cues[new].words[1].text == "so"
        assert anchor.span == (cues[new].words[1].start_ns, cues[new].words[1].end_ns)


def test_a_moment_before_zero_has_its_own_seconds_in_its_id() -> None:
    ids = _moment_ids([("a", (-1_500_000_000, NS)), ("a", (-1_500_000_001, NS))])
    assert ids == ("a -1.500000000-1.000000000", "a -1.500000001-1.000000000")


def test_moments_that_are_one_to_the_millisecond_have_their_own_ids(session: Session, tmp_path: Path) -> None:
    spans = [("a", 1, 1.5), ("a", 1.0001, 1.5), ("a", 2, 2.5), ("b", "1", "1.50")]
    plan = make_plan(session, Choice(moments=listed(tmp_path / "m.csv", spans), split=None))
    assert plan.ids == (
        "a 1.000000000-1.500000000", "a 1.000100000-1.500000000", "a 2.000-2.500", "b 1.000-1.500",
    )  # fmt: skip
    export(session, tmp_path / "out", moments=tmp_path / "m.csv", split=None)
    assert not verify(tmp_path / "out").differences
