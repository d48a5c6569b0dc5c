"""Review batches: records dealt to authors, some of them to two who do not see each other's verdict.

A batch stands in the journal under the dataset itself, its verdicts are the flags that its authors gave; what
it came to is a sentence with its interval.
"""

from __future__ import annotations

import math
import random
import secrets
from dataclasses import dataclass, field
from itertools import combinations
from typing import TYPE_CHECKING, Any

from inspector.core.places import part
from inspector.errors import InspectorError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from inspector.core.standing import Flag
    from inspector.core.state import Value

MOST = 100_000
"""Records of a batch: it is one line of the journal."""
NO_FAULT = frozenset({"ok"})
UNDECIDED = frozenset({"needs_review"})


@dataclass(frozen=True, slots=True)
class Batch:
    """`parts` holds each author's records, `blind` those that two authors got.

    `drawn_from` is how many records it was drawn at random from, None where every record asked for is in it;
    `at` when it was dealt, by the journal (ns).
    """

    id: str
    name: str
    parts: Mapping[str, Sequence[str]]
    blind: frozenset[str] = frozenset()
    where: str = ""
    seed: int | None = None
    drawn_from: int | None = None
    at: int = -1

    @property
    def records(self) -> list[str]:
        """Each once, in the order in which they were dealt."""
        return list(dict.fromkeys(record for part_ in self.parts.values() for record in part_))

    def value(self) -> dict[str, Any]:
        """As the journal keeps it."""
        return {
            "name": self.name,
            "parts": {author: list(records) for author, records in self.parts.items()},
            "blind": sorted(self.blind),
            "where": self.where,
            "seed": self.seed,
            "drawn_from": self.drawn_from,
        }


def batch_path(batch_id: str) -> str:
    """Where a batch stands, under `edits.DATASET`."""
    return f"batches/{part(batch_id)}"


def batches_of(values: Mapping[str, Value]) -> list[Batch]:
    """The batches among what stands for the dataset, the newest first; what is none is left out."""
    found = []
    for path, value in values.items():
        if path.startswith("batches/") and path.count("/") == 1:
            try:
                found.append(_batch_from(path.partition("/")[2], value))
            except (KeyError, TypeError, AttributeError):
                continue
    return sorted(found, key=lambda batch: -batch.at)


def _batch_from(batch_id: str, stands: Value) -> Batch:
    value = stands.value
    parts = {str(author): tuple(map(str, records)) for author, records in value["parts"].items()}
    seed, drawn = value.get("seed"), value.get("drawn_from")
    return Batch(
        batch_id,
        str(value["name"]),
        parts,
        frozenset(map(str, value.get("blind", ()))),
        str(value.get("where", "")),
        seed if isinstance(seed, int) else None,
        drawn if isinstance(drawn, int) else None,
        stands.first_at,
    )


def dealt(
    name: str,
    record_ids: Sequence[str],
    authors: Sequence[str],
    *,
    sample: int | None = None,
    seed: int = 0,
    share: float = 0.0,
    where: str = "",
) -> Batch:
    """A new batch: `sample` of the records drawn at random (all where None), dealt in turn to the authors.

    `share` of them go to two authors each, blind. The same seed on the same records gives the same batch.
    InspectorError where there is nobody, nothing, or too much to deal.
    """
    ids, people = list(dict.fromkeys(record_ids)), list(dict.fromkeys(authors))
    if not name.strip() or not people:
        raise InspectorError("A batch needs a name and an author", name, "Name one with --assign")
    if not 0 <= share <= 1 or (share and len(people) < 2):
        raise InspectorError("A share is given to two", f"{share:g}", "From 0 to 1, with two authors or more")
    if not ids:
        raise InspectorError("There is no record to review", where, "Ask for others")
    drawn_from = None
    draw = random.Random(seed)
    if sample is not None and sample < 1:
        raise InspectorError("A sample has at least one record", str(sample))
    if sample is not None and sample < len(ids):
        drawn_from = len(ids)
        ids = draw.sample(ids, sample)
    elif len(people) > 1:
        draw.shuffle(ids)
    if len(ids) > MOST:
        raise InspectorError("That is too much for one batch", f"{len(ids)} records", f"At most {MOST}")
    parts: dict[str, list[str]] = {person: [] for person in people}
    twice = round(share * len(ids))
    pairs = list(combinations(people, 2))
    for place, record in enumerate(ids):
        for person in pairs[place % len(pairs)] if place < twice else (people[place % len(people)],):
            parts[person].append(record)
    for mine in parts.values() if twice else ():
        draw.shuffle(mine)  # nobody can tell which ones somebody else has, too
    seeded = seed if drawn_from is not None or len(people) > 1 else None
    return Batch(secrets.token_hex(6), name.strip(), parts, frozenset(ids[:twice]), where, seeded, drawn_from)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a batch came to so far. `apart` are blind records whose two verdicts differ."""

    records: int
    reviewed: int
    faulty: tuple[str, ...] = ()
    undecided: tuple[str, ...] = ()
    apart: tuple[str, ...] = ()
    twice: int = 0
    """Blind records with both verdicts."""
    left: Mapping[str, int] = field(default_factory=dict)
    sampled: int | None = None

    @property
    def sentence(self) -> str:
        """`0 of 60 faulty: at most 4.9 % at 95 %`; no interval where nothing was drawn at random."""
        n, k = self.reviewed, len(self.faulty)
        if not n:
            return f"none of {self.records} reviewed yet"
        text = f"{k} of {n} faulty"
        if self.sampled is not None:
            text += f": {interval_text(k, n)}"
        if self.records > n:
            text += f"; {self.records - n} left"
        if self.twice:
            text += f"; two agree on {self.twice - len(self.apart)} of {self.twice} seen by both"
        return text


def outcome(batch: Batch, flags: Iterable[Flag]) -> Outcome:
    """What its authors' own flags say that they gave since it was dealt. A record given to two is faulty
    where either says so; one that both have to see counts as reviewed once both did.
    """
    said: dict[tuple[str, str], str] = {
        (each.record_id, each.author): each.flag for each in flags if each.at > batch.at
    }
    of_record: dict[str, list[str]] = {}
    for author, records in batch.parts.items():
        for record in records:
            of_record.setdefault(record, []).append(author)
    faulty, undecided, apart, reviewed, twice = [], [], [], 0, 0
    for record, authors in of_record.items():
        verdicts = [said[record, author] for author in authors if (record, author) in said]
        if len(verdicts) < len(authors):
            continue
        reviewed += 1
        bad = [flag not in NO_FAULT and flag not in UNDECIDED for flag in verdicts]
        if len(authors) > 1:
            twice += 1
            if len(set(verdicts)) > 1:
                apart.append(record)
        if any(bad):
            faulty.append(record)
        elif any(flag in UNDECIDED for flag in verdicts):
            undecided.append(record)
    left = {
        author: sum((record, author) not in said for record in records)
        for author, records in batch.parts.items()
    }
    return Outcome(
        len(of_record), reviewed, tuple(faulty), tuple(undecided), tuple(apart), twice, left, batch.drawn_from
    )


def clopper_pearson(k: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """The exact interval of a share of which k in n were seen.

    After Clopper and Pearson (1934), The use of confidence or fiducial limits, Biometrika 26: 404–413.
    Where none or all were seen there is only one bound to miss, and all of 1 − level goes there.
    """
    if not 0 <= k <= n or n < 1:
        raise ValueError((k, n))
    tail = (1 - level) / (1 if k in (0, n) else 2)
    low = 0.0 if k == 0 else _root(lambda p: 1 - _at_most(k - 1, n, p) - tail)
    high = 1.0 if k == n else _root(lambda p: tail - _at_most(k, n, p))
    return low, high


def _at_most(k: int, n: int, p: float) -> float:
    """The chance of at most k in n."""
    if p <= 0 or p >= 1:
        return 1.0 if p <= 0 or k >= n else 0.0
    top = math.lgamma(n + 1)
    terms = (
        top - math.lgamma(i + 1) - math.lgamma(n - i + 1) + i * math.log(p) + (n - i) * math.log1p(-p)
        for i in range(k + 1)
    )
    return min(1.0, math.fsum(math.exp(term) for term in terms))


def _root(rising: Any) -> float:
    """Where a rising function of a share crosses 0."""
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if rising(middle) > 0 else (middle, high)
    return (low + high) / 2


def interval_text(k: int, n: int) -> str:
    """`at most 4.9 % at 95 %`."""
    low, high = clopper_pearson(k, n)
    if k == 0:
        return f"at most {100 * high:.1f} % at 95 %"
    if k == n:
        return f"at least {100 * low:.1f} % at 95 %"
    return f"{100 * low:.1f} to {100 * high:.1f} % at 95 %"
