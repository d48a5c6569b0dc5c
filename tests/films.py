"""Films whose frames carry their number, and sounds with known clicks: what the tests measure against.

Each frame shows 16 blocks, black or white: marks, 12 bits of the number, and parity. They are large enough to
survive H.264, scaling and the corners that a camera view paints over. What is true of a film is what was
written into it (`pts_s`) and, for its exact times, what a plain decode with PyAV says (`truth`), never what
the program under test thinks.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from math import floor
from typing import TYPE_CHECKING, Any

import av
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from inspector.media.video import Picture

NS = 1_000_000_000
RATE = 48_000
ROWS = COLUMNS = 4
AREA = (0.10, 0.22, 0.90, 0.88)
"""Where the blocks lie, as parts of the picture: left, top, right, bottom."""
CLICK = 240
"""Samples of a click: 5 ms of noise, so that it is found to the sample also behind a lossy codec."""


# --- the barcode ----------------------------------------------------------------------------------


def bits_of(number: int) -> list[int]:
    """The 16 blocks of a frame number below 4096."""
    bits = [(number >> place) & 1 for place in range(11, -1, -1)]
    return [1, 0, *bits, sum(bits) & 1, 1]


def barcode(number: int, width: int, height: int) -> NDArray[np.uint8]:
    """The picture of a frame number, shape (height, width, 3)."""
    picture = np.full((height, width, 3), 96, np.uint8)
    for (x0, y0, x1, y1), bit in zip(_blocks(width, height), bits_of(number), strict=True):
        picture[y0:y1, x0:x1] = 235 if bit else 16
    return picture


def _blocks(width: float, height: float) -> list[tuple[int, int, int, int]]:
    left, top, right, bottom = AREA[0] * width, AREA[1] * height, AREA[2] * width, AREA[3] * height
    w, h = (right - left) / COLUMNS, (bottom - top) / ROWS
    return [
        (
            round(left + column * w),
            round(top + row * h),
            round(left + (column + 1) * w),
            round(top + (row + 1) * h),
        )
        for row in range(ROWS)
        for column in range(COLUMNS)
    ]


def picture_number(picture: Picture) -> int | None:
    """The number in a decoded picture, turned upright by what it says of its rotation."""
    rows = np.frombuffer(picture.data, np.uint8).reshape(-1, picture.stride)[: picture.height]
    pixels = rows[:, : picture.width * 4].reshape(picture.height, picture.width, 4)
    return read_barcode(np.rot90(pixels, picture.rotation // 90))


def read_barcode(picture: NDArray[np.uint8]) -> int | None:
    """The number in a picture (height, width[, channels]) that fills it, None where there is no clean one."""
    gray = picture if picture.ndim == 2 else picture[..., :3].mean(axis=2)
    height, width = gray.shape
    bits = []
    for x0, y0, x1, y1 in _blocks(width, height):
        inset_x, inset_y = (x1 - x0) // 4, (y1 - y0) // 4
        block = gray[y0 + inset_y : y1 - inset_y, x0 + inset_x : x1 - inset_x]
        level = float(block.mean())
        if 80 < level < 170 or float(block.std()) > 40:
            return None
        bits.append(int(level > 125))
    number = int("".join(map(str, bits[2:14])), 2)
    return number if bits == bits_of(number) else None


# --- making ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Film:
    """A film that was made: frame k was meant for `pts_s[k]` and shows `first + k`."""

    path: Path
    pts_s: tuple[Fraction, ...]
    end_s: Fraction
    sound_start_s: float = 0.0
    clicks: tuple[int, ...] = ()
    """Samples, from the sound's start, at which a click begins."""


def clicks_at(seconds: float, seed: int = 5) -> tuple[int, ...]:
    """Irregular places, about two a second, so that no shift matches by accident."""
    rng = np.random.default_rng(seed)
    steps = rng.integers(RATE // 5, RATE, 400)
    places = RATE // 4 + np.cumsum(steps)
    return tuple(int(place) for place in places if place < seconds * RATE - CLICK)


def click_pcm(seconds: float, places: Sequence[int], rate: int = RATE) -> NDArray[np.float32]:
    """Mono PCM (n,) with a burst of band-limited noise at each place (given at RATE)."""
    pcm = np.zeros(round(seconds * RATE), np.float32)
    for at, place in enumerate(places):
        rng = np.random.default_rng(1000 + at)
        burst = np.convolve(rng.standard_normal(CLICK), np.ones(8) / 8, "same") * np.hanning(CLICK)
        pcm[place : place + CLICK] += (0.6 * burst / np.abs(burst).max()).astype(np.float32)
    if rate == RATE:
        return pcm
    count = round(seconds * rate)
    return (np.fft.irfft(np.fft.rfft(pcm)[: count // 2 + 1], count) * (rate / RATE)).astype(np.float32)


def make_film(
    path: Path,
    pts_s: Sequence[Fraction],
    *,
    codec: str = "libx264",
    options: Mapping[str, str] | None = None,
    size: tuple[int, int] = (320, 240),
    rate: int = 30,
    base: Fraction = Fraction(1, 90_000),
    sound: str | None = "aac",
    sound_start_s: float = 0.0,
    sound_s: float | None = None,
    pcm: NDArray[np.float32] | None = None,
    draw: Callable[[int], NDArray[np.uint8]] | None = None,
    container: Mapping[str, str] | None = None,
    fixed_rate: bool = False,
    pix_fmt: str = "yuv420p",
) -> Film:
    """Encode a film whose frame k is shown from `pts_s[k]` on, and its clicks, into one container."""
    width, height = size
    length = float(pts_s[-1] + Fraction(1, rate))
    seconds = length - sound_start_s if sound_s is None else sound_s
    places = clicks_at(seconds)
    wave = click_pcm(seconds, places) if pcm is None else pcm
    if codec == "libx264":
        options = {"preset": "veryfast", "crf": "26", "g": "48", **(options or {})}
    if fixed_rate:
        base = Fraction(1, rate)
    with av.open(str(path), "w", container_options=dict(container or {})) as box:
        video: Any = box.add_stream(codec, rate=rate, options=dict(options or {}))
        video.width, video.height, video.pix_fmt = width, height, pix_fmt
        video.codec_context.time_base = base
        audio: Any = box.add_stream(sound, rate=RATE, layout="mono") if sound is not None else None
        sent = 0
        for number, at in enumerate(pts_s):
            picture = barcode(number, width, height) if draw is None else draw(number)
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            frame.pts, frame.time_base = round(at / base), base
            box.mux(video.encode(frame))
            while audio is not None and sent < len(wave) and sound_start_s + sent / RATE <= float(at):
                sent += _send(box, audio, wave, sent, sound_start_s)
        while audio is not None and sent < len(wave):
            sent += _send(box, audio, wave, sent, sound_start_s)
        box.mux(video.encode())
        if audio is not None:
            box.mux(audio.encode())
    return Film(path, tuple(pts_s), pts_s[-1] + Fraction(1, rate), sound_start_s, places)


def _send(box: Any, audio: Any, wave: NDArray[np.float32], sent: int, start_s: float) -> int:
    block = wave[sent : sent + 1024]
    frame = av.AudioFrame.from_ndarray(block[None, :], format="flt", layout="mono")
    frame.sample_rate = RATE
    frame.pts, frame.time_base = round(start_s * RATE) + sent, Fraction(1, RATE)
    box.mux(audio.encode(frame))
    return len(block)


def steady(seconds: float, rate: int, start_s: Fraction = Fraction(0)) -> list[Fraction]:
    """Frame times at a constant rate."""
    return [start_s + Fraction(k, rate) for k in range(round(seconds * rate))]


def irregular(seconds: float, seed: int = 3) -> list[Fraction]:
    """Frame times in whole ms, 12 to 120 ms apart, and one hold of half a second."""
    rng = np.random.default_rng(seed)
    times, at = [], 0
    while at < seconds * 1000:
        times.append(Fraction(at, 1000))
        at += 500 if len(times) == 40 else int(rng.integers(12, 121))
    return times


def bframes(path: Path, seconds: float = 6, rate: int = 25) -> Film:
    """H.264 with three B-frames between each two references, a key frame every 48."""
    return make_film(
        path,
        steady(seconds, rate),
        rate=rate,
        options={"bf": "3", "x264-params": "b-adapt=0:bframes=3:b-pyramid=normal:scenecut=0"},
    )


def variable(path: Path, seconds: float = 6) -> Film:
    """Irregular frame times, with B-frames."""
    options = {"bf": "2", "x264-params": "b-adapt=0:bframes=2:scenecut=0"}
    return make_film(path, irregular(seconds), options=options, base=Fraction(1, 1000))


def late(path: Path, seconds: float = 4) -> Film:
    """The picture begins at 1.5 s, the sound at 0, in one container; the sound goes on for longer too."""
    times = steady(seconds, 30, Fraction(3, 2))
    return make_film(path, times, sound_s=seconds + 2.5, options={"bf": "2"})


def long_gop(path: Path, seconds: float = 5) -> Film:
    """One key frame, at the start."""
    return make_film(
        path, steady(seconds, 30), options={"g": "9999", "x264-params": "scenecut=0"}, sound=None
    )


def transport_stream(path: Path, seconds: float = 5) -> Film:
    """MPEG-TS: its start_time is not 0."""
    return make_film(path, steady(seconds, 25), rate=25, options={"bf": "2"})


def avi(path: Path, seconds: float = 4) -> Film:
    """MPEG-4 part 2 in AVI, no stamps but the frame count."""
    options = {"g": "25", "b": "600k"}
    return make_film(
        path, steady(seconds, 25), codec="mpeg4", rate=25, options=options, sound="pcm_s16le", fixed_rate=True
    )


def live_webm(path: Path, seconds: float = 3) -> Film:
    """WebM as a browser records it: no duration, no cues."""
    return make_film(
        path,
        steady(seconds, 15),
        codec="libvpx",
        rate=15,
        size=(160, 120),
        options={"deadline": "realtime", "cpu-used": "8", "b": "400k", "g": "20"},
        sound="libopus",
        base=Fraction(1, 1000),
        container={"live": "1"},
    )


def cut_short(path: Path, whole: Film, part: float = 0.55) -> Film:
    """The first part of a film's bytes."""
    data = whole.path.read_bytes()
    path.write_bytes(data[: round(len(data) * part)])
    return Film(path, whole.pts_s, whole.end_s, whole.sound_start_s, whole.clicks)


def portrait(path: Path, seconds: float = 2) -> Film:
    """60 fps, stored lying, to be turned 90 degrees clockwise, as telephones write it."""
    width, height = 240, 320

    def lying(number: int) -> NDArray[np.uint8]:
        return np.rot90(barcode(number, width, height))

    film = make_film(path, steady(seconds, 60), rate=60, size=(height, width), draw=lying, sound=None)
    data = bytearray(path.read_bytes())
    matrix = b"".join(
        value.to_bytes(4, "big", signed=True) for value in (65536, 0, 0, 0, 65536, 0, 0, 0, 1 << 30)
    )
    turned = (0, 65536, 0, -65536, 0, 0, width << 16, 0, 1 << 30)
    at = data.index(matrix, data.index(b"tkhd"))
    data[at : at + len(matrix)] = b"".join(value.to_bytes(4, "big", signed=True) for value in turned)
    path.write_bytes(data)
    return film


def make_sound(
    path: Path, codec: str, seconds: float = 8, rate: int = RATE, **options: str
) -> tuple[int, ...]:
    """A file with nothing but clicks; where they begin, at RATE."""
    places = clicks_at(seconds)
    wave = click_pcm(seconds, places, rate)
    with av.open(str(path), "w") as box:
        audio: Any = box.add_stream(codec, rate=rate, layout="mono", options=options)
        for sent in range(0, len(wave), 1024):
            frame = av.AudioFrame.from_ndarray(wave[None, sent : sent + 1024], format="flt", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = rate, sent, Fraction(1, rate)
            box.mux(audio.encode(frame))
        box.mux(audio.encode())
    return places


MAKERS: dict[str, Callable[[Path], Film]] = {
    "bframes.mp4": bframes,
    "bframes.mkv": bframes,
    "variable.mp4": variable,
    "variable.mkv": variable,
    "late.mp4": late,
    "late.mkv": late,
    "long_gop.mp4": long_gop,
    "start.ts": transport_stream,
    "count.avi": avi,
    "live.webm": live_webm,
    "portrait.mp4": portrait,
}
CUT = {"cut_late.mkv": "late.mkv", "cut_start.ts": "start.ts", "cut_bframes.mkv": "bframes.mkv"}
"""Films of which only the first part of the bytes is there."""


class Reel:
    """The films by name, each made once, when it is first asked for."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._films: dict[str, Film] = {}
        self._truths: dict[str, Truth] = {}

    def film(self, name: str) -> Film:
        """The film of that name, a key of MAKERS or CUT."""
        if name not in self._films:
            path = self.folder / name
            self._films[name] = cut_short(path, self.film(CUT[name])) if name in CUT else MAKERS[name](path)
        return self._films[name]

    def truth(self, name: str) -> Truth:
        """What a plain decode says of that film."""
        if name not in self._truths:
            self._truths[name] = truth(self.film(name))
        return self._truths[name]


@cache
def reel(base: Path) -> Reel:
    """The reel of a test run, shared by all test files: `base` is the run's temporary folder."""
    return Reel(base / "films")


# --- what is true ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Truth:
    """Each shown frame's start in local ns and the number in its picture, from a plain decode of it all."""

    starts_ns: tuple[int, ...]
    numbers: tuple[int | None, ...]
    end_ns: int

    def at(self, local_ns: int) -> int | None:
        """The number on screen at a local time, None outside the film."""
        if not self.starts_ns or not self.starts_ns[0] <= local_ns < self.end_ns:
            return None
        return self.numbers[int(np.searchsorted(self.starts_ns, local_ns, "right")) - 1]


def truth(film: Film) -> Truth:
    """Decode every frame in order; zero is pts 0, but the start in containers that count from elsewhere."""
    found: list[tuple[int, int | None]] = []
    with av.open(str(film.path)) as box:
        from_zero = {"mov", "mp4", "matroska", "webm", "avi"} & set(box.format.name.split(","))
        zero = Fraction(0) if from_zero or box.start_time is None else Fraction(box.start_time, 1_000_000)
        lying = film.path.name.startswith("portrait")
        try:
            for frame in box.decode(video=0):
                if frame.pts is None or frame.time_base is None:
                    continue
                at = (frame.pts * Fraction(frame.time_base) - zero) * NS
                picture: Any = frame.to_ndarray(format="rgb24")
                picture = np.rot90(picture, -1) if lying else picture
                found.append((floor(at + Fraction(1, 2)), read_barcode(picture)))
        except av.FFmpegError:
            pass  # cut short: what came out before is what there is
    found.sort(key=lambda each: each[0])
    shift = found[0][0] - round(film.pts_s[0] * NS) if found else 0
    last_ns = round((film.end_s - film.pts_s[-1]) * NS)
    end_ns = min(round(film.end_s * NS) + shift, found[-1][0] + last_ns) if found else 0
    return Truth(tuple(at for at, _ in found), tuple(number for _, number in found), end_ns)
