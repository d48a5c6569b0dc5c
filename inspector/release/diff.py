"""What changed from one release to another, for those who train on it: records, streams, labels, splits.

Two releases with one root hold the same, and nothing more is read. Else records are compared by their roots,
those that differ stream by stream: a file with other bytes is compared with the old one piece by piece
(release.compare), and what counts as a change of timing is where a moment lies on the record's timeline, so a
fix that went from a time map into the file is none.
"""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from inspector.core import manifest
from inspector.core.effective import timemap_from
from inspector.core.manifest_rows import Rows
from inspector.core.prints import LEVELS
from inspector.core.timemap import IDENTITY
from inspector.core.times import NS
from inspector.errors import InspectorError
from inspector.readers.release import ReleaseDataset
from inspector.release.compare import NEAR_NS, UNCHANGED, WORDS, Kind, Verdict, compare, unknown
from inspector.release.hashes import hashes_of
from inspector.release.names import LEFT_OUT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from inspector.core.timemap import TimeMap
    from inspector.media.prints import Printer

LABELS, METADATA, SPLIT, RENAMED = "labels", "metadata", "split", "renamed"
ADDED, REMOVED = "added", "removed"


@dataclass(frozen=True, slots=True)
class StreamDiff:
    """A stream that is not what it was. `kind` is added, removed, or one of `Kind`'s values.

    `late_ms` is how much later its moments lie on the record's timeline than before, None where not known.
    """

    stream_id: str
    modality: str
    device: str
    kind: str
    words: str
    late_ms: float | None = None


@dataclass(frozen=True, slots=True)
class RecordDiff:
    """A record that is in both releases and not the same. `was` is its id in the first one.

    `labels` counts those added, removed and changed; `columns` names those of the dataset's own with other
    values; `split` is before and after where the record moved.
    """

    record_id: str
    was: str
    streams: tuple[StreamDiff, ...] = ()
    labels: tuple[int, int, int] = (0, 0, 0)
    columns: tuple[str, ...] = ()
    split: tuple[str, str] | None = None

    @property
    def kinds(self) -> tuple[str, ...]:
        """Every kind of change in it, each once."""
        found = dict.fromkeys(each.kind for each in self.streams)
        if any(self.labels):
            found[LABELS] = None
        if self.columns:
            found[METADATA] = None
        if self.split is not None:
            found[SPLIT] = None
        if self.was != self.record_id:
            found[RENAMED] = None
        return tuple(found)

    @property
    def words(self) -> str:
        """In a line."""
        told = [f"{each.stream_id}: {each.words}" for each in self.streams]
        if any(self.labels):
            names = ("added", "removed", "changed")
            counts = [f"{n} {word}" for n, word in zip(self.labels, names, strict=True) if n]
            told.append(f"labels {', '.join(counts)}")
        if self.columns:
            told.append(f"other values of {', '.join(self.columns)}")
        if self.split is not None:
            told.append(f"moved from {self.split[0]} to {self.split[1]}")
        return "; ".join([*([f"was {self.was}"] if self.was != self.record_id else []), *told])


@dataclass(slots=True)
class Totals:
    """What a release holds in all. `labels` counts by tier and label, the others by split or modality."""

    name: str
    root: str
    records: int = 0
    hours: float = 0.0
    bytes: int = 0
    splits: Counter[str] = field(default_factory=Counter)
    streams: Counter[str] = field(default_factory=Counter)
    labels: Counter[tuple[str, str]] = field(default_factory=Counter)


@dataclass(slots=True)
class Diff:
    """Everything. `removed` gives each id with the reason that it is gone."""

    a: Totals
    b: Totals
    added: tuple[str, ...] = ()
    removed: tuple[tuple[str, str], ...] = ()
    changed: tuple[RecordDiff, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def same(self) -> bool:
        """Whether both hold the same."""
        return not (self.added or self.removed or self.changed) and self.a.root == self.b.root

    def by_modality(self) -> dict[str, dict[str, int]]:
        """How many records have a change of each kind in a stream of each modality."""
        found: dict[str, Counter[str]] = defaultdict(Counter)
        for each in self.changed:
            for modality, kind in {(stream.modality, stream.kind) for stream in each.streams}:
                found[modality][kind] += 1
        return {modality: dict(counts) for modality, counts in sorted(found.items())}

    def by_kind(self) -> dict[str, int]:
        """How many records have a change of each kind."""
        return dict(Counter(kind for each in self.changed for kind in each.kinds))

    def by_device(self) -> dict[str, tuple[int, float, float, float]]:
        """Changes of timing: streams of each device; median, least and greatest in ms, later positive."""
        found: dict[str, list[float]] = defaultdict(list)
        for each in self.changed:
            for stream in each.streams:
                if stream.late_ms is not None and abs(stream.late_ms) > NEAR_NS / 1e6:
                    found[stream.device or "no device named"].append(stream.late_ms)
        return {
            device: (len(late), statistics.median(late), min(late), max(late))
            for device, late in sorted(found.items())
        }

    def moves(self) -> dict[tuple[str, str], list[str]]:
        """Records by the splits between which they moved."""
        found: dict[tuple[str, str], list[str]] = defaultdict(list)
        for each in self.changed:
            if each.split is not None:
                found[each.split].append(each.record_id)
        return dict(found)


class _Side:
    """One release, its tables read."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.card = manifest.read_card(root)
        self.dataset = ReleaseDataset(root)
        self._values = Rows(root)
        records = self._values.table(["record_id", "split", "root", "made_from"]).to_pylist()
        try:
            assets = pq.read_table(
                manifest.table_path(root, "assets"), columns=["path", "sha256"]
            ).to_pylist()
            index = pq.read_table(manifest.table_path(root, "index"))
        except (OSError, pa.ArrowException) as error:
            raise manifest.unreadable(root, error) from None
        self.rows = {row["record_id"]: row for row in records}
        self.sha256 = {row["path"]: row["sha256"] for row in assets}
        left = [name for name in index.column_names if name not in ("modalities", "split")]
        self.columns = {row.pop("record_id"): row for row in index.select(left).to_pylist()}
        self.left_out = self._left_out()
        self.hashes = hashes_of(root)
        self.totals = self._totals()

    def value(self, record_id: str) -> dict[str, Any]:
        """A record as the manifest has it. InspectorError where it holds none."""
        return self._values.value(record_id)

    def _left_out(self) -> dict[str, str]:
        try:
            rows = pq.read_table(self.root / LEFT_OUT).to_pylist()
            return {row["record_id"]: row["reason"] for row in rows}
        except (OSError, pa.ArrowException, KeyError):
            return {}

    def _totals(self) -> Totals:
        made = Totals(self.card.name, self.card.root, len(self.rows), bytes=self.card.bytes)
        for record_id, row in self.rows.items():
            made.splits[row["split"] or ""] += 1
            value = self.value(record_id)
            start, end = manifest.record_from(value, partial(manifest.inside, self.root)).span
            made.hours += (end - start) / NS / 3600
            made.streams.update(each["modality"] for each in value["streams"])
            made.labels.update((each["tier"], each["label"]) for each in value["annotations"].values())
        return made


def diff(a: Path, b: Path, told: Callable[[int], None] | None = None) -> Diff:
    """What changed from the release at `a` to that at `b`. `told` hears how many records were compared.

    InspectorError where one of them is no release, or its manifest cannot be read.
    """
    from inspector.media.prints import Printer

    first, second = _Side(a), _Side(b)
    made = Diff(first.totals, second.totals)
    pairs = _pairs(first, second)
    if first.card.root == second.card.root and all(
        first.rows[was]["split"] == second.rows[now]["split"] for now, was in pairs.items()
    ):
        return made
    changed: list[RecordDiff] = []
    problems: list[str] = []
    with Printer() as printer:
        comparing = _Comparing(first, second, printer, problems)
        for number, (now, was) in enumerate(pairs.items()):
            if told is not None:
                told(number)
            found = comparing.record(was, now)
            if found is not None:
                changed.append(found)
    known = set(pairs.values())
    gone = [each for each in first.rows if each not in known]
    made.added = tuple(each for each in second.rows if each not in pairs)
    made.removed = tuple((each, _why(each, second)) for each in gone)
    made.changed = tuple(changed)
    made.problems = tuple(problems)
    return made


def _pairs(first: _Side, second: _Side) -> dict[str, str]:
    """The first release's id of each record of the second that is in both, by name or else by content."""
    pairs = {each: each for each in second.rows if each in first.rows}
    left_a = {k: row["made_from"] for k, row in first.rows.items() if k not in pairs and row["made_from"]}
    left_b = {k: row["made_from"] for k, row in second.rows.items() if k not in pairs and row["made_from"]}
    counts_a, counts_b = Counter(left_a.values()), Counter(left_b.values())
    names = {content: each for each, content in left_a.items()}
    for now, content in left_b.items():
        if counts_a[content] == counts_b[content] == 1:
            pairs[now] = names[content]
    return {each: pairs[each] for each in second.rows if each in pairs}


def _why(record_id: str, second: _Side) -> str:
    """Why a record is not in the second release, as far as that says so."""
    told = second.left_out.get(record_id)
    if told is not None:
        return told
    if second.left_out:
        return "it is not in the dataset that the release was made of"
    return "the release does not say"


class _Comparing:
    """Records of two releases, one by one."""

    def __init__(self, first: _Side, second: _Side, printer: Printer, problems: list[str]) -> None:
        self._a = first
        self._b = second
        self._printer = printer
        self._problems = problems

    def record(self, was: str, now: str) -> RecordDiff | None:
        """What changed in a record; None for nothing."""
        old, new = self._a.rows[was], self._b.rows[now]
        index = {"split", *self._a.columns.get(was, {}), *self._b.columns.get(now, {})}
        columns = _unlike(self._a.columns.get(was, {}), self._b.columns.get(now, {}))
        split = (old["split"] or "", new["split"] or "")
        moved = split if split[0] != split[1] else None
        streams: tuple[StreamDiff, ...] = ()
        labels = (0, 0, 0)
        if old["root"] != new["root"]:
            value_a, value_b = self._a.value(was), self._b.value(now)
            streams = tuple(self._streams(was, now, value_a, value_b))
            before, after = value_a["annotations"], value_b["annotations"]
            both = before.keys() & after.keys()
            labels = (
                len(after.keys() - before.keys()),
                len(before.keys() - after.keys()),
                sum(before[each] != after[each] for each in both),
            )
            names = [each for each in ("coverage", "reference") if value_a[each] != value_b[each]]
            rest = [{k: v for k, v in each["meta"].items() if k not in index} for each in (value_a, value_b)]
            columns += (*(f"the record’s {each}" for each in names), *_unlike(*rest))
        found = RecordDiff(now, was, streams, labels, columns, moved)
        return found if found.kinds else None

    def _streams(
        self, was: str, now: str, old: Mapping[str, Any], new: Mapping[str, Any]
    ) -> Sequence[StreamDiff]:
        before = {each["id"]: each for each in old["streams"]}
        after = {each["id"]: each for each in new["streams"]}
        found = []
        for id_, stream in before.items():
            if id_ not in after:
                found.append(_stream(stream, REMOVED, "it is gone"))
        for id_, stream in after.items():
            if id_ not in before:
                found.append(_stream(stream, ADDED, "it is new"))
                continue
            one = self._stream(was, now, before[id_], stream)
            if one is not None:
                found.append(one)
        return found

    def _stream(
        self, was: str, now: str, old: Mapping[str, Any], new: Mapping[str, Any]
    ) -> StreamDiff | None:
        verdict = self._verdict(was, now, old, new)
        if verdict.kind in (Kind.CONTENT, Kind.UNKNOWN):
            return _stream(new, verdict.kind.value, verdict.words)
        late = _late_ns(old, new, verdict.delta or IDENTITY)
        if abs(late) > NEAR_NS:
            way = "later" if late > 0 else "earlier"
            words = f"its moments lie {abs(late) / 1e6:,.1f} ms {way}"
            if not verdict.whole:
                words = f"{words}; {verdict.words.partition(', ')[2] or verdict.words}"
            return _stream(new, Kind.TIMING.value, words, late / 1e6)
        if not verdict.whole:
            return _stream(new, Kind.TIMING.value, verdict.words)
        if verdict.kind is Kind.SAME:
            # A clock's id is the path of a file: that it is another says nothing.
            apart = ("source", "timemap", "clock")
            plain = [{k: v for k, v in each.items() if k not in apart} for each in (old, new)]
            for each in plain:
                each["meta"] = {k: v for k, v in each["meta"].items() if k != "baked"}
            return None if plain[0] == plain[1] else _stream(new, METADATA, "what is said of it")
        return _stream(new, Kind.BYTES.value, WORDS[Kind.BYTES])

    def _verdict(self, was: str, now: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Verdict:
        part_a, part_b = ({**each["source"], "path": ""} for each in (old, new))
        digests = self._a.sha256.get(old["source"]["path"]), self._b.sha256.get(new["source"]["path"])
        if digests[0] is not None and digests[0] == digests[1] and part_a == part_b:
            return UNCHANGED
        noted = self._a.hashes.get((was, old["id"])), self._b.hashes.get((now, new["id"]))
        if (
            noted[0]
            and noted[1]
            and all(noted[0][each] == noted[1][each] for each in ("level", "content", "times"))
        ):
            return Verdict(Kind.BYTES, WORDS[Kind.BYTES], IDENTITY)
        try:
            first = self._a.dataset.load(was).stream(old["id"])
            second = self._b.dataset.load(now).stream(new["id"])
        except KeyError:
            return unknown("its file cannot be opened in one of the releases")
        found: Verdict | None = None
        for level in LEVELS:
            try:
                found = compare(self._printer.make(first, level), self._printer.make(second, level))
            except InspectorError as error:
                self._problems.append(f"{now}: {new['id']}: {error}")
                return unknown("it cannot be read")
            if found.kind is not Kind.CONTENT:
                break
        assert found is not None
        return found


def _stream(value: Mapping[str, Any], kind: str, words: str, late_ms: float | None = None) -> StreamDiff:
    return StreamDiff(value["id"], value["modality"], value.get("device") or "", kind, words, late_ms)


def _late_ns(old: Mapping[str, Any], new: Mapping[str, Any], delta: TimeMap) -> int:
    """How much later the stream's moments lie on the timeline: where it is most, at its ends."""
    before, after = timemap_from(old["timemap"]), timemap_from(new["timemap"])
    moved = [
        after.to_reference(delta.to_reference(at)) - before.to_reference(at) for at in (old["span"] or (0, 0))
    ]
    return max(moved, key=abs)


def _unlike(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[str, ...]:
    names = dict.fromkeys((*old, *new))
    return tuple(each for each in names if str(old.get(each)) != str(new.get(each)))
