"""The files that are measured: films that cost something to decode, made once and kept by recipe.

A film's frame k shows the number `k % unique` as the blocks of `films.py`, over drifting gradients and sensor
noise, so that neither the encoder nor the decoder has an easy life. Long films are a short one's packets over
and over. All of it lies in INSPECTOR_BENCH_FILMS, or in a folder of the machine's temporary one.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
import wave
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import numpy as np
from films import AREA, COLUMNS, ROWS, bits_of

from inspector.core.times import NS

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

VERSION = 1
"""Part of every key: a recipe that is drawn otherwise is another film."""
DARK, LIGHT = 44, 208
RATE = 48_000


@dataclass(frozen=True)
class Recipe:
    """A film: `unique` frames are encoded (x264 `preset`, `crf`), and their packets written `loops` times."""

    width: int
    height: int
    gop: int
    unique: int = 1800
    loops: int = 1
    fps: int = 30
    noise: float = 4.0
    crf: int = 23
    preset: str = "medium"
    sound: bool = False
    ending: str = "mp4"

    @property
    def frames(self) -> int:
        """How many frames the film has."""
        return self.unique * self.loops


HD = Recipe(1280, 720, 60, loops=3)
FULL_HD = Recipe(1920, 1080, 250, unique=1500, loops=9)
FOUR = Recipe(1280, 720, 60, sound=True)
ONE_HOUR = Recipe(640, 360, 60, loops=60, noise=1.0, crf=36, preset="veryfast", sound=True)
TEN_HOURS = Recipe(640, 360, 60, unique=1800, loops=600, noise=1.0, crf=36, preset="veryfast", sound=True)
BIG = Recipe(1920, 1080, 60, unique=300, noise=12.0, crf=24, preset="veryfast", sound=True)
BIG_BYTES = 4_000_000_000


@dataclass(frozen=True)
class BenchFilm:
    """A made film. `start_ns` (n,) is when each frame begins, container zero taken off."""

    path: Path
    recipe: Recipe
    start_ns: NDArray[np.int64]

    def number(self, frame: int) -> int:
        """What the blocks of a frame say."""
        return frame % self.recipe.unique

    def targets(self, count: int, seed: int) -> list[int]:
        """Frames in random order, no two in one group of pictures, so that none is near what was decoded."""
        rng = np.random.default_rng(seed)
        groups = rng.permutation(len(self.start_ns) // self.recipe.gop)[:count]
        inside = rng.integers(0, self.recipe.gop, len(groups))
        return [int(each) for each in groups * self.recipe.gop + inside]


def folder() -> Path:
    """Where the files are kept between runs."""
    named = os.environ.get("INSPECTOR_BENCH_FILMS")
    path = Path(named) if named else Path(tempfile.gettempdir()) / f"inspector-bench-{os.getuid()}"
    path.mkdir(parents=True, exist_ok=True)
    return path


def kept(kind: str, recipe: dict[str, Any], ending: str, make: Callable[[Path], None]) -> Path:
    """The file of a recipe, made where it is not there yet; a run that is stopped leaves no half file."""
    key = hashlib.sha256(json.dumps([VERSION, kind, recipe], sort_keys=True).encode()).hexdigest()[:12]
    path = folder() / f"{kind}-{key}.{ending}"
    if not path.exists():
        half = path.with_name(f"half-{os.getpid()}-{path.name}")
        try:
            make(half)
            half.rename(path)
        finally:
            half.unlink(missing_ok=True)
    return path


def film(recipe: Recipe) -> BenchFilm:
    """The film of a recipe, with its frames' times read from its packets."""
    path = kept("film", asdict(recipe), recipe.ending, lambda half: _make(half, recipe))
    times = kept("times", asdict(recipe), "npy", lambda half: _write_times(half, path))
    return BenchFilm(path, recipe, np.load(times))


def big_film(ending: str) -> BenchFilm:
    """A film of about BIG_BYTES, in a container of this ending."""
    times = round(BIG_BYTES / film(BIG).path.stat().st_size)
    return film(replace(BIG, loops=times, ending=ending))


def record_folder(parent: Path, name: str, files: dict[str, Path]) -> Path:
    """A dataset at `parent` with the record `name`: the files under these names, linked where the disk can.

    A second record has the same names: a folder alone would be taken for a pile of records.
    """
    for record in (parent / name, parent / f"{name}_again"):
        record.mkdir(parents=True)
        for file, source in files.items():
            try:
                os.link(source, record / file)
            except OSError:
                shutil.copy(source, record / file)
    return parent


def sensor_csv(seconds: int, rate: int = 100) -> Path:
    """Random walks of six channels with a time column in seconds."""

    def make(half: Path) -> None:
        t_s = np.arange(seconds * rate) / rate
        walks = np.random.default_rng(11).standard_normal((len(t_s), 6)).cumsum(axis=0)
        names = ",".join(["time_s", *(f"{kind}_{axis}" for kind in ("acc", "gyro") for axis in "xyz")])
        np.savetxt(half, np.column_stack([t_s, walks]), "%.4f", ",", header=names, comments="")

    return kept("sensor", {"seconds": seconds, "rate": rate}, "csv", make)


# --- pictures -------------------------------------------------------------------------------------


class Painter:
    """Draws the luma and chroma planes of any frame number, shape (height * 3 / 2, width)."""

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        width, height = recipe.width, recipe.height
        rng = np.random.default_rng(2)
        y, x = np.mgrid[0 : height * 2, 0 : width * 2].astype(np.float32)
        waves = np.sin(x / 61) + np.sin(y / 43) + np.sin((x + 2 * y) / 97) + 0.6 * np.sin((3 * x - y) / 17)
        self._texture = (waves * 7).astype(np.int8)
        self._noise = np.clip(
            rng.standard_normal((height + 512, width + 512)) * recipe.noise, -60, 60
        ).astype(np.int8)
        self._shifts = rng.integers(0, 512, (4096, 2))
        self._chroma = (128 + 20 * np.sin(x[: height // 2, : width // 2] / 113)).astype(np.uint8)

    def draw(self, number: int) -> NDArray[np.uint8]:
        """The picture of a number: blocks, the texture that drifts behind them, and fresh noise."""
        width, height = self._recipe.width, self._recipe.height
        ground = np.full((height, width), 120, np.int16)
        for place, bit in enumerate(bits_of(number)):
            row, column = divmod(place, COLUMNS)
            ground[
                _part(row, ROWS, AREA[1], AREA[3], height), _part(column, COLUMNS, AREA[0], AREA[2], width)
            ] = LIGHT if bit else DARK
        dx, dy = (number * 3) % width, number % height
        ground += self._texture[dy : dy + height, dx : dx + width]
        sx, sy = self._shifts[number % 4096]
        ground += self._noise[sy : sy + height, sx : sx + width]
        planes = np.empty((height * 3 // 2, width), np.uint8)
        planes[:height] = np.clip(ground, 16, 235)
        moved = np.roll(self._chroma, number, axis=1).reshape(-1)
        planes[height:] = np.concatenate([moved, moved[::-1]]).reshape(height // 2, width)
        return planes


def _part(at: int, parts: int, first: float, last: float, px: int) -> slice:
    step = (last - first) * px / parts
    return slice(round(first * px + at * step), round(first * px + (at + 1) * step))


# --- making ---------------------------------------------------------------------------------------


def _make(path: Path, recipe: Recipe) -> None:
    if recipe.loops == 1:
        _encode(path, recipe)
        return
    once = replace(recipe, loops=1, ending="mp4")
    source = kept("film", asdict(once), "mp4", lambda half: _encode(half, once))
    loop(source, path, recipe.loops)


def loop(source: Path, path: Path, times: int) -> None:
    """A file's packets over and over, not encoded again."""
    command: list[str | Path] = [
        "ffmpeg",
        "-v",
        "error",
        "-y",
        "-stream_loop",
        str(times - 1),
        "-i",
        source,
        "-c",
        "copy",
        path,
    ]
    subprocess.run(command, check=True)


def _encode(path: Path, recipe: Recipe) -> None:
    painter = Painter(recipe)
    options = {
        "preset": recipe.preset,
        "crf": str(recipe.crf),
        "g": str(recipe.gop),
        "x264-params": f"keyint={recipe.gop}:min-keyint={recipe.gop}:scenecut=0",
    }
    seconds = recipe.unique / recipe.fps
    with av.open(str(path), "w") as box:
        video: Any = box.add_stream("libx264", rate=recipe.fps, options=options)
        video.width, video.height, video.pix_fmt = recipe.width, recipe.height, "yuv420p"
        sound: Any = box.add_stream("aac", rate=RATE, layout="stereo") if recipe.sound else None
        pcm = music(seconds) if recipe.sound else np.zeros((0, 2), np.float32)
        sent = 0
        for number in range(recipe.unique):
            frame = av.VideoFrame.from_ndarray(painter.draw(number), format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, recipe.fps)
            box.mux(video.encode(frame))
            while sent < len(pcm) and sent * recipe.fps <= number * RATE:
                box.mux(sound.encode(_sound_frame(pcm, sent)))
                sent += 1024
        box.mux(video.encode())
        if sound is not None:
            box.mux(sound.encode())


def _sound_frame(pcm: NDArray[np.float32], at: int) -> Any:
    block = np.ascontiguousarray(pcm[at : at + 1024].T)
    frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="stereo")
    frame.sample_rate, frame.pts, frame.time_base = RATE, at, Fraction(1, RATE)
    return frame


def music(seconds: float) -> NDArray[np.float32]:
    """Stereo PCM (n, 2): tones that come and go over pink-like noise."""
    rng = np.random.default_rng(7)
    t_s = np.arange(round(seconds * RATE)) / RATE
    tones = sum(
        np.sin(2 * np.pi * hz * t_s) * (np.sin(t_s * beat) > 0) for hz, beat in ((220, 1.3), (331, 2.1))
    )
    noise = rng.standard_normal((len(t_s), 2)).astype(np.float32)
    noise[1:] = (noise[1:] + noise[:-1]) / 2
    mixed: NDArray[np.float32] = (0.15 * np.asarray(tones)[:, None] + 0.05 * noise).astype(np.float32)
    return mixed


def long_sound(minutes: int = 10, loops: int = 60) -> Path:
    """AAC stereo, ten hours by default."""

    def encode(half: Path) -> None:
        pcm = (np.clip(music(minutes * 60), -1, 1) * 32767).astype("<i2")
        plain = half.with_suffix(".wav")
        with wave.open(str(plain), "wb") as out:
            out.setnchannels(2)
            out.setsampwidth(2)
            out.setframerate(RATE)
            out.writeframes(pcm.tobytes())
        try:
            command: list[str | Path] = [
                "ffmpeg",
                "-v",
                "error",
                "-y",
                "-i",
                plain,
                "-c:a",
                "aac",
                "-b:a",
                "128k",
                half,
            ]
            subprocess.run(command, check=True)
        finally:
            plain.unlink()

    recipe = {"minutes": minutes}
    once = kept("sound", recipe, "m4a", encode)
    return kept("sound", {**recipe, "loops": loops}, "m4a", lambda half: loop(once, half, loops))


def points(channels: int = 64, rate: int = 1000, seconds: int = 3600) -> Path:
    """A Parquet table of float32 walks with a time column in seconds: 230 million points by default."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    def make(half: Path) -> None:
        rng = np.random.default_rng(5)
        names = [f"ch_{place:02d}" for place in range(channels)]
        group = rate * 60
        last = np.zeros(channels, np.float32)
        schema = pa.schema([("time_s", pa.float64()), *((name, pa.float32()) for name in names)])
        with pq.ParquetWriter(half, schema, compression="snappy", use_dictionary=False) as out:
            for first in range(0, rate * seconds, group):
                steps = rng.standard_normal((group, channels), np.float32) * 0.1
                walk = steps.cumsum(axis=0, dtype=np.float32) + last
                last = walk[-1]
                columns = [np.arange(first, first + group) / rate, *np.ascontiguousarray(walk.T)]
                out.write_table(pa.table(dict(zip(["time_s", *names], columns, strict=True)), schema))

    return kept("points", {"channels": channels, "rate": rate, "seconds": seconds}, "parquet", make)


def _write_times(half: Path, path: Path) -> None:
    """Presentation times from the packets alone: raw PyAV, nothing of the program that is measured."""
    stamps = []
    with av.open(str(path)) as box:
        base = box.streams.video[0].time_base
        assert base is not None
        stamps = [packet.pts for packet in box.demux(video=0) if packet.pts is not None and packet.size]
    order = np.sort(np.array(stamps, np.int64))
    exact = order.astype(object) * base.numerator * NS // base.denominator if len(order) < 50_000 else None
    starts = (
        np.array(exact, np.int64) if exact is not None else np.rint(order * float(base * NS)).astype(np.int64)
    )
    with half.open("wb") as out:
        np.save(out, starts[starts >= 0])
