"""What changed in a file that was delivered again: a remux, a trim, new stamps, a re-encode, another text."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from deliveries import copied, film, sound
from hypothesis import given, settings
from hypothesis import strategies as st

from inspector.core.model import Clock, Modality, Source, Stream
from inspector.core.prints import CODED, DECODED, LEVELS, MOST_PIECES, Print, print_of
from inspector.errors import InspectorError
from inspector.media.prints import Printer, print_stream
from inspector.release.compare import Kind, compare

if TYPE_CHECKING:
    from pathlib import Path

MS = 1_000_000
S = 1000 * MS


def track(path: Path, kind: str = "video", form: str = "av") -> Stream:
    number = {"video": 0, "audio": 1}.get(kind) if form == "av" and path.suffix != ".wav" else 0
    return Stream(kind, Modality(kind), Source(path, form, number), Clock("", "container"))


def said(path: Path, kind: str = "video", level: str = CODED) -> Print:
    return print_stream(track(path, kind), level)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return film(tmp_path_factory.mktemp("original") / "a.mp4")


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("ending", ["mp4", "mov", "mkv", "ts"])
def test_a_remux_keeps_the_content(original: Path, tmp_path: Path, level: str, ending: str) -> None:
    again = copied(original, tmp_path / f"b.{ending}", kinds=("video",))
    assert again.read_bytes() != original.read_bytes()
    old, new = said(original, level=level), said(again, level=level)
    assert old.digest == new.digest
    assert len(old.digest) == 64
    found = compare(old, new)
    # MPEG-TS and what begins before 0 move all stamps: then it is told by how much.
    assert found.kind in (Kind.BYTES, Kind.TIMING)
    assert found.delta is not None
    moved = new.start_ns - old.start_ns
    assert abs(found.delta.to_reference(S) - S - moved) <= MS
    assert (found.kind is Kind.BYTES) == (abs(moved) <= 2 * MS)
    if ending in ("mp4", "mov"):
        assert found.kind is Kind.BYTES


@pytest.mark.parametrize("level", LEVELS)
def test_a_trim_is_other_times_of_the_same_content(original: Path, tmp_path: Path, level: str) -> None:
    cut = copied(original, tmp_path / "b.mp4", start_s=0.96, kinds=("video",))
    found = compare(said(original, level=level), said(cut, level=level))
    assert found.kind is Kind.TIMING
    assert found.delta is not None
    assert abs(found.delta.to_reference(2 * S) - (2 * S - 960 * MS)) <= MS
    assert found.keeps((1 * S, 2 * S))
    assert not found.keeps((500 * MS, 2 * S))
    assert "0.960 of it cut" in found.words


@pytest.mark.parametrize("level", LEVELS)
def test_stamps_that_moved_are_told_by_how_much(original: Path, tmp_path: Path, level: str) -> None:
    if level == DECODED:  # a decoder of AAC makes noise from dice of its own, which a cut sets back
        original = film(tmp_path / "a.mp4", codec="alac")
    late = copied(original, tmp_path / "b.mp4", later_s={"audio": 0.32})
    assert compare(said(original, level=level), said(late, level=level)).kind is Kind.BYTES
    found = compare(said(original, "audio", level), said(late, "audio", level))
    assert found.kind is Kind.TIMING
    assert found.delta is not None
    assert abs(found.delta.to_reference(S) - (S + 320 * MS)) <= 2 * MS


@pytest.mark.parametrize("level", LEVELS)
def test_a_reencode_is_other_content(original: Path, tmp_path: Path, level: str) -> None:
    again = film(tmp_path / "b.mp4", crf=38)
    found = compare(said(original, level=level), said(again, level=level))
    assert found.kind is Kind.CONTENT
    assert not found.keeps((0, S))


def test_another_recording_of_the_same_size_is_other_content(original: Path, tmp_path: Path) -> None:
    other = film(tmp_path / "b.mp4", seed=6)
    for kind in ("video", "audio"):
        assert compare(said(original, kind), said(other, kind)).kind is Kind.CONTENT


def test_a_sound_cut_at_any_sample_is_found_again(tmp_path: Path) -> None:
    whole = sound(tmp_path / "a.wav", 1, 20, 48_000)
    data = whole.read_bytes()
    cut = tmp_path / "b.wav"
    sound(cut, 2, 1, 48_000)
    at = 44 + 2 * 59_257
    cut.write_bytes(_header(len(data) - at) + data[at:])
    found = compare(said(whole, "audio"), said(cut, "audio"))
    assert found.kind is Kind.TIMING
    assert found.delta is not None
    assert abs(found.delta.to_reference(10 * S) - (10 * S - 59_257 * S // 48_000)) < 50_000


def _header(size: int) -> bytes:
    def word(value: int) -> bytes:
        return value.to_bytes(4, "little")

    form = b"fmt " + word(16) + b"\x01\0\x01\0" + word(48_000) + word(96_000) + b"\x02\0\x10\0"
    return b"RIFF" + word(size + 36) + b"WAVE" + form + b"data" + word(size)


def test_texts_are_told_by_their_words_and_times(tmp_path: Path) -> None:
    def transcript(name: str, text: str) -> Print:
        path = tmp_path / name
        path.write_text(text)
        return print_stream(track(path, "text", "cues"))

    cues = [(k, f"words number {k}") for k in range(20)]

    def vtt(shift: float, change: int | None = None) -> str:
        lines = ["WEBVTT\n"]
        for k, text in cues:
            said = "quite another thing" if k == change else text
            lines.append(f"00:{k + shift:06.3f} --> 00:{k + shift + 0.8:06.3f}\n{said}\n")
        return "\n".join(lines)

    old = transcript("a.vtt", vtt(0))
    srt = "\n".join(f"{k + 1}\n00:00:{k:02},000 --> 00:00:{k:02},800\n{text}\n" for k, text in cues)
    assert compare(old, transcript("b.srt", srt)).kind is Kind.BYTES
    moved = compare(old, transcript("c.vtt", vtt(0.5)))
    assert moved.kind is Kind.TIMING
    assert moved.delta is not None
    assert moved.delta.to_reference(3 * S) == 3 * S + 500 * MS
    changed = compare(old, transcript("d.vtt", vtt(0, 7)))
    assert changed.kind is Kind.CONTENT
    assert changed.keeps((2 * S, 4 * S))
    assert not changed.keeps((7 * S, 7 * S + 500 * MS))


def test_a_table_is_told_by_its_values(tmp_path: Path) -> None:
    def table(name: str, shift: float, change: bool = False) -> Print:
        rows = [f"{t / 100 + shift:.3f},{(t * t) % 997 + (change and t == 40)}" for t in range(100)]
        (tmp_path / name).write_text("t_s,x\n" + "\n".join(rows) + "\n")
        source = Source(tmp_path / name, "table", columns=("x",), time_column="t_s")
        return print_stream(Stream("imu", Modality.SENSOR, source, Clock("", "relative")))

    old = table("a.csv", 0)
    assert compare(old, table("b.csv", 0)).kind is Kind.BYTES
    assert compare(old, table("c.csv", 0.25)).kind is Kind.TIMING
    assert compare(old, table("d.csv", 0, change=True)).kind is Kind.CONTENT


def test_drift_in_new_stamps_is_a_delta_of_two_anchors() -> None:
    keys = np.random.default_rng(1).integers(0, 1 << 63, 5000).astype(np.uint64)
    starts = np.arange(5000, dtype=np.int64) * 40 * MS
    old = print_of(CODED, "x 1", "a", keys, starts, int(starts[-1]) + 40 * MS)
    new = print_of(CODED, "x 1", "a", keys, starts + starts // 1000, int(starts[-1] * 1.001) + 40 * MS)
    found = compare(old, new)
    assert found.kind is Kind.TIMING
    assert found.delta is not None
    assert len(found.delta.anchors) == 2
    assert abs(found.delta.to_reference(100 * S) - 100_100 * MS) <= 2 * MS


@settings(max_examples=12)
@given(st.integers(0, 2**32), st.integers(MOST_PIECES + 1, 4 * MOST_PIECES), st.integers(0, 2000))
def test_a_long_track_is_thinned_and_still_found_again_without_its_head(
    seed: int, count: int, head: int
) -> None:
    keys = np.random.default_rng(seed).integers(0, 1 << 63, count).astype(np.uint64)
    starts = np.arange(count, dtype=np.int64) * 20 * MS
    end = count * 20 * MS
    old = print_of(CODED, "x 1", "a", keys, starts, end)
    new = print_of(CODED, "x 1", "b", keys[head:], starts[head:] - head * 20 * MS, end - head * 20 * MS)
    assert len(old.marks) <= MOST_PIECES
    assert Print.from_json(old.to_json()).to_json() == old.to_json()
    found = compare(old, new)
    assert found.kind is Kind.TIMING
    assert found.delta is not None
    assert found.delta.to_reference(end // 2) == end // 2 - head * 20 * MS
    one = keys.copy()
    one[count // 2] += np.uint64(1)
    assert compare(old, print_of(CODED, "x 1", "c", one, starts, end)).kind is Kind.CONTENT


def test_prints_are_made_in_a_child_and_what_is_broken_is_told(original: Path, tmp_path: Path) -> None:
    broken = tmp_path / "x.mp4"
    broken.write_bytes(b"nothing of the kind" * 100)
    with Printer() as printer:
        made = printer.make(track(original), DECODED)
        assert made.to_json() == said(original, level=DECODED).to_json()
        with pytest.raises(InspectorError, match=r"x\.mp4"):
            printer.make(track(broken))
        with pytest.raises(InspectorError, match="cannot be read"):
            printer.make(track(tmp_path / "gone.mp4"))
        assert printer.make(track(original, "audio")).count > 100
