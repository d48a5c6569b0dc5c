"""Where ELAN puts a time slot that has no time: evenly between its neighbours that have one.

On a tier without a parent the neighbours are those in the document's order of slots; on a tier below another,
those along its own chain of annotations that share slots. Steps are whole milliseconds, rounded down, as ELAN
computes them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

MS = 1_000_000


def between(order: Sequence[str], times: Mapping[str, int | None]) -> dict[str, int]:
    """Times for the slots of `order` without one, in ns. Before the first known time ELAN counts from 0;
    after the last there is nothing to go by, and such a slot stays without."""
    found: dict[str, int] = {}
    low = 0
    waiting: list[str] = []
    for slot in order:
        time = times[slot]
        if time is None:
            waiting.append(slot)
            continue
        if waiting:
            step = max(0, time - low) // (len(waiting) + 1) // MS * MS
            for number, each in enumerate(waiting, 1):
                found[each] = low + number * step
            waiting = []
        low = time
    return found


def shares(rows: Iterable[tuple[str, str]], times: Mapping[str, int | None]) -> dict[str, int]:
    """Times for the slots of one tier that lie on a chain of annotations between two known times, in ns.

    `rows` are begin and end slots; a chain goes on where one annotation's end is the next one's begin. A
    chain that leads round in a circle, or ends without a time, gives nothing.
    """
    after: dict[str, str] = {}
    before: dict[str, str] = {}
    for begin, end in rows:
        if begin in times and end in times and begin != end:
            after.setdefault(begin, end)
            before.setdefault(end, begin)
    found: dict[str, int] = {}
    for start in [slot for slot in after if times[slot] is not None]:
        chain: list[str] = []
        met = {start}
        slot: str | None = after[start]
        while slot is not None and slot not in met and times[slot] is None:
            met.add(slot)
            chain.append(slot)
            slot = after.get(slot)
        if not chain or slot is None or slot in met:
            continue
        low, high = times[start], times[slot]
        assert low is not None
        assert high is not None
        step = max(0, high - low) // (len(chain) + 1) // MS * MS
        for number, each in enumerate(chain, 1):
            found.setdefault(each, low + number * step)
    return found
