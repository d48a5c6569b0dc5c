"""Transcripts and sounds that belong to another record: what does not fit at home, held against others."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from inspector.audit.alignment import bands
from inspector.audit.case import severity
from inspector.audit.checks import Stage, check
from inspector.audit.estimators import correlate, vad
from inspector.audit.material import RATE
from inspector.audit.sound_pairs import GCC, pcm_of
from inspector.core.findings import Status
from inspector.core.model import Modality
from inspector.core.times import NS
from inspector.errors import InspectorError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from inspector.audit.case import Case, Gathered
    from inspector.core.findings import Finding
    from inspector.core.model import Stream

words = check(
    "pairing.swapped_words",
    "A transcript belongs to another record",
    """A transcript of eight words or cues that cannot be placed against its own sound is held against the
    sounds of up to 200 other records, within a second of where it stands. It is at home where it fits
    better than in its own and by a fifth than in every other, and where its cues in 99 other orders do not
    fit as well (p ≤ 0.02). `value` is how much of that fit it reaches at home; tolerance 75 % (ours). There
    is no repair by a time map.""",
    "%",
    (75.0, None),
)

sounds = check(
    "pairing.swapped_sound",
    "A sound belongs to another record",
    """Where two sounds of a record have nothing in common, though in at least half of the records the same
    two do, the second is held against the first of up to 100 other records, by GCC-PHAT over their first
    minute and 10 s of lateness: first those whose own pair has nothing in common either. `value` is the peak
    at home over the peak there, in percent; tolerance 75 % (ours). Impostors reached a peak of 2.65 times the
    next; 4.5 are asked for. There is no repair by a time map.""",
    "%",
    (75.0, None),
)

POOL = 200
SOUND_POOL = 100
SOUND_S, SOUND_SEARCH_S = 60.0, 10.0
SOUND_STANDS_OUT = 4.5
SEARCH_S = 1.0
LEAST_CUES = 8
STANDS_OUT = 1.2
SPREADS = 5.0
"""One in a million of normal chance, which 200 records cannot reach by being many."""


@words.at(Stage.DATASET)
def _swapped(gathered: Gathered) -> Iterator[Finding]:
    rows = [row for row in gathered.pairs() if str(row["method"]).startswith("speech and words")]
    placed = {(row["record_id"], row["stream_b"]) for row in rows if row["status"] == "ok"}
    refused = [row for row in rows if (row["record_id"], row["stream_b"]) not in placed]
    homes: dict[tuple[str, str], tuple[str, float, float]] = {}
    for row in refused:
        if not gathered.asked(row["record_id"]):
            continue
        try:
            case = gathered.case(row["record_id"])
            found = _home(gathered, case, case.record.stream(row["stream_b"]))
        except (InspectorError, KeyError):
            continue
        if found is not None:
            homes[row["record_id"], row["stream_b"]] = found
    for (record_id, stream_id), (home, own, best) in homes.items():
        share = 100 * max(own, 0.0) / best
        low = gathered.facts.limits("pairing.swapped_words")[0] or 75.0
        if share >= low:
            continue
        back = any(key[0] == home and told[0] == record_id for key, told in homes.items())
        yield gathered.facts.finding(
            "pairing.swapped_words",
            record_id,
            streams=(stream_id,),
            value=share,
            status=Status.FAILED,
            confidence=0.98,
            severity=severity(100 - share, (None, 25.0)),
            message=f"{stream_id} fits the sound of {home} (r = {best:.2f}) and not its own (r = {own:.2f})"
            + ("; and the other way round" if back else ""),
        )


def _home(gathered: Gathered, case: Case, text: Stream) -> tuple[str, float, float] | None:
    """Where a transcript is at home, if not here: (record, fit here, fit there)."""
    spans = [
        (cue_.start_ns / NS, cue_.end_ns / NS) for cue in case.cues(text) for cue_ in (cue.words or (cue,))
    ]
    if len(spans) < LEAST_CUES:
        return None
    starts, ends = np.array(spans, np.float64).T
    curves = _curves(gathered)
    own = curves.get(case.record.id)
    if own is None or not own.any():
        return None  # nothing is heard at home: that is another fault
    here = _fit(own, starts, ends)
    scores = sorted(
        ((_fit(curve, starts, ends), name) for name, curve in curves.items() if name != case.record.id),
        reverse=True,
    )
    if not scores or scores[0][0] < STANDS_OUT * max(here, scores[1][0] if len(scores) > 1 else 0.0):
        return None
    best, name = scores[0]
    if best <= 0:
        return None  # it fits nowhere
    null = vad.impostor_fits(curves[name], starts, ends, SEARCH_S)
    # Of many records the best is looked at: a share of 99 impostors says nothing, their spread does.
    if best < float(null.mean()) + SPREADS * float(null.std()):
        return None
    return name, here, best


def _fit(curve: NDArray[np.float64], starts: NDArray[np.float64], ends: NDArray[np.float64]) -> float:
    if not curve.any():
        return 0.0
    return vad.best_fit(curve, starts, ends, SEARCH_S)


def _curves(gathered: Gathered) -> dict[str, NDArray[np.float64]]:
    """How much like speech the first sound of each record of the pool is, every 10 ms."""

    def make() -> dict[str, NDArray[np.float64]]:
        found = {}
        for case in gathered.cases(POOL):
            tracks = case.record.of(Modality.AUDIO)
            sound = case.sound(tracks[0]) if tracks else None
            if sound is not None:
                found[case.record.id] = bands(case, tracks[0], sound)
        return found

    curves: dict[str, NDArray[np.float64]] = gathered.share("/speech of all", make)
    return curves


@sounds.at(Stage.DATASET)
def _swapped_sounds(gathered: Gathered) -> Iterator[Finding]:
    good: dict[tuple[str, str], set[str]] = defaultdict(set)
    strange: dict[tuple[str, str], set[str]] = defaultdict(set)
    for row in gathered.pairs():
        if row["method"] == GCC:
            kind = good if row["status"] == "ok" else strange
            kind[row["stream_a"], row["stream_b"]].add(row["record_id"])
    for (a, b), records in strange.items():
        if len(good[a, b]) < len(records):
            continue  # these two do not record the same, so that nothing is out of place
        pool = [*sorted(records), *sorted(good[a, b])][:SOUND_POOL]
        homes: dict[str, tuple[str, float, float]] = {}
        for record_id in sorted(records):
            if gathered.asked(record_id):
                found = _sound_home(gathered, record_id, a, b, pool)
                if found is not None:
                    homes[record_id] = found
        low = gathered.facts.limits("pairing.swapped_sound")[0] or 75.0
        for record_id, (home, own, best) in homes.items():
            share = 100 * own / best
            if share >= low:
                continue
            back = home in homes and homes[home][0] == record_id
            yield gathered.facts.finding(
                "pairing.swapped_sound",
                record_id,
                streams=(b,),
                value=share,
                status=Status.FAILED,
                confidence=0.98,
                severity=severity(100 - share, (None, 25.0)),
                message=f"{b} fits {a} of {home} (its peak is {best:.1f} times the next) and not its own "
                f"({own:.1f})" + ("; and the other way round" if back else ""),
            )


def _sound_home(
    gathered: Gathered, record_id: str, a: str, b: str, pool: list[str]
) -> tuple[str, float, float] | None:
    """Where a sound is at home, if not here: (record, peak here, peak there)."""
    mine = _minute(gathered, record_id, b)
    if mine is None or not mine.any():
        return None

    def peak(other: str) -> float:
        held = gathered.share(f"/minute/{other}/{a}", lambda: _minute(gathered, other, a))
        if held is None:
            return 0.0
        return correlate.gcc_phat(held.astype(np.float32), mine.astype(np.float32), RATE, SOUND_SEARCH_S)[1]

    own, best, home = peak(record_id), 0.0, ""
    for other in pool:
        if other != record_id and (ratio := peak(other)) > best:
            best, home = ratio, other
            if best > 2 * SOUND_STANDS_OUT:
                break  # no chance reaches that
    return (home, own, best) if best >= max(SOUND_STANDS_OUT, own) else None


def _minute(gathered: Gathered, record_id: str, name: str) -> NDArray[np.int16] | None:
    """The first minute of a sound on the reference timeline; None where it cannot be had."""
    try:
        case = gathered.case(record_id)
        stream = case.record.stream(name)
    except (InspectorError, KeyError):
        return None
    if case.sound(stream) is None:
        return None
    pcm = pcm_of(case, stream)[0][: round(SOUND_S * RATE)]
    found: NDArray[np.int16] = np.rint(pcm * 32767).astype(np.int16)
    return found
