"""Prints of streams, made in child processes: what a track holds, coded or decoded, and when (core.prints).

Coded content is made to look the same whatever container it lies in: H.264 and HEVC are hashed by their units
without length or start code and without parameter sets and delimiters, AAC without ADTS headers. So a remux
keeps it. Decoded pictures are hashed as `ffmpeg -f framehash -hash sha256` does, one after the other.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from inspector.core.model import Clock, Modality, Source, Stream
from inspector.core.prints import CODED, DECODED, Print, key_of, print_of
from inspector.core.times import NS
from inspector.errors import InspectorError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray


LEAST_S = 120.0
SLOWEST = 1 << 18
"""A file may take LEAST_S, and a second more for so many bytes; then it hangs."""
GAP_NS = 5_000_000
"""Sound whose stamp is further than this from the counted one starts anew; less is rounding."""
STRETCH_BITS = 8
"""Decoded sound is cut into stretches of about 2**8 samples, at places that the samples themselves name."""
_EXACT = ("pcm_", "flac")
"""Sound whose packets are cut anyhow and whose samples cost nothing: it is told by its samples, always."""
_H264_LEFT_OUT, _HEVC_LEFT_OUT = frozenset((7, 8, 9)), frozenset((32, 33, 34, 35))


def print_stream(stream: Stream, level: str = CODED) -> Print:
    """The print of a stream, made here: for a child process. InspectorError where it cannot be read."""
    source = stream.source
    if source.format == "av":
        return _of_track(source, stream.modality, level)
    if source.format in ("cues", "whisper", "plaintext"):
        return _of_cues(source)
    if source.format == "table":
        return _of_table(stream)
    return _of_file(source, level)


# -- film and sound ----------------------------------------------------------------------------------------


def _of_track(source: Source, modality: Modality, level: str) -> Print:
    import av

    from inspector.media.opening import open_track, reason
    from inspector.media.probe import container_zero_ns

    box, stream = open_track(source, modality.value)
    try:
        zero = container_zero_ns(box) + (source.start_ns or 0)
        if source.start_ns:
            box.seek(int((zero - NS) / (stream.time_base * NS)), stream=stream, backward=True)
        codec = stream.codec_context.codec
        exact = codec is not None and codec.canonical_name.startswith(_EXACT)
        if level == CODED and not exact:
            return _coded(box, stream, zero, source)
        if modality is Modality.AUDIO:
            return _sound(box, stream, zero, source, level)
        return _film(box, stream, zero, source)
    except (av.FFmpegError, OSError, ValueError) as error:
        raise InspectorError(
            "The track cannot be read to its end", f"{source.path}: {reason(error)}", "Check the copy"
        ) from error
    finally:
        box.close()


def _length(source: Source) -> float:
    """How long the part is that is meant; endless where it goes to the end."""
    return float("inf") if source.end_ns is None else source.end_ns - (source.start_ns or 0)


def _within(source: Source, at_ns: int) -> bool:
    """Whether local time `at_ns` is of the part that is meant."""
    length = _length(source)
    return (source.start_ns is None or at_ns >= 0) and at_ns < length


def _packets(box: Any, stream: Any, zero_ns: int, source: Source) -> Iterator[tuple[Any, int, int]]:
    """(packet, start, end) in local time, in the order of the file; those that are never shown left out."""
    base = stream.time_base
    length = _length(source)
    at = 0
    for packet in box.demux(stream):
        stamp = packet.pts if packet.pts is not None else packet.dts
        if packet.size == 0 or packet.is_discard:
            continue
        start = at if stamp is None else round(stamp * base * NS) - zero_ns
        at = start + round((packet.duration or 0) * base * NS)
        if packet.dts is not None and round(packet.dts * base * NS) - zero_ns >= length:
            return
        if _within(source, start):
            yield packet, start, at


def _coded(box: Any, stream: Any, zero_ns: int, source: Source) -> Print:
    codec = stream.codec_context
    strip = _stripper(codec.codec.canonical_name if codec.codec else "", bytes(codec.extradata or b""))
    whole = hashlib.sha256()
    keys, starts, end = [], [], 0
    for packet, start, stop in _packets(box, stream, zero_ns, source):
        digest = hashlib.sha256()
        for part in strip(bytes(packet)):
            digest.update(part)
        whole.update(digest.digest())
        keys.append(int.from_bytes(digest.digest()[:8], "little"))
        starts.append(start)
        end = max(end, stop)
    return print_of(CODED, _shape(codec), whole.hexdigest(), keys, starts, end)


def _shape(codec: Any) -> str:
    name = codec.codec.canonical_name if codec.codec else "?"
    if codec.type == "video":
        return f"{name} {codec.width}x{codec.height}"
    return f"{name} {codec.sample_rate} Hz, {codec.channels} channels"


def _stripper(codec: str, extradata: bytes) -> Any:
    """What makes of a packet's bytes the parts that no container changes."""
    if codec in ("h264", "hevc"):
        left_out = _H264_LEFT_OUT if codec == "h264" else _HEVC_LEFT_OUT
        at = 4 if codec == "h264" else 21
        size = 0
        if len(extradata) > at and extradata[0] == 1:  # avcC, hvcC: units after their length
            size = (extradata[at] & 3) + 1

        def units(data: bytes) -> Iterator[bytes]:
            for unit in _after_length(data, size) if size else _after_start_code(data):
                kind = unit[0] & 31 if codec == "h264" else (unit[0] >> 1) & 63
                if kind not in left_out:
                    yield unit

        return units
    if codec == "aac" and not extradata:
        return lambda data: (_without_adts(data),)
    return lambda data: (data,)


def _after_length(data: bytes, size: int) -> Iterator[bytes]:
    at = 0
    while at + size < len(data):
        length = int.from_bytes(data[at : at + size], "big")
        at += size
        if length:
            yield data[at : at + length]
        at += length


def _after_start_code(data: bytes) -> Iterator[bytes]:
    for part in data.split(b"\0\0\1"):
        if unit := part.rstrip(b"\0"):
            yield unit


def _without_adts(data: bytes) -> bytes:
    if len(data) > 7 and data[0] == 0xFF and data[1] & 0xF6 == 0xF0:
        return data[7 if data[1] & 1 else 9 :]
    return data


def _film(box: Any, stream: Any, zero_ns: int, source: Source) -> Print:
    stream.thread_type = "AUTO"
    base = stream.time_base
    whole = hashlib.sha256()
    keys, starts, end, shape = [], [], 0, ""
    for frame in _frames(box, stream, zero_ns, source):
        start = round(frame.pts * base * NS) - zero_ns
        if not _within(source, start):
            continue
        pixels = _pixels(frame)
        shape = shape or f"pictures {frame.width}x{frame.height} {frame.format.name}"
        digest = hashlib.sha256(pixels.tobytes()).digest()
        whole.update(digest)
        keys.append(int.from_bytes(digest[:8], "little"))
        starts.append(start)
        end = start + round((frame.duration or 0) * base * NS)
    return print_of(DECODED, shape, whole.hexdigest(), keys, starts, end)


def _pixels(frame: Any) -> NDArray[Any]:
    try:
        found: NDArray[Any] = frame.to_ndarray()
    except ValueError:  # a pixel format that PyAV lays out in no array
        found = frame.reformat(format="rgb48le").to_ndarray()
    return found


def _frames(box: Any, stream: Any, zero_ns: int, source: Source) -> Iterator[Any]:
    """Frames that have a stamp, with what a broken packet takes left out."""
    import av

    length = _length(source)
    base = stream.time_base
    for packet in box.demux(stream):
        if packet.dts is not None and round(packet.dts * base * NS) - zero_ns >= length + NS:
            return
        try:
            yield from (frame for frame in packet.decode() if frame.pts is not None)
        except av.FFmpegError:
            continue


def _sound(box: Any, stream: Any, zero_ns: int, source: Source, level: str) -> Print:
    """Samples of all channels as they come out of the decoder, cut where four of them name a place."""
    rate, base = stream.codec_context.sample_rate or 48_000, stream.time_base
    whole = hashlib.sha256()
    pieces: list[tuple[int, int]] = []
    held: list[NDArray[Any]] = []
    held_from = at = 0  # in samples of local time
    shape = ""

    def cut(upto: NDArray[Any], last: bool) -> None:
        """Take off the stretches that are whole; all of it at the `last`."""
        nonlocal held_from, held
        places = [*_places(upto).tolist(), *([len(upto)] if last else [])]
        before = 0
        for place in places:
            if place > before:
                data = np.ascontiguousarray(upto[before:place]).tobytes()
                pieces.append((key_of(data), (held_from + before) * NS // rate))
                before = place
        held, held_from = [upto[before:]], held_from + before

    for frame in _frames(box, stream, zero_ns, source):
        samples = _interleaved(frame)
        start_ns = round(frame.pts * base * NS) - zero_ns
        if not _within(source, start_ns):
            continue
        shape = shape or f"samples {rate} Hz, {samples.shape[1]} channels, {frame.format.name.rstrip('p')}"
        start = round(start_ns * rate / NS)
        if not held or abs(start - at) * NS > GAP_NS * rate:
            if held:
                cut(np.concatenate(held), last=True)
            held, held_from = [], start
            at = start
        whole.update(samples.tobytes())
        held.append(samples)
        at += len(samples)
        if sum(map(len, held)) > 1 << 17:
            cut(np.concatenate(held), last=False)
    if held:
        cut(np.concatenate(held), last=True)
    keys, starts = [key for key, _ in pieces], [start for _, start in pieces]
    return print_of(level, shape, whole.hexdigest(), keys, starts, at * NS // rate)


def _interleaved(frame: Any) -> NDArray[Any]:
    """A frame's samples, (n, channels), with the bits that the decoder gave."""
    samples: NDArray[Any] = frame.to_ndarray()
    if frame.format.is_planar:
        return np.ascontiguousarray(samples.T)
    return samples.reshape(-1, len(frame.layout.channels))


def _places(samples: NDArray[Any]) -> NDArray[np.int64]:
    """Where stretches begin: where four samples of the first channel, taken as bits, say so."""
    first = np.ascontiguousarray(samples[:, 0])
    if len(first) < 4:
        return np.zeros(0, np.int64)
    bits = first.view({1: np.uint8, 2: np.uint16, 4: np.uint32, 8: np.uint64}[first.itemsize])
    bits = bits.astype(np.uint64)
    weights = (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x27D4EB2F165667C5)
    n = len(bits) - 3
    with np.errstate(over="ignore"):
        sums = sum((bits[k : k + n] * np.uint64(w) for k, w in enumerate(weights)), np.uint64(1))
    told = np.asarray(sums, np.uint64) >> np.uint64(64 - STRETCH_BITS)
    found: NDArray[np.int64] = np.flatnonzero(told == np.uint64(1)) + 3
    return found


# -- the rest ----------------------------------------------------------------------------------------------


def _of_cues(source: Source) -> Print:
    """Each cue is a piece at its start and one at its end, each word one at its start."""
    from inspector.media.cues import load_cues

    pieces: list[tuple[int, str]] = []
    last = 0
    cues = load_cues(source)[0]
    for number, cue in enumerate(cues):
        said = " ".join(cue.text.split())
        # Plain text has no times: its lines' order is what there is.
        start, end = (number, number) if source.format == "plaintext" else (cue.start_ns, cue.end_ns)
        pieces += [(start, f"{cue.speaker or ''}\0{said}"), (end, f"end\0{said}")]
        pieces += [(word.start_ns, f"word\0{word.text}") for word in cue.words]
        last = max(last, end)
    content = hashlib.sha256("\n".join(text for _, text in pieces).encode("utf-8", "replace"))
    keys = [key_of(text.encode("utf-8", "replace")) for _, text in pieces]
    return print_of(CODED, "text", content.hexdigest(), keys, [at for at, _ in pieces], last)


def _of_table(stream: Stream) -> Print:
    from inspector.core.prints import mixed
    from inspector.media.series import load_series

    series = load_series(stream)
    keys = np.zeros(len(series.t_ns), np.uint64)
    whole = hashlib.sha256(",".join(series.channels).encode("utf-8", "replace"))
    with np.errstate(over="ignore"):
        for column in series.values.T:
            exact = np.ascontiguousarray(column, np.float64) + 0.0  # one zero, not two
            whole.update(exact.tobytes())
            keys = mixed(keys * np.uint64(0x9E3779B97F4A7C15) + exact.view(np.uint64))
    end = int(series.t_ns[-1]) + series.step_ns if len(series.t_ns) else 0
    return print_of(CODED, f"{len(series.channels)} channels", whole.hexdigest(), keys, series.t_ns, end)


def _of_file(source: Source, level: str) -> Print:
    """A still, or what no loader of ours takes apart: one piece without a time."""
    if level == DECODED and source.format == "image":
        import av

        from inspector.media.opening import open_still, reason

        try:
            with open_still(source.path) as box:
                frame = next(box.decode(video=0))
                pixels = hashlib.sha256(_pixels(frame).tobytes())
                shape = f"picture {frame.width}x{frame.height} {frame.format.name}"
        except (av.FFmpegError, OSError, ValueError, StopIteration) as error:
            raise InspectorError("The picture cannot be read", f"{source.path}: {reason(error)}") from error
        key = int.from_bytes(pixels.digest()[:8], "little")
        return print_of(DECODED, shape, pixels.hexdigest(), [key], [0], 0)
    try:
        with source.path.open("rb", buffering=0) as file:
            digest = hashlib.file_digest(file, "sha256")
    except OSError as error:
        raise InspectorError("The file cannot be read", f"{source.path}: {error.strerror}") from error
    key = int.from_bytes(digest.digest()[:8], "little")
    return print_of(CODED, source.format, digest.hexdigest(), [key], [0], 0)


# -- the child ---------------------------------------------------------------------------------------------


class Printer:
    """Makes prints in child processes that may die of a file, in any thread. To be used in a `with`."""

    def __init__(self) -> None:
        from inspector.media.child import Pool

        self._children = Pool("inspector.media.prints")

    def __enter__(self) -> Printer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the children."""
        self._children.close()

    def make(self, stream: Stream, level: str = CODED) -> Print:
        """The print of a stream. InspectorError where there is no file, a bad one, or one that kills."""
        try:
            limit_s = LEAST_S + stream.source.path.stat().st_size / SLOWEST
            answer = self._children.answer(_order(stream, level), limit_s)
        except OSError as error:
            raise InspectorError(
                "The file cannot be read", f"{stream.source.path}: {error.strerror}"
            ) from error
        except (EOFError, TimeoutError) as error:
            fault = "crashed" if isinstance(error, EOFError) else "hung"
            raise InspectorError(
                f"The file {fault} the decoder", str(stream.source.path), "Check it or re-encode it"
            ) from None
        if "print" not in answer:
            raise InspectorError(*answer["error"])
        return Print.from_json(answer["print"])


def _order(stream: Stream, level: str) -> dict[str, Any]:
    source = {**asdict(stream.source), "path": os.fspath(stream.source.path)}
    return {
        "level": level,
        "modality": stream.modality.value,
        "rate": stream.rate,
        "channels": list(stream.channels),
        "source": source,
    }


def _stream_of(order: dict[str, Any]) -> Stream:
    plain = order["source"]
    source = Source(**{**plain, "path": Path(plain["path"]), "columns": tuple(plain["columns"])})
    modality = Modality(order["modality"])
    clock = Clock("", "none")
    return Stream("", modality, source, clock, rate=order["rate"], channels=tuple(order["channels"]))


def main(lines: Sequence[str] | None = None) -> None:
    """The child's loop: an order a line, its answer, until the pipe closes."""
    from inspector.media.child import bound_memory, serve
    from inspector.media.opening import expendable

    bound_memory()
    expendable()
    serve(
        lambda order: {"print": print_stream(_stream_of(order), order["level"]).to_json()},
        "The file cannot be read",
        lambda order: order["source"]["path"],
        lines,
    )
