"""A long film is opened with one of its tracks: what comes out is the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import films
import numpy as np
import pytest

from inspector.core.model import Source
from inspector.media import one_track
from inspector.media.opening import _File, open_film, open_track

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def film(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A film with sound whose tables count as long."""
    monkeypatch.setattr(one_track, "LONG_BYTES", 0)
    one_track._tracks.cache_clear()
    return films.late(tmp_path / "late.mp4").path


@pytest.mark.parametrize(("track", "kind"), [(0, "video"), (1, "audio")])
def test_one_track_gives_what_it_gives_beside_the_others(film: Path, track: int, kind: str) -> None:
    with open_film(film) as both:
        frames: Any = both.decode(**{kind: 0})
        whole = [(frame.pts, frame.to_ndarray()) for frame in frames]
    before = film.read_bytes()
    box, stream = open_track(Source(film, "av", track=track), kind)
    with box:
        assert [each.type for each in box.streams] == [kind]
        frames = box.decode(stream)
        alone = [(frame.pts, frame.to_ndarray()) for frame in frames]
    assert [pts for pts, _ in alone] == [pts for pts, _ in whole]
    assert all(np.array_equal(a, b) for (_, a), (_, b) in zip(alone, whole, strict=True))
    assert film.read_bytes() == before


def test_a_short_film_is_read_as_it_is(tmp_path: Path) -> None:
    film = films.late(tmp_path / "short.mp4").path
    assert one_track.others(film, 0) == ()


@pytest.mark.parametrize("junk", [b"", b"\0" * 64, b"\0\0\0\x08moov", b"\0\0\0\x10moov\0\0\0\x04trak"])
def test_boxes_that_lie_are_let_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, junk: bytes) -> None:
    monkeypatch.setattr(one_track, "LONG_BYTES", 0)
    path = tmp_path / "a.mp4"
    path.write_bytes(junk)
    assert one_track.others(path, 0) == ()


def test_the_word_is_hidden_however_the_reads_fall(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"0123trak89trak")
    for step in range(1, 15):
        file = _File(path, ((4, b"free"), (10, b"free")))
        parts = []
        while part := file.read(step):
            parts.append(part)
        assert b"".join(parts) == b"0123free89free"
