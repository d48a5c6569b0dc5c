"""Waveforms: of the samples that are heard, known at once the second time, taken up where broken off."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import films
import numpy as np
import pytest
from films import NS, RATE, Reel
from hypothesis import given
from hypothesis import strategies as st
from sounds import Broken, bytes_of, drawn, heard, noise, source_of

from inspector.core.cache import user_cache
from inspector.core.jobs import Job
from inspector.core.model import Source
from inspector.core.settings import change_settings
from inspector.errors import Cancelled, InspectorError
from inspector.media import child, peaks, peaks_build
from inspector.media.chunks import writing
from inspector.media.peak_levels import CHUNK, RECORD, MappedPeaks
from inspector.media.peaks import BLOCK, Peaks, load_peaks
from inspector.media.peaks_build import Layer, Mark, NativeReader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray


@pytest.fixture(scope="session")
def reel(tmp_path_factory: pytest.TempPathFactory) -> Reel:
    return films.reel(tmp_path_factory.getbasetemp())


@pytest.fixture(autouse=True)
def _no_children() -> Iterator[None]:
    yield
    child.close()


def never(*_: object) -> None:
    """What must not be called."""
    raise AssertionError


def assert_as_heard(source: Source) -> None:
    made = load_peaks(source, Job("peaks"))
    for got, want in zip(drawn(made), heard(source, made.rate), strict=True):
        np.testing.assert_array_equal(got, want)


# --- in memory ------------------------------------------------------------------------------------


@given(
    st.integers(1, 9000),
    st.integers(0, 2**32 - 1),
    st.integers(-2000, 12_000),
    st.integers(1, 12_000),
    st.integers(1, 300),
)
def test_the_envelope_holds_all_that_is_in_its_columns(
    blocks: int, seed: int, start: int, length: int, columns: int
) -> None:
    """Each column's range holds its samples', and nothing from further than a block of its level.

    Blocks stand for samples here: `low` and `high` are given per block; their exact extremes are the truth.
    """
    rng = np.random.default_rng(seed)
    middle = rng.normal(0, 0.3, blocks)
    spread = rng.uniform(0, 0.2, blocks)
    low, high = (middle - spread).astype(np.float32), (middle + spread).astype(np.float32)
    rate = 48_000
    made = Peaks(rate, low, high)
    ns = BLOCK * NS / rate
    got_low, got_high = made.envelope(round(start * ns), round((start + length) * ns), columns)
    edges = start + length * np.arange(columns + 1) / columns
    wide = max(length / columns, 1.0)  # blocks that a column may take in beyond its edges, at most
    for at in range(columns):
        # A block more on either side is the rounding of ns.
        first, last = max(int(np.ceil(edges[at] + 1e-3)), 0), min(int(np.floor(edges[at + 1] - 1e-3)), blocks)
        if first < last:
            assert got_low[at] <= low[first:last].min()
            assert got_high[at] >= high[first:last].max()
        near = slice(max(int(edges[at] - wide - 1), 0), max(int(np.ceil(edges[at + 1] + wide + 1)), 0))
        if len(low[near]) == 0:
            assert np.isnan(got_low[at])
        elif not np.isnan(got_low[at]):
            assert got_low[at] >= low[near].min()
            assert got_high[at] <= high[near].max()


def test_a_waveform_is_that_of_the_samples(tmp_path: Path) -> None:
    path = tmp_path / "clicks.wav"
    films.make_sound(path, "pcm_s16le", 3.0)
    wave = films.click_pcm(3.0, films.clicks_at(3.0))
    told: list[Peaks] = []
    made = load_peaks(Source(path, "av", 0), Job("peaks"), told.append)
    assert made.rate == RATE
    assert abs(made.end_ns - 3 * NS) <= BLOCK * NS / RATE
    low, high = made.envelope(0, 3 * NS, 3 * RATE // BLOCK)
    parts = wave[: len(wave) // BLOCK * BLOCK].reshape(-1, BLOCK)
    np.testing.assert_allclose(low, parts.min(1), atol=1e-4)
    np.testing.assert_allclose(high, parts.max(1), atol=1e-4)
    assert made.loudest == pytest.approx(0.6, abs=1e-3)
    beyond, _ = made.envelope(4 * NS, 5 * NS, 10)
    assert np.isnan(beyond).all()


def test_a_long_waveform_comes_in_parts_and_can_be_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peaks, "TELL_EVERY_S", 1)
    path = tmp_path / "clicks.flac"
    films.make_sound(path, "flac", 24.0)
    told: list[int] = []
    load_peaks(Source(path, "av", 0), Job("peaks"), lambda part: told.append(part.end_ns))
    assert len(told) >= 3
    assert told == sorted(told)
    films.make_sound(tmp_path / "other.flac", "flac", 24.0)
    job: Job[Peaks] = Job("peaks")
    with pytest.raises(Cancelled):
        load_peaks(Source(tmp_path / "other.flac", "av", 0), job, lambda _: job.cancel())


def test_a_gap_is_flat_and_what_follows_is_in_its_place(tmp_path: Path) -> None:
    path = tmp_path / "gap.mka"
    with av.open(str(path), "w") as box:
        audio = box.add_stream("pcm_s16le", rate=RATE, layout="mono")
        for start in [*range(0, RATE, 960), *range(3 * RATE, 4 * RATE, 960)]:
            frame = av.AudioFrame.from_ndarray(np.full((1, 960), 8000, np.int16), format="s16", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = RATE, start, Fraction(1, RATE)
            box.mux(audio.encode(frame))
        box.mux(audio.encode())
    made = load_peaks(Source(path, "av", 0), Job("peaks"))
    assert abs(made.end_ns - 4 * NS) < 2 * BLOCK * NS / RATE
    _, high = made.envelope(0, 4 * NS, 400)
    assert high[5:95] == pytest.approx(8000 / 32768, abs=1e-3)
    assert not high[105:295].any()
    assert high[305:395] == pytest.approx(8000 / 32768, abs=1e-3)


# --- as heard -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted({*films.MAKERS, *films.CUT} - {"long_gop.mp4", "portrait.mp4"}))
def test_a_film_s_waveform_is_what_is_heard(reel: Reel, name: str) -> None:
    assert_as_heard(source_of(reel.film(name).path))


SOUNDS = {
    "a.mp3": "libmp3lame", "a.opus": "libopus", "a.flac": "flac", "a.wav": "pcm_s16le", "b.wav": "pcm_u8",
    "c.wav": "pcm_s24le", "d.wav": "pcm_f64le", "a.ac3": "ac3", "a.aac": "aac", "a.mka": "libopus",
}  # fmt: skip


@pytest.mark.parametrize("name", SOUNDS)
def test_a_sound_s_waveform_is_what_is_heard(tmp_path: Path, name: str) -> None:
    films.make_sound(tmp_path / name, SOUNDS[name], 2.0)
    assert_as_heard(source_of(tmp_path / name))
    assert_as_heard(source_of(tmp_path / name, start_ns=NS // 3, end_ns=NS))


def test_the_demo_s_waveforms_are_what_is_heard() -> None:
    from inspector.core.assets import resource

    found = sorted(resource("demo").rglob("*.m4a"))
    assert found
    for path in found[:4]:
        assert_as_heard(source_of(path))


@pytest.mark.parametrize("layout", ["stereo", "5.1", "mono"])
def test_channels_are_mixed_as_they_are_heard(tmp_path: Path, layout: str) -> None:
    path = tmp_path / "many.flac"
    channels = len(av.AudioLayout(layout).channels)
    rng = np.random.default_rng(4)
    with av.open(str(path), "w") as box:
        audio = box.add_stream("flac", rate=RATE, layout=layout)
        for start in range(0, 2 * RATE, 4800):
            pcm = (rng.normal(0, 4000, (1, 4800 * channels))).astype(np.int16)
            frame = av.AudioFrame.from_ndarray(pcm, format="s16", layout=layout)
            frame.sample_rate, frame.pts, frame.time_base = RATE, start, Fraction(1, RATE)
            box.mux(audio.encode(frame))
        box.mux(audio.encode())
    assert_as_heard(source_of(path))


@given(st.data())
def test_samples_lie_where_they_were_laid_whatever_their_form(data: st.DataObject) -> None:
    """Pieces of any length, form and place, with gaps and repeats, against a plain array."""
    rng = np.random.default_rng(data.draw(st.integers(0, 999)))
    records: list[NDArray[Any]] = []
    layer = Layer(lambda record: records.append(record.copy()))
    truth = np.zeros((0, 2), np.float32)
    at = 0
    for _ in range(data.draw(st.integers(1, 6))):
        at = max(at + data.draw(st.integers(-500, CHUNK + 500)), 0)
        count = data.draw(st.sampled_from([1, 63, 64, 1000, CHUNK, CHUNK + 77]))
        kind, planar = data.draw(st.sampled_from([("f4", True), ("i2", False), ("i2", True), ("i4", False)]))
        pcm = rng.integers(-30000, 30000, (count, 2)).astype(kind) if kind != "f4" else rng.random((count, 2))
        pcm = pcm.astype(kind)
        rows = [np.ascontiguousarray(pcm[:, 0]), np.ascontiguousarray(pcm[:, 1])] if planar else [pcm]
        planes = [np.ascontiguousarray(row).reshape(-1).data.cast("B") for row in rows]
        layer.lay(at, count, planes, (kind, 2, 1) if planar else (kind, 1, 2), peaks_build.NO_MARK)
        scaled = pcm.astype(np.float32) * np.float32(peaks_build.FULL_SCALE[kind])
        fresh = scaled[max(len(truth) - at, 0) :]
        if len(fresh):
            truth = np.concatenate([truth, np.zeros((max(at - len(truth), 0), 2), np.float32), fresh])
        at += count
    blocks = layer.finish()
    assert blocks == -(-len(truth) // BLOCK)
    got = np.concatenate([record["level0"][0] for record in records])[:blocks]
    padded = np.pad(truth, ((0, -len(truth) % BLOCK), (0, 0)), mode="edge").reshape(blocks, -1)
    np.testing.assert_array_equal(got, np.stack([padded.min(1), padded.max(1)], 1))
    coarse = np.concatenate([record["level4"][0] for record in records])
    assert coarse[:, 0].min() == truth.min()
    assert coarse[:, 1].max() == truth.max()


def test_a_stamp_of_a_century_takes_no_memory() -> None:
    records: list[object] = []
    layer = Layer(records.append)
    plane = [np.ones(64, np.float32).data.cast("B")]
    layer.lay(0, 64, plane, ("f4", 1, 1), peaks_build.NO_MARK)
    layer.lay(10**14, 64, plane, ("f4", 1, 1), peaks_build.NO_MARK)
    assert layer.full
    assert layer.finish() == 1


# --- kept -----------------------------------------------------------------------------------------


def build_in_steps(source: Source, path: Path, chunks: int) -> int:
    """Build with the power going after every so many chunks; how often it was begun."""
    begun = 0
    while True:
        begun += 1
        seen = 0

        def told(_: int) -> None:
            nonlocal seen
            seen += 1
            if seen > chunks:
                raise Broken

        try:
            peaks_build.build(source, RATE, path, {}, told)
        except Broken:
            continue
        return begun


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("a.m4a", "aac"), ("a.mkv", "aac"), ("a.aac", "aac"), ("a.mp3", "libmp3lame"), ("a.wav", "pcm_s16le"),
        ("a.flac", "flac"), ("a.opus", "libopus"), ("a.ts", "mp2"),
    ],
)  # fmt: skip
def test_a_build_that_is_broken_off_ends_as_one_that_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, codec: str
) -> None:
    # FFmpeg's AAC decoder fills noise bands from a generator of its own, which a seek begins anew.
    source = noise(tmp_path / name, codec, 24.0, **({"aac_pns": "0"} if codec == "aac" else {}))
    met: list[bool] = []
    lay = NativeReader.lay

    def watched(self: NativeReader, layer: Layer, mark: Mark) -> bool:
        found = lay(self, layer, mark)
        if mark != peaks_build.NO_MARK:
            met.append(found)
        return found

    monkeypatch.setattr(NativeReader, "lay", watched)
    peaks_build.build(source, RATE, tmp_path / "whole", {}, lambda _: None)
    assert build_in_steps(source, tmp_path / "parts", 1) == 3
    tolerance = 0.0 if codec not in ("mp2", "libopus") else 1e-3
    np.testing.assert_allclose(bytes_of(tmp_path / "parts"), bytes_of(tmp_path / "whole"), atol=tolerance)
    if name != "a.ts":
        assert met
        assert all(met)


def test_a_known_sound_is_not_decoded_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = noise(tmp_path / "a.flac", "flac", 8.0)
    first = load_peaks(source, Job("peaks"))
    monkeypatch.setattr(peaks_build, "NativeReader", never)
    again = load_peaks(source, Job("peaks"))
    np.testing.assert_array_equal(again.envelope(0, 8 * NS, 3000), first.envelope(0, 8 * NS, 3000))
    assert again.end_ns == first.end_ns


@pytest.mark.parametrize("harm", ["cut", "foreign", "version", "middle"])
def test_a_file_in_the_cache_that_is_not_ours_is_built_anew(tmp_path: Path, harm: str) -> None:
    source = noise(tmp_path / "a.flac", "flac", 12.0)
    truth = load_peaks(source, Job("peaks")).envelope(0, 12 * NS, 3000)
    (path,) = user_cache().root.rglob("*.chunks")
    content = path.read_bytes()
    if harm == "cut":
        content = content[:-100]
    elif harm == "foreign":
        content = b"\x80\x04" + content[2:]
    elif harm == "version":
        content = content.replace(b'"version": 1', b'"version": 9', 1)
    else:  # broken off, with a page that the disk never got
        content = content.replace(b'"whole": true', b'"whole": false', 1)
        content = content[:5000] + bytes(4096) + content[9096:]
    path.unlink()
    path.write_bytes(content)
    np.testing.assert_array_equal(load_peaks(source, Job("peaks")).envelope(0, 12 * NS, 3000), truth)


def test_another_process_s_build_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peaks, "LOOK_S", 0.01)
    source = noise(tmp_path / "a.flac", "flac", 8.0)
    load_peaks(source, Job("peaks"))
    (path,) = user_cache().root.rglob("*.chunks")
    path.unlink()
    what = {"rate": RATE, "track": 0, "start": None, "end": None}
    job: Job[Peaks] = Job("peaks")
    made: list[Peaks] = []
    with writing(path, what, RECORD) as writer:
        assert writer is not None
        thread = threading.Thread(target=lambda: made.append(load_peaks(source, job)))
        thread.start()
        while job.done == 0 and not made and thread.is_alive():
            writer.append(np.zeros(1, RECORD))  # each is seen by the one who waits
            threading.Event().wait(0.01)
        assert not made
    thread.join()
    assert made  # taken over, from what the other one left


def test_without_a_cache_it_is_built_for_this_run(tmp_path: Path) -> None:
    change_settings(cache_gb=0)
    source = noise(tmp_path / "a.flac", "flac", 8.0)
    made = load_peaks(source, Job("peaks"))
    assert isinstance(made, MappedPeaks)
    folder = made._home.folder
    assert folder.is_dir()
    for got, want in zip(drawn(made), heard(source, RATE), strict=True):
        np.testing.assert_array_equal(got, want)
    del made
    assert not folder.exists()


def test_with_no_disk_at_all_it_is_kept_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(peaks, "Home", full)
    source = noise(tmp_path / "a.flac", "flac", 8.0)
    want = heard(source, RATE)
    for got, truth in zip(drawn(load_peaks(source, Job("peaks"))), want, strict=True):
        np.testing.assert_array_equal(got, truth)
    monkeypatch.setattr(peaks, "FINE_TO_S", 1)
    coarse = load_peaks(source, Job("peaks"))
    low, high = coarse.envelope(0, 8 * NS, 50)
    assert low.min() == want[0].min()
    assert high.max() == want[1].max()
    assert len(coarse._levels[0]) < len(want[0]) / 60


# --- in a child -----------------------------------------------------------------------------------


def running(code: str) -> Callable[..., list[str]]:
    """In place of `child_command`: a child that does something else."""
    return lambda _, nice=0: [sys.executable, "-c", code]


def test_a_long_sound_is_decoded_in_a_child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peaks, "CHILD_FROM_S", 1)
    source = noise(tmp_path / "a.flac", "flac", 8.0)
    monkeypatch.setattr(peaks_build, "build", never)
    made = load_peaks(source, Job("peaks"))
    for got, want in zip(drawn(made), heard(source, RATE), strict=True):
        np.testing.assert_array_equal(got, want)


def test_a_child_is_ended_with_its_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peaks, "CHILD_FROM_S", 1)
    monkeypatch.setattr(peaks, "LOOK_S", 0.01)
    monkeypatch.setattr(peaks, "child_command", running("import sys; sys.stdin.read()"))
    source = noise(tmp_path / "a.flac", "flac", 4.0)
    started: list[subprocess.Popen[str]] = []
    popen = subprocess.Popen

    def start(*arguments: Any, **more: Any) -> Any:
        started.append(popen(*arguments, **more))
        return started[-1]

    monkeypatch.setattr(subprocess, "Popen", start)
    job: Job[Peaks] = Job("peaks")
    job.cancel()
    with pytest.raises(Cancelled):
        load_peaks(source, job)
    assert started
    assert started[0].poll() is not None


@pytest.mark.parametrize("answer", ["", json.dumps({"error": ["It is broken", "a", "b"]})])
def test_a_child_that_dies_or_refuses_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    monkeypatch.setattr(peaks, "CHILD_FROM_S", 1)
    monkeypatch.setattr(peaks, "child_command", running(f"print({answer!r})"))
    with pytest.raises(InspectorError, match="broken" if answer else "crashed"):
        load_peaks(noise(tmp_path / "a.flac", "flac", 4.0), Job("peaks"))


# --- for the window -------------------------------------------------------------------------------


def test_the_window_waits_for_no_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = noise(tmp_path / "a.flac", "flac", 12.0)
    made = load_peaks(source, Job("peaks"))
    assert isinstance(made, MappedPeaks)
    exact = made.envelope(0, NS // 10, 500)
    cold = {"yes": True}
    monkeypatch.setattr(made._mapped, "ready", lambda *_: not cold["yes"])
    fetched: list[int] = []
    monkeypatch.setattr(made._mapped, "fetch", lambda chunks, _: fetched.append(chunks.stop))
    warm = threading.Event()
    low, high = made.envelope(0, NS // 10, 500, warm.set)
    assert (low <= exact[0]).all()  # bounds: wider, and true
    assert (high >= exact[1]).all()
    assert warm.wait(20)
    assert fetched == [1]
    cold["yes"] = False
    np.testing.assert_array_equal(made.envelope(0, NS // 10, 500, warm.set), exact)


def test_what_the_disk_has_is_fetched_by_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system does not say what is in memory, that is which was fetched is."""
    made = load_peaks(noise(tmp_path / "a.flac", "flac", 12.0), Job("peaks"))
    assert isinstance(made, MappedPeaks)
    monkeypatch.setattr("inspector.media.chunks.in_memory", lambda *_: None)
    ranges = [made._mapped.place("level0")]
    assert not made._mapped.ready(slice(1, 2), ranges)
    made._mapped.fetch(slice(1, 2), ranges)
    assert made._mapped.ready(slice(1, 2), ranges)
    assert not made._mapped.ready(slice(0, 2), ranges)
