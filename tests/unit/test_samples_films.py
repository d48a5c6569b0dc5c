"""Real films: the same moment in every container, and playing on time."""

from __future__ import annotations

import logging
import threading
import time
from statistics import median
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest

from inspector.core.model import Modality, Record, Stream
from inspector.core.times import NS
from inspector.media.audio import PcmReader
from inspector.media.video import VideoReader
from inspector.playback.pictures import PictureFeed, State
from inspector.session import Session

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

log = logging.getLogger(__name__)

FRAME_NS = NS // 24
PLACES = 8
"""In so many parts of the film the others are looked at, in each where most moves."""
NEAR = 4
"""Frames of the reference on either side that a picture is compared with."""
RATE = 48_000


# --- the same moment in every container ------------------------------------------------------------------


def tracks(samples: Path, modality: Modality) -> dict[str, Stream]:
    """The picture or sound streams of the films that hold one clip, by container."""
    with Session.open(samples / "iscc_containers") as session:
        streams = session.record("demo").streams
    films = {each.source.path.suffix[1:]: each for each in streams if each.source.path.parent.name == "video"}
    assert set(films) == {"avi", "mkv", "mp4", "mpg", "webm"}
    return {
        each.source.path.suffix[1:]: each
        for each in streams
        if each.source.path.parent.name == "video" and each.modality is modality
    }


def small(reader: VideoReader, number: int) -> NDArray[np.float64]:
    """A frame as a few gray points."""
    picture = reader.read(number, (64, 64))
    assert picture is not None
    assert picture.exact
    rows = np.frombuffer(picture.data, np.uint8).reshape(-1, picture.stride)[: picture.height]
    pixels = rows[:, : picture.width * 4].reshape(picture.height, picture.width, 4)
    gray: NDArray[np.float64] = pixels[..., :3].mean(axis=2)
    return gray


@pytest.fixture(scope="module")
def late_pictures(samples: Path) -> dict[str, list[int]]:
    """By how many ns, at each place, a film's frame begins later than the MP4's one that it looks like."""
    readers = {name: VideoReader(stream.source) for name, stream in tracks(samples, Modality.VIDEO).items()}
    try:
        reference = readers["mp4"].index
        meant = np.array([small(readers["mp4"], number) for number in range(len(reference))])
        steps = np.abs(np.diff(meant, axis=0)).mean(axis=(1, 2))
        moves = np.minimum(steps[1:], steps[:-1])  # of frame k + 1 against both of its neighbours
        late: dict[str, list[int]] = {name: [] for name in readers}
        for part in np.array_split(np.arange(2 * NEAR, len(moves) - 2 * NEAR), PLACES):
            place = int(part[np.argmax(moves[part])]) + 1
            middle_ns = sum(reference.frame_span(place)) // 2
            for name, reader in readers.items():
                shown = reader.index.at(middle_ns)
                assert shown is not None
                near = np.arange(place - NEAR, place + NEAR + 1)
                differences = np.abs(meant[near] - small(reader, shown)).mean(axis=(1, 2))
                best = int(near[np.argmin(differences)])
                assert differences.min() < 0.5 * np.median(differences), "nothing moves here to tell by"
                late[name].append(int(reader.index.start_ns[shown] - reference.start_ns[best]))
        return late
    finally:
        for reader in readers.values():
            reader.close()


def test_every_container_shows_the_same_moment_within_a_frame(late_pictures: dict[str, list[int]]) -> None:
    assert late_pictures["mp4"] == [0] * PLACES
    for name in ("mkv", "mpg", "webm"):
        log.info("%s: pictures %.1f ms late", name, median(late_pictures[name]) / 1e6)
        assert max(map(abs, late_pictures[name])) < FRAME_NS


def test_the_avi_is_found_to_be_two_frames_late(late_pictures: dict[str, list[int]]) -> None:
    """AVI has no presentation stamps: FFmpeg puts pictures behind the frames that the decoder holds back."""
    assert [round(late / FRAME_NS) for late in late_pictures["avi"]] == [2] * PLACES


MP3_DELAY_MS = 1105 / 22.05
"""What an MP3 decoder puts before the sound. MP3 files can say so and be cut; AVI has no place to say it."""


def test_every_container_sounds_the_same_within_a_frame(samples: Path) -> None:
    readers = {name: PcmReader(each.source, RATE) for name, each in tracks(samples, Modality.AUDIO).items()}
    most = RATE // 5
    try:
        for name, reader in readers.items():
            late = []
            for start in range(2 * RATE, 57 * RATE, 6 * RATE):
                meant = readers["mp4"].read(start, 2 * RATE)[:, 0]
                heard = reader.read(start, 2 * RATE)[:, 0]
                if np.abs(meant).max() < 0.01:
                    continue
                size = 1 << 18
                product = np.fft.irfft(np.fft.rfft(heard, size) * np.conj(np.fft.rfft(meant, size)), size)
                near = np.concatenate([product[-most:], product[: most + 1]])
                late.append((int(np.argmax(near)) - most) * 1000 / RATE)
            log.info("%s: sound %.1f ms late (%.1f to %.1f)", name, median(late), min(late), max(late))
            assert len(late) >= 5, "too little is heard to tell"
            if name == "avi":
                assert late == pytest.approx([MP3_DELAY_MS] * len(late), abs=1)
            else:
                assert max(map(abs, late)) * 1e6 < FRAME_NS
    finally:
        for reader in readers.values():
            reader.close()


# --- on time -----------------------------------------------------------------------------------------------

PLAYED_NS = 3 * NS
TICK_S = 1 / 60


def raw_share(streams: Sequence[Stream], length_ns: int) -> float:
    """What part of real time PyAV alone takes to decode that much of all these films, one after the other."""
    began = time.perf_counter()
    for stream in streams:
        with av.open(str(stream.source.path)) as box:
            track: Any = box.streams[stream.source.track or 0]
            track.thread_type = "AUTO"
            for frame in box.decode(track):
                if frame.time is not None and frame.time * NS >= length_ns:
                    break
    return (time.perf_counter() - began) * NS / length_ns


def play(streams: Sequence[Stream], length_ns: int) -> tuple[int, int]:
    """Play from the start by the wall clock, 60 looks a second: (looks, those more than a frame late)."""
    news = threading.Condition()

    def tell() -> None:
        with news:
            news.notify_all()

    feeds = [PictureFeed(stream, tell) for stream in streams]
    looks = late = 0
    tick = threading.Event()
    try:
        for feed in feeds:
            feed.fit(480, 480)
            feed.want(0, playing=True)
        with news:
            assert news.wait_for(lambda: all(feed.shown(0).state is State.EXACT for feed in feeds), 20)
        began = time.perf_counter()
        while (at_ns := round((time.perf_counter() - began) * NS)) < length_ns:
            for feed in feeds:
                shown = feed.shown(at_ns)
                feed.want(at_ns, playing=True)
                if shown.state is State.NO_DATA:
                    continue  # four cameras do not end at the same nanosecond
                assert shown.state is not State.FAILED, shown.message
                looks += 1
                assert shown.number is not None
                late += shown.picture is None or shown.number - shown.picture.number > 1
            tick.wait(TICK_S - (time.perf_counter() - began) % TICK_S)
    finally:
        for feed in feeds:
            feed.close()
    return looks, late


def pictures(record: Record) -> list[Stream]:
    return [stream for stream in record.streams if stream.modality is Modality.VIDEO]


def on_time(streams: Sequence[Stream]) -> None:
    """Play, and hold what was late against what this machine decodes at all."""
    end_ns = min(stream.span[1] for stream in streams if stream.span is not None)
    length_ns = min(PLAYED_NS, end_ns)
    before = raw_share(streams, length_ns)
    looks, late = play(streams, length_ns)
    share = max(before, raw_share(streams, length_ns))  # others may use the machine in between
    told = f"{late} of {looks} looks late; raw PyAV takes {share:.2f} of real time"
    log.info("%s: %s", streams[0].source.path.name, told)
    if late > 0.05 * looks and share > 0.7:
        pytest.skip(f"this machine cannot tell: {told}")
    assert looks > 30 * length_ns / NS
    assert late <= 0.05 * looks, told


def silent(pcm: NDArray[np.float32]) -> int:
    """How many stretches of 10 ms hold nothing at all."""
    return int((np.abs(pcm[: len(pcm) // 480 * 480].reshape(-1, 480)).max(axis=1) == 0).sum())


@pytest.mark.slow
@pytest.mark.parametrize("name", ["karma", "max-heromode"])
def test_an_action_camera_plays_on_time(samples: Path, name: str) -> None:
    """Picture and sound of one event: where they begin and end, played, and heard without a hole."""
    with Session.open(samples / "gopro_gpmf") as session:
        record = session.record(name)
    (picture,) = pictures(record)
    (sound,) = (stream for stream in record.streams if stream.modality is Modality.AUDIO)
    assert picture.span is not None
    assert sound.span is not None
    with av.open(str(picture.source.path)) as box:
        first, last = [], 0
        for packet in box.demux(box.streams[picture.source.track or 0]):
            if packet.pts is not None and packet.time_base is not None:
                first.append(round(packet.pts * packet.time_base * NS))
                last = max(last, round((packet.pts + (packet.duration or 0)) * packet.time_base * NS))
    assert abs(picture.span[0] - min(at for at in first if at >= 0)) <= 1
    assert abs(picture.span[1] - last) <= 1
    assert sound.span[0] == 0
    assert abs(sound.span[1] - picture.span[1]) < NS // 10
    reader = PcmReader(sound.source, RATE)
    try:
        pcm = reader.read(0, sound.span[1] * RATE // NS)
    finally:
        reader.close()
    with av.open(str(picture.source.path)) as box:
        plain = np.concatenate([frame.to_ndarray()[0] for frame in box.decode(audio=0)])
    assert silent(pcm[:, 0]) <= silent(plain) + 1, "a hole in the sound"
    on_time([picture])


@pytest.mark.slow
@pytest.mark.parametrize("trial", ["Single", "Multi"])
@pytest.mark.parametrize(
    "cameras", [(1,), (2,), (3,), (4,), (1, 2, 3, 4)], ids=lambda them: f"{them[-1]}of{len(them)}"
)
def test_cameras_in_portrait_play_on_time(samples: Path, trial: str, cameras: tuple[int, ...]) -> None:
    """1080 x 1920 at 60 fps, one of them VP9 beside H.264: each camera, and all four together."""
    with Session.open(samples / "pose2sim_multicam") as session:
        streams = pictures(session.record(f"Pose2Sim/Demo_{trial}Person"))
    codecs = ["h264", "vp9" if trial == "Single" else "h264", "h264", "h264"]
    assert [stream.meta["codec"] for stream in streams] == codecs
    for stream in streams:
        assert stream.span is not None
        assert stream.span[0] == 0
        assert abs(stream.span[1] - 1_667_000_000) < 1_000_000
        assert stream.meta["height"] == 1920 or stream.meta["rotation"] % 180 == 90
        assert 59 < (stream.rate or 0) < 61
    on_time([streams[camera - 1] for camera in cameras])
