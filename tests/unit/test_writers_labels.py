"""Annotators' files out and in again: nothing is lost that a format can hold; others read what we write."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pympi
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from praatio import textgrid as praat
from praatio.data_classes.interval_tier import IntervalTier

from inspector.core.made_on import same_medium
from inspector.core.model import Anchor, Annotation, Clock, Cue, Modality, Record, Source, Stream, Word
from inspector.core.timemap import TimeMap
from inspector.core.times import NS
from inspector.errors import InspectorError
from inspector.media.cues import load_cues
from inspector.media.eaf import read_eaf
from inspector.media.labelstudio import read_labelstudio
from inspector.media.textgrid import read_textgrid
from inspector.release.writers import eaf, labelstudio, textgrid, webvtt

if TYPE_CHECKING:
    from inspector.core.model import Span

MS = 1_000_000
CAM = Stream(
    "cam",
    Modality.VIDEO,
    Source(Path("/data/s1/cam.mp4"), "av"),
    Clock("cam.mp4", "container"),
    (0, 60 * NS),
    rate=25.0,
)
TALK = Stream(
    "talk",
    Modality.AUDIO,
    Source(Path("/data/s1/talk.wav"), "av"),
    Clock("talk.wav", "container"),
    (0, 60 * NS),
    TimeMap(((0, 250 * MS),)),
)
SAID = Stream(
    "said", Modality.TEXT, Source(Path("/data/s1/said.vtt"), "cues"), Clock("said.vtt", "relative"), (0, NS)
)
STREAMS = (CAM, TALK, SAID)


def find(made: Any, by_name: bool = False) -> Stream | None:
    """The streams of the record, as the folder reader finds them."""
    return same_medium(made, STREAMS, by_name)


def record(*labels: Annotation) -> Record:
    """A film, a sound that begins 250 ms after it, a transcript, and these labels."""
    return Record("r", STREAMS, reference="cam", annotations=labels)


def reference(label: Annotation) -> Span | None:
    """Where the label's first anchor lies on the reference timeline."""
    span = label.span
    late = 250 * MS if label.anchors[0].stream_id == "talk" else 0
    return None if span is None else (span[0] + late, span[1] + late)


times = st.integers(0, 60 * NS)
spans = st.tuples(times, times).map(lambda pair: (min(pair), max(pair)))
boxes = st.tuples(*[st.integers(0, 100).map(lambda n: n / 100)] * 4)
anchors = st.one_of(
    st.builds(Anchor, st.sampled_from([None, "cam", "talk"]), spans),
    st.builds(Anchor, st.just("cam"), spans, boxes),
    st.builds(Anchor, st.just("said"), st.none(), st.none(), st.just((3, 9))),
    st.builds(Anchor, st.just(None), st.none()),
)
names = st.one_of(st.sampled_from(["gesture", "words", "a@b", "words #2", "π"]), st.text(max_size=8))
attributes = st.dictionaries(
    st.text(max_size=4), st.one_of(st.integers(), st.text(max_size=8), st.booleans())
)


@st.composite
def label_sets(draw: st.DrawFn) -> tuple[Annotation, ...]:
    """A few labels with ids of their own: on one stream in one or more stretches, or links of two streams."""
    ids = draw(st.lists(st.text(min_size=1, max_size=12), unique=True, max_size=8))
    found = []
    for each in ids:
        first = draw(anchors)
        rest = draw(st.lists(anchors, max_size=1)) if first.span is not None else []
        author = draw(st.sampled_from(["", "Ann", "bo@x.org"]))
        found.append(
            Annotation(
                each, draw(names), draw(st.text(max_size=12)), (first, *rest), author, draw(attributes)
            )
        )
    return tuple(found)


relaxed = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)


@relaxed
@given(labels=label_sets())
def test_an_elan_document_gives_every_label_back(tmp_path: Path, labels: tuple[Annotation, ...]) -> None:
    path = tmp_path / "r.eaf"
    path.write_bytes(eaf.write(record(*labels), {}).data)
    found = read_eaf(path, "r", find)
    assert found.told == ()
    assert sorted(found.labels, key=lambda label: label.id) == sorted(labels, key=lambda label: label.id)
    # Without what is kept beside for us: what ELAN itself holds, to the millisecond.
    path.write_bytes(re.sub(rb"<PROPERTY.*?</PROPERTY>", b"", path.read_bytes()))
    plain = {label.id: label for label in read_eaf(path, "r", find).labels}
    timed = {label.id: span for label in labels if (span := reference(label)) is not None}
    assert plain.keys() == timed.keys()
    for label_id, span in timed.items():
        got = plain[label_id].span
        assert got is not None
        assert abs(got[0] - span[0]) <= MS // 2
        assert abs(got[1] - max(span[1], got[0] + MS)) <= MS // 2


@relaxed
@given(labels=label_sets())
def test_a_label_studio_task_gives_every_label_back(tmp_path: Path, labels: tuple[Annotation, ...]) -> None:
    path = tmp_path / "r.json"
    path.write_bytes(labelstudio.write(record(*labels), {"said": [Cue(0, NS, "hello there")]}).data)
    found = read_labelstudio(path, "r", find)
    assert found.told == ()
    assert sorted(found.labels, key=lambda label: label.id) == sorted(labels, key=lambda label: label.id)


@relaxed
@given(labels=label_sets())
def test_a_textgrid_gives_tiers_authors_texts_and_exact_times_back(
    tmp_path: Path, labels: tuple[Annotation, ...]
) -> None:
    path = tmp_path / "r.TextGrid"
    written = textgrid.write(record(*labels), {})
    path.write_bytes(written.data)
    found = read_textgrid(path, "r")
    assert found.told == ()

    def plain(name: str) -> str:
        return name.replace("@", "＠").replace(" #2", " ＃2") or "unnamed"  # noqa: RUF001

    expected = sorted(
        (plain(label.tier), label.author, label.label, span)
        for label in labels
        if (span := reference(label)) is not None and label.label.strip()
    )
    got = sorted(
        (label.tier.replace(" #2", " ＃2"), label.author, label.label, label.span or (-1, -1))  # noqa: RUF001
        for label in found.labels
    )
    assert got == expected
    blank = sum(not label.label.strip() and label.span is not None for label in labels)
    told = [line for line in written.lost if line.startswith("Labels without text are left out")]
    assert [line.rpartition(" ")[2] for line in told] == ([f"({blank})"] if blank else [])


simple = st.text("abcé ", min_size=1, max_size=6).filter(lambda text: bool(text.strip()))


@st.composite
def rows(draw: st.DrawFn) -> list[tuple[int, int, str]]:
    """Intervals in ms that touch or part but never overlap."""
    marks = sorted(draw(st.lists(st.integers(0, 50_000), unique=True, min_size=2, max_size=12)))
    return [(a, b, draw(simple).strip()) for a, b in zip(marks[::2], marks[1::2], strict=False)]


def labelled(listed: list[tuple[int, int, str]]) -> tuple[Annotation, ...]:
    """Labels of Ann's on the film."""
    return tuple(
        Annotation(f"r:{number}", "words", text, (Anchor("cam", (a * MS, b * MS)),), "Ann")
        for number, (a, b, text) in enumerate(listed)
    )


@relaxed
@given(listed=rows())
def test_pympi_and_praatio_read_what_we_write(tmp_path: Path, listed: list[tuple[int, int, str]]) -> None:
    given_ = record(*labelled(listed))
    path = tmp_path / "r.eaf"
    path.write_bytes(eaf.write(given_, {}).data)
    document = pympi.Eaf(str(path), suppress_version_warning=True)
    assert list(document.get_tier_names()) == ["words@Ann"]
    assert sorted(document.get_annotation_data_for_tier("words@Ann")) == listed
    assert document.get_parameters_for_tier("words@Ann")["ANNOTATOR"] == "Ann"
    assert [each["RELATIVE_MEDIA_URL"] for each in document.get_linked_files()] == ["./cam.mp4", "./talk.wav"]
    assert [each.get("TIME_ORIGIN") for each in document.get_linked_files()] == [None, "-250"]
    path = tmp_path / "r.TextGrid"
    path.write_bytes(textgrid.write(given_, {}).data)
    grid = praat.openTextgrid(str(path), includeEmptyIntervals=False)
    assert grid.tierNames == ("words@Ann",)
    entries = grid.getTier("words@Ann").entries
    assert [(round(e.start * 1000), round(e.end * 1000), e.label) for e in entries] == listed


@relaxed
@given(listed=rows(), form=st.sampled_from(["short_textgrid", "long_textgrid"]))
def test_we_read_what_pympi_and_praatio_write(
    tmp_path: Path, listed: list[tuple[int, int, str]], form: Any
) -> None:
    document = pympi.Eaf(author="")
    document.remove_tier("default")
    document.add_tier("words@Ann", ann="Ann")
    document.add_linked_file("file:///elsewhere/talk.wav", "./talk.wav", "audio/x-wav", 500)
    for a, b, text in listed:
        document.add_annotation("words@Ann", a, b, text)
    path = tmp_path / "p.eaf"
    path.unlink(missing_ok=True)
    document.to_file(str(path))
    found = sorted(
        (label.anchors[0].stream_id, label.tier, label.author, label.span, label.label)
        for label in read_eaf(path, "p", find).labels
    )
    assert found == [
        ("talk", "words", "Ann", ((a + 500) * MS, (b + 500) * MS), text) for a, b, text in listed
    ]
    grid = praat.Textgrid(0, 60)
    grid.addTier(IntervalTier("words@Ann", [(a / 1000, b / 1000, text) for a, b, text in listed], 0, 60))
    path = tmp_path / "talk.TextGrid"
    grid.save(str(path), format=form, includeBlankSpaces=True)
    got = read_textgrid(path, "p", find)
    assert [
        (label.anchors[0].stream_id, label.tier, label.author, label.span, label.label)
        for label in got.labels
    ] == [("talk", "words", "Ann", (a * MS, b * MS), text) for a, b, text in listed]


@pytest.mark.parametrize("mode", ["normal", "short", "binary"])
def test_we_read_the_textgrids_of_pympi(tmp_path: Path, mode: str) -> None:
    grid = pympi.TextGrid(xmin=0, xmax=2)
    words = grid.add_tier("words@Ann")
    words.add_interval(0.25, 0.5, "éə")
    words.add_interval(0.5, 1.125, "two")
    grid.add_tier("bell", tier_type="TextTier").add_point(1.5, "ding")
    path = tmp_path / "p.TextGrid"
    grid.to_file(str(path), mode=mode)
    found = read_textgrid(path, "p")
    assert found.told == ()
    assert [(label.tier, label.author, label.label, label.span) for label in found.labels] == [
        ("words", "Ann", "éə", (250 * MS, 500 * MS)),
        ("words", "Ann", "two", (500 * MS, 1125 * MS)),
        ("bell", "", "ding", (1500 * MS, 1500 * MS)),
    ]


def test_what_an_annotator_changed_counts_and_the_rest_is_as_it_was(tmp_path: Path) -> None:
    labels = (
        Annotation("a", "t", "one", (Anchor("talk", (1, 2_000_001)),), "Ann", {"k": 1}),
        Annotation("b", "t", "two", (Anchor("cam", (3 * NS, 4 * NS + 7)),), "Ann", {"k": 2}),
        Annotation("c", "t", "three", (Anchor("cam", (5 * NS, 6 * NS)),), "Ann", {}),
        Annotation(
            "d", "t", "with", (Anchor("cam", (7 * NS, 8 * NS)), Anchor("talk", (7 * NS, 9 * NS))), "Ann"
        ),
    )
    path = tmp_path / "r.eaf"
    text = eaf.write(record(*labels), {}).data.decode()
    text = text.replace("<ANNOTATION_VALUE>two<", "<ANNOTATION_VALUE>zwei<")
    text = re.sub(
        r'<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="i.c".*?</ANNOTATION>\n', "", text, flags=re.S
    )
    path.write_text(text)
    found = {label.id: label for label in read_eaf(path, "r", find).labels}
    assert found == {
        "a": labels[0],
        "b": replace(labels[1], label="zwei", anchors=(Anchor("cam", (3 * NS, 4 * NS)),)),
        "d": labels[3],
    }
    path = tmp_path / "r.json"
    plain = json.loads(labelstudio.write(record(*labels), {}).data)
    results = plain[0]["annotations"][0]["result"]
    (moved,) = [each for each in results if each.get("id") == "d/2"]
    moved["value"] = {**moved["value"], "start": 7.5}
    path.write_text(json.dumps(plain))
    found = {label.id: label for label in read_labelstudio(path, "r", find).labels}
    ends = (labels[3].anchors[0], Anchor("talk", (7500 * MS, 9 * NS)))
    assert found == {**{label.id: label for label in labels[:3]}, "d": replace(labels[3], anchors=ends)}


def test_a_document_of_elan_keeps_its_parents_and_vocabularies(tmp_path: Path) -> None:
    first = tmp_path / "in.eaf"
    document = pympi.Eaf(author="Ann")
    document.remove_tier("default")
    document.add_linguistic_type("parts", "Symbolic_Subdivision", False)
    document.add_tier("utterance", ann="Ann", part="S1")
    document.add_tier("gloss", "parts", "utterance", ann="Ann")
    document.add_annotation("utterance", 0, 900, "hello there")
    document.add_ref_annotation("gloss", "utterance", 450, "INTJ")
    document.to_file(str(first))
    labels = read_eaf(first, "in", find)
    given_ = replace(
        record(*labels.labels),
        meta={"annotators_files": {"in.eaf": {"vocabularies": {"gloss": {"INTJ": "call"}}}}},
    )
    second = tmp_path / "out.eaf"
    written = eaf.write(given_, {})
    second.write_bytes(written.data)
    assert written.lost == ()
    again = pympi.Eaf(str(second), suppress_version_warning=True)
    assert again.get_parameters_for_tier("gloss@Ann")["PARENT_REF"] == "utterance@Ann"
    assert again.get_parameters_for_tier("utterance@Ann")["PARTICIPANT"] == "S1"
    assert again.get_ref_annotation_data_for_tier("gloss@Ann") == [(0, 900, "INTJ", "hello there")]
    found = read_eaf(second, "in", find)
    assert found.labels == labels.labels
    assert found.vocabularies == {"gloss@Ann": {"INTJ": "call"}}


def test_webvtt_holds_cues_voices_and_the_starts_of_words(tmp_path: Path) -> None:
    cues = [
        Cue(NS, 2 * NS, "it's <5 & more", (), "Ann B"),
        Cue(3 * NS, 4 * NS, "one two", (Word(3 * NS, 3_200 * MS, "one"), Word(3_500 * MS, 4 * NS, "two"))),
        Cue(5 * NS, 6 * NS, "two\n\nlines --> here"),
    ]
    written = webvtt.write(record(*labelled([(0, 9, "x")])), {"said": cues})
    path = tmp_path / "r.vtt"
    path.write_bytes(written.data)
    found, told = load_cues(Source(path, "cues"))
    assert told == ()
    assert found[0] == cues[0]
    assert [(w.start_ns, w.end_ns, w.text) for w in found[1].words] == [
        (3 * NS, 3_500 * MS, "one"),
        (3_500 * MS, 4 * NS, "two"),
    ]
    assert found[2] == Cue(5 * NS, 6 * NS, "two\nlines --> here")
    assert written.lost == (
        "Labels are left out, for the file holds the transcripts (1)",
        "Ends and confidences of words are left out (2)",
    )
    bare = webvtt.write(record(*labelled([(100, 900, "wave")])), {})
    path.write_bytes(bare.data)
    assert load_cues(Source(path, "cues"))[0] == (Cue(100 * MS, 900 * MS, "wave", (), "words @Ann"),)


@pytest.mark.parametrize("writer", [eaf.write, textgrid.write, labelstudio.write, webvtt.write])
def test_an_empty_record_is_a_file_all_the_same(tmp_path: Path, writer: Any) -> None:
    written = writer(Record("r", ()), {})
    path = tmp_path / f"r{written.suffix}"
    path.write_bytes(written.data)
    assert written.lost == ()
    if written.suffix == ".eaf":
        assert read_eaf(path).labels == ()
    elif written.suffix == ".TextGrid":
        assert read_textgrid(path).labels == ()
    elif written.suffix == ".json":
        assert read_labelstudio(path).labels == ()


def test_transcripts_are_tiers(tmp_path: Path) -> None:
    cues = {"said": [Cue(0, NS, "one two", (Word(0, NS // 2, "one"), Word(NS // 2, NS, "two")), "S1")]}
    path = tmp_path / "r.eaf"
    path.write_bytes(eaf.write(record(), cues).data)
    expected = {("said S1", "one two", (0, NS)), ("said words S1", "one", (0, NS // 2)),
                ("said words S1", "two", (NS // 2, NS))}  # fmt: skip
    labels = read_eaf(path, "r", find).labels
    assert {(label.tier, label.label, label.span) for label in labels} == expected
    assert {label.attrs["participant"] for label in labels} == {"S1"}
    path = tmp_path / "r.TextGrid"
    path.write_bytes(textgrid.write(record(), cues).data)
    got = {(label.tier, label.label, label.span) for label in read_textgrid(path).labels}
    assert {(tier.removesuffix(" words"), *rest) for tier, *rest in got} == {
        ("said S1", *rest) for _, *rest in expected
    }


WHOLE = {
    writer: writer.write(record(*labelled([(0, 900, "one"), (950, 2000, "two")])), {})
    for writer in (eaf, textgrid, labelstudio)
}
READERS = {eaf: read_eaf, textgrid: read_textgrid, labelstudio: read_labelstudio}


@relaxed
@given(
    writer=st.sampled_from([eaf, textgrid, labelstudio]),
    cuts=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 40), st.binary(max_size=12)), max_size=4),
    swaps=st.lists(
        st.sampled_from(
            [(b"0", b"1e400"), (b"900", b"nan"), (b'"', b'""'), (b"[", b"[["), (b": {", b": 3, {"),
             (b"ts1", b"ts2"), (b"null", b"{}"), (b"start", b"end"), (b"<", b"&lt;"), (b"one", b"\\xff\\xfe")]
        ),
        max_size=2,
    ),
)  # fmt: skip
def test_a_mangled_file_is_read_or_refused_in_words(
    tmp_path: Path, writer: Any, cuts: list[tuple[float, int, bytes]], swaps: list[tuple[bytes, bytes]]
) -> None:
    data = WHOLE[writer].data
    for old, new in swaps:
        data = data.replace(old, new)
    for place, length, new in cuts:
        at = round(place * len(data))
        data = data[:at] + new + data[at + length :]
    path = tmp_path / f"r{WHOLE[writer].suffix}"
    path.write_bytes(data)
    try:
        found = READERS[writer](path, "r", find)
    except InspectorError as error:
        refused = str(error)
    else:
        refused = ""
    if refused:
        assert path.name in refused
        return
    for label in found.labels:
        for anchor in label.anchors:
            assert anchor.span is None or anchor.span[0] <= anchor.span[1]
