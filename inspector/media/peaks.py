"""The waveform of a sound: known from the cache, or built behind and told of as it grows.

Long sounds are decoded in a child process of low priority: PyAV's work on each frame would otherwise take the
interpreter's lock from the window and the mixer, and a decoder that dies takes no window with it.
"""

from __future__ import annotations

import json
import logging
import subprocess
import threading
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from inspector.core.times import NS
from inspector.errors import InspectorError
from inspector.media import peaks_build
from inspector.media.audio import RATES
from inspector.media.child import TIMEOUT_S, child_command, probe
from inspector.media.chunks import Chunks, Home
from inspector.media.peak_levels import BLOCK, CHUNK, FACTOR, RECORD, TOP, MappedPeaks, Peaks

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from inspector.core.jobs import Job
    from inspector.core.model import Source

__all__ = ["BLOCK", "FACTOR", "Peaks", "load_peaks"]

TELL_EVERY_S = 30
"""A partial waveform is handed on after each further stretch of this much sound, at most."""
CHILD_FROM_S = 120
"""Longer sounds are decoded in a child: starting one takes as long as decoding so much."""
FINE_TO_S = 3600
"""Where no disk takes the file, longer sounds are kept in blocks of 4096 samples, in memory."""
LOOK_S = 0.2
"""So often is a child's work looked at."""

log = logging.getLogger(__name__)


def load_peaks(source: Source, job: Job[Peaks], partial: Callable[[Peaks], None] | None = None) -> Peaks:
    """The pyramid of a track at its own rate. `partial` gets what is known as it grows.

    What was built once is mapped and not decoded again; what was broken off is taken up. Raises
    InspectorError for an unreadable file and Cancelled when the job is.
    """
    rate, length_ns = _track(source)
    what = {"rate": rate, "track": source.track, "start": source.start_ns, "end": source.end_ns}
    name = f"peaks-{source.track}-{source.start_ns}-{source.end_ns}.chunks"
    try:
        home = Home(source.path, name, peaks_build.most_bytes(length_ns, rate))
        return _Loading(source, rate, what, home, job, partial).run(length_ns > CHILD_FROM_S * NS)
    except OSError as error:
        log.warning("%s: the waveform is kept in memory: %s", source.path, error)
        return _in_memory(source, rate, job, length_ns > FINE_TO_S * NS)


class _Loading:
    """One file of peaks on its way to be whole."""

    def __init__(
        self,
        source: Source,
        rate: int,
        what: dict[str, Any],
        home: Home,
        job: Job[Peaks],
        partial: Callable[[Peaks], None] | None,
    ) -> None:
        self._source, self._rate, self._what, self._home = source, rate, what, home
        self._job, self._partial = job, partial
        self._chunks = Chunks(home.path, what, RECORD)
        self._tops: list[NDArray[np.float32]] = []
        self._top_of = 0
        self._mapped = self._chunks.mapped
        self._told = 0

    def run(self, in_child: bool) -> Peaks:
        with self._home.held():
            while True:
                self._chunks.refresh()
                if self._chunks.whole:
                    return self._made(int(self._chunks.info["blocks"]))
                self._tell()
                if not (self._by_child() if in_child else self._here()):
                    # Another process builds the same: it is followed, and taken over from when it dies.
                    threading.Event().wait(LOOK_S)
                    self._job.step(done=self._seconds)

    @property
    def _seconds(self) -> int:
        return int(self._chunks.count * CHUNK // self._rate)

    def _here(self) -> bool:
        def told(_: int) -> None:
            self._job.step(done=self._seconds)
            if self._chunks.refresh():
                self._tell()

        return peaks_build.build(self._source, self._rate, self._home.path, self._what, told)

    def _by_child(self) -> bool:
        process = subprocess.Popen(
            child_command("inspector.media.peaks_build"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        try:
            answer = self._watched(process)
        finally:
            process.kill()
            process.communicate()
        if "error" in answer:
            raise InspectorError(*answer["error"])
        return bool(answer["done"])

    def _watched(self, process: subprocess.Popen[str]) -> dict[str, Any]:
        assert process.stdin is not None
        assert process.stdout is not None
        source = self._source
        order = {
            "path": str(source.path), "track": source.track, "start": source.start_ns, "end": source.end_ns,
            "rate": self._rate, "what": self._what, "file": str(self._home.path),
        }  # fmt: skip
        try:
            process.stdin.write(json.dumps(order) + "\n")
            process.stdin.flush()
        except OSError:
            pass  # it died at once, which is told below
        moved = time.monotonic()
        while True:
            try:
                process.wait(LOOK_S)
            except subprocess.TimeoutExpired:
                self._job.step(done=self._seconds)
                if self._chunks.refresh():
                    moved = time.monotonic()
                    self._tell()
                if time.monotonic() - moved > TIMEOUT_S:
                    raise InspectorError(
                        "The sound could not be read in time", str(source.path), "Check the disk"
                    ) from None
                continue
            try:
                answer: dict[str, Any] = json.loads(process.stdout.readline())
            except ValueError:
                raise InspectorError(
                    "The file crashed the decoder", str(source.path), "Check it or re-encode it"
                ) from None
            return answer

    def _tell(self) -> None:
        count = self._chunks.count
        if self._partial is not None and (count - self._told) * CHUNK > TELL_EVERY_S * self._rate:
            self._told = count
            self._partial(self._made(count * CHUNK // BLOCK))

    def _made(self, blocks: int) -> Peaks:
        """What is known now; `blocks` of it are sound."""
        mapped = self._chunks.mapped
        if mapped is not self._mapped and self._top_of > len(mapped.records):
            self._tops, self._top_of = [], 0  # it was begun anew
        self._mapped = mapped
        self._tops.append(mapped.records[f"level{TOP}"][self._top_of :].reshape(-1, 2).copy())
        self._top_of = len(mapped.records)
        self._tops = [np.concatenate(self._tops)]
        return MappedPeaks(self._rate, mapped, self._tops[0], blocks, self._home)


def _in_memory(source: Source, rate: int, job: Job[Peaks], coarse: bool) -> Peaks:
    """The pyramid with no file behind it; without its finest levels where it would be large."""
    level = TOP if coarse else 0
    parts: list[NDArray[np.float32]] = [np.zeros((0, 2), np.float32)]

    def emit(record: NDArray[Any]) -> None:
        job.step(done=len(parts) * CHUNK // rate)
        parts.append(record[f"level{level}"][0].copy())

    layer = peaks_build.Layer(emit)
    peaks_build.lay_track(source, rate, layer)
    blocks = -(-layer.finish() // FACTOR**level)
    pairs = np.concatenate(parts)[:blocks]
    return Peaks(rate, pairs[:, 0], pairs[:, 1], BLOCK * FACTOR**level)


def _track(source: Source) -> tuple[int, int]:
    """The sampling rate of a track and how long it is said to be, ns."""
    for track in probe(source.path).tracks:
        if track.index == source.track and track.rate:
            rate = min(max(round(track.rate), RATES[0]), RATES[1])
            ends = [track.span[1] if track.span else 0, track.declared_end_ns or 0]
            length = max(*ends, 0) if source.end_ns is None else source.end_ns
            return rate, max(length - (source.start_ns or 0), 0)
    return 48_000, 0
