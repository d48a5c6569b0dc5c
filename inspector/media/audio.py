"""PCM of a sound track at any place, on the track's own clock: sample i is local time i / rate.

Positions come from pts once after a seek and from counting afterwards, so that MP3 and Ogg, whose pts jitter
by a sample or start late, stay exact; a jump of the pts beyond a few milliseconds is a real gap and silent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from inspector.core.times import NS
from inspector.media.opening import open_stretch, open_track
from inspector.media.sound_stretch import sound_tables

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from inspector.core.model import Source
    from inspector.media.sound_stretch import SoundStretch

PREROLL_NS = 250_000_000
"""Decoded and thrown away before a seek's target: AAC and Opus overlap, MP3 keeps a bit reservoir."""

FIRST_TICKS = 1 << 20
"""In MP4 the first packets, which only prime the decoder, lie so far before 0 at most. Without them what is
heard first is faint."""

GAP_NS = 5_000_000
"""pts further than this from the counted position start a new place; less is rounding in the container."""

RATES = (1_000, 1_000_000)
"""Frames of another sampling rate are heard as silence: one of 1 Hz would take gigabytes at 48 kHz."""


class PcmReader:
    """One open sound track as float32 stereo at `rate` Hz. Not safe to use from two threads; `close` it."""

    def __init__(self, source: Source, rate: int = 48_000, layout: str = "stereo") -> None:
        import av

        from inspector.media.probe import container_zero_ns

        self._av = av
        self.rate = rate
        self._layout = layout
        self.channels = 2 if layout == "stereo" else 1
        self._source = source
        self._cut_ns = source.start_ns or 0
        self._tables = None if source.track is None else sound_tables(source.path, source.track)
        self._stretch: SoundStretch | None = None
        """What of a long file's track is told to FFmpeg; None for all of it."""
        self._open()
        self._zero_ns = container_zero_ns(self._box) + self._cut_ns
        # After a seek in Ogg, FFmpeg stamps FLAC and Speex with the time asked for, up to a second off:
        # those are read from the start.
        codec = self._stream.codec_context.codec.canonical_name
        self._stamps_lie = self._box.format.name == "ogg" and codec not in ("vorbis", "opus")
        self._primed = "mov" in self._box.format.name.split(",")
        self._blocks: Iterator[tuple[int, NDArray[np.float32]]] | None = None
        self._held: tuple[int, NDArray[np.float32]] | None = None
        self._at = 0
        """Position from which reading on needs no seek."""

    def _open(self, ticks: int = 0) -> None:
        """Open it: of a long file, the stretch about a time in ticks of the track."""
        self._stretch = None
        self._stream: Any
        if self._tables is not None:
            try:
                stretch = self._tables.around(ticks)
                self._box, self._stream = open_stretch(self._source.path, stretch.place, stretch.data)
            except (self._av.FFmpegError, OSError, ValueError):
                self._tables = None
            else:
                self._stretch = stretch
                return
        self._box, self._stream = open_track(self._source, "audio")

    def close(self) -> None:
        """Let go of the file and the decoder."""
        self._blocks = None
        self._box.close()

    def read(self, start: int, count: int) -> NDArray[np.float32]:
        """`count` samples from sample number `start` of local time, shape (count, channels).

        Where the track has no data (before it, after it, in a gap, past a broken packet) it is silence.
        """
        out = np.zeros((count, self.channels), np.float32)
        # Where a seek begins at the start of the file, going on is the shorter way, however far it is.
        ahead = float("inf") if self._stamps_lie else 2 * self.rate
        near = self._blocks is not None and self._at <= start < self._at + ahead
        if not near:
            self._seek(start)
        end = start + count
        while True:
            if self._held is None:
                assert self._blocks is not None
                self._held = next(self._blocks, None)
            if self._held is None:
                break
            at, pcm = self._held
            if at >= end:
                break
            low, high = max(at, start), min(at + len(pcm), end)
            if low < high:
                out[low - start : high - start] = pcm[low - at : high - at]
            if at + len(pcm) > end:
                break
            self._held = None
        self._at = end
        return out

    def blocks(self) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """All of the track from its start: (sample number, PCM (n, channels)), in order."""
        self._seek(0)
        assert self._blocks is not None
        return self._blocks

    def _seek(self, start: int) -> None:
        self._held = None
        self._place(start)
        self._blocks = self._decode() if self._stretch is None else self._over_stretches()

    def _place(self, start: int) -> None:
        """Put the file where decoding gives that sample, and a little before it."""
        pts_ns = max(start * NS // self.rate - PREROLL_NS, 0) + self._zero_ns
        base = self._stream.time_base
        if self._stretch is not None:
            ticks = int(pts_ns / (base * NS))
            if not self._stretch.first <= ticks < self._stretch.end:
                self._reopen(ticks)
        try:
            if start * NS // self.rate > PREROLL_NS and base is not None and not self._stamps_lie:
                self._box.seek(int(pts_ns / (base * NS)), stream=self._stream, backward=True)
            elif self._primed:
                self._box.seek(-FIRST_TICKS, stream=self._stream, backward=True)
            else:
                self._box.seek(0)
        except (self._av.FFmpegError, OSError, OverflowError):
            self._reopen(int(pts_ns / (base * NS)) if base is not None else 0)

    def _reopen(self, ticks: int) -> None:
        self._box.close()
        self._open(ticks)

    def _over_stretches(self) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """What `_decode` gives, from one stretch of a long file on to the next."""
        past = 0
        while True:
            for at, pcm in self._decode():
                if at + len(pcm) > past:
                    yield max(at, past), pcm[max(past - at, 0) :]
                    past = at + len(pcm)
            if not self._next_stretch(past):
                return

    def _next_stretch(self, past: int) -> bool:
        """Open the next stretch of a long file, a little before sample `past`; False after the last one."""
        stretch, base = self._stretch, self._stream.time_base
        if stretch is None or stretch.last:
            return False
        end_ns = round(stretch.end * base * NS) - self._zero_ns
        if self._source.end_ns is not None and end_ns >= self._source.end_ns - self._cut_ns:
            return False
        # An edit list may show it a little earlier than its tables say: so that it is not met again.
        self._reopen(stretch.end)
        self._place(past or end_ns * self.rate // NS)
        return True

    def _resampler(self, frame: Any) -> Any:
        """One channel stays one and is copied later: the resampler would make it 3 dB quieter on two."""
        layout = "mono" if len(frame.layout.channels) == 1 else self._layout
        return self._av.AudioResampler(format="flt", layout=layout, rate=self.rate)

    def _decode(self) -> Iterator[tuple[int, NDArray[np.float32]]]:
        av = self._av
        resampler: Any = None
        made_for: tuple[str, str, int] | None = None  # what the frames must be like for it
        counted: int | None = None  # where the next sample of the resampler belongs
        packets = self._box.demux(self._stream)
        last_ns = None if self._source.end_ns is None else self._source.end_ns - self._cut_ns
        while True:
            try:
                packet = next(packets)
            except (StopIteration, av.FFmpegError):
                return
            try:
                frames: list[Any] = packet.decode()
            except av.FFmpegError:
                continue  # a broken packet is heard as silence: the next pts tells where we are
            for frame in frames:
                if frame.pts is not None and frame.time_base is not None:
                    local_ns = round(frame.pts * frame.time_base * NS) - self._zero_ns
                    if last_ns is not None and local_ns >= last_ns:
                        return
                    place = round(local_ns * self.rate / NS)
                    if counted is None or abs(place - counted) * NS > GAP_NS * self.rate:
                        resampler = None
                        counted = place
                if counted is None:
                    counted = 0
                form = (frame.format.name, frame.layout.name, frame.sample_rate)
                if not RATES[0] <= frame.sample_rate <= RATES[1]:
                    continue
                frame.pts = None
                try:
                    if resampler is None or form != made_for:
                        resampler, made_for = self._resampler(frame), form
                    pieces: list[Any] = resampler.resample(frame)
                except (av.FFmpegError, ValueError):
                    resampler = None  # channels that cannot be mixed are heard as silence
                    continue
                for piece in pieces:
                    channels = len(piece.layout.channels)
                    flat = np.frombuffer(memoryview(piece.planes[0]), np.float32, piece.samples * channels)
                    pcm = flat.reshape(-1, channels)
                    yield counted, np.repeat(pcm, 2, axis=1) if channels < self.channels else pcm.copy()
                    counted += piece.samples
