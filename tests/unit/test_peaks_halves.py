"""Waveforms of long sounds: decoded from the start and from the middle at once, slower while it plays."""

from __future__ import annotations

import json
import os
import sys
import time
import zlib
from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np
import pytest
from films import NS, RATE
from sounds import Broken, bytes_of, drawn, heard, noise

from inspector.core.cache import user_cache
from inspector.core.jobs import Job
from inspector.media import peaks, peaks_build
from inspector.media.chunks import Home
from inspector.media.peak_levels import CHUNK, RECORD
from inspector.media.peaks import Peaks, load_peaks
from inspector.media.peaks_build import Layer, Mark, NativeReader

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from inspector.core.model import Source


def halves(source: Source, path: Path, seconds: float) -> peaks_build.Tail:
    """Where the second half of a sound begins."""
    return peaks_build.Tail(path.with_suffix(".tail"), round(seconds * RATE) // CHUNK // 2)


@pytest.mark.parametrize("broken", [False, True])
def test_a_sound_built_from_its_middle_too_is_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: bool
) -> None:
    source = noise(tmp_path / "a.m4a", "aac", 36.0, aac_pns="0")
    tail = halves(source, tmp_path / "parts", 36.0)
    peaks_build.build(source, RATE, tmp_path / "whole", {}, lambda _: None)
    begun: list[int] = []
    lay = NativeReader.lay

    def watched(self: NativeReader, layer: Layer, mark: Mark, begin: int = 0) -> bool:
        begun.append(mark.at if mark != peaks_build.NO_MARK else begin)
        return lay(self, layer, mark, begin)

    monkeypatch.setattr(NativeReader, "lay", watched)

    def told(samples: int) -> None:
        if broken and samples == (tail.first + 1) * CHUNK:
            raise Broken

    with suppress(Broken):
        peaks_build.build_tail(source, RATE, tail, {}, told)
    assert peaks_build.build(source, RATE, tmp_path / "parts", {}, lambda _: None, tail)
    np.testing.assert_array_equal(bytes_of(tmp_path / "parts"), bytes_of(tmp_path / "whole"))
    # The second half is decoded once, but for what was not in the tail: that is decoded behind its end.
    assert begun[:2] == [tail.first * CHUNK, 0]
    assert [at > tail.first * CHUNK for at in begun[2:]] == [True] * broken


def test_a_tail_of_other_places_is_not_taken(tmp_path: Path) -> None:
    source = noise(tmp_path / "a.m4a", "aac", 36.0, aac_pns="0")
    tail = halves(source, tmp_path / "parts", 36.0)
    peaks_build.build(source, RATE, tmp_path / "whole", {}, lambda _: None)
    peaks_build.build_tail(source, RATE, tail, {}, lambda _: None)
    content = tail.path.read_bytes()
    records = np.frombuffer(bytearray(content[4096:]), RECORD)
    records["level0"] = 0.5
    records["mark"][:, 2] += RATE  # a second later
    for record in records.reshape(-1, 1):
        record["crc"] = zlib.crc32(record.view(np.uint8).data[:-4])
    tail.path.write_bytes(content[:4096] + records.tobytes())
    peaks_build.build(source, RATE, tmp_path / "parts", {}, lambda _: None, tail)
    np.testing.assert_array_equal(bytes_of(tmp_path / "parts"), bytes_of(tmp_path / "whole"))


def test_a_sound_without_an_index_is_not_begun_in_its_middle(tmp_path: Path) -> None:
    source = noise(tmp_path / "a.mp3", "libmp3lame", 24.0)
    with pytest.raises(peaks_build.UnsuitedError):
        peaks_build.build_tail(source, RATE, halves(source, tmp_path / "parts", 24.0), {}, lambda _: None)


def test_both_halves_are_shown_before_they_meet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peaks, "TELL_EVERY_S", 1)
    source = noise(tmp_path / "a.m4a", "aac", 36.0, aac_pns="0")
    truth = load_peaks(source, Job("peaks"))
    what = {"rate": RATE, "track": 0, "start": None, "end": None}
    (path,) = user_cache().root.rglob("*.chunks")
    path.unlink()
    home = Home(source.path, path.name, 0)
    tail = halves(source, path, 36.0)
    peaks_build.build_tail(source, RATE, tail, what, lambda _: None)
    told: list[Peaks] = []
    loading = peaks._Loading(source, RATE, what, home, tail.first, Job("peaks"), told.append, lambda: False)
    loading._refresh()
    loading._tell()
    begin_ns = tail.first * CHUNK * NS // RATE
    low, _ = told[0].envelope(0, begin_ns, 40)
    assert np.isnan(low[:-1]).all()
    for columns in (20, 3000):  # the finest levels too are answered, by bounds
        low, high = told[0].envelope(begin_ns, 35 * NS, columns)
        least, most = truth.envelope(begin_ns, 35 * NS, columns)
        assert (low <= least).all()
        assert (high >= most).all()
    made = loading.run(in_child=False)
    np.testing.assert_array_equal(made.envelope(0, 36 * NS, 900), truth.envelope(0, 36 * NS, 900))
    assert not tail.path.exists()


def test_two_children_build_a_long_sound_and_hear_of_the_player(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peaks, "CHILD_FROM_S", 1)
    monkeypatch.setattr(peaks, "SPLIT_FROM_S", 1)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    said: list[str] = []
    say = peaks._say

    def heard_by(child: subprocess.Popen[str], line: str) -> None:
        said.append(json.loads(line)["build"] if line.startswith("{") else line)
        say(child, line)

    monkeypatch.setattr(peaks, "_say", heard_by)
    source = noise(tmp_path / "a.m4a", "aac", 36.0, aac_pns="0")
    made = load_peaks(source, Job("peaks"), busy=lambda: True)
    assert said == ["all", "tail", "slow", "slow"]
    for got, want in zip(drawn(made), heard(source, RATE), strict=True):
        np.testing.assert_array_equal(got, want)


def test_a_slow_child_rests_three_quarters_of_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    rests: list[float] = []
    monkeypatch.setattr(time, "monotonic", lambda: now)
    monkeypatch.setattr(peaks_build, "_rest", rests.append)
    monkeypatch.setattr(sys, "stdin", ["slow\n"])
    monkeypatch.setattr(os, "_exit", lambda _: None)
    pace = peaks_build.Pace()
    now = 0.5
    pace.keep(0)
    pace.listen()
    now = 0.75
    pace.keep(0)
    assert rests == [0.75]
