"""What is known of an audit's findings: how many there are, the worst of them, and what was decided on each.

No Qt. `read` runs behind the window; what it gives is shown as it is. Nothing here grows with the findings
beyond the `MOST` that are listed and two numbers a record.
"""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.compute as pc

from inspector.core.findings import Finding, Status
from inspector.ui.panels.findings_model import Item, weight

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from inspector.session import Session

MOST = 5000
OPEN = frozenset({Status.FAILED, Status.SUSPECT})
"""What counts against a record, whatever the list shows."""


@dataclass(slots=True)
class Known:
    """The findings at one moment. `worst` counts by record how many failed and how many are suspect."""

    items: list[Item] = field(default_factory=list)
    counts: Counter[Status] = field(default_factory=Counter)
    worst: dict[str, tuple[int, int]] = field(default_factory=dict)
    left_out: int = 0
    """Findings of the wanted kinds beyond the MOST that are listed."""

    def of(self, record_id: str) -> list[Item]:
        """The listed findings of a record that count against it."""
        return [
            item
            for item in self.items
            if item.finding.record_id == record_id and item.dismissed is None and item.finding.status in OPEN
        ]

    def with_fresh(self, fresh: Iterable[Finding], dismissed: Mapping[str, str]) -> Known:
        """These and what a run has just found; what it says anew takes the place of what it said before.

        `dismissed` are reasons by the findings' keys.
        """
        listed = {item.place: item for item in self.items}
        counts, worst = Counter(self.counts), dict(self.worst)
        for finding in fresh:
            new = Item(finding, dismissed.get(finding.key))
            old = listed.get(new.place)
            if old is not None:
                counts[old.finding.status] -= 1
                _count(worst, old, -1)
            counts[finding.status] += 1
            _count(worst, new, 1)
            if finding.status in OPEN or old is not None or len(listed) < MOST:
                listed[new.place] = new
        items = sorted(listed.values(), key=lambda item: -weight(item.finding))
        return Known(items[:MOST], counts, worst, self.left_out + max(len(items) - MOST, 0))


class Reasons:
    """Why findings were dismissed, by record; read once, and again where an edit touched the record."""

    def __init__(self) -> None:
        self._known: dict[str, dict[str, str]] = {}
        self._lock = threading.Lock()
        self._forgot = 0

    def forget(self, touched: Collection[str] | None) -> None:
        """These records were edited (None: any may have been)."""
        with self._lock:
            self._forgot += 1
            for record_id in list(self._known) if touched is None else touched:
                self._known.pop(record_id, None)

    def of(self, session: Session, record_ids: Collection[str]) -> Mapping[str, Mapping[str, str]]:
        """By record the reasons by the findings' keys; records on which nothing was decided are left out."""
        with self._lock:
            forgot, known = self._forgot, dict(self._known)
        edited = set(session.curation.records())
        for record_id in record_ids:
            if record_id not in known:
                known[record_id] = _reasons(session, record_id) if record_id in edited else {}
        with self._lock:
            if forgot == self._forgot:  # else an edit came while this was read
                self._known = known
        return {record_id: told for record_id in record_ids if (told := known[record_id])}


def _reasons(session: Session, record_id: str) -> dict[str, str]:
    found = {}
    for path, value in session.curation.values(record_id).items():
        kind, *rest = path.split("/")
        told: Any = value.value
        if kind != "findings" or rest[1:] != ["verdict"] or not isinstance(told, dict):
            continue
        if told.get("verdict") == "dismissed":
            found[unquote(rest[0])] = str(told.get("reason") or "no reason given")
    return found


def read(
    session: Session, shown: Collection[Status], before: Mapping[str, Finding], reasons: Reasons
) -> Known:
    """What the store holds: all that is open, the further kinds that are `shown`, and what was mended.

    `before` are the findings, by key, as they were before their fix was accepted.
    """
    from inspector.audit.store import finding_of

    table = session.audited.table("findings")
    if not len(table):
        return Known()
    status = table.column("status")
    counts = Counter({Status(each["values"]): each["counts"] for each in status.value_counts().to_pylist()})
    wanted = pa.array([each.value for each in OPEN.union(shown)])
    mask = pc.is_in(status, value_set=wanted)
    if before:
        mended = pa.array(sorted({each.record_id for each in before.values() if each.record_id}), pa.string())
        mask = pc.or_(mask, pc.fill_null(pc.is_in(table.column("record_id"), value_set=mended), False))
    rows = table.filter(mask)
    sure = pc.fill_null(rows.column("confidence"), 1.0)
    rows = rows.append_column("weight", pc.multiply(rows.column("severity"), sure))
    listed = rows.sort_by([("weight", "descending")]).slice(0, MOST)
    found = [finding_of(row) for row in listed.to_pylist()]
    ids = {each.record_id for each in found if each.record_id is not None}
    dismissed = reasons.of(session, ids)
    kinds = OPEN.union(shown)
    items = []
    for finding in found:
        old = _changed(before.get(finding.key), finding) if before else None
        if finding.status not in kinds and old is None:
            continue
        reasons_of = dismissed.get(finding.record_id or "")
        items.append(Item(finding, reasons_of.get(finding.key) if reasons_of else None, old))
    worst = _worst_of(rows)
    for item in items:
        if item.dismissed is not None and item.finding.record_id in worst:
            failed, suspect = worst[item.finding.record_id]
            failed -= item.finding.status is Status.FAILED
            suspect -= item.finding.status is Status.SUSPECT
            worst[item.finding.record_id] = failed, suspect
    return Known(items, counts, worst, len(rows) - len(listed))


def of_record(session: Session, record_id: str, reasons: Reasons) -> list[Item]:
    """All findings that count against a record, also those that the list has no room for."""
    from inspector.audit.store import finding_of

    table = session.audited.table("findings")
    rows = table.filter(pc.equal(table.column("record_id"), record_id)).to_pylist()
    dismissed = reasons.of(session, {record_id}).get(record_id, {})
    found = [finding_of(row) for row in rows if Status(row["status"]) in OPEN]
    return [Item(each) for each in found if each.key not in dismissed]


def _changed(before: Finding | None, now: Finding) -> Finding | None:
    """What stood there before, where it was mended since; not where the fix was taken back, or where the same
    figure is only judged otherwise."""
    if before is None:
        return None
    if before.value is None or now.value is None:
        return None if before.status is now.status else before
    return None if abs(before.value - now.value) < 1e-6 else before


def _worst_of(rows: pa.Table) -> dict[str, tuple[int, int]]:
    """By record how many of the rows failed and how many are suspect, by groups: there may be millions."""
    some = rows.filter(pc.is_in(rows.column("status"), value_set=pa.array([each.value for each in OPEN])))
    some = some.filter(pc.is_valid(some.column("record_id")))
    grouped = some.group_by(["record_id", "status"]).aggregate([([], "count_all")]).to_pylist()
    told: dict[str, tuple[int, int]] = {}
    for row in grouped:
        failed, suspect = told.get(row["record_id"], (0, 0))
        count = row["count_all"]
        is_failed = row["status"] == Status.FAILED.value
        told[row["record_id"]] = (failed + count, suspect) if is_failed else (failed, suspect + count)
    return told


def _count(worst: dict[str, tuple[int, int]], item: Item, by: int) -> None:
    """Add what counts against its record, or take it off."""
    finding = item.finding
    if finding.record_id is None or finding.status not in OPEN or item.dismissed is not None:
        return
    failed, suspect = worst.get(finding.record_id, (0, 0))
    is_failed = finding.status is Status.FAILED
    worst[finding.record_id] = (failed + by * is_failed, suspect + by * (not is_failed))
    if worst[finding.record_id] == (0, 0):
        del worst[finding.record_id]


class Since(NamedTuple):
    """What edits since a time, by whom and how ever (also by undo), mean for findings."""

    moved: frozenset[str]
    """The records whose streams got other time maps, sources or words."""
    decided: bool
    """Whether findings were dismissed or counted again."""
    newest_ns: int
    """When the newest edit was made."""


def edits_since(session: Session, since_ns: int) -> Since:
    """Go through all of them, newest first."""
    moved: set[str] = set()
    decided, newest = False, since_ns
    for past in session.curation.past():
        if past.edit.at <= since_ns:
            break
        newest = max(newest, past.edit.at)
        for each in past.edit.changes:
            decided = decided or each.path.startswith("findings/")
            if each.path.startswith("streams/"):
                moved.add(each.record_id)
    return Since(frozenset(moved), decided, newest)
