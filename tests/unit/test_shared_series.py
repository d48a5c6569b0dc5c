"""What rows show of one series is what each would be shown alone, and all are told of what comes later."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from inspector.media.look import Boxes, Look
from inspector.ui.timeline.shared_series import PATIENCE, SharedSeries

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

CHANNELS = 12


class Source:
    """Values that tell of what was asked, and how often; `version` is what it has read by now."""

    channels = tuple(f"c{number}" for number in range(CHANNELS))
    unread_ns = None

    def __init__(self) -> None:
        self.asked: list[NDArray[np.int64]] = []
        self.told: list[Callable[[], None] | None] = []
        self.version = 0

    def look(self, start_ns: int, end_ns: int, columns: int, channels: Any = None, later: Any = None) -> Look:
        self.asked.append(channels)
        self.told.append(later)
        t_ns = np.linspace(start_ns, end_ns, columns).astype(np.int64)
        low = t_ns[:, None] * 1.0 + channels + 1000 * self.version
        return Look(t_ns, low, low + 1, Boxes(t_ns[:2], t_ns[:2], low[:2], low[:2] + 1))

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name)


def same(one: Look, other: Look) -> bool:
    pairs = [(one.t_ns, other.t_ns), (one.low, other.low), (one.high, other.high)]
    assert one.boxes is not None
    assert other.boxes is not None
    pairs += [(one.boxes.low, other.boxes.low), (one.boxes.high, other.boxes.high)]
    return all(np.array_equal(a, b) for a, b in pairs)


rows = st.lists(st.sampled_from(range(CHANNELS)), max_size=5, unique=True).map(
    lambda each: np.array(each, int)
)


@given(st.lists(st.tuples(st.integers(0, 2), rows, st.booleans()), max_size=30))
def test_every_row_sees_what_it_would_alone(asks: list[tuple[int, NDArray[np.int64], bool]]) -> None:
    source, alone = Source(), Source()
    shared = SharedSeries(source)
    seen: dict[bytes, int] = {}
    for start, channels, grows in asks:
        if grows:
            source.version += 1
        found = shared.look(start, start + 9, 5, channels)
        # A row that asks for the first time may see the version that its fellows saw, never an older one.
        alone.version = (
            round(float(found.low[0, 0] - found.t_ns[0] - channels[0]) / 1000) if len(channels) else 0
        )
        assert same(found, alone.look(start, start + 9, 5, channels))
        if len(channels):
            assert seen.get(channels.tobytes(), 0) <= alone.version <= source.version
            seen[channels.tobytes()] = alone.version


def test_one_lookup_serves_all_rows_from_the_second_stretch_on() -> None:
    source = Source()
    shared = SharedSeries(source)
    parts = [np.arange(first, first + 4) for first in range(0, CHANNELS, 4)]
    for start in range(5):
        for part in parts:
            shared.look(start, start + 9, 5, part)
    assert len(source.asked) == len(parts) + 4
    assert source.asked[-1].tolist() == list(range(CHANNELS))


def test_a_row_that_asks_again_sees_what_changed() -> None:
    source = Source()
    shared = SharedSeries(source)
    part = np.arange(3)
    before = shared.look(0, 9, 5, part).low[0, 0]
    source.version = 1
    assert shared.look(0, 9, 5, part).low[0, 0] == before + 1000


def test_all_rows_are_told_also_one_that_asks_after_it_was_read() -> None:
    source = Source()
    shared = SharedSeries(source)
    told: list[str] = []
    one, two = np.arange(3), np.arange(3, 6)
    for start in (0, 1):
        shared.look(start, 9, 5, one, lambda: told.append("one"))
        if start:
            tell = source.told[-1]
            assert tell is not None
            tell()
            assert told == ["one"]
        shared.look(start, 9, 5, two, lambda: told.append("two"))
    assert told == ["one", "two"]
    old = source.told[-1]
    shared.look(2, 9, 5, one, lambda: told.append("three"))
    assert old is not None
    old()  # of a stretch that nobody shows any more
    assert told == ["one", "two"]


def test_a_row_that_is_gone_is_looked_up_no_more() -> None:
    source = Source()
    shared = SharedSeries(source)
    one, two = np.arange(3), np.arange(3, 6)
    shared.look(0, 9, 5, two)
    for start in range(1, PATIENCE + 3):
        shared.look(start, start + 9, 5, one)
    assert source.asked[1].tolist() == list(range(6))
    assert source.asked[PATIENCE].tolist() == list(range(6))
    assert source.asked[PATIENCE + 1].tolist() == [0, 1, 2]


def test_what_was_looked_up_before_a_change_is_served_no_more() -> None:
    source = Source()
    shared = SharedSeries(source)
    one, two = np.arange(3), np.arange(3, 6)
    for start in (0, 1):
        shared.look(start, 9, 5, one)
        if start == 0:
            shared.look(start, 9, 5, two)
    source.version = 1
    shared.changed()
    assert shared.look(1, 9, 5, two).low[0, 0] == 1001 + 3
    assert shared.look(1, 9, 5, one).low[0, 0] == 1001
    assert len(source.asked) == 4
