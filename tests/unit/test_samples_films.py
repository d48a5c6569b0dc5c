"""Real films: the same moment in every container. Playing on time is in tests/e2e/test_samples_on_time.py."""

from __future__ import annotations

import logging
from statistics import median
from typing import TYPE_CHECKING

import numpy as np
import pytest

from inspector.core.model import Modality, Stream
from inspector.core.times import NS
from inspector.media.audio import PcmReader
from inspector.media.video import VideoReader
from inspector.session import Session

if TYPE_CHECKING:
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
