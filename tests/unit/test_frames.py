"""The index of a film's frames: from an MP4's tables as from its packets, and from disk as it was made."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import films
import numpy as np
import pytest

from inspector.core.cache import user_cache
from inspector.media import frames
from inspector.media.mp4 import sample_times
from inspector.media.opening import open_track

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from inspector.core.model import Source
    from inspector.media.frames import FrameIndex


def _equal(a: FrameIndex, b: FrameIndex) -> bool:
    same = all(
        np.array_equal(getattr(a, name), getattr(b, name))
        for name in ("pts", "start_ns", "key_pts", "key_seek")
    )
    return same and a.end_ns == b.end_ns


MP4: dict[str, Callable[[Path], films.Film]] = {
    "bframes": films.bframes,
    "variable": films.variable,
    "late": films.late,
    "long_gop": films.long_gop,
}


@pytest.mark.parametrize("name", MP4)
def test_tables_say_what_the_packets_say(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / f"{name}.mp4"
    MP4[name](path)
    assert sample_times(path, 1) is not None
    with monkeypatch.context() as patch:
        patch.setattr(frames, "_from_packets", lambda *_: pytest.fail("the tables were not used"))
        fast = frames.build_index(path, 0)
    with monkeypatch.context() as patch:
        patch.setattr(frames, "_from_tables", lambda *_: None)
        assert _equal(fast, frames.build_index(path, 0))


def test_tables_that_lie_are_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "b.mp4"
    films.bframes(path, seconds=2)
    data = bytearray(path.read_bytes())
    at = data.index(b"ctts") + 12  # the first run: how many samples, how much later
    data[at + 4 : at + 8] = (1 << 20).to_bytes(4, "big")
    path.write_bytes(data)
    with monkeypatch.context() as patch:
        patch.setattr(frames, "_from_tables", lambda *_: None)
        slow = frames.build_index(path, 0)
    assert _equal(frames.build_index(path, 0), slow)


def test_fragments_have_no_tables(tmp_path: Path) -> None:
    path = tmp_path / "live.mp4"
    flags = {"movflags": "frag_keyframe+empty_moov"}
    film = films.make_film(path, films.steady(2, 30), container=flags, sound=None)
    assert len(frames.build_index(path, 0)) == len(film.pts_s)


@pytest.mark.parametrize("cut", [0, 7, 8, 40, 400])
def test_a_broken_file_has_no_tables(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "b.mp4"
    films.make_film(path, films.steady(1, 30), container={"movflags": "faststart"}, sound=None)
    path.write_bytes(path.read_bytes()[:cut])
    assert sample_times(path, 1) is None


def test_an_index_is_kept_and_read_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INSPECTOR_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "v.mkv"
    films.variable(path, seconds=2)
    made = frames.frame_index(path, 0)
    frames._indexes.clear()
    monkeypatch.setattr(frames, "build_index", lambda *_: pytest.fail("it was kept"))
    assert _equal(frames.frame_index(path, 0), made)
    folder = user_cache().folder(path)
    assert folder is not None
    kept = folder / "frames-0.i64"
    whole = kept.read_bytes()
    for torn in (b"", whole[:31], whole[:-8], b"x" * 64, whole[:8] + b"\xff" * 24 + whole[32:]):
        kept.write_bytes(torn)
        frames._indexes.clear()
        assert frames.known_index(path, 0) is None


def test_the_longest_gop() -> None:
    start = np.arange(100, dtype=np.int64) * 40_000_000
    index = frames.FrameIndex(
        np.arange(100), start, 4_000_000_000, np.array([0, 25, 90]), np.array([0, 25, 90])
    )
    assert index.longest_gop_ns == 65 * 40_000_000
    assert index.key_before(30) == 25
    assert frames.scale_pts(np.array([3]), Fraction(1, 3)).tolist() == [1_000_000_000]


def test_a_large_film_that_is_no_mp4_is_not_opened_to_find_that_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []

    def noted(source: Source, kind: str) -> Any:
        opened.append(source.path.suffix)
        return open_track(source, kind)

    monkeypatch.setattr(frames, "SMALL", 0)
    monkeypatch.setattr(frames, "open_track", noted)
    reel = films.reel(tmp_path)
    assert frames.quick_index(reel.film("bframes.mp4").path, 0) is not None
    assert frames.quick_index(reel.film("late.mkv").path, 0) is None
    assert opened == [".mp4"]
