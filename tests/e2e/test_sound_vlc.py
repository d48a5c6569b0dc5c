"""The VLC output with the real libVLC, listened to at a sound server of its own."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import numpy as np
import pytest
from desks import Ear, need, onsets, sound_server

from inspector.core.model import Clock, Modality, Source, Stream
from inspector.media import audio, sound_vlc
from inspector.playback.mixer import Mixer, Track
from inspector.playback.sound import RATE
from inspector.playback.sound_vlc import CLOSE_S, VlcSoundOutput
from inspector.playback.transport import SoundClock, Transport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

pytestmark = pytest.mark.slow

NS = 1_000_000_000
EVERY_S = 0.5
"""Between a beep and the next; the number of a beep is heard as its pitch."""
BEEP_S = 0.04
LOWEST_HZ, STEP_HZ = 500, 150
OFF_MS = 40.0
"""Loose, for a shared machine: the exact figures come from the sync bench."""
PATIENCE_S = 25.0
TRIES = 3


class Beeps:
    """A fake PcmReader: at each EVERY_S a short tone whose pitch counts them."""

    rate = RATE
    channels = 2

    def __init__(self, source: Source, rate: int = RATE, layout: str = "stereo") -> None:
        pass

    def read(self, start: int, count: int) -> NDArray[np.float32]:
        at = np.arange(start, start + count) / RATE
        number = np.floor(at / EVERY_S + 1e-9)
        since = at - number * EVERY_S
        tone = 0.7 * np.cos(2 * np.pi * (LOWEST_HZ + STEP_HZ * number) * since) * (since < BEEP_S)
        return np.repeat(tone.astype(np.float32)[:, None], 2, axis=1)

    def close(self) -> None:
        pass


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    need("pulseaudio", "parec")
    try:
        sound_vlc.load()
    except sound_vlc.VlcMissing as error:
        pytest.skip(str(error))
    with sound_server() as led:
        for name, value in led.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(audio, "PcmReader", Beeps)
        yield led


class Table:
    """Mixer, VLC and transport together, and a diary of which moment was said to be heard when."""

    def __init__(self, tmp_path: Path) -> None:
        self.told: list[str] = []
        self.mixer = Mixer()
        clock = Clock("beeps", "container")
        source = Source(tmp_path / "beeps", "av", 0)
        self.mixer.set_tracks([Track(Stream("beeps", Modality.AUDIO, source, clock, (0, 60 * NS)))])
        self.output = VlcSoundOutput(latency_ns=0)  # nothing is seen here
        self.transport = Transport()
        self.transport.set_span(0, 60 * NS)
        self.diary: list[tuple[float, float]] = []
        self.output.start(self.mixer, self.told.append)

    def until(self, true: Callable[[], bool]) -> None:
        """Write the diary until something is true."""
        deadline = time.monotonic() + PATIENCE_S
        while not true():
            assert time.monotonic() < deadline, (self.told, self.output.residual)
            if self.transport.playing:
                now = time.monotonic()
                self.diary.append((now, self.transport.now_ns() / NS))
            threading.Event().wait(0.004)

    def ready(self) -> None:
        self.until(lambda: bool(self.told))
        assert self.told[0] == "", self.told
        self.transport.set_sound(SoundClock(self.mixer, self.output.clock))

    def past(self, seconds: float) -> Callable[[], bool]:
        return lambda: self.transport.now_ns() >= seconds * NS

    def close(self) -> None:
        self.transport.pause()
        self.output.close()
        self.mixer.close()


@pytest.fixture
def table(desk: dict[str, str], tmp_path: Path) -> Iterator[Table]:
    made = Table(tmp_path)
    yield made
    made.close()


def beeps_heard(ear: Ear) -> list[tuple[float, int]]:
    """When each beep began at the loudspeaker, and which one it was by its pitch."""
    pcm, when = ear.sound()
    found = []
    for at in onsets(np.abs(pcm), when, 0.2, 0.2):
        first = int(np.searchsorted(when, at))
        part = pcm[first : first + round(0.03 * RATE)]
        if len(part) < round(0.03 * RATE):
            continue
        spectrum = np.abs(np.fft.rfft(part * np.hanning(len(part)), 1 << 15))
        pitch = float(spectrum.argmax()) * RATE / (1 << 15)
        found.append((at, round((pitch - LOWEST_HZ) / STEP_HZ)))
    return found


def play_seek_and_pause(table: Table, env: dict[str, str]) -> tuple[Ear, tuple[float, float]]:
    """What is listened to, and from when to when nothing was to be heard in between."""
    go = table.transport
    with Ear(env) as ear:
        table.ready()
        go.play()
        table.until(table.past(3.2))
        go.seek(20 * NS + NS // 4)
        table.until(table.past(22.2))
        go.pause()
        quiet_from = time.monotonic() + 0.5  # what VLC has pulled is still heard
        table.until(lambda: time.monotonic() > quiet_from + 0.8)
        quiet_to = time.monotonic()
        go.play()
        table.until(table.past(24.2))
        assert table.output.residual.endswith("ms"), table.output.residual
        after = time.monotonic() + 0.6
        go.pause()
        table.until(lambda: time.monotonic() > after)
    return ear, (quiet_from, quiet_to)


def test_what_is_heard_is_what_the_clock_says_also_after_seek_and_pause(
    desk: dict[str, str], tmp_path: Path
) -> None:
    """VLC may lose its footing on a busy machine, which it tells; then all is done again."""
    for _ in range(TRIES):
        table = Table(tmp_path)
        try:
            ear, (quiet_from, quiet_to) = play_seek_and_pause(table, desk)
        finally:
            table.close()
        if table.told == [""]:
            break
    assert table.told == [""], table.told
    heard = beeps_heard(ear)
    numbers = [number for _, number in heard]
    assert set(range(1, 7)) <= set(numbers)
    assert {41, 42, 43, 44, 45, 46, 47, 48} <= set(numbers)
    assert numbers == sorted(numbers), "the order of the beeps"
    assert not [at for at, _ in heard if quiet_from < at < quiet_to], "a beep in the pause"
    wall, claimed = np.array(table.diary).T
    off_ms = []
    for at, number in heard:
        near = np.abs(wall - at) < 0.1  # only where the transport was running
        if near.sum() >= 10 and np.ptp(claimed[near]) < 0.5:
            off_ms.append((float(np.interp(at, wall, claimed)) - number * EVERY_S) * 1e3)
    assert len(off_ms) >= 8, heard
    assert abs(float(np.median(off_ms))) < OFF_MS, off_ms


def test_no_thread_is_left_and_closing_takes_no_time(table: Table) -> None:
    table.until(lambda: any(thread.name == "inspector-vlc" for thread in threading.enumerate()))
    began = time.monotonic()
    table.close()  # while VLC is still on its way
    assert time.monotonic() - began < CLOSE_S, "it was left behind"
    assert not [thread.name for thread in threading.enumerate() if thread.name == "inspector-vlc"]
    assert "" not in table.told


@pytest.mark.usefixtures("desk")
def test_no_sound_device_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PULSE_SERVER", "unix:/nonexistent")
    monkeypatch.setenv("ALSA_CONFIG_PATH", str(tmp_path / "none"))
    table = Table(tmp_path)
    try:
        table.until(lambda: bool(table.told))
        assert "no sound device" in table.told[0]
    finally:
        table.close()
