"""Text with times: what is read, and what is told of what is not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inspector.core.model import Cue, Source, Word
from inspector.core.times import NS, clock_text
from inspector.errors import InspectorError
from inspector.media.cues import load_cues

if TYPE_CHECKING:
    from pathlib import Path

MS = 1_000_000


def read(
    folder: Path, name: str, content: str | bytes, form: str = "cues"
) -> tuple[tuple[Cue, ...], tuple[str, ...]]:
    """Write a file and load it."""
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return load_cues(Source(path, form))


def test_srt_and_its_defects(tmp_path: Path) -> None:
    text = (
        "\ufeff1\r\n00:00:01,000 --> 00:00:02,500\r\nHello\r\nthere\r\n\r\n"
        "2\r\n00:00:61,000 --> 00:00:62,000\r\nlost\r\n\r\n"
        "3\r\n00:00:04.000 --> 00:00:03.000\r\n<i>back</i>wards\r\n\r\n"
        "4\r\nnot a time --> 00:00:05,000\r\nlost too\r\n\r\n"
        "5\r\n999:00:00,000 --> 999:00:01,000\r\nnever\r\n\r\n"
        "6\r\n00:00:06,000 --> 00:00:07,000\r\nlast"
    )
    cues, told = read(tmp_path, "a.srt", text)
    assert [(cue.start_ns, cue.end_ns, cue.text) for cue in cues] == [
        (1 * NS, 2500 * MS, "Hello\nthere"),
        (4 * NS, 4 * NS, "backwards"),
        (6 * NS, 7 * NS, "last"),
    ]
    assert [line.split(":")[0] for line in told] == ["line 7", "line 11", "line 15", "line 19"]


def test_srt_without_empty_lines_between_cues(tmp_path: Path) -> None:
    text = "1\n00:00:01,000 --> 00:00:02,000\nA\n2\n00:00:03,000 --> 00:00:04,000\nB\n"
    cues, told = read(tmp_path, "a.srt", text)
    assert [cue.text for cue in cues] == ["A", "B"]
    assert told == ()


def test_cues_out_of_order_are_sorted_and_said(tmp_path: Path) -> None:
    text = "1\n00:00:03,000 --> 00:00:04,000\nB\n\n2\n00:00:01,000 --> 00:00:02,000\nA\n"
    cues, told = read(tmp_path, "a.srt", text)
    assert [cue.text for cue in cues] == ["A", "B"]
    assert len(told) == 1


@pytest.mark.parametrize(
    ("encoding", "told"), [("utf-16", 0), ("utf-16-le", 0), ("cp1252", 1), ("utf-8-sig", 0)]
)
def test_encodings(tmp_path: Path, encoding: str, told: int) -> None:
    text = "1\n00:00:01,000 --> 00:00:02,000\nCafé à la crème\n"
    cues, problems = read(tmp_path, "a.srt", text.encode(encoding))
    assert [cue.text for cue in cues] == ["Café à la crème"]
    assert len(problems) == told


def test_webvtt(tmp_path: Path) -> None:
    text = (
        "WEBVTT - title\nKind: captions\n\nSTYLE\n::cue { color: red }\n\nNOTE a --> b is no cue\n\n"
        "intro\n00:01.000 --> 00:04.000 align:start\n<v.loud Ann Lee>Tom &amp; <b>Jerry</b></v>\n\n"
        "00:05.000 --> 00:07.000\n<00:05.500>one <00:06.000><c>two</c>\n"
    )
    cues, told = read(tmp_path, "a.vtt", text)
    assert told == ()
    assert cues[0] == Cue(1 * NS, 4 * NS, "Tom & Jerry", (), "Ann Lee")
    assert cues[1].text == "one two"
    assert cues[1].words == (Word(5500 * MS, 6 * NS, "one"), Word(6 * NS, 7 * NS, "two"))


def test_webvtt_without_its_header_and_with_stray_text(tmp_path: Path) -> None:
    cues, told = read(
        tmp_path, "a.vtt", "00:01.000 --> 00:02.000\nA\n\nstray\n\n00:03.000 --> 00.04.000\nB\n"
    )
    assert [cue.text for cue in cues] == ["A"]
    assert len(told) == 3


def test_ass(tmp_path: Path) -> None:
    text = (
        "[Script Info]\nTitle: x\n[Events]\n"
        "Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n"
        "Comment: 0,0:00:00.00,0:00:01.00,Default,,0,0,0,,no\n"
        "Dialogue: 0,0:00:01.50,0:00:02.00,Default,Ann,0,0,0,,{\\b1}One, two\\Nthree\n"
        "Dialogue: 0,bad,0:00:02.00,Default,,0,0,0,,lost\n"
    )
    cues, told = read(tmp_path, "a.ass", text)
    assert cues == (Cue(1500 * MS, 2 * NS, "One, two\nthree", (), "Ann"),)
    assert len(told) == 1


def test_plain_text_has_no_times(tmp_path: Path) -> None:
    cues, told = read(tmp_path, "a.txt", "one\n\n two \n", "plaintext")
    assert cues == (Cue(0, 0, "one"), Cue(0, 0, "two"))
    assert told == ()


def test_whisper_words_without_times_are_skipped_but_said(tmp_path: Path) -> None:
    plain = {
        "text": "It costs 5 pounds",
        "segments": [
            {
                "start": 0.5,
                "end": 2.68,
                "text": " It costs 5 pounds",
                "speaker": "SPEAKER_00",
                "words": [
                    {"word": " It", "start": 0.5, "end": 0.7, "probability": 0.9},
                    {"word": "5"},
                    {"word": "pounds", "start": 2.0, "end": 2.68, "score": float("nan")},
                ],
            },
            {"start": float("nan"), "end": 3.0, "text": "lost"},
        ],
    }
    cues, told = read(tmp_path, "a.json", json.dumps(plain), "whisper")
    assert len(cues) == 1
    assert cues[0].text == "It costs 5 pounds"
    assert cues[0].speaker == "SPEAKER_00"
    assert cues[0].end_ns == 2_680_000_000
    assert [(word.text, word.confidence) for word in cues[0].words] == [("It", 0.9), ("pounds", None)]
    assert len(told) == 1


@pytest.mark.parametrize(
    "plain",
    [
        {"fragments": [{"begin": "1.000", "end": "2.5", "lines": ["a", "b"]}]},
        {"transcription": [{"offsets": {"from": 1000, "to": 2500}, "text": "a\nb"}]},
        {"chunks": [{"timestamp": [1.0, 2.5], "text": "a\nb"}]},
        [{"start": 1, "end": 2.5, "text": "a\nb"}],
        {"word_segments": [{"start": 1, "end": 2.5, "word": "a\nb"}]},
    ],
)
def test_other_recognisers(tmp_path: Path, plain: object) -> None:
    cues, told = read(tmp_path, "a.json", json.dumps(plain), "whisper")
    assert cues == (Cue(1 * NS, 2500 * MS, "a\nb"),)
    assert told == ()


def test_a_part_of_a_longer_file_is_shifted(tmp_path: Path) -> None:
    path = tmp_path / "a.srt"
    path.write_text("1\n00:00:01,000 --> 00:00:02,000\nA\n\n2\n00:00:05,000 --> 00:00:06,000\nB\n")
    cues, _ = load_cues(Source(path, "cues", start_ns=4 * NS, end_ns=9 * NS))
    assert cues == (Cue(1 * NS, 2 * NS, "B"),)


def test_json_that_is_nested_past_belief_is_no_crash(tmp_path: Path) -> None:
    with pytest.raises(InspectorError):
        read(tmp_path, "a.json", "[" * 100_000, "whisper")


TEXTS = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=12).filter(
    lambda text: not text.isdecimal()
)
SPANS = st.lists(st.tuples(st.integers(0, 10**7), st.integers(0, 10**5), TEXTS), max_size=8)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(SPANS)
def test_srt_is_read_as_it_was_written_and_as_pysubs2_reads_it(
    tmp_path: Path, spans: list[tuple[int, int, str]]
) -> None:
    import pysubs2

    spans.sort(key=lambda span: span[0])

    def stamp(ms: int) -> str:
        hours, rest = divmod(ms, 3_600_000)
        return f"{hours:02d}:{clock_text(rest * MS).rjust(9, '0')}".replace(".", ",")

    text = "".join(
        f"{n}\n{stamp(start)} --> {stamp(start + length)}\n{words}\n\n"
        for n, (start, length, words) in enumerate(spans, 1)
    )
    cues, told = read(tmp_path, "a.srt", text)
    assert told == ()
    assert [(cue.start_ns // MS, (cue.end_ns - cue.start_ns) // MS, cue.text) for cue in cues] == spans
    theirs = sorted((event.start, event.plaintext) for event in pysubs2.SSAFile.from_string(text, "srt"))
    assert theirs == sorted((start, words) for start, _, words in spans)


GOOD = {
    "a.srt": b"1\n00:00:01,000 --> 00:00:02,500\nHello\n\n2\n00:00:03,000 --> 00:00:04,000\n<i>x</i>\n",
    "a.vtt": b"WEBVTT\n\n00:01.000 --> 00:04.000\n<v Ann>Tom <00:00:02.000>b\n",
    "a.ass": b"[Events]\nFormat: Start, End, Text\nDialogue: 0:00:01.00,0:00:02.00,Hi\n",
    "a.json": b'{"segments": [{"start": 1, "end": 2.5, "text": "a", "words": [{"word": "a", "start": 1}]}]}',
    "a.txt": b"one\ntwo\n",
}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@pytest.mark.parametrize("name", list(GOOD))
@given(data=st.data())
def test_broken_files_never_raise_anything_else(tmp_path: Path, name: str, data: st.DataObject) -> None:
    good = GOOD[name]
    cut = data.draw(st.integers(0, len(good)))
    noise = data.draw(st.binary(max_size=20))
    content = data.draw(st.sampled_from([good[:cut], good[:cut] + noise + good[cut:], noise]))
    form = {"a.json": "whisper", "a.txt": "plaintext"}.get(name, "cues")
    try:
        cues, _ = read(tmp_path, name, content, form)
    except InspectorError:
        return
    assert all(cue.end_ns >= cue.start_ns for cue in cues)
    assert [cue.start_ns for cue in cues] == sorted(cue.start_ns for cue in cues)
