"""Fixes written into files: frames, clicks, cues and samples lie where the time map says, and once."""

from __future__ import annotations

import csv
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from films import RATE, Film, click_pcm, make_sound, reel
from hypothesis import given, settings
from hypothesis import strategies as st
from releases import assert_same_moments, export

from inspector.core.effective import timemap_path, timemap_value
from inspector.core.model import Modality, Source
from inspector.core.timemap import TimeMap
from inspector.core.times import NS
from inspector.errors import InspectorError
from inspector.media.audio import PcmReader
from inspector.media.cues import load_cues
from inspector.media.probe import probe
from inspector.media.remux import remux
from inspector.media.remux_plan import NotCarried, Order, form_of, stretches
from inspector.media.render import resample_pcm
from inspector.media.retime import Times, retime_text
from inspector.media.retime_table import retime_table
from inspector.media.stamps import stamps_ns
from inspector.release import baking
from inspector.release.verify import verify
from inspector.session import Session

if TYPE_CHECKING:
    from inspector.media.remux import Remuxed

MS = 1_000_000
LATE = TimeMap.offset(320 * MS + 12_345)
EARLY = TimeMap.offset(-250 * MS - 77)
DRIFT = TimeMap(((100 * MS, 0), (100 * MS + 10_003_000_000, 10 * NS)))


@pytest.fixture(scope="session")
def films(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return reel(tmp_path_factory.getbasetemp())


def baked(
    source: Path, folder: Path, timemap: TimeMap, start: int = 0, end: int | None = None
) -> tuple[Path, Remuxed]:
    info = probe(source)
    maps = {track.index: timemap for track in info.tracks if track.kind in ("video", "audio")}
    order = Order(maps, start, end)
    to = folder / f"baked{form_of(info, order).ending or source.suffix}"
    return to, remux(source, to, order)


def frames(path: Path) -> list[float]:
    """Where a film's frames are shown, s, by what FFmpeg gives any program that asks it."""
    with av.open(str(path)) as box:
        zero = 0 if box.format.name.startswith(("mov", "matroska", "avi")) else (box.start_time or 0) / 1e6
        return sorted(float(frame.time) - zero for frame in box.decode(video=0))


@pytest.mark.parametrize(
    "name", ["bframes.mp4", "bframes.mkv", "variable.mp4", "late.mkv", "start.ts", "portrait.mp4"]
)
@pytest.mark.parametrize("timemap", [LATE, EARLY, DRIFT], ids=["late", "early", "drift"])
def test_every_frame_is_shown_when_the_map_says(
    films: Any, name: str, timemap: TimeMap, tmp_path: Path
) -> None:
    film: Film = films.film(name)
    to, made = baked(film.path, tmp_path, timemap)
    wanted = np.array([timemap.to_reference(round(at * NS)) / NS for at in frames(film.path)])
    found = np.array(frames(to))
    tick = 2e-3 if to.suffix == ".mkv" else 2e-5
    wanted = wanted[wanted > -tick]
    assert len(found) in (len(wanted), len(wanted) - (wanted[0] < tick))
    assert np.abs(found - wanted[-len(found) :]).max() < tick
    shown = made.tracks[0][1]
    assert abs(shown[0] / NS - found[0]) < tick


def clicks(path: Path, timemap: TimeMap, places: tuple[int, ...]) -> float:
    """How far, in samples at RATE, the clicks of a sound are from where a map has them; the farthest."""
    reader = PcmReader(Source(path, "av", 0), RATE, "mono")
    wave = reader.read(0, 10 * RATE)[:, 0]
    reader.close()
    farthest = 0.0
    for number, place in enumerate(places):
        wanted = timemap.to_reference(round(place * NS / RATE)) * RATE / NS
        at = round(wanted)
        if at < 3000 or at > 8 * RATE:
            continue
        burst = click_pcm(8, places)[place : place + 900] if number else None
        if burst is None:
            continue
        part = wave[at - 1000 : at + 2000]
        match = np.correlate(part, burst, "valid")
        best = int(np.argmax(match))
        left, middle, right = match[best - 1 : best + 2]
        farthest = max(
            farthest, abs(best + (left - right) / (2 * (left - 2 * middle + right)) - 1000 - (wanted - at))
        )
    return farthest


@pytest.mark.parametrize(
    ("name", "codec", "ending"),
    [
        ("a.wav", "pcm_s16le", ".wav"),
        ("a.flac", "flac", ".flac"),
        ("a.m4a", "aac", ""),
        ("a.mp3", "libmp3lame", ".m4a"),
        ("a.opus", "libopus", ".m4a"),
    ],
)
def test_every_click_is_heard_when_the_map_says(name: str, codec: str, ending: str, tmp_path: Path) -> None:
    places = make_sound(tmp_path / name, codec)
    before = clicks(tmp_path / name, TimeMap(), places)
    for number, timemap in enumerate((LATE, EARLY, DRIFT)):
        (tmp_path / str(number)).mkdir()
        to, _ = baked(tmp_path / name, tmp_path / str(number), timemap)
        assert to.suffix == (
            ending or ".m4a" if timemap is not DRIFT or ending in (".wav", ".flac") else ".flac"
        )
        assert clicks(to, timemap, places) < before + 1


def test_plain_samples_are_moved_bit_by_bit(tmp_path: Path) -> None:
    def samples(path: Path) -> Any:
        with av.open(str(path)) as box:
            return np.concatenate([frame.to_ndarray().ravel() for frame in box.decode(audio=0)])

    make_sound(tmp_path / "a.wav", "pcm_s24le")
    before = samples(tmp_path / "a.wav")
    for timemap, shift in ((TimeMap.offset(NS), RATE), (TimeMap.offset(-NS), -RATE)):
        (tmp_path / str(shift)).mkdir()
        to, made = baked(tmp_path / "a.wav", tmp_path / str(shift), timemap)
        after = samples(to)
        if shift > 0:
            assert (after == before[shift:]).all()
            assert any("cut off" in each for each in made.lost)
        else:
            assert not after[:-shift].any()
            assert (after[-shift:] == before).all()
            assert made.tracks[0][1][0] == NS
    with av.open(str(to)) as box:
        assert box.streams.audio[0].codec_context.name == "pcm_s24le"


def test_a_clip_is_cut_to_the_frame(films: Any, tmp_path: Path) -> None:
    for name in ("bframes.mp4", "bframes.mkv", "variable.mp4", "start.ts"):
        film: Film = films.film(name)
        for number, (start, end) in enumerate(((1.234, 3.5), (0.0, 1.0), (2.0, 2.3))):
            home = tmp_path / f"{name}{number}"
            home.mkdir()
            to, _ = baked(film.path, home, TimeMap.offset(round(start * NS)), 0, round((end - start) * NS))
            wanted = [at - start for at in frames(film.path) if start - 2e-5 <= at < end - 2e-5]
            assert np.allclose(frames(to), wanted, atol=2e-5)


def test_what_cannot_carry_a_map_says_why(films: Any, tmp_path: Path) -> None:
    with pytest.raises(NotCarried, match="hides what lies before"):
        baked(films.film("live.webm").path, tmp_path, LATE)
    with pytest.raises(NotCarried, match="runs backwards"):
        baked(films.film("bframes.mp4").path, tmp_path, TimeMap(((0, 0), (NS, NS), (NS, 0), (2 * NS, NS))))


def test_a_sine_stays_one_when_it_is_resampled() -> None:
    class Sine:
        rate = 48_000

        def read(self, start: int, count: int) -> Any:
            at = np.arange(start, start + count) / self.rate
            return np.sin(2 * np.pi * 15_000 * at)[:, None].astype(np.float32)

    timemap = TimeMap(((0, 0), (10_001_000_000, 10 * NS)))
    found = resample_pcm(Sine(), timemap, 4800, 9600)[:, 0]
    local = (4800 + np.arange(9600)) / 48_000 * 1.0001
    assert np.abs(found - np.sin(2 * np.pi * 15_000 * local)).max() < 1e-3
    assert not stretches(LATE, (0, 3600 * NS))
    assert stretches(DRIFT, (0, 10 * NS))


# -- transcripts -------------------------------------------------------------------------------------------

TEXTS = {
    "a.srt": "1\n00:00:00,100 --> 00:00:00,300\nbefore\n\n2\n00:00:00,200 --> 00:00:01,000\nover\n\n"
    "3\n00:00:01,500 --> 00:00:02,000\n<i>after</i>\n",
    "a.vtt": "WEBVTT - x\n\nNOTE kept\n\nn1\n00:00.100 --> 00:00.300\nbefore\n\nn2\n00:00.200 --> 00:01.000 "
    "align:start\n<v Ann>over\n\n00:01.500 --> 00:02.000\none <00:01.750>two\n",
    "a.ass": "[Script Info]\nTitle: x\n[Events]\nFormat: Layer, Start, End, Style, Text\n"
    "Dialogue: 0,0:00:00.10,0:00:00.30,Default,before\nDialogue: 0,0:00:00.20,0:00:01.00,Default,over, it\n"
    "Dialogue: 0,0:00:01.50,0:00:02.00,Default,{\\b1}after\n",
}


@pytest.mark.parametrize("name", TEXTS)
def test_cues_are_moved_and_nothing_else_changes(name: str, tmp_path: Path) -> None:
    source = tmp_path / name
    source.write_text(TEXTS[name])
    to = tmp_path / f"new{source.suffix}"
    done = retime_text(Source(source, "cues"), Times(TimeMap.offset(320 * MS)), to)
    before, _ = load_cues(Source(source, "cues"))
    after, told = load_cues(Source(to, "cues"))
    assert told == ()
    assert [each.text for each in after] == [each.text for each in before[1:]]
    assert [each.speaker for each in after] == [each.speaker for each in before[1:]]
    assert [(each.start_ns, each.end_ns) for each in after] == [(0, 680 * MS), (1180 * MS, 1680 * MS)]
    assert done.left_out == 1
    assert done.lost
    later = tmp_path / f"later{source.suffix}"
    assert not retime_text(Source(source, "cues"), Times(TimeMap.offset(-NS)), later).lost
    moved, _ = load_cues(Source(later, "cues"))
    assert [each.start_ns - NS for each in moved] == [each.start_ns for each in before]
    if name == "a.vtt":
        assert [word.start_ns - NS for word in moved[2].words] == [1500 * MS, 1750 * MS]
        assert "NOTE kept" in later.read_text()
        assert "align:start" in later.read_text()


def test_a_recognisers_json_is_moved_words_and_all(tmp_path: Path) -> None:
    plain = {
        "language": "en",
        "segments": [
            {
                "start": 0.1,
                "end": 1.0,
                "text": "a 1",
                "words": [{"word": "a", "start": 0.1, "end": 0.4, "score": 0.9}, {"word": "1"}],
            },
            {"start": 2, "end": 3, "text": "b"},
        ],
        "word_segments": [{"word": "a", "start": 0.1, "end": 0.4}],
    }
    (tmp_path / "a.json").write_text(json.dumps(plain))
    retime_text(Source(tmp_path / "a.json", "whisper"), Times(TimeMap.offset(200 * MS)), tmp_path / "b.json")
    found = json.loads((tmp_path / "b.json").read_text())
    assert found["language"] == "en"
    assert found["segments"][0]["start"] == -0.1
    assert found["segments"][0]["words"] == [
        {"word": "a", "start": -0.1, "end": 0.2, "score": 0.9},
        {"word": "1"},
    ]
    assert found["segments"][1] == {"start": 1.8, "end": 2.8, "text": "b"}
    assert found["word_segments"][0]["end"] == 0.2


# -- tables ------------------------------------------------------------------------------------------------


def test_only_the_stamps_of_a_text_table_change(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('# made by x\nt_ms;x;note\n0;1,50;"a;b"\n10,5;-2;c\nbad;3;d\n1000;7e3;\n')
    source = Source(tmp_path / "a.csv", "table", columns=("x",), time_column="t_ms", time_unit="ms")
    retime_table(source, None, Times(TimeMap.offset(250_123_456)), tmp_path / "b.csv")
    assert (tmp_path / "b.csv").read_text() == (
        '# made by x\nt_ms;x;note\n-250,123;1,50;"a;b"\n-239,623;-2;c\nbad;3;d\n749,877;7e3;\n'
    ).replace("-250,123", "-250.123").replace("749,877", "749.877")


def test_a_table_without_stamps_gets_them(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,y\n1,2\n3,4\n5,6\n")
    source = Source(tmp_path / "a.csv", "table", columns=("x",))
    done = retime_table(source, 10.0, Times(TimeMap.offset(-50 * MS)), tmp_path / "b.csv")
    assert done.time_column == "t_s"
    rows = list(csv.DictReader((tmp_path / "b.csv").read_text().splitlines()))
    assert [row["t_s"] for row in rows] == ["0.05", "0.15", "0.25"]
    assert [row["y"] for row in rows] == ["2", "4", "6"]


@pytest.mark.parametrize("kind", ["float64", "float32", "int64", "timestamp", "string"])
def test_rows_of_a_part_are_taken_out_of_a_parquet_table(kind: str, tmp_path: Path) -> None:
    ns = np.arange(100, dtype=np.int64) * 10 * MS
    columns: dict[str, tuple[pa.Array, str]] = {
        "float64": (pa.array(ns / NS), "s"),
        "float32": (pa.array((ns / NS).astype(np.float32)), "s"),
        "int64": (pa.array(ns // 1000), "us"),
        "timestamp": (pa.array(ns // 1000, pa.timestamp("us")), "ns"),
        "string": (pa.array([str(each / NS) for each in ns]), "s"),
    }
    column, unit = columns[kind]
    rows = pa.table({"t": column, "x": pa.array(range(100)), "v": pa.array([[n, 1.5] for n in range(100)])})
    pq.write_table(rows, tmp_path / "a.parquet", row_group_size=30)
    source = Source(
        tmp_path / "a.parquet",
        "table",
        columns=("x",),
        time_column="t",
        time_unit=unit,
        row_start=20,
        row_end=70,
    )
    times = Times(TimeMap.offset(300 * MS), window=(0, 200 * MS))
    retime_table(source, None, times, tmp_path / "b.parquet")
    found = pq.read_table(tmp_path / "b.parquet")
    assert found.column("x").to_pylist() == list(range(30, 50))
    assert found.column("v").to_pylist()[0] == [30, 1.5]
    assert found.column_names == ["t", "x", "v"]
    stamps, _ = stamps_ns(found.column("t"), unit)
    assert np.abs(stamps - np.arange(20) * 10 * MS).max() <= (100 if kind == "float32" else 0)


@settings(max_examples=60, deadline=None)
@given(
    listed=st.lists(st.integers(-(10**15), 10**15), min_size=1, max_size=30),
    late=st.integers(-(10**12), 10**12),
    unit=st.sampled_from(["s", "ms", "us", "ns"]),
)
def test_stamps_of_any_unit_are_moved_to_the_microsecond(
    listed: list[int], late: int, unit: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    home = tmp_path_factory.mktemp("stamps")
    scale = {"s": NS, "ms": MS, "us": 1000, "ns": 1}[unit]
    (home / "a.csv").write_text(f"t_{unit},x\n" + "".join(f"{at / scale:.12g},0\n" for at in listed))
    before, _ = stamps_ns(pa.array([f"{at / scale:.12g}" for at in listed]), unit)
    source = Source(home / "a.csv", "table", columns=("x",), time_column=f"t_{unit}", time_unit=unit)
    retime_table(source, None, Times(TimeMap.offset(late)), home / "b.csv")
    cells = [row[f"t_{unit}"] for row in csv.DictReader((home / "b.csv").read_text().splitlines())]
    after, usable = stamps_ns(pa.array(cells), unit)
    assert usable.all()
    assert np.abs(after - (before - late)).max() <= 500


# -- whole records -----------------------------------------------------------------------------------------


def late(session: Session, record_id: str, moves: dict[str, TimeMap]) -> None:
    change = session.curation.change
    session.edit(
        "Move", [change(record_id, timemap_path(each), timemap_value(to)) for each, to in moves.items()]
    )


@pytest.fixture
def take(films: Any, tmp_path: Path) -> Path:
    home = tmp_path / "data" / "take"
    home.mkdir(parents=True)
    (home / "cam.mp4").write_bytes(films.film("bframes.mp4").path.read_bytes())
    make_sound(home / "voice.wav", "pcm_s16le", 5)
    (home / "words.srt").write_text(TEXTS["a.srt"])
    (home / "imu.csv").write_text("t_s,x\n" + "".join(f"{n / 100},{n % 7}\n" for n in range(500)))
    (home / "labels.csv").write_text("start_s,end_s,label\n0.1,0.2,wave\n0.3,0.4,nod\n")
    return tmp_path / "data"


@pytest.mark.parametrize("timemap", [LATE, EARLY, DRIFT], ids=["late", "early", "drift"])
def test_a_release_holds_the_fixes_once(take: Path, timemap: TimeMap, tmp_path: Path) -> None:
    with Session.open(take, author="ann") as session:
        (record_id,) = session.record_ids()
        names = [each.id for each in session.record(record_id).streams if each.modality is not Modality.VIDEO]
        late(session, record_id, dict.fromkeys(names, timemap))
        card = export(session, tmp_path / "out")
        with Session.open(tmp_path / "out") as again:
            record = again.record(record_id)
            assert all(each.timemap == TimeMap() for each in record.streams)
            assert_same_moments(session, session.record(record_id), again, record)
            if timemap is not DRIFT:
                export(again, tmp_path / "next")
        assert verify(tmp_path / "out").differences == ()
        assert export(session, tmp_path / "twice").root == card.root
    rows = pq.read_table(tmp_path / "out/manifest/records.parquet").to_pylist()
    assert len(rows[0]["changes"]) == 3
    assets = {
        Path(row["path"]).stem: row
        for row in pq.read_table(tmp_path / "out/manifest/assets.parquet").to_pylist()
    }
    assert assets["voice"]["made_from"] == "take/voice.wav"
    assert ("earlier" if timemap is not EARLY else "later") in assets["imu"]["change"]
    assert not list((tmp_path / "out").glob("baked"))
    if timemap is not DRIFT:
        assert [each.name for each in (tmp_path / "next/data/take").iterdir()]


def test_what_cannot_be_baked_keeps_its_map_and_is_told(films: Any, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / "data" / name).mkdir(parents=True)
        (tmp_path / "data" / name / "front.mp4").write_bytes(films.film("bframes.mp4").path.read_bytes())
        (tmp_path / "data" / name / "side.webm").write_bytes(films.film("live.webm").path.read_bytes())
    with Session.open(tmp_path / "data", author="ann") as session:
        name = session.record_ids()[0]
        late(session, name, {"side#video": LATE})
        with pytest.raises(InspectorError, match="stays in the manifest alone"):
            export(session, tmp_path / "out", strict=True)
        card = export(session, tmp_path / "out")
        assert any("stays in the manifest alone" in each for each in card.lost)
        with Session.open(tmp_path / "out") as again:
            assert again.record(name).stream("side#video").timemap == LATE
            assert_same_moments(session, session.record(name), again, again.record(name))


def test_two_records_that_share_a_file_have_it_made_once(
    take: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, other = [], threading.Event()
    write_text = baking._text

    def slowly(wish: Any, to: Path) -> dict[str, Any]:
        made.append(to)
        if len(made) > 1:
            other.set()
        other.wait(0.5)
        return write_text(wish, to)

    monkeypatch.setattr(baking, "_text", slowly)
    with Session.open(take, author="ann") as session:
        (record_id,) = session.record_ids()
        late(session, record_id, {"words": EARLY})
        record = session.record(record_id)
        record = replace(record, streams=(record.stream("words"),), reference=None)
    baker = baking.Baker(tmp_path / "staged")
    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(baker.bake, replace(record, id=name)) for name in ("a", "b")]
        paths = {each.result().record.streams[0].source.path for each in both}
    assert len(made) == 1
    assert [each.is_file() for each in paths] == [True]


@pytest.mark.parametrize(
    ("name", "codec", "form", "told"),
    [
        ("a.flac", "flac", "s32", False),
        ("a.wav", "pcm_s24le", "s32", False),
        ("a.wav", "pcm_s32le", "s32", True),
        ("a.mkv", "pcm_s24le", "s32", False),
        ("a.mkv", "pcm_f32le", "flt", True),
    ],
)
@pytest.mark.parametrize("timemap", [LATE, DRIFT])
def test_samples_of_24_bits_keep_them(
    name: str, codec: str, form: str, told: bool, timemap: TimeMap, tmp_path: Path
) -> None:
    quiet = (np.sin(np.arange(2 * RATE) / 5) * 100).round() * 256  # nothing in the upper 16 bits
    values = quiet.astype(np.int32) if form == "s32" else (quiet / 2**31).astype(np.float32)
    with av.open(str(tmp_path / name), "w") as box:
        stream: Any = box.add_stream(codec, rate=RATE, layout="mono")
        stream.codec_context.format = form
        frame = av.AudioFrame.from_ndarray(values[None], format=form, layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE, 0, Fraction(1, RATE)
        box.mux(stream.encode(frame))
        box.mux(stream.encode())
    to, made = baked(tmp_path / name, tmp_path, timemap)
    with av.open(str(to)) as box:
        heard = list(box.decode(audio=0))
    after = np.concatenate([each.to_ndarray().ravel() for each in heard]).astype(float)
    scale = {"s32": 1.0, "flt": 2.0**31, "s16": 65536.0}[heard[0].format.name.rstrip("p")]
    assert 90 * 256 <= np.abs(after).max() * scale <= 110 * 256
    assert len(np.unique(after)) > 100
    assert any("24" in each for each in made.lost) is (told and timemap is DRIFT)
