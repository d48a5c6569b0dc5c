"""What happens in the clock corpus: one table of records, and a schedule for each.

The scenario comes first and is exact; the files are drawn, spoken and written from it by the other `demo_*`
modules. All times are seconds on the record's own timeline, whose zero is the front camera's first picture.

In every record the hands are set to a few times in turn ("holds") with a sweep of the hands ("moves") before,
between and after them, so that the start and the end of each label can be seen and measured.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

SEED = 20260302
STEP_S = 0.060
"""How long the second hand takes for one step."""
EDGE_S = 0.25
"""Nothing moves but the second hand in the first and the last quarter of a second."""

SOUND_LATE_S = 0.320
SENSOR_FAST_PPM = 8000.0
TRANSCRIPT_EARLY_S = 1.5
FILM_ENDS_S = 9.8
FROZEN_FROM_S = 8.0
CAMERA_LATE_S = 0.200
ANNOTATOR_EARLY_S = 0.400
OUTSIDE_GAP_S = 0.9

HOURS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
PAST = {
    0: "{h} o'clock",
    5: "five past {h}",
    10: "ten past {h}",
    15: "quarter past {h}",
    20: "twenty past {h}",
    25: "twenty five past {h}",
    30: "half past {h}",
}
UNTIL = {
    35: "twenty five to {h}",
    40: "twenty to {h}",
    45: "quarter to {h}",
    50: "ten to {h}",
    55: "five to {h}",
}


@dataclass(frozen=True, slots=True)
class Spec:
    """One line of the table: what a record is made of, and the fault planted in it."""

    number: int
    duration_s: float
    session: str
    device: str
    speaker: str
    front_fps: int
    side_fps: int = 0
    sensor: str = "csv"
    unit: str = "s"
    holds: int = 3
    sensor_hz: int = 100
    sound_in_film: bool = False
    vfr: bool = False
    fault: str = ""
    partner: int = 0

    @property
    def record_id(self) -> str:
        """The record's name, which is its folder's."""
        return f"rec_{self.number:03d}"


@dataclass(frozen=True, slots=True)
class Hold:
    """The hands stand at one time between two moments."""

    start_s: float
    end_s: float
    minutes: float

    @property
    def label(self) -> str:
        """The time shown, as an annotator writes it."""
        whole = round(self.minutes) % 720
        return f"reads {(whole // 60) or 12}:{whole % 60:02d}"


@dataclass(frozen=True, slots=True)
class Span:
    """What an annotator marks: a stretch of time with a label on a tier."""

    start_s: float
    end_s: float
    label: str
    tier: str


@dataclass(frozen=True, slots=True)
class Word:
    """A spoken word, from its first audible moment to the end of its last sound."""

    start_s: float
    end_s: float
    text: str
    probability: float


@dataclass(frozen=True, slots=True)
class Schedule:
    """Everything that happens in a record, before any fault."""

    spec: Spec
    tick_phase_s: float
    second_deg: float
    holds: tuple[Hold, ...]
    frame_pts_s: np.ndarray
    """Times of the front camera's pictures."""
    phrases: list[tuple[float, str, list[Word]]] = field(default_factory=list)
    flashes_s: list[float] = field(default_factory=list)

    def ticks_s(self, start_s: float, end_s: float) -> np.ndarray:
        """The middles of the second hand's steps in a stretch of time."""
        first = int(np.ceil(start_s - self.tick_phase_s))
        return np.arange(first, int(np.floor(end_s - self.tick_phase_s)) + 1) + self.tick_phase_s

    def second_angle(self, t: np.ndarray | float) -> np.ndarray:
        """The second hand's angle in degrees, counted on through full turns."""
        since = np.asarray(t, dtype=float) - self.tick_phase_s
        nearest = np.round(since)
        steps = nearest - 1 + ease((since - nearest) / STEP_S + 0.5)
        return np.asarray(self.second_deg + 6.0 * steps)

    def minutes(self, t: np.ndarray | float) -> np.ndarray:
        """The time shown by hour and minute hand, in minutes after twelve, counted on."""
        at = np.asarray(t, dtype=float)
        shown = np.full(at.shape, self.holds[0].minutes)
        for before, after in pairwise(self.holds):
            part = ease((at - before.end_s) / (after.start_s - before.end_s))
            shown = shown + (after.minutes - before.minutes) * part
        return shown

    def spans(self) -> list[Span]:
        """The true labels: the time shown in each hold but the outer two, and the moves between them."""
        inner = self.holds[1:-1]
        spans = [Span(hold.start_s, hold.end_s, hold.label, "time") for hold in inner]
        for before, after in pairwise(inner):
            spans.append(Span(before.end_s, after.start_s, "minute hand moves", "motion"))
        return sorted(spans, key=lambda span: span.start_s)

    def words(self) -> list[Word]:
        """All spoken words in their order."""
        return [word for _, _, words in self.phrases for word in words]


def ease(part: np.ndarray) -> np.ndarray:
    """Smoothstep from 0 to 1, held outside."""
    held = np.asarray(np.clip(part, 0.0, 1.0), dtype=float)
    return np.asarray(held * held * (3.0 - 2.0 * held))


def spoken_time(minutes: float) -> str:
    """A time of the dial in words, to five minutes."""
    hour, minute = divmod(round(minutes) % 720, 60)
    text = PAST.get(minute) or UNTIL[minute]
    return text.format(h=HOURS[(hour - 1 if minute in PAST else hour) % 12])


def random_for(spec: Spec, purpose: int) -> np.random.Generator:
    """Random numbers of one purpose in one record: a change of one thing leaves the rest as it was."""
    return np.random.default_rng([SEED, spec.number, purpose])


def front_pts(spec: Spec) -> np.ndarray:
    """The times of the front camera's pictures: a grid, or a phone's uneven rate on a 1/90000 s clock."""
    if not spec.vfr:
        return np.arange(round(spec.duration_s * spec.front_fps)) / spec.front_fps
    lengths, shares = [2700, 3000, 3300, 3600, 6000], [0.15, 0.5, 0.15, 0.1, 0.1]
    gaps = random_for(spec, 1).choice(lengths, size=9000, p=shares)
    ticks = np.concatenate([[0], np.cumsum(gaps)])
    return ticks[ticks < spec.duration_s * 90000 - 2000] / 90000.0


def schedule(spec: Spec) -> Schedule:
    """Hands and ticks of a record; phrases and flashes are added once the voice has been heard."""
    rng = random_for(spec, 2)
    pts = front_pts(spec)
    common = np.gcd(spec.front_fps, spec.side_fps) if spec.side_fps else spec.front_fps
    phase = pts[rng.integers(8, 22)] if spec.vfr else rng.integers(1, common) / common
    moves = rng.uniform(0.72, 1.0, spec.holds + 1)
    weights = rng.uniform(0.88, 1.12, spec.holds)
    lengths = weights / weights.sum() * (spec.duration_s - 2 * EDGE_S - moves.sum())
    times = _times(spec, rng)
    holds = [Hold(-10.0, EDGE_S, times[0])]
    for move, length, minutes in zip(moves, lengths, times[1:], strict=False):
        start = holds[-1].end_s + move
        holds.append(Hold(float(start), float(start + length), minutes))
    holds.append(Hold(float(holds[-1].end_s + moves[-1]), spec.duration_s + 10.0, times[-1]))
    return Schedule(spec, float(phase), 6.0 * int(rng.integers(0, 60)), tuple(holds), pts)


def _times(spec: Spec, rng: np.random.Generator) -> list[float]:
    """The times that the hands are set to: five-minute marks, 15 to 95 minutes apart, none twice in a record.

    The records of a swapped pair read other halves of the dial's marks, so that no label fits by chance.
    """
    marks = [float(rng.integers(24, 120) * 5)]
    while len(marks) < spec.holds + 2:
        nearest = marks[-1] + float(rng.integers(3, 20) * 5) * (1 if rng.random() < 0.7 else -1)
        wrong_half = bool(spec.partner) and (nearest // 5) % 2 != (spec.number > spec.partner)
        if nearest >= 0 and not wrong_half and nearest % 720 not in {mark % 720 for mark in marks}:
            marks.append(nearest)
    return marks


def flash_times(plan: Schedule) -> list[float]:
    """Irregular moments on the front camera's grid, clear of the voice and of the ticks.

    No two gaps are alike, so that only one offset fits them. Where a second camera has another rate, the set
    is chosen so that its rounding to that camera's pictures is nothing on the mean.
    """
    spec, rng = plan.spec, random_for(plan.spec, 3)
    words = plan.words()
    grid = plan.frame_pts_s
    if spec.side_fps and spec.front_fps % spec.side_fps == 0:
        grid = grid[:: spec.front_fps // spec.side_fps]
    clear = (grid > 0.6) & (grid < spec.duration_s - 0.7)
    clear &= np.abs(grid[:, None] - plan.ticks_s(0, spec.duration_s)).min(1) > 0.13
    for word in words:
        clear &= (grid < word.start_s - 0.16) | (grid > word.end_s + 0.10)
    if spec.fault == "picture_frozen":
        clear &= np.abs(grid - FROZEN_FROM_S) > 0.3
    choice = grid[clear]
    wanted = max(5, round(spec.duration_s / 2.3))
    best: list[float] = []
    best_cost = np.inf
    for _ in range(400):
        picked = _spread(rng.permutation(choice), wanted)
        cost = abs(_side_error_s(spec, picked)) * 1000 + 100 * (wanted - len(picked))
        if cost < best_cost:
            best, best_cost = picked, cost
        if best_cost < 0.5:
            break
    return best


def _spread(candidates: np.ndarray, wanted: int) -> list[float]:
    """Greedy choice of moments at least 0.8 s apart; in short records no gaps are within 25 ms of another."""
    picked: list[float] = []
    for moment in candidates:
        trial = sorted([*picked, float(moment)])
        gaps = np.sort(np.diff(trial))
        alike = len(gaps) > 1 and np.diff(gaps).min() < 0.025 and wanted < 12
        if len(trial) == 1 or (gaps[0] >= 0.8 and not alike):
            picked = trial
        if len(picked) == wanted:
            break
    return picked


def _side_error_s(spec: Spec, flashes: Sequence[float]) -> float:
    """How late the flashes are on the second camera on the mean, for its pictures' times alone."""
    if not spec.side_fps or not flashes:
        return 0.0
    at = np.asarray(flashes) * spec.side_fps
    return float((np.ceil(at - 0.5 - 1e-9) - at).mean() / spec.side_fps)
