"""Frames by presentation timestamp: the index against a plain decode, and every read against the barcode."""

from __future__ import annotations

from typing import TYPE_CHECKING

import films
import numpy as np
import pytest
from films import NS, Reel, picture_number
from hypothesis import given
from hypothesis import strategies as st

from inspector.core.model import Source
from inspector.errors import InspectorError
from inspector.media.frames import FrameIndex, build_index, frame_index
from inspector.media.video import Picture, VideoReader

if TYPE_CHECKING:
    from pathlib import Path

ALL = [*films.MAKERS, *films.CUT]
FIT = (200, 200)


@pytest.fixture(scope="session")
def reel(tmp_path_factory: pytest.TempPathFactory) -> Reel:
    return films.reel(tmp_path_factory.getbasetemp())


def source(path: Path, start_ns: int | None = None, end_ns: int | None = None) -> Source:
    return Source(path, "av", 0, start_ns=start_ns, end_ns=end_ns)


@pytest.mark.parametrize("name", films.MAKERS)
def test_the_films_are_what_they_were_made_to_be(reel: Reel, name: str) -> None:
    """Not of the program: a ruler that is bent measures nothing."""
    film, truth = reel.film(name), reel.truth(name)
    assert truth.numbers == tuple(range(len(film.pts_s)))
    shift = truth.starts_ns[0] - round(film.pts_s[0] * NS)
    for start_ns, pts_s in zip(truth.starts_ns, film.pts_s, strict=True):
        assert abs(start_ns - shift - round(pts_s * NS)) <= 1_000_000  # Matroska counts in ms


@pytest.mark.parametrize("name", ALL)
def test_the_index_is_what_decoding_gives(reel: Reel, name: str) -> None:
    index, truth = build_index(reel.film(name).path, 0), reel.truth(name)
    assert len(index) == len(truth.starts_ns)
    assert index.start_ns.tolist() == list(truth.starts_ns)
    assert (np.diff(index.pts) > 0).all()
    assert set(index.key_pts.tolist()) <= set(index.pts.tolist())
    # The last frame lasts for one of the film's intervals, not for nothing and not for ever.
    last_ns = index.end_ns - truth.starts_ns[-1]
    assert 0 < last_ns <= max(np.diff(truth.starts_ns))


@pytest.mark.parametrize("name", ALL)
def test_any_frame_in_any_order(reel: Reel, name: str) -> None:
    truth = reel.truth(name)
    rng = np.random.default_rng(11)
    count = len(truth.starts_ns)
    order = [0, count - 1, *rng.integers(0, count, 24).tolist()]
    for at in rng.integers(0, count - 4, 4).tolist():
        order += [at, at + 1, at + 2, at + 1, at]  # steps, on and back
    reader = VideoReader(source(reel.film(name).path))
    try:
        for number in order:
            picture = reader.read(number, FIT)
            assert picture is not None
            assert picture_number(picture) == truth.numbers[number]
            assert (picture.number, picture.exact) == (number, True)
            assert picture.span == reader.index.frame_span(number)
    finally:
        reader.close()


@pytest.mark.parametrize("name", ["bframes.mp4", "variable.mkv", "start.ts", "cut_bframes.mkv"])
def test_one_after_the_other(reel: Reel, name: str) -> None:
    truth = reel.truth(name)
    reader = VideoReader(source(reel.film(name).path))
    try:
        read = [reader.read(number, FIT) for number in range(len(reader.index))]
    finally:
        reader.close()
    assert [picture and picture_number(picture) for picture in read] == list(truth.numbers)


def test_what_is_offered_on_the_way_is_labelled_right(reel: Reel) -> None:
    reader = VideoReader(source(reel.film("bframes.mp4").path))
    run: list[Picture] = []
    try:
        reader.read(90, FIT)
        passed = list(reader.passed(FIT))
        assert reader.read_run(40, 60, FIT, run.append, lambda: False)
        assert not reader.read_run(3, 9, FIT, run.append, lambda: True)
        picture = reader.read(20, FIT)
    finally:
        reader.close()
    assert [picture_number(each) for each in passed] == [each.number for each in passed]
    assert [each.number for each in passed] == list(range(89, 81, -1))
    assert [picture_number(each) for each in run] == [each.number for each in run] == list(range(40, 61))
    assert picture is not None
    assert picture_number(picture) == 20


@pytest.mark.parametrize("name", ["bframes.mp4", "start.ts", "count.avi"])
def test_a_key_frame_alone(reel: Reel, name: str) -> None:
    reader = VideoReader(source(reel.film(name).path))
    try:
        for number in (len(reader.index) - 1, 0, 60, 30):
            picture = reader.read_key(number, FIT)
            assert picture is not None
            assert picture_number(picture) == picture.number == reader.index.key_before(number)
        picture = reader.read(33, FIT)
        assert picture is not None
        assert picture_number(picture) == 33
    finally:
        reader.close()


def test_a_read_that_is_told_to_stop_gives_nothing(reel: Reel) -> None:
    reader = VideoReader(source(reel.film("long_gop.mp4").path))
    try:
        assert reader.read(140, FIT, stop=lambda: True) is None
        picture = reader.read(110, FIT)  # and the next one is right all the same
        assert picture is not None
        assert picture_number(picture) == 110
    finally:
        reader.close()


@pytest.mark.parametrize("name", ["bframes.mp4", "long_gop.mp4", "start.ts", "count.avi"])
def test_key_before(reel: Reel, name: str) -> None:
    reader = VideoReader(source(reel.film(name).path))
    try:
        keys = set(reader.index.key_pts.tolist())
        for number in range(0, len(reader.index), 7):
            key = reader.index.key_before(number)
            assert key <= number
            assert reader.index.pts[key] in keys
            assert not keys & set(reader.index.pts[key + 1 : number + 1].tolist())
    finally:
        reader.close()


@pytest.mark.parametrize("name", ["bframes.mp4", "start.ts", "late.mkv"])
def test_an_episode_of_a_longer_film(reel: Reel, name: str) -> None:
    """Local time 0 is the cut's start; frames before and after it do not exist."""
    truth = reel.truth(name)
    first, behind = 61, 104
    start_ns, end_ns = truth.starts_ns[first], truth.starts_ns[behind]
    # Times of episodes are floats of seconds in the wild, a little off the frame's own.
    reader = VideoReader(source(reel.film(name).path, start_ns + 400, end_ns - 400))
    try:
        assert len(reader.index) == behind - first
        assert reader.index.at(-1000) is None
        assert reader.index.at(end_ns - start_ns) is None
        for number in (0, 42, 20, 0, 21):
            picture = reader.read(number, FIT)
            assert picture is not None
            assert picture_number(picture) == first + number
            assert abs(picture.span[0] - (truth.starts_ns[first + number] - start_ns)) < 1000
        assert 0 <= reader.index.key_before(10) <= 10
    finally:
        reader.close()


def test_pictures_fit_and_are_never_blown_up(reel: Reel) -> None:
    reader = VideoReader(source(reel.film("bframes.mp4").path))
    try:
        for fit, size in (((160, 160), (160, 120)), ((100, 30), (40, 30)), ((4000, 3000), (320, 240))):
            picture = reader.read(5, fit)
            assert picture is not None
            assert (picture.width, picture.height) == size
            assert picture.nbytes == picture.stride * picture.height
    finally:
        reader.close()
    reader = VideoReader(source(reel.film("portrait.mp4").path))
    try:
        picture = reader.read(5, (120, 160))
        assert picture is not None
        assert picture.rotation == 270  # counter-clockwise
        assert (picture.width, picture.height) == (160, 120)  # lying; 120 x 160 when turned
    finally:
        reader.close()


def test_a_file_that_cannot_be_read_says_so(tmp_path: Path, reel: Reel) -> None:
    headless = tmp_path / "cut.mp4"  # an MP4's index is at its end
    headless.write_bytes(reel.film("bframes.mp4").path.read_bytes()[:9000])
    text = tmp_path / "text.mp4"
    text.write_text("no film")
    for path in (headless, text):
        with pytest.raises(InspectorError) as told:
            VideoReader(source(path))
        assert str(path) in str(told.value)
    with pytest.raises((InspectorError, FileNotFoundError)):
        VideoReader(source(tmp_path / "missing.mp4"))


def test_an_index_is_kept_until_the_file_changes(tmp_path: Path, reel: Reel) -> None:
    path = tmp_path / "film.mp4"
    path.write_bytes(reel.film("bframes.mp4").path.read_bytes())
    first = frame_index(path, 0)
    assert frame_index(path, 0) is first
    path.write_bytes(reel.film("variable.mp4").path.read_bytes())
    assert len(frame_index(path, 0)) == len(reel.truth("variable.mp4").starts_ns)


@given(
    st.lists(st.integers(1, 10**9), min_size=1, max_size=40),
    st.integers(0, 10**12),
    st.integers(-(10**9), 10**10),
)
def test_a_time_belongs_to_the_last_frame_that_began(steps: list[int], start: int, probe: int) -> None:
    starts = start + np.cumsum([0, *steps[:-1]])
    index = FrameIndex(
        np.arange(len(steps)), starts, int(starts[-1]) + steps[-1], np.array([0]), np.array([0])
    )
    local = start + probe
    number = index.at(local)
    if number is None:
        assert local < start or local >= index.end_ns
    else:
        begin, end = index.frame_span(number)
        assert begin <= local < end
    spans = [index.frame_span(each) for each in range(len(index))]
    assert [end for _, end in spans[:-1]] == [begin for begin, _ in spans[1:]]
