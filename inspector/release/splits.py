"""Which side of a split each record goes to, so that nothing of one side is on another, now or ever.

Records of one group (a session, a speaker) go together, and so do records that hold the same: equal files,
films and sounds that were packed anew, cut or overlap, sounds that were encoded anew. Sides are remembered in
the workspace: what was on one stays there in every later release, and what belongs to it follows. A side that
is locked takes nothing in any more.

    group=speaker,train=0.8,val=0.1,test=0.1     sides and their shares; records of one speaker go together
    …,stratify=emotion                           each side with about as much of each value
    …,lock=test                                  the test set is as it is from now on
    …,near=off                                   do not look for records that hold the same
    file=sides.csv                               sides as listed in a CSV, JSON or Parquet (record_id, split)
    split                                        the column's values are the sides
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inspector.errors import InspectorError
from inspector.release.alike import near_pairs
from inspector.release.listed import read_list
from inspector.release.sides import Side, Sides

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from inspector.release.plan import Opened

NO_SPLIT = "data"
"""The folder of records that belong to no split."""
_KEYS = ("group", "stratify", "lock", "near", "file")


@dataclass(frozen=True, slots=True)
class Spec:
    """What somebody asked for. Shares add up to 1."""

    column: str | None = None
    shares: Mapping[str, float] = field(default_factory=dict)
    group: str | None = None
    stratify: str | None = None
    lock: tuple[str, ...] = ()
    near: bool = True
    file: str | None = None


def parse(text: str) -> Spec:
    """The spec of such a text. InspectorError where it is none."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if len(parts) == 1 and "=" not in parts[0]:
        return Spec(column=parts[0])
    told: dict[str, str] = {}
    shares: dict[str, float] = {}
    lock: list[str] = []
    for part in parts:
        name, sign, value = (each.strip() for each in part.partition("="))
        if not sign or not value:
            raise InspectorError(
                "The split is not understood", repr(part), "Such as group=speaker,train=0.9,test=0.1"
            )
        if name == "lock":
            lock.append(value)
        elif name in _KEYS:
            told[name] = value
        else:
            try:
                shares[name] = float(value)
            except ValueError:
                raise InspectorError("A share is a number", repr(part), "Such as train=0.8") from None
    if any(not 0 < share <= 1e9 for share in shares.values()):
        raise InspectorError("A share is more than 0", text, "Leave out sides that are to stay empty")
    if not shares and "file" not in told:
        raise InspectorError("The split names no sides", text, "Such as train=0.8,test=0.2")
    if told.get("near", "on") not in ("on", "off"):
        raise InspectorError("near is on or off", text, "Leave it out for on")
    total = sum(shares.values())
    return Spec(
        None,
        {name: share / total for name, share in shares.items()},
        told.get("group"),
        told.get("stratify"),
        tuple(lock),
        told.get("near", "on") == "on",
        told.get("file"),
    )


@dataclass(slots=True)
class Assigned:
    """Each record's side (None: it is left out), why some are left out, what is to be told and remembered."""

    splits: list[str | None]
    left_out: Counter[str] = field(default_factory=Counter)
    told: list[str] = field(default_factory=list)
    sides: list[Side] = field(default_factory=list)
    locked: tuple[str, ...] = ()


def assign(
    session: Opened,
    ids: Sequence[str],
    text: str | None,
    seed: int,
    before: Sides,
    told: Callable[[int], None] | None = None,
) -> Assigned:
    """The sides of these records by a spec (None: no sides). `before` is what earlier releases have.

    `told` hears how many records were looked into, and may raise Cancelled. InspectorError for a spec or a
    column that is none, and for a file that would move a record.
    """
    if text is None or text == "none":
        return Assigned([NO_SPLIT] * len(ids))
    spec = parse(text)
    if spec.column is not None:
        return _by_column(session, ids, spec.column, before)
    groups = _column(session, ids, spec.group, "group")
    contents = [_content(session, each) for each in ids]
    present = {_content(session, each) for each in session.record_ids()} if before.sides else set()
    known = [before.of(each, content, present) for each, content in zip(ids, contents, strict=True)]
    holders = dict(zip(contents, ids, strict=True))
    pairs = near_pairs(session, holders, before, told) if spec.near else []
    clusters = _clusters(groups, contents, pairs)
    locked = tuple(sorted({*before.locked, *spec.lock}))
    found = Assigned([side.split if side else None for side in known], locked=locked)
    for cluster in clusters:
        # What is gone from the dataset still keeps what holds the same on its side.
        sides = [before.sides[name].split for name in cluster.earlier if name in before.sides]
        sides += [split for row in cluster.rows if (split := found.splits[row]) is not None]
        cluster.sides = Counter(sides)
        if len(cluster.sides) > 1:
            names = ", ".join(ids[row] for row in cluster.rows[:3])
            found.told.append(
                f"on several sides since an earlier release, though they belong together: {names} "
                f"({', '.join(sorted(cluster.sides))})"
            )
    if spec.file is not None:
        _by_file(Path(spec.file), ids, known, found)
        _leaks(ids, clusters, found)
    else:
        strata = _column(session, ids, spec.stratify, "stratify")
        _fill(clusters, strata, found, spec, before.locked, seed, ids)
    for row, split in enumerate(found.splits):
        if split is not None:
            group = None if groups[row] is None else str(groups[row])
            found.sides.append(Side(ids[row], split, contents[row], group))
    return found


def _content(session: Opened, record_id: str) -> str:
    return session.desk.present(record_id) or f"id {record_id}"


# -- clusters ----------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Cluster:
    """Rows that must be on one side; `earlier` are contents of earlier releases that belong to them."""

    rows: list[int]
    earlier: list[str]
    sides: Counter[str] = field(default_factory=Counter)


def _clusters(
    groups: Sequence[Any], contents: Sequence[str], pairs: Iterable[tuple[str, str]]
) -> list[_Cluster]:
    leader: dict[Any, Any] = {}

    def find(each: Any) -> Any:
        leader.setdefault(each, each)
        while leader[each] != each:
            leader[each] = leader[leader[each]]
            each = leader[each]
        return each

    for group, content in zip(groups, contents, strict=True):
        if group is None:
            find(("content", content))
        else:
            leader[find(("content", content))] = find(("group", group))
    for one, other in pairs:
        leader[find(("content", one))] = find(("content", other))
    rows: dict[Any, list[int]] = defaultdict(list)
    earlier: dict[Any, list[str]] = defaultdict(list)
    for row, content in enumerate(contents):
        rows[find(("content", content))].append(row)
    for kind, content in {*leader} - {("content", each) for each in contents}:
        if kind == "content":
            earlier[find((kind, content))].append(content)
    return [_Cluster(found, earlier.get(key, [])) for key, found in rows.items()]


def _column(session: Opened, ids: Sequence[str], column: str | None, what: str) -> list[Any]:
    if column is None:
        return [None] * len(ids)
    if column not in session.index.column_names:
        known = ", ".join(
            name for name in session.index.column_names if name not in ("record_id", "modalities")
        )
        raise InspectorError(f"There is no column to {what} by", column, f"There is {known}" if known else "")
    values = session.index.column(column).to_pylist()
    return [None if (value := values[session.row_of(each)]) in (None, "") else value for each in ids]


# -- sides -------------------------------------------------------------------------------------------------


def _fill(
    clusters: list[_Cluster],
    strata: Sequence[Any],
    found: Assigned,
    spec: Spec,
    locked: Sequence[str],
    seed: int,
    ids: Sequence[str],
) -> None:
    """Give each cluster that has no side yet the one that lacks most of what is in it.

    The largest first, so that small ones even things out; among equals a hash of seed and names decides, so
    that no record's side depends on the order of the dataset.
    """
    total: Counter[str] = Counter(repr(each) for each in strata)
    have: dict[str, Counter[str]] = defaultdict(Counter)
    for row, split in enumerate(found.splits):
        if split is not None:
            have[split][repr(strata[row])] += 1
    open_sides = [name for name in spec.shares if name not in locked]
    if not open_sides:
        raise InspectorError("All sides are locked", ", ".join(locked), "Name one more side for new records")

    def order(cluster: _Cluster) -> tuple[int, str]:
        names = "\n".join(sorted(ids[row] for row in cluster.rows))
        return -len(cluster.rows), hashlib.blake2b(f"{seed}\n{names}".encode("utf-8", "replace")).hexdigest()

    for cluster in sorted(clusters, key=order):
        free = [row for row in cluster.rows if found.splits[row] is None]
        if not free:
            continue
        counts = Counter(repr(strata[row]) for row in free)
        if cluster.sides:
            side = max(sorted(cluster.sides), key=lambda each: (each not in locked, cluster.sides[each]))
            if side in locked:
                found.left_out[f"belongs to {side}, which is locked"] += len(free)
                continue
        else:
            side = max(
                open_sides,
                key=lambda name: sum(
                    count * (spec.shares[name] * total[value] - have[name][value])
                    for value, count in counts.items()
                ),
            )
        have[side].update(counts)
        for row in free:
            found.splits[row] = side


def _by_file(path: Path, ids: Sequence[str], known: Sequence[Side | None], found: Assigned) -> None:
    listed = {str(row["record_id"]): row["split"] for row in read_list(path, ("record_id", "split"))}
    moved = []
    for row, record_id in enumerate(ids):
        value = listed.get(record_id)
        split = NO_SPLIT if value in (None, "") else str(value)
        side = known[row]
        if side is not None and side.split != split and value is not None:
            moved.append(f"{record_id} from {side.split} to {split}")
        if side is None:
            found.splits[row] = split
    if moved:
        raise InspectorError(
            "The list moves records to another side",
            f"{path}: {len(moved)} of them: {'; '.join(moved[:3])}",
            "What was on one side of a release stays there: correct the list",
        )


def _leaks(ids: Sequence[str], clusters: Iterable[_Cluster], found: Assigned) -> None:
    for cluster in clusters:
        sides = {split for row in cluster.rows if (split := found.splits[row])} - {NO_SPLIT}
        if len(sides) > 1 and len(cluster.sides) < 2:
            names = ", ".join(ids[row] for row in cluster.rows[:3])
            found.told.append(
                f"on several sides, though they belong together: {names} ({', '.join(sorted(sides))})"
            )


def _by_column(session: Opened, ids: Sequence[str], column: str, before: Sides) -> Assigned:
    """The column's values, as they are; what was elsewhere before is told."""
    if column not in session.index.column_names:
        return Assigned([NO_SPLIT] * len(ids))
    values = _column(session, ids, column, "split")
    found = Assigned([NO_SPLIT if each is None else str(each) for each in values], locked=before.locked)
    moved = 0
    for row, record_id in enumerate(ids):
        split = found.splits[row]
        content = _content(session, record_id)
        side = before.of(record_id, content, ())
        moved += side is not None and side.split != split
        if split != NO_SPLIT and split is not None:
            found.sides.append(Side(record_id, split, content, None))
    if moved:
        found.told.append(f"{moved} records are on another side than in an earlier release: {column} says so")
    return found
