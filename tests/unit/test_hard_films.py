"""Films that are hard to play: each shows what it can under its true number, and the record says what not."""

from __future__ import annotations

import threading
from fractions import Fraction
from typing import TYPE_CHECKING

import av
import films
import hard_films
import numpy as np
import pytest
from films import NS, picture_number
from hard_films import HardReel

from inspector.core.model import Coverage, Modality
from inspector.errors import InspectorError
from inspector.media.audio import PcmReader
from inspector.media.frames import build_index
from inspector.media.video import VideoReader
from inspector.playback.pictures import PictureFeed
from inspector.playback.shown import State
from inspector.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from inspector.core.model import Record, Stream

FIT = (160, 160)
LOST = {"far_stamp.ts": 1}
"""Whole frames that are not shown: the one whose stamp lies three hours from where it was written."""


@pytest.fixture(scope="session")
def reel(tmp_path_factory: pytest.TempPathFactory) -> HardReel:
    return hard_films.hard_reel(tmp_path_factory.getbasetemp())


def record_of(folder: Path) -> Record:
    """The one record of a folder that holds one film."""
    with Session.open(folder) as session:
        (record_id,) = session.record_ids()
        return session.record(record_id)


def picture_stream(record: Record) -> Stream:
    return next(stream for stream in record.streams if stream.modality is Modality.VIDEO)


def said(record: Record) -> str:
    return "\n".join(map(str, record.problems))


@pytest.mark.parametrize("name", hard_films.MAKERS)
def test_every_frame_in_any_order_is_the_right_one_or_says_that_it_is_not(reel: HardReel, name: str) -> None:
    """Through the record, forward, backward and anywhere, against a plain decode of the same film."""
    stream = picture_stream(record_of(reel.film(name).path.parent))
    true: dict[int, set[int | None]] = {}
    for shot in reel.shots(name):
        if shot.whole and shot.start_ns >= 0:
            true.setdefault(shot.start_ns, set()).add(shot.number)
    assert None not in set.union(*true.values()), "the film is not what it should be"
    reader = VideoReader(stream.source)
    try:
        index = reader.index
        assert true.keys() <= set(index.start_ns.tolist())
        assert stream.span is not None
        assert stream.span[0] == index.start_ns[0]
        count = len(index)
        rng = np.random.default_rng(1)
        forward = list(range(count))
        order = [*forward, *forward[: count // 2 : -1], *rng.integers(0, count, 30).tolist()]
        exact: set[int] = set()
        for number in order:
            picture = reader.read(number, FIT)
            start_ns = int(index.start_ns[number])
            if picture is None or not picture.exact:
                assert number not in exact, "a frame that was there is gone"
                continue
            exact.add(number)
            assert picture.number == number
            assert picture_number(picture) in true[start_ns]
        missing = [start_ns for start_ns in true if index.at(start_ns) not in exact]
        assert len(missing) == LOST.get(name, 0)
    finally:
        reader.close()


@pytest.mark.parametrize("name", ["two_sizes.ts", "two_sizes.mkv"])
def test_a_film_that_changes_its_size_keeps_the_shape_of_each(reel: HardReel, name: str) -> None:
    reader = VideoReader(picture_stream(record_of(reel.film(name).path.parent)).source)
    try:
        for number, shape in ((99, (160, 90)), (3, (160, 120)), (50, (160, 90)), (49, (160, 120))):
            picture = reader.read(number, FIT)
            assert picture is not None
            assert (picture.width, picture.height) == shape
    finally:
        reader.close()


@pytest.mark.parametrize("clockwise", [90, 180, 270])
def test_a_turned_film_says_by_how_much(reel: HardReel, clockwise: int) -> None:
    stream = picture_stream(record_of(reel.film(f"turned_{clockwise}.mp4").path.parent))
    assert stream.meta["rotation"] == 360 - clockwise  # counter-clockwise, as the view turns it


def test_the_index_of_a_torn_film_ends_where_its_data_does(reel: HardReel) -> None:
    index = build_index(reel.film("cut_front.mp4").path, 0)
    last_ns = max(shot.start_ns for shot in reel.shots("cut_front.mp4"))
    assert index.start_ns[-1] <= last_ns + NS // hard_films.RATE


# --- what is said -----------------------------------------------------------------------------------

TOLD = {
    "cut_front.mp4": "cut short",
    "cut_fragments.mp4": "cut short",
    "cut.mkv": "cut short",
    "cut.avi": "cut short",
    "back.mkv": "jump backwards at 0:02.560",
    "far_stamp.ts": "jump backwards at 3:00:01.320",
    "unstamped.ts": "50 of 75 frames of track 0 that were looked at carry no time and are not shown",
    "starts_within.ts": "begins within a group of pictures: its first 8 frames may not be shown",
}
"""Not cut.ts: MPEG-TS declares no length, and that it was cut cannot be known."""


@pytest.mark.parametrize("name", hard_films.MAKERS)
def test_what_is_wrong_is_said_and_nothing_else(reel: HardReel, name: str) -> None:
    record = record_of(reel.film(name).path.parent)
    # The picture of cut_fragments is as long as its fragments say: it is the sound that is not.
    cut = name in ("cut_front.mp4", "cut.mkv", "cut.avi")
    assert record.coverage[Modality.VIDEO] is (Coverage.TRUNCATED if cut else Coverage.PRESENT)
    if name in TOLD:
        assert TOLD[name] in said(record)
    else:
        assert record.problems == ()


def test_no_picture_at_all(tmp_path: Path) -> None:
    films.make_sound(tmp_path / "talk.mp4", "aac", 2)
    record = record_of(tmp_path)
    assert [stream.modality for stream in record.streams] == [Modality.AUDIO]
    assert "holds sound but no picture" in said(record)
    pcm_reader = PcmReader(record.streams[0].source)
    try:
        assert np.abs(pcm_reader.read(0, 2 * films.RATE)).max() > 0.3
    finally:
        pcm_reader.close()


def test_a_cover_is_no_film(tmp_path: Path) -> None:
    path = tmp_path / "talk.m4a"
    with av.open(str(path), "w", format="mp4") as box:
        audio = box.add_stream("aac", rate=48_000, layout="mono")
        cover = box.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 64, 64, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        frame = av.VideoFrame.from_ndarray(films.barcode(7, 64, 64), format="rgb24")
        frame.pts, frame.time_base = 0, Fraction(1)
        box.mux(cover.encode(frame))
        box.mux(cover.encode())
        for sent in range(0, 48_000, 1024):
            block = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="flt", layout="mono")
            block.sample_rate, block.pts, block.time_base = 48_000, sent, Fraction(1, 48_000)
            box.mux(audio.encode(block))
        box.mux(audio.encode())
    with av.open(str(path)) as box:
        assert len(box.streams.video) == 1, "the file is not what it should be"
    assert [stream.modality for stream in record_of(tmp_path).streams] == [Modality.AUDIO]


def test_what_holds_nothing_that_can_be_read_is_said_to(reel: HardReel, tmp_path: Path) -> None:
    whole = reel.film("hevc.mp4").path.read_bytes()  # its index is at its end
    fragments = reel.film("cut_fragments.mp4").path.read_bytes()
    files = {
        "empty": b"",
        "headless": whole[: len(whole) * 6 // 10],
        "torn_header": fragments[: fragments.index(b"moof") + 40],
        "noise": np.random.default_rng(0).bytes(20_000),
    }
    for name, data in files.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.mp4").write_bytes(data)
        record = record_of(tmp_path / name)
        assert record.streams == ()
        assert len(record.problems) == 1
        assert record.coverage[Modality.VIDEO] in (Coverage.EMPTY, Coverage.UNREADABLE)


# --- through the feed ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "vp9.webm",
        "two_sizes.ts",
        "starts_within.ts",
        "cut_front.mp4",
        "cut.avi",
        "back.mkv",
        "below_zero.mp4",
    ],
)
def test_seeks_drags_and_steps_over_what_is_broken(reel: HardReel, name: str) -> None:
    """Whatever the hand does, the feed comes to rest on the right frame, or says that there is none."""
    stream = picture_stream(record_of(reel.film(name).path.parent))
    true: dict[int, set[int | None]] = {}
    for shot in reel.shots(name):
        if shot.whole:
            true.setdefault(shot.start_ns, set()).add(shot.number)
    news = threading.Condition()

    def tell() -> None:
        with news:
            news.notify_all()

    feed = PictureFeed(stream, tell, 12 * 160 * 120 * 4)

    def rests(at_ns: int) -> None:
        feed.want(at_ns)
        with news:
            assert news.wait_for(lambda: feed.shown(at_ns).state is not State.WAITING, 10)
        shown = feed.shown(at_ns)
        if shown.state is State.FAILED:
            assert shown.message in ("this frame is damaged", "this frame cannot be decoded")
            return
        assert shown.state is State.EXACT
        assert shown.picture is not None
        assert picture_number(shown.picture) in true[shown.picture.span[0]]

    try:
        with news:
            assert news.wait_for(lambda: feed.index is not None, 10)
        assert feed.index is not None
        feed.fit(160, 120)
        rng = np.random.default_rng(5)
        starts = feed.index.start_ns
        for place in rng.integers(0, len(starts), 6).tolist():
            for on_the_way in rng.integers(0, len(starts), 4).tolist():
                feed.want(int(starts[on_the_way]), dragging=True)
            rests(int(starts[place]))
        at: int | None = int(starts[-1])
        for _ in range(min(20, len(starts) - 1)):
            assert at is not None
            rests(at)
            at = feed.frame_start(at, -1)
    finally:
        feed.close()


# --- broken by chance -----------------------------------------------------------------------------


def flipped(data: bytes, seed: int) -> bytes:
    """Six bits of the middle of a film are another."""
    rng = np.random.default_rng(seed)
    broken = bytearray(data)
    for at in rng.integers(len(data) // 6, len(data) * 5 // 6, 6):
        broken[at] ^= 1 << int(rng.integers(8))
    return bytes(broken)


def each_frame(path: Path, look: Callable[[int, int | None, bool], None]) -> None:
    """Read a film forward and in places: start, number in the picture, and whether it is called exact."""
    streams = [stream for stream in record_of(path.parent).streams if stream.modality is Modality.VIDEO]
    for stream in streams:
        try:
            reader = VideoReader(stream.source)
        except InspectorError:
            continue
        try:
            count = len(reader.index)
            for number in [*range(count), *range(count - 1, 0, -9)]:
                picture = reader.read(number, FIT)
                if picture is not None and picture.number == number:
                    look(int(reader.index.start_ns[number]), picture_number(picture), picture.exact)
        finally:
            reader.close()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["h264_422.mkv", "mpeg2.ts", "wrapped.ts"])
def test_damage_is_told_from_what_is_whole(reel: HardReel, tmp_path: Path, name: str) -> None:
    """H.264 and MPEG-2 tell of nearly all damage: of fifty frames called exact one may be another.

    A bit may make another picture of the same length: nothing in the file tells of that.
    """
    data = reel.film(name).path.read_bytes()
    true = {shot.start_ns: shot.number for shot in reel.shots(name)}
    right: list[bool] = []
    untouched: list[bool] = []
    damaged: list[int | None] = []

    def look(start_ns: int, number: int | None, exact: bool) -> None:
        if not exact:
            damaged.append(number)
        elif start_ns in true:  # a stamp may be what was broken
            right.append(true[start_ns] == number)
            if start_ns < NS // 3:
                untouched.append(right[-1])

    for seed in range(6):
        folder = tmp_path / str(seed)
        folder.mkdir()
        (folder / name).write_bytes(flipped(data, seed))
        each_frame(folder / name, look)
    assert len(right) > 6 * 75 // 3, "too little was left to tell"
    assert len(damaged) > 20, "too little was broken to tell"
    assert sum(right) >= 0.98 * len(right)
    assert all(untouched)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["hevc.mp4", "vp9.webm", "av1.mp4", "bframes.avi", "open_gop.ts", "cut.mkv"])
def test_no_broken_film_breaks_the_reader(reel: HardReel, tmp_path: Path, name: str) -> None:
    """Their decoders hide damage or keep quiet about it; what is before it stands, and nothing falls."""
    data = reel.film(name).path.read_bytes()
    seen: list[bool] = []
    for seed in range(3):
        folder = tmp_path / str(seed)
        folder.mkdir()
        (folder / name).write_bytes(flipped(data, seed))
        each_frame(folder / name, lambda _start, _number, exact: seen.append(exact))
    assert any(seen)
