"""Sound on the reference timeline, written down: moved by whole samples, or made anew where it drifts."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from inspector.core.times import NS
from inspector.media.remux_plan import Form, Order, wanted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from inspector.media.probe import Track

BLOCK = 1 << 14
"""Samples that are made at a time."""


class Sound:
    """A track whose sound is made anew, as FLAC, block by block beside the packets that are copied."""

    def __init__(self, source: Path, track: Track, order: Order, out: Any) -> None:
        self.track = track
        self._rate = round(track.rate or 48_000)
        self._kind = "s32" if _is_wide(source, track) else "s16"
        self.out: Any = out.add_stream("flac", rate=self._rate, layout=_layout(track.channels))
        self.out.codec_context.format = self._kind
        self._blocks = _anew(source, track, order, self._rate)
        self._at = 0

    def until(self, ns: int | None, out: Any) -> None:
        """Write what comes before a time; all that is left where it is None."""
        while ns is None or self._at <= ns:
            block = next(self._blocks, None)
            if block is None:
                if ns is None:
                    out.mux(self.out.encode())
                return
            at, pcm = block
            out.mux(self.out.encode(_frame(pcm, at, self._rate, self.track.channels, self._kind)))
            self._at = at * NS // self._rate


def _is_wide(source: Path, track: Track) -> bool:
    """Whether a sound's samples have more than 16 bits; those that a codec with losses made up have not."""
    from inspector.media.opening import open_unprobed

    if track.codec.startswith("pcm_f"):
        return True
    with open_unprobed(source) as box:
        context: Any = box.streams[track.index].codec_context
        return context.format.name in ("s32", "s32p")


def narrowed(track: Track, to: Path) -> str | None:
    """What is lost of a sound where it is resampled: samples go through 24 bits, and FLAC has no more."""
    wide = ("pcm_s32", "pcm_f64") if to.suffix == ".wav" else ("pcm_s32", "pcm_f64", "pcm_f32")
    if track.codec.startswith(wide):
        return "samples of 32 bits or more keep 24 where a sound is resampled"
    return None


def _layout(channels: int) -> str:
    return "mono" if channels == 1 else "stereo"


def _anew(source: Path, track: Track, order: Order, rate: int) -> Iterator[tuple[int, Any]]:
    """A track's sound on the reference timeline from its start there: (sample number, PCM (n, channels))."""
    from inspector.core.model import Source
    from inspector.media.audio import PcmReader
    from inspector.media.render import resample_pcm

    start, end = wanted(track, order)
    first, last = -(-start * rate // NS), round(end * rate / NS)
    pcm = PcmReader(Source(source, "av", track.index), rate, _layout(track.channels))
    try:
        for at in range(first, last, BLOCK):
            yield at, resample_pcm(pcm, order.maps[track.index], at, min(BLOCK, last - at))
    finally:
        pcm.close()


def _frame(pcm: Any, at: int, rate: int, channels: int, kind: str = "s16") -> Any:
    """PCM as a frame of whole numbers (or, kind `flt`, as it is)."""
    import av

    if kind == "s16":
        values = np.clip(np.rint(pcm * 32768), -32768, 32767).astype(np.int16)
    elif kind == "s32":
        values = np.clip(np.rint(pcm.astype(np.float64) * (1 << 31)), -(1 << 31), (1 << 31) - 1).astype(
            np.int32
        )
    else:
        values = pcm.astype(np.float32)
    frame = av.AudioFrame.from_ndarray(
        np.ascontiguousarray(values.reshape(1, -1)), format=kind, layout=_layout(channels)
    )
    frame.sample_rate, frame.pts, frame.time_base = rate, at, Fraction(1, rate)
    return frame


# -- samples -----------------------------------------------------------------------------------------------


def write_samples(
    source: Path, to: Path, tracks: Mapping[int, Track], order: Order, form: Form
) -> dict[int, int]:
    """A sound as plain samples from 0 of the reference timeline on."""
    import av

    (track,) = tracks.values()
    rate = round(track.rate or 48_000)
    kept = track.codec.startswith("pcm_") and to.suffix == ".wav"
    little = {
        "pcm_s16be": "pcm_s16le",
        "pcm_s24be": "pcm_s24le",
        "pcm_s32be": "pcm_s32le",
        "pcm_s8": "pcm_u8",
    }
    little |= {"pcm_f32be": "pcm_f32le", "pcm_f64be": "pcm_f64le"}
    if kept:
        codec = little.get(track.codec, track.codec)
        kinds = {"pcm_s24le": "s32", "pcm_s32le": "s32", "pcm_f32le": "flt", "pcm_f64le": "flt"}
        kind = kinds.get(codec, "s16")
    else:
        wide = _is_wide(source, track)
        kind = "s32" if wide else "s16"
        codec = "flac" if to.suffix == ".flac" else "pcm_s24le" if wide else "pcm_s16le"
    options = {"fflags": "+bitexact"}
    with av.open(str(to), "w", options=options) as out:
        if form.anew:
            stream: Any = out.add_stream(codec, rate=rate, layout=_layout(track.channels))
            if codec == "flac":
                stream.codec_context.format = kind
            sent = 0
            for at, pcm in _anew(source, track, order, rate):
                while sent < at:
                    empty = np.zeros((min(at - sent, BLOCK), track.channels), np.float32)
                    out.mux(stream.encode(_frame(empty, sent, rate, track.channels, kind)))
                    sent += len(empty)
                sent += len(pcm)
                out.mux(stream.encode(_frame(pcm, at, rate, track.channels, kind)))
        else:
            stream = _shifted(source, track, order, codec, out)
        out.mux(stream.encode())
    return {track.index: 0}


def _shifted(source: Path, track: Track, order: Order, codec: str, out: Any) -> Any:
    """The very samples of a track, later or earlier by whole samples, and silence where they begin late."""
    from inspector.media.opening import open_unprobed

    stream: Any = None
    with open_unprobed(source) as box:
        taken = box.streams[track.index]
        rate = round(track.rate or 48_000)
        place = round(order.maps[track.index].to_reference(0) * rate / NS)
        least = round(order.start_ns * rate / NS)
        last = None if order.end_ns is None else round(order.end_ns * rate / NS)
        sent = 0
        frames: Any = box.decode(taken)
        for frame in frames:
            if stream is None:
                stream = out.add_stream(codec, rate=frame.sample_rate, layout=frame.layout.name)
                if codec == "flac":
                    stream.codec_context.format = frame.format.name
                shape = frame.to_ndarray()
                planar = frame.format.is_planar
                silent = 128 if shape.dtype == np.uint8 else 0
                channels = len(frame.layout.channels)
            data = frame.to_ndarray()
            step = 1 if planar else channels
            first, count = place, data.shape[1] // step
            place += count
            if first + count <= least:
                continue
            if first < least:
                data = data[:, (least - first) * step :]
                first = least
            if last is not None and first + data.shape[1] // step > last:
                data = data[:, : max(last - first, 0) * step]
            while sent < first:
                gap = min(first - sent, BLOCK)
                empty = np.full((data.shape[0], gap * step), silent, data.dtype)
                _send(stream, out, empty, frame, sent)
                sent += gap
            if data.shape[1]:
                _send(stream, out, data, frame, sent)
                sent += data.shape[1] // step
            if last is not None and sent >= last:
                break
    if stream is None or not sent:
        raise ValueError("nothing of it is left")
    return stream


def _send(stream: Any, out: Any, data: Any, like: Any, at: int) -> None:
    import av

    frame = av.AudioFrame.from_ndarray(
        np.ascontiguousarray(data), format=like.format.name, layout=like.layout.name
    )
    frame.sample_rate, frame.pts, frame.time_base = like.sample_rate, at, Fraction(1, like.sample_rate)
    out.mux(stream.encode(frame))
