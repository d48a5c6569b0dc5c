"""Building the pyramid of a sound: decoded once, natively, and reduced a chunk at a time.

Places are those of `inspector.media.audio.PcmReader`, to the sample: what is heard at a time is what is drawn
there. Where nothing has to be mixed or resampled the decoder's own samples are reduced, many frames at once.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from inspector.core.model import Source
from inspector.core.times import NS
from inspector.errors import InspectorError
from inspector.media.audio import GAP_NS, RATES, PcmReader
from inspector.media.chunks import writing
from inspector.media.peak_levels import BLOCK, CHUNK, CHUNK_BLOCKS, DEPTH, RECORD, folded

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

MOST_BLOCKS = 1 << 26
"""A day at 48 kHz, half a gigabyte: what lies behind is not drawn. A broken stamp can claim a century."""

NATIVE = {
    "flt": ("f4", False), "fltp": ("f4", True), "s16": ("i2", False), "s16p": ("i2", True),
    "s32": ("i4", False), "s32p": ("i4", True),
}  # fmt: skip
"""FFmpeg's sample formats that are reduced as they are: numpy's type, and if each channel has a plane."""

FULL_SCALE = {"f4": 1.0, "i2": 1 / 32768, "i4": 1 / 2147483648}

ROOM = 512 * BLOCK
"""Samples that are reduced at once: many frames, and few enough to stay in the processor's cache."""

RUN = 1 << 13
"""Samples that are handed on at once: more would keep so many frames that the decoder needs new memory."""

NEAR_NS = 1000
"""Closer to GAP_NS than this the place of a frame is worked out exactly."""


class Mark(NamedTuple):
    """A frame by which a decoder that starts elsewhere finds its place again.

    `pos` is its packet's byte in the file, `pts` its stamp, `at` the sample where it was laid.
    """

    pos: int
    pts: int
    at: int


NO_MARK = Mark(-1, -1, -1)


class Layer:
    """Takes samples by their place, in order, and gives `emit` a record (1,) a chunk.

    What comes twice is dropped; a gap is silence, not a shift of what follows.
    """

    def __init__(self, emit: Callable[[NDArray[Any]], None], start: int = 0) -> None:
        self._emit = emit
        self._start = start
        """The first sample of the chunk being filled."""
        self._fill = 0
        """Samples of it that are there, those that wait in the room too."""
        self._begin = 0
        """Where in the chunk the room's first sample belongs."""
        self._kind, self._width, self._size = "f4", 1, 4
        self._room = np.zeros((1, ROOM), "f4")
        self._views = [row.data.cast("B") for row in self._room]
        self._form: Any = None
        self._record = self._blank()
        self.full = False
        """Whether so much was laid that no more is taken."""

    @staticmethod
    def _blank() -> NDArray[Any]:
        record = np.zeros(1, RECORD)
        record["level0"] = np.nan
        return record

    def lay(self, at: int, count: int, planes: list[Any], form: tuple[str, int, int], mark: Mark) -> None:
        """Take `count` samples from place `at` on: `planes` of bytes, of a form (type, planes, width).

        `mark` is the frame that they are of.
        """
        if at + count > MOST_BLOCKS * BLOCK:
            self.full = True
            return
        if form != self._form:
            self._take_form(form)
        skip = self._start + self._fill - at
        if skip < 0:
            self._silence(-skip, mark)
            skip = 0
        if self._mixed:
            planes = self._as_extremes(planes, form, count)
        size = self._size
        while skip < count:
            place = self._fill - self._begin
            take = min(count - skip, ROOM - place)
            for view, plane in zip(self._views, planes, strict=True):
                view[place * size : (place + take) * size] = plane[skip * size : (skip + take) * size]
            skip += take
            self._took(take, mark)

    def _took(self, count: int, mark: Mark) -> None:
        """So many more samples are in the room."""
        self._fill += count
        if self._fill - self._begin == ROOM:
            self._reduce()
            if self._fill == CHUNK:
                self._done(mark)

    _mixed = False
    """Whether the form changed on the way: then two planes of floats hold each sample's extremes."""

    def _take_form(self, form: tuple[str, int, int]) -> None:
        kind, planes, width = form
        first, self._form = self._form is None, form
        if first:
            self._kind, self._width = kind, width
            self._room = np.zeros((planes, ROOM * width), kind)
        elif not self._mixed:
            low, high = self._extremes(self._room, self._kind, self._width)
            self._room = np.stack([low, high])
            self._kind, self._width, self._mixed = "f4", 1, True
        self._size = np.dtype(self._kind).itemsize * self._width
        self._views = [row.data.cast("B") for row in self._room]

    @staticmethod
    def _extremes(
        room: NDArray[Any], kind: str, width: int
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The least and the greatest channel of every sample."""
        each = room.reshape(len(room), -1, width)
        scale = np.float32(FULL_SCALE[kind])
        return (
            each.min((0, 2)).astype(np.float32) * scale,
            each.max((0, 2)).astype(np.float32) * scale,
        )

    def _as_extremes(self, planes: list[Any], form: tuple[str, int, int], count: int) -> list[Any]:
        kind, _, width = form
        room = np.stack([np.frombuffer(plane, kind, count * width) for plane in planes])
        return [row.data.cast("B") for row in self._extremes(room, kind, width)]

    def _silence(self, count: int, mark: Mark) -> None:
        while count:
            place = self._fill - self._begin
            take = min(count, ROOM - place)
            self._room[:, place * self._width : (place + take) * self._width] = 0
            count -= take
            self._took(take, mark)

    def _reduce(self) -> None:
        """Empty the room into the record."""
        count = self._fill - self._begin
        pairs = self._record["level0"][0, self._begin // BLOCK :]
        whole, width = count // BLOCK, BLOCK * self._width
        scale = np.float32(FULL_SCALE[self._kind])
        for side, reduce in ((0, np.minimum), (1, np.maximum)):
            # Across planes first: that runs at the speed of memory, and halves what is left.
            line = reduce.reduce(self._room[:, : count * self._width], 0)
            pairs[:whole, side] = reduce.reduce(line[: whole * width].reshape(whole, width), 1) * scale
            if whole * BLOCK < count:
                pairs[whole, side] = reduce.reduce(line[whole * width :]) * scale
        self._begin = self._fill

    def _done(self, mark: Mark) -> None:
        """Hand on the chunk."""
        record, self._record = self._record, self._blank()
        record["mark"][0] = mark
        pairs = record["level0"][0]
        for level in range(1, DEPTH + 1):
            pairs = record[f"level{level}"][0][:] = folded(pairs)
        self._start += self._fill
        self._fill = self._begin = 0
        self._emit(record)

    def finish(self) -> int:
        """Hand on what is left, padded with NaN; how many blocks there are in all."""
        blocks: int = self._start // BLOCK + -(-self._fill // BLOCK)
        if self._fill:
            if self._fill > self._begin:
                self._reduce()
            self._done(NO_MARK)
        return blocks


class _Run:
    """Frames that follow each other, gathered so that a layer is given many at once."""

    def __init__(self, layer: Layer) -> None:
        self._layer = layer
        self._planes: list[Any] = []
        self._form = ("f4", 1, 1)
        self.count = 0
        self.end = 0
        """The sample after the last one."""
        self.mark = NO_MARK
        """Of the first frame."""

    def add(self, planes: Any, count: int, form: tuple[str, int, int], size: int) -> None:
        """Put a frame at the end, of `size` bytes a sample and plane."""
        if not self.count:
            self._form = form
            self._planes = []
        if planes[0].buffer_size != count * size:  # the last frame of a track may be shorter than its room
            planes = [memoryview(plane)[: count * size] for plane in planes]
        self._planes.append(planes)
        self.count += count
        self.end += count
        if self.count >= RUN:
            self.lay()

    def lay(self) -> None:
        """Give what is gathered to the layer."""
        if self.count:
            joined = [memoryview(b"".join(plane)) for plane in zip(*self._planes, strict=True)]
            self._layer.lay(self.end - self.count, self.count, joined, self._form, self.mark)
            self.count = 0


class NativeReader(PcmReader):
    """Lays a whole track, at its own rate."""

    def lay(self, layer: Layer, mark: Mark) -> bool:
        """Decode into the layer from its start on; False where the frame of `mark` was not met.

        With NO_MARK everything is decoded from the track's start. Raises what `layer` does.
        """
        self._seek(0 if mark == NO_MARK else max(mark.at, 0))
        base, zero, rate = self._stream.time_base, self._zero_ns, self.rate
        num, den = base.numerator * NS, base.denominator
        last_ns = None if self._source.end_ns is None else self._source.end_ns - self._cut_ns
        limit = (GAP_NS - NEAR_NS) * rate
        found = mark == NO_MARK
        counted: int | None = None
        counted_ns = 0  # times the rate
        made_for: Any = None
        form: tuple[str, int, int] | None = None
        resampler: Any = None
        size = 0
        # PCM is cut into packets anew by a seek, but its stamps count samples.
        counts = base.numerator * rate == base.denominator and str(
            self._stream.codec_context.codec.canonical_name
        ).startswith("pcm_")
        exact = True  # no frame was resampled: each frame's samples are where it was laid
        run = _Run(layer)
        packets = self._box.demux(self._stream)
        while True:
            try:
                packet = next(packets)
            except (StopIteration, self._av.FFmpegError):
                run.lay()
                return found
            try:
                frames: list[Any] = packet.decode()
            except self._av.FFmpegError:
                continue
            for frame in frames:
                pts, count = frame.pts, frame.samples
                if not found:
                    if pts is None or (not counts and (packet.pos, pts) != mark[:2]):
                        if pts is not None and pts > mark.pts:
                            return False
                        continue
                    found, counted = True, mark.at + pts - mark.pts
                    counted_ns = counted * NS
                if pts is not None:
                    local_ns = pts * num // den - zero
                    if last_ns is not None and local_ns >= last_ns - 1 and self._local(pts) >= last_ns:
                        run.lay()
                        return True
                    if counted is None or abs(local_ns * rate - counted_ns) > limit:
                        place = round(self._local(pts) * rate / NS)
                        if counted is None or abs(place - counted) * NS > GAP_NS * rate:
                            resampler, counted = None, place
                            counted_ns = counted * NS
                if counted is None:
                    counted = 0
                if counted != run.end:
                    run.lay()
                planes = frame.planes
                # A frame of the same rate, planes and bytes a sample is of the same form: names take longer.
                if (
                    form is None
                    or len(planes) != form[1]
                    or planes[0].buffer_size != count * size
                    or frame.sample_rate != rate
                ):
                    made = (frame.sample_rate, frame.format.name, frame.layout.name)
                    if made != made_for:
                        run.lay()
                        resampler, made_for, form = None, made, self._native(*made)
                        size = 0 if form is None else form[2] * np.dtype(form[0]).itemsize
                if not run.count:
                    known = exact and pts is not None and packet.pos is not None
                    run.mark = Mark(packet.pos, pts, counted) if known else NO_MARK
                    run.end = counted
                if form is not None:
                    run.add(planes, count, form, size)
                    counted += count
                elif RATES[0] <= frame.sample_rate <= RATES[1]:
                    run.lay()
                    exact = exact and frame.sample_rate == rate
                    frame.pts = None
                    try:
                        resampler = resampler or self._resampler(frame)
                        pieces: list[Any] = resampler.resample(frame)
                    except (self._av.FFmpegError, ValueError):
                        resampler = None
                        continue
                    for piece in pieces:
                        width = len(piece.layout.channels)
                        part = memoryview(piece.planes[0])
                        layer.lay(counted, piece.samples, [part], ("f4", 1, width), run.mark)
                        counted += piece.samples
                counted_ns = counted * NS
                if layer.full:
                    return True

    def _local(self, pts: int) -> int:
        """The local time of a stamp as PcmReader works it out, ns."""
        local_ns: int = round(pts * self._stream.time_base * NS) - self._zero_ns
        return local_ns

    def _native(self, rate: int, name: str, layout: str) -> tuple[str, int, int] | None:
        """The form of such frames where they are taken as they are."""
        if rate != self.rate or name not in NATIVE or layout not in ("mono", "stereo"):
            return None
        kind, planar = NATIVE[name]
        channels = 1 if layout == "mono" else 2
        return (kind, channels, 1) if planar else (kind, 1, channels)


def lay_track(source: Source, rate: int, layer: Layer, start: int = 0, mark: Mark = NO_MARK) -> None:
    """Lay a track from `start`, the layer's, on: by the mark where that is met, else from the track's start.

    Raises InspectorError for an unreadable file.
    """
    if start and mark.pos >= 0:
        reader = NativeReader(source, rate)
        try:
            if reader.lay(layer, mark):
                return
        finally:
            reader.close()
    reader = NativeReader(source, rate)
    try:
        reader.lay(layer, NO_MARK)
    finally:
        reader.close()


def build(source: Source, rate: int, path: Path, what: dict[str, Any], told: Callable[[int], None]) -> bool:
    """Make the file of a sound whole, from where it stands; False where somebody else is at it.

    `told` hears how many samples are laid; what it raises leaves a file that can be taken up again. Raises
    InspectorError for an unreadable sound, OSError for a full disk.
    """
    with writing(path, what, RECORD) as writer:
        if writer is None:
            return False

        def emit(record: NDArray[Any]) -> None:
            writer.append(record)
            told(writer.count * CHUNK)

        known = 0 if writer.last is None else int(np.isfinite(writer.last["level0"][0, :, 0]).sum())
        if writer.last is not None and known < CHUNK_BLOCKS:  # broken off before its header
            writer.finish({"blocks": (writer.count - 1) * CHUNK_BLOCKS + known})
            return True
        layer = Layer(emit, writer.count * CHUNK)
        mark = NO_MARK if writer.last is None else Mark(*writer.last["mark"][0].tolist())
        lay_track(source, rate, layer, writer.count * CHUNK, mark)
        writer.finish({"blocks": layer.finish()})
    return True


def most_bytes(length_ns: int, rate: int) -> int:
    """What the file of so much sound takes, at most."""
    chunks = min(length_ns * rate // NS // CHUNK, MOST_BLOCKS // CHUNK_BLOCKS) + 2
    return chunks * int(RECORD.itemsize)


def main() -> None:
    """The child: one order on the first line of stdin, one answer; it ends when its parent does."""
    from inspector.media.child import bound_memory

    order = json.loads(sys.stdin.readline())
    # The other end of the pipe is the parent's: when it is gone nobody wants what is built here.
    threading.Thread(target=lambda: (sys.stdin.read(), os._exit(1)), daemon=True).start()
    with suppress(OSError, AttributeError):
        os.nice(10)
    bound_memory()
    import av.logging

    av.logging.set_level(None)
    source = Source(Path(order["path"]), "av", order["track"], start_ns=order["start"], end_ns=order["end"])
    try:
        done = build(source, order["rate"], Path(order["file"]), order["what"], lambda _: None)
        answer: dict[str, Any] = {"done": done}
    except InspectorError as error:
        answer = {"error": (error.title, error.detail, error.hint)}
    except OSError as error:
        answer = {"error": ("The waveform cannot be kept", str(error), "Make room on the disk")}
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()
    os._exit(0)
