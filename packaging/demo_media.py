"""Writing film, sound and sensor files, and damaging a film as a broken copy does."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import av
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from demo_voice import RATE

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

FILM_CLOCK = Fraction(1, 90000)
SOUND_BITS = 32000
AAC_FRAME = 1024
UNITS = {"s": ("time_s", 1.0, 4), "ms": ("time_ms", 1e3, 1), "us": ("timestamp_us", 1e6, 0)}
MP4 = {"movflags": "+faststart", "fflags": "+bitexact"}


def write_film(
    path: Path, fps: int, pictures: Iterable[tuple[float, np.ndarray]], pcm: np.ndarray | None = None
) -> None:
    """H.264 with B-frames, a key frame every two seconds, `moov` in front, and AAC beside it where given."""
    with av.open(str(path), "w", format="mp4", options=MP4) as out:
        film = out.add_stream("libx264", rate=fps)
        film.width = film.height = 320
        film.pix_fmt = "yuv420p"
        film.thread_count = 1
        film.time_base = film.codec_context.time_base = FILM_CLOCK
        film.options = {
            "preset": "slower",
            "crf": "29",
            "x264-params": f"keyint={fps * 2}:min-keyint={fps}:bframes=3:scenecut=0:psy=0:threads=1",
        }
        sound = _SoundTrack(out, pcm) if pcm is not None else None
        for pts_s, picture in pictures:
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv420p")
            frame.pts = round(pts_s / FILM_CLOCK)
            frame.time_base = FILM_CLOCK
            out.mux(film.encode(frame))
            if sound:
                sound.write_until(pts_s)
        out.mux(film.encode(None))
        if sound:
            sound.finish()


def write_sound(path: Path, pcm: np.ndarray) -> None:
    """AAC mono 48 kHz in an m4a, its priming told by the edit list."""
    with av.open(str(path), "w", format="ipod", options=MP4) as out:
        _SoundTrack(out, pcm).finish()


class _SoundTrack:
    """An AAC track that is written along with a film, in the order of time."""

    def __init__(self, out: av.container.OutputContainer, pcm: np.ndarray) -> None:
        self._out, self._pcm, self._at = out, pcm, 0
        self._stream = out.add_stream("aac", rate=RATE, layout="mono")
        self._stream.bit_rate = SOUND_BITS

    def write_until(self, end_s: float) -> None:
        while self._at < min(len(self._pcm), round(end_s * RATE)):
            block = self._pcm[self._at : self._at + AAC_FRAME]
            frame = av.AudioFrame.from_ndarray(block.reshape(1, -1), format="fltp", layout="mono")
            frame.sample_rate = RATE
            frame.pts, frame.time_base = self._at, Fraction(1, RATE)
            self._out.mux(self._stream.encode(frame))
            self._at += len(block)

    def finish(self) -> None:
        self.write_until(len(self._pcm) / RATE)
        self._out.mux(self._stream.encode(None))


def cut_film(path: Path, end_s: float) -> None:
    """Cut the file's bytes off so that the pictures end at `end_s`.

    The index in front still promises the whole film, as after a copy that broke off.
    """
    with av.open(str(path)) as film:
        packets = [
            (packet.pos, float(packet.pts * packet.time_base))
            for packet in film.demux(video=0)
            if packet.pos is not None and packet.pts is not None
        ]
    cut = 1 + max(index for index, (_, pts) in enumerate(packets) if pts < end_s - 1e-6)
    path.write_bytes(path.read_bytes()[: packets[cut][0]])


def write_series(path: Path, unit: str, times_s: np.ndarray, angles_deg: np.ndarray) -> None:
    """Time and three angles as CSV or Parquet (by the ending); the unit of the time stands in its name."""
    name, factor, digits = UNITS[unit]
    times = times_s * factor
    columns = ["hour_deg", "minute_deg", "second_deg"]
    if path.suffix == ".parquet":
        stamps = np.round(times, digits)
        exact = (np.round(angles_deg * 32.0) / 32.0).astype(np.float32)
        data = {name: stamps.astype(np.int64) if digits == 0 else stamps}
        table = pa.table(data | {column: exact[:, index] for index, column in enumerate(columns)})
        encoding = {name: "DELTA_BINARY_PACKED" if digits == 0 else "BYTE_STREAM_SPLIT"}
        encoding |= dict.fromkeys(columns, "BYTE_STREAM_SPLIT")
        pq.write_table(
            table,
            path,
            compression="zstd",
            compression_level=15,
            use_dictionary=False,
            column_encoding=encoding,
        )
        return
    lines = [",".join([name, *columns])]
    lines += [
        f"{time:.{digits}f},{hour:.2f},{minute:.2f},{second:.2f}"
        for time, (hour, minute, second) in zip(times, angles_deg, strict=True)
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")
