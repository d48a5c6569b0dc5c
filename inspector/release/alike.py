"""Records that hold the same, found by sketches of packets, sounds and films, each pair by what it shares."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING

import numpy as np

from inspector.core.model import Modality
from inspector.errors import InspectorError
from inspector.media.likeness import KEPT, Likeness, common, sketch
from inspector.media.prints import Printer
from inspector.release.sides import Sketch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from numpy.typing import NDArray

    from inspector.release.plan import Opened
    from inspector.release.sides import Sides, Sketches

PACKETS = (3, 0.1)
"""So many packets in common, and of the shorter record so large a share: one is cut from the other, or both
overlap."""
SOUND = (4, 0.015)
"""Of the marks of a sound: of 256, unrelated ones shared 2 at most (51 recordings, each with each), a sound
encoded anew at 24 to 64 kbit/s 5 to 51."""
FILM = (4, 0.1)
"""Of the marks of a film without sound: unrelated ones shared 3 at most (18 recordings, some of one room, 6
encodings of each); encoded anew at half the size or rate, by another codec or cut to 6 s 4 to 400."""
MANY = 32
"""Where more records have a mark, each is compared with the next alone: that links those that are alike."""
AT_A_TIME = 2
PAIRS_AT_ONCE = 1 << 20
NOTHING: NDArray[np.uint64] = np.zeros(0, np.uint64)


def near_pairs(
    session: Opened, records: Mapping[str, str], before: Sides, told: Callable[[int], None] | None = None
) -> list[tuple[str, str]]:
    """Pairs of contents that hold the same, those of earlier releases among them; notes their sketches.

    `records` gives each content a record that holds it. `told` hears how many were looked into, and may raise
    Cancelled.
    """
    sketches: Sketches = {}
    whole: set[str] = set()
    wanted = [content for content in records if content not in before.sketches]
    with ExitStack() as stack:
        likeness, printer = stack.enter_context(Likeness()), stack.enter_context(Printer())
        pool = stack.enter_context(ThreadPoolExecutor(AT_A_TIME, thread_name_prefix="inspector-alike"))
        results = pool.map(lambda each: _sketches(session, records[each], likeness, printer), wanted)
        for number, (content, (good, made)) in enumerate(zip(wanted, results, strict=True)):
            if told is not None:
                try:
                    told(number)
                except BaseException:
                    pool.shutdown(cancel_futures=True)
                    raise
            sketches[content] = made
            whole |= {content} if good else set()
    sketches |= before.sketches
    # What could not be read is looked at anew the next time: the disk may have been away.
    before.sketches |= {content: made for content, made in sketches.items() if content in whole}
    least = Sketch(packets=PACKETS, sound=SOUND, film=FILM)
    found = (
        _pairs({name: each[kind] for name, each in sketches.items()}, asked)
        for kind, asked in enumerate(least)
    )
    return sorted({pair for pairs in found for pair in pairs})


def _sketches(
    session: Opened, record_id: str, likeness: Likeness, printer: Printer
) -> tuple[bool, Sketch[NDArray[np.uint64]]]:
    """Of a record's packets, sounds and, where it is silent, films; before them whether all could be read.

    A film takes a hundred times as long as its sound, and says no more.
    """
    packets, good = [NOTHING], True
    try:
        record = session.record(record_id)
    except InspectorError:
        return False, Sketch(NOTHING, NOTHING, NOTHING)

    def marks_of(modality: Modality) -> NDArray[np.uint64]:
        nonlocal good
        found = [NOTHING]
        for stream in record.of(modality):
            try:
                found.append(likeness.of(stream))
            except InspectorError:
                good = False
        return np.unique(np.concatenate(found))[:KEPT]

    sound = marks_of(Modality.AUDIO)
    film = NOTHING if len(sound) else marks_of(Modality.VIDEO)
    for stream in record.of(Modality.VIDEO, Modality.AUDIO):
        try:
            marks = printer.make(stream).marks
        except InspectorError:
            good = False
            continue
        values, counts = np.unique(marks, return_counts=True)
        packets.append(values[counts == 1])
    return good, Sketch(sketch(np.concatenate(packets)), sound, film)


def _pairs(sketches: dict[str, NDArray[np.uint64]], least: tuple[int, float]) -> Iterator[tuple[str, str]]:
    """Pairs that share enough marks; found by the marks, so that not each is compared with each."""
    names = sorted(sketches)
    for one, other in _often(_shared([sketches[name] for name in names]), len(names), least[0]):
        there, share = common(sketches[names[one]], sketches[names[other]])
        if there >= least[0] and share >= least[1]:
            yield names[one], names[other]


def _shared(sketches: list[NDArray[np.uint64]]) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """For each mark that several have, which ones do, two by two: arrays of the lesser and the greater."""
    marks = np.concatenate([NOTHING, *sketches])
    if not len(marks):
        return
    holders = np.repeat(np.arange(len(sketches)), [len(each) for each in sketches])
    order = np.argsort(marks, kind="stable")  # those of one mark stay in the order of their holders
    marks, holders = marks[order], holders[order]
    starts = np.flatnonzero(np.concatenate([[True], marks[1:] != marks[:-1]]))
    counts = np.diff(np.concatenate([starts, [len(marks)]]))
    for size in range(2, MANY + 1):
        first, second = np.triu_indices(size, 1)
        found = starts[counts == size]
        for at in range(0, len(found), max(PAIRS_AT_ONCE // len(first), 1)):
            those = found[at : at + max(PAIRS_AT_ONCE // len(first), 1), None]
            yield holders[those + first].ravel(), holders[those + second].ravel()
    next_too = (marks[1:] == marks[:-1]) & (np.repeat(counts, counts)[1:] > MANY)
    yield holders[:-1][next_too], holders[1:][next_too]


def _often(
    pairs: Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]], names: int, least: int
) -> Iterator[tuple[int, int]]:
    """The pairs that come `least` times or more; kept as numbers, each once, with how often it came."""
    codes, counts = np.zeros(0, np.int64), np.zeros(0, np.int64)
    for one, other in pairs:
        new, times = np.unique(one * names + other, return_counts=True)
        codes, places = np.unique(np.concatenate([codes, new]), return_inverse=True)
        counts = np.bincount(places, np.concatenate([counts, times]), len(codes)).astype(np.int64)
    for code in codes[counts >= least].tolist():
        yield divmod(code, names)
