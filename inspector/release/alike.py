"""Records that hold the same, found by sketches of their packets and sounds, each pair by what it shares."""

from __future__ import annotations

import queue
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import combinations, pairwise
from typing import TYPE_CHECKING

import numpy as np

from inspector.core.model import Modality
from inspector.errors import InspectorError
from inspector.media.likeness import KEPT, Likeness, common, sketch
from inspector.media.prints import Printer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from numpy.typing import NDArray

    from inspector.core.model import Record
    from inspector.release.plan import Opened
    from inspector.release.sides import Sides, Sketches

PACKETS = (3, 0.1)
"""So many packets in common, and of the shorter record so large a share: one is cut from the other, or both
overlap."""
SOUND = (4, 0.015)
"""Of the marks of a sound: of 256, unrelated ones shared 2 at most (51 recordings, each with each), a sound
encoded anew at 24 to 64 kbit/s 5 to 51."""
MANY = 32
"""Where more records have a mark, each is compared with the next alone: that links those that are alike."""
AT_A_TIME = 2


def near_pairs(
    session: Opened, records: Mapping[str, str], before: Sides, told: Callable[[int], None] | None = None
) -> list[tuple[str, str]]:
    """Pairs of contents that hold the same, those of earlier releases among them; notes their sketches.

    `records` gives each content a record that holds it. `told` hears how many were looked into, and may raise
    Cancelled.
    """
    sketches: Sketches = {}
    wanted = [content for content in records if content not in before.sketches]
    with ExitStack() as stack:
        likeness = stack.enter_context(Likeness())
        printers: queue.SimpleQueue[Printer] = queue.SimpleQueue()
        for _ in range(AT_A_TIME):
            printers.put(stack.enter_context(Printer()))
        pool = stack.enter_context(ThreadPoolExecutor(AT_A_TIME, thread_name_prefix="inspector-alike"))
        results = pool.map(lambda each: _sketches(session, records[each], likeness, printers), wanted)
        for number, (content, made) in enumerate(zip(wanted, results, strict=True)):
            if told is not None:
                try:
                    told(number)
                except BaseException:
                    pool.shutdown(cancel_futures=True)
                    raise
            sketches[content] = made
    before.sketches |= sketches
    found = {*_pairs({name: each[0] for name, each in before.sketches.items()}, PACKETS)}
    found |= {*_pairs({name: each[1] for name, each in before.sketches.items()}, SOUND)}
    return sorted(found)


def _sketches(
    session: Opened, record_id: str, likeness: Likeness, printers: queue.SimpleQueue[Printer]
) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    try:
        record = session.record(record_id)
    except InspectorError:
        return np.zeros(0, np.uint64), np.zeros(0, np.uint64)
    sounds = [likeness.of(stream) for stream in record.of(Modality.AUDIO)]
    sound = np.unique(np.concatenate(sounds))[:KEPT] if sounds else np.zeros(0, np.uint64)
    printer = printers.get()
    try:
        return sketch(_packets(record, printer)), sound
    finally:
        printers.put(printer)


def _packets(record: Record, printer: Printer) -> NDArray[np.uint64]:
    """What is once in each film and sound of a record, packet by packet."""
    found = []
    for stream in record.of(Modality.VIDEO, Modality.AUDIO):
        try:
            marks = printer.make(stream).marks
        except InspectorError:
            continue
        values, counts = np.unique(marks, return_counts=True)
        found.append(values[counts == 1])
    return np.concatenate(found) if found else np.zeros(0, np.uint64)


def _pairs(sketches: dict[str, NDArray[np.uint64]], least: tuple[int, float]) -> Iterator[tuple[str, str]]:
    """Pairs that share enough marks; found by the marks, so that not each is compared with each."""
    holders: dict[int, list[str]] = defaultdict(list)
    for name, marks in sketches.items():
        for mark in marks.tolist():
            holders[mark].append(name)
    shared: Counter[tuple[str, str]] = Counter()
    for names in holders.values():
        names = sorted(names)
        if len(names) > MANY:
            shared.update(pairwise(names))
        else:
            shared.update(combinations(names, 2))
    for (one, other), count in shared.items():
        if count >= least[0]:
            there, share = common(sketches[one], sketches[other])
            if there >= least[0] and share >= least[1]:
                yield min(one, other), max(one, other)
