"""The frames of a film track as they come out of a decoder, and whether they came out whole.

FFmpeg hides damage: a picture whose data is broken is patched up from the ones before it and handed over like
any other, and so are all that refer to it. A strict decoder refuses such a packet instead; what follows until
the next whole key frame is suspect. A lenient one gives what can be seen of it.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict, deque
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from inspector.core.jobs import DECODING, stand_back
from inspector.media.hardware import chosen, give_up
from inspector.media.opening import open_track
from inspector.media.probe import PTS_ZERO

if TYPE_CHECKING:
    from collections.abc import Iterator

    from inspector.core.model import Source

REFUSED = 4
"""A strict decoder that refuses so many packets before it gave any frame will not start at that key frame:
the H.264 one wants a closed group of pictures, and some cameras write what no strict decoder takes."""

REORDERED = 256
"""So many packets back it is known which frame was made of which: decoders hold back at most 16 and a few."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """One frame out of the decoder; `whole` is False where it, or what it refers to, was damaged."""

    frame: Any
    pts: int | None
    whole: bool


class _DeviceError(Exception):
    """A graphics processor would not decode a packet: whose fault it is the processor will tell."""


def _start_threads(context: Any) -> None:
    """Start a decoder's own threads so that they stand back behind drawing and sound.

    Threads inherit how far they stand back from the one that starts them. That one must not be the caller: it
    takes Python's lock, and while it waits for a processor with the lock in its hand the window waits, too.
    """

    def start() -> None:
        stand_back(DECODING)
        with suppress(Exception):  # what will not open says so at the first packet
            context.open()

    starter = threading.Thread(target=start, name="inspector-decoder-start", daemon=True)
    starter.start()
    starter.join()


class FrameDecoder:
    """One open film track, decoded from where it was last put. Not safe to use from two threads."""

    def __init__(self, source: Source, strict: bool = True, alone: bool = False) -> None:
        """Open it; raises InspectorError. `alone`: for `key_alone`, no thread takes a frame to itself."""
        import av

        self._av = av
        self._source = source
        self.strict = strict
        self._alone = alone
        self.at: int | None = None
        """pts of the newest frame that was taken since the last seek."""
        self._frames: Iterator[Decoded] | None = None
        self._next: deque[Decoded] = deque()
        self._skip_before = 0
        self._given = self._refused = 0
        self._open()

    def _open(self) -> None:
        self._device: str | None = None
        self.box, stream = open_track(self._source, "video")
        if self.strict and (device := chosen(self._source, stream.codec_context)) is not None:
            stream = self._on_device(device) or stream
        self.stream: Any = stream
        self.context = stream.codec_context
        # Where threads take a frame each, what is held back at the end is lost with one broken packet.
        # A single frame takes twice as long there: it is handed on, waited for, and the others are told.
        by_frame = self.strict and self._device is None and not self._alone
        self.context.thread_type = "AUTO" if by_frame else "SLICE"
        self._torn_starts = not PTS_ZERO & set(self.box.format.name.split(","))
        if self.strict:
            self.context.options = {**self.context.options, "err_detect": "explode"}
        if self._device is None:
            _start_threads(self.context)

    def _on_device(self, device: str) -> Any:
        """The track opened anew with its pictures decoded there; None where the driver will not."""
        try:
            box, stream = open_track(self._source, "video", device)
        except Exception as error:  # noqa: BLE001 - a driver may say anything
            give_up(self._source, error)
            return None
        self.box.close()
        self.box, self._device = box, device
        return stream

    def _without_device(self, error: Exception) -> None:
        """The device failed: the processor goes on where the last seek led."""
        give_up(self._source, error)
        self.box.close()
        self._open()
        if self._sought is not None:
            self.seek(self._sought)

    _sought: int | None = None

    def close(self) -> None:
        """Let go of the file and the decoder."""
        self._frames = None
        self._next.clear()
        self.box.close()

    @property
    def waiting(self) -> bool:
        """Whether something that was put back comes out first."""
        return bool(self._next)

    @property
    def will_not_start(self) -> bool:
        """Whether, since the last seek, it refused what it was given and has no frame to show for it."""
        return self.strict and not self._given and self._refused >= REFUSED

    def forget(self) -> None:
        """Whatever was read from the file by somebody else: it has to seek before it goes on."""
        self._frames = None
        self._next.clear()
        self.at = None

    def key_alone(self, pts: int) -> Decoded | None:
        """The key frame at or before that pts, without the frames behind it that a decoder waits for."""
        self.seek(pts)
        try:
            packet = next(packet for packet in self.box.demux(self.stream) if packet.is_keyframe)
            frames: list[Any] = [*self.context.decode(packet), *self.context.decode(None)]
        except (StopIteration, self._av.FFmpegError) as error:
            if self._device is None or isinstance(error, StopIteration):
                return None
            self._without_device(error)
            return self.key_alone(pts)
        for frame in frames:
            return Decoded(frame, frame.pts if frame.pts is not None else frame.dts, not frame.is_corrupt)
        return None

    def reaches(self, pts: int) -> bool:
        """Whether running on can still come to that pts."""
        if self._next:
            return self._next[0].pts is not None and self._next[0].pts <= pts
        return self.at is not None and self.at < pts

    def seek(self, pts: int) -> None:
        """Put it at the key frame at or before that pts (or dts: what the container is sought by)."""
        self.forget()
        self._sought = pts
        self._given = self._refused = 0
        try:
            self.box.seek(pts, stream=self.stream, backward=True)
        except (self._av.FFmpegError, OSError, OverflowError):
            self.box.close()
            self._open()  # some raw streams cannot be sought at all: read them from the start

    def pull(self, window: int) -> Decoded | None:
        """The next frame, None at the end; those before pts `window` are skipped if nothing needs them."""
        self._skip_before = window
        if self._next:
            got: Decoded | None = self._next.popleft()
        else:
            got = self._decoded()
        if got is not None and got.pts is not None:
            self.at = got.pts
        return got

    def _decoded(self) -> Decoded | None:
        if self._frames is None:
            self._frames = self._decode()
        try:
            return next(self._frames, None)
        except _DeviceError as error:
            at = self.at
            self._without_device(error)
        self._frames = self._decode()
        for each in self._frames:  # what had come out already is passed by
            if at is None or (each.pts is not None and each.pts > at):
                return each
        return None

    def put_back(self, *frames: Decoded) -> None:
        """These come out again first, in this order."""
        self._next.extendleft(reversed(frames))

    def _decode(self) -> Iterator[Decoded]:
        packets = self.box.demux(self.stream)
        places: OrderedDict[int | None, tuple[int, bool]] = (
            OrderedDict()
        )  # by pts: in which order decoded, key
        place = 0
        carried = 0  # packets that bring a stamp of their own
        unsure = by_dts = False
        broken: int | None = None  # frames decoded from here on are suspect, until a whole key frame...
        newest = 0  # ...that was decoded after the newest place at which something may have broken
        packet: Any = None
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except self._av.FFmpegError:
                packet = None  # nothing more can be read: what the decoder holds back comes out
            place += 1
            if packet is not None:
                # A seek in MPEG-PS or TS may land within a packet of the container, whose stamp is then given
                # to the torn frame at its start, and a guess to the next: up to the next stamp none counts.
                carried += packet.pos is not None
                if self._torn_starts and place == 1:
                    unsure = not packet.is_keyframe
                unsure = unsure and carried < 2
                if unsure:
                    packet.pts = packet.dts = None
                stamp = packet.pts if packet.pts is not None else packet.dts
                if stamp is not None:
                    by_dts = packet.pts is None
                places[stamp] = place, packet.is_keyframe
                if len(places) > REORDERED:
                    places.popitem(last=False)
                far = stamp is not None and stamp < self._skip_before and not packet.is_keyframe
                self.context.skip_frame = "NONREF" if far else "DEFAULT"
                if self.strict and packet.is_corrupt:
                    broken, newest = place if broken is None else broken, place
                    continue
            try:
                frames: list[Any] = self.context.decode(packet)
            except self._av.FFmpegError as error:
                if self._device is not None:
                    raise _DeviceError(str(error)) from error
                # A decoder of several threads tells of it some packets later.
                self._refused += 1
                since = place - (os.cpu_count() or 1) - 1 if self.strict else place
                broken, newest, frames = since if broken is None else min(broken, since), place, []
            for frame in frames:
                pts = frame.dts if frame.pts is None and by_dts else frame.pts
                made, key = places.get(pts, (place, frame.key_frame))
                if frame.is_corrupt:
                    broken, newest = made if broken is None else min(broken, made), max(newest, made)
                elif key and made > newest:
                    broken = None
                self._given += 1
                yield Decoded(frame, pts, broken is None or made < broken)
            if packet is None or self.will_not_start:
                return
