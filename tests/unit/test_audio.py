"""Sound by sample: clicks are where they were put, whatever the container and wherever reading begins."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import av
import films
import numpy as np
import pytest
from films import NS, RATE, Reel, click_pcm

from inspector.core.model import Source
from inspector.core.timemap import TimeMap
from inspector.errors import InspectorError
from inspector.media.audio import PcmReader
from inspector.media.render import render_pcm

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

SECONDS = 8.0
SOUNDS = {
    "wav": ("pcm_s16le", RATE),
    "flac": ("flac", RATE),
    "mp3": ("libmp3lame", RATE),
    "m4a": ("aac", RATE),
    "ogg": ("libopus", RATE),
    "opus": ("libopus", RATE),
    "oga": ("flac", RATE),
    "mka": ("flac", RATE),
    "rate.wav": ("pcm_s16le", 44_100),
    "rate.mp3": ("libmp3lame", 44_100),
    "rate.m4a": ("aac", 44_100),
}


@pytest.fixture(scope="session")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, tuple[int, ...]]]:
    folder = tmp_path_factory.mktemp("sounds")
    made = {}
    for name, (codec, rate) in SOUNDS.items():
        path = folder / f"clicks.{name}"
        made[name] = (path, films.make_sound(path, codec, SECONDS, rate))
    return made


@pytest.fixture(scope="session")
def reel(tmp_path_factory: pytest.TempPathFactory) -> Reel:
    return films.reel(tmp_path_factory.getbasetemp())


def reader_of(path: Path, **more: int) -> PcmReader:
    with av.open(str(path)) as box:
        track = box.streams.audio[0].index
    return PcmReader(Source(path, "av", track, **more), RATE)  # type: ignore[arg-type]


def shift(heard: NDArray[np.float32], meant: NDArray[np.float32], most: int = 4800) -> int:
    """By how many samples what is heard is late, from the peak of the correlation within ±`most`."""
    size = 1 << (len(heard) + len(meant)).bit_length()
    product = np.fft.irfft(np.fft.rfft(heard, size) * np.conj(np.fft.rfft(meant, size)), size)
    near = np.concatenate([product[-most:], product[: most + 1]])
    return int(np.argmax(near)) - most


def ear(pcm: NDArray[np.float32]) -> NDArray[np.float32]:
    """One channel of stereo; both must carry the same."""
    np.testing.assert_array_equal(pcm[:, 0], pcm[:, 1])
    return pcm[:, 0]


@pytest.mark.parametrize("name", SOUNDS)
def test_clicks_are_where_they_were_put(sounds: dict[str, tuple[Path, tuple[int, ...]]], name: str) -> None:
    path, places = sounds[name]
    reader = reader_of(path)
    try:
        pcm = ear(reader.read(0, round(SECONDS * RATE)))
    finally:
        reader.close()
    meant = click_pcm(SECONDS, places)
    assert shift(pcm, meant) == 0
    for place in places:  # each one, not only their sum
        part = slice(max(place - 1000, 0), place + 1200)
        assert abs(shift(pcm[part], meant[part], 400)) <= 1


@pytest.mark.parametrize("name", SOUNDS)
def test_reading_anywhere_is_reading_on(sounds: dict[str, tuple[Path, tuple[int, ...]]], name: str) -> None:
    """Wherever a read begins, the same samples lie at the same places as when read from the start."""
    path, places = sounds[name]
    rng = np.random.default_rng(4)
    reader, other = reader_of(path), reader_of(path)
    try:
        whole = ear(reader.read(0, round(SECONDS * RATE)))
        for place in rng.permutation(places)[:8].tolist():
            start = max(place - int(rng.integers(0, 1500)), 0)
            part = ear(other.read(start, 2400))
            meant = whole[start : start + 2400]
            assert abs(shift(part, meant, 1200)) <= 1
            if name in ("wav", "flac", "oga", "mka"):  # nothing lost, nothing resampled
                np.testing.assert_array_equal(part, meant)
            else:
                assert np.dot(part, meant) > 0.9 * np.dot(meant, meant)
    finally:
        reader.close()
        other.close()


@pytest.mark.parametrize("name", ["wav", "flac", "rate.wav"])
def test_small_reads_join_without_seams(sounds: dict[str, tuple[Path, tuple[int, ...]]], name: str) -> None:
    path, _ = sounds[name]
    reader, other = reader_of(path), reader_of(path)
    try:
        whole = reader.read(0, RATE)
        parts = [other.read(start, 480) for start in range(0, RATE, 480)]
        np.testing.assert_array_equal(np.concatenate(parts), whole)
    finally:
        reader.close()
        other.close()


@pytest.mark.parametrize(
    "name", ["bframes.mp4", "bframes.mkv", "late.mp4", "late.mkv", "start.ts", "live.webm"]
)
def test_the_sound_of_a_film_is_on_its_pictures_clock(reel: Reel, name: str) -> None:
    """Clicks against the film's first frame, so that a shift of all of it, as in MPEG-TS, does not matter."""
    film, truth = reel.film(name), reel.truth(name)
    zero_ns = truth.starts_ns[0] - round(film.pts_s[0] * NS)
    seconds = float(film.end_s)
    reader = reader_of(film.path)
    try:
        pcm = ear(reader.read(round(zero_ns * RATE / NS), round(seconds * RATE)))
    finally:
        reader.close()
    meant = click_pcm(seconds + 3, [place for place in film.clicks if place < (seconds - 0.1) * RATE])
    # Matroska and MPEG-TS round each stamp, to 1 ms and to 1/90 ms.
    assert abs(shift(pcm, meant[: len(pcm)])) <= (48 if name.endswith(("mkv", "webm")) else 1)


def test_before_the_start_and_behind_the_end_is_silence(
    sounds: dict[str, tuple[Path, tuple[int, ...]]],
) -> None:
    reader = reader_of(sounds["wav"][0])
    try:
        early = reader.read(-1000, 2000)
        late = reader.read(round(SECONDS * RATE) - 500, 1000)
        far = reader.read(100 * RATE, 500)
    finally:
        reader.close()
    assert early.shape == (2000, 2)
    assert not early[:1000].any()
    assert not late[500:].any()
    assert not far.any()


def test_a_gap_in_the_stamps_is_silent_and_shifts_nothing(tmp_path: Path) -> None:
    """A recorder that lost two seconds: what comes after them is still where its stamps say."""
    path = tmp_path / "gap.mka"
    wave = click_pcm(6, films.clicks_at(6))
    lost = slice(2 * RATE, 4 * RATE)
    with av.open(str(path), "w") as box:
        audio = box.add_stream("pcm_s16le", rate=RATE, layout="mono")
        for start in range(0, len(wave), 960):
            if lost.start <= start < lost.stop:
                continue
            frame = av.AudioFrame.from_ndarray(
                (wave[None, start : start + 960] * 32767).astype(np.int16), format="s16", layout="mono"
            )
            frame.sample_rate, frame.pts, frame.time_base = RATE, start, Fraction(1, RATE)
            box.mux(audio.encode(frame))
        box.mux(audio.encode())
    meant = wave.copy()
    meant[lost] = 0
    reader = reader_of(path)
    try:
        whole = ear(reader.read(0, 6 * RATE))
        behind = ear(reader.read(4 * RATE - 480, RATE))
        inside = reader.read(3 * RATE, 4800)
    finally:
        reader.close()
    np.testing.assert_allclose(whole, meant, atol=2e-4)
    np.testing.assert_allclose(behind, meant[4 * RATE - 480 : 5 * RATE - 480], atol=2e-4)
    assert not inside.any()


@pytest.mark.parametrize("name", ["wav", "mp3", "flac"])
def test_a_file_cut_short_plays_as_far_as_it_goes(
    sounds: dict[str, tuple[Path, tuple[int, ...]]], tmp_path: Path, name: str
) -> None:
    path, places = sounds[name]
    data = path.read_bytes()
    cut = tmp_path / path.name
    cut.write_bytes(data[: len(data) // 2])
    reader = reader_of(cut)
    try:
        pcm = ear(reader.read(0, round(SECONDS * RATE)))
        again = ear(reader.read(RATE, RATE))
    finally:
        reader.close()
    first = [place for place in places if place < 2.5 * RATE]
    meant = click_pcm(SECONDS, first)
    assert shift(pcm[: 3 * RATE], meant[: 3 * RATE]) == 0
    assert not pcm[-RATE:].any()
    assert abs(shift(again, pcm[RATE : 2 * RATE], 480)) <= 1


def test_an_episode_of_a_longer_recording(sounds: dict[str, tuple[Path, tuple[int, ...]]]) -> None:
    path, places = sounds["flac"]
    start_ns, end_ns = 2 * NS, 5 * NS
    reader = reader_of(path, start_ns=start_ns, end_ns=end_ns)
    try:
        pcm = ear(reader.read(0, 4 * RATE))
    finally:
        reader.close()
    meant = click_pcm(SECONDS, places)[2 * RATE : 5 * RATE]
    np.testing.assert_allclose(pcm[: 3 * RATE], meant, atol=2e-3)
    assert not pcm[3 * RATE :].any()


def test_a_late_sound_through_its_time_map(sounds: dict[str, tuple[Path, tuple[int, ...]]]) -> None:
    """The correction of a lateness moves the sound earlier by as much; drift is undone too."""
    path, places = sounds["flac"]
    late_ns, ppm = 320_000_000, 400
    timemap = TimeMap(((late_ns, 0), (late_ns + 10 * NS + 10 * ppm * 1000, 10 * NS)))
    reader = reader_of(path)
    try:
        pcm = render_pcm(reader, timemap, 0, 6 * RATE)[:, 0]
    finally:
        reader.close()
    for place in places:
        expected = (place - late_ns * RATE / NS) / (1 + ppm / 1e6)
        if 2000 < expected < 6 * RATE - 2000:
            start = round(expected) - 1000
            burst = click_pcm(SECONDS, places)[place - 1000 : place + 1200]
            assert abs(shift(pcm[start : start + 2200], burst, 400)) <= 1


def test_what_is_no_sound_says_so(tmp_path: Path) -> None:
    path = tmp_path / "words.wav"
    path.write_text("nothing to hear")
    with pytest.raises(InspectorError) as told:
        PcmReader(Source(path, "av", 0))
    assert str(path) in str(told.value)
