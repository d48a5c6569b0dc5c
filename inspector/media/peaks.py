"""The waveform of a sound: known from the cache, or built behind and told of as it grows.

Long sounds are decoded in a child process of low priority: PyAV's work on each frame would otherwise take the
interpreter's lock from the window and the mixer, and a decoder that dies takes no window with it.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from inspector.core.times import NS
from inspector.errors import InspectorError
from inspector.media import peaks_build
from inspector.media.audio import RATES
from inspector.media.child import TIMEOUT_S, child_command, probe
from inspector.media.chunks import Chunks, Home
from inspector.media.peak_levels import BLOCK, CHUNK, FACTOR, RECORD, TOP, TOPS, MappedPeaks, Peaks
from inspector.media.peaks_build import Tail, what_of_tail

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from inspector.core.jobs import Job
    from inspector.core.model import Source
    from inspector.media.chunks import Mapped

__all__ = ["BLOCK", "FACTOR", "Peaks", "load_peaks"]

TELL_EVERY_S = 30
"""A partial waveform is handed on after each further stretch of this much sound, at most."""
TELL_EVERY = 50
"""Nor more often than this while a very long sound is read: each time its coarse levels are folded."""
SPLIT_FROM_S = 1200
"""Longer sounds are decoded by two children, from the start and from the middle on."""
CHILD_FROM_S = 120
"""Longer sounds are decoded in a child: starting one takes as long as decoding so much."""
FINE_TO_S = 3600
"""Where no disk takes the file, longer sounds are kept in blocks of 4096 samples, in memory."""
LOOK_S = 0.2
"""So often is a child's work looked at."""

log = logging.getLogger(__name__)


_second = threading.Lock()
"""One sound at a time has two children."""


def load_peaks(
    source: Source,
    job: Job[Peaks],
    partial: Callable[[Peaks], None] | None = None,
    busy: Callable[[], bool] | None = None,
) -> Peaks:
    """The pyramid of a track at its own rate. `partial` gets what is known as it grows.

    While `busy` says that the player needs the machine more, a child works at a slower pace.
    What was built once is mapped and not decoded again; what was broken off is taken up. Raises
    InspectorError for an unreadable file and Cancelled when the job is.
    """
    rate, length_ns = _track(source)
    what = {"rate": rate, "track": source.track, "start": source.start_ns, "end": source.end_ns}
    name = f"peaks-{source.track}-{source.start_ns}-{source.end_ns}.chunks"
    try:
        first = length_ns * rate // NS // CHUNK // 2 if length_ns > SPLIT_FROM_S * NS else 0
        need = peaks_build.most_bytes(length_ns, rate)
        home = Home(source.path, name, need * 3 // 2 if first else need)
        loading = _Loading(source, rate, what, home, first, job, partial, busy or (lambda: False))
        return loading.run(length_ns > CHILD_FROM_S * NS)
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
        first: int,
        job: Job[Peaks],
        partial: Callable[[Peaks], None] | None,
        busy: Callable[[], bool],
    ) -> None:
        """`first` is the chunk where the second half begins, 0 where the sound is not split."""
        self._source, self._rate, self._what, self._home = source, rate, what, home
        self._job, self._partial, self._busy = job, partial, busy
        self._chunks = Chunks(home.path, what, RECORD)
        self._tail = Tail(home.path.with_suffix(".tail"), first)
        self._tail_chunks = Chunks(self._tail.path, what_of_tail(what, self._tail), RECORD)
        self._tops = _Tops()
        self._tail_tops = _Tops()
        self._told = 0

    def run(self, in_child: bool) -> Peaks:
        with self._home.held():
            while True:
                self._refresh()
                if self._chunks.whole:
                    self._tail_chunks = Chunks(self._tail.path, {}, RECORD)
                    for path in (self._tail.path, Path(f"{self._tail.path}.lock")):
                        with suppress(OSError):
                            path.unlink(missing_ok=True)
                    return self._made(int(self._chunks.info["blocks"]))
                self._tell()
                if not (self._by_child() if in_child else self._here()):
                    # Another process builds the same: it is followed, and taken over from when it dies.
                    threading.Event().wait(LOOK_S)
                    self._job.step(done=self._seconds)

    def _refresh(self) -> bool:
        """Map what is there by now; True where it is more."""
        more = self._chunks.refresh()
        return (self._tail.first > 0 and self._tail_chunks.refresh()) or more

    @property
    def _known(self) -> int:
        """Chunks that are there, in the file or in its tail."""
        copied = max(self._chunks.count - self._tail.first, 0)
        return self._chunks.count + max(self._tail_chunks.count - copied, 0)

    @property
    def _seconds(self) -> int:
        return int(self._known * CHUNK // self._rate)

    def _here(self) -> bool:
        def told(_: int) -> None:
            self._job.step(done=self._seconds)
            if self._chunks.refresh():
                self._tell()

        return peaks_build.build(self._source, self._rate, self._home.path, self._what, told)

    def _by_child(self) -> bool:
        children: list[subprocess.Popen[str]] = []
        two = self._tail.first > 0 and (os.cpu_count() or 1) > 1 and _second.acquire(blocking=False)
        try:
            for build in ("all", "tail") if two else ("all",):
                children.append(self._start(build, self._tail.first if two else 0))
            answer = self._watched(children)
        finally:
            if two:
                _second.release()
            for child in children:
                child.kill()
                child.communicate()
        if "error" in answer:
            raise InspectorError(*answer["error"])
        return bool(answer["done"])

    def _start(self, build: str, first: int) -> subprocess.Popen[str]:
        child = subprocess.Popen(
            child_command("inspector.media.peaks_build", 10),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        source = self._source
        order = {
            "path": str(source.path), "track": source.track, "start": source.start_ns, "end": source.end_ns,
            "rate": self._rate, "what": self._what, "file": str(self._home.path),
            "build": build, "first": first, "tail": str(self._tail.path),
        }  # fmt: skip
        _say(child, json.dumps(order))
        return child

    def _watched(self, children: list[subprocess.Popen[str]]) -> dict[str, Any]:
        """The answer of the first child, which makes the file whole."""
        process = children[0]
        assert process.stdout is not None
        moved = time.monotonic()
        slow = False
        while True:
            if self._busy() != slow:
                slow = not slow
                for child in children:
                    _say(child, "slow" if slow else "fast")
            try:
                process.wait(LOOK_S)
            except subprocess.TimeoutExpired:
                self._job.step(done=self._seconds)
                if self._refresh():
                    moved = time.monotonic()
                    self._tell()
                if time.monotonic() - moved > TIMEOUT_S:
                    raise InspectorError(
                        "The sound could not be read in time", str(self._source.path), "Check the disk"
                    ) from None
                continue
            try:
                answer: dict[str, Any] = json.loads(process.stdout.readline())
            except ValueError:
                raise InspectorError(
                    "The file crashed the decoder", str(self._source.path), "Check it or re-encode it"
                ) from None
            return answer

    def _tell(self) -> None:
        known = self._known
        every = max(TELL_EVERY_S * self._rate // CHUNK, 2 * self._tail.first // TELL_EVERY)
        if self._partial is not None and known - self._told > every:
            self._told = known
            self._partial(self._made(self._chunks.count * CHUNK // BLOCK))

    def _made(self, blocks: int) -> Peaks:
        """What is known now; `blocks` of it are sound."""
        mapped = self._chunks.mapped
        tops, tail = self._tops.of(mapped), self._tail_tops.of(self._tail_chunks.mapped)
        gap = self._tail.first * TOPS - len(tops)
        if len(tail) and gap + len(tail) > 0:
            between = np.full((max(gap, 0), 2), np.nan, np.float32)
            tops = np.concatenate([tops, between, tail[max(-gap, 0) :]])
        return MappedPeaks(self._rate, mapped, tops, blocks, self._home)


class _Tops:
    """The pairs of level TOP of a file that grows."""

    def __init__(self) -> None:
        self._pairs = np.zeros((0, 2), np.float32)
        self._of: Mapped | None = None
        self._count = 0

    def of(self, mapped: Mapped) -> NDArray[np.float32]:
        """Those (n, 2) of all records that are there."""
        if mapped is not self._of and self._count > len(mapped.records):
            self._pairs, self._count = self._pairs[:0], 0  # it was begun anew
        more = mapped.records[f"level{TOP}"][self._count :].reshape(-1, 2)
        self._pairs = np.concatenate([self._pairs, more])
        self._of, self._count = mapped, len(mapped.records)
        return self._pairs


def _say(child: subprocess.Popen[str], line: str) -> None:
    """Tell a child something; that it died is seen by its answer."""
    assert child.stdin is not None
    with suppress(OSError):
        child.stdin.write(line + "\n")
        child.stdin.flush()


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
