"""Building the pyramid of a sound: decoded once, natively, and reduced a chunk at a time.

Places are those of `inspector.media.audio.PcmReader`, to the sample: what is heard at a time is what is drawn
there. Where nothing has to be mixed or resampled the decoder's own samples are reduced, many frames at once.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from inspector.core.model import Source
from inspector.core.times import NS
from inspector.errors import InspectorError
from inspector.media.audio import GAP_NS, RATES, PcmReader
from inspector.media.chunks import Chunks, Writer, being_written, holds, writing
from inspector.media.peak_levels import CHUNK, CHUNK_BLOCKS, RECORD
from inspector.media.peaks_layer import FULL_SCALE, MOST_BLOCKS, NO_MARK, ROOM, Layer, Mark

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = [
    "FULL_SCALE",
    "NO_MARK",
    "Layer",
    "Mark",
    "NativeReader",
    "Tail",
    "build",
    "build_tail",
    "most_bytes",
    "what_of_tail",
]

NATIVE = {
    "flt": ("f4", False), "fltp": ("f4", True), "s16": ("i2", False), "s16p": ("i2", True),
    "s32": ("i4", False), "s32p": ("i4", True),
}  # fmt: skip
"""FFmpeg's sample formats that are reduced as they are: numpy's type, and if each channel has a plane."""

COPY_S = 0.1
"""So often it is looked how far the tail is."""

SLOW = 0.25
"""This part of the time a child works that may only go slowly."""

NEAR_NS = 1000
"""Closer to GAP_NS than this the place of a frame is worked out exactly."""


class _Run:
    """Frames that follow each other, gathered natively so that a layer is given a roomful at once.

    FFmpeg's own queue takes a frame in less time than Python needs to ask for its planes, and lets go of it:
    a decoder whose frames are kept needs new memory.
    """

    def __init__(self, layer: Layer) -> None:
        self._layer = layer
        self._queue: Any = None
        self._form = ("f4", 1, 1)
        self.count = 0
        self.end = 0
        """The sample after the last one."""
        self._full = 0
        """The place up to which a run reaches: where the layer is to reduce what it has."""
        self.mark = NO_MARK
        """Of the first frame that begins in the run."""
        self.unmarked = True
        """Whether the next frame is that one."""

    def begin(self, queue: Any, form: tuple[str, int, int]) -> None:
        """Take frames of this form from now on, by a queue that has seen no other."""
        self._queue, self._form = queue, form

    def begin_at(self, place: int) -> None:
        """The next frame's first sample is that one."""
        self.end = place
        self._full = (place // ROOM + 1) * ROOM

    def add(self, frame: Any, count: int) -> None:
        """Put a frame at the end."""
        frame.pts = None  # the queue would have it count from 0
        self._queue.write(frame)
        self.unmarked = False
        self.count += count
        self.end += count
        while self.end >= self._full:
            self._lay(self._full - self.end + self.count)
            self._full += ROOM

    def lay(self) -> None:
        """Give all that is gathered to the layer."""
        if self.count:
            self._lay(self.count)

    def _lay(self, count: int) -> None:
        planes = [memoryview(plane) for plane in self._queue.read(count).planes]
        self._layer.lay(self.end - self.count, count, planes, self._form, self.mark)
        self.count -= count
        self.unmarked = True


class NativeReader(PcmReader):
    """Lays a whole track, at its own rate."""

    @property
    def seeks_to_samples(self) -> bool:
        """Whether a place can be decoded from without what lies before it, and its stamps count samples."""
        base = self._stream.time_base
        return "mp4" in self._box.format.name.split(",") and bool(base * self.rate == 1)

    def lay(self, layer: Layer, mark: Mark, begin: int = 0) -> bool:
        """Decode into the layer from its start on; False where the frame of `mark` was not met.

        With NO_MARK everything is decoded from sample `begin` on; False where that was not met. Raises what
        `layer` does.
        """
        self._seek(begin if mark == NO_MARK else max(mark.at, 0))
        base, zero, rate = self._stream.time_base, self._zero_ns, self.rate
        num, den = base.numerator * NS, base.denominator
        last_ns = None if self._source.end_ns is None else self._source.end_ns - self._cut_ns
        limit = (GAP_NS - NEAR_NS) * rate
        found = mark == NO_MARK
        met = last = -(1 << 63)
        """The stamps of the last frame of the stretch before, and of the newest."""
        counted: int | None = None
        counted_ns = 0  # times the rate
        made_for: Any = None
        form: tuple[str, int, int] | None = None
        layout: Any = None
        resampler: Any = None
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
                if self._next_stretch(counted or 0):
                    packets, met = self._box.demux(self._stream), last
                    continue
                run.lay()
                return found
            try:
                frames: list[Any] = packet.decode()
            except self._av.FFmpegError:
                continue
            for frame in frames:
                pts, count = frame.pts, frame.samples
                if pts is not None:
                    if pts <= met:
                        continue  # of the stretch before
                    last = pts
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
                        if counted is None and begin and place > begin:
                            return False
                        if counted is None or abs(place - counted) * NS > GAP_NS * rate:
                            resampler, counted = None, place
                            counted_ns = counted * NS
                if counted is None:
                    if begin:
                        return False
                    counted = 0
                if counted != run.end:
                    run.lay()
                # A layout's name takes longer to make than layouts to compare.
                if (
                    form is None
                    or frame.layout != layout
                    or frame.sample_rate != rate
                    or frame.format.name != made_for[1]
                ):
                    made = (frame.sample_rate, frame.format.name, frame.layout.name)
                    if made != made_for:
                        run.lay()
                        resampler, made_for, form = None, made, self._native(*made)
                        if form is not None:
                            layout = self._av.AudioLayout(made[2])
                            run.begin(self._av.AudioFifo(), form)
                if not run.count:
                    run.begin_at(counted)
                if run.unmarked:
                    known = exact and pts is not None and packet.pos is not None
                    run.mark = Mark(packet.pos, pts, counted) if known else NO_MARK
                if form is not None:
                    run.add(frame, count)
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


class Tail(NamedTuple):
    """A file beside that of a sound with what lies from chunk `first` on, built by another process."""

    path: Path
    first: int


class UnsuitedError(Exception):
    """The sound cannot be decoded from its middle on."""


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


def lay_tail(source: Source, rate: int, layer: Layer, begin: int) -> None:
    """Lay a track from sample `begin`, the layer's start, on, without what lies before it.

    Raises UnsuitedError where that cannot be done, and InspectorError for an unreadable file.
    """
    reader = NativeReader(source, rate)
    try:
        if not reader.seeks_to_samples or not reader.lay(layer, NO_MARK, begin):
            raise UnsuitedError
    finally:
        reader.close()


class _SeamError(Exception):
    """The chunk is laid behind which the tail begins."""


def build(
    source: Source,
    rate: int,
    path: Path,
    what: dict[str, Any],
    told: Callable[[int], None],
    tail: Tail | None = None,
) -> bool:
    """Make the file of a sound whole, from where it stands; False where somebody else is at it.

    What `tail` holds is copied and not decoded again, where its places are the same. `told` hears how
    many samples are laid; what it raises leaves a file that can be taken up again. Raises InspectorError for
    an unreadable sound, OSError for a full disk.
    """
    with writing(path, what, RECORD) as writer:
        if writer is None:
            return False
        mark = NO_MARK if writer.last is None else Mark(*writer.last["mark"][0].tolist())

        def emit(record: NDArray[Any]) -> None:
            nonlocal mark
            mark = Mark(*record["mark"][0].tolist())
            writer.append(record)
            told(writer.count * CHUNK)
            if tail is not None and writer.count == tail.first:
                raise _SeamError

        if (blocks := _broken_off(writer, 0)) is not None:
            writer.finish({"blocks": blocks})
            return True
        while blocks is None:
            if tail is not None and writer.count >= tail.first:
                blocks = _copied(tail, rate, what, writer.count, mark, emit)
                tail = None
                continue
            layer = Layer(emit, writer.count * CHUNK)
            with suppress(_SeamError):
                lay_track(source, rate, layer, writer.count * CHUNK, mark)
                blocks = layer.finish()
        writer.finish({"blocks": blocks})
    return True


def build_tail(
    source: Source, rate: int, tail: Tail, what: dict[str, Any], told: Callable[[int], None]
) -> bool:
    """Make the file of a sound's tail whole, from where it stands; False where somebody else is at it.

    Raises UnsuitedError where the sound cannot be decoded from there, and what `build` raises.
    """
    with writing(tail.path, what_of_tail(what, tail), RECORD) as writer:
        if writer is None:
            return False

        def emit(record: NDArray[Any]) -> None:
            writer.append(record)
            told((tail.first + writer.count) * CHUNK)

        blocks = _broken_off(writer, tail.first)
        if blocks is None:
            start = (tail.first + writer.count) * CHUNK
            layer = Layer(emit, start)
            if writer.last is None:
                lay_tail(source, rate, layer, start)
            else:
                lay_track(source, rate, layer, start, Mark(*writer.last["mark"][0].tolist()))
            blocks = layer.finish()
        writer.finish({"blocks": blocks})
    return True


def what_of_tail(what: dict[str, Any], tail: Tail) -> dict[str, Any]:
    """What the header of a tail says it holds."""
    return what | {"first": tail.first}


def _broken_off(writer: Writer, first: int) -> int | None:
    """How many blocks there are where the sound's last chunk is in the file, its header alone wanting."""
    if writer.last is None:
        return None
    known = int(np.isfinite(writer.last["level0"][0, :, 0]).sum())
    return None if known == CHUNK_BLOCKS else (first + writer.count - 1) * CHUNK_BLOCKS + known


def _copied(
    tail: Tail,
    rate: int,
    what: dict[str, Any],
    count: int,
    mark: Mark,
    emit: Callable[[NDArray[Any]], None],
) -> int | None:
    """Give `emit` what the tail holds from chunk `count` on, while it grows; the sound's blocks in all.

    None where it was laid elsewhere than `mark` would have it, or is not made whole.
    """
    chunks = Chunks(tail.path, what_of_tail(what, tail), RECORD)
    while True:
        at_work = being_written(tail.path)  # asked before it is read: what was written last is then seen
        chunks.refresh()
        records = chunks.mapped.records
        if len(records):
            laid = Mark(*records["mark"][0].tolist())
            # Less apart than that they are one place to `PcmReader` too, which counts from where it sought.
            apart = laid.at - laid.pts - (mark.at - mark.pts)
            if NO_MARK in (laid, mark) or abs(apart) * NS > GAP_NS * rate:
                return None
        for place in range(count - tail.first, len(records)):
            record = records[place : place + 1].copy()
            if not holds(record, place):
                return None
            emit(record)
            count += 1
        if chunks.whole:
            return int(chunks.info["blocks"])
        if not at_work:
            return None
        threading.Event().wait(COPY_S)


def most_bytes(length_ns: int, rate: int) -> int:
    """What the file of so much sound takes, at most."""
    chunks = min(length_ns * rate // NS // CHUNK, MOST_BLOCKS // CHUNK_BLOCKS) + 2
    return chunks * int(RECORD.itemsize)


class Pace:
    """How fast the child may work: its parent says `slow` and `fast` on stdin."""

    def __init__(self) -> None:
        self._slow = threading.Event()
        self._since = time.monotonic()

    def listen(self) -> None:
        """Hear the parent until it is gone, and end with it."""
        for line in sys.stdin:
            if line.strip() == "slow":
                self._slow.set()
            elif line.strip() == "fast":
                self._slow.clear()
        os._exit(1)

    def keep(self, _: int) -> None:
        """Called after each piece of work: rests where it may only go slowly."""
        if self._slow.is_set():
            worked = min(time.monotonic() - self._since, 1.0)
            _rest(worked * (1 / SLOW - 1))
        self._since = time.monotonic()


def _rest(seconds: float) -> None:
    threading.Event().wait(seconds)


def main() -> None:
    """The child: one order on the first line of stdin, one answer; it ends when its parent does."""
    from inspector.media.child import bound_memory

    order = json.loads(sys.stdin.readline())
    pace = Pace()
    # The other end of the pipe is the parent's: when it is gone nobody wants what is built here.
    threading.Thread(target=pace.listen, daemon=True).start()
    bound_memory()
    import av.logging

    av.logging.set_level(None)
    source = Source(Path(order["path"]), "av", order["track"], start_ns=order["start"], end_ns=order["end"])
    rate, what, path = order["rate"], order["what"], Path(order["file"])
    tail = Tail(Path(order["tail"]), order["first"]) if order["first"] else None
    try:
        if tail is not None and order["build"] == "tail":
            done = build_tail(source, rate, tail, what, pace.keep)
        else:
            done = build(source, rate, path, what, pace.keep, tail)
        answer: dict[str, Any] = {"done": done}
    except UnsuitedError:
        answer = {"done": False}
    except InspectorError as error:
        answer = {"error": (error.title, error.detail, error.hint)}
    except OSError as error:
        answer = {"error": ("The waveform cannot be kept", str(error), "Make room on the disk")}
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()
    os._exit(0)
