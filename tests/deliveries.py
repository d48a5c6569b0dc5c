"""Films as a supplier delivers them again: packed anew, cut, with new stamps, encoded anew; and datasets."""

from __future__ import annotations

import wave
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import numpy as np
from films import make_film, steady

if TYPE_CHECKING:
    from pathlib import Path


def film(path: Path, seconds: float = 4, crf: int = 26, seed: int = 5, codec: str = "aac") -> Path:
    """A small film with sound, a key frame every half second, pictures that differ all the way."""
    rng = np.random.default_rng(seed)
    noise = rng.integers(0, 60, (96, 128, 3), np.uint8)

    def draw(number: int) -> Any:
        picture = np.roll(noise, number, 1).copy()
        picture[:, (number * 7) % 100 : (number * 7) % 100 + 20] = 200
        return picture

    t = np.arange(round(seconds * 48_000)) / 48_000
    pcm = sum(0.05 * np.sin(2 * np.pi * t * (f + 40 * t)) for f in rng.uniform(200, 4000, 6)).astype(
        np.float32
    )
    make_film(
        path,
        steady(seconds, 25),
        rate=25,
        size=(128, 96),
        options={"g": "12", "crf": str(crf), "x264-params": "scenecut=0"},
        pcm=pcm,
        sound=codec,
        draw=draw,
    )
    return path


def copied(
    source: Path,
    to: Path,
    start_s: float = 0.0,
    end_s: float = 1e9,
    later_s: dict[str, float] | None = None,
    kinds: tuple[str, ...] = ("video", "audio"),
) -> Path:
    """The packets of a film from a key frame on, in another container; `later_s` moves tracks by kind."""
    with av.open(str(source)) as box, av.open(str(to), "w") as out:
        tracks = {s.index: out.add_stream_from_template(s) for s in box.streams if s.type in kinds}
        for packet in box.demux([box.streams[index] for index in tracks]):
            if packet.pts is None or packet.dts is None:
                continue
            base = packet.time_base
            at = float(packet.pts * base)
            if not start_s - 1e-6 <= at < end_s:
                continue
            moved = (later_s or {}).get(packet.stream.type, 0.0) - start_s
            packet.pts += round(Fraction(moved) / base)
            packet.dts += round(Fraction(moved) / base)
            packet.stream = tracks[packet.stream.index]
            out.mux(packet)
    return to


def sound(path: Path, number: int, seconds: float = 0.3, rate: int = 8000) -> Path:
    """A WAV of noise that no other number has."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        values = np.random.default_rng(number).integers(-9999, 9999, round(seconds * rate), np.int16)
        file.writeframes(values.tobytes())
    return path


def small_record(root: Path, name: str, number: int) -> None:
    """A folder with a sound, a transcript and a sensor."""
    folder = root / name
    sound(folder / "voice.wav", number)
    (folder / "words.vtt").write_text(f"WEBVTT\n\n00:00.050 --> 00:00.250\nthis is record {number}\n")
    rows = "".join(f"{t / 100},{(number * 31 + t * t) % 97}\n" for t in range(30))
    (folder / "imu.csv").write_text(f"t_s,x\n{rows}")
