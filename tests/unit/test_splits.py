"""Sides of a split: nothing of one is on another, and no record ever moves."""

from __future__ import annotations

import shutil
import wave
from collections import Counter, defaultdict
from itertools import combinations
from typing import TYPE_CHECKING, Any
from unittest import mock

import av
import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from releases import export

from inspector.core import manifest
from inspector.core.model import Clock, Modality, Source, Stream
from inspector.errors import InspectorError
from inspector.media.likeness import Likeness, common
from inspector.release import alike
from inspector.release.alike import near_pairs
from inspector.release.plan import Choice, make_plan
from inspector.release.sides import Sides
from inspector.release.splits import Assigned, Spec, _Cluster, _fill, parse
from inspector.session import Session

if TYPE_CHECKING:
    from pathlib import Path

SPEC = "group=speaker,train=0.6,val=0.2,test=0.2"


def sound(path: Path, seed: int, seconds: float = 6.0) -> None:
    """Syllables of noise in bands that change, so that each seed sounds like nothing else."""
    rng = np.random.default_rng(seed)
    rate = 16_000
    parts: list[Any] = []
    while sum(map(len, parts)) < seconds * rate:
        length = int(rng.integers(1500, 5000))
        at = np.arange(length) / rate
        tones = sum(
            rng.uniform(0.2, 1) * np.sin(2 * np.pi * (low + rng.uniform(-200, 200) * at) * at)
            for low in rng.uniform(300, 2500, 5)
        )
        parts.append((tones + rng.normal(0, 0.05, length)) * np.hanning(length) * 3000)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.clip(np.concatenate(parts), -32768, 32767).astype(np.int16).tobytes())


def encode(source: Path, to: Path, codec: str, bit_rate: int, skip_s: float = 0.0) -> None:
    with av.open(str(source)) as box, av.open(str(to), "w") as out:
        stream: Any = out.add_stream(codec, rate=16_000, layout="mono")
        stream.bit_rate = bit_rate
        pcm = np.concatenate([frame.to_ndarray().ravel() for frame in box.decode(audio=0)])
        pcm = (pcm[round(skip_s * 16_000) :] / 32768).astype(np.float32)
        for at in range(0, len(pcm), 1024):
            frame = av.AudioFrame.from_ndarray(pcm[None, at : at + 1024], format="flt", layout="mono")
            frame.sample_rate, frame.pts = 16_000, at
            out.mux(stream.encode(frame))
        out.mux(stream.encode())


def dataset(root: Path, speakers: list[str]) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    for number in range(len(speakers)):
        home = root / f"r{number:02}"
        home.mkdir(exist_ok=True)
        if not list(home.iterdir()):
            sound(home / "voice.wav", number)
    table(root, speakers)
    return root


def table(root: Path, speakers: list[str]) -> None:
    rows = ["audio_file_name,speaker,mood"]
    for number, speaker in enumerate(speakers):
        (path,) = (root / f"r{number:02}").iterdir()
        rows.append(f"{path.relative_to(root)},{speaker},{('calm', 'angry')[number % 2]}")
    (root / "metadata.csv").write_text("\n".join(rows) + "\n")


def sides(out: Path) -> dict[str, str]:
    found = pq.read_table(manifest.table_path(out, "index")).to_pylist()
    return {row["record_id"]: row["split"] for row in found}


def test_what_holds_the_same_is_on_one_side_and_nothing_moves(tmp_path: Path) -> None:
    speakers = ["ann", "ann", "bob", "cid", "dan", "eve", "fay", "gus", "hal", "ian", "joe", "kim"]
    root = dataset(tmp_path / "data", speakers)
    (root / "r03/voice.wav").unlink()
    encode(
        root / "r00/voice.wav", root / "r03/voice.m4a", "aac", 48_000, 0.7
    )  # ann, as cid, cut and encoded anew
    (root / "r05/voice.wav").unlink()
    shutil.copyfile(root / "r03/voice.m4a", root / "r05/other.m4a")  # and again, as eve
    (root / "r07/voice.wav").unlink()
    with wave.open(str(root / "r02/voice.wav")) as file, wave.open(str(root / "r07/v.wav"), "wb") as cut:
        cut.setparams(file.getparams())
        file.readframes(16_000)
        cut.writeframes(file.readframes(60_000))  # bob, as gus, a part of it
    table(root, speakers)
    with Session.open(root) as session:
        export(session, tmp_path / "one", split=SPEC, where="speaker <> 'eve'")
    one = sides(tmp_path / "one")
    ids = sorted(one)
    assert len({one[each] for each in ids if "r00" in each or "r01" in each or "r03" in each}) == 1
    assert len({one[each] for each in ids if "r02" in each or "r07" in each}) == 1
    assert set(one.values()) == {"train", "val", "test"}
    # A new delivery: more records, other numbers, shares, seed. Nothing moves, what is new follows.
    more = ["zoe", "yan", *speakers]
    for number in reversed(range(len(speakers))):
        (root / f"r{number:02}").rename(root / f"r{number + 2:02}")
    for number in (0, 1):
        (root / f"r{number:02}").mkdir()
    sound(root / "r00/voice.wav", 77)
    encode(root / "r04/voice.wav", root / "r01/copy.mp3", "libmp3lame", 64_000)
    table(root, more)
    with Session.open(root) as session:
        contents = {each: session.desk.present(each) for each in session.record_ids()}
        export(session, tmp_path / "two", split="group=speaker,train=0.1,test=0.9", seed=5)
        assert set(one) - {"other"} != set(contents)
    two = sides(tmp_path / "two")
    rows = pq.read_table(manifest.table_path(tmp_path / "one", "records")).to_pylist()
    first = {row["made_from"]: row["split"] for row in rows}
    kept = {each: first[content] for each, content in contents.items() if content in first}
    assert len(kept) == len(one) + 1  # eve's is the same file as cid's
    assert {each: two[each] for each in kept} == kept
    assert two["other"] == two["r02/voice"]  # eve holds what ann does
    assert two["copy"] == two["r04/voice"]  # as yan now does of bob


def test_a_locked_side_takes_nothing_in(tmp_path: Path) -> None:
    root = dataset(tmp_path / "data", ["a", "b", "c", "d", "e", "f"])
    with Session.open(root) as session:
        export(session, tmp_path / "one", split="group=speaker,train=0.5,test=0.5,lock=test")
    one = sides(tmp_path / "one")
    locked = {each for each, split in one.items() if split == "test"}
    test_speaker = dict(zip(sorted(one), "abcdef", strict=True))[min(locked)]
    dataset(root, ["a", "b", "c", "d", "e", "f", "g", "h", test_speaker])
    with Session.open(root) as session:
        plan = make_plan(session, Choice(split="group=speaker,train=0.5,test=0.5"))
        assert plan.left_out == {"belongs to test, which is locked": 1}
        found = dict(zip(plan.ids, plan.splits, strict=True))
        assert {each for each, split in found.items() if split == "test"} == locked
        assert len(found) == 8
        with pytest.raises(InspectorError, match="locked"):
            make_plan(session, Choice(split="test=1"))


def test_sides_from_a_list_and_from_a_parent(tmp_path: Path) -> None:
    root = dataset(tmp_path / "data", ["a", "a", "b", "c"])
    with Session.open(root) as session:
        ids = session.record_ids()
        rows = "".join(f"{each},{split}\n" for each, split in zip(ids, ("x", "y", "x", ""), strict=True))
        (tmp_path / "sides.csv").write_text(f"record_id,split\n{rows}")
        plan = make_plan(session, Choice(split=f"file={tmp_path}/sides.csv,group=speaker"))
        assert plan.splits == ("x", "y", "x", "data")
        assert "though they belong together" in plan.told[0]
        export(session, tmp_path / "one", split=f"file={tmp_path}/sides.csv,near=off")
        (tmp_path / "sides.csv").write_text(f"record_id,split\n{ids[0]},y\n")
        with pytest.raises(InspectorError, match="moves records"):
            make_plan(session, Choice(split=f"file={tmp_path}/sides.csv"))
    shutil.rmtree(root / ".inspector")
    with Session.open(root) as session:
        card = export(session, tmp_path / "two", split="x=0.1,z=0.9,near=off", parent=tmp_path / "one")
        assert card.parent == manifest.read_card(tmp_path / "one").root
        assert list(sides(tmp_path / "two").values())[:3] == ["x", "y", "x"]


def test_a_wrong_spec_is_told(tmp_path: Path) -> None:
    for text in ("train=", "a=b", "group=speaker", "train=0", "near=maybe,a=1"):
        with pytest.raises(InspectorError):
            parse(text)
    with (
        Session.open(dataset(tmp_path / "data", ["a", "b"])) as session,
        pytest.raises(InspectorError, match="no column"),
    ):
        make_plan(session, Choice(split="group=nobody,train=1"))


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.integers(0, 12), min_size=1, max_size=80),
    st.lists(st.integers(0, 2), min_size=80, max_size=80),
    st.integers(0, 9),
)
def test_shares_and_strata_are_met_as_far_as_groups_let(
    groups: list[int], strata: list[int], seed: int
) -> None:
    rows: dict[int, list[int]] = defaultdict(list)
    for row, group in enumerate(groups):
        rows[group].append(row)
    clusters = [_Cluster(each, []) for each in rows.values()]
    found = Assigned([None] * len(groups))
    ids = [f"r{row}" for row in range(len(groups))]
    spec = Spec(shares={"train": 0.75, "test": 0.25})
    _fill(clusters, strata[: len(groups)], found, spec, (), seed, ids)
    largest = max(map(len, rows.values()))
    counts = Counter(found.splits)
    assert sum(counts.values()) == len(groups)
    assert abs(counts["test"] - 0.25 * len(groups)) <= 2 * largest
    for each in rows.values():
        assert len({found.splits[row] for row in each}) == 1


def test_a_sound_that_could_not_be_read_is_looked_at_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = dataset(tmp_path / "data", ["ann", "bob"])
    with Session.open(root) as session:
        contents = {session.desk.present(each) or "": each for each in session.record_ids()}
        before = Sides()

        def away(self: Any, stream: Any) -> Any:
            raise InspectorError("The sound cannot be read", str(stream.id))

        with monkeypatch.context() as patch:
            patch.setattr(Likeness, "of", away)
            near_pairs(session, contents, before)
        assert before.sketches == {}
        near_pairs(session, contents, before)
        assert before.sketches.keys() == contents.keys()
        assert all(len(each.sound) for each in before.sketches.values())


def film(path: Path, seed: int, size: tuple[int, int], codec: str, seconds: tuple[float, float]) -> None:
    """A part of a silent film: a room that all share, and what goes about in it as the seed says."""
    rng = np.random.default_rng(seed)
    room = np.random.default_rng(0).uniform(40, 200, (12, 16)).repeat(12, 0).repeat(12, 1)
    y, x = np.mgrid[: room.shape[0], : room.shape[1]]
    ways = np.cumsum(np.cumsum(rng.normal(0, 0.12, (6, 2, 200)), axis=2), axis=2) + rng.uniform(
        30, 110, (6, 2, 1)
    )
    with av.open(str(path), "w") as out:
        stream: Any = out.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = *size, "yuv420p", 200_000
        for number in range(round(seconds[0] * 25), round(seconds[1] * 25)):
            picture = room.copy()
            for row, column in ways[:, :, number] % 150:
                picture += 160 * np.exp(-((y - row) ** 2 + (x - column) ** 2) / 300)
            frame = av.VideoFrame.from_ndarray(np.clip(picture, 0, 255).astype(np.uint8), "gray")
            for packet in stream.encode(frame.reformat(*size, "yuv420p")):
                out.mux(packet)
        for packet in stream.encode():
            out.mux(packet)


def test_silent_films_that_were_encoded_anew_are_alike_and_others_of_that_room_are_not(
    tmp_path: Path,
) -> None:
    root = tmp_path / "data"
    root.mkdir()
    for number in range(4):
        film(root / f"f{number}.mp4", number, (192, 144), "libx264", (0, 8))
    film(root / "small.avi", 1, (96, 72), "mpeg4", (0, 8))
    film(root / "part.mp4", 2, (192, 144), "mpeg4", (2, 7))
    names = sorted(each.name for each in root.iterdir())
    (root / "metadata.csv").write_text("\n".join(["file_name", *names]) + "\n")
    with Session.open(root) as session:
        contents = {session.desk.present(each) or "": each for each in session.record_ids()}
        before = Sides()
        pairs = near_pairs(session, contents, before)
        found = {tuple(sorted(contents[each] for each in pair)) for pair in pairs}
        assert found == {("f1", "small"), ("f2", "part")}
        with mock.patch.object(Likeness, "of", side_effect=AssertionError("it was looked at already")):
            assert near_pairs(session, contents, before) == pairs


def test_a_file_that_is_gone_is_told_and_has_no_sketch(tmp_path: Path) -> None:
    gone = Stream("x", Modality.AUDIO, Source(tmp_path / "x.wav", "av", 0), Clock("x", "none"))
    with Likeness() as likeness, pytest.raises(InspectorError, match="cannot be read"):
        likeness.of(gone)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sets(st.integers(0, 30), max_size=12), max_size=40), st.integers(1, 3))
def test_pairs_that_share_marks_are_those_found_by_comparing_each_with_each(
    held: list[set[int]], least: int
) -> None:
    sketches = {f"n{n:02}": np.array(sorted(each), np.uint64) for n, each in enumerate(held)}
    with mock.patch.object(alike, "MANY", 100), mock.patch.object(alike, "PAIRS_AT_ONCE", 7):
        found = sorted(alike._pairs(sketches, (least, 0.0)))
    wanted = [
        pair for pair in combinations(sorted(sketches), 2)
        if common(sketches[pair[0]], sketches[pair[1]])[0] >= least
    ]  # fmt: skip
    assert found == wanted
    alone = sorted(alike._pairs(sketches, (least, 0.0)))  # of a mark of many, each with the next alone
    assert set(alone) <= set(wanted)
