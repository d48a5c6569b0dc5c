"""Film and sound with their time maps in the file: packets copied under new stamps, cut to the frame.

Nothing is encoded anew but sound whose clock drifts, and sound that lies in a file as plain samples, which
loses nothing by it. What lies before the start is hidden by MP4's edit list (ISO/IEC
14496-12, 8.6.6), as far as a decoder needs it to start, and cut from plain samples; what lies past the end
too. Runs in a child, since it demuxes; the result is read again, and one that is not as asked is thrown away.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inspector.core.times import NS
from inspector.errors import InspectorError
from inspector.media.mp4 import set_edits
from inspector.media.opening import reason
from inspector.media.remux_plan import Form, NotCarried, Order, form_of, wanted
from inspector.media.resound import Sound, narrowed, write_samples

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from inspector.core.timemap import TimeMap
    from inspector.media.mp4 import Shown
    from inspector.media.probe import MediaInfo, Track

MODULE = "inspector.media.remux"
NEAR_NS = 40_000_000
"""How far the ends of the result may be from what was asked where its packets are shorter than this."""
PREROLL_NS = 250_000_000
"""Sound that is kept, hidden, before the start: AAC and Opus overlap, MP3 keeps a bit reservoir."""
MOVIE_SCALE = 1_000_000
"""Ticks a second of an edit list's lengths."""


@dataclass(frozen=True, slots=True)
class Remuxed:
    """What was made: for each wanted track its number in the new file and its span there, local ns."""

    tracks: Mapping[int, tuple[int, tuple[int, int]]]
    changes: tuple[str, ...]
    lost: tuple[str, ...] = ()


def remux(source: Path, to: Path, order: Order) -> Remuxed:
    """Make the file `to`, whose ending is that of `form_of`, in this process.

    NotCarried where the file cannot carry the times; InspectorError where it cannot be read.
    """
    import av

    from inspector.media.probe import probe

    info = probe(source)
    form = form_of(info, order)
    tracks = {track.index: track for track in info.tracks if track.index in order.maps}
    frames: dict[int, tuple[int, int]] = {}
    try:
        if form.samples:
            numbers = write_samples(source, to, tracks, order, form)
        else:
            numbers = _Copy(source, to, info, order, form, frames).run()
    except (av.FFmpegError, OSError, ValueError) as error:
        raise NotCarried(f"its tracks cannot be written anew ({reason(error)})") from error
    made = {track.index: track for track in probe(to).tracks}
    spans = {}
    for index, number in numbers.items():
        got = made[number]
        wrong = _wrong(tracks[index], got, order, frames.get(index))
        if wrong is not None:
            raise NotCarried(wrong)
        assert got.span is not None
        span = wanted(tracks[index], order)
        # Before the start of the data lie silence that was put there, and a codec's priming.
        start = max(got.span[0], span[0]) if got.kind == "audio" else got.span[0]
        last = got.span[1] if order.end_ns is None else min(got.span[1], order.end_ns)
        spans[index] = (number, (start, last))
    if form.anew:
        changes = [f"its clock was set right: the sound was resampled{'' if form.samples else ', as FLAC'}"]
    elif form.samples:
        changes = ["shifted, sample by sample"]
    else:
        changes = ["stamped anew, not encoded anew"]
    if order.end_ns is not None:
        changes = [f"cut; {changes[0]}"]
    lost = [
        "tracks that are neither film nor sound are left out"
        for track in info.tracks
        if track.index not in order.maps and track.kind != "attachment"
    ]
    lost += [told for index in form.anew if (told := narrowed(tracks[index], to)) is not None]
    first = min(
        (order.maps[index].to_reference(track.span[0]) for index, track in tracks.items() if track.span)
    )
    if form.samples and first < order.start_ns and order.end_ns is None:
        lost.append("sound before the start of the record is cut off: its format has no times before 0")
    return Remuxed(spans, tuple(changes), tuple(dict.fromkeys(lost)))


def _wrong(track: Track, got: Track, order: Order, frames: tuple[int, int] | None) -> str | None:
    """In what the result is not what was asked for, None where it is.

    `frames` is where the first and the last frame of a film were to start: how long the last one is shown
    containers guess.
    """
    start, end = wanted(track, order)
    if got.span is None:
        return "nothing of it is left"
    first, last = got.span
    if track.kind == "audio":
        good = first <= start + NEAR_NS and abs(last - end) <= NEAR_NS
    else:
        start, at = frames or (start, end)
        good = abs(first - start) <= NEAR_NS // 20 and at < last <= max(end, at) + NS
    if not good:
        return "its times did not come out as they were written"
    if got.rotation != track.rotation:
        return "how its picture is turned would be lost"
    return None


# -- packets -----------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Lane:
    """One track on its way: `held` waits for what shows whether it is needed."""

    track: Track
    timemap: TimeMap
    out: Any
    held: list[Any]
    begun: bool = False
    last_dts: int | None = None
    tick_ns: int = 1
    first_ns: int | None = None
    """The first frame that is shown."""
    final_ns: int = 0
    """The last one."""
    early: bool = False
    """Whether frames come before the start."""


def _dated(packets: Iterator[Any]) -> Iterator[Any]:
    """Packets that each have a time of decoding: FFmpeg knows none for the first ones of a container that
    keeps none, until it has seen how far frames are reordered. They get some, a tick apart, before that."""
    held: dict[int, list[Any]] = {}
    dated: set[int] = set()
    for packet in packets:
        if packet.dts is None and packet.pts is None:
            continue
        number = packet.stream.index
        if packet.dts is None and number not in dated:
            held.setdefault(number, []).append(packet)
            continue
        dated.add(number)
        yield from _before(held.pop(number, []), packet.dts)
        yield packet
    for left in held.values():
        yield from _before(left, min(packet.pts for packet in left))


def _before(packets: list[Any], dts: int) -> Iterator[Any]:
    first = min([dts, *(packet.pts for packet in packets)])
    for number, packet in enumerate(packets):
        packet.dts = first - len(packets) + number
        yield packet


class _Copy:
    """One file's packets into another."""

    def __init__(
        self,
        source: Path,
        to: Path,
        info: MediaInfo,
        order: Order,
        form: Form,
        frames: dict[int, tuple[int, int]],
    ) -> None:
        self._source, self._to, self._order, self._form, self._frames = source, to, order, form, frames
        self._zero = info.zero_ns
        self._tracks = {track.index: track for track in info.tracks if track.index in order.maps}

    def run(self) -> dict[int, int]:
        import av

        from inspector.media.opening import open_unprobed

        matroska = self._to.suffix.lower() in (".mkv", ".mka", ".webm", ".mk3d")
        kind = "matroska" if matroska else "mov" if self._to.suffix.lower() == ".mov" else "mp4"
        if self._to.suffix.lower() == ".webm":
            kind = "webm"
        options = {"fflags": "+bitexact"} | ({} if matroska else {"movie_timescale": str(MOVIE_SCALE)})
        with (
            open_unprobed(self._source) as box,
            av.open(str(self._to), "w", format=kind, options=options) as out,
        ):
            out.metadata.update({name: text for name, text in box.metadata.items() if name in TELLING})
            lanes, sounds = self._lanes(box, out, matroska)
            self._seek(box)
            copied = [box.streams[index] for index in lanes]
            for packet in _dated(box.demux(copied)) if copied else ():
                lane = lanes[packet.stream.index]
                dts = self._stamp(lane, packet)
                for sound in sounds:
                    sound.until(dts, out)
                self._take(lane, packet, out)
                if (
                    self._order.end_ns is not None
                    and dts >= self._order.end_ns + NS
                    and self._all_past(lanes)
                ):
                    break
            for lane in lanes.values():
                if not lane.begun:
                    for packet in lane.held:
                        self._put(lane, packet, out)
            for sound in sounds:
                sound.until(None, out)
            numbers = {index: lane.out.index for index, lane in lanes.items()}
            numbers |= {sound.track.index: sound.out.index for sound in sounds}
        for index, lane in lanes.items():
            if lane.first_ns is not None and lane.track.kind == "video":
                self._frames[index] = (lane.first_ns, lane.final_ns)
        if not matroska:
            shown: dict[int, Shown] = {
                lane.out.index: (lane.first_ns if lane.early else None, self._order.end_ns)
                for lane in lanes.values()
                if lane.early or self._order.end_ns is not None
            }
            set_edits(self._to, shown)
        return numbers

    def _lanes(self, box: Any, out: Any, matroska: bool) -> tuple[dict[int, _Lane], list[Sound]]:
        lanes: dict[int, _Lane] = {}
        sounds: list[Sound] = []
        for index, track in self._tracks.items():
            stream = box.streams[index]
            timemap = self._order.maps[index]
            if index in self._form.anew:
                sounds.append(Sound(self._source, track, self._order, out))
                continue
            new = out.add_stream_from_template(stream, opaque=True)  # AV1: its decoder is no encoder
            if not matroska and track.kind == "video" and stream.time_base is not None:
                base = Fraction(stream.time_base)
                new.time_base = base / max(1, -(-90_000 // base.denominator)) if base.numerator == 1 else base
            for name in TELLING:
                if name in stream.metadata:
                    new.metadata[name] = stream.metadata[name]
            base = Fraction(new.time_base or stream.time_base)
            lanes[index] = _Lane(track, timemap, new, [], tick_ns=-(-NS * base.numerator // base.denominator))
        return lanes, sounds

    def _seek(self, box: Any) -> None:
        """Go to shortly before what is wanted, where that is far into the file and one track decides."""
        films = [track for track in self._tracks.values() if track.kind == "video"]
        starts = [self._order.maps[index].to_local(self._order.start_ns) for index in self._tracks]
        if len(films) <= 1 and min(starts) > 10 * NS:
            at = min(starts) + self._zero - NS
            stream = box.streams[films[0].index] if films else None
            if stream is None or stream.time_base is None:
                box.seek(at // 1000)
            else:
                box.seek(int(Fraction(at, NS) / stream.time_base), stream=stream)

    def _stamp(self, lane: _Lane, packet: Any) -> int:
        """Give a packet its new stamps, in ns; its time of decoding."""
        base = packet.time_base
        if packet.pts is None:
            if lane.track.kind == "video" and lane.track.codec not in ("mjpeg", "rawvideo"):
                raise ValueError("packets carry no times")
            packet.pts = packet.dts
        at: int = round(packet.pts * base * NS) - self._zero
        long = round((packet.duration or 0) * base * NS)
        pts = lane.timemap.to_reference(at)
        end = lane.timemap.to_reference(at + long) if long else pts
        dts: int = pts
        if packet.dts is not None:
            dts = min(pts, lane.timemap.to_reference(round(packet.dts * base * NS) - self._zero))
        if self._order.end_ns is not None and pts < self._order.end_ns < end and lane.track.kind == "video":
            end = self._order.end_ns
        if lane.last_dts is not None and dts <= lane.last_dts:
            dts = lane.last_dts + lane.tick_ns
        lane.last_dts = dts
        packet.time_base = Fraction(1, NS)
        packet.pts, packet.dts, packet.duration = max(pts, dts), dts, max(end - pts, 0)
        return dts

    def _take(self, lane: _Lane, packet: Any, out: Any) -> None:
        """Write a packet if it is wanted: from what the first shown frame needs to what the last one does."""
        start, end = self._order.start_ns, self._order.end_ns
        if not lane.begun:
            if lane.track.kind == "audio":
                if packet.pts + packet.duration < start - PREROLL_NS:
                    return
            elif packet.is_keyframe and packet.pts <= start:
                lane.held.clear()
            if lane.track.kind == "video" and packet.pts < start:
                lane.held.append(packet)
                return
            lane.begun = True
            for each in lane.held:
                self._put(lane, each, out)
            lane.held.clear()
        if end is not None and packet.pts >= end:
            if lane.track.kind == "video" and packet.dts < end:
                lane.held.append(packet)  # frames that are shown before the end may need it
            return
        for each in lane.held:
            self._put(lane, each, out)
        lane.held.clear()
        self._put(lane, packet, out)

    def _put(self, lane: _Lane, packet: Any, out: Any) -> None:
        if lane.track.kind == "video":
            lane.early |= packet.pts < self._order.start_ns
            if packet.pts >= self._order.start_ns and (lane.first_ns is None or packet.pts < lane.first_ns):
                lane.first_ns = packet.pts
            if self._order.end_ns is None or packet.pts < self._order.end_ns:
                lane.final_ns = max(lane.final_ns, packet.pts)
        packet.stream = lane.out
        out.mux_one(packet)

    def _all_past(self, lanes: Mapping[int, _Lane]) -> bool:
        end = self._order.end_ns
        assert end is not None
        return all(lane.last_dts is not None and lane.last_dts >= end for lane in lanes.values())


TELLING = ("title", "language", "handler_name", "artist", "comment", "date", "encoder", "creation_time")


# -- the child ---------------------------------------------------------------------------------------------


def main() -> None:
    """The child's loop: an order a line, its answer, until the pipe closes."""
    from inspector.media.child import bound_memory, serve
    from inspector.media.opening import expendable

    def work(plain: Any) -> dict[str, Any]:
        to = Path(plain["to"])
        try:
            made = remux(Path(plain["source"]), to, Order.from_json(plain))
        except NotCarried as error:
            answer: dict[str, Any] = {"cannot": error.title}
        except InspectorError as error:
            answer = {"error": (error.title, error.detail, error.hint)}
        except Exception as error:  # noqa: BLE001 - a muxer's Python side can raise anything; it is told
            answer = {"cannot": f"its tracks cannot be written anew ({type(error).__name__}: {error})"[:300]}
        else:
            return {
                "tracks": [[index, number, span] for index, (number, span) in made.tracks.items()],
                "changes": made.changes,
                "lost": made.lost,
            }
        with suppress(OSError):
            to.unlink()
        return answer

    bound_memory()
    expendable()
    serve(work, "The file cannot be written anew", lambda plain: plain["source"])
