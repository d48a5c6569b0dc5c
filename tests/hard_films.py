"""Films that are hard to play: other codecs, other depths, turned, cut, broken, and with stamps that lie.

What is true of each is what a plain decode with PyAV gives (`shots`): which number was on screen at which
presentation stamp. Where the film is damaged, what was written before the damage (`Film.pts_s`) is the truth.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cache, partial
from math import floor
from typing import TYPE_CHECKING, Any

import av
import numpy as np
from films import NS, Film, barcode, cut_short, make_film, read_barcode, steady

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

SIZE = (160, 120)
RATE = 25
SECONDS = 3
GOP = 20
X264 = {"g": str(GOP), "bf": "2", "x264-params": "b-adapt=0:bframes=2:scenecut=0"}
PACKET = 188
"""Bytes of a packet of MPEG-TS."""
WRAP = 1 << 33
"""Where the stamps of MPEG-TS begin again, at 90 kHz."""


# --- codecs and depths ----------------------------------------------------------------------------


def coded(path: Path, codec: str, options: Mapping[str, str], pix_fmt: str = "yuv420p") -> Film:
    """A steady film of one codec."""
    return make_film(
        path,
        steady(SECONDS, RATE),
        codec=codec,
        options=options,
        size=SIZE,
        rate=RATE,
        sound=None,
        pix_fmt=pix_fmt,
        base=Fraction(1, 1000) if path.suffix in (".mkv", ".webm") else Fraction(1, 90_000),
    )


X265 = {"preset": "ultrafast", "x265-params": f"keyint={GOP}:bframes=3:scenecut=0:log-level=none:pools=1"}
VP9 = {"g": str(GOP), "deadline": "good", "cpu-used": "8", "b": "300k", "auto-alt-ref": "1"}
AV1 = {"preset": "8", "crf": "8", "g": str(GOP), "svtav1-params": "lp=1"}
AVI = {"g": str(GOP), "bf": "2", "b": "400k"}


def avi_bframes(path: Path) -> Film:
    """MPEG-4 part 2 with B-frames in AVI, which has no stamps to say in which order they are shown."""
    return _fixed(path, "mpeg4", AVI)


def mpeg2(path: Path) -> Film:
    """MPEG-2, whose headers know none but the usual rates."""
    return _fixed(path, "mpeg2video", {**AVI, "b": "1M"})


def _fixed(path: Path, codec: str, options: Mapping[str, str]) -> Film:
    times = steady(SECONDS, RATE)
    return make_film(
        path, times, codec=codec, rate=RATE, options=options, size=SIZE, sound=None, fixed_rate=True
    )


# --- turned ---------------------------------------------------------------------------------------

MATRICES = {
    90: (0, 1, -1, 0),
    180: (-1, 0, 0, -1),
    270: (0, -1, 1, 0),
}
"""The a, b, c, d of a track's display matrix by how far the picture is turned clockwise to stand upright."""


def turned(path: Path, clockwise: int) -> Film:
    """An MP4 stored so that it stands upright when turned clockwise by so many degrees, and says so."""
    width, height = SIZE if clockwise == 180 else SIZE[::-1]

    def lying(number: int) -> NDArray[np.uint8]:
        return np.rot90(barcode(number, width, height), clockwise // 90)

    stored = SIZE
    times = steady(1, RATE)
    film = make_film(path, times, rate=RATE, size=stored, draw=lying, sound=None, options=X264)
    data = bytearray(path.read_bytes())
    one = 1 << 16

    def matrix(a: int, b: int, c: int, d: int) -> bytes:
        values = (a * one, b * one, 0, c * one, d * one, 0, 0, 0, 1 << 30)
        return b"".join(value.to_bytes(4, "big", signed=True) for value in values)

    plain = matrix(1, 0, 0, 1)
    at = data.index(plain, data.index(b"tkhd"))
    data[at : at + len(plain)] = matrix(*MATRICES[clockwise])
    path.write_bytes(data)
    return film


# --- sizes that change ----------------------------------------------------------------------------


def two_sizes(path: Path, first: tuple[int, int] = SIZE, second: tuple[int, int] = (320, 180)) -> Film:
    """Two seconds in one size, two in another, in one track: the parameter sets are in the data."""
    half = 2 * RATE
    packets: list[tuple[bytes, int, int, bool]] = []
    for part, size in enumerate((first, second)):
        piece = path.with_name(f"{path.stem}_{part}.h264.mp4")
        width, height = size
        make_film(
            piece,
            steady(2, RATE, Fraction(1)),
            rate=RATE,
            size=size,
            sound=None,
            options=X264,
            draw=lambda number, part=part, w=width, h=height: barcode(half * part + number, w, h),  # type: ignore[misc]
        )
        with av.open(str(piece)) as box:
            filtered = av.BitStreamFilterContext("h264_mp4toannexb", box.streams.video[0])
            for packet in box.demux(video=0):
                if packet.pts is None or packet.dts is None or packet.time_base is None:
                    continue
                tick = packet.time_base * 90_000
                key = packet.is_keyframe
                pts, dts = (round(stamp * tick) + part * 180_000 for stamp in (packet.pts, packet.dts))
                for out in filtered.filter(packet):
                    packets.append((bytes(out), pts, dts, key))
        piece.unlink()
    with av.open(str(path), "w") as box:
        stream: Any = box.add_stream("libx264", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = *first, "yuv420p"
        _mux(box, stream, packets)
    return Film(path, tuple(steady(4, RATE, Fraction(1))), Fraction(5))


def _mux(box: Any, stream: Any, packets: Iterable[tuple[bytes, int | None, int | None, bool]]) -> None:
    for data, pts, dts, key in packets:
        packet = av.Packet(data)
        packet.stream, packet.time_base = stream, Fraction(1, 90_000)
        packet.pts, packet.dts, packet.is_keyframe = pts, dts, key
        box.mux(packet)


# --- stamps that lie ------------------------------------------------------------------------------


def restamped(
    path: Path,
    stamps: Callable[[int, int, int], tuple[int | None, int | None]],
    options: Mapping[str, str] = X264,
    container: Mapping[str, str] | None = None,
    before: bytes = b"",
) -> Film:
    """H.264 whose packet k of stamps pts and dts (90 kHz) is written with `stamps(k, pts, dts)`."""
    plain = path.with_name(f"{path.stem}_plain.ts")
    film = make_film(plain, steady(SECONDS, RATE), rate=RATE, size=SIZE, sound=None, options=options)
    packets: list[tuple[bytes, int | None, int | None, bool]] = []
    with av.open(str(plain)) as box:
        first: int | None = None
        for packet in box.demux(video=0):
            if packet.pts is None or packet.dts is None:
                continue
            first = packet.pts if first is None else first
            new = stamps(len(packets), packet.pts - first, packet.dts - first)
            packets.append((before + bytes(packet), *new, packet.is_keyframe))
    plain.unlink()
    with av.open(str(path), "w", container_options=dict(container or {})) as box:
        stream: Any = box.add_stream("libx264", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        stream.time_base = Fraction(1, 90_000)
        _mux(box, stream, packets)
    return Film(path, film.pts_s, film.end_s)


def wrapped(path: Path) -> Film:
    """MPEG-TS whose 33 bits of stamp begin again after 1.2 s."""
    from_s = WRAP - 108_000
    return restamped(path, lambda _, pts, dts: (pts + from_s, dts + from_s), container={"mpegts_copyts": "1"})


def below_zero(path: Path) -> Film:
    """The first 0.6 s lie before 0 and are hidden by an edit list."""
    return restamped(
        path,
        lambda _, pts, dts: (pts - 54_000, dts - 54_000),
        container={"avoid_negative_ts": "disabled"},
    )


def below_decoding(path: Path) -> Film:
    """An MP4 that says by negative composition offsets when its frames are shown, not by an edit list."""
    return restamped(path, lambda _, pts, dts: (pts, dts), container={"movflags": "negative_cts_offsets"})


def unstamped(path: Path) -> Film:
    """MPEG-TS of which two packets of three carry no pts and no dts."""
    return _patched(path, lambda k, pts: pts if k % 3 == 0 else None)


def far_stamp(path: Path) -> Film:
    """MPEG-TS of which one frame says that it belongs three hours later."""
    return _patched(path, lambda k, pts: pts + 3 * 3600 * 90_000 if k == 33 else pts)


def _patched(path: Path, stamp: Callable[[int, int], int | None]) -> Film:
    """MPEG-TS without B-frames whose k-th pts is `stamp(k, pts)`, written over the one in the bytes."""
    film = restamped(path, lambda _, pts, dts: (pts + 900_000, dts + 900_000), {"g": str(GOP), "bf": "0"})
    data = bytearray(path.read_bytes())
    seen = 0
    for at in range(0, len(data), PACKET):
        packet = memoryview(data)[at : at + PACKET]
        payload = 4 + (packet[4] + 1 if packet[3] & 0x20 else 0)
        if not packet[1] & 0x40 or bytes(packet[payload : payload + 4]) != b"\0\0\1\xe0":
            continue
        field = packet[payload + 9 : payload + 14]
        pts = (field[0] >> 1 & 7) << 30 | field[1] << 22 | field[2] >> 1 << 15 | field[3] << 7 | field[4] >> 1
        new = stamp(seen, pts)
        seen += 1
        if new is None:
            field[:] = b"\xff" * 5
            packet[payload + 7] &= 0x3F
        else:
            field[0] = field[0] & 0xF1 | new >> 30 << 1
            field[1:] = bytes((new >> 22 & 0xFF, new >> 14 & 0xFE | 1, new >> 7 & 0xFF, new << 1 & 0xFE | 1))
    assert seen == len(film.pts_s)
    path.write_bytes(data)
    return film


def twice(path: Path) -> Film:
    """Every fifth frame has the stamp of the one before it."""
    return restamped(
        path,
        lambda k, pts, _: (90_000 + pts - (3600 if k % 5 == 4 else 0), k * 90),
        {"g": str(GOP), "bf": "0"},
    )


def back(path: Path) -> Film:
    """After 1.6 s the stamps begin again, a little over half a frame off the first ones."""
    return restamped(
        path,
        lambda k, pts, _: (90_000 + pts - (142_000 if k >= 40 else 0), k * 90),
        {"g": str(GOP), "bf": "0"},
    )


def odd_notes(path: Path) -> Film:
    """Before each picture stands supplemental information that ends too early; the pictures are whole."""
    return restamped(path, lambda _, pts, dts: (pts, dts), before=b"\0\0\0\1\x06\x06\xff\x81\x80")


def starts_within(path: Path) -> Film:
    """MPEG-TS whose first key frame comes late: the frames before it refer to ones that are not there."""
    whole = path.with_name(f"{path.stem}_whole.ts")
    film = make_film(whole, steady(SECONDS, RATE), rate=RATE, size=SIZE, sound=None, options=X264)
    data = whole.read_bytes()
    whole.unlink()
    begin = len(data) // PACKET // 5 * PACKET
    path.write_bytes(data[: 3 * PACKET] + data[begin:])
    return Film(path, film.pts_s, film.end_s)


def open_gop(path: Path) -> Film:
    """Key frames whose leading B-frames refer to the GOP before."""
    params = "b-adapt=0:bframes=3:scenecut=0:open-gop=1"
    return make_film(
        path,
        steady(SECONDS, RATE),
        rate=RATE,
        size=SIZE,
        sound=None,
        options={"g": str(GOP), "bf": "3", "x264-params": params},
    )


# --- cut ------------------------------------------------------------------------------------------


def cut(path: Path, part: float = 0.6, container: Mapping[str, str] | None = None) -> Film:
    """The first part of a film with sound, its index kept where the container puts it first."""
    whole = path.with_name(f"{path.stem}_whole{path.suffix}")
    film = make_film(whole, steady(SECONDS, RATE), rate=RATE, size=SIZE, options=X264, container=container)
    made = cut_short(path, film, part)
    whole.unlink()
    return made


FASTSTART = {"movflags": "faststart"}
FRAGMENTS = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}

MAKERS: dict[str, Callable[[Path], Film]] = {
    "hevc.mp4": partial(coded, codec="libx265", options=X265),
    "hevc.ts": partial(coded, codec="libx265", options=X265),
    "hevc10.mkv": partial(coded, codec="libx265", options=X265, pix_fmt="yuv420p10le"),
    "h264_10.mp4": partial(coded, codec="libx264", options=X264, pix_fmt="yuv420p10le"),
    "h264_422.mkv": partial(coded, codec="libx264", options=X264, pix_fmt="yuv422p"),
    "av1.mp4": partial(coded, codec="libsvtav1", options=AV1),
    "av1_10.webm": partial(coded, codec="libsvtav1", options=AV1, pix_fmt="yuv420p10le"),
    "vp9.webm": partial(coded, codec="libvpx-vp9", options=VP9),
    "vp9.mp4": partial(coded, codec="libvpx-vp9", options=VP9),
    "mpeg2.mpg": mpeg2,
    "mpeg2.ts": mpeg2,
    "ffv1.mkv": partial(coded, codec="ffv1", options={}),
    "bframes.avi": avi_bframes,
    "turned_90.mp4": partial(turned, clockwise=90),
    "turned_180.mp4": partial(turned, clockwise=180),
    "turned_270.mp4": partial(turned, clockwise=270),
    "two_sizes.ts": two_sizes,
    "two_sizes.mkv": two_sizes,
    "wrapped.ts": wrapped,
    "below_zero.mp4": below_zero,
    "below_decoding.mp4": below_decoding,
    "unstamped.ts": unstamped,
    "far_stamp.ts": far_stamp,
    "twice.mkv": twice,
    "back.mkv": back,
    "starts_within.ts": starts_within,
    "odd_notes.mkv": odd_notes,
    "odd_notes.ts": odd_notes,
    "open_gop.mp4": open_gop,
    "open_gop.ts": open_gop,
    "cut_front.mp4": partial(cut, container=FASTSTART),
    "cut_fragments.mp4": partial(cut, part=0.5, container=FRAGMENTS),
    "cut.mkv": cut,
    "cut.ts": cut,
    "cut.avi": lambda path: cut_short(path, avi_bframes(path)),
}


class HardReel:
    """The hard films by name, each made once, each alone in a folder that is a dataset."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._films: dict[str, Film] = {}
        self._shots: dict[str, list[Shot]] = {}

    def film(self, name: str) -> Film:
        """The film of that name, a key of MAKERS."""
        if name not in self._films:
            path = self.folder / name.replace(".", "_") / name
            path.parent.mkdir(parents=True)
            self._films[name] = MAKERS[name](path)
        return self._films[name]

    def shots(self, name: str) -> list[Shot]:
        """What a plain decode gives of it."""
        if name not in self._shots:
            self._shots[name] = shots(self.film(name).path)
        return self._shots[name]


@cache
def hard_reel(base: Path) -> HardReel:
    """The reel of a test run, shared by all test files: `base` is the run's temporary folder."""
    return HardReel(base / "hard_films")


# --- what is true ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Shot:
    """A frame as a plain decode gives it: when it starts (local ns), its number, whether it is whole."""

    start_ns: int
    number: int | None
    whole: bool


def shots(path: Path) -> list[Shot]:
    """Every frame of the first video track that has a stamp, by start: what one pass of decoding gives."""
    found: list[Shot] = []
    with av.open(str(path)) as box:
        from_zero = {"mov", "mp4", "matroska", "webm", "avi"} & set(box.format.name.split(","))
        zero = Fraction(0) if from_zero or box.start_time is None else Fraction(box.start_time, 1_000_000)
        packets = box.demux(video=0)
        while True:
            try:
                packet = next(packets)
            except (StopIteration, av.FFmpegError):
                break
            try:
                frames: list[Any] = packet.decode()
            except av.FFmpegError:
                continue
            for frame in frames:
                stamp = frame.pts if frame.pts is not None else frame.dts
                if stamp is None:
                    continue
                at = (stamp * Fraction(frame.time_base) - zero) * NS
                picture = np.rot90(frame.to_ndarray(format="rgb24"), round(frame.rotation) // 90)
                found.append(Shot(floor(at + Fraction(1, 2)), read_barcode(picture), not frame.is_corrupt))
    found.sort(key=lambda shot: shot.start_ns)
    return found
