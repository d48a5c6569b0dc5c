"""Labels from annotators' files: ELAN, Praat and Label Studio, as they are and as they should not be."""

from __future__ import annotations

import json
import struct
import wave
from pathlib import Path
from typing import Any

import pytest

from inspector.core.made_on import MadeOn, differences, same_medium
from inspector.core.model import Clock, Modality, Source, Stream
from inspector.core.times import NS
from inspector.errors import InspectorError
from inspector.media.eaf import read_eaf
from inspector.media.labelstudio import read_labelstudio
from inspector.media.textgrid import read_textgrid
from inspector.readers.folder import FolderReader

MS = 1_000_000

EAF = """<?xml version="1.0" encoding="UTF-8"?>
<ANNOTATION_DOCUMENT AUTHOR="{author}" DATE="2026-01-01T00:00:00+00:00" FORMAT="3.0" VERSION="3.0">
<HEADER MEDIA_FILE="" TIME_UNITS="milliseconds">{media}</HEADER>
<TIME_ORDER>{slots}</TIME_ORDER>{tiers}
<LINGUISTIC_TYPE LINGUISTIC_TYPE_ID="free" TIME_ALIGNABLE="true"/>{more}
</ANNOTATION_DOCUMENT>"""


def slots(*times: int | str | None) -> str:
    """Time slots ts1, ts2 and so on; None for one without a time."""
    return "".join(
        f'<TIME_SLOT TIME_SLOT_ID="ts{number}"' + ("/>" if time is None else f' TIME_VALUE="{time}"/>')
        for number, time in enumerate(times, 1)
    )


def tier(name: str, rows: str, **attrs: str) -> str:
    """A tier with these annotations."""
    more = "".join(f' {key}="{value}"' for key, value in attrs.items())
    return f'<TIER TIER_ID="{name}" LINGUISTIC_TYPE_REF="free"{more}>{rows}</TIER>'


def aligned(name: str, first: str, last: str, text: str = "x") -> str:
    """An annotation between two slots."""
    return (
        f'<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="{name}" TIME_SLOT_REF1="{first}" '
        f'TIME_SLOT_REF2="{last}"><ANNOTATION_VALUE>{text}</ANNOTATION_VALUE>'
        "</ALIGNABLE_ANNOTATION></ANNOTATION>"
    )


def referring(name: str, parent: str, text: str = "x", previous: str = "") -> str:
    """An annotation on another one."""
    before = f' PREVIOUS_ANNOTATION="{previous}"' if previous else ""
    return (
        f'<ANNOTATION><REF_ANNOTATION ANNOTATION_ID="{name}" ANNOTATION_REF="{parent}"{before}>'
        f"<ANNOTATION_VALUE>{text}</ANNOTATION_VALUE></REF_ANNOTATION></ANNOTATION>"
    )


def eaf(
    path: Path, times: str, tiers: str, media: str = "", more: str = "", author: str = ""
) -> tuple[dict[str, tuple[int, int] | None], tuple[str, ...]]:
    """What is read of such a document: spans in ms by annotation id, and what is told."""
    path.write_text(EAF.format(slots=times, tiers=tiers, media=media, more=more, author=author))
    found = read_eaf(path, "f")
    return {
        label.id.removeprefix("f:"): label.span and (label.span[0] // MS, label.span[1] // MS)
        for label in found.labels
    }, found.told


def sound(path: Path, seconds: float) -> None:
    """Silence at 8 kHz."""
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(bytes(2 * round(seconds * 8000)))


def film_stream(path: str = "s1/cam.mp4", rate: float = 25.0, end: int = 10 * NS, **meta: Any) -> Stream:
    """A film's picture."""
    return Stream(
        "cam",
        Modality.VIDEO,
        Source(Path("/data") / path, "av"),
        Clock(path, "container"),
        (0, end),
        rate=rate,
        meta=meta,
    )


# --- ELAN -----------------------------------------------------------------------------------------


def test_slots_without_time_lie_where_elan_puts_them(tmp_path: Path) -> None:
    # On a root tier by the order of all slots, in whole ms rounded down: (1000 - 0) // 3 = 333.
    spans, told = eaf(
        tmp_path / "a.eaf",
        slots(0, None, None, 1000),
        tier("root", aligned("a1", "ts1", "ts2") + aligned("a2", "ts2", "ts3") + aligned("a3", "ts3", "ts4")),
    )
    assert told == ()
    assert spans == {"a1": (0, 333), "a2": (333, 666), "a3": (666, 1000)}
    # Below another tier only its own chain counts, whatever other slots lie between in the order.
    spans, _ = eaf(
        tmp_path / "b.eaf",
        slots(0, 100, None, None, 1000),
        tier("root", aligned("a1", "ts1", "ts5"))
        + tier("child", aligned("c1", "ts1", "ts3") + aligned("c2", "ts3", "ts5"), PARENT_REF="root")
        + tier("other", aligned("o1", "ts2", "ts4") + aligned("o2", "ts4", "ts5"), PARENT_REF="root"),
    )
    assert (spans["c1"], spans["c2"]) == ((0, 500), (500, 1000))
    assert (spans["o1"], spans["o2"]) == ((100, 550), (550, 1000))
    # Nothing comes after: ELAN would put it before its own start; we put it nowhere.
    spans, told = eaf(tmp_path / "c.eaf", slots(500, None), tier("root", aligned("a1", "ts1", "ts2")))
    assert spans == {"a1": None}
    assert "annotation a1 on tier root" in told[0]


def test_tiers_authors_parents_and_vocabularies(tmp_path: Path) -> None:
    path = tmp_path / "a.eaf"
    path.write_text(
        EAF.format(
            author="Desk",
            media="",
            slots=slots(0, 900),
            tiers=tier("gesture@Ann", aligned("a1", "ts1", "ts2", "wave &amp; point"), ANNOTATOR="Ann")
            + tier(
                "gloss",
                referring("r2", "a1", "two", "r1")
                + referring("r1", "a1", "one")
                + referring("r3", "a1", "", "r2"),
                PARENT_REF="gesture@Ann",
                PARTICIPANT="S1",
            ).replace("free", "coded"),
            more='<LINGUISTIC_TYPE LINGUISTIC_TYPE_ID="coded" CONTROLLED_VOCABULARY_REF="v"/>'
            '<CONTROLLED_VOCABULARY CV_ID="v"><CV_ENTRY_ML CVE_ID="e1"><CVE_VALUE LANG_REF="und" '
            'DESCRIPTION="the first">one</CVE_VALUE></CV_ENTRY_ML></CONTROLLED_VOCABULARY>',
        )
    )
    found = read_eaf(path, "f")
    by_id = {label.id: label for label in found.labels}
    assert (by_id["f:a1"].tier, by_id["f:a1"].author, by_id["f:a1"].label) == (
        "gesture",
        "Ann",
        "wave & point",
    )
    assert [by_id[f"f:r{number}"].span for number in (1, 2, 3)] == [
        (0, 300 * MS),
        (300 * MS, 600 * MS),
        (600 * MS, 900 * MS),
    ]
    assert by_id["f:r1"].author == "Desk"
    assert by_id["f:r1"].attrs == {
        "participant": "S1",
        "parent": "f:a1",
        "parent_tier": "gesture@Ann",
        "type": "coded",
        "definition": "the first",
        "interpolated": True,
    }
    assert found.vocabularies == {"gloss": {"one": "the first"}}


def test_a_label_follows_the_medium_that_elan_names(tmp_path: Path) -> None:
    # Media time = annotation time + TIME_ORIGIN; the path is that of another machine.
    sound(tmp_path / "take.wav", 3.0)
    media = (
        '<MEDIA_DESCRIPTOR MEDIA_URL="file:///C:/Users/ann/gone.mpg" MIME_TYPE="video/mpeg"/>'
        '<MEDIA_DESCRIPTOR MEDIA_URL="file:///D:/x/take.wav" MIME_TYPE="audio/x-wav" TIME_ORIGIN="400"/>'
    )
    eaf(
        tmp_path / "take.eaf",
        slots(0, 100, 3000),
        tier("t", aligned("a1", "ts1", "ts2") + aligned("a2", "ts2", "ts3")),
        media,
    )
    record = FolderReader.open(tmp_path).load("take")
    assert [(label.anchors[0].stream_id, label.span) for label in record.annotations] == [
        ("take", (400 * MS, 500 * MS)),
        ("take", (500 * MS, 3400 * MS)),
    ]
    told = [str(problem) for problem in record.problems]
    assert any(
        "take.eaf: made on file:///C:/Users/ann/gone.mpg, which this record does not have" in t for t in told
    )
    assert any("1 label past the end of take.wav (0:03.000), the last at 0:03.400" in line for line in told)
    assert record.meta["annotators_files"]["take.eaf"]["media"][1] == {
        "name": "file:///D:/x/take.wav",
        "kind": "audio",
        "origin_s": 0.4,
        "stream": "take",
    }


BOMB = (
    '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">'
    + "".join(f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefgh", "bcdefghi", strict=True))
    + "]><ANNOTATION_DOCUMENT>&i;</ANNOTATION_DOCUMENT>"
)
OUTSIDE = '<!DOCTYPE x SYSTEM "file:///etc/passwd"><ANNOTATION_DOCUMENT/>'


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (BOMB, "document type"),
        (OUTSIDE, "document type"),
        ("<ANNOTATION_DOCUMENT>" + "<A>" * 10**6, "nested too deeply"),
        ("<html/>", "its first element is html"),
        ("no xml", "no XML"),
        ("", "no XML"),
    ],
)
def test_hostile_documents_are_refused_by_name(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "a.eaf"
    path.write_text(text)
    with pytest.raises(InspectorError) as caught:
        read_eaf(path)
    assert says in str(caught.value)
    assert "a.eaf" in str(caught.value)


def test_faults_inside_a_document_are_told_by_name_and_the_rest_is_read(tmp_path: Path) -> None:
    spans, told = eaf(
        tmp_path / "a.eaf",
        slots(0, "NaN", "99999999999999999999999", 500, 200),
        tier(
            "t",
            aligned("a1", "ts1", "ts9")
            + aligned("a2", "ts1", "ts4")
            + aligned("a3", "ts4", "ts5")
            + referring("r1", "r2")
            + referring("r2", "r1")
            + referring("r3", "gone")
            + aligned("a2", "ts1", "ts5"),
        ),
    )
    assert spans == {
        "a1": None, "a2": (0, 500), "a3": (500, 500), "r1": None, "r2": None, "r3": None, "t:6": (0, 200),
    }  # fmt: skip
    for part in (
        "ts2 has no usable time",
        "ts3 has no usable",
        "no time slot ts9",
        "a3 on tier t: ends before",
        "r1 on tier t: its parents lead in a circle",
        "no annotation gone",
        "a2 on tier t repeats",
    ):
        assert any(part in line for line in told), part


def test_a_document_that_breaks_off_keeps_what_came_before(tmp_path: Path) -> None:
    path = tmp_path / "a.eaf"
    whole = EAF.format(
        author="", media="", slots=slots(0, 9), tiers=tier("t", aligned("a1", "ts1", "ts2")), more=""
    )
    path.write_text(whole[: whole.index("</TIER>")])
    found = read_eaf(path)
    assert [label.id for label in found.labels] == ["a:a1"]
    assert "broken XML; what comes before is read" in found.told[0]
    assert found.told[0].startswith("line 4, column ")


# --- Praat ----------------------------------------------------------------------------------------

LONG = """File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0
xmax = 2.5 ! a comment "with 7 quotes"
tiers? <exists>
size = 2
item []:
    item [1]:
        class = "IntervalTier"
        name = "words@Ann"
        xmin = 0
        xmax = 2.5
        intervals: size = 3
        intervals [1]:
            xmin = 0
            xmax = 0.1
            text = ""
        intervals [2]:
            xmin = 0.1
            xmax = 1.123456789
            text = "say ""hi""
twice ə𝄞"
        intervals [3]:
            xmin = 1.123456789
            xmax = 2.5
            text = " "
    item [2]:
        class = "TextTier"
        name = "bell"
        xmin = 0
        xmax = 2.5
        points: size = 1
        points [1]:
            number = 2.25
            mark = "ding"
"""
SHORT = (
    'File type = "ooTextFile"\n"TextGrid"\n\n0\n2.5\n<exists>\n2\n"IntervalTier"\n"words@Ann"\n0\n2.5\n3\n'
    '0\n0.1\n""\n0.1\n1.123456789\n"say ""hi""\ntwice ə𝄞"\n1.123456789\n2.5\n" "\n"TextTier"\n'
    '"bell"\n0\n2.5\n1\n2.25\n"ding"\n'
)
CHRONOLOGICAL = (
    '"Praat chronological TextGrid text file"\n0 2.5 ! Time domain.\n2 ! Number of tiers.\n'
    '"IntervalTier" "words@Ann" '
    '0 2.5\n"TextTier" "bell" 0 2.5\n1 0 0.1\n""\n1 0.1 1.123456789\n"say ""hi""\ntwice ə𝄞"\n2 2.25\n"ding"\n'
    '1 1.123456789 2.5\n" "\n'
)


def binary() -> bytes:
    """The same grid as Praat writes it in binary."""

    def text(value: str) -> bytes:
        if value.isascii():
            return struct.pack(">H", len(value)) + value.encode("ascii")
        return struct.pack(">HH", 0xFFFF, len(value)) + value.encode("utf-16-be")  # 𝄞 is one, and two units

    def row(*values: float | str) -> bytes:
        return b"".join(text(each) if isinstance(each, str) else struct.pack(">d", each) for each in values)

    grid = b"ooBinaryFile\x08TextGrid" + row(0.0, 2.5) + b"\1" + struct.pack(">i", 2)
    grid += b"\x0cIntervalTier" + row("words@Ann", 0.0, 2.5) + struct.pack(">i", 3)
    grid += row(0.0, 0.1, "") + row(0.1, 1.123456789, 'say "hi"\ntwice ə𝄞') + row(1.123456789, 2.5, " ")
    return grid + b"\x08TextTier" + row("bell", 0.0, 2.5) + struct.pack(">i", 1) + row(2.25, "ding")


@pytest.mark.parametrize(
    "data",
    [
        LONG.encode(),
        SHORT.encode(),
        LONG.encode("utf-16"),
        SHORT.replace("\n", "\r\n").encode("utf-16-be").replace(b"\0\r\0\nt", b"\0\nt"),
        CHRONOLOGICAL.encode(),
        binary(),
    ],
    ids=["long", "short", "utf-16", "utf-16-be", "chronological", "binary"],
)
def test_every_form_of_a_textgrid_reads_alike(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.TextGrid"
    path.write_bytes(data)
    found = read_textgrid(path, "in/a")
    assert found.told == ()
    plain = [
        (each.id, each.tier, each.author, each.label.replace("\r", ""), each.span) for each in found.labels
    ]
    assert plain == [
        ("in/a:words@Ann:0", "words", "Ann", 'say "hi"\ntwice ə𝄞', (100 * MS, 1_123_456_789)),
        ("in/a:bell:0", "bell", "", "ding", (2250 * MS, 2250 * MS)),
    ]
    assert found.made == ((MadeOn("a", "audio", start_ns=0, duration_ns=2500 * MS), None),)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (SHORT[:-14].encode(), "the file ends where"),
        (SHORT.replace("\n2.25\n", "\nnan\n").encode(), "no usable time (nan, nan)"),
        (SHORT.replace("\n2.25\n", "\n1e999\n").encode(), "no usable time (1e999, 1e999)"),
        (SHORT.replace("\n1\n2.25\n", "\n" + "9" * 24 + "\n2.25\n").encode(), "the file ends where a number"),
        (SHORT.replace('"ding"', "7").encode(), "a number where a text should stand"),
        (SHORT.replace('"ding"', '"ding').encode(), "a quote that does not close"),
        (SHORT.replace('"TextTier"', '"PitchTier"').encode(), "the unknown class PitchTier"),
        (SHORT.replace("0.1\n1.123456789\n", "2\n1\n").encode(), "ends before it starts"),
        (binary()[:-5], "the file ends inside a value"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_textgrid_is_told_with_its_place(tmp_path: Path, data: bytes, says: str) -> None:
    path = tmp_path / "a.TextGrid"
    path.write_bytes(data)
    found = read_textgrid(path)
    assert any(says in line for line in found.told), found.told
    assert any(line.startswith(("line ", "byte ")) for line in found.told)
    assert any(label.tier == "words" for label in found.labels)


@pytest.mark.parametrize(
    "data",
    [b"", b"hello", b"ooBinaryFile\x09PitchTier", b'"ooTextFile" "PitchTier" 0 1', b"ooBinaryFile\xff"],
)
def test_what_is_no_textgrid_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.TextGrid"
    path.write_bytes(data)
    with pytest.raises(InspectorError, match="no TextGrid"):
        read_textgrid(path)


# --- Label Studio ---------------------------------------------------------------------------------


def task(
    results: list[dict[str, Any]], who: object = 1, number: int = 1, video: str = "/data/s1/cam.mp4"
) -> dict[str, Any]:
    """A task on a film by one annotator."""
    return {
        "id": number,
        "data": {"video": video, "audio": "/d/upload/3/0a1b2c3d-talk.wav", "text": "hello there"},
        "annotations": [{"id": 10 + number, "completed_by": who, "result": results}],
    }


SPEECH = {"id": "r1", "from_name": "speech", "to_name": "audio", "type": "labels", "original_length": 4.0,
          "value": {"start": 0.5, "end": 1.25, "channel": 0, "labels": ["Hello", "Loud"]}}  # fmt: skip
HEARD = {"id": "r1", "from_name": "heard", "to_name": "audio", "type": "textarea",
         "value": {"start": 0.5, "end": 1.25, "channel": 0, "text": ["hi there"]}}  # fmt: skip
MOVES = {"id": "r2", "from_name": "moves", "to_name": "video", "type": "timelinelabels",
         "value": {"ranges": [{"start": 1, "end": 50}], "timelinelabels": ["Wave"]}}  # fmt: skip
BOX = {"id": "r3", "from_name": "box", "to_name": "video", "type": "videorectangle",
       "value": {"framesCount": 250, "duration": 10.0, "labels": ["Hand"], "sequence": [
           {"frame": 1, "enabled": True, "x": 10, "y": 20, "width": 30, "height": 40, "rotation": 0},
           {"frame": 26, "enabled": True, "x": 50, "y": 20, "width": 30, "height": 40, "rotation": 0},
           {"frame": 50, "enabled": False, "x": 50, "y": 20, "width": 30, "height": 40}]}}  # fmt: skip
TEXT = {"id": "r4", "from_name": "ner", "to_name": "text", "type": "labels",
        "value": {"start": 0, "end": 5, "text": "hello", "labels": ["Greeting"]}}  # fmt: skip
MOOD = {
    "id": "r5",
    "from_name": "mood",
    "to_name": "video",
    "type": "choices",
    "value": {"choices": ["calm"]},
}
LINK = {"type": "relation", "from_id": "r1", "to_id": "r2", "direction": "right", "labels": ["accompanies"]}


def finder(*streams: Stream) -> Any:
    """Finds media among these."""
    return lambda made, by_name=False: same_medium(made, streams, by_name)


def talk() -> Stream:
    """A sound of 4 s."""
    return Stream(
        "talk", Modality.AUDIO, Source(Path("/data/s1/talk.wav"), "av"), Clock("t", "container"), (0, 4 * NS)
    )


def read_tasks(path: Path, plain: object, *streams: Stream) -> Any:
    """The labels of an export on these streams."""
    path.write_text(json.dumps(plain))
    return read_labelstudio(path, "ls", finder(*streams))


def test_regions_of_every_kind_lie_in_their_own_medium(tmp_path: Path) -> None:
    found = read_tasks(
        tmp_path / "a.json",
        [task([SPEECH, HEARD, MOVES, BOX, TEXT, MOOD, LINK], {"email": "ann@x"})],
        film_stream(),
        talk(),
    )
    assert found.told == ()
    by_tier = {label.tier: label for label in found.labels}
    assert {label.author for label in found.labels} == {"ann@x"}
    speech = by_tier["speech"]
    assert (speech.id, speech.label) == ("ls:1:11:r1", "Hello")
    assert (speech.anchors[0].stream_id, speech.span) == ("talk", (NS // 2, 1250 * MS))
    assert speech.attrs == {"labels": ["Hello", "Loud"], "heard": "hi there"}
    assert (by_tier["moves"].anchors[0].stream_id, by_tier["moves"].span) == ("cam", (0, 2 * NS))
    assert [(each.span, each.region) for each in by_tier["box"].anchors] == [
        ((0, NS), (0.1, 0.2, 0.3, 0.4)),
        ((NS, 2 * NS), (0.5, 0.2, 0.3, 0.4)),
    ]
    assert by_tier["ner"].anchors[0].text_range == (0, 5)
    assert (by_tier["mood"].label, by_tier["mood"].span) == ("calm", None)
    link = by_tier["relation"]
    assert (link.label, [each.stream_id for each in link.anchors]) == ("accompanies", ["talk", "cam"])
    assert (link.attrs["from"], link.attrs["to"]) == (speech.id, by_tier["moves"].id)


def test_annotators_are_authors_and_other_media_are_left(tmp_path: Path) -> None:
    first = task([MOVES], 7)
    first["annotations"].append(
        {"id": 99, "completed_by": {"first_name": "Bo", "last_name": "Li"}, "result": [MOVES]}
    )
    first["annotations"].append({"id": 98, "completed_by": 3, "was_cancelled": True, "result": [MOVES]})
    first["predictions"] = [{"model_version": "net-2", "result": [{**MOVES, "score": 0.5}]}]
    found = read_tasks(tmp_path / "a.json", [first, task([MOVES], 1, 2, "/data/s2/other.mp4")], film_stream())
    assert [(label.author, label.attrs) for label in found.labels] == [
        ("7", {}),
        ("Bo Li", {}),
        ("net-2", {"origin": "model", "score": 0.5}),
    ]
    assert any("skipped by its annotator" in line for line in found.told)
    assert any("1 of its 2 tasks are on media that this record does not have" in line for line in found.told)


def test_json_min_reads_alike(tmp_path: Path) -> None:
    row = {
        "video": "/data/s1/cam.mp4",
        "id": 1,
        "moves": [MOVES["value"]],
        "mood": "calm",
        "annotator": 7,
        "annotation_id": 11,
        "lead_time": 3.5,
    }
    found = read_tasks(tmp_path / "a.json", [row], film_stream())
    assert [(each.tier, each.label, each.author, each.span) for each in found.labels] == [
        ("moves", "Wave", "7", (0, 2 * NS)),
        ("mood", "calm", "7", None),
    ]


def test_what_is_wrong_in_an_export_is_told_and_the_rest_is_read(tmp_path: Path) -> None:
    plain = [
        task(
            [
                {
                    **SPEECH,
                    "id": "n",
                    "value": {"start": float("nan"), "end": 1, "channel": 0, "labels": ["x"]},
                },
                {**SPEECH, "id": "h", "value": {"start": 1e300, "end": 1e301, "channel": 0, "labels": ["x"]}},
                {**MOVES, "id": "b", "value": {"ranges": [{"start": 9, "end": 1}], "timelinelabels": ["x"]}},
                {**BOX, "id": "s", "value": {"sequence": {"a": 1}}},
                {"id": "v", "value": 3},
                {**LINK, "to_id": "gone"},
                MOVES,
            ]
        )
    ]
    found = read_tasks(tmp_path / "a.json", plain, film_stream())
    assert [label.span for label in found.labels] == [None] * 4 + [(0, 2 * NS)]
    assert sum("no usable place in its medium" in line for line in found.told) == 4
    assert any("a relation names a region that is not there" in line for line in found.told)
    path = tmp_path / "deep.json"
    path.write_text("[" * 10**6)
    with pytest.raises(InspectorError, match="no valid JSON"):
        read_labelstudio(path)


# --- the media ------------------------------------------------------------------------------------


def test_media_are_found_by_path_then_stem_then_as_the_only_one() -> None:
    one, two = film_stream("s1/cam.mp4"), film_stream("s2/cam.mp4")
    assert same_medium(MadeOn("file:///C:/work/s2/cam.mp4"), (one, two)) is two
    assert same_medium(MadeOn("/elsewhere/cam.mp4"), (one, two)) is None  # either could be meant
    assert same_medium(MadeOn("C:\\proxies\\cam.mpg", "video"), (one, talk())) is one
    assert same_medium(MadeOn("/data/upload/1/0a1b2c3d-cam.mp4"), (one, talk())) is one
    assert same_medium(MadeOn("other.mp4", "video"), (one, talk())) is one
    assert same_medium(MadeOn("other.mp4", "video"), (one, talk()), by_name=True) is None
    assert same_medium(MadeOn("other.mp4"), (one, talk())) is None


def test_other_media_than_those_the_labels_were_made_on_are_told() -> None:
    stream = film_stream(rate=30.0, frames=300)
    assert (
        differences(MadeOn("cam.mp4", rate=30.0, frames=300, duration_ns=10 * NS, start_ns=0), stream) == ()
    )
    told = differences(
        MadeOn("cam.mp4", rate=30000 / 1001, frames=290, duration_ns=9 * NS, start_ns=NS), stream
    )
    assert [line.split(",")[0] for line in told] == [
        "made on media of 29.97 a second",
        "made on 290 frames",
        "made on media of 0:09.000",
        "made on media that start at 0:01.000",
    ]


def test_a_folder_reads_all_three_and_a_broken_one_says_its_name(tmp_path: Path) -> None:
    sound(tmp_path / "a.wav", 2.5)
    (tmp_path / "a.TextGrid").write_text(LONG)
    eaf(tmp_path / "a.eaf", slots(0, 100), tier("t", aligned("a1", "ts1", "ts2")))
    (tmp_path / "a.json").write_text(json.dumps([{**task([SPEECH]), "data": {"audio": "x/a.wav"}}]))
    (tmp_path / "b.eaf").write_text(BOMB)
    sound(tmp_path / "b.wav", 1)
    dataset = FolderReader.open(tmp_path)
    assert dataset.leftover == ()
    record = dataset.load("a")
    assert {label.tier for label in record.annotations} == {"words", "bell", "t", "speech"}
    assert {label.anchors[0].stream_id for label in record.annotations if label.tier != "t"} == {"a"}
    assert record.stream("a").meta["labels_made_on"] == (
        "a.TextGrid: a, 0:02.500 long, from 0:00.000",
        "a.json: a.wav, 0:04.000 long",
    )
    assert [str(problem) for problem in record.problems] == [
        "a.json: made on media of 0:04.000, where a.wav lasts 0:02.500; its labels stand at the times that "
        "they were given"
    ]
    broken = dataset.load("b")
    assert broken.stream("b").span == (0, NS)
    assert [problem.path for problem in broken.problems] == ["b.eaf"]
    assert "document type" in broken.problems[0].message


def test_the_export_of_a_whole_project_goes_to_the_records_whose_media_it_names(tmp_path: Path) -> None:
    def heard(number: int, path: str, text: str) -> dict[str, Any]:
        value = {"start": 0.5, "end": 1.25, "channel": 0, "labels": [text]}
        region = {**SPEECH, "value": value, "original_length": 1.0}
        annotation = {"id": number, "completed_by": 1, "result": [region]}
        return {"id": number, "data": {"audio": path}, "annotations": [annotation]}

    for name in ("a", "b"):
        sound(tmp_path / f"{name}.wav", 1.0)
    tasks = [heard(1, "/data/upload/7/0a1b2c3d-a.wav", "one"), heard(2, "s3://x/b.wav", "two")]
    (tmp_path / "project-1.json").write_text(json.dumps([*tasks, heard(3, "s3://x/c.wav", "three")]))
    dataset = FolderReader.open(tmp_path)
    assert dataset.index.column("record_id").to_pylist() == ["a", "b"]
    assert dataset.leftover == ()
    for name, text in (("a", "one"), ("b", "two")):
        record = dataset.load(name)
        assert [(label.label, label.anchors[0].stream_id) for label in record.annotations] == [(text, name)]
        # The label ends at 1.25 s of a sound of 1 s; other records' tasks are no fault of this one.
        assert [problem.path for problem in record.problems] == ["project-1.json"]
        assert "1 label past the end" in record.problems[0].message

    for name in ("s1", "s2"):
        (tmp_path / "deep" / name).mkdir(parents=True)
        sound(tmp_path / "deep" / name / "talk.wav", 2.0)
    tasks = [heard(1, "/data/s1/talk.wav", "one"), heard(2, "/data/upload/0a1b2c3d-talk.wav", "either")]
    (tmp_path / "deep" / "project.json").write_text(json.dumps(tasks))
    dataset = FolderReader.open(tmp_path / "deep")
    records = [dataset.load(each) for each in dataset.index.column("record_id").to_pylist()]
    assert [[label.label for label in record.annotations] for record in records] == [["one"], []]
    assert any("project.json: media of one name lie in several folders" in line for line in dataset.ambiguous)


def test_files_of_several_annotators_go_to_the_recording_that_they_are_named_after(tmp_path: Path) -> None:
    for name in ("s1", "s1_b"):
        sound(tmp_path / f"{name}.wav", 2.5)
    (tmp_path / "s1_ann.TextGrid").write_text(LONG)
    eaf(tmp_path / "s1-bo.eaf", slots(0, 100), tier("t", aligned("a1", "ts1", "ts2"), ANNOTATOR="Bo"))
    (tmp_path / "s1_b_ann.TextGrid").write_text(LONG)
    (tmp_path / "s9_ann.TextGrid").write_text(LONG)
    dataset = FolderReader.open(tmp_path)
    assert dataset.index.column("record_id").to_pylist() == ["s1", "s1_b", "s9_ann"]
    labels = dataset.load("s1").annotations
    assert {(label.author, label.tier) for label in labels} == {("Ann", "words"), ("", "bell"), ("Bo", "t")}
    assert {label.anchors[0].stream_id for label in labels} == {"s1", None}
    assert len(dataset.load("s1_b").annotations) == 2


def test_the_same_tier_of_nobody_in_two_files_is_of_two_authors(tmp_path: Path) -> None:
    sound(tmp_path / "s1.wav", 2.5)
    for name in ("ann", "andy"):
        (tmp_path / f"s1_{name}.TextGrid").write_text(LONG.replace("words@Ann", "words"))
    eaf(tmp_path / "s1_bo.eaf", slots(0, 100), tier("t", aligned("a1", "ts1", "ts2")))
    dataset = FolderReader.open(tmp_path)
    (name,) = dataset.index.column("record_id").to_pylist()
    labels = dataset.load(name).annotations
    assert {(label.tier, label.author) for label in labels} == {
        ("words", "ann"), ("bell", "ann"), ("words", "andy"), ("bell", "andy"), ("t", ""),
    }  # fmt: skip
