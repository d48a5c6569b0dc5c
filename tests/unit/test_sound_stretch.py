"""Sound of a long file, of which FFmpeg is told a stretch at a time: it is what it would be at once."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from inspector.core.model import Source
from inspector.media import audio, sound_stretch
from inspector.media.audio import PcmReader
from inspector.media.peak_levels import BLOCK, CHUNK
from inspector.media.peaks_build import Layer, lay_tail, lay_track
from inspector.media.sound_stretch import sound_tables

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

SECONDS = 40
FORMS = {
    "alone": ("s.m4a", "-c:a", "aac", "-aac_pns", "0"),
    "in front": ("s.m4a", "-c:a", "aac", "-aac_pns", "0", "-movflags", "+faststart"),
    "another rate": ("s.mov", "-c:a", "aac", "-aac_pns", "0", "-ar", "44100"),
    "no edit list": ("s.mp4", "-c:a", "aac", "-aac_pns", "0", "-use_editlist", "0"),
    "beside a film": (
        "s.mp4",
        "-f",
        "lavfi",
        "-i",
        f"testsrc=s=64x64:r=10:d={SECONDS}",
        "-c:a",
        "aac",
        "-aac_pns",
        "0",
    ),
    "alac": ("s.mov", "-c:a", "alac"),
}


@pytest.fixture(autouse=True)
def _short_is_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sound_stretch, "LONG_BYTES", 0)
    monkeypatch.setattr(sound_stretch, "HEAD", 20)
    monkeypatch.setattr(sound_stretch, "BEHIND", 20)
    monkeypatch.setattr(sound_stretch, "AHEAD", 60)
    sound_stretch._tables.cache_clear()


def sound(tmp_path: Path, form: str) -> Path:
    name, *options = FORMS[form]
    # Not noise: AAC makes up what it left out of it, another each time.
    source = f"aevalsrc=0.4*sin(2*PI*(200+9*t)*t)+0.2*sin(2*PI*3*t*t*t):d={SECONDS}:s=48000"
    command = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", source, *options, str(tmp_path / name)]
    subprocess.run(command, check=True)
    return tmp_path / name


def track_of(path: Path) -> Source:
    from inspector.media.probe import probe

    track = next(each.index for each in probe(path).tracks if each.kind == "audio")
    return Source(path, "av", track=track)


@pytest.mark.parametrize("form", FORMS)
def test_a_stretch_sounds_as_the_whole_does(
    form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = track_of(sound(tmp_path, form))
    rate = 44_100 if form == "another rate" else 48_000  # resampled, a seek is off by a part of a sample
    with monkeypatch.context() as patched:
        patched.setattr(audio, "sound_tables", lambda *_: None)
        plain = PcmReader(source, rate)
        whole = plain.read(0, (SECONDS + 1) * rate)
        plain.close()
    assert np.abs(whole).max() > 0.1
    reader = PcmReader(source, rate)
    assert reader._stretch is not None
    assert not reader._stretch.last
    joined = np.zeros_like(whole)
    for at, pcm in reader.blocks():
        take = min(len(pcm), len(joined) - at)
        joined[at : at + take] = pcm[:take]
    assert np.array_equal(joined, whole)
    rng = np.random.default_rng(1)
    for start in [*rng.integers(0, SECONDS * rate, 12).tolist(), 0, 47_999]:
        count = int(rng.integers(1000, 6 * rate))
        got, want = reader.read(start, count), whole[start : start + count]
        assert np.array_equal(got[: len(want)], want), start
    reader.close()


def laid(source: Source, rate: int, begin: int = 0) -> NDArray[np.float32]:
    """The finest level of a waveform, from sample `begin` on."""
    records: list[NDArray[Any]] = []
    layer = Layer(lambda record: records.append(record["level0"][0].copy()), begin)
    (lay_tail(source, rate, layer, begin) if begin else lay_track(source, rate, layer))
    blocks = layer.finish()
    found: NDArray[np.float32] = np.concatenate(records)[: blocks - begin // BLOCK]
    return found


@pytest.mark.parametrize("form", FORMS)
def test_the_waveform_goes_on_from_stretch_to_stretch(
    form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = track_of(sound(tmp_path, form))
    rate = 44_100 if form == "another rate" else 48_000
    with monkeypatch.context() as patched:
        patched.setattr(audio, "sound_tables", lambda *_: None)
        whole = laid(source, rate)
    assert len(whole) >= SECONDS * rate // BLOCK
    assert np.array_equal(laid(source, rate), whole)
    begin = CHUNK * (20 * rate // CHUNK)
    tail = laid(source, rate, begin)
    assert np.array_equal(tail[100:], whole[begin // BLOCK + 100 :])  # where it begins a decoder warms up


def test_the_table_is_as_long_as_the_stretch(tmp_path: Path) -> None:
    source = track_of(sound(tmp_path, "alone"))
    assert source.track is not None
    tables = sound_tables(source.path, source.track)
    assert tables is not None
    samples = [20, 700, 1840]
    for sample in samples:
        stretch = tables.around(sample * 1024)
        assert stretch.first <= sample * 1024 < stretch.end
        assert stretch.end - stretch.first <= 130 * 1024
    assert [tables.around(each * 1024).last for each in samples] == [False, False, True]


@pytest.mark.parametrize(
    "options",
    [
        ("-c:a", "pcm_s16le"),
        ("-c:a", "libmp3lame", "-f", "mp4"),
        ("-c:a", "aac", "-aac_pns", "0", "-movflags", "frag_keyframe+empty_moov"),
    ],
)
def test_what_is_told_in_another_way_is_opened_as_it_is(tmp_path: Path, options: tuple[str, ...]) -> None:
    path = tmp_path / "s.mov"
    made = "sine=d=3:f=440:r=48000"
    subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", made, *options, str(path)], check=True)
    assert sound_tables(path, 0) is None
    reader = PcmReader(track_of(path))
    assert np.abs(reader.read(48_000, 48_000)).max() > 0.05
    reader.close()


def test_tables_that_lie_are_left_to_ffmpeg(tmp_path: Path) -> None:
    """Whatever byte of the tables is changed: it is heard as FFmpeg hears it, or refused as it refuses it."""
    path = sound(tmp_path, "alone")
    data = path.read_bytes()
    moov = data.index(b"moov")
    rng = np.random.default_rng(2)
    for turn in range(60):
        harmed = bytearray(data)
        harmed[int(rng.integers(moov, len(data)))] ^= 1 << int(rng.integers(8))
        other = tmp_path / f"{turn}.m4a"
        other.write_bytes(harmed)
        tables = sound_tables(other, 0)
        if tables is not None:
            for ticks in (0, 900_000, 10**12):
                try:
                    tables.around(ticks)
                except (ValueError, OSError):
                    continue


def test_what_is_heard_first_is_as_loud_as_the_rest(tmp_path: Path) -> None:
    """The packet that primes the decoder lies before 0, where a seek to 0 does not land."""
    path = tmp_path / "s.m4a"
    made = "sine=d=3:f=1000:r=48000"
    subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", made, "-c:a", "aac", str(path)], check=True)
    reader = PcmReader(track_of(path))
    loud = np.abs(reader.read(0, 96_000)).max(axis=1).reshape(-1, 480).max(axis=1)
    assert loud[0] > 0.8 * np.median(loud)
    reader.close()
